//! The standard columns of a source: where `columns` says, in a record, or under their own names.

use super::arguments::Arguments;
use super::expression;
use super::source::{Source, TableColumn, base_type, is_of_postgresql, type_in_sql};
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::{identifiers, literal, quoted};
use crate::pg::time::looks_like_a_time;
use pgrx::pg_sys;
use travel_core::columns::{ColumnType, EVENT, EventColumn, PlaceField};

/// Finds a column of an event by its name.
fn event_column(name: &str) -> Option<&'static EventColumn> {
    EVENT.iter().find(|column| column.name == name)
}

fn oid_of(column: &EventColumn) -> pg_sys::Oid {
    match column.column_type {
        ColumnType::Bigint => pg_sys::INT8OID,
        ColumnType::Boolean => pg_sys::BOOLOID,
        ColumnType::Float8 => pg_sys::FLOAT8OID,
        ColumnType::Inet => pg_sys::INETOID,
        ColumnType::Text => pg_sys::TEXTOID,
        ColumnType::Timestamptz => pg_sys::TIMESTAMPTZOID,
    }
}

/// The keys of `columns` that are not columns of an event.
const BESIDE: [&str; 4 + PlaceField::SUPPLIED.len()] = {
    let [city, subdivision, country, country_code] = PlaceField::SUPPLIED;
    [
        "latitude",
        "longitude",
        "accuracy_km",
        city.into_str(),
        subdivision.into_str(),
        country.into_str(),
        country_code.into_str(),
        "record",
    ]
};

/// The standard columns of a source, as SQL over the source (named `s`) and the record parsed from it (named `r`).
pub struct StandardColumns<'a> {
    source: &'a Source,
    given: Vec<(&'a str, Expression)>,
    /// The record as SQL over the source.
    record: Option<Record>,
}

/// The column that contains whole records.
struct Record {
    /// The record as jsonb.
    sql: String,
    /// The record as text, if the source stores text.
    text: Option<String>,
}

/// A column as SQL with its type.
///
/// Any operation on the value, such as a conversion or a comparison, runs functions of its type. The functions of a
/// type that a user created are that user's code, so callers use [`Expression::checked`] first.
#[derive(Clone)]
pub struct Expression {
    /// The name of the standard column, or of the column of the source.
    name: String,
    pub sql: String,
    /// The type of the values. It is never a domain, and never varchar, whose values are text.
    pub oid: pg_sys::Oid,
}

impl Expression {
    /// Casts SQL of any type to the type of its values: the base type of a domain, and text for varchar. The operators
    /// in the queries are then PostgreSQL's own for exactly these types, whatever other operators of the same name
    /// exist, and the columns of a result have the declared types. Both casts only relabel a value and run no function.
    fn new(name: &str, sql: String, declared: pg_sys::Oid) -> Self {
        let oid = match base_type(declared) {
            pg_sys::VARCHAROID => pg_sys::TEXTOID,
            oid => oid,
        };
        let sql = match type_in_sql(oid).filter(|_| oid != declared) {
            Some(name) => format!("{sql}::{name}"),
            None => sql,
        };
        Self { name: name.to_owned(), sql, oid }
    }

    /// Returns the expression if its type is one of PostgreSQL's own.
    pub fn checked(self) -> Result<Self, TravelError> {
        if is_of_postgresql(self.oid) {
            return Ok(self);
        }
        let wanted = match self.name.as_str() {
            "event_time" => "timestamptz",
            "latitude" | "longitude" | "accuracy_km" => "float8",
            _ => "text",
        };
        let converted = format!("({}::{wanted})", self.sql.replace("\n)", ")"));
        let hint = if is_key(&self.name) {
            format!("Convert the value in columns: {}.", json(&[(&self.name, &converted)]))
        } else {
            format!(
                "Convert it in columns, as a standard column. For the column actor: {}.",
                json(&[("actor", &converted)])
            )
        };
        Err(SourceError::ColumnType {
            column: self.name,
            is: type_name(self.oid),
            wanted: "of a built-in type or a domain over one, because converting another type runs code of its owner",
            hint,
        }.into())
    }

    /// The expression as text, converted if it has another type.
    pub fn into_text(self) -> Result<String, TravelError> {
        let Self { sql, oid, .. } = self.checked()?;
        Ok(if oid == pg_sys::TEXTOID { sql } else { format!("{sql}::text") })
    }
}

