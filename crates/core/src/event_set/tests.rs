use super::test_memory::Heap;
use super::*;
use crate::site::Site;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

type DecidedLeg = (i64, u8, Option<u8>);
type Plain = Vec<(i64, Site, Option<Vec<u8>>)>;

pub(super) fn site(n: u8) -> Site {
    Site::from_address(match n % 3 {
        0 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into())),
        _ => IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)),
    })
}

/// A set of these rows, in a block that is just large enough, merged whenever `merge_every` rows came.
fn set(rows: &[DecidedLeg], labelled: bool, merge_every: usize) -> Vec<u8> {
    set_of(Some(Thresholds::default()), rows, labelled, merge_every)
}

/// The journey of these rows, packed at the end, as the aggregate travel.journey returns it.
fn journey(rows: &[DecidedLeg], labelled: bool, merge_every: usize) -> Vec<u8> {
    let mut packed = merged(&[&set_of(None, rows, labelled, merge_every)], 0);
    packed.truncate(used(&packed));
    packed
}

fn set_of(
    thresholds: Option<Thresholds>,
    rows: &[DecidedLeg],
    labelled: bool,
    merge_every: usize,
) -> Vec<u8> {
    let mut block = vec![0; 200];
    initialize(&mut block, thresholds, labelled);
    for (i, (time, n, id)) in rows.iter().enumerate() {
        let id = id.map(|id| [id + b'0']);
        let row =
            SetRow { time_us: *time, site: site(*n), id: id.as_ref().map(|id| &id[..]), accuracy_km: None };
        while let Err(full) = append(&mut block, &row) {
            match full {
                Full::Grow(size) => block.resize(size, 0),
                Full::Merge(needed) => block = merged(&[&block], needed),
            }
        }
        if (i + 1) % merge_every == 0 {
            block = merged(&[&block], 300);
        }
    }
    block.truncate(used(&block));
    block
}

pub(super) fn merged(sets: &[&[u8]], spare: usize) -> Vec<u8> {
    let mut out = vec![0; 80];
    loop {
        match merge_into(sets, &Heap, &mut out).unwrap() {
            Some(length) => {
                out.resize(length + spare.max(MERGE_FROM / 64), 0);
                return out;
            }
            None => out.resize(out.len() * 2, 0),
        }
    }
}

fn contents(set: &[u8]) -> Plain {
    events(&[set], &Heap)
        .unwrap()
        .map(|event| (event.row.time_us, event.row.site, event.row.id.map(<[u8]>::to_vec)))
        .collect()
}

