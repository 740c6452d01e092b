//! The rows of one entity, counted as they come.

use super::growing::Growing;
use super::{Count, Location, Status, counts};
use crate::event_set::{Memory, Ticks, TooLarge};
use crate::site::Site;
use std::cmp::Ordering;
use std::net::IpAddr;

/// A row as SQL reads it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// In microseconds, or infinite.
    pub time_us: Option<i64>,
    /// The kind of the source address.
    pub kind: &'a str,
    pub site: Option<Site>,
    /// The status of a row that is not evaluated wherever it comes from.
    pub status: Option<Status>,
}

/// The kinds that have numbers of their own, so no name of theirs is kept. The most frequent one comes first.
pub(super) const COMMON_KINDS: [&str; 6] =
    ["public", "private", "aws_service", "aws_internal", "malformed", "absent"];

impl Row<'_> {
    /// The time, the address and the number of the kind of a row that is an event from an address, of a common kind. The
    /// same as [`EntityRows::add_event_of`] takes.
    #[inline]
    pub fn as_common_event(&self) -> Option<(i64, IpAddr, u8)> {
        let time_us = self.time_us.filter(|time| self.status.is_none() && is_finite(*time))?;
        let kind = COMMON_KINDS.iter().position(|common| *common == self.kind)?;
        Some((time_us, self.site?.address()?, kind as u8))
    }
}

fn is_finite(time_us: i64) -> bool {
    time_us != i64::MIN && time_us != i64::MAX
}

/// The rows of one entity: the counts of those whose status is known, and the events of the others.
// A row touches the first fields, and the rest only rarely: with thousands of entities in turn, each cache line counts.
#[repr(C)]
pub struct EntityRows<M: Memory> {
    pub(super) events: Growing<Event, M>,
    /// Whether the rows have an identity.
    pub(super) is_entity: bool,
    /// Whether the events are in order.
    is_sorted: bool,
    /// Whether all of the events are located.
    pub(super) is_settled: bool,
    /// The counts of the common kinds.
    pub(super) counts: Growing<CommonCount, M>,
    /// The other kinds, whose numbers follow.
    pub(super) others: Growing<OtherKind, M>,
    /// The names of the other kinds, one after the other.
    names: Growing<u8, M>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct CommonCount {
    pub(super) kind: u8,
    /// The number of the status.
    pub(super) status: u8,
    pub(super) count: Count,
}

/// Another kind of source address, with its counts by status.
#[derive(Clone, Copy, Default)]
pub(super) struct OtherKind {
    hash: u64,
    /// The place of its name.
    start: usize,
    length: usize,
    pub(super) counts: [Count; Status::ALL.len()],
}

/// Rows of one kind that are one event. Several can be the same event.
#[derive(Clone, Copy, Default)]
pub(super) struct Event {
    pub(super) time_us: i64,
    high: u64,
    low: u64,
    /// The type of the site, and the number of the kind.
    tag: u32,
    pub(super) rows: u32,
}

const KIND_BITS: u32 = 28;

impl Event {
    pub(super) fn new(time_us: i64, site: Site, kind: u32, rows: u32) -> Self {
        let (site_kind, high, low) = site.to_parts();
        Self { time_us, high, low, tag: (site_kind as u32) << KIND_BITS | kind, rows }
    }

    pub(super) fn site(&self) -> Option<Site> {
        Site::from_parts((self.tag >> KIND_BITS) as u8, self.high, self.low)
    }

    pub(super) fn kind(&self) -> u32 {
        self.tag & ((1 << KIND_BITS) - 1)
    }

    /// The event, in the order of events.
    fn key(&self) -> (i64, u32, u64, u64) {
        (self.time_us, self.tag >> KIND_BITS, self.high, self.low)
    }

    fn key_and_kind(&self) -> ((i64, u32, u64, u64), u32) {
        (self.key(), self.tag)
    }
}

/// The room for the first events.
const FIRST_EVENTS: usize = 8;

/// So many events that rows of the same event are looked for before the list grows.
const MANY_EVENTS: usize = 4096;

impl<M: Memory> Default for EntityRows<M> {
    fn default() -> Self {
        Self {
            events: Growing::default(),
            is_entity: false,
            is_sorted: true,
            is_settled: true,
            counts: Growing::default(),
            others: Growing::default(),
            names: Growing::default(),
        }
    }
}

impl<M: Memory> EntityRows<M> {
    /// Counts a row.
    #[inline]
    pub fn add(&mut self, row: &Row, memory: &M) -> Result<(), TooLarge> {
        let kind = self.kind(row.kind.as_bytes(), memory)?;
        self.is_entity |= row.status != Some(Status::NoEntity);
        let finite = row.time_us.filter(|time| is_finite(*time));
        let status = match (finite, row.status, row.site) {
            (None, ..) => Status::NoTime,
            (_, Some(status), _) => status,
            (.., None) => Status::NotLocated,
            (Some(time_us), None, Some(site)) => {
                self.is_settled = false;
                return self.add_event(Event::new(time_us, site, kind, 1), memory);
            }
        };
        self.count(kind, status, Count::of(1, row.time_us), memory)
    }

