//! The meaning of impossible travel, in plain Rust. This crate knows neither PostgreSQL nor files, and the code that
//! runs for every row of the window function and the aggregate does not allocate.
//!
//! An event happens at a [`site`]: an address or a pair of coordinates. A [`place`] says where an address is, from
//! GeoIP data and from [`network`]s that the user named. Two consecutive located events of one [`entity`] at different
//! sites are a leg, and [`journey`] decides whether it is impossible. It is the only implementation of that decision;
//! every entry point of the extension calls it. The aggregate keeps events as an [`event_set`], and [`message`]
//! describes a leg in words. A detection [`rule`] goes further: it learns where a user usually is, and decides which
//! impossible legs become alerts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`geodesy`] | coordinates, great-circle distance, velocity |
//! | [`great_circle`] | the shortest way between two points as lines for a map |
//! | [`address`] | IP addresses as hosts: parsing, public or private |
//! | [`place`] | where an address is, and who runs it |
//! | [`network`] | named networks: which one applies to an address at a time, and what it says |
//! | [`site`] | where an event says that it happened: the identity that legs compare |
//! | [`journey`] | stops, legs, thresholds: the next leg, and whether it is impossible |
//! | [`event_set`] | the events of one entity as flat bytes: sorted, merged, packed |
//! | [`coverage`] | what becomes of rows: counts by kind of address and status |
//! | [`ends`] | a filter for the events at the ends of legs |
//! | [`leg_rows`] | which rows of an ordered history can be at the ends of its legs |
//! | [`leg_events`] | the events at the ends of the legs of an entity, as flat bytes |
//! | [`share`] | shares of entities, by which processes divide them |
//! | [`entity`] | the identity whose consecutive events are compared, as one text |
//! | [`message`] | the message and the id of a leg |
//! | [`columns`] | the columns of an event and of a finding |
//! | [`rule`] | the detection rule: verdicts, the baseline, incidents |
//! | [`containment`] | the commands that stop a credential |
//! | [`report`] | an alert as a page of Markdown |
//! | [`shell`], [`markdown`] | values in the text of these two, where nothing in a value acts |
//! | [`hidden`] | characters that a reader does not see, on which a terminal may act |
//! | [`incident_groups`] | alerts of several rules that are about one incident |

#![forbid(unsafe_code)]

pub mod address;
pub mod columns;
pub mod containment;
pub mod coverage;
pub mod ends;
pub mod entity;
pub mod event_set;
pub mod geodesy;
pub mod great_circle;
pub mod hidden;
pub mod incident_groups;
pub mod journey;
pub mod leg_events;
pub mod leg_rows;
mod map_as_pairs;
pub mod markdown;
pub mod message;
pub mod network;
pub mod place;
pub mod report;
pub mod rule;
pub mod share;
pub mod shell;
pub mod site;
