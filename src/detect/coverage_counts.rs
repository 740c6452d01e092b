//! The aggregates in the query of `travel.coverage`. One counts the rows of an entity, the other adds up the counts of
//! all entities. What is counted, and how, is decided in `travel_core::coverage`.

use super::coverage_log::{Log, LogRow};
use crate::geoip::Places;
use crate::legs::coordinates_of;
use crate::pg::aggregate::context_of_aggregate;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::function::{Call, pg_function, varlena_bytes};
use crate::pg::memory::{MAX_VARLENA, Palloc, varlena, within};
use crate::pg::srf::RowSet;
use crate::pg::time::is_timestamp;
use pgrx::pg_sys;
use std::net::IpAddr;
use std::ptr::null_mut;
use travel_cloudtrail::SourceKind;
use travel_core::address;
use travel_core::coverage::{Corrupt, EntityRows, Location, Row, Unreadable, counts};
use travel_core::event_set::TooLarge;
use travel_core::site::Site;

pg_function!(travel_coverage_add_inet, pg_finfo_travel_coverage_add_inet, add_inet);
pg_function!(travel_coverage_add_text, pg_finfo_travel_coverage_add_text, add_text);
pg_function!(travel_coverage_add_coordinates, pg_finfo_travel_coverage_add_coordinates, add_coordinates);
pg_function!(travel_coverage_combine, pg_finfo_travel_coverage_combine, combine);
pg_function!(travel_coverage_serialize, pg_finfo_travel_coverage_serialize, serialize);
pg_function!(travel_coverage_deserialize, pg_finfo_travel_coverage_deserialize, deserialize);
pg_function!(travel_coverage_final, pg_finfo_travel_coverage_final, finish);
pg_function!(travel_coverage_sum_add, pg_finfo_travel_coverage_sum_add, sum);
pg_function!(travel_coverage_rows, pg_finfo_travel_coverage_rows, coverage_rows);

/// The state of the first aggregate. It lives in the memory context of the aggregate, which frees it, and is never
/// dropped.
#[repr(C)]
pub struct State {
    // First, because a row from the log touches nothing else.
    pub rows: EntityRows<Palloc>,
    /// What another process sent: bytes that live until the state is combined with one that has rows.
    packed: Option<pg_sys::Datum>,
    /// Where further rows of the state may be. Null if there is no log.
    log: *mut Log,
}

/// `(state, event_time, ip, source_kind, status)`
fn add_inet(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let host = call.inet(2);
    let kind = match call.text(3)? {
        Some(kind) => kind,
        None => kind_of(host).into_str(),
    };
    add(call, kind, host.map(Site::from_address), 4)
}

/// `(state, event_time, source, status)`
fn add_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (host, kind) = travel_cloudtrail::source::source(call.text(2)?);
    add(call, kind.into_str(), host.map(Site::from_address), 3)
}

/// `(state, event_time, latitude, longitude, source_kind, status)`
fn add_coordinates(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let coordinates = coordinates_of(call.f64(2), call.f64(3));
    let kind = call.text(4)?.unwrap_or(SourceKind::Absent.into_str());
    add(call, kind, coordinates.map(Site::from_coordinates), 5)
}

fn kind_of(host: Option<IpAddr>) -> SourceKind {
    match host {
        None => SourceKind::Absent,
        Some(host) if address::is_private(host) => SourceKind::Private,
        Some(_) => SourceKind::Public,
    }
}

fn add(call: &Call, kind: &str, site: Option<Site>, status: usize) -> Result<pg_sys::Datum, TravelError> {
    let context = aggregate_context(call)?;
    let status = call.text(status)?.and_then(|status| status.parse().ok());
    let row = Row { time_us: call.timestamp(1), kind, site, status };
    let log = Log::of_call(call)?;
    let state = own_state(call, context, log);
    // SAFETY: the log, the context and the state are alive, and belong to each other.
    unsafe {
        if !log.is_null()
            && let Some((time_us, IpAddr::V4(address), kind)) = row.as_common_event()
        {
            (*log).push(LogRow { state, time_us, address: address.into(), kind })?;
        } else {
            within(context, || (*state).rows.add(&row, &Palloc)).map_err(too_many)?;
        }
    }
    Ok(pg_sys::Datum::from(state))
}

