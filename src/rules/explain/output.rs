//! The rows of the result: each row of the entity, joined with its evaluation and with the stored verdict.

use super::entity_rows::{EntityRow, Status};
use super::evaluation::{EntityEvaluation, Explained, ExplainedLeg, PresentVerdict};
use super::named_rows::NamedRows;
use super::stored::{StoredVerdict, StoredVerdicts};
use super::words::{self, Facts, LegWords};
use crate::pg::function::f64_datum;
use crate::pg::memory::{Scratch, varlena};
use crate::pg::srf::RowSet;
use crate::pg::{array, inet};
use pgrx::pg_sys;
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::rule::{Micros, Rule};

pub struct Output<'a> {
    pub rule: &'a Rule,
    pub stored: StoredVerdicts,
    pub named: &'a NamedRows,
    pub pruned_before: Option<Micros>,
    /// How many rows were written.
    pub count: u64,
    /// Memory for the values of a row.
    pub scratch: Scratch,
}

/// A row of the result.
#[derive(Default)]
struct OutputRow {
    time: Micros,
    event_id: Option<Arc<str>>,
    event_name: Option<Arc<str>>,
    address: Option<IpAddr>,
    city: Option<Arc<str>>,
    country_code: Option<Arc<str>>,
    status: &'static str,
    from_time: Option<Micros>,
    from_city: Option<Arc<str>>,
    distance_km: Option<f64>,
    effective_distance_km: Option<f64>,
    elapsed_seconds: Option<f64>,
    velocity_kmh: Option<f64>,
    impossible: Option<bool>,
    raised: Option<bool>,
    reasons: Option<Vec<String>>,
    causes: Option<Vec<String>>,
    alert_id: Option<i64>,
    explanation: String,
    leg_id: Option<String>,
}

