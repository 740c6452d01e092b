//! The records of a document, in any of the forms in which CloudTrail delivers them.

use std::{fmt, vec};

use serde_json::Value;

use crate::event::{Event, ParseError, parse, parse_lenient};
use crate::json::{Json, Kind};
use crate::text::{Documents, begins_as_json, read_json};
use crate::value::quoted;

/// Keys of records. Every record has several of them.
const RECORD_KEYS: [&str; 6] =
    ["eventID", "eventTime", "eventName", "eventSource", "userIdentity", "sourceIPAddress"];

/// Keys of summaries: Insight events and aggregated events.
const SUMMARY_KEYS: [&str; 3] = ["eventCategory", "eventType", "insightDetails"];

/// What a key says about the object that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// The object envelops a list of records, unless it is a record or a summary itself.
    Records,
    /// The same. If an object has both, its list is that of `Records`.
    Events,
    /// The object may be a record or a summary itself.
    Own,
    Other,
}

/// The role of a key. It is for readers that see the keys one after the other; [`records`] looks for those that it
/// needs.
pub fn key_role(key: &str) -> KeyRole {
    match key {
        "Records" => KeyRole::Records,
        "Events" => KeyRole::Events,
        _ if RECORD_KEYS.contains(&key) || SUMMARY_KEYS.contains(&key) => KeyRole::Own,
        _ => KeyRole::Other,
    }
}

/// The error for a document that does not contain records in any known form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCloudTrail {
    /// The kind of the document and, for an object, its first keys.
    pub found: String,
}

impl NotCloudTrail {
    pub const HINT: &'static str = "Accepted are {\"Records\": [...]}, an EventBridge event with \"detail\", \
         the output of LookupEvents ({\"Events\": [{\"CloudTrailEvent\": ...}]}), an array of records, \
         a single record, and what log shippers put around these, such as {\"log\": ...} and {\"message\": ...}.";
}

/// An element of a document that is not a record. Other elements may be records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The position among the elements of the document, counted from 1.
    pub position: usize,
    pub found: String,
}

/// A record inside its document, or one that was parsed from a string (LookupEvents).
#[derive(Clone, Debug)]
pub enum RecordNode<J> {
    Node(J),
    Parsed(Box<Value>),
}

impl<J> RecordNode<J> {
    pub fn event<'s, 'a: 's>(&'s self) -> Result<Event<'s>, ParseError>
    where
        J: Json<'a>,
    {
        match self {
            RecordNode::Node(node) => parse(*node),
            RecordNode::Parsed(value) => parse(value.as_ref()),
        }
    }

    pub fn event_lenient<'s, 'a: 's>(&'s self) -> Event<'s>
    where
        J: Json<'a>,
    {
        match self {
            RecordNode::Node(node) => parse_lenient(*node),
            RecordNode::Parsed(value) => parse_lenient(value.as_ref()),
        }
    }
}

/// Returns the records of a document, in order. Digests, Insight events and aggregated events contain none.
pub fn records<'a, J: Json<'a>>(document: J) -> Result<Records<'a, J>, NotCloudTrail> {
    let is_known = match (document.kind(), shape(document, 2)) {
        (Kind::Array, _) => true,
        (Kind::String, _) => false,
        (_, Shape::Unknown) => shipped(document).any(may_be_document),
        _ => true,
    };
    if is_known {
        Ok(Records { levels: vec![Level::Documents(vec![document].into_iter())], position: 0 })
    } else {
        Err(NotCloudTrail { found: found(document) })
    }
}

/// Returns whether a document is one record, without an envelope.
pub fn is_single_record<'a, J: Json<'a>>(document: J) -> bool {
    matches!(shape(document, 2), Shape::Record)
}

/// What a log shipper stored under its own keys: the documents, or their texts, in `log` or `message` (Fluent Bit,
/// Vector), `event.original` (Elastic), or `logEvents` (a subscription of CloudWatch Logs). Empty if there are none.
fn shipped<'a, J: Json<'a>>(shipment: J) -> impl Iterator<Item = J> {
    let one = ["log", "message"].iter().find_map(|key| shipment.get(key));
    let one = one.or_else(|| shipment.get("event")?.get("original"));
    let events = shipment.get("logEvents").into_iter().flat_map(J::elements);
    one.into_iter().chain(events.filter_map(|event| event.get("message")))
}

/// Whether a value that a log shipper stored may be a document or the text of one. Most of them are lines of other
/// logs.
fn may_be_document<'a, J: Json<'a>>(value: J) -> bool {
    match value.as_str() {
        Some(text) => begins_as_json(text),
        None => matches!(value.kind(), Kind::Array | Kind::Object),
    }
}

/// Iterates over the records of a document. An element that is not a record does not end the iteration.
pub struct Records<'a, J: Json<'a>> {
    /// The containers under iteration, the innermost last.
    levels: Vec<Level<'a, J>>,
    position: usize,
}

