//! The rows of `travel.layouts`. They are read without a query, so a look-up takes no plan and no privilege.

use super::path;
use super::value::Value;
use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::jsonb::Node;
use crate::pg::table::each_row;
use crate::source::Source;
use pgrx::pg_sys;
use travel_cloudtrail::Json;

/// A row of `travel.layouts`.
pub struct Layout {
    pub name: String,
    rank: i32,
    pub tool: String,
    /// Paths that a source with this layout has. Each may be a choice of several: `a|b`.
    recognized_by: Vec<String>,
    /// Paths that it does not have.
    absent: Vec<String>,
    columns: Vec<(String, Value)>,
}

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

impl Layout {
    /// Whether the layout is recognized by the values of a column, whatever its name.
    pub fn is_by_content(&self) -> bool {
        self.recognized_by.is_empty()
    }

    /// Whether the columns of a source are those of the layout.
    pub fn fits(&self, source: &Source) -> bool {
        let has = |choice: &String| path::first(choice, source).is_some();
        self.recognized_by.iter().all(has) && !self.absent.iter().any(has)
    }

    /// The standard columns, as the argument `columns` takes them. Those that the source cannot express are left out.
    /// So are expressions for standard columns that the source has itself, and columns beside a record that are not
    /// quicker to read than the record.
    pub fn resolve(&self, source: &Source) -> Result<Vec<(String, String)>, TravelError> {
        let has_record = self.columns.iter().any(|(key, _)| key == "record");
        let mut resolved = Vec::with_capacity(self.columns.len());
        for (key, value) in &self.columns {
            let is_own = source.column(key).is_some() && !self.has_struct(key);
            if value.is_expression() && is_own {
                continue;
            }
            // The record has the value, too, and not every tool fills the column.
            if has_record && !matches!(key.as_str(), "record" | "event_time") && !value.is_quick(source) {
                continue;
            }
            resolved.extend(value.resolve(source)?.map(|sql| (key.clone(), sql)));
        }
        Ok(resolved)
    }

    /// Whether the layout has a struct of this name, such as `actor` in OCSF. A column of that name is not the standard
    /// column.
    fn has_struct(&self, name: &str) -> bool {
        let mut paths = self.recognized_by.iter().flat_map(|choice| choice.split('|'));
        paths.any(|path| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The layout and the columns by which it is recognized, for messages.
    pub fn in_words(&self) -> String {
        let columns: Vec<String> =
            self.recognized_by.iter().map(|choice| choice.replace('|', " or ")).collect();
        format!("{}: {}", self.name, columns.join(", "))
    }
}

fn values(columns: Node) -> Vec<(String, Value)> {
    columns
        .entries()
        .map(|(key, value)| {
            let value = match value.as_str() {
                Some(text) => Value::of_text(text),
                None => {
                    Value::of_texts(value.elements().filter_map(Json::as_str).map(str::to_owned).collect())
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
