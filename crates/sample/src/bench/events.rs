//! Events of many keys in time order. They are written while they are made, so memory grows only with the number of
//! keys.

use super::world::World;
use crate::cities::CITIES;
use crate::rng::{Rng, Uuid, mix};
use crate::time::{Time, march};
use std::io::{self, Write};
use std::net::Ipv4Addr;

/// The first account.
const FIRST_ACCOUNT: u64 = 111_122_223_333;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub world: World,
    pub events: u64,
    pub keys: u64,
    /// Into how many accounts the keys are divided.
    pub accounts: u64,
    pub days: u64,
}

/// The form of a line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub format: Format,
    pub with_records: bool,
}

/// An event, from which its record is made.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The number of the key.
    pub key: usize,
    /// The account of the key.
    pub account: u64,
    pub time: Time,
    pub ip: Ipv4Addr,
    pub id: Uuid,
    request: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `event_time,source_ip,access_key_id,event_id[,record]`, no header: what `COPY … (FORMAT csv)` reads.
    Csv,
    /// A JSON object a line: the CloudTrail record, or the four fields of the CSV.
    Ndjson,
}

/// Writes the events as lines.
pub fn write(order: Order, form: Line, out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    each(order, |event| {
        line.clear();
        write_line(&mut line, form, event).map_err(io::Error::other)?;
        out.write_all(line.as_bytes())
    })?;
    out.flush()
}

/// Calls `body` for each event.
pub fn each(order: Order, mut body: impl FnMut(Event) -> io::Result<()>) -> io::Result<()> {
    let mut rng = Rng::new(0xbe7c);
    let mut keys = vec![Key { address: 0, left: 0 }; order.keys as usize];
    let seconds = order.days.saturating_mul(86_400);
    for event in 0..order.events {
        // Squaring makes a few keys busy and most quiet, as in life.
        let key = (rng.fraction().powi(2) * order.keys as f64) as usize;
        let ip = journey(&mut keys[key], key as u64, order.world, &mut rng);
        let offset = (u128::from(event) * u128::from(seconds) / u128::from(order.events)) as i64;
        body(Event {
            key,
            account: FIRST_ACCOUNT + key as u64 % order.accounts,
            time: Time(march(1, 0, 0, 0).0 + offset),
            ip,
            id: rng.uuid(),
            request: rng.uuid(),
        })?;
    }
    Ok(())
}

/// The current address of a key, and the number of events that it still makes there.
#[derive(Clone, Copy)]
struct Key {
    address: u8,
    left: u8,
}

/// Who uses a key. The kinds other than [`Kind::Quiet`] make the impossible legs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One user in one city.
    Quiet,
    /// A user in one city who turns on a VPN now and then, with an exit on another continent.
    Vpn,
    /// Two machines, one of them on another continent.
    Shared,
    /// A user in one city, and a thief on another continent.
    Stolen,
}

/// The addresses of a key that are not in its city have numbers from here on.
const AWAY: u8 = 250;

/// Most keys stay at one of three to six addresses in their city for tens of events, then move to another. In every
/// hundred keys, one has a thief, who uses it for short runs; 30 have a user with a VPN; six are shared by two machines.
/// About two events in a hundred then arrive by an impossible leg, if a key has 100 events in 30 days.
fn journey(key: &mut Key, number: u64, world: World, rng: &mut Rng) -> Ipv4Addr {
    let own = mix(number ^ 0x0a11_ce00);
    let kind = kind(own);
    if key.left == 0 {
        let addresses = 3 + own % 4;
        let leaves = key.address < AWAY
            && match kind {
                Kind::Quiet => false,
                Kind::Vpn => rng.below(3) == 0,
                Kind::Stolen => rng.below(5) == 0,
                Kind::Shared => true,
            };
        let home = rng.below(addresses) as u8;
        (key.address, key.left) = match (kind, leaves) {
            (Kind::Shared, _) => (if leaves { AWAY } else { home }, 1 + rng.below(3) as u8),
            // An exit of the VPN is another one each time.
            (Kind::Vpn, true) => (AWAY + rng.below(5) as u8, 3 + rng.below(8) as u8),
            (_, true) => (AWAY, 2 + rng.below(4) as u8),
            (_, false) => (home, 10 + rng.below(50) as u8),
        };
    }
    key.left -= 1;
    let home = (own >> 32) as usize % CITIES.len();
    let city = if key.address >= AWAY { far_from(home, own) } else { home };
    let choice = mix(own ^ u64::from(key.address));
    world.host(world.network_in(city, choice), choice >> 40)
}

