//! The trigger on `travel.rules`. It checks each setting of a rule, and that the writer may write it.
//!
//! A rule runs with the rights of its owner, so its writer must be a member of that role, before and after the change.
//! A name that does not resolve, such as a source that does not exist yet, is only a warning, because a restore must
//! not lose the rule.

use super::arrival::Arrival;
use super::check_rule;
use super::definition::Definition;
use super::setting_ranges::must_be_in_range;
use super::source_trust;
use crate::detect::{self, Source, check_row_condition_alone};
use crate::guards::author::{self, authored};
use crate::pg::attempt::{Failure, attempt};
use crate::pg::errors::{AccessError, EventsError, RuleError, SourceError, TravelError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::identifiers;
use crate::pg::role::{self, Role};
use crate::pg::spi::{self, Argument};
use crate::pg::trigger::{Event, Trigger};
use crate::pg::tuple::{self, Tuple};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::Cell;
use travel_core::rule::Template;

pg_function!(travel_validate_rule, pg_finfo_travel_validate_rule, |call: &Call| with_fixed_settings(|| {
    validate_rule(call)
}));
pg_function!(travel_note_rule, pg_finfo_travel_note_rule, |call: &Call| with_fixed_settings(|| note_rule(
    call
)));

thread_local! {
    static WARNS: Cell<bool> = const { Cell::new(true) };
}

/// Runs `body` without warnings about names that do not resolve, for a caller that checks the rule itself.
pub fn without_warning<R>(body: impl FnOnce() -> R) -> R {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            WARNS.set(true);
        }
    }
    WARNS.set(false);
    let _restore = Restore;
    body()
}

fn validate_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (old, new) = match trigger.event() {
        Event::Insert { new } => (None, new),
        Event::Update { old, new } => (Some(old), new),
        Event::Delete { old } => {
            must_be_a_members(&old)?;
            return Ok(trigger.proceed());
        }
        Event::Truncate => return Ok(trigger.skip()),
    };
    if let Some(old) = &old {
        must_be_a_members(old)?;
    }
    trigger.must_be_complete_but_for(&new, &[&["owner"][..], &author::COLUMNS[..]].concat())?;
    must_keep_its_name(old.as_ref(), &new)?;
    must_be_in_range(&new)?;
    must_be_well_formed(&new)?;
    let (new, relation) = with_full_names(new)?;
    let new = with_source_owner(old.as_ref(), new, relation)?;
    // The writer's search_path says which table is meant. What follows acts for the owner, too: it finds nothing by it.
    spi::with_settings(&[(c"search_path", c"pg_catalog, pg_temp")], || {
        if owner_exists(old.as_ref(), &new)? {
            must_be_a_members(&new)?;
            must_resolve_or_warn(old.as_ref(), &new)?;
        }
        Ok::<_, TravelError>(())
    })?;
    Ok(authored(&trigger, old.as_ref(), new)?.result())
}

/// AFTER INSERT OR UPDATE, for each row: shows in `travel.status` what the writer of the rule was warned of.
fn note_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let trigger = Trigger::of(call)?;
    let (Event::Insert { new } | Event::Update { new, .. }) = trigger.event() else {
        return Ok(trigger.skip());
    };
    // A dump contains the errors of travel.status itself.
    if role::is_dump_loading()
        || !WARNS.get()
        || Role::named(new.text(c"owner")?.unwrap_or_default()).is_none()
    {
        return Ok(trigger.skip());
    }
    let Err(failure) = resolution(&new)? else { return Ok(trigger.skip()) };
    let error = match failure {
        Failure::Ours(error) if matches!(*error, TravelError::Rule(RuleError::Unreadable { .. })) => {
            return Ok(trigger.skip());
        }
        Failure::Ours(error) => *error,
        Failure::Raised { code, message } => RuleError::Unresolved { code, message }.into(),
    };
    let arguments = [Argument::text(&name_of(&new)?), Argument::text(&error.in_one_line())];
    role::acting_as(trigger.table_owner(), || {
        spi::select("SELECT travel_internal.note_scan_error($1, $2)", &arguments);
    });
    Ok(trigger.skip())
}

