//! The rows of the result: each row of the entity, joined with its evaluation and with the stored verdict.

use super::ends::End;
use super::entity_rows::{EntityRow, EntityRows, Status};
use super::evaluation::{EntityEvaluation, Explained, ExplainedLeg};
use super::named_rows::NamedRows;
use super::stored::{StoredVerdict, StoredVerdicts};
use super::words::{self, Facts, LegWords};
use crate::pg::errors::TravelError;
use crate::pg::function::f64_datum;
use crate::pg::memory::{Scratch, varlena};
use crate::pg::srf::RowSet;
use crate::pg::{array, inet};
use crate::rules::reader::Reader;
use pgrx::pg_sys;
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::hidden::visible;
use travel_core::message::LegEnd;
use travel_core::rule::{EvaluatedEvent, EventId, KnownBefore, Micros, Rule};

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
    event_id: Option<EventId>,
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
        rows: &mut EntityRows,
        reader: &mut Reader,
        evaluation: &mut EntityEvaluation,
        before: Micros,
        result: &mut RowSet,
    ) -> Result<(), TravelError> {
        while let Some(portion) = rows.next_before(before, reader)? {
            for row in portion {
                pgrx::check_for_interrupts!();
                self.write_row(row, rows, reader, evaluation, result)?;
            }
        }
        while let Some((time, stored)) = self.stored.take_earlier(before)? {
            pgrx::check_for_interrupts!();
            self.write_missing(time, &stored, result)?;
        }
        evaluation.clear();
        Ok(())
    }

    fn write_row(
        &mut self,
        mut row: EntityRow,
        rows: &EntityRows,
        reader: &mut Reader,
        evaluation: &mut EntityEvaluation,
        result: &mut RowSet,
    ) -> Result<(), TravelError> {
        let event = row.event.as_ref().filter(|_| row.status == Status::Evaluated);
        let explained = event.and_then(|event| evaluation.take(event));
        if explained.is_none() && event.is_some_and(|event| evaluation.has_seen(event)) {
            row.status = Status::Duplicate;
        }
        while let Some((time, missing)) = self.stored.take_before(row.time, row.site())? {
            self.write_missing(time, &missing, result)?;
        }
        let stored = match &explained {
            Some(Explained { event, .. }) => self.stored.take(event.time, event.site)?,
            None => None,
        };
        let output = match explained {
            Some(explained) => {
                // What a scan would do with the leg depends on whether one has read the event at its start.
                let mut is_start_unread = || match explained.start {
                    Some((time, site)) if !row.is_unread => rows.is_unread(time, site, reader),
                    _ => Ok(false),
                };
                self.evaluated(&row, &explained, stored, &mut is_start_unread)?
            }
            None => not_evaluated(row),
        };
        self.push(output, result);
        Ok(())
    }

    /// Writes the verdict on a leg that arrives at an event which the source no longer has.
    fn write_missing(
        &mut self,
        time: Micros,
        stored: &StoredVerdict,
        result: &mut RowSet,
    ) -> Result<(), TravelError> {
        let mut output = OutputRow {
            time,
            event_id: stored.to_event_id.clone(),
            event_name: stored.to_event_name.clone(),
            address: stored.to.address,
            city: stored.to.city.clone(),
            country_code: stored.to.country_code.clone(),
            status: Status::Missing.into_str(),
            ..OutputRow::default()
        };
        let verdict = self.show_stored(&mut output, stored, None)?;
        output.explanation = format!("The source no longer has the event as it was evaluated. {verdict}");
        self.push(output, result);
        Ok(())
    }

    /// The row of an event that the rule evaluates. `is_start_unread` says whether no scan has read the event from which
    /// a leg to it would start.
    fn evaluated(
        &self,
        row: &EntityRow,
        explained: &Explained,
        stored: Option<StoredVerdict>,
        is_start_unread: &mut dyn FnMut() -> Result<bool, TravelError>,
    ) -> Result<OutputRow, TravelError> {
        let Explained { event, class, leg, start, known } = explained;
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
        let mut sentences = Vec::new();
        if row.is_unread {
            sentences.push("No scan has read this event yet.".to_owned());
        }
        // The baseline's knowledge of the start is about the leg that arrives now.
        let mut with_start = leg.as_ref().is_some_and(|leg| leg.measure.impossible);
        match (&stored, leg) {
            (Some(stored), leg) => {
                sentences.push(self.show_stored(&mut output, stored, known.as_ref())?);
                with_start = leg.as_ref().is_some_and(|leg| leg.id == stored.leg_id);
                if !with_start {
                    sentences.push(if is_start_unread()? {
                        "An event that no scan has read yet changes this leg, so the next scan evaluates it again."
                            .to_owned()
                    } else {
                        "By the present settings, networks and events, there is no such leg, so a rescan would delete \
                         the verdict."
                            .to_owned()
                    });
                }
            }
            (None, Some(leg)) => {
                let is_pending = row.is_unread || (leg.verdict.is_some() && is_start_unread()?);
                sentences.push(self.show_leg(&mut output, event, leg, known.as_ref(), is_pending)?);
            }
            (None, None) => sentences.push(words::no_leg(*start)),
        }
        let causes = output.causes.as_deref().unwrap_or_default();
        sentences.extend(words::knowledge(known.as_ref(), self.named, with_start, causes));
        sentences.extend(words::why_passing(class, event));
        output.explanation = sentences.join(" ");
        Ok(output)
    }

    /// Shows a leg on which no verdict is stored, and returns its explanation. `is_pending`: the next scan evaluates it.
    fn show_leg(
        &self,
        output: &mut OutputRow,
        to: &EvaluatedEvent,
        leg: &ExplainedLeg,
        known: Option<&KnownBefore>,
        is_pending: bool,
    ) -> Result<String, TravelError> {
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
            from: LegEnd {
                city: leg.from.city.as_deref(),
                country: leg.from.country_code.as_deref(),
                latitude: leg.from.coordinates.latitude(),
                longitude: leg.from.coordinates.longitude(),
            },
            distance_km: measure.distance_km,
            effective_distance_km: measure.effective_distance_km,
            elapsed_seconds: measure.elapsed_seconds,
            velocity_kmh: measure.velocity_kmh,
        };
        let Some(verdict) = &leg.verdict else {
            return Ok(format!("Possible: {}; {}.", words.text(), words.why_possible(self.rule)));
        };
        let is_pruned = self.pruned_before.is_some_and(|before| output.time < before);
        if !is_pending && !is_pruned {
            return Ok(format!(
                "Impossible by the present settings, networks and location data, but not when a scan evaluated it: {}. A \
                 rescan would evaluate it again.",
                words.text()
            ));
        }
        output.impossible = Some(true);
        let (then, will) = if is_pending {
            ("Impossible", "the next scan")
        } else {
            ("Impossible; the verdict was pruned", "a scan with the present settings")
        };
        let learn = self.rule.learn;
        let networks: Vec<Arc<str>> = verdict.networks.iter().cloned().collect();
        let facts = Facts {
            rule: self.rule,
            named: self.named,
            from: &End::of(&leg.from, learn),
            to: &End::of(to, learn),
            time: to.time,
            known,
            suppressions: &verdict.suppressions,
            networks: &networks,
        };
        let reasons: Vec<&str> = verdict.reasons.iter().map(|reason| reason.into_str()).collect();
        let causes = words::causes(&reasons, &facts)?;
        output.reasons = Some(reasons.iter().map(|reason| (*reason).to_owned()).collect());
        output.causes = Some(causes.clone());
        Ok(match &causes[..] {
            [] => format!("{then}: {}. By what is known now, {will} would raise it.", words.text()),
            causes => format!(
                "{then}: {}. By what is known now, {will} would not raise it: {}.",
                words.text(),
                causes.join("; ")
            ),
        })
    }

    /// Shows a stored verdict and its leg, and returns its explanation.
    fn show_stored(
        &self,
        output: &mut OutputRow,
        stored: &StoredVerdict,
        known: Option<&KnownBefore>,
    ) -> Result<String, TravelError> {
        output.leg_id = Some(stored.leg_id.clone());
        output.from_time = stored.from_time;
        output.from_city = stored.from.city.clone();
        output.distance_km = Some(stored.distance_km);
        output.effective_distance_km = Some(stored.effective_distance_km);
        output.elapsed_seconds = Some(stored.elapsed_seconds);
        output.velocity_kmh = stored.velocity_kmh;
        output.impossible = Some(true);
        output.raised = Some(stored.raised);
        output.alert_id = stored.alert_id;
        let facts = Facts {
            rule: self.rule,
            named: self.named,
            from: &stored.from,
            to: &stored.to,
            time: output.time,
            known,
            suppressions: &stored.suppression_ids,
            networks: &stored.network_names,
        };
        let reasons: Vec<&str> = stored.reasons.iter().map(String::as_str).collect();
        let causes = words::causes(&reasons, &facts)?;
        output.reasons = Some(stored.reasons.clone());
        output.causes = Some(causes.clone());
        let leg = LegWords {
            from: LegEnd {
                city: stored.from.city.as_deref(),
                country: stored.from.country_code.as_deref(),
                latitude: stored.from_latitude,
                longitude: stored.from_longitude,
            },
            distance_km: stored.distance_km,
            effective_distance_km: stored.effective_distance_km,
            elapsed_seconds: stored.elapsed_seconds,
            velocity_kmh: stored.velocity_kmh,
        }
        .text();
        Ok(match stored.alert_id {
            Some(alert) => format!("Impossible, raised in alert {alert}: {leg}."),
            None if stored.raised => format!("Impossible, raised: {leg}."),
            None => {
                let are = if causes.len() == 1 { "cause is" } else { "causes are" };
                format!("Impossible, not raised: {leg}. The {are}: {}.", causes.join("; "))
            }
        })
    }

    fn push(&mut self, row: OutputRow, result: &mut RowSet) {
        self.count += 1;
        self.scratch.within(|| push(row, result));
        self.scratch.reset();
    }
}

/// Adds a row to the result. Its values are in the current memory context, from which the result copies them. Sentences
/// contain names from events, whose hidden characters are made visible there.
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
        texts(row.causes.map(|causes| causes.iter().map(|cause| visible(cause).into_owned()).collect())),
        row.alert_id.map(pg_sys::Datum::from),
        text(Some(&visible(&row.explanation))),
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
