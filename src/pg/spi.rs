//! Queries of the extension's own, through SPI, with plain C strings in and rows or tuplestores out.
//!
//! The columns of a query can differ between its analysis and its execution, because a function or a view can be
//! replaced in between. So every value is read as a type only after the type of its column was checked: by
//! [`Rows`], whose accessors all do, and by [`execute_into`].

use super::errors::TravelError;
use super::function::{utf8, varlena_bytes};
use super::identifier::c_string;
use super::srf::RowSet;
use super::types::{self, Type};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

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

/// What a query reads and runs. Within [`connected`].
pub fn objects_in(query: &str) -> Vec<super::used::Object> {
    // SAFETY: the source lives as long as the SPI connection; its list is one of Query.
    unsafe { analysed(query).map_or_else(Vec::new, |source| super::used::objects_in(source.query_list)) }
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

/// Runs a query and puts its rows into a set, in parallel where PostgreSQL would. Its columns must have the types of the
/// set's; else the statement ends with 42804 before the first row. Within [`connected`].
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
                rows.tuple_desc(),
                c"a query of impossible_travel does not give the columns that it should".as_ptr(),
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

/// An argument of a statement: its type, and its value unless it is NULL.
pub type Argument = (pg_sys::Oid, Option<pg_sys::Datum>);

/// The rows of a query, until the SPI connection ends or they are dropped. The accessors check the type of the column
/// that they read, and end the statement with 42804 where it is another.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    pub len: usize,
    /// The types that all columns were found to have, by their address.
    checked: Cell<*const Type>,
}

impl Rows {
    /// Those that the statement just run left in SPI's variables.
    fn just_read() -> Self {
        // SAFETY: reads variables of the backend.
        let (table, len) = unsafe { (pg_sys::SPI_tuptable, pg_sys::SPI_processed as usize) };
        Self { table, len: if table.is_null() { 0 } else { len }, checked: Cell::new(std::ptr::null()) }
    }

    /// All columns of a row at once: cheaper than one by one where there are many. The query must give as many columns,
    /// of these types.
    #[inline]
    pub fn columns<const N: usize>(
        &self,
        row: usize,
        types: &'static [Type; N],
    ) -> Result<[Option<pg_sys::Datum>; N], TravelError> {
        if self.checked.get() != types.as_ptr() {
            self.check(types)?;
            self.checked.set(types.as_ptr());
        }
        let (mut values, mut nulls) = ([pg_sys::Datum::from(0_usize); N], [true; N]);
        if row < self.len {
            // SAFETY: SPI made the table with `len` rows. They have N columns, as was checked.
            unsafe {
                let tuple = *(*self.table).vals.add(row);
                let description = (*self.table).tupdesc;
                pg_sys::heap_deform_tuple(tuple, description, values.as_mut_ptr(), nulls.as_mut_ptr());
            }
        }
        Ok(std::array::from_fn(|column| (!nulls[column]).then_some(values[column])))
    }

    #[cold]
    fn check(&self, types: &[Type]) -> Result<(), TravelError> {
        // SAFETY: SPI made the descriptor with the rows.
        let found = if self.table.is_null() { 0 } else { unsafe { (*(*self.table).tupdesc).natts as usize } };
        if found != types.len() {
            return Err(TravelError::QueryColumns { expected: types.len(), found });
        }
        types.iter().enumerate().try_for_each(|(column, wanted)| self.check_column(column, *wanted))
    }

    /// Checks the type of a column, counted from 0.
    #[inline]
    fn check_column(&self, column: usize, wanted: Type) -> Result<(), TravelError> {
        if self.table.is_null() {
            return Err(TravelError::QueryColumns { expected: column + 1, found: 0 });
        }
        // SAFETY: SPI made the descriptor with the rows.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*self.table).tupdesc) };
        match columns.get(column) {
            Some(attribute) => types::check(attribute, wanted),
            None => Err(TravelError::QueryColumns { expected: column + 1, found: columns.len() }),
        }
    }

    /// A column, counted from 0, of a row; none where it is NULL, or the row is not there.
    #[inline]
    pub fn get(&self, row: usize, column: usize, wanted: Type) -> Option<pg_sys::Datum> {
        if row >= self.len {
            return None;
        }
        if let Err(error) = self.check_column(column, wanted) {
            error.raise();
        }
        let mut is_null = true;
        // SAFETY: SPI made the table with `len` rows, and its descriptor, which has the column, with them.
        unsafe {
            let tuple = *(*self.table).vals.add(row);
            let value = pg_sys::SPI_getbinval(tuple, (*self.table).tupdesc, column as i32 + 1, &mut is_null);
            (!is_null).then_some(value)
        }
    }

    /// A column whose content is text. SPI's rows are stored flat.
    #[inline]
    pub fn text(&self, row: usize, column: usize) -> Result<Option<&str>, TravelError> {
        // SAFETY: the column is of such a type, which `get` checks; the row lives as long as `self`.
        self.get(row, column, Type::Text).map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose()
    }

