//! The message of a leg for an analyst, its travel time in words, and its id.

use crate::hidden::visible;
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

/// The credential of the event at one end of a leg, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credential<'a> {
    pub access_key_id: Option<&'a str>,
    pub identity_type: Option<&'a str>,
    pub session_name: Option<&'a str>,
}

/// The facts from which the message of a finding is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sentence<'a> {
    pub entity: &'a str,
    pub from_credential: Credential<'a>,
    pub to_credential: Credential<'a>,
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

/// One sentence that tells an analyst what happened. If the ends have different credentials, it says which one was used
/// where. Hidden characters of names are made visible.
pub fn message(of: &Sentence) -> String {
    let (from, to) = (of.from, of.to);
    let later = if of.elapsed_seconds == 0.0 {
        "in the same second".to_owned()
    } else {
        format!("{} later", travel_time(of.elapsed_seconds))
    };
    let mut text = if of.from_credential.is_same(&of.to_credential) {
        format!("{} was used in {from} and {later} in {to}", of.user())
    } else {
        let first = of.user_with(&of.from_credential, "Access key");
        let second = of.user_with(&of.to_credential, "access key");
        format!("{first} in {from}, and {second} {later} in {to}")
    };
    let _ = write!(text, ", {:.0} km away", of.distance_km);
    if let Some(velocity) = of.velocity_kmh {
        let _ = write!(text, ": {velocity:.0} km/h");
    }
    text.push_str(if of.impossible { ", which one person cannot travel." } else { "." });
    visible(&text).into_owned()
}

impl<'a> Credential<'a> {
    /// A credential from columns of an event. Some sources write an empty text where there is no value.
    pub fn new(
        access_key_id: Option<&'a str>,
        identity_type: Option<&'a str>,
        session_name: Option<&'a str>,
    ) -> Self {
        let given = |value: Option<&'a str>| value.filter(|value| !value.is_empty());
        Self {
            access_key_id: given(access_key_id),
            identity_type: given(identity_type),
            session_name: given(session_name),
        }
    }

    /// Returns whether two events show one credential. An access key belongs to one identity.
    fn is_same(&self, other: &Self) -> bool {
        self.access_key_id == other.access_key_id
            && (self.access_key_id.is_some() || self.identity_type == other.identity_type)
    }
}

impl Sentence<'_> {
    /// The credential of both ends.
    fn user(&self) -> String {
        let Credential { access_key_id, identity_type, session_name } = self.to_credential;
        match (access_key_id, identity_type) {
            (Some(key), _) => named_key("Access key", key, identity_type, session_name),
            (None, Some(identity)) => format!("{identity} {}", self.entity),
            (None, None) => self.entity.to_owned(),
        }
    }

    /// The credential of one end and its verb, where the other end has another credential. The session or the user, or
    /// else the entity, says what the two have to do with each other.
    fn user_with(&self, credential: &Credential, access_key: &str) -> String {
        let Credential { access_key_id, identity_type, session_name } = *credential;
        let keys = [self.from_credential.access_key_id, self.to_credential.access_key_id];
        let Some(key) = access_key_id else {
            let name = session_name.unwrap_or(self.entity);
            let user = identity_type.map_or_else(|| name.to_owned(), |identity| format!("{identity} {name}"));
            // A source without access keys does not show that there was none.
            let without = if keys == [None, None] { "" } else { " without an access key" };
            return format!("{user} was used{without}");
        };
        // Of keys that were minted one from another, the entity is the first.
        let entity = Some(self.entity).filter(|entity| !keys.contains(&Some(*entity)));
        format!("{} was used", named_key(access_key, key, identity_type, session_name.or(entity)))
    }
}

