//! Who wrote a row, and when. The guards set these columns and ignore the values that the writer gives, so they are
//! reliable. A role that may load rows as a dump has them keeps what it inserts.

use crate::pg::errors::TravelError;
use crate::pg::role;
use crate::pg::time::transaction_start;
use crate::pg::trigger::Trigger;
use crate::pg::tuple::{Tuple, Value, text, timestamp};
use std::ffi::CStr;

/// The columns of a row that say who wrote it, and when. Those that are NOT NULL are filled here.
pub const COLUMNS: [&str; 4] = ["created_by", "created_at", "updated_by", "updated_at"];

/// A row with its author. An update changes its last two columns, unless it changes nothing else.
pub fn authored(trigger: &Trigger, old: Option<&Tuple>, row: Tuple) -> Result<Tuple, TravelError> {
    // The library may be newer than the tables.
    if row.type_of(c"updated_at").is_none() {
        return Ok(row);
    }
    let (by, at) = (role::acting(), timestamp(transaction_start()));
    let Some(old) = old else {
        if !role::may_load(trigger.table_owner()) {
            return Ok(row.with(&columns([text(&by), at, None, None])));
        }
        let created_by = row.text(c"created_by")?.map_or_else(|| text(&by), text);
        let created_at = row.timestamp(c"created_at").map_or(at, timestamp);
        return Ok(row.with(&[(c"created_by", created_by), (c"created_at", created_at)]));
    };
    let created = [old.text(c"created_by")?.and_then(text), old.timestamp(c"created_at").and_then(timestamp)];
    let updated = [old.text(c"updated_by")?.and_then(text), old.timestamp(c"updated_at").and_then(timestamp)];
    let row = row.with(&columns([created[0], created[1], updated[0], updated[1]]));
    if old.changed(&row).is_empty() {
        return Ok(row);
    }
    Ok(row.with(&columns([created[0], created[1], text(&by), at])))
}

fn columns([created_by, created_at, updated_by, updated_at]: [Value; 4]) -> [(&'static CStr, Value); 4] {
    [
        (c"created_by", created_by),
        (c"created_at", created_at),
        (c"updated_by", updated_by),
        (c"updated_at", updated_at),
    ]
}
