//! The rules of the store, by processes that share a folder (each a `Store` of its own) and a clock.

use super::*;
use crate::manifest::Serving;
use crate::source::SourceState;
use crate::testing::{address, bytes, city, map, real_file, text};
use std::cell::Cell;
use std::fs;
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

#[test]
fn the_first_statement_copies_and_uses_what_is_there() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    assert_eq!(scene.ask(&mut scene.process()), some("London"));
    assert_eq!(fs::metadata(scene.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    let name = format!("{}.mmdb", directory::digest_of(&of("London")).as_str());
    assert_eq!(scene.copies(), std::slice::from_ref(&name));
    assert_eq!(fs::metadata(scene.folder().join(name)).unwrap().permissions().mode() & 0o777, 0o400);
    assert_eq!(
        names(&scene.folder()).len(),
        4,
        "the copy, the manifest, the lock, the check log, and nothing else"
    );
}

#[test]
fn a_replaced_file_is_used_by_statements_that_begin_a_second_after_the_last_look_at_the_old_one() {
    let scene = Scene::new();
    let (mut process, mut other) = (scene.process(), scene.process());
    type Replace = fn(&Scene, &str, &[u8]);
    let ways: [(Replace, [&'static str; 2]); 2] =
        [(Scene::rename_over, ["Berlin", "Paris"]), (Scene::copy_over, ["Madrid", "Rome"])];
    scene.copy_over("a.mmdb", &of("London"));
    let mut before = "London";
    assert_eq!(scene.ask(&mut process), some(before));
    for (replace, cities) in ways {
        for city in cities {
            scene.pass(SECOND);
            assert_eq!(scene.ask(&mut process), some(before));
            replace(&scene, "a.mmdb", &of(city));
            scene.pass(SECOND / 2);
            assert_eq!(scene.ask(&mut other), some(before), "published, not yet valid: the other has looked");
            scene.pass(SECOND / 2 - 1);
            assert_eq!(scene.ask(&mut scene.process()), some(before), "nor to a process that starts now");
            scene.pass(1);
            assert_eq!(scene.ask(&mut process), some(city));
            assert_eq!(scene.ask_at(&mut scene.process(), scene.now.get() - 1), some(before));
            before = city;
        }
    }
}

#[test]
fn a_file_that_became_bad_is_refused_once_and_its_last_good_copy_serves_on() {
    let long = of("London");
    let mut corrupt = long.clone();
    let at = corrupt.windows(4).position(|window| window == [0, 0, 0, 0]).unwrap();
    corrupt[at..at + 4].fill(0xFE);
    let bad: [(&str, Vec<u8>); 4] = [
        ("truncated", long[..long.len() / 2].to_vec()),
        ("garbage", vec![7; 5000]),
        ("empty", Vec::new()),
        ("corrupt", corrupt),
    ];
    for (kind, content) in bad {
        let scene = Scene::new();
        let (mut one, mut other) = (scene.process(), scene.process());
        scene.copy_over("a.mmdb", &of("London"));
        assert_eq!(scene.ask(&mut one), some("London"));
        scene.copy_over("a.mmdb", &content);
        scene.pass(2 * SECOND);
        let (stack, warnings) = one.stack_for(&scene.setting(), scene.now.get(), &mut || {}).unwrap();
        assert_eq!(city_of(&stack).as_deref(), Some("London"), "{kind}");
        assert_eq!(warnings.len(), 1, "{kind}");
        assert!(warnings[0].message.contains("a.mmdb\" is refused: "), "{}", warnings[0].message);
        for _ in 0..3 {
            scene.pass(2 * SECOND);
            assert_eq!(scene.ask(&mut one), some("London"), "{kind}: no second warning");
            assert_eq!(scene.ask(&mut other), some("London"), "{kind}: nor one to others");
        }
        let status = &scene.statuses(&mut other)[0];
        assert_eq!((status.status, status.database_type.as_deref()), ("refused", Some("Test")));
        assert!(status.detail.as_ref().unwrap().ends_with("the last good copy of the file serves on"));

        scene.rename_over("a.mmdb", &of("Paris"));
        scene.pass(2 * SECOND);
        assert_eq!(scene.ask(&mut one), some("Paris"), "{kind}: good again");
        assert_eq!(scene.statuses(&mut one)[0].status, "in_use");
    }
}

#[test]
fn a_file_that_was_never_good_is_refused_and_the_others_serve() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", b"no database");
    scene.copy_over("b.mmdb", &of("London"));
    let mut process = scene.process();
    assert_eq!(scene.ask(&mut process), (Some("London".into()), 1));
    assert_eq!(scene.ask(&mut scene.process()), some("London"));
    let statuses = scene.statuses(&mut process);
    assert_eq!(statuses.iter().map(|status| status.status).collect::<Vec<_>>(), ["refused", "in_use"]);
    assert_eq!(statuses[0].size_bytes, Some(11));
    assert_eq!(statuses[1].provides, ["coordinates", "accuracy_km", "city", "subdivision", "country"]);
    assert_eq!((statuses[1].ip_version, statuses[1].built_at), (Some(4), Some(1_700_000_000)));
}

#[test]
fn a_file_in_which_nothing_is_recognized_is_in_use_and_says_so() {
    let domains = || map([("domains", text("example.com")), ("odd \n key", text("x"))]);
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &bytes(4, &[("1.0.0.0/8", domains())]));
    scene.copy_over("b.mmdb", &of("London"));
    let mut process = scene.process();
    assert_eq!(scene.ask(&mut process), some("London"));
    let statuses = scene.statuses(&mut process);
    assert_eq!((statuses[0].status, statuses[0].provides.len()), ("in_use", 0));
    let detail = "nothing in it was recognized: its records have the keys \"domains\" and \"odd \\n key\"";
    assert_eq!(statuses[0].detail.as_deref(), Some(detail));
    assert_eq!(statuses[1].detail, None);
}

#[test]
fn a_file_that_is_being_written_is_left_alone() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    scene.ask(&mut process);
    scene.pass(SECOND);
    scene.copy_over("a.mmdb", &of("Paris")[..100]);
    let written = fs::metadata(scene.file("a.mmdb")).unwrap();
    scene.now.set(written.mtime() * SECOND + written.mtime_nsec() / 1000 + SECOND - 1);
    assert_eq!(scene.ask(&mut process), some("London"), "no warning within a second of a write");
    scene.pass(2 * SECOND);
    assert_eq!(scene.ask(&mut process), (Some("London".into()), 1));
}

#[test]
fn a_file_that_grows_while_it_is_read_is_left_for_the_next_look() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    scene.ask(&mut process);
    scene.pass(2 * SECOND);
    scene.copy_over("a.mmdb", &of("Paris"));
    let file = scene.file("a.mmdb");
    let mut writes = 0;
    let mut write = || {
        writes += 1;
        fs::write(&file, [of("Paris"), vec![0; writes]].concat()).unwrap();
    };
    let (stack, warnings) = process.stack_for(&scene.setting(), scene.now.get(), &mut write).unwrap();
    assert!(writes > 0);
    assert_eq!((city_of(&stack), warnings.len()), some("London"));
    assert_eq!(scene.copies().len(), 1);
}

