//! What PostgreSQL's parser says about a query that is analyzed and not run.

use crate::pg::identifier::c_string;
use crate::pg::query_objects;
use pgrx::pg_sys;

/// The types of the columns of a query, which is analyzed and not run. Within [`super::connected`].
pub fn column_types(query: &str) -> Vec<pg_sys::Oid> {
    // SAFETY: the source lives as long as the SPI connection.
    unsafe {
        let Some(source) = analyzed(query) else { return Vec::new() };
        let columns = source.resultDesc;
        if columns.is_null() {
            return Vec::new();
        }
        pgrx::PgTupleDesc::from_pg_copy(columns).iter().map(|column| column.atttypid).collect()
    }
}

/// Whether what follows WHERE in a query calls a function that is declared volatile. Within [`super::connected`].
pub fn has_volatile_condition(query: &str) -> bool {
    // SAFETY: the source lives as long as the SPI connection; its list is one of Query, here of one SELECT.
    unsafe {
        let Some(source) = analyzed(query) else { return false };
        let queries = source.query_list;
        if queries.is_null() || (*queries).length < 1 {
            return false;
        }
        let query = (*(*queries).elements).ptr_value.cast::<pg_sys::Query>();
        let from = (*query).jointree;
        !from.is_null() && pg_sys::contain_volatile_functions((*from).quals)
    }
}

/// The objects that a query reads and runs. Within [`super::connected`].
pub fn objects_in(query: &str) -> Vec<query_objects::Object> {
    // SAFETY: the source lives as long as the SPI connection; its list is one of Query.
    unsafe { analyzed(query).map_or_else(Vec::new, |source| query_objects::objects_in(source.query_list)) }
}

/// # Safety
/// The result must not outlive the SPI connection.
unsafe fn analyzed<'a>(query: &str) -> Option<&'a pg_sys::CachedPlanSource> {
    let query = c_string(query);
    // SAFETY: a plan that is not kept goes with the SPI connection; its sources are a list of CachedPlanSource.
    unsafe {
        let plan = pg_sys::SPI_prepare(query.as_ptr(), 0, std::ptr::null_mut());
        let sources = pg_sys::SPI_plan_get_plan_sources(plan);
        if sources.is_null() || (*sources).length < 1 {
            return None;
        }
        Some(&*(*(*sources).elements).ptr_value.cast::<pg_sys::CachedPlanSource>())
    }
}
