//! A value of the type `travel.journey`: an event set (see `travel_core::event_set`) as a value of PostgreSQL, which the
//! aggregates change in place.

use super::hash_states;
use super::rollup::Rollup;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::varlena_bytes;
use crate::pg::memory::{MAX_VARLENA, Palloc, PallocSlice, copy, zeroed_varlena};
use pgrx::pg_sys;
use std::ffi::c_void;
use travel_core::event_set::{self, Full, Memory, Sequence, SetRow};
use travel_core::journey::Thresholds;

/// A block that contains an event set and may have room for more events. Its length as a value is the size of the
/// block.
#[derive(Clone, Copy)]
pub struct JourneyValue {
    value: *mut pg_sys::varlena,
}

/// The size of the first block, enough for about thirty events.
const FIRST_BLOCK: usize = 512;

impl JourneyValue {
    /// A new, empty state in the current memory context. Without thresholds it is a journey.
    pub fn new(thresholds: Option<Thresholds>, labelled: bool) -> Result<Self, TravelError> {
        Self::with_size(FIRST_BLOCK, thresholds, labelled)
    }

    /// As [`JourneyValue::new`], in a block of this size.
    pub fn with_size(
        size: usize,
        thresholds: Option<Thresholds>,
        labelled: bool,
    ) -> Result<Self, TravelError> {
        let state = Self::allocate(size)?;
        event_set::initialize(state.block(), thresholds, labelled);
        Ok(state)
    }

    /// A journey with these bytes in the current memory context.
    pub fn copy_of(set: &[u8]) -> Result<Self, TravelError> {
        let journey = Self::allocate(set.len() + pg_sys::VARHDRSZ)?;
        copy(set, journey.block());
        Ok(journey)
    }

    /// All events of a sequence of journeys, in their smallest form. `None` if they must be merged.
    pub fn of_sequence(sequence: &Sequence<Palloc>) -> Result<Option<Self>, TravelError> {
        let most = sequence.longest() + pg_sys::VARHDRSZ;
        if most > MAX_VARLENA {
            return Ok(None);
        }
        let journey = Self::allocate(most)?;
        let used = sequence.write(journey.block()).map_err(|_| LegError::TooManyEvents)?;
        // SAFETY: it is this function's own. The bytes that it does not need stay unused.
        unsafe {
            match used {
                Some(used) => pgrx::varlena::set_varsize_4b(journey.value, (used + pg_sys::VARHDRSZ) as i32),
                None => pg_sys::pfree(journey.value.cast()),
            }
        }
        Ok(used.map(|_| journey))
    }

    /// The value of an argument, which is only read. A value that comes from a table may be toasted or have a short
    /// header, and is then copied.
    ///
    /// # Safety
    /// `datum` must be a `travel.journey`.
    pub unsafe fn of_datum(datum: pg_sys::Datum) -> Result<Self, TravelError> {
        // SAFETY: by the caller.
        unsafe {
            match object_of(datum) {
                None => Ok(Self::of_state(datum)),
                Some(object) => match Rollup::of_object(object) {
                    Some(rollup) => rollup.read(),
                    None => hash_states::read(object),
                },
            }
        }
    }

    /// The bytes of an argument, without free room. They are copied only if the value is compressed or stored out of line.
    ///
    /// # Safety
    /// `datum` must be a `travel.journey`.
    pub unsafe fn bytes_of_datum<'a>(datum: pg_sys::Datum) -> Result<&'a [u8], TravelError> {
        // SAFETY: by the caller.
        let bytes = unsafe {
            if object_of(datum).is_some() { Self::of_datum(datum)?.bytes() } else { varlena_bytes(datum) }
        };
        Ok(&bytes[..event_set::used(bytes)])
    }

    /// The value of an aggregate's own state, which is plain and may be changed in place. Any other value is copied.
    ///
    /// # Safety
    /// `datum` must be a `travel.journey`, and one that may be changed.
    pub unsafe fn of_state(datum: pg_sys::Datum) -> Self {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the caller.
        unsafe {
            let is_plain = pgrx::varlena::varatt_is_4b_u(value);
            Self { value: if is_plain { value } else { pg_sys::pg_detoast_datum(value) } }
        }
    }

