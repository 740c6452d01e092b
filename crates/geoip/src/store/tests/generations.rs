//! Tests which generation a statement uses, and what happens to old generations and bad files.

use super::*;

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
        assert!(status.detail.as_ref().unwrap().ends_with("the last good copy of the file stays in use"));

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
