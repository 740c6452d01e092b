//! Sets read in order: sorted streams, merged into one, each event once.

use super::header::{HEADER_LEN, Header};
use super::packed::{self, NoSpace, Reader, Writer, read_site};
use super::tail::{self, Key};
use super::{Memory, SetRow, Ticks, TooLarge};
use crate::site::Site;

/// An event of a set, with the row that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub row: SetRow<'a>,
    /// Rows of the tail that were this event. Those of a packed run are counted by site: see `packed_sites`.
    pub tail_rows: u64,
    /// The number of the site in the dictionary that is being written, where the source knows it.
    number: Option<u32>,
}

/// At most two sets are read at once, each with a run and a tail.
const MAX_STREAMS: usize = 4;

/// The distinct events of sets, in order of (time, site).
pub struct Events<'a, M: Memory> {
    streams: [Option<Stream<'a, M>>; MAX_STREAMS],
    /// Counts the rows, because one event can have all of them.
    ticks: Ticks<'a, M>,
}

/// Reads one or two sets in order. Their tails are sorted in scratch memory.
pub fn events<'a, M: Memory>(sets: &[&'a [u8]], memory: &'a M) -> Result<Events<'a, M>, TooLarge> {
    let mut streams = [const { None }; MAX_STREAMS];
    let mut free = streams.iter_mut();
    for bytes in sets.iter().copied() {
        let header = Header::load(bytes);
        let mut stream = |source: Source<'a, M>| {
            if let Some(slot) = free.next() {
                *slot = Stream::start(source);
            }
        };
        if header.packed_events > 0 {
            stream(Source::packed(bytes, &header, memory)?);
        }
        if header.tail_rows > 0 {
            let tail = &bytes[header.tail_start()..header.used()];
            let (rows, labelled) = (header.tail_rows as usize, header.labelled);
            stream(if header.tail_sorted {
                Source::Sorted { rest: tail, labelled }
            } else {
                Source::Tail {
                    tail,
                    keys: tail::sorted_keys(tail, rows, labelled, memory)?,
                    next: 0,
                    labelled,
                }
            });
        }
    }
    Ok(Events { streams, ticks: Ticks::of(memory) })
}

/// Writes one or two sets as one into `out`: packed, or sorted where they are labelled. Returns the bytes used, or
/// None where `out` is too small.
pub fn merge_into<M: Memory>(sets: &[&[u8]], memory: &M, out: &mut [u8]) -> Result<Option<usize>, TooLarge> {
    let headers = sets.iter().map(|bytes| Header::load(bytes));
    let Some(mut header) = headers.clone().next() else { return Ok(Some(0)) };
    // A count that does not fit stays at the largest: it only feeds the coverage. A journey has no counts of rows, so
    // the same events always are the same bytes.
    header.rows = headers.clone().map(|header| header.rows).fold(0, u64::saturating_add);
    header.unlocated_rows = headers.map(|header| header.unlocated_rows).fold(0, u64::saturating_add);
    if header.is_journey() {
        header.unlocated_rows = 0;
    }
    let header =
        Header { packed_len: 0, packed_sites: 0, packed_events: 0, tail_len: 0, tail_rows: 0, ..header };
    if out.len() < HEADER_LEN {
        return Ok(None);
    }
    let written = if header.labelled {
        write_sorted(sets, header, memory, out)?
    } else {
        write_packed(sets, header, memory, out)?
    };
    Ok(written.ok())
}

fn write_sorted<M: Memory>(
    sets: &[&[u8]],
    mut header: Header,
    memory: &M,
    out: &mut [u8],
) -> Result<Result<usize, NoSpace>, TooLarge> {
    header.tail_sorted = true;
    header.last_time_us = i64::MIN;
    let mut writer = Writer::new(out, HEADER_LEN);
    let mut rows = 0;
    for event in events(sets, memory)? {
        let length = tail::record_len(&event.row, true);
        let Ok(slot) = writer.reserve(length) else { return Ok(Err(NoSpace)) };
        let of_event =
            if header.is_journey() { 1 } else { u32::try_from(event.tail_rows).unwrap_or(u32::MAX) };
        tail::write(slot, &event.row, of_event, true);
        rows += u64::from(of_event);
        header.note_tail_row(event.row.time_us, length);
    }
    let used = writer.at();
    header.tail_sorted = true;
    header.rows = rows;
    header.store(out);
    Ok(Ok(used))
}

