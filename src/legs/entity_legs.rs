//! The aggregates `travel_internal.legs_of_entity` and `travel_internal.rows_of_legs`, which the query of `travel.detect`
//! uses. They share one state, to which each row is added once. The state contains the events, which are evaluated as in
//! `travel.impossible_legs`, and the positions of the rows at the ends of the legs. A scan of an index in order of time
//! knows the position of each row in the table. Fetching the few rows from there takes less time than searching the index
//! for each.
//!
//! The positions are a hint: the query compares the rows that it fetches with the legs, and searches the index if it did
//! not fetch all of them.

use super::aggregate::{AggregateRow, evaluate, fate, impossible_legs_of};
use super::arguments::{SiteArguments, finite, thresholds};
use super::journey_value::JourneyValue;
use crate::pg::aggregate::context_of_aggregate;
use crate::pg::array;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::within;
use pgrx::pg_sys;
use std::cell::Cell;
use travel_core::event_set::{self, SetRow};
use travel_core::journey::Thresholds;
use travel_core::leg_rows::LegRows;
use travel_core::site::Site;

pg_function!(travel_entity_legs_add, pg_finfo_travel_entity_legs_add, add);
pg_function!(travel_entity_legs_final, pg_finfo_travel_entity_legs_final, legs);
pg_function!(travel_entity_rows_final, pg_finfo_travel_entity_rows_final, rows);

/// The state of an entity, in the memory of the aggregate.
struct EntityState {
    events: JourneyValue,
    thresholds: Thresholds,
    rows: KnownRows,
    /// The positions of the rows at the ends of the legs. `None` until the legs are evaluated, and if a position is unknown.
    found: Option<RowPositions>,
}

/// The positions of some rows in their table. They are in the memory of the aggregate.
#[derive(Clone, Copy)]
struct RowPositions {
    start: *mut pg_sys::ItemPointerData,
    len: usize,
}

/// What a call site of the transition function keeps between rows.
#[derive(Default)]
struct CallSite {
    without_networks: Cell<Option<bool>>,
    has_constant_thresholds: Cell<Option<bool>>,
}

/// Adds a row: `(state, event_time, ip, min_distance_km, min_velocity_kmh, use_accuracy)`.
fn add(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let site = call.site_cache(|| Ok(CallSite::default()))?;
    let state = match call.datum(0) {
        Some(state) => state,
        None => begin(call)?,
    };
    // SAFETY: SQL cannot make a value of type internal, so it is a state of `begin`. This is the only reference to it
    // during the call.
    let entity = unsafe { &mut *state.cast_mut_ptr::<EntityState>() };
    let is_constant = site.has_constant_thresholds.get().unwrap_or_else(|| {
        let found = (3..6).all(|n| call.is_stable(n));
        site.has_constant_thresholds.set(Some(found));
        found
    });
    if !is_constant && thresholds_of(call)? != entity.thresholds {
        return Err(LegError::ThresholdVaries { over: "group" }.into());
    }
    entity.found = None;
    let Some(time_us) = call.timestamp(1) else { return Ok(state) };
    let time_us = finite(time_us)?;
    let Some(at) = SiteArguments::Inet.read(|n| call.datum(2 + n))? else {
        event_set::count_unlocated(entity.events.block());
        return Ok(state);
    };
    match fate(&site.without_networks, at.site, time_us)? {
        AggregateRow::Kept => {}
        AggregateRow::Ignored => return Ok(state),
        AggregateRow::NotLocated => {
            event_set::count_unlocated(entity.events.block());
            return Ok(state);
        }
    }
    let row = SetRow { time_us, site: at.site, id: None, accuracy_km: None };
    if event_set::append(entity.events.block(), &row).is_err() {
        // SAFETY: the context of the aggregate, in which the block before was allocated, too.
        unsafe {
            let before = entity.events;
            entity.events = within(context_of(call)?, || before.append(&row))?;
            before.free_if_replaced_by(entity.events);
        }
    }
    entity.rows.add(call, time_us, at.site)?;
    Ok(state)
}

/// Makes the state of an entity.
fn begin(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let thresholds = thresholds_of(call)?;
    // SAFETY: the context of the aggregate lives as long as the group.
    unsafe {
        within(context_of(call)?, || {
            let events = JourneyValue::new(Some(thresholds), false)?;
            let state = pg_sys::palloc(size_of::<EntityState>()).cast::<EntityState>();
            state.write(EntityState { events, thresholds, rows: KnownRows::default(), found: None });
            Ok(pg_sys::Datum::from(state))
        })
    }
}

fn thresholds_of(call: &Call) -> Result<Thresholds, TravelError> {
    thresholds(call.f64(3), call.f64(4), call.bool(5))
}

/// The context of the aggregate. It is an error if the call is not one of an aggregate.
fn context_of(call: &Call) -> Result<pg_sys::MemoryContext, TravelError> {
    context_of_aggregate(call, "entity_legs_add")
}

/// The rows that can be at the ends of legs, with their positions. They are in the memory of the aggregate.
#[derive(Default)]
struct KnownRows {
    choice: LegRows,
    start: Option<std::ptr::NonNull<KnownRow>>,
    len: usize,
    capacity: usize,
    /// Whether a row was out of order or had no known position, or there were too many rows.
    is_lost: bool,
}

