//! A rule as its row in `travel.rules` defines it.

use super::source_trust;
use crate::detect::Arguments;
use crate::layouts::layout_of;
use crate::pg::errors::{AccessError, RuleError, TravelError};
use crate::pg::role::Role;
use crate::pg::spi::{self, Argument};
use crate::pg::time::EPOCH_IN_UNIX_US;
use pgrx::pg_sys;
use serde::Deserialize;
use std::collections::BTreeMap;
use travel_core::journey::Thresholds;
use travel_core::rule::{Learn, Micros, NetworkAttributes, Rule, Severity};

/// A row of `travel.rules`. Intervals are microseconds; times are microseconds since 2000-01-01 UTC.
#[derive(Debug, Deserialize)]
pub struct Definition {
    pub name: String,
    pub owner: String,
    pub source: String,
    pub columns: Option<BTreeMap<String, String>>,
    pub condition: Option<String>,
    pub entity: String,
    pub min_distance_km: f64,
    pub min_velocity_kmh: f64,
    pub use_accuracy: bool,
    pub baseline: bool,
    pub baseline_entity: Option<String>,
    learning_period: Micros,
    forget_after: Micros,
    trial_period: Micros,
    learn: String,
    pub learn_transitions: bool,
    downgraded: Vec<String>,
    ignored: Vec<String>,
    pub lineage: bool,
    pub keep_alive: Micros,
    pub max_duration: Micros,
    pub arrival_column: Option<String>,
    pub lookback: Micros,
    pub raise_from: Option<Micros>,
    severity: String,
    pub message: Option<String>,
    /// The owner of the source when the rule was bound to it. `None` if the source did not exist.
    pub source_owner: Option<String>,
}

/// A query for the rows of `rules` as JSON, with the units of [`Definition`].
fn query(rules: &str) -> String {
    format!("
SELECT pg_catalog.row_to_json(d)::text AS definition
FROM (
    SELECT name, owner, source, columns, condition, entity, min_distance_km, min_velocity_kmh, use_accuracy, baseline,
           baseline_entity, learn, learn_transitions, downgraded, ignored, lineage, arrival_column, severity,
           message, source_owner,
           (extract(epoch FROM learning_period) * 1000000)::bigint AS learning_period,
           (extract(epoch FROM forget_after) * 1000000)::bigint AS forget_after,
           (extract(epoch FROM trial_period) * 1000000)::bigint AS trial_period,
           (extract(epoch FROM keep_alive) * 1000000)::bigint AS keep_alive,
           (extract(epoch FROM max_duration) * 1000000)::bigint AS max_duration,
           (extract(epoch FROM lookback) * 1000000)::bigint AS lookback,
           CASE raise_from
               WHEN 'infinity' THEN 9223372036854775807
               WHEN '-infinity' THEN NULL
               ELSE (extract(epoch FROM raise_from) * 1000000 - {EPOCH_IN_UNIX_US})::bigint
           END AS raise_from
    FROM {rules}
) AS d")
}

impl Definition {
    /// Loads a rule. Within an SPI connection.
    pub fn load(name: &str) -> Result<Self, TravelError> {
        let rows = spi::select(&query("travel.rules WHERE name = $1"), &[Argument::text(name)]);
        if rows.is_empty() {
            return Err(RuleError::NotFound { name: name.to_owned(), known: names() }.into());
        }
        Self::read(name, &rows)
    }

    /// Reads a rule from a row that is not stored yet. Within an SPI connection.
    pub fn of_row(name: &str, (row_type, row): (pg_sys::Oid, pg_sys::Datum)) -> Result<Self, TravelError> {
        let rows = spi::select(&query("(SELECT ($1).*) AS r"), &[Argument::of(row_type, Some(row))]);
        Self::read(name, &rows)
    }

    fn read(name: &str, rows: &spi::Rows) -> Result<Self, TravelError> {
        spi::columns!(rows => definition);
        let stored = rows.first().map(|row| row.text(definition)).transpose()?.flatten();
        serde_json::from_str(stored.unwrap_or_default()).map_err(|error| {
            RuleError::Unreadable {
                name: name.to_owned(),
                detail: format!("The row cannot be read: {error}."),
            }
            .into()
        })
    }

    pub fn owner(&self) -> Result<Role, TravelError> {
        Role::named(&self.owner).ok_or_else(|| {
            AccessError::OwnerNotFound { rule: self.name.clone(), owner: self.owner.clone() }.into()
        })
    }

    /// The rule as arguments of `travel.detect`. With the owner's rights, within an SPI connection.
    pub fn arguments(&self) -> Result<Arguments, TravelError> {
        let source = source_trust::source_of(self)?;
        let layout = if self.columns.is_none() { layout_of(&source, &self.entity)? } else { None };
        let columns = match &layout {
            Some(layout) => layout.columns.clone(),
            None => self.columns.clone().unwrap_or_default().into_iter().collect(),
        };
        Ok(Arguments {
            source,
            entity: self.entity.clone(),
            since: None,
            until: None,
            condition: self.condition.clone(),
            thresholds: self.thresholds(),
            all_legs: true,
            columns,
            layout,
        })
    }

    /// Whether the rule ignores any network attribute.
    pub fn ignores_attributes(&self) -> bool {
        !self.ignored.is_empty()
    }

    pub fn settings(&self) -> Result<Rule, TravelError> {
        let unreadable = |detail: String| RuleError::Unreadable { name: self.name.clone(), detail };
        let attributes = |names: &[String]| {
            NetworkAttributes::from_names(names.iter().map(String::as_str))
                .map_err(|attribute| unreadable(format!("There is no network attribute \"{attribute}\".")))
        };
        Ok(Rule {
            thresholds: self.thresholds(),
            baseline: self.baseline,
            learning_period: self.learning_period,
            forget_after: self.forget_after,
            trial_period: self.trial_period,
            learn: self
                .learn
                .parse::<Learn>()
                .map_err(|_| unreadable(format!("There is no way to learn \"{}\".", self.learn)))?,
            learn_transitions: self.learn_transitions,
            downgraded: attributes(&self.downgraded)?,
            ignored: attributes(&self.ignored)?,
            keep_alive: self.keep_alive,
            max_duration: self.max_duration,
            raise_from: self.raise_from,
            severity: self
                .severity
                .parse::<Severity>()
                .map_err(|_| unreadable(format!("There is no severity \"{}\".", self.severity)))?,
        })
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds {
            min_distance_km: self.min_distance_km,
            min_velocity_kmh: self.min_velocity_kmh,
            use_accuracy: self.use_accuracy,
        }
    }
}

/// The names of all rules, for hints.
pub fn names() -> String {
    let query = "SELECT coalesce(pg_catalog.string_agg(name, ', ' ORDER BY name), 'none') FROM travel.rules";
    spi::select_text(query, &[]).ok().flatten().unwrap_or_default()
}
