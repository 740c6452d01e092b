//! Rows that a scan has not read yet, and rows by the time of their arrival.

use super::SourceQueries;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use crate::pg::time::utc;
use crate::rules::arrival::Arrival;
use crate::rules::indexes;
use travel_core::rule::Micros;

/// Which rows of the source a step reads.
pub struct NewRows {
    /// The condition on their arrival (see [`Arrival`]), as SQL. `None` for any arrival.
    pub arrived: Option<String>,
    /// Their event time is later than this.
    pub after: Option<Micros>,
    /// At most this many rows, plus those of the same time as the last one.
    pub limit: usize,
    /// They are few, and best found by their arrival.
    pub is_small: bool,
    /// Whether the next pass reads a row again, as SQL, with NULL for a row of which that is not known. `None`: not so.
    pub read_again: Option<String>,
}

impl NewRows {
    /// Any single row.
    pub fn any() -> Self {
        Self { arrived: None, after: None, limit: 1, is_small: false, read_again: None }
    }
}

impl SourceQueries {
    /// A query for rows that a pass has not read yet, in order of time. Behind the columns of [`QueryColumn`] is
    /// whether `read_again` holds.
    pub fn new_rows(&self, news: &NewRows) -> String {
        let after = self.events.time.bound(">", news.after, "-infinity");
        let until = self.events.time.bound("<", None, "infinity");
        let arrived = news.arrived.as_ref().map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        let query = format!(
            "SELECT {},\n       {} AS is_read_again\nFROM {}\nWHERE {}\n  AND {after}\n  AND {until}{arrived}",
            self.select,
            news.read_again.as_deref().unwrap_or("false"),
            self.from,
            self.filters
        );
        let limit = format!("ORDER BY event_time FETCH FIRST {} ROWS WITH TIES", news.limit);
        if news.is_small {
            format!("WITH news AS MATERIALIZED (\n{query}\n)\nSELECT *\nFROM news\n{limit}")
        } else {
            format!("{query}\n{limit}")
        }
    }

    /// A query for all events before a time, in order of time. `arrived` is a condition on their arrival, as SQL.
    pub fn events_before(&self, until: Option<Micros>, arrived: Option<&str>) -> String {
        let arrived = arrived.map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        format!(
            "SELECT {}\nFROM {}\nWHERE {}\n  AND {}\n  AND {}{arrived}\nORDER BY event_time",
            self.select,
            self.from,
            self.filters,
            self.events.time.bound(">", None, "-infinity"),
            self.events.time.bound("<", until, "infinity"),
        )
    }

    /// The condition, as SQL, on the rows that the first pass of a new rule reads. `None` for any arrival. Within an SPI
    /// connection.
    pub fn arrived_by_now(&self, owner: Role) -> Option<String> {
        let Arrival::Column(column) = &self.arrival else { return None };
        let arriving = self.newest_arrival(owner)?;
        Some(column.between(None, Some(arriving)))
    }

    /// The newest arrival, if a column holds it. Within an SPI connection.
    pub fn newest_arrival(&self, owner: Role) -> Option<Micros> {
        let Arrival::Column(column) = &self.arrival else { return None };
        let newest = column.newest(&self.from);
        with_rights_of(owner, || spi::select_time(&newest))
    }

    /// A query for the time of the first event, up to a time, of these entities ($1) and baseline users ($3), among the
    /// rows with a condition on their arrival. Its arguments are those of [`Self::histories`]. If an index finds such rows,
    /// they are few beside those of the members.
    pub fn first_arrived(&self, arrived: &str, until: Micros) -> Result<String, TravelError> {
        let materialized = if indexes::lead_to_new_rows(self)? { "MATERIALIZED" } else { "NOT MATERIALIZED" };
        Ok(format!(
            "WITH news AS {materialized} (\nSELECT {} AS event_time, {} AS entity, {} AS baseline_entity\nFROM {}\n\
             WHERE {arrived}\n  AND {}\n)\n\
             SELECT pg_catalog.min(event_time) AS first\nFROM news\n\
             WHERE (entity = ANY ($1) OR baseline_entity = ANY ($3)) AND event_time > '-infinity' AND event_time <= '{}'",
            self.events.time.as_timestamptz(),
            self.entity,
            self.baseline_entity,
            self.from,
            self.filters,
            utc(until),
        ))
    }

    /// Runs a query over new rows. If they are few, it uses the index on their arrival, whatever the statistics say.
    pub fn by_arrival<R>(&self, news: &NewRows, body: impl FnOnce() -> R) -> R {
        if news.is_small { self.with_settings(&spi::BY_INDEX[..2], body) } else { body() }
    }
}
