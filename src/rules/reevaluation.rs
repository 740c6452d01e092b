//! Which members a late event concerns, and from when on each of them is evaluated again.
//!
//! A late event changes what followed it, of its entity and of its baseline user. These name further entities and
//! baseline users, whose later events depend on theirs. So members are joined to groups until no member is missing, and
//! each group goes back to the latest time for which all its members have a checkpoint. With lineage, the history of an
//! entity is that of all keys of which it is the root.
//!
//! Members whose checkpoints are of another edition of place data (see [`travel_core::rule::relocate`]) are evaluated
//! again at their next event. That evaluation starts at their first event, because every address must be looked up in
//! the current edition, but it leaves all earlier verdicts unchanged. If the source has lost their beginning, they resume from the oldest
//! checkpoint after which the source has everything, with its locations looked up again.

use super::checkpoints::{self, Checkpoints, MemberKind, StoredState};
use super::minted_keys::{self, names_and_times};
use super::reader::is_baseline_entity;
use super::source_queries::SourceQueries;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, ALL_ROWS, Argument, Column, Cursor, Rows};
use crate::pg::time::just_before;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use travel_core::rule::checkpoint::{common_cut, earliest_cut};
use travel_core::rule::lineage::Root;
use travel_core::rule::{
    BaselineState, CurrentLocation, EntityState, EvaluatedEvent, EvaluationState, Micros, Rule,
};
use travel_core::site::Site;

/// The members that a step evaluates again, in groups that must be evaluated together.
#[derive(Debug)]
pub struct Reevaluation {
    /// The present edition of place data.
    edition: i64,
    members: Vec<Member>,
    index: HashMap<(MemberKind, Arc<str>), usize>,
}

/// A member that is evaluated again. The times apply to its whole group, and only those of the member that represents
/// the group count.
#[derive(Debug)]
pub struct Member {
    pub kind: MemberKind,
    pub name: Arc<str>,
    pub checkpoints: Checkpoints,
    /// Another member of its group, or itself if it represents the group.
    group: usize,
    /// How many members the group has that it represents.
    group_size: usize,
    /// Events after this time are evaluated again.
    after: Micros,
    /// Events after this time are evaluated again even if they were evaluated before: because an event came late, not
    /// only because place data changed.
    late_after: Micros,
    /// The group resumes from its checkpoints of this time, which is not later than `after`.
    cut: Micros,
    /// Some members of the group have no checkpoint of the present edition from which they could resume.
    is_of_other_edition: bool,
    /// The oldest event of this member that the source has.
    oldest: Option<Micros>,
    /// The cut for which the names in its history were looked up.
    looked_up: Option<Micros>,
}

/// From when on a member is evaluated again.
#[derive(Clone, Copy, Debug)]
pub struct RestartPoint {
    /// Events after this time are evaluated. Verdicts until then stand.
    pub after: Micros,
    /// The evaluation resumes from the checkpoints of this time, which is not later than `after`.
    pub cut: Micros,
}

impl Member {
    fn go_back_to(&mut self, after: Micros, late_after: Micros, cut: Micros) {
        self.after = self.after.min(after);
        self.late_after = self.late_after.min(late_after);
        self.cut = self.cut.min(cut);
    }

    /// The time until which the source has lost its events. `None` if it has them all.
    fn lost_until(&self) -> Option<Micros> {
        let first = self.checkpoints.first_event()?;
        match self.oldest {
            Some(oldest) if oldest <= first => None,
            Some(oldest) => Some(oldest.saturating_sub(1)),
            None => Some(Micros::MAX),
        }
    }
}

impl Reevaluation {
    /// Without members yet.
    pub fn under(edition: i64) -> Self {
        Self { edition, members: Vec::new(), index: HashMap::new() }
    }

