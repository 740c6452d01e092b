//! Tables of events: `travel.create_events_table` creates one, and `travel.ingest` inserts the records of CloudTrail
//! documents.

use crate::cloudtrail::{Element, each_element, without_complaint};
use crate::detect::{Source, base_type};
use crate::pg::errors::{CloudTrailError, EventsError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::identifier::{c_string, identifiers, qualified, quoted};
use crate::pg::jsonb::{self, Node};
use crate::pg::report::Report;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use std::ffi::CStr;
use travel_core::columns::{EVENT, EventColumn};

pg_function!(travel_create_events_table, pg_finfo_travel_create_events_table, create_events_table);
pg_function!(travel_ingest, pg_finfo_travel_ingest, ingest);
pg_function!(travel_ingest_text, pg_finfo_travel_ingest_text, ingest_text);

/// The columns that every event of a table must have.
const REQUIRED: [&str; 2] = ["event_id", "event_time"];

/// The columns of an event as CREATE TABLE takes them.
fn column_definitions() -> String {
    let definition = |column: &EventColumn| {
        let not_null = if REQUIRED.contains(&column.name) { " NOT NULL" } else { "" };
        format!("\n    {} {}{not_null}", column.name, column.column_type.into_str())
    };
    EVENT.iter().map(definition).collect::<Vec<_>>().join(",")
}

/// `(name, partitioned, keep_record)`
fn create_events_table(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let name = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "name" })?;
    let partitioned = call.bool(1).ok_or(UsageError::ArgumentNull { name: "partitioned" })?;
    let keep_record = call.bool(2).ok_or(UsageError::ArgumentNull { name: "keep_record" })?;
    if partitioned {
        return Err(EventsError::NotYetPartitioned.into());
    }
    let table = TableName::parse(name)?;
    let record = if keep_record { ",\n    record                jsonb" } else { "" };
    let (sql, columns) = (&table.sql, column_definitions());
    let statements = [
        format!(
            "CREATE TABLE {sql} ({columns}{record},\n    ingested_at           timestamptz NOT NULL DEFAULT \
             pg_catalog.now(),\n    ingest_xid            xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),\n    \
             PRIMARY KEY (event_id, event_time)\n)"
        ),
        format!("CREATE INDEX ON {sql} (access_key_id, event_time) INCLUDE (source_ip)"),
        format!("CREATE INDEX ON {sql} (event_time)"),
        format!("CREATE INDEX ON {sql} (ingest_xid)"),
        // The baseline user of the presets: the actor if there is one, or else the principal.
        format!("CREATE INDEX ON {sql} ((coalesce(actor, principal)), event_time)"),
        format!("COMMENT ON TABLE {sql} IS 'CloudTrail events that travel.ingest inserts'"),
        format!(
            "COMMENT ON COLUMN {sql}.ingest_xid IS 'transaction that inserted the row; scans use it to find new rows'"
        ),
    ];
    spi::connected(|| {
        for statement in &statements {
            spi::execute(statement, &[]);
        }
    });
    table.oid()
}

/// The name of a table that does not exist yet, with the schema in which it will be created.
struct TableName {
    sql: String,
}

impl TableName {
    fn parse(text: &str) -> Result<Self, TravelError> {
        let error = || EventsError::TableName { name: text.to_owned() }.into();
        let parts = identifiers(text, b'.').ok_or_else(error)?;
        let (schema, name) = match &parts[..] {
            [name] => (None, name),
            [schema, name] => (Some(c_string(schema)), name),
            _ => return Err(error()),
        };
        let relation = c_string(name);
        // SAFETY: plain catalog calls with C strings that outlive them. Every later statement uses the schema that is
        // found here: a temporary table of the same name would come first in the search path.
        let namespace = unsafe {
            let schema = schema.as_ref().map_or(std::ptr::null_mut(), |schema| schema.as_ptr().cast_mut());
            let range = pg_sys::makeRangeVar(schema, relation.as_ptr().cast_mut(), -1);
            let namespace = pg_sys::get_namespace_name(pg_sys::RangeVarGetCreationNamespace(range));
            CStr::from_ptr(namespace).to_string_lossy().into_owned()
        };
        Ok(Self { sql: qualified(&namespace, name) })
    }

