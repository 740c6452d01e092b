//! The knowledge about a baseline entity just before an event: what verdicts are based on, and what explains them.

use super::analyst_row::Overlay;
use super::baseline::{BaselineState, PlaceRecord, PlaceState};
use super::event::EvaluatedEvent;
use super::place_key::{PlaceKey, Transition};
use super::settings::{Micros, Rule};
use super::verdict::Policy;
use std::sync::Arc;

/// The knowledge about the baseline entity of a leg just before the leg arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knowledge<'k> {
    rule: &'k Rule,
    analysts: &'k Overlay,
    baseline_entity: &'k Arc<str>,
    /// `None`: no event of the baseline entity was evaluated before.
    state: Option<&'k BaselineState>,
    at: Micros,
}

/// The knowledge about the baseline entity of an event just before the event, in the terms of an explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownBefore {
    pub baseline_entity: Arc<str>,
    /// Whether the learning period is still running.
    pub is_learning: bool,
    /// The end of the learning period. `None`: its journey has not begun.
    pub learning_until: Option<Micros>,
    /// The place of the event. `None`: its country is unknown.
    pub to: Option<KnownPlace>,
    /// The place of the event from which a leg to this event starts.
    pub from: Option<KnownPlace>,
    /// When the transition between the two was last traveled, as far as the rule learns transitions.
    pub traveled: Option<Micros>,
    /// The ids of the rows of analysts that make the transition known.
    pub transition_rows: Vec<i64>,
}

/// What is known of a place at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPlace {
    pub place: PlaceKey,
    /// `None`: the place was never learned, or is forgotten.
    pub learned: Option<PlaceRecord>,
    /// The ids of the rows of analysts that make the place known.
    pub rows: Vec<i64>,
}

impl KnownPlace {
    pub fn is_known(&self) -> bool {
        !self.rows.is_empty()
            || self.learned.is_some_and(|record| matches!(record.state, PlaceState::Known { .. }))
    }
}

impl Policy<'_> {
    /// The knowledge about the baseline entity of an event. `None`: it has none, or the rule has no baseline.
    pub(super) fn knowledge<'k>(
        &'k self,
        to: &'k EvaluatedEvent,
        state: Option<&'k BaselineState>,
    ) -> Option<Knowledge<'k>> {
        let baseline_entity = to.baseline_entity.as_ref().filter(|_| self.rule.baseline)?;
        Some(Knowledge { rule: self.rule, analysts: self.analysts, baseline_entity, state, at: to.time })
    }
}

impl Knowledge<'_> {
    pub fn is_learning(self) -> bool {
        self.state.is_none_or(|state| state.is_learning(self.rule, self.at))
    }

    pub fn place(self, place: &PlaceKey) -> bool {
        self.state.is_some_and(|state| state.knows(self.rule, place, self.at))
            || self.analysts.knows(self.baseline_entity, place, self.at)
    }

    pub fn transition(self, transition: &Transition) -> bool {
        self.state.is_some_and(|state| state.has_traveled(self.rule, transition, self.at))
            || self.analysts.knows_transition(self.baseline_entity, transition, self.at)
    }

    pub fn country(self, country_code: &Arc<str>) -> bool {
        self.state.is_some_and(|state| state.knows_country(self.rule, country_code, self.at))
            || self.analysts.knows_country(self.baseline_entity, country_code, self.at)
    }

    /// The knowledge that decides about a leg between two events, in the terms of an explanation.
    pub fn explained(self, from: Option<&EvaluatedEvent>, to: &EvaluatedEvent) -> KnownBefore {
        let Self { rule, analysts, baseline_entity, state, at } = self;
        let place = |event: &EvaluatedEvent| event.place(rule.learn);
        let known = |place: PlaceKey| KnownPlace {
            learned: state.and_then(|state| state.record(rule, &place, at)),
            rows: analysts.place_rows(baseline_entity, &place, at).collect(),
            place,
        };
        let (from, to) = (from.and_then(place), place(to));
        let transition = from.clone().zip(to.clone()).map(|(from, to)| Transition { from, to });
        KnownBefore {
            baseline_entity: baseline_entity.clone(),
            is_learning: self.is_learning(),
            learning_until: state
                .and_then(|state| state.first_event)
                .map(|first| first.saturating_add(rule.learning_period)),
            to: to.map(known),
            from: from.map(known),
            traveled: transition.as_ref().zip(state).and_then(|(transition, state)| {
                let traveled = state.transitions.get(transition)?;
                state.has_traveled(rule, transition, at).then_some(traveled.last_seen)
            }),
            transition_rows: transition.map_or_else(Vec::new, |transition| {
                analysts.transition_rows(baseline_entity, &transition, at).collect()
            }),
        }
    }
}
