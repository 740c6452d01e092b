//! The states that released versions stored, in tests/fixtures.

use std::fs;
use std::path::PathBuf;
use travel_core::event_set::{self, Memory, TooLarge};
use travel_core::rule::packed::{self, EarlierState, MemberState};
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

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// Reads the checkpoints of each member, compares them with their readable form, and writes them again. A format that is
/// written differently needs another number, and then this test must say how checkpoints of the old one are read.
fn are_read<S: MemberState>(file: &str) {
    for line in lines(file) {
        let [newest, earlier, readable] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let newest: S = packed::unpack(&bytes(newest)).unwrap();
        let earlier = packed::unpack_earlier::<S>(&bytes(earlier)).unwrap();
        let mut states: Vec<Option<S>> = earlier.iter().map(|of| of.state().unwrap()).collect();
        assert_eq!(
            packed::unpack_earlier::<S>(&packed::pack_earlier::<S>(&earlier).unwrap()).unwrap(),
            earlier
        );
        for (of, state) in earlier.iter().zip(&states) {
            let Some(state) = state else { continue };
            assert_eq!(&EarlierState::new(state, of.valid_until, of.edition).unwrap(), of, "{readable}");
        }
        states.push(Some(newest));
        let readable: serde_json::Value = serde_json::from_str(readable).unwrap();
        assert_eq!(serde_json::to_value(states).unwrap(), readable);
    }
}

#[test]
fn stored_checkpoints_of_entities_are_read() {
    are_read::<EntityState>("entity_checkpoints.tsv");
}

#[test]
fn stored_checkpoints_of_baseline_users_are_read() {
    are_read::<BaselineState>("baseline_checkpoints.tsv");
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
        let bytes = bytes(digits);
        assert_eq!(event_set::validate(&bytes, &Heap), Ok(()), "{name}");
        let mut events = event_set::events(&[&bytes], &Heap).unwrap();
        let read = std::iter::from_fn(|| events.next()).count();
        assert_eq!(read.to_string(), count, "{name}");
    }
}
