//! An event of the story, and how the values of its record are written.

use crate::cloudtrail::record::Record;
use crate::cloudtrail::story;
use crate::rng::{Rng, Uuid, mix};
use crate::time::Time;
use serde_json::Value;
use std::net::IpAddr;

/// The text of a value in a column, or `None` for NULL.
pub type Field = Option<String>;

#[derive(Clone, Debug)]
pub struct Event {
    pub time: Time,
    pub record: Value,
    /// The record as JSON text, with its keys in the order of CloudTrail.
    pub text: String,
    /// The position among the events, which are in order of time.
    pub number: u64,
}

/// The events of the story, each once, in order of time.
pub fn events() -> Vec<Event> {
    let mut records = story::records();
    records.sort_by_key(|record| record.time);
    let event = |(number, record): (u64, Record)| {
        // A record is a struct of texts, booleans and JSON, so it can always be written.
        let text = serde_json::to_string(&record).unwrap_or_default();
        let value = serde_json::from_str(&text).unwrap_or_default();
        Event { time: record.time, record: value, text, number }
    };
    (0..).zip(records).map(event).collect()
}

impl Event {
    /// The value at a path such as `userIdentity.arn`, unless it is null.
    pub fn value(&self, path: &str) -> Option<&Value> {
        value_at(&self.record, path)
    }

    /// The value at a path as text.
    pub fn text(&self, path: &str) -> Field {
        self.value(path).map(text_of)
    }

    /// The value at a path as text, which is empty if the record has no such value.
    pub fn text_or_empty(&self, path: &str) -> Field {
        Some(self.text(path).unwrap_or_default())
    }

    /// The value at a path as text. An empty text is NULL.
    pub fn text_or_null(&self, path: &str) -> Field {
        self.text(path).filter(|text| !text.is_empty())
    }

    /// The value at a path as JSON.
    pub fn json(&self, path: &str) -> Field {
        self.value(path).map(Value::to_string)
    }

    /// Whether the record has this text at the path.
    pub fn is(&self, path: &str, text: &str) -> bool {
        self.value(path).and_then(Value::as_str) == Some(text)
    }

    /// The time in ISO 8601: `2026-03-02T08:05:09Z`.
    pub fn iso_time(&self) -> Field {
        Some(self.time.to_string())
    }

    /// The time without a zone: `2026-03-02 08:05:09`.
    pub fn plain_time(&self) -> Field {
        Some(plain(self.time))
    }

    /// The moment at which a tool stores the event: minutes later.
    pub fn arrival(&self) -> Time {
        Time(self.time.0 + 120 + (mix(self.number) % 660) as i64)
    }

    pub fn iso_arrival(&self) -> Field {
        Some(self.arrival().to_string())
    }

    pub fn plain_arrival(&self) -> Field {
        Some(plain(self.arrival()))
    }

    /// The source address, if the source is an address.
    pub fn address(&self) -> Option<IpAddr> {
        self.value("sourceIPAddress")?.as_str()?.parse().ok()
    }

    /// The name of the source, if the source is not an address.
    pub fn source_name(&self) -> Field {
        self.text("sourceIPAddress").filter(|_| self.address().is_none())
    }

    /// A UUID that a tool gives to the event.
    pub fn uuid(&self) -> Uuid {
        Rng::new(self.number).uuid()
    }

    /// `Username` of LookupEvents: the user, the session of a role, or `root`.
    pub fn username(&self) -> Field {
        match self.value("userIdentity.type").and_then(Value::as_str) {
            Some("AssumedRole") => {
                self.text("userIdentity.principalId")?.split_once(':').map(|(_, name)| name.to_owned())
            }
            Some("Root") => Some("root".to_owned()),
            _ => self.text("userIdentity.userName"),
        }
    }
}

/// The value at a path of keys, unless it is null.
pub fn value_at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// A value as text: a string as it is, anything else as JSON.
pub fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A time without a zone: `2026-03-02 08:05:09`.
pub fn plain(time: Time) -> String {
    time.to_string().replace('T', " ").replace('Z', "")
}

/// A value that is the same for all events.
pub fn always(text: &str) -> Field {
    Some(text.to_owned())
}
