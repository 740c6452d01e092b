-- Every entry point finds the same legs: the window function, the aggregate, travel.detect with and without all_legs,
-- and the view of travel.detect_sql. They are compared with a plain reference in SQL over thousands of events with
-- ties, duplicates, gaps and addresses that are not located. Each comparison counts its differences: all must be 0.
SET timezone = 'UTC';
SET impossible_travel.coverage_notice = off;
SELECT travel.create_events_table('events', keep_record => false);
ALTER TABLE events DROP CONSTRAINT events_pkey;
-- A congruential generator, the same everywhere: the n-th value of a stream in [0, below).
CREATE FUNCTION pg_temp.pick(n int, stream int, below int) RETURNS int IMMUTABLE LANGUAGE sql AS $$
    SELECT ((('x' || left(md5(n || '/' || stream), 7))::bit(28)::int) % below) $$;
INSERT INTO events (event_id, event_time, event_name, source_ip, access_key_id, session_name, user_agent, outcome,
    invoked_by)
SELECT CASE WHEN pg_temp.pick(n, 1, 20) > 0 THEN 'id' || pg_temp.pick(n, 2, 900) ELSE 'x' END,
       timestamptz '2026-03-01 00:00Z' + pg_temp.pick(n, 3,
           CASE WHEN n % 3 = 0 THEN 90 ELSE 86400 END) * interval '1 second' + (n % 5) * interval '9 hours',
       'name' || pg_temp.pick(n, 4, 3),
       (ARRAY['192.0.2.1', '192.0.2.2', '192.0.2.49', '192.0.2.145', '203.0.113.1', '203.0.113.33', '203.0.113.129',
           '203.0.113.193', '198.51.100.1', '198.51.100.161', '198.51.100.200', '198.19.200.1',
              '2001:db8::1', '2001:db8:2000::1', '::ffff:192.0.2.1', '203.0.113.1/24', '10.0.0.1', '198.19.240.1',
                  '8.8.8.8', NULL])[1 + pg_temp.pick(n, 5, 20)]::inet,
       (ARRAY['K0', 'K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7', 'K8', NULL, '',
           'HIDDEN_DUE_TO_SECURITY_REASONS'])[1 + pg_temp.pick(n, 6, 12)],
       's' || pg_temp.pick(n, 7, 3), 'agent' || pg_temp.pick(n, 8, 2),
       (ARRAY['success', 'denied', 'error', NULL, 'failed_auth'])[1 + pg_temp.pick(n, 9, 5)],
       CASE pg_temp.pick(n, 10, 8) WHEN 0 THEN 'x.amazonaws.com' WHEN 1 THEN '' END
FROM generate_series(1, 6000) AS n;
-- Events that are delivered again, as they were or with other columns.
INSERT INTO events SELECT * FROM events WHERE pg_temp.pick(substring(event_id FROM '[0-9]+')::int, 11, 4) = 0;
ANALYZE events;

-- The reference. DISTINCT ON leaves one event for each (entity, time, host) of the rows that are evaluated. A leg is an
-- event and the one before it.
CREATE VIEW counted AS
    SELECT e.access_key_id AS entity, e.session_name, e.event_time, travel.source_ip(e.source_ip) AS ip, e.event_id,
        e.event_name, e.user_agent, e.outcome, p.latitude, p.longitude, p.accuracy_km
    FROM events AS e CROSS JOIN LATERAL travel.locate(e.source_ip) AS p
    WHERE e.access_key_id NOT IN ('', 'HIDDEN_DUE_TO_SECURITY_REASONS')
        AND e.outcome IS DISTINCT FROM 'failed_auth'
        AND coalesce(e.invoked_by, '') = ''
        AND p.latitude IS NOT NULL;
