use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn scope(text: &str) -> Scope {
    match text.split_once('/') {
        Some((address, length)) => Scope::Prefix(prefix(ip(address), length.parse().unwrap())),
        None => Scope::As(text.parse().unwrap()),
    }
}

/// A row without coordinates, entered by hand, always valid.
fn row(text: &str, name: &str) -> NamedNetwork {
    NamedNetwork {
        scope: scope(text),
        name: name.into(),
        treatment: Treatment::Place,
        location: None,
        hosting: None,
        valid_from: None,
        valid_until: None,
        by_hand: true,
    }
}

fn located(row: NamedNetwork, latitude: f64, city: Option<&str>) -> NamedNetwork {
    let location = Location {
        coordinates: Coordinates::new(latitude, 10.0).unwrap(),
        city: city.map(Arc::from),
        subdivision: None,
        country: None,
        country_code: Some("CH".into()),
    };
    NamedNetwork { location: Some(location), ..row }
}

fn treated(row: NamedNetwork, treatment: Treatment) -> NamedNetwork {
    NamedNetwork { treatment, ..row }
}

fn hosted(row: NamedNetwork, hosting: &str) -> NamedNetwork {
    NamedNetwork { hosting: Some(hosting.into()), ..row }
}

/// The name of the row that gives the coordinates.
fn located_by(networks: &Networks, host: &str, asn: Option<i64>, at: i64) -> Option<String> {
    networks.resolve(ip(host), asn, at).located.map(|(row, _)| row.name.to_string())
}

/// Rows in which the first one named should win over the second.
fn assert_beats(first: NamedNetwork, second: NamedNetwork) {
    let (first, second) = (located(first, 1.0, None), located(second, 2.0, None));
    for rows in [vec![first.clone(), second.clone()], vec![second, first.clone()]] {
        let networks = Networks::new(rows);
        assert_eq!(located_by(&networks, "10.1.2.3", Some(64500), 5).as_deref(), Some(&*first.name));
    }
}

#[test]
fn a_users_row_beats_an_imported_one_whatever_their_prefixes() {
    assert_beats(row("64500", "user"), NamedNetwork { by_hand: false, ..row("10.1.2.3/32", "aws") });
}

#[test]
fn a_prefix_beats_an_as() {
    assert_beats(row("0.0.0.0/0", "prefix"), row("64500", "as"));
}

#[test]
fn the_longer_prefix_wins() {
    assert_beats(row("10.1.0.0/16", "b"), row("10.0.0.0/8", "a"));
    assert_beats(row("10.1.2.3/32", "b"), NamedNetwork { valid_from: Some(0), ..row("10.1.2.0/24", "a") });
}

#[test]
fn the_later_valid_from_wins_and_none_is_the_earliest() {
    let from = |valid_from, name| NamedNetwork { valid_from, ..row("10.0.0.0/8", name) };
    assert_beats(from(Some(5), "b"), from(Some(4), "a"));
    assert_beats(from(Some(i64::MIN), "b"), from(None, "a"));
}

#[test]
fn then_the_name_decides() {
    assert_beats(row("10.0.0.0/8", "a"), row("10.0.0.0/8", "b"));
    assert_beats(row("64500", "a"), row("64500", "b"));
}

#[test]
fn a_row_is_valid_from_its_beginning_to_before_its_end() {
    let at_home = located(row("10.0.0.0/8", "home"), 1.0, None);
    let networks = Networks::new(vec![NamedNetwork { valid_from: Some(3), valid_until: Some(5), ..at_home }]);
    let valid: Vec<i64> =
        (0..8).filter(|at| located_by(&networks, "10.0.0.1", None, *at).is_some()).collect();
    assert_eq!(valid, [3, 4]);
    assert!(networks.depend_on_time());
}

#[test]
fn without_ends_a_row_is_valid_at_every_time_infinite_ones_too() {
    let networks = Networks::new(vec![located(row("10.0.0.0/8", "home"), 1.0, None)]);
    for at in [i64::MIN, 0, i64::MAX] {
        assert!(located_by(&networks, "10.0.0.1", None, at).is_some());
    }
    assert!(!networks.depend_on_time());
}

