//! Settled verdicts. To evaluate again from some time on, a scan continues from a checkpoint that is older than that
//! time. The verdicts given in between are settled: they are not given again, however the rule and its inputs have
//! changed since, and the incidents continue from them.

use super::incident::DecidedLeg;
use super::settings::Micros;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The settled verdicts of some entities, each after its checkpoint. An entity without an entry has none.
pub type SettledByEntity = BTreeMap<Arc<str>, SettledVerdicts>;

/// The settled verdicts of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledVerdicts {
    /// Verdicts on legs that arrive before this time were pruned. Such legs are evaluated again only because the
    /// incidents need them, and no verdicts on them are written.
    pub pruned_before: Micros,
    /// No leg that arrives after this time has a settled verdict.
    pub until: Micros,
    /// Verdicts on legs that arrive at this time or before may come from another edition of place data. These legs are
    /// measured again by the current edition, because later legs are compared with them.
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
    /// Takes out the remaining verdicts on legs that arrive at this time or before.
    pub fn take_until(&mut self, time: Micros) -> impl Iterator<Item = DecidedLeg> {
        let taken = self.verdicts.iter().take_while(|given| given.to_time <= time).count();
        self.verdicts.drain(..taken)
    }
}
