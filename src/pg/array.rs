//! SQL arrays: making them from Rust values, and reading those of text.

use super::errors::{LegError, TravelError};
use super::function::{utf8, varlena_bytes};
use super::memory::{MAX_VARLENA, PallocVec, varlena, within};
use super::row_position::RowPosition;
use pgrx::pg_sys;

/// A `text[]` in the current memory context.
pub fn of_texts<T: AsRef<str>>(texts: &[T]) -> pg_sys::Datum {
    let elements = texts.iter().map(|text| varlena(text.as_ref().as_bytes()));
    // SAFETY: text is a variable-length type, aligned to 4 bytes; the elements are texts.
    unsafe { of_datums(elements, pg_sys::TEXTOID, -1, b'i') }
}

/// A `text[]` in the current memory context, of values that are texts.
pub fn of_text_datums(values: &[pg_sys::Datum]) -> pg_sys::Datum {
    // SAFETY: text is a variable-length type, aligned to 4 bytes; by the caller, the elements are texts.
    unsafe { of_datums(values.iter().copied(), pg_sys::TEXTOID, -1, b'i') }
}

/// A `jsonb[]` in the current memory context, of values that are jsonb.
pub fn of_jsonbs(values: &[pg_sys::Datum]) -> pg_sys::Datum {
    // SAFETY: jsonb is a variable-length type, aligned to 4 bytes; by the caller, the elements are jsonb.
    unsafe { of_datums(values.iter().copied(), pg_sys::JSONBOID, -1, b'i') }
}

/// A `timestamptz[]` in the current memory context: microseconds since 2000-01-01 UTC.
pub fn of_timestamps(times: &[i64]) -> pg_sys::Datum {
    let elements = times.iter().map(|time| pg_sys::Datum::from(*time));
    // SAFETY: a timestamptz is passed by value, 8 bytes aligned to 8.
    unsafe { of_datums(elements, pg_sys::TIMESTAMPTZOID, 8, b'd') }
}

/// An `oid[]` in the current memory context.
pub fn of_oids(oids: impl Iterator<Item = pg_sys::Oid>) -> pg_sys::Datum {
    let elements = oids.map(pg_sys::Datum::from);
    // SAFETY: an oid is passed by value, 4 bytes aligned to 4.
    unsafe { of_datums(elements, pg_sys::OIDOID, 4, b'i') }
}

/// A `bigint[]` in the current memory context.
pub fn of_i64s(numbers: &[i64]) -> pg_sys::Datum {
    let elements = numbers.iter().map(|number| pg_sys::Datum::from(*number));
    // SAFETY: a bigint is passed by value, 8 bytes aligned to 8.
    unsafe { of_datums(elements, pg_sys::INT8OID, 8, b'd') }
}

/// A `boolean[]` in the current memory context.
pub fn of_bools(values: impl Iterator<Item = bool>) -> pg_sys::Datum {
    let elements = values.map(pg_sys::Datum::from);
    // SAFETY: a boolean is passed by value, 1 byte.
    unsafe { of_datums(elements, pg_sys::BOOLOID, 1, b'c') }
}

/// An array of rows of one composite type in the current memory context, given the type of the array.
pub fn of_rows(array_type: pg_sys::Oid, rows: &[pg_sys::Datum]) -> pg_sys::Datum {
    // SAFETY: a look-up in the catalogs. A composite type has values of variable length, aligned to 8 bytes; by the
    // caller, the elements are such values.
    unsafe { of_datums(rows.iter().copied(), pg_sys::get_element_type(array_type), -1, b'd') }
}

/// Returns a `tid[]` in the current memory context.
pub fn of_row_positions(positions: &[RowPosition]) -> pg_sys::Datum {
    const TID_SIZE: i32 = size_of::<RowPosition>() as i32;
    let mut elements = PallocVec::new();
    for position in positions {
        pgrx::check_for_interrupts!();
        elements.push(pg_sys::Datum::from(std::ptr::from_ref(position)));
    }
    // SAFETY: a tid is passed by reference, 6 bytes aligned to 2. The elements are copied.
    let array = unsafe {
        pg_sys::construct_array(
            elements.as_mut_ptr(),
            elements.len() as i32,
            pg_sys::TIDOID,
            TID_SIZE,
            false,
            b's' as std::ffi::c_char,
        )
    };
    elements.free();
    pg_sys::Datum::from(array)
}

