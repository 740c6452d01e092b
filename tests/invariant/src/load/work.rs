//! The work of the sessions.

use super::{EVENTS, Shared};
use crate::sessions::Result;
use serde_json::json;
use std::path::Path;

/// One kind of work, which several sessions repeat.
pub struct Work {
    pub name: &'static str,
    pub sessions: usize,
    /// The pause of a session between two rounds.
    pub pause_ms: u64,
    /// The database of the work. `None` means that of PGDATABASE.
    pub database: Option<&'static str>,
    /// The statements that a session runs once at its start.
    pub prepare: &'static [&'static str],
    /// Returns the statements of a round. No two rounds of one work have the same number.
    pub steps: fn(&Shared, u64) -> Result<Vec<Step>>,
    /// The SQLSTATEs (or their classes) with which a statement may end or warn, each with its reason.
    pub expected: &'static [(&'static str, &'static str)],
}

/// A statement of a round.
pub enum Step {
    /// The kind under which the statement is reported, and its SQL.
    Timed(&'static str, String),
    /// SQL whose time is not reported.
    Untimed(String),
}

const USUAL: Work = Work {
    name: "",
    sessions: 1,
    pause_ms: 20,
    database: None,
    prepare: &[],
    steps: |_, _| Ok(Vec::new()),
    expected: &[],
};

/// The database in which the extension is repeatedly dropped and created.
pub const OTHER_DATABASE: &str = "other";

/// The kind of scans that end with a timeout.
pub const CUT_SHORT: &str = "scan, cut short";

/// The kind of scans in the database in which the extension is dropped.
pub const BESIDE_DROP: &str = "scan beside DROP EXTENSION";

pub const REFRESH: &str = "REFRESH MATERIALIZED VIEW CONCURRENTLY found";

/// Creates the tables and rules of the test. There are 400 keys of 100 people. Each person lives in one of three
/// cities, but some of the events of a key come from another city. A document has ten events, some of which are up to
/// two hours late. `travel.prune` deletes only results of the rule `old`. The rules `pair 1` and `pair 2` are deleted and
/// created again.
pub const SETUP: [&str; 13] = [
    "CREATE FUNCTION public.document(number bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
         SELECT jsonb_build_object('Records', jsonb_agg(jsonb_build_object(
             'eventID', 'event ' || n, 'eventTime', 1767225600 + n * 20 - CASE WHEN h % 50 = 0 THEN h % 7200 ELSE 0 END,
             'eventName', 'GetObject', 'eventSource', 's3.amazonaws.com', 'awsRegion', 'eu-west-1',
             'sourceIPAddress', ('{192.0.2.1,203.0.113.1,198.51.100.1}'::text[])
                 [1 + (h % 100 + CASE WHEN h / 400 % 40 = 0 THEN 1 ELSE 0 END) % 3],
             'userAgent', 'aws-cli/2',
             'userIdentity', jsonb_build_object('type', 'IAMUser', 'accountId', '111122223333',
                 'accessKeyId', 'AKIA' || h % 400, 'userName', 'person ' || h % 100))))
         FROM (SELECT n, (n * n * 31 + n * 1103515245 + 12345) % 2147483647 AS h
               FROM generate_series(number * 10, number * 10 + 9) AS n) AS numbers
     $$",
    "INSERT INTO travel.rules (name, owner, source, baseline)
     VALUES ('plain', current_user, 'public.cloudtrail', false)",
    "INSERT INTO travel.rules (name, owner, source, learning_period, trial_period)
     VALUES ('people', current_user, 'public.cloudtrail', '6 hours', '3 days'),
            ('changing', current_user, 'public.cloudtrail', '6 hours', '3 days')",
    "SELECT travel.create_events_table('public.old_events')",
    "INSERT INTO travel.rules (name, owner, source, baseline)
     VALUES ('old', current_user, 'public.old_events', false)",
    "CREATE TABLE pruned (alerts bigint)",
    "SELECT travel.create_events_table('public.pair_events')",
    // These are the documents before FIRST_DOCUMENT.
    "SELECT travel.ingest('cloudtrail', document(n)) FROM generate_series(0, 199) AS n",
    "CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('cloudtrail')",
    "CREATE UNIQUE INDEX ON found (leg_id)",
    "CREATE FUNCTION public.an_alert(rule text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
         SELECT id FROM travel.alerts AS a WHERE a.rule = an_alert.rule AND withdrawn_at IS NULL
         ORDER BY random() LIMIT 1 $$",
    // The argument of a procedure cannot be a subquery.
    "CREATE FUNCTION public.six_hours_ago() RETURNS timestamptz LANGUAGE sql STABLE AS $$
         SELECT max(event_time) - interval '6 hours' FROM cloudtrail $$",
    "CALL travel.scan()",
];

/// The number of the first document that is loaded while the sessions run.
pub const FIRST_DOCUMENT: u64 = 200;

pub const OTHER_SETUP: [&str; 2] = [
    "CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet)",
    "INSERT INTO events SELECT 'K' || n % 100, '2026-03-01Z'::timestamptz + n * interval '1 minute',
         CASE WHEN n % 7 = 0 THEN inet '192.0.2.1' ELSE inet '203.0.113.1' END
     FROM generate_series(1, 5000) AS n",
];

const BUSY: (&str, &str) =
    ("55P03", "another session has scanned the rule for longer than scan_lock_timeout");

/// Further SQLSTATEs with which statements may end at a stricter isolation level than read committed. The first element
/// is the name of the work, or "" for any work.
pub const STRICT: &[(&str, &str, &str)] = &[
    ("", "40001", "another transaction changed the same rows, and PostgreSQL asks to try again"),
    (
        "refresh",
        "23505",
        "PostgreSQL refreshes from a snapshot that it took before it waited for another refresh",
    ),
    ("rules", "23505", "the deletion of the rule ended with 40001 at each attempt, so the rule still exists"),
];

fn timed(kind: &'static str, statement: impl Into<String>) -> Result<Vec<Step>> {
    Ok(vec![Step::Timed(kind, statement.into())])
}

pub fn load_files(folder: &Path) -> String {
    format!("CALL travel.load_files('cloudtrail', '{}')", folder.join("load").display())
}

/// The work of 34 sessions.
pub const ALL: &[Work] = &[
    Work {
        name: "ingest",
        sessions: 4,
        pause_ms: 150,
        steps: |shared, round| {
            let ingest = format!("SELECT travel.ingest('cloudtrail', document({}))", shared.new_document());
            // Every fifth document is loaded twice.
            let times = if round.is_multiple_of(5) { 2 } else { 1 };
            Ok((0..times).map(|_| Step::Timed("ingest", ingest.clone())).collect())
        },
        ..USUAL
    },
    Work {
        name: "inbox",
        pause_ms: 150,
        steps: |shared, _| {
            let number = shared.new_document();
            timed(
                "insert into an inbox",
                format!("INSERT INTO cloudtrail_inbox SELECT document({number})::text"),
            )
        },
        ..USUAL
    },
    Work {
        name: "files",
        sessions: 2,
        pause_ms: 500,
        steps: |shared, round| {
            // Two sessions move files into the same folder, and each session loads all files of the folder.
            let number = shared.new_document();
            let events: Vec<String> = (number * EVENTS..(number + 1) * EVENTS).map(event).collect();
            let written = shared.folder.join(format!("{round}.part"));
            std::fs::write(&written, format!("{{\"Records\":[{}]}}", events.join(",")))?;
            std::fs::rename(written, shared.folder.join(format!("load/{round}.json")))?;
            timed("load_files", load_files(shared.folder))
        },
        ..USUAL
    },
    Work {
        name: "scan",
        sessions: 3,
        pause_ms: 100,
        steps: |_, _| timed("scan", "CALL travel.scan()"),
        expected: &[BUSY],
        ..USUAL
    },
    Work {
        name: "scan, cut short",
        pause_ms: 500,
        steps: |_, round| {
            Ok(vec![
                Step::Untimed(format!("SET statement_timeout = {}", 20 + round % 10 * 60)),
                Step::Timed(CUT_SHORT, "CALL travel.scan()".into()),
            ])
        },
        expected: &[BUSY, ("57014", "statement_timeout")],
        ..USUAL
    },
    Work {
        name: "rescan",
        pause_ms: 4000,
        steps: |_, _| timed("rescan", "CALL travel.rescan('changing', six_hours_ago())"),
        expected: &[BUSY],
        ..USUAL
    },
    Work {
        name: "detect",
        pause_ms: 200,
        steps: |_, _| timed("detect", "SELECT count(*) FROM travel.detect('cloudtrail')"),
        ..USUAL
    },
    Work {
        name: "impossible_legs",
        pause_ms: 200,
        steps: |_, _| {
            timed(
                "impossible_legs",
                "SELECT count(*) FROM (SELECT travel.impossible_legs(event_time, source_ip) FROM cloudtrail
                 GROUP BY access_key_id) AS k",
            )
        },
        ..USUAL
    },
    Work {
        name: "coverage",
        pause_ms: 500,
        steps: |_, _| timed("coverage", "SELECT count(*) FROM travel.coverage('cloudtrail')"),
        ..USUAL
    },
    Work {
        name: "explain",
        pause_ms: 100,
        steps: |_, round| {
            timed("explain", format!("SELECT count(*) FROM travel.explain('people', 'AKIA{}')", round % 400))
        },
        ..USUAL
    },
    Work {
        name: "tune",
        pause_ms: 1000,
        steps: |_, _| {
            Ok(vec![
                Step::Timed(
                    "backtest",
                    "SELECT count(*) FROM travel.backtest('people', '-infinity', 'infinity', '{\"min_distance_km\": 300}')".into(),
                ),
                Step::Timed("suggest", "SELECT count(*) FROM travel.suggest('plain')".into()),
            ])
        },
        ..USUAL
    },
    Work {
        name: "dashboards",
        sessions: 2,
        pause_ms: 50,
        steps: |_, _| {
            Ok(vec![
                Step::Timed("status", "SELECT count(*) FROM travel.status".into()),
                Step::Timed("open alerts", "SELECT count(*) FROM travel.alerts WHERE status = 'open'".into()),
                Step::Timed("coverage_daily", "SELECT count(*) FROM travel.coverage_daily".into()),
                Step::Timed("incidents", "SELECT count(*) FROM travel.incidents".into()),
            ])
        },
        ..USUAL
    },
    Work {
        name: "investigate",
        pause_ms: 50,
        steps: |_, _| {
            Ok(vec![
                Step::Timed(
                    "activity_after",
                    "SELECT count(*) FROM travel.activity_after(an_alert('plain'))".into(),
                ),
                Step::Timed("report", "SELECT length(travel.report(an_alert('people')))".into()),
                Step::Timed("containment", "SELECT length(travel.containment(an_alert('people')))".into()),
            ])
        },
        ..USUAL
    },
    Work {
        name: "map_html",
        pause_ms: 500,
        steps: |_, _| timed("map_html", "SELECT length(travel.map_html())"),
        ..USUAL
    },
    Work { name: "refresh", sessions: 2, pause_ms: 500, steps: |_, _| timed("refresh", REFRESH), ..USUAL },
    Work {
        name: "triage",
        sessions: 2,
        pause_ms: 50,
        steps: |_, round| {
            let rule = ["plain", "people", "changing"][(round % 3) as usize];
            Ok(vec![
                Step::Timed(
                    "archive",
                    format!(
                        "SELECT travel.archive(id, 'other', 'seen in round {round}') FROM an_alert('{rule}') AS id"
                    ),
                ),
                Step::Timed(
                    "comment",
                    format!(
                        "INSERT INTO travel.alert_comments (alert_id, comment) VALUES (an_alert('{rule}'), 'a comment')"
                    ),
                ),
                Step::Timed(
                    "assign",
                    format!(
                        "UPDATE travel.alerts SET assignee = 'analyst {}' WHERE id = (SELECT an_alert('{rule}'))",
                        round % 4
                    ),
                ),
                Step::Timed(
                    "reopen",
                    format!(
                        "UPDATE travel.alerts SET status = 'open' WHERE id = (SELECT an_alert('{rule}'))"
                    ),
                ),
            ])
        },
        ..USUAL
    },
    Work {
        name: "triage of many",
        pause_ms: 200,
        steps: |_, round| {
            // The statement locks the alerts in the order in which PostgreSQL finds them. It and the triage of pairs have
            // no alert in common, because PostgreSQL does not prevent a deadlock between two such statements.
            timed(
                "assign many",
                format!(
                    "UPDATE travel.alerts SET assignee = 'analyst {round}'
                     WHERE withdrawn_at IS NULL AND id % 5 = {} AND rule IN ('plain', 'people')",
                    round % 5
                ),
            )
        },
        ..USUAL
    },
    Work {
        name: "silence",
        pause_ms: 1000,
        steps: |_, _| {
            Ok(vec![
                Step::Timed(
                    "silence",
                    "SELECT travel.silence(id, '1 day', 'expected') FROM an_alert('changing') AS id".into(),
                ),
                Step::Timed(
                    "archive as expected",
                    "SELECT travel.archive(id, 'expected') FROM an_alert('changing') AS id".into(),
                ),
                Step::Timed(
                    "delete a suppression",
                    "DELETE FROM travel.suppressions WHERE id = (SELECT min(id) FROM travel.suppressions)"
                        .into(),
                ),
            ])
        },
        ..USUAL
    },
    Work {
        name: "rules",
        pause_ms: 1500,
        steps: |_, round| {
            Ok(vec![
                Step::Timed(
                    "change a rule",
                    format!(
                        "UPDATE travel.rules SET min_distance_km = {} WHERE name = 'changing'",
                        400 + round % 5 * 100
                    ),
                ),
                Step::Timed(
                    "create a rule",
                    "SELECT travel.create_rule('access_key', 'cloudtrail', 'short-lived')".into(),
                ),
                Step::Untimed("SELECT pg_sleep(0.3)".into()),
                Step::Timed("delete a rule", "DELETE FROM travel.rules WHERE name = 'short-lived'".into()),
            ])
        },
        ..USUAL
    },
    Work {
        name: "pair of rules",
        pause_ms: 300,
        steps: |_, round| {
            // The first rounds raise new alerts, which are open.
            let new_keys = if round < 20 { 20 } else { 0 };
            // DELETE locks the rules in the order in which they were inserted.
            let order = if round.is_multiple_of(2) { "ASC" } else { "DESC" };
            Ok(vec![
                Step::Untimed(format!(
                    "INSERT INTO pair_events (event_id, event_time, source_ip, access_key_id, actor)
                     SELECT format('{round} %s %s', k, at), '2026-01-01Z'::timestamptz + at, address,
                            format('{round} %s', k), format('{round} %s', k)
                     FROM generate_series(1, {new_keys}) AS k,
                          (VALUES (interval '0', inet '192.0.2.1'), ('9 days', '192.0.2.1'),
                                  ('9 days 10 minutes', '203.0.113.1')) AS e (at, address)"
                )),
                Step::Timed(
                    "create two rules",
                    format!(
                        "INSERT INTO travel.rules (name, owner, source, learning_period, trial_period)
                         SELECT 'pair ' || n, current_user, 'public.pair_events', '6 hours', '3 days'
                         FROM generate_series(1, 2) AS n ORDER BY n {order} ON CONFLICT DO NOTHING"
                    ),
                ),
                Step::Timed("scan of one rule", "CALL travel.scan('pair 1')".into()),
                Step::Timed("scan of one rule", "CALL travel.scan('pair 2')".into()),
                Step::Untimed("SELECT pg_sleep(0.2)".into()),
                Step::Timed("delete two rules", "DELETE FROM travel.rules WHERE name LIKE 'pair %'".into()),
            ])
        },
        expected: &[BUSY],
        ..USUAL
    },
    Work {
        name: "triage of pairs",
        pause_ms: 20,
        steps: |_, round| {
            let mut steps = vec![Step::Timed(
                "comment on many",
                format!(
                    "INSERT INTO travel.alert_comments (alert_id, comment)
                     SELECT id, 'one of many' FROM travel.alerts WHERE rule <> 'old' AND id % 50 = {}",
                    round % 50
                ),
            )];
            for _ in 0..5 {
                steps.push(Step::Timed(
                    "archive many as expected",
                    "UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule LIKE 'pair %'"
                        .into(),
                ));
                steps.push(Step::Timed(
                    "correct the reason of many",
                    "UPDATE travel.alerts SET archive_reason = 'other' WHERE rule LIKE 'pair %' AND status = 'archived'"
                        .into(),
                ));
            }
            // The comparison at the end leaves out the rules for which locations are entered.
            steps.push(Step::Timed(
                "archive many as expected",
                format!(
                    "UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected'
                     WHERE rule = 'changing' AND id % 50 = {}",
                    round % 50
                ),
            ));
            Ok(steps)
        },
        ..USUAL
    },
    Work {
        name: "prune",
        pause_ms: 2000,
        steps: |_, round| {
            // Each round raises and archives an alert that is ten days newer than that of the round before. It prunes
            // the alerts that are old enough.
            let day = format!("'1990-01-01Z'::timestamptz + {round} * interval '10 days'");
            Ok(vec![
                Step::Untimed(format!(
                    "INSERT INTO old_events (event_id, event_time, source_ip, access_key_id)
                     VALUES ('{round} a', {day}, '192.0.2.1', 'old {round}'),
                            ('{round} b', {day} + interval '10 minutes', '203.0.113.1', 'old {round}')"
                )),
                Step::Timed("scan of one rule", "CALL travel.scan('old')".into()),
                Step::Timed(
                    "archive",
                    "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other'
                     WHERE rule = 'old' AND status <> 'archived'"
                        .into(),
                ),
                Step::Timed(
                    "prune",
                    format!(
                        "INSERT INTO pruned SELECT alerts FROM travel.prune(now() - ({day} + interval '9 days'))"
                    ),
                ),
            ])
        },
        expected: &[BUSY],
        ..USUAL
    },
    Work {
        name: "the extension of the other database",
        pause_ms: 20,
        database: Some(OTHER_DATABASE),
        steps: |_, _| {
            Ok(vec![
                Step::Timed("CREATE EXTENSION", "CREATE EXTENSION IF NOT EXISTS impossible_travel".into()),
                Step::Untimed(
                    "INSERT INTO travel.rules (name, owner, source, baseline)
                     VALUES ('rule', current_user, 'public.events', false)"
                        .into(),
                ),
                Step::Untimed("SELECT pg_sleep(0.4)".into()),
                Step::Timed("DROP EXTENSION", "DROP EXTENSION impossible_travel CASCADE".into()),
            ])
        },
        ..USUAL
    },
    Work {
        name: "scan of the other database",
        sessions: 2,
        pause_ms: 5,
        database: Some(OTHER_DATABASE),
        prepare: &["SET impossible_travel.scan_batch = 1000"],
        steps: |_, _| {
            // Without this pause, most calls would find no extension. It ends after half a second in any case.
            let pause = "DO $$ BEGIN
                FOR n IN 1 .. 50 LOOP
                    EXIT WHEN to_regnamespace('travel') IS NOT NULL;
                    PERFORM pg_sleep(0.01);
                END LOOP;
            END $$";
            Ok(vec![Step::Untimed(pause.into()), Step::Timed(BESIDE_DROP, "CALL travel.scan()".into())])
        },
        expected: &[
            ("42", "an object of the extension does not exist at the moment"),
            ("3F000", "the schema does not exist at the moment"),
            ("55000", "the extension was dropped while the statement ran"),
            BUSY,
        ],
    },
];

const ADDRESSES: [&str; 3] = ["192.0.2.1", "203.0.113.1", "198.51.100.1"];

/// Returns the same event as the function `document` of the database.
fn event(n: u64) -> String {
    let h = (n * n * 31 + n * 1_103_515_245 + 12345) % 2_147_483_647;
    let late = if h.is_multiple_of(50) { h % 7200 } else { 0 };
    let city = (h % 100 + u64::from((h / 400).is_multiple_of(40))) % 3;
    json!({
        "eventID": format!("event {n}"), "eventTime": 1_767_225_600 + n * 20 - late,
        "eventName": "GetObject", "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "sourceIPAddress": ADDRESSES[city as usize],
        "userAgent": "aws-cli/2",
        "userIdentity": { "type": "IAMUser", "accountId": "111122223333", "accessKeyId": format!("AKIA{}", h % 400),
            "userName": format!("person {}", h % 100) }
    })
    .to_string()
}