    /// Adds a row that [`Row::as_common_event`] describes.
    #[inline]
    pub fn add_event_of(&mut self, time_us: i64, site: Site, kind: u8, memory: &M) -> Result<(), TooLarge> {
        self.is_entity = true;
        self.is_settled = false;
        self.add_event(Event::new(time_us, site, kind.into(), 1), memory)
    }

    /// The place to which the next event will be written, if the list does not grow.
    #[inline]
    pub fn next_place(&self) -> *const u8 {
        self.events.values().as_ptr_range().end.cast()
    }

    #[inline]
    pub(super) fn add_event(&mut self, event: Event, memory: &M) -> Result<(), TooLarge> {
        if let Some(last) = self.events.values_mut().last_mut()
            && last.time_us >= event.time_us
        {
            match last.key_and_kind().cmp(&event.key_and_kind()) {
                Ordering::Equal if u32::MAX - last.rows >= event.rows => {
                    last.rows += event.rows;
                    return Ok(());
                }
                Ordering::Greater => self.is_sorted = false,
                _ => {}
            }
        }
        if self.events.values().len() == self.events.capacity() {
            self.make_room(memory)?;
        }
        self.events.push(event, memory)
    }

    #[cold]
    fn make_room(&mut self, memory: &M) -> Result<(), TooLarge> {
        let capacity = self.events.capacity();
        if capacity >= MANY_EVENTS && !self.is_sorted {
            self.sort(memory);
            if self.events.values().len() <= capacity / 2 {
                return Ok(());
            }
        }
        let more = match capacity {
            0 => FIRST_EVENTS,
            // The first steps are larger: a move costs more than the room of one small list.
            1..100 => 3 * capacity,
            _ => capacity,
        };
        self.events.reserve(more, memory)
    }

    /// Brings the events into order, and rows of one kind that are the same event together.
    fn sort(&mut self, memory: &M) {
        if self.is_sorted {
            return;
        }
        let events = self.events.values_mut();
        let mut ticks = Ticks::of(memory);
        events.sort_unstable_by(|a, b| {
            ticks.step();
            a.key_and_kind().cmp(&b.key_and_kind())
        });
        let mut kept = 0;
        for at in 1..events.len() {
            ticks.step();
            let event = events[at];
            let last = &mut events[kept];
            if last.key_and_kind() == event.key_and_kind() && u32::MAX - last.rows >= event.rows {
                last.rows += event.rows;
            } else {
                kept += 1;
                events[kept] = event;
            }
        }
        let len = events.len().min(kept + 1);
        self.events.truncate(len);
        self.is_sorted = true;
    }

    /// Counts the events that are not evaluated, and keeps the others. `locate` is asked in the order of the events.
    pub fn settle<E: From<TooLarge>>(
        &mut self,
        memory: &M,
        mut locate: impl FnMut(Site, i64) -> Result<Location, E>,
    ) -> Result<(), E> {
        self.sort(memory);
        if self.is_settled {
            return Ok(());
        }
        let mut kept = 0;
        for at in 0..self.events.values().len() {
            // Locating an address for the first time takes thousands of times as long as the rest.
            if at % 1024 == 1023 {
                memory.tick();
            }
            let event = self.events.values()[at];
            let location =
                event.site().map_or(Ok(Location::NotLocated), |site| locate(site, event.time_us))?;
            let status = match location {
                Location::Located => {
                    self.events.values_mut()[kept] = event;
                    kept += 1;
                    continue;
                }
                Location::NotLocated => Status::NotLocated,
                Location::Ignored => Status::Ignored,
            };
            self.count(event.kind(), status, Count::of(event.rows.into(), Some(event.time_us)), memory)?;
        }
        self.events.truncate(kept);
        self.is_settled = true;
        Ok(())
    }

