//! Structures written as text: JSON, or the form `{type=IAMUser, sessioncontext={attributes=null}}` in which Athena's
//! CSV files have their structs and Elastic's pipelines have Java maps.
//!
//! The second form quotes and escapes nothing, so it is ambiguous where a value contains its separators. A value ends
//! where another entry begins (`, key=`) or the structure ends. Names in AWS contain neither blanks nor braces, so no
//! caller can add an entry by choosing a session name.
//!
//! The text is read twice, both times forward: first the brackets are paired, then the entries are read. A bracket
//! without a partner is plain text. The reader never goes back, so its time is proportional to the length.

use std::collections::HashMap;
use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::text::read_json;

/// How many structures may contain each other. One that is deeper stays text.
const DEEPEST: usize = 32;

/// How many values may begin as JSON does and turn out to be something else. For each one, the whole text may be read.
const JSON_MISTAKES: usize = 8;

/// The longest text, in bytes. The values that are read from a text take many times its size.
const LONGEST: usize = 1 << 20;

/// Reads a structure: a JSON object, or `{k=v}`, whose values are texts, structures, lists or null. `None` if the text
/// has neither form.
pub fn struct_text(text: &str) -> Option<Value> {
    let text = text.trim_ascii();
    if text.len() > LONGEST {
        return None;
    }
    if is_json_struct(text) {
        return read_json(text.as_bytes()).ok().filter(Value::is_object);
    }
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    Reader { text: inside, parts: parts(inside.as_bytes()) }.structure(0..inside.len(), 0)
}

/// Returns whether a text that begins with a brace begins as JSON does.
pub fn is_json_struct(text: &str) -> bool {
    let inside = text.trim_ascii_start().strip_prefix('{').unwrap_or_default();
    inside.trim_ascii_start().starts_with('"') || inside.trim_ascii() == "}"
}

/// A part of the text that is a structure, a list or JSON.
#[derive(Clone, Copy)]
struct Part {
    end: usize,
    is_json: bool,
}

/// Pairs the brackets of a text and returns the parts by where they begin. Only a bracket with which a value begins
/// or ends counts.
fn parts(text: &[u8]) -> HashMap<usize, Part> {
    let mut parts = HashMap::new();
    let mut open = Open::default();
    let mut json_mistakes = 0;
    let mut at = entry(text);
    let mut begins = true;
    while let Some((byte, after)) = text.get(at..).and_then(<[u8]>::split_first) {
        if std::mem::take(&mut begins) {
            let rest = text.get(at..).unwrap_or_default();
            if begins_as_json(rest) && json_mistakes < JSON_MISTAKES {
                if let Some(length) = json(rest) {
                    parts.insert(at, Part { end: at + length, is_json: true });
                    at += length;
                    continue;
                }
                json_mistakes += 1;
            }
            if *byte == b'[' || *byte == b'{' && (after.starts_with(b"}") || entry(after) > 0) {
                open.push(at, *byte);
                at += 1 + entry(after);
                begins = true;
                continue;
            }
        }
        if *byte == b',' && after.starts_with(b" ") {
            at += 2 + entry(after.get(1..).unwrap_or_default());
            begins = true;
            continue;
        }
        at += 1;
        if matches!(byte, b'}' | b']')
            && is_end(after)
            && let Some(start) = open.pop(*byte)
        {
            parts.insert(start, Part { end: at, is_json: false });
        }
    }
    parts
}

/// The brackets that are not closed yet.
#[derive(Default)]
struct Open {
    brackets: Vec<(usize, u8)>,
    /// How many of them are braces.
    braces: usize,
}

impl Open {
    fn push(&mut self, at: usize, bracket: u8) {
        self.braces += usize::from(bracket == b'{');
        self.brackets.push((at, bracket));
    }

    /// Takes out the last bracket that `close` closes, with those after it, which have no partner.
    fn pop(&mut self, close: u8) -> Option<usize> {
        let partners = if close == b'}' { self.braces } else { self.brackets.len() - self.braces };
        if partners == 0 {
            return None;
        }
        while let Some((at, bracket)) = self.brackets.pop() {
            self.braces -= usize::from(bracket == b'{');
            if (bracket == b'{') == (close == b'}') {
                return Some(at);
            }
        }
        None
    }
}

/// Returns whether a value may end before this rest of the text.
fn is_end(rest: &[u8]) -> bool {
    rest.is_empty() || rest.starts_with(b"}") || rest.starts_with(b"]") || rest.starts_with(b", ")
}

fn begins_as_json(rest: &[u8]) -> bool {
    [b"{\"".as_slice(), b"[\"", b"[{\""].iter().any(|start| rest.starts_with(start))
}

/// The length of the JSON that is a whole value: a map of CloudTrail Lake has such texts.
fn json(rest: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let length = values.byte_offset();
    rest.get(length..).is_some_and(is_end).then_some(length)
}

/// The length of `key=` if a text begins so, otherwise 0.
fn entry(text: &[u8]) -> usize {
    const LONGEST_KEY: usize = 128;
    let is_key =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'@');
    let length = text.iter().take(LONGEST_KEY).take_while(is_key).count();
    if length > 0 && text.get(length) == Some(&b'=') { length + 1 } else { 0 }
}

/// Takes the entries out of a text whose brackets are paired.
struct Reader<'t> {
    text: &'t str,
    parts: HashMap<usize, Part>,
}

impl Reader<'_> {
    /// `k=v, k=v`
    fn structure(&self, inside: Range<usize>, depth: usize) -> Option<Value> {
        let mut entries = Map::new();
        let mut at = inside.start;
        while at < inside.end {
            let value = at + entry(self.bytes(at..inside.end));
            let key = self.text.get(at..value)?.strip_suffix('=')?;
            let end = self
                .end(value..inside.end, |rest| rest.strip_prefix(b", ").is_some_and(|next| entry(next) > 0));
            entries.insert(key.to_owned(), self.value(value..end, depth));
            at = end + ", ".len();
        }
        Some(Value::Object(entries))
    }

    /// `v, v`
    fn list(&self, inside: Range<usize>, depth: usize) -> Value {
        let mut elements = Vec::new();
        let mut at = inside.start;
        while at < inside.end {
            let end = self.end(at..inside.end, |rest| rest.starts_with(b", "));
            elements.push(self.value(at..end, depth));
            at = end + ", ".len();
        }
        Value::Array(elements)
    }

    /// Where the value that begins with this range ends: at a separator, or with the range.
    fn end(&self, range: Range<usize>, is_separator: impl Fn(&[u8]) -> bool) -> usize {
        let is_separator = |at: &usize| is_separator(self.bytes(*at..range.end));
        let part = self.parts.get(&range.start).map(|part| part.end);
        part.filter(|end| *end == range.end || *end < range.end && is_separator(end))
            .or_else(|| range.clone().find(is_separator))
            .unwrap_or(range.end)
    }

    fn value(&self, range: Range<usize>, depth: usize) -> Value {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let part = self.parts.get(&range.start).filter(|part| part.end == range.end && depth < DEEPEST);
        let inside = range.start + 1..range.end.saturating_sub(1);
        let inner = match part {
            Some(part) if part.is_json => serde_json::from_str(text).ok(),
            Some(_) if text.starts_with('{') => self.structure(inside, depth + 1),
            Some(_) => Some(self.list(inside, depth + 1)),
            None if text == "null" => Some(Value::Null),
            None => None,
        };
        inner.unwrap_or_else(|| Value::from(text))
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.text.as_bytes().get(range).unwrap_or_default()
    }
}
