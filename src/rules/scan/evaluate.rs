//! Evaluates the events of a step, and has the results written.

use super::ScanStep;
use super::event_order::{Members, SortedEvents};
use super::lineage::Regrouped;
use crate::pg::errors::TravelError;
use crate::pg::scan_flag::while_scanning;
use crate::rules::analyst_rows;
use crate::rules::checkpoints::MemberKind;
use crate::rules::evaluation::{EvaluationInputs, EvaluationResults};
use crate::rules::notify;
use crate::rules::portions::{Reading, Resolve};
use crate::rules::reader::Reader;
use crate::rules::reevaluation::Reevaluation;
use crate::rules::settled_verdicts;
use crate::rules::write::{EvaluatedMember, Writer, verdicts};
use travel_core::rule::{AddressClass, EvaluatedEvent, Micros, Overlay};

impl ScanStep {
    /// Evaluates new events, and the members whose keys were regrouped. Returns whether it evaluated all of them.
    pub(super) fn evaluate_new_events(
        &mut self,
        mut events: Vec<EvaluatedEvent>,
        regrouped: Regrouped,
        reader: &mut Reader,
    ) -> Result<bool, TravelError> {
        let settings = self.definition.settings()?;
        events.retain(|event| {
            regrouped.is_complete && AddressClass::of(event, &settings) != AddressClass::Absent
        });
        self.resolve(&mut events)?;
        let members = Members::of(&self.definition.name, &events)?;
        let sorted = self.sort_events(events, &members, regrouped.again)?;
        let is_complete = sorted.is_complete && regrouped.is_complete;
        self.evaluate(sorted, members, reader)?;
        Ok(is_complete)
    }

    /// Evaluates members again that have no events left in the source. Returns whether there were any.
    pub(super) fn evaluate_lost_members(&mut self, reader: &mut Reader) -> Result<bool, TravelError> {
        let again = self.lost_members(reader.edition())?;
        if again.is_empty() {
            return Ok(false);
        }
        let sorted = SortedEvents { in_order: Vec::new(), again, is_complete: true };
        self.evaluate(sorted, Members::default(), reader)?;
        Ok(true)
    }

    /// Evaluates the events that come in order, then the histories of the members that are evaluated again, and writes
    /// the results.
    pub(super) fn evaluate(
        &mut self,
        events: SortedEvents,
        members: Members,
        reader: &mut Reader,
    ) -> Result<(), TravelError> {
        let SortedEvents { in_order, again, .. } = events;
        let (mut entities, mut baselines, state) = members.in_order(&self.definition.name, &in_order)?;
        for (member, restart) in again.members() {
            let (name, checkpoints) = (member.name.clone(), member.checkpoints.clone());
            let evaluated = EvaluatedMember { name, checkpoints, restart, is_whole: true };
            match member.kind {
                MemberKind::Entity => entities.push(evaluated),
                MemberKind::Baseline => baselines.push(evaluated),
            }
        }
        let inputs = self.inputs(&baselines, reader.edition())?;
        let mut results = EvaluationResults::from(state);
        self.evaluate_in_order(&in_order, &inputs, &mut results)?;
        drop(in_order);
        if !again.is_empty() {
            let states = again
                .states(&inputs.name, &inputs.settings, |site, time| reader.current_location(site, time))?;
            results.resume(&inputs, states, settled_verdicts::load(&inputs, &again)?);
            self.evaluate_histories(&again, &inputs, &mut results, reader)?;
            results.add_rest_of_settled(&inputs);
        }
        self.write(&inputs, results, entities, baselines, reader.built_at())
    }

    /// Writes results, and tells of the alerts that they raised.
    pub(super) fn write(
        &mut self,
        inputs: &EvaluationInputs,
        results: EvaluationResults,
        entities: Vec<EvaluatedMember>,
        baselines: Vec<EvaluatedMember>,
        geoip_built_at: Option<Micros>,
    ) -> Result<(), TravelError> {
        let writer =
            Writer { inputs, pass: self.progress.pass, geoip_built_at, results, entities, baselines };
        let raised = while_scanning(|| writer.write())?;
        notify::tell(&inputs.name, &mut self.progress, &raised);
        Ok(())
    }

    /// What events are evaluated by, with what analysts entered for these baseline users.
    pub(super) fn inputs(
        &self,
        baselines: &[EvaluatedMember],
        edition: i64,
    ) -> Result<EvaluationInputs, TravelError> {
        let settings = self.definition.settings()?;
        let names: Vec<&str> = baselines.iter().map(|member| &*member.name).collect();
        Ok(EvaluationInputs {
            name: self.definition.name.clone(),
            message: self.definition.message.clone(),
            analysts: Overlay::new(&analyst_rows::load(&self.definition.name, &names)?, settings.learn),
            suppressions: analyst_rows::suppressions(&self.definition.name)?,
            settings,
            edition,
            pruned_before: self.progress.pruned_before.unwrap_or(Micros::MIN),
            horizon: self.progress.horizon().max(self.counts.newest).unwrap_or(Micros::MIN),
        })
    }

    /// Evaluates events in portions, none of which ends between two events of the same time.
    fn evaluate_in_order(
        &self,
        events: &[EvaluatedEvent],
        inputs: &EvaluationInputs,
        results: &mut EvaluationResults,
    ) -> Result<(), TravelError> {
        let mut rest = events;
        while !rest.is_empty() {
            let last = rest[self.sizes.portion.min(rest.len()) - 1].time;
            let (portion, later) = rest.split_at(rest.partition_point(|event| event.time <= last));
            evaluate_portion(portion, inputs, results)?;
            rest = later;
        }
        Ok(())
    }

    /// Reads and evaluates the histories of members in portions.
    fn evaluate_histories(
        &self,
        again: &Reevaluation,
        inputs: &EvaluationInputs,
        results: &mut EvaluationResults,
        reader: &mut Reader,
    ) -> Result<(), TravelError> {
        let resolve = |events: &mut Vec<EvaluatedEvent>| again.resolve(&self.definition.name, events);
        let reading = Reading {
            queries: &self.queries,
            owner: self.owner,
            query: self.queries.histories(),
            arguments: again.events_arguments(&self.definition.name, &self.queries)?,
            is_look_up: true,
            of_statement: false,
            portion: self.sizes.portion,
            resolve: self.queries.has_lineage().then_some(&resolve as &Resolve),
        };
        reading.each_portion(reader, |events| evaluate_portion(events, inputs, results))?;
        Ok(())
    }
}

/// Evaluates events. If many verdicts have gathered, it writes them.
fn evaluate_portion(
    events: &[EvaluatedEvent],
    inputs: &EvaluationInputs,
    results: &mut EvaluationResults,
) -> Result<(), TravelError> {
    results.evaluate(inputs, events)?;
    while_scanning(|| verdicts::write_if_many(inputs, results))
}
