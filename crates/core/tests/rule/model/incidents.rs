//! Which raised legs the model groups into one incident.

use super::{Model, ModelIncident, ModelVerdict};
use std::collections::BTreeSet;

impl Model<'_> {
    pub(super) fn incidents(&self, verdicts: &[(usize, usize, ModelVerdict)]) -> Vec<ModelIncident> {
        let mut incidents = Vec::new();
        let entities: BTreeSet<&str> =
            verdicts.iter().map(|(_, _, verdict)| verdict.entity.as_str()).collect();
        for entity in entities {
            let legs: Vec<_> = verdicts.iter().filter(|(_, _, verdict)| verdict.entity == entity).collect();
            let raised: Vec<_> = legs.iter().filter(|(_, _, verdict)| verdict.reasons.is_empty()).collect();
            let mut begin = 0;
            while begin < raised.len() {
                let first_seen = raised[begin].2.to.0;
                let mut end = begin;
                while end + 1 < raised.len()
                    && raised[end + 1].2.to.0 - raised[end].2.to.0 <= self.rule.keep_alive
                    && raised[end + 1].2.to.0 - first_seen <= self.rule.max_duration
                {
                    end += 1;
                }
                let group = &raised[begin..=end];
                let last_seen = group[group.len() - 1].2.to.0;
                let mut evidence: BTreeSet<&'static str> =
                    group.iter().flat_map(|(_, _, verdict)| verdict.evidence.clone()).collect();
                let window: Vec<_> = legs
                    .iter()
                    .filter(|(_, _, leg)| {
                        first_seen - self.rule.max_duration <= leg.to.0 && leg.to.0 <= last_seen
                    })
                    .filter_map(|(from, to, _)| self.place(*from).zip(self.place(*to)))
                    .filter(|(from, to)| from != to)
                    .collect();
                for (i, (a, b)) in window.iter().enumerate() {
                    for (j, back) in window.iter().enumerate().skip(i + 1) {
                        for again in window.iter().skip(j + 1) {
                            if (&back.0, &back.1) == (b, a) && (&again.0, &again.1) == (a, b) {
                                evidence.insert("two_holders");
                            }
                        }
                    }
                }
                let all_downgraded = group.iter().all(|(_, _, verdict)| verdict.downgraded);
                let steps = ["info", "low", "medium", "high", "critical"];
                let step = steps.iter().position(|step| *step == self.rule.severity.into_str()).unwrap();
                incidents.push(ModelIncident {
                    entity: entity.to_owned(),
                    first_seen,
                    last_seen,
                    legs: group.iter().map(|(_, _, verdict)| (verdict.from, verdict.to)).collect(),
                    severity: steps[if all_downgraded { step.saturating_sub(1) } else { step }],
                    evidence,
                });
                begin = end + 1;
            }
        }
        incidents
    }
}
