//! The signal of an alert (a nested object of its attributes) and the message that a rule's template makes of an alert.
//! Both are made from the columns of the alert.

use super::template::{Name, Template};
use crate::columns::finding_names;
use crate::hidden::visible;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// The columns of an alert by name, with their values as JSON (a time is text). A missing column is null.
pub type AlertColumns = Map<String, Value>;

/// The attributes of a signal: the path, and the column of the alert that it shows. The identity is that of the
/// arriving event.
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

/// The columns of the alert itself that a message can name, in addition to those of its first leg.
const OWN: [&str; 7] = ["id", "rule", "severity", "first_seen", "last_seen", "leg_count", "evidence"];

/// Columns that a message shows without decimals.
const WHOLE: [&str; 3] = ["distance_km", "effective_distance_km", "velocity_kmh"];

/// The signal of an alert.
pub fn signal(columns: &AlertColumns) -> Value {
    let mut signal = Map::new();
    for (path, column) in ATTRIBUTES {
        put(&mut signal, path, attribute(path, columns.get(column)));
    }
    Value::Object(signal)
}

/// The message that the template of a rule makes of an alert. The lines of the template stay, and hidden characters of
/// values are made visible.
pub fn message(template: &Template, columns: &AlertColumns) -> String {
    template.render(|name| {
        let value = match name {
            Name::Signal(path) => {
                let (path, column) = ATTRIBUTES.iter().find(|(known, _)| *known == path)?;
                attribute(path, columns.get(*column))
            }
            Name::Column(name) if !is_column(name) => return None,
            Name::Column(name) => match columns.get(name) {
                None => Value::Null,
                Some(value) if WHOLE.contains(&name) => rounded(value, 1.0),
                Some(value) => value.clone(),
            },
        };
        Some(visible(&text(&value)).into_owned().into())
    })
}

/// Returns whether a name in a template is known.
pub fn is_known(name: Name) -> bool {
    match name {
        Name::Signal(path) => ATTRIBUTES.iter().any(|(known, _)| *known == path),
        Name::Column(name) => is_column(name),
    }
}

/// Returns whether a message can name this column. `message` is the message of the first leg.
fn is_column(name: &str) -> bool {
    OWN.contains(&name) || finding_names().any(|column| column == name)
}

/// The value of an attribute. It is the same in the signal and in a message.
fn attribute(path: &str, value: Option<&Value>) -> Value {
    match value {
        None => Value::Null,
        Some(value) if path == TRAVEL_DISTANCE => rounded(value, 10.0),
        // 52.0 is written as 52, wherever the value comes from.
        Some(value) if value.as_f64().is_some_and(|number| number.fract() == 0.0) => rounded(value, 1.0),
        Some(value) => value.clone(),
    }
}

