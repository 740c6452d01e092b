//! The functions that derive columns of an event from other columns, for tables without records: `travel.outcome`,
//! `travel.session_name`, `travel.principal` and `travel.actor`. They call the code with which `travel.parse` reads a
//! record.

use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb::Node;
use crate::pg::memory::varlena;
use pgrx::pg_sys;
use travel_cloudtrail::{Identity, Json, Report, is_sign_in, known, struct_text};

pg_function!(travel_outcome_text, pg_finfo_travel_outcome_text, outcome_text);
pg_function!(travel_outcome_jsonb, pg_finfo_travel_outcome_jsonb, outcome_jsonb);
pg_function!(travel_session_name, pg_finfo_travel_session_name, session_name);
pg_function!(travel_principal, pg_finfo_travel_principal, principal);
pg_function!(travel_actor, pg_finfo_travel_actor, actor);

/// `(error_code, event_name, event_source, response text, error_message, service_details text)`
fn outcome_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // Only the structures of a sign-in are read, so those of all other events are not parsed.
    let reads = is_sign_in(text(call, 2)?);
    let structure = |n| Ok::<_, TravelError>(if reads { text(call, n)?.and_then(struct_text) } else { None });
    let (response, service_details) = (structure(3)?, structure(5)?);
    outcome(call, response.as_ref(), service_details.as_ref())
}

/// `(error_code, event_name, event_source, response jsonb, error_message, service_details jsonb)`
fn outcome_jsonb(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: SQL declares the arguments as jsonb, and they outlive the call.
    let structure = |n| call.datum(n).map(|datum| unsafe { Node::of(datum) });
    outcome(call, structure(3), structure(5))
}

fn outcome<'j, J: Json<'j>>(
    call: &Call,
    response: Option<J>,
    service_details: Option<J>,
) -> Result<pg_sys::Datum, TravelError> {
    let outcome = travel_cloudtrail::outcome(&Report {
        error_code: text(call, 0)?,
        event_name: text(call, 1)?,
        event_source: text(call, 2)?,
        error_message: text(call, 4)?,
        response,
        service_details,
    });
    Ok(varlena(outcome.into_str().as_bytes()))
}

/// `(identity_type, user_name, principal_id, arn)`
fn session_name(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let identity = Identity {
        identity_type: call.text(0)?,
        user_name: call.text(1)?,
        principal_id: call.text(2)?,
        arn: call.text(3)?,
        ..Identity::default()
    };
    Ok(text_or_null(call, identity.known().session_name()))
}

/// `(arn, session_issuer_arn)`
fn principal(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let identity = Identity { arn: call.text(0)?, session_issuer_arn: call.text(1)?, ..Identity::default() };
    Ok(text_or_null(call, identity.known().principal()))
}

/// `(identity_type, arn, session_name, session_issuer_arn, on_behalf_of)`
fn actor(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let identity = Identity {
        identity_type: call.text(0)?,
        arn: call.text(1)?,
        session_issuer_arn: call.text(3)?,
        on_behalf_of: call.text(4)?,
        ..Identity::default()
    };
    Ok(text_or_null(call, identity.known().actor(text(call, 2)?)))
}

/// An argument that is a text, neither empty nor hidden.
fn text(call: &Call, n: usize) -> Result<Option<&str>, TravelError> {
    Ok(call.text(n)?.and_then(known))
}

fn text_or_null(call: &Call, text: Option<&str>) -> pg_sys::Datum {
    text.map_or_else(|| call.null(), |text| varlena(text.as_bytes()))
}