#[test]
fn a_deleted_file_leaves_the_set() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    scene.copy_over("b.mmdb", &of("Paris"));
    let mut process = scene.process();
    assert_eq!(scene.ask(&mut process), some("London"));
    fs::remove_file(scene.file("a.mmdb")).unwrap();
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut process), some("Paris"));
    assert_eq!(scene.statuses(&mut process).len(), 1);
}

#[test]
fn a_file_that_the_setting_names_is_missing_when_it_is() {
    let scene = Scene::new();
    let file = scene.file("a.mmdb").to_string_lossy().into_owned();
    let setting = format!(" {file} ,, /nonexistent/folder ");
    let mut process = scene.process();
    let (stack, _) = process.stack_for(&setting, unix_us(), &mut || {}).unwrap();
    assert!(stack.is_empty());
    assert_eq!(stack.tried(), [file, "/nonexistent/folder".into()]);
    let (statuses, _) = process.databases(&setting, unix_us(), &mut || {}).unwrap();
    assert_eq!(statuses.len(), 1, "a folder that is not there is no file");
    assert_eq!(statuses[0].status, "missing");
}

#[test]
fn files_come_in_the_order_of_the_setting_and_then_of_their_names() {
    let scene = Scene::new();
    let folder = |name: &str| scene.root.path().join(name);
    fs::create_dir(folder("two")).unwrap();
    fs::create_dir(folder("geo/sub.mmdb")).unwrap();
    for name in ["geo/b.mmdb", "geo/a.mmdb", "geo/.hidden.mmdb", "geo/note.txt", "two/0.mmdb"] {
        fs::write(folder(name), of("London")).unwrap();
    }
    let setting = format!("{0}/two/0.mmdb,{0}/geo,{0}/two", scene.root.path().display());
    let paths: Vec<String> = source::list(&setting).into_iter().map(|source| source.path).collect();
    let expected = ["two/0.mmdb", "geo/a.mmdb", "geo/b.mmdb"];
    assert_eq!(paths, expected.map(|name| folder(name).to_string_lossy().into_owned()));
}

#[test]
fn one_statement_sees_one_set_and_asks_the_file_system_once() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    let ask =
        |process: &mut Store| process.stack_for(&scene.setting(), scene.now.get(), &mut || {}).unwrap().0;
    let first = ask(&mut process);
    fs::remove_dir_all(scene.root.path()).unwrap();
    assert!(Rc::ptr_eq(&first, &ask(&mut process)));
    assert_eq!(city_of(&first).as_deref(), Some("London"), "an unlinked copy stays open");
}

#[test]
fn an_unchanged_content_is_not_copied_again() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    scene.ask(&mut process);
    let inode = || fs::metadata(scene.folder().join(&scene.copies()[0])).unwrap().ino();
    let before = inode();
    scene.rename_over("a.mmdb", &of("London"));
    scene.pass(2 * SECOND);
    scene.ask(&mut process);
    scene.pass(2 * SECOND);
    assert_eq!(scene.ask(&mut process), some("London"));
    assert_eq!((inode(), scene.copies().len()), (before, 1));
    let manifest = Manifest::read(&process.directory, &scene.setting()).unwrap();
    assert_eq!(manifest.generations.len(), 2, "but the new fingerprint is remembered");
}

