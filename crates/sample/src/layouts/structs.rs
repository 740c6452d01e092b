//! Structs such as `useridentity` in the forms in which a table of PostgreSQL holds them.

use super::event::{Event, Field, text_of};
use super::table::quoted;
use crate::time::Time;
use serde_json::{Map, Value, json};

/// The type of a struct's column, and its value for an event.
pub type StructColumn = (&'static str, fn(&Event) -> Field);

/// A member of a struct. Its value comes from the member `key` of the record's object.
#[derive(Clone, Copy, Debug)]
pub enum Member {
    Text {
        name: &'static str,
        key: &'static str,
    },
    /// A time as `2026-03-02 08:05:09.000`.
    Time {
        name: &'static str,
        key: &'static str,
    },
    /// A time in milliseconds since 1970.
    Milliseconds {
        name: &'static str,
        key: &'static str,
    },
    Struct {
        name: &'static str,
        key: &'static str,
        members: &'static [Member],
    },
}

pub const fn text(name: &'static str, key: &'static str) -> Member {
    Member::Text { name, key }
}

pub const fn time(name: &'static str, key: &'static str) -> Member {
    Member::Time { name, key }
}

pub const fn milliseconds(name: &'static str, key: &'static str) -> Member {
    Member::Milliseconds { name, key }
}

pub const fn members(name: &'static str, key: &'static str, members: &'static [Member]) -> Member {
    Member::Struct { name, key, members }
}

impl Member {
    fn name(self) -> &'static str {
        match self {
            Self::Text { name, .. }
            | Self::Time { name, .. }
            | Self::Milliseconds { name, .. }
            | Self::Struct { name, .. } => name,
        }
    }

    /// The value in an object of the record. An absent one is null.
    fn value(self, object: &Value) -> Value {
        let of = |key: &str| object.get(key).filter(|value| !value.is_null());
        let value = match self {
            Self::Text { key, .. } => of(key).cloned(),
            Self::Time { key, .. } => {
                of(key).map(|value| Value::from(text_of(value).replace('T', " ").replace('Z', ".000")))
            }
            Self::Milliseconds { key, .. } => {
                of(key).and_then(Value::as_str).and_then(Time::parse).map(|time| Value::from(time.0 * 1000))
            }
            Self::Struct { key, members, .. } => of(key).map(|object| struct_value(members, object)),
        };
        value.unwrap_or_default()
    }
}

/// A struct as a JSON object, in which absent members are null.
pub fn struct_value(members: &[Member], object: &Value) -> Value {
    let entries = members.iter().map(|member| (member.name().to_owned(), member.value(object)));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// A struct as a value of the composite type that [`composite_types`] makes.
pub fn composite(members: &[Member], object: &Value) -> String {
    let field = |member: &Member| match (*member, member.value(object)) {
        (_, Value::Null) => None,
        (Member::Struct { key, members, .. }, _) => object.get(key).map(|inner| composite(members, inner)),
        (_, value) => Some(text_of(&value)),
    };
    let quoted = |field: Field| {
        field.map_or_else(String::new, |text| {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
        })
    };
    let fields: Vec<String> = members.iter().map(|member| quoted(field(member))).collect();
    format!("({})", fields.join(","))
}

/// The statements that create the composite type of a struct, and those of the structs in it, which come first.
pub fn composite_types(name: &str, members: &[Member]) -> Vec<String> {
    let mut statements = Vec::new();
    let mut attributes = Vec::new();
    for member in members {
        let kind = match member {
            Member::Text { .. } => "text".to_owned(),
            Member::Time { .. } => "timestamp".to_owned(),
            Member::Milliseconds { .. } => "bigint".to_owned(),
            Member::Struct { name: inner, members, .. } => {
                let inner = format!("{name}_{inner}");
                statements.extend(composite_types(&inner, members));
                quoted(&inner)
            }
        };
        attributes.push(format!("{} {kind}", quoted(member.name())));
    }
    statements.push(format!("CREATE TYPE {} AS ({})", quoted(name), attributes.join(", ")));
    statements
}

/// A struct as Athena writes it into a CSV file: `{type=IAMUser, principalid=…, sessioncontext=null}`.
pub fn java_struct(members: &[Member], object: &Value) -> String {
    let entry = |member: &Member| {
        let value = match (*member, member.value(object)) {
            (Member::Struct { key, members, .. }, Value::Object(_)) => {
                object.get(key).map(|inner| java_struct(members, inner)).unwrap_or_default()
            }
            (_, value) => java_text(&value),
        };
        format!("{}={value}", member.name())
    };
    braced(members.iter().map(entry).collect())
}

/// A value as Athena writes it into a CSV file: an object as `{a=1, b=null}`, an array as `[1, 2]`.
pub fn java_text(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            braced(entries.iter().map(|(key, value)| format!("{key}={}", java_text(value))).collect())
        }
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(java_text).collect::<Vec<_>>().join(", "))
        }
        other => text_of(other),
    }
}

fn braced(entries: Vec<String>) -> String {
    format!("{{{}}}", entries.join(", "))
}

/// A map of texts: values that are not texts are JSON texts, as in the maps of CloudTrail Lake.
pub fn text_map(object: &Value) -> Value {
    let Some(entries) = object.as_object() else { return Value::Null };
    Value::Object(entries.iter().map(|(key, value)| (key.clone(), json!(text_of(value)))).collect())
}
