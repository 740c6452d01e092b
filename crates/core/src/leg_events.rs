//! The events at the ends of the legs of an entity as flat bytes: the time, the site and the labels of each. An event
//! can have several rows. The first of them, in the order of the labels, represents the event.
//!
//! ```text
//! time i64 | kind u8 | site 4 or 16 bytes | length of the labels u32 | for each label: length + 1 (0: none) u32, text
//! ```
//! Numbers are little-endian. The bytes come from outside, so they can be damaged. The first damaged event ends the
//! list.

use crate::event_set::{Memory, Ticks, TooLarge};
use crate::site::Site;
use std::cmp::Ordering;

/// A row of an event.
#[derive(Clone, Copy, Debug)]
pub struct LegEvent<'a> {
    pub time_us: i64,
    pub site: Site,
    labels: &'a [u8],
}

/// Passes the bytes of an event to `out`, piece by piece.
pub fn write<'l, E>(
    time_us: i64,
    site: Site,
    labels: impl Iterator<Item = Option<&'l [u8]>> + Clone,
    mut out: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (bytes, length) = site.to_bytes();
    out(&time_us.to_le_bytes())?;
    out(&[site.kind() as u8])?;
    out(&bytes[..length])?;
    let length: usize = labels.clone().map(|label| 4 + label.map_or(0, <[u8]>::len)).sum();
    out(&(length as u32).to_le_bytes())?;
    for label in labels {
        out(&label.map_or(0, |label| label.len() as u32 + 1).to_le_bytes())?;
        out(label.unwrap_or_default())?;
    }
    Ok(())
}

/// Reads the event at the start of `bytes`. Returns it and the rest of the bytes.
fn read(bytes: &[u8]) -> Option<(LegEvent<'_>, &[u8])> {
    let (time, rest) = bytes.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let (site, length) = Site::from_bytes(*kind, rest)?;
    let (labels_len, rest) = rest.get(length..)?.split_first_chunk()?;
    let (labels, rest) = rest.split_at_checked(u32::from_le_bytes(*labels_len) as usize)?;
    Some((LegEvent { time_us: i64::from_le_bytes(*time), site, labels }, rest))
}

/// Compares the rows at two offsets. If they are one event, returns the offset of the row that represents it. Returns
/// `None` if they are not, and if the offsets are equal.
pub fn first_of_event(bytes: &[u8], one: usize, other: usize) -> Option<usize> {
    let at = |offset: usize| read(bytes.get(offset..)?).map(|(event, _)| event);
    if one == other {
        return None;
    }
    let (a, b) = (at(one)?, at(other)?);
    let is_one_event = (a.time_us, a.site) == (b.time_us, b.site);
    is_one_event.then(|| if b.compare(&a) == Ordering::Less { other } else { one })
}

impl<'a> LegEvent<'a> {
    /// The labels in the order in which they were written. `None` stands for a missing label.
    pub fn labels(&self) -> impl Iterator<Item = Option<&'a [u8]>> + Clone {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(*length) as usize;
            let (label, after) = after.split_at_checked(length.saturating_sub(1))?;
            rest = after;
            Some((length > 0).then_some(label))
        })
    }

    /// Compares two rows by time, site and labels. Labels are compared as bytes, and a missing label comes last.
    fn compare(&self, other: &LegEvent) -> Ordering {
        let is_none_and_bytes = |label: Option<&'a [u8]>| (label.is_none(), label);
        let other_labels = other.labels().map(|label| (label.is_none(), label));
        (self.time_us, self.site)
            .cmp(&(other.time_us, other.site))
            .then_with(|| self.labels().map(is_none_and_bytes).cmp(other_labels))
    }
}

/// The offset at which an event starts, and its time, which decides most comparisons.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    time_us: i64,
    offset: usize,
}

/// The events of an entity, in order.
pub struct LegEvents<'a, M: Memory> {
    bytes: &'a [u8],
    entries: M::Slice<Entry>,
}

