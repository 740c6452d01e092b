//! Makes the next generation of a setting, and removes copies that no statement can need anymore.

use crate::database::{Database, Locates};
use crate::directory::{self, CopyResult, Digest, Directory, Writer};
use crate::manifest::{Entry, Generation, Manifest, Serving};
use crate::open::open_copy;
use crate::source::{Fingerprint, Source, SourceState};
use crate::status::Warning;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::rc::Rc;

/// The inputs for making the entries of a generation.
pub(crate) struct Making<'a> {
    pub directory: &'a Directory,
    pub writer: Writer,
    /// The previous generation, if there is one whose copies can be trusted.
    pub previous: Option<&'a Generation>,
    /// The copies in the store cannot be trusted and are written again.
    pub replace: bool,
    /// Files that were read into memory are copied again, because there may be room now.
    pub retry_memory: bool,
    pub now_us: i64,
    pub interrupt: &'a mut dyn FnMut(),
}

/// The entries of the new generation, and what was found while making them.
#[derive(Default)]
pub(crate) struct Made {
    pub entries: Vec<Entry>,
    pub warnings: Vec<Warning>,
    /// A file that this process lacks the memory or the file descriptors to read.
    pub short: Option<String>,
    /// The databases that were read into the memory of this process.
    pub databases: HashMap<Digest, Rc<Database>>,
}

/// A file that is not a database and was changed within this time counts as one that is still being written.
const SETTLING_NS: i128 = 1_000_000_000;

/// The delay after which a bad file is read again before it is refused.
const SECOND_LOOK: std::time::Duration = std::time::Duration::from_millis(50);

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// A setting keeps no more generations than this, unless they are in use.
const KEPT_GENERATIONS: usize = 64;

impl Making<'_> {
    pub fn make(mut self, sources: &[Source]) -> Made {
        let mut made = Made::default();
        for source in sources {
            let entry = self.entry(source, &mut made);
            made.entries.extend(entry);
        }
        made
    }

    fn entry(&mut self, source: &Source, made: &mut Made) -> Option<Entry> {
        let previous = self.previous.and_then(|previous| previous.entry(&source.path));
        if let Some(previous) = previous.filter(|previous| previous.state == source.state) {
            let in_memory = previous.serving.as_ref().is_some_and(|serving| serving.in_memory.is_some());
            if !(in_memory && self.retry_memory) {
                return Some(previous.clone());
            }
        }
        let refuse = |reason: String, made: &mut Made| {
            // A process that starts now cannot read what was only in the memory of another.
            let last_good = previous.and_then(|previous| previous.serving.clone());
            let serving = last_good.filter(|serving| serving.in_memory.is_none());
            made.warnings.push(Warning::refused(&source.path, &reason, serving.is_some()));
            Entry { path: source.path.clone(), state: source.state.clone(), refused: Some(reason), serving }
        };
        let serve = |digest: Digest, size: u64, in_memory: Option<String>, locates: Option<Locates>| Entry {
            path: source.path.clone(),
            state: source.state.clone(),
            refused: None,
            serving: Some(Serving { digest, size, in_memory, locates }),
        };
        let fingerprint = match &source.state {
            SourceState::Present(fingerprint) => fingerprint,
            SourceState::Unreadable(reason) => return Some(refuse(reason.clone(), made)),
            SourceState::Missing => {
                return Some(Entry {
                    path: source.path.clone(),
                    state: SourceState::Missing,
                    refused: None,
                    serving: None,
                });
            }
        };
        let path = Path::new(&source.path);
        let size = fingerprint.size;
        match directory::copy_into_store(
            self.directory,
            path,
            fingerprint,
            self.replace,
            self.writer,
            self.interrupt,
        ) {
            CopyResult::Copied(digest) => {
                let locates = self.locates(&digest, size);
                Some(serve(digest, size, None, locates))
            }
            CopyResult::InMemory(digest, database, reason) => {
                made.warnings.push(Warning::in_memory(&source.path, &reason));
                let locates = Some(database.find_locates(self.interrupt));
                made.databases.insert(digest.clone(), database);
                Some(serve(digest, size, Some(reason), locates))
            }
            CopyResult::Refused(_)
                if self.previous.is_some()
                    && (self.is_settling(fingerprint) || self.changes(path, fingerprint)) =>
            {
                previous.cloned()
            }
            CopyResult::Refused(reason) => Some(refuse(reason, made)),
            CopyResult::Short => {
                made.short = Some(source.path.clone());
                None
            }
            CopyResult::Unsettled => previous.cloned(),
        }
    }

    /// The kinds of addresses for which a copy has coordinates, known from the previous generation or read from the
    /// copy.
    fn locates(&mut self, digest: &Digest, size: u64) -> Option<Locates> {
        let mut known = self.previous.iter().flat_map(|previous| previous.copies());
        let known = known.find(|serving| serving.digest == *digest).and_then(|serving| serving.locates);
        // If the copy cannot be opened now, the next backend that opens it reports the error.
        known.or_else(|| {
            Some(open_copy(&self.directory.copy(digest), size).ok()?.find_locates(self.interrupt))
        })
    }

    /// Returns whether a bad file has changed a moment later. A file that was just truncated to be written again can
    /// have its new size with its old times, so the times alone are not enough.
    fn changes(&mut self, path: &Path, fingerprint: &Fingerprint) -> bool {
        (self.interrupt)();
        std::thread::sleep(SECOND_LOOK);
        (self.interrupt)();
        fs::metadata(path).map_or(true, |metadata| Fingerprint::of(&metadata) != *fingerprint)
    }

    fn is_settling(&self, fingerprint: &Fingerprint) -> bool {
        let age = i128::from(self.now_us) * 1000 - fingerprint.mtime_ns;
        (0..SETTLING_NS).contains(&age)
    }
}

