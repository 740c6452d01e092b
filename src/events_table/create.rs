//! `travel.create_events_table` creates a table for events, with the indexes that detection uses.

use super::beside::beside;
use super::file_list::FileList;
use super::inbox;
use super::month::Months;
use super::partitions;
use super::{DISTRIBUTION_COLUMNS, REQUIRED};
use crate::detect::Source;
use crate::pg::errors::{EventsError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::{c_string, identifiers, qualified};
use crate::pg::spi;
use pgrx::pg_sys;
use std::ffi::CStr;
use travel_core::columns::{EVENT, EventColumn};

pg_function!(travel_create_events_table, pg_finfo_travel_create_events_table, create_events_table);

/// `(name, partitioned, keep_record, distributed_by)`
fn create_events_table(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let name = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "name" })?;
    let partitioned = call.bool(1).ok_or(UsageError::ArgumentNull { name: "partitioned" })?;
    let keep_record = call.bool(2).ok_or(UsageError::ArgumentNull { name: "keep_record" })?;
    let distributed_by = call.text(3)?.map(distribution_column).transpose()?;
    let table = TableName::parse(name)?;
    let record = if keep_record { ",\n    record                jsonb" } else { "" };
    let (sql, columns) = (&table.sql, column_definitions(distributed_by));
    let partition_by = if partitioned { " PARTITION BY RANGE (event_time)" } else { "" };
    // Citus requires the distribution column in each unique constraint. Transaction ids are not comparable across nodes,
    // so scans of a distributed table find new rows by their time of arrival.
    let primary_key = distributed_by.map(|column| format!("{column}, ")).unwrap_or_default();
    let ingest_xid =
        "ingest_xid            xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),\n    ";
    let mut statements = vec![
        format!(
            "CREATE TABLE {sql} ({columns}{record},\n    ingested_at           timestamptz NOT NULL DEFAULT \
             pg_catalog.now(),\n    {}PRIMARY KEY ({primary_key}event_id, event_time)\n){partition_by}",
            if distributed_by.is_some() { "" } else { ingest_xid }
        ),
        format!("CREATE INDEX ON {sql} (access_key_id, event_time) INCLUDE (source_ip)"),
        format!("CREATE INDEX ON {sql} (event_time)"),
        // The baseline user of the presets: the actor if there is one, or else the principal.
        format!("CREATE INDEX ON {sql} ((coalesce(actor, principal)), event_time)"),
        format!("COMMENT ON TABLE {sql} IS 'CloudTrail events that travel.ingest inserts'"),
    ];
    match distributed_by {
        Some(column) => {
            if column != "access_key_id" {
                statements.push(format!("CREATE INDEX ON {sql} ({column}, event_time) INCLUDE (source_ip)"));
            }
            statements.push(format!("CREATE INDEX ON {sql} (ingested_at)"));
            statements.push(format!(
                "COMMENT ON COLUMN {sql}.{column} IS 'column for create_distributed_table; empty where CloudTrail has no value'"
            ));
        }
        None => {
            statements.push(format!("CREATE INDEX ON {sql} (ingest_xid)"));
            statements.push(format!(
                "COMMENT ON COLUMN {sql}.ingest_xid IS 'transaction that inserted the row; scans use it to find new rows'"
            ));
        }
    }
    spi::with_pg_catalog_first(|| {
        for statement in &statements {
            spi::execute(statement, &[]);
        }
    });
    let oid = table.oid()?;
    if partitioned {
        create_partitions(oid, sql)?;
    }
    inbox::create(oid)?;
    FileList::create(oid)?;
    Ok(pg_sys::Datum::from(oid))
}

/// Creates the DEFAULT partition, and those of this month and the next one.
fn create_partitions(table: pg_sys::Oid, name: &str) -> Result<(), TravelError> {
    let default = beside(table, "default");
    spi::with_pg_catalog_first(|| {
        spi::execute(&format!("CREATE TABLE {default} PARTITION OF {name} DEFAULT"), &[]);
        spi::execute(
            &format!("COMMENT ON TABLE {default} IS 'Events of months that have no partition'"),
            &[],
        );
    });
    partitions::ensure(table, &Months::new())
}

/// The column by which a table can be distributed.
fn distribution_column(name: &str) -> Result<&'static str, TravelError> {
    DISTRIBUTION_COLUMNS
        .into_iter()
        .find(|column| *column == name)
        .ok_or_else(|| EventsError::DistributionColumn { column: name.to_owned() }.into())
}

/// The columns of an event as CREATE TABLE takes them.
fn column_definitions(distributed_by: Option<&str>) -> String {
    let definition = |column: &EventColumn| {
        let not_null = match () {
            () if REQUIRED.contains(&column.name) => " NOT NULL",
            // Citus stores no row without a value in the distribution column.
            () if distributed_by == Some(column.name) => " NOT NULL DEFAULT ''",
            () => "",
        };
        format!("\n    {} {}{not_null}", column.name, column.column_type.into_str())
    };
    EVENT.iter().map(definition).collect::<Vec<_>>().join(",")
}

/// The name of a table or view that does not exist yet, with the schema in which it will be created.
pub struct TableName {
    /// Schema-qualified and quoted.
    pub sql: String,
}

impl TableName {
    /// Reads an SQL name. Without a schema, it is in the first one of the search path.
    pub fn parse(text: &str) -> Result<Self, TravelError> {
        let error = || EventsError::TableName { name: text.to_owned() }.into();
        let parts = identifiers(text, b'.').ok_or_else(error)?;
        let (schema, name) = match &parts[..] {
            [name] => (None, name),
            [schema, name] => (Some(c_string(schema)), name),
            _ => return Err(error()),
        };
        let relation = c_string(name);
        // SAFETY: plain catalog calls with C strings that outlive them. Every later statement uses the schema that is
        // found here: a temporary table of the same name would come first in the search path.
        let namespace = unsafe {
            let schema = schema.as_ref().map_or(std::ptr::null_mut(), |schema| schema.as_ptr().cast_mut());
            let range = pg_sys::makeRangeVar(schema, relation.as_ptr().cast_mut(), -1);
            let namespace = pg_sys::get_namespace_name(pg_sys::RangeVarGetCreationNamespace(range));
            CStr::from_ptr(namespace).to_string_lossy().into_owned()
        };
        Ok(Self { sql: qualified(&namespace, name) })
    }

    fn oid(&self) -> Result<pg_sys::Oid, TravelError> {
        Source::find(&self.sql).ok_or_else(|| EventsError::TableName { name: self.sql.clone() }.into())
    }
}
