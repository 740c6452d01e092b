//! The status of the configured files: errors, warnings, and the state of each file.

use crate::database::{Database, DatabaseError};
use crate::manifest::Entry;
use crate::source::SourceState;
use std::io::ErrorKind;
use std::path::Path;

/// One configured file, as `geoip_databases()` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseStatus {
    pub path: String,
    pub database_type: Option<String>,
    pub ip_version: Option<u16>,
    /// Seconds since the Unix epoch.
    pub built_at: Option<u64>,
    pub size_bytes: Option<u64>,
    pub provides: Vec<&'static str>,
    /// `in_use`, `refused` or `missing`.
    pub status: &'static str,
    pub detail: Option<String>,
}

/// Something that an administrator should know. It is reported once, by the process that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub message: String,
    pub detail: String,
    /// The file or folder that the message names.
    pub path: String,
    /// Whether the warning is about a failed write rather than a bad file.
    pub is_of_disk: bool,
}

/// The reason why a statement has no databases although some are configured.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, or the copy that was used instead, changed, and other processes of the statement may have used what was
    /// there before.
    #[error("GeoIP database \"{path}\" or its copy changed after the statement began, or just before")]
    ChangedWhileInMemory { path: String },
    /// The change time of a file or folder is in the future, so it does not tell whether it changed in time.
    #[error(
        "\"{path}\" has a change time in the future, so it may have changed while the statement ran. To set the time \
         to now, run touch on it"
    )]
    ChangedInFuture { path: String },
    /// The process lacks the file descriptors to use the store.
    #[error("\"{path}\" cannot be used now: {source}")]
    Store { path: String, source: std::io::Error },
    #[error("GeoIP database \"{path}\" does not fit into memory, or too many files are open")]
    OutOfMemory { path: String },
    #[error("the copy of GeoIP database \"{path}\" cannot be used: {source}")]
    Copy { path: String, source: CopyError },
}

/// The reason why a copy in the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("its size is not that of the file")]
    Size,
}

impl StoreError {
    /// The file that it is about.
    pub fn path(&self) -> &str {
        match self {
            Self::ChangedWhileInMemory { path }
            | Self::ChangedInFuture { path }
            | Self::Store { path, .. }
            | Self::OutOfMemory { path }
            | Self::Copy { path, .. } => path,
        }
    }
}

impl CopyError {
    /// Returns whether another copy would help. It would not if this process lacks memory or file descriptors.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == ErrorKind::NotFound,
            Self::Database(error) => matches!(error, DatabaseError::Format(_)),
            Self::Size => true,
        }
    }
}

impl DatabaseStatus {
    /// The state of an entry and of the database that serves for it.
    pub(crate) fn of(entry: &Entry, database: Option<&Database>) -> Self {
        let (status, detail) = match (&entry.state, &entry.refused, &entry.serving) {
            (_, Some(reason), Some(_)) => {
                ("refused", Some(format!("{reason}; the last good copy of the file stays in use")))
            }
            (_, Some(reason), None) => ("refused", Some(reason.clone())),
            (SourceState::Missing, None, _) => ("missing", None),
            (_, None, serving) => {
                let in_memory = serving.as_ref().and_then(|serving| serving.in_memory.as_ref());
                let in_memory = in_memory
                    .map(|reason| format!("read into memory, as no copy could be written: {reason}"));
                let unrecognized =
                    database.and_then(Database::unrecognized_keys).map(|keys| unrecognized(&keys));
                let details: Vec<String> = unrecognized.into_iter().chain(in_memory).collect();
                ("in_use", (!details.is_empty()).then(|| details.join("; ")))
            }
        };
        let size_now = match &entry.state {
            SourceState::Present(fingerprint) => Some(fingerprint.size),
            SourceState::Missing | SourceState::Unreadable(_) => None,
        };
        Self {
            path: entry.path.clone(),
            database_type: database.map(|database| database.database_type().into()),
            ip_version: database.map(Database::ip_version),
            built_at: database.map(Database::built_at),
            size_bytes: entry.serving.as_ref().map(|serving| serving.size).or(size_now),
            provides: database.map(Database::provides).unwrap_or_default(),
            status,
            detail,
        }
    }
}

/// Says that nothing in a file was recognized. The keys may be anything, because the maker of the file chose them.
fn unrecognized(keys: &[String]) -> String {
    const MOST: usize = 10;
    let shown = keys.iter().take(MOST).map(|key| format!("\"{}\"", key.escape_debug()));
    let more = keys.len().checked_sub(MOST).filter(|more| *more > 0).map(|more| format!("{more} more"));
    let keys: Vec<String> = shown.chain(more).collect();
    match &keys[..] {
        [] => "nothing in it was recognized: its records have no keys".into(),
        [key] => format!("nothing in it was recognized: its records have the key {key}"),
        [keys @ .., last] => {
            format!("nothing in it was recognized: its records have the keys {} and {last}", keys.join(", "))
        }
    }
}

impl Warning {
    pub(crate) fn refused(path: &str, reason: &str, serves_on: bool) -> Self {
        let consequence = match serves_on {
            true => "The last good copy of the file stays in use.",
            false => "It is not used.",
        };
        Self {
            message: format!("GeoIP database \"{path}\" is refused: {reason}"),
            detail: consequence.into(),
            path: path.into(),
            is_of_disk: false,
        }
    }

    pub(crate) fn in_memory(path: &str, reason: &str) -> Self {
        Self {
            message: format!("no copy of GeoIP database \"{path}\" could be written: {reason}"),
            detail: "Every process reads the file into its own memory.".into(),
            path: path.into(),
            is_of_disk: true,
        }
    }

    pub(crate) fn alone(directory: &Path, reason: &std::io::Error) -> Self {
        Self {
            message: format!("nothing can be written to \"{}\": {reason}", directory.display()),
            detail:
                "Each process reads the GeoIP databases itself. A statement fails if one of them changes while it runs, or just before."
                    .into(),
            path: directory.display().to_string(),
            is_of_disk: true,
        }
    }

    pub(crate) fn stored(directory: &Path, reason: &std::io::Error) -> Self {
        Self {
            message: format!("nothing can be written to \"{}\": {reason}", directory.display()),
            detail:
                "The GeoIP databases that were in use stay in use. Files that have changed are not used yet."
                    .into(),
            path: directory.display().to_string(),
            is_of_disk: true,
        }
    }
}
