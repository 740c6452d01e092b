//! The SQL over a rule's source for minting events: the events that name the key that made a call and the temporary
//! key that the call created. The condition of the rule does not apply to them.

use super::definition::Definition;
use super::reader::{is_baseline_entity, is_storable};
use super::source_queries::{NewRows, baseline_of};
use crate::detect::{Arguments, Events, Expression, LocationType};
use crate::legs::coordinates_of;
use crate::pg::errors::{RuleError, TravelError};
use crate::pg::spi::{self, Column, QueryRow, Rows};
use std::sync::Arc;
use travel_core::entity::{HIDDEN, is_entity};
use travel_core::rule::Micros;
use travel_core::rule::lineage::Minting;
use travel_core::site::Site;

/// The column of the temporary key.
const ISSUED: &str = "issued_access_key_id";

/// Reads minting events from the source of a rule with lineage.
pub struct MintingQuery {
    events: Events,
    select: String,
    has_keys: String,
}

/// Where the columns are in the rows of a [`MintingQuery`].
pub struct MintingColumns {
    key: Column,
    issuer: Column,
    minted_at: Column,
    address: Column,
    latitude: Column,
    longitude: Column,
    baseline_entity: Column,
}

impl MintingQuery {
    /// Builds the query. `more` are the further columns that the conditions of the rule's other queries name, the
    /// columns of the baseline user from `baseline_at` on. With the owner's rights, within an SPI connection.
    pub fn of(
        definition: &Definition,
        arguments: &Arguments,
        more: &[String],
        baseline_at: usize,
    ) -> Result<Self, TravelError> {
        let arguments = Arguments { condition: None, ..arguments.clone() };
        let mut more = more.to_vec();
        more.push(ISSUED.to_owned());
        let (events, mut found) = Events::with(&arguments, &more)?;
        let issued = found.pop().flatten().ok_or_else(|| RuleError::LineageColumnNotFound {
            rule: definition.name.clone(),
            source: arguments.source.name.clone(),
            available: arguments.source.column_names(),
        })?;
        let issued = Expression::into_text(issued)?;
        let issuer = events.entity(&events.keys.iter().map(|key| key.sql.clone()).collect::<Vec<_>>());
        let baseline = baseline_of(definition, &events, found.drain(baseline_at..).flatten().collect())?;
        let place = |name: &str, kind: &str| {
            let sql = events.place.iter().find(|(part, _)| *part == name).map(|(_, sql)| sql.clone());
            sql.unwrap_or_else(|| format!("NULL::{kind}"))
        };
        let select = format!(
            "{issued} AS key, {issuer} AS issuer, {} AS minted_at, {} AS address, {} AS latitude, {} AS longitude,\n       \
             {baseline} AS baseline_entity",
            events.time.as_timestamptz(),
            place("address", "inet"),
            place("latitude", "float8"),
            place("longitude", "float8"),
        );
        let has_keys = format!("{}\n  AND {issued} NOT IN ('', '{HIDDEN}')", events.has_entity());
        Ok(Self { events, select, has_keys })
    }

    /// A query for the minting events among the new rows of a step, in order of time: those that arrived as `news` says,
    /// up to a time, or of any later time.
    pub fn new_rows(&self, news: &NewRows, until: Option<Micros>) -> String {
        let time = &self.events.time;
        let until = match until {
            Some(until) => time.bound("<=", Some(until), "infinity"),
            None => time.bound("<", None, "infinity"),
        };
        let arrived = news.arrived.as_ref().map(|sql| format!("\n  AND {sql}")).unwrap_or_default();
        let query = format!(
            "SELECT {}\nFROM {}\nWHERE {}\n  AND {}\n  AND {until}{arrived}",
            self.select,
            self.events.from,
            self.has_keys,
            time.bound(">", news.after, "-infinity"),
        );
        if news.is_small {
            format!("WITH news AS MATERIALIZED (\n{query}\n)\nSELECT *\nFROM news\nORDER BY minted_at")
        } else {
            format!("{query}\nORDER BY minted_at")
        }
    }

    pub fn columns(rows: &Rows) -> Result<MintingColumns, TravelError> {
        spi::columns!(rows => key, issuer, minted_at, address, latitude, longitude, baseline_entity);
        Ok(MintingColumns { key, issuer, minted_at, address, latitude, longitude, baseline_entity })
    }

    /// Reads a row: the temporary key, and the event that minted it. `None` if the event does not mint a key: a name is
    /// too long to be stored, or the two keys are one.
    pub fn read(
        &self,
        row: QueryRow<'_>,
        columns: &MintingColumns,
    ) -> Result<Option<(Arc<str>, Minting)>, TravelError> {
        let name = |text: &Arc<str>| is_entity(text) && is_storable(text);
        let (Some(key), Some(issuer), Some(time)) = (
            row.shared_text(columns.key)?.filter(name),
            row.shared_text(columns.issuer)?.filter(name),
            row.i64(columns.minted_at),
        ) else {
            return Ok(None);
        };
        if key == issuer {
            return Ok(None);
        }
        let site = match self.events.location_type {
            LocationType::Address => row.host(columns.address).map(Site::from_address),
            LocationType::Coordinates => {
                coordinates_of(row.f64(columns.latitude), row.f64(columns.longitude))
                    .map(Site::from_coordinates)
            }
        };
        let baseline_entity = row
            .shared_text(columns.baseline_entity)?
            .filter(|text| is_baseline_entity(text) && is_storable(text));
        Ok(Some((key, Minting { time, site, issuer, baseline_entity })))
    }
}
