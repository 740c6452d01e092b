//! What analysts say: their rows in travel.known_places and travel.known_transitions, and travel.suppressions.

use super::definition::{text, texts};
use crate::pg::errors::TravelError;
use crate::pg::inet;
use crate::pg::spi::{self, Rows};
use crate::pg::types::Type;
use std::sync::Arc;
use travel_core::network::prefix;
use travel_core::rule::{AnalystRow, Known, Micros, PlaceKey, Suppression, Transition};

/// Those about some baseline entities.
pub fn rows(rule: &str, baseline_entities: &[&str]) -> Result<Vec<AnalystRow>, TravelError> {
    let mut found = Vec::new();
    if baseline_entities.is_empty() {
        return Ok(found);
    }
    let arguments = || [text(rule), texts(baseline_entities)];
    let places = spi::select(
        "SELECT baseline_entity, valid_from, valid_until, country_code, subdivision, city
         FROM travel.known_places
         WHERE rule = $1 AND baseline_entity = ANY ($2) AND origin <> 'learnt'",
        &arguments(),
    );
    for row in 0..places.len {
        found.extend(analyst_row(&places, row, Known::Place(place(&places, row, 3)?))?);
    }
    let transitions = spi::select(
        "SELECT baseline_entity, valid_from, valid_until, from_country_code, from_subdivision, from_city,
                to_country_code, to_subdivision, to_city
         FROM travel.known_transitions
         WHERE rule = $1 AND baseline_entity = ANY ($2) AND origin <> 'learnt'",
        &arguments(),
    );
    for row in 0..transitions.len {
        let transition = Transition { from: place(&transitions, row, 3)?, to: place(&transitions, row, 6)? };
        found.extend(analyst_row(&transitions, row, Known::Transition(transition))?);
    }
    Ok(found)
}

/// Those of a rule, and those of all rules.
pub fn suppressions(rule: &str) -> Result<Vec<Suppression>, TravelError> {
    let rows = spi::select(
        "SELECT entity_like, country_code_a, country_code_b, network, valid_from, valid_until
         FROM travel.suppressions
         WHERE rule = $1 OR rule IS NULL",
        &[text(rule)],
    );
    (0..rows.len)
        .map(|row| {
            let owned = |column| Ok::<_, TravelError>(rows.text(row, column)?.map(str::to_owned));
            Ok(Suppression {
                entity_like: owned(0)?,
                country_code_a: owned(1)?,
                country_code_b: owned(2)?,
                // SAFETY: the column is a cidr, as `get` checked.
                network: rows
                    .get(row, 3, Type::Cidr)
                    .and_then(|datum| unsafe { inet::read_prefix(datum) })
                    .map(|(address, length)| prefix(address, length)),
                valid_from: rows.i64(row, 4),
                valid_until: rows.i64(row, 5),
            })
        })
        .collect()
}

fn analyst_row(rows: &Rows, row: usize, known: Known) -> Result<Option<AnalystRow>, TravelError> {
    let Some(baseline_entity) = rows.text(row, 0)? else { return Ok(None) };
    Ok(Some(AnalystRow {
        baseline_entity: baseline_entity.into(),
        known,
        valid_from: rows.i64(row, 1).unwrap_or(Micros::MIN),
        valid_until: rows.i64(row, 2),
    }))
}

fn place(rows: &Rows, row: usize, at: usize) -> Result<PlaceKey, TravelError> {
    let part = |column| Ok::<_, TravelError>(rows.text(row, column)?.map(Arc::<str>::from));
    Ok(PlaceKey {
        country_code: part(at)?.unwrap_or_default(),
        subdivision: part(at + 1)?,
        city: part(at + 2)?,
    })
}
