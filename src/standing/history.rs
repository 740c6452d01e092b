//! What must be judged again for events that come late: the members that hang together, and from when on.
//!
//! A late event changes what followed it of its entity and of its baseline entity; these name other entities and
//! baseline entities, whose later events hang on theirs. So members are joined until nobody is missing, and each group
//! goes back to the latest time of which all its members kept a state.

use super::definition::texts;
use super::members::{self, Kept, Kind, TIMESTAMPTZ_ARRAY};
use super::queries::Queries;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use travel_core::rule::checkpoint::common_cut;
use travel_core::rule::{Micros, State};

/// Members with what was kept of them.
#[derive(Debug, Default)]
pub struct Histories {
    members: Vec<Member>,
    index: HashMap<(Kind, Arc<str>), usize>,
}

#[derive(Debug)]
pub struct Member {
    pub kind: Kind,
    pub name: Arc<str>,
    pub kept: Kept,
    /// Another member of its group; itself, if it stands for the group.
    group: usize,
    /// What is later is judged again. That of the one who stands for the group counts, here and below.
    from: Micros,
    /// They go on from the states of this time, which is not later.
    cut: Micros,
    /// With which cut its names were looked up.
    looked_up: Option<Micros>,
}

/// From when on a member is judged again.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// What is later. What was said of the time until then stands.
    pub from: Micros,
    /// Going on from the states of this time, which is not later.
    pub cut: Micros,
}

impl Member {
    fn go_back_to(&mut self, from: Micros, cut: Micros) {
        self.from = self.from.min(from);
        self.cut = self.cut.min(cut);
    }
}

impl Histories {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// After which time a member is judged again; none: it is not.
    pub fn again_after(&self, kind: Kind, name: &Arc<str>) -> Option<Micros> {
        self.index.get(&(kind, name.clone())).map(|at| self.of_group(*at).from)
    }

    /// An event's members, which must be judged again after `from`.
    pub fn add(&mut self, entity: Option<&Arc<str>>, baseline_entity: Option<&Arc<str>>, from: Micros) {
        let entity = entity.map(|name| self.member(Kind::Entity, name, from));
        let baseline = baseline_entity.map(|name| self.member(Kind::Baseline, name, from));
        if let (Some(a), Some(b)) = (entity, baseline) {
            self.join(a, b);
        }
    }

    /// Adds all members that hang together with these, and finds from when on each group is judged again.
    pub fn complete(&mut self, rule: &str, queries: &Queries, owner: Role) -> Result<(), TravelError> {
        let mut loaded = 0;
        loop {
            for kind in [Kind::Entity, Kind::Baseline] {
                let new: Vec<Arc<str>> = self.members[loaded..]
                    .iter()
                    .filter(|m| m.kind == kind)
                    .map(|m| m.name.clone())
                    .collect();
                let names: Vec<&str> = new.iter().map(|name| &**name).collect();
                for (name, kept) in members::load(kind, rule, &names)? {
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
                let (entity, baseline) =
                    (name(0)?, name(1)?.filter(|name| travel_core::entity::is_entity(name)));
                // As late as can be: the group that it joins says from when on.
                self.add(entity.as_ref(), baseline.as_ref(), Micros::MAX);
            }
        }
    }

    /// The states from which they go on.
    pub fn states(&self, rule: &str) -> Result<State, TravelError> {
        let at = |kind: Kind| -> Vec<(&str, Micros)> {
            let members = self.members.iter().enumerate().filter(|(_, member)| member.kind == kind);
            members.filter_map(|(at, member)| Some((&*member.name, member.kept.at(self.cut(at))?))).collect()
        };
        Ok(State {
            entities: members::states_at(Kind::Entity, rule, &at(Kind::Entity))?.into_iter().collect(),
            baselines: members::states_at(Kind::Baseline, rule, &at(Kind::Baseline))?.into_iter().collect(),
        })
    }

    /// The arguments of [`Queries::histories`].
    pub fn all(&self) -> Vec<spi::Argument> {
        self.arguments(&(0..self.members.len()).collect::<Vec<_>>())
    }

    /// Each member with the time after which its group is judged again, and that of the states that it goes on from.
    pub fn members(&self) -> impl Iterator<Item = (&Member, Again)> {
        self.members.iter().enumerate().map(|(at, member)| {
            let Member { from, cut, .. } = *self.of_group(at);
            (member, Again { from, cut })
        })
    }

    fn member(&mut self, kind: Kind, name: &Arc<str>, from: Micros) -> usize {
        let next = self.members.len();
        let at = *self.index.entry((kind, name.clone())).or_insert(next);
        if at == next {
            let name = name.clone();
            let kept = Kept::default();
            self.members.push(Member { kind, name, kept, group: at, from, cut: from, looked_up: None });
        }
        let of = self.stands_for(at);
        self.members[of].go_back_to(from, from);
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.stands_for(a), self.stands_for(b));
        let Member { from, cut, .. } = self.members[b];
        self.members[a].go_back_to(from, cut);
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

    fn find_cuts(&mut self) {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.members.len() {
            groups.entry(self.stands_for(at)).or_default().push(at);
        }
        for (of, members) in groups {
            let times =
                members.iter().map(|at| &self.members[*at].kept.times[..]).filter(|times| !times.is_empty());
            // Without states that old everything is judged from the beginning.
            let cut = common_cut(self.members[of].cut, times).unwrap_or(Micros::MIN);
            self.members[of].cut = cut;
        }
    }

    fn arguments(&self, wanted: &[usize]) -> Vec<spi::Argument> {
        let mut arguments = Vec::with_capacity(4);
        for kind in [Kind::Entity, Kind::Baseline] {
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
