//! Shared names. A name that occurs in many records is stored once, which saves memory and keeps it in the processor
//! cache.

use crate::optional_memory::optional;
use crate::record::Fields;
use std::collections::HashSet;
use std::sync::Arc;

/// The names that were seen. After [`KEPT_NAMES`] names the set starts again. Records keep the names that they use.
#[derive(Debug, Default)]
pub(crate) struct SharedNames {
    held: HashSet<Arc<str>>,
}

const KEPT_NAMES: usize = 1 << 15;

impl SharedNames {
    /// Replaces each text of a record with the stored one.
    pub fn share(&mut self, fields: &mut Fields) {
        let texts = [
            &mut fields.city,
            &mut fields.subdivision,
            &mut fields.country,
            &mut fields.country_code,
            &mut fields.as_organization,
        ];
        for text in texts.into_iter().flatten() {
            match self.held.get(text) {
                Some(held) => *text = Arc::clone(held),
                None => self.hold(Arc::clone(text)),
            }
        }
    }

    fn hold(&mut self, text: Arc<str>) {
        if self.held.len() >= KEPT_NAMES {
            self.held.clear();
        }
        // If there is no memory, the name is not shared.
        if optional(|| self.held.try_reserve(1)).is_ok() {
            self.held.insert(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_of_two_records_are_one() {
        let record = || Fields { city: Some("London".into()), ..Fields::default() };
        let (mut a, mut b) = (record(), record());
        let mut names = SharedNames::default();
        names.share(&mut a);
        names.share(&mut b);
        assert!(Arc::ptr_eq(a.city.as_ref().unwrap(), b.city.as_ref().unwrap()));
        assert_eq!(a, record());
    }
}
