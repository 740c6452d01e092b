//! Shares of entities. If processes cannot divide the rows of a source by an index, they divide its entities by a
//! digest.

use crate::ends::digest;

/// Returns whether an entity belongs to a share. The shares are numbered from 0. Each entity belongs to exactly one
/// share, which depends only on its bytes and the number of shares.
pub fn is_in_share(entity: &[u8], share: u32, shares: u32) -> bool {
    ((digest(entity, 0) >> 32) * u64::from(shares)) >> 32 == u64::from(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share_of(entity: &[u8], shares: u32) -> Vec<u32> {
        (0..shares).filter(|share| is_in_share(entity, *share, shares)).collect()
    }

    proptest! {
        #[test]
        fn each_entity_is_in_one_share(entity in ".{0,20}", shares in 1_u32..100) {
            prop_assert_eq!(share_of(entity.as_bytes(), shares).len(), 1);
        }
    }

    #[test]
    fn the_shares_of_access_keys_are_about_equal() {
        for shares in [2, 3, 7, 16] {
            let mut entities = vec![0_u32; shares as usize];
            for n in 0..16_000 {
                let key = format!("AKIA{n:09}EXAMPLE");
                share_of(key.as_bytes(), shares).into_iter().for_each(|share| entities[share as usize] += 1);
            }
            let fair = 16_000 / shares;
            assert!(entities.iter().all(|count| count.abs_diff(fair) < fair / 8), "{entities:?}");
        }
    }

    #[test]
    fn all_entities_are_in_the_only_share() {
        assert!(is_in_share(b"", 0, 1) && is_in_share(b"AKIA", 0, 1));
    }
}
