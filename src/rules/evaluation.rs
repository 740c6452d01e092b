//! The evaluation of a step's events: what goes into it, and what it results in until that is written.

use super::settled_verdicts::SettledHistory;
use super::verdict_columns::Finding;
use crate::pg::errors::{ScanError, TravelError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use travel_core::journey::Measure;
use travel_core::rule::checkpoint::is_kept;
use travel_core::rule::packed::{EarlierState, MemberState, PackError};
use travel_core::rule::{
    Advanced, Checkpoint, EvaluatedEvent, EvaluationState, Evidence, Incident, Micros, OtherEdition, Overlay,
    PlaceKey, Policy, Reason, Rule, SettledByEntity, Suppression, Verdict, advance,
};

/// The inputs of a step's evaluation: the rule, what analysts entered, and what is known of the source and of place
/// data.
pub struct EvaluationInputs {
    /// The name of the rule.
    pub name: String,
    pub settings: Rule,
    /// The template of an alert's message. `None` for the sentence of the alert's first leg.
    pub message: Option<String>,
    pub analysts: Overlay,
    pub suppressions: Vec<Suppression>,
    /// The present edition of place data, in which all events are located.
    pub edition: i64,
    /// The newest event that is known of the source.
    pub horizon: Micros,
    /// Verdicts and alerts older than this were pruned, and are not written again.
    pub pruned_before: Micros,
}

/// The results of evaluating events in time order, starting from their members' earlier states. They grow with each
/// portion of events, and [`super::write`] writes them.
#[derive(Debug, Default)]
pub struct EvaluationResults {
    /// The verdicts on legs that were not raised, as far as they are not written yet.
    pub not_raised: Vec<UnwrittenVerdict>,
    /// How many of the raised legs hold a verdict that is not written yet.
    pub raised_to_write: usize,
    /// The ids of all legs over the thresholds, in order of evaluation.
    pub leg_ids: Vec<String>,
    /// The raised legs by id.
    pub raised: HashMap<String, RaisedLeg>,
    /// The incidents that began or grew, by entity and time of the first leg.
    pub incidents: BTreeMap<(Arc<str>, Micros), Incident>,
    /// The newest state of each member.
    pub state: EvaluationState,
    /// Settled verdicts on legs that arrive after the events that were evaluated so far.
    settled: SettledByEntity,
    /// Earlier states of each member that are kept for late events.
    pub earlier_of_entities: EarlierByMember,
    pub earlier_of_baselines: EarlierByMember,
    /// How many bytes the earlier states take.
    earlier_size: usize,
    /// Members that had no checkpoint before, with their first event.
    pub entities_begun: Vec<(Arc<str>, Micros)>,
    pub baselines_begun: Vec<(Arc<str>, Micros)>,
}

/// Earlier states by member, in ascending order of time.
pub type EarlierByMember = HashMap<Arc<str>, Vec<EarlierState>>;

/// What an alert stores of one of its legs.
#[derive(Debug)]
pub struct RaisedLeg {
    pub downgraded: bool,
    pub evidence: BTreeSet<Evidence>,
    pub to_time: Micros,
    pub baseline_entity: Option<Arc<str>>,
    pub from: Option<PlaceKey>,
    pub from_known: bool,
    pub to: Option<PlaceKey>,
    pub to_known: bool,
    /// The verdict, if this step gave it and has not written it yet.
    pub verdict: Option<Box<UnwrittenVerdict>>,
}

/// A verdict that is not written yet. It outlives the events that it was given on.
#[derive(Debug)]
pub struct UnwrittenVerdict {
    pub leg_id: String,
    from: EvaluatedEvent,
    to: EvaluatedEvent,
    measure: Measure,
    /// Why the leg is not raised. Empty if it is.
    pub reasons: BTreeSet<Reason>,
    pub suppressions: Vec<i64>,
    pub networks: BTreeSet<Arc<str>>,
}

impl UnwrittenVerdict {
    fn of(verdict: &Verdict) -> Self {
        Self {
            leg_id: verdict.leg_id.clone(),
            from: verdict.leg.from.event.clone(),
            to: verdict.leg.to.event.clone(),
            measure: verdict.measure,
            reasons: verdict.reasons.clone(),
            suppressions: verdict.suppressions.clone(),
            networks: verdict.networks.clone(),
        }
    }

    pub fn finding(&self) -> Finding<'_> {
        Finding { leg_id: &self.leg_id, from: &self.from, to: &self.to, measure: &self.measure }
    }
}

impl EvaluationResults {
    /// Starts from the newest states of members whose new events come in order.
    pub fn from(state: EvaluationState) -> Self {
        Self { state, ..Self::default() }
    }

    /// Adds the newest states of further members whose new events come in order.
    pub fn add_members(&mut self, state: EvaluationState) {
        self.state.entities.extend(state.entities);
        self.state.baselines.extend(state.baselines);
    }

    /// Adds members that are evaluated again: the states from which they resume, and their settled verdicts. The
    /// incidents that the states carry are written anew, because later events of these members were evaluated before.
    pub fn resume(&mut self, inputs: &EvaluationInputs, state: EvaluationState, history: SettledHistory) {
        for (entity, state) in state.entities {
            let open = state.grouping.open.as_ref();
            if let Some(open) = open.filter(|open| open.last_seen >= inputs.pruned_before) {
                self.incidents.insert((entity.clone(), open.first_seen), open.clone());
            }
            self.state.entities.insert(entity, state);
        }
        self.state.baselines.extend(state.baselines);
        self.settled.extend(history.verdicts);
        self.raised.extend(history.raised);
    }

