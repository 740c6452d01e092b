//! The order of a step's events. Some events continue where their members' newest checkpoints end; others are late, so
//! their members are evaluated again from an earlier one.

use super::ScanStep;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::rules::checkpoints::{self, Checkpoints, MemberKind};
use crate::rules::reevaluation::{Reevaluation, RestartPoint};
use crate::rules::write::EvaluatedMember;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::{ByName, EvaluatedEvent, EvaluationState, Micros};

/// The events of a step, and what must be evaluated again because of them.
pub(super) struct SortedEvents {
    /// Events that come after everything that was evaluated of their members.
    pub in_order: Vec<EvaluatedEvent>,
    /// The members of all other events. Their events are read from the source.
    pub again: Reevaluation,
    /// The step evaluates all of the events. If not, there are more members than it can evaluate again.
    pub is_complete: bool,
}

/// The members of some events, and their checkpoints.
#[derive(Default)]
pub(super) struct Members {
    entity_names: Vec<Arc<str>>,
    baseline_names: Vec<Arc<str>>,
    entities: HashMap<Arc<str>, Checkpoints>,
    baselines: HashMap<Arc<str>, Checkpoints>,
}

/// Members that continue after their newest checkpoints: entities, baseline users, and the states of both.
pub(super) type Continued = (Vec<EvaluatedMember>, Vec<EvaluatedMember>, EvaluationState);

impl Members {
    /// Loads the checkpoints of the members of these events.
    pub fn of(rule: &str, events: &[EvaluatedEvent]) -> Result<Self, TravelError> {
        Self::named(rule, entities(events), baselines(events))
    }

    /// Loads the checkpoints of the members of these events, except of those that have a state here.
    pub fn of_others(
        rule: &str,
        events: &[EvaluatedEvent],
        state: &EvaluationState,
    ) -> Result<Self, TravelError> {
        let (mut entities, mut baselines) = (entities(events), baselines(events));
        entities.retain(|name| !state.entities.contains_key(name));
        baselines.retain(|name| !state.baselines.contains_key(name));
        Self::named(rule, entities, baselines)
    }

    fn named(
        rule: &str,
        mut entity_names: Vec<Arc<str>>,
        mut baseline_names: Vec<Arc<str>>,
    ) -> Result<Self, TravelError> {
        // Rows that follow each other in an index are read faster.
        entity_names.sort_unstable();
        baseline_names.sort_unstable();
        let entities = checkpoints::load(MemberKind::Entity, rule, &entity_names)?;
        let baselines = checkpoints::load(MemberKind::Baseline, rule, &baseline_names)?;
        Ok(Self { entity_names, baseline_names, entities, baselines })
    }

    /// Whether all of these events come after the newest checkpoints of their members, which are of this edition of
    /// place data.
    pub fn are_continued_by(&self, events: &[EvaluatedEvent], pass: i64, edition: i64) -> bool {
        let is_continued = |event: &EvaluatedEvent| {
            self.of_event(event).all(|member| {
                member.is_current(edition)
                    && member.evaluated_until() < Some(event.time)
                    && !member.was_read(pass, event.time)
            })
        };
        events.iter().all(is_continued)
    }

    /// The checkpoints of the entity and of the baseline user of an event, if they have any.
    fn of_event(&self, event: &EvaluatedEvent) -> impl Iterator<Item = &Checkpoints> + Clone {
        let entity = self.entities.get(&event.entity);
        let baseline = event.baseline_entity.as_ref().and_then(|name| self.baselines.get(name));
        entity.into_iter().chain(baseline)
    }

    /// Passes the stored checkpoints of the members of an event to the reevaluation.
    fn tell(&self, again: &mut Reevaluation, event: &EvaluatedEvent) {
        again.know(MemberKind::Entity, &event.entity, self.entities.get(&event.entity));
        if let Some(name) = &event.baseline_entity {
            again.know(MemberKind::Baseline, name, self.baselines.get(name));
        }
    }

    /// Those of these events, which come in order.
    pub fn in_order(mut self, rule: &str, events: &[EvaluatedEvent]) -> Result<Continued, TravelError> {
        (self.entity_names, self.baseline_names) = (entities(events), baselines(events));
        self.all_in_order(rule)
    }

    /// All of them, if all events come in order.
    pub fn all_in_order(mut self, rule: &str) -> Result<Continued, TravelError> {
        let entities = newest(&self.entity_names, &mut self.entities);
        let baselines = newest(&self.baseline_names, &mut self.baselines);
        let mut state = EvaluationState::default();
        for member in &entities {
            pgrx::check_for_interrupts!();
            if let Some(newest) = member.checkpoints.newest(rule)? {
                state.entities.insert(member.name.clone(), newest);
            }
        }
        for member in &baselines {
            pgrx::check_for_interrupts!();
            if let Some(newest) = member.checkpoints.newest(rule)? {
                state.baselines.insert(member.name.clone(), newest);
            }
        }
        Ok((entities, baselines, state))
    }
}

