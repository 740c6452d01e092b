//! The partitions of an events table: one for each month in UTC, and a DEFAULT partition for the events of months that
//! have none. Everything that inserts events calls [`ensure`] first.

use super::bounds::{Partitions, lock};
use super::make_partition::{Made, MonthlyTable, has_rows, make};
use super::month::{Month, Months};
use crate::pg::attempt::attempt;
use crate::pg::errors::TravelError;
use crate::pg::identifier::literal;
use crate::pg::report::Report;
use crate::pg::role::Role;
use pgrx::pg_sys;
use std::cell::Cell;

/// How long a session tries to lock the DEFAULT partition before it inserts its rows there.
const PATIENCE_MS: u64 = 5_000;
const RETRY_MS: u64 = 10;

/// Makes the missing partitions of `months`, and of this month and the next one, if the caller may. Otherwise the
/// DEFAULT partition takes the rows, and `travel.make_partitions` moves them later. It does nothing for a table that is
/// not partitioned by month.
///
/// It never waits for a session that reads the table, and no session that reads the table waits for a lock that is only
/// requested here.
pub fn ensure(target: pg_sys::Oid, months: &Months) -> Result<(), TravelError> {
    let Some(partitions) = Partitions::of(target) else { return Ok(()) };
    let missing = |partitions: &Partitions| -> Vec<Month> {
        months.iter().filter(|month| !partitions.have(*month)).collect()
    };
    let needed = missing(&partitions);
    let is_own = Role::owner_of(target).is_some_and(|owner| Role::current().has_privileges_of(owner));
    if needed.is_empty() && (!is_own || partitions.ahead().is_empty()) {
        return Ok(());
    }
    let table = if is_own { MonthlyTable::find(target)?.filter(MonthlyTable::may_extend) } else { None };
    let Some(table) = table else {
        if may_insert(target) {
            // This waits for a session that is making the partition, and keeps others from making it until this
            // transaction ends. Otherwise, PostgreSQL would refuse a row that it has already routed to the DEFAULT
            // partition.
            lock(partitions.default, pg_sys::RowExclusiveLock);
        }
        return Ok(());
    };
    if needed.is_empty() {
        if !try_lock(target, pg_sys::ShareUpdateExclusiveLock, 0) {
            return Ok(());
        }
    } else {
        lock(target, pg_sys::ShareUpdateExclusiveLock);
    }
    // Another session may have made them before this one had the lock.
    let Some(partitions) = Partitions::of(target) else { return Ok(()) };
    let (needed, ahead) = (missing(&partitions), partitions.ahead());
    let is_needed = |month: &Month| needed.contains(month);
    let mut months: Vec<Month> = needed.clone();
    months.extend(ahead.into_iter().filter(|month| !is_needed(month)));
    // Months whose rows are in the DEFAULT partition are left out before anything is locked, because they would be
    // tried again with each document.
    months.retain(|month| {
        let why = match attempt(|| has_rows(&table, *month)) {
            Ok(false) => return true,
            Ok(true) => HAS_ROWS.to_owned(),
            Err(failure) => failure.message(),
        };
        if is_needed(month) {
            not_made(&table, *month, &why);
        }
        false
    });
    let Some(first) = months.first() else { return Ok(()) };
    let patience_ms = if is_needed(first) { PATIENCE_MS } else { 0 };
    if !try_lock(partitions.default, pg_sys::AccessExclusiveLock, patience_ms) {
        if is_needed(first) {
            not_made(&table, *first, "other sessions use its DEFAULT partition");
        }
        return Ok(());
    }
    for month in &months {
        let why = match attempt(|| make(&table, *month, false)) {
            Ok(Made::Yes { .. }) => continue,
            Ok(Made::HasRows) => HAS_ROWS.to_owned(),
            Err(failure) => failure.message(),
        };
        if is_needed(month) {
            not_made(&table, *month, &why);
        }
    }
    Ok(())
}

const HAS_ROWS: &str = "its DEFAULT partition has events of that month";

/// Sends a notice that the rows of a month go to the DEFAULT partition. Documents of one month usually follow each
/// other, so the notice is left out if the last one was about the same month.
fn not_made(table: &MonthlyTable, month: Month, why: &str) {
    thread_local! {
        static LAST_NOTICE: Cell<Option<(pg_sys::Oid, Month)>> = const { Cell::new(None) };
    }
    let about = Some((table.oid, month));
    if LAST_NOTICE.replace(about) == about {
        return;
    }
    Report::notice(format!("no partition of \"{}\" was made for {month}: {why}", table.name))
        .detail("The events of the month are in the DEFAULT partition.")
        .hint(format!(
            "Make the partition later, which moves the events into it: CALL travel.make_partitions({}, now()).",
            literal(&table.name)
        ))
        .send();
}

fn may_insert(table: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up by oid.
    unsafe {
        let insert = pg_sys::ACL_INSERT as pg_sys::AclMode;
        pg_sys::pg_class_aclcheck(table, pg_sys::GetUserId(), insert) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Locks a table until the transaction ends, unless other sessions hold conflicting locks for longer than
/// `patience_ms`. While it tries, no session queues behind it.
fn try_lock(table: pg_sys::Oid, mode: u32, patience_ms: u64) -> bool {
    let mut waited_ms = 0;
    loop {
        // SAFETY: as in `lock`.
        if unsafe { pg_sys::ConditionalLockRelationOid(table, mode as pg_sys::LOCKMODE) } {
            return true;
        }
        if waited_ms >= patience_ms {
            return false;
        }
        pgrx::check_for_interrupts!();
        std::thread::sleep(std::time::Duration::from_millis(RETRY_MS));
        waited_ms += RETRY_MS;
    }
}
