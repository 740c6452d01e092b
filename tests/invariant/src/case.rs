//! A random case: a rule, the rows of its source, what analysts and networks say, and how it all arrives.

use crate::arbitrary;
use crate::plan::{self, Step};
use ipnet::IpNet;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use travel_core::rule::settings::DAY;
use travel_core::rule::*;
use travel_core::site::Site;
use travel_sample::rng::Rng;

#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    pub rule: Rule,
    /// As they arrive in the end, each once.
    pub rows: Vec<EvaluatedEvent>,
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
    pub source: Source,
    pub entity: Entity,
    pub baseline: Baseline,
    /// Of each row, where the source says when it arrived.
    pub arrived: Vec<Micros>,
    pub lookback: Micros,
    /// Other settings, and other rows of analysts, that the rule has until it is changed and evaluates again.
    pub before: Option<Before>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Before {
    pub rule: Rule,
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
}

/// What the rule scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table that travel.create_events_table made.
    Events,
    /// A table with the transaction of each row, without indexes.
    Transactions,
    /// A table that says when each row arrived.
    Arrivals,
    /// A table that says neither.
    Lookback,
}

/// Whom travel is evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    Key,
    Name,
    /// Two columns.
    Pair,
}

/// Whom places are learnt for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The default: a person, or else a principal.
    Person,
    Column,
}

/// The first day of the histories: 2025-01-01.
const BEGIN: Micros = 9132 * DAY;

impl Case {
    pub fn random(seed: u64, number: u64) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let drawn = draw(&mut rng);
        let source = *rng.pick(&[
            Source::Events,
            Source::Events,
            Source::Transactions,
            Source::Arrivals,
            Source::Lookback,
        ]);
        let entity = *rng.pick(&[Entity::Key, Entity::Name, Entity::Pair]);
        let mut case = Self {
            number,
            rule: drawn.rule,
            rows: drawn.events,
            analysts: drawn.analysts,
            suppressions: drawn.suppressions,
            source,
            entity,
            baseline: *rng.pick(&[Baseline::Person, Baseline::Column]),
            arrived: Vec::new(),
            lookback: *rng.pick(&[DAY, 3 * DAY, 7 * DAY, 20 * DAY]),
            before: None,
            steps: Vec::new(),
        };
        for _ in 0..rng.below(10) {
            let again = rng.pick(&case.rows).clone();
            case.rows.push(again);
        }
        case.place_in_time();
        case.name_rows(&mut rng);
        case.put_in_own_networks();
        if rng.below(4) == 0 {
            let other = draw(&mut rng);
            let mut before = Self { rows: Vec::new(), ..case.clone() };
            (before.rule, before.analysts, before.suppressions) =
                (other.rule, other.analysts, other.suppressions);
            before.place_in_time();
            before.put_in_own_networks();
            // Whether there is a baseline at all is not changed: it is no matter of evaluating again.
            before.rule.baseline = case.rule.baseline;
            case.before = Some(Before {
                rule: before.rule,
                analysts: before.analysts,
                suppressions: before.suppressions,
            });
        }
        plan::make(&mut case, &mut rng);
        case
    }

    /// What it is an example of.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = vec![
            match self.source {
                Source::Events => "an events table",
                Source::Transactions => "transactions, no index",
                Source::Arrivals => "arrival column",
                Source::Lookback => "lookback",
            },
            match self.rule.learn {
                _ if !self.rule.baseline => "no baseline",
                Learn::Proven => "proven",
                Learn::Encountered => "encountered",
            },
        ];
        if self.before.is_some() {
            kinds.push("settings changed, evaluated again");
        }
        if self.networks().next().is_some() {
            kinds.push("named networks");
        }
        kinds.extend(plan::kinds(&self.steps));
        kinds
    }

    /// The addresses with what is known of them.
    pub fn addresses(&self) -> BTreeMap<IpAddr, &EvaluatedEvent> {
        self.rows.iter().filter_map(|row| Some((row.site.address()?, row))).collect()
    }

    pub fn networks(&self) -> impl Iterator<Item = (IpAddr, Treatment)> {
        self.addresses().into_iter().filter_map(|(address, row)| Some((address, row.treatment?)))
    }

    fn place_in_time(&mut self) {
        for row in &mut self.rows {
            row.time += BEGIN;
        }
        for row in &mut self.analysts {
            row.valid_from += BEGIN;
            row.valid_until = row.valid_until.map(|until| until + BEGIN);
        }
        // What can never hold cannot be entered.
        self.analysts.retain(|row| row.valid_until.is_none_or(|until| row.valid_from < until));
        for row in &mut self.suppressions {
            row.valid_from = row.valid_from.map(|time| time + BEGIN);
            row.valid_until = row.valid_until.map(|time| time + BEGIN);
        }
        self.suppressions
            .retain(|row| row.valid_from.zip(row.valid_until).is_none_or(|(from, until)| from < until));
        self.rule.raise_from = self.rule.raise_from.map(|time| time + BEGIN);
    }

    /// The columns in which the source says who acts, and ids where it wants them.
    fn name_rows(&mut self, rng: &mut Rng) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            match self.entity {
                Entity::Key => row.access_key_id = Some(row.entity.clone()),
                Entity::Name => {}
                Entity::Pair => row.entity = format!("12 | {}", row.entity).into(),
            }
            if !self.rule.baseline {
                row.baseline_entity = None;
            }
            if self.source == Source::Events {
                let id = row.event_id.as_deref().unwrap_or(*rng.pick(&["e0", "e3"]));
                row.event_id = Some(format!("{id} {at}").into());
            }
        }
    }

    /// Addresses of no other case, in the order and the prefixes of those that were drawn.
    fn put_in_own_networks(&mut self) {
        let number = self.number;
        let own = |address: IpAddr| -> IpAddr {
            match address {
                IpAddr::V4(v4) => Ipv4Addr::new(20, (number >> 8) as u8, number as u8, v4.octets()[3]).into(),
                IpAddr::V6(v6) if v6.is_unspecified() => address,
                IpAddr::V6(v6) => {
                    Ipv6Addr::new(0x2001, 0xdb8, 0, number as u16, 0, 0, 0, v6.segments()[7]).into()
                }
            }
        };
        for row in &mut self.rows {
            if let Some(address) = row.site.address() {
                row.site = Site::from_address(own(address));
            }
        }
        for row in &mut self.suppressions {
            row.network =
                row.network.and_then(|network| IpNet::new(own(network.addr()), network.prefix_len()).ok());
        }
    }
}

fn draw(rng: &mut Rng) -> arbitrary::Case {
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    arbitrary::cases().new_tree(&mut runner).expect("nothing is filtered").current()
}
