//! The evidence for or against an alert, in words that an analyst can filter by.

use super::address_class::in_one_as;
use super::event::EvaluatedEvent;
use crate::journey::Leg;
use crate::site::SiteKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use strum::{EnumString, IntoStaticStr};

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Evidence {
    NewCountry,
    UserAgentChanged,
    NoMfa,
    LongTermKey,
    Root,
    Tor,
    HostingOneSide,
    HostingBoth,
    Carrier,
    SameAsn,
    DualStack,
    /// Of the incident, not of one leg: see [`super::incident`].
    TwoHolders,
}

impl Evidence {
    /// What the evidence means, as a phrase that follows a colon.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NewCountry => "a leg leads to a country in which the baseline user has no known location",
            Self::UserAgentChanged => {
                "the two events have different user agents: another program, perhaps another person"
            }
            Self::NoMfa => {
                "a leg arrives with a temporary key, or a sign-in to the console, without a second factor"
            }
            Self::LongTermKey => {
                "a leg arrives with a long-term key, which is stored in files and can leak from them"
            }
            Self::Root => "a leg arrives at a call of the root user",
            Self::Tor => "one end of a leg is a Tor address",
            Self::HostingOneSide => {
                "one end of a leg is at a hosting provider: a rented machine, or one of your own servers"
            }
            Self::HostingBoth => {
                "both ends of a leg are at hosting providers: perhaps two servers that share a key"
            }
            Self::Carrier => {
                "one end of a leg is in a mobile or satellite network, whose addresses can be far from their users"
            }
            Self::SameAsn => {
                "both ends of a leg are in the same autonomous system, whose operator may have changed the route"
            }
            Self::DualStack => {
                "one end of a leg is IPv4 and the other IPv6, which GeoIP databases often locate differently"
            }
            Self::TwoHolders => "the legs go back and forth, so two people or machines seem to take turns",
        }
    }
}

/// The evidence of one leg. The credential is that of the event at which the leg arrives, as in a finding.
pub fn of_leg(leg: &Leg<&EvaluatedEvent>, new_country: bool) -> BTreeSet<Evidence> {
    let (from, to) = (leg.from.event, leg.to.event);
    let key_begins = |with| to.access_key_id.as_deref().is_some_and(|key| key.starts_with(with));
    let kinds = [from.site.kind(), to.site.kind()];
    let details = [
        (new_country, Evidence::NewCountry),
        (
            // An agent that is not known cannot be said to have changed.
            from.user_agent.is_some() && to.user_agent.is_some() && from.user_agent != to.user_agent,
            Evidence::UserAgentChanged,
        ),
        (
            to.mfa_used == Some(false)
                && (key_begins("ASIA") || to.event_name.as_deref() == Some("ConsoleLogin")),
            Evidence::NoMfa,
        ),
        (key_begins("AKIA"), Evidence::LongTermKey),
        (to.identity_type.as_deref() == Some("Root"), Evidence::Root),
        (from.is_tor() || to.is_tor(), Evidence::Tor),
        (from.hosting != to.hosting, Evidence::HostingOneSide),
        (from.hosting && to.hosting, Evidence::HostingBoth),
        (from.carrier.is_some() || to.carrier.is_some(), Evidence::Carrier),
        (in_one_as(leg), Evidence::SameAsn),
        (kinds.contains(&SiteKind::Ipv4) && kinds.contains(&SiteKind::Ipv6), Evidence::DualStack),
    ];
    details.into_iter().filter(|(details, _)| *details).map(|(_, evidence)| evidence).collect()
}
