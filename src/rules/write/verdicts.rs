//! The rows of `travel.verdicts`. Each verdict is written once: one that raises a leg when its alert is known, any
//! other as soon as many have gathered.

use super::incidents::Incidents;
use super::{ROWS, Writer, qualified};
use crate::pg::errors::TravelError;
use crate::pg::memory::Scratch;
use crate::pg::spi::{self, Argument};
use crate::rules::evaluation::{EvaluationInputs, EvaluationResults};
use crate::rules::verdict_columns::RowColumns;
use serde_json::Value;
use std::collections::HashMap;
use travel_core::columns::finding_names;

/// How many raised legs keep their verdicts until their alerts are known. Beyond that, memory matters more than a
/// second write.
const MAX_UNWRITTEN: usize = 4 * ROWS;

/// Writes verdicts while events are still being evaluated, if many have gathered, to bound the memory that a history of
/// any length takes. Within an SPI connection.
pub fn write_if_many(inputs: &EvaluationInputs, results: &mut EvaluationResults) {
    if results.not_raised.len() >= ROWS {
        write_rows(&std::mem::take(&mut results.not_raised));
    }
    if results.raised_to_write >= MAX_UNWRITTEN {
        write_raised(inputs, results, &HashMap::new(), |_, _| {});
    }
}

/// Writes the verdicts that raise legs, each with its alert, and shows each row to `see`.
fn write_raised(
    inputs: &EvaluationInputs,
    results: &mut EvaluationResults,
    alerts: &HashMap<&str, i64>,
    mut see: impl FnMut(&str, RowColumns),
) {
    let EvaluationResults { leg_ids, raised, .. } = results;
    let mut rows = Vec::new();
    for id in leg_ids.iter() {
        let Some(leg) = raised.get_mut(id) else { continue };
        let Some(verdict) = leg.verdict.take() else { continue };
        let mut columns = verdict.columns(inputs, id, leg);
        columns.insert("alert_id".to_owned(), alerts.get(id.as_str()).copied().into());
        let row = Value::from(columns);
        rows.push(row.to_string());
        if let Value::Object(columns) = row {
            see(id, columns);
        }
        if rows.len() == ROWS {
            write_rows(&std::mem::take(&mut rows));
        }
    }
    write_rows(&rows);
    results.raised_to_write = 0;
}

/// Inserts rows, given as JSON, or updates those that changed. A verdict that raises a leg and comes without an alert
/// keeps the one that it has.
fn write_rows(rows: &[String]) {
    let columns: Vec<&str> = ["raised", "reasons", "edition", "suppression_ids", "network_names"]
        .into_iter()
        .chain(finding_names())
        .collect();
    let (list, new, old) = (columns.join(", "), qualified("excluded", &columns), qualified("v", &columns));
    let alert = "CASE WHEN excluded.raised THEN coalesce(excluded.alert_id, v.alert_id) END";
    let statement = format!(
        "INSERT INTO travel.verdicts AS v
         SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel.verdicts, $1::json)
         ON CONFLICT (rule, leg_id) DO UPDATE
         SET ({list}, alert_id) = ROW ({new}, {alert})
         WHERE ({old}, v.alert_id) IS DISTINCT FROM ({new}, {alert})"
    );
    // A step writes any number of verdicts before its SPI connection ends, which would free the arguments.
    let scratch = Scratch::new(c"travel: verdicts to write", 8 << 10);
    for rows in rows.chunks(ROWS) {
        scratch.within(|| spi::execute(&statement, &[Argument::text(&format!("[{}]", rows.join(",")))]));
        scratch.reset();
    }
}

impl Writer<'_> {
    /// Writes the verdicts that are not written yet. The result is the rows of those that are the first legs of
    /// incidents.
    pub(super) fn write_verdicts(
        &mut self,
        incidents: &Incidents,
    ) -> Result<HashMap<String, RowColumns>, TravelError> {
        write_rows(&std::mem::take(&mut self.results.not_raised));
        self.link_stored_verdicts(incidents);
        let alerts: HashMap<&str, i64> = incidents.legs().map(|(alert, leg)| (leg, alert)).collect();
        let first_legs = incidents.first_legs();
        let mut found = HashMap::with_capacity(first_legs.len());
        write_raised(self.inputs, &mut self.results, &alerts, |id, columns| {
            if first_legs.contains(id) {
                found.insert(id.to_owned(), columns);
            }
        });
        Ok(found)
    }

    /// Links verdicts that were written before to the alerts of their incidents: by an earlier step, or by this one
    /// when many had gathered.
    fn link_stored_verdicts(&self, incidents: &Incidents) {
        let is_stored = |id: &str| self.results.raised.get(id).is_none_or(|leg| leg.verdict.is_none());
        let stored: Vec<(i64, &str)> = incidents.legs().filter(|(_, leg)| is_stored(leg)).collect();
        for portion in stored.chunks(20 * ROWS) {
            let (alerts, legs): (Vec<i64>, Vec<&str>) = portion.iter().copied().unzip();
            spi::execute(
                "UPDATE travel.verdicts AS v
                 SET alert_id = l.alert_id
                 FROM unnest($2::bigint[], $3::text[]) AS l (alert_id, leg_id)
                 WHERE v.rule = $1 AND v.leg_id = l.leg_id AND v.alert_id IS DISTINCT FROM l.alert_id",
                &[Argument::text(&self.inputs.name), Argument::bigints(&alerts), Argument::texts(&legs)],
            );
        }
    }

    /// Deletes the verdicts on legs that no longer exist, of entities that were evaluated again.
    pub(super) fn delete_verdicts(&self) {
        let Some([names, after]) = self.reevaluated() else { return };
        spi::execute(
            "WITH leg AS MATERIALIZED (SELECT unnest($4::text[]) AS id)
             DELETE FROM travel.verdicts AS v
             USING unnest($2::text[], $3::timestamptz[]) AS e (entity, evaluated_until)
             WHERE v.rule = $1 AND v.entity = e.entity AND v.to_time > e.evaluated_until AND v.to_time >= $5
               AND NOT EXISTS (SELECT FROM leg WHERE leg.id = v.leg_id)",
            &[
                Argument::text(&self.inputs.name),
                names,
                after,
                Argument::texts(&self.results.leg_ids),
                Argument::time(self.inputs.pruned_before),
            ],
        );
    }
}
