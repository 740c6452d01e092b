//! What is measured: what the entry points do for each row, each address, each set of events and each record.

use crate::data::{Data, stack};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use travel_cloudtrail::{Item, Splitter};
use travel_core::event_set::{self, Full, HEADER_LEN, Memory, Sequence, SetRow, TooLarge};
use travel_core::journey::{Journey, Leg, Stop, Thresholds};
use travel_core::rule::evaluate::{EvaluationState, evaluate, resume};
use travel_core::rule::event::EvaluatedEvent;
use travel_core::rule::settings::Rule;
use travel_jsonb::Builder;

pub struct Case<'d> {
    pub name: &'static str,
    /// What one operation is.
    pub what: &'static str,
    /// How many operations the body does.
    pub operations: usize,
    pub body: Box<dyn FnMut() + 'd>,
}

/// How often an address that is in the cache is asked for.
const ROUNDS: usize = 20;

/// Prepares the cases. What their bodies do is counted, and what this function does is not.
pub fn all(data: &Data) -> Result<Vec<Case<'_>>, Box<dyn Error>> {
    let mut cases = locations(data)?;
    cases.extend(legs(data)?);
    cases.extend(records(data)?);
    cases.extend(rules(data));
    Ok(cases)
}

fn locations(Data { geoip, addresses, .. }: &Data) -> Result<Vec<Case<'_>>, Box<dyn Error>> {
    let (fresh, other, warm) = (stack(geoip)?, stack(geoip)?, stack(geoip)?);
    let few = &addresses[..addresses.len() / ROUNDS];
    each(few, |&address| warm.coordinates(address));
    Ok(vec![
        Case {
            name: "locate_new",
            what: "the coordinates of an address that is asked for the first time",
            operations: addresses.len(),
            body: Box::new(move || each(addresses, |&address| fresh.coordinates(address))),
        },
        Case {
            name: "locate_again",
            what: "the coordinates of an address that is in the cache",
            operations: few.len() * ROUNDS,
            body: Box::new(move || {
                (0..ROUNDS).for_each(|_| each(few, |&address| warm.coordinates(address)));
            }),
        },
        Case {
            name: "place",
            what: "everything about an address that is asked for the first time",
            operations: addresses.len(),
            body: Box::new(move || each(addresses, |&address| other.locate(address))),
        },
    ])
}

fn legs(Data { geoip, events, .. }: &Data) -> Result<Vec<Case<'_>>, Box<dyn Error>> {
    let thresholds = Thresholds::default();
    let keys = by_key(events);
    let mut block = Vec::with_capacity(LARGEST_SET);
    let sets: Vec<_> = keys.iter().map(|events| set(&shuffled(events))).collect();
    let halves = [0, 1].map(|part| packed(&set(&every_other(events, part))));
    let months: Vec<_> = keys.iter().map(|events| journeys_of_days(events)).collect();
    let located = stack(geoip)?;
    each(events, |event| event.site.address().map(|address| located.coordinates(address)));
    Ok(vec![
        Case {
            name: "leg",
            what: "an event and the leg that arrives at it, as the window function measures it",
            operations: events.len(),
            // The events of all keys as one journey, so nearly every event arrives by a leg.
            body: Box::new(move || journey(events, |leg| leg.measure(&thresholds))),
        },
        Case {
            name: "impossible_leg",
            what: "an event and the leg that arrives at it, as the aggregate measures it",
            operations: events.len(),
            body: Box::new(move || journey(events, |leg| leg.measure_if_impossible(&thresholds))),
        },
        Case {
            name: "transition",
            what: "adding an event to a set of events",
            operations: events.len(),
            // One block for all, because the cost of allocating one depends on what was allocated before.
            body: Box::new(move || each(&keys, |events| fill(&mut block, Some(thresholds), events))),
        },
        Case {
            name: "merge",
            what: "an event of two packed sets that are merged",
            operations: events.len(),
            body: Box::new(move || each([[&halves[0][..], &halves[1]]], |sets| merged(&sets))),
        },
        Case {
            name: "sequence",
            what: "an event of the journeys of days that are joined to the journey of a month",
            operations: events.len(),
            body: Box::new(move || each(&months, |days| joined(days))),
        },
        Case {
            name: "finalize",
            what: "an event of a set whose legs are evaluated",
            operations: events.len(),
            body: Box::new(move || each(&sets, |set| finalize(set, &located))),
        },
    ])
}

