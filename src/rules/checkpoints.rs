//! What was kept of entities and baseline entities: rows of travel_internal.entity_states and travel_internal.baseline_states.

use super::definition::{text, texts};
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::spi;
use pgrx::pg_sys;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::Micros;

/// What states are kept of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    Entity,
    Baseline,
}

/// The rows of one member. The first stands before its first event (`Micros::MIN`), the last holds to this day
/// (`Micros::MAX`).
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    /// `evaluated_until` and `valid_until`, ascending.
    pub times: Vec<(Micros, Micros)>,
    /// The edition of place data of each.
    editions: Vec<Option<i64>>,
    /// The pass that read all its events later than `evaluated_from`.
    pub pass: Option<i64>,
    pub evaluated_from: Option<Micros>,
    /// The newest state, as stored.
    newest: Option<String>,
}

impl MemberKind {
    pub fn table(self) -> &'static str {
        match self {
            Self::Entity => "travel_internal.entity_states",
            Self::Baseline => "travel_internal.baseline_states",
        }
    }

    pub fn column(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Baseline => "baseline_entity",
        }
    }
}

impl Checkpoints {
    /// The event that it was evaluated up to.
    pub fn evaluated_until(&self) -> Option<Micros> {
        self.times.last().map(|(evaluated_until, _)| *evaluated_until)
    }

    /// Whether there is nothing to read again for another edition of place data: the newest row is of this one.
    pub fn is_of(&self, edition: i64) -> bool {
        self.editions.last().is_none_or(|newest| *newest == Some(edition))
    }

    /// The rows of one edition of place data, as `times`.
    pub fn times_of(&self, edition: i64) -> Vec<(Micros, Micros)> {
        let rows = self.times.iter().zip(&self.editions);
        rows.filter(|(_, of)| **of == Some(edition)).map(|(times, _)| *times).collect()
    }

    /// The event before which the first row stands.
    pub fn first_event(&self) -> Option<Micros> {
        let (evaluated_until, valid_until) = self.times.first()?;
        Some(if *evaluated_until == Micros::MIN { *valid_until } else { *evaluated_until })
    }

    /// The row that answers for a cut.
    pub fn at(&self, cut: Micros) -> Option<Micros> {
        let after = self.times.partition_point(|(evaluated_until, _)| *evaluated_until <= cut);
        after.checked_sub(1).map(|at| self.times[at].0)
    }

    pub fn newest<S: DeserializeOwned>(&self, rule: &str) -> Result<Option<S>, TravelError> {
        self.newest.as_deref().map(|stored| state(rule, stored)).transpose()
    }

    /// Whether a pass read this event of it together with others.
    pub fn was_read(&self, pass: i64, time: Micros) -> bool {
        self.pass == Some(pass)
            && self.evaluated_from.is_some_and(|from| from < time)
            && self.evaluated_until().is_some_and(|until| time <= until)
    }
}

/// The rows of these members; those without any are not in it.
pub fn load(
    kind: MemberKind,
    rule: &str,
    names: &[&str],
) -> Result<HashMap<Arc<str>, Checkpoints>, TravelError> {
    let mut members: HashMap<Arc<str>, Checkpoints> = HashMap::new();
    if names.is_empty() {
        return Ok(members);
    }
    let query = format!(
        "SELECT {name}, evaluated_until, valid_until, pass, evaluated_from,
                CASE WHEN valid_until = 'infinity' THEN state::text END, edition
         FROM {table}
         WHERE rule = $1 AND {name} = ANY ($2)
         ORDER BY {name}, evaluated_until",
        name = kind.column(),
        table = kind.table(),
    );
    let rows = spi::select(&query, &[text(rule), texts(names)]);
    let mut last: Option<Arc<str>> = None;
    for row in 0..rows.len {
        let name = rows.text(row, 0)?.unwrap_or_default();
        let member = match &last {
            Some(last) if **last == *name => last.clone(),
            _ => name.into(),
        };
        last = Some(member.clone());
        let kept = members.entry(member).or_default();
        if let (Some(evaluated_until), Some(valid_until)) = (rows.i64(row, 1), rows.i64(row, 2)) {
            kept.times.push((evaluated_until, valid_until));
            kept.editions.push(rows.i64(row, 6));
        }
        kept.pass = rows.i64(row, 3);
        kept.evaluated_from = rows.i64(row, 4);
        kept.newest = rows.text(row, 5)?.map(str::to_owned);
    }
    Ok(members)
}

/// A state of a member, with its edition of place data.
pub struct StoredState<S> {
    pub name: Arc<str>,
    pub edition: Option<i64>,
    pub state: S,
}

/// The states of members as of certain rows.
pub fn states_at<S: DeserializeOwned>(
    kind: MemberKind,
    rule: &str,
    at: &[(&str, Micros)],
) -> Result<Vec<StoredState<S>>, TravelError> {
    let query = format!(
        "SELECT s.{name}, s.state::text, s.edition
         FROM unnest($2::text[], $3::timestamptz[]) AS m (name, evaluated_until)
         JOIN {table} AS s ON s.rule = $1 AND s.{name} = m.name AND s.evaluated_until = m.evaluated_until
         WHERE s.state IS NOT NULL",
        name = kind.column(),
        table = kind.table(),
    );
    let names: Vec<&str> = at.iter().map(|(name, _)| *name).collect();
    let times: Vec<Micros> = at.iter().map(|(_, time)| *time).collect();
    let times = (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&times)));
    let rows = spi::select(&query, &[text(rule), texts(&names), times]);
    (0..rows.len)
        .map(|row| {
            let stored = rows.text(row, 1)?.unwrap_or_default();
            Ok(StoredState {
                name: rows.text(row, 0)?.unwrap_or_default().into(),
                edition: rows.i64(row, 2),
                state: state(rule, stored)?,
            })
        })
        .collect()
}

/// `timestamptz[]`, which pgrx does not name.
pub const TIMESTAMPTZ_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1185);

fn state<S: DeserializeOwned>(rule: &str, stored: &str) -> Result<S, TravelError> {
    serde_json::from_str(stored)
        .map_err(|error| TravelError::StateUnreadable { rule: rule.to_owned(), detail: error.to_string() })
}
