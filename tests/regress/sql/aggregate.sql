-- The aggregate travel.impossible_legs: the impossible legs of a group, from rows in any order, in parallel.
SET timezone = 'UTC';
SET datestyle = ISO;
SET extra_float_digits = 0;
\pset null '-'

-- The result without rows or without located rows is an empty array, never NULL.
SELECT travel.impossible_legs(t, ip) AS no_rows, travel.impossible_legs(t, travel.source_ip(ip::text)) AS text,
    travel.impossible_legs(t, 1.0::float8, 1.0::float8) AS coordinates
FROM (SELECT now() AS t, inet '192.0.2.1' AS ip WHERE false) AS s;
SELECT g, travel.impossible_legs(t, ip)
FROM (VALUES (1, timestamptz '2026-03-02 09:00Z', inet '192.0.2.1'), (2, NULL, '192.0.2.1'),
    (3, '2026-03-02 09:00Z', NULL), (4, '2026-03-02 09:00Z', '10.0.0.1'))
    AS v (g, t, ip)
GROUP BY g ORDER BY g;

-- The rows of the window function's test, shuffled, give the same legs.
CREATE TEMP TABLE journeys (who text, event_time timestamptz, ip inet, id text);
INSERT INTO journeys VALUES
    ('a', '2026-03-02 09:10Z', '203.0.113.1',     'a8'),
    ('a', '2026-03-02 09:00Z', '192.0.2.1',       'a1'),
    ('a', '2026-03-02 09:06Z', '::ffff:192.0.2.1','a7'),
    ('a', '2026-03-02 09:04Z', '198.19.240.1',    'a5'),  -- anycast
    ('a', '2026-03-02 09:05Z', '192.0.2.1/24',    'a6'),
    ('a', NULL,                '198.51.100.1',    'a9'),
    ('a', '2026-03-02 09:03Z', '198.51.100.230',  'a4'),  -- in no database
    ('a', '2026-03-02 09:01Z', '10.0.0.1',        'a2'),
    ('a', '2026-03-02 09:02Z', NULL,              'a3'),
    ('b', '2026-03-02 21:20Z', '2001:db8::1',     'b2'),
    ('b', '2026-03-02 09:20Z', '198.51.100.1',    'b1'),
    ('b', '2026-03-02 21:30Z', '203.0.113.1',     'b4'),
    ('b', '2026-03-02 21:30Z', '192.0.2.145',     'b3'),  -- the same second: before b4
    ('b', '2026-03-02 21:30Z', '192.0.2.145',     'b30'),
    ('c', '2026-03-02 09:00Z', '192.0.2.1',       'c1');
SELECT who, l.from_event_id, l.to_event_id, l.from_city, l.to_city, round(l.distance_km) AS km, l.elapsed_seconds AS s,
    round(l.velocity_kmh) AS kmh, l.impossible
FROM (SELECT who, travel.impossible_legs(event_time, ip, id) AS legs FROM journeys GROUP BY who) AS a, unnest(legs) AS l
ORDER BY who, l.to_time;
CREATE TEMP VIEW streamed AS
    SELECT who, l
    FROM (
        SELECT who,
            travel.leg(event_time, ip, id) OVER (PARTITION BY who ORDER BY event_time, travel.source_ip(ip)) AS l
        FROM journeys
    ) AS s
    WHERE (l).impossible;
CREATE TEMP VIEW collected AS
    SELECT who, l
    FROM (SELECT who, travel.impossible_legs(event_time, ip, id) AS legs FROM journeys GROUP BY who) AS a,
        unnest(legs) AS l;
SELECT count(*) AS differences
FROM ((TABLE streamed EXCEPT ALL TABLE collected) UNION ALL (TABLE collected EXCEPT ALL TABLE streamed)) AS d;

-- Every form of the aggregate: without ids, with thresholds, over text, over coordinates.
WITH e (t, ip, id, lat, lon)
    AS (VALUES (timestamptz '2026-03-02 09:10Z', inet '203.0.113.1', 'y', float8 '35.5', float8 '139.5'),
        ('2026-03-02 09:00Z', '192.0.2.1', 'x', 51.5, 0)),
