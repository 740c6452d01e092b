//! Reads the new rows of a rule's source as events.

use super::ScanStep;
use super::coverage::Counted;
use crate::pg::errors::TravelError;
use crate::pg::role::with_rights_of;
use crate::pg::spi;
use crate::pg::time::clock_now;
use crate::pg::types::Type;
use crate::rules::reader::Reader;
use crate::rules::source_columns::QueryColumn;
use crate::rules::source_queries::NewRows;
use pgrx::pg_sys;
use travel_core::rule::{EvaluatedEvent, Micros, Treatment};

/// The columns of every query over a source, and whether the next pass reads the row again.
pub(super) const TYPES: [Type; QueryColumn::COUNT + 1] = {
    let mut types = [Type::Bool; QueryColumn::COUNT + 1];
    let mut column = 0;
    while column < QueryColumn::COUNT {
        types[column] = QueryColumn::TYPES[column];
        column += 1;
    }
    types
};

/// A row of a query for new rows.
pub(super) type NewRowDatums = [Option<pg_sys::Datum>; TYPES.len()];

/// The next events of a pass.
pub(super) struct NewEvents {
    pub events: Vec<EvaluatedEvent>,
    /// The time of the last row, located or not.
    pub last: Option<Micros>,
    /// The pass has no rows after these.
    pub is_end: bool,
    /// Which rows these are.
    pub rows: NewRows,
}

impl ScanStep {
    /// Reads the next events, and counts what it read.
    pub(super) fn read_new_events(&mut self, reader: &mut Reader) -> Result<NewEvents, TravelError> {
        let own_xid = own_xid()?;
        let new = NewRows {
            arrived: self.progress.condition(&self.queries, &own_xid),
            read_again: self.progress.read_again(&self.queries, &own_xid),
            after: self.progress.after(&self.definition, &self.queries),
            limit: self.sizes.batch,
            is_small: self.progress.is_small(),
        };
        let query = self.queries.new_rows(&new);
        let rows = with_rights_of(self.owner, || self.queries.by_arrival(&new, || spi::select(&query, &[])));
        let mut events = Vec::new();
        let (mut last, now) = (None, clock_now());
        for row in 0..rows.len {
            if let Some((time, counted, is_read_again, event)) =
                read_row(&rows.columns(row, &TYPES)?, reader)?
            {
                last = Some(time);
                self.days.count(time, counted, is_read_again);
                self.counts.located += u64::from(event.is_some());
                events.extend(event);
            }
            self.counts.newest_past = last.filter(|time| *time <= now).or(self.counts.newest_past);
            pgrx::check_for_interrupts!();
        }
        self.counts.events = rows.len as u64;
        self.counts.newest = last;
        Ok(NewEvents { events, last, is_end: rows.len < self.sizes.batch, rows: new })
    }
}

/// A row of a query for new rows: its time, what became of it, whether the next pass reads it again, and the event if it
/// is located.
pub(super) type NewRow = (Micros, Counted, Option<bool>, Option<EvaluatedEvent>);

/// Reads a row of a query for new rows. `None` if it has no time.
pub(super) fn read_row(columns: &NewRowDatums, reader: &mut Reader) -> Result<Option<NewRow>, TravelError> {
    let Some(row) = columns.first_chunk() else { return Ok(None) };
    let is_read_again = columns[QueryColumn::COUNT].map(|truth| truth.value() as u8 != 0);
    let Some((time, event)) = reader.event(row)? else { return Ok(None) };
    let counted = match event.as_ref().map(|event| event.treatment) {
        Some(Some(Treatment::Ignore)) => Counted::Ignored,
        Some(_) => Counted::Located,
        None => Counted::NotLocated(reader.why_not_located(row)?),
    };
    Ok(Some((time, counted, is_read_again, event)))
}

/// The id of the present transaction.
pub(super) fn own_xid() -> Result<String, TravelError> {
    Ok(spi::select_text("SELECT pg_catalog.pg_current_xact_id()::text", &[])?.unwrap_or_default())
}
