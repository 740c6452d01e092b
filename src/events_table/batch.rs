//! Records that are inserted into an events table together, by one statement.

use super::counts::Ingested;
use super::insert::{LONGEST_INDEXED, Target};
use super::month::Months;
use crate::pg::errors::TravelError;
use crate::pg::jsonb::Node;
use crate::pg::memory::Scratch;
use crate::pg::time::from_unix_us;
use pgrx::pg_sys;
use travel_cloudtrail::Json;

/// How many records are inserted by one statement, at most.
const MOST_RECORDS: usize = 4000;

/// How much memory they take together, in bytes, at most. Most files then are one batch, and the more events of a key are
/// inserted together, the less time each takes.
const MOST_BYTES: usize = 4 << 20;

/// The length of an access key id, in bytes.
const ACCESS_KEY: usize = 20;

/// Records that wait to be inserted. They live in memory of their own, which is emptied after each statement.
pub struct Batch {
    records: Vec<Pending>,
    months: Months,
    memory: Scratch,
}

/// A record, with what it is sorted by.
struct Pending {
    access_key: [u8; ACCESS_KEY],
    time_us: i64,
    record: pg_sys::Datum,
}

impl Batch {
    pub fn new() -> Self {
        Self {
            records: Vec::new(),
            months: Months::new(),
            memory: Scratch::new(c"travel: records to insert", 256 << 10),
        }
    }

    /// Runs `body` with the memory of the batch as the current memory context. The records that [`Batch::add`] takes
    /// are made there.
    pub fn within<R>(&self, body: impl FnOnce() -> R) -> R {
        self.memory.within(body)
    }

    /// Adds a record, a jsonb in the memory of the batch, or skips it if it cannot be an event.
    pub fn add(&mut self, record: pg_sys::Datum, ingested: &mut Ingested) {
        // SAFETY: by the caller.
        let node = unsafe { Node::of(record) };
        let event = travel_cloudtrail::parse_lenient(node);
        let id = event.event_id.unwrap_or("without eventID");
        let indexed = [event.event_id, event.access_key_id, event.actor.or(event.principal)];
        let Some(time) = event.event_time else {
            ingested.skip(format!("record {}: it has no readable eventTime", short(id)));
            return;
        };
        if indexed.iter().flatten().any(|text| text.len() > LONGEST_INDEXED) {
            ingested.skip(format!(
                "record {}: its eventID, access key or principal is longer than {LONGEST_INDEXED} bytes",
                short(id)
            ));
            return;
        }
        self.months.add(from_unix_us(time));
        self.records.push(Pending { access_key: beginning(event.access_key_id), time_us: time, record });
    }

    pub fn is_full(&self) -> bool {
        self.records.len() >= MOST_RECORDS || self.memory.size() >= MOST_BYTES
    }

    /// Inserts the records, and counts those that are new.
    pub fn insert_into(&mut self, target: &Target, ingested: &mut Ingested) -> Result<(), TravelError> {
        if !self.records.is_empty() {
            // Events of a key are neighbors in two indexes, and inserting neighbors one after the other takes less time.
            // The order does not depend on the document, so two sessions that load the same events do not deadlock.
            // SAFETY: both are jsonb in the memory of the batch.
            let whole = |pending: &Pending| unsafe { Node::of(pending.record) };
            // A document of travel.ingest is one batch of any size, so the sort must be interruptible.
            let mut comparisons = 0_u32;
            self.records.sort_unstable_by(|a, b| {
                comparisons = comparisons.wrapping_add(1);
                if comparisons.is_multiple_of(4096) {
                    pgrx::check_for_interrupts!();
                }
                (a.access_key, a.time_us).cmp(&(b.access_key, b.time_us)).then_with(|| {
                    let (a, b) = (whole(a), whole(b));
                    let id = |node: Node<'static>| node.get("eventID").and_then(Json::as_str);
                    id(a).cmp(&id(b)).then_with(|| a.bytes().cmp(b.bytes()))
                })
            });
            let records: Vec<pg_sys::Datum> = self.records.iter().map(|pending| pending.record).collect();
            ingested.inserted += self.within(|| target.insert(&records, &self.months))? as i64;
        }
        self.records.clear();
        self.months = Months::new();
        self.memory.reset();
        Ok(())
    }
}

/// The first bytes of an access key id.
fn beginning(access_key: Option<&str>) -> [u8; ACCESS_KEY] {
    let mut bytes = [0; ACCESS_KEY];
    for (byte, of_key) in bytes.iter_mut().zip(access_key.unwrap_or_default().bytes()) {
        *byte = of_key;
    }
    bytes
}

/// The first 100 characters of an id, for a message.
fn short(id: &str) -> &str {
    id.char_indices().nth(100).map_or(id, |(at, _)| &id[..at])
}
