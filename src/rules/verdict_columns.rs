//! A verdict as a row of travel.verdicts.

use crate::pg::time::utc;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use travel_core::columns::{End, FINDING, LegMeasure, PlaceField, ValueOf};
use travel_core::journey::Measure;
use travel_core::message::{Credential, LegEnd, Sentence, message, travel_time};
use travel_core::rule::{EvaluatedEvent, Verdict};

/// The columns of a row by name.
pub type RowColumns = Map<String, Value>;

/// The row of a verdict, without the alert that it belongs to.
pub fn verdict_columns(rule: &str, verdict: &Verdict) -> RowColumns {
    let mut row = RowColumns::new();
    row.insert("rule".to_owned(), json!(rule));
    row.insert("raised".to_owned(), json!(verdict.is_raised()));
    row.insert("reasons".to_owned(), verdict.reasons.iter().map(|reason| json!(reason.into_str())).collect());
    row.insert("suppression_ids".to_owned(), json!(verdict.suppressions));
    row.insert("network_names".to_owned(), verdict.networks.iter().map(|name| json!(**name)).collect());
    row.extend(FINDING.iter().map(|column| (column.name.to_owned(), value(verdict, column.value))));
    row
}

/// The value of a column of a finding.
fn value(verdict: &Verdict, of: ValueOf) -> Value {
    let at = |end| match end {
        End::From => verdict.leg.from.event,
        End::To => verdict.leg.to.event,
    };
    match of {
        ValueOf::LegId => json!(verdict.leg_id),
        ValueOf::Entity => json!(&*at(End::To).entity),
        ValueOf::Arrival(label) => text(at(End::To).label(label)),
        ValueOf::Label(end, label) => text(at(end).label(label)),
        ValueOf::Time(end) => json!(utc(at(end).time)),
        ValueOf::Address(end) => json!(at(end).site.address().map(|host| host.to_string())),
        ValueOf::Place(end, field) => place_value(at(end), field),
        ValueOf::Measure(measure) => measure_value(&verdict.measure, measure),
        ValueOf::TravelTime => json!(travel_time(verdict.measure.elapsed_seconds)),
        ValueOf::Message => json!(sentence(verdict)),
    }
}

fn place_value(event: &EvaluatedEvent, field: PlaceField) -> Value {
    let details = &event.details;
    match field {
        PlaceField::City => text(event.city.as_ref()),
        PlaceField::Subdivision => text(event.subdivision.as_ref()),
        PlaceField::Country => text(details.country.as_ref()),
        PlaceField::CountryCode => text(event.country_code.as_ref()),
        PlaceField::Latitude => json!(event.coordinates.latitude()),
        PlaceField::Longitude => json!(event.coordinates.longitude()),
        PlaceField::AccuracyKm => json!(event.accuracy_km),
        PlaceField::Asn => json!(event.asn),
        PlaceField::AsOrganization => text(details.as_organization.as_ref()),
        PlaceField::Hosting => text(details.hosting.as_ref()),
        PlaceField::Anonymizer => json!(event.anonymizer.map(|anonymizer| anonymizer.into_str())),
        PlaceField::Carrier => json!(event.carrier.map(|carrier| carrier.into_str())),
    }
}

fn measure_value(measure: &Measure, column: LegMeasure) -> Value {
    match column {
        LegMeasure::DistanceKm => json!(measure.distance_km),
        LegMeasure::EffectiveDistanceKm => json!(measure.effective_distance_km),
        LegMeasure::ElapsedSeconds => json!(measure.elapsed_seconds),
        LegMeasure::VelocityKmh => json!(measure.velocity_kmh),
        LegMeasure::Impossible => json!(measure.impossible),
    }
}

fn sentence(verdict: &Verdict) -> String {
    let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
    message(&Sentence {
        entity: &to.entity,
        from_credential: credential(from),
        to_credential: credential(to),
        from: leg_end(from),
        to: leg_end(to),
        elapsed_seconds: verdict.measure.elapsed_seconds,
        distance_km: verdict.measure.distance_km,
        velocity_kmh: verdict.measure.velocity_kmh,
        impossible: verdict.measure.impossible,
    })
}

fn credential(event: &EvaluatedEvent) -> Credential<'_> {
    Credential::new(
        event.access_key_id.as_deref(),
        event.identity_type.as_deref(),
        event.details.session_name.as_deref().or(event.details.user_name.as_deref()),
    )
}

fn leg_end(event: &EvaluatedEvent) -> LegEnd<'_> {
    LegEnd {
        city: event.city.as_deref(),
        country: event.details.country.as_deref(),
        latitude: event.coordinates.latitude(),
        longitude: event.coordinates.longitude(),
    }
}

fn text(value: Option<&Arc<str>>) -> Value {
    json!(value.map(AsRef::<str>::as_ref))
}
