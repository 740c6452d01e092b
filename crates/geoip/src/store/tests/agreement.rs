//! All processes of a statement use the same databases, or the statement fails.

use super::*;

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