enum Level<'a, J: Json<'a>> {
    /// The elements of a list.
    List(J::Elements),
    /// The content of an envelope.
    Inner(Option<J>),
    /// Whole documents, or texts of documents: the outermost one, and what a log shipper stored.
    Documents(vec::IntoIter<J>),
    /// The documents in a text.
    Text(Documents<'a>),
    /// The records of a text that [`read_json`] parsed, because nodes of this kind cannot be made from text.
    Found(vec::IntoIter<Result<RecordNode<J>, BadRecord>>),
}

impl<'a, J: Json<'a>> Iterator for Records<'a, J> {
    type Item = Result<RecordNode<J>, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let result = match self.levels.last_mut()? {
                Level::List(elements) => elements.next().map(|node| self.visit(node, 1)),
                Level::Inner(node) => node.take().map(|node| self.visit(node, 1)),
                Level::Documents(nodes) => nodes.next().map(|node| self.visit_document(node)),
                Level::Text(documents) => documents.next().map(|document| match document {
                    Ok((text, _)) => self.visit_text(text),
                    Err(error) => self.next_is_bad(format!("a string that is not JSON ({error})")),
                }),
                Level::Found(results) => results.next().map(Some),
            };
            match result {
                Some(None) => {}
                Some(some) => return some,
                None => {
                    self.levels.pop();
                }
            }
        }
    }
}

impl<'a, J: Json<'a>> Records<'a, J> {
    /// The records of one element of a document, which comes after as many elements as `position` says: one, unless the
    /// element is itself a document.
    pub fn of_element(element: J, position: usize) -> Self {
        Self { levels: vec![Level::Inner(Some(element))], position }
    }

    /// The number of elements so far.
    pub fn elements_so_far(&self) -> usize {
        self.position
    }

    /// Enters a node, or returns what it is. For `enough` see [`shape`].
    fn visit(&mut self, node: J, enough: usize) -> Option<Result<RecordNode<J>, BadRecord>> {
        match shape(node, enough) {
            Shape::Array(list) => self.levels.push(Level::List(list.elements())),
            Shape::Inner(inner) => self.levels.push(Level::Inner(Some(inner))),
            Shape::Record => {
                self.position += 1;
                return Some(Ok(RecordNode::Node(node)));
            }
            Shape::Text(text) => {
                self.position += 1;
                return self.out_of_text(text);
            }
            Shape::Nothing => self.position += 1,
            Shape::Unknown => {
                let documents: Vec<J> = shipped(node).collect();
                if !documents.iter().copied().any(may_be_document) {
                    return self.next_is_bad(found(node));
                }
                self.levels.push(Level::Documents(documents.into_iter()));
            }
        }
        None
    }

    /// Enters a document, which may be an array, or the text of documents.
    fn visit_document(&mut self, node: J) -> Option<Result<RecordNode<J>, BadRecord>> {
        match (node.kind(), node.as_str()) {
            (Kind::Array, _) => self.levels.push(Level::List(node.elements())),
            (_, Some(text)) if begins_as_json(text) => {
                self.levels.push(Level::Text(Documents::new(text.as_bytes())));
            }
            (_, Some(_)) => return self.next_is_bad(found(node)),
            _ => return self.visit(node, 2),
        }
        None
    }

    /// Enters a document in a text.
    fn visit_text(&mut self, text: &'a [u8]) -> Option<Result<RecordNode<J>, BadRecord>> {
        // A document begins and ends with an ASCII character.
        let text = std::str::from_utf8(text).unwrap_or_default();
        match J::of_text(text) {
            Some(Ok(node)) => self.levels.push(Level::Documents(vec![node].into_iter())),
            Some(Err(error)) => return self.next_is_bad(format!("a string that is not JSON ({error})")),
            None => match read_json(text.as_bytes()) {
                Ok(value) => match records(&value) {
                    Ok(mut records) => {
                        records.position = self.position;
                        let results: Vec<_> =
                            records.by_ref().map(|record| record.map(RecordNode::owned)).collect();
                        self.position = records.position;
                        self.levels.push(Level::Found(results.into_iter()));
                    }
                    Err(error) => return self.next_is_bad(error.found),
                },
                Err(error) => return self.next_is_bad(format!("a string that is not JSON ({error})")),
            },
        }
        None
    }

    /// `None` if the text is an Insight event or an aggregated event.
    fn out_of_text(&self, text: &str) -> Option<Result<RecordNode<J>, BadRecord>> {
        if text.len() > LARGEST_RECORD {
            return Some(Err(
                self.bad(format!("a string of {} bytes, which is too long for a record", text.len()))
            ));
        }
        let no_json =
            |error: &dyn fmt::Display| Some(Err(self.bad(format!("a string that is not JSON ({error})"))));
        let (record, found) = match J::of_text(text) {
            Some(Ok(node)) => (record_of(node)?.map(RecordNode::Node), found(node)),
            Some(Err(error)) => return no_json(&error),
            None => match read_json(text.as_bytes()) {
                Ok(value) => {
                    let record =
                        record_of(&value)?.map(|record| RecordNode::Parsed(Box::new(record.clone())));
                    (record, found(&value))
                }
                Err(error) => return no_json(&error),
            },
        };
        Some(record.ok_or_else(|| self.bad(format!("a string that holds {found}"))))
    }

    fn next_is_bad(&mut self, found: String) -> Option<Result<RecordNode<J>, BadRecord>> {
        self.position += 1;
        Some(Err(self.bad(found)))
    }

    fn bad(&self, found: String) -> BadRecord {
        BadRecord { position: self.position, found }
    }
}

