//! Tests that every long pass over a set can be interrupted. They count the calls of [`Memory::tick`].

use super::test_memory::{Heap, Ticking};
use super::tests::{merged, site};
use super::*;

/// As many events as take two ticks.
const EVENTS: usize = 140_000;
const LEAST: usize = EVENTS / 65_536;

fn ticks(work: impl FnOnce(&Ticking)) -> usize {
    let memory = Ticking::default();
    work(&memory);
    memory.0.get()
}

/// A journey that has these events in its tail.
fn tail(labelled: bool, events: impl Iterator<Item = (i64, Site)>) -> Vec<u8> {
    let mut tail = vec![0; HEADER_LEN + EVENTS * 48];
    initialize(&mut tail, None, labelled);
    for (time_us, site) in events {
        append(&mut tail, &SetRow { time_us, site, id: None, accuracy_km: None }).unwrap();
    }
    tail.truncate(used(&tail));
    tail
}

/// The same events in a packed run.
fn packed(tail: &[u8]) -> Vec<u8> {
    let mut packed = merged(&[tail], 0);
    packed.truncate(used(&packed));
    packed
}

/// Events one second apart.
fn times() -> impl DoubleEndedIterator<Item = i64> {
    (0..EVENTS as i64).map(|n| n * 1_000_000)
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn every_pass_over_the_events_can_be_interrupted() {
    let in_order: Vec<(i64, Site)> = times().zip((0..5).cycle()).map(|(time, n)| (time, site(n))).collect();
    for (is_sorted, labelled) in [(true, false), (true, true), (false, false), (false, true)] {
        let rows = in_order.iter().copied();
        let tail = if is_sorted { tail(labelled, rows) } else { tail(labelled, rows.rev()) };
        let packed = packed(&tail);
        for set in [&tail, &packed] {
            assert!(ticks(|memory| assert_eq!(validate(set, memory), Ok(()))) >= LEAST);
            assert!(ticks(|memory| assert!(time_range(set, memory).is_some())) >= LEAST);
            // A merge makes passes over the sites, the times, the keys if they are not in order, and the result.
            let merges = ticks(|memory| {
                let mut out = vec![0; set.len() + 4096];
                assert!(matches!(merge_into(&[set], memory, &mut out), Ok(Some(_))));
            });
            let is_tail = Header::load(set).tail_rows > 0;
            assert!(merges >= if is_tail && !labelled { 3 * LEAST } else { LEAST }, "{merges}");
            let joins = ticks(|memory| {
                let Some(sequence) = Sequence::of(&[set], memory).unwrap() else { return };
                assert!(sequence.write(&mut vec![0; sequence.longest()]).unwrap().is_some());
            });
            assert!(joins >= if is_tail || labelled { 0 } else { LEAST }, "{joins}");
            let read = ticks(|memory| {
                let mut count = 0;
                let each = |_| -> Result<(), ()> {
                    count += 1;
                    Ok(())
                };
                assert_eq!(events(&[set], memory).unwrap().try_each(each), Ok(()));
                assert_eq!(count, EVENTS);
            });
            assert!(read >= LEAST, "{read}");
        }
        let counts = ticks(|memory| assert_eq!(event_count(&tail, memory), Ok(EVENTS as u64)));
        // The header of an ordered tail has the number of its events, so no pass is needed.
        assert!(counts >= if is_sorted { 0 } else { 3 * LEAST }, "{counts}");
        if !labelled {
            let mut block = vec![0; HEADER_LEN + EVENTS * 48];
            initialize(&mut block, None, false);
            let appends = ticks(|memory| assert!(append_all(&mut block, &packed, memory)));
            assert!(appends >= LEAST, "{appends}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn every_pass_over_the_sites_can_be_interrupted() {
    let sites = (0..EVENTS as u32).map(|n| Site::from_ipv4(n.into()));
    let packed = packed(&tail(false, times().zip(sites)));
    // Reading, sorting, joining, numbering and writing them.
    let merges = ticks(|memory| {
        let mut out = vec![0; packed.len() + 4096];
        assert!(matches!(merge_into(&[&packed], memory, &mut out), Ok(Some(_))));
    });
    assert!(merges >= 7 * LEAST, "{merges}");
    // Reading, sorting, ordering, numbering and measuring them, writing them, their events, and the counts of events.
    let joins = ticks(|memory| {
        let sequence = Sequence::of(&[&packed], memory).unwrap().unwrap();
        assert!(sequence.write(&mut vec![0; sequence.longest()]).unwrap().is_some());
    });
    assert!(joins >= 8 * LEAST, "{joins}");
    // Reading the sites comes before reading the events.
    assert!(ticks(|memory| assert!(time_range(&packed, memory).is_some())) >= 2 * LEAST);
    assert!(ticks(|memory| assert!(packed_stays(&packed, memory).is_some())) >= LEAST);
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn every_pass_over_the_events_of_a_stay_can_be_interrupted() {
    let there = Site::from_ipv4([192, 0, 2, 1].into());
    let tail = tail(false, times().map(|time| (time, there)));
    let packed = packed(&tail);
    let last_us = times().next_back().unwrap();
    let stay = |rows| Some(Stay { site: there, first_us: 0, last_us, rows });
    let of_run = ticks(|memory| {
        let mut stays = packed_stays(&packed, memory).unwrap();
        assert_eq!((stays.next(), stays.next()), (stay(0), None));
    });
    assert!(of_run >= LEAST, "{of_run}");
    // One pass finds the segments, and one the end of the stay.
    let of_tail = ticks(|memory| {
        let mut stays = ipv4_stays(&tail, memory).unwrap();
        assert_eq!((stays.next(), stays.next()), (stay(EVENTS as u64), None));
    });
    assert!(of_tail >= 2 * LEAST, "{of_tail}");
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn stays_are_whole_where_a_tick_is_due() {
    const TICK: usize = 65_536;
    for (here, there) in
        [(TICK - 1, 1), (TICK, 1), (TICK + 1, 1), (1, TICK), (TICK - 1, TICK + 2), (2 * TICK, 0)]
    {
        let sites = std::iter::repeat_n(site(1), here).chain(std::iter::repeat_n(site(2), there));
        let tail = tail(false, times().zip(sites));
        let expected: Vec<(Site, i64, i64)> = [(site(1), 0, here), (site(2), here, there)]
            .into_iter()
            .filter(|(.., count)| *count > 0)
            .map(|(at, first, count)| (at, first as i64 * 1_000_000, (first + count - 1) as i64 * 1_000_000))
            .collect();
        let plain = |stay: Stay| (stay.site, stay.first_us, stay.last_us);
        assert!(ipv4_stays(&tail, &Heap).unwrap().map(plain).eq(expected.iter().copied()), "{here} {there}");
        let packed = packed(&tail);
        assert!(
            packed_stays(&packed, &Heap).unwrap().map(plain).eq(expected.iter().copied()),
            "{here} {there}"
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn every_pass_over_the_rows_of_an_event_can_be_interrupted() {
    let tail = tail(false, std::iter::repeat_n((5, site(1)), EVENTS));
    for sets in [&[&tail[..]][..], &[&tail, &tail]] {
        let memory = Ticking::default();
        let mut events = events(sets, &memory).unwrap();
        let before = memory.0.get();
        assert_eq!(events.next().map(|event| event.tail_rows), Some((sets.len() * EVENTS) as u64));
        assert!(memory.0.get() - before >= LEAST, "{} sets", sets.len());
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn the_end_of_a_run_that_is_copied_without_comparisons_can_be_interrupted() {
    // All of the second run comes before the first one.
    let events = times().map(|time| time + 1).chain([0]).map(|time| (time, site(1)));
    let tail = tail(false, events);
    let keys = ticks(|memory| {
        let rows = Header::load(&tail).tail_rows as usize;
        let keys = tail::sorted_keys(&tail[HEADER_LEN..], rows, false, memory).unwrap();
        assert!(keys.is_sorted_by_key(|key| key.time_us));
    });
    // One pass reads the keys, one finds the runs, and one merges them.
    assert!(keys >= 3 * LEAST, "{keys}");
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn the_count_of_rows_that_the_caller_wrote_can_be_interrupted() {
    let mut set = vec![0; HEADER_LEN + EVENTS * IPV4_RECORD_LEN];
    initialize(&mut set, None, false);
    let end = set.len();
    for (record, time_us) in set[HEADER_LEN..].as_chunks_mut().0.iter_mut().zip(times()) {
        *record = ipv4_record(time_us, 7);
    }
    let counts = ticks(|memory| count_written_rows(&mut set, end, memory));
    assert_eq!(rows(&set), EVENTS as u64);
    assert!(counts >= LEAST, "{counts}");
}
