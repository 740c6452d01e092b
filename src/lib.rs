//! Impossible travel in AWS CloudTrail: the face that PostgreSQL sees. What it computes is in the crates under
//! `crates/`; what each SQL object means is in `sql/`, one file a concern, in reading order.
//!
//! | SQL | Rust |
//! |---|---|
//! | `sql/10_geodesy.sql` | [`geodesy`] |
//! | `sql/20_geoip.sql` | [`geoip`] |
//! | `sql/30_cloudtrail.sql` | [`cloudtrail`], [`derived_columns`] |
//! | `sql/31_layouts.sql` | [`layouts`] |
//! | `sql/32_adopt.sql` | [`adopt`] |
//! | `sql/40_leg.sql`, `sql/50_impossible_legs.sql` | [`legs`] |
//! | `sql/60_detect.sql` | [`detect`]; the message of a leg is in [`legs`] |
//! | `sql/70_events.sql` | [`events_table`] |
//! | `sql/71_load_files.sql` | [`load_files`] |
//! | `sql/80_networks.sql` | [`networks`], [`aws_ranges`] |
//! | `sql/81_rules.sql`, `sql/82_presets.sql`, `sql/86_checkpoints.sql`, `sql/86_scan.sql`, `sql/87_backtest.sql`, `sql/87_explain.sql`, `sql/87_status.sql`, `sql/87_investigate.sql` | [`rules`] |
//! | `sql/83_baseline.sql`, `sql/84_suppressions.sql`, `sql/85_alerts.sql` | their rows are written by [`rules`] |
//! | `sql/88_guards.sql` | [`guards`] |
//! | `sql/90_views.sql` | views, which have no Rust of their own |
//! | `sql/91_triage.sql` | [`triage`], [`incidents`] |
//! | `sql/92_map.sql` | [`map`] |
//! | `sql/93_nodes.sql` | a function in SQL |
//! | `sql/99_roles.sql` | [`roles`] |
//!
//! `sql/00_schema.sql` creates the two schemas, `travel` and `travel_internal`. `sql/61_without_zone.sql` declares
//! forms of the functions above for times of type `timestamp`; it has no Rust of its own.
//!
//! [`pg`] holds what pgrx lacks: typed arguments, rows, inet, jsonb, window calls, memory, settings, errors.
//! [`install`] runs the files of `sql/` in order. [`source`] is the table or view that detection and rules read.
//! [`long_text`] converts long texts record by record, for [`layouts`] and [`events_table`].
//! [`event_counts`] counts events for the notice of `travel.detect`, where [`legs`] evaluates them.

// The extension exports no Rust API, so its documentation is that of its private modules.
#![allow(rustdoc::private_intra_doc_links)]

// A panic must unwind to become an SQL error; aborting would take every backend down.
#[cfg(not(panic = "unwind"))]
compile_error!("impossible_travel must be built with panic = \"unwind\"");

::pgrx::pg_module_magic!(name, version);

mod adopt;
mod aws_ranges;
mod cloudtrail;
mod derived_columns;
mod detect;
mod event_counts;
mod events_table;
mod geodesy;
mod geoip;
mod guards;
mod incidents;
mod install;
mod layouts;
mod legs;
mod load_files;
mod long_text;
mod map;
mod networks;
mod pg;
mod roles;
mod rules;
mod source;
mod triage;

#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::allocator::reserve();
    pg::settings::register();
    pg::whole_groups::register();
    keep_backtraces_out_of_errors();
}

/// A server that was started with RUST_BACKTRACE set would write a backtrace into the detail of each PostgreSQL error
/// that passes through here. To get it all the same, set RUST_LIB_BACKTRACE.
fn keep_backtraces_out_of_errors() {
    const SETTING: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(SETTING).is_none() {
        // SAFETY: a backend has one thread, which is loading this library.
        unsafe { std::env::set_var(SETTING, "0") };
    }
}

#[cfg(any(test, feature = "pg_test"))]
mod tests;

/// What `cargo pgrx test` asks of an extension.
#[cfg(test)]
pub mod pg_test {
    pub fn setup(_options: Vec<&str>) {}

    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["client_min_messages = warning"]
    }
}
