//! Records of the tail: `time i64, kind u8, site 4 or 16 bytes`, and in a labelled set
//! `rows u32, radius f64 (NaN: none), length of the id + 1 (0: none) u32, id`.

use super::{Memory, SetRow, Ticks, TooLarge};
use crate::site::{Site, SiteKind};
use std::cmp::Ordering;

const LABEL_LEN: usize = 16;

/// Where a record of a tail starts, with its time, by which most comparisons end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Key {
    pub time_us: i64,
    pub offset: u32,
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub row: SetRow<'a>,
    pub rows: u64,
    pub length: usize,
}

/// The length of a record of a set without labels.
pub(super) fn bare_len(site: Site) -> usize {
    bare_len_of(site.kind() as u8)
}

/// The length of such a record whose site has this kind.
#[inline]
pub(super) fn bare_len_of(kind: u8) -> usize {
    9 + if kind == SiteKind::Ipv4 as u8 { 4 } else { 16 }
}

pub(super) fn record_len(row: &SetRow, labelled: bool) -> usize {
    bare_len(row.site) + if labelled { LABEL_LEN + row.id.map_or(0, <[u8]>::len) } else { 0 }
}

/// Writes a record over `bytes`, which are exactly as long as [`record_len`] says.
pub(super) fn write(bytes: &mut [u8], row: &SetRow, rows: u32, labelled: bool) {
    let (site, site_len) = row.site.to_bytes();
    bytes[..8].copy_from_slice(&row.time_us.to_le_bytes());
    bytes[8] = row.site.kind() as u8;
    bytes[9..9 + site_len].copy_from_slice(&site[..site_len]);
    if labelled {
        let label = &mut bytes[9 + site_len..];
        label[..4].copy_from_slice(&rows.to_le_bytes());
        label[4..12].copy_from_slice(&row.accuracy_km.unwrap_or(f64::NAN).to_le_bytes());
        label[12..16].copy_from_slice(&row.id.map_or(0, |id| id.len() as u32 + 1).to_le_bytes());
        if let Some(id) = row.id {
            label[LABEL_LEN..].copy_from_slice(id);
        }
    }
}

/// The record at the start of `bytes`; None where there is no whole one.
#[inline]
pub(super) fn read(bytes: &[u8], labelled: bool) -> Option<Record<'_>> {
    let time_us = i64::from_le_bytes(*bytes.first_chunk()?);
    let (site, site_len) = Site::from_bytes(*bytes.get(8)?, bytes.get(9..)?)?;
    let mut row = SetRow { time_us, site, id: None, accuracy_km: None };
    let mut length = 9 + site_len;
    let mut rows = 1;
    if labelled {
        let label = bytes.get(length..)?;
        rows = u64::from(u32::from_le_bytes(*label.first_chunk()?));
        let accuracy_km = f64::from_le_bytes(*label.get(4..)?.first_chunk()?);
        row.accuracy_km = Some(accuracy_km).filter(|radius| !radius.is_nan());
        length += LABEL_LEN;
        let id_len = u32::from_le_bytes(*label.get(12..)?.first_chunk()?) as usize;
        if id_len > 0 {
            row.id = Some(label.get(LABEL_LEN..LABEL_LEN + id_len - 1)?);
            length += id_len - 1;
        }
    }
    Some(Record { row, rows, length })
}

/// The records of a tail, in the order in which they lie.
pub(super) fn records(tail: &[u8], labelled: bool) -> impl Iterator<Item = Record<'_>> {
    let mut rest = tail;
    std::iter::from_fn(move || {
        let record = read(rest, labelled)?;
        rest = rest.get(record.length..)?;
        Some(record)
    })
}

/// The order in which the first row stands for all of the same event: `(time, site, id, radius)`, none last.
pub(super) fn compare(a: &SetRow, b: &SetRow) -> Ordering {
    (a.time_us.cmp(&b.time_us))
        .then_with(|| a.site.cmp(&b.site))
        .then_with(|| none_last(a.id, b.id, |a, b| a.cmp(b)))
        .then_with(|| none_last(a.accuracy_km, b.accuracy_km, |a, b| a.total_cmp(&b)))
}

fn none_last<T>(a: Option<T>, b: Option<T>, compare: impl Fn(T, T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// The keys of a tail in order of their records.
pub(super) fn sorted_keys<M: Memory>(
    tail: &[u8],
    rows: usize,
    labelled: bool,
    memory: &M,
) -> Result<M::Slice<Key>, TooLarge> {
    let mut keys = memory.slice::<Key>(rows)?;
    let mut ticks = Ticks::of(memory);
    let mut offset = 0;
    for key in keys.iter_mut() {
        ticks.step();
        // A tail holds as many records as its header says: append and validate see to it.
        let Some(record) = tail.get(offset..).and_then(|bytes| read(bytes, labelled)) else { break };
        *key = Key { time_us: record.row.time_us, offset: offset as u32 };
        offset += record.length;
    }
    let mut order = |a: &Key, b: &Key| {
        ticks.step();
        a.time_us.cmp(&b.time_us).then_with(|| {
            match (read(&tail[a.offset as usize..], labelled), read(&tail[b.offset as usize..], labelled)) {
                (Some(a), Some(b)) => compare(&a.row, &b.row),
                _ => a.offset.cmp(&b.offset),
            }
        })
    };
    let Some((mut ends, mut runs)) = ascending_runs(&keys, &mut order) else {
        keys.sort_unstable_by(order);
        return Ok(keys);
    };
    // Merge two neighbors at a time, until there is one run.
    let mut merged = memory.slice::<Key>(if runs > 1 { keys.len() } else { 0 })?;
    while runs > 1 {
        let (mut start, mut left) = (0, 0);
        for first in (0..runs).step_by(2) {
            let middle = ends[first];
            let end = if first + 1 < runs { ends[first + 1] } else { middle };
            merge(&keys[start..middle], &keys[middle..end], &mut merged[start..end], &mut order, memory);
            ends[left] = end;
            (start, left) = (end, left + 1);
        }
        runs = left;
        std::mem::swap(&mut keys, &mut merged);
    }
    Ok(keys)
}

/// The largest number of runs that are merged instead of sorted.
const MAX_RUNS: usize = 8;

/// The ends of the ascending runs of keys and their number. `None`: there are too many. A set that parallel processes
/// made has one for each of them, because each process reads its rows in order.
fn ascending_runs(
    keys: &[Key],
    order: &mut impl FnMut(&Key, &Key) -> Ordering,
) -> Option<([usize; MAX_RUNS], usize)> {
    let (mut ends, mut runs) = ([0; MAX_RUNS], 0);
    for end in 1..=keys.len() {
        if end == keys.len() || order(&keys[end - 1], &keys[end]).is_gt() {
            *ends.get_mut(runs)? = end;
            runs += 1;
        }
    }
    Some((ends, runs))
}

/// Merges two ascending runs into `out`, which is as long as both.
fn merge<'k, M: Memory>(
    mut a: &'k [Key],
    mut b: &'k [Key],
    out: &mut [Key],
    order: &mut impl FnMut(&Key, &Key) -> Ordering,
    memory: &M,
) {
    // The end of a run is copied without comparisons.
    for slots in out.chunks_mut(65_536) {
        memory.tick();
        for slot in slots {
            let from = match (a, b) {
                ([first, ..], [second, ..]) if order(first, second).is_gt() => &mut b,
                ([], _) => &mut b,
                _ => &mut a,
            };
            if let [first, rest @ ..] = *from {
                *slot = *first;
                *from = rest;
            }
        }
    }
}
