//! Databases and events of any size for benchmarks. Both are computed by the same arithmetic, so the addresses of the
//! events are in the networks of the database.
//!
//! | module | what it holds |
//! |---|---|
//! | [`world`] | the arithmetic: network `i` of `n`, its city, its coordinates |
//! | [`geoip`] | the database |
//! | [`events`] | the events |
//! | [`files`] | the events in files, as S3 delivers them |

pub mod events;
pub mod files;
pub mod geoip;
pub mod world;
