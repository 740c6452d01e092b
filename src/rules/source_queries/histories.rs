//! The events of members: entities and baseline users.

use super::{NO_BASELINE, SourceQueries};
use crate::detect::Rows;
use crate::pg::{citus, spi};
use std::ffi::CStr;

impl SourceQueries {
    /// A query for all events of some entities ($1, each after its time in $2) and of some baseline users ($3, $4), in
    /// order of time. A row may be returned twice.
    pub fn histories(&self) -> String {
        format!("{}\nORDER BY event_time", self.histories_of(&self.select))
    }

    /// A query for the pairs of entity and baseline user in these histories, each with its oldest event.
    pub fn names_in_histories(&self) -> String {
        let names = format!(
            "{} AS entity, {} AS baseline_entity, {} AS event_time",
            self.entity,
            self.baseline_entity,
            self.events.time.as_timestamptz()
        );
        format!(
            "SELECT entity, baseline_entity, pg_catalog.min(event_time) AS oldest\nFROM (\n{}\n) AS h\nGROUP BY entity, baseline_entity",
            self.histories_of(&names)
        )
    }

    /// A query for the first event of each of these entities, or baseline users ($1).
    pub fn first_events(&self, of_baseline: bool) -> String {
        let (sql, time) = (if of_baseline { &self.baseline_entity } else { &self.entity }, &self.events.time);
        if self.is_by_member {
            return format!(
                "SELECT m.name, h.first\nFROM unnest($1::text[]) AS m (name)\n\
                 CROSS JOIN LATERAL (\nSELECT {} AS first\nFROM {}\nWHERE {}\n  AND {}\n  AND {}\n  AND {}\n\
                 ORDER BY {}\nLIMIT 1\n) AS h",
                time.as_timestamptz(),
                self.from,
                self.is_of_member(sql),
                self.filters,
                time.bound(">", None, "-infinity"),
                time.bound("<", self.until, "infinity"),
                time.key(),
            );
        }
        format!(
            "SELECT {sql} AS name, pg_catalog.min({}) AS first\nFROM {}\nWHERE {sql} = ANY ($1)\n  AND {}\n  AND {}\n  AND {}\n\
             GROUP BY 1",
            time.as_timestamptz(),
            self.from,
            self.filters,
            time.bound(">", None, "-infinity"),
            time.bound("<", self.until, "infinity"),
        )
    }

    /// Runs a query over histories. It uses indexes if there are any, because the planner cannot estimate how many rows
    /// a member has.
    pub fn look_up<R>(&self, body: impl FnOnce() -> R) -> R {
        if self.is_indexed { self.with_settings(&spi::BY_INDEX, body) } else { body() }
    }

    /// Runs a query over the source with these settings, wherever its rows are.
    pub(super) fn with_settings<R>(&self, settings: &[(&CStr, &CStr)], body: impl FnOnce() -> R) -> R {
        if self.events.rows == Rows::Here {
            spi::with_settings(settings, body)
        } else {
            citus::with_settings_on_nodes(settings, body)
        }
    }

    /// The condition that a row, whose entity or baseline user is given as SQL, is one of the member `m.name`. Of an equal
    /// sign alone, PostgreSQL estimates by the statistics how many rows it finds: all rows if the source had one member
    /// when the statistics were collected. A range of unknown bounds is always estimated at one row in 200, so the index on
    /// the member and the time costs less than one on the time alone.
    pub(super) fn is_of_member(&self, sql: &str) -> String {
        if self.is_by_member {
            format!("{sql} = m.name AND {sql} >= m.name AND {sql} <= m.name")
        } else {
            format!("{sql} = m.name")
        }
    }

    /// The end of a subquery over the rows of the member `m.name`. With it, PostgreSQL looks up each member. Without it,
    /// PostgreSQL would compare each row with each member if it expects few rows.
    pub(super) fn fence(&self) -> &'static str {
        if self.is_by_member { "\n  OFFSET 0" } else { "" }
    }

    fn histories_of(&self, select: &str) -> String {
        let is_later = self.events.time.is_later_than("m.evaluated_until");
        // The source is in a query of its own, where only its columns are visible: one of them may be called name.
        let part = |sql: &str, names: u8, times: u8| {
            format!(
                "SELECT h.*\nFROM unnest(${names}::text[], ${times}::timestamptz[]) AS m (name, evaluated_until)\n\
                 CROSS JOIN LATERAL (\nSELECT {select}\nFROM {}\nWHERE {} AND {is_later}\n  AND {}\n  AND {}{}\n) AS h",
                self.from,
                self.is_of_member(sql),
                self.filters,
                self.events.time.bound("<", self.until, "infinity"),
                self.fence(),
            )
        };
        let mut parts = vec![part(&self.entity, 1, 2)];
        if self.baseline_entity != NO_BASELINE {
            parts.push(part(&self.baseline_entity, 3, 4));
        }
        parts.join("\nUNION ALL\n")
    }
}
