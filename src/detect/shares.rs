//! Shares of the entities. The query of the findings is split into them if no index on the entity contains all that the
//! legs are made from. Each process evaluates the entities of one share, so no process merges the groups of others.
//!
//! This has a price: each process reads all rows, and keeps those of its share. The other plan reads each row once: the
//! processes divide the rows among themselves and make partial groups, and the leader alone merges and evaluates these
//! groups. The work of the leader grows with the number of processes and of entities. [`Work`] compares both plans.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::nodes::Rows;
use super::with_settings_of_query;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::report::Report;
use crate::pg::spi::{self, Argument};
use crate::pg::whole_groups::{self, processes};
use pgrx::pg_sys;
use serde_json::Value;
use travel_core::share;

pg_function!(travel_is_in_share, pg_finfo_travel_is_in_share, is_in_share);
pg_function!(travel_is_in_share_support, pg_finfo_travel_is_in_share_support, support);

/// The maximum number of shares. Planning takes time for each of them.
const MOST: usize = 64;

/// Returns the conditions of the shares, as SQL over `keys`, the columns of the entity. The result is empty if the
/// query is not split. `query_with` writes the query of the legs with such conditions. The caller must have an SPI
/// connection.
pub fn of_entity(
    events: &Events,
    arguments: &Arguments,
    keys: &[String],
    query_with: impl Fn(&[String]) -> String,
) -> Result<Vec<String>, TravelError> {
    let (source, shares) = (&arguments.source, processes().min(MOST));
    // The expression of a column that is not stored would be evaluated once for each share. Reading a view or a foreign
    // table can take any amount of time. PostgreSQL plans the branches of a partitioned table differently.
    if shares < 2
        || arguments.all_legs
        || !source.is_plain
        || events.rows != Rows::Here
        || !events.keys.iter().all(|key| source.is_own_column(&key.sql))
        || pages(source.oid) < shares as f64 * min_pages()
    {
        return Ok(Vec::new());
    }
    let texts: Vec<String> = events
        .keys
        .iter()
        .zip(keys)
        .map(|(key, name)| if key.oid == pg_sys::TEXTOID { name.clone() } else { format!("{name}::text") })
        .collect();
    let text = texts.join(" || '|' || ");
    let conditions: Vec<String> =
        (0..shares).map(|share| format!("travel_internal.is_in_share({text}, {share}, {shares})")).collect();
    let Some(mut work) = planned(&query_with(&conditions), shares)? else { return Ok(Vec::new()) };
    work.most_frequent = most_frequent(events, arguments);
    if !work.is_worth_sharing() {
        return Ok(Vec::new());
    }
    Report::debug(format!("travel.detect evaluates the entities in {shares} shares"))
        .detail(format!(
            "The expected time is {:.1} ms instead of {:.1} ms.",
            work.in_shares_ns() / 1e6,
            work.merged_ns() / 1e6
        ))
        .send();
    Ok(conditions)
}

/// The work that the planner expects of the query, and the frequency of the most common entity.
#[derive(Debug)]
struct Work {
    processes: f64,
    /// The cost of reading all rows in one process, in the planner's units.
    scan_cost: f64,
    /// The number of rows that are evaluated.
    rows: f64,
    entities: f64,
    /// The fraction of the rows that belong to the most frequent entity.
    most_frequent: f64,
}

