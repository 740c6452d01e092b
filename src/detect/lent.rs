//! Standard columns that a condition names and the source lacks. They are lent to it from the columns that the argument
//! `columns` gives or from the record, with the types and the NULLs of `travel.event`, so one condition suits every
//! layout.

use super::column_sql::Expression;
use super::event_time::as_timestamptz;
use super::place::{address_of, host_text, number};
use crate::pg::errors::TravelError;
use pgrx::pg_sys;
use travel_core::columns::ColumnType;

/// A column that is lent.
pub struct Lent {
    pub name: String,
    pub sql: String,
}

impl Lent {
    /// `column_type`: that of the column of `travel.event`. `None` for a column beside the event, such as `latitude`.
    pub fn of(name: &str, column: Expression, column_type: Option<ColumnType>) -> Result<Self, TravelError> {
        let is_parsed = column.sql.starts_with("r.");
        let sql = match column_type {
            _ if is_parsed => column.sql,
            Some(ColumnType::Timestamptz) => as_timestamptz(column)?,
            Some(ColumnType::Inet) => address_of(name, column)?,
            Some(ColumnType::Boolean) => boolean(column)?,
            None if matches!(name, "latitude" | "longitude" | "accuracy_km") => number(name, column)?,
            _ if name == "source_text" => format!("nullif({}, '')", host_text(column)?),
            _ => format!("nullif({}, '')", column.into_text()?),
        };
        Ok(Self { name: name.to_owned(), sql })
    }
}

/// A column as SQL of type boolean. CloudTrail writes both "true" and "Yes". As in `travel.parse`, any other text is
/// false.
pub fn boolean(column: Expression) -> Result<String, TravelError> {
    if column.oid == pg_sys::BOOLOID {
        return Ok(column.sql);
    }
    Ok(format!("(pg_catalog.lower(nullif({}, '')) IN ('true', 't', 'yes', 'y', '1'))", column.into_text()?))
}
