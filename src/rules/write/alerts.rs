//! The rows of `travel.alerts`, and the legs of each in `travel_internal.alert_legs`.

use super::incidents::{IdentifiedIncident, Incidents};
use super::{ROWS, Writer, array_literal, json, qualified};
use crate::pg::errors::{ScanError, TravelError};
use crate::pg::spi::{self, Argument};
use crate::pg::time::utc;
use crate::rules::alert_columns::{AlertContext, alert_columns};
use crate::rules::evaluation::{EvaluationInputs, RaisedLeg};
use crate::rules::verdict_columns::RowColumns;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::columns::finding_names;
use travel_core::rule::{Micros, Severity};

/// An alert that is new, or that a new leg reopened.
pub struct RaisedAlert {
    pub id: i64,
    pub severity: Severity,
}

/// The columns of an alert that a scan sets again whenever its incident grows, beside those of its first leg.
const INCIDENT_COLUMNS: [&str; 6] =
    ["severity", "first_seen", "last_seen", "leg_count", "evidence", "signal"];

impl IdentifiedIncident {
    /// The row of the alert.
    fn row(
        &self,
        inputs: &EvaluationInputs,
        first_leg: &RowColumns,
        geoip_built_at: Option<Micros>,
    ) -> RowColumns {
        let message = inputs.message.as_deref().map(Into::into);
        let context =
            AlertContext { rule: inputs.name.as_str().into(), message, geoip_built_at, id: Some(self.id) };
        let mut row = alert_columns(&context, &self.incident, first_leg.clone());
        // These two are flags here. The statement takes the time from the server.
        row.insert("reopened_at".to_owned(), json!(self.reopened.then_some("epoch")));
        row.insert("archived_at".to_owned(), json!(self.rule_deleted.then_some("epoch")));
        row
    }
}

