//! The values that each setting of a rule may have.

use crate::pg::errors::{RuleError, TravelError};
use crate::pg::identifier::identifiers;
use crate::pg::tuple::Tuple;
use std::borrow::Cow;
use std::ffi::CStr;
use travel_core::journey::Thresholds;
use travel_core::rule::settings::{DAY, HOUR};
use travel_core::rule::{Learn, NetworkAttributes};

/// The longest name of a rule, in bytes.
const MAX_NAME: usize = 200;

const MAX_PERIOD: i64 = 3650 * DAY;

/// Checks each setting by itself. NULLs are left to the table's constraints.
pub fn must_be_in_range(rule: &Tuple) -> Result<(), TravelError> {
    let wrong = |column: &'static CStr, wanted: Cow<'static, str>, hint: &'static str| {
        let value = rule.written(column);
        Err(RuleError::Setting { column: column.to_str().unwrap_or_default(), value, wanted, hint }.into())
    };
    if rule.text(c"name")?.is_some_and(|name| name.trim().is_empty()) {
        return wrong(
            c"name",
            "text that is not blank".into(),
            "Choose a name. Alerts and known locations refer to the rule by it.",
        );
    }
    if let Some(name) = rule.text(c"name")?.filter(|name| name.len() > MAX_NAME) {
        return Err(RuleError::Setting {
            column: "name",
            value: format!("a text of {} bytes", name.len()),
            wanted: "at most 200 bytes long".into(),
            hint: "Choose a shorter name, and put the rest into goal.",
        }
        .into());
    }
    if rule.f64(c"min_distance_km").is_some_and(|km| !(km.is_finite() && km >= 0.0)) {
        return wrong(c"min_distance_km", "finite and not negative".into(), "The default is 500 km.");
    }
    let velocity = rule.f64(c"min_velocity_kmh");
    if velocity.is_some_and(|kmh| !(kmh.is_finite() && kmh >= 50.0)) {
        return wrong(
            c"min_velocity_kmh",
            "finite and at least 50".into(),
            "The default is 1000 km/h. An airliner flies at about 900 km/h. For less than 50 km/h, use travel.detect.",
        );
    }
    for (column, min, max, wanted, hint) in [
        (c"learning_period", HOUR, 30 * DAY, "from 1 hour to 30 days", "The default is 24 hours."),
        (c"trial_period", 3 * DAY, 30 * DAY, "from 3 to 30 days", "The default is 7 days."),
        (c"keep_alive", 0, MAX_PERIOD, "from 0 to 10 years", "The default is 6 hours."),
        (c"max_duration", 0, MAX_PERIOD, "from 0 to 10 years", "The default is 24 hours."),
        (c"lookback", HOUR, MAX_PERIOD, "from 1 hour to 10 years", "The default is 7 days."),
    ] {
        let range = i128::from(min)..=i128::from(max);
        if rule.interval(column).is_some_and(|period| !range.contains(&period)) {
            return wrong(column, wanted.into(), hint);
        }
    }
    if let (Some(forget_after), Some(learning_period), Some(min_velocity_kmh)) =
        (rule.interval(c"forget_after"), rule.interval(c"learning_period"), velocity)
    {
        let bound_s = Thresholds { min_velocity_kmh, ..Thresholds::default() }.bound_seconds();
        let min = learning_period.max((bound_s * 1e6).ceil() as i128);
        if !(min..=i128::from(MAX_PERIOD)).contains(&forget_after) {
            return wrong(
                c"forget_after",
                format!(
                    "at least the learning_period and {:.2} hours (the duration of the longest leg that can be \
                     impossible at min_velocity_kmh), and at most 10 years",
                    bound_s / 3600.0
                )
                .into(),
                "The default is 30 days.",
            );
        }
    }
    if rule.text(c"learn")?.is_some_and(|learn| learn.parse::<Learn>().is_err()) {
        return wrong(
            c"learn",
            "proven or encountered".into(),
            "With proven, a location becomes known after a trial; with encountered, with its first event.",
        );
    }
    for column in [c"downgraded", c"ignored", c"tags"] {
        if !rule.is_list(column) {
            let example = match column {
                column if column == c"tags" => {
                    "Write an array, for example '{tactic:TA0001-initial-access,team:blue}'."
                }
                _ => "Write an array, for example '{carrier,same_asn}'.",
            };
            return wrong(column, "an array of one dimension".into(), example);
        }
    }
    for column in [c"downgraded", c"ignored"] {
        let attributes = rule.texts(column)?.unwrap_or_default();
        // A NULL is an unknown attribute.
        if NetworkAttributes::from_names(
            attributes.iter().map(|attribute| attribute.as_deref().unwrap_or_default()),
        )
        .is_err()
        {
            return wrong(
                column,
                "an array of anonymizer, hosting, carrier, same_asn".into(),
                "Write an array of these, for example '{carrier,same_asn}'. The empty array is '{}'.",
            );
        }
    }
    let is_by_key = |entity: &str| identifiers(entity, b',').is_none_or(|names| names == ["access_key_id"]);
    if rule.bool(c"lineage") == Some(true) && !rule.text(c"entity")?.is_none_or(is_by_key) {
        return wrong(
            c"lineage",
            "false unless the entity is access_key_id".into(),
            "Lineage joins access keys. Set entity to access_key_id, or leave lineage false.",
        );
    }
    Ok(())
}
