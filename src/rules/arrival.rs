//! How a scan finds the rows that are new, as SQL over the source.

use crate::detect::{Expression, type_name};
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::report::Report;
use crate::pg::time::utc;
use pgrx::pg_sys;
use travel_core::rule::Micros;

/// How a scan finds new rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By this column, which holds the id of the transaction that inserted the row.
    Transaction(String),
    /// By a column that holds the time at which the row arrived.
    Column(ArrivalTime),
    /// By reading the most recent events again.
    Lookback,
}

impl Arrival {
    /// The form in which it is stored. A scan that finds another one stored begins anew.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Transaction(column) => column,
            Self::Column(time) => &time.sql,
            Self::Lookback => "lookback",
        }
    }

    /// Reports how times are read, if they could be read differently.
    pub fn send_notice(&self) {
        if let Self::Column(ArrivalTime { name, has_zone: false, .. }) = self {
            Report::notice(format!("arrival_column \"{name}\" has no time zone and is read as UTC")).send();
        }
    }
}

/// The time at which a row arrived, as SQL. Comparisons convert the bound to the type of the column, so an index on it
/// can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivalTime {
    name: String,
    pub sql: String,
    /// Whether the type is timestamptz. A timestamp without time zone is read as UTC.
    has_zone: bool,
}

impl ArrivalTime {
    /// The time in the column `name`.
    pub fn of(name: &str, column: &Expression) -> Result<Self, TravelError> {
        let has_zone = match column.oid {
            pg_sys::TIMESTAMPTZOID => true,
            pg_sys::TIMESTAMPOID => false,
            other => {
                return Err(SourceError::ColumnType {
                    column: name.to_owned(),
                    is: type_name(other),
                    wanted: "timestamptz or timestamp",
                    hint:
                        "Set arrival_column to a column with the time when a row arrived, or leave it NULL."
                            .to_owned(),
                }
                .into());
            }
        };
        Ok(Self { name: name.to_owned(), sql: column.sql.clone(), has_zone })
    }

    /// The time of the newest row, as SQL. Rows that claim to arrive in the future are read when that time has come.
    pub fn newest(&self, from: &str) -> String {
        let Self { sql, has_zone, .. } = self;
        if *has_zone {
            format!("SELECT pg_catalog.max({sql}) FROM {from} WHERE {sql} <= pg_catalog.clock_timestamp()")
        } else {
            format!(
                "SELECT pg_catalog.max({sql}) AT TIME ZONE 'UTC' FROM {from} \
                 WHERE {sql} <= (pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')"
            )
        }
    }

    /// The condition on rows that arrived after one time and not after another.
    pub fn between(&self, after: Option<Micros>, until: Option<Micros>) -> String {
        format!(
            "{} AND {}",
            self.is(">", &after.map_or_else(|| "-infinity".to_owned(), utc)),
            self.is("<=", &until.map_or_else(|| "infinity".to_owned(), utc))
        )
    }

    /// The comparison with a time that is written in UTC.
    pub fn is(&self, operator: &str, time: &str) -> String {
        let Self { sql, has_zone, .. } = self;
        if *has_zone {
            format!("{sql} {operator} timestamptz '{time}'")
        } else {
            format!("{sql} {operator} timestamp '{}'", time.replace("+00", ""))
        }
    }
}

/// The condition on rows that a snapshot sees and an earlier one did not, or that the present transaction inserted.
pub fn seen_since(xid: &str, earlier: &str, now: &str, own_xid: &str) -> String {
    format!(
        "{xid} >= pg_catalog.pg_snapshot_xmin('{earlier}'::pg_snapshot)\n  \
         AND NOT pg_catalog.pg_visible_in_snapshot({xid}, '{earlier}'::pg_snapshot)\n  \
         AND (pg_catalog.pg_visible_in_snapshot({xid}, '{now}'::pg_snapshot) OR {xid} = '{own_xid}'::xid8)"
    )
}

/// Whether a scan that continues from the snapshot `seen` reads a row again, as SQL. It is NULL if the row
/// comes from another cluster, because this cluster does not know when that transaction ended.
pub fn is_read_again(xid: &str, seen: &str, own_xid: &str) -> String {
    format!(
        "CASE
           WHEN {xid} IS NULL OR pg_catalog.pg_visible_in_snapshot({xid}, '{seen}'::pg_snapshot) THEN false
           WHEN {xid} < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) OR {xid} = '{own_xid}'::xid8
               THEN true
       END"
    )
}
