use super::*;
use crate::event_set::test_memory::Ticking;
use crate::event_set::{Memory, TooLarge};
use crate::site::Site;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

struct Heap;

impl Memory for Heap {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        Ok(vec![T::default(); len])
    }
}

type Rows = EntityRows<Heap>;
/// By kind and status: rows, entities, and the range of times.
type Counts = BTreeMap<(String, Status), (i64, i64, Option<(i64, i64)>)>;
/// Time, the last byte of the address, kind, and a status that is known before.
type Given = (Option<i64>, Option<u8>, u8, Option<Status>);

const KINDS: [&str; 4] = ["public", "malformed", "some other kind", "another kind"];

fn site(n: u8) -> Site {
    Site::from_address(Ipv4Addr::new(192, 0, 2, n).into())
}

/// Addresses that end in 3 are ignored, those that end in 4 are not located.
fn locate(site: Site, _: i64) -> Result<Location, TooLarge> {
    Ok(match site.to_bytes().0[3] {
        3 => Location::Ignored,
        4 => Location::NotLocated,
        _ => Location::Located,
    })
}

fn row(given: &Given) -> Row<'static> {
    let (time_us, address, kind, status) = *given;
    Row { time_us, kind: KINDS[usize::from(kind)], site: address.map(site), status }
}

fn rows(given: &[Given]) -> Rows {
    let mut rows = Rows::default();
    for given in given {
        rows.add(&row(given), &Heap).unwrap();
    }
    rows
}

fn counts(mut rows: Rows) -> Vec<u8> {
    rows.settle(&Heap, locate).unwrap();
    rows.counts(&Heap).unwrap()
}

fn read(bytes: &[u8]) -> Counts {
    counts::read(bytes)
        .unwrap()
        .map(|count| count.unwrap())
        .map(|count| ((count.kind.to_owned(), count.status), (count.rows, count.entities, count.times_us)))
        .collect()
}

/// The counts as the documentation of `travel.coverage` says them.
fn plain(given: &[Given]) -> Counts {
    let is_entity = i64::from(given.iter().any(|row| row.3 != Some(Status::NoEntity)));
    let mut counts = Counts::new();
    let mut evaluated = BTreeMap::<(i64, Site), Vec<&str>>::new();
    let mut add = |kind: &str, status: Status, time_us: Option<i64>| {
        let (rows, entities, times) = counts.entry((kind.to_owned(), status)).or_default();
        *rows += 1;
        *entities = is_entity;
        if let Some(time_us) = time_us {
            let (first, last) = times.unwrap_or((time_us, time_us));
            *times = Some((first.min(time_us), last.max(time_us)));
        }
    };
    for given in given {
        let Row { time_us, kind, site, status } = row(given);
        let finite = time_us.filter(|time| ![i64::MIN, i64::MAX].contains(time));
        match (finite, status, site) {
            (None, ..) => add(kind, Status::NoTime, time_us),
            (_, Some(status), _) => add(kind, status, time_us),
            (.., None) => add(kind, Status::NotLocated, time_us),
            (Some(time), None, Some(site)) => match locate(site, time).unwrap() {
                Location::Located => evaluated.entry((time, site)).or_default().push(kind),
                Location::NotLocated => add(kind, Status::NotLocated, time_us),
                Location::Ignored => add(kind, Status::Ignored, time_us),
            },
        }
    }
    for ((time, _), mut kinds) in evaluated {
        kinds.sort_unstable();
        for (n, kind) in kinds.into_iter().enumerate() {
            add(kind, if n == 0 { Status::Evaluated } else { Status::Duplicate }, Some(time));
        }
    }
    counts
}

fn sent(rows: &Rows, to: &mut Rows) {
    rows.pack(&Heap, |bytes| to.add_packed(bytes, &Heap)).unwrap().unwrap();
}

