//! Evaluates the events of an entity, together with those that they depend on, and keeps what explains each of them.

use super::{States, Wanted};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use travel_core::journey::Measure;
use travel_core::message::leg_id;
use travel_core::rule::event::in_order;
use travel_core::rule::{AddressClass, EvaluatedEvent, Evaluator, KnownBefore, Micros, Policy, Reason};
use travel_core::site::Site;

/// The evaluation of the entity's events.
pub struct EntityEvaluation<'p> {
    policy: Policy<'p>,
    wanted: &'p Wanted,
    /// As of the last event that was evaluated.
    state: States,
    /// The evaluated events of the entity in the range that are not taken yet.
    explained: HashMap<(Micros, Site), Explained>,
    /// The events that were taken since [`Self::clear`].
    taken: HashSet<(Micros, Site)>,
}

/// An event of the entity, and what explains it.
pub struct Explained {
    pub event: EvaluatedEvent,
    pub class: AddressClass,
    /// The leg that arrives at the event.
    pub leg: Option<ExplainedLeg>,
    /// The time and the site of the event from which a leg starts, or would start if it was at another site. `None`: the
    /// entity has no earlier event from which a leg can start.
    pub start: Option<(Micros, Site)>,
    pub known: Option<KnownBefore>,
}

/// A leg that arrives at an event of the entity.
pub struct ExplainedLeg {
    pub id: String,
    pub from: EvaluatedEvent,
    pub measure: Measure,
    /// The verdict by the present settings, if the leg is impossible.
    pub verdict: Option<PresentVerdict>,
}

/// A verdict by the present settings, networks, suppressions and location data.
pub struct PresentVerdict {
    pub reasons: BTreeSet<Reason>,
    pub suppressions: Vec<i64>,
    pub networks: BTreeSet<Arc<str>>,
}

impl<'p> EntityEvaluation<'p> {
    pub fn new(policy: Policy<'p>, state: States, wanted: &'p Wanted) -> Self {
        Self { policy, wanted, state, explained: HashMap::new(), taken: HashSet::new() }
    }

    /// Evaluates the next events, all of which are later than those before.
    pub fn run(&mut self, events: &[EvaluatedEvent]) {
        let before = std::mem::take(&mut self.state);
        let mut evaluator = Evaluator::resume(self.policy, &before);
        for event in in_order(events) {
            pgrx::check_for_interrupts!();
            if event.entity != self.wanted.entity || !self.wanted.contains(event.time) {
                evaluator.step(event);
                continue;
            }
            let known = evaluator.known_before(event);
            let start = evaluator.last_ordinary(&event.entity).map(|start| (start.time, start.site));
            let step = evaluator.step(event);
            let verdict =
                evaluator.newest_verdict().filter(|_| step.evaluated).map(|verdict| PresentVerdict {
                    reasons: verdict.reasons.clone(),
                    suppressions: verdict.suppressions.clone(),
                    networks: verdict.networks.clone(),
                });
            let leg = step.leg.map(|leg| {
                let (from, to) = (leg.from.event, leg.to.event);
                ExplainedLeg {
                    id: leg_id(&to.entity, from.time, from.site, to.time, to.site),
                    from: from.clone(),
                    measure: leg.measure(&self.policy.rule.thresholds),
                    verdict,
                }
            });
            let explained = Explained { event: event.clone(), class: step.class, leg, start, known };
            self.explained.insert((event.time, event.site), explained);
        }
        self.state = evaluator.end().1;
    }

    /// Takes out what explains a row of the source, if the row represents its event. Another row of the same event is a
    /// duplicate.
    pub fn take(&mut self, row: &EvaluatedEvent) -> Option<Explained> {
        let key = (row.time, row.site);
        if self.explained.get(&key)?.event != *row {
            return None;
        }
        self.taken.insert(key);
        self.explained.remove(&key)
    }

    /// Whether a row is of an event that was evaluated, whichever row represents it.
    pub fn has_seen(&self, row: &EvaluatedEvent) -> bool {
        let key = (row.time, row.site);
        self.taken.contains(&key) || self.explained.contains_key(&key)
    }

    /// Forgets the events up to here.
    pub fn clear(&mut self) {
        self.explained.clear();
        self.taken.clear();
    }
}
