//! Queries of the extension's own, run through SPI.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | running a query: [`connected`], [`select`], [`execute`], [`with_settings`] |
//! | [`argument`] | values for `$1`, `$2`, …: [`Argument::text`] and its siblings |
//! | [`rows`] | what a query returns: columns by name, values by type |
//! | [`cursor`] | rows that are fetched in portions |
//! | [`receiver`] | rows as the executor has them, which are not copied |
//! | [`analysis`] | what a query would read, run and return, without running it |
//!
//! The columns of a query can differ between its analysis and its execution, because a function or a view can be
//! replaced in between. So a value is read as a type only after the type of its column was checked: by the accessors of
//! [`QueryRow`], by [`Rows::columns`], by [`Cursor::fetch_each`], by [`execute_into`] and by [`execute_rows_into`].

mod analysis;
mod argument;
mod cursor;
mod receiver;
mod rows;

pub use analysis::{column_types, has_volatile_condition, objects_in};
pub use argument::Argument;
pub use cursor::Cursor;
pub(crate) use rows::columns;
pub use rows::{Column, QueryRow, Rows};

use super::errors::TravelError;
use super::identifier::{c_string, identifiers, quoted};
use super::srf::RowSet;
use argument::SpiArguments;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

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
///
/// SPI_finish frees the rows of all queries. [`Rows`] contains a pointer, so it is not [`Send`], and the compiler does not
/// let `body` return rows.
pub fn connected<R: Send>(body: impl FnOnce() -> R) -> R {
    // SAFETY: the calls are paired where nothing unwinds.
    unsafe {
        pg_sys::SPI_connect();
        let result = body();
        pg_sys::SPI_finish();
        result
    }
}

/// Runs `body` as [`connected`] does, with a search_path in which names and operators without a schema are PostgreSQL's
/// own. It is for queries over the catalogs with the rights of a caller whose search_path may contain objects of others.
pub fn in_pg_catalog<R: Send>(body: impl FnOnce() -> R) -> R {
    with_settings(&[(c"search_path", c"pg_catalog, pg_temp")], || connected(body))
}

/// Runs `body` as [`connected`] does, with a search_path in which `pg_catalog` comes first. Use this for queries that
/// contain SQL of the caller, because their names are looked up in the caller's search_path. If this search_path lists
/// another schema before `pg_catalog`, the extension's own SQL would use the operators of that schema.
pub fn with_pg_catalog_first<R: Send>(body: impl FnOnce() -> R) -> R {
    match search_path_without_pg_catalog() {
        Some(path) => with_settings(&[(c"search_path", &path)], || connected(body)),
        None => connected(body),
    }
}

/// Returns the search_path without `pg_catalog`, so PostgreSQL searches `pg_catalog` first. Returns `None` if it
/// already does.
fn search_path_without_pg_catalog() -> Option<CString> {
    const PG_CATALOG: &str = "pg_catalog";
    // SAFETY: reads a setting of the backend, which is a C string.
    let path = unsafe { CStr::from_ptr(pg_sys::namespace_search_path) };
    let mut names = identifiers(&path.to_string_lossy(), b',')?;
    if names.iter().position(|name| name == PG_CATALOG)? == 0 {
        return None;
    }
    names.retain(|name| name != PG_CATALOG);
    Some(c_string(&names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")))
}

/// Runs a query and puts its rows into a set, in parallel where PostgreSQL would. The columns of both must have the
/// same types; otherwise the statement ends with SQLSTATE 42804 before the first row. Returns the number of rows. Within
/// [`connected`].
pub fn execute_into(query: &str, rows: &RowSet) -> u64 {
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
                c"unexpected columns in a query of impossible_travel".as_ptr(),
            );
            receiver
        });
        execute_to(&query, receiver)
    }
}

/// Does the same as [`execute_into`] for a query with one column, whose values have the row type of the set. PostgreSQL
/// then copies each row as a whole on its way to the set, and not column by column.
pub fn execute_rows_into(query: &str, rows: &RowSet) -> u64 {
    let mut receiver = receiver::RowsOfSet::new(rows);
    // SAFETY: the receiver outlives the query.
    unsafe { execute_to(&c_string(query), receiver.as_destination()) }
}

