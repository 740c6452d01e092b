//! The alert as it is stored, with the identities of its raised legs.

use crate::pg::errors::{AlertError, RuleError, TravelError};
use crate::pg::spi::{self, Argument};
use serde_json::Value;
use std::collections::HashSet;
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
    /// The identities of its raised legs, or of its own leg if it lost all of them.
    ends: Vec<Ends>,
    /// There are more identities than these.
    pub has_more_identities: bool,
}

/// The identity of the event at which legs arrive, and the access key of the event at which they start.
struct Ends {
    caller: Caller,
    from_access_key_id: Option<String>,
}

/// The most identities of an alert that are read. Legs can be many, and few differ in this.
const MOST_IDENTITIES: usize = 1000;

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
        let mut ends = ends_of_legs(id)?;
        if ends.is_empty() {
            ends.push(ends_of(&row));
        }
        let has_more_identities = ends.len() > MOST_IDENTITIES;
        ends.truncate(MOST_IDENTITIES);
        Ok(Self { id, rule, entity, from_time, to_time, last_seen, row, ends, has_more_identities })
    }

    /// The access keys of the events at which its legs arrive.
    pub fn access_keys(&self) -> Vec<&str> {
        sorted(self.ends.iter().filter_map(|ends| ends.caller.access_key_id.as_deref()))
    }

    /// The access keys of the events at both ends of its legs.
    pub fn keys_at_both_ends(&self) -> Vec<&str> {
        [self.access_keys(), self.departure_keys()].concat()
    }

    /// The access keys of the events at which its legs start, if its legs arrive at none with this key.
    pub fn departure_keys(&self) -> Vec<&str> {
        let arrivals = self.access_keys();
        let keys = self.ends.iter().filter_map(|ends| ends.from_access_key_id.as_deref());
        sorted(keys.filter(|key| !arrivals.contains(key)))
    }

    /// The ARNs of the events at which its legs arrive.
    pub fn arns(&self) -> Vec<&str> {
        sorted(self.ends.iter().filter_map(|ends| ends.caller.arn.as_deref()))
    }

    /// The identities of the events at which its legs arrive, in order of time.
    pub fn callers(&self) -> Vec<Caller> {
        let mut seen = HashSet::new();
        self.ends.iter().map(|ends| &ends.caller).filter(|caller| seen.insert(*caller)).cloned().collect()
    }
}

/// The identities of the raised legs of an alert, in order of time.
fn ends_of_legs(id: i64) -> Result<Vec<Ends>, TravelError> {
    let rows = spi::select(
        &format!(
            "SELECT pg_catalog.jsonb_build_object(
                        'identity_type', v.identity_type, 'account_id', v.account_id, 'principal', v.principal,
                        'arn', v.arn, 'user_name', v.user_name, 'session_name', v.session_name,
                        'access_key_id', v.access_key_id, 'from_access_key_id', v.from_access_key_id)::text AS ends
             FROM travel.verdicts AS v
             WHERE v.alert_id = $1
             GROUP BY 1
             ORDER BY pg_catalog.min(v.to_time), 1
             LIMIT {}",
            MOST_IDENTITIES + 1
        ),
        &[Argument::bigint(id)],
    );
    spi::columns!(rows => ends);
    rows.iter().map(|row| Ok(ends_of(&parsed(row.text(ends)?)))).collect()
}

/// The identity in a row of `travel.alerts` or `travel.verdicts`.
fn ends_of(row: &Value) -> Ends {
    let text = |column: &str| row[column].as_str().map(str::to_owned);
    Ends {
        caller: Caller {
            identity_type: text("identity_type"),
            account_id: text("account_id"),
            principal: text("principal"),
            arn: text("arn"),
            user_name: text("user_name"),
            session_name: text("session_name"),
            access_key_id: text("access_key_id"),
        },
        from_access_key_id: text("from_access_key_id"),
    }
}

/// Each of these values once.
fn sorted<'v>(values: impl Iterator<Item = &'v str>) -> Vec<&'v str> {
    let mut values: Vec<&str> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// JSON that PostgreSQL wrote.
pub fn parsed(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}
