//! What the functions and the processes of one query pass to each other as bytes: the events at the ends of legs, the
//! counts of `travel.coverage`, and the records of the shares of `travel.detect`.

use crate::input::Input;
use crate::memory::Heap;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use travel_core::coverage::{EntityRows, Location, Row, Status, counts};
use travel_core::event_set::TooLarge;
use travel_core::leg_events::{self, LegEvent, LegEvents, first_of_event};
use travel_core::share::{self, Record};
use travel_core::site::Site;

/// The labels of a row, in the order of rows: a missing label comes last.
type Labels = Vec<(bool, Option<Vec<u8>>)>;

/// Rows of events as bytes, followed by any bytes: each event is found, and its first row represents it.
pub fn events_of_legs(data: &[u8]) {
    let mut input = Input::new(data);
    let mut bytes = Vec::new();
    let mut rows: Vec<(usize, i64, Site, Labels)> = Vec::new();
    for _ in 0..input.below(20) {
        let (time_us, site) = (time(&mut input), site(&mut input));
        let labels: Vec<Option<String>> = (0..input.below(4)).map(|_| input.maybe_text(3)).collect();
        let of_row = labels.iter().map(|label| label.as_ref().map(String::as_bytes));
        rows.push((bytes.len(), time_us, site, ordered(of_row.clone())));
        let written: Result<(), ()> = leg_events::write(time_us, site, of_row, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        assert_eq!(written, Ok(()));
    }
    let mut expected: BTreeMap<(i64, Site), Labels> = BTreeMap::new();
    for (_, time_us, site, labels) in &rows {
        let first = expected.entry((*time_us, *site)).or_insert_with(|| labels.clone());
        *first = first.clone().min(labels.clone());
    }
    let events = LegEvents::of(&bytes, &Heap::default()).unwrap();
    assert_eq!(events.firsts(&Heap::default()).count(), expected.len());
    for ((time_us, site), labels) in &expected {
        assert_eq!(&labels_of(events.find(*time_us, *site).unwrap()), labels);
    }
    for pair in rows.windows(2) {
        let [(one, one_time, one_site, one_labels), (other, time_us, site, labels)] = pair else { continue };
        let is_one = (one_time, one_site) == (time_us, site);
        let first = if labels < one_labels { other } else { one };
        assert_eq!(first_of_event(&bytes, *one, *other), is_one.then_some(*first));
    }

    bytes.extend_from_slice(input.rest());
    check_any_events(&bytes);
    check_any_events(data);
}

/// Reads any bytes. The events that are found have the same order and labels when their own bytes are read again.
fn check_any_events(bytes: &[u8]) {
    let events = LegEvents::of(bytes, &Heap::default()).unwrap();
    let firsts: Vec<&[u8]> = events.firsts(&Heap::default()).collect();
    let again = firsts.concat();
    let read = LegEvents::of(&again, &Heap::default()).unwrap();
    assert_eq!(read.firsts(&Heap::default()).collect::<Vec<_>>(), firsts);
    let mut last = None;
    for first in firsts {
        let own = LegEvents::of(first, &Heap::default()).unwrap();
        let event = event_of(first, &own);
        let key = (event.time_us, event.site);
        assert!(last.replace(key) < Some(key), "in order, and once");
        assert_eq!(labels_of(events.find(key.0, key.1).unwrap()), labels_of(event));
    }
    let _ = first_of_event(bytes, 0, bytes.len() / 2);
    let _ = first_of_event(bytes, usize::MAX, 0);
}

/// The only event of these bytes.
fn event_of<'a>(bytes: &[u8], events: &LegEvents<'a, Heap>) -> LegEvent<'a> {
    let time_us = i64::from_le_bytes(*bytes.first_chunk().unwrap());
    let (site, _) = Site::from_bytes(bytes[8], &bytes[9..]).unwrap();
    events.find(time_us, site).unwrap()
}

fn labels_of(event: LegEvent) -> Labels {
    ordered(event.labels())
}

fn ordered<'l>(labels: impl Iterator<Item = Option<&'l [u8]>>) -> Labels {
    labels.map(|label| (label.is_none(), label.map(<[u8]>::to_vec))).collect()
}

