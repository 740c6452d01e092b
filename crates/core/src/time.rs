//! Times as people and SQL read them.

use chrono::{DateTime, Datelike};

/// 2000-01-01 UTC, from which PostgreSQL counts, in microseconds since 1970.
pub const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// A time (microseconds since 2000-01-01 UTC) as text: `2026-03-02 09:00:00+00`.
pub fn utc(time_us: i64) -> String {
    let unix_us = time_us.saturating_add(POSTGRES_EPOCH_US);
    let Some(time) = DateTime::from_timestamp_micros(unix_us) else { return "infinity".to_owned() };
    let (year, era) = match time.year() {
        year if year < 1 => (1 - year, " BC"),
        year => (year, ""),
    };
    let seconds = if unix_us.rem_euclid(1_000_000) == 0 { "%H:%M:%S" } else { "%H:%M:%S%.6f" };
    format!("{year:04}{}+00{era}", time.format(&format!("-%m-%d {seconds}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_sql_reads_it() {
        for (time_us, text) in [
            (0, "2000-01-01 00:00:00+00"),
            (825_757_200_000_000, "2026-03-02 09:00:00+00"),
            (825_757_200_000_001, "2026-03-02 09:00:00.000001+00"),
            (-63_113_904_000_000_000, "0001-01-01 00:00:00+00 BC"),
        ] {
            assert_eq!(utc(time_us), text);
        }
    }
}
