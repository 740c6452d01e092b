//! Incidents: raised legs of one entity that belong together. One incident is one alert.

use super::evidence::Evidence;
use super::place_key::{PlaceKey, Transition};
use super::settings::{Micros, Rule, Severity};
use crate::map_as_pairs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a verdict says to the incidents: one that is given now, or one that stands as it was given before.
#[derive(Clone, Debug, PartialEq)]
pub struct DecidedLeg {
    pub entity: Arc<str>,
    pub leg_id: String,
    pub to_time: Micros,
    /// As the rule's way of learning tells places apart.
    pub from: Option<PlaceKey>,
    pub to: Option<PlaceKey>,
    pub raised: bool,
    pub downgraded: bool,
    pub evidence: BTreeSet<Evidence>,
    /// Of one that stands: whether it joined the incident before it. Else the rule says.
    pub joined: Option<bool>,
    /// The edition of place data of a stored verdict, if it is not the present one.
    pub other_edition: Option<i64>,
}

/// An entity's legs over the thresholds, raised or not, as far as `two_holders` needs them.
pub type Crossings = BTreeMap<Transition, Alternation>;

/// The crossings found in verdicts of another edition of place data. They are kept apart, because two locations of one
/// edition can be a single location of another.
#[derive(Clone, Debug, Default)]
pub struct OtherEdition {
    edition: Option<i64>,
    crossings: Crossings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub entity: Arc<str>,
    /// When its first leg arrives, and its last.
    pub first_seen: Micros,
    pub last_seen: Micros,
    /// The ids of its raised legs, in order; never empty.
    pub legs: Vec<String>,
    /// Whether every one of them bears a downgraded attribute.
    pub all_downgraded: bool,
    pub severity: Severity,
    pub evidence: BTreeSet<Evidence>,
}

/// Groups the legs of one entity, in order. Plain data, like all that is carried from scan to scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// The newest incident: a later leg may still join it.
    pub open: Option<Incident>,
    /// The entity's legs over the thresholds, raised or not, as far as `two_holders` needs them.
    #[serde(with = "map_as_pairs")]
    pub crossings: Crossings,
}

/// How an ordered pair of places (A, B) alternates: when a leg A to B arrived, the latest, and the latest that was
/// followed by B to A, and then again by A to B. Of several ways to see an alternation the latest start is enough to
/// know whether one began within a window that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternation {
    pub there: Option<Micros>,
    pub and_back: Option<Micros>,
    pub and_there_again: Option<Micros>,
}

impl Grouping {
    /// The next verdict of the entity. Gives the incident that it ends, if it starts another.
    pub fn add(&mut self, rule: &Rule, verdict: DecidedLeg) -> Option<Incident> {
        let at = verdict.to_time;
        cross(&mut self.crossings, verdict.from.clone(), verdict.to.clone(), at);
        let ended = if verdict.raised { self.raise(rule, verdict) } else { None };
        look_for_two_holders(rule, &mut self.open, &self.crossings, at);
        ended
    }

    /// The next verdict that stands, by whichever edition of place data it was given.
    pub fn stand(&mut self, rule: &Rule, verdict: DecidedLeg, other: &mut OtherEdition) -> Option<Incident> {
        let Some(edition) = verdict.other_edition else { return self.add(rule, verdict) };
        if other.edition != Some(edition) {
            *other = OtherEdition { edition: Some(edition), crossings: Crossings::new() };
        }
        let at = verdict.to_time;
        cross(&mut other.crossings, verdict.from.clone(), verdict.to.clone(), at);
        let ended = if verdict.raised { self.raise(rule, verdict) } else { None };
        look_for_two_holders(rule, &mut self.open, &other.crossings, at);
        ended
    }

    /// A leg over the thresholds, by the present edition, whose verdict stands by another one: only what comes later is
    /// held against it.
    pub fn pass(&mut self, from: Option<PlaceKey>, to: Option<PlaceKey>, at: Micros) {
        cross(&mut self.crossings, from, to, at);
    }

    /// Drops what can matter to no event of the entity later than `now`. Gives the incident that none can join.
    pub fn settle(&mut self, rule: &Rule, now: Micros) -> Option<Incident> {
        // A window of two_holders reaches back from the first leg of an incident that may still be open.
        let begin = now.saturating_sub(rule.max_duration.saturating_mul(2));
        self.crossings.retain(|_, alternation| {
            let Alternation { there, and_back, and_there_again } = alternation;
            for start in [&mut *there, and_back, and_there_again] {
                *start = start.filter(|start| begin <= *start);
            }
            there.is_some()
        });
        self.open.take_if(|open| !open.is_joined_at(rule, now))
    }

    fn raise(&mut self, rule: &Rule, verdict: DecidedLeg) -> Option<Incident> {
        let at = verdict.to_time;
        let joins = |open: &Incident| verdict.joined.unwrap_or_else(|| open.is_joined_at(rule, at));
        if let Some(open) = self.open.as_mut().filter(|open| joins(open)) {
            open.last_seen = at;
            open.legs.push(verdict.leg_id);
            open.all_downgraded &= verdict.downgraded;
            open.severity = severity(rule, open.all_downgraded);
            open.evidence.extend(verdict.evidence);
            return None;
        }
        self.open.replace(Incident {
            entity: verdict.entity,
            first_seen: at,
            last_seen: at,
            legs: vec![verdict.leg_id],
            all_downgraded: verdict.downgraded,
            severity: severity(rule, verdict.downgraded),
            evidence: verdict.evidence,
        })
    }
}

fn cross(crossings: &mut Crossings, from: Option<PlaceKey>, to: Option<PlaceKey>, at: Micros) {
    let Some((from, to)) = from.zip(to).filter(|(from, to)| from != to) else { return };
    let there = Transition { from, to };
    let back = Transition { from: there.to.clone(), to: there.from.clone() };
    if let Some(other) = crossings.get_mut(&back) {
        other.and_back = other.there;
    }
    let this = crossings.entry(there).or_default();
    this.and_there_again = this.and_back;
    this.there = Some(at);
}

/// Up to `last_seen`: a leg of that very second counts, also one that is not raised and comes after the raised one.
fn look_for_two_holders(rule: &Rule, open: &mut Option<Incident>, crossings: &Crossings, at: Micros) {
    let Some(open) = open.as_mut().filter(|open| open.last_seen == at) else { return };
    let start = open.first_seen.saturating_sub(rule.max_duration);
    let found = crossings
        .values()
        .any(|alternation| alternation.and_there_again.is_some_and(|first_leg| first_leg >= start));
    if found {
        open.evidence.insert(Evidence::TwoHolders);
    }
}

impl Incident {
    fn is_joined_at(&self, rule: &Rule, at: Micros) -> bool {
        at.saturating_sub(self.last_seen) <= rule.keep_alive
            && at.saturating_sub(self.first_seen) <= rule.max_duration
    }
}

fn severity(rule: &Rule, all_downgraded: bool) -> Severity {
    if all_downgraded { rule.severity.one_step_down() } else { rule.severity }
}
