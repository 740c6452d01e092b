//! The rows of an entity in the source, evaluated or not, in order.

use super::Wanted;
use super::unread::Unread;
use crate::pg::errors::TravelError;
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{Argument, Cursor, Rows};
use crate::pg::types::Type;
use crate::rules::reader::{Read, Reader};
use crate::rules::source_columns::QueryColumn;
use crate::rules::source_queries::SourceQueries;
use pgrx::pg_sys;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use strum::{EnumString, IntoStaticStr};
use travel_core::columns::EventLabel;
use travel_core::rule::{EvaluatedEvent, Micros};
use travel_core::site::Site;

/// How a row is counted, as `travel.coverage` names it; the last two are of `travel.explain` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Status {
    Evaluated,
    Duplicate,
    FailedAuth,
    Service,
    Ignored,
    NotLocated,
    /// The condition of the rule excludes the row.
    Excluded,
    /// There is a verdict on a leg to an event that the source no longer has.
    Missing,
}

/// A row of the source.
pub struct EntityRow {
    pub time: Micros,
    pub address: Option<IpAddr>,
    pub event_id: Option<Arc<str>>,
    pub event_name: Option<Arc<str>>,
    pub status: Status,
    /// The kind of the source address, as `travel.source_kind` names it.
    pub source_kind: String,
    /// No scan has read the row yet.
    pub is_unread: bool,
    /// The row as an event, if it is located.
    pub event: Option<Box<EvaluatedEvent>>,
    /// The named network that decides the treatment of the address.
    pub network: Option<Arc<str>>,
}

/// The columns after those of every query over a source.
const COUNT: usize = QueryColumn::COUNT + 3;
const TYPES: [Type; COUNT] = {
    let mut types = [Type::Text; COUNT];
    let mut column = 0;
    while column < QueryColumn::COUNT {
        types[column] = QueryColumn::TYPES[column];
        column += 1;
    }
    types[QueryColumn::COUNT + 1] = Type::Bool;
    types
};

/// The rows of an entity, read in portions.
pub struct EntityRows<'q> {
    queries: &'q SourceQueries,
    owner: Role,
    /// `None`: every row was read.
    cursor: Option<Cursor>,
    /// Rows that were read but not asked for yet.
    waiting: Vec<EntityRow>,
}

impl<'q> EntityRows<'q> {
    pub fn open(wanted: &Wanted, queries: &'q SourceQueries, owner: Role, unread: &Unread) -> Self {
        let query = queries.rows_of_entity(wanted.since, wanted.until, &unread.sql);
        let arguments = [Argument::text(&wanted.entity)];
        let cursor = with_rights_of(owner, || queries.look_up(|| Cursor::open(&query, &arguments, false)));
        Self { queries, owner, cursor: Some(cursor), waiting: Vec::new() }
    }

    /// The next rows, up to a time, in the order of events. The rows of one event follow each other, and the one that
    /// represents it is the first.
    pub fn before(
        &mut self,
        end: Micros,
        portion: usize,
        reader: &mut Reader,
    ) -> Result<Vec<EntityRow>, TravelError> {
        while self.waiting.last().is_none_or(|row| row.time < end) {
            let Some(cursor) = &mut self.cursor else { break };
            let rows = with_rights_of(self.owner, || self.queries.look_up(|| cursor.fetch(portion)));
            if rows.is_empty()
                && let Some(cursor) = self.cursor.take()
            {
                cursor.close();
            }
            for row in 0..rows.len {
                self.waiting.extend(read(reader, &rows, row)?);
                pgrx::check_for_interrupts!();
            }
        }
        let rest = self.waiting.split_off(self.waiting.partition_point(|row| row.time < end));
        let mut rows = std::mem::replace(&mut self.waiting, rest);
        rows.sort_by_cached_key(|row| {
            let site = row.event.as_ref().map(|event| event.site).or(row.address.map(Site::from_address));
            (row.time, site.is_none(), site, row.event_id.is_none(), row.event_id.clone())
        });
        Ok(rows)
    }
}

/// `None`: the row has no time.
fn read(reader: &mut Reader, rows: &Rows, row: usize) -> Result<Option<EntityRow>, TravelError> {
    let columns = rows.columns(row, &TYPES)?;
    let (Some(row), [source_kind, is_unread, status]) =
        (columns.first_chunk(), [0, 1, 2].map(|at| columns[QueryColumn::COUNT + at]))
    else {
        return Ok(None);
    };
    let (time, event) = match reader.read_row(row)? {
        Read::Located(event) => (event.time, Some(event)),
        Read::NotLocated(time) => (time, None),
        Read::Nothing => return Ok(None),
    };
    // SAFETY: the columns are texts, as `columns` checked, and live as long as the rows.
    let text =
        |datum: Option<pg_sys::Datum>| datum.map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose();
    let address = Reader::host(row);
    let network = match (&event, address) {
        (Some(event), _) => event.details.network.clone(),
        (None, Some(address)) => reader.network(address, time)?,
        (None, None) => None,
    };
    let status = text(status)?.and_then(|status| Status::from_str(status).ok());
    Ok(Some(EntityRow {
        time,
        address,
        event_id: reader.label(row, EventLabel::EventId)?,
        event_name: reader.label(row, EventLabel::EventName)?,
        // An entity whose name is too long for the indexes of checkpoints is not evaluated.
        status: match status.unwrap_or(Status::NotLocated) {
            Status::Evaluated if event.is_none() => Status::NotLocated,
            status => status,
        },
        source_kind: text(source_kind)?.unwrap_or_default().to_owned(),
        is_unread: is_unread.is_some_and(|datum| datum.value() as u8 != 0),
        event,
        network,
    }))
}