impl<'a, M: Memory> LegEvents<'a, M> {
    /// Reads and sorts the rows in `bytes`, up to the first damaged one.
    pub fn of(bytes: &'a [u8], memory: &M) -> Result<Self, TooLarge> {
        let mut ticks = Ticks::of(memory);
        let count = each(bytes).inspect(|_| ticks.step()).count();
        let mut entries = memory.slice(count)?;
        for (entry, (offset, event)) in entries.iter_mut().zip(each(bytes)) {
            ticks.step();
            *entry = Entry { time_us: event.time_us, offset };
        }
        entries.sort_unstable_by(|a, b| {
            ticks.step();
            a.time_us.cmp(&b.time_us).then_with(|| match (at(bytes, a), at(bytes, b)) {
                (Some(a), Some(b)) => a.compare(&b),
                _ => Ordering::Equal,
            })
        });
        Ok(Self { bytes, entries })
    }

    /// The bytes of the first row of each event, in order.
    pub fn firsts(&self, memory: &M) -> impl Iterator<Item = &'a [u8]> {
        let mut last = None;
        let mut ticks = Ticks::of(memory);
        self.entries.iter().filter_map(move |entry| {
            ticks.step();
            let bytes = self.bytes.get(entry.offset..)?;
            let (event, rest) = read(bytes)?;
            let is_first = last.replace((event.time_us, event.site)) != Some((event.time_us, event.site));
            is_first.then(|| &bytes[..bytes.len() - rest.len()])
        })
    }

    /// Returns the first row of the event with this time and site.
    pub fn find(&self, time_us: i64, site: Site) -> Option<LegEvent<'a>> {
        let is_before = |entry: &Entry| {
            entry
                .time_us
                .cmp(&time_us)
                .then_with(|| at(self.bytes, entry).map(|event| event.site).cmp(&Some(site)))
                == Ordering::Less
        };
        let first = self.entries.get(self.entries.partition_point(is_before))?;
        at(self.bytes, first).filter(|event| event.time_us == time_us && event.site == site)
    }
}

fn at<'a>(bytes: &'a [u8], entry: &Entry) -> Option<LegEvent<'a>> {
    read(bytes.get(entry.offset..)?).map(|(event, _)| event)
}

