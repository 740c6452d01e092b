//! Rows whose columns are read and changed by their names.
//!
//! pgrx's `PgHeapTuple` converts values by the requested Rust type and allocates memory for each change. This module
//! checks the type of a column at run time ([`Type`]), because an owner can alter the table. It changes several columns
//! at once.

use super::array;
use super::errors::{TravelError, UsageError};
use super::function::{utf8, varlena_bytes};
use super::memory::varlena;
use super::row::tuple_of;
use super::types::{self, Type};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// A row of the trigger's table, or of another table.
#[derive(Clone, Copy)]
pub struct Tuple {
    pub(super) tuple: pg_sys::HeapTuple,
    pub(super) desc: pg_sys::TupleDesc,
}

impl Tuple {
    /// The row in a composite value of a table's type. It lives as long as the value, in the current memory context.
    ///
    /// # Safety
    /// `row` must be such a value.
    pub unsafe fn of_composite(row: pg_sys::Datum) -> Self {
        // SAFETY: by the caller; the header says of which type the value is. The descriptor is a copy.
        unsafe {
            let tuple: pg_sys::HeapTuple = pg_sys::palloc(size_of::<pg_sys::HeapTupleData>()).cast();
            tuple.write(tuple_of(row));
            let datum = &(*(*tuple).t_data).t_choice.t_datum;
            let desc = pg_sys::lookup_rowtype_tupdesc_copy(datum.datum_typeid, datum.datum_typmod);
            Self { tuple, desc }
        }
    }

