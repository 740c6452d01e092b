//! The folder of the store. It contains verified copies of files, each named by its digest.

use crate::database::{Database, DatabaseError};
use crate::optional_memory::optional;
use crate::source::Fingerprint;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The folder that holds copies, manifests and the lock.
#[derive(Clone, Debug)]
pub(crate) struct Directory(PathBuf);

/// A SHA-256 digest in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Digest(String);

/// Writes bytes to a file of the store. It is `Write::write_all`, unless a test simulates a full disk.
pub(crate) type Writer = fn(&mut File, &[u8]) -> io::Result<()>;

/// The result of copying a file into the store.
pub(crate) enum CopyResult {
    Copied(Digest),
    /// The copy could not be written, for this reason. The database is in the memory of this process.
    InMemory(Digest, Rc<Database>, String),
    Refused(String),
    /// This process lacks the memory or the file descriptors to read the file. Others may have them.
    Short,
    /// The file changed while it was read, because another program is writing it.
    Unsettled,
}

const CHUNK: usize = 1 << 20;
const TEMPORARY: &str = "temporary-";

impl Directory {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn copy(&self, digest: &Digest) -> PathBuf {
        self.file(&format!("{}.mmdb", digest.0))
    }

    /// Creates the folder if it is missing. PostgreSQL removes it whenever the server starts.
    pub fn ensure(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// Opens the file whose lock makes its holder the only writer.
    pub fn lock_file(&self) -> io::Result<File> {
        self.ensure()?;
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.file("lock"))
    }

    /// Opens the log of checks: see [`crate::check_log`].
    pub fn check_log_file(&self) -> io::Result<File> {
        self.ensure()?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.file("check_log"))
    }

    /// Replaces a file atomically.
    pub fn replace(&self, name: &str, bytes: &[u8], writer: Writer) -> io::Result<()> {
        let mut temporary = self.temporary()?;
        writer(&mut temporary.file, bytes)?;
        temporary.rename(&self.file(name))
    }

    fn temporary(&self) -> io::Result<Temporary> {
        self.ensure()?;
        // There is one writer at a time. The process id shows whether a leftover file belongs to a process that is
        // alive.
        let path = self.file(&format!("{TEMPORARY}{}", std::process::id()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Temporary { path, file, renamed: false })
    }

    /// Returns whether a file of the store is unfinished.
    pub fn is_temporary(name: &str) -> bool {
        name.starts_with(TEMPORARY)
    }
}

/// A file that is removed unless it is renamed, even if the query is canceled while it is written.
struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // A failure is ignored, because the next writer tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Digest {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    hexadecimal(Sha256::digest(bytes).as_slice())
}

fn hexadecimal(bytes: &[u8]) -> Digest {
    Digest(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes a verified copy of a file, unless the store has a copy of the same content.
///
/// If `replace` is set, existing copies cannot be trusted, and the copy is written again.
pub(crate) fn copy_into_store(
    directory: &Directory,
    path: &Path,
    fingerprint: &Fingerprint,
    replace: bool,
    writer: Writer,
    interrupt: &mut dyn FnMut(),
) -> CopyResult {
    if fingerprint.size == 0 {
        return CopyResult::Refused("the file is empty".into());
    }
    let digest = match read(path, fingerprint, interrupt, |_| Ok(())) {
        Ok(digest) => digest,
        Err(Broken::Source(error)) => return unreadable(&error, format!("cannot be read: {error}")),
        Err(Broken::Unsettled | Broken::Sink(_)) => return CopyResult::Unsettled,
    };
    let copy = directory.copy(&digest);
    let there = fs::metadata(&copy).is_ok_and(|found| found.is_file() && found.len() == fingerprint.size);
    if there && !replace {
        return CopyResult::Copied(digest);
    }
    match write_copy(directory, path, fingerprint, &digest, writer, interrupt) {
        Ok(taken) => taken,
        Err(error) => take_into_memory(path, fingerprint, &digest, &error, interrupt),
    }
}

fn unreadable(error: &io::Error, reason: String) -> CopyResult {
    match error.kind() {
        // The file is being replaced.
        io::ErrorKind::NotFound => CopyResult::Unsettled,
        _ if is_short(error) => CopyResult::Short,
        _ => CopyResult::Refused(reason),
    }
}

/// Returns whether an error is due to a lack of memory or file descriptors, which another process may have.
pub(crate) fn is_short(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    error.kind() == io::ErrorKind::OutOfMemory
        || matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE))
}