forms (n, form, legs) AS (
    SELECT 1, 'inet', travel.impossible_legs(t, ip) FROM e
    UNION ALL SELECT 2, 'inet, id', travel.impossible_legs(t, ip, id) FROM e
    UNION ALL SELECT 3, 'inet, id, thresholds', travel.impossible_legs(t, ip, id, 500, 1000, true) FROM e
    UNION ALL SELECT 4, 'inet, thresholds', travel.impossible_legs(t, ip, 500, 1000, true) FROM e
    UNION ALL SELECT 5, 'text', travel.impossible_legs(t, travel.source_ip(host(ip))) FROM e
    UNION ALL SELECT 6, 'text, id', travel.impossible_legs(t, travel.source_ip(host(ip)), id) FROM e
    UNION ALL SELECT 7, 'text, id, thresholds',
        travel.impossible_legs(t, travel.source_ip(host(ip)), id, 500, 1000, true) FROM e
    UNION ALL SELECT 8, 'text, thresholds',
        travel.impossible_legs(t, travel.source_ip(host(ip)), 500, 1000, true) FROM e
    UNION ALL SELECT 9, 'coordinates', travel.impossible_legs(t, lat, lon) FROM e
    UNION ALL SELECT 10, 'coordinates, id', travel.impossible_legs(t, lat, lon, id) FROM e
    UNION ALL SELECT 11, 'coordinates, id, thresholds', travel.impossible_legs(t, lat, lon, id, 500, 1000, true) FROM e
    UNION ALL SELECT 12, 'coordinates, thresholds', travel.impossible_legs(t, lat, lon, 500, 1000, true) FROM e
    UNION ALL SELECT 13, 'within a radius',
        travel_internal.impossible_legs_within(t, lat, lon, 100, id, 500, 1000, true)
    FROM e
    UNION ALL SELECT 14, 'too far to be far enough', travel.impossible_legs(t, ip, id, 9550, 1000, true) FROM e
)
SELECT form, l.from_event_id AS from_id, l.to_event_id AS to_id, l.from_ip, l.to_ip, l.from_latitude AS from_lat,
    l.to_longitude AS to_lon, l.from_city, l.from_accuracy_km AS r, round(l.effective_distance_km) AS evaluated
FROM forms LEFT JOIN LATERAL unnest(legs) AS l ON true ORDER BY n;

-- Duplicates count as one event with the smallest of their ids, compared bytewise with NULL last, in whatever order
-- they come.
SELECT n, l.from_event_id, l.to_event_id
FROM (VALUES (1, '{c,NULL,B}'::text[], '{z,NULL,é,za}'::text[]), (2, '{B,c,NULL}', '{NULL,za,é,z}'),
    (3, '{NULL,NULL}', '{NULL,x}'), (4, '{"",x}', '{NULL}'))
    AS v (n, london, tokyo)
CROSS JOIN LATERAL (
    SELECT travel.impossible_legs(t, ip, id) AS legs
    FROM (
        SELECT timestamptz '2026-03-02 09:00Z' AS t, inet '192.0.2.1' AS ip, unnest(london) AS id
        UNION ALL SELECT '2026-03-02 09:10Z', '203.0.113.1', unnest(tokyo)
    ) AS e
) AS a CROSS JOIN LATERAL unnest(legs) AS l ORDER BY n;

-- FILTER, DISTINCT, ORDER BY, GROUPING SETS and HAVING work as with any aggregate.
SELECT cardinality(travel.impossible_legs(event_time, ip)) AS plain,
    cardinality(travel.impossible_legs(event_time, ip ORDER BY id DESC)) AS ordered,
       cardinality(travel.impossible_legs(DISTINCT event_time, ip)) AS "distinct",
           cardinality(travel.impossible_legs(event_time, ip) FILTER (WHERE id <> 'b3')) AS filtered,
       cardinality(travel.impossible_legs(event_time, ip) FILTER (WHERE false)) AS nothing
FROM journeys;
SELECT who, cardinality(travel.impossible_legs(event_time, ip))
FROM journeys
GROUP BY ROLLUP (who)
HAVING travel.impossible_legs(event_time, ip) <> '{}'
ORDER BY who;
-- One column of the result, one leg of it.
SELECT (travel.impossible_legs(event_time, ip, id))[1].to_event_id FROM journeys WHERE who = 'a';

-- Invalid calls. OVER is refused, because the aggregate sorts its state in place: travel.leg is the window function.
CREATE FUNCTION pg_temp.aggregated(call text, over_clause text) RETURNS text LANGUAGE sql AS $$
    SELECT sqlstate_of(format('SELECT travel.impossible_legs(%s) %s FROM journeys WHERE who = ''b''', call,
        over_clause)) $$;
