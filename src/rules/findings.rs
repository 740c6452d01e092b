//! A verdict as the columns of travel.verdicts.

use crate::pg::time::utc;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use travel_core::message::{LegEnd, Sentence, message, travel_time};
use travel_core::rule::{EvaluatedEvent, Verdict};

/// A row, by the names of its columns.
pub type VerdictColumns = Map<String, Value>;

/// The row of a verdict, but for its alert.
pub fn verdict(rule: &str, verdict: &Verdict) -> VerdictColumns {
    let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
    let measure = &verdict.measure;
    let mut row = VerdictColumns::new();
    let mut put = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    put("rule", json!(rule));
    put("raised", json!(verdict.is_raised()));
    put("reasons", verdict.reasons.iter().map(|reason| json!(reason.as_str())).collect());
    put("leg_id", json!(verdict.leg_id));
    put("entity", json!(&*to.entity));
    let details = &to.details;
    let of_arrival = [
        ("account_id", &details.account_id),
        ("identity_type", &to.identity_type),
        ("principal", &details.principal),
        ("actor", &details.actor),
        ("session_name", &details.session_name),
        ("user_name", &details.user_name),
        ("arn", &details.arn),
        ("access_key_id", &to.access_key_id),
    ];
    for (name, value) in of_arrival {
        put(name, text(value));
    }
    for (end, event) in [("from", from), ("to", to)] {
        for (name, value) in end_columns(event) {
            put(&format!("{end}_{name}"), value);
        }
    }
    put("distance_km", json!(measure.distance_km));
    put("effective_distance_km", json!(measure.effective_distance_km));
    put("elapsed_seconds", json!(measure.elapsed_seconds));
    put("velocity_kmh", json!(measure.velocity_kmh));
    put("impossible", json!(measure.impossible));
    put("travel_time", json!(travel_time(measure.elapsed_seconds)));
    put("message", json!(sentence(verdict)));
    row
}

fn end_columns(event: &EvaluatedEvent) -> [(&'static str, Value); 22] {
    let details = &event.details;
    [
        ("time", json!(utc(event.time))),
        ("ip", json!(event.site.address().map(|host| host.to_string()))),
        ("event_id", text(&event.event_id)),
        ("city", text(&event.city)),
        ("subdivision", text(&event.subdivision)),
        ("country", text(&details.country)),
        ("country_code", text(&event.country_code)),
        ("latitude", json!(event.coordinates.latitude())),
        ("longitude", json!(event.coordinates.longitude())),
        ("accuracy_km", json!(event.accuracy_km)),
        ("asn", json!(event.asn)),
        ("as_organization", text(&details.as_organization)),
        ("hosting", text(&details.hosting)),
        ("anonymizer", json!(event.anonymizer.map(|anonymizer| anonymizer.as_str()))),
        ("carrier", json!(event.carrier.map(|carrier| carrier.as_str()))),
        ("event_name", text(&event.event_name)),
        ("event_source", text(&details.event_source)),
        ("aws_region", text(&details.aws_region)),
        ("access_key_id", text(&event.access_key_id)),
        ("user_agent", text(&event.user_agent)),
        ("outcome", text(&event.outcome)),
        ("error_code", text(&details.error_code)),
    ]
}

fn sentence(verdict: &Verdict) -> String {
    let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
    message(&Sentence {
        entity: &to.entity,
        access_key_id: to.access_key_id.as_deref(),
        identity_type: to.identity_type.as_deref(),
        session_name: to.details.session_name.as_deref().or(to.details.user_name.as_deref()),
        from: leg_end(from),
        to: leg_end(to),
        elapsed_seconds: verdict.measure.elapsed_seconds,
        distance_km: verdict.measure.distance_km,
        velocity_kmh: verdict.measure.velocity_kmh,
        impossible: verdict.measure.impossible,
    })
}

fn leg_end(event: &EvaluatedEvent) -> LegEnd<'_> {
    LegEnd {
        city: event.city.as_deref(),
        country: event.details.country.as_deref(),
        latitude: event.coordinates.latitude(),
        longitude: event.coordinates.longitude(),
    }
}

fn text(value: &Option<Arc<str>>) -> Value {
    json!(value.as_deref())
}
