//! Which indexes a scan of a rule would use. The planner is asked, so indexes of partitions, of the tables under a
//! view, and over expressions count as well.

use super::arrival::Arrival;
use super::source_queries::SourceQueries;
use crate::detect::Source;
use crate::pg::errors::TravelError;
use crate::pg::identifier::quoted;
use crate::pg::report::Report;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use serde_json::Value;
use travel_core::rule::Micros;

/// The entity, time and transaction in the queries that are planned. They are recognized in the plans.
const ENTITY: &str = "impossible travel: some entity";
const TIME: &str = "2001-02-03 04:05:06";
const TIME_US: Micros = 34_488_306_000_000;
const TRANSACTION: &str = "20010203040506";

/// Whether indexes find the events of an entity (or a baseline user), given as SQL, after a time. With the owner's
/// rights, within an SPI connection.
pub fn lead_to(queries: &SourceQueries, key: &str) -> Result<bool, TravelError> {
    let is_key = format!("{key} = '{ENTITY}'");
    if !Plan::of(queries, &is_key)?.is_by_index(ENTITY) {
        return Ok(false);
    }
    // An index that begins with the key but does not continue with the time finds all rows of the key. If the planner
    // prefers an index that does not begin with the key, there is little to read.
    let is_later = queries.events.time.bound(">", Some(TIME_US), "-infinity");
    let plan = Plan::of(queries, &format!("{is_key} AND {is_later}"))?;
    Ok(!plan.is_by_index(ENTITY) || plan.is_by_index(TIME))
}

/// Whether an index on the time finds the newest events. With the owner's rights, within an SPI connection.
pub fn lead_to_newest(queries: &SourceQueries) -> Result<bool, TravelError> {
    let is_later = queries.events.time.bound(">", Some(TIME_US), "-infinity");
    Ok(Plan::of(queries, &is_later)?.is_by_index(TIME))
}

/// Whether an index on their arrival finds new rows. With the owner's rights, within an SPI connection.
pub fn lead_to_new_rows(queries: &SourceQueries) -> Result<bool, TravelError> {
    match new_rows(queries) {
        Some((_, is_new, needle)) => Ok(Plan::of(queries, &is_new)?.is_by_index(needle)),
        None => Ok(false),
    }
}

/// The column with the arrival of rows, a condition on new rows, and what is recognized of it in a plan.
fn new_rows(queries: &SourceQueries) -> Option<(&String, String, &'static str)> {
    match &queries.arrival {
        Arrival::Transaction(column) => {
            Some((column, format!("{column} >= '{TRANSACTION}'::xid8"), TRANSACTION))
        }
        Arrival::Column(time) => Some((&time.sql, time.is(">", &format!("{TIME}+00")), TIME)),
        Arrival::Lookback => None,
    }
}

/// Sends a notice for each missing index, with the statement that creates it. With the owner's rights, within an SPI
/// connection.
pub fn notices(queries: &SourceQueries) -> Result<(), TravelError> {
    let time = queries.events.time.key();
    if !lead_to(queries, &queries.entity)? {
        say(queries, "entity and time", &[&queries.entity, &time])?;
    }
    if queries.has_baseline()
        && queries.baseline_entity != queries.entity
        && !lead_to(queries, &queries.baseline_entity)?
    {
        say(queries, "baseline entity and time", &[&queries.baseline_entity, &time])?;
    }
    if !lead_to_newest(queries)? {
        say(queries, "time", &[&time])?;
    }
    match new_rows(queries) {
        Some((column, ..)) if !lead_to_new_rows(queries)? => say(queries, "their arrival", &[column]),
        _ => Ok(()),
    }
}