    fn oid(&self) -> Result<pg_sys::Datum, TravelError> {
        let name = c_string(&self.sql);
        // SAFETY: regclassin takes a C string.
        let oid = unsafe {
            pgrx::direct_function_call_as_datum(
                pg_sys::regclassin,
                &[Some(pg_sys::Datum::from(name.as_ptr()))],
            )
        };
        oid.ok_or(EventsError::TableName { name: self.sql.clone() }.into())
    }
}

/// The number of skipped records that get a notice each. The rest are counted in one notice.
const NAMED_SKIPS: usize = 20;

/// The longest text, in bytes, in an indexed column. PostgreSQL raises an error for longer keys, and the whole document
/// would be lost. No such text of CloudTrail comes near this length.
const LONGEST_INDEXED: usize = 2000;

/// The result of ingesting documents.
#[derive(Default)]
struct Ingested {
    records: i64,
    inserted: i64,
    skipped: i64,
    /// The number of replaced escapes of characters that PostgreSQL text cannot contain.
    replaced: usize,
    /// The first skipped records, each with the reason, and whether it was a whole document.
    named: Vec<(String, bool)>,
}

impl Ingested {
    fn skip(&mut self, what: String) {
        self.skip_as(what, false);
    }

    /// A document that is broken, or is not from CloudTrail, counts as one record.
    fn skip_document(&mut self, why: &str) {
        self.records += 1;
        self.skip_as(format!("document: {why}"), true);
    }

    fn skip_as(&mut self, what: String, is_document: bool) {
        self.skipped += 1;
        if self.named.len() < NAMED_SKIPS {
            self.named.push((what, is_document));
        }
    }

    fn report(&self) {
        for (what, is_document) in &self.named {
            let said = format!("skipped {what}");
            if *is_document { Report::warning(said).send() } else { Report::notice(said).send() }
        }
        let more = self.skipped - self.named.len() as i64;
        if more > 0 {
            Report::notice(format!("skipped {more} more records")).send();
        }
        if self.replaced > 0 {
            let characters = if self.replaced == 1 { "character" } else { "characters" };
            let why = "PostgreSQL text cannot contain NUL or half of a surrogate pair";
            Report::notice(format!("replaced {} {characters} with U+FFFD: {why}", self.replaced)).send();
        }
    }

    fn row(&self, call: &Call) -> Result<pg_sys::Datum, TravelError> {
        let row_type = call.site_cache(|| RowType::of_call(call))?;
        let mut row = RowWriter::<4>::new();
        row.i64(Some(self.records));
        row.i64(Some(self.inserted));
        row.i64(Some(self.records - self.inserted - self.skipped));
        row.i64(Some(self.skipped));
        row.finish(*row_type)
    }
}

/// `(target, document jsonb) -> (records, inserted, duplicates, skipped)`
fn ingest(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let target = call.oid(0).ok_or(UsageError::ArgumentNull { name: "target" })?;
    let mut ingested = Ingested::default();
    if let Some(document) = call.datum(1) {
        let insert = insert_statement(&Source::look_at(target)?)?;
        jsonb::take_replaced();
        ingest_document(&insert, document, &mut ingested)?;
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
    let insert = insert_statement(&Source::look_at(target)?)?;
    jsonb::take_replaced();
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
            Ok(document) => match ingest_document(&insert, document, &mut ingested) {
                Err(TravelError::CloudTrail(CloudTrailError::NotCloudTrail { found })) => {
                    ingested.skip_document(&format!("it is not a CloudTrail document but {found}"));
                }
                other => other?,
            },
            Err(error) => ingested.skip_document(&format!("it cannot be read as JSON ({error})")),
        }
    }
    ingested.report();
    ingested.row(call)
}

