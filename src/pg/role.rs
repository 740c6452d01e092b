//! Roles: their names and memberships, who may load a dump, and running something with the rights of another role.

use super::fixed_settings::{self, Setting};
use super::function_access::guarded;
use super::identifier::c_string;
use super::scan_flag::is_scanning;
use super::spi::{self, with_settings};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;

/// A role of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(pg_sys::Oid);

impl Role {
    /// The role whose privileges are checked now.
    pub fn current() -> Self {
        // SAFETY: reads a variable of the backend.
        Self(unsafe { pg_sys::GetUserId() })
    }

    pub fn named(name: &str) -> Option<Self> {
        let name = c_string(name);
        // SAFETY: a catalog look-up.
        let oid = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
        (oid != pg_sys::InvalidOid).then_some(Self(oid))
    }

    /// The owner of a table or view, if it exists.
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

    /// The owner of a function, if it exists.
    pub fn owner_of_function(function: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a row of pg_proc is released after it was read.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::PROCOID as i32,
                pg_sys::Datum::from(function),
            );
            if tuple.is_null() {
                return None;
            }
            let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>()).proowner;
            pg_sys::ReleaseSysCache(tuple);
            Some(Self(owner))
        }
    }

    pub fn oid(self) -> pg_sys::Oid {
        self.0
    }

    pub fn name(self) -> String {
        name(self.0)
    }

    pub fn is_superuser(self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::superuser_arg(self.0) }
    }

    /// Whether the client may see paths of the server's files, as members of `pg_read_all_settings` may. Both the
    /// calling role and the current role must be members: a message reaches the first, and a function of the second can
    /// catch it.
    pub fn may_see_paths() -> bool {
        let settings = pg_sys::Oid::from_u32(pg_sys::ROLE_PG_READ_ALL_SETTINGS);
        // SAFETY: reads variables of the backend, and looks roles up in the catalogs.
        unsafe {
            [pg_sys::GetUserId(), pg_sys::GetOuterUserId()]
                .iter()
                .all(|role| pg_sys::has_privs_of_role(*role, settings))
        }
    }

    /// Whether it has the privileges of that role: it is the role itself, a member that inherits them, or a superuser.
    pub fn has_privileges_of(self, role: Self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::has_privs_of_role(self.0, role.0) }
    }

    /// Whether it can become that role. A superuser can become every role. From PostgreSQL 16 on, a membership may be
    /// granted without this option.
    pub fn is_member_of(self, role: Self) -> bool {
        // SAFETY: a catalog look-up.
        #[cfg(feature = "pg15")]
        unsafe {
            pg_sys::is_member_of_role(self.0, role.0)
        }
        // SAFETY: as above.
        #[cfg(not(feature = "pg15"))]
        unsafe {
            pg_sys::member_can_set_role(self.0, role.0)
        }
    }
}

/// Runs SQL that a user wrote with the privileges of that user. The SQL cannot change the role or create anything that
/// outlives it, it finds unqualified names in pg_catalog only, it means the same in every session because of
/// [`fixed_settings`], and [`guarded`] checks the functions that it calls. An error restores all of this with its
/// (sub)transaction.
pub fn with_rights_of<R>(role: Role, body: impl FnOnce() -> R) -> R {
    // The guard exists in this process only, so nothing may run in another process with a superuser's privileges.
    const ALONE: Setting = (c"max_parallel_workers_per_gather", c"0");
    let mut settings = vec![(c"search_path", c"pg_catalog, pg_temp")];
    settings.extend(role.is_superuser().then_some(ALONE));
    settings.extend(fixed_settings::differing());
    with_settings(&settings, || {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: what is read here is put back below, where nothing unwinds; PostgreSQL puts it back where something
        // does.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
            pg_sys::SetUserIdAndSecContext(role.0, context | restricted as i32);
            let result = guarded(body);
            pg_sys::SetUserIdAndSecContext(user, context);
            result
        }
    })
}

thread_local! {
    /// The role for which a trigger acts, if the trigger runs with the rights of the tables' owner.
    static ON_BEHALF_OF: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The name of the role that acts: the current role or, in a scan, which runs with its owner's rights, the role that
/// called it. Within [`on_behalf_of`], it is the role named there.
pub fn acting() -> String {
    if let Some(name) = ON_BEHALF_OF.with_borrow(Clone::clone) {
        return name;
    }
    // SAFETY: reads variables of the backend.
    name(unsafe { if is_scanning() { pg_sys::GetOuterUserId() } else { pg_sys::GetUserId() } })
}

/// Runs `body`, whose writes count as those of the role with this name. An error that unwinds ends this, too.
pub fn on_behalf_of<R>(name: &str, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<String>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ON_BEHALF_OF.set(self.0.take());
        }
    }
    let _restore = Restore(ON_BEHALF_OF.replace(Some(name.to_owned())));
    body()
}

/// Whether the current role may load rows as a dump has them, with values that no other role may write. A superuser,
/// the table's owner and the extension's owner may.
pub fn may_load(table_owner: pg_sys::Oid) -> bool {
    // SAFETY: plain look-ups in the catalogs.
    unsafe {
        let role = pg_sys::GetUserId();
        if pg_sys::has_privs_of_role(role, table_owner) {
            return true;
        }
        let extension = pg_sys::get_extension_oid(c"impossible_travel".as_ptr(), true);
        extension != pg_sys::InvalidOid && owns_extension(extension, role)
    }
}

/// Whether a pg_dump script or a pg_restore job is running. Both turn off `check_function_bodies`.
pub fn is_dump_script() -> bool {
    // SAFETY: reads a setting of the backend.
    !unsafe { pg_sys::check_function_bodies }
}

/// Whether the rows may belong to a dump. The rows that they refer to may then follow later. Tools other than
/// pg_restore load tables with COPY.
pub fn is_dump_loading() -> bool {
    // SAFETY: reads a variable of the backend; the portal, where there is one, lives as long as its command.
    is_dump_script()
        || unsafe { pg_sys::ActivePortal.as_ref() }
            .is_some_and(|portal| portal.commandTag == pg_sys::CommandTag::CMDTAG_COPY)
}

/// Runs `body`, which may use SPI, with the rights of another role and with a search_path of pg_catalog only. Its
/// queries must not contain text of a user, except as arguments. After an error, PostgreSQL restores role and
/// search_path.
pub fn acting_as<R: Send>(role: pg_sys::Oid, body: impl FnOnce() -> R) -> R {
    within_rights_of(Role(role), || spi::connected(body))
}

/// Runs `body` as [`acting_as`] does, within an SPI connection that outlives it.
pub fn within_rights_of<R>(role: Role, body: impl FnOnce() -> R) -> R {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: the pair is put back where nothing unwinds; the end of a failed transaction puts it back otherwise.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(role.0, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
    }
    let result = spi::with_settings(&[(c"search_path", c"pg_catalog, pg_temp")], body);
    // SAFETY: as above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    result
}

fn name(role: pg_sys::Oid) -> String {
    // SAFETY: the result is a C string, or null where the role was dropped in the meantime.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() {
            role.to_u32().to_string()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

#[cfg(feature = "pg15")]
unsafe fn owns_extension(extension: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalogs.
    unsafe { pg_sys::pg_extension_ownercheck(extension, role) }
}

#[cfg(not(feature = "pg15"))]
unsafe fn owns_extension(extension: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalogs.
    unsafe { pg_sys::object_ownercheck(pg_sys::ExtensionRelationId, extension, role) }
}
