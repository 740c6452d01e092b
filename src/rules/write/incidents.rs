//! Which stored alert each incident is. New incidents get an id; alerts whose incident is gone are withdrawn.

use super::Writer;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::rules::row_locks::{Intent, lock_alerts};
use std::collections::{BTreeSet, HashMap, HashSet};
use travel_core::rule::{AlertIdentity, Incident, Micros, StoredAlert, assign};

/// The incidents of a step that are written, and the alerts that are withdrawn.
#[derive(Default)]
pub(super) struct Incidents {
    pub identified: Vec<IdentifiedIncident>,
    pub withdrawn: Vec<i64>,
}

/// An incident, and the alert that it is.
pub(super) struct IdentifiedIncident {
    /// The alert's id.
    pub id: i64,
    pub is_new: bool,
    pub reopened: bool,
    /// The deletion of the rule had archived the alert, so there is no decision of an analyst to keep.
    pub rule_deleted: bool,
    pub incident: Incident,
}

impl Incidents {
    /// The alert and the id of every leg.
    pub fn legs(&self) -> impl Iterator<Item = (i64, &str)> {
        self.identified
            .iter()
            .flat_map(|alert| alert.incident.legs.iter().map(move |leg| (alert.id, leg.as_str())))
    }

    /// The ids of the legs that alerts show.
    pub fn first_legs(&self) -> HashSet<&str> {
        self.identified.iter().filter_map(|alert| alert.incident.legs.first().map(String::as_str)).collect()
    }
}

/// The stored alerts that the incidents of a step may be.
struct StoredAlerts {
    alerts: Vec<StoredAlert>,
    /// The ids of those that were withdrawn before.
    withdrawn: BTreeSet<i64>,
}