    /// The result of a trigger that puts this row into the table.
    pub fn result(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.tuple)
    }

    /// The ctid of the row, as a tid.
    pub fn ctid(&self) -> pg_sys::Datum {
        // SAFETY: the row lives as long as the trigger runs.
        pg_sys::Datum::from(unsafe { &raw mut (*self.tuple).t_self })
    }

    /// The type of a column, or the base type of its domain. `None` if the column does not exist.
    pub fn type_of(&self, column: &CStr) -> Option<pg_sys::Oid> {
        // SAFETY: the descriptor is the open table's, and the type is one that a column has.
        unsafe {
            let number = pg_sys::SPI_fnumber(self.desc, column.as_ptr());
            (number > 0).then(|| super::types::base_type(pg_sys::SPI_gettypeid(self.desc, number)))
        }
    }

    pub fn is_null(&self, column: &CStr) -> bool {
        self.look_up(column, None).is_none()
    }

    /// The value of a column. If the column is not of the `wanted` type, the statement ends with the SQLSTATE 42804.
    fn datum(&self, column: &CStr, wanted: Type) -> Option<pg_sys::Datum> {
        self.look_up(column, Some(wanted))
    }

    /// The value of a column. It is `None`, too, if the column does not exist: the library may be newer than the table.
    fn look_up(&self, column: &CStr, wanted: Option<Type>) -> Option<pg_sys::Datum> {
        // SAFETY: row and descriptor belong together.
        unsafe {
            let number = pg_sys::SPI_fnumber(self.desc, column.as_ptr());
            if number <= 0 {
                return None;
            }
            if let Some(wanted) = wanted {
                self.check(number, wanted);
            }
            let mut is_null = true;
            let datum = pg_sys::SPI_getbinval(self.tuple, self.desc, number, &mut is_null);
            (!is_null).then_some(datum)
        }
    }

    /// Checks the type of a column, counted from 1.
    fn check(&self, number: i32, wanted: Type) {
        // SAFETY: the descriptor is the open table's.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(self.desc) };
        let column = usize::try_from(number - 1).ok().and_then(|column| columns.get(column));
        let result = match column {
            Some(attribute) => types::check(attribute, wanted),
            None => Err(UsageError::QueryColumns { expected: 1, found: 0 }.into()),
        };
        if let Err(error) = result {
            error.raise();
        }
    }

    pub fn text(&self, column: &CStr) -> Result<Option<&str>, TravelError> {
        // SAFETY: the column is of such a type, which `datum` checks.
        self.datum(column, Type::Text).map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose()
    }

    /// The first NOT NULL column without a value, but for those in `later`.
    pub fn missing(&self, later: &[&str]) -> Option<String> {
        // SAFETY: the descriptor is the open table's.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(self.desc) };
        let mut values = self.values(columns.len()).into_iter();
        let missing = columns.iter().find(|column| {
            let value = values.next().flatten();
            column.attnotnull && !column.attisdropped && value.is_none() && !later.contains(&column.name())
        });
        missing.map(|column| column.name().to_owned())
    }

    /// The names of the columns.
    pub fn column_names(&self) -> Vec<String> {
        // SAFETY: the descriptor is the open table's, or a copy of it.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(self.desc) };
        let columns = columns.iter().filter(|column| !column.attisdropped);
        columns.map(|column| column.name().to_owned()).collect()
    }

    /// Whether an array has at most one dimension.
    pub fn is_list(&self, column: &CStr) -> bool {
        self.datum(column, Type::TextArray).is_none_or(|datum| {
            // SAFETY: the column is an array, as `datum` checked.
            unsafe { (*pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>()).ndim <= 1 }
        })
    }

    /// The elements of a `text[]`.
    pub fn texts(&self, column: &CStr) -> Result<Option<Vec<Option<String>>>, TravelError> {
        // SAFETY: as in `text`.
        self.datum(column, Type::TextArray).map(|datum| unsafe { array::texts(datum) }).transpose()
    }

    pub fn jsonb(&self, column: &CStr) -> Option<pg_sys::Datum> {
        self.datum(column, Type::Jsonb)
    }

    pub fn i64(&self, column: &CStr) -> Option<i64> {
        self.datum(column, Type::Int8OrTime).map(|datum| datum.value() as i64)
    }

    pub fn f64(&self, column: &CStr) -> Option<f64> {
        self.datum(column, Type::Float8).map(|datum| f64::from_bits(datum.value() as u64))
    }

    pub fn bool(&self, column: &CStr) -> Option<bool> {
        self.datum(column, Type::Bool).map(|datum| datum.value() as u8 != 0)
    }

    /// The length of an interval in microseconds, as `extract(epoch FROM …)` computes it: a year has 365.25 days, and a
    /// month has 30 days.
    pub fn interval(&self, column: &CStr) -> Option<i128> {
        const HOUR: i128 = 3_600_000_000;
        self.datum(column, Type::Interval).map(|datum| {
            // SAFETY: the column is an interval, which is passed by reference.
            let interval = unsafe { &*datum.cast_mut_ptr::<pg_sys::Interval>() };
            let (years, months) = (i128::from(interval.month / 12), i128::from(interval.month % 12));
            (years * 8766 + (months * 30 + i128::from(interval.day)) * 24) * HOUR + i128::from(interval.time)
        })
    }

    /// The value of a column as text, for messages.
    pub fn written(&self, column: &CStr) -> String {
        // SAFETY: as in `look_up`; the text lives in the current memory context.
        unsafe {
            let number = pg_sys::SPI_fnumber(self.desc, column.as_ptr());
            let text = pg_sys::SPI_getvalue(self.tuple, self.desc, number);
            if text.is_null() {
                return "NULL".to_owned();
            }
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }

    /// The row as a value of its table's type, with that type.
    pub fn composite(&self) -> (pg_sys::Oid, pg_sys::Datum) {
        // SAFETY: as in `look_up`.
        unsafe { ((*self.desc).tdtypeid, pg_sys::heap_copy_tuple_as_datum(self.tuple, self.desc)) }
    }

    /// A timestamptz: microseconds since 2000-01-01 UTC.
    pub fn timestamp(&self, column: &CStr) -> Option<i64> {
        self.datum(column, Type::Timestamptz).map(|datum| datum.value() as i64)
    }

    /// A copy of the row with other values in some columns.
    pub fn with(&self, changes: &[(&CStr, Value)]) -> Self {
        // SAFETY: the descriptor is the open table's.
        let number = |column: &CStr| unsafe { pg_sys::SPI_fnumber(self.desc, column.as_ptr()) };
        let mut numbers: Vec<i32> = changes.iter().map(|(column, _)| number(column)).collect();
        for ((_, value), number) in changes.iter().zip(&numbers) {
            if let Some((kind, _)) = value {
                self.check(*number, *kind);
            }
        }
        let datum = |value: &Value| value.map_or(pg_sys::Datum::from(0_usize), |(_, datum)| datum);
        let mut values: Vec<pg_sys::Datum> = changes.iter().map(|(_, value)| datum(value)).collect();
        let mut nulls: Vec<bool> = changes.iter().map(|(_, value)| value.is_none()).collect();
        // SAFETY: row and descriptor belong together; the three arrays have one entry a change, whose type was checked.
        // The new row lives as long as the old one.
        let tuple = unsafe {
            pg_sys::heap_modify_tuple_by_cols(
                self.tuple,
                self.desc,
                changes.len() as i32,
                numbers.as_mut_ptr(),
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            )
        };
        Self { tuple, desc: self.desc }
    }

    /// The columns whose values differ in their bytes.
    pub fn changed(&self, new: &Self) -> Vec<Change> {
        // SAFETY: the descriptor is the open table's.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(self.desc) };
        let (old, new) = (self.values(columns.len()), new.values(columns.len()));
        let pairs = old.into_iter().zip(new);
        columns
            .iter()
            .zip(pairs)
            .filter(|(column, _)| !column.attisdropped)
            .filter(|(column, pair)| match *pair {
                // SAFETY: the values are of the column's type.
                (Some(old), Some(new)) => unsafe { !is_same(old, new, column.attbyval, column.attlen) },
                (old, new) => old.is_some() != new.is_some(),
            })
            .map(|(column, (old, new))| Change {
                column: column.name().to_owned(),
                oid: column.atttypid,
                old,
                new,
            })
            .collect()
    }

    fn values(&self, columns: usize) -> Vec<Option<pg_sys::Datum>> {
        let mut values = vec![pg_sys::Datum::from(0_usize); columns];
        let mut nulls = vec![true; columns];
        // SAFETY: row and descriptor belong together, and both arrays have an entry a column.
        unsafe { pg_sys::heap_deform_tuple(self.tuple, self.desc, values.as_mut_ptr(), nulls.as_mut_ptr()) };
        values.into_iter().zip(nulls).map(|(value, is_null)| (!is_null).then_some(value)).collect()
    }
}

