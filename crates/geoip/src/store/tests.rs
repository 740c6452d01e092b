//! The rules of the store, by processes that share a folder (each a `Store` of its own) and a clock.

mod agreement;
mod full_disk;
mod generations;

use super::*;
use crate::manifest::{DELAY_US, Serving};
use crate::source::SourceState;
use crate::testing::{address, bytes, city, map, real_file, text};
use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000;

/// A server: its temporary folder, the administrator's folder, the time.
struct Scene {
    root: TempDir,
    now: Rc<Cell<i64>>,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { root: tempfile::tempdir().unwrap(), now: Rc::new(Cell::new(unix_us())) };
        // The server does not write beside the folder of the administrator.
        for folder in ["geo", "data"] {
            fs::create_dir(scene.root.path().join(folder)).unwrap();
        }
        scene
    }

    fn process(&self) -> Store {
        let now = Rc::clone(&self.now);
        Store::with_clock(self.folder(), Box::new(move || now.get()))
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("data/base/pgsql_tmp/pgsql_tmp_impossible_travel")
    }

    fn setting(&self) -> String {
        self.root.path().join("geo").to_string_lossy().into_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join("geo").join(name)
    }

    /// As `mv` and updaters do it.
    fn rename_over(&self, name: &str, content: &[u8]) {
        fs::write(self.file("new"), content).unwrap();
        fs::rename(self.file("new"), self.file(name)).unwrap();
    }

    /// As `cp` does it.
    fn copy_over(&self, name: &str, content: &[u8]) {
        fs::write(self.file(name), content).unwrap();
    }

    fn pass(&self, microseconds: i64) {
        self.now.set(self.now.get() + microseconds);
    }

    /// The city that a statement sees which begins now, and how often it was warned.
    fn ask(&self, process: &mut Store) -> (Option<String>, usize) {
        self.ask_at(process, self.now.get())
    }

    fn ask_at(&self, process: &mut Store, statement_us: i64) -> (Option<String>, usize) {
        let (stack, warnings) = process.stack_for(&self.setting(), statement_us, &mut || {}).unwrap();
        (city_of(&stack), warnings.len())
    }

    fn copies(&self) -> Vec<String> {
        names(&self.folder()).into_iter().filter(|name| name.ends_with(".mmdb")).collect()
    }

    fn statuses(&self, process: &mut Store) -> Vec<DatabaseStatus> {
        process.databases(&self.setting(), self.now.get(), &mut || {}).unwrap().0
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn city_of(stack: &Stack) -> Option<String> {
    stack.locate(address("1.2.3.4")).unwrap()?.city.as_deref().map(str::to_owned)
}

fn of(name: &'static str) -> Vec<u8> {
    bytes(4, &[("1.0.0.0/8", city(name, "GB", 51.5, -0.1))])
}

fn some(city: &str) -> (Option<String>, usize) {
    (Some(city.into()), 0)
}

/// A disk on which manifests fit, and nothing else.
fn full_disk(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    match bytes.starts_with(b"{") {
        true => directory::write_all(file, bytes),
        false => very_full_disk(file, bytes),
    }
}

/// A disk on which nothing fits, but what is there can be overwritten: the 8 bytes of the check log.
fn very_full_disk(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    match bytes.len() {
        8 => directory::write_all(file, bytes),
        _ => copy_on_write_full_disk(file, bytes),
    }
}

/// A disk on which nothing fits, and which writes elsewhere what is overwritten.
fn copy_on_write_full_disk(_: &mut File, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::StorageFull.into())
}
