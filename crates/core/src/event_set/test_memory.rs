//! Memory for tests.

use super::{Memory, TooLarge};
use std::cell::Cell;

/// Memory on the heap.
pub struct Heap;

impl Memory for Heap {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        Ok(vec![T::default(); len])
    }
}

/// Memory on the heap that counts the ticks.
#[derive(Default)]
pub struct Ticking(pub Cell<usize>);

impl Memory for Ticking {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        Heap.slice(len)
    }

    fn tick(&self) {
        self.0.set(self.0.get() + 1);
    }
}
