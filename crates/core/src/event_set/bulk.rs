//! Adds many events to many sets without touching the header of a set for each event. A caller writes records behind
//! the tail of a set, in their order of arrival, and the header counts them later, all at once.

use super::header::Header;
use super::{Memory, Ticks};
use crate::site::SiteKind;

/// The length of a record of an event with an IPv4 address in a set without labels.
pub const IPV4_RECORD_LEN: usize = 13;

/// The record of such an event, as [`append`](super::append) writes it. The address is its 32 bits.
#[inline]
pub fn ipv4_record(time_us: i64, address: u32) -> [u8; IPV4_RECORD_LEN] {
    let mut record = [0; IPV4_RECORD_LEN];
    record[..8].copy_from_slice(&time_us.to_le_bytes());
    record[8] = SiteKind::Ipv4 as u8;
    record[9..].copy_from_slice(&address.to_be_bytes());
    record
}

/// Adds the records that a caller wrote behind the tail of a set without labels, up to the byte `end`, to the header of
/// the set. [`ipv4_record`] must have made all of them. Until then, [`used`](super::used) does not include these
/// records.
pub fn count_written_rows<M: Memory>(bytes: &mut [u8], end: usize, memory: &M) {
    let used = super::used(bytes);
    let (records, _) = bytes.get(used..end).unwrap_or(&[]).as_chunks::<IPV4_RECORD_LEN>();
    if records.is_empty() {
        return;
    }
    let mut header = Header::load(bytes);
    let (mut ascends, mut last) = (true, if header.tail_rows == 0 { i64::MIN } else { header.last_time_us });
    let mut ticks = Ticks::of(memory);
    for record in records {
        ticks.step();
        let time_us = record.first_chunk().map_or(last, |time| i64::from_le_bytes(*time));
        ascends &= time_us > last;
        last = time_us;
    }
    let rows = records.len() as u32;
    header.tail_sorted &= ascends;
    header.last_time_us = last;
    header.tail_len += rows * IPV4_RECORD_LEN as u32;
    header.tail_rows += rows;
    header.rows = header.rows.saturating_add(rows.into());
    header.store(bytes);
}
