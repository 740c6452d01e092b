//! Session lineage: which key minted a temporary key, and which key is the root of the chain.
//!
//! ```text
//! AKIA…ALICE ──AssumeRole──> ASIA…ONE ──AssumeRole──> ASIA…TWO      root of both: AKIA…ALICE
//! ```
//!
//! A *minting event* names two keys: the one that made the call (the issuer) and the one that the call created. With
//! lineage, an event of a minted key is evaluated as an event of the root of its chain, and its baseline user is what
//! the columns of the root's minting event say: the event by which the root minted the first key of the chain.
//!
//! If several events mint one key, the first in order counts. Data that claims a circle (each of two keys minted the
//! other) is cut: the last minting event of the circle does not count, so the key that it would have minted is the root
//! of all others. Which key is a root is therefore a function of the set of events, whatever the order in which they
//! arrive. [`regroup`] finds out what an arriving event changes, from the keys below it alone.

use super::settings::Micros;
use crate::site::Site;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

/// An event that minted a temporary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minting {
    pub time: Micros,
    /// `None` for an event that is not at an address or at coordinates, such as a call by an AWS service.
    pub site: Option<Site>,
    /// The key that made the call.
    pub issuer: Arc<str>,
    /// The baseline user that the event's own columns name.
    pub baseline_entity: Option<Arc<str>>,
}

/// The root of a minted key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub key: Arc<str>,
    /// The baseline user of the root's minting event.
    pub baseline_entity: Option<Arc<str>>,
}

/// A minted key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintedKey {
    pub minting: Minting,
    /// `None` for the key at which a circle is cut. It is a root, like a key that was not minted.
    pub root: Option<Root>,
}

/// A key whose minting event or root changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegroupedKey {
    pub key: Arc<str>,
    /// The root before. `None`: the key was its own root, and its events had the baseline user of their own columns.
    pub before: Option<Root>,
    /// The key from now on. `None`: nothing minted it.
    pub now: Option<MintedKey>,
}

impl RegroupedKey {
    /// The root from now on. `None`: the key is its own root.
    pub fn root(&self) -> Option<&Root> {
        self.now.as_ref()?.root.as_ref()
    }
}

/// Minted keys by name.
pub type MintedKeys = BTreeMap<Arc<str>, MintedKey>;

impl Minting {
    /// The order of events: by time, then site. Events without a site are the last at their time.
    pub fn order(&self, other: &Self) -> Ordering {
        fn key(event: &Minting) -> (Micros, bool, Option<Site>, &str) {
            (event.time, event.site.is_none(), event.site, &event.issuer)
        }
        let baseline = |event: &Self| (event.baseline_entity.is_none(), event.baseline_entity.clone());
        // The issuer and the baseline user only make the choice independent of the order of the rows.
        key(self).cmp(&key(other)).then_with(|| baseline(self).cmp(&baseline(other)))
    }

    /// Whether both are the same event, but for the columns that name its baseline user.
    pub fn is_same_event(&self, other: &Self) -> bool {
        (self.time, self.site, &self.issuer) == (other.time, other.site, &other.issuer)
    }
}

/// Adds a minting event of a key if it comes before the one that is there.
pub fn add_first(mintings: &mut BTreeMap<Arc<str>, Minting>, key: Arc<str>, minting: Minting) {
    match mintings.get_mut(&key) {
        Some(first) if first.order(&minting).is_le() => {}
        Some(first) => *first = minting,
        None => {
            mintings.insert(key, minting);
        }
    }
}

/// Minting events and the roots of keys, wherever they are stored. A chain can have any number of keys, so each call may
/// end the climb by an error.
pub trait Chains {
    type Error;

    /// What is known of a key.
    fn key(&self, key: &str) -> Result<ChainKey, Self::Error>;

    /// Notes that a climb has passed a minted key.
    fn note_passed(&mut self, key: &Arc<str>, minting: &Minting, climb: u64) -> Result<(), Self::Error>;

    /// Notes the root of a minted key. `None`: the key is its own root.
    fn note_root(&mut self, key: &Arc<str>, root: Option<&Root>) -> Result<(), Self::Error>;
}

/// What [`Chains`] know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainKey {
    /// Its root. `None`: the key is its own root.
    Root(Option<Root>),
    /// Its first minting event, and the last climb that has passed it.
    Minted(Minting, Option<u64>),
}

/// Finds the roots of keys. What it needs for a chain are the notes in the [`Chains`].
pub struct Climber<C> {
    chains: C,
    climbs: u64,
}

/// Where a climb ended.
enum End {
    Root(Option<Root>),
    /// At a key that it had passed before.
    Circle(Arc<str>),
}

impl<C: Chains> Climber<C> {
    pub fn new(chains: C) -> Self {
        Self { chains, climbs: 0 }
    }

    pub fn into_chains(self) -> C {
        self.chains
    }

    /// The root of a key. `None`: the key is its own root. The roots of all keys on the way are noted.
    pub fn root(&mut self, key: &Arc<str>) -> Result<Option<Root>, C::Error> {
        let root = loop {
            match self.climb(key)? {
                End::Root(root) => break root,
                End::Circle(at) => self.cut(at)?,
            }
        };
        let mut at = key.clone();
        while let ChainKey::Minted(minting, _) = self.chains.key(&at)? {
            self.chains.note_root(&at, root.as_ref())?;
            at = minting.issuer;
        }
        Ok(root)
    }

