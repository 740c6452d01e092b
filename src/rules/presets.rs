//! `travel.create_rule`: creates a rule from a preset.

use super::check_rule;
use super::definition::Definition;
use super::validate::without_warning;
use crate::detect::Source;
use crate::pg::errors::{RuleError, TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::role::with_rights_of;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;

pg_function!(travel_create_rule, pg_finfo_travel_create_rule, |call: &Call| with_fixed_settings(|| {
    create_rule(call)
}));

const INSERT: &str = "
INSERT INTO travel.rules (name, source, columns, entity, condition, ignored, downgraded, severity, learn,
                          learn_transitions, use_accuracy, baseline, goal, triage, message)
SELECT $2, $3, $4, entity, condition, ignored, downgraded, severity, learn, learn_transitions,
       use_accuracy, baseline, goal, triage, message
FROM travel.presets
WHERE preset = $1
ON CONFLICT DO NOTHING";

/// `(preset, source, name, columns) -> text`: the name of the new rule.
fn create_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let preset = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "preset" })?;
    let source = call.oid(1).ok_or(UsageError::ArgumentNull { name: "source" })?;
    let name = call.text(2)?.unwrap_or(preset);
    spi::connected(|| {
        must_be_a_preset(preset)?;
        let source = Source::look_at(source)?.name;
        let given = call.datum(3);
        let columns = Argument::of(pg_sys::JSONBOID, given);
        let arguments = [Argument::text(preset), Argument::text(name), Argument::text(&source), columns];
        let inserted = without_warning(|| spi::execute(INSERT, &arguments));
        if inserted == 0 {
            return Err(RuleError::AlreadyExists { name: name.to_owned() }.into());
        }
        if given.is_none() {
            store_columns_of_layout(name)?;
        }
        check_rule::check(name)
    })?;
    Ok(varlena(name.as_bytes()))
}

/// Stores in a rule the columns of its source's layout, if it has one, so scans need not look the layout up. The layout
/// is looked up with the rights of the rule's owner, who reads the source in a scan, too.
fn store_columns_of_layout(name: &str) -> Result<(), TravelError> {
    let definition = Definition::load(name)?;
    let layout = with_rights_of(definition.owner()?, || definition.arguments())?.layout;
    let Some(layout) = layout else { return Ok(()) };
    let columns = layout.columns_as_jsonb()?;
    layout.send_notice();
    without_warning(|| {
        spi::execute(
            "UPDATE travel.rules SET columns = $2 WHERE name = $1",
            &[Argument::text(name), Argument::of(pg_sys::JSONBOID, Some(columns))],
        )
    });
    Ok(())
}

fn must_be_a_preset(preset: &str) -> Result<(), TravelError> {
    let names = spi::texts("SELECT preset FROM travel.presets", &[])?;
    if names.iter().any(|name| name == preset) {
        return Ok(());
    }
    Err(RuleError::PresetNotFound { preset: preset.to_owned(), known: names.join(", ") }.into())
}
