//! What must be evaluated again for events that come late: the members that hang together, and from when on.
//!
//! A late event changes what followed it of its entity and of its baseline entity; these name other entities and
//! baseline entities, whose later events hang on theirs. So members are joined until nobody is missing, and each group
//! goes back to the latest time of which all its members kept a state.
//!
//! Members whose states are of another edition of place data (see [`travel_core::rule::relocate`]) are evaluated again when
//! their next event comes: from their beginning, so that every address is looked up by the present edition, while all
//! verdicts until then stand. Where the source has lost their beginning, they go on from the oldest state after which it
//! has everything, relocated.

use super::checkpoints::{self, Checkpoints, MemberKind, StoredState, TIMESTAMPTZ_ARRAY};
use super::definition::texts;
use super::reader::is_baseline_entity;
use super::source_queries::SourceQueries;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::{common_cut, earliest_cut};
use travel_core::rule::{BaselineState, CurrentLocation, EntityState, Micros, Rule, State};
use travel_core::site::Site;

/// Members with what was kept of them.
#[derive(Debug)]
pub struct Reevaluation {
    /// The present edition of place data.
    edition: i64,
    members: Vec<Member>,
    index: HashMap<(MemberKind, Arc<str>), usize>,
}

#[derive(Debug)]
pub struct Member {
    pub kind: MemberKind,
    pub name: Arc<str>,
    pub kept: Checkpoints,
    /// Another member of its group; itself, if it stands for the group.
    group: usize,
    /// What is later is evaluated again. That of the one who stands for the group counts, here and below.
    from: Micros,
    /// What is later is evaluated again even if it was evaluated before: for what came late, not for another edition alone.
    late: Micros,
    /// They go on from the states of this time, which is not later.
    cut: Micros,
    /// Some of them have no state of the present edition from which they could go on.
    is_other: bool,
    /// Of its own: the oldest event that the source has.
    oldest: Option<Micros>,
    /// With which cut its names were looked up.
    looked_up: Option<Micros>,
}

/// From when on a member is evaluated again.
#[derive(Clone, Copy, Debug)]
pub struct RestartPoint {
    /// What is later. What was said of the time until then stands.
    pub from: Micros,
    /// Going on from the states of this time, which is not later.
    pub cut: Micros,
}

impl Member {
    fn go_back_to(&mut self, from: Micros, late: Micros, cut: Micros) {
        self.from = self.from.min(from);
        self.late = self.late.min(late);
        self.cut = self.cut.min(cut);
    }

    /// The time until which the source has lost its events; none: it has them all.
    fn lost_until(&self) -> Option<Micros> {
        let first = self.kept.first_event()?;
        match self.oldest {
            Some(oldest) if oldest <= first => None,
            Some(oldest) => Some(oldest.saturating_sub(1)),
            None => Some(Micros::MAX),
        }
    }
}

