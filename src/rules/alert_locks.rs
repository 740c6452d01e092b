//! Locks many rows of `travel.alerts`, for scans, `travel.prune` and the deletion of a rule.
//!
//! An analyst's `UPDATE` of many alerts locks them in the order in which PostgreSQL happens to read them. If a
//! transaction waited for one alert while it held locks on others, it and the analyst could wait for each other.
//! Therefore, these functions wait for an alert only while they hold no locks on other alerts, unless that takes too many
//! attempts.

use crate::pg::attempt::undone_if_err;
use crate::pg::spi::{self, Argument};

/// How often this tries to lock all alerts at once. Otherwise, sessions that lock some of them in turns could keep a scan
/// waiting until they end, whatever `impossible_travel.scan_lock_timeout` is. After the last attempt, this waits for one
/// alert after the other.
const ATTEMPTS: u32 = 10;

/// Locks the alerts whose IDs a query returns, and returns the IDs. The caller must have an SPI connection.
pub fn lock_alerts(query: &str, arguments: &[Argument]) -> Vec<i64> {
    for _ in 0..ATTEMPTS {
        let wanted = ids(query, arguments);
        if wanted.is_empty() || try_lock(&wanted).map_err(wait_for).is_ok() {
            return wanted;
        }
    }
    let wanted = ids(query, arguments);
    ids(
        "SELECT id FROM travel.alerts WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
        &[Argument::bigints(&wanted)],
    )
}

/// Locks all of these alerts or none. The error is the ID of an alert that another transaction has locked or deleted.
fn try_lock(wanted: &[i64]) -> Result<(), i64> {
    undone_if_err(|| {
        let locked = ids(
            "SELECT id FROM travel.alerts WHERE id = ANY ($1) ORDER BY id FOR UPDATE SKIP LOCKED",
            &[Argument::bigints(wanted)],
        );
        let missing = wanted.iter().find(|id| locked.binary_search(id).is_err());
        missing.map_or(Ok(()), |id| Err(*id))
    })
}

/// Waits until no other transaction holds a lock on the alert.
fn wait_for(id: i64) {
    let _: Result<(), ()> = undone_if_err(|| {
        spi::select("SELECT FROM travel.alerts WHERE id = $1 FOR UPDATE", &[Argument::bigint(id)]);
        // The error releases the lock, because the next attempt may wait for another alert.
        Err(())
    });
}

fn ids(query: &str, arguments: &[Argument]) -> Vec<i64> {
    let rows = spi::select(query, arguments);
    let id = rows.only_column();
    rows.iter().filter_map(|row| row.i64(id)).collect()
}
