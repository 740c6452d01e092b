//! Arrays as results.

use super::errors::TravelError;
use super::memory::{MAX_VARLENA, varlena};
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

/// An array that grows, in a memory context of its own under the current one.
pub struct Growing {
    state: *mut pg_sys::ArrayBuildState,
    element: pg_sys::Oid,
    size: usize,
}

impl Growing {
    pub fn new(element: pg_sys::Oid) -> Self {
        // SAFETY: a plain call; the state lives under the current context.
        let state = unsafe { pg_sys::initArrayResult(element, pg_sys::CurrentMemoryContext, true) };
        Self { state, element, size: 0 }
    }

    /// Adds a composite value; the copy that was made to pass it here is freed.
    pub fn push(&mut self, row: pg_sys::Datum) -> Result<(), TravelError> {
        // SAFETY: the state is this value's own; it copies the element, which is a palloc'ed row.
        unsafe {
            self.size += pgrx::varlena::varsize_any(row.cast_mut_ptr()) + 8;
            if self.size > MAX_VARLENA {
                return Err(TravelError::TooManyLegs);
            }
            self.state =
                pg_sys::accumArrayResult(self.state, row, false, self.element, pg_sys::CurrentMemoryContext);
            pg_sys::pfree(row.cast_mut_ptr());
        }
        Ok(())
    }

    pub fn finish(self) -> pg_sys::Datum {
        // SAFETY: as in `push`; without elements it gives the empty array.
        unsafe { pg_sys::makeArrayResult(self.state, pg_sys::CurrentMemoryContext) }
    }
}
