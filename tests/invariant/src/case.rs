//! A random case: a rule, the rows of its source, the rows of analysts, named networks, and the order in which all of
//! it arrives.

use crate::arbitrary;
use crate::plan::{self, Step};
use crate::sql;
use ipnet::IpNet;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use travel_core::rule::lineage::{Minting, add_first, roots};
use travel_core::rule::settings::DAY;
use travel_core::rule::*;
use travel_core::site::Site;
use travel_sample::rng::Rng;

#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    pub rule: Rule,
    /// The rows that have arrived in the end.
    pub rows: Vec<EvaluatedEvent>,
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
    pub source: Source,
    pub entity: EntityColumns,
    pub baseline: BaselineColumn,
    /// For a rule with lineage: which row mints which key. Empty without lineage.
    pub mints: Vec<Option<Mint>>,
    /// The arrival time of each row, for a source with an arrival column.
    pub arrived: Vec<Micros>,
    pub lookback: Micros,
    /// The settings and the rows of analysts that the rule has until it is changed and evaluates everything again.
    pub earlier: Option<EarlierSettings>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct EarlierSettings {
    pub rule: Rule,
    pub analysts: Vec<AnalystRow>,
    pub suppressions: Vec<Suppression>,
}

/// A row that mints a key.
#[derive(Clone, Debug)]
pub struct Mint {
    pub key: Arc<str>,
    /// Whether the row has an address. If not, the rule's condition excludes it.
    pub has_address: bool,
}

/// The name of events that mint keys and that the condition of a rule with lineage excludes.
pub const EXCLUDED: &str = "AssumeRole";

/// The table that the rule scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table that `travel.create_events_table` made.
    Events,
    /// Such a table, partitioned by month. At first all rows are in its DEFAULT partition.
    Partitioned,
    /// A table that stores the transaction id of each row, without indexes.
    Transactions,
    /// A table with an arrival column.
    Arrivals,
    /// A table with neither, which is scanned by lookback.
    Lookback,
}

/// The columns of the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityColumns {
    Key,
    Name,
    /// Two columns.
    Pair,
}

/// The column of the baseline user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineColumn {
    /// The default: the actor, or else the principal.
    Person,
    Column,
}

/// What the chains of keys of a case can be examples of.
const LINEAGE: [&str; 5] = [
    "lineage",
    "lineage: a chain of three minted keys or more",
    "lineage: keys that minted each other in a circle",
    "lineage: a key that two others minted",
    "lineage: a key that was used before its minting event arrived",
];

/// The first day of the histories, 2025-01-01.
const BEGIN: Micros = 9132 * DAY;

