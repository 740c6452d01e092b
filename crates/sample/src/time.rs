//! Times as seconds since 1970 and in ISO 8601, always in UTC: the part of a calendar that the samples need.

use std::fmt;

/// A moment, in seconds since 1970-01-01 00:00:00 UTC. Displayed as `2026-03-02T08:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Time {
    /// Year, month and day.
    pub fn date(self) -> (i64, u32, u32) {
        // Howard Hinnant's civil_from_days: years that begin in March put the leap day last.
        let days = self.0.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 } as u32;
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// Reads a time as it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        // Hinnant's days_from_civil, the inverse of the function above.
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Some(Self(((days * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?))
    }

    /// Hour, minute and second.
    pub fn clock(self) -> (i64, i64, i64) {
        let second = self.0.rem_euclid(86_400);
        (second / 3600, second / 60 % 60, second % 60)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let (hour, minute, second) = self.clock();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A moment of March 2026, the month of the story.
pub const fn march(day: i64, hour: i64, minute: i64, second: i64) -> Time {
    const MARCH_2026: i64 = 1_772_323_200;
    Time(MARCH_2026 + (day - 1) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Time(951_782_399).to_string(), "2000-02-28T23:59:59Z");
        assert_eq!(Time(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Time(1_767_225_599).to_string(), "2025-12-31T23:59:59Z");
        assert_eq!(march(2, 8, 5, 9).to_string(), "2026-03-02T08:05:09Z");
    }

    #[test]
    fn a_displayed_time_is_read_back() {
        for seconds in [0, 951_782_399, 951_782_400, 1_767_225_599, march(31, 23, 59, 59).0] {
            assert_eq!(Time::parse(&Time(seconds).to_string()), Some(Time(seconds)));
        }
        assert_eq!(Time::parse("yesterday"), None);
    }
}
