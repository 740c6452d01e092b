//! The rows of travel.alerts, and which raised legs belong to each.

use super::{ROWS, Writer, json_of, numbers, time, times};
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::spi;
use crate::pg::time::utc;
use crate::pg::types::Type;
use crate::rules::definition::{text, texts};
use crate::rules::evaluation::{EvaluationInputs, RaisedLeg};
use crate::rules::findings::VerdictColumns;
use pgrx::pg_sys;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use travel_core::columns::finding_names;
use travel_core::rule::signal;
use travel_core::rule::{AlertIdentity, Incident, Micros, PlaceKey, Severity, StoredAlert, Template, assign};

/// An alert that is news.
pub struct RaisedAlert {
    pub id: i64,
    pub severity: Severity,
}

#[derive(Default)]
struct Alerts {
    incidents: Vec<Alert>,
    withdrawn: Vec<i64>,
}

struct Alert {
    id: i64,
    is_new: bool,
    reopened: bool,
    /// The deletion of its rule had archived it: no analyst's decision is kept.
    rule_deleted: bool,
    incident: Incident,
}

/// The columns of travel.alerts that a scan sets again whenever an alert grows, beside those of the finding.
const ALERT_COLUMNS: [&str; 6] = ["severity", "first_seen", "last_seen", "leg_count", "evidence", "signal"];

impl Alert {
    fn row(
        &self,
        inputs: &EvaluationInputs,
        first_leg: &VerdictColumns,
        geoip_built_at: Option<Micros>,
    ) -> VerdictColumns {
        let incident = &self.incident;
        let mut row = first_leg.clone();
        let evidence: Vec<&str> = incident.evidence.iter().map(|evidence| evidence.as_str()).collect();
        let own = [
            ("id", json!(self.id)),
            ("rule", json!(inputs.name)),
            ("severity", json!(incident.severity.as_str())),
            ("first_seen", json!(utc(incident.first_seen))),
            ("last_seen", json!(utc(incident.last_seen))),
            ("leg_count", json!(incident.legs.len())),
            ("evidence", json!(evidence)),
            ("geoip_built_at", json!(geoip_built_at.map(utc))),
            // Only an attribute here: the time is the server's.
            ("reopened_at", json!(self.reopened.then_some("epoch"))),
            ("archived_at", json!(self.rule_deleted.then_some("epoch"))),
        ];
        row.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let signal = signal::signal(&row);
        if let Some(template) = &inputs.message {
            let message = signal::message(&Template::parse(template), &row);
            row.insert("message".to_owned(), json!(message));
        }
        row.insert("signal".to_owned(), signal);
        row
    }
}

