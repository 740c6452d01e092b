//! The rows that causes name, each in words: suppressions, and what analysts entered.

use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, QueryRow};
use crate::pg::time::utc;
use std::collections::HashMap;

/// The rows by their keys, in words that follow the key.
pub struct NamedRows {
    suppressions: HashMap<i64, String>,
    places: HashMap<i64, String>,
    transitions: HashMap<i64, String>,
}

impl NamedRows {
    pub fn load(rule: &str, baseline_entities: &[&str]) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT id, created_by, reason, valid_from, valid_until
             FROM travel.suppressions
             WHERE rule = $1 OR rule IS NULL",
            &[Argument::text(rule)],
        );
        spi::columns!(rows => id, created_by, reason, valid_from, valid_until);
        let mut suppressions = HashMap::new();
        for row in rows.iter() {
            let by = row.text(created_by)?.unwrap_or_default();
            let reason = row.text(reason)?.unwrap_or_default();
            let text = format!("by {by}{} ({reason})", validity(row, valid_from, valid_until));
            suppressions.insert(row.i64(id).unwrap_or_default(), text);
        }
        let entries = |table: &str, id: &str| {
            spi::select(
                &format!(
                    "SELECT {id} AS id, alert_id, note, valid_from, valid_until
                     FROM travel.{table}
                     WHERE rule = $1 AND baseline_entity = ANY ($2) AND origin <> 'learnt'"
                ),
                &[Argument::text(rule), Argument::texts(baseline_entities)],
            )
        };
        Ok(Self {
            suppressions,
            places: entered(&entries("known_places", "place_id"))?,
            transitions: entered(&entries("known_transitions", "transition_id"))?,
        })
    }

    pub fn suppression(&self, id: i64) -> String {
        match self.suppressions.get(&id) {
            Some(text) => format!("suppression {id} {text}"),
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
}

/// Entries of analysts.
fn entered(rows: &spi::Rows) -> Result<HashMap<i64, String>, TravelError> {
    spi::columns!(rows => id, alert_id, note, valid_from, valid_until);
    let mut entries = HashMap::new();
    for row in rows.iter() {
        let mut text = match row.i64(alert_id) {
            Some(alert) => format!(", entered when alert {alert} was archived as expected"),
            None => ", entered by an analyst".to_owned(),
        };
        text.push_str(&validity(row, valid_from, valid_until));
        if let Some(note) = row.text(note)? {
            text.push_str(&format!(" ({note})"));
        }
        entries.insert(row.i64(id).unwrap_or_default(), text);
    }
    Ok(entries)
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
