//! Databases and events of any size, for benchmarks. Both share one arithmetic, so that the events' addresses are in
//! the database's networks without either knowing the other's output.
//!
//! | module | what it holds |
//! |---|---|
//! | [`world`] | the arithmetic: network `i` of `n`, its city, its coordinates |
//! | [`geoip`] | the database |
//! | [`events`] | the events |

pub mod events;
pub mod geoip;
pub mod world;
