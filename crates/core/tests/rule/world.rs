//! Places, times and events to write histories with.

use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::rule::settings::{DAY, HOUR, SECOND};
use travel_core::rule::*;
use travel_core::site::Site;

pub const MINUTE: Micros = 60 * SECOND;

/// A place on the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    pub country_code: Option<&'static str>,
    pub subdivision: Option<&'static str>,
    pub city: Option<&'static str>,
    pub latitude: f64,
    pub longitude: f64,
}

const fn spot(country: &'static str, city: &'static str, latitude: f64, longitude: f64) -> Spot {
    Spot { country_code: Some(country), subdivision: None, city: Some(city), latitude, longitude }
}

pub const LONDON: Spot = spot("GB", "London", 51.5074, -0.1278);
/// 343 km from London: below every threshold.
pub const PARIS: Spot = spot("FR", "Paris", 48.8566, 2.3522);
/// 1264 km from London.
pub const MADRID: Spot = spot("ES", "Madrid", 40.4168, -3.7038);
pub const NEW_YORK: Spot = spot("US", "New York", 40.7128, -74.006);
pub const TOKYO: Spot = spot("JP", "Tokyo", 35.6895, 139.6917);
/// Two cities of one name and country.
pub const PORTLAND_OREGON: Spot =
    Spot { subdivision: Some("Oregon"), ..spot("US", "Portland", 45.5152, -122.6784) };
pub const PORTLAND_MAINE: Spot =
    Spot { subdivision: Some("Maine"), ..spot("US", "Portland", 43.6591, -70.2568) };
/// At sea: coordinates without a country.
pub const NOWHERE: Spot =
    Spot { country_code: None, subdivision: None, city: None, latitude: -40.0, longitude: -130.0 };

/// A time, from the beginning of day 0 on.
pub const fn time(day: i64, hour: i64, minute: i64) -> Micros {
    day * DAY + hour * HOUR + minute * MINUTE
}

pub fn text(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

/// An event of Alice's key at one of the addresses of a place: the same place has the same address.
pub fn event(at: Micros, spot: Spot) -> EvaluatedEvent {
    let number = [LONDON, PARIS, MADRID, NEW_YORK, TOKYO, PORTLAND_OREGON, PORTLAND_MAINE, NOWHERE]
        .iter()
        .position(|known| *known == spot)
        .unwrap_or(99);
    event_from(at, spot, &format!("192.0.2.{number}"))
}

pub fn event_from(at: Micros, spot: Spot, address: &str) -> EvaluatedEvent {
    EvaluatedEvent {
        entity: "key".into(),
        baseline_entity: text("alice"),
        time: at,
        site: Site::from_address(address.parse().unwrap()),
        coordinates: Coordinates::new(spot.latitude, spot.longitude).unwrap(),
        accuracy_km: None,
        country_code: spot.country_code.map(Into::into),
        subdivision: spot.subdivision.map(Into::into),
        city: spot.city.map(Into::into),
        anonymizer: None,
        hosting: false,
        carrier: None,
        asn: None,
        treatment: None,
        event_id: None,
        event_name: None,
        access_key_id: None,
        user_agent: None,
        outcome: None,
        identity_type: None,
        mfa_used: None,
        details: Arc::default(),
    }
}

pub fn place(spot: Spot) -> PlaceKey {
    PlaceKey {
        country_code: spot.country_code.unwrap().into(),
        subdivision: spot.subdivision.map(Into::into),
        city: spot.city.map(Into::into),
    }
}

/// The rule without a baseline: only what the addresses and the analysts say.
pub fn plain() -> Rule {
    Rule { baseline: false, ..Rule::default() }
}

/// The reference rule: the preset `iam_user`.
pub fn iam_user() -> Rule {
    Rule {
        thresholds: travel_core::journey::Thresholds::default(),
        learn: Learn::Encountered,
        learn_transitions: true,
        downgraded: NetworkAttributes::default(),
        severity: Severity::Info,
        ..Rule::default()
    }
}

/// What the tests of sentences look at: of each verdict when it arrives, and its reasons.
pub fn reasons(rule: &Rule, events: &[EvaluatedEvent]) -> Vec<(Micros, Vec<&'static str>)> {
    reasons_with(rule, events, &[], &[])
}

pub fn reasons_with(
    rule: &Rule,
    events: &[EvaluatedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Vec<(Micros, Vec<&'static str>)> {
    let evaluation = evaluate(rule, events, analysts, suppressions);
    let verdicts = evaluation.verdicts.iter();
    verdicts
        .map(|verdict| (verdict.to_time(), verdict.reasons.iter().map(|r| r.into_str()).collect()))
        .collect()
}

/// The state of a place after these events; `None` where it is not among the learned ones.
pub fn state(rule: &Rule, events: &[EvaluatedEvent], spot: Spot) -> Option<&'static str> {
    state_with(rule, events, &[], spot)
}

pub fn state_with(
    rule: &Rule,
    events: &[EvaluatedEvent],
    analysts: &[AnalystRow],
    spot: Spot,
) -> Option<&'static str> {
    let learned = evaluate(rule, events, analysts, &[]).places;
    let key = place(spot).under(rule.learn);
    learned.iter().find(|learned| learned.place == key).map(|learned| learned.state.into_str())
}

pub fn known_place(spot: Spot, valid_from: Micros, valid_until: Option<Micros>) -> AnalystRow {
    AnalystRow {
        id: 0,
        baseline_entity: "alice".into(),
        known: KnownItem::Place(place(spot)),
        valid_from,
        valid_until,
    }
}

pub fn known_transition(from: Spot, to: Spot, valid_from: Micros) -> AnalystRow {
    AnalystRow {
        id: 0,
        baseline_entity: "alice".into(),
        known: KnownItem::Transition(Transition { from: place(from), to: place(to) }),
        valid_from,
        valid_until: None,
    }
}
