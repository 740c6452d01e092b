//! A stay combines consecutive events at the same site. A journey changes its site rarely, so it has far fewer stays
//! than events. Reading the stays costs little more than reading the bytes of the set.

use super::bulk::IPV4_RECORD_LEN;
use super::header::{HEADER_LEN, Header};
use super::packed::{IPV4_SITE_LEN, IPV6_SITE_LEN, Reader, read_site};
use super::{Memory, Ticks};
use crate::site::{Site, SiteKind};

/// Consecutive events at one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub site: Site,
    /// The times of the first and the last event.
    pub first_us: i64,
    pub last_us: i64,
    /// The number of rows of these events. 0 in a packed run, which counts rows by site: see
    /// [`packed_sites`](super::packed_sites).
    pub rows: u64,
}

/// The maximum number of segments. Each process that contributes to a tail adds one ascending segment. A tail with more
/// segments than this is unordered and has to be sorted.
const MAX_SEGMENTS: usize = 32;

/// The number of events of a stay that are read between two calls of [`Memory::tick`]. One stay can contain all events of
/// a set.
const CHUNK: usize = 65_536;

type Record = [u8; IPV4_RECORD_LEN];

/// The sort key of events: time and address.
type Key = (i64, u32);

/// A key that is greater than the key of every event, because no event has an infinite time.
const END: Key = (i64::MAX, u32::MAX);

/// An iterator over the stays of a set, in order.
pub struct Stays<'a, M> {
    segments: [Segment<'a>; MAX_SEGMENTS],
    /// The number of segments that have events left. These segments come first.
    count: usize,
    memory: &'a M,
}

/// Returns the stays of a set that consists only of a tail, has no labels and only IPv4 addresses, and has at most
/// `MAX_SEGMENTS` segments. Returns `None` for any other set. Use [`events`](super::events) to read such a set.
pub fn ipv4_stays<'a, M: Memory>(bytes: &'a [u8], memory: &'a M) -> Option<Stays<'a, M>> {
    let header = Header::load(bytes);
    if header.labelled || header.packed_events > 0 {
        return None;
    }
    let (records, rest) = bytes.get(header.tail_start()..header.used())?.as_chunks();
    if !rest.is_empty() {
        return None;
    }
    let mut stays = Stays { segments: [Segment::of(&[]); MAX_SEGMENTS], count: 0, memory };
    let (mut start, mut last) = (0, (i64::MIN, 0));
    let mut ticks = Ticks::of(memory);
    for (at, record) in records.iter().enumerate() {
        ticks.step();
        if record[8] != SiteKind::Ipv4 as u8 {
            return None;
        }
        let key = key(record);
        if key < last {
            stays.add(&records[start..at])?;
            start = at;
        }
        last = key;
    }
    stays.add(&records[start..])?;
    Some(stays)
}

impl<'a, M: Memory> Stays<'a, M> {
    /// Adds a segment. Returns `None` if there are too many.
    fn add(&mut self, records: &'a [Record]) -> Option<()> {
        if !records.is_empty() {
            *self.segments.get_mut(self.count)? = Segment::of(records);
            self.segments[self.count].begin_run(self.memory);
            self.count += 1;
        }
        Some(())
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<M: Memory> Iterator for Stays<'_, M> {
    type Item = Stay;

    fn next(&mut self) -> Option<Stay> {
        let segments = &mut self.segments[..self.count];
        let (first_us, address) = segments.iter().map(Segment::head).min()?;
        // The next stay begins at the first event that has another address.
        let next =
            |segment: &Segment| if segment.address == address { segment.after() } else { segment.head() };
        let end = segments.iter().map(next).min()?;
        let mut stay = Stay { site: Site::from_ipv4(address.into()), first_us, last_us: first_us, rows: 0 };
        for segment in segments.iter_mut().filter(|segment| segment.address == address) {
            if let Some((rows, last_us)) = segment.take_until(end, self.memory) {
                stay.last_us = stay.last_us.max(last_us);
                stay.rows += rows as u64;
            }
        }
        let mut at = 0;
        while at < self.count {
            if self.segments[at].records.is_empty() {
                self.count -= 1;
                self.segments.swap(at, self.count);
            } else {
                at += 1;
            }
        }
        Some(stay)
    }
}

/// Events of a tail in ascending order.
#[derive(Clone, Copy)]
struct Segment<'a> {
    /// The events that are left.
    records: &'a [Record],
    /// The number of events at the start of `records` that have the same address.
    run: usize,
    address: u32,
}

impl<'a> Segment<'a> {
    const fn of(records: &'a [Record]) -> Self {
        Self { records, run: 0, address: 0 }
    }

