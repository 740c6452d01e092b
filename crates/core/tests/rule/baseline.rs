//! The baseline: learning, `encountered`, forgetting, transitions, analysts' rows.

use crate::world::*;
use travel_core::place::Anonymizer;
use travel_core::rule::settings::{DAY, HOUR, TRANSITION_MEMORY};
use travel_core::rule::*;

const NONE: [&str; 0] = [];

/// The reference without transitions.
fn encountered() -> Rule {
    Rule { learn_transitions: false, ..iam_user() }
}

fn last_reasons(rule: &Rule, events: &[EvaluatedEvent]) -> Vec<&'static str> {
    last_reasons_with(rule, events, &[])
}

fn last_reasons_with(rule: &Rule, events: &[EvaluatedEvent], analysts: &[AnalystRow]) -> Vec<&'static str> {
    let (at, reasons) = reasons_with(rule, events, analysts, &[]).pop().unwrap();
    assert_eq!(at, events.iter().map(|event| event.time).max().unwrap(), "the last event ends a leg");
    reasons
}

fn by(entity: &str, event: EvaluatedEvent) -> EvaluatedEvent {
    EvaluatedEvent { entity: entity.into(), ..event }
}

fn of(baseline_entity: &str, event: EvaluatedEvent) -> EvaluatedEvent {
    EvaluatedEvent { baseline_entity: text(baseline_entity), ..event }
}

#[test]
fn learning_lasts_for_the_period_from_the_journey_s_first_event() {
    for rule in [encountered(), Rule::default()] {
        let at = |to| [event(time(0, 9, 0), LONDON), event(to - MINUTE, LONDON), event(to, TOKYO)];
        assert_eq!(last_reasons(&rule, &at(time(1, 9, 0) - 1)), ["learning"]);
        assert_eq!(last_reasons(&rule, &at(time(1, 9, 0))), NONE);
    }
}

#[test]
fn the_journey_is_the_baseline_entity_s_over_all_its_entities() {
    let events = [
        by("old key", event(time(0, 9, 0), LONDON)),
        by("new key", event(time(5, 9, 0), LONDON)),
        by("new key", event(time(5, 9, 1), TOKYO)),
    ];
    assert_eq!(last_reasons(&encountered(), &events), NONE, "alice is not learned anew for a new key");
    let events = [
        &events[..],
        &[by("third key", event(time(6, 9, 0), LONDON)), by("third key", event(time(6, 9, 1), TOKYO))],
    ]
    .concat();
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"], "what one key taught, all know");
}

#[test]
fn baseline_entities_do_not_learn_of_each_other() {
    let events = [
        of("bob", by("bob's", event(time(0, 9, 0), TOKYO))),
        event(time(0, 9, 0), LONDON),
        event(time(5, 9, 0), LONDON),
        event(time(5, 9, 1), TOKYO),
    ];
    assert_eq!(last_reasons(&encountered(), &events), NONE);
}

#[test]
fn a_leg_s_baseline_entity_is_that_of_the_event_at_which_it_arrives() {
    let shared = |arriving| {
        [
            of("bob", by("bob's", event(time(0, 9, 0), TOKYO))),
            by("alice's", event(time(0, 9, 0), LONDON)),
            event(time(5, 9, 0), LONDON),
            of(arriving, event(time(5, 9, 1), TOKYO)),
        ]
    };
    assert_eq!(last_reasons(&encountered(), &shared("bob")), ["known_place"]);
    assert_eq!(last_reasons(&encountered(), &shared("alice")), NONE);
    assert_eq!(last_reasons(&Rule::default(), &shared("bob")), NONE, "bob does not know London");
}

#[test]
fn ties_over_entities_go_by_the_entity() {
    // In one second both keys come to Tokyo: the first of them teaches it to the second.
    let at = time(5, 9, 1);
    let events = [
        by("A", event(time(0, 9, 0), LONDON)),
        by("A", event(time(5, 9, 0), LONDON)),
        by("a", event(time(5, 9, 0), LONDON)),
        by("a", event(at, TOKYO)),
        by("A", event(at, TOKYO)),
    ];
    assert_eq!(reasons(&encountered(), &events), [(at, vec![]), (at, vec!["known_place"])]);
    let evaluation = evaluate(&encountered(), &events, &[], &[]);
    assert_eq!(&*evaluation.verdicts[0].leg.to.event.entity, "A", "bytewise");
}

