//! 32 sessions at once for a while, as a busy server has them: events arrive in three ways, scans, queries, refreshes of
//! a materialized view, the work of analysts, changes of rules, new GeoIP files, and a second database in which the
//! extension is dropped and created.
//!
//! Every SQLSTATE that a statement may end with is listed beside the statement with its reason. Any other fails, and so
//! does any deadlock. Afterwards no event and no alert is lost or doubled, and the rules that scans evaluated all the
//! time have the same results as new ones that are scanned once.

mod report;
mod work;

use crate::many_sessions::same_results;
use crate::sessions::{Result, Session};
use report::{Pauses, Sample, print};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use work::{OTHER_DATABASE, Work};

/// How many events a document has.
pub const EVENTS: u64 = 10;

/// What the sessions share.
pub struct Shared<'a> {
    /// The folder that holds `geoip`, which the server reads; `a.mmdb` and `b.mmdb`, two editions of the locations of
    /// the same cities; and `load`, for files to load.
    pub folder: &'a Path,
    /// The number of the next document.
    next: AtomicU64,
    /// The number of documents that were loaded.
    loaded: AtomicU64,
    ends: Instant,
    samples: Mutex<Vec<Sample>>,
    unexpected: Mutex<Vec<String>>,
}

pub fn run(folder: &str, seconds: u64) -> Result {
    let duration = Duration::from_secs(seconds);
    let mut main = Session::open()?;
    main.run(&work::SETUP)?;
    main.run(&[&format!("CREATE DATABASE {OTHER_DATABASE}")])?;
    Session::open_in(Some(OTHER_DATABASE))?.run(&work::OTHER_SETUP)?;
    let shared = Shared {
        folder: Path::new(folder),
        next: AtomicU64::new(work::FIRST_DOCUMENT),
        loaded: AtomicU64::new(work::FIRST_DOCUMENT),
        ends: Instant::now() + duration,
        samples: Mutex::default(),
        unexpected: Mutex::default(),
    };
    let pauses = Pauses::default();
    let sessions: usize = work::ALL.iter().map(|work| work.sessions).sum();
    println!("   {sessions} sessions for {seconds} s");
    thread::scope(|scope| -> Result {
        let shared = &shared;
        scope.spawn(|| pauses.watch_until(shared.ends));
        scope.spawn(move || shared.replace_geoip(duration));
        let mut running = Vec::new();
        for work in work::ALL {
            for number in 0..work.sessions {
                running.push(scope.spawn(move || shared.repeat(work, number as u64)));
            }
        }
        for session in running {
            session.join().map_err(|_| "a session panicked")??;
        }
        Ok(())
    })?;
    print(&shared.samples.lock().map_err(|_| "a session panicked")?, &pauses);
    let unexpected = shared.unexpected.lock().map_err(|_| "a session panicked")?;
    if !unexpected.is_empty() {
        return Err(format!(
            "{} statements ended with an SQLSTATE that is not expected of them: {:#?}",
            unexpected.len(),
            unexpected.iter().take(10).collect::<Vec<_>>()
        )
        .into());
    }
    check(&mut main, shared.loaded.load(Ordering::Relaxed) * EVENTS)
}

impl Shared<'_> {
    /// The number of a document that nobody has loaded yet.
    pub fn new_document(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn repeat(&self, work: &'static Work, number: u64) -> Result {
        let mut session = Session::open_in(work.database)?;
        session.run(work.prepare)?;
        let mut round = number;
        while !self.is_over() {
            for statement in (work.statements)(self, round)? {
                let began = Instant::now();
                let outcome = session.attempt(&statement);
                let code = outcome.code().map(str::to_owned);
                let mut samples = self.samples.lock().map_err(|_| "a session panicked")?;
                samples.push(Sample { work: work.name, began, ended: Instant::now(), code: code.clone() });
                drop(samples);
                let Some(code) = code else { continue };
                if !work.expected.iter().any(|(expected, _)| code.starts_with(expected)) {
                    let mut unexpected = self.unexpected.lock().map_err(|_| "a session panicked")?;
                    unexpected.push(format!("{}: {statement}: {}", work.name, outcome.said()));
                }
                if outcome.error.is_some() {
                    // A transaction block that failed.
                    session.run(&["ROLLBACK"])?;
                    break;
                }
            }
            if work.loads {
                self.loaded.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(work.pause_ms));
            round += work.sessions as u64;
        }
        Ok(())
    }

    /// Replaces the GeoIP file every ten seconds, by turns as tools do it: by a rename, and by writing over the file.
    fn replace_geoip(&self, duration: Duration) -> Result {
        let every = Duration::from_secs(10).min(duration / 5);
        let target = self.folder.join("geoip/City.mmdb");
        let mut round = 0;
        let mut next = Instant::now() + every;
        while !self.is_over() {
            if Instant::now() >= next {
                let edition = self.folder.join(if round % 2 == 0 { "b.mmdb" } else { "a.mmdb" });
                if round % 4 < 2 {
                    let fresh = self.folder.join("geoip/City.mmdb.new");
                    std::fs::copy(&edition, &fresh)?;
                    std::fs::rename(&fresh, &target)?;
                } else {
                    std::fs::copy(&edition, &target)?;
                }
                round += 1;
                next += every;
            }
            thread::sleep(Duration::from_millis(50));
        }
        println!("   the GeoIP file was replaced {round} times");
        Ok(())
    }
}

/// Checks what is there when everything has ended and the last events are scanned.
fn check(main: &mut Session, events: u64) -> Result {
    main.run(&["CALL travel.scan()", work::REFRESH])?;
    main.expect("events", events as i64, "SELECT count(*) FROM cloudtrail")?;
    main.expect("different events", events as i64, "SELECT count(DISTINCT event_id) FROM cloudtrail")?;
    main.expect(
        "errors that are left",
        0,
        "SELECT count(*) FROM travel.status WHERE last_error IS NOT NULL",
    )?;
    main.expect(
        "rows that the materialized view lacks or has too many of",
        0,
        "SELECT count(*) FROM (SELECT leg_id FROM found) AS f
         FULL JOIN (SELECT leg_id FROM travel.detect('cloudtrail')) AS d USING (leg_id)
         WHERE f.leg_id IS NULL OR d.leg_id IS NULL",
    )?;
    main.expect(
        "raised verdicts without an alert",
        0,
        "SELECT count(*) FROM travel.verdicts AS v LEFT JOIN travel.alerts AS a ON a.id = v.alert_id
         WHERE v.raised AND (a.id IS NULL OR a.withdrawn_at IS NOT NULL)",
    )?;
    main.expect(
        "legs with two verdicts",
        0,
        "SELECT count(*) FROM (SELECT FROM travel.verdicts GROUP BY rule, leg_id HAVING count(*) > 1) AS v",
    )?;
    println!(
        "   {events} events, {} alerts, {} comments of analysts",
        main.count("SELECT count(*) FROM travel.alerts")?,
        main.count("SELECT count(*) FROM travel.alert_comments")?
    );
    for rule in ["plain", "people"] {
        same_results(main, rule, &format!("{rule}, at once"))?;
    }
    Ok(())
}
