//! What a running statement can see, as something to compare.

use pgrx::pg_sys;

unsafe extern "C-unwind" {
    // utils/snapmgr.h, access/xact.h. pgrx binds them behind a barrier against errors, but they only read variables.
    fn ActiveSnapshotSet() -> bool;
    fn GetActiveSnapshot() -> pg_sys::Snapshot;
    fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
}

/// Two that are equal see the same rows, whatever statements or transactions of this process they belong to: of the
/// others' changes the same, since the transactions that run below `xmax` only ever become fewer, so that their number
/// says which they are; and of its own the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: pg_sys::TransactionId,
    xmax: pg_sys::TransactionId,
    running: u32,
    running_below: i32,
    /// The transaction that runs, of which a snapshot of its own says nothing.
    own: pg_sys::TransactionId,
    /// Which of its changes are seen: those before this command, unless a subtransaction was rolled back.
    command: pg_sys::CommandId,
    subtransaction: pg_sys::SubTransactionId,
}

impl Snapshot {
    /// That of the caller's statement; none outside of any.
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
