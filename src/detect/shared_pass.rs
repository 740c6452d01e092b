//! One pass over a source that all processes share. The query of the findings then begins with the events of this pass.
//!
//! In the pass, each process reads a part of the rows and writes each event to a temporary file of its process and of the
//! share to which its entity belongs ([`crate::pg::shared_files`]). In the query of the findings, each process evaluates
//! the entities of some shares. If the source is a table whose positions the caller may read, it also fetches the rows at
//! the ends of their legs and makes the findings. So no process reads all rows or merges the groups of others, and the
//! entities of a share fit into the processor's cache.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::nodes::Rows;
use super::plan_cost::{self, EntityStatistics};
use crate::legs::MOST_COLUMNS;
use crate::pg::errors::TravelError;
use crate::pg::report::Report;
use crate::pg::shared_files::OwnFiles;
use crate::pg::spi::{self, Argument};
use crate::pg::whole_groups::{self, processes};
use crate::source::{is_textual, type_in_sql};
use pgrx::pg_sys;
use std::fmt::Write;

/// The number of events of a share for which the events of its entities fit into the processor's cache.
const EVENTS_OF_SHARE: f64 = 150_000.0;

/// The number of branches per process, among which the planner divides the shares. On average, the last process works
/// alone on half of the shares of a branch.
const BRANCHES_OF_PROCESS: usize = 4;

/// The maximum number of branches. Planning takes time for each of them.
const MOST_BRANCHES: usize = 64;

/// The maximum number of shares. For each of them, a process has a file and two buffers of 8 kB.
const MOST_SHARES: usize = 512;

/// The shared pass of a query.
pub struct SharedPass {
    /// The columns of the entity in the query of the findings, as SQL over the array `p.entity`.
    keys: Vec<String>,
    branches: usize,
    shares: usize,
    /// Whether the positions of the rows at the ends of the legs are known.
    pub has_positions: bool,
}

impl SharedPass {
    /// Returns the shared pass over a source, or `None` if there can be none, or the source is small. The caller must
    /// have an SPI connection.
    pub fn over(events: &Events, arguments: &Arguments) -> Result<Option<Self>, TravelError> {
        let source = &arguments.source;
        if processes() < 2
            || arguments.all_legs
            || events.keys.len() > MOST_COLUMNS
            || !source.is_plain
            || events.rows != Rows::Here
            || plan_cost::pages(source.oid) < processes() as f64 * plan_cost::min_pages()
        {
            return Ok(None);
        }
        let mut keys = Vec::new();
        for (n, key) in events.keys.iter().enumerate() {
            let column = source.own_column(&key.sql).filter(|_| has_exact_text(key.oid));
            let Some((column, type_name)) = column.zip(type_in_sql(key.oid)) else { return Ok(None) };
            let Some(collate) = collate_of(source.oid, column)? else { return Ok(None) };
            keys.push(format!("(p.entity[{}])::pg_catalog.{type_name}{collate} AS key_{}", n + 1, n + 1));
        }
        let branches = (BRANCHES_OF_PROCESS * processes()).min(MOST_BRANCHES);
        Ok(Some(Self { keys, branches, shares: branches, has_positions: false }))
    }

    /// Decides whether the pass is worth its cost: `write` is its query, and `group` the query that groups the events by
    /// the entity instead. Chooses the number of shares.
    pub fn is_worth_it(
        &mut self,
        write: &str,
        group: &str,
        events: &Events,
        arguments: &Arguments,
    ) -> Result<bool, TravelError> {
        let Some(mut work) = plan_cost::of_pass(write, group, arguments.source.oid)? else {
            return Ok(false);
        };
        let statistics = EntityStatistics::of(events, arguments)?;
        work.most_frequent = statistics.most_frequent;
        self.shares = shares_of(work.rows, self.branches);
        if !work.is_worth_sharing() || !has_room(work.rows * statistics.record_size) {
            return Ok(false);
        }
        Report::debug(format!("travel.detect divides the events into {} shares", self.shares))
            .detail(format!(
                "The expected time is {:.1} ms instead of {:.1} ms.",
                work.shared_ns() / 1e6,
                work.merged_ns() / 1e6
            ))
            .send();
        Ok(true)
    }

