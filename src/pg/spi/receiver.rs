//! Rows as the executor has them. They are not copied, as those of [`Rows`](super::Rows) are, which saves much where a
//! query returns millions of rows.

use crate::pg::errors::{TravelError, UsageError};
use crate::pg::memory::Scratch;
use crate::pg::srf::RowSet;
use crate::pg::types::{self, Type};
use pgrx::pg_sys;

/// Called with the values of a row, each `None` if it is NULL, and with their number.
type Each<'e> = dyn FnMut(&[pg_sys::Datum], &[bool]) -> Result<(), TravelError> + 'e;

/// What PostgreSQL passes rows to. The first field is PostgreSQL's part, through which it finds the others.
#[repr(C)]
pub(super) struct Receiver<'e> {
    receiver: pg_sys::DestReceiver,
    types: &'static [Type],
    each: &'e mut Each<'e>,
    /// Where values are decompressed, or fetched from outside their row.
    scratch: &'e Scratch,
    /// The first error ends the query.
    pub result: Result<(), TravelError>,
}

impl<'e> Receiver<'e> {
    /// A receiver of rows that have columns of these types.
    pub fn new(types: &'static [Type], scratch: &'e Scratch, each: &'e mut Each<'e>) -> Self {
        let receiver = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(start_up),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        Self { receiver, types, each, scratch, result: Ok(()) }
    }

    /// The part that PostgreSQL takes. It is valid as long as `self`.
    pub fn as_destination(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }

    fn check_types(&self, description: pg_sys::TupleDesc) -> Result<(), TravelError> {
        // SAFETY: the executor passes the descriptor of the rows, which lives as long as the query.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked(description) };
        if columns.len() != self.types.len() {
            return Err(UsageError::QueryColumns { expected: self.types.len(), found: columns.len() }.into());
        }
        columns.iter().zip(self.types).try_for_each(|(column, wanted)| types::check(column, *wanted))
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn start_up(
    this: *mut pg_sys::DestReceiver,
    _operation: std::ffi::c_int,
    description: pg_sys::TupleDesc,
) {
    // SAFETY: `as_destination` made the pointer of a receiver that outlives the query.
    let this = unsafe { &mut *this.cast::<Receiver>() };
    this.result = this.check_types(description);
}

/// Takes a row. Returns whether the query is to continue.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: as in `start_up`. The executor passes a row with the columns that were checked there; its values are valid
    // until it continues.
    let (this, values, nulls) = unsafe {
        let this = &mut *this.cast::<Receiver>();
        let count = this.types.len();
        if ((*slot).tts_nvalid as usize) < count {
            pg_sys::slot_getsomeattrs_int(slot, count as i32);
        }
        let values = std::slice::from_raw_parts((*slot).tts_values, count);
        (this, values, std::slice::from_raw_parts((*slot).tts_isnull, count))
    };
    if this.result.is_ok() {
        let Receiver { each, scratch, result, .. } = this;
        *result = scratch.within(|| each(values, nulls));
    }
    this.result.is_ok()
}

/// A receiver for the rows of a query with one column, whose values become the rows of a set.
#[repr(C)]
pub(super) struct RowsOfSet<'r> {
    receiver: pg_sys::DestReceiver,
    rows: &'r RowSet,
}

impl<'r> RowsOfSet<'r> {
    /// Makes a receiver for this set.
    pub fn new(rows: &'r RowSet) -> Self {
        let receiver = pg_sys::DestReceiver {
            receiveSlot: Some(receive_row),
            rStartup: Some(check_row_type),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        Self { receiver, rows }
    }

    /// The part that PostgreSQL takes. It is valid as long as `self`.
    pub fn as_destination(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check_row_type(
    this: *mut pg_sys::DestReceiver,
    _operation: std::ffi::c_int,
    description: pg_sys::TupleDesc,
) {
    // SAFETY: `as_destination` made the pointer of a receiver that outlives the query. The executor passes the
    // descriptor of the rows, which lives as long as the query, as that of the set does.
    let (columns, wanted) = unsafe {
        let this = &*this.cast::<RowsOfSet>();
        (pgrx::PgTupleDesc::from_pg_unchecked(description), (*this.rows.tuple_desc()).tdtypeid)
    };
    let is_wanted = |column: &pg_sys::FormData_pg_attribute| column.atttypid == wanted;
    if columns.len() != 1 || !columns.iter().all(is_wanted) {
        TravelError::from(UsageError::QueryColumns { expected: 1, found: columns.len() }).raise();
    }
}

/// Puts a row into the set, which copies it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive_row(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: as in `check_row_type`, which checked the type of the only column.
    unsafe {
        let this = &*this.cast::<RowsOfSet>();
        if (*slot).tts_nvalid < 1 {
            pg_sys::slot_getsomeattrs_int(slot, 1);
        }
        if !*(*slot).tts_isnull {
            this.rows.push_composite(*(*slot).tts_values);
        }
    }
    true
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn end(_this: *mut pg_sys::DestReceiver) {}
