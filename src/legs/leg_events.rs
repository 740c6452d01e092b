//! The events at the ends of legs in the query of `travel.detect`: the times at which they are looked up, the aggregate
//! `travel_internal.events_of_legs`, which collects the rows that were found, and the events of each leg.

use super::row::leg_types;
use crate::pg::array;
use crate::pg::errors::{LegError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::inet;
use crate::pg::memory::{MAX_VARLENA, Palloc, Scratch, varlena, within};
use crate::pg::row;
use crate::pg::srf::RowSet;
use crate::pg::types;
use pgrx::pg_sys;
use travel_core::columns::LEG;
use travel_core::leg_events::{self, LegEvent, LegEvents};
use travel_core::site::Site;

pg_function!(travel_times_of_legs, pg_finfo_travel_times_of_legs, times_of_legs);
pg_function!(travel_events_of_legs_add, pg_finfo_travel_events_of_legs_add, add);
pg_function!(travel_events_of_legs_final, pg_finfo_travel_events_of_legs_final, finish);
pg_function!(travel_each_pair_of_events, pg_finfo_travel_each_pair_of_events, each_pair_of_events);

/// The state of the aggregate: the bytes of the events so far, in the memory of the aggregate.
struct Collected {
    start: *mut u8,
    len: usize,
    capacity: usize,
    /// The offset of the last event.
    last: usize,
}

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

    /// Keeps only the first of the last two rows if they are one event: the last one, and that from `added` on. A scan of
    /// an index passes the rows of an event one after the other, and there can be very many.
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
}

