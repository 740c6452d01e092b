//! Which databases a statement uses.
//!
//! A file of the administrator's may be truncated at any moment, and a mapped file that is truncated kills the
//! process. So nobody maps it: one process copies it into the store, verifies the copy and publishes it as a new
//! *generation* of its setting. All processes of a statement know when it began, and use the newest generation
//! that was valid then: the same one, without talking to each other.

use crate::check_log::{CheckLog, FileCheck};
use crate::copy::{self, Digest, Directory, Writer};
use crate::database::Database;
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

/// The databases of one process, and the folder that it shares with the other processes of the server.
pub struct Store {
    directory: Directory,
    clock: Box<dyn Fn() -> i64>,
    writer: Writer,
    current: Option<Current>,
    manifest: Option<Manifest>,
    /// The statement that last looked at the file system.
    checked_us: i64,
    /// The manifest could not be written, since then: it is this process's own, or, where there is a stored one,
    /// that one serves on.
    private_since_us: Option<i64>,
    opened: HashMap<Digest, Rc<Database>>,
}

/// The answer to the last statement.
struct Current {
    setting: String,
    statement_us: i64,
    generation: Generation,
    stack: Rc<Stack>,
}

/// A statement that begins less than this after the last look at the file system needs no new one: a generation
/// that is valid for it was published before that look.
const CHECK_US: i64 = 900_000;

/// How often a copy is attempted of what had to be read into memory.
const MEMORY_RETRY_US: i64 = 300_000_000;

const POLL: Duration = Duration::from_millis(10);

impl Store {
    /// A store in this folder, which is made when it is needed. Times are microseconds since the Unix epoch.
    pub fn new(directory: PathBuf) -> Self {
        Self::with_clock(directory, Box::new(unix_us))
    }

    /// As [`Store::new`], with another clock: the one that tells when statements begin. It counts from the Unix
    /// epoch too, as it is held against the times of files.
    pub fn with_clock(directory: PathBuf, clock: Box<dyn Fn() -> i64>) -> Self {
        Self {
            directory: Directory::new(directory),
            clock,
            writer: copy::write_all,
            current: None,
            manifest: None,
            checked_us: i64::MIN,
            private_since_us: None,
            opened: HashMap::new(),
        }
    }

    /// The databases of a statement that began at `statement_us`: the same in every process of the server.
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

    /// What became of each configured file, in order.
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
        // The folder was emptied or damaged under us; somebody else may have seen it first.
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

    /// The stack of the generation that is this statement's.
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
            // The same content under a second path can add nothing.
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

    /// Compares the newest generation with the file system, and publishes another where they differ. Where nobody
    /// else has looked for a while, it is valid for the statement that finds the difference.
    fn check(
        &mut self,
        setting: &str,
        statement_us: i64,
        may_publish: bool,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        // First the note, then the look: what is published from now on takes the note into account.
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
                Ok(look)
                    if !may_publish
                        && look.before_us.is_none_or(|before| before > statement_us - DELAY_US) =>
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
            // Nothing can be written there. What is stored serves on, so that all processes see the same; without it
            // publishing will find the same, and keep its result to itself.
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

    /// Whether a copy should be attempted again of what had to be read into memory.
    fn is_memory_due(&self, manifest: &Manifest) -> bool {
        manifest.newest().is_some_and(Generation::has_memory)
            && (self.clock)().saturating_sub(manifest.memory_tried_us) >= MEMORY_RETRY_US
    }

    /// The lock of the only writer. Without a manifest there is nothing to carry on with, so a first one waits
    /// for the lock or for the manifest that its holder writes.
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

    /// Publishes a first generation whose copies replace those of the store, unless another process has just
    /// done so.
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
        look: Option<FileCheck>,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        let sources = source::list(setting);
        let stored = Manifest::read(&self.directory, setting);
        // Somebody else may have published while this process waited or looked.
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
        self.put(setting, stored, Proposal { entries, look, retried: retry_memory }, interrupt, warnings);
    }

    /// Writes the manifest; where that fails, what is stored serves on, or this process uses its own alone.
    fn put(
        &mut self,
        setting: &str,
        stored: Option<Manifest>,
        proposal: Proposal,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        let Proposal { entries, look, retried } = proposal;
        let is_new =
            stored.as_ref().and_then(Manifest::newest).is_none_or(|newest| newest.entries != entries);
        if !retried && !is_new {
            // Only files that are still being written have changed.
            self.manifest = stored;
            return;
        }
        // Held until the manifest is in place: nobody chooses the generation before it unseen.
        let looks = CheckLog::hold(&self.directory, interrupt);
        let now_us = (self.clock)();
        let mut manifest = match &stored {
            Some(stored) => stored.clone(),
            None => Manifest::first(setting, self.next_number(), entries.clone(), now_us),
        };
        if stored.is_some() && is_new {
            let last_us = looks.as_ref().ok().and_then(|looks| looks.last_but(look)).unwrap_or(now_us);
            manifest.add(entries, now_us, last_us.min(now_us).saturating_add(DELAY_US));
        }
        if retried {
            manifest.memory_tried_us = now_us;
        }
        publish::drop_old_generations(&mut manifest, &self.directory, now_us);
        let written = looks.and_then(|_held| manifest.write(&self.directory, self.writer));
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

    /// A first generation's number goes on from what this process knows.
    fn next_number(&self) -> u64 {
        self.manifest.as_ref().and_then(Manifest::newest).map_or(1, |newest| newest.number.saturating_add(1))
    }

    /// Nothing can be written: the stored generation serves on in all processes, and this one tries again later.
    fn stay_with_stored(&mut self, error: &std::io::Error, warnings: &mut Vec<Warning>) {
        self.private_since_us = Some((self.clock)());
        warnings.push(Warning::stored(self.directory.path(), error));
    }
}

/// What a process found when it looked.
struct Proposal {
    entries: Vec<Entry>,
    look: Option<FileCheck>,
    /// A copy was attempted again of what is in memory.
    retried: bool,
}

fn is_damage(opened: &Result<Rc<Stack>, StoreError>) -> bool {
    matches!(opened, Err(StoreError::Copy { source, .. }) if source.is_damage())
}

fn tried(setting: &str) -> Vec<String> {
    source::paths(setting).map(str::to_owned).collect()
}

/// Whether this process is the one that writes.
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