impl RecordNode<&Value> {
    /// The record, independent of its document.
    fn owned<J>(self) -> RecordNode<J> {
        RecordNode::Parsed(match self {
            RecordNode::Node(value) => Box::new(value.clone()),
            RecordNode::Parsed(value) => value,
        })
    }
}

/// The longest record in a string, in bytes. CloudTrail's own limit is 256 KB. A parsed record takes many times its
/// size.
const LARGEST_RECORD: usize = 4 << 20;

/// The record that a document parsed from a string is or contains. `Some(None)` if it is something else, `None` if
/// CloudTrail wrote it but it is not an API call.
fn record_of<'a, J: Json<'a>>(node: J) -> Option<Option<J>> {
    match shape(node, 1) {
        Shape::Record => Some(Some(node)),
        Shape::Inner(inner) if matches!(shape(inner, 1), Shape::Record) => Some(Some(inner)),
        Shape::Nothing => None,
        _ => Some(None),
    }
}

enum Shape<'a, J> {
    Record,
    /// A digest, an Insight event or an aggregated event. CloudTrail writes them, but they are not API calls.
    Nothing,
    Array(J),
    /// The content of an envelope.
    Inner(J),
    /// JSON within a string.
    Text(&'a str),
    Unknown,
}

/// `enough` is the number of keys of a record that an object needs to count as one. In an array of records one is
/// enough.
fn shape<'a, J: Json<'a>>(node: J, enough: usize) -> Shape<'a, J> {
    match node.kind() {
        Kind::String => return node.as_str().map_or(Shape::Unknown, Shape::Text),
        Kind::Object => {}
        _ => return Shape::Unknown,
    }
    if is_summary(node) {
        return Shape::Nothing;
    }
    if is_record(node, enough) {
        return Shape::Record;
    }
    if let Some(list) = node.get("Records").or_else(|| node.get("Events")) {
        return if list.kind() == Kind::Array { Shape::Array(list) } else { Shape::Unknown };
    }
    if let Some(inner) = node.get("CloudTrailEvent").or_else(|| node.get("detail")) {
        return match (inner.as_str(), inner.kind()) {
            (Some(text), _) => Shape::Text(text),
            (None, Kind::Object) => Shape::Inner(inner),
            _ => Shape::Unknown,
        };
    }
    if node.get("digestStartTime").is_some() || node.get("logFiles").is_some() {
        return Shape::Nothing;
    }
    Shape::Unknown
}

fn is_record<'a, J: Json<'a>>(node: J, enough: usize) -> bool {
    // An object that envelops records may have a single key of a record, too.
    let is_envelope =
        ["Records", "Events", "CloudTrailEvent", "detail"].iter().any(|key| node.get(key).is_some());
    let enough = if is_envelope { 2 } else { enough };
    // The notifications of S3, SQS and Kinesis look similar to records. Their sources are texts such as aws:s3.
    RECORD_KEYS.iter().filter(|key| node.get(key).is_some()).take(enough).count() == enough
        && !node.get("eventSource").and_then(J::as_str).is_some_and(|source| source.starts_with("aws:"))
}

/// Returns whether an object summarizes many calls: an Insight event or an aggregated event.
fn is_summary<'a, J: Json<'a>>(node: J) -> bool {
    let is =
        |key, values: [&str; 2]| node.get(key).and_then(J::as_str).is_some_and(|is| values.contains(&is));
    let [category, event_type, details] = SUMMARY_KEYS;
    is(category, ["Insight", "Aggregated"])
        || is(event_type, ["AwsCloudTrailInsight", "AwsAggregatedEvent"])
        || node.get(details).is_some_and(|details| details.kind() != Kind::Null)
}

/// Describes a node: its kind, and enough of its content to recognize it.
fn found<'a, J: Json<'a>>(node: J) -> String {
    const SHOWN: usize = 5;
    let kind = node.kind().as_str();
    match node.kind() {
        Kind::Null | Kind::Array => kind.to_owned(),
        Kind::Bool | Kind::Number | Kind::String => format!("{kind} ({})", quoted(node)),
        Kind::Object => {
            let mut keys = node.entries().map(|(key, _)| key);
            let shown: Vec<&str> = keys.by_ref().take(SHOWN).collect();
            let more = if keys.next().is_some() { ", ..." } else { "" };
            match shown.as_slice() {
                [] => "an empty object".to_owned(),
                shown => format!("an object with the keys {}{more}", shown.join(", ")),
            }
        }
    }
}

impl fmt::Display for NotCloudTrail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not a CloudTrail document: {}", self.found)
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "element {} is not a CloudTrail record: {}", self.position, self.found)
    }
}

impl std::error::Error for NotCloudTrail {}
impl std::error::Error for BadRecord {}
