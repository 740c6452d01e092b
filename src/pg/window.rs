//! The window function interface (windowapi.h), which pgrx does not bind.

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

/// Where a look ahead ended.
pub enum Ahead {
    Value(Option<pg_sys::Datum>),
    /// Past the end of the partition.
    Out,
}

impl Window {
    /// None where the function was not called through a window: SQL declares it WINDOW, so that cannot be, but a
    /// wrong declaration must not read wild memory.
    pub fn of(call: &Call) -> Option<Self> {
        // SAFETY: the context of a call is a node with a tag, or null.
        unsafe {
            let context = (*call.raw()).context;
            (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_WindowObjectData)
                .then(|| Self { object: context.cast() })
        }
    }

    /// Arguments `first..first + N` of the current row, in one passage of the boundary.
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

    /// Memory of the partition, zeroed at its start, and the first arguments of the current row, N at most. PostgreSQL may
    /// forget the rows before it: no call asks for them. All in one passage of the boundary, since it is every row's.
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

    /// A block that lives as long as the partition, in place of `old` (or null), whose content is lost.
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
