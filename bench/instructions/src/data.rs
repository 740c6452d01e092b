//! The data that is measured with: those of the benchmarks, in small. They depend on nothing but the sample tool.

use std::error::Error;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use travel_core::place::Place;
use travel_core::rule::event::EvaluatedEvent;
use travel_core::site::Site;
use travel_geoip::{Database, Stack};
use travel_sample::bench::events::{self, Event, Order};
use travel_sample::bench::geoip;
use travel_sample::bench::world::World;

const NETWORKS: u32 = 2_000;
const EVENTS: u64 = 6_000;
const KEYS: u64 = 40;
const RECORDS: usize = 300;

pub struct Data {
    /// A GeoIP file.
    pub geoip: Vec<u8>,
    /// Addresses in different networks.
    pub addresses: Vec<IpAddr>,
    /// In order of time.
    pub events: Vec<EvaluatedEvent>,
    /// The texts of CloudTrail records.
    pub records: Vec<String>,
}

impl Data {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let world = World::new(NETWORKS).ok_or("too few networks")?;
        let geoip = geoip::database(world)?;
        let stack = stack(&geoip)?;
        let (mut events, mut records) = (Vec::new(), Vec::new());
        let order = Order { world, events: EVENTS, keys: KEYS, accounts: 1, days: 30 };
        events::each(order, |event| {
            let place = stack.locate(event.ip.into()).map_err(std::io::Error::other)?;
            events.extend(place.and_then(|place| evaluated(event, &place)));
            if records.len() < RECORDS {
                records.push(events::record(event));
            }
            Ok(())
        })?;
        if events.len() as u64 != EVENTS {
            return Err("an event is not located".into());
        }
        let addresses = (0..NETWORKS).map(|network| IpAddr::V4(world.host(network, 7))).collect();
        Ok(Self { geoip, addresses, events, records })
    }
}

/// A stack that has answered nothing yet.
pub fn stack(geoip: &[u8]) -> Result<Stack, Box<dyn Error>> {
    Ok(Stack::new([(Arc::from(geoip::FILE_NAME), Rc::new(Database::from_bytes(geoip.to_vec())?))]))
}

fn evaluated(event: Event, place: &Place) -> Option<EvaluatedEvent> {
    let text = |text: &str| Some(Arc::<str>::from(text));
    let key = format!("AKIA{:09}EXAMPLE", event.key);
    Some(EvaluatedEvent {
        entity: Arc::from(key.as_str()),
        baseline_entity: text(&format!("user{}", event.key / 2)),
        time: event.time.0 * 1_000_000,
        site: Site::from_address(event.ip.into()),
        coordinates: place.coordinates?,
        accuracy_km: place.accuracy_km,
        country_code: place.country_code.clone(),
        subdivision: place.subdivision.clone(),
        city: place.city.clone(),
        anonymizer: None,
        hosting: false,
        carrier: None,
        asn: place.asn,
        treatment: None,
        event_id: Some((&*event.id.to_string()).into()),
        event_name: text("GetCallerIdentity"),
        access_key_id: text(&key),
        user_agent: text("aws-cli/2.15"),
        outcome: text("success"),
        identity_type: text("IAMUser"),
        mfa_used: Some(false),
        details: Arc::default(),
    })
}
