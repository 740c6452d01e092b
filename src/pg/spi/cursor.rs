//! A query whose rows are fetched in portions.

use super::argument::{Argument, SpiArguments};
use super::rows::Rows;
use crate::pg::identifier::c_string;
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

    pub fn close(self) {
        // SAFETY: the portal is open.
        unsafe { pg_sys::SPI_cursor_close(self.portal) };
    }
}
