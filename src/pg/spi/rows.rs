//! The rows of a query. Columns are found by name once for each result, and then read by position.
//!
//! ```ignore
//! let rows = spi::select("SELECT rule, last_error FROM travel.status", &[]);
//! spi::columns!(rows => rule, last_error);
//! for row in rows.iter() {
//!     println!("{:?}: {:?}", row.text(rule)?, row.text(last_error)?);
//! }
//! ```

use crate::pg::array;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::inet;
use crate::pg::srf::RowSet;
use crate::pg::types::{self, Type};
use pgrx::pg_sys;
use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;

/// The rows of a query, which live until the SPI connection ends or they are dropped.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    pub len: usize,
    /// The types that all columns were found to have, identified by their address: see [`Rows::columns`].
    checked: Cell<*const Type>,
}

/// Where a column is in the rows of one query: see [`columns!`].
#[derive(Clone, Copy, Debug)]
pub struct Column(usize);

/// One of the rows. Each accessor checks the type of the column that it reads, and ends the statement with SQLSTATE
/// 42804 if the column has another type. NULL reads as `None`.
#[derive(Clone, Copy)]
pub struct QueryRow<'r> {
    rows: &'r Rows,
    at: usize,
}

/// Finds columns of [`Rows`] by name and binds each to a variable of that name. It returns an error from the calling
/// function if a column is missing.
macro_rules! columns {
    ($rows:expr => $($column:ident),+ $(,)?) => {
        let [$($column),+] = $rows.find_columns([$(stringify!($column)),+])?;
    };
}
pub(crate) use columns;

impl Rows {
    /// The rows that the last statement left in SPI's variables.
    pub(super) fn just_read() -> Self {
        // SAFETY: reads variables of the backend.
        let (table, len) = unsafe { (pg_sys::SPI_tuptable, pg_sys::SPI_processed as usize) };
        Self { table, len: if table.is_null() { 0 } else { len }, checked: Cell::new(std::ptr::null()) }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = QueryRow<'_>> {
        (0..self.len).map(|at| QueryRow { rows: self, at })
    }

    pub fn first(&self) -> Option<QueryRow<'_>> {
        self.iter().next()
    }

    /// The column of a query that returns one.
    pub fn only_column(&self) -> Column {
        Column(0)
    }

    /// Finds columns by name. [`columns!`] is the way to call it.
    pub fn find_columns<const N: usize>(&self, names: [&str; N]) -> Result<[Column; N], TravelError> {
        let description = self.description();
        let find = |name: &str| {
            description.iter().flat_map(|columns| columns.iter()).position(|column| column.name() == name)
        };
        let found = names.map(find);
        let count = found.iter().flatten().count();
        if count < N {
            return Err(UsageError::QueryColumns { expected: N, found: count }.into());
        }
        Ok(found.map(|at| Column(at.unwrap_or_default())))
    }

    /// All columns of a row at once, which is cheaper than one by one where there are many. The query must return
    /// exactly these columns, with these types.
    #[inline]
    pub fn columns<const N: usize>(
        &self,
        row: usize,
        types: &'static [Type; N],
    ) -> Result<[Option<pg_sys::Datum>; N], TravelError> {
        if self.checked.get() != types.as_ptr() {
            self.check_types(types)?;
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

    /// Adds all rows to a set, whose columns must have the same types.
    pub fn push_into(&self, set: &mut RowSet) -> Result<(), TravelError> {
        // SAFETY: the set's descriptor lives as long as the query.
        let wanted = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(set.tuple_desc()) };
        let types = |columns: &pgrx::PgTupleDesc| -> Vec<pg_sys::Oid> {
            columns.iter().filter(|column| !column.attisdropped).map(|column| column.atttypid).collect()
        };
        let found = self.description().map(|columns| types(&columns)).unwrap_or_default();
        if found != types(&wanted) || found.len() != wanted.len() {
            return Err(UsageError::QueryColumns { expected: wanted.len(), found: found.len() }.into());
        }
        for at in 0..self.len {
            // SAFETY: SPI made the table with `len` rows, which have the types of the set's columns.
            unsafe { pg_sys::tuplestore_puttuple(set.store(), *(*self.table).vals.add(at)) };
        }
        Ok(())
    }

    #[cold]
    fn check_types(&self, types: &[Type]) -> Result<(), TravelError> {
        let found = self.description().map_or(0, |columns| columns.len());
        if found != types.len() {
            return Err(UsageError::QueryColumns { expected: types.len(), found }.into());
        }
        types.iter().enumerate().try_for_each(|(column, wanted)| self.check_type(Column(column), *wanted))
    }

    #[inline]
    fn check_type(&self, Column(at): Column, wanted: Type) -> Result<(), TravelError> {
        let columns = self.description();
        match columns.as_ref().and_then(|columns| columns.get(at)) {
            Some(attribute) => types::check(attribute, wanted),
            None => Err(UsageError::QueryColumns { expected: at + 1, found: 0 }.into()),
        }
    }

    /// The descriptor of the columns. `None` if the statement returned no rows by its nature.
    #[inline]
    fn description(&self) -> Option<pgrx::PgTupleDesc<'_>> {
        if self.table.is_null() {
            return None;
        }
        // SAFETY: SPI made the descriptor with the rows; both live as long as `self`.
        Some(unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*self.table).tupdesc) })
    }
}