    /// Adds the incidents of settled verdicts whose events the source has lost, because no state contains them. To be
    /// called after the last event.
    pub fn add_rest_of_settled(&mut self, inputs: &EvaluationInputs) {
        for (entity, settled) in std::mem::take(&mut self.settled) {
            if settled.verdicts.is_empty() {
                continue;
            }
            let state = self.state.entities.get(&entity);
            let mut grouping = state.map(|state| state.grouping.clone()).unwrap_or_default();
            let mut other = OtherEdition::default();
            let add = |leg| grouping.add_settled(&inputs.settings, leg, &mut other);
            let ended: Vec<Incident> = settled.verdicts.into_iter().filter_map(add).collect();
            for incident in ended.into_iter().chain(grouping.open) {
                self.incidents.insert((entity.clone(), incident.first_seen), incident);
            }
        }
    }

    /// Evaluates the next events, all of which are later than those before.
    pub fn evaluate(
        &mut self,
        inputs: &EvaluationInputs,
        events: &[EvaluatedEvent],
    ) -> Result<(), TravelError> {
        if events.is_empty() {
            return Ok(());
        }
        let EvaluationState { mut entities, baselines } = std::mem::take(&mut self.state);
        let policy =
            Policy { rule: &inputs.settings, analysts: &inputs.analysts, suppressions: &inputs.suppressions };
        // A cancel leaves these results incomplete. It ends the step, which drops them.
        let tick = || {
            pgrx::check_for_interrupts!();
        };
        let settled = &mut self.settled;
        let advanced = advance(inputs.horizon, &entities, baselines, settled, policy, events, &tick);
        let advanced = advanced.map_err(|late| ScanError::EventsUnordered {
            rule: inputs.name.clone(),
            event: late.event,
            evaluated_until: late.evaluated_until,
        })?;
        let Advanced { evaluation, entities: continued, baselines } = advanced;
        for verdict in &evaluation.verdicts {
            pgrx::check_for_interrupts!();
            if verdict.to_time() >= inputs.pruned_before {
                self.add_verdict(inputs, verdict);
            }
        }
        for incident in evaluation.incidents {
            let carried = entities.get(&incident.entity).and_then(|state| state.grouping.open.as_ref());
            if carried != Some(&incident) && incident.last_seen >= inputs.pruned_before {
                self.incidents.insert((incident.entity.clone(), incident.first_seen), incident);
            }
        }
        self.earlier_size +=
            keep_earlier(&mut self.earlier_of_entities, evaluation.entity_checkpoints, inputs)?
                + keep_earlier(&mut self.earlier_of_baselines, evaluation.baseline_checkpoints, inputs)?;
        self.entities_begun.extend(evaluation.entities_begun);
        self.baselines_begun.extend(evaluation.baselines_begun);
        entities.extend(continued);
        self.state = EvaluationState { entities, baselines };
        Ok(())
    }

    /// About how many bytes the results take.
    pub fn size(&self) -> usize {
        const MEMBER: usize = 2000;
        const LEG: usize = 400;
        const VERDICT: usize = 3000;
        (self.state.entities.len() + self.state.baselines.len()) * MEMBER
            + self.earlier_size
            + (self.leg_ids.len() + self.raised.len()) * LEG
            + self.raised_to_write * VERDICT
    }

    /// A raised leg is kept as it is until its incident is complete, and so its alert is known.
    fn add_verdict(&mut self, inputs: &EvaluationInputs, verdict: &Verdict) {
        self.leg_ids.push(verdict.leg_id.clone());
        if !verdict.is_raised() {
            self.not_raised.push(UnwrittenVerdict::of(verdict));
            return;
        }
        let learn = inputs.settings.learn;
        let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
        let leg = RaisedLeg {
            downgraded: verdict.downgraded,
            evidence: verdict.evidence.clone(),
            to_time: verdict.to_time(),
            baseline_entity: to.baseline_entity.clone(),
            from: from.place(learn),
            from_known: verdict.from_known,
            to: to.place(learn),
            to_known: verdict.to_known,
            verdict: Some(Box::new(UnwrittenVerdict::of(verdict))),
        };
        self.raised.insert(verdict.leg_id.clone(), leg);
        self.raised_to_write += 1;
    }
}

/// Adds the checkpoints that are kept to the earlier states of their members. Returns how many bytes they take.
fn keep_earlier<S: MemberState>(
    earlier: &mut EarlierByMember,
    checkpoints: Vec<Checkpoint<S>>,
    inputs: &EvaluationInputs,
) -> Result<usize, TravelError> {
    let mut size = 0;
    for Checkpoint { member, evaluated_until, valid_until, state } in checkpoints {
        pgrx::check_for_interrupts!();
        if is_kept(evaluated_until, valid_until, inputs.horizon) {
            let state = EarlierState::new(&state, valid_until, Some(inputs.edition)).map_err(unwritable)?;
            size += state.size();
            earlier.entry(member).or_default().push(state);
        }
    }
    Ok(size)
}

pub fn unwritable(error: PackError) -> TravelError {
    ScanError::CheckpointUnwritable { detail: error.to_string() }.into()
}
