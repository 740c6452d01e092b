//! The arguments that the window function and the aggregate share, read from SQL and checked: thresholds, times, and
//! the address or the coordinates of an event.

use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::inet;
use pgrx::pg_sys;
use travel_core::address;
use travel_core::geodesy::Coordinates;
use travel_core::journey::Thresholds;
use travel_core::site::Site;

/// Checks the thresholds that SQL passes.
pub fn thresholds(
    min_distance_km: Option<f64>,
    min_velocity_kmh: Option<f64>,
    use_accuracy: Option<bool>,
) -> Result<Thresholds, TravelError> {
    let checked = |name, value: Option<f64>| match value {
        None => Err(LegError::ThresholdNull { name }),
        Some(value) if !value.is_finite() || value < 0.0 => {
            Err(LegError::ThresholdOutOfRange { name, value })
        }
        Some(value) => Ok(value),
    };
    Ok(Thresholds {
        min_distance_km: checked("min_distance_km", min_distance_km)?,
        min_velocity_kmh: checked("min_velocity_kmh", min_velocity_kmh)?,
        use_accuracy: use_accuracy.ok_or(LegError::ThresholdNull { name: "use_accuracy" })?,
    })
}

/// Checks that a time is finite. PostgreSQL's infinities are the ends of the range.
pub fn finite(time_us: i64) -> Result<i64, TravelError> {
    if time_us == i64::MIN || time_us == i64::MAX { Err(LegError::InfiniteTime.into()) } else { Ok(time_us) }
}

/// Reads an address from text. `None` if the text is not an address. A number is an error, because it is probably a
/// coordinate.
fn address_of_text(text: &str) -> Result<Option<std::net::IpAddr>, TravelError> {
    match address::parse(text) {
        None if travel_cloudtrail::plain_decimal(text) => {
            Err(LegError::AddressIsANumber { text: text.to_owned() }.into())
        }
        address => Ok(address),
    }
}

/// Coordinates from two columns. `None` if one is missing, NaN or out of range.
pub fn coordinates_of(latitude: Option<f64>, longitude: Option<f64>) -> Option<Coordinates> {
    Coordinates::new(latitude?, longitude?).ok()
}

/// The form of the arguments that say where an event was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SiteArguments {
    /// `inet`
    Inet,
    /// `text`
    Text,
    /// `latitude float8, longitude float8`
    Coordinates,
    /// `latitude float8, longitude float8, accuracy_km float8`
    Accurate,
}

/// The site that these arguments give.
#[derive(Clone, Copy, PartialEq)]
pub struct ArgumentSite {
    pub site: Site,
    /// In km, if it is an argument.
    pub accuracy_km: Option<f64>,
}

impl SiteArguments {
    /// The number of arguments.
    #[inline]
    pub fn arguments(self) -> usize {
        match self {
            Self::Inet | Self::Text => 1,
            Self::Coordinates => 2,
            Self::Accurate => 3,
        }
    }

    /// Reads the arguments. `None` if they give no site: they are NULL, not an address, or out of range.
    #[inline]
    pub fn read(
        self,
        argument: impl Fn(usize) -> Option<pg_sys::Datum>,
    ) -> Result<Option<ArgumentSite>, TravelError> {
        let Some(first) = argument(0) else { return Ok(None) };
        let number = |datum: pg_sys::Datum| f64::from_bits(datum.value() as u64);
        let site = match self {
            // SAFETY: SQL declares the argument as inet.
            Self::Inet => unsafe { inet::site(first) },
            Self::Text => {
                // SAFETY: SQL declares the argument as text.
                let text = utf8(unsafe { varlena_bytes(first) })?;
                address_of_text(text)?.map(Site::from_address)
            }
            Self::Coordinates | Self::Accurate => {
                let radius = if self == Self::Accurate { argument(2).map(number) } else { None };
                let accuracy_km = radius.filter(|radius| radius.is_finite() && *radius >= 0.0);
                let coordinates = coordinates_of(Some(number(first)), argument(1).map(number));
                return Ok(
                    coordinates.map(|at| ArgumentSite { site: Site::from_coordinates(at), accuracy_km })
                );
            }
        };
        Ok(site.map(|site| ArgumentSite { site, accuracy_km: None }))
    }
}
