//! The ends of a leg, as far as the reasons of a verdict refer to them: as the verdict has them if a scan gave it, else
//! as they are now.

use std::net::IpAddr;
use std::sync::Arc;
use travel_core::rule::{EvaluatedEvent, Learn, PlaceKey};

/// An end of a leg.
#[derive(Clone, Debug, Default)]
pub struct End {
    pub address: Option<IpAddr>,
    pub city: Option<Arc<str>>,
    pub country_code: Option<Arc<str>>,
    /// The place as the rule distinguishes places. `None`: its country is unknown.
    pub place: Option<PlaceKey>,
    pub asn: Option<i64>,
    pub hosting: Option<Arc<str>>,
    pub anonymizer: Option<Arc<str>>,
    pub carrier: Option<Arc<str>>,
}

impl End {
    pub fn of(event: &EvaluatedEvent, learn: Learn) -> Self {
        Self {
            address: event.site.address(),
            city: event.city.clone(),
            country_code: event.country_code.clone(),
            place: event.place(learn),
            asn: event.asn,
            hosting: event.details.hosting.clone(),
            anonymizer: event.anonymizer.map(|what| what.into_str().into()),
            carrier: event.carrier.map(|what| what.into_str().into()),
        }
    }
}