fn kind(own: u64) -> Kind {
    match own % 100 {
        17 => Kind::Stolen,
        20..50 => Kind::Vpn,
        50..56 => Kind::Shared,
        _ => Kind::Quiet,
    }
}

/// A city on another continent.
fn far_from(home: usize, choice: u64) -> usize {
    let continent = CITIES[home].continent_code;
    let start = (choice >> 20) as usize % CITIES.len();
    let around = (0..CITIES.len()).map(|step| (start + step) % CITIES.len());
    around.into_iter().find(|&city| CITIES[city].continent_code != continent).unwrap_or(home)
}

fn write_line(line: &mut String, form: Line, event: Event) -> std::fmt::Result {
    use std::fmt::Write;
    let Event { key, time, ip, id, .. } = event;
    match form.format {
        Format::Csv => {
            write!(line, "{time},{ip},AKIA{key:09}EXAMPLE,{id}")?;
            if form.with_records {
                // JSON doubles no quote, CSV doubles every one.
                line.push_str(",\"");
                for (index, part) in record(event).split('"').enumerate() {
                    if index > 0 {
                        line.push_str("\"\"");
                    }
                    line.push_str(part);
                }
                line.push('"');
            }
        }
        Format::Ndjson if form.with_records => line.push_str(&record(event)),
        Format::Ndjson => write!(
            line,
            r#"{{"event_time":"{time}","source_ip":"{ip}","access_key_id":"AKIA{key:09}EXAMPLE","event_id":"{id}"}}"#
        )?,
    }
    line.push('\n');
    Ok(())
}

