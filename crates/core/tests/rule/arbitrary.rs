//! Random histories: few places, few entities, many coincidences.

use crate::world::{
    LONDON, MADRID, NOWHERE, PARIS, PORTLAND_MAINE, PORTLAND_OREGON, Spot, TOKYO, event_from, text,
};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use strum::VariantArray;
use travel_core::journey::Thresholds;
use travel_core::place::{Anonymizer, Carrier};
use travel_core::rule::settings::{DAY, HOUR, SECOND};
use travel_core::rule::*;

/// The inputs of an evaluation.
#[derive(Clone, Debug)]
pub struct Case {
    pub rule: Rule,
    pub events: Vec<EvaluatedEvent>,
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
}

const ENTITIES: [&str; 3] = ["AKIA1", "ASIA2", "key_3"];
const BASELINES: [&str; 2] = ["alice", "bob"];

pub fn cases() -> impl Strategy<Value = Case> {
    // How the days lie: close together, over weeks, over more than a year.
    let spans = select(vec![(3_i64, 1_i64), (14, 1), (14, 1), (40, 1), (30, 17)]);
    (rules(), vec(addresses(), 4..12), spans).prop_flat_map(|(rule, addresses, (days, stride))| {
        let last = days * stride * DAY;
        // What is known of an address is known of it in every row.
        let addresses: Vec<Address> =
            (0..).zip(addresses).map(|(number, address)| Address { number, ..address }).collect();
        let events = vec(event(addresses.clone(), days, stride), 1..120);
        (Just(rule), events, vec(analyst_row(last), 0..4), vec(suppression(last), 0..3), any::<bool>())
            .prop_map(move |(mut rule, events, analysts, mut suppressions, late)| {
                // In no order, as the rows of a table are.
                for (id, suppression) in (1..).zip(suppressions.iter_mut().rev()) {
                    suppression.id = id;
                }
                rule.raise_from = late.then_some(last / 5);
                Case { rule, events, analysts, suppressions }
            })
    })
}

fn rules() -> impl Strategy<Value = Rule> {
    let thresholds =
        (select(vec![1000.0, 1000.0, 500.0]), any::<bool>()).prop_map(|(min_velocity_kmh, use_accuracy)| {
            Thresholds { min_distance_km: 500.0, min_velocity_kmh, use_accuracy }
        });
    let periods = (
        select(vec![HOUR, 24 * HOUR, 48 * HOUR]),
        // At least the learning period and the bound: 41 hours at 500 km/h.
        select(vec![2 * DAY, 4 * DAY, 10 * DAY, 30 * DAY]),
        select(vec![3 * DAY, 3 * DAY, 4 * DAY, 7 * DAY]),
        select(vec![0, HOUR, 6 * HOUR, 48 * HOUR]),
        select(vec![0, 6 * HOUR, 24 * HOUR, 72 * HOUR]),
    );
    let learning = (prop::bool::weighted(0.9), prop::bool::weighted(0.6), any::<bool>());
    (thresholds, periods, learning, attributes(0.4), attributes(0.25), select(Severity::VARIANTS.to_vec()))
        .prop_map(
            |(thresholds, periods, (baseline, proven, learn_transitions), downgraded, ignored, severity)| {
                Rule {
                    thresholds,
                    baseline,
                    learning_period: periods.0,
                    forget_after: periods.1,
                    trial_period: periods.2,
                    learn: if proven { Learn::Proven } else { Learn::Encountered },
                    learn_transitions,
                    downgraded,
                    ignored,
                    keep_alive: periods.3,
                    max_duration: periods.4,
                    raise_from: None,
                    severity,
                }
            },
        )
}

fn attributes(weight: f64) -> impl Strategy<Value = NetworkAttributes> {
    let attribute = move || prop::bool::weighted(weight);
    (attribute(), attribute(), attribute(), attribute()).prop_map(
        |(anonymizer, hosting, carrier, same_asn)| NetworkAttributes {
            anonymizer,
            hosting,
            carrier,
            same_asn,
        },
    )
}

/// An address, where it is, and who runs it.
#[derive(Clone, Debug)]
struct Address {
    number: u8,
    v6: bool,
    spot: Spot,
    accuracy_km: Option<f64>,
    anonymizer: Option<Anonymizer>,
    hosting: bool,
    carrier: Option<Carrier>,
    asn: Option<i64>,
    treatment: Option<Treatment>,
}

