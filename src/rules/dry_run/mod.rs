//! A dry run: evaluates the events of a rule's source and stores nothing.
//!
//! It reads the source by the same queries as a scan, with the rights of the rule's owner, and evaluates by the same
//! settings, suppressions, named networks and rows of analysts. It needs no transaction that may write.
//!
//! ```ignore
//! let mut dry_run = DryRun::of(definition, Places::of_statement()?)?;
//! let inputs = Inputs::of(&dry_run.definition, Additions::default())?;
//! dry_run.evaluate(None, &inputs, &mut |evaluation, after| …)?;
//! ```
//!
//! | to … | use |
//! |---|---|
//! | read the located events in order of time, in portions | [`DryRun::each_portion`] |
//! | get the settings, suppressions and analyst entries that a rule applies | [`Inputs`] |
//! | evaluate any number of events, whatever the number of their entities | [`DryRun::evaluate`] |
//! | know when an incident has ended, with its first leg | [`incidents`] |
//!
//! With lineage, it first reads the events that minted keys ([`lineage`]).

pub mod incidents;
mod lineage;
mod members;

use super::analyst_rows;
use super::definition::Definition;
use super::portions::{Reading, Resolve, RowCounts};
use super::reader::Reader;
use super::source_queries::SourceQueries;
use crate::detect::{DiagnosedRows, Diagnosis, LOOK_AT_COLUMNS, LocationType, begin_and_end, none_of};
use crate::geoip::Places;
use crate::pg::errors::{AccessError, ScanError, TravelError};
use crate::pg::report::Report;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::settings;
use crate::source::Source;
use lineage::SourceLineage;
use members::Members;
use travel_core::rule::{
    AnalystRow, EvaluatedEvent, Evaluation, EvaluationState, Micros, Overlay, Policy, Rule, Suppression,
};

/// The source of a rule, opened to be evaluated without storing anything.
pub struct DryRun {
    pub definition: Definition,
    pub queries: SourceQueries,
    /// The rule's owner, with whose rights the source is read.
    pub owner: Role,
    pub reader: Reader,
    /// The minting events of the source, if the rule has lineage and they were read.
    lineage: Option<SourceLineage>,
    /// The time of the last located event that was read.
    last_event: Option<Micros>,
}

/// What a rule evaluates events by.
pub struct Inputs {
    pub settings: Rule,
    pub analysts: Overlay,
    pub suppressions: Vec<Suppression>,
}

/// Rows that a dry run adds to those that are stored.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
}

/// Called with the results of each portion, and with the state of the portion's members after it.
pub type See<'s> = dyn FnMut(&Evaluation, &EvaluationState) -> Result<(), TravelError> + 's;

/// The role that owns the tables of the extension. Suppressions and rows of analysts are read with its rights, as in a
/// scan, so a row policy of the caller cannot change what a rule would raise.
pub fn owner_of_tables() -> Result<Role, TravelError> {
    let owner = Source::find("travel.rules").and_then(Role::owner_of);
    owner.ok_or_else(|| crate::pg::errors::UsageError::ExtensionDropped.into())
}

impl DryRun {
    /// Opens the source of a rule. Within an SPI connection.
    pub fn of(definition: Definition, places: Places) -> Result<Self, TravelError> {
        let owner = definition.owner()?;
        let queries = with_rights_of(owner, || {
            let arguments = definition.arguments()?;
            SourceQueries::of(&definition, &arguments)
        })?;
        if queries.location_type == LocationType::Address {
            places.require_coordinates()?;
        }
        let reader = Reader::with(queries.location_type, places);
        Ok(Self { definition, queries, owner, reader, lineage: None, last_event: None })
    }

    /// Locates addresses by other places from now on.
    pub fn relocate(&mut self, places: Places) {
        self.reader = Reader::with(self.queries.location_type, places);
    }

    /// Passes the events that the first scan of a new rule would read, before a time, to `each` in order of time, in
    /// portions none of which ends between two events of the same time. Rows of one event may be repeated within a
    /// portion. Within an SPI connection.
    pub fn each_portion(
        &mut self,
        until: Option<Micros>,
        mut each: impl FnMut(&[EvaluatedEvent]) -> Result<(), TravelError>,
    ) -> Result<RowCounts, TravelError> {
        let arrived = self.queries.arrived_by_now(self.owner);
        let portion = settings::scan_rows().div_ceil(10);
        if let (Some(query), None) = (&self.queries.mintings, &self.lineage) {
            let name = &self.definition.name;
            self.lineage = Some(SourceLineage::read(name, query, self.owner, arrived.clone(), portion)?);
        }
        let lineage = self.lineage.as_ref();
        let resolve =
            |events: &mut Vec<EvaluatedEvent>| lineage.map_or(Ok(()), |lineage| lineage.resolve(events));
        let reading = Reading {
            queries: &self.queries,
            owner: self.owner,
            query: self.queries.events_before(until, arrived.as_deref()),
            arguments: Vec::new(),
            is_look_up: false,
            of_statement: true,
            portion,
            resolve: lineage.is_some().then_some(&resolve as &Resolve),
        };
        let last_event = &mut self.last_event;
        reading.each_portion(&mut self.reader, |events| {
            *last_event = events.last().map(|event| event.time).or(*last_event);
            each(events)
        })
    }

