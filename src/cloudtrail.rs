//! The functions that read CloudTrail documents and records: `travel.records`, `travel.parse`, `travel.try_parse`, and
//! the functions for single values, such as `travel.event_time` and `travel.source_ip`. What a record means is decided
//! in `travel_cloudtrail`.

use crate::pg::array;
use crate::pg::errors::{CloudTrailError, TravelError, UsageError};
use crate::pg::function::{Call, f64_datum, pg_function, varlena_bytes};
use crate::pg::inet;
use crate::pg::jsonb::{self, Node};
use crate::pg::numeric;
use crate::pg::report::Report;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::srf::RowSet;
use crate::pg::time::from_unix_us;
use crate::pg::types::{self, Type};
use pgrx::{PgTupleDesc, pg_sys};
use std::borrow::Cow;
use std::net::IpAddr;
use travel_cloudtrail::{Event, Outcome, RecordNode, Records, SourceKind};
use travel_core::columns::EVENT;
use travel_core::{address, with_event_columns};

pg_function!(travel_records, pg_finfo_travel_records, records);
pg_function!(travel_parse, pg_finfo_travel_parse, parse);
pg_function!(travel_try_parse, pg_finfo_travel_try_parse, try_parse);
pg_function!(travel_parsed_records, pg_finfo_travel_parsed_records, parsed_records);
pg_function!(travel_try_jsonb, pg_finfo_travel_try_jsonb, try_jsonb);
pg_function!(travel_event_time, pg_finfo_travel_event_time, event_time);
pg_function!(travel_event_time_int4, pg_finfo_travel_event_time_int4, |call: &Call| {
    unix_time(call, |datum| travel_cloudtrail::unix_time_of_integer(i64::from(datum.value() as i32)))
});
pg_function!(travel_event_time_int8, pg_finfo_travel_event_time_int8, |call: &Call| {
    unix_time(call, |datum| travel_cloudtrail::unix_time_of_integer(datum.value() as i64))
});
pg_function!(travel_event_time_float8, pg_finfo_travel_event_time_float8, |call: &Call| {
    unix_time(call, |datum| travel_cloudtrail::unix_time_of_float(f64::from_bits(datum.value() as u64)))
});
pg_function!(travel_event_time_numeric, pg_finfo_travel_event_time_numeric, event_time_numeric);
pg_function!(travel_try_number, pg_finfo_travel_try_number, number);
pg_function!(travel_source_kind, pg_finfo_travel_source_kind, source_kind);
pg_function!(travel_source_ip_text, pg_finfo_travel_source_ip_text, source_ip_text);
pg_function!(travel_source_ip_inet, pg_finfo_travel_source_ip_inet, source_ip_inet);

/// An element of a document.
pub enum Element {
    /// A record, as a jsonb in the current memory context.
    Record(pg_sys::Datum),
    /// An element that is not a record: its position, counted from 1, and what it is.
    Bad(usize, String),
}

/// Calls `handle` with each element of a document, in order. An element that is not a record does not end the document.
pub fn each_element(
    document: pg_sys::Datum,
    mut handle: impl FnMut(Element) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    // SAFETY: SQL declares the argument as jsonb, and it outlives the call.
    let document = unsafe { Node::of(document) };
    let mut records = travel_cloudtrail::records(document)
        .map_err(|error| CloudTrailError::NotCloudTrail { found: error.found })?;
    each_record(&mut records, &mut handle)
}

/// Calls `handle` with what an element of a document is, which comes after as many elements as `position` says. That is
/// one record or one bad element, unless the element is itself a document. Returns the new position.
pub fn each_of_element(
    element: pg_sys::Datum,
    position: usize,
    mut handle: impl FnMut(Element) -> Result<(), TravelError>,
) -> Result<usize, TravelError> {
    // SAFETY: as in `each_element`.
    let mut records = Records::of_element(unsafe { Node::of(element) }, position);
    each_record(&mut records, &mut handle)?;
    Ok(records.elements_so_far())
}

