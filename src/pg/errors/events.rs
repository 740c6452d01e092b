//! Errors in tables of events.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// An error in a function that creates, partitions or fills tables of events.
    pub enum EventsError {
        DistributionColumn { column: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("events cannot be distributed by \"{column}\""),
            )
            .hint(
                "Pass access_key_id, account_id, recipient_account_id, principal_id, principal or arn: the entity that \
                 most of your questions and rules are about.",
            ),

        TableName { name: String } =>
            Report::error(Code::ERRCODE_INVALID_NAME, format!("invalid table name: \"{name}\""))
                .hint("Write the name as SQL does, for example cloudtrail, audit.cloudtrail or \"Odd name\"."),

        NotMonthly { name: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not partitioned by month"))
                .detail(
                    "The table must be partitioned by RANGE (event_time), a timestamptz, with a DEFAULT partition. Each \
                     other partition must begin and end with a month in UTC.",
                )
                .hint(
                    "Create such a table: SELECT travel.create_events_table('cloudtrail', partitioned => true).",
                ),

        MonthsOutOfRange { until: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("until is out of range: {until}"))
                .detail("Partitions are made for months from November 2013, when CloudTrail began, to ten years from now.")
                .hint("Pass a time in the near future, for example now() + interval '3 months'."),

        RowsReferenced { table: String, referring: String } =>
            Report::error(
                Code::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                format!("cannot move rows of \"{table}\" into another partition"),
            )
            .detail(format!("A foreign key of \"{referring}\" refers to the table, so deleting a row could delete rows of other tables."))
            .hint("Drop the foreign key, call travel.make_partitions again, and add the foreign key again."),

        NotOwner { table: String, role: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, format!("must be owner of table \"{table}\""))
                .detail(format!("Role {role} does not have the privileges of the owner."))
                .hint("Let the owner of the table call travel.make_partitions."),

        InboxMisplaced =>
            Report::error(
                Code::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "travel.inbox must be an INSTEAD OF INSERT trigger of a view",
            )
            .hint("Create such a view with its trigger: SELECT travel.create_inbox('cloudtrail')."),

        InboxTarget { view: String } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("view \"{view}\" does not read exactly one table"),
            )
            .detail("The trigger travel.inbox inserts into the table that its view reads.")
            .hint("Define the view as SELECT NULL::text AS document FROM the_table WHERE false."),

        InboxColumn { view: String, column: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{column}\" does not exist in view \"{view}\""),
            )
            .detail("The trigger travel.inbox reads the documents from this column.")
            .hint("Name the column of the documents in the trigger: EXECUTE FUNCTION travel.inbox('the_column')."),

        NotAnEventsTable { name: String, column: &'static str } =>
            Report::error(Code::ERRCODE_UNDEFINED_COLUMN, format!("\"{name}\" is not an events table"))
                .detail(format!("The table has no column \"{column}\"."))
                .hint("Create an events table: SELECT travel.create_events_table('cloudtrail')."),

        GeneratedColumn { table: String, column: String } =>
            Report::error(
                Code::ERRCODE_GENERATED_ALWAYS,
                format!("cannot insert into generated column \"{column}\" of \"{table}\""),
            )
            .detail("Every column that has the name of a column of travel.event is filled from the record.")
            .hint(format!(
                "Rename the column, or make it a plain column: ALTER TABLE {table} ALTER {column} DROP EXPRESSION (for an \
                 identity column: DROP IDENTITY). Drop a virtual generated column, and add it again as a plain column."
            )),
    }
}
