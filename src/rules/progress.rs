//! How far the scans of a rule have come: its row in `travel_internal.scans`.
//!
//! A *pass* reads everything that is new to a rule, or everything after a given time, in one or more steps. Each step
//! is a transaction. The row says which rows of the source the pass is about, how far it has come, and what it has
//! found.

use super::arrival::{Arrival, is_read_again, seen_since};
use super::definition::{self, Definition};
use super::snapshot;
use super::source_queries::SourceQueries;
use super::step_status::is_lock_timeout;
use crate::pg::errors::{RuleError, ScanError, TravelError};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, Argument};
use crate::pg::time::{clock_now, just_before};
use pgrx::PgTryBuilder;
use std::panic::AssertUnwindSafe;
use travel_core::rule::settings::HOUR;
use travel_core::rule::{Micros, Severity};

/// How far back rows are read again that a previous pass may have missed, because they were committed long after they
/// were written.
const OVERLAP: Micros = HOUR;

/// The row of a rule. It is locked until the transaction ends, so no two scans of one rule run at once.
#[derive(Debug, Default)]
pub struct Progress {
    source: Option<String>,
    /// How the pass finds new rows: see [`Arrival::as_str`].
    arrival: Option<String>,
    /// Snapshots as PostgreSQL writes them: what the last pass had seen at its end, and what this one is about.
    scanned: Option<String>,
    target: Option<String>,
    /// The newest arrival that the last pass had seen, and the newest that this one is about.
    arrived: Option<Micros>,
    arriving: Option<Micros>,
    /// The number of the pass.
    pub pass: i64,
    /// The pass evaluates all later events, not only new ones.
    pub evaluate_from: Option<Micros>,
    /// The event time that the pass has reached.
    pub position: Option<Micros>,
    pub is_under_way: bool,
    /// An earlier statement began the pass that is under way.
    pub is_resumed: bool,
    has_finished: bool,
    newest_event: Option<Micros>,
    /// The newest event that a large pass will reach.
    horizon: Option<Micros>,
    pub pruned_before: Option<Micros>,
    /// How many alerts the pass has raised, and the highest severity among them.
    pub raised: i64,
    pub highest: Option<Severity>,
    /// How many events the pass has read, and how many of them were located.
    events: u64,
    located: u64,
}

/// What a pass found in the rows that it read.
pub enum PassHealth {
    /// It read no rows that should have been evaluated.
    NoRows,
    /// It evaluated rows.
    Evaluated,
    /// It could evaluate none of its rows, and why.
    Problem(String),
}

/// What a step read.
#[derive(Debug, Default)]
pub struct StepCounts {
    pub events: u64,
    pub located: u64,
    /// The time of the last event.
    pub newest: Option<Micros>,
    /// The time of the last event that does not claim to come from the future.
    pub newest_past: Option<Micros>,
}