CREATE TABLE reference AS
    WITH distinct_events AS (
        SELECT DISTINCT ON (entity, event_time, ip) *
        FROM counted
        ORDER BY entity, event_time, ip, event_id COLLATE "C", event_name COLLATE "C", user_agent COLLATE "C",
            outcome COLLATE "C"
    ), pairs AS (
        SELECT entity, event_time AS to_time, ip AS to_ip, event_id AS to_event_id, event_name AS to_event_name,
            outcome AS to_outcome, latitude AS to_latitude, longitude AS to_longitude, coalesce(accuracy_km, 0) AS to_r,
               lag(event_time) OVER w AS from_time, lag(ip) OVER w AS from_ip, lag(event_id) OVER w AS from_event_id,
                   lag(event_name) OVER w AS from_event_name, lag(latitude) OVER w AS from_latitude,
                   lag(longitude) OVER w AS from_longitude, lag(coalesce(accuracy_km, 0)) OVER w AS from_r
        FROM distinct_events WINDOW w AS (PARTITION BY entity ORDER BY event_time, ip)
    ), legs AS (
        SELECT *, extract(epoch FROM to_time - from_time)::float8 AS s,
               2 * 6371.0088 * asin(sqrt(least(1,
                   sind((to_latitude - from_latitude) / 2) ^ 2
                       + cosd(from_latitude) * cosd(to_latitude)
                           * sind((to_longitude - from_longitude) / 2) ^ 2))) AS km
        FROM pairs WHERE from_ip <> to_ip
    )
    SELECT entity, from_time, from_ip, from_event_id, from_event_name, to_time, to_ip, to_event_id, to_event_name,
        to_outcome, round(km::numeric, 3) AS km, s,
           km > 500 AND km > 1000 * s / 3600 AS impossible,
           greatest(0, km - from_r - to_r) > 400
               AND greatest(0, km - from_r - to_r) > 900 * s / 3600 AS impossible_within
    FROM legs;

-- There is enough of everything to compare.
SELECT (SELECT count(*) FROM events) AS rows, (SELECT count(*) FROM counted) AS counted, count(*) AS legs,
    count(*) FILTER (WHERE impossible) AS impossible,
    count(*) FILTER (WHERE impossible <> impossible_within) AS within_matters,
       count(*) FILTER (WHERE s = 0) AS same_second, count(DISTINCT entity) AS entities FROM reference;

-- The entry points, in the columns of the reference.
CREATE VIEW to_evaluate AS
SELECT *
FROM events
WHERE access_key_id NOT IN ('', 'HIDDEN_DUE_TO_SECURITY_REASONS')
    AND outcome IS DISTINCT FROM 'failed_auth'
    AND coalesce(invoked_by, '') = '';
CREATE VIEW by_window AS
SELECT entity, (l).from_time, (l).from_ip, (l).from_event_id, (l).to_time, (l).to_ip, (l).to_event_id,
    round((l).distance_km::numeric, 3) AS km, (l).elapsed_seconds AS s, (l).impossible
    FROM (
        SELECT access_key_id AS entity,
            travel.leg(event_time, source_ip, event_id)
                OVER (PARTITION BY access_key_id ORDER BY event_time, travel.source_ip(source_ip)) AS l
        FROM to_evaluate
    ) AS w
    WHERE (l).to_time IS NOT NULL;
CREATE VIEW by_window_over_text AS
SELECT entity, (l).from_time, (l).from_ip, (l).from_event_id, (l).to_time, (l).to_ip, (l).to_event_id,
    round((l).distance_km::numeric, 3) AS km, (l).elapsed_seconds AS s, (l).impossible
    FROM (
        SELECT access_key_id AS entity,
            travel.leg(event_time, host(source_ip), event_id)
                OVER (PARTITION BY access_key_id ORDER BY event_time, travel.source_ip(host(source_ip))) AS l
        FROM to_evaluate
    ) AS w
    WHERE (l).to_time IS NOT NULL;
CREATE VIEW by_aggregate AS
SELECT entity, l.from_time, l.from_ip, l.from_event_id, l.to_time, l.to_ip, l.to_event_id,
    round(l.distance_km::numeric, 3) AS km, l.elapsed_seconds AS s, l.impossible
    FROM (
        SELECT access_key_id AS entity, travel.impossible_legs(event_time, source_ip, event_id) AS legs
        FROM to_evaluate
        GROUP BY 1
    ) AS a,
        unnest(legs) AS l;
CREATE VIEW by_aggregate_without_ids AS
SELECT entity, l.from_time, l.from_ip, l.to_time, l.to_ip, round(l.distance_km::numeric, 3) AS km,
    l.elapsed_seconds AS s, l.impossible
    FROM (
        SELECT access_key_id AS entity, travel.impossible_legs(event_time, source_ip) AS legs
        FROM to_evaluate
        GROUP BY 1
    ) AS a,
        unnest(legs) AS l;
CREATE VIEW by_detect AS
SELECT entity, from_time, from_ip, from_event_id, from_event_name, to_time, to_ip, to_event_id, to_event_name,
    to_outcome, round(distance_km::numeric, 3) AS km, elapsed_seconds AS s, impossible
