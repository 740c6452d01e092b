//! The fixed part of a set.

use crate::journey::Thresholds;

/// Version of the format. A state of another version is refused, because it would be misread.
pub const VERSION: u8 = 1;

/// Bytes before the packed run.
pub const HEADER_LEN: usize = 72;

// Where the numbers are. What every new row reads or writes comes first: with thousands of sets in turn, each cache
// line counts.
const TAIL_LEN: usize = 4;
const TAIL_ROWS: usize = 8;
const PACKED_LEN: usize = 12;
const ROWS: usize = 16;
const LAST_TIME: usize = 24;
const MIN_DISTANCE: usize = 32;
const MIN_VELOCITY: usize = 40;
const UNLOCATED_ROWS: usize = 48;
const PACKED_SITES: usize = 56;
const PACKED_EVENTS: usize = 60;

const LABELLED: u8 = 1;
const USE_ACCURACY: u8 = 2;
const TAIL_SORTED: u8 = 4;
/// The set has no thresholds: it is a journey, whose readers say what is impossible.
const JOURNEY: u8 = 8;
pub(super) const ALL_FLAGS: u8 = LABELLED | USE_ACCURACY | TAIL_SORTED | JOURNEY;

#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// None in a journey.
    pub thresholds: Option<Thresholds>,
    pub labelled: bool,
    /// The tail is in strict order of (time, site), each event once.
    pub tail_sorted: bool,
    pub unlocated_rows: u64,
    pub rows: u64,
    pub packed_len: u32,
    pub packed_sites: u32,
    pub packed_events: u32,
    pub tail_len: u32,
    pub tail_rows: u32,
    pub last_time_us: i64,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            thresholds: None,
            labelled: false,
            tail_sorted: true,
            unlocated_rows: 0,
            rows: 0,
            packed_len: 0,
            packed_sites: 0,
            packed_events: 0,
            tail_len: 0,
            tail_rows: 0,
            last_time_us: i64::MIN,
        }
    }
}

impl Header {
    /// `bytes` holds at least a header: the caller made it, or validated it.
    pub fn load(bytes: &[u8]) -> Self {
        Self {
            labelled: is_labelled(bytes),
            tail_sorted: bytes[1] & TAIL_SORTED != 0,
            thresholds: thresholds(bytes),
            unlocated_rows: u64_at(bytes, UNLOCATED_ROWS),
            rows: u64_at(bytes, ROWS),
            last_time_us: u64_at(bytes, LAST_TIME) as i64,
            packed_len: u32_at(bytes, PACKED_LEN),
            packed_sites: u32_at(bytes, PACKED_SITES),
            packed_events: u32_at(bytes, PACKED_EVENTS),
            tail_len: u32_at(bytes, TAIL_LEN),
            tail_rows: u32_at(bytes, TAIL_ROWS),
        }
    }

    pub fn store(&self, bytes: &mut [u8]) {
        let mut header = [0; HEADER_LEN];
        header[0] = VERSION;
        header[1] = if self.labelled { LABELLED } else { 0 }
            | if self.tail_sorted { TAIL_SORTED } else { 0 }
            | if self.thresholds.is_none() { JOURNEY } else { 0 };
        if let Some(thresholds) = self.thresholds {
            header[1] |= if thresholds.use_accuracy { USE_ACCURACY } else { 0 };
            put_u64(&mut header, MIN_DISTANCE, thresholds.min_distance_km.to_bits());
            put_u64(&mut header, MIN_VELOCITY, thresholds.min_velocity_kmh.to_bits());
        }
        put_u32(&mut header, TAIL_LEN, self.tail_len);
        put_u32(&mut header, TAIL_ROWS, self.tail_rows);
        put_u32(&mut header, PACKED_LEN, self.packed_len);
        put_u64(&mut header, ROWS, self.rows);
        put_u64(&mut header, LAST_TIME, self.last_time_us as u64);
        put_u64(&mut header, UNLOCATED_ROWS, self.unlocated_rows);
        put_u32(&mut header, PACKED_SITES, self.packed_sites);
        put_u32(&mut header, PACKED_EVENTS, self.packed_events);
        bytes[..HEADER_LEN].copy_from_slice(&header);
    }

    pub fn is_journey(&self) -> bool {
        self.thresholds.is_none()
    }

    pub fn used(&self) -> usize {
        self.tail_start() + self.tail_len as usize
    }

    pub fn tail_start(&self) -> usize {
        HEADER_LEN + self.packed_len as usize
    }

    /// Accounts for a record that was written at the end of the tail.
    pub fn note_tail_row(&mut self, time_us: i64, length: usize) {
        self.tail_sorted = self.tail_sorted && (self.tail_rows == 0 || time_us > self.last_time_us);
        self.last_time_us = time_us;
        self.tail_len += length as u32;
        self.tail_rows += 1;
    }
}

pub(super) fn is_labelled(bytes: &[u8]) -> bool {
    bytes[1] & LABELLED != 0
}

pub(super) fn thresholds(bytes: &[u8]) -> Option<Thresholds> {
    (bytes[1] & JOURNEY == 0).then(|| Thresholds {
        use_accuracy: bytes[1] & USE_ACCURACY != 0,
        min_distance_km: f64::from_bits(u64_at(bytes, MIN_DISTANCE)),
        min_velocity_kmh: f64::from_bits(u64_at(bytes, MIN_VELOCITY)),
    })
}

/// Whether the fields of thresholds are as [`Header::store`] leaves them in a journey.
pub(super) fn has_blank_thresholds(bytes: &[u8]) -> bool {
    bytes[1] & USE_ACCURACY == 0 && u64_at(bytes, MIN_DISTANCE) == 0 && u64_at(bytes, MIN_VELOCITY) == 0
}

/// Bytes in use, without reading the whole header.
pub(super) fn used(bytes: &[u8]) -> usize {
    HEADER_LEN + u32_at(bytes, PACKED_LEN) as usize + u32_at(bytes, TAIL_LEN) as usize
}

pub(super) fn packed_len(bytes: &[u8]) -> usize {
    u32_at(bytes, PACKED_LEN) as usize
}

/// What [`Header::note_tail_row`] does, in place, and one more row.
pub(super) fn note_new_row(bytes: &mut [u8], time_us: i64, length: usize) {
    let tail_rows = u32_at(bytes, TAIL_ROWS);
    if tail_rows > 0 && time_us <= u64_at(bytes, LAST_TIME) as i64 {
        bytes[1] &= !TAIL_SORTED;
    }
    put_u32(bytes, TAIL_LEN, u32_at(bytes, TAIL_LEN) + length as u32);
    put_u32(bytes, TAIL_ROWS, tail_rows + 1);
    put_u64(bytes, ROWS, u64_at(bytes, ROWS).saturating_add(1));
    put_u64(bytes, LAST_TIME, time_us as u64);
}

pub(super) fn note_unlocated_row(bytes: &mut [u8]) {
    put_u64(bytes, UNLOCATED_ROWS, u64_at(bytes, UNLOCATED_ROWS).saturating_add(1));
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
