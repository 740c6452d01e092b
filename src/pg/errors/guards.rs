//! Errors in what analysts write into the tables of the extension.

use crate::pg::report::{Report, Text};
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A row of a table of the extension is not the writer's to change, or is invalid.
    pub enum GuardError {
        LearnedRow { table: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, format!("cannot change a learned row of \"{table}\""))
                .detail("Only scans change rows that they learned.")
                .hint("Insert a row of your own, with the origin 'analyst'. It takes precedence over learned rows."),

        OriginNotYours { table: String, origin: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("cannot insert a row with the origin \"{origin}\" into \"{table}\""),
            )
            .detail("Scans insert the rows that they learn. Archiving an alert as expected inserts those of an alert.")
            .hint("Omit origin: rows that you insert have the origin 'analyst'."),

        FixedColumn { table: String, column: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("cannot change column \"{column}\" of \"{table}\""),
            )
            .hint("Delete the row, which ends its validity, and insert another."),

        EnteredState { state: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("cannot insert a row with the state \"{state}\""),
            )
            .detail("A row that you insert has the state known. Only learned rows are on trial or contested.")
            .hint("Omit state."),

        EnteredSeen { column: &'static str } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("column \"{column}\" must be NULL in a row that you insert"),
            )
            .detail("Scans fill the column for rows that they learn.")
            .hint("Omit the column. To limit the row in time, use valid_from and valid_until."),

        ValidityEmpty { from: String, until: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "valid_from must be before valid_until")
                .detail(format!("The value of valid_from is {from}, and the value of valid_until is {until}."))
                .hint("Set valid_until to a later time, or omit it to let the row apply without end."),

        CountryCode { column: String, value: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("invalid country code in column \"{column}\": \"{value}\""),
            )
            .hint("Use the two capital letters of ISO 3166-1, for example GB or JP."),

        AlertColumn { column: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, format!("cannot change column \"{column}\" of an alert"))
                .detail("Only scans change this column.")
                .hint("Change status, archive_reason or assignee."),

        /// `wanted` continues "must be".
        ColumnValue { table: String, column: String, value: String, wanted: Text, hint: &'static str } =>
            Report::error(
                Code::ERRCODE_CHECK_VIOLATION,
                format!("invalid value for column \"{column}\" of \"{table}\": {value}"),
            )
            .detail(format!("The value must be {wanted}."))
            .hint(hint),

        ColumnIsNull { table: String, column: String } =>
            Report::error(
                Code::ERRCODE_NOT_NULL_VIOLATION,
                format!("column \"{column}\" of \"{table}\" must not be NULL"),
            )
            .hint("Set a value, or omit the column if it has a default."),

        ReasonWithoutArchive { reason: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("cannot set archive_reason \"{reason}\" for an alert that is not archived"),
            )
            .hint("Set both columns: SET status = 'archived', archive_reason = 'expected'."),

        AlertsAreKept =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, "cannot delete alerts")
                .hint("Archive the alert: SET status = 'archived'. travel.prune deletes old archived alerts."),

        BlankComment =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "comment must not be blank")
                .hint("Write what you found out. travel.archive also works without a comment: omit the argument."),

        CommentsAreKept =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, "cannot change or delete comments")
                .detail("Comments document how an alert was handled. They are deleted together with their alert.")
                .hint("Insert another comment that corrects it."),

        SilenceDuration { given: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("duration is out of range: {given}"))
                .detail("The duration must be positive and at most 10 years.")
                .hint("Pass how long such travel is expected, for example '30 days'."),

        NothingToSilenceBy { id: i64 } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("alert {id} has no criteria for a suppression"),
            )
            .detail("Neither the addresses nor the countries of a leg are known, so a suppression would silence all travel of the entity.")
            .hint("Insert the suppression that you want into travel.suppressions."),

        /// `what` is a sentence.
        AwsRangesInvalid { what: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "document does not contain the IP address ranges of AWS",
            )
            .detail(what)
            .hint("Pass the content of https://ip-ranges.amazonaws.com/ip-ranges.json."),

        BlankReason =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "reason of a suppression must not be blank")
                .hint("Say why this travel should not raise alerts, for those who review the suppression later."),

        PatternEscape { pattern: String } =>
            Report::error(
                Code::ERRCODE_INVALID_ESCAPE_SEQUENCE,
                format!("entity_like must not end with an escape character: \"{pattern}\""),
            )
            .hint("Write a backslash of the entity itself as two backslashes."),

        SuppressesEverything =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "suppression would silence every rule")
                .detail("The suppression has no rule, entity, country or network, and no end.")
                .hint("Set at least one of rule, entity_like, country_code_a, country_code_b, network and valid_until."),

        RowOfNoRule { table: String, rule: String } =>
            Report::error(Code::ERRCODE_FOREIGN_KEY_VIOLATION, format!("rule \"{rule}\" does not exist"))
                .detail(format!("A row of \"{table}\" must belong to an existing rule."))
                .hint("Use the name of a rule: SELECT name FROM travel.rules."),

        RuleBeingDeleted { table: String, rule: String } =>
            Report::error(
                Code::ERRCODE_LOCK_NOT_AVAILABLE,
                format!("rule \"{rule}\" is being deleted by another session"),
            )
            .detail(format!("Meanwhile, no other session can insert, change or delete rows of the rule in \"{table}\"."))
            .hint("Repeat the statement after the transaction of that session has ended."),

        WrittenMeanwhile { of: &'static str } =>
            Report::error(
                Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
                format!("could not serialize access: another session wrote rows of a deleted {of}"),
            )
            .detail("This transaction sees only what was committed before it began, so these rows would be left behind.")
            .hint("Repeat the transaction."),

        RulesTruncated =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "cannot truncate \"travel.rules\"")
                .detail("TRUNCATE locks whole tables, and could end in a deadlock with sessions that work on alerts.")
                .hint("Use DELETE FROM travel.rules, which also archives the open alerts of the rules."),
    }
}
