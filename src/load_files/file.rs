//! Loading one file.

use super::begin;
use super::entry::{self, Entry, NewEntry};
use super::progress::Progress;
use super::workers::message::{Ended, Outcome};
use super::workers::pool;
use crate::cloudtrail::{Element, each_element, each_of_element};
use crate::events_table::{Batch, FileList, Ingested, Target};
use crate::pg::attempt::{Failure, attempt, class};
use crate::pg::errors::{CloudTrailError, FilesError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb;
use crate::pg::memory::Scratch;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::settings;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::fs::File;
use std::io::{self, Read};
use travel_cloudtrail::{Item, SplitError, Splitter};
use travel_files::content::{self, FileDigest};
use travel_files::{Content, Stamp};

pg_function!(travel_load_file, pg_finfo_travel_load_file, load_file);
pg_function!(travel_finish_file, pg_finfo_travel_finish_file, finish_file);

/// `(target, root, file, refused) -> (files, records, inserted, duplicates, skipped, failed)`: loads one file of a tree,
/// and notes it in the list, or hands it to a worker. A file that was refused is only noted. The counts are those of the
/// files that are done since the last call.
fn load_file(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let root = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "root" })?;
    let file = call.text(2)?.ok_or(UsageError::ArgumentNull { name: "file" })?;
    let refused = call.text(3)?;
    let mut counts = Counts::default();
    if refused.is_some() || !pool::load(target, root, file)? {
        let ended = load_one(target, root, file, refused, true)?;
        Progress::with(|progress| progress.end_file(ended.bytes, ended.records as u64));
        Progress::tell(0, 0);
        counts.add(file, ended);
    }
    counts.add_ended();
    counts.row(call)
}

/// `(target, root)` with the same result: waits until a worker is done with a file, and then loads those files again that
/// deadlocked with another. The result is NULL if there are no more files.
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

/// The counts of files that are done.
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
    /// Adds what came of a file.
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

    /// Adds what came of the files that workers are done with.
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

/// Loads one file of a tree, and notes it in the list. A file that was refused is only noted. With `may_try_again`, a
/// deadlock is not noted as the file's failure.
pub fn load_one(
    target: pg_sys::Oid,
    root: &str,
    file: &str,
    refused: Option<&str>,
    may_try_again: bool,
) -> Result<Ended, TravelError> {
    let tree = begin::open(root)?;
    let path = tree.path_of(file);
    let list = match FileList::find(target)? {
        Some(list) => list,
        None => FileList::create(target)?,
    };
    list.lock_file(&path);
    let opened = match refused {
        Some(why) => Err(why.to_owned()),
        None => tree.open_file(file).map_err(|refusal| refusal.to_string()),
    };
    match opened {
        Err(why) => {
            fail(&list, &path, None, why);
            Ok(Ended { outcome: Outcome::Failed, ..Ended::default() })
        }
        Ok((file, stamp)) => {
            let mut ended = load(target, &list, &path, file, stamp, may_try_again)?;
            ended.bytes = stamp.size;
            Ok(ended)
        }
    }
}