/// Runs a query that sees what the statement of the caller sees. Returns the number of rows.
///
/// # Safety
/// The receiver must live until this returns.
unsafe fn execute_to(query: &CStr, receiver: *mut pg_sys::DestReceiver) -> u64 {
    let options = pg_sys::SPIExecuteOptions {
        read_only: true,
        must_return_tuples: true,
        dest: receiver,
        ..pg_sys::SPIExecuteOptions::default()
    };
    // SAFETY: by the caller.
    unsafe {
        pg_sys::SPI_execute_extended(query.as_ptr(), &options);
        pg_sys::SPI_processed
    }
}

/// Runs a query whose rows are not needed, in parallel where PostgreSQL would. It sees what the running statement sees.
/// Within [`connected`].
pub fn execute_of_statement(query: &str) {
    let query = c_string(query);
    let options = pg_sys::SPIExecuteOptions { read_only: true, ..pg_sys::SPIExecuteOptions::default() };
    // SAFETY: a C string that outlives the call.
    unsafe { pg_sys::SPI_execute_extended(query.as_ptr(), &options) };
}

/// Runs a query and collects its rows. It sees what this transaction did before it. Within [`connected`].
pub fn select(query: &str, arguments: &[Argument]) -> Rows {
    run(query, arguments);
    Rows::just_read()
}

/// Runs a query as [`select`] does, which sees what the running statement sees: the rows of the active snapshot. Within
/// [`connected`].
pub fn select_of_statement(query: &str, arguments: &[Argument]) -> Rows {
    run_as(query, arguments, true);
    Rows::just_read()
}

/// Runs a query as [`select`] does, with a plan that the session keeps. It is for queries that take longer to plan than
/// to run, and `text` must read nothing but the catalogs. Within [`connected`].
pub fn select_prepared(text: &'static str, arguments: &[Argument]) -> Rows {
    thread_local! {
        static PLANS: RefCell<HashMap<&'static str, pg_sys::SPIPlanPtr>> = RefCell::default();
    }
    let mut spi = SpiArguments::of(arguments);
    let known = PLANS.with_borrow(|plans| plans.get(text).copied());
    // SAFETY: types, values and nulls have the same length; a plan that is kept lives as long as the session.
    unsafe {
        let plan = known.unwrap_or_else(|| {
            let query = c_string(text);
            let plan = pg_sys::SPI_prepare_cursor(
                query.as_ptr(),
                arguments.len() as i32,
                spi.types.as_mut_ptr(),
                pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
            );
            if pg_sys::SPI_keepplan(plan) == 0 {
                PLANS.with_borrow_mut(|plans| plans.insert(text, plan));
            }
            plan
        });
        pg_sys::SPI_execute_plan(plan, spi.values.as_mut_ptr(), spi.nulls.as_ptr(), false, 0);
    }
    Rows::just_read()
}

/// Runs a statement and returns how many rows it affected. Within [`connected`].
pub fn execute(statement: &str, arguments: &[Argument]) -> u64 {
    run(statement, arguments);
    // SAFETY: the statement just run left it here.
    unsafe { pg_sys::SPI_processed }
}

/// Runs a statement as [`execute`] does, with a plan that the session keeps until it runs another statement in this way.
/// It is for a statement that a session is likely to run many times in a row. PostgreSQL plans it again after a change of
/// the objects in it. Within [`connected`].
pub fn execute_kept(statement: &str, arguments: &[Argument]) -> u64 {
    struct Kept {
        statement: String,
        plan: pg_sys::SPIPlanPtr,
        /// A trigger of the statement may run another statement in this way, which must not free the plan.
        is_running: bool,
    }
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    /// Ends the run, also where an error unwinds.
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            KEPT.with_borrow_mut(|kept| {
                if let Some(kept) = kept {
                    kept.is_running = false;
                }
            });
        }
    }
    let known = KEPT.with_borrow(|kept| {
        kept.as_ref().map(|kept| (kept.is_running, (kept.statement == statement).then_some(kept.plan)))
    });
    let mut spi = SpiArguments::of(arguments);
    let plan = match known {
        Some((true, _)) => return execute(statement, arguments),
        Some((false, Some(plan))) => plan,
        _ => {
            let query = c_string(statement);
            // SAFETY: types and values have the same length; a plan that is kept lives until it is freed, and the one
            // before is not running.
            unsafe {
                let plan =
                    pg_sys::SPI_prepare(query.as_ptr(), arguments.len() as i32, spi.types.as_mut_ptr());
                if pg_sys::SPI_keepplan(plan) != 0 {
                    return execute(statement, arguments);
                }
                let before = KEPT.with_borrow_mut(|kept| {
                    kept.replace(Kept { statement: statement.to_owned(), plan, is_running: false })
                });
                if let Some(before) = before {
                    pg_sys::SPI_freeplan(before.plan);
                }
                plan
            }
        }
    };
    KEPT.with_borrow_mut(|kept| {
        if let Some(kept) = kept {
            kept.is_running = true;
        }
    });
    let _running = Running;
    // SAFETY: the plan is kept while it runs; types, values and nulls have the same length.
    unsafe {
        pg_sys::SPI_execute_plan(plan, spi.values.as_mut_ptr(), spi.nulls.as_ptr(), false, 0);
        pg_sys::SPI_processed
    }
}