#[test]
fn the_first_statement_after_a_long_time_sees_what_changed_meanwhile() {
    type Change = fn(&Scene);
    let changes: [(Change, &str); 4] = [
        (|scene| scene.rename_over("a.mmdb", &of("Paris")), "Paris"),
        (|scene| scene.copy_over("a.mmdb", &of("Rome")), "Rome"),
        (|scene| fs::remove_file(scene.file("a.mmdb")).unwrap(), "Madrid"),
        // Prepared long ago, put in place by renaming the folder: no time of a file tells.
        (
            |scene| {
                fs::rename(scene.root.path().join("geo"), scene.root.path().join("old")).unwrap();
                fs::rename(scene.root.path().join("next"), scene.root.path().join("geo")).unwrap();
            },
            "Berlin",
        ),
    ];
    for (change, city) in changes {
        for worker_first in [false, true] {
            let scene = Scene::new();
            scene.copy_over("a.mmdb", &of("London"));
            scene.copy_over("b.mmdb", &of("Madrid"));
            fs::create_dir(scene.root.path().join("next")).unwrap();
            fs::write(scene.root.path().join("next/a.mmdb"), of("Berlin")).unwrap();
            let (mut leader, mut worker) = (scene.process(), scene.process());
            let ask = |process: &mut Store, statement_us| {
                let asked = process.stack_for(&scene.setting(), statement_us, &mut || {});
                city_of(&asked.unwrap().0).unwrap()
            };
            assert_eq!(ask(&mut leader, scene.now.get()), "London");
            let early = scene.now.get();
            change(&scene);
            scene.pass(3600 * SECOND);
            let late = scene.now.get();
            // Whichever process of a statement checks first, all of them see the same generation, the new one.
            if worker_first {
                assert_eq!(ask(&mut worker, late), city);
            }
            assert_eq!(ask(&mut leader, late), city);
            assert_eq!(ask(&mut worker, late), city);
            assert_eq!(ask(&mut scene.process(), early), "London", "{city}");
        }
    }
}

#[test]
fn a_statement_of_which_a_process_chose_the_old_set_keeps_to_it() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let (mut leader, mut worker) = (scene.process(), scene.process());
    scene.ask(&mut leader);
    scene.pass(3600 * SECOND);
    let statement = scene.now.get();
    assert_eq!(scene.ask_at(&mut leader, statement), some("London"));
    scene.rename_over("a.mmdb", &of("Paris"));
    scene.pass(60 * SECOND);
    assert_eq!(scene.ask_at(&mut worker, statement), some("London"), "publishes, for later statements");
    assert_eq!(scene.ask_at(&mut scene.process(), statement), some("London"));
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut leader), some("Paris"));
}

#[test]
fn a_process_publishes_for_later_statements_what_its_own_statement_cannot_use() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut leader = scene.process();
    scene.ask(&mut leader);
    scene.rename_over("a.mmdb", &of("Paris"));
    // Each statement has a new worker, and no leader looks. A look in every second must not keep the new file away.
    scene.pass(SECOND / 2);
    assert_eq!(scene.ask(&mut scene.process()), some("London"));
    scene.pass(SECOND / 2);
    assert_eq!(scene.ask(&mut scene.process()), some("Paris"));
}

#[test]
fn a_statement_does_not_wait_for_another_process_that_copies() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    scene.ask(&mut process);
    scene.rename_over("a.mmdb", &of("Paris"));
    let lock = process.directory.lock_file().unwrap();
    lock.lock().unwrap();
    scene.pass(2 * SECOND);
    assert_eq!(scene.ask(&mut process), some("London"));
    assert_eq!(scene.copies().len(), 1);
}

#[test]
fn the_first_statement_waits_for_another_process_and_can_be_interrupted() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut process = scene.process();
    let mut lock = Some(process.directory.lock_file().unwrap());
    lock.as_ref().unwrap().lock().unwrap();
    let mut interrupts = 0;
    let mut interrupt = || {
        interrupts += 1;
        if interrupts == 3 {
            lock = None;
        }
    };
    let (stack, _) = process.stack_for(&scene.setting(), scene.now.get(), &mut interrupt).unwrap();
    assert!(interrupts >= 3);
    assert_eq!(city_of(&stack).as_deref(), Some("London"));
}

#[test]
fn a_canceled_copy_leaves_nothing_behind() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut calls = 0;
    let canceled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut cancel = || {
            calls += 1;
            assert!(calls < 4, "canceled");
        };
        let _ = scene.process().stack_for(&scene.setting(), scene.now.get(), &mut cancel);
    }));
    assert!(canceled.is_err());
    assert_eq!(names(&scene.folder()), ["check_log", "lock"]);
    assert_eq!(scene.ask(&mut scene.process()), some("London"));
}

#[test]
fn databases_that_appear_after_none_are_used_at_once() {
    let scene = Scene::new();
    let mut process = scene.process();
    assert_eq!(scene.ask(&mut process), (None, 0));
    scene.copy_over("a.mmdb", &of("London"));
    scene.pass(1);
    assert_eq!(scene.ask(&mut process), some("London"));
}

#[test]
fn a_generation_after_none_does_not_change_what_came_before() {
    let serving = Serving { digest: directory::digest_of(b""), size: 1, in_memory: None, locates: None };
    let entry =
        Entry { path: "x".into(), state: SourceState::Missing, refused: None, serving: Some(serving) };
    let mut manifest = Manifest::first("x", 1, vec![entry.clone()], 0, i64::MIN);
    manifest.add(Vec::new(), 10 * SECOND, 11 * SECOND);
    manifest.add(vec![entry], 20 * SECOND, 21 * SECOND);
    let number = |at: i64| manifest.choose(at).unwrap().number;
    assert_eq!((number(0), number(11 * SECOND - 1), number(11 * SECOND), number(i64::MIN)), (1, 1, 3, 1));
}