fn say(queries: &SourceQueries, from: &str, keys: &[&str]) -> Result<(), TravelError> {
    let source = &queries.source;
    let relation = Source::find(source);
    let computed = relation.map_or(Ok(Vec::new()), virtual_columns)?;
    // SAFETY: a catalog look-up by oid.
    let kind = relation.map_or(0, |oid| unsafe { pg_sys::get_rel_relkind(oid) } as u8);
    // An index can have the expression of a virtual column, but not the column.
    let expression = |key: &str| {
        let found = computed.iter().find(|(name, _)| key == format!("s.{}", quoted(name)));
        found.map(|(_, expression)| expression.clone())
    };
    let keys: Option<Vec<String>> =
        keys.iter().map(|key| expression(key).or_else(|| index_key(key))).collect();
    let hint = match (kind, keys) {
        // The plan does not show what another server does with a condition.
        (b'f', _) => return Ok(()),
        (b'v', Some(keys)) => format!(
            "Create an index on the tables under the view, on the columns behind ({}).",
            keys.join(", ")
        ),
        (_, Some(keys)) => format!("Create the index: CREATE INDEX ON {source} ({});", keys.join(", ")),
        (_, None) => {
            "Store the values that columns takes out of a record in columns of a table, for example one that \
                      travel.create_events_table creates."
                .to_owned()
        }
    };
    Report::notice(format!(
        "no index on \"{source}\" finds events by {from}, so scans read more than they need"
    ))
    .hint(hint)
    .send();
    Ok(())
}

/// The virtual generated columns of a table, which PostgreSQL 18 and later have, and their expressions as keys of an
/// index, with the collation of the column.
fn virtual_columns(relation: pg_sys::Oid) -> Result<Vec<(String, String)>, TravelError> {
    let rows = spi::select(
        "SELECT a.attname::text AS name, pg_catalog.format('(%s)', pg_catalog.pg_get_expr(d.adbin, d.adrelid))
                || CASE WHEN a.attcollation <> t.typcollation
                       THEN pg_catalog.format(' COLLATE %s', a.attcollation::pg_catalog.regcollation)
                       ELSE '' END AS expression
         FROM pg_catalog.pg_attribute AS a
         JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
         JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = $1 AND a.attgenerated = 'v' AND NOT a.attisdropped",
        &[Argument::oid(relation)],
    );
    spi::columns!(rows => name, expression);
    let texts = |row: spi::QueryRow<'_>| {
        Ok((row.string(name)?.unwrap_or_default(), row.string(expression)?.unwrap_or_default()))
    };
    rows.iter().map(texts).collect()
}

/// An expression over the source, whose alias is `s`, as a key of an index. `None` if it cannot be one.
fn index_key(sql: &str) -> Option<String> {
    let mut key = String::with_capacity(sql.len() + 2);
    let mut before = ' ';
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        let begins_word = !(before.is_alphanumeric() || matches!(before, '_' | '"' | '$' | '.'));
        if begins_word && characters.peek() == Some(&'.') {
            match character {
                // Within a string it would not be a name.
                's' if !sql.contains('\'') => {
                    characters.next();
                    before = '.';
                    continue;
                }
                's' | 'r' => return None,
                _ => {}
            }
        }
        key.push(character);
        before = character;
    }
    let is_column = sql.strip_prefix("s.").is_some_and(|name| {
        let bare = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        quoted(&bare.replace("\"\"", "\"")) == name
    });
    Some(if is_column { key } else { format!("({key})") })
}

/// A plan as `EXPLAIN (FORMAT json)` writes it.
pub struct Plan(Value);

impl Plan {
    /// The plan of a query for the rows that satisfy a condition. It uses an index if any serves.
    pub fn of(queries: &SourceQueries, condition: &str) -> Result<Self, TravelError> {
        let query =
            format!("EXPLAIN (FORMAT json, COSTS off)\nSELECT 1\nFROM {}\nWHERE {condition}", queries.from);
        spi::with_settings(&[(c"enable_seqscan", c"off")], || {
            let plan = spi::select_text(&query, &[])?;
            Ok(Self(plan.and_then(|plan| serde_json::from_str(&plan).ok()).unwrap_or_default()))
        })
    }

    /// Shows all text fields of all nodes to `see`: the name and the value.
    pub fn visit(&self, see: &mut impl FnMut(&str, &str)) {
        visit(&self.0, see);
    }

    /// Whether an index applies the condition that contains this text. Otherwise rows are read and then filtered out by
    /// it.
    pub fn is_by_index(&self, needle: &str) -> bool {
        let mut is_filtered = false;
        self.visit(&mut |name, condition| {
            is_filtered |= matches!(name, "Filter" | "Join Filter") && condition.contains(needle);
        });
        !is_filtered
    }
}

fn visit(value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Value::String(text) = value {
                    see(name, text);
                }
                visit(value, see);
            }
        }
        _ => {}
    }
}