fn must_keep_its_name(old: Option<&Tuple>, new: &Tuple) -> Result<(), TravelError> {
    let (Some(old), Some(to)) = (old, new.text(c"name")?) else { return Ok(()) };
    match old.text(c"name")? {
        Some(name) if name != to => {
            Err(RuleError::Renamed { name: name.to_owned(), to: to.to_owned() }.into())
        }
        _ => Ok(()),
    }
}

/// Checks the settings of a rule that is not written, but for what takes the source. With the rights of the rule's
/// owner.
pub fn must_be_valid(rule: &Tuple) -> Result<(), TravelError> {
    must_be_in_range(rule)?;
    must_be_well_formed(rule)
}

/// Checks the syntax of names, expressions and the message, which does not take the source.
fn must_be_well_formed(rule: &Tuple) -> Result<(), TravelError> {
    for (argument, column) in [("entity", c"entity"), ("baseline_entity", c"baseline_entity")] {
        if let Some(list) = rule.text(column)?
            && identifiers(list, b',').is_none()
        {
            return Err(SourceError::EntitySyntax { argument, entity: list.to_owned() }.into());
        }
    }
    detect::columns_argument(rule.jsonb(c"columns"))?;
    if let Some(condition) = rule.text(c"condition")?
        && !is_restoring()
    {
        check_row_condition_alone(condition)?;
    }
    if let Some(message) = rule.text(c"message")?
        && let Some(unclosed) = Template::parse(message).unclosed()
    {
        return Err(RuleError::Setting {
            column: "message",
            value: format!("\"{message}\""),
            wanted: format!("text in which each {{{{ has its }}}}, which is missing here: {unclosed}").into(),
            hint: "Write {{column}} for a column of the alert, and {{@path}} for an attribute of the signal.",
        }
        .into());
    }
    Ok(())
}

/// Completes a rule: adds the schema to the name of an existing source, and the owner if none is given. That is the
/// source's owner if the writer is a member of it, otherwise the writer.
fn with_full_names(mut rule: Tuple) -> Result<(Tuple, Option<pg_sys::Oid>), TravelError> {
    let mut relation = None;
    if let Some(source) = rule.text(c"source")? {
        if identifiers(source, b'.').is_none_or(|parts| parts.len() > 2) {
            return Err(EventsError::TableName { name: source.to_owned() }.into());
        }
        relation = Source::find(source);
        if let Some(oid) = relation
            && !is_restoring()
        {
            source_trust::must_last(&name_of(&rule)?, source, oid)?;
        }
    }
    if let Some(name) = relation.and_then(Source::name_of) {
        rule = rule.with(&[(c"source", tuple::text(&name))]);
    }
    if rule.is_null(c"owner") {
        let writer = Role::current();
        let owner =
            relation.and_then(Role::owner_of).filter(|owner| writer.is_member_of(*owner)).unwrap_or(writer);
        rule = rule.with(&[(c"owner", tuple::text(&owner.name()))]);
    }
    Ok((rule, relation))
}

/// Binds a rule to the present owner of its source. A rule that is already bound stays so unless its source or its
/// owner changes. A dump contains the binding.
fn with_source_owner(
    old: Option<&Tuple>,
    new: Tuple,
    relation: Option<pg_sys::Oid>,
) -> Result<Tuple, TravelError> {
    if role::is_dump_script() {
        return Ok(new);
    }
    let present = relation.and_then(Role::owner_of).map(Role::name);
    if let Some(old) = old
        && old.text(c"source")? == new.text(c"source")?
        && old.text(c"owner")? == new.text(c"owner")?
    {
        let given = new.text(c"source_owner")?;
        if given == old.text(c"source_owner")? || given == present.as_deref() {
            return Ok(new);
        }
        return Err(RuleError::Setting {
            column: "source_owner",
            value: new.written(c"source_owner"),
            wanted: "the present owner of the source".into(),
            hint: "Run SELECT travel.confirm_source('the rule'), which sets it.",
        }
        .into());
    }
    Ok(new.with(&[(c"source_owner", present.and_then(|owner| tuple::text(&owner)))]))
}

