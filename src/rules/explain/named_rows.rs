//! The rows that causes name, each in words with who entered it and when: suppressions, named networks, and what
//! analysts entered.

use super::ends::End;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, QueryRow};
use crate::pg::time::utc;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::rule::{Micros, Reason};

/// The rows by their keys, in words that follow the key.
pub struct NamedRows {
    suppressions: HashMap<i64, String>,
    places: HashMap<i64, String>,
    transitions: HashMap<i64, String>,
    networks: RefCell<HashMap<NetworkKey, Option<String>>>,
    /// Some networks are valid only for a time.
    networks_depend_on_time: OnceCell<bool>,
}

/// A network that was asked for. Its words depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct NetworkKey {
    reason: Reason,
    name: Arc<str>,
    address: Option<IpAddr>,
    asn: Option<i64>,
    /// `None`: the networks apply at any time.
    time: Option<Micros>,
}

/// How many networks are remembered.
const REMEMBERED: usize = 1000;

impl NamedRows {
    pub fn load(rule: &str, baseline_entities: &[&str]) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT id, reason, valid_from, valid_until, created_by, created_at, updated_by, updated_at
             FROM travel.suppressions
             WHERE rule = $1 OR rule IS NULL",
            &[Argument::text(rule)],
        );
        spi::columns!(rows => id, reason, valid_from, valid_until, created_by, created_at, updated_by, updated_at);
        let mut suppressions = HashMap::new();
        for row in rows.iter() {
            let entered = entered(row, [created_by, created_at, updated_by, updated_at], "")?;
            let validity = validity(row, valid_from, valid_until);
            let reason = row.text(reason)?.unwrap_or_default();
            let text = format!(", entered by {entered}{validity} ({reason})");
            suppressions.insert(row.i64(id).unwrap_or_default(), text);
        }
        let entries = |table: &str, id: &str| {
            spi::select(
                &format!(
                    "SELECT {id} AS id, alert_id, note, valid_from, valid_until, created_by, created_at, updated_by,
                            updated_at
                     FROM travel.{table}
                     WHERE rule = $1 AND baseline_entity = ANY ($2) AND origin <> 'learnt'"
                ),
                &[Argument::text(rule), Argument::texts(baseline_entities)],
            )
        };
        Ok(Self {
            suppressions,
            places: entries_in_words(&entries("known_places", "place_id"))?,
            transitions: entries_in_words(&entries("known_transitions", "transition_id"))?,
            networks: RefCell::default(),
            networks_depend_on_time: OnceCell::new(),
        })
    }

    pub fn suppression(&self, id: i64) -> String {
        match self.suppressions.get(&id) {
            Some(text) => format!("suppression {id}{text}"),
            None => format!("suppression {id}, which has since been deleted"),
        }
    }

    pub fn place(&self, id: i64) -> String {
        format!("row {id} of travel.known_places{}", self.places.get(&id).map_or("", String::as_str))
    }

    pub fn transition(&self, id: i64) -> String {
        format!(
            "row {id} of travel.known_transitions{}",
            self.transitions.get(&id).map_or("", String::as_str)
        )
    }

    /// The network of this name that gives a reason for legs that arrive at a time, by an end of theirs. `None`: no
    /// network does so now.
    pub fn network(
        &self,
        reason: Reason,
        name: &Arc<str>,
        end: &End,
        time: Micros,
    ) -> Result<Option<String>, TravelError> {
        let depends_on_time = *self.networks_depend_on_time.get_or_init(|| {
            let query =
                "SELECT FROM travel.networks WHERE valid_from IS NOT NULL OR valid_until IS NOT NULL LIMIT 1";
            spi::execute(query, &[]) > 0
        });
        let key = NetworkKey {
            reason,
            name: name.clone(),
            address: end.address,
            asn: end.asn,
            time: depends_on_time.then_some(time),
        };
        let known = self.networks.borrow().get(&key).cloned();
        if let Some(text) = known {
            return Ok(text);
        }
        let text = network_in_words(&key)?;
        let mut networks = self.networks.borrow_mut();
        if networks.len() >= REMEMBERED {
            networks.clear();
        }
        networks.insert(key, text.clone());
        Ok(text)
    }
}

