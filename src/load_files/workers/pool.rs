//! The worker processes of a call of `travel.load_files`.

use super::message::Ended;
use super::process::{Heard, Process};
use super::segment::LONGEST_PATH;
use crate::load_files::progress::Progress;
use crate::pg::errors::TravelError;
use crate::pg::memory::within;
use crate::pg::table;
use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// The least number of files, and of their bytes. A call that has less of both to load starts no workers.
const FEWEST_FILES: u64 = 50;
const FEWEST_BYTES: u64 = 1 << 20;

/// How often the session looks at its progress while it waits, in milliseconds.
const TICK_MS: i64 = 1000;

thread_local! {
    /// The workers of the call that is in progress.
    static POOL: RefCell<Option<Pool>> = const { RefCell::new(None) };
    /// Their handles, for the end of the session, which can come while the pool is borrowed.
    static HANDLES: RefCell<Vec<*mut pg_sys::BackgroundWorkerHandle>> = const { RefCell::new(Vec::new()) };
}

/// The workers, and the folder that they load into a table.
struct Pool {
    target: pg_sys::Oid,
    root: String,
    workers: Vec<Process>,
    /// The files that were finished, and that [`ended`] has not returned yet.
    ended: Vec<(String, Ended)>,
    /// The memory of handles and queues, which outlives transactions.
    memory: pg_sys::MemoryContext,
}

/// Starts the workers of a call, if there is enough to load and workers can act for the session. Without workers, the
/// session loads the files itself.
pub fn begin(target: pg_sys::Oid, root: &str) -> Result<(), TravelError> {
    terminate();
    let (files, bytes) = Progress::with(|progress| (progress.files, progress.bytes));
    // SAFETY: reads a setting of the backend.
    let allowed = u64::try_from(unsafe { pg_sys::max_parallel_maintenance_workers }).unwrap_or(0);
    let most = allowed.min(files);
    // One worker would be no faster than the session.
    if most < 2 || (files < FEWEST_FILES && bytes < FEWEST_BYTES) || !others_can_act(target) {
        return Ok(());
    }
    terminate_at_abort();
    POOL.set(Some(Pool::new(target, root)));
    with_pool(target, root, |pool| {
        for _ in 0..most {
            if !pool.start() {
                break;
            }
        }
        pool.wait(|pool| pool.workers.iter().all(Process::is_ready))
    })?;
    if POOL.with_borrow(|pool| pool.as_ref().is_some_and(|pool| pool.workers.len() < 2)) {
        end();
    }
    Ok(())
}

/// Hands a file to a worker as soon as one takes it. Returns false if this call has no workers, or none takes the file.
pub fn load(target: pg_sys::Oid, root: &str, file: &str) -> Result<bool, TravelError> {
    if file.len() > LONGEST_PATH {
        return Ok(false);
    }
    let handed = with_pool(target, root, |pool| {
        pool.wait(|pool| pool.workers.iter().any(|worker| worker.room() > 0))?;
        let named = Progress::with(|progress| progress.named);
        match pool.workers.iter_mut().max_by_key(|worker| worker.room()) {
            Some(worker) => worker.load(file, named).map(|()| true),
            None => Ok(false),
        }
    });
    handed.map(|handed| handed.unwrap_or(false))
}

/// The files that workers have finished since the last call of this function.
pub fn ended() -> Vec<(String, Ended)> {
    POOL.with_borrow_mut(|pool| pool.as_mut().map_or_else(Vec::new, |pool| std::mem::take(&mut pool.ended)))
}

/// Waits until a worker has finished a file. If no worker has a file left, it ends the workers and returns false.
pub fn wait(target: pg_sys::Oid, root: &str) -> Result<bool, TravelError> {
    let is_working = with_pool(target, root, |pool| {
        pool.wait(|pool| !pool.ended.is_empty() || pool.workers.iter().all(Process::is_idle))?;
        Ok(!pool.ended.is_empty())
    })?;
    if is_working != Some(true) {
        end();
    }
    Ok(is_working.unwrap_or(false))
}

/// Runs `body` with the pool of this call, if there is one.
fn with_pool<R>(
    target: pg_sys::Oid,
    root: &str,
    body: impl FnOnce(&mut Pool) -> Result<R, TravelError>,
) -> Result<Option<R>, TravelError> {
    POOL.with_borrow_mut(|pool| {
        // A trigger can call travel.load_files for another table.
        let pool = pool.as_mut().filter(|pool| pool.target == target && pool.root == root);
        pool.map(body).transpose()
    })
}

