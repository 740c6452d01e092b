//! The row type `travel.leg`: the two ends of a leg and the measures between them.

use crate::geoip::Places;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function, utf8};
use crate::pg::row::{RowType, RowWriter};
use crate::pg::srf::RowSet;
use crate::pg::types::Type;
use pgrx::pg_sys;
use std::sync::Arc;
use travel_core::columns::LEG;
use travel_core::journey::{Leg, Measure, Stop};
use travel_core::place::Place;

pg_function!(travel_each_leg, pg_finfo_travel_each_leg, each_leg);

/// A row of `travel.leg`.
type LegRow = RowWriter<{ LEG.len() }>;

/// The types of its columns.
pub fn leg_types() -> impl Iterator<Item = Type> {
    LEG.iter().map(|column| Type::from(column.column_type))
}

/// A leg as a composite value. The event of a stop is its event id.
pub fn leg_row(
    row_type: RowType,
    leg: &Leg<Option<&[u8]>>,
    measure: &Measure,
    places: Option<&Places>,
) -> Result<pg_sys::Datum, TravelError> {
    let mut row = LegRow::new();
    end(&mut row, &leg.from, places)?;
    end(&mut row, &leg.to, places)?;
    row.f64(Some(measure.distance_km));
    row.f64(Some(measure.effective_distance_km));
    row.f64(Some(measure.elapsed_seconds));
    row.f64(measure.velocity_kmh);
    row.bool(Some(measure.impossible));
    row.finish(row_type)
}

fn end(row: &mut LegRow, stop: &Stop<Option<&[u8]>>, places: Option<&Places>) -> Result<(), TravelError> {
    let address = stop.site.address();
    let place: Option<Arc<Place>> = match (address, places) {
        (Some(host), Some(places)) => places.locate(host, stop.time_us)?.place,
        _ => None,
    };
    let place = place.as_deref();
    row.timestamp(Some(stop.time_us));
    row.host(address);
    row.text(stop.event.map(utf8).transpose()?);
    row.text(place.and_then(|place| place.city.as_deref()));
    row.text(place.and_then(|place| place.subdivision.as_deref()));
    row.text(place.and_then(|place| place.country.as_deref()));
    row.text(place.and_then(|place| place.country_code.as_deref()));
    row.f64(Some(stop.coordinates.latitude()));
    row.f64(Some(stop.coordinates.longitude()));
    row.f64(stop.accuracy_km);
    row.i64(place.and_then(|place| place.asn));
    row.text(place.and_then(|place| place.as_organization.as_deref()));
    row.text(place.and_then(|place| place.hosting.as_deref()));
    row.text(place.and_then(|place| place.anonymizer).map(|anonymizer| anonymizer.into_str()));
    row.text(place.and_then(|place| place.carrier).map(|carrier| carrier.into_str()));
    Ok(())
}

/// Returns the elements of a travel.leg[] as rows. Unlike unnest, it tells the planner that there are few.
fn each_leg(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rows = RowSet::begin(call)?;
    let Some(legs) = call.datum(0) else { return Ok(rows.finish(call)) };
    // SAFETY: SQL declares the argument as travel.leg[].
    let legs = unsafe { array::elements(legs, b'd') };
    for leg in legs.flatten() {
        pgrx::check_for_interrupts!();
        // SAFETY: an element is a travel.leg, which is the row type of the set.
        unsafe { rows.push_composite(leg) };
    }
    Ok(rows.finish(call))
}