/// What a set must hold: each (time, site) once, with its smallest id, none last.
fn plain(rows: &[DecidedLeg], labelled: bool) -> Plain {
    let mut events: BTreeMap<(i64, Site), Option<u8>> = BTreeMap::new();
    for (time, n, id) in rows {
        let kept = events.entry((*time, site(*n))).or_insert(*id);
        *kept = match (*kept, *id) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    events
        .into_iter()
        .map(|((time, site), id)| (time, site, id.filter(|_| labelled).map(|id| vec![id + b'0'])))
        .collect()
}

fn rows() -> impl Strategy<Value = Vec<DecidedLeg>> {
    let time = prop_oneof![(0_i64..40).prop_map(|s| s * 1_000_000), 0_i64..50_000_000, any::<i64>()];
    prop::collection::vec((time, 0_u8..12, prop::option::of(0_u8..9)), 0..150)
}

#[test]
fn only_short_sets_of_ipv4_addresses_have_stays() {
    let rows: Vec<DecidedLeg> = vec![(5, 1, None), (6, 1, None), (3, 1, None), (7, 2, None)];
    let at = |n, first_us, last_us, rows| Stay { site: site(n), first_us, last_us, rows };
    let stays = |set: &[u8]| ipv4_stays(set, &Heap).map(Iterator::collect::<Vec<_>>);
    assert_eq!(stays(&set(&rows, false, usize::MAX)), Some(vec![at(1, 3, 6, 3), at(2, 7, 7, 1)]));
    assert_eq!(stays(&set(&[], false, usize::MAX)), Some(vec![]));
    assert_eq!(stays(&set(&rows, true, usize::MAX)), None, "it has labels");
    assert_eq!(stays(&set(&rows, false, 2)), None, "it is packed");
    let of_run = |set: &[u8]| packed_stays(set, &Heap).map(Iterator::collect::<Vec<_>>);
    assert_eq!(of_run(&set(&rows, false, 4)), Some(vec![at(1, 3, 6, 0), at(2, 7, 7, 0)]));
    assert_eq!(of_run(&set(&rows, false, 3)), None, "it has a tail, too");
    assert_eq!(of_run(&set(&rows, true, 4)), None, "it has labels");
    let mut coordinates = vec![0; 200];
    initialize(&mut coordinates, None, false);
    let there = Site::from_coordinates(crate::geodesy::Coordinates::new(1.0, 2.0).unwrap());
    append(&mut coordinates, &SetRow { time_us: 1, site: there, id: None, accuracy_km: None }).unwrap();
    assert_eq!(of_run(&merged(&[&coordinates], 0)), None, "the site is a pair of coordinates");
    assert_eq!(stays(&set(&[(5, 1, None), (6, 3, None)], false, usize::MAX)), None, "an address is IPv6");
    let backwards: Vec<DecidedLeg> = (0..40).map(|n| (-n, 1, None)).collect();
    assert_eq!(stays(&set(&backwards[..32], false, usize::MAX)), Some(vec![at(1, -31, 0, 32)]));
    assert_eq!(stays(&set(&backwards, false, usize::MAX)), None, "its events are not in order");
}

#[test]
fn an_empty_set_is_valid_and_has_no_events() {
    for labelled in [false, true] {
        let empty = set(&[], labelled, 1);
        assert_eq!(validate(&empty, &Heap), Ok(()));
        assert!(contents(&empty).is_empty());
        assert!(contents(&merged(&[&empty, &empty], 0)).is_empty());
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn packing_takes_a_few_bytes_an_event() {
    let many: Vec<DecidedLeg> = (0..20_000).map(|i| (i * 7_000_000, (i % 5) as u8, None)).collect();
    let packed = merged(&[&set(&many, false, usize::MAX)], 0);
    assert!(used(&packed) < 20_000 * 2 + 400, "{}", used(&packed));
    assert_eq!(contents(&packed), plain(&many, false));
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn a_growing_set_stays_bounded_by_its_distinct_events() {
    let mut block = vec![0; 256];
    initialize(&mut block, Some(Thresholds::default()), false);
    for i in 0..60_000_i64 {
        let row = SetRow { time_us: i % 1000 * 1_000_000, site: site(1), id: None, accuracy_km: None };
        while let Err(full) = append(&mut block, &row) {
            match full {
                Full::Grow(size) => block.resize(size, 0),
                Full::Merge(needed) => {
                    let capacity = block.len();
                    block = merged(&[&block], 0);
                    block.resize(capacity_after_merge(used(&block), capacity, needed), 0);
                }
            }
        }
    }
    assert!(block.len() <= 2 * MERGE_FROM, "{}", block.len());
    assert_eq!(contents(&block).len(), 1000);
    assert_eq!(super::rows(&block), 60_000);
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn a_very_long_id_finds_room() {
    let id = vec![b'x'; 3 * MERGE_FROM];
    for merged_before in [false, true] {
        let mut block = set(&[(1, 1, Some(1))], true, if merged_before { 1 } else { 9 });
        let row = SetRow { time_us: 2, site: site(2), id: Some(&id), accuracy_km: None };
        let mut tries = 0;
        while let Err(full) = append(&mut block, &row) {
            tries += 1;
            assert!(tries < 3, "{full:?}");
            match full {
                Full::Grow(size) => block.resize(size, 0),
                Full::Merge(needed) => {
                    let capacity = block.len();
                    block = merged(&[&block], 0);
                    block.resize(capacity_after_merge(used(&block), capacity, needed), 0);
                }
            }
        }
        assert_eq!(contents(&block)[1].2.as_deref(), Some(&id[..]));
    }
}

#[test]
fn foreign_versions_and_cut_sets_are_refused() {
    let mut bytes = set(&[(1, 1, None), (2, 2, None)], false, 1);
    assert_eq!(validate(&bytes, &Heap), Ok(()));
    assert_eq!(validate(&bytes[..10], &Heap), Err(Corrupt::TooShort));
    assert!(matches!(validate(&bytes[..bytes.len() - 1], &Heap), Err(Corrupt::Length { .. })));
    bytes[0] = 9;
    assert_eq!(validate(&bytes, &Heap), Err(Corrupt::Version(9)));
}

#[test]
fn a_journey_has_no_thresholds_and_a_state_has() {
    assert_eq!(thresholds(&journey(&[(1, 1, None)], false, 9)), None);
    let mut bytes = journey(&[(1, 1, None)], false, 9);
    bytes[32] = 1;
    assert_eq!(validate(&bytes, &Heap), Err(Corrupt::Header), "a distance that every reader would ignore");
    assert_eq!(thresholds(&set(&[(1, 1, None)], false, 9)), Some(Thresholds::default()));
}

#[test]
fn a_site_without_events_is_refused_because_a_merge_would_count_no_event_for_it() {
    let mut bytes = journey(&[(0, 1, None), (1_000_000, 2, None)], false, 9);
    assert_eq!(validate(&bytes, &Heap), Ok(()));
    let merge = |bytes: &[u8]| {
        let mut merged = merged(&[bytes], 0);
        merged.truncate(used(&merged));
        merged
    };
    assert_eq!(validate(&merge(&bytes), &Heap), Ok(()));
    // The last byte is the number of the second event's site.
    *bytes.last_mut().unwrap() = 0;
    assert_eq!(validate(&bytes, &Heap), Err(Corrupt::Packed));
}

#[test]
fn a_site_with_more_events_than_rows_is_refused() {
    let mut bytes = journey(&[(0, 1, None), (1_000_000, 1, None)], false, 9);
    assert_eq!(validate(&bytes, &Heap), Ok(()));
    assert_eq!(bytes[HEADER_LEN + 1], 2, "the rows of the only site");
    bytes[HEADER_LEN + 1] = 1;
    Header { rows: 1, ..Header::load(&bytes) }.store(&mut bytes);
    assert_eq!(validate(&bytes, &Heap), Err(Corrupt::Packed));
}

#[test]
fn counts_of_rows_stay_at_the_largest_number() {
    // Two sites with half and a quarter of the largest number: twice as many are too many together.
    let mut packed = merged(&[&set(&[(0, 1, None), (1_000_000, 2, None)], false, 9)], 0);
    packed.truncate(used(&packed));
    let second = HEADER_LEN + packed::IPV4_SITE_LEN;
    for (at, rows) in [(HEADER_LEN + 1, 1_u64 << 63), (second + 1, 1 << 62)] {
        packed[at..at + 8].copy_from_slice(&rows.to_le_bytes());
    }
    Header { rows: (1 << 63) + (1 << 62), ..Header::load(&packed) }.store(&mut packed);
    // An event that stands for the largest number of rows.
    let mut labelled = set(&[(0, 1, Some(1))], true, 9);
    labelled = merged(&[&labelled], 0);
    labelled.truncate(used(&labelled));
    let counted =
        HEADER_LEN + labelled[HEADER_LEN..].windows(4).position(|bytes| bytes == [1, 0, 0, 0]).unwrap();
    labelled[counted..counted + 4].fill(0xff);
    Header { rows: u32::MAX.into(), ..Header::load(&labelled) }.store(&mut labelled);
    for (set, most) in [(packed, u64::MAX), (labelled, u32::MAX.into())] {
        assert_eq!(validate(&set, &Heap), Ok(()));
        let mut twice = merged(&[&set, &set], 0);
        twice.truncate(used(&twice));
        assert_eq!((validate(&twice, &Heap), Header::load(&twice).rows), (Ok(()), most));
    }
}

#[test]
fn infinite_times_second_forms_of_a_site_and_impossible_radii_are_refused() {
    let packed = journey(&[(1, 0, None)], false, 9);
    let changed = |at: usize, new: &[u8]| {
        let mut bytes = packed.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        validate(&bytes, &Heap)
    };
    assert_eq!(changed(HEADER_LEN, &[6]), Ok(()), "an IPv6 address");
    assert_eq!(changed(HEADER_LEN, &[1]), Err(Corrupt::Packed), "coordinates out of range");
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
    assert_eq!(changed(HEADER_LEN + 9, &mapped), Err(Corrupt::Packed), "an IPv4 address as IPv6");
    // Behind the only site are the unit of time and the time.
    let time_at = HEADER_LEN + 9 + 16 + 1;
    assert_eq!(changed(time_at, &2_i64.to_le_bytes()), Ok(()));
    for infinite in [i64::MIN, i64::MAX] {
        assert_eq!(changed(time_at, &infinite.to_le_bytes()), Err(Corrupt::Packed));
    }

    let tail = |site: Site, accuracy_km: f64| {
        let mut block = vec![0; 200];
        initialize(&mut block, None, true);
        let row = SetRow { time_us: 1, site, id: None, accuracy_km: Some(accuracy_km) };
        append(&mut block, &row).unwrap();
        block.truncate(used(&block));
        validate(&block, &Heap)
    };
    assert_eq!(tail(site(1), 5.0), Ok(()));
    for radius in [-1.0, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(tail(site(1), radius), Err(Corrupt::Tail), "{radius} km");
    }
    let (mapped, _) = Site::from_bytes(6, &mapped).unwrap();
    assert_eq!(tail(mapped, 5.0), Err(Corrupt::Tail), "an IPv4 address as IPv6");
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn journeys_of_days_in_order_are_joined_without_sorting() {
    let day = |n: i64| -> Vec<DecidedLeg> {
        (0..40).map(|i| (n * 86_400_000_000 + i * 1_000_000, (i % 3) as u8, None)).collect()
    };
    let mut month = vec![0; MERGE_FROM];
    initialize(&mut month, None, false);
    for n in 0..30 {
        assert!(append_all(&mut month, &journey(&day(n), false, 9), &Heap));
        assert!(Header::load(&month).tail_sorted, "day {n}");
    }
    assert!(append_all(&mut month, &journey(&day(7), false, 9), &Heap), "a day once more");
    assert!(!Header::load(&month).tail_sorted);
    assert_eq!(event_count(&month, &Heap), Ok(1200));
}

/// Joins these journeys to one without a merge. Returns `None` if they must be merged.
fn in_sequence(journeys: &[Vec<u8>]) -> Option<Vec<u8>> {
    let sets: Vec<&[u8]> = journeys.iter().map(Vec::as_slice).collect();
    let sequence = Sequence::of(&sets, &Heap).unwrap()?;
    let mut out = vec![0; sequence.longest()];
    let used = sequence.write(&mut out).unwrap()?;
    out.truncate(used);
    Some(out)
}

#[test]
fn journeys_that_touch_have_labels_or_are_states_are_not_a_sequence() {
    let (first, second) = ([(1, 1, Some(1)), (2, 2, Some(1))], [(2, 4, Some(1)), (3, 1, Some(1))]);
    let journeys = |labelled| [journey(&first, labelled, 9), journey(&second, labelled, 9)];
    assert_eq!(in_sequence(&journeys(false)), None, "both have an event at the same time");
    assert_eq!(in_sequence(&journeys(false)[1..]).as_ref(), Some(&journeys(false)[1]));
    assert_eq!(in_sequence(&journeys(true)[1..]), None, "events have labels");
    assert_eq!(in_sequence(&[merged(&[&set(&second, false, 9)], 0)]), None, "the set has thresholds");
    assert_eq!(in_sequence(&[set_of(None, &second, false, 9)]), None, "it has a tail");
    assert_eq!(in_sequence(&[journey(&[], false, 9)]), None, "it has no events");
}

#[test]
fn a_run_in_seconds_follows_one_in_microseconds() {
    let first = [(1, 1, None)];
    let second = [(5_000_000, 2, None), (9_000_000, 1, None)];
    let both = journey(&[&first[..], &second].concat(), false, 9);
    assert_eq!(in_sequence(&[journey(&first, false, 9), journey(&second, false, 9)]), Some(both));
}

#[test]
fn each_set_ends_where_its_header_says() {
    let sets = [journey(&[(1, 1, None)], false, 9), set(&[(1, 1, None), (1, 2, None)], true, 9)];
    let both = sets.concat();
    assert!(each_set(&both).eq(sets.iter().map(Vec::as_slice)));
    assert!(each_set(&both[..both.len() - 1]).eq([&sets[0][..]]), "the second set is cut off");
    assert_eq!(each_set(&[]).count(), 0);
}

proptest! {
    #[test]
    fn a_journey_is_the_same_bytes_however_its_events_came(
        rows in rows(), cut in 0_usize..150, labelled: bool, every in 1_usize..200, room in 0_usize..6000,
    ) {
        let whole = journey(&rows, labelled, usize::MAX);
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let (a, b) = (journey(left, labelled, every), journey(right, labelled, every));
        // The parts overlap: the left one comes twice.
        let mut both = a.clone();
        both.resize(a.len() + room, 0);
        for part in [&b, &a] {
            let needed = appended_len(part).unwrap_or(usize::MAX);
            let fits = used(&both).checked_add(needed).is_some_and(|length| length <= both.len());
            let appended = append_all(&mut both, part, &Heap);
            prop_assert_eq!(appended, fits);
            if !appended {
                both = merged(&[&both, part], 0);
            }
            let length = used(&both);
            prop_assert_eq!(validate(&both[..length], &Heap), Ok(()));
        }
        let mut last = merged(&[&both], 0);
        last.truncate(used(&last));
        prop_assert_eq!(&last, &whole);
        let events = contents(&whole);
        prop_assert_eq!(event_count(&both, &Heap), Ok(events.len() as u64));
        let range = events.first().zip(events.last()).map(|(first, last)| (first.0, last.0));
        prop_assert_eq!(time_range(&whole, &Heap), range);
        prop_assert_eq!(time_range(&both, &Heap), range);
        prop_assert_eq!(super::rows(&whole), events.len() as u64);
    }

    /// Sites get other numbers when days are joined, and times another unit if one day has fractions of a second.
    #[test]
    fn journeys_in_any_order_are_joined_to_the_same_bytes_as_by_a_merge(
        rows in rows(), cuts in prop::collection::vec(0_usize..150, 0..12), in_time: bool, reversed: bool,
    ) {
        let mut rows = rows;
        if in_time {
            rows.sort();
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
        cuts.extend([0, rows.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| &rows[cut[0]..cut[1]]);
        let mut journeys: Vec<Vec<u8>> = parts.map(|part| journey(part, false, usize::MAX)).collect();
        let mut ranges: Vec<(i64, i64)> =
            journeys.iter().filter_map(|journey| time_range(journey, &Heap)).collect();
        ranges.sort_unstable();
        let follow = !ranges.is_empty() && ranges.windows(2).all(|days| days[0].1 < days[1].0);
        if reversed {
            journeys.reverse();
        }
        prop_assert_eq!(in_sequence(&journeys), follow.then(|| journey(&rows, false, usize::MAX)));
    }

    #[test]
    fn a_set_holds_each_event_once_however_often_it_is_merged(
        rows in rows(), labelled: bool, merge_every in 1_usize..60,
    ) {
        let set = set(&rows, labelled, merge_every);
        prop_assert_eq!(validate(&set, &Heap), Ok(()));
        prop_assert_eq!(contents(&set), plain(&rows, labelled));
        prop_assert_eq!(super::rows(&set), rows.len() as u64);
    }

    #[test]
    fn records_that_the_caller_writes_are_accounted_for_like_appended_rows(
        rows in prop::collection::vec((0_i64..60, 1_u8..9), 0..100), account_every in 1_usize..40,
    ) {
        let mut appended = vec![0; 4096];
        initialize(&mut appended, None, false);
        let mut written = appended.clone();
        let mut end = used(&written);
        for (i, (time_us, n)) in rows.iter().copied().enumerate() {
            let address = Ipv4Addr::new(192, 0, 2, n);
            let site = Site::from_address(IpAddr::V4(address));
            append(&mut appended, &SetRow { time_us, site, id: None, accuracy_km: None }).unwrap();
            written[end..end + IPV4_RECORD_LEN].copy_from_slice(&ipv4_record(time_us, address.into()));
            end += IPV4_RECORD_LEN;
            if i % account_every == 0 {
                count_written_rows(&mut written, end, &Heap);
                prop_assert_eq!(&written, &appended);
            }
        }
        count_written_rows(&mut written, end, &Heap);
        prop_assert_eq!(written, appended);
    }

    #[test]
    fn splitting_rows_over_two_sets_changes_nothing(
        rows in rows(), cut in 0_usize..150, labelled: bool, every in 1_usize..200, appended: bool,
    ) {
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let (a, b) = (set(left, labelled, every), set(right, labelled, every));
        let mut both = a.clone();
        both.resize(a.len() + b.len(), 0);
        if !(appended && append_all(&mut both, &b, &Heap)) {
            both = merged(&[&a, &b], 0);
        }
        let length = used(&both);
        prop_assert_eq!(validate(&both[..length], &Heap), Ok(()));
        prop_assert_eq!(contents(&both), plain(&rows, labelled));
        prop_assert_eq!(super::rows(&both), rows.len() as u64);
    }

    /// Reading the stays has the same result as combining the events one by one.
    #[test]
    fn stays_are_the_runs_of_events_at_one_site(
        parts in prop::collection::vec(
            (prop::collection::vec((0_i64..60, 1_u8..6), 0..40), any::<bool>()), 0..5,
        ),
    ) {
        let mut set = vec![0; 8192];
        initialize(&mut set, None, false);
        for (mut rows, ascends) in parts {
            if ascends {
                rows.sort();
            }
            for (time_us, n) in rows {
                let site = Site::from_address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)));
                append(&mut set, &SetRow { time_us, site, id: None, accuracy_km: None }).unwrap();
            }
        }
        let mut expected: Vec<Stay> = Vec::new();
        for event in events(&[&set], &Heap).unwrap() {
            let (site, time_us) = (event.row.site, event.row.time_us);
            match expected.last_mut() {
                Some(stay) if stay.site == site => {
                    stay.last_us = time_us;
                    stay.rows += event.tail_rows;
                }
                _ => expected.push(Stay { site, first_us: time_us, last_us: time_us, rows: event.tail_rows }),
            }
        }
        match ipv4_stays(&set, &Heap) {
            Some(stays) => prop_assert_eq!(stays.collect::<Vec<_>>(), expected),
            None => prop_assert!(expected.len() > 16, "there are few segments"),
        }
    }

    #[test]
    fn stays_of_a_packed_run_are_the_runs_of_events_at_one_site(
        rows in prop::collection::vec((0_i64..60, 0_u8..6, Just(None)), 0..150),
    ) {
        let journey = journey(&rows, false, usize::MAX);
        let events = plain(&rows, false);
        let stays = events.chunk_by(|a, b| a.1 == b.1).map(|stay| {
            let (first_us, last_us) = (stay[0].0, stay[stay.len() - 1].0);
            Stay { site: stay[0].1, first_us, last_us, rows: 0 }
        });
        let expected = (!rows.is_empty()).then(|| stays.collect::<Vec<_>>());
        prop_assert_eq!(packed_stays(&journey, &Heap).map(Iterator::collect::<Vec<_>>), expected);
    }

    #[test]
    fn every_row_is_counted_by_the_tail_or_by_its_site(rows in rows(), every in 1_usize..60) {
        let set = set(&rows, false, every);
        let tail: u64 = events(&[&set], &Heap).unwrap().map(|event| event.tail_rows).sum();
        let packed: u64 = packed_sites(&set).map(|(_, rows)| rows).sum();
        prop_assert_eq!(tail + packed, rows.len() as u64);
    }

    #[test]
    fn damage_is_refused_or_harmless(
        rows in rows(), labelled: bool, is_journey: bool, every in 1_usize..60,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut set = if is_journey { journey(&rows, labelled, every) } else { set(&rows, labelled, every) };
        for (at, value) in flips {
            let at = at.index(set.len());
            set[at] = value;
        }
        if validate(&set, &Heap).is_ok() {
            let _ = contents(&set);
            let _ = merged(&[&set], 0);
            let _ = (event_count(&set, &Heap), time_range(&set, &Heap));
            let mut block = vec![0; 8192];
            initialize(&mut block, thresholds(&set), is_labelled(&set));
            if append_all(&mut block, &set, &Heap) {
                prop_assert_eq!(contents(&block), contents(&set));
            }
            let _ = in_sequence(&[set.clone(), journey(&rows, false, usize::MAX)]);
            if let Some(alone) = in_sequence(std::slice::from_ref(&set)) {
                let mut merged = merged(&[&set], 0);
                merged.truncate(used(&merged));
                prop_assert_eq!(alone, merged);
            }
        }
    }
}
