//! The rows of `travel_internal.entity_states` and `travel_internal.baseline_states`: the checkpoints from which the
//! next scan resumes.

use super::{EvaluatedMember, ROWS, Writer, json};
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use crate::rules::checkpoints::MemberKind;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::is_kept;
use travel_core::rule::{Checkpoint, Micros};

impl Writer<'_> {
    /// Writes the checkpoints of all members that were evaluated.
    pub(super) fn write_checkpoints(&self) -> Result<(), TravelError> {
        let results = &self.results;
        let newest =
            |name: &Arc<str>| results.state.entities.get(name).map(|state| (state.evaluated_until, state));
        let rows = CheckpointRows::of(
            &self.entities,
            &results.entity_checkpoints,
            &results.entities_begun,
            newest,
            self.inputs.horizon,
        )?;
        rows.write(MemberKind::Entity, &self.inputs.name, self.pass, self.inputs.edition);
        let newest =
            |name: &Arc<str>| results.state.baselines.get(name).map(|state| (state.evaluated_until, state));
        let rows = CheckpointRows::of(
            &self.baselines,
            &results.baseline_checkpoints,
            &results.baselines_begun,
            newest,
            self.inputs.horizon,
        )?;
        rows.write(MemberKind::Baseline, &self.inputs.name, self.pass, self.inputs.edition);
        Ok(())
    }
}

/// The changes to a table of checkpoints: the keys of rows to delete, and the rows to insert or update.
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
    /// As JSON, or empty in the row before the first event, which has no state.
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
                // None of its events is left.
                rows.gone.extend(member.checkpoints.times.iter().map(|(at, _)| (member.name.clone(), *at)));
                continue;
            };
            let name = || member.name.clone();
            let mut put: BTreeMap<Micros, CheckpointRow> = BTreeMap::new();
            let evaluated_from = if member.is_whole { member.restart.after } else { Micros::MAX };
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
                    row(checkpoint.evaluated_until, checkpoint.valid_until, json(&checkpoint.state)?);
                }
            }
            row(newest_at, Micros::MAX, json(state)?);
            // Earlier rows stay if they end before the evaluation resumed and are still worth keeping.
            for (evaluated_until, valid_until) in &member.checkpoints.times {
                let stays = *valid_until <= member.restart.cut
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
            let (names, times): (Vec<&str>, Vec<Micros>) =
                self.gone.iter().map(|(name, time)| (&**name, *time)).unzip();
            spi::execute(
                &format!(
                    "DELETE FROM {table} AS s
                     USING unnest($2::text[], $3::timestamptz[]) AS g (name, evaluated_until)
                     WHERE s.rule = $1 AND s.{column} = g.name AND s.evaluated_until = g.evaluated_until"
                ),
                &[Argument::text(rule), Argument::texts(&names), Argument::times(&times)],
            );
        }
        for rows in self.put.chunks(ROWS) {
            let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
            let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
            let times = |of: fn(&CheckpointRow) -> Micros| {
                Argument::times(&rows.iter().map(of).collect::<Vec<Micros>>())
            };
            spi::execute(
                &format!(
                    "INSERT INTO {table}
                         (rule, {column}, evaluated_until, valid_until, pass, evaluated_from, state, edition)
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
                    Argument::text(rule),
                    Argument::texts(&names),
                    times(|row| row.evaluated_until),
                    times(|row| row.valid_until),
                    times(|row| row.evaluated_from),
                    Argument::bigint(pass),
                    Argument::texts(&states),
                    Argument::bigint(edition),
                ],
            );
        }
    }
}
