//! `travel.detect`, `travel.detect_sql`, `travel.coverage`: detection over a table of the user's own.
//!
//! [`arguments`] what the caller asks for; [`source`] what his table has; [`expression`] pieces of SQL that he gives;
//! [`columns`] where each standard column is; [`place`] where the events were; [`events`] the query over the events that
//! count; [`legs`] the query of the findings; [`coverage`] the query that counts rows by status; [`diagnosis`] why rows
//! are not evaluated.

mod arguments;
mod columns;
mod coverage;
mod diagnosis;
mod events;
mod expression;
mod legs;
mod place;
mod source;

use crate::geoip::Places;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::spi;
use crate::pg::srf::RowSet;
use crate::tally;
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
    Err(TravelError::TimeAsEntity { function })
}

fn detect(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_detect(call)?;
    let rows = RowSet::begin(call)?;
    spi::connected(|| {
        let events = Events::of(&arguments)?;
        if events.location_type != LocationType::Coordinates {
            Places::of_statement()?.require_coordinates()?;
        }
        events.notice_of_what_is_missing();
        let ((), tally) =
            tally::counting(|| run(&legs::query(&events, &arguments), events.is_indexed, &rows));
        diagnosis::conclude(&events, &arguments, tally)
    })?;
    Ok(rows.finish(call))
}

fn detect_sql(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_detect(call)?;
    let query = spi::connected(|| {
        let events = Events::of(&arguments)?;
        events.notice_of_what_is_missing();
        Ok(legs::query(&events, &arguments))
    })?;
    Ok(varlena(query.as_bytes()))
}

fn run_coverage(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let arguments = Arguments::of_coverage(call)?;
    let rows = RowSet::begin(call)?;
    spi::connected(|| {
        let events = Events::of(&arguments)?;
        events.notice_of_times();
        run(&coverage::query(&events, &arguments), true, &rows);
        Ok(())
    })?;
    Ok(rows.finish(call))
}

/// Runs a query of ours. The last step of its aggregates stays in this process, so that it can count: no plan may
/// move the whole of them into workers. How many legs come out nobody can estimate, so joins that are bad for many are
/// out: a merge join by the entity alone, and, where no index leads to one event, a loop over the whole table.
fn run(query: &str, is_indexed: bool, rows: &RowSet) {
    #[cfg(feature = "pg15")]
    const WHOLE_PLAN_IN_WORKER: &CStr = c"force_parallel_mode";
    #[cfg(not(feature = "pg15"))]
    const WHOLE_PLAN_IN_WORKER: &CStr = c"debug_parallel_query";
    let mut settings = vec![
        (c"enable_partitionwise_aggregate", c"off"),
        (WHOLE_PLAN_IN_WORKER, c"off"),
        (c"enable_mergejoin", c"off"),
    ];
    if !is_indexed {
        settings.push((c"enable_nestloop", c"off"));
        // Where a loop cannot be avoided (a record is parsed row by row) what is off is merely dear, and the price would
        // make any query look worth compiling.
        settings.push((c"jit", c"off"));
    }
    spi::with_settings(&settings, || spi::execute_into(query, rows));
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

pub use arguments::{Arguments, columns_argument};
pub use columns::{Expression, is_expression, type_name};
pub use diagnosis::{DiagnosedRows, Diagnosis, LOOK_AT_COLUMNS, none_of};
pub use events::Events;
pub use expression::{check_row_condition, check_row_condition_alone, is_volatile};
pub use place::LocationType;
pub use source::{Source, base_type};