fn addresses() -> impl Strategy<Value = Address> {
    let spots = [
        LONDON,
        LONDON,
        PARIS,
        PARIS,
        MADRID,
        MADRID,
        TOKYO,
        TOKYO,
        PORTLAND_OREGON,
        PORTLAND_MAINE,
        NOWHERE,
    ];
    let rarely = |weight| prop::bool::weighted(weight);
    (
        (any::<bool>(), select(spots.to_vec()), select(vec![None, None, Some(20.0), Some(900.0)])),
        (rarely(0.15), select(vec![Anonymizer::Tor, Anonymizer::Vpn, Anonymizer::Relay])),
        (rarely(0.15), rarely(0.15), select(vec![None, Some(1), Some(2)])),
        (
            rarely(0.2),
            select(vec![
                Treatment::Place,
                Treatment::Vpn,
                Treatment::Trusted,
                Treatment::Trusted,
                Treatment::Ignore,
            ]),
        ),
    )
        .prop_map(
            |((v6, spot, accuracy_km), (hides, anonymizer), (hosting, mobile, asn), (named, treatment))| {
                Address {
                    number: 0,
                    v6,
                    spot,
                    accuracy_km,
                    anonymizer: hides.then_some(anonymizer),
                    hosting,
                    carrier: mobile.then_some(Carrier::Mobile),
                    asn,
                    treatment: named.then_some(treatment),
                }
            },
        )
}

fn event(addresses: Vec<Address>, days: i64, stride: i64) -> impl Strategy<Value = EvaluatedEvent> {
    let hours = vec![0, 7, 8, 8, 9, 12, 18, 20, 23];
    let times = (0..days, select(hours), select(vec![0, 0, 0, 1, 1800]))
        .prop_map(move |(day, hour, second)| day * stride * DAY + hour * HOUR + second * SECOND);
    let whose = (select(ENTITIES.to_vec()), 0..10_usize);
    let labels = (
        select(vec![None, Some("e1"), Some("e2")]),
        select(vec!["ConsoleLogin", "GetObject"]),
        0..3_u8,
        0..4_u8,
    );
    (times, select(addresses), whose, labels).prop_map(
        |(time, address, (entity, person), (id, name, agent, more))| {
            let baseline_entity = match person {
                0 => None,
                1 => text(BASELINES[1]),
                // Mostly everybody's, so that several entities meet in one baseline.
                _ => text(BASELINES[0]),
            };
            let number = address.number;
            let ip = if address.v6 { format!("2001:db8::{number}") } else { format!("192.0.2.{number}") };
            EvaluatedEvent {
                entity: entity.into(),
                baseline_entity,
                accuracy_km: address.accuracy_km,
                anonymizer: address.anonymizer,
                hosting: address.hosting,
                carrier: address.carrier,
                asn: address.asn,
                treatment: address.treatment,
                event_id: id.map(Into::into),
                event_name: text(name),
                access_key_id: entity.starts_with('A').then(|| entity.into()),
                user_agent: [None, text("cli"), text("browser")][usize::from(agent)].clone(),
                // One text says all that could else differ between rows of one event.
                outcome: text(&format!("{person}{more}")),
                identity_type: text(if more == 0 { "Root" } else { "IAMUser" }),
                mfa_used: [None, Some(false), Some(false), Some(true)][usize::from(more)],
                details: EventDetails {
                    network: address.treatment.and_then(|_| text(&format!("network {number}"))),
                    hosting_network: text("hosting network")
                        .filter(|_| address.hosting && number.is_multiple_of(2)),
                    ..EventDetails::default()
                }
                .into(),
                ..event_from(time, address.spot, &ip)
            }
        },
    )
}

fn places() -> impl Strategy<Value = PlaceKey> {
    select(vec![LONDON, PARIS, MADRID, TOKYO, PORTLAND_OREGON]).prop_map(crate::world::place)
}

fn analyst_row(last: Micros) -> impl Strategy<Value = AnalystRow> {
    let known = prop_oneof![
        places().prop_map(KnownItem::Place),
        (places(), places()).prop_map(|(from, to)| KnownItem::Transition(Transition { from, to })),
    ];
    let hours = last / HOUR;
    (select(BASELINES.to_vec()), known, 0..hours, prop::option::of(0..hours)).prop_map(
        |(whose, known, from, until)| AnalystRow {
            id: 0,
            baseline_entity: whose.into(),
            known,
            valid_from: from * HOUR,
            valid_until: until.map(|until| until * HOUR),
        },
    )
}

fn suppression(last: Micros) -> impl Strategy<Value = Suppression> {
    let country = || select(vec![None, None, None, Some("GB"), Some("JP"), Some("ES")]);
    let networks = vec![
        None,
        None,
        Some(("192.0.2.0", 29)),
        Some(("192.0.2.8", 29)),
        Some(("2001:db8::", 64)),
        Some(("::", 0)),
    ];
    let hours = last / HOUR;
    (
        select(vec![None, Some("A%"), Some("%3"), Some("AKIA_")]),
        country(),
        country(),
        select(networks),
        prop::option::of(0..hours),
        prop::option::of(0..hours),
    )
        .prop_map(|(pattern, a, b, network, from, until)| Suppression {
            // The case numbers them.
            id: 0,
            entity_like: pattern.map(Into::into),
            country_code_a: a.map(Into::into),
            country_code_b: b.map(Into::into),
            network: network.map(|(address, prefix)| IpNet::new(address.parse().unwrap(), prefix).unwrap()),
            valid_from: from.map(|from| from * HOUR),
            valid_until: until.map(|until| until * HOUR),
        })
}