impl Progress {
    /// Locks the row of a rule, and makes it if the rule was never scanned. If another session scans the rule, it waits
    /// for that session's step as long as for any lock. Within an SPI connection.
    pub fn lock(rule: &str) -> Result<Self, TravelError> {
        PgTryBuilder::new(AssertUnwindSafe(|| Self::locked(rule)))
            .catch_others(|caught| {
                if is_lock_timeout(&caught) {
                    return Err(ScanError::RuleLocked { rule: rule.to_owned() }.into());
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
            &[Argument::text(rule)],
        );
        let rows = spi::select(
            "SELECT source, arrival, scanned::text, target::text, arrived, arriving, pass, evaluate_from, position,
                    under_way, finished_at IS NOT NULL AS has_finished, newest_event, horizon, pruned_before,
                    under_way AND started_at < pg_catalog.statement_timestamp() AS is_resumed,
                    raised, highest::text, pass_events, pass_located
             FROM travel_internal.scans
             WHERE rule = $1
             FOR UPDATE",
            &[Argument::text(rule)],
        );
        spi::columns!(rows => source, arrival, scanned, target, arrived, arriving, pass, evaluate_from);
        spi::columns!(rows => position, under_way, has_finished, newest_event, horizon, pruned_before, is_resumed);
        spi::columns!(rows => raised, highest, pass_events, pass_located);
        let Some(row) = rows.first() else {
            return Err(RuleError::NotFound { name: rule.to_owned(), known: definition::names() }.into());
        };
        let count = |column| row.i64(column).unwrap_or_default();
        Ok(Self {
            source: row.string(source)?,
            arrival: row.string(arrival)?,
            scanned: row.string(scanned)?,
            target: row.string(target)?,
            arrived: row.i64(arrived),
            arriving: row.i64(arriving),
            pass: count(pass),
            evaluate_from: row.i64(evaluate_from),
            position: row.i64(position),
            is_under_way: row.is_true(under_way),
            is_resumed: row.is_true(is_resumed),
            has_finished: row.is_true(has_finished),
            newest_event: row.i64(newest_event),
            horizon: row.i64(horizon),
            pruned_before: row.i64(pruned_before),
            raised: count(raised),
            highest: row.text(highest)?.and_then(|name| name.parse::<Severity>().ok()),
            events: count(pass_events) as u64,
            located: count(pass_located) as u64,
        })
    }

    /// Begins a pass over new rows. It is over all rows if the source is another one than before, or if the snapshot of
    /// the last pass may come from another database, where the same transaction numbers mean other transactions.
    pub fn begin(
        &mut self,
        definition: &Definition,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(), TravelError> {
        let rows = spi::select(
            "SELECT pg_catalog.pg_current_snapshot()::text AS snapshot,
                    pg_catalog.pg_current_xact_id()::text AS own_xid,
                    pg_catalog.gen_random_uuid()::text AS pass_name,
                    EXISTS (SELECT FROM travel_internal.scans AS s JOIN travel_internal.own_passes AS p
                            ON p.rule = s.rule AND p.name = s.pass_name
                            WHERE s.rule = $1) AS is_own",
            &[Argument::text(&definition.name)],
        );
        spi::columns!(rows => snapshot, own_xid, pass_name, is_own);
        let Some(row) = rows.first() else { return Ok(()) };
        let (snapshot, own_xid) =
            (row.text(snapshot)?.unwrap_or_default(), row.text(own_xid)?.unwrap_or_default());
        let pass_name = row.string(pass_name)?;
        let arrival = queries.arrival.as_str();
        let is_other =
            self.source.as_deref() != Some(&queries.source) || self.arrival.as_deref() != Some(arrival);
        let is_exact = matches!(queries.arrival, Arrival::Transaction(_));
        self.target = is_exact.then(|| snapshot::with_own(snapshot, own_xid)).flatten();
        // sql/86_checkpoints.sql says what travel_internal.own_passes proves. If the last snapshot is ahead of the present
        // one, pg_resetwal has since set back the transaction numbers.
        let is_continued =
            row.is_true(is_own) && snapshot::has_reached(self.target.as_deref(), self.scanned.as_deref());
        let forgets = is_other || !self.has_finished || (is_exact && !is_continued);
        self.pass += 1;
        self.is_under_way = true;
        self.position = None;
        if let Arrival::Column(_) = &queries.arrival {
            self.arriving = queries.newest_arrival(owner);
        }
        if forgets {
            self.scanned = None;
            self.arrived = None;
            self.newest_event = None;
            self.evaluate_from = if !self.has_finished {
                None
            } else if is_other {
                // What came of the earlier source is replaced by what comes of this one.
                Some(Micros::MIN)
            } else {
                // It is the same source, perhaps in another database. Verdicts on events that it has lost are kept.
                let oldest = with_rights_of(owner, || spi::select_time(&queries.oldest_event()));
                oldest.map(just_before)
            };
        }
        if is_other {
            spi::execute(
                "DELETE FROM travel_internal.coverage_days WHERE rule = $1",
                &[Argument::text(&definition.name)],
            );
        }
        self.horizon = None;
        if !self.is_small() {
            self.horizon = with_rights_of(owner, || spi::select_time(&queries.newest_event()));
        }
        self.source = Some(queries.source.clone());
        (self.raised, self.highest) = (0, None);
        (self.events, self.located) = (0, 0);
        spi::execute(
            "UPDATE travel_internal.scans
             SET source = $2, scanned = $3::pg_snapshot, target = $4::pg_snapshot, arrived = $5, arriving = $6,
                 pass = $7, evaluate_from = $8, position = NULL, under_way = true, newest_event = $9, horizon = $10,
                 arrival = $11, pass_name = $12::uuid,
                 raised = 0, highest = NULL, pass_events = 0, pass_located = 0, found_news = false,
                 newest_past = CASE WHEN $9::timestamptz IS NOT NULL THEN newest_past END,
                 news_at = coalesce(news_at, pg_catalog.clock_timestamp()), started_at = pg_catalog.clock_timestamp()
             WHERE rule = $1",
            &[
                Argument::text(&definition.name),
                Argument::text(&queries.source),
                Argument::optional_text(self.scanned.as_deref()),
                Argument::optional_text(self.target.as_deref()),
                Argument::time(self.arrived),
                Argument::time(self.arriving),
                Argument::bigint(self.pass),
                Argument::time(self.evaluate_from),
                Argument::time(self.newest_event),
                Argument::time(self.horizon),
                Argument::text(arrival),
                Argument::optional_text(pass_name.as_deref()),
            ],
        );
        spi::execute(
            "INSERT INTO travel_internal.own_passes (rule, name)
             SELECT rule, pass_name FROM travel_internal.scans WHERE rule = $1
             ON CONFLICT (rule) DO UPDATE SET name = excluded.name",
            &[Argument::text(&definition.name)],
        );
        Ok(())
    }

    /// The condition, as SQL over the source, on the rows that the pass is about. `None` if it is about all rows.
    /// `own_xid` is the id of the present transaction.
    pub fn condition(&self, queries: &SourceQueries, own_xid: &str) -> Option<String> {
        // A pass that evaluates everything again also reads what was read before.
        let again = self.evaluate_from.is_some();
        match &queries.arrival {
            Arrival::Transaction(xid) => {
                // A pass over everything includes rows whose transaction is NULL or not of this cluster, as after a
                // restore. Rows that arrive meanwhile are read again by the next pass.
                let scanned = self.scanned.as_deref().filter(|_| !again)?;
                Some(seen_since(xid, scanned, self.target.as_deref()?, own_xid))
            }
            Arrival::Column(column) => {
                let after = self.arrived.filter(|_| !again).map(|arrived| arrived.saturating_sub(OVERLAP));
                self.arriving.map(|arriving| column.between(after, Some(arriving)))
            }
            Arrival::Lookback => None,
        }
    }

    /// Whether the next pass reads a row again that this one reads, as SQL over the source. `None` if that does not depend
    /// on the row.
    pub fn read_again(&self, queries: &SourceQueries, own_xid: &str) -> Option<String> {
        let Arrival::Transaction(xid) = &queries.arrival else { return None };
        let seen = self.target.as_deref().or(self.scanned.as_deref())?;
        Some(is_read_again(xid, seen, own_xid))
    }

    /// The time after which the step reads events.
    pub fn after(&self, definition: &Definition, queries: &SourceQueries) -> Option<Micros> {
        self.begins_after(definition, queries).max(self.position).filter(|after| *after != Micros::MIN)
    }

    /// The time after which the whole pass reads events.
    pub fn begins_after(&self, definition: &Definition, queries: &SourceQueries) -> Option<Micros> {
        let from = match (self.evaluate_from, &queries.arrival) {
            (Some(from), _) => Some(from),
            (None, Arrival::Lookback) => {
                // An event that claims to come from the future must not hide others.
                self.newest_event.map(|newest| newest.min(clock_now()).saturating_sub(definition.lookback))
            }
            (None, _) => None,
        };
        let pruned = self.pruned_before.map(|time| time.saturating_sub(1));
        from.max(pruned).filter(|after| *after != Micros::MIN)
    }

    /// The newest event that is known.
    pub fn horizon(&self) -> Option<Micros> {
        self.newest_event.max(self.horizon).map(|newest| newest.min(clock_now()))
    }

    /// Whether no pass has ended yet, and this one reads rows in order of time.
    pub fn is_first(&self) -> bool {
        !self.has_finished && self.evaluate_from.is_none()
    }

    /// Whether the pass is about few rows, which are best found by their arrival.
    pub fn is_small(&self) -> bool {
        self.position.is_none() && self.is_incremental()
    }

    /// Whether the pass reads only rows that arrived since the last one. Otherwise, it reads all rows after a time.
    pub fn is_incremental(&self) -> bool {
        self.evaluate_from.is_none() && (self.scanned.is_some() || self.arrived.is_some())
    }

    /// Whether the pass may read rows again that an earlier one read.
    pub fn overlaps(&self) -> bool {
        self.arrived.is_some()
    }

    /// Records what a step read, and that the pass has reached `position`.
    pub fn advance(
        &mut self,
        rule: &str,
        position: Option<Micros>,
        counts: &StepCounts,
        geoip_built_at: Option<Micros>,
    ) {
        self.events += counts.events;
        self.located += counts.located;
        spi::execute(
            "UPDATE travel_internal.scans
             SET position = $2, events = events + $3, located = located + $4, newest_event = greatest(newest_event, $5),
                 found_news = found_news OR $7 > coalesce(newest_past, '-infinity') IS TRUE,
                 newest_past = greatest(newest_past, $7),
                 pass_events = pass_events + $3, pass_located = pass_located + $4, geoip_built_at = $6
             WHERE rule = $1",
            &[
                Argument::text(rule),
                Argument::time(position),
                Argument::bigint(counts.events as i64),
                Argument::bigint(counts.located as i64),
                Argument::time(counts.newest),
                Argument::time(geoip_built_at),
                Argument::time(counts.newest_past),
            ],
        );
    }

    /// Begins a pass that evaluates all events after a time again. A pass over all events takes the place of one that
    /// is under way, which may have ended at a checkpoint that cannot be read.
    pub fn begin_rescan(rule: &str, since: Micros) -> Result<(), TravelError> {
        let progress = Self::lock(rule)?;
        if progress.is_under_way && since != Micros::MIN {
            return Err(ScanError::AlreadyInProgress { rule: rule.to_owned() }.into());
        }
        spi::execute(
            "UPDATE travel_internal.scans
             SET pass = pass + 1, raised = 0, highest = NULL, pass_events = 0, pass_located = 0, found_news = false,
                 evaluate_from = $2, position = NULL, target = NULL, arriving = NULL, under_way = true,
                 started_at = pg_catalog.clock_timestamp()
             WHERE rule = $1",
            &[Argument::text(rule), Argument::time(since)],
        );
        Ok(())
    }

    /// Counts alerts that a step raised.
    pub fn count_raised(&mut self, rule: &str, alerts: usize, highest: Option<Severity>) {
        if alerts == 0 {
            return;
        }
        self.raised += alerts as i64;
        self.highest = self.highest.max(highest);
        spi::execute(
            "UPDATE travel_internal.scans SET raised = $2, highest = $3::travel.severity WHERE rule = $1",
            &[
                Argument::text(rule),
                Argument::bigint(self.raised),
                Argument::optional_text(self.highest.map(|severity| severity.into_str())),
            ],
        );
    }

    /// Whether none of the events that the pass read was located, which may be a problem of the source.
    pub fn located_nothing(&self) -> bool {
        self.located == 0
    }

    /// The condition, as SQL over the source, on all rows that the pass was about, usable or not.
    pub fn condition_on_all(
        &self,
        definition: &Definition,
        queries: &SourceQueries,
        own_xid: &str,
    ) -> String {
        let mut parts: Vec<String> = self.condition(queries, own_xid).into_iter().collect();
        parts.push(queries.events.time.is_later_or_missing(self.begins_after(definition, queries)));
        parts.join("\n  AND ")
    }

    /// Ends a pass.
    pub fn finish(&self, rule: &str, health: PassHealth) {
        let (has_rows, problem) = match health {
            PassHealth::NoRows => (false, None),
            PassHealth::Evaluated => (true, None),
            PassHealth::Problem(problem) => (true, Some(problem)),
        };
        // If transaction ids tell what is new, late rows count as news, unless the pass evaluated old rows again.
        let brought = has_rows && self.scanned.is_some() && self.evaluate_from.is_none();
        spi::execute(
            "UPDATE travel_internal.scans
             SET problem = CASE WHEN $2 THEN $3 ELSE problem END,
                 longest_gap = CASE
                     WHEN found_news OR $4 THEN
                         greatest(pg_catalog.clock_timestamp() - news_at,
                                  longest_gap * pg_catalog.power(
                                      0.5,
                                      extract(epoch FROM pg_catalog.clock_timestamp() - news_at)::float8 / 1209600))
                     ELSE longest_gap
                 END,
                 news_at = CASE WHEN found_news OR $4 THEN pg_catalog.clock_timestamp() ELSE news_at END
             WHERE rule = $1",
            &[
                Argument::text(rule),
                Argument::boolean(has_rows),
                Argument::optional_text(problem.as_deref()),
                Argument::boolean(brought),
            ],
        );
        spi::execute(
            "UPDATE travel_internal.scans
             SET scanned = coalesce(target, scanned), target = NULL, arrived = coalesce(arriving, arrived),
                 arriving = NULL,
                 evaluate_from = NULL, position = NULL, under_way = false, finished_at = pg_catalog.clock_timestamp(),
                 last_error = NULL, last_error_at = NULL
             WHERE rule = $1",
            &[Argument::text(rule)],
        );
    }
}
