//! Named networks, and the ranges that AWS publishes.

use crate::input::Input;
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use travel_cloudtrail::aws_ranges;
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
        let range = AwsRange::new(&text, region, group);
        assert_eq!(range.as_ref().map(|range| range.network), network_in(&text), "{text}");
        ranges.extend(range);
    }
    let addresses: Vec<IpAddr> = (0..8).map(|_| address(&mut input)).collect();
    check_distinct(&ranges, &addresses);
}

/// Reads a document of AWS, or any JSON. Either all of its ranges are read, or the error names the first bad one.
pub fn aws_document(data: &[u8]) {
    let document = serde_json::from_slice(data).unwrap_or_else(|_| {
        let mut input = Input::new(data);
        let lists = [("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")];
        let mut document = Map::new();
        for (list, key) in lists {
            let elements = (0..input.below(6)).map(|_| element(&mut input, key)).collect();
            let list = if input.below(16) == 15 { input.pick(&["prefixes", "Prefixes"]) } else { list };
            let other = (input.below(16) == 15).then(|| element(&mut input, key));
            document.insert(list.to_owned(), other.unwrap_or(elements));
        }
        document.into()
    });
    let mut ticks = 0;
    let found = aws_ranges(&document, || ticks += 1);
    let mut expected = Vec::new();
    for (list, key) in [("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")] {
        let Some(elements) = document[list].as_array().filter(|elements| !elements.is_empty()) else {
            let why = found.unwrap_err();
            assert!(why.contains(&format!("no list \"{list}\"")), "{why}");
            return;
        };
        for (n, element) in elements.iter().enumerate() {
            let network = element[key].as_str().and_then(network_in);
            let region = element["region"].as_str().filter(|region| !region.is_empty());
            let Some((network, region)) = network.zip(region) else {
                let why = found.unwrap_err();
                assert!(why.starts_with(&format!("Element {} of \"{list}\"", n + 1)), "{why}");
                assert_eq!(ticks, expected.len());
                return;
            };
            let group = element["network_border_group"].as_str().filter(|group| !group.is_empty());
            expected.push((network, region.to_owned(), group.unwrap_or(region).to_owned()));
        }
    }
    let ranges = found.unwrap();
    let parts = |range: &AwsRange| (range.network, range.region.clone(), range.border_group.clone());
    assert_eq!(ranges.iter().map(parts).collect::<Vec<_>>(), expected);
    assert_eq!(ticks, expected.len());
    check_distinct(&ranges, &[]);
}

/// Makes an element of a list of ranges, or rarely something else.
fn element(input: &mut Input, key: &str) -> Value {
    let mut element = Map::new();
    let keys = [key, "region", "network_border_group", "service"];
    for key in keys {
        let text = match key {
            _ if input.below(16) == 15 => input.text(24),
            "service" => "AMAZON".to_owned(),
            "region" | "network_border_group" => {
                input.pick(&["eu-west-1", "us-east-1", "us-west-2-lax-1", GLOBAL, ""]).to_owned()
            }
            _ => network_of(input).trunc().to_string(),
        };
        match input.below(32) {
            31 => drop(element.insert(key.to_owned(), input.json(&keys, &[&text], 2))),
            30 => {}
            _ => drop(element.insert(key.to_owned(), text.into())),
        }
    }
    if input.below(32) == 31 { input.json(&keys, &[""], 1) } else { element.into() }
}

/// Reads a network without host bits from a text, with the parsers of the standard library.
fn network_in(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u8 = length.parse().ok().filter(|_| !length.starts_with('+'))?;
    let (bits, host) = match address {
        IpAddr::V4(address) => (32, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    let is_aligned = length <= bits && host.checked_shl(length.into()).unwrap_or_default() == 0;
    is_aligned.then(|| IpNet::new(address, length).unwrap())
}

/// Checks [`distinct`] with the edges of these ranges and with other addresses.
fn check_distinct(ranges: &[AwsRange], addresses: &[IpAddr]) {
    let is_located = |range: &AwsRange| range.is_in_region() && range.region != GLOBAL;
    let few = distinct(ranges.to_vec(), is_located);
    for range in few.iter().filter(|range| is_located(range)) {
        let inner = few.iter().find(|inner| !is_located(inner) && range.network.contains(&inner.network));
        assert_eq!(inner, None, "within {range:?}");
    }
    let says = |range: &AwsRange| (range.region.clone(), range.border_group.clone());
    let edges = ranges.iter().flat_map(|range| [range.network.network(), range.network.broadcast()]);
    for address in edges.chain(addresses.iter().copied()) {
        let smallest = |ranges: &[AwsRange]| {
            let around = ranges.iter().filter(|range| range.network.contains(&address));
            around
                .min_by_key(|range| (255 - range.network.prefix_len(), range.region == GLOBAL, says(range)))
                .map(says)
        };
        assert_eq!(smallest(&few), smallest(ranges), "{address}");
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
