//! Every maker's layout, by records that the tests make; the makers' own files are in `database`'s tests.

use crate::record::Fields;
use crate::testing::{Value, address, city, database, map, names, text};
use Value::{Bool, Double, Float, I32, List, U16, U32, U64, U128};
use travel_core::geodesy::Coordinates;
use travel_core::place::{Anonymizer, Carrier};

fn read(record: Value) -> Fields {
    let found = database(4, &[("1.0.0.0/8", record)]).lookup(address("1.2.3.4")).unwrap().unwrap();
    (*found.0).clone()
}

fn at(latitude: f64, longitude: f64) -> Option<Coordinates> {
    Some(Coordinates::new(latitude, longitude).unwrap())
}

fn located(latitude: Value, longitude: Value) -> Option<Coordinates> {
    read(map([("latitude", latitude), ("longitude", longitude)])).coordinates
}

#[test]
fn maxmind_city_nests() {
    let fields = read(city("Paris", "FR", 48.8566, 2.3522));
    let expected = Fields {
        coordinates: at(48.8566, 2.3522),
        accuracy_km: Some(20.0),
        city: Some("Paris".into()),
        subdivision: Some("Large".into()),
        country: Some("A Country".into()),
        country_code: Some("FR".into()),
        ..Fields::default()
    };
    assert_eq!(fields, expected);
}

#[test]
fn maxmind_enterprise_says_the_rest_in_its_traits() {
    let fields = read(map([(
        "traits",
        map([
            ("autonomous_system_number", U32(3320)),
            ("autonomous_system_organization", text("Deutsche Telekom AG")),
            ("connection_type", text("Cellular")),
            ("is_anonymous_proxy", Bool(true)),
        ]),
    )]));
    assert_eq!(fields.asn, Some(3320));
    assert_eq!(fields.as_organization.as_deref(), Some("Deutsche Telekom AG"));
    assert_eq!(fields.carrier, Some(Carrier::Mobile));
    assert_eq!(fields.anonymizer, Some(Anonymizer::Proxy));
}

#[test]
fn maxmind_asn_and_connection_type_are_flat() {
    let asn = read(map([
        ("autonomous_system_number", U32(4_200_000_000)),
        ("autonomous_system_organization", text("Example")),
    ]));
    assert_eq!((asn.asn, asn.as_organization.as_deref()), (Some(4_200_000_000), Some("Example")));
    assert_eq!(read(map([("connection_type", text("Satellite"))])).carrier, Some(Carrier::Satellite));
    assert_eq!(read(map([("connection_type", text("Cable/DSL"))])).carrier, None);
}

#[test]
fn anonymizers_rank_tor_vpn_proxy_relay() {
    let kind = |flags: &[&'static str]| {
        read(Value::Map(flags.iter().map(|&flag| (flag, Bool(true))).collect())).anonymizer
    };
    assert_eq!(kind(&["is_anonymous"]), None);
    assert_eq!(kind(&["is_relay"]), Some(Anonymizer::Relay));
    assert_eq!(kind(&["is_relay", "is_residential_proxy"]), Some(Anonymizer::Proxy));
    assert_eq!(kind(&["is_public_proxy", "is_anonymous_vpn"]), Some(Anonymizer::Vpn));
    assert_eq!(kind(&["is_anonymous_vpn", "is_tor_exit_node"]), Some(Anonymizer::Tor));
}

#[test]
fn a_vpn_is_one_from_a_confidence_of_50_on() {
    let kind = |confidence: u16| {
        let confidence = ("anonymizer_confidence", U16(confidence));
        read(map([confidence, ("is_anonymous_vpn", Bool(true))])).anonymizer
    };
    assert_eq!(kind(30), None);
    assert_eq!(kind(50), Some(Anonymizer::Vpn));
    let tor = read(map([("anonymizer_confidence", U16(30)), ("is_tor_exit_node", Bool(true))]));
    assert_eq!(tor.anonymizer, Some(Anonymizer::Tor));
}

