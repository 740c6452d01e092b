//! Finds all prefixes of one address family that cover an address. Two prefixes are either nested or disjoint, so
//! prefixes form trees: an address can only be covered by the last prefix that begins at or before it and by the
//! prefixes around that one.

use std::ops::Range;

/// An address as an integer.
pub(super) trait Bits: Copy + Ord {
    /// Returns whether the first `length` bits of both addresses are equal.
    fn share(self, other: Self, length: u8) -> bool;
}

impl Bits for u32 {
    #[inline]
    fn share(self, other: Self, length: u8) -> bool {
        // A prefix of length 0 covers everything. It is handled here because a shift by all bits would overflow.
        length == 0 || (self ^ other) >> (32 - u32::from(length)) == 0
    }
}

impl Bits for u128 {
    #[inline]
    fn share(self, other: Self, length: u8) -> bool {
        length == 0 || (self ^ other) >> (128 - u32::from(length)) == 0
    }
}

#[derive(Debug)]
pub(super) struct Prefixes<B> {
    /// The first address of each prefix, in order. Of prefixes with the same first address the longest comes last.
    starts: Vec<B>,
    nodes: Vec<Node>,
    /// The ranks of the rows of all prefixes.
    ranks: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    length: u8,
    /// The smallest prefix that contains this one.
    parent: Option<u32>,
    ranks: Range<u32>,
}

impl<B> Default for Prefixes<B> {
    fn default() -> Self {
        Self { starts: Vec::new(), nodes: Vec::new(), ranks: Vec::new() }
    }
}

impl<B: Bits> Prefixes<B> {
    /// Builds the lookup from rows of `(first address, length, rank)`. Several rows may have the same prefix.
    pub fn new(mut rows: Vec<(B, u8, u32)>) -> Self {
        rows.sort_unstable();
        let mut prefixes = Self::default();
        // The prefixes that contain the current one, from the outside in.
        let mut around: Vec<u32> = Vec::new();
        for (start, length, rank) in rows {
            let end = prefixes.ranks.len() as u32 + 1;
            prefixes.ranks.push(rank);
            match (prefixes.starts.last(), prefixes.nodes.last_mut()) {
                (Some(last), Some(node)) if *last == start && node.length == length => node.ranks.end = end,
                _ => {
                    while let Some(&outer) = around.last() {
                        if prefixes.covers(outer, start) {
                            break;
                        }
                        around.pop();
                    }
                    let parent = around.last().copied();
                    around.push(prefixes.nodes.len() as u32);
                    prefixes.starts.push(start);
                    prefixes.nodes.push(Node { length, parent, ranks: end - 1..end });
                }
            }
        }
        prefixes
    }

    /// Passes the ranks of all rows whose prefix covers an address to `each`.
    #[inline]
    pub fn covering(&self, address: B, mut each: impl FnMut(u32)) {
        let after = self.starts.partition_point(|start| *start <= address);
        let mut next = after.checked_sub(1).map(|last| last as u32);
        while let Some(number) = next {
            let Some(node) = self.nodes.get(number as usize) else { return };
            if self.covers(number, address) {
                let ranks = self.ranks.get(node.ranks.start as usize..node.ranks.end as usize);
                ranks.into_iter().flatten().for_each(|rank| each(*rank));
            }
            next = node.parent;
        }
    }

    #[inline]
    fn covers(&self, number: u32, address: B) -> bool {
        let number = number as usize;
        match (self.starts.get(number), self.nodes.get(number)) {
            (Some(start), Some(node)) => start.share(address, node.length),
            _ => false,
        }
    }
}
