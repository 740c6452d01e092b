-- The views for dashboards have few and narrow columns, leave out withdrawn alerts, and draw valid lines.
\pset null '-'
SET timezone = 'UTC';
INSERT INTO travel.alerts (id, rule, severity, status, archive_reason, first_seen, last_seen, leg_count, evidence,
    signal, leg_id, entity, session_name, actor, principal, from_time, from_ip, from_city, from_country,
    from_country_code, from_latitude, from_longitude, to_time, to_ip, to_city, to_country, to_country_code, to_latitude,
    to_longitude, distance_km, elapsed_seconds, velocity_kmh, withdrawn_at)
SELECT id, 'views', severity, status, archive_reason, at, at + '1 hour', legs, '{}', '{}', 'leg ' || id, entity,
       session, 'actor', 'principal', at - '10 minutes'::interval, '192.0.2.1', from_city, from_country, 'NZ',
       -36.84853, 174.76349, at, '198.51.100.1', 'Honolulu', NULL, 'US', 21.30694, -157.85833, 7082.5, 600, 42495,
       withdrawn
FROM (VALUES
    (-1, 'medium', 'open', NULL, '2026-03-02 23:59Z'::timestamptz, 1, 'K1', 'alice', 'Auckland', 'New Zealand', NULL),
    (-2, 'medium', 'archived', 'expected', '2026-03-02 00:00Z', 3, 'K1', NULL, 'Auckland', NULL, NULL),
    (-3, 'low', 'archived', NULL, '2026-03-02 12:00Z', 1, 'K2', NULL, NULL, NULL, NULL),
    (-4, 'medium', 'under_review', NULL, '2026-03-03 00:00Z', 2, 'K3', 'bob', 'Auckland', 'New Zealand', NULL),
    (-5, 'high', 'open', NULL, '2026-03-03 00:00Z', 1, 'K4', 'eve', 'Auckland', 'New Zealand', now()))
    AS v (id, severity, status, archive_reason, at, legs, entity, session, from_city, from_country, withdrawn);
SELECT c.relname AS view, count(*) AS columns, count(*) <= 14 AS few,
    string_agg(a.attname, ', ' ORDER BY a.attnum) FILTER (WHERE t.typcategory = 'A') AS arrays
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'travel'::regnamespace
    AND c.relname IN ('alerts_brief', 'alert_points', 'alert_routes', 'alerts_daily', 'coverage_daily', 'incidents')
GROUP BY 1
ORDER BY 1;
SELECT alert_id, severity_rank AS rank, status, archive_reason, identity, first_seen, leg_count, from_place, to_place
FROM travel.alerts_brief
WHERE rule = 'views'
ORDER BY alert_id DESC;
SELECT alert_id, role, time, latitude, longitude, city, country_code, ip
FROM travel.alert_points
WHERE rule = 'views' AND alert_id >= -2
ORDER BY alert_id DESC, time;
SELECT alert_id, distance_km, velocity_kmh, route->>'type' AS type,
    jsonb_path_query_array(route, '$.coordinates[*][0]') AS starts,
    jsonb_path_query_array(route, '$.coordinates[*][last]') AS ends
FROM travel.alert_routes
WHERE alert_id = -1;
-- None of them has the withdrawn alert.
SELECT (SELECT count(*) FROM travel.alerts_brief WHERE alert_id = -5) AS brief,
    (SELECT count(*) FROM travel.alert_points WHERE alert_id = -5) AS points,
    (SELECT count(*) FROM travel.alert_routes WHERE alert_id = -5) AS routes,
    (SELECT count(*) FROM travel.alerts_daily WHERE rule = 'views' AND severity = 'high') AS daily,
    (SELECT count(*) FROM travel.incidents WHERE -5 = ANY (alert_ids)) AS incidents;
SELECT day, severity, alerts, entities, legs, open, under_review, archived, expected, true_positive, false_positive
FROM travel.alerts_daily
WHERE rule = 'views'
ORDER BY day, severity_rank;

-- An alert as GeoJSON has all of its raised legs, each event once, in the order of time.
INSERT INTO travel.verdicts (rule, raised, reasons, alert_id, leg_id, entity, from_time, from_ip, from_city,
    from_country_code, from_latitude, from_longitude, to_time, to_ip, to_city, to_country_code, to_latitude,
    to_longitude, distance_km)
