//! The time at which the files of a setting last changed, or the paths that lead to them. Where nothing can be written,
//! the processes of a statement agree on the files that were there before it began, and this time tells.

use crate::source;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// A change, in microseconds since the Unix epoch, and the path that it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub at_us: i64,
    pub path: String,
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
                note(path, changed_us(&folder), last);
            }
            return;
        };
        let is_on_the_way = !rest.is_empty();
        match is_on_the_way && metadata.is_dir() {
            true => note(path, moved_us(&metadata), last),
            false => note(path, changed_us(&metadata), last),
        }
        if metadata.is_symlink() {
            links += 1;
            let Some(target) = fs::read_link(&at).ok().filter(|_| links <= MOST_LINKS) else { return };
            at.pop();
            rest.push(target);
        }
    }
}

fn note(path: &Path, at_us: i64, last: &mut Option<Change>) {
    let change = Change { at_us, path: path.to_string_lossy().into_owned() };
    if last.as_ref().is_none_or(|last| last.at_us < at_us) {
        *last = Some(change);
    }
}

fn changed_us(metadata: &Metadata) -> i64 {
    metadata.ctime().saturating_mul(1_000_000).saturating_add(metadata.ctime_nsec() / 1000)
}

/// The time at which a folder on the way to a file was put there. Renaming a folder changes only its ctime. A change of
/// its entries changes its mtime, too, and does not matter: the entries on the way are looked at themselves.
fn moved_us(metadata: &Metadata) -> i64 {
    let (ctime, mtime) =
        ((metadata.ctime(), metadata.ctime_nsec()), (metadata.mtime(), metadata.mtime_nsec()));
    if ctime == mtime { i64::MIN } else { changed_us(metadata) }
}

#[cfg(test)]
mod tests;
