//! The type `travel_internal.legs_state`: an event set (see `travel_core::event_set`) as a value of PostgreSQL.

use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::{MAX_VARLENA, Palloc, varlena};
use pgrx::pg_sys;
use travel_core::event_set::{self, Full, Memory, SetRow};
use travel_core::journey::Thresholds;

/// A block that contains an event set and may have room for more events. Its length as a value is the size of the
/// block.
#[derive(Clone, Copy)]
pub struct LegsState {
    value: *mut pg_sys::varlena,
}

/// The size of the first block, enough for about thirty events.
const FIRST_BLOCK: usize = 512;

impl LegsState {
    /// A new, empty state in the current memory context.
    pub fn new(thresholds: Thresholds, labelled: bool) -> Result<Self, TravelError> {
        let state = Self::allocate(FIRST_BLOCK)?;
        event_set::initialize(state.block(), thresholds, labelled);
        Ok(state)
    }

    /// The state that an aggregate passes. It is nearly always the aggregate's own, plain and changed in place. A state
    /// that comes from a table, through an aggregate that a user wrote, may be toasted and is copied.
    ///
    /// # Safety
    /// `datum` must be a `travel_internal.legs_state`, and one that may be changed, or is only read.
    pub unsafe fn of_aggregate(datum: pg_sys::Datum) -> Self {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the caller.
        unsafe {
            let is_plain = pgrx::varlena::varatt_is_4b_u(value);
            Self { value: if is_plain { value } else { pg_sys::pg_detoast_datum(value) } }
        }
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
                Err(Full::Merge(needed)) => state = Self::merge(&[state], Some(state), needed)?,
            }
        }
    }

    /// Adds all events of another state.
    pub fn join(self, other: Self) -> Result<Self, TravelError> {
        if event_set::append_all(self.block(), other.bytes()) {
            return Ok(self);
        }
        // Small sets are joined without merging. There can be very many of them, so each has little room to spare.
        let together = event_set::used(self.bytes()) + event_set::used(other.bytes());
        if together < event_set::MERGE_FROM {
            let larger = self.moved((together + pg_sys::VARHDRSZ).next_power_of_two())?;
            if event_set::append_all(larger.block(), other.bytes()) {
                return Ok(larger);
            }
        }
        Self::merge(&[self, other], None, 0)
    }

    /// Merges one or two states into one with `needed` free bytes. It is written into `home` if there is enough room.
    fn merge(states: &[Self], home: Option<Self>, needed: usize) -> Result<Self, TravelError> {
        let sets: Vec<&[u8]> = states.iter().map(|state| state.bytes()).collect();
        let mut size = sets.iter().map(|set| event_set::used(set)).sum::<usize>() + 1024;
        loop {
            let mut out = Palloc.slice::<u8>(size).map_err(|_| LegError::TooManyEvents)?;
            let merged =
                event_set::merge_into(&sets, &Palloc, &mut out).map_err(|_| LegError::TooManyEvents)?;
            let Some(used) = merged else {
                size = size.saturating_mul(2);
                if size > 4 * MAX_VARLENA {
                    return Err(LegError::TooManyEvents.into());
                }
                continue;
            };
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
            target.block()[..used].copy_from_slice(&out[..used]);
            // A state that is nearly full of distinct events would be merged again and again without effect.
            if home.is_some() && used > MAX_VARLENA / 10 * 9 {
                return Err(LegError::TooManyEvents.into());
            }
            return Ok(target);
        }
    }

    fn moved(self, size: usize) -> Result<Self, TravelError> {
        let larger = Self::allocate(size)?;
        let used = event_set::used(self.bytes());
        larger.block()[..used].copy_from_slice(&self.bytes()[..used]);
        Ok(larger)
    }

    fn allocate(size: usize) -> Result<Self, TravelError> {
        if size > MAX_VARLENA {
            return Err(LegError::TooManyEvents.into());
        }
        // SAFETY: a plain allocation, its header written at once. The rest is zeroed: a value may be copied whole.
        unsafe {
            let value = pg_sys::palloc0(size).cast::<pg_sys::varlena>();
            pgrx::varlena::set_varsize_4b(value, size as i32);
            Ok(Self { value })
        }
    }
}

pg_function!(travel_legs_state_in, pg_finfo_travel_legs_state_in, state_in);
pg_function!(travel_legs_state_out, pg_finfo_travel_legs_state_out, state_out);
pg_function!(travel_legs_state_recv, pg_finfo_travel_legs_state_recv, state_recv);
pg_function!(travel_legs_state_send, pg_finfo_travel_legs_state_send, state_send);

/// Reads `\x` followed by hexadecimal digits.
fn state_in(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(text) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the argument of an input function is a C string.
    let text = unsafe { std::ffi::CStr::from_ptr(text.cast_mut_ptr()) }.to_bytes();
    let bad = |detail: &str| LegError::StateText { detail: detail.to_owned() }.into();
    let digits = text.strip_prefix(b"\\x").ok_or_else(|| bad("The text does not begin with \\x."))?;
    if digits.len() % 2 != 0 {
        return Err(bad("The text has an odd number of hexadecimal digits."));
    }
    let mut bytes = Palloc.slice::<u8>(digits.len() / 2).map_err(|_| LegError::TooManyEvents)?;
    let digit = |character: u8| char::from(character).to_digit(16).map(|value| value as u8);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(bad("The text has a character that is not a hexadecimal digit."));
        };
        *byte = high << 4 | low;
    }
    event_set::validate(&bytes).map_err(|corrupt| LegError::StateText {
        detail: format!("The value is not an event set: {corrupt}."),
    })?;
    Ok(varlena(&bytes))
}

fn state_out(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(bytes) = call.bytes(0) else { return Ok(call.null()) };
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = &bytes[..event_set::used(bytes)];
    // The result of an output function is a C string: the last byte stays 0.
    let mut text = Palloc.slice::<u8>(bytes.len() * 2 + 3).map_err(|_| LegError::TooManyEvents)?;
    text[..2].copy_from_slice(b"\\x");
    for (pair, byte) in text[2..].chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    let datum = pg_sys::Datum::from(text.as_mut_ptr());
    std::mem::forget(text);
    Ok(datum)
}

fn state_recv(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(buffer) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the argument of a receive function is a StringInfo; what is left of it is the value.
    let bytes = unsafe {
        let buffer = buffer.cast_mut_ptr::<pg_sys::StringInfoData>();
        let start = (*buffer).data.add((*buffer).cursor as usize).cast::<u8>();
        let length = ((*buffer).len - (*buffer).cursor) as usize;
        (*buffer).cursor = (*buffer).len;
        std::slice::from_raw_parts(start, length)
    };
    event_set::validate(bytes).map_err(|corrupt| LegError::StateBinary {
        detail: format!("The value is not an event set: {corrupt}."),
    })?;
    Ok(varlena(bytes))
}

fn state_send(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(bytes) = call.bytes(0) else { return Ok(call.null()) };
    Ok(varlena(&bytes[..event_set::used(bytes)]))
}
