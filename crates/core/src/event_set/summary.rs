//! What a set says of itself without its events being located: how many there are, and from when to when.

use super::header::Header;
use super::{Memory, Ticks, TooLarge, events, packed, tail};

/// The number of distinct events.
pub fn event_count<M: Memory>(bytes: &[u8], memory: &M) -> Result<u64, TooLarge> {
    let header = Header::load(bytes);
    if header.tail_rows == 0 {
        return Ok(header.packed_events.into());
    }
    if header.packed_events == 0 && header.tail_sorted {
        return Ok(header.tail_rows.into());
    }
    Ok(events(&[bytes], memory)?.count() as u64)
}

/// Returns the times of the first and last event in microseconds. A set without events has none.
pub fn time_range<M: Memory>(bytes: &[u8], memory: &M) -> Option<(i64, i64)> {
    let header = Header::load(bytes);
    let mut range: Option<(i64, i64)> = None;
    let mut ticks = Ticks::of(memory);
    let mut add = |time_us: i64| {
        ticks.step();
        let (first, last) = range.unwrap_or((time_us, time_us));
        range = Some((first.min(time_us), last.max(time_us)));
    };
    packed::times(bytes, memory).for_each(&mut add);
    let tail = &bytes[header.tail_start()..header.used()];
    tail::records(tail, header.labelled).for_each(|record| add(record.row.time_us));
    range
}