/// An array in the current memory context. The size (-1 if it varies) and the alignment of an element are as in
/// pg_type. There can be very many elements, so they are collected in memory of PostgreSQL.
///
/// # Safety
/// The elements must have this type, which is passed by value if it has a fixed size.
unsafe fn of_datums(
    values: impl Iterator<Item = pg_sys::Datum>,
    element: pg_sys::Oid,
    size: i32,
    align: u8,
) -> pg_sys::Datum {
    let mut elements = PallocVec::new();
    for value in values {
        pgrx::check_for_interrupts!();
        elements.push(value);
    }
    // SAFETY: by the caller; the elements are as many as their number says, and are copied.
    let array = unsafe {
        pg_sys::construct_array(
            elements.as_mut_ptr(),
            elements.len() as i32,
            element,
            size,
            size > 0,
            align as std::ffi::c_char,
        )
    };
    elements.free();
    pg_sys::Datum::from(array)
}

/// A `text[]` whose elements may be NULL, in the current memory context.
pub fn of_nullable_texts<T: AsRef<str>>(texts: &[Option<T>]) -> pg_sys::Datum {
    let bytes = texts.iter().map(|text| text.as_ref().map(|text| text.as_ref().as_bytes()));
    // SAFETY: a text consists of bytes in the database's encoding, which a string of Rust does.
    unsafe { of_varlenas(bytes, pg_sys::TEXTOID) }
}

/// A `bytea[]` whose elements may be NULL, in the current memory context.
pub fn of_byteas<'b>(values: impl ExactSizeIterator<Item = Option<&'b [u8]>>) -> pg_sys::Datum {
    // SAFETY: a bytea consists of any bytes.
    unsafe { of_varlenas(values, pg_sys::BYTEAOID) }
}

/// A `bigint[]` whose elements may be NULL, in the current memory context.
pub fn of_nullable_i64s(values: impl ExactSizeIterator<Item = Option<i64>>) -> pg_sys::Datum {
    let elements = values.map(|value| value.map(pg_sys::Datum::from));
    // SAFETY: a bigint is passed by value, 8 bytes aligned to 8.
    unsafe { of_nullable_datums(elements, pg_sys::INT8OID, 8, b'd') }
}

/// An array of values of variable length that are aligned to 4 bytes. `None` is NULL.
///
/// # Safety
/// The bytes must be values of this type without the header.
unsafe fn of_varlenas<'b>(
    values: impl ExactSizeIterator<Item = Option<&'b [u8]>>,
    element: pg_sys::Oid,
) -> pg_sys::Datum {
    // SAFETY: by the caller.
    unsafe { of_nullable_datums(values.map(|value| value.map(varlena)), element, -1, b'i') }
}

/// An array whose elements may be NULL, in the current memory context. Size and alignment are as for [`of_datums`].
///
/// # Safety
/// As for [`of_datums`].
unsafe fn of_nullable_datums(
    values: impl Iterator<Item = Option<pg_sys::Datum>>,
    element: pg_sys::Oid,
    size: i32,
    align: u8,
) -> pg_sys::Datum {
    let (mut elements, mut nulls) = (PallocVec::new(), PallocVec::new());
    for value in values {
        pgrx::check_for_interrupts!();
        elements.push(value.unwrap_or(pg_sys::Datum::from(0_usize)));
        nulls.push(value.is_none());
    }
    let (mut dimension, mut bound) = (elements.len() as i32, 1);
    // SAFETY: one dimension of as many elements as there are flags; none at all is the empty array.
    let array = unsafe {
        pg_sys::construct_md_array(
            elements.as_mut_ptr(),
            nulls.as_mut_ptr(),
            i32::from(!nulls.is_empty()),
            &mut dimension,
            &mut bound,
            element,
            size,
            size > 0,
            align as std::ffi::c_char,
        )
    };
    elements.free();
    nulls.free();
    pg_sys::Datum::from(array)
}

/// An array of composite values that grows one by one. It lives in a memory context of its own below the current one.
/// Most arrays stay empty, so the first element makes the contexts.
pub struct Growing {
    element: pg_sys::Oid,
    parent: pg_sys::MemoryContext,
    /// Null without elements.
    state: *mut pg_sys::ArrayBuildState,
    /// The memory context in which a row is made. It is emptied after each row.
    scratch: pg_sys::MemoryContext,
    size: usize,
}

impl Growing {
    pub fn new(element: pg_sys::Oid) -> Self {
        let (state, scratch) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: reads a variable of the backend.
        Self { element, parent: unsafe { pg_sys::CurrentMemoryContext }, state, scratch, size: 0 }
    }

