//! Stored checkpoints of rules. The reader refuses damaged bytes, and a rule can evaluate each checkpoint that it
//! accepts.

use crate::suppression::event;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::rule::packed::{MemberState, pack, pack_earlier, unpack, unpack_earlier, validities};
use travel_core::rule::settings::{DAY, HOUR};
use travel_core::rule::{
    BaselineState, EntityState, EvaluatedEvent, EvaluationState, Late, Learn, Rule, Suppression, resume,
};

/// Any bytes of a checkpoint.
pub fn bytes(data: &[u8]) {
    read::<EntityState>(data);
    read::<BaselineState>(data);
}

/// The body of a checkpoint, uncompressed, of the kind that the first byte says.
pub fn body(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    let mut bytes = vec![1, b"ebEB"[usize::from(kind % 4)]];
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(literals(body));
    self::bytes(&bytes);
}

/// A block of LZ4 that says its bytes as they are.
fn literals(body: &[u8]) -> Vec<u8> {
    let mut block = vec![(body.len().min(15) << 4) as u8];
    if let Some(mut more) = body.len().checked_sub(15) {
        while more >= 255 {
            block.push(255);
            more -= 255;
        }
        block.push(more as u8);
    }
    block.extend(body);
    block
}

fn read<S: MemberState + PartialEq + Debug + Evaluated>(bytes: &[u8]) {
    if let Ok(state) = unpack::<S>(bytes) {
        check(&state);
    }
    let earlier = unpack_earlier::<S>(bytes);
    let times = validities::<S>(bytes);
    assert_eq!(earlier.is_ok(), times.is_ok());
    let Ok(earlier) = earlier else { return };
    for (state, validity) in earlier.iter().zip(times.unwrap()) {
        let (from, until) = (state.evaluated_until, state.valid_until);
        assert!(from < until);
        assert_eq!(
            (from, until, state.edition),
            (validity.evaluated_until, validity.valid_until, validity.edition)
        );
        if let Ok(Some(state)) = state.state::<S>() {
            check(&state);
        }
    }
    assert!(earlier.windows(2).all(|pair| pair[0].valid_until <= pair[1].evaluated_until));
    let again = pack_earlier::<S>(&earlier).unwrap();
    assert_eq!(unpack_earlier::<S>(&again), Ok(earlier));
}

/// A state is the same after it was stored, and continues with later events.
fn check<S: MemberState + PartialEq + Debug + Evaluated>(state: &S) {
    let packed = pack(state).unwrap();
    let again = unpack::<S>(&packed).unwrap();
    assert_eq!(pack(&again).unwrap(), packed);
    let until = state.evaluated_until();
    let events = later_events(until);
    let suppressions = [Suppression { country_code_a: Some("NZ".into()), ..Suppression::default() }];
    for learn in [Learn::Proven, Learn::Encountered] {
        let rule = Rule { learn, learn_transitions: true, ..Rule::default() };
        let resume = |state: &EvaluationState, events: &[EvaluatedEvent]| {
            let (evaluation, after) = resume(state, &rule, events, &[], &suppressions)?;
            let verdicts =
                evaluation.verdicts.iter().map(|verdict| format!("{verdict:?}")).collect::<Vec<_>>();
            Ok::<_, Late>((verdicts, after))
        };
        let state = state.in_evaluation();
        // An event that is not later is refused.
        assert!(resume(&state, &[visit(until, 0)]).is_err());
        if until < i64::MAX - 50 * DAY {
            let (at_once, after) = resume(&state, &events).unwrap();
            let (first, second) = events.split_at(3);
            let (mut in_steps, between) = resume(&state, first).unwrap();
            let (rest, after_steps) = resume(&between, second).unwrap();
            in_steps.extend(rest);
            assert_eq!(in_steps, at_once);
            assert_eq!(format!("{:?}", sorted(&after_steps)), format!("{:?}", sorted(&after)));
        }
    }
}

/// Visits of three cities after a state, most of them too fast, some after the learning period.
fn later_events(until: i64) -> Vec<EvaluatedEvent> {
    let after = [1, 2, HOUR, HOUR + 1, 2 * HOUR, 40 * DAY, 40 * DAY + HOUR, 41 * DAY, 41 * DAY + 1];
    let visits = after.iter().enumerate();
    visits.map(|(number, after)| visit(until.saturating_add(*after), number)).collect()
}

fn visit(time: i64, number: usize) -> EvaluatedEvent {
    let cities =
        [(51.5, -0.1, "GB", "192.0.2.1"), (6.5, 3.4, "NG", "192.0.2.2"), (-36.8, 174.8, "NZ", "2001:db8::1")];
    let (latitude, longitude, country, address) = cities[number % cities.len()];
    EvaluatedEvent {
        coordinates: Coordinates::new(latitude, longitude).unwrap(),
        country_code: Some(country.into()),
        ..event("k", time, address)
    }
}

fn sorted(state: &EvaluationState) -> (BTreeMap<&str, &EntityState>, BTreeMap<&str, &BaselineState>) {
    let entities = state.entities.iter().map(|(name, state)| (&**name, state)).collect();
    (entities, state.baselines.iter().map(|(name, state)| (&**name, state)).collect())
}

/// A state as that of the only member.
pub trait Evaluated: Clone {
    fn in_evaluation(&self) -> EvaluationState;
}

impl Evaluated for EntityState {
    fn in_evaluation(&self) -> EvaluationState {
        let member: Arc<str> = "k".into();
        EvaluationState {
            entities: [(member, self.clone())].into_iter().collect(),
            baselines: Default::default(),
        }
    }
}

impl Evaluated for BaselineState {
    fn in_evaluation(&self) -> EvaluationState {
        let member: Arc<str> = "k".into();
        EvaluationState {
            entities: Default::default(),
            baselines: [(member, self.clone())].into_iter().collect(),
        }
    }
}
