//! Functions that return a set of rows. Most of them collect the rows in a tuplestore, a [`RowSet`]. The others return one
//! row per call.

use super::errors::{TravelError, UsageError};
use super::function::Call;
use super::memory::within;
use super::row;
use pgrx::pg_sys;

/// The rows that a running call returns.
pub struct RowSet {
    store: *mut pg_sys::Tuplestorestate,
    tuple_desc: pg_sys::TupleDesc,
    context: pg_sys::MemoryContext,
}

impl RowSet {
    /// Begins an empty set. Its rows have the type that SQL declares. A set of a scalar type has rows of one column.
    pub fn begin(call: &Call) -> Result<Self, TravelError> {
        // SAFETY: reads a setting.
        Self::begin_within(call, unsafe { pg_sys::work_mem })
    }

    /// The same. If the rows take more than so many kilobytes, they are written to a temporary file.
    pub fn begin_within(call: &Call, kilobytes: i32) -> Result<Self, TravelError> {
        let info = set_info(call, pg_sys::SetFunctionReturnMode::SFRM_Materialize)?;
        // SAFETY: the structure belongs to the call.
        unsafe {
            let result = call.result_type()?;
            if pg_sys::get_typ_typrelid(result) != pg_sys::InvalidOid {
                row::lock_type(result)?;
            }
            let context = (*(*info).econtext).ecxt_per_query_memory;
            // PostgreSQL frees the descriptor of the set when it has read the rows, but not the one that is looked up
            // here. It is in the memory context of the call, because a query can make many calls.
            let mut looked_up: pg_sys::TupleDesc = std::ptr::null_mut();
            let mut oid = pg_sys::InvalidOid;
            let kind = pg_sys::get_call_result_type(call.raw(), &mut oid, &mut looked_up);
            within(context, || {
                let tuple_desc = if kind == pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE {
                    pg_sys::CreateTupleDescCopy(looked_up)
                } else {
                    let tuple_desc = pg_sys::CreateTemplateTupleDesc(1);
                    pg_sys::TupleDescInitEntry(tuple_desc, 1, c"value".as_ptr(), oid, -1, 0);
                    tuple_desc
                };
                let random =
                    (*info).allowedModes as u32 & pg_sys::SetFunctionReturnMode::SFRM_Materialize_Random != 0;
                let store = pg_sys::tuplestore_begin_heap(random, false, kilobytes);
                (*info).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
                (*info).setResult = store;
                (*info).setDesc = tuple_desc;
                Ok(Self { store, tuple_desc, context })
            })
        }
    }

    pub fn store(&self) -> *mut pg_sys::Tuplestorestate {
        self.store
    }

    /// The columns of the set.
    pub fn tuple_desc(&self) -> pg_sys::TupleDesc {
        self.tuple_desc
    }

    /// The memory context in which the rows live.
    pub fn context(&self) -> pg_sys::MemoryContext {
        self.context
    }

    /// Adds a row. If the row type has fewer columns, the rest is left out, as [`RowWriter`](super::row::RowWriter) does.
    /// It is an error if it has more.
    pub fn push<const N: usize>(&mut self, columns: [Option<pg_sys::Datum>; N]) {
        // SAFETY: the descriptor lives as long as the query.
        let found = unsafe { (*self.tuple_desc).natts as usize };
        if found > N {
            TravelError::from(UsageError::WrongRowType { expected: N, found }).raise();
        }
        let mut nulls = columns.map(|column| column.is_none());
        let mut values = columns.map(|column| column.unwrap_or(pg_sys::Datum::from(0_usize)));
        // SAFETY: the store and the descriptor live as long as the query. The descriptor has at most N columns, and there
        // are N values, of which it reads one for each column.
        unsafe {
            pg_sys::tuplestore_putvalues(
                self.store,
                self.tuple_desc,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }

    /// Adds a composite value as a row.
    ///
    /// # Safety
    /// `value` must be a composite value of the set's row type.
    pub unsafe fn push_composite(&self, value: pg_sys::Datum) {
        // SAFETY: by the caller; the tuplestore copies the row.
        unsafe {
            pg_sys::tuplestore_puttuple(self.store, &mut row::tuple_of(value));
        }
    }

    /// The result of the call. PostgreSQL reads the rows from the tuplestore.
    pub fn finish(self, call: &Call) -> pg_sys::Datum {
        call.null()
    }
}

/// Returns the structure in which a function that returns one row per call says whether there are more rows. It is an
/// error if the caller does not accept such a set.
pub fn value_per_call(call: &Call) -> Result<*mut pg_sys::ReturnSetInfo, TravelError> {
    set_info(call, pg_sys::SetFunctionReturnMode::SFRM_ValuePerCall)
}

/// The same structure, for a function that returns a set in this mode.
fn set_info(call: &Call, mode: u32) -> Result<*mut pg_sys::ReturnSetInfo, TravelError> {
    // SAFETY: a call that returns a set has a ReturnSetInfo. If the caller cannot take a set, there is none.
    unsafe {
        let info = (*call.raw()).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if info.is_null()
            || (*info).type_ != pg_sys::NodeTag::T_ReturnSetInfo
            || (*info).allowedModes as u32 & mode == 0
        {
            return Err(UsageError::SetNotAccepted.into());
        }
        Ok(info)
    }
}
