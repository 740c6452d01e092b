//! The learned baseline: where a baseline entity usually is, as a state machine over its ordinary events in order. The
//! states of a place are drawn in [`crate::rule`].

use super::event::EvaluatedEvent;
use super::place_key::{PlaceKey, Transition};
use super::settings::{DAY, DAYS_OF_PROOF, Learn, Micros, Rule, TRANSITION_MEMORY};
use crate::journey::{Journey, Stop};
use crate::map_as_pairs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use strum::IntoStaticStr;

/// Everything that later events need to know of the past of a baseline entity. It is plain data: it can be stored after
/// any event and loaded again for the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineState {
    /// The time of the last event that was evaluated with this state, passing or not.
    pub evaluated_until: Micros,
    /// The first event of its journey, which begins the learning period and is therefore kept forever. `None`: the
    /// journey has not begun.
    pub first_event: Option<Micros>,
    /// The last event of its journey.
    pub last_event: Option<Micros>,
    #[serde(with = "map_as_pairs")]
    pub places: BTreeMap<PlaceKey, PlaceRecord>,
    /// Learned only under [`Learn::Encountered`] with `learn_transitions`.
    #[serde(with = "map_as_pairs")]
    pub transitions: BTreeMap<Transition, TravelPeriod>,
    /// The last event that taught and whose place was known, or became known by it. Places on trial are compared with
    /// it.
    pub anchor: Option<Stop<()>>,
    /// Places on trial whose last event is the anchor (if an analyst made them known) or comes after it. Only these can
    /// be contested by the next event at a known place, because the anchor lies between that event and any other place.
    pub after_anchor: BTreeSet<PlaceKey>,
}

/// The record of one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceRecord {
    pub state: PlaceState,
    /// The first event since the place was last forgotten.
    pub first_seen: Micros,
    /// The last event from which the baseline learned.
    pub last: Stop<()>,
}

/// The state of a place, as `known_places.state` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PlaceState {
    Known {
        since: Micros,
    },
    /// `days` is the number of days of the trial on which the place was seen, and `last_day` the last of them.
    Trial {
        since: Micros,
        days: u8,
        last_day: Micros,
    },
    Contested {
        since: Micros,
    },
}

/// The period over which a transition was traveled without a gap longer than [`TRANSITION_MEMORY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravelPeriod {
    pub first_seen: Micros,
    pub last_seen: Micros,
}

/// A learned row of `known_places`.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedPlace {
    pub baseline_entity: Arc<str>,
    pub place: PlaceKey,
    /// Known, on trial or contested, and since when.
    pub state: PlaceState,
    pub first_seen: Micros,
    pub last_seen: Micros,
}

/// A learned row of `known_transitions`.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedTransition {
    pub baseline_entity: Arc<str>,
    pub transition: Transition,
    pub traveled: TravelPeriod,
}

impl BaselineState {
    /// The state of a journey that has not begun.
    pub fn new(evaluated_until: Micros) -> Self {
        Self {
            evaluated_until,
            first_event: None,
            last_event: None,
            places: BTreeMap::new(),
            transitions: BTreeMap::new(),
            anchor: None,
            after_anchor: BTreeSet::new(),
        }
    }

    /// Converts the state for a rule that now learns in this way. Places that were on trial or contested have been
    /// encountered. In the opposite direction nothing is converted, because it is unknown which places would have
    /// passed a trial.
    pub fn under(mut self, learn: Learn) -> Self {
        self.convert(learn);
        self
    }

    /// Converts the state in place, as [`Self::under`] does.
    pub fn convert(&mut self, learn: Learn) {
        let is_so = |place: &PlaceKey, record: &PlaceRecord| {
            place.subdivision.is_none() && matches!(record.state, PlaceState::Known { .. })
        };
        if learn == Learn::Proven || self.places.iter().all(|(place, record)| is_so(place, record)) {
            return;
        }
        for (place, record) in std::mem::take(&mut self.places) {
            let merged = self.places.entry(place.under(learn)).or_insert(record);
            merged.first_seen = merged.first_seen.min(record.first_seen);
            if merged.last.time_us < record.last.time_us {
                merged.last = record.last;
            }
            merged.state = PlaceState::Known { since: merged.first_seen };
        }
        self.anchor = None;
        self.after_anchor.clear();
    }

