//! A table as the statements that create and fill it.

use super::event::{Event, Field, text_of};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// A column of a table with a row for each event: its name, its type, and its value for an event.
pub type Column = (&'static str, &'static str, fn(&Event) -> Field);

/// A table, its columns and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The statements that create the types of the columns.
    pub types: Vec<String>,
    pub name: String,
    /// The name and the type of each column.
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<Field>>,
}

impl Table {
    /// A table with a row for each event.
    pub fn of(name: &str, columns: &[Column], events: &[Event]) -> Self {
        Self {
            types: Vec::new(),
            name: name.to_owned(),
            columns: columns.iter().map(|(name, kind, _)| ((*name).to_owned(), (*kind).to_owned())).collect(),
            rows: events
                .iter()
                .map(|event| columns.iter().map(|(_, _, value)| value(event)).collect())
                .collect(),
        }
    }

    /// A table with a column for each key of some objects. The type of a column is that of its values, unless `types`
    /// names another.
    pub fn of_objects(name: &str, types: &[(&str, &str)], objects: &[Map<String, Value>]) -> Self {
        let mut columns: Vec<(String, Option<&str>)> = Vec::new();
        for (key, value) in objects.iter().flatten() {
            let kind = types.iter().find(|(name, _)| name == key).map(|(_, kind)| *kind);
            let kind = kind.or_else(|| type_of(value));
            match columns.iter_mut().find(|(name, _)| name == key) {
                Some((_, known)) => *known = known.or(kind),
                None => columns.push((key.clone(), kind)),
            }
        }
        let row = |object: &Map<String, Value>| {
            let field = |(name, _): &(String, _)| object.get(name).filter(|value| !value.is_null());
            columns.iter().map(|column| field(column).map(text_of)).collect()
        };
        Self {
            types: Vec::new(),
            name: name.to_owned(),
            rows: objects.iter().map(row).collect(),
            columns: columns
                .into_iter()
                .map(|(name, kind)| (cut(name), kind.unwrap_or("text").to_owned()))
                .collect(),
        }
    }

    /// Writes the statements, for psql.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for statement in &self.types {
            writeln!(out, "{statement};")?;
        }
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| format!("    {} {kind}", quoted(name))).collect();
        writeln!(out, "CREATE TABLE {} (\n{}\n);", quoted(&self.name), columns.join(",\n"))?;
        writeln!(out, "COPY {} FROM stdin;", quoted(&self.name))?;
        for row in &self.rows {
            let fields: Vec<String> = row.iter().map(|field| copied(field.as_deref())).collect();
            writeln!(out, "{}", fields.join("\t"))?;
        }
        writeln!(out, "\\.")
    }
}

/// The entries of an object whose values are not objects. The name of an entry is its path. Below the paths in `whole`
/// an object stays an object.
pub fn flattened(object: &Map<String, Value>, separator: &str, whole: &[&str]) -> Map<String, Value> {
    let mut flat = Map::new();
    for (key, value) in object {
        flatten_into(&mut flat, key, value, separator, whole);
    }
    flat
}

fn flatten_into(flat: &mut Map<String, Value>, path: &str, value: &Value, separator: &str, whole: &[&str]) {
    match value {
        Value::Object(entries) if !whole.contains(&path) => {
            for (key, value) in entries {
                flatten_into(flat, &format!("{path}{separator}{key}"), value, separator, whole);
            }
        }
        _ => {
            flat.insert(path.to_owned(), value.clone());
        }
    }
}

/// The type of a column with such values. `None` if null does not tell.
fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("bigint"),
        Value::String(_) => Some("text"),
        Value::Array(_) | Value::Object(_) => Some("jsonb"),
    }
}

/// The part of a name that PostgreSQL keeps, if the name is ASCII.
fn cut(mut name: String) -> String {
    name.truncate(63);
    name
}

/// A name as SQL writes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A field as COPY reads it.
fn copied(field: Option<&str>) -> String {
    let Some(text) = field else { return "\\N".to_owned() };
    let mut copied = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => copied.push_str("\\\\"),
            '\t' => copied.push_str("\\t"),
            '\n' => copied.push_str("\\n"),
            '\r' => copied.push_str("\\r"),
            _ => copied.push(character),
        }
    }
    copied
}
