//! Sources whose rows are on several nodes. Citus runs parts of a query there, where this process cannot count.

use super::arguments::Arguments;
use super::event_sql::Events;
use crate::event_counts::EventCounts;
use crate::pg::citus;
use crate::pg::errors::TravelError;
use crate::pg::spi;
use crate::source::Source;

/// Where the rows of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// In tables of this node, or of a foreign server.
    Here,
    /// On several nodes, where all rows of an entity are on one node.
    OnNodesByEntity,
    /// On several nodes. The rows of an entity can be on any of them.
    OnNodes,
}

impl Rows {
    /// Where the rows of a source are, for the columns of an entity. Within an SPI connection.
    pub fn of<'a>(source: &Source, mut entity: impl Iterator<Item = &'a str>) -> Result<Self, TravelError> {
        if !citus::is_below(source.oid) {
            return Ok(Self::Here);
        }
        let column = citus::distribution_column(source.oid)?;
        let is_by_entity = column.is_some_and(|column| entity.any(|sql| source.is_this_column(sql, &column)));
        Ok(if is_by_entity { Self::OnNodesByEntity } else { Self::OnNodes })
    }
}

/// Counts the events as the aggregate does, by a query that the nodes evaluate. Within an SPI connection.
pub fn count(events: &Events, arguments: &Arguments) -> Result<EventCounts, TravelError> {
    let names: Vec<String> = (1..=events.keys.len()).map(|n| format!("key_{n}")).collect();
    let mut columns: Vec<String> =
        events.keys.iter().zip(&names).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
    columns.push(format!("{} AS event_time", events.time.as_timestamptz()));
    columns.extend(events.place.iter().map(|(name, sql)| format!("{sql} AS {name}")));
    let mut filters = events.within(arguments);
    filters.extend(events.filters());
    let (is_ignored, is_located) = events.ignored_and_located();
    let rows = spi::select(
        &format!(
            "SELECT pg_catalog.count(*) FILTER (WHERE located > 0) AS entities,
                    coalesce(pg_catalog.sum(located), 0)::bigint AS evaluated,
                    coalesce(pg_catalog.sum(not_located), 0)::bigint AS not_located
             FROM (
                 SELECT pg_catalog.count(*) FILTER (WHERE is_ignored IS NOT TRUE AND is_located) AS located,
                        pg_catalog.count(*) FILTER (WHERE is_ignored IS NOT TRUE AND is_located IS NOT TRUE) AS not_located
                 FROM (
                     SELECT {names}, {is_ignored} AS is_ignored, {is_located} AS is_located
                     FROM (SELECT {columns} FROM {from} WHERE {filters}) AS e
                 ) AS e
                 GROUP BY {names}
             ) AS e",
            names = names.join(", "),
            columns = columns.join(", "),
            from = events.from,
            filters = filters.join(" AND "),
        ),
        &[],
    );
    spi::columns!(rows => entities, evaluated, not_located);
    let Some(row) = rows.first() else { return Ok(EventCounts::default()) };
    let number = |column| row.i64(column).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
    Ok(EventCounts {
        entities: number(entities),
        evaluated: number(evaluated),
        not_located: number(not_located),
    })
}
