//! Which rows of the source no scan has read yet.

use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::pg::time::utc;
use crate::rules::arrival::Arrival;
use crate::rules::source_queries::SourceQueries;
use travel_core::rule::Micros;

/// What scans have read of the source of a rule.
pub struct Unread {
    /// The condition, as SQL over the source, that no scan has read a row. It is never NULL.
    pub sql: String,
    /// The condition that no scan has read a row, in a form that an index on the arrival can answer. `None`: rows that
    /// are not later than a checkpoint count as read.
    pub by_arrival: Option<String>,
    /// Verdicts on legs that arrive before this time were pruned.
    pub pruned_before: Option<Micros>,
}

impl Unread {
    /// `evaluated_until` is the time of the last event of the entity that a scan evaluated. It decides if nothing else
    /// tells what scans have read.
    pub fn load(
        rule: &str,
        queries: &SourceQueries,
        evaluated_until: Option<Micros>,
    ) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT s.source, s.arrival, s.scanned::text AS scanned, s.target::text AS target, s.arrived, s.arriving,
                    CASE WHEN s.under_way THEN s.position END AS position, s.finished_at IS NOT NULL AS has_finished,
                    s.pruned_before,
                    EXISTS (SELECT FROM travel_internal.own_passes AS p
                            WHERE p.rule = s.rule AND p.name = s.pass_name) AS is_own
             FROM travel_internal.scans AS s
             WHERE s.rule = $1",
            &[Argument::text(rule)],
        );
        spi::columns!(rows => source, arrival, scanned, target, arrived, arriving, position, has_finished);
        spi::columns!(rows => pruned_before, is_own);
        let Some(row) = rows.first() else { return Ok(Self::all(None)) };
        let pruned_before = row.i64(pruned_before);
        let is_same = row.text(source)? == Some(queries.source.as_str())
            && row.text(arrival)? == Some(queries.arrival.as_str());
        if !is_same {
            // The next scan evaluates everything again.
            return Ok(Self::all(pruned_before));
        }
        let time = &queries.events.time;
        let later =
            || Self { sql: time.bound(">", evaluated_until, "-infinity"), by_arrival: None, pruned_before };
        let has_finished = row.is_true(has_finished);
        // The condition of new rows, and that of the rows which the pass under way has to read.
        let (new, target) = match &queries.arrival {
            Arrival::Lookback => return Ok(later()),
            // The numbers of another database say nothing here.
            Arrival::Transaction(_) if !row.is_true(is_own) => {
                return Ok(later());
            }
            Arrival::Transaction(xid) => {
                let seen = |snapshot: &str| {
                    format!("pg_catalog.pg_visible_in_snapshot({xid}, '{snapshot}'::pg_snapshot)")
                };
                let scanned = row.text(scanned)?.filter(|_| has_finished);
                let is_new = |scanned: &str| {
                    format!(
                        "{xid} >= pg_catalog.pg_snapshot_xmin('{scanned}'::pg_snapshot) AND NOT {}",
                        seen(scanned)
                    )
                };
                (scanned.map(is_new), row.text(target)?.map(seen))
            }
            // Without a row that had arrived, every pass reads all rows.
            Arrival::Column(_) if has_finished && row.i64(arrived).is_none() => {
                return Ok(later());
            }
            Arrival::Column(column) => {
                let arrived = row.i64(arrived).filter(|_| has_finished);
                (
                    arrived.map(|arrived| column.is(">", &utc(arrived))),
                    row.i64(arriving).map(|arriving| column.is("<=", &utc(arriving))),
                )
            }
        };
        let all = || "true".to_owned();
        let new = new.unwrap_or_else(all);
        let unread = match row.i64(position) {
            Some(position) => format!(
                "{new} AND NOT ({} AND {})",
                time.bound("<=", Some(position), "infinity"),
                target.unwrap_or_else(all)
            ),
            None => new,
        };
        // A row without a transaction was read by the first scan. One without an arrival time is never read.
        let is_null =
            if matches!(queries.arrival, Arrival::Transaction(_)) { "IS TRUE" } else { "IS NOT FALSE" };
        Ok(Self { sql: format!("({unread}) {is_null}"), by_arrival: Some(unread), pruned_before })
    }

    /// No scan has read any row. Then no member has a checkpoint that a row could be late for.
    fn all(pruned_before: Option<Micros>) -> Self {
        Self { sql: "true".to_owned(), by_arrival: None, pruned_before }
    }
}