/// A named network, as in `network 3 "London office", entered by alice at 2026-03-02 09:00:00+00`.
fn network_in_words(key: &NetworkKey) -> Result<Option<String>, TravelError> {
    let NetworkKey { reason, name, address, asn, time } = key;
    let gives_reason = match reason {
        Reason::Hosting => "hosting IS NOT NULL",
        Reason::Vpn => "treatment = 'vpn'",
        _ => "treatment = 'trusted'",
    };
    // The order is that of precedence. A prefix for IPv4-mapped addresses counts as one for IPv4.
    let query = format!(
        "SELECT id, origin, created_by, created_at, updated_by, updated_at
         FROM travel.networks
         WHERE name = $1 AND {gives_reason} AND (network >>= $2::inet OR network >>= $3::inet OR asn = $4)
           AND ($5 IS NULL OR (coalesce(valid_from, '-infinity') <= $5 AND $5 < coalesce(valid_until, 'infinity')))
         ORDER BY origin = 'user' DESC, network IS NOT NULL DESC, pg_catalog.masklen(network) DESC,
                  valid_from DESC NULLS LAST, id
         LIMIT 1"
    );
    let host = address.map(|address| address.to_string());
    let mapped = address.map(|address| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_string(),
        IpAddr::V6(v6) => v6.to_string(),
    });
    let rows = spi::select(
        &query,
        &[
            Argument::text(&**name),
            Argument::optional_text(host.as_deref()),
            Argument::optional_text(mapped.as_deref()),
            Argument::bigint(*asn),
            Argument::time(*time),
        ],
    );
    spi::columns!(rows => id, origin, created_by, created_at, updated_by, updated_at);
    let Some(row) = rows.first() else { return Ok(None) };
    let entered = entered(row, [created_by, created_at, updated_by, updated_at], "")?;
    let how = if row.text(origin)? == Some("aws") { "imported from AWS" } else { "entered" };
    Ok(Some(format!("network {} \"{name}\", {how} by {entered}", row.i64(id).unwrap_or_default())))
}

/// Entries of analysts.
fn entries_in_words(rows: &spi::Rows) -> Result<HashMap<i64, String>, TravelError> {
    spi::columns!(rows => id, alert_id, note, valid_from, valid_until, created_by, created_at, updated_by, updated_at);
    let mut entries = HashMap::new();
    for row in rows.iter() {
        let alert = row.i64(alert_id);
        let occasion = alert.map(|alert| format!(" when alert {alert} was archived as expected"));
        let occasion = occasion.unwrap_or_default();
        let entered = entered(row, [created_by, created_at, updated_by, updated_at], &occasion)?;
        let mut text = format!(", entered by {entered}");
        text.push_str(&validity(row, valid_from, valid_until));
        if let Some(note) = row.text(note)? {
            text.push_str(&format!(" ({note})"));
        }
        entries.insert(row.i64(id).unwrap_or_default(), text);
    }
    Ok(entries)
}

/// Who entered a row and when, and who changed it last, as in `alice at 2026-03-02 09:00:00+00`. `occasion` follows the
/// time at which it was entered.
fn entered(
    row: QueryRow,
    [created_by, created_at, updated_by, updated_at]: [Column; 4],
    occasion: &str,
) -> Result<String, TravelError> {
    let at = |column: Column| row.i64(column).map(|time| format!(" at {}", utc(time))).unwrap_or_default();
    // Rows of an older version do not say who entered them.
    let by = row.text(created_by)?.unwrap_or("an analyst");
    let mut text = format!("{by}{}{occasion}", at(created_at));
    if let Some(by) = row.text(updated_by)? {
        text.push_str(&format!(", last changed by {by}{}", at(updated_at)));
    }
    Ok(text)
}

fn validity(row: QueryRow, valid_from: Column, valid_until: Column) -> String {
    let bound = |column: Column| row.i64(column).filter(|time| *time != i64::MIN && *time != i64::MAX);
    let mut text = String::new();
    if let Some(from) = bound(valid_from) {
        text.push_str(&format!(", valid from {}", utc(from)));
    }
    if let Some(until) = bound(valid_until) {
        text.push_str(&format!(", valid until {}", utc(until)));
    }
    text
}
