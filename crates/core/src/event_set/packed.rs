//! The packed run: `sites (kind u8, rows u64, 4 or 16 bytes), unit u8, first time i64`, then for each event the
//! time since the one before and the number of its site, both as LEB128 varints.

use super::{Header, Memory, Ticks};
use crate::site::Site;

pub(super) const MICROSECONDS: i64 = 1;
pub(super) const SECONDS: i64 = 1_000_000;

/// The number of bytes of the unit and the first time.
pub(super) const START_LEN: usize = 9;

/// The number of bytes of the longest varint.
pub(super) const MAX_VARINT_LEN: usize = 10;

/// Writes into a block that may prove too small.
pub(super) struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// The block is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSpace;

impl<'a> Writer<'a> {
    pub fn new(bytes: &'a mut [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn reserve(&mut self, length: usize) -> Result<&mut [u8], NoSpace> {
        let end = self.at.checked_add(length).ok_or(NoSpace)?;
        let slot = self.bytes.get_mut(self.at..end).ok_or(NoSpace)?;
        self.at = end;
        Ok(slot)
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), NoSpace> {
        self.reserve(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a site of the dictionary, with the number of rows that came from it.
    pub fn site(&mut self, site: Site, rows: u64) -> Result<(), NoSpace> {
        let (bytes, length) = site.to_bytes();
        self.put(&[site.kind() as u8])?;
        self.put(&rows.to_le_bytes())?;
        self.put(&bytes[..length])
    }

    /// Writes the unit of time, given in microseconds, and the time of the first event in this unit.
    pub fn start(&mut self, unit: i64, first: i64) -> Result<(), NoSpace> {
        self.put(&[u8::from(unit == SECONDS)])?;
        self.put(&first.to_le_bytes())
    }

    /// Writes an event: the time since the one before, and the number of its site.
    #[inline]
    pub fn event(&mut self, since_last: u64, site: u64) -> Result<(), NoSpace> {
        self.varint(since_last)?;
        self.varint(site)
    }

    #[inline]
    fn varint(&mut self, mut value: u64) -> Result<(), NoSpace> {
        // Most take one byte or two.
        if value < 0x80 {
            return self.put(&[value as u8]);
        }
        if value < 0x4000 {
            return self.put(&[value as u8 | 0x80, (value >> 7) as u8]);
        }
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80])?;
            value >>= 7;
        }
        self.put(&[value as u8])
    }
}

/// The number of bytes of a number as a varint.
pub(super) fn varint_len(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

#[inline]
pub(super) fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    // Most take one byte or two.
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(first.into());
    }
    match bytes.get(*at + 1) {
        Some(second) if *second < 0x80 => {
            *at += 2;
            Some(u64::from(first & 0x7f) | u64::from(*second) << 7)
        }
        _ => read_long_varint(bytes, at),
    }
}

fn read_long_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The numbers of bytes of the sites of the dictionary that are addresses.
pub(super) const IPV4_SITE_LEN: usize = 9 + 4;
pub(super) const IPV6_SITE_LEN: usize = 9 + 16;

/// The length of a site of the dictionary.
pub(super) fn site_len(site: Site) -> usize {
    9 + site.to_bytes().1
}

/// A site of the dictionary with the rows that came from it, and the position after it.
pub(super) fn read_site(bytes: &[u8], at: usize) -> Option<(Site, u64, usize)> {
    let kind = *bytes.get(at)?;
    let rows = u64::from_le_bytes(*bytes.get(at + 1..)?.first_chunk()?);
    let (site, length) = Site::from_bytes(kind, bytes.get(at + 9..)?)?;
    Some((site, rows, at + 9 + length))
}

/// The sites of a set's packed run with the rows that came from each.
pub fn packed_sites(bytes: &[u8]) -> impl Iterator<Item = (Site, u64)> + '_ {
    let header = Header::load(bytes);
    let mut at = super::HEADER_LEN;
    (0..header.packed_sites).map_while(move |_| {
        let (site, rows, next) = read_site(bytes, at)?;
        at = next;
        Some((site, rows))
    })
}