    fn climb(&mut self, from: &Arc<str>) -> Result<End, C::Error> {
        self.climbs += 1;
        let mut at = from.clone();
        let mut highest: Option<Minting> = None;
        loop {
            match self.chains.key(&at)? {
                ChainKey::Root(None) => {
                    let root_of = |minting: Minting| Root {
                        key: minting.issuer,
                        baseline_entity: minting.baseline_entity,
                    };
                    return Ok(End::Root(highest.map(root_of)));
                }
                ChainKey::Root(root) => return Ok(End::Root(root)),
                ChainKey::Minted(_, passed_by) if passed_by == Some(self.climbs) => {
                    return Ok(End::Circle(at));
                }
                ChainKey::Minted(minting, _) => {
                    self.chains.note_passed(&at, &minting, self.climbs)?;
                    at = minting.issuer.clone();
                    highest = Some(minting);
                }
            }
        }
    }

    /// Cuts the circle on which a key is: the key of its last minting event becomes the root of all others.
    fn cut(&mut self, from: Arc<str>) -> Result<(), C::Error> {
        let mut last: Option<(Arc<str>, Minting)> = None;
        let mut at = from.clone();
        while let ChainKey::Minted(minting, _) = self.chains.key(&at)? {
            let next = minting.issuer.clone();
            let is_last =
                last.as_ref().is_none_or(|(key, last)| minting.order(last).then_with(|| at.cmp(key)).is_gt());
            if is_last {
                last = Some((at, minting));
            }
            at = next;
            if at == from {
                break;
            }
        }
        last.map_or(Ok(()), |(key, _)| self.chains.note_root(&key, None))
    }
}

/// [`Chains`] of some minted keys in memory.
struct InMemory<'m> {
    mintings: &'m BTreeMap<Arc<str>, &'m Minting>,
    outside: &'m HashMap<Arc<str>, Root>,
    tick: &'m dyn Fn(),
    passed: HashMap<Arc<str>, u64>,
    found: BTreeMap<Arc<str>, Option<Root>>,
}

impl Chains for InMemory<'_> {
    type Error = Infallible;

    fn key(&self, key: &str) -> Result<ChainKey, Infallible> {
        (self.tick)();
        Ok(match (self.found.get(key), self.mintings.get(key)) {
            (Some(root), _) => ChainKey::Root(root.clone()),
            (None, Some(minting)) => ChainKey::Minted((*minting).clone(), self.passed.get(key).copied()),
            (None, None) => ChainKey::Root(self.outside.get(key).cloned()),
        })
    }

    fn note_passed(&mut self, key: &Arc<str>, _: &Minting, climb: u64) -> Result<(), Infallible> {
        self.passed.insert(key.clone(), climb);
        Ok(())
    }

    fn note_root(&mut self, key: &Arc<str>, root: Option<&Root>) -> Result<(), Infallible> {
        self.found.insert(key.clone(), root.cloned());
        Ok(())
    }
}

/// Returns the root of each of these minted keys. `outside` has the roots of issuers that are not among them. An issuer
/// without a root in `outside` is itself a root. `tick` is called for each key and may unwind.
pub fn roots(
    mintings: &BTreeMap<Arc<str>, &Minting>,
    outside: &HashMap<Arc<str>, Root>,
    tick: &dyn Fn(),
) -> BTreeMap<Arc<str>, Option<Root>> {
    let chains = InMemory { mintings, outside, tick, passed: HashMap::new(), found: BTreeMap::new() };
    let mut climber = Climber::new(chains);
    for key in mintings.keys() {
        let Ok(_) = climber.root(key);
    }
    climber.into_chains().found
}

/// Changes the minting events of some keys, and returns every key that this changes.
///
/// `stored` has these keys, where they were minted before, and all keys below them in their chains. `outside` has the
/// roots of the new issuers that are not among them. A change of `None` removes the minting event of a key. `tick` is
/// called for each key and may unwind.
pub fn regroup(
    stored: &MintedKeys,
    changes: &BTreeMap<Arc<str>, Option<Minting>>,
    outside: &HashMap<Arc<str>, Root>,
    tick: &dyn Fn(),
) -> Vec<RegroupedKey> {
    let mut mintings: BTreeMap<Arc<str>, &Minting> =
        stored.iter().inspect(|_| tick()).map(|(key, minted)| (key.clone(), &minted.minting)).collect();
    for (key, change) in changes {
        match change {
            Some(minting) => mintings.insert(key.clone(), minting),
            None => mintings.remove(key),
        };
    }
    let mut roots = roots(&mintings, outside, tick);
    let mut keys: Vec<&Arc<str>> = stored.keys().chain(changes.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let regrouped = |key: &Arc<str>| {
        tick();
        let before = stored.get(key);
        let now = mintings
            .get(key)
            .map(|minting| MintedKey { minting: (*minting).clone(), root: roots.remove(key).flatten() });
        (before != now.as_ref()).then(|| RegroupedKey {
            key: key.clone(),
            before: before.and_then(|before| before.root.clone()),
            now,
        })
    };
    keys.into_iter().filter_map(regrouped).collect()
}
