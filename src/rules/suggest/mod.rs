//! `travel.suggest`: what most alerts of a rule have in common, and the row that would silence them. A dry run with that
//! row counts how many alerts are left.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cause`] | the causes, and the row that silences each |

mod cause;

use super::definition::Definition;
use super::dry_run::incidents::raised;
use super::dry_run::{Additions, DryRun, Inputs, owner_of_tables};
use crate::detect::time_range;
use crate::geoip::Places;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::report::{Report, counted};
use crate::pg::role::{Role, within_rights_of};
use crate::pg::spi;
use crate::pg::srf::RowSet;
use cause::{Cause, causes, user_of};
use pgrx::pg_sys;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use travel_core::rule::{Evaluation, Micros, Rule};

pg_function!(travel_suggest, pg_finfo_travel_suggest, suggest);

/// How many alerts a cause must explain.
const LEAST_ALERTS: u64 = 2;

/// How many causes are verified, each by a dry run of its own.
const MOST_CAUSES: usize = 20;

/// `(rule, since, until) -> setof (kind, cause, user_count, alert_count, alerts_saved, statement)`
fn suggest(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let (since, until) = time_range(call.timestamp(1), call.timestamp(2))?;
    let caller = Role::current();
    let mut rows = RowSet::begin(call)?;
    spi::connected(|| {
        within_rights_of(owner_of_tables()?, || {
            let definition = Definition::load(rule)?;
            for suggestion in suggestions(definition, since, until, caller)? {
                rows.push(suggestion.row());
            }
            Ok::<_, TravelError>(())
        })
    })?;
    Ok(rows.finish(call))
}

/// A cause, and the statement that would silence it.
struct Suggestion {
    cause: Cause,
    in_words: String,
    user_count: u64,
    alert_count: u64,
    alerts_saved: u64,
    statement: String,
}

impl Suggestion {
    fn row(&self) -> [Option<pg_sys::Datum>; 6] {
        let count = |count: u64| Some(pg_sys::Datum::from(count as i64));
        [
            Some(varlena(self.cause.kind().as_bytes())),
            Some(varlena(self.in_words.as_bytes())),
            count(self.user_count),
            count(self.alert_count),
            count(self.alerts_saved),
            Some(varlena(self.statement.as_bytes())),
        ]
    }
}

/// The causes of the alerts that a scan of the rule would raise in the range, the most effective suggestion first.
fn suggestions(
    mut definition: Definition,
    since: Option<Micros>,
    until: Option<Micros>,
    caller: Role,
) -> Result<Vec<Suggestion>, TravelError> {
    definition.raise_from = definition.raise_from.max(since);
    let name = definition.name.clone();
    let places = Places::of_statement()?;
    let mut dry_run = DryRun::of(definition, places.clone())?;
    let inputs = Inputs::of(&dry_run.definition, Additions::default())?;
    let mut found = Causes::default();
    let counts = dry_run.evaluate(until, &inputs, &mut |evaluation, _| {
        found.see(evaluation, &inputs.settings);
        Ok(())
    })?;
    dry_run.warn_if_nothing_located("travel.suggest", caller, until, counts)?;
    let alerts = found.alerts;
    let mut suggestions = Vec::new();
    for (cause, explained) in found.noisiest() {
        let organization = explained.organization.as_deref();
        let remedy = cause.remedy(&name, organization);
        let inputs = Inputs::of(&dry_run.definition, remedy.rows)?;
        dry_run.relocate(match remedy.network {
            Some(network) => places.with_networks([network]),
            None => places.clone(),
        });
        let mut left = 0;
        dry_run.evaluate(until, &inputs, &mut |evaluation, _| {
            left += begun(evaluation);
            Ok(())
        })?;
        let alerts_saved = alerts.saturating_sub(left);
        if alerts_saved == 0 {
            continue;
        }
        suggestions.push(Suggestion {
            in_words: cause.in_words(organization),
            user_count: explained.users.len() as u64,
            alert_count: explained.alerts.len() as u64,
            alerts_saved,
            statement: remedy.statement,
            cause,
        });
    }
    if suggestions.is_empty() && counts.located > 0 {
        Report::notice(format!(
            "travel.suggest found no cause of two or more alerts: rule \"{name}\" raises {}",
            counted(alerts, "alert", "alerts")
        ))
        .send();
    }
    suggestions.sort_by(|a, b| {
        (b.alerts_saved, b.alert_count, &a.cause).cmp(&(a.alerts_saved, a.alert_count, &b.cause))
    });
    Ok(suggestions)
}

/// The causes of the alerts so far.
#[derive(Default)]
struct Causes {
    alerts: u64,
    causes: HashMap<Cause, Explained>,
}

/// What a cause explains.
#[derive(Default)]
struct Explained {
    /// The alerts, each by its entity and the time of its first leg.
    alerts: HashSet<(Arc<str>, Micros)>,
    users: HashSet<Arc<str>>,
    organization: Option<Arc<str>>,
}

impl Causes {
    fn see(&mut self, evaluation: &Evaluation, rule: &Rule) {
        self.alerts += begun(evaluation);
        let raised = raised(evaluation);
        for incident in &evaluation.incidents {
            let legs = incident.legs.iter().filter_map(|leg| raised.get(leg.as_str()));
            for verdict in legs {
                let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
                for cause in causes(verdict, rule) {
                    let organization = match &cause {
                        Cause::System(asn) => {
                            let end = [to, from].into_iter().find(|end| end.asn == Some(*asn));
                            end.and_then(|end| end.details.as_organization.clone())
                        }
                        _ => None,
                    };
                    let explained = self.causes.entry(cause).or_default();
                    explained.alerts.insert((incident.entity.clone(), incident.first_seen));
                    explained.users.insert(user_of(to).clone());
                    explained.organization = explained.organization.take().or(organization);
                }
            }
        }
    }

    /// The causes that explain most alerts, those first.
    fn noisiest(self) -> Vec<(Cause, Explained)> {
        let mut causes: Vec<(Cause, Explained)> = self
            .causes
            .into_iter()
            .filter(|(cause, explained)| {
                explained.alerts.len() as u64 >= LEAST_ALERTS
                    && (explained.users.len() > 1 || !cause.must_be_shared())
            })
            .collect();
        causes.sort_by(|(a, left), (b, right)| (right.alerts.len(), a).cmp(&(left.alerts.len(), b)));
        causes.truncate(MOST_CAUSES);
        causes
    }
}

/// How many incidents began with a leg that was evaluated now.
fn begun(evaluation: &Evaluation) -> u64 {
    let raised = raised(evaluation);
    let begins_now = |legs: &[String]| legs.first().is_some_and(|leg| raised.contains_key(leg.as_str()));
    evaluation.incidents.iter().filter(|incident| begins_now(&incident.legs)).count() as u64
}
