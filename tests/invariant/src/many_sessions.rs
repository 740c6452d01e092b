//! Many sessions at once, over an events table with two rules: no error, no deadlock, nothing twice, nothing lost.

use crate::sessions::{Result, Session};
use crate::stored;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub fn run() -> Result {
    ingest_the_same()?;
    scan_while_others_write()?;
    interrupt_scans()
}

/// Four sessions ingest the same documents in different orders: every event is there once, and every record is counted.
/// Many records are in several documents.
fn ingest_the_same() -> Result {
    let mut main = Session::open()?;
    main.run(&[
        "CREATE TABLE documents AS
         SELECT document, jsonb_build_object('Records', jsonb_agg(jsonb_build_object(
             'eventID', 'event ' || document * 60 + record,
             'eventTime', CASE WHEN record % 20 = 7 THEN 'yesterday' ELSE '2025-01-01T00:00:00Z' END) ORDER BY record)) AS body
         FROM generate_series(1, 150) AS document, generate_series(1, 100) AS record
         GROUP BY document",
        "CREATE TABLE counts (inserted bigint, duplicates bigint, skipped bigint)",
    ])?;
    let orders = ["document", "document DESC", "md5(document::text)", "document"];
    let sessions = orders.map(|order| {
        thread::spawn(move || -> Result {
            let mut session = Session::open()?;
            let documents =
                session.texts(&format!("SELECT document::text FROM documents ORDER BY {order}"))?;
            for document in documents {
                session.run(&[&format!(
                    "INSERT INTO counts SELECT i.inserted, i.duplicates, i.skipped
                     FROM documents, travel.ingest('cloudtrail', body) AS i WHERE document = {document}"
                )])?;
            }
            Ok(())
        })
    });
    for session in sessions {
        session.join().map_err(|_| "a session that ingests panicked")??;
    }
    let records = "SELECT 4 * count(*) FROM documents, travel.records(body) AS r";
    let events = "SELECT count(DISTINCT r ->> 'eventID') FROM documents, travel.records(body) AS r
                  WHERE r ->> 'eventTime' <> 'yesterday'";
    let (records, events) = (main.count(records)?, main.count(events)?);
    main.expect("events", events, "SELECT count(*) FROM cloudtrail")?;
    main.expect("different events", events, "SELECT count(DISTINCT event_id) FROM cloudtrail")?;
    main.expect("inserted", events, "SELECT sum(inserted)::bigint FROM counts")?;
    main.expect("skipped", records / 20, "SELECT sum(skipped)::bigint FROM counts")?;
    main.expect(
        "records that were counted",
        records,
        "SELECT sum(inserted + duplicates + skipped)::bigint FROM counts",
    )?;
    println!("   {records} records of {events} events ingested by {} sessions", orders.len());
    main.run(&["TRUNCATE cloudtrail"])
}

/// How many journeys each of three sessions inserts, twice. More than 20 alerts of a rule in one scan would be
/// announced in one notification, so fewer than that are inserted at a time.
const JOURNEYS: i64 = 6;

/// Three sessions scan and one refreshes a materialized view, while three others insert journeys: with savepoints that
/// are rolled back, late first ends, and transactions that end later. Each rule raises one alert for each journey, and
/// listeners are told of each alert once.
fn scan_while_others_write() -> Result {
    let (mut main, mut listener) = (Session::open()?, Session::open()?);
    main.run(&[
        "INSERT INTO travel.rules (name, owner, source, baseline)
         VALUES ('one', current_user, 'public.cloudtrail', false), ('two', current_user, 'public.cloudtrail', false)",
        "CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('cloudtrail')",
        "CREATE UNIQUE INDEX ON found (leg_id)",
        "CALL travel.scan()",
    ])?;
    listener.run(&["LISTEN travel_alerts"])?;
    let refresh = "REFRESH MATERIALIZED VIEW CONCURRENTLY found";
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| -> Result {
        let repeated =
            ["CALL travel.scan()", "CALL travel.scan()", "CALL travel.scan()", refresh].map(|statement| {
                let is_over = &is_over;
                scope.spawn(move || -> Result {
                    let mut session = Session::open()?;
                    while !is_over.load(Ordering::Relaxed) {
                        session.run(&[statement])?;
                    }
                    Ok(())
                })
            });
        let wrote = (0..2).try_for_each(|round| -> Result {
            let writers = [1, 2, 3].map(|writer| scope.spawn(move || insert_journeys(writer, round)));
            for writer in writers {
                writer.join().map_err(|_| "a session that writes panicked")??;
            }
            main.run(&["CALL travel.scan()"])
        });
        is_over.store(true, Ordering::Relaxed);
        for session in repeated {
            session.join().map_err(|_| "a session that scans panicked")??;
        }
        wrote
    })?;
    main.run(&["CALL travel.scan()", refresh])?;
    let journeys = 2 * 3 * JOURNEYS;
    main.expect("alerts", 2 * journeys, "SELECT count(*) FROM travel.alerts")?;
    main.expect("withdrawn alerts", 0, "SELECT count(*) FROM travel.alerts WHERE withdrawn_at IS NOT NULL")?;
    main.expect("rows of the materialized view", journeys, "SELECT count(*) FROM found")?;
    let mut told = listener.notifications()?;
    let count = told.len() as i64;
    told.sort();
    told.dedup();
    if count != 2 * journeys || told.len() as i64 != count {
        return Err(format!(
            "{count} notifications, {} of them different, of {} alerts",
            told.len(),
            2 * journeys
        )
        .into());
    }
    println!("   {journeys} journeys, 2 rules, {count} notifications");
    same_results(&mut main, "one", "one, at once", stored::query_of_all_columns)?;
    same_results(&mut main, "two", "two, at once", stored::query_of_all_columns)
}

