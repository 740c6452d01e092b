//! The standard columns of a source: where `columns` says, in a record, or under their own names.

use super::arguments::Arguments;
use super::column_sql::{Expression, event_column, is_key, json, known_keys, of_column, oid_of, resolve};
use super::lent::Lent;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::{literal, quoted};
use crate::pg::time::looks_like_a_time;
use crate::source::{Source, type_name};
use pgrx::pg_sys;

/// The standard columns of a source, as SQL over the source (named `s`) and the record parsed from it (named `r`).
pub struct StandardColumns<'a> {
    source: &'a Source,
    given: Vec<(&'a str, Expression)>,
    /// The record as SQL over the source.
    record: Option<Record>,
}

/// The column that contains whole records.
struct Record {
    /// As SQL over the source: a record as jsonb, or a document as jsonb or text.
    sql: String,
    /// The record as text, if the source stores text.
    text: Option<String>,
    /// Whether each value is a document, which may hold several records.
    is_document: bool,
}

/// How a query for records applies the caller's condition: as a filter, or as a column that says whether a row
/// satisfies it.
struct RowCondition<'c> {
    filter: Option<&'c str>,
    column: Option<String>,
}

impl RowCondition<'_> {
    /// Returns the WHERE clause, or an empty text if the condition is not a filter. Only the lines that this function
    /// adds are indented, because the caller's text may have line breaks within literals and names.
    fn where_clause(&self, indent: &str) -> String {
        let clause = |text| format!("\n{indent}WHERE (\n{indent}{text}\n{indent})");
        self.filter.map(clause).unwrap_or_default()
    }
}

/// The name of the column that says whether a row satisfies the condition.
const SATISFIES: &str = "travel_satisfies";

impl Record {
    /// The column that the key `record` or `document` gives. A value that is not JSON must not end the query.
    fn of(key: &str, expression: Expression) -> Result<Self, TravelError> {
        let Expression { sql, oid, .. } = expression;
        let is_document = key == "document";
        let text = match oid {
            pg_sys::JSONBOID => return Ok(Self { sql, text: None, is_document }),
            pg_sys::JSONOID | pg_sys::BPCHAROID => format!("{sql}::text"),
            pg_sys::TEXTOID => sql,
            oid => {
                return Err(SourceError::ColumnType {
                    column: key.to_owned(),
                    is: type_name(oid),
                    wanted: "jsonb, json or text",
                    hint: format!("Convert the value in columns: {{\"{key}\": \"(an expression)\"}}."),
                }
                .into());
            }
        };
        Ok(if is_document {
            Self { sql: text, text: None, is_document }
        } else {
            Self { sql: format!("travel.try_jsonb({text})"), text: Some(text), is_document }
        })
    }
}

impl<'a> StandardColumns<'a> {
    pub fn of(arguments: &'a Arguments) -> Result<Self, TravelError> {
        let source = &arguments.source;
        let mut given = Vec::with_capacity(arguments.columns.len());
        let mut record = None;
        for (key, value) in &arguments.columns {
            if !is_key(key) {
                return Err(SourceError::ColumnsKey { key: key.clone(), known: known_keys() }.into());
            }
            let expression = resolve(key, value, source)?;
            if key == "record" || key == "document" {
                if record.is_some() {
                    return Err(SourceError::RecordAndDocument.into());
                }
                record = Some(Record::of(key, expression)?);
            } else {
                given.push((key.as_str(), expression));
            }
        }
        Ok(Self { source, given, record })
    }

    /// Finds a standard column: where `columns` says, otherwise in the record if there is one, otherwise under its own
    /// name. `None` if the source does not have it.
    pub fn standard(&self, name: &str) -> Option<Expression> {
        if let Some((key, expression)) = self.given.iter().find(|(key, _)| *key == name) {
            return Some(match self.record {
                Some(_) => expression.read_as(format!("s.{key}")),
                None => expression.clone(),
            });
        }
        if self.record.is_some() {
            let column = event_column(name)?;
            return Some(Expression::new(name, format!("r.{name}"), oid_of(column)));
        }
        self.source.column(name).map(|column| of_column(name, column))
    }

