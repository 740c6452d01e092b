//! Opens the databases of a generation.

use crate::database::Database;
use crate::directory::{self, Broken, Directory};
use crate::manifest::{Entry, Serving};
use crate::source::SourceState;
use crate::status::{CopyError, StoreError};
use std::fs::File;
use std::path::Path;

/// Opens the database that serves for an entry.
pub(crate) fn open(
    directory: &Directory,
    entry: &Entry,
    serving: &Serving,
    interrupt: &mut dyn FnMut(),
) -> Result<Database, StoreError> {
    let path = || entry.path.clone();
    if serving.in_memory.is_none() {
        return open_copy(&directory.copy(&serving.digest), serving.size)
            .map_err(|source| StoreError::Copy { path: path(), source });
    }
    let SourceState::Present(fingerprint) = &entry.state else {
        return Err(StoreError::ChangedWhileInMemory { path: path() });
    };
    match directory::read_into_memory(Path::new(&entry.path), fingerprint, interrupt) {
        Ok((bytes, digest)) if digest == serving.digest => Database::from_bytes(bytes)
            .map_err(|source| StoreError::Copy { path: path(), source: source.into() }),
        Err(Broken::Sink(_)) => Err(StoreError::OutOfMemory { path: path() }),
        Ok(_) | Err(Broken::Source(_) | Broken::Unsettled) => {
            Err(StoreError::ChangedWhileInMemory { path: path() })
        }
    }
}

/// Opens a copy with a shared lock, which tells the garbage collection that the copy is in use.
pub(crate) fn open_copy(path: &Path, size: u64) -> Result<Database, CopyError> {
    let file = File::open(path)?;
    file.lock_shared()?;
    if file.metadata()?.len() != size {
        return Err(CopyError::Size);
    }
    Ok(Database::map(file)?)
}
