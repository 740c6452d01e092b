//! The progress of a call of `travel.load_files`, and the notices about it.

use crate::pg::report::{Report, counted};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// The time between two notices.
const INTERVAL: Duration = Duration::from_secs(5);

/// The number of skipped records of one call that get a notice each.
const NAMED_SKIPS: usize = 20;

thread_local! {
    /// The call that is in progress, or the last one.
    static CALL: RefCell<Progress> = RefCell::new(Progress::new());
    /// The function to which a worker passes its progress.
    static LISTENER: Cell<Option<Listener>> = const { Cell::new(None) };
}

/// A function that takes how much of a file was read: compressed bytes, and records.
type Listener = fn(u64, u64);

/// How far a call has come, and how much is left.
#[derive(Clone, Debug)]
pub struct Progress {
    began: Instant,
    reported: Instant,
    /// The number of files to load, and their size in bytes.
    pub files: u64,
    pub bytes: u64,
    /// The number of files that were loaded or refused, and their size in bytes.
    done: u64,
    bytes_done: u64,
    records: u64,
    /// How many skipped records may still be named.
    pub named: usize,
    /// The files that deadlocked with another transaction. They are tried once more.
    pub again: Vec<String>,
}

impl Progress {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            reported: now,
            files: 0,
            bytes: 0,
            done: 0,
            bytes_done: 0,
            records: 0,
            named: NAMED_SKIPS,
            again: Vec::new(),
        }
    }

    /// Begins a call.
    pub fn begin() {
        CALL.set(Self::new());
    }

    /// Changes the progress of the call.
    pub fn with<R>(change: impl FnOnce(&mut Self) -> R) -> R {
        CALL.with_borrow_mut(change)
    }

    /// Counts a file that was loaded or refused.
    pub fn end_file(&mut self, bytes: u64, records: u64) {
        self.done += 1;
        self.bytes_done += bytes;
        self.records += records;
    }

    /// Makes [`Progress::report`] call this function instead of sending notices.
    pub fn pass_on(to: Listener) {
        LISTENER.set(Some(to));
    }

    /// Sends a notice if the last one was sent long enough ago. `bytes` and `records` are those of the files that are
    /// being read.
    pub fn report(bytes: u64, records: u64) {
        if let Some(listener) = LISTENER.get() {
            listener(bytes, records);
            return;
        }
        let now = Instant::now();
        let message = Self::with(|call| {
            (now.duration_since(call.reported) >= INTERVAL).then(|| {
                call.reported = now;
                call.message(now.duration_since(call.began), bytes, records)
            })
        });
        if let Some(message) = message {
            Report::notice(message).send();
        }
    }

    fn message(&self, time: Duration, bytes: u64, records: u64) -> String {
        let (records, bytes) = (self.records + records, self.bytes_done + bytes);
        let seconds = time.as_secs_f64();
        let rate = records as f64 / seconds;
        let left = match bytes {
            0 => String::new(),
            bytes => {
                let left = self.bytes.saturating_sub(bytes) as f64 * seconds / bytes as f64;
                format!(", about {} left", duration(left))
            }
        };
        format!(
            "{} of {} done, {}, {rate:.0} records/s{left}",
            self.done,
            counted(self.files, "file", "files"),
            counted(records, "record", "records")
        )
    }
}

/// A time in the largest unit that keeps it readable.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_notice_says_what_is_done_and_how_long_the_rest_takes() {
        let call =
            Progress { files: 10, bytes: 1000, done: 2, bytes_done: 150, records: 40, ..Progress::new() };
        let message = |seconds, bytes, records| call.message(Duration::from_secs(seconds), bytes, records);
        assert_eq!(message(10, 50, 60), "2 of 10 files done, 100 records, 10 records/s, about 40 s left");
        assert_eq!(message(1000, 50, 60), "2 of 10 files done, 100 records, 0 records/s, about 67 min left");
        assert_eq!(message(10, 9999, 60), "2 of 10 files done, 100 records, 10 records/s, about 0 s left");
    }

    #[test]
    fn before_the_first_byte_nothing_is_said_about_the_rest() {
        let call = Progress { files: 1, bytes: 10, ..Progress::new() };
        assert_eq!(call.message(Duration::from_secs(5), 0, 0), "0 of 1 file done, 0 records, 0 records/s");
    }
}