    /// A plain value.
    ///
    /// # Safety
    /// `block` must be a `travel.journey` with a 4-byte header.
    pub unsafe fn of_block(block: *mut pg_sys::varlena) -> Self {
        Self { value: block }
    }

    pub fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.value)
    }

    pub fn bytes<'a>(self) -> &'a [u8] {
        self.block()
    }

    /// The whole block, including its free room. Only one such reference may be used at a time.
    pub fn block<'a>(self) -> &'a mut [u8] {
        // SAFETY: `value` is a variable-length value with a 4-byte header, as `allocate` makes it.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.value.cast::<u8>().add(pg_sys::VARHDRSZ),
                pgrx::varlena::varsize_4b(self.value) - pg_sys::VARHDRSZ,
            )
        }
    }

    /// Adds a row. The result is this state, or a larger one in the current memory context, which PostgreSQL copies
    /// into the context of the aggregate.
    pub fn append(self, row: &SetRow) -> Result<Self, TravelError> {
        let mut state = self;
        loop {
            match event_set::append(state.block(), row) {
                Ok(()) => return Ok(state),
                Err(Full::Grow(size)) => state = state.moved(size + pg_sys::VARHDRSZ)?,
                Err(Full::Merge(needed)) => state = Self::merge(&[state.bytes()], Some(state), needed)?,
            }
        }
    }

    /// Adds all events of another set, which is of the same kind (see [`event_set::append_all`]).
    pub fn join(self, other: &[u8]) -> Result<Self, TravelError> {
        if event_set::append_all(self.block(), other, &Palloc) {
            return Ok(self);
        }
        let used = event_set::used(self.bytes());
        match event_set::appended_len(other) {
            // Small sets are joined without merging. There can be very many of them, so each has little room to spare.
            Some(length) if used + length < event_set::MERGE_FROM => {
                let larger = self.moved((used + length + pg_sys::VARHDRSZ).next_power_of_two())?;
                if event_set::append_all(larger.block(), other, &Palloc) {
                    return Ok(larger);
                }
                // SAFETY: made here.
                unsafe { larger.free() };
            }
            // A small set joins a large one, which is merged only when it is full.
            Some(length) if length < event_set::MERGE_FROM => {
                let roomy = Self::merge(&[self.bytes()], Some(self), length)?;
                if event_set::append_all(roomy.block(), other, &Palloc) {
                    return Ok(roomy);
                }
                let all = Self::merge(&[roomy.bytes(), other], None, 0)?;
                // SAFETY: made here, or this state.
                unsafe { roomy.free_if_replaced_by(self) };
                return Ok(all);
            }
            _ => {}
        }
        Self::merge(&[self.bytes(), other], None, 0)
    }

    /// Returns a copy in the current memory context. A small copy has room for another state of the same size.
    pub fn with_room_for_two(self) -> Result<Self, TravelError> {
        let size = event_set::used(self.bytes()) + pg_sys::VARHDRSZ;
        self.moved(if size < event_set::MERGE_FROM { (2 * size).next_power_of_two() } else { size })
    }

    /// The same events in their smallest form, without free room. Of a journey, it has the same bytes whatever the order
    /// in which its events came.
    pub fn packed(self) -> Result<Self, TravelError> {
        let (out, used) = Self::merged(&[self.bytes()])?;
        let packed = Self::allocate(used + pg_sys::VARHDRSZ)?;
        copy(&out[..used], packed.block());
        Ok(packed)
    }

    /// Merges one or two sets into one with `needed` free bytes. It is written into `home` if there is enough room.
    fn merge(sets: &[&[u8]], home: Option<Self>, needed: usize) -> Result<Self, TravelError> {
        let (out, used) = Self::merged(sets)?;
        let room = home.map_or(0, |home| home.block().len());
        let wanted = event_set::capacity_after_merge(used, room, needed);
        if used + needed > MAX_VARLENA - pg_sys::VARHDRSZ {
            return Err(LegError::TooManyEvents.into());
        }
        let target = match home {
            Some(home) if wanted == room => home,
            // Near the limit, a state takes all remaining room. If that is full, too, the state is too large.
            _ => Self::allocate((wanted + pg_sys::VARHDRSZ).min(MAX_VARLENA))?,
        };
        copy(&out[..used], &mut target.block()[..used]);
        // A state that is nearly full of distinct events would be merged again and again without effect.
        if home.is_some() && used > MAX_VARLENA / 10 * 9 {
            return Err(LegError::TooManyEvents.into());
        }
        Ok(target)
    }

    /// Merges one or two sets into scratch memory, and returns how much of it they take.
    fn merged(sets: &[&[u8]]) -> Result<(PallocSlice<u8>, usize), TravelError> {
        let mut size = sets.iter().map(|set| event_set::used(set)).sum::<usize>() + 1024;
        loop {
            let mut out = Palloc.slice::<u8>(size).map_err(|_| LegError::TooManyEvents)?;
            let merged =
                event_set::merge_into(sets, &Palloc, &mut out).map_err(|_| LegError::TooManyEvents)?;
            if let Some(used) = merged {
                return Ok((out, used));
            }
            size = size.saturating_mul(2);
            if size > 4 * MAX_VARLENA {
                return Err(LegError::TooManyEvents.into());
            }
        }
    }

    fn moved(self, size: usize) -> Result<Self, TravelError> {
        let larger = Self::allocate(size)?;
        let used = event_set::used(self.bytes());
        copy(&self.bytes()[..used], &mut larger.block()[..used]);
        Ok(larger)
    }

    /// Frees the block.
    ///
    /// # Safety
    /// The block must be an allocation of its own that nothing else refers to.
    pub unsafe fn free(self) {
        // SAFETY: by the caller.
        unsafe { pg_sys::pfree(self.value.cast()) };
    }

    /// Frees the block, unless it is that of `other`.
    ///
    /// # Safety
    /// As for [`JourneyValue::free`], if it is another one.
    pub unsafe fn free_if_replaced_by(self, other: Self) {
        if self.value != other.value {
            // SAFETY: by the caller.
            unsafe { self.free() };
        }
    }

    fn allocate(size: usize) -> Result<Self, TravelError> {
        if size > MAX_VARLENA {
            return Err(LegError::TooManyEvents.into());
        }
        // All of it is zeroed, because a value may be copied whole.
        Ok(Self { value: zeroed_varlena(size) })
    }
}

