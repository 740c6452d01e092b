//! The state machines together: events in, verdicts out; and what must be kept to go on later.

use super::analysts::{AnalystRow, Overlay};
use super::baseline::{BaselineState, LearntPlace, LearntTransition};
use super::class::Class;
use super::event::{JudgedEvent, in_order};
use super::incident::{Grouping, Incident};
use super::journey::EntityJourney;
use super::place_key::Transition;
use super::settings::{Learn, Micros, Rule};
use super::suppression::Suppression;
use super::verdict::{Law, Verdict};
use crate::journey::Leg;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What comes of a rule's events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement<'a> {
    /// Every leg over the thresholds, in order of arrival.
    pub verdicts: Vec<Verdict<'a>>,
    /// Sorted by baseline entity, as of the last event of each.
    pub places: Vec<LearntPlace>,
    pub transitions: Vec<LearntTransition>,
    /// Sorted by entity and `first_seen`. With a carried state: those that begin among the events, and those that it
    /// carried open, grown or not.
    pub incidents: Vec<Incident>,
}

/// What must be kept to go on with later events: a row for each entity and for each baseline entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Every event up to this time, and including it, is in the state.
    pub as_of: Option<Micros>,
    pub entities: BTreeMap<Arc<str>, EntityState>,
    pub baselines: BTreeMap<Arc<str>, BaselineState>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityState {
    /// The last ordinary event: where its next leg starts.
    pub last: Option<JudgedEvent>,
    pub grouping: Grouping,
}

/// The events are not all later than the state that they were to be judged after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLater {
    pub as_of: Micros,
    pub event: Micros,
}

/// Judges the whole history of a set of entities and baseline entities: the rows in any order, with any repetitions.
/// The set must be closed: every entity's events, and every event of their baseline entities.
pub fn judge<'a>(
    rule: &Rule,
    events: &'a [JudgedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Judgement<'a> {
    let analysts = Overlay::new(analysts, rule.learn);
    let mut machine = Machine::new(Law { rule, analysts: &analysts, suppressions });
    machine.run(events);
    machine.end().0
}

/// Goes on from a state: judging in one go equals judging up to any time and resuming with what is later.
pub fn resume<'a>(
    state: &'a State,
    rule: &Rule,
    events: &'a [JudgedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Result<(Judgement<'a>, State), NotLater> {
    let earliest = events.iter().map(|event| event.time).min();
    if let Some((as_of, event)) = state.as_of.zip(earliest).filter(|(as_of, event)| event <= as_of) {
        return Err(NotLater { as_of, event });
    }
    let analysts = Overlay::new(analysts, rule.learn);
    let mut machine = Machine::resume(Law { rule, analysts: &analysts, suppressions }, state);
    machine.run(events);
    Ok(machine.end())
}

/// One rule at work. For doors that want to see every step; [`judge`] and [`resume`] run it for the others.
#[derive(Debug)]
pub struct Machine<'r, 'a> {
    law: Law<'r>,
    as_of: Option<Micros>,
    entities: BTreeMap<Arc<str>, EntityRun<'a>>,
    baselines: BTreeMap<Arc<str>, BaselineState>,
    judgement: Judgement<'a>,
}

/// What one event did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<'a> {
    pub class: Class,
    /// The leg that arrives at it, also under the thresholds.
    pub leg: Option<Leg<&'a JudgedEvent>>,
    /// Whether the leg is over them: then it is the newest of the verdicts.
    pub judged: bool,
}

#[derive(Debug, Default)]
struct EntityRun<'a> {
    journey: EntityJourney<'a>,
    grouping: Grouping,
}

impl<'r, 'a> Machine<'r, 'a> {
    pub fn new(law: Law<'r>) -> Self {
        Self {
            law,
            as_of: None,
            entities: BTreeMap::new(),
            baselines: BTreeMap::new(),
            judgement: Judgement::default(),
        }
    }

