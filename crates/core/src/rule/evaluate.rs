//! The whole evaluation: all state machines together, from events to verdicts, and the state that continues it later.

use super::address_class::AddressClass;
use super::analyst_row::{AnalystRow, Overlay};
use super::baseline::{BaselineState, LearnedPlace, LearnedTransition};
use super::checkpoint::{self, Checkpoint};
use super::entity_run::{EntityRuns, is_same};
use super::event::{EvaluatedEvent, in_order};
use super::incident::{Grouping, Incident};
use super::knowledge::KnownBefore;
use super::place_key::Transition;
use super::settings::{Micros, Rule};
use super::settled_verdicts::SettledByEntity;
use super::suppression::Suppression;
use super::verdict::{Policy, Verdict};
use crate::journey::Leg;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// How many events are evaluated between two calls of `tick`.
const TICK: usize = 1024;

/// The results of evaluating events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation<'a> {
    /// Every leg over the thresholds, in order of arrival.
    pub verdicts: Vec<Verdict<'a>>,
    /// The learned places, sorted by baseline entity, as of the last event of each: see [`Self::add_learned`].
    pub places: Vec<LearnedPlace>,
    pub transitions: Vec<LearnedTransition>,
    /// Sorted by entity and `first_seen`. If the evaluation continued from a state, the list has every incident that was
    /// open in the state, even if it did not grow, and every incident that began since.
    pub incidents: Vec<Incident>,
    /// The entities that had no state before, with the time of their first event.
    pub entities_begun: Vec<(Arc<str>, Micros)>,
    pub baselines_begun: Vec<(Arc<str>, Micros)>,
    /// Earlier states that are kept for late events, in the order in which they ended.
    pub entity_checkpoints: Vec<Checkpoint<EntityState>>,
    pub baseline_checkpoints: Vec<Checkpoint<BaselineState>>,
}

/// The state that continues an evaluation with later events: a row for each entity and for each baseline entity. Each
/// row is valid as of its own last event, whatever the others did since, so rows from different scans can be combined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationState {
    pub entities: ByName<EntityState>,
    pub baselines: ByName<BaselineState>,
}

/// Values of entities or baseline entities by name. Evaluating an event looks up its names several times, and hashing a
/// name by SipHash takes longer than all else of a look-up. The seed of this hash is random, too.
pub type ByName<T> = HashMap<Arc<str>, T, foldhash::fast::RandomState>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityState {
    /// The time of the last event, passing or not.
    pub evaluated_until: Micros,
    /// The last ordinary event, from which the next leg starts.
    pub last: Option<EvaluatedEvent>,
    pub grouping: Grouping,
}

/// An event that is not later than the events of its entity or baseline entity that were already evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    pub event: Micros,
    pub evaluated_until: Micros,
}

/// Evaluates the whole history of a set of entities and baseline entities. The rows may be in any order and contain
/// repetitions. The set must be closed: it needs all events of the entities and all events of their baseline entities.
pub fn evaluate<'a>(
    rule: &Rule,
    events: &'a [EvaluatedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Evaluation<'a> {
    let analysts = Overlay::new(analysts, rule.learn);
    let mut machine = Evaluator::new(Policy { rule, analysts: &analysts, suppressions });
    machine.run(events);
    let (mut evaluation, state) = machine.end();
    evaluation.add_learned(&state);
    evaluation
}

/// Continues from a state as [`resume`] does, if events up to `horizon` are known to exist. Checkpoints on the way are
/// kept as coarsely as they will be when the horizon is reached. Settled verdicts are taken out of `settled`; those
/// left in it belong to legs that arrive later.
pub fn resume_towards<'a>(
    horizon: Micros,
    state: &'a EvaluationState,
    settled: &mut SettledByEntity,
    policy: Policy,
    events: &'a [EvaluatedEvent],
) -> Result<(Evaluation<'a>, EvaluationState), Late> {
    let mut machine = Evaluator::resume(policy, state);
    machine.must_not_be_late(events, &|| {})?;
    machine.run_towards(horizon, settled, events, &|| {});
    Ok(machine.end())
}

/// Continues from a state. Evaluating a history at once equals evaluating it up to any time and resuming with the rest.
/// Every event must be later than the evaluated events of its own entity and baseline entity. Others may be further on.
pub fn resume<'a>(
    state: &'a EvaluationState,
    rule: &Rule,
    events: &'a [EvaluatedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Result<(Evaluation<'a>, EvaluationState), Late> {
    let analysts = Overlay::new(analysts, rule.learn);
    let policy = Policy { rule, analysts: &analysts, suppressions };
    let (mut evaluation, after) =
        resume_towards(Micros::MIN, state, &mut SettledByEntity::new(), policy, events)?;
    evaluation.add_learned(&after);
    Ok((evaluation, after))
}

