//! Incidents, severity, evidence.

use crate::world::*;
use travel_core::place::{Anonymizer, Carrier};
use travel_core::rule::settings::HOUR;
use travel_core::rule::*;

const NOON: Micros = time(10, 12, 0);

/// To and fro between London and Tokyo, at these minutes.
fn flips(minutes: &[i64]) -> Vec<EvaluatedEvent> {
    let spots = [LONDON, TOKYO].into_iter().cycle();
    minutes.iter().zip(spots).map(|(minute, spot)| event(NOON + minute * MINUTE, spot)).collect()
}

fn incidents(rule: &Rule, events: &[EvaluatedEvent]) -> Vec<Incident> {
    evaluate(rule, events, &[], &[]).incidents
}

#[test]
fn one_incident_for_one_run_of_flips() {
    let events = flips(&[0, 1, 2, 3, 4]);
    let evaluation = evaluate(&plain(), &events, &[], &[]);
    let [incident] = &evaluation.incidents[..] else { panic!("{:?}", evaluation.incidents) };
    assert_eq!((incident.first_seen, incident.last_seen), (NOON + MINUTE, NOON + 4 * MINUTE));
    assert_eq!(incident.legs, evaluation.verdicts.iter().map(|v| v.leg_id.clone()).collect::<Vec<_>>());
}

#[test]
fn a_leg_joins_while_the_incident_is_alive() {
    let at = |minutes| incidents(&plain(), &flips(minutes)).len();
    assert_eq!(at(&[0, 1, 361]), 1, "six hours after the last");
    let second = Rule { keep_alive: 6 * HOUR - 1, ..plain() };
    assert_eq!(incidents(&second, &flips(&[0, 1, 361])).len(), 2, "more than keep_alive");
}

#[test]
fn an_incident_lasts_no_longer_than_max_duration_after_its_first_leg() {
    let minutes: Vec<i64> = (0..6).map(|i| i * 360).collect();
    let grouped = |rule: &Rule| {
        incidents(rule, &flips(&minutes)).iter().map(|incident| incident.legs.len()).collect::<Vec<_>>()
    };
    assert_eq!(grouped(&plain()), [5], "24 hours after the first");
    assert_eq!(grouped(&Rule { max_duration: 24 * HOUR - 1, ..plain() }), [4, 1]);
}

#[test]
fn legs_that_are_not_raised_keep_nothing_alive() {
    let mut events = flips(&[0, 1, 300, 400]);
    events[2].treatment = Some(Treatment::Vpn);
    events[2] = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..event(NOON + 300 * MINUTE, MADRID) };
    let events = [&events[..3], &[event(NOON + 400 * MINUTE, LONDON)]].concat();
    assert_eq!(reasons(&plain(), &events).len(), 3);
    assert_eq!(incidents(&plain(), &events).len(), 2);
}

#[test]
fn each_entity_has_its_own_incidents() {
    let mut events = flips(&[0, 1]);
    events.extend(flips(&[0, 1]).into_iter().map(|event| EvaluatedEvent { entity: "other".into(), ..event }));
    let grouped = incidents(&plain(), &events);
    assert_eq!(grouped.iter().map(|incident| &*incident.entity).collect::<Vec<_>>(), ["key", "other"]);
}

#[test]
fn severity_is_one_step_down_where_every_raised_leg_is_marked() {
    let rule = |severity| Rule {
        downgraded: NetworkAttributes { carrier: true, hosting: true, ..NetworkAttributes::default() },
        severity,
        ..plain()
    };
    let mobile = |event| EvaluatedEvent { carrier: Some(Carrier::Mobile), hosting: true, ..event };
    let events: Vec<_> = flips(&[0, 1, 2]);
    let all = [mobile(events[0].clone()), events[1].clone(), mobile(events[2].clone())];
    let steps = [
        (Severity::Critical, Severity::High),
        (Severity::High, Severity::Medium),
        (Severity::Medium, Severity::Low),
        (Severity::Low, Severity::Info),
        (Severity::Info, Severity::Info),
    ];
    for (severity, lower) in steps {
        assert_eq!(incidents(&rule(severity), &all)[0].severity, lower, "once, for two attributes");
    }
    let not_all = [all[0].clone(), all[1].clone(), events[2].clone()];
    assert_eq!(incidents(&rule(Severity::High), &not_all)[0].severity, Severity::High);
}

