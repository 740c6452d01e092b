//! `travel.create_rule`: creates a rule from a preset.

use super::check_rule;
use super::validate::without_warning;
use crate::detect::Source;
use crate::pg::errors::{RuleError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;

pg_function!(travel_create_rule, pg_finfo_travel_create_rule, create_rule);

const INSERT: &str = "
INSERT INTO travel.rules (name, source, entity, condition, ignored, downgraded, severity, learn, learn_transitions,
                          use_accuracy, baseline, goal, triage, message)
SELECT $2, $3, entity, condition, ignored, downgraded, severity, learn, learn_transitions,
       use_accuracy, baseline, goal, triage, message
FROM travel.presets
WHERE preset = $1
ON CONFLICT DO NOTHING";

/// `(preset, source, name) -> text`: the name of the new rule.
fn create_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let preset = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "preset" })?;
    let source = call.oid(1).ok_or(UsageError::ArgumentNull { name: "source" })?;
    let name = call.text(2)?.unwrap_or(preset);
    spi::connected(|| {
        must_be_a_preset(preset)?;
        let source = Source::look_at(source)?.name;
        let inserted = without_warning(|| spi::execute(INSERT, &[preset, name, &source].map(Argument::text)));
        if inserted == 0 {
            return Err(RuleError::AlreadyExists { name: name.to_owned() }.into());
        }
        check_rule::check(name)
    })?;
    Ok(varlena(name.as_bytes()))
}

fn must_be_a_preset(preset: &str) -> Result<(), TravelError> {
    let names = spi::texts("SELECT preset FROM travel.presets", &[])?;
    if names.iter().any(|name| name == preset) {
        return Ok(());
    }
    Err(RuleError::PresetNotFound { preset: preset.to_owned(), known: names.join(", ") }.into())
}
