//! The functions that find records in the values of a column: in CloudTrail documents, in what log shippers wrap around
//! them, and in text with several documents. They raise no errors, because one bad row must not end the query of a
//! whole table.

use crate::long_text::{LONG_DOCUMENT, Part, each_part, is_divisible};
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb::{self, Node};
use crate::pg::memory::varlena;
use crate::pg::srf::RowSet;
use pgrx::pg_sys;
use travel_cloudtrail::{LONGEST_ITEM, RecordNode, Records, begins_as_json, is_single_record, records};

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
        visit_text(text, &mut |record: Node| rows.push([record.to_jsonb()]))?;
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
    let found = if begins_as_json(text) && jsonb::of_short_json(text).is_ok_and(is_record) {
        Found::Record
    } else {
        visit_text(text, &mut |_: Node| ())?
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

/// The elements of a document.
#[derive(Default)]
struct Elements {
    records: usize,
    others: usize,
}

impl Elements {
    /// Counts elements, and calls `each` with each record.
    fn add<'a>(&mut self, elements: Records<'a, Node<'a>>, each: &mut impl FnMut(Node)) {
        for element in elements {
            match element {
                Ok(RecordNode::Node(record)) => {
                    self.records += 1;
                    each(record);
                }
                // A string in a jsonb is parsed as jsonb.
                Ok(RecordNode::Parsed(_)) | Err(_) => self.others += 1,
            }
            pgrx::check_for_interrupts!();
        }
    }

    fn found(&self) -> Found {
        match (self.records, self.others) {
            (0, 0) => Found::Nothing,
            (0, _) => Found::Other,
            _ => Found::Documents,
        }
    }
}

/// Calls `each` with each record of a document.
fn visit(document: Node, each: &mut impl FnMut(Node)) -> Found {
    pgrx::check_for_interrupts!();
    let Ok(found) = records(document) else { return Found::Other };
    let mut elements = Elements::default();
    elements.add(found, each);
    elements.found()
}

/// Calls `each` with each record of the documents in a text.
fn visit_text(text: &str, each: &mut impl FnMut(Node)) -> Result<Found, TravelError> {
    // Most texts of a table are not documents, and need not be parsed.
    if !begins_as_json(text) {
        return Ok(Found::Other);
    }
    if text.len() > LONG_DOCUMENT && is_divisible(text) {
        return visit_parts(text, each);
    }
    if text.len() <= LONGEST_ITEM {
        return Ok(visit_documents(text, each));
    }
    // Something in the text is invalid or too long. Lines can be read without it.
    let lines = text.lines().filter(|line| line.len() <= LONGEST_ITEM);
    Ok(lines.fold(Found::Other, |found, line| found.and(visit_documents(line, each))))
}

/// Calls `each` with each record of a text that can be split.
fn visit_parts(text: &str, each: &mut impl FnMut(Node)) -> Result<Found, TravelError> {
    let mut found = Found::Other;
    let mut elements = None::<Elements>;
    each_part(text, |part| {
        match part {
            // SAFETY: a jsonb that was just made.
            Part::Document(Ok(document)) => found = found.and(visit(unsafe { Node::of(document) }, each)),
            Part::Document(Err(_)) => {}
            Part::Element(Ok(element)) => {
                // SAFETY: as above. The position is only for messages.
                let records = Records::of_element(unsafe { Node::of(element) }, 0);
                elements.get_or_insert_default().add(records, each);
            }
            Part::Element(Err(_)) => elements.get_or_insert_default().others += 1,
        }
        Ok(())
    })?;
    Ok(elements.map_or(found, |elements| found.and(elements.found())))
}

/// Calls `each` with each record of the documents in a text. A broken document is skipped.
fn visit_documents(text: &str, each: &mut impl FnMut(Node)) -> Found {
    travel_cloudtrail::document_texts(text).fold(Found::Other, |found, document| {
        pgrx::check_for_interrupts!();
        let Some(datum) = document.ok().and_then(|text| jsonb::of_json(text).ok()) else { return found };
        // SAFETY: a jsonb that was just made.
        found.and(visit(unsafe { Node::of(datum) }, each))
    })
}
