//! The story holds the impossible legs that it says, found by a reference of a few plain lines.

use super::delivery::files;
use flate2::read::GzDecoder;
use maxminddb::Reader;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::IpAddr;
use std::sync::OnceLock;
use travel_core::geodesy::Coordinates;

/// Unpacked once for all tests.
fn documents() -> &'static [Value] {
    static DOCUMENTS: OnceLock<Vec<Value>> = OnceLock::new();
    DOCUMENTS.get_or_init(unpacked)
}

fn unpacked() -> Vec<Value> {
    let unpack = |bytes: &[u8]| {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    files().unwrap().iter().map(|file| unpack(&file.bytes)).collect()
}

fn all_records() -> Vec<&'static Value> {
    documents().iter().flat_map(|document| document["Records"].as_array().unwrap()).collect()
}

/// Where an address is, and the city's name: the City file, else the flat one.
struct Places {
    city: Reader<Vec<u8>>,
    flat: Reader<Vec<u8>>,
}

impl Places {
    fn new() -> Self {
        let mut files: BTreeMap<_, _> = crate::geoip::files().unwrap().into_iter().collect();
        let mut open = |name| Reader::from_source(files.remove(name).unwrap()).unwrap();
        Self { city: open("Sample-City.mmdb"), flat: open("Sample-Flat.mmdb") }
    }

    fn find(&self, address: IpAddr) -> Option<(Coordinates, String)> {
        let nested = self.city.lookup(address).unwrap();
        if let Some(record) = nested.decode::<Value>().unwrap() {
            let anycast = record["traits"]["is_anycast"] == true;
            let location = &record["location"];
            let at =
                Coordinates::new(location["latitude"].as_f64()?, location["longitude"].as_f64()?).unwrap();
            let name = record["city"]["names"]["en"].as_str().unwrap_or("?").to_owned();
            return (!anycast).then_some((at, name));
        }
        let record = self.flat.lookup(address).unwrap().decode::<Value>().unwrap()?;
        let number = |name: &str| record[name].as_str().unwrap().parse().unwrap();
        Some((Coordinates::new(number("lat"), number("lng")).unwrap(), record["city"].as_str()?.to_owned()))
    }
}

/// Proves no possession of a credential, or was a service's doing.
fn is_evaluated(record: &Value) -> bool {
    let failed_sign_in =
        record["eventName"] == "ConsoleLogin" && record["responseElements"]["ConsoleLogin"] == "Failure";
    !failed_sign_in
        && record["errorCode"] != "SignatureDoesNotMatch"
        && record["userIdentity"]["invokedBy"].is_null()
}

/// `key from-time from-city to-time to-city km`, in order.
fn legs(filter: impl Fn(&Value) -> bool, impossible_only: bool) -> Vec<String> {
    let mut journeys: BTreeMap<String, BTreeSet<(String, IpAddr)>> = BTreeMap::new();
    for record in all_records().into_iter().filter(|record| filter(record)) {
        let key = record["userIdentity"]["accessKeyId"].as_str().unwrap_or_default();
        let address = record["sourceIPAddress"].as_str().unwrap().parse::<IpAddr>();
        if let (false, Ok(address)) = (key.is_empty(), address) {
            let time = record["eventTime"].as_str().unwrap().to_owned();
            journeys.entry(key.to_owned()).or_default().insert((time, address));
        }
    }
    let places = Places::new();
    let mut found = Vec::new();
    for (key, events) in journeys {
        let located: Vec<_> =
            events.into_iter().filter_map(|(time, ip)| Some((time, ip, places.find(ip)?))).collect();
        for pair in located.windows(2) {
            let [(from_time, from_ip, (from, from_city)), (to_time, to_ip, (to, to_city))] = pair else {
                continue;
            };
            let km = from.distance_km(*to);
            let hours = (seconds(to_time) - seconds(from_time)) / 3600.0;
            let impossible = km > 500.0 && km > 1000.0 * hours;
            if from_ip != to_ip && (impossible || !impossible_only) {
                found.push(format!("{key} {from_time} {from_city} {to_time} {to_city} {km:.0}"));
            }
        }
    }
    found
}

/// Seconds into March 2026.
fn seconds(time: &str) -> f64 {
    let part = |from: usize| time[from..from + 2].parse::<f64>().unwrap();
    ((part(8) * 24.0 + part(11)) * 60.0 + part(14)) * 60.0 + part(17)
}

