//! The fields of one record of a database, whatever product the database is.

use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::place::{Anonymizer, Carrier};

/// The fields of one record. Each may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub coordinates: Option<Coordinates>,
    pub accuracy_km: Option<f64>,
    pub city: Option<Arc<str>>,
    pub subdivision: Option<Arc<str>>,
    pub country: Option<Arc<str>>,
    pub country_code: Option<Arc<str>>,
    pub asn: Option<i64>,
    pub as_organization: Option<Arc<str>>,
    /// The record says that the address belongs to a hosting provider.
    pub hosting: bool,
    pub anonymizer: Option<Anonymizer>,
    pub carrier: Option<Carrier>,
    /// The address is announced from many places at once, so it has neither coordinates nor a city.
    pub anycast: bool,
}

impl Fields {
    /// Returns whether the record has no field that is used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the fields that this record supplies, as `geoip_databases()` shows them.
    pub fn provides(&self) -> impl Iterator<Item = &'static str> {
        [
            ("coordinates", self.coordinates.is_some()),
            ("accuracy_km", self.accuracy_km.is_some()),
            ("city", self.city.is_some()),
            ("subdivision", self.subdivision.is_some()),
            ("country", self.country.is_some() || self.country_code.is_some()),
            ("asn", self.asn.is_some()),
            ("as_organization", self.as_organization.is_some()),
            ("hosting", self.hosting),
            ("anonymizer", self.anonymizer.is_some()),
            ("carrier", self.carrier.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
    }
}

/// The names of the fields, in the order of [`Fields::provides`].
pub const PROVIDED: [&str; 10] = [
    "coordinates",
    "accuracy_km",
    "city",
    "subdivision",
    "country",
    "asn",
    "as_organization",
    "hosting",
    "anonymizer",
    "carrier",
];
