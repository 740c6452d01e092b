//! An events table into which the records of documents are inserted.

use super::REQUIRED;
use super::month::Months;
use super::partitions;
use crate::detect::{Source, base_type};
use crate::pg::errors::{EventsError, TravelError};
use crate::pg::identifier::quoted;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use std::borrow::Cow;
use travel_core::columns::{ColumnType, EVENT};

/// The longest text, in bytes, in an indexed column. PostgreSQL raises an error for longer keys, and the whole document
/// would be lost. Such texts in CloudTrail are far shorter.
pub const LONGEST_INDEXED: usize = 2000;

/// A table into which the records of documents are inserted.
pub struct Target<'s> {
    oid: pg_sys::Oid,
    insert: Cow<'s, str>,
}

impl<'s> Target<'s> {
    /// Opens a table that has the columns which every event needs. PostgreSQL checks the privileges when rows are
    /// inserted.
    pub fn open(oid: pg_sys::Oid) -> Result<Self, TravelError> {
        Ok(Self { oid, insert: insert_statement(&Source::look_at(oid)?)?.into() })
    }

    /// A table that was opened before, with its [`Target::statement`].
    pub fn opened(oid: pg_sys::Oid, statement: &'s str) -> Self {
        Self { oid, insert: statement.into() }
    }

    pub fn oid(&self) -> pg_sys::Oid {
        self.oid
    }

    /// The statement that inserts records, which are `$1`, a `jsonb[]`.
    pub fn statement(&self) -> &str {
        &self.insert
    }

    /// Inserts records, which are jsonb and have a time, and whose events are of these months. Returns how many rows
    /// were new. It makes the partitions that the months need.
    pub fn insert(&self, records: &[pg_sys::Datum], months: &Months) -> Result<u64, TravelError> {
        partitions::ensure(self.oid, months)?;
        let records = Argument::jsonbs(records);
        Ok(spi::connected(|| spi::execute_kept(&self.insert, &[records])))
    }
}

/// The statement that inserts records. It fills the columns of `travel.event` that the table has, and
/// `record` if the table has it.
fn insert_statement(target: &Source) -> Result<String, TravelError> {
    let name = &target.name;
    let has = |wanted: &str| target.column(wanted).is_some();
    for required in REQUIRED {
        if !has(required) {
            return Err(EventsError::NotAnEventsTable { name: name.clone(), column: required }.into());
        }
    }
    let mut into: Vec<&str> = EVENT.iter().map(|column| column.name).filter(|column| has(column)).collect();
    let mut select: Vec<String> = into.iter().map(|column| format!("e.{column}")).collect();
    let generated = into.iter().filter_map(|name| target.column(name)).find(|column| column.is_generated);
    if let Some(column) = generated {
        return Err(EventsError::GeneratedColumn { table: name.clone(), column: quoted(&column.name) }.into());
    }
    // A record without an id gets its digest as the id, so it is recognized as a duplicate.
    let id = "coalesce(e.event_id, 'sha256:' || pg_catalog.encode(pg_catalog.sha256(\
              pg_catalog.convert_to(e.record::pg_catalog.text, 'UTF8')), 'hex'))";
    for (column, value) in into.iter().zip(&mut select) {
        if *column == "event_id" {
            id.clone_into(value);
        }
        // Detection reads such a column as UTC. PostgreSQL would convert the time to the time zone of the session.
        if target.column(column).is_some_and(|column| base_type(column.oid) == pg_sys::TIMESTAMPOID) {
            *value = format!("({value} AT TIME ZONE 'UTC')");
        }
    }
    if has("record") {
        into.push("record");
        select.push("e.record".to_owned());
    }
    // Qualified, because the search_path of the caller may contain other types with these names.
    let columns: Vec<String> = EVENT
        .iter()
        .map(|column| match column.column_type {
            ColumnType::Boolean => format!("{} pg_catalog.bool", column.name),
            other => format!("{} pg_catalog.{}", column.name, other.into_str()),
        })
        .collect();
    Ok(format!(
        "INSERT INTO {name} ({}) SELECT {} FROM travel_internal.parsed_records($1) AS e ({}, record pg_catalog.jsonb) \
         ON CONFLICT DO NOTHING",
        into.join(", "),
        select.join(", "),
        columns.join(", "),
    ))
}
