//! A filter for the events at the ends of legs: a Bloom filter over the entity and the time of each. It lets an event
//! pass if it can be at the end of a leg. A few other events pass, too, so those that pass must be compared with the legs.
//!
//! A word of 64 bits has the bits of the ends whose digests select it, so a test reads one word.

/// The bits of the filter for each end. About one other event in 500 passes.
const BITS_PER_END: usize = 16;

/// The most words: 512 MB.
const MOST_WORDS: usize = 1 << 26;

/// The digest of an entity and a time, in microseconds. The entity may be only a part of what identifies it.
pub fn digest(entity: &[u8], time_us: i64) -> u64 {
    let mut digest = mixed(time_us as u64, 0);
    let (words, rest) = entity.as_chunks::<8>();
    for word in words {
        digest = mixed(digest, u64::from_le_bytes(*word));
    }
    // Fewer than eight bytes are left, so there is room for their number.
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = rest.len() as u8;
    mixed(digest, u64::from_le_bytes(last))
}

/// Mixes 64 bits into others by a multiplication to 128 bits, whose halves are combined.
fn mixed(digest: u64, bits: u64) -> u64 {
    let product = u128::from(digest ^ bits ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product as u64) ^ (product >> 64) as u64
}

/// The number of bytes of a filter for so many ends.
pub fn filter_size(ends: usize) -> usize {
    8 * ends.saturating_mul(BITS_PER_END).div_ceil(64).clamp(1, MOST_WORDS)
}

/// Adds an end to a filter, whose bytes are all 0 at the beginning.
pub fn add(filter: &mut [u8], digest: u64) {
    let (at, bits) = place(filter.len(), digest);
    if let Some(word) = filter.as_chunks_mut::<8>().0.get_mut(at) {
        *word = (u64::from_le_bytes(*word) | bits).to_le_bytes();
    }
}

/// Returns whether an event with this digest may be one of the ends.
pub fn may_contain(filter: &[u8], digest: u64) -> bool {
    let (at, bits) = place(filter.len(), digest);
    filter.as_chunks::<8>().0.get(at).is_some_and(|word| u64::from_le_bytes(*word) & bits == bits)
}

/// The word of a filter of so many bytes, and the bits in it.
fn place(bytes: usize, digest: u64) -> (usize, u64) {
    let at = ((digest >> 32) * (bytes / 8) as u64) >> 32;
    let bit = |n: u32| 1_u64 << ((digest >> (6 * n)) & 63);
    (at as usize, bit(0) | bit(1) | bit(2) | bit(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter_of(digests: &[u64]) -> Vec<u8> {
        let mut filter = vec![0; filter_size(digests.len())];
        digests.iter().for_each(|digest| add(&mut filter, *digest));
        filter
    }

    proptest! {
        #[test]
        fn every_end_passes(ends in prop::collection::vec((".{0,20}", any::<i64>()), 0..200)) {
            let digests: Vec<u64> = ends.iter().map(|(key, time)| digest(key.as_bytes(), *time)).collect();
            let filter = filter_of(&digests);
            prop_assert!(digests.iter().all(|digest| may_contain(&filter, *digest)));
        }
    }

    #[test]
    fn few_other_events_pass() {
        // Access keys that differ in digits only, and times that are whole minutes, as an adverse but usual case.
        let digest_of = |n: i64| digest(format!("AKIA{:09}EXAMPLE", n % 300).as_bytes(), n * 60_000_000);
        let filter = filter_of(&(0..10_000).map(digest_of).collect::<Vec<_>>());
        let others = (10_000..210_000).filter(|n| may_contain(&filter, digest_of(*n))).count();
        assert!(others < 3_000, "{others} of 200,000 pass");
        assert!(others > 0, "no filter is that good");
    }

    #[test]
    fn the_digest_depends_on_every_byte_and_on_the_time() {
        let keys: [&[u8]; 6] = [b"", b"\0", b"a", b"b", b"aaaaaaaa", b"aaaaaaaab"];
        let mut digests: Vec<u64> = keys.iter().flat_map(|key| [digest(key, 0), digest(key, 1)]).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 12);
    }

    #[test]
    fn an_empty_filter_lets_nothing_pass() {
        assert!(!may_contain(&[], 1));
        assert!(!may_contain(&[0; 8], 1));
    }

    #[test]
    fn the_size_is_bounded() {
        assert_eq!(filter_size(0), 8);
        assert_eq!(filter_size(5), 16);
        assert_eq!(filter_size(usize::MAX), 512 << 20);
    }
}
