//! The stack: several databases used together, from an address to a place.

use crate::cache::Cache;
use crate::database::{Database, DatabaseError, Locates};
use crate::directory::Digest;
use crate::hosting;
use crate::record::Fields;
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::place::{Place, Precision};

/// Databases in the order in which they are asked. For each field, the first database that supplies it wins. Fields
/// that belong together come from one file: coordinates, radius, subdivision and city; the country and its code.
#[derive(Debug)]
pub struct Stack {
    layers: Vec<Layer>,
    locates: bool,
    tried: Vec<String>,
    cache: RefCell<Cache<u128, Answer>>,
}

/// A database and the path under which it is known.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub path: Arc<str>,
    pub database: Rc<Database>,
    /// The digest of its content, if the store knows it.
    pub digest: Option<Digest>,
}

/// A database in use, described by what distinguishes it from others.
#[derive(Clone)]
pub struct InUse<'a> {
    /// Its name without the folder.
    pub file: &'a str,
    pub database_type: &'a str,
    pub locates: Locates,
    database: &'a Database,
}

impl InUse<'_> {
    /// The fields that it supplies, found by looking into it. See [`crate::record::PROVIDED`].
    pub fn provides(&self) -> Vec<&'static str> {
        self.database.provides()
    }
}

/// A database that turned out to be damaged during a lookup.
#[derive(Debug, thiserror::Error)]
#[error("GeoIP database \"{path}\" is damaged: {source}")]
pub struct LookupError {
    pub path: Arc<str>,
    pub source: DatabaseError,
}

/// The cached answer for an address. The coordinates are stored as numbers, with NaN for none, so a row touches only
/// one cache line. The place is larger and is cached only after a caller has asked for it.
#[derive(Debug)]
struct Answer {
    latitude: f64,
    longitude: f64,
    accuracy_km: f64,
    place: Option<Option<Arc<Place>>>,
}

/// The version of the way in which this library reads databases. It must be raised whenever the same files would give
/// different answers, for example because of another layout or other cloud providers.
const READING: u32 = 1;

/// The number of cached answers. Each takes 64 bytes and the place.
const KEPT_ADDRESSES: usize = 1 << 17;

impl Stack {
    /// Builds a stack of databases with the paths under which errors name them.
    pub fn new(databases: impl IntoIterator<Item = (Arc<str>, Rc<Database>)>) -> Self {
        let layers = databases.into_iter().map(|(path, database)| Layer { path, database, digest: None });
        let layers = layers.collect();
        Self::of_layers(layers, Vec::new())
    }

    pub(crate) fn of_layers(layers: Vec<Layer>, tried: Vec<String>) -> Self {
        let locates = layers.iter().any(|layer: &Layer| layer.database.locates().anything());
        Self { layers, locates, tried, cache: RefCell::new(Cache::new(KEPT_ADDRESSES)) }
    }

    /// The time at which the oldest of the databases was built, in seconds since 1970.
    pub fn built_at(&self) -> Option<u64> {
        self.layers.iter().map(|layer| layer.database.built_at()).min()
    }

    /// Returns whether there is no database.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Returns whether any of the databases supplies coordinates. Without them, no address is located.
    #[inline]
    pub fn locates_anything(&self) -> bool {
        self.locates
    }

    /// The databases, in the order in which they are asked.
    pub fn in_use(&self) -> impl Iterator<Item = InUse<'_>> {
        self.layers.iter().map(|layer| InUse {
            file: layer.path.rsplit('/').next().unwrap_or_default(),
            database_type: layer.database.database_type(),
            locates: layer.database.locates(),
            database: &layer.database,
        })
    }

    /// Each database in words: its file and what it provides.
    pub fn described(&self) -> Vec<String> {
        let describe = |(layer, in_use): (&Layer, InUse)| {
            format!("{} ({})", in_use.file, layer.database.provides().join(", "))
        };
        self.layers.iter().zip(self.in_use()).map(describe).collect()
    }

    /// The digest of the contents of the databases in their order. It is the same in every process and after every
    /// restart, wherever the files are.
    pub fn edition(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(READING.to_le_bytes());
        for Layer { path, database, digest } in &self.layers {
            let identity = match digest {
                Some(digest) => digest.as_str().to_owned(),
                None => format!("{path} {} {}", database.database_type(), database.built_at()),
            };
            hasher.update((identity.len() as u64).to_le_bytes());
            hasher.update(identity);
        }
        hasher.finalize().into()
    }

    /// The files and folders that were searched, as the setting names them.
    pub fn tried(&self) -> &[String] {
        &self.tried
    }

    /// The place of a host. An IPv4-mapped address must be unwrapped before. `None` if nothing is known.
    pub fn locate(&self, address: IpAddr) -> Result<Option<Arc<Place>>, LookupError> {
        let key = key(address);
        if let Some(Some(place)) = self.cache.borrow().get(key).map(|answer| &answer.place) {
            return Ok(place.clone());
        }
        let place = merge(&self.ask(address)?).map(Arc::new);
        let coordinates = place.as_ref().and_then(|place| Some((place.coordinates?, place.accuracy_km)));
        self.cache.borrow_mut().insert(key, Answer::new(coordinates, Some(place.clone())));
        Ok(place)
    }

    /// The coordinates of a host and the radius in km around them. They are those of [`Self::locate`], at less cost.
    pub fn coordinates(&self, address: IpAddr) -> Result<Option<(Coordinates, Option<f64>)>, LookupError> {
        let key = key(address);
        if let Some(answer) = self.cache.borrow().get(key) {
            return Ok(answer.coordinates());
        }
        let found = self.ask(address)?;
        let located = located(&found).map(|(fields, _)| fields);
        let coordinates = located.and_then(|fields| Some((fields.coordinates?, fields.accuracy_km)));
        self.cache.borrow_mut().insert(key, Answer::new(coordinates, None));
        Ok(coordinates)
    }

    /// The records of a host in all databases, in order.
    fn ask(&self, address: IpAddr) -> Result<Vec<Found>, LookupError> {
        let mut found = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let looked_up = layer.database.lookup(address);
            let record = looked_up.map_err(|source| LookupError { path: Arc::clone(&layer.path), source })?;
            found.extend(record.filter(|(fields, _)| !fields.is_empty()));
        }
        Ok(found)
    }
}

