//! The functions that find records in the values of a column: in CloudTrail documents, in what log shippers wrap around
//! them, and in text with several documents. They raise no errors, because one bad row must not end the query of a
//! whole table.

use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb::{self, Node};
use crate::pg::memory::varlena;
use crate::pg::srf::RowSet;
use pgrx::pg_sys;
use travel_cloudtrail::{RecordNode, begins_as_json, is_single_record, records};

pg_function!(travel_each_record, pg_finfo_travel_each_record, each_record);
pg_function!(travel_each_record_text, pg_finfo_travel_each_record_text, each_record_text);
pg_function!(travel_document_kind, pg_finfo_travel_document_kind, document_kind);
pg_function!(travel_document_kind_text, pg_finfo_travel_document_kind_text, document_kind_text);

/// `(document jsonb) -> setof jsonb`
fn each_record(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    if let Some(document) = call.datum(0) {
        // SAFETY: SQL declares the argument as jsonb, and it outlives the call.
        visit(unsafe { Node::of(document) }, &mut |record: Node| rows.push([record.to_jsonb()]));
    }
    Ok(rows.finish(call))
}

/// `(document text) -> setof jsonb`
fn each_record_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    if let Some(text) = call.text(0)? {
        visit_text(text, &mut |record: Node| rows.push([record.to_jsonb()]));
    }
    Ok(rows.finish(call))
}

/// `(document jsonb) -> text`: `record`, `documents`, `other`, or NULL for a document of a kind that has no records.
fn document_kind(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(document) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: SQL declares the argument as jsonb, and it outlives the call.
    let node = unsafe { Node::of(document) };
    let found = if is_single_record(node) { Found::Record } else { visit(node, &mut |_: Node| ()) };
    Ok(found.datum(call))
}

/// `(document text) -> text`
fn document_kind_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(text) = call.text(0)? else { return Ok(call.null()) };
    // SAFETY: a jsonb that was just made.
    let is_record = |datum| is_single_record(unsafe { Node::of(datum) });
    let found = if begins_as_json(text) && jsonb::of_json(text).is_ok_and(is_record) {
        Found::Record
    } else {
        visit_text(text, &mut |_: Node| ())
    };
    Ok(found.datum(call))
}

/// The content of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Record,
    Documents,
    /// No records, although it is a document of CloudTrail.
    Nothing,
    Other,
}

impl Found {
    fn datum(self, call: &Call) -> pg_sys::Datum {
        match self {
            Self::Record => varlena(b"record"),
            Self::Documents => varlena(b"documents"),
            Self::Nothing => call.null(),
            Self::Other => varlena(b"other"),
        }
    }

    /// The content of two parts of a document together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Other, found) | (found, Self::Other) => found,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
            _ => Self::Documents,
        }
    }
}

/// Calls `each` with each record of a document.
fn visit(document: Node, each: &mut impl FnMut(Node)) -> Found {
    pgrx::check_for_interrupts!();
    let Ok(found) = records(document) else { return Found::Other };
    let (mut good, mut bad) = (0_usize, 0_usize);
    for record in found {
        match record {
            Ok(RecordNode::Node(record)) => {
                good += 1;
                each(record);
            }
            // A string in a jsonb is parsed as jsonb.
            Ok(RecordNode::Parsed(_)) | Err(_) => bad += 1,
        }
        pgrx::check_for_interrupts!();
    }
    match (good, bad) {
        (0, 0) => Found::Nothing,
        (0, _) => Found::Other,
        _ => Found::Documents,
    }
}

/// Calls `each` with each record of the documents in a text.
fn visit_text(text: &str, each: &mut impl FnMut(Node)) -> Found {
    // Most texts of a table are not documents, and need not be parsed.
    if !begins_as_json(text) {
        return Found::Other;
    }
    travel_cloudtrail::document_texts(text).fold(Found::Other, |found, document| {
        pgrx::check_for_interrupts!();
        let Some(datum) = document.ok().and_then(|text| jsonb::of_json(text).ok()) else { return found };
        // SAFETY: a jsonb that was just made.
        found.and(visit(unsafe { Node::of(datum) }, each))
    })
}
