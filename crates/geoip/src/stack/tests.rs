//! What wins when several databases know an address.

use super::*;
use crate::testing::{Value, address, city, database, map, real_file, text};
use travel_core::place::Anonymizer;

fn stack(databases: &[(u8, &[(&str, Value)])]) -> Stack {
    Stack::new(databases.iter().map(|(version, networks)| (Arc::from("test"), database(*version, networks))))
}

fn place(stack: &Stack, text: &str) -> Place {
    (*stack.locate(address(text)).unwrap().unwrap()).clone()
}

fn asn(number: u32) -> Value {
    map([("asn", Value::U32(number)), ("as_name", text("An organisation"))])
}

#[test]
fn what_belongs_together_comes_from_the_first_file_with_coordinates() {
    let named = map([("city", text("Elsewhere")), ("country_code", text("FR")), ("radius", Value::U16(1))]);
    let Value::Map(mut second) = city("London", "GB", 51.5, -0.1) else { unreachable!() };
    second.retain(|(key, _)| *key != "subdivisions");
    let third = city("Paris", "FR", 48.8, 2.3);
    let stack = stack(&[
        (4, &[("1.0.0.0/24", named)]),
        (4, &[("1.0.0.0/16", Value::Map(second))]),
        (4, &[("1.0.0.0/8", third)]),
    ]);
    let place = place(&stack, "1.0.0.1");
    assert_eq!(place.city.as_deref(), Some("London"));
    assert_eq!(place.subdivision, None, "not another file's");
    assert_eq!(place.country_code.as_deref(), Some("GB"), "the country of the coordinates");
    assert_eq!(place.accuracy_km, Some(20.0));
    assert_eq!(place.network.unwrap().prefix_len(), 16, "the prefix of the coordinates");
    assert_eq!(place.precision, Some(Precision::City));
}

#[test]
fn a_record_without_a_city_is_as_fine_as_its_country() {
    let stack = stack(&[(4, &[("1.0.0.0/8", map([("lat", Value::I32(1)), ("lng", Value::I32(2))]))])]);
    assert_eq!(place(&stack, "1.0.0.1").precision, Some(Precision::Country));
}

#[test]
fn a_country_comes_from_elsewhere_when_the_located_record_has_none() {
    let stack = stack(&[
        (4, &[("1.0.0.0/8", map([("lat", Value::I32(1)), ("lng", Value::I32(2))]))]),
        (4, &[("1.0.0.0/8", map([("country", text("Chile")), ("country_code", text("CL"))]))]),
    ]);
    let place = place(&stack, "1.0.0.1");
    assert_eq!((place.country.as_deref(), place.country_code.as_deref()), (Some("Chile"), Some("CL")));
}

#[test]
fn without_coordinates_the_longest_prefix_counts() {
    let stack = stack(&[
        (4, &[("1.0.0.0/8", asn(3320))]),
        (4, &[("1.0.0.0/24", map([("is_tor", Value::Bool(true))]))]),
        (4, &[("1.0.0.0/30", map([]))]),
    ]);
    let place = place(&stack, "1.0.0.1");
    assert_eq!(place.network.unwrap().prefix_len(), 24, "an empty record gives nothing");
    assert_eq!((place.asn, place.anonymizer), (Some(3320), Some(Anonymizer::Tor)));
    assert_eq!((place.coordinates, place.precision), (None, None));
}

#[test]
fn a_provider_s_name_beats_the_flag() {
    let flag = || map([("is_hosting_provider", Value::Bool(true))]);
    let stack = stack(&[
        (4, &[("1.0.0.0/8", flag()), ("2.0.0.0/8", flag())]),
        (
            4,
            &[
                ("1.0.0.0/8", asn(16509)),
                ("2.0.0.0/8", asn(3320)),
                ("3.0.0.0/8", asn(14061)),
                ("4.0.0.0/8", asn(1)),
            ],
        ),
    ]);
    let hosting = |text: &str| place(&stack, text).hosting;
    assert_eq!(hosting("1.0.0.1").as_deref(), Some("aws"));
    assert_eq!(hosting("2.0.0.1").as_deref(), Some("other"));
    assert_eq!(hosting("3.0.0.1").as_deref(), Some("digitalocean"), "a name needs no flag");
    assert_eq!(hosting("4.0.0.1"), None);
}

