//! Locks many rows at once: alerts, for scans, `travel.prune` and the deletion of a rule; and rules, for `travel.prune`.
//!
//! An analyst's `UPDATE` of many alerts locks them in the order in which PostgreSQL happens to read them, and so does a
//! `DELETE` of several rules. If a transaction waited for one of these rows while it held locks on others, it and the
//! other session could wait for each other. Therefore, these functions wait for a row only while they hold no locks on
//! other rows, unless that takes too many attempts.

use crate::pg::attempt::undone_if_err;
use crate::pg::spi::{self, Argument, QueryRow, Rows};
use std::collections::HashSet;
use std::hash::Hash;

/// The number of attempts to lock all rows at once. Without a limit, sessions that lock some of the rows in turn could
/// keep a scan waiting until they end, whatever `impossible_travel.scan_lock_timeout` is. After the last attempt, the
/// function waits for one row at a time.
const ATTEMPTS: u32 = 30;

/// The change that a transaction will make to alerts. It determines the weakest lock that suffices.
#[derive(Clone, Copy)]
pub enum Intent {
    /// It changes them. Meanwhile, analysts can write comments on these alerts, which only need the alerts to exist.
    Change,
    /// It deletes them.
    Delete,
}

/// Locks the alerts whose IDs a query returns, and returns the IDs. The caller must have an SPI connection.
pub fn lock_alerts(intent: Intent, query: &str, arguments: &[Argument]) -> Vec<i64> {
    let lock = match intent {
        Intent::Change => "FOR NO KEY UPDATE",
        Intent::Delete => "FOR UPDATE",
    };
    lock_all(&Table { name: "travel.alerts", key: "id", lock }, || keys(query, arguments))
}

/// Prevents all rules from being deleted until the transaction ends, and returns their names. The caller must have an SPI
/// connection.
pub fn keep_rules() -> Vec<String> {
    let table = Table { name: "travel.rules", key: "name", lock: "FOR KEY SHARE" };
    lock_all(&table, || keys("SELECT name FROM travel.rules ORDER BY name", &[]))
}

/// A table, its key, and the lock that is taken on its rows.
struct Table {
    name: &'static str,
    key: &'static str,
    lock: &'static str,
}

/// A value of a key.
trait Key: Clone + Eq + Hash {
    fn of(row: QueryRow, rows: &Rows) -> Option<Self>;
    fn one(&self) -> Argument;
    fn array(keys: &[Self]) -> Argument;
}

fn lock_all<K: Key>(table: &Table, wanted: impl Fn() -> Vec<K>) -> Vec<K> {
    let mut first = None;
    for _ in 0..ATTEMPTS {
        match try_lock(table, &wanted, first.as_ref()) {
            Ok(locked) => return locked,
            Err(None) => return Vec::new(),
            Err(missing) => first = missing,
        }
    }
    let Table { name, key, lock } = table;
    keys(
        &format!("SELECT {key} FROM {name} WHERE {key} = ANY ($1) ORDER BY {key} {lock}"),
        &[K::array(&wanted())],
    )
}

/// Waits for the first row, and then locks all rows that are wanted without waiting, or none. Returns their keys. The
/// error is the key of the row to wait for next, or `None` if no row is wanted.
///
/// The session that held the first row may have changed which rows are wanted, so `wanted` is called after the wait.
///
/// An `UPDATE` usually locks rows in the order in which the table stores them. While this transaction holds the lock on
/// the first row, the next `UPDATE` has to wait before it locks the others. Otherwise, sessions that change the same
/// rows again and again would leave no gap.
fn try_lock<K: Key>(
    table: &Table,
    wanted: &impl Fn() -> Vec<K>,
    first: Option<&K>,
) -> Result<Vec<K>, Option<K>> {
    let Table { name, key, lock } = table;
    undone_if_err(|| {
        if let Some(first) = first {
            spi::select(&format!("SELECT FROM {name} WHERE {key} = $1 {lock}"), &[first.one()]);
        }
        let wanted = wanted();
        if wanted.is_empty() {
            return Err(None);
        }
        let rows: Vec<K> = keys(
            &format!("SELECT {key} FROM {name} WHERE {key} = ANY ($1) ORDER BY {key} {lock} SKIP LOCKED"),
            &[K::array(&wanted)],
        );
        let locked: HashSet<&K> = rows.iter().collect();
        let missing: Vec<K> = wanted.iter().filter(|key| !locked.contains(key)).cloned().collect();
        let Some(one) = missing.first() else { return Ok(wanted) };
        // A row that was deleted meanwhile is not found.
        let query = format!("SELECT {key} FROM {name} WHERE {key} = ANY ($1) ORDER BY ctid LIMIT 1");
        Err(Some(keys(&query, &[K::array(&missing)]).pop().unwrap_or_else(|| one.clone())))
    })
}

fn keys<K: Key>(query: &str, arguments: &[Argument]) -> Vec<K> {
    let rows = spi::select(query, arguments);
    rows.iter().filter_map(|row| K::of(row, &rows)).collect()
}

impl Key for i64 {
    fn of(row: QueryRow, rows: &Rows) -> Option<Self> {
        row.i64(rows.only_column())
    }

    fn one(&self) -> Argument {
        Argument::bigint(*self)
    }

    fn array(keys: &[Self]) -> Argument {
        Argument::bigints(keys)
    }
}

impl Key for String {
    fn of(row: QueryRow, rows: &Rows) -> Option<Self> {
        row.string(rows.only_column()).ok().flatten()
    }

    fn one(&self) -> Argument {
        Argument::text(self)
    }

    fn array(keys: &[Self]) -> Argument {
        Argument::texts(keys)
    }
}
