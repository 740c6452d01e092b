//! Great-circle geometry: the only place where a distance or a velocity is computed.

/// Mean radius of the Earth in km (IUGG R1).
pub const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Half of the sphere's circumference in km, rounded up. No two points are farther apart.
pub const HALF_CIRCUMFERENCE_KM: f64 = 20_015.12;

use serde::{Deserialize, Serialize};

/// A point on the sphere, in degrees: latitude (north is positive) and longitude (east is positive), finite and in
/// range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "(f64, f64)", try_from = "(f64, f64)")]
pub struct Coordinates {
    latitude: f64,
    longitude: f64,
}

/// The coordinate that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    Latitude,
    Longitude,
}

impl From<Coordinates> for (f64, f64) {
    fn from(at: Coordinates) -> Self {
        (at.latitude, at.longitude)
    }
}

impl TryFrom<(f64, f64)> for Coordinates {
    type Error = &'static str;

    fn try_from((latitude, longitude): (f64, f64)) -> Result<Self, Self::Error> {
        Self::new(latitude, longitude).map_err(|_| "coordinates out of range")
    }
}

impl Coordinates {
    /// Creates a point. The latitude must be within ±90 degrees and the longitude within ±180. NaN is out of range.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, OutOfRange> {
        if !(-90.0..=90.0).contains(&latitude) {
            Err(OutOfRange::Latitude)
        } else if !(-180.0..=180.0).contains(&longitude) {
            Err(OutOfRange::Longitude)
        } else {
            // A negative zero is the same point as zero. Adding 0.0 gives both the same bits.
            Ok(Self { latitude: latitude + 0.0, longitude: longitude + 0.0 })
        }
    }

    pub fn latitude(self) -> f64 {
        self.latitude
    }

    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// The great-circle distance in km by the haversine formula, at most half of the circumference.
    pub fn distance_km(self, to: Self) -> f64 {
        let half_dlat = ((to.latitude - self.latitude) / 2.0).to_radians().sin();
        let half_dlon = ((to.longitude - self.longitude) / 2.0).to_radians().sin();
        let h = half_dlat * half_dlat
            + self.latitude.to_radians().cos() * to.latitude.to_radians().cos() * half_dlon * half_dlon;
        // Rounding carries `h` past 1 between antipodes, where `asin` would be NaN.
        2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
    }
}

/// The velocity in km/h for a distance in km and a time in seconds. `None` if no time passed.
pub fn velocity_kmh(distance_km: f64, elapsed_seconds: f64) -> Option<f64> {
    (elapsed_seconds != 0.0).then(|| distance_km * 3600.0 / elapsed_seconds.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(latitude: f64, longitude: f64) -> Coordinates {
        Coordinates::new(latitude, longitude).unwrap()
    }

    #[test]
    fn known_distances() {
        let near = |a: f64, b: f64, tolerance: f64| assert!((a - b).abs() < tolerance, "{a} is not {b}");
        near(at(51.5074, -0.1278).distance_km(at(40.7128, -74.0060)), 5570.229874, 1e-6);
        near(at(0.0, 0.0).distance_km(at(0.0, 180.0)), 20015.114442, 1e-6);
        near(at(0.0, 179.5).distance_km(at(0.0, -179.5)), 111.195080, 1e-6);
        near(at(40.71427, -74.00597).distance_km(at(-36.84853, 174.76349)), 14193.932, 1e-3);
        near(at(34.05223, -118.24368).distance_km(at(33.8085, -117.9228)), 40.136, 1e-3);
    }

    #[test]
    fn out_of_range_names_the_coordinate() {
        assert_eq!(Coordinates::new(90.1, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(Coordinates::new(f64::NAN, 0.0), Err(OutOfRange::Latitude));
        assert_eq!(Coordinates::new(0.0, f64::INFINITY), Err(OutOfRange::Longitude));
        assert!(Coordinates::new(-90.0, 180.0).is_ok());
    }

    #[test]
    fn velocity_needs_time() {
        assert_eq!(velocity_kmh(10.0, 0.0), None);
        assert_eq!(velocity_kmh(1000.0, 3600.0), Some(1000.0));
    }

    prop_compose! {
        fn anywhere()(latitude in -90.0..=90.0, longitude in -180.0..=180.0) -> Coordinates {
            at(latitude, longitude)
        }
    }

    proptest! {
        #[test]
        fn distance_is_symmetric(a in anywhere(), b in anywhere()) {
            prop_assert!((a.distance_km(b) - b.distance_km(a)).abs() < 1e-9);
        }

        #[test]
        fn distance_is_zero_only_for_the_same_point(a in anywhere(), b in anywhere()) {
            prop_assert_eq!(a.distance_km(a), 0.0);
            // Meridians meet at the poles, and ±180 degrees is one meridian: those are the same point.
            let turn = (a.longitude - b.longitude).abs() % 360.0;
            let apart = (a.latitude - b.latitude).abs() > 1e-6
                || (a.latitude.abs() < 89.0 && turn > 1e-4 && turn < 360.0 - 1e-4);
            if apart { prop_assert!(a.distance_km(b) > 0.0); }
        }

        #[test]
        fn distance_is_at_most_half_the_circumference(a in anywhere(), b in anywhere()) {
            prop_assert!(a.distance_km(b) <= HALF_CIRCUMFERENCE_KM);
            let antipode = at(-a.latitude, if a.longitude > 0.0 { a.longitude - 180.0 } else { a.longitude + 180.0 });
            prop_assert!(a.distance_km(antipode) <= HALF_CIRCUMFERENCE_KM);
            prop_assert!(a.distance_km(antipode) > 20_015.0);
        }
    }
}
