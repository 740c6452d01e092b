//! `travel.struct_text`: structures that an export wrote as text.

use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function, varlena_bytes};
use crate::pg::jsonb::{self, Node};
use crate::pg::memory::varlena;
use pgrx::pg_sys;
use std::cell::RefCell;
use travel_cloudtrail::{Json, Kind, is_json_struct};

pg_function!(travel_struct_text, pg_finfo_travel_struct_text, struct_text);

/// The longest text that is remembered, in bytes.
const LONGEST: usize = 16 << 10;

/// How many texts are remembered.
const TEXTS: usize = 4;

/// A text, and what it was read as: the content of a jsonb, or nothing.
#[derive(Default)]
struct Known {
    text: String,
    jsonb: Option<Vec<u8>>,
}

/// The last texts.
#[derive(Default)]
struct Last {
    texts: [Known; TEXTS],
    /// The place of the next one.
    next: usize,
}

thread_local! {
    /// The last texts that were read. A query takes a dozen members out of each of a few structs, with one call for
    /// each member, and this way each struct is read only once per row.
    static LAST: RefCell<Last> = RefCell::default();
}

/// `(text) -> jsonb`
fn struct_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(text) = call.text(0)? else { return Ok(call.null()) };
    let known = LAST.with_borrow(|last| {
        let known = last.texts.iter().find(|known| known.text == text)?;
        Some(known.jsonb.as_deref().map(varlena))
    });
    let read = known.unwrap_or_else(|| read(text));
    Ok(read.unwrap_or_else(|| call.null()))
}

fn read(text: &str) -> Option<pg_sys::Datum> {
    // SAFETY: a jsonb that was just made.
    let is_object = |datum: &pg_sys::Datum| unsafe { Node::of(*datum) }.kind() == Kind::Object;
    let jsonb = if is_json_struct(text) {
        jsonb::of_short_json(text).ok().filter(is_object)
    } else {
        travel_cloudtrail::struct_text(text).and_then(|value| jsonb::of_json(&value.to_string()).ok())
    };
    if text.len() <= LONGEST {
        LAST.with_borrow_mut(|last| {
            last.next = (last.next + 1) % TEXTS;
            let Some(known) = last.texts.get_mut(last.next) else { return };
            known.text.clear();
            known.text.push_str(text);
            // SAFETY: a jsonb that was just made.
            known.jsonb = jsonb.map(|datum| unsafe { varlena_bytes(datum) }.to_vec());
        });
    }
    jsonb
}
