//! `travel.distance_km`, `travel.velocity_kmh`, `travel.great_circle`.

use crate::pg::errors::{GeodesyError, TravelError};
use crate::pg::function::{Call, f64_datum, pg_function};
use crate::pg::jsonb;
use pgrx::pg_sys;
use travel_core::geodesy::{self, Coordinates, OutOfRange};
use travel_core::great_circle;

pg_function!(travel_distance_km, pg_finfo_travel_distance_km, distance_km);
pg_function!(travel_velocity_kmh, pg_finfo_travel_velocity_kmh, velocity_kmh);
pg_function!(travel_great_circle, pg_finfo_travel_great_circle, great_circle);

/// `(lat1, lon1, lat2, lon2) -> float8`
fn distance_km(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some((from, to)) = both_ends(call)? else { return Ok(call.null()) };
    Ok(f64_datum(from.distance_km(to)))
}

/// `(lat1, lon1, lat2, lon2) -> jsonb`
fn great_circle(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some((from, to)) = both_ends(call)? else { return Ok(call.null()) };
    // The text is JSON, so there is no error.
    Ok(jsonb::of_json(&great_circle::geojson(from, to)).unwrap_or_else(|_| call.null()))
}

fn both_ends(call: &Call) -> Result<Option<(Coordinates, Coordinates)>, TravelError> {
    let (Some(lat1), Some(lon1), Some(lat2), Some(lon2)) =
        (call.f64(0), call.f64(1), call.f64(2), call.f64(3))
    else {
        return Ok(None);
    };
    Ok(Some((coordinates("lat1", lat1, "lon1", lon1)?, coordinates("lat2", lat2, "lon2", lon2)?)))
}

fn coordinates(
    lat_name: &'static str,
    lat: f64,
    lon_name: &'static str,
    lon: f64,
) -> Result<Coordinates, TravelError> {
    Coordinates::new(lat, lon).map_err(|out| match out {
        OutOfRange::Latitude => {
            GeodesyError::CoordinateOutOfRange { argument: lat_name, value: lat, range: "between -90 and 90" }
                .into()
        }
        OutOfRange::Longitude => GeodesyError::CoordinateOutOfRange {
            argument: lon_name,
            value: lon,
            range: "between -180 and 180",
        }
        .into(),
    })
}

fn velocity_kmh(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(distance_km), Some(elapsed)) = (call.f64(0), call.datum(1)) else { return Ok(call.null()) };
    if distance_km.is_nan() || distance_km < 0.0 {
        return Err(GeodesyError::DistanceNegative { value: distance_km }.into());
    }
    // SAFETY: SQL declares the argument as interval, which is passed by reference.
    let elapsed = unsafe { &*elapsed.cast_mut_ptr::<pg_sys::Interval>() };
    // As EXTRACT(epoch FROM interval) counts: a year of 365.25 days, a month of 30, a day of 24 hours.
    let (years, months) = (elapsed.month / 12, elapsed.month % 12);
    let days = f64::from(years) * 365.25 + f64::from(months) * 30.0 + f64::from(elapsed.day);
    let seconds = days * 86_400.0 + elapsed.time as f64 / 1e6;
    Ok(f64_datum(match geodesy::velocity_kmh(distance_km, seconds) {
        Some(velocity) => velocity,
        None if distance_km == 0.0 => 0.0,
        None => f64::INFINITY,
    }))
}