fn each_record<'a>(
    records: &mut Records<'a, Node<'a>>,
    handle: &mut impl FnMut(Element) -> Result<(), TravelError>,
) -> Result<(), TravelError> {
    while let Some(record) = records.next() {
        pgrx::check_for_interrupts!();
        match record {
            Ok(RecordNode::Node(node)) => {
                if let Some(record) = node.to_jsonb() {
                    handle(Element::Record(record))?;
                }
            }
            // A string in a jsonb is parsed as jsonb, so this does not happen.
            Ok(RecordNode::Parsed(_)) => {
                handle(Element::Bad(records.elements_so_far(), "a string".to_owned()))?
            }
            Err(bad) => handle(Element::Bad(bad.position, bad.found))?,
        }
    }
    Ok(())
}

fn records(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let Some(document) = call.datum(0) else { return Ok(rows.finish(call)) };
    let (mut good, mut bad, mut first) = (0_u64, 0_u64, None);
    each_element(document, |element| {
        match element {
            Element::Record(record) => {
                good += 1;
                rows.push([Some(record)]);
            }
            Element::Bad(position, found) => {
                bad += 1;
                first.get_or_insert((position, found));
            }
        }
        Ok(())
    })?;
    match first {
        // A list without any record is not a CloudTrail document.
        Some((position, found)) if good == 0 => {
            let found = format!("a list without any record, and its element {position} is {found}");
            return Err(CloudTrailError::NotCloudTrail { found }.into());
        }
        Some((position, found)) => warn_of_bad_records(bad, position, &found),
        None => {}
    }
    Ok(rows.finish(call))
}

/// Sends one warning for all elements of a document that are not records.
fn warn_of_bad_records(count: u64, position: usize, found: &str) {
    Report::warning(format!("skipped {count} element(s) of the document that are not CloudTrail records"))
        .detail(format!("The first is element {position}: {found}."))
        .send();
}

fn parse(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(record) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: SQL declares the argument as jsonb, and it outlives the call.
    let event =
        travel_cloudtrail::parse(unsafe { Node::of(record) }).map_err(|error| CloudTrailError::BadValue {
            field: error.field,
            expected: error.expected,
            value: error.value,
            event_id: error.event_id,
        })?;
    event_row(call, &event)
}

/// Like `parse`, but an invalid value is NULL. It is for queries that must not end because of one bad row.
fn try_parse(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(record) = call.datum(0) else { return Ok(call.null()) };
    // SAFETY: as in `parse`.
    event_row(call, &travel_cloudtrail::parse_lenient(unsafe { Node::of(record) }))
}

/// The columns of `travel.event`, then the record itself.
const PARSED_COLUMNS: usize = EVENT.len() + 1;

/// The memory for the rows of a batch of records, in kilobytes. They are about twice as large as the records.
const BATCH_KB: i32 = 16 << 10;

/// `(records jsonb[])`: a row for each record, with the columns of `try_parse` and the record.
fn parsed_records(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: reads a setting.
    let rows = RowSet::begin_within(call, unsafe { pg_sys::work_mem }.max(BATCH_KB))?;
    let Some(records) = call.datum(0) else { return Ok(rows.finish(call)) };
    let row_type = *call.site_cache(|| {
        // SAFETY: the descriptor lives as long as the query.
        must_be_parsed_columns(&unsafe { PgTupleDesc::from_pg_unchecked(rows.tuple_desc()) })?;
        RowType::of_call(call)
    })?;
    // SAFETY: SQL declares the argument as jsonb[], which outlives the call.
    for record in unsafe { array::elements(records, b'i') }.flatten() {
        pgrx::check_for_interrupts!();
        // SAFETY: an element of a jsonb[] is a jsonb.
        let (node, content) = unsafe { (Node::of(record), varlena_bytes(record)) };
        let mut row = RowWriter::<PARSED_COLUMNS>::with_room(content.len());
        write_event(&mut row, &travel_cloudtrail::parse_lenient(node));
        row.bytes(content);
        let row = row.finish(row_type)?;
        // SAFETY: the row has the type that the call returns, which RowType::of_call looked up; the set copies it.
        unsafe {
            rows.push_composite(row);
            pg_sys::pfree(row.cast_mut_ptr());
        }
    }
    Ok(rows.finish(call))
}