/// Drops the generations that no statement can choose or use.
pub(crate) fn drop_old_generations(manifest: &mut Manifest, directory: &Directory, now_us: i64) {
    // All generations from here on are needed: the newest that is valid now, and those that will be.
    let valid = manifest.generations.iter().rposition(|one| one.valid_from_us <= now_us).unwrap_or(0);
    let excess = manifest.generations.len().saturating_sub(KEPT_GENERATIONS);
    let superseded: Vec<i64> = manifest.generations.iter().skip(1).map(|next| next.valid_from_us).collect();
    let mut at = 0;
    manifest.generations.retain(|generation| {
        let dropped = at < valid
            && (at < excess
                || superseded.get(at).is_some_and(|&until| until < now_us.saturating_sub(DAY_US)))
            && !generation.copies().any(|serving| is_in_use(&directory.copy(&serving.digest)));
        at += 1;
        !dropped
    });
}

/// Unlinks the copies that no manifest names and no process has open, and the unfinished files of dead writers. Only
/// the holder of the lock may call it.
pub(crate) fn collect_garbage(directory: &Directory) {
    let Ok(entries) = fs::read_dir(directory.path()) else { return };
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let mut named: HashSet<String> = HashSet::new();
    for name in names.iter().filter(|name| Manifest::is_name(name)) {
        let Ok(bytes) = fs::read(directory.file(name)) else { return };
        let Some(manifest) = Manifest::parse(&bytes) else { continue };
        let copies = manifest.generations.iter().flat_map(Generation::copies);
        named.extend(copies.map(|serving| format!("{}.mmdb", serving.digest.as_str())));
    }
    for name in &names {
        let path = directory.file(name);
        if Directory::is_temporary(name) {
            let _ = fs::remove_file(path);
        } else if name.ends_with(".mmdb") && !named.contains(name) {
            // The copy is unlinked under its exclusive lock, so no process can open and lock it in between.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn is_in_use(copy: &Path) -> bool {
    File::open(copy).is_ok_and(|file| file.try_lock().is_err())
}
