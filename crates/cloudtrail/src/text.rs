//! JSON text from files: one document, several, or one per line.

use std::borrow::Cow;
use std::fmt;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::document::{BadRecord, NotCloudTrail, RecordNode, records};
use crate::event::{Event, ParseError};

/// The replacement for NUL characters, which texts in PostgreSQL cannot contain.
const REPLACEMENT: &str = "\u{FFFD}";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub message: String,
    pub line: usize,
    pub column: usize,
}

/// The error for a part of a text. The rest may be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventError {
    Json(JsonError),
    Document(NotCloudTrail),
    Record(BadRecord),
    Parse(ParseError),
}

/// Reads one JSON document. NUL characters in it are replaced: see [`replace_nul`].
pub fn read_json(text: &[u8]) -> Result<Value, JsonError> {
    let text = without_mark(text);
    serde_json::from_slice(text).map(|value| cleaned(value, text)).map_err(|error| JsonError::new(&error, 0))
}

/// Iterates over the JSON documents of a text. If each line is a document (NDJSON), an invalid line does not end the
/// iteration.
pub fn documents(text: &[u8]) -> impl Iterator<Item = Result<Value, JsonError>> {
    Documents::new(text).map(|document| {
        let (document, lines_before) = document?;
        serde_json::from_slice(document)
            .map(|value| cleaned(value, document))
            .map_err(|error| JsonError::new(&error, lines_before))
    })
}

/// Iterates over the documents as texts, for readers with their own limits. Depth and numbers are not checked.
pub fn document_texts(text: &str) -> impl Iterator<Item = Result<&str, JsonError>> {
    Documents::new(text.as_bytes()).map(|document| {
        // A document begins and ends with an ASCII character.
        document.map(|(document, _)| std::str::from_utf8(document).unwrap_or_default())
    })
}

/// Returns whether a text may be a document: an object or an array, but not a scalar. It only looks at its beginning.
pub fn begins_as_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_ascii_start().starts_with(['{', '['])
}

/// Replaces each escape in a JSON text that PostgreSQL cannot store as text (`\u0000` and unpaired surrogates) with
/// U+FFFD, and returns the number of replacements. Invalid JSON is left as it is.
pub fn replace_escapes(text: &str) -> (Cow<'_, str>, usize) {
    let mut replaced = 0;
    let mut result = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match escaped_unit(text, at) {
            None => at += 2,
            Some(0xd800..0xdc00) if matches!(escaped_unit(text, at + 6), Some(0xdc00..0xe000)) => at += 12,
            Some(0 | 0xd800..0xe000) => {
                result.push_str(text.get(copied..at).unwrap_or_default());
                result.push_str(REPLACEMENT);
                at += 6;
                (copied, replaced) = (at, replaced + 1);
            }
            Some(_) => at += 6,
        }
        // The character after a backslash may have several bytes. Then it is not an escape.
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
    if replaced == 0 {
        return (Cow::Borrowed(text), 0);
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    (Cow::Owned(result), replaced)
}

/// The code unit of UTF-16 that an escape of four hexadecimal digits means.
fn escaped_unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// Calls `handle` with every event of a text and its record, and with every error, until `handle` fails.
pub fn for_each_event<E>(
    text: &[u8],
    mut handle: impl FnMut(Result<(&Value, Event<'_>), EventError>) -> Result<(), E>,
) -> Result<(), E> {
    for document in documents(text) {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                handle(Err(EventError::Json(error)))?;
                continue;
            }
        };
        let found = match records(&document) {
            Ok(found) => found,
            Err(error) => {
                handle(Err(EventError::Document(error)))?;
                continue;
            }
        };
        for record in found {
            match &record {
                Ok(node) => {
                    let value = match node {
                        RecordNode::Node(value) => value,
                        RecordNode::Parsed(value) => value.as_ref(),
                    };
                    handle(node.event().map(|event| (value, event)).map_err(EventError::Parse))?;
                }
                Err(error) => handle(Err(EventError::Record(error.clone())))?,
            }
        }
    }
    Ok(())
}

/// Replaces each NUL character, which jsonb and text cannot contain, with U+FFFD.
pub fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', REPLACEMENT),
        Value::Array(elements) => elements.iter_mut().for_each(replace_nul),
        Value::Object(entries) => {
            if entries.keys().any(|key| key.contains('\0')) {
                let old = std::mem::take(entries);
                *entries = old
                    .into_iter()
                    .map(|(key, value)| (key.replace('\0', REPLACEMENT), value))
                    .collect::<Map<_, _>>();
            }
            entries.values_mut().for_each(replace_nul);
        }
        _ => {}
    }
}

