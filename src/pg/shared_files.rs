//! Temporary files that a process shares with its parallel workers. PostgreSQL counts them against `temp_file_limit`, puts
//! them into `temp_tablespaces`, and deletes them when the last process detaches from the shared memory that they belong
//! to: at the end of the query, after an error, and after a process was terminated.
//!
//! A worker finds the files by a setting, as it finds the counts of [`crate::event_counts`].

use super::settings;
use super::shared::Shared;
use pgrx::pg_sys;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{CString, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What the processes share about the files.
#[derive(Default)]
#[repr(C)]
pub struct SharedFiles {
    set: UnsafeCell<pg_sys::SharedFileSet>,
    writers: AtomicU32,
    shares: AtomicU32,
    are_complete: AtomicBool,
}

// SAFETY: PostgreSQL made the set for use by several processes, and locks what it changes.
unsafe impl Sync for SharedFiles {}

thread_local! {
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
        // SAFETY: no other process knows the segment yet. The set is in this segment.
        unsafe { pg_sys::SharedFileSetInit(files.set.get(), shared.segment()) };
        Some(Self { shared })
    }

    /// Says that all files are written. From now on, they can be read.
    pub fn complete(&self) {
        self.shared.get().are_complete.store(true, Ordering::Release);
    }

    /// Runs `body`, whose queries write and read the files. Those of an outer call are restored afterwards, also after an
    /// error.
    pub fn within<R>(&self, body: impl FnOnce() -> R) -> R {
        struct Restore(Option<NonNull<SharedFiles>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                RUNNING.set(self.0);
            }
        }
        let _restore = Restore(RUNNING.replace(Some(NonNull::from(self.shared.get()))));
        settings::with_event_files(self.shared.handle(), body)
    }
}

impl SharedFiles {
    /// Runs `body` with the files of the running query. `None` if no query with files is running.
    pub fn of_query<R>(body: impl FnOnce(&Self) -> R) -> Option<R> {
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

    /// Whether all files of the running query are written. `None` if no query with files is running.
    pub fn are_complete() -> Option<bool> {
        Self::of_query(|files| files.are_complete.load(Ordering::Acquire))
    }

    /// The number of shares.
    pub fn shares(&self) -> u32 {
        self.shares.load(Ordering::Relaxed).max(1)
    }

    /// Returns a number that no other writer has.
    pub fn next_writer(&self) -> u32 {
        self.writers.fetch_add(1, Ordering::Relaxed)
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

fn name(writer: u32, share: u32) -> CString {
    CString::new(format!("{writer}.{share}")).unwrap_or_default()
}

/// A file that this process writes. PostgreSQL closes it after an error.
#[derive(Clone, Copy)]
pub struct FileToWrite {
    file: *mut pg_sys::BufFile,
}

impl FileToWrite {
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
        unsafe {
            #[cfg(feature = "pg15")]
            return pg_sys::BufFileRead(self.file.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len());
            #[cfg(not(feature = "pg15"))]
            return pg_sys::BufFileReadMaybeEOF(
                self.file.as_ptr(),
                bytes.as_mut_ptr().cast(),
                bytes.len(),
                true,
            );
        }
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