    /// Returns whether the learning period is still running. It is before the journey begins, too.
    pub fn is_learning(&self, rule: &Rule, at: Micros) -> bool {
        self.first_event.is_none_or(|first| at < first.saturating_add(rule.learning_period))
    }

    /// Returns whether the events so far make a place known at this time.
    pub fn knows(&self, rule: &Rule, place: &PlaceKey, at: Micros) -> bool {
        self.places.get(place).is_some_and(|record| record.is_known(rule, at))
    }

    /// The record of a place at this time, unless the place is forgotten by then.
    pub fn record(&self, rule: &Rule, place: &PlaceKey, at: Micros) -> Option<PlaceRecord> {
        self.places.get(place).copied().filter(|record| !record.is_forgotten(rule, at))
    }

    pub fn knows_country(&self, rule: &Rule, country_code: &Arc<str>, at: Micros) -> bool {
        self.places
            .range(PlaceKey::first_of(country_code.clone())..)
            .take_while(|(place, _)| place.country_code == *country_code)
            .any(|(_, record)| record.is_known(rule, at))
    }

    pub fn has_traveled(&self, rule: &Rule, transition: &Transition, at: Micros) -> bool {
        // The state may be older than the setting by which the rule no longer learns transitions.
        rule.learns_transitions()
            && self
                .transitions
                .get(transition)
                .is_some_and(|traveled| at.saturating_sub(traveled.last_seen) <= TRANSITION_MEMORY)
    }

    /// Learns from the next ordinary event of the journey. `overlaid` says that a row of an analyst makes its place
    /// known at that time.
    pub fn learn(&mut self, rule: &Rule, event: &EvaluatedEvent, overlaid: bool) {
        self.first_event.get_or_insert(event.time);
        self.last_event = Some(event.time);
        let Some(place) = event.place(rule.learn) else { return };
        let stop = Stop {
            time_us: event.time,
            site: event.site,
            coordinates: event.coordinates,
            accuracy_km: event.accuracy_km,
            event: (),
        };
        if self.places.get(&place).is_some_and(|record| record.is_forgotten(rule, event.time)) {
            self.places.remove(&place);
        }
        match rule.learn {
            Learn::Encountered => {
                let before = self.places.get(&place).map(|record| record.state);
                self.note(place, before.unwrap_or(PlaceState::Known { since: event.time }), stop);
            }
            // An anonymizer is where its operator is, not where the user is, so the baseline does not learn from it.
            Learn::Proven if event.anonymizer.is_some() => {}
            Learn::Proven => self.prove(rule, place, stop, overlaid),
        }
    }

    /// Learns the transition of a leg that arrived at the newest event of the journey.
    pub fn travel(&mut self, transition: Transition, at: Micros) {
        let traveled =
            self.transitions.entry(transition).or_insert(TravelPeriod { first_seen: at, last_seen: at });
        if at.saturating_sub(traveled.last_seen) > TRANSITION_MEMORY {
            traveled.first_seen = at;
        }
        traveled.last_seen = at;
    }

    /// Drops what is forgotten as of the last event of the journey. It matters to no later event and is not a learned
    /// row.
    pub fn forget(&mut self, rule: &Rule) {
        let Some(now) = self.last_event else { return };
        self.places.retain(|_, record| !record.is_forgotten(rule, now));
        let learns = rule.learns_transitions();
        self.transitions
            .retain(|_, traveled| learns && now.saturating_sub(traveled.last_seen) <= TRANSITION_MEMORY);
        self.after_anchor.retain(|place| self.places.contains_key(place));
    }

    /// The learned rows as of the last event of the journey. The caller calls [`Self::forget`] first.
    pub fn learned_places(&self, baseline_entity: &Arc<str>) -> impl Iterator<Item = LearnedPlace> {
        self.places.iter().map(|(place, record)| LearnedPlace {
            baseline_entity: baseline_entity.clone(),
            place: place.clone(),
            state: record.state,
            first_seen: record.first_seen,
            last_seen: record.last.time_us,
        })
    }

    pub fn learned_transitions(&self, baseline_entity: &Arc<str>) -> impl Iterator<Item = LearnedTransition> {
        self.transitions.iter().map(|(transition, traveled)| LearnedTransition {
            baseline_entity: baseline_entity.clone(),
            transition: transition.clone(),
            traveled: *traveled,
        })
    }

