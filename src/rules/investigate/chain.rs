//! The chain of keys that an alert belongs to, if its rule has lineage (see [`travel_core::rule::lineage`]), as scans
//! have stored it.

use super::alert::Alert;
use crate::detect::Source;
use crate::pg::errors::TravelError;
use crate::pg::report::Report;
use crate::pg::role::{Role, acting_as};
use crate::pg::spi::{self, Argument};
use travel_core::rule::Micros;

/// The keys below the root of a chain, and how the keys of an alert's legs were minted. Empty without lineage.
#[derive(Default)]
pub struct Chain {
    /// The keys of which the alert's entity is the root, each with the time when it was minted.
    minted: Vec<(String, Micros)>,
    /// There are more keys than were read.
    is_cut: bool,
    /// The calls that minted the keys of the alert's legs, and the keys above these.
    pub calls: Vec<MintingCall>,
}

/// A call that minted a key.
pub struct MintingCall {
    pub key: String,
    pub issuer: String,
    pub time: Micros,
}

/// How many keys of a chain are read. Those count first that were minted before the alert ended, the newest of them
/// first: a temporary key lives for hours.
const MOST_KEYS: usize = 1000;

impl Chain {
    /// Loads the chain of an alert. Only the owner of the extension can read the table, and what it says of one alert is
    /// for everyone who can read the alert.
    pub fn of(alert: &Alert) -> Result<Self, TravelError> {
        let owner = Source::find("travel_internal.minted_keys").and_then(Role::owner_of);
        let Some(owner) = owner else { return Ok(Self::default()) };
        acting_as(owner.oid(), || {
            let mut minted = minted(alert)?;
            let is_cut = minted.len() > MOST_KEYS;
            minted.truncate(MOST_KEYS);
            minted.sort_by(|(a, first), (b, second)| (first, a).cmp(&(second, b)));
            Ok(Self { minted, is_cut, calls: calls(alert)? })
        })
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.minted.iter().map(|(key, _)| key.as_str())
    }

    /// The keys that were minted at a time or later, in that order.
    pub fn keys_since(&self, time: Micros) -> impl Iterator<Item = &str> {
        self.minted.iter().filter(move |(_, minted_at)| *minted_at >= time).map(|(key, _)| key.as_str())
    }

    pub fn notice_if_cut(&self, alert: &Alert) {
        if self.is_cut {
            Report::notice(format!(
                "access key \"{}\" minted more keys than are read: {MOST_KEYS} keys",
                alert.entity
            ))
            .hint("Find the other keys in the column issued_access_key_id of the source.")
            .send();
        }
    }
}

fn minted(alert: &Alert) -> Result<Vec<(String, Micros)>, TravelError> {
    let rows = spi::select(
        &format!(
            "SELECT key, minted_at FROM travel_internal.minted_keys
             WHERE rule = $1 AND root = $2 AND root <> key
             ORDER BY minted_at <= $3 DESC, minted_at DESC, key LIMIT {}",
            MOST_KEYS + 1
        ),
        &[Argument::text(&alert.rule), Argument::text(&alert.entity), Argument::time(Some(alert.last_seen))],
    );
    spi::columns!(rows => key, minted_at);
    let mut keys = Vec::with_capacity(rows.len);
    for row in rows.iter() {
        keys.extend(row.string(key)?.zip(row.i64(minted_at)));
    }
    Ok(keys)
}

fn calls(alert: &Alert) -> Result<Vec<MintingCall>, TravelError> {
    let rows = spi::select(
        &format!(
            "WITH RECURSIVE chain (key, issuer, minted_at) AS (
                 SELECT key, issuer, minted_at FROM travel_internal.minted_keys
                 WHERE rule = $1 AND key = ANY ($2) AND root <> key
                 UNION
                 SELECT m.key, m.issuer, m.minted_at FROM chain AS c
                 CROSS JOIN LATERAL (
                     SELECT i.key, i.issuer, i.minted_at FROM travel_internal.minted_keys AS i
                     WHERE (i.key, i.rule) >= (c.issuer, $1) AND (i.key, i.rule) <= (c.issuer, $1) AND i.root <> i.key
                     OFFSET 0
                 ) AS m
             )
             SELECT key, issuer, minted_at FROM chain LIMIT {MOST_KEYS}"
        ),
        &[Argument::text(&alert.rule), Argument::texts(&alert.keys_at_both_ends())],
    );
    spi::columns!(rows => key, issuer, minted_at);
    let mut calls = Vec::with_capacity(rows.len);
    for row in rows.iter() {
        if let (Some(key), Some(issuer), Some(time)) =
            (row.string(key)?, row.string(issuer)?, row.i64(minted_at))
        {
            calls.push(MintingCall { key, issuer, time });
        }
    }
    Ok(calls)
}
