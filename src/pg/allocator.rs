//! The allocator of Rust's own values. If memory runs out, it ends the session with the error 53200.
//!
//! Rust's default is to abort the process, and PostgreSQL ends all sessions when one process is aborted. Values that
//! grow with the input are in PostgreSQL's memory contexts ([`super::memory`]), which raise an ordinary error. Rust's
//! own values are small, so it is mostly PostgreSQL that notices first. Where it is not, an error cannot be raised:
//! unwinding out of an allocator is not allowed, and a longjmp would skip the destructors of the frames that it leaves.
//! A FATAL error does neither, because it exits the process in the regular way.
//!
//! If PostgreSQL itself raises an error because memory ran out, pgrx copies the error before it unwinds. If there is no
//! memory for the copy, PostgreSQL raises another error, which pgrx copies, too, and so on, until PostgreSQL's stack of
//! errors is full, which ends all sessions. Therefore, [`guard_with_reserve`] gives the memory that [`reserve`] set
//! aside back to the system before the first copy. Every function that SQL calls runs within it, because of
//! [`pg_function!`](super::function::pg_function).

use pgrx::{PgSqlErrorCode, pg_sys};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use travel_geoip::optional_memory;

// A test program, unlike the library, is linked as a whole, and has no server that could report an error.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Allocator;

/// What is left for the report of the error and for the end of the session, in bytes. A block of this size is mapped on
/// its own, so freeing it gives the address space back. The copy of an error goes into the current memory context, which
/// may ask for a block of 1 MB: PostgreSQL tries smaller ones only instead of larger ones than that.
const RESERVE: Layout = match Layout::from_size_align(2 << 20, 8) {
    Ok(layout) => layout,
    Err(_) => panic!("a layout of constants"),
};

static RESERVED: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Sets memory aside for the report of an error, unless it is already set aside. The library calls this when it is
/// loaded, and so does [`guard_with_reserve`].
pub fn reserve() {
    if RESERVED.load(Ordering::Relaxed).is_null() {
        // SAFETY: the layout has a size. If there is no memory, the report has to do without.
        RESERVED.store(unsafe { System.alloc(RESERVE) }, Ordering::Relaxed);
    }
}

/// Gives the memory that was set aside back to the system.
fn release() {
    let reserved = RESERVED.swap(null_mut(), Ordering::Relaxed);
    if !reserved.is_null() {
        // SAFETY: the reserve was allocated with this layout, and is freed once.
        unsafe { System.dealloc(reserved, RESERVE) };
    }
}

/// Runs the body of a function that PostgreSQL calls, within the guard of pgrx. If PostgreSQL runs out of memory in it,
/// the memory that was set aside is there for the copies of the error.
///
/// If the body raises an error, this does not return, and the callback stays on PostgreSQL's stack. The same happens to
/// the callbacks of PostgreSQL's own functions: the code that catches the error restores the stack. So nothing has to
/// be dropped while the error unwinds.
///
/// # Safety
/// This must be called in the outermost frame of a call from PostgreSQL, like the guard itself.
#[inline]
pub unsafe fn guard_with_reserve(body: impl FnOnce() -> pg_sys::Datum) -> pg_sys::Datum {
    reserve();
    // SAFETY: the callback lives for as long as it is on the stack. The rest is by the caller.
    unsafe {
        let mut callback = callback_of_reserve();
        pg_sys::error_context_stack = &raw mut callback;
        let datum = pg_sys::panic::pgrx_extern_c_guard(body);
        pg_sys::error_context_stack = callback.previous;
        datum
    }
}

/// Does the same as [`guard_with_reserve`] for a body that is called by Rust.
#[inline(never)]
pub fn with_reserve<R>(body: impl FnOnce() -> R) -> R {
    /// Takes the callback off PostgreSQL's stack, also where an error unwinds.
    struct Pop(*mut pg_sys::ErrorContextCallback);
    impl Drop for Pop {
        fn drop(&mut self) {
            // SAFETY: the callbacks below this one outlive it.
            unsafe { pg_sys::error_context_stack = self.0 };
        }
    }
    reserve();
    let mut callback = callback_of_reserve();
    let _pop = Pop(callback.previous);
    // SAFETY: the callback lives until it is taken off the stack.
    unsafe { pg_sys::error_context_stack = &raw mut callback };
    body()
}

/// The callback, to be put on top of PostgreSQL's stack.
fn callback_of_reserve() -> pg_sys::ErrorContextCallback {
    pg_sys::ErrorContextCallback {
        // SAFETY: reads a variable of the backend.
        previous: unsafe { pg_sys::error_context_stack },
        callback: Some(release_if_out_of_memory),
        arg: null_mut(),
    }
}

/// PostgreSQL calls this while it raises or reports an error, before the error unwinds.
unsafe extern "C-unwind" fn release_if_out_of_memory(_: *mut c_void) {
    unsafe extern "C-unwind" {
        /// As [`pg_sys::geterrcode`], but without the guard of pgrx: it raises no error here.
        fn geterrcode() -> c_int;
    }
    // SAFETY: PostgreSQL is raising or reporting an error, so there is a current one.
    if unsafe { geterrcode() } == PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int {
        release();
    }
}

// SAFETY: the system's allocator does the work. Where it fails, either the caller is told so or the process ends.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller.
        found(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller.
        found(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller.
        found(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn found(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        out_of_memory(size);
    }
    block
}

/// Ends the session, or returns if the allocation may fail. The library starts no threads, so this is the thread that
/// may report errors.
#[cold]
fn out_of_memory(size: usize) {
    unsafe extern "C-unwind" {
        fn errstart(level: c_int, domain: *const c_char) -> bool;
        fn errcode(code: c_int) -> c_int;
        fn errmsg(format: *const c_char, ...) -> c_int;
        fn errdetail(format: *const c_char, ...) -> c_int;
        fn errhint(format: *const c_char, ...) -> c_int;
        fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
    const FILE: &CStr = c"allocator.rs";
    const FUNCTION: &CStr = c"out_of_memory";
    // A second failure, while the session ends, is for Rust to report.
    if optional_memory::is_optional() || IS_ENDING.swap(true, Ordering::Relaxed) {
        return;
    }
    release();
    // SAFETY: these are the calls of the macro ereport, with formats that fit their arguments. With this level errfinish
    // does not return: it exits the process.
    unsafe {
        if errstart(pg_sys::FATAL as c_int, std::ptr::null()) {
            errcode(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int);
            errmsg(c"out of memory".as_ptr());
            errdetail(c"impossible_travel could not allocate %zu bytes.".as_ptr(), size);
            errhint(
                c"The session was ended. Raise the limit of the memory of the server's processes, or process less data in one statement."
                    .as_ptr(),
            );
            errfinish(FILE.as_ptr(), line!() as c_int, FUNCTION.as_ptr());
        }
    }
}
