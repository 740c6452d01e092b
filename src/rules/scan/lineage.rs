//! Session lineage in a step of a scan: the events that minted keys, and what must be evaluated again because of them.

use super::ScanStep;
use super::event_order::{Members, SortedEvents};
use super::new_events::NewEvents;
use crate::pg::errors::TravelError;
use crate::pg::role::with_rights_of;
use crate::pg::spi::{self, Argument, Cursor, Rows};
use crate::rules::checkpoints::MemberKind;
use crate::rules::minted_keys;
use crate::rules::minting_query::MintingQuery;
use crate::rules::reader::{Reader, is_baseline_entity};
use crate::rules::reevaluation::Reevaluation;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use travel_core::rule::lineage::{Minting, RegroupedKey, Root, add_first, regroup};
use travel_core::rule::{EvaluatedEvent, Micros};

/// The members that a step evaluates again because keys of theirs have another root than before.
pub(super) struct Regrouped {
    pub again: Reevaluation,
    /// The step has read all of its minting events. If not, they concern more members than it can evaluate again.
    pub is_complete: bool,
}

impl ScanStep {
    /// Reads and stores the minting events among the rows that the step is about.
    pub(super) fn read_minting_events(
        &self,
        new: &NewEvents,
        edition: i64,
    ) -> Result<Regrouped, TravelError> {
        let mut regrouped = Regrouped { again: Reevaluation::under(edition), is_complete: true };
        let Some(mintings) = &self.queries.mintings else { return Ok(regrouped) };
        let query = mintings.new_rows(&new.rows, new.last.filter(|_| !new.is_end));
        let as_owner = |body: &mut dyn FnMut() -> Option<Rows>| {
            with_rights_of(self.owner, || self.queries.by_arrival(&new.rows, body))
        };
        let mut cursor = None;
        as_owner(&mut || {
            cursor = Some(Cursor::open(&query, &[], false));
            None
        });
        let Some(mut cursor) = cursor else { return Ok(regrouped) };
        let mut read: Vec<(Arc<str>, Minting)> = Vec::new();
        while let Some(rows) =
            as_owner(&mut || Some(cursor.fetch(self.sizes.portion))).filter(|rows| !rows.is_empty())
        {
            let columns = MintingQuery::columns(&rows)?;
            for row in rows.iter() {
                read.extend(mintings.read(row, &columns)?);
                pgrx::check_for_interrupts!();
            }
            // Events of one time are taken in together, because their order decides which of them counts.
            if let Some(last) = read.last().map(|(_, minting)| minting.time) {
                let rest = read.split_off(read.partition_point(|(_, minting)| minting.time < last));
                self.take_in(std::mem::replace(&mut read, rest), &mut regrouped.again)?;
            }
            if regrouped.again.len() >= self.sizes.members {
                regrouped.is_complete = false;
                break;
            }
        }
        cursor.close();
        if regrouped.is_complete {
            self.take_in(read, &mut regrouped.again)?;
        }
        Ok(regrouped)
    }

    /// Makes events of minted keys events of their roots, if the rule has lineage.
    pub(super) fn resolve(&self, events: &mut [EvaluatedEvent]) -> Result<(), TravelError> {
        if self.queries.has_lineage() { minted_keys::resolve(&self.definition.name, events) } else { Ok(()) }
    }

    /// In a pass that evaluates events again: takes back minting events that the source does not have anymore. Returns
    /// whether there were any.
    pub(super) fn take_back_lost_keys(&mut self, reader: &mut Reader) -> Result<bool, TravelError> {
        if !self.queries.has_lineage() || self.progress.evaluate_from.is_none() {
            return Ok(false);
        }
        let after = self.progress.begins_after(&self.definition, &self.queries);
        let lost = minted_keys::lost(&self.definition.name, after, self.progress.pass, self.sizes.members)?;
        if lost.is_empty() {
            return Ok(false);
        }
        let mut again = Reevaluation::under(reader.edition());
        self.change(&lost.into_iter().map(|key| (key.into(), None)).collect(), &mut again)?;
        if !again.is_empty() {
            again.complete(&self.definition.name, &self.queries, self.owner)?;
            let sorted = SortedEvents { in_order: Vec::new(), again, is_complete: true };
            self.evaluate(sorted, Members::default(), reader)?;
        }
        Ok(true)
    }