#[test]
fn without_room_for_a_copy_the_file_is_read_into_memory() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let (mut one, mut other) = (scene.process(), scene.process());
    one.writer = full_disk;
    other.writer = full_disk;
    assert_eq!(scene.ask(&mut one), (Some("London".into()), 1));
    assert_eq!(scene.ask(&mut other), some("London"));
    assert_eq!(names(&scene.folder()).len(), 3, "the lock, the check log and the manifest, but no copy");
    let status = &scene.statuses(&mut other)[0];
    assert_eq!(status.status, "in_use");
    assert!(status.detail.as_ref().unwrap().starts_with("read into memory"));

    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut one), some("London"), "not tried every second");
    one.writer = directory::write_all;
    scene.pass(MEMORY_RETRY_US);
    scene.ask(&mut one);
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut one), some("London"));
    assert_eq!(scene.copies().len(), 1, "there is room again");
    assert_eq!(scene.statuses(&mut one)[0].detail, None);
}

#[test]
fn a_file_without_a_copy_that_changes_is_an_error_and_never_a_mix() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut one = scene.process();
    one.writer = full_disk;
    scene.ask(&mut one);
    scene.copy_over("a.mmdb", &of("Paris"));
    let mut late = scene.process();
    late.writer = full_disk;
    let answer = late.stack_for(&scene.setting(), scene.now.get(), &mut || {});
    assert!(matches!(answer, Err(StoreError::ChangedWhileInMemory { .. })));
    scene.pass(SECOND / 2);
    let answer = one.stack_for(&scene.setting(), scene.now.get(), &mut || {});
    assert!(matches!(answer, Err(StoreError::ChangedWhileInMemory { .. })), "others cannot read what it has");
    scene.pass(SECOND / 2);
    assert_eq!(scene.ask(&mut late), some("Paris"));
    assert_eq!(scene.ask(&mut one), some("Paris"));
}

#[test]
fn where_nothing_can_be_written_a_process_goes_alone() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    fs::write(scene.root.path().join("data/base"), "in the way").unwrap();
    let mut full = scene.process();
    full.writer = very_full_disk;
    for mut process in [scene.process(), full] {
        scene.rename_over("a.mmdb", &of("London"));
        scene.pass(SECOND);
        assert_eq!(scene.ask(&mut process), (Some("London".into()), 2));
        for _ in 0..3 {
            scene.pass(SECOND);
            assert_eq!(scene.ask(&mut process), some("London"), "warned once");
        }
        scene.rename_over("a.mmdb", &of("Paris"));
        scene.pass(SECOND);
        assert_eq!(scene.ask(&mut process).0.as_deref(), Some("Paris"));
        // The second round: the folder can be made, but nothing fits.
        let _ = fs::remove_file(scene.root.path().join("data/base"));
    }
}

/// A scene in which a leader has read a file into its memory, and then the disk was filled up and the file replaced.
fn replaced_on_a_full_disk() -> (Scene, Store) {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut leader = scene.process();
    leader.writer = full_disk;
    scene.ask(&mut leader);
    leader.writer = very_full_disk;
    scene.rename_over("a.mmdb", &of("Paris"));
    (scene, leader)
}

/// A scene in which a leader uses a stored copy of a file, and then the disk was filled up and the file replaced.
fn replaced_with_a_copy(writer: Writer) -> (Scene, Store) {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    let mut leader = scene.process();
    scene.ask(&mut leader);
    leader.writer = writer;
    scene.rename_over("a.mmdb", &of("Paris"));
    (scene, leader)
}

#[test]
fn on_a_full_disk_leader_and_workers_use_the_file_that_was_there_before_the_statement() {
    let (scene, mut leader) = replaced_on_a_full_disk();
    for city in ["Paris", "Berlin"] {
        scene.rename_over("a.mmdb", &of(city));
        scene.pass(SECOND);
        for worker_first in [true, false] {
            scene.pass(SECOND / 4);
            let mut worker = scene.process();
            worker.writer = very_full_disk;
            let looks = if worker_first { [&mut worker, &mut leader] } else { [&mut leader, &mut worker] };
            for process in looks {
                assert_eq!(scene.ask(process).0.as_deref(), Some(city), "worker first: {worker_first}");
            }
        }
    }
}

#[test]
fn on_a_full_disk_a_process_fails_if_the_file_changed_after_the_statement_began() {
    let (scene, mut leader) = replaced_on_a_full_disk();
    scene.pass(1);
    let early = scene.now.get();
    scene.pass(SECOND);
    let mut worker = scene.process();
    worker.writer = very_full_disk;
    for process in [&mut worker, &mut leader] {
        // Another process may have read the previous file for this statement.
        let answer = process.stack_for(&scene.setting(), early, &mut || {});
        assert!(matches!(answer, Err(StoreError::ChangedWhileInMemory { .. })));
    }
    for process in [&mut worker, &mut leader] {
        assert_eq!(scene.ask(process).0.as_deref(), Some("Paris"), "the next statement succeeds");
    }
}

