//! Detection over a table or view of the user: `travel.detect`, `travel.detect_sql` and `travel.coverage`.
//!
//! The columns come from the argument `columns`, or from the layout of the source ([`crate::layouts`]). Each function
//! builds one SQL query over the source and runs it with the caller's rights; `detect_sql` returns the text instead.
//! The query calls the aggregate or the window function of [`crate::legs`], so a leg is the same for every entry point.
//! Rules ([`crate::rules`]) read their sources through the same modules.
//!
//! | module | what it holds |
//! |---|---|
//! | [`arguments`] | the arguments of the three functions |
//! | [`expression`] | the SQL expressions that the caller writes, each checked |
//! | [`as_text`] | the function that converts a value to text unless it is very large |
//! | [`columns`] | the standard columns of the source |
//! | [`column_sql`] | the keys of `columns`, and a column as SQL with its type |
//! | [`lent`] | standard columns that a condition names and the source lacks |
//! | [`place`] | the address or the coordinates of its events |
//! | [`event_sql`] | which rows are evaluated, and the entity, time and place of each, as SQL |
//! | [`event_time`] | the time of an event, whatever type the source stores it in |
//! | [`legs`] | the query of the findings |
//! | [`leg_ends`] | the events at the ends of the legs, as parts of that query |
//! | [`finding_sql`] | the columns of its result |
//! | [`ends`] | the filter by which one pass over the source finds the events at the ends of the legs |
//! | [`nodes`] | sources whose rows are on the nodes of Citus |
//! | [`ranges`] | ranges of the entity, which processes evaluate in parallel if an index leads to each |
//! | [`shared_pass`] | one pass over a source, in which parallel processes divide its events into shares |
//! | [`plan_cost`] | the expected time of a query with and without such a pass |
//! | [`coverage`] | the query that counts rows by status |
//! | [`coverage_counts`] | the aggregates of this query |
//! | [`coverage_log`] | rows on their way to the states of these aggregates |
//! | [`diagnosis`] | why rows are not evaluated |

mod arguments;
mod as_text;
mod column_sql;
mod columns;
mod coverage;
mod coverage_counts;
mod coverage_log;
mod diagnosis;
mod ends;
mod event_sql;
mod event_time;
mod expression;
mod finding_sql;
mod leg_ends;
mod legs;
mod lent;
mod nodes;
mod place;
mod plan_cost;
mod ranges;
mod shared_pass;

use crate::event_counts;
use crate::geoip::Places;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::shared_files::OwnFiles;
use crate::pg::spi;
use crate::pg::srf::RowSet;
use crate::pg::whole_groups;
use legs::{Split, Use};
use pgrx::pg_sys;
use std::ffi::CStr;

pg_function!(travel_detect, pg_finfo_travel_detect, detect);
pg_function!(travel_detect_sql, pg_finfo_travel_detect_sql, detect_sql);
pg_function!(travel_coverage, pg_finfo_travel_coverage, run_coverage);
pg_function!(travel_detect_time_as_entity, pg_finfo_travel_detect_time_as_entity, |_: &Call| time_as_entity(
    "detect"
));
pg_function!(travel_detect_sql_time_as_entity, pg_finfo_travel_detect_sql_time_as_entity, |_: &Call| {
    time_as_entity("detect_sql")
});
pg_function!(travel_coverage_time_as_entity, pg_finfo_travel_coverage_time_as_entity, |_: &Call| {
    time_as_entity("coverage")
});

fn time_as_entity(function: &'static str) -> Result<pg_sys::Datum, TravelError> {
    Err(SourceError::TimeAsEntity { function }.into())
}

fn detect(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_detect(call)?;
    let rows = RowSet::begin(call)?;
    spi::with_pg_catalog_first(|| {
        let events = Events::of(&arguments)?;
        if events.location_type != LocationType::Coordinates {
            Places::of_statement()?.require_coordinates()?;
        }
        events.notice_of_what_is_missing();
        let mut query = legs::query(&events, &arguments, Use::Once)?;
        let mut files = None;
        if let Split::AfterPass { shares, .. } = query.split {
            files = OwnFiles::create(shares as u32);
            if files.is_none() {
                // There is no shared memory left. The query of a view needs none.
                query = legs::query(&events, &arguments, Use::View)?;
            }
        }
        let execute = || {
            if query.returns_rows {
                spi::execute_rows_into(&query.text, &rows)
            } else {
                spi::execute_into(&query.text, &rows)
            }
        };
        let (_, counts) = event_counts::counting(|| match (&query.split, &files) {
            (Split::AfterPass { write, with_look_ups, .. }, Some(files)) => {
                shared_pass::run(files, write, arguments.source.oid, &query.text, || {
                    if *with_look_ups {
                        run_split(&query.text, &events, &arguments, execute)
                    } else {
                        whole_groups::planned(&query.text, None, || {
                            with_settings_of_query(events.is_indexed, execute)
                        })
                    }
                })
            }
            (Split::WithLookUps, _) => run_split(&query.text, &events, &arguments, execute),
            (Split::No | Split::AfterPass { .. }, _) => with_settings_of_query(events.is_indexed, execute),
        });
        // What other nodes evaluated is not counted here.
        let counts = if events.rows == Rows::Here { counts } else { nodes::count(&events, &arguments)? };
        diagnosis::conclude(&events, &arguments, counts)
    })?;
    Ok(rows.finish(call))
}