#[test]
fn a_confidence_of_ipinfo_is_a_level_and_no_percentage() {
    let record = map([("confidence", U16(3)), ("service", text("ExampleVPN")), ("vpn", Bool(true))]);
    assert_eq!(read(record).anonymizer, Some(Anonymizer::Vpn));
    let in_group = [("confidence", U16(30)), ("is_anonymous_vpn", Bool(true))];
    assert_eq!(read(map([("anonymizer", map(in_group))])).anonymizer, None);
}

#[test]
fn a_hosting_flag_is_maxminds_or_ipinfos() {
    assert!(read(map([("is_hosting_provider", Bool(true))])).hosting);
    assert!(read(map([("is_hosting", text("true"))])).hosting);
    assert!(!read(map([("is_hosting", text(""))])).hosting);
    assert!(!read(map([("is_hosting", Bool(false))])).hosting);
}

#[test]
fn db_ip_nests_without_a_radius() {
    let fields = read(map([
        ("city", names("Berlin")),
        ("country", map([("iso_code", text("DE")), ("names", map([("en", text("Germany"))]))])),
        ("location", map([("latitude", Float(52.52)), ("longitude", Float(13.405))])),
        ("subdivisions", List(vec![names("State of Berlin")])),
    ]));
    assert_eq!(fields.coordinates, at(52.52, 13.405));
    assert_eq!(fields.accuracy_km, None);
    assert_eq!(fields.subdivision.as_deref(), Some("State of Berlin"));
}

#[test]
fn ip2location_writes_a_dash_and_zeros_for_what_it_does_not_know() {
    let unknown = map([
        ("city", names("-")),
        ("country", map([("iso_code", text("-")), ("names", map([("en", text("-"))]))])),
        ("location", map([("latitude", Double(0.0)), ("longitude", Double(0.0))])),
    ]);
    assert!(read(unknown).is_empty());
    assert_eq!(located(Double(0.0), Double(0.0)), at(0.0, 0.0), "a plain 0,0 is a place");
}

#[test]
fn ip_location_db_is_flat() {
    let fields = read(map([
        ("city", text("Zürich")),
        ("country_code", text("CH")),
        ("state1", text("Zurich")),
        ("latitude", text("47.3667")),
        ("longitude", Float(8.55)),
    ]));
    assert_eq!(fields.coordinates, at(47.3667, 8.55));
    assert_eq!(fields.city.as_deref(), Some("Zürich"));
    assert_eq!(fields.subdivision.as_deref(), Some("Zurich"));
    assert_eq!((fields.country, fields.country_code.as_deref()), (None, Some("CH")));
}

#[test]
fn ipinfo_now_names_the_country() {
    let fields = read(map([
        ("as_name", text("Cloudflare, Inc.")),
        ("asn", text("AS13335")),
        ("city", text("Sydney")),
        ("country", text("Australia")),
        ("country_code", text("AU")),
        ("is_anycast", Bool(false)),
        ("is_hosting", Bool(true)),
        ("is_satellite", Bool(true)),
        ("is_mobile", Bool(true)),
        ("latitude", Double(-33.86785)),
        ("longitude", Double(151.20732)),
        ("radius", U32(50)),
        ("region", text("New South Wales")),
    ]));
    let expected = Fields {
        coordinates: at(-33.86785, 151.20732),
        accuracy_km: Some(50.0),
        city: Some("Sydney".into()),
        subdivision: Some("New South Wales".into()),
        country: Some("Australia".into()),
        country_code: Some("AU".into()),
        asn: Some(13335),
        as_organization: Some("Cloudflare, Inc.".into()),
        hosting: true,
        carrier: Some(Carrier::Satellite),
        ..Fields::default()
    };
    assert_eq!(fields, expected);
}

