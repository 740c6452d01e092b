//! The arguments of `detect`, `detect_sql` and `coverage`.

use crate::layouts::{Recognized, layout_of};
use crate::legs::thresholds;
use crate::pg::errors::{SourceError, TravelError, UsageError};
use crate::pg::function::Call;
use crate::pg::jsonb::Node;
use crate::pg::time::{MIN_TIMESTAMP, utc};
use crate::source::Source;
use pgrx::pg_sys;
use travel_cloudtrail::{Json, Kind};
use travel_core::journey::Thresholds;

#[derive(Clone)]
pub struct Arguments {
    pub source: Source,
    /// The columns of the entity, as SQL identifiers.
    pub entity: String,
    /// Microseconds since 2000-01-01 UTC. `None`: the range is open.
    pub since: Option<i64>,
    pub until: Option<i64>,
    pub condition: Option<String>,
    pub thresholds: Thresholds,
    pub all_legs: bool,
    /// The keys and values of `columns`, as the caller wrote them or as the layout has them.
    pub columns: Vec<(String, String)>,
    /// The layout from which they come, if the caller gave none.
    pub layout: Option<Recognized>,
}

/// The velocity below which the bound of a leg is so long that reading all earlier events costs little more.
const MIN_BOUNDED_VELOCITY_KMH: f64 = 50.0;

impl Arguments {
    /// `(source, entity, since, until, condition, min_distance_km, min_velocity_kmh, use_accuracy, all_legs, columns)`
    pub fn of_detect(call: &Call) -> Result<Self, TravelError> {
        let thresholds = thresholds(call.f64(5), call.f64(6), call.bool(7))?;
        let all_legs = call.bool(8).ok_or(UsageError::ArgumentNull { name: "all_legs" })?;
        Self::read(call, thresholds, all_legs, 9)
    }

    /// Arguments that only say where the columns of a source are: `given`, the argument `columns`, or else its layout.
    pub fn of_source(source: Source, given: Option<pg_sys::Datum>) -> Result<Self, TravelError> {
        let entity = "access_key_id";
        let (columns, layout) = columns_of(&source, entity, given)?;
        Ok(Self {
            source,
            entity: entity.to_owned(),
            since: None,
            until: None,
            condition: None,
            thresholds: Thresholds::default(),
            all_legs: false,
            columns,
            layout,
        })
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
        let source = call.oid(0).ok_or(UsageError::ArgumentNull { name: "source" })?;
        let entity = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "entity" })?;
        let (since, until) = time_range(call.timestamp(2), call.timestamp(3))?;
        let source = Source::open(source)?;
        let (columns, layout) = columns_of(&source, entity, call.datum(columns_at))?;
        Ok(Self {
            source,
            entity: entity.to_owned(),
            since,
            until,
            condition: call.text(4)?.map(str::to_owned),
            thresholds,
            all_legs,
            columns,
            layout,
        })
    }

    /// The earliest time at which a leg that arrives in the range can start.
    pub fn first_start(&self) -> Option<i64> {
        if self.all_legs || self.thresholds.min_velocity_kmh < MIN_BOUNDED_VELOCITY_KMH {
            return None;
        }
        let bound_us = (self.thresholds.bound_seconds().ceil() * 1e6) as i64;
        // If the bound is before all times of PostgreSQL, the range is open.
        self.since.and_then(|since| since.checked_sub(bound_us)).filter(|first| *first >= MIN_TIMESTAMP)
    }
}

/// The range of time that two arguments give. A bound beyond all times leaves the range open.
pub fn time_range(since: Option<i64>, until: Option<i64>) -> Result<(Option<i64>, Option<i64>), TravelError> {
    let since = since.filter(|time| *time != i64::MIN);
    let until = until.filter(|time| *time != i64::MAX);
    let is_empty = match (since, until) {
        (Some(since), Some(until)) => since >= until,
        (since, until) => since == Some(i64::MAX) || until == Some(i64::MIN),
    };
    if is_empty {
        return Err(SourceError::EmptyRange { since: bound(since), until: bound(until) }.into());
    }
    Ok((since, until))
}

fn bound(time_us: Option<i64>) -> String {
    match time_us {
        None => "open".to_owned(),
        Some(i64::MIN) => "-infinity".to_owned(),
        Some(i64::MAX) => "infinity".to_owned(),
        Some(time_us) => utc(time_us),
    }
}

/// The keys and values of `columns`, and the layout from which they come.
type ColumnsAndLayout = (Vec<(String, String)>, Option<Recognized>);

/// The columns as given, or else those of the layout of the source, if it has one.
fn columns_of(
    source: &Source,
    entity: &str,
    given: Option<pg_sys::Datum>,
) -> Result<ColumnsAndLayout, TravelError> {
    let layout = if given.is_none() { layout_of(source, entity)? } else { None };
    let columns = match &layout {
        Some(layout) => layout.columns.clone(),
        None => columns_argument(given)?,
    };
    Ok((columns, layout))
}

/// Reads `columns`, a jsonb object that says where the standard columns are.
pub fn columns_argument(datum: Option<pg_sys::Datum>) -> Result<Vec<(String, String)>, TravelError> {
    let Some(datum) = datum else { return Ok(Vec::new()) };
    // SAFETY: SQL declares the argument, or the column, as jsonb, and it outlives the call.
    let node = unsafe { Node::of(datum) };
    if node.kind() != Kind::Object {
        return Err(SourceError::ColumnsNotAnObject { found: node.kind().as_str() }.into());
    }
    node.entries()
        .map(|(key, value)| match value.as_str() {
            Some(text) => Ok((key.to_owned(), text.trim().to_owned())),
            None => {
                Err(SourceError::ColumnsValue { key: key.to_owned(), found: value.kind().as_str() }.into())
            }
        })
        .collect()
}
