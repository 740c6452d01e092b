//! Running something with another role's rights.

use super::spi::{self, with_settings};
use pgrx::pg_sys;
use std::ffi::CStr;

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

    /// The owner of a table or view, if it is there.
    pub fn owner_of(relation: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a row of pg_class is released after it was read.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::RELOID as i32,
                pg_sys::Datum::from(relation),
            );
            if tuple.is_null() {
                return None;
            }
            let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
            pg_sys::ReleaseSysCache(tuple);
            Some(Self(owner))
        }
    }

    pub fn oid(self) -> pg_sys::Oid {
        self.0
    }

    pub fn name(self) -> String {
        // SAFETY: gives a C string in the current memory context, or null for a role that is gone.
        unsafe {
            let name = pg_sys::GetUserNameFromId(self.0, true);
            if name.is_null() {
                return self.0.to_u32().to_string();
            }
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }

    pub fn is_superuser(self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::superuser_arg(self.0) }
    }

    /// As `pg_has_role(…, 'MEMBER')`: a superuser is a member of every role.
    pub fn is_member_of(self, role: Self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::is_member_of_role(self.0, role.0) }
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
