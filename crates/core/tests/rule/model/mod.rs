//! The meaning again, slow and obvious: the whole history at once, loops over it, no state that is carried from event
//! to event. Written from the meaning of a rule alone; of the crate it uses the types of what goes in, and the
//! distance.

mod answer;
mod baseline;
mod incidents;
mod suppression;
mod verdicts;

pub use answer::in_words;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use travel_core::place::Anonymizer;
use travel_core::rule::{AnalystRow, EvaluatedEvent, Learn, Micros, PlaceKey, Rule, Suppression, Treatment};
use travel_core::site::Site;

pub type Place = (String, Option<String>, Option<String>);

/// What both implementations must agree on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub verdicts: Vec<ModelVerdict>,
    /// (baseline entity, place, state, since, first seen, last seen)
    pub places: Vec<(String, Place, &'static str, Micros, Micros, Micros)>,
    /// (baseline entity, from, to, first seen, last seen)
    pub transitions: Vec<(String, Place, Place, Micros, Micros)>,
    pub incidents: Vec<ModelIncident>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ModelVerdict {
    pub entity: String,
    pub from: (Micros, Site),
    pub to: (Micros, Site),
    pub reasons: Vec<&'static str>,
    pub suppressions: Vec<i64>,
    pub networks: BTreeSet<String>,
    pub evidence: BTreeSet<&'static str>,
    pub downgraded: bool,
    pub from_known: bool,
    pub to_known: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ModelIncident {
    pub entity: String,
    pub first_seen: Micros,
    pub last_seen: Micros,
    /// When each leg leaves and arrives, and where.
    pub legs: Vec<((Micros, Site), (Micros, Site))>,
    pub severity: &'static str,
    pub evidence: BTreeSet<&'static str>,
}

pub fn answer(
    rule: &Rule,
    rows: &[EvaluatedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Answer {
    let model = Model {
        rule,
        events: counted_once(rows),
        analysts,
        suppressions,
        contested: RefCell::default(),
        known_then: RefCell::default(),
    };
    let mut verdicts = Vec::new();
    for to in 0..model.events.len() {
        if let Some(from) = model.leg_arriving_at(to).filter(|from| model.impossible(*from, to)) {
            verdicts.push((from, to, model.verdict(from, to)));
        }
    }
    Answer {
        incidents: model.incidents(&verdicts),
        places: model.learned_places(),
        transitions: model.learned_transitions(),
        verdicts: verdicts.into_iter().map(|(_, _, verdict)| verdict).collect(),
    }
}

/// Rows of one entity with one time and site are one event, for which the smallest row stands; what a network ignores
/// is absent; all in order.
fn counted_once(rows: &[EvaluatedEvent]) -> Vec<&EvaluatedEvent> {
    let row = |e: &EvaluatedEvent| {
        let texts = [&e.event_name, &e.access_key_id, &e.user_agent, &e.outcome].map(|text| text.as_deref());
        let [name, key, agent, outcome] = texts;
        [e.event_id.as_deref(), name, key, agent, outcome]
            .map(|value| value.map_or((1, String::new()), |value| (0, value.to_owned())))
    };
    let mut events: Vec<&EvaluatedEvent> = Vec::new();
    for (i, one) in rows.iter().enumerate() {
        let stands = rows.iter().enumerate().all(|(j, other)| {
            let same = other.entity == one.entity && other.time == one.time && other.site == one.site;
            !same || row(one) < row(other) || (row(one) == row(other) && i <= j)
        });
        if stands && one.treatment != Some(Treatment::Ignore) {
            events.push(one);
        }
    }
    events.sort_by_key(|event| (event.time, event.site, event.entity.to_string()));
    events
}

struct Model<'a> {
    rule: &'a Rule,
    events: Vec<&'a EvaluatedEvent>,
    analysts: &'a [AnalystRow],
    suppressions: &'a [Suppression],
    contested: RefCell<HashMap<(String, Place, usize), Option<usize>>>,
    known_then: RefCell<HashMap<usize, bool>>,
}

// 1. Events and legs.
impl Model<'_> {
    fn passing(&self, i: usize) -> Vec<&'static str> {
        let event = self.events[i];
        let tor = event.anonymizer == Some(Anonymizer::Tor);
        let mut why = Vec::new();
        if event.treatment == Some(Treatment::Vpn) {
            why.push("vpn");
        }
        if self.rule.ignored.anonymizer && event.anonymizer.is_some() && !tor {
            why.push("anonymizer");
        }
        if self.rule.ignored.hosting && event.hosting && !tor {
            why.push("hosting");
        }
        if self.rule.ignored.carrier && event.carrier.is_some() && !tor {
            why.push("carrier");
        }
        why
    }

    fn ordinary(&self, i: usize) -> bool {
        self.passing(i).is_empty()
    }

    /// Where the leg starts that arrives here.
    fn leg_arriving_at(&self, to: usize) -> Option<usize> {
        let before =
            (0..to).rev().find(|j| self.events[*j].entity == self.events[to].entity && self.ordinary(*j))?;
        (self.events[before].site != self.events[to].site).then_some(before)
    }

    fn impossible(&self, from: usize, to: usize) -> bool {
        let (a, b) = (self.events[from], self.events[to]);
        if a.site == b.site {
            return false;
        }
        let thresholds = &self.rule.thresholds;
        let mut km = a.coordinates.distance_km(b.coordinates);
        if thresholds.use_accuracy {
            km -= a.accuracy_km.unwrap_or(0.0) + b.accuracy_km.unwrap_or(0.0);
        }
        let hours = (b.time - a.time) as f64 / 3.6e9;
        km > thresholds.min_distance_km && km > thresholds.min_velocity_kmh * hours
    }

    fn place(&self, i: usize) -> Option<Place> {
        let event = self.events[i];
        let country_code = event.country_code.as_ref()?.to_string();
        let name = |name: &Option<std::sync::Arc<str>>| name.as_ref().map(ToString::to_string);
        let subdivision = if self.rule.learn == Learn::Encountered { None } else { name(&event.subdivision) };
        Some((country_code, subdivision, name(&event.city)))
    }

    fn place_of_row(&self, key: &PlaceKey) -> Place {
        let subdivision = key.subdivision.as_ref().map(ToString::to_string);
        let subdivision = if self.rule.learn == Learn::Encountered { None } else { subdivision };
        (key.country_code.to_string(), subdivision, key.city.as_ref().map(ToString::to_string))
    }
}