#[test]
fn of_rows_of_two_kinds_that_are_one_event_the_first_kind_is_evaluated() {
    for order in [[0, 1], [1, 0]] {
        let given = order.map(|kind| (Some(5), Some(1), kind, None));
        let evaluated = ("malformed".to_owned(), Status::Evaluated);
        let duplicate = ("public".to_owned(), Status::Duplicate);
        let one = (1, 1, Some((5, 5)));
        assert_eq!(read(&counts(rows(&given))), Counts::from([(evaluated, one), (duplicate, one)]));
    }
}

#[test]
fn both_infinities_are_a_range_and_no_time_is_none() {
    let given = |time| (time, Some(1), 0, None);
    let of = |times: &[Option<i64>]| {
        let rows = rows(&times.iter().map(|time| given(*time)).collect::<Vec<_>>());
        read(&counts(rows)).values().next().unwrap().2
    };
    assert_eq!(of(&[None]), None);
    assert_eq!(of(&[None, Some(i64::MIN)]), Some((i64::MIN, i64::MIN)));
    assert_eq!(of(&[Some(i64::MAX)]), Some((i64::MAX, i64::MAX)));
    assert_eq!(of(&[Some(i64::MAX), Some(i64::MIN)]), Some((i64::MIN, i64::MAX)));
}

#[test]
fn events_that_repeat_in_any_order_take_no_more_room() {
    let mut rows = Rows::default();
    for n in 0..1_000_000_i64 {
        let given = (Some(n * 7919 % 1000), Some(1), 0, None);
        rows.add(&row(&given), &Heap).unwrap();
    }
    assert!(rows.events.capacity() <= 8192, "{}", rows.events.capacity());
    let counts = read(&counts(rows));
    assert_eq!(counts[&("public".to_owned(), Status::Evaluated)].0, 1000);
    assert_eq!(counts[&("public".to_owned(), Status::Duplicate)].0, 999_000);
}

#[test]
fn packed_events_in_order_take_a_few_bytes() {
    let given: Vec<Given> = (0..1000).map(|n| (Some(n * 5_000_000), Some(1), 0, None)).collect();
    let length = rows(&given).pack(&Heap, <[u8]>::len).unwrap();
    assert!(length < 1000 * 6 + 60, "{length}");
}

#[test]
fn locating_events_can_be_interrupted() {
    let (memory, mut rows) = (Ticking::default(), EntityRows::<Ticking>::default());
    for time_us in 0..5000 {
        let row = Row { time_us: Some(time_us), kind: "public", site: Some(site(1)), status: None };
        rows.add(&row, &memory).unwrap();
    }
    let before = memory.0.get();
    rows.settle(&memory, locate).unwrap();
    assert!(memory.0.get() - before >= 4, "{} ticks", memory.0.get() - before);
}

#[test]
fn damaged_counts_are_refused() {
    let bytes = counts(rows(&[(Some(1), Some(1), 0, None), (Some(1), Some(4), 1, None)]));
    assert!(read(&bytes).len() == 2);
    let all =
        |bytes: &[u8]| counts::read(bytes).and_then(|counts| counts.collect::<Result<Vec<_>, _>>().map(drop));
    for length in 0..bytes.len() {
        let is_whole = length == 1 || length == 1 + 37 + "malformed".len();
        assert_eq!(all(&bytes[..length]).is_ok(), is_whole, "the first {length} bytes");
    }
    let mut twice = bytes.clone();
    twice.extend(&bytes[1..]);
    assert_eq!(all(&twice), Err(Corrupt), "a kind and status that is there twice");
    assert_eq!(counts::add(&mut bytes.clone(), &twice), Err(Corrupt));
    assert_eq!(counts::sum(&twice, &bytes), Err(Corrupt));
}

#[test]
fn packed_rows_that_are_cut_off_are_refused() {
    let rows = rows(&[(Some(1), Some(1), 0, None), (Some(9), Some(4), 1, None), (None, None, 2, None)]);
    let bytes = rows.pack(&Heap, <[u8]>::to_vec).unwrap();
    for length in 0..bytes.len() {
        assert_eq!(Rows::default().add_packed(&bytes[..length], &Heap), Err(Unreadable::Corrupt), "{length}");
    }
}

