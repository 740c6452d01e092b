//! Arguments of a statement: a value with its SQL type, made by one constructor for each type.

use crate::pg::array;
use crate::pg::memory::varlena;
use crate::pg::row_position::RowPosition;
use crate::pg::types::TIMESTAMPTZ_ARRAY;
use pgrx::pg_sys;

/// `bytea[]`, for which pgrx has no name.
const BYTEA_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1001);

/// The OID of `tid[]`, for which pgrx has no constant either.
const TID_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1010);

/// An argument of a statement. Its value is in the memory context in which it was made.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    pub(super) oid: pg_sys::Oid,
    pub(super) value: Option<pg_sys::Datum>,
}

impl Argument {
    /// A value of any type; `None` is NULL. A value that is passed by reference must live as long as the argument.
    pub fn of(oid: pg_sys::Oid, value: Option<pg_sys::Datum>) -> Self {
        Self { oid, value }
    }

    /// A text.
    pub fn text(value: &(impl AsRef<str> + ?Sized)) -> Self {
        Self::optional_text(Some(value.as_ref()))
    }

    /// A text, or NULL.
    pub fn optional_text(value: Option<&str>) -> Self {
        Self::of(pg_sys::TEXTOID, value.map(|value| varlena(value.as_bytes())))
    }

    /// A `bigint`, or NULL.
    pub fn bigint(value: impl Into<Option<i64>>) -> Self {
        Self::of(pg_sys::INT8OID, value.into().map(pg_sys::Datum::from))
    }

    /// A `timestamptz` in microseconds since 2000-01-01 UTC, or NULL.
    pub fn time(value_us: impl Into<Option<i64>>) -> Self {
        Self::of(pg_sys::TIMESTAMPTZOID, value_us.into().map(pg_sys::Datum::from))
    }

    /// A `boolean`.
    pub fn boolean(value: bool) -> Self {
        Self::of(pg_sys::BOOLOID, Some(pg_sys::Datum::from(value)))
    }

    /// An `oid`.
    pub fn oid(value: pg_sys::Oid) -> Self {
        Self::of(pg_sys::OIDOID, Some(pg_sys::Datum::from(value)))
    }

    /// A `text[]`.
    pub fn texts<T: AsRef<str>>(values: &[T]) -> Self {
        Self::of(pg_sys::TEXTARRAYOID, Some(array::of_texts(values)))
    }

    /// A value that is a `text[]`; `None` is the empty array.
    pub fn text_array(value: Option<pg_sys::Datum>) -> Self {
        value.map_or_else(|| Self::texts::<&str>(&[]), |value| Self::of(pg_sys::TEXTARRAYOID, Some(value)))
    }

    /// A value that is a `timestamptz[]`; `None` is the empty array.
    pub fn time_array(value: Option<pg_sys::Datum>) -> Self {
        value.map_or_else(|| Self::times(&[]), |value| Self::of(TIMESTAMPTZ_ARRAY, Some(value)))
    }

    /// A `text[]` of values that are texts.
    pub fn text_datums(values: &[pg_sys::Datum]) -> Self {
        Self::of(pg_sys::TEXTARRAYOID, Some(array::of_text_datums(values)))
    }

    /// A `text[]` with NULL for each `None`.
    pub fn optional_texts<T: AsRef<str>>(values: &[Option<T>]) -> Self {
        Self::of(pg_sys::TEXTARRAYOID, Some(array::of_nullable_texts(values)))
    }

    /// A `bytea[]` with NULL for each `None`.
    pub fn byteas<'b>(values: impl ExactSizeIterator<Item = Option<&'b [u8]>>) -> Self {
        Self::of(BYTEA_ARRAY, Some(array::of_byteas(values)))
    }

    /// A `bigint[]`.
    pub fn bigints(values: &[i64]) -> Self {
        Self::of(pg_sys::INT8ARRAYOID, Some(array::of_i64s(values)))
    }

    /// A `bigint[]` with NULL for each `None`.
    pub fn optional_bigints(values: impl ExactSizeIterator<Item = Option<i64>>) -> Self {
        Self::of(pg_sys::INT8ARRAYOID, Some(array::of_nullable_i64s(values)))
    }

    /// A `boolean[]`.
    pub fn booleans(values: impl Iterator<Item = bool>) -> Self {
        Self::of(pg_sys::BOOLARRAYOID, Some(array::of_bools(values)))
    }

    /// An array of rows of one composite type, given the type of the array.
    pub fn rows(array_type: pg_sys::Oid, rows: &[pg_sys::Datum]) -> Self {
        Self::of(array_type, Some(array::of_rows(array_type, rows)))
    }

    /// A `jsonb[]` of values that are jsonb.
    pub fn jsonbs(values: &[pg_sys::Datum]) -> Self {
        Self::of(pg_sys::JSONBARRAYOID, Some(array::of_jsonbs(values)))
    }

    /// A `timestamptz[]`, each element in microseconds since 2000-01-01 UTC.
    pub fn times(values_us: &[i64]) -> Self {
        Self::of(TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(values_us)))
    }

    /// A `tid[]`.
    pub fn row_positions(positions: &[RowPosition]) -> Self {
        Self::of(TID_ARRAY, Some(array::of_row_positions(positions)))
    }

    /// An `oid[]`.
    pub fn oids(values: impl Iterator<Item = pg_sys::Oid>) -> Self {
        Self::of(pg_sys::OIDARRAYOID, Some(array::of_oids(values)))
    }
}

/// Arguments in the form that SPI takes: types, values, and for each value a blank, or an `n` if it is NULL. The three
/// have the same length.
pub(super) struct SpiArguments {
    pub types: Vec<pg_sys::Oid>,
    pub values: Vec<pg_sys::Datum>,
    pub nulls: Vec<std::ffi::c_char>,
}

impl SpiArguments {
    pub fn of(arguments: &[Argument]) -> Self {
        let null = pg_sys::Datum::from(0_usize);
        Self {
            types: arguments.iter().map(|argument| argument.oid).collect(),
            values: arguments.iter().map(|argument| argument.value.unwrap_or(null)).collect(),
            nulls: arguments
                .iter()
                .map(|argument| if argument.value.is_some() { b' ' } else { b'n' } as std::ffi::c_char)
                .collect(),
        }
    }
}
