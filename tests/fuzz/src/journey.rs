//! Journeys and the states of aggregates, as they come from dumps, other servers and users, and as rows make them.

use crate::input::Input;
use crate::memory::Heap;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use travel_core::event_set::{
    self, BadText, Full, HEADER_LEN, Sequence, SetRow, append, append_all, appended_len,
    capacity_after_merge, event_count, events, initialize, is_labelled, merge_into, packed_sites, read_text,
    thresholds, time_range, used, validate, write_text,
};
use travel_core::geodesy::Coordinates;
use travel_core::journey::Thresholds;
use travel_core::site::Site;

/// An event as readers see it.
type Seen = (i64, Site, Option<Vec<u8>>, Option<u64>);

/// Any bytes: what the check accepts can be read, merged, joined and grown, and stays the same events.
pub fn bytes(data: &[u8]) {
    if validate(data, &Heap::default()).is_err() {
        // A header that is right but for its lengths is found seldom, so they are set right.
        let mut fixed = data.to_vec();
        if fixed.len() >= HEADER_LEN && fixed[2] == 1 {
            let tail = (fixed.len() - HEADER_LEN) as u32;
            let packed = u32::from_le_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]).min(tail);
            fixed[0] = event_set::VERSION;
            fixed[12..16].copy_from_slice(&packed.to_le_bytes());
            fixed[4..8].copy_from_slice(&(tail - packed).to_le_bytes());
            if validate(&fixed, &Heap::default()).is_ok() {
                check(&fixed);
            }
        }
        return;
    }
    check(data);
}

/// Reads a text, and writes bytes as text. The bytes that are read must be those of the digits, and a text that is
/// written must be read as the same bytes.
pub fn text(data: &[u8]) {
    let read = |text: &[u8]| read_text(text, &Heap::default());
    let digits = data.strip_prefix(b"\\x");
    let expected = match digits.map(|digits| std::str::from_utf8(digits).unwrap_or("?")) {
        None => Err(BadText::NoPrefix),
        Some(digits) if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(BadText::NotADigit),
        Some(digits) if digits.len() % 2 == 1 => Err(BadText::OddLength),
        Some(digits) => Ok((0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()),
    };
    // A text with both faults may give either error.
    match (read(data), expected) {
        (Err(BadText::OddLength), Err(BadText::NotADigit)) => assert_eq!(data.len() % 2, 1),
        (found, expected) => assert_eq!(found, expected),
    }
    // Bytes that are not a set are replaced by an empty one.
    let mut bytes = read(data).unwrap_or_else(|_| data.to_vec());
    if validate(&bytes, &Heap::default()).is_err() {
        if bytes.len() < HEADER_LEN {
            return;
        }
        initialize(&mut bytes, None, false);
    }
    let text = write_text(&bytes, &Heap::default()).unwrap();
    let (end, text) = text.split_last().unwrap();
    assert_eq!(*end, 0);
    let set = read(text).unwrap();
    assert_eq!(set, bytes[..used(&bytes)]);
    assert_eq!(validate(&set, &Heap::default()), Ok(()), "as text");
    let hex: String = set.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, format!("\\x{hex}").as_bytes());
    check(&set);
}

