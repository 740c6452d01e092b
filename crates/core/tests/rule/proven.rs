//! How a place is proven, and what contests it.

use crate::world::*;
use travel_core::place::Anonymizer;
use travel_core::rule::settings::DAY;
use travel_core::rule::*;

/// London is learned on day 0. Paris is near it, so nothing contests it; Madrid and Tokyo are far.
fn learned() -> Vec<EvaluatedEvent> {
    vec![event(time(0, 9, 0), LONDON)]
}

fn after(events: &[EvaluatedEvent]) -> Vec<EvaluatedEvent> {
    [&learned()[..], events].concat()
}

fn becomes(events: &[EvaluatedEvent], spot: Spot) -> Option<&'static str> {
    state(&Rule::default(), &after(events), spot)
}

/// Events in Paris at noon of these days.
fn paris(days: &[i64]) -> Vec<EvaluatedEvent> {
    days.iter().map(|day| event(time(*day, 12, 0), PARIS)).collect()
}

fn hidden(event: EvaluatedEvent) -> EvaluatedEvent {
    EvaluatedEvent { anonymizer: Some(Anonymizer::Vpn), ..event }
}

#[test]
fn while_learning_every_event_makes_its_place_known() {
    assert_eq!(becomes(&[event(time(0, 9, 1), TOKYO)], TOKYO), Some("known"), "whatever speaks against it");
    assert_eq!(becomes(&[event(time(1, 9, 0), PARIS)], PARIS), Some("trial"), "and none afterwards");
}

#[test]
fn the_first_event_after_the_trial_makes_a_place_known() {
    assert_eq!(becomes(&paris(&[2, 3, 4]), PARIS), Some("trial"));
    assert_eq!(becomes(&paris(&[2, 3, 4, 8]), PARIS), Some("trial"), "still in it");
    assert_eq!(becomes(&paris(&[2, 3, 4, 9]), PARIS), Some("known"), "at the very end of the seven days");
    assert_eq!(becomes(&paris(&[2, 3, 4, 30]), PARIS), Some("known"), "however late");
    let mut before_its_end = paris(&[2, 3, 4]);
    before_its_end.push(event(time(9, 12, 0) - 1, PARIS));
    assert_eq!(becomes(&before_its_end, PARIS), Some("trial"));
}

#[test]
fn a_place_becomes_known_by_that_event_and_not_before_it() {
    let events = after(&[&paris(&[2, 3, 4, 9])[..], &[event(time(9, 13, 0), TOKYO)]].concat());
    let evaluation = evaluate(&Rule::default(), &events, &[], &[]);
    assert!(evaluation.verdicts.last().is_some_and(|to_tokyo| to_tokyo.from_known && !to_tokyo.to_known));
    let row = evaluation.places.iter().find(|learned| learned.place == place(PARIS)).unwrap();
    assert_eq!(row.state, PlaceState::Known { since: time(9, 12, 0) });
    assert_eq!(row.first_seen, time(2, 12, 0));
    // A leg that arrives at the proving event itself: from nowhere, which contests nothing.
    let mut events = after(&paris(&[2, 3, 4, 9]));
    events.push(event(time(9, 11, 59), NOWHERE));
    let evaluation = evaluate(&Rule::default(), &events, &[], &[]);
    assert!(evaluation.verdicts.last().is_some_and(|to_paris| !to_paris.to_known));
}

#[test]
fn with_events_on_fewer_than_three_days_the_trial_begins_anew() {
    let mut two_days = paris(&[2, 3, 9]);
    two_days.push(event(time(3, 20, 0), PARIS));
    assert_eq!(becomes(&two_days, PARIS), Some("trial"), "two events of one day are one day");
    let anew = |days: &[i64]| becomes(&[&two_days[..], &paris(days)].concat(), PARIS);
    assert_eq!(anew(&[10, 11, 15]), Some("trial"));
    assert_eq!(anew(&[10, 11, 16]), Some("known"), "day 9 is the new trial's first");
    assert_eq!(anew(&[10, 16]), Some("trial"));
}

#[test]
fn days_are_those_of_utc() {
    let at = |day, hour, minute| event(time(day, hour, minute), PARIS);
    let midnight = [at(2, 23, 59), at(3, 0, 0), at(4, 0, 0), at(9, 23, 59)];
    assert_eq!(becomes(&midnight, PARIS), Some("known"));
    let two = [at(2, 0, 0), at(2, 23, 59), at(3, 23, 59), at(9, 0, 0)];
    assert_eq!(becomes(&two, PARIS), Some("trial"));
}

