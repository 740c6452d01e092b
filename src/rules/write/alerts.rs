//! The rows of `travel.alerts`, and the legs of each in `travel_internal.alert_legs`.

use super::incidents::{IdentifiedIncident, Incidents};
use super::{ROWS, Writer, array_literal, qualified};
use crate::pg::errors::{ScanError, TravelError};
use crate::pg::jsonb;
use crate::pg::memory::Scratch;
use crate::pg::spi::{self, Argument};
use crate::pg::time::utc;
use crate::rules::alert_columns::{AlertContext, alert_columns};
use crate::rules::evaluation::{EvaluationInputs, RaisedLeg};
use crate::rules::verdict_columns::{RowColumns, finding_array};
use pgrx::pg_sys;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::columns::finding_names;
use travel_core::rule::{Incident, Micros, Severity};

/// An alert that is new, or that a new leg reopened.
pub struct RaisedAlert {
    pub id: i64,
    pub severity: Severity,
}

/// The columns of an alert that a scan sets again whenever its incident grows, beside those of its first leg.
const INCIDENT_COLUMNS: [&str; 6] =
    ["severity", "first_seen", "last_seen", "leg_count", "evidence", "signal"];

/// The leg that an alert shows.
struct FirstLeg {
    /// The leg as a value of `travel.finding`.
    finding: pg_sys::Datum,
    /// The columns of the leg, from which the signal and the message are made.
    columns: RowColumns,
}

/// The first legs of incidents by ID. Their findings are in the memory of `scratch`.
pub(super) struct FirstLegs {
    legs: HashMap<String, FirstLeg>,
    scratch: Scratch,
}

/// A row of `travel.alerts`.
struct AlertRow<'w> {
    alert: &'w IdentifiedIncident,
    /// The columns of the first leg, as a value of `travel.finding`.
    finding: pg_sys::Datum,
    /// The signal as JSON.
    signal: String,
    /// The message from the template of the rule. `None` if the message is the sentence of the first leg.
    message: Option<String>,
}

impl FirstLegs {
    pub fn new() -> Self {
        Self { legs: HashMap::new(), scratch: Scratch::new(c"travel: first legs of alerts", 8 << 10) }
    }

    /// Adds a leg with a copy of its finding.
    pub fn add(&mut self, id: String, finding: pg_sys::Datum, columns: RowColumns) {
        // SAFETY: a composite value has a variable length.
        let copy = || unsafe { pg_sys::pg_detoast_datum_copy(finding.cast_mut_ptr()) };
        let finding = pg_sys::Datum::from(self.scratch.within(copy));
        self.legs.insert(id, FirstLeg { finding, columns });
    }

    /// Returns the first of those legs of an incident that were added.
    fn of(&self, alert: &IdentifiedIncident) -> Option<&FirstLeg> {
        alert.incident.legs.iter().find_map(|leg| self.legs.get(leg))
    }

    /// Returns whether the first of all legs of an incident is missing.
    fn lack(&self, alert: &IdentifiedIncident) -> bool {
        alert.incident.legs.first().is_some_and(|leg| !self.legs.contains_key(leg))
    }
}

impl IdentifiedIncident {
    /// The row of the alert.
    fn row(
        &self,
        inputs: &EvaluationInputs,
        first_leg: &FirstLeg,
        geoip_built_at: Option<Micros>,
    ) -> AlertRow<'_> {
        let template = inputs.message.as_deref();
        let context = AlertContext {
            rule: inputs.name.as_str().into(),
            message: template.map(Into::into),
            geoip_built_at,
            id: Some(self.id),
        };
        let row = alert_columns(&context, &self.incident, first_leg.columns.clone());
        let signal = row.get("signal").map(Value::to_string).unwrap_or_default();
        let message = template.and_then(|_| row.get("message")).and_then(Value::as_str).map(str::to_owned);
        AlertRow { alert: self, finding: first_leg.finding, signal, message }
    }
}

