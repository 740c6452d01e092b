//! The heap as the memory of the core's flat values.

use std::cell::Cell;
use travel_core::event_set::{Memory, TooLarge};

/// The heap, with a count of the bytes that were requested.
#[derive(Default)]
pub struct Heap(Cell<usize>);

impl Memory for Heap {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        self.0.set(self.0.get() + len * size_of::<T>());
        assert!(self.0.get() < 1 << 30, "{} bytes are requested", self.0.get());
        Ok(vec![T::default(); len])
    }
}
