//! Adds many events to many sets without touching the header of a set for each event. A caller writes records behind
//! the tail of a set, in their order of arrival, and the header counts them later, all at once.

use super::header::Header;
use super::tail;
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

/// Adds the records that a caller wrote behind the tail of a set without labels, up to the byte `end`, to its header.
/// Before that, [`used`](super::used) does not know these records.
pub fn count_written_rows(bytes: &mut [u8], end: usize) {
    let mut header = Header::load(bytes);
    let mut rest = bytes.get(header.used()..end).unwrap_or(&[]);
    if rest.is_empty() {
        return;
    }
    while let Some(length) = rest.get(8).map(|kind| tail::bare_len_of(*kind)) {
        let (Some(time_us), Some(others)) = (rest.first_chunk().copied(), rest.get(length..)) else { break };
        header.note_tail_row(i64::from_le_bytes(time_us), length);
        header.rows = header.rows.saturating_add(1);
        rest = others;
    }
    header.store(bytes);
}
