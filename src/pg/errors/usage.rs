//! Errors in the installation, and in calls of functions.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

const OBJECT_CHANGED: &str = "A function, a view or a table that the query uses was replaced while the statement ran, \
                              or a table or type of the extension was altered. Undo the change, or run the statement again.";

errors! {
    /// An error in the installation, or in the call of a function.
    pub enum UsageError {
        NotUtf8 =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "impossible_travel requires a database with the encoding UTF8")
                .hint("Create the database with ENCODING 'UTF8' TEMPLATE template0."),

        /// The library was replaced by another version, but the SQL objects were not, or the other way round.
        WrongRowType { expected: usize, found: usize } =>
            Report::error(Code::ERRCODE_DATATYPE_MISMATCH, "the library and the SQL objects of impossible_travel do not match")
                .detail(format!("A row type has {found} columns, but the library writes {expected}."))
                .hint(
                    "Run ALTER EXTENSION impossible_travel UPDATE. Close sessions that were opened before the library was \
                     replaced.",
                ),

        QueryColumns { expected: usize, found: usize } =>
            Report::error(Code::ERRCODE_DATATYPE_MISMATCH, "unexpected columns in a query of impossible_travel")
                .detail(format!("The query returns {found} columns, but {expected} are read."))
                .hint(OBJECT_CHANGED),

        ColumnTypeChanged { column: String, expected: &'static str, found: String } =>
            Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("column \"{column}\" is of type {found}, but type {expected} is expected"),
            )
            .detail("No value was read from the column.")
            .hint(OBJECT_CHANGED),

        /// Another session dropped the extension while the statement waited for a lock.
        ExtensionDropped =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "extension \"impossible_travel\" was dropped while the statement ran",
            )
            .hint("Run CREATE EXTENSION impossible_travel, and run the statement again."),

        /// A procedure was called that writes and commits.
        ReadOnlyTransaction =>
            Report::error(
                Code::ERRCODE_READ_ONLY_SQL_TRANSACTION,
                "travel.scan, travel.rescan, travel.load_files and travel.make_partitions cannot run in a read-only transaction",
            )
            .hint(
                "On a standby server, call the procedure on the primary server. Elsewhere, set transaction_read_only and \
                 default_transaction_read_only to off.",
            ),

        /// Networks are read from the table itself, which is empty where Citus keeps its rows in shards.
        NetworksDistributed =>
            Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "travel.networks must not be a distributed or a reference table",
            )
            .detail("Each node reads its own table travel.networks, and Citus keeps the rows of this one elsewhere.")
            .hint(
                "Keep the table a plain one, and copy the networks to all nodes: docs/scale.md has the statement. Citus cannot \
                 undo create_reference_table for a table of an extension: DROP EXTENSION, and restore its rows from a dump.",
            ),

        NotInAggregate { function: &'static str } =>
            Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("function {function} was called outside of its aggregate"),
            )
            .hint(
                "Call travel.impossible_legs(event_time, ip), travel.journey(event_time, ip) or travel.rollup(journey) in a \
                 query that groups by the entity.",
            ),

        /// The functions that write and read the files of events are for the queries of `travel.detect`.
        NotInDetect { function: &'static str } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("function {function} was called outside of travel.detect"),
            )
            .detail("It reads or writes temporary files of a running travel.detect.")
            .hint("Call travel.detect."),

        EventFileDamaged =>
            Report::error(Code::ERRCODE_DATA_CORRUPTED, "a temporary file of travel.detect is damaged")
                .hint("Run the statement again. If it fails again, check the file system of the temporary files."),

        NotAWindow =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "window function travel.leg requires an OVER clause")
                .hint("Write travel.leg(event_time, ip) OVER (PARTITION BY access_key_id ORDER BY event_time, ip)."),

        NotATrigger =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "trigger function was not called by a trigger")
                .hint("The function guards a table of the extension, and there is no need to call it."),

        SetNotAccepted =>
            Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "set-returning function called in a context that cannot accept a set",
            )
            .hint("Call the function in FROM, for example SELECT * FROM travel.detect('cloudtrail')."),

        ArgumentNull { name: &'static str } =>
            Report::error(Code::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("argument \"{name}\" must not be NULL"))
                .hint("Pass a value, or omit the argument if it has a default."),
    }
}
