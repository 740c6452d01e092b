//! Verdicts that stand. Whoever evaluates again from some time on goes on from a state that is older than that: what was
//! said in between is not said again, whatever the rule and the world have become meanwhile, and the incidents go on
//! from it.

use super::incident::DecidedLeg;
use super::settings::Micros;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Of some entities, each from its state on. An entity that is not in it is evaluated from its state on.
pub type SettledByEntity = BTreeMap<Arc<str>, SettledVerdicts>;

/// What stands of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledVerdicts {
    /// Verdicts on legs that arrive before this are not among those that stand, as they were pruned: such legs are
    /// evaluated again for the sake of the incidents, and nothing is said of them.
    pub pruned_before: Micros,
    /// No leg that arrives later has a verdict that stands.
    pub until: Micros,
    /// Verdicts on legs that arrive at this time or before may be of another edition of place data: so these legs are
    /// measured by the present one, for what comes later.
    pub other_until: Micros,
    /// In order of arrival.
    pub verdicts: VecDeque<DecidedLeg>,
}

impl Default for SettledVerdicts {
    fn default() -> Self {
        let never = Micros::MIN;
        Self { pruned_before: never, until: never, other_until: never, verdicts: VecDeque::new() }
    }
}

impl SettledVerdicts {
    /// Those that stand and were not taken yet, of legs that arrive at this time or before.
    pub fn take_until(&mut self, time: Micros) -> impl Iterator<Item = DecidedLeg> {
        let taken = self.verdicts.iter().take_while(|given| given.to_time <= time).count();
        self.verdicts.drain(..taken)
    }
}
