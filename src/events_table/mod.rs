//! Tables of events, which belong to the user, and everything that inserts into them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`create`] | `travel.create_events_table` |
//! | [`ingest`] | `travel.ingest`: the records of a document, of which bad ones are skipped |
//! | [`inbox`] | a view into which clients insert documents: `travel.create_inbox` and the trigger function |
//! | [`beside`] | relations that belong to a table: how they are named, and how they are dropped with it |
//! | [`insert`] | the table that rows are inserted into, and the statement that does it |
//! | [`batch`] | records that are inserted together, by one statement |
//! | [`file_list`] | the list of the files that were loaded into a table |
//! | [`counts`] | how many records were inserted or skipped, and the notices that name what was skipped |
//! | [`partitions`] | the monthly partitions of a table, which are made before events are inserted |
//! | [`bounds`] | which months have a partition |
//! | [`make_partition`] | making one partition, and `travel.make_partitions` |
//! | [`month`] | months in UTC |

mod batch;
mod beside;
mod bounds;
mod counts;
mod create;
mod file_list;
mod inbox;
mod ingest;
mod insert;
mod make_partition;
mod month;
mod partitions;

pub use batch::Batch;
pub use counts::Ingested;
pub use create::TableName;
pub use file_list::FileList;
pub use insert::Target;

/// The columns that every event of a table must have.
const REQUIRED: [&str; 2] = ["event_id", "event_time"];

/// The columns by which an events table can be distributed. The others can be entities, too, but an empty text in them
/// means something else than NULL, such as in `actor`, where NULL lets the principal stand for the user.
pub const DISTRIBUTION_COLUMNS: [&str; 6] =
    ["access_key_id", "account_id", "recipient_account_id", "principal_id", "principal", "arn"];