#[test]
fn on_a_full_disk_the_workers_of_a_statement_wait_for_each_other() {
    let (scene, leader) = replaced_on_a_full_disk();
    let mut lock = Some(leader.directory.lock_file().unwrap());
    lock.as_ref().unwrap().lock().unwrap();
    scene.pass(SECOND);
    let mut worker = scene.process();
    worker.writer = very_full_disk;
    let mut interrupts = 0;
    let mut interrupt = || {
        interrupts += 1;
        if interrupts == 3 {
            lock = None;
        }
    };
    let (stack, _) = worker.stack_for(&scene.setting(), scene.now.get(), &mut interrupt).unwrap();
    assert_eq!(city_of(&stack).as_deref(), Some("Paris"));
}

#[test]
fn a_process_that_is_alone_joins_the_others_when_one_of_them_can_write() {
    let (scene, mut alone) = replaced_on_a_full_disk();
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut alone).0.as_deref(), Some("Paris"));
    assert!(alone.alone.is_some());
    // The disk has room again.
    let _ = scene.process().stack_for(&scene.setting(), scene.now.get(), &mut || {});
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut scene.process()), some("Paris"));
    assert_eq!(scene.ask(&mut alone), some("Paris"));
    assert!(alone.alone.is_none());
}

#[test]
fn a_leader_does_not_stay_with_a_copy_that_workers_can_no_longer_open() {
    let (scene, mut leader) = replaced_with_a_copy(very_full_disk);
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut leader).0.as_deref(), Some("London"), "there is no room for another copy");
    fs::remove_file(scene.folder().join(&scene.copies()[0])).unwrap();
    std::thread::sleep(Duration::from_micros(2 * TICK_US as u64));
    scene.now.set(unix_us());
    let mut worker = scene.process();
    worker.writer = very_full_disk;
    let answer = worker.stack_for(&scene.setting(), scene.now.get(), &mut || {});
    assert!(matches!(answer, Err(StoreError::ChangedWhileInMemory { .. })), "the leader may not know yet");
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut worker).0.as_deref(), Some("Paris"));
    assert_eq!(scene.ask(&mut leader).0.as_deref(), Some("Paris"));
}

/// The answer of a process on the real clock.
fn asked(scene: &Scene, process: &mut Store, statement_us: i64) -> Result<Option<String>, StoreError> {
    let (stack, _) = process.stack_for(&scene.setting(), statement_us, &mut || {})?;
    Ok(city_of(&stack))
}

/// The start of a statement that begins now, at which the times of files are earlier.
fn begin() -> i64 {
    std::thread::sleep(Duration::from_micros(2 * TICK_US as u64));
    unix_us()
}

fn on_disk(scene: &Scene, writer: Writer) -> Store {
    let mut process = Store::new(scene.folder());
    process.writer = writer;
    process
}

fn expect(found: Result<Option<String>, StoreError>, city: &str, what: &str) {
    assert!(matches!(&found, Ok(Some(name)) if name == city), "{what}: {found:?}");
}

fn expect_changed(found: Result<Option<String>, StoreError>, what: &str) {
    assert!(matches!(found, Err(StoreError::ChangedWhileInMemory { .. })), "{what}: {found:?}");
}

#[test]
fn a_process_that_publishes_first_fails_if_another_may_have_been_alone_with_other_files() {
    let scene = Scene::new();
    scene.rename_over("a.mmdb", &of("London"));
    let mut leader = on_disk(&scene, very_full_disk);
    let statement_us = begin();
    expect(asked(&scene, &mut leader, statement_us), "London", "alone");
    scene.rename_over("a.mmdb", &of("Paris"));
    // There is room again.
    expect_changed(asked(&scene, &mut on_disk(&scene, directory::write_all), statement_us), "publishes");
    expect_changed(asked(&scene, &mut on_disk(&scene, directory::write_all), statement_us), "finds it");
    leader.writer = directory::write_all;
    let statement_us = unix_us();
    for process in [&mut leader, &mut on_disk(&scene, directory::write_all)] {
        expect(asked(&scene, process, statement_us), "Paris", "the next statement");
    }
}

#[test]
fn a_file_that_was_put_in_place_just_before_the_first_statement_is_used_at_once() {
    for _ in 0..20 {
        let scene = Scene::new();
        scene.copy_over("a.mmdb", &of("London"));
        let mut process = on_disk(&scene, directory::write_all);
        expect(asked(&scene, &mut process, unix_us()), "London", "there is room");
    }
}

#[test]
fn a_process_that_is_alone_looks_after_a_tick_of_the_clock() {
    let scene = Scene::new();
    scene.rename_over("a.mmdb", &of("London"));
    let mut process = on_disk(&scene, very_full_disk);
    let statement_us = begin();
    expect(asked(&scene, &mut process, statement_us), "London", "alone");
    assert!(unix_us() >= statement_us + TICK_US);
}