/// The result of [`advance`].
#[derive(Debug)]
pub struct Advanced<'a> {
    pub evaluation: Evaluation<'a>,
    /// The new states of those entities that have events.
    pub entities: Vec<(Arc<str>, EntityState)>,
    /// The states of all baseline entities.
    pub baselines: ByName<BaselineState>,
}

/// Continues as [`resume_towards`] does. This function is for states of many members of which only a few have events.
/// It does not change the states of the other members, and [`Evaluation::incidents`] does not contain their incidents.
/// To continue, replace the old states of entities by the new ones. The function calls `tick` regularly, however many
/// events have the same time. `tick` may unwind.
pub fn advance<'a>(
    horizon: Micros,
    entities: &'a ByName<EntityState>,
    baselines: ByName<BaselineState>,
    settled: &mut SettledByEntity,
    policy: Policy,
    events: &'a [EvaluatedEvent],
    tick: &dyn Fn(),
) -> Result<Advanced<'a>, Late> {
    let mut machine = Evaluator::with(policy, EntityRuns::of_those_with_events(entities), baselines);
    machine.must_not_be_late(events, tick)?;
    let names = baselines_of(events);
    for some in names.chunks(TICK) {
        tick();
        for name in some {
            machine.with_baseline(name, |state, rule| state.convert(rule.learn));
        }
    }
    machine.run_towards(horizon, settled, events, tick);
    for some in names.chunks(TICK) {
        tick();
        for name in some {
            machine.with_baseline(name, BaselineState::forget);
        }
    }
    Ok(machine.into_parts())
}

/// Returns the baseline entities of events. The result can contain a name more than once.
fn baselines_of(events: &[EvaluatedEvent]) -> Vec<&Arc<str>> {
    let mut names: Vec<&Arc<str>> = Vec::new();
    for name in events.iter().filter_map(|event| event.baseline_entity.as_ref()) {
        if !names.last().is_some_and(|last| is_same(last, name)) {
            names.push(name);
        }
    }
    names
}

impl Evaluation<'_> {
    /// Adds what the baseline has learned by the end of the evaluation. Callers that store the state do not need it.
    pub fn add_learned(&mut self, state: &EvaluationState) {
        let mut baselines: Vec<_> = state.baselines.iter().collect();
        baselines.sort_by_key(|(name, _)| *name);
        for (name, state) in baselines {
            self.places.extend(state.learned_places(name));
            self.transitions.extend(state.learned_transitions(name));
        }
    }
}

impl EvaluationState {
    /// Returns whether this event comes too late to be evaluated after the state, so its past must be evaluated again.
    /// An event at the very time of the last one is late too: it may come before it in the order, or be the same event.
    pub fn is_late(&self, rule: &Rule, event: &EvaluatedEvent) -> Option<Late> {
        let entity = self.entities.get(&event.entity).map(|state| state.evaluated_until);
        let baseline = event.baseline_entity.as_ref().and_then(|of| self.baselines.get(of));
        late(rule, event, entity.max(baseline.map(|state| state.evaluated_until)))
    }
}

/// Returns whether two events have the same entity and the same baseline entity.
fn has_members_of(event: &EvaluatedEvent, other: &EvaluatedEvent) -> bool {
    is_same(&event.entity, &other.entity)
        && match (&event.baseline_entity, &other.baseline_entity) {
            (Some(a), Some(b)) => is_same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
}

/// Returns whether an event is late if its members were evaluated until this time.
fn late(rule: &Rule, event: &EvaluatedEvent, evaluated_until: Option<Micros>) -> Option<Late> {
    let evaluated_until = evaluated_until.filter(|until| event.time <= *until)?;
    let is_absent = AddressClass::of(event, rule) == AddressClass::Absent;
    (!is_absent).then_some(Late { event: event.time, evaluated_until })
}

/// One rule at work, event by event. [`evaluate`] and [`resume`] run it for callers that do not need to see every step.
#[derive(Debug)]
pub struct Evaluator<'r, 'a> {
    policy: Policy<'r>,
    entities: EntityRuns<'a>,
    baselines: ByName<BaselineState>,
    evaluation: Evaluation<'a>,
    /// The time of the newest event that is known to exist. It decides how coarsely checkpoints are kept. `None`: no
    /// checkpoints are kept.
    horizon: Option<Micros>,
    settled: SettledByEntity,
}

/// The effect of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<'a> {
    pub class: AddressClass,
    /// The leg that arrives at the event, even if it is under the thresholds.
    pub leg: Option<Leg<&'a EvaluatedEvent>>,
    /// Whether the leg is over the thresholds and has no settled verdict. If so, its verdict is the newest one.
    pub evaluated: bool,
}

