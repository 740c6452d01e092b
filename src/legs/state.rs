//! The state of an aggregate while rows are added to it.

use super::hash_states::{HashStates, StatesOfSite};
use super::journey_value::JourneyValue;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::Call;
use pgrx::pg_sys;
use travel_core::event_set::{self, SetRow};
use travel_core::journey::Thresholds;

/// The state of the group to which the current row belongs.
pub enum State<'a> {
    /// A plain value, which is changed in place. It is in the cache if the rows of a group follow each other.
    Plain(JourneyValue),
    /// One of the states of a hash table.
    Hashed(&'a mut HashStates, pg_sys::Datum),
}

impl State<'_> {
    /// The state of a call, its first argument, or a new one. It is an error if it has other thresholds. Without `site`,
    /// it is plain.
    #[inline]
    pub fn of_call(
        call: &Call,
        thresholds: Option<Thresholds>,
        labelled: bool,
        site: Option<&StatesOfSite>,
    ) -> Result<Self, TravelError> {
        let varies = || LegError::ThresholdVaries { over: "group" }.into();
        if let Some(states) = site.and_then(|site| HashStates::of_call(call, site, thresholds)) {
            // SAFETY: they live as long as the call, during which this is the only reference.
            let states = unsafe { &mut *states };
            return match call.datum(0) {
                // SAFETY: in a hash table, the first call for a group returned this.
                Some(state) if !unsafe { states.has_thresholds(state, thresholds) } => Err(varies()),
                Some(state) => Ok(Self::Hashed(states, state)),
                None => {
                    let state = states.new_group(thresholds)?;
                    Ok(Self::Hashed(states, state))
                }
            };
        }
        let Some(datum) = call.datum(0) else {
            return Ok(Self::Plain(JourneyValue::new(thresholds, labelled)?));
        };
        // SAFETY: it is the state of an aggregate, which this function may change in place.
        let state = unsafe { JourneyValue::of_state(datum) };
        if event_set::thresholds(state.bytes()) != thresholds {
            return Err(varies());
        }
        Ok(Self::Plain(state))
    }

    /// The state, without a change.
    #[inline]
    pub fn datum(self) -> pg_sys::Datum {
        match self {
            Self::Plain(state) => state.datum(),
            Self::Hashed(_, state) => state,
        }
    }

    /// The state after a row that is not located.
    #[inline]
    pub fn with_unlocated(self) -> Result<pg_sys::Datum, TravelError> {
        match self {
            Self::Plain(state) => {
                event_set::count_unlocated(state.block());
                Ok(state.datum())
            }
            Self::Hashed(states, state) => {
                // SAFETY: see `of_call`.
                unsafe { states.count_unlocated(state) }?;
                Ok(state)
            }
        }
    }

    /// The state after a row.
    #[inline]
    pub fn with_row(self, row: &SetRow) -> Result<pg_sys::Datum, TravelError> {
        match self {
            Self::Plain(state) => Ok(state.append(row)?.datum()),
            Self::Hashed(states, state) => {
                // SAFETY: see `of_call`.
                unsafe { states.append(state, row) }?;
                Ok(state)
            }
        }
    }
}