#[test]
fn ipinfo_before_wrote_texts_and_codes() {
    let fields = read(map([
        ("asn", text("")),
        ("city", text("")),
        ("country", text("us")),
        ("lat", text("40.71427")),
        ("lng", text("-74.00597")),
        ("radius", text("5")),
        ("vpn", text("")),
        ("proxy", text("true")),
    ]));
    let expected = Fields {
        coordinates: at(40.71427, -74.00597),
        accuracy_km: Some(5.0),
        country_code: Some("US".into()),
        anonymizer: Some(Anonymizer::Proxy),
        ..Fields::default()
    };
    assert_eq!(fields, expected);
}

#[test]
fn ipinfos_asn_file_calls_the_organisation_name() {
    let fields = read(map([("asn", text("AS3320")), ("name", text("Deutsche Telekom AG"))]));
    assert_eq!(fields.as_organization.as_deref(), Some("Deutsche Telekom AG"));
    assert!(read(map([("name", text("whatever"))])).is_empty());
}

#[test]
fn a_record_with_the_codes_of_a_carrier_is_mobile() {
    let carrier = |entries: &[(&'static str, &'static str)]| {
        read(Value::Map(entries.iter().map(|&(key, value)| (key, text(value))).collect())).carrier
    };
    let codes = [("mcc", "310"), ("mnc", "120")];
    assert_eq!(carrier(&[codes[0], codes[1], ("name", "Example Mobile")]), Some(Carrier::Mobile));
    assert_eq!(carrier(&[("carrier", "Example Mobile"), codes[0], codes[1]]), Some(Carrier::Mobile));
    assert_eq!(
        carrier(&[("name", "Example"), ("mcc", ""), ("mnc", "")]),
        None,
        "no carrier of mobile networks"
    );
    assert_eq!(carrier(&[("name", "Example"), ("mcc", "-"), ("mnc", "-")]), None);
    assert_eq!(carrier(&[("carrier", "Example")]), None);
    assert_eq!(carrier(&codes), None);
}

