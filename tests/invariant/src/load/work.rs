//! What the sessions do.

use super::{EVENTS, Shared};
use crate::sessions::Result;
use serde_json::json;

/// One kind of work, which several sessions repeat.
pub struct Work {
    pub name: &'static str,
    pub sessions: usize,
    /// How long a session waits between two rounds.
    pub pause_ms: u64,
    /// None is the database of PGDATABASE.
    pub database: Option<&'static str>,
    /// Statements with which a session begins.
    pub prepare: &'static [&'static str],
    /// The statements of a round. Each round of a kind has a number of its own.
    pub statements: fn(&Shared, u64) -> Result<Vec<String>>,
    /// Whether a round loads a document.
    pub loads: bool,
    /// The SQLSTATEs, or classes of them, with which a statement may end, or which it may send with a warning; and why.
    pub expected: &'static [(&'static str, &'static str)],
}

const USUAL: Work = Work {
    name: "",
    sessions: 1,
    pause_ms: 20,
    database: None,
    prepare: &[],
    statements: |_, _| Ok(Vec::new()),
    loads: false,
    expected: &[],
};

/// The database in which the extension is dropped and created.
pub const OTHER_DATABASE: &str = "other";

pub const REFRESH: &str = "REFRESH MATERIALIZED VIEW CONCURRENTLY found";

/// 400 keys of 100 people. Each person lives in one of three cities; now and then one of their keys is used in another
/// city. A document has ten events, some of them up to two hours late.
pub const SETUP: [&str; 7] = [
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
    "INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('plain', current_user, 'public.cloudtrail', false)",
    "INSERT INTO travel.rules (name, owner, source, learning_period, trial_period)
     VALUES ('people', current_user, 'public.cloudtrail', '6 hours', '3 days'),
            ('changing', current_user, 'public.cloudtrail', '6 hours', '3 days')",
    "CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('cloudtrail')",
    "CREATE UNIQUE INDEX ON found (leg_id)",
    "CREATE FUNCTION public.an_alert(rule text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
         SELECT id FROM travel.alerts AS a WHERE a.rule = an_alert.rule AND withdrawn_at IS NULL
         ORDER BY random() LIMIT 1 $$",
    // FIRST_DOCUMENT of them.
    "SELECT travel.ingest('cloudtrail', document(n)) FROM generate_series(0, 199) AS n",
];

/// The number of the first document that is loaded while the sessions run.
pub const FIRST_DOCUMENT: u64 = 200;

pub const OTHER_SETUP: [&str; 2] = [
    "CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet)",
    "INSERT INTO events SELECT 'K' || n % 100, '2026-03-01Z'::timestamptz + n * interval '1 minute',
         CASE WHEN n % 7 = 0 THEN inet '192.0.2.1' ELSE inet '203.0.113.1' END
     FROM generate_series(1, 5000) AS n",
];

const BUSY: (&str, &str) = ("55P03", "another session scans the rule for longer than scan_lock_timeout");
const GEOIP: (&str, &str) =
    ("55000", "the GeoIP file was replaced while the statement ran: the hint says to run it again");

