//! The manifest of a setting: its generations, which are sets of copies with the time from which they are valid. All
//! processes of a statement choose the same generation without communicating.

use crate::change_time;
use crate::database::Locates;
use crate::directory::{Digest, Directory, Writer, digest_of};
use crate::source::{Source, SourceState};
use serde::{Deserialize, Serialize};
use std::io;

/// The generations of one setting, oldest first. There is at least one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    setting: String,
    pub generations: Vec<Generation>,
    /// The time of the last attempt to copy a file that was read into memory. A full disk is not tried every second.
    pub memory_tried_us: i64,
}

/// A set of databases, and the time from which statements use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub number: u64,
    pub published_us: i64,
    pub valid_from_us: i64,
    /// A statement that began earlier fails instead of using it, because another process may have worked for the
    /// statement before this generation was published, with other databases.
    pub settled_us: i64,
    pub entries: Vec<Entry>,
}

/// One configured file, as it was when the generation was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub path: String,
    pub state: SourceState,
    /// The reason why the file is not used. If there is one, `serving` is the last good copy.
    pub refused: Option<String>,
    pub serving: Option<Serving>,
}

/// The verified content of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub digest: Digest,
    pub size: u64,
    /// There is no copy, and every process reads the file itself.
    pub in_memory: Option<String>,
    /// The kinds of addresses for which it has coordinates. `None`: an older version of the library wrote the manifest.
    #[serde(default)]
    pub locates: Option<Locates>,
}

/// The time between the last check of a process that may have chosen the previous generation and the time from which a
/// new generation is valid. It is longer than a process goes without a check: see `store::CHECK_US`.
pub(crate) const DELAY_US: i64 = 1_000_000;

const VERSION: u32 = 1;

impl Manifest {
    pub fn first(setting: &str, number: u64, entries: Vec<Entry>, now_us: i64, settled_us: i64) -> Self {
        let generation =
            Generation { number, published_us: now_us, valid_from_us: i64::MIN, settled_us, entries };
        Self {
            version: VERSION,
            setting: setting.into(),
            generations: vec![generation],
            memory_tried_us: now_us,
        }
    }

    /// Adds a generation that is valid from `valid_from_us` on. If the last generation has no databases, the new one
    /// replaces it from its own beginning.
    pub fn add(&mut self, entries: Vec<Entry>, now_us: i64, valid_from_us: i64) {
        let (number, valid_from_us, settled_us) = match self.newest() {
            Some(newest) if newest.is_usable() => {
                (newest.number, valid_from_us.max(newest.valid_from_us), newest.settled_us)
            }
            Some(newest) => (newest.number, newest.valid_from_us, newest.settled_us),
            None => (0, i64::MIN, i64::MIN),
        };
        let number = number.saturating_add(1);
        self.generations.push(Generation {
            number,
            published_us: now_us,
            valid_from_us,
            settled_us,
            entries,
        });
    }

    /// Drops generations that are valid later than any that is published now, because the clock was set back. `None` if
    /// none is left.
    pub fn without_future(mut self, now_us: i64) -> Option<Self> {
        self.generations.retain(|one| !one.is_future(now_us));
        (!self.generations.is_empty()).then_some(self)
    }

    /// The generation for a statement that began at `statement_us`.
    pub fn choose(&self, statement_us: i64) -> Option<&Generation> {
        let valid = self.generations.iter().rev().find(|one| one.valid_from_us <= statement_us);
        valid.or_else(|| self.generations.first())
    }

    pub fn newest(&self) -> Option<&Generation> {
        self.generations.last()
    }

    /// Reads the manifest of a setting. `None` if it cannot be read or belongs to another setting.
    pub fn read(directory: &Directory, setting: &str) -> Option<Self> {
        let bytes = std::fs::read(directory.file(&Self::name(setting))).ok()?;
        let manifest: Self = serde_json::from_slice(&bytes).ok()?;
        let fits =
            manifest.version == VERSION && manifest.setting == setting && !manifest.generations.is_empty();
        fits.then_some(manifest)
    }

    /// Puts the manifest aside, because its copies are gone and others take their place. That needs no room on the disk.
    pub fn abandon(directory: &Directory, setting: &str) -> io::Result<()> {
        let name = Self::name(setting);
        std::fs::rename(directory.file(&name), directory.file(&abandoned(&name)))
    }

    /// The time at which the manifest of a setting was last abandoned.
    pub fn abandoned_us(directory: &Directory, setting: &str) -> Option<i64> {
        let metadata = std::fs::metadata(directory.file(&abandoned(&Self::name(setting)))).ok()?;
        Some(change_time::changed_us(&metadata))
    }

    pub fn write(&self, directory: &Directory, writer: Writer) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        bytes.push(b'\n');
        directory.replace(&Self::name(&self.setting), &bytes, writer)
    }

    fn name(setting: &str) -> String {
        let digest = digest_of(setting.as_bytes());
        format!("{}{EXTENSION}", &digest.as_str()[..32])
    }

    /// Returns whether a file of the store is a manifest.
    pub fn is_name(name: &str) -> bool {
        name.ends_with(EXTENSION)
    }

    /// Reads any manifest, to find the copies that it names.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

const EXTENSION: &str = ".json";

fn abandoned(name: &str) -> String {
    format!("{name}.abandoned")
}

impl Generation {
    /// Whether it has any database.
    pub fn is_usable(&self) -> bool {
        self.entries.iter().any(|entry| entry.serving.is_some())
    }

    /// Whether the clock must have been set back since it was published.
    pub fn is_future(&self, now_us: i64) -> bool {
        self.valid_from_us.max(self.published_us).max(self.settled_us) > now_us.saturating_add(DELAY_US)
    }

    pub fn has_memory(&self) -> bool {
        self.entries.iter().any(|entry| entry.serving.as_ref().is_some_and(|one| one.in_memory.is_some()))
    }

    /// Returns whether a file that every process reads into its own memory has been replaced. A process that starts now
    /// cannot use this generation.
    pub fn has_lost_memory(&self, sources: &[Source]) -> bool {
        let is_there = |entry: &Entry| {
            sources.iter().any(|source| source.path == entry.path && source.state == entry.state)
        };
        let in_memory = |entry: &&Entry| entry.serving.as_ref().is_some_and(|one| one.in_memory.is_some());
        !self.entries.iter().filter(in_memory).all(is_there)
    }

    /// Returns whether the file system is still as it was when this generation was made.
    pub fn matches(&self, sources: &[Source]) -> bool {
        self.entries.len() == sources.len()
            && self
                .entries
                .iter()
                .zip(sources)
                .all(|(entry, source)| entry.path == source.path && entry.state == source.state)
    }

    /// Returns whether it has the same databases for the same files.
    pub fn serves_as(&self, entries: &[Entry]) -> bool {
        let serving = |entry: &Entry| {
            entry.serving.as_ref().map(|serving| (entry.path.clone(), serving.digest.clone()))
        };
        self.entries.iter().filter_map(serving).eq(entries.iter().filter_map(serving))
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// The copies that it names.
    pub fn copies(&self) -> impl Iterator<Item = &Serving> {
        self.entries.iter().filter_map(|entry| entry.serving.as_ref()).filter(|one| one.in_memory.is_none())
    }
}
