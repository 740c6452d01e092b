//! Tests processes that cannot write copies or manifests, and processes whose copies are removed.

use super::*;

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
