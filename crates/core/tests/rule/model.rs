//! The meaning again, slow and obvious: the whole history at once, loops over it, no state that is carried from event to
//! event. Written from RULES.md; of the crate it uses the types of what goes in, and the distance.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use travel_core::place::Anonymizer;
use travel_core::rule::settings::DAY;
use travel_core::rule::{
    AnalystRow, JudgedEvent, Known, Learn, Micros, PlaceKey, Rule, Suppression, Treatment,
};
use travel_core::site::{Site, SiteKind};

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
    pub evidence: BTreeSet<&'static str>,
    pub lowered: bool,
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
    rows: &[JudgedEvent],
    analysts: &[AnalystRow],
    suppressions: &[Suppression],
) -> Answer {
    let model = Model {
        rule,
        events: counted_once(rows),
        analysts,
        suppressions,
        held: RefCell::default(),
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
        places: model.learnt_places(),
        transitions: model.learnt_transitions(),
        verdicts: verdicts.into_iter().map(|(_, _, verdict)| verdict).collect(),
    }
}

/// Rows of one entity with one time and site are one event, for which the smallest row stands; what a network ignores
/// is absent; all in order.
fn counted_once(rows: &[JudgedEvent]) -> Vec<&JudgedEvent> {
    let row = |e: &JudgedEvent| {
        [&e.event_id, &e.event_name, &e.access_key_id, &e.user_agent, &e.outcome]
            .map(|value| value.as_ref().map_or((1, String::new()), |value| (0, value.to_string())))
    };
    let mut events: Vec<&JudgedEvent> = Vec::new();
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
    events: Vec<&'a JudgedEvent>,
    analysts: &'a [AnalystRow],
    suppressions: &'a [Suppression],
    held: RefCell<HashMap<(String, Place, usize), Option<usize>>>,
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

// 3. The baseline.
impl Model<'_> {
    fn baseline_entity(&self, i: usize) -> Option<String> {
        self.events[i].baseline_entity.as_ref().filter(|_| self.rule.baseline).map(ToString::to_string)
    }

    /// The journey of a baseline entity.
    fn journey(&self, of: &str) -> Vec<usize> {
        (0..self.events.len())
            .filter(|i| self.ordinary(*i) && self.baseline_entity(*i).as_deref() == Some(of))
            .collect()
    }

    /// Those of its events that teach.
    fn teaching(&self, of: &str) -> Vec<usize> {
        let proven = self.rule.learn == Learn::Proven;
        let mut journey = self.journey(of);
        journey.retain(|i| self.place(*i).is_some() && !(proven && self.events[*i].anonymizer.is_some()));
        journey
    }

    fn learning(&self, of: &str, at: Micros) -> bool {
        match self.journey(of).first() {
            Some(first) => at < self.events[*first].time + self.rule.learning_period,
            None => true,
        }
    }

    /// The events of the place's newest stay, of those that come before the n-th event.
    fn stay(&self, of: &str, place: &Place, n: usize) -> Vec<usize> {
        let mut stay: Vec<usize> = Vec::new();
        for i in self.teaching(of).into_iter().filter(|i| *i < n && self.place(*i).as_ref() == Some(place)) {
            let gap = stay.last().map(|last| self.events[i].time - self.events[*last].time);
            if gap.is_some_and(|gap| gap > self.rule.forget_after) {
                stay.clear();
            }
            stay.push(i);
        }
        stay
    }

    /// Walks the trials of a stay: which event would make the place known, were it not for what holds it; else where
    /// its last trial begins.
    fn trials(&self, of: &str, stay: &[usize]) -> Result<usize, usize> {
        let at = |i: usize| self.events[i].time;
        let mut begin = 0;
        if self.learning(of, at(stay[0])) || self.rule.learn == Learn::Encountered {
            return Ok(stay[0]);
        }
        loop {
            let end = at(stay[begin]) + self.rule.trial_period;
            let Some(after) = (begin..stay.len()).find(|k| at(stay[*k]) >= end) else {
                return Err(stay[begin]);
            };
            let days: BTreeSet<i64> = stay[begin..after].iter().map(|i| at(*i).div_euclid(DAY)).collect();
            if days.len() >= 3 {
                return Ok(stay[after]);
            }
            begin = after;
        }
    }

    /// The event from which on the place is held, of those before the n-th.
    fn held(&self, of: &str, place: &Place, n: usize) -> Option<usize> {
        if self.rule.learn == Learn::Encountered {
            return None;
        }
        let key = (of.to_owned(), place.clone(), n);
        if let Some(known) = self.held.borrow().get(&key) {
            return *known;
        }
        let restricted: Vec<usize> = self
            .teaching(of)
            .into_iter()
            .filter(|i| *i < n && (self.place(*i).as_ref() == Some(place) || self.known_then(of, *i)))
            .collect();
        let held = restricted.windows(2).find(|pair| {
            let here = |i: usize| self.place(i).as_ref() == Some(place);
            (here(pair[0]) || here(pair[1]))
                && self.impossible(pair[0], pair[1])
                // There are no trials before the learning is over.
                && !self.learning(of, self.events[pair[1]].time)
                && !self.known(of, place, pair[1], self.events[pair[1]].time)
        });
        let held = held.map(|pair| pair[1]);
        self.held.borrow_mut().insert(key, held);
        held
    }

    /// Whether what was learnt from the events before the n-th makes the place known at this time.
    fn known(&self, of: &str, place: &Place, n: usize, at: Micros) -> bool {
        let stay = self.stay(of, place, n);
        let Some(last) = stay.last() else { return false };
        at - self.events[*last].time <= self.rule.forget_after
            && self.trials(of, &stay).is_ok()
            && self.held(of, place, n).is_none()
    }

    /// Whether an event's place was known when it happened, or became known by it, or an analyst's row makes it count.
    fn known_then(&self, of: &str, i: usize) -> bool {
        if let Some(known) = self.known_then.borrow().get(&i) {
            return *known;
        }
        let Some(place) = self.place(i) else { return false };
        let at = self.events[i].time;
        let known = self.known(of, &place, i, at)
            || self.known(of, &place, i + 1, at)
            || self.row_holds(of, &place, at);
        self.known_then.borrow_mut().insert(i, known);
        known
    }

    fn rows_in_force(&self, of: &str, at: Micros) -> impl Iterator<Item = &Known> {
        self.analysts
            .iter()
            .filter(move |row| {
                *row.baseline_entity == *of
                    && row.valid_from < at
                    && row.valid_until.is_none_or(|until| at < until)
            })
            .map(|row| &row.known)
    }

    fn row_holds(&self, of: &str, place: &Place, at: Micros) -> bool {
        self.rows_in_force(of, at)
            .any(|known| matches!(known, Known::Place(key) if self.place_of_row(key) == *place))
    }

    fn places(&self, of: &str) -> BTreeSet<Place> {
        self.teaching(of).into_iter().filter_map(|i| self.place(i)).collect()
    }

    fn baseline_entities(&self) -> BTreeSet<String> {
        (0..self.events.len()).filter(|i| self.ordinary(*i)).filter_map(|i| self.baseline_entity(i)).collect()
    }

    fn learnt_places(&self) -> Vec<(String, Place, &'static str, Micros, Micros, Micros)> {
        let mut learnt = Vec::new();
        let n = self.events.len();
        for of in self.baseline_entities() {
            let now = self.events[*self.journey(&of).last().unwrap()].time;
            for place in self.places(&of) {
                let at = |i: usize| self.events[i].time;
                let stay = self.stay(&of, &place, n);
                let (first, last) = (stay[0], stay[stay.len() - 1]);
                if let Some(since) = self.held(&of, &place, n) {
                    // Of the stay in which it was held.
                    let first = self.stay(&of, &place, since + 1)[0];
                    learnt.push((of.clone(), place, "held", at(since), at(first), at(last)));
                } else if now - at(last) <= self.rule.forget_after {
                    let (state, since) = match self.trials(&of, &stay) {
                        Ok(since) => ("known", since),
                        Err(since) => ("trial", since),
                    };
                    learnt.push((of.clone(), place, state, at(since), at(first), at(last)));
                }
            }
        }
        learnt
    }

    /// When ordinary legs of the baseline entity, before the n-th event, went from one place to another.
    fn travels(&self, of: &str, from: &Place, to: &Place, n: usize) -> Vec<Micros> {
        if !self.rule.learn_transitions || self.rule.learn == Learn::Proven || from == to {
            return Vec::new();
        }
        (0..n)
            .filter(|j| self.ordinary(*j) && self.baseline_entity(*j).as_deref() == Some(of))
            .filter(|j| self.place(*j).as_ref() == Some(to))
            .filter(|j| self.leg_arriving_at(*j).is_some_and(|i| self.place(i).as_ref() == Some(from)))
            .map(|j| self.events[j].time)
            .collect()
    }

    fn learnt_transitions(&self) -> Vec<(String, Place, Place, Micros, Micros)> {
        let mut learnt = Vec::new();
        for of in self.baseline_entities() {
            let now = self.events[*self.journey(&of).last().unwrap()].time;
            // Legs may start at events of other baseline entities.
            let everywhere: BTreeSet<Place> = (0..self.events.len()).filter_map(|i| self.place(i)).collect();
            for from in &everywhere {
                for to in &everywhere {
                    let travels = self.travels(&of, from, to, self.events.len());
                    let Some(last) = travels.last().filter(|last| now - **last <= 180 * DAY) else {
                        continue;
                    };
                    let run = (0..travels.len())
                        .rev()
                        .take_while(|k| *k + 1 == travels.len() || travels[k + 1] - travels[*k] <= 180 * DAY);
                    let first = travels[run.min().unwrap()];
                    learnt.push((of.clone(), from.clone(), to.clone(), first, *last));
                }
            }
        }
        learnt
    }
}

