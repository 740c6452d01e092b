//! Temporary files that a process shares with its parallel workers. PostgreSQL counts them against `temp_file_limit`, puts
//! them into `temp_tablespaces`, and deletes them when the last process detaches from the shared memory that they belong
//! to: at the end of the query, after an error, and after a process was terminated.
//!
//! A worker finds the files by a setting, as it finds the counts of [`crate::event_counts`].
//!
//! Functions that SQL calls write and read the files, so any function that runs meanwhile can call them. They are refused
//! unless the caller has the rights of the role that made the files, and the running query is the one that was named by
//! [`OwnFiles::within`]. A function with the rights of another role could read the events of this role, or add some. A
//! function with the rights of this role can do whatever this role can.

#[cfg(any(test, feature = "pg_test"))]
mod tests;

use super::settings;
use super::shared::Shared;
use pgrx::pg_sys;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use travel_core::share;

/// What the processes share about the files.
#[derive(Default)]
#[repr(C)]
pub struct SharedFiles {
    set: UnsafeCell<pg_sys::SharedFileSet>,
    /// Distinguishes these files from earlier and later ones of the same session.
    number: AtomicU64,
    /// The role that made the files.
    role: AtomicU32,
    /// A digest of the text of the query that may use the files now.
    query: AtomicI64,
    writers: AtomicU32,
    shares: AtomicU32,
    are_complete: AtomicBool,
}

// SAFETY: PostgreSQL made the set for use by several processes, and locks what it changes.
unsafe impl Sync for SharedFiles {}

thread_local! {
    /// The number of sets of files that this process has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
    /// Whether this process writes files of the running query, or has written them.
    static HAS_WRITER: Cell<bool> = const { Cell::new(false) };
    /// The files of the running query, in the process that made them.
    static RUNNING: Cell<Option<NonNull<SharedFiles>>> = const { Cell::new(None) };
    /// In a worker: the files that it shares. A worker serves one query and then ends.
    static OF_WORKER: Cell<Option<Option<&'static SharedFiles>>> = const { Cell::new(None) };
}

/// The files of a query that this process runs. They are deleted when it is dropped.
pub struct OwnFiles {
    shared: Shared<SharedFiles>,
}

impl OwnFiles {
    /// Makes an empty set of files for this number of shares. `None` if PostgreSQL has no shared memory left.
    pub fn create(shares: u32) -> Option<Self> {
        let shared = Shared::<SharedFiles>::create()?;
        let files = shared.get();
        files.shares.store(shares, Ordering::Relaxed);
        MADE.set(MADE.get() + 1);
        files.number.store(MADE.get(), Ordering::Relaxed);
        files.role.store(current_role(), Ordering::Relaxed);
        // SAFETY: no other process knows the segment yet. The set is in this segment.
        unsafe { pg_sys::SharedFileSetInit(files.set.get(), shared.segment()) };
        Some(Self { shared })
    }

    /// Marks the files as complete. From now on, the query with this text reads them.
    pub fn complete(&self, reader: &str) {
        let files = self.shared.get();
        files.query.store(share::digest_after(0, reader.as_bytes()), Ordering::Relaxed);
        files.are_complete.store(true, Ordering::Release);
    }

    /// Runs `body`, in which the query with this text writes the files, until they are complete. Those of an outer call
    /// are restored afterwards, also after an error.
    pub fn within<R>(&self, writer: &str, body: impl FnOnce() -> R) -> R {
        struct Restore(Option<NonNull<SharedFiles>>, bool);
        impl Drop for Restore {
            fn drop(&mut self) {
                RUNNING.set(self.0);
                HAS_WRITER.set(self.1);
            }
        }
        let files = self.shared.get();
        files.query.store(share::digest_after(0, writer.as_bytes()), Ordering::Relaxed);
        let _restore = Restore(RUNNING.replace(Some(NonNull::from(files))), HAS_WRITER.replace(false));
        settings::with_event_files(self.shared.handle(), body)
    }
}

impl SharedFiles {
    /// Runs `body` with the files that the running query writes. `None` if a query with this text may not write any now.
    pub fn to_write<R>(query: Option<&CStr>, body: impl FnOnce(&Self) -> R) -> Option<R> {
        let body = |files: &Self| (files.is_of(query) && !files.is_complete()).then(|| body(files));
        Self::of_role(body).flatten()
    }

    /// Runs `body` with the files that the running query reads. `None` if a query with this text may not read any now.
    pub fn to_read<R>(query: Option<&CStr>, body: impl FnOnce(&Self) -> R) -> Option<R> {
        let body = |files: &Self| (files.is_of(query) && files.is_complete()).then(|| body(files));
        Self::of_role(body).flatten()
    }

    /// Runs `body` with the files that have this number. `None` if they can no longer be written. A file that is open
    /// then must not be touched: it refers to the shared memory of its set, which is gone.
    pub fn with_number<R>(number: u64, body: impl FnOnce(&Self) -> R) -> Option<R> {
        let body = |files: &Self| (files.number() == number && !files.is_complete()).then(|| body(files));
        Self::of_role(body).flatten()
    }

