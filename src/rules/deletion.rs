//! The trigger on `travel.rules` that deletes what belongs to a deleted rule, and archives its alerts.

use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::scan_flag::while_scanning;
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::{Event, Trigger};
use crate::rules::alert_locks::lock_alerts;
use pgrx::pg_sys;

pg_function!(travel_forget_rule, pg_finfo_travel_forget_rule, forget_rule);

/// AFTER DELETE, for each row; AFTER TRUNCATE. Runs with the rights of the tables' owner.
fn forget_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (statements, open_alerts, arguments) = match trigger.event() {
        Event::Delete { old } => {
            (OF_ONE, OPEN_OF_ONE, vec![Argument::text(old.text(c"name")?.unwrap_or_default())])
        }
        Event::Truncate => (OF_ALL, OPEN_OF_ALL, Vec::new()),
        Event::Insert { .. } | Event::Update { .. } => return Ok(trigger.skip()),
    };
    spi::connected(|| {
        while_scanning(|| {
            for (at, statement) in statements.iter().enumerate() {
                if at == 1 {
                    lock_alerts(open_alerts, &arguments);
                }
                spi::execute(statement, &arguments);
            }
        });
    });
    Ok(trigger.skip())
}

/// One statement can delete several rules. At the first of them, the open alerts of all of them are locked.
const OPEN_OF_ONE: &str = "
    SELECT a.id
    FROM travel.alerts AS a
    WHERE a.status = 'open' AND (a.rule = $1 OR NOT EXISTS (SELECT FROM travel.rules AS r WHERE r.name = a.rule))";
const OPEN_OF_ALL: &str = "SELECT id FROM travel.alerts WHERE status = 'open'";

/// The statements that run when one rule is deleted. The first statement waits for a running step of a scan, so the
/// others see all rows that the step wrote. After it, the open alerts of the rule are locked. Alerts are kept. Open
/// alerts are archived, because their rule no longer exists.
const OF_ONE: &[&str] = &[
    "DELETE FROM travel_internal.scans WHERE rule = $1",
    "DELETE FROM travel_internal.own_passes WHERE rule = $1",
    "DELETE FROM travel_internal.coverage_days WHERE rule = $1",
    "UPDATE travel.alerts
     SET status = 'archived', archive_reason = 'other', archived_at = pg_catalog.now()
     WHERE rule = $1 AND status = 'open'",
    "DELETE FROM travel_internal.entity_checkpoints WHERE rule = $1",
    "DELETE FROM travel_internal.baseline_checkpoints WHERE rule = $1",
    "DELETE FROM travel_internal.minted_keys WHERE rule = $1",
    "DELETE FROM travel.verdicts WHERE rule = $1",
    "DELETE FROM travel.known_places WHERE rule = $1",
    "DELETE FROM travel.known_transitions WHERE rule = $1",
    "DELETE FROM travel.suppressions WHERE rule = $1",
];

/// What happens when all rules are deleted. Suppressions without a rule stay: they apply to future rules, too.
const OF_ALL: &[&str] = &[
    "TRUNCATE travel_internal.scans, travel_internal.own_passes, travel_internal.coverage_days,
         travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints, travel_internal.minted_keys,
         travel.verdicts, travel.known_places, travel.known_transitions",
    "UPDATE travel.alerts
     SET status = 'archived', archive_reason = 'other', archived_at = pg_catalog.now()
     WHERE status = 'open'",
    "DELETE FROM travel.suppressions WHERE rule IS NOT NULL",
];
