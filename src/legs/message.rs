//! The SQL functions that describe a leg: its id, its travel time in words, and its message; and the entity as one
//! text.

use super::arguments::coordinates_of;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use pgrx::pg_sys;
use travel_core::message::{self, Credential, LegEnd, Sentence};
use travel_core::site::Site;

pg_function!(travel_leg_id, pg_finfo_travel_leg_id, leg_id);
pg_function!(travel_leg_id_coordinates, pg_finfo_travel_leg_id_coordinates, leg_id_coordinates);
pg_function!(travel_travel_time, pg_finfo_travel_travel_time, travel_time);
pg_function!(travel_finding_message, pg_finfo_travel_finding_message, finding_message);
pg_function!(travel_entity, pg_finfo_travel_entity, entity);

/// The id of a leg between addresses: `(entity, from_time, from_ip, to_time, to_ip)`.
fn leg_id(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (from, to) = (call.inet(2).map(Site::from_address), call.inet(4).map(Site::from_address));
    leg_id_of(call, from, to, 3)
}

/// The id of a leg between coordinates: `(entity, from_time, from_latitude, from_longitude, to_time, to_latitude,
/// to_longitude)`.
fn leg_id_coordinates(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let from = coordinates_of(call.f64(2), call.f64(3)).map(Site::from_coordinates);
    let to = coordinates_of(call.f64(5), call.f64(6)).map(Site::from_coordinates);
    leg_id_of(call, from, to, 4)
}

fn leg_id_of(
    call: &Call,
    from: Option<Site>,
    to: Option<Site>,
    to_time_at: usize,
) -> Result<pg_sys::Datum, TravelError> {
    let (Some(entity), Some(from_time), Some(from), Some(to_time), Some(to)) =
        (call.text(0)?, call.timestamp(1), from, call.timestamp(to_time_at), to)
    else {
        return Ok(call.null());
    };
    Ok(varlena(message::leg_id(entity, from_time, from, to_time, to).as_bytes()))
}

fn travel_time(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    Ok(call.f64(0).map_or_else(|| call.null(), |seconds| varlena(message::travel_time(seconds).as_bytes())))
}

/// The message of a leg: `(entity, from_access_key_id, from_identity_type, from_session_name, to_access_key_id,
/// to_identity_type, to_session_name, from_city, from_country, from_latitude, from_longitude, to_city, to_country,
/// to_latitude, to_longitude, elapsed_seconds, distance_km, velocity_kmh, impossible)`
fn finding_message(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(entity), Some(elapsed_seconds), Some(distance_km)) =
        (call.text(0)?, call.f64(15), call.f64(16))
    else {
        return Ok(call.null());
    };
    let credential = |at: usize| -> Result<Credential, TravelError> {
        Ok(Credential::new(call.text(at)?, call.text(at + 1)?, call.text(at + 2)?))
    };
    let leg_end = |at: usize| -> Result<LegEnd, TravelError> {
        Ok(LegEnd {
            city: call.text(at)?,
            country: call.text(at + 1)?,
            latitude: call.f64(at + 2).unwrap_or(f64::NAN),
            longitude: call.f64(at + 3).unwrap_or(f64::NAN),
        })
    };
    let sentence = Sentence {
        entity,
        from_credential: credential(1)?,
        to_credential: credential(4)?,
        from: leg_end(7)?,
        to: leg_end(11)?,
        elapsed_seconds,
        distance_km,
        velocity_kmh: call.f64(17),
        impossible: call.bool(18).unwrap_or(false),
    };
    Ok(varlena(message::message(&sentence).as_bytes()))
}

/// The entity from a text[]: see `travel_core::entity`.
fn entity(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(parts) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: SQL declares the argument as text[].
    let parts = unsafe { array::texts(parts) }?;
    let entity = travel_core::entity::entity(parts.iter().map(|part| part.as_deref()));
    Ok(entity.map_or_else(|| call.null(), |entity| varlena(entity.as_bytes())))
}
