//! Triggers on the tables that both scans and analysts write. They keep the two apart: each may change only its own
//! rows and columns, and what analysts enter is checked.
//!
//! | module | tables | what it guards |
//! |---|---|---|
//! | [`known_places`] | `travel.known_places`, `travel.known_transitions` | Scans own the rows that they learned. Rows that analysts entered are checked. Deleting one that is in force ends its validity instead. |
//! | [`comments`] | `travel.alert_comments` | A comment has an author and a time, and is neither changed nor deleted. |
//! | [`alerts`] | `travel.alerts`, `travel.alert_history` | Analysts own three columns. Every change is recorded, and archiving an alert as expected makes its locations known. |
//! | [`networks`] | `travel.networks` | The values of a row are valid and fit together. |
//! | [`suppressions`] | `travel.suppressions` | A suppression has an author and a reason, and does not silence everything forever. |
//!
//! [`author`] says who wrote a row of `travel.networks`, `travel.suppressions`, `travel.known_places`,
//! `travel.known_transitions` or `travel.rules`, and when.
//!
//! Scans ([`crate::pg::scan_flag`]) and restores ([`crate::pg::role::may_load`]) are exempt. Rules themselves are
//! checked by `src/rules/validate.rs`.

mod alerts;
pub mod author;
mod comments;
mod known_places;
mod networks;
mod suppressions;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use crate::pg::errors::{GuardError, TravelError};
use crate::pg::role;
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::Trigger;
use crate::pg::tuple::Tuple;

/// The longest name that an analyst writes, in characters. The constraints of the tables have the same limits.
pub const LONGEST_NAME: usize = 200;

/// The longest reason or note, in characters.
pub const LONGEST_NOTE: usize = 1000;

/// The longest comment, in characters.
const LONGEST_COMMENT: usize = 10_000;

const WRITE_LESS: &str = "Write less, and refer to a document or a ticket for the rest.";

/// Checks that a country code has two capital letters, as in ISO 3166-1 alpha-2.
fn check_country_code(column: &str, code: Option<&str>) -> Result<(), TravelError> {
    match code {
        Some(code) if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Err(GuardError::CountryCode { column: column.to_owned(), value: code.to_owned() }.into())
        }
        _ => Ok(()),
    }
}

/// Checks that the rule of a row exists, and keeps it from being deleted before the row is visible. In a dump, a row
/// may come before its rule.
fn rule_must_exist(trigger: &Trigger, row: &Tuple) -> Result<(), TravelError> {
    let Some(rule) = row.text(c"rule")? else { return Ok(()) };
    if role::may_load(trigger.table_owner()) && role::is_dump_loading() {
        return Ok(());
    }
    if keep_rule(trigger, rule)? {
        return Ok(());
    }
    Err(GuardError::RowOfNoRule { table: trigger.table(), rule: rule.to_owned() }.into())
}

/// Keeps a rule from being deleted until the transaction ends. Returns whether the rule exists. It is an error if another
/// session is deleting the rule.
///
/// A deletion locks the alerts of the rule, and then deletes its other rows. A transaction that changes one of these rows
/// calls this, so the deletion waits for the transaction before it locks alerts. If the deletion came first, it may wait
/// for an alert that the transaction has changed. Waiting for the deletion could end in a deadlock.
fn keep_rule(trigger: &Trigger, rule: &str) -> Result<bool, TravelError> {
    let found = |lock: &str| {
        let query = format!("SELECT 1 FROM travel.rules WHERE name = $1 {lock}");
        role::acting_as(trigger.table_owner(), || spi::execute(&query, &[Argument::text(rule)])) > 0
    };
    if found("FOR KEY SHARE SKIP LOCKED") {
        Ok(true)
    } else if found("") {
        Err(GuardError::RuleBeingDeleted { table: trigger.table(), rule: rule.to_owned() }.into())
    } else {
        Ok(false)
    }
}

/// [`keep_rule`] for the rule of a row that is changed or deleted. Returns whether the row has a rule that exists.
fn keep_rule_of(trigger: &Trigger, row: &Tuple) -> Result<bool, TravelError> {
    row.text(c"rule")?.map_or(Ok(false), |rule| keep_rule(trigger, rule))
}
