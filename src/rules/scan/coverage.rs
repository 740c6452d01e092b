//! Counts the events of each day that scans read, for `travel.coverage_daily`, so a chart of them does not need to read
//! the source.

use super::ScanStep;
use crate::pg::spi::{self, Argument};
use crate::rules::reader::Unlocated;
use std::collections::BTreeMap;
use travel_core::rule::Micros;
use travel_core::rule::settings::HOUR;

const DAY: Micros = 24 * HOUR;

/// What became of an event.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    Located,
    /// A named network says that it is ignored.
    Ignored,
    NotLocated(Unlocated),
}

impl Counted {
    /// How many columns of `travel_internal.coverage_days` count events.
    const COLUMNS: usize = 6;

    /// The position of the column.
    fn column(self) -> usize {
        match self {
            Self::Located => 0,
            Self::Ignored => 1,
            Self::NotLocated(Unlocated::NoEntity) => 2,
            Self::NotLocated(Unlocated::NoAddress) => 3,
            Self::NotLocated(Unlocated::PrivateAddress) => 4,
            Self::NotLocated(Unlocated::UnknownAddress) => 5,
        }
    }
}

/// How many events of each day a step read, by what became of them. A day is the number of days since 2000-01-01 UTC.
#[derive(Default)]
pub(super) struct CoverageDays(BTreeMap<i64, CoverageDay>);

#[derive(Default)]
struct CoverageDay {
    counts: [i64; Counted::COLUMNS],
    /// A later pass may read some of these events again.
    is_inexact: bool,
}

impl CoverageDays {
    /// Counts an event, unless the next pass reads it again and counts it then. `is_read_again` is `None` where that is not
    /// known.
    pub(super) fn count(&mut self, time: Micros, counted: Counted, is_read_again: Option<bool>) {
        if is_read_again == Some(true) {
            return;
        }
        let day = self.0.entry(time.div_euclid(DAY)).or_default();
        day.counts[counted.column()] += 1;
        day.is_inexact |= is_read_again.is_none();
    }
}

impl ScanStep {
    /// Adds what the step read to the days. A pass that reads only new rows adds to what is there. One that reads all
    /// rows after a time replaces it, except on the day of that time, because it reads only a part of that day.
    pub(super) fn write_coverage(&self) {
        let days = &self.days.0;
        if days.is_empty() {
            return;
        }
        let adds = self.progress.is_incremental();
        let begin = self.progress.begins_after(&self.definition, &self.queries).filter(|_| !adds);
        let partial = begin.map(|begin| begin.div_euclid(DAY));
        let mut arguments = vec![
            Argument::text(&self.definition.name),
            Argument::bigint(self.progress.pass),
            Argument::boolean(adds),
            Argument::boolean(!(adds && self.progress.overlaps())),
            Argument::bigint(partial),
            Argument::bigints(&days.keys().copied().collect::<Vec<_>>()),
        ];
        for column in 0..Counted::COLUMNS {
            arguments
                .push(Argument::bigints(&days.values().map(|day| day.counts[column]).collect::<Vec<_>>()));
        }
        arguments
            .push(Argument::bigints(&days.values().map(|day| i64::from(day.is_inexact)).collect::<Vec<_>>()));
        spi::execute(WRITE, &arguments);
    }
}

/// $3: the pass adds; $4: it counts each row once; $5: the day that it reads only in part.
const WRITE: &str = "
    INSERT INTO travel_internal.coverage_days AS d
        (rule, day, pass, located, ignored, no_entity, no_address, private_address, unknown_address, is_exact,
         counted_at)
    SELECT $1, '2000-01-01'::date + n.day::int, $2, n.located, n.ignored, n.no_entity, n.no_address, n.private_address,
           n.unknown_address, $4 AND n.inexact = 0 AND n.day IS DISTINCT FROM $5, pg_catalog.clock_timestamp()
    FROM unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
                $13::bigint[])
        AS n (day, located, ignored, no_entity, no_address, private_address, unknown_address, inexact)
    ON CONFLICT (rule, day) DO UPDATE
    SET pass = excluded.pass,
        located = excluded.located + CASE WHEN $3 OR d.pass = $2 THEN d.located ELSE 0 END,
        ignored = excluded.ignored + CASE WHEN $3 OR d.pass = $2 THEN d.ignored ELSE 0 END,
        no_entity = excluded.no_entity + CASE WHEN $3 OR d.pass = $2 THEN d.no_entity ELSE 0 END,
        no_address = excluded.no_address + CASE WHEN $3 OR d.pass = $2 THEN d.no_address ELSE 0 END,
        private_address = excluded.private_address + CASE WHEN $3 OR d.pass = $2 THEN d.private_address ELSE 0 END,
        unknown_address = excluded.unknown_address + CASE WHEN $3 OR d.pass = $2 THEN d.unknown_address ELSE 0 END,
        is_exact = excluded.is_exact AND (d.is_exact OR NOT ($3 OR d.pass = $2)),
        counted_at = excluded.counted_at
    WHERE d.pass = $2 OR excluded.day - '2000-01-01'::date IS DISTINCT FROM $5";
