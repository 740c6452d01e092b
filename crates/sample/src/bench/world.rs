//! Network `i` of `n`: its range in the public IPv4 space, and its place on the Earth.

use crate::cities::{CITIES, City};
use crate::rng::mix;
use std::net::Ipv4Addr;

/// The networks of one benchmark.
#[derive(Clone, Copy, Debug)]
pub struct World {
    networks: u32,
    /// The number of /24 blocks for each network, a power of two.
    step: u32,
}

impl World {
    /// At least one network a city, at most one a /24 block.
    pub fn new(networks: u32) -> Option<Self> {
        if !(CITIES.len() as u32..=BLOCKS).contains(&networks) {
            return None;
        }
        let room = BLOCKS / networks;
        Some(Self { networks, step: 1 << room.ilog2() })
    }

    pub fn networks(self) -> u32 {
        self.networks
    }

    /// The network's first address and its prefix: from /24, which half of them are, to as wide as there is room.
    pub fn range(self, network: u32) -> (Ipv4Addr, u8) {
        let wider = mix(u64::from(network) ^ 0x5eed).trailing_ones().min(self.step.ilog2());
        (Ipv4Addr::from(self.base(network)), 24 - wider as u8)
    }

    /// A host address in the network; `choice` picks one of the 254 of its first /24.
    pub fn host(self, network: u32, choice: u64) -> Ipv4Addr {
        Ipv4Addr::from(self.base(network) + 1 + (choice % 254) as u32)
    }

    pub fn city(self, network: u32) -> &'static City {
        &CITIES[network as usize % CITIES.len()]
    }

    /// Some network of the city with that place in the table.
    pub fn network_in(self, city: usize, choice: u64) -> u32 {
        let cities = CITIES.len() as u32;
        let of_city = (self.networks - city as u32).div_ceil(cities);
        city as u32 + cities * (choice % u64::from(of_city)) as u32
    }

    /// The coordinates of the city, moved by up to 0.15 degrees in each direction, so nearly every network has its own
    /// record.
    pub fn coordinates(self, network: u32) -> (f64, f64) {
        let city = self.city(network);
        let random = mix(u64::from(network) ^ 0xc0de);
        let moved = |bits: u64| ((bits % 3001) as f64 - 1500.0) / 10_000.0;
        let round = |degrees: f64| (degrees * 10_000.0).round() / 10_000.0;
        (round(city.latitude + moved(random & 0xffff_ffff)), round(city.longitude + moved(random >> 32)))
    }

    fn base(self, network: u32) -> u32 {
        let block = network * self.step;
        // The blocks of one /8 after the other, over the /8s that are public throughout.
        let octet = PUBLIC_OCTETS[(block >> 16) as usize];
        (u32::from(octet) << 24) | ((block & 0xffff) << 8)
    }
}

/// First octets under which no address is private, reserved or kept for documentation.
const PUBLIC_OCTETS: [u8; 215] = {
    let mut octets = [0; 215];
    let mut octet = 1;
    let mut count = 0;
    while octet < 224 {
        if !matches!(octet, 10 | 100 | 127 | 169 | 172 | 192 | 198 | 203) {
            octets[count] = octet;
            count += 1;
        }
        octet += 1;
    }
    octets
};

const BLOCKS: u32 = PUBLIC_OCTETS.len() as u32 * 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_do_not_overlap_and_are_public() {
        for count in [29, 1000, 300_000] {
            let world = World::new(count).unwrap();
            let mut end = 0u64;
            for network in 0..count {
                let (first, prefix) = world.range(network);
                let size = 1u64 << (32 - prefix);
                assert_eq!(u64::from(u32::from(first)) % size, 0, "{first}/{prefix}");
                assert!(u64::from(u32::from(first)) >= end, "{first}/{prefix}");
                assert!(!first.is_private() && !first.is_loopback() && !first.is_multicast(), "{first}");
                end = u64::from(u32::from(first)) + size;
            }
        }
        assert!(World::new(3).is_none());
        assert!(World::new(u32::MAX).is_none());
    }

    #[test]
    fn a_network_of_a_city_is_in_that_city() {
        let world = World::new(1000).unwrap();
        for (place, city) in CITIES.iter().enumerate() {
            for choice in 0..100 {
                let network = world.network_in(place, choice);
                assert!(network < 1000);
                assert_eq!(world.city(network).name, city.name);
            }
        }
    }
}
