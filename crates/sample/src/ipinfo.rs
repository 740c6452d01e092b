//! Files in the layouts of IPinfo that are not about locations, over the ranges of the sample databases. Tests use
//! them; the demo does not.
//!
//! | file | what it shows |
//! |---|---|
//! | `IPinfo-Carrier.mmdb` | a mobile carrier: Tokyo |
//! | `IPinfo-Residential-Proxy.mmdb` | a residential proxy at an address in London |
//! | `IPinfo-Abuse.mmdb`, `IPinfo-Whois.mmdb` | the country of a contact or a company, for addresses that no file locates |
//! | `IPinfo-rDNS.mmdb`, `IPinfo-Domains.mmdb` | names |

use crate::geoip::BUILD_EPOCH;
use crate::mmdb::{Error, IpVersion, Value, Writer};

/// The files, each with its name.
pub fn files() -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let text = |entries: &[(&str, &str)]| {
        Value::map(entries.iter().map(|(key, value)| ((*key).to_owned(), Value::text(*value))))
    };
    // No file of the sample has this range.
    let nowhere = "198.51.100.224/27";
    let carrier = text(&[("mcc", "440"), ("mnc", "10"), ("name", "Example Mobile Japan")]);
    let proxy = Value::map([
        ("last_seen", Value::text("2026-02-27")),
        ("percent_days_seen", Value::U16(43)),
        ("service", Value::text("example_proxies")),
    ]);
    let abuse = text(&[
        ("address", "1 Example Street, Springfield"),
        ("country", "US"),
        ("email", "abuse@example.com"),
        ("name", "Abuse"),
        ("phone", "+1-202-555-0100"),
    ]);
    let whois = text(&[
        ("admin", "EX1-EXAMPLE"),
        ("country", "US"),
        ("domain", "example.com"),
        ("id", "198.51.100.224 - 198.51.100.255"),
        ("maintainer", "EXAMPLE-MNT"),
        ("name", "EXAMPLE-NET"),
        ("status", "ASSIGNED PA"),
        ("tech", "EX1-EXAMPLE"),
    ]);
    let domains = Value::map([
        ("domains", Value::Array(vec![Value::text("example.com"), Value::text("example.net")])),
        ("total", Value::U32(2)),
    ]);
    let files = [
        ("IPinfo-Carrier.mmdb", "203.0.113.0/27", carrier),
        ("IPinfo-Residential-Proxy.mmdb", "192.0.2.9/32", proxy),
        ("IPinfo-Abuse.mmdb", nowhere, abuse),
        ("IPinfo-Whois.mmdb", nowhere, whois),
        ("IPinfo-rDNS.mmdb", nowhere, text(&[("host", "host.example.com")])),
        ("IPinfo-Domains.mmdb", nowhere, domains),
    ];
    files
        .into_iter()
        .map(|(name, network, record)| {
            let mut database = Writer::new(name.trim_end_matches(".mmdb"), IpVersion::V6, BUILD_EPOCH);
            database.insert(network, &record)?;
            Ok::<_, Error>((name, database.to_bytes()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_database_with_one_record() {
        for (name, bytes) in files().unwrap() {
            let reader = maxminddb::Reader::from_source(bytes).unwrap();
            reader.verify().unwrap();
            assert_eq!(reader.networks(Default::default()).unwrap().count(), 1, "{name}");
        }
    }
}