fn evidence_of(rule: &Rule, from: EvaluatedEvent, to: EvaluatedEvent) -> Vec<&'static str> {
    let events = [from, to];
    let evaluation = evaluate(rule, &events, &[], &[]);
    evaluation.incidents[0].evidence.iter().map(|evidence| evidence.into_str()).collect()
}

#[test]
fn the_evidence_of_a_leg() {
    let (from, to) = (event(NOON, LONDON), event(NOON + MINUTE, TOKYO));
    let show = |from: &EvaluatedEvent, to: &EvaluatedEvent| evidence_of(&plain(), from.clone(), to.clone());
    assert_eq!(show(&from, &to), [""; 0]);

    let agent = |event: &EvaluatedEvent, agent| EvaluatedEvent { user_agent: text(agent), ..event.clone() };
    assert_eq!(show(&agent(&from, "a"), &agent(&to, "b")), ["user_agent_changed"]);
    assert_eq!(show(&agent(&from, "a"), &agent(&to, "a")), [""; 0]);
    assert_eq!(show(&agent(&from, "a"), &to), [""; 0], "unknown is not changed");

    let key = |event: &EvaluatedEvent, key, mfa_used| EvaluatedEvent {
        access_key_id: text(key),
        mfa_used,
        ..event.clone()
    };
    assert_eq!(show(&from, &key(&to, "ASIA1", Some(false))), ["no_mfa"]);
    assert_eq!(show(&from, &key(&to, "ASIA1", Some(true))), [""; 0]);
    assert_eq!(show(&from, &key(&to, "ASIA1", None)), [""; 0]);
    assert_eq!(show(&from, &key(&to, "AKIA1", Some(false))), ["long_term_key"]);
    assert_eq!(show(&key(&from, "AKIA1", None), &to), [""; 0], "the arriving event's key");
    let login = EvaluatedEvent { event_name: text("ConsoleLogin"), mfa_used: Some(false), ..to.clone() };
    assert_eq!(show(&from, &login), ["no_mfa"]);

    assert_eq!(show(&from, &EvaluatedEvent { identity_type: text("Root"), ..to.clone() }), ["root"]);
    let tor = |event: &EvaluatedEvent| EvaluatedEvent { anonymizer: Some(Anonymizer::Tor), ..event.clone() };
    assert_eq!(show(&tor(&from), &to), ["tor"]);
    assert_eq!(show(&from, &tor(&to)), ["tor"]);
    let host = |event: &EvaluatedEvent| EvaluatedEvent { hosting: true, ..event.clone() };
    assert_eq!(show(&host(&from), &to), ["hosting_one_side"]);
    assert_eq!(show(&from, &host(&to)), ["hosting_one_side"]);
    assert_eq!(show(&host(&from), &host(&to)), ["hosting_both"]);
    let mobile = |event: &EvaluatedEvent| EvaluatedEvent { carrier: Some(Carrier::Mobile), ..event.clone() };
    assert_eq!(show(&from, &mobile(&to)), ["carrier"]);
    assert_eq!(show(&mobile(&from), &to), ["carrier"]);
    let asn = |event: &EvaluatedEvent| EvaluatedEvent { asn: Some(7), ..event.clone() };
    assert_eq!(show(&asn(&from), &asn(&to)), ["same_asn"]);
    assert_eq!(show(&from, &event_from(NOON + MINUTE, TOKYO, "2001:db8::1")), ["dual_stack"]);
}

#[test]
fn new_country_where_the_baseline_entity_knows_no_place_in_it() {
    let before =
        [event(time(0, 9, 0), LONDON), event(time(0, 20, 0), PORTLAND_MAINE), event(time(8, 20, 0), LONDON)];
    let shows = |spot, rule: &Rule, analysts: &[AnalystRow]| {
        let events = [&before[..], &[event(time(8, 20, 1), spot)]].concat();
        let evaluation = evaluate(rule, &events, analysts, &[]);
        evaluation.incidents[0].evidence.contains(&Evidence::NewCountry)
    };
    let rule = Rule::default();
    assert!(shows(TOKYO, &rule, &[]));
    assert!(!shows(NEW_YORK, &rule, &[]), "Portland is in that country");
    assert!(!shows(NOWHERE, &rule, &[]), "no country is not a new one");
    let osaka = Spot { city: Some("Osaka"), ..TOKYO };
    assert!(!shows(TOKYO, &rule, &[known_place(osaka, 0, None)]), "an analyst knows a place there");
    assert!(shows(TOKYO, &rule, &[known_place(osaka, 0, Some(time(8, 20, 0)))]), "but not any more");
    assert!(!shows(TOKYO, &plain(), &[]), "without a baseline nothing is known to be new");
}