    /// Stores minting events that come before those that are stored for the same keys.
    fn take_in(
        &self,
        mintings: Vec<(Arc<str>, Minting)>,
        again: &mut Reevaluation,
    ) -> Result<(), TravelError> {
        let (rule, pass) = (&*self.definition.name, self.progress.pass);
        let mut first = BTreeMap::new();
        for (key, minting) in mintings {
            add_first(&mut first, key, minting);
        }
        let keys: Vec<Arc<str>> = first.keys().cloned().collect();
        let stored = minted_keys::load(rule, &keys, false, pass)?;
        let is_rescan = self.progress.evaluate_from.is_some();
        let begins_after = self.progress.begins_after(&self.definition, &self.queries);
        let (mut seen, mut changes) = (Vec::new(), BTreeMap::new());
        for (key, minting) in first {
            if let Some(before) = stored.keys.get(&key).map(|minted| &minted.minting) {
                let order = minting.order(before);
                if order.is_eq() {
                    seen.push(key);
                    continue;
                }
                // A pass over the past has read everything up to this event. If it has not found the stored one, the
                // source has lost it, or the rule reads its columns in another way.
                let is_lost = || {
                    let was_passed = begins_after.is_none_or(|after| before.time > after);
                    is_rescan && !stored.seen.contains(&key) && (was_passed || minting.is_same_event(before))
                };
                if order.is_gt() && !is_lost() {
                    continue;
                }
            }
            seen.push(key.clone());
            changes.insert(key, Some(minting));
        }
        self.change(&changes, again)?;
        if is_rescan {
            minted_keys::note_seen(rule, &seen, pass);
        }
        Ok(())
    }

    /// Changes the minting events of keys, or takes them back. Adds the members to be evaluated again.
    fn change(
        &self,
        changes: &BTreeMap<Arc<str>, Option<Minting>>,
        again: &mut Reevaluation,
    ) -> Result<(), TravelError> {
        if changes.is_empty() {
            return Ok(());
        }
        let rule = &*self.definition.name;
        let keys: Vec<&Arc<str>> = changes.keys().collect();
        let stored = minted_keys::load(rule, &keys, true, self.progress.pass)?.keys;
        let issuers: HashSet<&Arc<str>> = changes.values().flatten().map(|minting| &minting.issuer).collect();
        let outside: Vec<&Arc<str>> =
            issuers.into_iter().filter(|issuer| !stored.contains_key(*issuer)).collect();
        let regrouped = regroup(&stored, changes, &minted_keys::roots(rule, &outside)?, &|| {
            pgrx::check_for_interrupts!();
        });
        minted_keys::write(rule, &regrouped)?;
        self.evaluate_regrouped(&regrouped, again)
    }

    /// Adds the members that regrouped keys left or joined, from the first event of each key on. Most keys are new, and
    /// nothing was evaluated of them before.
    fn evaluate_regrouped(
        &self,
        regrouped: &[RegroupedKey],
        again: &mut Reevaluation,
    ) -> Result<(), TravelError> {
        let entity_of =
            |key: &Arc<str>, root: Option<&Root>| root.map_or_else(|| key.clone(), |root| root.key.clone());
        let moved: Vec<&RegroupedKey> =
            regrouped.iter().filter(|key| key.before.as_ref() != key.root()).collect();
        let left: Vec<Arc<str>> =
            moved.iter().map(|moved| entity_of(&moved.key, moved.before.as_ref())).collect();
        let entities = moved.iter().map(|moved| entity_of(&moved.key, moved.root())).collect();
        let baselines = moved
            .iter()
            .filter_map(|moved| moved.root().and_then(|root| root.baseline_entity.clone()))
            .collect();
        let joined = BTreeMap::from([(MemberKind::Entity, entities), (MemberKind::Baseline, baselines)]);
        let concerned = minted_keys::concerned(&self.definition.name, self.progress.pass, &left, &joined)?;
        if concerned.is_empty() {
            return Ok(());
        }
        let is_concerned = |kind, name: Arc<str>| concerned.contains(&(kind, name));
        let keys: BTreeMap<&str, &RegroupedKey> = moved
            .into_iter()
            .filter(|moved| {
                is_concerned(MemberKind::Entity, entity_of(&moved.key, moved.before.as_ref()))
                    || is_concerned(MemberKind::Entity, entity_of(&moved.key, moved.root()))
                    || moved
                        .root()
                        .and_then(|root| root.baseline_entity.clone())
                        .is_some_and(|name| is_concerned(MemberKind::Baseline, name))
            })
            .map(|moved| (&*moved.key, moved))
            .collect();
        let names: Vec<&str> = keys.keys().copied().collect();
        let arguments = [
            Argument::texts(&names),
            Argument::times(&vec![Micros::MIN; names.len()]),
            Argument::texts::<&str>(&[]),
            Argument::times(&[]),
        ];
        let query = self.queries.names_in_histories();
        let rows = with_rights_of(self.owner, || self.queries.look_up(|| spi::select(&query, &arguments)));
        spi::columns!(rows => entity, baseline_entity, oldest);
        for row in rows.iter() {
            let (Some(oldest), Some(moved)) =
                (row.i64(oldest), row.text(entity)?.and_then(|key| keys.get(key)))
            else {
                continue;
            };
            let own = row.shared_text(baseline_entity)?.filter(|name| is_baseline_entity(name));
            for root in [moved.before.as_ref(), moved.root()] {
                let baseline = root.map_or(own.as_ref(), |root| root.baseline_entity.as_ref());
                let entity = entity_of(&moved.key, root);
                again.add(Some(&entity), baseline, oldest.saturating_sub(1), true);
            }
        }
        Ok(())
    }
}
