//! The rows of `travel.layouts`, and the source as the table whose layout is recognized. The rows are read without a
//! query, so a look-up takes no plan and no privilege.

use crate::pg::array;
use crate::pg::errors::{SourceError, TravelError};
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::identifier::quoted;
use crate::pg::jsonb::Node;
use crate::pg::table::each_row;
use crate::source::{Source, base_type, is_of_postgresql, is_textual, type_name};
use pgrx::{PgTupleDesc, pg_sys};
use std::collections::HashSet;
use travel_cloudtrail::Json;
use travel_cloudtrail::layout::{AsText, JsonType, Layout, Members, Table, Unconvertible, Value};

/// All layouts, by rank.
pub fn layouts() -> Result<Vec<Layout>, TravelError> {
    let columns = [
        ("name", pg_sys::TEXTOID),
        ("rank", pg_sys::INT4OID),
        ("tool", pg_sys::TEXTOID),
        ("recognized_by", pg_sys::TEXTARRAYOID),
        ("absent", pg_sys::TEXTARRAYOID),
        ("columns", pg_sys::JSONBOID),
    ];
    let mut layouts = Vec::new();
    each_row(c"layouts", &columns, |[name, rank, tool, recognized_by, absent, columns]| {
        layouts.push(Layout {
            name: text(name)?,
            rank: rank.map_or(i32::MAX, |rank| rank.value() as i32),
            tool: text(tool)?,
            recognized_by: texts(recognized_by)?,
            absent: texts(absent)?,
            // SAFETY: the column is jsonb, and its value outlives this call.
            columns: columns.map_or_else(Vec::new, |datum| values(unsafe { Node::of(datum) })),
        });
        Ok(())
    })?;
    layouts.sort_by_key(|layout| layout.rank);
    Ok(layouts)
}

fn values(columns: Node) -> Vec<(String, Value)> {
    columns
        .entries()
        .map(|(key, value)| {
            let value = match value.as_str() {
                Some(text) => Value::of_text(text),
                None => {
                    Value::of_texts(value.elements().filter_map(Node::as_str).map(str::to_owned).collect())
                }
            };
            (key.to_owned(), value)
        })
        .collect()
}

fn text(datum: Option<pg_sys::Datum>) -> Result<String, TravelError> {
    // SAFETY: `each_row` checks that the column is text.
    datum.map_or(Ok(String::new()), |datum| Ok(utf8(unsafe { varlena_bytes(datum) })?.to_owned()))
}

fn texts(datum: Option<pg_sys::Datum>) -> Result<Vec<String>, TravelError> {
    // SAFETY: `each_row` checks that the column is text[].
    let texts = datum.map_or(Ok(Vec::new()), |datum| unsafe { array::texts(datum) })?;
    Ok(texts.into_iter().flatten().collect())
}

impl Table for Source {
    type Type = pg_sys::Oid;

    const TEXT: pg_sys::Oid = pg_sys::TEXTOID;

    fn columns(&self) -> impl Iterator<Item = (&str, pg_sys::Oid)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.oid))
    }

    fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    fn leads_an_index(&self, column: &str) -> bool {
        Source::leads_an_index(self, &format!("s.{}", quoted(column)))
    }

    fn quoted(name: &str) -> String {
        quoted(name)
    }

    fn members(of: pg_sys::Oid) -> Members<pg_sys::Oid> {
        match base_type(of) {
            base @ (pg_sys::JSONBOID | pg_sys::JSONOID) => Members::Json(json(of, base)),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => Members::Text,
            other => attributes_of(other).map_or(Members::None, Members::Attributes),
        }
    }

    fn as_text(of: pg_sys::Oid) -> AsText {
        match base_type(of) {
            _ if !is_convertible(of) => AsText::Refused,
            pg_sys::TEXTOID if of == pg_sys::TEXTOID => AsText::Unchanged,
            base @ (pg_sys::JSONBOID | pg_sys::JSONOID) => AsText::Json(json(of, base)),
            base if is_of_postgresql(base) => AsText::Cast,
            _ => AsText::ToJsonb,
        }
    }

    fn is_textual(of: pg_sys::Oid) -> bool {
        is_textual(base_type(of))
    }
}

/// Describes a type that is `jsonb`, `json`, or a domain over one of them.
fn json(of: pg_sys::Oid, base: pg_sys::Oid) -> JsonType {
    match base {
        _ if of == base => JsonType::Itself,
        pg_sys::JSONBOID => JsonType::DomainOver("jsonb"),
        _ => JsonType::DomainOver("json"),
    }
}

/// The attributes of a composite type. `None` for any other type.
fn attributes_of(oid: pg_sys::Oid) -> Option<Vec<(String, pg_sys::Oid)>> {
    // SAFETY: catalog look-ups; the descriptor of the type is copied, and its reference released.
    unsafe {
        if pg_sys::get_typ_typrelid(oid) == pg_sys::InvalidOid {
            return None;
        }
        let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(oid, -1);
        let attributes = PgTupleDesc::from_pg_copy(descriptor);
        Some(
            attributes
                .iter()
                .filter(|attribute| !attribute.attisdropped)
                .map(|attribute| (attribute.name().to_owned(), attribute.atttypid))
                .collect(),
        )
    }
}

/// Whether writing a value of a type as text or JSON runs PostgreSQL's own code only: a type of PostgreSQL, or a
/// composite type or an array of such types.
fn is_convertible(oid: pg_sys::Oid) -> bool {
    // Each type is looked at once: many attributes can have the same type.
    let (mut known, mut left) = (HashSet::new(), vec![oid]);
    while let Some(oid) = left.pop().map(base_type) {
        pgrx::check_for_interrupts!();
        if is_of_postgresql(oid) || !known.insert(oid) {
            continue;
        }
        // SAFETY: a catalog look-up.
        let element = unsafe { pg_sys::get_element_type(oid) };
        if element != pg_sys::InvalidOid {
            left.push(element);
            continue;
        }
        match attributes_of(oid) {
            Some(attributes) => left.extend(attributes.into_iter().map(|(_, oid)| oid)),
            None => return false,
        }
    }
    true
}

impl From<Unconvertible<pg_sys::Oid>> for TravelError {
    fn from(Unconvertible { column, of }: Unconvertible<pg_sys::Oid>) -> Self {
        SourceError::ColumnType {
            is: type_name(of),
            wanted: "of a built-in type or a domain over one, because converting another type runs code of its owner",
            hint: format!(
                "Create a view of the source that converts the column, {}::text, and pass the view.",
                quoted(&column)
            ),
            column,
        }
        .into()
    }
}
