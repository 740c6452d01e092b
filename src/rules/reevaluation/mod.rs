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
//!
//! | module | what it holds |
//! |---|---|
//! | this one | the members, and from when on each of them is evaluated again |
//! | [`groups`] | the groups that are evaluated together, and the checkpoints from which they resume |
//! | [`histories`] | what the histories of members in the source say: names, first events |

mod groups;
mod histories;

use super::checkpoints::{self, Checkpoints, MemberKind};
use super::minted_keys;
use super::source_queries::SourceQueries;
use crate::pg::errors::TravelError;
use crate::pg::role::Role;
use crate::pg::spi::Argument;
use crate::pg::time::just_before;
use histories::first_events;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
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
    /// Whether the checkpoints, if there are any, are loaded.
    is_loaded: bool,
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
    /// Whether its history has events without a baseline user.
    has_events_without_baseline: bool,
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

    /// Sets the checkpoints of a member that was added, or notes that it has none. They need not be loaded then.
    pub fn know(&mut self, kind: MemberKind, name: &Arc<str>, checkpoints: Option<&Checkpoints>) {
        let Some(at) = self.index.get(&(kind, name.clone())) else { return };
        let member = &mut self.members[*at];
        if !member.is_loaded {
            member.is_loaded = true;
            member.checkpoints = checkpoints.cloned().unwrap_or_default();
        }
    }

    /// Adds all members that depend on those that were added, and finds from when on each group is evaluated again.
    pub fn complete(&mut self, rule: &str, queries: &SourceQueries, owner: Role) -> Result<(), TravelError> {
        let mut loaded = 0;
        loop {
            self.load_checkpoints(rule, loaded)?;
            loaded = self.members.len();
            for (at, member) in self.members.iter().enumerate() {
                if self.of_group(at).after != Micros::MIN {
                    member.checkpoints.must_be_readable(rule)?;
                }
            }
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
            let is_new = |member: &&Member| member.checkpoints.is_empty();
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
            let new = self.members[from..].iter().filter(|member| member.kind == kind && !member.is_loaded);
            let names: Vec<Arc<str>> = new.map(|member| member.name.clone()).collect();
            for (name, checkpoints) in checkpoints::load(kind, rule, &names)? {
                if let Some(at) = self.index.get(&(kind, name)) {
                    self.members[*at].checkpoints = checkpoints;
                }
            }
        }
        self.members[from..].iter_mut().for_each(|member| member.is_loaded = true);
        Ok(())
    }

    /// The states from which the members resume. Those of other editions are relocated with `look_up`.
    pub fn states(
        &self,
        rule: &str,
        settings: &Rule,
        mut look_up: impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, TravelError>,
    ) -> Result<EvaluationState, TravelError> {
        let mut states = EvaluationState::default();
        for (at, Member { kind, name, checkpoints, .. }) in self.members.iter().enumerate() {
            let (cut, name) = (self.cut(at), name.clone());
            match kind {
                MemberKind::Entity => {
                    let Some((state, edition)) = checkpoints.at::<EntityState>(rule, cut)? else { continue };
                    let is_present = edition == Some(self.edition);
                    let state = if is_present { state } else { state.relocated(settings, &mut look_up)? };
                    states.entities.insert(name, state);
                }
                MemberKind::Baseline => {
                    let Some((state, edition)) = checkpoints.at::<BaselineState>(rule, cut)? else {
                        continue;
                    };
                    let is_present = edition == Some(self.edition);
                    let state = if is_present { state } else { state.relocated(settings, &mut look_up)? };
                    states.baselines.insert(name, state);
                }
            }
        }
        Ok(states)
    }

    /// Returns the arguments of [`SourceQueries::histories`] that find each event of all members, if possible only
    /// once. If each event of an entity has a baseline user, the histories of these users contain all events of the
    /// entity, because the entity and its users are in one group.
    pub fn events_arguments(
        &self,
        rule: &str,
        queries: &SourceQueries,
    ) -> Result<Vec<Argument>, TravelError> {
        let is_wanted = |member: &Member| {
            member.kind == MemberKind::Baseline || member.has_events_without_baseline || queries.has_lineage()
        };
        let wanted = (0..self.members.len()).filter(|at| is_wanted(&self.members[*at]));
        self.arguments(&wanted.collect::<Vec<_>>(), rule, queries)
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
                is_loaded: false,
                group: at,
                group_size: 1,
                after,
                late_after,
                cut: after,
                is_of_other_edition: false,
                oldest: None,
                has_events_without_baseline: false,
                looked_up: None,
            });
        }
        let of = self.representative(at);
        self.members[of].go_back_to(after, late_after, after);
        at
    }
}
