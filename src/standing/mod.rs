//! The standing rule: what is new in a rule's source is judged by the engine in `travel_core::rule`, and what comes of it
//! is written.
//!
//! [`definition`] a row of travel.rules; [`queries`] the SQL over its source; [`reader`] rows as judged events;
//! [`members`] what was kept of entities and baseline entities; [`history`] what must be judged again for a late event; [`outcome`]
//! what comes of judging; [`findings`] a verdict as columns; [`writer`] what is stored; [`progress`] where a scan stands; [`scan`] one step.

mod analysts;
mod definition;
mod findings;
mod history;
mod members;
mod outcome;
mod progress;
mod prune;
mod queries;
mod reader;
mod scan;
mod writer;
