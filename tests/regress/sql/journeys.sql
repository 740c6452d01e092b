-- Journeys as values: travel.journey makes one of rows, travel.rollup merges them, and plain functions read them.
SET timezone = 'UTC';
SET datestyle = ISO;
SET extra_float_digits = 0;
\pset null '-'

-- Thirty days of eleven entities: events in any order, some twice, some without an address, some that no file locates.
CREATE TABLE events AS
SELECT n % 11 AS who, timestamptz '2026-03-01 00:00Z' + (n * 7919 % 2592000) * interval '1 second' AS event_time,
    ('{192.0.2.1,203.0.113.1,2001:db8:1000::1,10.0.0.1,198.51.100.230,NULL}'::inet[])[1 + n * n % 6] AS ip,
    'id-' || n AS id
FROM generate_series(1, 20000) AS n;
INSERT INTO events SELECT who, event_time, ip, id || '-again' FROM events WHERE who = 3;
INSERT INTO events VALUES (7, NULL, '192.0.2.1', 'no time');
CREATE TABLE days (who int, day date, with_ids boolean, journey travel.journey, PRIMARY KEY (who, day, with_ids));
INSERT INTO days SELECT who, event_time::date, false, travel.journey(event_time, ip)
FROM events WHERE event_time IS NOT NULL GROUP BY who, event_time::date;
INSERT INTO days SELECT who, event_time::date, true, travel.journey(event_time, ip, id)
FROM events WHERE event_time IS NOT NULL GROUP BY who, event_time::date;
SELECT with_ids, count(*) FROM days GROUP BY with_ids ORDER BY with_ids;

-- A month of days has the legs of the events, in whatever order the days come, and of one aggregate over all.
CREATE VIEW once AS
SELECT who, false AS with_ids, travel.impossible_legs(event_time, ip) AS legs FROM events GROUP BY who
UNION ALL SELECT who, true, travel.impossible_legs(event_time, ip, id) FROM events GROUP BY who;
SELECT with_ids, bool_and(travel.impossible_legs(up) = legs) AS in_order,
    bool_and(travel.impossible_legs(down) = legs) AS backwards, bool_and(up::text = down::text) AS same_value,
    bool_and(travel.impossible_legs(twice) = legs AND twice::text = up::text) AS each_event_once,
    min(cardinality(legs)) > 100 AS many
FROM (
    SELECT who, with_ids, travel.rollup(journey ORDER BY day) AS up, travel.rollup(journey ORDER BY day DESC) AS down
    FROM days GROUP BY who, with_ids
) AS r
JOIN (
    SELECT who, with_ids, travel.rollup(journey) AS twice
    FROM (TABLE days UNION ALL TABLE days) AS d
    GROUP BY who, with_ids
) AS t USING (who, with_ids)
JOIN once USING (who, with_ids)
GROUP BY with_ids ORDER BY with_ids;
SELECT bool_and(travel.impossible_legs(j) = once) AS two_steps_are_one
FROM (
    SELECT travel.journey(event_time, ip, id) AS j, travel.impossible_legs(event_time, ip, id) AS once
    FROM events
    GROUP BY who
) AS s;
-- Rolling up does not change the stored journeys, compressed, out of line or with a short header.
CREATE TABLE kept (n serial, kind text, journey travel.journey);
INSERT INTO kept (kind, journey) SELECT 'plain', travel.rollup(journey) FROM days WHERE with_ids GROUP BY who;
ALTER TABLE kept ALTER journey SET STORAGE external;
INSERT INTO kept (kind, journey) SELECT 'external', travel.rollup(journey) FROM days WHERE with_ids GROUP BY who;
INSERT INTO kept (kind, journey) VALUES ('small', (SELECT travel.journey('2026-03-02 09:00Z', inet '192.0.2.1', 'x')));
CREATE TABLE before AS SELECT n, journey::text AS t FROM kept;
SELECT count(*) AS journeys, bool_or(pg_column_size(journey) < 127) AS short,
    max(pg_column_size(journey)) > 2000 AS large
FROM kept;
SELECT travel.event_count(travel.rollup(journey)) = (SELECT travel.event_count(travel.journey(event_time, ip)) + 1 FROM
    (SELECT DISTINCT event_time, ip FROM events) AS e) AS all_events
FROM kept;
SELECT count(*) AS changed FROM kept JOIN before USING (n) WHERE journey::text <> t;

