//! Lookups, the makers' own files, and files that are damaged.

use super::*;
use crate::testing::{Value, address, bytes, city, database, map, real_file, text};

fn network(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn the_network_of_an_ipv4_address_is_an_ipv4_network() {
    let networks =
        [("81.2.69.0/24", city("London", "GB", 51.5, -0.1)), ("2001:db8::/32", city("X", "DE", 1.0, 1.0))];
    let database = database(6, &networks);
    let found = |text: &str| database.lookup(address(text)).unwrap().map(|(_, network)| network);
    assert_eq!(found("81.2.69.160"), Some(network("81.2.69.0/24")));
    assert_eq!(found("2001:db8::7"), Some(network("2001:db8::/32")));
    assert_eq!(found("81.2.70.1"), None);
    assert_eq!(found("2001:db9::"), None);
}

#[test]
fn one_record_for_everything_is_one_for_all_of_ipv4() {
    let database = database(6, &[("::/1", city("X", "DE", 1.0, 1.0))]);
    let (_, found) = database.lookup(address("8.8.8.8")).unwrap().unwrap();
    assert_eq!(found, network("0.0.0.0/0"));
}

#[test]
fn a_database_of_ipv4_knows_no_ipv6_address_and_says_so_quietly() {
    let database = database(4, &[("81.2.69.0/24", city("London", "GB", 51.5, -0.1))]);
    assert!(database.lookup(address("2001:db8::1")).unwrap().is_none());
    assert!(database.lookup(address("81.2.69.1")).unwrap().is_some());
}

#[test]
fn a_record_is_decoded_once_for_all_its_networks() {
    let database = database(4, &[("1.0.0.0/8", city("London", "GB", 51.5, -0.1))]);
    let first = database.lookup(address("1.0.0.1")).unwrap().unwrap().0;
    let second = database.lookup(address("1.200.0.1")).unwrap().unwrap().0;
    assert!(Rc::ptr_eq(&first, &second));
}

#[test]
fn what_a_database_provides_is_seen_in_its_records() {
    let networks = [
        ("1.0.0.0/8", map([("is_tor", Value::Bool(true))])),
        ("128.0.0.0/2", map([("asn", text("AS1")), ("country", text("DE"))])),
    ];
    assert_eq!(database(4, &networks).provides(), ["country", "asn", "anonymizer"]);
    let city = database(6, &[("2000::/3", city("London", "GB", 51.5, -0.1))]);
    assert_eq!(city.provides(), ["coordinates", "accuracy_km", "city", "subdivision", "country"]);
}

#[test]
fn a_database_in_which_nothing_is_recognized_names_its_keys() {
    let keys = |networks: &[(&str, Value)]| database(4, networks).unrecognized_keys();
    let domains = || map([("total", Value::U32(2)), ("domains", text("example.com"))]);
    let expected = ["domains", "host", "total"].map(str::to_owned).to_vec();
    assert_eq!(keys(&[("1.0.0.0/8", domains()), ("2.0.0.0/8", map([("host", text("x"))]))]), Some(expected));
    assert_eq!(keys(&[("1.0.0.0/8", domains()), ("2.0.0.0/8", map([("asn", text("AS1"))]))]), None);
    assert_eq!(keys(&[("1.0.0.0/8", map([("is_anycast", Value::Bool(true))]))]), None);
    assert_eq!(keys(&[("1.0.0.0/8", text("no map"))]), Some(Vec::new()));
}

#[test]
fn the_makers_own_files_are_read() {
    let open =
        |name: &str| real_file(name).map(|path| Database::from_bytes(std::fs::read(path).unwrap()).unwrap());
    let fields = |database: &Database, text: &str| {
        (*database.lookup(address(text)).unwrap().unwrap_or_else(|| panic!("{text}")).0).clone()
    };
    if let Some(database) = open("GeoLite2-City-Test.mmdb") {
        database.verify(&mut || {}).unwrap();
        let london = fields(&database, "81.2.69.142");
        assert_eq!(london.city.as_deref(), Some("London"));
        assert_eq!(london.subdivision.as_deref(), Some("England"));
        assert_eq!(london.accuracy_km, Some(10.0));
    }
    if let Some(database) = open("GeoLite2-ASN-Test.mmdb") {
        assert_eq!(fields(&database, "1.128.0.0").asn, Some(1221));
    }
    if let Some(database) = open("GeoIP2-Anonymous-IP-Test.mmdb") {
        assert!(fields(&database, "81.2.69.142").anonymizer.is_some());
        assert!(fields(&database, "81.2.69.142").hosting);
    }
    for name in
        ["ip_geolocation_standard_sample.mmdb", "ipinfo_location_sample.mmdb", "ipinfo_plus_sample.mmdb"]
    {
        let Some(database) = open(name) else { continue };
        database.verify(&mut || {}).unwrap();
        let mut located = 0;
        let mut all = 0;
        for found in database.reader.networks(Default::default()).unwrap() {
            let fields: Fields = found.unwrap().decode().unwrap().unwrap();
            all += 1;
            located += u32::from(fields.coordinates.is_some());
            let code = fields.country_code.as_deref().unwrap_or("XX");
            assert!(
                code.len() == 2 && fields.country.as_deref().is_none_or(|name| name.len() > 2),
                "{fields:?}"
            );
        }
        assert!(located * 10 >= all * 9, "{name}: {located} of {all} located");
    }
}

#[test]
fn a_database_without_a_description_is_checked_all_the_same() {
    let good = undescribed();
    Database::from_bytes(good.clone()).unwrap().verify(&mut || {}).unwrap();

    let mut bad = good;
    let at = bad.windows(6).position(|window| window == b"London").unwrap();
    bad[at] = 0xFF;
    Database::from_bytes(bad).unwrap().verify(&mut || {}).unwrap_err();
}

#[test]
fn the_check_reads_what_lookups_skip() {
    let city = |more: Value| {
        let Value::Map(mut entries) = city("London", "GB", 51.5, -0.1) else { unreachable!() };
        entries.push(("unknown", more));
        bytes(4, &[("1.0.0.0/8", Value::Map(entries))])
    };
    let nested = |depth: usize| (0..depth).fold(text("innermost"), |inner, _| Value::List(vec![inner]));
    let every_type = Value::List(vec![
        Value::Float(1.0),
        Value::Double(1.0),
        Value::U16(1),
        Value::U32(1),
        Value::U64(1),
        Value::U128(1),
        Value::I32(-1),
        Value::Bool(true),
        map([("key", text("text"))]),
    ]);
    let verified = |bytes: Vec<u8>| Database::from_bytes(bytes).unwrap().verify(&mut || {});
    verified(city(every_type)).unwrap();
    verified(city(nested(100))).unwrap();
    verified(city(nested(200))).unwrap_err();

    let mut bad = city(text("a text"));
    let at = bad.windows(6).position(|window| window == b"a text").unwrap();
    bad[at] = 0xFF;
    assert!(Database::from_bytes(bad.clone()).unwrap().lookup(address("1.2.3.4")).unwrap().is_some());
    verified(bad).unwrap_err();
}

#[test]
fn the_check_requires_a_separator_between_the_tree_and_the_records() {
    let good = bytes(4, &[("1.0.0.0/8", city("London", "GB", 51.5, -0.1))]);
    let metadata = Reader::from_source(good.clone()).unwrap().metadata().clone();
    let tree = metadata.node_count as usize * usize::from(metadata.record_size) / 4;
    for at in tree..tree + 16 {
        let mut bad = good.clone();
        bad[at] = 1;
        Database::from_bytes(bad).unwrap().verify(&mut || {}).unwrap_err();
    }
}

#[test]
fn the_walks_over_a_whole_file_can_be_interrupted() {
    let record = || map([("asn", text("AS13335"))]);
    // Every other network, because neighbors with the same record would be one network in the tree.
    let networks: Vec<String> = (0..3 * STEP).map(|n| format!("1.{}.{}.0/25", n >> 8, n & 255)).collect();
    let networks: Vec<(&str, Value)> = networks.iter().map(|network| (network.as_str(), record())).collect();
    let database = Database::from_bytes(bytes(4, &networks)).unwrap();
    let mut calls = 0;
    database.verify(&mut || calls += 1).unwrap();
    assert!(calls >= 3, "{calls}");
    calls = 0;
    assert!(!database.find_locates(&mut || calls += 1).anything());
    assert!(calls >= 3, "{calls}");
}

/// A database whose maker left out all that can be left out.
fn undescribed() -> Vec<u8> {
    let mut database = maxminddb_writer::Database::default();
    database.metadata.binary_format_major_version = 2;
    let reference = database.insert_value(city("London", "GB", 51.5, -0.1)).unwrap();
    database.insert_node("1.0.0.0/8".parse::<maxminddb_writer::paths::IpAddrWithMask>().unwrap(), reference);
    database.write_to(Vec::new()).unwrap()
}

/// Damage of every kind ends in `Err` or in wrong data, never in a panic, nor in more stack than this: the decoder
/// follows chains of pointers 512 deep, in frames that are several times larger where they are not optimized.
#[test]
fn damaged_bytes_never_panic() {
    let stack = if cfg!(debug_assertions) { 8 << 20 } else { 512 << 10 };
    let damage = std::thread::Builder::new().stack_size(stack).spawn(damage_and_look);
    damage.unwrap().join().unwrap();
}

fn damage_and_look() {
    let networks = [
        ("1.0.0.0/8", city("London", "GB", 51.5, -0.1)),
        ("81.2.69.0/24", city("Paris", "FR", 48.8566, 2.3522)),
        ("2001:db8::/32", map([("asn", text("AS13335")), ("is_tor", Value::Bool(true))])),
    ];
    let mut originals = vec![bytes(4, &networks[..2]), bytes(6, &networks), undescribed()];
    originals.extend(real_file("ipinfo_location_sample.mmdb").map(|path| std::fs::read(path).unwrap()));
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let (mut opened, mut refused) = (0, 0);
    for round in 0..8000 {
        let mut damaged = originals[round % originals.len()].clone();
        for _ in 0..1 + next(8) {
            let at = next(damaged.len());
            damaged[at] = match next(3) {
                0 => damaged[at] ^ (1 << next(8)),
                1 => 0xFF,
                _ => next(256) as u8,
            };
        }
        if next(4) == 0 {
            damaged.truncate(next(damaged.len()));
        }
        let survived = std::panic::catch_unwind(|| {
            let Ok(database) = Database::from_bytes(damaged) else { return false };
            let verified = database.verify(&mut || {}).is_ok();
            for text in ["1.2.3.4", "81.2.69.7", "9.9.9.9", "2001:db8::1", "2000::", "::"] {
                let _ = database.lookup(address(text));
            }
            database.provides();
            database.unrecognized_keys();
            verified
        });
        match survived.unwrap_or_else(|_| panic!("round {round}")) {
            true => opened += 1,
            false => refused += 1,
        }
    }
    assert!(opened > 100 && refused > 1000, "{opened} {refused}");
}

/// Coordinates of one record anywhere are found; those of anycast records are none; a file of version 4 has none for
/// IPv6.
#[test]
fn a_database_knows_for_which_kinds_of_addresses_it_has_coordinates() {
    let asn = || map([("autonomous_system_number", Value::U32(64496))]);
    let anycast = || {
        let Value::Map(mut entries) = city("London", "GB", 51.5, 0.1) else { unreachable!() };
        entries.push(("traits", map([("is_anycast", Value::Bool(true))])));
        Value::Map(entries)
    };
    let locates = |version, networks: &[(&str, Value)]| {
        let Locates { ipv4, ipv6 } = database(version, networks).locates();
        (ipv4, ipv6)
    };
    let london = || city("London", "GB", 51.5, 0.1);
    assert_eq!(locates(4, &[("192.0.2.0/24", london())]), (true, false));
    assert_eq!(locates(6, &[("192.0.2.0/24", london())]), (true, false));
    assert_eq!(locates(6, &[("2001:db8::/32", london())]), (false, true));
    assert_eq!(locates(6, &[("192.0.2.0/24", london()), ("2001:db8::/32", london())]), (true, true));
    assert_eq!(locates(6, &[("192.0.2.0/24", asn()), ("2001:db8::/32", asn())]), (false, false));
    assert_eq!(locates(4, &[("192.0.2.0/24", anycast())]), (false, false));
    let late = [("1.0.0.0/8", asn()), ("203.0.113.7/32", london()), ("203.0.113.8/32", asn())];
    assert_eq!(locates(4, &late), (true, false));
}
