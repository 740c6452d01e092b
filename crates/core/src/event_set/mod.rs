//! The events of one entity as one flat block of bytes: the SQL type `travel.journey`, which the aggregates keep
//! between rows and send between parallel workers, and which users store.
//!
//! An event is a distinct pair of time and site, so the set is bounded by those pairs and not by rows. New events
//! go to an unsorted *tail*. A set that is full is merged ([`merge_into`]): without labels into a *packed run*,
//! sorted, its sites in a dictionary, its times delta-coded (2 to 4 bytes an event); with labels (event ids,
//! radii) into a tail that is sorted and holds each event once. All of it works on memory that the caller gives.
//!
//! ```text
//! header 72 bytes | packed run: sites, events | tail: records in order of arrival
//! ```
//! Numbers are little-endian. Byte 0 is the version of this format.
//!
//! A set is either a *journey*, whose readers bring the thresholds and which counts each event once, or the state of an
//! aggregate that has its thresholds from its arguments and counts rows. A flag of the header distinguishes them.

mod bulk;
mod header;
mod merge;
mod packed;
mod sequence;
mod stays;
mod summary;
mod tail;
mod text;
mod validate;

pub use bulk::{IPV4_RECORD_LEN, count_written_rows, ipv4_record};
pub use header::{HEADER_LEN, VERSION};
pub use merge::{Event, Events, events, merge_into};
pub use packed::packed_sites;
pub use sequence::{Sequence, each_set};
pub use stays::{PackedStays, Stay, Stays, ipv4_stays, packed_stays};
pub use summary::{event_count, time_range};
pub use text::{BadText, read_text, write_text};
pub use validate::{Corrupt, validate};

use crate::journey::Thresholds;
use crate::site::Site;
use header::Header;
use std::ops::DerefMut;

/// Scratch memory of the caller, which also lets the caller interrupt long work.
pub trait Memory {
    type Slice<T: Copy + Default>: DerefMut<Target = [T]>;

    /// A slice of `len` defaults.
    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Self::Slice<T>, TooLarge>;

    /// Long work, such as a sort or a merge, calls this every few thousand steps. It may unwind.
    fn tick(&self) {}
}

/// Counts the steps of long work and calls [`Memory::tick`] regularly.
pub(crate) struct Ticks<'m, M> {
    memory: &'m M,
    steps: u32,
}

impl<'m, M: Memory> Ticks<'m, M> {
    pub(crate) fn of(memory: &'m M) -> Self {
        Self { memory, steps: 0 }
    }

    #[inline]
    pub(crate) fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(65_536) {
            self.memory.tick();
        }
    }
}

/// More memory is asked for than the caller can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// One row that has a time and a site.
#[derive(Clone, Copy, Debug)]
pub struct SetRow<'a> {
    pub time_us: i64,
    pub site: Site,
    /// Kept by a labelled set only.
    pub id: Option<&'a [u8]>,
    /// Kept by a labelled set only; km.
    pub accuracy_km: Option<f64>,
}

/// What a full set should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Move to a block of this many bytes.
    Grow(usize),
    /// Merge first: it may shrink. Then this many bytes must be free.
    Merge(usize),
}

/// Below this size a full set just doubles.
pub const MERGE_FROM: usize = 64 * 1024;

/// Writes an empty set over the start of `bytes`, at least [`HEADER_LEN`] long.
///
/// Without thresholds it is a journey.
pub fn initialize(bytes: &mut [u8], thresholds: Option<Thresholds>, labelled: bool) {
    Header { thresholds, labelled, ..Header::default() }.store(bytes);
}

/// Bytes in use.
pub fn used(bytes: &[u8]) -> usize {
    header::used(bytes)
}

/// The thresholds of the aggregate whose state this is. None: the set is a journey.
pub fn thresholds(bytes: &[u8]) -> Option<Thresholds> {
    header::thresholds(bytes)
}

pub fn is_labelled(bytes: &[u8]) -> bool {
    header::is_labelled(bytes)
}

/// The number of rows that were not located.
pub fn unlocated_rows(bytes: &[u8]) -> u64 {
    Header::load(bytes).unlocated_rows
}

/// Rows that came with a site, duplicates included.
pub fn rows(bytes: &[u8]) -> u64 {
    Header::load(bytes).rows
}

/// Counts a row that has no site.
pub fn count_unlocated(bytes: &mut [u8]) {
    header::note_unlocated_row(bytes);
}

