//! Named networks: addresses about which the user knows more than any GeoIP database. This module decides which of many
//! networks apply to an address at a time, and what they say about its place.
//!
//! Among the networks that are valid at the time of an event, a row that a user entered comes before an imported one,
//! then a prefix before an AS, then the longer prefix, then the later `valid_from`, then the name. The first network
//! determines the treatment, the first one with coordinates the place, and the first one with a hosting provider the
//! provider. This order does not depend on the event, so it is computed once: the position of a row is its rank, and
//! the least rank of each kind applies.
//!
//! Prefixes are those of the `ipnet` crate. The lookup over them (`prefixes`) is our own: it is asked for every row,
//! it must find *all* prefixes that cover an address, and a binary search over sorted arrays does that without
//! allocating.

pub mod aws;
mod prefixes;

use crate::address;
use crate::geodesy::Coordinates;
use crate::place::{Place, Precision};
use crate::rule::Treatment;
use ipnet::IpNet;
use prefixes::Prefixes;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A row of `travel.networks`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedNetwork {
    pub scope: Scope,
    pub name: Arc<str>,
    pub treatment: Treatment,
    pub location: Option<Location>,
    pub hosting: Option<Arc<str>>,
    /// Microseconds since 2000-01-01 UTC. `None`: without beginning.
    pub valid_from: Option<i64>,
    /// Exclusive. `None`: without end.
    pub valid_until: Option<i64>,
    /// Whether a user entered the row, not an import.
    pub by_hand: bool,
}

/// The addresses to which a row applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A prefix, as [`prefix`] makes it.
    Prefix(IpNet),
    /// An autonomous system.
    As(i64),
}

/// The location of a named network.
#[derive(Clone, Debug, PartialEq)]
pub struct Location {
    pub coordinates: Coordinates,
    pub city: Option<Arc<str>>,
    pub subdivision: Option<Arc<str>>,
    pub country: Option<Arc<str>>,
    pub country_code: Option<Arc<str>>,
}

/// The networks that apply to one address at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resolved<'a> {
    /// The first network, which determines the treatment.
    pub first: Option<&'a NamedNetwork>,
    /// The first network with coordinates.
    pub located: Option<(&'a NamedNetwork, &'a Location)>,
    /// The first network with a hosting provider.
    pub hosted: Option<(&'a NamedNetwork, &'a Arc<str>)>,
}

/// A set of named networks, built once and searched for every row.
#[derive(Debug, Default)]
pub struct Networks {
    /// The rows by rank.
    rows: Vec<NamedNetwork>,
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
    systems: HashMap<i64, Vec<u32>>,
    depends_on_time: bool,
    places: bool,
}

/// The prefix of an address: without its host bits, and with an IPv4-mapped IPv6 prefix unwrapped.
pub fn prefix(address: IpAddr, length: u8) -> IpNet {
    let (address, length) = match address {
        IpAddr::V6(v6) if length >= 96 => match v6.to_ipv4_mapped() {
            Some(v4) => (IpAddr::V4(v4), length - 96),
            None => (address, length),
        },
        _ => (address, length),
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    // A length of at most the longest is always a prefix.
    IpNet::new(address, length.min(longest)).unwrap_or_else(|_| address.into()).trunc()
}

impl Networks {
    pub fn new(mut rows: Vec<NamedNetwork>) -> Self {
        rows.sort_by(NamedNetwork::precedence);
        let (mut v4, mut v6, mut systems) = (Vec::new(), Vec::new(), HashMap::<_, Vec<_>>::new());
        for (row, rank) in rows.iter().zip(0_u32..) {
            match row.scope {
                Scope::Prefix(IpNet::V4(prefix)) => {
                    v4.push((prefix.addr().to_bits(), prefix.prefix_len(), rank));
                }
                Scope::Prefix(IpNet::V6(prefix)) => {
                    v6.push((prefix.addr().to_bits(), prefix.prefix_len(), rank));
                }
                Scope::As(number) => systems.entry(number).or_default().push(rank),
            }
        }
        Self {
            v4: Prefixes::new(v4),
            v6: Prefixes::new(v6),
            systems,
            depends_on_time: rows.iter().any(|row| row.valid_from.is_some() || row.valid_until.is_some()),
            places: rows.iter().any(|row| row.location.is_some()),
            rows,
        }
    }

    /// These networks and more.
    pub fn with(&self, more: impl IntoIterator<Item = NamedNetwork>) -> Self {
        Self::new(self.rows.iter().cloned().chain(more).collect())
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns whether the answer for an address may differ between two times.
    pub fn depend_on_time(&self) -> bool {
        self.depends_on_time
    }

    /// The edition of place data: a number computed from these networks and the digest of the GeoIP databases. Editions
    /// differ if any address may be located or treated differently. They are the same in every process and after every
    /// restart.
    pub fn edition_with(&self, databases: &[u8]) -> i64 {
        let mut hasher = Sha256::new();
        hasher.update(databases);
        let mut rows: Vec<Vec<u8>> = self.rows.iter().map(NamedNetwork::to_bytes).collect();
        // Rows of equal precedence are in the order of the table.
        rows.sort_unstable();
        for row in rows {
            hasher.update((row.len() as u64).to_le_bytes());
            hasher.update(row);
        }
        let digest = hasher.finalize();
        let mut edition = [0; 8];
        edition.copy_from_slice(&digest[..8]);
        i64::from_le_bytes(edition)
    }

    /// Returns whether any network has coordinates.
    pub fn has_coordinates(&self) -> bool {
        self.places
    }

    /// Returns whether [`Networks::resolve`] needs the AS of an address.
    pub fn need_asn(&self) -> bool {
        !self.systems.is_empty()
    }

    /// Finds the networks that apply to a host at a time (microseconds since 2000-01-01 UTC). `asn` is the number of
    /// its AS, if known.
    pub fn resolve(&self, host: IpAddr, asn: Option<i64>, at: i64) -> Resolved<'_> {
        let mut best = Ranks { at, rows: &self.rows, first: NONE, located: NONE, hosted: NONE };
        match address::host(host) {
            IpAddr::V4(v4) => self.v4.covering(v4.to_bits(), |rank| best.consider(rank)),
            IpAddr::V6(v6) => self.v6.covering(v6.to_bits(), |rank| best.consider(rank)),
        }
        for &rank in asn.and_then(|asn| self.systems.get(&asn)).into_iter().flatten() {
            best.consider(rank);
        }
        let row = |rank: u32| self.rows.get(rank as usize);
        Resolved {
            first: row(best.first),
            located: row(best.located).and_then(|row| Some((row, row.location.as_ref()?))),
            hosted: row(best.hosted).and_then(|row| Some((row, row.hosting.as_ref()?))),
        }
    }
}

/// A rank that no row has.
const NONE: u32 = u32::MAX;

/// The best ranks so far.
struct Ranks<'a> {
    at: i64,
    rows: &'a [NamedNetwork],
    first: u32,
    located: u32,
    hosted: u32,
}