/// An access key with the type and the name of its identity.
fn named_key(access_key: &str, key: &str, identity_type: Option<&str>, name: Option<&str>) -> String {
    let identity: Vec<&str> = identity_type.into_iter().chain(name).collect();
    if identity.is_empty() {
        format!("{access_key} {key}")
    } else {
        format!("{access_key} {key} ({})", identity.join(" "))
    }
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

    const ALICE: Credential = Credential {
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE"),
        identity_type: Some("IAMUser"),
        session_name: Some("alice"),
    };

    const SESSION: Credential = Credential {
        access_key_id: Some("ASIAIOSFODNN7EXAMPLE"),
        identity_type: Some("AssumedRole"),
        session_name: Some("build"),
    };

    fn london_to_tokyo() -> Sentence<'static> {
        Sentence {
            entity: "AKIAIOSFODNN7EXAMPLE",
            from_credential: ALICE,
            to_credential: ALICE,
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
        let user = Credential { access_key_id: None, ..ALICE };
        let mut of = Sentence {
            entity: "1 | bob",
            from_credential: user,
            to_credential: user,
            elapsed_seconds: 0.0,
            ..london_to_tokyo()
        };
        of.velocity_kmh = None;
        of.from = LegEnd { city: None, country: None, ..of.from };
        of.to.city = None;
        assert_eq!(
            message(&of),
            "IAMUser 1 | bob was used in 51.51, -0.09 and in the same second in Japan, 9559 km away, which one person \
             cannot travel."
        );
    }

    /// The sentence up to the distance.
    fn begins(of: &Sentence) -> String {
        let text = message(of);
        assert!(text.ends_with(", 9559 km away: 57351 km/h, which one person cannot travel."), "{text}");
        text.split_once(", 9559 km").map(|(begin, _)| begin.to_owned()).unwrap()
    }

    #[test]
    fn different_keys_are_named_where_each_was_used() {
        let mut of = Sentence { to_credential: SESSION, ..london_to_tokyo() };
        let both = "Access key AKIAIOSFODNN7EXAMPLE (IAMUser alice) was used in London, United Kingdom, and access key \
                    ASIAIOSFODNN7EXAMPLE (AssumedRole build) was used 10 minutes later in Tokyo, Japan";
        assert_eq!(begins(&of), both);
        of.entity = "alice";
        assert_eq!(begins(&of), both);
        of.elapsed_seconds = 0.0;
        assert!(begins(&of).contains("(AssumedRole build) was used in the same second in Tokyo, Japan"));
    }

    #[test]
    fn an_end_without_a_key_is_said_to_have_none() {
        let sign_in = Credential { access_key_id: None, ..ALICE };
        let mut of = Sentence { entity: "1 | alice", from_credential: sign_in, ..london_to_tokyo() };
        assert_eq!(
            begins(&of),
            "IAMUser alice was used without an access key in London, United Kingdom, and access key \
             AKIAIOSFODNN7EXAMPLE (IAMUser alice) was used 10 minutes later in Tokyo, Japan"
        );
        of.to_credential = Credential { session_name: None, ..sign_in };
        of.from_credential = SESSION;
        assert_eq!(
            begins(&of),
            "Access key ASIAIOSFODNN7EXAMPLE (AssumedRole build) was used in London, United Kingdom, and IAMUser \
             1 | alice was used without an access key 10 minutes later in Tokyo, Japan"
        );
        of.to_credential = Credential::new(Some(""), Some("IAMUser"), Some(""));
        assert_eq!(of.to_credential, Credential { session_name: None, ..sign_in });
        // No end has a key, so nothing is said of keys.
        of.from_credential = Credential { identity_type: Some("Root"), session_name: None, ..sign_in };
        assert_eq!(
            begins(&of),
            "Root 1 | alice was used in London, United Kingdom, and IAMUser 1 | alice was used 10 minutes later in \
             Tokyo, Japan"
        );
    }

    #[test]
    fn keys_without_names_are_named_with_the_entity_unless_it_is_one_of_them() {
        let key = |key| Credential { access_key_id: Some(key), ..Credential::default() };
        let mut of = Sentence {
            entity: "alice",
            from_credential: key("AKIA1"),
            to_credential: key("AKIA2"),
            ..london_to_tokyo()
        };
        assert!(begins(&of).starts_with("Access key AKIA1 (alice) was used in London"));
        assert!(begins(&of).contains("access key AKIA2 (alice) was used 10 minutes"));
        of.entity = "AKIA1";
        assert!(begins(&of).starts_with("Access key AKIA1 was used in London"));
        assert!(begins(&of).contains("access key AKIA2 was used 10 minutes"));
    }

    #[test]
    fn a_name_adds_no_line_and_nothing_that_is_hidden() {
        let hostile = "a\n\u{1b}[2J\u{202e}b\u{200b}";
        let name = "a\u{fffd}\u{fffd}[2J\u{fffd}b\u{fffd}";
        let credential = Credential {
            access_key_id: Some(hostile),
            identity_type: Some(hostile),
            session_name: Some(hostile),
        };
        let of = Sentence {
            entity: hostile,
            from_credential: Credential { access_key_id: None, ..credential },
            to_credential: credential,
            from: LegEnd { city: Some(hostile), country: Some(hostile), ..LegEnd::default() },
            ..london_to_tokyo()
        };
        assert_eq!(
            begins(&of),
            format!(
                "{name} {name} was used without an access key in {name}, {name}, and access key {name} ({name} {name}) \
                 was used 10 minutes later in Tokyo, Japan"
            )
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
