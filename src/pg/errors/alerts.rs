//! Errors in reading alerts and what is behind them.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// An alert lacks what its events are found by, or there are too many alerts or legs.
    pub enum AlertError {
        /// Only a row that no scan wrote is so.
        WithoutLeg { id: i64 } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("alert {id} has no leg"))
                .detail("Its entity or one of its times is NULL, so no scan wrote it.")
                .hint("Restore the row from a backup."),

        RuleDeleted { id: i64, rule: String } =>
            Report::error(Code::ERRCODE_UNDEFINED_OBJECT, format!("rule \"{rule}\" of alert {id} does not exist"))
                .detail("The rule says where the events of the alert are.")
                .hint(format!(
                    "Create a rule of this name over the source of the events, or see what the alert itself stores: \
                     SELECT travel.report({id})."
                )),

        TooMany =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many alerts for travel.incidents")
                .hint("Archive alerts, and let travel.prune delete the old ones."),

        /// Only a call of the internal function can be so.
        NotAFeature =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "argument \"features\" must be an array of JSON objects")
                .hint("Call travel.alert_geojson."),

        CollectionTooLarge =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many features for a value of type jsonb")
                .detail("A value of type jsonb has at most 256 MB.")
                .hint("Read the legs of the alert from travel.verdicts."),
    }
}
