//! The verdict on an impossible leg: raised, or not raised with every reason.

use super::address_class::{AddressClass, attributes, in_one_as};
use super::analyst_row::Overlay;
use super::baseline::BaselineState;
use super::event::{EvaluatedEvent, Treatment};
use super::evidence::{self, Evidence};
use super::incident::DecidedLeg;
use super::place_key::{PlaceKey, Transition};
use super::settings::{Learn, Micros, Rule};
use super::suppression::Suppression;
use crate::journey::{Leg, Measure};
use crate::message::leg_id;
use std::collections::BTreeSet;
use std::sync::Arc;
use strum::IntoStaticStr;

/// A reason not to raise an impossible leg. Verdicts list reasons in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Reason {
    BeforeRaiseFrom,
    Learning,
    KnownPlace,
    KnownTransition,
    TrustedNetwork,
    Vpn,
    Anonymizer,
    Hosting,
    Carrier,
    SameAsn,
    Suppressed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    pub leg_id: String,
    pub leg: Leg<&'a EvaluatedEvent>,
    pub measure: Measure,
    /// Every reason that applies. The leg is raised if there is none.
    pub reasons: BTreeSet<Reason>,
    /// The ids of the suppressions that fit, in ascending order.
    pub suppressions: Vec<i64>,
    /// The named networks that gave a reason.
    pub networks: BTreeSet<Arc<str>>,
    /// The evidence that the leg contributes to its alert, if it is raised.
    pub evidence: BTreeSet<Evidence>,
    /// Whether the leg has a network attribute that the rule downgrades.
    pub downgraded: bool,
    /// Whether the places of both ends were known before the leg arrived. Archiving the alert as expected enters those
    /// that were not.
    pub from_known: bool,
    pub to_known: bool,
}

/// Everything that decides about a leg: the rule, and what analysts added to it.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'r> {
    pub rule: &'r Rule,
    pub analysts: &'r Overlay,
    pub suppressions: &'r [Suppression],
}

impl Verdict<'_> {
    pub fn is_raised(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The time at which the leg arrives.
    pub fn to_time(&self) -> Micros {
        self.leg.to.event.time
    }

    /// The leg and its verdict, as incidents need them.
    pub fn decided_leg(&self, learn: Learn) -> DecidedLeg {
        let (from, to) = (self.leg.from.event, self.leg.to.event);
        DecidedLeg {
            entity: to.entity.clone(),
            leg_id: self.leg_id.clone(),
            to_time: to.time,
            from: from.place(learn),
            to: to.place(learn),
            raised: self.is_raised(),
            downgraded: self.downgraded,
            evidence: self.evidence.clone(),
            joined: None,
            other_edition: None,
        }
    }
}

impl Policy<'_> {
    /// Gives the verdict on an impossible leg. `class` is the class of the event at which the leg arrives. `state` is
    /// the state of that event's baseline entity before the event.
    pub fn verdict<'a>(
        &self,
        leg: Leg<&'a EvaluatedEvent>,
        measure: Measure,
        class: &AddressClass,
        state: Option<&BaselineState>,
    ) -> Verdict<'a> {
        let (from, to) = (leg.from.event, leg.to.event);
        let knowledge = self.knowledge(to, state);
        let places = (from.place(self.rule.learn), to.place(self.rule.learn));
        let known = |place: &Option<PlaceKey>| {
            knowledge.zip(place.as_ref()).is_some_and(|(knowledge, place)| knowledge.place(place))
        };
        let (from_known, to_known) = (known(&places.0), known(&places.1));
        let known_place = to_known && (from_known || self.rule.learn == Learn::Encountered);
        let transition = places.0.zip(places.1).map(|(from, to)| Transition { from, to });

        let fitting = self.suppressions.iter().filter(|suppression| suppression.fits(&leg));
        let mut suppressions: Vec<i64> = fitting.map(|suppression| suppression.id).collect();
        suppressions.sort_unstable();
        let mut reasons = self.reasons_of_addresses(&leg, class);
        let applies = [
            (self.rule.raise_from.is_some_and(|raise_from| to.time < raise_from), Reason::BeforeRaiseFrom),
            (knowledge.is_some_and(|knowledge| knowledge.is_learning()), Reason::Learning),
            (known_place, Reason::KnownPlace),
            (
                knowledge.zip(transition).is_some_and(|(knowledge, t)| knowledge.transition(&t)),
                Reason::KnownTransition,
            ),
            (!suppressions.is_empty(), Reason::Suppressed),
        ];
        reasons.extend(applies.into_iter().filter(|(applies, _)| *applies).map(|(_, reason)| reason));

        let new_country = knowledge
            .zip(to.country_code.as_ref())
            .is_some_and(|(knowledge, country_code)| !knowledge.country(country_code));
        Verdict {
            leg_id: leg_id(&to.entity, from.time, from.site, to.time, to.site),
            evidence: evidence::of_leg(&leg, new_country),
            downgraded: attributes(&leg).meet(self.rule.downgraded),
            leg,
            measure,
            networks: networks_behind(&reasons, from, to),
            reasons,
            suppressions,
            from_known,
            to_known,
        }
    }

    fn reasons_of_addresses(&self, leg: &Leg<&EvaluatedEvent>, class: &AddressClass) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::new();
        let (from, to) = (leg.from.event, leg.to.event);
        let touches_tor = from.is_tor() || to.is_tor();
        if let AddressClass::Passing(passing) = class {
            // A named network is the user's own decision and always counts. Network attributes do not excuse a leg that
            // touches Tor, so a leg from Tor to an ignored address is raised.
            reasons.extend(passing.iter().filter(|reason| **reason == Reason::Vpn || !touches_tor));
        }
        if from.treatment == Some(Treatment::Trusted) && to.treatment == Some(Treatment::Trusted) {
            reasons.insert(Reason::TrustedNetwork);
        }
        if self.rule.ignored.same_asn && in_one_as(leg) && !touches_tor {
            reasons.insert(Reason::SameAsn);
        }
        reasons
    }
}

/// The names of the networks that gave these reasons for the leg between two events.
fn networks_behind(
    reasons: &BTreeSet<Reason>,
    from: &EvaluatedEvent,
    to: &EvaluatedEvent,
) -> BTreeSet<Arc<str>> {
    let named = reasons.iter().flat_map(|reason| match reason {
        Reason::Vpn => [&to.details.network, &None],
        Reason::TrustedNetwork => [&from.details.network, &to.details.network],
        Reason::Hosting => [&to.details.hosting_network, &None],
        _ => [&None, &None],
    });
    named.flatten().cloned().collect()
}