/// Rows in two sets, in any order, merged at any time. Each event is there once.
pub fn rows(data: &[u8]) {
    let mut input = Input::new(data);
    let labelled = input.is();
    let of = input.is().then(Thresholds::default);
    let mut sets = [empty(of, labelled), empty(of, labelled)];
    let mut expected: BTreeMap<(i64, Site), Option<Vec<u8>>> = BTreeMap::new();
    let mut count = 0;
    // Each step checks a set from end to end.
    while !input.is_empty() && count < 200 {
        let n = input.below(2);
        match input.below(12) {
            0 => sets[n] = merged(&[&sets[n]]),
            1 => {
                let [first, second] = &sets;
                sets = [merged(&[first, second]), empty(of, labelled)];
            }
            _ => {
                let (row, id) = row(&mut input);
                let row = SetRow { id: id.as_deref(), ..row };
                grow(&mut sets[n], &row);
                count += 1;
                let kept = expected.entry((row.time_us, row.site)).or_insert(id.clone());
                *kept = match (kept.take(), id) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        assert_eq!(validate(&sets[0], &Heap::default()), Ok(()));
        assert_eq!(validate(&sets[n], &Heap::default()), Ok(()));
    }
    let all = merged(&[&sets[0], &sets[1]]);
    let found: Vec<_> = contents(&[&all]).into_iter().map(|(time, site, id, _)| ((time, site), id)).collect();
    let expected: Vec<_> = expected.into_iter().map(|(event, id)| (event, id.filter(|_| labelled))).collect();
    assert_eq!(found, expected);
    assert_eq!(event_set::rows(&all), if of.is_some() { count } else { expected.len() as u64 });
    sets.iter().for_each(|set| check(set));
}

fn empty(of: Option<Thresholds>, labelled: bool) -> Vec<u8> {
    let mut set = vec![0; HEADER_LEN];
    initialize(&mut set, of, labelled);
    set
}

fn row(input: &mut Input) -> (SetRow<'static>, Option<Vec<u8>>) {
    let time_us = match input.below(4) {
        0 => input.i64().clamp(i64::MIN + 1, i64::MAX - 1),
        1 => i64::from(input.byte()),
        _ => i64::from(input.byte()) * 1_000_000,
    };
    let n = input.byte();
    let site = match n % 4 {
        0 => Site::from_address(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into()),
        1 => Site::from_coordinates(Coordinates::new(f64::from(n) / 3.0, -f64::from(n) / 7.0).unwrap()),
        _ => Site::from_address(Ipv4Addr::new(192, 0, 2, n).into()),
    };
    let id = input.is().then(|| input.text(6).replace('\0', "").into_bytes());
    let accuracy_km = input.is().then(|| f64::from(input.byte()));
    (SetRow { time_us, site, id: None, accuracy_km }, id)
}

/// Adds a row as the aggregate does.
fn grow(set: &mut Vec<u8>, row: &SetRow) {
    let mut tries = 0;
    while let Err(full) = append(set, row) {
        tries += 1;
        assert!(tries < 4, "{full:?}");
        match full {
            Full::Grow(size) => set.resize(size, 0),
            Full::Merge(needed) => {
                let capacity = set.len();
                *set = merged(&[set]);
                let size = capacity_after_merge(set.len(), capacity, needed);
                set.resize(size, 0);
            }
        }
    }
    set.truncate(used(set));
}

fn merged(sets: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0; sets.iter().map(|set| used(set)).sum::<usize>() + 64];
    loop {
        if let Some(length) = merge_into(sets, &Heap::default(), &mut out).unwrap() {
            out.truncate(length);
            assert_eq!(used(&out), length);
            return out;
        }
        out.resize(out.len() * 2, 0);
        assert!(out.len() < 1 << 28, "a merge without end");
    }
}

/// Joins sets to one. Returns `None` if they must be merged.
fn in_sequence(sets: &[&[u8]]) -> Option<Vec<u8>> {
    let memory = Heap::default();
    let sequence = Sequence::of(sets, &memory).unwrap()?;
    let mut out = vec![0; sequence.longest()];
    let used = sequence.write(&mut out).unwrap()?;
    out.truncate(used);
    Some(out)
}

fn contents(sets: &[&[u8]]) -> Vec<Seen> {
    let memory = Heap::default();
    let seen = events(sets, &memory).unwrap().map(|event| {
        let row = event.row;
        (row.time_us, row.site, row.id.map(<[u8]>::to_vec), row.accuracy_km.map(f64::to_bits))
    });
    seen.collect()
}

/// All that later code does with a set that was accepted.
fn check(set: &[u8]) {
    let seen = contents(&[set]);
    let is_in_order = |pair: &[Seen]| (pair[0].0, pair[0].1) < (pair[1].0, pair[1].1);
    assert!(seen.windows(2).all(is_in_order), "not in order, or twice");
    assert_eq!(event_count(set, &Heap::default()), Ok(seen.len() as u64));
    let range = seen.first().zip(seen.last()).map(|(first, last)| (first.0, last.0));
    assert_eq!(time_range(set, &Heap::default()), range);
    assert!(event_set::rows(set) >= seen.len() as u64);
    let tail: u64 = events(&[set], &Heap::default()).unwrap().map(|event| event.tail_rows).sum();
    // Rows are counted up to the largest number.
    let packed = packed_sites(set).map(|(_, rows)| rows).fold(0, u64::saturating_add);
    assert_eq!(tail.saturating_add(packed), event_set::rows(set));

    let once = merged(&[set]);
    assert_eq!(validate(&once, &Heap::default()), Ok(()), "merged");
    assert_eq!(contents(&[&once]), seen);
    assert_eq!(merged(&[&once]), once, "a merged set is in its last form");
    let twice = merged(&[set, set]);
    assert_eq!(validate(&twice, &Heap::default()), Ok(()), "merged with itself");
    assert_eq!(contents(&[&twice]), seen);
    assert_eq!(contents(&[set, &once]), seen);
    if thresholds(set).is_none() {
        assert_eq!(twice, once, "a journey is the same bytes however it came");
    }
    if let Some(alone) = in_sequence(&[set]) {
        assert_eq!(alone, once, "a sequence of one journey");
    }
    if let Some(both) = in_sequence(&[set, &once]) {
        assert_eq!(both, once, "a sequence has each event once");
    }

    let mut block = empty(thresholds(set), is_labelled(set));
    let length = appended_len(set);
    block.resize(HEADER_LEN + length.unwrap_or_default().min(1 << 24), 0);
    if append_all(&mut block, set, &Heap::default()) {
        assert!(length.is_some());
        let length = used(&block);
        block.truncate(length);
        assert_eq!(validate(&block, &Heap::default()), Ok(()), "joined");
        assert_eq!(contents(&[&block]), seen);
        assert_eq!(event_set::rows(&block), event_set::rows(set));
    } else {
        assert!(length.is_none_or(|length| length > 1 << 24), "{length:?}");
    }

    let mut grown = set.to_vec();
    for row in [seen.first(), seen.last()].into_iter().flatten() {
        grow(&mut grown, &SetRow { time_us: row.0, site: row.1, id: row.2.as_deref(), accuracy_km: None });
    }
    let key = |seen: Vec<Seen>| seen.into_iter().map(|(time, site, ..)| (time, site)).collect::<Vec<_>>();
    assert_eq!(key(contents(&[&grown])), key(seen));
    assert_eq!(validate(&grown, &Heap::default()), Ok(()), "grown");
}
