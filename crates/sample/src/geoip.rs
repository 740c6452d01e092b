//! The four sample GeoIP databases, which locate the documentation ranges in real cities, in the layouts of real files.
//!
//! | file | layout | what it shows |
//! |---|---|---|
//! | `Sample-City.mmdb` | MaxMind's City | nested names, radii, IPv4 and IPv6 in one tree, a country without a city, anycast |
//! | `Sample-ASN.mmdb` | MaxMind's ASN | the operator of an address; clouds by their real numbers |
//! | `Sample-Anonymous-IP.mmdb` | MaxMind's Anonymous-IP | flags that are present only if true |
//! | `Sample-Flat.mmdb` | IPinfo's older one | all values are strings; locates a range that the others do not |

use crate::cities::{self, City};
use crate::mmdb::{Error, IpVersion, Value, Writer};

/// The four files, each with its name.
pub fn files() -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    Ok(vec![
        ("Sample-City.mmdb", city_database()?),
        ("Sample-ASN.mmdb", asn_database()?),
        ("Sample-Anonymous-IP.mmdb", anonymous_database()?),
        ("Sample-Flat.mmdb", flat_database()?),
    ])
}

/// A record of MaxMind's City layout.
pub fn city_record(city: &City, latitude: f64, longitude: f64, accuracy_km: u16) -> Value {
    Value::map(city_fields(city, latitude, longitude, accuracy_km))
}

/// 2026-03-01 00:00:00 UTC, the day before the story of [`crate::cloudtrail::story`] begins.
pub const BUILD_EPOCH: u64 = 1_772_323_200;

fn city_database() -> Result<Vec<u8>, Error> {
    let mut database = Writer::new("Sample-City", IpVersion::V6, BUILD_EPOCH);
    for network in NETWORKS {
        let Some(city) = cities::named(network.city) else { continue };
        let record = match network.detail {
            Detail::Place(radius) => city_record(city, city.latitude, city.longitude, radius),
            Detail::Cellular(radius) => cellular_record(city, radius),
            Detail::CountryOnly => country_record(city),
            Detail::Anycast => anycast_record(city),
            Detail::FlatOnly => continue,
        };
        database.insert(network.range, &record)?;
    }
    database.to_bytes()
}

fn asn_database() -> Result<Vec<u8>, Error> {
    let mut database = Writer::new("Sample-ASN", IpVersion::V6, BUILD_EPOCH);
    for network in NETWORKS {
        let (number, organization) = network.operator;
        let record = Value::map([
            ("autonomous_system_number", Value::U32(number)),
            ("autonomous_system_organization", Value::text(organization)),
        ]);
        database.insert(network.range, &record)?;
    }
    database.to_bytes()
}

fn anonymous_database() -> Result<Vec<u8>, Error> {
    let mut database = Writer::new("Sample-Anonymous-IP", IpVersion::V6, BUILD_EPOCH);
    for network in NETWORKS.iter().filter(|network| !network.flags.is_empty()) {
        // `is_anonymous` summarizes the other flags, as in MaxMind's file.
        let flags = ["is_anonymous"].iter().chain(network.flags);
        database.insert(network.range, &Value::map(flags.map(|&flag| (flag, Value::Bool(true)))))?;
    }
    database.to_bytes()
}

fn flat_database() -> Result<Vec<u8>, Error> {
    let mut database = Writer::new("sample flat location", IpVersion::V6, BUILD_EPOCH);
    // It also contains one range of the City file, with another name. The first file must win.
    let flat = NETWORKS.iter().filter(|network| matches!(network.detail, Detail::FlatOnly));
    let places = flat.map(|network| (network.range, network.city)).chain([("192.0.2.32/28", "Paris")]);
    for (range, name) in places {
        let Some(city) = cities::named(name) else { continue };
        let record = Value::map([
            ("city", Value::text(city.name)),
            ("country", Value::text(city.country_code)),
            ("lat", Value::text(format!("{:.5}", city.latitude))),
            ("lng", Value::text(format!("{:.5}", city.longitude))),
            ("postal_code", Value::text("")),
            ("region", Value::text(city.subdivision)),
            ("timezone", Value::text(city.time_zone)),
        ]);
        database.insert(range, &record)?;
    }
    database.to_bytes()
}