/// Inserts the records of a document. An error of this function itself comes before anything is inserted.
fn ingest_document(
    insert: &str,
    document: pg_sys::Datum,
    ingested: &mut Ingested,
) -> Result<(), TravelError> {
    each_element(document, |element| {
        ingested.records += 1;
        match element {
            Element::Record(record) => {
                // SAFETY: each_element gives a jsonb, alive until the call ends.
                let event = travel_cloudtrail::parse_lenient(unsafe { Node::of(record) });
                let id = event.event_id.unwrap_or("without eventID");
                let indexed = [event.event_id, event.access_key_id, event.actor.or(event.principal)];
                if event.event_time.is_none() {
                    ingested.skip(format!("record {}: it has no readable eventTime", short(id)));
                } else if indexed.iter().flatten().any(|text| text.len() > LONGEST_INDEXED) {
                    ingested.skip(format!(
                        "record {}: its eventID, access key or principal is longer than {LONGEST_INDEXED} bytes",
                        short(id)
                    ));
                }
            }
            Element::Bad(position, found) => {
                ingested.skip(format!("element {position}: it is not a record but {found}"));
            }
        }
        Ok(())
    })?;
    ingested.replaced += jsonb::take_replaced();
    let inserted = without_complaint(|| {
        spi::connected(|| spi::execute(insert, &[Argument::of(pg_sys::JSONBOID, Some(document))]))
    });
    ingested.inserted += inserted as i64;
    // The statement read the same strings once more.
    jsonb::take_replaced();
    Ok(())
}

/// The first 100 characters of an id, for a message.
fn short(id: &str) -> &str {
    id.char_indices().nth(100).map_or(id, |(at, _)| &id[..at])
}

/// The statement that inserts the records of a document. It fills the columns of `travel.event` that the table has, and
/// `record` if the table has it.
fn insert_statement(target: &Source) -> Result<String, TravelError> {
    let name = &target.name;
    let has = |wanted: &str| target.column(wanted).is_some();
    for required in REQUIRED {
        if !has(required) {
            return Err(EventsError::NotAnEventsTable { name: name.clone(), column: required }.into());
        }
    }
    let mut into: Vec<&str> = EVENT.iter().map(|column| column.name).filter(|column| has(column)).collect();
    let mut select: Vec<String> = into.iter().map(|column| format!("e.{column}")).collect();
    let generated = into.iter().filter_map(|name| target.column(name)).find(|column| column.is_generated);
    if let Some(column) = generated {
        return Err(EventsError::GeneratedColumn { table: name.clone(), column: quoted(&column.name) }.into());
    }
    // A record without an id gets its digest as the id, so it is recognized as a duplicate.
    let id = "coalesce(e.event_id, 'sha256:' || pg_catalog.encode(pg_catalog.sha256(\
              pg_catalog.convert_to(r.record::text, 'UTF8')), 'hex'))";
    for (column, value) in into.iter().zip(&mut select) {
        if *column == "event_id" {
            id.clone_into(value);
        }
        // Detection reads such a column as UTC. PostgreSQL would convert the time to the time zone of the session.
        if target.column(column).is_some_and(|column| base_type(column.oid) == pg_sys::TIMESTAMPOID) {
            *value = format!("({value} AT TIME ZONE 'UTC')");
        }
    }
    if has("record") {
        into.push("record");
        select.push("r.record".to_owned());
    }
    Ok(format!(
        "INSERT INTO {name} ({}) SELECT {} FROM travel.records($1) AS r (record) \
         CROSS JOIN LATERAL travel.try_parse(r.record) AS e WHERE e.event_time IS NOT NULL \
         AND greatest(pg_catalog.octet_length(e.event_id), pg_catalog.octet_length(e.access_key_id), \
         pg_catalog.octet_length(coalesce(e.actor, e.principal)), 0) <= {LONGEST_INDEXED} \
         ORDER BY {}, e.event_time ON CONFLICT DO NOTHING",
        into.join(", "),
        select.join(", "),
        // The order does not depend on the document, so two sessions that load the same events cannot deadlock.
        format_args!("({id}) COLLATE \"C\""),
    ))
}
