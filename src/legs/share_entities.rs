//! The entities of a share, with their events, in memory that PostgreSQL accounts for.

use super::journey_value::JourneyValue;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::memory::{MAX_VARLENA, Palloc, PallocSlice, PallocVec};
use pgrx::pg_sys;
use travel_core::event_set::{self, Memory, SetRow};
use travel_core::journey::Thresholds;
use travel_core::share::DigestKey;

/// Entities by their bytes, in the order in which they came.
pub struct ShareEntities {
    /// For each slot, the number of an entity plus 1, or 0 if the slot is free. The number of slots is a power of two,
    /// and at least half of them are free.
    slots: PallocSlice<u32>,
    entities: PallocVec<ShareEntity>,
    thresholds: Thresholds,
    key: DigestKey,
}

/// An entity of a share.
#[derive(Clone, Copy)]
pub struct ShareEntity {
    digest: i64,
    name: *const u8,
    name_size: usize,
    events: JourneyValue,
}

/// The size of the first block of the events of an entity.
const FIRST_BLOCK: usize = 512;

const FIRST_SLOTS: usize = 1024;

impl ShareEntities {
    /// Makes an empty set in the current memory context, which must be current whenever events are added.
    pub fn new(thresholds: Thresholds) -> Result<Self, TravelError> {
        let (slots, key) = (slots(FIRST_SLOTS)?, DigestKey::random());
        Ok(Self { slots, entities: PallocVec::new(), thresholds, key })
    }

    /// The entities. The number of an entity is its index.
    pub fn all(&self) -> &[ShareEntity] {
        &self.entities
    }

    /// Returns the number of the entity with these bytes. `None` if it is not in the set.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.slot_of(name, self.key.digest(name)).ok()
    }

    /// Adds an event to an entity.
    #[inline]
    pub fn add(&mut self, name: &[u8], row: &SetRow) -> Result<(), TravelError> {
        let digest = self.key.digest(name);
        let number = match self.slot_of(name, digest) {
            Ok(number) => number,
            Err(slot) => self.begin(name, digest, slot)?,
        };
        let entity = &mut self.entities[number];
        if event_set::append(entity.events.block(), row).is_err() {
            let before = entity.events;
            entity.events = before.append(row)?;
            // SAFETY: a block that nothing else refers to.
            unsafe { before.free_if_replaced_by(entity.events) };
        }
        Ok(())
    }

    /// Returns the number of the entity, or the slot for a new one.
    #[inline]
    fn slot_of(&self, name: &[u8], digest: i64) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = digest as usize & mask;
        loop {
            let number = self.slots[slot] as usize;
            let Some(entity) = number.checked_sub(1).and_then(|number| self.entities.get(number)) else {
                return Err(slot);
            };
            if entity.digest == digest && entity.name() == name {
                return Ok(number - 1);
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn begin(&mut self, name: &[u8], digest: i64, slot: usize) -> Result<usize, TravelError> {
        let number = self.entities.len();
        if number >= u32::MAX as usize / 2 || name.len() > MAX_VARLENA {
            return Err(LegError::TooManyEvents.into());
        }
        // SAFETY: a plain allocation of the size that is written.
        let own_name = unsafe {
            let own = pg_sys::palloc(name.len().max(1)).cast::<u8>();
            own.copy_from_nonoverlapping(name.as_ptr(), name.len());
            own
        };
        let events = JourneyValue::with_size(FIRST_BLOCK, Some(self.thresholds), false)?;
        self.entities.push(ShareEntity { digest, name: own_name, name_size: name.len(), events });
        self.slots[slot] = number as u32 + 1;
        if 2 * self.entities.len() >= self.slots.len() {
            let mut larger = slots(4 * self.slots.len())?;
            let mask = larger.len() - 1;
            for (number, entity) in self.entities.iter().enumerate() {
                pgrx::check_for_interrupts!();
                let mut slot = entity.digest as usize & mask;
                while larger[slot] != 0 {
                    slot = (slot + 1) & mask;
                }
                larger[slot] = number as u32 + 1;
            }
            self.slots = larger;
        }
        Ok(number)
    }
}

fn slots(count: usize) -> Result<PallocSlice<u32>, TravelError> {
    Palloc.slice(count).map_err(|_| LegError::TooManyEvents.into())
}

impl ShareEntity {
    /// The bytes of the entity: its columns, each with its length.
    pub fn name(&self) -> &[u8] {
        // SAFETY: `begin` wrote this many bytes.
        unsafe { std::slice::from_raw_parts(self.name, self.name_size) }
    }

    /// The columns of the entity, as [`super::share_writer`] wrote them.
    pub fn columns(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.name();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (column, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some(column)
        })
    }

    /// The set of its events.
    pub fn events(&self) -> &[u8] {
        self.events.bytes()
    }
}
