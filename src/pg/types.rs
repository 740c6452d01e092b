//! The types as which values are read. A column's type is checked before its values are read as one of these.

use super::errors::{TravelError, UsageError};
use pgrx::pg_sys;
use travel_core::columns::ColumnType;

/// `timestamptz[]`, for which pgrx has no name.
pub const TIMESTAMPTZ_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1185);

/// A type, or a group of types with the same binary form, as which a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A variable-length type whose content is text.
    Text,
    TextArray,
    Bytea,
    Bool,
    Float8,
    Inet,
    Cidr,
    Interval,
    Jsonb,
    Tid,
    Timestamptz,
    TimestamptzArray,
    /// bigint or timestamptz: eight bytes, passed by value.
    Int8OrTime,
    /// The type of the rows of a table, a view or a composite type.
    Composite,
}

impl Type {
    #[inline]
    fn is(self, oid: pg_sys::Oid) -> bool {
        use pg_sys::{BPCHAROID, INT8OID, JSONOID, TEXTOID, TIMESTAMPTZOID, VARCHAROID};
        match self {
            Self::Text => oid == TEXTOID || matches!(oid, VARCHAROID | BPCHAROID | JSONOID),
            Self::TextArray => oid == pg_sys::TEXTARRAYOID,
            Self::Bytea => oid == pg_sys::BYTEAOID,
            Self::Bool => oid == pg_sys::BOOLOID,
            Self::Float8 => oid == pg_sys::FLOAT8OID,
            Self::Inet => oid == pg_sys::INETOID,
            Self::Cidr => oid == pg_sys::CIDROID,
            Self::Interval => oid == pg_sys::INTERVALOID,
            Self::Jsonb => oid == pg_sys::JSONBOID,
            Self::Tid => oid == pg_sys::TIDOID,
            Self::Timestamptz => oid == TIMESTAMPTZOID,
            Self::TimestamptzArray => oid == TIMESTAMPTZ_ARRAY,
            Self::Int8OrTime => matches!(oid, INT8OID | TIMESTAMPTZOID),
            // SAFETY: a look-up in the catalogs.
            Self::Composite => unsafe { pg_sys::get_typ_typrelid(oid) != pg_sys::InvalidOid },
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextArray => "text[]",
            Self::Bytea => "bytea",
            Self::Bool => "boolean",
            Self::Float8 => "double precision",
            Self::Inet => "inet",
            Self::Cidr => "cidr",
            Self::Interval => "interval",
            Self::Jsonb => "jsonb",
            Self::Tid => "tid",
            Self::Timestamptz => "timestamp with time zone",
            Self::TimestamptzArray => "timestamp with time zone[]",
            Self::Int8OrTime => "bigint or timestamp with time zone",
            Self::Composite => "a composite type",
        }
    }
}

impl From<ColumnType> for Type {
    fn from(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Bigint => Self::Int8OrTime,
            ColumnType::Boolean => Self::Bool,
            ColumnType::Float8 => Self::Float8,
            ColumnType::Inet => Self::Inet,
            ColumnType::Text => Self::Text,
            ColumnType::Timestamptz => Self::Timestamptz,
        }
    }
}

/// Returns the base type of a domain. Any other type is returned unchanged, also one that was dropped meanwhile, for which
/// PostgreSQL's own function raises an internal error.
pub fn base_type(oid: pg_sys::Oid) -> pg_sys::Oid {
    let mut oid = oid;
    while let Some(base) = with_type(oid, |form| form.typbasetype).filter(|base| *base != pg_sys::InvalidOid)
    {
        oid = base;
    }
    oid
}

/// Reads the row of pg_type of a type. `None` if the type does not exist.
pub fn with_type<R>(oid: pg_sys::Oid, read: impl FnOnce(&pg_sys::FormData_pg_type) -> R) -> Option<R> {
    // SAFETY: a row of pg_type is released after it was read.
    unsafe {
        let tuple =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, pg_sys::Datum::from(oid));
        if tuple.is_null() {
            return None;
        }
        let result = read(&*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>());
        pg_sys::ReleaseSysCache(tuple);
        Some(result)
    }
}

/// Checks that a column can be read as a type. A value of a domain is one of its base type.
#[inline]
pub fn check(attribute: &pg_sys::FormData_pg_attribute, wanted: Type) -> Result<(), TravelError> {
    check_type(attribute.name(), attribute.atttypid, wanted)
}

/// Checks that a value of type `oid` can be read as a type. `name` is that of its column or argument.
#[inline]
pub fn check_type(name: &str, oid: pg_sys::Oid, wanted: Type) -> Result<(), TravelError> {
    if wanted.is(oid) { Ok(()) } else { check_base(name, oid, wanted) }
}

#[cold]
fn check_base(name: &str, oid: pg_sys::Oid, wanted: Type) -> Result<(), TravelError> {
    if oid != pg_sys::InvalidOid && wanted.is(base_type(oid)) {
        return Ok(());
    }
    // A dropped column has no type.
    // SAFETY: gives a C string in the current memory context, for any oid.
    let found = unsafe {
        let flags = pg_sys::FORMAT_TYPE_ALLOW_INVALID as pg_sys::bits16;
        std::ffi::CStr::from_ptr(pg_sys::format_type_extended(oid, -1, flags))
    };
    Err(UsageError::ColumnTypeChanged {
        column: name.to_owned(),
        expected: wanted.name(),
        found: found.to_string_lossy().into_owned(),
    }
    .into())
}
