//! A worker process, from the point of view of the session that started it.

use super::message::{ERROR, Ended, Job, Told};
use super::segment::{Detached, Queue, Segment};
use crate::pg::errors::{FilesError, TravelError};
use crate::pg::report::Report;
use pgrx::{PgLogLevel, pg_sys};
use std::collections::VecDeque;
use std::ffi::{CStr, c_char};

/// The most files that a worker has: the one that it loads, and the next one, so it never waits for the session.
const FILES: usize = 2;

/// The library and the function that a worker runs.
const LIBRARY: &CStr = c"$libdir/impossible_travel";
const FUNCTION: &CStr = c"travel_load_files_worker";

unsafe extern "C-unwind" {
    /// libpq/pqmq.h, which pgrx does not bind.
    fn pq_parse_errornotice(message: *mut pg_sys::StringInfoData, error: *mut pg_sys::ErrorData);
}

/// A worker process that was started.
pub struct Process {
    handle: *mut pg_sys::BackgroundWorkerHandle,
    segment: Segment,
    jobs: Queue,
    told: Queue,
    is_ready: bool,
    /// The files that the worker has, in order.
    files: VecDeque<String>,
    /// How much the worker has read of the first file: compressed bytes, and records.
    pub read: (u64, u64),
}

/// The result of reading the messages of a worker.
pub enum Heard {
    Nothing,
    /// The worker has finished this file.
    Ended(String, Ended),
    /// The worker could not start.
    Absent,
}

impl Process {
    /// Starts a worker. `None` if the server has no place for another process.
    pub fn start(target: pg_sys::Oid, root: &str) -> Option<Self> {
        let segment = Segment::create(target, root);
        let mut worker = pg_sys::BackgroundWorker {
            bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS
                | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION
                | pg_sys::BGWORKER_CLASS_PARALLEL) as i32,
            bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_ConsistentState,
            bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
            bgw_main_arg: pg_sys::Datum::from(segment.handle()),
            // SAFETY: reads a variable of the backend.
            bgw_notify_pid: unsafe { pg_sys::MyProcPid },
            ..Default::default()
        };
        write_text(&mut worker.bgw_name, c"load_files worker");
        write_text(&mut worker.bgw_type, c"load_files worker");
        write_text(&mut worker.bgw_library_name, LIBRARY);
        write_text(&mut worker.bgw_function_name, FUNCTION);
        let mut handle = std::ptr::null_mut();
        // SAFETY: a complete description; the handle is made in the current memory context.
        if !unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle) } {
            segment.detach();
            return None;
        }
        let (jobs, told) = segment.session_queues(handle);
        Some(Self { handle, segment, jobs, told, is_ready: false, files: VecDeque::new(), read: (0, 0) })
    }

    pub fn handle(&self) -> *mut pg_sys::BackgroundWorkerHandle {
        self.handle
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub fn is_idle(&self) -> bool {
        self.files.is_empty()
    }

    /// The number of files that the worker still takes.
    pub fn room(&self) -> usize {
        FILES - self.files.len().min(FILES)
    }

    /// Hands a file to the worker.
    pub fn load(&mut self, file: &str, named: usize) -> Result<(), TravelError> {
        self.jobs.send_job(&Job { named, file }).map_err(|_| lost())?;
        self.files.push_back(file.to_owned());
        Ok(())
    }

    /// Reads the messages of the worker, up to the end of a file. Its notices and warnings are sent to the client, and
    /// its error is raised.
    pub fn hear(&mut self) -> Result<Heard, TravelError> {
        loop {
            let message = match self.told.receive(false) {
                Ok(None) => return Ok(Heard::Nothing),
                Ok(Some(message)) => message,
                Err(Detached) if self.is_ready => return Err(lost()),
                Err(Detached) => return Ok(Heard::Absent),
            };
            match Told::of_bytes(message) {
                Some(Told::Ready) => self.is_ready = true,
                Some(Told::Read { bytes, records }) => self.read = (bytes, records),
                Some(Told::Ended(ended)) => {
                    self.read = (0, 0);
                    let file = self.files.pop_front().ok_or_else(lost)?;
                    return Ok(Heard::Ended(file, ended));
                }
                // The reason why it could not start, such as too many connections. Other processes load its files.
                Some(Told::Report(report @ [ERROR, ..])) if !self.is_ready => {
                    Report::notice("a worker process of travel.load_files could not start")
                        .detail(format!("{}.", text_of(report)))
                        .send();
                }
                Some(Told::Report(report)) => pass_on(report),
                None => return Err(lost()),
            }
        }
    }

    /// Ends the worker, which has no files left.
    pub fn end(self) {
        self.segment.detach();
        // SAFETY: the handle is that of a process that was started.
        unsafe { pg_sys::WaitForBackgroundWorkerShutdown(self.handle) };
    }

    /// Detaches from a process that was terminated.
    pub fn forget(self) {
        self.segment.detach();
    }
}

fn lost() -> TravelError {
    FilesError::WorkerLost.into()
}

/// Sends a message of a worker to the client. If it is an error, this session's statement ends with it.
fn pass_on(report: &[u8]) {
    let mut error = parsed(report);
    // The end of a worker must not end the session.
    error.elevel = error.elevel.min(PgLogLevel::ERROR as i32);
    // SAFETY: a complete description of an error, a warning or a notice.
    unsafe { pg_sys::ThrowErrorData(&mut error) };
}

fn text_of(report: &[u8]) -> String {
    let message = parsed(report).message;
    if message.is_null() {
        return String::new();
    }
    // SAFETY: a C string in the current memory context.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

/// Reads an error or a notice of PostgreSQL's protocol, whose first byte is its type.
fn parsed(report: &[u8]) -> pg_sys::ErrorData {
    let (mut error, mut buffer) = (pg_sys::ErrorData::default(), pg_sys::StringInfoData::default());
    // SAFETY: the bytes are copied into a buffer in the current memory context, where the texts of the error are made.
    unsafe {
        pg_sys::initStringInfo(&mut buffer);
        let body = report.get(1..).unwrap_or_default();
        pg_sys::appendBinaryStringInfo(&mut buffer, body.as_ptr().cast(), body.len() as i32);
        pg_sys::ffi::pg_guard_ffi_boundary(|| pq_parse_errornotice(&mut buffer, &mut error));
    }
    error
}

/// Writes a C string into an array that is longer than it.
fn write_text(into: &mut [c_char], text: &CStr) {
    for (to, from) in into.iter_mut().zip(text.to_bytes_with_nul()) {
        *to = *from as c_char;
    }
}
