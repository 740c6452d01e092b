//! The row type `travel.leg`: two ends and what is computed between them.

use crate::geoip::Places;
use crate::pg::errors::TravelError;
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::inet;
use crate::pg::row::{Row, RowType};
use pgrx::pg_sys;
use std::sync::Arc;
use travel_core::address;
use travel_core::geodesy::Coordinates;
use travel_core::journey::{Leg, Measure, Stop, Thresholds};
use travel_core::place::Place;
use travel_core::site::Site;

/// The columns of `travel.leg`: 15 for each end, 5 for what is between them.
const LEG_COLUMNS: usize = 35;

/// A leg as a composite value. `E` of a stop is its event id.
pub fn leg_row(
    row_type: RowType,
    leg: &Leg<Option<&[u8]>>,
    measure: &Measure,
    places: Option<&Places>,
) -> Result<pg_sys::Datum, TravelError> {
    let mut row = Row::<LEG_COLUMNS>::new();
    end(&mut row, &leg.from, places)?;
    end(&mut row, &leg.to, places)?;
    row.f64(Some(measure.distance_km));
    row.f64(Some(measure.effective_distance_km));
    row.f64(Some(measure.elapsed_seconds));
    row.f64(measure.velocity_kmh);
    row.bool(Some(measure.impossible));
    row.finish(row_type)
}

fn end(
    row: &mut Row<LEG_COLUMNS>,
    stop: &Stop<Option<&[u8]>>,
    places: Option<&Places>,
) -> Result<(), TravelError> {
    let address = stop.site.address();
    let place: Option<Arc<Place>> = match (address, places) {
        (Some(host), Some(places)) => places.locate(host, stop.time_us)?.place,
        _ => None,
    };
    let place = place.as_deref();
    row.timestamp(Some(stop.time_us));
    row.host(address);
    row.text(stop.event.map(utf8).transpose()?);
    row.text(place.and_then(|place| place.city.as_deref()));
    row.text(place.and_then(|place| place.subdivision.as_deref()));
    row.text(place.and_then(|place| place.country.as_deref()));
    row.text(place.and_then(|place| place.country_code.as_deref()));
    row.f64(Some(stop.coordinates.latitude()));
    row.f64(Some(stop.coordinates.longitude()));
    row.f64(stop.accuracy_km);
    row.i64(place.and_then(|place| place.asn));
    row.text(place.and_then(|place| place.as_organization.as_deref()));
    row.text(place.and_then(|place| place.hosting.as_deref()));
    row.text(place.and_then(|place| place.anonymizer).map(|anonymizer| anonymizer.as_str()));
    row.text(place.and_then(|place| place.carrier).map(|carrier| carrier.as_str()));
    Ok(())
}

/// Thresholds as SQL gives them, each checked.
pub fn thresholds(
    min_distance_km: Option<f64>,
    min_velocity_kmh: Option<f64>,
    use_accuracy: Option<bool>,
) -> Result<Thresholds, TravelError> {
    let checked = |name, value: Option<f64>| match value {
        None => Err(TravelError::ThresholdNull { name }),
        Some(value) if !value.is_finite() || value < 0.0 => {
            Err(TravelError::ThresholdNotANumber { name, value })
        }
        Some(value) => Ok(value),
    };
    Ok(Thresholds {
        min_distance_km: checked("min_distance_km", min_distance_km)?,
        min_velocity_kmh: checked("min_velocity_kmh", min_velocity_kmh)?,
        use_accuracy: use_accuracy.ok_or(TravelError::ThresholdNull { name: "use_accuracy" })?,
    })
}

/// Times must be finite: PostgreSQL's infinities are the ends of the range.
pub fn finite(time_us: i64) -> Result<i64, TravelError> {
    if time_us == i64::MIN || time_us == i64::MAX { Err(TravelError::InfiniteTime) } else { Ok(time_us) }
}

/// An address column that is text: none where it is no address; an error where it is a number, which is what a
/// coordinate looks like.
fn address_of_text(text: &str) -> Result<Option<std::net::IpAddr>, TravelError> {
    match address::parse(text) {
        None if travel_cloudtrail::plain_decimal(text) => {
            Err(TravelError::AddressIsANumber { text: text.to_owned() })
        }
        address => Ok(address),
    }
}

/// Coordinates of two columns: none where one is missing, NaN or out of range.
pub fn coordinates_of(latitude: Option<f64>, longitude: Option<f64>) -> Option<Coordinates> {
    Coordinates::new(latitude?, longitude?).ok()
}

/// What the arguments that say where an event was are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// `inet`
    Inet,
    /// `text`
    Text,
    /// `latitude float8, longitude float8`
    Coordinates,
    /// `latitude float8, longitude float8, accuracy_km float8`
    Accurate,
}

/// What those arguments say.
#[derive(Clone, Copy, PartialEq)]
pub struct Whereabouts {
    pub site: Site,
    /// km, where it is an argument.
    pub accuracy_km: Option<f64>,
}

impl Where {
    /// How many arguments say where an event was.
    pub fn arguments(self) -> usize {
        match self {
            Self::Inet | Self::Text => 1,
            Self::Coordinates => 2,
            Self::Accurate => 3,
        }
    }

    /// What these arguments say; none where it cannot have a place: NULL, no address, coordinates out of range.
    pub fn read(
        self,
        argument: impl Fn(usize) -> Option<pg_sys::Datum>,
    ) -> Result<Option<Whereabouts>, TravelError> {
        let Some(first) = argument(0) else { return Ok(None) };
        let number = |datum: pg_sys::Datum| f64::from_bits(datum.value() as u64);
        let host = match self {
            // SAFETY: SQL declares the argument as inet.
            Self::Inet => unsafe { inet::read(first) },
            // SAFETY: SQL declares the argument as text.
            Self::Text => address_of_text(utf8(unsafe { varlena_bytes(first) })?)?,
            Self::Coordinates | Self::Accurate => {
                let radius = if self == Self::Accurate { argument(2).map(number) } else { None };
                let accuracy_km = radius.filter(|radius| radius.is_finite() && *radius >= 0.0);
                let coordinates = coordinates_of(Some(number(first)), argument(1).map(number));
                return Ok(
                    coordinates.map(|at| Whereabouts { site: Site::from_coordinates(at), accuracy_km })
                );
            }
        };
        Ok(host.map(|host| Whereabouts { site: Site::from_address(host), accuracy_km: None }))
    }
}
