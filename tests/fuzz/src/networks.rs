//! Named networks, and the ranges that AWS publishes.

use crate::input::Input;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use travel_core::geodesy::Coordinates;
use travel_core::network::aws::{AwsRange, GLOBAL, distinct};
use travel_core::network::{Location, NamedNetwork, Networks, Scope, prefix};
use travel_core::rule::Treatment;

/// Networks within each other, valid at different times: the answer for an address is that of a search through all rows.
pub fn named(data: &[u8]) {
    let mut input = Input::new(data);
    let rows: Vec<NamedNetwork> = (0..=input.below(12)).map(|_| network(&mut input)).collect();
    let networks = Networks::new(rows.clone());
    for _ in 0..8 {
        let (host, at) = (address(&mut input), input.i64() % 8);
        let asn = input.is().then(|| i64::from(input.byte() % 4));
        let applies = |row: &&NamedNetwork| {
            let is_there = match row.scope {
                Scope::Prefix(prefix) => prefix.contains(&travel_core::address::host(host)),
                Scope::As(number) => asn == Some(number),
            };
            is_there
                && row.valid_from.is_none_or(|from| from <= at)
                && row.valid_until.is_none_or(|until| at < until)
        };
        let best = |has: &dyn Fn(&NamedNetwork) -> bool| {
            // The first of equal rows: `min_by` returns it.
            let found = rows.iter().filter(applies).filter(|row| has(row));
            found.min_by_key(|row| {
                let (is_as, length) = match row.scope {
                    Scope::Prefix(prefix) => (false, prefix.prefix_len()),
                    Scope::As(_) => (true, 0),
                };
                let from = row.valid_from.map_or(0, |from| 1 + i128::from(from) - i128::from(i64::MIN));
                (!row.by_hand, is_as, 255 - length, -from, row.name.clone())
            })
        };
        let resolved = networks.resolve(host, asn, at);
        assert_eq!(resolved.first, best(&|_| true));
        assert_eq!(resolved.located.map(|(row, _)| row), best(&|row| row.location.is_some()));
        assert_eq!(resolved.hosted.map(|(row, _)| row), best(&|row| row.hosting.is_some()));
        let _ = resolved.over(None);
    }
    let mut turned = rows;
    turned.reverse();
    assert_eq!(networks.edition_with(b"d"), Networks::new(turned).edition_with(b"d"));
}

/// Ranges within ranges: an address is in the smallest range as before, and no range without a location is in one with
/// a location.
pub fn aws(data: &[u8]) {
    let mut input = Input::new(data);
    let mut ranges = Vec::new();
    for _ in 0..input.below(20) {
        let text = if input.below(8) == 7 { input.text(24) } else { network_of(&mut input).to_string() };
        let region = input.pick(&["eu-west-1", "us-east-1", GLOBAL]);
        let group = input.pick(&[region, region, "us-west-2-lax-1"]);
        ranges.extend(AwsRange::new(&text, region, group));
    }
    let is_located = |range: &AwsRange| range.is_in_region() && range.region != GLOBAL;
    let few = distinct(ranges.clone(), is_located);
    for range in few.iter().filter(|range| is_located(range)) {
        let inner = few.iter().find(|inner| !is_located(inner) && range.network.contains(&inner.network));
        assert_eq!(inner, None, "within {range:?}");
    }
    let says = |range: &AwsRange| (range.region.clone(), range.border_group.clone());
    let addresses: Vec<IpAddr> = (0..8).map(|_| address(&mut input)).collect();
    let edges = ranges.iter().flat_map(|range| [range.network.network(), range.network.broadcast()]);
    for address in edges.chain(addresses) {
        let smallest = |ranges: &[AwsRange]| {
            let around = ranges.iter().filter(|range| range.network.contains(&address));
            around
                .min_by_key(|range| (255 - range.network.prefix_len(), range.region == GLOBAL, says(range)))
                .map(says)
        };
        assert_eq!(smallest(&few), smallest(&ranges), "{address}");
    }
}

/// An address of a small part of the address space, so networks meet.
fn address(input: &mut Input) -> IpAddr {
    let n = input.u32();
    match input.below(4) {
        0 => Ipv6Addr::from_bits(0x2600 << 112 | u128::from(n)).into(),
        1 => Ipv4Addr::from_bits(n).to_ipv6_mapped().into(),
        2 => Ipv4Addr::from_bits(n).into(),
        _ => Ipv4Addr::from_bits(0x0a00_0000 | n & 0xff).into(),
    }
}

fn network_of(input: &mut Input) -> IpNet {
    prefix(address(input), input.byte() % 130)
}

fn network(input: &mut Input) -> NamedNetwork {
    let scope = if input.below(4) == 3 {
        Scope::As((input.byte() % 4).into())
    } else {
        Scope::Prefix(network_of(input))
    };
    let time = |input: &mut Input| input.is().then(|| input.i64() % 8);
    NamedNetwork {
        scope,
        name: input.pick(&["a", "b", "c"]).into(),
        treatment: input.pick(&[Treatment::Place, Treatment::Vpn, Treatment::Trusted, Treatment::Ignore]),
        location: input.is().then(|| Location {
            coordinates: Coordinates::default(),
            city: input.is().then(|| "Zürich".into()),
            subdivision: None,
            country: None,
            country_code: Some("CH".into()),
        }),
        hosting: input.is().then(|| "aws".into()),
        valid_from: time(input),
        valid_until: time(input),
        by_hand: input.is(),
    }
}
