//! The rows of an entity in the source, evaluated or not, in order.

use super::Wanted;
use super::unread::Unread;
use crate::pg::errors::TravelError;
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::settings;
use crate::pg::spi::{Cursor, Rows};
use crate::pg::time::just_after;
use crate::pg::types::Type;
use crate::rules::minted_keys::{self, move_to_roots};
use crate::rules::reader::{LONGEST_NAME, Read, Reader};
use crate::rules::source_columns::QueryColumn;
use crate::rules::source_queries::SourceQueries;
use pgrx::pg_sys;
use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use strum::{EnumString, IntoStaticStr};
use travel_core::columns::EventLabel;
use travel_core::rule::{EvaluatedEvent, EventId, Micros};
use travel_core::site::Site;

/// How a row is counted, as `travel.coverage` names it; the last three are of `travel.explain` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Status {
    Evaluated,
    Duplicate,
    FailedAuth,
    Service,
    Ignored,
    NotLocated,
    /// The name of the entity is too long for the indexes of checkpoints.
    TooLong,
    /// The condition of the rule excludes the row.
    Excluded,
    /// There is a verdict on a leg to an event that the source no longer has.
    Missing,
}

/// A row of the source.
pub struct EntityRow {
    pub time: Micros,
    pub address: Option<IpAddr>,
    pub event_id: Option<EventId>,
    pub event_name: Option<Arc<str>>,
    pub status: Status,
    /// The kind of the source address, as `travel.source_kind` names it.
    pub source_kind: String,
    /// No scan has read the row yet, or any other row of the same event.
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
    wanted: &'q Wanted,
    queries: &'q SourceQueries,
    owner: Role,
    unread: &'q Unread,
    portion: usize,
    /// `None`: every row was read.
    cursor: Option<Cursor>,
    /// Rows that were read but not asked for yet, in order of time.
    waiting: Vec<EntityRow>,
}

impl<'q> EntityRows<'q> {
    /// The rows of the entity in its range of time. The queries are those over all rows.
    pub fn open(wanted: &'q Wanted, queries: &'q SourceQueries, owner: Role, unread: &'q Unread) -> Self {
        let portion = settings::scan_rows().div_ceil(10);
        let mut rows = Self { wanted, queries, owner, unread, portion, cursor: None, waiting: Vec::new() };
        rows.cursor = Some(rows.cursor(wanted.since, wanted.until));
        rows
    }

    /// Returns about one portion of the rows before a time, in the order of events, or `None` after the last one. Rows
    /// of the same time are always in one portion.
    pub fn next_before(
        &mut self,
        end: Micros,
        reader: &mut Reader,
    ) -> Result<Option<Vec<EntityRow>>, TravelError> {
        // Without a row of a later time, more rows of the last time may follow.
        while self.waiting.first().map(|row| row.time) == self.waiting.last().map(|row| row.time) {
            let Some(cursor) = &mut self.cursor else { break };
            let rows = with_rights_of(self.owner, || self.queries.look_up(|| cursor.fetch(self.portion)));
            if rows.is_empty()
                && let Some(cursor) = self.cursor.take()
            {
                cursor.close();
            }
            let waited_before = self.waiting.len();
            for row in 0..rows.len {
                self.waiting.extend(read(reader, &rows, row)?);
                pgrx::check_for_interrupts!();
            }
            if self.wanted.keys.is_some() {
                let new = &mut self.waiting[waited_before..];
                let events = || new.iter().filter_map(|row| row.event.as_deref());
                let keys: HashSet<&str> = events().map(|event| &*event.entity).collect();
                let roots = minted_keys::roots(&self.wanted.rule, &keys.into_iter().collect::<Vec<_>>())?;
                let events = new.iter_mut().filter_map(|row| row.event.as_deref_mut());
                move_to_roots(events, |key| roots.get(key));
            }
        }
        let end = match self.waiting.last() {
            Some(last) if self.cursor.is_some() => last.time.min(end),
            _ => end,
        };
        let rest = self.waiting.split_off(self.waiting.partition_point(|row| row.time < end));
        let rows = std::mem::replace(&mut self.waiting, rest);
        Ok((!rows.is_empty()).then(|| in_order(rows)))
    }

    /// Whether no scan has read the event at a time and a site yet.
    pub fn is_unread(&self, time: Micros, site: Site, reader: &mut Reader) -> Result<bool, TravelError> {
        let cursor = Some(self.cursor(Some(time), Some(just_after(time))));
        let mut rows = Self { cursor, waiting: Vec::new(), ..*self };
        let rows = rows.next_before(Micros::MAX, reader)?.unwrap_or_default();
        Ok(rows.iter().any(|row| row.evaluated_at() == Some((time, site)) && row.is_unread))
    }

    fn cursor(&self, since: Option<Micros>, until: Option<Micros>) -> Cursor {
        let query = self.queries.rows_of_entity(since, until, &self.unread.sql);
        let arguments = [self.wanted.keys()];
        with_rights_of(self.owner, || self.queries.look_up(|| Cursor::open(&query, &arguments, false)))
    }
}

impl EntityRow {
    /// The time and the site of the event, if the rule evaluates it.
    pub fn evaluated_at(&self) -> Option<(Micros, Site)> {
        let event = self.event.as_ref().filter(|_| self.status == Status::Evaluated)?;
        Some((event.time, event.site))
    }

    /// The site of the row, which can be one without a location. `None`: it has no address.
    pub fn site(&self) -> Option<Site> {
        self.event.as_ref().map(|event| event.site).or(self.address.map(Site::from_address))
    }
}

/// Puts rows in the order of events. The rows of one event follow each other, and the event is unread if all of them
/// are.
fn in_order(mut rows: Vec<EntityRow>) -> Vec<EntityRow> {
    rows.sort_by_cached_key(|row| {
        let site = row.site();
        (row.time, site.is_none(), site, row.event_id.is_none(), row.event_id.clone())
    });
    for rows in rows.chunk_by_mut(|a, b| (a.time, a.site()) == (b.time, b.site())) {
        let is_evaluated = |row: &EntityRow| row.status == Status::Evaluated;
        if rows.iter().any(|row| is_evaluated(row) && !row.is_unread) {
            rows.iter_mut().filter(|row| is_evaluated(row)).for_each(|row| row.is_unread = false);
        }
    }
    rows
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
    let is_too_long =
        text(row[QueryColumn::Entity.index()])?.is_some_and(|entity| entity.len() > LONGEST_NAME);
    let status = text(status)?.and_then(|status| Status::from_str(status).ok());
    Ok(Some(EntityRow {
        time,
        address,
        event_id: reader.event_id(row)?,
        event_name: reader.label(row, EventLabel::EventName)?,
        status: match status.unwrap_or(Status::NotLocated) {
            Status::Evaluated if event.is_none() && is_too_long => Status::TooLong,
            Status::Evaluated if event.is_none() => Status::NotLocated,
            status => status,
        },
        source_kind: text(source_kind)?.unwrap_or_default().to_owned(),
        is_unread: is_unread.is_some_and(|datum| datum.value() as u8 != 0),
        event,
        network,
    }))
}
