//! The alert as it is stored, with its raised legs.

use crate::pg::errors::{AlertError, RuleError, TravelError};
use crate::pg::spi::{self, Argument};
use serde_json::Value;
use travel_core::containment::Caller;
use travel_core::rule::Micros;

/// An alert. Times are microseconds since 2000-01-01 UTC.
pub struct Alert {
    pub id: i64,
    pub rule: String,
    pub entity: String,
    /// When its first leg started.
    pub from_time: Micros,
    /// When its first leg arrived, at the second location.
    pub to_time: Micros,
    /// When its last leg arrived.
    pub last_seen: Micros,
    /// The row of `travel.alerts`, without `signal`.
    pub row: Value,
    /// The raised legs in order of time, as rows of `travel.verdicts`, or the alert's own leg if it lost all of them.
    pub legs: Vec<Value>,
}

/// The most legs of an alert that are read. An alert lasts as long as `max_duration` of its rule allows.
const LEGS: usize = 1000;

impl Alert {
    /// Loads an alert with the rights of the caller. Within an SPI connection.
    pub fn load(id: i64) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT a.rule, a.entity, a.from_time, a.to_time, a.last_seen,
                    (pg_catalog.to_jsonb(a) - 'signal')::text AS alert
             FROM travel.alerts AS a WHERE a.id = $1",
            &[Argument::bigint(id)],
        );
        spi::columns!(rows => rule, entity, from_time, to_time, last_seen, alert);
        let Some(row) = rows.first() else { return Err(RuleError::AlertNotFound { id }.into()) };
        let (Some(rule), Some(entity), Some(from_time), Some(to_time), Some(last_seen)) = (
            row.string(rule)?,
            row.string(entity)?,
            row.i64(from_time),
            row.i64(to_time),
            row.i64(last_seen),
        ) else {
            return Err(AlertError::WithoutLeg { id }.into());
        };
        let row: Value = parsed(row.text(alert)?);
        let mut legs = legs(id)?;
        if legs.is_empty() {
            legs.push(row.clone());
        }
        Ok(Self { id, rule, entity, from_time, to_time, last_seen, row, legs })
    }

    /// The access keys of the events at which its legs arrive.
    pub fn access_keys(&self) -> Vec<&str> {
        self.of_legs("access_key_id")
    }

    /// The access keys of the events at both ends of its legs.
    pub fn keys_at_both_ends(&self) -> Vec<&str> {
        [self.access_keys(), self.of_legs("from_access_key_id")].concat()
    }

    /// The ARNs of the events at which its legs arrive.
    pub fn arns(&self) -> Vec<&str> {
        self.of_legs("arn")
    }

    fn of_legs(&self, column: &str) -> Vec<&str> {
        let mut values: Vec<&str> = self.legs.iter().filter_map(|leg| leg[column].as_str()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The identities of the events at which its legs arrive, in order of time.
    pub fn callers(&self) -> Vec<Caller> {
        let mut callers = Vec::new();
        for leg in &self.legs {
            let text = |column: &str| leg[column].as_str().map(str::to_owned);
            let caller = Caller {
                identity_type: text("identity_type"),
                account_id: text("account_id"),
                principal: text("principal"),
                arn: text("arn"),
                user_name: text("user_name"),
                session_name: text("session_name"),
                access_key_id: text("access_key_id"),
            };
            if !callers.contains(&caller) {
                callers.push(caller);
            }
        }
        callers
    }
}

/// The raised legs of an alert, as rows of `travel.verdicts`.
fn legs(id: i64) -> Result<Vec<Value>, TravelError> {
    let rows = spi::select(
        &format!(
            "SELECT pg_catalog.to_jsonb(v)::text AS leg FROM travel.verdicts AS v
             WHERE v.alert_id = $1 ORDER BY v.to_time, v.leg_id LIMIT {LEGS}"
        ),
        &[Argument::bigint(id)],
    );
    spi::columns!(rows => leg);
    rows.iter().map(|row| Ok(parsed(row.text(leg)?))).collect()
}

/// JSON that PostgreSQL wrote.
pub fn parsed(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}
