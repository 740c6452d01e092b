//! The triggers on `travel.alerts`. Analysts may change three columns, and the scan owns the rest. Every change is
//! recorded in `travel.alert_history`, and archiving an alert as expected makes its locations known.

use super::LONGEST_NAME;
use super::known_places::while_correcting;
use crate::pg::errors::{GuardError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::report::Report;
use crate::pg::role;
use crate::pg::scan_flag::is_scanning;
use crate::pg::spi::{self, Argument};
use crate::pg::time::transaction_start;
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::{Change, Tuple, timestamp};
use pgrx::pg_sys;

pg_function!(travel_guard_alert, pg_finfo_travel_guard_alert, guard);
pg_function!(travel_note_alert, pg_finfo_travel_note_alert, note);

/// The columns that analysts may change.
const ANALYSTS: &[&str] = &["status", "archive_reason", "assignee"];

const STATUSES: &[&str] = &["open", "under_review", "archived"];

const REASONS: &[&str] = &["expected", "true_positive", "false_positive", "other"];

/// The columns whose changes are recorded in the history.
const NOTED: &[&str] = &["status", "archive_reason", "assignee", "severity", "reopened_at", "withdrawn_at"];

/// BEFORE UPDATE OR DELETE, for each row; BEFORE TRUNCATE.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    match trigger.event() {
        Event::Update { old, new } => {
            let changes = old.changed(&new);
            if changes.is_empty() {
                return Ok(trigger.proceed());
            }
            let new = if is_scanning() { new } else { edited(&trigger, &old, new, changes)? };
            Ok(new.with(&[(c"updated_at", timestamp(transaction_start()))]).result())
        }
        Event::Delete { .. } | Event::Truncate if !is_scanning() => Err(GuardError::AlertsAreKept.into()),
        _ => Ok(trigger.proceed()),
    }
}

/// The alert after an analyst's edit.
fn edited(trigger: &Trigger, old: &Tuple, new: Tuple, changes: Vec<Change>) -> Result<Tuple, TravelError> {
    let reason_given = changes.iter().any(|change| change.is_of(&["archive_reason"]));
    if let Some(change) = changes.into_iter().find(|change| !change.is_of(ANALYSTS)) {
        return Err(GuardError::AlertColumn { column: change.column }.into());
    }
    trigger.must_be_complete(&new)?;
    trigger.must_be_one_of(
        &new,
        c"status",
        STATUSES,
        "Use one of these, for example SET status = 'under_review'.",
    )?;
    trigger.must_be_one_of(
        &new,
        c"archive_reason",
        REASONS,
        "Use one of these, for example SET status = 'archived', archive_reason = 'expected'.",
    )?;
    trigger.must_be_at_most(
        LONGEST_NAME,
        &new,
        c"assignee",
        "Use a name. Insert what the assignee finds out into travel.alert_comments.",
    )?;
    let (was, is) = (is_archived(old)?, is_archived(&new)?);
    if let Some(reason) = new.text(c"archive_reason")?.filter(|_| reason_given && !is) {
        return Err(GuardError::ReasonWithoutArchive { reason: reason.to_owned() }.into());
    }
    Ok(match (was, is) {
        (false, true) => new.with(&[(c"archived_at", timestamp(transaction_start()))]),
        // An alert that a scan reopens keeps its reason. An analyst who opens one removes it.
        (true, false) => new.with(&[(c"archived_at", None), (c"archive_reason", None)]),
        _ => new,
    })
}

/// AFTER UPDATE, for each row.
fn note(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let Event::Update { old, new } = trigger.event() else { return Ok(trigger.skip()) };
    let mut changes = old.changed(&new);
    changes.retain(|change| change.is_of(NOTED));
    let Some(id) = new.i64(c"id").filter(|_| !changes.is_empty()) else { return Ok(trigger.skip()) };
    // This must be asked before the trigger acts as the tables' owner.
    let by = role::acting();
    let (was, is) = (is_expected(&old)?, is_expected(&new)?);
    let enters = is && is_archived(&new)? && !(was && is_archived(&old)?);
    // A scan never archives an alert. If one is archived here, its rule is being deleted.
    let rule_deleted = is_scanning() && is_archived(&new)? && !is_archived(&old)?;
    role::acting_as(trigger.table_owner(), || {
        write_history(id, &by, &changes, rule_deleted);
        if is_scanning() {
            return;
        }
        role::on_behalf_of(&by, || {
            if enters {
                spi::execute(ENTER_PLACES, &[Argument::bigint(id)]);
            }
            if was && !is {
                while_correcting(|| {
                    spi::execute(END_PLACES, &[Argument::bigint(id)]);
                });
            }
        });
        if enters && !spi::select(WITHOUT_LOCATIONS, &[Argument::bigint(id)]).is_empty() {
            notice_of_no_location(id);
        }
    });
    Ok(trigger.skip())
}