fn write_packed<M: Memory>(
    sets: &[&[u8]],
    mut header: Header,
    memory: &M,
    out: &mut [u8],
) -> Result<Result<usize, NoSpace>, TooLarge> {
    let dictionary = Dictionary::of(sets, memory)?;
    let sites = &dictionary.sites[..dictionary.len];
    let mut events = events(sets, memory)?;
    events.number_sites(&dictionary, memory);
    let first = events.first_time();
    let seconds = events.is_in_seconds(memory);
    let unit = if seconds { packed::SECONDS } else { packed::MICROSECONDS };
    let mut count = 0_u32;
    let mut events_at_sites = memory.slice::<u64>(if header.is_journey() { sites.len() } else { 0 })?;
    let mut writer = Writer::new(out, HEADER_LEN);
    let write = || -> Result<usize, NoSpace> {
        let Some(first) = first else { return Ok(writer.at()) };
        let mut ticks = Ticks::of(memory);
        for (site, rows) in sites.iter().filter_map(|entry| Some((entry.site?, entry.rows))) {
            ticks.step();
            writer.site(site, rows)?;
        }
        writer.start(unit, first / unit)?;
        let mut last = first;
        // Events of a tail come in runs with the same site.
        let mut known: Option<(Site, u64)> = None;
        for event in events {
            let number = match (event.number, known) {
                (Some(number), _) => number.into(),
                (None, Some((site, number))) if site == event.row.site => number,
                (None, _) => {
                    let number = dictionary.number(event.row.site);
                    known = Some((event.row.site, number));
                    number
                }
            };
            writer.event(event.row.time_us.abs_diff(last) / unit.unsigned_abs(), number)?;
            if let Some(events) = events_at_sites.get_mut(number as usize) {
                *events += 1;
            }
            last = event.row.time_us;
            count += 1;
        }
        Ok(writer.at())
    };
    let Ok(used) = write() else { return Ok(Err(NoSpace)) };
    if header.is_journey() {
        header.rows = count.into();
        let mut at = HEADER_LEN;
        let mut ticks = Ticks::of(memory);
        for (entry, events) in sites.iter().zip(events_at_sites.iter()) {
            ticks.step();
            let Some(site) = entry.site else { break };
            out[at + 1..at + 9].copy_from_slice(&events.to_le_bytes());
            at += packed::site_len(site);
        }
    }
    header.packed_len = (used - HEADER_LEN) as u32;
    header.packed_events = count;
    header.packed_sites = sites.len() as u32;
    header.tail_sorted = true;
    header.last_time_us = i64::MIN;
    header.store(out);
    Ok(Ok(used))
}

/// A site with the rows that came from it; none only as a default.
#[derive(Clone, Copy, Default)]
struct SiteRows {
    site: Option<Site>,
    rows: u64,
    /// See [`Event::number`].
    number: Option<u32>,
}

/// The sites of sets, sorted, each once.
struct Dictionary<M: Memory> {
    sites: M::Slice<SiteRows>,
    len: usize,
}

impl<M: Memory> Dictionary<M> {
    fn of(sets: &[&[u8]], memory: &M) -> Result<Self, TooLarge> {
        let headers = sets.iter().map(|bytes| Header::load(bytes));
        let most = headers.map(|header| header.packed_sites as usize + header.tail_rows as usize).sum();
        let mut sites = memory.slice::<SiteRows>(most)?;
        // Rows come in runs with the same site, which need not be sorted one by one.
        let mut filled = 0;
        let mut ticks = Ticks::of(memory);
        let mut add = |site, rows: u64| {
            ticks.step();
            match sites[..filled].last_mut() {
                Some(last) if last.site == Some(site) => last.rows = last.rows.saturating_add(rows),
                _ => {
                    if let Some(slot) = sites.get_mut(filled) {
                        *slot = SiteRows { site: Some(site), rows, number: None };
                        filled += 1;
                    }
                }
            }
        };
        for bytes in sets {
            packed::packed_sites(bytes).for_each(|(site, rows)| add(site, rows));
            let header = Header::load(bytes);
            let tail = &bytes[header.tail_start()..header.used()];
            tail::records(tail, header.labelled).for_each(|record| add(record.row.site, record.rows));
        }
        let mut ticks = Ticks::of(memory);
        sites[..filled].sort_unstable_by(|a, b| {
            ticks.step();
            a.site.cmp(&b.site)
        });
        let mut len = 0;
        for i in 0..filled {
            ticks.step();
            if len > 0 && sites[len - 1].site == sites[i].site {
                sites[len - 1].rows = sites[len - 1].rows.saturating_add(sites[i].rows);
            } else {
                sites[len] = sites[i];
                len += 1;
            }
        }
        Ok(Self { sites, len })
    }

    fn number(&self, site: Site) -> u64 {
        self.sites[..self.len].partition_point(|entry| entry.site < Some(site)) as u64
    }
}

/// A source with its next event at hand.
struct Stream<'a, M: Memory> {
    head: Event<'a>,
    source: Source<'a, M>,
}

enum Source<'a, M: Memory> {
    Packed {
        reader: Reader<'a>,
        sites: M::Slice<SiteRows>,
    },
    /// The rest of a tail that is in order.
    Sorted {
        rest: &'a [u8],
        labelled: bool,
    },
    Tail {
        tail: &'a [u8],
        keys: M::Slice<Key>,
        next: usize,
        labelled: bool,
    },
}

impl<'a, M: Memory> Source<'a, M> {
    fn packed(bytes: &'a [u8], header: &Header, memory: &M) -> Result<Self, TooLarge> {
        let mut sites = memory.slice::<SiteRows>(header.packed_sites as usize)?;
        let mut at = HEADER_LEN;
        let mut ticks = Ticks::of(memory);
        for slot in sites.iter_mut() {
            ticks.step();
            let Some((site, rows, next)) = read_site(bytes, at) else { break };
            *slot = SiteRows { site: Some(site), rows, number: None };
            at = next;
        }
        let run = &bytes[..header.tail_start()];
        let reader = Reader::new(run, at, header.packed_events).or_else(|| Reader::new(run, 0, 0));
        Ok(match reader {
            Some(reader) => Self::Packed { reader, sites },
            None => Self::Sorted { rest: &[], labelled: false },
        })
    }

