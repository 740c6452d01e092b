//! Joins journeys that follow each other in time, such as those of successive days, into one journey.
//!
//! Their events need not be merged one by one. The events of each run are copied behind those of the previous run, with
//! the numbers of their sites in a common dictionary. The result has the same bytes as a merge.

use super::header::{HEADER_LEN, Header};
use super::packed::{self, Reader, Writer, read_site, read_varint, site_len};
use super::{Memory, Ticks, TooLarge};
use crate::site::Site;
use std::hash::{BuildHasher, RandomState};

/// Returns the sets that follow each other in `bytes`, up to the first one that is cut off.
pub fn each_set(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = (rest.len() >= HEADER_LEN).then(|| super::used(rest))?;
        let (set, others) = rest.split_at_checked(length)?;
        rest = others;
        Some(set)
    })
}

/// Journeys that may follow each other.
pub struct Sequence<'a, M: Memory> {
    memory: &'a M,
    /// Sorted by the times of their first events.
    runs: M::Slice<Run<'a>>,
    /// The sites of all runs, each once, in order.
    sites: M::Slice<NumberedSite>,
    site_count: usize,
    /// For each site of each run, its number in `sites`.
    numbers: M::Slice<u32>,
}

/// A packed run.
#[derive(Clone, Copy, Default)]
struct Run<'a> {
    first_us: i64,
    /// The time that the first event is counted from, in units.
    base: i64,
    /// In microseconds.
    unit: i64,
    count: u32,
    events: &'a [u8],
    /// Where its part of `Sequence::numbers` begins, and how long it is.
    numbers_at: usize,
    sites: usize,
}

#[derive(Clone, Copy, Default)]
struct NumberedSite {
    /// `None` only in the default value.
    site: Option<Site>,
    /// Its position in the order of arrival, counted from 0.
    arrived: u32,
}