#[test]
fn without_a_baseline_entity_nothing_is_learned_and_no_reason_comes_from_it() {
    let nobody = |event| EvaluatedEvent { baseline_entity: None, ..event };
    let events = [
        nobody(event(time(0, 9, 0), LONDON)),
        nobody(event(time(0, 9, 1), TOKYO)),
        nobody(event(time(0, 9, 2), LONDON)),
    ];
    for rule in [encountered(), Rule::default(), iam_user()] {
        let evaluation = evaluate(&rule, &events, &[], &[]);
        assert!(evaluation.verdicts.iter().all(Verdict::is_raised));
        assert_eq!((evaluation.places, evaluation.transitions), (vec![], vec![]));
        assert!(!evaluation.incidents[0].evidence.contains(&Evidence::NewCountry));
        let whose = [event(time(0, 9, 0), LONDON), event(time(0, 9, 1), TOKYO)];
        let off =
            evaluate(&Rule { baseline: false, ..rule }, &whose, &[known_place(TOKYO, 0, None)], &[]).places;
        assert_eq!(off, []);
    }
}

#[test]
fn encountered_knows_a_place_from_its_first_event_on() {
    let mut events =
        vec![event(time(0, 9, 0), LONDON), event(time(3, 9, 0), LONDON), event(time(3, 9, 1), TOKYO)];
    assert_eq!(last_reasons(&encountered(), &events), NONE);
    assert_eq!(state(&encountered(), &events, TOKYO), Some("known"));
    events.push(event(time(3, 9, 2), LONDON));
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"], "home");
    events.push(event(time(3, 9, 3), TOKYO));
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"]);
}

#[test]
fn encountered_asks_only_for_the_place_that_the_leg_leads_to() {
    // From somewhere that alice has never been: the event there was bob's.
    let events =
        [event(time(0, 9, 0), LONDON), of("bob", event(time(3, 9, 0), TOKYO)), event(time(3, 9, 1), LONDON)];
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"]);
    assert_eq!(last_reasons(&Rule::default(), &events), NONE, "proven asks for both");
}

#[test]
fn a_place_is_forgotten_when_unseen_for_more_than_forget_after() {
    let seen = time(1, 12, 0);
    for rule in [encountered(), Rule::default()] {
        let far_again = |at: Micros| {
            let began = event(time(0, 13, 0), LONDON);
            let home = [event(time(20, 9, 0), LONDON), event(at - MINUTE, LONDON)];
            [began, event(seen, TOKYO), home[0].clone(), home[1].clone(), event(at, TOKYO)]
        };
        assert_eq!(last_reasons(&rule, &far_again(seen + 30 * DAY)), ["known_place"]);
        assert_eq!(last_reasons(&rule, &far_again(seen + 30 * DAY + 1)), NONE);
    }
}

#[test]
fn encountered_tells_cities_apart_by_country_and_name_alone() {
    let events = [
        event(time(0, 9, 0), LONDON),
        event(time(0, 20, 0), PORTLAND_OREGON),
        event(time(3, 9, 0), LONDON),
        event(time(3, 9, 1), PORTLAND_MAINE),
    ];
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"]);
    assert_eq!(last_reasons(&Rule::default(), &events), NONE, "proven knows their subdivisions");
}

#[test]
fn an_event_without_a_country_is_never_at_a_known_place_and_teaches_nothing() {
    let events = [
        event(time(0, 9, 0), LONDON),
        event(time(0, 9, 1), NOWHERE),
        event(time(3, 9, 0), LONDON),
        event(time(3, 9, 1), NOWHERE),
    ];
    for rule in [iam_user(), Rule::default()] {
        assert_eq!(last_reasons(&rule, &events), NONE);
        assert_eq!(evaluate(&rule, &events, &[], &[]).places.len(), 1);
        assert_eq!(evaluate(&rule, &events, &[], &[]).transitions, []);
    }
}

