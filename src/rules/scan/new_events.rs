//! Reads the new rows of a rule's source as events.

use super::ScanStep;
use super::coverage::Counted;
use crate::pg::errors::TravelError;
use crate::pg::role::with_rights_of;
use crate::pg::spi;
use crate::pg::time::clock_now;
use crate::rules::reader::{Read, Reader};
use crate::rules::source_queries::NewRows;
use travel_core::rule::{EvaluatedEvent, Micros, Treatment};

/// The next events of a pass.
pub(super) struct NewEvents {
    pub events: Vec<EvaluatedEvent>,
    /// The time of the last row, located or not.
    pub last: Option<Micros>,
    /// The pass has no rows after these.
    pub is_end: bool,
}

impl ScanStep {
    /// Reads the next events, and counts what it read.
    pub(super) fn read_new_events(&mut self, reader: &mut Reader) -> Result<NewEvents, TravelError> {
        let new = NewRows {
            arrived: self.progress.condition(&self.queries, &own_xid()?),
            after: self.progress.after(&self.definition, &self.queries),
            limit: self.sizes.batch,
            is_small: self.progress.is_small(),
        };
        let query = self.queries.new_rows(&new);
        let rows = with_rights_of(self.owner, || self.queries.by_arrival(&new, || spi::select(&query, &[])));
        let mut events = Vec::new();
        let (mut last, now) = (None, clock_now());
        for row in 0..rows.len {
            match reader.read(&rows, row)? {
                Read::Located(event) => {
                    last = Some(event.time);
                    let is_ignored = event.treatment == Some(Treatment::Ignore);
                    self.days.count(event.time, if is_ignored { Counted::Ignored } else { Counted::Located });
                    events.push(*event);
                    self.counts.located += 1;
                }
                Read::NotLocated(time) => {
                    last = Some(time);
                    self.days.count(time, Counted::NotLocated(reader.why_not_located(&rows, row)?));
                }
                Read::Nothing => {}
            }
            self.counts.newest_past = last.filter(|time| *time <= now).or(self.counts.newest_past);
            pgrx::check_for_interrupts!();
        }
        self.counts.events = rows.len as u64;
        self.counts.newest = last;
        Ok(NewEvents { events, last, is_end: rows.len < self.sizes.batch })
    }
}

/// The id of the present transaction.
pub(super) fn own_xid() -> Result<String, TravelError> {
    Ok(spi::select_text("SELECT pg_catalog.pg_current_xact_id()::text", &[])?.unwrap_or_default())
}
