//! An events table into which the records of documents are inserted.

use super::month::Months;
use super::partitions;
use super::{DISTRIBUTION_COLUMNS, REQUIRED};
use crate::detect::{Source, base_type};
use crate::pg::attempt::attempt_expecting;
use crate::pg::citus;
use crate::pg::errors::{EventsError, TravelError};
use crate::pg::identifier::quoted;
use crate::pg::spi::{self, Argument};
use crate::source::is_textual;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::borrow::Cow;
use std::cell::Cell;
use travel_core::columns::{ColumnType, EVENT};

/// The longest text, in bytes, in an indexed column. PostgreSQL raises an error for longer keys, and the whole document
/// would be lost. Such texts in CloudTrail are far shorter.
pub const LONGEST_INDEXED: usize = 2000;

/// The end of the statement that inserts records. With it, PostgreSQL checks for each event whether the table has it.
const UNLESS_PRESENT: &str = " ON CONFLICT DO NOTHING";

/// The beginning and the end of the statement for a table that Citus manages, which counts the new rows itself: Citus
/// reports the rows that it sent to other nodes instead.
const COUNTED: (&str, &str) =
    ("WITH new AS (", " RETURNING 1) SELECT pg_catalog.count(*) AS inserted FROM new");

/// How many statements run without this check for a file, at most. Each is a subtransaction, and other sessions become
/// slower if a transaction has more than 64.
const MOST_ATTEMPTS: u32 = 50;

/// After a file with events that the table already had, this session loads as many files with the check.
const CHECKED_FILES: u32 = 100;

thread_local! {
    /// How many of these files are left.
    static CHECKED_LEFT: Cell<u32> = const { Cell::new(0) };
}

/// A table into which the records of documents are inserted.
pub struct Target<'s> {
    oid: pg_sys::Oid,
    insert: Cow<'s, str>,
    has_triggers: bool,
    /// How many statements may still run without the check.
    attempts: Cell<u32>,
}

impl<'s> Target<'s> {
    /// Opens a table that has the columns which every event needs. PostgreSQL checks the privileges when rows are
    /// inserted.
    pub fn open(oid: pg_sys::Oid) -> Result<Self, TravelError> {
        let table = Source::look_at(oid)?;
        Ok(Self {
            oid,
            insert: insert_statement(&table)?.into(),
            has_triggers: table.has_triggers,
            attempts: Cell::new(0),
        })
    }

    /// Expects that the table has none of the events of a file. PostgreSQL then inserts them without the check, which takes
    /// about a tenth less time. A statement that finds an event in the table is rolled back and runs again with the check.
    /// Triggers would run twice, so a table that has some gets every statement with the check.
    pub fn expecting_new(self) -> Self {
        let left = CHECKED_LEFT.get();
        CHECKED_LEFT.set(left.saturating_sub(1));
        self.attempts.set(if left == 0 && !self.has_triggers { MOST_ATTEMPTS } else { 0 });
        self
    }

    /// A table that was opened before, with its [`Target::statement`].
    pub fn opened(oid: pg_sys::Oid, statement: &'s str) -> Self {
        Self { oid, insert: statement.into(), has_triggers: true, attempts: Cell::new(0) }
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
        let records = [Argument::jsonbs(records)];
        if self.insert.ends_with(COUNTED.1) {
            return spi::connected(|| {
                let rows = spi::select(&self.insert, &records);
                spi::columns!(rows => inserted);
                Ok(rows.first().and_then(|row| row.i64(inserted)).unwrap_or_default() as u64)
            });
        }
        let run = |statement: &str| spi::connected(|| spi::execute_kept(statement, &records));
        Ok(self.insert_new(run).unwrap_or_else(|| run(&self.insert)))
    }

    /// Inserts events without the check. Returns `None` if the table has one of them, or if it is likely to.
    fn insert_new(&self, run: impl Fn(&str) -> u64) -> Option<u64> {
        let attempts = self.attempts.get().checked_sub(1)?;
        let statement = self.insert.strip_suffix(UNLESS_PRESENT)?;
        let inserted = attempt_expecting(is_conflict, || Ok(run(statement))).ok();
        self.attempts.set(if inserted.is_some() { attempts } else { 0 });
        if inserted.is_none() {
            CHECKED_LEFT.set(CHECKED_FILES);
        }
        inserted
    }
}

/// Whether an error is that of a row which ON CONFLICT DO NOTHING would leave out.
fn is_conflict(code: PgSqlErrorCode) -> bool {
    matches!(code, PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION | PgSqlErrorCode::ERRCODE_EXCLUSION_VIOLATION)
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
    let id = "coalesce(e.event_id, 'sha256:' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.sha256(\
              pg_catalog.convert_to(e.record::pg_catalog.text, 'UTF8')), 'hex'))";
    for (column, value) in into.iter().zip(&mut select) {
        if *column == "event_id" {
            id.clone_into(value);
        }
        // The events of a distributed table that have no value in the distribution column.
        if DISTRIBUTION_COLUMNS.contains(column)
            && target.column(column).is_some_and(|column| column.replaces_null && is_textual(column.oid))
        {
            *value = format!("coalesce({value}, '')");
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
    let insert = format!(
        "INSERT INTO {name} ({}) SELECT {} FROM travel_internal.parsed_records($1) AS e ({}, record pg_catalog.jsonb)\
         {UNLESS_PRESENT}",
        into.join(", "),
        select.join(", "),
        columns.join(", "),
    );
    Ok(if citus::manages(target.oid) { format!("{}{insert}{}", COUNTED.0, COUNTED.1) } else { insert })
}