#[test]
fn with_encountered_an_anonymizer_teaches_too() {
    let hidden = EvaluatedEvent { anonymizer: Some(Anonymizer::Vpn), ..event(time(3, 9, 1), TOKYO) };
    let events =
        [event(time(0, 9, 0), LONDON), hidden, event(time(4, 9, 0), LONDON), event(time(4, 9, 1), TOKYO)];
    assert_eq!(last_reasons(&encountered(), &events), ["known_place"]);
}

#[test]
fn learned_rows_are_as_of_the_baseline_entity_s_own_last_event() {
    let events = [
        event(time(0, 9, 0), LONDON),
        event(time(0, 20, 0), TOKYO),
        event(time(20, 9, 0), LONDON),
        of("bob", event(time(99, 9, 0), MADRID)),
    ];
    for rule in [encountered(), Rule::default()] {
        assert_eq!(state(&rule, &events, TOKYO), Some("known"));
        let later = [&events[..], &[event(time(31, 9, 0), LONDON)]].concat();
        assert_eq!(state(&rule, &later, TOKYO), None, "forgotten by now");
        assert_eq!(state(&rule, &later, LONDON), Some("known"));
    }
}

#[test]
fn a_learned_row_says_since_when() {
    let events = [
        event(time(0, 9, 0), LONDON),
        event(time(2, 9, 0), LONDON),
        event(time(40, 9, 0), LONDON),
        event(time(41, 9, 0), LONDON),
    ];
    let places = evaluate(&encountered(), &events, &[], &[]).places;
    let [london] = &places[..] else { panic!("{places:?}") };
    let since = time(40, 9, 0);
    assert_eq!(london.state, PlaceState::Known { since });
    assert_eq!((london.first_seen, london.last_seen), (since, time(41, 9, 0)), "since it was last forgotten");
}

// Transitions.

/// Once to Tokyo, slowly, and back; then the place is forgotten and reached at once.
fn traveled_and_forgotten(again: Micros) -> [EvaluatedEvent; 5] {
    [
        event(time(0, 9, 0), LONDON),
        event(time(3, 9, 0), TOKYO),
        event(time(5, 9, 0), LONDON),
        event(again - MINUTE, LONDON),
        event(again, TOKYO),
    ]
}

#[test]
fn a_transition_that_was_traveled_at_any_speed_is_known() {
    let events = traveled_and_forgotten(time(40, 9, 0));
    assert_eq!(last_reasons(&iam_user(), &events), ["known_transition"]);
    assert_eq!(last_reasons(&encountered(), &events), NONE, "where the rule learns them");
    let proven = Rule { learn_transitions: true, ..Rule::default() };
    assert_eq!(last_reasons(&proven, &events), NONE, "only with encountered");
}

#[test]
fn transitions_from_before_a_rule_stopped_learning_them_count_no_more() {
    let events = traveled_and_forgotten(time(40, 9, 0));
    let (_, state) = resume(&EvaluationState::default(), &iam_user(), &events[..4], &[], &[]).unwrap();
    for rule in [encountered(), Rule { learn: Learn::Proven, ..iam_user() }] {
        let (evaluation, _) = resume(&state, &rule, &events[4..], &[], &[]).unwrap();
        assert!(evaluation.verdicts[0].is_raised(), "{:?}", evaluation.verdicts[0].reasons);
        assert_eq!(evaluation.transitions, []);
    }
}

