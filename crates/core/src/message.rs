//! The message of a leg for an analyst, its travel time in words, and its id.

use crate::hidden::visible;
use crate::site::Site;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
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
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
        hex
    })
}

/// A length of time in its two largest units: `10 minutes`, `1 hour 5 minutes`, or `the same second` if no time passed.
/// NaN, which a leg made by hand can have, is `an unknown time`.
pub fn travel_time(seconds: f64) -> String {
    let mut text = String::with_capacity(32);
    write_travel_time(&mut text, seconds);
    text
}

/// Appends what [`travel_time`] returns.
fn write_travel_time(text: &mut String, seconds: f64) {
    if seconds == 0.0 {
        return text.push_str("the same second");
    }
    if seconds.is_nan() {
        return text.push_str("an unknown time");
    }
    let seconds = seconds.abs();
    if seconds < 1.0 {
        return text.push_str("less than a second");
    }
    let whole = seconds as u64;
    let units = [
        (whole / 86_400, "day"),
        (whole / 3600 % 24, "hour"),
        (whole / 60 % 60, "minute"),
        (whole % 60, "second"),
    ];
    let largest = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    for (n, (count, unit)) in units.iter().skip(largest).take(2).enumerate() {
        if *count > 0 {
            let blank = if n == 0 { "" } else { " " };
            let plural = if *count == 1 { "" } else { "s" };
            let _ = write!(text, "{blank}{count} {unit}{plural}");
        }
    }
}

/// One sentence that tells an analyst what happened. If the ends have different credentials, it says which one was used
/// where. Hidden characters of names are made visible.
pub fn message(of: &Sentence) -> String {
    let (from, to) = (of.from, of.to);
    let mut text = String::with_capacity(192);
    if of.from_credential.is_same(&of.to_credential) {
        of.write_user(&mut text);
        let _ = write!(text, " was used in {from} and ");
        of.write_later(&mut text);
        let _ = write!(text, " in {to}");
    } else {
        of.write_user_with(&mut text, &of.from_credential, "Access key");
        let _ = write!(text, " in {from}, and ");
        of.write_user_with(&mut text, &of.to_credential, "access key");
        text.push(' ');
        of.write_later(&mut text);
        let _ = write!(text, " in {to}");
    }
    text.push_str(", ");
    write_rounded(&mut text, of.distance_km);
    text.push_str(" km away");
    if let Some(velocity) = of.velocity_kmh {
        text.push_str(": ");
        write_rounded(&mut text, velocity);
        text.push_str(" km/h");
    }
    text.push_str(if of.impossible { ", which one person cannot travel." } else { "." });
    match visible(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(visible) => visible,
    }
}

/// Appends a number without decimals, as `{:.0}` writes it. An integer takes a fraction of the time.
fn write_rounded(text: &mut String, number: f64) {
    let _ = if (0.0..1e15).contains(&number) && number.fract() != 0.5 {
        write!(text, "{}", number.round() as u64)
    } else {
        write!(text, "{number:.0}")
    };
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
    /// How much later the second event was.
    fn write_later(&self, text: &mut String) {
        if self.elapsed_seconds == 0.0 {
            text.push_str("in the same second");
        } else {
            write_travel_time(text, self.elapsed_seconds);
            text.push_str(" later");
        }
    }

    /// The credential of both ends.
    fn write_user(&self, text: &mut String) {
        let Credential { access_key_id, identity_type, session_name } = self.to_credential;
        match (access_key_id, identity_type) {
            (Some(key), _) => write_key(text, "Access key", key, identity_type, session_name),
            (None, Some(identity)) => push(text, [identity, " ", self.entity]),
            (None, None) => text.push_str(self.entity),
        }
    }

    /// The credential of one end and its verb, where the other end has another credential. The session or the user, or
    /// else the entity, says what the two have to do with each other.
    fn write_user_with(&self, text: &mut String, credential: &Credential, access_key: &str) {
        let Credential { access_key_id, identity_type, session_name } = *credential;
        let keys = [self.from_credential.access_key_id, self.to_credential.access_key_id];
        let Some(key) = access_key_id else {
            if let Some(identity) = identity_type {
                push(text, [identity, " "]);
            }
            text.push_str(session_name.unwrap_or(self.entity));
            // A source without access keys does not show that there was none.
            let without = if keys == [None, None] { "" } else { " without an access key" };
            return push(text, [" was used", without]);
        };
        // Of keys that were minted one from another, the entity is the first.
        let entity = Some(self.entity).filter(|entity| !keys.contains(&Some(*entity)));
        write_key(text, access_key, key, identity_type, session_name.or(entity));
        text.push_str(" was used");
    }
}

/// An access key with the type and the name of its identity.
fn write_key(
    text: &mut String,
    access_key: &str,
    key: &str,
    identity_type: Option<&str>,
    name: Option<&str>,
) {
    push(text, [access_key, " ", key]);
    match (identity_type, name) {
        (None, None) => {}
        (Some(one), None) | (None, Some(one)) => push(text, [" (", one, ")"]),
        (Some(identity), Some(name)) => push(text, [" (", identity, " ", name, ")"]),
    }
}

fn push<const N: usize>(text: &mut String, parts: [&str; N]) {
    parts.iter().for_each(|part| text.push_str(part));
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
            (f64::NAN, "an unknown time"),
        ] {
            assert_eq!(travel_time(seconds), text);
        }
    }

    #[test]
    fn a_rounded_number_is_what_the_format_writes() {
        let mut numbers =
            vec![0.5, 1.5, 2.5, 0.49999999999999994, 1e15, 1e300, -0.4, -1.6, f64::NAN, f64::INFINITY];
        numbers.extend((0..4000).map(|n| f64::from(n) * 123.456_789 / 7.0));
        for number in numbers {
            let mut text = String::new();
            write_rounded(&mut text, number);
            assert_eq!(text, format!("{number:.0}"));
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
