//! The crate's answer in the words of the model.

use super::{Answer, ModelIncident, ModelVerdict, Place};
use std::collections::BTreeMap;
use travel_core::rule::PlaceKey;

/// What the crate answered, in the words of the model.
pub fn in_words(evaluation: &travel_core::rule::Evaluation) -> Answer {
    let place = |key: &PlaceKey| -> Place {
        let name = |name: &Option<std::sync::Arc<str>>| name.as_ref().map(ToString::to_string);
        (key.country_code.to_string(), name(&key.subdivision), name(&key.city))
    };
    let ends: BTreeMap<&str, _> = evaluation
        .verdicts
        .iter()
        .map(|v| {
            let (from, to) = (v.leg.from.event, v.leg.to.event);
            (v.leg_id.as_str(), ((from.time, from.site), (to.time, to.site)))
        })
        .collect();
    Answer {
        verdicts: evaluation
            .verdicts
            .iter()
            .map(|v| ModelVerdict {
                entity: v.leg.to.event.entity.to_string(),
                from: ends[v.leg_id.as_str()].0,
                to: ends[v.leg_id.as_str()].1,
                reasons: v.reasons.iter().map(|reason| reason.into_str()).collect(),
                suppressions: v.suppressions.clone(),
                networks: v.networks.iter().map(ToString::to_string).collect(),
                evidence: v.evidence.iter().map(|evidence| evidence.into_str()).collect(),
                downgraded: v.downgraded,
                from_known: v.from_known,
                to_known: v.to_known,
            })
            .collect(),
        places: evaluation
            .places
            .iter()
            .map(|p| {
                let since = p.state.since();
                let state = p.state.into_str();
                (p.baseline_entity.to_string(), place(&p.place), state, since, p.first_seen, p.last_seen)
            })
            .collect(),
        transitions: evaluation
            .transitions
            .iter()
            .map(|t| {
                let (from, to) = (place(&t.transition.from), place(&t.transition.to));
                (t.baseline_entity.to_string(), from, to, t.traveled.first_seen, t.traveled.last_seen)
            })
            .collect(),
        incidents: evaluation
            .incidents
            .iter()
            .map(|i| ModelIncident {
                entity: i.entity.to_string(),
                first_seen: i.first_seen,
                last_seen: i.last_seen,
                legs: i.legs.iter().map(|leg| ends[leg.as_str()]).collect(),
                severity: i.severity.into_str(),
                evidence: i.evidence.iter().map(|evidence| evidence.into_str()).collect(),
            })
            .collect(),
    }
}
