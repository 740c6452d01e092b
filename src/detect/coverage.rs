//! The query of `travel.coverage`, which gives each row the first status that applies.

use super::arguments::Arguments;
use super::event_sql::Events;
use super::place::LocationType;

pub fn query(events: &Events, arguments: &Arguments) -> String {
    let names: Vec<String> = (1..=events.keys.len()).map(|n| format!("key_{n}")).collect();
    let keys: Vec<String> =
        events.keys.iter().zip(&names).map(|(key, name)| format!("{} AS {name}", key.sql)).collect();
    let place: Vec<String> = events.place.iter().map(|(name, sql)| format!("{sql} AS {name}")).collect();
    let in_range = events.time.in_range(arguments.since, arguments.until);
    let condition =
        events.condition.as_ref().map(|text| format!("\n          AND {text}")).unwrap_or_default();
    let failed =
        events.outcome.as_ref().map(|outcome| format!("{outcome} IS NOT DISTINCT FROM 'failed_auth'"));
    let service = events.is_service();
    let never = || "false".to_owned();
    let (is_ignored, is_located) = events.ignored_and_located();
    let site = match events.location_type {
        LocationType::Address => "travel.source_ip(address)",
        LocationType::Coordinates => "latitude, longitude",
    };
    format!(
        "SELECT source_kind, status, pg_catalog.count(*), pg_catalog.count(DISTINCT entity),
       pg_catalog.min(event_time), pg_catalog.max(event_time)
FROM (
    SELECT source_kind, event_time, CASE WHEN has_entity THEN {entity} END AS entity,
           CASE
               WHEN status = 'located' AND pg_catalog.row_number() OVER (
                        PARTITION BY status, {names}, event_time, {site}) > 1 THEN 'duplicate'
               WHEN status = 'located' THEN 'evaluated'
               ELSE status
           END AS status
    FROM (
        SELECT *,
               CASE
                   WHEN event_time IS NULL OR NOT pg_catalog.isfinite(event_time) THEN 'no_time'
                   WHEN has_entity IS NOT TRUE THEN 'no_entity'
                   WHEN is_failed_auth THEN 'failed_auth'
                   WHEN is_service THEN 'service'
                   WHEN {is_ignored} THEN 'ignored'
                   WHEN ({is_located}) IS NOT TRUE THEN 'not_located'
                   ELSE 'located'
               END AS status
        FROM (
            SELECT {keys}, {time} AS event_time, {place}, {kind} AS source_kind,
                   ({has_entity}) AS has_entity, {failed} AS is_failed_auth, {service} AS is_service
            FROM {from}
            WHERE {in_range}{condition}
        ) AS e
    ) AS e
) AS e
GROUP BY source_kind, status
ORDER BY source_kind, status",
        entity = events.entity(&names),
        names = names.join(", "),
        keys = keys.join(", "),
        time = events.time.as_timestamptz(),
        place = place.join(", "),
        kind = events.source_kind,
        has_entity = events.has_entity(),
        failed = failed.unwrap_or_else(never),
        service = service.unwrap_or_else(never),
        from = events.from,
    )
}
