//! The checkpoints of a rule's members, loaded from `travel_internal.entity_checkpoints` and
//! `travel_internal.baseline_checkpoints`.
//!
//! A *member* is an entity or a baseline user. Its row holds states: each stands as of one event (`evaluated_until`) and
//! holds until the next one (`valid_until`). The first one stands before the member's first event (`Micros::MIN`), and
//! the newest is valid to this day (`Micros::MAX`). [`travel_core::rule::packed`] describes the stored form, and
//! [`super::write`] stores it.

use crate::pg::errors::{ScanError, TravelError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::memory::varlena;
use crate::pg::row_position::{self, RowPosition};
use crate::pg::spi::{self, Argument};
use crate::pg::srf::RowSet;
use crate::pg::types::Type;
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::packed::{self, EarlierState, MemberState, PackError, Validity};
use travel_core::rule::{BaselineState, EntityState, Micros};

pg_function!(travel_states_of, pg_finfo_travel_states_of, states_of);

/// Whose checkpoints they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    Entity,
    Baseline,
}

/// The checkpoints of one member, and when each of them holds.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    /// `evaluated_until` of the newest state, and its edition of place data.
    newest: Option<(Micros, Option<i64>)>,
    /// The pass that read all events of the member that are later than `evaluated_from`.
    pub pass: Option<i64>,
    pub evaluated_from: Option<Micros>,
    /// The newest state and the earlier ones, as stored.
    stored: Option<Arc<Stored>>,
    /// When the states hold. Most members have no late events, and nobody asks.
    validity: OnceCell<StateTimes>,
}

/// When the states of a member hold.
#[derive(Clone, Debug, Default)]
struct StateTimes {
    /// `evaluated_until` and `valid_until` of each state, ascending.
    times: Vec<(Micros, Micros)>,
    /// The edition of place data of each state.
    editions: Vec<Option<i64>>,
    /// Why the earlier states cannot be read. Then only the newest is among the `times`.
    damage: Option<PackError>,
}

#[derive(Debug)]
struct Stored {
    kind: MemberKind,
    position: RowPosition,
    newest: Vec<u8>,
    earlier: Vec<u8>,
}

impl MemberKind {
    pub fn table(self) -> &'static str {
        match self {
            Self::Entity => "travel_internal.entity_checkpoints",
            Self::Baseline => "travel_internal.baseline_checkpoints",
        }
    }

    /// The column with the member's name.
    pub fn column(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Baseline => "baseline_entity",
        }
    }
}

impl Checkpoints {
    /// The last event of the member that was evaluated.
    pub fn evaluated_until(&self) -> Option<Micros> {
        self.newest.map(|(evaluated_until, _)| evaluated_until)
    }

    /// Whether the member has no state.
    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// `evaluated_until` and `valid_until` of each state, ascending.
    pub fn times(&self) -> &[(Micros, Micros)] {
        &self.validity().times
    }

    /// Whether the newest state is of this edition of place data. A member without states counts as current.
    pub fn is_current(&self, edition: i64) -> bool {
        self.newest.is_none_or(|(_, newest)| newest == Some(edition))
    }

    /// The times of the states of one edition of place data.
    pub fn times_of(&self, edition: i64) -> Vec<(Micros, Micros)> {
        let states = self.times().iter().zip(&self.validity().editions);
        states.filter(|(_, of)| **of == Some(edition)).map(|(times, _)| *times).collect()
    }

    /// The first event that the states know of: the first state stands before it, or as of it.
    pub fn first_event(&self) -> Option<Micros> {
        let (evaluated_until, valid_until) = self.times().first()?;
        Some(if *evaluated_until == Micros::MIN { *valid_until } else { *evaluated_until })
    }

    /// Returns the position of the stored row in its table. No other transaction can change it before this one ends: a
    /// scan holds the lock of its rule, and commands that move the rows of a table need an exclusive lock on the table.
    pub fn position(&self) -> Option<RowPosition> {
        self.stored.as_ref().map(|stored| stored.position)
    }

    /// All states but the newest, as they are stored.
    pub fn stored_earlier(&self) -> Option<&[u8]> {
        self.stored.as_ref().map(|stored| &stored.earlier[..])
    }