/// Two lists of counts, as any bytes: their sum is that of the numbers, in either order, and in place if there is room.
pub fn coverage_counts(data: &[u8]) {
    let mut input = Input::new(data);
    let one = input.bytes(200).to_vec();
    let other = input.rest();
    let sum = counts::sum(&one, other);
    assert_eq!(sum, counts::sum(other, &one));
    let mut in_place = one.clone();
    match (counts::add(&mut in_place, other), &sum) {
        (Ok(true), Ok(sum)) => assert_eq!(&in_place, sum),
        // add() reads only as far as the last kind that is added. What follows it can be damaged.
        (Ok(true), Err(_)) => {}
        (Ok(false), _) => assert_eq!(in_place, one),
        (Err(_), sum) => assert!(sum.is_err()),
    }
    let Ok(sum) = sum else { return };
    assert_eq!(counts::sum(&sum, &[1]).as_ref(), Ok(&sum), "with no counts");
    // Rows, entities, and the range of times.
    type Counts = (u64, u64, Option<(i64, i64)>);
    let mut expected: BTreeMap<(String, Status), Counts> = BTreeMap::new();
    for part in [&one[..], other] {
        for count in counts::read(part).unwrap() {
            // The bytes of a kind can be invalid text, which only read() refuses.
            let Ok(count) = count else { return };
            let of = expected.entry((count.kind.to_owned(), count.status)).or_default();
            of.0 += count.rows as u64;
            of.1 += count.entities as u64;
            of.2 = match (of.2, count.times_us) {
                (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                (a, b) => a.or(b),
            };
        }
    }
    let read: Vec<_> = counts::read(&sum).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), expected.len());
    for (count, ((kind, status), (rows, entities, times_us))) in read.iter().zip(expected) {
        let number = |number: u64| number.min(i64::MAX as u64) as i64;
        assert_eq!((count.kind, count.status), (&*kind, status));
        assert_eq!((count.rows, count.entities), (number(rows), number(entities)));
        // A count whose first time is after its last one has no times for a reader, but can widen the range of the sum.
        let contains = |(first, last)| count.times_us.is_some_and(|(from, to)| from <= first && last <= to);
        assert!(times_us.is_none_or(contains), "{times_us:?} is not in {:?}", count.times_us);
    }
}

/// The rows of an entity, made from rows or read from any bytes: another process reads what one packs, and counts the same.
pub fn coverage_rows(data: &[u8]) {
    let memory = Heap::default();
    let mut read = EntityRows::<Heap>::default();
    if read.add_packed(data, &memory).is_ok() {
        check_rows(read);
    }

    let mut input = Input::new(data);
    let mut parts = [EntityRows::<Heap>::default(), EntityRows::default()];
    let mut all = EntityRows::<Heap>::default();
    let mut count = 0;
    while !input.is_empty() && count < 500 {
        let kind = if input.below(8) == 0 {
            // No text of PostgreSQL has this character.
            input.text(4).replace('\0', "")
        } else {
            input.pick(&["public", "private", "aws_service", "absent", "other"]).to_owned()
        };
        let row = Row {
            time_us: input.is().then(|| time(&mut input)),
            kind: &kind,
            site: (input.below(4) > 0).then(|| site(&mut input)),
            status: if input.below(4) == 0 { Some(Status::FailedAuth) } else { None },
        };
        parts[input.below(2)].add(&row, &memory).unwrap();
        all.add(&row, &memory).unwrap();
        count += 1;
    }
    let [mut one, other] = parts;
    other.pack(&memory, |packed| one.add_packed(packed, &memory)).unwrap().unwrap();
    let (sum, counted) = (check_rows(one), check_rows(all));
    assert_eq!(sum, counted, "the counts of two processes are those of one");
    let rows: i64 = counts::read(&counted).unwrap().map(|count| count.unwrap().rows).sum();
    assert_eq!(rows, count);
}

/// Packs, reads, settles and counts. Returns the counts.
fn check_rows(mut rows: EntityRows<Heap>) -> Vec<u8> {
    let memory = Heap::default();
    let mut again = EntityRows::<Heap>::default();
    rows.pack(&memory, |packed| again.add_packed(packed, &memory)).unwrap().unwrap();
    let locate = |site: Site, _| {
        Ok::<_, TooLarge>(match site.ipv4() {
            Some(address) if address.octets()[3].is_multiple_of(3) => Location::NotLocated,
            Some(address) if address.octets()[3].is_multiple_of(5) => Location::Ignored,
            _ => Location::Located,
        })
    };
    rows.settle(&memory, locate).unwrap();
    again.settle(&memory, locate).unwrap();
    let mut settled = EntityRows::<Heap>::default();
    rows.pack(&memory, |packed| settled.add_packed(packed, &memory)).unwrap().unwrap();
    let counted = rows.counts(&memory).unwrap();
    assert_eq!(again.counts(&memory).unwrap(), counted, "packed");
    assert_eq!(settled.counts(&memory).unwrap(), counted, "packed when it is settled");
    assert!(counts::read(&counted).is_ok());
    counted
}

/// Reads any bytes as records of a share. Writing a record again gives the bytes from which it was read.
pub fn share_records(data: &[u8]) {
    let mut rest = data;
    while let Some((record, after)) = Record::read(rest) {
        let read = &rest[..rest.len() - after.len()];
        assert_eq!(Record::size_of_next(rest), Some(read.len()));
        assert_eq!(Record::size(record.site, record.entity.len()), read.len());
        let mut written = vec![0; read.len()];
        Record::write(&mut written, record.time_us, record.site, record.position, |out| {
            out.copy_from_slice(record.entity);
        });
        assert_eq!(written, read);
        let shares = record.position[0].max(1).into();
        assert!(share::of_entity(record.entity, shares) < shares);
        assert!(Record::read(&read[..read.len() - 1]).is_none());
        rest = after;
    }
}

fn time(input: &mut Input) -> i64 {
    if input.below(4) == 0 { input.i64() } else { input.byte().into() }
}

fn site(input: &mut Input) -> Site {
    let n = input.byte();
    if n.is_multiple_of(4) {
        Site::from_address(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into())
    } else {
        Site::from_address(Ipv4Addr::new(192, 0, 2, n).into())
    }
}