    /// Evaluates these events from the beginning of each entity and baseline user, and shows the results of each
    /// portion to `see`. The states of the members are kept in memory of PostgreSQL, about one kilobyte for each. Within
    /// an SPI connection.
    pub fn evaluate(
        &mut self,
        until: Option<Micros>,
        inputs: &Inputs,
        see: &mut See,
    ) -> Result<RowCounts, TravelError> {
        let name = self.definition.name.clone();
        let mut members = Members::new(&name);
        self.each_portion(until, |events| members.evaluate(inputs.policy(), events, see))
    }

    /// Says so if no event of the range could be evaluated: because the range has no rows, or none that can be used.
    /// Returns whether one was. Only members of the rule's owner see example values. After [`Self::evaluate`], within an
    /// SPI connection.
    pub fn say_if_nothing_evaluated(
        &self,
        function: &str,
        caller: Role,
        since: Option<Micros>,
        until: Option<Micros>,
    ) -> Result<bool, TravelError> {
        // Events before the range only teach the baseline.
        if self.last_event.is_some_and(|last| since.is_none_or(|since| since <= last)) {
            return Ok(true);
        }
        let SourceQueries { source, events, .. } = &self.queries;
        let which = if self.definition.condition.is_some() { " that satisfy the condition" } else { "" };
        let of_range = if since.is_some() || until.is_some() { " in the time range" } else { "" };
        let span = with_rights_of(self.owner, || events.span())?;
        // Rows without a time can be of any range. They do not explain why a range beside all others has none.
        let is_beside = span.is_some_and(|(first, last)| {
            since.is_some_and(|since| last < since) || until.is_some_and(|until| until <= first)
        });
        let in_range = events.time.in_range(since, until);
        let rows = DiagnosedRows::All(Some(&in_range));
        let diagnosis = if is_beside {
            Diagnosis::default()
        } else {
            with_rights_of(self.owner, || Diagnosis::of(events, &rows))?
        };
        if diagnosis.rows() == 0 {
            let mut report = Report::notice(format!(
                "{function} evaluated no events: {source} has no rows{which}{of_range}"
            ));
            if let Some(span) = span {
                report = report.detail(begin_and_end(&format!("Its rows{which}"), span));
            }
            report.send();
        } else if diagnosis.evaluated == 0 {
            Report::warning(format!(
                "{function} evaluated no events{of_range}: {}",
                none_of(diagnosis.rows())
            ))
            .detail(diagnosis.sentence(caller.is_member_of(self.owner)))
            .hint(LOOK_AT_COLUMNS)
            .send();
        }
        Ok(diagnosis.evaluated > 0)
    }
}

impl Inputs {
    /// Loads what analysts entered for a rule, and adds `more` to it. With the rights of [`owner_of_tables`], within an
    /// SPI connection.
    pub fn of(definition: &Definition, more: Additions) -> Result<Self, TravelError> {
        let settings = definition.settings()?;
        let mut analysts = analyst_rows::load_all(&definition.name)?;
        analysts.extend(more.analysts);
        let mut suppressions = analyst_rows::suppressions(&definition.name)?;
        suppressions.extend(more.suppressions);
        Ok(Self { analysts: Overlay::new(&analysts, settings.learn), suppressions, settings })
    }

    pub fn policy(&self) -> Policy<'_> {
        Policy { rule: &self.settings, analysts: &self.analysts, suppressions: &self.suppressions }
    }
}

/// The error of a value that is kept as bytes until the dry run ends. Nothing of it is stored, so a rescan would not help.
pub fn intermediate(error: impl std::error::Error) -> TravelError {
    ScanError::IntermediateResult { detail: error.to_string() }.into()
}

/// Checks that a role may let the rule's owner run what it wrote.
pub fn must_be_member(caller: Role, definition: &Definition, column: &str) -> Result<(), TravelError> {
    if caller.is_member_of(definition.owner()?) {
        return Ok(());
    }
    Err(AccessError::SettingNotYours {
        rule: definition.name.clone(),
        owner: definition.owner.clone(),
        role: caller.name(),
        column: column.to_owned(),
    }
    .into())
}
