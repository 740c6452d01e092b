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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The root of each of these minted keys. `outside` has the roots of issuers that are not among them; an issuer without
/// one is a root.
pub fn roots(
    mintings: &BTreeMap<Arc<str>, &Minting>,
    outside: &HashMap<Arc<str>, Root>,
) -> BTreeMap<Arc<str>, Option<Root>> {
    let mut found: BTreeMap<Arc<str>, Option<Root>> = BTreeMap::new();
    for key in mintings.keys() {
        while !found.contains_key(key) {
            climb(key, mintings, outside, &mut found);
        }
    }
    found
}

/// Climbs from a key to its root, and notes the root of every key on the way; or cuts the circle that is on the way.
fn climb(
    from: &Arc<str>,
    mintings: &BTreeMap<Arc<str>, &Minting>,
    outside: &HashMap<Arc<str>, Root>,
    found: &mut BTreeMap<Arc<str>, Option<Root>>,
) {
    let mut path: Vec<(&Arc<str>, &Minting)> = Vec::new();
    let mut steps: HashMap<&str, usize> = HashMap::new();
    let mut at = from;
    let mut root = loop {
        if let Some(root) = found.get(at) {
            break root.clone();
        }
        let Some(minting) = mintings.get(at).copied() else { break outside.get(at).cloned() };
        if let Some(begin) = steps.insert(at, path.len()) {
            let circle = path[begin..].iter().max_by(|(a, x), (b, y)| x.order(y).then_with(|| a.cmp(b)));
            if let Some((cut, _)) = circle {
                found.insert(Arc::clone(cut), None);
            }
            return;
        }
        path.push((at, minting));
        at = &minting.issuer;
    };
    for (key, minting) in path.into_iter().rev() {
        let below = root.take().unwrap_or_else(|| Root {
            key: minting.issuer.clone(),
            baseline_entity: minting.baseline_entity.clone(),
        });
        found.insert(key.clone(), Some(below.clone()));
        root = Some(below);
    }
}

/// Changes the minting events of some keys, and returns every key that this changes.
///
/// `stored` has these keys, where they were minted before, and all keys below them in their chains. `outside` has the
/// roots of the new issuers that are not among them. A change of `None` takes the minting event of a key back.
pub fn regroup(
    stored: &MintedKeys,
    changes: &BTreeMap<Arc<str>, Option<Minting>>,
    outside: &HashMap<Arc<str>, Root>,
) -> Vec<RegroupedKey> {
    let mut mintings: BTreeMap<Arc<str>, &Minting> =
        stored.iter().map(|(key, minted)| (key.clone(), &minted.minting)).collect();
    for (key, change) in changes {
        match change {
            Some(minting) => mintings.insert(key.clone(), minting),
            None => mintings.remove(key),
        };
    }
    let mut roots = roots(&mintings, outside);
    let mut keys: Vec<&Arc<str>> = stored.keys().chain(changes.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let regrouped = |key: &Arc<str>| {
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
