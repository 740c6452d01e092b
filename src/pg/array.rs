//! Arrays as results.

use super::errors::TravelError;
use super::memory::{MAX_VARLENA, varlena, within};
use pgrx::pg_sys;

/// A `text[]` in the current memory context.
pub fn of_texts(texts: &[&str]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = texts.iter().map(|text| varlena(text.as_bytes())).collect();
    // SAFETY: text is a variable-length type, aligned to 4 bytes; the elements are texts.
    unsafe {
        pg_sys::Datum::from(pg_sys::construct_array(
            elements.as_mut_ptr(),
            elements.len() as i32,
            pg_sys::TEXTOID,
            -1,
            false,
            b'i' as std::ffi::c_char,
        ))
    }
}

/// An array of rows that grows, in a memory context of its own under the current one.
pub struct Growing {
    state: *mut pg_sys::ArrayBuildState,
    element: pg_sys::Oid,
    /// Where a row and its columns are made, emptied after each.
    scratch: pg_sys::MemoryContext,
    size: usize,
}

impl Growing {
    pub fn new(element: pg_sys::Oid) -> Self {
        // SAFETY: plain calls; both contexts live under the current one.
        unsafe {
            let parent = pg_sys::CurrentMemoryContext;
            Self {
                state: pg_sys::initArrayResult(element, parent, true),
                element,
                scratch: pg_sys::AllocSetContextCreateExtended(
                    parent,
                    c"travel: a row of an array".as_ptr(),
                    0,
                    8 * 1024,
                    8 * 1024 * 1024,
                ),
                size: 0,
            }
        }
    }

    /// Adds the composite value that `make` makes.
    pub fn push(&mut self, make: impl FnOnce() -> Result<pg_sys::Datum, TravelError>) -> Result<(), TravelError> {
        // SAFETY: the scratch context is this value's own, as is the state, which copies the element.
        unsafe {
            let row = within(self.scratch, make)?;
            self.size += pgrx::varlena::varsize_any(row.cast_mut_ptr()) + 8;
            if self.size > MAX_VARLENA {
                return Err(TravelError::TooManyLegs);
            }
            self.state =
                pg_sys::accumArrayResult(self.state, row, false, self.element, pg_sys::CurrentMemoryContext);
            pg_sys::MemoryContextReset(self.scratch);
        }
        Ok(())
    }

    pub fn finish(self) -> pg_sys::Datum {
        // SAFETY: as in `push`; without elements it gives the empty array.
        unsafe { pg_sys::makeArrayResult(self.state, pg_sys::CurrentMemoryContext) }
    }
}
