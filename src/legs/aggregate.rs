//! The aggregate `travel.impossible_legs`. It collects events in any order, combines partial states, and evaluates the
//! legs in its final function.

use super::arguments::{SiteArguments, finite, thresholds};
use super::hash_states::{HashStates, StatesOfSite};
use super::journey_value::JourneyValue;
use super::row::{leg_row, leg_types};
use super::state::State;
use crate::event_counts;
use crate::geoip::{Places, Point};
use crate::networks;
use crate::pg::aggregate::require_aggregate;
use crate::pg::array::Growing;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::Palloc;
use crate::pg::row::RowType;
use crate::pg::snapshot::Snapshot;
use pgrx::pg_sys;
use std::cell::Cell;
use travel_core::address;
use travel_core::event_set::{self, SetRow, Stay};
use travel_core::journey::{Journey, Leg, Measure, Stop, Thresholds};
use travel_core::site::{Site, SiteKind};

pg_function!(travel_legs_add_inet, pg_finfo_travel_legs_add_inet, first add_to_log, |call: &Call| add(
    call,
    SiteArguments::Inet
));
pg_function!(travel_legs_add_coordinates, pg_finfo_travel_legs_add_coordinates, |call: &Call| add(
    call,
    SiteArguments::Coordinates
));
pg_function!(travel_legs_add_accurate, pg_finfo_travel_legs_add_accurate, |call: &Call| add(
    call,
    SiteArguments::Accurate
));
pg_function!(travel_legs_add_refused, pg_finfo_travel_legs_add_refused, refuse);
pg_function!(travel_legs_combine, pg_finfo_travel_legs_combine, combine);
pg_function!(travel_legs_final, pg_finfo_travel_legs_final, finish);
pg_function!(travel_legs_final_refused, pg_finfo_travel_legs_final_refused, refuse);

/// Both functions of the aggregate that catches calls with other argument types. The final function refuses a group
/// without rows, for which PostgreSQL calls no transition function.
fn refuse(_: &Call) -> Result<pg_sys::Datum, TravelError> {
    Err(LegError::ArgumentTypes { function: "impossible_legs" }.into())
}

/// Adds a row: `(state, time, where … [, event_id] [, min_distance_km, min_velocity_kmh, use_accuracy])`. The number of
/// arguments shows which of the optional parts are present.
// Inlined, so each form of the aggregate has code of its own: this runs once per row.
#[inline(always)]
fn add(call: &Call, place: SiteArguments) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "legs_add")?;
    let first = 2 + place.arguments();
    let rest = call.count() - first;
    let has_id = rest == 1 || rest == 4;
    let thresholds = if rest >= 3 {
        let at = first + usize::from(has_id);
        thresholds(call.f64(at), call.f64(at + 1), call.bool(at + 2))?
    } else {
        Thresholds::default()
    };
    let labelled = has_id || place == SiteArguments::Accurate;
    let site = call.site_cache(|| Ok(CallSite::default()))?;
    let may_be_hashed = !labelled && place == SiteArguments::Inet;
    let state = State::of_call(call, Some(thresholds), labelled, may_be_hashed.then_some(&site.states))?;
    let Some(time_us) = call.timestamp(1) else { return Ok(state.datum()) };
    let time_us = finite(time_us)?;
    let Some(at) = place.read(|n| call.datum(2 + n))? else { return state.with_unlocated() };
    if at.site.kind() != SiteKind::Coordinates {
        match fate(&site.without_networks, at.site, time_us)? {
            AggregateRow::Kept => {}
            AggregateRow::Ignored => return Ok(state.datum()),
            AggregateRow::NotLocated => return state.with_unlocated(),
        }
    }
    let id = if has_id { call.bytes(first) } else { None };
    state.with_row(&SetRow { time_us, site: at.site, id, accuracy_km: at.accuracy_km })
}

