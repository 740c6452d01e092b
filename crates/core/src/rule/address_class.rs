//! The class of an event by its address (absent, passing or ordinary), and the network attributes of a leg.

use super::event::{EvaluatedEvent, Treatment};
use super::settings::{NetworkAttributes, Rule};
use super::verdict::Reason;
use crate::journey::Leg;
use crate::place::{Anonymizer, Carrier};
use std::collections::BTreeSet;

/// How an event takes part in the evaluation, by the facts about its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// The event is treated as if it did not exist.
    Absent,
    /// A leg arrives at the event and is not raised, for these reasons. No leg starts from it, and the baseline learns
    /// nothing from it.
    Passing(BTreeSet<Reason>),
    Ordinary,
}

impl AddressClass {
    pub fn of(event: &EvaluatedEvent, rule: &Rule) -> Self {
        Self::of_address(event.treatment, event.anonymizer, event.hosting, event.carrier, rule)
    }

    /// Classifies an event by the data about its address.
    pub fn of_address(
        treatment: Option<Treatment>,
        anonymizer: Option<Anonymizer>,
        hosting: bool,
        carrier: Option<Carrier>,
        rule: &Rule,
    ) -> Self {
        let mut reasons = BTreeSet::new();
        match treatment {
            Some(Treatment::Ignore) => return Self::Absent,
            Some(Treatment::Vpn) => {
                reasons.insert(Reason::Vpn);
            }
            Some(Treatment::Place | Treatment::Trusted) | None => {}
        }
        // Nobody uses Tor by accident, so a rule cannot ignore it. A named network still applies.
        if anonymizer != Some(Anonymizer::Tor) {
            let ignored = [
                (rule.ignored.anonymizer && anonymizer.is_some(), Reason::Anonymizer),
                (rule.ignored.hosting && hosting, Reason::Hosting),
                (rule.ignored.carrier && carrier.is_some(), Reason::Carrier),
            ];
            reasons.extend(ignored.into_iter().filter(|(applies, _)| *applies).map(|(_, reason)| reason));
        }
        if reasons.is_empty() { Self::Ordinary } else { Self::Passing(reasons) }
    }
}

/// The network attributes of a leg: those of either end, and whether both ends are in one AS. A leg that touches a Tor
/// address has none.
pub fn attributes(leg: &Leg<&EvaluatedEvent>) -> NetworkAttributes {
    let ends = [leg.from.event, leg.to.event];
    if ends.iter().any(|end| end.is_tor()) {
        return NetworkAttributes::default();
    }
    NetworkAttributes {
        anonymizer: ends.iter().any(|end| end.anonymizer.is_some()),
        hosting: ends.iter().any(|end| end.hosting),
        carrier: ends.iter().any(|end| end.carrier.is_some()),
        same_asn: in_one_as(leg),
    }
}

pub fn in_one_as(leg: &Leg<&EvaluatedEvent>) -> bool {
    leg.from.event.asn.is_some() && leg.from.event.asn == leg.to.event.asn
}

impl NetworkAttributes {
    /// Returns whether both sets contain one attribute.
    pub fn meet(self, other: Self) -> bool {
        (self.anonymizer && other.anonymizer)
            || (self.hosting && other.hosting)
            || (self.carrier && other.carrier)
            || (self.same_asn && other.same_asn)
    }
}
