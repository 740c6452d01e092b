//! Memory from PostgreSQL's memory contexts. Everything that grows with the input is allocated here, so PostgreSQL
//! accounts for it and frees it after an error.

use pgrx::pg_sys;
use std::ffi::CStr;
use std::ops::{Deref, DerefMut};
use travel_core::event_set::{Memory, TooLarge};

/// The largest variable-length value that PostgreSQL can hold (`MaxAllocSize`).
pub const MAX_VARLENA: usize = 0x3fff_ffff;

/// The number of values of a slice that are written between two checks for interrupts. The kernel needs time to provide
/// the pages.
const CHUNK: usize = 64 * 1024;

/// The number of bytes that are copied or zeroed between two checks for interrupts.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Scratch memory in the current memory context.
pub struct Palloc;

impl Memory for Palloc {
    type Slice<T: Copy + Default> = PallocSlice<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<PallocSlice<T>, TooLarge> {
        const { assert!(align_of::<T>() <= 8) };
        let size = len.checked_mul(size_of::<T>()).ok_or(TooLarge)?;
        // SAFETY: a plain allocation; palloc aligns to 8 bytes. Without enough memory PostgreSQL raises 53200.
        let start =
            unsafe { pg_sys::palloc_extended(size.max(1), pg_sys::MCXT_ALLOC_HUGE as i32).cast::<T>() };
        let mut written = 0;
        while written < len {
            let end = len.min(written + CHUNK);
            for i in written..end {
                // SAFETY: within the allocation.
                unsafe { start.add(i).write(T::default()) };
            }
            written = end;
            if written < len {
                pgrx::check_for_interrupts!();
            }
        }
        Ok(PallocSlice { start, len })
    }

    fn tick(&self) {
        pgrx::check_for_interrupts!();
    }
}

/// A slice of palloc'ed memory, freed when it is dropped. After an error, PostgreSQL frees it with its memory context.
pub struct PallocSlice<T> {
    start: *mut T,
    len: usize,
}

impl<T> Deref for PallocSlice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `slice` allocated and initialised `len` values.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T> DerefMut for PallocSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T> Drop for PallocSlice<T> {
    fn drop(&mut self) {
        // While an error unwinds, PostgreSQL frees the context; freeing by hand could be the second time.
        if !std::thread::panicking() {
            // SAFETY: allocated by `slice`, freed once.
            unsafe { pg_sys::pfree(self.start.cast()) };
        }
    }
}

/// A vector in the memory context that is current when it gets its first value. PostgreSQL frees it with this context.
pub struct PallocVec<T> {
    start: *mut T,
    len: usize,
    capacity: usize,
}

impl<T: Copy> PallocVec<T> {
    /// Makes an empty vector, which needs no memory yet.
    pub const fn new() -> Self {
        Self { start: std::ptr::null_mut(), len: 0, capacity: 0 }
    }

    /// Appends a value. If memory runs out, PostgreSQL raises an error.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len == self.capacity {
            self.grow();
        }
        // SAFETY: there is room for one more.
        unsafe { self.start.add(self.len).write(value) };
        self.len += 1;
    }

    /// Frees the memory before PostgreSQL does.
    pub fn free(self) {
        if !self.start.is_null() {
            // SAFETY: allocated by `grow`; no reference to it outlives `self`.
            unsafe { pg_sys::pfree(self.start.cast()) };
        }
    }

    #[cold]
    fn grow(&mut self) {
        const { assert!(align_of::<T>() <= 8) };
        self.capacity = (2 * self.capacity).max(64);
        let size = self.capacity * size_of::<T>();
        // SAFETY: palloc aligns to 8 bytes. If the size is too large, PostgreSQL raises an error.
        self.start = unsafe {
            if self.start.is_null() {
                pg_sys::palloc_extended(size, pg_sys::MCXT_ALLOC_HUGE as i32).cast()
            } else {
                pg_sys::repalloc_huge(self.start.cast(), size).cast()
            }
        };
    }
}

impl<T> Deref for PallocVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.start.is_null() {
            return &[];
        }
        // SAFETY: this many values were written.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T> DerefMut for PallocVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.start.is_null() {
            return &mut [];
        }
        // SAFETY: as in `deref`, and `self` is the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// A memory context below the current one, for values that are needed for a while. It is deleted when it is dropped.
