//! The check of a new file: one walk over the whole tree that reads every record to its end.
//!
//! The maxminddb crate has a check of its own, `Reader::verify`. It reads the records in one loop that cannot be
//! interrupted and that takes more than a second for a file of 75 MB, and it refuses files without a description. This
//! check refuses what that one refuses in the tree and in the records, and what look-ups refuse, such as a pointer to a
//! pointer. It does not check the metadata again, which the crate reads when it opens a file.

use crate::database::{Database, DatabaseError, STEP};
use crate::record::Fields;
use maxminddb::{MaxMindDbError, WithinOptions};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// How deep the values of a record may be nested. In the files of known makers, they are nested at most five deep.
const DEEPEST: u8 = 128;

/// The number of zeros between the tree and the records.
const SEPARATOR: usize = 16;

impl Database {
    /// Reads the whole database, and fails if any part of it is damaged. After that, no look-up fails.
    /// The function calls `interrupt` at regular intervals. `interrupt` may unwind.
    pub fn verify(&self, interrupt: &mut dyn FnMut()) -> Result<(), DatabaseError> {
        let metadata = self.reader().metadata();
        let tree = u64::from(metadata.node_count) * u64::from(metadata.record_size) / 4;
        let separator = usize::try_from(tree)
            .ok()
            .and_then(|start| self.bytes().get(start..start.checked_add(SEPARATOR)?))
            .ok_or_else(|| MaxMindDbError::invalid_database("the file ends within its search tree"))?;
        if separator.iter().any(|byte| *byte != 0) {
            return Err(MaxMindDbError::invalid_database("no separator follows the search tree").into());
        }
        let most = u64::from(metadata.node_count).saturating_mul(3);
        let mut seen = HashSet::new();
        let all = WithinOptions::default().include_networks_without_data();
        for (at, found) in (0_u64..).zip(self.reader().networks(all)?) {
            let found = found?;
            if at > most {
                return Err(MaxMindDbError::invalid_database("the search tree has a cycle").into());
            }
            if at.is_multiple_of(STEP) {
                interrupt();
            }
            if found.offset().is_some_and(|offset| seen.insert(offset)) {
                found.decode::<Fields>()?;
                found.decode::<AnyRecord>()?;
            }
        }
        Ok(())
    }
}

/// A record that is read with all its values, including those that look-ups skip. The crate follows pointers, requires
/// texts to be UTF-8, and refuses a record that its pointers make very large.
struct AnyRecord;

impl<'de> Deserialize<'de> for AnyRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyValue { depth: 0 }.deserialize(deserializer)?;
        Ok(Self)
    }
}

#[derive(Clone, Copy)]
struct AnyValue {
    depth: u8,
}

impl AnyValue {
    fn within<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return Err(E::custom("the values of a record are nested too deeply"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u128<E>(self, _: u128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let item = self.within()?;
        while items.next_element_seed(item)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let value = self.within()?;
        while entries.next_entry_seed(value, value)?.is_some() {}
        Ok(())
    }
}