    fn prove(&mut self, rule: &Rule, place: PlaceKey, stop: Stop<()>, overlaid: bool) {
        let at = stop.time_us;
        let before = self.places.get(&place).map(|record| record.state);
        let state = match before {
            Some(state @ (PlaceState::Known { .. } | PlaceState::Contested { .. })) => state,
            _ if self.is_learning(rule, at) => PlaceState::Known { since: at },
            // This comes before the place can become known by the event, because the leg that arrives at it may contest
            // it.
            _ if self.conflicts(rule, &place, stop) => PlaceState::Contested { since: at },
            Some(PlaceState::Trial { since, days, last_day }) => {
                seen_on_trial(rule, since, days, last_day, at)
            }
            None => trial_from(at),
        };
        let known = matches!(state, PlaceState::Known { .. });
        let on_trial = matches!(state, PlaceState::Trial { .. });
        self.note(place.clone(), state, stop);
        if known || overlaid {
            self.contest_those_before(rule, stop);
            self.anchor = Some(stop);
        }
        if on_trial {
            self.after_anchor.insert(place);
        }
    }

    /// Returns whether the leg that arrives at this event of a place on trial is impossible, in the journey restricted
    /// to this place and to events at known places.
    fn conflicts(&self, rule: &Rule, place: &PlaceKey, stop: Stop<()>) -> bool {
        let previous = if self.after_anchor.contains(place) {
            self.places.get(place).map(|record| record.last)
        } else {
            self.anchor
        };
        previous.is_some_and(|previous| is_impossible(rule, previous, stop))
    }

    /// After an event at a known place, contests the places on trial from which nobody could have traveled here.
    fn contest_those_before(&mut self, rule: &Rule, stop: Stop<()>) {
        for place in std::mem::take(&mut self.after_anchor) {
            if let Some(record) = self.places.get_mut(&place)
                && matches!(record.state, PlaceState::Trial { .. })
                && is_impossible(rule, record.last, stop)
            {
                record.state = PlaceState::Contested { since: stop.time_us };
            }
        }
    }

    fn note(&mut self, place: PlaceKey, state: PlaceState, stop: Stop<()>) {
        let record =
            self.places.entry(place).or_insert(PlaceRecord { state, first_seen: stop.time_us, last: stop });
        record.state = state;
        record.last = stop;
    }
}

impl PlaceRecord {
    fn is_known(&self, rule: &Rule, at: Micros) -> bool {
        matches!(self.state, PlaceState::Known { .. }) && !self.is_forgotten(rule, at)
    }

    /// Returns whether the place was unseen for too long. A contested place is never forgotten.
    fn is_forgotten(&self, rule: &Rule, at: Micros) -> bool {
        !matches!(self.state, PlaceState::Contested { .. })
            && at.saturating_sub(self.last.time_us) > rule.forget_after
    }
}

impl PlaceState {
    pub fn since(self) -> Micros {
        let (Self::Known { since } | Self::Trial { since, .. } | Self::Contested { since }) = self;
        since
    }
}

pub(super) fn trial_from(at: Micros) -> PlaceState {
    PlaceState::Trial { since: at, days: 1, last_day: day(at) }
}

/// The state after the next event of a place on trial. An event within the trial may add a day. The first event after
/// the trial decides.
fn seen_on_trial(rule: &Rule, since: Micros, days: u8, last_day: Micros, at: Micros) -> PlaceState {
    if at < since.saturating_add(rule.trial_period) {
        let days = days.saturating_add(u8::from(day(at) != last_day));
        PlaceState::Trial { since, days, last_day: day(at) }
    } else if days >= DAYS_OF_PROOF {
        PlaceState::Known { since: at }
    } else {
        trial_from(at)
    }
}

/// The number of the day (UTC) of a time.
fn day(at: Micros) -> Micros {
    at.div_euclid(DAY)
}

fn is_impossible(rule: &Rule, from: Stop<()>, to: Stop<()>) -> bool {
    let mut journey = Journey::default();
    journey.arrive(from);
    journey.arrive(to).is_some_and(|leg| leg.measure_if_impossible(&rule.thresholds).is_some())
}