impl Writer<'_> {
    /// Writes the alerts of incidents and returns those that are news. `first_legs` are the first legs that this step
    /// evaluated.
    pub(super) fn write_alerts(
        &self,
        incidents: &Incidents,
        mut first_legs: HashMap<String, RowColumns>,
    ) -> Result<Vec<RaisedAlert>, TravelError> {
        if incidents.identified.is_empty() {
            return Ok(Vec::new());
        }
        self.load_first_legs(incidents, &mut first_legs)?;
        let mut raised = Vec::new();
        let (mut new, mut grown) = (Vec::new(), Vec::new());
        for alert in &incidents.identified {
            let Some(first) = alert.incident.legs.iter().find_map(|leg| first_legs.get(leg)) else {
                continue;
            };
            let row = alert.row(self.inputs, first, self.geoip_built_at);
            if alert.is_new || alert.reopened {
                raised.push(RaisedAlert { id: alert.id, severity: alert.incident.severity });
            }
            if alert.is_new { new.push(row) } else { grown.push(row) }
        }
        insert_alerts(&new)?;
        update_alerts(&grown)?;
        self.write_alert_legs(incidents);
        Ok(raised)
    }

    /// Adds the first legs of incidents that began in an earlier step. If such a leg was pruned, it adds all legs of
    /// the incident that are left, of which the alert shows the first.
    fn load_first_legs(
        &self,
        incidents: &Incidents,
        found: &mut HashMap<String, RowColumns>,
    ) -> Result<(), TravelError> {
        let is_missing = |found: &HashMap<String, RowColumns>, alert: &&IdentifiedIncident| {
            alert.incident.legs.first().is_some_and(|leg| !found.contains_key(leg))
        };
        let missing = incidents.identified.iter().filter(|alert| is_missing(found, alert));
        let first: Vec<&String> = missing.filter_map(|alert| alert.incident.legs.first()).collect();
        self.load_legs(incidents, &first, found)?;
        let pruned = incidents.identified.iter().filter(|alert| is_missing(found, alert));
        let others: Vec<&String> = pruned.flat_map(|alert| &alert.incident.legs).collect();
        self.load_legs(incidents, &others, found)
    }

    /// Adds stored verdicts by leg. A verdict that was pruned lives on in its alert.
    fn load_legs(
        &self,
        incidents: &Incidents,
        wanted: &[&String],
        found: &mut HashMap<String, RowColumns>,
    ) -> Result<(), TravelError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let entities: Vec<&Arc<str>> =
            incidents.identified.iter().map(|alert| &alert.incident.entity).collect();
        let rows = spi::with_settings(&[(c"extra_float_digits", c"1")], || {
            spi::select(
                "SELECT leg_id, pg_catalog.row_to_json(v)::text AS stored, from_time, to_time
                 FROM travel.verdicts AS v
                 WHERE rule = $1 AND leg_id = ANY ($2)
                 UNION ALL
                 SELECT leg_id, pg_catalog.row_to_json(a)::text, from_time, to_time
                 FROM travel.alerts AS a
                 WHERE rule = $1 AND entity = ANY ($3) AND leg_id = ANY ($2)
                   AND NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE v.rule = $1 AND v.leg_id = a.leg_id)",
                &[Argument::text(&self.inputs.name), Argument::texts(wanted), Argument::texts(&entities)],
            )
        });
        spi::columns!(rows => leg_id, stored, from_time, to_time);
        for row in rows.iter() {
            let stored = row.text(stored)?.unwrap_or_default();
            let mut columns: RowColumns = serde_json::from_str(stored).map_err(|error| {
                ScanError::CheckpointUnreadable { rule: self.inputs.name.clone(), detail: error.to_string() }
            })?;
            // The signal has UTC, whatever time zone the session has.
            for (name, column) in [("from_time", from_time), ("to_time", to_time)] {
                columns.insert(name.to_owned(), json!(row.i64(column).map(utc)));
            }
            found.insert(row.string(leg_id)?.unwrap_or_default(), columns);
        }
        Ok(())
    }

    /// Writes the legs of each alert that were evaluated in this step, and deletes those that it no longer has.
    fn write_alert_legs(&self, incidents: &Incidents) {
        let grown = || incidents.identified.iter().filter(|alert| !alert.is_new);
        let ids: Vec<i64> = grown().map(|alert| alert.id).collect();
        if !ids.is_empty() {
            let legs = grown().flat_map(|alert| alert.incident.legs.iter().map(|leg| (alert.id, leg)));
            let (alerts, legs): (Vec<i64>, Vec<&String>) = legs.unzip();
            spi::execute(
                "WITH kept AS MATERIALIZED (
                     SELECT alert_id, leg_id FROM unnest($2::bigint[], $3::text[]) AS n (alert_id, leg_id)
                 )
                 DELETE FROM travel_internal.alert_legs AS l
                 WHERE l.alert_id = ANY ($1)
                   AND NOT EXISTS (SELECT FROM kept AS k WHERE k.alert_id = l.alert_id AND k.leg_id = l.leg_id)",
                &[Argument::bigints(&ids), Argument::bigints(&alerts), Argument::texts(&legs)],
            );
        }
        let evaluated: Vec<(i64, &str, &RaisedLeg)> = incidents
            .legs()
            .filter_map(|(alert, leg)| Some((alert, leg, self.results.raised.get(leg)?)))
            .collect();
        evaluated.chunks(ROWS).for_each(put_alert_legs);
    }
}

