//! Evaluated events and their classes.

use crate::world::*;
use std::cell::Cell;
use travel_core::geodesy::Coordinates;
use travel_core::place::{Anonymizer, Carrier};
use travel_core::rule::*;
use travel_core::site::Site;

const NOON: Micros = time(0, 12, 0);

/// From where to where each leg over the thresholds goes.
fn legs(rule: &Rule, events: &[EvaluatedEvent]) -> Vec<(String, String)> {
    let city = |event: &EvaluatedEvent| event.city.as_deref().unwrap_or("nowhere").to_owned();
    let evaluation = evaluate(rule, events, &[], &[]);
    evaluation.verdicts.iter().map(|v| (city(v.leg.from.event), city(v.leg.to.event))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

#[test]
fn a_leg_over_the_thresholds_is_raised() {
    let events = [event(NOON, LONDON), event(NOON + MINUTE, TOKYO)];
    assert_eq!(reasons(&plain(), &events), [(NOON + MINUTE, vec![])]);
    let near = [event(NOON, LONDON), event(NOON + MINUTE, PARIS)];
    assert_eq!(reasons(&plain(), &near), []);
}

#[test]
fn rules_evaluate_by_accuracy_unless_told_otherwise() {
    let vague = EvaluatedEvent { accuracy_km: Some(900.0), ..event(NOON + MINUTE, MADRID) };
    let events = [event(NOON, LONDON), vague];
    assert_eq!(legs(&plain(), &events), []);
    assert_eq!(legs(&Rule { baseline: false, ..iam_user() }, &events), pairs(&[("London", "Madrid")]));
}

/// A burst in one second cannot be split, because its order is that of all its events.
#[test]
fn the_evaluation_of_many_events_of_one_time_can_be_interrupted() {
    let named = |n: usize| EvaluatedEvent { entity: n.to_string().into(), ..event(NOON, LONDON) };
    let events: Vec<EvaluatedEvent> = (0..50_000).map(named).collect();
    let (rule, analysts) = (plain(), Overlay::default());
    let policy = Policy { rule: &rule, analysts: &analysts, suppressions: &[] };
    let (entities, mut settled, ticks) = (ByName::default(), SettledByEntity::new(), Cell::new(0));
    let tick = || ticks.set(ticks.get() + 1);
    let advanced = advance(NOON, &entities, ByName::default(), &mut settled, policy, &events, &tick).unwrap();
    assert_eq!(advanced.entities.len(), events.len());
    // At least every 2,000 events, in each of the two passes over them.
    assert!(ticks.get() >= 2 * events.len() / 2000, "{}", ticks.get());
}

#[test]
fn neither_arrival_nor_repetition_matters() {
    let (a, b) = (event(NOON, LONDON), event(NOON + MINUTE, TOKYO));
    let events = [b.clone(), a.clone(), b.clone(), a];
    assert_eq!(legs(&plain(), &events), pairs(&[("London", "Tokyo")]));
}

#[test]
fn the_smallest_row_stands_for_an_event_nulls_last() {
    let at = NOON + MINUTE;
    let row = |id: Option<&str>, name: &str, mfa_used| EvaluatedEvent {
        event_id: id.map(Into::into),
        event_name: text(name),
        mfa_used,
        ..event(at, TOKYO)
    };
    let rows = [
        event(NOON, LONDON),
        row(None, "A", None),
        row(Some("2"), "A", None),
        row(Some("1"), "ConsoleLogin", Some(false)),
        row(Some("1"), "Z", None),
    ];
    let evaluation = evaluate(&plain(), &rows, &[], &[]);
    assert_eq!(evaluation.verdicts.len(), 1);
    assert_eq!(evaluation.verdicts[0].leg.to.event, &rows[3]);
    assert!(evaluation.incidents[0].evidence.contains(&Evidence::NoMfa));
}

#[test]
fn one_second_one_address_two_entities_are_two_events() {
    let other = EvaluatedEvent { entity: "other".into(), ..event(NOON, LONDON) };
    let events =
        [event(NOON, LONDON), other.clone(), EvaluatedEvent { time: NOON + MINUTE, ..event(NOON, TOKYO) }];
    let evaluation = evaluate(&plain(), &events, &[], &[]);
    assert_eq!(evaluation.verdicts.len(), 1, "each entity has a journey of its own");
    assert_eq!(&*evaluation.verdicts[0].leg.to.event.entity, "key");
}

#[test]
fn in_one_second_the_address_decides_the_order() {
    let events = [
        event_from(NOON, TOKYO, "2001:db8::1"),
        event_from(NOON, MADRID, "192.0.2.10"),
        event_from(NOON, LONDON, "192.0.2.9"),
    ];
    assert_eq!(legs(&plain(), &events), pairs(&[("London", "Madrid"), ("Madrid", "Tokyo")]));
}

#[test]
fn over_coordinates_they_are_the_site() {
    let bare = |at, spot: Spot| {
        let coordinates = Coordinates::new(spot.latitude, spot.longitude).unwrap();
        EvaluatedEvent { site: Site::from_coordinates(coordinates), ..event(at, spot) }
    };
    let events = [bare(NOON, LONDON), bare(NOON, LONDON), bare(NOON + MINUTE, TOKYO)];
    let evaluation = evaluate(&plain(), &events, &[], &[]);
    assert_eq!(evaluation.verdicts.len(), 1);
    assert!(!evaluation.verdicts[0].evidence.contains(&Evidence::DualStack));
}

#[test]
fn what_a_network_ignores_is_absent() {
    let ignored = |at| EvaluatedEvent { treatment: Some(Treatment::Ignore), ..event(at, TOKYO) };
    let events = [event(NOON, LONDON), ignored(NOON + MINUTE), event(NOON + 2 * MINUTE, LONDON)];
    let evaluation = evaluate(&Rule::default(), &events, &[], &[]);
    assert_eq!(evaluation.verdicts, []);
    assert_eq!(evaluation.places.len(), 1, "nor does it teach");
    let events = [ignored(NOON), event(NOON + MINUTE, LONDON)];
    assert_eq!(legs(&plain(), &events), [], "nor does a leg start there");
}

#[test]
fn a_leg_arrives_at_a_passing_event_and_none_starts_there() {
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..event(NOON + MINUTE, TOKYO) };
    let events = [event(NOON, LONDON), vpn, event(NOON + 2 * MINUTE, MADRID)];
    assert_eq!(legs(&plain(), &events), pairs(&[("London", "Tokyo"), ("London", "Madrid")]));
    assert_eq!(reasons(&plain(), &events)[0], (NOON + MINUTE, vec!["vpn"]));
    let events = [events[1].clone(), events[2].clone()];
    assert_eq!(legs(&plain(), &events), [], "a journey does not begin with it");
}

#[test]
fn an_address_that_the_rule_ignores_is_passing() {
    let all = NetworkAttributes { anonymizer: true, hosting: true, carrier: true, same_asn: true };
    let anonymizer = EvaluatedEvent { anonymizer: Some(Anonymizer::Relay), ..event(NOON + MINUTE, TOKYO) };
    let hosting = EvaluatedEvent { hosting: true, ..event(NOON + MINUTE, TOKYO) };
    let carrier = EvaluatedEvent { carrier: Some(Carrier::Satellite), ..event(NOON + MINUTE, TOKYO) };
    for (passing, reason) in [(anonymizer, "anonymizer"), (hosting, "hosting"), (carrier, "carrier")] {
        let events = [event(NOON, LONDON), passing, event(NOON + 2 * MINUTE, LONDON)];
        let rule = Rule { ignored: all, ..plain() };
        assert_eq!(reasons(&rule, &events), [(NOON + MINUTE, vec![reason])]);
        assert_eq!(reasons(&plain(), &events).len(), 2, "ordinary where the rule ignores no such thing");
    }
}

#[test]
fn a_tor_address_is_ordinary_whatever_is_ignored() {
    let all = NetworkAttributes { anonymizer: true, hosting: true, carrier: true, same_asn: true };
    let tor =
        EvaluatedEvent { anonymizer: Some(Anonymizer::Tor), hosting: true, ..event(NOON + MINUTE, TOKYO) };
    let events = [event(NOON, LONDON), tor.clone(), event(NOON + 2 * MINUTE, LONDON)];
    let rule = Rule { ignored: all, ..plain() };
    assert_eq!(reasons(&rule, &events), [(NOON + MINUTE, vec![]), (NOON + 2 * MINUTE, vec![])]);
    let named = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..tor };
    let events = [event(NOON, LONDON), named, event(NOON + 2 * MINUTE, LONDON)];
    assert_eq!(reasons(&rule, &events), [(NOON + MINUTE, vec!["vpn"])], "but a network of the user's counts");
}

#[test]
fn a_passing_event_teaches_nothing_and_begins_no_journey() {
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..event(NOON, TOKYO) };
    let day_later = NOON + time(1, 0, 0);
    for rule in [Rule::default(), iam_user()] {
        let evaluation = evaluate(&rule, std::slice::from_ref(&vpn), &[], &[]);
        assert_eq!(evaluation.places, []);
        // The journey begins a day later: it is still learning.
        let events = [vpn.clone(), event(day_later, LONDON), event(day_later + MINUTE, MADRID)];
        assert_eq!(reasons(&rule, &events), [(day_later + MINUTE, vec!["learning"])]);
    }
}

#[test]
fn a_place_network_is_evaluated_like_any_other() {
    let named = EvaluatedEvent { treatment: Some(Treatment::Place), ..event(NOON + MINUTE, TOKYO) };
    assert_eq!(reasons(&plain(), &[event(NOON, LONDON), named]), [(NOON + MINUTE, vec![])]);
}
