//! Something that may fail and leave the transaction as it was.

use super::errors::TravelError;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// Boxed: it is large.
    Ours(Box<TravelError>),
    /// An error of PostgreSQL or of the user's own functions.
    Raised { code: PgSqlErrorCode, message: String },
}

/// How a subtransaction failed.
enum Stop {
    Failed(Failure),
    Cancelled(Box<CaughtError>),
}

/// Runs `body` as a subtransaction: what it did is undone if it fails. Only the cancel of the session's statement is
/// passed on: an error with any SQLSTATE can be one that a user's function raised.
pub fn attempt<R>(body: impl FnOnce() -> Result<R, TravelError>) -> Result<R, Failure> {
    // SAFETY: as PL/pgSQL runs a block with an exception handler: the memory context and the resource owner are put
    // back after the subtransaction, however it ended. It also ends before a cancel is passed on: a handler further out
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
        let result = PgTryBuilder::new(AssertUnwindSafe(|| {
            body().map_err(|error| Stop::Failed(Failure::Ours(Box::new(error))))
        }))
        .catch_others(|caught| match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) if !is_cancel(report) => {
                Err(Stop::Failed(Failure::Raised {
                    code: report.sql_error_code(),
                    message: report.message().to_owned(),
                }))
            }
            _ => Err(Stop::Cancelled(Box::new(caught))),
        })
        .execute();
        match result {
            Ok(_) => ended(pg_sys::ReleaseCurrentSubTransaction),
            Err(_) => ended(pg_sys::RollbackAndReleaseCurrentSubTransaction),
        }
        result.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Cancelled(caught) => caught.rethrow(),
        })
    }
}

/// Whether an error is the cancel of the session's statement: by a user, or by statement_timeout. A function can raise
/// the same SQLSTATE; the name of the place where PostgreSQL raised it cannot be made up in SQL.
pub fn is_cancel(report: &ErrorReportWithLevel) -> bool {
    report.sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED
        && report.function_name() == Some("ProcessInterrupts")
}

/// The first two characters of an SQLSTATE, which is packed as five of six bits each, the first lowest.
pub fn class(code: PgSqlErrorCode) -> [u8; 2] {
    let character = |n: u32| (((code as i32 >> (6 * n)) & 0x3f) as u8).wrapping_add(b'0');
    [character(0), character(1)]
}
