//! What the histories of members in the source say: the names of members that depend on each other, and first events.

use super::Reevaluation;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, ALL_ROWS, Argument, Column, Cursor, Rows};
use crate::rules::checkpoints::MemberKind;
use crate::rules::minted_keys::{self, names_and_times};
use crate::rules::reader::is_baseline_entity;
use crate::rules::source_queries::SourceQueries;
use std::collections::HashMap;
use std::sync::Arc;
use travel_core::rule::Micros;
use travel_core::rule::lineage::Root;

impl Reevaluation {
    /// Joins the members that the histories of these members name together, and notes their oldest events.
    pub(super) fn join_names_in_histories(
        &mut self,
        wanted: &[usize],
        rule: &str,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(), TravelError> {
        let arguments = self.arguments(wanted, rule, queries)?;
        let query = queries.names_in_histories();
        in_portions(&query, &arguments, queries, owner, |rows| {
            spi::columns!(rows => entity, baseline_entity, oldest);
            let roots = roots_of(rows, entity, rule, queries)?;
            for row in rows.iter() {
                let mut entity = row.shared_text(entity)?;
                let mut baseline = row.shared_text(baseline_entity)?.filter(|name| is_baseline_entity(name));
                if let Some(root) = entity.as_ref().and_then(|key| roots.get(key)) {
                    (entity, baseline) = (Some(root.key.clone()), root.baseline_entity.clone());
                    // The event of a minted key whose own columns name a baseline user is not an event of that user.
                    if !self.has(entity.as_ref(), baseline.as_ref()) {
                        continue;
                    }
                }
                // The latest time: the group that they join says from when on.
                self.add(entity.as_ref(), baseline.as_ref(), Micros::MAX, false);
                let oldest = row.i64(oldest);
                if baseline.is_none()
                    && let Some(at) =
                        entity.as_ref().and_then(|name| self.index.get(&(MemberKind::Entity, name.clone())))
                {
                    self.members[*at].has_events_without_baseline = true;
                }
                for (kind, name) in [(MemberKind::Entity, entity), (MemberKind::Baseline, baseline)] {
                    if let Some(at) = name.and_then(|name| self.index.get(&(kind, name))) {
                        let member = &mut self.members[*at];
                        member.oldest = member.oldest.into_iter().chain(oldest).min();
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn arguments(
        &self,
        wanted: &[usize],
        rule: &str,
        queries: &SourceQueries,
    ) -> Result<Vec<Argument>, TravelError> {
        let cuts = |kind: MemberKind| -> HashMap<&str, Micros> {
            let of_kind = wanted.iter().filter(|at| self.members[**at].kind == kind);
            of_kind.map(|at| (&*self.members[*at].name, self.cut(*at))).collect()
        };
        let (entities, baselines) = (cuts(MemberKind::Entity), cuts(MemberKind::Baseline));
        let of_baselines = names_and_times(&baselines);
        let of_entities = if queries.has_lineage() {
            minted_keys::with_keys_below(rule, &entities, &baselines)?
        } else {
            names_and_times(&entities)
        };
        Ok([of_entities, of_baselines].concat())
    }
}

/// The first event of each of these members.
pub(super) fn first_events(
    of: MemberKind,
    names: &[&str],
    rule: &str,
    queries: &SourceQueries,
    owner: Role,
) -> Result<HashMap<Arc<str>, Micros>, TravelError> {
    let mut found: HashMap<Arc<str>, Micros> = HashMap::new();
    let mut find = |of_baseline: bool, names: Argument, member: &MemberOf| {
        let query = queries.first_events(of_baseline);
        in_portions(&query, &[names], queries, owner, |rows| {
            spi::columns!(rows => name, first);
            let roots = if of_baseline { Roots::new() } else { roots_of(rows, name, rule, queries)? };
            for row in rows.iter() {
                let member = row.shared_text(name)?.and_then(|name| member(name, &roots));
                if let Some((member, first)) = member.zip(row.i64(first)) {
                    let earliest = found.entry(member).or_insert(first);
                    *earliest = first.min(*earliest);
                }
            }
            Ok(())
        })
    };
    let members: HashMap<&str, Micros> = names.iter().map(|name| (*name, Micros::MIN)).collect();
    let none = HashMap::new();
    match of {
        MemberKind::Entity if queries.has_lineage() => {
            let [keys, _] = minted_keys::with_keys_below(rule, &members, &none)?;
            find(false, keys, &|key, roots| match roots.get(&key) {
                Some(root) if !members.contains_key(&*key) => Some(root.key.clone()),
                _ => Some(key),
            })?;
        }
        MemberKind::Entity => find(false, Argument::texts(names), &|name, _| Some(name))?,
        MemberKind::Baseline => {
            find(true, Argument::texts(names), &|name, _| Some(name))?;
            if queries.has_lineage() {
                let [keys, _] = minted_keys::with_keys_below(rule, &none, &members)?;
                find(false, keys, &|key, roots| roots.get(&key)?.baseline_entity.clone())?;
            }
        }
    }
    Ok(found)
}

/// How many rows of a query over histories are processed at once.
const PORTION: usize = 5000;

/// Runs a query over the histories of members, and passes its rows to `each` in portions: a member can have any number of
/// keys.
fn in_portions(
    query: &str,
    arguments: &[Argument],
    queries: &SourceQueries,
    owner: Role,
    mut each: impl FnMut(&Rows) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    let mut cursor = with_rights_of(owner, || {
        queries.look_up(|| spi::with_settings(&ALL_ROWS, || Cursor::open(query, arguments, false)))
    });
    loop {
        let rows = with_rights_of(owner, || queries.look_up(|| cursor.fetch(PORTION)));
        if rows.is_empty() {
            break;
        }
        each(&rows)?;
        pgrx::check_for_interrupts!();
    }
    cursor.close();
    Ok(())
}

type Roots = HashMap<Arc<str>, Root>;

/// The member whose event it is, given the name in its own columns.
type MemberOf<'m> = dyn Fn(Arc<str>, &Roots) -> Option<Arc<str>> + 'm;

/// The roots of the minted keys in a column.
fn roots_of(rows: &Rows, key: Column, rule: &str, queries: &SourceQueries) -> Result<Roots, TravelError> {
    if !queries.has_lineage() {
        return Ok(Roots::new());
    }
    let keys: Vec<&str> =
        rows.iter().filter_map(|row| row.text(key).transpose()).collect::<Result<_, _>>()?;
    minted_keys::roots(rule, &keys)
}