/// The state in the first argument, or a new one.
#[inline]
fn own_state(call: &Call, context: pg_sys::MemoryContext, log: *mut Log) -> *mut State {
    match call.datum(0) {
        Some(state) => state.cast_mut_ptr(),
        None => new_state(context, None, log),
    }
}

fn new_state(context: pg_sys::MemoryContext, packed: Option<pg_sys::Datum>, log: *mut Log) -> *mut State {
    const { assert!(align_of::<State>() <= 8) };
    // SAFETY: a plain allocation, initialized at once; palloc aligns to 8 bytes.
    unsafe {
        let state = pg_sys::MemoryContextAlloc(context, size_of::<State>()).cast::<State>();
        state.write(State { rows: EntityRows::default(), packed, log });
        state
    }
}

/// Adds what belongs to a state and is still elsewhere: in the log, or packed.
///
/// # Safety
/// The state must be alive, and in `context` unless it is packed.
unsafe fn complete(state: *mut State, context: pg_sys::MemoryContext) -> Result<(), TravelError> {
    // SAFETY: by the caller. The log lives as long as the state.
    unsafe {
        if let Some(log) = (*state).log.as_mut() {
            log.flush()?;
        }
        match (*state).packed.take() {
            Some(packed) => add_packed(state, varlena_bytes(packed), context),
            None => Ok(()),
        }
    }
}

/// `(state, state)`. The second state comes from another process, and does not outlive the call.
fn combine(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = aggregate_context(call)?;
    if let (None, None) = (call.datum(0), call.datum(1)) {
        return Ok(call.null());
    }
    let state = own_state(call, context, null_mut());
    // SAFETY: only this aggregate makes states, and the two are distinct.
    unsafe {
        complete(state, context)?;
        if let Some(other) = call.datum(1) {
            let other = other.cast_mut_ptr::<State>();
            if let Some(packed) = (*other).packed {
                add_packed(state, varlena_bytes(packed), context)?;
            } else {
                complete(other, context)?;
                (*other)
                    .rows
                    .pack(&Palloc, |packed| add_packed(state, packed, context))
                    .map_err(too_many)??;
            }
        }
    }
    Ok(pg_sys::Datum::from(state))
}

/// # Safety
/// The state must be alive and in `context`.
unsafe fn add_packed(
    state: *mut State,
    packed: &[u8],
    context: pg_sys::MemoryContext,
) -> Result<(), TravelError> {
    // SAFETY: by the caller.
    unsafe { within(context, || (*state).rows.add_packed(packed, &Palloc)) }.map_err(|error| match error {
        Unreadable::TooLarge => too_many(TooLarge),
        Unreadable::Corrupt => damaged(Corrupt),
    })
}

/// `(state) -> bytea`. Each process locates the events of its own states here.
fn serialize(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    aggregate_context(call)?;
    let Some(rows) = settled(call)? else { return Ok(call.null()) };
    rows.pack(&Palloc, |bytes| {
        let is_short = bytes.len() <= MAX_VARLENA - pg_sys::VARHDRSZ;
        if is_short { Ok(varlena(bytes)) } else { Err(too_many(TooLarge)) }
    })
    .map_err(too_many)?
}

fn deserialize(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    aggregate_context(call)?;
    let Some(packed) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the current memory context, which is that of the bytes.
    let context = unsafe { pg_sys::CurrentMemoryContext };
    Ok(pg_sys::Datum::from(new_state(context, Some(packed), null_mut())))
}

fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = aggregate_context(call)?;
    match settled(call)? {
        // SAFETY: the context is alive.
        Some(rows) => Ok(varlena(&unsafe { within(context, || rows.counts(&Palloc)) }.map_err(too_many)?)),
        None => Ok(call.null()),
    }
}

/// Why the events of a state were not located.
enum Unsettled {
    TooLarge,
    Failed(TravelError),
}

