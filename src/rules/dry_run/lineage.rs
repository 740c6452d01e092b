//! Session lineage in a dry run. What scans know of minted keys is not enough: they may not have read the source yet, or
//! by other settings. So the dry run reads the minting events of the source itself.

use crate::pg::errors::{ScanError, TravelError};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, Cursor};
use crate::pg::stash::Stash;
use crate::rules::minted_keys::move_to_roots;
use crate::rules::minting_query::MintingQuery;
use crate::rules::source_queries::NewRows;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::EvaluatedEvent;
use travel_core::rule::lineage::{ChainKey, Chains, Climber, Minting, Root};

/// The minting events of a source.
pub struct SourceLineage(RefCell<Climber<StoredChains>>);

/// The keys in memory of PostgreSQL, about 300 bytes for each.
struct StoredChains {
    rule: String,
    keys: Stash,
}

/// What is stored of a minted key.
#[derive(Serialize, Deserialize)]
enum StoredKey {
    /// Its first minting event, and the last climb that has passed it.
    Minted(Minting, Option<u64>),
    /// Its root, as soon as an event of the key or of one below it was read. `None`: the key is its own root.
    Root(Option<Root>),
}

impl SourceLineage {
    /// Reads all minting events that satisfy `arrived`, a condition on their arrival as SQL, in portions. Within an SPI
    /// connection.
    pub fn read(
        rule: &str,
        query: &MintingQuery,
        owner: Role,
        arrived: Option<String>,
        portion: usize,
    ) -> Result<Self, TravelError> {
        let mut chains = StoredChains { rule: rule.to_owned(), keys: Stash::new() };
        let sql = query.new_rows(&NewRows { arrived, ..NewRows::any() }, None);
        let mut cursor =
            with_rights_of(owner, || spi::with_settings(&spi::ALL_ROWS, || Cursor::open(&sql, &[], true)));
        loop {
            let rows = with_rights_of(owner, || cursor.fetch(portion));
            if rows.is_empty() {
                break;
            }
            let columns = MintingQuery::columns(&rows)?;
            for row in rows.iter() {
                if let Some((key, minting)) = query.read(row, &columns)? {
                    chains.add_first(&key, minting)?;
                }
                pgrx::check_for_interrupts!();
            }
        }
        cursor.close();
        Ok(Self(RefCell::new(Climber::new(chains))))
    }

    /// Makes events of minted keys events of their roots.
    pub fn resolve(&self, events: &mut [EvaluatedEvent]) -> Result<(), TravelError> {
        let mut climber = self.0.borrow_mut();
        let mut roots: HashMap<Arc<str>, Option<Root>> = HashMap::new();
        for event in events.iter() {
            if !roots.contains_key(&event.entity) {
                roots.insert(event.entity.clone(), climber.root(&event.entity)?);
            }
        }
        move_to_roots(events, |key| roots.get(key)?.as_ref());
        Ok(())
    }
}

impl StoredChains {
    fn add_first(&mut self, key: &str, minting: Minting) -> Result<(), TravelError> {
        match self.get(key)? {
            Some(StoredKey::Minted(first, _)) if first.order(&minting).is_le() => Ok(()),
            _ => self.put(key, &StoredKey::Minted(minting, None)),
        }
    }

    fn get(&self, key: &str) -> Result<Option<StoredKey>, TravelError> {
        let Some(stored) = self.keys.get(key) else { return Ok(None) };
        serde_json::from_slice(stored).map(Some).map_err(|error| {
            ScanError::CheckpointUnreadable { rule: self.rule.clone(), detail: error.to_string() }.into()
        })
    }

    fn put(&mut self, key: &str, stored: &StoredKey) -> Result<(), TravelError> {
        let stored = serde_json::to_vec(stored)
            .map_err(|error| ScanError::CheckpointUnwritable { detail: error.to_string() })?;
        self.keys.put(key, &stored);
        Ok(())
    }
}

impl Chains for StoredChains {
    type Error = TravelError;

    fn key(&self, key: &str) -> Result<ChainKey, TravelError> {
        pgrx::check_for_interrupts!();
        Ok(match self.get(key)? {
            Some(StoredKey::Minted(minting, passed_by)) => ChainKey::Minted(minting, passed_by),
            Some(StoredKey::Root(root)) => ChainKey::Root(root),
            None => ChainKey::Root(None),
        })
    }

    fn note_passed(&mut self, key: &Arc<str>, minting: &Minting, climb: u64) -> Result<(), TravelError> {
        self.put(key, &StoredKey::Minted(minting.clone(), Some(climb)))
    }

    fn note_root(&mut self, key: &Arc<str>, root: Option<&Root>) -> Result<(), TravelError> {
        self.put(key, &StoredKey::Root(root.cloned()))
    }
}
