//! Values by name, in memory that PostgreSQL accounts for: for maps whose size depends on the input.

use super::memory::Scratch;
use pgrx::pg_sys;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::ptr::{copy_nonoverlapping, null_mut};
use std::slice;

/// A map from names to bytes. It is freed when it is dropped, or by PostgreSQL after an error.
pub struct Stash {
    scratch: Scratch,
    /// Pointers to entries, or null. Their number is a power of two, and at least a quarter of them is null.
    slots: *mut *mut Entry,
    slot_count: usize,
    entry_count: usize,
}

/// An entry. The bytes of its name follow it in the same allocation.
struct Entry {
    hash: u64,
    name: *const u8,
    name_size: usize,
    /// Null if the value was removed.
    value: *mut u8,
    value_size: usize,
    /// The size of the allocation at `value`.
    room: usize,
}

const FIRST_SLOTS: usize = 64;

impl Stash {
    pub fn new() -> Self {
        let scratch = Scratch::new(c"travel: values by name", 8 * 1024);
        let slots = new_slots(&scratch, FIRST_SLOTS);
        Self { scratch, slots, slot_count: FIRST_SLOTS, entry_count: 0 }
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        // SAFETY: a slot holds null or a live entry of this stash.
        unsafe { (*self.slot(hash(name), name)).as_ref().and_then(Entry::value) }
    }

    pub fn put(&mut self, name: &str, value: &[u8]) {
        if self.entry_count >= self.slot_count / 4 * 3 {
            self.grow();
        }
        let hash = hash(name);
        let slot = self.slot(hash, name);
        // SAFETY: the slot is this stash's own, and so is the entry, whose value has `room` bytes.
        unsafe {
            if (*slot).is_null() {
                *slot = self.new_entry(hash, name);
                self.entry_count += 1;
            }
            let entry = &mut **slot;
            if entry.value.is_null() || entry.room < value.len() {
                if !entry.value.is_null() {
                    pg_sys::pfree(entry.value.cast());
                    entry.value = null_mut();
                }
                // States grow a little with each event.
                entry.room = value.len() + value.len() / 4 + 1;
                entry.value = self.scratch.within(|| allocate(entry.room));
            }
            entry.value_size = value.len();
            copy_nonoverlapping(value.as_ptr(), entry.value, value.len());
        }
    }

    pub fn remove(&mut self, name: &str) {
        // SAFETY: as in `put`.
        unsafe {
            if let Some(entry) = (*self.slot(hash(name), name)).as_mut()
                && !entry.value.is_null()
            {
                pg_sys::pfree(entry.value.cast());
                entry.value = null_mut();
            }
        }
    }

    /// Each name with its value, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        (0..self.slot_count).filter_map(|at| {
            // SAFETY: within the slots, which hold null or a live entry.
            let entry = unsafe { (*self.slots.add(at)).as_ref() }?;
            Some((entry.name(), entry.value()?))
        })
    }

    /// The slot of a name, or the empty one in which it belongs.
    fn slot(&self, hash: u64, name: &str) -> *mut *mut Entry {
        let mut at = hash as usize & (self.slot_count - 1);
        loop {
            // SAFETY: within the slots. One of them is empty, so the loop ends.
            unsafe {
                let slot = self.slots.add(at);
                match (*slot).as_ref() {
                    Some(entry) if entry.hash != hash || entry.name() != name => {}
                    _ => return slot,
                }
            }
            at = (at + 1) & (self.slot_count - 1);
        }
    }

    fn new_entry(&self, hash: u64, name: &str) -> *mut Entry {
        // SAFETY: the allocation has room for the head and the name, and palloc aligns it for the head.
        unsafe {
            let entry: *mut Entry = self.scratch.within(|| allocate(size_of::<Entry>() + name.len())).cast();
            let copy: *mut u8 = entry.add(1).cast();
            copy_nonoverlapping(name.as_ptr(), copy, name.len());
            let (value, name_size) = (null_mut(), name.len());
            entry.write(Entry { hash, name: copy, name_size, value, value_size: 0, room: 0 });
            entry
        }
    }

    fn grow(&mut self) {
        let (before, count) = (self.slots, self.slot_count);
        self.slots = new_slots(&self.scratch, 2 * count);
        self.slot_count = 2 * count;
        for at in 0..count {
            // SAFETY: within the slots of before, whose entries move to the new ones.
            unsafe {
                let entry = *before.add(at);
                if let Some(moved) = entry.as_ref() {
                    *self.slot(moved.hash, moved.name()) = entry;
                }
            }
        }
        // SAFETY: allocated by `new_slots`, and no longer used.
        unsafe { pg_sys::pfree(before.cast()) };
    }
}

impl Entry {
    fn name(&self) -> &str {
        // SAFETY: `new_entry` copied a text of this size to it.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.name, self.name_size)) }
    }

    fn value(&self) -> Option<&[u8]> {
        // SAFETY: a value that is not null has this size.
        (!self.value.is_null()).then(|| unsafe { slice::from_raw_parts(self.value, self.value_size) })
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

fn new_slots(scratch: &Scratch, count: usize) -> *mut *mut Entry {
    let flags = pg_sys::MCXT_ALLOC_HUGE | pg_sys::MCXT_ALLOC_ZERO;
    // SAFETY: a plain allocation. Without enough memory PostgreSQL raises 53200.
    scratch
        .within(|| unsafe { pg_sys::palloc_extended(count * size_of::<*mut Entry>(), flags as i32).cast() })
}

fn allocate(size: usize) -> *mut u8 {
    // SAFETY: as above.
    unsafe { pg_sys::palloc_extended(size, pg_sys::MCXT_ALLOC_HUGE as i32).cast() }
}