/// The record of an address in one database, and its network.
type Found = (Rc<Fields>, IpNet);

/// The cache key of an address. IPv4 addresses are mapped to where no IPv6 host is, so one kind of key serves both.
#[inline]
fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => 0xFFFF_0000_0000 | u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Answer {
    fn new(coordinates: Option<(Coordinates, Option<f64>)>, place: Option<Option<Arc<Place>>>) -> Self {
        let radius = coordinates.and_then(|(_, radius)| radius);
        Self {
            latitude: coordinates.map_or(f64::NAN, |(at, _)| at.latitude()),
            longitude: coordinates.map_or(f64::NAN, |(at, _)| at.longitude()),
            accuracy_km: radius.unwrap_or(f64::NAN),
            place,
        }
    }

    #[inline]
    fn coordinates(&self) -> Option<(Coordinates, Option<f64>)> {
        let coordinates = Coordinates::new(self.latitude, self.longitude).ok()?;
        Some((coordinates, (!self.accuracy_km.is_nan()).then_some(self.accuracy_km)))
    }
}

/// The record that supplies the coordinates.
fn located(found: &[Found]) -> Option<&Found> {
    let anycast = found.iter().any(|(fields, _)| fields.anycast);
    found.iter().find(|(fields, _)| fields.coordinates.is_some()).filter(|_| !anycast)
}

fn merge(found: &[Found]) -> Option<Place> {
    let first = |has: fn(&Fields) -> bool| found.iter().find(|(fields, _)| has(fields));
    let anycast = first(|fields| fields.anycast).is_some();
    let located = located(found);
    let named = located
        .or_else(|| first(|fields| fields.city.is_some()))
        .or_else(|| first(|fields| fields.subdivision.is_some()))
        .filter(|_| !anycast);
    let has_country: fn(&Fields) -> bool = |fields| fields.country.is_some() || fields.country_code.is_some();
    let country = located.filter(|(fields, _)| has_country(fields)).or_else(|| first(has_country));
    let asn = found.iter().find_map(|(fields, _)| fields.asn);
    let provider = asn.and_then(hosting::provider);
    let hosting = provider.or_else(|| first(|fields| fields.hosting).map(|_| "other"));

    let place = Place {
        coordinates: located.and_then(|(fields, _)| fields.coordinates),
        accuracy_km: located.and_then(|(fields, _)| fields.accuracy_km),
        precision: located.map(|(fields, _)| match fields.city {
            Some(_) => Precision::City,
            None => Precision::Country,
        }),
        city: named.and_then(|(fields, _)| fields.city.clone()),
        subdivision: named.and_then(|(fields, _)| fields.subdivision.clone()),
        country: country.and_then(|(fields, _)| fields.country.clone()),
        country_code: country.and_then(|(fields, _)| fields.country_code.clone()),
        network: None,
        asn,
        as_organization: found.iter().find_map(|(fields, _)| fields.as_organization.clone()),
        hosting: hosting.map(Arc::from),
        anonymizer: found.iter().find_map(|(fields, _)| fields.anonymizer),
        carrier: found.iter().find_map(|(fields, _)| fields.carrier),
    };
    if place == Place::default() {
        return None;
    }
    let longest = || found.iter().max_by_key(|(_, network)| network.prefix_len());
    let network = located.or_else(longest).map(|&(_, network)| network);
    Some(Place { network, ..place })
}

#[cfg(test)]
mod tests;
