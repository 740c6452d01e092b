//! Tests of the stored form of checkpoints: reading returns exactly the states that were written, and refuses all other
//! bytes.

use crate::arbitrary::{Case, cases};
use proptest::prelude::*;
use travel_core::rule::packed::{self, EarlierState, MemberState};
use travel_core::rule::*;

fn states_of(case: &Case) -> EvaluationState {
    let nothing = EvaluationState::default();
    resume(&nothing, &case.rule, &case.events, &case.analysts, &case.suppressions).unwrap().1
}

/// Packs and unpacks a state by itself, and among earlier states after the time before the first event.
fn stays_the_same<S: MemberState + PartialEq + std::fmt::Debug>(state: &S) {
    let read: S = packed::unpack(&packed::pack(state).unwrap()).unwrap();
    assert_eq!(&read, state);
    let at = state.evaluated_until();
    let earlier =
        vec![EarlierState::before(at, Some(-7)), EarlierState::new(state, at + 1, Some(-7)).unwrap()];
    let bytes = packed::pack_earlier::<S>(&earlier).unwrap();
    let read = packed::unpack_earlier::<S>(&bytes).unwrap();
    assert_eq!(read, earlier);
    assert_eq!(read[0].state::<S>(), Ok(None));
    assert_eq!(read[1].state::<S>().unwrap().as_ref(), Some(state));
    let times: Vec<_> = earlier.iter().map(|state| (state.evaluated_until, state.valid_until)).collect();
    let validities = packed::validities::<S>(&bytes).unwrap();
    assert_eq!(validities.iter().map(|of| (of.evaluated_until, of.valid_until)).collect::<Vec<_>>(), times);
}

/// Reads bytes in every way that there is.
fn read_all(bytes: &[u8]) {
    fn read<S: MemberState>(bytes: &[u8]) {
        let _ = packed::unpack::<S>(bytes);
        let _ = packed::validities::<S>(bytes);
        for earlier in packed::unpack_earlier::<S>(bytes).unwrap_or_default() {
            let _ = earlier.state::<S>();
        }
    }
    read::<EntityState>(bytes);
    read::<BaselineState>(bytes);
}

proptest! {
    #[test]
    fn a_state_that_is_stored_and_read_is_the_same(case in cases()) {
        let states = states_of(&case);
        states.entities.values().for_each(stays_the_same);
        states.baselines.values().for_each(stays_the_same);
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic(
        case in cases(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        for state in states_of(&case).entities.values() {
            let at = state.evaluated_until;
            let earlier = [EarlierState::new(state, at + 1, None).unwrap()];
            let bodies = [packed::pack(state).unwrap(), packed::pack_earlier::<EntityState>(&earlier).unwrap()];
            for mut bytes in bodies {
                read_all(&bytes[..length.index(bytes.len())]);
                for (index, byte) in &damage {
                    let at = index.index(bytes.len());
                    bytes[at] = *byte;
                }
                read_all(&bytes);
            }
        }
    }

    #[test]
    fn foreign_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4_usize) {
        read_all(&bytes);
        if let Some(head) = bytes.first_chunk_mut::<2>() {
            *head = [1, b"ebEB"[kind]];
        }
        read_all(&bytes);
    }
}

#[test]
fn a_state_of_another_version_or_kind_is_refused_by_name() {
    let state = BaselineState::new(5);
    let said = |bytes: &[u8]| packed::unpack::<BaselineState>(bytes).unwrap_err().to_string();
    let bytes = packed::pack(&state).unwrap();
    let mut future = bytes.clone();
    future[0] = 77;
    assert_eq!(said(&future), "it has format version 77, and this version of the extension reads version 1");
    assert_eq!(
        packed::unpack::<EntityState>(&bytes).unwrap_err().to_string(),
        "it is not a checkpoint of this kind"
    );
    assert_eq!(
        packed::validities::<BaselineState>(&bytes).unwrap_err().to_string(),
        "it is not a checkpoint of this kind"
    );
    assert_eq!(said(&bytes[..5]), "it is too short");
}

#[test]
fn a_size_that_cannot_be_right_allocates_nothing() {
    let mut bytes = packed::pack(&BaselineState::new(5)).unwrap();
    bytes[2..6].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        packed::unpack::<BaselineState>(&bytes).unwrap_err().to_string(),
        "its size is larger than its content can be"
    );
}

#[test]
fn earlier_states_that_are_not_in_order_are_refused() {
    let state = |at, until| EarlierState::new(&BaselineState::new(at), until, None).unwrap();
    let refused = |states: &[EarlierState]| {
        packed::validities::<BaselineState>(&packed::pack_earlier::<BaselineState>(states).unwrap()).is_err()
    };
    assert!(!refused(&[state(1, 2), state(2, 5)]));
    assert!(refused(&[state(2, 5), state(1, 2)]));
    assert!(refused(&[state(1, 3), state(2, 5)]));
    assert!(refused(&[state(3, 3)]));
}

#[test]
fn a_state_of_another_time_is_refused() {
    let mut earlier = EarlierState::new(&BaselineState::new(1), 9, None).unwrap();
    earlier.evaluated_until = 2;
    assert!(earlier.state::<BaselineState>().is_err());
}
