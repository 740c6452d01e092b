//! Ranges of the entity, by which the query of the findings is split so that each process evaluates whole entities.
//!
//! The bounds come from the statistics of the first column of the entity. They only balance the work: whatever they
//! are, each event is in exactly one range. There are ranges only if an index leads from the entity to all that the legs
//! are made from, so each range is read in order, and from the index alone; and only if no other index leads to the rows
//! of a time range or a condition.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::expression;
use super::nodes::Rows;
use crate::pg::errors::TravelError;
use crate::pg::identifier::string;
use crate::pg::spi::{self, Argument};
use crate::pg::whole_groups::processes;
use crate::source::{is_textual, type_in_sql};
use pgrx::pg_sys;

/// The fewest ranges: so many that the planner reads each from the index instead of the whole table.
const FEWEST: usize = 8;

/// The number of ranges per process, if there are several processes. On average, the last process works alone on half a
/// range.
const FOR_EACH_PROCESS: usize = 8;

/// The conditions of the ranges, as SQL over the first column of the entity, `key`. Empty if the query is not split.
/// Within an SPI connection.
pub fn of_entity(events: &Events, arguments: &Arguments, key: &str) -> Result<Vec<String>, TravelError> {
    of_entity_with(events, arguments, key, &[])
}

/// The same for a query that reads more of a row, as SQL.
pub fn of_entity_with(
    events: &Events,
    arguments: &Arguments,
    key: &str,
    more: &[&str],
) -> Result<Vec<String>, TravelError> {
    let source = &arguments.source;
    let first = &events.keys[0];
    if arguments.all_legs
        || !source.is_plain
        || events.rows != Rows::Here
        || !source.is_own_column(&first.sql)
        || !has_order(first.oid)
    {
        return Ok(Vec::new());
    }
    let Some(type_name) = type_in_sql(first.oid) else { return Ok(Vec::new()) };
    let columns = |pieces: Vec<&str>| expression::column_names(&format!("ROW({}\n)", pieces.join("\n,")));
    let keys = columns(events.keys.iter().map(|key| key.sql.as_str()).collect())?;
    let mut narrowing = Vec::new();
    if arguments.since.is_some() {
        narrowing.push(events.time.as_given());
    }
    narrowing.extend(events.condition.as_deref());
    // Such an index may lead to few rows. Each range would read all of them.
    if columns(narrowing)?.iter().any(|name| *name != keys[0] && source.begins_an_index(name)) {
        return Ok(Vec::new());
    }
    let filters = events.filters();
    let mut used = vec![events.time.as_given()];
    used.extend(events.keys.iter().map(|key| key.sql.as_str()));
    used.extend(events.place.iter().map(|(_, sql)| sql.as_str()));
    used.extend(filters.iter().map(String::as_str));
    used.extend(more);
    let used = columns(used)?;
    let rows = spi::in_pg_catalog(|| {
        let oid = Argument::oid(source.oid);
        let index = spi::select(
            INDEX,
            &[oid, Argument::texts(&keys), Argument::texts(&used), Argument::bigint(min_pages())],
        );
        let Some(row) = index.first() else { return Ok(Vec::new()) };
        spi::columns!(index => collation);
        let collate = row.text(collation)?.unwrap_or_default();
        let query = BOUNDS.replace("VALUE", &format!("value::{type_name}{collate}"));
        let count = if processes() == 1 { FEWEST } else { FOR_EACH_PROCESS * processes() };
        spi::texts(&query, &[oid, Argument::text(&keys[0]), Argument::bigint(count as i64)])
    })?;
    let bounds: Vec<String> = rows.iter().map(|value| format!("{}::{type_name}", string(value))).collect();
    Ok(conditions(key, &bounds))
}

/// An index that leads from the entity to all columns that are used: one row with the collation of its first column as
/// SQL, if there is one and the table is so large that PostgreSQL would read it in parallel. Only what VACUUM has seen
/// is read from an index alone.
const INDEX: &str = "
SELECT coalesce(' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname), '') AS collation
FROM pg_class AS c
JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = x.relam AND m.amname = 'btree'
JOIN pg_opclass AS o ON o.oid = i.indclass[0] AND o.opcdefault
CROSS JOIN LATERAL (
    SELECT array_agg(coalesce(a.attname, '')::text ORDER BY k.at) AS names
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, at)
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
) AS k
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_namespace AS n ON n.oid = l.collnamespace
WHERE c.oid = $1 AND NOT c.relhassubclass
  AND k.names[1:cardinality($2)] = $2 AND k.names @> $3
  AND cardinality($2) < i.indnkeyatts
  AND i.indcollation[0] = a.attcollation
  AND c.relpages >= $4
  AND c.relallvisible >= 0.8 * c.relpages
LIMIT 1";

/// The bounds that divide the rows into equal shares, as far as the statistics know: a frequent value counts for all of
/// its rows, and the parts of the histogram have equal numbers of rows.
const BOUNDS: &str = "
WITH statistics AS (
    SELECT s.most_common_vals::text::text[] AS common, s.most_common_freqs AS frequencies,
           s.histogram_bounds::text::text[] AS bounds,
           1 - s.null_frac - coalesce((SELECT sum(f) FROM unnest(s.most_common_freqs) AS f), 0) AS rest
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited
    WHERE c.oid = $1 AND s.attname = $2
), weights AS (
    SELECT v.value, v.weight FROM statistics, unnest(common, frequencies) AS v (value, weight)
    UNION ALL
    SELECT v.value, greatest(rest, 0) / cardinality(bounds) FROM statistics, unnest(bounds) AS v (value)
), shares AS (
    SELECT VALUE AS bound,
           floor($3 * (sum(weight) OVER (ORDER BY VALUE) - weight) / nullif(sum(weight) OVER (), 0)) AS share
    FROM weights
)
SELECT s.bound::text
FROM (SELECT DISTINCT ON (share) bound, share FROM shares ORDER BY share, bound) AS s
WHERE share > 0
ORDER BY s.bound";

/// The ranges between these bounds, which are in order.
fn conditions(key: &str, bounds: &[String]) -> Vec<String> {
    if bounds.is_empty() {
        return Vec::new();
    }
    (0..=bounds.len())
        .map(|n| {
            let from = n.checked_sub(1).map(|n| format!("{key} >= {}", bounds[n]));
            let until = bounds.get(n).map(|bound| format!("{key} < {bound}"));
            from.into_iter().chain(until).collect::<Vec<_>>().join(" AND ")
        })
        .collect()
}

/// Returns whether the values of a type have the order of their index, and a text from which they can be read.
fn has_order(oid: pg_sys::Oid) -> bool {
    is_textual(oid)
        || matches!(
            oid,
            pg_sys::UUIDOID | pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::OIDOID
        )
}

/// The pages from which on PostgreSQL reads a table in parallel.
fn min_pages() -> i64 {
    // SAFETY: reads a setting of the backend.
    i64::from(unsafe { pg_sys::min_parallel_table_scan_size })
}
