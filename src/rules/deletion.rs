//! What becomes of all that belongs to a rule when the rule is deleted: a trigger on travel.rules.

use super::definition::text;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::scanning::while_scanning;
use crate::pg::spi;
use crate::pg::trigger::{Event, Trigger};
use pgrx::pg_sys;

pg_function!(travel_forget_rule, pg_finfo_travel_forget_rule, forget_rule);

/// AFTER DELETE, each row; AFTER TRUNCATE. With the rights of the owner of the tables.
fn forget_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (statements, arguments) = match trigger.event() {
        Event::Delete { old } => (OF_ONE, vec![text(old.text(c"name")?.unwrap_or_default())]),
        Event::Truncate => (OF_ALL, Vec::new()),
        Event::Insert { .. } | Event::Update { .. } => return Ok(trigger.skip()),
    };
    spi::connected(|| {
        while_scanning(|| {
            for statement in statements {
                spi::execute(statement, &arguments);
            }
        });
    });
    Ok(trigger.skip())
}

/// The first statement waits for a step of a scan that is at work, so the others see all that it wrote. Alerts are
/// kept: an open one would wait for a decision that nobody is asked for any more, so it is archived.
const OF_ONE: &[&str] = &[
    "DELETE FROM travel_internal.scans WHERE rule = $1",
    "UPDATE travel.alerts
     SET status = 'archived', archive_reason = 'other', archived_at = pg_catalog.now()
     WHERE rule = $1 AND status = 'open'",
    "DELETE FROM travel_internal.entity_states WHERE rule = $1",
    "DELETE FROM travel_internal.baseline_states WHERE rule = $1",
    "DELETE FROM travel.verdicts WHERE rule = $1",
    "DELETE FROM travel.known_places WHERE rule = $1",
    "DELETE FROM travel.known_transitions WHERE rule = $1",
    "DELETE FROM travel.suppressions WHERE rule = $1",
];

/// Suppressions without a rule are about rules to come, too.
const OF_ALL: &[&str] = &[
    "TRUNCATE travel_internal.scans, travel_internal.entity_states, travel_internal.baseline_states, travel.verdicts, travel.known_places,
              travel.known_transitions",
    "UPDATE travel.alerts
     SET status = 'archived', archive_reason = 'other', archived_at = pg_catalog.now()
     WHERE status = 'open'",
    "DELETE FROM travel.suppressions WHERE rule IS NOT NULL",
];