/// Adds a row if it fits into `bytes`, the whole block.
pub fn append(bytes: &mut [u8], row: &SetRow) -> Result<(), Full> {
    let (used, labelled) = (header::used(bytes), header::is_labelled(bytes));
    let length = tail::record_len(row, labelled);
    if used + length > bytes.len() {
        return Err(if header::packed_len(bytes) == 0 && bytes.len() < MERGE_FROM && length < MERGE_FROM {
            // The first step is larger: a move costs more than the room of one small set.
            let factor = if bytes.len() <= 512 { 4 } else { 2 };
            Full::Grow((bytes.len() * factor).max(used + length))
        } else {
            Full::Merge(length)
        });
    }
    tail::write(&mut bytes[used..used + length], row, 1, labelled);
    header::note_new_row(bytes, row.time_us, length);
    Ok(())
}

/// The bytes that all of `other` takes at most in a tail. None: it must be merged. Its packed run stands for more rows
/// than it has events, which a tail cannot say, or it has very many sites.
pub fn appended_len(other: &[u8]) -> Option<usize> {
    let header = Header::load(other);
    let tail_len = header.tail_len as usize;
    if header.packed_events == 0 {
        return Some(tail_len);
    }
    if header.packed_sites as usize > packed::MAX_RUN_SITES {
        return None;
    }
    let (mut rows, mut longest) = (0_u64, 0);
    for (site, of_site) in packed_sites(other) {
        rows = rows.checked_add(of_site)?;
        longest = longest.max(tail::bare_len(site));
    }
    if rows != u64::from(header.packed_events) {
        return None;
    }
    (header.packed_events as usize).checked_mul(longest)?.checked_add(tail_len)
}

/// Adds all of `other` to the block `bytes` if it fits without merging. False: nothing was done.
///
/// Sets of the same kind only: both labelled or neither, both journeys or neither.
pub fn append_all<M: Memory>(bytes: &mut [u8], other: &[u8], memory: &M) -> bool {
    let mut header = Header::load(bytes);
    let added = Header::load(other);
    if appended_len(other).is_none_or(|length| header.used() + length > bytes.len()) {
        return false;
    }
    if added.packed_events > 0 && !unpack(bytes, &mut header, other, &added, memory) {
        return false;
    }
    if added.tail_rows > 0 {
        let (used, length) = (header.used(), added.tail_len as usize);
        let tail = &other[added.tail_start()..added.used()];
        let follows = header.tail_rows == 0
            || tail::read(tail, added.labelled).is_some_and(|first| first.row.time_us > header.last_time_us);
        bytes[used..used + length].copy_from_slice(tail);
        header.tail_sorted = header.tail_sorted && added.tail_sorted && follows;
        header.last_time_us = added.last_time_us;
        header.tail_len += added.tail_len;
        header.tail_rows += added.tail_rows;
    }
    header.rows = header.rows.saturating_add(added.rows);
    header.unlocated_rows = header.unlocated_rows.saturating_add(added.unlocated_rows);
    header.store(bytes);
    true
}

/// Writes the packed run of `other` at the end of the tail of `bytes`, which has room for it. Only `header` says so:
/// the caller stores it. False: the run is damaged, and nothing was done.
fn unpack<M: Memory>(
    bytes: &mut [u8],
    header: &mut Header,
    other: &[u8],
    added: &Header,
    memory: &M,
) -> bool {
    let Some(run) = packed::Run::new(other, added) else { return false };
    let mut grown = *header;
    let mut at = header.used();
    // A run is in strict order. It stays so behind a tail that is, if all of it is later.
    grown.tail_sorted = header.tail_sorted
        && (header.tail_rows == 0 || run.begins_at().is_some_and(|first| first > header.last_time_us));
    let mut ticks = Ticks::of(memory);
    for (time_us, site) in run {
        ticks.step();
        let row = SetRow { time_us, site, id: None, accuracy_km: None };
        let length = tail::record_len(&row, false);
        let Some(slot) = bytes.get_mut(at..at + length) else { return false };
        tail::write(slot, &row, 1, false);
        at += length;
        grown.tail_rows += 1;
        grown.last_time_us = time_us;
    }
    grown.tail_len += (at - header.used()) as u32;
    *header = grown;
    true
}

/// The size of the block that a set of `used` bytes should live in after a merge, given its current size and the bytes
/// that it needs at once. The room for new rows grows with the set, which keeps the total work of all merges proportional to the number of rows.
pub fn capacity_after_merge(used: usize, capacity: usize, needed: usize) -> usize {
    let used = used + needed;
    if used * 2 + MERGE_FROM / 4 <= capacity { capacity } else { used * 3 + MERGE_FROM / 2 }
}

#[cfg(test)]
mod interruption_tests;
#[cfg(test)]
pub(crate) mod test_memory;
#[cfg(test)]
mod tests;