impl<'r, 'a> Evaluator<'r, 'a> {
    pub fn new(policy: Policy<'r>) -> Self {
        Self::with(policy, EntityRuns::default(), ByName::default())
    }

    pub fn resume(policy: Policy<'r>, state: &'a EvaluationState) -> Self {
        let baselines =
            state.baselines.iter().map(|(name, kept)| (name.clone(), kept.clone().under(policy.rule.learn)));
        Self::with(policy, EntityRuns::of_all(&state.entities), baselines.collect())
    }

    fn with(policy: Policy<'r>, entities: EntityRuns<'a>, baselines: ByName<BaselineState>) -> Self {
        Self {
            policy,
            entities,
            baselines,
            evaluation: Evaluation::default(),
            horizon: None,
            settled: SettledByEntity::new(),
        }
    }

    /// Evaluates events as described at [`resume_towards`].
    fn run_towards(
        &mut self,
        horizon: Micros,
        settled: &mut SettledByEntity,
        events: &'a [EvaluatedEvent],
        tick: &dyn Fn(),
    ) {
        self.horizon = Some(horizon);
        self.settled = std::mem::take(settled);
        self.run_with(events, tick);
        *settled = std::mem::take(&mut self.settled);
    }

    /// Puts these rows in order and evaluates them.
    pub fn run(&mut self, events: &'a [EvaluatedEvent]) {
        self.run_with(events, &|| {});
    }

    fn run_with(&mut self, events: &'a [EvaluatedEvent], tick: &dyn Fn()) {
        let events = in_order(events);
        self.horizon = self.horizon.max(events.last().map(|event| event.time));
        for some in events.chunks(TICK) {
            tick();
            for event in some {
                self.step(event);
            }
        }
    }

    /// The knowledge about the baseline entity of an event that comes next, before [`Self::step`] evaluates it. `None`:
    /// it has none, or the rule has no baseline.
    pub fn known_before(&self, event: &EvaluatedEvent) -> Option<KnownBefore> {
        let state = event.baseline_entity.as_ref().and_then(|baseline| self.baselines.get(baseline));
        Some(self.policy.knowledge(event, state)?.explained(self.last_ordinary(&event.entity), event))
    }

    /// Checks that no event is late, as [`EvaluationState::is_late`] does.
    fn must_not_be_late(&self, events: &[EvaluatedEvent], tick: &dyn Fn()) -> Result<(), Late> {
        let mut before: Option<(&EvaluatedEvent, Option<Micros>)> = None;
        for (at, event) in events.iter().enumerate() {
            if at % TICK == 0 {
                tick();
            }
            let evaluated_until = match before {
                // The events of one member often follow each other.
                Some((last, evaluated_until)) if has_members_of(event, last) => evaluated_until,
                _ => {
                    let entity = self.entities.evaluated_until(&event.entity);
                    let baseline = event.baseline_entity.as_ref().and_then(|of| self.baselines.get(of));
                    entity.max(baseline.map(|state| state.evaluated_until))
                }
            };
            if let Some(late) = late(self.policy.rule, event, evaluated_until) {
                return Err(late);
            }
            before = Some((event, evaluated_until));
        }
        Ok(())
    }