/// Checks that a query declares the columns of `parsed_records` with their types, because the rows are written as
/// these.
fn must_be_parsed_columns(columns: &PgTupleDesc) -> Result<(), TravelError> {
    if columns.len() != PARSED_COLUMNS {
        return Err(UsageError::QueryColumns { expected: PARSED_COLUMNS, found: columns.len() }.into());
    }
    let wanted = event_types().chain([Type::Jsonb]);
    columns.iter().zip(wanted).try_for_each(|(column, wanted)| types::check(column, wanted))
}

fn try_jsonb(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let read = call.text(0)?.map(jsonb::of_short_json).and_then(Result::ok);
    Ok(read.unwrap_or_else(|| call.null()))
}

fn event_row(call: &Call, event: &Event) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: SQL declares the result as travel.event; the call site outlives the call.
    let row_type = call
        .site_cache(|| unsafe { RowType::load(call.result_type()?, event_types(), call.site_context()) })?;
    let mut row = EventRow::new();
    write_event(&mut row, event);
    row.finish(*row_type)
}

/// The types of the columns of an event.
fn event_types() -> impl Iterator<Item = Type> {
    EVENT.iter().map(|column| Type::from(column.column_type))
}

/// Writes the columns of an event.
#[inline]
fn write_event<const N: usize>(row: &mut RowWriter<N>, event: &Event) {
    macro_rules! write_columns {
        ($($name:ident: $column_type:ident,)*) => { $(event.$name.write(row);)* };
    }
    with_event_columns!(write_columns);
}

/// A row of `travel.event`.
type EventRow = RowWriter<{ EVENT.len() }>;

/// A value of an event, which knows how it is written into the row.
trait ColumnValue {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>);
}

impl ColumnValue for Option<&str> {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.text(*self);
    }
}

impl ColumnValue for Option<Cow<'_, str>> {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.text(self.as_deref());
    }
}

/// Microseconds since the Unix epoch.
impl ColumnValue for Option<i64> {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.timestamp(self.map(from_unix_us));
    }
}

impl ColumnValue for Option<IpAddr> {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.host(*self);
    }
}

impl ColumnValue for Option<bool> {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.bool(*self);
    }
}

impl ColumnValue for SourceKind {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.text(Some(self.into_str()));
    }
}

impl ColumnValue for Outcome {
    fn write<const N: usize>(&self, row: &mut RowWriter<N>) {
        row.text(Some(self.into_str()));
    }
}

fn event_time(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    match call.text(0)?.and_then(travel_cloudtrail::event_time) {
        Some(time) => Ok(pg_sys::Datum::from(from_unix_us(time))),
        None => Ok(call.null()),
    }
}

fn unix_time(call: &Call, read: impl Fn(pg_sys::Datum) -> Option<i64>) -> Result<pg_sys::Datum, TravelError> {
    match call.datum(0).and_then(read) {
        Some(time) => Ok(pg_sys::Datum::from(from_unix_us(time))),
        None => Ok(call.null()),
    }
}

fn event_time_numeric(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    unix_time(call, |datum| {
        // SAFETY: SQL declares the argument as numeric.
        let (whole, digits) = unsafe { numeric::digits(datum) }?;
        travel_cloudtrail::unix_time_of_digits(whole, digits)
    })
}

fn number(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    match call.text(0)?.and_then(travel_cloudtrail::number) {
        Some(number) => Ok(f64_datum(number)),
        None => Ok(call.null()),
    }
}

/// The kind of a source address. NULL is `absent`.
fn source_kind(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let kind = travel_cloudtrail::source_kind(call.text(0)?);
    Ok(crate::pg::memory::varlena(kind.into_str().as_bytes()))
}

fn source_ip_text(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    match call.text(0)?.and_then(address::parse) {
        Some(host) => Ok(inet::host(host)),
        None => Ok(call.null()),
    }
}

fn source_ip_inet(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    Ok(call.inet(0).map_or_else(|| call.null(), inet::host))
}
