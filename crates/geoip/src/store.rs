//! The store, which decides which databases a statement uses.
//!
//! An administrator may truncate a file at any moment, and reading a mapped file that was truncated kills the process.
//! So no process maps the file itself. One process copies it into the store, verifies the copy, and publishes it as a
//! new *generation* of its setting. All processes of a statement know when the statement began, and use the newest
//! generation that was valid then. They agree without communicating.
//!
//! If the disk is full, the files themselves take the place of copies, and each process reads them into its memory. If
//! not even a generation can be published, each process is *alone*, and uses the files that were there before the
//! statement began. A process that cannot tell whether a file changed in time raises an error. The next statement succeeds.
//!
//! Space on the disk, copies and manifests come and go while a statement runs. A process that publishes a generation for
//! its own statement therefore does not know whether others were alone, or used copies that have been removed since. It
//! fails, too, if the files changed after the statement began.

mod publishing;

use self::publishing::Locked;
use crate::change_time;
use crate::check_log::FileCheck;
use crate::database::Database;
use crate::directory::{self, Digest, Directory, Writer};
use crate::manifest::{Entry, Generation, Manifest};
use crate::open::open;
use crate::source::{self, Source};
use crate::stack::{Layer, Stack};
use crate::status::{DatabaseStatus, StoreError, Warning};
use std::collections::HashMap;
use std::fs;
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
    /// The time since which the manifest cannot be written. The stored one remains in use, or this process is alone.
    unwritable_since_us: Option<i64>,
    /// Whether `manifest` is private to this process, because it cannot be written.
    alone: Option<Alone>,
    opened: HashMap<Digest, Rc<Database>>,
}