/// Whether the owner exists. A missing owner is an error, except in a restore or if the owner does not change.
fn owner_exists(old: Option<&Tuple>, new: &Tuple) -> Result<bool, TravelError> {
    let Some(owner) = new.text(c"owner")? else { return Ok(false) };
    if Role::named(owner).is_some() {
        return Ok(true);
    }
    let error = AccessError::OwnerNotFound { rule: name_of(new)?, owner: owner.to_owned() };
    let is_unchanged = match old {
        Some(old) => old.text(c"owner")? == Some(owner),
        None => false,
    };
    if is_unchanged || is_restoring() {
        TravelError::from(error).warn("");
        Ok(false)
    } else {
        Err(error.into())
    }
}

/// Checks that the writer is a member of the rule's owner. If that role was dropped, only a superuser may write the
/// rule.
fn must_be_a_members(rule: &Tuple) -> Result<(), TravelError> {
    let writer = Role::current();
    let Some(owner) = rule.text(c"owner")? else { return Ok(()) };
    let is_member = Role::named(owner).map_or(writer.is_superuser(), |owner| writer.is_member_of(owner));
    if is_member {
        return Ok(());
    }
    Err(AccessError::RuleNotOwned { rule: name_of(rule)?, owner: owner.to_owned(), role: writer.name() }
        .into())
}

/// Looks up what a rule names and warns if that fails. It uses the owner's rights, because already reading an
/// expression can run functions that other roles wrote. Within [`without_warning`] it sends no notice either, because
/// that caller checks the rule, which reports how arrivals are read.
fn must_resolve_or_warn(old: Option<&Tuple>, rule: &Tuple) -> Result<(), TravelError> {
    let about = format!("rule \"{}\" cannot be used yet: ", name_of(rule)?);
    match resolution(rule)? {
        Ok(arrival) => {
            let was = old.map_or(Ok(None), |old| old.text(c"arrival_column"))?;
            if WARNS.get() && was != rule.text(c"arrival_column")? {
                arrival.send_notice();
            }
            Ok(())
        }
        // A NULL in a required column is left to the table's constraints.
        Err(Failure::Ours(error)) if matches!(*error, TravelError::Rule(RuleError::Unreadable { .. })) => {
            Ok(())
        }
        // Another version of PostgreSQL may refuse an expression. A restore must not lose the rule for that.
        Err(Failure::Ours(error)) if is_malformed(&error) && !is_restoring() => Err(*error),
        Err(_) if !WARNS.get() => Ok(()),
        Err(Failure::Ours(error)) => {
            error.warn(&about);
            Ok(())
        }
        Err(Failure::Raised { code, message }) => {
            TravelError::from(RuleError::Unresolved { code, message }).warn(&about);
            Ok(())
        }
    }
}

/// The result of looking up what a rule names: how its scans find new rows.
fn resolution(rule: &Tuple) -> Result<Result<Arrival, Failure>, TravelError> {
    let name = name_of(rule)?;
    Ok(attempt(|| {
        spi::connected(|| {
            // Only the source is looked up by the writer's search_path.
            let definition = spi::with_settings(&[(c"search_path", c"pg_catalog, pg_temp")], || {
                Definition::of_row(&name, rule.composite())
            })?;
            check_rule::resolve(&definition).map(|queries| queries.arrival)
        })
    }))
}

/// Whether an error is a mistake in the rule that creating a table or column would not mend.
fn is_malformed(error: &TravelError) -> bool {
    match error {
        TravelError::Rule(RuleError::ConditionContains { .. })
        | TravelError::Rule(RuleError::ColumnsVolatile { .. })
        | TravelError::Source(SourceError::NotOneExpression { .. })
        | TravelError::Access(AccessError::ObjectTemporary { .. })
        | TravelError::Source(SourceError::ExpressionIsAStar { .. })
        | TravelError::Source(SourceError::ExpressionIsARow { .. })
        | TravelError::Source(SourceError::ColumnsKey { .. }) => true,
        TravelError::Source(SourceError::ExpressionFailed { code, .. }) => matches!(
            code,
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR
                | PgSqlErrorCode::ERRCODE_GROUPING_ERROR
                | PgSqlErrorCode::ERRCODE_WINDOWING_ERROR
                | PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED
        ),
        _ => false,
    }
}

/// Whether a dump is being restored by a role that may skip checks.
fn is_restoring() -> bool {
    Role::current().is_superuser() && role::is_dump_script()
}

fn name_of(rule: &Tuple) -> Result<String, TravelError> {
    Ok(rule.text(c"name")?.unwrap_or_default().to_owned())
}