impl Work {
    /// The time of a scan in ns per unit of the planner's cost. It was measured as the CPU time of a serial scan with
    /// the conditions of `travel.detect`: 117 ns per row, which has a cost of 0.033 with the default settings.
    const SCAN_NS: f64 = 3_500.0;
    /// The time in ns for a row in a worker that evaluates the entity of the row. It was measured as the CPU time of
    /// two workers with one share each, minus that of their scans: 530 ns with 2,000,000 events of 20,000 keys, and 630
    /// ns with ten times as many events and keys. A process that has evaluated events before takes 320 ns, because it
    /// has its memory and knows the addresses.
    const ROW_NS: f64 = 550.0;
    /// The time in ns for a row in a worker that makes partial groups. It was measured in the same way.
    const PARTIAL_ROW_NS: f64 = 350.0;
    /// The time in ns that the leader takes for each partial group that it receives. This time and that of each row in
    /// a group were measured as the CPU time of the leader minus that of the average worker, with 2, 4, 8 and 16
    /// processes: 2.9, 3.4, 4.8 and 6.8 s with 20,000,000 events of 200,000 keys, and about 0.1, 0.2 and 0.3 s with a
    /// tenth of both and 2, 4 and 8 processes.
    const MERGED_GROUP_NS: f64 = 1_400.0;
    /// The time in ns that the leader takes for each row in the partial groups that it receives.
    const MERGED_ROW_NS: f64 = 60.0;
    /// The fraction of the time that shares must save. If there are fewer processes than planned, they read all rows
    /// several times.
    const SAVING: f64 = 0.2;

    fn is_worth_sharing(&self) -> bool {
        self.in_shares_ns() < (1.0 - Self::SAVING) * self.merged_ns()
    }

    /// The expected time in ns if each process evaluates a share of the entities.
    fn in_shares_ns(&self) -> f64 {
        let largest = self.most_frequent + (1.0 - self.most_frequent) / self.processes;
        self.scan_cost * Self::SCAN_NS + self.rows * Self::ROW_NS * largest
    }

    /// The expected time in ns if the leader merges the groups of all processes.
    fn merged_ns(&self) -> f64 {
        let partial_groups = (self.entities * self.processes).min(self.rows);
        (self.scan_cost * Self::SCAN_NS + self.rows * Self::PARTIAL_ROW_NS) / self.processes
            + self.rows * Self::MERGED_ROW_NS
            + partial_groups * Self::MERGED_GROUP_NS
    }
}

/// Lets PostgreSQL plan a query with this number of shares. Returns `None` if it would not evaluate them in parallel: a
/// condition may have to run in the leader, or there may be too few rows.
fn planned(query: &str, shares: usize) -> Result<Option<Work>, TravelError> {
    let explain = format!("EXPLAIN (FORMAT JSON) {query}");
    let plan = with_settings_of_query(true, || {
        whole_groups::planned(&explain, None, || spi::select_text(&explain, &[]))
    })?;
    let plan: Value = plan.and_then(|plan| serde_json::from_str(&plan).ok()).unwrap_or_default();
    Ok(work_of(&plan[0]["Plan"], shares))
}

fn work_of(plan: &Value, shares: usize) -> Option<Work> {
    let gather = first(plan, &|node| is(node, "Gather"))?;
    let append = first(gather, &|node| is(node, "Append") && node["Parallel Aware"] == true)?;
    let branches = append["Plans"].as_array().map_or(0, Vec::len);
    let aggregate = first(append, &|node| is(node, "Aggregate"))?;
    if branches != shares || aggregate["Partial Mode"] != "Simple" {
        return None;
    }
    let mut input = input_of(aggregate)?;
    while is(input, "Sort") || is(input, "Incremental Sort") {
        input = input_of(input)?;
    }
    Some(Work {
        processes: (1.0 + gather["Workers Planned"].as_f64()?).min(shares as f64),
        scan_cost: input["Total Cost"].as_f64()?,
        rows: input["Plan Rows"].as_f64()? * shares as f64,
        // The planner expects that a process that reads a part of the rows finds only a part of the entities.
        entities: aggregate["Plan Rows"].as_f64()?,
        most_frequent: 0.0,
    })
}

/// Returns the node whose rows a node reads. Subqueries of conditions are other nodes below it.
fn input_of(node: &Value) -> Option<&Value> {
    node["Plans"].as_array()?.iter().find(|child| child["Parent Relationship"] == "Outer")
}

