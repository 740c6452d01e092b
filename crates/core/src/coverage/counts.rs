//! Counts of rows by kind and status, as flat bytes that can be added up. Numbers are little-endian.
//!
//! ```text
//! version 1 byte | records, in order of kind and status:
//!     status 1 byte | entities, rows, first time, last time 8 bytes each | length of the kind 4 bytes | kind
//! ```

use super::{Count, Status};
use std::fmt;
use std::ops::Range;

const VERSION: u8 = 1;

// Where the fields of a record are.
const ENTITIES: usize = 1;
const ROWS: usize = 9;
const FIRST: usize = 17;
const LAST: usize = 25;
const LENGTH: usize = 33;
const KIND: usize = 37;

/// The counts of one kind and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub kind: &'a [u8],
    pub status: Status,
    pub entities: u64,
    pub count: Count,
}

/// The counts of one kind and status, for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusCount<'a> {
    pub kind: &'a str,
    pub status: Status,
    pub rows: i64,
    pub entities: i64,
    /// The first and the last time of the rows, in microseconds or infinite, if one has a time.
    pub times_us: Option<(i64, i64)>,
}

/// Bytes that are not counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the counts are damaged")
    }
}

/// Writes records in their order.
pub(super) fn write(mut records: Vec<Record>) -> Vec<u8> {
    records.sort_unstable_by_key(Record::key);
    let mut bytes = vec![VERSION];
    for Record { kind, status, entities, count } in records {
        bytes.push(status as u8);
        bytes.extend(entities.to_le_bytes());
        bytes.extend(count.rows.to_le_bytes());
        bytes.extend(count.first.to_le_bytes());
        bytes.extend(count.last.to_le_bytes());
        bytes.extend((kind.len() as u32).to_le_bytes());
        bytes.extend(kind);
    }
    bytes
}

/// Adds counts to others in place. False: there is no room for a kind and status that only `added` has, and nothing was
/// done.
pub fn add(counts: &mut [u8], added: &[u8]) -> Result<bool, Corrupt> {
    if !covers(counts, added)? {
        return Ok(false);
    }
    let mut at = 1;
    for record in Records::of(added)? {
        let (_, record) = record?;
        while let Some((range, own)) = next(counts, at)? {
            let is_same = own.key() == record.key();
            let Record { entities, count, .. } = own.plus(&record);
            at = range.end;
            if is_same {
                put(counts, range.start + ENTITIES, entities);
                put(counts, range.start + ROWS, count.rows);
                put(counts, range.start + FIRST, count.first as u64);
                put(counts, range.start + LAST, count.last as u64);
                break;
            }
        }
    }
    Ok(true)
}

/// The sums of two counts.
pub fn sum(counts: &[u8], added: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut records = Vec::new();
    for record in Records::of(counts)?.chain(Records::of(added)?) {
        records.push(record?.1);
    }
    records.sort_unstable_by_key(Record::key);
    let mut sums: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        match sums.last_mut() {
            Some(last) if last.key() == record.key() => *last = last.plus(&record),
            _ => sums.push(record),
        }
    }
    Ok(write(sums))
}

/// The counts one by one.
pub fn read(counts: &[u8]) -> Result<impl Iterator<Item = Result<StatusCount<'_>, Corrupt>>, Corrupt> {
    Ok(Records::of(counts)?.map(|record| {
        let Record { kind, status, entities, count } = record?.1;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(StatusCount {
            kind: std::str::from_utf8(kind).ok().filter(|kind| !kind.contains('\0')).ok_or(Corrupt)?,
            status,
            rows: number(count.rows),
            entities: number(entities),
            times_us: (count.first <= count.last).then_some((count.first, count.last)),
        })
    }))
}

/// Returns whether each kind and status of `added` is in `counts`.
fn covers(counts: &[u8], added: &[u8]) -> Result<bool, Corrupt> {
    let mut own = Records::of(counts)?;
    for record in Records::of(added)? {
        let (_, record) = record?;
        loop {
            match own.next().transpose()? {
                Some((_, own)) if own.key() == record.key() => break,
                Some((_, own)) if own.key() < record.key() => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
}

impl<'a> Record<'a> {
    fn key(&self) -> (&'a [u8], Status) {
        (self.kind, self.status)
    }

    fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        sum.entities = sum.entities.saturating_add(other.entities);
        sum.count.add(other.count);
        sum
    }
}

/// The records of counts, which are checked as they are read.
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    last: Option<(&'a [u8], Status)>,
}

impl<'a> Records<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        if bytes.first() == Some(&VERSION) { Ok(Self { bytes, at: 1, last: None }) } else { Err(Corrupt) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(Range<usize>, Record<'a>), Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = next(self.bytes, self.at).transpose()?;
        let checked = found.and_then(|(range, record)| {
            if self.last.is_some_and(|last| last >= record.key()) {
                return Err(Corrupt);
            }
            self.last = Some(record.key());
            self.at = range.end;
            Ok((range, record))
        });
        if checked.is_err() {
            // Nothing behind damaged bytes can be read.
            self.at = self.bytes.len();
        }
        Some(checked)
    }
}

/// The record that begins at a place. `None` at the end.
fn next(bytes: &[u8], at: usize) -> Result<Option<(Range<usize>, Record<'_>)>, Corrupt> {
    let rest = bytes.get(at..).ok_or(Corrupt)?;
    if rest.is_empty() {
        return Ok(None);
    }
    let fixed = rest.first_chunk::<KIND>().ok_or(Corrupt)?;
    let length = fixed[LENGTH..].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let kind = rest[KIND..].get(..length).ok_or(Corrupt)?;
    let status = *Status::ALL.get(usize::from(fixed[0])).ok_or(Corrupt)?;
    let count =
        Count { rows: get(fixed, ROWS), first: get(fixed, FIRST) as i64, last: get(fixed, LAST) as i64 };
    let record = Record { kind, status, entities: get(fixed, ENTITIES), count };
    Ok(Some((at..at + KIND + length, record)))
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
