//! What becomes of rows: the counts of `travel.coverage`, by the kind of their source address and by their [`Status`].
//!
//! The rows of one entity are a [`EntityRows`], to which rows come in any order, and which processes exchange. It keeps
//! the distinct events that have a site, because their status is known only when all rows are there: the first row of an
//! event is evaluated, the others are duplicates. The [`counts`] of an entity have no events, and are added up over
//! all entities.

pub mod counts;
mod entity_rows;
mod growing;
mod packed;

pub use counts::Corrupt;
pub use entity_rows::{EntityRows, Row};
pub use packed::Unreadable;

use strum::{EnumString, IntoStaticStr};

/// What becomes of a row. The first status that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
#[repr(u8)]
pub enum Status {
    /// The row has no time, or an infinite one.
    NoTime,
    NoEntity,
    /// A failed sign-in.
    FailedAuth,
    /// A call that an AWS service made.
    Service,
    /// From a network that is ignored.
    Ignored,
    NotLocated,
    Evaluated,
    /// Another row of an event that is evaluated.
    Duplicate,
}

impl Status {
    const ALL: [Self; 8] = [
        Self::NoTime,
        Self::NoEntity,
        Self::FailedAuth,
        Self::Service,
        Self::Ignored,
        Self::NotLocated,
        Self::Evaluated,
        Self::Duplicate,
    ];
}

/// Whether an event with a site can be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Located,
    NotLocated,
    Ignored,
}

/// A number of rows, and the range of their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    rows: u64,
    /// In microseconds, or infinite. Later than `last` if no row has a time.
    first: i64,
    last: i64,
}

impl Default for Count {
    fn default() -> Self {
        Self { rows: 0, first: i64::MAX, last: i64::MIN }
    }
}

impl Count {
    fn of(rows: u64, time_us: Option<i64>) -> Self {
        let none = Self::default();
        Self { rows, first: time_us.unwrap_or(none.first), last: time_us.unwrap_or(none.last) }
    }

    fn add(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

#[cfg(test)]
mod tests;