/// Adds a row: `(state, event_time, ip, labels)`. A row without a time or an address cannot be at the end of a
/// leg.
fn add(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut context: pg_sys::MemoryContext = std::ptr::null_mut();
    // SAFETY: the call is one of an aggregate where PostgreSQL says so, and then has a context for its state.
    if unsafe { pg_sys::AggCheckCallContext(call.raw(), &mut context) } == 0 {
        return Err(UsageError::NotInAggregate { function: "events_of_legs_add" }.into());
    }
    // SAFETY: the state is one that this function made in the context, where it lives as long as the group. The
    // arguments have the types that SQL declares.
    unsafe {
        let state = match call.datum(0) {
            Some(datum) => datum.cast_mut_ptr::<Collected>(),
            None => within(context, || {
                let capacity = 512;
                let state = pg_sys::palloc(size_of::<Collected>()).cast::<Collected>();
                state.write(Collected { start: pg_sys::palloc(capacity).cast(), len: 0, capacity, last: 0 });
                state
            }),
        };
        let site = call.datum(2).and_then(|datum| inet::site(datum));
        if let (Some(time_us), Some(site), Some(labels)) = (call.timestamp(1), site, call.datum(3)) {
            let labels = array::elements(labels, b'i');
            let labels = labels.map(|label| label.map(|datum| varlena_bytes(datum)));
            let added = (*state).len;
            leg_events::write(time_us, site, labels, |bytes| (*state).push(bytes))?;
            (*state).merge_last(added);
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
    let mut times = Vec::new();
    // SAFETY: SQL declares the argument as travel.leg[].
    for ends in unsafe { EndsOfLegs::of(call, legs) }? {
        pgrx::check_for_interrupts!();
        times.extend(ends.iter().filter_map(|(time_us, _)| *time_us));
    }
    Ok(array::of_timestamps(&times))
}

/// Returns the labels of the events at both ends of each leg, from what the aggregate collected, as arrays of text. An
/// array is NULL if the event was not found.
fn each_pair_of_events(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let Some(legs) = call.datum(0) else { return Ok(rows.finish(call)) };
    let events = LegEvents::of(call.bytes(1).unwrap_or_default(), &Palloc)
        .map_err(|_| TravelError::from(LegError::TooManyEnds))?;
    let scratch = Scratch::new(c"travel: the events of a leg", 1024);
    // SAFETY: SQL declares the argument as travel.leg[].
    for ends in unsafe { EndsOfLegs::of(call, legs) }? {
        pgrx::check_for_interrupts!();
        scratch.within(|| {
            let [from, to] =
                ends.map(|(time_us, site)| events.find(time_us?, site?).map(|event| labels_of(&event)));
            rows.push([from.transpose()?, to.transpose()?]);
            Ok::<_, TravelError>(())
        })?;
        scratch.reset();
    }
    Ok(rows.finish(call))
}

/// The labels of an event as a `text[]`.
fn labels_of(event: &LegEvent) -> Result<pg_sys::Datum, TravelError> {
    // The bytes are an argument of an SQL function, so they need not be text.
    let labels: Vec<Option<&str>> =
        event.labels().map(|label| label.map(utf8).transpose()).collect::<Result<_, _>>()?;
    Ok(array::of_nullable_texts(&labels))
}

/// The time and the site of both ends of each leg of an array.
struct EndsOfLegs {
    legs: array::Elements,
    tuple_desc: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

/// The time and the site of an end. `FROM` and `TO` are the numbers of their columns.
type EndOfLeg = (Option<i64>, Option<Site>);
const FROM: [usize; 2] = [column("from_time"), column("from_ip")];
const TO: [usize; 2] = [column("to_time"), column("to_ip")];

/// The number of a column of a leg.
const fn column(name: &str) -> usize {
    let mut n = 0;
    while !same(LEG[n].name.as_bytes(), name.as_bytes()) {
        n += 1;
    }
    n
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

impl EndsOfLegs {
    /// # Safety
    /// `legs` must be a `travel.leg[]`.
    unsafe fn of(call: &Call, legs: pg_sys::Datum) -> Result<Self, TravelError> {
        // SAFETY: by the caller. The descriptor is a copy that lives as long as the call site.
        unsafe {
            let legs = pg_sys::Datum::from(pg_sys::pg_detoast_datum(legs.cast_mut_ptr()));
            let tuple_desc = *call.site_cache(|| {
                let element = (*legs.cast_mut_ptr::<pg_sys::ArrayType>()).elemtype;
                row::lock_type(element)?;
                let copy = within(call.site_context(), || pg_sys::lookup_rowtype_tupdesc_copy(element, -1));
                let columns = pgrx::PgTupleDesc::from_pg_unchecked(copy);
                if columns.len() < LEG.len() {
                    return Err(UsageError::WrongRowType { expected: LEG.len(), found: columns.len() }.into());
                }
                columns
                    .iter()
                    .zip(leg_types())
                    .try_for_each(|(column, wanted)| types::check(column, wanted))?;
                Ok(copy)
            })?;
            let columns = (*tuple_desc).natts as usize;
            let (values, nulls) = (vec![pg_sys::Datum::null(); columns], vec![true; columns]);
            Ok(Self { legs: array::elements(legs, b'd'), tuple_desc, values, nulls })
        }
    }

    fn end(&self, [time, ip]: [usize; 2]) -> EndOfLeg {
        let value = |n: usize| (!self.nulls[n]).then_some(self.values[n]);
        // SAFETY: the columns have these types.
        (
            value(time).map(|datum| datum.value() as i64),
            value(ip).and_then(|datum| unsafe { inet::site(datum) }),
        )
    }
}

impl Iterator for EndsOfLegs {
    type Item = [EndOfLeg; 2];

    /// The ends of the next leg that is not NULL.
    fn next(&mut self) -> Option<Self::Item> {
        let leg = self.legs.find_map(|leg| leg)?;
        // SAFETY: an element is a composite value of the type whose columns the descriptor has.
        unsafe {
            let header = pg_sys::pg_detoast_datum(leg.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varlena::varsize_4b(header.cast()) as u32,
                t_data: header,
                ..pg_sys::HeapTupleData::default()
            };
            pg_sys::heap_deform_tuple(
                &mut tuple,
                self.tuple_desc,
                self.values.as_mut_ptr(),
                self.nulls.as_mut_ptr(),
            );
        }
        Some([self.end(FROM), self.end(TO)])
    }
}
