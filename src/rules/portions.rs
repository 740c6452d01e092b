//! Reads the events of a query over a rule's source in portions, with the rights of the rule's owner.

use super::reader::{Read, Reader};
use super::source_queries::SourceQueries;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, Argument, Cursor, Rows};
use travel_core::rule::EvaluatedEvent;

/// A query over a rule's source that returns rows in order of time, and how it is run.
pub struct Reading<'q> {
    pub queries: &'q SourceQueries,
    /// The rule's owner.
    pub owner: Role,
    pub query: String,
    pub arguments: Vec<Argument>,
    /// The query reads the histories of members, by indexes if there are any. Otherwise it reads a large part of the
    /// source.
    pub is_look_up: bool,
    /// The query sees what the running statement sees. Otherwise it also sees what was committed or done since then.
    pub of_statement: bool,
    /// How many rows are fetched at once.
    pub portion: usize,
    /// With lineage, how events of minted keys become events of their roots. `None` without lineage.
    pub resolve: Option<&'q Resolve<'q>>,
}

/// Makes events of minted keys events of their roots. It may drop events that the query found by their own keys alone.
pub type Resolve<'r> = dyn Fn(&mut Vec<EvaluatedEvent>) -> Result<(), TravelError> + 'r;

/// How many rows a query returned, and how many of them were located events.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowCounts {
    pub rows: u64,
    pub located: u64,
}

impl Reading<'_> {
    /// Passes all events to `each`, in portions none of which ends between two events of the same time. So a history of
    /// any length takes bounded memory. Within an SPI connection.
    pub fn each_portion(
        &self,
        reader: &mut Reader,
        mut each: impl FnMut(&[EvaluatedEvent]) -> Result<(), TravelError>,
    ) -> Result<RowCounts, TravelError> {
        let mut counts = RowCounts::default();
        let mut cursor = None;
        self.as_owner(&mut || {
            cursor = Some(Cursor::open(&self.query, &self.arguments, self.of_statement));
            None
        });
        let Some(mut cursor) = cursor else { return Ok(counts) };
        let mut events: Vec<EvaluatedEvent> = Vec::new();
        while let Some(rows) =
            self.as_owner(&mut || Some(cursor.fetch(self.portion))).filter(|rows| !rows.is_empty())
        {
            counts.rows += rows.len as u64;
            let read_before = events.len();
            for row in 0..rows.len {
                if let Read::Located(event) = reader.read(&rows, row)? {
                    counts.located += 1;
                    events.push(*event);
                }
                pgrx::check_for_interrupts!();
            }
            if let Some(resolve) = self.resolve {
                let mut read = events.split_off(read_before);
                resolve(&mut read)?;
                events.append(&mut read);
            }
            if let Some(last) = events.last().map(|event| event.time) {
                let rest = events.split_off(events.partition_point(|event| event.time < last));
                each(&events)?;
                events = rest;
            }
        }
        cursor.close();
        each(&events)?;
        Ok(counts)
    }

    fn as_owner(&self, body: &mut dyn FnMut() -> Option<Rows>) -> Option<Rows> {
        with_rights_of(self.owner, || {
            if self.is_look_up {
                self.queries.look_up(body)
            } else {
                spi::with_settings(&spi::ALL_ROWS, body)
            }
        })
    }
}
