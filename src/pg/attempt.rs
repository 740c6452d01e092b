//! Running something that may fail, in a subtransaction, so a failure leaves the transaction as it was.

use super::errors::TravelError;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// An error of the extension. It is boxed because it is large.
    Ours(Box<TravelError>),
    /// An error of PostgreSQL, or of a function that a user wrote.
    Raised { code: PgSqlErrorCode, message: String },
}

impl Failure {
    /// The message of the error.
    pub fn message(self) -> String {
        match self {
            Self::Ours(error) => error.report().message.into_owned(),
            Self::Raised { message, .. } => message,
        }
    }
}

/// The reason for which a subtransaction is rolled back.
enum Stop<E> {
    Failed(E),
    PassedOn(Box<CaughtError>),
}

/// Runs `body` in a subtransaction, which is rolled back if `body` fails. The error becomes the result, whatever its
/// SQLSTATE: a function that a user wrote can raise any. Only the cancel of the session's statement is passed on.
pub fn attempt<R>(body: impl FnOnce() -> Result<R, TravelError>) -> Result<R, Failure> {
    attempt_expecting(|_| true, body)
}

/// Runs `body` as [`attempt`] does. Only errors of PostgreSQL whose SQLSTATE is expected become the result. The others are
/// passed on as they are.
pub fn attempt_expecting<R>(
    is_expected: fn(PgSqlErrorCode) -> bool,
    body: impl FnOnce() -> Result<R, TravelError>,
) -> Result<R, Failure> {
    in_subtransaction(
        || body().map_err(|error| Failure::Ours(Box::new(error))),
        |caught| match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
                if !is_cancel(report) && is_expected(report.sql_error_code()) =>
            {
                Stop::Failed(Failure::Raised {
                    code: report.sql_error_code(),
                    message: report.message().to_owned(),
                })
            }
            _ => Stop::PassedOn(Box::new(caught)),
        },
    )
}

/// Runs `body` in a subtransaction. If `body` returns `Err`, the subtransaction is rolled back, which releases its
/// locks. Errors of PostgreSQL are passed on.
pub fn undone_if_err<R, E>(body: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    in_subtransaction(body, |caught| Stop::PassedOn(Box::new(caught)))
}

fn in_subtransaction<R, E>(
    body: impl FnOnce() -> Result<R, E>,
    on_error: impl Fn(CaughtError) -> Stop<E>,
) -> Result<R, E> {
    let on_error = AssertUnwindSafe(on_error);
    // SAFETY: as PL/pgSQL runs a block with an exception handler: the memory context and the resource owner are put
    // back after the subtransaction, however it ended. It also ends before an error is passed on: a handler further out
    // ends the innermost subtransaction, which must be its own.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        let ended = |how: unsafe fn()| {
            how();
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::CurrentResourceOwner = owner;
        };
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let result = PgTryBuilder::new(AssertUnwindSafe(|| body().map_err(Stop::Failed)))
            .catch_others(move |caught| Err((*on_error)(caught)))
            .execute();
        match result {
            Ok(_) => ended(pg_sys::ReleaseCurrentSubTransaction),
            Err(_) => ended(pg_sys::RollbackAndReleaseCurrentSubTransaction),
        }
        result.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::PassedOn(caught) => caught.rethrow(),
        })
    }
}

/// Whether an error is the cancel of the session's statement, by a user or by `statement_timeout`. A function can raise
/// the same SQLSTATE, but not the name of the C function that raises it in PostgreSQL.
pub fn is_cancel(report: &ErrorReportWithLevel) -> bool {
    report.sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED
        && report.function_name() == Some("ProcessInterrupts")
}

/// The first two characters of an SQLSTATE, which is packed as five of six bits each, the first lowest.
pub fn class(code: PgSqlErrorCode) -> [u8; 2] {
    let character = |n: u32| (((code as i32 >> (6 * n)) & 0x3f) as u8).wrapping_add(b'0');
    [character(0), character(1)]
}
