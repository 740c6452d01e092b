//! The GeoIP databases on which a rule depends, stored in `travel_internal.scans.located_by`. If one of them is
//! missing, a scan stops with an error. Without its data, it would silently miss travel and withdraw alerts.

use super::definition;
use crate::geoip::Places;
use crate::pg::array;
use crate::pg::errors::{GeoipError, RuleError, ScanError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use travel_geoip::{InUse, Locates};

pg_function!(travel_accept_geoip, pg_finfo_travel_accept_geoip, accept_geoip);

/// A database on which a rule depends, because it supplies coordinates or one of the [`Needs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dependency {
    /// The file's name without its folder, because files are moved and the setting changes.
    file: String,
    database_type: String,
    locates: Locates,
    /// It supplies the AS of addresses, and some named networks are defined by their AS.
    #[serde(default)]
    systems: bool,
    /// It supplies anonymizers, and the rule ignores network attributes.
    #[serde(default)]
    anonymizers: bool,
}

/// What a rule needs from the databases besides coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Some named networks are defined by their AS.
    pub systems: bool,
    /// The rule ignores network attributes, but never of Tor addresses. Without the database that knows these, a Tor
    /// address at a hosting company would be ignored.
    pub anonymizers: bool,
}

impl Dependency {
    /// Whether another database replaces this one: a new edition of it, or the same data under another name.
    fn is_replaced_by(&self, other: &Self) -> bool {
        (self.file == other.file || self.database_type == other.database_type)
            && other.locates.includes(self.locates)
            && (other.systems || !self.systems)
            && (other.anonymizers || !self.anonymizers)
    }

    fn is_needed(&self) -> bool {
        self.locates.anything() || self.systems || self.anonymizers
    }

    fn in_words(&self) -> String {
        let addresses = match (self.locates.ipv4, self.locates.ipv6) {
            (true, true) => Some("IPv4 and IPv6 addresses"),
            (true, false) => Some("IPv4 addresses"),
            (false, true) => Some("IPv6 addresses"),
            (false, false) => None,
        };
        let systems = self.systems.then_some("named networks that are given by their AS");
        let anonymizers = self.anonymizers.then_some("Tor addresses, which no rule ignores");
        let purposes: Vec<&str> = [addresses, systems, anonymizers].into_iter().flatten().collect();
        format!("{} ({}), for {}", self.file, self.database_type, purposes.join(" and "))
    }
}

/// Returns an error if a database is missing on which the rule depended in an earlier step, and stores on which it
/// depends now. Every step calls this before it evaluates anything, because files can vanish between steps. The row of
/// the rule is locked.
pub fn check(rule: &str, places: &Places, needs: Needs) -> Result<(), TravelError> {
    let stored = spi::select_text(
        "SELECT located_by::text FROM travel_internal.scans WHERE rule = $1",
        &[Argument::text(rule)],
    )?;
    // NULL means that no step has located anything yet.
    let mut before: Option<Vec<Dependency>> =
        stored.as_deref().map(|stored| read(rule, stored)).transpose()?;
    let now = dependencies(places, needs);
    // Needs that the rule no longer has are dropped.
    for dependency in before.iter_mut().flatten() {
        dependency.systems &= needs.systems;
        dependency.anonymizers &= needs.anonymizers;
    }
    if let Some(before) = &mut before {
        before.retain(Dependency::is_needed);
    }
    let is_there = |dependency: &&Dependency| now.iter().any(|other| dependency.is_replaced_by(other));
    let missing: Vec<String> = before
        .iter()
        .flatten()
        .filter(|dependency| !is_there(dependency))
        .map(Dependency::in_words)
        .collect();
    if !missing.is_empty() {
        return Err(GeoipError::Missing { rule: rule.to_owned(), missing }.into());
    }
    if before.as_ref() != Some(&now) {
        keep(&now, Some(rule))?;
    }
    Ok(())
}

/// `(rule) -> text[]`: lets the scans of one rule, or of all rules, continue with the databases that exist now, and
/// returns their names.
fn accept_geoip(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?;
    let places = Places::of_statement()?;
    // A scan could not continue without any coordinates.
    places.require_coordinates()?;
    // The next scan of each rule adds the database for network attributes, if the rule ignores any.
    let now = dependencies(&places, Needs { systems: places.need_systems(), anonymizers: false });
    spi::connected(|| {
        if let Some(rule) = rule {
            let known = spi::select("SELECT FROM travel.rules WHERE name = $1", &[Argument::text(rule)]);
            if known.is_empty() {
                return Err(RuleError::NotFound { name: rule.to_owned(), known: definition::names() }.into());
            }
        }
        keep(&now, rule)
    })?;
    let files: Vec<&str> = now.iter().map(|dependency| &*dependency.file).collect();
    Ok(array::of_texts(&files))
}

fn keep(dependencies: &[Dependency], rule: Option<&str>) -> Result<(), TravelError> {
    let stored = serde_json::to_string(dependencies)
        .map_err(|error| ScanError::CheckpointUnwritable { detail: error.to_string() })?;
    spi::execute(
        // A scan of several rules in a transaction block locks the rows in the same order.
        "WITH others AS MATERIALIZED (
             SELECT rule FROM travel_internal.scans
             WHERE (rule = $1 OR $1 IS NULL) AND located_by IS DISTINCT FROM $2::jsonb
             ORDER BY rule
             FOR NO KEY UPDATE
         )
         UPDATE travel_internal.scans AS s SET located_by = $2::jsonb FROM others AS o WHERE s.rule = o.rule",
        &[Argument::optional_text(rule), Argument::text(&stored)],
    );
    Ok(())
}

fn read(rule: &str, stored: &str) -> Result<Vec<Dependency>, TravelError> {
    serde_json::from_str(stored).map_err(|error| {
        ScanError::CheckpointUnreadable {
            rule: rule.to_owned(),
            detail: format!("{error} in travel_internal.scans.located_by"),
        }
        .into()
    })
}

fn dependencies(places: &Places, needs: Needs) -> Vec<Dependency> {
    let dependency = |in_use: InUse| {
        // Asking a database what it provides is the slow part, so it is avoided if possible.
        let provides = if needs.systems || needs.anonymizers { in_use.provides() } else { Vec::new() };
        Dependency {
            file: in_use.file.to_owned(),
            database_type: in_use.database_type.to_owned(),
            locates: in_use.locates,
            systems: needs.systems && provides.contains(&"asn"),
            anonymizers: needs.anonymizers && provides.contains(&"anonymizer"),
        }
    };
    places.databases().map(dependency).filter(Dependency::is_needed).collect()
}