impl Writer<'_> {
    /// Finds the stored alert of each incident by the legs that both have.
    pub(super) fn identify_incidents(&self) -> Result<Incidents, TravelError> {
        let (mut incidents, settled) = self.incidents();
        let reevaluated = self.reevaluated();
        if incidents.is_empty() && reevaluated.is_none() {
            return Ok(Incidents::default());
        }
        let stored = self.stored_alerts(&incidents, reevaluated)?;
        // A settled incident is as it was, unless one of these alerts has a leg of it.
        let legs: HashSet<&String> = stored.alerts.iter().flat_map(|alert| &alert.legs).collect();
        let is_concerned = |incident: &Incident| incident.legs.iter().any(|leg| legs.contains(leg));
        incidents.extend(settled.into_iter().filter(is_concerned));
        incidents.sort_by(|a, b| (&a.entity, a.first_seen).cmp(&(&b.entity, b.first_seen)));
        let assignment = assign(&incidents, &stored.alerts);
        let new = assignment.incidents.iter().filter(|identity| **identity == AlertIdentity::New).count();
        let mut new_ids = new_ids(new)?.into_iter();
        let deleted: HashSet<i64> =
            stored.alerts.iter().filter(|alert| alert.rule_deleted).map(|alert| alert.id).collect();
        let identified = incidents
            .into_iter()
            .zip(assignment.incidents)
            .filter_map(|(incident, identity)| {
                Some(match identity {
                    AlertIdentity::New => IdentifiedIncident {
                        id: new_ids.next()?,
                        is_new: true,
                        reopened: false,
                        rule_deleted: false,
                        incident,
                    },
                    AlertIdentity::Stored { id, reopened } => IdentifiedIncident {
                        id,
                        is_new: false,
                        reopened,
                        rule_deleted: deleted.contains(&id),
                        incident,
                    },
                })
            })
            .collect();
        let withdrawn =
            assignment.withdrawn.into_iter().filter(|id| !stored.withdrawn.contains(id)).collect();
        Ok(Incidents { identified, withdrawn })
    }

    /// The incidents of the step: those with a leg that was evaluated, and those whose legs were all settled before.
    fn incidents(&self) -> (Vec<Incident>, Vec<Incident>) {
        let after: HashMap<&str, Micros> =
            self.entities.iter().map(|member| (&*member.name, member.restart.after)).collect();
        self.results.incidents.values().cloned().partition(|incident| {
            after.get(&*incident.entity).is_none_or(|after| incident.last_seen > *after)
        })
    }

    /// Loads the alerts that share a leg with these incidents, and those of entities that were evaluated again, which
    /// may have lost theirs.
    fn stored_alerts(
        &self,
        incidents: &[Incident],
        reevaluated: Option<[Argument; 2]>,
    ) -> Result<StoredAlerts, TravelError> {
        let legs: Vec<&String> = incidents.iter().flat_map(|incident| &incident.legs).collect();
        let [names, after] =
            reevaluated.unwrap_or_else(|| [Argument::texts::<&str>(&[]), Argument::times(&[])]);
        // They are locked before they are read, because an analyst who is at work may just have archived one.
        let ids = lock_alerts(
            Intent::Change,
            "SELECT a.id
             FROM unnest($2::text[], $3::timestamptz[]) AS e (entity, evaluated_until)
             CROSS JOIN LATERAL (
                 SELECT id FROM travel.alerts
                 WHERE rule = $1 AND entity = e.entity AND last_seen > e.evaluated_until AND last_seen >= $5 OFFSET 0
             ) AS a
             UNION
             SELECT l.alert_id
             FROM travel_internal.alert_legs AS l
             JOIN travel.alerts AS a ON a.id = l.alert_id AND a.rule = $1
             WHERE l.leg_id = ANY ($4)",
            &[
                Argument::text(&self.inputs.name),
                names,
                after,
                Argument::texts(&legs),
                Argument::time(self.inputs.pruned_before),
            ],
        );
        let rows = spi::select(
            "SELECT a.id, a.status = 'archived' AS archived, a.withdrawn_at IS NOT NULL AS withdrawn,
                    pg_catalog.array_agg(l.leg_id) AS legs,
                    a.status = 'archived' AND a.archive_reason = 'other' AND EXISTS (
                        SELECT FROM travel.alert_history AS h
                        WHERE h.alert_id = a.id AND h.at = a.archived_at AND h.change ? 'rule_deleted') AS rule_deleted
             FROM travel.alerts AS a
             JOIN travel_internal.alert_legs AS l ON l.alert_id = a.id
             WHERE a.id = ANY ($1)
             GROUP BY a.id",
            &[Argument::bigints(&ids)],
        );
        spi::columns!(rows => id, archived, withdrawn, legs, rule_deleted);
        let mut stored = StoredAlerts { alerts: Vec::with_capacity(rows.len), withdrawn: BTreeSet::new() };
        for row in rows.iter() {
            pgrx::check_for_interrupts!();
            let Some(id) = row.i64(id) else { continue };
            stored.alerts.push(StoredAlert {
                id,
                legs: row.texts(legs)?.into_iter().collect(),
                archived: row.is_true(archived),
                rule_deleted: row.is_true(rule_deleted),
            });
            if row.is_true(withdrawn) {
                stored.withdrawn.insert(id);
            }
        }
        Ok(stored)
    }

    /// Withdraws the alerts whose incident is gone.
    pub(super) fn withdraw(&self, incidents: &Incidents) {
        if !incidents.withdrawn.is_empty() {
            spi::execute(
                "UPDATE travel.alerts
                 SET withdrawn_at = pg_catalog.now(), updated_at = pg_catalog.now()
                 WHERE id = ANY ($1)",
                &[Argument::bigints(&incidents.withdrawn)],
            );
        }
    }
}

fn new_ids(count: usize) -> Result<Vec<i64>, TravelError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let rows = spi::select(
        "SELECT pg_catalog.nextval('travel.alerts_id_seq') AS id FROM pg_catalog.generate_series(1, $1)",
        &[Argument::bigint(count as i64)],
    );
    spi::columns!(rows => id);
    Ok(rows.iter().filter_map(|row| row.i64(id)).collect())
}
