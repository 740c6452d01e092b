//! `travel.suggest`: what most alerts of a rule have in common, and the row that would silence them. A dry run with that
//! row counts how many alerts are left.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cause`] | the causes, and the row that silences each |

mod cause;

use super::definition::Definition;
use super::dry_run::incidents::raised;
use super::dry_run::{Additions, DryRun, Inputs, intermediate, owner_of_tables};
use crate::detect::time_range;
use crate::geoip::Places;
use crate::pg::errors::{TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::report::{Report, counted};
use crate::pg::role::{Role, within_rights_of};
use crate::pg::spi;
use crate::pg::srf::RowSet;
use crate::pg::stash::Stash;
use cause::{Cause, causes, user_of};
use pgrx::pg_sys;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use travel_core::hidden::visible;
use travel_core::rule::{Evaluation, Incident, Micros, Rule, Verdict};

pg_function!(travel_suggest, pg_finfo_travel_suggest, |call: &Call| with_fixed_settings(|| suggest(call)));

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
    let mut found = Causes::new();
    let has_lineage = dry_run.definition.lineage;
    dry_run.evaluate(until, &inputs, &mut |evaluation, _| {
        found.see(evaluation, &inputs.settings, has_lineage)
    })?;
    let is_evaluated = dry_run.say_if_nothing_evaluated("travel.suggest", caller, since, until)?;
    let alerts = found.alerts;
    let Noisiest { causes, left_out } = found.noisiest()?;
    drop(found);
    let verified = causes.len() as u64;
    let mut suggestions = Vec::new();
    for (cause, explained) in causes {
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
            in_words: visible(&cause.in_words(organization)).into_owned(),
            user_count: explained.users,
            alert_count: explained.alerts,
            alerts_saved,
            statement: remedy.statement,
            cause,
        });
    }
    if suggestions.is_empty() && is_evaluated {
        let raises = format!("rule \"{name}\" raises {}", counted(alerts, "alert", "alerts"));
        let report = if verified == 0 {
            Report::notice(format!("travel.suggest found no cause of two or more alerts: {raises}"))
        } else {
            let causes = counted(verified, "cause", "causes");
            Report::notice(format!("travel.suggest found no row that would save an alert: {raises}")).detail(
                format!("It verified {causes} of two or more alerts. These alerts have other causes, too."),
            )
        };
        report.send();
    }
    if left_out > 0 {
        let others = counted(left_out, "other cause", "other causes");
        Report::notice(format!(
            "travel.suggest verified the {verified} causes that explain most alerts, and left out {others}"
        ))
        .hint("Run the statements that fit, and call it again.")
        .send();
    }
    suggestions.sort_by(|a, b| {
        (b.alerts_saved, b.alert_count, &a.cause).cmp(&(a.alerts_saved, a.alert_count, &b.cause))
    });
    Ok(suggestions)
}

/// The causes of the alerts so far, in memory of PostgreSQL: an address can be in as many alerts as the source has
/// addresses.
struct Causes {
    alerts: u64,
    /// By cause, as JSON: an [`Explained`], as JSON.
    causes: Stash,
    cause_count: u64,
    /// By cause and entity: when the last alert of the entity with this cause was first seen.
    last_alerts: Stash,
    /// The pairs of cause and user.
    users: Stash,
}

/// What a cause explains.
#[derive(Default, Serialize, Deserialize)]
struct Explained {
    /// A short name of the cause in the other maps.
    number: u64,
    alerts: u64,
    users: u64,
    organization: Option<Arc<str>>,
}

/// The causes to verify.
struct Noisiest {
    causes: Vec<(Cause, Explained)>,
    /// How many others explain as many alerts as a suggestion must.
    left_out: u64,
}

impl Causes {
    fn new() -> Self {
        let [causes, last_alerts, users] = [(); 3].map(|()| Stash::new());
        Self { alerts: 0, causes, cause_count: 0, last_alerts, users }
    }

    fn see(&mut self, evaluation: &Evaluation, rule: &Rule, has_lineage: bool) -> Result<(), TravelError> {
        self.alerts += begun(evaluation);
        let raised = raised(evaluation);
        for incident in &evaluation.incidents {
            let legs = incident.legs.iter().filter_map(|leg| raised.get(leg.as_str()));
            for verdict in legs {
                for cause in causes(verdict, rule, has_lineage) {
                    self.add(&cause, incident, verdict)?;
                }
            }
        }
        Ok(())
    }

    /// Notes that an alert has a cause, by one of its raised legs.
    fn add(&mut self, cause: &Cause, incident: &Incident, verdict: &Verdict) -> Result<(), TravelError> {
        let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
        let name = to_json(cause)?;
        let mut explained: Explained = match self.causes.get(&name) {
            Some(stored) => read(stored)?,
            None => {
                self.cause_count += 1;
                Explained { number: self.cause_count, ..Explained::default() }
            }
        };
        // The alerts of an entity come in order of time.
        let of_entity = format!("{} {}", explained.number, incident.entity);
        let first_seen = incident.first_seen.to_ne_bytes();
        if self.last_alerts.get(&of_entity) != Some(&first_seen[..]) {
            self.last_alerts.put(&of_entity, &first_seen);
            explained.alerts += 1;
        }
        let of_user = format!("{} {}", explained.number, user_of(to));
        if self.users.get(&of_user).is_none() {
            self.users.put(&of_user, b"");
            explained.users += 1;
        }
        if let Cause::System(asn) = cause
            && explained.organization.is_none()
        {
            let end = [to, from].into_iter().find(|end| end.asn == Some(*asn));
            explained.organization = end.and_then(|end| end.details.as_organization.clone());
        }
        self.causes.put(&name, to_json(&explained)?.as_bytes());
        Ok(())
    }

    /// The causes that explain most alerts, those first.
    fn noisiest(&self) -> Result<Noisiest, TravelError> {
        let mut found = Noisiest { causes: Vec::new(), left_out: 0 };
        for (name, stored) in self.causes.iter() {
            let explained: Explained = read(stored)?;
            if explained.alerts < LEAST_ALERTS {
                continue;
            }
            let cause: Cause = read(name.as_bytes())?;
            if explained.users < 2 && cause.must_be_shared() {
                continue;
            }
            found.causes.push((cause, explained));
            if found.causes.len() > 4 * MOST_CAUSES {
                found.keep_most();
            }
            pgrx::check_for_interrupts!();
        }
        found.keep_most();
        Ok(found)
    }
}

impl Noisiest {
    /// Keeps as many causes as are verified.
    fn keep_most(&mut self) {
        self.causes.sort_by(|(a, left), (b, right)| (right.alerts, a).cmp(&(left.alerts, b)));
        self.left_out += self.causes.len().saturating_sub(MOST_CAUSES) as u64;
        self.causes.truncate(MOST_CAUSES);
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<String, TravelError> {
    serde_json::to_string(value).map_err(intermediate)
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, TravelError> {
    serde_json::from_slice(json).map_err(intermediate)
}

/// How many incidents began with a leg that was evaluated now.
fn begun(evaluation: &Evaluation) -> u64 {
    let raised = raised(evaluation);
    let begins_now = |legs: &[String]| legs.first().is_some_and(|leg| raised.contains_key(leg.as_str()));
    evaluation.incidents.iter().filter(|incident| begins_now(&incident.legs)).count() as u64
}
