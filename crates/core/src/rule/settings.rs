//! What a rule says, as far as evaluating needs it. Ranges are checked where a rule is written, not here.

use crate::journey::Thresholds;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// Microseconds: a time since 2000-01-01 UTC, or a length of time.
pub type Micros = i64;

pub const SECOND: Micros = 1_000_000;
pub const HOUR: Micros = 3600 * SECOND;
pub const DAY: Micros = 24 * HOUR;

/// How long a traveled transition stays known.
pub const TRANSITION_MEMORY: Micros = 180 * DAY;

/// On how many days (UTC) of its trial a place must be seen to become known.
pub const DAYS_OF_PROOF: u8 = 3;

/// The settings of a detection rule. Its default is the table's.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub thresholds: Thresholds,
    pub baseline: bool,
    pub learning_period: Micros,
    /// At least the learning period and the bound of a leg (`Thresholds::bound_seconds`): the baseline relies on it
    /// that no leg from a forgotten place is impossible.
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
    /// After a trial in which nothing spoke against it.
    Proven,
    /// By its first event: the reference's way.
    Encountered,
}

/// What may be said of an address, or of the two of a leg, that a rule can hold for less or ignore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkAttributes {
    pub anonymizer: bool,
    pub hosting: bool,
    pub carrier: bool,
    pub same_asn: bool,
}

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
    /// Whether a move that was made before is no news.
    pub fn learns_transitions(&self) -> bool {
        self.learn == Learn::Encountered && self.learn_transitions
    }
}

impl NetworkAttributes {
    /// Reads the names of attributes; the error is a name that is none.
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
    /// Info has nothing below it.
    pub fn one_step_down(self) -> Self {
        match self {
            Self::Info | Self::Low => Self::Info,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}