-- In parallel, whole or partial, and as a stored value: the same journeys.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ANALYZE days;
SELECT * FROM plan_of('SELECT who, travel.rollup(journey) FROM days GROUP BY who, with_ids');
CREATE TABLE parallel AS SELECT who, with_ids, travel.rollup(journey) AS j FROM days GROUP BY who, with_ids;
SELECT count(*) FILTER (WHERE travel.impossible_legs(j) = legs) AS equal, count(*)
FROM parallel
JOIN once USING (who, with_ids);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- The readers. Each event counts once, located or not. The reader chooses the thresholds, by name.
CREATE TABLE trip AS
SELECT travel.journey(event_time, ip, id) AS with_ids, travel.journey(event_time, ip) AS bare,
    travel.journey(event_time, latitude, longitude) AS coordinates,
    travel.journey(event_time, latitude, longitude, id) AS coordinates_with_ids,
    travel.journey(event_time::timestamp, ip) AS without_zone,
    travel.journey(event_time::timestamp, ip, id) AS without_zone_with_ids,
    travel.journey(event_time::timestamp, latitude, longitude) AS coordinates_without_zone,
    travel.journey(event_time::timestamp, latitude, longitude, id) AS coordinates_without_zone_with_ids
FROM (VALUES ('2026-03-02 09:10Z'::timestamptz, inet '203.0.113.1', 35.5::float8, 139.5::float8, 'y'),
    ('2026-03-02 09:00Z', '192.0.2.1', 51.5, 0, 'x'), ('2026-03-02 09:00Z', '::ffff:192.0.2.1', 51.5, 0, 'w'),
    ('2026-03-02 08:00Z', '10.0.0.1', NULL, NULL, 'private'), ('2026-03-02 07:00Z', NULL, 91, 0, 'no place'),
    ('2026-03-02 23:00Z', '192.0.2.1', 51.5, 0, 'z')) AS e (event_time, ip, latitude, longitude, id);
SELECT f.form, travel.event_count(j) AS events, travel.first_time(j) AS first, travel.last_time(j) AS last,
    l.impossible, l.from_event_id AS from_id, l.to_event_id AS to_id, round(l.distance_km) AS km
FROM trip AS t,
    LATERAL (VALUES (1, 'addresses, IDs', with_ids), (2, 'addresses', bare), (3, 'coordinates', coordinates),
        (4, 'coordinates, IDs', coordinates_with_ids)) AS f (n, form, j),
    travel.legs(j) AS l
ORDER BY f.n, l.to_time;
SELECT without_zone::text = bare::text AS addresses, without_zone_with_ids::text = with_ids::text AS ids,
    coordinates_without_zone::text = coordinates::text AS coordinates,
    coordinates_without_zone_with_ids::text = coordinates_with_ids::text AS coordinates_and_ids
FROM trip;
SELECT cardinality(travel.impossible_legs(with_ids)) AS default,
    cardinality(travel.impossible_legs(with_ids, min_distance_km => 9570)) AS far,
    cardinality(travel.impossible_legs(with_ids, min_velocity_kmh => 100000)) AS fast,
    cardinality(travel.impossible_legs(with_ids, min_velocity_kmh => 600)) AS slow,
    cardinality(travel.impossible_legs(with_ids, use_accuracy => true, min_distance_km => 9500)) AS accurate,
    (SELECT count(*) FILTER (WHERE impossible) FROM travel.legs(with_ids, min_velocity_kmh => 600)) AS slow_legs
FROM trip;
-- All legs are those of the window function.
SELECT count(*) > 1000 AS legs, count(*) FILTER (WHERE legs IS DISTINCT FROM windowed) AS differences
FROM (
    SELECT who, l AS legs
    FROM (SELECT who, travel.journey(event_time, ip, id) AS j FROM events GROUP BY who) AS s, travel.legs(j) AS l
) AS a
FULL JOIN (
    SELECT who, l AS windowed
    FROM (SELECT who, travel.leg(event_time, ip, id) OVER (PARTITION BY who ORDER BY event_time, ip) AS l
        FROM events WHERE event_time IS NOT NULL) AS w
    WHERE (l).to_time IS NOT NULL
) AS b ON (a.who, (legs).to_time, (legs).to_ip) = (b.who, (windowed).to_time, (windowed).to_ip);

-- Without events a journey is empty, never NULL. A NULL journey gives NULL, or no legs.
SELECT n, travel.event_count(j) AS events, travel.first_time(j) AS first, travel.last_time(j) AS last,
    cardinality(travel.impossible_legs(j)) AS impossible, (SELECT count(*) FROM travel.legs(j)) AS legs
FROM (
    SELECT 1 AS n, travel.journey(event_time, ip) AS j FROM events WHERE false
    UNION ALL SELECT 2, travel.journey(event_time, ip, id) FROM events WHERE ip IS NULL
    UNION ALL SELECT 3, travel.rollup(journey) FROM days WHERE false
    UNION ALL SELECT 4, travel.rollup(NULL) FROM generate_series(1, 3)
    UNION ALL SELECT 5, NULL
    -- An empty journey joins any other.
    UNION ALL SELECT 6, travel.rollup(j) FROM (SELECT with_ids AS j FROM trip
        UNION ALL SELECT travel.journey(event_time, ip) FROM events WHERE false) AS v
    UNION ALL SELECT 7, travel.rollup(j) FROM (SELECT travel.journey(event_time, ip) AS j FROM events WHERE false
        UNION ALL SELECT coordinates_with_ids FROM trip) AS v
) AS v ORDER BY n;