    /// The query of the pass, over `events` with these columns of the entity and this address.
    pub fn write(&self, events: &Events, keys: &[String], place: &str) -> String {
        let mut entity = String::new();
        for (key, name) in events.keys.iter().zip(keys) {
            let cast = if key.oid == pg_sys::TEXTOID { "" } else { "::text" };
            let _ = write!(entity, ", {name}{cast}");
        }
        let position = if self.has_positions { "row_id" } else { "NULL::tid" };
        format!("SELECT travel_internal.write_events(event_time, {place}, {position}{entity})\nFROM events")
    }

    /// The query of the legs of each entity, with these thresholds. `line` separates its lines.
    pub fn journeys(&self, thresholds: &str, line: &str) -> String {
        let keys = self.keys.join(", ");
        let branches = (0..self.branches).map(|first| {
            format!(
                "SELECT {keys}, p.legs, p.row_ids{line}\
                 FROM travel_internal.legs_of_shares({first}, {}, {thresholds}, {}) AS p",
                self.branches, self.has_positions
            )
        });
        format!(
            "-- of the shares of the entities, which parallel processes evaluate{line}{}",
            branches.collect::<Vec<_>>().join(&format!("{line}UNION ALL{line}"))
        )
    }

    /// The number of shares.
    pub fn shares(&self) -> usize {
        self.shares
    }
}

/// The number of shares for this number of events. Each branch has the same number of them.
fn shares_of(events: f64, branches: usize) -> usize {
    let wanted = ((events / EVENTS_OF_SHARE) as usize).min(MOST_SHARES).next_multiple_of(branches);
    wanted.clamp(branches, MOST_SHARES / branches * branches)
}

/// Runs the query of the pass, and then `body`, which runs the query `read` of the findings.
pub fn run<R>(files: &OwnFiles, write: &str, table: pg_sys::Oid, read: &str, body: impl FnOnce() -> R) -> R {
    files.within(write, || {
        super::with_settings_of_query(true, || {
            whole_groups::planned_in_all_processes(write, table, || spi::execute_of_statement(write));
        });
        files.complete(read);
        body()
    })
}

/// Returns whether the text of a value is exact, regardless of the settings of the session.
fn has_exact_text(oid: pg_sys::Oid) -> bool {
    is_textual(oid)
        || matches!(
            oid,
            pg_sys::UUIDOID | pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::OIDOID
        )
}

/// Returns whether files with this number of bytes stay within `temp_file_limit`, which applies to each process. If no
/// worker is free, one process writes all of them. The number is an estimate, so there must be room for twice as many.
fn has_room(bytes: f64) -> bool {
    // SAFETY: reads a setting of the backend.
    let limit_kb = unsafe { pg_sys::temp_file_limit };
    limit_kb < 0 || 2.0 * bytes <= f64::from(limit_kb) * 1024.0
}

/// Returns the collation of a column as SQL, with a space in front of it, or an empty text if its type has none.
/// Returns `None` if the caller may not name the collation. Naming it requires a privilege on its schema, and reading
/// the column does not.
fn collate_of(table: pg_sys::Oid, column: &str) -> Result<Option<String>, TravelError> {
    spi::in_pg_catalog(|| {
        spi::select_text(
            "SELECT CASE
                 WHEN a.attcollation = 0 THEN ''
                 WHEN has_schema_privilege(n.oid, 'USAGE')
                 THEN ' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname)
             END
             FROM pg_attribute AS a
             LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
             LEFT JOIN pg_namespace AS n ON n.oid = l.collnamespace
             WHERE a.attrelid = $1 AND a.attname = $2",
            &[Argument::oid(table), Argument::text(column)],
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_branch_has_the_same_number_of_shares_and_there_are_not_too_many() {
        for branches in 1..=MOST_BRANCHES {
            for events in [0.0, 1.0, 1e6, 3e7, 1e8, 1e12] {
                let shares = shares_of(events, branches);
                assert!(shares.is_multiple_of(branches) && (branches..=MOST_SHARES).contains(&shares));
            }
        }
    }

    #[test]
    fn a_share_has_no_more_events_than_fit_into_the_cache() {
        assert_eq!(shares_of(EVENTS_OF_SHARE * 20.0, 8), 24);
    }
}
