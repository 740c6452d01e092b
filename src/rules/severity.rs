//! The check of the domain `travel.severity`.

use crate::pg::errors::{RuleError, TravelError};
use crate::pg::function::{Call, pg_function};
use pgrx::pg_sys;
use travel_core::rule::Severity;

pg_function!(travel_is_severity, pg_finfo_travel_is_severity, is_severity);

/// `(severity)`: true, or an error that lists the severities. A check that returned false would only name itself. The
/// price is that functions that try an input, such as `pg_input_is_valid`, end with this error.
fn is_severity(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let value = call.text(0)?.unwrap_or_default();
    if value.parse::<Severity>().is_ok() {
        return Ok(pg_sys::Datum::from(true));
    }
    let meant = value.trim().to_lowercase().parse::<Severity>().ok().map(|meant| meant.into_str());
    Err(RuleError::SeverityNotFound { value: value.to_owned(), meant }.into())
}