    /// A bigint, or a timestamptz as microseconds since 2000-01-01 UTC.
    pub fn i64(&self, row: usize, column: usize) -> Option<i64> {
        self.get(row, column, Type::Int8OrTime).map(|datum| datum.value() as i64)
    }

    pub fn bool(&self, row: usize, column: usize) -> Option<bool> {
        self.get(row, column, Type::Bool).map(|datum| datum.value() as u8 != 0)
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // While an error unwinds, PostgreSQL frees them.
        if !self.table.is_null() && !std::thread::panicking() {
            // SAFETY: made by SPI, freed once.
            unsafe { pg_sys::SPI_freetuptable(self.table) };
        }
    }
}

/// Runs a query and collects its rows. It sees what this transaction did before it. Within [`connected`].
pub fn select(query: &str, arguments: &[Argument]) -> Rows {
    run(query, arguments);
    Rows::just_read()
}

/// Runs a query as [`select`] does, with a plan that the session keeps: for queries that take longer to plan than to run.
/// `text` is a constant, and asks for no more than the catalogs. Within [`connected`].
pub fn select_kept(text: &'static str, arguments: &[Argument]) -> Rows {
    thread_local! {
        static PLANS: RefCell<HashMap<&'static str, pg_sys::SPIPlanPtr>> = RefCell::default();
    }
    let (mut types, mut values, nulls) = split(arguments);
    let known = PLANS.with_borrow(|plans| plans.get(text).copied());
    // SAFETY: types, values and nulls have the same length; a plan that is kept lives as long as the session.
    unsafe {
        let plan = known.unwrap_or_else(|| {
            let query = c_string(text);
            let plan = pg_sys::SPI_prepare_cursor(
                query.as_ptr(),
                arguments.len() as i32,
                types.as_mut_ptr(),
                pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
            );
            if pg_sys::SPI_keepplan(plan) == 0 {
                PLANS.with_borrow_mut(|plans| plans.insert(text, plan));
            }
            plan
        });
        pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), false, 0);
    }
    Rows::just_read()
}

/// Runs a statement; the number of its rows. Within [`connected`].
pub fn execute(statement: &str, arguments: &[Argument]) -> u64 {
    run(statement, arguments);
    // SAFETY: the statement just run left it here.
    unsafe { pg_sys::SPI_processed }
}

fn run(statement: &str, arguments: &[Argument]) {
    let statement = c_string(statement);
    let (mut types, mut values, nulls) = split(arguments);
    // SAFETY: types, values and nulls have the same length.
    unsafe {
        pg_sys::SPI_execute_with_args(
            statement.as_ptr(),
            arguments.len() as i32,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            false,
            0,
        );
    }
}

/// Arguments as SPI takes them: types, values, and for each a blank or an n for NULL.
fn split(arguments: &[Argument]) -> (Vec<pg_sys::Oid>, Vec<pg_sys::Datum>, Vec<std::ffi::c_char>) {
    let types = arguments.iter().map(|(oid, _)| *oid);
    let values = arguments.iter().map(|(_, value)| value.unwrap_or(pg_sys::Datum::from(0_usize)));
    let nulls = arguments.iter().map(|(_, value)| value.map_or(b'n', |_| b' ') as std::ffi::c_char);
    (types.collect(), values.collect(), nulls.collect())
}

/// A query whose rows come in portions. Within [`connected`].
pub struct Cursor {
    portal: pg_sys::Portal,
}

impl Cursor {
    pub fn open(query: &str, arguments: &[Argument]) -> Self {
        let query = c_string(query);
        let (mut types, mut values, nulls) = split(arguments);
        // SAFETY: types, values and nulls have the same length; PostgreSQL copies them.
        let portal = unsafe {
            pg_sys::SPI_cursor_open_with_args(
                std::ptr::null(),
                query.as_ptr(),
                arguments.len() as i32,
                types.as_mut_ptr(),
                values.as_mut_ptr(),
                nulls.as_ptr(),
                false,
                0,
            )
        };
        Self { portal }
    }

    pub fn fetch(&mut self, count: usize) -> Rows {
        // SAFETY: the portal is open; the call leaves the rows in SPI's variables.
        unsafe { pg_sys::SPI_cursor_fetch(self.portal, true, count as std::ffi::c_long) };
        Rows::just_read()
    }

    pub fn close(self) {
        // SAFETY: the portal is open.
        unsafe { pg_sys::SPI_cursor_close(self.portal) };
    }
}

/// Runs `body` with settings changed for as long as it runs; an error takes them back with the transaction. What a
/// function of a user's sets in it, for the session or not, goes too: a search_path that it left behind would be that
/// of what runs next, with other rights.
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
        pg_sys::AtEOXact_GUC(false, level);
        result
    }
}
