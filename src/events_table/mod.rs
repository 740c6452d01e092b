//! Tables of events, which belong to the user.
//!
//! | module | what it holds |
//! |---|---|
//! | [`create`] | `travel.create_events_table` |
//! | [`ingest`] | `travel.ingest`: the records of a document, of which bad ones are skipped |
//! | [`insert`] | the statement that inserts the records of a document |
//! | [`counts`] | how many records were inserted or skipped, and the notices that name what was skipped |

mod counts;
mod create;
mod ingest;
mod insert;

/// The columns that every event of a table must have.
const REQUIRED: [&str; 2] = ["event_id", "event_time"];
