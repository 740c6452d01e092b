//! Times as PostgreSQL stores them: microseconds since 2000-01-01 00:00:00 UTC, with the infinities at both ends of
//! `i64`.
//!
//! Everything that reads the clock, converts between this epoch and the Unix epoch, or writes a time as text, is here.

use pgrx::pg_sys;
use std::ffi::CStr;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// PostgreSQL's epoch in microseconds since the Unix epoch. Subtract it from Unix time to get a `timestamptz`.
pub const EPOCH_IN_UNIX_US: i64 =
    (pg_sys::POSTGRES_EPOCH_JDATE as i64 - pg_sys::UNIX_EPOCH_JDATE as i64) * DAY_US;

/// The earliest `timestamptz` that PostgreSQL accepts: 4714-11-24 00:00:00+00 BC.
pub const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;

/// The first time after the last `timestamptz` that PostgreSQL accepts: 294277-01-01 00:00:00+00.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Converts microseconds since the Unix epoch to a `timestamptz`.
#[inline]
pub fn from_unix_us(unix_us: i64) -> i64 {
    unix_us - EPOCH_IN_UNIX_US
}

/// Converts microseconds since the Unix epoch to a `timestamptz`. A time that does not fit, which a file can have,
/// becomes the nearest one that does.
pub fn nearest_from_unix_us(unix_us: i64) -> i64 {
    unix_us.saturating_sub(EPOCH_IN_UNIX_US).clamp(MIN_TIMESTAMP, END_TIMESTAMP - 1)
}

/// Converts seconds since the Unix epoch to a `timestamptz`. A time that does not fit becomes the latest that does.
pub fn from_unix_seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_US).saturating_sub(EPOCH_IN_UNIX_US)
}

/// Converts a `timestamptz` to microseconds since the Unix epoch.
pub fn to_unix_us(time_us: i64) -> i64 {
    time_us + EPOCH_IN_UNIX_US
}

/// Returns whether a number is a finite time that PostgreSQL accepts.
pub fn is_timestamp(time_us: i64) -> bool {
    (MIN_TIMESTAMP..END_TIMESTAMP).contains(&time_us)
}

/// Returns the time one microsecond earlier. The infinities have no earlier time and are returned unchanged; before the
/// earliest time that PostgreSQL accepts comes -infinity.
pub fn just_before(time_us: i64) -> i64 {
    match time_us {
        i64::MAX => i64::MAX,
        time_us if time_us <= MIN_TIMESTAMP => i64::MIN,
        time_us => time_us - 1,
    }
}

/// Returns the time one microsecond later. The infinities and the last time have none and are returned unchanged.
pub fn just_after(time_us: i64) -> i64 {
    match time_us {
        i64::MIN => i64::MIN,
        time_us if time_us >= END_TIMESTAMP - 1 => time_us,
        time_us => time_us + 1,
    }
}

/// Writes a time in UTC as PostgreSQL does in its ISO style, for example `2026-03-02 09:00:00+00`. It covers all times
/// that PostgreSQL accepts, and the infinities, and does not depend on the session's `TimeZone` or `DateStyle`.
pub fn utc(time_us: i64) -> String {
    if time_us < MIN_TIMESTAMP {
        return "-infinity".to_owned();
    }
    if time_us >= END_TIMESTAMP {
        return "infinity".to_owned();
    }
    let (days, of_day) = (time_us.div_euclid(DAY_US), time_us.rem_euclid(DAY_US));
    let (year, month, day) = date(days);
    let (year, era) = if year < 1 { (1 - year, " BC") } else { (year, "") };
    let (seconds, fraction) = (of_day / SECOND_US, of_day % SECOND_US);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}{fraction}+00{era}")
}

/// Writes a time as PostgreSQL's own messages do, in the session's `TimeZone`.
pub fn timestamp_text(time_us: i64) -> String {
    // SAFETY: the result is a C string in a buffer of PostgreSQL's, copied before the next call.
    unsafe { CStr::from_ptr(pg_sys::timestamptz_to_str(time_us)) }.to_string_lossy().into_owned()
}

/// The start of the transaction, which is what SQL's `now()` returns.
pub fn transaction_start() -> i64 {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }
}

unsafe extern "C-unwind" {
    /// access/xact.h. pgrx binds it with a guard against C errors, which it does not need: it only returns a variable.
    fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
}

/// The start of the statement. It is the same in all processes of a statement.
pub fn statement_start() -> i64 {
    // SAFETY: returns a variable of the backend, and raises nothing.
    unsafe { GetCurrentStatementStartTimestamp() }
}

/// The present time of the clock, which is what SQL's `clock_timestamp()` returns.
pub fn clock_now() -> i64 {
    // SAFETY: asks for the time.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// The year (0 is 1 BC) and the month, in UTC, of a time.
pub fn calendar_month(time_us: i64) -> (i64, i64) {
    let (year, month, _) = date(time_us.div_euclid(DAY_US));
    (year, month)
}

/// The first microsecond of a month in UTC. A time that does not fit becomes the nearest one that does.
pub fn month_start(year: i64, month: i64) -> i64 {
    // As in `date`, years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    (365 * year + leap_days + (153 * month + 2) / 5 - DAYS_FROM_MARCH_OF_YEAR_0).saturating_mul(DAY_US)
}

/// The days from 0000-03-01 to 2000-01-01.
const DAYS_FROM_MARCH_OF_YEAR_0: i64 = 730_425;

/// The year (0 is 1 BC), month and day of a day that is counted from 2000-01-01. It works with years that begin in
/// March, whose last day is the leap day.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let days = days + DAYS_FROM_MARCH_OF_YEAR_0;
    let (era, of_era) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
    let of_year = |year: i64| of_era - (365 * year + year / 4 - year / 100);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let month = (5 * of_year(year) + 2) / 153;
    let day = of_year(year) - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// Whether a text looks like a time to PostgreSQL. It recognizes an argument that was meant as a time but stands where
/// a name is expected.
pub fn looks_like_a_time(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    text.starts_with(|first: char| first.is_ascii_digit())
        || ["now", "today", "yesterday", "tomorrow", "infinity", "-infinity", "epoch"].contains(&&*text)
}