// 2 and 5. Verdicts.
impl Model<'_> {
    fn verdict(&self, from: usize, to: usize) -> ModelVerdict {
        let (a, b) = (self.events[from], self.events[to]);
        let tor = [a, b].iter().any(|end| end.anonymizer == Some(Anonymizer::Tor));
        let one_as = a.asn.is_some() && a.asn == b.asn;
        let mut reasons = Vec::new();
        if self.rule.raise_from.is_some_and(|raise_from| b.time < raise_from) {
            reasons.push("before_raise_from");
        }
        let (mut from_known, mut to_known, mut new_country) = (false, false, false);
        if let Some(of) = self.baseline_entity(to) {
            let known = |place: Option<Place>| {
                place.is_some_and(|place| {
                    self.known(&of, &place, to, b.time) || self.row_holds(&of, &place, b.time)
                })
            };
            from_known = known(self.place(from));
            to_known = known(self.place(to));
            new_country = b.country_code.as_ref().is_some_and(|country| {
                let learnt = self.places(&of).into_iter().filter(|place| *place.0 == **country);
                let row = self
                    .rows_in_force(&of, b.time)
                    .any(|known| matches!(known, Known::Place(key) if key.country_code == *country));
                !row && !learnt.into_iter().any(|place| self.known(&of, &place, to, b.time))
            });
            if self.learning(&of, b.time) {
                reasons.push("learning");
            }
            if to_known && (from_known || self.rule.learn == Learn::Encountered) {
                reasons.push("known_place");
            }
            if let Some((p, q)) = self.place(from).zip(self.place(to)) {
                let row = self.rows_in_force(&of, b.time).any(|known| match known {
                    Known::Transition(pair) => {
                        self.place_of_row(&pair.from) == p && self.place_of_row(&pair.to) == q
                    }
                    Known::Place(_) => false,
                });
                if row || self.travels(&of, &p, &q, to).iter().any(|then| b.time - then <= 180 * DAY) {
                    reasons.push("known_transition");
                }
            }
        }
        if a.treatment == Some(Treatment::Trusted) && b.treatment == Some(Treatment::Trusted) {
            reasons.push("trusted_network");
        }
        reasons.extend(self.passing(to).into_iter().filter(|why| *why == "vpn" || !tor));
        if self.rule.ignored.same_asn && one_as && !tor {
            reasons.push("same_asn");
        }
        if self.suppressions.iter().any(|suppression| fits(suppression, a, b)) {
            reasons.push("suppressed");
        }

        let hosts = usize::from(a.hosting) + usize::from(b.hosting);
        let carrier = a.carrier.is_some() || b.carrier.is_some();
        let lowered = self.rule.lowered;
        let key = b.access_key_id.as_deref().unwrap_or("");
        let evidence = [
            ("new_country", new_country),
            (
                "user_agent_changed",
                matches!((&a.user_agent, &b.user_agent), (Some(before), Some(after)) if before != after),
            ),
            (
                "no_mfa",
                b.mfa_used == Some(false)
                    && (key.starts_with("ASIA") || b.event_name.as_deref() == Some("ConsoleLogin")),
            ),
            ("long_term_key", key.starts_with("AKIA")),
            ("root", b.identity_type.as_deref() == Some("Root")),
            ("tor", tor),
            ("hosting_one_side", hosts == 1),
            ("hosting_both", hosts == 2),
            ("carrier", carrier),
            ("same_asn", one_as),
            ("dual_stack", a.site.kind() != b.site.kind() && a.site.kind() != SiteKind::Coordinates),
        ];
        ModelVerdict {
            entity: b.entity.to_string(),
            from: (a.time, a.site),
            to: (b.time, b.site),
            reasons,
            evidence: evidence.into_iter().filter(|(_, shown)| *shown).map(|(name, _)| name).collect(),
            lowered: !tor
                && ((lowered.anonymizer && (a.anonymizer.is_some() || b.anonymizer.is_some()))
                    || (lowered.hosting && hosts > 0)
                    || (lowered.carrier && carrier)
                    || (lowered.same_asn && one_as)),
            from_known,
            to_known,
        }
    }
}