/// Loads an open file, unless it is known.
fn load(
    target: pg_sys::Oid,
    list: &FileList,
    path: &str,
    mut file: File,
    stamp: Stamp,
    may_try_again: bool,
) -> Result<Ended, TravelError> {
    let without_records = |outcome| Ok(Ended { outcome, ..Ended::default() });
    if let Some(entry) = Entry::read(list, path)? {
        // Another session may have loaded it since the files were listed.
        if entry.is_of(stamp) {
            return without_records(Outcome::Known);
        }
        if let Some(digest) = entry.digest_of_size(stamp) {
            let found = content::digest_of(&mut file, || {
                pgrx::check_for_interrupts!();
            });
            if found.is_ok_and(|found| entry::hexadecimal(&found) == digest) {
                entry::touch(list, path, stamp);
                return without_records(Outcome::Known);
            }
            if let Err(error) = io::Seek::rewind(&mut file) {
                fail(list, path, Some(stamp), content::text_of(&error));
                return without_records(Outcome::Failed);
            }
        }
    }
    let target = Target::open(target)?;
    let attempted = attempt(|| {
        let mut loading = Loading {
            path,
            target: &target,
            batch: Batch::new(),
            parsing: Scratch::new(c"travel: a record that is parsed", 256 << 10),
            ingested: Ingested::default(),
            problem: None,
            is_recognized: false,
        };
        let digest = loading.run(file)?;
        Ok((loading.ingested, digest))
    });
    match attempted {
        Ok((ingested, digest)) => {
            let named = Progress::with(|progress| {
                let named = ingested.report_of(path, progress.named);
                progress.named -= named;
                named
            });
            entry::write(
                list,
                &NewEntry {
                    path,
                    stamp: Some(stamp),
                    digest: Some(digest),
                    records: ingested.records,
                    inserted: ingested.inserted,
                    duplicates: ingested.duplicates(),
                    skipped: ingested.skipped,
                    error: None,
                },
            );
            Ok(Ended {
                outcome: Outcome::Loaded,
                records: ingested.records,
                inserted: ingested.inserted,
                duplicates: ingested.duplicates(),
                skipped: ingested.skipped,
                named,
                ..Ended::default()
            })
        }
        Err(Failure::Ours(error)) => match *error {
            TravelError::Files(FilesError::NotLoaded { why, .. }) => {
                fail(list, path, Some(stamp), why);
                without_records(Outcome::Failed)
            }
            other => Err(other),
        },
        Err(Failure::Raised { code: PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED, .. }) if may_try_again => {
            without_records(Outcome::Deadlocked)
        }
        Err(Failure::Raised { code, message }) if is_about_file(code) => {
            fail(list, path, Some(stamp), message);
            without_records(Outcome::Failed)
        }
        Err(Failure::Raised { code, message }) => {
            Err(FilesError::Stopped { path: path.to_owned(), code, message }.into())
        }
    }
}

/// Whether an error may be of this file alone. The others would come again with each file: missing privileges and objects
/// (42), a transaction that cannot write (25), unsupported features (0A), a full disk or too little memory (53), the end
/// of the session (57), trouble of the system (58, XX).
fn is_about_file(code: PgSqlErrorCode) -> bool {
    !matches!(&class(code), b"0A" | b"25" | b"42" | b"53" | b"57" | b"58" | b"XX")
}

/// Notes and reports that a file is not loaded.
fn fail(list: &FileList, path: &str, stamp: Option<Stamp>, why: String) {
    let error = Some(why.as_str());
    entry::write(
        list,
        &NewEntry { path, stamp, digest: None, records: 0, inserted: 0, duplicates: 0, skipped: 0, error },
    );
    TravelError::from(FilesError::NotLoaded { path: path.to_owned(), why }).warn("");
}

/// A file, or its content. A cancel ends the reading of it. Compressed data may have no content for a long way, and a small
/// part of it may have much.
struct Cancelable<R>(R);

impl<R: Read> Read for Cancelable<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        pgrx::check_for_interrupts!();
        self.0.read(into)
    }
}

/// A file that is being loaded.
struct Loading<'l> {
    path: &'l str,
    target: &'l Target<'l>,
    batch: Batch,
    /// Where an item is parsed. What comes of it is copied into the memory of the batch.
    parsing: Scratch,
    ingested: Ingested,
    /// What the first document or element is that could not be used.
    problem: Option<String>,
    /// Whether something in the file comes from CloudTrail.
    is_recognized: bool,
}