fn detect_sql(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_detect(call)?;
    let query = spi::with_pg_catalog_first(|| {
        let events = Events::of(&arguments)?;
        events.notice_of_what_is_missing();
        Ok::<_, TravelError>(legs::query(&events, &arguments, Use::View)?.text)
    })?;
    Ok(varlena(query.as_bytes()))
}

fn run_coverage(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_coverage(call)?;
    let rows = RowSet::begin(call)?;
    spi::with_pg_catalog_first(|| {
        let events = Events::of(&arguments)?;
        events.notice_of_columns();
        let (query, is_split) = coverage::query(&events, &arguments)?;
        let execute = || spi::execute_into(&query, &rows);
        let counts = if is_split {
            run_split(&query, &events, &arguments, execute)
        } else {
            with_settings_of_query(true, execute)
        };
        match counts {
            0 => diagnosis::conclude_without_rows(
                "travel.coverage counted no rows",
                &events,
                &arguments,
                arguments.since,
            ),
            _ => Ok(()),
        }
    })?;
    Ok(rows.finish(call))
}

/// Runs `body` with the settings of a query. The final step of its aggregates must stay in this process, where the rows
/// are counted, so no plan may move the whole query into a worker. The planner cannot estimate the number of legs, so
/// joins that are slow for many legs are turned off: a merge join by the entity alone and, if no index leads to one event,
/// a loop over the whole table.
fn with_settings_of_query<R>(is_indexed: bool, body: impl FnOnce() -> R) -> R {
    #[cfg(feature = "pg15")]
    const WHOLE_PLAN_IN_WORKER: &CStr = c"force_parallel_mode";
    #[cfg(not(feature = "pg15"))]
    const WHOLE_PLAN_IN_WORKER: &CStr = c"debug_parallel_query";
    let mut settings = vec![
        (c"enable_partitionwise_aggregate", c"off"),
        (WHOLE_PLAN_IN_WORKER, c"off"),
        (c"enable_mergejoin", c"off"),
        // Most of the time passes in functions that LLVM does not compile. A compilation can take more than a second, and
        // it cannot be canceled. A plan type that is turned off only gets a high cost, which would trigger it.
        (c"jit", c"off"),
    ];
    if !is_indexed {
        settings.push((c"enable_nestloop", c"off"));
    }
    spi::with_settings(&settings, body)
}

/// Runs `execute`, which runs a query that is split into parts of the entities, and looks up the events of the legs by an
/// index that leads to them from the entity. Hash joins are turned off, because the planner expects many legs and would
/// read the whole table twice. They stay on if the caller's condition has a subquery, which may need a hash join.
fn run_split<R>(query: &str, events: &Events, arguments: &Arguments, execute: impl FnOnce() -> R) -> R {
    let has_subquery =
        arguments.condition.as_ref().is_some_and(|condition| condition.to_lowercase().contains("select"));
    // JIT would compile the expressions of each range in each process.
    let mut settings = vec![(c"jit", c"off")];
    if !has_subquery {
        settings.push((c"enable_hashjoin", c"off"));
    }
    let source = &arguments.source;
    let column = source.own_column(&events.keys[0].sql).unwrap_or_default();
    spi::with_settings(&settings, || {
        whole_groups::planned(query, Some((source.oid, column)), || with_settings_of_query(true, execute))
    })
}

pub use crate::source::{Source, base_type, type_name};
pub use arguments::{Arguments, columns_argument, time_range};
pub use column_sql::{Expression, is_expression};
pub use columns::StandardColumns;
pub use diagnosis::{DiagnosedRows, Diagnosis, LOOK_AT_COLUMNS, begin_and_end, none_of};
pub use event_sql::Events;
pub use event_time::EventTime;
pub use expression::{check_condition_is_not_volatile, check_row_condition_alone, is_volatile};
pub use lent::boolean;
pub use nodes::Rows;
pub use place::{LocationSql, LocationType, address_of, host_text, location_sql, number, source_kind};
