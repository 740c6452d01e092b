//! Memory that this crate can do without. An allocator that ends the session when memory runs out, as PostgreSQL's
//! extension has one, lets these allocations fail instead.

use std::cell::Cell;

thread_local! {
    static IS_OPTIONAL: Cell<bool> = const { Cell::new(false) };
}

/// Runs an allocation whose failure the caller handles.
pub(crate) fn optional<R>(allocate: impl FnOnce() -> R) -> R {
    IS_OPTIONAL.set(true);
    let result = allocate();
    IS_OPTIONAL.set(false);
    result
}

/// Whether the allocation that runs is one that may fail.
pub fn is_optional() -> bool {
    IS_OPTIONAL.get()
}