impl Ranks<'_> {
    fn consider(&mut self, rank: u32) {
        let Some(row) = self.rows.get(rank as usize).filter(|row| row.is_valid(self.at)) else { return };
        self.first = self.first.min(rank);
        if row.location.is_some() {
            self.located = self.located.min(rank);
        }
        if row.hosting.is_some() {
            self.hosted = self.hosted.min(rank);
        }
    }
}

impl NamedNetwork {
    fn is_valid(&self, at: i64) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_until.is_none_or(|until| at < until)
    }

    /// All values of the row as bytes. Different rows have different bytes.
    fn to_bytes(&self) -> Vec<u8> {
        fn text(bytes: &mut Vec<u8>, text: Option<&str>) {
            // The length plus one, because zero stands for NULL and an empty text must differ from it.
            bytes.extend(text.map_or(0, |text| text.len() as u64 + 1).to_le_bytes());
            bytes.extend(text.unwrap_or_default().as_bytes());
        }
        let Self { scope, name, treatment, location, hosting, valid_from, valid_until, by_hand } = self;
        let mut bytes = Vec::new();
        match scope {
            Scope::Prefix(IpNet::V4(prefix)) => {
                bytes.extend([4, prefix.prefix_len()]);
                bytes.extend(prefix.addr().octets());
            }
            Scope::Prefix(IpNet::V6(prefix)) => {
                bytes.extend([6, prefix.prefix_len()]);
                bytes.extend(prefix.addr().octets());
            }
            Scope::As(number) => {
                bytes.push(0);
                bytes.extend(number.to_le_bytes());
            }
        }
        text(&mut bytes, Some(name));
        bytes.extend([*treatment as u8, u8::from(*by_hand), u8::from(location.is_some())]);
        if let Some(Location { coordinates, city, subdivision, country, country_code }) = location {
            bytes.extend(coordinates.latitude().to_le_bytes());
            bytes.extend(coordinates.longitude().to_le_bytes());
            for part in [city, subdivision, country, country_code] {
                text(&mut bytes, part.as_deref());
            }
        }
        text(&mut bytes, hosting.as_deref());
        for time in [valid_from, valid_until] {
            bytes.push(u8::from(time.is_some()));
            bytes.extend(time.unwrap_or_default().to_le_bytes());
        }
        bytes
    }

    /// Orders rows by precedence. The lesser row wins, and rows that are equal here keep their order.
    fn precedence(&self, other: &Self) -> std::cmp::Ordering {
        let longest_first = |row: &Self| match row.scope {
            Scope::Prefix(network) => (false, u8::MAX - network.prefix_len()),
            Scope::As(_) => (true, 0),
        };
        (other.by_hand.cmp(&self.by_hand))
            .then_with(|| longest_first(self).cmp(&longest_first(other)))
            .then_with(|| other.valid_from.cmp(&self.valid_from))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl Resolved<'_> {
    pub fn treatment(&self) -> Option<Treatment> {
        self.first.map(|row| row.treatment)
    }

    pub fn is_ignored(&self) -> bool {
        self.treatment() == Some(Treatment::Ignore)
    }

    /// The place of an address: the facts from GeoIP, replaced by those of the networks.
    pub fn over(&self, known: Option<Arc<Place>>) -> Option<Arc<Place>> {
        if self.located.is_none() && self.hosted.is_none() {
            return known;
        }
        let mut place = known.map_or_else(Place::default, Arc::unwrap_or_clone);
        if let Some((row, location)) = self.located {
            place = Place {
                coordinates: Some(location.coordinates),
                accuracy_km: None,
                precision: Some(match location.city {
                    Some(_) => Precision::City,
                    None => Precision::Country,
                }),
                city: location.city.clone(),
                subdivision: location.subdivision.clone(),
                country: location.country.clone(),
                country_code: location.country_code.clone(),
                network: row.scope.prefix().or(place.network),
                ..place
            };
        }
        if let Some((row, hosting)) = self.hosted {
            place.hosting = Some(Arc::clone(hosting));
            if place.coordinates.is_none() {
                place.network =
                    row.scope.prefix().into_iter().chain(place.network).max_by_key(IpNet::prefix_len);
            }
        }
        Some(Arc::new(place))
    }
}

impl Scope {
    fn prefix(self) -> Option<IpNet> {
        match self {
            Self::Prefix(network) => Some(network),
            Self::As(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