impl Writer<'_> {
    pub(super) fn write_alerts(&self) -> Result<Vec<RaisedAlert>, TravelError> {
        let alerts = &self.assign()?;
        let mut raised = Vec::new();
        if !alerts.withdrawn.is_empty() {
            spi::execute(
                "UPDATE travel.alerts
                 SET withdrawn_at = pg_catalog.now(), updated_at = pg_catalog.now()
                 WHERE id = ANY ($1)",
                &[numbers(&alerts.withdrawn)],
            );
        }
        if alerts.incidents.is_empty() {
            return Ok(raised);
        }
        self.link_verdicts(alerts);
        let first_legs = self.first_legs(alerts)?;
        let (mut new, mut grown) = (Vec::new(), Vec::new());
        for alert in &alerts.incidents {
            let Some(first) = alert.incident.legs.iter().find_map(|leg| first_legs.get(leg)) else {
                continue;
            };
            let row = alert.row(self.inputs, first, self.geoip_built_at);
            if alert.is_new || alert.reopened {
                raised.push(RaisedAlert { id: alert.id, severity: alert.incident.severity });
            }
            if alert.is_new { new.push(row) } else { grown.push(row) }
        }
        let columns = ALERT_COLUMNS.iter().copied().chain(finding_names()).collect::<Vec<_>>();
        let list = columns.join(", ");
        for rows in new.chunks(ROWS) {
            spi::execute(
                &format!(
                    "INSERT INTO travel.alerts (id, rule, geoip_built_at, {list})
                     SELECT id, rule, geoip_built_at, {list}
                     FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json)
                     ORDER BY id"
                ),
                &[json_of(rows)?],
            );
        }
        let of = |table: &str| {
            columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
        };
        for rows in grown.chunks(ROWS) {
            spi::execute(
                &format!(
                    "UPDATE travel.alerts AS a
                     SET ({list}, status, reopened_at, archive_reason, archived_at, withdrawn_at, updated_at) = ROW ({},
                         CASE WHEN n.reopened_at IS NULL THEN a.status ELSE 'open' END,
                         CASE WHEN n.reopened_at IS NULL THEN a.reopened_at ELSE pg_catalog.now() END,
                         CASE WHEN n.archived_at IS NULL THEN a.archive_reason END,
                         CASE WHEN n.archived_at IS NULL THEN a.archived_at END,
                         NULL::timestamptz, pg_catalog.now())
                     FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json) AS n
                     WHERE a.id = n.id
                       AND ({}, a.withdrawn_at, NULL::timestamptz) IS DISTINCT FROM ({}, NULL::timestamptz, n.reopened_at)",
                    of("n"),
                    of("a"),
                    of("n"),
                ),
                &[json_of(rows)?],
            );
        }
        self.write_alert_legs(alerts)?;
        Ok(raised)
    }

    /// Which stored alert each incident is, with the legs that it had; new ones get an id.
    fn assign(&self) -> Result<Alerts, TravelError> {
        let after: HashMap<&str, Micros> =
            self.entities.iter().map(|evaluated| (&*evaluated.name, evaluated.again.from)).collect();
        let (mut incidents, standing): (Vec<Incident>, Vec<Incident>) =
            self.results.incidents.values().cloned().partition(|incident| {
                after.get(&*incident.entity).is_none_or(|after| incident.last_seen > *after)
            });
        let legs: Vec<&str> =
            incidents.iter().flat_map(|incident| &incident.legs).map(String::as_str).collect();
        let rescanned = self.rescanned();
        if incidents.is_empty() && rescanned.is_none() {
            return Ok(Alerts::default());
        }
        let [names, after] = rescanned.unwrap_or_else(|| [texts(&[]), times(&[])]);
        // Locked first, then read: whether an analyst who is at work archived one must be known.
        let concerned = spi::select(
            "SELECT id
             FROM travel.alerts
             WHERE id IN (
                 SELECT a.id
                 FROM unnest($2::text[], $3::timestamptz[]) AS e (entity, evaluated_until)
                 JOIN travel.alerts AS a ON a.rule = $1 AND a.entity = e.entity AND a.last_seen > e.evaluated_until
                      AND a.last_seen >= $5
                 UNION ALL
                 SELECT l.alert_id
                 FROM travel_internal.alert_legs AS l
                 JOIN travel.alerts AS a ON a.id = l.alert_id AND a.rule = $1
                 WHERE l.leg_id = ANY ($4)
             )
             ORDER BY id
             FOR UPDATE",
            &[text(&self.inputs.name), names, after, texts(&legs), time(self.inputs.pruned_before)],
        );
        let concerned: Vec<i64> = (0..concerned.len).filter_map(|row| concerned.i64(row, 0)).collect();
        let rows = spi::select(
            "SELECT a.id, a.status = 'archived', a.withdrawn_at IS NOT NULL, pg_catalog.array_agg(l.leg_id),
                    a.status = 'archived' AND a.archive_reason = 'other' AND EXISTS (
                        SELECT FROM travel.alert_history AS h
                        WHERE h.alert_id = a.id AND h.at = a.archived_at AND h.change ? 'rule_deleted')
             FROM travel.alerts AS a
             JOIN travel_internal.alert_legs AS l ON l.alert_id = a.id
             WHERE a.id = ANY ($1)
             GROUP BY a.id",
            &[numbers(&concerned)],
        );
        let mut stored = Vec::with_capacity(rows.len);
        let mut withdrawn_before = BTreeSet::new();
        for row in 0..rows.len {
            let (Some(id), Some(legs)) = (rows.i64(row, 0), rows.get(row, 3, Type::TextArray)) else {
                continue;
            };
            // SAFETY: the column is a text[], as `get` checked.
            let legs = unsafe { array::texts(legs) }?.into_iter().flatten().collect();
            let [archived, rule_deleted] = [1, 4].map(|column| rows.bool(row, column) == Some(true));
            stored.push(StoredAlert { id, legs, archived, rule_deleted });
            if rows.bool(row, 2) == Some(true) {
                withdrawn_before.insert(id);
            }
        }
        // One whose legs all stand is as it was, unless its alert had a leg more, or has.
        let legs: HashSet<&String> = stored.iter().flat_map(|alert: &StoredAlert| &alert.legs).collect();
        let is_concerned = |incident: &Incident| incident.legs.iter().any(|leg| legs.contains(leg));
        incidents.extend(standing.into_iter().filter(is_concerned));
        incidents.sort_by(|a, b| (&a.entity, a.first_seen).cmp(&(&b.entity, b.first_seen)));
        let assignment = assign(&incidents, &stored);
        let deleted: HashSet<i64> =
            stored.iter().filter(|alert| alert.rule_deleted).map(|alert| alert.id).collect();
        let new = assignment.incidents.iter().filter(|taken| **taken == AlertIdentity::New).count();
        let mut new_ids = new_ids(new).into_iter();
        let incidents = incidents
            .into_iter()
            .zip(assignment.incidents)
            .filter_map(|(incident, taken)| {
                Some(match taken {
                    AlertIdentity::New => Alert {
                        id: new_ids.next()?,
                        is_new: true,
                        reopened: false,
                        rule_deleted: false,
                        incident,
                    },
                    AlertIdentity::Stored { id, reopened } => {
                        let rule_deleted = deleted.contains(&id);
                        Alert { id, is_new: false, reopened, rule_deleted, incident }
                    }
                })
            })
            .collect();
        let withdrawn =
            assignment.withdrawn.into_iter().filter(|id| !withdrawn_before.contains(id)).collect();
        Ok(Alerts { incidents, withdrawn })
    }

    /// Says of the verdicts of the incidents' legs to which alert they belong.
    fn link_verdicts(&self, alerts: &Alerts) {
        for (ids, legs) in alerts.legs() {
            spi::execute(
                "UPDATE travel.verdicts AS v
                 SET alert_id = l.alert_id
                 FROM unnest($2::bigint[], $3::text[]) AS l (alert_id, leg_id)
                 WHERE v.rule = $1 AND v.leg_id = l.leg_id AND v.alert_id IS DISTINCT FROM l.alert_id",
                &[text(&self.inputs.name), numbers(&ids), texts(&legs)],
            );
        }
    }

    /// The verdict of the first leg of each incident; where that is pruned, those of all its legs that are not.
    fn first_legs(&self, alerts: &Alerts) -> Result<HashMap<String, VerdictColumns>, TravelError> {
        let first = |alert: &Alert| alert.incident.legs.first().cloned();
        let wanted: Vec<String> = alerts.incidents.iter().filter_map(first).collect();
        let mut found = self.stored_legs(alerts, &wanted)?;
        let pruned =
            alerts.incidents.iter().filter(|alert| first(alert).is_some_and(|leg| !found.contains_key(&leg)));
        let others: Vec<String> = pruned.flat_map(|alert| &alert.incident.legs).cloned().collect();
        if !others.is_empty() {
            found.extend(self.stored_legs(alerts, &others)?);
        }
        Ok(found)
    }

    fn stored_legs(
        &self,
        alerts: &Alerts,
        wanted: &[String],
    ) -> Result<HashMap<String, VerdictColumns>, TravelError> {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let entities: Vec<&str> = alerts.incidents.iter().map(|alert| &*alert.incident.entity).collect();
        // A verdict that was pruned lives on in its alert.
        let rows = spi::with_settings(&[(c"extra_float_digits", c"1")], || {
            spi::select(
                "SELECT leg_id, pg_catalog.row_to_json(v)::text, from_time, to_time
                 FROM travel.verdicts AS v
                 WHERE rule = $1 AND leg_id = ANY ($2)
                 UNION ALL
                 SELECT leg_id, pg_catalog.row_to_json(a)::text, from_time, to_time
                 FROM travel.alerts AS a
                 WHERE rule = $1 AND entity = ANY ($3) AND leg_id = ANY ($2)
                   AND NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE v.rule = $1 AND v.leg_id = a.leg_id)",
                &[text(&self.inputs.name), texts(&wanted), texts(&entities)],
            )
        });
        let mut found = HashMap::with_capacity(rows.len);
        for row in 0..rows.len {
            let stored = rows.text(row, 1)?.unwrap_or_default();
            let mut columns: VerdictColumns = serde_json::from_str(stored).map_err(|error| {
                TravelError::StateUnreadable { rule: self.inputs.name.clone(), detail: error.to_string() }
            })?;
            // Whatever time zone the session has, the signal has UTC.
            for (name, column) in [("from_time", 2), ("to_time", 3)] {
                columns.insert(name.to_owned(), json!(rows.i64(row, column).map(utc)));
            }
            found.insert(rows.text(row, 0)?.unwrap_or_default().to_owned(), columns);
        }
        Ok(found)
    }

    fn write_alert_legs(&self, alerts: &Alerts) -> Result<(), TravelError> {
        for alert in alerts.incidents.iter().filter(|alert| !alert.is_new) {
            let legs: Vec<&str> = alert.incident.legs.iter().map(String::as_str).collect();
            spi::execute(
                "DELETE FROM travel_internal.alert_legs WHERE alert_id = $1 AND leg_id <> ALL ($2)",
                &[(pg_sys::INT8OID, Some(pg_sys::Datum::from(alert.id))), texts(&legs)],
            );
        }
        let evaluated: Vec<Value> = alerts
            .incidents
            .iter()
            .flat_map(|alert| alert.incident.legs.iter().map(move |leg| (alert.id, leg)))
            .filter_map(|(id, leg)| Some(alert_leg(id, leg, self.results.raised.get(leg)?)))
            .collect();
        for rows in evaluated.chunks(ROWS) {
            spi::execute(
                "INSERT INTO travel_internal.alert_legs AS l
                 SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel_internal.alert_legs, $1::json)
                 ON CONFLICT (alert_id, leg_id) DO UPDATE
                 SET downgraded = excluded.downgraded, evidence = excluded.evidence,
                     baseline_entity = excluded.baseline_entity, from_known = excluded.from_known,
                     from_country_code = excluded.from_country_code, from_subdivision = excluded.from_subdivision,
                     from_city = excluded.from_city, to_known = excluded.to_known,
                     to_country_code = excluded.to_country_code, to_subdivision = excluded.to_subdivision,
                     to_city = excluded.to_city
                 WHERE l IS DISTINCT FROM excluded",
                &[json_of(rows)?],
            );
        }
        Ok(())
    }
}

