//! CloudTrail documents and records, and structures written as text.

use crate::input::Input;
use serde_json::{Map, Value, json};
use std::io::Read;
use travel_cloudtrail::document::{KeyRole, key_role};
use travel_cloudtrail::{
    Event, Item, RecordNode, Records, SourceKind, SplitError, Splitter, documents, for_each_event,
    is_json_struct, is_single_record, parse, parse_lenient, read_json, records, struct_text,
};

pub const KEYS: [&str; 52] = [
    "Records",
    "Events",
    "CloudTrailEvent",
    "detail",
    "log",
    "message",
    "event",
    "original",
    "logEvents",
    "digestStartTime",
    "logFiles",
    "eventID",
    "eventTime",
    "eventName",
    "eventSource",
    "eventType",
    "eventCategory",
    "awsRegion",
    "recipientAccountId",
    "sharedEventID",
    "sourceIPAddress",
    "userIdentity",
    "userAgent",
    "errorCode",
    "errorMessage",
    "responseElements",
    "serviceEventDetails",
    "additionalEventData",
    "MFAUsed",
    "readOnly",
    "vpcEndpointId",
    "sessionCredentialFromConsole",
    "type",
    "accountId",
    "principalId",
    "arn",
    "userName",
    "accessKeyId",
    "sessionContext",
    "attributes",
    "mfaAuthenticated",
    "sessionIssuer",
    "onBehalfOf",
    "userId",
    "insightDetails",
    "credentials",
    "ConsoleLogin",
    "sourceIdentity",
    "invokedBy",
    "identityProvider",
    "tlsDetails",
    "inScopeOf",
];

pub const TEXTS: [&str; 24] = [
    "",
    "HIDDEN_DUE_TO_SECURITY_REASONS",
    "IAMUser",
    "Root",
    "AssumedRole",
    "FederatedUser",
    "IdentityCenterUser",
    "AROA:",
    ":",
    "a:b:c",
    "/",
    "arn:aws:sts::1:assumed-role/AWSReservedSSO_A/bob",
    "2023-07-10T11:45:00Z",
    "true",
    "yes",
    "signin.amazonaws.com",
    "10.0.0.1",
    "192.0.2.1",
    "AWS Internal",
    "Success",
    "Failure",
    "AccessDenied",
    "Insight",
    "aws:s3",
];

/// Any bytes of a file.
pub fn document(data: &[u8]) {
    let mut steps = 0;
    let ended: Result<(), ()> = for_each_event(data, |found| {
        steps += 1;
        match found {
            Ok((value, event)) => check_event(value, &event),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        Ok(())
    });
    assert_eq!(ended, Ok(()));
    assert!(steps <= data.len(), "{steps} events and errors in {} bytes", data.len());
    split_ends(data);
    let values: Vec<_> = documents(data).flatten().collect();
    check_split(&values);
    for value in &values {
        check_wrapping(value);
    }
}

/// JSON with the keys of CloudTrail.
pub fn record(data: &[u8]) {
    let mut input = Input::new(data);
    let value = input.json(&KEYS, &TEXTS, 6);
    let lenient = parse_lenient(&value);
    match parse(&value) {
        Ok(event) => assert_eq!(event, lenient),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    check_event(&value, &lenient);
    check_wrapping(&value);
    check_split(&[value]);
}

/// A text that may be a structure, and structures as Java writes them.
pub fn structure(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode.is_multiple_of(2) {
        let text = String::from_utf8_lossy(rest);
        let Some(value) = struct_text(&text) else { return };
        assert!(value.is_object());
        // Only JSON is nested more deeply.
        assert!(is_json_struct(&text) || depth(&value) <= 128 + 34, "{value}");
        assert!(size(&value) <= text.len(), "{} bytes from {}", size(&value), text.len());
        return;
    }
    let mut input = Input::new(rest);
    let entries: Map<String, Value> =
        (0..input.below(6)).map(|_| (java_key(&mut input), java_value(&mut input, 4))).collect();
    let value = Value::Object(entries);
    assert_eq!(struct_text(&java(&value)), Some(value));
}

fn check_event(value: &Value, event: &Event) {
    assert_eq!(*event, parse_lenient(value));
    let texts = [
        event.event_id,
        event.event_name,
        event.event_source,
        event.source_text,
        event.identity_type,
        event.principal_id,
        event.arn,
        event.user_name,
        event.session_name,
        event.principal,
        event.actor,
        event.access_key_id,
        event.user_agent,
        event.error_code,
        event.account_id.as_deref(),
    ];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && text != "HIDDEN_DUE_TO_SECURITY_REASONS", "{event:?}");
    }
    let is_address = matches!(event.source_kind, SourceKind::Public | SourceKind::Private);
    assert_eq!(event.source_ip.is_some(), is_address, "{event:?}");
    assert_eq!(event.source_text.is_none(), event.source_kind == SourceKind::Absent, "{event:?}");
}

