//! The trigger on `travel.suppressions`. A suppression has an author and a reason, and none silences everything
//! forever.

use super::author::{self, authored};
use super::{LONGEST_NOTE, WRITE_LESS, check_country_code, keep_rule_of, rule_must_exist};
use crate::pg::errors::{GuardError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::report::Report;
use crate::pg::scan_flag::is_scanning;
use crate::pg::time::timestamp_text;
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::Tuple;
use pgrx::pg_sys;

pg_function!(travel_guard_suppression, pg_finfo_travel_guard_suppression, guard);

/// The `timestamptz` infinity.
const INFINITY: i64 = i64::MAX;

/// BEFORE INSERT OR UPDATE OR DELETE, for each row.
fn guard(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (old, row) = match trigger.event() {
        Event::Insert { new } => (None, new),
        Event::Update { old, new } => (Some(old), new),
        Event::Delete { old } => {
            // The deletion of a rule deletes its suppressions, which counts as a write of a scan.
            if !is_scanning() {
                keep_rule_of(&trigger, &old)?;
            }
            return Ok(trigger.proceed());
        }
        Event::Truncate => return Ok(trigger.proceed()),
    };
    trigger.must_be_complete_but_for(&row, &author::COLUMNS)?;
    if let (Some(from), Some(until)) = (row.timestamp(c"valid_from"), row.timestamp(c"valid_until"))
        && from >= until
    {
        return Err(
            GuardError::ValidityEmpty { from: timestamp_text(from), until: timestamp_text(until) }.into()
        );
    }
    if let Some(old) = &old {
        keep_rule_of(&trigger, old)?;
    }
    rule_must_exist(&trigger, &row)?;
    if row.text(c"reason")?.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(GuardError::BlankReason.into());
    }
    trigger.must_be_at_most(LONGEST_NOTE, &row, c"reason", WRITE_LESS)?;
    if let Some(pattern) = row.text(c"entity_like")?.filter(|pattern| ends_in_an_escape(pattern)) {
        return Err(GuardError::PatternEscape { pattern: pattern.to_owned() }.into());
    }
    trigger.must_say_something(
        &row,
        c"entity_like",
        "Omit the column to suppress the travel of every entity.",
    )?;
    let ends = row.timestamp(c"valid_until").is_some_and(|until| until != INFINITY);
    let criteria = [c"rule", c"entity_like", c"country_code_a", c"country_code_b", c"network"];
    if !ends && criteria.iter().all(|column| row.is_null(column)) {
        return Err(GuardError::SuppressesEverything.into());
    }
    if !ends && !has_limit(&row)? {
        warn_of_no_limit();
    }
    check_country_code("country_code_a", row.text(c"country_code_a")?)?;
    check_country_code("country_code_b", row.text(c"country_code_b")?)?;
    Ok(authored(&trigger, old.as_ref(), row)?.result())
}

/// Whether a column limits what is suppressed. A pattern or a network that matches everything does not.
fn has_limit(row: &Tuple) -> Result<bool, TravelError> {
    let entity = row.text(c"entity_like")?.is_some_and(|pattern| pattern.bytes().any(|byte| byte != b'%'));
    let network = !row.is_null(c"network") && !row.written(c"network").ends_with("/0");
    let others = [c"rule", c"country_code_a", c"country_code_b"].iter().any(|column| !row.is_null(column));
    Ok(entity || network || others)
}

/// Says that a suppression with criteria silences every rule nevertheless.
fn warn_of_no_limit() {
    Report::warning("suppression silences every rule")
        .detail(
            "It has no rule, no country and no end. A pattern of '%' alone matches every entity, and a network of the \
             length 0 every IPv4 or every IPv6 address.",
        )
        .hint("To suppress less, set rule, country_code_a, country_code_b or valid_until, or a narrower pattern or network.")
        .send();
}

/// Whether the last backslash of a LIKE pattern escapes nothing. LIKE refuses such a pattern, which would end a scan.
fn ends_in_an_escape(pattern: &str) -> bool {
    pattern.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}
