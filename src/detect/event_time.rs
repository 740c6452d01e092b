//! The time of the events of a source, as SQL, whatever type the source stores it in.

use super::arguments::Arguments;
use super::column_sql::Expression;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::report::Report;
use crate::pg::time::utc;
use crate::source::{is_textual, type_name};
use pgrx::pg_sys;

/// The time of an event.
pub struct EventTime {
    sql: String,
    kind: TimeKind,
    /// The notice about how times are read, if it is an assumption.
    notice: Option<String>,
}

/// The form in which the source stores times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeKind {
    WithZone,
    WithoutZone,
    /// Text, or numbers with Unix time. An overload of travel.event_time reads them.
    Read,
}

impl EventTime {
    /// The time in this column of the source.
    pub fn of(column: Expression, arguments: &Arguments) -> Result<Self, TravelError> {
        let Expression { sql, oid, .. } = column.checked()?;
        let kind = time_kind(oid)?;
        Ok(Self { sql, kind, notice: time_notice(kind, oid, arguments) })
    }

    /// The time of an event, as SQL of type timestamptz.
    pub fn as_timestamptz(&self) -> String {
        match self.kind {
            TimeKind::WithZone => self.sql.clone(),
            TimeKind::WithoutZone => format!("({} AT TIME ZONE 'UTC')", self.sql),
            TimeKind::Read => format!("travel.event_time({})", self.sql),
        }
    }

    /// The comparison `time operator bound`. The bound is converted to the type of the column, so an index on it can be
    /// used.
    pub fn bound(&self, operator: &str, bound_us: Option<i64>, open: &str) -> String {
        let text = bound_us.map_or_else(|| open.to_owned(), utc);
        match self.kind {
            TimeKind::WithZone => format!("{} {operator} timestamptz '{text}'", self.sql),
            TimeKind::WithoutZone => {
                format!("{} {operator} timestamp '{}'", self.sql, text.replace("+00", ""))
            }
            TimeKind::Read => format!("travel.event_time({}) {operator} timestamptz '{text}'", self.sql),
        }
    }

    /// The condition that an event is later than a timestamptz, which is converted to the type of the column.
    pub fn is_later_than(&self, time: &str) -> String {
        match self.kind {
            TimeKind::WithZone => format!("{} > {time}", self.sql),
            TimeKind::WithoutZone => format!("{} > ({time} AT TIME ZONE 'UTC')", self.sql),
            TimeKind::Read => format!("travel.event_time({}) > {time}", self.sql),
        }
    }

    /// The expression for an index on the time that these comparisons can use.
    pub fn key(&self) -> String {
        match self.kind {
            TimeKind::WithZone | TimeKind::WithoutZone => self.sql.clone(),
            TimeKind::Read => format!("travel.event_time({})", self.sql),
        }
    }

    /// The time as the source stores it.
    pub fn as_given(&self) -> &str {
        &self.sql
    }

    /// Returns whether some times may be unreadable.
    pub fn may_be_unreadable(&self) -> bool {
        self.kind == TimeKind::Read
    }

    /// The condition that an event is in a range of time. An event with an unreadable time satisfies it, because its
    /// time is unknown.
    pub fn in_range(&self, since: Option<i64>, until: Option<i64>) -> String {
        format!(
            "({} IS NULL OR ({} AND {}))",
            self.key(),
            self.bound(">=", since, "-infinity"),
            self.bound(if until.is_some() { "<" } else { "<=" }, until, "infinity"),
        )
    }

    /// A query for the times of the first and the last of those rows that satisfy a condition, as the columns `first` and
    /// `last`.
    pub fn span(&self, from: &str, which: &str) -> String {
        // Where statistics are missing, min() and max() would read all of the rows.
        let end = |direction: &str| {
            format!(
                "(SELECT {} FROM {from} WHERE {which} AND {} AND {} ORDER BY {}{direction} LIMIT 1)",
                self.as_timestamptz(),
                self.bound(">", None, "-infinity"),
                self.bound("<", None, "infinity"),
                self.key(),
            )
        };
        format!("SELECT {} AS first, {} AS last", end(""), end(" DESC"))
    }

    /// The condition that an event is later than a time, or has no readable time.
    pub fn is_later_or_missing(&self, after: Option<i64>) -> String {
        format!("({} IS NULL OR {})", self.key(), self.bound(">", after, "-infinity"))
    }

    /// Reports how times are read, if they could be read differently.
    pub fn send_notice(&self) {
        if let Some(notice) = &self.notice {
            Report::notice(notice.clone()).send();
        }
    }
}

/// The time in a column of the source, as SQL of type timestamptz.
pub fn as_timestamptz(column: Expression) -> Result<String, TravelError> {
    let Expression { sql, oid, .. } = column.checked()?;
    Ok(EventTime { sql, kind: time_kind(oid)?, notice: None }.as_timestamptz())
}

fn time_kind(oid: pg_sys::Oid) -> Result<TimeKind, TravelError> {
    match oid {
        pg_sys::TIMESTAMPTZOID => Ok(TimeKind::WithZone),
        pg_sys::TIMESTAMPOID => Ok(TimeKind::WithoutZone),
        oid if is_textual(oid) || is_unix_time(oid) || oid == pg_sys::UNKNOWNOID => Ok(TimeKind::Read),
        oid => Err(SourceError::ColumnType {
            column: "event_time".to_owned(),
            is: type_name(oid),
            wanted: "timestamptz, timestamp, text, or Unix time as integer, bigint, numeric or double precision",
            hint: match oid {
                pg_sys::DATEOID => "Convert the value in columns. For midnight in UTC: {\"event_time\": \"(the_column::timestamp)\"}.",
                pg_sys::FLOAT4OID => "Store the times as double precision: a real is exact to about two minutes only.",
                _ => "Convert the value in columns: {\"event_time\": \"(an expression)\"}.",
            }
            .to_owned(),
        }.into()),
    }
}

/// Returns whether numbers of this type can represent Unix time.
fn is_unix_time(oid: pg_sys::Oid) -> bool {
    matches!(oid, pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::NUMERICOID | pg_sys::FLOAT8OID)
}

fn time_notice(kind: TimeKind, oid: pg_sys::Oid, arguments: &Arguments) -> Option<String> {
    if kind == TimeKind::WithoutZone {
        return Some("column \"event_time\" has no time zone and is read as UTC".to_owned());
    }
    let given = arguments.columns.iter().find(|(key, _)| key == "event_time");
    let column = given.map_or("event_time", |(_, column)| column);
    is_unix_time(oid).then(|| {
        format!(
            "column \"{column}\" of type {} is read as Unix time in seconds (10 digits), milliseconds (13), microseconds (16) \
             or nanoseconds (19)",
            type_name(oid)
        )
    })
}
