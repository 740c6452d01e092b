//! `NOTIFY travel_alerts`: notifications about new alerts, which listeners receive when the step commits.

use super::progress::Progress;
use super::write::RaisedAlert;
use crate::pg::spi::{self, Argument};
use serde_json::{Value, json};

/// If one pass raises more alerts than this, one notification announces all of them.
const NOTIFIED: i64 = 20;

/// Counts the alerts that a step raised, and announces each while they are few. Any role can listen, so a notification
/// contains nothing about the entity.
pub fn tell(rule: &str, progress: &mut Progress, raised: &[RaisedAlert]) {
    progress.count_raised(rule, raised.len(), raised.iter().map(|alert| alert.severity).max());
    if progress.raised <= NOTIFIED {
        for alert in raised {
            notify(&json!({"id": alert.id, "rule": rule, "severity": alert.severity.into_str()}));
        }
    }
}

/// Announces at the end of a pass how many alerts it raised, if they were too many to announce one by one.
pub fn tell_of_many(rule: &str, progress: &Progress) {
    if progress.raised > NOTIFIED {
        let severity = progress.highest.map(|severity| severity.into_str());
        notify(&json!({"rule": rule, "alerts": progress.raised, "severity": severity}));
    }
}

fn notify(what: &Value) {
    spi::select("SELECT pg_catalog.pg_notify('travel_alerts', $1)", &[Argument::text(&what.to_string())]);
}
