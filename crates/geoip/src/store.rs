//! The store, which decides which databases a statement uses.
//!
//! An administrator may truncate a file at any moment, and reading a mapped file that was truncated kills the process.
//! So no process maps the file itself. One process copies it into the store, verifies the copy, and publishes it as a
//! new *generation* of its setting. All processes of a statement know when the statement began, and use the newest
//! generation that was valid then. They agree without communicating.

use crate::check_log::{CheckLog, FileCheck};
use crate::database::Database;
use crate::directory::{self, Digest, Directory, Writer};
use crate::manifest::{DELAY_US, Entry, Generation, Manifest};
use crate::open::open;
use crate::publish::{self, Made, Making};
use crate::source::{self, Source};
use crate::stack::{Layer, Stack};
use crate::status::{DatabaseStatus, StoreError, Warning};
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The databases of one process, and the folder that all processes of the server share.
pub struct Store {
    directory: Directory,
    clock: Box<dyn Fn() -> i64>,
    writer: Writer,
    current: Option<Current>,
    manifest: Option<Manifest>,
    /// The start of the last statement that checked the file system.
    checked_us: i64,
    /// The time since which the manifest cannot be written. The manifest is then private to this process, or the stored
    /// one remains in use.
    private_since_us: Option<i64>,
    opened: HashMap<Digest, Rc<Database>>,
}

/// The answer for the last statement.
struct Current {
    setting: String,
    statement_us: i64,
    generation: Generation,
    stack: Rc<Stack>,
}

/// A statement that begins within this time after the last check of the file system needs no new check, because a
/// generation that is valid for it was published before that check.
const CHECK_US: i64 = 900_000;

/// How often the copy of a file that had to be read into memory is attempted again.
const MEMORY_RETRY_US: i64 = 300_000_000;

const POLL: Duration = Duration::from_millis(10);

impl Store {
    /// Creates a store in this folder, which is created when it is needed. Times are microseconds since the Unix epoch.
    pub fn new(directory: PathBuf) -> Self {
        Self::with_clock(directory, Box::new(unix_us))
    }

    /// Creates a store with another clock, which must be the one by which statements begin. It counts from the Unix
    /// epoch, too, because it is compared with the times of files.
    pub fn with_clock(directory: PathBuf, clock: Box<dyn Fn() -> i64>) -> Self {
        Self {
            directory: Directory::new(directory),
            clock,
            writer: directory::write_all,
            current: None,
            manifest: None,
            checked_us: i64::MIN,
            private_since_us: None,
            opened: HashMap::new(),
        }
    }

    /// The databases of a statement that began at `statement_us`. They are the same in every process of the server.
    ///
    /// `may_publish`: this process may copy files that have changed (a parallel worker should not; the very first
    /// time it does). `interrupt` is called between the steps of work that takes long; it may unwind.
    #[inline]
    pub fn stack_for(
        &mut self,
        setting: &str,
        statement_us: i64,
        may_publish: bool,
        interrupt: &mut dyn FnMut(),
    ) -> Result<(Rc<Stack>, Vec<Warning>), StoreError> {
        if let Some(current) = &self.current
            && current.statement_us == statement_us
            && current.setting == setting
        {
            return Ok((Rc::clone(&current.stack), Vec::new()));
        }
        let mut warnings = Vec::new();
        let stack = self.turn_to(setting, statement_us, may_publish, interrupt, &mut warnings)?;
        Ok((stack, warnings))
    }

    /// The status of each configured file, in order.
    pub fn databases(
        &mut self,
        setting: &str,
        statement_us: i64,
        may_publish: bool,
        interrupt: &mut dyn FnMut(),
    ) -> Result<(Vec<DatabaseStatus>, Vec<Warning>), StoreError> {
        let (_, warnings) = self.stack_for(setting, statement_us, may_publish, interrupt)?;
        let entries = self.current.as_ref().map_or(&[][..], |current| &current.generation.entries);
        let status = |entry: &Entry| {
            let serving = entry.serving.as_ref();
            let database = serving.and_then(|serving| self.opened.get(&serving.digest));
            DatabaseStatus::of(entry, database.map(Rc::as_ref))
        };
        Ok((entries.iter().map(status).collect(), warnings))
    }