impl Reevaluation {
    pub fn under(edition: i64) -> Self {
        Self { edition, members: Vec::new(), index: HashMap::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// After which time a member is evaluated again; none: it is not.
    pub fn again_after(&self, kind: MemberKind, name: &Arc<str>) -> Option<Micros> {
        self.index.get(&(kind, name.clone())).map(|at| self.of_group(*at).from)
    }

    /// An event's members, which must be evaluated again after `from`: also what was evaluated before (`late`), or only what
    /// is new.
    pub fn add(
        &mut self,
        entity: Option<&Arc<str>>,
        baseline_entity: Option<&Arc<str>>,
        from: Micros,
        late: bool,
    ) {
        let late = if late { from } else { Micros::MAX };
        let entity = entity.map(|name| self.member(MemberKind::Entity, name, from, late));
        let baseline = baseline_entity.map(|name| self.member(MemberKind::Baseline, name, from, late));
        if let (Some(a), Some(b)) = (entity, baseline) {
            self.join(a, b);
        }
    }

    /// Adds all members that hang together with these, and finds from when on each group is evaluated again.
    pub fn complete(&mut self, rule: &str, queries: &SourceQueries, owner: Role) -> Result<(), TravelError> {
        let mut loaded = 0;
        loop {
            for kind in [MemberKind::Entity, MemberKind::Baseline] {
                let new: Vec<Arc<str>> = self.members[loaded..]
                    .iter()
                    .filter(|m| m.kind == kind)
                    .map(|m| m.name.clone())
                    .collect();
                let names: Vec<&str> = new.iter().map(|name| &**name).collect();
                for (name, kept) in checkpoints::load(kind, rule, &names)? {
                    if let Some(at) = self.index.get(&(kind, name)) {
                        self.members[*at].kept = kept;
                    }
                }
            }
            loaded = self.members.len();
            self.find_cuts();
            let wanted: Vec<usize> = (0..self.members.len())
                .filter(|at| self.members[*at].looked_up.is_none_or(|before| self.cut(*at) < before))
                .collect();
            if wanted.is_empty() {
                self.skip_what_is_lost();
                return Ok(());
            }
            for at in &wanted {
                self.members[*at].looked_up = Some(self.cut(*at));
            }
            let arguments = self.arguments(&wanted);
            let rows = with_rights_of(owner, || {
                queries.look_up(|| spi::select(&queries.names_in_histories(), &arguments))
            });
            for row in 0..rows.len {
                let name = |column| Ok::<_, TravelError>(rows.text(row, column)?.map(Arc::<str>::from));
                let (entity, baseline) = (name(0)?, name(1)?.filter(|name| is_baseline_entity(name)));
                // As late as can be: the group that it joins says from when on.
                self.add(entity.as_ref(), baseline.as_ref(), Micros::MAX, false);
                let oldest = rows.i64(row, 2);
                for (kind, name) in [(MemberKind::Entity, entity), (MemberKind::Baseline, baseline)] {
                    if let Some(at) = name.and_then(|name| self.index.get(&(kind, name))) {
                        let member = &mut self.members[*at];
                        member.oldest = member.oldest.into_iter().chain(oldest).min();
                    }
                }
            }
        }
    }

    /// The states from which they go on: those of other editions as `look_up` relocates them.
    pub fn states(
        &self,
        rule: &str,
        settings: &Rule,
        mut look_up: impl FnMut(Site, Micros) -> Result<Option<CurrentLocation>, TravelError>,
    ) -> Result<State, TravelError> {
        let at = |kind: MemberKind| -> Vec<(&str, Micros)> {
            let members = self.members.iter().enumerate().filter(|(_, member)| member.kind == kind);
            members.filter_map(|(at, member)| Some((&*member.name, member.kept.at(self.cut(at))?))).collect()
        };
        let is_present = |edition| edition == Some(self.edition);
        let mut states = State::default();
        for kept in checkpoints::states_at::<EntityState>(MemberKind::Entity, rule, &at(MemberKind::Entity))?
        {
            let StoredState { name, edition, state } = kept;
            let state = if is_present(edition) { state } else { state.relocated(settings, &mut look_up)? };
            states.entities.insert(name, state);
        }
        for kept in
            checkpoints::states_at::<BaselineState>(MemberKind::Baseline, rule, &at(MemberKind::Baseline))?
        {
            let StoredState { name, edition, state } = kept;
            let state = if is_present(edition) { state } else { state.relocated(settings, &mut look_up)? };
            states.baselines.insert(name, state);
        }
        Ok(states)
    }

    /// The arguments of [`SourceQueries::histories`].
    pub fn all(&self) -> Vec<spi::Argument> {
        self.arguments(&(0..self.members.len()).collect::<Vec<_>>())
    }

    /// Each member with the time after which its group is evaluated again, and that of the states that it goes on from.
    pub fn members(&self) -> impl Iterator<Item = (&Member, RestartPoint)> {
        self.members.iter().enumerate().map(|(at, member)| {
            let Member { from, late, cut, .. } = *self.of_group(at);
            // What was evaluated of it before stands, unless something came late.
            let evaluated = member.kept.evaluated_until().map_or(from, |until| from.max(until));
            (member, RestartPoint { from: late.min(evaluated), cut })
        })
    }

    fn member(&mut self, kind: MemberKind, name: &Arc<str>, from: Micros, late: Micros) -> usize {
        let next = self.members.len();
        let at = *self.index.entry((kind, name.clone())).or_insert(next);
        if at == next {
            let name = name.clone();
            let kept = Checkpoints::default();
            self.members.push(Member {
                kind,
                name,
                kept,
                group: at,
                from,
                late,
                cut: from,
                is_other: false,
                oldest: None,
                looked_up: None,
            });
        }
        let of = self.stands_for(at);
        self.members[of].go_back_to(from, late, from);
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.stands_for(a), self.stands_for(b));
        let Member { from, late, cut, .. } = self.members[b];
        self.members[a].go_back_to(from, late, cut);
        self.members[b].group = a;
    }

    fn stands_for(&self, mut at: usize) -> usize {
        while self.members[at].group != at {
            at = self.members[at].group;
        }
        at
    }

    fn of_group(&self, at: usize) -> &Member {
        &self.members[self.stands_for(at)]
    }

    fn cut(&self, at: usize) -> Micros {
        self.of_group(at).cut
    }

    fn groups(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.members.len() {
            groups.entry(self.stands_for(at)).or_default().push(at);
        }
        groups
    }

    /// The latest cuts for which all members of a group kept states of the present edition. Without, everything is
    /// evaluated from the beginning.
    fn find_cuts(&mut self) {
        for (of, members) in self.groups() {
            let kept =
                || members.iter().map(|at| &self.members[*at].kept).filter(|kept| !kept.times.is_empty());
            let present: Vec<_> = kept().map(|kept| kept.times_of(self.edition)).collect();
            let cut = common_cut(self.members[of].cut, present.iter().map(Vec::as_slice));
            let has_others = kept().zip(&present).any(|(kept, present)| kept.times.len() > present.len());
            self.members[of].is_other = cut.is_none() && has_others;
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }

    /// Where the source has lost the beginning of members without states of the present edition: they go on from the
    /// oldest states of any edition after which it has everything. To begin anew would be to forget what they are known
    /// for, and to learn anew is to raise nothing.
    fn skip_what_is_lost(&mut self) {
        for (of, members) in self.groups() {
            let Member { from, is_other, .. } = self.members[of];
            let lost_until = members.iter().filter_map(|at| self.members[*at].lost_until()).max();
            let Some(lost_until) = lost_until.filter(|_| is_other) else { continue };
            let times =
                members.iter().map(|at| &self.members[*at].kept.times[..]).filter(|times| !times.is_empty());
            let cut = earliest_cut(lost_until.min(from), times.clone())
                .filter(|cut| *cut <= from)
                .or_else(|| common_cut(from, times));
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }

    fn arguments(&self, wanted: &[usize]) -> Vec<spi::Argument> {
        let mut arguments = Vec::with_capacity(4);
        for kind in [MemberKind::Entity, MemberKind::Baseline] {
            let of_kind: Vec<usize> =
                wanted.iter().copied().filter(|at| self.members[*at].kind == kind).collect();
            let names: Vec<&str> = of_kind.iter().map(|at| &*self.members[*at].name).collect();
            let cuts: Vec<Micros> = of_kind.iter().map(|at| self.cut(*at)).collect();
            arguments.push(texts(&names));
            arguments.push((TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(&cuts))));
        }
        arguments
    }
}
