//! The places of the events of a source: an address or coordinates, as SQL, whatever types the source stores them in.

use super::column_sql::Expression;
use super::columns::StandardColumns;
use crate::pg::errors::{SourceError, TravelError};
use crate::source::{category, is_textual, type_name};
use pgrx::pg_sys;

/// What locates the events of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LocationType {
    Address,
    Coordinates,
}

/// What locates the events, with the columns `address`, or `latitude` and `longitude`, as SQL.
pub type LocationSql = (LocationType, Vec<(&'static str, String)>);

/// Finds the columns that locate events: those that `columns` gives, otherwise an address, otherwise coordinates.
pub fn location_sql(columns: &StandardColumns) -> Result<LocationSql, TravelError> {
    let coordinates = || {
        let (latitude, longitude) = (columns.standard("latitude")?, columns.standard("longitude")?);
        Some(number("latitude", latitude).and_then(|latitude| {
            let longitude = number("longitude", longitude)?;
            Ok((LocationType::Coordinates, vec![("latitude", latitude), ("longitude", longitude)]))
        }))
    };
    let address = || {
        let address = |name: &str| Some(address_of(name, columns.standard(name)?));
        let given = ["source_ip", "source_text"].into_iter().find(|name| columns.is_given(name));
        let (first, second) = match given {
            Some(name) => (address(name), None),
            // The record's own source_ip is all that its source_text says.
            None if columns.has_record() => (address("source_ip"), None),
            // A row of a table with both may have either.
            None => (address("source_ip"), address("source_text")),
        };
        let sql = match (first, second) {
            (Some(Ok(first)), Some(Ok(second))) => Ok(format!("coalesce({first}, {second})")),
            (first, second) => first.or(second)?,
        };
        Some(sql.map(|sql| (LocationType::Address, vec![("address", sql)])))
    };
    let given = columns.is_given("latitude") && columns.is_given("longitude");
    let found = if given { coordinates() } else { address().or_else(coordinates) };
    found.unwrap_or_else(|| {
        Err(SourceError::NoPlaceColumn {
            source: columns.source().name.clone(),
            available: columns.source().column_names(),
        }
        .into())
    })
}

/// An address column as SQL of type inet.
pub fn address_of(name: &str, column: Expression) -> Result<String, TravelError> {
    let column = column.checked()?;
    match column.oid {
        pg_sys::INETOID => Ok(column.sql),
        pg_sys::CIDROID => Ok(format!("{}::inet", column.sql)),
        // An invalid address leaves the event unlocated. It must not end the query.
        pg_sys::TEXTOID => Ok(format!("travel.source_ip({})", column.sql)),
        oid if never_holds_addresses(oid) => Err(SourceError::ColumnType {
            column: name.to_owned(),
            is: type_name(oid),
            wanted: "inet or text",
            hint: "Name the column of the address in columns, {\"source_ip\": \"the_column\"}, or write an expression in parentheses."
                .to_owned(),
        }.into()),
        _ => Ok(format!("travel.source_ip({}::text)", column.sql)),
    }
}

/// Returns whether values of a type can never hold an address.
fn never_holds_addresses(oid: pg_sys::Oid) -> bool {
    matches!(
        category(oid),
        pg_sys::TYPCATEGORY_ARRAY
            | pg_sys::TYPCATEGORY_BITSTRING
            | pg_sys::TYPCATEGORY_BOOLEAN
            | pg_sys::TYPCATEGORY_COMPOSITE
            | pg_sys::TYPCATEGORY_DATETIME
            | pg_sys::TYPCATEGORY_GEOMETRIC
            | pg_sys::TYPCATEGORY_NUMERIC
            | pg_sys::TYPCATEGORY_RANGE
            | pg_sys::TYPCATEGORY_TIMESPAN
    ) || matches!(oid, pg_sys::BYTEAOID | pg_sys::JSONOID | pg_sys::JSONBOID | pg_sys::UUIDOID)
}

/// A number column as SQL of type float8. An unreadable value is NULL, so it does not end the query.
pub fn number(name: &str, column: Expression) -> Result<String, TravelError> {
    use pg_sys::{
        FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, JSONBOID, JSONOID, NUMERICOID, UNKNOWNOID,
    };
    let column = column.checked()?;
    let sql = column.sql;
    match column.oid {
        FLOAT8OID => Ok(sql),
        INT2OID | INT4OID | INT8OID | FLOAT4OID => Ok(format!("{sql}::float8")),
        // Some numeric values are out of range for float8.
        NUMERICOID => Ok(format!("CASE WHEN {sql} BETWEEN -1e300 AND 1e300 THEN {sql}::float8 END")),
        JSONBOID | JSONOID => Ok(format!("travel.try_number({sql} #>> '{{}}')")),
        UNKNOWNOID => Ok(format!("travel.try_number({sql})")),
        oid if is_textual(oid) => Ok(format!("travel.try_number({sql}::text)")),
        oid => Err(SourceError::ColumnType {
            column: name.to_owned(),
            is: type_name(oid),
            wanted: "a number or text",
            hint: format!("Name the column in columns: {{\"{name}\": \"the_column\"}}."),
        }
        .into()),
    }
}

/// What the address is: what the source says, and where it says nothing, what travel.source_kind says of the address.
pub fn source_kind(
    columns: &StandardColumns,
    location_type: LocationType,
    place: &[(&'static str, String)],
) -> Result<String, TravelError> {
    let kind = match (address_as_given(columns)?, location_type, place) {
        (Some(text), _, _) => format!("travel.source_kind({text})"),
        (None, LocationType::Address, [(_, address), ..]) => {
            format!("travel.source_kind(pg_catalog.host({address}))")
        }
        _ => "'absent'".to_owned(),
    };
    Ok(coalesced([said("source_kind", columns)?, Some(kind)]).unwrap_or_default())
}

/// The text that the address is read from: where `columns` says, else what CloudTrail wrote, else the address itself.
fn address_as_given(columns: &StandardColumns) -> Result<Option<String>, TravelError> {
    let given = ["source_ip", "source_text"].into_iter().find(|name| columns.is_given(name));
    let address = columns.standard(given.unwrap_or("source_ip")).map(host_text).transpose()?;
    let text = if given.is_none() { said("source_text", columns)? } else { None };
    Ok(coalesced([text, address]))
}

/// The address or the coordinates as the source writes them, as text.
pub fn place_as_given(
    columns: &StandardColumns,
    location_type: LocationType,
) -> Result<Option<String>, TravelError> {
    if location_type == LocationType::Address {
        return address_as_given(columns);
    }
    let text = |name: &str| columns.standard(name).map(Expression::into_text).transpose();
    Ok(match (text("latitude")?, text("longitude")?) {
        (Some(latitude), Some(longitude)) => {
            Some(format!("pg_catalog.concat_ws(', ', {latitude}, {longitude})"))
        }
        _ => None,
    })
}

/// A standard column as text, NULL if it is empty.
fn said(name: &str, columns: &StandardColumns) -> Result<Option<String>, TravelError> {
    let text = columns.standard(name).map(Expression::into_text).transpose()?;
    Ok(text.map(|text| format!("nullif({text}, '')")))
}

/// The first of these that is not NULL, as SQL.
fn coalesced(values: [Option<String>; 2]) -> Option<String> {
    match values {
        [Some(first), Some(second)] => Some(format!("coalesce({first}, {second})")),
        [first, second] => first.or(second),
    }
}

/// An address as CloudTrail writes it, as text: without a netmask.
pub fn host_text(address: Expression) -> Result<String, TravelError> {
    match address.oid {
        pg_sys::INETOID | pg_sys::CIDROID => Ok(format!("pg_catalog.host({})", address.sql)),
        _ => address.into_text(),
    }
}