/// Returns the first wanted node of a plan.
fn first<'a>(node: &'a Value, is_wanted: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    if is_wanted(node) {
        return Some(node);
    }
    node["Plans"].as_array()?.iter().find_map(|child| first(child, is_wanted))
}

fn is(node: &Value, node_type: &str) -> bool {
    node["Node Type"] == node_type
}

/// Returns the fraction of the rows that belong to the most frequent entity, according to the statistics. An entity of
/// several columns is at most as frequent as the most common value of each column, so the smallest fraction counts.
fn most_frequent(events: &Events, arguments: &Arguments) -> f64 {
    let source = &arguments.source;
    let columns: Vec<&str> = events.keys.iter().filter_map(|key| source.own_column(&key.sql)).collect();
    number_of(
        "SELECT coalesce(min(coalesce(s.frequency, 0)), 0)::float8
         FROM unnest($2) AS c (name)
         LEFT JOIN LATERAL (
             SELECT max(s.most_common_freqs[1]) AS frequency
             FROM pg_class AS r
             JOIN pg_namespace AS n ON n.oid = r.relnamespace
             JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = r.relname
             WHERE r.oid = $1 AND s.attname = c.name
         ) AS s ON true",
        &[Argument::oid(source.oid), Argument::texts(&columns)],
    )
}

/// Returns the number of pages of a table.
fn pages(source: pg_sys::Oid) -> f64 {
    number_of("SELECT pg_relation_size($1) / current_setting('block_size')::float8", &[Argument::oid(source)])
}

/// Runs a query of the catalogs that returns one number. Within an SPI connection.
fn number_of(query: &str, arguments: &[Argument]) -> f64 {
    spi::in_pg_catalog(|| {
        let rows = spi::select(query, arguments);
        rows.first().and_then(|row| row.f64(rows.only_column())).unwrap_or_default()
    })
}

/// Returns the number of pages from which PostgreSQL reads a table in parallel.
fn min_pages() -> f64 {
    // SAFETY: reads a setting of the backend.
    f64::from(unsafe { pg_sys::min_parallel_table_scan_size })
}

/// Returns whether an entity belongs to a share: `(entity, share, shares)`.
fn is_in_share(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(entity), Some(share), Some(shares)) = (call.bytes(0), number(call, 1), number(call, 2)) else {
        return Ok(call.null());
    };
    Ok(pg_sys::Datum::from(share::is_in_share(entity, share, shares)))
}

/// Returns an argument of type integer. `None` if it is NULL or negative.
fn number(call: &Call, n: usize) -> Option<u32> {
    call.datum(n).and_then(|datum| u32::try_from(datum.value() as i32).ok())
}

/// Answers a request of the planner for the selectivity of `is_in_share`: each of n shares has 1/n of the rows. Returns
/// the request if it is answered, otherwise a null pointer.
fn support(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let request = call.datum(0).map_or(std::ptr::null_mut(), |datum| datum.cast_mut_ptr::<pg_sys::Node>());
    // SAFETY: SQL cannot make a value of type internal, so this is a request of the planner, and its tag names its type.
    // A call of the function has three arguments, and the last one is an integer.
    unsafe {
        if request.is_null() || (*request).type_ != pg_sys::NodeTag::T_SupportRequestSelectivity {
            return Ok(pg_sys::Datum::null());
        }
        let request = &mut *request.cast::<pg_sys::SupportRequestSelectivity>();
        if request.args.is_null() || (*request.args).length != 3 {
            return Ok(pg_sys::Datum::null());
        }
        let shares = (*(*request.args).elements.add(2)).ptr_value.cast::<pg_sys::Const>();
        if (*shares).xpr.type_ != pg_sys::NodeTag::T_Const || (*shares).constisnull {
            return Ok(pg_sys::Datum::null());
        }
        request.selectivity = 1.0 / f64::from(((*shares).constvalue.value() as i32).max(1));
        Ok(pg_sys::Datum::from(std::ptr::from_mut(request)))
    }
}
