//! The checkpoints of a rule's members, loaded from `travel_internal.entity_states` and
//! `travel_internal.baseline_states`.
//!
//! A *member* is an entity or a baseline user. Each row of its checkpoints holds a state: it stands as of one event
//! (`evaluated_until`) and holds until the next one (`valid_until`). The first row stands before the member's first
//! event (`Micros::MIN`), and the newest is valid to this day (`Micros::MAX`). [`super::write`] stores them.

use crate::pg::errors::{ScanError, TravelError};
use crate::pg::spi::{self, Argument};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::Micros;

/// Whose checkpoints they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    Entity,
    Baseline,
}

/// When each checkpoint of one member holds, and the newest state itself.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    /// `evaluated_until` and `valid_until` of each row, ascending.
    pub times: Vec<(Micros, Micros)>,
    /// The edition of place data of each row.
    editions: Vec<Option<i64>>,
    /// The pass that read all events of the member that are later than `evaluated_from`.
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
        self.times.last().map(|(evaluated_until, _)| *evaluated_until)
    }

    /// Whether the newest row is of this edition of place data. A member without rows counts as current.
    pub fn is_current(&self, edition: i64) -> bool {
        self.editions.last().is_none_or(|newest| *newest == Some(edition))
    }

    /// The `times` of the rows of one edition of place data.
    pub fn times_of(&self, edition: i64) -> Vec<(Micros, Micros)> {
        let rows = self.times.iter().zip(&self.editions);
        rows.filter(|(_, of)| **of == Some(edition)).map(|(times, _)| *times).collect()
    }

    /// The first event that the rows know of: the first row stands before it, or as of it.
    pub fn first_event(&self) -> Option<Micros> {
        let (evaluated_until, valid_until) = self.times.first()?;
        Some(if *evaluated_until == Micros::MIN { *valid_until } else { *evaluated_until })
    }

    /// `evaluated_until` of the newest row that stands as of this time or earlier.
    pub fn at(&self, time: Micros) -> Option<Micros> {
        let after = self.times.partition_point(|(evaluated_until, _)| *evaluated_until <= time);
        after.checked_sub(1).map(|at| self.times[at].0)
    }

    /// The newest state.
    pub fn newest<S: DeserializeOwned>(&self, rule: &str) -> Result<Option<S>, TravelError> {
        self.newest.as_deref().map(|stored| state(rule, stored)).transpose()
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
    let mut members: HashMap<Arc<str>, Checkpoints> = HashMap::new();
    if names.is_empty() {
        return Ok(members);
    }
    let query = format!(
        "SELECT {name} AS member, evaluated_until, valid_until, pass, evaluated_from,
                CASE WHEN valid_until = 'infinity' THEN state::text END AS newest, edition
         FROM {table}
         WHERE rule = $1 AND {name} = ANY ($2)
         ORDER BY {name}, evaluated_until",
        name = kind.column(),
        table = kind.table(),
    );
    let rows = spi::select(&query, &[Argument::text(rule), Argument::texts(names)]);
    spi::columns!(rows => member, evaluated_until, valid_until, pass, evaluated_from, newest, edition);
    let mut last: Option<Arc<str>> = None;
    for row in rows.iter() {
        let name = row.text(member)?.unwrap_or_default();
        let member = match &last {
            Some(last) if **last == *name => last.clone(),
            _ => name.into(),
        };
        last = Some(member.clone());
        let checkpoints = members.entry(member).or_default();
        if let (Some(evaluated_until), Some(valid_until)) = (row.i64(evaluated_until), row.i64(valid_until)) {
            checkpoints.times.push((evaluated_until, valid_until));
            checkpoints.editions.push(row.i64(edition));
        }
        checkpoints.pass = row.i64(pass);
        checkpoints.evaluated_from = row.i64(evaluated_from);
        checkpoints.newest = row.string(newest)?;
    }
    Ok(members)
}

/// A state of a member, and the edition of place data that it is of.
pub struct StoredState<S> {
    pub name: Arc<str>,
    pub edition: Option<i64>,
    pub state: S,
}

/// Loads states of members, each given as the member's name and the `evaluated_until` of the row.
pub fn states_at<S: DeserializeOwned>(
    kind: MemberKind,
    rule: &str,
    at: &[(&str, Micros)],
) -> Result<Vec<StoredState<S>>, TravelError> {
    let query = format!(
        "SELECT s.{name} AS member, s.state::text AS stored, s.edition
         FROM unnest($2::text[], $3::timestamptz[]) AS m (name, evaluated_until)
         JOIN {table} AS s ON s.rule = $1 AND s.{name} = m.name AND s.evaluated_until = m.evaluated_until
         WHERE s.state IS NOT NULL",
        name = kind.column(),
        table = kind.table(),
    );
    let (names, times): (Vec<&str>, Vec<Micros>) = at.iter().copied().unzip();
    let rows = spi::select(&query, &[Argument::text(rule), Argument::texts(&names), Argument::times(&times)]);
    spi::columns!(rows => member, stored, edition);
    rows.iter()
        .map(|row| {
            Ok(StoredState {
                name: row.text(member)?.unwrap_or_default().into(),
                edition: row.i64(edition),
                state: state(rule, row.text(stored)?.unwrap_or_default())?,
            })
        })
        .collect()
}

fn state<S: DeserializeOwned>(rule: &str, stored: &str) -> Result<S, TravelError> {
    serde_json::from_str(stored).map_err(|error| {
        ScanError::CheckpointUnreadable { rule: rule.to_owned(), detail: error.to_string() }.into()
    })
}
