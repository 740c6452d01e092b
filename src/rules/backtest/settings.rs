//! A rule with other settings, which are checked as those of a rule that is written.

use crate::pg::attempt::{Failure, attempt};
use crate::pg::errors::{RuleError, TravelError};
use crate::pg::jsonb::Node;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi::{self, Argument};
use crate::pg::tuple::Tuple;
use crate::rules::definition::{self, Definition};
use crate::rules::dry_run::must_be_member;
use crate::rules::validate;
use pgrx::pg_sys;
use travel_cloudtrail::{Json, Kind};

/// Columns of a rule that say whose events are read and with whose rights, and who wrote the rule. A dry run takes those
/// of the rule.
const FIXED: [&str; 8] =
    ["name", "owner", "source", "source_owner", "created_by", "created_at", "updated_by", "updated_at"];

/// Columns whose values become part of a query that runs with the rights of the rule's owner.
const RUN_BY_OWNER: [&str; 5] = ["columns", "condition", "entity", "baseline_entity", "arrival_column"];

/// Loads a rule and replaces the columns that `settings`, a jsonb object, contains. The caller must be a member of the
/// rule's owner if one of them is part of the rule's query. With the rights of
/// [`owner_of_tables`](crate::rules::dry_run::owner_of_tables), within an SPI connection.
pub fn load(name: &str, settings: pg_sys::Datum, caller: Role) -> Result<Definition, TravelError> {
    // SAFETY: SQL declares the argument as jsonb, and it outlives the call.
    let given = unsafe { Node::of(settings) };
    if given.kind() != Kind::Object {
        return Err(RuleError::SettingsNotAnObject { found: given.kind().as_str() }.into());
    }
    let rows =
        spi::select("SELECT r AS stored FROM travel.rules AS r WHERE name = $1", &[Argument::text(name)]);
    spi::columns!(rows => stored);
    let Some(before) = rows.first().and_then(|row| row.composite(stored)) else {
        return Err(RuleError::NotFound { name: name.to_owned(), known: definition::names() }.into());
    };
    // SAFETY: a row of travel.rules.
    let before = unsafe { Tuple::of_composite(before) };
    for (key, _) in given.entries() {
        must_be_a_setting(&before, key)?;
        must_have_a_value(settings, key)?;
    }
    let rows = spi::select(
        "SELECT pg_catalog.jsonb_populate_record(r, $2) AS changed FROM travel.rules AS r WHERE name = $1",
        &[Argument::text(name), Argument::of(pg_sys::JSONBOID, Some(settings))],
    );
    spi::columns!(rows => changed);
    let Some(row) = rows.first().and_then(|row| row.composite(changed)) else {
        return Err(RuleError::NotFound { name: name.to_owned(), known: definition::names() }.into());
    };
    // SAFETY: as above.
    let after = unsafe { Tuple::of_composite(row) };
    if let Some(column) = after.missing(&[]) {
        return Err(RuleError::SettingsNull { column }.into());
    }
    let stored = Definition::of_row(name, before.composite())?;
    for change in before.changed(&after) {
        if change.is_of(&RUN_BY_OWNER) {
            must_be_member(caller, &stored, &change.column)?;
        }
    }
    // A definition cannot hold every value, so they are checked before it is made.
    with_rights_of(stored.owner()?, || validate::must_be_valid(&after))?;
    Definition::of_row(name, after.composite())
}

fn must_be_a_setting(rule: &Tuple, key: &str) -> Result<(), TravelError> {
    if FIXED.contains(&key) {
        return Err(RuleError::SettingsFixed { key: key.to_owned() }.into());
    }
    let names = rule.column_names();
    if names.iter().any(|name| name == key) {
        return Ok(());
    }
    let known: Vec<&str> = names.iter().map(String::as_str).filter(|name| !FIXED.contains(name)).collect();
    Err(RuleError::SettingsKey { key: key.to_owned(), known: known.join(", ") }.into())
}

/// Checks that a value can be converted to the type of its column.
fn must_have_a_value(settings: pg_sys::Datum, key: &str) -> Result<(), TravelError> {
    let converted = attempt(|| {
        spi::connected(|| {
            spi::select(
                "SELECT pg_catalog.jsonb_populate_record(
                     NULL::travel.rules, pg_catalog.jsonb_build_object($2, $1 -> $2))",
                &[Argument::of(pg_sys::JSONBOID, Some(settings)), Argument::text(key)],
            );
        });
        Ok(())
    });
    converted.map_err(|failure| match failure {
        Failure::Ours(error) => *error,
        Failure::Raised { code, message } => {
            RuleError::SettingsValue { key: key.to_owned(), code, message }.into()
        }
    })
}