    fn next(&mut self) -> Option<Event<'a>> {
        match self {
            Self::Packed { reader, sites } => {
                let (time_us, number) = reader.next()?;
                let SiteRows { site, number, .. } = *sites.get(number as usize)?;
                Some(Event {
                    row: SetRow { time_us, site: site?, id: None, accuracy_km: None },
                    tail_rows: 0,
                    number,
                })
            }
            Self::Sorted { rest, labelled } => {
                let record = tail::read(rest, *labelled)?;
                *rest = rest.get(record.length..)?;
                Some(Event { row: record.row, tail_rows: record.rows, number: None })
            }
            Self::Tail { tail, keys, next, labelled } => {
                let key = keys.get(*next)?;
                *next += 1;
                let record = tail::read(&tail[key.offset as usize..], *labelled)?;
                Some(Event { row: record.row, tail_rows: record.rows, number: None })
            }
        }
    }
}

impl<'a, M: Memory> Stream<'a, M> {
    fn start(mut source: Source<'a, M>) -> Option<Self> {
        Some(Self { head: source.next()?, source })
    }
}

impl<'a, M: Memory> Events<'a, M> {
    /// Passes each event to `each`. This is the iterator, with less work for an event of a tail that is in order, as
    /// most are.
    pub fn try_each<E>(mut self, mut each: impl FnMut(Event<'a>) -> Result<(), E>) -> Result<(), E> {
        if let [Some(Stream { head, source: Source::Sorted { rest, labelled } }), None, None, None] =
            &self.streams
        {
            let (mut event, mut rest, labelled) = (*head, *rest, *labelled);
            loop {
                self.ticks.step();
                each(event)?;
                let Some(record) = tail::read(rest, labelled) else { return Ok(()) };
                let Some(others) = rest.get(record.length..) else { return Ok(()) };
                event = Event { row: record.row, tail_rows: record.rows, number: None };
                rest = others;
            }
        }
        self.try_for_each(each)
    }

    /// Lets the sources say which number each site has in a dictionary.
    fn number_sites(&mut self, dictionary: &Dictionary<M>, memory: &M) {
        let mut ticks = Ticks::of(memory);
        for stream in self.streams.iter_mut().flatten() {
            stream.head.number = u32::try_from(dictionary.number(stream.head.row.site)).ok();
            if let Source::Packed { sites, .. } = &mut stream.source {
                for entry in sites.iter_mut() {
                    ticks.step();
                    entry.number = entry.site.and_then(|site| u32::try_from(dictionary.number(site)).ok());
                }
            }
        }
    }

    fn first_time(&self) -> Option<i64> {
        self.streams.iter().flatten().map(|stream| stream.head.row.time_us).min()
    }

    /// Whether all times are whole seconds.
    fn is_in_seconds(&self, memory: &M) -> bool {
        let mut ticks = Ticks::of(memory);
        let mut whole = |time_us: i64| {
            ticks.step();
            time_us % packed::SECONDS == 0
        };
        self.streams.iter().flatten().all(|stream| match &stream.source {
            Source::Packed { reader, .. } => reader.is_in_seconds(),
            Source::Sorted { rest, labelled } => {
                whole(stream.head.row.time_us)
                    && tail::records(rest, *labelled).all(|record| whole(record.row.time_us))
            }
            Source::Tail { keys, .. } => keys.iter().all(|key| whole(key.time_us)),
        })
    }
}

impl<'a, M: Memory> Iterator for Events<'a, M> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let [Some(stream), None, None, None] = &mut self.streams {
            let mut event = stream.head;
            let (time_us, site) = (event.row.time_us, event.row.site);
            let next = loop {
                self.ticks.step();
                match stream.source.next() {
                    Some(again) if again.row.time_us == time_us && again.row.site == site => {
                        event.tail_rows += again.tail_rows;
                    }
                    next => break next,
                }
            };
            match next {
                Some(next) => stream.head = next,
                None => self.streams[0] = None,
            }
            return Some(event);
        }
        let mut least: Option<Event<'a>> = None;
        for stream in self.streams.iter().flatten() {
            if least.is_none_or(|least| tail::compare(&stream.head.row, &least.row).is_lt()) {
                least = Some(stream.head);
            }
        }
        let mut event = Event { tail_rows: 0, ..least? };
        for slot in &mut self.streams {
            while let Some(stream) = slot {
                let head = stream.head;
                if (head.row.time_us, head.row.site) != (event.row.time_us, event.row.site) {
                    break;
                }
                self.ticks.step();
                event.tail_rows += head.tail_rows;
                match stream.source.next() {
                    Some(next) => stream.head = next,
                    None => *slot = None,
                }
            }
        }
        Some(event)
    }
}