#[test]
fn if_copies_are_removed_while_a_statement_runs_no_other_databases_take_their_place() {
    for (room, writer) in [(true, directory::write_all as Writer), (false, very_full_disk)] {
        let scene = Scene::new();
        scene.rename_over("a.mmdb", &of("London"));
        let mut leader = on_disk(&scene, directory::write_all);
        expect(asked(&scene, &mut leader, begin()), "London", "copied");
        leader.writer = very_full_disk;
        scene.rename_over("a.mmdb", &of("Paris"));
        let statement_us = begin();
        expect(asked(&scene, &mut leader, statement_us), "London", "there is no room for another copy");
        let copies: Vec<PathBuf> = scene.copies().iter().map(|name| scene.folder().join(name)).collect();
        copies.iter().for_each(|copy| fs::remove_file(copy).unwrap());
        for _ in 0..2 {
            let answer = asked(&scene, &mut on_disk(&scene, writer), statement_us);
            expect_changed(answer, &format!("room: {room}"));
        }
        std::thread::sleep(Duration::from_micros(DELAY_US as u64));
        let statement_us = begin();
        for (process, what) in [(&mut leader, "leader"), (&mut on_disk(&scene, writer), "worker")] {
            expect(asked(&scene, process, statement_us), "Paris", &format!("{what} later, room: {room}"));
        }
    }
}

#[test]
fn a_process_that_has_a_copy_open_notices_in_the_next_statement_that_it_was_removed() {
    let scene = Scene::new();
    scene.rename_over("a.mmdb", &of("London"));
    let mut leader = on_disk(&scene, directory::write_all);
    expect(asked(&scene, &mut leader, begin()), "London", "copied");
    leader.writer = very_full_disk;
    scene.rename_over("a.mmdb", &of("Paris"));
    fs::remove_file(scene.folder().join(&scene.copies()[0])).unwrap();
    expect_changed(asked(&scene, &mut leader, begin()), "others may not have noticed");
    expect(asked(&scene, &mut leader, begin()), "Paris", "the next statement");
}

#[test]
fn a_new_file_is_not_used_by_a_statement_of_which_a_process_could_not_log_its_check() {
    let (scene, mut leader) = replaced_with_a_copy(copy_on_write_full_disk);
    scene.pass(3600 * SECOND);
    let statement_us = scene.now.get();
    assert_eq!(scene.ask_at(&mut leader, statement_us).0.as_deref(), Some("London"));
    scene.pass(1);
    for _ in 0..2 {
        assert_eq!(scene.ask_at(&mut scene.process(), statement_us), some("London"), "there is room again");
    }
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut scene.process()), some("Paris"));
}

#[test]
fn a_process_does_not_use_its_memory_of_a_file_that_another_may_have_seen_replaced() {
    let (scene, mut leader) = replaced_on_a_full_disk();
    let statement_us = begin();
    scene.now.set(statement_us);
    let mut worker = scene.process();
    worker.writer = very_full_disk;
    assert_eq!(scene.ask(&mut worker).0.as_deref(), Some("Paris"), "alone");
    // Manifests fit again. The leader publishes, and its own statement began too early for the new generation.
    leader.writer = full_disk;
    expect_changed(asked(&scene, &mut leader, statement_us), "London is in its memory");
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut leader).0.as_deref(), Some("Paris"));
}

#[test]
fn the_server_log_is_told_of_a_full_disk_by_one_process_every_five_minutes() {
    let scene = Scene::new();
    let (one, other) = (scene.process(), scene.process());
    assert!(!one.takes_turn_to_log(), "the first session that looked has warned");
    let before = SystemTime::now() - Duration::from_micros(MEMORY_RETRY_US as u64);
    one.directory.lock_file().unwrap().set_modified(before).unwrap();
    assert!(one.takes_turn_to_log());
    assert!(!other.takes_turn_to_log() && !one.takes_turn_to_log());
}

#[test]
fn warnings_of_the_disk_are_told_apart_from_warnings_of_bad_files() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", b"no database");
    scene.copy_over("b.mmdb", &of("London"));
    let mut process = on_disk(&scene, very_full_disk);
    let (_, warnings) = process.stack_for(&scene.setting(), begin(), &mut || {}).unwrap();
    let (of_disk, bad): (Vec<_>, Vec<_>) = warnings.iter().partition(|warning| warning.is_of_disk);
    assert_eq!((of_disk.len(), bad.len()), (2, 1), "{warnings:?}");
    assert!(bad[0].message.contains("a.mmdb\" is refused"), "{bad:?}");
}

#[test]
fn a_change_time_in_the_future_is_told_to_a_process_that_is_alone() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    scene.pass(-3600 * SECOND);
    let mut process = scene.process();
    process.writer = very_full_disk;
    let answer = asked(&scene, &mut process, scene.now.get());
    let Err(StoreError::ChangedInFuture { path }) = answer else { panic!("{answer:?}") };
    assert!(scene.file("a.mmdb").starts_with(&path), "{path}");
    process.writer = directory::write_all;
    scene.pass(SECOND);
    expect(asked(&scene, &mut process, scene.now.get()), "London", "where a copy fits, it does not matter");
}

