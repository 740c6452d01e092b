//! The trigger on `travel.networks`. It checks a row before the table's constraints do, with messages that say what to
//! do.

use super::author::{self, authored};
use super::{LONGEST_NAME, LONGEST_NOTE, WRITE_LESS};
use crate::pg::errors::{GuardError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::time::timestamp_text;
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::Tuple;
use pgrx::pg_sys;
use std::ffi::CStr;

pg_function!(travel_guard_network, pg_finfo_travel_guard_network, guard);

/// BEFORE INSERT OR UPDATE, for each row.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (old, row) = match trigger.event() {
        Event::Insert { new } => (None, new),
        Event::Update { old, new } => (Some(old), new),
        Event::Delete { .. } | Event::Truncate => return Ok(trigger.proceed()),
    };
    trigger.must_be_complete_but_for(&row, &author::COLUMNS)?;
    for column in [c"name", c"city", c"subdivision", c"country", c"hosting"] {
        trigger.must_say_something(
            &row,
            column,
            "Omit the column if the value is unknown. The name is required.",
        )?;
        trigger.must_be_at_most(LONGEST_NAME, &row, column, "Use a name, and put the rest into note.")?;
    }
    trigger.must_be_at_most(LONGEST_NOTE, &row, c"note", WRITE_LESS)?;
    let treatments = &["place", "vpn", "trusted", "ignore"];
    trigger.must_be_one_of(&row, c"treatment", treatments, "Omit treatment to use the default, place.")?;
    trigger.must_be_one_of(
        &row,
        c"origin",
        &["user", "aws"],
        "Omit origin: rows that you insert have the origin user.",
    )?;
    let wrong = |column: &CStr, wanted: &'static str, hint: &'static str| {
        Err(GuardError::ColumnValue {
            table: trigger.table(),
            column: column.to_string_lossy().into_owned(),
            value: row.written(column),
            wanted: wanted.into(),
            hint,
        }
        .into())
    };
    for (column, most, wanted) in
        [(c"latitude", 90.0, "from -90 to 90 degrees"), (c"longitude", 180.0, "from -180 to 180 degrees")]
    {
        if row.f64(column).is_some_and(|degrees| !(-most..=most).contains(&degrees)) {
            wrong(column, wanted, "Use degrees.")?;
        }
    }
    if row.i64(c"asn").is_some_and(|asn| !(0..=i64::from(u32::MAX)).contains(&asn)) {
        wrong(
            c"asn",
            "from 0 to 4294967295",
            "Use the number of the autonomous system, without the prefix AS.",
        )?;
    }
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if row.text(c"country_code")?.is_some_and(|code| !is_code(code)) {
        wrong(c"country_code", "two capital letters", "Use a code of ISO 3166-1, for example GB or JP.")?;
    }
    columns_must_fit(&row, &wrong)?;
    if let (Some(from), Some(until)) = (row.timestamp(c"valid_from"), row.timestamp(c"valid_until"))
        && from >= until
    {
        return Err(
            GuardError::ValidityEmpty { from: timestamp_text(from), until: timestamp_text(until) }.into()
        );
    }
    Ok(authored(&trigger, old.as_ref(), row)?.result())
}

/// Checks that the columns of a row fit together.
fn columns_must_fit(
    row: &Tuple,
    wrong: &dyn Fn(&CStr, &'static str, &'static str) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    if row.is_null(c"network") == row.is_null(c"asn") {
        return wrong(
            c"network",
            "set if asn is NULL, and NULL if asn is set",
            "Set network, or set asn for all addresses of an autonomous system.",
        );
    }
    for (column, other) in [(c"latitude", c"longitude"), (c"longitude", c"latitude")] {
        if row.is_null(column) && !row.is_null(other) {
            return wrong(column, "set if the other coordinate is set", "Set both coordinates, or neither.");
        }
    }
    if row.is_null(c"country_code") && !row.is_null(c"latitude") {
        return wrong(
            c"country_code",
            "set if coordinates are set",
            "Set the code of the country that the coordinates are in, for example GB or JP.",
        );
    }
    Ok(())
}
