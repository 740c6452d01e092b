//! What the caller of `detect`, `detect_sql` and `coverage` asks for.

use super::source::Source;
use crate::leg::thresholds;
use crate::pg::errors::TravelError;
use crate::pg::function::Call;
use crate::pg::jsonb::Node;
use pgrx::pg_sys;
use travel_cloudtrail::{Json, Kind};
use travel_core::journey::Thresholds;

#[derive(Clone)]
pub struct Arguments {
    pub source: Source,
    /// As SQL identifiers.
    pub entity: String,
    /// Microseconds since 2000-01-01 UTC; open where there is none.
    pub since: Option<i64>,
    pub until: Option<i64>,
    pub condition: Option<String>,
    pub thresholds: Thresholds,
    pub all_legs: bool,
    /// Key and value as the caller wrote them.
    pub columns: Vec<(String, String)>,
}

/// Below this velocity the bound of a leg is so long that reading all earlier events costs little more.
const MIN_BOUNDED_VELOCITY_KMH: f64 = 50.0;

/// 4714-11-24 00:00:00+00 BC.
const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;

/// 294277-01-01 00:00:00+00, which PostgreSQL cannot write any more.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

const DAY_US: i64 = 86_400_000_000;

impl Arguments {
    /// `(source, entity, since, until, condition, min_distance_km, min_velocity_kmh, use_accuracy, all_legs, columns)`
    pub fn of_detect(call: &Call) -> Result<Self, TravelError> {
        let thresholds = thresholds(call.f64(5), call.f64(6), call.bool(7))?;
        let all_legs = call.bool(8).ok_or(TravelError::ArgumentNull { name: "all_legs" })?;
        Self::read(call, thresholds, all_legs, 9)
    }

    /// `(source, entity, since, until, condition, columns)`
    pub fn of_coverage(call: &Call) -> Result<Self, TravelError> {
        Self::read(call, Thresholds::default(), false, 5)
    }

    fn read(
        call: &Call,
        thresholds: Thresholds,
        all_legs: bool,
        columns_at: usize,
    ) -> Result<Self, TravelError> {
        let source = call.oid(0).ok_or(TravelError::ArgumentNull { name: "source" })?;
        let entity = call.text(1)?.ok_or(TravelError::ArgumentNull { name: "entity" })?;
        // A bound beyond all times is an open one.
        let since = call.timestamp(2).filter(|time| *time != i64::MIN);
        let until = call.timestamp(3).filter(|time| *time != i64::MAX);
        if since == Some(i64::MAX) || until == Some(i64::MIN) {
            return Err(TravelError::EmptyRange { since: bound(since), until: bound(until) });
        }
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(TravelError::EmptyRange { since: bound(Some(since)), until: bound(Some(until)) });
        }
        Ok(Self {
            source: Source::open(source)?,
            entity: entity.to_owned(),
            since,
            until,
            condition: call.text(4)?.map(str::to_owned),
            thresholds,
            all_legs,
            columns: columns(call.datum(columns_at))?,
        })
    }

    /// The earliest event that can be the start of a leg of the range.
    pub fn first_start(&self) -> Option<i64> {
        if self.all_legs || self.thresholds.min_velocity_kmh < MIN_BOUNDED_VELOCITY_KMH {
            return None;
        }
        let bound_us = (self.thresholds.bound_seconds().ceil() * 1e6) as i64;
        // Before all times that PostgreSQL can write the bound is open.
        self.since.and_then(|since| since.checked_sub(bound_us)).filter(|first| *first >= MIN_TIMESTAMP)
    }
}

/// The last time before another; the infinities, and the first time that PostgreSQL can write, have none but themselves
/// and -infinity.
pub fn just_before(time_us: i64) -> i64 {
    match time_us {
        i64::MAX => i64::MAX,
        time_us if time_us <= MIN_TIMESTAMP => i64::MIN,
        time_us => time_us - 1,
    }
}

fn bound(time_us: Option<i64>) -> String {
    match time_us {
        None => "open".to_owned(),
        Some(i64::MIN) => "-infinity".to_owned(),
        Some(i64::MAX) => "infinity".to_owned(),
        Some(time_us) => utc(time_us),
    }
}

/// Whether a text is one that PostgreSQL reads as a time, or nearly.
pub fn looks_like_a_time(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    text.starts_with(|first: char| first.is_ascii_digit())
        || ["now", "today", "yesterday", "tomorrow", "infinity", "-infinity", "epoch"].contains(&&*text)
}

/// A time as SQL and people read it: `2026-03-02 09:00:00+00`. Every time that PostgreSQL can write, and the infinities.
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
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}{fraction}+00{era}")
}

/// Year (0 is 1 BC), month and day of a day, counted from 2000-01-01: of a calendar whose years begin in March, so that
/// a leap day is the last.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // From 0000-03-01 on.
    let days = days + 730_425;
    let (era, of_era) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let of_year = |year: i64| of_era - (365 * year + year / 4 - year / 100);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let month = (5 * of_year(year) + 2) / 153;
    let day = of_year(year) - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// A jsonb that says where columns are.
pub fn columns(datum: Option<pg_sys::Datum>) -> Result<Vec<(String, String)>, TravelError> {
    let Some(datum) = datum else { return Ok(Vec::new()) };
    // SAFETY: SQL declares the argument, or the column, as jsonb, and it outlives the call.
    let node = unsafe { Node::of(datum) };
    if node.kind() != Kind::Object {
        return Err(TravelError::ColumnsNotAnObject { found: node.kind().as_str() });
    }
    node.entries()
        .map(|(key, value)| match value.as_str() {
            Some(text) => Ok((key.to_owned(), text.trim().to_owned())),
            None => Err(TravelError::ColumnsValue { key: key.to_owned(), found: value.kind().as_str() }),
        })
        .collect()
}
