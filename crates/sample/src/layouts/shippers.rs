//! Programs that ship logs: what they read is a record, or a line of text that holds one.

use super::event::{Event, Field, always};
use super::table::{Column, Table};
use serde_json::{Value, json};

/// Fluent Bit's output `pgsql`. `time` is when Fluent Bit read the record, in the time zone of its session, which was
/// UTC. `data` is the record with the key `date` for the same time.
pub fn fluent_bit(events: &[Event]) -> Table {
    fluent_bit_table(events, |event| {
        let mut data = event.record.clone();
        data["date"] = date(event);
        Some(data.to_string())
    })
}

/// The same table after an input without a parser, which puts the line into `log`.
pub fn fluent_bit_log(events: &[Event]) -> Table {
    fluent_bit_table(events, |event| Some(json!({"date": date(event), "log": event.text}).to_string()))
}

fn fluent_bit_table(events: &[Event], data: fn(&Event) -> Field) -> Table {
    let columns: &[Column] = &[
        ("tag", "varchar", |_| always("cloudtrail")),
        ("time", "timestamp", Event::plain_arrival),
        ("data", "jsonb", data),
    ];
    Table::of("fluentbit", columns, events)
}

/// Seconds since 1970 as a number with a fraction.
fn date(event: &Event) -> Value {
    json!(event.arrival().0 as f64 + 0.25)
}

/// Fluentd's output `pgjson`. `time` is Fluentd's.
pub fn fluentd(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("tag", "text", |_| always("cloudtrail")),
        ("time", "timestamptz", Event::iso_arrival),
        ("record", "json", |event| Some(event.text.clone())),
    ];
    Table::of("fluentd", COLUMNS, events)
}

/// Vector's sink `postgres`, in a table with the keys of its source `aws_s3`. A line of text is in `message`.
pub fn vector(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("message", "text", |event| Some(event.text.clone())),
        ("bucket", "text", |_| always("example-trail")),
        ("object", "text", |event| {
            let (account, region) = (event.text("recipientAccountId")?, event.text("awsRegion")?);
            let (year, month, day) = event.time.date();
            Some(format!(
                "AWSLogs/{account}/CloudTrail/{region}/{year:04}/{month:02}/{day:02}/records.json.gz"
            ))
        }),
        ("region", "text", |_| always("eu-west-1")),
        ("source_type", "text", |_| always("aws_s3")),
        ("timestamp", "timestamptz", Event::iso_arrival),
    ];
    Table::of("logs", COLUMNS, events)
}

/// Vector's sink `postgres` after a transform that parses `message` into `payload` and keeps both.
pub fn vector_payload(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("message", "text", |event| Some(event.text.clone())),
        ("payload", "jsonb", |event| Some(event.text.clone())),
        ("timestamp", "timestamptz", Event::iso_arrival),
    ];
    Table::of("logs", COLUMNS, events)
}