fn records(Data { records, .. }: &Data) -> Result<Vec<Case<'_>>, Box<dyn Error>> {
    let file = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let parsed: Vec<Value> =
        records.iter().map(|record| serde_json::from_str(record)).collect::<Result<_, _>>()?;
    let mut builder = Builder::default();
    Ok(vec![
        Case {
            name: "split",
            what: "finding the end of a record in the text of a file",
            operations: records.len(),
            body: Box::new(move || split(&file)),
        },
        Case {
            name: "jsonb",
            what: "the text of a record as jsonb",
            operations: records.len(),
            body: Box::new(move || each(records, |record| builder.build(record).map(<[u8]>::len))),
        },
        Case {
            name: "event",
            what: "the columns of a record that is JSON already",
            operations: records.len(),
            body: Box::new(move || each(&parsed, travel_cloudtrail::parse)),
        },
    ])
}

fn rules(Data { events, .. }: &Data) -> Vec<Case<'_>> {
    vec![
        Case {
            name: "rule",
            what: "an event that a rule evaluates, with the whole history at once",
            operations: events.len(),
            body: Box::new(move || each([events], |events| evaluate(&Rule::default(), events, &[], &[]))),
        },
        Case {
            name: "rule_resumed",
            what: "an event that a rule evaluates, in ten steps that continue from each other",
            operations: events.len(),
            body: Box::new(move || resumed(events)),
        },
    ]
}

/// Calls `body` with each item. The compiler takes its results for used.
fn each<T, R>(items: impl IntoIterator<Item = T>, mut body: impl FnMut(T) -> R) {
    for item in items {
        let _ = black_box(body(black_box(item)));
    }
}

/// The events of each key, in order of time.
fn by_key(events: &[EvaluatedEvent]) -> Vec<Vec<&EvaluatedEvent>> {
    let mut keys: BTreeMap<&str, Vec<&EvaluatedEvent>> = BTreeMap::new();
    events.iter().for_each(|event| keys.entry(&event.entity).or_default().push(event));
    keys.into_values().collect()
}

fn journey<'e, R>(events: &'e [EvaluatedEvent], mut body: impl FnMut(&Leg<&'e EvaluatedEvent>) -> R) {
    let mut journey = Journey::default();
    each(events, |event| journey.arrive(event.stop()).map(|leg| body(&leg)));
}

struct Heap;

impl Memory for Heap {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        Ok(vec![T::default(); len])
    }
}

/// The bytes that are enough for each set that is measured.
const LARGEST_SET: usize = 1 << 20;

fn set(events: &[&EvaluatedEvent]) -> Vec<u8> {
    set_of(Some(Thresholds::default()), events)
}

fn set_of(thresholds: Option<Thresholds>, events: &[&EvaluatedEvent]) -> Vec<u8> {
    let mut block = Vec::with_capacity(LARGEST_SET);
    fill(&mut block, thresholds, events);
    block.truncate(event_set::used(&block));
    block
}

/// Makes a set of these events in a block that grows as that of the aggregate.
fn fill(block: &mut Vec<u8>, thresholds: Option<Thresholds>, events: &[&EvaluatedEvent]) {
    block.clear();
    block.resize(256, 0);
    event_set::initialize(block, thresholds, false);
    for event in events {
        let row = SetRow { time_us: event.time, site: event.site, id: None, accuracy_km: None };
        while let Err(full) = event_set::append(block, &row) {
            match full {
                Full::Grow(size) => block.resize(size, 0),
                Full::Merge(needed) => {
                    let merged = packed(block);
                    block.resize(event_set::capacity_after_merge(merged.len(), block.len(), needed), 0);
                    block[..merged.len()].copy_from_slice(&merged);
                }
            }
        }
    }
}