impl Case {
    pub fn random(seed: u64, number: u64) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let drawn = draw(&mut rng);
        let source = *rng.pick(&[
            Source::Events,
            Source::Partitioned,
            Source::Transactions,
            Source::Arrivals,
            Source::Lookback,
        ]);
        let entity = *rng.pick(&[EntityColumns::Key, EntityColumns::Name, EntityColumns::Pair]);
        let mut case = Self {
            number,
            rule: drawn.rule,
            rows: drawn.events,
            analysts: drawn.analysts,
            suppressions: drawn.suppressions,
            source,
            entity,
            baseline: *rng.pick(&[BaselineColumn::Person, BaselineColumn::Column]),
            mints: Vec::new(),
            arrived: Vec::new(),
            lookback: *rng.pick(&[DAY, 3 * DAY, 7 * DAY, 20 * DAY]),
            earlier: None,
            steps: Vec::new(),
        };
        for _ in 0..rng.below(10) {
            let again = rng.pick(&case.rows).clone();
            case.rows.push(again);
        }
        case.move_to_2025();
        if entity == EntityColumns::Key && rng.below(3) > 0 {
            case.mint_keys(&mut rng);
        }
        case.name_rows(&mut rng);
        case.move_to_own_networks();
        case.name_networks();
        if rng.below(4) == 0 {
            let other = draw(&mut rng);
            let mut before = Self { rows: Vec::new(), ..case.clone() };
            (before.rule, before.analysts, before.suppressions) =
                (other.rule, other.analysts, other.suppressions);
            before.move_to_2025();
            before.move_to_own_networks();
            // Whether the rule has a baseline does not change: a rescan does not create one.
            before.rule.baseline = case.rule.baseline;
            case.earlier = Some(EarlierSettings {
                rule: before.rule,
                analysts: before.analysts,
                suppressions: before.suppressions,
            });
        }
        plan::make(&mut case, &mut rng);
        case
    }

    /// Names for what the case is an example of, counted in the report.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = vec![
            match self.source {
                Source::Events => "an events table",
                Source::Partitioned => "a partitioned events table",
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
        if self.earlier.is_some() {
            kinds.push("settings changed, evaluated again");
        }
        kinds.extend(self.kinds_of_lineage());
        if self.networks().next().is_some() {
            kinds.push("named networks");
        }
        kinds.extend(plan::kinds(&self.steps));
        kinds
    }

    /// The addresses of the case, each with a row that has its place data.
    pub fn addresses(&self) -> BTreeMap<IpAddr, &EvaluatedEvent> {
        self.rows.iter().filter_map(|row| Some((row.site.address()?, row))).collect()
    }

    pub fn networks(&self) -> impl Iterator<Item = (IpAddr, Treatment)> {
        self.addresses().into_iter().filter_map(|(address, row)| Some((address, row.treatment?)))
    }

    fn move_to_2025(&mut self) {
        for row in &mut self.rows {
            row.time += BEGIN;
        }
        for row in &mut self.analysts {
            row.valid_from += BEGIN;
            row.valid_until = row.valid_until.map(|until| until + BEGIN);
        }
        // An empty validity cannot be entered.
        self.analysts.retain(|row| row.valid_until.is_none_or(|until| row.valid_from < until));
        for row in &mut self.suppressions {
            row.valid_from = row.valid_from.map(|time| time + BEGIN);
            row.valid_until = row.valid_until.map(|time| time + BEGIN);
        }
        self.suppressions
            .retain(|row| row.valid_from.zip(row.valid_until).is_none_or(|(from, until)| from < until));
        // The number of a row in the order in which the rows are entered.
        for (number, row) in (1..).zip(&mut self.suppressions) {
            row.id = number;
        }
        self.rule.raise_from = self.rule.raise_from.map(|time| time + BEGIN);
    }

    pub fn has_lineage(&self) -> bool {
        !self.mints.is_empty()
    }

    /// The minting event of each minted key that counts, of these rows.
    fn mintings(&self, rows: &[usize]) -> BTreeMap<Arc<str>, Minting> {
        let mut mintings = BTreeMap::new();
        for (at, key) in self.minted(rows) {
            let row = &self.rows[at];
            let minting = Minting {
                time: row.time,
                site: self.mints[at].as_ref().is_some_and(|mint| mint.has_address).then_some(row.site),
                issuer: row.entity.clone(),
                baseline_entity: row.baseline_entity.clone(),
            };
            add_first(&mut mintings, key.clone(), minting);
        }
        mintings
    }

    /// Those of these rows that mint another key than their own, each with that key.
    fn minted<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = (usize, &'a Arc<str>)> {
        let mint = |at: usize| self.mints.get(at)?.as_ref().map(|mint| (at, &mint.key));
        rows.iter().copied().filter_map(mint).filter(|(at, key)| **key != self.rows[*at].entity)
    }

    /// What the chains of keys are examples of.
    fn kinds_of_lineage(&self) -> Vec<&'static str> {
        if !self.has_lineage() {
            return Vec::new();
        }
        // In the order of arrival.
        let rows = plan::rows(&self.steps);
        let mintings = self.mintings(&rows);
        let mut kinds = BTreeSet::from([LINEAGE[0]]);
        for key in mintings.keys() {
            let (mut chain, mut at) = (vec![key], key);
            while let Some(minting) = mintings.get(at).filter(|_| chain.len() <= mintings.len()) {
                at = &minting.issuer;
                chain.push(at);
            }
            if mintings.contains_key(at) {
                kinds.insert(LINEAGE[2]);
            } else if chain.len() > 3 {
                kinds.insert(LINEAGE[1]);
            }
            let issuers: BTreeSet<&str> = self
                .minted(&rows)
                .filter(|(_, minted)| *minted == key)
                .map(|(at, _)| &*self.rows[at].entity)
                .collect();
            if issuers.len() > 1 {
                kinds.insert(LINEAGE[3]);
            }
            let arrival = |is: &dyn Fn(usize) -> bool| rows.iter().position(|at| is(*at));
            let used = arrival(&|at| self.rows[at].entity == *key);
            let minted = arrival(&|at| self.minted(&[at]).any(|(_, minted)| minted == key));
            if used.zip(minted).is_some_and(|(used, minted)| used < minted) {
                kinds.insert(LINEAGE[4]);
            }
        }
        kinds.into_iter().collect()
    }

    /// The case with these rows, as the rule evaluates them: each with the entity and the baseline user of its root.
    pub fn with_rows(&self, rows: &[usize]) -> Self {
        let mintings = self.mintings(rows);
        let roots = roots(
            &mintings.iter().map(|(key, minting)| (key.clone(), minting)).collect(),
            &HashMap::new(),
            &|| (),
        );
        let evaluated = |at: &usize| {
            let mut row = self.rows[*at].clone();
            if self.has_lineage() && row.event_name.as_deref() == Some(EXCLUDED) {
                return None;
            }
            if let Some(Some(root)) = roots.get(&row.entity) {
                row.entity = root.key.clone();
                row.baseline_entity = root.baseline_entity.clone();
            }
            Some(row)
        };
        Self { rows: rows.iter().filter_map(evaluated).collect(), ..self.clone() }
    }

    /// Spreads the rows over more keys, and lets some of them mint keys: in chains and in circles, several times, before
    /// and after the keys are used.
    fn mint_keys(&mut self, rng: &mut Rng) {
        let keys = ["AKIA1", "ASIA2", "key_3", "ASIA4", "ASIA5", "ASIA6", "ASIA7"];
        let one_of = [2, 5, 12][rng.below(3) as usize];
        for row in &mut self.rows {
            if rng.below(2) == 0 {
                row.entity = (*rng.pick(&keys)).into();
            }
            let mut mint = None;
            if rng.below(one_of) == 0 {
                let is_excluded = rng.below(2) == 0;
                if is_excluded {
                    row.event_name = Some(EXCLUDED.into());
                }
                let has_address = !is_excluded || rng.below(2) == 0;
                mint = Some(Mint { key: (*rng.pick(&keys)).into(), has_address });
            }
            self.mints.push(mint);
        }
    }

    /// Fills the columns of the entity, and the event ids that an events table requires.
    fn name_rows(&mut self, rng: &mut Rng) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            match self.entity {
                EntityColumns::Key => row.access_key_id = Some(row.entity.clone()),
                EntityColumns::Name => {}
                EntityColumns::Pair => row.entity = format!("12 | {}", row.entity).into(),
            }
            if !self.rule.baseline {
                row.baseline_entity = None;
            }
            if matches!(self.source, Source::Events | Source::Partitioned) {
                let id = row.event_id.as_deref().unwrap_or(*rng.pick(&["e0", "e3"]));
                row.event_id = Some(format!("{id} {at}").as_str().into());
            }
        }
    }

    /// Names the network of each address that has a treatment.
    fn name_networks(&mut self) {
        for row in &mut self.rows {
            let address = row.site.address().filter(|_| row.treatment.is_some());
            let network = address.map(|address| sql::network_name(address).into());
            row.details = EventDetails { network, ..EventDetails::default() }.into();
        }
    }

    /// Replaces the addresses by addresses of no other case, in the order and the prefixes of those that were drawn.
    fn move_to_own_networks(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_of_a_run_have_chains_of_every_kind() {
        let kinds: Vec<&str> =
            (0..crate::CASES).flat_map(|number| Case::random(crate::SEED, number).kinds()).collect();
        for kind in LINEAGE {
            assert!(kinds.iter().filter(|found| **found == kind).count() >= 5, "{kind}");
        }
    }
}
