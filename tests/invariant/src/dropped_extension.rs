//! A statement waits while another session drops the extension. It ends with an SQLSTATE of class 42, 55 or 3F (the
//! schema is gone), never with an internal error.
//!
//! Functions that return a set of a row type, such as `travel.detect`, and functions in FROM are left out: PostgreSQL
//! itself opens the row type before it calls them, and reports XX000 where that is gone.

use crate::sessions::{Result, Session};

const STATEMENTS: [&str; 18] = [
    "SELECT travel.locate('192.0.2.5')",
    "SELECT travel.is_located('192.0.2.5')",
    "SELECT travel_internal.is_ignored('192.0.2.5', now())",
    r#"SELECT travel.parse('{"eventID": "1", "eventTime": "2026-03-02T09:00:00Z"}')"#,
    r#"SELECT travel.try_parse('{"eventID": "1", "eventTime": "2026-03-02T09:00:00Z"}')"#,
    r#"SELECT travel.records('{"Records": [{"eventID": "1"}]}')"#,
    "SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM events",
    "SELECT travel.leg(event_time, 1::float8, 2::float8) OVER (ORDER BY event_time) FROM events",
    "SELECT travel.impossible_legs(event_time, source_ip) FROM events",
    "SELECT travel.impossible_legs(event_time, 1::float8, 2::float8) FROM events",
    "SELECT travel.detect_sql('events')",
    "SELECT travel.coverage('events')",
    "SELECT travel.geoip_databases()",
    "SELECT travel.ingest('events', '[]')",
    "SELECT travel.prune('400 days')",
    "SELECT travel.create_rule('access_key', 'events')",
    "CALL travel.scan()",
    "SELECT * FROM travel.status",
];

pub fn run() -> Result {
    let mut main = Session::open()?;
    main.run(&[
        "CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet, outcome text, invoked_by text)",
        "INSERT INTO events VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1'), ('K', '2026-03-02 09:10Z', '203.0.113.1')",
    ])?;
    let mut waited = 0;
    for statement in STATEMENTS {
        main.run(&["CREATE EXTENSION IF NOT EXISTS impossible_travel"])?;
        let (mut dropping, worker) = (Session::open()?, Session::open()?);
        dropping.run(&["BEGIN", "DROP EXTENSION impossible_travel CASCADE"])?;
        let waiting = worker.start(statement.to_owned());
        waited += i32::from(waiting.comes_to_wait(&mut main)?);
        dropping.run(&["COMMIT"])?;
        let (_, outcome) = waiting.finish()?;
        let is_told = outcome.error.is_none()
            || outcome
                .code()
                .is_some_and(|code| ["42", "55", "3F"].iter().any(|class| code.starts_with(class)));
        if !is_told {
            return Err(format!("{statement}: {}", outcome.said()).into());
        }
    }
    if waited <= 5 {
        return Err(format!("only {waited} statements waited").into());
    }
    println!("   {waited} of {} statements waited", STATEMENTS.len());
    Ok(())
}
