//! What `CREATE EXTENSION` runs, in order; and the one check that it makes.

use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use pgrx::pg_sys;

pgrx::extension_sql_file!("../sql/00_schema.sql", name = "schema", bootstrap);
pgrx::extension_sql_file!("../sql/10_geodesy.sql", name = "geodesy", requires = ["schema"]);
pgrx::extension_sql_file!("../sql/20_geoip.sql", name = "geoip", requires = ["geodesy"]);
pgrx::extension_sql_file!("../sql/30_cloudtrail.sql", name = "cloudtrail", requires = ["geoip"]);
pgrx::extension_sql_file!("../sql/31_layouts.sql", name = "layouts", requires = ["cloudtrail"]);
pgrx::extension_sql_file!("../sql/32_adopt.sql", name = "adopt", requires = ["layouts"]);
pgrx::extension_sql_file!("../sql/40_leg.sql", name = "leg", requires = ["adopt"]);
pgrx::extension_sql_file!("../sql/45_journey.sql", name = "journey", requires = ["leg"]);
pgrx::extension_sql_file!("../sql/50_impossible_legs.sql", name = "impossible_legs", requires = ["journey"]);
pgrx::extension_sql_file!("../sql/60_detect.sql", name = "detect", requires = ["impossible_legs"]);
pgrx::extension_sql_file!("../sql/61_without_zone.sql", name = "without_zone", requires = ["detect"]);
pgrx::extension_sql_file!("../sql/62_coverage.sql", name = "coverage", requires = ["without_zone"]);
pgrx::extension_sql_file!("../sql/70_events.sql", name = "events", requires = ["coverage"]);
pgrx::extension_sql_file!("../sql/71_load_files.sql", name = "load_files", requires = ["events"]);
pgrx::extension_sql_file!("../sql/80_networks.sql", name = "networks", requires = ["load_files"]);
pgrx::extension_sql_file!("../sql/81_rules.sql", name = "rules", requires = ["networks"]);
pgrx::extension_sql_file!("../sql/82_presets.sql", name = "presets", requires = ["rules"]);
pgrx::extension_sql_file!("../sql/83_baseline.sql", name = "baseline", requires = ["presets"]);
pgrx::extension_sql_file!("../sql/84_suppressions.sql", name = "suppressions", requires = ["baseline"]);
pgrx::extension_sql_file!("../sql/85_alerts.sql", name = "alerts", requires = ["suppressions"]);
pgrx::extension_sql_file!("../sql/86_checkpoints.sql", name = "checkpoints", requires = ["alerts"]);
pgrx::extension_sql_file!("../sql/86_scan.sql", name = "scan", requires = ["checkpoints"]);
pgrx::extension_sql_file!("../sql/87_backtest.sql", name = "backtest", requires = ["scan"]);
pgrx::extension_sql_file!("../sql/87_explain.sql", name = "explain", requires = ["backtest"]);
pgrx::extension_sql_file!("../sql/87_status.sql", name = "status", requires = ["explain"]);
pgrx::extension_sql_file!("../sql/87_investigate.sql", name = "investigate", requires = ["status"]);
pgrx::extension_sql_file!("../sql/88_guards.sql", name = "guards", requires = ["investigate"]);
pgrx::extension_sql_file!("../sql/90_views.sql", name = "views", requires = ["guards"]);
pgrx::extension_sql_file!("../sql/91_triage.sql", name = "triage", requires = ["views"]);
pgrx::extension_sql_file!("../sql/92_map.sql", name = "map", requires = ["triage"]);
pgrx::extension_sql_file!("../sql/93_nodes.sql", name = "nodes", requires = ["map"]);
// The last file grants privileges on the objects of all files before it.
pgrx::extension_sql_file!("../sql/99_roles.sql", name = "roles", requires = ["nodes"]);

pg_function!(travel_require_utf8, pg_finfo_travel_require_utf8, require_utf8);

/// Text is handled as UTF-8 without conversion: any other database encoding is refused at installation.
fn require_utf8(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: reads a variable of the backend.
    let encoding = unsafe { pg_sys::GetDatabaseEncoding() };
    if encoding == pg_sys::pg_enc::PG_UTF8 as i32 { Ok(call.null()) } else { Err(UsageError::NotUtf8.into()) }
}