/// Returns the expanded object to which a value points. `None` if it is any other value.
///
/// # Safety
/// `datum` must be a variable-length value.
pub unsafe fn object_of(datum: pg_sys::Datum) -> Option<*mut pg_sys::ExpandedObjectHeader> {
    // SAFETY: by the caller. The value of an object that is alive points to it.
    unsafe {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        let is_object = pgrx::varlena::varatt_is_1b_e(value)
            && pgrx::varlena::vartag_is_expanded(pgrx::varlena::vartag_external(value).into());
        is_object.then(|| pg_sys::DatumGetEOHP(datum))
    }
}

/// The method `get_flat_size` of an expanded object with events: the size of its plain value.
///
/// # Safety
/// PostgreSQL must have called the method, and this must be its whole body.
pub unsafe fn flat_size_of(read: impl FnOnce() -> Result<JourneyValue, TravelError>) -> pg_sys::Size {
    // SAFETY: by the caller, this is the outermost frame of Rust.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| match read() {
            Ok(value) => pg_sys::VARHDRSZ + event_set::used(value.bytes()),
            Err(error) => TravelError::raise(error),
        })
    }
}

/// The method `flatten_into` of an expanded object with events: writes its plain value, of the size that `flat_size_of`
/// returned just before.
///
/// # Safety
/// As for [`flat_size_of`]. `result` must have room for `size` bytes.
pub unsafe fn flatten(
    read: impl FnOnce() -> Result<JourneyValue, TravelError>,
    result: *mut c_void,
    size: pg_sys::Size,
) {
    // SAFETY: by the caller.
    unsafe {
        pg_sys::panic::pgrx_extern_c_guard(|| match read() {
            Ok(value) => {
                let content = value.bytes();
                let length = (size - pg_sys::VARHDRSZ).min(content.len());
                let target = result.cast::<u8>().add(pg_sys::VARHDRSZ);
                std::ptr::copy_nonoverlapping(content.as_ptr(), target, length);
                pgrx::varlena::set_varsize_4b(result.cast(), size as i32);
            }
            Err(error) => TravelError::raise(error),
        });
    }
}
