//! The GeoIP databases that located addresses for a rule, in `travel.scans.located_by`. Where one of them is gone, a scan
//! stops: without its data, the scan would miss travel and withdraw alerts without an error.

use super::definition::{self, text};
use crate::geoip::Places;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::spi;
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use travel_geoip::{InUse, Locates};

pg_function!(travel_accept_geoip, pg_finfo_travel_accept_geoip, accept_geoip);

/// A database that supplies coordinates, or the AS by which named networks are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Supplier {
    /// Its name without the folder: files are moved, and the setting changes.
    file: String,
    database_type: String,
    locates: Locates,
    /// It names the AS of addresses, and there are networks that are given by their AS.
    #[serde(default)]
    systems: bool,
}

impl Supplier {
    /// Whether another database stands for this one: a new edition of it, or the same data under another name.
    fn is_replaced_by(&self, other: &Self) -> bool {
        (self.file == other.file || self.database_type == other.database_type)
            && other.locates.includes(self.locates)
            && (other.systems || !self.systems)
    }

    fn in_words(&self) -> String {
        let addresses = match (self.locates.ipv4, self.locates.ipv6) {
            (true, true) => "IPv4 and IPv6 addresses",
            (true, false) => "IPv4 addresses",
            (false, true) => "IPv6 addresses",
            (false, false) => "named networks that are given by their AS",
        };
        format!("{} ({}), for {addresses}", self.file, self.database_type)
    }
}

/// Raises an error where a database is missing that located addresses in an earlier step, and keeps which do now. To be
/// asked in every step before anything is evaluated: files can vanish between steps. The row of the rule is locked.
pub fn check(rule: &str, places: &Places) -> Result<(), TravelError> {
    let rows = spi::select("SELECT located_by::text FROM travel.scans WHERE rule = $1", &[text(rule)]);
    let stored = if rows.len == 0 { None } else { rows.text(0, 0)? };
    // NULL: no step has located anything yet, or an older version of the extension ran it.
    let mut before: Option<Vec<Supplier>> = stored.map(read).transpose()?;
    let now = suppliers(places);
    // Databases that supply only the AS do not matter while no network is defined by its AS.
    if !places.need_systems()
        && let Some(before) = &mut before
    {
        before.iter_mut().for_each(|supplier| supplier.systems = false);
        before.retain(|supplier| supplier.locates.anything());
    }
    let is_there = |supplier: &&Supplier| now.iter().any(|other| supplier.is_replaced_by(other));
    let missing: Vec<String> =
        before.iter().flatten().filter(|supplier| !is_there(supplier)).map(Supplier::in_words).collect();
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
    let now = suppliers(&places);
    spi::connected(|| {
        if let Some(rule) = rule {
            let known = spi::select("SELECT FROM travel.rules WHERE name = $1", &[text(rule)]);
            if known.len == 0 {
                return Err(TravelError::NoSuchRule { name: rule.to_owned(), known: definition::names() });
            }
        }
        keep(&now, rule)
    })?;
    let files: Vec<&str> = now.iter().map(|supplier| &*supplier.file).collect();
    Ok(array::of_texts(&files))
}

fn keep(suppliers: &[Supplier], rule: Option<&str>) -> Result<(), TravelError> {
    let stored = serde_json::to_string(suppliers).map_err(unreadable)?;
    let rule = (pg_sys::TEXTOID, rule.and_then(|rule| text(rule).1));
    spi::execute(
        "UPDATE travel.scans SET located_by = $2::jsonb
         WHERE (rule = $1 OR $1 IS NULL) AND located_by IS DISTINCT FROM $2::jsonb",
        &[rule, text(&stored)],
    );
    Ok(())
}

fn read(stored: &str) -> Result<Vec<Supplier>, TravelError> {
    serde_json::from_str(stored).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> TravelError {
    TravelError::StateUnreadable { rule: String::new(), detail: format!("travel.scans.located_by: {error}") }
}

fn suppliers(places: &Places) -> Vec<Supplier> {
    let supplier = |in_use: InUse| Supplier {
        file: in_use.file.to_owned(),
        database_type: in_use.database_type.to_owned(),
        locates: in_use.locates,
        systems: places.need_systems() && in_use.names_systems(),
    };
    places.databases().map(supplier).filter(|one| one.locates.anything() || one.systems).collect()
}
