//! Where an address is, and who runs it: what GeoIP databases and named networks say, merged.

use crate::geodesy::Coordinates;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strum::IntoStaticStr;

/// What is known of an address. Every part may be missing; without coordinates it is not located.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    pub coordinates: Option<Coordinates>,
    /// Radius in km around the coordinates in which the address probably is.
    pub accuracy_km: Option<f64>,
    pub precision: Option<Precision>,
    pub city: Option<Arc<str>>,
    /// The largest subdivision: a state, a province, a region.
    pub subdivision: Option<Arc<str>>,
    /// English name of the country.
    pub country: Option<Arc<str>>,
    /// ISO 3166-1 alpha-2.
    pub country_code: Option<Arc<str>>,
    /// The prefix that gave the coordinates, else the longest that gave anything.
    pub network: Option<IpNet>,
    pub asn: Option<i64>,
    pub as_organization: Option<Arc<str>>,
    /// `aws`, `azure`, `gcp`, …, or `other`.
    pub hosting: Option<Arc<str>>,
    pub anonymizer: Option<Anonymizer>,
    pub carrier: Option<Carrier>,
}

/// How fine the coordinates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Precision {
    /// The record that gave the coordinates names a city.
    City,
    /// It names none: the coordinates stand for a country or a part of it.
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

/// An access network whose addresses say little about a user's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Carrier {
    Mobile,
    Satellite,
}
