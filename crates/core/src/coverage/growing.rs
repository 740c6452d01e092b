//! A list that grows in the memory of its caller.

use crate::event_set::{Memory, TooLarge};

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
            larger[..self.len].copy_from_slice(self.values());
            self.slice = Some(larger);
        }
        Ok(())
    }

    /// Leaves only the first values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}
