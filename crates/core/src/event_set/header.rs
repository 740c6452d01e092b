//! The fixed part of a set.

use crate::journey::Thresholds;

/// Version of the format; another one is refused, so that stored states are never misread.
pub const VERSION: u8 = 1;

/// Bytes before the packed run.
pub const HEADER_LEN: usize = 72;

const LABELLED: u8 = 1;
const USE_ACCURACY: u8 = 2;
const TAIL_SORTED: u8 = 4;
pub(super) const ALL_FLAGS: u8 = LABELLED | USE_ACCURACY | TAIL_SORTED;

#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub thresholds: Thresholds,
    pub labelled: bool,
    /// The tail is in strict order of (time, site), each event once.
    pub tail_sorted: bool,
    pub unplaced_rows: u64,
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
            thresholds: Thresholds::default(),
            labelled: false,
            tail_sorted: true,
            unplaced_rows: 0,
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
        let flags = bytes[1];
        Self {
            labelled: flags & LABELLED != 0,
            tail_sorted: flags & TAIL_SORTED != 0,
            thresholds: Thresholds {
                use_accuracy: flags & USE_ACCURACY != 0,
                min_distance_km: f64::from_bits(number(bytes, 8)),
                min_velocity_kmh: f64::from_bits(number(bytes, 16)),
            },
            unplaced_rows: number(bytes, 24),
            rows: number(bytes, 32),
            last_time_us: number(bytes, 40) as i64,
            packed_len: short(bytes, 48),
            packed_sites: short(bytes, 52),
            packed_events: short(bytes, 56),
            tail_len: short(bytes, 60),
            tail_rows: short(bytes, 64),
        }
    }

    pub fn store(&self, bytes: &mut [u8]) {
        let mut header = [0; HEADER_LEN];
        header[0] = VERSION;
        header[1] = if self.labelled { LABELLED } else { 0 }
            | if self.thresholds.use_accuracy { USE_ACCURACY } else { 0 }
            | if self.tail_sorted { TAIL_SORTED } else { 0 };
        header[8..16].copy_from_slice(&self.thresholds.min_distance_km.to_bits().to_le_bytes());
        header[16..24].copy_from_slice(&self.thresholds.min_velocity_kmh.to_bits().to_le_bytes());
        header[24..32].copy_from_slice(&self.unplaced_rows.to_le_bytes());
        header[32..40].copy_from_slice(&self.rows.to_le_bytes());
        header[40..48].copy_from_slice(&self.last_time_us.to_le_bytes());
        header[48..52].copy_from_slice(&self.packed_len.to_le_bytes());
        header[52..56].copy_from_slice(&self.packed_sites.to_le_bytes());
        header[56..60].copy_from_slice(&self.packed_events.to_le_bytes());
        header[60..64].copy_from_slice(&self.tail_len.to_le_bytes());
        header[64..68].copy_from_slice(&self.tail_rows.to_le_bytes());
        bytes[..HEADER_LEN].copy_from_slice(&header);
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

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn short(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}
