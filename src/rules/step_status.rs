//! Records how a step of a scan ended. `travel.scan` needs to know this before it continues with the next rule.

use crate::pg::attempt::is_cancel;
use crate::pg::errors::{RuleError, ScanError, TravelError, UsageError};
use crate::pg::extension_lock::keep_extension;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::settings::lock_wait_ms;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::ffi::CString;
use std::panic::AssertUnwindSafe;

pg_function!(travel_scan_step_ended, pg_finfo_travel_scan_step_ended, scan_step_ended);
pg_function!(travel_note_scan_error, pg_finfo_travel_note_scan_error, note_scan_error);

/// The longest error that `travel.status` keeps, in characters. A user's function can raise megabytes of text.
const LONGEST_ERROR: usize = 1000;

/// How long recording an error may wait for a lock, in milliseconds. What blocked the scan may block this, too, and the
/// session may already be canceled.
const NOTE_WAIT_MS: i32 = 1000;

#[derive(Clone, Copy)]
enum StepStatus {
    /// No step ran, or it succeeded. An error that is seen now was raised outside of it.
    None,
    /// It raised an error, because of the rule, its source or the extension.
    Failed,
    /// Another session scans the rule.
    Busy,
    /// The session was canceled.
    Canceled,
    /// The rule does not exist. `travel.scan` has listed it, so another session has deleted it since.
    Deleted,
}

thread_local! {
    static LAST: Cell<StepStatus> = const { Cell::new(StepStatus::None) };
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// A step that is running. A function of a rule's source or condition can call `travel.scan`, and each step of that scan
/// would call the function again.
struct Running;

impl Running {
    fn begin() -> Result<Self, TravelError> {
        if IS_RUNNING.replace(true) { Err(ScanError::WithinScan.into()) } else { Ok(Self) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}

/// Runs a step and remembers how it ended. No lock within it is waited for longer than
/// `impossible_travel.scan_lock_timeout`. PL/pgSQL cannot tell the cancel of a session from an error with the same
/// SQLSTATE that a user's function raised. Only PostgreSQL's own error report says where it was raised.
pub fn remembered<R>(body: impl FnOnce() -> Result<R, TravelError>) -> Result<R, TravelError> {
    let _running = Running::begin()?;
    LAST.set(StepStatus::None);
    let result = PgTryBuilder::new(AssertUnwindSafe(|| {
        with_bounded_locks(lock_wait_ms(), || {
            keep_extension()?;
            body()
        })
    }))
    .catch_others(|caught| {
        LAST.set(match &caught {
            CaughtError::PostgresError(report) if is_cancel(report) => StepStatus::Canceled,
            _ => StepStatus::Failed,
        });
        caught.rethrow()
    })
    .execute();
    match &result {
        Ok(_) => {}
        Err(TravelError::Scan(ScanError::RuleLocked { .. })) => LAST.set(StepStatus::Busy),
        Err(TravelError::Rule(RuleError::NotFound { .. })) => LAST.set(StepStatus::Deleted),
        Err(_) => LAST.set(StepStatus::Failed),
    }
    result
}

/// Whether an error says that waiting for a lock took too long.
pub fn is_lock_timeout(caught: &CaughtError) -> bool {
    matches!(caught, CaughtError::PostgresError(report)
        if report.sql_error_code() == pgrx::PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE)
}

fn with_bounded_locks<R>(wait_ms: Option<i32>, body: impl FnOnce() -> R) -> R {
    let Some(wait_ms) = wait_ms else { return body() };
    let wait = CString::new(wait_ms.to_string()).unwrap_or_default();
    spi::with_settings(&[(c"lock_timeout", &wait)], body)
}

/// `() -> text`: how the last step of this session ended: `failed`, `busy`, `canceled` or `deleted`. It answers once;
/// otherwise, and after a step that succeeded, the answer is `none`. It is never NULL, because comparing with NULL would
/// take an operator of the search_path.
fn scan_step_ended(_: &Call) -> Result<pg_sys::Datum, TravelError> {
    Ok(match LAST.replace(StepStatus::None) {
        StepStatus::None => varlena(b"none"),
        StepStatus::Failed => varlena(b"failed"),
        StepStatus::Busy => varlena(b"busy"),
        StepStatus::Canceled => varlena(b"canceled"),
        StepStatus::Deleted => varlena(b"deleted"),
    })
}

/// `(rule, error)`: records an error, which `travel.status` shows.
fn note_scan_error(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let error = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "error" })?;
    let wait_ms = lock_wait_ms().map_or(NOTE_WAIT_MS, |wait| wait.min(NOTE_WAIT_MS));
    with_bounded_locks(Some(wait_ms), || {
        keep_extension()?;
        spi::connected(|| {
            spi::execute(
                "INSERT INTO travel_internal.scans (rule, last_error, last_error_at)
                 SELECT r.name, $2, pg_catalog.clock_timestamp()
                 FROM travel.rules AS r
                 WHERE r.name = $1
                 FOR KEY SHARE OF r
                 ON CONFLICT (rule) DO UPDATE SET last_error = excluded.last_error,
                     last_error_at = excluded.last_error_at",
                &[Argument::text(rule), Argument::text(&shortened(error))],
            );
        });
        Ok::<_, TravelError>(())
    })?;
    Ok(call.null())
}

/// The text, cut to its beginning if it is long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_ERROR) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
