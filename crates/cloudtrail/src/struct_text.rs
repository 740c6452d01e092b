//! Structures written as text: JSON, or the form `{type=IAMUser, sessioncontext={attributes=null}}` in which Athena's
//! CSV files have their structs and Elastic's pipelines have Java maps.
//!
//! The second form quotes and escapes nothing, so it is ambiguous where a value contains its separators. A value ends
//! where another entry begins (`, key=`) or the structure ends. Names in AWS contain neither blanks nor braces, so no
//! caller can add an entry by choosing a session name.

use serde_json::{Map, Value};

use crate::text::read_json;

/// How many structures may contain each other.
const DEEPEST: usize = 32;

/// How many values that begin with a brace may turn out to be plain text. Each costs a search of the rest of the text.
const MISTAKES: usize = 8;

/// The longest text in the form without quotes, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads a structure: a JSON object, or `{k=v}`, whose values are texts, structures, lists or null. `None` if the text
/// has neither form.
pub fn struct_text(text: &str) -> Option<Value> {
    if is_json(text) {
        return read_json(text.as_bytes()).ok().filter(Value::is_object);
    }
    let text = text.trim_ascii();
    if text.len() > LONGEST {
        return None;
    }
    let mut reader = Reader { rest: text, depth: 0, mistakes: 0 };
    reader.structure().filter(|_| reader.rest.is_empty())
}

/// Returns whether a text that begins with a brace begins as JSON does.
fn is_json(text: &str) -> bool {
    let inside = text.trim_ascii_start().strip_prefix('{').unwrap_or_default();
    inside.trim_ascii_start().starts_with('"') || inside.trim_ascii() == "}"
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
    mistakes: usize,
}

impl Reader<'_> {
    /// `{k=v, k=v}`
    fn structure(&mut self) -> Option<Value> {
        let mut entries = Map::new();
        self.take("{")?;
        if self.take("}").is_some() {
            return Some(Value::Object(entries));
        }
        loop {
            let (key, rest) = self.rest.split_at_checked(key_length(self.rest)?)?;
            let key = key.to_owned();
            self.rest = rest.strip_prefix('=')?;
            let value = self.value('}')?;
            entries.insert(key, value);
            if self.take("}").is_some() {
                return Some(Value::Object(entries));
            }
            self.take(", ")?;
        }
    }

    /// `[v, v]`
    fn list(&mut self) -> Option<Value> {
        let mut elements = Vec::new();
        self.take("[")?;
        if self.take("]").is_some() {
            return Some(Value::Array(elements));
        }
        loop {
            elements.push(self.value(']')?);
            if self.take("]").is_some() {
                return Some(Value::Array(elements));
            }
            self.take(", ")?;
        }
    }

    /// A value inside what `close` ends.
    fn value(&mut self, close: char) -> Option<Value> {
        if self.rest.starts_with(['{', '['])
            && let Some(value) = self.inner(close)
        {
            return Some(value);
        }
        let ends = |(at, character): &(usize, char)| {
            (*character == close || *character == ',')
                && self.rest.get(*at..).is_some_and(|rest| is_end(rest, close))
        };
        let (end, _) = self.rest.char_indices().find(ends)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(if text == "null" { Value::Null } else { Value::from(text) })
    }

    /// A structure or a list that is a whole value. Otherwise the position stays.
    fn inner(&mut self, close: char) -> Option<Value> {
        if ["{\"", "[\"", "[{\""].iter().any(|start| self.rest.starts_with(start)) {
            return self.json(close);
        }
        if self.depth >= DEEPEST || self.mistakes >= MISTAKES {
            return None;
        }
        let before = self.rest;
        self.depth += 1;
        let value = if before.starts_with('{') { self.structure() } else { self.list() };
        self.depth -= 1;
        let value = value.filter(|_| is_end(self.rest, close));
        if value.is_none() {
            self.mistakes += 1;
            self.rest = before;
        }
        value
    }

    /// JSON that is a whole value: a map of CloudTrail Lake has such texts.
    fn json(&mut self, close: char) -> Option<Value> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let rest = self.rest.get(values.byte_offset()..).filter(|rest| is_end(rest, close))?;
        self.rest = rest;
        Some(value)
    }

    fn take(&mut self, prefix: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(prefix)?;
        Some(())
    }
}

/// Returns whether a value ends before this rest of the text.
fn is_end(rest: &str, close: char) -> bool {
    if let Some(after) = rest.strip_prefix(close) {
        return after.is_empty() || after.starts_with(['}', ']']) || after.starts_with(", ");
    }
    rest.strip_prefix(", ").is_some_and(|after| close == ']' || key_length(after).is_some())
}

/// The length of the key with which a text begins, if an equals sign follows.
fn key_length(text: &str) -> Option<usize> {
    const LONGEST_KEY: usize = 128;
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'@');
    let length = text.bytes().take(LONGEST_KEY).take_while(|byte| is_key(byte)).count();
    (length > 0 && text.as_bytes().get(length) == Some(&b'=')).then_some(length)
}
