//! Incidents: raised legs of one entity that belong together. One incident is one alert.

use super::evidence::Evidence;
use super::place_key::{PlaceKey, Transition};
use super::settings::{Micros, Rule, Severity};
use crate::map_as_pairs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A leg with its verdict, reduced to what incidents need. The verdict is given now, or was given before and is
/// settled.
#[derive(Clone, Debug, PartialEq)]
pub struct DecidedLeg {
    pub entity: Arc<str>,
    pub leg_id: String,
    pub to_time: Micros,
    /// The places of both ends, as the rule's way of learning distinguishes them.
    pub from: Option<PlaceKey>,
    pub to: Option<PlaceKey>,
    pub raised: bool,
    pub downgraded: bool,
    pub evidence: BTreeSet<Evidence>,
    /// For a settled verdict, whether its leg joined the incident before it. Otherwise the rule decides.
    pub joined: Option<bool>,
    /// The edition of place data of a stored verdict, if it is not the current one.
    pub other_edition: Option<i64>,
}

/// The crossings of an entity: how its impossible legs, raised or not, alternate between places. The evidence
/// `two_holders` is found in them.
pub type Crossings = BTreeMap<Transition, Alternation>;

/// The crossings found in verdicts of another edition of place data. They are kept apart, because two locations of one
/// edition can be a single location of another.
#[derive(Clone, Debug, Default)]
pub struct OtherEdition {
    edition: Option<i64>,
    crossings: Crossings,
}

/// Raised legs of one entity that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    pub entity: Arc<str>,
    /// The times at which the first and the last leg arrive.
    pub first_seen: Micros,
    pub last_seen: Micros,
    /// The ids of the raised legs, in order. There is at least one.
    pub legs: Vec<String>,
    /// Whether every leg has a network attribute that the rule downgrades.
    pub all_downgraded: bool,
    pub severity: Severity,
    pub evidence: BTreeSet<Evidence>,
}

/// Groups the legs of one entity, in order. It is plain data, as everything is that a scan keeps for the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grouping {
    /// The newest incident, which a later leg may still join.
    pub open: Option<Incident>,
    /// How the legs of the entity alternate between places.
    #[serde(with = "map_as_pairs")]
    pub crossings: Crossings,
}

/// How an ordered pair of places (A, B) alternates, as times at which a leg from A to B arrived: the latest leg, the
/// latest leg that was followed by one from B to A, and the latest leg that was followed by both that one and another
/// from A to B. If an alternation can be seen in several ways, the latest start suffices to decide whether one began
/// within a window that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternation {
    pub there: Option<Micros>,
    pub and_back: Option<Micros>,
    pub and_there_again: Option<Micros>,
}

impl Grouping {
    /// Adds the next verdict of the entity. Returns the incident that ends because this leg starts another.
    pub fn add(&mut self, rule: &Rule, verdict: DecidedLeg) -> Option<Incident> {
        let at = verdict.to_time;
        cross(&mut self.crossings, verdict.from.clone(), verdict.to.clone(), at);
        let ended = if verdict.raised { self.raise(rule, verdict) } else { None };
        look_for_two_holders(rule, &mut self.open, &self.crossings, at);
        ended
    }

    /// Adds the next settled verdict, by whichever edition of place data it was given.
    pub fn add_settled(
        &mut self,
        rule: &Rule,
        verdict: DecidedLeg,
        other: &mut OtherEdition,
    ) -> Option<Incident> {
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

    /// Notes a leg that is impossible under the current edition but has a settled verdict from another edition. Only
    /// later legs are compared with it.
    pub fn note_crossing(&mut self, from: Option<PlaceKey>, to: Option<PlaceKey>, at: Micros) {
        cross(&mut self.crossings, from, to, at);
    }

    /// Drops what matters to no event of the entity after `now`. Returns the incident that no later leg can join.
    pub fn settle(&mut self, rule: &Rule, now: Micros) -> Option<Incident> {
        // The window of two_holders reaches back from the first leg of an incident that may still be open.
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

/// Looks for two holders up to `last_seen`. A leg at that very time counts even if it is not raised and comes after the
/// raised one.
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
