//! A verdict as columns of travel.verdicts.

use crate::pg::errors::{TravelError, UsageError};
use crate::pg::row::{RowType, RowWriter};
use crate::pg::table;
use crate::pg::time::utc;
use crate::pg::types::Type;
use pgrx::pg_sys;
use serde_json::{Map, Value, json};
use travel_core::columns::{End, FINDING, LegMeasure, PlaceField, ValueOf};
use travel_core::journey::Measure;
use travel_core::message::{Credential, LegEnd, Sentence, message, travel_time};
use travel_core::rule::{EvaluatedEvent, Verdict};

/// The columns of a row by name.
pub type RowColumns = Map<String, Value>;

/// A leg over the thresholds, from which the columns of `travel.finding` follow.
#[derive(Clone, Copy)]
pub struct Finding<'f> {
    pub leg_id: &'f str,
    pub from: &'f EvaluatedEvent,
    pub to: &'f EvaluatedEvent,
    pub measure: &'f Measure,
}

/// A row of `travel.finding`.
type FindingRow = RowWriter<{ FINDING.len() }>;

/// The types of its columns.
pub fn finding_types() -> impl Iterator<Item = Type> {
    FINDING.iter().map(|column| Type::from(column.column_type))
}

/// Returns the OID of the type `travel.finding`.
pub fn finding_type() -> Result<pg_sys::Oid, TravelError> {
    let relation = table::oid(c"finding").ok_or(UsageError::ExtensionDropped)?;
    // SAFETY: a look-up in the catalogs.
    Ok(unsafe { pg_sys::get_rel_type_id(relation) })
}

/// Returns the OID of the type `travel.finding[]`.
pub fn finding_array() -> Result<pg_sys::Oid, TravelError> {
    // SAFETY: a look-up in the catalogs.
    Ok(unsafe { pg_sys::get_array_type(finding_type()?) })
}

impl<'f> Finding<'f> {
    pub fn of(verdict: &'f Verdict) -> Self {
        let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
        Self { leg_id: &verdict.leg_id, from, to, measure: &verdict.measure }
    }

    /// The columns as JSON, by name.
    pub fn columns(self) -> impl Iterator<Item = (String, Value)> {
        FINDING.iter().map(move |column| (column.name.to_owned(), self.value(column.value)))
    }

    /// The finding as a value of `travel.finding`, in the current memory context.
    pub fn row(self, row_type: RowType) -> Result<pg_sys::Datum, TravelError> {
        let mut row = FindingRow::new();
        for column in &FINDING {
            self.write(&mut row, column.value);
        }
        row.finish(row_type)
    }

    fn at(self, end: End) -> &'f EvaluatedEvent {
        match end {
            End::From => self.from,
            End::To => self.to,
        }
    }

    fn value(self, of: ValueOf) -> Value {
        match of {
            ValueOf::LegId => json!(self.leg_id),
            ValueOf::Entity => json!(&*self.to.entity),
            ValueOf::Arrival(label) => text(self.to.label(label)),
            ValueOf::Label(end, label) => text(self.at(end).label(label)),
            ValueOf::Time(end) => json!(utc(self.at(end).time)),
            ValueOf::Address(end) => json!(self.at(end).site.address().map(|host| host.to_string())),
            ValueOf::Place(end, field) => place_value(self.at(end), field),
            ValueOf::Measure(measure) => measure_value(self.measure, measure),
            ValueOf::TravelTime => json!(travel_time(self.measure.elapsed_seconds)),
            ValueOf::Message => json!(self.sentence()),
        }
    }

    fn write(self, row: &mut FindingRow, of: ValueOf) {
        match of {
            ValueOf::LegId => row.text(Some(self.leg_id)),
            ValueOf::Entity => row.text(Some(&self.to.entity)),
            ValueOf::Arrival(label) => row.text(self.to.label(label)),
            ValueOf::Label(end, label) => row.text(self.at(end).label(label)),
            ValueOf::Time(end) => row.timestamp(Some(self.at(end).time)),
            ValueOf::Address(end) => row.host(self.at(end).site.address()),
            ValueOf::Place(end, field) => write_place(row, self.at(end), field),
            ValueOf::Measure(measure) => write_measure(row, self.measure, measure),
            ValueOf::TravelTime => row.text(Some(&travel_time(self.measure.elapsed_seconds))),
            ValueOf::Message => row.text(Some(&self.sentence())),
        }
    }

    fn sentence(self) -> String {
        let Self { from, to, measure, .. } = self;
        message(&Sentence {
            entity: &to.entity,
            from_credential: credential(from),
            to_credential: credential(to),
            from: leg_end(from),
            to: leg_end(to),
            elapsed_seconds: measure.elapsed_seconds,
            distance_km: measure.distance_km,
            velocity_kmh: measure.velocity_kmh,
            impossible: measure.impossible,
        })
    }
}