impl Loading<'_> {
    /// Inserts the records of the file and returns its digest.
    fn run(&mut self, file: File) -> Result<FileDigest, TravelError> {
        let content = Content::of(Cancelable(file), settings::max_decompressed_mb());
        let mut splitter = Splitter::new(Cancelable(content.map_err(|error| self.unreadable(&error))?));
        let mut position = 0;
        jsonb::take_replaced();
        loop {
            self.parsing.reset();
            pgrx::check_for_interrupts!();
            let broken = match splitter.next_item() {
                Ok(None) => break,
                Ok(Some(Item::Document(text))) => self.document(text)?,
                Ok(Some(Item::Element(text))) => {
                    position = self.element(text, position)?;
                    None
                }
                Err(SplitError::Read(error)) => return Err(self.unreadable(&error)),
                Err(SplitError::Broken(broken)) => Some(broken.to_string()),
            };
            if let Some(why) = broken {
                let why = format!("it cannot be read as JSON ({why})");
                match splitter.skip_broken() {
                    Ok(true) => self.skip_document(&why),
                    Ok(false) => return Err(self.failed(why)),
                    Err(SplitError::Read(error)) => return Err(self.unreadable(&error)),
                    Err(SplitError::Broken(broken)) => return Err(self.failed(broken.to_string())),
                }
            }
            if self.batch.is_full() {
                self.insert()?;
                Progress::tell(splitter.input().0.bytes_read(), self.ingested.records as u64);
            }
        }
        self.insert()?;
        if !self.is_recognized && (self.problem.is_some() || splitter.lists() == 0) {
            let why = self.problem.take().unwrap_or_else(|| "it is empty".to_owned());
            return Err(self.failed(why));
        }
        Ok(splitter.input().0.digest())
    }

    fn insert(&mut self) -> Result<(), TravelError> {
        self.batch.insert_into(self.target, &mut self.ingested)?;
        self.ingested.replaced += jsonb::take_replaced();
        Ok(())
    }

    /// Adds the records of a document that is not a list. Returns what is wrong with one that is not JSON.
    fn document(&mut self, text: &[u8]) -> Result<Option<String>, TravelError> {
        let document = match self.parsed(text) {
            Ok(document) => document,
            Err(why) => return Ok(Some(why)),
        };
        let found = self.batch.within(|| {
            let mut elements = Vec::new();
            each_element(document, |element| {
                elements.push(element);
                Ok(())
            })?;
            Ok(elements)
        });
        match found {
            Ok(elements) => {
                self.is_recognized |= elements.is_empty();
                elements.into_iter().for_each(|element| self.add(element));
            }
            Err(TravelError::CloudTrail(CloudTrailError::NotCloudTrail { found })) => {
                self.skip_document(&format!("it is not a CloudTrail document but {found}"));
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// Adds an element of a list, and returns the position of the next one.
    fn element(&mut self, text: &[u8], position: usize) -> Result<usize, TravelError> {
        let element = match self.parsed(text) {
            Ok(element) => element,
            Err(why) => {
                self.bad(position + 1, &format!("it cannot be read as JSON ({why})"));
                return Ok(position + 1);
            }
        };
        let mut elements = Vec::new();
        let position = self.batch.within(|| {
            each_of_element(element, position, |element| {
                elements.push(element);
                Ok(())
            })
        })?;
        self.is_recognized |= elements.is_empty();
        elements.into_iter().for_each(|element| self.add(element));
        Ok(position)
    }

    fn add(&mut self, element: Element) {
        match element {
            Element::Record(record) => {
                self.is_recognized = true;
                self.ingested.records += 1;
                self.batch.add(record, &mut self.ingested);
            }
            Element::Bad(position, found) => self.bad(position, &format!("it is not a record but {found}")),
        }
    }

    fn bad(&mut self, position: usize, why: &str) {
        let what = format!("element {position}: {why}");
        self.problem.get_or_insert_with(|| what.clone());
        self.ingested.records += 1;
        self.ingested.skip(what);
    }

    fn skip_document(&mut self, why: &str) {
        self.problem.get_or_insert_with(|| why.to_owned());
        self.ingested.skip_document(why);
    }

    /// Parses a text into a jsonb, which lives until the next item.
    fn parsed(&self, text: &[u8]) -> Result<pg_sys::Datum, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        self.parsing.within(|| jsonb::of_json(text))
    }

    fn failed(&self, why: String) -> TravelError {
        FilesError::NotLoaded { path: self.path.to_owned(), why }.into()
    }

    fn unreadable(&self, error: &io::Error) -> TravelError {
        self.failed(content::text_of(error))
    }
}
