//! Journeys as values: the aggregates `travel.journey` and `travel.rollup`, and the functions that read a journey.
//!
//! A journey has the times and addresses of events, and no locations: these are looked up when it is read, with the
//! GeoIP files and the named networks of that moment. So a stored journey never becomes stale, and its readers choose the
//! thresholds.

use super::aggregate::{evaluate, impossible_legs, join_values};
use super::arguments::{SiteArguments, finite, thresholds};
use super::hash_states::{HashStates, StatesOfSite};
use super::journey_value::JourneyValue;
use super::rollup::{ContextOfSite, Rollup};
use super::row::{leg_row, leg_types};
use super::state::State;
use crate::pg::aggregate::require_aggregate;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::{Palloc, Scratch};
use crate::pg::row::RowType;
use crate::pg::srf::RowSet;
use pgrx::pg_sys;
use travel_core::event_set::{self, SetRow};
use travel_core::journey::Thresholds;

pg_function!(travel_journey_add_inet, pg_finfo_travel_journey_add_inet, first add_to_log, |call: &Call| add(
    call,
    SiteArguments::Inet
));
pg_function!(travel_journey_add_coordinates, pg_finfo_travel_journey_add_coordinates, |call: &Call| add(
    call,
    SiteArguments::Coordinates
));
pg_function!(travel_journey_add_refused, pg_finfo_travel_journey_add_refused, refuse);
pg_function!(travel_journey_final, pg_finfo_travel_journey_final, finish);
pg_function!(travel_journey_final_refused, pg_finfo_travel_journey_final_refused, refuse);
pg_function!(travel_journey_rollup, pg_finfo_travel_journey_rollup, rollup);
pg_function!(travel_journey_impossible_legs, pg_finfo_travel_journey_impossible_legs, impossible);
pg_function!(travel_journey_legs, pg_finfo_travel_journey_legs, all_legs);
pg_function!(travel_journey_event_count, pg_finfo_travel_journey_event_count, event_count);
pg_function!(travel_journey_first_time, pg_finfo_travel_journey_first_time, |call: &Call| time(
    call,
    |(first, _)| first
));
pg_function!(travel_journey_last_time, pg_finfo_travel_journey_last_time, |call: &Call| time(
    call,
    |(_, last)| last
));

/// Both functions of the aggregate that catches calls with other argument types, as for `travel.impossible_legs`.
fn refuse(_: &Call) -> Result<pg_sys::Datum, TravelError> {
    Err(LegError::ArgumentTypes { function: "journey" }.into())
}

/// Adds a row: `(state, time, where … [, event_id])`. A row without a time or without a site is no event.
#[inline(always)]
fn add(call: &Call, place: SiteArguments) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "journey_add")?;
    let id_at = 2 + place.arguments();
    let has_id = call.count() > id_at;
    let site = call.site_cache(|| Ok(StatesOfSite::default()))?;
    let may_be_hashed = !has_id && place == SiteArguments::Inet;
    let state = State::of_call(call, None, has_id, may_be_hashed.then_some(site))?;
    let Some(time_us) = call.timestamp(1) else { return Ok(state.datum()) };
    let time_us = finite(time_us)?;
    let Some(at) = place.read(|n| call.datum(2 + n))? else { return Ok(state.datum()) };
    let id = if has_id { call.bytes(id_at) } else { None };
    state.with_row(&SetRow { time_us, site: at.site, id, accuracy_km: at.accuracy_km })
}

/// Adds a row `(state, time, address)` as [`add`] does, if that only takes an entry in the log of a hash table.
/// Otherwise it does nothing and returns `None`.
#[inline(always)]
fn add_to_log(call: &Call) -> Option<pg_sys::Datum> {
    if call.count() != 3 {
        return None;
    }
    // SAFETY: `add` caches this type.
    let site = unsafe { call.known_site::<StatesOfSite>() }?;
    HashStates::log_row_of_call(call, site, None, |_| true)
}

/// Adds a journey to the state. A stored journey is only read.
fn rollup(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "journey_rollup")?;
    let site = call.site_cache(|| Ok(ContextOfSite::default()))?;
    let state = match (call.datum(0), call.datum(1)) {
        // SAFETY: SQL declares the argument as travel.journey. It is the aggregate's own state, to which no other
        // reference is in use.
        (Some(state), _) => unsafe { Rollup::of_value(state) },
        (None, Some(_)) => Rollup::new(call, site),
        (None, None) => return Ok(call.null()),
    };
    let Some(state) = state else { return join_values(call) };
    if let Some(journey) = call.datum(1) {
        // SAFETY: SQL declares the argument as travel.journey.
        state.add(unsafe { JourneyValue::bytes_of_datum(journey) }?)?;
    }
    Ok(state.datum())
}

/// The journey of a state. A group without rows has an empty journey.
fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "journey_final")?;
    // SAFETY: the aggregate's state; it is only read, and no other reference to it is in use.
    let state = unsafe {
        match call.datum(0) {
            Some(datum) => match Rollup::of_value(datum) {
                Some(rollup) => return Ok(rollup.packed()?.datum()),
                None => JourneyValue::of_datum(datum)?,
            },
            None => JourneyValue::new(None, false)?,
        }
    };
    Ok(state.packed()?.datum())
}

/// The journey of a call, its first argument, which is only read.
fn argument(call: &Call) -> Result<Option<JourneyValue>, TravelError> {
    // SAFETY: SQL declares the argument as travel.journey.
    call.datum(0).map(|datum| unsafe { JourneyValue::of_datum(datum) }).transpose()
}

/// The thresholds of a reader, which follow the journey.
fn thresholds_of(call: &Call) -> Result<Thresholds, TravelError> {
    thresholds(call.f64(1), call.f64(2), call.bool(3))
}

fn impossible(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let thresholds = thresholds_of(call)?;
    match argument(call)? {
        Some(journey) => impossible_legs(call, Some(journey), &thresholds),
        None => Ok(call.null()),
    }
}

/// All legs, as rows of `travel.leg`.
fn all_legs(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let thresholds = thresholds_of(call)?;
    let rows = RowSet::begin(call)?;
    let Some(journey) = argument(call)? else { return Ok(rows.finish(call)) };
    // SAFETY: SQL declares a row as travel.leg; the call site outlives the call.
    let row_type = *call
        .site_cache(|| unsafe { RowType::load(call.result_type()?, leg_types(), call.site_context()) })?;
    let scratch = Scratch::new(c"travel: a leg of a journey", 8 * 1024);
    evaluate(journey.bytes(), |leg, places| {
        let row = scratch.within(|| leg_row(row_type, leg, &leg.measure(&thresholds), places))?;
        // SAFETY: it is a travel.leg, the row type of the set, which copies it.
        unsafe { rows.push_composite(row) };
        scratch.reset();
        Ok(())
    })?;
    Ok(rows.finish(call))
}

fn event_count(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(journey) = argument(call)? else { return Ok(call.null()) };
    let count = event_set::event_count(journey.bytes(), &Palloc).map_err(|_| LegError::TooManyEvents)?;
    Ok(pg_sys::Datum::from(count as i64))
}

fn time(call: &Call, end: impl FnOnce((i64, i64)) -> i64) -> Result<pg_sys::Datum, TravelError> {
    let range = argument(call)?.and_then(|journey| event_set::time_range(journey.bytes(), &Palloc));
    Ok(range.map_or_else(|| call.null(), |range| pg_sys::Datum::from(end(range))))
}
