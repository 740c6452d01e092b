//! Alerts of several rules that are about one incident: those of one entity or of one user that overlap in time, those
//! that overlap with one of these, and so on.

use crate::event_set::{Memory, Ticks, TooLarge};
use crate::rule::Micros;

/// When an alert happened, and whose it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertSpan<'a> {
    pub id: i64,
    pub entity: Option<&'a str>,
    pub user: Option<&'a str>,
    /// The time of its first event and of its last one, both included.
    pub start: Micros,
    pub end: Micros,
}

/// The incident of each alert, which is the smallest id of the alerts that belong to it. It takes the time of two sorts
/// and 32 bytes an alert.
pub fn incidents<M: Memory>(alerts: &[AlertSpan], memory: &M) -> Result<M::Slice<i64>, TooLarge> {
    let mut groups = Groups::<M> { parents: memory.slice(alerts.len())? };
    for (at, parent) in groups.parents.iter_mut().enumerate() {
        *parent = at;
    }
    groups.join_overlapping(alerts, |alert| alert.entity, memory)?;
    groups.join_overlapping(alerts, |alert| alert.user, memory)?;
    let mut smallest: M::Slice<i64> = memory.slice(alerts.len())?;
    for (smallest, alert) in smallest.iter_mut().zip(alerts) {
        *smallest = alert.id;
    }
    let mut ticks = Ticks::of(memory);
    for (at, alert) in alerts.iter().enumerate() {
        ticks.step();
        let root = groups.root(at);
        smallest[root] = smallest[root].min(alert.id);
    }
    let mut found: M::Slice<i64> = memory.slice(alerts.len())?;
    for (at, incident) in found.iter_mut().enumerate() {
        ticks.step();
        *incident = smallest[groups.root(at)];
    }
    Ok(found)
}

/// After how many alerts the memory is told.
const TICK: usize = 4096;

/// Disjoint sets of alerts, by their positions: each has a parent in its set, and the root is its own.
struct Groups<M: Memory> {
    parents: M::Slice<usize>,
}

impl<M: Memory> Groups<M> {
    /// Joins the alerts that have a key in common and overlap.
    fn join_overlapping<'a>(
        &mut self,
        alerts: &[AlertSpan<'a>],
        key: impl Fn(&AlertSpan<'a>) -> Option<&'a str>,
        memory: &M,
    ) -> Result<(), TooLarge> {
        memory.tick();
        let mut order: M::Slice<usize> = memory.slice(alerts.len())?;
        let mut count = 0;
        for (at, _) in alerts.iter().enumerate().filter(|(_, alert)| key(alert).is_some()) {
            order[count] = at;
            count += 1;
        }
        let order = &mut order[..count];
        let mut ticks = Ticks::of(memory);
        order.sort_unstable_by(|a, b| {
            ticks.step();
            let [a, b] = [a, b].map(|at| (key(&alerts[*at]), alerts[*at].start));
            a.cmp(&b)
        });
        // The alert of the present key that ends last so far: one that starts later overlaps with none before it.
        let mut last: Option<usize> = None;
        for (n, at) in order.iter().copied().enumerate() {
            if n % TICK == 0 {
                memory.tick();
            }
            let (alert, before) = (&alerts[at], last.map(|last| &alerts[last]));
            let overlaps =
                before.is_some_and(|before| key(before) == key(alert) && alert.start <= before.end);
            if let Some(last) = last.filter(|_| overlaps) {
                self.join(last, at);
            }
            if !overlaps || before.is_some_and(|before| before.end < alert.end) {
                last = Some(at);
            }
        }
        Ok(())
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller position becomes the root, so the result does not depend on the order of the joins.
        self.parents[a.max(b)] = a.min(b);
    }

    /// The root of a set. It halves the way there for the next call.
    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_set::test_memory::{Heap, Ticking};
    use proptest::prelude::*;

    fn found(alerts: &[AlertSpan]) -> Vec<i64> {
        incidents(alerts, &Heap).unwrap()
    }

    fn alert<'a>(id: i64, entity: &'a str, user: &'a str, start: Micros, end: Micros) -> AlertSpan<'a> {
        let named = |name: &'a str| (!name.is_empty()).then_some(name);
        AlertSpan { id, entity: named(entity), user: named(user), start, end }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn the_sorts_of_many_alerts_can_be_interrupted() {
        let names: Vec<String> = (0..1000).map(|n| format!("entity {n}")).collect();
        let alerts: Vec<AlertSpan> =
            (0..100_000).map(|n| alert(n, &names[n as usize * 7919 % 1000], "", n, n + 10)).collect();
        let memory = Ticking::default();
        incidents(&alerts, &memory).unwrap();
        // The loops over the alerts tick every 4,096 alerts. A sort compares each alert about 16 times.
        assert!(memory.0.get() >= 100_000 / TICK + 100_000 * 10 / 65_536, "{}", memory.0.get());
    }

    #[test]
    fn alerts_of_one_entity_or_user_that_overlap_are_one_incident() {
        let alerts = [
            alert(7, "key", "alice", 0, 10),
            alert(5, "account | alice", "alice", 10, 20),
            // Later than the others.
            alert(3, "key", "alice", 21, 30),
            // At the same time, but somebody else's.
            alert(2, "other key", "bob", 0, 30),
            // It has no user, and the entity connects it with the first one, and so with the second.
            alert(9, "key", "", 5, 5),
        ];
        assert_eq!(found(&alerts), [5, 5, 3, 2, 5]);
    }

    #[test]
    fn an_alert_within_a_longer_one_does_not_end_it() {
        let alerts = [alert(1, "k", "", 0, 100), alert(2, "k", "", 10, 20), alert(3, "k", "", 50, 60)];
        assert_eq!(found(&alerts), [1, 1, 1]);
    }

    #[test]
    fn alerts_without_names_are_alone() {
        assert_eq!(found(&[alert(1, "", "", 0, 9), alert(2, "", "", 0, 9)]), [1, 2]);
        assert_eq!(found(&[]), [0_i64; 0]);
    }

    /// The same, by comparing all alerts with each other until nothing changes.
    fn incidents_by_comparing(alerts: &[AlertSpan]) -> Vec<i64> {
        let mut found: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
        loop {
            let before = found.clone();
            for (i, a) in alerts.iter().enumerate() {
                for (j, b) in alerts.iter().enumerate() {
                    let same = |x: Option<&str>, y: Option<&str>| x.is_some() && x == y;
                    let related = same(a.entity, b.entity) || same(a.user, b.user);
                    if related && a.start <= b.end && b.start <= a.end {
                        found[i] = found[i].min(found[j]);
                    }
                }
            }
            if found == before {
                return found;
            }
        }
    }

    proptest! {
        #[test]
        fn incidents_are_what_comparing_all_alerts_finds(
            spans in prop::collection::vec((0..40_i64, 0..8_i64, "[ab]?", "[xy]?"), 0..30),
        ) {
            let alerts: Vec<AlertSpan> = spans
                .iter()
                .enumerate()
                .map(|(n, (start, length, entity, user))| {
                    alert(100 - n as i64, entity, user, *start, start + length)
                })
                .collect();
            prop_assert_eq!(found(&alerts), incidents_by_comparing(&alerts));
        }
    }
}