#[test]
fn what_was_learned_by_proof_is_known_to_a_rule_that_now_learns_what_it_encounters() {
    let home = Spot { subdivision: Some("England"), ..LONDON };
    let events = [
        event_from(time(0, 9, 0), home, "192.0.2.1"),
        event_from(time(9, 9, 0), home, "192.0.2.1"),
        event(time(9, 9, 10), TOKYO),
        event_from(time(9, 9, 20), home, "192.0.2.1"),
        event(time(9, 9, 30), TOKYO),
    ];
    let (_, state) = resume(&EvaluationState::default(), &Rule::default(), &events[..3], &[], &[]).unwrap();
    let (evaluation, _) = resume(&state, &encountered(), &events[3..], &[], &[]).unwrap();
    let raised: Vec<bool> = evaluation.verdicts.iter().map(Verdict::is_raised).collect();
    assert_eq!(raised, [false, false]);
    assert_eq!(evaluation.places, evaluate(&encountered(), &events, &[], &[]).places);
}

#[test]
fn a_transition_has_a_direction() {
    let again = time(40, 9, 0);
    let events = [
        event(time(0, 9, 0), TOKYO),
        event(time(3, 9, 0), LONDON),
        event(again - MINUTE, LONDON),
        event(again, TOKYO),
    ];
    assert_eq!(last_reasons(&iam_user(), &events), NONE);
}

#[test]
fn a_transition_is_known_for_180_days() {
    let arrived = time(3, 9, 0);
    let known = traveled_and_forgotten(arrived + TRANSITION_MEMORY);
    assert_eq!(last_reasons(&iam_user(), &known), ["known_transition"]);
    let too_late = traveled_and_forgotten(arrived + TRANSITION_MEMORY + 1);
    assert_eq!(last_reasons(&iam_user(), &too_late), NONE);
    let learned = evaluate(&iam_user(), &too_late, &[], &[]).transitions;
    assert_eq!(learned.len(), 2, "that way again, and back 178 days ago: {learned:?}");
}

#[test]
fn a_leg_to_a_passing_event_is_no_travel() {
    let mut events = traveled_and_forgotten(time(40, 9, 0));
    events[1].treatment = Some(Treatment::Vpn);
    assert_eq!(last_reasons(&iam_user(), &events), NONE);
}

#[test]
fn a_move_within_one_place_is_no_transition() {
    let events = [event_from(time(0, 9, 0), LONDON, "192.0.2.77"), event(time(0, 10, 0), LONDON)];
    assert_eq!(evaluate(&iam_user(), &events, &[], &[]).transitions, []);
}

// Analysts' rows.

/// London is known; Tokyo is not; then there at once.
fn far(at: Micros) -> [EvaluatedEvent; 3] {
    [event(time(0, 9, 0), LONDON), event(at - MINUTE, LONDON), event(at, TOKYO)]
}

#[test]
fn an_analyst_s_row_holds_strictly_between_its_times() {
    let at = time(3, 9, 0);
    for rule in [encountered(), Rule::default()] {
        let with = |from, until| last_reasons_with(&rule, &far(at), &[known_place(TOKYO, from, until)]);
        assert_eq!(with(at - 1, None), ["known_place"]);
        assert_eq!(with(at, None), NONE, "strictly after");
        assert_eq!(with(at - 1, Some(at + 1)), ["known_place"]);
        assert_eq!(with(at - 1, Some(at)), NONE, "and before");
        let other = AnalystRow { baseline_entity: "bob".into(), ..known_place(TOKYO, 0, None) };
        assert_eq!(last_reasons_with(&rule, &far(at), &[other]), NONE, "bob's row is not alice's");
    }
}

#[test]
fn an_analyst_s_row_is_never_forgotten() {
    let at = time(400, 9, 0);
    assert_eq!(last_reasons_with(&encountered(), &far(at), &[known_place(TOKYO, 0, None)]), ["known_place"]);
}

#[test]
fn an_analyst_s_row_teaches_nothing_itself() {
    let row = [known_place(TOKYO, 0, Some(time(2, 0, 0)))];
    assert_eq!(last_reasons_with(&encountered(), &far(time(3, 9, 0)), &row), NONE);
    let places = evaluate(&encountered(), &far(time(3, 9, 0))[..2], &row, &[]).places;
    assert_eq!(places.len(), 1, "only London was learned");
}

