//! Layouts: how other tools store CloudTrail events in tables. `travel.columns_for` recognizes the layout of a source
//! and returns the object that the argument `columns` takes; detection and rules look the layout up by themselves if a
//! source lacks the standard columns.
//!
//! The layouts are rows of `travel.layouts`, which are tried by rank. All but one are recognized by the names and types
//! of the source's columns, so the source is not read. The one that is recognized by content is among the last.
//!
//! | module | what it holds |
//! |---|---|
//! | [`table`] | the rows of `travel.layouts`, and the source as a table that [`layout`] can recognize |
//! | [`content`] | the column of a source whose values are CloudTrail documents |
//! | [`struct_text`] | the function that reads a structure from text |
//! | [`documents`] | the functions that find records in such values |

mod content;
mod documents;
mod struct_text;
mod table;

use crate::pg::errors::{SourceError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::identifiers;
use crate::pg::jsonb;
use crate::pg::report::Report;
use crate::source::{Source, TableColumn, base_type};
use content::Content;
use pgrx::pg_sys;
use travel_cloudtrail::layout::{self, Layout, value};

pg_function!(travel_columns_for, pg_finfo_travel_columns_for, columns_for);

/// A layout that a source was found to have.
#[derive(Clone, Debug)]
pub struct Recognized {
    /// The message of the notice.
    notice: String,
    /// The events that detection cannot recognize in this source, although it has the standard columns.
    limit: Option<&'static str>,
    /// The keys and values of the argument `columns`.
    pub columns: Vec<(String, String)>,
}

impl Recognized {
    /// The columns as jsonb, in the current memory context.
    pub fn columns_as_jsonb(&self) -> Result<pg_sys::Datum, TravelError> {
        jsonb_of(&self.columns)
    }

    /// Tells the caller which layout is used.
    pub fn send_notice(&self) {
        let mut report = Report::notice(self.notice.clone());
        if let Some(limit) = self.limit {
            report = report.detail(limit);
        }
        report.send();
    }
}

/// How many of the standard columns a source has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    /// Everything that detection uses.
    All,
    /// Everything that detection needs, but not `outcome` or not `invoked_by`.
    Required,
    /// Less than detection needs.
    Some,
}

impl Standard {
    /// `entity` is a list of further columns that must be there. An invalid list is not an error here.
    fn of(source: &Source, entity: &str) -> Self {
        let has = |name: &str| source.column(name).is_some();
        let is_located = has("source_ip") || has("source_text") || (has("latitude") && has("longitude"));
        let has_entity = identifiers(entity, b',').unwrap_or_default().iter().all(|name| has(name));
        if !(has("event_time") && is_located && has_entity) {
            Self::Some
        } else if !(has("outcome") && has("invoked_by")) {
            Self::Required
        } else {
            Self::All
        }
    }
}

/// The layout of a source, if the source lacks standard columns and its layout is recognized. The source may be read,
/// with the privileges of the current role.
pub fn layout_of(source: &Source, entity: &str) -> Result<Option<Recognized>, TravelError> {
    match Standard::of(source, entity) {
        Standard::All => Ok(None),
        standard => recognize(source, standard, &table::layouts()?),
    }
}

fn recognize(
    source: &Source,
    standard: Standard,
    layouts: &[Layout],
) -> Result<Option<Recognized>, TravelError> {
    for layout in layouts {
        if layout.is_by_content() {
            if let Content::One { column, is_record } = content::find(source) {
                return Ok(Some(by_content(layout, source, &column, is_record, standard)));
            }
        } else if layout.fits(source) {
            let columns = layout.resolve(source)?;
            return Ok(Some(Recognized {
                notice: format!("source has the layout \"{}\" ({})", layout.name, layout.tool),
                limit: layout::limit(source, &columns),
                columns,
            }));
        }
    }
    Ok(None)
}

/// The columns of a source with a column of documents. If each document is one record and the source also has the time
/// of the event, that column is used, and the record supplies the rest. The source's own access key is used if the
/// source has everything that detection needs.
fn by_content(
    layout: &Layout,
    source: &Source,
    column: &str,
    is_record: bool,
    standard: Standard,
) -> Recognized {
    let mut columns = Vec::new();
    let is_time =
        |column: &TableColumn| matches!(base_type(column.oid), pg_sys::TIMESTAMPTZOID | pg_sys::TIMESTAMPOID);
    let own: &[&str] = match standard {
        Standard::Required => &["event_time", "access_key_id"],
        _ if source.column("event_time").is_some_and(is_time) => &["event_time"],
        _ => &[],
    };
    if is_record && !own.is_empty() {
        columns.push(("record".to_owned(), value::of_column::<Source>(column)));
        let own = own.iter().filter(|name| source.column(name).is_some());
        columns.extend(own.map(|name| ((*name).to_owned(), value::of_column::<Source>(name))));
    } else {
        columns.push(("document".to_owned(), value::of_column::<Source>(column)));
    }
    let notice = format!(
        "source has the layout \"{}\": its column \"{column}\" holds CloudTrail documents",
        layout.name
    );
    Recognized { notice, limit: None, columns }
}

/// `(source) -> jsonb`
fn columns_for(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let oid = call.oid(0).ok_or(UsageError::ArgumentNull { name: "source" })?;
    let source = Source::open(oid)?;
    let standard = Standard::of(&source, "event_time");
    let layouts = if standard == Standard::All { Vec::new() } else { table::layouts()? };
    let recognized = match recognize(&source, standard, &layouts)? {
        Some(recognized) => {
            recognized.send_notice();
            recognized
        }
        None if standard == Standard::Some => return Err(not_recognized(&source, &layouts)),
        None => {
            Report::notice("source has the standard columns").send();
            return jsonb_of(&[]);
        }
    };
    recognized.columns_as_jsonb()
}

/// The argument `columns` as jsonb, in the current memory context.
fn jsonb_of(columns: &[(String, String)]) -> Result<pg_sys::Datum, TravelError> {
    let columns: serde_json::Map<String, serde_json::Value> =
        columns.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    jsonb::of_json(&serde_json::Value::Object(columns).to_string()).map_err(|_| UsageError::NotUtf8.into())
}

fn not_recognized(source: &Source, layouts: &[Layout]) -> TravelError {
    let several = match content::find(source) {
        Content::Several(columns) => Some(columns.join(", ")),
        _ => None,
    };
    let wanted = layouts.iter().filter(|layout| !layout.is_by_content());
    SourceError::LayoutNotRecognized {
        source: source.name.clone(),
        available: source.column_names(),
        wanted: wanted.map(Layout::in_words).collect::<Vec<_>>().join("; "),
        several,
    }
    .into()
}
