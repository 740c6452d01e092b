//! What `travel.explain` says of the entities of a case, as lines that can be compared.

use crate::case::Case;
use crate::server::{Failure, Server};
use crate::sql;
use std::collections::BTreeSet;
use travel_core::rule::Micros;

/// The impossible legs of a rule as `travel.explain` shows them, sorted: those that a scan evaluated with the verdict,
/// others with the reasons alone.
pub fn verdicts(server: &mut Server, case: &Case, rule: &str) -> Result<Vec<String>, Failure> {
    sorted(
        server,
        format!(
            "SELECT concat_ws(' ', e.leg_id, e.raised, e.reasons, e.alert_id)
             FROM {} WHERE e.impossible AND cardinality(e.reasons) = cardinality(e.causes)",
            of_entities(case, rule, None)
        ),
    )
}

/// The stored verdicts of a rule in the form of [`verdicts`].
pub fn stored(server: &mut Server, rule: &str) -> Result<Vec<String>, Failure> {
    let rule = sql::literal(rule);
    sorted(
        server,
        format!(
            "SELECT concat_ws(' ', leg_id, raised, reasons, alert_id) FROM travel.verdicts WHERE rule = {rule}"
        ),
    )
}

/// The stored verdicts of a rule in the form of [`verdicts`] before a scan gave them.
pub fn stored_reasons(server: &mut Server, rule: &str) -> Result<Vec<String>, Failure> {
    let rule = sql::literal(rule);
    sorted(server, format!("SELECT concat_ws(' ', leg_id, reasons) FROM travel.verdicts WHERE rule = {rule}"))
}

/// All rows of all entities from a time on: of a call that begins there, and of one that begins with the first event.
pub fn from_time(
    server: &mut Server,
    case: &Case,
    rule: &str,
    since: Micros,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let begins = sql::literal(sql::utc(since));
    let begun = sorted(server, format!("SELECT e::text FROM {}", of_entities(case, rule, Some(&begins))))?;
    let whole = sorted(
        server,
        format!("SELECT e::text FROM {} WHERE e.event_time >= {begins}", of_entities(case, rule, None)),
    )?;
    Ok((begun, whole))
}

/// A FROM item `e` with the rows of all entities.
fn of_entities(case: &Case, rule: &str, since: Option<&str>) -> String {
    let entities: BTreeSet<&str> = case.rows.iter().map(|row| &*row.entity).collect();
    let entities: Vec<String> = entities.into_iter().map(sql::literal).collect();
    format!(
        "unnest(ARRAY[{}]::text[]) AS n (entity), travel.explain({}, n.entity, {}) AS e",
        entities.join(", "),
        sql::literal(rule),
        since.unwrap_or("NULL")
    )
}

fn sorted(server: &mut Server, query: String) -> Result<Vec<String>, Failure> {
    let mut lines = server.ask(&query)?;
    lines.sort();
    Ok(lines)
}
