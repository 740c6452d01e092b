//! The rows of `travel_internal.entity_checkpoints` and `travel_internal.baseline_checkpoints`: the checkpoints from
//! which the next scan resumes.

use super::portion::Portion;
use super::{EvaluatedMember, Writer};
use crate::pg::errors::TravelError;
use crate::pg::memory::Scratch;
use crate::pg::row_position::RowPosition;
use crate::pg::spi::{self, Argument};
use crate::rules::checkpoints::{Checkpoints, MemberKind};
use crate::rules::evaluation::{EarlierByMember, unwritable};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::is_kept;
use travel_core::rule::packed::{self, EarlierState, MemberState};
use travel_core::rule::{ByName, Micros};

impl Writer<'_> {
    /// Writes the checkpoints of all members that were evaluated.
    pub(super) fn write_checkpoints(&self) -> Result<(), TravelError> {
        let results = &self.results;
        self.write_rows(
            MemberKind::Entity,
            &self.entities,
            &results.earlier_of_entities,
            &results.entities_begun,
            &results.state.entities,
        )?;
        self.write_rows(
            MemberKind::Baseline,
            &self.baselines,
            &results.earlier_of_baselines,
            &results.baselines_begun,
            &results.state.baselines,
        )
    }

    fn write_rows<S: MemberState>(
        &self,
        kind: MemberKind,
        evaluated: &[EvaluatedMember],
        earlier: &EarlierByMember,
        begun: &[(Arc<str>, Micros)],
        newest: &ByName<S>,
    ) -> Result<(), TravelError> {
        let begun: HashMap<&str, Micros> = begun.iter().map(|(name, first)| (&**name, *first)).collect();
        // None of their events is left.
        let gone: Vec<&Arc<str>> =
            evaluated.iter().map(|member| &member.name).filter(|name| !newest.contains_key(*name)).collect();
        if !gone.is_empty() {
            spi::execute(
                &format!("DELETE FROM {} WHERE rule = $1 AND {} = ANY ($2)", kind.table(), kind.column()),
                &[Argument::text(&self.inputs.name), Argument::texts(&gone)],
            );
        }
        // Rows that follow each other in the index are written faster.
        let mut members: Vec<&EvaluatedMember> = evaluated.iter().collect();
        members.sort_unstable_by_key(|member| &member.name);
        let scratch = Scratch::new(c"travel: checkpoints to write", 8 << 10);
        let write = |rows: Vec<CheckpointRow>| {
            scratch.within(|| self.put(kind, rows));
            scratch.reset();
        };
        let mut portion = Portion::default();
        for member in members {
            pgrx::check_for_interrupts!();
            let Some(state) = newest.get(&member.name) else { continue };
            let new = earlier.get(&member.name).map_or(&[][..], Vec::as_slice);
            let first = begun.get(&*member.name).copied();
            let row = CheckpointRow {
                name: &member.name,
                loaded: &member.checkpoints,
                evaluated_until: state.evaluated_until(),
                evaluated_from: if member.is_whole { member.restart.after } else { Micros::MAX },
                newest: packed::pack(state).map_err(unwritable)?,
                earlier: self.earlier::<S>(member, new, first)?,
            };
            let size = row.size();
            if let Some(rows) = portion.push(row, size) {
                write(rows);
            }
        }
        if let Some(rows) = portion.rest() {
            write(rows);
        }
        Ok(())
    }

    /// The earlier states of a member in their stored form. `None`: they stay as they are.
    fn earlier<S: MemberState>(
        &self,
        member: &EvaluatedMember,
        new: &[EarlierState],
        first_event: Option<Micros>,
    ) -> Result<Option<Vec<u8>>, TravelError> {
        let (rule, horizon) = (&self.inputs.name, self.inputs.horizon);
        let is_worth_keeping = |evaluated_until: Micros, valid_until: Micros| {
            evaluated_until == Micros::MIN || is_kept(evaluated_until, valid_until, horizon)
        };
        // Earlier states stay if they end before the evaluation resumed and are still worth keeping.
        let stays = |evaluated_until: Micros, valid_until: Micros| {
            valid_until <= member.restart.cut && is_worth_keeping(evaluated_until, valid_until)
        };
        let edition = Some(self.inputs.edition);
        let mut put: BTreeMap<Micros, EarlierState> = BTreeMap::new();
        if let Some(first) = first_event {
            put.insert(Micros::MIN, EarlierState::before(first, edition));
        }
        for state in new.iter().filter(|state| is_kept(state.evaluated_until, state.valid_until, horizon)) {
            put.insert(state.evaluated_until, state.clone());
        }
        let may_stay = member.restart.cut != Micros::MIN;
        if put.is_empty() {
            if may_stay {
                member.checkpoints.must_be_readable(rule)?;
            }
            let before = member.checkpoints.times().split_last().map_or(&[][..], |(_, earlier)| earlier);
            if !before.is_empty() && before.iter().all(|(at, until)| stays(*at, *until)) {
                return Ok(None);
            }
        }
        if may_stay {
            for state in member.checkpoints.earlier::<S>(rule)? {
                if stays(state.evaluated_until, state.valid_until) {
                    put.entry(state.evaluated_until).or_insert(state);
                }
            }
        }
        let earlier: Vec<EarlierState> = put.into_values().collect();
        packed::pack_earlier::<S>(&earlier).map(Some).map_err(unwritable)
    }

    /// Updates the stored rows in place and inserts the others.
    fn put(&self, kind: MemberKind, rows: Vec<CheckpointRow>) {
        let (table, column) = (kind.table(), kind.column());
        let (stored, mut new): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.loaded.position().is_some());
        if !stored.is_empty() {
            let positions: Vec<RowPosition> = stored.iter().filter_map(|row| row.loaded.position()).collect();
            let mut arguments = self.arguments(&stored);
            arguments.push(Argument::row_positions(&positions));
            let update = format!(
                "UPDATE {table} AS s
                 SET evaluated_until = n.evaluated_until, pass = $5, evaluated_from = n.evaluated_from, edition = $6,
                     newest = n.newest, earlier = coalesce(n.earlier, s.earlier)
                 FROM (
                     SELECT $1 AS rule, m.*
                     FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $7::bytea[], $8::bytea[], $9::tid[])
                         AS m (name, evaluated_until, evaluated_from, newest, earlier, place) OFFSET 0
                 ) AS n
                 WHERE s.ctid = n.place AND s.rule = n.rule AND s.{column} = n.name"
            );
            let updated = spi::with_settings(&spi::BY_NAME, || spi::execute(&update, &arguments));
            if updated < stored.len() as u64 {
                // A row was deleted by hand, and with it the earlier states that were to stay, so the rows are inserted
                // again.
                new.extend(stored.into_iter().map(CheckpointRow::with_loaded_earlier));
            }
        }
        if !new.is_empty() {
            let insert = format!(
                "INSERT INTO {table} AS s
                     (rule, {column}, evaluated_until, pass, evaluated_from, edition, newest, earlier)
                 SELECT $1, name, evaluated_until, $5, evaluated_from, $6, newest, earlier
                 FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $7::bytea[], $8::bytea[])
                     AS n (name, evaluated_until, evaluated_from, newest, earlier)
                 ON CONFLICT (rule, {column}) DO UPDATE
                 SET evaluated_until = excluded.evaluated_until, pass = excluded.pass,
                     evaluated_from = excluded.evaluated_from, edition = excluded.edition, newest = excluded.newest,
                     earlier = excluded.earlier"
            );
            spi::execute(&insert, &self.arguments(&new));
        }
    }

    /// Returns the arguments $1 to $8 of the statements.
    fn arguments(&self, rows: &[CheckpointRow]) -> Vec<Argument> {
        let names: Vec<&Arc<str>> = rows.iter().map(|row| row.name).collect();
        let times =
            |of: fn(&CheckpointRow) -> Micros| Argument::times(&rows.iter().map(of).collect::<Vec<Micros>>());
        vec![
            Argument::text(&self.inputs.name),
            Argument::texts(&names),
            times(|row| row.evaluated_until),
            times(|row| row.evaluated_from),
            Argument::bigint(self.pass),
            Argument::bigint(self.inputs.edition),
            Argument::byteas(rows.iter().map(|row| Some(&row.newest[..]))),
            Argument::byteas(rows.iter().map(|row| row.earlier.as_deref())),
        ]
    }
}

/// A row to insert or update.
struct CheckpointRow<'w> {
    name: &'w Arc<str>,
    /// The checkpoints that are stored.
    loaded: &'w Checkpoints,
    evaluated_until: Micros,
    evaluated_from: Micros,
    newest: Vec<u8>,
    /// The earlier states. `None` if the stored ones do not change.
    earlier: Option<Vec<u8>>,
}

impl CheckpointRow<'_> {
    /// The row with the earlier states that were to stay as they are.
    fn with_loaded_earlier(mut self) -> Self {
        self.earlier = self.earlier.or_else(|| self.loaded.stored_earlier().map(<[u8]>::to_vec));
        self
    }

    /// About how many bytes the row takes.
    fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.newest.len() + self.earlier.as_ref().map_or(0, Vec::len)
    }
}
