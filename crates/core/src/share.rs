//! Shares of entities. If processes cannot divide the rows of a source by an index, they divide its entities by a
//! digest. The rows of a share are written one after the other, each as a record:
//!
//! ```text
//! length u32 | time i64 | position of the row 6 bytes | kind u8 | site 4 or 16 bytes | entity
//! ```
//! Numbers are little-endian. The length is that of the whole record.

use crate::ends::digest;
use crate::site::Site;
use std::hash::{BuildHasher, RandomState};

/// Returns the share to which an entity belongs. The shares are numbered from 0. The number depends only on the bytes of
/// the entity and the number of shares.
#[inline]
pub fn of_entity(entity: &[u8], shares: u32) -> u32 {
    (((digest(entity, 0) >> 32) * u64::from(shares)) >> 32) as u32
}

/// Returns the digest of several values, given the digest of all but the last one.
#[inline]
pub fn digest_after(others: i64, value: &[u8]) -> i64 {
    digest(value, others) as i64
}

/// A random key for the digests of a hash table. Without one, a user who names sessions could choose names that all
/// take the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestKey(i64);

impl DigestKey {
    /// Makes a new key.
    pub fn random() -> Self {
        Self(RandomState::new().hash_one(0_u8) as i64)
    }

    /// Returns the digest of an entity, given as bytes.
    #[inline]
    pub fn digest(self, entity: &[u8]) -> i64 {
        digest_after(self.0, entity)
    }
}

/// An event of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub entity: &'a [u8],
    pub time_us: i64,
    pub site: Site,
    /// The position of its row, which is only passed on.
    pub position: [u8; 6],
}

/// The number of bytes in front of the site: length, time, position and kind.
const HEAD: usize = 4 + 8 + 6 + 1;

impl<'a> Record<'a> {
    /// Returns the number of bytes of a record. `entity` is the number of bytes of its entity.
    #[inline]
    pub fn size(site: Site, entity: usize) -> usize {
        HEAD + if site.ipv4().is_some() { 4 } else { 16 } + entity
    }

    /// Writes a record to `out`, which has its size. `write_entity` writes the entity.
    #[inline]
    pub fn write(
        out: &mut [u8],
        time_us: i64,
        site: Site,
        position: [u8; 6],
        write_entity: impl FnOnce(&mut [u8]),
    ) {
        let size = out.len() as u32;
        let (head, rest) = out.split_at_mut(HEAD);
        head[..4].copy_from_slice(&size.to_le_bytes());
        head[4..12].copy_from_slice(&time_us.to_le_bytes());
        head[12..18].copy_from_slice(&position);
        head[18] = site.kind() as u8;
        let (bytes, length) = site.to_bytes();
        let (at, entity) = rest.split_at_mut(length);
        at.copy_from_slice(&bytes[..length]);
        write_entity(entity);
    }

    /// Returns the size of the record at the start of `bytes`, or `None` if there are fewer than four bytes.
    pub fn size_of_next(bytes: &[u8]) -> Option<usize> {
        bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize)
    }

    /// Reads the record at the start of `bytes`. Returns it and the rest of the bytes, or `None` if the record is
    /// incomplete or damaged.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (record, rest) = bytes.split_at_checked(Self::size_of_next(bytes)?)?;
        let time_us = i64::from_le_bytes(*record.get(4..)?.first_chunk()?);
        let position = *record.get(12..)?.first_chunk()?;
        let after = record.get(HEAD..)?;
        let (site, length) = Site::from_bytes(record[HEAD - 1], after)?;
        Some((Self { entity: &after[length..], time_us, site, position }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(rows: &[Record]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in rows {
            let start = bytes.len();
            bytes.resize(start + Record::size(row.site, row.entity.len()), 0);
            Record::write(&mut bytes[start..], row.time_us, row.site, row.position, |out| {
                out.copy_from_slice(row.entity);
            });
        }
        bytes
    }

    proptest! {
        #[test]
        fn each_entity_is_in_a_share(entity in ".{0,20}", shares in 1_u32..100) {
            prop_assert!(of_entity(entity.as_bytes(), shares) < shares);
        }

        #[test]
        fn records_are_read_as_they_were_written(
            rows in prop::collection::vec((any::<i64>(), any::<(bool, u128)>(), any::<[u8; 6]>(), ".{0,30}"), 0..10),
        ) {
            let rows: Vec<Record> = rows
                .iter()
                .map(|(time_us, (is_v4, bits), position, entity)| {
                    let address: std::net::IpAddr = if *is_v4 {
                        std::net::Ipv4Addr::from(*bits as u32).into()
                    } else {
                        std::net::Ipv6Addr::from(*bits).into()
                    };
                    let site = Site::from_address(address);
                    Record { entity: entity.as_bytes(), time_us: *time_us, site, position: *position }
                })
                .collect();
            let bytes = bytes_of(&rows);
            let mut rest = &bytes[..];
            for row in &rows {
                let (read, after) = Record::read(rest).unwrap();
                prop_assert_eq!(read, *row);
                rest = after;
            }
            prop_assert!(rest.is_empty());
            for end in 0..bytes.len() {
                prop_assert!(bytes_of(&rows[..1]).len() <= end || Record::read(&bytes[..end]).is_none());
            }
        }

        #[test]
        fn reading_a_damaged_record_stays_within_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let read = Record::read(&bytes);
            prop_assert!(read.is_none_or(|(_, rest)| rest.len() + HEAD <= bytes.len()));
        }
    }

    #[test]
    fn the_shares_of_access_keys_are_about_equal() {
        for shares in [2, 3, 7, 16] {
            let mut entities = vec![0_u32; shares as usize];
            for n in 0..16_000 {
                let key = format!("AKIA{n:09}EXAMPLE");
                entities[of_entity(key.as_bytes(), shares) as usize] += 1;
            }
            let fair = 16_000 / shares;
            assert!(entities.iter().all(|count| count.abs_diff(fair) < fair / 8), "{entities:?}");
        }
    }

    #[test]
    fn names_that_take_the_same_slot_do_so_with_one_key_only() {
        let slot = |key: DigestKey, name: &str| key.digest(name.as_bytes()) & 1023;
        let names = (0..100_000).map(|n| format!("session {n}"));
        let names: Vec<_> = names.filter(|name| slot(DigestKey(0), name) == 0).collect();
        assert!(names.len() > 60, "{}", names.len());
        let (one, other) = (DigestKey::random(), DigestKey::random());
        assert_ne!(one, other);
        for key in [one, other] {
            let slots: std::collections::HashSet<_> = names.iter().map(|name| slot(key, name)).collect();
            assert!(slots.len() > names.len() / 2, "{} slots of {} names", slots.len(), names.len());
        }
    }

    #[test]
    fn all_entities_are_in_the_only_share() {
        assert_eq!([of_entity(b"", 1), of_entity(b"AKIA", 1)], [0, 0]);
    }
}
