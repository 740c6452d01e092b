//! The states that released versions stored, in tests/fixtures, and states of versions that do not exist yet.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use travel_core::event_set::{self, Memory, TooLarge};
use travel_core::rule::{BaselineState, EntityState};

/// The folders of tests/fixtures, one for each version.
fn versions() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    versions
}

/// The lines of a file of each version, of which there must be some.
fn lines(file: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for version in versions() {
        let text = fs::read_to_string(version.join(file)).unwrap();
        assert!(text.lines().count() > 5, "{}", version.display());
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// Reads each line as a state and writes it again. A format that is written differently needs another number, and then
/// this test must say how a state of the old one is read.
fn are_read<S: serde::de::DeserializeOwned + serde::Serialize>(file: &str) {
    for line in lines(file) {
        let state: S = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&state).unwrap(), line);
    }
}

#[test]
fn stored_states_of_entities_are_read() {
    are_read::<EntityState>("entity_states.jsonl");
}

#[test]
fn stored_states_of_baseline_users_are_read() {
    are_read::<BaselineState>("baseline_states.jsonl");
}

#[test]
fn a_state_of_another_format_is_refused_by_its_number() {
    for line in lines("entity_states.jsonl") {
        let refused = |line: &str| serde_json::from_str::<EntityState>(line).unwrap_err().to_string();
        let future = line.replacen("\"format\":1", "\"format\":2", 1);
        assert!(refused(&future).starts_with("it has format version 2, "), "{}", refused(&future));
        // What has no number, or a field that this version does not know, is none of its states.
        let without = line.replacen("\"format\":1,", "", 1);
        assert!(refused(&without).starts_with("missing field `format`"), "{}", refused(&without));
        let extended = line.replacen("\"format\":1,", "\"format\":1,\"new\":null,", 1);
        assert!(refused(&extended).starts_with("unknown field `new`"), "{}", refused(&extended));
    }
}

/// The line with an unknown field at the beginning of one of its objects, for each object at any depth.
fn extended(line: &str) -> Vec<String> {
    let (mut lines, mut is_text, mut is_escaped) = (Vec::new(), false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' if !is_text => lines.push(format!("{}\"new\":null,{}", &line[..=at], &line[at + 1..])),
            _ => {}
        }
    }
    lines
}

/// Adds an unknown field to each object of each state, one at a time. Returns how the states are refused: the first
/// field of each type of object. An object that stores a variant of an enum has the name of the variant as its field.
fn refusals<S: serde::de::DeserializeOwned>(file: &str) -> BTreeSet<String> {
    let mut refusals = BTreeSet::new();
    for line in lines(file).iter().flat_map(|line| extended(line)) {
        let Err(error) = serde_json::from_str::<S>(&line) else { panic!("it is read: {line}") };
        let error = error.to_string();
        let [what, "new", _, first, ..] = error.split('`').collect::<Vec<_>>()[..] else {
            panic!("{error}: {line}")
        };
        assert!(what == "unknown field " || what == "unknown variant ", "{error}: {line}");
        refusals.insert(first.to_owned());
    }
    refusals
}

#[test]
fn an_unknown_field_is_refused_at_any_depth() {
    let types =
        |first_fields: &[&str]| first_fields.iter().map(|&first| first.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        refusals::<EntityState>("entity_states.jsonl"),
        // The state, its last event, the site and the details, the grouping, the incident, the crossings.
        types(&["format", "entity", "address", "event_source", "open", "from", "country_code", "there"])
    );
    assert_eq!(
        refusals::<BaselineState>("baseline_states.jsonl"),
        // The state, its places with their records, states, stops and sites, the transitions and their periods.
        types(&[
            "format",
            "country_code",
            "state",
            "known",
            "since",
            "time_us",
            "address",
            "from",
            "first_seen"
        ])
    );
}

struct Heap;

impl Memory for Heap {
    type Slice<T: Copy + Default> = Vec<T>;

    fn slice<T: Copy + Default>(&self, len: usize) -> Result<Vec<T>, TooLarge> {
        Ok(vec![T::default(); len])
    }
}

#[test]
fn stored_states_of_the_aggregate_are_read_with_all_their_events() {
    for line in lines("aggregate_states.tsv") {
        let [name, digits, count] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(event_set::validate(&bytes), Ok(()), "{name}");
        let mut events = event_set::events(&[&bytes], &Heap).unwrap();
        let read = std::iter::from_fn(|| events.next()).count();
        assert_eq!(read.to_string(), count, "{name}");
    }
}