// 4. Incidents.
impl Model<'_> {
    fn incidents(&self, verdicts: &[(usize, usize, ModelVerdict)]) -> Vec<ModelIncident> {
        let mut incidents = Vec::new();
        let entities: BTreeSet<&str> =
            verdicts.iter().map(|(_, _, verdict)| verdict.entity.as_str()).collect();
        for entity in entities {
            let legs: Vec<_> = verdicts.iter().filter(|(_, _, verdict)| verdict.entity == entity).collect();
            let raised: Vec<_> = legs.iter().filter(|(_, _, verdict)| verdict.reasons.is_empty()).collect();
            let mut begin = 0;
            while begin < raised.len() {
                let first_seen = raised[begin].2.to.0;
                let mut end = begin;
                while end + 1 < raised.len()
                    && raised[end + 1].2.to.0 - raised[end].2.to.0 <= self.rule.keep_alive
                    && raised[end + 1].2.to.0 - first_seen <= self.rule.max_duration
                {
                    end += 1;
                }
                let group = &raised[begin..=end];
                let last_seen = group[group.len() - 1].2.to.0;
                let mut evidence: BTreeSet<&'static str> =
                    group.iter().flat_map(|(_, _, verdict)| verdict.evidence.clone()).collect();
                let window: Vec<_> = legs
                    .iter()
                    .filter(|(_, _, leg)| {
                        first_seen - self.rule.max_duration <= leg.to.0 && leg.to.0 <= last_seen
                    })
                    .filter_map(|(from, to, _)| self.place(*from).zip(self.place(*to)))
                    .filter(|(from, to)| from != to)
                    .collect();
                for (i, (a, b)) in window.iter().enumerate() {
                    for (j, back) in window.iter().enumerate().skip(i + 1) {
                        for again in window.iter().skip(j + 1) {
                            if (&back.0, &back.1) == (b, a) && (&again.0, &again.1) == (a, b) {
                                evidence.insert("two_holders");
                            }
                        }
                    }
                }
                let all_lowered = group.iter().all(|(_, _, verdict)| verdict.lowered);
                let steps = ["info", "low", "medium", "high", "critical"];
                let step = steps.iter().position(|step| *step == self.rule.severity.as_str()).unwrap();
                incidents.push(ModelIncident {
                    entity: entity.to_owned(),
                    first_seen,
                    last_seen,
                    legs: group.iter().map(|(_, _, verdict)| (verdict.from, verdict.to)).collect(),
                    severity: steps[if all_lowered { step.saturating_sub(1) } else { step }],
                    evidence,
                });
                begin = end + 1;
            }
        }
        incidents
    }
}

