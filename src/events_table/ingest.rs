//! `travel.ingest` inserts the records of CloudTrail documents. A record or a document that cannot be read is skipped.

use super::batch::Batch;
use super::counts::Ingested;
use super::insert::Target;
use crate::cloudtrail::{Element, each_element, each_of_element};
use crate::long_text::{LONG_DOCUMENT, Part, each_part, is_list};
use crate::pg::errors::{CloudTrailError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb;
use pgrx::pg_sys;

pg_function!(travel_ingest, pg_finfo_travel_ingest, ingest);
pg_function!(travel_ingest_text, pg_finfo_travel_ingest_text, ingest_text);

/// `(target, document jsonb) -> (records, inserted, duplicates, skipped)`
fn ingest(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let mut ingested = Ingested::default();
    if let Some(document) = call.datum(1) {
        let target = Target::open(target)?;
        jsonb::take_replaced();
        ingest_document(&target, document, &mut ingested)?;
        ingested.report();
    }
    ingested.row(call)
}

/// `(target, document text)`, ingests text. A broken document is skipped, and so is a document that is not from
/// CloudTrail. A text may hold several documents.
fn ingest_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let mut ingested = Ingested::default();
    let Some(text) = call.text(1)? else { return ingested.row(call) };
    let target = Target::open(target)?;
    jsonb::take_replaced();
    ingest_documents(&target, text, &mut ingested)?;
    ingested.report();
    ingested.row(call)
}

/// Inserts the records of all documents in a text.
pub fn ingest_documents(target: &Target, text: &str, ingested: &mut Ingested) -> Result<(), TravelError> {
    let mut documents = travel_cloudtrail::document_texts(text).peekable();
    if documents.peek().is_none() {
        ingested.skip_document("it is empty");
    }
    for document in documents {
        pgrx::check_for_interrupts!();
        let read = match document {
            Ok(document) if document.len() > LONG_DOCUMENT && is_list(document) => {
                ingest_elements(target, document, ingested)?;
                continue;
            }
            Ok(document) => jsonb::of_json(document),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(document) => ingest_if_cloudtrail(target, document, ingested)?,
            Err(error) => ingested.skip_document(&format!("it cannot be read as JSON ({error})")),
        }
    }
    Ok(())
}

/// Inserts the records of a long list.
fn ingest_elements(target: &Target, document: &str, ingested: &mut Ingested) -> Result<(), TravelError> {
    let mut batch = Batch::new();
    let mut position = 0;
    each_part(document, |part| {
        let (Part::Element(read) | Part::Document(read)) = part;
        let element = match read {
            Ok(element) => element,
            Err(error) => {
                position += 1;
                ingested.records += 1;
                ingested.skip(format!("element {position}: it cannot be read as JSON ({error})"));
                return Ok(());
            }
        };
        let mut elements = Vec::new();
        position = batch.within(|| {
            each_of_element(element, position, |element| {
                elements.push(element);
                Ok(())
            })
        })?;
        elements.into_iter().for_each(|element| add(element, &mut batch, ingested));
        Ok(())
    })?;
    ingested.replaced += jsonb::take_replaced();
    batch.insert_into(target, ingested)
}

fn add(element: Element, batch: &mut Batch, ingested: &mut Ingested) {
    ingested.records += 1;
    match element {
        Element::Record(record) => batch.add(record, ingested),
        Element::Bad(position, found) => {
            ingested.skip(format!("element {position}: it is not a record but {found}"));
        }
    }
}

/// Inserts the records of a document, or skips it if it is not from CloudTrail.
pub fn ingest_if_cloudtrail(
    target: &Target,
    document: pg_sys::Datum,
    ingested: &mut Ingested,
) -> Result<(), TravelError> {
    match ingest_document(target, document, ingested) {
        Err(TravelError::CloudTrail(CloudTrailError::NotCloudTrail { found })) => {
            ingested.skip_document(&format!("it is not a CloudTrail document but {found}"));
            Ok(())
        }
        other => other,
    }
}

/// Inserts the records of a document. An error of this function itself comes before anything is inserted.
fn ingest_document(
    target: &Target,
    document: pg_sys::Datum,
    ingested: &mut Ingested,
) -> Result<(), TravelError> {
    let mut batch = Batch::new();
    each_element(document, |element| {
        add(element, &mut batch, ingested);
        Ok(())
    })?;
    ingested.replaced += jsonb::take_replaced();
    batch.insert_into(target, ingested)
}
