//! Which copies stand for a setting, and since when: generations, so that all processes of a statement choose
//! the same one without talking to each other.

use crate::copy::{Digest, Directory, Writer, digest_of};
use crate::database::Locates;
use crate::source::{Source, SourceState};
use serde::{Deserialize, Serialize};
use std::io;

/// The generations of one setting, oldest first; never none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    setting: String,
    pub generations: Vec<Generation>,
    /// When a copy was last attempted of what is read into memory, so that a full disk is not tried every second.
    pub memory_tried_us: i64,
}

/// A set of databases, and from when on statements use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub number: u64,
    pub published_us: i64,
    pub valid_from_us: i64,
    pub entries: Vec<Entry>,
}

/// One configured file, as it was when the generation was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub path: String,
    pub state: SourceState,
    /// Why the file is not used. Then `serving`, if there is one, is the last good copy.
    pub refused: Option<String>,
    pub serving: Option<Serving>,
}

/// A verified content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub digest: Digest,
    pub size: u64,
    /// There is no copy: every process reads the file itself.
    pub in_memory: Option<String>,
    /// The kinds of addresses for which it has coordinates. None: an older version of the library wrote the manifest.
    #[serde(default)]
    pub locates: Option<Locates>,
}

/// A generation is valid so long after the last look of a process that may have chosen the one before. Longer than a
/// process goes without a look, see `store::CHECK_US`.
pub(crate) const DELAY_US: i64 = 1_000_000;

const VERSION: u32 = 1;

impl Manifest {
    pub fn first(setting: &str, number: u64, entries: Vec<Entry>, now_us: i64) -> Self {
        let generation = Generation { number, published_us: now_us, valid_from_us: i64::MIN, entries };
        Self {
            version: VERSION,
            setting: setting.into(),
            generations: vec![generation],
            memory_tried_us: now_us,
        }
    }

    /// Adds a generation that is valid from `valid_from_us` on, or, after one without databases, from when that was.
    pub fn add(&mut self, entries: Vec<Entry>, now_us: i64, valid_from_us: i64) {
        let (number, valid_from_us) = match self.newest() {
            Some(newest) if newest.is_usable() => (newest.number, valid_from_us.max(newest.valid_from_us)),
            Some(newest) => (newest.number, newest.valid_from_us),
            None => (0, i64::MIN),
        };
        let number = number.saturating_add(1);
        self.generations.push(Generation { number, published_us: now_us, valid_from_us, entries });
    }

    /// Without the generations that are valid later than any that is published now: the clock was set back since.
    /// `None` where nothing is left.
    pub fn without_future(mut self, now_us: i64) -> Option<Self> {
        self.generations.retain(|one| !one.is_future(now_us));
        (!self.generations.is_empty()).then_some(self)
    }

    /// The generation of a statement that began at `statement_us`.
    pub fn choose(&self, statement_us: i64) -> Option<&Generation> {
        let valid = self.generations.iter().rev().find(|one| one.valid_from_us <= statement_us);
        valid.or_else(|| self.generations.first())
    }

    pub fn newest(&self) -> Option<&Generation> {
        self.generations.last()
    }

    /// Reads the manifest of a setting. One that cannot be read, or is another setting's, is as good as none.
    pub fn read(directory: &Directory, setting: &str) -> Option<Self> {
        let bytes = std::fs::read(directory.file(&Self::name(setting))).ok()?;
        let manifest: Self = serde_json::from_slice(&bytes).ok()?;
        let fits =
            manifest.version == VERSION && manifest.setting == setting && !manifest.generations.is_empty();
        fits.then_some(manifest)
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

    /// Whether a file of the store is a manifest.
    pub fn is_name(name: &str) -> bool {
        name.ends_with(EXTENSION)
    }

    /// Reads any manifest, to see which copies it names.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

const EXTENSION: &str = ".json";

impl Generation {
    /// Whether it has any database.
    pub fn is_usable(&self) -> bool {
        self.entries.iter().any(|entry| entry.serving.is_some())
    }

    /// Whether the clock must have been set back since it was published.
    pub fn is_future(&self, now_us: i64) -> bool {
        self.valid_from_us.max(self.published_us) > now_us.saturating_add(DELAY_US)
    }

    pub fn has_memory(&self) -> bool {
        self.entries.iter().any(|entry| entry.serving.as_ref().is_some_and(|one| one.in_memory.is_some()))
    }

    /// Whether the file system is still as it was when this generation was made.
    pub fn matches(&self, sources: &[Source]) -> bool {
        self.entries.len() == sources.len()
            && self
                .entries
                .iter()
                .zip(sources)
                .all(|(entry, source)| entry.path == source.path && entry.state == source.state)
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// The copies that it names.
    pub fn copies(&self) -> impl Iterator<Item = &Serving> {
        self.entries.iter().filter_map(|entry| entry.serving.as_ref()).filter(|one| one.in_memory.is_none())
    }
}
