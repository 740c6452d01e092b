//! Errors in CloudTrail documents and records.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A document or a record is not what CloudTrail writes.
    pub enum CloudTrailError {
        NotCloudTrail { found: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "document is not a CloudTrail document")
                .detail(format!("The document is {found}."))
                .hint(travel_cloudtrail::NotCloudTrail::HINT),

        /// `event_id` is that of the record, if it has one.
        BadValue { field: &'static str, expected: &'static str, value: String, event_id: Option<String> } => {
            let code = match field {
                "eventTime" => Code::ERRCODE_INVALID_DATETIME_FORMAT,
                _ => Code::ERRCODE_INVALID_PARAMETER_VALUE,
            };
            let field = if field == "record" { "CloudTrail record" } else { field };
            Report::error(code, format!("invalid {field}: {value}"))
                .detail(match event_id {
                    Some(id) => format!("The value must be {expected}. The eventID of the record is {id}."),
                    None => format!("The value must be {expected}. The record has no eventID."),
                })
                .hint(
                    "Correct the record, or use travel.try_parse, which reads such a value as NULL. So do travel.ingest \
                     and travel.detect, which skip records without a readable time.",
                )
        },
    }
}
