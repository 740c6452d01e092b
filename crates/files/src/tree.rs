//! The files of a folder tree: finding them, and opening them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// The endings of the names of files that are loaded from a folder.
pub const ENDINGS: [&str; 6] = [".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"];

/// The greatest depth of a folder. CloudTrail's folders are 9 deep.
const DEEPEST: usize = 64;

/// How a file or a folder is opened. Opening a pipe must not wait for a writer.
const OPEN: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A folder, or a single file.
pub struct Tree {
    /// The path, absolute and without links.
    pub path: String,
    /// `None` for a file.
    folder: Option<OwnedFd>,
}

/// The properties that tell whether a file has changed, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// In microseconds since the Unix epoch.
    pub modified_us: i64,
}

/// A file of the tree, by its path within the tree, or something that is not loaded.
pub type Found = Result<Stamp, Refusal>;

/// Sees what a walk through a tree finds.
pub trait Visitor {
    /// Sees a file, or something that is refused, by its path within the tree.
    fn found(&mut self, path: &str, what: Found);

    /// Called for each entry of the tree. It may unwind.
    fn tick(&mut self) {}
}

/// The files and folders that a walk left out without refusing them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Files whose names have none of the [`ENDINGS`].
    pub files: u64,
    /// One of these files.
    pub file: Option<String>,
    /// Folders of other services than CloudTrail in the folder of an account.
    pub folders: u64,
    /// One of these folders.
    pub folder: Option<String>,
}

/// Why something in a tree is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it is a link that leads out of the folder")]
    LeavesTree,
    #[error("it is a link that leads to nothing")]
    BrokenLink,
    #[error("it is a pipe")]
    Pipe,
    #[error("it is a socket")]
    Socket,
    #[error("it is a device")]
    Device,
    #[error("its name is not UTF-8")]
    Name,
    #[error("the folders are more than {DEEPEST} deep")]
    TooDeep,
    #[error("it was replaced by a folder")]
    Folder,
    #[error("{}", io_text(.0))]
    Io(io::Error),
}

/// Why a tree cannot be walked at all.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("{}", io_text(.0))]
    Io(io::Error),
    #[error("{0}")]
    NotLoadable(Refusal),
}

impl Tree {
    /// Opens a folder or a file. A link in this path itself is followed.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let path: PathBuf = path.canonicalize().map_err(TreeError::Io)?;
        let stat = fs::stat(&path).map_err(|errno| TreeError::Io(errno.into()))?;
        let folder = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let folder = fs::open(&path, OPEN | OFlags::DIRECTORY, Mode::empty());
                Some(folder.map_err(|errno| TreeError::Io(errno.into()))?)
            }
            FileType::RegularFile => None,
            other => return Err(TreeError::NotLoadable(refusal(other))),
        };
        match path.into_os_string().into_string() {
            Ok(path) => Ok(Self { path, folder }),
            Err(_) => Err(TreeError::NotLoadable(Refusal::Name)),
        }
    }

    /// The path of a file of the tree.
    pub fn path_of(&self, file: &str) -> String {
        match file {
            "" => self.path.clone(),
            file => format!("{}/{file}", self.path.trim_end_matches('/')),
        }
    }

    /// Opens a file of the tree by its path within the tree, and reads its stamp. The path of a tree that is a file is
    /// empty.
    pub fn open_file(&self, file: &str) -> Result<(File, Stamp), Refusal> {
        let opened = match &self.folder {
            Some(folder) => beneath(folder.as_fd(), file, OPEN)?,
            None => fs::open(&*self.path, OPEN | OFlags::NOFOLLOW, Mode::empty()).map_err(io)?,
        };
        let stat = fs::fstat(&opened).map_err(io)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok((File::from(opened), stamp(&stat))),
            other => Err(refusal(other)),
        }
    }

    /// Finds all files of the tree, in no particular order. A folder that cannot be read is refused, and the walk goes
    /// on.
    pub fn walk(&self, visitor: &mut impl Visitor) -> LeftOut {
        let mut walk = Walk {
            root: self.folder.as_ref().map(AsFd::as_fd),
            root_path: &self.path,
            left_out: LeftOut::default(),
            visitor,
        };
        match &self.folder {
            None => {
                let found = fs::stat(&*self.path).map(|stat| stamp(&stat)).map_err(io);
                walk.visitor.found("", found);
            }
            Some(folder) => walk.folders(folder.as_fd()),
        }
        walk.left_out
    }
}

