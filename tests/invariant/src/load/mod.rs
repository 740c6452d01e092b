//! Runs many sessions at once for a while, as on a busy server. Events arrive in three ways. Meanwhile, sessions scan,
//! query, refresh a materialized view, triage alerts, change rules and prune, and GeoIP files are replaced. In a second
//! database, the extension is repeatedly dropped and created. At the end, it is also dropped in the first database,
//! while scans are under way.
//!
//! Each statement has a list of the SQLSTATEs with which it may end, with the reasons. The test fails after any other
//! SQLSTATE and after a deadlock, if a kind of statement never succeeds, and if no GeoIP file is replaced. At the end, no
//! event and no alert may be lost or doubled. The rules that were scanned during the test must have the same results as
//! new rules that are scanned once.

mod drop;
mod report;
mod work;

use crate::many_sessions::same_results;
use crate::sessions::{Outcome, Result, Session};
use crate::stored;
use report::{Pauses, Sample, print, without_success};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use work::{OTHER_DATABASE, Step, Work};

/// The number of events of a document.
pub const EVENTS: u64 = 10;

/// The maximum number of times that a statement is repeated after SQLSTATE 40001.
const ATTEMPTS: u64 = 100;

/// The data that the clients share.
pub struct Shared<'a> {
    /// The folder that holds `geoip`, which the server reads; `a.mmdb` and `b.mmdb`, two editions of the locations of
    /// the same cities; and `load`, for files to load.
    pub folder: &'a Path,
    /// The transaction isolation level of all clients.
    isolation: &'a str,
    /// The number of the next document. At the end, all documents before it are loaded.
    next_document: AtomicU64,
    ends: Instant,
    /// The kinds of the statements of all rounds, with those that a round did not come to.
    kinds: Mutex<BTreeSet<&'static str>>,
    samples: Mutex<Vec<Sample>>,
    unexpected: Mutex<Vec<String>>,
}

/// One of several sessions that do the same work.
struct Task {
    work: &'static Work,
    /// The number of the next round. It begins with the number of the session among those of the work.
    round: u64,
    session: Session,
}

/// Runs this number of clients for this number of seconds. The work of 34 sessions is distributed among the clients.
/// Each client runs one statement at a time.
pub fn run(folder: &str, clients: usize, seconds: u64, isolation: &str) -> Result {
    let all = || work::ALL.iter().flat_map(|work| (0..work.sessions).map(move |number| (work, number)));
    if clients == 0 || clients > all().count() {
        return Err(format!("the number of clients must be between 1 and {}", all().count()).into());
    }
    let duration = Duration::from_secs(seconds);
    let mut main = Session::open()?;
    main.run(&work::SETUP)?;
    main.run(&[&format!("CREATE DATABASE {OTHER_DATABASE}")])?;
    Session::open_in(Some(OTHER_DATABASE))?.run(&work::OTHER_SETUP)?;
    let shared = Shared {
        folder: Path::new(folder),
        isolation,
        next_document: AtomicU64::new(work::FIRST_DOCUMENT),
        ends: Instant::now() + duration,
        kinds: Mutex::default(),
        samples: Mutex::default(),
        unexpected: Mutex::default(),
    };
    let pauses = Pauses::default();
    println!("   {clients} clients for {seconds} s, {isolation}");
    let replaced = thread::scope(|scope| -> Result<u32> {
        let shared = &shared;
        scope.spawn(|| pauses.watch_until(shared.ends));
        let replacing = scope.spawn(move || shared.replace_geoip(duration));
        let mut running = Vec::new();
        for client in 0..clients {
            // Neighbors in the list interfere with each other most, so different clients run them.
            let tasks = all().skip(client).step_by(clients);
            let tasks = tasks.map(|(work, number)| shared.begin(work, number)).collect::<Result<Vec<_>>>()?;
            running.push(scope.spawn(move || shared.repeat(tasks)));
        }
        for client in running {
            client.join().map_err(|_| "a client panicked")??;
        }
        replacing.join().map_err(|_| "the thread that replaces the GeoIP file panicked")?
    })?;
    let samples = shared.samples.lock().map_err(|_| "a client panicked")?;
    print(&samples, &pauses);
    let unexpected = shared.unexpected.lock().map_err(|_| "a client panicked")?;
    if !unexpected.is_empty() {
        return Err(format!(
            "{} statements ended with an unexpected SQLSTATE: {:#?}",
            unexpected.len(),
            unexpected.iter().take(10).collect::<Vec<_>>()
        )
        .into());
    }
    let kinds = shared.kinds.lock().map_err(|_| "a client panicked")?;
    let failed = without_success(&kinds, &samples);
    if !failed.is_empty() {
        return Err(format!("kinds of statements that never succeeded: {failed:?}").into());
    }
    println!("   the GeoIP file was replaced {replaced} times");
    if replaced == 0 {
        return Err("the GeoIP file was never replaced".into());
    }
    let events = (shared.next_document.load(Ordering::Relaxed) * EVENTS) as i64;
    check(&mut main, shared.folder, events)?;
    drop::while_scans_run(&mut main, events)
}

