//! Rows of a composite type, built without a look-up by name.

use super::errors::TravelError;
use super::inet;
use super::memory::{varlena, within};
use pgrx::pg_sys;
use std::mem::MaybeUninit;
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
    /// Short texts and addresses lie here until the row is formed: most rows need no allocation but their own.
    /// Their values are offsets until then, since a row under construction may move.
    arena: [MaybeUninit<u8>; ARENA],
    used: usize,
    in_arena: [bool; N],
}

const ARENA: usize = 1024;

/// The longest content of a value with a header of one byte.
const MAX_SHORT: usize = 126;

impl<const N: usize> Row<N> {
    pub fn new() -> Self {
        Self {
            values: [pg_sys::Datum::from(0_usize); N],
            nulls: [true; N],
            next: 0,
            arena: [MaybeUninit::uninit(); ARENA],
            used: 0,
            in_arena: [false; N],
        }
    }

    pub fn datum(&mut self, value: Option<pg_sys::Datum>) {
        if let (Some(value), Some(slot)) = (value, self.values.get_mut(self.next)) {
            *slot = value;
            self.nulls[self.next] = false;
        }
        self.next += 1;
    }

    pub fn text(&mut self, value: Option<&str>) {
        match value {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.next += 1,
        }
    }

    /// A value of a variable-length type with this content.
    #[inline]
    fn bytes(&mut self, content: &[u8]) {
        let size = content.len() + 1;
        let datum = match self.arena.get_mut(self.used..self.used + size) {
            Some(slot) if content.len() <= MAX_SHORT && self.next < N => {
                let start = slot.as_mut_ptr().cast::<u8>();
                // SAFETY: the slot is as long as header and content.
                unsafe {
                    pgrx::varlena::set_varsize_short(start.cast(), size as i32);
                    std::ptr::copy_nonoverlapping(content.as_ptr(), start.add(1), content.len());
                }
                self.in_arena[self.next] = true;
                self.used += size;
                pg_sys::Datum::from(self.used - size)
            }
            _ => varlena(content),
        };
        self.datum(Some(datum));
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
        self.network(value.map(|host| (host, if host.is_ipv4() { 32 } else { 128 })));
    }

    /// An inet or cidr with the length of its prefix.
    pub fn network(&mut self, value: Option<(IpAddr, u8)>) {
        match value {
            Some((address, prefix)) => {
                let (bytes, length) = inet::content(address, prefix);
                self.bytes(&bytes[..length]);
            }
            None => self.next += 1,
        }
    }

    /// The columns, for as long as the row stays where it is.
    pub fn columns(&mut self) -> (&mut [pg_sys::Datum; N], &mut [bool; N]) {
        for (value, in_arena) in self.values.iter_mut().zip(&mut self.in_arena) {
            if std::mem::take(in_arena) {
                // SAFETY: the value is an offset into the arena.
                *value = pg_sys::Datum::from(unsafe { self.arena.as_ptr().add(value.value()) });
            }
        }
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
            let (values, nulls) = self.columns();
            let tuple = pg_sys::heap_form_tuple(row_type.tuple_desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            Ok(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}