fn fits(suppression: &Suppression, a: &JudgedEvent, b: &JudgedEvent) -> bool {
    let country = |event: &JudgedEvent| event.country_code.as_ref().map(ToString::to_string);
    let ends = [(country(a), country(b)), (country(b), country(a))];
    let countries = ends.iter().any(|(one, other)| {
        (suppression.country_code_a.is_none() || suppression.country_code_a == *one)
            && (suppression.country_code_b.is_none() || suppression.country_code_b == *other)
    });
    let network = suppression.network.is_none_or(|network| {
        let bits = |ip: std::net::IpAddr| -> Vec<bool> {
            let bytes = match ip {
                std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
                std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
        };
        b.site.address().is_some_and(|ip| {
            let (start, ip) = (bits(network.address), bits(ip));
            start.len() == ip.len() && (0..usize::from(network.prefix)).all(|bit| start[bit] == ip[bit])
        })
    });
    let pattern = suppression.entity_like.as_deref();
    pattern.is_none_or(|pattern| like(&b.entity, pattern))
        && countries
        && network
        && suppression.valid_from.is_none_or(|from| from <= b.time)
        && suppression.valid_until.is_none_or(|until| b.time < until)
}

/// Patterns of ASCII without escapes.
fn like(text: &str, pattern: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, rest) => rest.is_none(),
        (Some('%'), rest) => like(text, &pattern[1..]) || (rest.is_some() && like(&text[1..], pattern)),
        (Some('_'), Some(_)) => like(&text[1..], &pattern[1..]),
        (Some(wanted), Some(found)) => wanted == found && like(&text[1..], &pattern[1..]),
        (Some(_), None) => false,
    }
}