fn city_fields(city: &City, latitude: f64, longitude: f64, accuracy_km: u16) -> Vec<(&'static str, Value)> {
    let mut record = vec![("city", Value::map([("names", names(city.name))]))];
    record.extend(country_fields(city));
    record.push((
        "location",
        Value::map([
            ("accuracy_radius", Value::U16(accuracy_km)),
            ("latitude", Value::Double(latitude)),
            ("longitude", Value::Double(longitude)),
            ("time_zone", Value::text(city.time_zone)),
        ]),
    ));
    if !city.subdivision.is_empty() {
        let subdivision = Value::map([
            ("iso_code", Value::text(city.subdivision_code)),
            ("names", names(city.subdivision)),
        ]);
        record.push(("subdivisions", Value::Array(vec![subdivision])));
    }
    record
}

fn country_fields(city: &City) -> [(&'static str, Value); 3] {
    let continent = match city.continent_code {
        "AF" => "Africa",
        "AS" => "Asia",
        "EU" => "Europe",
        "NA" => "North America",
        "OC" => "Oceania",
        _ => "South America",
    };
    let country = Value::map([("iso_code", Value::text(city.country_code)), ("names", names(city.country))]);
    [
        ("continent", Value::map([("code", Value::text(city.continent_code)), ("names", names(continent))])),
        ("country", country.clone()),
        ("registered_country", country),
    ]
}

/// A record with a country but no city. The coordinates are the center of the country, with a large radius.
fn country_record(city: &City) -> Value {
    let mut record = country_fields(city).to_vec();
    record.push((
        "location",
        Value::map([
            ("accuracy_radius", Value::U16(1000)),
            ("latitude", Value::Double(37.751)),
            ("longitude", Value::Double(-97.822)),
            ("time_zone", Value::text("America/Chicago")),
        ]),
    ));
    Value::map(record)
}

/// A record of a mobile network, as in MaxMind's Enterprise file.
fn cellular_record(city: &City, accuracy_km: u16) -> Value {
    let mut record = city_fields(city, city.latitude, city.longitude, accuracy_km);
    record.push(("traits", Value::map([("connection_type", Value::text("Cellular"))])));
    Value::map(record)
}

/// A record of an anycast address. It is announced from many places at once, so its coordinates mean nothing.
fn anycast_record(city: &City) -> Value {
    let mut record = city_fields(city, city.latitude, city.longitude, 1000);
    record.push(("traits", Value::map([("is_anycast", Value::Bool(true))])));
    Value::map(record)
}

fn names(english: &str) -> Value {
    Value::map([("en", Value::text(english))])
}

/// One range of the sample databases.
struct Network {
    range: &'static str,
    city: &'static str,
    detail: Detail,
    operator: (u32, &'static str),
    flags: &'static [&'static str],
}

enum Detail {
    /// A city with an accuracy radius in km.
    Place(u16),
    /// A city in a mobile network.
    Cellular(u16),
    CountryOnly,
    Anycast,
    /// Located only by the flat file.
    FlatOnly,
}

// Internet providers have AS numbers that are reserved for documentation (RFC 5398). Clouds have their real numbers,
// because the extension recognizes them by number.
const BRITANNIA: (u32, &str) = (64496, "Example Broadband UK");
const LOWLANDS: (u32, &str) = (64497, "Example Telecom Europe");
const VOLGA: (u32, &str) = (64498, "Example Svyaz");
const GULF: (u32, &str) = (64499, "Example Mobile Nigeria");
const HUDSON: (u32, &str) = (64500, "Example Fiber North America");
const PAULISTA: (u32, &str) = (64501, "Example Banda Larga");
const KANTO: (u32, &str) = (64502, "Example Net Japan");
const PACIFIC: (u32, &str) = (65536, "Example Pacific Cable");
const STRAITS: (u32, &str) = (65537, "Example Straits Telecom");
const VPN: (u32, &str) = (65540, "Example Privacy VPN");
const RELAYS: (u32, &str) = (65541, "Example Tor Exits");
const RACKS: (u32, &str) = (65542, "Example Rented Racks");
const AMAZON: (u32, &str) = (16509, "AMAZON-02");
const MICROSOFT: (u32, &str) = (8075, "MICROSOFT-CORP-MSN-AS-BLOCK");
const OCEAN: (u32, &str) = (14061, "DIGITALOCEAN-ASN");

const HOSTING: &[&str] = &["is_hosting_provider"];
const ANONYMOUS_VPN: &[&str] = &["is_anonymous_vpn", "is_hosting_provider"];
const TOR: &[&str] = &["is_hosting_provider", "is_tor_exit_node"];

const fn network(
    range: &'static str,
    city: &'static str,
    radius: u16,
    operator: (u32, &'static str),
    flags: &'static [&'static str],
) -> Network {
    Network { range, city, detail: Detail::Place(radius), operator, flags }
}

// 198.51.100.224/27 and 2001:db8:f000::/36 are in no file.
#[rustfmt::skip]
const NETWORKS: &[Network] = &[
    // TEST-NET-1: Europe and Africa
    network("192.0.2.0/28", "London", 5, BRITANNIA, &[]),
    network("192.0.2.16/28", "London", 10, BRITANNIA, &[]),
    network("192.0.2.32/28", "Amsterdam", 20, LOWLANDS, &[]),
    network("192.0.2.48/28", "Paris", 10, LOWLANDS, &[]),
    network("192.0.2.64/28", "Dublin", 10, BRITANNIA, &[]),
    network("192.0.2.80/28", "Madrid", 20, LOWLANDS, &[]),
    network("192.0.2.96/28", "Frankfurt am Main", 10, LOWLANDS, &[]),
    network("192.0.2.112/28", "Moscow", 50, VOLGA, &[]),
    network("192.0.2.128/28", "Lagos", 50, GULF, &[]),
    network("192.0.2.144/28", "Cambridge", 10, BRITANNIA, &[]),
    network("192.0.2.160/27", "Stockholm", 20, LOWLANDS, &[]),
    network("192.0.2.192/27", "Warsaw", 20, LOWLANDS, &[]),
    network("192.0.2.224/27", "Johannesburg", 50, GULF, &[]),
    // TEST-NET-2: the Americas
    network("198.51.100.0/27", "New York", 10, HUDSON, &[]),
    network("198.51.100.32/27", "Seattle", 10, HUDSON, &[]),
    network("198.51.100.64/27", "Ashburn", 20, AMAZON, HOSTING),
    network("198.51.100.96/27", "São Paulo", 20, PAULISTA, &[]),
    network("198.51.100.128/27", "Honolulu", 20, PACIFIC, &[]),
    network("198.51.100.160/27", "Jersey City", 10, HUDSON, &[]),
    Network { range: "198.51.100.192/27", city: "Toronto", detail: Detail::FlatOnly, operator: HUDSON, flags: &[] },
    // TEST-NET-3: Asia and the Pacific, on both sides of the antimeridian
    network("203.0.113.0/27", "Tokyo", 10, KANTO, &[]),
    network("203.0.113.32/27", "Yokohama", 10, KANTO, &[]),
    network("203.0.113.64/27", "Singapore", 10, STRAITS, &[]),
    network("203.0.113.96/27", "Sydney", 10, PACIFIC, &[]),
    network("203.0.113.128/27", "Auckland", 10, PACIFIC, &[]),
    network("203.0.113.160/28", "Suva", 20, PACIFIC, &[]),
    network("203.0.113.176/28", "Nadi", 20, PACIFIC, &[]),
    network("203.0.113.192/27", "Apia", 20, PACIFIC, &[]),
    network("203.0.113.224/28", "Mumbai", 50, STRAITS, &[]),
    Network { range: "203.0.113.240/28", city: "Mumbai", detail: Detail::Cellular(50), operator: STRAITS, flags: &[] },
    // The benchmark range: machines for rent and ways to hide
    network("198.18.0.0/18", "Frankfurt am Main", 50, AMAZON, HOSTING),
    network("198.18.64.0/18", "Ashburn", 50, MICROSOFT, HOSTING),
    network("198.18.128.0/17", "Amsterdam", 50, RACKS, HOSTING),
    network("198.19.0.0/18", "Singapore", 50, OCEAN, HOSTING),
    network("198.19.64.0/18", "Moscow", 100, VPN, ANONYMOUS_VPN),
    network("198.19.128.0/18", "Paris", 100, RELAYS, TOR),
    Network { range: "198.19.192.0/19", city: "Seattle", detail: Detail::CountryOnly, operator: HUDSON, flags: &[] },
    Network { range: "198.19.224.0/19", city: "Ashburn", detail: Detail::Anycast, operator: AMAZON, flags: HOSTING },
    // IPv6
    network("2001:db8::/36", "London", 10, BRITANNIA, &[]),
    network("2001:db8:1000::/36", "New York", 10, HUDSON, &[]),
    network("2001:db8:2000::/36", "Tokyo", 10, KANTO, &[]),
    network("2001:db8:3000::/36", "Sydney", 10, PACIFIC, &[]),
    network("2001:db8:4000::/36", "Frankfurt am Main", 10, LOWLANDS, &[]),
    network("2001:db8:5000::/36", "São Paulo", 20, PAULISTA, &[]),
    network("2001:db8:6000::/36", "Singapore", 10, STRAITS, &[]),
    network("2001:db8:7000::/36", "Buenos Aires", 20, PAULISTA, &[]),
    network("2001:db8:8000::/36", "Seattle", 10, HUDSON, &[]),
    network("2001:db8:9000::/36", "Paris", 10, LOWLANDS, &[]),
    network("2001:db8:a000::/36", "Ashburn", 50, AMAZON, HOSTING),
    network("2001:db8:b000::/36", "Amsterdam", 100, VPN, ANONYMOUS_VPN),
    network("2001:db8:c000::/36", "Mumbai", 50, STRAITS, &[]),
    network("2001:db8:d000::/36", "Lagos", 50, GULF, &[]),
    network("2001:db8:e000::/36", "Auckland", 10, PACIFIC, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use maxminddb::Reader;

    fn database(name: &str) -> Reader<Vec<u8>> {
        let (_, bytes) = files().unwrap().into_iter().find(|(file, _)| *file == name).unwrap();
        let reader = Reader::from_source(bytes).unwrap();
        reader.verify().unwrap();
        reader
    }

    fn json(reader: &Reader<Vec<u8>>, address: &str) -> serde_json::Value {
        reader.lookup(address.parse().unwrap()).unwrap().decode().unwrap().unwrap_or(serde_json::Value::Null)
    }

    #[test]
    fn every_network_is_in_a_city_of_the_table() {
        assert!(NETWORKS.iter().all(|network| cities::named(network.city).is_some()));
    }

    #[test]
    fn the_city_file_has_both_families_and_the_nested_layout() {
        let city = database("Sample-City.mmdb");
        let london = json(&city, "192.0.2.5");
        assert_eq!(london["city"]["names"]["en"], "London");
        assert_eq!(london["country"]["iso_code"], "GB");
        assert_eq!(london["subdivisions"][0]["names"]["en"], "England");
        assert_eq!(london["location"]["latitude"], 51.50853);
        assert_eq!(london["location"]["longitude"], -0.12574);
        assert_eq!(london["location"]["accuracy_radius"], 5);
        assert_eq!(json(&city, "2001:db8:2000::1")["city"]["names"]["en"], "Tokyo");
        assert_eq!(json(&city, "203.0.113.200")["location"]["longitude"], -171.76666);
        assert_eq!(json(&city, "198.19.200.1")["city"], serde_json::Value::Null);
        assert_eq!(json(&city, "198.19.240.1")["traits"]["is_anycast"], true);
        assert_eq!(json(&city, "203.0.113.241")["traits"]["connection_type"], "Cellular");
        for nowhere in ["198.51.100.230", "2001:db8:f000::1", "198.51.100.200", "9.9.9.9", "10.0.0.1"] {
            assert_eq!(json(&city, nowhere), serde_json::Value::Null, "{nowhere}");
        }
    }

    #[test]
    fn the_other_files_add_what_the_city_file_lacks() {
        let asn = json(&database("Sample-ASN.mmdb"), "198.51.100.70");
        assert_eq!(asn["autonomous_system_number"], 16509);
        assert_eq!(asn["autonomous_system_organization"], "AMAZON-02");

        let anonymous = database("Sample-Anonymous-IP.mmdb");
        let tor =
            serde_json::json!({"is_anonymous": true, "is_hosting_provider": true, "is_tor_exit_node": true});
        assert_eq!(json(&anonymous, "198.19.130.1"), tor);
        assert_eq!(json(&anonymous, "192.0.2.5"), serde_json::Value::Null);

        let toronto = json(&database("Sample-Flat.mmdb"), "198.51.100.200");
        assert_eq!(toronto["city"], "Toronto");
        assert_eq!(toronto["country"], "CA");
        assert_eq!(toronto["lat"], "43.70643");
        assert_eq!(toronto["lng"], "-79.39864");
    }

    #[test]
    fn the_files_are_the_same_every_time() {
        assert_eq!(files().unwrap(), files().unwrap());
    }
}
