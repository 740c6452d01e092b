//! Checkpoints: which of its earlier states a scan keeps of a member (an entity or a baseline entity), for late events.
//!
//! A state is valid from one event until the next, so it can serve any *cut* between the two. A scan keeps the states
//! that are valid just before certain whole hours. The older the hour is, compared with the newest event of all, the
//! coarser the choice: of hours that are `2^j` hours old or older, only multiples of `2^j` hours count. A member
//! therefore keeps about two states for each doubling of its age, and an event that comes `t` late is evaluated from a
//! state that is at most a few times `t` old. The hours are the same for all members, so members that must be evaluated
//! together find a cut that the checkpoints of all of them can serve.

use super::settings::{HOUR, Micros};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// 2^20 hours are about 120 years, longer than any history.
const LEVELS: u32 = 20;

/// An earlier state of a member, and the times between which it was valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<S> {
    pub member: Arc<str>,
    /// The time of the event that led to the state.
    pub evaluated_until: Micros,
    /// The time of the next event, which ended the state.
    pub valid_until: Micros,
    pub state: S,
}

/// Returns whether a state is kept while `newest` is the time of the newest event of all. A state that is not kept is
/// never needed again, because with a newer event fewer states are kept.
pub fn is_kept(evaluated_until: Micros, valid_until: Micros, newest: Micros) -> bool {
    // The hour of a higher level is never later than the hour of a lower level.
    (0..=LEVELS)
        .map(|level| (level, HOUR << level))
        .map(|(level, step)| (level, valid_until.div_euclid(step).saturating_mul(step)))
        .take_while(|(_, hour)| *hour > evaluated_until)
        .any(|(level, hour)| level_of(newest.saturating_sub(hour)) <= level)
}

/// The level of hours of this age: only multiples of `2^level` hours count.
fn level_of(age: Micros) -> u32 {
    let hours = age.max(0) / HOUR;
    hours.checked_ilog2().unwrap_or(0)
}

/// The latest cut, not after `cut`, that the states of every member can serve. Each member is given as the times of its
/// states (`evaluated_until`, `valid_until`) in ascending order. `None` if a member has no state that early.
pub fn common_cut<'a>(
    mut cut: Micros,
    members: impl Iterator<Item = &'a [(Micros, Micros)]> + Clone,
) -> Option<Micros> {
    loop {
        let before = cut;
        for states in members.clone() {
            let at = states.partition_point(|(evaluated_until, _)| *evaluated_until <= cut).checked_sub(1)?;
            let (_, valid_until) = states[at];
            if valid_until <= cut {
                cut = valid_until.checked_sub(1)?;
            }
        }
        if cut == before {
            return Some(cut);
        }
    }
}

/// The earliest cut, not before `cut`, that the states of every member can serve. Members are given as in
/// [`common_cut`].
pub fn earliest_cut<'a>(
    mut cut: Micros,
    members: impl Iterator<Item = &'a [(Micros, Micros)]> + Clone,
) -> Option<Micros> {
    loop {
        let before = cut;
        for states in members.clone() {
            let after = states.partition_point(|(evaluated_until, _)| *evaluated_until <= cut);
            let is_covered = after.checked_sub(1).is_some_and(|at| cut < states[at].1);
            if !is_covered {
                cut = states.get(after)?.0;
            }
        }
        if cut == before {
            return Some(cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(times: &[Micros]) -> Vec<(Micros, Micros)> {
        let newest = *times.last().unwrap();
        times.windows(2).map(|pair| (pair[0], pair[1])).filter(|(a, b)| is_kept(*a, *b, newest)).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn a_long_history_keeps_few_states() {
        let times: Vec<Micros> = (0..200_000).map(|n| n * HOUR / 10 + n % 7).collect();
        let kept = kept(&times);
        assert!((12..=40).contains(&kept.len()), "{}", kept.len());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn a_late_event_finds_a_state_not_much_older_than_itself() {
        let times: Vec<Micros> = (0..100_000).map(|n| n * HOUR / 10).collect();
        let kept = kept(&times);
        let newest = *times.last().unwrap();
        for hours in [1, 2, 5, 10, 24, 50, 100, 700, 5000] {
            let late = newest - hours * HOUR;
            let (evaluated_until, _) = *kept.iter().rfind(|(_, valid_until)| *valid_until <= late).unwrap();
            assert!(newest - evaluated_until <= 4 * hours * HOUR + 2 * HOUR, "{hours}");
        }
    }

    #[test]
    fn members_agree_on_a_cut() {
        let a = [(Micros::MIN, 10), (10, 20), (30, Micros::MAX)];
        let b = [(Micros::MIN, 5), (12, 15), (15, Micros::MAX)];
        let cut = |at| common_cut(at, [&a[..], &b[..]].into_iter());
        assert_eq!(cut(100), Some(100));
        assert_eq!(cut(30), Some(30));
        assert_eq!(cut(29), Some(19));
        assert_eq!(cut(14), Some(14));
        assert_eq!(cut(11), Some(4));
        assert_eq!(common_cut(100, [&a[1..2], &b[2..]].into_iter()), Some(19));
        assert_eq!(common_cut(9, [&a[1..]].into_iter()), None);
    }

    #[test]
    fn the_earliest_cut_is_one_that_all_members_answer_for() {
        let a = [(Micros::MIN, 10), (10, 20), (30, Micros::MAX)];
        let b = [(Micros::MIN, 5), (12, 15), (15, Micros::MAX)];
        let cut = |at| earliest_cut(at, [&a[..], &b[..]].into_iter());
        assert_eq!(cut(Micros::MIN), Some(Micros::MIN));
        assert_eq!(cut(4), Some(4));
        assert_eq!(cut(5), Some(12));
        assert_eq!(cut(14), Some(14));
        assert_eq!(cut(20), Some(30));
        assert_eq!(cut(100), Some(100));
        assert_eq!(earliest_cut(11, [&b[..2]].into_iter()), Some(12));
        assert_eq!(earliest_cut(15, [&b[..2]].into_iter()), None);
    }

    #[test]
    fn a_damaged_time_at_the_end_of_all_times_is_no_overflow() {
        assert!(!is_kept(i64::MIN, i64::MIN, i64::MAX));
        assert!(is_kept(i64::MAX - HOUR, i64::MAX, i64::MAX));
    }

    proptest! {
        #[test]
        fn a_state_is_kept_if_it_covers_an_hour_of_any_level_that_counts(
            a in -50_000_000i64..50_000_000, gap in 1i64..50_000_000, to in 0i64..50_000_000,
        ) {
            let minute = HOUR / 60;
            let (from, until) = (a * minute, (a + gap) * minute);
            let newest = until + to * minute;
            let covers_one = (0..=LEVELS).any(|level| {
                let hour = until.div_euclid(HOUR << level) * (HOUR << level);
                hour > from && level_of(newest - hour) <= level
            });
            prop_assert_eq!(is_kept(from, until, newest), covers_one);
        }

        /// A scan never wants a state again that an earlier one dropped.
        #[test]
        fn what_is_kept_later_was_kept_before(a in 0i64..2_000_000, gap in 1i64..200_000, to in 0i64..2_000_000, more in 0i64..2_000_000) {
            let minute = HOUR / 60;
            let (from, until) = (a * minute, (a + gap) * minute);
            let newest = until + to * minute;
            if is_kept(from, until, newest + more * minute) {
                prop_assert!(is_kept(from, until, newest));
            }
        }
    }
}
