//! The SQL over a rule's source.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | the queries of one rule, as they are built and checked |
//! | [`select_list`] | the columns of the rows, and the baseline user |
//! | [`new_rows`] | rows that a scan has not read yet, and rows by their arrival |
//! | [`histories`] | the events of members: entities and baseline users |
//! | [`one_entity`] | all rows of one entity, evaluated or not |

mod histories;
mod new_rows;
mod one_entity;
mod select_list;

pub use new_rows::NewRows;
pub(super) use select_list::baseline_of;
use select_list::select;

use super::arrival::{Arrival, ArrivalTime};
use super::definition::Definition;
use super::exact_cursor;
use super::indexes;
use super::minting_query::MintingQuery;
use super::source_trust;
use crate::detect::{
    Arguments, Events, Expression, LocationType, Rows, check_condition_is_not_volatile,
    check_row_condition_alone, is_expression, is_volatile,
};
use crate::pg::citus;
use crate::pg::errors::{RuleError, SourceError, TravelError};
use crate::pg::identifier::identifiers;
use crate::pg::spi;
use pgrx::pg_sys;
use travel_core::rule::Micros;

/// The queries over the source of one rule.
pub struct SourceQueries {
    rule: String,
    pub source: String,
    pub location_type: LocationType,
    pub arrival: Arrival,
    /// Indexes find the events of an entity, and of a baseline user, after a time.
    pub is_indexed: bool,
    /// These indexes are used for each member on its own, because the rows are PostgreSQL's own. Another server or engine
    /// gets one query for all members.
    is_by_member: bool,
    select: String,
    pub from: String,
    filters: String,
    pub entity: String,
    pub baseline_entity: String,
    pub events: Events,
    /// Histories end before this time. `None`: they have no end.
    pub until: Option<Micros>,
    /// The query for the events that minted keys, if the rule has lineage.
    pub mintings: Option<MintingQuery>,
}

/// The baseline user of rules without a baseline, as SQL.
const NO_BASELINE: &str = "NULL::text";

impl SourceQueries {
    /// Builds the queries, planned and ready to run. With the owner's rights, within an SPI connection.
    pub fn of(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::read(definition, arguments)?.planned()
    }

    /// Builds the queries as [`Self::of`] does, but the FROM clause has the rows that the condition excludes, too. For
    /// [`Self::rows_of_entity`].
    pub fn over_all_rows(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::build(definition, arguments, Events::over_all_rows)?.planned()
    }

    fn planned(mut self) -> Result<Self, TravelError> {
        let other_engine = exact_cursor::other_engine(&self)?;
        let is_here = other_engine.is_none();
        self.must_be_exact(other_engine)?;
        let leads_to = |key: &str| Ok::<_, TravelError>(key == NO_BASELINE || indexes::lead_to(&self, key)?);
        self.is_indexed = leads_to(&self.entity)? && leads_to(&self.baseline_entity)?;
        self.is_by_member = self.is_indexed && is_here;
        Ok(self)
    }

    /// Builds the queries without planning any. With the owner's rights, within an SPI connection.
    pub fn read(definition: &Definition, arguments: &Arguments) -> Result<Self, TravelError> {
        Self::build(definition, arguments, Events::with)
    }

