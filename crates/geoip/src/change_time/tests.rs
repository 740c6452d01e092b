//! Every way in which another file can come to stand at a path is seen.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longer than the time of a file can be behind.
const TICK: Duration = Duration::from_millis(25);

fn now_us() -> i64 {
    std::thread::sleep(TICK);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
    std::thread::sleep(TICK);
    now
}

#[test]
fn a_change_of_a_file_or_of_the_path_to_it_is_seen() {
    type Act = fn(&Path);
    let changes: [(&str, Act); 8] = [
        ("a file was written", |root| fs::write(root.join("real/geo/a.mmdb"), "2").unwrap()),
        ("a file was renamed over it", |root| {
            fs::rename(root.join("b.mmdb"), root.join("real/geo/a.mmdb")).unwrap()
        }),
        ("a file was added", |root| fs::rename(root.join("b.mmdb"), root.join("real/geo/b.mmdb")).unwrap()),
        ("a file was removed", |root| fs::remove_file(root.join("real/geo/a.mmdb")).unwrap()),
        ("a folder on the way was replaced", |root| {
            fs::rename(root.join("real"), root.join("old")).unwrap();
            fs::rename(root.join("next"), root.join("real")).unwrap();
        }),
        ("a folder on the way was replaced, and something was put into it", |root| {
            fs::rename(root.join("real"), root.join("old")).unwrap();
            fs::rename(root.join("next"), root.join("real")).unwrap();
            fs::write(root.join("real/.done"), "").unwrap();
        }),
        ("a link on the way was turned", |root| fs::rename(root.join("turned"), root.join("link")).unwrap()),
        ("a folder on the way was removed", |root| fs::remove_dir_all(root.join("real")).unwrap()),
    ];
    for (what, act) in changes {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("real/geo")).unwrap();
        fs::create_dir_all(at("next/geo")).unwrap();
        for path in ["real/geo/a.mmdb", "next/geo/a.mmdb", "b.mmdb"] {
            fs::write(at(path), "1").unwrap();
        }
        symlink("real", at("link")).unwrap();
        symlink("next", at("turned")).unwrap();
        let setting = at("link/geo").to_string_lossy().into_owned();
        let before = now_us();
        let last = last_change(&setting).unwrap();
        assert!(last.at_us < before, "{what}: nothing changed so far: {last:?}");
        act(root.path());
        let last = last_change(&setting).unwrap();
        assert!(last.at_us > before, "{what}: {last:?}");
    }
}

#[test]
fn other_files_in_a_public_folder_on_the_way_do_not_matter() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("real/geo")).unwrap();
    fs::set_permissions(root.path().join("real"), fs::Permissions::from_mode(0o1777)).unwrap();
    let setting = root.path().join("real/geo").to_string_lossy().into_owned();
    let before = now_us();
    fs::write(root.path().join("real/other"), "1").unwrap();
    assert!(last_change(&setting).unwrap().at_us < before);
}

#[test]
fn links_in_a_circle_and_paths_that_are_nowhere_end() {
    let root = tempfile::tempdir().unwrap();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    assert!(last_change(&root.path().join("a/x").to_string_lossy()).is_some());
    assert!(last_change("/nowhere/at/all.mmdb").is_some(), "the root folder is there");
    assert_eq!(last_change(" , "), None);
}
