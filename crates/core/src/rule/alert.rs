//! Alert identity: which stored alert belongs to each incident.

use super::incident::Incident;
use std::collections::{BTreeMap, BTreeSet};

/// An alert of the rule as it is stored, with the raised legs that it had when it was last written. A withdrawn alert
/// keeps its legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlert {
    pub id: i64,
    pub legs: BTreeSet<String>,
    pub archived: bool,
    /// The alert is archived because its rule was deleted, not by an analyst.
    pub rule_deleted: bool,
}

/// The alerts of the incidents, and the stored alerts that are left over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// One for each incident, in the order of the incidents.
    pub incidents: Vec<AlertIdentity>,
    /// Stored alerts that belong to no incident. They are withdrawn, never deleted.
    pub withdrawn: Vec<i64>,
}

/// Which alert an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertIdentity {
    /// The incident becomes a new alert.
    New,
    /// The incident is the stored alert of this id. `reopened` says that the alert was archived and either contains a
    /// new leg, or was archived only because its rule was deleted and a rule of the same name raises it again.
    Stored { id: i64, reopened: bool },
}

/// Assigns stored alerts to incidents. Each incident, in order of `first_seen`, takes the oldest stored alert (the
/// smallest id) that shares a raised leg with it and is not taken yet. The caller passes all stored alerts of the
/// incidents' entities, or at least those that share a leg with an incident and those that may have lost theirs.
pub fn assign(incidents: &[Incident], stored: &[StoredAlert]) -> Assignment {
    let mut with_leg: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    let mut free: BTreeMap<i64, &StoredAlert> = BTreeMap::new();
    for alert in stored {
        free.insert(alert.id, alert);
        for leg in &alert.legs {
            with_leg.entry(leg).or_default().insert(alert.id);
        }
    }
    let mut order: Vec<usize> = (0..incidents.len()).collect();
    order.sort_by_key(|&i| (incidents[i].first_seen, &incidents[i].entity));
    let mut assignment =
        Assignment { incidents: vec![AlertIdentity::New; incidents.len()], withdrawn: Vec::new() };
    for i in order {
        let incident = &incidents[i];
        let oldest = incident
            .legs
            .iter()
            .filter_map(|leg| with_leg.get(leg.as_str()))
            .flatten()
            .filter(|id| free.contains_key(id))
            .min();
        if let Some(alert) = oldest.and_then(|id| free.remove(id)) {
            let is_new_leg = |leg: &String| !alert.legs.contains(leg);
            let reopened = alert.archived && (alert.rule_deleted || incident.legs.iter().any(is_new_leg));
            assignment.incidents[i] = AlertIdentity::Stored { id: alert.id, reopened };
        }
    }
    assignment.withdrawn = free.into_keys().collect();
    assignment
}
