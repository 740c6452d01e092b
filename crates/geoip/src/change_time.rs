//! The time at which the files of a setting last changed, or the paths that lead to them. Where nothing can be written,
//! the processes of a statement agree on the files that were there before it began, and this time tells which files those are.

use crate::source;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A change, in microseconds since the Unix epoch, the file or folder that it is about, and the component of its path
/// that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub at_us: i64,
    pub path: String,
    pub component: String,
}

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// The last change that can be seen. `None` if nothing of the setting exists.
pub(crate) fn last_change(setting: &str) -> Option<Change> {
    let mut last = None;
    for path in source::paths(setting) {
        note_path(Path::new(path), &mut last);
        // The folder itself was looked at, which shows that a file was added, renamed or removed.
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "mmdb") {
                note_path(&path, &mut last);
            }
        }
    }
    last
}

/// Looks at every component of a path: a link or a folder in the middle of it may have been replaced.
fn note_path(path: &Path, last: &mut Option<Change>) {
    let mut rest: Vec<PathBuf> = vec![path.to_path_buf()];
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(next) = rest.pop() {
        let mut components = next.components();
        let Some(component) = components.next() else { continue };
        let below = components.as_path().to_path_buf();
        if !below.as_os_str().is_empty() {
            rest.push(below);
        }
        match component {
            Component::ParentDir => {
                at.pop();
                continue;
            }
            Component::CurDir => continue,
            component => at.push(component),
        }
        let Ok(metadata) = fs::symlink_metadata(&at) else {
            // It was perhaps removed, and only its folder shows when.
            at.pop();
            if let Ok(folder) = fs::symlink_metadata(&at) {
                note(path, &at, changed_us(&folder), last);
            }
            return;
        };
        let is_on_the_way = !rest.is_empty();
        match is_on_the_way && metadata.is_dir() && is_public(&metadata) {
            true => note(path, &at, moved_us(&metadata), last),
            false => note(path, &at, changed_us(&metadata), last),
        }
        if metadata.is_symlink() {
            links += 1;
            let Some(target) = fs::read_link(&at).ok().filter(|_| links <= MOST_LINKS) else { return };
            at.pop();
            rest.push(target);
        }
    }
}

fn note(path: &Path, component: &Path, at_us: i64, last: &mut Option<Change>) {
    if last.as_ref().is_none_or(|last| last.at_us < at_us) {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        *last = Some(Change { at_us, path: text(path), component: text(component) });
    }
}

/// The latest time at which a file can have changed, up to a tick of the kernel's clock. A file system without fractions
/// of seconds keeps the time rounded down, to 2 seconds on FAT.
pub(crate) fn changed_us(metadata: &Metadata) -> i64 {
    let fraction_us = match metadata.ctime_nsec() {
        0 => COARSE_US,
        nanoseconds => nanoseconds / 1000,
    };
    metadata.ctime().saturating_mul(1_000_000).saturating_add(fraction_us)
}

const COARSE_US: i64 = 2_000_000;

/// Returns whether everyone may create entries in a folder, as in `/tmp`. Such a folder changes all the time, and only
/// its owner can replace it.
fn is_public(metadata: &Metadata) -> bool {
    const STICKY: u32 = 0o1000;
    metadata.mode() & STICKY != 0
}

/// The time at which a public folder on the way to a file was put there. Renaming a folder changes only its ctime. A
/// change of its entries changes its mtime, too. In other folders such a change counts, because an entry may have been
/// made in a folder after the folder was put there.
fn moved_us(metadata: &Metadata) -> i64 {
    let (ctime, mtime) =
        ((metadata.ctime(), metadata.ctime_nsec()), (metadata.mtime(), metadata.mtime_nsec()));
    if ctime == mtime { i64::MIN } else { changed_us(metadata) }
}

// The tests need the inode times of a real file system, which Miri does not have.
#[cfg(all(test, not(miri)))]
mod tests;