SELECT what, pg_temp.aggregated(call, over_clause)
FROM (VALUES
    (1, 'OVER',                 'event_time, ip', 'OVER ()'),
    (2, 'infinite time',        '''infinity'', ip', ''),
    (3, 'minus infinite time',  '''-infinity'', ip', ''),
    (4, 'NULL distance',        'event_time, ip, NULL::float8, 1000, false', ''),
    (5, 'NULL velocity',        'event_time, ip, id, 500, NULL, false', ''),
    (6, 'NULL use_accuracy',    'event_time, ip, id, 500, 1000, NULL', ''),
    (7, 'negative distance',    'event_time, ip, id, -1, 1000, false', ''),
    (8, 'NaN distance',         'event_time, ip, id, ''NaN'', 1000, false', ''),
    (9, 'infinite distance',    'event_time, ip, id, ''Infinity'', 1000, false', ''),
    (10, 'negative velocity',   'event_time, ip, id, 500, -0.1, false', ''),
    (11, 'NaN velocity',        'event_time, ip, id, 500, ''NaN'', false', ''),
    (12, 'infinite velocity',   'event_time, ip, id, 500, ''Infinity'', false', ''),
    (13, 'varying distance',    'event_time, ip, id, extract(minute from event_time), 1000, false', ''),
    (14, 'varying velocity',    'event_time, ip, id, 500, extract(minute from event_time), false', ''),
    (15, 'varying accuracy',    'event_time, ip, id, 500, 1000, extract(minute from event_time) > 20', ''),
    (16, 'zero thresholds',     'event_time, ip, id, 0, 0, false', ''),
    (17, 'named arguments',     'event_time => event_time, ip => ip', ''),
    (18, 'text',                'event_time, ip::text', ''),
    (19, 'text that is no address', 'event_time, travel.source_ip(''AWS Internal''::text)', ''),
    (20, 'coordinates out of range', 'event_time, 91, 0', ''),
    (21, 'coordinates NaN',     'event_time, ''NaN'', 0::float8', '')
) AS v (n, what, call, over_clause)
ORDER BY n;
-- An address of type text, in any form, with any type of time, says what to write instead; so does any other type.
\pset format unaligned
SELECT error_of('SELECT travel.impossible_legs(event_time, ip::text) FROM journeys');
SELECT error_of('SELECT travel.impossible_legs(event_time, ip::text) FROM journeys WHERE false');
\pset format aligned
SELECT call, pg_temp.aggregated(call, '')
FROM (VALUES
    (1, 'event_time, ip::text, id'), (2, 'event_time, ip::text, 500, 1000, false'),
    (3, 'event_time, ip::text, id, 500, 1000, false'), (4, 'event_time::timestamp, ip::text'),
    (5, 'event_time::timestamp, ip::text, id'), (6, 'event_time::timestamp, ip::text, 500, 1000, false'),
    (7, 'event_time::timestamp, ip::text, id, 500, 1000, false'), (8, 'event_time, ip::text::varchar'),
    (9, 'event_time, to_jsonb(host(ip))'),
    -- These are accepted: types that become inet, float8 or text by themselves, and literals.
    (10, 'event_time, ip::cidr, ''an id'''), (11, 'event_time, ip, id::varchar'), (12, 'event_time, 1.5::numeric, 2'),
    (13, 'event_time::timestamp, 1, 2, NULL')
) AS v (n, call)
ORDER BY n;
-- Thresholds may differ from group to group.
SELECT who,
    cardinality(travel.impossible_legs(event_time, ip, id, CASE who WHEN 'a' THEN 10000 ELSE 500 END, 1000, false))
FROM journeys
GROUP BY who
ORDER BY who;
-- The support functions of the aggregate cannot be called; the errors name the function to call instead.
\pset format unaligned
SELECT error_of('SELECT travel_internal.legs_add(NULL, now(), inet ''192.0.2.1'')');
SELECT error_of('SELECT travel_internal.legs_final(NULL)');
SELECT error_of('SELECT travel.impossible_legs(event_time, ip) OVER () FROM journeys');
SELECT error_of('SELECT travel.impossible_legs(event_time, ip, extract(minute from event_time), 1000, '
                'false) FROM journeys WHERE who = ''b''');
\pset format aligned
SELECT sqlstate_of('SELECT travel_internal.legs_combine(NULL, NULL)');

-- A parallel plan combines partial states of workers and leader, and gives the legs of the serial plan.
CREATE TABLE many AS
    SELECT n % 7 AS who, timestamptz '2026-03-02 00:00Z' + (n * 7919 % 20000) * interval '1 second' AS event_time,
           ('{192.0.2.1,203.0.113.1,198.51.100.1,192.0.2.49,10.0.0.1,2001:db8:3000::1}'::inet[])[1 + n * n % 6] AS ip,
           lpad((n * 31 % 20011)::text, 5, '0') AS id
    FROM generate_series(1, 20000) AS n;
ANALYZE many;
CREATE VIEW legs_of_many AS
SELECT who, travel.impossible_legs(event_time, ip, id) AS legs, travel.impossible_legs(event_time, ip) AS bare
FROM many
GROUP BY who;
CREATE TEMP TABLE serial AS TABLE legs_of_many;
SELECT sum(cardinality(legs)) AS legs, sum(cardinality(bare)) AS bare FROM serial;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT * FROM plan_of('TABLE legs_of_many');
CREATE TEMP TABLE parallel AS TABLE legs_of_many;
SELECT count(*) FILTER (WHERE s.legs = p.legs AND s.bare = p.bare) AS equal, count(*)
FROM serial AS s
FULL JOIN parallel AS p USING (who);
-- So does a sorted plan.
SET enable_hashagg = off;
SELECT * FROM plan_of('TABLE legs_of_many');
SELECT count(*) FILTER (WHERE s.legs = p.legs AND s.bare = p.bare) AS equal, count(*)
FROM serial AS s
FULL JOIN (TABLE legs_of_many) AS p USING (who);
RESET enable_hashagg;
-- So does a plan in which only a worker aggregates.
SELECT CASE
    WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode'
    ELSE 'debug_parallel_query' END AS whole_plan \gset
SET :whole_plan = on;
SELECT count(*) FILTER (WHERE s.legs = p.legs AND s.bare = p.bare) AS equal, count(*)
FROM serial AS s
FULL JOIN (TABLE legs_of_many) AS p USING (who);
RESET :whole_plan;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
-- A group whose state grows and packs itself: the ids-free form and the one with ids find the same, shuffled or not.
SELECT a.legs = b.legs AS shuffled_is_the_same, cardinality(a.legs) AS legs
FROM (SELECT travel.impossible_legs(event_time, ip, id ORDER BY event_time) AS legs FROM many) AS a,
     (SELECT travel.impossible_legs(event_time, ip, id ORDER BY md5(id)) AS legs FROM many) AS b;
CREATE TEMP VIEW with_ids AS
SELECT l.from_time, l.from_ip, l.to_time, l.to_ip, l.distance_km, l.from_city
FROM (SELECT travel.impossible_legs(event_time, ip, id) AS legs FROM many) AS s, unnest(legs) AS l;
CREATE TEMP VIEW without_ids AS
SELECT l.from_time, l.from_ip, l.to_time, l.to_ip, l.distance_km, l.from_city
FROM (SELECT travel.impossible_legs(event_time, ip) AS legs FROM many) AS s, unnest(legs) AS l;
SELECT count(*) AS differences
FROM ((TABLE with_ids EXCEPT ALL TABLE without_ids) UNION ALL (TABLE without_ids EXCEPT ALL TABLE with_ids)) AS d;
SET client_min_messages = warning;
DROP TABLE many CASCADE;

-- The rows of the aggregates over events in pg_aggregate. Those of travel.coverage, and some of
-- travel.detect, have other states.
SELECT count(*) AS aggregates, bool_and(aggtranstype = 'travel.journey'::regtype) AS own_state,
    bool_and(aggcombinefn <> 0) AS combines, bool_and(aggfinalmodify = 's') AS shareable,
       bool_and(proparallel = 's') AS parallel, min(aggtransspace) > 0 AS space
FROM pg_aggregate
JOIN pg_proc ON pg_proc.oid = aggfnoid
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND proname NOT IN ('entity_coverage', 'coverage_sum', 'ends', 'legs_of_entity', 'rows_of_legs', 'events_of_legs',
        'write_events');