FROM travel.detect('events');
CREATE VIEW by_detect_all AS
SELECT entity, from_time, from_ip, from_event_id, from_event_name, to_time, to_ip, to_event_id, to_event_name,
    to_outcome, round(distance_km::numeric, 3) AS km, elapsed_seconds AS s, impossible
FROM travel.detect('events', all_legs => true);
CREATE FUNCTION pg_temp.differences(a text, b text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) AS d',
        '(' || a || ')', '(' || b || ')') INTO n;
    RETURN n;
END $$;
\set leg 'entity, from_time, from_ip, from_event_id, to_time, to_ip, to_event_id, km, s, impossible'
\set bare 'entity, from_time, from_ip, to_time, to_ip, km, s, impossible'
SELECT 'entity, from_time, from_ip, from_event_id, from_event_name, to_time, to_ip, to_event_id, to_event_name, '
       'to_outcome, km, s, impossible' AS named \gset
SELECT pg_temp.differences('SELECT ' || :'leg' || ' FROM reference', 'TABLE by_window') AS window;
SELECT pg_temp.differences('SELECT ' || :'leg' || ' FROM reference', 'TABLE by_window_over_text') AS window_over_text;
SELECT pg_temp.differences('SELECT ' || :'leg' || ' FROM reference WHERE impossible', 'TABLE by_aggregate')
    AS aggregate;
SELECT pg_temp.differences('SELECT ' || :'bare' || ' FROM reference WHERE impossible', 'TABLE by_aggregate_without_ids')
    AS aggregate_without_ids;
SELECT pg_temp.differences('SELECT ' || :'named' || ' FROM reference WHERE impossible', 'TABLE by_detect') AS detect;
SELECT pg_temp.differences('SELECT ' || :'named' || ' FROM reference', 'TABLE by_detect_all') AS detect_all_legs;
-- detect with and without all_legs agrees to the last bit, in every column but the end of the message.
SELECT pg_temp.differences($$SELECT * FROM travel.detect('events')$$,
    $$SELECT * FROM travel.detect('events', all_legs => true) WHERE impossible$$)
    AS bit_for_bit;
SELECT travel.detect_sql('events') AS query \gset
CREATE VIEW by_view AS :query;
SELECT pg_temp.differences($$SELECT * FROM travel.detect('events')$$, 'TABLE by_view') AS view;

-- With other thresholds and with the radii.
SELECT pg_temp.differences('SELECT ' || :'bare'
    || ' FROM (SELECT *, true AS i FROM reference WHERE impossible_within) AS r (entity, from_time, from_ip, '
       'from_event_id, from_event_name, to_time, to_ip, to_event_id, to_event_name, to_outcome, km, s, was, '
       'impossible_within, impossible)',
    $$
        SELECT entity, from_time, from_ip, to_time, to_ip, round(distance_km::numeric, 3), elapsed_seconds, impossible
        FROM travel.detect('events', min_distance_km => 400, min_velocity_kmh => 900, use_accuracy => true)
    $$) AS within_the_radii;
-- A range gives the findings of the whole that are in it, and consecutive ranges give the whole.
SELECT pg_temp.differences($$TABLE by_view$$,
    $$SELECT d.*
        FROM generate_series(timestamptz '2026-03-01', '2026-03-04', '5 hours') AS since
        CROSS JOIN LATERAL travel.detect('events', since => since, until => since + '5 hours') AS d$$) AS in_ranges;
SELECT pg_temp.differences($$SELECT * FROM travel.detect('events', all_legs => true)$$,
    $$SELECT d.*
        FROM generate_series(timestamptz '2026-03-01', '2026-03-04', '5 hours') AS since
        CROSS JOIN LATERAL travel.detect('events', since => since, until => since + '5 hours', all_legs => true) AS d$$)
        AS all_legs_in_ranges;
-- In any order of the rows; in parallel.
CREATE TABLE shuffled AS SELECT * FROM events ORDER BY md5(events::text);
ANALYZE shuffled;
SELECT pg_temp.differences('TABLE by_view', $$SELECT * FROM travel.detect('shuffled')$$) AS shuffled;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT pg_temp.differences('SELECT ' || :'leg' || ' FROM reference WHERE impossible', 'TABLE by_aggregate')
    AS parallel_aggregate;
SELECT pg_temp.differences('SELECT ' || :'named' || ' FROM reference WHERE impossible', 'TABLE by_detect')
    AS parallel_detect;
