//! Settings: `impossible_travel.*`.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};
use std::ffi::{CStr, CString, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

pub const GEOIP_PATH: &str = "impossible_travel.geoip_path";

const GEOIP_PATH_DEFAULT: &CStr = c"/usr/share/GeoIP,/var/lib/GeoIP";

static COVERAGE_NOTICE: GucSetting<bool> = GucSetting::<bool>::new(true);

static SCAN_BATCH: GucSetting<i32> = GucSetting::<i32>::new(200_000);

static SCAN_LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5000);

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
            // It says where files of the server are: only members of pg_read_all_settings see it.
            pg_sys::GUC_SUPERUSER_ONLY as i32,
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
    GucRegistry::define_int_guc(
        c"impossible_travel.scan_lock_timeout",
        c"How long travel.scan waits for a lock before it gives up on a rule and goes on with the next.",
        c"At most a quarter of what statement_timeout leaves of the statement. 0 waits without limit.",
        &SCAN_LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    // SAFETY: as above. A misspelt setting with this prefix is reported from now on.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"impossible_travel".as_ptr()) };
}

pub fn scan_batch() -> usize {
    usize::try_from(SCAN_BATCH.get()).unwrap_or(1)
}

/// How long a step of a scan waits for a lock, in milliseconds; none: without limit. A scan that a statement_timeout
/// ends must come to all rules before, so one wait takes no more than a quarter of the time that is left. A shorter
/// lock_timeout of the session's stays.
pub fn lock_wait_ms() -> Option<i32> {
    let own = SCAN_LOCK_TIMEOUT.get();
    if own == 0 {
        return None;
    }
    // SAFETY: reads variables of the backend, and the clock.
    let (statement, lock, elapsed_us) = unsafe {
        (
            pg_sys::StatementTimeout,
            pg_sys::LockTimeout,
            pg_sys::GetCurrentTimestamp() - pg_sys::GetCurrentStatementStartTimestamp(),
        )
    };
    let left = i64::from(statement) - elapsed_us / 1000;
    let quarter = (statement > 0).then(|| i32::try_from(left / 4).unwrap_or(i32::MAX).max(1));
    let session = (lock > 0).then_some(lock);
    quarter.into_iter().chain(session).fold(own, i32::min).into()
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