    /// The counts of settled rows, in the form of [`counts`]. Of the kinds of an event's rows, the first in order is that
    /// of the row that is evaluated.
    pub fn counts(&mut self, memory: &M) -> Result<Vec<u8>, TooLarge> {
        self.sort(memory);
        let (mut at, mut ticked) = (0, 0);
        while at < self.events.values().len() {
            let events = &self.events.values()[at..];
            let (time_us, key) = (events[0].time_us, events[0].key());
            let same = events.iter().take_while(|event| event.key() == key).count();
            let first = if same == 1 {
                at
            } else {
                let name = |at: &usize| self.name(self.events.values()[*at].kind());
                (at..at + same).min_by(|a, b| name(a).cmp(name(b))).unwrap_or(at)
            };
            for n in at..at + same {
                let event = self.events.values()[n];
                let mut others = u64::from(event.rows);
                if n == first {
                    self.count(event.kind(), Status::Evaluated, Count::of(1, Some(time_us)), memory)?;
                    others -= 1;
                }
                if others > 0 {
                    self.count(event.kind(), Status::Duplicate, Count::of(others, Some(time_us)), memory)?;
                }
            }
            at += same;
            if at - ticked > 65_536 {
                ticked = at;
                memory.tick();
            }
        }
        self.events.truncate(0);
        let entities = u64::from(self.is_entity);
        let records = self.known_counts().map(|(kind, status, count)| counts::Record {
            kind: self.name(kind),
            status,
            entities,
            count,
        });
        Ok(counts::write(records.collect()))
    }

    /// The counts of all kinds that have rows.
    pub(super) fn known_counts(&self) -> impl Iterator<Item = (u32, Status, Count)> {
        let common = self.counts.values().iter().filter_map(|CommonCount { kind, status, count }| {
            Some(((*kind).into(), *Status::ALL.get(usize::from(*status))?, *count))
        });
        let others =
            self.others.values().iter().zip(COMMON_KINDS.len() as u32..).flat_map(|(other, kind)| {
                Status::ALL.into_iter().zip(other.counts).map(move |(status, count)| (kind, status, count))
            });
        common.chain(others.filter(|(.., count)| count.rows > 0))
    }

    /// Adds rows of a kind to a count.
    #[inline]
    pub(super) fn count(
        &mut self,
        kind: u32,
        status: Status,
        count: Count,
        memory: &M,
    ) -> Result<(), TooLarge> {
        if let Some(other) = (kind as usize).checked_sub(COMMON_KINDS.len()) {
            if let Some(other) = self.others.values_mut().get_mut(other) {
                other.counts[status as usize].add(count);
            }
            return Ok(());
        }
        let (kind, status) = (kind as u8, status as u8);
        for known in self.counts.values_mut() {
            if known.kind == kind && known.status == status {
                known.count.add(count);
                return Ok(());
            }
        }
        self.counts.push(CommonCount { kind, status, count }, memory)
    }

    /// The name of a kind.
    pub(super) fn name(&self, kind: u32) -> &[u8] {
        if let Some(common) = COMMON_KINDS.get(kind as usize) {
            return common.as_bytes();
        }
        match self.others.values().get(kind as usize - COMMON_KINDS.len()) {
            Some(other) => &self.names.values()[other.start..other.start + other.length],
            None => b"",
        }
    }

    /// The number of a kind, which is added if it is new.
    #[inline]
    pub(super) fn kind(&mut self, name: &[u8], memory: &M) -> Result<u32, TooLarge> {
        match COMMON_KINDS.iter().position(|common| common.as_bytes() == name) {
            Some(number) => Ok(number as u32),
            None => self.other_kind(name, memory),
        }
    }

    fn other_kind(&mut self, name: &[u8], memory: &M) -> Result<u32, TooLarge> {
        let hash = hash(name);
        let known = self.others.values().iter().zip(COMMON_KINDS.len() as u32..);
        let mut alike = known.filter(|(other, _)| other.hash == hash);
        if let Some((_, number)) = alike.find(|(_, number)| self.name(*number) == name) {
            return Ok(number);
        }
        let number = COMMON_KINDS.len() + self.others.values().len();
        let number = u32::try_from(number).ok().filter(|number| number >> KIND_BITS == 0).ok_or(TooLarge)?;
        let start = self.names.values().len();
        self.names.extend(name, memory)?;
        let new = OtherKind { hash, start, length: name.len(), ..OtherKind::default() };
        self.others.push(new, memory)?;
        Ok(number)
    }
}

/// FNV-1a. Kinds are few words, which it tells apart before they are compared.
fn hash(name: &[u8]) -> u64 {
    name.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