/// A record of about the average size of real ones, 1.3 KB.
pub fn record(event: Event) -> String {
    let Event { key: number, account, time, ip, id, request } = event;
    let calls = [
        (
            "ec2",
            "DescribeInstances",
            r#"{"instancesSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-0123456789abcdef0"}]}}]}}"#,
        ),
        (
            "s3",
            "GetBucketAcl",
            r#"{"bucketName":"example-invoices","Host":"example-invoices.s3.us-east-1.amazonaws.com","acl":""}"#,
        ),
        ("sts", "GetCallerIdentity", "null"),
        (
            "kms",
            "Decrypt",
            r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}"#,
        ),
    ];
    let (service, name, parameters) = calls[mix(number as u64 ^ time.0 as u64) as usize % calls.len()];
    format!(
        concat!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDA{number:010}EXAMPLE","#,
            r#""arn":"arn:aws:iam::{account}:user/user{number}","accountId":"{account}","#,
            r#""accessKeyId":"AKIA{number:09}EXAMPLE","userName":"user{number}","sessionContext":{{"attributes":"#,
            r#"{{"creationDate":"{time}","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","#,
            r#""eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","#,
            r#""sourceIPAddress":"{ip}","userAgent":"{agent}","requestParameters":{parameters},"#,
            r#""responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"#,
            r#""TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","#,
            r#""bytesTransferredOut":375}},"requestID":"{request}","eventID":"{id}","readOnly":true,"#,
            r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","#,
            r#""eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"#,
            r#""TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.us-east-1.amazonaws.com"}}}}"#,
        ),
        number = number,
        account = account,
        time = time,
        service = service,
        name = name,
        ip = ip,
        agent = crate::cloudtrail::cast::CLI,
        parameters = parameters,
        request = request,
        id = id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use travel_core::geodesy::Coordinates;
    use travel_core::journey::{Journey, Stop, Thresholds};
    use travel_core::site::Site;

    fn make(format: Format, with_records: bool) -> String {
        let world = World::new(1000).unwrap();
        let order = Order { world, events: 20_000, keys: 300, accounts: 1, days: 30 };
        let mut bytes = Vec::new();
        write(order, Line { format, with_records }, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn rows_are_in_time_order_and_most_keys_move_seldom() {
        let text = make(Format::Csv, false);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 20_000);
        assert!(rows.iter().all(|row| row.len() == 4));
        assert!(rows.is_sorted_by_key(|row| row[0]));
        let ids: BTreeSet<_> = rows.iter().map(|row| row[3]).collect();
        assert_eq!(ids.len(), rows.len());

        let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        rows.iter().for_each(|row| keys.entry(row[2]).or_default().push(row[1]));
        let moves: usize =
            keys.values().map(|ips| ips.windows(2).filter(|pair| pair[0] != pair[1]).count()).sum();
        assert!((400..3_000).contains(&moves), "{moves}");
        let distinct = |ips: &Vec<&str>| ips.iter().collect::<BTreeSet<_>>().len();
        assert!(keys.values().all(|ips| (1..=11).contains(&distinct(ips))));
    }

    #[test]
    fn two_events_in_a_hundred_arrive_by_an_impossible_leg() {
        let world = World::new(1000).unwrap();
        // The density of the benchmarks: a hundred events of a key in 30 days.
        let order = Order { world, events: 100_000, keys: 1_000, accounts: 1, days: 30 };
        let block = |ip: Ipv4Addr| u32::from(ip) >> 8;
        let places: BTreeMap<_, _> =
            (0..1000).map(|network| (block(world.host(network, 0)), world.coordinates(network))).collect();
        let mut journeys: BTreeMap<usize, Journey<()>> = BTreeMap::new();
        let mut legs: BTreeMap<usize, u64> = BTreeMap::new();
        each(order, |event| {
            let (latitude, longitude) = places[&block(event.ip)];
            let stop = Stop {
                time_us: event.time.0 * 1_000_000,
                site: Site::from_address(event.ip.into()),
                coordinates: Coordinates::new(latitude, longitude).unwrap(),
                accuracy_km: None,
                event: (),
            };
            let leg = journeys.entry(event.key).or_default().arrive(stop);
            if leg.is_some_and(|leg| leg.measure(&Thresholds::default()).impossible) {
                *legs.entry(event.key).or_default() += 1;
            }
            Ok(())
        })
        .unwrap();
        let of_a_thousand = legs.values().sum::<u64>() * 1000 / order.events;
        assert!((15..=25).contains(&of_a_thousand), "{of_a_thousand}");
        // Thieves, VPNs and shared keys; quiet keys make none.
        let own = |key: usize| kind(mix(key as u64 ^ 0x0a11_ce00));
        for (wanted, least) in [(Kind::Stolen, 2), (Kind::Vpn, 150), (Kind::Shared, 30)] {
            let keys = legs.keys().filter(|&&key| own(key) == wanted).count();
            assert!(keys >= least, "{keys}");
        }
        assert!(legs.keys().all(|&key| own(key) != Kind::Quiet));
        // One key alone, as it is used to measure memory, does not travel.
        assert!(own(0) == Kind::Quiet);
    }

    #[test]
    fn records_are_json_of_a_real_size_in_both_formats() {
        let text = make(Format::Ndjson, true);
        for line in text.lines().take(100) {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["userIdentity"]["type"], "IAMUser");
            assert!((1_100..1_700).contains(&line.len()), "{}", line.len());
        }
        let csv = make(Format::Csv, true);
        let (_, quoted) = csv.lines().next().unwrap().split_once(",\"").unwrap();
        let json = quoted.strip_suffix('"').unwrap().replace("\"\"", "\"");
        assert_eq!(Some(json.as_str()), text.lines().next());
    }
}
