//! Session lineage in a dry run. What scans know of minted keys is not enough: they may not have read the source yet, or
//! by other settings. So the dry run reads the minting events of the source itself.

use crate::pg::errors::{ScanError, TravelError};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, Cursor};
use crate::pg::stash::Stash;
use crate::rules::minted_keys::move_to_roots;
use crate::rules::minting_query::MintingQuery;
use crate::rules::source_queries::NewRows;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::EvaluatedEvent;
use travel_core::rule::lineage::{Minting, roots};

/// The minting events of a source. They are kept in memory of PostgreSQL, about 300 bytes for each key.
pub struct SourceLineage {
    rule: String,
    /// The first minting event of each key.
    mintings: Stash,
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
        let mut lineage = Self { rule: rule.to_owned(), mintings: Stash::new() };
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
                    lineage.add_first(&key, &minting)?;
                }
                pgrx::check_for_interrupts!();
            }
        }
        cursor.close();
        Ok(lineage)
    }

    fn add_first(&mut self, key: &str, minting: &Minting) -> Result<(), TravelError> {
        if self.get(key)?.is_some_and(|first| first.order(minting).is_le()) {
            return Ok(());
        }
        let stored = serde_json::to_vec(minting)
            .map_err(|error| ScanError::CheckpointUnwritable { detail: error.to_string() })?;
        self.mintings.put(key, &stored);
        Ok(())
    }

    fn get(&self, key: &str) -> Result<Option<Minting>, TravelError> {
        let Some(stored) = self.mintings.get(key) else { return Ok(None) };
        serde_json::from_slice(stored).map(Some).map_err(|error| {
            ScanError::CheckpointUnreadable { rule: self.rule.clone(), detail: error.to_string() }.into()
        })
    }

    /// Makes events of minted keys events of their roots.
    pub fn resolve(&self, events: &mut [EvaluatedEvent]) -> Result<(), TravelError> {
        // The keys of the events and all keys above them, so their roots are among them.
        let mut chains: BTreeMap<Arc<str>, Minting> = BTreeMap::new();
        for event in events.iter() {
            let mut at = event.entity.clone();
            while !chains.contains_key(&at)
                && let Some(minting) = self.get(&at)?
            {
                let issuer = minting.issuer.clone();
                chains.insert(at, minting);
                at = issuer;
            }
            pgrx::check_for_interrupts!();
        }
        if chains.is_empty() {
            return Ok(());
        }
        let mintings = chains.iter().map(|(key, minting)| (key.clone(), minting)).collect();
        let roots = roots(&mintings, &HashMap::new());
        move_to_roots(events, |key| roots.get(key)?.as_ref());
        Ok(())
    }
}
