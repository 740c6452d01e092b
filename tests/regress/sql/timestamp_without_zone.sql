-- A timestamp without time zone is UTC for every entry point, whatever the time zone of the session, even in the hour
-- that a change to daylight saving time skips.
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'
-- 198.51.100.161 and 198.51.100.193 are 555 km apart: possible in 70 minutes, impossible in 10.
CREATE TABLE zoneless AS
SELECT 'k'::text AS access_key_id, t AS event_time, ip AS source_ip, host(ip) AS ip_text, p.latitude, p.longitude,
    1::float8 AS accuracy_km, n AS event_id
FROM (VALUES ('a', timestamp '2026-03-08 01:50', inet '198.51.100.170'), ('b', '2026-03-08 03:00', '198.51.100.200'))
    AS v (n, t, ip)
CROSS JOIN LATERAL travel.locate(ip) AS p;
SET timezone = 'America/New_York';
SELECT 'inet' AS over, (l).from_time AT TIME ZONE 'UTC' AS from_utc, (l).to_time AT TIME ZONE 'UTC' AS to_utc,
    (l).elapsed_seconds, (l).impossible
FROM (
    SELECT travel.leg(event_time, source_ip) OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
    FROM zoneless
) AS x
WHERE (l).to_time IS NOT NULL
UNION ALL SELECT 'text', (l).from_time AT TIME ZONE 'UTC', (l).to_time AT TIME ZONE 'UTC', (l).elapsed_seconds,
    (l).impossible
FROM (
    SELECT travel.leg(event_time, ip_text, event_id) OVER (PARTITION BY access_key_id ORDER BY event_time) AS l
    FROM zoneless
) AS x
WHERE (l).to_time IS NOT NULL
UNION ALL SELECT 'coordinates', (l).from_time AT TIME ZONE 'UTC', (l).to_time AT TIME ZONE 'UTC', (l).elapsed_seconds,
    (l).impossible
FROM (
    SELECT travel.leg(event_time, latitude, longitude) OVER (PARTITION BY access_key_id ORDER BY event_time) AS l
    FROM zoneless
) AS x
WHERE (l).to_time IS NOT NULL
UNION ALL SELECT 'radius', (l).from_time AT TIME ZONE 'UTC', (l).to_time AT TIME ZONE 'UTC', (l).elapsed_seconds,
    (l).impossible
FROM (
    SELECT travel_internal.leg_within(event_time, latitude, longitude, accuracy_km)
        OVER (PARTITION BY access_key_id ORDER BY event_time) AS l
    FROM zoneless
) AS x
WHERE (l).to_time IS NOT NULL;
SELECT cardinality(travel.impossible_legs(event_time, source_ip)) AS inet,
    cardinality(travel.impossible_legs(event_time, source_ip, event_id)) AS inet_id,
    cardinality(travel.impossible_legs(event_time, source_ip, 500, 1000, false)) AS inet_thresholds,
    cardinality(travel.impossible_legs(event_time, source_ip, event_id, 500, 1000, false)) AS inet_all,
       cardinality(travel.impossible_legs(event_time, travel.source_ip(ip_text))) AS text,
           cardinality(travel.impossible_legs(event_time, travel.source_ip(ip_text), event_id)) AS text_id,
           cardinality(travel.impossible_legs(event_time, travel.source_ip(ip_text), 500, 1000, false))
               AS text_thresholds,
           cardinality(travel.impossible_legs(event_time, travel.source_ip(ip_text), event_id, 500, 1000, false))
               AS text_all,
       cardinality(travel.impossible_legs(event_time, latitude, longitude)) AS coordinates,
           cardinality(travel.impossible_legs(event_time, latitude, longitude, event_id)) AS coordinates_id,
           cardinality(travel.impossible_legs(event_time, latitude, longitude, 500, 1000, false))
               AS coordinates_thresholds,
           cardinality(travel.impossible_legs(event_time, latitude, longitude, event_id, 500, 1000, false))
               AS coordinates_all,
       cardinality(travel_internal.impossible_legs_within(event_time, latitude, longitude, accuracy_km, event_id, 500,
           1000, false)) AS radius