    fn turn_to(
        &mut self,
        setting: &str,
        statement_us: i64,
        may_publish: bool,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) -> Result<Rc<Stack>, StoreError> {
        if self.current.as_ref().is_none_or(|current| current.setting != setting) {
            self.current = None;
            self.manifest = None;
            self.private_since_us = None;
        }
        let since = statement_us.saturating_sub(self.checked_us);
        let known = self.manifest.as_ref().and_then(|manifest| manifest.choose(statement_us));
        if !(0..CHECK_US).contains(&since) || known.is_none_or(|generation| !generation.is_usable()) {
            self.check(setting, statement_us, may_publish, interrupt, warnings);
            self.checked_us = statement_us;
        }
        let opened = self.open_chosen(setting, statement_us, interrupt);
        if matches!(opened, Err(StoreError::ChangedWhileInMemory { .. })) && self.private_since_us.is_some() {
            // Not even a manifest can be written: alone with the file as it is now, rather than without any.
            warnings.clear();
            self.publish_locked(setting, true, None, interrupt, warnings);
            return self.open_chosen(setting, statement_us, interrupt);
        }
        if !is_damage(&opened) {
            return opened;
        }
        // The folder was emptied or damaged. Another process may have noticed it first.
        self.manifest = Manifest::read(&self.directory, setting);
        if self.manifest.is_some() {
            let opened = self.open_chosen(setting, statement_us, interrupt);
            if !is_damage(&opened) {
                return opened;
            }
        }
        self.start_anew(setting, interrupt, warnings);
        self.open_chosen(setting, statement_us, interrupt)
    }

    /// The stack of the generation that this statement uses.
    fn open_chosen(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
    ) -> Result<Rc<Stack>, StoreError> {
        let chosen = self.manifest.as_ref().and_then(|manifest| manifest.choose(statement_us));
        if let Some(current) = &mut self.current
            && chosen.is_none_or(|chosen| *chosen == current.generation)
        {
            current.statement_us = statement_us;
            return Ok(Rc::clone(&current.stack));
        }
        let Some(generation) = chosen.cloned() else {
            return Ok(Rc::new(Stack::of_layers(Vec::new(), tried(setting))));
        };
        let mut layers: Vec<Layer> = Vec::new();
        let mut opened = HashMap::new();
        for entry in &generation.entries {
            let Some(serving) = &entry.serving else { continue };
            // The same content under a second path adds nothing.
            if opened.contains_key(&serving.digest) {
                continue;
            }
            let database = match self.opened.get(&serving.digest) {
                Some(database) => Rc::clone(database),
                None => Rc::new(open(&self.directory, entry, serving, interrupt)?),
            };
            if let Some(locates) = serving.locates {
                database.set_locates(locates);
            }
            opened.insert(serving.digest.clone(), Rc::clone(&database));
            let (path, digest) = (Arc::from(entry.path.as_str()), Some(serving.digest.clone()));
            layers.push(Layer { path, database, digest });
        }
        self.opened = opened;
        let stack = Rc::new(Stack::of_layers(layers, tried(setting)));
        let setting = setting.to_owned();
        self.current = Some(Current { setting, statement_us, generation, stack: Rc::clone(&stack) });
        Ok(stack)
    }

