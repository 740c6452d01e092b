//! The states of `travel.rollup`.
//!
//! Journeys of days follow each other in time, and there is no need to merge their events one by one (see
//! [`Sequence`]). This can only be seen when the last one has arrived. So a state keeps the journeys as they are until
//! it is read, or until they have become many.
//!
//! A state is therefore an expanded object, like those of `hash_states.rs`, which says when PostgreSQL calls the
//! methods of such an object.
//!
//! # Lifetimes
//! PostgreSQL keeps the pointer that the transition function returns if the object is in a memory context directly
//! below that of the aggregate. In a hash table, all states share such a context, because PostgreSQL adds up the
//! contexts of the hash table for each new group. It is freed with the hash table, and a callback then clears the
//! pointer in the call site, which lives longer. Elsewhere, the memory of the aggregate is freed after each group, and
//! each state has a context of its own.

use super::aggregate::joined;
use super::journey_value::{JourneyValue, flat_size_of, flatten, object_of};
use crate::pg::aggregate::aggregate_of_call;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::Call;
use crate::pg::memory::{MAX_VARLENA, Palloc, Scratch, copy_to};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use travel_core::event_set::{self, MERGE_FROM, Memory, Sequence, capacity_after_merge, each_set};

/// A state: the object that PostgreSQL calls, and the journeys.
#[repr(C)]
pub struct Rollup {
    object: pg_sys::ExpandedObjectHeader,
    /// The first and the last of the chunks that contain the journeys.
    first: Option<NonNull<Chunk>>,
    last: Option<NonNull<Chunk>>,
    /// The number of journeys, and the number of their bytes.
    count: usize,
    size: usize,
    /// Journeys with more bytes than this are merged, because they can have the same events.
    merge_above: usize,
}

/// The header of memory for some journeys, which follow it one after the other. A state adds chunks to grow, so it
/// never moves journeys.
#[repr(C)]
struct Chunk {
    next: Option<NonNull<Chunk>>,
    /// The number of bytes of its journeys, and the number of bytes for which it has room.
    used: usize,
    room: usize,
    unused: u32,
    /// The header of a value of PostgreSQL, because a chunk with one journey is read as such a value.
    header: u32,
}

static METHODS: pg_sys::ExpandedObjectMethods =
    pg_sys::ExpandedObjectMethods { get_flat_size: Some(flat_size), flatten_into: Some(flatten_into) };

/// The memory context of the states of a call site that are in a hash table. Null before the first row and after a reset
/// of the hash table.
pub type ContextOfSite = Cell<pg_sys::MemoryContext>;

impl Rollup {
    /// Returns the state to which a value points. `None` if it is any other value.
    ///
    /// # Safety
    /// `datum` must be a `travel.journey`. No other reference to the state may be in use.
    pub unsafe fn of_value<'a>(datum: pg_sys::Datum) -> Option<&'a mut Self> {
        // SAFETY: by the caller.
        unsafe { object_of(datum).and_then(|object| Self::of_object(object)) }
    }

    /// Returns an expanded object as a state. `None` if it is any other object.
    ///
    /// # Safety
    /// The object must be alive. No other reference to the state may be in use.
    pub unsafe fn of_object<'a>(object: *mut pg_sys::ExpandedObjectHeader) -> Option<&'a mut Self> {
        // SAFETY: by the caller. Only this module makes objects with these methods.
        unsafe {
            let is_state = std::ptr::eq((*object).eoh_methods, &raw const METHODS);
            if is_state { object.cast::<Self>().as_mut() } else { None }
        }
    }

    /// Makes a state for the group of this call of a transition function. `None` if PostgreSQL would not keep it.
    pub fn new<'a>(call: &Call, site: &ContextOfSite) -> Option<&'a mut Self> {
        let node = aggregate_of_call(call)?;
        // SAFETY: the node runs this transition function, so it has a current context. A state is at the start of an
        // allocation that lives as long as the aggregate's own memory.
        unsafe {
            let of_aggregate = (*(*node).curaggcontext).ecxt_per_tuple_memory;
            let context = if (*node).curaggcontext != (*node).hashcontext {
                new_context(of_aggregate)
            } else if site.get().is_null() {
                new_context_of_site(of_aggregate, site)
            } else {
                site.get()
            };
            let state = pg_sys::MemoryContextAlloc(context, size_of::<Self>()).cast::<Self>();
            state.write(Self {
                object: Default::default(),
                first: None,
                last: None,
                count: 0,
                size: 0,
                merge_above: MERGE_FROM,
            });
            pg_sys::EOH_init_header(&raw mut (*state).object, &raw const METHODS, context);
            state.as_mut()
        }
    }

