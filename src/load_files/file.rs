//! Loading one file: it is compared with the list of loaded files, its records are split, parsed and inserted in
//! batches, and the result is stored in the list.

use super::begin;
use super::entry::{self, Entry, NewEntry};
use super::progress::Progress;
use super::workers::message::{Ended, Outcome};
use crate::cloudtrail::{Element, each_element, each_of_element};
use crate::events_table::{Batch, FileList, Ingested, Target};
use crate::pg::attempt::{Failure, attempt, class};
use crate::pg::errors::{CloudTrailError, FilesError, TravelError};
use crate::pg::jsonb;
use crate::pg::memory::Scratch;
use crate::pg::settings;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::fs::File;
use std::io::{self, Read};
use travel_cloudtrail::{Item, SplitError, Splitter};
use travel_files::content::{self, FileDigest};
use travel_files::{Content, Stamp};

/// Loads one file of a tree, and stores the result in the list. A file that was refused is only listed. With
/// `may_try_again`, a deadlock is not stored as the file's failure.
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
    let target = Target::open(target)?.expecting_new();
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

/// Whether an error may be the fault of this file alone. The others would be raised again for each file: missing
/// privileges and objects (42), a transaction that cannot write (25), unsupported features (0A), a full disk or too
/// little memory (53), the end of the session (57), errors of the system (58, XX).
fn is_about_file(code: PgSqlErrorCode) -> bool {
    !matches!(&class(code), b"0A" | b"25" | b"42" | b"53" | b"57" | b"58" | b"XX")
}

/// Lists and reports a file that is not loaded.
fn fail(list: &FileList, path: &str, stamp: Option<Stamp>, why: String) {
    let error = Some(why.as_str());
    entry::write(
        list,
        &NewEntry { path, stamp, digest: None, records: 0, inserted: 0, duplicates: 0, skipped: 0, error },
    );
    TravelError::from(FilesError::NotLoaded { path: path.to_owned(), why }).warn("");
}

/// A reader of a file or of its content that can be canceled. Both are needed: a lot of compressed data may have no
/// content, and a little may have a lot.
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
    /// The memory in which an item is parsed. Its records are copied into the memory of the batch.
    parsing: Scratch,
    ingested: Ingested,
    /// Why the first document or element that could not be used was refused.
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
                Progress::report(splitter.input().0.bytes_read(), self.ingested.records as u64);
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

    /// Adds the records of a document that is not a list. Returns the error of one that is not JSON.
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