impl Pool {
    fn new(target: pg_sys::Oid, root: &str) -> Self {
        // SAFETY: a plain call; the context is deleted with the pool.
        let memory = unsafe {
            pg_sys::AllocSetContextCreateExtended(
                pg_sys::TopMemoryContext,
                c"travel: workers of load_files".as_ptr(),
                0,
                1 << 10,
                8 << 20,
            )
        };
        Self { target, root: root.to_owned(), workers: Vec::new(), ended: Vec::new(), memory }
    }

    /// Starts one more worker. Returns false if the server has no place for another process.
    fn start(&mut self) -> bool {
        // SAFETY: the context lives as long as the pool.
        let started = unsafe { within(self.memory, || Process::start(self.target, &self.root)) };
        let Some(worker) = started else { return false };
        HANDLES.with_borrow_mut(|handles| handles.push(worker.handle()));
        self.workers.push(worker);
        true
    }

    /// Reads the messages of the workers until `is_done`, or until no worker is left.
    fn wait(&mut self, is_done: impl Fn(&Self) -> bool) -> Result<(), TravelError> {
        loop {
            self.hear()?;
            if self.workers.is_empty() || is_done(self) {
                return Ok(());
            }
            let read = self.workers.iter().map(|worker| worker.read);
            let (bytes, records) = read.fold((0, 0), |sum, read| (sum.0 + read.0, sum.1 + read.1));
            Progress::report(bytes, records);
            // SAFETY: waits for the latch of this process, which the workers set.
            unsafe {
                let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
                pg_sys::WaitLatch(pg_sys::MyLatch, events as i32, TICK_MS, pg_sys::PG_WAIT_EXTENSION);
                pg_sys::ResetLatch(pg_sys::MyLatch);
            }
            pgrx::check_for_interrupts!();
        }
    }

    fn hear(&mut self) -> Result<(), TravelError> {
        let mut at = 0;
        while let Some(worker) = self.workers.get_mut(at) {
            match worker.hear()? {
                Heard::Nothing => at += 1,
                Heard::Ended(file, ended) => {
                    Progress::with(|progress| {
                        progress.end_file(ended.bytes, ended.records as u64);
                        progress.named = progress.named.saturating_sub(ended.named);
                    });
                    self.ended.push((file, ended));
                }
                Heard::Absent => {
                    let absent = self.workers.remove(at);
                    HANDLES.with_borrow_mut(|handles| handles.retain(|handle| *handle != absent.handle()));
                    absent.end();
                }
            }
        }
        Ok(())
    }
}

/// Whether a worker can act for this session: the session has no state that a worker cannot take over, and its role is
/// the one that authenticated, as which a worker can connect.
fn others_can_act(target: pg_sys::Oid) -> bool {
    let (mut role, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: reads variables of the backend.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut role, &mut context);
        context == 0
            && pg_sys::GetAuthenticatedUserId() == pg_sys::GetSessionUserId()
            && table::persistence(target).is_some_and(|is| is != pg_sys::RELPERSISTENCE_TEMP)
            && !pg_sys::IsInParallelMode()
    }
}

/// Ends the workers, which have no more files.
fn end() {
    if let Some(pool) = POOL.take() {
        for worker in pool.workers {
            worker.end();
        }
        HANDLES.take();
        // SAFETY: the context of the pool, whose handles are not used any more.
        unsafe { pg_sys::MemoryContextDelete(pool.memory) };
    }
}

/// Ends the workers at once. What they have not committed is rolled back.
fn terminate() {
    let handles = HANDLES.take();
    // SAFETY: handles of processes that were started. They are waited for, so nothing is written after the end of the
    // call.
    unsafe {
        for handle in &handles {
            pg_sys::TerminateBackgroundWorker(*handle);
        }
        for handle in &handles {
            pg_sys::WaitForBackgroundWorkerShutdown(*handle);
        }
    }
    // If the whole session ends while it waits for its workers, the pool is borrowed. It is then freed with the
    // process.
    let pool = POOL.with(|pool| pool.try_borrow_mut().ok().and_then(|mut pool| pool.take()));
    if let Some(pool) = pool {
        for worker in pool.workers {
            worker.forget();
        }
        // SAFETY: as in `end`.
        unsafe { pg_sys::MemoryContextDelete(pool.memory) };
    }
}

/// Makes the workers end when a transaction of the session is rolled back.
fn terminate_at_abort() {
    thread_local! {
        static IS_REGISTERED: Cell<bool> = const { Cell::new(false) };
    }
    if !IS_REGISTERED.replace(true) {
        // SAFETY: the function has the type that PostgreSQL expects, and exists as long as the process.
        unsafe { pg_sys::RegisterXactCallback(Some(at_end_of_transaction), std::ptr::null_mut()) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end_of_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    if event == pg_sys::XactEvent::XACT_EVENT_ABORT {
        terminate();
    }
}
