//! Settled verdicts: those between the checkpoint a rescan resumes from and the time it evaluates from.

use crate::arbitrary::{Case, cases};
use crate::world::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use travel_core::rule::settings::HOUR;
use travel_core::rule::*;

const NOON: Micros = time(0, 12, 0);

/// Resumes from the state of `cut`, with settled verdicts until `until`.
fn go_on<'a>(
    case: &Case,
    state: &'a EvaluationState,
    events: &'a [EvaluatedEvent],
    settled: &mut SettledByEntity,
) -> (Evaluation<'a>, EvaluationState) {
    let analysts = Overlay::new(&case.analysts, case.rule.learn);
    let policy = Policy { rule: &case.rule, analysts: &analysts, suppressions: &case.suppressions };
    let newest = events.iter().map(|event| event.time).max().unwrap_or(Micros::MIN);
    resume_towards(newest, state, settled, policy, events).unwrap()
}

fn pasts_of(
    verdicts: &[Verdict],
    rule: &Rule,
    after: Micros,
    until: Micros,
    pruned_before: Micros,
) -> SettledByEntity {
    let mut settled = SettledByEntity::new();
    for verdict in verdicts.iter().filter(|verdict| after < verdict.to_time()) {
        let past = settled.entry(verdict.leg.to.event.entity.clone()).or_insert_with(|| SettledVerdicts {
            pruned_before,
            until,
            other_until: Micros::MIN,
            verdicts: VecDeque::new(),
        });
        if (pruned_before..=until).contains(&verdict.to_time()) {
            past.verdicts.push_back(verdict.decided_leg(rule.learn));
        }
    }
    settled
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing has changed: what stands is what would be said.
    #[test]
    fn what_stands_leads_to_the_same_incidents_and_states(case in cases(), times in any::<[prop::sample::Index; 3]>()) {
        let mut times = times.map(|index| index.get(&case.events).time);
        times.sort();
        let [cut, pruned_before, until] = times;
        let (before, after): (Vec<_>, Vec<_>) = case.events.iter().cloned().partition(|event| event.time <= cut);
        let (nothing, mut none) = (EvaluationState::default(), SettledByEntity::new());
        let (_, state) = go_on(&case, &nothing, &before, &mut none);
        let (whole, end) = go_on(&case, &state, &after, &mut none);
        let mut settled = pasts_of(&whole.verdicts, &case.rule, cut, until, pruned_before);
        let members: Vec<_> = settled.keys().cloned().collect();
        let (again, end_again) = go_on(&case, &state, &after, &mut settled);
        prop_assert!(settled.values().all(|past| past.verdicts.is_empty()));
        let said = |verdict: &&Verdict| verdict.to_time() > until || !members.contains(&verdict.leg.to.event.entity);
        prop_assert!(again.verdicts.iter().eq(whole.verdicts.iter().filter(said)));
        prop_assert_eq!(again.incidents, whole.incidents);
        prop_assert_eq!(again.entity_checkpoints, whole.entity_checkpoints);
        prop_assert_eq!(again.baseline_checkpoints, whole.baseline_checkpoints);
        prop_assert_eq!(end_again, end);
    }
}

#[test]
fn what_was_said_stands_whatever_is_said_now() {
    // London, Tokyo, London, Tokyo, a minute apart: three legs, all raised. Then only the second was, and since then
    // nothing is any more.
    let events: Vec<_> =
        (0..4).map(|n| event(NOON + n * MINUTE, if n % 2 == 0 { LONDON } else { TOKYO })).collect();
    let rule = Rule { baseline: false, ..Rule::default() };
    let given = |verdict: &Verdict| verdict.decided_leg(rule.learn);
    let raised = evaluate(&rule, &events, &[], &[]);
    let mut stands: VecDeque<DecidedLeg> = raised.verdicts.iter().take(2).map(given).collect();
    stands[0].raised = false;
    let second = stands[1].leg_id.clone();
    let entity = stands[0].entity.clone();
    let past = SettledVerdicts {
        pruned_before: Micros::MIN,
        until: NOON + 2 * MINUTE,
        verdicts: stands,
        ..SettledVerdicts::default()
    };
    let case = Case {
        rule: Rule { raise_from: Some(NOON + HOUR), ..rule },
        events: events.clone(),
        analysts: Vec::new(),
        suppressions: Vec::new(),
    };
    let nothing = EvaluationState::default();
    let (evaluation, _) = go_on(&case, &nothing, &events, &mut SettledByEntity::from([(entity, past)]));
    assert_eq!(evaluation.verdicts.len(), 1);
    assert_eq!(evaluation.verdicts[0].to_time(), NOON + 3 * MINUTE);
    assert!(evaluation.verdicts[0].reasons.contains(&Reason::BeforeRaiseFrom));
    assert_eq!(evaluation.incidents.len(), 1);
    assert_eq!(evaluation.incidents[0].legs, [second]);
}