#[test]
fn treatment_place_and_hosting_come_from_the_first_row_that_has_each() {
    let networks = Networks::new(vec![
        treated(row("10.1.2.0/24", "a"), Treatment::Trusted),
        hosted(row("10.1.0.0/16", "b"), "azure"),
        treated(hosted(located(row("10.0.0.0/8", "c"), 3.0, None), "aws"), Treatment::Ignore),
    ]);
    let resolved = networks.resolve(ip("10.1.2.3"), None, 0);
    assert_eq!(resolved.treatment(), Some(Treatment::Trusted));
    assert_eq!(resolved.located.unwrap().1.coordinates.latitude(), 3.0);
    assert_eq!(&**resolved.hosted.unwrap().1, "azure");
    assert!(!resolved.is_ignored());
    assert!(networks.resolve(ip("10.2.0.1"), None, 0).is_ignored());
    assert_eq!(networks.resolve(ip("11.0.0.1"), None, 0), Resolved::default());
}

#[test]
fn an_ipv4_mapped_prefix_or_address_is_ipv4() {
    assert_eq!(scope("::ffff:10.0.0.0/104"), scope("10.0.0.0/8"));
    assert_eq!(scope("::ffff:10.1.2.3/128"), scope("10.1.2.3/32"));
    assert_eq!(prefix(ip("10.1.2.3"), 8), prefix(ip("10.0.0.0"), 8), "host bits say nothing");
    let networks = Networks::new(vec![
        located(row("::ffff:10.0.0.0/104", "mapped"), 1.0, None),
        located(row("::/0", "all of IPv6"), 1.0, None),
    ]);
    assert_eq!(located_by(&networks, "10.0.0.1", None, 0).as_deref(), Some("mapped"));
    assert_eq!(located_by(&networks, "::ffff:10.0.0.1", None, 0).as_deref(), Some("mapped"));
    assert_eq!(located_by(&networks, "11.0.0.1", None, 0), None);
    assert_eq!(located_by(&networks, "::ffff:11.0.0.1", None, 0), None);
    assert_eq!(located_by(&networks, "2001:db8::1", None, 0).as_deref(), Some("all of IPv6"));
}

#[test]
fn coordinates_bring_all_that_says_where_and_leave_who_runs_it() {
    let known = Arc::new(Place {
        coordinates: Some(Coordinates::new(50.0, 5.0).unwrap()),
        accuracy_km: Some(7.0),
        precision: Some(Precision::City),
        city: Some("Elsewhere".into()),
        subdivision: Some("There".into()),
        country: Some("Else".into()),
        country_code: Some("EL".into()),
        network: Some(prefix(ip("10.0.0.0"), 24)),
        asn: Some(64500),
        as_organization: Some("Example".into()),
        hosting: Some("other".into()),
        anonymizer: None,
        carrier: Some(crate::place::Carrier::Mobile),
    });
    let networks = Networks::new(vec![located(row("10.0.0.0/8", "home"), 1.0, None)]);
    let place = networks.resolve(ip("10.0.0.1"), None, 0).over(Some(Arc::clone(&known))).unwrap();
    let wanted = Place {
        coordinates: Some(Coordinates::new(1.0, 10.0).unwrap()),
        accuracy_km: None,
        precision: Some(Precision::Country),
        city: None,
        subdivision: None,
        country: None,
        country_code: Some("CH".into()),
        network: Some(prefix(ip("10.0.0.0"), 8)),
        ..Place::clone(&known)
    };
    assert_eq!(*place, wanted);
    let in_city = Networks::new(vec![located(row("64500", "as"), 1.0, Some("Zug"))]);
    let place = in_city.resolve(ip("10.0.0.1"), Some(64500), 0).over(Some(Arc::clone(&known))).unwrap();
    assert_eq!(
        (place.precision, place.network),
        (Some(Precision::City), known.network),
        "an AS has no prefix of its own"
    );
    let hosting = Networks::new(vec![hosted(row("10.0.0.0/8", "cloud"), "aws")]);
    let place = hosting.resolve(ip("10.0.0.1"), None, 0).over(Some(Arc::clone(&known))).unwrap();
    assert_eq!(*place, Place { hosting: Some("aws".into()), ..Place::clone(&known) });
}

#[test]
fn of_an_address_that_geoip_does_not_know_a_network_says_all() {
    let networks = Networks::new(vec![hosted(row("10.0.0.0/8", "cloud"), "aws")]);
    let place = networks.resolve(ip("10.0.0.1"), None, 0).over(None).unwrap();
    let wanted =
        Place { hosting: Some("aws".into()), network: Some(prefix(ip("10.0.0.0"), 8)), ..Place::default() };
    assert_eq!(*place, wanted);
    let nothing = Networks::new(vec![treated(row("10.0.0.0/8", "away"), Treatment::Ignore)]);
    assert_eq!(nothing.resolve(ip("10.0.0.1"), None, 0).over(None), None);
}

