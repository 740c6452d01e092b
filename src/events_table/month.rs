//! Months in UTC, by which an events table is partitioned.

use crate::pg::time::{calendar_month, month_start, statement_start};
use std::collections::BTreeSet;

/// A month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i64,
    month: i64,
}

impl Month {
    /// The month in which CloudTrail began. No event is older.
    pub const FIRST: Self = Self { year: 2013, month: 11 };

    /// The month of a time, in microseconds since 2000-01-01 UTC.
    pub fn of(time_us: i64) -> Self {
        let (year, month) = calendar_month(time_us);
        Self { year, month }
    }

    pub fn current() -> Self {
        Self::of(statement_start())
    }

    /// Its first microsecond since 2000-01-01 UTC.
    pub fn start(self) -> i64 {
        month_start(self.year, self.month)
    }

    /// The start of the next month.
    pub fn end(self) -> i64 {
        self.next().start()
    }

    pub fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { month: self.month + 1, ..self }
        }
    }

    /// The month as the name of a partition ends, for example `2026_03`.
    pub fn suffix(self) -> String {
        format!("{:04}_{:02}", self.year, self.month)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-{:02}", self.year, self.month)
    }
}

/// The months of events that are about to be inserted. Times before CloudTrail began, or after the next month, are
/// those of broken or forged records, so they get no partition of their own.
pub struct Months {
    months: BTreeSet<Month>,
    /// The month that was added last, from its start to its end. Most events are of the same month as the one before.
    latest: std::ops::Range<i64>,
    last: Month,
}

impl Months {
    pub fn new() -> Self {
        Self { months: BTreeSet::new(), latest: 0..0, last: Month::current().next() }
    }

    /// Adds the month of a time, in microseconds since 2000-01-01 UTC.
    #[inline]
    pub fn add(&mut self, time_us: i64) {
        if !self.latest.contains(&time_us) {
            self.add_month(Month::of(time_us));
        }
    }

    fn add_month(&mut self, month: Month) {
        if (Month::FIRST..=self.last).contains(&month) {
            self.latest = month.start()..month.end();
            self.months.insert(month);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Month> + '_ {
        self.months.iter().copied()
    }
}
