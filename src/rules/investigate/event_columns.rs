//! The columns of `travel.event` over a source, as SQL.

use crate::detect::{Events, Expression, LocationType, address_of, boolean, host_text};
use crate::pg::errors::TravelError;
use travel_core::columns::ColumnType;
use travel_core::entity::HIDDEN;

/// A column of `travel.event`, as SQL of its type. `None` if the source does not have it.
pub fn event_column(
    name: &str,
    column_type: ColumnType,
    found: Option<Expression>,
    events: &Events,
) -> Result<Option<String>, TravelError> {
    let address = events.place.first().filter(|_| events.location_type == LocationType::Address);
    Ok(match (name, column_type) {
        ("event_time", _) => Some(events.time.as_timestamptz()),
        ("source_kind", _) => Some(events.source_kind.clone()),
        ("source_ip", _) => match address {
            Some((_, sql)) => Some(sql.clone()),
            None => found.map(|column| address_of(name, column)).transpose()?,
        },
        ("source_text", _) => {
            found.map(|column| Ok::<_, TravelError>(known(&host_text(column)?))).transpose()?
        }
        (_, ColumnType::Boolean) => found.map(boolean).transpose()?,
        _ => found.map(|column| Ok::<_, TravelError>(known(&column.into_text()?))).transpose()?,
    })
}

/// Computes the outcome of a call from its error, if the source has only that.
pub fn add_outcome(columns: &mut [(&'static str, Option<String>)]) {
    let sql =
        |name: &str| columns.iter().find(|(column, _)| *column == name).and_then(|(_, sql)| sql.clone());
    let or_null = |sql: Option<String>| sql.unwrap_or_else(|| "NULL::text".to_owned());
    let Some(error) = sql("error_code") else { return };
    let computed =
        format!("travel.outcome({error}, {}, {})", or_null(sql("event_name")), or_null(sql("event_source")));
    if let Some((_, outcome)) = columns.iter_mut().find(|(name, _)| *name == "outcome") {
        outcome.get_or_insert(computed);
    }
}

/// A text that is NULL where CloudTrail says nothing.
fn known(sql: &str) -> String {
    format!("nullif(nullif({sql}, ''), '{HIDDEN}')")
}
