//! The functions that the procedure calls for each file, and their counts.

use super::file::load_one;
use super::progress::Progress;
use super::workers::message::{Ended, Outcome};
use super::workers::pool;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::row::{RowType, RowWriter};
use pgrx::pg_sys;

pg_function!(travel_load_file, pg_finfo_travel_load_file, load_file);
pg_function!(travel_finish_file, pg_finfo_travel_finish_file, finish_file);

/// `(target, root, file, refused) -> (files, records, inserted, duplicates, skipped, failed)`: loads one file of a tree, or
/// hands it to a worker. A file that was refused is only listed. The counts are those of the files that were finished
/// since the last call.
fn load_file(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let root = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "root" })?;
    let file = call.text(2)?.ok_or(UsageError::ArgumentNull { name: "file" })?;
    let refused = call.text(3)?;
    let mut counts = Counts::default();
    if refused.is_some() || !pool::load(target, root, file)? {
        let ended = load_one(target, root, file, refused, true)?;
        Progress::with(|progress| progress.end_file(ended.bytes, ended.records as u64));
        Progress::report(0, 0);
        counts.add(file, ended);
    }
    counts.add_ended();
    counts.row(call)
}

/// `(target, root)` with the same result: waits until a worker has finished a file. When all workers are done, each
/// call loads one of the files that failed because of a deadlock. Returns NULL when no file is left.
fn finish_file(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let root = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "root" })?;
    let mut counts = Counts::default();
    if pool::wait(target, root)? {
        counts.add_ended();
        return counts.row(call);
    }
    match Progress::with(|progress| progress.again.pop()) {
        None => Ok(call.null()),
        Some(file) => {
            let ended = load_one(target, root, &file, None, false)?;
            counts.add(&file, ended);
            counts.row(call)
        }
    }
}

/// The counts of the files that were finished.
#[derive(Default)]
struct Counts {
    files: i64,
    records: i64,
    inserted: i64,
    duplicates: i64,
    skipped: i64,
    failed: i64,
}

impl Counts {
    /// Adds the result of a file.
    fn add(&mut self, file: &str, ended: Ended) {
        match ended.outcome {
            Outcome::Loaded => self.files += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Known => {}
            Outcome::Deadlocked => Progress::with(|progress| progress.again.push(file.to_owned())),
        }
        self.records += ended.records;
        self.inserted += ended.inserted;
        self.duplicates += ended.duplicates;
        self.skipped += ended.skipped;
    }

    /// Adds the results of the files that workers have finished.
    fn add_ended(&mut self) {
        for (file, ended) in pool::ended() {
            self.add(&file, ended);
        }
    }

    fn row(&self, call: &Call) -> Result<pg_sys::Datum, TravelError> {
        let mut row = RowWriter::<6>::new();
        for count in [self.files, self.records, self.inserted, self.duplicates, self.skipped, self.failed] {
            row.i64(Some(count));
        }
        row.finish(*call.site_cache(|| RowType::of_call(call))?)
    }
}