#[test]
fn a_trial_begins_anew_where_the_place_was_unseen_for_too_long() {
    assert_eq!(becomes(&paris(&[2, 3, 4, 34]), PARIS), Some("known"), "30 days");
    let mut longer = paris(&[2, 3, 4]);
    longer.push(event(time(34, 12, 0) + 1, PARIS));
    assert_eq!(becomes(&longer, PARIS), Some("trial"));
}

#[test]
fn a_known_place_that_was_forgotten_is_on_trial_again() {
    let events = [event(time(40, 12, 0), LONDON)];
    assert_eq!(becomes(&events, LONDON), Some("trial"));
}

#[test]
fn a_leg_over_the_thresholds_from_a_known_place_contests() {
    assert_eq!(
        becomes(&[event(time(2, 9, 0), LONDON), event(time(2, 9, 1), TOKYO)], TOKYO),
        Some("contested")
    );
    let slowly = [event(time(2, 9, 0), LONDON), event(time(2, 23, 0), TOKYO)];
    assert_eq!(becomes(&slowly, TOKYO), Some("trial"), "but one who could have flown is on trial");
}

#[test]
fn a_leg_to_a_known_place_contests_from_its_arrival_on() {
    let events = after(&[event(time(2, 9, 0), TOKYO), event(time(2, 9, 1), LONDON)]);
    let places = evaluate(&Rule::default(), &events, &[], &[]).places;
    let tokyo = places.iter().find(|learned| learned.place == place(TOKYO)).unwrap();
    assert_eq!(tokyo.state, PlaceState::Contested { since: time(2, 9, 1) });
    assert_eq!(tokyo.last_seen, time(2, 9, 0));
}

#[test]
fn entities_of_one_person_contest_each_other_s_places() {
    let other = EvaluatedEvent { entity: "other".into(), ..event(time(2, 9, 1), TOKYO) };
    assert_eq!(
        becomes(&[event(time(2, 9, 0), LONDON), other], TOKYO),
        Some("contested"),
        "no entity traveled"
    );
}

#[test]
fn events_at_places_that_are_not_known_neither_contest_nor_hide() {
    let two_trials = [event(time(2, 9, 0), MADRID), event(time(2, 9, 1), TOKYO)];
    assert_eq!(becomes(&two_trials, MADRID), Some("trial"));
    assert_eq!(becomes(&two_trials, TOKYO), Some("trial"));
    // Between Tokyo and London lies Madrid, on trial.
    let between = [event(time(2, 9, 0), TOKYO), event(time(2, 19, 0), MADRID), event(time(2, 20, 0), LONDON)];
    assert_eq!(becomes(&between, TOKYO), Some("trial"), "11 hours to London: it could have been flown");
    let sooner = [event(time(2, 9, 0), TOKYO), event(time(2, 9, 1), MADRID), event(time(2, 18, 0), LONDON)];
    assert_eq!(becomes(&sooner, TOKYO), Some("contested"), "9 hours");
    assert_eq!(becomes(&sooner, MADRID), Some("trial"));
}

#[test]
fn only_consecutive_events_contest() {
    // London, Paris (known), Madrid: London is not consecutive to Madrid. 1053 km from Paris, 1264 from London.
    let proven = paris(&[2, 3, 4, 9]);
    let events = [event(time(9, 11, 0), LONDON), event(time(9, 13, 10), MADRID)];
    assert_eq!(becomes(&[&proven[..], &events].concat(), MADRID), Some("trial"));
    let sooner = [event(time(9, 11, 0), LONDON), event(time(9, 13, 0), MADRID)];
    assert_eq!(becomes(&[&proven[..], &sooner].concat(), MADRID), Some("contested"));
}

#[test]
fn two_events_of_the_place_itself_contest_it_too() {
    // A country without a city: its addresses may be far apart.
    let somewhere = |spot: Spot| Spot { subdivision: None, city: None, ..spot };
    let events = [
        event_from(time(2, 9, 0), somewhere(PORTLAND_MAINE), "192.0.2.50"),
        event_from(time(2, 9, 1), somewhere(PORTLAND_OREGON), "192.0.2.51"),
    ];
    assert_eq!(becomes(&events, somewhere(PORTLAND_MAINE)), Some("contested"));
}

