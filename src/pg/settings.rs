//! Settings: `impossible_travel.*`.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};
use std::ffi::{CStr, CString, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

pub const GEOIP_PATH: &str = "impossible_travel.geoip_path";

const GEOIP_PATH_DEFAULT: &CStr = c"/usr/share/GeoIP,/var/lib/GeoIP";

static COVERAGE_NOTICE: GucSetting<bool> = GucSetting::<bool>::new(true);

static SCAN_BATCH: GucSetting<i32> = GucSetting::<i32>::new(200_000);

/// PostgreSQL writes the setting's text through this pointer. pgrx's own string setting copies it at each look,
/// which is too often for something that is asked at every row.
static GEOIP_PATH_TEXT: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

pub fn register() {
    // SAFETY: called once, while the library is loaded; the texts are static, and the pointer is only read between
    // PostgreSQL's own writes, in the same thread.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            c"impossible_travel.geoip_path".as_ptr(),
            c"Files and folders, separated by commas, in which GeoIP databases (.mmdb) are looked for.".as_ptr(),
            c"All databases found are used together, in the order of this list and then of their names. Default: /usr/share/GeoIP,/var/lib/GeoIP."
                .as_ptr(),
            GEOIP_PATH_TEXT.as_ptr(),
            GEOIP_PATH_DEFAULT.as_ptr(),
            pg_sys::GucContext::PGC_SIGHUP,
            0,
            None,
            None,
            None,
        );
    }
    GucRegistry::define_bool_guc(
        c"impossible_travel.coverage_notice",
        c"Whether travel.detect ends with a notice of how many events it evaluated and how many were not located.",
        c"On by default; off for scheduled queries whose output is read by a program.",
        &COVERAGE_NOTICE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.scan_batch",
        c"How many rows a step of travel.scan reads of what is new.",
        c"For tests and small machines: what a scan ends in does not depend on it.",
        &SCAN_BATCH,
        1,
        10_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    // SAFETY: as above. A misspelt setting with this prefix is reported from now on.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"impossible_travel".as_ptr()) };
}

pub fn scan_batch() -> usize {
    usize::try_from(SCAN_BATCH.get()).unwrap_or(1)
}

pub fn coverage_notice() -> bool {
    COVERAGE_NOTICE.get()
}

/// Runs `body` with the value of `impossible_travel.geoip_path`.
pub fn with_geoip_path<R>(body: impl FnOnce(&str) -> R) -> R {
    let text = GEOIP_PATH_TEXT.load(Ordering::Relaxed);
    if text.is_null() {
        return body("");
    }
    // SAFETY: a C string that PostgreSQL replaces only between statements.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) => body(text),
        // A path that is not UTF-8 cannot be found as it is written; the lossy text at least names it in errors.
        Err(_) => body(&CString::from(text).to_string_lossy()),
    }
}
