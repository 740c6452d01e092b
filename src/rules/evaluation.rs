//! What comes of evaluating: gathered chunk by chunk, in the form in which it is written.

use super::findings;
use super::settled_verdicts::SettledHistory;
use crate::pg::errors::TravelError;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use travel_core::rule::{
    BaselineState, Checkpoint, EntityState, EvaluatedEvent, Evidence, Incident, Micros, OtherEdition,
    Overlay, PlaceKey, Policy, Rule, SettledByEntity, State, Suppression, resume_towards,
};

/// What a rule is evaluated by.
pub struct EvaluationInputs {
    pub name: String,
    pub settings: Rule,
    /// The template of an alert's message; none: the sentence of its first leg.
    pub message: Option<String>,
    pub analysts: Overlay,
    pub suppressions: Vec<Suppression>,
    /// The present edition of place data, by which everything is evaluated.
    pub edition: i64,
    /// The newest event that is known of.
    pub horizon: Micros,
    /// What is older was pruned, and is not written again.
    pub pruned_before: Micros,
}

/// Of events that were evaluated in order of time, from a state on.
#[derive(Debug, Default)]
pub struct EvaluationResults {
    /// Rows of travel.verdicts as JSON, which are not written yet.
    pub verdicts: Vec<String>,
    /// The ids of all legs over the thresholds.
    pub legs: Vec<String>,
    /// By the leg's id.
    pub raised: HashMap<String, RaisedLeg>,
    /// By entity and first leg: those that grew or began.
    pub incidents: BTreeMap<(Arc<str>, Micros), Incident>,
    pub state: State,
    /// Verdicts that stand, of events that were not read yet.
    pasts: SettledByEntity,
    pub entity_checkpoints: Vec<Checkpoint<EntityState>>,
    pub baseline_checkpoints: Vec<Checkpoint<BaselineState>>,
    pub entities_begun: Vec<(Arc<str>, Micros)>,
    pub baselines_begun: Vec<(Arc<str>, Micros)>,
    pub newest: Option<Micros>,
}

/// What is kept of a raised leg with its alert.
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
}

impl EvaluationResults {
    pub fn from(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// More members, whose later events were evaluated before: what those said of the incidents that the states carry is
    /// said again. But for verdicts that stand.
    pub fn take_up(&mut self, inputs: &EvaluationInputs, state: State, stands: SettledHistory) {
        for (entity, state) in state.entities {
            if let Some(open) =
                state.grouping.open.as_ref().filter(|open| open.last_seen >= inputs.pruned_before)
            {
                self.incidents.insert((entity.clone(), open.first_seen), open.clone());
            }
            self.state.entities.insert(entity, state);
        }
        self.state.baselines.extend(state.baselines);
        self.pasts.extend(stands.pasts);
        self.raised.extend(stands.raised);
    }

    /// After the last event: verdicts that stand, though the source has lost their events. No state knows of them.
    pub fn take_rest(&mut self, inputs: &EvaluationInputs) {
        for (entity, past) in std::mem::take(&mut self.pasts) {
            if past.verdicts.is_empty() {
                continue;
            }
            let kept = self.state.entities.get(&entity);
            let mut grouping = kept.map(|state| state.grouping.clone()).unwrap_or_default();
            let rule = &inputs.settings;
            let mut other = OtherEdition::default();
            let stand = |given| grouping.stand(rule, given, &mut other);
            let ended: Vec<Incident> = past.verdicts.into_iter().filter_map(stand).collect();
            for incident in ended.into_iter().chain(grouping.open) {
                self.incidents.insert((entity.clone(), incident.first_seen), incident);
            }
        }
    }

    /// The next events, all later than those before them.
    pub fn evaluate(
        &mut self,
        inputs: &EvaluationInputs,
        events: &[EvaluatedEvent],
    ) -> Result<(), TravelError> {
        if events.is_empty() {
            return Ok(());
        }
        let before = std::mem::take(&mut self.state);
        let policy =
            Policy { rule: &inputs.settings, analysts: &inputs.analysts, suppressions: &inputs.suppressions };
        let resumed = resume_towards(inputs.horizon, &before, &mut self.pasts, policy, events);
        let (evaluation, after) = resumed.map_err(|late| TravelError::EventsUnordered {
            rule: inputs.name.clone(),
            event: late.event,
            evaluated_until: late.evaluated_until,
        })?;
        let learn = inputs.settings.learn;
        for verdict in &evaluation.verdicts {
            if verdict.to_time() < inputs.pruned_before {
                continue;
            }
            let mut row = findings::verdict(&inputs.name, verdict);
            row.insert("edition".to_owned(), inputs.edition.into());
            self.verdicts.push(serde_json::Value::from(row).to_string());
            self.legs.push(verdict.leg_id.clone());
            if verdict.is_raised() {
                let decided = verdict.decided_leg(learn);
                let leg = RaisedLeg {
                    downgraded: decided.downgraded,
                    evidence: decided.evidence,
                    to_time: decided.to_time,
                    baseline_entity: verdict.leg.to.event.baseline_entity.clone(),
                    from: decided.from,
                    from_known: verdict.from_known,
                    to: decided.to,
                    to_known: verdict.to_known,
                };
                self.raised.insert(verdict.leg_id.clone(), leg);
            }
        }
        for incident in evaluation.incidents {
            let carried =
                before.entities.get(&incident.entity).and_then(|state| state.grouping.open.as_ref());
            if carried != Some(&incident) && incident.last_seen >= inputs.pruned_before {
                self.incidents.insert((incident.entity.clone(), incident.first_seen), incident);
            }
        }
        self.entity_checkpoints.extend(evaluation.entity_checkpoints);
        self.baseline_checkpoints.extend(evaluation.baseline_checkpoints);
        self.entities_begun.extend(evaluation.entities_begun);
        self.baselines_begun.extend(evaluation.baselines_begun);
        self.newest = self.newest.max(events.iter().map(|event| event.time).max());
        self.state = after;
        Ok(())
    }
}
