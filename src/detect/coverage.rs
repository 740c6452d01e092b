//! The query of `travel.coverage`. It groups the rows by entity, so processes share the work, and the aggregate of
//! [`super::coverage_counts`] gives each row the first status that applies.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::place::LocationType;
use super::ranges;
use crate::pg::errors::TravelError;

/// The query, and whether it is split into ranges of the entity. Within an SPI connection.
pub fn query(events: &Events, arguments: &Arguments) -> Result<(String, bool), TravelError> {
    let keys: Vec<String> = (1..=events.keys.len()).map(|n| format!("key_{n}")).collect();
    let location = location(events);
    let read: Vec<&str> = location.iter().map(|(_, sql)| sql.as_str()).collect();
    let mut ranges = ranges::of_entity_with(events, arguments, &keys[0], &read)?;
    let is_split = !ranges.is_empty();
    if is_split {
        ranges.push(format!("{} IS NULL", keys[0]));
    }
    let mut select: Vec<String> =
        events.keys.iter().zip(&keys).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
    select.push(format!("{} AS event_time", events.time.as_timestamptz()));
    select.extend(location.iter().map(|(name, sql)| format!("{sql} AS {name}")));
    select.push(format!("{} AS status", status(events)));
    let names: Vec<&str> = location.iter().map(|(name, _)| *name).collect();
    let counts = format!(
        "SELECT travel_internal.entity_coverage(event_time, {}, status) AS counts\n        FROM events",
        names.join(", ")
    );
    let group = format!("GROUP BY {}", keys.join(", "));
    let of_entities: Vec<String> = match &ranges[..] {
        [] => vec![format!("{counts}\n        {group}")],
        ranges => ranges.iter().map(|range| format!("{counts} WHERE {range} {group}")).collect(),
    };
    let query = format!(
        "WITH events AS NOT MATERIALIZED (
    SELECT {select}
    FROM {from}{filter}
)
SELECT c.source_kind, c.status, c.events, c.entities, c.first_time, c.last_time
FROM (
    SELECT travel_internal.coverage_sum(counts) AS counts
    FROM (
        {of_entities}
    ) AS e
) AS e
CROSS JOIN LATERAL travel_internal.coverage_rows(e.counts) AS c
ORDER BY c.source_kind, c.status",
        select = select.join(",\n           "),
        from = events.from,
        filter = filter(events, arguments),
        of_entities = of_entities.join("\n        UNION ALL\n        "),
    );
    Ok((query, is_split))
}

/// The arguments of the aggregate that say where an event was, and what its address is.
fn location(events: &Events) -> Vec<(&'static str, String)> {
    if let Some(text) = events.source_as_text() {
        return vec![("source", text.to_owned())];
    }
    let mut location = events.place.clone();
    let kind = match events.location_type {
        // The aggregate sees what the address is.
        LocationType::Address if events.is_kind_of_address() => "NULL::text",
        _ => &events.source_kind,
    };
    location.push(("source_kind", kind.to_owned()));
    location
}

/// The status of a row that is not evaluated wherever it comes from, as SQL.
fn status(events: &Events) -> String {
    let mut status = format!("CASE WHEN ({}) IS NOT TRUE THEN 'no_entity'", events.has_entity());
    if let Some(outcome) = &events.outcome {
        status.push_str(&format!(" WHEN {outcome} IS NOT DISTINCT FROM 'failed_auth' THEN 'failed_auth'"));
    }
    if let Some(is_service) = events.is_service() {
        status.push_str(&format!(" WHEN {is_service} THEN 'service'"));
    }
    status + " END"
}

fn filter(events: &Events, arguments: &Arguments) -> String {
    let has_range = arguments.since.is_some() || arguments.until.is_some();
    let in_range = has_range.then(|| events.time.in_range(arguments.since, arguments.until));
    let conditions: Vec<String> = in_range.into_iter().chain(events.condition.clone()).collect();
    if conditions.is_empty() {
        String::new()
    } else {
        format!("\n    WHERE {}", conditions.join("\n      AND "))
    }
}