/// Copies the file and verifies the copy before it is renamed into place. An error is an error of writing.
fn write_copy(
    directory: &Directory,
    path: &Path,
    fingerprint: &Fingerprint,
    digest: &Digest,
    writer: Writer,
    interrupt: &mut dyn FnMut(),
) -> io::Result<CopyResult> {
    let mut temporary = directory.temporary()?;
    let written = match read(path, fingerprint, interrupt, |chunk| writer(&mut temporary.file, chunk)) {
        Ok(written) => written,
        Err(Broken::Sink(error)) => return Err(error),
        Err(Broken::Source(error)) => return Ok(unreadable(&error, format!("cannot be read: {error}"))),
        Err(Broken::Unsettled) => return Ok(CopyResult::Unsettled),
    };
    if written != *digest {
        return Ok(CopyResult::Unsettled);
    }
    temporary.file.set_permissions(Permissions::from_mode(0o400))?;
    match Database::map(temporary.file.try_clone()?).and_then(|database| database.verify(interrupt)) {
        Ok(()) => {}
        Err(DatabaseError::Map(error)) => return Err(error),
        Err(error) => return Ok(CopyResult::Refused(error.to_string())),
    }
    interrupt();
    temporary.rename(&directory.copy(digest))?;
    Ok(CopyResult::Copied(written))
}

fn take_into_memory(
    path: &Path,
    fingerprint: &Fingerprint,
    digest: &Digest,
    reason: &io::Error,
    interrupt: &mut dyn FnMut(),
) -> CopyResult {
    let (bytes, read) = match read_into_memory(path, fingerprint, interrupt) {
        Ok(read) => read,
        Err(Broken::Unsettled) => return CopyResult::Unsettled,
        Err(Broken::Source(error) | Broken::Sink(error)) => {
            let reason = format!("no copy could be written ({reason}), nor can it be read: {error}");
            return unreadable(&error, reason);
        }
    };
    if read != *digest {
        return CopyResult::Unsettled;
    }
    match Database::from_bytes(bytes).and_then(|database| database.verify(interrupt).map(|()| database)) {
        Ok(database) => CopyResult::InMemory(read, Rc::new(database), reason.to_string()),
        Err(error) => CopyResult::Refused(error.to_string()),
    }
}

/// Reads a whole file into memory, or fails if there is not enough memory.
pub(crate) fn read_into_memory(
    path: &Path,
    fingerprint: &Fingerprint,
    interrupt: &mut dyn FnMut(),
) -> Result<(Vec<u8>, Digest), Broken> {
    let mut bytes = Vec::new();
    let size = usize::try_from(fingerprint.size).unwrap_or(usize::MAX);
    optional(|| bytes.try_reserve_exact(size))
        .map_err(|_| Broken::Sink(io::ErrorKind::OutOfMemory.into()))?;
    let digest = read(path, fingerprint, interrupt, |chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })?;
    Ok((bytes, digest))
}

/// The reason why a file could not be read to its end.
pub(crate) enum Broken {
    Source(io::Error),
    Sink(io::Error),
    /// The file does not have the fingerprint, or no longer has it.
    Unsettled,
}

/// Reads a file in chunks and returns its digest. The file must keep its fingerprint while it is read. No more bytes
/// than its size are passed to `sink`.
fn read(
    path: &Path,
    fingerprint: &Fingerprint,
    interrupt: &mut dyn FnMut(),
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Digest, Broken> {
    let mut file = File::open(path).map_err(Broken::Source)?;
    let is_same =
        |file: &File| Ok(Fingerprint::of(&file.metadata().map_err(Broken::Source)?) == *fingerprint);
    if !is_same(&file)? {
        return Err(Broken::Unsettled);
    }
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut left = fingerprint.size;
    loop {
        interrupt();
        let count = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Source(error)),
        };
        left = left.checked_sub(count as u64).ok_or(Broken::Unsettled)?;
        hasher.update(&chunk[..count]);
        sink(&chunk[..count]).map_err(Broken::Sink)?;
    }
    if left > 0 || !is_same(&file)? {
        return Err(Broken::Unsettled);
    }
    Ok(hexadecimal(&hasher.finalize()))
}

pub(crate) fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}
