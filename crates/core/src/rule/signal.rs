//! The signal of an alert (its attributes as the reference nests them) and the message of a rule: both are made of the
//! alert's columns, and of the two lists here.

use super::settings::Micros;
use super::template::{Name, Template};
use crate::time::utc;
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;
use std::net::IpAddr;

/// What a column of an alert holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Number(f64),
    Time(Micros),
    Address(IpAddr),
    List(Vec<&'a str>),
}

/// The attributes of a signal: the path, and the column of the alert that it shows. The identity is the arriving
/// event's.
pub const ATTRIBUTES: [(&str, &str); 24] = [
    ("impossible_travel.triggering_locations.first_location.city", "from_city"),
    ("impossible_travel.triggering_locations.first_location.subdivision", "from_subdivision"),
    ("impossible_travel.triggering_locations.first_location.country", "from_country"),
    ("impossible_travel.triggering_locations.first_location.country_code", "from_country_code"),
    ("impossible_travel.triggering_locations.first_location.latitude", "from_latitude"),
    ("impossible_travel.triggering_locations.first_location.longitude", "from_longitude"),
    ("impossible_travel.triggering_locations.first_location.ip", "from_ip"),
    ("impossible_travel.triggering_locations.first_location.time", "from_time"),
    ("impossible_travel.triggering_locations.second_location.city", "to_city"),
    ("impossible_travel.triggering_locations.second_location.subdivision", "to_subdivision"),
    ("impossible_travel.triggering_locations.second_location.country", "to_country"),
    ("impossible_travel.triggering_locations.second_location.country_code", "to_country_code"),
    ("impossible_travel.triggering_locations.second_location.latitude", "to_latitude"),
    ("impossible_travel.triggering_locations.second_location.longitude", "to_longitude"),
    ("impossible_travel.triggering_locations.second_location.ip", "to_ip"),
    ("impossible_travel.triggering_locations.second_location.time", "to_time"),
    (TRAVEL_DISTANCE, "distance_km"),
    ("impossible_travel.triggering_locations.travel_time_human_readable", "travel_time"),
    ("userIdentity.accessKeyId", "access_key_id"),
    ("userIdentity.type", "identity_type"),
    ("userIdentity.session_name", "session_name"),
    ("userIdentity.userName", "user_name"),
    ("userIdentity.arn", "arn"),
    ("userIdentity.accountId", "account_id"),
];

/// In km, with at most one decimal.
const TRAVEL_DISTANCE: &str = "impossible_travel.triggering_locations.travel_distance";

/// The columns of an alert that a message can name: its own, and those of its first leg. `message` is that leg's
/// sentence.
pub const COLUMNS: [&str; 67] = [
    "id",
    "rule",
    "severity",
    "first_seen",
    "last_seen",
    "legs_count",
    "evidence",
    "leg_id",
    "entity",
    "account_id",
    "identity_type",
    "principal",
    "actor",
    "session_name",
    "user_name",
    "arn",
    "access_key_id",
    "from_time",
    "from_ip",
    "from_event_id",
    "from_city",
    "from_subdivision",
    "from_country",
    "from_country_code",
    "from_latitude",
    "from_longitude",
    "from_accuracy_km",
    "from_asn",
    "from_as_organization",
    "from_hosting",
    "from_anonymizer",
    "from_carrier",
    "to_time",
    "to_ip",
    "to_event_id",
    "to_city",
    "to_subdivision",
    "to_country",
    "to_country_code",
    "to_latitude",
    "to_longitude",
    "to_accuracy_km",
    "to_asn",
    "to_as_organization",
    "to_hosting",
    "to_anonymizer",
    "to_carrier",
    "distance_km",
    "judged_distance_km",
    "elapsed_seconds",
    "velocity_kmh",
    "from_event_name",
    "from_event_source",
    "from_aws_region",
    "from_access_key_id",
    "from_user_agent",
    "from_outcome",
    "from_error_code",
    "to_event_name",
    "to_event_source",
    "to_aws_region",
    "to_access_key_id",
    "to_user_agent",
    "to_outcome",
    "to_error_code",
    "travel_time",
    "message",
];

/// Columns whose decimals nobody reads.
const WHOLE: [&str; 3] = ["distance_km", "judged_distance_km", "velocity_kmh"];

/// The signal of an alert, of whose columns (those of [`ATTRIBUTES`]) `column` gives the values.
pub fn signal<'a>(column: impl Fn(&str) -> Value<'a>) -> Json {
    let mut signal = Map::new();
    for (path, name) in ATTRIBUTES {
        put(&mut signal, path, json(attribute(path, column(name))));
    }
    Json::Object(signal)
}

/// The message of an alert by its rule's template, of whose columns (those of [`COLUMNS`]) `column` gives the values.
pub fn message<'a>(template: &Template, column: impl Fn(&str) -> Value<'a>) -> String {
    template.render(|name| match name {
        Name::Signal(path) => {
            let (path, name) = ATTRIBUTES.iter().find(|(known, _)| *known == path)?;
            Some(text(attribute(path, column(name))))
        }
        Name::Column(name) => COLUMNS.contains(&name).then(|| {
            text(match column(name) {
                Value::Number(number) if WHOLE.contains(&name) => Value::Number(number.round()),
                value => value,
            })
        }),
    })
}

/// Whether a name in a template stands for something.
pub fn is_known(name: Name) -> bool {
    match name {
        Name::Signal(path) => ATTRIBUTES.iter().any(|(known, _)| *known == path),
        Name::Column(name) => COLUMNS.contains(&name),
    }
}

/// The value of an attribute, the same in the signal and in a message.
fn attribute<'a>(path: &str, value: Value<'a>) -> Value<'a> {
    match value {
        Value::Number(km) if path == TRAVEL_DISTANCE => Value::Number((km * 10.0).round() / 10.0),
        value => value,
    }
}