    fn begin_run<M: Memory>(&mut self, memory: &M) {
        let Some(first) = self.records.first() else { return };
        self.address = address(first);
        self.run = 0;
        for chunk in self.records.chunks(CHUNK) {
            if let Some(end) = chunk.iter().position(|record| record[9..] != first[9..]) {
                self.run += end;
                return;
            }
            self.run += chunk.len();
            memory.tick();
        }
    }

    #[inline]
    fn head(&self) -> Key {
        self.records.first().map_or(END, key)
    }

    /// The first event after the run.
    #[inline]
    fn after(&self) -> Key {
        self.records.get(self.run).map_or(END, key)
    }

    /// Takes the events of the run that come before `end`. Returns their number and the time of the last one.
    #[inline]
    fn take_until<M: Memory>(&mut self, end: Key, memory: &M) -> Option<(usize, i64)> {
        let run = &self.records[..self.run];
        let all = run.last().is_some_and(|last| key(last) < end);
        let count = if all { run.len() } else { run.partition_point(|record| key(record) < end) };
        let last = run[..count].last()?;
        self.records = &self.records[count..];
        self.run -= count;
        if self.run == 0 {
            self.begin_run(memory);
        }
        Some((count, time_us(last)))
    }
}

#[inline]
fn key(record: &Record) -> Key {
    (time_us(record), address(record))
}

#[inline]
fn time_us(record: &Record) -> i64 {
    record.first_chunk().map_or(0, |time| i64::from_le_bytes(*time))
}

#[inline]
fn address(record: &Record) -> u32 {
    record.last_chunk().map_or(0, |address| u32::from_be_bytes(*address))
}

/// An iterator over the stays of a packed run, in order.
pub struct PackedStays<'a, M> {
    run: &'a [u8],
    /// Reads the events of a chunk.
    events: Reader<'a>,
    /// The number of events after this chunk.
    later: u32,
    /// The next event: its time, and the number of its site.
    next: Option<(i64, u32)>,
    /// The number of the first site that is an IPv6 address. The sites before it are IPv4 addresses.
    first_ipv6: usize,
    memory: &'a M,
}

/// Returns the stays of a set that consists only of a packed run of addresses. Returns `None` for any other set.
pub fn packed_stays<'a, M: Memory>(bytes: &'a [u8], memory: &'a M) -> Option<PackedStays<'a, M>> {
    let header = Header::load(bytes);
    if header.packed_events == 0 || header.tail_rows > 0 {
        return None;
    }
    let run = bytes.get(..header.tail_start())?;
    let (mut at, mut first_ipv6) = (HEADER_LEN, 0);
    let mut ticks = Ticks::of(memory);
    for number in 0..header.packed_sites as usize {
        ticks.step();
        let (site, _, next) = read_site(run, at)?;
        match site.kind() {
            SiteKind::Coordinates => return None,
            SiteKind::Ipv4 => first_ipv6 = number + 1,
            SiteKind::Ipv6 => {}
        }
        at = next;
    }
    let chunk = header.packed_events.min(CHUNK as u32);
    let mut events = Reader::new(run, at, chunk)?;
    let next = events.next();
    Some(PackedStays { run, events, later: header.packed_events - chunk, next, first_ipv6, memory })
}

impl<M: Memory> PackedStays<'_, M> {
    /// Reads the first event of the next chunk. Returns `None` after the last event, and if the event after those that
    /// were read is damaged.
    #[cold]
    fn begin_chunk(&mut self) -> Option<(i64, u32)> {
        if self.later == 0 || self.events.rest().0 > 0 {
            return None;
        }
        self.memory.tick();
        let chunk = self.later.min(CHUNK as u32);
        self.later -= chunk;
        self.events.continue_for(chunk);
        self.events.next()
    }

    fn site(&self, number: u32) -> Option<Site> {
        let number = number as usize;
        let ipv6 = number.saturating_sub(self.first_ipv6);
        let at = HEADER_LEN + (number - ipv6) * IPV4_SITE_LEN + ipv6 * IPV6_SITE_LEN;
        Some(read_site(self.run, at)?.0)
    }
}

impl<M: Memory> Iterator for PackedStays<'_, M> {
    type Item = Stay;

    fn next(&mut self) -> Option<Stay> {
        let (first_us, number) = self.next?;
        let mut last_us = first_us;
        loop {
            // The reader counts its events anyway, so chunks cost nothing for each event.
            self.next = match self.events.next() {
                None => self.begin_chunk(),
                next => next,
            };
            match self.next {
                Some((time_us, of)) if of == number => last_us = time_us,
                _ => break,
            }
        }
        Some(Stay { site: self.site(number)?, first_us, last_us, rows: 0 })
    }
}