    #[cold]
    fn begin(&mut self) {
        // SAFETY: plain calls; both contexts live under the parent.
        unsafe {
            self.state = pg_sys::initArrayResult(self.element, self.parent, true);
            self.scratch = pg_sys::AllocSetContextCreateExtended(
                self.parent,
                c"travel: a row of an array".as_ptr(),
                0,
                8 * 1024,
                8 * 1024 * 1024,
            );
        }
    }

    /// Adds the composite value that `make` returns. It is an error if the array would exceed 1 GB.
    pub fn push(
        &mut self,
        make: impl FnOnce() -> Result<pg_sys::Datum, TravelError>,
    ) -> Result<(), TravelError> {
        if self.state.is_null() {
            self.begin();
        }
        // SAFETY: the scratch context is this value's own, as is the state, which copies the element.
        unsafe {
            let row = within(self.scratch, make)?;
            self.size += pgrx::varlena::varsize_any(row.cast_mut_ptr()) + 8;
            if self.size > MAX_VARLENA {
                return Err(LegError::TooManyLegs.into());
            }
            self.state =
                pg_sys::accumArrayResult(self.state, row, false, self.element, pg_sys::CurrentMemoryContext);
            pg_sys::MemoryContextReset(self.scratch);
        }
        Ok(())
    }

    /// The array, in the current memory context.
    pub fn finish(self) -> pg_sys::Datum {
        // SAFETY: as in `push`.
        unsafe {
            if self.state.is_null() {
                return pg_sys::Datum::from(pg_sys::construct_empty_array(self.element));
            }
            let array = pg_sys::makeArrayResult(self.state, pg_sys::CurrentMemoryContext);
            pg_sys::MemoryContextDelete(self.scratch);
            array
        }
    }
}

/// The elements of an array, in memory of PostgreSQL. `None` is NULL.
#[derive(Clone)]
pub struct Elements {
    values: *const pg_sys::Datum,
    nulls: *const bool,
    at: usize,
    count: usize,
}

impl Iterator for Elements {
    type Item = Option<pg_sys::Datum>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at == self.count {
            return None;
        }
        self.at += 1;
        // SAFETY: `elements_of` made both with `count` elements.
        Some(unsafe { (!*self.nulls.add(at)).then(|| *self.values.add(at)) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count - self.at, Some(self.count - self.at))
    }
}

impl ExactSizeIterator for Elements {}

/// The elements of an array of a variable-length type whose alignment is `align` (as in pg_type).
///
/// # Safety
/// `datum` must be such an array, and the current memory context must live as long as the result.
pub unsafe fn elements(datum: pg_sys::Datum, align: u8) -> Elements {
    // SAFETY: by the caller.
    unsafe { elements_of(datum, -1, align) }
}

/// The elements of an array. Size (-1 if it varies) and alignment of an element are as in pg_type.
///
/// # Safety
/// As for [`elements`]. Elements of a fixed size are passed by value.
unsafe fn elements_of(datum: pg_sys::Datum, size: i32, align: u8) -> Elements {
    // SAFETY: by the caller.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            (*array).elemtype,
            size,
            size > 0,
            align as std::ffi::c_char,
            &mut values,
            &mut nulls,
            &mut count,
        );
        Elements { values, nulls, at: 0, count: count as usize }
    }
}

/// The elements of a `bigint[]` or `timestamptz[]`.
///
/// # Safety
/// `datum` must be an array whose elements have 8 bytes and are passed by value. Otherwise as for [`elements`].
pub unsafe fn i64s(datum: pg_sys::Datum) -> impl ExactSizeIterator<Item = Option<i64>> {
    // SAFETY: by the caller.
    let elements = unsafe { elements_of(datum, 8, b'd') };
    elements.map(|element| element.map(|datum| datum.value() as i64))
}

/// The elements of a `text[]`.
///
/// # Safety
/// `datum` must be a text[].
pub unsafe fn texts(datum: pg_sys::Datum) -> Result<Vec<Option<String>>, TravelError> {
    // SAFETY: by the caller.
    let elements = unsafe { elements(datum, b'i') };
    let text = |datum: pg_sys::Datum| {
        // SAFETY: an element of a text[] is a text.
        utf8(unsafe { varlena_bytes(datum) }).map(str::to_owned)
    };
    elements.map(|element| element.map(text).transpose()).collect()
}
