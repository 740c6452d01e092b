//! A worker process of `travel.load_files`: it loads the files that it is given, each in a transaction of its own.

use super::message::{Job, Told};
use super::segment::{Detached, Queue, Segment};
use crate::load_files::file::load_one;
use crate::load_files::progress::Progress;
use crate::pg::allocator::with_reserve;
use crate::pg::errors::TravelError;
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;
use std::ffi::c_int;

#[cfg(not(feature = "pg18"))]
use pg_sys::pqsignal as set_handler;
#[cfg(feature = "pg18")]
use pg_sys::pqsignal_be as set_handler;

unsafe extern "C-unwind" {
    /// libpq/pqmq.h, which pgrx does not bind.
    fn pq_redirect_to_shm_mq(memory: *mut pg_sys::dsm_segment, queue: *mut pg_sys::shm_mq_handle);
    /// tcop/tcopprot.h. The function that pgrx binds cannot be the handler of a signal.
    fn die(signal: c_int);
}

thread_local! {
    /// The queue of messages to the session. Only a worker has one.
    static TOLD: RefCell<Option<Queue>> = const { RefCell::new(None) };
}

/// The beginning and the end of a worker process. The argument is the handle of its memory.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn travel_load_files_worker(argument: pg_sys::Datum) {
    // SAFETY: PostgreSQL calls this once, at the start of the process, with signals blocked. The handler ends the
    // process as it ends a backend: at the next check for interrupts.
    unsafe {
        set_handler(pg_sys::SIGTERM as c_int, Some(die));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
    // The session may have ended in the meantime.
    let Some(segment) = Segment::attach(argument.value() as u32) else { return };
    let (mut jobs, told) = segment.worker_queues();
    // SAFETY: the queue lives as long as the process. From here on, errors and notices of this process go to the
    // session that started it, as its settings say.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| pq_redirect_to_shm_mq(segment.memory(), told.end())) };
    TOLD.set(Some(told));
    keep_freed_memory();
    become_session(&segment);
    let root = segment.root();
    // An error ends the process, after it was reported.
    if tell(&Told::Ready).is_ok() {
        while let Ok(Some(message)) = jobs.receive(true) {
            let Some(job) = Job::of_bytes(message) else { return };
            if with_reserve(|| run(segment.start().target, &root, &job)).is_err() {
                return;
            }
        }
    }
}

/// Makes the C library keep the memory that a batch of records frees, for the next batch. By default, it gives blocks
/// of this size back to the system, which then has to clear their pages again.
fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            /// malloc.h
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: sets two numbers of the C library. This process has only one thread.
        unsafe {
            mallopt(M_TRIM_THRESHOLD, 64 << 20);
            mallopt(M_MMAP_THRESHOLD, 32 << 20);
        }
    }
}

/// Connects to the database as the session that started this process, with its role, libraries and settings.
fn become_session(segment: &Segment) {
    let start = segment.start();
    // SAFETY: the calls that start a parallel worker of PostgreSQL, in their order. Messages are in the encoding of the
    // database, as the session that passes them on expects.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnectionByOid(start.database, start.session_role, 0);
        pg_sys::StartTransactionCommand();
        segment.restore_session();
        pg_sys::CommitTransactionCommand();
        pg_sys::SetClientEncoding(pg_sys::GetDatabaseEncoding());
        pg_sys::SetCurrentRoleId(start.role, start.role_is_superuser);
        pg_sys::SetUserIdAndSecContext(start.role, 0);
    }
    Progress::pass_on(|bytes, records| {
        // If the session is gone, the next message ends this process.
        let _ = tell(&Told::Read { bytes, records });
    });
}

/// Loads a file in a transaction of its own, and sends the result to the session.
fn run(target: pg_sys::Oid, root: &str, job: &Job) -> Result<(), Detached> {
    // SAFETY: a transaction with a snapshot, as PostgreSQL runs a statement. It has the isolation level of the
    // transactions of travel.load_files, which is set before the snapshot is taken.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        pg_sys::XactIsoLevel = pg_sys::XACT_READ_COMMITTED as c_int;
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let state = pg_sys::BackendState::STATE_RUNNING;
        pg_sys::pgstat_report_activity(state, c"CALL travel.load_files (a worker)".as_ptr());
    }
    Progress::begin();
    Progress::with(|progress| progress.named = job.named);
    let ended =
        load_one(target, root, job.file, None, true).unwrap_or_else(|error| TravelError::raise(error));
    // SAFETY: the end of the transaction above.
    unsafe {
        pg_sys::PopActiveSnapshot();
        pg_sys::CommitTransactionCommand();
        pg_sys::pgstat_report_stat(true);
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, std::ptr::null());
    }
    tell(&Told::Ended(ended))
}

fn tell(told: &Told) -> Result<(), Detached> {
    TOLD.with_borrow_mut(|queue| queue.as_mut().map_or(Ok(()), |queue| queue.tell(told)))
}
