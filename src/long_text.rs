//! Long texts of documents, such as the files of CloudTrail. They are converted record by record, because PostgreSQL
//! cannot be interrupted while it converts a text.

use crate::pg::errors::TravelError;
use crate::pg::jsonb;
use crate::pg::memory::Scratch;
use pgrx::pg_sys;
use travel_cloudtrail::{Item, Splitter, document_texts};

/// A text with more bytes than this is converted record by record, if it can be split into records.
pub const LONG_DOCUMENT: usize = 1 << 20;

/// What a text was split into, as a jsonb, or why it cannot be read as JSON.
pub enum Part {
    Document(Result<pg_sys::Datum, String>),
    Element(Result<pg_sys::Datum, String>),
}

/// Returns whether a valid document is a list of records, each short enough to be converted on its own.
pub fn is_list(document: &str) -> bool {
    every_item(document, |item| matches!(item, Item::Element(_)))
}

/// Returns whether a text can be split into documents and elements of lists, each short enough to be converted on its
/// own.
pub fn is_divisible(text: &str) -> bool {
    every_item(text, |item| match item {
        Item::Element(_) => true,
        // The splitter finds the end of a document, but does not read it.
        Item::Document(document) => document_texts(as_text(document)).all(|document| document.is_ok()),
    })
}

/// Calls `handle` with each part of a text for which [`is_divisible`] holds. The part is freed after the call.
pub fn each_part(
    text: &str,
    mut handle: impl FnMut(Part) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    let mut splitter = Splitter::new(text.as_bytes());
    let parsing = Scratch::new(c"travel: a record that is parsed", 256 << 10);
    while let Ok(Some(item)) = splitter.next_item() {
        pgrx::check_for_interrupts!();
        parsing.reset();
        handle(parsing.within(|| match item {
            Item::Document(text) => Part::Document(jsonb::of_json(as_text(text))),
            Item::Element(text) => Part::Element(jsonb::of_json(as_text(text))),
        }))?;
    }
    Ok(())
}

/// Returns whether a text can be split into at least one item and a condition holds for all of them.
fn every_item(text: &str, holds: impl Fn(Item) -> bool) -> bool {
    let mut splitter = Splitter::new(text.as_bytes());
    let mut has_items = false;
    loop {
        pgrx::check_for_interrupts!();
        match splitter.next_item() {
            Ok(None) => return has_items,
            Ok(Some(item)) if holds(item) => has_items = true,
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}

/// An item of a text begins and ends with an ASCII character.
fn as_text(item: &[u8]) -> &str {
    std::str::from_utf8(item).unwrap_or_default()
}
