//! The SQL functions over [`Places`], and the list of the databases.

use super::Places;
use super::store::{report, with_store};
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::srf::RowSet;
use crate::pg::time::{from_unix_seconds, statement_start};
use crate::pg::types::Type;
use pgrx::pg_sys;
use travel_core::geodesy::Coordinates;
use travel_core::place::Place;
use travel_geoip::{DatabaseStatus, Store};

/// The columns of `travel.place`.
const PLACE_COLUMNS: usize = 14;

/// Their types.
const PLACE_TYPES: [Type; PLACE_COLUMNS] = {
    use Type::{Cidr, Float8, Int8OrTime, Text};
    [Float8, Float8, Float8, Text, Text, Text, Text, Text, Cidr, Int8OrTime, Text, Text, Text, Text]
};

pg_function!(travel_locate, pg_finfo_travel_locate, locate);
pg_function!(travel_is_located, pg_finfo_travel_is_located, is_located);
pg_function!(travel_is_ignored, pg_finfo_travel_is_ignored, is_ignored);
pg_function!(travel_geoip_databases, pg_finfo_travel_geoip_databases, geoip_databases);

/// `(ip, at) -> travel.place`. The next two functions have the same arguments.
fn locate(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let places = Places::of_statement()?;
    if places.have_networks() {
        places.require_database_for(host, at)?;
    }
    match places.locate(host, at)?.place {
        Some(place) => place_row(call, &place),
        None => Ok(call.null()),
    }
}

fn place_row(call: &Call, place: &Place) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: SQL declares the result as travel.place; the call site outlives the call.
    let row_type =
        call.site_cache(|| unsafe { RowType::load(call.result_type()?, PLACE_TYPES, call.site_context()) })?;
    let mut row = RowWriter::<PLACE_COLUMNS>::new();
    row.f64(place.coordinates.map(Coordinates::latitude));
    row.f64(place.coordinates.map(Coordinates::longitude));
    row.f64(place.accuracy_km);
    row.text(place.precision.map(|precision| precision.into_str()));
    row.text(place.city.as_deref());
    row.text(place.subdivision.as_deref());
    row.text(place.country.as_deref());
    row.text(place.country_code.as_deref());
    row.network(place.network.map(|network| (network.addr(), network.prefix_len())));
    row.i64(place.asn);
    row.text(place.as_organization.as_deref());
    row.text(place.hosting.as_deref());
    row.text(place.anonymizer.map(|anonymizer| anonymizer.into_str()));
    row.text(place.carrier.map(|carrier| carrier.into_str()));
    row.finish(*row_type)
}

/// Whether an address has coordinates. `travel.coverage` calls it for every row.
fn is_located(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let located = Places::of_statement()?.coordinates(host, at)?.is_some();
    Ok(pg_sys::Datum::from(usize::from(located)))
}

fn is_ignored(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let ignored = Places::of_statement()?.is_ignored(host, at)?;
    Ok(pg_sys::Datum::from(usize::from(ignored)))
}

fn geoip_databases(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (databases, warnings) = with_store(Store::databases)?;
    report(&warnings);
    let statement = statement_start();
    let mut rows = RowSet::begin(call)?;
    for database in &databases {
        rows.push(database_row(database, statement));
    }
    Ok(rows.finish(call))
}

fn database_row(database: &DatabaseStatus, statement: i64) -> [Option<pg_sys::Datum>; 9] {
    let text = |text: &str| varlena(text.as_bytes());
    let built_at = database.built_at.map(from_unix_seconds).map(pg_sys::Datum::from);
    let age = built_at.and_then(|built_at| {
        let now = pg_sys::Datum::from(statement);
        // SAFETY: both arguments are timestamps.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::timestamp_mi, &[Some(now), Some(built_at)]) }
    });
    [
        Some(text(&database.path)),
        database.database_type.as_deref().map(text),
        database.ip_version.map(|version| pg_sys::Datum::from(i32::from(version))),
        built_at,
        age,
        database.size_bytes.map(|size| pg_sys::Datum::from(size as i64)),
        Some(array::of_texts(&database.provides)),
        Some(text(database.status)),
        database.detail.as_deref().map(text),
    ]
}