SELECT pg_temp.differences('SELECT ' || :'named' || ' FROM reference', 'TABLE by_detect_all')
    AS parallel_detect_all_legs;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- With little memory: hash aggregation spills to disk.
SET work_mem = '64kB';
SELECT pg_temp.differences('SELECT ' || :'leg' || ' FROM reference WHERE impossible', 'TABLE by_aggregate')
    AS small_aggregate;
SELECT pg_temp.differences('TABLE by_view', $$SELECT * FROM travel.detect('shuffled')$$) AS small_detect;
RESET work_mem;

-- Over coordinates: the locations of the same events, given as coordinates.
CREATE VIEW coordinates AS
SELECT e.access_key_id, e.event_time, p.latitude, p.longitude, p.accuracy_km, e.event_id, e.event_name, e.user_agent,
    e.outcome, e.invoked_by
FROM events AS e
CROSS JOIN LATERAL travel.locate(e.source_ip) AS p;
CREATE VIEW by_coordinates AS
    WITH distinct_events AS (
        SELECT DISTINCT ON (entity, event_time, latitude, longitude) *
        FROM counted
        ORDER BY entity, event_time, latitude, longitude, event_id COLLATE "C", event_name COLLATE "C",
            user_agent COLLATE "C", outcome COLLATE "C"
    ), pairs AS (
        SELECT entity, event_time AS to_time, latitude AS to_latitude, longitude AS to_longitude,
            event_id AS to_event_id, event_name AS to_event_name, lag(event_time) OVER w AS from_time,
            lag(latitude) OVER w AS from_latitude, lag(longitude) OVER w AS from_longitude,
            lag(event_id) OVER w AS from_event_id
        FROM distinct_events WINDOW w AS (PARTITION BY entity ORDER BY event_time, latitude, longitude)
    )
    SELECT entity, from_time, from_latitude, from_longitude, from_event_id, to_time, to_latitude, to_longitude,
        to_event_id, to_event_name, travel.distance_km(from_latitude, from_longitude, to_latitude, to_longitude) AS km
    FROM pairs
    WHERE (from_latitude, from_longitude) <> (to_latitude, to_longitude);
SELECT count(*) AS legs, pg_temp.differences('TABLE by_coordinates',
    $$
        SELECT entity, from_time, from_latitude, from_longitude, from_event_id, to_time, to_latitude, to_longitude,
            to_event_id, to_event_name, distance_km
        FROM travel.detect('coordinates', all_legs => true,
            columns => '{"latitude": "latitude", "longitude": "longitude"}')
    $$) AS differences
FROM by_coordinates;
SELECT pg_temp.differences($$SELECT * FROM travel.detect('coordinates')$$,
    $$SELECT * FROM travel.detect('coordinates', all_legs => true) WHERE impossible$$)
    AS bit_for_bit;
SELECT pg_temp.differences($$SELECT * FROM travel.detect('coordinates', use_accuracy => true)$$,
    $$SELECT * FROM travel.detect('coordinates', all_legs => true, use_accuracy => true) WHERE impossible$$)
    AS bit_for_bit_within;
SELECT pg_temp.differences($$SELECT entity, l.* FROM (
    SELECT access_key_id AS entity, travel.impossible_legs(event_time, latitude, longitude, event_id) AS legs
    FROM coordinates
    WHERE access_key_id LIKE 'K_'
    GROUP BY 1
) AS a, unnest(legs) AS l$$,
    $$SELECT entity, (l).* FROM (
        SELECT access_key_id AS entity,
            travel.leg(event_time, latitude, longitude, event_id)
                OVER (PARTITION BY access_key_id ORDER BY event_time, latitude, longitude) AS l
        FROM coordinates
        WHERE access_key_id LIKE 'K_'
    ) AS w WHERE (l).impossible$$)
        AS aggregate_and_window;

-- Coverage counts as evaluated what the reference counts, and every row has a status.
SELECT (SELECT sum(events) FROM travel.coverage('events')) = (SELECT count(*) FROM events) AS sums_up,
       (SELECT sum(events) FROM travel.coverage('events') WHERE status = 'evaluated')
           = (SELECT count(DISTINCT (entity, event_time, ip)) FROM counted) AS evaluated,
       (SELECT sum(events) FROM travel.coverage('events') WHERE status IN ('evaluated', 'duplicate'))
           = (SELECT count(*) FROM counted) AS with_duplicates;
SET client_min_messages = warning;
DROP TABLE events, reference, shuffled CASCADE;
