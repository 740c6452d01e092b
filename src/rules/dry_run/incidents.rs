//! The incidents of a dry run, each with its first leg, as soon as no later leg can join them.

use super::intermediate;
use crate::pg::errors::TravelError;
use crate::pg::stash::Stash;
use crate::rules::verdict_columns::{RowColumns, verdict_columns};
use serde_json::Value;
use std::collections::HashMap;
use travel_core::rule::{Evaluation, EvaluationState, Incident, Verdict};

/// The incidents that later legs may still join, by entity.
pub struct OpenIncidents {
    rule: String,
    incidents: Stash,
    first_legs: Stash,
}

/// Called with an incident that has ended, and with its first leg as columns of `travel.verdicts`.
pub type Ended<'e> = dyn FnMut(&Incident, RowColumns) -> Result<(), TravelError> + 'e;

/// The raised legs that a portion evaluated, by id.
pub fn raised<'v, 'a>(evaluation: &'v Evaluation<'a>) -> HashMap<&'v str, &'v Verdict<'a>> {
    let raised = evaluation.verdicts.iter().filter(|verdict| verdict.is_raised());
    raised.map(|verdict| (verdict.leg_id.as_str(), verdict)).collect()
}

impl OpenIncidents {
    pub fn new(rule: &str) -> Self {
        Self { rule: rule.to_owned(), incidents: Stash::new(), first_legs: Stash::new() }
    }

    /// Takes in the results of a portion, and passes the incidents that it ended to `ended`.
    pub fn see(
        &mut self,
        evaluation: &Evaluation,
        after: &EvaluationState,
        ended: &mut Ended,
    ) -> Result<(), TravelError> {
        let raised = raised(evaluation);
        // The incidents of an entity are in order of time, so only the last one can be open.
        for incident in &evaluation.incidents {
            let first = incident.legs.first().and_then(|leg| raised.get(leg.as_str()));
            let state = after.entities.get(&incident.entity);
            let is_open = state.is_some_and(|state| state.grouping.open.as_ref() == Some(incident));
            if is_open {
                let stored = serde_json::to_vec(incident).map_err(intermediate)?;
                self.incidents.put(&incident.entity, &stored);
                if let Some(verdict) = first {
                    let columns = Value::from(verdict_columns(&self.rule, verdict));
                    self.first_legs.put(&incident.entity, columns.to_string().as_bytes());
                }
                continue;
            }
            let columns = match first {
                Some(verdict) => verdict_columns(&self.rule, verdict),
                None => self.first_leg(&incident.entity)?,
            };
            self.incidents.remove(&incident.entity);
            ended(incident, columns)?;
        }
        Ok(())
    }

    /// Passes the incidents that are still open to `ended`, because no more events follow.
    pub fn finish(&mut self, ended: &mut Ended) -> Result<(), TravelError> {
        for (entity, stored) in self.incidents.iter() {
            let incident: Incident = serde_json::from_slice(stored).map_err(intermediate)?;
            ended(&incident, self.first_leg(entity)?)?;
            pgrx::check_for_interrupts!();
        }
        Ok(())
    }

    /// The first leg of the open incident of an entity.
    fn first_leg(&self, entity: &str) -> Result<RowColumns, TravelError> {
        let stored = self.first_legs.get(entity).unwrap_or_default();
        serde_json::from_slice(stored).map_err(intermediate)
    }
}
