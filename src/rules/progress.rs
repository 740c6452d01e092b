//! Where the scan of a rule stands: its row in travel_internal.scans.

use super::definition::{self, Definition, text};
use super::source_queries::{Arrival, SourceQueries, arrived_between, seen_since};
use super::step_status::is_lock_timeout;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use crate::pg::time::just_before;
use pgrx::{PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;
use travel_core::rule::settings::HOUR;
use travel_core::rule::{Micros, Severity};

/// How far back what arrived is read again: a row may have been committed long after it was written.
const OVERLAP: Micros = HOUR;

/// The row, locked until the transaction ends: no two scans of one rule work at once.
#[derive(Debug, Default)]
pub struct Progress {
    source: Option<String>,
    /// How it finds what is new, as [`Arrival::as_str`] says it.
    arrival: Option<String>,
    system_identifier: Option<i64>,
    /// Snapshots, as PostgreSQL writes them.
    scanned: Option<String>,
    target: Option<String>,
    arrived: Option<Micros>,
    arriving: Option<Micros>,
    pub pass: i64,
    /// The pass evaluates again what is later, new or not.
    pub evaluate_from: Option<Micros>,
    /// How far in event time the pass has come.
    pub position: Option<Micros>,
    pub is_under_way: bool,
    /// The pass that is under way was begun by an earlier statement.
    pub is_resumed: bool,
    has_finished: bool,
    newest_event: Option<Micros>,
    /// Of a pass over much: the newest event that it will come to.
    horizon: Option<Micros>,
    pub pruned_before: Option<Micros>,
    /// Alerts that the pass has raised, and the highest severity of them.
    pub raised: i64,
    pub highest: Option<Severity>,
    /// Of the pass so far.
    events: u64,
    located: u64,
}

/// What is known of the rows that a pass read.
pub struct Health {
    /// Why none of them could be evaluated.
    pub problem: Option<String>,
}

/// What a step read.
#[derive(Debug, Default)]
pub struct StepCounts {
    pub events: u64,
    pub located: u64,
    pub newest: Option<Micros>,
    /// The newest that does not claim to come from the future.
    pub newest_past: Option<Micros>,
}

impl Progress {
    /// Within an SPI connection. Where another session scans the rule, it waits for that one's step to end, as long as
    /// for any lock.
    pub fn lock(rule: &str) -> Result<Self, TravelError> {
        PgTryBuilder::new(AssertUnwindSafe(|| Self::locked(rule)))
            .catch_others(|caught| {
                if is_lock_timeout(&caught) {
                    return Err(TravelError::ScannedElsewhere { rule: rule.to_owned() });
                }
                caught.rethrow()
            })
            .execute()
    }

    fn locked(rule: &str) -> Result<Self, TravelError> {
        // The rule cannot be deleted while a step works, so nothing is written about a rule that does not exist.
        spi::execute(
            "INSERT INTO travel_internal.scans (rule) SELECT name FROM travel.rules WHERE name = $1 FOR KEY SHARE
             ON CONFLICT DO NOTHING",
            &[text(rule)],
        );
        let rows = spi::select(
            "SELECT source, system_identifier, scanned::text, target::text, arrived, arriving, pass, evaluate_from, position,
                    under_way, finished_at IS NOT NULL, newest_event, horizon, pruned_before,
                    under_way AND started_at < pg_catalog.statement_timestamp(), arrival, raised, highest::text,
                    pass_events, pass_located
             FROM travel_internal.scans
             WHERE rule = $1
             FOR UPDATE",
            &[text(rule)],
        );
        if rows.len == 0 {
            return Err(TravelError::NoSuchRule { name: rule.to_owned(), known: definition::names() });
        }
        let owned = |column| Ok::<_, TravelError>(rows.text(0, column)?.map(str::to_owned));
        Ok(Self {
            source: owned(0)?,
            system_identifier: rows.i64(0, 1),
            scanned: owned(2)?,
            target: owned(3)?,
            arrived: rows.i64(0, 4),
            arriving: rows.i64(0, 5),
            pass: rows.i64(0, 6).unwrap_or_default(),
            evaluate_from: rows.i64(0, 7),
            position: rows.i64(0, 8),
            is_under_way: rows.bool(0, 9) == Some(true),
            has_finished: rows.bool(0, 10) == Some(true),
            newest_event: rows.i64(0, 11),
            horizon: rows.i64(0, 12),
            pruned_before: rows.i64(0, 13),
            is_resumed: rows.bool(0, 14) == Some(true),
            arrival: owned(15)?,
            raised: rows.i64(0, 16).unwrap_or_default(),
            highest: owned(17)?.as_deref().and_then(Severity::from_name),
            events: rows.i64(0, 18).unwrap_or_default() as u64,
            located: rows.i64(0, 19).unwrap_or_default() as u64,
        })
    }

    /// Begins a pass over what is new; over everything, where the source is another or the cluster is.
    pub fn begin(
        &mut self,
        definition: &Definition,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(), TravelError> {
        let rows = spi::select(
            "SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_xact_id()::text,
                    (SELECT system_identifier FROM pg_catalog.pg_control_system())",
            &[],
        );
        let snapshot = rows.text(0, 0)?.unwrap_or_default();
        let own = rows.text(0, 1)?.unwrap_or_default();
        let system = rows.i64(0, 2);
        let arrival = queries.arrival.as_str();
        let is_other =
            self.source.as_deref() != Some(&queries.source) || self.arrival.as_deref() != Some(arrival);
        let is_exact = matches!(queries.arrival, Arrival::Transaction(_));
        let forgets = is_other
            || !self.has_finished
            || (is_exact && (self.system_identifier != system || self.scanned.is_none()));
        self.pass += 1;
        self.is_under_way = true;
        self.position = None;
        self.target = is_exact.then(|| with_own(snapshot, own)).flatten();
        if let Arrival::Column(column) = &queries.arrival {
            let newest = queries.newest_arrival(column);
            let rows = with_rights_of(owner, || spi::select(&newest, &[]));
            self.arriving = rows.i64(0, 0);
        }
        if forgets {
            self.scanned = None;
            self.arrived = None;
            self.newest_event = None;
            self.evaluate_from = if !self.has_finished {
                None
            } else if is_other {
                // What an earlier source said goes as far as the new one does not say it too.
                Some(Micros::MIN)
            } else {
                // The same source in another cluster: what it has no longer stays as it was evaluated.
                let oldest = with_rights_of(owner, || spi::select(&queries.oldest_event(), &[])).i64(0, 0);
                oldest.map(just_before)
            };
        }
        self.horizon = None;
        if !self.is_small() {
            let newest = queries.newest_event();
            self.horizon = with_rights_of(owner, || spi::select(&newest, &[])).i64(0, 0);
        }
        self.source = Some(queries.source.clone());
        self.system_identifier = system;
        (self.raised, self.highest) = (0, None);
        (self.events, self.located) = (0, 0);
        spi::execute(
            "UPDATE travel_internal.scans
             SET source = $2, system_identifier = $3, scanned = $4::pg_snapshot, target = $5::pg_snapshot, arrived = $6,
                 arriving = $7, pass = $8, evaluate_from = $9, position = NULL, under_way = true, newest_event = $10, horizon = $11,
                 arrival = $12, raised = 0, highest = NULL, pass_events = 0, pass_located = 0, found_news = false,
                 newest_past = CASE WHEN $10::timestamptz IS NOT NULL THEN newest_past END,
                 news_at = coalesce(news_at, pg_catalog.clock_timestamp()), started_at = pg_catalog.clock_timestamp()
             WHERE rule = $1",
            &[
                text(&definition.name),
                text(&queries.source),
                number(system),
                nullable(self.scanned.as_deref()),
                nullable(self.target.as_deref()),
                time(self.arrived),
                time(self.arriving),
                number(Some(self.pass)),
                time(self.evaluate_from),
                time(self.newest_event),
                time(self.horizon),
                text(arrival),
            ],
        );
        Ok(())
    }

    /// Which rows the pass is about, as SQL over the source; none: all of them.
    pub fn condition(&self, queries: &SourceQueries, own: &str) -> Option<String> {
        // A pass that evaluates everything again reads what was read before, too.
        let again = self.evaluate_from.is_some();
        match &queries.arrival {
            Arrival::Transaction(xid) => {
                // Over everything, also rows whose transaction is none of this cluster's: restored from another, or NULL.
                // Those that come meanwhile are read again by the next pass.
                let scanned = self.scanned.as_deref().filter(|_| !again)?;
                Some(seen_since(xid, scanned, self.target.as_deref()?, own))
            }
            Arrival::Column(column) => {
                let after = self.arrived.filter(|_| !again).map(|arrived| arrived.saturating_sub(OVERLAP));
                self.arriving.map(|arriving| arrived_between(column, after, Some(arriving)))
            }
            Arrival::Lookback => None,
        }
    }

    /// Events that the pass reads are later than this.
    pub fn after(&self, definition: &Definition, queries: &SourceQueries) -> Option<Micros> {
        self.begins_after(definition, queries).max(self.position).filter(|after| *after != Micros::MIN)
    }

    /// The same of the whole pass, wherever it has come to.
    fn begins_after(&self, definition: &Definition, queries: &SourceQueries) -> Option<Micros> {
        let from = match (self.evaluate_from, &queries.arrival) {
            (Some(from), _) => Some(from),
            (None, Arrival::Lookback) => {
                // One event that claims to come from the future hides no other.
                self.newest_event.map(|newest| newest.min(now()).saturating_sub(definition.lookback))
            }
            (None, _) => None,
        };
        let pruned = self.pruned_before.map(|time| time.saturating_sub(1));
        from.max(pruned).filter(|after| *after != Micros::MIN)
    }

    /// The newest event that is known of.
    pub fn horizon(&self) -> Option<Micros> {
        self.newest_event.max(self.horizon).map(|newest| newest.min(now()))
    }

    /// Whether what the pass reads is best found by how it arrived.
    pub fn is_small(&self) -> bool {
        self.evaluate_from.is_none()
            && self.position.is_none()
            && (self.scanned.is_some() || self.arrived.is_some())
    }

    /// After a step that came this far.
    pub fn advance(
        &mut self,
        rule: &str,
        position: Option<Micros>,
        tally: &StepCounts,
        geoip_built_at: Option<Micros>,
    ) {
        self.events += tally.events;
        self.located += tally.located;
        spi::execute(
            "UPDATE travel_internal.scans
             SET position = $2, events = events + $3, located = located + $4, newest_event = greatest(newest_event, $5),
                 found_news = found_news OR $7 > coalesce(newest_past, '-infinity') IS TRUE, newest_past = greatest(newest_past, $7),
                 pass_events = pass_events + $3, pass_located = pass_located + $4, geoip_built_at = $6
             WHERE rule = $1",
            &[
                text(rule),
                time(position),
                number(Some(tally.events as i64)),
                number(Some(tally.located as i64)),
                time(tally.newest),
                time(geoip_built_at),
                time(tally.newest_past),
            ],
        );
    }

    /// Begins a pass that evaluates again what is later than a time, and nothing else.
    pub fn begin_again(rule: &str, since: Micros) -> Result<(), TravelError> {
        let progress = Self::lock(rule)?;
        if progress.is_under_way {
            return Err(TravelError::ScanUnderWay { rule: rule.to_owned() });
        }
        spi::execute(
            "UPDATE travel_internal.scans
             SET pass = pass + 1, raised = 0, highest = NULL, pass_events = 0, pass_located = 0, found_news = false,
                 evaluate_from = $2, position = NULL, target = NULL, arriving = NULL, under_way = true,
                 started_at = pg_catalog.clock_timestamp()
             WHERE rule = $1",
            &[text(rule), time(Some(since))],
        );
        Ok(())
    }

    /// Alerts that a step raised.
    pub fn count_raised(&mut self, rule: &str, alerts: usize, highest: Option<Severity>) {
        if alerts == 0 {
            return;
        }
        self.raised += alerts as i64;
        self.highest = self.highest.max(highest);
        spi::execute(
            "UPDATE travel_internal.scans SET raised = $2, highest = $3::travel.severity WHERE rule = $1",
            &[text(rule), number(Some(self.raised)), nullable(self.highest.map(Severity::as_str))],
        );
    }

    /// Whether nothing of what the pass read was located: then something may be wrong with it.
    pub fn located_nothing(&self) -> bool {
        self.located == 0
    }

    /// Which rows the pass was about, whether or not they could be used, as SQL over the source.
    pub fn looked_at(&self, definition: &Definition, queries: &SourceQueries, own: &str) -> String {
        let mut parts: Vec<String> = self.condition(queries, own).into_iter().collect();
        parts.push(queries.events.is_later_or_without_time(self.begins_after(definition, queries)));
        parts.join("\n  AND ")
    }

    /// After the last step of a pass. `health`: none where it read no rows.
    pub fn finish(&self, rule: &str, health: Option<Health>) {
        let has_rows = health.is_some();
        let problem = health.and_then(|health| health.problem);
        // Rows that arrive late are news where arrival says what is new, unless the pass read old ones again.
        let brought = has_rows && self.scanned.is_some() && self.evaluate_from.is_none();
        spi::execute(
            "UPDATE travel_internal.scans
             SET problem = CASE WHEN $2 THEN $3 ELSE problem END,
                 longest_gap = CASE
                     WHEN found_news OR $4 THEN
                         greatest(pg_catalog.clock_timestamp() - news_at,
                                  longest_gap * pg_catalog.power(0.5, extract(epoch FROM pg_catalog.clock_timestamp() - news_at)::float8 / 1209600))
                     ELSE longest_gap
                 END,
                 news_at = CASE WHEN found_news OR $4 THEN pg_catalog.clock_timestamp() ELSE news_at END
             WHERE rule = $1",
            &[text(rule), boolean(has_rows), nullable(problem.as_deref()), boolean(brought)],
        );
        spi::execute(
            "UPDATE travel_internal.scans
             SET scanned = coalesce(target, scanned), target = NULL, arrived = coalesce(arriving, arrived), arriving = NULL,
                 evaluate_from = NULL, position = NULL, under_way = false, finished_at = pg_catalog.clock_timestamp(),
                 last_error = NULL, last_error_at = NULL
             WHERE rule = $1",
            &[text(rule)],
        );
    }
}

/// A snapshot in which this transaction counts as running: what it inserts later is new to the next scan. None: it is
/// no snapshot.
fn with_own(snapshot: &str, own: &str) -> Option<String> {
    let own: u64 = own.parse().ok()?;
    let mut parts = snapshot.split(':');
    let mut xmin: u64 = parts.next()?.parse().ok()?;
    let mut xmax: u64 = parts.next()?.parse().ok()?;
    let mut running: std::collections::BTreeSet<u64> =
        parts.next()?.split(',').filter_map(|xid| xid.parse().ok()).collect();
    if own >= xmax {
        // Those between had not begun, or not ended, when the snapshot was taken.
        running.extend(xmax..own);
        xmax = own + 1;
    }
    running.insert(own);
    xmin = running.first().copied().map_or(xmin, |first| xmin.min(first));
    let running: Vec<String> = running.iter().map(u64::to_string).collect();
    Some(format!("{xmin}:{xmax}:{}", running.join(",")))
}

pub fn now() -> Micros {
    // SAFETY: asks for the time.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

fn boolean(value: bool) -> spi::Argument {
    (pg_sys::BOOLOID, Some(pg_sys::Datum::from(value)))
}

fn nullable(value: Option<&str>) -> spi::Argument {
    (pg_sys::TEXTOID, value.and_then(|value| text(value).1))
}

fn number(value: Option<i64>) -> spi::Argument {
    (pg_sys::INT8OID, value.map(pg_sys::Datum::from))
}

fn time(value: Option<Micros>) -> spi::Argument {
    (pg_sys::TIMESTAMPTZOID, value.map(pg_sys::Datum::from))
}