/// A walk in progress.
struct Walk<'t, V> {
    root: Option<BorrowedFd<'t>>,
    root_path: &'t str,
    left_out: LeftOut,
    visitor: &'t mut V,
}

/// A folder that is being read.
struct Level {
    entries: Dir,
    /// The path within the tree; empty for the tree itself, otherwise with a slash at its end.
    path: String,
    /// Whether it is the folder of an account, in which each service has a folder, such as `CloudTrail`.
    is_account: bool,
}

impl<V: Visitor> Walk<'_, V> {
    fn folders(&mut self, root: BorrowedFd) {
        let mut levels = Vec::new();
        match self.level(root, String::new()) {
            Ok(level) => levels.push(level),
            Err(errno) => self.visitor.found("", Err(io(errno))),
        }
        while let Some(level) = levels.last_mut() {
            self.visitor.tick();
            match level.entries.read() {
                None => {
                    levels.pop();
                }
                Some(Err(errno)) => {
                    let path = level.path.trim_end_matches('/').to_owned();
                    levels.pop();
                    self.visitor.found(&path, Err(io(errno)));
                }
                Some(Ok(entry)) => {
                    let is_deepest = levels.len() == DEEPEST;
                    if let Some(level) = levels.last()
                        && let Some(inner) =
                            self.entry(level, entry.file_name(), entry.file_type(), is_deepest)
                    {
                        levels.push(inner);
                    }
                }
            }
        }
    }

    /// Looks at an entry of a folder. Returns it if it is a folder to enter.
    fn entry(&mut self, level: &Level, name: &CStr, kind: FileType, is_deepest: bool) -> Option<Level> {
        if matches!(name.to_bytes(), b"." | b"..") {
            return None;
        }
        let folder = level.entries.fd().ok()?;
        let Ok(text) = name.to_str() else {
            let path = format!("{}{}", level.path, name.to_string_lossy());
            self.visitor.found(&path, Err(Refusal::Name));
            return None;
        };
        let path = format!("{}{text}", level.path);
        let kind = match kind {
            FileType::Unknown => match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(errno) => {
                    self.refuse(&path, errno);
                    return None;
                }
            },
            kind => kind,
        };
        match kind {
            FileType::Directory => return self.folder(level, folder, path, text, is_deepest),
            FileType::RegularFile if is_loaded(text) => {
                match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => self.visitor.found(&path, Ok(stamp(&stat))),
                    Err(errno) => self.refuse(&path, errno),
                }
            }
            FileType::RegularFile => self.leave_out_file(path),
            FileType::Symlink => self.link(path, text),
            other => self.visitor.found(&path, Err(refusal(other))),
        }
        None
    }

    fn folder(
        &mut self,
        level_above: &Level,
        above: BorrowedFd,
        path: String,
        name: &str,
        is_deepest: bool,
    ) -> Option<Level> {
        if level_above.is_account && name != CLOUDTRAIL {
            self.left_out.folders += 1;
            self.left_out.folder.get_or_insert(path);
            return None;
        }
        if is_deepest {
            self.visitor.found(&path, Err(Refusal::TooDeep));
            return None;
        }
        let opened = fs::openat(above, name, OPEN | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
        match opened.and_then(|folder| self.level(folder.as_fd(), format!("{path}/"))) {
            Ok(level) => Some(level),
            Err(errno) => {
                self.refuse(&path, errno);
                None
            }
        }
    }

    /// A link to a file within the tree is loaded like the file. A link to a folder within the tree is not followed,
    /// because its files are found where they are.
    fn link(&mut self, path: String, name: &str) {
        let Some(root) = self.root else { return };
        let opened = beneath(root, &path, OFlags::PATH | OFlags::CLOEXEC);
        let stat = opened.and_then(|file| fs::fstat(file).map_err(io));
        match stat.map(|stat| (FileType::from_raw_mode(stat.st_mode), stat)) {
            Ok((FileType::RegularFile, stat)) if is_loaded(name) => {
                self.visitor.found(&path, Ok(stamp(&stat)))
            }
            Ok((FileType::RegularFile, _)) => self.leave_out_file(path),
            Ok((FileType::Directory, _)) => {}
            Ok((other, _)) => self.visitor.found(&path, Err(refusal(other))),
            Err(why) => self.visitor.found(&path, Err(why)),
        }
    }

    /// Begins to read a folder.
    fn level(&self, folder: BorrowedFd, path: String) -> Result<Level, Errno> {
        let within = path.trim_end_matches('/').split('/').filter(|name| !name.is_empty());
        let names: Vec<&str> = self.root_path.split('/').chain(within).collect();
        let is_number = |name: &&str| name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
        let has_trail = || {
            fs::statat(folder, CLOUDTRAIL, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
        };
        let is_among_logs =
            || names.iter().rev().take_while(|name| **name != CLOUDTRAIL).any(|name| *name == LOGS);
        let is_account = names.last().is_some_and(is_number) && (is_among_logs() || has_trail());
        Ok(Level { entries: Dir::read_from(folder)?, path, is_account })
    }

    fn leave_out_file(&mut self, path: String) {
        self.left_out.files += 1;
        self.left_out.file.get_or_insert(path);
    }

    /// Refuses a file because of an error. One that has disappeared in the meantime, because another program renamed
    /// it, is ignored.
    fn refuse(&mut self, path: &str, errno: Errno) {
        if errno != Errno::NOENT {
            self.visitor.found(path, Err(io(errno)));
        }
    }
}

const CLOUDTRAIL: &str = "CloudTrail";

/// The folder in which AWS keeps the folders of accounts. An account may have several: one for each of its trails, and
/// one that has only other services.
const LOGS: &str = "AWSLogs";

/// Opens a path within a folder. No link on the way may lead out of it.
fn beneath(folder: BorrowedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Refusal> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match fs::openat2(folder, path, flags, Mode::empty(), resolve) {
        Ok(file) => Ok(file),
        // Linux before 5.6 does not have the call, and some sandboxes forbid it.
        Err(Errno::NOSYS | Errno::PERM) => without_links(folder, path, flags),
        Err(Errno::XDEV) => Err(Refusal::LeavesTree),
        Err(Errno::NOENT | Errno::LOOP) if is_link(folder, path) => Err(Refusal::BrokenLink),
        Err(errno) => Err(io(errno)),
    }
}

/// Opens a path within a folder, on which there may be no link at all.
fn without_links(folder: BorrowedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Refusal> {
    let mut above: Option<OwnedFd> = None;
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    for name in folders.split('/').filter(|name| !name.is_empty()) {
        let from = above.as_ref().map_or(folder, AsFd::as_fd);
        let flags = OPEN | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        above = Some(fs::openat(from, name, flags, Mode::empty()).map_err(io)?);
    }
    let from = above.as_ref().map_or(folder, AsFd::as_fd);
    match fs::openat(from, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(file) => Ok(file),
        Err(Errno::LOOP) => Err(Refusal::LeavesTree),
        Err(errno) => Err(io(errno)),
    }
}

fn is_link(folder: BorrowedFd, path: &str) -> bool {
    fs::statat(folder, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

/// Whether a file of this name in a folder is loaded.
fn is_loaded(name: &str) -> bool {
    ENDINGS.iter().any(|ending| {
        name.len()
            .checked_sub(ending.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    })
}

fn stamp(stat: &Stat) -> Stamp {
    let microseconds = stat.st_mtime_nsec as i64 / 1000;
    Stamp {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_us: stat.st_mtime.saturating_mul(1_000_000).saturating_add(microseconds),
    }
}

fn refusal(kind: FileType) -> Refusal {
    match kind {
        FileType::Fifo => Refusal::Pipe,
        FileType::Socket => Refusal::Socket,
        FileType::Directory => Refusal::Folder,
        // Without openat2, a link is not followed at all.
        FileType::Symlink => Refusal::LeavesTree,
        _ => Refusal::Device,
    }
}

fn io(errno: Errno) -> Refusal {
    Refusal::Io(errno.into())
}

/// The text of an error of the system, as PostgreSQL has it: without its number.
pub(crate) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
