//! The detection rule: what is new in a rule's source is evaluated by the engine in `travel_core::rule`, and what comes of it
//! is written.
//!
//! [`definition`] a row of travel.rules; [`source_trust`] the source that it is bound to; [`validate`] what is written there; [`check_rule`], [`indexes`], [`exact_cursor`] what is wrong with it;
//! [`presets`] rules to begin with; [`source_queries`] the SQL over its source; [`reader`] rows as evaluated events;
//! [`geoip_dependencies`] the GeoIP databases that a rule depends on; [`checkpoints`] what was kept of entities and baseline entities; [`reevaluation`] what must be evaluated again for a late event; [`evaluation`]
//! what comes of evaluating; [`findings`] a verdict as columns; [`write`] what is stored; [`progress`] where a scan stands; [`notify`] who is told; [`scan`] one step; [`step_status`] how it ended.

mod analyst_rows;
mod assert_healthy;
mod check_rule;
mod checkpoints;
mod definition;
mod deletion;
mod evaluation;
mod exact_cursor;
mod findings;
mod geoip_dependencies;
mod indexes;
mod notify;
mod presets;
mod progress;
mod prune;
mod reader;
mod reevaluation;
mod scan;
mod settled_verdicts;
mod source_columns;
mod source_queries;
mod source_trust;
mod step_status;
mod validate;
mod write;
