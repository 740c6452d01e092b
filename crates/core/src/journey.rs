//! Journeys: the only implementation of "what is the next leg?" and of "is it impossible?". Every entry point calls it.

use crate::geodesy::{Coordinates, HALF_CIRCUMFERENCE_KM, velocity_kmh};
use crate::site::Site;
use serde::{Deserialize, Serialize};

/// The distance and the velocity that a leg must exceed to be impossible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    pub min_distance_km: f64,
    pub min_velocity_kmh: f64,
    /// Compare the least distance that the two accuracy radii allow, instead of the distance itself.
    pub use_accuracy: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_distance_km: 500.0, min_velocity_kmh: 1000.0, use_accuracy: false }
    }
}

impl Thresholds {
    /// The number of seconds from which on no leg can be impossible, because half of the Earth's circumference bounds
    /// every distance. It is infinite at 0 km/h.
    pub fn bound_seconds(&self) -> f64 {
        HALF_CIRCUMFERENCE_KM / self.min_velocity_kmh * 3600.0
    }
}

/// A located event of one entity. `T` is what the caller needs to know about the event when it starts or ends a leg.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop<T> {
    /// In microseconds. The caller chooses the epoch.
    pub time_us: i64,
    pub site: Site,
    pub coordinates: Coordinates,
    /// In km. `None` counts as 0.
    pub accuracy_km: Option<f64>,
    pub event: T,
}

/// Two consecutive stops of one entity at different sites.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg<T> {
    pub from: Stop<T>,
    pub to: Stop<T>,
}

/// The measures of a leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    pub distance_km: f64,
    pub effective_distance_km: f64,
    pub elapsed_seconds: f64,
    /// `None` if no time passed.
    pub velocity_kmh: Option<f64>,
    pub impossible: bool,
}

impl<T> Leg<T> {
    /// Impossible: `effective_distance > min_distance` and `effective_distance > min_velocity * hours`, both strict.
    pub fn measure(&self, thresholds: &Thresholds) -> Measure {
        let distance_km = self.from.coordinates.distance_km(self.to.coordinates);
        let effective_distance_km = if thresholds.use_accuracy {
            let radii = self.from.accuracy_km.unwrap_or(0.0) + self.to.accuracy_km.unwrap_or(0.0);
            (distance_km - radii).max(0.0)
        } else {
            distance_km
        };
        let elapsed_seconds = self.elapsed_seconds();
        Measure {
            distance_km,
            effective_distance_km,
            elapsed_seconds,
            velocity_kmh: velocity_kmh(distance_km, elapsed_seconds),
            impossible: effective_distance_km > thresholds.min_distance_km
                && (elapsed_seconds == 0.0
                    || effective_distance_km > thresholds.min_velocity_kmh * (elapsed_seconds / 3600.0)),
        }
    }

    /// The measures if the leg is impossible. This is cheaper than [`Leg::measure`] for legs that take longer than the
    /// bound.
    pub fn measure_if_impossible(&self, thresholds: &Thresholds) -> Option<Measure> {
        if self.elapsed_seconds() >= thresholds.bound_seconds() {
            return None;
        }
        Some(self.measure(thresholds)).filter(|measure| measure.impossible)
    }

    fn elapsed_seconds(&self) -> f64 {
        // i128: the whole range of timestamps does not fit into a difference of i64.
        (i128::from(self.to.time_us) - i128::from(self.from.time_us)) as f64 / 1e6
    }
}

/// The journey of one entity through its located events, which must arrive in the order `(time, site)`.
#[derive(Clone, Copy, Debug)]
pub struct Journey<T> {
    last: Option<Stop<T>>,
}

impl<T> Default for Journey<T> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<T: Copy> Journey<T> {
    pub fn last(&self) -> Option<&Stop<T>> {
        self.last.as_ref()
    }

    /// Notes another event at the site of the last stop. It is what [`Journey::arrive`] does with such a stop if its
    /// coordinates are the same.
    #[inline]
    pub fn stay(&mut self, time_us: i64, event: T) {
        if let Some(last) = &mut self.last {
            (last.time_us, last.event) = (time_us, event);
        }
    }

