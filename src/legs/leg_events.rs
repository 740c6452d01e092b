//! The events at the ends of legs in the query of `travel.detect`: the times at which they are looked up, and the aggregate
//! `travel_internal.events_of_legs`, which collects the rows that were found.

use super::leg_array::{LegColumns, Legs};
use crate::pg::aggregate::context_of_aggregate;
use crate::pg::array;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function, varlena_bytes};
use crate::pg::inet;
use crate::pg::memory::{MAX_VARLENA, Palloc, PallocVec, varlena, within};
use crate::pg::types::{self, Type};
use pgrx::pg_sys;
use travel_core::leg_events::{self, LegEvents};

pg_function!(travel_times_of_legs, pg_finfo_travel_times_of_legs, times_of_legs);
pg_function!(travel_events_of_legs_add, pg_finfo_travel_events_of_legs_add, add);
pg_function!(travel_events_of_legs_final, pg_finfo_travel_events_of_legs_final, finish);

/// The state of the aggregate: the bytes of the events so far, in the memory of the aggregate.
struct Collected {
    start: *mut u8,
    len: usize,
    capacity: usize,
    /// The offset of the last row that was kept.
    last: usize,
    /// The length at which rows of the same event are dropped.
    full: usize,
}

/// The smallest length at which rows of the same event are dropped: 1 MB.
const FULL: usize = 1 << 20;

impl Collected {
    fn push(&mut self, bytes: &[u8]) -> Result<(), TravelError> {
        let len = self.len + bytes.len();
        if len > MAX_VARLENA - pg_sys::VARHDRSZ {
            return Err(LegError::TooManyEnds.into());
        }
        // SAFETY: the allocation is of the aggregate, and has room for the bytes.
        unsafe {
            if len > self.capacity {
                self.capacity = len.next_power_of_two();
                self.start = pg_sys::repalloc_huge(self.start.cast(), self.capacity).cast();
            }
            self.start.add(self.len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.len = len;
        Ok(())
    }

    /// If the row at the offset `added` and the row before it are one event, keeps only the one that represents the
    /// event. A scan of an index passes the rows of an event one after the other, and there can be very many.
    fn merge_last(&mut self, added: usize) {
        // SAFETY: so many bytes were written.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start, self.len) };
        match leg_events::first_of_event(bytes, self.last, added) {
            Some(first) if first == added => {
                bytes.copy_within(added.., self.last);
                self.len = self.last + (self.len - added);
            }
            Some(_) => self.len = added,
            None => self.last = added,
        }
    }

    /// Keeps only the first row of each event, if there are many rows. A pass over a whole source can find any number of
    /// rows of an event.
    ///
    /// # Safety
    /// `context` must be the memory of the aggregate.
    unsafe fn merge_if_full(&mut self, context: pg_sys::MemoryContext) -> Result<(), TravelError> {
        if self.len < self.full {
            return Ok(());
        }
        // SAFETY: by the caller. This many bytes were written, and the first rows do not take more room than all.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.start, self.len);
            let events =
                LegEvents::of(bytes, &Palloc).map_err(|_| TravelError::from(LegError::TooManyEnds))?;
            let start = pg_sys::MemoryContextAllocHuge(context, self.capacity).cast::<u8>();
            (self.len, self.last) = (0, 0);
            for event in events.firsts(&Palloc) {
                self.last = self.len;
                start.add(self.len).copy_from_nonoverlapping(event.as_ptr(), event.len());
                self.len += event.len();
            }
            pg_sys::pfree(self.start.cast());
            self.start = start;
        }
        self.full = FULL.max(2 * self.len);
        Ok(())
    }
}

/// The number of the first argument of the transition function that is a label.
const FIRST_LABEL: usize = 3;

/// Adds a row: `(state, event_time, ip, label, …)`. A row without a time or an address cannot be at the end of a leg. Each
/// label is an argument of its own, since PostgreSQL would make an array of them for each row.
fn add(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = context_of_aggregate(call, "events_of_legs_add")?;
    call.site_cache(|| {
        // SAFETY: reads the expression of the call.
        let type_of = |n| unsafe { pg_sys::get_fn_expr_argtype((*call.raw()).flinfo, n as i32) };
        (FIRST_LABEL..call.count()).try_for_each(|n| types::check_type("labels", type_of(n), Type::Text))
    })?;
    // SAFETY: the state is one that this function made in the context, where it lives as long as the group. The
    // arguments have the types that SQL declares, and the labels are texts.
    unsafe {
        let state = match call.datum(0) {
            Some(datum) => datum.cast_mut_ptr::<Collected>(),
            None => within(context, || {
                let capacity = 512;
                let state = pg_sys::palloc(size_of::<Collected>()).cast::<Collected>();
                let start = pg_sys::palloc(capacity).cast();
                state.write(Collected { start, len: 0, capacity, last: 0, full: FULL });
                state
            }),
        };
        let site = call.datum(2).and_then(|datum| inet::site(datum));
        if let (Some(time_us), Some(site)) = (call.timestamp(1), site) {
            let collected = &mut *state;
            let labels = (FIRST_LABEL..call.count()).map(|n| call.datum(n).map(|datum| varlena_bytes(datum)));
            let added = collected.len;
            leg_events::write(time_us, site, labels, |bytes| collected.push(bytes))?;
            collected.merge_last(added);
            collected.merge_if_full(context)?;
        }
        Ok(pg_sys::Datum::from(state))
    }
}

/// Returns the bytes of all events.
fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(state) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: SQL cannot make a value of type internal, so it is a state of `add`, with so many bytes.
    let bytes = unsafe {
        let collected = &*state.cast_mut_ptr::<Collected>();
        std::slice::from_raw_parts(collected.start, collected.len)
    };
    Ok(varlena(bytes))
}

/// The times of both ends of each leg of a `travel.leg[]`, as an array.
fn times_of_legs(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(legs) = call.datum(0) else { return Ok(call.null()) };
    let mut times = PallocVec::new();
    // SAFETY: SQL declares the argument as travel.leg[].
    let mut legs = unsafe { Legs::of(*call.site_cache(|| LegColumns::of(call, legs))?, legs) };
    while legs.advance() {
        legs.ends().iter().filter_map(|(time_us, _)| *time_us).for_each(|time_us| times.push(time_us));
    }
    let array = array::of_timestamps(&times);
    times.free();
    Ok(array)
}
