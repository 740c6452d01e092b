//! The rows of travel.verdicts.

use super::{ROWS, Writer, time};
use crate::pg::spi;
use crate::rules::definition::{text, texts};
use crate::rules::evaluation::EvaluationResults;
use travel_core::columns::finding_names;

/// So many verdicts are held until they are written.
pub const HELD: usize = ROWS;

/// Writes the verdicts that an results holds, so that it never holds many. To which alert they belong is said later.
/// Within an SPI connection.
pub fn put(results: &mut EvaluationResults) {
    let columns = ["raised", "reasons", "edition"].iter().copied().chain(finding_names()).collect::<Vec<_>>();
    let of =
        |table: &str| columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ");
    let statement = format!(
        "INSERT INTO travel.verdicts AS v
         SELECT * FROM pg_catalog.json_populate_recordset(NULL::travel.verdicts, $1::json)
         ON CONFLICT (rule, leg_id) DO UPDATE
         SET ({}, alert_id) = ROW ({}, CASE WHEN excluded.raised THEN v.alert_id END)
         WHERE ({}) IS DISTINCT FROM ({})",
        columns.join(", "),
        of("excluded"),
        of("v"),
        of("excluded"),
    );
    for rows in std::mem::take(&mut results.verdicts).chunks(ROWS) {
        spi::execute(&statement, &[text(&format!("[{}]", rows.join(",")))]);
    }
}

impl Writer<'_> {
    /// Those of legs that are none any more.
    pub(super) fn delete_verdicts(&self) {
        let Some([names, after]) = self.rescanned() else { return };
        let legs: Vec<&str> = self.results.legs.iter().map(String::as_str).collect();
        spi::execute(
            "WITH leg AS MATERIALIZED (SELECT unnest($4::text[]) AS id)
             DELETE FROM travel.verdicts AS v
             USING unnest($2::text[], $3::timestamptz[]) AS e (entity, evaluated_until)
             WHERE v.rule = $1 AND v.entity = e.entity AND v.to_time > e.evaluated_until AND v.to_time >= $5
               AND NOT EXISTS (SELECT FROM leg WHERE leg.id = v.leg_id)",
            &[text(&self.inputs.name), names, after, texts(&legs), time(self.inputs.pruned_before)],
        );
    }
}
