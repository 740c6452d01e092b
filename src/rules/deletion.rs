//! The trigger on `travel.rules` that deletes what belongs to a deleted rule, and archives its alerts.

use crate::pg::errors::{GuardError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::scan_flag::while_scanning;
use crate::pg::snapshot::has_unseen_rows;
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::{Event, Trigger};
use crate::rules::row_locks::{Intent, lock_alerts};
use pgrx::pg_sys;

pg_function!(travel_forget_rule, pg_finfo_travel_forget_rule, forget_rule);

/// Runs after DELETE, for each row, and before TRUNCATE, which it refuses. It has the rights of the tables' owner.
fn forget_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let rule = match trigger.event() {
        Event::Delete { old } => Argument::text(old.text(c"name")?.unwrap_or_default()),
        // TRUNCATE would lock the tables of all results after the table of rules. A session that uses these tables in
        // another order, such as one that archives an alert, could end in a deadlock with it. PostgreSQL has already
        // locked the tables that the statement names, so a TRUNCATE of several of these tables can still end in a
        // deadlock.
        Event::Truncate => return Err(GuardError::RulesTruncated.into()),
        Event::Insert { .. } | Event::Update { .. } => return Ok(trigger.skip()),
    };
    spi::connected(|| {
        while_scanning(|| {
            for (at, statement) in STATEMENTS.iter().enumerate() {
                if at == 1 {
                    lock_alerts(Intent::Change, ALERTS, &[rule]);
                }
                spi::execute(statement, &[rule]);
            }
        });
        if has_unseen_rows(ROWS, &[rule]) {
            return Err(TravelError::from(GuardError::WrittenMeanwhile { of: "rule" }));
        }
        Ok(())
    })?;
    Ok(trigger.skip())
}

/// The alerts that are archived or whose known locations are deleted. An analyst who changes an alert also locks the
/// alert before its known locations. If a statement deletes several rules, the alerts of all of them are locked at the
/// first rule.
const ALERTS: &str = "
    SELECT a.id
    FROM travel.alerts AS a
    WHERE (a.rule = $1 OR NOT EXISTS (SELECT FROM travel.rules AS r WHERE r.name = a.rule))
      AND (a.status = 'open' OR EXISTS (SELECT FROM travel.known_places AS k WHERE k.alert_id = a.id))";

/// The statements that run when one rule is deleted. The first statement waits for a running step of a scan, so the
/// others see all rows that the step wrote. After it, the alerts of the rule are locked. Alerts are kept. Open alerts are
/// archived, because their rule no longer exists.
const STATEMENTS: [&str; 11] = [
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

/// The rows of a rule that would be left behind. A transaction that writes some keeps the rule from being deleted until it
/// ends. A deletion that waited for it does not see them if all of its statements have one snapshot.
const ROWS: &str = "
    SELECT 1 FROM travel_internal.scans WHERE rule = $1
    UNION ALL SELECT 1 FROM travel_internal.own_passes WHERE rule = $1
    UNION ALL SELECT 1 FROM travel_internal.coverage_days WHERE rule = $1
    UNION ALL SELECT 1 FROM travel.alerts WHERE rule = $1 AND status = 'open'
    UNION ALL SELECT 1 FROM travel_internal.entity_checkpoints WHERE rule = $1
    UNION ALL SELECT 1 FROM travel_internal.baseline_checkpoints WHERE rule = $1
    UNION ALL SELECT 1 FROM travel_internal.minted_keys WHERE rule = $1
    UNION ALL SELECT 1 FROM travel.verdicts WHERE rule = $1
    UNION ALL SELECT 1 FROM travel.known_places WHERE rule = $1
    UNION ALL SELECT 1 FROM travel.known_transitions WHERE rule = $1
    UNION ALL SELECT 1 FROM travel.suppressions WHERE rule = $1
    LIMIT 1";