#[test]
fn a_residential_proxy_is_a_service_that_was_seen() {
    let service = ("service", text("example_proxies"));
    let seen = ("percent_days_seen", U16(14));
    let last_seen = ("last_seen", text("2026-02-27"));
    let kind = |entries: &[(&'static str, Value)]| read(Value::Map(entries.to_vec())).anonymizer;
    assert_eq!(kind(&[last_seen.clone(), seen.clone(), service.clone()]), Some(Anonymizer::Proxy));
    assert_eq!(kind(std::slice::from_ref(&service)), None, "any file may have a service");
    assert_eq!(kind(&[last_seen.clone(), service.clone()]), None);
    assert_eq!(kind(&[("service", text("")), seen.clone()]), None);
    // Where a record says which kinds an address is, the flags decide.
    assert_eq!(kind(&[("proxy", text("")), seen.clone(), service.clone()]), None);
    assert_eq!(kind(&[("is_vpn", Bool(true)), seen, service]), Some(Anonymizer::Vpn));
    // MaxMind's file.
    let maxmind = |confidence: u16| {
        kind(&[("anonymizer_confidence", U16(confidence)), ("network_last_seen", text("2026-02-27"))])
    };
    assert_eq!(maxmind(95), Some(Anonymizer::Proxy));
    assert_eq!(maxmind(30), None);
}

#[test]
fn files_about_contacts_registrations_and_names_locate_nothing() {
    let about = |key: &'static str| {
        read(map([
            ("city", text("Springfield")),
            ("country", text("US")),
            (key, text("x")),
            ("region", text("IL")),
        ]))
    };
    let keys = [
        "email",
        "phone",
        "address",
        "maintainer",
        "tech",
        "admin",
        "netname",
        "whois_domain",
        "rdns_domain",
        "rdns",
        "domains",
    ];
    for key in keys {
        assert!(about(key).is_empty(), "{key}");
    }
    assert!(!about("timezone").is_empty());
    let whois = read(map([("asn", text("AS64496")), ("country", text("US")), ("maintainer", text("MNT"))]));
    assert_eq!((whois.asn, whois.country_code), (Some(64496), None), "the rest is read");
    let place =
        map([("country", text("US")), ("email", text("x")), ("lat", text("40")), ("lng", text("-74"))]);
    assert_eq!(
        read(place).country_code.as_deref(),
        Some("US"),
        "a record with coordinates is about a location"
    );
}

#[test]
fn numbers_are_read_whatever_their_type() {
    let same = [Double(7.0), Float(7.0), U16(7), U32(7), U64(7), U128(7), I32(7), text("7"), text(" 7.0 ")];
    for value in same {
        assert_eq!(located(value.clone(), value.clone()), at(7.0, 7.0), "{value:?}");
        assert_eq!(read(map([("asn", value.clone())])).asn.is_some(), !matches!(value, Value::Text(" 7.0 ")));
    }
    assert_eq!(located(I32(-7), Float(48.8566)), at(-7.0, 48.8566), "no digits that the maker did not write");
}

#[test]
fn coordinates_that_are_none_locate_nothing() {
    let bad = [
        Double(f64::NAN),
        Double(f64::INFINITY),
        Float(f32::NAN),
        Double(90.5),
        Double(-1e300),
        U64(u64::MAX),
        text("nan"),
        text("inf"),
        text("north"),
        text(""),
        Bool(true),
        map([("deg", Double(1.0))]),
        List(vec![Double(1.0)]),
    ];
    for value in bad {
        assert_eq!(located(value.clone(), Double(1.0)), None, "{value:?}");
    }
    assert_eq!(located(Double(1.0), Double(180.1)), None);
    assert_eq!(read(map([("latitude", Double(1.0))])).coordinates, None, "one coordinate is none");
}

#[test]
fn a_radius_is_finite_and_not_negative() {
    let radius = |value: Value| {
        let place = [("latitude", Double(1.0)), ("longitude", Double(1.0)), ("radius", value)];
        read(map(place)).accuracy_km
    };
    assert_eq!(radius(Double(0.0)), Some(0.0));
    for bad in [Double(-1.0), Double(f64::NAN), Double(f64::INFINITY), text("")] {
        assert_eq!(radius(bad), None);
    }
    assert_eq!(read(map([("radius", U16(5))])).accuracy_km, None, "no radius around nothing");
}

#[test]
fn what_is_unknown_or_of_another_type_is_missing() {
    let odd = map([
        ("city", List(vec![])),
        ("country", Double(1.0)),
        ("country_code", text("Germany")),
        ("location", text("51,0")),
        ("traits", List(vec![map([("is_tor", Bool(true))])])),
        ("subdivisions", map([("names", text("x"))])),
        ("asn", map([("number", U32(1))])),
        ("zzz", map([("latitude", Double(1.0))])),
    ]);
    let fields = read(odd);
    assert_eq!(fields, Fields { subdivision: Some("x".into()), ..Fields::default() });
    for record in [text("US"), U32(1), Bool(true), List(vec![U32(1)]), map([])] {
        assert!(read(record).is_empty());
    }
}

#[test]
fn groups_nest_no_deeper_than_any_maker_nests_them() {
    let mut record = map([("latitude", Double(1.0)), ("longitude", Double(1.0))]);
    for _ in 0..100 {
        record = map([("location", record)]);
    }
    assert!(read(record).is_empty());
    for nest in [|value| map([("names", value)]), |value| List(vec![value])] {
        let name = (0..100).fold(text("x"), |value, _| nest(value));
        assert!(read(map([("city", name)])).is_empty());
    }
}

#[test]
fn anycast_is_nowhere() {
    let Value::Map(mut record) = city("Paris", "FR", 48.8566, 2.3522) else { unreachable!() };
    record.push(("traits", map([("is_anycast", Bool(true))])));
    let fields = read(Value::Map(record));
    assert_eq!((fields.coordinates, fields.city.as_ref(), fields.accuracy_km), (None, None, None));
    assert!(fields.anycast);
    assert_eq!(fields.country_code.as_deref(), Some("FR"));
}
