//! The site of an event: the address or the coordinates where it says that it happened. Legs compare sites.

use crate::geodesy::Coordinates;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address (as a host) or a pair of coordinates, in one small value. Its order is the order of events within a
/// second: IPv4 addresses come before IPv6 addresses, each by their bytes; coordinates sort by latitude, then
/// longitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "StoredSite", from = "StoredSite")]
pub struct Site {
    kind: SiteKind,
    high: u64,
    low: u64,
}

/// What a [`Site`] consists of. The numbers are part of the stored form of an event set, where they take a byte.
// A whole word, because a site is copied very often: with padding behind a byte, the copies are not whole words, and the
// processor must wait for the first one before it can make the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u64)]
pub enum SiteKind {
    Coordinates = 1,
    Ipv4 = 4,
    Ipv6 = 6,
}

/// The stored form of a site.
// The enum is tagged because serde buffers untagged enums, and buffered numbers cannot be read if serde_json keeps the
// text of numbers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSite {
    Address(IpAddr),
    Coordinates(Coordinates),
}

impl From<Site> for StoredSite {
    fn from(site: Site) -> Self {
        match site.address() {
            Some(address) => Self::Address(address),
            None => Self::Coordinates(site.coordinates().unwrap_or_default()),
        }
    }
}

impl From<StoredSite> for Site {
    fn from(stored: StoredSite) -> Self {
        match stored {
            StoredSite::Address(address) => Self::from_address(address),
            StoredSite::Coordinates(at) => Self::from_coordinates(at),
        }
    }
}

impl Site {
    #[inline]
    pub fn from_ipv4(address: Ipv4Addr) -> Self {
        Self { kind: SiteKind::Ipv4, high: 0, low: address.to_bits().into() }
    }

    pub fn from_address(address: IpAddr) -> Self {
        match crate::address::host(address) {
            IpAddr::V4(v4) => Self::from_ipv4(v4),
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                Self { kind: SiteKind::Ipv6, high: (bits >> 64) as u64, low: bits as u64 }
            }
        }
    }

    pub fn from_coordinates(at: Coordinates) -> Self {
        Self { kind: SiteKind::Coordinates, high: ordered(at.latitude()), low: ordered(at.longitude()) }
    }

    #[inline]
    pub fn kind(self) -> SiteKind {
        self.kind
    }

    /// The address, if the site is one.
    #[inline]
    pub fn address(self) -> Option<IpAddr> {
        match self.kind {
            SiteKind::Ipv4 => Some(Ipv4Addr::from(self.low as u32).into()),
            SiteKind::Ipv6 => Some(Ipv6Addr::from(u128::from(self.high) << 64 | u128::from(self.low)).into()),
            SiteKind::Coordinates => None,
        }
    }

    /// The address, if it is an IPv4 address.
    #[inline]
    pub fn ipv4(self) -> Option<Ipv4Addr> {
        (self.kind == SiteKind::Ipv4).then(|| Ipv4Addr::from(self.low as u32))
    }

    /// The coordinates, if the site is a pair of them.
    pub fn coordinates(self) -> Option<Coordinates> {
        match self.kind {
            SiteKind::Coordinates => Coordinates::new(unordered(self.high), unordered(self.low)).ok(),
            SiteKind::Ipv4 | SiteKind::Ipv6 => None,
        }
    }

    /// Returns a number for hash tables. The key must be random. Otherwise, attackers could find sites that have the
    /// same number.
    pub(crate) fn hash_with(self, key: u64) -> u64 {
        let (low, high) = (self.low ^ key, self.high ^ key.rotate_left(32) ^ self.kind as u64);
        let product = u128::from(low) * u128::from(high);
        (product >> 64) as u64 ^ product as u64
    }

    /// Whether the site is one that [`Site::from_address`] or [`Site::from_coordinates`] makes. Other sites can come from
    /// bytes: coordinates that do not exist, or a second form of the same address.
    pub fn is_canonical(self) -> bool {
        match (self.address(), self.coordinates()) {
            (Some(address), _) => Self::from_address(address) == self,
            (None, Some(at)) => Self::from_coordinates(at) == self,
            (None, None) => false,
        }
    }

    /// The numbers that it consists of.
    pub(crate) fn to_parts(self) -> (SiteKind, u64, u64) {
        (self.kind, self.high, self.low)
    }

    /// The site of [`Site::to_parts`].
    pub(crate) fn from_parts(kind: u8, high: u64, low: u64) -> Option<Self> {
        let kind =
            [SiteKind::Coordinates, SiteKind::Ipv4, SiteKind::Ipv6].into_iter().find(|k| *k as u8 == kind)?;
        Some(Self { kind, high, low })
    }

    /// The bytes after the kind and their number: 4 for IPv4, otherwise 16. They are big-endian, so they sort as sites
    /// do.
    pub fn to_bytes(self) -> ([u8; 16], usize) {
        let mut bytes = [0; 16];
        if self.kind == SiteKind::Ipv4 {
            bytes[..4].copy_from_slice(&(self.low as u32).to_be_bytes());
            (bytes, 4)
        } else {
            bytes[..8].copy_from_slice(&self.high.to_be_bytes());
            bytes[8..].copy_from_slice(&self.low.to_be_bytes());
            (bytes, 16)
        }
    }

    /// Reads what [`Site::to_bytes`] wrote, and returns how many bytes that was. `None` if the bytes are not a site.
    #[inline]
    pub fn from_bytes(kind: u8, bytes: &[u8]) -> Option<(Self, usize)> {
        let kind = match kind {
            4 => SiteKind::Ipv4,
            6 => SiteKind::Ipv6,
            1 => SiteKind::Coordinates,
            _ => return None,
        };
        if kind == SiteKind::Ipv4 {
            let low = u32::from_be_bytes(*bytes.first_chunk()?);
            return Some((Self { kind, high: 0, low: u64::from(low) }, 4));
        }
        let high = u64::from_be_bytes(*bytes.first_chunk()?);
        let low = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
        Some((Self { kind, high, low }, 16))
    }
}

