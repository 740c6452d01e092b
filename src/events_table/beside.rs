//! Relations that belong to an events table. They have its name with a suffix, and are dropped with it.

use crate::pg::identifier::{c_string, qualified};
use pgrx::pg_sys;
use std::ffi::CStr;

/// An unused name for a relation that belongs to a table, schema-qualified and quoted: the name of the table with a
/// suffix, in its schema. A long name of the table is cut. If a relation has the name, a number is added.
pub fn beside(table: pg_sys::Oid, suffix: &str) -> String {
    let suffix = c_string(suffix);
    // SAFETY: catalog look-ups of a table that is locked, with C strings that outlive them.
    let name = unsafe {
        CStr::from_ptr(pg_sys::ChooseRelationName(
            pg_sys::get_rel_name(table),
            std::ptr::null(),
            suffix.as_ptr(),
            pg_sys::get_rel_namespace(table),
            false,
        ))
    };
    in_schema_of(table, &name.to_string_lossy())
}

/// The name that [`beside`] returns if no relation has it.
pub fn usual(table: pg_sys::Oid, suffix: &str) -> String {
    in_schema_of(table, &usual_name(table, suffix))
}

/// The name that [`beside`] returns if no relation has it, without its schema and unquoted.
pub fn usual_name(table: pg_sys::Oid, suffix: &str) -> String {
    let suffix = c_string(suffix);
    // SAFETY: as in `beside`.
    unsafe {
        let name = pg_sys::makeObjectName(pg_sys::get_rel_name(table), std::ptr::null(), suffix.as_ptr());
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

fn in_schema_of(table: pg_sys::Oid, name: &str) -> String {
    // SAFETY: as in `beside`.
    let schema = unsafe { CStr::from_ptr(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(table))) };
    qualified(&schema.to_string_lossy(), name)
}

/// The object with which a relation is dropped.
#[derive(Clone, Copy)]
pub enum Object {
    Table(pg_sys::Oid),
    /// This extension.
    Extension,
}

/// Makes DROP of an object drop a relation as well, without CASCADE. A dump does not contain this.
pub fn drop_with(relation: pg_sys::Oid, object: Object) {
    let address = |class: pg_sys::Oid, object: pg_sys::Oid| pg_sys::ObjectAddress {
        classId: class,
        objectId: object,
        objectSubId: 0,
    };
    let relation = address(pg_sys::RelationRelationId, relation);
    // SAFETY: a change of pg_depend as CREATE makes it, for objects that exist.
    unsafe {
        let (object, kind) = match object {
            Object::Table(table) => {
                (address(pg_sys::RelationRelationId, table), pg_sys::DependencyType::DEPENDENCY_AUTO)
            }
            Object::Extension => (
                address(
                    pg_sys::ExtensionRelationId,
                    pg_sys::get_extension_oid(c"impossible_travel".as_ptr(), false),
                ),
                pg_sys::DependencyType::DEPENDENCY_AUTO_EXTENSION,
            ),
        };
        pg_sys::recordDependencyOn(&relation, &object, kind);
    }
}
