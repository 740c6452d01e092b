//! Running something with another role's rights.

use super::spi::{self, with_settings};
use pgrx::pg_sys;

/// A role of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(pg_sys::Oid);

impl Role {
    /// The role whose rights count now.
    pub fn current() -> Self {
        // SAFETY: reads a variable of the backend.
        Self(unsafe { pg_sys::GetUserId() })
    }

    pub fn named(name: &str) -> Option<Self> {
        let name = spi::c_string(name);
        // SAFETY: a catalog look-up.
        let oid = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
        (oid != pg_sys::InvalidOid).then_some(Self(oid))
    }

    pub fn oid(self) -> pg_sys::Oid {
        self.0
    }
}

/// Runs SQL that a user wrote with that user's rights, so that it can do nothing else: no role can be set, nothing made
/// that outlives it, and no name is found but in pg_catalog. An error takes all that back with its (sub)transaction.
pub fn with_rights_of<R>(role: Role, body: impl FnOnce() -> R) -> R {
    with_settings(&[(c"search_path", c"pg_catalog, pg_temp")], || {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: what is read here is put back below, where nothing unwinds; PostgreSQL puts it back where something
        // does.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
            pg_sys::SetUserIdAndSecContext(role.0, context | restricted as i32);
            let result = body();
            pg_sys::SetUserIdAndSecContext(user, context);
            result
        }
    })
}
