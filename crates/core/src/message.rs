//! The message of a leg for an analyst, its travel time in words, and its id.

use crate::site::Site;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// One end of a leg, by the names of its place as far as they are known, and by its coordinates.
#[derive(Clone, Copy, Debug, Default)]
pub struct LegEnd<'a> {
    pub city: Option<&'a str>,
    pub country: Option<&'a str>,
    pub latitude: f64,
    pub longitude: f64,
}

/// The facts from which the message of a finding is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sentence<'a> {
    pub entity: &'a str,
    pub access_key_id: Option<&'a str>,
    pub identity_type: Option<&'a str>,
    pub session_name: Option<&'a str>,
    pub from: LegEnd<'a>,
    pub to: LegEnd<'a>,
    pub elapsed_seconds: f64,
    pub distance_km: f64,
    pub velocity_kmh: Option<f64>,
    pub impossible: bool,
}

/// The id of a leg: 32 hexadecimal digits, a digest of the entity, both times (microseconds since 2000-01-01 UTC) and
/// both sites. It is the same on every server.
pub fn leg_id(entity: &str, from_time_us: i64, from: Site, to_time_us: i64, to: Site) -> String {
    let mut digest = Sha256::new();
    digest.update((entity.len() as u64).to_le_bytes());
    digest.update(entity);
    for (time_us, site) in [(from_time_us, from), (to_time_us, to)] {
        let (bytes, length) = site.to_bytes();
        digest.update(time_us.to_le_bytes());
        digest.update([site.kind() as u8]);
        digest.update(&bytes[..length]);
    }
    digest.finalize()[..16].iter().fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A length of time in its two largest units: `10 minutes`, `1 hour 5 minutes`, or `the same second` if no time passed.
pub fn travel_time(seconds: f64) -> String {
    if seconds == 0.0 {
        return "the same second".to_owned();
    }
    let seconds = seconds.abs();
    if seconds < 1.0 {
        return "less than a second".to_owned();
    }
    let whole = seconds as u64;
    let units = [
        (whole / 86_400, "day"),
        (whole / 3600 % 24, "hour"),
        (whole / 60 % 60, "minute"),
        (whole % 60, "second"),
    ];
    let mut text = String::new();
    let largest = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    for (count, unit) in units.iter().skip(largest).take(2).filter(|(count, _)| *count > 0) {
        let plural = if *count == 1 { "" } else { "s" };
        let blank = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{blank}{count} {unit}{plural}");
    }
    text
}

/// One sentence that tells an analyst what happened.
pub fn message(of: &Sentence) -> String {
    let mut text = String::new();
    match (of.access_key_id, of.identity_type) {
        (Some(key), Some(identity)) => {
            let _ = write!(text, "Access key {key} ({identity}");
            if let Some(name) = of.session_name {
                let _ = write!(text, " {name}");
            }
            text.push(')');
        }
        (Some(key), None) => {
            let _ = write!(text, "Access key {key}");
            if let Some(name) = of.session_name {
                let _ = write!(text, " ({name})");
            }
        }
        (None, Some(identity)) => {
            let _ = write!(text, "{identity} {}", of.entity);
        }
        (None, None) => text.push_str(of.entity),
    }
    let (from, to) = (of.from.to_string(), of.to.to_string());
    let _ = if of.elapsed_seconds == 0.0 {
        write!(text, " was used in {from} and in the same second in {to}")
    } else {
        write!(text, " was used in {from} and {} later in {to}", travel_time(of.elapsed_seconds))
    };
    let _ = write!(text, ", {:.0} km away", of.distance_km);
    if let Some(velocity) = of.velocity_kmh {
        let _ = write!(text, ": {velocity:.0} km/h");
    }
    text.push_str(if of.impossible { ", which one person cannot travel." } else { "." });
    text
}

impl std::fmt::Display for LegEnd<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.city, self.country) {
            (Some(city), Some(country)) => write!(f, "{city}, {country}"),
            (Some(name), None) | (None, Some(name)) => f.write_str(name),
            (None, None) => write!(f, "{:.2}, {:.2}", self.latitude, self.longitude),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london_to_tokyo() -> Sentence<'static> {
        Sentence {
            entity: "AKIAIOSFODNN7EXAMPLE",
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE"),
            identity_type: Some("IAMUser"),
            session_name: Some("alice"),
            from: LegEnd {
                city: Some("London"),
                country: Some("United Kingdom"),
                latitude: 51.51,
                longitude: -0.09,
            },
            to: LegEnd { city: Some("Tokyo"), country: Some("Japan"), ..LegEnd::default() },
            elapsed_seconds: 600.0,
            distance_km: 9558.6,
            velocity_kmh: Some(57351.4),
            impossible: true,
        }
    }

    #[test]
    fn the_sentence_of_a_key() {
        assert_eq!(
            message(&london_to_tokyo()),
            "Access key AKIAIOSFODNN7EXAMPLE (IAMUser alice) was used in London, United Kingdom and 10 minutes later \
             in Tokyo, Japan, 9559 km away: 57351 km/h, which one person cannot travel."
        );
    }

    #[test]
    fn the_sentence_without_a_key_in_the_same_second_and_without_names() {
        let mut of =
            Sentence { entity: "1 | bob", access_key_id: None, elapsed_seconds: 0.0, ..london_to_tokyo() };
        of.velocity_kmh = None;
        of.from = LegEnd { city: None, country: None, ..of.from };
        of.to.city = None;
        assert_eq!(
            message(&of),
            "IAMUser 1 | bob was used in 51.51, -0.09 and in the same second in Japan, 9559 km away, which one person \
             cannot travel."
        );
    }

    #[test]
    fn a_possible_leg_ends_after_the_velocity() {
        let of = Sentence { impossible: false, ..london_to_tokyo() };
        assert!(message(&of).ends_with("9559 km away: 57351 km/h."));
    }

    #[test]
    fn travel_time_names_its_two_largest_units() {
        for (seconds, text) in [
            (0.0, "the same second"),
            (0.4, "less than a second"),
            (1.0, "1 second"),
            (600.0, "10 minutes"),
            (3900.0, "1 hour 5 minutes"),
            (3601.0, "1 hour"),
            (90_061.0, "1 day 1 hour"),
            (172_800.0, "2 days"),
        ] {
            assert_eq!(travel_time(seconds), text);
        }
    }

    #[test]
    fn the_id_depends_on_every_part() {
        let a = Site::from_address("192.0.2.1".parse().unwrap());
        let b = Site::from_address("192.0.2.2".parse().unwrap());
        let id = leg_id("k", 1, a, 2, b);
        assert_eq!(id.len(), 32);
        assert_eq!(id, leg_id("k", 1, a, 2, b));
        for other in [
            leg_id("l", 1, a, 2, b),
            leg_id("k", 0, a, 2, b),
            leg_id("k", 1, b, 2, a),
            leg_id("k", 1, a, 3, b),
        ] {
            assert_ne!(id, other);
        }
    }
}
