//! Finds what a query reads and calls: its relations, its functions, and the types of which it makes values. It looks
//! at the analyzed query, into which PostgreSQL has put views, rewrite rules and row policies.

use pgrx::pg_sys;
use std::ffi::c_void;

/// An object of the database: the OID of its catalog, and its own OID.
pub type Object = (pg_sys::Oid, pg_sys::Oid);

#[cfg(feature = "pg15")]
type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

#[cfg(feature = "pg15")]
unsafe extern "C-unwind" {
    // nodes/nodeFuncs.h, which pgrx binds from PostgreSQL 16 on.
    fn expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
    fn query_tree_walker(
        query: *mut pg_sys::Query,
        walker: Walker,
        context: *mut c_void,
        flags: std::ffi::c_int,
    ) -> bool;
}

/// Makes the walker visit the entries of range tables before their contents.
const FLAGS: std::ffi::c_int = pg_sys::QTW_EXAMINE_RTES_BEFORE as std::ffi::c_int;

/// The relations and functions of analyzed queries, including the functions of casts and operators, and the types of
/// which they make values. Making a value of a domain runs the checks of the domain, also within an array or a row. An
/// object may be listed twice.
///
/// # Safety
/// `queries` is a list of Query.
pub unsafe fn objects_in(queries: *mut pg_sys::List) -> Vec<Object> {
    let mut found: Vec<Object> = Vec::new();
    // SAFETY: by the caller; the context is given to the walkers as it is.
    unsafe {
        let length = if queries.is_null() { 0 } else { (*queries).length };
        for i in 0..length as usize {
            let query = (*(*queries).elements.add(i)).ptr_value.cast::<pg_sys::Node>();
            look_at(query, (&raw mut found).cast());
        }
    }
    found
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn look_at(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: by `objects_in`; a node is read as what its tag says.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_Query => return walk_query(node.cast(), context),
            // This is the relation itself. The query of a view was expanded, and the view is listed as well.
            pg_sys::NodeTag::T_RangeTblEntry => {
                let relation = (*node.cast::<pg_sys::RangeTblEntry>()).relid;
                if relation != pg_sys::InvalidOid {
                    (*context.cast::<Vec<Object>>()).push((pg_sys::RelationRelationId, relation));
                }
                return false;
            }
            // A constant can be a row of NULLs, from which a function makes another value of the type.
            pg_sys::NodeTag::T_CoerceToDomain
            | pg_sys::NodeTag::T_CoerceViaIO
            | pg_sys::NodeTag::T_Const
            | pg_sys::NodeTag::T_FuncExpr => note_type(pg_sys::exprType(node), context),
            #[cfg(not(any(feature = "pg15", feature = "pg16")))]
            pg_sys::NodeTag::T_JsonExpr => note_type(pg_sys::exprType(node), context),
            pg_sys::NodeTag::T_RangeTblFunction => {
                note_types((*node.cast::<pg_sys::RangeTblFunction>()).funccoltypes, context);
            }
            pg_sys::NodeTag::T_TableFunc => {
                note_types((*node.cast::<pg_sys::TableFunc>()).coltypes, context);
            }
            _ => {}
        }
        pg_sys::check_functions_in_node(node, Some(note_function), context);
        walk(node, context)
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn note_function(function: pg_sys::Oid, context: *mut c_void) -> bool {
    // SAFETY: the context is that of `look_at`.
    unsafe { (*context.cast::<Vec<Object>>()).push((pg_sys::ProcedureRelationId, function)) };
    false
}

unsafe fn note_types(types: *mut pg_sys::List, context: *mut c_void) {
    // SAFETY: a list of OIDs; the context is that of `look_at`.
    unsafe {
        let length = if types.is_null() { 0 } else { (*types).length };
        for i in 0..length as usize {
            note_type((*(*types).elements.add(i)).oid_value, context);
        }
    }
}

unsafe fn note_type(oid: pg_sys::Oid, context: *mut c_void) {
    // Types that belong to PostgreSQL contain no user types.
    if oid.to_u32() >= pg_sys::FirstNormalObjectId {
        // SAFETY: the context is that of `look_at`.
        unsafe { (*context.cast::<Vec<Object>>()).push((pg_sys::TypeRelationId, oid)) };
    }
}

unsafe fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: as in `look_at`.
    #[cfg(feature = "pg15")]
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| expression_tree_walker(node, look_at, context))
    }
    // SAFETY: as in `look_at`.
    #[cfg(not(feature = "pg15"))]
    unsafe {
        pg_sys::expression_tree_walker_impl(node, Some(look_at), context)
    }
}

unsafe fn walk_query(query: *mut pg_sys::Query, context: *mut c_void) -> bool {
    // SAFETY: as in `look_at`.
    #[cfg(feature = "pg15")]
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| query_tree_walker(query, look_at, context, FLAGS))
    }
    // SAFETY: as in `look_at`.
    #[cfg(not(feature = "pg15"))]
    unsafe {
        pg_sys::query_tree_walker_impl(query, Some(look_at), context, FLAGS)
    }
}