    /// `read` reads the columns of the source: [`Events::with`] or [`Events::over_all_rows`].
    fn build(
        definition: &Definition,
        arguments: &Arguments,
        read: impl Fn(&Arguments, &[String]) -> Result<(Events, Vec<Option<Expression>>), TravelError>,
    ) -> Result<Self, TravelError> {
        if let Some(condition) = &definition.condition {
            check_row_condition_alone(condition)?;
        }
        let baseline_names = match &definition.baseline_entity {
            Some(list) => identifiers(list, b',').ok_or_else(|| SourceError::EntitySyntax {
                argument: "baseline_entity",
                entity: list.clone(),
            })?,
            None => Vec::new(),
        };
        let mut more = vec!["mfa_used".to_owned(), "ingest_xid".to_owned()];
        more.extend(definition.arrival_column.as_deref().map(|name| arguments.source.own_name(name)));
        let baseline_at = more.len();
        more.extend(baseline_names.iter().cloned());
        let (events, found) = read(arguments, &more)?;
        if events.rows != Rows::Here {
            citus::send_settings();
        }
        if let Some(condition) = &definition.condition {
            check_condition_is_not_volatile(condition, &events.condition_from, &arguments.source)?;
        }
        for (key, text) in &arguments.columns {
            if is_expression(text) && is_volatile(&format!("columns.{key}"), text, &arguments.source)? {
                return Err(RuleError::ColumnsVolatile { key: key.clone(), text: text.clone() }.into());
            }
        }
        let missing = |column: &str, name: &str| RuleError::ColumnNotFound {
            rule: definition.name.clone(),
            column: column.to_owned(),
            name: name.to_owned(),
            source: arguments.source.name.clone(),
            available: arguments.source.column_names(),
        };
        let transaction = found[1].as_ref().filter(|column| column.oid == pg_sys::XID8OID);
        let arrival = match (&definition.arrival_column, transaction) {
            (Some(name), _) => {
                let column = found[2].as_ref().ok_or_else(|| missing("arrival_column", name))?;
                Arrival::Column(ArrivalTime::of(&arguments.source.own_name(name), column)?)
            }
            (None, Some(column)) => Arrival::Transaction(column.sql.clone()),
            (None, None) => Arrival::Lookback,
        };
        let given = baseline_names
            .iter()
            .zip(&found[baseline_at..])
            .map(|(name, column)| column.clone().ok_or_else(|| missing("baseline_entity", name)))
            .collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<String> = events.keys.iter().map(|key| key.sql.clone()).collect();
        let entity = events.entity(&keys);
        let baseline_entity = baseline_of(definition, &events, given)?;
        let mintings = definition
            .lineage
            .then(|| MintingQuery::of(definition, arguments, &more, baseline_at))
            .transpose()?;
        let queries = Self {
            rule: definition.name.clone(),
            source: arguments.source.name.clone(),
            location_type: events.location_type,
            arrival,
            is_indexed: false,
            is_by_member: false,
            select: select(&events, &entity, &baseline_entity, found[0].clone())?,
            from: events.from.clone(),
            filters: events.filters().join("\n  AND "),
            entity,
            baseline_entity,
            events,
            until: None,
            mintings,
        };
        // Planning can run functions, so this comes first.
        let any = NewRows::any();
        let mintings = queries.mintings.as_ref().map(|mintings| mintings.new_rows(&any, None));
        for query in [queries.new_rows(&any)].into_iter().chain(mintings) {
            let used = spi::objects_in(&query);
            source_trust::must_be_safe(definition, &used)?;
        }
        queries.must_be_exact(exact_cursor::other_servers_rows(&queries)?)?;
        Ok(queries)
    }

    /// Checks that the exact cursor is valid for the source.
    fn must_be_exact(&self, why_not: Option<String>) -> Result<(), TravelError> {
        match (&self.arrival, why_not) {
            (Arrival::Transaction(column), Some(why)) => Err(RuleError::ArrivalNotExact {
                rule: self.rule.clone(),
                column: column.strip_prefix("s.").unwrap_or(column).to_owned(),
                why,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Returns an error if the rule finds new rows by transaction id, but another engine than PostgreSQL reads the rows.
    /// Must be called with the owner's rights, within an SPI connection.
    pub fn must_be_planned_here(&self) -> Result<(), TravelError> {
        match self.arrival {
            Arrival::Transaction(_) => self.must_be_exact(exact_cursor::other_engine(self)?),
            _ => Ok(()),
        }
    }

    /// Whether a temporary key is evaluated together with the key that minted it.
    pub fn has_lineage(&self) -> bool {
        self.mintings.is_some()
    }

    /// Whether locations are learned for a baseline user.
    pub fn has_baseline(&self) -> bool {
        self.baseline_entity != NO_BASELINE
    }

    /// A query for the time of the newest event.
    pub fn newest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.max({}) FROM {} WHERE {}",
            self.events.time.as_timestamptz(),
            self.from,
            self.events.time.bound("<", None, "infinity")
        )
    }

    /// A query for the time of the oldest event.
    pub fn oldest_event(&self) -> String {
        format!(
            "SELECT pg_catalog.min({}) FROM {} WHERE {}",
            self.events.time.as_timestamptz(),
            self.from,
            self.events.time.bound(">", None, "-infinity")
        )
    }
}