impl<'r> QueryRow<'r> {
    /// A value as PostgreSQL passes it.
    #[inline]
    pub fn datum(self, column: Column, wanted: Type) -> Option<pg_sys::Datum> {
        if let Err(error) = self.rows.check_type(column, wanted) {
            error.raise();
        }
        let mut is_null = true;
        // SAFETY: SPI made the table, which has this row, and its descriptor, which has the column.
        unsafe {
            let table = self.rows.table;
            let tuple = *(*table).vals.add(self.at);
            let value = pg_sys::SPI_getbinval(tuple, (*table).tupdesc, column.0 as i32 + 1, &mut is_null);
            (!is_null).then_some(value)
        }
    }

    /// A value of a variable-length type, as a copy in the current memory context that outlives the rows.
    pub fn datum_copy(self, column: Column, wanted: Type) -> Option<pg_sys::Datum> {
        // SAFETY: by the caller, the type that `datum` checks has a variable length.
        self.datum(column, wanted)
            .map(|value| pg_sys::Datum::from(unsafe { pg_sys::pg_detoast_datum_copy(value.cast_mut_ptr()) }))
    }

    /// A composite value.
    pub fn composite(self, column: Column) -> Option<pg_sys::Datum> {
        self.datum(column, Type::Composite)
    }

    /// A column whose content is text, such as `text`, `json` or a domain over them.
    #[inline]
    pub fn text(self, column: Column) -> Result<Option<&'r str>, TravelError> {
        // SAFETY: the column has such a type, which `datum` checks; SPI's rows are flat and live as long as `Rows`.
        self.datum(column, Type::Text).map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose()
    }

    pub fn string(self, column: Column) -> Result<Option<String>, TravelError> {
        Ok(self.text(column)?.map(str::to_owned))
    }

    /// A text that outlives the rows and is shared from then on.
    pub fn shared_text(self, column: Column) -> Result<Option<Arc<str>>, TravelError> {
        Ok(self.text(column)?.map(Arc::from))
    }

    /// The elements of a `text[]` that are not NULL; none where the array is NULL.
    pub fn texts(self, column: Column) -> Result<Vec<String>, TravelError> {
        let Some(datum) = self.datum(column, Type::TextArray) else { return Ok(Vec::new()) };
        // SAFETY: the column is a text[], which `datum` checks.
        Ok(unsafe { array::texts(datum) }?.into_iter().flatten().collect())
    }

    /// A `bigint`, or a `timestamptz` in microseconds since 2000-01-01 UTC.
    pub fn i64(self, column: Column) -> Option<i64> {
        self.datum(column, Type::Int8OrTime).map(|datum| datum.value() as i64)
    }

    pub fn bool(self, column: Column) -> Option<bool> {
        self.datum(column, Type::Bool).map(|datum| datum.value() as u8 != 0)
    }

    /// Whether a boolean is true. NULL is not.
    pub fn is_true(self, column: Column) -> bool {
        self.bool(column) == Some(true)
    }

    pub fn f64(self, column: Column) -> Option<f64> {
        self.datum(column, Type::Float8).map(|datum| f64::from_bits(datum.value() as u64))
    }

    /// The host of an `inet`.
    pub fn host(self, column: Column) -> Option<IpAddr> {
        // SAFETY: the column is an inet, which `datum` checks.
        self.datum(column, Type::Inet).and_then(|datum| unsafe { inet::read(datum) })
    }

    /// A `cidr`: its address and the length of its prefix.
    pub fn cidr(self, column: Column) -> Option<(IpAddr, u8)> {
        // SAFETY: the column is a cidr, which `datum` checks.
        self.datum(column, Type::Cidr).and_then(|datum| unsafe { inet::read_prefix(datum) })
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
