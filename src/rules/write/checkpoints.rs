//! The rows of travel_internal.entity_states and travel_internal.baseline_states.

use super::{EvaluatedMember, ROWS, Writer, stored, times};
use crate::pg::errors::TravelError;
use crate::pg::spi;
use crate::rules::checkpoints::MemberKind;
use crate::rules::definition::{text, texts};
use pgrx::pg_sys;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::is_kept;
use travel_core::rule::{Checkpoint, Micros};

impl Writer<'_> {
    pub(super) fn write_states(&self) -> Result<(), TravelError> {
        let results = &self.results;
        let newest =
            |name: &Arc<str>| results.state.entities.get(name).map(|state| (state.evaluated_until, state));
        let states = CheckpointRows::of(
            &self.entities,
            &results.entity_checkpoints,
            &results.entities_begun,
            newest,
            self.inputs.horizon,
        )?;
        states.write(MemberKind::Entity, &self.inputs.name, self.pass, self.inputs.edition);
        let newest =
            |name: &Arc<str>| results.state.baselines.get(name).map(|state| (state.evaluated_until, state));
        let states = CheckpointRows::of(
            &self.baselines,
            &results.baseline_checkpoints,
            &results.baselines_begun,
            newest,
            self.inputs.horizon,
        )?;
        states.write(MemberKind::Baseline, &self.inputs.name, self.pass, self.inputs.edition);
        Ok(())
    }
}

/// Rows of a table of states that go, and that are new or changed.
#[derive(Default)]
struct CheckpointRows {
    gone: Vec<(Arc<str>, Micros)>,
    put: Vec<CheckpointRow>,
}

struct CheckpointRow {
    name: Arc<str>,
    evaluated_until: Micros,
    valid_until: Micros,
    evaluated_from: Micros,
    /// Empty: none.
    state: String,
}

impl CheckpointRows {
    fn of<'s, S: Serialize + 's>(
        evaluated: &[EvaluatedMember],
        checkpoints: &[Checkpoint<S>],
        begun: &[(Arc<str>, Micros)],
        newest: impl Fn(&Arc<str>) -> Option<(Micros, &'s S)>,
        horizon: Micros,
    ) -> Result<Self, TravelError> {
        let mut by_member: HashMap<&str, Vec<&Checkpoint<S>>> = HashMap::new();
        for checkpoint in checkpoints {
            by_member.entry(&checkpoint.member).or_default().push(checkpoint);
        }
        let begun: HashMap<&str, Micros> = begun.iter().map(|(name, first)| (&**name, *first)).collect();
        let mut rows = Self::default();
        for member in evaluated {
            let Some((newest_at, state)) = newest(&member.name) else {
                // No event of it is left.
                rows.gone.extend(member.kept.times.iter().map(|(at, _)| (member.name.clone(), *at)));
                continue;
            };
            let name = || member.name.clone();
            let mut put: BTreeMap<Micros, CheckpointRow> = BTreeMap::new();
            let evaluated_from = if member.is_whole { member.again.from } else { Micros::MAX };
            let mut row = |evaluated_until, valid_until, state| {
                put.insert(
                    evaluated_until,
                    CheckpointRow { name: name(), evaluated_until, valid_until, evaluated_from, state },
                );
            };
            if let Some(first) = begun.get(&*member.name) {
                row(Micros::MIN, *first, String::new());
            }
            for checkpoint in by_member.get(&*member.name).into_iter().flatten() {
                if is_kept(checkpoint.evaluated_until, checkpoint.valid_until, horizon) {
                    row(checkpoint.evaluated_until, checkpoint.valid_until, stored(&checkpoint.state)?);
                }
            }
            row(newest_at, Micros::MAX, stored(state)?);
            // Of the rows before, those stay that end before what was evaluated and are still worth it.
            for (evaluated_until, valid_until) in &member.kept.times {
                let stays = *valid_until <= member.again.cut
                    && (*evaluated_until == Micros::MIN || is_kept(*evaluated_until, *valid_until, horizon));
                if !stays && !put.contains_key(evaluated_until) {
                    rows.gone.push((name(), *evaluated_until));
                }
            }
            rows.put.extend(put.into_values());
        }
        Ok(rows)
    }

    fn write(&self, kind: MemberKind, rule: &str, pass: i64, edition: i64) {
        let (table, column) = (kind.table(), kind.column());
        if !self.gone.is_empty() {
            let names: Vec<&str> = self.gone.iter().map(|(name, _)| &**name).collect();
            let all: Vec<Micros> = self.gone.iter().map(|(_, time)| *time).collect();
            spi::execute(
                &format!(
                    "DELETE FROM {table} AS s
                     USING unnest($2::text[], $3::timestamptz[]) AS g (name, evaluated_until)
                     WHERE s.rule = $1 AND s.{column} = g.name AND s.evaluated_until = g.evaluated_until"
                ),
                &[text(rule), texts(&names), times(&all)],
            );
        }
        for rows in self.put.chunks(ROWS) {
            let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
            let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
            let column_of = |of: fn(&CheckpointRow) -> Micros| {
                let all: Vec<Micros> = rows.iter().map(of).collect();
                times(&all)
            };
            spi::execute(
                &format!(
                    "INSERT INTO {table} (rule, {column}, evaluated_until, valid_until, pass, evaluated_from, state, edition)
                     SELECT $1, name, evaluated_until, valid_until,
                            CASE WHEN valid_until = 'infinity' THEN $6 END,
                            CASE WHEN valid_until = 'infinity' THEN evaluated_from END, NULLIF(state, '')::json, $8
                     FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $7::text[])
                         AS n (name, evaluated_until, valid_until, evaluated_from, state)
                     ON CONFLICT (rule, {column}, evaluated_until) DO UPDATE
                     SET valid_until = excluded.valid_until, pass = excluded.pass,
                         evaluated_from = excluded.evaluated_from, state = excluded.state, edition = excluded.edition"
                ),
                &[
                    text(rule),
                    texts(&names),
                    column_of(|row| row.evaluated_until),
                    column_of(|row| row.valid_until),
                    column_of(|row| row.evaluated_from),
                    (pg_sys::INT8OID, Some(pg_sys::Datum::from(pass))),
                    texts(&states),
                    (pg_sys::INT8OID, Some(pg_sys::Datum::from(edition))),
                ],
            );
        }
    }
}