/// Checks that a list around a document does not change its records. One exception: an element of a list is a record if
/// it has at least one of the keys of a record.
fn check_wrapping(value: &Value) {
    let count = |document: &Value| records(document).map(Iterator::count);
    let _ = is_single_record(value);
    if let (Ok(alone), Some(entries)) = (count(value), value.as_object()) {
        let in_list = count(&json!([value])).unwrap();
        let has_key = entries.keys().any(|key| key_role(key) == KeyRole::Own);
        assert!(in_list == alone || (has_key && in_list == 1), "{in_list}, not {alone}: {value}");
    }
}

/// A reader that returns a few bytes at a time.
struct Portions<'t>(&'t [u8]);

impl Read for Portions<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let (now, later) = self.0.split_at(37.min(self.0.len()).min(into.len()));
        into[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

fn split_ends(text: &[u8]) {
    let mut splitter = Splitter::new(Portions(text));
    for _ in 0..=2 * text.len() + 2 {
        match splitter.next_item() {
            Ok(None) => return,
            Ok(Some(_)) => {}
            Err(_) => {
                if !splitter.skip_broken().unwrap() {
                    return;
                }
            }
        }
    }
    panic!("the splitter does not end");
}

/// A text is split into the records that its documents have when they are parsed.
fn check_split(values: &[Value]) {
    let text = values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut splitter = Splitter::new(Portions(text.as_bytes()));
    let (mut found, mut position) = (Vec::new(), 0);
    loop {
        match splitter.next_item() {
            Ok(None) => break,
            Ok(Some(Item::Document(document))) => found.extend(names_of(&read_json(document).unwrap())),
            Ok(Some(Item::Element(element))) => {
                let element = read_json(element).unwrap();
                let mut records = Records::of_element(&element, position);
                found.extend(names(&mut records));
                position = records.elements_so_far();
            }
            // A list beside keys of a record: only the parsed document shows it at once.
            Err(SplitError::Broken(broken)) if broken.to_string().contains("both a list of records") => {
                return;
            }
            Err(SplitError::Broken(broken)) if broken.to_string().contains("nested") => return,
            Err(error) => panic!("{error:?} in {text}"),
        }
    }
    // The document is read again, because the reader replaces the characters that PostgreSQL cannot store.
    let parsed: Vec<String> =
        values.iter().flat_map(|value| names_of(&read_json(value.to_string().as_bytes()).unwrap())).collect();
    assert_eq!(found, parsed, "{text}");
}

fn names_of(document: &Value) -> Vec<String> {
    match records(document) {
        Ok(mut found) => names(&mut found),
        Err(_) => vec!["<document>".to_owned()],
    }
}

fn names<'a>(records: &mut Records<'a, &'a Value>) -> Vec<String> {
    let name = |record: Result<RecordNode<&Value>, _>| match record {
        Ok(record) => record.event_lenient().event_id.unwrap_or("-").to_owned(),
        Err(_) => "<bad>".to_owned(),
    };
    records.map(name).collect()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or_default(),
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The bytes of all keys and texts.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + size(value)).sum(),
        Value::Array(elements) => elements.iter().map(size).sum(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

/// What [`struct_text`] reads, as Java writes it.
fn java(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}={}", java(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(java).collect::<Vec<_>>().join(", ")),
        other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
    }
}

fn java_text(input: &mut Input, from: &[u8]) -> String {
    (0..=input.below(12)).map(|_| char::from(input.pick(from))).collect()
}

fn java_key(input: &mut Input) -> String {
    java_text(input, b"abcdefghijklmnopqrstuvwxyz_")
}

fn java_value(input: &mut Input, depth: usize) -> Value {
    match input.below(if depth == 0 { 4 } else { 8 }) {
        0 => Value::Null,
        1..4 => {
            let text = java_text(input, b"abcXYZ0189+=.@_:/-");
            if text == "null" { Value::Null } else { text.into() }
        }
        4 | 5 => (0..input.below(4)).map(|_| java_value(input, depth - 1)).collect(),
        _ => Value::Object(
            (0..input.below(4)).map(|_| (java_key(input), java_value(input, depth - 1))).collect(),
        ),
    }
}
