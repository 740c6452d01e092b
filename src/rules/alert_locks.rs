//! Locks many rows of `travel.alerts`, for scans, `travel.prune` and the deletion of a rule.
//!
//! An analyst's `UPDATE` of many alerts locks them in the order in which PostgreSQL happens to read them. A transaction
//! that waited for one alert while it holds others could therefore wait for the analyst, who waits for it. So this one
//! waits for an alert only while it holds none of the others.

use crate::pg::attempt::undone_if_err;
use crate::pg::spi::{self, Argument};

/// Locks the alerts whose IDs a query returns, and returns the IDs. Within an SPI connection.
pub fn lock_alerts(query: &str, arguments: &[Argument]) -> Vec<i64> {
    loop {
        let wanted = ids(query, arguments);
        if wanted.is_empty() || try_lock(&wanted).map_err(wait_for).is_ok() {
            return wanted;
        }
    }
}

/// Locks all of these alerts, or else none. Then the error is one that another transaction has locked or deleted.
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

/// Waits until no other transaction has locked the alert.
fn wait_for(id: i64) {
    let _: Result<(), ()> = undone_if_err(|| {
        spi::select("SELECT FROM travel.alerts WHERE id = $1 FOR UPDATE", &[Argument::bigint(id)]);
        // The lock is released, because what comes next may wait for another alert.
        Err(())
    });
}

fn ids(query: &str, arguments: &[Argument]) -> Vec<i64> {
    let rows = spi::select(query, arguments);
    let id = rows.only_column();
    rows.iter().filter_map(|row| row.i64(id)).collect()
}