/// A JSON object of texts, as a caller writes it in `columns`.
fn json(entries: &[(&str, &str)]) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("{}: {}", text(key), text(value))).collect();
    format!("{{{}}}", entries.join(", "))
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
            if key == "record" {
                // A record that jsonb cannot hold must not end the query.
                let lenient =
                    |text: String| Record { sql: format!("travel.try_jsonb({text})"), text: Some(text) };
                record = Some(match expression.oid {
                    pg_sys::JSONBOID => Record { sql: expression.sql, text: None },
                    pg_sys::JSONOID | pg_sys::BPCHAROID => lenient(format!("{}::text", expression.sql)),
                    pg_sys::TEXTOID => lenient(expression.sql),
                    oid => {
                        return Err(SourceError::ColumnType {
                            column: "record".to_owned(),
                            is: type_name(oid),
                            wanted: "jsonb, json or text",
                            hint: "Convert the value in columns: {\"record\": \"(an expression)\"}."
                                .to_owned(),
                        }
                        .into());
                    }
                });
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
                Some(_) => Expression { sql: format!("s.{key}"), ..expression.clone() },
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
    pub fn clause_after_from(&self, condition: Option<&str>, entity: &[String]) -> (String, Option<String>) {
        let name = &self.source.name;
        let Some(record) = &self.record else {
            return (
                format!("{name} AS s"),
                condition.map(|condition| format!("(\n        {condition}\n        )")),
            );
        };
        let mut select = vec![format!("{} AS record", record.sql)];
        select.extend(record.text.iter().map(|text| format!("{text} AS record_text")));
        select.extend(self.given.iter().map(|(key, expression)| format!("{} AS {key}", expression.sql)));
        // The columns of the entity that belong to the source: they are neither given nor columns of the record.
        let own = |part: &String| {
            !self.is_given(part) && event_column(part).is_none() && self.source.column(part).is_some()
        };
        for (i, part) in entity.iter().enumerate() {
            if own(part) && !entity[..i].contains(part) {
                select.push(format!("s.{}", quoted(part)));
            }
        }
        let condition =
            condition.map(|text| format!("\n        WHERE (\n        {text}\n        )")).unwrap_or_default();
        let from = format!(
            "(\n        SELECT {}\n        FROM {name} AS s{condition}\n    ) AS s\n    \
             CROSS JOIN LATERAL travel.try_parse(s.record) AS r",
            select.join(", ")
        );
        (from, None)
    }

    pub fn source(&self) -> &Source {
        self.source
    }
}

/// The name of a type for messages.
pub fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: gives a C string in the current memory context, for any oid.
    unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be(oid)) }.to_string_lossy().into_owned()
}

fn of_column(name: &str, column: &TableColumn) -> Expression {
    Expression::new(name, format!("s.{}", quoted(&column.name)), column.oid)
}

fn is_key(key: &str) -> bool {
    event_column(key).is_some() || BESIDE.contains(&key)
}

fn known_keys() -> String {
    EVENT.iter().map(|column| column.name).chain(BESIDE).collect::<Vec<_>>().join(", ")
}

/// Returns whether a value of `columns` is an SQL expression and not the name of a column.
pub fn is_expression(value: &str) -> bool {
    value.starts_with('(') && value.ends_with(')')
}

/// Resolves a value of `columns`: the name of a column, or an SQL expression in parentheses.
fn resolve(key: &str, value: &str, source: &Source) -> Result<Expression, TravelError> {
    if is_expression(value) {
        let what = format!("columns.{key}");
        expression::check_syntax(&what, value)?;
        let oid = expression::type_of(&what, value, source)?;
        // The expression gets its own parentheses, because `(1) + (2)` begins and ends with one, too. The line break
        // ends a comment.
        return Ok(Expression::new(key, format!("({value}\n)"), oid));
    }
    let name = source.column(value).or_else(|| {
        let names = identifiers(value, b',')?;
        source.column(names.first().filter(|_| names.len() == 1)?)
    });
    name.map(|column| of_column(key, column)).ok_or_else(|| {
        SourceError::ColumnNotFound {
            key: key.to_owned(),
            name: value.to_owned(),
            source: source.name.clone(),
            available: source.column_names(),
        }
        .into()
    })
}
