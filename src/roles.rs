//! `travel.grant_to`: the rights of the three kinds of users.

use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::role;
use crate::pg::spi;
use pgrx::pg_sys;

pg_function!(travel_grant_to, pg_finfo_travel_grant_to, grant_to);

/// Each level has what those before it have.
const LEVELS: [&str; 3] = ["read", "triage", "admin"];

/// Level, privileges, and the tables, views or functions of the schema that they are for; what is not there is left out.
/// The tables that only scans need are for nobody.
const RIGHTS: &[(usize, &str, &[&str])] = &[
    (
        0,
        "SELECT",
        &[
            "alerts",
            "alert_history",
            "alert_points",
            "verdicts",
            "known_places",
            "known_transitions",
            "suppressions",
            "networks",
            "rules",
            "presets",
            "status",
        ],
    ),
    (
        0,
        "EXECUTE",
        &[
            "explain",
            "alert_events",
            "activity_after",
            "containment",
            "report",
            "alert_geojson",
            "assert_healthy",
        ],
    ),
    (1, "UPDATE (status, archive_reason, assignee)", &["alerts"]),
    (1, "INSERT, UPDATE, DELETE", &["suppressions", "known_places", "known_transitions"]),
    (2, "INSERT, UPDATE, DELETE", &["rules", "networks"]),
    (
        2,
        "EXECUTE",
        &[
            "create_rule",
            "check_rule",
            "scan",
            "scan_step",
            "note_scan_error",
            "begin_rescan",
            "rescan",
            "prune",
            "backtest",
            "import_aws_ranges",
            "geoip_databases",
            "accept_geoip",
            "grant_to",
        ],
    ),
];

/// `(role, level)`
fn grant_to(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let role = call.text(0)?.ok_or(TravelError::ArgumentNull { name: "role" })?;
    let level = call.text(1)?.ok_or(TravelError::ArgumentNull { name: "level" })?;
    let level = LEVELS
        .iter()
        .position(|known| *known == level)
        .ok_or_else(|| TravelError::NoSuchLevel { level: level.to_owned() })?;
    if role::Role::named(role).is_none() {
        return Err(TravelError::NoSuchRole { role: role.to_owned() });
    }
    spi::connected(|| {
        for statement in grants(role, level) {
            spi::execute(&statement, &[]);
        }
    });
    Ok(call.null())
}

/// The GRANT statements of a level, for what of its objects there is. Within [`spi::connected`].
fn grants(role: &str, level: usize) -> Vec<String> {
    let rights: Vec<String> = RIGHTS
        .iter()
        .filter(|(of, ..)| *of <= level)
        .flat_map(|(_, privileges, objects)| {
            objects.iter().map(move |object| format!("('{privileges}', '{object}')"))
        })
        .collect();
    let query = format!(
        "SELECT pg_catalog.format('GRANT %s ON %s TO %I', r.privileges, o.sql, $1)
         FROM (VALUES {}) AS r (privileges, name)
         JOIN (
             SELECT relname::text AS name, false AS is_routine, pg_catalog.format('TABLE travel.%I', relname) AS sql
             FROM pg_catalog.pg_class
             WHERE relnamespace = 'travel'::pg_catalog.regnamespace AND relkind = ANY ('{{r,p,v,m,f}}')
             UNION ALL
             SELECT proname, true, pg_catalog.format('ROUTINE %s', oid::pg_catalog.regprocedure)
             FROM pg_catalog.pg_proc WHERE pronamespace = 'travel'::pg_catalog.regnamespace
         ) AS o ON o.name = r.name AND o.is_routine = (r.privileges = 'EXECUTE')",
        rights.join(", ")
    );
    spi::texts(&query, &[(pg_sys::TEXTOID, Some(varlena(role.as_bytes())))])
}
