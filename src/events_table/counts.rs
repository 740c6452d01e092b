//! The counts of what was ingested, and the notices that name what was skipped.

use crate::pg::errors::TravelError;
use crate::pg::function::Call;
use crate::pg::report::{Report, counted};
use crate::pg::row::{RowType, RowWriter};
use pgrx::pg_sys;

/// The number of skipped records that get a notice each. The rest are counted in one notice.
const NAMED_SKIPS: usize = 20;

/// The result of ingesting documents.
#[derive(Default)]
pub struct Ingested {
    pub records: i64,
    pub inserted: i64,
    pub skipped: i64,
    /// The number of replaced escapes of characters that PostgreSQL text cannot contain.
    pub replaced: usize,
    /// The first skipped records, each with the reason, and whether it was a whole document.
    named: Vec<(String, bool)>,
}

impl Ingested {
    pub fn skip(&mut self, what: String) {
        self.skip_as(what, false);
    }

    /// Skips a document that is broken or not from CloudTrail. It counts as one record.
    pub fn skip_document(&mut self, why: &str) {
        self.records += 1;
        self.skip_as(format!("document: {why}"), true);
    }

    fn skip_as(&mut self, what: String, is_document: bool) {
        self.skipped += 1;
        if self.named.len() < NAMED_SKIPS {
            self.named.push((what, is_document));
        }
    }

    /// The number of records that the table had already, or that one of its triggers rejected.
    pub fn duplicates(&self) -> i64 {
        self.records - self.inserted - self.skipped
    }

    pub fn report(&self) {
        self.report_as("", NAMED_SKIPS);
    }

    /// Reports what was skipped in a file. It names at most `most` records, and returns how many it named.
    pub fn report_of(&self, file: &str, most: usize) -> usize {
        self.report_as(&format!("{file}: "), most)
    }

    fn report_as(&self, prefix: &str, most: usize) -> usize {
        let named = self.named.len().min(most);
        for (what, is_document) in self.named.iter().take(named) {
            let message = format!("{prefix}skipped {what}");
            if *is_document { Report::warning(message).send() } else { Report::notice(message).send() }
        }
        let more = u64::try_from(self.skipped).unwrap_or(0).saturating_sub(named as u64);
        if more > 0 {
            let more = counted(more, "more record", "more records");
            Report::notice(format!("{prefix}skipped {more}")).send();
        }
        if self.replaced > 0 {
            let characters = counted(self.replaced as u64, "character", "characters");
            let why = "PostgreSQL text cannot contain NUL or half of a surrogate pair";
            Report::notice(format!("{prefix}replaced {characters} with U+FFFD: {why}")).send();
        }
        named
    }

    pub fn row(&self, call: &Call) -> Result<pg_sys::Datum, TravelError> {
        let row_type = call.site_cache(|| RowType::of_call(call))?;
        let mut row = RowWriter::<4>::new();
        row.i64(Some(self.records));
        row.i64(Some(self.inserted));
        row.i64(Some(self.duplicates()));
        row.i64(Some(self.skipped));
        row.finish(*row_type)
    }
}
