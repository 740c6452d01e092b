//! Legs as SQL sees them: the row type `travel.leg`, the window function `travel.leg`, the aggregate
//! `travel.impossible_legs`, and journeys. What a leg is and when it is impossible is decided in `travel_core::journey`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`arguments`] | the arguments that the window function and the aggregate share |
//! | [`row`] | a leg as a row of `travel.leg` |
//! | [`window`] | the window function |
//! | [`aggregate`] | the aggregate `travel.impossible_legs`, and the evaluation of a set of events |
//! | [`entity_legs`] | the aggregates that also know where the rows at the ends of the legs are |
//! | [`share_writer`] | the aggregate that divides the events of a source into shares of the entities |
//! | [`share_legs`] | the legs of the entities of some shares |
//! | [`share_entities`] | the entities of a share, with their events |
//! | [`leg_array`] | reading the legs of an array |
//! | [`leg_events`] | collecting the events at the ends of legs |
//! | [`findings`] | the legs of an entity as findings, with these events |
//! | [`journey`] | the aggregates `travel.journey` and `travel.rollup`, and the functions that read a journey |
//! | [`journey_value`] | the state of the aggregates, a value of the type `travel.journey` |
//! | [`state`] | the state of the group to which a row is added |
//! | [`hash_states`] | the states of a hash aggregate, whose rows go through a log |
//! | [`rollup`] | the states of `travel.rollup`, which keep journeys as they are until they are read |
//! | [`journey_type`] | the text and binary forms of this type |
//! | [`message`] | the id of a leg, its time in words, and its message |

mod aggregate;
mod arguments;
mod entity_legs;
mod findings;
mod hash_states;
mod journey;
mod journey_type;
mod journey_value;
mod leg_array;
mod leg_events;
mod message;
mod rollup;
mod row;
mod share_entities;
mod share_legs;
mod share_writer;
mod state;
mod window;

pub use arguments::{coordinates_of, thresholds};
pub use leg_array::{LegColumns, Legs};
pub use share_writer::MOST_COLUMNS;
