//! A bounded cache that drops old entries instead of growing.

use crate::optional_memory::optional;

/// A set-associative cache: a key has four slots, and a new key replaces the oldest of the four. The cache starts
/// small, grows up to its bound as it fills, and keeps its size if there is no memory.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    slots: Vec<Option<(K, V)>>,
    inserted: usize,
    bound: usize,
}

/// A key, which chooses its slots.
pub(crate) trait Key: Copy + Eq {
    fn bits(self) -> u64;
}

/// The slots of a new cache. A process that looks up a single address does not pay for more.
const FIRST_SLOTS: usize = 256;

/// The slots of one key. With only one, two addresses that are looked up in turn could evict each other forever.
const WAYS: usize = 4;

impl<K: Key, V> Cache<K, V> {
    /// Creates a cache of at most `bound` slots, a power of two.
    pub fn new(bound: usize) -> Self {
        Self { slots: Vec::new(), inserted: 0, bound: bound.next_power_of_two().max(WAYS) }
    }

    #[inline]
    pub fn get(&self, key: K) -> Option<&V> {
        let first = first_slot(key, self.slots.len());
        let ways = self.slots.get(first..first.checked_add(WAYS)?)?;
        ways.iter().flatten().find(|(held, _)| *held == key).map(|(_, value)| value)
    }

    /// Stores a value for a key, replacing its previous value.
    pub fn insert(&mut self, key: K, value: V) {
        if self.inserted >= self.slots.len() {
            self.grow();
        }
        let first = first_slot(key, self.slots.len());
        let Some(ways) = first.checked_add(WAYS).and_then(|end| self.slots.get_mut(first..end)) else {
            return;
        };
        let is_here = |slot: &Option<(K, V)>| slot.as_ref().is_some_and(|(held, _)| *held == key);
        // The newest value comes first. The value that drops out is the old one of the key, an empty slot, or the
        // oldest.
        let out = ways.iter().position(is_here).or_else(|| ways.iter().position(Option::is_none));
        if let Some(moved) = ways.get_mut(..=out.unwrap_or(WAYS - 1)) {
            moved.rotate_right(1);
        }
        if let Some(newest) = ways.first_mut() {
            *newest = Some((key, value));
        }
        self.inserted += 1;
    }

    fn grow(&mut self) {
        self.inserted = 0;
        let wanted = (self.slots.len() * 4).max(FIRST_SLOTS).min(self.bound);
        let mut larger = Vec::new();
        if wanted == self.slots.len() || optional(|| larger.try_reserve_exact(wanted)).is_err() {
            return;
        }
        larger.resize_with(wanted, || None);
        let smaller = std::mem::replace(&mut self.slots, larger);
        for (key, value) in smaller.into_iter().flatten() {
            self.insert(key, value);
        }
    }
}

/// Returns the first slot of a key. `slots` is the number of slots, a power of two. If it is 0, the result is out of
/// range.
#[inline]
fn first_slot<K: Key>(key: K, slots: usize) -> usize {
    if slots == 0 {
        return 0;
    }
    // Fibonacci hashing: only the top bits of the product depend on every bit of the key.
    let key = key.bits();
    let mixed = (key ^ key >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize >> (32 - slots.trailing_zeros().min(32)) & !(WAYS - 1)
}

impl Key for u64 {
    fn bits(self) -> u64 {
        self
    }
}

impl Key for u128 {
    fn bits(self) -> u64 {
        ((self >> 64) as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ self as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn a_cache_answers_only_with_what_was_put_under_the_same_key() {
        let mut cache = Cache::new(1 << 10);
        for round in 0..3_u64 {
            for key in 0..20_000_u64 {
                if let Some(&value) = cache.get(key * 7919) {
                    assert_eq!(value, key);
                }
                cache.insert(key * 7919, key);
                assert_eq!(cache.get(key * 7919), Some(&key), "round {round}");
            }
        }
        assert_eq!(cache.slots.len(), 1 << 10);
    }

    #[test]
    fn keys_that_differ_only_in_their_high_bits_do_not_collide() {
        // Addresses of many networks whose host part is the same.
        let mut cache = Cache::new(1 << 14);
        for _ in 0..4 {
            (0..2000_u128).for_each(|network| cache.insert(0xFFFF_0000_0000 | network << 16 | 147, ()));
        }
        let kept =
            (0..2000_u128).filter(|network| cache.get(0xFFFF_0000_0000 | network << 16 | 147).is_some());
        assert!(kept.count() > 1900);
    }

    #[test]
    fn keys_that_fit_are_all_kept() {
        let mut cache = Cache::new(1 << 12);
        for round in 0..4 {
            let kept = (0..1000_u128).filter(|&key| cache.get(key << 64 | 7).is_some()).count();
            assert!(round < 3 || kept > 990, "{kept}");
            (0..1000_u128).for_each(|key| cache.insert(key << 64 | 7, ()));
        }
    }

    #[test]
    fn a_cache_that_holds_nothing_finds_nothing() {
        assert_eq!(Cache::<u128, ()>::new(16).get(0), None);
    }
}
