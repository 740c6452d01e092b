//! The settings `impossible_travel.*`: their definition and their values.

use crate::pg::spi;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};
use std::ffi::{CStr, CString, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

pub const GEOIP_PATH: &str = "impossible_travel.geoip_path";

const GEOIP_PATH_DEFAULT: &CStr = c"/usr/share/GeoIP,/var/lib/GeoIP";

static COVERAGE_NOTICE: GucSetting<bool> = GucSetting::<bool>::new(true);

/// The largest number of rows that are in memory at a time, whatever the settings say.
const MAX_ROWS: usize = 200_000;

static SCAN_BATCH: GucSetting<i32> = GucSetting::<i32>::new(2_000_000);

static SCAN_LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(5000);

static MAX_DECOMPRESSED_MB: GucSetting<i32> = GucSetting::<i32>::new(4096);

/// The handle of shared memory, or 0. It is a setting because PostgreSQL passes settings to parallel workers.
static EVENT_COUNTS: GucSetting<i32> = GucSetting::<i32>::new(0);

/// The handle of shared memory, or 0, as for the counts.
static EVENT_FILES: GucSetting<i32> = GucSetting::<i32>::new(0);

/// PostgreSQL writes the text of the setting through this pointer. pgrx's own string setting copies the text at each
/// access, which is too expensive for a setting that is read for every row.
static GEOIP_PATH_TEXT: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Defines the settings. Called once, when the library is loaded.
pub fn register() {
    // SAFETY: called once, while the library is loaded; the texts are static, and the pointer is only read between
    // PostgreSQL's own writes, in the same thread.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            c"impossible_travel.geoip_path".as_ptr(),
            c"Sets the files and folders, separated by commas, with GeoIP databases (.mmdb).".as_ptr(),
            c"All databases that are found are used together, in the order of this list, then of their names. Default: /usr/share/GeoIP,/var/lib/GeoIP."
                .as_ptr(),
            GEOIP_PATH_TEXT.as_ptr(),
            GEOIP_PATH_DEFAULT.as_ptr(),
            pg_sys::GucContext::PGC_SIGHUP,
            // It shows where files of the server are, so only members of pg_read_all_settings may see it.
            pg_sys::GUC_SUPERUSER_ONLY as i32,
            None,
            None,
            None,
        );
    }
    GucRegistry::define_bool_guc(
        c"impossible_travel.coverage_notice",
        c"Sends a notice at the end of travel.detect that counts the events it evaluated and those that were not located.",
        c"Turn it off for scheduled queries whose output a program reads.",
        &COVERAGE_NOTICE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.scan_batch",
        c"Sets the number of new rows that a step of travel.scan reads.",
        c"The result of a scan does not depend on it. It is for tests and small machines.",
        &SCAN_BATCH,
        1,
        10_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.scan_lock_timeout",
        c"Sets how long travel.scan waits for a lock before it skips the rule.",
        c"travel.scan waits at most a quarter of the time that statement_timeout leaves. 0 disables the timeout.",
        &SCAN_LOCK_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.max_decompressed_mb",
        c"Sets the largest content of a compressed file that travel.load_files loads.",
        c"A small compressed file can have an enormous content. The limit bounds the time that such a file takes; memory is always bounded.",
        &MAX_DECOMPRESSED_MB,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.event_counts",
        c"Tells the workers of travel.detect where to count events.",
        c"Only travel.detect sets it.",
        &EVENT_COUNTS,
        i32::MIN,
        i32::MAX,
        GucContext::Suset,
        GucFlags::NO_SHOW_ALL | GucFlags::NO_RESET_ALL | GucFlags::DISALLOW_IN_FILE,
    );
    GucRegistry::define_int_guc(
        c"impossible_travel.event_files",
        c"Tells the workers of travel.detect where the files of events are.",
        c"Only travel.detect sets it.",
        &EVENT_FILES,
        i32::MIN,
        i32::MAX,
        GucContext::Suset,
        GucFlags::NO_SHOW_ALL | GucFlags::NO_RESET_ALL | GucFlags::DISALLOW_IN_FILE,
    );
    // SAFETY: as above. From now on, PostgreSQL reports a misspelled setting with this prefix.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"impossible_travel".as_ptr()) };
}

/// The number of new rows that a step of a scan reads at most.
pub fn scan_batch() -> usize {
    usize::try_from(SCAN_BATCH.get()).unwrap_or(1)
}

/// The number of rows that a step of a scan, or another evaluation of events, keeps in memory at a time.
pub fn scan_rows() -> usize {
    scan_batch().min(MAX_ROWS)
}

/// How many megabytes the content of a compressed file may have that `travel.load_files` loads.
pub fn max_decompressed_mb() -> u64 {
    u64::try_from(MAX_DECOMPRESSED_MB.get()).unwrap_or(1)
}

/// Runs `body`, whose workers count events in the shared memory with this handle.
pub fn with_event_counts<R>(handle: u32, body: impl FnOnce() -> R) -> R {
    let value = CString::new(handle.cast_signed().to_string()).unwrap_or_default();
    spi::with_settings_as(pg_sys::GucContext::PGC_SUSET, &[(c"impossible_travel.event_counts", &value)], body)
}

/// The handle of the shared memory in which workers count events, or 0.
pub fn event_counts() -> u32 {
    EVENT_COUNTS.get().cast_unsigned()
}

/// Runs `body`, whose workers find the files of events by the shared memory with this handle.
pub fn with_event_files<R>(handle: u32, body: impl FnOnce() -> R) -> R {
    let value = CString::new(handle.cast_signed().to_string()).unwrap_or_default();
    spi::with_settings_as(pg_sys::GucContext::PGC_SUSET, &[(c"impossible_travel.event_files", &value)], body)
}

/// The handle of the shared memory by which workers find the files of events, or 0.
pub fn event_files() -> u32 {
    EVENT_FILES.get().cast_unsigned()
}

/// How long a step of a scan waits for a lock, in milliseconds. `None` is without limit. If the session has a
/// `statement_timeout`, one wait takes at most a quarter of the time that is left, because the scan should get to all
/// rules before the timeout. A shorter `lock_timeout` of the session stays in force.
pub fn lock_wait_ms() -> Option<i32> {
    let own = SCAN_LOCK_TIMEOUT.get();
    if own == 0 {
        return None;
    }
    // SAFETY: reads a variable of the backend.
    let lock = unsafe { pg_sys::LockTimeout };
    let session = (lock > 0).then_some(lock);
    quarter_of_statement_ms().into_iter().chain(session).fold(own, i32::min).into()
}

/// A quarter of the time that `statement_timeout` leaves, in milliseconds. `None` without a timeout.
pub fn quarter_of_statement_ms() -> Option<i32> {
    // SAFETY: reads variables of the backend, and the clock.
    let (statement, elapsed_us) = unsafe {
        (
            pg_sys::StatementTimeout,
            pg_sys::GetCurrentTimestamp() - pg_sys::GetCurrentStatementStartTimestamp(),
        )
    };
    let left = i64::from(statement) - elapsed_us / 1000;
    (statement > 0).then(|| i32::try_from(left / 4).unwrap_or(i32::MAX).max(1))
}

/// Whether `travel.detect` ends with a notice that counts events.
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
