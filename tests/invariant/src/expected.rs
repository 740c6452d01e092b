//! The results of a case by the core crate and by the second implementation, as lines that can be compared.

use crate::case::Case;
use crate::model::{Answer, answer, in_words};
use crate::server::Failure;
use crate::sql::utc;
use crate::stored::StoredResults;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use travel_core::rule::*;

pub struct Expected {
    pub lines: Vec<String>,
    pub model_lines: Vec<String>,
    pub core_lines_in_model_form: Vec<String>,
    /// No address is skipped, and each key is by itself, so the verdicts are the legs of `travel.impossible_legs`.
    pub has_every_leg: bool,
    case: Case,
}

impl Expected {
    /// The results of a case whose rows are those that arrived.
    pub fn of(case: &Case) -> Self {
        let evaluation = evaluate(&case.rule, &case.rows, &case.analysts, &case.suppressions);
        let no_row_passes = case.rows.iter().all(|row| {
            matches!(AddressClass::of(row, &case.rule), AddressClass::Ordinary | AddressClass::Absent)
        });
        Self {
            lines: lines(&evaluation),
            model_lines: in_lines(&answer(&case.rule, &case.rows, &case.analysts, &case.suppressions)),
            core_lines_in_model_form: in_lines(&in_words(&evaluation)),
            has_every_leg: no_row_passes && !case.has_lineage(),
            case: case.clone(),
        }
    }

    /// The state that each stored checkpoint should have.
    pub fn states(&self, found: &StoredResults) -> Result<Vec<String>, Failure> {
        let case = &self.case;
        let mut until: BTreeMap<String, EvaluationState> = BTreeMap::new();
        let nothing = EvaluationState::default();
        let mut times: BTreeSet<Micros> = case.rows.iter().map(|row| row.time).collect();
        times.insert(Micros::MAX);
        let wanted: BTreeSet<&str> = found.states.iter().map(|state| &*state[2]).collect();
        for time in &times {
            if !wanted.contains(&*utc(*time)) {
                continue;
            }
            let rows: Vec<EvaluatedEvent> =
                case.rows.iter().filter(|row| row.time <= *time).cloned().collect();
            let (_, state) = resume(&nothing, &case.rule, &rows, &case.analysts, &case.suppressions)
                .map_err(|late| Failure { what: format!("{late:?}"), is_void: true })?;
            until.insert(utc(*time), state);
        }
        let (mut of_entity, mut of_baseline) = (Members::new(), Members::new());
        for row in case.rows.iter().filter(|row| AddressClass::of(row, &case.rule) != AddressClass::Absent) {
            of_entity.entry(row.entity.clone()).or_default().insert(row.time);
        }
        for row in event::in_order(&case.rows) {
            if let Some(baseline) = row
                .baseline_entity
                .as_ref()
                .filter(|_| AddressClass::of(row, &case.rule) != AddressClass::Absent)
            {
                of_baseline.entry(baseline.clone()).or_default().insert(row.time);
            }
        }
        let mut lines = Vec::new();
        let mut newest = Members::new();
        for [kind, member, evaluated_until, _, _] in &found.states {
            let times = if kind == "entity" { of_entity.get(&**member) } else { of_baseline.get(&**member) };
            let next = times.and_then(|times| {
                times.iter().find(|time| evaluated_until == "-infinity" || utc(**time) > *evaluated_until)
            });
            let next = next.map_or_else(|| "infinity".to_owned(), |time| utc(*time));
            let state = until.get(evaluated_until);
            let state = if evaluated_until == "-infinity" {
                String::new()
            } else if kind == "entity" {
                format!("{:?}", state.and_then(|state| state.entities.get(&**member)))
            } else {
                format!("{:?}", state.and_then(|state| state.baselines.get(&**member)))
            };
            if next == "infinity" {
                newest.entry(format!("{kind} {member}").into()).or_default();
            }
            lines.push(format!("{kind} {member} {evaluated_until} {next} {state}"));
        }
        for (kind, members) in [("entity", &of_entity), ("baseline", &of_baseline)] {
            for member in members.keys().filter(|member| !newest.contains_key(&*format!("{kind} {member}"))) {
                lines.push(format!("{kind} {member}: its newest state"));
            }
        }
        lines.sort();
        Ok(lines)
    }
}

