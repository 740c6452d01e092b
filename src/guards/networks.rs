//! The trigger on `travel.networks`. It checks a row before the table's constraints do, with messages that say what to
//! do.

use super::timestamp_text;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::trigger::{Event, Trigger, Tuple};
use pgrx::pg_sys;
use std::ffi::CStr;

pg_function!(travel_guard_network, pg_finfo_travel_guard_network, guard);

/// BEFORE INSERT OR UPDATE, for each row.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (Event::Insert { new: row } | Event::Update { new: row, .. }) = trigger.event() else {
        return Ok(trigger.proceed());
    };
    trigger.must_be_complete(&row)?;
    for column in [c"name", c"city", c"subdivision", c"country", c"hosting"] {
        trigger.must_say_something(&row, column, "Omit values that are not known. A name is required.")?;
    }
    let treatments = &["place", "vpn", "trusted", "ignore"];
    trigger.must_be_one_of(&row, c"treatment", treatments, "Without one it is place.")?;
    trigger.must_be_one_of(&row, c"origin", &["user", "aws"], "Omit it: rows entered by hand have user.")?;
    let wrong = |column: &CStr, wanted: &'static str, hint: &'static str| {
        Err(TravelError::ColumnValue {
            table: trigger.table(),
            column: column.to_string_lossy().into_owned(),
            value: row.written(column),
            wanted: wanted.into(),
            hint,
        })
    };
    for (column, most, wanted) in
        [(c"latitude", 90.0, "from -90 to 90 degrees"), (c"longitude", 180.0, "from -180 to 180 degrees")]
    {
        if row.f64(column).is_some_and(|degrees| !(-most..=most).contains(&degrees)) {
            wrong(column, wanted, "Coordinates are in degrees, the latitude first.")?;
        }
    }
    if row.i64(c"asn").is_some_and(|asn| !(0..=i64::from(u32::MAX)).contains(&asn)) {
        wrong(c"asn", "from 0 to 4294967295", "An AS number has 32 bits.")?;
    }
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if row.text(c"country_code")?.is_some_and(|code| !is_code(code)) {
        wrong(c"country_code", "two capitals, as ISO 3166-1 has them", "For example GB or JP.")?;
    }
    columns_must_fit(&row, &wrong)?;
    if let (Some(from), Some(until)) = (row.timestamp(c"valid_from"), row.timestamp(c"valid_until"))
        && from >= until
    {
        return Err(TravelError::ValidityEmpty { from: timestamp_text(from), until: timestamp_text(until) });
    }
    Ok(row.result())
}

/// Checks that the columns of a row fit together.
fn columns_must_fit(
    row: &Tuple,
    wrong: &dyn Fn(&CStr, &'static str, &'static str) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    if row.is_null(c"network") == row.is_null(c"asn") {
        return wrong(
            c"network",
            "given where asn is not, and only there",
            "A row is about a network, or about all addresses of an AS.",
        );
    }
    for (column, other) in [(c"latitude", c"longitude"), (c"longitude", c"latitude")] {
        if row.is_null(column) && !row.is_null(other) {
            return wrong(
                column,
                "given where the other coordinate is",
                "Give both coordinates, or neither.",
            );
        }
    }
    if row.is_null(c"country_code") && !row.is_null(c"latitude") {
        return wrong(
            c"country_code",
            "given where coordinates are",
            "Say in which country they are: two capitals, as GB or JP.",
        );
    }
    Ok(())
}
