//! A database in MaxMind's City layout with as many networks as asked for.

use super::world::World;
use crate::geoip::{BUILD_EPOCH, city_record};
use crate::mmdb::{Error, IpVersion, Writer};
use crate::rng::mix;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

pub const FILE_NAME: &str = "Bench-City.mmdb";

pub fn database(world: World) -> Result<Vec<u8>, Error> {
    let mut database = Writer::new("Bench-City", IpVersion::V6, BUILD_EPOCH);
    for network in 0..world.networks() {
        let (latitude, longitude) = world.coordinates(network);
        let radius = *[5, 10, 20, 50, 100, 200].get(mix(u64::from(network)) as usize % 6).unwrap_or(&5);
        let (first, prefix) = world.range(network);
        database.insert_prefix(
            IpAddr::V4(first),
            prefix,
            &city_record(world.city(network), latitude, longitude, radius),
        )?;
    }
    database.to_bytes()
}

/// Writes the networks as lines of CSV, for programs that read no MMDB: `first,last,network,latitude,longitude`.
pub fn write_csv(world: World, out: &mut impl Write) -> io::Result<()> {
    for network in 0..world.networks() {
        let (latitude, longitude) = world.coordinates(network);
        let (first, prefix) = world.range(network);
        let last = Ipv4Addr::from(u32::from(first) | (u32::MAX >> prefix));
        writeln!(out, "{first},{last},{first}/{prefix},{latitude},{longitude}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use maxminddb::Reader;

    #[test]
    fn every_network_is_found_with_its_own_record() {
        let world = World::new(20_000).unwrap();
        let reader = Reader::from_source(database(world).unwrap()).unwrap();
        reader.verify().unwrap();
        let mut offsets = std::collections::HashSet::new();
        for network in 0..world.networks() {
            let found = reader.lookup(IpAddr::V4(world.host(network, 77))).unwrap();
            assert!(found.has_data());
            offsets.insert(found.offset());
            if network % 1000 == 7 {
                let record: serde_json::Value = found.decode().unwrap().unwrap();
                let (latitude, _) = world.coordinates(network);
                assert_eq!(record["location"]["latitude"], latitude);
                assert_eq!(record["city"]["names"]["en"], world.city(network).name);
            }
        }
        assert!(offsets.len() > 19_900, "{}", offsets.len());
    }

    #[test]
    fn the_networks_as_csv_are_those_of_the_database() {
        let world = World::new(1000).unwrap();
        let mut csv = Vec::new();
        write_csv(world, &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let reader = Reader::from_source(database(world).unwrap()).unwrap();
        assert_eq!(csv.lines().count(), 1000);
        for line in csv.lines() {
            let fields: Vec<&str> = line.split(',').collect();
            for address in &fields[..2] {
                let found = reader.lookup(address.parse::<IpAddr>().unwrap()).unwrap();
                assert_eq!(found.network().unwrap().to_string(), fields[2], "{line}");
                let record: serde_json::Value = found.decode().unwrap().unwrap();
                assert_eq!(record["location"]["latitude"], fields[3].parse::<f64>().unwrap(), "{line}");
                assert_eq!(record["location"]["longitude"], fields[4].parse::<f64>().unwrap(), "{line}");
            }
        }
    }
}