/// The test runs itself in a process with few file descriptors, of which it leaves a number free.
#[test]
fn a_process_that_is_short_of_file_descriptors_fails_and_does_not_leave_out_a_file() {
    const CHILD: &str = "TRAVEL_GEOIP_FEW_DESCRIPTORS";
    if std::env::var_os(CHILD).is_none() {
        let name =
            "store::tests::a_process_that_is_short_of_file_descriptors_fails_and_does_not_leave_out_a_file";
        let status = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    for writer in [directory::write_all as Writer, very_full_disk] {
        let mut failed = 0;
        for free in 0..16 {
            let scene = Scene::new();
            scene.rename_over("a.mmdb", &of("London"));
            scene.rename_over("b.mmdb", &of("Paris"));
            let mut process = on_disk(&scene, writer);
            let statement_us = begin();
            let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
            taken.truncate(taken.len() - free);
            let found = asked(&scene, &mut process, statement_us);
            drop(taken);
            match found {
                Ok(city) => assert_eq!(city.as_deref(), Some("London"), "{free} are free"),
                Err(_) => failed += 1,
            }
            expect(asked(&scene, &mut process, begin()), "London", "with enough of them");
        }
        assert!((1..16).contains(&failed), "{failed}");
    }
}

#[test]
fn copies_that_vanish_or_are_damaged_are_made_anew() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    scene.ask(&mut scene.process());
    let copy = scene.folder().join(&scene.copies()[0]);
    fs::remove_file(&copy).unwrap();
    assert_eq!(scene.ask(&mut scene.process()), some("London"), "a copy vanished");
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, "short").unwrap();
    assert_eq!(scene.ask(&mut scene.process()), some("London"), "a copy was truncated");
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, vec![7; of("London").len()]).unwrap();
    assert_eq!(scene.ask(&mut scene.process()), some("London"), "a copy was overwritten");
    let mut process = scene.process();
    scene.ask(&mut process);
    fs::remove_dir_all(scene.folder()).unwrap();
    scene.pass(2 * SECOND);
    assert_eq!(scene.ask(&mut process), some("London"), "the folder vanished");
    for name in names(&scene.folder()).into_iter().filter(|name| Manifest::is_name(name)) {
        fs::write(scene.folder().join(name), "{\"version\":1,").unwrap();
    }
    scene.pass(2 * SECOND);
    assert_eq!(scene.ask(&mut process), some("London"), "the manifest is damaged");
}

#[test]
fn old_generations_stay_for_a_day_and_while_somebody_uses_them() {
    let scene = Scene::new();
    let cities = ["London", "Paris", "Berlin"];
    let (mut publisher, mut reader) = (scene.process(), scene.process());
    let mut publish = |city: &'static str| {
        scene.rename_over("a.mmdb", &of(city));
        scene.pass(2 * SECOND);
        scene.ask(&mut publisher);
        scene.pass(2 * SECOND);
        assert_eq!(scene.ask(&mut publisher), some(city));
    };
    publish(cities[0]);
    scene.ask(&mut reader);
    publish(cities[1]);
    assert_eq!(scene.copies().len(), 2, "not a day old");
    scene.pass(25 * 3600 * SECOND);
    publish(cities[2]);
    assert_eq!(scene.copies().len(), 3, "the first is a day old but in use, the second was valid until now");
    drop(reader);
    scene.pass(25 * 3600 * SECOND);
    publish("Rome");
    let kept = ["Berlin", "Rome"].map(|city| format!("{}.mmdb", directory::digest_of(&of(city)).as_str()));
    assert!(scene.copies().iter().all(|name| kept.contains(name)), "{:?}", scene.copies());
    assert_eq!(scene.copies().len(), 2);
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_up_new_files() {
    let scene = Scene::new();
    let mut process = scene.process();
    scene.copy_over("a.mmdb", &of("London"));
    scene.ask(&mut process);
    let right = scene.now.get();
    scene.pass(3600 * SECOND);
    scene.rename_over("a.mmdb", &of("Paris"));
    assert_eq!(scene.ask(&mut process), some("Paris"));
    scene.rename_over("a.mmdb", &of("Rome"));
    scene.now.set(right + 2 * SECOND);
    scene.ask(&mut process);
    scene.pass(SECOND);
    assert_eq!(scene.ask(&mut process), some("Rome"));
}

#[test]
fn settings_share_a_folder_without_collecting_each_other_s_copies() {
    let scene = Scene::new();
    scene.copy_over("a.mmdb", &of("London"));
    scene.ask(&mut scene.process());
    fs::write(scene.root.path().join("other.mmdb"), of("Paris")).unwrap();
    let other = scene.root.path().join("other.mmdb").to_string_lossy().into_owned();
    let mut process = scene.process();
    let (stack, _) = process.stack_for(&other, scene.now.get(), &mut || {}).unwrap();
    assert_eq!(city_of(&stack).as_deref(), Some("Paris"));
    assert_eq!(scene.copies().len(), 2);
    assert_eq!(scene.ask(&mut process), some("London"), "the setting was changed back");
}

#[test]
fn a_real_file_goes_through_the_store() {
    let Some(path) = real_file("GeoLite2-City-Test.mmdb") else { return };
    let scene = Scene::new();
    let setting = path.to_string_lossy().into_owned();
    let (stack, warnings) = scene.process().stack_for(&setting, unix_us(), &mut || {}).unwrap();
    assert!(warnings.is_empty());
    let place = stack.locate(address("81.2.69.142")).unwrap().unwrap();
    assert_eq!(place.city.as_deref(), Some("London"));
}

