//! Refuses functions at the time a rule's query calls them: a superuser's rule may not run functions of other roles,
//! and no rule may run a temporary function of the scanning session.
//!
//! The catalogs are checked before the query runs. The guard covers what they do not record: functions called in the
//! body of another function, and functions that are replaced between the check and the call.

use super::errors::{AccessError, TravelError};
use super::role::Role;
use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    static IS_ACTIVE: Cell<bool> = const { Cell::new(false) };
    static BEFORE: Cell<Hooks> = const { Cell::new((None, None)) };
}

type Hooks = (pg_sys::needs_fmgr_hook_type, pg_sys::fmgr_hook_type);

/// Runs `body`, and checks each function that PostgreSQL looks up in it, to call the function or to inline its body.
pub fn guarded<R>(body: impl FnOnce() -> R) -> R {
    if IS_ACTIVE.get() {
        return body();
    }
    let _guard = Guard::begin();
    body()
}

struct Guard;

impl Guard {
    fn begin() -> Self {
        // SAFETY: variables of the backend, which has one thread. They are restored when the guard is dropped, also
        // while an error unwinds.
        unsafe {
            BEFORE.set((pg_sys::needs_fmgr_hook, pg_sys::fmgr_hook));
            pg_sys::needs_fmgr_hook = Some(is_hooked);
            pg_sys::fmgr_hook = Some(on_call);
        }
        IS_ACTIVE.set(true);
        Self
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        IS_ACTIVE.set(false);
        // SAFETY: as in `begin`.
        unsafe { (pg_sys::needs_fmgr_hook, pg_sys::fmgr_hook) = BEFORE.take() };
    }
}

/// PostgreSQL calls this hook for each function that it looks up, except for built-in functions and for those that
/// change their rights or settings.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn is_hooked(function: pg_sys::Oid) -> bool {
    check(function);
    match BEFORE.get().0 {
        // SAFETY: the hook of another library, called as PostgreSQL would.
        Some(before) => unsafe { before(function) },
        None => false,
    }
}

/// PostgreSQL calls this hook when a function that changes its rights or settings starts. The current role is then
/// already the one that the function runs as.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_call(
    event: pg_sys::FmgrHookEventType::Type,
    function: *mut pg_sys::FmgrInfo,
    argument: *mut pg_sys::Datum,
) {
    // SAFETY: PostgreSQL gives the function that starts; the hook of another library is called as PostgreSQL would.
    unsafe {
        if event == pg_sys::FmgrHookEventType::FHET_START {
            check((*function).fn_oid);
        }
        if let Some(before) = BEFORE.get().1 {
            before(event, function, argument);
        }
    }
}

fn check(function: pg_sys::Oid) {
    // SAFETY: look-ups in the catalogs.
    if unsafe { pg_sys::isAnyTempNamespace(pg_sys::get_func_namespace(function)) } {
        TravelError::from(AccessError::FunctionTemporary { function: name_of(function) }).raise();
    }
    let role = Role::current();
    if !role.is_superuser() {
        return;
    }
    if let Some(owner) = Role::owner_of_function(function)
        && !owner.is_superuser()
    {
        TravelError::from(AccessError::FunctionNotTrusted {
            function: name_of(function),
            owner: owner.name(),
            role: role.name(),
        })
        .raise();
    }
}

fn name_of(function: pg_sys::Oid) -> String {
    // SAFETY: gives a C string in the current memory context.
    unsafe { std::ffi::CStr::from_ptr(pg_sys::format_procedure_qualified(function)) }
        .to_string_lossy()
        .into_owned()
}