    pub fn resume(law: Law<'r>, state: &'a State) -> Self {
        let entities = state.entities.iter().map(|(entity, kept)| {
            let journey = EntityJourney::after(kept.last.as_ref());
            (entity.clone(), EntityRun { journey, grouping: kept.grouping.clone() })
        });
        Self {
            law,
            as_of: state.as_of,
            entities: entities.collect(),
            baselines: state.baselines.clone(),
            judgement: Judgement::default(),
        }
    }

    /// All of these rows, put in order.
    pub fn run(&mut self, events: &'a [JudgedEvent]) {
        for event in in_order(events) {
            self.step(event);
        }
    }

    /// The next event in the order of all events, each once.
    pub fn step(&mut self, event: &'a JudgedEvent) -> Step<'a> {
        self.as_of = Some(event.time);
        let class = Class::of(event, self.law.rule);
        if class == Class::Absent {
            return Step { class, leg: None, judged: false };
        }
        let run = match self.entities.get_mut(&event.entity) {
            Some(run) => run,
            None => self.entities.entry(event.entity.clone()).or_default(),
        };
        let leg = run.journey.arrive(event, &class);
        let measured = leg.and_then(|leg| Some((leg, leg.measure_if_impossible(&self.law.rule.thresholds)?)));
        let judged = measured.is_some();
        if let Some((leg, measure)) = measured {
            // Before anything is learnt from the event: known means known before it.
            let state = event.baseline_entity.as_ref().and_then(|baseline| self.baselines.get(baseline));
            let verdict = self.law.verdict(leg, measure, &class, state);
            self.judgement.incidents.extend(run.grouping.add(self.law.rule, &verdict));
            self.judgement.verdicts.push(verdict);
        }
        if class == Class::Ordinary {
            self.learn(event, leg);
        }
        Step { class, leg, judged }
    }

    /// What was judged, and what must be kept.
    pub fn end(mut self) -> (Judgement<'a>, State) {
        let rule = self.law.rule;
        for (baseline_entity, state) in &mut self.baselines {
            state.forget(rule);
            self.judgement.places.extend(state.learnt_places(rule, baseline_entity));
            self.judgement.transitions.extend(state.learnt_transitions(baseline_entity));
        }
        let mut entities = BTreeMap::new();
        for (entity, mut run) in self.entities {
            if let Some(as_of) = self.as_of {
                self.judgement.incidents.extend(run.grouping.settle(rule, as_of));
            }
            self.judgement.incidents.extend(run.grouping.open.clone());
            entities
                .insert(entity, EntityState { last: run.journey.last().cloned(), grouping: run.grouping });
        }
        self.judgement.incidents.sort_by(|a, b| (&a.entity, a.first_seen).cmp(&(&b.entity, b.first_seen)));
        (self.judgement, State { as_of: self.as_of, entities, baselines: self.baselines })
    }

    fn learn(&mut self, event: &JudgedEvent, leg: Option<Leg<&JudgedEvent>>) {
        let rule = self.law.rule;
        let Some(baseline_entity) = event.baseline_entity.as_ref().filter(|_| rule.baseline) else { return };
        let state = match self.baselines.get_mut(baseline_entity) {
            Some(state) => state,
            None => self
                .baselines
                .entry(baseline_entity.clone())
                .or_insert_with(|| BaselineState::begin(event.time)),
        };
        let place = event.place(rule.learn);
        let overlaid =
            place.as_ref().is_some_and(|place| self.law.analysts.knows(baseline_entity, place, event.time));
        state.learn(rule, event, overlaid);
        if rule.learn == Learn::Encountered && rule.learn_transitions {
            let from = leg.and_then(|leg| leg.from.event.place(rule.learn));
            // Within one place nobody moves.
            if let Some((from, to)) = from.zip(place).filter(|(from, to)| from != to) {
                state.travel(Transition { from, to }, event.time);
            }
        }
    }
}