fn put_alert_legs(rows: &[(i64, &str, &RaisedLeg)]) {
    let legs = || rows.iter().map(|(_, _, leg)| *leg);
    let texts = |of: fn(&RaisedLeg) -> Option<&Arc<str>>| {
        Argument::optional_texts(&legs().map(of).collect::<Vec<_>>())
    };
    let evidence = legs().map(|leg| array_literal(leg.evidence.iter().map(|evidence| evidence.into_str())));
    spi::execute(
        "INSERT INTO travel_internal.alert_legs AS l
             (alert_id, leg_id, to_time, downgraded, evidence, baseline_entity, from_country_code, from_subdivision,
              from_city, from_known, to_country_code, to_subdivision, to_city, to_known)
         SELECT n.alert_id, n.leg_id, n.to_time, n.downgraded, n.evidence::text[], n.baseline_entity,
                n.from_country_code, n.from_subdivision, n.from_city, n.from_known,
                n.to_country_code, n.to_subdivision, n.to_city, n.to_known
         FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::boolean[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::boolean[])
             AS n (alert_id, leg_id, to_time, downgraded, evidence, baseline_entity, from_country_code,
                   from_subdivision, from_city, from_known, to_country_code, to_subdivision, to_city, to_known)
         ON CONFLICT (alert_id, leg_id) DO UPDATE
         SET downgraded = excluded.downgraded, evidence = excluded.evidence,
             baseline_entity = excluded.baseline_entity, from_known = excluded.from_known,
             from_country_code = excluded.from_country_code, from_subdivision = excluded.from_subdivision,
             from_city = excluded.from_city, to_known = excluded.to_known,
             to_country_code = excluded.to_country_code, to_subdivision = excluded.to_subdivision,
             to_city = excluded.to_city
         WHERE l IS DISTINCT FROM excluded",
        &[
            Argument::bigints(&rows.iter().map(|(alert, ..)| *alert).collect::<Vec<_>>()),
            Argument::texts(&rows.iter().map(|(_, id, _)| *id).collect::<Vec<_>>()),
            Argument::times(&legs().map(|leg| leg.to_time).collect::<Vec<_>>()),
            Argument::booleans(legs().map(|leg| leg.downgraded)),
            Argument::texts(&evidence.collect::<Vec<_>>()),
            texts(|leg| leg.baseline_entity.as_ref()),
            texts(|leg| leg.from.as_ref().map(|place| &place.country_code)),
            texts(|leg| leg.from.as_ref().and_then(|place| place.subdivision.as_ref())),
            texts(|leg| leg.from.as_ref().and_then(|place| place.city.as_ref())),
            Argument::booleans(legs().map(|leg| leg.from_known)),
            texts(|leg| leg.to.as_ref().map(|place| &place.country_code)),
            texts(|leg| leg.to.as_ref().and_then(|place| place.subdivision.as_ref())),
            texts(|leg| leg.to.as_ref().and_then(|place| place.city.as_ref())),
            Argument::booleans(legs().map(|leg| leg.to_known)),
        ],
    );
}

fn columns() -> Vec<&'static str> {
    INCIDENT_COLUMNS.iter().copied().chain(finding_names()).collect()
}

fn insert_alerts(alerts: &[RowColumns]) -> Result<(), TravelError> {
    let list = columns().join(", ");
    let statement = format!(
        "INSERT INTO travel.alerts (id, rule, geoip_built_at, {list})
         SELECT id, rule, geoip_built_at, {list}
         FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json)
         ORDER BY id"
    );
    for rows in alerts.chunks(ROWS) {
        spi::execute(&statement, &[Argument::text(&json(rows)?)]);
    }
    Ok(())
}

/// Updates the alerts that changed. It opens those that a new leg reopens, and takes back that others are withdrawn.
fn update_alerts(alerts: &[RowColumns]) -> Result<(), TravelError> {
    let columns = columns();
    let (list, new, old) = (columns.join(", "), qualified("n", &columns), qualified("a", &columns));
    let statement = format!(
        "UPDATE travel.alerts AS a
         SET ({list}, status, reopened_at, archive_reason, archived_at, withdrawn_at, updated_at) = ROW ({new},
             CASE WHEN n.reopened_at IS NULL THEN a.status ELSE 'open' END,
             CASE WHEN n.reopened_at IS NULL THEN a.reopened_at ELSE pg_catalog.now() END,
             CASE WHEN n.archived_at IS NULL THEN a.archive_reason END,
             CASE WHEN n.archived_at IS NULL THEN a.archived_at END,
             NULL::timestamptz, pg_catalog.now())
         FROM pg_catalog.json_populate_recordset(NULL::travel.alerts, $1::json) AS n
         WHERE a.id = n.id
           AND ({old}, a.withdrawn_at, NULL::timestamptz) IS DISTINCT FROM ({new}, NULL::timestamptz, n.reopened_at)"
    );
    for rows in alerts.chunks(ROWS) {
        spi::execute(&statement, &[Argument::text(&json(rows)?)]);
    }
    Ok(())
}
