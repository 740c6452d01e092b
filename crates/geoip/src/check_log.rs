//! The time at which a process of the server last checked the files of a setting. A process notes its check before it
//! checks. A new generation therefore never becomes valid for a statement for which some process may already have
//! chosen the previous one.

use crate::directory::{Directory, Writer};
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

const POLL: Duration = Duration::from_micros(200);

/// A check that was noted, and the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileCheck {
    pub at_us: i64,
    /// The last check of any process before this one, if it is known.
    pub before_us: Option<i64>,
}

/// The log, locked. No process can check files while the lock is held.
pub(crate) struct CheckLog {
    file: File,
    last_us: Option<i64>,
}

impl FileCheck {
    /// Notes a check that is made now.
    ///
    /// If the time cannot be written, the log is emptied, which needs no room on the disk. Then the last check is unknown,
    /// and a generation that is published next is valid only for later statements.
    pub fn note(
        directory: &Directory,
        now_us: i64,
        writer: Writer,
        interrupt: &mut dyn FnMut(),
    ) -> io::Result<Self> {
        let mut log = CheckLog::hold(directory, interrupt)?;
        // The time is later than that of every check before, so it identifies this one.
        let at_us = log.last_us.map_or(now_us, |last| now_us.max(last.saturating_add(1)));
        if let Err(error) = writer(&mut log.file, &at_us.to_le_bytes()) {
            log.file.set_len(0)?;
            return Err(error);
        }
        Ok(Self { at_us, before_us: log.last_us })
    }
}

impl CheckLog {
    /// Waits for the lock, which is never held for long.
    pub fn hold(directory: &Directory, interrupt: &mut dyn FnMut()) -> io::Result<Self> {
        let file = directory.check_log_file()?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    interrupt();
                    std::thread::sleep(POLL);
                }
            }
        }
        let mut bytes = [0; 8];
        let last_us = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Some(i64::from_le_bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, last_us })
    }

    /// The last check of any process except `own`.
    pub fn last_but(&self, own: Option<FileCheck>) -> Option<i64> {
        match own {
            Some(own) if self.last_us == Some(own.at_us) => own.before_us,
            _ => self.last_us,
        }
    }
}
