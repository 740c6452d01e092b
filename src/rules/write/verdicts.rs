//! The rows of `travel.verdicts`. Each verdict is written once: one that raises a leg when its alert is known, any
//! other as soon as many have gathered.

use super::alerts::FirstLegs;
use super::incidents::Incidents;
use super::portion::Portion;
use super::{ROWS, Writer, array_literal, qualified};
use crate::pg::errors::TravelError;
use crate::pg::memory::Scratch;
use crate::pg::row::RowType;
use crate::pg::spi::{self, Argument};
use crate::rules::evaluation::{EvaluationInputs, EvaluationResults, UnwrittenVerdict};
use crate::rules::verdict_columns::{finding_array, finding_type, finding_types};
use pgrx::pg_sys;
use std::collections::HashMap;
use travel_core::columns::finding_names;

/// How many raised legs keep their verdicts until their alerts are known. Beyond that, memory matters more than a
/// second write.
const MAX_UNWRITTEN: usize = 4 * ROWS;

/// Writes verdicts while events are still being evaluated, if many have gathered, to bound the memory that a history of
/// any length takes. Within an SPI connection.
pub fn write_if_many(inputs: &EvaluationInputs, results: &mut EvaluationResults) -> Result<(), TravelError> {
    if results.not_raised.len() >= ROWS {
        write_not_raised(inputs, results)?;
    }
    if results.raised_to_write >= MAX_UNWRITTEN {
        write_raised(inputs, results, &HashMap::new(), |_, _, _| {})?;
    }
    Ok(())
}

/// Writes the verdicts on legs that were not raised.
fn write_not_raised(inputs: &EvaluationInputs, results: &mut EvaluationResults) -> Result<(), TravelError> {
    let mut writing = Writing::begin(inputs)?;
    for verdict in std::mem::take(&mut results.not_raised) {
        pgrx::check_for_interrupts!();
        let finding = writing.finding(&verdict)?;
        writing.add(&verdict, finding, None);
    }
    writing.end();
    Ok(())
}

/// Writes the verdicts that raise legs, each with its alert. Passes each verdict to `see`, with its finding as a value
/// of `travel.finding`.
fn write_raised(
    inputs: &EvaluationInputs,
    results: &mut EvaluationResults,
    alerts: &HashMap<&str, i64>,
    mut see: impl FnMut(&str, &UnwrittenVerdict, pg_sys::Datum),
) -> Result<(), TravelError> {
    let EvaluationResults { leg_ids, raised, .. } = results;
    let mut writing = Writing::begin(inputs)?;
    for id in leg_ids.iter() {
        pgrx::check_for_interrupts!();
        let Some(verdict) = raised.get_mut(id).and_then(|leg| leg.verdict.take()) else { continue };
        let finding = writing.finding(&verdict)?;
        see(id, &verdict, finding);
        writing.add(&verdict, finding, alerts.get(id.as_str()).copied());
    }
    writing.end();
    results.raised_to_write = 0;
    Ok(())
}

/// A row of `travel.verdicts`.
struct VerdictRow {
    /// The columns of `travel.finding`, as a value of that type in the scratch memory.
    finding: pg_sys::Datum,
    is_raised: bool,
    alert: Option<i64>,
    /// The values of columns that are arrays, as PostgreSQL reads them.
    reasons: String,
    suppressions: String,
    networks: String,
}

/// Verdicts that are being written, a portion at a time.
struct Writing<'w> {
    inputs: &'w EvaluationInputs,
    statement: String,
    row_type: RowType,
    array_type: pg_sys::Oid,
    portion: Portion<VerdictRow>,
    /// The rows of a portion and the arguments of the statement. A step writes any number of verdicts before its SPI
    /// connection ends, which would free them.
    scratch: Scratch,
    /// The row type.
    _types: Scratch,
}

impl<'w> Writing<'w> {
    fn begin(inputs: &'w EvaluationInputs) -> Result<Self, TravelError> {
        let types = Scratch::new(c"travel: the type of findings", 16 << 10);
        let (finding, array_type) = (finding_type()?, finding_array()?);
        // SAFETY: the context of the row type lives as long as this value.
        let row_type = unsafe {
            types.within(|| RowType::load(finding, finding_types(), pg_sys::CurrentMemoryContext))?
        };
        let scratch = Scratch::new(c"travel: verdicts to write", 64 << 10);
        let (statement, portion) = (statement(), Portion::default());
        Ok(Self { inputs, statement, row_type, array_type, portion, scratch, _types: types })
    }

    /// Returns the finding of a verdict. It is valid until the verdict is added.
    fn finding(&self, verdict: &UnwrittenVerdict) -> Result<pg_sys::Datum, TravelError> {
        self.scratch.within(|| verdict.finding().row(self.row_type))
    }