    /// The last ordinary event of an entity, from which its next leg starts.
    pub fn last_ordinary(&self, entity: &Arc<str>) -> Option<&'a EvaluatedEvent> {
        self.entities.last_ordinary(entity)
    }

    /// The verdict that was given last.
    pub fn newest_verdict(&self) -> Option<&Verdict<'a>> {
        self.evaluation.verdicts.last()
    }

    /// Evaluates the next event. Events must come in the order of all events, each once.
    pub fn step(&mut self, event: &'a EvaluatedEvent) -> Step<'a> {
        let class = AddressClass::of(event, self.policy.rule);
        if class == AddressClass::Absent {
            return Step { class, leg: None, evaluated: false };
        }
        let run = self.entities.of(event);
        match run.evaluated_until.replace(event.time) {
            None => self.evaluation.entities_begun.push((event.entity.clone(), event.time)),
            Some(evaluated_until) if is_checkpoint(self.horizon, evaluated_until, event.time) => {
                let (state, _) = run.state(self.policy.rule, evaluated_until);
                let member = event.entity.clone();
                let checkpoint = Checkpoint { member, evaluated_until, valid_until: event.time, state };
                self.evaluation.entity_checkpoints.push(checkpoint);
            }
            Some(_) => {}
        }
        let rule = self.policy.rule;
        // No settled verdict is later than this event. All of them are later than the state.
        let past = self.settled.get_mut(&event.entity);
        let (is_settled, is_pruned, is_other) = match past {
            Some(past) => {
                for decided in past.take_until(event.time) {
                    self.evaluation.incidents.extend(run.grouping.add_settled(rule, decided, &mut run.other));
                }
                let is_settled = event.time <= past.until;
                (is_settled, event.time < past.pruned_before, is_settled && event.time <= past.other_until)
            }
            None => (false, false, false),
        };
        let leg = run.journey.arrive(event, &class);
        let measured = leg
            .filter(|_| !is_settled || is_pruned || is_other)
            .and_then(|leg| Some((leg, leg.measure_if_impossible(&rule.thresholds)?)));
        let evaluated = measured.is_some() && !is_settled;
        if let Some((leg, _)) = measured
            && is_other
            && !is_pruned
        {
            let [from, to] = [leg.from, leg.to].map(|end| end.event.place(rule.learn));
            run.grouping.note_crossing(from, to, event.time);
        } else if let Some((leg, measure)) = measured {
            // The verdict comes before the baseline learns from the event, because known means known before it.
            let state = event.baseline_entity.as_ref().and_then(|baseline| self.baselines.get(baseline));
            let verdict = self.policy.verdict(leg, measure, &class, state);
            self.evaluation.incidents.extend(run.grouping.add(rule, verdict.decided_leg(rule.learn)));
            if evaluated {
                self.evaluation.verdicts.push(verdict);
            }
        }
        self.learn(event, &class, leg);
        Step { class, leg, evaluated }
    }

    /// Ends the evaluation, and returns its results with the state that continues it.
    pub fn end(mut self) -> (Evaluation<'a>, EvaluationState) {
        let rule = self.policy.rule;
        self.baselines.values_mut().for_each(|state| state.forget(rule));
        let Advanced { evaluation, entities, baselines } = self.into_parts();
        (evaluation, EvaluationState { entities: entities.into_iter().collect(), baselines })
    }

    /// Returns the results and the states of entities and baseline entities.
    fn into_parts(mut self) -> Advanced<'a> {
        let rule = self.policy.rule;
        let runs = self.entities.into_iter();
        let mut entities = Vec::with_capacity(runs.len());
        for (entity, run) in runs {
            let Some(evaluated_until) = run.evaluated_until else { continue };
            let (kept, ended) = run.into_state(rule, evaluated_until);
            self.evaluation.incidents.extend(ended);
            self.evaluation.incidents.extend(kept.grouping.open.clone());
            entities.push((entity, kept));
        }
        self.evaluation.incidents.sort_by(|a, b| (&a.entity, a.first_seen).cmp(&(&b.entity, b.first_seen)));
        Advanced { evaluation: self.evaluation, entities, baselines: self.baselines }
    }

    /// Changes the state of a baseline entity, if there is one.
    fn with_baseline(&mut self, name: &Arc<str>, change: impl FnOnce(&mut BaselineState, &Rule)) {
        if let Some(state) = self.baselines.get_mut(name) {
            change(state, self.policy.rule);
        }
    }

    fn learn(&mut self, event: &EvaluatedEvent, class: &AddressClass, leg: Option<Leg<&EvaluatedEvent>>) {
        let rule = self.policy.rule;
        let Some(baseline_entity) = event.baseline_entity.as_ref().filter(|_| rule.baseline) else { return };
        let state = match self.baselines.get_mut(baseline_entity) {
            Some(state) => {
                let evaluated_until = state.evaluated_until;
                if is_checkpoint(self.horizon, evaluated_until, event.time) {
                    let mut kept = state.clone();
                    kept.forget(rule);
                    self.evaluation.baseline_checkpoints.push(Checkpoint {
                        member: baseline_entity.clone(),
                        evaluated_until,
                        valid_until: event.time,
                        state: kept,
                    });
                }
                state
            }
            None => {
                self.evaluation.baselines_begun.push((baseline_entity.clone(), event.time));
                let unknown = BaselineState::new(event.time);
                self.baselines.entry(baseline_entity.clone()).or_insert(unknown)
            }
        };
        state.evaluated_until = event.time;
        if *class != AddressClass::Ordinary {
            return;
        }
        let place = event.place(rule.learn);
        let overlaid = place
            .as_ref()
            .is_some_and(|place| self.policy.analysts.knows(baseline_entity, place, event.time));
        state.learn(rule, event, overlaid);
        if rule.learns_transitions() {
            let from = leg.and_then(|leg| leg.from.event.place(rule.learn));
            // A leg within one place is not a transition.
            if let Some((from, to)) = from.zip(place).filter(|(from, to)| from != to) {
                state.travel(Transition { from, to }, event.time);
            }
        }
    }
}

/// Returns whether a state that was valid between two events is kept as a checkpoint for late events.
fn is_checkpoint(horizon: Option<Micros>, evaluated_until: Micros, valid_until: Micros) -> bool {
    horizon.is_some_and(|newest| checkpoint::is_kept(evaluated_until, valid_until, newest))
}