impl Shared<'_> {
    /// Returns the number of a document that no other session loads.
    pub fn new_document(&self) -> u64 {
        self.next_document.fetch_add(1, Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn begin(&self, work: &'static Work, number: usize) -> Result<Task> {
        let mut session = Session::open_in(work.database)?;
        session.run(&[&format!("SET default_transaction_isolation = '{}'", self.isolation)])?;
        session.run(work.prepare)?;
        Ok(Task { work, round: number as u64, session })
    }

    fn repeat(&self, mut tasks: Vec<Task>) -> Result {
        while !self.is_over() {
            for task in &mut tasks {
                self.round(task)?;
                task.round += task.work.sessions as u64;
                thread::sleep(Duration::from_millis(task.work.pause_ms));
            }
        }
        Ok(())
    }

    /// Runs the statements of one round, up to the first that fails.
    fn round(&self, task: &mut Task) -> Result {
        let steps = (task.work.steps)(self, task.round)?;
        if let Ok(mut kinds) = self.kinds.lock() {
            kinds.extend(steps.iter().filter_map(|step| match step {
                Step::Timed(kind, _) => Some(*kind),
                Step::Untimed(_) => None,
            }));
        }
        for step in steps {
            let (kind, statement) = match &step {
                Step::Timed(kind, statement) => (Some(*kind), statement),
                Step::Untimed(statement) => (None, statement),
            };
            let outcome = self.attempt(task, kind, statement)?;
            if let Some(code) = outcome.code()
                && !self.expects(task.work, code)
            {
                let mut unexpected = self.unexpected.lock().map_err(|_| "a client panicked")?;
                unexpected.push(format!("{}: {statement}: {}", task.work.name, outcome.said()));
            }
            if outcome.error.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement. At a stricter isolation level than read committed, a statement is repeated after 40001, as
    /// applications do.
    fn attempt(&self, task: &mut Task, kind: Option<&'static str>, statement: &str) -> Result<Outcome> {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let outcome = task.session.attempt(statement);
            let ended = Instant::now();
            let code = outcome.code().map(str::to_owned);
            let is_again = outcome.error.is_some()
                && code.as_deref() == Some("40001")
                && self.is_strict()
                && attempt < ATTEMPTS;
            if let Some(kind) = kind {
                let mut samples = self.samples.lock().map_err(|_| "a client panicked")?;
                samples.push(Sample { kind, began, ended, code });
            }
            if !is_again {
                return Ok(outcome);
            }
            attempt += 1;
            thread::sleep(Duration::from_millis(attempt.min(20)));
        }
    }

    fn is_strict(&self) -> bool {
        self.isolation != "read committed"
    }

    fn expects(&self, work: &Work, code: &str) -> bool {
        let strict = work::STRICT
            .iter()
            .filter(|(name, ..)| self.is_strict() && (name.is_empty() || *name == work.name))
            .map(|(_, expected, _)| expected);
        work.expected
            .iter()
            .map(|(expected, _)| expected)
            .chain(strict)
            .any(|expected| code.starts_with(expected))
    }

    /// Replaces the GeoIP file every ten seconds, or five times in a short test. As tools do, it sometimes renames a
    /// new file and sometimes writes over the old one. Returns how often the file was replaced.
    fn replace_geoip(&self, duration: Duration) -> Result<u32> {
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
        Ok(round)
    }
}

/// Checks the state of the database after all clients have ended and the last events are scanned.
fn check(main: &mut Session, folder: &Path, events: i64) -> Result {
    main.run(&[&work::load_files(folder), "CALL travel.scan()", work::REFRESH])?;
    main.expect("events", events, "SELECT count(*) FROM cloudtrail")?;
    main.expect("different events", events, "SELECT count(DISTINCT event_id) FROM cloudtrail")?;
    main.expect(
        "files that could not be loaded",
        0,
        "SELECT count(*) FROM cloudtrail_files WHERE error IS NOT NULL",
    )?;
    main.expect(
        "errors of rules at the end",
        0,
        "SELECT count(*) FROM travel.status WHERE last_error IS NOT NULL",
    )?;
    main.expect(
        "missing and superfluous rows of the materialized view",
        0,
        "SELECT count(*) FROM (SELECT leg_id FROM found) AS f
         FULL JOIN (SELECT leg_id FROM travel.detect('cloudtrail')) AS d USING (leg_id)
         WHERE f.leg_id IS NULL OR d.leg_id IS NULL",
    )?;
    main.expect(
        "raised verdicts without an alert, and others with one",
        0,
        "SELECT count(*) FROM travel.verdicts AS v
         LEFT JOIN travel.alerts AS a ON a.id = v.alert_id AND a.rule = v.rule AND a.withdrawn_at IS NULL
         WHERE v.raised <> (a.id IS NOT NULL)",
    )?;
    main.expect(
        "alerts whose legs differ from their verdicts",
        0,
        "SELECT count(*) FROM travel.alerts AS a
         WHERE withdrawn_at IS NULL AND rule IN (SELECT name FROM travel.rules)
           AND (SELECT array_agg(leg_id ORDER BY leg_id) FROM travel.verdicts WHERE alert_id = a.id)
               IS DISTINCT FROM
               (SELECT array_agg(leg_id ORDER BY leg_id) FROM travel_internal.alert_legs WHERE alert_id = a.id)",
    )?;
    main.expect(
        "alerts, comments and legs whose rule or alert is missing",
        0,
        "SELECT (SELECT count(*) FROM travel.alert_comments WHERE alert_id NOT IN (SELECT id FROM travel.alerts))
              + (SELECT count(*) FROM travel_internal.alert_legs WHERE alert_id NOT IN (SELECT id FROM travel.alerts))
              + (SELECT count(*) FROM travel.alerts
                 WHERE status <> 'archived' AND withdrawn_at IS NULL AND rule NOT IN (SELECT name FROM travel.rules))",
    )?;
    println!(
        "   {events} events, {} alerts, {} comments of analysts, {} alerts that were pruned",
        main.count("SELECT count(*) FROM travel.alerts")?,
        main.count("SELECT count(*) FROM travel.alert_comments")?,
        main.count("SELECT sum(alerts)::bigint FROM pruned")?
    );
    main.expect("alerts were pruned", 1, "SELECT (sum(alerts) > 0)::int::bigint FROM pruned")?;
    for rule in ["plain", "people"] {
        same_results(main, rule, &format!("{rule}, at once"), of_any_edition)?;
    }
    main.expect(
        "editions of the GeoIP file that located the ends of impossible legs",
        2,
        "SELECT count(DISTINCT edition) FROM travel.verdicts WHERE rule = 'plain'",
    )?;
    // A rescan of all events locates them with a single edition, like one scan.
    for rule in ["plain", "people"] {
        main.run(&[&format!("CALL travel.rescan('{rule}', '-infinity')")])?;
        same_results(main, rule, &format!("{rule}, after a rescan"), stored::query_of_all_columns)?;
    }
    Ok(())
}

/// Returns the query of the results of a rule without the edition of the GeoIP file that located the addresses, and
/// without `two_holders`. Legs of different editions are not compared for `two_holders`, so one scan over all events, with
/// a single edition, can find it more often. After a rescan of all events, both are compared, too.
fn of_any_edition(rule: &str) -> String {
    format!(
        r#"SELECT regexp_replace((line::jsonb - 'edition')::text, '"two_holders", |(, )?"two_holders"', '', 'g')
           FROM ({}) AS s (line)"#,
        stored::query_of_all_columns(rule)
    )
}
