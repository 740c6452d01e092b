//! The filter by which one pass over the source finds the events at the ends of the legs: the aggregate
//! `travel_internal.ends`, and `travel_internal.may_be_end`. A hash join would hash the entity of every event of the
//! source. The filter is one value, which workers get as a parameter, so they can share the pass.

use crate::legs::{LegColumns, Legs};
use crate::pg::aggregate::context_of_aggregate;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::{MAX_VARLENA, within, zeroed_varlena};
use pgrx::pg_sys;
use travel_core::ends;

pg_function!(travel_ends_add, pg_finfo_travel_ends_add, add);
pg_function!(travel_ends_final, pg_finfo_travel_ends_final, finish);
pg_function!(travel_may_be_end, pg_finfo_travel_may_be_end, may_be_end);
pg_function!(travel_may_be_end_support, pg_finfo_travel_may_be_end_support, support);

/// The share of events that the planner expects to be at the ends of legs. By default, it would expect a third. The
/// transfer of so many rows from workers would then seem to cost more than the workers save.
const EXPECTED_SHARE: f64 = 0.02;

/// The number of ends that are added to the filter between two checks for interrupts.
const CHUNK: usize = 64 * 1024;

/// The state of the aggregate: the digests of all ends, in the memory of the aggregate. The size of the filter depends on
/// their number.
struct Digests {
    start: *mut u64,
    len: usize,
    capacity: usize,
}

/// Adds both ends of each leg of an entity: `(state, entity, legs)`.
fn add(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = context_of_aggregate(call, "ends_add")?;
    // SAFETY: the state is one that this function made in the context, where it lives as long as the group. SQL declares
    // the legs as travel.leg[].
    unsafe {
        let state = match call.datum(0) {
            Some(datum) => datum.cast_mut_ptr::<Digests>(),
            None => within(context, || {
                let capacity = 128;
                let state = pg_sys::palloc(size_of::<Digests>()).cast::<Digests>();
                let start = pg_sys::palloc(capacity * size_of::<u64>()).cast();
                state.write(Digests { start, len: 0, capacity });
                state
            }),
        };
        let digests = &mut *state;
        let entity = call.bytes(1).unwrap_or_default();
        let Some(legs) = call.datum(2) else { return Ok(pg_sys::Datum::from(state)) };
        let mut legs = Legs::of(*call.site_cache(|| LegColumns::of(call, legs))?, legs);
        while legs.advance() {
            for time_us in legs.ends().into_iter().filter_map(|(time_us, _)| time_us) {
                if digests.len == digests.capacity {
                    digests.capacity *= 2;
                    let size = digests.capacity * size_of::<u64>();
                    digests.start = pg_sys::repalloc_huge(digests.start.cast(), size).cast();
                }
                digests.start.add(digests.len).write(ends::digest(entity, time_us));
                digests.len += 1;
            }
        }
        Ok(pg_sys::Datum::from(state))
    }
}

/// The filter of all ends.
fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(state) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: SQL cannot make a value of type internal, so it is a state of `add`. The allocation is as long as what is
    // written.
    unsafe {
        let digests = &*state.cast_mut_ptr::<Digests>();
        let size = ends::filter_size(digests.len);
        debug_assert!(size + pg_sys::VARHDRSZ <= MAX_VARLENA);
        let value = zeroed_varlena(size + pg_sys::VARHDRSZ);
        let filter = std::slice::from_raw_parts_mut(value.cast::<u8>().add(pg_sys::VARHDRSZ), size);
        for part in std::slice::from_raw_parts(digests.start, digests.len).chunks(CHUNK) {
            pgrx::check_for_interrupts!();
            for digest in part {
                ends::add(filter, *digest);
            }
        }
        Ok(pg_sys::Datum::from(value))
    }
}

/// Returns whether an event may be at the end of a leg: `(filter, entity, event_time)`.
fn may_be_end(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(filter), Some(entity), Some(time_us)) = (call.bytes(0), call.bytes(1), call.timestamp(2))
    else {
        return Ok(call.null());
    };
    Ok(pg_sys::Datum::from(ends::may_contain(filter, ends::digest(entity, time_us))))
}

/// Answers a request of the planner about `may_be_end`. Returns the request if it is answered, otherwise a null
/// pointer.
fn support(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let request = call.datum(0).map_or(std::ptr::null_mut(), |datum| datum.cast_mut_ptr::<pg_sys::Node>());
    // SAFETY: SQL cannot make a value of type internal, so this is a request of the planner, and its tag names its
    // type.
    unsafe {
        if request.is_null() || (*request).type_ != pg_sys::NodeTag::T_SupportRequestSelectivity {
            return Ok(pg_sys::Datum::null());
        }
        (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = EXPECTED_SHARE;
    }
    Ok(pg_sys::Datum::from(request))
}