/// Iterates over the documents of a text. Each item is the text of a document and the number of lines before it.
pub(crate) struct Documents<'t> {
    rest: &'t [u8],
    /// The number of lines before `rest`.
    line: usize,
    /// Whether a line was seen that is a document. Only then is it known where to continue after an invalid one.
    one_a_line: bool,
    /// How many bytes may still be read in vain. A line that opens a bracket is read on to the end of the text, and the
    /// next line may be another one. After that, a document that begins in a line must end in it.
    patience: usize,
    /// The bytes that are left of the line, if they were counted.
    left_of_line: usize,
}

/// How many times the length of a text is read in vain. An invalid line costs itself and rarely more than two others.
const PATIENCE: usize = 4;

impl<'t> Iterator for Documents<'t> {
    type Item = Result<(&'t [u8], usize), JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        let text = if self.patience > 0 { self.rest } else { self.rest_of_line() };
        let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
        let result = stream.next()?;
        let length = stream.byte_offset();
        let before = self.line;
        Some(match result {
            Ok(_) => {
                let text = self.advance(length);
                self.one_a_line |= self.line == before && ends_line(self.rest);
                Ok((text, before))
            }
            Err(error) => {
                self.patience = self.patience.saturating_sub(offset(text, &error));
                let skipped = self.skip_broken();
                // The error is reported in the line that contains it, not in the next line, where the parser noticed
                // it.
                let error = serde_json::from_slice::<IgnoredAny>(skipped).err().unwrap_or(error);
                Err(JsonError::new(&error, before))
            }
        })
    }
}

impl<'t> Documents<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        let patience = PATIENCE.saturating_mul(text.len());
        Self { rest: without_mark(text), line: 0, one_a_line: false, patience, left_of_line: 0 }
    }

    fn skip_blanks(&mut self) {
        self.advance(self.rest.len() - self.rest.trim_ascii_start().len());
    }

    /// Skips the invalid line, or everything if lines are not documents.
    fn skip_broken(&mut self) -> &'t [u8] {
        let (line, after) = split_line(self.rest);
        self.one_a_line |= is_document(split_line(after.trim_ascii_start()).0);
        self.advance(if self.one_a_line { line.len() } else { self.rest.len() })
    }

    fn rest_of_line(&mut self) -> &'t [u8] {
        if self.left_of_line == 0 {
            self.left_of_line = split_line(self.rest).0.len();
        }
        self.rest.get(..self.left_of_line).unwrap_or(self.rest)
    }

    fn advance(&mut self, length: usize) -> &'t [u8] {
        self.left_of_line = self.left_of_line.saturating_sub(length);
        let (read, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.line += read.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
        read
    }
}

/// Where an error was noticed in a text.
fn offset(text: &[u8], error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum::<usize>() + error.column()
}

/// The first line, and the rest of the text.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => text
            .split_at_checked(end)
            .map_or((text, &[]), |(line, rest)| (line, rest.get(1..).unwrap_or_default())),
        None => (text, &[]),
    }
}

/// Whether nothing but blanks follows in the line.
fn ends_line(text: &[u8]) -> bool {
    let next = text.iter().find(|byte| **byte == b'\n' || !byte.is_ascii_whitespace());
    next.is_none_or(|byte| *byte == b'\n')
}

/// Returns whether a text is one document that is an object. A number alone may be a line of an invalid array.
pub(crate) fn is_document(text: &[u8]) -> bool {
    text.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

/// Parses a document. The tree is searched for NUL characters only if the text contains the escape for one.
fn cleaned(mut value: Value, text: &[u8]) -> Value {
    const NUL: &[u8] = b"\\u0000";
    if text.windows(NUL.len()).any(|window| window == NUL) {
        replace_nul(&mut value);
    }
    value
}

impl JsonError {
    fn new(error: &serde_json::Error, lines_before: usize) -> Self {
        // serde_json ends its message with a position that is relative to the start of the document.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Self { message: message.to_owned(), line: lines_before + error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at line {} column {}", self.message, self.line, self.column)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventError::Json(error) => error.fmt(out),
            EventError::Document(error) => error.fmt(out),
            EventError::Record(error) => error.fmt(out),
            EventError::Parse(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for JsonError {}
impl std::error::Error for EventError {}