    fn add(&mut self, verdict: &UnwrittenVerdict, finding: pg_sys::Datum, alert: Option<i64>) {
        let row = VerdictRow {
            finding,
            is_raised: verdict.reasons.is_empty(),
            alert,
            reasons: array_literal(verdict.reasons.iter().map(|reason| reason.into_str())),
            suppressions: array_literal(verdict.suppressions.iter().map(i64::to_string)),
            networks: array_literal(verdict.networks.iter()),
        };
        // SAFETY: the value was made as one of variable length.
        let size = unsafe { pgrx::varlena::varsize_any(finding.cast_mut_ptr()) };
        if let Some(rows) = self.portion.push(row, size) {
            self.write(&rows);
        }
    }

    fn end(mut self) {
        if let Some(rows) = self.portion.rest() {
            self.write(&rows);
        }
    }

    fn write(&self, rows: &[VerdictRow]) {
        let texts =
            |of: fn(&VerdictRow) -> &String| Argument::texts(&rows.iter().map(of).collect::<Vec<&String>>());
        self.scratch.within(|| {
            let findings: Vec<pg_sys::Datum> = rows.iter().map(|row| row.finding).collect();
            spi::execute(
                &self.statement,
                &[
                    Argument::text(&self.inputs.name),
                    Argument::bigint(self.inputs.edition),
                    Argument::rows(self.array_type, &findings),
                    Argument::booleans(rows.iter().map(|row| row.is_raised)),
                    Argument::optional_bigints(rows.iter().map(|row| row.alert)),
                    texts(|row| &row.reasons),
                    texts(|row| &row.suppressions),
                    texts(|row| &row.networks),
                ],
            );
        });
        self.scratch.reset();
    }
}

/// The statement that inserts rows, or updates those that changed. A verdict that raises a leg and comes without an alert
/// keeps the one that it has.
fn statement() -> String {
    let findings = finding_names().collect::<Vec<_>>();
    let columns: Vec<&str> = ["raised", "reasons", "edition", "suppression_ids", "network_names"]
        .into_iter()
        .chain(finding_names())
        .collect();
    let (found, new) = (findings.join(", "), qualified("n", &findings));
    let (list, new_row, old) =
        (columns.join(", "), qualified("excluded", &columns), qualified("v", &columns));
    let alert = "CASE WHEN excluded.raised THEN coalesce(excluded.alert_id, v.alert_id) END";
    format!(
        "INSERT INTO travel.verdicts AS v
             (rule, edition, raised, alert_id, reasons, suppression_ids, network_names, {found})
         SELECT $1, $2, n.raised, n.alert_id, n.reasons::text[], n.suppression_ids::bigint[], n.network_names::text[],
                {new}
         FROM unnest($3::travel.finding[], $4::boolean[], $5::bigint[], $6::text[], $7::text[], $8::text[])
             AS n ({found}, raised, alert_id, reasons, suppression_ids, network_names)
         ON CONFLICT (rule, leg_id) DO UPDATE
         SET ({list}, alert_id) = ROW ({new_row}, {alert})
         WHERE ({old}, v.alert_id) IS DISTINCT FROM ({new_row}, {alert})"
    )
}

impl Writer<'_> {
    /// Writes the verdicts that are not written yet. The result is the rows of those that are the first legs of
    /// incidents.
    pub(super) fn write_verdicts(&mut self, incidents: &Incidents) -> Result<FirstLegs, TravelError> {
        write_not_raised(self.inputs, &mut self.results)?;
        self.link_stored_verdicts(incidents);
        let alerts: HashMap<&str, i64> = incidents.legs().map(|(alert, leg)| (leg, alert)).collect();
        let first_legs = incidents.first_legs();
        let mut found = FirstLegs::new();
        write_raised(self.inputs, &mut self.results, &alerts, |id, verdict, finding| {
            if first_legs.contains(id) {
                found.add(id.to_owned(), finding, verdict.finding().columns().collect());
            }
        })?;
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
                 FROM (
                     SELECT $1 AS rule, n.* FROM unnest($2::bigint[], $3::text[]) AS n (alert_id, leg_id) OFFSET 0
                 ) AS l
                 WHERE v.rule = l.rule AND v.leg_id = l.leg_id AND v.alert_id IS DISTINCT FROM l.alert_id",
                &[Argument::text(&self.inputs.name), Argument::bigints(&alerts), Argument::texts(&legs)],
            );
        }
    }

    /// Deletes the verdicts on legs that no longer exist, of entities that were evaluated again.
    pub(super) fn delete_verdicts(&self) {
        let Some([names, after]) = self.reevaluated() else { return };
        spi::execute(
            "DELETE FROM travel.verdicts AS v
             USING (
                 SELECT $1 AS rule, n.*
                 FROM unnest($2::text[], $3::timestamptz[]) AS n (entity, evaluated_until) OFFSET 0
             ) AS e
             WHERE v.rule = e.rule AND v.entity = e.entity AND v.to_time > e.evaluated_until AND v.to_time >= $5
               AND v.leg_id <> ALL ($4::text[])",
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
