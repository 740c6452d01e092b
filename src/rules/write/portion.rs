//! Rows that one statement writes: at most so many, and at most so many bytes.

use super::ROWS;

/// A portion that takes this many bytes is written, which bounds the arguments of a statement: they take so many bytes
/// and those of one row. PostgreSQL cannot hold a value of 1 GB.
pub(super) const BYTES: usize = 16 << 20;

/// Collects rows until a statement should write them.
pub(super) struct Portion<T> {
    rows: Vec<T>,
    bytes: usize,
}

impl<T> Default for Portion<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }
}

impl<T> Portion<T> {
    /// Adds a row that takes so many bytes. Returns all rows if they are enough for a statement.
    pub fn push(&mut self, row: T, bytes: usize) -> Option<Vec<T>> {
        self.rows.push(row);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.rows.len() >= ROWS || self.bytes >= BYTES { self.rest() } else { None }
    }

    /// The rows that are left. `None` if there are none.
    pub fn rest(&mut self) -> Option<Vec<T>> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        (!rows.is_empty()).then_some(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The portions of rows of these sizes.
    fn portions(sizes: &[usize]) -> Vec<Vec<usize>> {
        let mut portion = Portion::default();
        let mut found: Vec<Vec<usize>> = sizes.iter().filter_map(|size| portion.push(*size, *size)).collect();
        found.extend(portion.rest());
        assert_eq!(found.concat(), sizes, "every row is in one portion, in order");
        found
    }

    #[test]
    fn a_portion_has_a_bounded_number_of_rows_and_of_bytes() {
        let many = portions(&vec![100; 3 * ROWS + 1]);
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [ROWS, ROWS, ROWS, 1]);
        // Fifty keys, each with the legs of a day: all of them in one array would exceed what PostgreSQL can hold.
        let large = portions(&[30 << 20; 50]);
        assert_eq!(large, vec![vec![30 << 20]; 50]);
        let mixed = portions(&[BYTES / 2, BYTES / 2, 1, BYTES, 5, BYTES + 1, 7]);
        assert_eq!(mixed.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
        for rows in &mixed {
            assert!(rows[..rows.len() - 1].iter().sum::<usize>() < BYTES, "{rows:?}");
        }
        assert!(portions(&[]).is_empty());
    }
}
