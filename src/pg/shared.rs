//! A value in dynamic shared memory, which a process makes and its parallel workers find by a number.

use pgrx::pg_sys;
use std::marker::PhantomData;

/// A value that this process shares until it is dropped, or the transaction ends with an error.
pub struct Shared<T> {
    segment: *mut pg_sys::dsm_segment,
    value: PhantomData<T>,
}

/// What begins each segment, followed by the value. A segment that begins differently is not one of these.
#[repr(C)]
struct Block<T> {
    magic: u64,
    size: usize,
    value: T,
}

const MAGIC: u64 = 0x7472_6176_656c_0001;

impl<T: Default + Sync + 'static> Shared<T> {
    /// Shares a new value. `None` if PostgreSQL has no room for another segment.
    pub fn create() -> Option<Self> {
        // SAFETY: a new segment has at least this size and is aligned for any type.
        unsafe {
            let segment = pg_sys::dsm_create(
                size_of::<Block<T>>(),
                pg_sys::DSM_CREATE_NULL_IF_MAXSEGMENTS as std::ffi::c_int,
            );
            if segment.is_null() {
                return None;
            }
            let block = pg_sys::dsm_segment_address(segment).cast::<Block<T>>();
            block.write(Block { magic: MAGIC, size: size_of::<T>(), value: T::default() });
            Some(Self { segment, value: PhantomData })
        }
    }

    /// The number by which another process finds the value. It is never 0.
    pub fn handle(&self) -> u32 {
        // SAFETY: the segment lives as long as `self`.
        unsafe { pg_sys::dsm_segment_handle(self.segment) }
    }

    pub fn get(&self) -> &T {
        // SAFETY: as `create` wrote it; the segment lives as long as `self`.
        unsafe { &(*pg_sys::dsm_segment_address(self.segment).cast::<Block<T>>()).value }
    }

    /// The segment of the value.
    pub fn segment(&self) -> *mut pg_sys::dsm_segment {
        self.segment
    }

    /// The value that another process shares, for the rest of this process. `None` if there is none with this number.
    pub fn attach(handle: u32) -> Option<&'static T> {
        Some(Self::attach_with_segment(handle)?.0)
    }

    /// Does the same as [`Self::attach`], and also returns the segment of the value.
    pub fn attach_with_segment(handle: u32) -> Option<(&'static T, *mut pg_sys::dsm_segment)> {
        if handle == 0 {
            return None;
        }
        // SAFETY: a segment is read only as far as it reaches; the mapping lasts as long as the process.
        unsafe {
            let segment = pg_sys::dsm_attach(handle);
            if segment.is_null() {
                return None;
            }
            pg_sys::dsm_pin_mapping(segment);
            if pg_sys::dsm_segment_map_length(segment) < size_of::<Block<T>>() {
                return None;
            }
            let block = &*pg_sys::dsm_segment_address(segment).cast::<Block<T>>();
            (block.magic == MAGIC && block.size == size_of::<T>()).then_some((&block.value, segment))
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // After an error, PostgreSQL detaches the segment as it cleans up.
        if !std::thread::panicking() {
            // SAFETY: the segment is this value's own.
            unsafe { pg_sys::dsm_detach(self.segment) };
        }
    }
}
