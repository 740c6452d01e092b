//! CloudTrail documents, records and events. This crate knows no PostgreSQL.
//!
//! CloudTrail wraps its records in several forms of documents. [`document`] finds the records in any of them, and
//! [`mod@event`] reads a record into the columns of `travel.event`. Reading a record includes three decisions: whether
//! the call proved that the caller holds the credential ([`mod@outcome`]), what kind of source its `sourceIPAddress` is
//! ([`mod@source`]), and who made the call. All of it reads JSON through one trait ([`json`]), so the `jsonb` of
//! PostgreSQL and files are read by the same code.
//!
//! | module | what it holds |
//! |---|---|
//! | [`json`] | the trait through which all JSON is read, whether PostgreSQL's `jsonb` or `serde_json` |
//! | [`document`] | the records of a document: S3 files, EventBridge, LookupEvents, log shippers, arrays, bare records |
//! | [`mod@event`] | the columns of a record, read strictly or leniently |
//! | [`mod@outcome`] | whether a call succeeded, failed, was denied, or proved no credential |
//! | [`mod@source`] | the kind of a source address: public, private, a service, malformed |
//! | [`identity`] | who made the call, and the names that are derived from it |
//! | [`mod@struct_text`] | structures written as text: JSON, or `{k=v}` |
//! | [`layout`] | how other tools store events in tables: recognition, and the SQL that reads the columns |
//! | [`value`] | single values of a record: texts, numbers and booleans |
//! | [`time`] | times written as text: ISO 8601, Unix time |
//! | [`unix_time`] | Unix time written as numbers |
//! | [`split`] | files of any size: their records one after the other, without parsing the whole file |
//! | [`mod@aws_ranges`] | the address ranges that AWS publishes as JSON |
//! | [`text`] | JSON text from files: whole documents and NDJSON, without NUL characters |

#![forbid(unsafe_code)]

pub mod aws_ranges;
pub mod document;
pub mod event;
pub mod identity;
pub mod json;
pub mod layout;
pub mod outcome;
pub mod source;
pub mod split;
pub mod struct_text;
pub mod text;
pub mod time;
pub mod unix_time;
pub mod value;

pub use aws_ranges::aws_ranges;
pub use document::{BadRecord, NotCloudTrail, RecordNode, Records, is_single_record, records};
pub use event::{Event, ParseError, parse, parse_lenient};
pub use identity::{Identity, NOBODY};
pub use json::{Json, Kind};
pub use outcome::{CONSOLE, Outcome, Report, is_sign_in, outcome};
pub use source::{SourceKind, plain_decimal, source_kind};
pub use split::{Item, LONGEST_ITEM, SplitError, Splitter};
pub use struct_text::{is_json_struct, struct_text};
pub use text::{
    EventError, JsonError, begins_as_json, document_texts, documents, for_each_event, read_json,
    replace_escapes, replace_nul,
};
pub use time::event_time;
pub use unix_time::{unix_time_of_digits, unix_time_of_float, unix_time_of_integer};
pub use value::{known, number};
