//! One step of a scan. The procedure `travel.scan` runs steps until a rule has no new rows, and commits after each.
//!
//! | what a step does | where |
//! |---|---|
//! | locks the row of the rule, and begins a pass if none is under way | [`Progress`] |
//! | reads the next new rows of the source as events | [`new_events`] |
//! | in a first pass: reads and evaluates many portions of rows before it writes | [`first_pass`] |
//! | with lineage: reads the events that minted keys, and finds the members that they concern | [`lineage`] |
//! | finds the members of these events: which continue in order, and which must be evaluated again from an earlier checkpoint because an event is late | [`event_order`], [`Reevaluation`] |
//! | loads the checkpoints of the members, what analysts entered, and the settled verdicts | [`evaluate`] |
//! | evaluates the new events, then the histories of the members that are evaluated again | [`evaluate`], [`EvaluationResults`] |
//! | writes verdicts, incidents, the baseline and checkpoints | [`Writer`] |
//! | counts the events of each day for `travel.coverage_daily` | [`coverage`] |
//! | sends notifications about new alerts | [`notify`] |
//! | records how far the pass has come, and whether its rows were usable | [`Progress`], [`health`] |
//!
//! [`Reevaluation`]: super::reevaluation::Reevaluation
//! [`EvaluationResults`]: super::evaluation::EvaluationResults
//! [`Writer`]: super::write::Writer

mod coverage;
mod evaluate;
mod event_order;
mod first_pass;
mod health;
mod lineage;
mod new_events;

use self::coverage::CoverageDays;
use self::first_pass::Remaining;
use super::definition::Definition;
use super::geoip_dependencies::{self, Needs};
use super::notify;
use super::progress::{Progress, StepCounts};
use super::reader::Reader;
use super::source_queries::SourceQueries;
use super::step_status;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::extension_lock::keep_extension;
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::settings;
use crate::pg::spi;
use crate::pg::time::just_before;
use pgrx::pg_sys;

pg_function!(travel_scan_step, pg_finfo_travel_scan_step, |call: &Call| with_fixed_settings(|| scan_step(
    call
)));
pg_function!(travel_begin_rescan, pg_finfo_travel_begin_rescan, begin_rescan);
pg_function!(travel_may_commit, pg_finfo_travel_may_commit, may_commit);

/// `(rule) -> boolean`: runs a step and returns whether more remains to be done.
fn scan_step(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let is_more = step_status::remembered(|| spi::connected(|| ScanStep::begin(rule)?.run()))?;
    Ok(pg_sys::Datum::from(usize::from(is_more)))
}

/// `(rule, since)`: begins a pass that evaluates all events since then again.
fn begin_rescan(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let since = call.timestamp(1).ok_or(UsageError::ArgumentNull { name: "since" })?;
    // Events at that very time are included.
    step_status::remembered(|| spi::connected(|| Progress::begin_rescan(rule, just_before(since))))?;
    Ok(call.null())
}

/// `() -> boolean`: whether the calling procedure may commit, because it is not within a transaction block. It keeps the
/// extension from being dropped before the procedure locks a table. An error if the transaction is read-only.
fn may_commit(_: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::XactReadOnly } {
        return Err(UsageError::ReadOnlyTransaction.into());
    }
    keep_extension()?;
    // SAFETY: asks SPI about the procedure that is running.
    Ok(pg_sys::Datum::from(usize::from(unsafe { pg_sys::SPI_inside_nonatomic_context() })))
}

/// How much a step does, as `impossible_travel.scan_batch` says.
#[derive(Clone, Copy)]
struct StepSizes {
    /// How many new rows it reads in a first pass.
    first: usize,
    /// How many new rows it reads otherwise, all of which are in memory at once.
    batch: usize,
    /// How many rows of a history it reads at once.
    portion: usize,
    /// How many members it evaluates again.
    members: usize,
}

impl StepSizes {
    fn from_settings() -> Self {
        let batch = settings::scan_rows();
        Self {
            first: settings::scan_batch(),
            batch,
            portion: batch.div_ceil(10),
            members: batch.div_ceil(40),
        }
    }
}

/// A step of the scan of one rule.
struct ScanStep {
    definition: Definition,
    queries: SourceQueries,
    /// The rule's owner, with whose rights the source is read.
    owner: Role,
    progress: Progress,
    counts: StepCounts,
    /// What the step read of each day.
    days: CoverageDays,
    sizes: StepSizes,
}

impl ScanStep {
    /// Locks the rule, and begins a pass if none is under way.
    fn begin(rule: &str) -> Result<Self, TravelError> {
        let mut progress = Progress::lock(rule)?;
        let definition = Definition::load(rule)?;
        let owner = definition.owner()?;
        let queries = with_rights_of(owner, || {
            let arguments = definition.arguments()?;
            SourceQueries::of(&definition, &arguments)
        })?;
        if !progress.is_under_way {
            progress.begin(&definition, &queries, owner)?;
        }
        let (counts, days) = (StepCounts::default(), CoverageDays::default());
        Ok(Self { definition, queries, owner, progress, counts, days, sizes: StepSizes::from_settings() })
    }

    /// Runs the step and returns whether more remains to be done.
    fn run(&mut self) -> Result<bool, TravelError> {
        let mut reader = Reader::new(self.queries.location_type)?;
        self.check_geoip(&reader)?;
        if self.is_of_first_pass() {
            match self.evaluate_portions(&mut reader)? {
                Remaining::Nothing => return self.finish(),
                Remaining::Rows => return Ok(true),
                Remaining::LateEvent => {}
            }
        }
        let new = self.read_new_events(&mut reader)?;
        let regrouped = self.read_minting_events(&new, reader.edition())?;
        if !self.evaluate_new_events(new.events, regrouped, &mut reader)? {
            // The next step reads the same rows again, and skips what this one evaluated.
            return Ok(true);
        }
        let position = new.last.or(self.progress.position);
        self.progress.advance(&self.definition.name, position, &self.counts, reader.built_at());
        self.write_coverage();
        if !new.is_end || self.take_back_lost_keys(&mut reader)? || self.evaluate_lost_members(&mut reader)? {
            return Ok(true);
        }
        self.finish()
    }

    /// Ends the pass. Returns whether another one remains to be done.
    fn finish(&mut self) -> Result<bool, TravelError> {
        self.progress.finish(&self.definition.name, self.health()?);
        notify::tell_of_many(&self.definition.name, &self.progress);
        // A pass that an earlier statement began ends here. Rows that arrived since are for the next pass.
        Ok(self.progress.is_resumed)
    }

    /// Checks that the GeoIP databases on which the rule depends are there.
    fn check_geoip(&self, reader: &Reader) -> Result<(), TravelError> {
        let Some(places) = reader.places() else { return Ok(()) };
        let needs =
            Needs { systems: places.need_systems(), anonymizers: self.definition.ignores_attributes() };
        geoip_dependencies::check(&self.definition.name, places, needs)
    }
}