    /// The leg that arrives with this stop. `None` for the first stop, and if the site stays the same.
    pub fn arrive(&mut self, stop: Stop<T>) -> Option<Leg<T>> {
        let from = self.last.replace(stop);
        from.filter(|from| from.site != stop.site).map(|from| Leg { from, to: stop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn stop(time_us: i64, address: &str, latitude: f64, longitude: f64) -> Stop<()> {
        Stop {
            time_us,
            site: Site::from_address(address.parse().unwrap()),
            coordinates: Coordinates::new(latitude, longitude).unwrap(),
            accuracy_km: None,
            event: (),
        }
    }

    fn equator(time_us: i64, address: &str, km: f64) -> Stop<()> {
        stop(time_us, address, 0.0, km / (crate::geodesy::EARTH_RADIUS_KM * std::f64::consts::PI / 180.0))
    }

    fn impossible(from: Stop<()>, to: Stop<()>, thresholds: Thresholds) -> bool {
        let leg = Leg { from, to };
        let measure = leg.measure(&thresholds);
        assert_eq!(leg.measure_if_impossible(&thresholds).is_some(), measure.impossible);
        measure.impossible
    }

    #[test]
    fn both_thresholds_are_strict() {
        let t = Thresholds::default();
        let from = equator(0, "192.0.2.1", 0.0);
        assert!(impossible(from, equator(HOUR / 10, "192.0.2.2", 501.0), t));
        assert!(!impossible(from, equator(HOUR / 10, "192.0.2.2", 499.0), t));
        assert!(impossible(from, equator(HOUR, "192.0.2.2", 1001.0), t));
        assert!(!impossible(from, equator(HOUR, "192.0.2.2", 999.0), t));
        let far = equator(HOUR, "192.0.2.2", 1500.0);
        let exactly = Leg { from, to: far }.measure(&t).distance_km;
        assert!(
            !impossible(from, far, Thresholds { min_velocity_kmh: exactly, ..t }),
            "1000 is not more than 1000"
        );
        assert!(!impossible(from, far, Thresholds { min_distance_km: exactly, ..t }));
    }

    #[test]
    fn in_no_time_the_distance_alone_decides() {
        let t = Thresholds::default();
        let from = equator(0, "192.0.2.1", 0.0);
        let to = equator(0, "192.0.2.2", 600.0);
        assert!(impossible(from, to, t));
        assert!(!impossible(from, equator(0, "192.0.2.2", 400.0), t));
        assert_eq!(Leg { from, to }.measure(&t).velocity_kmh, None);
    }

    #[test]
    fn accuracy_radii_shorten_the_effective_distance() {
        let t = Thresholds { use_accuracy: true, ..Thresholds::default() };
        let mut from = equator(0, "192.0.2.1", 0.0);
        let mut to = equator(HOUR / 60, "192.0.2.2", 600.0);
        assert!(impossible(from, to, t));
        from.accuracy_km = Some(60.0);
        to.accuracy_km = Some(50.0);
        assert!(!impossible(from, to, t));
        to.accuracy_km = Some(5000.0);
        assert_eq!(Leg { from, to }.measure(&t).effective_distance_km, 0.0);
    }

    #[test]
    fn beyond_the_bound_nothing_is_impossible() {
        let t = Thresholds::default();
        assert!((t.bound_seconds() / 3600.0 - 20.015).abs() < 0.001);
        let from = stop(0, "192.0.2.1", 0.0, 0.0);
        assert!(!impossible(from, stop(21 * HOUR, "192.0.2.2", 0.0, 180.0), t));
        assert!(impossible(from, stop(20 * HOUR, "192.0.2.2", 0.0, 180.0), t));
    }

    #[test]
    fn the_same_site_never_travels_even_if_its_place_moved() {
        let mut journey = Journey::default();
        assert_eq!(journey.arrive(stop(0, "192.0.2.1", 0.0, 0.0)), None);
        assert_eq!(journey.arrive(stop(1, "192.0.2.1", 50.0, 50.0)), None);
        let leg = journey.arrive(stop(2, "192.0.2.2", 50.0, 50.0)).unwrap();
        assert_eq!((leg.from.time_us, leg.to.time_us), (1, 2));
    }
}
