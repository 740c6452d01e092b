//! The states of entities and baseline users between the portions of a dry run.

use super::{See, intermediate};
use crate::pg::errors::{ScanError, TravelError};
use crate::pg::stash::Stash;
use std::sync::Arc;
use travel_core::rule::event::in_order;
use travel_core::rule::packed::{self, MemberState};
use travel_core::rule::{ByName, EvaluatedEvent, EvaluationState, Evaluator, Policy};

/// The states of all members so far, in the form in which a scan stores them. Only those of a portion's members exist as
/// values of Rust, while the portion is evaluated.
pub struct Members<'r> {
    rule: &'r str,
    entities: Stash,
    baselines: Stash,
}

impl<'r> Members<'r> {
    pub fn new(rule: &'r str) -> Self {
        Self { rule, entities: Stash::new(), baselines: Stash::new() }
    }

    /// Evaluates the next portion, whose events are later than those before.
    pub fn evaluate(
        &mut self,
        policy: Policy,
        events: &[EvaluatedEvent],
        see: &mut See,
    ) -> Result<(), TravelError> {
        let before = self.before(events)?;
        if let Some(late) = events.iter().find_map(|event| before.is_late(policy.rule, event)) {
            return Err(ScanError::EventsUnordered {
                rule: self.rule.to_owned(),
                event: late.event,
                evaluated_until: late.evaluated_until,
            }
            .into());
        }
        let mut evaluator = Evaluator::resume(policy, &before);
        for event in in_order(events) {
            evaluator.step(event);
        }
        let (evaluation, after) = evaluator.end();
        see(&evaluation, &after)?;
        put_all(&mut self.entities, &after.entities)?;
        put_all(&mut self.baselines, &after.baselines)?;
        pgrx::check_for_interrupts!();
        Ok(())
    }

    /// The states of the members of these events.
    fn before(&self, events: &[EvaluatedEvent]) -> Result<EvaluationState, TravelError> {
        let mut before = EvaluationState::default();
        for event in events {
            self.take(&self.entities, &mut before.entities, &event.entity)?;
            if let Some(name) = &event.baseline_entity {
                self.take(&self.baselines, &mut before.baselines, name)?;
            }
        }
        Ok(before)
    }

    fn take<S: MemberState>(
        &self,
        stash: &Stash,
        states: &mut ByName<S>,
        name: &Arc<str>,
    ) -> Result<(), TravelError> {
        if states.contains_key(name) {
            return Ok(());
        }
        let Some(stored) = stash.get(name) else { return Ok(()) };
        states.insert(name.clone(), packed::unpack(stored).map_err(intermediate)?);
        Ok(())
    }
}

fn put_all<S: MemberState>(stash: &mut Stash, states: &ByName<S>) -> Result<(), TravelError> {
    for (name, state) in states {
        let bytes = packed::pack(state).map_err(intermediate)?;
        stash.put(name, &bytes);
    }
    Ok(())
}