/// What a process that is alone knows of the others.
struct Alone {
    /// The stored manifest, if there is one, that this process cannot replace. If it changes, others can write again.
    stored: Option<Manifest>,
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

/// By how much the time of a file may be earlier than that of its change, because the kernel notes the time of its last
/// tick. This holds for local file systems.
const TICK_US: i64 = 20_000;

/// A change time this far in the future is more than a rounding error.
const FUTURE_US: i64 = 3_000_000;

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
            unwritable_since_us: None,
            alone: None,
            opened: HashMap::new(),
        }
    }

    /// The databases of a statement that began at `statement_us`. They are the same in every process of the server.
    ///
    /// `interrupt` is called between the steps of work that takes long; it may unwind.
    #[inline]
    pub fn stack_for(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
    ) -> Result<(Rc<Stack>, Vec<Warning>), StoreError> {
        if let Some(current) = &self.current
            && current.statement_us == statement_us
            && current.setting == setting
        {
            return Ok((Rc::clone(&current.stack), Vec::new()));
        }
        let mut warnings = Vec::new();
        let stack = self.turn_to(setting, statement_us, interrupt, &mut warnings)?;
        Ok((stack, warnings))
    }

    /// The status of each configured file, in order.
    pub fn databases(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
    ) -> Result<(Vec<DatabaseStatus>, Vec<Warning>), StoreError> {
        let (_, warnings) = self.stack_for(setting, statement_us, interrupt)?;
        let entries = self.current.as_ref().map_or(&[][..], |current| &current.generation.entries);
        let status = |entry: &Entry| {
            let serving = entry.serving.as_ref();
            let database = serving.and_then(|serving| self.opened.get(&serving.digest));
            DatabaseStatus::of(entry, database.map(Rc::as_ref))
        };
        Ok((entries.iter().map(status).collect(), warnings))
    }

    /// Whether nothing that this process wanted to write failed.
    pub fn can_write(&self) -> bool {
        self.unwritable_since_us.is_none()
    }

    /// Whether the server log should be told now that nothing can be written. Of the many short-lived processes, one
    /// does so every few minutes. The time of the lock file says when, and setting it needs no room on the disk.
    pub fn takes_turn_to_log(&self) -> bool {
        let Ok(file) = self.directory.lock_file() else { return false };
        let age = file.metadata().and_then(|found| found.modified()).map(|modified| modified.elapsed());
        let is_due = matches!(age, Ok(Ok(age)) if age.as_micros() >= MEMORY_RETRY_US.unsigned_abs().into());
        is_due && file.set_modified(SystemTime::now()).is_ok()
    }

    fn turn_to(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) -> Result<Rc<Stack>, StoreError> {
        if self.current.as_ref().is_none_or(|current| current.setting != setting) {
            self.current = None;
            self.manifest = None;
            self.unwritable_since_us = None;
            self.alone = None;
        }
        let since = statement_us.saturating_sub(self.checked_us);
        let known = self.manifest.as_ref().and_then(|manifest| manifest.choose(statement_us));
        // Without copies, what another process of this statement can still read is what the files are now.
        let is_shared = self.unwritable_since_us.is_none()
            && known.is_some_and(|generation| generation.is_usable() && !generation.has_memory());
        if !is_shared || !(0..CHECK_US).contains(&since) {
            self.check(setting, interrupt, warnings)?;
            self.checked_us = statement_us;
        }
        let opened = self.open_agreed(setting, statement_us, interrupt);
        if !is_damage(&opened) {
            return opened;
        }
        // The folder was emptied or damaged. Another process may have noticed it first.
        self.manifest = Manifest::read(&self.directory, setting);
        self.alone = None;
        if self.manifest.is_some() {
            let opened = self.open_agreed(setting, statement_us, interrupt);
            if !is_damage(&opened) {
                return opened;
            }
        }
        self.start_anew(setting, interrupt, warnings)?;
        self.open_agreed(setting, statement_us, interrupt)
    }

    /// The stack on which the processes of a statement agree, or an error if this process comes too late for it.
    fn open_agreed(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
    ) -> Result<Rc<Stack>, StoreError> {
        let Some(manifest) = &self.manifest else {
            return self.open_chosen(setting, statement_us, interrupt);
        };
        if self.alone.is_some() {
            if let Some(generation) = manifest.newest() {
                self.wait_for_tick(statement_us, interrupt);
                self.require_settled(generation, setting, statement_us)?;
            }
        } else if let Some(generation) = manifest.choose(statement_us) {
            // Other processes cannot read what was read into memory and has been replaced since. They may be alone.
            let is_lost = || generation.has_lost_memory(&source::list(setting));
            if generation.settled_us > statement_us || is_lost() {
                return Err(StoreError::ChangedWhileInMemory {
                    path: first_path(&generation.entries, setting),
                });
            }
        }
        self.open_chosen(setting, statement_us, interrupt)
    }

    /// Waits until every later change of a file has a time after the beginning of the statement. Another process, which
    /// can write again, then sees a change that this one missed.
    fn wait_for_tick(&self, statement_us: i64, interrupt: &mut dyn FnMut()) {
        let left_us = statement_us.saturating_add(TICK_US).saturating_sub((self.clock)());
        if (1..=TICK_US).contains(&left_us) {
            interrupt();
            std::thread::sleep(Duration::from_micros(left_us.unsigned_abs()));
        }
    }

    /// Returns an error if something changed too late for a statement. A process that looked before the change, or one
    /// that looks after it, uses other files than this generation has.
    fn require_settled(
        &self,
        generation: &Generation,
        setting: &str,
        statement_us: i64,
    ) -> Result<(), StoreError> {
        let late = |at_us: &i64| *at_us > statement_us.saturating_sub(TICK_US);
        if let Some(change) = change_time::last_change(setting).filter(|change| late(&change.at_us)) {
            let is_future = change.at_us > (self.clock)().saturating_add(FUTURE_US);
            return Err(match is_future {
                true => StoreError::ChangedInFuture { path: change.component },
                false => StoreError::ChangedWhileInMemory { path: change.path },
            });
        }
        let is_abandoned = self.abandoned_us(setting).is_some_and(|at_us| at_us > statement_us);
        if is_abandoned || !generation.matches(&source::list(setting)) {
            return Err(StoreError::ChangedWhileInMemory { path: first_path(&generation.entries, setting) });
        }
        Ok(())
    }

    /// The time before which a process may have used a copy that has been removed since. A time in the future says that
    /// the clock was set back, and counts for nothing.
    fn abandoned_us(&self, setting: &str) -> Option<i64> {
        let at_us = Manifest::abandoned_us(&self.directory, setting)?.saturating_add(TICK_US);
        (at_us <= (self.clock)().saturating_add(FUTURE_US)).then_some(at_us)
    }

    /// The stack of the generation that this statement uses.
    fn open_chosen(
        &mut self,
        setting: &str,
        statement_us: i64,
        interrupt: &mut dyn FnMut(),
    ) -> Result<Rc<Stack>, StoreError> {
        let chosen = self.manifest.as_ref().and_then(|manifest| manifest.choose(statement_us));
        if chosen.is_some_and(|chosen| !self.has_copies(chosen)) {
            // A process that starts now cannot open a copy that is no longer in the store, so no process uses it.
            self.current = None;
            self.opened.clear();
        }
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
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) -> Result<(), StoreError> {
        // The check is noted before it is made. Generations that are published from now on take the note into account.
        let noted = match FileCheck::note(&self.directory, (self.clock)(), self.writer, interrupt) {
            // The others would not know of this check, and could publish a generation for the same statement.
            Err(source) if directory::is_short(&source) => {
                return Err(StoreError::Store { path: self.directory.path().display().to_string(), source });
            }
            noted => noted,
        };
        let stored = Manifest::read(&self.directory, setting);
        let sources = source::list(setting);
        let tried = self
            .unwritable_since_us
            .is_some_and(|since| (self.clock)().saturating_sub(since) < MEMORY_RETRY_US);
        if let Some(alone) = &self.alone
            && tried
            && alone.stored == stored
            && self
                .manifest
                .as_ref()
                .and_then(Manifest::newest)
                .is_some_and(|newest| newest.matches(&sources))
        {
            return Ok(());
        }
        let must_publish = match stored {
            // What a process has in its memory is not what the others can read now.
            Some(manifest) => {
                let is_current = self.is_current(&manifest, &sources);
                let newest = manifest.newest();
                let must_publish = newest.is_some_and(|newest| newest.has_lost_memory(&sources));
                self.manifest = Some(manifest);
                self.alone = None;
                if is_current {
                    self.unwritable_since_us = None;
                    return Ok(());
                }
                if tried && !must_publish {
                    return Ok(());
                }
                must_publish
            }
            None => true,
        };
        if let (Err(error), false) = (&noted, must_publish) {
            self.stay_with_stored(error, warnings);
            return Ok(());
        }
        let _lock = match self.lock(setting, must_publish, interrupt) {
            Locked::Here(lock) => Some(lock),
            Locked::Elsewhere => return Ok(()),
            // The folder cannot be written. Stored copies remain in use, so all processes see the same. Without them,
            // publishing will fail in the same way and leave this process alone.
            Locked::Impossible(error) if !must_publish => {
                self.stay_with_stored(&error, warnings);
                return Ok(());
            }
            Locked::Impossible(_) => None,
        };
        self.publish_locked(setting, false, noted.ok(), interrupt, warnings)
    }

    fn has_copies(&self, generation: &Generation) -> bool {
        generation.copies().all(|serving| {
            fs::metadata(self.directory.copy(&serving.digest)).is_ok_and(|found| found.len() == serving.size)
        })
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
}

fn is_damage(opened: &Result<Rc<Stack>, StoreError>) -> bool {
    matches!(opened, Err(StoreError::Copy { source, .. }) if source.is_damage())
}

/// The path that an error names.
fn first_path(entries: &[Entry], setting: &str) -> String {
    let first = entries.first().map(|entry| entry.path.as_str()).or_else(|| source::paths(setting).next());
    first.unwrap_or_default().to_owned()
}

fn tried(setting: &str) -> Vec<String> {
    source::paths(setting).map(str::to_owned).collect()
}

fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

// The tests map files, which Miri cannot.
#[cfg(all(test, not(miri)))]
mod tests;
