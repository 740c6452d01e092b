//! Errors in scans and in the maintenance of their results.

use crate::pg::identifier::literal;
use crate::pg::report::Report;
use crate::pg::time::utc;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A scan cannot go on, or its health or its results are not as expected.
    pub enum ScanError {
        /// `lines` has a line for each rule.
        RulesUnhealthy { names: Vec<String>, lines: Vec<String> } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                match &names[..] {
                    [one] => format!("rule \"{one}\" has a problem"),
                    several => format!("{} rules have a problem: {}", several.len(), several.join(", ")),
                },
            )
            .detail(lines.join("\n"))
            .hint(
                "A rule with a problem may miss impossible travel. See last_error and problem in travel.status, and run \
                 travel.check_rule for a single rule.",
            ),

        AlreadyInProgress { rule: String } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("a scan of rule \"{rule}\" is already in progress"),
            )
            .hint(format!("Run CALL travel.rescan({}, ...) again: it completes that scan first.", literal(&rule))),

        WithinScan =>
            Report::error(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "cannot scan within a scan")
                .detail("A function that the source or the condition of a rule calls has called travel.scan or travel.rescan.")
                .hint("Remove that call from the function. Run travel.scan on a schedule instead."),

        RuleLocked { rule: String } =>
            Report::error(
                Code::ERRCODE_LOCK_NOT_AVAILABLE,
                format!("rule \"{rule}\" is being scanned by another session"),
            )
            .detail("That session did not commit a step within the time of impossible_travel.scan_lock_timeout.")
            .hint(
                "Leave the work to that session. If pg_stat_activity shows it as idle in transaction, terminate it: until \
                 then, the rule is not evaluated.",
            ),

        CheckpointUnreadable { rule: String, detail: String } =>
            Report::error(Code::ERRCODE_DATA_CORRUPTED, format!("could not read the checkpoint of rule \"{rule}\""))
                .detail(format!("The stored value is invalid: {detail}."))
                .hint(format!("Evaluate all events again: CALL travel.rescan({}, '-infinity').", literal(&rule))),

        CheckpointUnwritable { detail: String } =>
            Report::error(Code::ERRCODE_INTERNAL_ERROR, "could not write the checkpoint of a rule")
                .detail(format!("A value cannot be stored: {detail}."))
                .hint("Report this as a bug of impossible_travel."),

        IntermediateResult { detail: String } =>
            Report::error(Code::ERRCODE_INTERNAL_ERROR, "could not keep an intermediate result in memory")
                .detail(format!("A value cannot be converted to bytes and back: {detail}."))
                .hint("Report this as a bug of impossible_travel."),

        EventsUnordered { rule: String, event: i64, evaluated_until: i64 } =>
            Report::error(
                Code::ERRCODE_DATA_EXCEPTION,
                format!("events of rule \"{rule}\" are not in order of time"),
            )
            .detail(format!("An event of {} followed an event of {}.", utc(event), utc(evaluated_until)))
            .hint("Run the scan again. The source must return the same rows in every query of a scan."),

        PruneTooYoung { given: String, least: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("older_than is too short: {given}"))
                .detail(format!("The interval must be at least {least}: late events still change younger results."))
                .hint("Pass a longer interval, for example SELECT * FROM travel.prune('400 days')."),

        PruneTooOld { given: String, most: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("older_than is too long: {given}"))
                .detail(format!("The interval must be at most {most}: PostgreSQL has no earlier times."))
                .hint("Pass a shorter interval, for example SELECT * FROM travel.prune('400 days')."),
    }
}
