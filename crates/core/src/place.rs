//! The place of an address: where it is and who operates it, merged from GeoIP databases and named networks.

use crate::geodesy::Coordinates;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strum::IntoStaticStr;

/// The facts about an address. Each may be missing. Without coordinates, the address is not located.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    pub coordinates: Option<Coordinates>,
    /// Radius in km around the coordinates within which the address probably is.
    pub accuracy_km: Option<f64>,
    pub precision: Option<Precision>,
    pub city: Option<Arc<str>>,
    /// The largest subdivision: a state, a province, a region.
    pub subdivision: Option<Arc<str>>,
    /// English name of the country.
    pub country: Option<Arc<str>>,
    /// ISO 3166-1 alpha-2.
    pub country_code: Option<Arc<str>>,
    /// The prefix that supplied the coordinates, otherwise the longest prefix that supplied anything.
    pub network: Option<IpNet>,
    pub asn: Option<i64>,
    pub as_organization: Option<Arc<str>>,
    /// `aws`, `azure`, `gcp`, …, or `other`.
    pub hosting: Option<Arc<str>>,
    pub anonymizer: Option<Anonymizer>,
    pub carrier: Option<Carrier>,
}

/// The precision of the coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Precision {
    /// The record that supplied the coordinates names a city.
    City,
    /// The record names no city: the coordinates stand for a country or a part of it.
    Country,
}

/// A service that hides where its user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Anonymizer {
    Vpn,
    Tor,
    Proxy,
    Relay,
}

/// An access network whose addresses say little about the location of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Carrier {
    Mobile,
    Satellite,
}