#[test]
fn beneath_an_analyst_s_row_learning_goes_on() {
    let row = [known_place(TOKYO, 0, Some(time(3, 10, 0)))];
    let mut events = far(time(3, 9, 0)).to_vec();
    assert_eq!(last_reasons_with(&encountered(), &events, &row), ["known_place"]);
    events.extend([event(time(5, 9, 0), LONDON), event(time(5, 9, 1), TOKYO)]);
    assert_eq!(
        last_reasons_with(&encountered(), &events, &row),
        ["known_place"],
        "the row is over, but it was learned"
    );
}

#[test]
fn an_analyst_s_transition_holds_under_both_ways_of_learning() {
    let at = time(3, 9, 0);
    for rule in [encountered(), iam_user(), Rule::default()] {
        let with = |row| last_reasons_with(&rule, &far(at), &[row]);
        assert_eq!(with(known_transition(LONDON, TOKYO, at - 1)), ["known_transition"]);
        assert_eq!(with(known_transition(LONDON, TOKYO, at)), NONE);
        assert_eq!(with(known_transition(TOKYO, LONDON, 0)), NONE, "it has a direction");
    }
}

#[test]
fn rows_are_read_as_the_rule_tells_places_apart() {
    let at = time(3, 9, 0);
    let events = [event(time(0, 9, 0), LONDON), event(at - MINUTE, LONDON), event(at, PORTLAND_MAINE)];
    let row = [known_place(PORTLAND_OREGON, 0, None)];
    assert_eq!(last_reasons_with(&encountered(), &events, &row), ["known_place"]);
    assert_eq!(last_reasons_with(&Rule::default(), &events, &row), NONE);
}

#[test]
fn a_verdict_says_which_places_were_not_known() {
    let events = far(time(3, 9, 0));
    let evaluation = evaluate(&Rule::default(), &events, &[], &[]);
    assert!(evaluation.verdicts[0].from_known);
    assert!(!evaluation.verdicts[0].to_known, "archiving the alert as expected enters Tokyo");
}

#[test]
fn a_backfill_learns_as_a_live_feed_would_have() {
    let events = traveled_and_forgotten(time(40, 9, 0));
    let whole = evaluate(&iam_user(), &events, &[], &[]);
    let mut state = EvaluationState::default();
    let mut verdicts = Vec::new();
    for event in &events {
        let before = state;
        let one = std::slice::from_ref(event);
        let (evaluation, after) = resume(&before, &iam_user(), one, &[], &[]).unwrap();
        verdicts.extend(evaluation.verdicts.iter().map(|v| (v.leg_id.clone(), v.reasons.clone())));
        state = after;
    }
    let expected: Vec<_> = whole.verdicts.iter().map(|v| (v.leg_id.clone(), v.reasons.clone())).collect();
    assert_eq!(verdicts, expected);
}

#[test]
fn a_state_takes_only_what_is_later_than_its_own() {
    let nine = time(0, 9, 0);
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..by("other", event(nine + HOUR, MADRID)) };
    let events = [event(nine, LONDON), vpn, of("bob", by("bob's", event(nine + 2 * HOUR, LONDON)))];
    let (_, state) = resume(&EvaluationState::default(), &iam_user(), &events, &[], &[]).unwrap();
    let late = |event| resume(&state, &iam_user(), &[event], &[], &[]).err().map(|late| late.evaluated_until);
    assert_eq!(late(event(nine, LONDON)), Some(nine + HOUR), "alice was evaluated until then");
    assert_eq!(late(by("third", event(nine + HOUR, LONDON))), Some(nine + HOUR), "of that very second");
    assert_eq!(late(event(nine + HOUR + 1, LONDON)), None, "bob is further on");
    assert_eq!(late(of("carol", event(nine, LONDON))), Some(nine), "the key was evaluated until then");
    assert_eq!(late(of("carol", by("carol's", event(nine, LONDON)))), None);
    let absent = EvaluatedEvent { treatment: Some(Treatment::Ignore), ..event(nine, LONDON) };
    assert_eq!(late(absent), None);
}