VALUES ('views', true, '{}', -1, 'leg back', 'K1', '2026-03-02 23:59Z', '198.51.100.1', 'Honolulu', 'US', 21.30694,
        -157.85833, '2026-03-03 00:10Z', '192.0.2.1', NULL, NULL, -36.84853, 174.76349, 7082.5),
    ('views', false, '{learning}', NULL, 'leg not raised', 'K1', '2026-03-02 23:59Z', '198.51.100.1', 'Honolulu', 'US',
        21.30694, -157.85833, '2026-03-03 00:10Z', '192.0.2.1', NULL, NULL, -36.84853, 174.76349, 7082.5);
SELECT f->>'type' AS type, f->'geometry'->>'type' AS geometry,
    (f->'properties') - '{from_time,to_time,ip}'::text[] AS properties
FROM jsonb_array_elements(travel.alert_geojson(-1)->'features') AS f;
SELECT travel.alert_geojson(-1)->>'type' AS type, travel.alert_geojson(NULL);
SELECT error_of('SELECT travel.alert_geojson(0)') AS no_alert;
-- A withdrawn alert still shows its first leg.
SELECT jsonb_array_length(travel.alert_geojson(-5)->'features') AS features;
-- Its features are joined as PostgreSQL would join them. What is not a feature, or does not fit in a jsonb, is refused.
SELECT travel_internal.feature_collection(array_agg(feature))
        = jsonb_build_object('type', 'FeatureCollection', 'features', jsonb_agg(feature)) AS equal,
    travel_internal.feature_collection('{}') AS none, travel_internal.feature_collection(NULL) AS unknown,
    travel_internal.feature_collection('{NULL, "{}"}') AS one
FROM (SELECT jsonb_build_object('number', n, 'text', repeat('x', n), 'list', jsonb_build_array(n, NULL, true))
      FROM generate_series(0, 300) AS n) AS f (feature);
SELECT element,
    error_of(format('SELECT travel_internal.feature_collection(ARRAY[%L::jsonb])', element)) AS error
FROM unnest('{"[{}]", "null", "1", "\"{}\""}'::text[]) AS e (element);
SELECT error_of($$ SELECT travel_internal.feature_collection(
    array_fill(jsonb_build_object('text', repeat('x', 70000000)), '{4}')) $$) AS too_large;

-- A line never crosses the antimeridian; crates/core/src/great_circle.rs tests the rest.
SELECT travel.great_circle(0, 179, 0, -179), travel.great_circle(10, 20, 10, 20), travel.great_circle(NULL, 0, 0, 0);
SELECT error_of('SELECT travel.great_circle(0, 0, 0, 181)');

DELETE FROM travel.verdicts WHERE rule = 'views';
SET session_replication_role = replica;
DELETE FROM travel.alerts WHERE rule = 'views';
RESET session_replication_role;

-- travel.coverage_daily counts the events that scans read, each once, by their day in UTC and by why they are not
-- located.
CREATE SCHEMA covered;
SET search_path = covered, public;
CREATE TABLE trail (
    id int GENERATED ALWAYS AS IDENTITY, access_key_id text, event_time timestamptz, source_ip text, outcome text,
    arrived timestamptz DEFAULT clock_timestamp(), ingest_xid xid8 DEFAULT pg_current_xact_id()
);
CREATE VIEW no_cursor AS SELECT access_key_id, event_time, source_ip, outcome FROM trail;
CREATE VIEW by_arrival AS SELECT access_key_id, event_time, source_ip, outcome, arrived FROM trail;
INSERT INTO travel.networks (network, name, treatment) VALUES ('198.51.100.192/27', 'a scanner of covered', 'ignore');
INSERT INTO travel.rules (name, source, baseline, arrival_column, lookback) VALUES
    ('covered: exact', 'trail', false, NULL, '7 days'), ('covered: lookback', 'no_cursor', false, NULL, '2 days'),
    ('covered: arrival', 'by_arrival', false, 'arrived', '7 days');
CREATE VIEW days AS
SELECT substr(rule, 10) AS rule, to_char(day, 'DD') AS day, events, located, ignored, not_located,
    no_address AS no_addr, private_address AS private, unknown_address AS unknown, no_entity,
    round(share_located::numeric, 2) AS share, is_exact
