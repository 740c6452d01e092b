//! The triggers on `travel.alert_comments`. A comment has an author and a time, and nobody changes or deletes it while
//! its alert exists. Each comment is also a row of the alert's history.

use super::LONGEST_COMMENT;
use crate::pg::errors::{GuardError, RuleError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::role;
use crate::pg::spi::{self, Argument};
use crate::pg::time::transaction_start;
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::{Tuple, text, timestamp};
use pgrx::pg_sys;

pg_function!(travel_guard_comment, pg_finfo_travel_guard_comment, guard);
pg_function!(travel_note_comment, pg_finfo_travel_note_comment, note);

/// BEFORE INSERT OR UPDATE OR DELETE, for each row; BEFORE TRUNCATE.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    match trigger.event() {
        Event::Insert { new } => Ok(written(&trigger, new)?.result()),
        // The comments of an alert that travel.prune deletes are deleted after it.
        Event::Delete { old } if !alert_exists(&trigger, &old) => Ok(trigger.proceed()),
        Event::Update { .. } | Event::Delete { .. } | Event::Truncate => {
            Err(GuardError::CommentsAreKept.into())
        }
    }
}

/// Checks a comment, and returns it with its author.
fn written(trigger: &Trigger, row: Tuple) -> Result<Tuple, TravelError> {
    trigger.must_be_complete_but_for(&row, &["by", "at"])?;
    if row.text(c"comment")?.is_some_and(|comment| comment.trim().is_empty()) {
        return Err(GuardError::BlankComment.into());
    }
    trigger.must_be_at_most(
        LONGEST_COMMENT,
        &row,
        c"comment",
        "Write several comments, or refer to a document.",
    )?;
    if !is_loaded(trigger) && !alert_exists(trigger, &row) {
        return Err(RuleError::AlertNotFound { id: row.i64(c"alert_id").unwrap_or_default() }.into());
    }
    let (by, at) = (role::acting(), transaction_start());
    if !role::may_load(trigger.table_owner()) {
        return Ok(row.with(&[(c"by", text(&by)), (c"at", timestamp(at))]));
    }
    let given = row.text(c"by")?.map_or_else(|| text(&by), text);
    let at = row.timestamp(c"at").unwrap_or(at);
    Ok(row.with(&[(c"by", given), (c"at", timestamp(at))]))
}

/// AFTER INSERT, for each row.
fn note(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let Event::Insert { new } = trigger.event() else { return Ok(trigger.skip()) };
    // A dump contains the history itself.
    if is_loaded(&trigger) {
        return Ok(trigger.skip());
    }
    let arguments = [
        Argument::bigint(new.i64(c"alert_id")),
        Argument::time(new.timestamp(c"at")),
        Argument::optional_text(new.text(c"by")?),
        Argument::optional_text(new.text(c"comment")?),
    ];
    role::acting_as(trigger.table_owner(), || {
        spi::execute(
            "INSERT INTO travel.alert_history (alert_id, at, by, change)
             VALUES ($1, $2, $3, pg_catalog.jsonb_build_object('comment', pg_catalog.jsonb_build_array(NULL, $4)))",
            &arguments,
        );
    });
    Ok(trigger.skip())
}

/// Whether the row comes from a dump, in which it may come before its alert.
fn is_loaded(trigger: &Trigger) -> bool {
    role::may_load(trigger.table_owner()) && role::is_dump_loading()
}

/// Whether the alert of a comment exists, which then cannot be deleted before the comment is visible.
fn alert_exists(trigger: &Trigger, row: &Tuple) -> bool {
    let id = Argument::bigint(row.i64(c"alert_id"));
    role::acting_as(trigger.table_owner(), || {
        spi::execute("SELECT 1 FROM travel.alerts WHERE id = $1 FOR KEY SHARE", &[id]) > 0
    })
}
