//! `travel.ingest` inserts the records of CloudTrail documents. A record or a document that cannot be read is skipped.

use super::counts::Ingested;
use super::insert::{LONGEST_INDEXED, Target};
use super::month::Months;
use crate::cloudtrail::{Element, each_element};
use crate::pg::errors::{CloudTrailError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb::{self, Node};
use crate::pg::time::from_unix_us;
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
    let mut months = Months::new();
    each_element(document, |element| {
        ingested.records += 1;
        match element {
            Element::Record(record) => {
                // SAFETY: each_element gives a jsonb, alive until the call ends.
                let event = travel_cloudtrail::parse_lenient(unsafe { Node::of(record) });
                let id = event.event_id.unwrap_or("without eventID");
                let indexed = [event.event_id, event.access_key_id, event.actor.or(event.principal)];
                let Some(time) = event.event_time else {
                    ingested.skip(format!("record {}: it has no readable eventTime", short(id)));
                    return Ok(());
                };
                if indexed.iter().flatten().any(|text| text.len() > LONGEST_INDEXED) {
                    ingested.skip(format!(
                        "record {}: its eventID, access key or principal is longer than {LONGEST_INDEXED} bytes",
                        short(id)
                    ));
                } else {
                    months.add(from_unix_us(time));
                }
            }
            Element::Bad(position, found) => {
                ingested.skip(format!("element {position}: it is not a record but {found}"));
            }
        }
        Ok(())
    })?;
    ingested.replaced += jsonb::take_replaced();
    ingested.inserted += target.insert(document, &months)? as i64;
    // The statement read the same strings once more.
    jsonb::take_replaced();
    Ok(())
}

/// The first 100 characters of an id, for a message.
fn short(id: &str) -> &str {
    id.char_indices().nth(100).map_or(id, |(at, _)| &id[..at])
}
