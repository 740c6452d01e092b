//! Editions of place data: after a change, verdicts are those that the new edition alone would give.

use crate::arbitrary::{Case, cases};
use crate::model::{answer, in_words};
use crate::world::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use travel_core::journey::Stop;
use travel_core::rule::settings::{DAY, HOUR};
use travel_core::rule::*;
use travel_core::site::Site;

/// An edition: the place data of each address.
type Edition = BTreeMap<Site, CurrentLocation>;

fn location(event: &EvaluatedEvent) -> CurrentLocation {
    CurrentLocation {
        coordinates: event.coordinates,
        accuracy_km: event.accuracy_km,
        country: event.details.country.clone(),
        country_code: event.country_code.clone(),
        subdivision: event.subdivision.clone(),
        city: event.city.clone(),
        anonymizer: event.anonymizer,
        hosting: event.hosting.then(|| "other".into()),
        carrier: event.carrier,
        asn: event.asn,
        as_organization: None,
        treatment: event.treatment,
        network: event.details.network.clone(),
        hosting_network: event.details.hosting_network.clone(),
    }
}

fn edition_of(events: &[EvaluatedEvent]) -> Edition {
    events.iter().map(|event| (event.site, location(event))).collect()
}

fn located(events: &[EvaluatedEvent], edition: &Edition) -> Vec<EvaluatedEvent> {
    events.iter().filter_map(|event| Some(event.clone().at(edition.get(&event.site)?.clone()))).collect()
}

fn look_up(edition: &Edition) -> impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, Infallible> {
    |site, _| Ok(edition.get(&site).cloned())
}

fn relocated(state: EvaluationState, rule: &Rule, edition: &Edition) -> EvaluationState {
    let entities = state.entities.into_iter().map(|(name, state)| {
        let Ok(state) = state.relocated(rule, look_up(edition));
        (name, state)
    });
    let baselines = state.baselines.into_iter().map(|(name, state)| {
        let Ok(state) = state.relocated(rule, look_up(edition));
        (name, state)
    });
    EvaluationState { entities: entities.collect(), baselines: baselines.collect() }
}

