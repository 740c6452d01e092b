//! `travel.check_rule`: checks a rule, its source, and what the rule names in it.

use super::definition::Definition;
use super::exact_cursor;
use super::indexes;
use super::source_queries::{NewRows, SourceQueries};
use crate::detect::{DiagnosedRows, Diagnosis, LOOK_AT_COLUMNS, none_of};
use crate::pg::attempt::{Failure, attempt};
use crate::pg::errors::{RuleError, TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::report::Report;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use pgrx::pg_sys;
use travel_core::rule::Template;
use travel_core::rule::signal::is_known;

pg_function!(travel_check_rule, pg_finfo_travel_check_rule, |call: &Call| with_fixed_settings(
    || check_rule(call)
));

/// `(name)`
fn check_rule(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let name = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "name" })?;
    spi::connected(|| check(name))?;
    Ok(pg_sys::Datum::from(0_usize))
}

/// Checks a rule. What is wrong is an error, what could be better is a notice. Within an SPI connection.
pub fn check(name: &str) -> Result<(), TravelError> {
    let definition = Definition::load(name)?;
    definition.settings()?;
    let queries = resolve(&definition)?;
    with_rights_of(definition.owner()?, || {
        // EXPLAIN checks the privileges that the query needs.
        let any = NewRows::any();
        let mintings = queries.mintings.as_ref().map(|mintings| mintings.new_rows(&any, None));
        for query in [queries.new_rows(&any)].into_iter().chain(mintings) {
            spi::select(&format!("EXPLAIN {query}"), &[]);
        }
        queries.must_be_planned_here()?;
        queries.events.notice_of_what_is_missing();
        queries.arrival.send_notice();
        if definition.baseline && !queries.has_baseline() {
            Report::notice(
                "source has no column actor and no column principal, so the rule learns no locations",
            )
            .hint("Set baseline_entity to the columns that identify a person, or set baseline to false.")
            .send();
        }
        indexes::notices(&queries)?;
        exact_cursor::notices(&queries)
    })?;
    warn_of_rows(&definition, &queries)
}

/// How many of the newest rows of a source tell whether a rule can evaluate any.
const NEWEST: usize = 10_000;

/// Warns if none of the newest rows can be evaluated. They are read with the rights of the rule's owner, so the warning
/// contains values only for members of that role.
fn warn_of_rows(definition: &Definition, queries: &SourceQueries) -> Result<(), TravelError> {
    let owner = definition.owner()?;
    let may_see = Role::current().is_member_of(owner);
    let name = &definition.name;
    let diagnosis = attempt(|| {
        with_rights_of(owner, || {
            let by_time = indexes::lead_to_newest(queries)?;
            Diagnosis::of(&queries.events, &DiagnosedRows::Newest { count: NEWEST, by_time })
        })
    });
    match diagnosis {
        Ok(diagnosis) if diagnosis.evaluated == 0 && diagnosis.unusable() > 0 => {
            Report::warning(format!(
                "rule \"{name}\" evaluates no events: of the newest rows, {}",
                none_of(diagnosis.rows())
            ))
            .detail(diagnosis.sentence(may_see))
            .hint(LOOK_AT_COLUMNS)
            .send();
        }
        Ok(diagnosis) if diagnosis.is_all_left_out() => {
            Report::notice(format!("none of the newest rows satisfies the condition of rule \"{name}\""))
                .send();
        }
        Ok(_) => {}
        Err(failure) => {
            let error = match failure {
                Failure::Ours(error) => *error,
                Failure::Raised { code, message } => RuleError::Unresolved { code, message }.into(),
            };
            error.warn(&format!("could not evaluate the newest rows for rule \"{name}\": "));
        }
    }
    Ok(())
}

/// Looks up what a rule names, with its owner's rights, and returns the queries over its source. Within an SPI
/// connection.
pub fn resolve(definition: &Definition) -> Result<SourceQueries, TravelError> {
    if let Some(message) = &definition.message {
        let unknown = Template::parse(message).unknown_names(is_known);
        if !unknown.is_empty() {
            return Err(RuleError::MessageNames { names: unknown.join(", ") }.into());
        }
    }
    with_rights_of(definition.owner()?, || {
        let arguments = definition.arguments()?;
        SourceQueries::read(definition, &arguments)
    })
}
