//! CloudTrail documents, records and events, in plain Rust: no PostgreSQL.
//!
//! | module | what it holds |
//! |---|---|
//! | [`json`] | the trait through which all JSON is read: PostgreSQL's jsonb and `serde_json` alike |
//! | [`document`] | a document's records: S3 files, EventBridge, LookupEvents, arrays, bare records |
//! | [`event`] | a record's columns, strictly or leniently |
//! | [`outcome`] | whether a call succeeded, failed, was denied, or proved no credential |
//! | [`source`] | what a source address is: public, private, a service, malformed |
//! | [`time`] | times as texts: ISO 8601, Unix time |
//! | [`unix_time`] | Unix time as numbers |
//! | [`text`] | JSON text from files: whole documents and NDJSON, without NUL characters |

#![forbid(unsafe_code)]

pub mod document;
pub mod event;
mod identity;
pub mod json;
pub mod outcome;
pub mod source;
pub mod text;
pub mod time;
pub mod unix_time;
pub mod value;

pub use document::{BadRecord, NotCloudTrail, RecordNode, Records, records};
pub use event::{Event, ParseError, parse, parse_lenient};
pub use identity::NOBODY;
pub use json::{Json, Kind};
pub use outcome::{CONSOLE, Outcome, Report, outcome};
pub use source::{SourceKind, plain_decimal, source_kind};
pub use text::{
    EventError, JsonError, document_texts, documents, for_each_event, read_json, replace_escapes, replace_nul,
};
pub use time::event_time;
pub use unix_time::{unix_time_of_digits, unix_time_of_float, unix_time_of_integer};
pub use value::{known, number};
