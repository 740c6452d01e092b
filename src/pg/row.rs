//! Rows of a composite type, built without a look-up by name.

use super::errors::TravelError;
use super::inet;
use super::memory::{varlena, within};
use pgrx::pg_sys;
use std::net::IpAddr;

/// The row type that a call site returns: found once, kept in its memory context.
#[derive(Clone, Copy)]
pub struct RowType {
    tuple_desc: pg_sys::TupleDesc,
}

impl RowType {
    /// # Safety
    /// `oid` must be a composite type, and `context` live as long as the result is used.
    pub unsafe fn load(oid: pg_sys::Oid, context: pg_sys::MemoryContext) -> Self {
        // SAFETY: by the caller.
        let tuple_desc = unsafe {
            within(context, || pg_sys::BlessTupleDesc(pg_sys::lookup_rowtype_tupdesc_copy(oid, -1)))
        };
        Self { tuple_desc }
    }

    /// The row type of a function that returns a record of OUT columns.
    ///
    /// # Safety
    /// `fcinfo` must be that of the running call, and `context` live as long as the result is used.
    pub unsafe fn of_call(fcinfo: pg_sys::FunctionCallInfo, context: pg_sys::MemoryContext) -> Self {
        // SAFETY: by the caller.
        unsafe {
            within(context, || {
                let mut tuple_desc: pg_sys::TupleDesc = std::ptr::null_mut();
                pg_sys::get_call_result_type(fcinfo, std::ptr::null_mut(), &mut tuple_desc);
                Self { tuple_desc: pg_sys::BlessTupleDesc(pg_sys::CreateTupleDescCopy(tuple_desc)) }
            })
        }
    }
}

/// A row under construction, column by column in the order of its type.
pub struct Row<const N: usize> {
    values: [pg_sys::Datum; N],
    nulls: [bool; N],
    next: usize,
}

impl<const N: usize> Row<N> {
    pub fn new() -> Self {
        Self { values: [pg_sys::Datum::from(0_usize); N], nulls: [true; N], next: 0 }
    }

    pub fn datum(&mut self, value: Option<pg_sys::Datum>) {
        if let (Some(value), Some(slot)) = (value, self.values.get_mut(self.next)) {
            *slot = value;
            self.nulls[self.next] = false;
        }
        self.next += 1;
    }

    pub fn text(&mut self, value: Option<&str>) {
        self.datum(value.map(|text| varlena(text.as_bytes())));
    }

    pub fn f64(&mut self, value: Option<f64>) {
        self.datum(value.map(|number| pg_sys::Datum::from(number.to_bits())));
    }

    pub fn i64(&mut self, value: Option<i64>) {
        self.datum(value.map(pg_sys::Datum::from));
    }

    pub fn bool(&mut self, value: Option<bool>) {
        self.datum(value.map(|truth| pg_sys::Datum::from(usize::from(truth))));
    }

    /// Microseconds since 2000-01-01 UTC.
    pub fn timestamp(&mut self, value: Option<i64>) {
        self.i64(value);
    }

    pub fn host(&mut self, value: Option<IpAddr>) {
        self.datum(value.map(inet::host));
    }

    /// The columns as they are: for a tuplestore.
    pub fn columns(&mut self) -> (&mut [pg_sys::Datum; N], &mut [bool; N]) {
        (&mut self.values, &mut self.nulls)
    }

    /// The row as a composite datum.
    pub fn finish(mut self, row_type: RowType) -> Result<pg_sys::Datum, TravelError> {
        // SAFETY: the tuple descriptor lives as long as the call site, and has N columns as checked here.
        unsafe {
            let columns = (*row_type.tuple_desc).natts as usize;
            if columns != N || self.next != N {
                return Err(TravelError::WrongRowType { expected: N, found: columns });
            }
            let tuple = pg_sys::heap_form_tuple(
                row_type.tuple_desc,
                self.values.as_mut_ptr(),
                self.nulls.as_mut_ptr(),
            );
            Ok(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}
