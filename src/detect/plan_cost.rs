//! What the planner expects of the queries of `travel.detect`, and the time that they will take.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::with_settings_of_query;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::pg::whole_groups;
use pgrx::pg_sys;
use serde_json::Value;
use std::net::Ipv6Addr;
use travel_core::share::Record;
use travel_core::site::Site;

/// The work of a query over a source, with and without a shared pass.
#[derive(Debug)]
pub struct Work {
    /// The number of processes that would share the pass.
    processes: f64,
    /// The number of processes that would group the events without a shared pass.
    merging: f64,
    /// The cost of reading all rows in one process, in the planner's units.
    scan_cost: f64,
    /// The number of rows that are evaluated.
    pub rows: f64,
    /// The number of entities.
    entities: f64,
    /// The fraction of the rows that belong to the most frequent entity.
    pub most_frequent: f64,
}

impl Work {
    /// The time of a scan in ns per unit of the planner's cost. It was measured as the CPU time of a serial scan with
    /// the conditions of `travel.detect`: 117 ns per row, which has a cost of 0.033 with the default settings.
    const SCAN_NS: f64 = 3_500.0;
    /// The time in ns for a row in a process that writes it to the file of its share. This time and that of reading the
    /// row were measured with two processes, 2,000,000 events and 20,000 keys.
    const WRITE_ROW_NS: f64 = 140.0;
    /// The time in ns for a row in a process that reads it from this file, and evaluates its entity.
    const ROW_NS: f64 = 260.0;
    /// The time in ns that it takes to start the workers once more.
    const START_NS: f64 = 2e6;
    /// The time in ns for a row in a worker that makes partial groups.
    const PARTIAL_ROW_NS: f64 = 350.0;
    /// The time in ns that the leader takes for each partial group that it receives. This time and that of each row in
    /// a group were measured as the CPU time of the leader minus that of the average worker, with 2, 4, 8 and 16
    /// processes: 2.9, 3.4, 4.8 and 6.8 s with 20,000,000 events of 200,000 keys, and about 0.1, 0.2 and 0.3 s with a
    /// tenth of both and 2, 4 and 8 processes.
    const MERGED_GROUP_NS: f64 = 1_400.0;
    /// The time in ns that the leader takes for each row in the partial groups that it receives.
    const MERGED_ROW_NS: f64 = 60.0;
    /// The fraction of the time that the pass must save.
    const SAVING: f64 = 0.2;

    /// Returns whether a shared pass is expected to save enough time.
    pub fn is_worth_sharing(&self) -> bool {
        self.shared_ns() < (1.0 - Self::SAVING) * self.merged_ns()
    }

    /// The expected time in ns with a shared pass.
    pub fn shared_ns(&self) -> f64 {
        let largest = self.most_frequent.max(1.0 / self.processes);
        (self.scan_cost * Self::SCAN_NS + self.rows * Self::WRITE_ROW_NS) / self.processes
            + self.rows * Self::ROW_NS * largest
            + Self::START_NS
    }

    /// The expected time in ns if the leader merges the groups of all processes. It reads the rows a second time, to find
    /// those at the ends of the legs.
    pub fn merged_ns(&self) -> f64 {
        let partial_groups = (self.entities * self.merging).min(self.rows);
        let merging = if self.merging > 1.0 {
            self.rows * Self::MERGED_ROW_NS + partial_groups * Self::MERGED_GROUP_NS
        } else {
            0.0
        };
        (2.0 * self.scan_cost * Self::SCAN_NS + self.rows * Self::PARTIAL_ROW_NS) / self.merging + merging
    }
}

/// Returns the work of a query with a shared pass: `write` is the query of the pass over this table, and `group` the
/// query that groups the events instead. Returns `None` if PostgreSQL would not share the pass: a condition may have to
/// run in the leader, or there may be too few rows. The caller sets the fraction of the most frequent entity.
pub fn of_pass(write: &str, group: &str, table: pg_sys::Oid) -> Result<Option<Work>, TravelError> {
    let write = format!("EXPLAIN (FORMAT JSON) {write}");
    let pass = with_settings_of_query(true, || {
        whole_groups::planned_in_all_processes(&write, table, || plan_of(&write))
    })?;
    let group = with_settings_of_query(true, || plan_of(&format!("EXPLAIN (FORMAT JSON) {group}")))?;
    Ok(work_of(&pass[0]["Plan"], &group[0]["Plan"]))
}

fn plan_of(explain: &str) -> Result<Value, TravelError> {
    let plan = spi::select_text(explain, &[])?;
    Ok(plan.and_then(|plan| serde_json::from_str(&plan).ok()).unwrap_or_default())
}

