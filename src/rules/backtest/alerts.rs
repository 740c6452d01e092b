//! The alerts that a dry run would raise, as rows of `travel.alerts`.

use crate::pg::errors::TravelError;
use crate::pg::memory::{Scratch, varlena};
use crate::pg::spi::{self, Argument};
use crate::pg::srf::RowSet;
use crate::rules::alert_columns::{AlertContext, alert_columns};
use crate::rules::verdict_columns::RowColumns;
use pgrx::pg_sys;
use serde_json::{Value, json};
use std::sync::Arc;
use travel_core::rule::{Incident, Micros};

/// How many alerts one statement converts to rows.
const ROWS: usize = 1000;

/// Alerts that are not stored, as JSON in memory of PostgreSQL.
pub struct AlertRows<'a> {
    context: AlertContext<'a>,
    scratch: Scratch,
    rows: Vec<Row>,
}

struct Row {
    first_seen: Micros,
    entity: Arc<str>,
    /// A text in the scratch memory.
    json: pg_sys::Datum,
}

impl<'a> AlertRows<'a> {
    pub fn new(context: AlertContext<'a>) -> Self {
        Self { context, scratch: Scratch::new(c"travel: alerts of a backtest", 64 * 1024), rows: Vec::new() }
    }

    pub fn push(&mut self, incident: &Incident, first_leg: RowColumns) {
        let mut columns = alert_columns(&self.context, incident, first_leg);
        columns.insert("status".to_owned(), json!("open"));
        columns.insert("severity_rank".to_owned(), json!(incident.severity as usize + 1));
        let text = Value::from(columns).to_string();
        let json = self.scratch.within(|| varlena(text.as_bytes()));
        self.rows.push(Row { first_seen: incident.first_seen, entity: incident.entity.clone(), json });
    }

    /// Adds the alerts to a set, in order of time. Within an SPI connection.
    pub fn write_into(mut self, rows: &mut RowSet) -> Result<(), TravelError> {
        self.rows.sort_by(|a, b| (a.first_seen, &a.entity).cmp(&(b.first_seen, &b.entity)));
        for alerts in self.rows.chunks(ROWS) {
            let texts: Vec<pg_sys::Datum> = alerts.iter().map(|alert| alert.json).collect();
            spi::select(
                "SELECT a.*
                 FROM unnest($1) WITH ORDINALITY AS t (alert, n)
                 CROSS JOIN LATERAL pg_catalog.json_populate_record(NULL::travel.alerts, alert::json) AS a
                 ORDER BY n",
                &[Argument::text_datums(&texts)],
            )
            .push_into(rows)?;
            pgrx::check_for_interrupts!();
        }
        Ok(())
    }
}