/// The meaning, as it is written down: filter what is valid and covers, sort, take the first of each kind.
fn plain<'a>(rows: &'a [NamedNetwork], host: IpAddr, asn: Option<i64>, at: i64) -> Resolved<'a> {
    let covers = |scope: Scope| match (scope, address::host(host)) {
        (Scope::As(number), _) => asn == Some(number),
        (Scope::Prefix(network), host) => {
            network.addr().is_ipv4() == host.is_ipv4() && prefix(host, network.prefix_len()) == network
        }
    };
    let mut fitting: Vec<&NamedNetwork> = rows
        .iter()
        .filter(|row| covers(row.scope))
        .filter(|row| row.valid_from.unwrap_or(i64::MIN) <= at && row.valid_until.is_none_or(|end| at < end))
        .collect();
    fitting.sort_by_key(|row| {
        let length = match row.scope {
            Scope::Prefix(network) => i16::from(network.prefix_len()),
            Scope::As(_) => -1,
        };
        (!row.by_hand, Reverse(length), Reverse(row.valid_from), Arc::clone(&row.name))
    });
    Resolved {
        first: fitting.first().copied(),
        located: fitting.iter().find_map(|row| Some((*row, row.location.as_ref()?))),
        hosted: fitting.iter().find_map(|row| Some((*row, row.hosting.as_ref()?))),
    }
}

/// Addresses that share many bits, so that prefixes nest and hosts fall into them.
fn hosts() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0..4_u32, 0..4_u32).prop_map(|(high, low)| IpAddr::V4((0x0A00_0000 | high << 16 | low).into())),
        (0..4_u32, 0..4_u32).prop_map(|(high, low)| {
            IpAddr::V6(std::net::Ipv4Addr::from(0x0A00_0000 | high << 16 | low).to_ipv6_mapped())
        }),
        (0..4_u128, 0..4_u128)
            .prop_map(|(high, low)| IpAddr::V6((0x2001_0DB8_u128 << 96 | high << 64 | low).into())),
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
    ]
}

fn scopes() -> impl Strategy<Value = Scope> {
    let prefixes = (hosts(), 0..=128_u8).prop_map(|(host, length)| {
        let length = if host.is_ipv4() { length % 33 } else { length };
        Scope::Prefix(prefix(host, length))
    });
    prop_oneof![6 => prefixes, 1 => (1..4_i64).prop_map(Scope::As)]
}

fn rows() -> impl Strategy<Value = NamedNetwork> {
    let treatment =
        prop::sample::select(vec![Treatment::Place, Treatment::Vpn, Treatment::Trusted, Treatment::Ignore]);
    let time = || prop::option::of(0..6_i64);
    (scopes(), treatment, any::<bool>(), any::<bool>(), time(), time(), any::<bool>()).prop_map(
        |(scope, treatment, has_place, has_hosting, valid_from, valid_until, by_hand)| {
            let mut row =
                NamedNetwork { scope, treatment, valid_from, valid_until, by_hand, ..row("0.0.0.0/0", "") };
            if has_place {
                row = located(row, 1.0, None);
            }
            if has_hosting {
                row = hosted(row, "aws");
            }
            row
        },
    )
}

proptest! {
    #[test]
    fn the_set_says_what_a_sorted_list_says(
        rows in prop::collection::vec(rows(), 0..24),
        questions in prop::collection::vec((hosts(), prop::option::of(0..4_i64), -1..7_i64), 1..24),
    ) {
        // Names tell every two rows apart, but say nothing of the order in which they come.
        let rows: Vec<NamedNetwork> = rows
            .into_iter()
            .enumerate()
            .map(|(i, row)| NamedNetwork { name: format!("{}", i * 7 % 24).into(), ..row })
            .collect();
        let networks = Networks::new(rows.clone());
        for (host, asn, at) in questions {
            prop_assert_eq!(networks.resolve(host, asn, at), plain(&rows, host, asn, at));
        }
    }

    #[test]
    fn a_prefix_that_ends_at_the_last_address_covers_it(length in 0..=32_u8) {
        let networks = Networks::new(vec![row(&format!("255.255.255.255/{length}"), "end")]);
        prop_assert!(networks.resolve(ip("255.255.255.255"), None, 0).treatment().is_some());
        prop_assert_eq!(networks.resolve(ip("0.0.0.0"), None, 0).treatment().is_some(), length == 0);
    }
}
