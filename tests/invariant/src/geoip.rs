//! The GeoIP database that has the place data of the addresses of all cases.

use crate::case::Case;
use std::error::Error;
use travel_core::place::{Anonymizer, Carrier};
use travel_core::rule::EvaluatedEvent;
use travel_sample::mmdb::{IpVersion, Value, Writer};

const BUILD_EPOCH: u64 = 1_772_323_200;

pub fn write(folder: &str, cases: impl Iterator<Item = Case>) -> Result<(), Box<dyn Error>> {
    let mut database = Writer::new("Invariant", IpVersion::V6, BUILD_EPOCH);
    for case in cases {
        for (address, row) in case.addresses() {
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            database.insert_prefix(address, prefix, &record(row)).map_err(|error| error.to_string())?;
        }
    }
    let bytes = database.to_bytes().map_err(|error| error.to_string())?;
    std::fs::write(std::path::Path::new(folder).join("Invariant.mmdb"), bytes)?;
    Ok(())
}

fn record(row: &EvaluatedEvent) -> Value {
    let names = |name: &str| Value::map([("names", Value::map([("en", Value::text(name))]))]);
    let mut location = vec![
        ("latitude", Value::Double(row.coordinates.latitude())),
        ("longitude", Value::Double(row.coordinates.longitude())),
    ];
    location.extend(row.accuracy_km.map(|km| ("accuracy_radius", Value::U16(km as u16))));
    let mut record = vec![("location", Value::map(location))];
    record.extend(row.city.as_deref().map(|city| ("city", names(city))));
    record.extend(row.subdivision.as_deref().map(|name| ("subdivisions", Value::Array(vec![names(name)]))));
    record.extend(
        row.country_code.as_deref().map(|code| ("country", Value::map([("iso_code", Value::text(code))]))),
    );
    record.extend(row.asn.map(|asn| ("autonomous_system_number", Value::U32(asn as u32))));
    let flags = [
        ("is_hosting_provider", row.hosting),
        ("is_mobile", row.carrier == Some(Carrier::Mobile)),
        ("is_tor_exit_node", row.anonymizer == Some(Anonymizer::Tor)),
        ("is_anonymous_vpn", row.anonymizer == Some(Anonymizer::Vpn)),
        ("is_relay", row.anonymizer == Some(Anonymizer::Relay)),
    ];
    record.extend(flags.into_iter().filter(|(_, is)| *is).map(|(flag, _)| (flag, Value::Bool(true))));
    Value::map(record)
}