/// What the crate answered, in the words of the model.
pub fn in_words(judgement: &travel_core::rule::Judgement) -> Answer {
    let place = |key: &PlaceKey| -> Place {
        let name = |name: &Option<std::sync::Arc<str>>| name.as_ref().map(ToString::to_string);
        (key.country_code.to_string(), name(&key.subdivision), name(&key.city))
    };
    let ends: BTreeMap<&str, _> = judgement
        .verdicts
        .iter()
        .map(|v| {
            let (from, to) = (v.leg.from.event, v.leg.to.event);
            (v.leg_id.as_str(), ((from.time, from.site), (to.time, to.site)))
        })
        .collect();
    Answer {
        verdicts: judgement
            .verdicts
            .iter()
            .map(|v| ModelVerdict {
                entity: v.leg.to.event.entity.to_string(),
                from: ends[v.leg_id.as_str()].0,
                to: ends[v.leg_id.as_str()].1,
                reasons: v.reasons.iter().map(|reason| reason.as_str()).collect(),
                evidence: v.evidence.iter().map(|evidence| evidence.as_str()).collect(),
                lowered: v.lowered,
                from_known: v.from_known,
                to_known: v.to_known,
            })
            .collect(),
        places: judgement
            .places
            .iter()
            .map(|p| {
                let since = p.standing.since();
                let state = p.standing.as_str();
                (p.baseline_entity.to_string(), place(&p.place), state, since, p.first_seen, p.last_seen)
            })
            .collect(),
        transitions: judgement
            .transitions
            .iter()
            .map(|t| {
                let (from, to) = (place(&t.transition.from), place(&t.transition.to));
                (t.baseline_entity.to_string(), from, to, t.travelled.first_seen, t.travelled.last_seen)
            })
            .collect(),
        incidents: judgement
            .incidents
            .iter()
            .map(|i| ModelIncident {
                entity: i.entity.to_string(),
                first_seen: i.first_seen,
                last_seen: i.last_seen,
                legs: i.legs.iter().map(|leg| ends[leg.as_str()]).collect(),
                severity: i.severity.as_str(),
                evidence: i.evidence.iter().map(|evidence| evidence.as_str()).collect(),
            })
            .collect(),
    }
}