    /// Compares the newest generation with the file system, and publishes another if they differ. If no other process
    /// has checked for a while, the new generation is valid for the statement that found the difference.
    fn check(
        &mut self,
        setting: &str,
        statement_us: i64,
        may_publish: bool,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        // The check is noted before it is made. Generations that are published from now on take the note into account.
        let noted = FileCheck::note(&self.directory, (self.clock)(), interrupt);
        let stored = Manifest::read(&self.directory, setting);
        let sources = source::list(setting);
        let is_first = stored.is_none();
        let tried =
            self.private_since_us.is_some_and(|since| (self.clock)().saturating_sub(since) < MEMORY_RETRY_US);
        if let Some(manifest) = stored {
            let is_current = self.is_current(&manifest, &sources);
            self.manifest = Some(manifest);
            if is_current || tried {
                return;
            }
            match &noted {
                Err(error) => {
                    self.stay_with_stored(error, warnings);
                    return;
                }
                // A parallel worker publishes only what its own statement can use.
                Ok(check)
                    if !may_publish
                        && check.before_us.is_none_or(|before| before > statement_us - DELAY_US) =>
                {
                    return;
                }
                Ok(_) => {}
            }
        } else if let Some(manifest) = &self.manifest
            && tried
            && manifest.newest().is_some_and(|newest| newest.matches(&sources))
        {
            return;
        }
        let _lock = match self.lock(setting, is_first, interrupt) {
            Locked::Here(lock) => Some(lock),
            Locked::Elsewhere => return,
            // The folder cannot be written. The stored manifest remains in use, so all processes see the same. If there
            // is none, publishing will fail in the same way and keep its result private.
            Locked::Impossible(error) if !is_first => {
                self.stay_with_stored(&error, warnings);
                return;
            }
            Locked::Impossible(_) => None,
        };
        self.publish_locked(setting, false, noted.ok(), interrupt, warnings);
    }

    fn is_current(&self, manifest: &Manifest, sources: &[Source]) -> bool {
        manifest.newest().is_some_and(|newest| {
            newest.matches(sources) && !newest.is_future((self.clock)()) && !self.is_memory_due(manifest)
        })
    }

    /// Returns whether the copy of a file that had to be read into memory should be attempted again.
    fn is_memory_due(&self, manifest: &Manifest) -> bool {
        manifest.newest().is_some_and(Generation::has_memory)
            && (self.clock)().saturating_sub(manifest.memory_tried_us) >= MEMORY_RETRY_US
    }

