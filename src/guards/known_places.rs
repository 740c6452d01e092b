//! The triggers on `travel.known_places` and `travel.known_transitions`. Scans own the rows that they learned; the
//! others were entered by analysts or by an alert that was archived as expected.

use super::author::authored;
use super::{LONGEST_NOTE, WRITE_LESS, check_country_code, keep_rule_of, rule_must_exist};
use crate::pg::errors::{GuardError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::role;
use crate::pg::scan_flag::is_scanning;
use crate::pg::spi::{self, Argument};
use crate::pg::time::{timestamp_text, transaction_start};
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::{Tuple, column_name, timestamp};
use pgrx::pg_sys;
use std::cell::Cell;

pg_function!(travel_guard_known, pg_finfo_travel_guard_known, guard);

/// The columns of an entered row that cannot change: what it is about, and where it came from.
const FIXED: &[&str] = &["rule", "baseline_entity", "origin", "alert_id"];

thread_local! {
    static IS_CORRECTING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, which ends the locations that an alert entered. The transaction has already locked the alert. A session
/// that deletes the rule locks the alert before its locations. Therefore, the guard does not prevent the rule from
/// being deleted during `body`, and it does not fail if the rule is being deleted.
pub fn while_correcting(body: impl FnOnce()) {
    struct Correction;
    impl Drop for Correction {
        fn drop(&mut self) {
            IS_CORRECTING.set(false);
        }
    }
    IS_CORRECTING.set(true);
    let _correction = Correction;
    body();
}

fn is_correcting() -> bool {
    IS_CORRECTING.get()
}

/// BEFORE INSERT OR UPDATE OR DELETE, for each row.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    if is_scanning() {
        return Ok(trigger.proceed());
    }
    match trigger.event() {
        Event::Insert { new } => match new.text(c"origin")? {
            Some(origin @ ("learnt" | "alert")) if !role::may_load(trigger.table_owner()) => {
                Err(GuardError::OriginNotYours { table: trigger.table(), origin: origin.to_owned() }.into())
            }
            Some("learnt") => Ok(trigger.proceed()),
            _ => {
                rule_must_exist(&trigger, &new)?;
                entered(&trigger, None, &new)
            }
        },
        Event::Update { old, new } => {
            if is_learned(&old)? {
                return Err(GuardError::LearnedRow { table: trigger.table() }.into());
            }
            if let Some(change) = old.changed(&new).into_iter().find(|change| change.is_of(FIXED)) {
                return Err(GuardError::FixedColumn { table: trigger.table(), column: change.column }.into());
            }
            if !is_correcting() {
                keep_rule_of(&trigger, &old)?;
            }
            entered(&trigger, Some(&old), &new)
        }
        Event::Delete { old } => {
            // The deletion of a rule deletes its rows.
            let exists =
                if is_correcting() { rule_exists(&trigger, &old)? } else { keep_rule_of(&trigger, &old)? };
            if !exists {
                return Ok(trigger.proceed());
            }
            if is_learned(&old)? {
                return Err(GuardError::LearnedRow { table: trigger.table() }.into());
            }
            if is_in_force(&old) {
                end(&trigger, &old);
                return Ok(trigger.skip());
            }
            Ok(trigger.proceed())
        }
        Event::Truncate => Ok(trigger.proceed()),
    }
}

/// Checks a row that was entered by hand or by an alert, and returns it as it is stored.
fn entered(trigger: &Trigger, old: Option<&Tuple>, row: &Tuple) -> Result<pg_sys::Datum, TravelError> {
    trigger.must_be_complete(row)?;
    trigger.must_say_something(row, c"baseline_entity", "Use the value that the events have.")?;
    trigger.must_be_at_most(LONGEST_NOTE, row, c"note", WRITE_LESS)?;
    trigger.must_be_one_of(
        row,
        c"origin",
        &["analyst", "learnt", "alert"],
        "Omit origin: rows that you insert have the origin 'analyst'.",
    )?;
    match row.text(c"state")? {
        Some(state) if state != "known" => {
            return Err(GuardError::EnteredState { state: state.to_owned() }.into());
        }
        _ => {}
    }
    for (column, name) in [(c"first_seen", "first_seen"), (c"last_seen", "last_seen")] {
        if !row.is_null(column) {
            return Err(GuardError::EnteredSeen { column: name }.into());
        }
    }
    let from = row.timestamp(c"valid_from").unwrap_or_else(transaction_start);
    if let Some(until) = row.timestamp(c"valid_until").filter(|until| *until <= from) {
        return Err(
            GuardError::ValidityEmpty { from: timestamp_text(from), until: timestamp_text(until) }.into()
        );
    }
    let by_hand = row.text(c"origin")? == Some("analyst");
    let mut row = row.with(&[(c"valid_from", timestamp(from))]);
    for prefix in ["", "from_", "to_"] {
        if by_hand {
            let column = column_name(prefix, "country_code");
            check_country_code(&column.to_string_lossy(), row.text(&column)?)?;
        }
        for name in ["subdivision", "city"] {
            let column = column_name(prefix, name);
            if row.text(&column)? == Some("") {
                row = row.with(&[(&column, None)]);
            }
        }
    }
    Ok(authored(trigger, old, row)?.result())
}

fn is_learned(row: &Tuple) -> Result<bool, TravelError> {
    Ok(row.text(c"origin")? == Some("learnt"))
}

/// Whether a row is in force now, by the same strict comparisons as in a scan.
fn is_in_force(row: &Tuple) -> bool {
    row.timestamp(c"valid_from").is_none_or(|from| from < transaction_start())
        && row.timestamp(c"valid_until").is_none_or(|until| transaction_start() < until)
}

/// Ends the validity of a row that is in force. The row stays for events from the time in which it was.
fn end(trigger: &Trigger, row: &Tuple) {
    let statement = format!("UPDATE {} SET valid_until = pg_catalog.now() WHERE ctid = $1", trigger.table());
    let by = role::acting();
    role::acting_as(trigger.table_owner(), || {
        role::on_behalf_of(&by, || {
            spi::execute(&statement, &[Argument::of(pg_sys::TIDOID, Some(row.ctid()))]);
        });
    });
}

fn rule_exists(trigger: &Trigger, row: &Tuple) -> Result<bool, TravelError> {
    let Some(rule) = row.text(c"rule")? else { return Ok(false) };
    let found = role::acting_as(trigger.table_owner(), || {
        spi::execute("SELECT 1 FROM travel.rules WHERE name = $1", &[Argument::text(rule)])
    });
    Ok(found > 0)
}
