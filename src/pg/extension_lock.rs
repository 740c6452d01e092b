//! Keeps the extension from being dropped while a transaction works on its tables.

use super::errors::{TravelError, UsageError};
use pgrx::pg_sys;

/// Keeps `DROP EXTENSION` of other sessions waiting until this transaction ends, or waits for one that is under way.
///
/// Without it, a transaction that works on several tables and `DROP EXTENSION`, which locks all of them one after the
/// other, can wait for each other. `DROP EXTENSION` locks the extension itself before anything else, so a transaction
/// that begins with this lock never waits while the other holds a table that it needs.
pub fn keep_extension() -> Result<(), TravelError> {
    // SAFETY: catalog look-ups with a C string; the lock is released at the end of the transaction.
    unsafe {
        let oid = extension();
        if oid != pg_sys::InvalidOid {
            let mode = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
            pg_sys::LockDatabaseObject(pg_sys::ExtensionRelationId, oid, 0, mode);
            if extension() == oid {
                return Ok(());
            }
        }
    }
    Err(UsageError::ExtensionDropped.into())
}

/// The oid of the extension, as of now.
///
/// # Safety
/// Within a transaction.
unsafe fn extension() -> pg_sys::Oid {
    // SAFETY: by the caller.
    unsafe { pg_sys::get_extension_oid(c"impossible_travel".as_ptr(), true) }
}
