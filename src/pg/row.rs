//! Rows of a composite type, written column by column in the form in which PostgreSQL stores them.
//!
//! This stands beside `heap_form_tuple`, and beside pgrx's `PgHeapTuple`, because rows are made once for each event:
//!
//! - `PgHeapTuple::set_by_name` looks up each attribute by its name and copies the whole tuple for each column.
//! - `heap_form_tuple` takes an array of datums. Each text must be allocated as a datum first, and is then copied into
//!   the row. [`RowWriter`] writes the bytes of a text into the row directly, so a row of 33 columns is one allocation.
//!
//! docs/performance.md has what the functions that use it cost: `travel.parse`, whose row has 33 columns, and
//! `travel.locate`. A measurement of [`RowWriter`] alone against `heap_form_tuple` is not recorded. It is kept because
//! these functions spend a large part of their time on making the row, and it is confined to this file: the tuple's
//! header comes from `heap_form_tuple` itself (see [`RowType`]), so only the layout of columns, which no version of
//! PostgreSQL can change without breaking `pg_upgrade`, is written here.

use super::errors::{TravelError, UsageError};
use super::function::Call;
use super::inet;
use super::memory::{MAX_VARLENA, within};
use super::types::{self, Type};
use pgrx::pg_sys::{self, HeapTupleHeaderData};
use std::mem::offset_of;
use std::net::IpAddr;

/// The row type that a call site returns. It is looked up once and kept in the memory context of the call site.
#[derive(Clone, Copy)]
pub struct RowType {
    columns: usize,
    /// The header of a row of NULLs, as PostgreSQL itself forms it: what the header says of the type differs between
    /// minor versions.
    header: *const HeapTupleHeaderData,
}

impl RowType {
    /// Looks up a composite type, and checks that its columns have the types as which they are written.
    ///
    /// # Safety
    /// `context` must live as long as the result is used.
    pub unsafe fn load(
        oid: pg_sys::Oid,
        columns: impl IntoIterator<Item = Type>,
        context: pg_sys::MemoryContext,
    ) -> Result<Self, TravelError> {
        lock_type(oid)?;
        // SAFETY: by the caller; the type is a composite one, and stays, and so does its descriptor.
        unsafe {
            let tuple_desc = within(context, || pg_sys::lookup_rowtype_tupdesc_copy(oid, -1));
            let attributes = pgrx::PgTupleDesc::from_pg_unchecked(tuple_desc);
            attributes
                .iter()
                .zip(columns)
                .try_for_each(|(attribute, wanted)| types::check(attribute, wanted))?;
            Ok(within(context, || Self::of(tuple_desc)))
        }
    }

    /// The row type of a function that returns a record with OUT columns.
    pub fn of_call(call: &Call) -> Result<Self, TravelError> {
        call.result_type()?;
        // SAFETY: the context lives as long as the call site.
        unsafe {
            within(call.site_context(), || {
                let mut tuple_desc: pg_sys::TupleDesc = std::ptr::null_mut();
                let kind = pg_sys::get_call_result_type(call.raw(), std::ptr::null_mut(), &mut tuple_desc);
                if kind != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE {
                    return Err(UsageError::WrongRowType { expected: 1, found: 0 }.into());
                }
                Ok(Self::of(pg_sys::CreateTupleDescCopy(tuple_desc)))
            })
        }
    }

