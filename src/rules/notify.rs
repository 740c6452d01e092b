//! `NOTIFY travel_alerts`, which listeners get when the step commits.

use super::progress::Progress;
use super::write::RaisedAlert;
use crate::pg::spi::{self, Argument};
use serde_json::{Value, json};

/// More than so many alerts of one scan are told of in one notification.
const NOTIFIED: i64 = 20;

/// Tells of the alerts that a step raised, while they are few. Any role can listen: nothing of the entity is said.
pub fn tell(rule: &str, progress: &mut Progress, raised: &[RaisedAlert]) {
    progress.count_raised(rule, raised.len(), raised.iter().map(|alert| alert.severity).max());
    if progress.raised <= NOTIFIED {
        for alert in raised {
            notify(&json!({"id": alert.id, "rule": rule, "severity": alert.severity.into_str()}));
        }
    }
}

/// At the end of a pass: where they were many, how many.
pub fn tell_of_many(rule: &str, progress: &Progress) {
    if progress.raised > NOTIFIED {
        let severity = progress.highest.map(|severity| severity.into_str());
        notify(&json!({"rule": rule, "alerts": progress.raised, "severity": severity}));
    }
}

fn notify(what: &Value) {
    spi::select("SELECT pg_catalog.pg_notify('travel_alerts', $1)", &[Argument::text(&what.to_string())]);
}
