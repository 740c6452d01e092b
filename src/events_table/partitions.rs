//! The partitions of an events table: one for each month in UTC, and a DEFAULT partition for the events of months that
//! have none. Whoever inserts events calls [`ensure`] first.

use super::make_partition::{Made, MonthlyTable, has_rows, make};
use super::month::{Month, Months};
use crate::pg::attempt::attempt;
use crate::pg::errors::TravelError;
use crate::pg::identifier::literal;
use crate::pg::report::Report;
use crate::pg::role::Role;
use pgrx::pg_sys;

/// How long a session tries to lock the DEFAULT partition before its rows go there.
const PATIENCE_MS: u64 = 500;
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
    let Some(owner) = Role::owner_of(target) else { return Ok(()) };
    if !Role::current().has_privileges_of(owner) {
        if !needed.is_empty() && may_insert(target) {
            // A session that makes the partition now ends first, and none makes it before this transaction ends. A row
            // that PostgreSQL has routed to the DEFAULT partition would be refused after that.
            lock(partitions.default, pg_sys::RowExclusiveLock);
        }
        return Ok(());
    }
    if needed.is_empty() && partitions.ahead().is_empty() {
        return Ok(());
    }
    let Some(table) = MonthlyTable::find(target)?.filter(MonthlyTable::may_extend) else { return Ok(()) };
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
    // Before anything is locked, because such a month would be tried again with each document.
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

/// Says that the rows of a month go to the DEFAULT partition.
fn not_made(table: &MonthlyTable, month: Month, why: &str) {
    Report::notice(format!("no partition of \"{}\" was made for {month}: {why}", table.name))
        .detail("The events of the month are in the DEFAULT partition.")
        .hint(format!(
            "Make the partition later, which moves the events into it: CALL travel.make_partitions({}, now()).",
            literal(&table.name)
        ))
        .send();
}

/// The partitions of a table that is partitioned by whole months in UTC and has a DEFAULT partition.
pub struct Partitions {
    /// The DEFAULT partition.
    pub default: pg_sys::Oid,
    /// The others, each from its start to its end.
    ranges: Vec<(i64, i64)>,
}

impl Partitions {
    /// Reads the partitions of a table from PostgreSQL's cache. `None` if the table is not partitioned in this way.
    pub fn of(table: pg_sys::Oid) -> Option<Self> {
        // SAFETY: catalog look-ups. The relation is locked while it is read, and the lock stays until the transaction
        // ends, as that of any query does. Bounds of a range have as many kinds as datums; `indexes` has one more. A
        // datum of another type than timestamptz is only compared, as a number.
        unsafe {
            if pg_sys::get_rel_relkind(table) as u8 != pg_sys::RELKIND_PARTITIONED_TABLE {
                return None;
            }
            let relation = pg_sys::try_relation_open(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            if relation.is_null() {
                return None;
            }
            let partitions = pg_sys::RelationGetPartitionDesc(relation, true);
            let found = (*partitions).boundinfo.as_ref().and_then(|bounds| {
                if bounds.strategy as u8 != b'r' || bounds.default_index < 0 {
                    return None;
                }
                let bound = |i: usize| match **bounds.kind.add(i) {
                    pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_MINVALUE => i64::MIN,
                    pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_MAXVALUE => i64::MAX,
                    _ => (**bounds.datums.add(i)).value() as i64,
                };
                let ranges = (1..bounds.ndatums as usize)
                    .filter(|i| *bounds.indexes.add(*i) >= 0)
                    .map(|i| (bound(i - 1), bound(i)))
                    .collect();
                let default = *(*partitions).oids.add(bounds.default_index as usize);
                Some(Self { default, ranges })
            });
            pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            found.filter(Self::are_months)
        }
    }

    fn are_months(&self) -> bool {
        let is_month = |time: i64| [i64::MIN, i64::MAX].contains(&time) || Month::of(time).start() == time;
        self.ranges.iter().all(|(start, end)| is_month(*start) && is_month(*end))
    }

    /// Whether there is a partition for a month. It may be that of a longer time.
    pub fn have(&self, month: Month) -> bool {
        let (first, after) = (month.start(), month.end());
        self.ranges.iter().any(|(start, end)| *start < after && *end > first)
    }

    /// Of this month and the next one, those that have no partition.
    fn ahead(&self) -> Vec<Month> {
        let this = Month::current();
        [this, this.next()].into_iter().filter(|month| !self.have(*month)).collect()
    }
}

fn may_insert(table: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up by oid.
    unsafe {
        let insert = pg_sys::ACL_INSERT as pg_sys::AclMode;
        pg_sys::pg_class_aclcheck(table, pg_sys::GetUserId(), insert) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Locks a table until the transaction ends.
pub fn lock(table: pg_sys::Oid, mode: u32) {
    // SAFETY: a plain call; it also takes note of what other sessions have changed.
    unsafe { pg_sys::LockRelationOid(table, mode as pg_sys::LOCKMODE) };
}

/// Locks a table until the transaction ends, unless other sessions hold conflicting locks for longer than `patience_ms`.
/// While it tries, no session queues behind it.
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
