//! Places and transitions as the baseline distinguishes them.

use super::settings::Learn;
use serde::{Deserialize, Serialize};
use std::fmt;
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

/// City, subdivision and country, as in `London, England, GB`. A subdivision with the name of its city is left out, as in
/// `Tokyo, JP`.
impl fmt::Display for PlaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subdivision = self.subdivision.as_ref().filter(|name| Some(*name) != self.city.as_ref());
        for name in self.city.iter().chain(subdivision) {
            write!(f, "{name}, ")?;
        }
        f.write_str(&self.country_code)
    }
}

impl Transition {
    pub fn under(self, learn: Learn) -> Self {
        Self { from: self.from.under(learn), to: self.to.under(learn) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_with_each_of_its_names_once() {
        let written = |city: &str, subdivision: &str| {
            let name = |name: &str| (!name.is_empty()).then(|| Arc::from(name));
            PlaceKey { country_code: "JP".into(), subdivision: name(subdivision), city: name(city) }
                .to_string()
        };
        assert_eq!(written("Yokohama", "Kanagawa"), "Yokohama, Kanagawa, JP");
        assert_eq!(written("Tokyo", "Tokyo"), "Tokyo, JP");
        assert_eq!(written("", "Tokyo"), "Tokyo, JP");
        assert_eq!(written("", ""), "JP");
    }
}
