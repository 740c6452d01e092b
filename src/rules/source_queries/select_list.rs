//! What the queries over a source select: the columns of the rows, and the baseline user.

use super::NO_BASELINE;
use crate::detect::{Events, Expression, boolean};
use crate::pg::errors::TravelError;
use crate::rules::definition::Definition;
use crate::rules::source_columns::QueryColumn;

/// The baseline user of an event of a rule, as SQL.
pub fn baseline_of(
    definition: &Definition,
    events: &Events,
    given: Vec<Expression>,
) -> Result<String, TravelError> {
    if definition.baseline { baseline_sql(events, given) } else { Ok(NO_BASELINE.to_owned()) }
}

/// The baseline user of an event, as SQL.
fn baseline_sql(events: &Events, given: Vec<Expression>) -> Result<String, TravelError> {
    if given.is_empty() {
        return Ok(match (events.label("actor"), events.label("principal")) {
            (Some(actor), Some(principal)) => format!("coalesce({actor}, {principal})"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => NO_BASELINE.to_owned(),
        });
    }
    let parts = given.into_iter().map(Expression::into_text).collect::<Result<Vec<_>, _>>()?;
    Ok(match &parts[..] {
        [single] => single.clone(),
        several => format!("travel_internal.entity(VARIADIC ARRAY[{}])", several.join(", ")),
    })
}

/// The columns of [`QueryColumn`], as SQL.
pub(super) fn select(
    events: &Events,
    entity: &str,
    baseline_entity: &str,
    mfa_used: Option<Expression>,
) -> Result<String, TravelError> {
    let mfa_used = mfa_used.map_or_else(|| Ok("NULL::boolean".to_owned()), boolean)?;
    let place = |name: &str, kind: &str| {
        let sql = events.place.iter().find(|(part, _)| *part == name).map(|(_, sql)| sql.clone());
        sql.unwrap_or_else(|| format!("NULL::{kind}"))
    };
    let label =
        |name: &str, kind: &str| events.label(name).map_or_else(|| format!("NULL::{kind}"), str::to_owned);
    let sql = |column: QueryColumn| match column {
        QueryColumn::Entity => entity.to_owned(),
        QueryColumn::BaselineEntity => baseline_entity.to_owned(),
        QueryColumn::EventTime => events.time.as_timestamptz(),
        QueryColumn::Address => place(column.name(), "inet"),
        QueryColumn::Latitude | QueryColumn::Longitude => place(column.name(), "float8"),
        QueryColumn::AccuracyKm => label(column.name(), "float8"),
        QueryColumn::MfaUsed => mfa_used.clone(),
        QueryColumn::Label(_) | QueryColumn::Place(_) => label(column.name(), "text"),
    };
    let select: Vec<String> =
        QueryColumn::all().map(|column| format!("{} AS {}", sql(column), column.name())).collect();
    Ok(select.join(",\n       "))
}
