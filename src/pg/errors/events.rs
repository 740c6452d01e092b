//! Errors in tables of events.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// An error in `travel.create_events_table` or `travel.ingest`.
    pub enum EventsError {
        TableName { name: String } =>
            Report::error(Code::ERRCODE_INVALID_NAME, format!("invalid table name: \"{name}\""))
                .hint("Write the name as SQL does, for example cloudtrail, audit.cloudtrail or \"Odd name\"."),

        NotYetPartitioned =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "partitioned events tables are not supported")
                .hint("Call travel.create_events_table without the argument partitioned."),

        NotAnEventsTable { name: String, column: &'static str } =>
            Report::error(Code::ERRCODE_UNDEFINED_COLUMN, format!("\"{name}\" is not an events table"))
                .detail(format!("The table has no column \"{column}\"."))
                .hint("Create an events table: SELECT travel.create_events_table('cloudtrail')."),

        GeneratedColumn { table: String, column: String } =>
            Report::error(
                Code::ERRCODE_GENERATED_ALWAYS,
                format!("cannot insert into generated column \"{column}\" of \"{table}\""),
            )
            .detail("travel.ingest fills every column that has the name of a column of travel.event.")
            .hint(format!(
                "Rename the column, or make it a plain column: ALTER TABLE {table} ALTER {column} DROP EXPRESSION (for an \
                 identity column: DROP IDENTITY). Drop a virtual generated column, and add it again as a plain column."
            )),
    }
}