#[test]
fn anycast_in_any_file_is_nowhere_in_all() {
    let flag = map([("is_anycast", Value::Bool(true)), ("asn", Value::U32(1))]);
    let stack =
        stack(&[(4, &[("1.0.0.0/8", city("London", "GB", 51.5, -0.1))]), (4, &[("1.0.0.0/16", flag)])]);
    let anycast = place(&stack, "1.0.0.1");
    assert_eq!((anycast.coordinates, anycast.city, anycast.precision), (None, None, None));
    assert_eq!((anycast.accuracy_km, anycast.subdivision, anycast.asn), (None, None, Some(1)));
    assert_eq!(stack.coordinates(address("1.0.0.1")).unwrap(), None);
    assert!(place(&stack, "1.1.0.1").coordinates.is_some(), "its neighbour is where it was");
}

#[test]
fn nothing_known_is_no_place() {
    let only_anycast = map([("is_anycast", Value::Bool(true))]);
    let stack = stack(&[(4, &[("1.0.0.0/8", map([])), ("2.0.0.0/8", only_anycast)])]);
    for text in ["1.0.0.1", "2.0.0.1", "3.0.0.1", "2001:db8::1"] {
        assert_eq!(stack.locate(address(text)).unwrap(), None, "{text}");
        assert_eq!(stack.locate(address(text)).unwrap(), None, "{text}, from the cache");
    }
    assert!(Stack::new([]).is_empty());
    assert_eq!(Stack::new([]).locate(address("1.0.0.1")).unwrap(), None);
}

#[test]
fn files_split_by_address_version_combine() {
    let stack = stack(&[
        (4, &[("1.0.0.0/8", city("London", "GB", 51.5, -0.1))]),
        (6, &[("2001:db8::/32", city("Paris", "FR", 48.8, 2.3))]),
    ]);
    assert_eq!(place(&stack, "1.0.0.1").city.as_deref(), Some("London"));
    assert_eq!(place(&stack, "2001:db8::1").city.as_deref(), Some("Paris"));
}

/// Among more addresses than the cache has slots, every answer is that of its own address, also the second time.
#[test]
fn the_cache_never_answers_with_another_address() {
    let codes = ["AA", "BB", "CC", "DD"];
    let networks: Vec<(String, Value)> = (0..256_u32)
        .map(|at| (format!("{at}.0.0.0/8"), city("X", codes[at as usize % 4], f64::from(at) / 4.0, 0.0)))
        .collect();
    let networks: Vec<(&str, Value)> =
        networks.iter().map(|(net, value)| (net.as_str(), value.clone())).collect();
    let stack = stack(&[(6, &networks)]);
    for _ in 0..2 {
        for at in 0..100_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(at.wrapping_mul(0x9E37_79B1));
            let latitude = f64::from(address.octets()[0]) / 4.0;
            let (coordinates, radius) = stack.coordinates(address.into()).unwrap().unwrap();
            assert_eq!((coordinates.latitude(), radius), (latitude, Some(20.0)));
            let place = stack.locate(address.into()).unwrap().unwrap();
            assert_eq!(place.coordinates, Some(coordinates));
        }
    }
    // The IPv4-mapped form is another key than the IPv6 address of the same bits: hosts are unwrapped by the caller.
    assert!(stack.locate(address("2001:db8::1")).unwrap().is_none());
}

#[test]
fn real_city_asn_and_anonymous_files_combine() {
    let names = ["GeoLite2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb", "GeoIP2-Anonymous-IP-Test.mmdb"];
    let Some(paths) = names.iter().map(|name| real_file(name)).collect::<Option<Vec<_>>>() else { return };
    let stack = Stack::new(paths.into_iter().map(|path| {
        let database = Database::from_bytes(std::fs::read(&path).unwrap()).unwrap();
        (Arc::from(path.to_string_lossy()), Rc::new(database))
    }));
    let london = place(&stack, "81.2.69.142");
    assert_eq!(london.city.as_deref(), Some("London"));
    assert_eq!(london.anonymizer, Some(Anonymizer::Tor));
    assert_eq!(london.hosting.as_deref(), Some("other"));
}
