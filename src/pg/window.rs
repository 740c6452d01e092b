//! The interface for window functions (windowapi.h), which pgrx does not bind.

use super::function::Call;
use pgrx::pg_sys;

/// windowapi.h
const WINDOW_SEEK_CURRENT: i32 = 0;

unsafe extern "C-unwind" {
    fn WinGetPartitionLocalMemory(
        object: *mut pg_sys::WindowObjectData,
        size: usize,
    ) -> *mut std::ffi::c_void;
    fn WinGetFuncArgCurrent(
        object: *mut pg_sys::WindowObjectData,
        argument: i32,
        is_null: *mut bool,
    ) -> pg_sys::Datum;
    fn WinGetFuncArgInPartition(
        object: *mut pg_sys::WindowObjectData,
        argument: i32,
        relative_position: i32,
        seek: i32,
        set_mark: bool,
        is_null: *mut bool,
        is_out: *mut bool,
    ) -> pg_sys::Datum;
    fn WinGetCurrentPosition(object: *mut pg_sys::WindowObjectData) -> i64;
    fn WinSetMarkPosition(object: *mut pg_sys::WindowObjectData, position: i64);
}

/// A call of a window function.
pub struct Window {
    object: *mut pg_sys::WindowObjectData,
}

/// The result of a look at a later row.
pub enum Ahead {
    Value(Option<pg_sys::Datum>),
    /// Past the end of the partition.
    Out,
}

impl Window {
    /// The window of a call. `None` if the function was not called through a window. SQL declares it as WINDOW, so this
    /// should not happen, but a wrong declaration must not lead to invalid memory access.
    pub fn of(call: &Call) -> Option<Self> {
        // SAFETY: the context of a call is a node with a tag, or null.
        unsafe {
            let context = (*call.raw()).context;
            (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_WindowObjectData)
                .then(|| Self { object: context.cast() })
        }
    }

    /// The arguments `first..first + N` of the current row. All are read within one guard against C errors, which is
    /// not free.
    pub fn arguments<const N: usize>(&self, first: usize) -> [Option<pg_sys::Datum>; N] {
        let mut values = [None; N];
        // SAFETY: as above; the closure holds nothing that would need dropping.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                for (i, value) in values.iter_mut().enumerate() {
                    let mut is_null = false;
                    let datum = WinGetFuncArgCurrent(self.object, (first + i) as i32, &mut is_null);
                    *value = (!is_null).then_some(datum);
                }
            });
        }
        values
    }

    /// An argument of the row `distance` rows after the current one.
    pub fn argument_ahead(&self, n: usize, distance: i32) -> Ahead {
        let (mut is_null, mut is_out) = (false, false);
        // SAFETY: as above.
        let datum = unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                WinGetFuncArgInPartition(
                    self.object,
                    n as i32,
                    distance,
                    WINDOW_SEEK_CURRENT,
                    false,
                    &mut is_null,
                    &mut is_out,
                )
            })
        };
        if is_out { Ahead::Out } else { Ahead::Value((!is_null).then_some(datum)) }
    }

    /// The memory of the partition, which PostgreSQL zeroes at its start, and the first arguments of the current row,
    /// at most N. It lets PostgreSQL discard earlier rows, which no call reads. All of this happens within one guard
    /// against C errors, because it happens for every row.
    pub fn current_row<T, const N: usize>(&self, arguments: usize) -> (*mut T, [Option<pg_sys::Datum>; N]) {
        const { assert!(align_of::<T>() <= 8 && !std::mem::needs_drop::<T>()) };
        let mut values = [None; N];
        // SAFETY: as above.
        let memory = unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                let memory = WinGetPartitionLocalMemory(self.object, size_of::<T>()).cast();
                WinSetMarkPosition(self.object, WinGetCurrentPosition(self.object));
                for (i, value) in values.iter_mut().enumerate().take(arguments) {
                    let mut is_null = false;
                    let datum = WinGetFuncArgCurrent(self.object, i as i32, &mut is_null);
                    *value = (!is_null).then_some(datum);
                }
                memory
            })
        };
        (memory, values)
    }

    /// Allocates a block that lives as long as the partition, and frees `old`, unless it is null.
    pub fn partition_allocate(&self, old: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the partition's memory, which is there already, is a chunk of the context that PostgreSQL empties
        // after each partition; `old` was allocated there.
        unsafe {
            let local: *mut std::ffi::c_void =
                pg_sys::ffi::pg_guard_ffi_boundary(|| WinGetPartitionLocalMemory(self.object, 1));
            if !old.is_null() {
                pg_sys::pfree(old.cast());
            }
            pg_sys::MemoryContextAlloc(pg_sys::GetMemoryChunkContext(local), size).cast()
        }
    }
}