fn run(statement: &str, arguments: &[Argument]) {
    run_as(statement, arguments, false);
}

fn run_as(statement: &str, arguments: &[Argument], read_only: bool) {
    let statement = c_string(statement);
    let mut spi = SpiArguments::of(arguments);
    // SAFETY: types, values and nulls have the same length. SPI leaves its own memory context as the current one, which
    // lives until the connection ends, so the one before is restored.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        pg_sys::SPI_execute_with_args(
            statement.as_ptr(),
            arguments.len() as i32,
            spi.types.as_mut_ptr(),
            spi.values.as_mut_ptr(),
            spi.nulls.as_ptr(),
            read_only,
            0,
        );
        pg_sys::MemoryContextSwitchTo(context);
    }
}

/// Runs a query of one text column and collects its values that are not NULL. Within [`connected`].
pub fn texts(query: &str, arguments: &[Argument]) -> Result<Vec<String>, TravelError> {
    let rows = select(query, arguments);
    let column = rows.only_column();
    rows.iter().filter_map(|row| row.string(column).transpose()).collect()
}

/// Runs a query of one row and one text column. `None` if the value is NULL or there is no row. Within [`connected`].
pub fn select_text(query: &str, arguments: &[Argument]) -> Result<Option<String>, TravelError> {
    let rows = select(query, arguments);
    rows.first().map_or(Ok(None), |row| row.string(rows.only_column()))
}

/// Runs a query of one row and one `timestamptz` column, in microseconds since 2000-01-01 UTC. `None` if the value is
/// NULL or there is no row. Within [`connected`].
pub fn select_time(query: &str) -> Option<i64> {
    let rows = select(query, &[]);
    rows.first().and_then(|row| row.i64(rows.only_column()))
}

/// A setting for a cursor of which all rows are fetched. Without it, the query is planned for its first rows.
pub const ALL_ROWS: [(&std::ffi::CStr, &std::ffi::CStr); 1] = [(c"cursor_tuple_fraction", c"1")];

/// Settings for a query that indexes answer, because the planner cannot estimate how many rows belong to a name. The
/// first two are for a single index. JIT is off because a plan that needs a sequential scan nevertheless is then estimated
/// at a cost at which PostgreSQL would compile it.
pub const BY_INDEX: [(&std::ffi::CStr, &std::ffi::CStr); 4] = [
    (c"jit", c"off"),
    (c"enable_seqscan", c"off"),
    (c"enable_hashjoin", c"off"),
    (c"enable_mergejoin", c"off"),
];

/// Settings for a query over the extension's own tables that looks up each of many names by an index on the name. A
/// bitmap of the one row that a name has takes longer.
pub const BY_NAME: [(&std::ffi::CStr, &std::ffi::CStr); 6] = [
    BY_INDEX[0],
    BY_INDEX[1],
    BY_INDEX[2],
    BY_INDEX[3],
    (c"enable_bitmapscan", c"off"),
    (c"enable_memoize", c"off"),
];

/// Runs `body` with changed settings, which it restores afterwards; an error restores them with the transaction. It
/// also undoes what a user's function sets meanwhile, even for the session: a search_path that such a function left
/// behind would apply to what runs next, with other rights.
pub fn with_settings<R>(settings: &[(&CStr, &CStr)], body: impl FnOnce() -> R) -> R {
    with_settings_as(pg_sys::GucContext::PGC_USERSET, settings, body)
}

/// Runs `body` as [`with_settings`] does, with settings that only those may change who have the rights of `context`.
pub fn with_settings_as<R>(
    context: pg_sys::GucContext::Type,
    settings: &[(&CStr, &CStr)],
    body: impl FnOnce() -> R,
) -> R {
    // SAFETY: a nest level of its own, ended where nothing unwinds; PostgreSQL ends it where something does.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                context,
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