-- A stored journey sees a network that is named later, also one that locates a private address.
BEGIN;
INSERT INTO travel.networks (network, name, treatment, latitude, longitude, city, country_code)
VALUES ('10.0.0.0/8', 'branch', 'place', -33.9, 151.2, 'Sydney', 'AU'),
    ('203.0.113.1', 'noise', 'ignore', NULL, NULL, NULL, NULL);
SELECT l.from_city, l.to_city, l.impossible FROM trip, travel.legs(with_ids) AS l;
ROLLBACK;

-- Errors.
\pset format unaligned
SELECT error_of('SELECT travel.rollup(j) FROM (SELECT with_ids FROM trip UNION ALL SELECT bare FROM trip) AS v (j)');
SELECT error_of('SELECT travel.journey(event_time, ip::text) FROM events');
SELECT error_of('SELECT travel.journey(event_time, ip::text) FROM events WHERE false');
SELECT error_of('SELECT travel_internal.journey_rollup(bare, bare) FROM trip');
SELECT error_of('SELECT travel.impossible_legs(bare, use_accuracy => NULL) FROM trip');
SELECT error_of('SELECT * FROM trip, travel.legs(bare, min_distance_km => -1)');
\pset format aligned
SELECT what, sqlstate_of(call)
FROM (VALUES
    (1, 'OVER', 'SELECT travel.rollup(bare) OVER () FROM trip'),
    (2, 'infinite time', 'SELECT travel.journey(''infinity''::timestamptz, ip) FROM events'),
    (3, 'a threshold of the one-step form', 'SELECT travel.journey(event_time, ip, 500, 1000, false) FROM events'),
    (4, 'NULL distance', 'SELECT travel.impossible_legs(bare, NULL) FROM trip'),
    (5, 'infinite velocity', 'SELECT travel.impossible_legs(bare, 500, ''Infinity'') FROM trip'),
    (6, 'NULL velocity of no journey', 'SELECT travel.legs(NULL, 500, NULL)'),
    (7, 'add', 'SELECT travel_internal.journey_add(NULL, now(), inet ''192.0.2.1'')'),
    (8, 'final', 'SELECT travel_internal.journey_final(bare) FROM trip'),
    (9, 'equality', 'SELECT bare = bare FROM trip')
) AS v (n, what, call)
ORDER BY n;

-- A journey has no thresholds: a value that has some is an aggregate's state, and not of the form of a journey. Any
-- changed byte is an error or a value that all functions can read.
SELECT sqlstate_of(format('SELECT %L::travel.journey', overlay(bare::text PLACING '01' FROM 3 + 2 * 32))) AS thresholds
FROM trip;
-- Times that PostgreSQL does not have are refused. The time follows the header, the only site and the unit of time.
SELECT what, coalesce(substring(error_of(format('SELECT %L::travel.journey',
    overlay(t PLACING '00' || time FROM 3 + 2 * 85))) FROM 'detail: ([^\n]*)'), 'fine') AS detail
FROM (SELECT travel.journey(timestamptz '2026-03-02 09:00Z', inet '192.0.2.1')::text AS t) AS j,
    (VALUES (1, 'the first time', '00a01f41c17c0ffd'), (2, 'one before', 'ff9f1f41c17c0ffd'),
        (3, 'infinity', 'ffffffffffffff7f'), (4, '-infinity', '0000000000000080'),
        (5, 'the last time', 'ff9fb2b35bffff7f'),
        (6, 'one after', '00a0b2b35bffff7f'))
        AS v (n, what, time)
ORDER BY n;
CREATE FUNCTION pg_temp.read(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    j travel.journey;
BEGIN
    j := t::travel.journey;
    PERFORM travel.event_count(j), travel.first_time(j), travel.last_time(j), travel.impossible_legs(j),
        (SELECT count(*) FROM travel.legs(j));
    PERFORM travel.rollup(v) FROM (VALUES (j), (j)) AS r (v);
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SELECT kind, code, count(*) > 0 AS some
FROM (SELECT 'bare' AS kind, bare::text AS t FROM trip UNION ALL SELECT 'IDs', with_ids::text FROM trip) AS s,
    generate_series(0, (length(t) - 2) / 2 - 1) AS n, unnest('{0,127,255}'::int[]) AS b,
    pg_temp.read(overlay(t PLACING lpad(to_hex(b), 2, '0') FROM 3 + 2 * n FOR 2)) AS code
GROUP BY kind, code ORDER BY kind, code;
SET client_min_messages = warning;
DROP TABLE events, days, kept, before, parallel, trip CASCADE;
