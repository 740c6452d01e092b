//! Whether what runs is the work of a scan: what guards the tables of the detection rule lets a scan through.

use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`, whose changes are a scan's. Nothing of a user's may run in it: no query over a rule's source, none of
/// its expressions, for they could write what only scans may. An error that unwinds out of it ends it, too.
pub fn while_scanning<R>(body: impl FnOnce() -> R) -> R {
    let _scan = Scan::begin();
    body()
}

pub fn is_scanning() -> bool {
    DEPTH.get() > 0
}

struct Scan;

impl Scan {
    fn begin() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
