//! Which rows a running statement sees: as a value that can be compared, and whether there are newer ones.

use super::spi::{self, Argument};
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    // utils/snapmgr.h, access/xact.h. pgrx binds them behind a barrier against errors, but they only read variables.
    fn ActiveSnapshotSet() -> bool;
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
    fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
}

/// Two equal values of one process see the same rows, whatever statements or transactions they belong to. Of other
/// transactions they see the same changes: the set of running transactions below `xmax` only ever shrinks, so its size
/// identifies it. Of the own transaction they see the same changes, too, which `own`, `command` and `subtransaction`
/// tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: pg_sys::TransactionId,
    xmax: pg_sys::TransactionId,
    running: u32,
    running_below: i32,
    /// The id of the own transaction, which its snapshots do not contain.
    own: pg_sys::TransactionId,
    /// The snapshot sees the changes of the own transaction before this command, unless their subtransaction was rolled
    /// back.
    command: pg_sys::CommandId,
    subtransaction: pg_sys::SubTransactionId,
}

impl Snapshot {
    /// The snapshot of the running statement. `None` outside of a statement.
    #[inline]
    pub fn active() -> Option<Self> {
        // SAFETY: reads variables of the backend; the active snapshot is there where it is said to be, and a backend
        // that runs a statement has its entry among the processes.
        unsafe {
            if !ActiveSnapshotSet() {
                return None;
            }
            let snapshot = &*GetActiveSnapshot();
            let command = snapshot.curcid;
            Some(Self {
                xmin: snapshot.xmin,
                xmax: snapshot.xmax,
                running: snapshot.xcnt,
                running_below: snapshot.subxcnt,
                own: (*pg_sys::MyProc).xid,
                command,
                // Before the first command there is no change of its own to see.
                subtransaction: if command == 0 { 0 } else { GetCurrentSubTransactionId() },
            })
        }
    }
}

/// Returns whether a query finds rows among those that are committed now. At the isolation levels REPEATABLE READ and
/// SERIALIZABLE, the other statements of the transaction do not see the latest of them. At other levels they do, so this
/// returns false without running the query. The caller must have an SPI connection.
pub fn has_unseen_rows(query: &str, arguments: &[Argument]) -> bool {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::XactIsoLevel } < pg_sys::XACT_REPEATABLE_READ as i32 {
        return false;
    }
    // SAFETY: calls are paired where nothing unwinds, and an error ends the (sub)transaction with its snapshots.
    unsafe {
        // What this transaction has deleted is not found.
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        let found = !spi::select_of_statement(query, arguments).is_empty();
        pg_sys::PopActiveSnapshot();
        found
    }
}
