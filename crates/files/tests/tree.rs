//! Which files of a tree are found, and what is refused.
// Miri has no sockets and pipes in folders.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tempfile::TempDir;
use travel_files::{Found, LeftOut, Refusal, Tree, TreeError, Visitor};

/// A file that was found: its size and time, or why it is refused.
#[derive(Default)]
struct Seen(BTreeMap<String, String>);

impl Visitor for Seen {
    fn found(&mut self, path: &str, what: Found) {
        let text = what.map_or_else(|refusal| refusal.to_string(), |stamp| stamp.size.to_string());
        assert!(self.0.insert(path.to_owned(), text).is_none(), "{path} was found twice");
    }
}

fn walk(path: &Path) -> (BTreeMap<String, String>, LeftOut) {
    let mut seen = Seen::default();
    let left_out = Tree::open(path).unwrap().walk(&mut seen);
    (seen.0, left_out)
}

/// A folder with these files, each of which contains its own name.
fn folder(files: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(path, what)| ((*path).to_owned(), (*what).to_owned())).collect()
}

#[test]
fn files_are_found_by_the_endings_of_their_names_in_all_folders() {
    let folder = folder(&[
        "a.json",
        "b/c.json.gz",
        "b/c/D.JSONL",
        "e.ndjson.gz",
        "f.csv",
        "b/json",
        "b/.json.gz.4fAb12",
    ]);
    let (found, left_out) = walk(folder.path());
    assert_eq!(
        found,
        map(&[("a.json", "6"), ("b/c.json.gz", "11"), ("b/c/D.JSONL", "11"), ("e.ndjson.gz", "11")])
    );
    assert_eq!((left_out.files, left_out.folders), (3, 0));
}

#[test]
fn a_file_alone_is_found_by_any_name() {
    let folder = folder(&["data"]);
    let tree = Tree::open(&folder.path().join("data")).unwrap();
    let mut seen = Seen::default();
    tree.walk(&mut seen);
    assert_eq!(seen.0, map(&[("", "4")]));
    assert_eq!(tree.open_file("").unwrap().1.size, 4);
    assert_eq!(tree.path_of(""), tree.path);
}

#[test]
fn a_link_is_followed_within_the_tree_only() {
    let outside = folder(&["secret.json", "folder/other.json"]);
    let folder = folder(&["a.json", "data", "inner/b.json"]);
    let link = |name: &str, to: &Path| symlink(to, folder.path().join(name)).unwrap();
    link("by_name.json", Path::new("data"));
    link("inner/up.json", Path::new("../a.json"));
    link("inner/loop", Path::new(".."));
    link("absolute.json", &outside.path().join("secret.json"));
    link("climbs.json", Path::new("inner/../../x.json"));
    link("outer", &outside.path().join("folder"));
    link("nothing.json", Path::new("gone"));
    link("itself.json", Path::new("itself.json"));
    let leaves = "it is a link that leads out of the folder";
    let expected = map(&[
        ("a.json", "6"),
        ("by_name.json", "4"),
        ("inner/b.json", "12"),
        ("inner/up.json", "6"),
        ("absolute.json", leaves),
        ("climbs.json", leaves),
        ("outer", leaves),
        ("nothing.json", "it is a link that leads to nothing"),
        ("itself.json", "it is a link that leads to nothing"),
    ]);
    assert_eq!(walk(folder.path()).0, expected);
}

#[test]
fn a_file_that_is_replaced_by_a_link_out_of_the_tree_is_not_opened() {
    let outside = folder(&["secret.json", "folder/a.json"]);
    let folder = folder(&["inner/a.json"]);
    let tree = Tree::open(folder.path()).unwrap();
    assert_eq!(tree.open_file("inner/a.json").unwrap().1.size, 12);
    fs::remove_dir_all(folder.path().join("inner")).unwrap();
    symlink(outside.path().join("folder"), folder.path().join("inner")).unwrap();
    symlink(outside.path().join("secret.json"), folder.path().join("b.json")).unwrap();
    for file in ["inner/a.json", "b.json", "../secret.json"] {
        assert!(matches!(tree.open_file(file), Err(Refusal::LeavesTree)), "{file}");
    }
}

#[test]
fn what_is_not_a_file_is_refused_and_never_opened() {
    let folder = folder(&["a.json"]);
    let _socket = UnixListener::bind(folder.path().join("socket.json")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.json")).status().unwrap();
    assert!(made.success());
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.json")), "x").unwrap();
    let expected = map(&[
        ("a.json", "6"),
        ("socket.json", "it is a socket"),
        ("pipe.json", "it is a pipe"),
        ("\u{FFFD}.json", "its name is not UTF-8"),
    ]);
    assert_eq!(walk(folder.path()).0, expected);
    let tree = Tree::open(folder.path()).unwrap();
    // Opening a pipe without a writer would wait for ever.
    assert!(matches!(tree.open_file("pipe.json"), Err(Refusal::Pipe)));
    let error = |path: &str| Tree::open(&folder.path().join(path)).err().unwrap();
    assert!(matches!(error("pipe.json"), TreeError::NotLoadable(Refusal::Pipe)));
    assert!(matches!(error("none"), TreeError::Io(_)));
    assert_eq!(error("none").to_string(), "No such file or directory");
}

#[test]
fn in_the_folder_of_an_account_only_the_folder_cloudtrail_is_searched() {
    let folder = folder(&[
        "AWSLogs/o-1/111122223333/CloudTrail/us-east-1/a.json",
        "AWSLogs/o-1/111122223333/CloudTrail-Digest/us-east-1/b.json",
        "AWSLogs/o-1/111122223333/Config/c.json",
        "AWSLogs/444455556666/Config/d.json",
        "111122223333/CloudTrail/e.json",
        "111122223333/Config/f.json",
        "444455556666/2026/g.json",
        "other/CloudTrail/h.json",
        "other/Config/i.json",
    ]);
    let (found, left_out) = walk(folder.path());
    let mut names: Vec<&str> = found.keys().filter_map(|path| path.rsplit('/').next()).collect();
    names.sort_unstable();
    // Outside of AWSLogs, a number is an account only if it has such a folder.
    assert_eq!(names, ["a.json", "e.json", "g.json", "h.json", "i.json"]);
    assert_eq!(left_out.folders, 4);
    let (found, left_out) = walk(&folder.path().join("AWSLogs/444455556666"));
    assert_eq!((found.len(), left_out.folders), (0, 1));
}

#[test]
fn folders_are_entered_to_a_depth_that_no_trail_has() {
    let deep = format!("{}a.json", "d/".repeat(63));
    let deeper = format!("{}b.json", "d/".repeat(64));
    let folder = folder(&[&deep, &deeper]);
    let refused = format!("{}d", "d/".repeat(63));
    assert_eq!(
        walk(folder.path()).0,
        map(&[(&deep, &deep.len().to_string()), (&refused, "the folders are more than 64 deep")])
    );
}