/// A history, a later edition in which its addresses are elsewhere or nowhere, and when it comes.
fn changes() -> impl Strategy<Value = (Case, Edition, Micros)> {
    let elsewhere = prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 12);
    (cases(), cases(), elsewhere, any::<prop::sample::Index>()).prop_map(
        |(mut case, other, elsewhere, at)| {
            for event in &mut case.events {
                Arc::make_mut(&mut event.details).hosting = event.hosting.then(|| "other".into());
            }
            let before = edition_of(&case.events);
            let after = before.iter().zip(elsewhere).filter_map(|((site, location_before), (from, fate))| {
                let location = match fate {
                    0 => return None,
                    1 => location_before.clone(),
                    _ => location(from.get(&other.events)),
                };
                Some((*site, location))
            });
            let at = at.get(&case.events).time;
            (case, after.collect(), at)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Evaluation reads the history again with the new edition and leaves the verdicts of the old edition unchanged. The
    /// new verdicts, the baseline and the checkpoints equal those of a single scan with the new edition. No other leg is
    /// raised.
    #[test]
    fn after_a_new_edition_all_is_as_by_that_edition_alone((case, edition, at) in changes()) {
        let analysts = Overlay::new(&case.analysts, case.rule.learn);
        let policy = Policy { rule: &case.rule, analysts: &analysts, suppressions: &case.suppressions };
        let nothing = EvaluationState::default();
        let old: Vec<EvaluatedEvent> = case.events.iter().filter(|event| event.time <= at).cloned().collect();
        let before = evaluate(&case.rule, &old, &case.analysts, &case.suppressions);
        let mut settled = SettledByEntity::new();
        for event in &case.events {
            let past = SettledVerdicts { until: at, other_until: at, ..SettledVerdicts::default() };
            settled.entry(event.entity.clone()).or_insert(past);
        }
        for verdict in &before.verdicts {
            let given = DecidedLeg { other_edition: Some(1), ..verdict.decided_leg(case.rule.learn) };
            settled.get_mut(&given.entity).unwrap().verdicts.push_back(given);
        }
        let events = located(&case.events, &edition);
        let newest = events.iter().map(|event| event.time).max().unwrap_or(Micros::MIN);
        let (mut after, end) = resume_towards(newest, &nothing, &mut settled, policy, &events).unwrap();
        after.add_learned(&end);

        // By the plain second implementation.
        let mut alone = answer(&case.rule, &events, &case.analysts, &case.suppressions);
        alone.verdicts.retain(|verdict| verdict.to.0 > at);
        let said = in_words(&Evaluation { incidents: Vec::new(), ..after.clone() });
        prop_assert_eq!(said.verdicts, alone.verdicts);
        prop_assert_eq!(said.places, alone.places);
        prop_assert_eq!(said.transitions, alone.transitions);
        // What was raised stays where it was; every leg of an incident was raised by one edition or the other.
        let raised: Vec<&String> = before.verdicts.iter().chain(&after.verdicts)
            .filter(|verdict| verdict.is_raised()).map(|verdict| &verdict.leg_id).collect();
        prop_assert!(after.incidents.iter().flat_map(|incident| &incident.legs).all(|leg| raised.contains(&leg)));
        // What is kept for later is of the new edition.
        let (_, whole) = resume(&nothing, &case.rule, &events, &case.analysts, &case.suppressions).unwrap();
        prop_assert_eq!(&end.baselines, &whole.baselines);
        for (entity, kept) in &end.entities {
            let other = &whole.entities[entity];
            prop_assert_eq!((kept.evaluated_until, &kept.last), (other.evaluated_until, &other.last));
            prop_assert_eq!(&kept.grouping.crossings, &other.grouping.crossings);
        }
    }

    /// Where the history is gone: a state that is relocated under its own edition is unchanged, and no place
    /// from which a leg can start is of another edition than the present one.
    #[test]
    fn a_relocated_state_is_of_the_present_edition_alone((case, edition, at) in changes()) {
        let old: Vec<EvaluatedEvent> = case.events.iter().filter(|event| event.time <= at).cloned().collect();
        let nothing = EvaluationState::default();
        let (_, state) = resume(&nothing, &case.rule, &old, &case.analysts, &case.suppressions).unwrap();

        let same = relocated(state.clone(), &case.rule, &edition_of(&case.events));
        prop_assert_eq!(&same.baselines, &state.baselines);
        for (entity, kept) in &state.entities {
            let now = &same.entities[entity];
            prop_assert_eq!((&now.last, &now.grouping.open), (&kept.last, &kept.grouping.open));
            prop_assert!(now.grouping.crossings.is_empty());
        }

        let state = relocated(state, &case.rule, &edition);
        let is_present = |stop: &Stop<()>| {
            edition.get(&stop.site).is_some_and(|now| (now.coordinates, now.accuracy_km) == (stop.coordinates, stop.accuracy_km))
        };
        for kept in state.entities.values() {
            if let Some(last) = &kept.last {
                prop_assert_eq!(&location(last).coordinates, &edition[&last.site].coordinates);
                prop_assert_eq!(AddressClass::of(last, &case.rule), AddressClass::Ordinary);
            }
        }
        for kept in state.baselines.values() {
            prop_assert!(kept.anchor.as_ref().is_none_or(is_present));
            for (place, record) in &kept.places {
                let is_on_trial = matches!(record.state, PlaceState::Trial { .. });
                prop_assert!(!is_on_trial || is_present(&record.last));
                prop_assert!(is_on_trial || !kept.after_anchor.contains(place));
            }
            prop_assert!(kept.after_anchor.iter().all(|place| kept.places.contains_key(place)));
        }
        // Evaluation can continue from it.
        let later: Vec<EvaluatedEvent> =
            located(&case.events, &edition).into_iter().filter(|event| event.time > at).collect();
        resume(&state, &case.rule, &later, &case.analysts, &case.suppressions).unwrap();
    }
}

const NOON: Micros = time(3, 12, 0);

fn state_after(events: &[EvaluatedEvent]) -> EvaluationState {
    resume(&EvaluationState::default(), &Rule::default(), events, &[], &[]).unwrap().1
}

fn learned(state: &EvaluationState) -> Vec<(String, &'static str)> {
    let places = &state.baselines["alice"].places;
    let word = |(place, record): (&PlaceKey, &PlaceRecord)| {
        (place.city.as_deref().unwrap_or_default().to_owned(), record.state.into_str())
    };
    places.iter().map(word).collect()
}

/// Known in London, then twice within a minute in New York, which contests it.
fn contested() -> Vec<EvaluatedEvent> {
    vec![
        event_from(0, LONDON, "192.0.2.5"),
        event_from(NOON, LONDON, "192.0.2.5"),
        event_from(NOON + MINUTE, NEW_YORK, "192.0.2.6"),
    ]
}

#[test]
fn a_known_place_moves_with_its_address_and_stays_known() {
    let state = state_after(&contested()[..2]);
    let edition = Edition::from([(contested()[0].site, location(&event_from(0, NEW_YORK, "192.0.2.5")))]);
    let state = relocated(state, &Rule::default(), &edition);
    assert_eq!(learned(&state), [("New York".to_owned(), "known")]);
    let last = state.entities["key"].last.as_ref().unwrap();
    assert_eq!(last.city.as_deref(), Some("New York"));
}

#[test]
fn a_contested_place_that_moves_begins_a_new_trial_and_one_that_stays_is_contested_still() {
    let state = state_after(&contested());
    assert_eq!(learned(&state), [("London".to_owned(), "known"), ("New York".to_owned(), "contested")]);
    let mut edition = edition_of(&contested());
    let stayed = relocated(state.clone(), &Rule::default(), &edition);
    assert_eq!(learned(&stayed), learned(&state));
    edition.insert(contested()[2].site, location(&event(0, PARIS)));
    let moved = relocated(state, &Rule::default(), &edition);
    assert_eq!(learned(&moved), [("Paris".to_owned(), "trial"), ("London".to_owned(), "known")]);
    let paris = &moved.baselines["alice"].places[&place(PARIS)];
    assert_eq!(
        paris.state,
        PlaceState::Trial { since: NOON + MINUTE, days: 1, last_day: (NOON + MINUTE) / DAY }
    );
    assert!(moved.baselines["alice"].after_anchor.contains(&place(PARIS)));
}

#[test]
fn places_that_become_one_keep_the_stronger_standing() {
    let state = state_after(&contested());
    let mut edition = edition_of(&contested());
    edition.insert(contested()[2].site, location(&event(0, LONDON)));
    let merged = relocated(state, &Rule::default(), &edition);
    assert_eq!(learned(&merged), [("London".to_owned(), "known")]);
    let london = &merged.baselines["alice"].places[&place(LONDON)];
    assert_eq!((london.first_seen, london.last.time_us), (0, NOON + MINUTE));
}

#[test]
fn an_address_that_is_no_longer_located_starts_no_leg_but_its_place_stays_known() {
    let state = relocated(state_after(&contested()), &Rule::default(), &Edition::new());
    assert_eq!(state.entities["key"].last, None);
    assert_eq!(state.baselines["alice"].anchor, None);
    assert_eq!(learned(&state), [("London".to_owned(), "known"), ("New York".to_owned(), "contested")]);
}

#[test]
fn a_last_event_that_is_passing_now_starts_no_leg() {
    let rule = Rule {
        ignored: NetworkAttributes { hosting: true, ..NetworkAttributes::default() },
        ..Rule::default()
    };
    let mut edition = edition_of(&contested());
    edition.get_mut(&contested()[2].site).unwrap().hosting = Some("aws".into());
    let state = relocated(state_after(&contested()), &rule, &edition);
    assert_eq!(state.entities["key"].last, None);
}

#[test]
fn over_coordinates_there_is_only_one_edition() {
    let mut events = contested();
    for event in &mut events {
        event.site = Site::from_coordinates(event.coordinates);
    }
    let state = state_after(&events);
    assert_eq!(relocated(state.clone(), &Rule::default(), &Edition::new()), state);
}

/// London, Tokyo, London by the old edition; then Tokyo by the new one, which calls the earlier addresses one city.
#[test]
fn two_holders_are_never_seen_across_editions() {
    let rule = plain();
    let events: Vec<EvaluatedEvent> = (0..4)
        .map(|n| match n % 2 {
            0 => event_from(NOON + n * MINUTE, LONDON, "192.0.2.1"),
            _ => event_from(NOON + n * MINUTE, TOKYO, if n == 1 { "192.0.2.2" } else { "192.0.2.3" }),
        })
        .collect();
    let before = evaluate(&rule, &events[..3], &[], &[]);
    let past = |other_edition| {
        let until = NOON + 2 * MINUTE;
        let given = |verdict: &Verdict| DecidedLeg { other_edition, ..verdict.decided_leg(rule.learn) };
        let verdicts: VecDeque<DecidedLeg> = before.verdicts.iter().map(given).collect();
        let other_until = if other_edition.is_some() { until } else { Micros::MIN };
        SettledByEntity::from([(
            "key".into(),
            SettledVerdicts { until, other_until, verdicts, ..SettledVerdicts::default() },
        )])
    };
    let analysts = Overlay::new(&[], rule.learn);
    let policy = Policy { rule: &rule, analysts: &analysts, suppressions: &[] };
    let has_two_holders = |edition: &Edition, mut settled: SettledByEntity| {
        let events = located(&events, edition);
        let nothing = EvaluationState::default();
        let (after, _) = resume_towards(NOON + HOUR, &nothing, &mut settled, policy, &events).unwrap();
        assert_eq!(after.verdicts.len(), 1);
        assert_eq!(after.incidents.len(), 1);
        after.incidents[0].evidence.contains(&Evidence::TwoHolders)
    };
    let same = edition_of(&events);
    assert!(has_two_holders(&same, past(None)));
    assert!(has_two_holders(&same, past(Some(1))), "the new edition says so, too");
    let mut moved = same.clone();
    moved.insert(events[1].site, location(&event(0, LONDON)));
    assert!(!has_two_holders(&moved, past(Some(1))));
}