/// Members that continue after their newest checkpoint.
fn newest(names: &[Arc<str>], loaded: &mut HashMap<Arc<str>, Checkpoints>) -> Vec<EvaluatedMember> {
    let member = |name: &Arc<str>| {
        let checkpoints = loaded.remove(name).unwrap_or_default();
        let until = checkpoints.evaluated_until().unwrap_or(Micros::MIN);
        let restart = RestartPoint { after: until, cut: until };
        EvaluatedMember { name: name.clone(), checkpoints, restart, is_whole: false }
    };
    names.iter().map(member).collect()
}

fn entities(events: &[EvaluatedEvent]) -> Vec<Arc<str>> {
    distinct(events.iter().map(|event| &event.entity))
}

fn baselines(events: &[EvaluatedEvent]) -> Vec<Arc<str>> {
    distinct(events.iter().filter_map(|event| event.baseline_entity.as_ref()))
}

fn distinct<'e>(names: impl Iterator<Item = &'e Arc<str>>) -> Vec<Arc<str>> {
    let mut known: ByName<()> = ByName::default();
    let mut last: Option<&Arc<str>> = None;
    for name in names {
        // The events of one member often follow each other, and the reader shares their texts.
        if !last.is_some_and(|last| Arc::ptr_eq(last, name)) && !known.contains_key(name) {
            known.insert(name.clone(), ());
        }
        last = Some(name);
    }
    known.into_keys().collect()
}

impl ScanStep {
    /// Sorts events into those that come in order and those whose members must be evaluated again, in addition to those
    /// in `again`.
    pub(super) fn sort_events(
        &self,
        mut events: Vec<EvaluatedEvent>,
        members: &Members,
        mut again: Reevaluation,
    ) -> Result<SortedEvents, TravelError> {
        let (pass, edition) = (self.progress.pass, again.edition());
        let mut is_complete = true;
        events.retain(|event| {
            pgrx::check_for_interrupts!();
            let stored = || members.of_event(event);
            if stored().any(|member| member.was_read(pass, event.time)) {
                return false;
            }
            let is_late = stored().any(|member| Some(event.time) <= member.evaluated_until());
            let is_rescanned =
                self.progress.evaluate_from.is_some() && stored().any(|member| member.pass != Some(pass));
            let is_of_other_edition = stored().any(|member| !member.is_current(edition));
            if !is_late && !is_rescanned && !is_of_other_edition {
                return true;
            }
            if again.len() < self.sizes.members {
                let before = event.time.saturating_sub(1);
                let from = self.progress.evaluate_from.filter(|_| is_rescanned).unwrap_or(before);
                let baseline = event.baseline_entity.as_ref();
                again.add(Some(&event.entity), baseline, before.min(from), is_late || is_rescanned);
                members.tell(&mut again, event);
            } else {
                is_complete = false;
            }
            false
        });
        self.complete(&mut again, &mut events)?;
        if !is_complete {
            events.clear();
        }
        Ok(SortedEvents { in_order: events, again, is_complete })
    }

    /// Adds the members that depend on those that are evaluated again. Events of these members are read with their
    /// histories, from as early on as an event needs it.
    fn complete(
        &self,
        again: &mut Reevaluation,
        events: &mut Vec<EvaluatedEvent>,
    ) -> Result<(), TravelError> {
        let mut has_grown = true;
        while has_grown {
            again.complete(&self.definition.name, &self.queries, self.owner)?;
            has_grown = false;
            events.retain(|event| {
                pgrx::check_for_interrupts!();
                let baseline = event.baseline_entity.as_ref();
                let after = [
                    again.after(MemberKind::Entity, &event.entity),
                    baseline.and_then(|name| again.after(MemberKind::Baseline, name)),
                ];
                if after.iter().flatten().any(|after| event.time <= *after) {
                    again.add(Some(&event.entity), baseline, event.time.saturating_sub(1), false);
                    has_grown = true;
                }
                after == [None, None]
            });
        }
        Ok(())
    }

    /// In a pass that evaluates events again: members that had events since then, and of which the source has none
    /// left.
    pub(super) fn lost_members(&self, edition: i64) -> Result<Reevaluation, TravelError> {
        let mut lost = Reevaluation::under(edition);
        let Some(from) = self.progress.evaluate_from else { return Ok(lost) };
        for kind in [MemberKind::Entity, MemberKind::Baseline] {
            let query = format!(
                "SELECT {} AS member FROM {}
                 WHERE rule = $1 AND evaluated_until > $2 AND pass IS DISTINCT FROM $3
                 LIMIT {}",
                kind.column(),
                kind.table(),
                self.sizes.members,
            );
            let arguments = [
                Argument::text(&self.definition.name),
                Argument::time(from),
                Argument::bigint(self.progress.pass),
            ];
            let rows = spi::select(&query, &arguments);
            spi::columns!(rows => member);
            for row in rows.iter() {
                let name = row.shared_text(member)?;
                match kind {
                    MemberKind::Entity => lost.add(name.as_ref(), None, from, true),
                    MemberKind::Baseline => lost.add(None, name.as_ref(), from, true),
                }
            }
        }
        if !lost.is_empty() {
            lost.complete(&self.definition.name, &self.queries, self.owner)?;
        }
        Ok(lost)
    }
}