impl Output<'_> {
    /// Writes the rows of the entity before a time, and the verdicts whose events are not among them.
    pub fn write(
        &mut self,
        rows: Vec<EntityRow>,
        evaluation: &mut EntityEvaluation,
        before: Micros,
        result: &mut RowSet,
    ) {
        for mut row in rows {
            let explained = match (&row.event, row.status) {
                (Some(event), Status::Evaluated) => evaluation.take(event),
                _ => None,
            };
            if explained.is_none()
                && row.status == Status::Evaluated
                && row.event.as_ref().is_some_and(|event| evaluation.has_seen(event))
            {
                row.status = Status::Duplicate;
            }
            let stored = match &explained {
                Some(Explained { event, .. }) => {
                    self.write_missing(event.time, result);
                    self.stored.take(event.time, event.site)
                }
                None => None,
            };
            let output = match explained {
                Some(explained) => self.evaluated(&row, explained, stored),
                None => not_evaluated(row),
            };
            self.push(output, result);
        }
        self.write_missing(before, result);
        evaluation.clear();
    }

    /// Writes the verdicts on legs that arrive before a time, whose events the source no longer has.
    fn write_missing(&mut self, before: Micros, result: &mut RowSet) {
        for (time, stored) in self.stored.take_before(before) {
            let facts = Facts {
                rule: self.rule,
                named: self.named,
                from: None,
                to: None,
                known: None,
                suppressions: &stored.suppression_ids,
                networks: &stored.networks(),
            };
            let mut output = OutputRow {
                time,
                event_id: shared(&stored.to_event_id),
                event_name: shared(&stored.to_event_name),
                address: stored.to_address,
                city: shared(&stored.to_city),
                country_code: shared(&stored.to_country_code),
                status: Status::Missing.into_str(),
                ..OutputRow::default()
            };
            let verdict = show_stored(&mut output, &stored, &facts);
            output.explanation = format!("The source no longer has the event as it was evaluated. {verdict}");
            self.push(output, result);
        }
    }

    /// The row of an event that the rule evaluates.
    fn evaluated(&self, row: &EntityRow, explained: Explained, stored: Option<StoredVerdict>) -> OutputRow {
        let Explained { event, class, leg, has_earlier, known } = explained;
        let mut output = OutputRow {
            time: event.time,
            event_id: event.event_id.clone(),
            event_name: event.event_name.clone(),
            address: row.address,
            city: event.city.clone(),
            country_code: event.country_code.clone(),
            status: row.status.into_str(),
            ..OutputRow::default()
        };
        let networks: Vec<Arc<str>>;
        let present = leg.as_ref().and_then(|leg| leg.verdict.as_ref());
        let suppressions: &[i64] = match (&stored, present) {
            (Some(stored), _) => {
                networks = stored.networks();
                &stored.suppression_ids
            }
            (None, Some(present)) => {
                networks = present.networks.iter().cloned().collect();
                &present.suppressions
            }
            (None, None) => {
                networks = Vec::new();
                &[]
            }
        };
        let facts = Facts {
            rule: self.rule,
            named: self.named,
            from: leg.as_ref().map(|leg| &leg.from),
            to: Some(&event),
            known: known.as_ref(),
            suppressions,
            networks: &networks,
        };
        let is_impossible = stored.is_some() || leg.as_ref().is_some_and(|leg| leg.measure.impossible);
        let mut sentences = Vec::new();
        if row.is_unread {
            sentences.push("No scan has read this event yet.".to_owned());
        }
        match (&stored, &leg) {
            (Some(stored), _) => sentences.push(show_stored(&mut output, stored, &facts)),
            (None, Some(leg)) => sentences.push(self.show_leg(&mut output, leg, row.is_unread, &facts)),
            (None, None) if has_earlier => {
                sentences.push("No leg: the address is that of the event before.".to_owned());
            }
            (None, None) => sentences.push("No leg: the entity has no earlier located event.".to_owned()),
        }
        sentences.extend(words::knowledge(known.as_ref(), self.named, is_impossible));
        sentences.extend(words::why_passing(&class, &event));
        output.explanation = sentences.join(" ");
        output
    }

    /// Shows a leg on which no verdict is stored, and returns its explanation.
    fn show_leg(&self, output: &mut OutputRow, leg: &ExplainedLeg, is_unread: bool, facts: &Facts) -> String {
        let measure = &leg.measure;
        output.leg_id = Some(leg.id.clone());
        output.from_time = Some(leg.from.time);
        output.from_city.clone_from(&leg.from.city);
        output.distance_km = Some(measure.distance_km);
        output.effective_distance_km = Some(measure.effective_distance_km);
        output.elapsed_seconds = Some(measure.elapsed_seconds);
        output.velocity_kmh = measure.velocity_kmh;
        output.impossible = Some(false);
        let words = LegWords {
            from_city: leg.from.city.as_deref(),
            from_country_code: leg.from.country_code.as_deref(),
            distance_km: measure.distance_km,
            effective_distance_km: measure.effective_distance_km,
            elapsed_seconds: measure.elapsed_seconds,
            velocity_kmh: measure.velocity_kmh,
        };
        let Some(verdict) = &leg.verdict else {
            return format!("Possible: {}; {}.", words.text(), words.why_possible(self.rule));
        };
        let is_pruned = self.pruned_before.is_some_and(|before| output.time < before);
        if !is_unread && !is_pruned {
            return format!(
                "Impossible by the present settings, networks and location data, but not when a scan evaluated it: {}. A \
                 rescan would evaluate it again.",
                words.text()
            );
        }
        output.impossible = Some(true);
        let (then, will) = if is_unread {
            ("Impossible", "the next scan")
        } else {
            ("Impossible; the verdict was pruned", "a scan by the present settings")
        };
        let causes = show_present(output, verdict, facts);
        match &causes[..] {
            [] => format!("{then}: {}. By what is known now, {will} would raise it.", words.text()),
            causes => format!(
                "{then}: {}. By what is known now, {will} would not raise it: {}.",
                words.text(),
                causes.join("; ")
            ),
        }
    }

    fn push(&mut self, row: OutputRow, result: &mut RowSet) {
        self.count += 1;
        self.scratch.within(|| push(row, result));
        self.scratch.reset();
    }
}

