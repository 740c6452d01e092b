//! What is stored of an results. Rows that stay as they are are not touched.
//!
//! [`verdicts`] the legs over the thresholds; [`alerts`] the incidents; [`baseline`] places and transitions; [`checkpoints`] what
//! the next scan goes on from.

mod alerts;
mod baseline;
mod checkpoints;
pub mod verdicts;

use super::checkpoints::{Checkpoints, TIMESTAMPTZ_ARRAY};
use super::definition::{text, texts};
use super::evaluation::{EvaluationInputs, EvaluationResults};
use super::reevaluation::RestartPoint;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::spi;
use pgrx::pg_sys;
use serde::Serialize;
use std::sync::Arc;
use travel_core::rule::Micros;

pub use alerts::RaisedAlert;

/// An entity or a baseline entity whose events were evaluated.
pub struct EvaluatedMember {
    pub name: Arc<str>,
    pub kept: Checkpoints,
    /// Those that were: for one that comes in order, those later than all before.
    pub again: RestartPoint,
    /// Together with all others that are theirs: they need not be read again in this pass.
    pub is_whole: bool,
}

pub struct Writer<'a> {
    pub inputs: &'a EvaluationInputs,
    pub pass: i64,
    pub geoip_built_at: Option<Micros>,
    pub results: EvaluationResults,
    pub entities: Vec<EvaluatedMember>,
    pub baselines: Vec<EvaluatedMember>,
}

/// Rows of one INSERT: so that no text of JSON grows without bounds.
const ROWS: usize = 5000;

impl Writer<'_> {
    /// Within an SPI connection. The alerts that are news.
    pub fn write(mut self) -> Result<Vec<RaisedAlert>, TravelError> {
        verdicts::put(&mut self.results);
        self.delete_verdicts();
        let raised = self.write_alerts()?;
        self.write_places();
        self.write_transitions();
        self.write_states()?;
        Ok(raised)
    }

    /// The entities that were evaluated before, as arguments: their names, and after when they were evaluated again. None:
    /// there are none.
    fn rescanned(&self) -> Option<[spi::Argument; 2]> {
        let is_again =
            |evaluated: &&EvaluatedMember| evaluated.kept.evaluated_until() > Some(evaluated.again.from);
        let (names, after): (Vec<&str>, Vec<Micros>) = self
            .entities
            .iter()
            .filter(is_again)
            .map(|evaluated| (&*evaluated.name, evaluated.again.from))
            .unzip();
        (!names.is_empty()).then(|| [texts(&names), times(&after)])
    }
}

fn times(times: &[Micros]) -> spi::Argument {
    (TIMESTAMPTZ_ARRAY, Some(array::of_timestamps(times)))
}

fn numbers(numbers: &[i64]) -> spi::Argument {
    (pg_sys::INT8ARRAYOID, Some(array::of_i64s(numbers)))
}

fn time(time: Micros) -> spi::Argument {
    (pg_sys::TIMESTAMPTZOID, Some(pg_sys::Datum::from(time)))
}

fn stored<S: Serialize + ?Sized>(state: &S) -> Result<String, TravelError> {
    serde_json::to_string(state)
        .map_err(|error| TravelError::StateUnreadable { rule: String::new(), detail: error.to_string() })
}

fn json_of<T: Serialize + ?Sized>(rows: &T) -> Result<spi::Argument, TravelError> {
    Ok(text(&stored(rows)?))
}