    /// Takes the lock of the only writer. Without a manifest this process cannot continue, so it waits for the lock, or
    /// for the manifest that the holder of the lock writes.
    fn lock(&mut self, setting: &str, is_first: bool, interrupt: &mut dyn FnMut()) -> Locked {
        let file = match self.directory.lock_file() {
            Ok(file) => file,
            Err(error) => return Locked::Impossible(error),
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Locked::Here(file),
                Err(TryLockError::Error(error)) => return Locked::Impossible(error),
                Err(TryLockError::WouldBlock) if !is_first => return Locked::Elsewhere,
                Err(TryLockError::WouldBlock) => {}
            }
            interrupt();
            std::thread::sleep(POLL);
            if let Some(manifest) = Manifest::read(&self.directory, setting) {
                self.manifest = Some(manifest);
                return Locked::Elsewhere;
            }
        }
    }

    /// Publishes a first generation whose copies replace those in the store, unless another process has just done so.
    fn start_anew(&mut self, setting: &str, interrupt: &mut dyn FnMut(), warnings: &mut Vec<Warning>) {
        let lock = self.directory.lock_file();
        if let Ok(lock) = &lock {
            while let Err(TryLockError::WouldBlock) = lock.try_lock() {
                interrupt();
                std::thread::sleep(POLL);
            }
        }
        let stored = Manifest::read(&self.directory, setting);
        if stored.is_some() && stored != self.manifest {
            self.manifest = stored;
        } else {
            self.publish_locked(setting, true, None, interrupt, warnings);
        }
    }

    fn publish_locked(
        &mut self,
        setting: &str,
        replace: bool,
        check: Option<FileCheck>,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        let sources = source::list(setting);
        let stored = Manifest::read(&self.directory, setting);
        // Another process may have published while this one waited or checked.
        if let Some(stored) = &stored
            && !replace
            && self.is_current(stored, &sources)
        {
            self.manifest = Some(stored.clone());
            return;
        }
        let stored = stored.and_then(|stored| stored.without_future((self.clock)()));
        let retry_memory = stored.as_ref().is_some_and(|stored| self.is_memory_due(stored));
        let previous = stored.as_ref().filter(|_| !replace).and_then(Manifest::newest);
        let making = Making {
            directory: &self.directory,
            writer: self.writer,
            previous,
            replace,
            retry_memory,
            now_us: (self.clock)(),
            interrupt,
        };
        let Made { entries, warnings: found, databases } = making.make(&sources);
        warnings.extend(found);
        self.opened.extend(databases);
        let stored = stored.filter(|_| !replace);
        self.put(setting, stored, Proposal { entries, check, retried: retry_memory }, interrupt, warnings);
    }

    /// Writes the manifest. If that fails, the stored manifest remains in use, or this process uses a private one.
    fn put(
        &mut self,
        setting: &str,
        stored: Option<Manifest>,
        proposal: Proposal,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        let Proposal { entries, check, retried } = proposal;
        let is_new =
            stored.as_ref().and_then(Manifest::newest).is_none_or(|newest| newest.entries != entries);
        if !retried && !is_new {
            // Only files that are still being written have changed.
            self.manifest = stored;
            return;
        }
        // The lock is held until the manifest is in place, so no process can choose the previous generation unnoticed.
        let log = CheckLog::hold(&self.directory, interrupt);
        let now_us = (self.clock)();
        let mut manifest = match &stored {
            Some(stored) => stored.clone(),
            None => Manifest::first(setting, self.next_number(), entries.clone(), now_us),
        };
        if stored.is_some() && is_new {
            let last_us = log.as_ref().ok().and_then(|log| log.last_but(check)).unwrap_or(now_us);
            manifest.add(entries, now_us, last_us.min(now_us).saturating_add(DELAY_US));
        }
        if retried {
            manifest.memory_tried_us = now_us;
        }
        publish::drop_old_generations(&mut manifest, &self.directory, now_us);
        let written = log.and_then(|_held| manifest.write(&self.directory, self.writer));
        match (written, stored) {
            (Ok(()), _) => {
                self.private_since_us = None;
                publish::collect_garbage(&self.directory);
                self.manifest = Some(manifest);
            }
            (Err(error), Some(stored)) => {
                self.stay_with_stored(&error, warnings);
                self.manifest = Some(stored);
            }
            (Err(error), None) => {
                self.private_since_us = Some((self.clock)());
                warnings.push(Warning::private(self.directory.path(), &error));
                self.manifest = Some(manifest);
            }
        }
    }

    /// The number of a first generation, which continues from the numbers that this process knows.
    fn next_number(&self) -> u64 {
        self.manifest.as_ref().and_then(Manifest::newest).map_or(1, |newest| newest.number.saturating_add(1))
    }

    /// Notes that nothing can be written. The stored generation remains in use in all processes, and this one tries
    /// again later.
    fn stay_with_stored(&mut self, error: &std::io::Error, warnings: &mut Vec<Warning>) {
        self.private_since_us = Some((self.clock)());
        warnings.push(Warning::stored(self.directory.path(), error));
    }
}

/// What a process found when it checked.
struct Proposal {
    entries: Vec<Entry>,
    check: Option<FileCheck>,
    /// The copy of a file that is in memory was attempted again.
    retried: bool,
}

fn is_damage(opened: &Result<Rc<Stack>, StoreError>) -> bool {
    matches!(opened, Err(StoreError::Copy { source, .. }) if source.is_damage())
}

fn tried(setting: &str) -> Vec<String> {
    source::paths(setting).map(str::to_owned).collect()
}

/// Returns whether this process is the one that writes.
enum Locked {
    Here(File),
    Elsewhere,
    Impossible(std::io::Error),
}

fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