fn put(object: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((key, rest)) => {
            let inner = object.entry(key).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(number) => number.into(),
        // A whole number is one without decimals.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => (number as i64).into(),
        // What is not finite is no number of JSON.
        Value::Number(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Value::List(items) => items.into(),
        value => text(value).into_owned().into(),
    }
}

fn text(value: Value) -> Cow<str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string().into(),
        // No sign before a zero.
        Value::Number(number) => (number + 0.0).to_string().into(),
        Value::Time(time) => utc(time).into(),
        Value::Address(address) => address.to_string().into(),
        Value::List(items) => items.join(", ").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's own wording.
    const REFERENCE: &str = "The AWS access key {{@userIdentity.accessKeyId}} had activity from \
        {{@impossible_travel.triggering_locations.first_location.city}}, \
        {{@impossible_travel.triggering_locations.first_location.country}} and \
        {{@impossible_travel.triggering_locations.second_location.city}}, \
        {{@impossible_travel.triggering_locations.second_location.country}} which are approximately \
        {{@impossible_travel.triggering_locations.travel_distance}}km apart within \
        {{@impossible_travel.triggering_locations.travel_time_human_readable}}. This indicates a potential impossible \
        travel.";

    fn column(name: &str) -> Value<'static> {
        match name {
            "id" => Value::Integer(7),
            "legs_count" => Value::Integer(2),
            "first_seen" | "to_time" => Value::Time(825_757_800_000_000),
            "from_time" => Value::Time(825_757_200_000_000),
            "evidence" => Value::List(vec!["new_country", "long_term_key"]),
            "access_key_id" => Value::Text("AKIAIOSFODNN7EXAMPLE".into()),
            "from_city" => Value::Text("London".into()),
            "from_country" => Value::Text("United Kingdom".into()),
            "from_ip" => Value::Address("192.0.2.1".parse().unwrap()),
            "from_latitude" => Value::Number(51.5),
            "from_longitude" => Value::Number(-0.0),
            "to_city" => Value::Text("Tokyo".into()),
            "to_country" => Value::Text("Japan".into()),
            "distance_km" => Value::Number(9558.6432),
            "velocity_kmh" => Value::Number(57351.8592),
            "elapsed_seconds" => Value::Number(600.0),
            "travel_time" => Value::Text("10 minutes".into()),
            _ => Value::Null,
        }
    }

    fn rendered(text: &str) -> String {
        message(&Template::parse(text), column)
    }

    #[test]
    fn the_references_own_message_renders() {
        assert_eq!(
            rendered(REFERENCE),
            "The AWS access key AKIAIOSFODNN7EXAMPLE had activity from London, United Kingdom and Tokyo, Japan which \
             are approximately 9558.6km apart within 10 minutes. This indicates a potential impossible travel."
        );
        assert_eq!(Template::parse(REFERENCE).unknown_names(is_known), Vec::<&str>::new());
    }

    #[test]
    fn the_signal_nests_the_columns_of_the_alert() {
        let signal = signal(column);
        let locations = &signal["impossible_travel"]["triggering_locations"];
        assert_eq!(locations["first_location"]["city"], "London");
        assert_eq!(locations["first_location"]["ip"], "192.0.2.1");
        assert_eq!(locations["first_location"]["time"], "2026-03-02 09:00:00+00");
        assert_eq!(locations["first_location"]["latitude"], 51.5);
        assert_eq!(locations["second_location"]["country"], "Japan");
        assert_eq!(locations["second_location"]["subdivision"], Json::Null);
        assert_eq!(locations["travel_distance"], 9558.6);
        assert_eq!(locations["travel_time_human_readable"], "10 minutes");
        assert_eq!(signal["userIdentity"]["accessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    }

    #[test]
    fn what_a_message_says_of_an_attribute_is_what_the_signal_has() {
        let signal = signal(column);
        for (path, _) in ATTRIBUTES {
            let in_signal = match &signal[path.split('.').next().unwrap()]
                .pointer(&path.split('.').skip(1).fold(String::new(), |pointer, key| pointer + "/" + key))
            {
                Some(Json::String(text)) => text.clone(),
                Some(Json::Null) => String::new(),
                Some(other) => other.to_string(),
                None => panic!("{path} is not in the signal"),
            };
            assert_eq!(rendered(&format!("{{{{@{path}}}}}")), in_signal, "{path}");
        }
    }

    #[test]
    fn columns_read_as_people_write_them() {
        for (text, expected) in [
            ("{{id}} {{legs_count}}", "7 2"),
            ("{{first_seen}}", "2026-03-02 09:10:00+00"),
            ("{{evidence}}", "new_country, long_term_key"),
            (
                "{{distance_km}} km, {{velocity_kmh}} km/h, {{elapsed_seconds}} s",
                "9559 km, 57352 km/h, 600 s",
            ),
            ("{{from_latitude}} {{from_longitude}}", "51.5 0"),
            ("<{{to_carrier}}>", "<>"),
            (
                "{{impossible}} {{status}} {{@impossible_travel}}",
                "{{impossible}} {{status}} {{@impossible_travel}}",
            ),
        ] {
            assert_eq!(rendered(text), expected);
        }
    }

    #[test]
    fn every_attribute_shows_a_column_that_there_is() {
        for (_, column) in ATTRIBUTES {
            assert!(COLUMNS.contains(&column), "{column}");
        }
    }

    #[test]
    fn what_json_cannot_write_is_null_in_it() {
        let signal = signal(|name| match name {
            "distance_km" => Value::Number(f64::NAN),
            _ => Value::Null,
        });
        assert_eq!(signal["impossible_travel"]["triggering_locations"]["travel_distance"], Json::Null);
    }
}
