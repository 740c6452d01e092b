//! The settings of a detection rule that the evaluation needs. Their ranges are checked when a rule is written, not
//! here.

use crate::journey::Thresholds;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// Microseconds: a time since 2000-01-01 UTC, or a length of time.
pub type Micros = i64;

pub const SECOND: Micros = 1_000_000;
pub const HOUR: Micros = 3600 * SECOND;
pub const DAY: Micros = 24 * HOUR;

/// How long a transition stays known after it was traveled.
pub const TRANSITION_MEMORY: Micros = 180 * DAY;

/// The number of days (UTC) of its trial on which a place must be seen to become known.
pub const DAYS_OF_PROOF: u8 = 3;

/// The settings of a detection rule. The defaults are those of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub thresholds: Thresholds,
    pub baseline: bool,
    pub learning_period: Micros,
    /// At least the learning period and the bound of a leg (`Thresholds::bound_seconds`). The baseline relies on it: no
    /// leg from a forgotten place can be impossible.
    pub forget_after: Micros,
    pub trial_period: Micros,
    pub learn: Learn,
    pub learn_transitions: bool,
    pub downgraded: NetworkAttributes,
    pub ignored: NetworkAttributes,
    pub keep_alive: Micros,
    pub max_duration: Micros,
    pub raise_from: Option<Micros>,
    pub severity: Severity,
}

/// When a place becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Learn {
    /// After a trial during which no impossible leg contradicts it.
    Proven,
    /// By its first event.
    Encountered,
}

/// Network attributes: facts about an address, or about both addresses of a leg, that a rule can downgrade or ignore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkAttributes {
    pub anonymizer: bool,
    pub hosting: bool,
    pub carrier: bool,
    pub same_asn: bool,
}

/// The severity of a rule and of its alerts.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            thresholds: Thresholds { use_accuracy: true, ..Thresholds::default() },
            baseline: true,
            learning_period: 24 * HOUR,
            forget_after: 30 * DAY,
            trial_period: 7 * DAY,
            learn: Learn::Proven,
            learn_transitions: false,
            downgraded: NetworkAttributes { carrier: true, same_asn: true, ..NetworkAttributes::default() },
            ignored: NetworkAttributes::default(),
            keep_alive: 6 * HOUR,
            max_duration: 24 * HOUR,
            raise_from: None,
            severity: Severity::Medium,
        }
    }
}

impl Rule {
    /// Whether the rule learns transitions, so a transition that was traveled before is known.
    pub fn learns_transitions(&self) -> bool {
        self.learn == Learn::Encountered && self.learn_transitions
    }
}

impl NetworkAttributes {
    /// Reads the names of attributes. The error is the first name that is not one.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut attributes = Self::default();
        for name in names {
            match name {
                "anonymizer" => attributes.anonymizer = true,
                "hosting" => attributes.hosting = true,
                "carrier" => attributes.carrier = true,
                "same_asn" => attributes.same_asn = true,
                _ => return Err(name),
            }
        }
        Ok(attributes)
    }
}

impl Severity {
    /// The next lower severity. Nothing is lower than `Info`.
    pub fn one_step_down(self) -> Self {
        match self {
            Self::Info | Self::Low => Self::Info,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}