#[test]
fn the_event_that_would_make_it_known_can_contest_it() {
    let days = [event(time(2, 23, 0), TOKYO), event(time(3, 23, 0), TOKYO), event(time(4, 23, 0), TOKYO)];
    let flown = [&days[..], &[event(time(10, 9, 0), LONDON), event(time(10, 23, 0), TOKYO)]].concat();
    assert_eq!(becomes(&flown, TOKYO), Some("known"));
    let too_fast = [&days[..], &[event(time(10, 22, 0), LONDON), event(time(10, 23, 0), TOKYO)]].concat();
    assert_eq!(becomes(&too_fast, TOKYO), Some("contested"));
}

#[test]
fn after_the_trial_and_before_its_next_event_a_place_can_still_be_contested() {
    let days = [event(time(2, 23, 0), TOKYO), event(time(3, 23, 0), TOKYO), event(time(4, 23, 0), TOKYO)];
    let trial_is_over = Rule { trial_period: 3 * DAY, ..Rule::default() };
    let events =
        after(&[&days[..], &[event(time(5, 22, 0), TOKYO), event(time(5, 23, 30), LONDON)]].concat());
    assert_eq!(state(&trial_is_over, &events, TOKYO), Some("contested"));
}

#[test]
fn once_known_nothing_contests_it() {
    let days = [
        event(time(2, 23, 0), TOKYO),
        event(time(3, 23, 0), TOKYO),
        event(time(4, 23, 0), TOKYO),
        event(time(10, 23, 0), TOKYO),
    ];
    let events = [&days[..], &[event(time(10, 23, 1), LONDON), event(time(10, 23, 2), TOKYO)]].concat();
    assert_eq!(becomes(&events, TOKYO), Some("known"));
    let verdicts = reasons(&Rule::default(), &after(&events));
    assert!(verdicts.iter().all(|(_, reasons)| *reasons == ["known_place"]), "{verdicts:?}");
}

#[test]
fn a_contested_place_stays_contested() {
    let mut events = vec![event(time(2, 9, 0), LONDON), event(time(2, 9, 1), TOKYO)];
    events.extend((60..80).map(|day| event(time(day, 9, 0), TOKYO)));
    assert_eq!(becomes(&events, TOKYO), Some("contested"), "also after it was unseen for long");
    events.push(event(time(200, 9, 0), LONDON));
    assert_eq!(becomes(&events, TOKYO), Some("contested"));
}

#[test]
fn an_analyst_s_row_makes_a_contested_place_known_while_it_is_in_force_and_no_longer() {
    let contested = [event(time(2, 9, 0), LONDON), event(time(2, 9, 1), TOKYO)];
    let again = |day| [event(time(day, 9, 0), LONDON), event(time(day, 9, 1), TOKYO)];
    let row = [known_place(TOKYO, time(3, 0, 0), Some(time(5, 0, 0)))];
    let events = after(&[&contested[..], &again(4), &again(6)].concat());
    let verdicts = reasons_with(&Rule::default(), &events, &row, &[]);
    let said: Vec<_> =
        verdicts.iter().filter(|(at, _)| at % DAY == time(0, 9, 1)).map(|(_, r)| r.clone()).collect();
    assert_eq!(said, [vec![], vec!["known_place"], vec![]]);
    assert_eq!(state_with(&Rule::default(), &events, &row, TOKYO), Some("contested"));
}

#[test]
fn for_the_trial_of_other_places_an_analyst_s_place_counts_as_known() {
    let events = after(&[event(time(2, 9, 0), TOKYO), event(time(2, 9, 1), MADRID)]);
    let row = |from| [known_place(TOKYO, from, None)];
    assert_eq!(state_with(&Rule::default(), &events, &row(time(1, 0, 0)), MADRID), Some("contested"));
    assert_eq!(
        state_with(&Rule::default(), &events, &row(time(2, 9, 0)), MADRID),
        Some("trial"),
        "not in force yet"
    );
}

#[test]
fn beneath_an_analyst_s_row_the_trial_of_its_own_place_goes_on() {
    let row = [known_place(PARIS, 0, None), known_place(TOKYO, 0, None)];
    let events = after(&paris(&[2, 3, 4, 9]));
    assert_eq!(state_with(&Rule::default(), &events[..4], &row, PARIS), Some("trial"));
    assert_eq!(state_with(&Rule::default(), &events, &row, PARIS), Some("known"));
    for contested in [[LONDON, TOKYO], [TOKYO, LONDON]] {
        let contested = after(&[event(time(2, 9, 0), contested[0]), event(time(2, 9, 1), contested[1])]);
        assert_eq!(state_with(&Rule::default(), &contested, &row, TOKYO), Some("contested"));
    }
}

