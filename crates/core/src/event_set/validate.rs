//! Whether bytes from outside (a stored value, a dump, another server) are an event set.

use super::header::{ALL_FLAGS, HEADER_LEN, Header, VERSION, has_blank_thresholds};
use super::packed::{Reader, packed_sites, read_site};
use super::{Memory, Ticks, tail};
use std::fmt;

/// Why bytes are no event set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrupt {
    TooShort,
    Version(u8),
    Header,
    Length { said: usize, is: usize },
    Packed,
    Tail,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "it is shorter than a header of {HEADER_LEN} bytes"),
            Self::Version(version) => {
                write!(f, "it has format version {version}, this build reads version {VERSION}")
            }
            Self::Header => f.write_str("its header holds impossible values"),
            Self::Length { said, is } => write!(f, "its header says {said} bytes, it has {is}"),
            Self::Packed => f.write_str("its packed run is damaged"),
            Self::Tail => f.write_str("its tail is damaged"),
        }
    }
}

/// Reads the whole state, so later code never meets a damaged one. The exact length is part of the check.
pub fn validate<M: Memory>(bytes: &[u8], memory: &M) -> Result<(), Corrupt> {
    if bytes.len() < HEADER_LEN {
        return Err(Corrupt::TooShort);
    }
    if bytes[0] != VERSION {
        return Err(Corrupt::Version(bytes[0]));
    }
    let header = Header::load(bytes);
    let sane = |value: f64| value.is_finite() && value >= 0.0;
    let thresholds_are_sane = match header.thresholds {
        Some(thresholds) => sane(thresholds.min_distance_km) && sane(thresholds.min_velocity_kmh),
        None => has_blank_thresholds(bytes),
    };
    if bytes[1] & !ALL_FLAGS != 0
        || !thresholds_are_sane
        || (header.packed_len > 0 && header.labelled)
        || (header.packed_len == 0) != (header.packed_events == 0)
        || (header.packed_events == 0) != (header.packed_sites == 0)
        || header.packed_sites > header.packed_events
    {
        return Err(Corrupt::Header);
    }
    if header.used() != bytes.len() {
        return Err(Corrupt::Length { said: header.used(), is: bytes.len() });
    }
    let packed_rows = check_packed(bytes, &header, memory).ok_or(Corrupt::Packed)?;
    let tail_rows = check_tail(bytes, &header, memory).ok_or(Corrupt::Tail)?;
    if packed_rows.saturating_add(tail_rows) != header.rows {
        return Err(Corrupt::Header);
    }
    Ok(())
}

/// The rows that the run stands for, at most the largest number; None where it is damaged.
fn check_packed<M: Memory>(bytes: &[u8], header: &Header, memory: &M) -> Option<u64> {
    let mut ticks = Ticks::of(memory);
    let run = &bytes[..header.tail_start()];
    let mut at = HEADER_LEN;
    let mut last = None;
    let mut total = 0_u64;
    for _ in 0..header.packed_sites {
        ticks.step();
        let (site, rows, next) = read_site(run, at)?;
        if last.is_some_and(|last| last >= site) || rows == 0 || !site.is_canonical() {
            return None;
        }
        last = Some(site);
        total = total.saturating_add(rows);
        at = next;
    }
    // Each site stands for at least one row per event, and has an event: a merge would drop a site that has none.
    let mut events_of = memory.slice::<u32>(header.packed_sites as usize).ok()?;
    let mut reader = Reader::new(run, at, header.packed_events)?;
    let mut last = None;
    while reader.rest().0 > 0 {
        ticks.step();
        let event = reader.next()?;
        if last.is_some_and(|last| last >= event) || !is_finite(event.0) {
            return None;
        }
        last = Some(event);
        *events_of.get_mut(event.1 as usize)? += 1;
    }
    for ((_, rows), &events) in packed_sites(bytes).zip(events_of.iter()) {
        ticks.step();
        if events == 0 || u64::from(events) > rows {
            return None;
        }
    }
    (header.packed_events == 0 || reader.rest().1 == run.len()).then_some(total)
}

/// Whether a time is none of PostgreSQL's infinities.
fn is_finite(time_us: i64) -> bool {
    time_us != i64::MIN && time_us != i64::MAX
}

fn check_tail<M: Memory>(bytes: &[u8], header: &Header, memory: &M) -> Option<u64> {
    let mut ticks = Ticks::of(memory);
    let mut rest = &bytes[header.tail_start()..];
    let mut total = 0_u64;
    let mut last: Option<(i64, crate::site::Site)> = None;
    for _ in 0..header.tail_rows {
        ticks.step();
        let record = tail::read(rest, header.labelled)?;
        let event = (record.row.time_us, record.row.site);
        let is_radius = record.row.accuracy_km.is_none_or(|km| km.is_finite() && km >= 0.0);
        let is_text =
            record.row.id.is_none_or(|id| std::str::from_utf8(id).is_ok_and(|id| !id.contains('\0')));
        if record.rows == 0
            || !is_finite(event.0)
            || !event.1.is_canonical()
            || !is_radius
            || !is_text
            || (header.tail_sorted && last.is_some_and(|last| last >= event))
        {
            return None;
        }
        last = Some(event);
        total = total.saturating_add(record.rows);
        rest = &rest[record.length..];
    }
    let said = (header.tail_rows > 0).then_some(header.last_time_us);
    (rest.is_empty() && last.map(|(time_us, _)| time_us) == said).then_some(total)
}