pub struct Scratch {
    context: pg_sys::MemoryContext,
}

impl Scratch {
    /// `first` is the size of the block that it keeps, in bytes.
    pub fn new(name: &'static CStr, first: usize) -> Self {
        // SAFETY: a plain call; the context is a child of the current one, which frees it after an error.
        let context = unsafe {
            pg_sys::AllocSetContextCreateExtended(
                pg_sys::CurrentMemoryContext,
                name.as_ptr(),
                0,
                first,
                8 * 1024 * 1024,
            )
        };
        Self { context }
    }

    /// Runs `body` with this as the current memory context.
    pub fn within<R>(&self, body: impl FnOnce() -> R) -> R {
        // SAFETY: the context lives as long as this value.
        unsafe { within(self.context, body) }
    }

    /// How many bytes it has allocated.
    pub fn size(&self) -> usize {
        // SAFETY: reads a field of its own context.
        unsafe { pg_sys::MemoryContextMemAllocated(self.context, false) }
    }

    /// Frees everything in it.
    pub fn reset(&self) {
        // SAFETY: its own context.
        unsafe { pg_sys::MemoryContextReset(self.context) };
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // While an error unwinds, PostgreSQL frees the parent context, and this one may have been freed with it.
        if !std::thread::panicking() {
            // SAFETY: made by `new`, deleted once.
            unsafe { pg_sys::MemoryContextDelete(self.context) };
        }
    }
}

/// A new variable-length value with this content, in the current memory context.
pub fn varlena(content: &[u8]) -> pg_sys::Datum {
    let size = content.len() + pg_sys::VARHDRSZ;
    // SAFETY: the allocation is as long as what is written.
    unsafe {
        let value = pg_sys::palloc(size).cast::<pg_sys::varlena>();
        pgrx::varlena::set_varsize_4b(value, size as i32);
        copy_to(content, value.cast::<u8>().add(pg_sys::VARHDRSZ));
        pg_sys::Datum::from(value)
    }
}

/// A new variable-length value in the current memory context, of so many bytes with its header. Its content is zeros.
pub fn zeroed_varlena(size: usize) -> *mut pg_sys::varlena {
    // SAFETY: the allocation has `size` bytes, and only these are written.
    unsafe {
        let value = if size <= CHUNK_BYTES {
            pg_sys::palloc0(size)
        } else {
            let value = pg_sys::palloc(size);
            for at in (0..size).step_by(CHUNK_BYTES) {
                pgrx::check_for_interrupts!();
                value.cast::<u8>().add(at).write_bytes(0, CHUNK_BYTES.min(size - at));
            }
            value
        };
        pgrx::varlena::set_varsize_4b(value.cast(), size as i32);
        value.cast()
    }
}

/// Copies bytes into a slice of the same length. A long copy can be canceled.
pub fn copy(from: &[u8], to: &mut [u8]) {
    debug_assert_eq!(from.len(), to.len());
    for (from, to) in from.chunks(CHUNK_BYTES).zip(to.chunks_mut(CHUNK_BYTES)) {
        to.copy_from_slice(from);
        if from.len() == CHUNK_BYTES {
            pgrx::check_for_interrupts!();
        }
    }
}

/// Copies bytes to memory that may not have been written yet. A long copy can be canceled.
///
/// # Safety
/// There must be room for the bytes, which must not overlap with it.
pub unsafe fn copy_to(from: &[u8], mut to: *mut u8) {
    for chunk in from.chunks(CHUNK_BYTES) {
        // SAFETY: by the caller.
        unsafe {
            to.copy_from_nonoverlapping(chunk.as_ptr(), chunk.len());
            to = to.add(chunk.len());
        }
        if chunk.len() == CHUNK_BYTES {
            pgrx::check_for_interrupts!();
        }
    }
}

/// Runs `body` with `context` as the current memory context.
///
/// # Safety
/// `context` must be alive.
pub unsafe fn within<R>(context: pg_sys::MemoryContext, body: impl FnOnce() -> R) -> R {
    // SAFETY: by the caller. Where `body` unwinds, PostgreSQL's error handling sets the context itself.
    unsafe {
        let before = pg_sys::MemoryContextSwitchTo(context);
        let result = body();
        pg_sys::MemoryContextSwitchTo(before);
        result
    }
}