    /// The newest state.
    pub fn newest<S: MemberState>(&self, rule: &str) -> Result<Option<S>, TravelError> {
        let (Some(stored), Some((at, _))) = (&self.stored, self.newest) else { return Ok(None) };
        newest_of(&stored.newest, at).map(Some).map_err(|error| unreadable(rule, error))
    }

    /// The newest state that stands as of this time or earlier, and its edition of place data. `None` before the first
    /// event.
    pub fn at<S: MemberState>(
        &self,
        rule: &str,
        time: Micros,
    ) -> Result<Option<(S, Option<i64>)>, TravelError> {
        let after = self.times().partition_point(|(evaluated_until, _)| *evaluated_until <= time);
        let Some(at) = after.checked_sub(1) else { return Ok(None) };
        let state = if after == self.times().len() {
            self.newest(rule)?
        } else {
            let earlier = self.earlier::<S>(rule)?;
            let state = earlier.get(at).map_or(Ok(None), EarlierState::state);
            state.map_err(|error| unreadable(rule, error))?
        };
        Ok(state.map(|state| (state, self.validity().editions[at])))
    }

    /// Checks that the earlier states can be read. An evaluation from the first event on does not need them.
    pub fn must_be_readable(&self, rule: &str) -> Result<(), TravelError> {
        self.validity().damage.clone().map_or(Ok(()), |damage| Err(unreadable(rule, damage)))
    }

    /// All states but the newest.
    pub fn earlier<S: MemberState>(&self, rule: &str) -> Result<Vec<EarlierState>, TravelError> {
        let (Some(stored), Some((until, _))) = (&self.stored, self.newest) else { return Ok(Vec::new()) };
        let earlier = packed::unpack_earlier::<S>(&stored.earlier).and_then(|earlier| {
            let is_order = earlier.last().is_none_or(|last| last.valid_until <= until);
            if is_order { Ok(earlier) } else { Err(PackError::order()) }
        });
        earlier.map_err(|error| unreadable(rule, error))
    }

    fn validity(&self) -> &StateTimes {
        self.validity.get_or_init(|| {
            let (Some(stored), Some((until, edition))) = (&self.stored, self.newest) else {
                return StateTimes::default();
            };
            let earlier = match stored.kind {
                MemberKind::Entity => packed::validities::<EntityState>(&stored.earlier),
                MemberKind::Baseline => packed::validities::<BaselineState>(&stored.earlier),
            };
            let is_order =
                |earlier: &Vec<Validity>| earlier.last().is_none_or(|last| last.valid_until <= until);
            let (earlier, damage) = match earlier {
                Ok(earlier) if is_order(&earlier) => (earlier, None),
                Ok(_) => (Vec::new(), Some(PackError::order())),
                Err(error) => (Vec::new(), Some(error)),
            };
            let (mut times, mut editions): (Vec<_>, Vec<_>) =
                earlier.iter().map(|of| ((of.evaluated_until, of.valid_until), of.edition)).unzip();
            times.push((until, Micros::MAX));
            editions.push(edition);
            StateTimes { times, editions, damage }
        })
    }

    /// Whether a pass has evaluated the event at this time with the member's whole history.
    pub fn was_read(&self, pass: i64, time: Micros) -> bool {
        self.pass == Some(pass)
            && self.evaluated_from.is_some_and(|from| from < time)
            && self.evaluated_until().is_some_and(|until| time <= until)
    }
}