/// Maps finite numbers to integers that sort in the same order.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn unordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> Site {
        Site::from_address(text.parse().unwrap())
    }

    #[test]
    fn ipv4_sorts_before_ipv6_and_mapped_is_ipv4() {
        assert!(ip("255.255.255.255") < ip("::1"));
        assert!(ip("9.0.0.1") < ip("10.0.0.1"));
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
    }

    #[test]
    fn negative_zero_is_zero() {
        let zero = Site::from_coordinates(Coordinates::new(0.0, 0.0).unwrap());
        assert_eq!(zero, Site::from_coordinates(Coordinates::new(-0.0, -0.0).unwrap()));
    }

    proptest! {
        #[test]
        fn bytes_round_trip(v4: u32, v6: u128, latitude in -90.0..=90.0, longitude in -180.0..=180.0) {
            let at = Coordinates::new(latitude, longitude).unwrap();
            for site in [
                Site::from_address(Ipv4Addr::from(v4).into()),
                Site::from_address(Ipv6Addr::from(v6).into()),
                Site::from_coordinates(at),
            ] {
                let (bytes, length) = site.to_bytes();
                prop_assert_eq!(Site::from_bytes(site.kind() as u8, &bytes[..length]), Some((site, length)));
            }
            prop_assert_eq!(Site::from_coordinates(at).coordinates(), Some(at));
        }

        #[test]
        fn coordinates_sort_as_numbers(a in -90.0..=90.0, b in -90.0..=90.0, c in -180.0..=180.0, d in -180.0..=180.0) {
            let site = |x, y| Site::from_coordinates(Coordinates::new(x, y).unwrap());
            prop_assert_eq!(site(a, c) < site(b, d), (a, c) < (b, d));
        }
    }
}
