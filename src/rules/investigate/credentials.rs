//! The credentials behind an alert: the temporary keys that its credential issued, and the identities at both ends of its
//! legs. They are found in the source, as [`events`](super::events) reads it.

use super::alert::Alert;
use super::events::{AlertSource, is_one_of};
use crate::pg::errors::TravelError;
use crate::pg::report::Report;
use crate::pg::spi;
use travel_core::containment::{Caller, Issued};

/// How many keys that the credential issued are followed, and how often a key may have issued the next one.
const MOST_KEYS: usize = 100;
const MOST_LEVELS: usize = 5;

/// How many identities that used such keys are contained. An identity has at least one key.
pub const MOST_CALLERS: usize = 100;

/// Temporary keys that the credential of an alert issued, itself or through another such key.
#[derive(Default)]
pub struct IssuedKeys {
    keys: Vec<String>,
    /// There are more, which are not followed.
    is_cut: bool,
}

impl IssuedKeys {
    fn add(&mut self, keys: Vec<String>) {
        self.keys.extend(keys);
        self.is_cut |= self.keys.len() > MOST_KEYS;
        self.keys.truncate(MOST_KEYS);
    }

    /// The condition that one of them made a call. `None` if there are none.
    pub fn condition(&self, source: &AlertSource) -> Option<String> {
        let column = source.access_key.as_ref().filter(|_| !self.keys.is_empty())?;
        Some(is_one_of(column, &self.keys))
    }

    pub fn notice_if_cut(&self) {
        if self.is_cut {
            Report::notice(format!(
                "the credential issued more keys than are followed: {MOST_KEYS} keys, {MOST_LEVELS} times in a row"
            ))
            .hint("Find the other keys in the column issued_access_key_id of the source.")
            .send();
        }
    }
}

impl AlertSource {
    /// The identities that used the keys that the credential issued, and the keys that nobody used.
    pub fn issued(&self, alert: &Alert) -> Result<Issued, TravelError> {
        let keys = self.issued_keys(alert)?;
        let mut callers = match keys.condition(self) {
            Some(condition) => self.callers(&[condition, self.since(alert), self.is_finite()])?,
            None => Vec::new(),
        };
        let is_cut = keys.is_cut || callers.len() > MOST_CALLERS;
        callers.truncate(MOST_CALLERS);
        let is_used = |key: &String| callers.iter().any(|caller| caller.access_key_id.as_ref() == Some(key));
        let unused = keys.keys.iter().filter(|key| !is_used(key)).cloned().collect();
        Ok(Issued { callers, unused, is_cut })
    }

    /// The identities with whose access keys the legs of the alert start, if they arrive with other keys. The alert itself
    /// has only the keys, so nothing else is known of a key that the source does not show.
    pub fn departures(&self, alert: &Alert) -> Result<Vec<Caller>, TravelError> {
        let keys = alert.departure_keys();
        let mut callers = Vec::new();
        if let Some(column) = self.access_key.as_ref().filter(|_| !keys.is_empty()) {
            let since = self.events.time.bound(">=", Some(alert.from_time), "-infinity");
            callers = self.callers(&[is_one_of(column, &keys), since, self.until(alert)])?;
        }
        let is_found = |key: &str| callers.iter().any(|caller| caller.access_key_id.as_deref() == Some(key));
        let others: Vec<Caller> = keys.into_iter().filter(|key| !is_found(key)).map(Caller::of_key).collect();
        callers.extend(others);
        Ok(callers)
    }

    /// The identities that minted the keys of the alert's legs, from the root of the chain on. Only with lineage.
    pub fn issuers(&self) -> Result<Vec<Caller>, TravelError> {
        let calls = &self.chain.calls;
        let times = || calls.iter().map(|call| call.time);
        let (Some(key), Some(issued_key), Some(first), Some(last)) =
            (&self.access_key, self.column("issued_access_key_id"), times().min(), times().max())
        else {
            return Ok(Vec::new());
        };
        let issuers: Vec<&str> = calls.iter().map(|call| call.issuer.as_str()).collect();
        let keys: Vec<&str> = calls.iter().map(|call| call.key.as_str()).collect();
        let time = &self.events.time;
        self.callers(&[
            is_one_of(key, &issuers),
            is_one_of(issued_key, &keys),
            time.bound(">=", Some(first), "-infinity"),
            time.bound("<=", Some(last), "infinity"),
        ])
    }

    /// The identities of the rows that satisfy these conditions, in order of time: one more than [`MOST_CALLERS`], if there
    /// are so many.
    fn callers(&self, conditions: &[String]) -> Result<Vec<Caller>, TravelError> {
        let query = format!(
            "SELECT identity_type, account_id, principal, arn, user_name, session_name, access_key_id
FROM (
SELECT {}
FROM {}
WHERE {}
) AS e
GROUP BY identity_type, account_id, principal, arn, user_name, session_name, access_key_id
ORDER BY pg_catalog.min(event_time), access_key_id COLLATE \"C\", arn COLLATE \"C\"
LIMIT {}",
            self.select(),
            self.events.from,
            conditions.join("\n  AND "),
            MOST_CALLERS + 1,
        );
        let rows = self.run(&query, || spi::select(&query, &[]))?;
        spi::columns!(rows => identity_type, account_id, principal, arn, user_name, session_name, access_key_id);
        rows.iter()
            .map(|row| {
                Ok(Caller {
                    identity_type: row.string(identity_type)?,
                    account_id: row.string(account_id)?,
                    principal: row.string(principal)?,
                    arn: row.string(arn)?,
                    user_name: row.string(user_name)?,
                    session_name: row.string(session_name)?,
                    access_key_id: row.string(access_key_id)?,
                })
            })
            .collect()
    }

    /// The temporary keys that the credential issued since it was used at the second location, and those that these keys
    /// issued in turn.
    pub fn issued_keys(&self, alert: &Alert) -> Result<IssuedKeys, TravelError> {
        let mut issued = IssuedKeys::default();
        issued.add(self.chain.keys_since(alert.to_time).map(str::to_owned).collect());
        let (Some(key), Some(issued_key)) = (&self.access_key, self.column("issued_access_key_id")) else {
            return Ok(issued);
        };
        // The keys of a chain are known already.
        let known: Vec<&str> = self.chain.keys().collect();
        let is_new = match &known[..] {
            [] => format!("{issued_key} IS NOT NULL"),
            known => format!("NOT ({})", is_one_of(issued_key, known)),
        };
        let mut conditions = self.is_own(alert).join("\n  AND ");
        for level in 0.. {
            let query = format!(
                "SELECT DISTINCT {issued_key} AS issued\nFROM {}\nWHERE {conditions}\n  AND {is_new}\nLIMIT {}",
                self.events.from,
                MOST_KEYS + 1
            );
            let found = self.run(&query, || spi::texts(&query, &[]))??;
            let new: Vec<String> = found.into_iter().filter(|key| !issued.keys.contains(key)).collect();
            if new.is_empty() {
                return Ok(issued);
            }
            if level == MOST_LEVELS {
                break;
            }
            issued.add(new.clone());
            if issued.is_cut {
                return Ok(issued);
            }
            conditions = [is_one_of(key, &new), self.since(alert), self.is_finite()].join("\n  AND ");
        }
        issued.is_cut = true;
        Ok(issued)
    }
}
