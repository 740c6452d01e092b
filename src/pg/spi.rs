//! Queries of the extension's own, through SPI, with plain C strings in and tuplestores out.

use super::srf::RowSet;
use pgrx::pg_sys;
use std::ffi::CString;

unsafe extern "C-unwind" {
    /// executor/tstoreReceiver.h, which pgrx does not bind.
    fn CreateTuplestoreDestReceiver() -> *mut pg_sys::DestReceiver;
    fn SetTuplestoreDestReceiverParams(
        receiver: *mut pg_sys::DestReceiver,
        store: *mut pg_sys::Tuplestorestate,
        context: pg_sys::MemoryContext,
        detoast: bool,
        target: pg_sys::TupleDesc,
        map_failure_message: *const std::ffi::c_char,
    );
}

/// Runs `body` between SPI_connect and SPI_finish. An error ends both, as PostgreSQL cleans up after it.
pub fn connected<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: the calls are paired where nothing unwinds.
    unsafe {
        pg_sys::SPI_connect();
        let result = body();
        pg_sys::SPI_finish();
        result
    }
}

/// A query or a part of one as a C string. A NUL, which SQL text cannot hold, ends it.
pub fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// The types of the columns of a query, which is analysed and not run. Within [`connected`].
pub fn column_types(query: &str) -> Vec<pg_sys::Oid> {
    // SAFETY: the source lives as long as the SPI connection.
    unsafe {
        let Some(source) = analysed(query) else { return Vec::new() };
        let columns = source.resultDesc;
        if columns.is_null() {
            return Vec::new();
        }
        pgrx::PgTupleDesc::from_pg_copy(columns).iter().map(|column| column.atttypid).collect()
    }
}

/// Whether what follows WHERE in a query calls a function that is declared volatile. Within [`connected`].
pub fn has_volatile_condition(query: &str) -> bool {
    // SAFETY: the source lives as long as the SPI connection; its list is one of Query, here of one SELECT.
    unsafe {
        let Some(source) = analysed(query) else { return false };
        let queries = source.query_list;
        if queries.is_null() || (*queries).length < 1 {
            return false;
        }
        let query = (*(*queries).elements).ptr_value.cast::<pg_sys::Query>();
        let from = (*query).jointree;
        !from.is_null() && pg_sys::contain_volatile_functions((*from).quals)
    }
}

/// # Safety
/// The result must not outlive the SPI connection.
unsafe fn analysed<'a>(query: &str) -> Option<&'a pg_sys::CachedPlanSource> {
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

/// Runs a query and puts its rows into a set, in parallel where PostgreSQL would. Within [`connected`].
pub fn execute_into(query: &str, rows: &RowSet) {
    let query = c_string(query);
    // SAFETY: the receiver writes into the set's tuplestore, which outlives the query.
    unsafe {
        let receiver = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            let receiver = CreateTuplestoreDestReceiver();
            SetTuplestoreDestReceiverParams(
                receiver,
                rows.store(),
                rows.context(),
                false,
                std::ptr::null_mut(),
                std::ptr::null(),
            );
            receiver
        });
        let options = pg_sys::SPIExecuteOptions {
            read_only: true,
            must_return_tuples: true,
            dest: receiver,
            ..pg_sys::SPIExecuteOptions::default()
        };
        pg_sys::SPI_execute_extended(query.as_ptr(), &options);
    }
}

/// Runs a statement that changes something; the number of rows that it did. Within [`connected`].
pub fn execute(statement: &str, arguments: &[(pg_sys::Oid, pg_sys::Datum)]) -> u64 {
    let statement = c_string(statement);
    let mut types: Vec<pg_sys::Oid> = arguments.iter().map(|(oid, _)| *oid).collect();
    let mut values: Vec<pg_sys::Datum> = arguments.iter().map(|(_, value)| *value).collect();
    // SAFETY: types and values have the same length; without nulls the array of them may be null.
    unsafe {
        pg_sys::SPI_execute_with_args(
            statement.as_ptr(),
            arguments.len() as i32,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            std::ptr::null(),
            false,
            0,
        );
        pg_sys::SPI_processed
    }
}

/// Runs `body` with settings changed for as long as it runs; an error takes them back with the transaction.
pub fn with_settings<R>(settings: &[(&std::ffi::CStr, &std::ffi::CStr)], body: impl FnOnce() -> R) -> R {
    // SAFETY: a nest level of its own, ended where nothing unwinds; PostgreSQL ends it where something does.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        let result = body();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}
