//! Random histories: two implementations, any order of rows, any cut.

use crate::arbitrary::{Case, cases};
use crate::model::{answer, in_words};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use travel_core::journey::Journey;
use travel_core::rule::*;

fn config(cases: u32) -> Config {
    let default = Config::default();
    Config { cases: default.cases.max(cases), failure_persistence: None, ..default }
}

fn evaluated(case: &Case) -> Evaluation<'_> {
    evaluate(&case.rule, &case.events, &case.analysts, &case.suppressions)
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn two_implementations_agree(case in cases()) {
        let expected = answer(&case.rule, &case.events, &case.analysts, &case.suppressions);
        let answered = in_words(&evaluated(&case));
        prop_assert_eq!(answered.places, expected.places);
        prop_assert_eq!(answered.transitions, expected.transitions);
        prop_assert_eq!(answered.verdicts, expected.verdicts);
        prop_assert_eq!(answered.incidents, expected.incidents);
    }

    #[test]
    fn a_history_can_be_cut_anywhere(case in cases(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut cuts: Vec<Micros> = cuts.iter().map(|index| index.get(&case.events).time).collect();
        cuts.push(Micros::MAX);
        cuts.sort();
        cuts.dedup();
        let part = |i: usize| -> Vec<EvaluatedEvent> {
            let after = if i == 0 { Micros::MIN } else { cuts[i - 1] };
            case.events.iter().filter(|event| after < event.time && event.time <= cuts[i]).cloned().collect()
        };
        let parts: Vec<Vec<EvaluatedEvent>> = (0..cuts.len()).map(part).collect();

        let nothing = EvaluationState::default();
        let (whole, end) =
            resume(&nothing, &case.rule, &case.events, &case.analysts, &case.suppressions).unwrap();
        let mut state = EvaluationState::default();
        let mut verdicts = Vec::new();
        let mut incidents = BTreeMap::new();
        let mut learned = (Vec::new(), Vec::new());
        for events in &parts {
            let before = state;
            let (evaluation, after) =
                resume(&before, &case.rule, events, &case.analysts, &case.suppressions).unwrap();
            verdicts.extend(evaluation.verdicts.iter().map(|verdict| format!("{verdict:?}")));
            for incident in evaluation.incidents {
                incidents.insert((incident.entity.clone(), incident.first_seen), incident);
            }
            learned = (evaluation.places, evaluation.transitions);
            state = stored_and_read(&after);
        }
        prop_assert_eq!(verdicts, whole.verdicts.iter().map(|verdict| format!("{verdict:?}")).collect::<Vec<_>>());
        prop_assert_eq!(incidents.into_values().collect::<Vec<_>>(), whole.incidents);
        prop_assert_eq!(learned, (whole.places, whole.transitions));
        prop_assert_eq!(state, end);
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// Scans call `advance` for each portion. It does not change the states of members without events.
    #[test]
    fn advancing_equals_resuming(case in cases(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut cuts: Vec<Micros> = cuts.iter().map(|index| index.get(&case.events).time).collect();
        cuts.extend([Micros::MIN, Micros::MAX]);
        cuts.sort();
        let analysts = Overlay::new(&case.analysts, case.rule.learn);
        let policy = Policy { rule: &case.rule, analysts: &analysts, suppressions: &case.suppressions };
        let newest = case.events.iter().map(|event| event.time).max().unwrap_or(Micros::MIN);
        let (mut resumed, mut advanced) = (EvaluationState::default(), EvaluationState::default());
        for cut in cuts.windows(2) {
            let is_between = |event: &&EvaluatedEvent| cut[0] < event.time && event.time <= cut[1];
            let events: Vec<EvaluatedEvent> = case.events.iter().filter(is_between).cloned().collect();
            let mut settled = SettledByEntity::new();
            let (expected, after) = resume_towards(newest, &resumed, &mut settled, policy, &events).unwrap();
            let EvaluationState { mut entities, baselines } = advanced;
            let found = advance(newest, &entities, baselines, &mut settled, policy, &events, &|| {}).unwrap();
            prop_assert_eq!(&found.evaluation.verdicts, &expected.verdicts);
            prop_assert_eq!(&found.evaluation.entity_checkpoints, &expected.entity_checkpoints);
            prop_assert_eq!(&found.evaluation.baseline_checkpoints, &expected.baseline_checkpoints);
            prop_assert_eq!(&found.evaluation.entities_begun, &expected.entities_begun);
            prop_assert_eq!(&found.evaluation.baselines_begun, &expected.baselines_begun);
            let is_of = |incident: &Incident| events.iter().any(|event| event.entity == incident.entity);
            let incidents: Vec<Incident> =
                expected.incidents.into_iter().filter(|incident| is_of(incident)).collect();
            prop_assert!(incidents.iter().all(|incident| found.evaluation.incidents.contains(incident)
                || resumed.entities[&incident.entity].grouping.open.as_ref() == Some(incident)));
            prop_assert!(found.evaluation.incidents.iter().all(|incident| incidents.contains(incident)));
            let Advanced { entities: continued, baselines, .. } = found;
            entities.extend(continued);
            advanced = EvaluationState { entities, baselines };
            resumed = after;
            prop_assert_eq!(&advanced, &resumed);
        }
    }

    #[test]
    fn an_event_that_is_late_cannot_be_advanced_to(case in cases()) {
        let analysts = Overlay::new(&case.analysts, case.rule.learn);
        let policy = Policy { rule: &case.rule, analysts: &analysts, suppressions: &case.suppressions };
        let nothing = EvaluationState::default();
        let (_, state) =
            resume(&nothing, &case.rule, &case.events, &case.analysts, &case.suppressions).unwrap();
        for event in &case.events {
            let late = state.is_late(&case.rule, event);
            let mut settled = SettledByEntity::new();
            let one = std::slice::from_ref(event);
            let baselines = state.baselines.clone();
            let advanced = advance(Micros::MIN, &state.entities, baselines, &mut settled, policy, one, &|| {});
            prop_assert_eq!(advanced.err(), late);
        }
    }
}

fn stored_and_read(state: &EvaluationState) -> EvaluationState {
    fn packed<S: packed::MemberState>(state: &S) -> S {
        packed::unpack(&packed::pack(state).unwrap()).unwrap()
    }
    EvaluationState {
        entities: state.entities.iter().map(|(of, state)| (of.clone(), packed(state))).collect(),
        baselines: state.baselines.iter().map(|(of, state)| (of.clone(), packed(state))).collect(),
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_checkpoint_is_the_state_that_evaluating_up_to_it_ends_in(case in cases()) {
        let whole = evaluated(&case);
        let nothing = EvaluationState::default();
        let up_to = |time: Micros| {
            let events: Vec<EvaluatedEvent> = case.events.iter().filter(|event| event.time <= time).cloned().collect();
            resume(&nothing, &case.rule, &events, &case.analysts, &case.suppressions).unwrap().1
        };
        for checkpoint in &whole.entity_checkpoints {
            let state = up_to(checkpoint.evaluated_until).entities.remove(&checkpoint.member);
            prop_assert_eq!(state.as_ref(), Some(&checkpoint.state));
        }
        for checkpoint in &whole.baseline_checkpoints {
            let state = up_to(checkpoint.evaluated_until).baselines.remove(&checkpoint.member);
            prop_assert_eq!(state.as_ref(), Some(&checkpoint.state));
        }
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn neither_order_nor_repetition_of_rows_matters(
        case in cases(),
        seed in any::<prop::sample::Index>(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut rows = case.events.clone();
        rows.extend(again.iter().map(|index| index.get(&case.events).clone()));
        let turn = seed.index(rows.len());
        rows.rotate_left(turn);
        rows[..turn].reverse();
        let shuffled = Case { events: rows, ..case.clone() };
        prop_assert_eq!(evaluated(&shuffled), evaluated(&case));
    }

    #[test]
    fn an_entity_is_evaluated_alike_beside_strangers(case in cases()) {
        // The events of one baseline entity's entities alone, where no entity serves two baseline entities.
        let mut case = case;
        for event in &mut case.events {
            event.baseline_entity = Some(if &*event.entity == "AKIA1" { "bob" } else { "alice" }.into());
        }
        let whole = evaluated(&case);
        for of in ["alice", "bob"] {
            let mut alone = case.clone();
            alone.events.retain(|event| event.baseline_entity.as_deref() == Some(of));
            let alone = evaluated(&alone);
            let theirs = |verdict: &&Verdict| verdict.leg.to.event.baseline_entity.as_deref() == Some(of);
            prop_assert!(whole.verdicts.iter().filter(theirs).eq(&alone.verdicts));
            prop_assert!(whole.places.iter().filter(|place| &*place.baseline_entity == of).eq(&alone.places));
        }
    }

    #[test]
    fn some_may_be_further_on_than_others(case in cases(), cuts in any::<[prop::sample::Index; 2]>()) {
        let mut case = case;
        let mut parts = [Vec::new(), Vec::new()];
        let cuts = cuts.map(|index| index.get(&case.events).time);
        for event in &mut case.events {
            let bobs = &*event.entity == "AKIA1";
            event.baseline_entity = Some(if bobs { "bob" } else { "alice" }.into());
            parts[usize::from(event.time > cuts[usize::from(bobs)])].push(event.clone());
        }
        let go_on = |state, events| {
            resume(state, &case.rule, events, &case.analysts, &case.suppressions).unwrap()
        };
        let nothing = EvaluationState::default();
        let (whole, end) = go_on(&nothing, &case.events);
        let (first, half) = go_on(&nothing, &parts[0]);
        let (second, state) = go_on(&half, &parts[1]);
        let mut verdicts = [first.verdicts, second.verdicts].concat();
        verdicts.sort_by(|a, b| a.leg.to.event.order(b.leg.to.event));
        prop_assert_eq!(verdicts, whole.verdicts);
        prop_assert_eq!((second.places, second.transitions), (whole.places, whole.transitions));
        prop_assert_eq!(state, end);
    }

    #[test]
    fn without_networks_and_marks_the_legs_are_those_of_the_journey(case in cases()) {
        let mut case = case;
        case.rule.ignored = NetworkAttributes::default();
        for event in &mut case.events {
            event.treatment = None;
        }
        let mut journeys: BTreeMap<&str, Journey<&EvaluatedEvent>> = BTreeMap::new();
        let mut legs = Vec::new();
        for event in event::in_order(&case.events) {
            let leg = journeys.entry(&event.entity).or_default().arrive(event.stop());
            legs.extend(leg.filter(|leg| leg.measure(&case.rule.thresholds).impossible));
        }
        prop_assert_eq!(evaluated(&case).verdicts.into_iter().map(|verdict| verdict.leg).collect::<Vec<_>>(), legs);
    }

    #[test]
    fn alerts_keep_their_ids(case in cases(), other in cases()) {
        // The alerts of half of the events, then of all of them.
        let mut half = case.clone();
        half.events.truncate(case.events.len().div_ceil(2));
        let stored: Vec<StoredAlert> = (1..).zip(evaluated(&half).incidents).map(|(id, incident)| {
            StoredAlert { id, legs: incident.legs.into_iter().collect(), archived: other.events.len() % 2 == 0, rule_deleted: false }
        }).collect();
        let incidents = evaluated(&case).incidents;
        let assignment = assign(&incidents, &stored);
        let mut ids: Vec<i64> = assignment.withdrawn.clone();
        for (incident, taken) in incidents.iter().zip(&assignment.incidents) {
            match taken {
                AlertIdentity::Stored { id, reopened } => {
                    let alert = stored.iter().find(|alert| alert.id == *id).unwrap();
                    prop_assert!(incident.legs.iter().any(|leg| alert.legs.contains(leg)));
                    let grew = incident.legs.iter().any(|leg| !alert.legs.contains(leg));
                    prop_assert_eq!(*reopened, alert.archived && grew);
                    ids.push(*id);
                }
                // Whatever it shares legs with went to others.
                AlertIdentity::New => for alert in &stored {
                    let shares = incident.legs.iter().any(|leg| alert.legs.contains(leg));
                    prop_assert!(!shares || !assignment.withdrawn.contains(&alert.id));
                },
            }
        }
        ids.sort();
        prop_assert_eq!(ids, stored.iter().map(|alert| alert.id).collect::<Vec<_>>());
    }
}

/// The properties are worth what their histories are: everything must happen in them, and not just once.
#[test]
fn the_random_histories_are_rich() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..600 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        let answer = in_words(&evaluated(&case));
        let learn = case.rule.learn.into_str();
        let mut things: Vec<String> = Vec::new();
        for verdict in &answer.verdicts {
            things.extend(verdict.reasons.iter().map(|reason| format!("reason {reason} {learn}")));
            things.push(if verdict.reasons.is_empty() { "raised".into() } else { "not raised".into() });
            things.push(format!("downgraded {}", verdict.downgraded));
        }
        things.extend(answer.places.iter().map(|place| format!("place {} {learn}", place.2)));
        let proven = answer.places.iter().filter(|place| place.2 == "known" && place.3 > place.4);
        things.extend(proven.map(|_| "proven after a trial".into()));
        things.extend(answer.transitions.iter().map(|_| "transition".into()));
        for incident in &answer.incidents {
            things.extend(incident.evidence.iter().map(|evidence| format!("evidence {evidence}")));
            things.push(if incident.legs.len() > 1 { "several legs".into() } else { "one leg".into() });
        }
        for thing in things {
            *seen.entry(thing).or_default() += 1;
        }
    }
    let reasons = [
        "before_raise_from",
        "learning",
        "known_place",
        "known_transition",
        "trusted_network",
        "vpn",
        "anonymizer",
        "hosting",
        "carrier",
        "same_asn",
        "suppressed",
    ];
    let mut wanted: Vec<String> = Vec::new();
    for learn in ["proven", "encountered"] {
        wanted.extend(reasons.map(|reason| format!("reason {reason} {learn}")));
    }
    wanted.extend(
        ["known proven", "trial proven", "contested proven", "known encountered"]
            .map(|p| format!("place {p}")),
    );
    wanted.extend(
        [
            "new_country",
            "user_agent_changed",
            "no_mfa",
            "long_term_key",
            "root",
            "tor",
            "hosting_one_side",
            "hosting_both",
            "carrier",
            "same_asn",
            "dual_stack",
            "two_holders",
        ]
        .map(|evidence| format!("evidence {evidence}")),
    );
    wanted.extend(
        [
            "raised",
            "not raised",
            "downgraded true",
            "proven after a trial",
            "transition",
            "several legs",
            "one leg",
        ]
        .map(Into::into),
    );
    let rare: Vec<_> = wanted.iter().filter(|thing| seen.get(*thing).copied().unwrap_or(0) < 10).collect();
    assert!(rare.is_empty(), "{rare:?} of {seen:#?}");
}
