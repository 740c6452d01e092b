//! GeoIP files.

use crate::input::Input;
use ipnet::{IpNet, Ipv4Net};
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde::{Serialize, Serializer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use travel_geoip::record::PROVIDED;
use travel_geoip::{Database, Fields, Stack};

/// Any bytes are refused, or answer for every address. A file that was verified answers without an error.
pub fn file(data: &[u8]) {
    let Ok(database) = Database::from_bytes(data.to_vec()) else { return };
    let addresses = addresses(database.ip_version());
    let answers: Vec<_> = addresses.iter().map(|address| database.lookup(*address).ok()).collect();
    if database.verify(&mut || {}).is_err() {
        return;
    }
    for (address, answer) in addresses.iter().zip(answers) {
        let answer = answer.unwrap_or_else(|| panic!("{address} has no answer in a verified file"));
        if let Some((fields, network)) = answer {
            check_fields(&fields);
            assert!(network.contains(address), "{address} is not in {network}");
        }
    }
    assert!(database.provides().iter().all(|name| PROVIDED.contains(name)));
    let _ = (database.locates(), database.unrecognized_keys(), database.built_at());
    let database = Rc::new(database);
    let stack = Stack::new([("a".into(), Rc::clone(&database)), ("b".into(), database)]);
    for address in addresses {
        let coordinates = stack.coordinates(address).unwrap();
        let place = stack.locate(address).unwrap();
        let located = place.and_then(|place| Some((place.coordinates?, place.accuracy_km)));
        assert_eq!(coordinates, located, "{address}");
    }
}

/// A valid file answers for an address with the record of its network, and for no other address. A few bytes of the file
/// are then changed, and [`file`] reads it.
pub fn lookup(data: &[u8]) {
    let mut input = Input::new(data);
    let version = if input.is() { 6 } else { 4 };
    let mut networks: Vec<(IpNet, Record)> = Vec::new();
    for _ in 0..=input.below(8) {
        let address: IpAddr = match version {
            4 => Ipv4Addr::from_bits(input.u32()).into(),
            _ => Ipv6Addr::from_bits(input.u128() | 1 << 125).into(),
        };
        let longest = if version == 4 { 32 } else { 128 };
        let Ok(network) = IpNet::new(address, 1 + input.below(longest) as u8) else { continue };
        let network = network.trunc();
        let record = Record::of(&mut input);
        // Which of two networks within each other wins is a matter of the writer of the file.
        if networks.iter().all(|(other, _)| !other.contains(&network) && !network.contains(other)) {
            networks.push((network, record));
        }
    }
    let Some(bytes) = written(version, &networks) else { return };
    let database = Database::from_bytes(bytes.clone()).unwrap();
    database.verify(&mut || {}).unwrap();
    for address in
        addresses(version.into()).into_iter().chain(networks.iter().map(|(network, _)| network.addr()))
    {
        let found = database.lookup(address).unwrap();
        // A file of version 6 has IPv4 addresses within ::/96.
        let key = match address {
            IpAddr::V4(v4) if version == 6 => v4.to_ipv6_compatible().into(),
            address => address,
        };
        let expected = networks.iter().find(|(network, _)| network.contains(&key));
        match (found, expected) {
            (None, None) => {}
            (Some((fields, network)), Some((wanted, record))) => {
                let is_around = address.is_ipv4() && version == 6;
                assert_eq!(network, if is_around { Ipv4Net::default().into() } else { *wanted });
                check_fields(&fields);
                record.check(&fields);
            }
            (found, expected) => panic!("{address}: {found:?}, not {expected:?}"),
        }
    }
    let mut damaged = bytes;
    while !input.is_empty() {
        let at = input.below(damaged.len());
        damaged[at] = input.byte();
    }
    file(&damaged);
}

/// Addresses of all parts of the address space.
fn addresses(version: u16) -> Vec<IpAddr> {
    let v4 = (0..24_u32).map(|n| Ipv4Addr::from_bits(n.wrapping_mul(0x1357_9BDF)).into());
    let v6 = (0..24_u128).map(|n| Ipv6Addr::from_bits((n * 0x1234_5678_9ABC_DEF1) << 64 | n).into());
    let v6: Vec<IpAddr> = if version == 6 { v6.collect() } else { Vec::new() };
    v4.chain(v6).chain([Ipv4Addr::BROADCAST.into()]).collect()
}

fn check_fields(fields: &Fields) {
    assert!(fields.accuracy_km.is_none_or(|radius| radius.is_finite() && radius >= 0.0), "{fields:?}");
    assert!(fields.coordinates.is_some() || fields.accuracy_km.is_none(), "{fields:?}");
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    assert!(fields.country_code.as_deref().is_none_or(is_code), "{fields:?}");
    assert!(!fields.anycast || (fields.coordinates.is_none() && fields.city.is_none()), "{fields:?}");
}

/// A record of a file.
#[derive(Debug)]
enum Record {
    /// A record as MaxMind writes it.
    City { latitude: f64, longitude: f64, radius: u16, city: String },
    /// Any value.
    Any(Value),
}

/// A value with its type in MMDB.
#[derive(Debug)]
enum Value {
    Text(String),
    Double(f64),
    Float(f32),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    I32(i32),
    Bool(bool),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

const KEYS: [&str; 40] = [
    "location",
    "traits",
    "anonymizer",
    "privacy",
    "geo",
    "as",
    "latitude",
    "lat",
    "longitude",
    "lng",
    "accuracy_radius",
    "radius",
    "city",
    "subdivisions",
    "region",
    "state1",
    "country",
    "country_name",
    "country_code",
    "asn",
    "autonomous_system_number",
    "as_name",
    "name",
    "names",
    "en",
    "iso_code",
    "is_anycast",
    "hosting",
    "is_vpn",
    "is_tor",
    "is_proxy",
    "is_relay",
    "is_mobile",
    "is_satellite",
    "connection_type",
    "confidence",
    "carrier",
    "mcc",
    "service",
    "email",
];

const TEXTS: [&str; 10] =
    ["", "-", "US", "United States", "AS64500", "51.5", "-0.12", "true", "cellular", "London"];

impl Record {
    fn of(input: &mut Input) -> Self {
        if input.is() {
            return Self::Any(Value::map(input, 4));
        }
        let (latitude, longitude) =
            (input.pick(&[51.5, 0.0, -90.0, 1e9, f64::NAN]), input.i64() as i32 as f64 / 1e7);
        Self::City { latitude, longitude, radius: input.u32() as u16, city: input.text(20).replace('\0', "") }
    }

    fn check(&self, fields: &Fields) {
        let Self::City { latitude, longitude, radius, city } = self else { return };
        let is_place = (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude);
        let found = fields.coordinates.map(|at| (at.latitude(), at.longitude()));
        assert_eq!(found, is_place.then_some((*latitude + 0.0, *longitude + 0.0)));
        assert_eq!(fields.accuracy_km, is_place.then_some(f64::from(*radius)));
        let is_name = !city.trim().is_empty() && city.trim() == city && city != "-";
        assert!(!is_name || fields.city.as_deref() == Some(city), "{city:?}: {fields:?}");
    }
}

impl Value {
    fn map(input: &mut Input, depth: usize) -> Self {
        let count = input.below(8);
        let mut entries: Vec<(String, Self)> = Vec::new();
        for _ in 0..count {
            let key = if input.below(16) == 15 { input.text(8) } else { input.pick(&KEYS).to_owned() };
            let value = Self::of(input, depth);
            if entries.iter().all(|(known, _)| *known != key) {
                entries.push((key, value));
            }
        }
        Self::Map(entries)
    }

    fn of(input: &mut Input, depth: usize) -> Self {
        match input.below(if depth == 0 { 10 } else { 14 }) {
            0 => Self::Text(input.pick(&TEXTS).to_owned()),
            1 => Self::Text(input.text(300)),
            2 => Self::Double(input.f64()),
            3 => Self::Float(input.f64() as f32),
            4 => Self::U16(input.u32() as u16),
            5 => Self::U32(input.u32()),
            6 => Self::U64(input.i64() as u64),
            7 => Self::U128(input.u128()),
            8 => Self::I32(input.u32() as i32),
            9 => Self::Bool(input.is()),
            10 | 11 => Self::List((0..input.below(4)).map(|_| Self::of(input, depth - 1)).collect()),
            _ => Self::map(input, depth - 1),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => value.serialize(serializer),
            Self::Double(value) => value.serialize(serializer),
            Self::Float(value) => value.serialize(serializer),
            Self::U16(value) => value.serialize(serializer),
            Self::U32(value) => value.serialize(serializer),
            Self::U64(value) => value.serialize(serializer),
            Self::U128(value) => value.serialize(serializer),
            Self::I32(value) => value.serialize(serializer),
            Self::Bool(value) => value.serialize(serializer),
            Self::List(values) => values.serialize(serializer),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = |entries: Vec<(&str, Value)>| {
            Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        match self {
            Self::Any(value) => value.serialize(serializer),
            Self::City { latitude, longitude, radius, city } => map(vec![
                ("city", map(vec![("names", map(vec![("en", Value::Text(city.clone()))]))])),
                (
                    "location",
                    map(vec![
                        ("accuracy_radius", Value::U16(*radius)),
                        ("latitude", Value::Double(*latitude)),
                        ("longitude", Value::Double(*longitude)),
                    ]),
                ),
            ])
            .serialize(serializer),
        }
    }
}

/// The bytes of a file. `None` if the writer cannot write these values.
fn written(version: u8, networks: &[(IpNet, Record)]) -> Option<Vec<u8>> {
    let mut database = maxminddb_writer::Database::default();
    database.metadata.ip_version = if version == 4 { IpVersion::V4 } else { IpVersion::V6 };
    database.metadata.database_type = "Test".into();
    database.metadata.binary_format_major_version = 2;
    database.metadata.build_epoch = 1_700_000_000;
    database.metadata.description.insert("en".into(), "made by a test".into());
    for (network, record) in networks {
        let reference = database.insert_value(record).ok()?;
        database.insert_node(IpAddrWithMask::new(network.addr(), network.prefix_len()), reference);
    }
    database.write_to(Vec::new()).ok()
}