/// Processes on the real clock, with a file that is replaced all the time: every process that works for one
/// statement, however late it joins, sees the same set.
#[test]
fn all_processes_of_a_statement_choose_the_same_generation() {
    const PROCESSES: usize = 6;
    const STATEMENTS: usize = 80;
    let scene = Scene::new();
    let cities = ["London", "Paris", "Berlin", "Rome", "Madrid"];
    scene.copy_over("a.mmdb", &of(cities[0]));
    let (folder, setting, file) = (scene.folder(), scene.setting(), scene.file("a.mmdb"));
    let barrier = std::sync::Barrier::new(PROCESSES + 1);
    let statement = std::sync::atomic::AtomicI64::new(0);
    let relaxed = std::sync::atomic::Ordering::SeqCst;
    let seen: Vec<Vec<String>> = std::thread::scope(|scope| {
        let run = |number: usize| {
            let mut process = Store::new(folder.clone());
            let mut seen = Vec::new();
            for round in 0..STATEMENTS {
                barrier.wait();
                let statement_us = statement.load(relaxed);
                let late = (number * 7 + round * 3) % 11;
                std::thread::sleep(Duration::from_millis(late as u64 * 4));
                let answer = process.stack_for(&setting, statement_us, &mut || {});
                seen.push(city_of(&answer.unwrap().0).unwrap());
                barrier.wait();
            }
            seen
        };
        let handles: Vec<_> = (0..PROCESSES).map(|number| scope.spawn(move || run(number))).collect();
        for round in 0..STATEMENTS {
            if round % 3 == 2 {
                let new = file.with_extension("new");
                fs::write(&new, of(cities[round % cities.len()])).unwrap();
                fs::rename(new, &file).unwrap();
            }
            statement.store(unix_us(), relaxed);
            barrier.wait();
            barrier.wait();
        }
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    for others in &seen[1..] {
        assert_eq!(*others, seen[0]);
    }
    let mut distinct = seen[0].clone();
    distinct.dedup();
    assert!(distinct.len() > 1, "the file changed, and that was seen: {distinct:?}");
}

thread_local! {
    /// The disk of the scene of this thread: 0 has room, on 1 only manifests fit, on 2 nothing fits, on 3 not even what
    /// is overwritten.
    static DISK: Cell<u8> = const { Cell::new(0) };
}

fn changing_disk(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    match DISK.get() {
        0 => directory::write_all(file, bytes),
        1 => full_disk(file, bytes),
        2 => very_full_disk(file, bytes),
        _ => copy_on_write_full_disk(file, bytes),
    }
}

/// Random sequences of what can happen to the disk, the file and the store, on the real clock. Leaders live long,
/// workers are new in each statement, and whatever they find, they agree or fail. When nothing has changed for a while,
/// they do not fail.
#[test]
fn whatever_happens_to_the_store_the_processes_of_a_statement_agree_or_fail_for_a_moment() {
    const SCENES: u64 = 24;
    const ROUNDS: usize = 7;
    std::thread::scope(|scope| {
        for seed in 1..=SCENES {
            scope.spawn(move || agree_or_fail(seed, ROUNDS));
        }
    });
}

fn agree_or_fail(seed: u64, rounds: usize) {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut draw = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let cities = ["London", "Paris", "Berlin", "Rome", "Madrid"];
    let scene = Scene::new();
    let process = || {
        let mut process = Store::new(scene.folder());
        process.writer = changing_disk;
        process
    };
    DISK.set(draw(4) as u8);
    scene.rename_over("a.mmdb", &of(cities[0]));
    std::thread::sleep(Duration::from_millis(30));
    let mut leaders = [process(), process()];
    let mut told: Vec<String> = Vec::new();
    let change = |told: &mut Vec<String>, draw: &mut dyn FnMut(u64) -> u64| match draw(8) {
        0..4 => {
            let city = cities[draw(5) as usize];
            scene.rename_over("a.mmdb", &of(city));
            told.push(format!("replaced by {city}"));
        }
        4..7 => {
            DISK.set(draw(4) as u8);
            told.push(format!("disk {}", DISK.get()));
        }
        _ => {
            for name in scene.folder().read_dir().into_iter().flatten().flatten() {
                if name.path().extension().is_some_and(|extension| extension == "mmdb") {
                    fs::remove_file(name.path()).unwrap();
                }
            }
            told.push("copies removed".into());
        }
    };
    for round in 0..rounds {
        for _ in 0..1 + draw(2) {
            change(&mut told, &mut draw);
        }
        // First statements that run while things change or have just changed, and then one after a while. Should it be
        // the first that finds copies removed, it may fail, and is run again.
        let mut failed = true;
        for (is_calm, is_again) in [(false, false), (false, false), (true, false), (true, true)] {
            if is_again && !std::mem::take(&mut failed) {
                continue;
            }
            failed = false;
            std::thread::sleep(Duration::from_millis(if is_calm { 1100 } else { 30 * draw(3) }));
            let statement_us = unix_us();
            let (mut one, mut two) = (process(), process());
            let leader = &mut leaders[draw(2) as usize];
            let mut looks = [leader, &mut one, &mut two];
            looks.rotate_left(draw(3) as usize);
            let mut seen: Vec<Option<String>> = Vec::new();
            for (at, look) in looks.into_iter().enumerate() {
                while at > 0 && !is_calm && draw(2) == 0 {
                    change(&mut told, &mut draw);
                }
                match look.stack_for(&scene.setting(), statement_us, &mut || {}) {
                    Ok((stack, _)) => seen.push(city_of(&stack)),
                    Err(error) => {
                        told.push(format!("failed: {error}"));
                        assert!(!is_again, "seed {seed}, round {round}: {told:#?}");
                        failed = true;
                    }
                }
            }
            told.push(format!("{seen:?}"));
            seen.dedup();
            assert!(seen.len() <= 1, "seed {seed}, round {round}: {told:#?}");
        }
    }
}