fn insert_journeys(writer: i64, round: i64) -> Result {
    let mut session = Session::open()?;
    for number in round * JOURNEYS..(round + 1) * JOURNEYS {
        let (key, undone) = (format!("key {writer} {number}"), format!("undone {writer} {number}"));
        let (first, second) = (event(&key, "12:00Z", "192.0.2.1"), event(&key, "12:10Z", "203.0.113.1"));
        let (undone_first, undone_second) =
            (event(&undone, "12:00Z", "192.0.2.1"), event(&undone, "12:10Z", "203.0.113.1"));
        // The sleeps give scans the time to come in between. Nothing depends on whether they do.
        match number % 3 {
            0 => session.run(&[
                "BEGIN",
                &first,
                &second,
                "SAVEPOINT a",
                &undone_first,
                &undone_second,
                "SELECT pg_sleep(0.2)",
                "ROLLBACK TO a",
                "COMMIT",
            ])?,
            1 => session.run(&[&second, "SELECT pg_sleep(0.1)", &first])?,
            _ => session.run(&[
                "BEGIN",
                &undone_first,
                &undone_second,
                "ROLLBACK",
                "BEGIN",
                &first,
                "SELECT pg_sleep(0.1)",
                "COMMIT",
                &second,
            ])?,
        }
    }
    Ok(())
}

fn event(key: &str, time: &str, address: &str) -> String {
    format!(
        "INSERT INTO cloudtrail (event_id, event_time, source_ip, access_key_id)
         VALUES ('{key} {address}', '2026-03-01 {time}', '{address}', '{key}')"
    )
}

/// `statement_timeout` cuts scans short, again and again. Each leaves a state from which the next scan goes on, and in
/// the end there is what one scan finds.
fn interrupt_scans() -> Result {
    let mut main = Session::open()?;
    main.run(&[
        "SET impossible_travel.scan_batch = 1000",
        "INSERT INTO cloudtrail (event_id, event_time, source_ip, access_key_id)
         SELECT 'many ' || n, '2026-03-01Z'::timestamptz + n * interval '1 minute',
             CASE WHEN n % 97 = 0 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' END, 'many ' || n % 40
         FROM generate_series(1, 15000) AS n",
    ])?;
    let position = "SELECT coalesce((extract(epoch FROM max(position)))::bigint, 0) FROM travel_internal.scans WHERE rule = 'one'";
    let (mut cut, mut advanced, mut before) = (0, 0, 0);
    // However fast the machine is, the first of these are too short for any scan, and one is at last long enough.
    let mut timeout = 10;
    loop {
        main.run(&[&format!("SET statement_timeout = {timeout}")])?;
        let outcome = main.start("CALL travel.scan('one')".to_owned()).finish()?;
        main = outcome.0;
        main.run(&["RESET statement_timeout"])?;
        match outcome.1.code() {
            None => break,
            Some("57014") => {}
            Some(_) => return Err(format!("another error than the timeout: {}", outcome.1.said()).into()),
        }
        cut += 1;
        let now = main.count(position)?;
        advanced += i32::from(now != before);
        before = now;
        timeout = timeout * 3 / 2;
    }
    if cut == 0 {
        return Err("no scan was cut short".into());
    }
    println!(
        "   {cut} scans were cut short, {advanced} of them had advanced; the last took less than {timeout} ms"
    );
    main.expect(
        "errors that are left",
        0,
        "SELECT count(*) FROM travel.status WHERE last_error IS NOT NULL",
    )?;
    same_results(&mut main, "one", "one, without timeouts", stored::query_of_all_columns)
}

/// Creates a rule with the same settings and scans it once. Fails if the two rules have different results. `query`
/// returns the query of these results.
pub fn same_results(main: &mut Session, rule: &str, other: &str, query: fn(&str) -> String) -> Result {
    main.run(&[
        &format!(
            "INSERT INTO travel.rules (name, owner, source, baseline, learning_period, trial_period)
             SELECT '{other}', owner, source, baseline, learning_period, trial_period
             FROM travel.rules WHERE name = '{rule}'"
        ),
        &format!("CALL travel.scan('{other}')"),
    ])?;
    let mut results = |rule: &str| -> Result<Vec<String>> {
        let mut lines = main.texts(&query(rule))?;
        lines.sort();
        Ok(lines)
    };
    let (several, one) = (results(rule)?, results(other)?);
    if several.is_empty() || several != one {
        let only = |these: &[String], others: &[String]| -> Vec<String> {
            these.iter().filter(|line| others.binary_search(line).is_err()).take(5).cloned().collect()
        };
        return Err(format!(
            "the rules {rule} and {other} differ; only {rule} has: {:#?}; only {other} has: {:#?}",
            only(&several, &one),
            only(&one, &several)
        )
        .into());
    }
    Ok(())
}
