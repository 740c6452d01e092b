//! What `travel.report` is made from: the alert, what was known, the activity after it, the commands and the rule.

use super::alert::{Alert, parsed};
use super::events::AlertSource;
use crate::detect::Source;
use crate::pg::attempt::attempt;
use crate::pg::errors::TravelError;
use crate::pg::role::{Role, acting_as};
use crate::pg::spi::{self, Argument};
use serde_json::Value;
use travel_core::containment::script;
use travel_core::report::{KnownEnds, ROWS, ReportInput, report};

/// Writes the report of an alert. If its rule or its source is gone or broken, the report says so and has the rest.
/// Within an SPI connection.
pub fn of(alert: &Alert) -> Result<String, TravelError> {
    let rule = rule(&alert.rule)?;
    let (activity, failure) = match attempt(|| AlertSource::of(alert)?.activity(alert)) {
        Ok(rows) => (rows, None),
        Err(failure) => (Vec::new(), Some(failure.message())),
    };
    let (mut legs, leg_count) = legs(alert.id)?;
    if legs.is_empty() {
        legs.push(alert.row.clone());
    }
    let known = known_ends(alert.id)?;
    let baseline = known.first().and_then(|ends| ends.baseline_entity.as_deref());
    let (known_places, known_place_count) =
        baseline.map_or(Ok((Vec::new(), 0)), |baseline| known_places(&alert.rule, baseline))?;
    Ok(report(&ReportInput {
        alert: &alert.row,
        legs: &legs,
        leg_count,
        known: &known,
        known_places: &known_places,
        known_place_count,
        activity: failure.map_or(Ok(&activity), Err),
        containment: &script(alert.id, &super::contained(alert).0),
        rule: rule.as_ref(),
    }))
}

/// The texts of a rule. `None` if it was deleted.
fn rule(name: &str) -> Result<Option<Value>, TravelError> {
    let rows = spi::select(
        "SELECT pg_catalog.json_build_object('goal', r.goal, 'triage', r.triage)::text AS rule
         FROM travel.rules AS r WHERE r.name = $1",
        &[Argument::text(name)],
    );
    spi::columns!(rows => rule);
    rows.first().map(|row| Ok(parsed(row.text(rule)?))).transpose()
}

/// The first raised legs of an alert as rows of `travel.verdicts`, and how many there are.
fn legs(alert_id: i64) -> Result<(Vec<Value>, usize), TravelError> {
    counted_rows(
        &format!(
            "SELECT pg_catalog.to_jsonb(v)::text AS shown, pg_catalog.count(*) OVER () AS count
             FROM travel.verdicts AS v WHERE v.alert_id = $1 
             ORDER BY v.to_time, v.to_ip, v.to_latitude, v.to_longitude LIMIT {ROWS}"
        ),
        &[Argument::bigint(alert_id)],
    )
}

/// What the rule knew when each leg of an alert arrived. Only the owner of the extension can read the table, and what it
/// says of one alert is for everyone who can read the alert.
fn known_ends(alert_id: i64) -> Result<Vec<KnownEnds>, TravelError> {
    let owner = Source::find("travel_internal.alert_legs").and_then(Role::owner_of);
    let Some(owner) = owner else { return Ok(Vec::new()) };
    acting_as(owner.oid(), || {
        let rows = spi::select(
            "SELECT l.baseline_entity, l.from_known, l.to_known,
                    pg_catalog.concat_ws(', ', l.from_city, nullif(l.from_subdivision, l.from_city),
                                         l.from_country_code) AS from_place,
                    pg_catalog.concat_ws(', ', l.to_city, nullif(l.to_subdivision, l.to_city),
                                         l.to_country_code) AS to_place
             FROM travel_internal.alert_legs AS l WHERE l.alert_id = $1
             GROUP BY 1, 2, 3, 4, 5 ORDER BY pg_catalog.min(l.to_time), 4, 5 LIMIT 1000",
            &[Argument::bigint(alert_id)],
        );
        spi::columns!(rows => baseline_entity, from_known, to_known, from_place, to_place);
        rows.iter()
            .map(|row| {
                Ok(KnownEnds {
                    baseline_entity: row.string(baseline_entity)?,
                    from: (row.string(from_place)?.unwrap_or_default(), row.is_true(from_known)),
                    to: (row.string(to_place)?.unwrap_or_default(), row.is_true(to_known)),
                })
            })
            .collect()
    })
}

/// The first locations that the baseline of a user has now, with the caller's rights, and how many there are. Entries
/// that have ended, or that begin later, are left out.
fn known_places(rule: &str, baseline_entity: &str) -> Result<(Vec<Value>, usize), TravelError> {
    counted_rows(
        &format!(
            "SELECT pg_catalog.to_jsonb(k)::text AS shown, pg_catalog.count(*) OVER () AS count
             FROM travel.known_places AS k
             WHERE k.rule = $1 AND k.baseline_entity = $2
               AND (k.valid_from < pg_catalog.now() AND pg_catalog.now() < k.valid_until) IS NOT FALSE
             ORDER BY k.country_code, k.subdivision, k.city, k.origin, k.valid_from LIMIT {ROWS}"
        ),
        &[Argument::text(rule), Argument::text(baseline_entity)],
    )
}

/// The rows of a query as JSON objects, which are in the column `shown`, and the value of the column `count`.
fn counted_rows(query: &str, arguments: &[Argument]) -> Result<(Vec<Value>, usize), TravelError> {
    let rows = spi::select(query, arguments);
    spi::columns!(rows => shown, count);
    let total = rows.first().and_then(|row| row.i64(count)).unwrap_or_default();
    let values = rows.iter().map(|row| Ok(parsed(row.text(shown)?))).collect::<Result<_, TravelError>>()?;
    Ok((values, total as usize))
}