fn packed(set: &[u8]) -> Vec<u8> {
    merged(&[set])
}

fn merged(sets: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0; sets.iter().map(|set| set.len()).sum::<usize>() + HEADER_LEN + 1024];
    let used = event_set::merge_into(sets, &Heap, &mut out);
    out.truncate(used.ok().flatten().unwrap_or_default());
    out
}

/// The journey of each day.
fn journeys_of_days(events: &[&EvaluatedEvent]) -> Vec<Vec<u8>> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let days = events.chunk_by(|a, b| a.time.div_euclid(DAY) == b.time.div_euclid(DAY));
    days.map(|events| packed(&set_of(None, events))).collect()
}

fn joined(journeys: &[Vec<u8>]) -> Option<Vec<u8>> {
    let sets: Vec<&[u8]> = journeys.iter().map(Vec::as_slice).collect();
    let sequence = Sequence::of(&sets, &Heap).ok()??;
    let mut out = vec![0; sequence.longest()];
    sequence.write(&mut out).ok()??;
    Some(out)
}

fn every_other(events: &[EvaluatedEvent], part: usize) -> Vec<&EvaluatedEvent> {
    events.iter().enumerate().filter(|(at, _)| at % 2 == part).map(|(_, event)| event).collect()
}

/// The events in an order that is not that of time, as a scan of a table gives them.
fn shuffled<'e>(events: &[&'e EvaluatedEvent]) -> Vec<&'e EvaluatedEvent> {
    let mut events = events.to_vec();
    travel_sample::rng::Rng::new(1).shuffle(&mut events);
    events
}

/// Evaluates the legs of a set, as the final function of the aggregate does.
fn finalize(set: &[u8], stack: &travel_geoip::Stack) {
    let thresholds = event_set::thresholds(set).unwrap_or_default();
    let mut journey = Journey::default();
    let Ok(events) = event_set::events(&[set], &Heap) else { return };
    let mut last = None;
    let _ = events.try_each(|event| -> Result<(), ()> {
        let SetRow { site, time_us, .. } = event.row;
        if last == Some(site) {
            journey.stay(time_us, ());
            return Ok(());
        }
        last = None;
        if let Some(Ok(Some((coordinates, accuracy_km)))) = site.address().map(|at| stack.coordinates(at)) {
            last = Some(site);
            let stop = Stop { time_us, site, coordinates, accuracy_km, event: () };
            if let Some(leg) = journey.arrive(stop) {
                black_box(leg.measure_if_impossible(&thresholds));
            }
        }
        Ok(())
    });
}

fn split(file: &str) {
    let mut splitter = Splitter::new(file.as_bytes());
    while let Ok(Some(item)) = splitter.next_item() {
        match item {
            Item::Document(text) | Item::Element(text) => black_box(text),
        };
    }
}

/// Evaluates the events as scans do: in steps, each of which continues from the state of the one before.
fn resumed(events: &[EvaluatedEvent]) {
    let rule = Rule::default();
    let mut state = EvaluationState::default();
    for events in in_steps(events) {
        let Ok((evaluation, next)) = resume(&state, &rule, events, &[], &[]) else { return };
        black_box(evaluation);
        state = next;
    }
}

/// Parts of about a tenth, without one time in two parts.
fn in_steps(mut events: &[EvaluatedEvent]) -> impl Iterator<Item = &[EvaluatedEvent]> {
    let step = events.len() / 10;
    std::iter::from_fn(move || {
        let last = events.get(step.min(events.len()).checked_sub(1)?)?.time;
        let (now, rest) = events.split_at(events.partition_point(|event| event.time <= last));
        events = rest;
        Some(now)
    })
}