/// Walks the events of a packed run.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
    unit: i64,
    time: i64,
}

impl<'a> Reader<'a> {
    /// `events_at`: the position after the sites.
    pub fn new(bytes: &'a [u8], events_at: usize, events: u32) -> Option<Self> {
        if events == 0 {
            return Some(Self { bytes, at: 0, left: 0, unit: MICROSECONDS, time: 0 });
        }
        let unit = match bytes.get(events_at)? {
            0 => MICROSECONDS,
            1 => SECONDS,
            _ => return None,
        };
        let time = i64::from_le_bytes(*bytes.get(events_at + 1..)?.first_chunk()?);
        Some(Self { bytes, at: events_at + START_LEN, left: events, unit, time })
    }

    pub fn is_in_seconds(&self) -> bool {
        self.unit == SECONDS
    }

    /// The unit in microseconds, and the time from which the next event is counted, in this unit.
    pub fn base(&self) -> (i64, i64) {
        (self.unit, self.time)
    }

    /// Time in microseconds and number of the site.
    #[inline]
    pub fn next(&mut self) -> Option<(i64, u32)> {
        let left = self.left.checked_sub(1)?;
        let delta = read_varint(self.bytes, &mut self.at)?;
        let site = read_varint(self.bytes, &mut self.at)?;
        self.time = self.time.checked_add_unsigned(delta)?;
        let event = (self.time.checked_mul(self.unit)?, u32::try_from(site).ok()?);
        self.left = left;
        Some(event)
    }

    /// Lets a reader that has no events left read so many more.
    pub fn continue_for(&mut self, events: u32) {
        self.left = events;
    }

    /// How many events are left, among them the one that could not be read if it is damaged, and where the reader stands.
    pub fn rest(&self) -> (u32, usize) {
        (self.left, self.at)
    }
}

/// The position after the dictionary. None: it is damaged.
fn events_at<M: Memory>(bytes: &[u8], header: &Header, memory: &M) -> Option<usize> {
    let mut at = super::HEADER_LEN;
    let mut ticks = Ticks::of(memory);
    for _ in 0..header.packed_sites {
        ticks.step();
        at = read_site(bytes, at)?.2;
    }
    Some(at)
}

/// The times of the events of a packed run, in order.
pub(super) fn times<'a, M: Memory>(bytes: &'a [u8], memory: &M) -> impl Iterator<Item = i64> + use<'a, M> {
    let header = Header::load(bytes);
    let mut reader = events_at(bytes, &header, memory)
        .and_then(|at| Reader::new(&bytes[..header.tail_start()], at, header.packed_events));
    std::iter::from_fn(move || Some(reader.as_mut()?.next()?.0))
}

/// The largest dictionary of which a [`Run`] is made.
pub(super) const MAX_RUN_SITES: usize = 256;

/// The events of a packed run with few sites, in order, each with its site.
pub(super) struct Run<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    /// Where each site is in the dictionary, whose entries vary in length.
    positions: [u32; MAX_RUN_SITES],
}

impl<'a> Run<'a> {
    /// `header` is that of `bytes`. None: the dictionary is too large, or damaged.
    pub fn new(bytes: &'a [u8], header: &Header) -> Option<Self> {
        let mut positions = [0; MAX_RUN_SITES];
        let mut at = super::HEADER_LEN;
        for slot in positions.get_mut(..header.packed_sites as usize)? {
            *slot = u32::try_from(at).ok()?;
            at = read_site(bytes, at)?.2;
        }
        let run = bytes.get(..header.tail_start())?;
        Some(Self { bytes: run, reader: Reader::new(run, at, header.packed_events)?, positions })
    }

    /// A time that is not after that of the first event.
    pub fn begins_at(&self) -> Option<i64> {
        self.reader.time.checked_mul(self.reader.unit)
    }
}

impl Iterator for Run<'_> {
    type Item = (i64, Site);

    fn next(&mut self) -> Option<(i64, Site)> {
        let (time_us, number) = self.reader.next()?;
        let at = *self.positions.get(number as usize)?;
        Some((time_us, read_site(self.bytes, at as usize)?.0))
    }
}