#[test]
fn evidence_comes_from_raised_legs_only() {
    let mut events = flips(&[0, 1, 2]);
    events[2] = EvaluatedEvent { treatment: Some(Treatment::Vpn), hosting: true, ..events[2].clone() };
    assert_eq!(incidents(&plain(), &events)[0].evidence.len(), 0);
}

fn two_holders(rule: &Rule, events: &[EvaluatedEvent]) -> Vec<bool> {
    let found = incidents(rule, events);
    found.iter().map(|incident| incident.evidence.contains(&Evidence::TwoHolders)).collect()
}

#[test]
fn two_holders_where_a_to_b_then_back_then_again() {
    assert_eq!(two_holders(&plain(), &flips(&[0, 1, 2])), [false]);
    assert_eq!(two_holders(&plain(), &flips(&[0, 1, 2, 3])), [true]);
    let round = [LONDON, TOKYO, MADRID, LONDON, TOKYO];
    let round: Vec<_> = (0..).zip(round).map(|(i, spot)| event(NOON + i * MINUTE, spot)).collect();
    assert_eq!(two_holders(&plain(), &round), [false], "a round trip, once and again, has no way back");
    let detour = [LONDON, TOKYO, MADRID, TOKYO, LONDON, TOKYO];
    let detour: Vec<_> = (0..).zip(detour).map(|(i, spot)| event(NOON + i * MINUTE, spot)).collect();
    assert_eq!(two_holders(&plain(), &detour), [true], "others may lie between");
}

#[test]
fn two_holders_counts_legs_that_are_not_raised_from_max_duration_before_the_first() {
    // Three flips that are not raised yet, then one that is.
    let rule = Rule { raise_from: Some(NOON + 10 * MINUTE), max_duration: 9 * MINUTE, ..plain() };
    assert_eq!(two_holders(&rule, &flips(&[0, 1, 2, 10])), [true]);
    let shorter = Rule { max_duration: 9 * MINUTE - 1, ..rule };
    assert_eq!(two_holders(&shorter, &flips(&[0, 1, 2, 10])), [false]);
}

#[test]
fn two_holders_counts_no_leg_after_the_last() {
    let rule = Rule { keep_alive: 6 * HOUR, ..plain() };
    let suppression = Suppression { valid_from: Some(NOON + 3 * MINUTE), ..Suppression::default() };
    let events = flips(&[0, 1, 2, 3]);
    let evaluation = evaluate(&rule, &events, &[], std::slice::from_ref(&suppression));
    assert_eq!(evaluation.verdicts.len(), 3);
    assert!(!evaluation.incidents[0].evidence.contains(&Evidence::TwoHolders));
}

#[test]
fn two_holders_counts_a_leg_of_the_very_second_of_the_last() {
    let at = NOON + 2 * MINUTE;
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..event_from(at, TOKYO, "192.0.2.200") };
    let events = [&flips(&[0, 1, 2])[..], &[vpn]].concat();
    assert_eq!(reasons(&plain(), &events).len(), 3);
    assert_eq!(two_holders(&plain(), &events), [true]);
}

#[test]
fn two_holders_sees_as_far_back_from_a_state_that_was_kept() {
    // Before the first raised leg to Tokyo and back; to Tokyo again a day after it.
    let first = NOON + 20 * HOUR;
    let rule = Rule { keep_alive: 24 * HOUR, raise_from: Some(first), ..plain() };
    let mut events = flips(&[0, 1, 2]);
    events.extend([event(first - MINUTE, LONDON), event(first, MADRID), event(first + 20 * HOUR, LONDON)]);
    let (_, state) = resume(&EvaluationState::default(), &rule, &events, &[], &[]).unwrap();
    let again = [event(first + 23 * HOUR, TOKYO)];
    let (then, _) = resume(&state, &rule, &again, &[], &[]).unwrap();
    assert_eq!(then.incidents[0].legs.len(), 2);
    assert!(then.incidents[0].evidence.contains(&Evidence::TwoHolders));
    let whole = [&events[..], &again].concat();
    assert_eq!(incidents(&rule, &whole), then.incidents);
}
