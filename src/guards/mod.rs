//! The analysts' side of the detection rule: triggers that keep apart what scans write and what people enter.
//!
//! | table | guard |
//! |---|---|
//! | `known_places`, `known_transitions` | [`known_places`]: learnt rows are the scan's; entered rows are checked, and end rather than go |
//! | `alerts` | [`alerts`]: three columns are the analyst's; `alert_history`; what archiving as expected enters |
//! | `networks` | [`networks`]: what a row must say |
//! | `suppressions` | [`suppressions`]: who, why, and not everything |
//!
//! A scan passes all of them ([`crate::pg::scanning`]), and so does what a dump is restored from
//! ([`crate::pg::role::may_load`]).

mod alerts;
mod known_places;
mod networks;
mod suppressions;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use crate::pg::errors::TravelError;
use crate::pg::role;
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::{Trigger, Tuple};
use pgrx::pg_sys;

/// Codes as ISO 3166-1 alpha-2 has them.
fn check_country_code(column: &str, code: Option<&str>) -> Result<(), TravelError> {
    match code {
        Some(code) if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Err(TravelError::CountryCode { column: column.to_owned(), value: code.to_owned() })
        }
        _ => Ok(()),
    }
}

/// A row that is entered is about a rule that exists, and that cannot be deleted before the row can be seen. A row of a
/// dump may come before its rule.
fn rule_must_exist(trigger: &Trigger, row: &Tuple) -> Result<(), TravelError> {
    let Some(rule) = row.text(c"rule")? else { return Ok(()) };
    if role::may_load(trigger.table_owner()) && role::is_dump_loading() {
        return Ok(());
    }
    let found = role::acting_as(trigger.table_owner(), || {
        spi::execute("SELECT 1 FROM travel.rules WHERE name = $1 FOR KEY SHARE", &[Argument::text(rule)])
    });
    if found > 0 {
        return Ok(());
    }
    Err(TravelError::RowOfNoRule { table: trigger.table(), rule: rule.to_owned() })
}

/// The beginning of the transaction, as `now()` has it.
fn now() -> i64 {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }
}

fn timestamp_text(time: i64) -> String {
    // SAFETY: the result is a C string in a buffer of PostgreSQL's, copied before the next call.
    unsafe { std::ffi::CStr::from_ptr(pg_sys::timestamptz_to_str(time)) }.to_string_lossy().into_owned()
}