FROM zoneless;
SELECT count(*) FROM travel.detect('zoneless');
SELECT leg.from_time AT TIME ZONE 'UTC' AS from_utc, leg.to_time AT TIME ZONE 'UTC' AS to_utc
FROM (SELECT travel.impossible_legs(event_time, source_ip, 100, 100, false) AS legs FROM zoneless) AS j
CROSS JOIN LATERAL unnest(legs) AS leg;
-- So are the arguments of travel.locate and of leg ids.
INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code, valid_from)
VALUES ('10.0.0.0/8', 'office', 48.85, 2.35, 'Paris', 'FR', '2026-03-08 01:55Z');
SELECT event_time, (travel.locate(inet '10.0.0.1', event_time)).city, travel.is_located(inet '10.0.0.1', event_time),
    travel_internal.is_ignored(inet '10.0.0.1', event_time)
FROM zoneless
ORDER BY 1;
SELECT (travel.locate('10.0.0.1', '2026-03-08 01:56Z')).city AS literal, (travel.locate('10.0.0.1')).city AS now;
DELETE FROM travel.networks;
SELECT travel_internal.leg_id('k', timestamp '2026-03-08 02:30', '192.0.2.1', timestamp '2026-03-08 03:00', '192.0.2.2')
    = travel_internal.leg_id('k', timestamptz '2026-03-08 02:30Z', '192.0.2.1', timestamptz '2026-03-08 03:00Z',
        '192.0.2.2')
        AS same_id,
       travel_internal.leg_id('k', timestamp '2026-03-08 02:30', 1, 2, timestamp '2026-03-08 03:00', 3, 4)
           = travel_internal.leg_id('k', timestamptz '2026-03-08 02:30Z', 1, 2, timestamptz '2026-03-08 03:00Z', 3, 4)
               AS same_id_over_coordinates;
-- Times are loaded into such a column as UTC and read as UTC: no hour of the session's time zone is lost or doubled.
CREATE TABLE loaded (event_id text, event_time timestamp);
SELECT inserted
FROM travel.ingest('loaded',
    '[{"eventID": "1", "eventTime": "2026-03-08T06:30:00Z"}, {"eventID": "2", "eventTime": "2026-03-08T07:30:00Z"}, '
    '{"eventID": "3", "eventTime": "2026-11-01T05:30:00Z"}, {"eventID": "4", "eventTime": "2026-11-01T06:30:00Z"}]');
SELECT event_id, event_time FROM loaded ORDER BY 1;
DROP TABLE loaded;
-- Every function that takes the time of an event has both forms, with the same implementation. Those of the ends of
-- legs take times that travel.detect has converted.
SELECT a.oid::regprocedure AS only_with_zone
FROM pg_proc AS a
WHERE a.pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND a.provolatile <> 'v'
    AND 'timestamptz'::regtype = ANY (a.proargtypes::oid[])
    AND a.prokind <> 'p' AND a.provariadic = 0
    AND a.proname NOT IN ('detect', 'detect_sql', 'coverage', 'backtest', 'suggest', 'map_html', 'states_of',
        'coverage_add', 'entity_coverage', 'ends', 'ends_add', 'may_be_end',
        'legs_of_entity', 'rows_of_legs', 'entity_legs_add', 'events_of_legs', 'events_of_legs_add')
    AND NOT EXISTS (SELECT
        FROM pg_proc AS b
        WHERE b.pronamespace = a.pronamespace
            AND b.proname = a.proname
            AND b.prosrc = a.prosrc
            AND b.probin IS NOT DISTINCT FROM a.probin
            AND b.provolatile = a.provolatile
            AND b.proisstrict = a.proisstrict
            AND b.proparallel = a.proparallel
            AND b.procost = a.procost
        AND replace(pg_get_function_identity_arguments(b.oid), 'without', 'with')
            = pg_get_function_identity_arguments(a.oid)
            AND b.oid <> a.oid);
SELECT count(*) AS without_comment
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND 'timestamp'::regtype = ANY (proargtypes::oid[])
    AND obj_description(oid) NOT LIKE '%UTC%';
DROP TABLE zoneless;