/// Loads the checkpoints of these members. Members without any are missing in the result.
pub fn load<T: AsRef<str>>(
    kind: MemberKind,
    rule: &str,
    names: &[T],
) -> Result<HashMap<Arc<str>, Checkpoints>, TravelError> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    // OFFSET 0 makes PostgreSQL look up each name. Otherwise it would read all rows of the rule if the statistics of the
    // table are older than the rule.
    let query = format!(
        "SELECT m.name AS member, c.*
         FROM unnest($2::text[]) AS m (name)
         CROSS JOIN LATERAL (
             SELECT ctid, evaluated_until, pass, evaluated_from, edition, newest, earlier
             FROM {} WHERE rule = $1 AND {} = m.name OFFSET 0
         ) AS c",
        kind.table(),
        kind.column(),
    );
    let arguments = [Argument::text(rule), Argument::texts(names)];
    let rows = spi::with_settings(&spi::BY_NAME, || spi::select(&query, &arguments));
    let mut members = HashMap::with_capacity(rows.len);
    for at in 0..rows.len {
        pgrx::check_for_interrupts!();
        let [name, position, until, pass, evaluated_from, edition, newest, earlier] =
            rows.columns(at, &LOADED)?;
        let (Some(name), Some(position), Some(until)) = (name, position, until) else { continue };
        let number = |datum: Option<pg_sys::Datum>| datum.map(|datum| datum.value() as i64);
        // SAFETY: `columns` has checked these types. The bytes are copied while the rows live.
        let (name, position) = unsafe { (utf8(varlena_bytes(name))?, row_position::of_tid(position)) };
        let bytes = |datum: Option<pg_sys::Datum>| {
            // SAFETY: as above.
            datum.map(|datum| unsafe { varlena_bytes(datum) }.to_vec()).unwrap_or_default()
        };
        let stored = Stored { kind, position, newest: bytes(newest), earlier: bytes(earlier) };
        let checkpoints = Checkpoints {
            newest: Some((until.value() as i64, number(edition))),
            pass: number(pass),
            evaluated_from: number(evaluated_from),
            stored: Some(Arc::new(stored)),
            validity: OnceCell::new(),
        };
        members.insert(Arc::from(name), checkpoints);
    }
    Ok(members)
}

/// The types of the columns that [`load`] reads.
const LOADED: [Type; 8] = [
    Type::Text,
    Type::Tid,
    Type::Timestamptz,
    Type::Int8OrTime,
    Type::Timestamptz,
    Type::Int8OrTime,
    Type::Bytea,
    Type::Bytea,
];

fn newest_of<S: MemberState>(stored: &[u8], evaluated_until: Micros) -> Result<S, PackError> {
    let state: S = packed::unpack(stored)?;
    if state.evaluated_until() == evaluated_until { Ok(state) } else { Err(PackError::time()) }
}

fn unreadable(rule: &str, error: PackError) -> TravelError {
    ScanError::CheckpointUnreadable { rule: rule.to_owned(), detail: error.to_string() }.into()
}

/// `(rule, evaluated_until, edition, newest, earlier)`: a row for each state of a member, to be read by people.
fn states_of(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let (rule, until) = (call.text(0)?.unwrap_or_default(), call.timestamp(1).unwrap_or_default());
    let edition = call.datum(2).map(|edition| edition.value() as i64);
    let (newest, earlier) = (call.bytes(3).unwrap_or_default(), call.bytes(4).unwrap_or_default());
    let written = if packed::is_state_of::<EntityState>(newest) {
        push_states::<EntityState>(&mut rows, until, edition, newest, earlier)
    } else {
        push_states::<BaselineState>(&mut rows, until, edition, newest, earlier)
    };
    written.map_err(|error| unreadable(rule, error))?;
    Ok(rows.finish(call))
}

fn push_states<S: MemberState>(
    rows: &mut RowSet,
    evaluated_until: Micros,
    edition: Option<i64>,
    newest: &[u8],
    earlier: &[u8],
) -> Result<(), PackError> {
    let mut push = |evaluated_until: Micros, valid_until: Micros, state: Option<S>, edition: Option<i64>| {
        let state = state.map(|state| serde_json::to_string(&state)).transpose();
        let state = state.map_err(|error| PackError::of(&error))?;
        rows.push([
            Some(evaluated_until.into()),
            Some(valid_until.into()),
            state.map(|state| varlena(state.as_bytes())),
            edition.map(Into::into),
        ]);
        Ok(())
    };
    for of in packed::unpack_earlier::<S>(earlier)? {
        push(of.evaluated_until, of.valid_until, of.state()?, of.edition)?;
    }
    push(evaluated_until, Micros::MAX, Some(newest_of(newest, evaluated_until)?), edition)
}
