//! What the model learns.

use super::{Model, Place};
use std::collections::BTreeSet;
use travel_core::rule::settings::DAY;
use travel_core::rule::{KnownItem, Learn, Micros};

impl Model<'_> {
    pub(super) fn baseline_entity(&self, i: usize) -> Option<String> {
        self.events[i].baseline_entity.as_ref().filter(|_| self.rule.baseline).map(ToString::to_string)
    }

    /// The journey of a baseline entity.
    fn journey(&self, of: &str) -> Vec<usize> {
        (0..self.events.len())
            .filter(|i| self.ordinary(*i) && self.baseline_entity(*i).as_deref() == Some(of))
            .collect()
    }

    /// Those of its events that teach.
    fn teaching(&self, of: &str) -> Vec<usize> {
        let proven = self.rule.learn == Learn::Proven;
        let mut journey = self.journey(of);
        journey.retain(|i| self.place(*i).is_some() && !(proven && self.events[*i].anonymizer.is_some()));
        journey
    }

    pub(super) fn learning(&self, of: &str, at: Micros) -> bool {
        match self.journey(of).first() {
            Some(first) => at < self.events[*first].time + self.rule.learning_period,
            None => true,
        }
    }

    /// The events of the place's newest stay, of those that come before the n-th event.
    fn stay(&self, of: &str, place: &Place, n: usize) -> Vec<usize> {
        let mut stay: Vec<usize> = Vec::new();
        for i in self.teaching(of).into_iter().filter(|i| *i < n && self.place(*i).as_ref() == Some(place)) {
            let gap = stay.last().map(|last| self.events[i].time - self.events[*last].time);
            if gap.is_some_and(|gap| gap > self.rule.forget_after) {
                stay.clear();
            }
            stay.push(i);
        }
        stay
    }

    /// Walks the trials of a stay: which event would make the place known, if nothing contested it; otherwise, where
    /// its last trial begins.
    fn trials(&self, of: &str, stay: &[usize]) -> Result<usize, usize> {
        let at = |i: usize| self.events[i].time;
        let mut begin = 0;
        if self.learning(of, at(stay[0])) || self.rule.learn == Learn::Encountered {
            return Ok(stay[0]);
        }
        loop {
            let end = at(stay[begin]) + self.rule.trial_period;
            let Some(after) = (begin..stay.len()).find(|k| at(stay[*k]) >= end) else {
                return Err(stay[begin]);
            };
            let days: BTreeSet<i64> = stay[begin..after].iter().map(|i| at(*i).div_euclid(DAY)).collect();
            if days.len() >= 3 {
                return Ok(stay[after]);
            }
            begin = after;
        }
    }

    /// The first event before the n-th from which on the place is contested.
    fn contested(&self, of: &str, place: &Place, n: usize) -> Option<usize> {
        if self.rule.learn == Learn::Encountered {
            return None;
        }
        let key = (of.to_owned(), place.clone(), n);
        if let Some(known) = self.contested.borrow().get(&key) {
            return *known;
        }
        let restricted: Vec<usize> = self
            .teaching(of)
            .into_iter()
            .filter(|i| *i < n && (self.place(*i).as_ref() == Some(place) || self.known_then(of, *i)))
            .collect();
        let contested = restricted.windows(2).find(|pair| {
            let here = |i: usize| self.place(i).as_ref() == Some(place);
            (here(pair[0]) || here(pair[1]))
                && self.impossible(pair[0], pair[1])
                // Trials begin only after the learning period.
                && !self.learning(of, self.events[pair[1]].time)
                && !self.known(of, place, pair[1], self.events[pair[1]].time)
        });
        let contested = contested.map(|pair| pair[1]);
        self.contested.borrow_mut().insert(key, contested);
        contested
    }

    /// Whether what was learned from the events before the n-th makes the place known at this time.
    pub(super) fn known(&self, of: &str, place: &Place, n: usize, at: Micros) -> bool {
        let stay = self.stay(of, place, n);
        let Some(last) = stay.last() else { return false };
        at - self.events[*last].time <= self.rule.forget_after
            && self.trials(of, &stay).is_ok()
            && self.contested(of, place, n).is_none()
    }

    /// Whether an event's place was known when it happened, or became known by it, or an analyst's row makes it count.
    fn known_then(&self, of: &str, i: usize) -> bool {
        if let Some(known) = self.known_then.borrow().get(&i) {
            return *known;
        }
        let Some(place) = self.place(i) else { return false };
        let at = self.events[i].time;
        let known = self.known(of, &place, i, at)
            || self.known(of, &place, i + 1, at)
            || self.row_holds(of, &place, at);
        self.known_then.borrow_mut().insert(i, known);
        known
    }

    pub(super) fn rows_in_force(&self, of: &str, at: Micros) -> impl Iterator<Item = &KnownItem> {
        self.analysts
            .iter()
            .filter(move |row| {
                *row.baseline_entity == *of
                    && row.valid_from < at
                    && row.valid_until.is_none_or(|until| at < until)
            })
            .map(|row| &row.known)
    }

    pub(super) fn row_holds(&self, of: &str, place: &Place, at: Micros) -> bool {
        self.rows_in_force(of, at)
            .any(|known| matches!(known, KnownItem::Place(key) if self.place_of_row(key) == *place))
    }

    pub(super) fn places(&self, of: &str) -> BTreeSet<Place> {
        self.teaching(of).into_iter().filter_map(|i| self.place(i)).collect()
    }

    fn baseline_entities(&self) -> BTreeSet<String> {
        (0..self.events.len()).filter(|i| self.ordinary(*i)).filter_map(|i| self.baseline_entity(i)).collect()
    }

    pub(super) fn learned_places(&self) -> Vec<(String, Place, &'static str, Micros, Micros, Micros)> {
        let mut learned = Vec::new();
        let n = self.events.len();
        for of in self.baseline_entities() {
            let now = self.events[*self.journey(&of).last().unwrap()].time;
            for place in self.places(&of) {
                let at = |i: usize| self.events[i].time;
                let stay = self.stay(&of, &place, n);
                let (first, last) = (stay[0], stay[stay.len() - 1]);
                if let Some(since) = self.contested(&of, &place, n) {
                    // The first event of the stay in which it was contested.
                    let first = self.stay(&of, &place, since + 1)[0];
                    learned.push((of.clone(), place, "contested", at(since), at(first), at(last)));
                } else if now - at(last) <= self.rule.forget_after {
                    let (state, since) = match self.trials(&of, &stay) {
                        Ok(since) => ("known", since),
                        Err(since) => ("trial", since),
                    };
                    learned.push((of.clone(), place, state, at(since), at(first), at(last)));
                }
            }
        }
        learned
    }

    /// When ordinary legs of the baseline entity, before the n-th event, went from one place to another.
    pub(super) fn travels(&self, of: &str, from: &Place, to: &Place, n: usize) -> Vec<Micros> {
        if !self.rule.learn_transitions || self.rule.learn == Learn::Proven || from == to {
            return Vec::new();
        }
        (0..n)
            .filter(|j| self.ordinary(*j) && self.baseline_entity(*j).as_deref() == Some(of))
            .filter(|j| self.place(*j).as_ref() == Some(to))
            .filter(|j| self.leg_arriving_at(*j).is_some_and(|i| self.place(i).as_ref() == Some(from)))
            .map(|j| self.events[j].time)
            .collect()
    }

    pub(super) fn learned_transitions(&self) -> Vec<(String, Place, Place, Micros, Micros)> {
        let mut learned = Vec::new();
        for of in self.baseline_entities() {
            let now = self.events[*self.journey(&of).last().unwrap()].time;
            // Legs may start at events of other baseline entities.
            let everywhere: BTreeSet<Place> = (0..self.events.len()).filter_map(|i| self.place(i)).collect();
            for from in &everywhere {
                for to in &everywhere {
                    let travels = self.travels(&of, from, to, self.events.len());
                    let Some(last) = travels.last().filter(|last| now - **last <= 180 * DAY) else {
                        continue;
                    };
                    let run = (0..travels.len())
                        .rev()
                        .take_while(|k| *k + 1 == travels.len() || travels[k + 1] - travels[*k] <= 180 * DAY);
                    let first = travels[run.min().unwrap()];
                    learned.push((of.clone(), from.clone(), to.clone(), first, *last));
                }
            }
        }
        learned
    }
}
