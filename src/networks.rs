//! The named networks of `travel.networks`, as the snapshot of the running statement sees them.
//!
//! The table is read directly, not by a query. Every entry point needs the networks, whatever its caller may read, so
//! no privilege is checked. There is no plan to make, and an empty table costs a statement next to nothing.

use crate::pg::citus;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::inet;
use crate::pg::snapshot::Snapshot;
use crate::pg::table::{self, Column};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::network::{Location, NamedNetwork, Networks, Scope, prefix};
use travel_core::rule::Treatment;

thread_local! {
    /// The networks that were read last, with their snapshot. They are valid for every statement with an equal
    /// snapshot.
    static CURRENT: RefCell<Option<(Snapshot, Rc<Networks>)>> = const { RefCell::new(None) };
}

/// The networks that a snapshot sees. It must be the active one.
pub fn as_of(snapshot: Option<Snapshot>) -> Result<Rc<Networks>, TravelError> {
    // Outside of a statement, nothing is located.
    let Some(snapshot) = snapshot else { return Ok(Rc::default()) };
    let known = CURRENT.with_borrow(|current| match current {
        Some((of, networks)) if *of == snapshot => Some(Rc::clone(networks)),
        _ => None,
    });
    if let Some(networks) = known {
        return Ok(networks);
    }
    let networks = Rc::new(read()?);
    CURRENT.set(Some((snapshot, Rc::clone(&networks))));
    Ok(networks)
}

const COLUMNS: [Column; 14] = {
    use pg_sys::{CIDROID, FLOAT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID};
    [
        ("network", CIDROID),
        ("asn", INT8OID),
        ("name", TEXTOID),
        ("treatment", TEXTOID),
        ("latitude", FLOAT8OID),
        ("longitude", FLOAT8OID),
        ("city", TEXTOID),
        ("subdivision", TEXTOID),
        ("country", TEXTOID),
        ("country_code", TEXTOID),
        ("hosting", TEXTOID),
        ("valid_from", TIMESTAMPTZOID),
        ("valid_until", TIMESTAMPTZOID),
        ("origin", TEXTOID),
    ]
};

/// Reads the rows on this node. If Citus manages the table, they are elsewhere, and an empty list would be wrong.
fn read() -> Result<Networks, TravelError> {
    if citus::is_present() && table::oid(c"networks").is_some_and(citus::manages) {
        return Err(UsageError::NetworksDistributed.into());
    }
    let mut rows = Vec::new();
    let mut texts = Texts::default();
    table::each_row(c"networks", &COLUMNS, |row| {
        rows.extend(named_network(row, &mut texts)?);
        Ok(())
    })?;
    Ok(Networks::new(rows))
}

/// The network of a row. `None` if the row has neither a network nor an AS, which its constraints forbid.
fn named_network(
    row: [Option<pg_sys::Datum>; COLUMNS.len()],
    texts: &mut Texts,
) -> Result<Option<NamedNetwork>, TravelError> {
    let [network, asn, name, treatment, latitude, longitude, city, subdivision, country, country_code, ..] =
        row;
    let [.., hosting, valid_from, valid_until, origin] = row;
    let scope = match (network, asn) {
        // SAFETY: the column is a cidr.
        (Some(network), _) => unsafe { inet::read_prefix(network) }
            .map(|(address, length)| Scope::Prefix(prefix(address, length))),
        (None, asn) => asn.map(|asn| Scope::As(asn.value() as i64)),
    };
    let Some(scope) = scope else { return Ok(None) };
    let number = |datum: pg_sys::Datum| f64::from_bits(datum.value() as u64);
    let coordinates = match (latitude.map(number), longitude.map(number)) {
        (Some(latitude), Some(longitude)) => Coordinates::new(latitude, longitude).ok(),
        _ => None,
    };
    let location = match coordinates {
        Some(coordinates) => Some(Location {
            coordinates,
            city: texts.shared(city)?,
            subdivision: texts.shared(subdivision)?,
            country: texts.shared(country)?,
            country_code: texts.shared(country_code)?,
        }),
        None => None,
    };
    let time = |datum: pg_sys::Datum| datum.value() as i64;
    Ok(Some(NamedNetwork {
        scope,
        name: text(name)?.unwrap_or_default().into(),
        treatment: text(treatment)?.and_then(|name| name.parse().ok()).unwrap_or(Treatment::Place),
        location,
        hosting: texts.shared(hosting)?,
        valid_from: valid_from.map(time),
        valid_until: valid_until.map(time),
        by_hand: text(origin)? == Some("user"),
    }))
}

fn text<'a>(column: Option<pg_sys::Datum>) -> Result<Option<&'a str>, TravelError> {
    // SAFETY: the columns that are asked for here are texts, alive until the next row.
    column.map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose()
}

/// Texts of all rows. Equal texts are stored once.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn shared(&mut self, column: Option<pg_sys::Datum>) -> Result<Option<Arc<str>>, TravelError> {
        let Some(text) = text(column)? else { return Ok(None) };
        if let Some(known) = self.0.get(text) {
            return Ok(Some(Arc::clone(known)));
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        Ok(Some(new))
    }
}
