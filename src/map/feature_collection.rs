//! `travel_internal.feature_collection`, which joins the features of `travel.alert_geojson`. PostgreSQL's own functions
//! convert the whole collection three times, and check for a cancel in none of them.

use crate::pg::array;
use crate::pg::errors::{AlertError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, varlena_bytes};
use crate::pg::jsonb::Node;
use crate::pg::memory::{PallocVec, zeroed_varlena};
use pgrx::pg_sys;
use std::ops::Deref;
use travel_cloudtrail::{Json, Kind};
use travel_jsonb::join::TextAndList;

pg_function!(travel_feature_collection, pg_finfo_travel_feature_collection, feature_collection);

const COLLECTION: TextAndList = TextAndList { text: ("type", "FeatureCollection"), list: "features" };

/// `(features jsonb[]) -> jsonb`. Elements that are NULL are left out.
fn feature_collection(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let array = call.datum(0).ok_or(UsageError::ArgumentNull { name: "features" })?;
    // SAFETY: the argument is a jsonb[], whose elements are aligned to 4 bytes.
    let elements = unsafe { array::elements(array, b'i') };
    let mut features = PallocVec::new();
    for element in elements.flatten() {
        pgrx::check_for_interrupts!();
        // SAFETY: an element of a jsonb[], which lives as long as the call.
        let (bytes, kind) = unsafe { (varlena_bytes(element), Node::of(element).kind()) };
        if kind != Kind::Object {
            return Err(AlertError::NotAFeature.into());
        }
        features.push(bytes);
    }
    let features = features.deref();
    let size = COLLECTION.size(features.iter().map(|feature| feature.len()));
    let size = size.map_err(|_| AlertError::CollectionTooLarge)?;
    let collection = zeroed_varlena(size + pg_sys::VARHDRSZ);
    // SAFETY: the value was allocated with this size and its header.
    let out = unsafe { std::slice::from_raw_parts_mut(collection.cast::<u8>().add(pg_sys::VARHDRSZ), size) };
    COLLECTION.write(out, features.iter().copied(), || {
        pgrx::check_for_interrupts!();
    });
    Ok(pg_sys::Datum::from(collection))
}
