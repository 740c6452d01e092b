//! Checks whether a scan can use the transaction ids of a source as an exact cursor. They must be the ids of the
//! transactions of this server that inserted the rows.

use super::arrival::Arrival;
use super::indexes::Plan;
use super::source_queries::SourceQueries;
use super::source_trust::{Below, below, select_below};
use crate::detect::Source;
use crate::pg::citus;
use crate::pg::errors::TravelError;
use crate::pg::identifier::identifiers;
use crate::pg::report::Report;
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use std::sync::LazyLock;

/// Custom scans that read rows which transactions of this server stored: those of TimescaleDB and of columnar tables.
const ENGINES_HERE: [&str; 5] =
    ["ChunkAppend", "ConstraintAwareAppend", "DecompressChunk", "ColumnarScan", "SkipScan"];

/// A transaction id that no cluster has reached.
const FAR: &str = "9223372036854775807";

/// A query for the first relation below the source that has rows of another server, as a reason in words.
static OTHER_SERVERS: LazyLock<String> = LazyLock::new(|| {
    below(
        "
SELECT CASE c.relkind
           WHEN 'f' THEN format('the source reads the foreign table %s', c.oid::regclass)
           ELSE format('logical replication fills %s, with the transactions of another server', c.oid::regclass)
       END AS reason
FROM below AS b
JOIN pg_class AS c ON b.class = 'pg_class'::regclass AND c.oid = b.object
WHERE c.relkind = 'f' OR EXISTS (SELECT FROM pg_subscription_rel AS s WHERE s.srrelid = c.oid)
ORDER BY 1
LIMIT 1",
    )
});

/// A query for the first relation below the source that Citus manages, as a reason in words. Every node can insert into
/// such a table, with its own transaction ids, and rows can appear when another node commits a prepared transaction.
static OTHER_NODES: LazyLock<String> = LazyLock::new(|| {
    below(
        "
SELECT format('Citus stores %s on several nodes, each with its own transactions', d.logicalrelid::regclass) AS reason
FROM below AS b
JOIN pg_dist_partition AS d ON b.class = 'pg_class'::regclass AND d.logicalrelid::oid = b.object
ORDER BY 1
LIMIT 1",
    )
});

/// Returns why the catalogs show that the transaction ids of a source are not this server's: a foreign table below it,
/// a table that logical replication fills or that Citus manages, or a generated column. `None` if they show no reason. With the rights of the
/// rule's owner, within an SPI connection.
pub fn other_servers_rows(queries: &SourceQueries) -> Result<Option<String>, TravelError> {
    let Arrival::Transaction(column) = &queries.arrival else { return Ok(None) };
    let Some(source) = Source::find(&queries.source) else { return Ok(None) };
    if let Some(Filled::Computed) = filled(source, column)? {
        return Ok(Some("it is a generated column".to_owned()));
    }
    let roots = [(pg_sys::RelationRelationId, source)];
    let mut queries: Vec<&LazyLock<String>> = Vec::new();
    if citus::is_present() {
        queries.push(&OTHER_NODES);
    }
    if Below::of(&roots)?.has_other_servers_rows {
        queries.push(&OTHER_SERVERS);
    }
    for query in queries {
        let rows = select_below(query, &roots);
        spi::columns!(rows => reason);
        if let Some(row) = rows.first() {
            return row.string(reason);
        }
    }
    Ok(None)
}

/// Returns why the plan of the source shows that the rows may be another server's. `None` if it shows no reason. With
/// the owner's rights, within an SPI connection.
pub fn other_engine(queries: &SourceQueries) -> Result<Option<String>, TravelError> {
    let mut found = None;
    Plan::of(queries, "true")?.visit(&mut |name, value| match name {
        "Node Type" if value == "Foreign Scan" => {
            found.get_or_insert_with(|| "the plan of the source has a Foreign Scan".to_owned());
        }
        "Custom Plan Provider" if !ENGINES_HERE.contains(&value) => {
            found.get_or_insert_with(|| {
                format!("the plan of the source has a Custom Scan of another engine, {value}")
            });
        }
        _ => {}
    });
    Ok(found)
}