#[derive(Clone, Copy)]
struct KnownRow {
    time_us: i64,
    position: pg_sys::ItemPointerData,
}

/// The maximum number of rows that are remembered for an entity. They take 1 MB.
const MOST_ROWS: usize = 65_536;

impl KnownRows {
    /// Adds the row of a call of the transition function.
    #[inline]
    fn add(&mut self, call: &Call, time_us: i64, site: Site) -> Result<(), TravelError> {
        if self.is_lost {
            return Ok(());
        }
        // SAFETY: the call is one of an aggregate, as the existence of the state shows.
        let position = unsafe { position_of_row(call) };
        let remain = self.choice.arrive(self.len, time_us, site);
        let (Some(position), Some(remain)) = (position, remain.filter(|remain| *remain < MOST_ROWS)) else {
            self.is_lost = true;
            return Ok(());
        };
        self.len = remain;
        if self.len == self.capacity {
            self.grow(call)?;
        }
        if let Some(start) = self.start {
            // SAFETY: there is room for one more.
            unsafe { start.add(self.len).write(KnownRow { time_us, position }) };
            self.len += 1;
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, call: &Call) -> Result<(), TravelError> {
        self.capacity = (2 * self.capacity).max(16);
        let size = self.capacity * size_of::<KnownRow>();
        // SAFETY: a plain allocation in the context of the aggregate; the one before, if any, is from there, too.
        let start = unsafe {
            match self.start {
                Some(start) => pg_sys::repalloc(start.as_ptr().cast(), size),
                None => pg_sys::MemoryContextAlloc(context_of(call)?, size),
            }
        };
        self.start = std::ptr::NonNull::new(start.cast());
        Ok(())
    }

    /// The rows in order of time.
    fn all(&self) -> &[KnownRow] {
        // SAFETY: `add` wrote so many.
        self.start.map_or(&[], |start| unsafe { std::slice::from_raw_parts(start.as_ptr(), self.len) })
    }

    /// Returns the rows of a time. If one row of a time is known, all are.
    fn of_time(&self, time_us: i64) -> impl Iterator<Item = &KnownRow> {
        let all = self.all();
        let first = all.partition_point(|row| row.time_us < time_us);
        all[first..].iter().take_while(move |row| row.time_us == time_us)
    }
}

/// The position of the row for which PostgreSQL calls the transition function, if the aggregate takes its rows from an index
/// in the order of the groups. The scan has then just returned this row.
///
/// # Safety
/// The call must be one of an aggregate.
#[inline]
unsafe fn position_of_row(call: &Call) -> Option<pg_sys::ItemPointerData> {
    // SAFETY: by the caller, the context is the node of an aggregate or a window. The tag of a node determines its type.
    unsafe {
        let node = (*call.raw()).context;
        if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_AggState {
            return None;
        }
        let aggregate = node.cast::<pg_sys::AggState>();
        let input = (*aggregate).ss.ps.lefttree;
        if (*aggregate).aggstrategy != pg_sys::AggStrategy::AGG_SORTED
            || input.is_null()
            || (*input).type_ != pg_sys::NodeTag::T_IndexOnlyScanState
        {
            return None;
        }
        let scan = (*input.cast::<pg_sys::IndexOnlyScanState>()).ioss_ScanDesc;
        (!scan.is_null()).then(|| (*scan).xs_heaptid)
    }
}

/// Evaluates the legs, and remembers the positions of the rows at their ends.
fn legs(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(state) = call.datum(0) else { return impossible_legs_of(call, |_| Ok(())) };
    // SAFETY: see `add`.
    let entity = unsafe { &mut *state.cast_mut_ptr::<EntityState>() };
    let mut positions = Vec::new();
    let mut is_known = !entity.rows.is_lost;
    let (mut last, rows) = (None, &entity.rows);
    let result = impossible_legs_of(call, |arrive| {
        evaluate(entity.events.bytes(), |leg, of_statement| {
            let Some(measure) = leg.measure_if_impossible(&entity.thresholds) else { return Ok(()) };
            for time_us in [leg.from.time_us, leg.to.time_us] {
                if is_known && last.replace(time_us) != Some(time_us) {
                    let before = positions.len();
                    positions.extend(rows.of_time(time_us).map(|row| row.position));
                    is_known = positions.len() > before;
                }
            }
            arrive(leg, &measure, of_statement)
        })
    })?;
    if is_known && !positions.is_empty() {
        // SAFETY: the allocation is as long as what is copied, in the memory of the aggregate.
        entity.found = Some(unsafe {
            let size = size_of_val(&positions[..]);
            let start = pg_sys::MemoryContextAlloc(context_of(call)?, size).cast::<pg_sys::ItemPointerData>();
            start.copy_from_nonoverlapping(positions.as_ptr(), positions.len());
            RowPositions { start, len: positions.len() }
        });
    }
    Ok(result)
}

/// Returns the positions of the rows at the ends of the legs, or NULL if they are not known or the legs were not evaluated
/// before.
fn rows(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: see `add`.
    let found = call.datum(0).and_then(|state| unsafe { (*state.cast_mut_ptr::<EntityState>()).found });
    // SAFETY: `legs` wrote so many positions.
    Ok(found.map_or_else(
        || call.null(),
        |found| array::of_row_positions(unsafe { std::slice::from_raw_parts(found.start, found.len) }),
    ))
}