#[test]
fn a_packed_event_has_at_least_one_row() {
    // Flags, no other kinds, no counts, one event; its flags, time, site, kind, and number of rows.
    let packed = |rows: u8| [3, 0, 0, 1, 0, 2, 4, 192, 0, 2, 1, 0, rows];
    assert_eq!(Rows::default().add_packed(&packed(0), &Heap), Err(Unreadable::Corrupt));
    assert_eq!(Rows::default().add_packed(&packed(2), &Heap), Ok(()));
}

fn given() -> impl Strategy<Value = Vec<Given>> {
    let time = prop_oneof![
        8 => (0..6_i64).prop_map(|time| Some(time - 3)),
        1 => Just(None),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Some),
    ];
    let address = prop::option::weighted(0.9, 1..5_u8);
    let known = [Status::FailedAuth, Status::Service].map(Some);
    let status = prop_oneof![6 => Just(None), 1 => prop::sample::select(known.to_vec())];
    prop::collection::vec((time, address, 0..4_u8, status), 0..80)
}

proptest! {
    #[test]
    fn rows_are_counted_by_the_first_status_that_applies(given in given()) {
        prop_assert_eq!(read(&counts(rows(&given))), plain(&given));
    }

    #[test]
    fn a_row_that_is_added_as_an_event_counts_like_any_other(given in given()) {
        let mut rows = Rows::default();
        for given in &given {
            let row = row(given);
            match row.as_common_event() {
                Some((time_us, address, kind)) => {
                    rows.add_event_of(time_us, Site::from_address(address), kind, &Heap).unwrap();
                }
                None => rows.add(&row, &Heap).unwrap(),
            }
        }
        prop_assert_eq!(read(&counts(rows)), plain(&given));
    }

    #[test]
    fn rows_without_an_identity_are_in_no_entity(mut given in given()) {
        given.iter_mut().for_each(|row| row.3 = Some(Status::NoEntity));
        prop_assert_eq!(read(&counts(rows(&given))), plain(&given));
    }

    #[test]
    fn splitting_rows_over_processes_changes_nothing(
        given in given(), cut in 0..80_usize, settled: bool, settled_too: bool,
    ) {
        let (left, right) = given.split_at(cut.min(given.len()));
        let mut all = Rows::default();
        for (part, is_settled) in [(left, settled), (right, settled_too)] {
            let mut part = rows(part);
            if is_settled {
                part.settle(&Heap, locate).unwrap();
            }
            sent(&part, &mut all);
        }
        prop_assert_eq!(read(&counts(all)), plain(&given));
    }

    #[test]
    fn counts_of_entities_add_up(of_entities in prop::collection::vec(given(), 1..5)) {
        let mut expected = Counts::new();
        let mut total: Option<Vec<u8>> = None;
        for given in &of_entities {
            for (key, (rows, entities, times)) in plain(given) {
                let sum = expected.entry(key).or_default();
                sum.0 += rows;
                sum.1 += entities;
                sum.2 = match (sum.2, times) {
                    (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                    (a, b) => a.or(b),
                };
            }
            let counts = counts(rows(given));
            total = Some(match total {
                None => counts,
                Some(mut total) => {
                    let before = total.clone();
                    let sum = counts::sum(&before, &counts).unwrap();
                    match counts::add(&mut total, &counts).unwrap() {
                        true => prop_assert_eq!(&total, &sum),
                        false => prop_assert_eq!(&total, &before),
                    }
                    sum
                }
            });
        }
        prop_assert_eq!(read(&total.unwrap()), expected);
    }

    #[test]
    fn bytes_that_are_no_counts_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let good = counts(rows(&[(Some(1), Some(1), 0, None)]));
        let _ = counts::sum(&good, &bytes);
        let _ = counts::add(&mut good.clone(), &bytes);
        let _ = counts::add(&mut bytes.clone(), &good);
        let _ = Rows::default().add_packed(&bytes, &Heap);
    }
}