    /// The value that PostgreSQL keeps.
    pub fn datum(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.object.eoh_rw_ptr.as_ptr())
    }

    /// Adds a journey. It is an error if it is of another kind than those before, unless it has no events, or they have
    /// none.
    pub fn add(&mut self, journey: &[u8]) -> Result<(), TravelError> {
        let first = self.each_journey().next();
        if let Some(first) = first {
            if event_set::thresholds(first) != event_set::thresholds(journey) {
                return Err(LegError::ThresholdVaries { over: "group" }.into());
            }
            if event_set::is_labelled(first) != event_set::is_labelled(journey) {
                if event_set::rows(journey) == 0 {
                    return Ok(());
                }
                if self.each_journey().any(|before| event_set::rows(before) > 0) {
                    return Err(LegError::JourneysDiffer.into());
                }
                self.clear();
            }
        }
        if self.count > 1 && self.size + journey.len() > self.merge_above {
            self.merge()?;
            // A state that is nearly full of distinct events would be merged again and again without effect.
            if self.size > MAX_VARLENA / 10 * 9 {
                return Err(LegError::TooManyEvents.into());
            }
        }
        self.put(journey)
    }

    /// Writes a journey behind the others.
    fn put(&mut self, journey: &[u8]) -> Result<(), TravelError> {
        let length = journey.len();
        // SAFETY: the chunks belong to this state. The journey is written where a chunk has room for it.
        unsafe {
            let chunk = match self.last.map(NonNull::as_ptr) {
                Some(last) if (*last).room - (*last).used >= length => last,
                _ => self.add_chunk(length + length.max(self.size).min(MERGE_FROM))?,
            };
            let end = chunk.add(1).cast::<u8>().add((*chunk).used);
            copy_to(journey, end);
            (*chunk).used += length;
        }
        self.count += 1;
        self.size += length;
        Ok(())
    }

    /// Adds a chunk with at least this much room, in bytes.
    fn add_chunk(&mut self, room: usize) -> Result<*mut Chunk, TravelError> {
        // The memory context rounds up to a power of two.
        let size = (size_of::<Chunk>() + room).next_power_of_two().min(MAX_VARLENA);
        let room = size.saturating_sub(size_of::<Chunk>()).max(room);
        if size_of::<Chunk>() + room > MAX_VARLENA {
            return Err(LegError::TooManyEvents.into());
        }
        // SAFETY: a plain allocation in the context of this object, which PostgreSQL never returns as null.
        unsafe {
            let chunk = pg_sys::MemoryContextAlloc(self.object.eoh_context, size).cast::<Chunk>();
            chunk.write(Chunk { next: None, used: 0, room, unused: 0, header: 0 });
            match self.last {
                Some(last) => (*last.as_ptr()).next = NonNull::new(chunk),
                None => self.first = NonNull::new(chunk),
            }
            self.last = NonNull::new(chunk);
            Ok(chunk)
        }
    }

    /// Removes all journeys.
    fn clear(&mut self) {
        let mut rest = self.first;
        while let Some(chunk) = rest.map(NonNull::as_ptr) {
            // SAFETY: a chunk of this state, to which nothing else has a pointer.
            unsafe {
                rest = (*chunk).next;
                pg_sys::pfree(chunk.cast());
            }
        }
        (self.first, self.last) = (None, None);
        (self.count, self.size) = (0, 0);
    }

    /// The journeys, in the order in which they came.
    fn each_journey(&self) -> impl Iterator<Item = &[u8]> {
        // SAFETY: the chunks of this state, behind which this many bytes were written.
        unsafe {
            std::iter::successors(self.first, |chunk| (*chunk.as_ptr()).next).flat_map(|chunk| {
                let content = chunk.as_ptr().add(1).cast::<u8>();
                each_set(std::slice::from_raw_parts(content, (*chunk.as_ptr()).used))
            })
        }
    }

    /// Replaces the journeys by one with all their events.
    fn merge(&mut self) -> Result<(), TravelError> {
        let scratch = Scratch::new(c"travel: a merge of journeys", 8 * 1024);
        let merged = scratch.within(|| self.packed())?.bytes();
        let merged = &merged[..event_set::used(merged)];
        self.clear();
        self.put(merged)?;
        self.merge_above = capacity_after_merge(self.size, 0, 0).min(MAX_VARLENA);
        Ok(())
    }

    /// The journeys as one in its smallest form, in the current memory context.
    pub fn packed(&self) -> Result<JourneyValue, TravelError> {
        let mut journeys = Palloc.slice::<&[u8]>(self.count).map_err(|_| LegError::TooManyEvents)?;
        for (slot, journey) in journeys.iter_mut().zip(self.each_journey()) {
            pgrx::check_for_interrupts!();
            *slot = journey;
        }
        let sequence = Sequence::of(&journeys, &Palloc).map_err(|_| LegError::TooManyEvents)?;
        if let Some(sequence) = sequence
            && let Some(packed) = JourneyValue::of_sequence(&sequence)?
        {
            return Ok(packed);
        }
        let scratch = Scratch::new(c"travel: journeys that overlap", 8 * 1024);
        scratch.within(|| all_joined(&journeys))?.packed()
    }

    /// The journeys as one, for a reader. Its bytes are those of this state, and only valid until a journey is added.
    pub fn read(&mut self) -> Result<JourneyValue, TravelError> {
        if self.count != 1 {
            self.merge()?;
        }
        let Some(chunk) = self.first else { return JourneyValue::new(None, false) };
        // SAFETY: the only chunk, with one journey, which is at its start.
        unsafe {
            let value = (&raw mut (*chunk.as_ptr()).header).cast::<pg_sys::varlena>();
            pgrx::varlena::set_varsize_4b(value, (pg_sys::VARHDRSZ + self.size) as i32);
            Ok(JourneyValue::of_block(value))
        }
    }
}