#[test]
fn an_anonymizer_teaches_nothing_also_while_learning() {
    let events = [hidden(event(time(0, 10, 0), PARIS)), hidden(event(time(3, 10, 0), MADRID))];
    assert_eq!((becomes(&events, PARIS), becomes(&events, MADRID)), (None, None));
}

#[test]
fn an_anonymizer_begins_and_ends_no_trial() {
    let mut events = paris(&[3, 4, 5]);
    events.insert(0, hidden(event(time(2, 12, 0), PARIS)));
    events.push(event(time(9, 12, 0), PARIS));
    assert_eq!(becomes(&events, PARIS), Some("trial"), "it began on day 3");
    events.push(hidden(event(time(10, 12, 0), PARIS)));
    assert_eq!(becomes(&events, PARIS), Some("trial"), "and an anonymizer does not end it");
    events.push(event(time(10, 13, 0), PARIS));
    assert_eq!(becomes(&events, PARIS), Some("known"));
    let days = [&paris(&[2, 3])[..], &[hidden(event(time(4, 12, 0), PARIS))], &paris(&[9])].concat();
    assert_eq!(becomes(&days, PARIS), Some("trial"), "nor is its day one of three");
}

#[test]
fn an_anonymizer_contests_no_trial_and_hides_nothing_that_does() {
    let from_london = [hidden(event(time(2, 9, 0), LONDON)), event(time(2, 9, 1), TOKYO)];
    assert_eq!(becomes(&from_london, TOKYO), Some("trial"));
    let to_london = [event(time(2, 9, 0), TOKYO), hidden(event(time(2, 9, 1), LONDON))];
    assert_eq!(becomes(&to_london, TOKYO), Some("trial"));
    let hides = [&to_london[..], &[event(time(2, 9, 2), LONDON)]].concat();
    assert_eq!(becomes(&hides, TOKYO), Some("contested"));
}

#[test]
fn an_anonymizer_keeps_no_place_from_being_forgotten() {
    let events = [hidden(event(time(29, 9, 0), LONDON)), event(time(31, 9, 0), LONDON)];
    assert_eq!(becomes(&events, LONDON), Some("trial"));
}

#[test]
fn the_learning_period_begins_with_the_first_ordinary_event_also_at_an_anonymizer() {
    let events = [hidden(event(time(0, 9, 0), LONDON)), event(time(2, 9, 0), LONDON)];
    assert_eq!(state(&Rule::default(), &events, LONDON), Some("trial"));
}

#[test]
fn known_place_needs_both_places() {
    let verdicts = |events: &[EvaluatedEvent]| reasons(&Rule::default(), &after(events));
    let to_and_fro =
        [event(time(2, 9, 0), LONDON), event(time(2, 9, 1), TOKYO), event(time(2, 9, 2), LONDON)];
    assert_eq!(verdicts(&to_and_fro), [(time(2, 9, 1), vec![]), (time(2, 9, 2), vec![])]);
    let both = [event(time(0, 9, 1), TOKYO), event(time(2, 9, 0), LONDON), event(time(2, 9, 1), TOKYO)];
    assert_eq!(verdicts(&both).last(), Some(&(time(2, 9, 1), vec!["known_place"])));
}

#[test]
fn an_intruder_s_place_does_not_become_normal_by_use_beside_the_owner_s() {
    // The owner works from 9 to 18 in London; an intruder uses the key hourly in Madrid from day 10 on, for a month.
    let owner = (0..40).flat_map(|day| (9..=18).map(move |hour| event(time(day, hour, 0), LONDON)));
    let intruder = (10..40).flat_map(|day| (0..24).map(move |hour| event(time(day, hour, 30), MADRID)));
    let events: Vec<_> = owner.chain(intruder).collect();
    assert_eq!(state(&Rule::default(), &events, MADRID), Some("contested"));
    let verdicts = reasons(&Rule::default(), &events);
    assert!(verdicts.iter().all(|(_, reasons)| reasons.is_empty()));
    let last_day = verdicts.iter().filter(|(at, _)| *at >= time(39, 0, 0)).count();
    assert!(last_day >= 18, "also after a month: {last_day}");
}

#[test]
fn one_who_is_active_only_while_the_owner_rests_can_still_prove_a_place() {
    let owner = (0..5).chain(14..15).map(|day| event(time(day, 9, 0), LONDON));
    let intruder = (6..14).map(|day| event(time(day, 9, 0), MADRID));
    let events: Vec<_> = owner.chain(intruder).collect();
    assert_eq!(state(&Rule::default(), &events, MADRID), Some("known"), "the docs say so");
}
