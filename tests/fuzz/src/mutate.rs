//! Inputs changed at random, for runs without libFuzzer.

/// A small generator of random numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number less than `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }
}

/// The longest input that changes make.
const LONGEST: usize = 64 << 10;

/// Changes an input in one to five ways. `other` is another input, of which parts are taken.
pub fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(5) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(7) {
            0 => bytes.insert(at, random.number() as u8),
            1 if !bytes.is_empty() => drop(bytes.drain(at..end)),
            2 if !bytes.is_empty() => bytes.extend_from_within(at..end),
            3 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            4 if !bytes.is_empty() => {
                const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\\'];
                bytes[at] = EDGES[random.below(EDGES.len())];
            }
            5 => bytes.truncate(at),
            _ if !other.is_empty() => {
                let from = random.below(other.len());
                let until = (from + 1 + random.below(64)).min(other.len());
                bytes.splice(at..at, other[from..until].iter().copied());
            }
            _ => bytes.push(random.number() as u8),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