type Members = BTreeMap<Arc<str>, BTreeSet<Micros>>;

impl StoredResults {
    pub fn state_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .states
            .iter()
            .map(|[kind, member, evaluated_until, valid_until, state]| {
                let state = if state.is_empty() {
                    String::new()
                } else if kind == "entity" {
                    let mut state: Option<EntityState> = serde_json::from_str(state).ok();
                    if let Some(last) = state.as_mut().and_then(|state| state.last.as_mut()) {
                        let network = last.details.network.clone();
                        last.details = EventDetails { network, ..EventDetails::default() }.into();
                    }
                    format!("{:?}", state.as_ref())
                } else {
                    let state: Option<BaselineState> = serde_json::from_str(state).ok();
                    format!("{:?}", state.as_ref())
                };
                format!("{kind} {member} {evaluated_until} {valid_until} {state}")
            })
            .collect();
        lines.sort();
        lines
    }
}

/// The lines in the form of [`StoredResults::of`].
fn lines(evaluation: &Evaluation) -> Vec<String> {
    let mut lines = Vec::new();
    let nullable = |text: Option<&str>| text.unwrap_or("NULL").to_owned();
    fn listed<T: AsRef<str>>(names: impl Iterator<Item = T>) -> String {
        let names: Vec<T> = names.collect();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        format!("{{{}}}", names.join(","))
    }
    for verdict in &evaluation.verdicts {
        let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
        let host = |event: &EvaluatedEvent| {
            event.site.address().map(|address| address.to_string()).unwrap_or_default()
        };
        lines.push(format!(
            "verdict {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}",
            verdict.leg_id,
            to.entity,
            utc(from.time),
            host(from),
            utc(to.time),
            host(to),
            listed(verdict.reasons.iter().map(|reason| reason.into_str())),
            if verdict.is_raised() { "t" } else { "f" },
            listed(verdict.suppressions.iter().map(ToString::to_string)),
            listed(verdict.networks.iter().map(ToString::to_string)),
            verdict.measure.distance_km,
            verdict.measure.effective_distance_km,
            verdict.measure.elapsed_seconds,
            verdict.measure.velocity_kmh.map_or_else(|| "NULL".to_owned(), |kmh| kmh.to_string()),
            nullable(from.event_id.as_deref()),
            nullable(to.event_id.as_deref()),
        ));
    }
    for incident in &evaluation.incidents {
        let mut evidence: Vec<&str> = incident.evidence.iter().map(|evidence| evidence.into_str()).collect();
        evidence.sort_unstable();
        let mut legs: Vec<&str> = incident.legs.iter().map(String::as_str).collect();
        legs.sort_unstable();
        // concat_ws leaves out an array without elements.
        let evidence =
            if evidence.is_empty() { String::new() } else { format!("{} ", listed(evidence.into_iter())) };
        lines.push(format!(
            "alert {} {} {} {} {} {} {evidence}{}",
            incident.entity,
            utc(incident.first_seen),
            utc(incident.last_seen),
            incident.legs.len(),
            incident.severity.into_str(),
            incident.legs[0],
            listed(legs.into_iter()),
        ));
    }
    let place = |place: &PlaceKey| {
        format!(
            "{} {} {}",
            place.country_code,
            nullable(place.subdivision.as_deref()),
            nullable(place.city.as_deref())
        )
    };
    for learned in &evaluation.places {
        lines.push(format!(
            "place {} {} {} {} {}",
            learned.baseline_entity,
            place(&learned.place),
            learned.state.into_str(),
            utc(learned.first_seen),
            utc(learned.last_seen),
        ));
    }
    for learned in &evaluation.transitions {
        lines.push(format!(
            "transition {} {} {} {} {}",
            learned.baseline_entity,
            place(&learned.transition.from),
            place(&learned.transition.to),
            utc(learned.traveled.first_seen),
            utc(learned.traveled.last_seen),
        ));
    }
    lines.sort();
    lines
}

fn in_lines(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<String> = answer.verdicts.iter().map(|row| format!("{row:?}")).collect();
    lines.extend(answer.places.iter().map(|row| format!("{row:?}")));
    lines.extend(answer.transitions.iter().map(|row| format!("{row:?}")));
    lines.extend(answer.incidents.iter().map(|row| format!("{row:?}")));
    lines.sort();
    lines
}
