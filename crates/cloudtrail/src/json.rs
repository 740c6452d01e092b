//! The trait through which this crate reads JSON. It has two implementations: `serde_json` here, and `jsonb` in the
//! extension.

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// The kind with its article, as errors name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}

/// A cheap handle to a node of a JSON document. No method fails: a node of another kind simply has no such value.
pub trait Json<'a>: Copy {
    /// Empty if the node is not an object. Of several entries with the same key a source returns the last, as jsonb
    /// does.
    type Entries: Iterator<Item = (&'a str, Self)>;
    /// Empty if the node is not an array.
    type Elements: Iterator<Item = Self>;

    fn kind(self) -> Kind;
    fn as_str(self) -> Option<&'a str>;
    fn as_bool(self) -> Option<bool>;
    /// The text of a number, because an account id may be written without quotes.
    fn number_text(self) -> Option<&'a str>;
    fn get(self, key: &str) -> Option<Self>;
    fn entries(self) -> Self::Entries;
    fn elements(self) -> Self::Elements;

    /// Parses a JSON text into a value that lives as long as the source's own values, or returns what is wrong with the
    /// text. `None` if the source cannot create values.
    fn of_text(_text: &str) -> Option<Result<Self, String>> {
        None
    }
}

impl<'a> Json<'a> for &'a Value {
    type Entries = ValueEntries<'a>;
    type Elements = std::slice::Iter<'a, Value>;

    fn kind(self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    fn as_str(self) -> Option<&'a str> {
        Value::as_str(self)
    }

    fn as_bool(self) -> Option<bool> {
        Value::as_bool(self)
    }

    fn number_text(self) -> Option<&'a str> {
        match self {
            Value::Number(number) => Some(number.as_str()),
            _ => None,
        }
    }

    fn get(self, key: &str) -> Option<Self> {
        self.as_object()?.get(key)
    }

    fn entries(self) -> Self::Entries {
        ValueEntries(self.as_object().map(serde_json::Map::iter))
    }

    fn elements(self) -> Self::Elements {
        self.as_array().map(Vec::as_slice).unwrap_or_default().iter()
    }
}

pub struct ValueEntries<'a>(Option<serde_json::map::Iter<'a>>);

impl<'a> Iterator for ValueEntries<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.as_mut()?.next().map(|(key, value)| (key.as_str(), value))
    }
}