/// The new value of a column, with its type. `None` is NULL.
pub type Value = Option<(Type, pg_sys::Datum)>;

pub fn text(text: &str) -> Value {
    Some((Type::Text, varlena(text.as_bytes())))
}

/// A timestamptz: microseconds since 2000-01-01 UTC.
pub fn timestamp(time: i64) -> Value {
    Some((Type::Timestamptz, pg_sys::Datum::from(time)))
}

/// A column that an UPDATE changes.
pub struct Change {
    pub column: String,
    pub oid: pg_sys::Oid,
    pub old: Option<pg_sys::Datum>,
    pub new: Option<pg_sys::Datum>,
}

impl Change {
    pub fn is_of(&self, columns: &[&str]) -> bool {
        columns.contains(&self.column.as_str())
    }
}

/// Whether two values have the same bytes.
///
/// # Safety
/// Both must be values of a type with this length that is passed this way.
unsafe fn is_same(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: i16) -> bool {
    // SAFETY: by the caller.
    unsafe {
        match length {
            _ if by_value => a == b,
            -1 => varlena_bytes(a) == varlena_bytes(b),
            -2 => CStr::from_ptr(a.cast_mut_ptr()) == CStr::from_ptr(b.cast_mut_ptr()),
            _ => {
                let bytes = |datum: pg_sys::Datum| {
                    std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>().cast_const(), length as usize)
                };
                bytes(a) == bytes(b)
            }
        }
    }
}

/// A text as a C string's owner, for names of columns that are put together.
pub fn column_name(prefix: &str, name: &str) -> CString {
    super::identifier::c_string(&format!("{prefix}{name}"))
}
