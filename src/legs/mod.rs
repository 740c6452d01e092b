//! Legs as SQL sees them: the row type `travel.leg`, the window function `travel.leg` and the aggregate
//! `travel.impossible_legs`. What a leg is and when it is impossible is decided in `travel_core::journey`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`arguments`] | the arguments that the window function and the aggregate share |
//! | [`row`] | a leg as a row of `travel.leg` |
//! | [`window`] | the window function |
//! | [`state`] | the aggregate's state, the type `legs_state` |
//! | [`aggregate`] | the aggregate |
//! | [`message`] | the id of a leg, its time in words, and its message |

mod aggregate;
mod arguments;
mod message;
mod row;
mod state;
mod window;

pub use arguments::{coordinates_of, thresholds};
