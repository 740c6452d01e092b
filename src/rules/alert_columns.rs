//! An incident as a row of travel.alerts.

use super::verdict_columns::RowColumns;
use crate::pg::time::utc;
use serde_json::json;
use std::borrow::Cow;
use travel_core::rule::{Incident, Micros, Template, signal};

/// What an alert shows besides its incident.
#[derive(Clone, Debug)]
pub struct AlertContext<'a> {
    /// The name of the rule.
    pub rule: Cow<'a, str>,
    /// The template of the message. `None` for the sentence of the first leg.
    pub message: Option<Cow<'a, str>>,
    pub geoip_built_at: Option<Micros>,
    /// `None` if the alert is not stored.
    pub id: Option<i64>,
}

/// The row of an alert: its first leg, the incident, and the signal and message made of both.
pub fn alert_columns(context: &AlertContext, incident: &Incident, first_leg: RowColumns) -> RowColumns {
    let mut row = first_leg;
    let evidence: Vec<&str> = incident.evidence.iter().map(|evidence| evidence.into_str()).collect();
    let own = [
        ("id", json!(context.id)),
        ("rule", json!(context.rule)),
        ("severity", json!(incident.severity.into_str())),
        ("first_seen", json!(utc(incident.first_seen))),
        ("last_seen", json!(utc(incident.last_seen))),
        ("leg_count", json!(incident.legs.len())),
        ("evidence", json!(evidence)),
        ("geoip_built_at", json!(context.geoip_built_at.map(utc))),
    ];
    row.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let signal = signal::signal(&row);
    if let Some(template) = &context.message {
        let message = signal::message(&Template::parse(template), &row);
        row.insert("message".to_owned(), json!(message));
    }
    row.insert("signal".to_owned(), signal);
    row
}
