//! The bounds of the partitions of an events table, read from PostgreSQL's cache.

use super::month::Month;
use pgrx::pg_sys;

/// The partitions of a table that is partitioned by whole months in UTC and has a DEFAULT partition.
pub struct Partitions {
    /// The DEFAULT partition.
    pub default: pg_sys::Oid,
    /// The other partitions, each from its start to its end.
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

    /// Whether there is a partition for a month, which may be for more than this month.
    pub fn have(&self, month: Month) -> bool {
        let (first, after) = (month.start(), month.end());
        self.ranges.iter().any(|(start, end)| *start < after && *end > first)
    }

    /// This month and the next one, without those that have a partition.
    pub fn ahead(&self) -> Vec<Month> {
        let this = Month::current();
        [this, this.next()].into_iter().filter(|month| !self.have(*month)).collect()
    }
}

/// Locks a table until the transaction ends.
pub fn lock(table: pg_sys::Oid, mode: u32) {
    // SAFETY: a plain call; it also makes the changes of other sessions visible.
    unsafe { pg_sys::LockRelationOid(table, mode as pg_sys::LOCKMODE) };
}