/// Says that archiving an alert as expected changes nothing for travel of the same kind.
fn notice_of_no_location(id: i64) {
    Report::notice(format!("archiving alert {id} as expected makes no location known"))
        .detail("Its rule learns no locations or is being deleted, or its events have no baseline user or no country.")
        .hint(format!(
            "The same travel will raise alerts again. To prevent that: SELECT travel.silence({id}, '30 days', 'the reason')."
        ))
        .send();
}

fn is_archived(row: &Tuple) -> Result<bool, TravelError> {
    Ok(row.text(c"status")? == Some("archived"))
}

fn is_expected(row: &Tuple) -> Result<bool, TravelError> {
    Ok(row.text(c"archive_reason")? == Some("expected"))
}

fn write_history(id: i64, by: &str, changes: &[Change], rule_deleted: bool) {
    let mut arguments = vec![Argument::bigint(id), Argument::text(by)];
    let mut columns = Vec::new();
    for change in changes {
        let n = arguments.len();
        columns.push(format!("'{}', pg_catalog.jsonb_build_array(${}, ${})", change.column, n + 1, n + 2));
        arguments.extend([change.old, change.new].map(|value| Argument::of(change.oid, value)));
    }
    if rule_deleted {
        columns.push("'rule_deleted', pg_catalog.jsonb_build_array(false, true)".to_owned());
    }
    let statement = format!(
        "INSERT INTO travel.alert_history (alert_id, by, change) VALUES ($1, $2, pg_catalog.jsonb_build_object({}))",
        columns.join(", ")
    );
    spi::execute(&statement, &arguments);
}

/// Enters the locations at both ends of the alert's legs that were not known at the time, unless the alert entered them
/// before. If the rule was deleted, or another session is deleting it, this enters nothing. That session may wait for the
/// alert, so waiting for it could end in a deadlock.
const ENTER_PLACES: &str = "
    INSERT INTO travel.known_places
        (rule, baseline_entity, country_code, subdivision, city, origin, valid_from, alert_id)
    SELECT DISTINCT a.rule, l.baseline_entity, p.country_code, p.subdivision, p.city, 'alert', a.last_seen, a.id
    FROM travel.alerts AS a
    CROSS JOIN LATERAL (SELECT learn FROM travel.rules WHERE name = a.rule FOR KEY SHARE SKIP LOCKED) AS r
    JOIN travel_internal.alert_legs AS l ON l.alert_id = a.id
    CROSS JOIN LATERAL (
        SELECT e.country_code, CASE WHEN r.learn <> 'encountered' THEN e.subdivision END AS subdivision, e.city
        FROM (VALUES (l.from_known, l.from_country_code, l.from_subdivision, l.from_city),
                     (l.to_known, l.to_country_code, l.to_subdivision, l.to_city))
             AS e (known, country_code, subdivision, city)
        WHERE NOT e.known AND e.country_code IS NOT NULL
    ) AS p
    WHERE a.id = $1 AND l.baseline_entity <> ''
      AND NOT EXISTS (
          SELECT FROM travel.known_places AS k
          WHERE k.alert_id = a.id AND k.origin = 'alert' AND k.rule = a.rule AND k.baseline_entity = l.baseline_entity
            AND k.country_code = p.country_code AND k.subdivision IS NOT DISTINCT FROM p.subdivision
            AND k.city IS NOT DISTINCT FROM p.city
            AND (k.valid_until IS NULL OR k.valid_until > pg_catalog.now()))";

/// A row if the alert has a rule, and no location of its legs could be known to it, or the rule is being deleted.
const WITHOUT_LOCATIONS: &str = "
    SELECT FROM travel.alerts AS a
    JOIN travel.rules AS r ON r.name = a.rule
    WHERE a.id = $1
      AND NOT EXISTS (
          SELECT FROM travel_internal.alert_legs AS l
          WHERE l.alert_id = a.id AND l.baseline_entity <> '' AND r.baseline
            AND (l.from_country_code IS NOT NULL OR l.to_country_code IS NOT NULL)
            AND EXISTS (SELECT FROM travel.rules AS k WHERE k.name = a.rule FOR KEY SHARE SKIP LOCKED))";

/// Deletes the locations that the alert entered. The guard of the table turns that into an end of validity for those
/// that are in force.
const END_PLACES: &str = "
    DELETE FROM travel.known_places
    WHERE alert_id = $1 AND origin = 'alert' AND (valid_until IS NULL OR valid_until > pg_catalog.now())";