/// Sends notices about ids that are not those of the transactions that inserted the rows, and that a source accepts. A
/// scan may never see such rows. With the owner's rights, within an SPI connection.
pub fn notices(queries: &SourceQueries) -> Result<(), TravelError> {
    let Arrival::Transaction(column) = &queries.arrival else { return Ok(()) };
    let name = column.strip_prefix("s.").unwrap_or(column);
    let say = |what: String, hint: &'static str| Report::notice(what).hint(hint).send();
    if let Some(source) = Source::find(&queries.source)
        && let Some(Filled::Otherwise) = filled(source, column)?
    {
        say(
            format!(
                "column \"{name}\" of \"{}\" does not have the default pg_current_xact_id()",
                queries.source
            ),
            "Set the default, and omit the column in INSERT. Scans do not find a row that is inserted after the first scan \
             with another value than its own transaction.",
        );
    }
    // Without an index, the query would read the whole source. Another notice says that the index is missing.
    if !Plan::of(queries, &format!("{column} >= '{FAR}'::xid8"))?.is_by_index(FAR) {
        return Ok(());
    }
    let query = format!(
        "SELECT EXISTS (SELECT FROM {0} WHERE {1} >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
                          AND {1} IS DISTINCT FROM pg_catalog.pg_current_xact_id_if_assigned()) AS has_future_ids,
                EXISTS (SELECT FROM {0} WHERE {1} IS NULL) AS has_nulls",
        queries.from, column
    );
    let rows = spi::select(&query, &[]);
    spi::columns!(rows => has_future_ids, has_nulls);
    let Some(row) = rows.first() else { return Ok(()) };
    if row.is_true(has_future_ids) {
        say(
            format!(
                "column \"{name}\" of \"{}\" has transaction ids from the future of this server",
                queries.source
            ),
            "Omit the column in INSERT to let its default apply, or set arrival_column. The first scan reads such rows, \
             which come from another server, but scans do not find those that are inserted later.",
        );
    }
    if row.is_true(has_nulls) {
        say(
            format!("column \"{name}\" of \"{}\" is NULL in some rows", queries.source),
            "Set the default pg_current_xact_id() and NOT NULL. The first scan reads such rows, but scans do not find \
             those that are inserted later.",
        );
    }
    Ok(())
}

/// How a column of a table gets its values.
#[derive(PartialEq, Eq)]
enum Filled {
    /// By the default `pg_current_xact_id()`.
    ByTransaction,
    Computed,
    Otherwise,
}

/// How a column of the source gets its values. `None` if the source is not a table, or this is not a column of it.
fn filled(source: pg_sys::Oid, column: &str) -> Result<Option<Filled>, TravelError> {
    let names = column.strip_prefix("s.").and_then(|name| identifiers(name, b'.')).unwrap_or_default();
    let [name] = &names[..] else { return Ok(None) };
    let rows = spi::select(
        "SELECT a.attgenerated <> '' AS is_generated,
                coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ '^(pg_catalog\\.)?pg_current_xact_id\\(\\)$', false)
                    AS is_by_transaction
         FROM pg_catalog.pg_class AS c
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
         LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.oid = $1 AND c.relkind IN ('r', 'p') AND a.attname = $2 AND a.attnum > 0",
        &[Argument::oid(source), Argument::text(name)],
    );
    spi::columns!(rows => is_generated, is_by_transaction);
    Ok(rows.first().map(|row| match (row.is_true(is_generated), row.is_true(is_by_transaction)) {
        (true, _) => Filled::Computed,
        (_, true) => Filled::ByTransaction,
        _ => Filled::Otherwise,
    }))
}
