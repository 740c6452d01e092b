//! From an alert to a decision: `travel.alert_events`, `travel.activity_after`, `travel.containment` and
//! `travel.report`.
//!
//! The alert is read with the rights of the caller. The events come from the source of its rule, as the rule reads
//! them, and with the rights of the rule's owner: a role that may read the alerts of a rule sees the events of the entity
//! that an alert names.
//!
//! | module | what it holds |
//! |---|---|
//! | [`alert`] | the row of the alert, and what its legs say of the credential |
//! | [`chain`] | with lineage: the keys that are evaluated together with the alert's |
//! | [`events`] | the queries over the source: the events behind an alert, and those after it |
//! | [`event_columns`] | the columns of `travel.event`, as SQL over the source |
//! | [`credentials`] | the keys that the credential issued, and the identities behind an alert |
//! | [`report`] | what a report is made from |
//!
//! The commands and the page are written by [`travel_core::containment`] and [`travel_core::report`].

mod alert;
mod chain;
mod credentials;
mod event_columns;
mod events;
mod report;

use crate::pg::attempt::attempt;
use crate::pg::errors::{RuleError, TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::report::Report;
use crate::pg::spi;
use crate::pg::srf::RowSet;
use alert::Alert;
use credentials::MOST_CALLERS;
use events::AlertSource;
use pgrx::pg_sys;
use travel_core::containment::{Caller, Contained, script};

pg_function!(travel_alert_events, pg_finfo_travel_alert_events, |call: &Call| with_fixed_settings(|| {
    alert_events(call)
}));
pg_function!(travel_activity_after, pg_finfo_travel_activity_after, |call: &Call| with_fixed_settings(
    || activity_after(call)
));
pg_function!(travel_containment, pg_finfo_travel_containment, |call: &Call| with_fixed_settings(|| {
    containment(call)
}));
pg_function!(travel_report, pg_finfo_travel_report, |call: &Call| with_fixed_settings(|| write_report(call)));
pg_function!(travel_alert_not_found, pg_finfo_travel_alert_not_found, not_found);

/// `(alert_id)`: the events behind an alert, as rows of `travel.event`.
fn alert_events(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rows = RowSet::begin(call)?;
    spi::connected(|| {
        let alert = alert_of(call)?;
        AlertSource::of(&alert)?.events_into(&alert, &rows)
    })?;
    Ok(rows.finish(call))
}

/// `(alert_id)`: what the credential did from the second location on.
fn activity_after(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rows = RowSet::begin(call)?;
    spi::connected(|| {
        let alert = alert_of(call)?;
        AlertSource::of(&alert)?.activity_into(&alert, &rows)
    })?;
    Ok(rows.finish(call))
}

/// `(alert_id) -> text`: the commands that stop the credential.
fn containment(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let script = spi::connected(|| {
        let alert = alert_of(call)?;
        let (contained, failure) = contained(&alert);
        if let Some(why) = failure {
            Report::notice(format!("could not look for keys that the credential issued: {why}"))
                .hint("The commands are for the credential alone.")
                .send();
        }
        Ok::<_, TravelError>(script(alert.id, &contained))
    })?;
    Ok(varlena(script.as_bytes()))
}

/// `(alert_id) -> text`: the alert as Markdown.
fn write_report(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let page = spi::connected(|| report::of(&alert_of(call)?))?;
    Ok(varlena(page.as_bytes()))
}

/// `(alert_id)`: raises the error of functions in SQL whose alert does not exist.
fn not_found(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let id = call.datum(0).ok_or(UsageError::ArgumentNull { name: "alert_id" })?;
    Err(RuleError::AlertNotFound { id: id.value() as i64 }.into())
}

/// The alert that a call names. Within an SPI connection.
fn alert_of(call: &Call) -> Result<Alert, TravelError> {
    let id = call.datum(0).ok_or(UsageError::ArgumentNull { name: "alert_id" })?;
    Alert::load(id.value() as i64)
}

/// What the containment of an alert is for, and why the source does not say more, if it could not be read. Within an SPI
/// connection.
fn contained(alert: &Alert) -> (Contained, Option<String>) {
    let found = attempt(|| {
        let source = AlertSource::of(alert)?;
        Ok((source.issued(alert)?, source.departures(alert)?, source.issuers()?))
    });
    let (issued, departures, issuers, failure) = match found {
        Ok((issued, departures, issuers)) => (Some(issued), departures, issuers, None),
        Err(failure) => {
            let departures = alert.departure_keys().into_iter().map(Caller::of_key).collect();
            (None, departures, Vec::new(), Some(failure.message()))
        }
    };
    let is_cut = alert.has_more_identities || departures.len() > MOST_CALLERS || issuers.len() > MOST_CALLERS;
    (Contained { arrivals: alert.callers(), departures, issuers, is_cut, issued }, failure)
}