impl<'a, M: Memory> Sequence<'a, M> {
    /// Reads the dictionaries of sets. Returns `None` if one of them is neither empty nor a journey that is a packed
    /// run, if all are empty, or if one is damaged.
    pub fn of(sets: &[&'a [u8]], memory: &'a M) -> Result<Option<Self>, TooLarge> {
        let mut ticks = Ticks::of(memory);
        let (mut run_count, mut most_sites) = (0, 0);
        for set in sets {
            ticks.step();
            let header = Header::load(set);
            if !header.is_journey() || header.labelled || header.tail_rows > 0 {
                return Ok(None);
            }
            run_count += usize::from(header.packed_events > 0);
            most_sites += header.packed_sites as usize;
        }
        if run_count == 0 {
            return Ok(None);
        }
        let mut sequence = Self {
            memory,
            runs: memory.slice(run_count)?,
            sites: memory.slice(most_sites)?,
            site_count: 0,
            numbers: memory.slice(most_sites)?,
        };
        if sequence.read_runs(sets)?.is_none() {
            return Ok(None);
        }
        let is_sorted = sequence.runs.is_sorted_by_key(|run| {
            ticks.step();
            run.first_us
        });
        if !is_sorted {
            sequence.runs.sort_unstable_by_key(|run| {
                ticks.step();
                run.first_us
            });
        }
        sequence.number_sites()?;
        Ok(Some(sequence))
    }

    /// Fills `runs`, `sites` and `numbers`, with sites in the order of their arrival. Returns `None` if a run is
    /// damaged.
    fn read_runs(&mut self, sets: &[&'a [u8]]) -> Result<Option<()>, TooLarge> {
        let mut ticks = Ticks::of(self.memory);
        let mut table = SiteTable::for_sites(self.sites.len(), self.memory)?;
        let (mut numbers_at, mut run_at) = (0, 0);
        for set in sets {
            let header = Header::load(set);
            let run = &set[..header.tail_start()];
            let mut at = HEADER_LEN;
            for _ in 0..header.packed_sites {
                ticks.step();
                let Some((site, _, next)) = read_site(run, at) else { return Ok(None) };
                self.numbers[numbers_at] = table.add(site, &mut self.sites, &mut self.site_count);
                numbers_at += 1;
                at = next;
            }
            if header.packed_events > 0 {
                let Some(mut reader) = Reader::new(run, at, header.packed_events) else { return Ok(None) };
                let ((unit, base), (_, start)) = (reader.base(), reader.rest());
                let Some((first_us, _)) = reader.next() else { return Ok(None) };
                let sites = header.packed_sites as usize;
                self.runs[run_at] = Run {
                    first_us,
                    base,
                    unit,
                    count: header.packed_events,
                    events: &run[start..],
                    numbers_at: numbers_at - sites,
                    sites,
                };
                run_at += 1;
            }
        }
        Ok(Some(()))
    }

    /// Sorts the sites, and replaces their positions in the order of arrival by those in the sorted order.
    fn number_sites(&mut self) -> Result<(), TooLarge> {
        let mut ticks = Ticks::of(self.memory);
        let sites = &mut self.sites[..self.site_count];
        sites.sort_unstable_by(|a, b| {
            ticks.step();
            a.site.cmp(&b.site)
        });
        let mut order = self.memory.slice::<u32>(sites.len())?;
        for (number, entry) in sites.iter().enumerate() {
            ticks.step();
            order[entry.arrived as usize] = number as u32;
        }
        for number in self.numbers.iter_mut() {
            ticks.step();
            *number = order[*number as usize];
        }
        Ok(())
    }

    fn sites(&self) -> impl Iterator<Item = Site> {
        self.sites[..self.site_count].iter().filter_map(|entry| entry.site)
    }

    /// The unit of time of the result, in microseconds, as a merge chooses it.
    fn unit(&self) -> i64 {
        let mut ticks = Ticks::of(self.memory);
        let units = self.runs.iter().inspect(|_| ticks.step()).map(|run| run.unit);
        units.min().unwrap_or(packed::SECONDS)
    }

    /// The maximum number of bytes that [`Sequence::write`] needs.
    pub fn longest(&self) -> usize {
        let mut ticks = Ticks::of(self.memory);
        let dictionary: usize = self.sites().inspect(|_| ticks.step()).map(site_len).sum();
        let number_len = packed::varint_len(self.site_count as u64);
        let unit = self.unit();
        // A time since the event before takes at least one byte, and so does a number. 20 bits more are three bytes more.
        let events: usize = self
            .runs
            .iter()
            .map(|run| {
                ticks.step();
                let longer = number_len - 1 + if run.unit == unit { 0 } else { 3 };
                run.events.len() + run.count as usize * longer + packed::MAX_VARINT_LEN
            })
            .sum();
        HEADER_LEN + dictionary + packed::START_LEN + events
    }

    /// Writes all events as one journey into `out`, which has at least [`Sequence::longest`] bytes. Returns the number
    /// of bytes that it takes, or `None` if the journeys must be merged, because they overlap or one is damaged.
    pub fn write(&self, out: &mut [u8]) -> Result<Option<usize>, TooLarge> {
        let mut events_of_sites = self.memory.slice::<u64>(self.site_count)?;
        let Some((used, events)) = self.write_run(out, &mut events_of_sites) else { return Ok(None) };
        let mut at = HEADER_LEN;
        let mut ticks = Ticks::of(self.memory);
        for (site, events) in self.sites().zip(events_of_sites.iter()) {
            ticks.step();
            out[at + 1..at + 9].copy_from_slice(&events.to_le_bytes());
            at += site_len(site);
        }
        let header = Header {
            rows: events.into(),
            packed_len: (used - HEADER_LEN) as u32,
            packed_sites: self.site_count as u32,
            packed_events: events,
            ..Header::default()
        };
        header.store(out);
        Ok(Some(used))
    }

    /// Writes the dictionary, without counts of events, and the events. Returns where they end and how many they are.
    fn write_run(&self, out: &mut [u8], events_of_sites: &mut [u64]) -> Option<(usize, u32)> {
        let mut ticks = Ticks::of(self.memory);
        let mut writer = Writer::new(out, HEADER_LEN);
        for site in self.sites() {
            ticks.step();
            writer.site(site, 0).ok()?;
        }
        let unit = self.unit();
        let mut last = self.runs.first()?.first_us / unit;
        writer.start(unit, last).ok()?;
        let mut total = 0_u32;
        for (run_number, run) in self.runs.iter().enumerate() {
            let numbers = self.numbers.get(run.numbers_at..run.numbers_at + run.sites)?;
            let first = run.first_us / unit;
            if run_number > 0 && first <= last {
                return None;
            }
            let scale = (run.unit / unit).unsigned_abs();
            let (mut at, mut passed) = (0, 0_u64);
            for n in 0..run.count {
                ticks.step();
                let (since_last, site) =
                    (read_varint(run.events, &mut at)?, read_varint(run.events, &mut at)?);
                let number = *numbers.get(usize::try_from(site).ok()?)?;
                passed = passed.checked_add(since_last)?;
                // The event before the first one of a run is in another run.
                let since_last = if n == 0 { first.abs_diff(last) } else { since_last.checked_mul(scale)? };
                writer.event(since_last, number.into()).ok()?;
                *events_of_sites.get_mut(number as usize)? += 1;
            }
            last = run.base.checked_add_unsigned(passed)?.checked_mul(run.unit)? / unit;
            total = total.checked_add(run.count)?;
        }
        Some((writer.at(), total))
    }
}

/// A hash table of the sites that came before. The hash has a random key. Without one, attackers could choose source
/// addresses that all take the same slot.
struct SiteTable<M: Memory> {
    /// For each slot, the position of a site in the order of arrival plus 1, or 0 if the slot is free.
    slots: M::Slice<u32>,
    key: u64,
}

impl<M: Memory> SiteTable<M> {
    fn for_sites(most: usize, memory: &M) -> Result<Self, TooLarge> {
        let slots = memory.slice((2 * most).next_power_of_two())?;
        Ok(Self { slots, key: RandomState::new().hash_one(0_u8) })
    }

    /// Returns the position of a site in the order of arrival. A new site is added to `sites`.
    fn add(&mut self, site: Site, sites: &mut [NumberedSite], count: &mut usize) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = site.hash_with(self.key) as usize & mask;
        loop {
            match self.slots[at].checked_sub(1) {
                Some(arrived) if sites[arrived as usize].site == Some(site) => return arrived,
                Some(_) => at = (at + 1) & mask,
                None => {
                    let arrived = *count as u32;
                    sites[*count] = NumberedSite { site: Some(site), arrived };
                    *count += 1;
                    self.slots[at] = *count as u32;
                    return arrived;
                }
            }
        }
    }
}