/// One journey with the events of all, in the current memory context. Each half is joined first, so an event is copied as
/// often as the journeys can be halved, and no more than a few copies of it exist at a time.
fn all_joined(journeys: &[&[u8]]) -> Result<JourneyValue, TravelError> {
    pgrx::check_for_interrupts!();
    match journeys {
        [] => JourneyValue::new(None, false),
        [journey] => JourneyValue::copy_of(journey),
        _ => {
            let (earlier, later) = journeys.split_at(journeys.len() / 2);
            let (earlier, later) = (all_joined(earlier)?, all_joined(later)?);
            let all = joined(earlier, later.bytes())?;
            // SAFETY: both were made here, and the result has no pointer into them.
            unsafe {
                later.free();
                earlier.free_if_replaced_by(all);
            }
            Ok(all)
        }
    }
}

/// # Safety
/// `parent` must be alive.
unsafe fn new_context(parent: pg_sys::MemoryContext) -> pg_sys::MemoryContext {
    // SAFETY: by the caller.
    unsafe {
        pg_sys::AllocSetContextCreateExtended(
            parent,
            c"travel: journeys of a rollup".as_ptr(),
            0,
            8 * 1024,
            8 * 1024 * 1024,
        )
    }
}

/// # Safety
/// `parent` must be the context of a hash table, which is freed before the call site.
unsafe fn new_context_of_site(parent: pg_sys::MemoryContext, site: &ContextOfSite) -> pg_sys::MemoryContext {
    // SAFETY: by the caller. The callback is in the context that it is registered for.
    unsafe {
        let context = new_context(parent);
        let callback = pg_sys::MemoryContextAlloc(context, size_of::<pg_sys::MemoryContextCallback>())
            .cast::<pg_sys::MemoryContextCallback>();
        callback.write(pg_sys::MemoryContextCallback {
            func: Some(forget),
            arg: std::ptr::from_ref(site).cast_mut().cast(),
            next: null_mut(),
        });
        pg_sys::MemoryContextRegisterResetCallback(context, callback);
        site.set(context);
        context
    }
}

/// Called when the memory of the states of a hash table is freed.
unsafe extern "C-unwind" fn forget(site: *mut c_void) {
    // SAFETY: the argument that `new_context_of_site` registered, which lives longer than the states.
    unsafe { (*site.cast::<ContextOfSite>()).set(null_mut()) };
}

/// The size of a state as a plain value.
unsafe extern "C-unwind" fn flat_size(object: *mut pg_sys::ExpandedObjectHeader) -> pg_sys::Size {
    // SAFETY: PostgreSQL calls this for an object of this module.
    unsafe { flat_size_of(|| (*object.cast::<Rollup>()).read()) }
}

/// Writes a state as a plain value. Nothing was added since `flat_size`, so nothing is merged.
unsafe extern "C-unwind" fn flatten_into(
    object: *mut pg_sys::ExpandedObjectHeader,
    result: *mut c_void,
    size: pg_sys::Size,
) {
    // SAFETY: as above.
    unsafe { flatten(|| (*object.cast::<Rollup>()).read(), result, size) };
}