/// The row of a verdict, without the alert that it belongs to.
pub fn verdict_columns(rule: &str, verdict: &Verdict) -> RowColumns {
    let mut row = RowColumns::new();
    row.insert("rule".to_owned(), json!(rule));
    row.insert("raised".to_owned(), json!(verdict.is_raised()));
    row.insert("reasons".to_owned(), verdict.reasons.iter().map(|reason| json!(reason.into_str())).collect());
    row.insert("suppression_ids".to_owned(), json!(verdict.suppressions));
    row.insert("network_names".to_owned(), verdict.networks.iter().map(|name| json!(**name)).collect());
    row.extend(Finding::of(verdict).columns());
    row
}

fn place_value(event: &EvaluatedEvent, field: PlaceField) -> Value {
    let details = &event.details;
    match field {
        PlaceField::City => text(event.city.as_deref()),
        PlaceField::Subdivision => text(event.subdivision.as_deref()),
        PlaceField::Country => text(details.country.as_deref()),
        PlaceField::CountryCode => text(event.country_code.as_deref()),
        PlaceField::Latitude => json!(event.coordinates.latitude()),
        PlaceField::Longitude => json!(event.coordinates.longitude()),
        PlaceField::AccuracyKm => json!(event.accuracy_km),
        PlaceField::Asn => json!(event.asn),
        PlaceField::AsOrganization => text(details.as_organization.as_deref()),
        PlaceField::Hosting => text(details.hosting.as_deref()),
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

fn write_place(row: &mut FindingRow, event: &EvaluatedEvent, field: PlaceField) {
    let details = &event.details;
    match field {
        PlaceField::City => row.text(event.city.as_deref()),
        PlaceField::Subdivision => row.text(event.subdivision.as_deref()),
        PlaceField::Country => row.text(details.country.as_deref()),
        PlaceField::CountryCode => row.text(event.country_code.as_deref()),
        PlaceField::Latitude => row.f64(Some(event.coordinates.latitude())),
        PlaceField::Longitude => row.f64(Some(event.coordinates.longitude())),
        PlaceField::AccuracyKm => row.f64(event.accuracy_km),
        PlaceField::Asn => row.i64(event.asn),
        PlaceField::AsOrganization => row.text(details.as_organization.as_deref()),
        PlaceField::Hosting => row.text(details.hosting.as_deref()),
        PlaceField::Anonymizer => row.text(event.anonymizer.map(|anonymizer| anonymizer.into_str())),
        PlaceField::Carrier => row.text(event.carrier.map(|carrier| carrier.into_str())),
    }
}

fn write_measure(row: &mut FindingRow, measure: &Measure, column: LegMeasure) {
    match column {
        LegMeasure::DistanceKm => row.f64(Some(measure.distance_km)),
        LegMeasure::EffectiveDistanceKm => row.f64(Some(measure.effective_distance_km)),
        LegMeasure::ElapsedSeconds => row.f64(Some(measure.elapsed_seconds)),
        LegMeasure::VelocityKmh => row.f64(measure.velocity_kmh),
        LegMeasure::Impossible => row.bool(Some(measure.impossible)),
    }
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

fn text(value: Option<&str>) -> Value {
    json!(value)
}
