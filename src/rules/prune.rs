//! `travel.prune`: deletes old verdicts, archived alerts, and expired entries of analysts.

use crate::pg::errors::{GuardError, ScanError, TravelError, UsageError};
use crate::pg::extension_lock::keep_extension;
use crate::pg::function::{Call, pg_function};
use crate::pg::row::{RowType, RowWriter};
use crate::pg::scan_flag::while_scanning;
use crate::pg::snapshot::has_unseen_rows;
use crate::pg::spi::{self, Argument};
use crate::rules::row_locks::{Intent, keep_rules, lock_alerts};
use pgrx::pg_sys;

pg_function!(travel_prune, pg_finfo_travel_prune, prune);

/// The shortest age to prune by. An incident lasts up to a day by default, and events come days late.
const LEAST: &str = "1 day";

/// The longest age to prune by. The time that long ago must be one that PostgreSQL can represent.
const MOST: &str = "6000 years";

/// `(older_than) -> (verdicts, alerts, known_places, known_transitions)`
fn prune(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let older_than = call.datum(0).ok_or(UsageError::ArgumentNull { name: "older_than" })?;
    keep_extension()?;
    let (alerts, counts) = spi::connected(|| {
        let rows = spi::select(
            "SELECT CASE WHEN $1 >= $2::interval AND $1 <= $3::interval THEN pg_catalog.now() - $1 END AS before,
                    $1 >= $2::interval AS is_old_enough, $1 <= $3::interval AS is_young_enough, $1::text AS given",
            &[
                Argument::of(pg_sys::INTERVALOID, Some(older_than)),
                Argument::text(LEAST),
                Argument::text(MOST),
            ],
        );
        spi::columns!(rows => before, is_old_enough, is_young_enough, given);
        let Some(row) = rows.first() else { return Ok::<_, TravelError>((0, [0; 6])) };
        let given = row.string(given)?.unwrap_or_default();
        if !row.is_true(is_old_enough) {
            return Err(ScanError::PruneTooYoung { given, least: LEAST }.into());
        }
        if !row.is_true(is_young_enough) {
            return Err(ScanError::PruneTooOld { given, most: MOST }.into());
        }
        let before = Argument::time(row.i64(before));
        while_scanning(|| {
            // This waits for running steps of scans. Later steps wait for it.
            spi::execute(NOTE_TIME, &[before, Argument::texts(&keep_rules())]);
            let query = format!("SELECT id FROM travel.alerts AS a WHERE {IS_OLD}");
            let old = lock_alerts(Intent::Delete, &query, &[before]);
            // An analyst may have opened an alert just before it was locked, so the condition is checked again.
            let alerts = spi::execute(
                &format!("DELETE FROM travel.alerts AS a WHERE id = ANY ($2) AND {IS_OLD}"),
                &[before, Argument::bigints(&old)],
            );
            if has_unseen_rows(ROWS_OF_ALERTS, &[Argument::bigints(&old)]) {
                return Err(GuardError::WrittenMeanwhile { of: "alert" }.into());
            }
            Ok((alerts, STATEMENTS.map(|statement| spi::execute(statement, &[before]))))
        })
    })?;
    let row_type = call.site_cache(|| RowType::of_call(call))?;
    let mut row = RowWriter::<4>::new();
    let [_, verdicts, places, transitions, ..] = counts;
    for count in [verdicts, alerts, places, transitions] {
        row.i64(Some(count as i64));
    }
    row.finish(*row_type)
}

/// Records, for each rule, the time before which scans no longer evaluate events. The rows are locked in the order of
/// the names, as a scan of several rules in a transaction block locks them.
const NOTE_TIME: &str = "
    INSERT INTO travel_internal.scans AS s (rule, pruned_before)
    SELECT r.name, $1 FROM unnest($2::text[]) AS r (name) ORDER BY r.name
    ON CONFLICT (rule) DO UPDATE SET pruned_before = greatest(s.pruned_before, $1)";

/// The condition that an alert `a` is deleted. Open alerts of any age are kept with their verdicts. Alerts are also
/// kept if a leg of an event that scans still evaluate could join them.
const IS_OLD: &str = "a.last_seen < $1 AND (a.status = 'archived' OR a.withdrawn_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM travel.rules AS r WHERE r.name = a.rule AND a.last_seen + r.keep_alive >= $1)";

/// The rows of deleted alerts that would be left behind.
const ROWS_OF_ALERTS: &str = "
    SELECT 1 FROM travel.alert_comments AS c WHERE alert_id = ANY ($1)
        AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.id = c.alert_id)
    UNION ALL SELECT 1 FROM travel_internal.alert_legs AS l WHERE alert_id = ANY ($1)
        AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.id = l.alert_id)
    LIMIT 1";

/// The statements that delete other rows after the alerts, in this order. The alerts are locked, so no statement waits for
/// a row that an analyst changes. It skips the row, and a later `travel.prune` deletes it.
const STATEMENTS: [&str; 6] = [
    "DELETE FROM travel.alert_history AS h
     WHERE at < $1 AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.id = h.alert_id)",
    "DELETE FROM travel.verdicts AS v
     WHERE to_time < $1 AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.id = v.alert_id)",
    "DELETE FROM travel.known_places WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM travel.known_places WHERE origin <> 'learnt' AND valid_until < $1 FOR UPDATE SKIP LOCKED))",
    "DELETE FROM travel.known_transitions WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM travel.known_transitions WHERE origin <> 'learnt' AND valid_until < $1
         FOR UPDATE SKIP LOCKED))",
    // Temporary keys are many and live for hours. A leg cannot start at the last event of a key that was not used for
    // so long (half the Earth's circumference takes 401 hours at the lowest velocity of a rule), nor can it join an
    // incident.
    "DELETE FROM travel_internal.entity_checkpoints AS s
     USING travel.rules AS r
     WHERE r.name = s.rule AND s.evaluated_until < $1 - greatest(r.keep_alive, 2 * r.max_duration, interval '401 hours')",
    // A temporary key lives for at most 36 hours. Its events are read again after that, as those of its root, when place
    // data changes, and what they taught counts until it is forgotten.
    "DELETE FROM travel_internal.minted_keys AS m
     USING travel.rules AS r
     WHERE r.name = m.rule AND m.minted_at < $1 - interval '7 days' - r.forget_after",
];
