//! Makes sample GeoIP databases and CloudTrail files, for the demo, the tests and the benchmarks.
//! Every byte is a function of the arguments: no clock, no network, no random source but [`rng`] with a fixed seed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mmdb`] | a writer of MaxMind DB files, for tests of other crates too |
//! | [`cities`] | real cities with their real coordinates |
//! | [`geoip`] | the four sample databases over the documentation ranges |
//! | [`cloudtrail`] | a week of CloudTrail files: the story |
//! | [`bench`] | databases and events of any size, for benchmarks |
//! | [`rng`], [`time`] | pseudo-random numbers, a calendar |

#![forbid(unsafe_code)]

pub mod bench;
pub mod cities;
pub mod cloudtrail;
pub mod geoip;
pub mod mmdb;
pub mod rng;
pub mod time;