/// Adds a row to the result. Its values are in the current memory context, from which the result copies them.
fn push(row: OutputRow, result: &mut RowSet) {
    let text = |text: Option<&str>| text.map(|text| varlena(text.as_bytes()));
    let texts = |texts: Option<Vec<String>>| texts.map(|texts| array::of_texts(&texts));
    let boolean = |value: Option<bool>| value.map(pg_sys::Datum::from);
    result.push([
        Some(pg_sys::Datum::from(row.time)),
        text(row.event_id.as_deref()),
        text(row.event_name.as_deref()),
        row.address.map(inet::host),
        text(row.city.as_deref()),
        text(row.country_code.as_deref()),
        text(Some(row.status)),
        row.from_time.map(pg_sys::Datum::from),
        text(row.from_city.as_deref()),
        row.distance_km.map(f64_datum),
        row.effective_distance_km.map(f64_datum),
        row.elapsed_seconds.map(f64_datum),
        row.velocity_kmh.map(f64_datum),
        boolean(row.impossible),
        boolean(row.raised),
        texts(row.reasons),
        texts(row.causes),
        row.alert_id.map(pg_sys::Datum::from),
        text(Some(&row.explanation)),
        text(row.leg_id.as_deref()),
    ]);
}

/// The row of an event that the rule does not evaluate.
fn not_evaluated(row: EntityRow) -> OutputRow {
    let place = row.event.as_ref();
    let mut explanation = words::why_no_leg(&row);
    if row.is_unread {
        explanation.insert_str(0, "No scan has read this event yet. ");
    }
    OutputRow {
        time: row.time,
        address: row.address,
        city: place.and_then(|event| event.city.clone()),
        country_code: place.and_then(|event| event.country_code.clone()),
        status: row.status.into_str(),
        event_id: row.event_id,
        event_name: row.event_name,
        explanation,
        ..OutputRow::default()
    }
}

/// Shows a stored verdict and its leg, and returns its explanation.
fn show_stored(output: &mut OutputRow, stored: &StoredVerdict, facts: &Facts) -> String {
    output.leg_id = Some(stored.leg_id.clone());
    output.from_time = stored.from_time;
    output.from_city = shared(&stored.from_city);
    output.distance_km = Some(stored.distance_km);
    output.effective_distance_km = Some(stored.effective_distance_km);
    output.elapsed_seconds = Some(stored.elapsed_seconds);
    output.velocity_kmh = stored.velocity_kmh;
    output.impossible = Some(true);
    output.raised = Some(stored.raised);
    output.alert_id = stored.alert_id;
    let reasons: Vec<&str> = stored.reasons.iter().map(String::as_str).collect();
    let causes = words::causes(&reasons, facts);
    output.reasons = Some(stored.reasons.clone());
    output.causes = Some(causes.clone());
    let leg = LegWords {
        from_city: stored.from_city.as_deref(),
        from_country_code: stored.from_country_code.as_deref(),
        distance_km: stored.distance_km,
        effective_distance_km: stored.effective_distance_km,
        elapsed_seconds: stored.elapsed_seconds,
        velocity_kmh: stored.velocity_kmh,
    }
    .text();
    match stored.alert_id {
        Some(alert) => format!("Impossible, raised in alert {alert}: {leg}."),
        None => format!("Impossible, not raised: {leg}. The causes are: {}.", causes.join("; ")),
    }
}

/// Shows the reasons of a verdict that is not stored, and returns their causes.
fn show_present(output: &mut OutputRow, verdict: &PresentVerdict, facts: &Facts) -> Vec<String> {
    let reasons: Vec<&str> = verdict.reasons.iter().map(|reason| reason.into_str()).collect();
    let causes = words::causes(&reasons, facts);
    output.reasons = Some(reasons.iter().map(|reason| (*reason).to_owned()).collect());
    output.causes = Some(causes.clone());
    causes
}

fn shared(text: &Option<String>) -> Option<Arc<str>> {
    text.as_deref().map(Arc::from)
}