FROM travel.coverage_daily
WHERE rule LIKE 'covered: %'
ORDER BY coverage_daily.rule, coverage_daily.day;
INSERT INTO trail (access_key_id, event_time, source_ip, outcome) VALUES
    ('K', '2026-03-01 23:59:59Z', '192.0.2.1', NULL), ('K', '2026-03-02 00:00Z', '192.0.2.1', NULL),
    ('K', '2026-03-02 01:00Z', '10.0.0.1', NULL), ('K', '2026-03-02 02:00Z', '8.8.8.8', NULL),
    ('K', '2026-03-02 03:00Z', 'config.amazonaws.com', NULL), ('K', '2026-03-02 04:00Z', '198.51.100.200', NULL),
    ('K', '2026-03-02 05:00Z', '192.0.2.1', 'failed_auth'), (repeat('K', 3000), '2026-03-02 06:00Z', '192.0.2.1', NULL),
    ('K', '2026-03-05 01:00Z', '192.0.2.1', NULL);
CALL travel.scan('covered: exact');
CALL travel.scan('covered: lookback');
CALL travel.scan('covered: arrival');
SELECT * FROM days;
-- A late event is added to its day. What a scan reads again is not counted twice, except by an arrival_column.
INSERT INTO trail (access_key_id, event_time, source_ip) VALUES
    ('K', '2026-03-01 12:00Z', '192.0.2.1'), ('K', '2026-03-05 02:00Z', '10.0.0.1');
CALL travel.scan('covered: exact');
CALL travel.scan('covered: lookback');
CALL travel.scan('covered: arrival');
CALL travel.scan('covered: exact');
CALL travel.scan('covered: lookback');
SELECT rule, day, events, located, not_located, is_exact FROM days WHERE day IN ('01', '05');
-- A rescan counts whole days anew, and leaves the day in which it begins.
CALL travel.rescan('covered: exact', '2026-03-02 02:30Z');
CALL travel.rescan('covered: arrival', '2026-03-01');
SELECT rule, day, events, located, not_located, is_exact FROM days WHERE rule <> 'lookback';
-- What the next scan reads again is counted then: rows that are new since the last scan, and those of the scan's own
-- transaction.
INSERT INTO trail (access_key_id, event_time, source_ip) VALUES ('K', '2026-03-05 03:00Z', '192.0.2.1');
CALL travel.rescan('covered: exact', '2026-03-05');
SELECT day, events, located, is_exact FROM days WHERE rule = 'exact' AND day = '05';
CALL travel.scan('covered: exact');
SELECT day, events, located, is_exact FROM days WHERE rule = 'exact' AND day = '05';
BEGIN;
INSERT INTO trail (access_key_id, event_time, source_ip) VALUES ('K', '2026-03-05 04:00Z', '192.0.2.1');
CALL travel.scan('covered: exact');
COMMIT;
CALL travel.scan('covered: exact');
SELECT day, events, located, is_exact FROM days WHERE rule = 'exact' AND day = '05';
-- A transaction of another cluster may become the number of one to come, whose rows a scan reads again.
UPDATE trail SET ingest_xid = '123456789012' WHERE event_time = '2026-03-05 04:00Z';
CALL travel.rescan('covered: exact', '2026-03-05');
SELECT day, events, located, is_exact FROM days WHERE rule = 'exact' AND day = '05';
UPDATE trail SET ingest_xid = pg_current_xact_id() WHERE event_time = '2026-03-05 04:00Z';
-- The counts of another source, and those of a deleted rule, are gone.
CREATE TABLE other AS SELECT * FROM trail WHERE event_time > '2026-03-05';
UPDATE travel.rules SET source = 'other' WHERE name = 'covered: exact';
CALL travel.scan('covered: exact');
DELETE FROM travel.rules WHERE name IN ('covered: lookback', 'covered: arrival');
SELECT rule, day, events, is_exact FROM days;
DELETE FROM travel.rules WHERE name LIKE 'covered: %';
SELECT count(*) AS days_left FROM days;
DELETE FROM travel.networks WHERE name = 'a scanner of covered';
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA covered CASCADE;