#[test]
fn the_impossible_legs_are_these() {
    let expected = [
        "AKIAALICE0001EXAMPLE 2026-03-04T10:02:11Z London 2026-03-04T10:12:11Z Tokyo 9559",
        "AKIAALICE0001EXAMPLE 2026-03-04T10:13:40Z Tokyo 2026-03-04T10:21:05Z London 9559",
        "AKIAALICE0001EXAMPLE 2026-03-04T10:21:50Z London 2026-03-04T10:34:00Z Tokyo 9559",
        "AKIAALICE0001EXAMPLE 2026-03-04T10:34:30Z Yokohama 2026-03-04T10:58:00Z London 9583",
        "AKIAERIN00001EXAMPLE 2026-03-06T15:00:00Z São Paulo 2026-03-06T15:00:00Z Ashburn 7664",
        "AKIAERIN00001EXAMPLE 2026-03-06T15:00:09Z Ashburn 2026-03-06T15:04:30Z São Paulo 7664",
        "AKIAHEIDI0001EXAMPLE 2026-03-06T23:10:00Z Auckland 2026-03-07T01:40:00Z Honolulu 7076",
        "ASIACAROL0005EXAMPLE 2026-03-05T14:05:10Z Frankfurt am Main 2026-03-05T14:25:10Z Singapore 10265",
        "ASIACAROL0005EXAMPLE 2026-03-05T14:27:04Z Singapore 2026-03-05T14:31:00Z Frankfurt am Main 10265",
        "ASIACAROL0005EXAMPLE 2026-03-05T14:44:12Z Frankfurt am Main 2026-03-05T14:50:00Z Moscow 2021",
        "ASIACAROL0005EXAMPLE 2026-03-05T14:51:20Z Moscow 2026-03-05T15:20:00Z Frankfurt am Main 2021",
        "ASIAWEB000007EXAMPLE 2026-03-07T02:05:00Z Ashburn 2026-03-07T02:12:00Z Lagos 8770",
        "ASIAWEB000007EXAMPLE 2026-03-07T02:12:50Z Lagos 2026-03-07T02:20:00Z Ashburn 8770",
    ];
    assert_eq!(legs(is_evaluated, true), expected);
}

#[test]
fn what_is_not_evaluated_would_have_made_more() {
    assert!(legs(|_| true, true).len() > legs(is_evaluated, true).len());
}

#[test]
fn the_journeys_that_look_impossible_and_are_not() {
    let all = legs(is_evaluated, false);
    for expected in [
        "AKIABOB000001EXAMPLE 2026-03-04T12:30:00Z New York 2026-03-04T21:30:00Z London 5570",
        "AKIADAVE00001EXAMPLE 2026-03-03T21:00:00Z Suva 2026-03-04T00:00:00Z Apia 1151",
        "ASIAFRANK0003EXAMPLE 2026-03-03T11:05:00Z London 2026-03-03T11:10:00Z Amsterdam 357",
    ] {
        assert!(all.iter().any(|leg| leg == expected), "{expected} is not in\n{}", all.join("\n"));
    }
    assert!(all.iter().any(|leg| leg.contains("Toronto")));
}

#[test]
fn the_files_have_what_real_ones_have() {
    let records = all_records();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ids: Vec<_> =
        records.iter().map(|record| text(&record["eventID"])).filter(|id| !id.is_empty()).collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert!((1_500..2_500).contains(&distinct.len()), "{}", distinct.len());
    assert!(ids.len() > distinct.len() + 40, "duplicates");
    assert!(records.len() > ids.len(), "records without an id");

    let sources: BTreeSet<_> = records.iter().map(|record| text(&record["sourceIPAddress"])).collect();
    for source in ["AWS Internal", "cloudformation.amazonaws.com", "10.0.1.25", "198.51.100.230"] {
        assert!(sources.contains(source), "{source}");
    }
    assert!(sources.iter().any(|source| source.starts_with("2001:db8:")));
    let keys: BTreeSet<_> =
        records.iter().map(|record| text(&record["userIdentity"]["accessKeyId"])).collect();
    assert!(keys.iter().all(|key| key.is_empty() || key.len() == 20), "{keys:?}");

    let is_out_of_order = |document: &Value| {
        !document["Records"].as_array().unwrap().is_sorted_by_key(|record| text(&record["eventTime"]))
    };
    assert!(documents().iter().filter(|document| is_out_of_order(document)).count() > 20);
}

#[test]
fn paths_are_those_of_s3() {
    let files = files().unwrap();
    let path = &files[0].path;
    let parts: Vec<_> = path.split('/').collect();
    assert_eq!(parts.len(), 8, "{path}");
    assert!(parts[7].starts_with("111122223333_CloudTrail_") && parts[7].ends_with(".json.gz"), "{path}");
    assert_eq!(files, super::delivery::files().unwrap(), "the same on every run");
}
