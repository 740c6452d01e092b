//! The GeoIP databases that located addresses for a rule, in `travel_internal.scans.located_by`. Where one of them is gone, a scan
//! stops: without its data, the scan would miss travel and withdraw alerts without an error.

use super::definition;
use crate::geoip::Places;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use travel_geoip::{InUse, Locates};

pg_function!(travel_accept_geoip, pg_finfo_travel_accept_geoip, accept_geoip);

/// A database that a rule depends on: it supplies coordinates, or one of the [`Needs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dependency {
    /// Its name without the folder: files are moved, and the setting changes.
    file: String,
    database_type: String,
    locates: Locates,
    /// It supplies the AS of addresses, and there are networks that are given by their AS.
    #[serde(default)]
    systems: bool,
    /// It supplies anonymizers, and the rule ignores network attributes.
    #[serde(default)]
    anonymizers: bool,
}

/// What a rule needs of the databases beside coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// There are named networks that are given by their AS.
    pub systems: bool,
    /// The rule ignores network attributes, from which Tor addresses are exempt. Without the database that knows them, a
    /// Tor address at a hosting company would be ignored.
    pub anonymizers: bool,
}

impl Dependency {
    /// Whether another database stands for this one: a new edition of it, or the same data under another name.
    fn is_relocated_by(&self, other: &Self) -> bool {
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

/// Raises an error where a database is missing that located addresses in an earlier step, and keeps which do now. To be
/// asked in every step before anything is evaluated: files can vanish between steps. The row of the rule is locked.
pub fn check(rule: &str, places: &Places, needs: Needs) -> Result<(), TravelError> {
    let stored = spi::select_text(
        "SELECT located_by::text FROM travel_internal.scans WHERE rule = $1",
        &[Argument::text(rule)],
    )?;
    // NULL: no step has located anything yet, or an older version of the extension ran it.
    let mut before: Option<Vec<Dependency>> = stored.as_deref().map(read).transpose()?;
    let now = dependencies(places, needs);
    // What the last step needed and this one does not is not missed.
    for dependency in before.iter_mut().flatten() {
        dependency.systems &= needs.systems;
        dependency.anonymizers &= needs.anonymizers;
    }
    if let Some(before) = &mut before {
        before.retain(Dependency::is_needed);
    }
    let is_there = |dependency: &&Dependency| now.iter().any(|other| dependency.is_relocated_by(other));
    let missing: Vec<String> = before
        .iter()
        .flatten()
        .filter(|dependency| !is_there(dependency))
        .map(Dependency::in_words)
        .collect();
    if !missing.is_empty() {
        return Err(TravelError::GeoipMissing { rule: rule.to_owned(), missing });
    }
    if before.as_ref() != Some(&now) {
        keep(&now, Some(rule))?;
    }
    Ok(())
}

/// `(rule) -> text[]`: the scans of one rule, or of all, go on with the databases that are there now.
fn accept_geoip(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?;
    let places = Places::of_statement()?;
    // A scan could not go on with nothing.
    places.require_coordinates()?;
    // Which rules ignore network attributes, their next scans say.
    let now = dependencies(&places, Needs { systems: places.need_systems(), anonymizers: false });
    spi::connected(|| {
        if let Some(rule) = rule {
            let known = spi::select("SELECT FROM travel.rules WHERE name = $1", &[Argument::text(rule)]);
            if known.is_empty() {
                return Err(TravelError::NoSuchRule { name: rule.to_owned(), known: definition::names() });
            }
        }
        keep(&now, rule)
    })?;
    let files: Vec<&str> = now.iter().map(|dependency| &*dependency.file).collect();
    Ok(array::of_texts(&files))
}

fn keep(dependencies: &[Dependency], rule: Option<&str>) -> Result<(), TravelError> {
    let stored = serde_json::to_string(dependencies).map_err(unreadable)?;
    spi::execute(
        "UPDATE travel_internal.scans SET located_by = $2::jsonb
         WHERE (rule = $1 OR $1 IS NULL) AND located_by IS DISTINCT FROM $2::jsonb",
        &[Argument::optional_text(rule), Argument::text(&stored)],
    );
    Ok(())
}

fn read(stored: &str) -> Result<Vec<Dependency>, TravelError> {
    serde_json::from_str(stored).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> TravelError {
    TravelError::StateUnreadable {
        rule: String::new(),
        detail: format!("travel_internal.scans.located_by: {error}"),
    }
}

fn dependencies(places: &Places, needs: Needs) -> Vec<Dependency> {
    let dependency = |in_use: InUse| {
        // Looking into a database takes longer than all else here.
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