pub const ALL: &[Work] = &[
    Work {
        name: "ingest",
        sessions: 4,
        pause_ms: 150,
        loads: true,
        statements: |shared, round| {
            let number = shared.new_document();
            // Every fifth document comes twice.
            let again = if round % 5 == 0 { 2 } else { 1 };
            Ok(vec![format!("SELECT travel.ingest('cloudtrail', document({number}))"); again])
        },
        ..USUAL
    },
    Work {
        name: "insert into the inbox",
        pause_ms: 150,
        loads: true,
        statements: |shared, _| {
            let number = shared.new_document();
            Ok(vec![format!("INSERT INTO cloudtrail_inbox SELECT document({number})::text")])
        },
        ..USUAL
    },
    Work {
        name: "load_files",
        sessions: 2,
        pause_ms: 500,
        loads: true,
        statements: |shared, round| {
            // Two sessions load the same folder, into which each of them writes.
            let number = shared.new_document();
            let file = shared.folder.join(format!("load/{}.json", round));
            let events: Vec<String> = (number * EVENTS..(number + 1) * EVENTS).map(event).collect();
            std::fs::write(&file, format!("{{\"Records\":[{}]}}", events.join(",")))?;
            Ok(vec![format!(
                "CALL travel.load_files('cloudtrail', '{}')",
                shared.folder.join("load").display()
            )])
        },
        ..USUAL
    },
    Work {
        name: "scan",
        sessions: 3,
        pause_ms: 100,
        statements: |_, _| Ok(vec!["CALL travel.scan()".into()]),
        expected: &[BUSY, GEOIP],
        ..USUAL
    },
    Work {
        name: "scan, cut short",
        pause_ms: 500,
        statements: |_, round| {
            Ok(vec![format!("SET statement_timeout = {}", 20 + round % 10 * 60), "CALL travel.scan()".into()])
        },
        expected: &[BUSY, GEOIP, ("57014", "statement_timeout")],
        ..USUAL
    },
    Work {
        name: "rescan",
        pause_ms: 4000,
        statements: |_, _| {
            Ok(vec!["CALL travel.rescan('changing', (SELECT max(event_time) - interval '6 hours' FROM cloudtrail))".into()])
        },
        expected: &[BUSY, GEOIP],
        ..USUAL
    },
    Work {
        name: "detect",
        sessions: 2,
        pause_ms: 200,
        statements: |_, _| Ok(vec!["SELECT count(*) FROM travel.detect('cloudtrail')".into()]),
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "impossible_legs",
        pause_ms: 200,
        statements: |_, _| {
            Ok(vec![
                "SELECT count(*) FROM (SELECT travel.impossible_legs(event_time, source_ip) FROM cloudtrail
                 GROUP BY access_key_id) AS k"
                    .into(),
            ])
        },
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "coverage",
        pause_ms: 500,
        statements: |_, _| Ok(vec!["SELECT count(*) FROM travel.coverage('cloudtrail')".into()]),
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "explain",
        pause_ms: 100,
        statements: |_, round| {
            Ok(vec![format!("SELECT count(*) FROM travel.explain('people', 'AKIA{}')", round % 400)])
        },
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "backtest and suggest",
        pause_ms: 1000,
        statements: |_, _| {
            Ok(vec![
                "SELECT count(*) FROM travel.backtest('people', '-infinity', 'infinity', '{\"min_distance_km\": 300}')".into(),
                "SELECT count(*) FROM travel.suggest('plain')".into(),
            ])
        },
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "status and dashboards",
        sessions: 2,
        pause_ms: 50,
        statements: |_, _| {
            Ok(vec![
                "SELECT count(*) FROM travel.status".into(),
                "SELECT count(*) FROM travel.alerts WHERE status = 'open'".into(),
                "SELECT count(*) FROM travel.coverage_daily".into(),
                "SELECT count(*) FROM travel.incidents".into(),
            ])
        },
        ..USUAL
    },
    Work {
        name: "investigate an alert",
        sessions: 2,
        pause_ms: 50,
        statements: |_, _| {
            Ok(vec![
                "SELECT count(*) FROM travel.activity_after(an_alert('plain'))".into(),
                "SELECT length(travel.report(an_alert('people')))".into(),
                "SELECT length(travel.containment(an_alert('people')))".into(),
            ])
        },
        expected: &[GEOIP, ("P0002", "the alert was pruned in between"), ("22004", "there is no alert yet")],
        ..USUAL
    },
    Work {
        name: "map_html",
        pause_ms: 500,
        statements: |_, _| Ok(vec!["SELECT length(travel.map_html())".into()]),
        ..USUAL
    },
    Work {
        name: "refresh",
        sessions: 2,
        pause_ms: 500,
        statements: |_, _| Ok(vec![REFRESH.into()]),
        expected: &[GEOIP],
        ..USUAL
    },
    Work {
        name: "triage",
        sessions: 3,
        pause_ms: 50,
        statements: |_, round| {
            let rule = ["plain", "people", "changing"][(round % 3) as usize];
            Ok(vec![
                format!(
                    "SELECT travel.archive(id, 'other', 'seen in round {round}') FROM an_alert('{rule}') AS id WHERE id IS NOT NULL"
                ),
                format!(
                    "INSERT INTO travel.alert_comments (alert_id, comment) SELECT id, 'a comment' FROM an_alert('{rule}') AS id WHERE id IS NOT NULL"
                ),
                format!(
                    "UPDATE travel.alerts SET assignee = 'analyst {}' WHERE id = an_alert('{rule}')",
                    round % 4
                ),
                format!("UPDATE travel.alerts SET status = 'open' WHERE id = an_alert('{rule}')"),
            ])
        },
        ..USUAL
    },
    Work {
        name: "silence",
        pause_ms: 1000,
        statements: |_, _| {
            Ok(vec![
                "SELECT travel.silence(id, '1 day', 'expected') FROM an_alert('changing') AS id WHERE id IS NOT NULL".into(),
                "SELECT travel.archive(id, 'expected') FROM an_alert('changing') AS id WHERE id IS NOT NULL".into(),
                "DELETE FROM travel.suppressions WHERE id = (SELECT min(id) FROM travel.suppressions)".into(),
            ])
        },
        ..USUAL
    },
    Work {
        name: "change a rule",
        pause_ms: 1500,
        statements: |_, round| {
            Ok(vec![
                format!("UPDATE travel.rules SET min_distance_km = {} WHERE name = 'changing'", 400 + round % 5 * 100),
                "INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('short-lived', current_user, 'public.cloudtrail', false)".into(),
                "SELECT pg_sleep(0.3)".into(),
                "DELETE FROM travel.rules WHERE name = 'short-lived'".into(),
            ])
        },
        ..USUAL
    },
    Work {
        name: "prune",
        pause_ms: 2000,
        statements: |_, _| Ok(vec!["SELECT travel.prune('4000 days')".into()]),
        ..USUAL
    },
    Work {
        name: "drop and create the extension",
        pause_ms: 20,
        database: Some(OTHER_DATABASE),
        statements: |_, _| {
            Ok(vec![
                "CREATE EXTENSION IF NOT EXISTS impossible_travel".into(),
                "INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('rule', current_user, 'public.events', false)".into(),
                "SELECT pg_sleep(0.4)".into(),
                "DROP EXTENSION impossible_travel CASCADE".into(),
            ])
        },
        ..USUAL
    },
    Work {
        name: "scan there",
        sessions: 2,
        pause_ms: 5,
        database: Some(OTHER_DATABASE),
        prepare: &["SET impossible_travel.scan_batch = 1000"],
        statements: |_, _| Ok(vec!["CALL travel.scan()".into()]),
        expected: &[
            ("42", "an object of the extension is not there at the moment"),
            ("3F000", "the schema is not there at the moment"),
            ("55000", "the extension was dropped while the statement ran"),
            BUSY,
        ],
        ..USUAL
    },
];

const ADDRESSES: [&str; 3] = ["192.0.2.1", "203.0.113.1", "198.51.100.1"];

/// An event as the function `document` of the database makes it.
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
