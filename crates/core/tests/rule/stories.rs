//! Two stories: the reference rule, and our default rule, end to end.

use crate::world::*;
use travel_core::rule::*;

fn here(at: Micros) -> EvaluatedEvent {
    EvaluatedEvent { access_key_id: text("AKIAALICE"), identity_type: text("IAMUser"), ..event(at, LONDON) }
}

fn far(at: Micros) -> EvaluatedEvent {
    EvaluatedEvent { access_key_id: text("AKIAALICE"), identity_type: text("IAMUser"), ..event(at, TOKYO) }
}

#[test]
fn the_reference_rule() {
    let mut events = Vec::new();
    let mut said = |rule: &Rule, more: &[EvaluatedEvent]| {
        let before = reasons(rule, &events).len();
        events.extend_from_slice(more);
        reasons(rule, &events).split_off(before).into_iter().map(|(_, reasons)| reasons).collect::<Vec<_>>()
    };
    let rule = iam_user();
    // 24 hours of learning raise nothing.
    let learning: Vec<_> = (0..24).map(|hour| here(time(0, hour, 0))).collect();
    assert!(said(&rule, &learning).is_empty());
    assert_eq!(said(&rule, &[event(time(0, 23, 5), MADRID)]), [vec!["learning"]]);
    // The home city, then a far city minutes later: one info alert.
    assert_eq!(said(&rule, &[here(time(2, 9, 0)), far(time(2, 9, 10))]), [vec![""; 0]]);
    // Going home raises nothing, nor does the far city, now encountered.
    assert_eq!(said(&rule, &[here(time(2, 9, 20))]), [["known_place"]]);
    assert_eq!(said(&rule, &[far(time(2, 9, 30))]), [["known_place", "known_transition"]]);
    assert_eq!(said(&rule, &[here(time(2, 9, 40))]), [["known_place", "known_transition"]]);
    // The owner stays at home; the far city is unseen for 31 days: forgotten, but the way there is known.
    let at_home: Vec<_> = (3..33).map(|day| here(time(day, 9, 0))).collect();
    assert!(said(&rule, &at_home).is_empty());
    assert_eq!(said(&rule, &[here(time(33, 9, 35)), far(time(33, 9, 45))]), [["known_transition"]]);

    let alerts = evaluate(&rule, &events, &[], &[]).incidents;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].severity, Severity::Info);
    assert_eq!(alerts[0].legs.len(), 1);
    let evidence: Vec<_> = alerts[0].evidence.iter().map(|evidence| evidence.into_str()).collect();
    assert_eq!(evidence, ["new_country", "long_term_key"]);

    // With learn_transitions off it raises again.
    let without = Rule { learn_transitions: false, ..iam_user() };
    let alerts = evaluate(&without, &events, &[], &[]).incidents;
    let first_seen: Vec<_> = alerts.iter().map(|alert| alert.first_seen).collect();
    assert_eq!(first_seen, [time(2, 9, 10), time(33, 9, 45)]);
}

#[test]
fn the_default_rule() {
    let rule = Rule::default();
    let mut events: Vec<_> = (0..24).map(|hour| here(time(0, hour, 0))).collect();
    // The far city keeps raising into the same alert while it is used beside the home city.
    events.extend([
        here(time(2, 9, 0)),
        far(time(2, 9, 10)),
        here(time(2, 11, 0)),
        far(time(2, 14, 0)),
        here(time(2, 15, 0)),
    ]);
    let so_far = events.clone();
    let first = evaluate(&rule, &so_far, &[], &[]);
    assert_eq!(first.incidents.len(), 1);
    assert_eq!(first.incidents[0].legs.len(), 4);
    assert_eq!(first.incidents[0].severity, Severity::Medium);
    assert!(first.incidents[0].evidence.contains(&Evidence::TwoHolders));
    // Tokyo is contested.
    assert_eq!(state(&rule, &events, TOKYO), Some("contested"));

    // The alert is archived as expected: the places of its raised legs that were not known are entered.
    let mut entered: Vec<AnalystRow> = Vec::new();
    for verdict in first.verdicts.iter().filter(|verdict| verdict.is_raised()) {
        for (end, known) in [(verdict.leg.from, verdict.from_known), (verdict.leg.to, verdict.to_known)] {
            let place = end.event.place(rule.learn).unwrap();
            if !known && entered.iter().all(|row| row.known != KnownItem::Place(place.clone())) {
                entered.push(AnalystRow {
                    id: 0,
                    baseline_entity: "alice".into(),
                    known: KnownItem::Place(place),
                    valid_from: first.incidents[0].last_seen,
                    valid_until: None,
                });
            }
        }
    }
    assert_eq!(entered, [known_place(TOKYO, time(2, 15, 0), None)]);

    // From then on it raises nothing; what was raised stays as it was.
    events.extend([far(time(2, 15, 10)), here(time(2, 16, 0)), far(time(3, 9, 0)), here(time(3, 9, 5))]);
    let then = evaluate(&rule, &events, &entered, &[]);
    assert_eq!(then.incidents, first.incidents);
    for verdict in &then.verdicts[4..] {
        assert_eq!(
            verdict.reasons.iter().map(|reason| reason.into_str()).collect::<Vec<_>>(),
            ["known_place"]
        );
    }
    // Without the analyst's word it goes on.
    assert_eq!(evaluate(&rule, &events, &[], &[]).incidents[0].legs.len(), 6);
    assert_eq!(state_with(&rule, &events, &entered, TOKYO), Some("contested"), "beneath the row");
}

#[test]
fn a_city_that_the_user_could_have_flown_to() {
    let rule = Rule::default();
    let mut events: Vec<_> = (0..24).map(|hour| here(time(0, hour, 0))).collect();
    events.push(here(time(5, 9, 0)));
    events.extend((6..15).map(|day| event(time(day, 9, 0), MADRID)));
    assert_eq!(reasons(&rule, &events), [], "raises nothing");
    assert_eq!(state(&rule, &events[..events.len() - 3], MADRID), Some("trial"));
    assert_eq!(state(&rule, &events, MADRID), Some("known"), "after its trial");
    events.extend([here(time(15, 9, 0)), event(time(15, 9, 1), MADRID)]);
    assert_eq!(reasons(&rule, &events), [(time(15, 9, 1), vec!["known_place"])]);
}
