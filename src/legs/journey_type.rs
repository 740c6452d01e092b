//! The text and binary forms of the type `travel.journey`. Values come from dumps, other servers and users, so every byte
//! of a value is checked before it becomes one.

use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::{Palloc, varlena};
use crate::pg::time::is_timestamp;
use pgrx::pg_sys;
use travel_core::event_set::{self, Memory};

pg_function!(travel_journey_in, pg_finfo_travel_journey_in, journey_in);
pg_function!(travel_journey_out, pg_finfo_travel_journey_out, journey_out);
pg_function!(travel_journey_recv, pg_finfo_travel_journey_recv, journey_recv);
pg_function!(travel_journey_send, pg_finfo_travel_journey_send, journey_send);

/// The number of bytes that are converted from or to text between two checks for interrupts.
const CHUNK: usize = 1 << 20;

/// Checks every byte of a value, and that PostgreSQL has its times. Otherwise returns why it is not a journey.
fn validate(bytes: &[u8]) -> Result<(), String> {
    event_set::validate(bytes, &Palloc).map_err(|corrupt| corrupt.to_string())?;
    match event_set::time_range(bytes, &Palloc) {
        Some((first, last)) if !is_timestamp(first) || !is_timestamp(last) => {
            Err("it has a time that is out of range".to_owned())
        }
        _ => Ok(()),
    }
}

/// Reads `\x` followed by hexadecimal digits.
fn journey_in(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(text) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the argument of an input function is a C string.
    let text = unsafe { std::ffi::CStr::from_ptr(text.cast_mut_ptr()) }.to_bytes();
    let bad = |detail: &str| LegError::JourneyText { detail: detail.to_owned() }.into();
    let digits = text.strip_prefix(b"\\x").ok_or_else(|| bad("The text does not begin with \\x."))?;
    if digits.len() % 2 != 0 {
        return Err(bad("The text has an odd number of hexadecimal digits."));
    }
    let mut bytes = Palloc.slice::<u8>(digits.len() / 2).map_err(|_| LegError::TooManyEvents)?;
    let digit = |character: u8| char::from(character).to_digit(16).map(|value| value as u8);
    for (n, (byte, pair)) in bytes.iter_mut().zip(digits.chunks_exact(2)).enumerate() {
        if n % CHUNK == CHUNK - 1 {
            pgrx::check_for_interrupts!();
        }
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(bad("The text has a character that is not a hexadecimal digit."));
        };
        *byte = high << 4 | low;
    }
    validate(&bytes)
        .map_err(|why| LegError::JourneyText { detail: format!("The value is not a journey: {why}.") })?;
    Ok(varlena(&bytes))
}

fn journey_out(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(bytes) = call.bytes(0) else { return Ok(call.null()) };
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = &bytes[..event_set::used(bytes)];
    // The result of an output function is a C string: the last byte stays 0.
    let mut text = Palloc.slice::<u8>(bytes.len() * 2 + 3).map_err(|_| LegError::TooManyEvents)?;
    text[..2].copy_from_slice(b"\\x");
    for (n, (pair, byte)) in text[2..].chunks_exact_mut(2).zip(bytes).enumerate() {
        if n % CHUNK == CHUNK - 1 {
            pgrx::check_for_interrupts!();
        }
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    let datum = pg_sys::Datum::from(text.as_mut_ptr());
    std::mem::forget(text);
    Ok(datum)
}

fn journey_recv(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(buffer) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the argument of a receive function is a StringInfo; what is left of it is the value.
    let bytes = unsafe {
        let buffer = buffer.cast_mut_ptr::<pg_sys::StringInfoData>();
        let start = (*buffer).data.add((*buffer).cursor as usize).cast::<u8>();
        let length = ((*buffer).len - (*buffer).cursor) as usize;
        (*buffer).cursor = (*buffer).len;
        std::slice::from_raw_parts(start, length)
    };
    validate(bytes)
        .map_err(|why| LegError::JourneyBinary { detail: format!("The value is not a journey: {why}.") })?;
    Ok(varlena(bytes))
}

fn journey_send(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(bytes) = call.bytes(0) else { return Ok(call.null()) };
    Ok(varlena(&bytes[..event_set::used(bytes)]))
}
