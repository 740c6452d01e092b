//! The entities of one evaluation while it runs.

use super::evaluate::{ByName, EntityState};
use super::event::EvaluatedEvent;
use super::incident::{Grouping, Incident, OtherEdition};
use super::journey::EntityJourney;
use super::settings::{Micros, Rule};
use std::sync::Arc;

/// The state of one entity during an evaluation.
#[derive(Debug, Default)]
pub struct EntityRun<'a> {
    /// The time of the last evaluated event. `None` if the entity has no event yet.
    pub evaluated_until: Option<Micros>,
    pub journey: EntityJourney<'a>,
    pub grouping: Grouping,
    pub other: OtherEdition,
}

/// The entities that have had events, or from whose states the evaluation resumed.
#[derive(Debug, Default)]
pub struct EntityRuns<'a> {
    runs: Vec<(Arc<str>, EntityRun<'a>)>,
    /// The position of each entity in `runs`.
    positions: ByName<usize>,
    /// The position of the last requested entity. Consecutive events often belong to the same entity.
    last: usize,
    /// The earlier states of entities. The evaluation continues from such a state at the first event of its entity.
    before: Option<&'a ByName<EntityState>>,
}

impl<'a> EntityRun<'a> {
    /// Continues the evaluation of an entity from this state.
    pub fn after(state: &'a EntityState) -> Self {
        Self {
            evaluated_until: Some(state.evaluated_until),
            journey: EntityJourney::after(state.last.as_ref()),
            grouping: state.grouping.clone(),
            other: OtherEdition::default(),
        }
    }

    /// Returns the state of the entity as of its last event, and an incident that no later leg can join.
    pub fn state(&self, rule: &Rule, evaluated_until: Micros) -> (EntityState, Option<Incident>) {
        state_of(self.journey, self.grouping.clone(), rule, evaluated_until)
    }

    /// Returns the same as [`Self::state`], at the end of the evaluation.
    pub fn into_state(self, rule: &Rule, evaluated_until: Micros) -> (EntityState, Option<Incident>) {
        state_of(self.journey, self.grouping, rule, evaluated_until)
    }
}

fn state_of(
    journey: EntityJourney,
    mut grouping: Grouping,
    rule: &Rule,
    evaluated_until: Micros,
) -> (EntityState, Option<Incident>) {
    let ended = grouping.settle(rule, evaluated_until);
    (EntityState { evaluated_until, last: journey.last().cloned(), grouping }, ended)
}

impl<'a> EntityRuns<'a> {
    /// Resumes with all of these entities, whether they have events or not.
    pub fn of_all(states: &'a ByName<EntityState>) -> Self {
        let mut all = Self::default();
        for (name, state) in states {
            all.positions.insert(name.clone(), all.runs.len());
            all.runs.push((name.clone(), EntityRun::after(state)));
        }
        all
    }

    /// Resumes only with the entities that have events.
    pub fn of_those_with_events(states: &'a ByName<EntityState>) -> Self {
        Self { before: Some(states), ..Self::default() }
    }

    /// Returns the run of the entity of an event. An entity without a state begins with this event.
    #[inline]
    pub fn of(&mut self, event: &EvaluatedEvent) -> &mut EntityRun<'a> {
        if !self.runs.get(self.last).is_some_and(|(name, _)| is_same(name, &event.entity)) {
            self.last = self.position(&event.entity);
        }
        &mut self.runs[self.last].1
    }

    fn position(&mut self, name: &Arc<str>) -> usize {
        if let Some(known) = self.positions.get(name) {
            return *known;
        }
        let before = self.before.and_then(|states| states.get(name));
        let position = self.runs.len();
        self.runs.push((name.clone(), before.map(EntityRun::after).unwrap_or_default()));
        self.positions.insert(name.clone(), position);
        position
    }

    /// Returns the time of the last evaluated event of an entity.
    pub fn evaluated_until(&self, name: &Arc<str>) -> Option<Micros> {
        match self.positions.get(name) {
            Some(position) => self.runs[*position].1.evaluated_until,
            None => Some(self.before?.get(name)?.evaluated_until),
        }
    }

    /// Returns the last ordinary event of an entity, from which its next leg starts.
    pub fn last_ordinary(&self, name: &Arc<str>) -> Option<&'a EvaluatedEvent> {
        match self.positions.get(name) {
            Some(position) => self.runs[*position].1.journey.last(),
            None => self.before?.get(name)?.last.as_ref(),
        }
    }

    /// Returns all entities at the end of the evaluation.
    pub fn into_iter(self) -> impl ExactSizeIterator<Item = (Arc<str>, EntityRun<'a>)> {
        self.runs.into_iter()
    }
}

/// Returns whether two names are equal. Readers share texts, so equal names are mostly the same value.
pub fn is_same(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}
