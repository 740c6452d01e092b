//! The detection rule: what is new in a rule's source is evaluated by the engine in `travel_core::rule`, and what comes of it
//! is written.
//!
//! [`definition`] a row of travel.rules; [`binding`] the source that it is bound to; [`validate`] what is written there; [`check`], [`indexes`], [`arrivals`] what is wrong with it;
//! [`presets`] rules to begin with; [`queries`] the SQL over its source; [`reader`] rows as evaluated events;
//! [`located_by`] the GeoIP databases that a rule depends on; [`members`] what was kept of entities and baseline entities; [`history`] what must be evaluated again for a late event; [`outcome`]
//! what comes of evaluating; [`findings`] a verdict as columns; [`write`] what is stored; [`progress`] where a scan stands; [`notify`] who is told; [`scan`] one step; [`ending`] how it ended.

mod analyst_rows;
mod arrivals;
mod binding;
mod check;
mod definition;
mod ending;
mod findings;
mod forget;
mod health;
mod history;
mod indexes;
mod located_by;
mod members;
mod notify;
mod outcome;
mod past;
mod presets;
mod progress;
mod prune;
mod queries;
mod reader;
mod scan;
mod validate;
mod write;
