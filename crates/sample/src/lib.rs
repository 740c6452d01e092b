//! Makes sample GeoIP databases and CloudTrail files for the demo, the tests and the benchmarks.
//!
//! The sample tells a story: a week of two AWS accounts in which five keys are used by someone else, and much that only
//! looks like impossible travel. The benchmarks need databases and events of any size instead. Every byte depends only
//! on the arguments. There is no clock, no network, and no source of randomness except [`rng`] with a fixed seed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mmdb`] | a writer of MaxMind DB files, also for the tests of other crates |
//! | [`cities`] | real cities with their real coordinates |
//! | [`geoip`] | the four sample databases over the documentation ranges |
//! | [`ipinfo`] | files of IPinfo that are not about locations, for tests |
//! | [`cloudtrail`] | a week of CloudTrail files: the story |
//! | [`layouts`] | the events of that week as other tools store them |
//! | [`mod@bench`] | databases and events of any size, for benchmarks |
//! | [`evaluation`] | an organization with people, machines and intruders, for `make evaluate` |
//! | [`rng`], [`time`] | pseudo-random numbers, a calendar |

#![forbid(unsafe_code)]

pub mod bench;
pub mod cities;
pub mod cloudtrail;
pub mod evaluation;
pub mod geoip;
pub mod ipinfo;
pub mod layouts;
pub mod mmdb;
pub mod rng;
pub mod time;
