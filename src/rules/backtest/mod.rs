//! `travel.backtest`: the alerts that a scan would raise, with the settings of a rule or with others. Nothing is stored.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the rule with other settings |
//! | [`alerts`] | alerts that are not stored, as rows |

mod alerts;
mod settings;

use super::alert_columns::AlertContext;
use super::definition::Definition;
use super::dry_run::incidents::OpenIncidents;
use super::dry_run::{Additions, DryRun, Inputs, owner_of_tables};
use crate::detect::time_range;
use crate::geoip::Places;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::role::{Role, within_rights_of};
use crate::pg::spi;
use crate::pg::srf::RowSet;
use alerts::AlertRows;
use pgrx::pg_sys;
use travel_core::rule::Micros;

pg_function!(travel_backtest, pg_finfo_travel_backtest, |call: &Call| with_fixed_settings(|| backtest(call)));

/// `(rule, since, until, settings) -> setof travel.alerts`
fn backtest(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let (since, until) = time_range(call.timestamp(1), call.timestamp(2))?;
    let settings = call.datum(3).ok_or(UsageError::ArgumentNull { name: "settings" })?;
    let caller = Role::current();
    let mut rows = RowSet::begin(call)?;
    spi::connected(|| {
        within_rights_of(owner_of_tables()?, || {
            let definition = settings::load(rule, settings, caller)?;
            raise(definition, since, until, caller)?.write_into(&mut rows)
        })
    })?;
    Ok(rows.finish(call))
}

/// Evaluates all events before `until`, and returns the alerts of the legs that arrive at `since` or later.
fn raise(
    mut definition: Definition,
    since: Option<Micros>,
    until: Option<Micros>,
    caller: Role,
) -> Result<AlertRows<'static>, TravelError> {
    // Earlier events teach the baseline, as they do in a rule with raise_from.
    definition.raise_from = definition.raise_from.max(since);
    let inputs = Inputs::of(&definition, Additions::default())?;
    let mut dry_run = DryRun::of(definition, Places::of_statement()?)?;
    let mut open = OpenIncidents::new(&dry_run.definition.name);
    let mut alerts = AlertRows::new(AlertContext {
        rule: dry_run.definition.name.clone().into(),
        message: dry_run.definition.message.clone().map(Into::into),
        geoip_built_at: dry_run.reader.built_at(),
        id: None,
    });
    dry_run.evaluate(until, &inputs, &mut |evaluation, after| {
        open.see(evaluation, after, &mut |incident, first_leg| {
            alerts.push(incident, first_leg);
            Ok(())
        })
    })?;
    open.finish(&mut |incident, first_leg| {
        alerts.push(incident, first_leg);
        Ok(())
    })?;
    dry_run.say_if_nothing_evaluated("travel.backtest", caller, since, until)?;
    Ok(alerts)
}
