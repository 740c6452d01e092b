//! The files and folders that the setting names. They belong to the administrator and may change at any moment.

use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A configured file, or a folder that cannot be read, with its present state in the file system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub path: String,
    pub state: SourceState,
}

/// The properties of a file that identify its content without reading it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceState {
    Present(Fingerprint),
    Missing,
    Unreadable(String),
}

/// A value that differs whenever a file was changed or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub size: u64,
    pub mtime_ns: i128,
    pub ctime_ns: i128,
    pub inode: u64,
    pub device: u64,
}

impl Fingerprint {
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            size: metadata.len(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

/// The paths of a setting, in order.
pub(crate) fn paths(setting: &str) -> impl Iterator<Item = &str> {
    setting.split(',').map(str::trim).filter(|path| !path.is_empty())
}

/// The files that a setting names. A folder stands for the `.mmdb` files in it, sorted by name. A path that does not
/// exist counts as a file if it is named like one, otherwise as an empty folder.
pub(crate) fn list(setting: &str) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    let mut add = |source: Source| {
        if sources.iter().all(|known| known.path != source.path) {
            sources.push(source);
        }
    };
    for path in paths(setting) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => match folder(path) {
                Ok(files) => files.into_iter().for_each(&mut add),
                Err(error) => add(unreadable(path, &error)),
            },
            Err(error) if is_absent(&error) && !path.ends_with(EXTENSION) => {}
            found => add(source(path, found)),
        }
    }
    sources
}

const EXTENSION: &str = ".mmdb";

/// The files of a folder. Names that are not UTF-8 are omitted, because the setting could not name them. Hidden files
/// are omitted, because tools that replace files prepare them under hidden names.
fn folder(path: &str) -> std::io::Result<Vec<Source>> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().into_string();
        names.extend(name.ok().filter(|name| name.ends_with(EXTENSION) && !name.starts_with('.')));
    }
    names.sort_unstable();
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = Path::new(path).join(name).to_string_lossy().into_owned();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {}
            // The file was removed after the folder was read.
            Err(error) if is_absent(&error) => {}
            found => files.push(source(&path, found)),
        }
    }
    Ok(files)
}

fn source(path: &str, found: std::io::Result<Metadata>) -> Source {
    match found {
        Ok(metadata) if metadata.is_file() => {
            Source { path: path.into(), state: SourceState::Present(Fingerprint::of(&metadata)) }
        }
        Ok(_) => Source { path: path.into(), state: SourceState::Unreadable("not a regular file".into()) },
        Err(error) if is_absent(&error) => Source { path: path.into(), state: SourceState::Missing },
        Err(error) => unreadable(path, &error),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> Source {
    Source { path: path.into(), state: SourceState::Unreadable(format!("cannot be read: {error}")) }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
