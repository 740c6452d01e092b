//! What impossible travel is, in plain Rust: no PostgreSQL, no files, no allocation on the path of a row.
//!
//! | module | what it holds |
//! |---|---|
//! | [`geodesy`] | coordinates, haversine distance, velocity |
//! | [`address`] | IP addresses as hosts: parsing, public or private |
//! | [`place`] | where an address is, and who runs it |
//! | [`network`] | named networks: which applies to an address at a time, and what it says |
//! | [`site`] | the identity of where an event happened |
//! | [`journey`] | stops, legs, thresholds: what is the next leg, and is it impossible |
//! | [`event_set`] | the events of one entity as flat bytes: sorted, merged, packed |
//! | [`entity`] | whom travel is evaluated for |
//! | [`message`] | a leg in words, and its id |
//! | [`columns`] | the columns of an event and of a finding |
//! | [`rule`] | the detection rule: which travel is raised, and why not; what is learnt; incidents |

#![forbid(unsafe_code)]

pub mod address;
pub mod columns;
pub mod entity;
pub mod event_set;
pub mod geodesy;
pub mod journey;
mod map_as_pairs;
pub mod message;
pub mod network;
pub mod place;
pub mod rule;
pub mod site;
