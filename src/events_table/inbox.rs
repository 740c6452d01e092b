//! The inbox of an events table: a view into which any client can insert documents. A trigger ingests them.
//!
//! The view reads the table, and thereby names it: PostgreSQL keeps the reference when the table is renamed, and a dump
//! contains it. It has no rows.

use super::counts::Ingested;
use super::ingest::{ingest_documents, ingest_if_cloudtrail};
use super::insert::Target;
use crate::detect::Source;
use crate::pg::errors::{EventsError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::identifier::{c_string, qualified};
use crate::pg::jsonb;
use crate::pg::memory::{varlena, within};
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::{Event, Trigger};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

pg_function!(travel_create_inbox, pg_finfo_travel_create_inbox, create_inbox);
pg_function!(travel_inbox, pg_finfo_travel_inbox, inbox);

/// The column of the documents, unless the trigger names another.
const DOCUMENT: &CStr = c"document";

/// `(target) -> regclass`
fn create_inbox(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    Target::open(target)?;
    Ok(pg_sys::Datum::from(create(target)?))
}

/// Creates the inbox of a table, in its schema. Dropping the table drops the inbox, and so does dropping the extension.
pub fn create(table: pg_sys::Oid) -> Result<pg_sys::Oid, TravelError> {
    let table_name = Source::look_at(table)?.name;
    let name = beside(table, "inbox");
    let view = spi::connected(|| {
        let statements = [
            format!("CREATE VIEW {name} AS SELECT NULL::pg_catalog.text AS document FROM {table_name} WHERE false"),
            format!(
                "CREATE TRIGGER ingest INSTEAD OF INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION travel.inbox()"
            ),
            // A dump contains this, so DROP EXTENSION works after a restore, too.
            format!("ALTER TRIGGER ingest ON {name} DEPENDS ON EXTENSION impossible_travel"),
            format!(
                "COMMENT ON VIEW {name} IS 'Inserting a CloudTrail document inserts its records into the events table'"
            ),
        ];
        for statement in &statements {
            spi::execute(statement, &[]);
        }
        Source::find(&name)
    })
    .ok_or(EventsError::TableName { name })?;
    // SAFETY: catalog changes as CREATE VIEW makes them, for objects that exist.
    unsafe {
        let object = |class: pg_sys::Oid, object: pg_sys::Oid| pg_sys::ObjectAddress {
            classId: class,
            objectId: object,
            objectSubId: 0,
        };
        let inbox = object(pg_sys::RelationRelationId, view);
        let extension = pg_sys::get_extension_oid(c"impossible_travel".as_ptr(), false);
        pg_sys::recordDependencyOn(
            &inbox,
            &object(pg_sys::RelationRelationId, table),
            pg_sys::DependencyType::DEPENDENCY_AUTO,
        );
        pg_sys::recordDependencyOn(
            &inbox,
            &object(pg_sys::ExtensionRelationId, extension),
            pg_sys::DependencyType::DEPENDENCY_AUTO_EXTENSION,
        );
    }
    Ok(view)
}

/// A name for a relation that belongs to a table: that of the table with a suffix, in its schema, that no relation has.
/// A long name of the table is cut.
pub fn beside(table: pg_sys::Oid, suffix: &str) -> String {
    let suffix = c_string(suffix);
    // SAFETY: catalog look-ups of a table that is locked, with C strings that outlive them.
    unsafe {
        let schema = pg_sys::get_rel_namespace(table);
        let name =
            pg_sys::ChooseRelationName(pg_sys::get_rel_name(table), std::ptr::null(), suffix.as_ptr(), schema, false);
        let schema = CStr::from_ptr(pg_sys::get_namespace_name(schema));
        qualified(&schema.to_string_lossy(), &CStr::from_ptr(name).to_string_lossy())
    }
}

/// What a statement keeps about an inbox. It lives in the memory of the call site.
#[derive(Clone, Copy)]
struct Site {
    target: pg_sys::Oid,
    /// A text: see [`Target::statement`].
    statement: pg_sys::Datum,
}

/// INSTEAD OF INSERT, for each row: `(column)`, with `document` as the default.
fn inbox(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (Event::Insert { new: row }, true) = (trigger.event(), trigger.is_instead()) else {
        return Err(EventsError::InboxMisplaced.into());
    };
    let site = call.site_cache(|| {
        let target = Target::open(table_of(trigger.relation())?)?;
        // SAFETY: the context of the call site is alive.
        let statement = unsafe { within(call.site_context(), || varlena(target.statement().as_bytes())) };
        Ok(Site { target: target.oid(), statement })
    })?;
    // SAFETY: it was made above.
    let statement = utf8(unsafe { varlena_bytes(site.statement) })?.to_owned();
    let target = Target::opened(site.target, statement);
    let column = trigger.arguments().into_iter().next().unwrap_or_else(|| CString::from(DOCUMENT));
    let Some(column_type) = row.type_of(&column) else {
        let view = Source::name_of(trigger.relation()).unwrap_or_default();
        return Err(EventsError::InboxColumn { view, column: column.to_string_lossy().into_owned() }.into());
    };
    let mut ingested = Ingested::default();
    jsonb::take_replaced();
    if column_type == pg_sys::JSONBOID {
        if let Some(document) = row.jsonb(&column) {
            ingest_if_cloudtrail(&target, document, &mut ingested)?;
        }
    } else if let Some(text) = row.text(&column)? {
        ingest_documents(&target, text, &mut ingested)?;
    }
    ingested.report();
    Ok(row.result())
}

/// The table that a view reads.
fn table_of(view: pg_sys::Oid) -> Result<pg_sys::Oid, TravelError> {
    let tables = spi::connected(|| {
        let rows = spi::select_prepared(
            "SELECT DISTINCT d.refobjid::bigint AS relation
             FROM pg_catalog.pg_rewrite AS r
             JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                 AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.refobjid <> r.ev_class
             WHERE r.ev_class = $1 AND r.ev_type = '1'",
            &[Argument::oid(view)],
        );
        spi::columns!(rows => relation);
        Ok::<_, TravelError>(rows.iter().filter_map(|row| row.i64(relation)).collect::<Vec<_>>())
    })?;
    match tables[..] {
        [table] => Ok(pg_sys::Oid::from_u32(table as u32)),
        _ => Err(EventsError::InboxTarget { view: Source::name_of(view).unwrap_or_default() }.into()),
    }
}
