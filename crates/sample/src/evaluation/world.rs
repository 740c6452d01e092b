//! The networks of the simulation: who operates them, where they really are, and where GeoIP says that they are.

use super::parameters as p;
use crate::cities::{CITIES, City};
use crate::mmdb::{Error, IpVersion, Value, Writer};
use crate::rng::{Rng, mix};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use travel_core::geodesy::Coordinates;

/// What a network is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Home,
    Office,
    Hotel,
    Mobile,
    CompanyVpn,
    PublicVpn,
    Aws,
    Rented,
    Proxy,
    Satellite,
}

/// A network: a /24 of IPv4 and, if it is dual-stack, a /48 of IPv6.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub city: usize,
    pub kind: Kind,
    pub dual_stack: bool,
    operator: u32,
}

/// An index into the sites of a world.
pub type SiteId = usize;

/// All networks so far.
pub struct World {
    pub sites: Vec<Site>,
    shared: HashMap<(Kind, usize, u64), SiteId>,
    seed: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self { sites: Vec::new(), shared: HashMap::new(), seed }
    }

    /// A new network.
    pub fn site(&mut self, kind: Kind, city: usize, rng: &mut Rng) -> SiteId {
        let country = country_of(city) as u32;
        // ASNs for private use (RFC 6996), except those of the clouds, which are recognized by their number. A country
        // has several providers of access networks and one carrier.
        let operator = match kind {
            Kind::Home | Kind::Hotel | Kind::Office | Kind::Proxy => {
                4_200_000_000 + country * 10 + rng.below(p::PROVIDERS) as u32
            }
            Kind::Mobile => 4_200_000_000 + country * 10 + 5,
            Kind::CompanyVpn => 4_200_001_000,
            Kind::PublicVpn => 4_200_001_001,
            Kind::Satellite => 4_200_001_002,
            Kind::Aws => 16_509,
            Kind::Rented => 14_061,
        };
        let dual_stack = match kind {
            Kind::Home => rng.fraction() < p::DUAL_STACK_SHARE,
            _ => kind == Kind::Mobile,
        };
        self.sites.push(Site { city, kind, dual_stack, operator });
        self.sites.len() - 1
    }

    /// Network `number` of this kind in the city, which many share.
    pub fn shared(&mut self, kind: Kind, city: usize, number: u64, rng: &mut Rng) -> SiteId {
        if let Some(&site) = self.shared.get(&(kind, city, number)) {
            return site;
        }
        let site = self.site(kind, city, rng);
        self.shared.insert((kind, city, number), site);
        site
    }

    pub fn city(&self, site: SiteId) -> usize {
        self.sites[site].city
    }

    /// A host of the network, of IPv4 or IPv6.
    pub fn address(&self, site: SiteId, host: u64, v6: bool) -> String {
        let host = host % 254 + 1;
        if v6 && self.sites[site].dual_stack {
            return format!("2001:db8:{site:x}::{host:x}");
        }
        Ipv4Addr::from(BASE + (site as u32) * 256 + host as u32).to_string()
    }

    /// The GeoIP databases: their names and contents.
    pub fn databases(&self) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
        let mut city = Writer::new("Evaluation-City", IpVersion::V6, BUILD_EPOCH);
        let mut asn = Writer::new("Evaluation-ASN", IpVersion::V6, BUILD_EPOCH);
        let mut anonymous = Writer::new("Evaluation-Anonymous-IP", IpVersion::V6, BUILD_EPOCH);
        for (number, site) in self.sites.iter().enumerate() {
            let v4 = format!("{}/24", Ipv4Addr::from(BASE + number as u32 * 256));
            let v6 = format!("2001:db8:{number:x}::/48");
            let operator = Value::map([
                ("autonomous_system_number", Value::U32(site.operator)),
                ("autonomous_system_organization", Value::text(format!("Example AS{}", site.operator))),
            ]);
            for (family, network) in [v4, v6].iter().take(if site.dual_stack { 2 } else { 1 }).enumerate() {
                // The two families of a site are located independently of each other.
                let mut rng = Rng::new(mix(self.seed ^ mix((number * 2 + family) as u64)));
                city.insert(network, &located(site, &mut rng))?;
                asn.insert(network, &operator)?;
                let flag = match site.kind {
                    Kind::PublicVpn if rng.fraction() < p::GEOIP_VPN_KNOWN => Some("is_anonymous_vpn"),
                    Kind::Proxy if rng.fraction() < p::GEOIP_PROXY_KNOWN => Some("is_residential_proxy"),
                    Kind::Rented => Some("is_hosting_provider"),
                    _ => None,
                };
                if let Some(flag) = flag {
                    let flags = ["is_anonymous", flag].map(|name| (name, Value::Bool(true)));
                    anonymous.insert(network, &Value::map(flags))?;
                }
            }
        }
        Ok(vec![
            ("Evaluation-City.mmdb", city.to_bytes()?),
            ("Evaluation-ASN.mmdb", asn.to_bytes()?),
            ("Evaluation-Anonymous-IP.mmdb", anonymous.to_bytes()?),
        ])
    }
}

/// The kilometers between two cities.
pub fn distance_km(from: usize, to: usize) -> f64 {
    let point = |city: usize| Coordinates::new(CITIES[city].latitude, CITIES[city].longitude).ok();
    point(from).zip(point(to)).map_or(0.0, |(from, to)| from.distance_km(to))
}

