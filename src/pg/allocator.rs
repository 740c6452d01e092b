//! The allocator of Rust's own values. If memory runs out, it ends the session with the error 53200.
//!
//! Rust's default is to abort the process, and PostgreSQL ends all sessions when one process is aborted. Values that
//! grow with the input are in PostgreSQL's memory contexts ([`super::memory`]), which raise an ordinary error. Rust's
//! own values are small, so it is mostly PostgreSQL that notices first. Where it is not, an error cannot be raised:
//! unwinding out of an allocator is not allowed, and a longjmp would skip the destructors of the frames that it leaves.
//! A FATAL error does neither, because it exits the process in the regular way.

use pgrx::{PgSqlErrorCode, pg_sys};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use travel_geoip::optional_memory;

// A test program, unlike the library, is linked as a whole, and has no server that could report an error.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Allocator;

/// What is left for the report of the error and for the end of the session, in bytes. A block of this size is mapped on
/// its own, so freeing it gives the address space back.
const RESERVE: Layout = match Layout::from_size_align(512 * 1024, 8) {
    Ok(layout) => layout,
    Err(_) => panic!("a layout of constants"),
};

static RESERVED: AtomicPtr<u8> = AtomicPtr::new(null_mut());
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Sets memory aside for the report of the error. To be called when the library is loaded.
pub fn reserve() {
    // SAFETY: the layout has a size. If there is no memory, the report has to do without.
    RESERVED.store(unsafe { System.alloc(RESERVE) }, Ordering::Relaxed);
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
    let reserved = RESERVED.swap(null_mut(), Ordering::Relaxed);
    // SAFETY: the reserve was allocated with this layout, and is freed once. These are the calls of the macro ereport,
    // with formats that fit their arguments. With this level errfinish does not return: it exits the process.
    unsafe {
        if !reserved.is_null() {
            System.dealloc(reserved, RESERVE);
        }
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
