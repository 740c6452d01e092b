//! An event as rules evaluate it: it satisfies the rule's condition, has an entity, is not excluded, and is located.

use super::event_id::EventId;
use super::place_key::PlaceKey;
use super::settings::{Learn, Micros};
use crate::columns::EventLabel;
use crate::geodesy::Coordinates;
use crate::journey::Stop;
use crate::place::{Anonymizer, Carrier};
use crate::site::Site;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;
use strum::{EnumString, IntoStaticStr};

/// An event with everything that a rule evaluates. The caller has filtered and located it, and has applied the named
/// networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatedEvent {
    pub entity: Arc<str>,
    /// The identity for which the location is learned. `None`: no baseline.
    pub baseline_entity: Option<Arc<str>>,
    pub time: Micros,
    pub site: Site,
    pub coordinates: Coordinates,
    pub accuracy_km: Option<f64>,

    pub country_code: Option<Arc<str>>,
    pub subdivision: Option<Arc<str>>,
    pub city: Option<Arc<str>>,

    pub anonymizer: Option<Anonymizer>,
    pub hosting: bool,
    pub carrier: Option<Carrier>,
    pub asn: Option<i64>,
    /// The treatment of the named network that contains the address, if there is one.
    pub treatment: Option<Treatment>,

    pub event_id: Option<EventId>,
    pub event_name: Option<Arc<str>>,
    pub access_key_id: Option<Arc<str>>,
    pub user_agent: Option<Arc<str>>,
    pub outcome: Option<Arc<str>>,
    pub identity_type: Option<Arc<str>>,
    pub mfa_used: Option<bool>,

    /// The events of a key share most of these facts, so events that follow each other can share one value.
    pub details: Arc<EventDetails>,
}

/// Facts about an event that findings show but rules do not evaluate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventDetails {
    pub event_source: Option<Arc<str>>,
    pub aws_region: Option<Arc<str>>,
    pub error_code: Option<Arc<str>>,
    pub account_id: Option<Arc<str>>,
    pub principal: Option<Arc<str>>,
    pub actor: Option<Arc<str>>,
    pub session_name: Option<Arc<str>>,
    pub user_name: Option<Arc<str>>,
    pub arn: Option<Arc<str>>,
    /// English name of the country.
    pub country: Option<Arc<str>>,
    pub as_organization: Option<Arc<str>>,
    /// The provider of the machines behind the address.
    pub hosting: Option<Arc<str>>,
    /// The named network that decides the treatment of the address, and the one that names its provider.
    pub network: Option<Arc<str>>,
    pub hosting_network: Option<Arc<str>>,
}

/// How the events from the addresses of a named network are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Treatment {
    /// The network supplies coordinates, and its events are evaluated like any others.
    Place,
    /// The events are passing: see [`super::AddressClass`].
    Vpn,
    /// A leg with both ends in trusted networks is not raised.
    Trusted,
    /// The events are treated as if they did not exist.
    Ignore,
}

impl EvaluatedEvent {
    /// The place of the event, as this way of learning distinguishes places. `None` if the country is unknown.
    pub fn place(&self, learn: Learn) -> Option<PlaceKey> {
        let place = PlaceKey {
            country_code: self.country_code.clone()?,
            subdivision: self.subdivision.clone(),
            city: self.city.clone(),
        };
        Some(place.under(learn))
    }

    /// A label of the event, as a finding shows it.
    pub fn label(&self, label: EventLabel) -> Option<&str> {
        let details = &self.details;
        let text = match label {
            EventLabel::EventId => return self.event_id.as_deref(),
            EventLabel::EventName => &self.event_name,
            EventLabel::EventSource => &details.event_source,
            EventLabel::AwsRegion => &details.aws_region,
            EventLabel::AccountId => &details.account_id,
            EventLabel::IdentityType => &self.identity_type,
            EventLabel::Principal => &details.principal,
            EventLabel::Actor => &details.actor,
            EventLabel::SessionName => &details.session_name,
            EventLabel::UserName => &details.user_name,
            EventLabel::Arn => &details.arn,
            EventLabel::AccessKeyId => &self.access_key_id,
            EventLabel::UserAgent => &self.user_agent,
            EventLabel::Outcome => &self.outcome,
            EventLabel::ErrorCode => &details.error_code,
        };
        text.as_deref()
    }

    pub fn is_tor(&self) -> bool {
        self.anonymizer == Some(Anonymizer::Tor)
    }

    pub fn stop(&self) -> Stop<&Self> {
        Stop {
            time_us: self.time,
            site: self.site,
            coordinates: self.coordinates,
            accuracy_km: self.accuracy_km,
            event: self,
        }
    }

    /// The order of events over all entities: by time, then site, then the bytes of the entity.
    pub fn order(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }

    /// Returns whether two rows are one event: rows of one entity with the same time and site are.
    pub fn is_same_event(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    fn key(&self) -> (Micros, Site, &str) {
        (self.time, self.site, &self.entity)
    }

    /// Orders the rows of one event. The smallest row, with missing values last, represents the event.
    fn representation(&self, other: &Self) -> Ordering {
        fn nulls_last<T: Ord + ?Sized>(value: Option<&T>) -> (bool, Option<&T>) {
            (value.is_none(), value)
        }
        fn row(event: &EvaluatedEvent) -> [(bool, Option<&str>); 4] {
            [&event.event_name, &event.access_key_id, &event.user_agent, &event.outcome]
                .map(|text| nulls_last(text.as_deref()))
        }
        // These five columns decide. The columns below only make the choice independent of the order of the rows.
        let ids = (nulls_last(self.event_id.as_ref()), nulls_last(other.event_id.as_ref()));
        ids.0.cmp(&ids.1).then_with(|| row(self).cmp(&row(other))).then_with(|| {
            nulls_last(self.baseline_entity.as_deref())
                .cmp(&nulls_last(other.baseline_entity.as_deref()))
                .then_with(|| {
                    nulls_last(self.identity_type.as_deref()).cmp(&nulls_last(other.identity_type.as_deref()))
                })
                .then_with(|| nulls_last(self.mfa_used.as_ref()).cmp(&nulls_last(other.mfa_used.as_ref())))
                .then_with(|| self.details.cmp(&other.details))
        })
    }
}

/// Puts events in order, each once, whatever the order and the repetitions of their rows.
pub fn in_order(rows: &[EvaluatedEvent]) -> Vec<&EvaluatedEvent> {
    let mut events: Vec<&EvaluatedEvent> = rows.iter().collect();
    events.sort_by(|a, b| a.order(b).then_with(|| a.representation(b)));
    events.dedup_by(|later, first| later.is_same_event(first));
    events
}
