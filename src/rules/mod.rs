//! Detection rules: they are stored in `travel.rules`, and scans apply them to new events.
//!
//! The engine that evaluates events is [`travel_core::rule`], which knows no database. This module reads what the
//! engine needs, has it evaluate, and writes the results.
//!
//! A rule as it is written:
//!
//! | module | what it holds |
//! |---|---|
//! | [`definition`] | a row of `travel.rules` |
//! | [`validate`] | the trigger that checks a row before it is stored |
//! | [`setting_ranges`] | the values that each setting may have |
//! | [`severity`] | the check of the domain `travel.severity` |
//! | [`presets`] | `travel.create_rule`: new rules from presets |
//! | [`check_rule`] | `travel.check_rule`: what is wrong with a rule or its source, and what could be better |
//! | [`indexes`] | which indexes a scan would use, and which are missing |
//! | [`exact_cursor`] | whether transaction ids tell exactly which rows of a source are new |
//! | [`source_trust`] | which tables and functions a rule may read and run: `travel.confirm_source` |
//! | [`deletion`] | what is deleted and archived with a rule |
//!
//! A scan, which runs in steps; [`scan`] is the place to start:
//!
//! | module | what it holds |
//! |---|---|
//! | [`scan`] | one step, from new rows to written alerts |
//! | [`progress`] | how far the scans of a rule have come |
//! | [`arrival`] | how a step finds the rows that are new |
//! | [`snapshot`] | snapshots, which tell new rows by their transactions |
//! | [`source_queries`], [`source_columns`] | the SQL over a source, and the columns that it returns |
//! | [`reader`] | rows of a source as located events |
//! | [`minting_query`], [`minted_keys`] | the events that minted temporary keys, and the roots of these keys, for rules with lineage |
//! | [`analyst_rows`] | known locations, known transitions and suppressions that analysts entered |
//! | [`checkpoints`] | the stored states of entities and baseline users |
//! | [`reevaluation`] | the members that a late event concerns, and the checkpoints from which they resume |
//! | [`settled_verdicts`] | the verdicts between such a checkpoint and the late event, which remain |
//! | [`evaluation`] | what a step evaluates events by, and what that results in |
//! | [`verdict_columns`] | a verdict as columns |
//! | [`mod@write`] | the tables of verdicts, alerts, the baseline and checkpoints |
//! | [`alert_columns`] | an incident as columns of its alert |
//! | [`row_locks`] | locks many alerts or all rules without a deadlock with a session that changes many of them |
//! | [`portions`] | reads the events of a query in portions |
//! | [`notify`] | notifications about new alerts |
//! | [`geoip_dependencies`] | the GeoIP databases without which a rule must not be scanned |
//! | [`step_status`] | how the last step ended, which `travel.scan` asks for, and the error that `travel.status` shows |
//!
//! Without a scan: [`dry_run`] evaluates a rule and stores nothing, [`backtest`] shows what a rule would raise, and
//! [`suggest`] what most of its alerts have in common.
//!
//! After a scan: [`investigate`] reads what is behind an alert, and writes what an analyst needs to act.
//!
//! Around scans: [`explain`] shows the events of an entity with their verdicts, [`assert_healthy`] raises an error for
//! monitors, and [`prune`] deletes old rows. What analysts may
//! change in these tables is in [`crate::guards`].

mod alert_columns;
mod analyst_rows;
mod arrival;
mod assert_healthy;
mod backtest;
mod check_rule;
mod checkpoints;
mod definition;
mod deletion;
mod dry_run;
mod evaluation;
mod exact_cursor;
mod explain;
mod geoip_dependencies;
mod indexes;
mod investigate;
mod minted_keys;
mod minting_query;
mod notify;
mod portions;
mod presets;
mod progress;
mod prune;
mod reader;
mod reevaluation;
mod row_locks;
mod scan;
mod setting_ranges;
mod settled_verdicts;
mod severity;
mod snapshot;
mod source_columns;
mod source_queries;
mod source_trust;
mod step_status;
mod suggest;
mod validate;
mod verdict_columns;
mod write;

pub use definition::names;
