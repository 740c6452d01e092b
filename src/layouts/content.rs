//! Finds the column of a source whose values are CloudTrail documents, by a look at a few rows.

use crate::pg::attempt::attempt;
use crate::pg::identifier::quoted;
use crate::pg::spi;
use crate::source::{Source, base_type};
use pgrx::pg_sys;

/// What a look at the values of a source found.
pub enum Content {
    /// No column holds documents, or the source cannot be read.
    None,
    /// One column does. `is_record`: each value that was read is one record, without an envelope.
    One { column: String, is_record: bool },
    /// Several do, and nothing says which one is meant.
    Several(Vec<String>),
}

/// How many rows are read.
const ROWS: usize = 10;

/// The longest value that is read, in bytes. A compressed text can be a hundred times as long as what is stored of it.
const LONGEST: usize = 8 << 20;

/// Reads a few rows with the privileges of the current role. An error, such as that of a view whose function fails, is
/// caught. A foreign table is not read, because some require a condition and others are slow.
pub fn find(source: &Source) -> Content {
    let columns: Vec<&str> = source
        .columns
        .iter()
        .filter(|column| can_hold_documents(base_type(column.oid)))
        .map(|column| column.name.as_str())
        .collect();
    if source.is_foreign || columns.is_empty() {
        return Content::None;
    }
    let found = attempt(|| {
        spi::with_pg_catalog_first(|| {
            let rows = spi::select(&query(source, &columns), &[]);
            spi::columns!(rows => column_number, only_documents, is_record);
            let found = rows.iter().filter_map(|row| {
                let number = usize::try_from(row.i64(column_number)?).ok()?;
                Some(Candidate {
                    name: (*columns.get(number)?).to_owned(),
                    only_documents: row.is_true(only_documents),
                    is_record: row.is_true(is_record),
                })
            });
            Ok(found.collect::<Vec<_>>())
        })
    });
    let mut found = found.unwrap_or_default();
    // A stream may have messages of other services among the documents, and a table may have a broken line.
    keep_if_any(&mut found, |column| column.only_documents);
    // A tool that parses a text into JSON may keep both.
    for better in [pg_sys::JSONBOID, pg_sys::JSONOID] {
        keep_if_any(&mut found, |column| {
            source.column(&column.name).is_some_and(|column| base_type(column.oid) == better)
        });
    }
    match found.as_mut_slice() {
        [] => Content::None,
        [column] => Content::One { column: std::mem::take(&mut column.name), is_record: column.is_record },
        several => Content::Several(several.iter().map(|column| quoted(&column.name)).collect()),
    }
}

/// A column of which some values are documents with records.
struct Candidate {
    name: String,
    /// Whether no value that was read is anything else.
    only_documents: bool,
    /// Whether each value that was read is one record.
    is_record: bool,
}

/// Keeps the columns that are better, unless none is.
fn keep_if_any(columns: &mut Vec<Candidate>, is_better: impl Fn(&Candidate) -> bool) {
    if columns.iter().any(&is_better) {
        columns.retain(is_better);
    }
}

fn can_hold_documents(oid: pg_sys::Oid) -> bool {
    matches!(oid, pg_sys::JSONBOID | pg_sys::JSONOID | pg_sys::TEXTOID | pg_sys::VARCHAROID)
}

/// A query for the columns of which a value in these rows is a document with records.
fn query(source: &Source, columns: &[&str]) -> String {
    let list = |each: &dyn Fn(usize, &str) -> String| {
        let each = columns.iter().enumerate().map(|(number, name)| each(number, name));
        each.collect::<Vec<_>>().join(",\n            ")
    };
    let kinds = list(&|number, name| {
        let is_jsonb = source.column(name).is_some_and(|column| base_type(column.oid) == pg_sys::JSONBOID);
        let (size, converted) = if is_jsonb { ("pg_column_size", "jsonb") } else { ("octet_length", "text") };
        let value = format!("s.{}::{converted}", quoted(name));
        format!(
            "travel_internal.document_kind(CASE WHEN pg_catalog.{size}({value}) < {LONGEST} THEN {value} END) \
             AS kind_{number}"
        )
    });
    let all = list(&|number, _| {
        format!(
            "pg_catalog.bool_or(kind_{number} <> 'other') AS has_{number}, \
             pg_catalog.bool_and(kind_{number} <> 'other') AS all_{number}, \
             pg_catalog.bool_and(kind_{number} = 'record') AS is_{number}"
        )
    });
    let values = list(&|number, _| format!("(bigint '{number}', has_{number}, all_{number}, is_{number})"));
    format!(
        "SELECT v.column_number, v.only_documents, v.is_record
FROM (
    SELECT {all}
    FROM (
        SELECT {kinds}
        FROM (SELECT * FROM {} LIMIT {ROWS}) AS s
    ) AS s
) AS s
CROSS JOIN LATERAL (VALUES {values}) AS v (column_number, has_documents, only_documents, is_record)
WHERE v.has_documents
ORDER BY v.column_number",
        source.name
    )
}
