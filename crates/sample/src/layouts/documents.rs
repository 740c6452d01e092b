//! Tables with one column that holds records, or documents of several records, and little besides.

use super::event::{Event, Field};
use super::table::{Column, Table};
use crate::rng::Rng;
use crate::time::Time;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn record_jsonb(events: &[Event]) -> Table {
    Table::of("cloudtrail", &[("record", "jsonb", record)], events)
}

pub fn record_json(events: &[Event]) -> Table {
    Table::of("cloudtrail", &[("id", "bigint", id), ("body", "json", record)], events)
}

pub fn record_text(events: &[Event]) -> Table {
    Table::of("cloudtrail", &[("line", "text", record)], events)
}

pub fn file_jsonb(events: &[Event]) -> Table {
    documents("files", "jsonb", files(events))
}

pub fn file_json(events: &[Event]) -> Table {
    documents("files", "json", files(events))
}

pub fn file_text(events: &[Event]) -> Table {
    documents("files", "text", files(events))
}

/// Events of EventBridge, whose `detail` is the record.
pub fn eventbridge(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("id", "bigint", id),
        ("received_at", "timestamptz", Event::iso_arrival),
        ("event", "jsonb", envelope),
    ];
    Table::of("events", COLUMNS, events)
}

/// Pages of 50 events, as `aws cloudtrail lookup-events` prints them. The record is JSON text.
pub fn lookup_events(events: &[Event]) -> Table {
    let event = |event: &Event| {
        let mut fields = json!({
            "EventId": event.text("eventID"),
            "EventName": event.text("eventName"),
            "ReadOnly": event.text("readOnly"),
            "EventTime": event.iso_time().map(|time| time.replace('Z', "+00:00")),
            "EventSource": event.text("eventSource"),
            "Resources": [],
            "CloudTrailEvent": event.text,
        });
        for (key, value) in
            [("AccessKeyId", super::lookup::access_key_id(event)), ("Username", event.username())]
        {
            if let Some(value) = value {
                fields[key] = Value::from(value);
            }
        }
        fields
    };
    // The newest events come first.
    let newest_first: Vec<Value> = events.iter().rev().map(event).collect();
    documents(
        "pages",
        "jsonb",
        newest_first.chunks(50).map(|page| json!({"Events": page}).to_string()).collect(),
    )
}

/// Files as S3 delivers them, by account, region, and three hours.
fn files(events: &[Event]) -> Vec<String> {
    let mut files: BTreeMap<(i64, Field, Field), Vec<&str>> = BTreeMap::new();
    for event in events {
        let Time(seconds) = event.time;
        let key = (seconds.div_euclid(3 * 3600), event.text("recipientAccountId"), event.text("awsRegion"));
        files.entry(key).or_default().push(&event.text);
    }
    let mut rng = Rng::new(11);
    files
        .into_values()
        .map(|mut records| {
            rng.shuffle(&mut records);
            format!("{{\"Records\":[{}]}}", records.join(","))
        })
        .collect()
}

fn documents(name: &str, kind: &str, documents: Vec<String>) -> Table {
    Table {
        types: Vec::new(),
        name: name.to_owned(),
        columns: vec![("document".to_owned(), kind.to_owned())],
        rows: documents.into_iter().map(|document| vec![Some(document)]).collect(),
    }
}

fn envelope(event: &Event) -> Field {
    let kind = match event.text("eventType").as_deref() {
        Some("AwsConsoleSignIn") => "AWS Console Sign In via CloudTrail",
        Some("AwsServiceEvent") => "AWS Service Event via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    };
    let source = event.text("eventSource")?;
    let service = source.split('.').next().unwrap_or_default();
    let envelope = json!({
        "version": "0", "id": event.uuid().to_string(), "detail-type": kind, "source": format!("aws.{service}"),
        "account": event.text("recipientAccountId"), "time": event.iso_time(), "region": event.text("awsRegion"),
        "resources": [], "detail": event.record,
    });
    Some(envelope.to_string())
}

fn record(event: &Event) -> Field {
    Some(event.text.clone())
}

fn id(event: &Event) -> Field {
    Some((event.number + 1).to_string())
}
