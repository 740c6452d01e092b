//! The inbox of an events table: a view into which any client can insert documents. A trigger ingests them.
//!
//! The view has no rows, but its query names the table. PostgreSQL keeps this reference when the table is renamed, and
//! a dump contains it.

use super::beside::{Object, beside, drop_with, usual};
use super::counts::Ingested;
use super::ingest::{ingest_documents, ingest_if_cloudtrail};
use super::insert::Target;
use crate::detect::Source;
use crate::pg::errors::{EventsError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::jsonb;
use crate::pg::memory::{varlena, within};
use crate::pg::report::Report;
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

/// The name of an inbox is that of the table with this suffix.
const SUFFIX: &str = "inbox";

/// Creates the inbox of a table, in its schema. Dropping the table drops the inbox, and so does dropping the extension.
pub fn create(table: pg_sys::Oid) -> Result<pg_sys::Oid, TravelError> {
    let table_name = Source::look_at(table)?.name;
    let (name, usual) = (beside(table, SUFFIX), usual(table, SUFFIX));
    if name != usual {
        Report::notice(format!("inbox of \"{table_name}\" is \"{name}\""))
            .detail(format!("Another relation has the name \"{usual}\"."))
            .hint(format!("Insert documents into {name}."))
            .send();
    }
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
    drop_with(view, Object::Table(table));
    drop_with(view, Object::Extension);
    Ok(view)
}

/// The data about an inbox that a statement keeps. It lives in the memory of the call site.
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
    let statement = utf8(unsafe { varlena_bytes(site.statement) })?;
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
    let tables = spi::in_pg_catalog(|| {
        let rows = spi::select_prepared(
            "SELECT DISTINCT d.refobjid::bigint AS relation
             FROM pg_rewrite AS r
             JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                 AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
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