    pub fn edition(&self) -> i64 {
        self.edition
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The time after which a member is evaluated again. `None` if it is not.
    pub fn after(&self, kind: MemberKind, name: &Arc<str>) -> Option<Micros> {
        self.index.get(&(kind, name.clone())).map(|at| self.of_group(*at).after)
    }

    /// Adds the members of an event, to be evaluated again after a time: all later events if `is_late`, otherwise only
    /// those that were not evaluated before.
    pub fn add(
        &mut self,
        entity: Option<&Arc<str>>,
        baseline_entity: Option<&Arc<str>>,
        after: Micros,
        is_late: bool,
    ) {
        let late_after = if is_late { after } else { Micros::MAX };
        let entity = entity.map(|name| self.member(MemberKind::Entity, name, after, late_after));
        let baseline = baseline_entity.map(|name| self.member(MemberKind::Baseline, name, after, late_after));
        if let (Some(a), Some(b)) = (entity, baseline) {
            self.join(a, b);
        }
    }

    /// Adds all members that depend on those that were added, and finds from when on each group is evaluated again.
    pub fn complete(&mut self, rule: &str, queries: &SourceQueries, owner: Role) -> Result<(), TravelError> {
        let mut loaded = 0;
        loop {
            self.load_checkpoints(rule, loaded)?;
            loaded = self.members.len();
            self.find_cuts();
            let wanted: Vec<usize> = (0..self.members.len())
                .filter(|at| self.members[*at].looked_up.is_none_or(|before| self.cut(*at) < before))
                .collect();
            if wanted.is_empty() {
                self.skip_lost_beginnings();
                return Ok(());
            }
            for at in &wanted {
                self.members[*at].looked_up = Some(self.cut(*at));
            }
            self.join_names_in_histories(&wanted, rule, queries, owner)?;
        }
    }

    /// Does what [`Self::complete`] does, for members that scans may not have evaluated yet: no checkpoint holds what came
    /// before their later events, so each of them goes back to its first event.
    pub fn complete_from_first_events(
        &mut self,
        rule: &str,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(), TravelError> {
        let mut known = HashSet::new();
        loop {
            self.complete(rule, queries, owner)?;
            let is_new = |member: &&Member| member.checkpoints.times.is_empty();
            let new: Vec<(MemberKind, Arc<str>)> =
                self.members.iter().filter(is_new).map(|member| (member.kind, member.name.clone())).collect();
            let new: Vec<_> = new.into_iter().filter(|member| known.insert(member.clone())).collect();
            if new.is_empty() {
                return Ok(());
            }
            for of in [MemberKind::Entity, MemberKind::Baseline] {
                let names: Vec<&str> =
                    new.iter().filter(|(kind, _)| *kind == of).map(|(_, name)| &**name).collect();
                if names.is_empty() {
                    continue;
                }
                for (name, first) in first_events(of, &names, rule, queries, owner)? {
                    self.member(of, &name, just_before(first), just_before(first));
                }
            }
        }
    }

    /// Loads the checkpoints of the members from a position on.
    fn load_checkpoints(&mut self, rule: &str, from: usize) -> Result<(), TravelError> {
        for kind in [MemberKind::Entity, MemberKind::Baseline] {
            let new = self.members[from..].iter().filter(|member| member.kind == kind);
            let names: Vec<Arc<str>> = new.map(|member| member.name.clone()).collect();
            for (name, checkpoints) in checkpoints::load(kind, rule, &names)? {
                if let Some(at) = self.index.get(&(kind, name)) {
                    self.members[*at].checkpoints = checkpoints;
                }
            }
        }
        Ok(())
    }

    /// Joins the members that the histories of these members name together, and notes their oldest events.
    fn join_names_in_histories(
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

    /// The states from which the members resume. Those of other editions are relocated with `look_up`.
    pub fn states(
        &self,
        rule: &str,
        settings: &Rule,
        mut look_up: impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, TravelError>,
    ) -> Result<EvaluationState, TravelError> {
        let at = |kind: MemberKind| -> Vec<(&str, Micros)> {
            let members = self.members.iter().enumerate().filter(|(_, member)| member.kind == kind);
            members
                .filter_map(|(at, member)| Some((&*member.name, member.checkpoints.at(self.cut(at))?)))
                .collect()
        };
        let is_present = |edition| edition == Some(self.edition);
        let mut states = EvaluationState::default();
        let kind = MemberKind::Entity;
        for stored in checkpoints::states_at::<EntityState>(kind, rule, &at(kind))? {
            let StoredState { name, edition, state } = stored;
            let state = if is_present(edition) { state } else { state.relocated(settings, &mut look_up)? };
            states.entities.insert(name, state);
        }
        let kind = MemberKind::Baseline;
        for stored in checkpoints::states_at::<BaselineState>(kind, rule, &at(kind))? {
            let StoredState { name, edition, state } = stored;
            let state = if is_present(edition) { state } else { state.relocated(settings, &mut look_up)? };
            states.baselines.insert(name, state);
        }
        Ok(states)
    }

    /// The arguments of [`SourceQueries::histories`] for all members.
    pub fn history_arguments(
        &self,
        rule: &str,
        queries: &SourceQueries,
    ) -> Result<Vec<Argument>, TravelError> {
        self.arguments(&(0..self.members.len()).collect::<Vec<_>>(), rule, queries)
    }

    /// Makes events of the histories that belong to minted keys events of their roots. Drops those that are of none of
    /// the members: a history is also read by the baseline user that an event's own columns name. Within an SPI
    /// connection.
    pub fn resolve(&self, rule: &str, events: &mut Vec<EvaluatedEvent>) -> Result<(), TravelError> {
        minted_keys::resolve(rule, events)?;
        events.retain(|event| self.includes(event));
        Ok(())
    }

    /// Whether an event is of one of the members, and later than the checkpoint from which that one resumes.
    fn includes(&self, event: &EvaluatedEvent) -> bool {
        let of = |kind, name: &Arc<str>| self.index.get(&(kind, name.clone()));
        let baseline = event.baseline_entity.as_ref().and_then(|name| of(MemberKind::Baseline, name));
        of(MemberKind::Entity, &event.entity).or(baseline).is_some_and(|at| event.time > self.cut(*at))
    }

    fn has(&self, entity: Option<&Arc<str>>, baseline: Option<&Arc<str>>) -> bool {
        let has = |kind, name: &Arc<str>| self.index.contains_key(&(kind, name.clone()));
        entity.is_some_and(|name| has(MemberKind::Entity, name))
            || baseline.is_some_and(|name| has(MemberKind::Baseline, name))
    }

    /// Each member with the point from which it is evaluated again.
    pub fn members(&self) -> impl Iterator<Item = (&Member, RestartPoint)> {
        self.members.iter().enumerate().map(|(at, member)| {
            let Member { after, late_after, cut, .. } = *self.of_group(at);
            // What was evaluated of it before stands, unless an event came late.
            let evaluated = member.checkpoints.evaluated_until().map_or(after, |until| after.max(until));
            (member, RestartPoint { after: late_after.min(evaluated), cut })
        })
    }

    fn member(&mut self, kind: MemberKind, name: &Arc<str>, after: Micros, late_after: Micros) -> usize {
        let next = self.members.len();
        let at = *self.index.entry((kind, name.clone())).or_insert(next);
        if at == next {
            self.members.push(Member {
                kind,
                name: name.clone(),
                checkpoints: Checkpoints::default(),
                group: at,
                group_size: 1,
                after,
                late_after,
                cut: after,
                is_of_other_edition: false,
                oldest: None,
                looked_up: None,
            });
        }
        let of = self.representative(at);
        self.members[of].go_back_to(after, late_after, after);
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.representative(a), self.representative(b));
        if a == b {
            return;
        }
        // The smaller group joins the larger one, so the way to a representative is short: a user can have any number of
        // keys.
        let is_larger = self.members[a].group_size >= self.members[b].group_size;
        let (a, b) = if is_larger { (a, b) } else { (b, a) };
        let Member { after, late_after, cut, group_size, .. } = self.members[b];
        self.members[a].go_back_to(after, late_after, cut);
        self.members[a].group_size += group_size;
        self.members[b].group = a;
    }

    /// The member that represents a member's group.
    fn representative(&self, mut at: usize) -> usize {
        while self.members[at].group != at {
            at = self.members[at].group;
        }
        at
    }

    fn of_group(&self, at: usize) -> &Member {
        &self.members[self.representative(at)]
    }

    fn cut(&self, at: usize) -> Micros {
        self.of_group(at).cut
    }

    /// The members of each group, by the one that represents it.
    fn groups(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.members.len() {
            groups.entry(self.representative(at)).or_default().push(at);
        }
        groups
    }

    /// Finds for each group the latest cut for which all its members have checkpoints of the present edition. A group
    /// without one is evaluated from its beginning.
    fn find_cuts(&mut self) {
        for (of, members) in self.groups() {
            let stored = || {
                let all = members.iter().map(|at| &self.members[*at].checkpoints);
                all.filter(|checkpoints| !checkpoints.times.is_empty())
            };
            let present: Vec<_> = stored().map(|checkpoints| checkpoints.times_of(self.edition)).collect();
            let cut = common_cut(self.members[of].cut, present.iter().map(Vec::as_slice));
            let has_others =
                stored().zip(&present).any(|(checkpoints, present)| checkpoints.times.len() > present.len());
            self.members[of].is_of_other_edition = cut.is_none() && has_others;
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }

    /// Lets groups without checkpoints of the present edition, whose beginning the source has lost, resume from the
    /// oldest checkpoints of any edition after which the source has everything. Starting anew would forget their known
    /// locations, and while locations are learned anew nothing is raised.
    fn skip_lost_beginnings(&mut self) {
        for (of, members) in self.groups() {
            let Member { after, is_of_other_edition, .. } = self.members[of];
            let lost_until = members.iter().filter_map(|at| self.members[*at].lost_until()).max();
            let Some(lost_until) = lost_until.filter(|_| is_of_other_edition) else { continue };
            let all = members.iter().map(|at| &self.members[*at].checkpoints.times[..]);
            let times = all.filter(|times| !times.is_empty());
            let cut = earliest_cut(lost_until.min(after), times.clone())
                .filter(|cut| *cut <= after)
                .or_else(|| common_cut(after, times));
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }

    fn arguments(
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
fn first_events(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_representative_of_a_group_is_short() {
        let mut members = Reevaluation::under(0);
        for n in 0..1000 {
            members.add(Some(&format!("ASIA{n}").into()), Some(&"role".into()), n, true);
        }
        for mut at in 0..members.len() {
            let mut steps = 0;
            while members.members[at].group != at {
                at = members.members[at].group;
                steps += 1;
            }
            assert!(steps <= 10);
            assert_eq!((members.members[at].after, members.members[at].group_size), (0, 1001));
        }
    }
}