impl Writer<'_> {
    /// Writes the alerts of incidents and returns those that are news. `first_legs` are the first legs that this step
    /// evaluated.
    pub(super) fn write_alerts(
        &self,
        incidents: &Incidents,
        mut first_legs: FirstLegs,
    ) -> Result<Vec<RaisedAlert>, TravelError> {
        if incidents.identified.is_empty() {
            return Ok(Vec::new());
        }
        self.load_first_legs(incidents, &mut first_legs)?;
        let mut raised = Vec::new();
        let (mut new, mut grown) = (Vec::new(), Vec::new());
        for alert in &incidents.identified {
            pgrx::check_for_interrupts!();
            let Some(first) = first_legs.of(alert) else { continue };
            let row = alert.row(self.inputs, first, self.geoip_built_at);
            if alert.is_new || alert.reopened {
                raised.push(RaisedAlert { id: alert.id, severity: alert.incident.severity });
            }
            if alert.is_new { new.push(row) } else { grown.push(row) }
        }
        self.put_alerts(&insert_statement(), &new)?;
        self.put_alerts(&update_statement(), &grown)?;
        self.write_alert_legs(incidents);
        Ok(raised)
    }

    /// Adds the first legs of incidents that began in an earlier step. If such a leg was pruned, it adds all legs of
    /// the incident that are left, of which the alert shows the first.
    fn load_first_legs(&self, incidents: &Incidents, found: &mut FirstLegs) -> Result<(), TravelError> {
        let missing = incidents.identified.iter().filter(|alert| found.lack(alert));
        let first: Vec<&String> = missing.filter_map(|alert| alert.incident.legs.first()).collect();
        self.load_legs(incidents, &first, found)?;
        let pruned = incidents.identified.iter().filter(|alert| found.lack(alert));
        let others: Vec<&String> = pruned.flat_map(|alert| &alert.incident.legs).collect();
        self.load_legs(incidents, &others, found)
    }

    /// Adds stored verdicts by leg. A verdict that was pruned lives on in its alert.
    fn load_legs(
        &self,
        incidents: &Incidents,
        wanted: &[&String],
        found: &mut FirstLegs,
    ) -> Result<(), TravelError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let entities: Vec<&Arc<str>> =
            incidents.identified.iter().map(|alert| &alert.incident.entity).collect();
        let finding = |alias| {
            let columns = qualified(alias, &finding_names().collect::<Vec<_>>());
            format!("ROW ({columns})::travel.finding AS finding")
        };
        // Without the empty text, the planner would see that both rules are $1: see the description of `write`.
        let query = format!(
            "SELECT leg_id, pg_catalog.row_to_json(v)::text AS stored, from_time, to_time, {}
             FROM travel.verdicts AS v
             WHERE rule = $1 AND leg_id = ANY ($2)
             UNION ALL
             SELECT leg_id, pg_catalog.row_to_json(a)::text, from_time, to_time, {}
             FROM travel.alerts AS a
             WHERE rule = $1 AND entity = ANY ($3) AND leg_id = ANY ($2)
               AND NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE v.rule = a.rule || '' AND v.leg_id = a.leg_id)",
            finding("v"),
            finding("a"),
        );
        let rows = spi::select(
            &query,
            &[Argument::text(&self.inputs.name), Argument::texts(wanted), Argument::texts(&entities)],
        );
        spi::columns!(rows => leg_id, stored, from_time, to_time, finding);
        for row in rows.iter() {
            pgrx::check_for_interrupts!();
            let stored = row.text(stored)?.unwrap_or_default();
            let mut columns: RowColumns = serde_json::from_str(stored).map_err(|error| {
                ScanError::CheckpointUnreadable { rule: self.inputs.name.clone(), detail: error.to_string() }
            })?;
            // The signal has UTC, whatever time zone the session has.
            for (name, column) in [("from_time", from_time), ("to_time", to_time)] {
                columns.insert(name.to_owned(), json!(row.i64(column).map(utc)));
            }
            if let (Some(id), Some(finding)) = (row.string(leg_id)?, row.composite(finding)) {
                found.add(id, finding, columns);
            }
        }
        Ok(())
    }

    /// Runs a statement over alerts.
    fn put_alerts(&self, statement: &str, alerts: &[AlertRow]) -> Result<(), TravelError> {
        let scratch = Scratch::new(c"travel: alerts to write", 64 << 10);
        for rows in alerts.chunks(ROWS) {
            scratch.within(|| self.put_rows(statement, rows))?;
            scratch.reset();
        }
        Ok(())
    }

    fn put_rows(&self, statement: &str, rows: &[AlertRow]) -> Result<(), TravelError> {
        let incidents = || rows.iter().map(|row| &row.alert.incident);
        let times = |of: fn(&Incident) -> Micros| Argument::times(&incidents().map(of).collect::<Vec<_>>());
        let findings: Vec<pg_sys::Datum> = rows.iter().map(|row| row.finding).collect();
        let ids: Vec<i64> = rows.iter().map(|row| row.alert.id).collect();
        let severities: Vec<&str> = incidents().map(|incident| incident.severity.into_str()).collect();
        let counts: Vec<i64> = incidents().map(|incident| incident.legs.len() as i64).collect();
        let evidence: Vec<String> = incidents()
            .map(|incident| array_literal(incident.evidence.iter().map(|evidence| evidence.into_str())))
            .collect();
        let signals: Result<Vec<pg_sys::Datum>, String> =
            rows.iter().map(|row| jsonb::of_json(&row.signal)).collect();
        let signals = signals.map_err(|detail| ScanError::CheckpointUnwritable { detail })?;
        let messages: Vec<Option<&String>> = rows.iter().map(|row| row.message.as_ref()).collect();
        spi::execute(
            statement,
            &[
                Argument::text(&self.inputs.name),
                Argument::time(self.geoip_built_at),
                Argument::rows(finding_array()?, &findings),
                Argument::bigints(&ids),
                Argument::texts(&severities),
                times(|incident| incident.first_seen),
                times(|incident| incident.last_seen),
                Argument::bigints(&counts),
                Argument::texts(&evidence),
                Argument::jsonbs(&signals),
                Argument::optional_texts(&messages),
                Argument::booleans(rows.iter().map(|row| row.alert.reopened)),
                Argument::booleans(rows.iter().map(|row| row.alert.rule_deleted)),
            ],
        );
        Ok(())
    }

    /// Writes the legs of each alert that were evaluated in this step, and deletes those that it no longer has.
    fn write_alert_legs(&self, incidents: &Incidents) {
        let grown = || incidents.identified.iter().filter(|alert| !alert.is_new);
        let ids: Vec<i64> = grown().map(|alert| alert.id).collect();
        if !ids.is_empty() {
            let kept: Vec<String> = grown()
                .flat_map(|alert| alert.incident.legs.iter().map(|leg| format!("{} {leg}", alert.id)))
                .collect();
            // PostgreSQL puts the array into a hash table, whatever it expects of the table.
            spi::execute(
                "DELETE FROM travel_internal.alert_legs AS l
                 WHERE l.alert_id = ANY ($1) AND l.alert_id || ' ' || l.leg_id <> ALL ($2::text[])",
                &[Argument::bigints(&ids), Argument::texts(&kept)],
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

/// Returns the FROM clause with the arguments of a statement, and the columns of the alerts in this clause.
fn arguments() -> (String, Vec<String>) {
    let finding = finding_names().collect::<Vec<_>>().join(", ");
    let from = format!(
        "unnest($3::travel.finding[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::bigint[],
                $9::text[], $10::jsonb[], $11::text[], $12::boolean[], $13::boolean[])
             AS f ({finding}, id, severity, first_seen, last_seen, leg_count, evidence, signal, rule_message, reopened,
                   rule_deleted)"
    );
    let value = |column| match column {
        "severity" => "f.severity::travel.severity".to_owned(),
        "leg_count" => "f.leg_count::int".to_owned(),
        "evidence" => "f.evidence::text[]".to_owned(),
        "message" => "coalesce(f.rule_message, f.message)".to_owned(),
        column => format!("f.{column}"),
    };
    (from, columns().into_iter().map(value).collect())
}

fn insert_statement() -> String {
    let (from, values) = arguments();
    format!(
        "INSERT INTO travel.alerts (id, rule, geoip_built_at, {})
         SELECT f.id, $1, $2, {}
         FROM {from}
         ORDER BY f.id",
        columns().join(", "),
        values.join(", "),
    )
}

/// Updates the alerts that changed. It opens those that a new leg reopens, and takes back that others are withdrawn.
fn update_statement() -> String {
    let columns = columns();
    let (list, new, old) = (columns.join(", "), qualified("n", &columns), qualified("a", &columns));
    let (from, values) = arguments();
    let named: Vec<String> =
        values.iter().zip(&columns).map(|(value, column)| format!("{value} AS {column}")).collect();
    format!(
        "UPDATE travel.alerts AS a
         SET ({list}, status, reopened_at, archive_reason, archived_at, withdrawn_at, updated_at) = ROW ({new},
             CASE WHEN n.reopened THEN 'open' ELSE a.status END,
             CASE WHEN n.reopened THEN pg_catalog.now() ELSE a.reopened_at END,
             CASE WHEN NOT n.rule_deleted THEN a.archive_reason END,
             CASE WHEN NOT n.rule_deleted THEN a.archived_at END,
             NULL::timestamptz, pg_catalog.now())
         FROM (SELECT f.id, f.reopened, f.rule_deleted, {} FROM {from}) AS n
         WHERE a.id = n.id
           AND ({old}, a.withdrawn_at, false) IS DISTINCT FROM ({new}, NULL::timestamptz, n.reopened)",
        named.join(", "),
    )
}