    /// Returns whether `columns` says where a standard column is.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|(key, _)| *key == name)
    }

    /// A standard column as SQL over the source itself. `None` if the record has it, or if the source does not.
    pub fn over_source(&self, name: &str) -> Option<String> {
        match self.given.iter().find(|(key, _)| *key == name) {
            Some((_, expression)) => Some(expression.sql.clone()),
            None if self.record.is_some() => None,
            None => self.standard(name).map(|expression| expression.sql),
        }
    }

    /// Returns whether a standard column is one of the first two columns of an index of the source.
    pub fn leads_an_index(&self, name: &str) -> bool {
        self.over_source(name).is_some_and(|sql| self.source.leads_an_index(&sql))
    }

    /// Returns whether a standard column is a column of the source, unchanged.
    pub fn is_column_of_source(&self, name: &str) -> bool {
        self.over_source(name).is_some_and(|sql| self.source.is_own_column(&sql))
    }

    /// The record as the source writes it, as SQL over the FROM clause, if it is text and may not be JSON.
    pub fn record_as_text(&self) -> Option<&'static str> {
        self.record.as_ref()?.text.as_ref().map(|_| "s.record_text")
    }

    /// Returns whether the columns are read from a record, except those that `columns` gives.
    pub fn has_record(&self) -> bool {
        self.record.is_some()
    }

    /// A column that the entity names: a standard column, or a column of the source.
    pub fn entity_part(&self, name: &str) -> Result<Expression, TravelError> {
        let standard = if is_key(name) { self.standard(name) } else { None };
        standard.or_else(|| Some(of_column(name, self.source.column(name)?))).ok_or_else(|| {
            SourceError::NoEntityColumn {
                name: name.to_owned(),
                source: self.source.name.clone(),
                available: self.source.column_names(),
                hint: self.hint_for(name),
            }
            .into()
        })
    }

    /// The hint if the entity names a column that does not exist.
    fn hint_for(&self, name: &str) -> String {
        // SQL folds names without quotes to lower case. The names of columns keep the case in which they were created.
        let plain = |name: &str| name.replace(['_', '-', ' '], "").to_lowercase();
        let meant = self.source.columns.iter().find(|column| plain(&column.name) == plain(name));
        match meant {
            Some(column) if is_key(name) => format!(
                "Name the column of the source as the entity: {}. Or name it in columns as the standard column: {}.",
                literal(&quoted(&column.name)),
                json(&[(name, &column.name)])
            ),
            Some(column) => {
                format!("Write the name with its double quotes: {}.", literal(&quoted(&column.name)))
            }
            None if looks_like_a_time(name) => {
                "The second argument is the entity. Pass a time range by name: since => '2026-03-01', until => '2026-03-02'."
                    .to_owned()
            }
            None if is_key(name) => format!(
                "Name one of these columns as the entity, or name the column in columns: {}.",
                json(&[(name, "the_column")])
            ),
            None => "Name one of these columns as the entity.".to_owned(),
        }
    }

    /// The FROM clause, and the condition if it is left to the WHERE clause. A record is parsed once per row. Names in
    /// the caller's SQL are looked up in the source alone, so no column of the record makes them ambiguous.
    pub fn clause_after_from(
        &self,
        condition: Option<&str>,
        entity: &[String],
        lent: &[Lent],
    ) -> (String, Option<String>) {
        self.clause_with(condition, entity, lent, &RowCondition { filter: condition, column: None })
    }

    /// The FROM clause for all rows, whether they satisfy the condition or not, and the condition as SQL over it.
    pub fn clause_over_all_rows(
        &self,
        condition: Option<&str>,
        entity: &[String],
        lent: &[Lent],
    ) -> (String, Option<String>) {
        let column = condition.map(|text| format!("(\n        {text}\n        ) AS {SATISFIES}"));
        let kept = RowCondition { filter: None, column };
        let (from, left) = self.clause_with(condition, entity, lent, &kept);
        (from, left.or_else(|| condition.map(|_| format!("s.{SATISFIES}"))))
    }

    fn clause_with(
        &self,
        condition: Option<&str>,
        entity: &[String],
        lent: &[Lent],
        row_condition: &RowCondition,
    ) -> (String, Option<String>) {
        let Some(record) = &self.record else {
            return (
                self.source_with(lent),
                condition.map(|condition| format!("(\n        {condition}\n        )")),
            );
        };
        let mut own: Vec<&String> = Vec::new();
        for part in entity {
            if self.is_own(part) && !own.contains(&part) {
                own.push(part);
            }
        }
        let rows = match (lent, record.is_document) {
            ([], false) => self.records(record, &own, row_condition, "        "),
            ([], true) => self.records_in_documents(record, &own, row_condition),
            _ => {
                return (self.parsed_before_condition(record, &own, row_condition, lent), None);
            }
        };
        (
            format!("(\n        {rows}\n    ) AS s\n    CROSS JOIN LATERAL travel.try_parse(s.record) AS r"),
            None,
        )
    }

    /// A query for the record of each row, with the given columns and those of the entity.
    fn records(&self, record: &Record, own: &[&String], condition: &RowCondition, indent: &str) -> String {
        let mut select = vec![format!("{} AS record", record.sql)];
        select.extend(record.text.iter().map(|text| format!("{text} AS record_text")));
        select.extend(self.given.iter().map(|(key, expression)| format!("{} AS {key}", expression.sql)));
        select.extend(own.iter().map(|part| format!("s.{}", quoted(part))));
        select.extend(condition.column.clone());
        let (name, filter) = (&self.source.name, condition.where_clause(indent));
        format!("SELECT {}\n{indent}FROM {name} AS s{filter}", select.join(", "))
    }

    /// A query for the records of each row's document. A document without records is a row without a record.
    fn records_in_documents(&self, record: &Record, own: &[&String], condition: &RowCondition) -> String {
        let mut select = vec!["d.record".to_owned()];
        select.extend(self.given.iter().map(|(key, _)| format!("s.{key}")));
        select.extend(own.iter().map(|part| format!("s.{}", quoted(part))));
        select.extend(condition.column.as_ref().map(|_| format!("s.{SATISFIES}")));
        format!(
            "SELECT {}\n        FROM (\n            {}\n        ) AS s\n        \
             LEFT JOIN LATERAL travel_internal.each_record(s.record) AS d (record) ON true",
            select.join(", "),
            self.records(record, own, condition, "            "),
        )
    }

    /// A FROM clause for a condition that names columns of the record. The record is parsed before the condition is
    /// evaluated, and its columns stand beside those of the source under the names that the condition uses.
    fn parsed_before_condition(
        &self,
        record: &Record,
        own: &[&String],
        condition: &RowCondition,
        lent: &[Lent],
    ) -> String {
        let mut select = vec!["s.travel_record AS record".to_owned()];
        if record.text.is_some() {
            select.push("s.travel_text AS record_text".to_owned());
        }
        select.extend(self.given.iter().map(|(key, _)| format!("s.travel_{key} AS {key}")));
        select.extend(own.iter().map(|part| format!("s.{}", quoted(part))));
        select.push("s.travel_event".to_owned());
        select.extend(condition.column.clone());
        format!(
            "(\n        SELECT {}\n        FROM {}{}\n    ) AS s\n    \
             CROSS JOIN LATERAL (SELECT (s.travel_event).*) AS r",
            select.join(", "),
            self.source_with(lent),
            condition.where_clause("        "),
        )
    }

    /// The source as a FROM item, with the standard columns that a condition names and the source lacks.
    pub fn source_with(&self, lent: &[Lent]) -> String {
        let name = &self.source.name;
        if lent.is_empty() {
            return format!("{name} AS s");
        }
        let list = |items: Vec<String>| items.iter().map(|item| format!(", {item}")).collect::<String>();
        let lent_columns = list(lent.iter().map(|lent| format!("{} AS {}", lent.sql, lent.name)).collect());
        let Some(record) = &self.record else {
            return format!("(\n        SELECT s.*{lent_columns}\n        FROM {name} AS s\n    ) AS s");
        };
        let mut columns = vec![format!("{} AS travel_record", record.sql)];
        columns.extend(record.text.iter().map(|text| format!("{text} AS travel_text")));
        columns.extend(self.given.iter().map(|(key, given)| format!("{} AS travel_{key}", given.sql)));
        let columns = list(columns);
        let (record, documents) = if record.is_document {
            (
                "d.record",
                "\n            LEFT JOIN LATERAL travel_internal.each_record(s.travel_record) AS d (record) ON true",
            )
        } else {
            ("s.travel_record", "")
        };
        // The whole row of the record is passed on, so it is parsed only once. Without `.*`, the name r could mean a
        // column of the source.
        format!(
            "(\n            SELECT s.*{lent_columns}, r.*::travel.event AS travel_event\n            \
             FROM (SELECT s.*{columns} FROM {name} AS s) AS s{documents}\n            \
             CROSS JOIN LATERAL travel.try_parse({record}) AS r\n        ) AS s"
        )
    }

    /// Whether a column of the entity belongs to the source: it is neither given nor a column of the record.
    fn is_own(&self, part: &str) -> bool {
        !self.is_given(part) && event_column(part).is_none() && self.source.column(part).is_some()
    }

    /// The standard columns under these names that the source itself lacks, for a condition that names them.
    pub fn lent(&self, names: &[String]) -> Result<Vec<Lent>, TravelError> {
        let mut lent: Vec<Lent> = Vec::new();
        for name in names {
            let is_known = lent.iter().any(|lent| lent.name == *name);
            if is_known || !is_key(name) || self.source.column(name).is_some() {
                continue;
            }
            // In the query of the source, the given columns of a record have other names.
            let given = |name: &str| {
                let (key, given) = self.given.iter().find(|(key, _)| *key == name)?;
                Some(match self.record {
                    Some(_) => given.read_as(format!("s.travel_{key}")),
                    None => given.clone(),
                })
            };
            // An address is also read from what CloudTrail wrote.
            let as_written = || given("source_text").filter(|_| name == "source_ip");
            if let Some(column) = given(name).or_else(|| self.standard(name)).or_else(as_written) {
                let column_type = event_column(name).map(|column| column.column_type);
                lent.push(Lent::of(name, column, column_type)?);
            }
        }
        Ok(lent)
    }

    pub fn source(&self) -> &Source {
        self.source
    }
}
