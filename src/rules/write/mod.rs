//! Writes the results of a step into the tables of verdicts, alerts, the baseline and checkpoints. A row that would
//! stay as it is is not touched.
//!
//! The legs of an incident come from memory, in [`EvaluationResults::raised`], if this step evaluated them. Only legs
//! that earlier steps wrote are read back from `travel.verdicts` (`load_legs` in [`alerts`]) or linked to their alert
//! there (`link_stored_verdicts` in [`verdicts`]).
//!
//! Many statements join a table with arrays. In them, the rule is a column of a subquery with `OFFSET 0`, so the planner
//! does not see its value. If the statistics of the table were older than the rule, the planner would expect no row of
//! the rule, and compare each row with each element of the arrays. A list that only excludes rows is an array for `<> ALL`,
//! which PostgreSQL puts into a hash table.
//!
//! | module | tables |
//! |---|---|
//! | [`verdicts`] | `travel.verdicts`: the legs over the thresholds |
//! | [`incidents`] | which stored alert each incident is, and which alerts have lost their incident |
//! | [`alerts`] | `travel.alerts` and `travel_internal.alert_legs` |
//! | [`baseline`] | the learned rows of `travel.known_places` and `travel.known_transitions` |
//! | [`checkpoints`] | `travel_internal.entity_checkpoints` and `travel_internal.baseline_checkpoints`, from which the next scan resumes |
//! | [`portion`] | how many rows one statement writes |

mod alerts;
mod baseline;
mod checkpoints;
mod incidents;
mod portion;
pub mod verdicts;

use super::checkpoints::Checkpoints;
use super::evaluation::{EvaluationInputs, EvaluationResults};
use super::reevaluation::RestartPoint;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use std::sync::Arc;
use travel_core::rule::Micros;

pub use alerts::RaisedAlert;

/// An entity or a baseline user whose events were evaluated.
pub struct EvaluatedMember {
    pub name: Arc<str>,
    /// Its checkpoints before the step.
    pub checkpoints: Checkpoints,
    /// From when on its events were evaluated. For new events in order, this is after all earlier ones.
    pub restart: RestartPoint,
    /// The pass has read all its events since then and need not read them again.
    pub is_whole: bool,
}

/// The results of a step, and what is needed to write them.
pub struct Writer<'a> {
    pub inputs: &'a EvaluationInputs,
    pub pass: i64,
    pub geoip_built_at: Option<Micros>,
    pub results: EvaluationResults,
    pub entities: Vec<EvaluatedMember>,
    pub baselines: Vec<EvaluatedMember>,
}

/// How many rows one statement writes, which bounds the size of its arguments.
const ROWS: usize = 5000;

impl Writer<'_> {
    /// Writes the results and returns the alerts that are new or were reopened. Within an SPI connection.
    pub fn write(self) -> Result<Vec<RaisedAlert>, TravelError> {
        // The arguments are large arrays, from which PostgreSQL estimates a cost at which it would compile a statement.
        spi::with_settings(&[(c"jit", c"off")], || self.write_all())
    }

    fn write_all(mut self) -> Result<Vec<RaisedAlert>, TravelError> {
        self.delete_verdicts();
        let incidents = self.identify_incidents()?;
        self.withdraw(&incidents);
        let first_legs = self.write_verdicts(&incidents)?;
        let raised = self.write_alerts(&incidents, first_legs)?;
        self.write_baseline()?;
        self.write_checkpoints()?;
        Ok(raised)
    }

    /// The entities that had been evaluated before and were evaluated again, as two arguments: their names, and the
    /// times after which they were. `None` if there are none.
    fn reevaluated(&self) -> Option<[Argument; 2]> {
        let is_again =
            |member: &&EvaluatedMember| member.checkpoints.evaluated_until() > Some(member.restart.after);
        let (names, after): (Vec<&str>, Vec<Micros>) =
            self.entities.iter().filter(is_again).map(|member| (&*member.name, member.restart.after)).unzip();
        (!names.is_empty()).then(|| [Argument::texts(&names), Argument::times(&after)])
    }
}

/// Texts or numbers as an array that PostgreSQL reads.
fn array_literal(values: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut literal = "{".to_owned();
    for (at, value) in values.enumerate() {
        if at > 0 {
            literal.push(',');
        }
        literal.push('"');
        for character in value.as_ref().chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// A list of columns for `SET (…) = ROW (…)`, each with the alias of its table.
fn qualified(alias: &str, columns: &[&str]) -> String {
    columns.iter().map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
}
