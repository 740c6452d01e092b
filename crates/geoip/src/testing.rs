//! Small databases for the tests, and the location of real ones.

use crate::database::Database;
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde::{Serialize, Serializer};
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;

/// A value with its type in MMDB.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(&'static str),
    Double(f64),
    Float(f32),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    I32(i32),
    Bool(bool),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
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

pub(crate) fn text(value: &'static str) -> Value {
    Value::Text(value)
}

pub(crate) fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    Value::Map(entries.into())
}

pub(crate) fn names(english: &'static str) -> Value {
    map([("names", map([("de", text("Anders")), ("en", text(english))]))])
}

/// A MaxMind City record.
pub(crate) fn city(name: &'static str, code: &'static str, latitude: f64, longitude: f64) -> Value {
    let location = [
        ("accuracy_radius", Value::U16(20)),
        ("latitude", Value::Double(latitude)),
        ("longitude", Value::Double(longitude)),
    ];
    map([
        ("city", names(name)),
        ("country", map([("iso_code", text(code)), ("names", map([("en", text("A Country"))]))])),
        ("location", map(location)),
        ("subdivisions", Value::List(vec![names("Large"), names("Small")])),
    ])
}

/// The bytes of a database. A database of version 6 has IPv4 networks under `::/96`, where all makers put them.
pub(crate) fn bytes(ip_version: u8, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut database = maxminddb_writer::Database::default();
    database.metadata.ip_version = if ip_version == 4 { IpVersion::V4 } else { IpVersion::V6 };
    database.metadata.database_type = "Test".into();
    database.metadata.binary_format_major_version = 2;
    database.metadata.build_epoch = 1_700_000_000;
    database.metadata.description.insert("en".into(), "made by a test".into());
    for (network, value) in networks {
        let reference = database.insert_value(value).unwrap();
        let mut network: IpAddrWithMask = network.parse().unwrap();
        if let (6, IpAddr::V4(v4)) = (ip_version, network.addr) {
            let inside = v4.to_ipv6_compatible();
            network = IpAddrWithMask::new(inside.into(), network.mask + 96);
        }
        database.insert_node(network, reference);
    }
    database.write_to(Vec::new()).unwrap()
}

pub(crate) fn database(ip_version: u8, networks: &[(&str, Value)]) -> Rc<Database> {
    let database = Database::from_bytes(bytes(ip_version, networks)).unwrap();
    database.verify(&mut || {}).unwrap();
    Rc::new(database)
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A real database, if it is available beside the checkout.
pub(crate) fn real_file(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = data.join("geoip").join(name);
    if !path.is_file() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}
