//! Publishes a generation. A process takes the lock that allows one writer, copies the files and writes the manifest.

use super::{Alone, POLL, Store};
use crate::change_time;
use crate::check_log::{CheckLog, FileCheck};
use crate::manifest::{DELAY_US, Entry, Manifest};
use crate::publish::{self, Made, Making};
use crate::source::{self, Source};
use crate::status::{StoreError, Warning};
use std::fs::{File, TryLockError};

/// Returns whether this process is the one that writes.
pub(super) enum Locked {
    Here(File),
    Elsewhere,
    Impossible(std::io::Error),
}

impl Store {
    /// Takes the lock of the only writer. A process that `waits` cannot continue with the manifest that it knows, if
    /// any. It waits for the lock, or for the manifest that the holder of the lock writes.
    pub(super) fn lock(&mut self, setting: &str, waits: bool, interrupt: &mut dyn FnMut()) -> Locked {
        let file = match self.directory.lock_file() {
            Ok(file) => file,
            Err(error) => return Locked::Impossible(error),
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Locked::Here(file),
                Err(TryLockError::Error(error)) => return Locked::Impossible(error),
                Err(TryLockError::WouldBlock) if !waits => return Locked::Elsewhere,
                Err(TryLockError::WouldBlock) => {}
            }
            interrupt();
            std::thread::sleep(POLL);
            if self.takes_newer(setting) {
                return Locked::Elsewhere;
            }
        }
    }

    /// Takes over the stored manifest if another process has written one that this process does not know. Returns whether
    /// it did.
    fn takes_newer(&mut self, setting: &str) -> bool {
        let stored = Manifest::read(&self.directory, setting);
        let is_newer = stored.is_some() && stored != self.manifest;
        if is_newer {
            self.manifest = stored;
            self.alone = None;
        }
        is_newer
    }

    /// Publishes a first generation whose copies replace those in the store, unless another process has just done so.
    pub(super) fn start_anew(
        &mut self,
        setting: &str,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) -> Result<(), StoreError> {
        let lock = self.directory.lock_file();
        if let Ok(lock) = &lock {
            while let Err(TryLockError::WouldBlock) = lock.try_lock() {
                interrupt();
                std::thread::sleep(POLL);
            }
        }
        if self.takes_newer(setting) {
            return Ok(());
        }
        self.publish_locked(setting, true, None, interrupt, warnings)
    }

    pub(super) fn publish_locked(
        &mut self,
        setting: &str,
        replace: bool,
        check: Option<FileCheck>,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) -> Result<(), StoreError> {
        let sources = source::list(setting);
        let stored = Manifest::read(&self.directory, setting);
        // Another process may have published while this one waited or checked.
        if let Some(stored) = &stored
            && !replace
            && self.is_current(stored, &sources)
        {
            self.manifest = Some(stored.clone());
            self.alone = None;
            return Ok(());
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
        let Made { entries, warnings: found, databases, short } = making.make(&sources);
        if let Some(path) = short {
            // A process that has enough publishes. This one does not decide for the others which files can be used.
            return match stored.filter(|_| !replace) {
                Some(stored) => {
                    self.manifest = Some(stored);
                    self.alone = None;
                    Ok(())
                }
                None => Err(StoreError::OutOfMemory { path }),
            };
        }
        warnings.extend(found);
        self.opened.extend(databases);
        let (stored, damaged) = if replace { (None, stored) } else { (stored, None) };
        let proposal = Proposal { entries, sources, check, retried: retry_memory, damaged };
        self.put(setting, stored, proposal, interrupt, warnings);
        Ok(())
    }

    /// Writes the manifest. If that fails, stored copies remain in use, or this process is alone.
    fn put(
        &mut self,
        setting: &str,
        stored: Option<Manifest>,
        proposal: Proposal,
        interrupt: &mut dyn FnMut(),
        warnings: &mut Vec<Warning>,
    ) {
        let Proposal { entries, sources, check, retried, damaged } = proposal;
        let is_new =
            stored.as_ref().and_then(Manifest::newest).is_none_or(|newest| newest.entries != entries);
        if !retried && !is_new {
            // Only files that are still being written have changed.
            self.manifest = stored;
            self.alone = None;
            return;
        }
        // The lock is held until the manifest is in place, so no process can choose the previous generation unnoticed.
        let log = CheckLog::hold(&self.directory, interrupt);
        let now_us = (self.clock)();
        let settled_us = match damaged.as_ref().and_then(Manifest::newest) {
            Some(newest) if newest.serves_as(&entries) => newest.valid_from_us.max(newest.settled_us),
            // Others may still work with the copies that were removed, until they check.
            Some(_) => now_us.saturating_add(DELAY_US),
            // Others may have been alone. A statement that begins from now on finds this generation.
            None => {
                let change = change_time::last_change(setting).map(|change| change.at_us);
                change.max(self.abandoned_us(setting)).unwrap_or(i64::MIN).min(now_us)
            }
        };
        let first = |entries| Manifest::first(setting, self.next_number(), entries, now_us, settled_us);
        let mut manifest = stored.clone().unwrap_or_else(|| first(entries.clone()));
        if stored.is_some() && is_new {
            let last_us = log.as_ref().ok().and_then(|log| log.last_but(check)).unwrap_or(now_us);
            manifest.add(entries.clone(), now_us, last_us.min(now_us).saturating_add(DELAY_US));
        }
        if retried {
            manifest.memory_tried_us = now_us;
        }
        publish::drop_old_generations(&mut manifest, &self.directory, now_us);
        let written = log.and_then(|_held| manifest.write(&self.directory, self.writer));
        match (written, stored) {
            (Ok(()), _) => {
                self.unwritable_since_us = None;
                self.alone = None;
                publish::collect_garbage(&self.directory);
                self.manifest = Some(manifest);
            }
            (Err(error), Some(stored))
                if !stored.newest().is_some_and(|newest| newest.has_lost_memory(&sources)) =>
            {
                self.stay_with_stored(&error, warnings);
                self.manifest = Some(stored);
                self.alone = None;
            }
            (Err(error), _) => {
                if damaged.is_some() {
                    // This tells when copies were found to be removed: processes that began earlier may use them. If
                    // this fails, too, the files are used, because otherwise every statement would fail.
                    let _ = Manifest::abandon(&self.directory, setting);
                }
                self.manifest = Some(first(entries));
                self.unwritable_since_us = Some(now_us);
                self.alone = Some(Alone { stored: Manifest::read(&self.directory, setting) });
                warnings.push(Warning::alone(self.directory.path(), &error));
            }
        }
    }

    /// The number of a first generation, which continues from the numbers that this process knows.
    fn next_number(&self) -> u64 {
        self.manifest.as_ref().and_then(Manifest::newest).map_or(1, |newest| newest.number.saturating_add(1))
    }

    /// Notes that nothing can be written. The stored generation remains in use in all processes, and this one tries
    /// again later.
    pub(super) fn stay_with_stored(&mut self, error: &std::io::Error, warnings: &mut Vec<Warning>) {
        self.unwritable_since_us = Some((self.clock)());
        warnings.push(Warning::stored(self.directory.path(), error));
    }
}

/// What a process found when it checked.
struct Proposal {
    entries: Vec<Entry>,
    sources: Vec<Source>,
    check: Option<FileCheck>,
    /// The copy of a file that is in memory was attempted again.
    retried: bool,
    /// The stored manifest, if its copies are gone.
    damaged: Option<Manifest>,
}