/// Adds a row `(state, time, address [, min_distance_km, min_velocity_kmh, use_accuracy])` as [`add`] does, if that
/// only takes an entry in the log of a hash table. Otherwise it does nothing and returns `None`.
#[inline(always)]
fn add_to_log(call: &Call) -> Option<pg_sys::Datum> {
    let thresholds = match call.count() {
        3 => Thresholds::default(),
        6 => Thresholds {
            min_distance_km: call.f64(3)?,
            min_velocity_kmh: call.f64(4)?,
            use_accuracy: call.bool(5)?,
        },
        _ => return None,
    };
    // SAFETY: `add` caches this type.
    let site = unsafe { call.known_site::<CallSite>() }?;
    if site.without_networks.get() != Some(true) {
        return None;
    }
    HashStates::log_row_of_call(call, &site.states, Some(thresholds), |host| !address::is_private_v4(host))
}

/// What a call site of the transition function keeps between rows.
#[derive(Default)]
struct CallSite {
    states: StatesOfSite,
    without_networks: Cell<Option<bool>>,
}

/// The fate of a row with an address.
pub enum AggregateRow {
    Kept,
    NotLocated,
    /// A named network says that the row is treated as if it did not exist.
    Ignored,
}

/// Decides whether a row is kept. Without named networks, the final function locates each public address once for all
/// its events, and private addresses cannot be located. With named networks, the location of an address depends on the
/// time of the event, and so does whether there is one. Rows that are not located must then be counted here, because a
/// packed state no longer knows how many rows an event had.
///
/// `without_networks` belongs to the call site and remembers whether the table of named networks is empty.
#[inline]
pub fn fate(
    without_networks: &Cell<Option<bool>>,
    site: Site,
    time_us: i64,
) -> Result<AggregateRow, TravelError> {
    // All rows of a call site see one snapshot.
    let without_networks = match without_networks.get() {
        Some(known) => known,
        None => {
            let found = networks::as_of(Snapshot::active())?.is_empty();
            without_networks.set(Some(found));
            found
        }
    };
    if without_networks {
        let is_private = match site.ipv4() {
            Some(address) => address::is_private_v4(address),
            None => site.address().is_some_and(address::is_private),
        };
        return Ok(if is_private { AggregateRow::NotLocated } else { AggregateRow::Kept });
    }
    let Some(host) = site.address() else { return Ok(AggregateRow::Kept) };
    let places = Places::of_statement()?;
    Ok(match places.coordinates(host, time_us)? {
        Some(_) => AggregateRow::Kept,
        None if places.is_ignored(host, time_us)? => AggregateRow::Ignored,
        None => AggregateRow::NotLocated,
    })
}

/// Combines two states. The second comes from another process, and may be toasted or have a short header.
fn combine(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "legs_combine")?;
    let site = call.site_cache(|| Ok(StatesOfSite::default()))?;
    if let Some(states) = HashStates::of_call(call, site, None) {
        // SAFETY: the states live as long as the call, and this is the only reference during the call. In a hash table,
        // the first call for a group returned a state of `new_empty_group`. The second argument is only read.
        return unsafe {
            let states = &mut *states;
            match (call.datum(0), call.datum(1)) {
                (state, None) => Ok(state.unwrap_or_else(|| call.null())),
                (state, Some(other)) => {
                    let other = JourneyValue::of_datum(other)?;
                    let state = state.unwrap_or_else(|| states.new_empty_group());
                    states.join(state, other)?;
                    Ok(state)
                }
            }
        };
    }
    join_values(call)
}

/// Adds the journey of a call, its second argument, to a plain state, its first argument.
pub fn join_values(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: both are journeys; the first is the aggregate's own state, the second is only read.
    let (state, other) = unsafe {
        let state = call.datum(0).map(|datum| JourneyValue::of_state(datum));
        (state, call.datum(1).map(|datum| JourneyValue::of_datum(datum)).transpose()?)
    };
    let both = match (state, other) {
        (Some(state), Some(other)) => Some(joined(state, other.bytes())?),
        (state, other) => state.or(other),
    };
    Ok(both.map_or_else(|| call.null(), JourneyValue::datum))
}

/// Adds the events of another set to a state, which is changed in place. It is an error if they are of different kinds,
/// unless one of them is empty.
pub fn joined(state: JourneyValue, other: &[u8]) -> Result<JourneyValue, TravelError> {
    let own = state.bytes();
    if event_set::thresholds(own) != event_set::thresholds(other) {
        return Err(LegError::ThresholdVaries { over: "group" }.into());
    }
    if event_set::is_labelled(own) != event_set::is_labelled(other) {
        return match (event_set::rows(own), event_set::rows(other)) {
            (_, 0) => Ok(state),
            (0, _) => JourneyValue::copy_of(&other[..event_set::used(other)]),
            _ => Err(LegError::JourneysDiffer.into()),
        };
    }
    state.join(other)
}

fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "legs_final")?;
    // SAFETY: the aggregate's state; it is only read.
    let state = call.datum(0).map(|datum| unsafe { JourneyValue::of_datum(datum) }).transpose()?;
    let thresholds = state.and_then(|state| event_set::thresholds(state.bytes())).unwrap_or_default();
    impossible_legs(call, state, &thresholds)
}

/// The impossible legs of a state, as the result of a call that returns `travel.leg[]`.
pub fn impossible_legs(
    call: &Call,
    state: Option<JourneyValue>,
    thresholds: &Thresholds,
) -> Result<pg_sys::Datum, TravelError> {
    impossible_legs_of(call, |arrive| match state {
        Some(state) => evaluate(state.bytes(), |leg, places| match leg.measure_if_impossible(thresholds) {
            Some(measure) => arrive(leg, &measure, places),
            None => Ok(()),
        }),
        None => Ok(()),
    })
}

/// A function that takes an impossible leg, its measure, and the places of its ends.
type Arrive<'a> = dyn FnMut(&Leg<Option<&[u8]>>, &Measure, Option<&Places>) -> Result<(), TravelError> + 'a;

/// Returns the impossible legs that `evaluate` finds, as the result of a call that returns `travel.leg[]`.
pub fn impossible_legs_of(
    call: &Call,
    evaluate: impl FnOnce(&mut Arrive) -> Result<(), TravelError>,
) -> Result<pg_sys::Datum, TravelError> {
    let call_site = call.site_cache(|| {
        // SAFETY: SQL declares the result as travel.leg[]; the call site outlives the call.
        unsafe {
            let element = pg_sys::get_element_type(call.result_type()?);
            Ok((element, RowType::load(element, leg_types(), call.site_context())?))
        }
    })?;
    let mut legs = Growing::new(call_site.0);
    evaluate(&mut |leg, measure, places| legs.push(|| leg_row(call_site.1, leg, measure, places)))?;
    Ok(legs.finish())
}

/// Locates the events of a set in order, and passes each leg to `arrive`, with the places of its ends.
pub fn evaluate(
    set: &[u8],
    arrive: impl FnMut(&Leg<Option<&[u8]>>, Option<&Places>) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    let stays = event_set::ipv4_stays(set, &Palloc).filter(|stays| !stays.is_empty());
    let packed_stays = if stays.is_none() { event_set::packed_stays(set, &Palloc) } else { None };
    if stays.is_some() || packed_stays.is_some() {
        let places = Places::of_statement()?;
        // If places depend on the time, the location of an address can change during a stay.
        if !places.depend_on_time() {
            let stays = stays.into_iter().flatten().chain(packed_stays.into_iter().flatten());
            return evaluate_stays(set, stays, &places, arrive);
        }
    }
    evaluate_events(set, arrive)
}

/// Counts of the rows of a set that have a site but are not evaluated.
#[derive(Default)]
struct Uncounted {
    not_located: u64,
    ignored: u64,
}

impl Uncounted {
    fn add(
        &mut self,
        site: Site,
        time_us: i64,
        rows: u64,
        places: Option<&Places>,
    ) -> Result<(), TravelError> {
        let is_ignored = match (site.address(), places) {
            (Some(host), Some(places)) => places.is_ignored(host, time_us)?,
            _ => false,
        };
        *(if is_ignored { &mut self.ignored } else { &mut self.not_located }) += rows;
        Ok(())
    }

    /// Adds the rows of a packed run, which counts them by site.
    fn add_packed(&mut self, set: &[u8], places: &mut Option<Places>) -> Result<(), TravelError> {
        // With named networks, events that are not located were counted when they arrived.
        if places.as_ref().is_some_and(Places::have_networks) {
            return Ok(());
        }
        for (site, rows) in event_set::packed_sites(set) {
            pgrx::check_for_interrupts!();
            if coordinates_of_site(site, 0, None, places)?.is_none() {
                self.not_located += rows;
            }
        }
        Ok(())
    }