fn work_of(pass: &Value, group: &Value) -> Option<Work> {
    let workers_of = |node: &Value| node["Workers Planned"].as_f64();
    let gather = find(pass, &|node| is(node, "Gather"))?;
    let workers = workers_of(gather)?;
    let aggregate = find(gather, &|node| is(node, "Aggregate"))?;
    let input = input_of(aggregate)?;
    // SAFETY: reads a setting of the backend.
    let leader = f64::from(u8::from(unsafe { pg_sys::parallel_leader_participation }));
    let processes = (workers + leader).max(1.0);
    // The planner divides the rows, and the cost of evaluating them, by this number. The cost of reading pages is whole.
    let divisor = workers + leader * (1.0 - 0.3 * workers).max(0.0);
    let merging = find(group, &|node| is(node, "Gather") || is(node, "Gather Merge")).and_then(workers_of);
    Some(Work {
        processes,
        merging: merging.map_or(1.0, |workers| workers + leader).max(1.0),
        scan_cost: input["Total Cost"].as_f64()? * divisor,
        rows: input["Plan Rows"].as_f64()? * divisor,
        entities: find(group, &|node| is(node, "Aggregate"))?["Plan Rows"].as_f64()?,
        most_frequent: 0.0,
    })
}

/// Returns the node whose rows a node reads. Subqueries of conditions are other nodes below it.
fn input_of(node: &Value) -> Option<&Value> {
    node["Plans"].as_array()?.iter().find(|child| child["Parent Relationship"] == "Outer")
}

/// Returns the wanted node through which the rows of a node come, or this node itself.
fn find<'a>(node: &'a Value, is_wanted: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    std::iter::successors(Some(node), |node| input_of(node)).find(|node| is_wanted(node))
}

fn is(node: &Value, node_type: &str) -> bool {
    node["Node Type"] == node_type
}

/// What the statistics of a source say about the columns of the entity.
pub struct EntityStatistics {
    /// The fraction of the rows that belong to the most frequent entity. An entity of several columns is at most as
    /// frequent as the most common value of each column, so this is the smallest of their fractions.
    pub most_frequent: f64,
    /// The average number of bytes of a record of the shared pass.
    pub record_size: f64,
}

impl EntityStatistics {
    /// Reads the statistics. Within an SPI connection.
    pub fn of(events: &Events, arguments: &Arguments) -> Result<Self, TravelError> {
        let source = &arguments.source;
        let names: Vec<&str> = events.keys.iter().filter_map(|key| source.own_column(&key.sql)).collect();
        spi::in_pg_catalog(|| {
            let rows = spi::select(STATISTICS, &[Argument::oid(source.oid), Argument::texts(&names)]);
            spi::columns!(rows => frequency, width);
            let number = |column| rows.first().and_then(|row| row.f64(column)).unwrap_or_default();
            // The size of the rest of a record, with an IPv6 address or coordinates.
            let rest = Record::size(Site::from_address(Ipv6Addr::UNSPECIFIED.into()), 0) as f64;
            Ok(Self { most_frequent: number(frequency), record_size: rest + number(width) })
        })
    }
}

/// The smallest of the frequencies of the most common values of these columns, and the sum of their widths, each with the
/// length in front of it. 32 bytes are a guess for a column without statistics. A column of a parent table has two rows of
/// statistics: with and without the rows of its children.
const STATISTICS: &str = "
SELECT coalesce(min(coalesce(s.frequency, 0)), 0)::float8 AS frequency,
    coalesce(sum(4 + coalesce(s.width, 32)), 0)::float8 AS width
FROM unnest($2) AS c (name)
LEFT JOIN LATERAL (
    SELECT max(s.most_common_freqs[1]) AS frequency, max(s.avg_width) AS width
    FROM pg_class AS r
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = r.relname
    WHERE r.oid = $1 AND s.attname = c.name
) AS s ON true";

/// Returns the number of pages of a table. Within an SPI connection.
pub fn pages(source: pg_sys::Oid) -> f64 {
    spi::in_pg_catalog(|| {
        let size = "SELECT pg_relation_size($1) / current_setting('block_size')::float8";
        let rows = spi::select(size, &[Argument::oid(source)]);
        rows.first().and_then(|row| row.f64(rows.only_column())).unwrap_or_default()
    })
}

/// Returns the number of pages from which PostgreSQL reads a table in parallel.
pub fn min_pages() -> f64 {
    // SAFETY: reads a setting of the backend.
    f64::from(unsafe { pg_sys::min_parallel_table_scan_size })
}
