//! Drops the extension while scans, rescans and `travel.prune` run. Each of these calls prevents the drop until it
//! ends, so `DROP EXTENSION` waits for it. Later calls wait for `DROP EXTENSION` and then end with an error that names
//! the cause. There is no deadlock.

use crate::sessions::{Result, Session};
use std::thread;
use std::time::{Duration, Instant};

/// The calls. A session repeats each of them until the extension is gone.
const CALLS: [&str; 5] = [
    "CALL travel.scan('large 1')",
    "CALL travel.scan('large 2')",
    "CALL travel.scan()",
    "CALL travel.rescan('large 3', '-infinity')",
    "SELECT * FROM travel.prune('4000 days')",
];

/// The SQLSTATEs with which a call may end: an object or the schema is gone, or the extension was dropped while it
/// waited.
const GONE: [&str; 3] = ["42", "3F000", "55000"];

pub fn while_scans_run(main: &mut Session, events: i64) -> Result {
    let alerts = main.count("SELECT count(*) FROM travel.alerts WHERE rule = 'plain, at once'")?;
    // These rules have not scanned anything yet, so their scans take long.
    main.run(&["INSERT INTO travel.rules (name, owner, source, baseline)
                SELECT 'large ' || n, current_user, 'public.cloudtrail', false FROM generate_series(1, 3) AS n"])?;
    thread::scope(|scope| -> Result {
        let calls = CALLS.map(|call| scope.spawn(move || until_gone(call)));
        main.wait_until(
            "a scan is under way",
            "SELECT count(*) FROM travel_internal.scans WHERE rule LIKE 'large %' AND under_way",
        )?;
        let began = Instant::now();
        main.run(&["DROP EXTENSION impossible_travel CASCADE"])?;
        let took = began.elapsed();
        let mut ended = 0;
        for call in calls {
            ended += call.join().map_err(|_| "a session panicked")??;
        }
        println!("   the extension was dropped in {} ms, during {ended} calls", took.as_millis());
        Ok(())
    })?;
    main.expect("events after the extension was dropped", events, "SELECT count(*) FROM cloudtrail")?;
    main.run(&[
        "CREATE EXTENSION impossible_travel",
        "INSERT INTO travel.rules (name, owner, source, baseline)
         VALUES ('plain', current_user, 'public.cloudtrail', false)",
        "CALL travel.scan()",
    ])?;
    main.expect("alerts of the new extension", alerts, "SELECT count(*) FROM travel.alerts")
}

/// Repeats a call until the extension is gone. Returns the number of calls.
fn until_gone(call: &str) -> Result<u64> {
    let mut session = Session::open()?;
    session.run(&["SET impossible_travel.scan_batch = 1000"])?;
    let began = Instant::now();
    let mut calls = 0;
    loop {
        // If the main session fails, the extension is never dropped.
        if began.elapsed() > Duration::from_secs(600) {
            return Err(format!("the extension was not dropped during {call}").into());
        }
        calls += 1;
        let outcome = session.attempt(call);
        match outcome.code() {
            None | Some("55P03") => thread::sleep(Duration::from_millis(1)),
            Some(code) if GONE.iter().any(|gone| code.starts_with(gone)) => return Ok(calls),
            Some(_) => {
                return Err(format!("{call} during DROP EXTENSION: {}", outcome.said()).into());
            }
        }
    }
}
