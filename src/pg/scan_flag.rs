//! The flag that `travel.scan` is writing. The triggers that guard the tables of the extension let these writes
//! through.

use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`, whose writes count as those of a scan. It must not run code of users, such as a query over a rule's
/// source or its expressions: that code could then write what only scans may write. An error that unwinds clears the
/// flag, too.
pub fn while_scanning<R>(body: impl FnOnce() -> R) -> R {
    let _scan = Scan::begin();
    body()
}

/// Whether a write now is one of a scan.
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
