//! The groups of members that must be evaluated together, and the checkpoints from which they resume.

use super::{Member, Reevaluation};
use std::collections::BTreeMap;
use travel_core::rule::Micros;
use travel_core::rule::checkpoint::{common_cut, earliest_cut};

impl Member {
    pub(super) fn go_back_to(&mut self, after: Micros, late_after: Micros, cut: Micros) {
        self.after = self.after.min(after);
        self.late_after = self.late_after.min(late_after);
        self.cut = self.cut.min(cut);
    }

    /// The time until which the source has lost its events. `None` if it has them all.
    pub(super) fn lost_until(&self) -> Option<Micros> {
        let first = self.checkpoints.first_event()?;
        match self.oldest {
            Some(oldest) if oldest <= first => None,
            Some(oldest) => Some(oldest.saturating_sub(1)),
            None => Some(Micros::MAX),
        }
    }
}

impl Reevaluation {
    pub(super) fn join(&mut self, a: usize, b: usize) {
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
    pub(super) fn representative(&self, mut at: usize) -> usize {
        while self.members[at].group != at {
            at = self.members[at].group;
        }
        at
    }

    pub(super) fn of_group(&self, at: usize) -> &Member {
        &self.members[self.representative(at)]
    }

    pub(super) fn cut(&self, at: usize) -> Micros {
        self.of_group(at).cut
    }

    /// The members of each group, by the one that represents it.
    pub(super) fn groups(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.members.len() {
            groups.entry(self.representative(at)).or_default().push(at);
        }
        groups
    }

    /// Finds for each group the latest cut for which all its members have checkpoints of the present edition. A group
    /// without one is evaluated from its beginning.
    pub(super) fn find_cuts(&mut self) {
        for (of, members) in self.groups() {
            let stored = || {
                let all = members.iter().map(|at| &self.members[*at].checkpoints);
                all.filter(|checkpoints| !checkpoints.is_empty())
            };
            let present: Vec<_> = stored().map(|checkpoints| checkpoints.times_of(self.edition)).collect();
            let cut = common_cut(self.members[of].cut, present.iter().map(Vec::as_slice));
            let has_others = stored()
                .zip(&present)
                .any(|(checkpoints, present)| checkpoints.times().len() > present.len());
            self.members[of].is_of_other_edition = cut.is_none() && has_others;
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }

    /// Lets groups without checkpoints of the present edition, whose beginning the source has lost, resume from the
    /// oldest checkpoints of any edition after which the source has everything. Starting anew would forget their known
    /// locations, and while locations are learned anew nothing is raised.
    pub(super) fn skip_lost_beginnings(&mut self) {
        for (of, members) in self.groups() {
            let Member { after, is_of_other_edition, .. } = self.members[of];
            let lost_until = members.iter().filter_map(|at| self.members[*at].lost_until()).max();
            let Some(lost_until) = lost_until.filter(|_| is_of_other_edition) else { continue };
            let all = members.iter().map(|at| self.members[*at].checkpoints.times());
            let times = all.filter(|times| !times.is_empty());
            let cut = earliest_cut(lost_until.min(after), times.clone())
                .filter(|cut| *cut <= after)
                .or_else(|| common_cut(after, times));
            self.members[of].cut = cut.unwrap_or(Micros::MIN);
        }
    }
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
