//! The text and binary forms of the type `travel.journey`. Values come from dumps, other servers and users, so every byte
//! of a value is checked before it becomes one.

use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::{Palloc, varlena};
use crate::pg::time::is_timestamp;
use pgrx::pg_sys;
use travel_core::event_set::{self, BadText};

pg_function!(travel_journey_in, pg_finfo_travel_journey_in, journey_in);
pg_function!(travel_journey_out, pg_finfo_travel_journey_out, journey_out);
pg_function!(travel_journey_recv, pg_finfo_travel_journey_recv, journey_recv);
pg_function!(travel_journey_send, pg_finfo_travel_journey_send, journey_send);

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

fn journey_in(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(text) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: the argument of an input function is a C string.
    let text = unsafe { std::ffi::CStr::from_ptr(text.cast_mut_ptr()) }.to_bytes();
    let bytes = event_set::read_text(text, &Palloc).map_err(|bad| {
        let detail = match bad {
            BadText::NoPrefix => "The text does not begin with \\x.",
            BadText::OddLength => "The text has an odd number of hexadecimal digits.",
            BadText::NotADigit => "The text has a character that is not a hexadecimal digit.",
            BadText::TooLarge => return LegError::TooManyEvents,
        };
        LegError::JourneyText { detail: detail.to_owned() }
    })?;
    validate(&bytes)
        .map_err(|why| LegError::JourneyText { detail: format!("The value is not a journey: {why}.") })?;
    Ok(varlena(&bytes))
}

fn journey_out(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(bytes) = call.bytes(0) else { return Ok(call.null()) };
    let mut text = event_set::write_text(bytes, &Palloc).map_err(|_| LegError::TooManyEvents)?;
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
