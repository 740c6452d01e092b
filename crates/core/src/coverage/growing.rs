//! A list that grows in the memory of its caller.

use crate::event_set::{Memory, TooLarge};

/// The number of values of a list that are copied between two calls of [`Memory::tick`].
const CHUNK: usize = 65_536;

/// A list of values in memory that the caller accounts for.
pub struct Growing<T: Copy + Default, M: Memory> {
    slice: Option<M::Slice<T>>,
    len: usize,
}

impl<T: Copy + Default, M: Memory> Default for Growing<T, M> {
    fn default() -> Self {
        Self { slice: None, len: 0 }
    }
}

impl<T: Copy + Default, M: Memory> Growing<T, M> {
    pub fn values(&self) -> &[T] {
        self.slice.as_ref().map_or(&[], |slice| &slice[..self.len])
    }

    pub fn values_mut(&mut self) -> &mut [T] {
        self.slice.as_mut().map_or(&mut [], |slice| &mut slice[..self.len])
    }

    /// The number of values that fit without growing.
    pub fn capacity(&self) -> usize {
        self.slice.as_ref().map_or(0, |slice| slice.len())
    }

    /// Adds a value. A list that is full moves to a place that is twice as large.
    #[inline]
    pub fn push(&mut self, value: T, memory: &M) -> Result<(), TooLarge> {
        if self.len == self.capacity() {
            self.reserve(1, memory)?;
        }
        if let Some(slot) = self.slice.as_mut().and_then(|slice| slice.get_mut(self.len)) {
            *slot = value;
            self.len += 1;
        }
        Ok(())
    }

    pub fn extend(&mut self, values: &[T], memory: &M) -> Result<(), TooLarge> {
        self.reserve(values.len(), memory)?;
        if let Some(slice) = &mut self.slice {
            slice[self.len..self.len + values.len()].copy_from_slice(values);
            self.len += values.len();
        }
        Ok(())
    }

    /// Makes room for so many more values.
    #[cold]
    pub fn reserve(&mut self, more: usize, memory: &M) -> Result<(), TooLarge> {
        let needed = self.len.checked_add(more).ok_or(TooLarge)?;
        if needed > self.capacity() {
            let mut larger = memory.slice::<T>(needed.max(2 * self.len))?;
            for (place, values) in larger.chunks_mut(CHUNK).zip(self.values().chunks(CHUNK)) {
                memory.tick();
                place[..values.len()].copy_from_slice(values);
            }
            self.slice = Some(larger);
        }
        Ok(())
    }

    /// Leaves only the first values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_set::test_memory::Ticking;

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes under Miri")]
    fn moving_a_long_list_can_be_interrupted() {
        let memory = Ticking::default();
        let mut list = Growing::<u32, Ticking>::default();
        list.extend(&vec![7; 2 * CHUNK + 1], &memory).unwrap();
        let before = memory.0.get();
        list.push(8, &memory).unwrap();
        assert_eq!(memory.0.get() - before, 3);
        assert_eq!(list.values().split_last(), Some((&8, &vec![7; 2 * CHUNK + 1][..])));
    }
}
