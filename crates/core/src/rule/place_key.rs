//! Places and transitions as the baseline distinguishes them.

use super::settings::Learn;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A place: country, subdivision and city. Under [`Learn::Encountered`] the subdivision is always `None`. Keys sort by
/// country first, so the places of one country are adjacent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceKey {
    pub country_code: Arc<str>,
    pub subdivision: Option<Arc<str>>,
    pub city: Option<Arc<str>>,
}

/// An ordered pair of places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    pub from: PlaceKey,
    pub to: PlaceKey,
}

impl PlaceKey {
    /// The smallest key of a country. All places of the country follow it.
    pub fn first_of(country_code: Arc<str>) -> Self {
        Self { country_code, subdivision: None, city: None }
    }

    /// The key as this way of learning distinguishes places.
    pub fn under(mut self, learn: Learn) -> Self {
        if learn == Learn::Encountered {
            self.subdivision = None;
        }
        self
    }
}

impl Transition {
    pub fn under(self, learn: Learn) -> Self {
        Self { from: self.from.under(learn), to: self.to.under(learn) }
    }
}