    /// Counts the rows of a set for the notice of `travel.detect`.
    fn count(&self, set: &[u8], is_evaluated: bool) {
        let evaluated = event_set::rows(set).saturating_sub(self.not_located + self.ignored);
        let not_located = event_set::unlocated_rows(set) + self.not_located;
        event_counts::add(u64::from(is_evaluated), evaluated, not_located);
    }
}

/// Does what [`evaluate`] does, for addresses that have the same location at all times.
fn evaluate_stays(
    set: &[u8],
    stays: impl Iterator<Item = Stay>,
    places: &Places,
    mut arrive: impl FnMut(&Leg<Option<&[u8]>>, Option<&Places>) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    let mut journey = Journey::default();
    let mut uncounted = Uncounted::default();
    for stay in stays {
        // The iterator checks for interrupts while it reads the events of a stay. Locating a stay and making a leg of it
        // can take much longer.
        pgrx::check_for_interrupts!();
        let Stay { site, first_us: time_us, .. } = stay;
        let Some(host) = site.address() else { continue };
        let Some((coordinates, accuracy_km)) = places.coordinates(host, time_us)? else {
            uncounted.add(site, time_us, stay.rows, Some(places))?;
            continue;
        };
        if let Some(leg) = journey.arrive(Stop { time_us, site, coordinates, accuracy_km, event: None }) {
            arrive(&leg, Some(places))?;
        }
        journey.stay(stay.last_us, None);
    }
    if event_counts::is_running() {
        uncounted.add_packed(set, &mut Some(places.clone()))?;
        uncounted.count(set, journey.last().is_some());
    }
    Ok(())
}

/// Does what [`evaluate`] does, for any set.
fn evaluate_events(
    set: &[u8],
    mut arrive: impl FnMut(&Leg<Option<&[u8]>>, Option<&Places>) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    let mut places: Option<Places> = None;
    let mut journey = Journey::default();
    let mut uncounted = Uncounted::default();
    let events = event_set::events(&[set], &Palloc).map_err(|_| LegError::TooManyEvents)?;
    let mut last: Option<Site> = None;
    let mut coordinates = None;
    let mut moves = false;
    events.try_each(|event| -> Result<(), TravelError> {
        let SetRow { site, time_us, accuracy_km, .. } = event.row;
        // Events come in runs with the same address. One lookup per run is enough, unless addresses can move in
        // between.
        if last == Some(site) && !moves && coordinates.is_some() && site.kind() != SiteKind::Coordinates {
            journey.stay(time_us, event.row.id);
            return Ok(());
        }
        // As above. `try_each` checks for interrupts while it passes events at one address.
        pgrx::check_for_interrupts!();
        if last != Some(site) || moves {
            coordinates = coordinates_of_site(site, time_us, accuracy_km, &mut places)?;
            last = Some(site);
            moves = places.as_ref().is_some_and(Places::depend_on_time);
        } else if site.address().is_none() {
            coordinates = coordinates.map(|(at, _)| (at, accuracy_km));
        }
        let Some((coordinates, accuracy_km)) = coordinates else {
            return uncounted.add(site, time_us, event.tail_rows, places.as_ref());
        };
        let stop = Stop { time_us, site, coordinates, accuracy_km, event: event.row.id };
        if let Some(leg) = journey.arrive(stop) {
            arrive(&leg, places.as_ref())?;
        }
        Ok(())
    })?;
    if event_counts::is_running() {
        uncounted.add_packed(set, &mut places)?;
        uncounted.count(set, journey.last().is_some());
    }
    Ok(())
}

fn coordinates_of_site(
    site: Site,
    time_us: i64,
    accuracy_km: Option<f64>,
    places: &mut Option<Places>,
) -> Result<Option<Point>, TravelError> {
    match site.address() {
        None => Ok(site.coordinates().map(|coordinates| (coordinates, accuracy_km))),
        Some(host) => {
            let places = match places {
                Some(places) => places,
                None => places.insert(Places::of_statement()?),
            };
            places.coordinates(host, time_us)
        }
    }
}
