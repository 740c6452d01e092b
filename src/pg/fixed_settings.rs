//! The settings with which the SQL of a rule is read and runs, regardless of those of the session.
//!
//! A rule stores its condition and its columns as text, and any session can scan it: that of an analyst, or that of a
//! job with the settings of the server. A condition such as `event_time > '01/02/2026'` must have one meaning in all of
//! them, and the one that it had when the rule was checked. So everything that reads or runs the SQL of a rule does it
//! with these settings. [`with_rights_of`](super::role::with_rights_of) sets them, and so does each function that
//! parses such SQL, or prints times and numbers, outside of it.
//!
//! These are all settings of PostgreSQL 15 to 18 that a user can change and that decide what an expression means.
//! docs/reference.md lists them. Settings that only decide how a query is planned, what is logged, or how long a
//! statement may take are left to the session. `search_path` is not here, because the name of a source is looked up in
//! the path of the rule's writer.

use super::spi::with_settings;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A setting and its value.
pub type Setting = (&'static CStr, &'static CStr);

/// The settings. No value needs files of the operating system, as most locales do, because these do not exist
/// everywhere.
pub const FIXED: [Setting; 18] = [
    // What a time, a date or an interval means as text, and its text.
    (c"TimeZone", c"UTC"),
    (c"timezone_abbreviations", c"Default"),
    (c"DateStyle", c"ISO, MDY"),
    (c"IntervalStyle", c"postgres"),
    // What an array means as text. The others of this kind decide the text of a number, of bytes and of names.
    (c"array_nulls", c"on"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"quote_all_identifiers", c"off"),
    // How SQL is parsed. The text is in the encoding of the database by then, in which no character contains a backslash,
    // so backslash_quote need not depend on the encoding of the client.
    (c"standard_conforming_strings", c"on"),
    (c"backslash_quote", c"on"),
    (c"transform_null_equals", c"off"),
    // What to_char, to_number, money, to_tsvector and XML depend on.
    (c"lc_monetary", c"C"),
    (c"lc_numeric", c"C"),
    (c"lc_time", c"C"),
    (c"default_text_search_config", c"pg_catalog.simple"),
    (c"xmloption", c"content"),
    (c"xmlbinary", c"base64"),
    // With a limit, a GIN index returns some of the rows at random.
    (c"gin_fuzzy_search_limit", c"0"),
];

/// Row policies apply. If this is off, PostgreSQL refuses a query of a table whose policies would apply.
const POLICIES: Setting = (c"row_security", c"on");

/// The fixed settings that have another value now. In most calls there are none, and setting some of them takes longer
/// than comparing all.
pub fn differing() -> impl Iterator<Item = Setting> {
    FIXED.into_iter().chain([POLICIES]).filter(|(name, value)| {
        // SAFETY: the settings are PostgreSQL's own. The value is a C string, which is compared at once.
        unsafe {
            let now = pg_sys::GetConfigOption(name.as_ptr(), true, false);
            now.is_null() || CStr::from_ptr(now) != *value
        }
    })
}

/// Runs `body` with the fixed settings, and restores those of the session afterwards.
pub fn with_fixed_settings<R>(body: impl FnOnce() -> R) -> R {
    with_settings(&differing().collect::<Vec<_>>(), body)
}