/// The events in the order in which they were written, each with its offset.
fn each(bytes: &[u8]) -> impl Iterator<Item = (usize, LegEvent<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let offset = bytes.len() - rest.len();
        let (event, after) = read(rest)?;
        rest = after;
        Some((offset, event))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_set::test_memory::{Heap, Ticking};
    use proptest::prelude::*;

    fn site(n: u8) -> Site {
        let address: std::net::IpAddr = if n.is_multiple_of(2) {
            [192, 0, 2, n].into()
        } else {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()].into()
        };
        Site::from_address(address)
    }

    type Row = (i64, u8, Vec<Option<String>>);

    fn bytes(rows: &[Row]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (time_us, at, labels) in rows {
            let labels = labels.iter().map(|label| label.as_ref().map(String::as_bytes));
            let written: Result<(), ()> = write(*time_us, site(*at), labels, |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            });
            assert_eq!(written, Ok(()));
        }
        bytes
    }

    fn find(bytes: &[u8], time_us: i64, at: u8) -> Option<Vec<Option<String>>> {
        let events = LegEvents::of(bytes, &Heap).ok()?;
        let text = |label: &[u8]| String::from_utf8(label.to_vec()).unwrap();
        events.find(time_us, site(at)).map(|event| event.labels().map(|label| label.map(text)).collect())
    }

    fn row(time_us: i64, at: u8, labels: &[Option<&str>]) -> Row {
        (time_us, at, labels.iter().map(|label| label.map(str::to_owned)).collect())
    }

    #[test]
    fn of_several_rows_of_an_event_the_first_by_the_labels_is_found() {
        let rows = [
            row(5, 2, &[None, Some("a")]),
            row(5, 2, &[Some("e2"), Some("b")]),
            row(5, 2, &[Some("e2"), Some("B")]),
            row(5, 4, &[Some("e1"), Some("x")]),
            row(6, 2, &[Some(""), None]),
        ];
        let bytes = bytes(&rows);
        assert_eq!(find(&bytes, 5, 2), Some(rows[2].2.clone()));
        assert_eq!(find(&bytes, 5, 4), Some(rows[3].2.clone()));
        assert_eq!(find(&bytes, 6, 2), Some(rows[4].2.clone()));
        assert_eq!(find(&bytes, 6, 4), None);
        assert_eq!(find(&bytes, 7, 2), None);
    }

    #[test]
    fn of_two_rows_of_an_event_the_first_is_chosen() {
        let rows =
            [row(5, 2, &[Some("b")]), row(5, 2, &[Some("a")]), row(5, 2, &[None]), row(5, 4, &[Some("a")])];
        let bytes = bytes(&rows);
        let offsets: Vec<usize> = each(&bytes).map(|(offset, _)| offset).collect();
        assert_eq!(first_of_event(&bytes, offsets[0], offsets[1]), Some(offsets[1]));
        assert_eq!(first_of_event(&bytes, offsets[1], offsets[2]), Some(offsets[1]));
        assert_eq!(first_of_event(&bytes, offsets[2], offsets[3]), None);
        assert_eq!(first_of_event(&bytes, 0, 0), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn every_pass_over_many_rows_can_be_interrupted() {
        const ROWS: usize = 140_000;
        const LEAST: usize = ROWS / 65_536;
        let bytes = bytes(&vec![row(5, 2, &[]); ROWS]);
        let memory = Ticking::default();
        let events = LegEvents::of(&bytes, &memory).unwrap();
        // Counting, reading and sorting them.
        let read = memory.0.get();
        assert!(read >= 3 * LEAST, "{read}");
        assert_eq!(events.firsts(&memory).count(), 1);
        assert!(memory.0.get() - read >= LEAST, "{} ticks", memory.0.get() - read);
    }

    proptest! {
        #[test]
        fn the_first_rows_alone_find_the_same_events(
            rows in prop::collection::vec(
                (0_i64..5, 0_u8..4, prop::collection::vec(prop::option::of("[ab]{0,2}"), 2)), 0..20)
        ) {
            let all = bytes(&rows);
            let firsts = LegEvents::of(&all, &Heap).unwrap().firsts(&Heap).collect::<Vec<_>>().concat();
            for (time_us, at) in (0..5).flat_map(|time_us| (0..4).map(move |at| (time_us, at))) {
                prop_assert_eq!(find(&firsts, time_us, at), find(&all, time_us, at));
            }
            let events: std::collections::BTreeSet<_> = rows.iter().map(|row| (row.0, row.1)).collect();
            prop_assert_eq!(each(&firsts).count(), events.len());
        }

        #[test]
        fn each_event_is_found(
            rows in prop::collection::vec(
                (0_i64..5, 0_u8..4, prop::collection::vec(prop::option::of("[ab]{0,2}"), 2)), 0..20)
        ) {
            let bytes = bytes(&rows);
            for (time_us, at) in (0..5).flat_map(|time_us| (0..4).map(move |at| (time_us, at))) {
                let of_event = rows.iter().filter(|row| (row.0, row.1) == (time_us, at));
                let first = of_event.map(|row| &row.2).min_by_key(|labels| {
                    labels.iter().map(|label| (label.is_none(), (*label).clone())).collect::<Vec<_>>()
                });
                prop_assert_eq!(find(&bytes, time_us, at), first.cloned());
            }
        }

        #[test]
        fn damaged_bytes_are_read_as_far_as_they_are_events(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in prop::sample::select(vec![1_u8, 4, 6])
        ) {
            if let Some(byte) = bytes.get_mut(8) {
                *byte = kind;
            }
            if let Some(length) = bytes.get_mut(13..17) {
                length.copy_from_slice(&[20, 0, 0, 0]);
            }
            let events = LegEvents::of(&bytes, &Heap).unwrap();
            for (_, event) in each(&bytes) {
                prop_assert!(events.find(event.time_us, event.site).is_some());
                prop_assert!(event.labels().count() <= bytes.len());
            }
        }
    }
}
