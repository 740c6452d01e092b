//! `travel.grant_to`: the rights of the three levels of users.

use crate::pg::errors::{AccessError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::quoted;
use crate::pg::role;
use crate::pg::spi;
use pgrx::pg_sys;

pg_function!(travel_grant_to, pg_finfo_travel_grant_to, grant_to);

/// The levels. Each one includes the rights of those before it.
const LEVELS: [&str; 3] = ["read", "triage", "admin"];

/// What a level adds: the level's number, the privileges, and the objects that they are for. GRANT fails on an object
/// that does not exist, and CREATE EXTENSION grants the highest level, so a wrong name here fails every test.
///
/// No level has rights on the tables of `travel_internal`.
const RIGHTS: &[(usize, &str, Kind, &[&str])] = &[
    (
        0,
        "SELECT",
        Kind::Table,
        &[
            "travel.alerts",
            "travel.alert_history",
            "travel.alert_comments",
            "travel.verdicts",
            "travel.known_places",
            "travel.known_transitions",
            "travel.suppressions",
            "travel.networks",
            "travel.rules",
            "travel.presets",
            "travel.status",
            "travel.alerts_brief",
            "travel.alert_points",
            "travel.alert_routes",
            "travel.alerts_daily",
            "travel.coverage_daily",
            "travel.incidents",
            "travel.aws_regions",
        ],
    ),
    (
        0,
        "EXECUTE",
        Kind::Routine,
        &[
            "travel.assert_healthy",
            "travel.backtest",
            "travel.suggest",
            "travel.explain",
            "travel.explain_alert",
            "travel.alert_events",
            "travel.activity_after",
            "travel.containment",
            "travel.report",
            "travel.map_html",
        ],
    ),
    (1, "UPDATE (status, archive_reason, assignee)", Kind::Table, &["travel.alerts"]),
    (1, "INSERT (alert_id, comment)", Kind::Table, &["travel.alert_comments"]),
    (1, "EXECUTE", Kind::Routine, &["travel.archive", "travel.silence"]),
    (
        1,
        "INSERT, UPDATE, DELETE",
        Kind::Table,
        &["travel.suppressions", "travel.known_places", "travel.known_transitions"],
    ),
    (2, "INSERT, UPDATE, DELETE", Kind::Table, &["travel.rules", "travel.networks"]),
    (
        2,
        "EXECUTE",
        Kind::Routine,
        &[
            "travel.create_rule",
            "travel.import_aws_ranges",
            "travel.check_rule",
            "travel.scan",
            "travel.rescan",
            "travel.prune",
            "travel.geoip_databases",
            "travel.node_state",
            "travel.accept_geoip",
            "travel.grant_to",
            // It also needs membership in pg_read_server_files.
            "travel.load_files",
            "travel_internal.begin_loading",
            "travel_internal.find_files",
            "travel_internal.note_files",
            "travel_internal.begin_workers",
            "travel_internal.load_file",
            "travel_internal.finish_file",
            // travel.scan and travel.rescan call these with the rights of their caller.
            "travel_internal.may_commit",
            "travel_internal.scan_step",
            "travel_internal.scan_step_ended",
            "travel_internal.note_scan_error",
            "travel_internal.begin_rescan",
        ],
    ),
];

/// What GRANT calls an object. A routine is a function or a procedure; its name is enough where it has one signature.
#[derive(Clone, Copy)]
enum Kind {
    Table,
    Routine,
}

impl Kind {
    const fn keyword(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Routine => "ROUTINE",
        }
    }
}

/// `(role, level)`
fn grant_to(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let role = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "role" })?;
    let level = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "level" })?;
    let level = LEVELS
        .iter()
        .position(|known| *known == level)
        .ok_or_else(|| AccessError::LevelNotFound { level: level.to_owned() })?;
    if role::Role::named(role).is_none() {
        return Err(AccessError::RoleNotFound { role: role.to_owned() }.into());
    }
    let role = quoted(role);
    spi::connected(|| {
        for (_, privileges, kind, objects) in RIGHTS.iter().filter(|(of, ..)| *of <= level) {
            let (kind, objects) = (kind.keyword(), objects.join(", "));
            spi::execute(&format!("GRANT {privileges} ON {kind} {objects} TO {role}"), &[]);
        }
    });
    Ok(call.null())
}
