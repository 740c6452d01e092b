//! What Citus says about a table, if the database has Citus. Its catalog `pg_dist_partition` has one row for each table
//! whose rows it may store on other nodes: distributed tables, reference tables, and local tables that it manages.
//!
//! The catalog is read by name, so the library does not need Citus. Only a superuser who allows changes of system tables
//! can create another table of this name in `pg_catalog`.

use super::errors::TravelError;
use super::fixed_settings::FIXED;
use super::identifier::literal;
use super::spi::{self, Argument};
use pgrx::pg_sys;
use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt::Write;

const CATALOG: &CStr = c"pg_dist_partition";
const BY_RELATION: &CStr = c"pg_dist_partition_logical_relid_index";
const RELATION: &CStr = c"logicalrelid";

/// Whether the database has Citus.
pub fn is_present() -> bool {
    named(CATALOG).is_some()
}

/// Whether Citus manages a table. The rows of the table itself are then not, or not all, on this node.
pub fn manages(relation: pg_sys::Oid) -> bool {
    let Some(catalog) = named(CATALOG) else { return false };
    let index = named(BY_RELATION);
    // SAFETY: the catalog is locked while it is read; the key is an initialized ScanKeyData that outlives the scan, and
    // the column is found by its name. A table without the column is not that of Citus.
    unsafe {
        let column = pg_sys::get_attnum(catalog, RELATION.as_ptr());
        if column == pg_sys::InvalidAttrNumber as i16 {
            return false;
        }
        let table = pg_sys::try_relation_open(catalog, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        if table.is_null() {
            return false;
        }
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            column,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::RegProcedure::from(pg_sys::F_OIDEQ),
            pg_sys::Datum::from(relation),
        );
        let scan = pg_sys::systable_beginscan(
            table,
            index.unwrap_or(pg_sys::InvalidOid),
            index.is_some(),
            std::ptr::null_mut(),
            1,
            &mut key,
        );
        let found = !pg_sys::systable_getnext(scan).is_null();
        pg_sys::systable_endscan(scan);
        pg_sys::relation_close(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        found
    }
}

/// Runs `body` without notices to the client. When Citus copies the rows of a table, it tells the user how to delete those
/// that are left on this node, which [`delete_local_copy`] does.
pub fn without_notices<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: reads a setting of the backend.
    let hears_notices = unsafe { pg_sys::client_min_messages } < pg_sys::WARNING as i32;
    let quieter: &[_] = if hears_notices { &[(c"client_min_messages", c"warning")] } else { &[] };
    spi::with_settings(quieter, body)
}

/// Deletes the rows of a table that are left on this node after Citus copied them to other nodes. They are invisible to
/// queries, but take space. `table` is qualified and quoted, and Citus is [present](is_present). Within
/// [`spi::in_pg_catalog`].
pub fn delete_local_copy(table: &str) {
    // Citus refuses tables that it does not manage. A table that it manages on this node alone has its rows elsewhere.
    spi::select(
        "SELECT truncate_local_data_after_distributing_table(logicalrelid) FROM pg_dist_partition
         WHERE logicalrelid = $1::regclass AND pg_relation_size(logicalrelid) > 0",
        &[Argument::text(table)],
    );
}

/// Lets the nodes evaluate the parts of a query with the fixed settings, until the transaction ends. Otherwise a
/// condition such as `event_time::date = …` means something else on a node with another time zone. Within an SPI
/// connection.
pub fn send_settings() {
    send(FIXED.iter().map(|(name, value)| (*name, value.to_string_lossy())));
}

/// Runs `body` as [`spi::with_settings`] does, and also sends the settings to the nodes, because each node plans its
/// part of a query with its own settings. The nodes then start no parallel workers, because they already read their
/// shards in parallel. Within an SPI connection.
pub fn with_settings_on_nodes<R>(settings: &[(&CStr, &CStr)], body: impl FnOnce() -> R) -> R {
    let settings = || settings.iter().chain(&[SERIAL]);
    let before: Vec<_> = settings().map(|(name, _)| (*name, current_value(name).into())).collect();
    spi::with_settings(&[], || {
        send(settings().map(|(name, value)| (*name, value.to_string_lossy())));
        let result = body();
        send(before.into_iter());
        result
    })
}

/// Lets a query start no parallel workers.
const SERIAL: (&CStr, &CStr) = (c"max_parallel_workers_per_gather", c"0");

/// Sets settings here and on the nodes, until the transaction ends. Citus sends what a transaction block, a procedure or
/// a DO block sets, but not what a function sets, so this is a DO block.
fn send<'a>(settings: impl Iterator<Item = (&'a CStr, Cow<'a, str>)>) {
    let mut block = "BEGIN SET LOCAL citus.propagate_set_commands = 'local';".to_owned();
    for (name, value) in settings {
        let _ = write!(block, " SET LOCAL {} = {};", name.to_string_lossy(), literal(&value));
    }
    block.push_str(" END");
    spi::execute(&format!("DO {}", literal(&block)), &[]);
}

/// The value of a setting of PostgreSQL in this session.
fn current_value(name: &CStr) -> String {
    // SAFETY: PostgreSQL has these settings, so the value is not null. It is copied at once.
    unsafe {
        CStr::from_ptr(pg_sys::GetConfigOption(name.as_ptr(), false, false)).to_string_lossy().into_owned()
    }
}

/// The oid of a relation of `pg_catalog`, if it exists.
fn named(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: a look-up in a cache of the catalogs, with a C string.
    let oid =
        unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE)) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// The column by whose hash Citus distributes the rows of a table. `None` if it does not distribute them. Within an SPI
/// connection.
pub fn distribution_column(relation: pg_sys::Oid) -> Result<Option<String>, TravelError> {
    if !manages(relation) {
        return Ok(None);
    }
    let rows = spi::select(
        r"SELECT a.attname::pg_catalog.text AS name
          FROM pg_catalog.pg_dist_partition AS d
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) d.logicalrelid
              AND a.attnum OPERATOR(pg_catalog.=)
                  pg_catalog.substring(d.partkey::pg_catalog.text, ':varattno (\d+)')::pg_catalog.int2
          WHERE d.logicalrelid OPERATOR(pg_catalog.=) $1 AND d.partmethod OPERATOR(pg_catalog.=) 'h'",
        &[Argument::oid(relation)],
    );
    spi::columns!(rows => name);
    rows.first().map_or(Ok(None), |row| row.string(name))
}

/// Whether a table or view reads a table that Citus manages. Within an SPI connection.
pub fn is_below(relation: pg_sys::Oid) -> bool {
    if !is_present() || manages(relation) {
        return is_present();
    }
    spi::in_pg_catalog(|| {
        let rows = spi::select(
            "WITH RECURSIVE below (relation) AS (
                 SELECT $1
                 UNION
                 SELECT d.refobjid
                 FROM below AS b
                 JOIN pg_class AS c ON c.oid = b.relation AND c.relkind = 'v'
                 JOIN pg_rewrite AS r ON r.ev_class = c.oid
                 JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                     AND d.refclassid = 'pg_class'::regclass
             )
             SELECT true AS found FROM below AS b JOIN pg_dist_partition AS p ON p.logicalrelid::oid = b.relation LIMIT 1",
            &[Argument::oid(relation)],
        );
        rows.len > 0
    })
}
