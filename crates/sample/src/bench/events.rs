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
    ip: Ipv4Addr,
    id: Uuid,
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

/// A key stays at one of its addresses for tens of events, then moves to another. Three to six addresses are in its
/// city. One key in a hundred has a thief, who uses it from elsewhere for short runs.
fn journey(key: &mut Key, number: u64, world: World, rng: &mut Rng) -> Ipv4Addr {
    const THIEF: u8 = u8::MAX;
    let own = mix(number ^ 0x0a11_ce00);
    if key.left == 0 {
        let addresses = 3 + own % 4;
        let stolen = own % 100 == 17 && key.address != THIEF && rng.below(5) == 0;
        key.address = if stolen { THIEF } else { rng.below(addresses) as u8 };
        key.left = if stolen { 2 + rng.below(4) } else { 10 + rng.below(50) } as u8;
    }
    key.left -= 1;
    let home = (own >> 32) as usize % CITIES.len();
    let city = if key.address == THIEF { far_from(home, own) } else { home };
    let choice = mix(own ^ u64::from(key.address));
    world.host(world.network_in(city, choice), choice >> 40)
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

    fn make(format: Format, with_records: bool) -> String {
        let world = World::new(1000).unwrap();
        let order = Order { world, events: 20_000, keys: 300, accounts: 1, days: 30 };
        let mut bytes = Vec::new();
        write(order, Line { format, with_records }, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn rows_are_in_time_order_and_keys_move_seldom() {
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
        assert!((200..2_000).contains(&moves), "{moves}");
        let distinct = |ips: &Vec<&str>| ips.iter().collect::<BTreeSet<_>>().len();
        assert!(keys.values().all(|ips| (1..=7).contains(&distinct(ips))));
    }

    #[test]
    fn a_few_keys_travel_impossibly() {
        let world = World::new(1000).unwrap();
        let order = Order { world, events: 200_000, keys: 1_000, accounts: 1, days: 30 };
        let mut bytes = Vec::new();
        write(order, Line { format: Format::Csv, with_records: false }, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();

        let block = |ip: Ipv4Addr| u32::from(ip) >> 8;
        let places: BTreeMap<_, _> =
            (0..1000).map(|network| (block(world.host(network, 0)), world.coordinates(network))).collect();
        let mut last: BTreeMap<&str, Coordinates> = BTreeMap::new();
        let mut thieves: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.split(',').skip(1);
            let (latitude, longitude) = places[&block(fields.next().unwrap().parse().unwrap())];
            let here = Coordinates::new(latitude, longitude).unwrap();
            let key = fields.next().unwrap();
            if last.insert(key, here).is_some_and(|there| there.distance_km(here) > 500.0) {
                *thieves.entry(key).or_default() += 1;
            }
        }
        assert!((3..30).contains(&thieves.len()), "{thieves:?}");
        assert!(thieves.values().sum::<usize>() > 10, "{thieves:?}");
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
