//! The keys of `columns`, and what their values name: a column as SQL with its type.

use super::expression;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::identifier::{identifiers, quoted};
use crate::source::{Source, TableColumn, base_type, is_of_postgresql, is_textual, type_in_sql, type_name};
use pgrx::pg_sys;
use travel_core::columns::{ColumnType, EVENT, EventColumn, PlaceField};

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
    pub fn new(name: &str, sql: String, declared: pg_sys::Oid) -> Self {
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

    /// The same column under another name, as a query around this one reads it.
    pub fn read_as(&self, sql: String) -> Self {
        Self { sql, ..self.clone() }
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
        let sql = self.sql.strip_suffix("\n)").map_or_else(|| self.sql.clone(), |start| format!("{start})"));
        let converted = format!("({sql}::{wanted})");
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
        Ok(if oid == pg_sys::TEXTOID { sql } else { as_text(&sql, oid) })
    }
}

/// A value of one of PostgreSQL's types as text. `travel_internal.as_text` refuses a very large array, for example, whose
/// conversion could not be canceled.
pub fn as_text(sql: &str, oid: pg_sys::Oid) -> String {
    // SAFETY: a look-up in the catalogs.
    let is_variable = unsafe { pg_sys::get_typlen(oid) } == -1;
    // The texts of these are copies of the value, or short. An index can be on such an expression.
    let is_cheap = is_textual(oid) || matches!(oid, pg_sys::NUMERICOID | pg_sys::INETOID | pg_sys::CIDROID);
    if is_variable && !is_cheap { format!("travel_internal.as_text({sql})") } else { format!("{sql}::text") }
}

/// A JSON object of texts, as a caller writes it in `columns`.
pub fn json(entries: &[(&str, &str)]) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| format!("{}: {}", text(key), text(value))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Finds a column of an event by its name.
pub fn event_column(name: &str) -> Option<&'static EventColumn> {
    EVENT.iter().find(|column| column.name == name)
}

pub fn oid_of(column: &EventColumn) -> pg_sys::Oid {
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
const BESIDE: [&str; 5 + PlaceField::SUPPLIED.len()] = {
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
        "document",
    ]
};

pub fn of_column(name: &str, column: &TableColumn) -> Expression {
    Expression::new(name, format!("s.{}", quoted(&column.name)), column.oid)
}

pub fn is_key(key: &str) -> bool {
    event_column(key).is_some() || BESIDE.contains(&key)
}

pub fn known_keys() -> String {
    EVENT.iter().map(|column| column.name).chain(BESIDE).collect::<Vec<_>>().join(", ")
}

/// Returns whether a value of `columns` is an SQL expression and not the name of a column.
pub fn is_expression(value: &str) -> bool {
    value.starts_with('(') && value.ends_with(')')
}

/// Resolves a value of `columns`: the name of a column, or an SQL expression in parentheses.
pub fn resolve(key: &str, value: &str, source: &Source) -> Result<Expression, TravelError> {
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
