//! Reads tables of the extension without a query, which needs neither a plan nor a privilege of the caller, and looks
//! up facts about relations.

use super::errors::{TravelError, UsageError};
use pgrx::pg_sys;
use std::ffi::CStr;

/// A column by its name and type.
pub type Column = (&'static str, pg_sys::Oid);

/// Calls `each` with these columns of every row of `travel.<name>` that the active snapshot sees. A table that does not
/// exist has no rows, because the library may be newer than the SQL objects. A table that is dropped while this waits
/// for its lock is an error.
pub fn each_row<const N: usize>(
    name: &CStr,
    columns: &[Column; N],
    mut each: impl FnMut([Option<pg_sys::Datum>; N]) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    // SAFETY: catalog look-ups with C strings; the relation is locked while it is read, and the lock stays until the
    // transaction ends, as that of any query does. An error that unwinds is cleaned up by PostgreSQL.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"travel".as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            return Err(UsageError::ExtensionDropped.into());
        }
        let oid = pg_sys::get_relname_relid(name.as_ptr(), schema);
        if oid == pg_sys::InvalidOid {
            return Ok(());
        }
        let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        if relation.is_null() {
            return Err(UsageError::ExtensionDropped.into());
        }
        let result = if (*(*relation).rd_rel).relkind as u8 == pg_sys::RELKIND_RELATION {
            each_tuple(relation, columns, &mut each)
        } else {
            Err(UsageError::WrongRowType { expected: N, found: 0 }.into())
        };
        pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
        result
    }
}

/// The oid of `travel.<name>`, if it exists.
pub fn oid(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups with C strings; a schema that does not exist has no relations.
    let oid = unsafe {
        pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"travel".as_ptr(), true))
    };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// Returns whether a relation is permanent, unlogged or temporary (`RELPERSISTENCE_…`), or `None` if it does not exist.
/// PostgreSQL's own function raises an internal error for a relation that does not exist.
pub fn persistence(relation: pg_sys::Oid) -> Option<u8> {
    // SAFETY: a row of pg_class is released after it was read.
    unsafe {
        let tuple =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return None;
        }
        let persistence =
            (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relpersistence as u8;
        pg_sys::ReleaseSysCache(tuple);
        Some(persistence)
    }
}

/// # Safety
/// `relation` must be an open table.
unsafe fn each_tuple<const N: usize>(
    relation: pg_sys::Relation,
    columns: &[Column; N],
    each: &mut impl FnMut([Option<pg_sys::Datum>; N]) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    // SAFETY: by the caller. The arrays are as long as the table has columns; the values of a row are read before the
    // next one comes.
    unsafe {
        let tuple_desc = (*relation).rd_att;
        let scan = pg_sys::systable_beginscan(
            relation,
            pg_sys::InvalidOid,
            false,
            pg_sys::GetActiveSnapshot(),
            0,
            std::ptr::null_mut(),
        );
        let width = (*tuple_desc).natts as usize;
        let (mut values, mut nulls) = (Vec::new(), Vec::new());
        let mut positions = [0; N];
        let mut result = Ok(());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            if values.is_empty() {
                match find(tuple_desc, columns) {
                    Ok(found) => positions = found,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
                values = vec![pg_sys::Datum::from(0_usize); width];
                nulls = vec![true; width];
            }
            pg_sys::heap_deform_tuple(tuple, tuple_desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            result = each(positions.map(|at: usize| (!nulls[at]).then_some(values[at])));
            if result.is_err() {
                break;
            }
            pgrx::check_for_interrupts!();
        }
        pg_sys::systable_endscan(scan);
        result
    }
}

/// The positions of the columns among those of a table.
///
/// # Safety
/// `tuple_desc` must be a table's.
unsafe fn find<const N: usize>(
    tuple_desc: pg_sys::TupleDesc,
    columns: &[Column; N],
) -> Result<[usize; N], TravelError> {
    // SAFETY: by the caller; it is copied.
    let attributes = unsafe { pgrx::PgTupleDesc::from_pg_copy(tuple_desc) };
    let mut positions = [0; N];
    for (found, ((name, oid), position)) in columns.iter().zip(&mut positions).enumerate() {
        let is_it = |attribute: &pg_sys::FormData_pg_attribute| {
            !attribute.attisdropped && attribute.atttypid == *oid && attribute.name() == *name
        };
        *position = attributes
            .iter()
            .position(is_it)
            .ok_or(UsageError::WrongRowType { expected: columns.len(), found })?;
    }
    Ok(positions)
}
