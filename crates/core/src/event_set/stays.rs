//! A stay combines consecutive events at the same site. A journey changes its site rarely, so it has far fewer stays
//! than events. Reading the stays costs little more than reading the bytes of the set.

use super::bulk::IPV4_RECORD_LEN;
use super::header::{HEADER_LEN, Header};
use super::packed::{IPV4_SITE_LEN, IPV6_SITE_LEN, Reader, read_site};
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

type Record = [u8; IPV4_RECORD_LEN];

/// The sort key of events: time and address.
type Key = (i64, u32);

/// A key that is greater than the key of every event, because no event has an infinite time.
const END: Key = (i64::MAX, u32::MAX);

/// An iterator over the stays of a set, in order.
pub struct Stays<'a> {
    segments: [Segment<'a>; MAX_SEGMENTS],
    /// The number of segments that have events left. These segments come first.
    count: usize,
}

/// Returns the stays of a set that consists only of a tail, has no labels and only IPv4 addresses, and has at most
/// `MAX_SEGMENTS` segments. Returns `None` for any other set. Use [`events`](super::events) to read such a set.
pub fn ipv4_stays(bytes: &[u8]) -> Option<Stays<'_>> {
    let header = Header::load(bytes);
    if header.labelled || header.packed_events > 0 {
        return None;
    }
    let (records, rest) = bytes.get(header.tail_start()..header.used())?.as_chunks();
    if !rest.is_empty() {
        return None;
    }
    let mut stays = Stays { segments: [Segment::of(&[]); MAX_SEGMENTS], count: 0 };
    let (mut start, mut last) = (0, (i64::MIN, 0));
    for (at, record) in records.iter().enumerate() {
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

impl<'a> Stays<'a> {
    /// Adds a segment. Returns `None` if there are too many.
    fn add(&mut self, records: &'a [Record]) -> Option<()> {
        if !records.is_empty() {
            *self.segments.get_mut(self.count)? = Segment::of(records);
            self.segments[self.count].begin_run();
            self.count += 1;
        }
        Some(())
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Iterator for Stays<'_> {
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
            if let Some((rows, last_us)) = segment.take_until(end) {
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

    fn begin_run(&mut self) {
        let Some(first) = self.records.first() else { return };
        self.address = address(first);
        self.run =
            self.records.iter().position(|record| record[9..] != first[9..]).unwrap_or(self.records.len());
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
    fn take_until(&mut self, end: Key) -> Option<(usize, i64)> {
        let run = &self.records[..self.run];
        let all = run.last().is_some_and(|last| key(last) < end);
        let count = if all { run.len() } else { run.partition_point(|record| key(record) < end) };
        let last = run[..count].last()?;
        self.records = &self.records[count..];
        self.run -= count;
        if self.run == 0 {
            self.begin_run();
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
pub struct PackedStays<'a> {
    run: &'a [u8],
    events: Reader<'a>,
    /// The next event: its time, and the number of its site.
    next: Option<(i64, u32)>,
    /// The number of the first site that is an IPv6 address. The sites before it are IPv4 addresses.
    first_ipv6: usize,
}

/// Returns the stays of a set that consists only of a packed run of addresses. Returns `None` for any other set.
pub fn packed_stays(bytes: &[u8]) -> Option<PackedStays<'_>> {
    let header = Header::load(bytes);
    if header.packed_events == 0 || header.tail_rows > 0 {
        return None;
    }
    let run = bytes.get(..header.tail_start())?;
    let (mut at, mut first_ipv6) = (HEADER_LEN, 0);
    for number in 0..header.packed_sites as usize {
        let (site, _, next) = read_site(run, at)?;
        match site.kind() {
            SiteKind::Coordinates => return None,
            SiteKind::Ipv4 => first_ipv6 = number + 1,
            SiteKind::Ipv6 => {}
        }
        at = next;
    }
    let mut events = Reader::new(run, at, header.packed_events)?;
    let next = events.next();
    Some(PackedStays { run, events, next, first_ipv6 })
}

impl PackedStays<'_> {
    fn site(&self, number: u32) -> Option<Site> {
        let number = number as usize;
        let ipv6 = number.saturating_sub(self.first_ipv6);
        let at = HEADER_LEN + (number - ipv6) * IPV4_SITE_LEN + ipv6 * IPV6_SITE_LEN;
        Some(read_site(self.run, at)?.0)
    }
}

impl Iterator for PackedStays<'_> {
    type Item = Stay;

    fn next(&mut self) -> Option<Stay> {
        let (first_us, number) = self.next?;
        let mut last_us = first_us;
        loop {
            self.next = self.events.next();
            match self.next {
                Some((time_us, of)) if of == number => last_us = time_us,
                _ => break,
            }
        }
        Some(Stay { site: self.site(number)?, first_us, last_us, rows: 0 })
    }
}
