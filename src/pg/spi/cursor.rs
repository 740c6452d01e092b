//! A query whose rows are fetched in portions.

use super::argument::{Argument, SpiArguments};
use super::receiver::Receiver;
use super::rows::Rows;
use crate::pg::errors::TravelError;
use crate::pg::identifier::c_string;
use crate::pg::memory::Scratch;
use crate::pg::types::Type;
use pgrx::pg_sys;

/// An open cursor. It ends with [`Cursor::close`], or with the SPI connection.
pub struct Cursor {
    portal: pg_sys::Portal,
}

impl Cursor {
    /// Starts a query. Within [`super::connected`]. With `of_statement`, it sees what the running statement sees;
    /// otherwise also what was committed or done since then.
    pub fn open(query: &str, arguments: &[Argument], of_statement: bool) -> Self {
        let query = c_string(query);
        let mut spi = SpiArguments::of(arguments);
        // SAFETY: types, values and nulls have the same length; PostgreSQL copies them.
        let portal = unsafe {
            pg_sys::SPI_cursor_open_with_args(
                std::ptr::null(),
                query.as_ptr(),
                arguments.len() as i32,
                spi.types.as_mut_ptr(),
                spi.values.as_mut_ptr(),
                spi.nulls.as_ptr(),
                of_statement,
                0,
            )
        };
        Self { portal }
    }

    /// The next rows, at most `count` of them.
    pub fn fetch(&mut self, count: usize) -> Rows {
        // SAFETY: the portal is open; the call leaves the rows in SPI's variables.
        unsafe { pg_sys::SPI_cursor_fetch(self.portal, true, count as std::ffi::c_long) };
        Rows::just_read()
    }

    /// Passes the next rows, at most `count` of them, to `each`: the values of the columns, which must have these types.
    /// The values are valid until it returns, and those that it decompresses take memory of `scratch`. Returns the number
    /// of rows. `each` must not run a query.
    pub fn fetch_each<const N: usize>(
        &mut self,
        count: usize,
        types: &'static [Type; N],
        scratch: &Scratch,
        mut each: impl FnMut(&[Option<pg_sys::Datum>; N]) -> Result<(), TravelError>,
    ) -> Result<usize, TravelError> {
        let mut row = |values: &[pg_sys::Datum], nulls: &[bool]| {
            each(&std::array::from_fn(|column| (!nulls[column]).then_some(values[column])))
        };
        let mut receiver = Receiver::new(types, scratch, &mut row);
        // SAFETY: the portal is open, and the receiver outlives the call.
        let fetched = unsafe {
            pg_sys::PortalRunFetch(
                self.portal,
                pg_sys::FetchDirection::FETCH_FORWARD,
                count as std::ffi::c_long,
                receiver.as_destination(),
            )
        };
        receiver.result?;
        Ok(fetched as usize)
    }

    pub fn close(self) {
        // SAFETY: the portal is open.
        unsafe { pg_sys::SPI_cursor_close(self.portal) };
    }
}