/// The first city of the table in the same country, which stands for the country.
pub fn country_of(city: usize) -> usize {
    CITIES.iter().position(|other| other.country_code == CITIES[city].country_code).unwrap_or(city)
}

/// The index of a city. Only this module and its neighbors pass names, and a test checks that all of them exist.
pub fn city_named(name: &str) -> usize {
    CITIES.iter().position(|city| city.name == name).unwrap_or(0)
}

/// 11.0.0.0: a block of public addresses with room for 65,536 networks.
const BASE: u32 = 0x0b00_0000;
/// The day on which the simulation begins.
const BUILD_EPOCH: u64 = 1_767_571_200;

/// The record of a network in the City database: its location with the errors of GeoIP.
fn located(site: &Site, rng: &mut Rng) -> Value {
    let city = &CITIES[site.city];
    let at_random = |rng: &mut Rng| &CITIES[rng.below(CITIES.len() as u64) as usize];
    let cellular = (site.kind == Kind::Mobile).then_some("Cellular");
    match site.kind {
        Kind::Aws => {
            let city = if rng.fraction() < p::GEOIP_WRONG_CLOUD { at_random(rng) } else { city };
            return record(city, Some(city.name), (0.0, 0.0), p::GEOIP_RADIUS_HOSTED, None);
        }
        Kind::Satellite => {
            return record(city, Some(city.name), (0.0, 0.0), p::GEOIP_RADIUS_SATELLITE, Some("Satellite"));
        }
        Kind::CompanyVpn | Kind::PublicVpn | Kind::Rented => {
            return record(city, Some(city.name), (0.0, 0.0), p::GEOIP_RADIUS_HOSTED, None);
        }
        _ => {}
    }
    let chance = rng.fraction();
    if chance < p::GEOIP_WRONG_COUNTRY {
        let other = at_random(rng);
        return record(other, Some(other.name), (0.0, 0.0), p::GEOIP_RADIUS_WRONG_COUNTRY, cellular);
    }
    if chance < p::GEOIP_WRONG_COUNTRY + p::GEOIP_COUNTRY_ONLY {
        return record(city, None, center(site.city), p::GEOIP_RADIUS_COUNTRY_ONLY, cellular);
    }
    let wrong_city = chance < p::GEOIP_WRONG_COUNTRY + p::GEOIP_COUNTRY_ONLY + p::GEOIP_WRONG_CITY;
    let km = match wrong_city {
        true => -p::GEOIP_WRONG_CITY_KM * (1.0 - rng.fraction()).ln(),
        false => p::GEOIP_CITY_KM * rng.fraction(),
    };
    let direction = rng.fraction() * std::f64::consts::TAU;
    let north = km * direction.cos() / 111.2;
    let east = km * direction.sin() / (111.2 * city.latitude.to_radians().cos());
    let radii = p::GEOIP_RADII.0;
    let fits = radii.iter().position(|&radius| f64::from(radius) >= km).unwrap_or(radii.len() - 1);
    let honest = rng.fraction() < p::GEOIP_RADIUS_HONEST;
    let radius = radii[if honest { fits } else { fits.saturating_sub(1) }];
    let name = if wrong_city {
        format!("{} area {}", city.name, rng.below(p::GEOIP_WRONG_CITY_NAMES))
    } else {
        city.name.to_owned()
    };
    record(city, Some(&name), (north, east), radius, cellular)
}

/// How far the center of the country's cities is from one of them, in degrees north and east.
fn center(city: usize) -> (f64, f64) {
    let of_country: Vec<&City> =
        CITIES.iter().filter(|c| c.country_code == CITIES[city].country_code).collect();
    let mean = |of: fn(&City) -> f64| of_country.iter().map(|c| of(c)).sum::<f64>() / of_country.len() as f64;
    (mean(|c| c.latitude) - CITIES[city].latitude, mean(|c| c.longitude) - CITIES[city].longitude)
}

/// A record of MaxMind's City layout, `moved` degrees to the north and east of the city.
fn record(
    city: &City,
    name: Option<&str>,
    moved: (f64, f64),
    radius: u16,
    connection: Option<&str>,
) -> Value {
    let names = |name: &str| Value::map([("names", Value::map([("en", Value::text(name))]))]);
    let round = |degrees: f64| (degrees * 10_000.0).round() / 10_000.0;
    let mut record = Vec::new();
    if let Some(name) = name {
        record.push(("city", names(name)));
    }
    let country = Value::map([
        ("iso_code", Value::text(city.country_code)),
        ("names", Value::map([("en", Value::text(city.country))])),
    ]);
    let longitude = (city.longitude + moved.1 + 540.0).rem_euclid(360.0) - 180.0;
    record.push(("country", country));
    record.push((
        "location",
        Value::map([
            ("accuracy_radius", Value::U16(radius)),
            ("latitude", Value::Double(round((city.latitude + moved.0).clamp(-89.0, 89.0)))),
            ("longitude", Value::Double(round(longitude))),
        ]),
    ));
    if name.is_some() && !city.subdivision.is_empty() {
        record.push(("subdivisions", Value::Array(vec![names(city.subdivision)])));
    }
    if let Some(connection) = connection {
        record.push(("traits", Value::map([("connection_type", Value::text(connection))])));
    }
    Value::map(record)
}
