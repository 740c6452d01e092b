//! Session lineage: the root of a key's chain, which minting event counts, and what an arriving event changes.

use crate::world::{text, time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::lineage::*;
use travel_core::site::Site;

type Fact = (Arc<str>, Minting);

/// `issuer` mints `key` at an hour of the first day, from an address that ends in `address`.
fn mints(issuer: &str, key: &str, hour: i64, address: Option<u8>) -> Fact {
    let site = address.map(|last| Site::from_address([192, 0, 2, last].into()));
    let baseline_entity = text(&format!("user of {issuer}"));
    (key.into(), Minting { time: time(0, hour, 0), site, issuer: issuer.into(), baseline_entity })
}

/// What scans store: each fact arrives in a step of its own.
#[derive(Default)]
struct Stored(MintedKeys);

impl Stored {
    /// Takes in the facts of a step and returns the keys that they regroup.
    fn take(&mut self, facts: &[Fact]) -> Vec<RegroupedKey> {
        let mut first = BTreeMap::new();
        for (key, minting) in facts {
            add_first(&mut first, key.clone(), minting.clone());
        }
        let changes: BTreeMap<_, _> = first
            .into_iter()
            .filter(|(key, minting)| {
                self.0.get(key).is_none_or(|stored| minting.order(&stored.minting).is_lt())
            })
            .map(|(key, minting)| (key, Some(minting)))
            .collect();
        self.change(&changes)
    }

    fn change(&mut self, changes: &BTreeMap<Arc<str>, Option<Minting>>) -> Vec<RegroupedKey> {
        // As the scan does: only the changed keys, what is below them, and the roots of their issuers.
        let mut below: MintedKeys = BTreeMap::new();
        let mut wanted: Vec<Arc<str>> = changes.keys().cloned().collect();
        while let Some(key) = wanted.pop() {
            if let Some(minted) = self.0.get(&key)
                && below.insert(key.clone(), minted.clone()).is_some()
            {
                continue;
            }
            wanted.extend(
                self.0
                    .iter()
                    .filter(|(at, of)| of.minting.issuer == key && !below.contains_key(*at))
                    .map(|(at, _)| at.clone()),
            );
        }
        let outside: HashMap<Arc<str>, Root> = changes
            .values()
            .flatten()
            .filter(|minting| !below.contains_key(&minting.issuer))
            .filter_map(|minting| Some((minting.issuer.clone(), self.0.get(&minting.issuer)?.root.clone()?)))
            .collect();
        let regrouped = regroup(&below, changes, &outside, &|| ());
        for key in &regrouped {
            assert_eq!(key.before, self.root(&key.key));
            match &key.now {
                Some(now) => self.0.insert(key.key.clone(), now.clone()),
                None => self.0.remove(&key.key),
            };
        }
        regrouped
    }

    fn root(&self, key: &str) -> Option<Root> {
        self.0.get(key).and_then(|minted| minted.root.clone())
    }

    fn root_key(&self, key: &str) -> String {
        self.root(key).map_or_else(|| key.to_owned(), |root| root.key.to_string())
    }
}

#[test]
fn the_root_of_a_chain_of_three_is_the_long_term_key() {
    let mut stored = Stored::default();
    stored.take(&[mints("AKIA", "ASIA1", 8, Some(1))]);
    stored.take(&[mints("ASIA1", "ASIA2", 9, Some(1)), mints("ASIA2", "ASIA3", 10, Some(1))]);
    for key in ["ASIA1", "ASIA2", "ASIA3"] {
        assert_eq!(
            stored.root(key),
            Some(Root { key: "AKIA".into(), baseline_entity: text("user of AKIA") })
        );
    }
    assert_eq!(stored.root("AKIA"), None);
}

#[test]
fn a_late_minting_event_regroups_the_keys_below_it_and_no_others() {
    let mut stored = Stored::default();
    stored.take(&[mints("ASIA1", "ASIA2", 9, None), mints("OTHER", "ASIA9", 9, None)]);
    assert_eq!(stored.root_key("ASIA2"), "ASIA1");
    let regrouped = stored.take(&[mints("AKIA", "ASIA1", 8, None)]);
    let keys: Vec<&str> = regrouped.iter().map(|key| &*key.key).collect();
    assert_eq!(keys, ["ASIA1", "ASIA2"]);
    assert_eq!(regrouped[1].before.as_ref().map(|root| &*root.key), Some("ASIA1"));
    assert_eq!(stored.root_key("ASIA2"), "AKIA");
    assert_eq!(stored.root_key("ASIA9"), "OTHER");
}

#[test]
fn of_two_minting_events_the_first_in_order_counts() {
    let (early, late) = (mints("AKIA1", "ASIA", 8, Some(9)), mints("AKIA2", "ASIA", 9, Some(1)));
    let mut stored = Stored::default();
    stored.take(std::slice::from_ref(&late));
    stored.take(&[early]);
    assert_eq!(stored.root_key("ASIA"), "AKIA1");
    assert!(stored.take(&[late]).is_empty());
    // Within a second the lower address counts, and an event without an address is the last.
    stored.take(&[mints("AKIA0", "ASIA", 8, None)]);
    assert_eq!(stored.root_key("ASIA"), "AKIA1");
    stored.take(&[mints("AKIA3", "ASIA", 8, Some(8))]);
    assert_eq!(stored.root_key("ASIA"), "AKIA3");
}

#[test]
fn a_circle_is_cut_at_its_last_minting_event() {
    let mut stored = Stored::default();
    stored.take(&[mints("A", "B", 8, None), mints("B", "C", 9, None), mints("C", "D", 7, None)]);
    assert_eq!(stored.root_key("D"), "A");
    stored.take(&[mints("C", "A", 10, None)]);
    assert_eq!(stored.root("A"), None);
    assert_eq!(["B", "C", "D"].map(|key| stored.root_key(key)), ["A", "A", "A"]);
    // An earlier minting event of A turns the circle: its last one is now that of C.
    stored.take(&[mints("C", "A", 6, None)]);
    assert_eq!(["A", "B", "C", "D"].map(|key| stored.root_key(key)), ["C", "C", "C", "C"]);
    // Two keys that claim to have minted each other, in the same second.
    let mut stored = Stored::default();
    stored.take(&[mints("X", "Y", 8, None), mints("Y", "X", 8, None)]);
    assert_ne!(stored.root_key("X") == "X", stored.root_key("Y") == "Y");
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn a_long_chain_takes_no_stack() {
    let facts: Vec<Fact> =
        (0..100_000).map(|at| mints(&format!("k{at}"), &format!("k{}", at + 1), 8, None)).collect();
    let changes = facts.into_iter().map(|(key, minting)| (key, Some(minting))).collect();
    let regrouped = regroup(&MintedKeys::new(), &changes, &HashMap::new(), &|| ());
    assert_eq!(regrouped.len(), 100_000);
    assert!(regrouped.iter().all(|key| {
        key.now.as_ref().and_then(|now| now.root.as_ref()).is_some_and(|root| &*root.key == "k0")
    }));
}

const KEYS: [&str; 7] = ["A", "B", "C", "D", "E", "F", "G"];

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = (select(KEYS.to_vec()), select(KEYS.to_vec()), 0..4_i64, prop::option::of(0..2_u8))
        .prop_filter("a key does not mint itself", |(issuer, key, ..)| issuer != key)
        .prop_map(|(issuer, key, hour, address)| mints(issuer, key, hour, address));
    vec(fact, 0..20)
}

/// The meaning again, slow and obvious: walk up from one key and remember the way.
fn root_by_walking(facts: &[Fact], key: &str) -> Option<Root> {
    let first = |key: &str| {
        facts.iter().filter(|(of, _)| &**of == key).map(|(_, minting)| minting).min_by(|a, b| a.order(b))
    };
    let circle_of = |key: &str| {
        let mut circle: Vec<(String, &Minting)> = Vec::new();
        let mut at = key.to_owned();
        while let Some(minting) = first(&at) {
            circle.push((at, minting));
            at = minting.issuer.to_string();
            if at == key {
                return circle;
            }
            if circle.len() > KEYS.len() {
                break;
            }
        }
        Vec::new()
    };
    let is_cut = |key: &str| {
        let circle = circle_of(key);
        let last = circle.iter().max_by(|(a, x), (b, y)| x.order(y).then_with(|| a.cmp(b)));
        last.is_some_and(|(last, _)| last == key)
    };
    let mut root = None;
    let mut at = key.to_owned();
    while let Some(minting) = first(&at).filter(|_| !is_cut(&at)) {
        root = Some(Root { key: minting.issuer.clone(), baseline_entity: minting.baseline_entity.clone() });
        at = minting.issuer.to_string();
    }
    root
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_ends_in_the_same_roots(facts in facts(), order in any::<u64>(), size in 1..5_usize) {
        let mut shuffled = facts.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, (order.rotate_left(at as u32) % (at as u64 + 1)) as usize);
        }
        let mut stored = Stored::default();
        for step in shuffled.chunks(size) {
            for regrouped in stored.take(step) {
                let now = regrouped.now.as_ref().and_then(|now| now.root.as_ref());
                prop_assert!(now.is_none_or(|root| root.key != regrouped.key));
            }
        }
        for key in KEYS {
            prop_assert_eq!(stored.root(key), root_by_walking(&facts, key), "{}", key);
        }
    }

    #[test]
    fn a_minting_event_that_is_taken_back_leaves_what_the_others_say(facts in facts(), gone in select(KEYS.to_vec())) {
        let mut stored = Stored::default();
        stored.take(&facts);
        stored.change(&BTreeMap::from([(gone.into(), None)]));
        let left: Vec<Fact> = facts.into_iter().filter(|(key, _)| &**key != gone).collect();
        for key in KEYS {
            prop_assert_eq!(stored.root(key), root_by_walking(&left, key), "{}", key);
        }
    }
}

/// A chain without an end, whose storage is interrupted after some calls.
struct Endless {
    calls_left: std::cell::Cell<usize>,
}

impl Endless {
    fn call(&self) -> Result<(), &'static str> {
        let left = self.calls_left.get().checked_sub(1).ok_or("interrupted")?;
        self.calls_left.set(left);
        Ok(())
    }
}

impl Chains for Endless {
    type Error = &'static str;

    fn key(&self, key: &str) -> Result<ChainKey, Self::Error> {
        self.call()?;
        Ok(ChainKey::Minted(mints(&format!("{}", key.len()), key, 8, None).1, None))
    }

    fn note_passed(&mut self, _: &Arc<str>, _: &Minting, _: u64) -> Result<(), Self::Error> {
        self.call()
    }

    fn note_root(&mut self, _: &Arc<str>, _: Option<&Root>) -> Result<(), Self::Error> {
        self.call()
    }
}

#[test]
fn an_interrupted_storage_ends_the_climb() {
    for calls in [0, 1, 2, 1000] {
        let mut climber = Climber::new(Endless { calls_left: calls.into() });
        assert_eq!(climber.root(&"ASIA".into()), Err("interrupted"));
    }
}
