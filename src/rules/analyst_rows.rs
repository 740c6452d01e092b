//! What analysts entered: their rows in `travel.known_places`, `travel.known_transitions` and `travel.suppressions`, as
//! the engine takes them.

use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, QueryRow};
use std::sync::Arc;
use travel_core::network::prefix;
use travel_core::rule::{AnalystRow, KnownItem, Micros, PlaceKey, Suppression, Transition};

/// Loads the known locations and transitions that analysts entered for these baseline users. The rows that scans
/// learned are not among them: checkpoints contain those.
pub fn load(rule: &str, baseline_entities: &[&str]) -> Result<Vec<AnalystRow>, TravelError> {
    if baseline_entities.is_empty() {
        return Ok(Vec::new());
    }
    let arguments = || vec![Argument::text(rule), Argument::texts(baseline_entities)];
    // OFFSET 0 makes PostgreSQL look up each name, as for checkpoints.
    let of_names = |table: &str| {
        format!(
            "unnest($2::text[]) AS m (name)
             CROSS JOIN LATERAL (
                 SELECT * FROM {table}
                 WHERE rule = $1 AND baseline_entity = m.name AND origin <> 'learnt' OFFSET 0
             ) AS k"
        )
    };
    spi::with_settings(&spi::BY_NAME, || load_from(of_names, arguments))
}

/// Loads those that analysts entered for any baseline user of a rule.
pub fn load_all(rule: &str) -> Result<Vec<AnalystRow>, TravelError> {
    load_from(str::to_owned, || vec![Argument::text(rule)])
}

/// `from` is the FROM clause, as SQL, that has the rows of a table.
fn load_from(
    from: impl Fn(&str) -> String,
    arguments: impl Fn() -> Vec<Argument>,
) -> Result<Vec<AnalystRow>, TravelError> {
    let mut found = Vec::new();
    let rows = spi::select(
        &format!(
            "SELECT place_id AS id, baseline_entity, valid_from, valid_until, country_code, subdivision, city
             FROM {}
             WHERE rule = $1 AND origin <> 'learnt'",
            from("travel.known_places")
        ),
        &arguments(),
    );
    spi::columns!(rows => id, baseline_entity, valid_from, valid_until, country_code, subdivision, city);
    for row in rows.iter() {
        let known = KnownItem::Place(place(row, country_code, subdivision, city)?);
        found.extend(analyst_row(row, [id, baseline_entity, valid_from, valid_until], known)?);
    }
    let rows = spi::select(
        &format!(
            "SELECT transition_id AS id, baseline_entity, valid_from, valid_until, from_country_code,
                    from_subdivision, from_city, to_country_code, to_subdivision, to_city
             FROM {}
             WHERE rule = $1 AND origin <> 'learnt'",
            from("travel.known_transitions")
        ),
        &arguments(),
    );
    spi::columns!(rows => id, baseline_entity, valid_from, valid_until);
    spi::columns!(rows => from_country_code, from_subdivision, from_city, to_country_code, to_subdivision, to_city);
    for row in rows.iter() {
        let known = KnownItem::Transition(Transition {
            from: place(row, from_country_code, from_subdivision, from_city)?,
            to: place(row, to_country_code, to_subdivision, to_city)?,
        });
        found.extend(analyst_row(row, [id, baseline_entity, valid_from, valid_until], known)?);
    }
    Ok(found)
}

/// Loads the suppressions that apply to a rule: its own, and those of all rules.
pub fn suppressions(rule: &str) -> Result<Vec<Suppression>, TravelError> {
    let rows = spi::select(
        "SELECT id, entity_like, country_code_a, country_code_b, network, valid_from, valid_until
         FROM travel.suppressions
         WHERE rule = $1 OR rule IS NULL",
        &[Argument::text(rule)],
    );
    spi::columns!(rows => id, entity_like, country_code_a, country_code_b, network, valid_from, valid_until);
    rows.iter()
        .map(|row| {
            Ok(Suppression {
                id: row.i64(id).unwrap_or_default(),
                entity_like: row.string(entity_like)?,
                country_code_a: row.string(country_code_a)?,
                country_code_b: row.string(country_code_b)?,
                network: row.cidr(network).map(|(address, length)| prefix(address, length)),
                valid_from: row.i64(valid_from),
                valid_until: row.i64(valid_until),
            })
        })
        .collect()
}

fn analyst_row(
    row: QueryRow,
    [id, baseline_entity, valid_from, valid_until]: [Column; 4],
    known: KnownItem,
) -> Result<Option<AnalystRow>, TravelError> {
    let Some(baseline_entity) = row.shared_text(baseline_entity)? else { return Ok(None) };
    Ok(Some(AnalystRow {
        id: row.i64(id).unwrap_or_default(),
        baseline_entity,
        known,
        valid_from: row.i64(valid_from).unwrap_or(Micros::MIN),
        valid_until: row.i64(valid_until),
    }))
}

fn place(
    row: QueryRow,
    country_code: Column,
    subdivision: Column,
    city: Column,
) -> Result<PlaceKey, TravelError> {
    Ok(PlaceKey {
        country_code: row.shared_text(country_code)?.unwrap_or_else(|| Arc::from("")),
        subdivision: row.shared_text(subdivision)?,
        city: row.shared_text(city)?,
    })
}