impl From<TooLarge> for Unsettled {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

/// The rows of the state in the first argument, whose events have been located.
fn settled<'a>(call: &Call) -> Result<Option<&'a mut EntityRows<Palloc>>, TravelError> {
    let Some(state) = call.datum(0) else { return Ok(None) };
    let context = aggregate_context(call)?;
    let state = state.cast_mut_ptr::<State>();
    // SAFETY: only this aggregate makes states, which live as long as its context.
    let rows = unsafe {
        complete(state, context)?;
        &mut (*state).rows
    };
    let mut places: Option<Places> = None;
    let mut last: Option<(Site, Location)> = None;
    let locate = |site, time_us| {
        // Events come in runs with the same address. One lookup per run is enough, unless addresses can move in
        // between.
        if let Some((known, location)) = last
            && known == site
            && !places.as_ref().is_some_and(Places::depend_on_time)
        {
            return Ok(location);
        }
        let location = location(site, time_us, &mut places).map_err(Unsettled::Failed)?;
        last = Some((site, location));
        Ok(location)
    };
    // SAFETY: the context is alive, and is that of the state.
    unsafe { within(context, || rows.settle(&Palloc, locate)) }.map_err(|error| match error {
        Unsettled::TooLarge => too_many(TooLarge),
        Unsettled::Failed(error) => error,
    })?;
    Ok(Some(rows))
}

fn location(site: Site, time_us: i64, places: &mut Option<Places>) -> Result<Location, TravelError> {
    let Some(host) = site.address() else { return Ok(Location::Located) };
    let places = match places {
        Some(places) => places,
        None => places.insert(Places::of_statement()?),
    };
    Ok(if places.is_ignored(host, time_us)? {
        Location::Ignored
    } else if places.coordinates(host, time_us)?.is_some() {
        Location::Located
    } else {
        Location::NotLocated
    })
}

/// `(counts, counts) -> counts`. The state of the second aggregate is changed in place.
fn sum(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = aggregate_context(call)?;
    let (Some(state), Some(added)) = (call.datum(0), call.bytes(1)) else { return Ok(call.null()) };
    // SAFETY: the state of an aggregate, which this function may change. A state that is sent can have another form.
    unsafe {
        let value = state.cast_mut_ptr::<pg_sys::varlena>();
        if pgrx::varlena::varatt_is_4b_u(value) {
            let length = pgrx::varlena::varsize_4b(value) - pg_sys::VARHDRSZ;
            let own = std::slice::from_raw_parts_mut(value.cast::<u8>().add(pg_sys::VARHDRSZ), length);
            if counts::add(own, added).map_err(damaged)? {
                return Ok(state);
            }
        }
        let sum = counts::sum(call.bytes(0).unwrap_or_default(), added).map_err(damaged)?;
        Ok(within(context, || varlena(&sum)))
    }
}

fn coverage_rows(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    for count in counts::read(call.bytes(0).unwrap_or_default()).map_err(damaged)? {
        pgrx::check_for_interrupts!();
        let count = count.map_err(damaged)?;
        let text = |text: &str| Some(varlena(text.as_bytes()));
        let is_time = |time_us| is_timestamp(time_us) || time_us == i64::MIN || time_us == i64::MAX;
        if count.times_us.is_some_and(|(first, last)| !is_time(first) || !is_time(last)) {
            return Err(damaged(Corrupt));
        }
        rows.push([
            text(count.kind),
            text(count.status.into_str()),
            Some(pg_sys::Datum::from(count.rows)),
            Some(pg_sys::Datum::from(count.entities)),
            count.times_us.map(|(first, _)| pg_sys::Datum::from(first)),
            count.times_us.map(|(_, last)| pg_sys::Datum::from(last)),
        ]);
    }
    Ok(rows.finish(call))
}

/// The memory context of the aggregate that makes the call. Only the state of an aggregate may be changed in place.
fn aggregate_context(call: &Call) -> Result<pg_sys::MemoryContext, TravelError> {
    context_of_aggregate(call, "coverage_sum_add")
}

pub fn too_many(_: TooLarge) -> TravelError {
    SourceError::TooManyRows.into()
}

fn damaged(_: Corrupt) -> TravelError {
    SourceError::DamagedCounts.into()
}
