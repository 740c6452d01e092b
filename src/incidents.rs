//! The function behind the view `travel.incidents`.

use crate::pg::array;
use crate::pg::errors::{AlertError, TravelError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::memory::Palloc;
use crate::pg::srf::RowSet;
use pgrx::pg_sys;
use travel_core::event_set::{Memory, TooLarge};
use travel_core::incident_groups::{AlertSpan, incidents};

pg_function!(travel_incident_groups, pg_finfo_travel_incident_groups, incident_groups);

/// `(ids, entities, users, starts, ends) -> (alert_id, incident_id)`, of arrays of equal length.
fn incident_groups(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let [ids, entities, users, starts, ends] = [0, 1, 2, 3, 4].map(|n| call.datum(n));
    let (Some(ids), Some(entities), Some(users), Some(starts), Some(ends)) =
        (ids, entities, users, starts, ends)
    else {
        return Ok(rows.finish(call));
    };
    // SAFETY: SQL declares the arguments as arrays of bigint, text and timestamptz.
    let (ids, entities, users, starts, ends) = unsafe {
        (
            array::i64s(ids),
            array::elements(entities, b'i'),
            array::elements(users, b'i'),
            array::i64s(starts),
            array::i64s(ends),
        )
    };
    // SAFETY: an element of a text[] is a text, which lives as long as the call.
    let name =
        |datum: Option<pg_sys::Datum>| datum.map(|datum| utf8(unsafe { varlena_bytes(datum) })).transpose();
    let too_large = |_: TooLarge| TravelError::from(AlertError::TooMany);
    let mut spans = Palloc.slice::<AlertSpan>(ids.len()).map_err(too_large)?;
    let mut count = 0;
    for ((((id, entity), user), start), end) in ids.zip(entities).zip(users).zip(starts).zip(ends) {
        if let (Some(id), Some(start), Some(end)) = (id, start, end) {
            spans[count] = AlertSpan { id, entity: name(entity)?, user: name(user)?, start, end };
            count += 1;
        }
        pgrx::check_for_interrupts!();
    }
    let spans = &spans[..count];
    for (span, incident) in spans.iter().zip(incidents(spans, &Palloc).map_err(too_large)?.iter()) {
        pgrx::check_for_interrupts!();
        rows.push([Some(pg_sys::Datum::from(span.id)), Some(pg_sys::Datum::from(*incident))]);
    }
    Ok(rows.finish(call))
}