    /// The number of these files, which no others of the session have.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    /// Whether this is the text of the query that may use the files now. A worker runs with the text of the leader.
    fn is_of(&self, query: Option<&CStr>) -> bool {
        query.is_some_and(|query| {
            share::digest_after(0, query.to_bytes()) == self.query.load(Ordering::Relaxed)
        })
    }

    fn is_complete(&self) -> bool {
        self.are_complete.load(Ordering::Acquire)
    }

    /// Runs `body` with the files of the running query. `None` if no query with files is running, or if the rights are
    /// now those of another role.
    fn of_role<R>(body: impl FnOnce(&Self) -> R) -> Option<R> {
        let is_own = |files: &Self| files.role.load(Ordering::Relaxed) == current_role();
        Self::of_query(|files| is_own(files).then(|| body(files))).flatten()
    }

    fn of_query<R>(body: impl FnOnce(&Self) -> R) -> Option<R> {
        if let Some(files) = RUNNING.get() {
            // SAFETY: `OwnFiles::within` is running, and its files live longer.
            return Some(body(unsafe { files.as_ref() }));
        }
        // SAFETY: reads a variable of the backend.
        if unsafe { pg_sys::ParallelWorkerNumber } < 0 {
            return None;
        }
        let files = OF_WORKER.get().unwrap_or_else(|| {
            let found = Shared::<Self>::attach_with_segment(settings::event_files());
            // SAFETY: the set is in this segment. It is an error of PostgreSQL if the files were deleted.
            let files = found.map(|(files, segment)| unsafe {
                pg_sys::SharedFileSetAttach(files.set.get(), segment);
                files
            });
            OF_WORKER.set(Some(files));
            files
        });
        files.map(body)
    }

    /// The number of shares.
    pub fn shares(&self) -> u32 {
        self.shares.load(Ordering::Relaxed).max(1)
    }

    /// Returns a number that no other writer has. `None` if this process has a writer of these files.
    pub fn next_writer(&self) -> Option<u32> {
        (!HAS_WRITER.replace(true)).then(|| self.writers.fetch_add(1, Ordering::Relaxed))
    }

    /// The number of writers so far.
    pub fn writers(&self) -> u32 {
        self.writers.load(Ordering::Relaxed)
    }

    /// Creates the file of a writer for a share, in the current memory context.
    pub fn create_file(&self, writer: u32, share: u32) -> FileToWrite {
        let name = name(writer, share);
        // SAFETY: the set lives as long as `self`.
        let file = unsafe { pg_sys::BufFileCreateFileSet(self.file_set(), name.as_ptr()) };
        FileToWrite { file }
    }

    /// Opens the file of a writer for a share. `None` if the writer has not created one.
    pub fn open_file(&self, writer: u32, share: u32) -> Option<FileToRead> {
        let name = name(writer, share);
        // SAFETY: the set lives as long as `self`. 0 is O_RDONLY.
        let file = unsafe { pg_sys::BufFileOpenFileSet(self.file_set(), name.as_ptr(), 0 as c_int, true) };
        NonNull::new(file).map(|file| FileToRead { file })
    }

    fn file_set(&self) -> *mut pg_sys::FileSet {
        // SAFETY: only the address of a field.
        unsafe { &raw mut (*self.set.get()).fs }
    }
}

/// The role whose privileges are checked now.
fn current_role() -> u32 {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetUserId() }.to_u32()
}

fn name(writer: u32, share: u32) -> CString {
    CString::new(format!("{writer}.{share}")).unwrap_or_default()
}

/// A file that this process writes. PostgreSQL closes it after an error.
#[derive(Clone, Copy)]
pub struct FileToWrite {
    file: *mut pg_sys::BufFile,
}

impl FileToWrite {
    /// Appends bytes to the file.
    pub fn write(self, bytes: &[u8]) {
        // SAFETY: the file is open; PostgreSQL only reads the bytes.
        unsafe { pg_sys::BufFileWrite(self.file, bytes.as_ptr().cast_mut().cast::<c_void>(), bytes.len()) };
    }

    /// Writes what is left, and lets other processes read the file.
    pub fn export(self) {
        // SAFETY: the file is open.
        unsafe { pg_sys::BufFileExportFileSet(self.file) };
    }

    /// Closes the file, which must not be used again.
    pub fn close(self) {
        // SAFETY: the file is open.
        unsafe { pg_sys::BufFileClose(self.file) };
    }
}

/// A file that this process reads. PostgreSQL closes it after an error.
pub struct FileToRead {
    file: NonNull<pg_sys::BufFile>,
}

impl FileToRead {
    /// Reads the next bytes. Returns their number, which is smaller than that of `bytes` only at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        // SAFETY: the file is open, and `bytes` has this length.
        unsafe { pg_sys::BufFileRead(self.file.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) }
    }
}

impl Drop for FileToRead {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the file is open, and not used again.
            unsafe { pg_sys::BufFileClose(self.file.as_ptr()) };
        }
    }
}