impl Alerts {
    /// Alerts and their legs, side by side, in portions.
    fn legs(&self) -> impl Iterator<Item = (Vec<i64>, Vec<&str>)> {
        let legs: Vec<(i64, &str)> = self
            .incidents
            .iter()
            .flat_map(|alert| alert.incident.legs.iter().map(move |leg| (alert.id, leg.as_str())))
            .collect();
        let portions: Vec<_> =
            legs.chunks(20 * ROWS).map(|portion| portion.iter().copied().unzip()).collect();
        portions.into_iter()
    }
}

fn alert_leg(alert: i64, leg: &str, raised: &RaisedLeg) -> Value {
    let part = |place: &Option<PlaceKey>, of: fn(&PlaceKey) -> Option<Arc<str>>| {
        json!(place.as_ref().and_then(of).as_deref())
    };
    let country = |place: &PlaceKey| Some(place.country_code.clone());
    let subdivision = |place: &PlaceKey| place.subdivision.clone();
    let city = |place: &PlaceKey| place.city.clone();
    json!({
        "alert_id": alert, "leg_id": leg, "to_time": utc(raised.to_time),
        "downgraded": raised.downgraded, "evidence": raised.evidence, "baseline_entity": raised.baseline_entity.as_deref(),
        "from_country_code": part(&raised.from, country), "from_subdivision": part(&raised.from, subdivision),
        "from_city": part(&raised.from, city), "from_known": raised.from_known,
        "to_country_code": part(&raised.to, country), "to_subdivision": part(&raised.to, subdivision),
        "to_city": part(&raised.to, city), "to_known": raised.to_known,
    })
}

fn new_ids(count: usize) -> Vec<i64> {
    if count == 0 {
        return Vec::new();
    }
    let rows = spi::select(
        "SELECT pg_catalog.nextval('travel.alerts_id_seq') FROM pg_catalog.generate_series(1, $1)",
        &[(pg_sys::INT8OID, Some(pg_sys::Datum::from(count as i64)))],
    );
    (0..rows.len).filter_map(|row| rows.i64(row, 0)).collect()
}