/// Rounds a number to the nearest multiple of one divided by `parts`.
fn rounded(value: &Value, parts: f64) -> Value {
    let Some(number) = value.as_f64() else { return value.clone() };
    let number = (number * parts).round() / parts;
    // A whole number has no decimals.
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return (number as i64).into();
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((key, rest)) => {
            let inner = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => "".into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", ").into(),
        // 600.0 is written as 600.
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_i64() && float.fract() == 0.0 => {
                text(&rounded(value, 1.0)).into_owned().into()
            }
            _ => number.to_string().into(),
        },
        value => value.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The reference's own wording.
    const REFERENCE: &str = "The AWS access key {{@userIdentity.accessKeyId}} had activity from \
        {{@impossible_travel.triggering_locations.first_location.city}}, \
        {{@impossible_travel.triggering_locations.first_location.country}} and \
        {{@impossible_travel.triggering_locations.second_location.city}}, \
        {{@impossible_travel.triggering_locations.second_location.country}} which are approximately \
        {{@impossible_travel.triggering_locations.travel_distance}}km apart within \
        {{@impossible_travel.triggering_locations.travel_time_human_readable}}. This indicates a potential impossible \
        travel.";

    fn london_to_tokyo() -> AlertColumns {
        let alert = json!({
            "id": 7,
            "leg_count": 2,
            "first_seen": "2026-03-02 09:10:00+00",
            "evidence": ["new_country", "long_term_key"],
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "account_id": "111122223333",
            "from_time": "2026-03-02 09:00:00+00",
            "from_ip": "192.0.2.1",
            "from_city": "London",
            "from_country": "United Kingdom",
            "from_latitude": 51.5,
            "from_longitude": -0.09,
            "from_asn": 64500,
            "to_city": "Tokyo",
            "to_country": "Japan",
            "to_carrier": null,
            "distance_km": 9558.6432,
            "velocity_kmh": 57351.8592,
            "elapsed_seconds": 600.0,
            "travel_time": "10 minutes",
            "impossible": true,
            "status": "open",
        });
        alert.as_object().cloned().unwrap()
    }

    fn rendered(text: &str) -> String {
        message(&Template::parse(text), &london_to_tokyo())
    }

    #[test]
    fn a_whole_number_is_the_same_with_and_without_decimals() {
        let (mut with, mut without) = (london_to_tokyo(), london_to_tokyo());
        with.insert("from_latitude".to_owned(), json!(52.0));
        without.insert("from_latitude".to_owned(), json!(52));
        assert_eq!(signal(&with).to_string(), signal(&without).to_string());
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
        let signal = signal(&london_to_tokyo());
        let locations = &signal["impossible_travel"]["triggering_locations"];
        assert_eq!(locations["first_location"]["city"], "London");
        assert_eq!(locations["first_location"]["ip"], "192.0.2.1");
        assert_eq!(locations["first_location"]["time"], "2026-03-02 09:00:00+00");
        assert_eq!(locations["first_location"]["latitude"], 51.5);
        assert_eq!(locations["second_location"]["country"], "Japan");
        assert_eq!(locations["second_location"]["subdivision"], Value::Null);
        assert_eq!(locations["travel_distance"], 9558.6);
        assert_eq!(locations["travel_time_human_readable"], "10 minutes");
        assert_eq!(signal["userIdentity"]["accessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    }

    #[test]
    fn what_a_message_says_of_an_attribute_is_what_the_signal_has() {
        let signal = signal(&london_to_tokyo());
        for (path, _) in ATTRIBUTES {
            let pointer = path.split('.').fold(String::new(), |pointer, key| pointer + "/" + key);
            let in_signal = match signal.pointer(&pointer).expect(path) {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            assert_eq!(rendered(&format!("{{{{@{path}}}}}")), in_signal, "{path}");
        }
    }

    #[test]
    fn columns_read_as_people_write_them() {
        for (text, expected) in [
            ("{{id}} {{leg_count}} {{from_asn}} {{account_id}}", "7 2 64500 111122223333"),
            ("{{first_seen}}", "2026-03-02 09:10:00+00"),
            ("{{evidence}}", "new_country, long_term_key"),
            (
                "{{distance_km}} km, {{velocity_kmh}} km/h, {{elapsed_seconds}} s",
                "9559 km, 57352 km/h, 600 s",
            ),
            ("{{from_latitude}} {{from_longitude}}", "51.5 -0.09"),
            ("<{{to_carrier}}> <{{to_city}}> <{{to_hosting}}>", "<> <Tokyo> <>"),
            ("{{impossible}} {{status}} {{@impossible_travel}}", "true {{status}} {{@impossible_travel}}"),
        ] {
            assert_eq!(rendered(text), expected);
        }
    }

    #[test]
    fn the_lines_of_a_template_stay_and_a_value_adds_none() {
        let mut columns = london_to_tokyo();
        columns.insert("session_name".to_owned(), json!("a\nb\u{1b}[2J\u{202e}"));
        columns.insert("evidence".to_owned(), json!(["a\u{200b}", "b"]));
        let template = "{{session_name}}\n{{@userIdentity.session_name}}\n{{evidence}}";
        assert_eq!(
            message(&Template::parse(template), &columns),
            "a\u{fffd}b\u{fffd}[2J\u{fffd}\na\u{fffd}b\u{fffd}[2J\u{fffd}\na\u{fffd}, b"
        );
    }

    #[test]
    fn a_message_can_name_the_keys_of_both_ends() {
        let mut columns = london_to_tokyo();
        columns.insert("from_access_key_id".to_owned(), json!("AKIA1"));
        columns.insert("to_access_key_id".to_owned(), json!("ASIA2"));
        let template = Template::parse("{{from_access_key_id}}, then {{to_access_key_id}}");
        assert_eq!(template.unknown_names(is_known), Vec::<&str>::new());
        assert_eq!(message(&template, &columns), "AKIA1, then ASIA2");
    }

    #[test]
    fn every_attribute_shows_a_column_that_there_is() {
        for (_, column) in ATTRIBUTES {
            assert!(is_column(column), "{column}");
        }
    }
}