    /// # Safety
    /// `tuple_desc` must be that of a row type.
    unsafe fn of(tuple_desc: pg_sys::TupleDesc) -> Self {
        // SAFETY: by the caller; there are as many values and flags as columns.
        unsafe {
            let tuple_desc = pg_sys::BlessTupleDesc(tuple_desc);
            let columns = (*tuple_desc).natts as usize;
            let (mut values, mut nulls) = (vec![pg_sys::Datum::from(0_usize); columns], vec![true; columns]);
            let empty = pg_sys::heap_form_tuple(tuple_desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            Self { columns, header: (*empty).t_data }
        }
    }
}

/// Locks a composite type until the transaction ends. It is an error if the type was dropped while this waited for the
/// lock.
pub fn lock_type(oid: pg_sys::Oid) -> Result<(), TravelError> {
    // SAFETY: catalog look-ups; the relation behind the type is closed, its lock kept.
    unsafe {
        let relation = pg_sys::get_typ_typrelid(oid);
        if relation == pg_sys::InvalidOid {
            return Err(UsageError::ExtensionDropped.into());
        }
        let relation = pg_sys::try_relation_open(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        if relation.is_null() {
            return Err(UsageError::ExtensionDropped.into());
        }
        pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
    Ok(())
}

/// The row in a composite value, in the form that the functions of PostgreSQL take. It lives as long as the value, or in the
/// current memory context.
///
/// # Safety
/// `value` must be a composite value.
pub unsafe fn tuple_of(value: pg_sys::Datum) -> pg_sys::HeapTupleData {
    // SAFETY: by the caller; the value begins with the header of the row.
    unsafe {
        let header = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<HeapTupleHeaderData>();
        pg_sys::HeapTupleData {
            t_len: pgrx::varlena::varsize_4b(header.cast()) as u32,
            t_data: header,
            ..pg_sys::HeapTupleData::default()
        }
    }
}

/// A row under construction. The caller adds the columns in the order of the row type.
pub struct RowWriter<const N: usize> {
    /// Room for the header, then the columns so far. Allocated in the current memory context.
    start: *mut u8,
    room: usize,
    used: usize,
    columns: usize,
    /// The columns that are not NULL, as bits in the order of the null bitmap.
    present: u64,
    infomask: u16,
}

/// The offset of the null bitmap in a header.
const BITMAP: usize = offset_of!(HeapTupleHeaderData, t_bits);

/// The size of a header with a null bitmap of this many bytes.
const fn header(bitmap: usize) -> usize {
    (BITMAP + bitmap).next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize)
}

/// The size of the header of a row without NULLs.
const BARE_HEADER: usize = header(0);

/// The first allocation for a row, in bytes. Most rows fit.
const ROOM: usize = 1024;

/// The longest content of a value with a header of one byte.
const MAX_SHORT: usize = 126;

impl<const N: usize> RowWriter<N> {
    /// The offset of the first column, behind a header with a null bitmap.
    const HEADER: usize = header(N.div_ceil(8));

    #[inline]
    pub fn new() -> Self {
        Self::with_room(0)
    }

    /// A row that will have so many more bytes than most rows.
    #[inline]
    pub fn with_room(more: usize) -> Self {
        const { assert!(N <= u64::BITS as usize && Self::HEADER < ROOM) };
        let room = ROOM.saturating_add(more);
        // SAFETY: a plain allocation. What is too large is an error of PostgreSQL's.
        let start = unsafe { pg_sys::palloc(room).cast() };
        Self { start, room, used: Self::HEADER, columns: 0, present: 0, infomask: 0 }
    }

    /// Makes room for the next column, which is not NULL, and returns its place.
    #[inline(always)]
    fn place(&mut self, align: usize, size: usize) -> *mut u8 {
        let at = self.used.next_multiple_of(align);
        if at + size > self.room {
            self.grow(at + size);
        }
        // SAFETY: within the room.
        let place = unsafe {
            std::ptr::write_bytes(self.start.add(self.used), 0, at - self.used);
            self.start.add(at)
        };
        self.used = at + size;
        self.present |= 1_u64.wrapping_shl(self.columns as u32);
        self.columns += 1;
        place
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        self.room = (2 * least).min(MAX_VARLENA).max(least);
        // SAFETY: allocated by `new`; what is too large is an error of PostgreSQL's.
        self.start = unsafe { pg_sys::repalloc(self.start.cast(), self.room).cast() };
    }

    /// Adds a column that is NULL.
    fn null(&mut self) {
        self.columns += 1;
    }

    #[inline]
    pub fn text(&mut self, value: Option<&str>) {
        match value {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.null(),
        }
    }

    /// Adds a value of a variable-length type with this content.
    #[inline]
    pub fn bytes(&mut self, content: &[u8]) {
        self.infomask |= pg_sys::HEAP_HASVARWIDTH as u16;
        if content.len() <= MAX_SHORT { self.short(content) } else { self.long(content) }
    }

    fn short(&mut self, content: &[u8]) {
        let size = content.len() + 1;
        let place = self.place(1, size);
        // SAFETY: the place is as long as header and content.
        unsafe {
            pgrx::varlena::set_varsize_short(place.cast(), size as i32);
            std::ptr::copy_nonoverlapping(content.as_ptr(), place.add(1), content.len());
        }
    }

    #[inline(never)]
    fn long(&mut self, content: &[u8]) {
        let size = content.len() + pg_sys::VARHDRSZ;
        let place = self.place(4, size);
        // SAFETY: as in `short`.
        unsafe {
            pgrx::varlena::set_varsize_4b(place.cast(), size as i32);
            std::ptr::copy_nonoverlapping(content.as_ptr(), place.add(pg_sys::VARHDRSZ), content.len());
        }
    }

    pub fn f64(&mut self, value: Option<f64>) {
        self.i64(value.map(|number| number.to_bits() as i64));
    }

    pub fn i64(&mut self, value: Option<i64>) {
        match value {
            // SAFETY: the place is as long as the value, and as aligned.
            Some(number) => unsafe { self.place(8, 8).cast::<i64>().write(number) },
            None => self.null(),
        }
    }

    pub fn bool(&mut self, value: Option<bool>) {
        match value {
            // SAFETY: the place is as long as the value.
            Some(truth) => unsafe { self.place(1, 1).write(u8::from(truth)) },
            None => self.null(),
        }
    }

    /// Adds a timestamptz: microseconds since 2000-01-01 UTC.
    pub fn timestamp(&mut self, value: Option<i64>) {
        self.i64(value);
    }

    pub fn host(&mut self, value: Option<IpAddr>) {
        self.network(value.map(|host| (host, if host.is_ipv4() { 32 } else { 128 })));
    }

    /// Adds an inet or cidr with the length of its prefix.
    pub fn network(&mut self, value: Option<(IpAddr, u8)>) {
        match value {
            Some((address, prefix)) => {
                let (bytes, length) = inet::content(address, prefix);
                self.bytes(&bytes[..length]);
            }
            None => self.null(),
        }
    }

    /// Completes the row. A row type with fewer columns is that of an older version, before `ALTER EXTENSION … UPDATE`:
    /// columns are only ever added at the end, so the row has the first ones, and the bytes of the rest are not read. It
    /// is an error if the row type has more columns: the library is older than the SQL objects.
    #[inline]
    pub fn finish(mut self, row_type: RowType) -> Result<pg_sys::Datum, TravelError> {
        if row_type.columns > N || self.columns != N {
            return Err(UsageError::WrongRowType { expected: N, found: row_type.columns }.into());
        }
        let has_nulls = self.present.count_ones() as usize != N;
        let header = if has_nulls { Self::HEADER } else { BARE_HEADER };
        // SAFETY: the row type's header lives as long as the call site; in front of the columns there is room for one,
        // and for a null bitmap, of which a row without NULLs has none.
        unsafe {
            if header < Self::HEADER {
                std::ptr::copy(
                    self.start.add(Self::HEADER),
                    self.start.add(header),
                    self.used - Self::HEADER,
                );
                self.used -= Self::HEADER - header;
            }
            std::ptr::write_bytes(self.start, 0, header);
            std::ptr::copy_nonoverlapping(row_type.header.cast(), self.start, BITMAP);
            let tuple = self.start.cast::<HeapTupleHeaderData>();
            pgrx::varlena::set_varsize_4b(tuple.cast(), self.used as i32);
            (*tuple).t_hoff = header as u8;
            (*tuple).t_infomask |= self.infomask;
            if has_nulls {
                let bitmap = self.present.to_le_bytes();
                std::ptr::copy_nonoverlapping(bitmap.as_ptr(), self.start.add(BITMAP), N.div_ceil(8));
            } else {
                (*tuple).t_infomask &= !(pg_sys::HEAP_HASNULL as u16);
            }
            Ok(pg_sys::Datum::from(tuple))
        }
    }
}
