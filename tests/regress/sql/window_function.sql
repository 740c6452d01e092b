-- The window function travel.leg returns the leg that arrives at a row, in the order of OVER. Addresses: 192.0.2.1
-- London, .145 Cambridge, .49 Paris, 198.51.100.1 New York, 203.0.113.1 Tokyo, 203.0.113.33 Yokohama.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'

-- Every column of one leg: London to Tokyo in ten minutes.
CREATE TEMP TABLE two (event_time timestamptz, ip inet, id text);
INSERT INTO two VALUES ('2026-03-02 09:00Z', '192.0.2.1', 'a'), ('2026-03-02 09:10Z', '203.0.113.1', 'b');
\x on
SET extra_float_digits = 0;
SELECT (l).*
FROM (SELECT travel.leg(event_time, ip, id) OVER (ORDER BY event_time, ip) AS l FROM two) AS s
WHERE (l).to_time IS NOT NULL;
RESET extra_float_digits;
\x off

-- A leg connects consecutive located events with different addresses in a partition. Events that are not located
-- neither end nor start a leg, the same address makes no leg, and no leg crosses partitions.
CREATE TEMP TABLE journeys (who text, event_time timestamptz, ip inet, id text);
INSERT INTO journeys VALUES
    ('a', '2026-03-02 09:00Z', '192.0.2.1',       'a1'),
    ('a', '2026-03-02 09:01Z', '10.0.0.1',        'a2'),  -- private
    ('a', '2026-03-02 09:02Z', NULL,              'a3'),  -- no address
    ('a', '2026-03-02 09:03Z', '198.51.100.230',  'a4'),  -- in no database
    ('a', '2026-03-02 09:04Z', '198.19.240.1',    'a5'),  -- anycast
    ('a', '2026-03-02 09:05Z', '192.0.2.1/24',    'a6'),  -- the same host
    ('a', '2026-03-02 09:06Z', '::ffff:192.0.2.1','a7'),  -- and again
    ('a', '2026-03-02 09:10Z', '203.0.113.1',     'a8'),  -- from a7
    ('a', NULL,                '198.51.100.1',    'a9'),  -- no time
    ('b', '2026-03-02 09:20Z', '198.51.100.1',    'b1'),
    ('b', '2026-03-02 21:20Z', '2001:db8::1',     'b2'),  -- 12 hours: possible
    ('b', '2026-03-02 21:30Z', '192.0.2.145',     'b3'),  -- London to Cambridge: fast, not far
    ('c', '2026-03-02 09:00Z', '192.0.2.1',       'c1');
SELECT who, id, (l).from_event_id, (l).to_event_id, (l).from_city, (l).to_city, (l).from_ip, (l).to_ip,
    round((l).distance_km) AS km, (l).elapsed_seconds AS s,
       round((l).velocity_kmh) AS kmh, (l).impossible
FROM (SELECT *, travel.leg(event_time, ip, id) OVER (PARTITION BY who ORDER BY event_time, ip) AS l FROM journeys) AS t
ORDER BY who, id;

-- The thresholds are strict: more than the distance and faster than the velocity. London to Tokyo is d km.
CREATE TEMP VIEW d AS SELECT travel.distance_km(51.50853, -0.12574, 35.6895, 139.69171) AS d;
SELECT 'min_distance_km = d' AS what, (l).impossible
FROM (SELECT travel.leg(event_time, ip, id, d, 0) OVER (ORDER BY event_time, ip) AS l FROM two, d) AS s
WHERE (l).to_time IS NOT NULL
UNION ALL
SELECT 'min_distance_km < d', (l).impossible
FROM (SELECT travel.leg(event_time, ip, id, d - 0.001, 0) OVER (ORDER BY event_time, ip) AS l FROM two, d) AS s
WHERE (l).to_time IS NOT NULL
UNION ALL
SELECT 'min_velocity_kmh = d an hour', (l).impossible
FROM (
    SELECT travel.leg(CASE id WHEN 'a' THEN event_time ELSE event_time + '50 minutes' END, ip, id, 0, d)
        OVER (ORDER BY event_time, ip) AS l
    FROM two, d
) AS s
WHERE (l).to_time IS NOT NULL
UNION ALL
SELECT 'min_velocity_kmh < d an hour', (l).impossible
FROM (
    SELECT travel.leg(CASE id WHEN 'a' THEN event_time ELSE event_time + '50 minutes' END, ip, id, 0, d - 0.001)
        OVER (ORDER BY event_time, ip) AS l
    FROM two, d
) AS s
WHERE (l).to_time IS NOT NULL;

-- The same second: the distance alone decides, and there is no velocity.
SELECT (l).from_city, (l).to_city, (l).elapsed_seconds, (l).velocity_kmh, (l).impossible
FROM (
    SELECT ip, travel.leg('2026-03-02 09:00Z', ip) OVER (ORDER BY ip) AS l
    FROM unnest('{192.0.2.1,192.0.2.145,203.0.113.1}'::inet[]) AS ip
) AS s
WHERE (l).to_time IS NOT NULL ORDER BY ip;

-- Ties are in the order of hosts: IPv4 before IPv6, by their bytes.
SELECT row_number() OVER w AS n, ip, (travel.leg('2026-03-02 09:00Z', ip) OVER w).from_ip
FROM unnest('{2001:db8::1,203.0.113.1,192.0.2.145,192.0.2.49,2001:db8:2000::1,192.0.2.1}'::inet[]) AS ip
WINDOW w AS (ORDER BY ip) ORDER BY 1;

-- Events with the same time and address are one event with the smallest of their ids, bytewise with NULL last, at both
-- ends of a leg, in whatever order they come.
SELECT who, n, id, (l).from_event_id, (l).to_event_id
FROM (
    SELECT *, travel.leg(event_time, ip, id) OVER (PARTITION BY who ORDER BY event_time, ip, n) AS l
    FROM (VALUES
        ('a', 1, timestamptz '2026-03-02 09:00Z', inet '192.0.2.1', 'c'),
        ('a', 2, '2026-03-02 09:00Z', '192.0.2.1', NULL),
        ('a', 3, '2026-03-02 09:00Z', '192.0.2.1', 'B'),
        ('a', 4, '2026-03-02 09:10Z', '203.0.113.1', NULL),
        ('a', 5, '2026-03-02 09:10Z', '203.0.113.1', 'é'),
        ('a', 6, '2026-03-02 09:10Z', '203.0.113.1', 'z'),
        ('a', 7, '2026-03-02 09:10Z', '203.0.113.1', 'za'),
        ('b', 8, '2026-03-02 09:00Z', '192.0.2.1', NULL),
        ('b', 9, '2026-03-02 09:10Z', '203.0.113.1', NULL),
        ('b', 10, '2026-03-02 09:10Z', '203.0.113.1', NULL),
        ('c', 11, '2026-03-02 09:00Z', '192.0.2.1', 'x'),
        ('c', 12, '2026-03-02 09:00Z', '192.0.2.1', ''),
        ('c', 13, '2026-03-02 09:10Z', '203.0.113.1', 'y')
    ) AS v (who, n, event_time, ip, id)
) AS s
WHERE (l).to_time IS NOT NULL ORDER BY n;

-- The frame does not matter.
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b OR a IS DISTINCT FROM c OR a IS DISTINCT FROM d) AS differences,
    count((a).to_time) AS legs
FROM (
    SELECT travel.leg(event_time, ip, id) OVER (PARTITION BY who ORDER BY event_time, ip) AS a,
           travel.leg(event_time, ip, id)
               OVER (PARTITION BY who ORDER BY event_time, ip ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS b,
           travel.leg(event_time, ip, id)
               OVER (PARTITION BY who
                   ORDER BY event_time, ip ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING EXCLUDE TIES) AS c,
           travel.leg(event_time, ip, id)
               OVER (PARTITION BY who
                   ORDER BY event_time, ip GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS d
    FROM journeys WHERE event_time IS NOT NULL
) AS s;

-- Arguments by position, by name, and omitted; a text literal for an id; thresholds that are parameters.
SELECT (l).from_event_id, (l).to_event_id, (l).impossible
FROM (SELECT travel.leg(event_time, ip, min_velocity_kmh => 60000) OVER (ORDER BY event_time, ip) AS l FROM two) AS s
WHERE (l).to_time IS NOT NULL;
SELECT (l).from_event_id, (l).to_event_id, (l).impossible
FROM (
    SELECT travel.leg(ip => ip, event_time => event_time, use_accuracy => true, event_id => id, min_distance_km => 9558)
        OVER (ORDER BY event_time, ip) AS l
    FROM two
) AS s
WHERE (l).to_time IS NOT NULL;
PREPARE above(float8, float8) AS
SELECT (l).impossible
FROM (SELECT travel.leg(event_time, ip, id, $1, $2) OVER (ORDER BY event_time, ip) AS l FROM two) AS s
WHERE (l).to_time IS NOT NULL;
EXECUTE above(9000, 1000);
EXECUTE above(10000, 1000);
DEALLOCATE above;

-- use_accuracy: both radii are subtracted from the effective distance, which cannot fall below 0.
SELECT round((l).distance_km) AS km, round((l).effective_distance_km) AS evaluated, (l).from_accuracy_km AS r1,
    (l).to_accuracy_km AS r2, round((l).velocity_kmh) AS kmh, (l).impossible
FROM (SELECT n,
    travel.leg(timestamptz '2026-03-02 09:00Z' + n * interval '1 minute', ip, NULL, 0, 0, true) OVER (ORDER BY n) AS l
      FROM unnest('{192.0.2.1,203.0.113.1,198.19.200.1,198.51.100.200,198.51.100.161,198.51.100.1,192.0.2.145,'
                  '192.0.2.17}'::inet[])
          WITH ORDINALITY AS v (ip, n)) AS s
WHERE (l).to_time IS NOT NULL ORDER BY n;

-- Over sourceIPAddress as it is: a text that is not an address is not located.
SELECT source, (l).from_ip, (l).to_ip, (l).to_city
FROM (SELECT n, source,
    travel.leg(timestamptz '2026-03-02 09:00Z' + n * interval '1 minute', source, n::text) OVER (ORDER BY n) AS l
      FROM unnest(ARRAY['192.0.2.1', 'cloudtrail.amazonaws.com', 'AWS Internal', '075.050.255.67', '192.0.2.0/24',
          '10.0.0.1', '', NULL, '::ffff:192.0.2.1', '203.0.113.1'])
          WITH ORDINALITY AS v (source, n)) AS s
ORDER BY n;
-- A plain decimal number is not an address but a coordinate that was given as text or as a numeric literal.
SELECT n AS ip, sqlstate_of(format('SELECT travel.leg(now(), %L::text) OVER ()', n))
FROM unnest(ARRAY['51.5', '-0.12', '7', '+1.', '.5', '1e5', '1.2.3', '-', '.', 'x']) WITH ORDINALITY AS v (n, i)
ORDER BY i;
\pset format unaligned
SELECT error_of($$SELECT travel.leg(now(), '51.5'::text) OVER ()$$);
\pset format aligned

-- Over coordinates: they are the location and its identity, without an address and without GeoIP. NaN, coordinates out
-- of range and NULL are not located; 0,0 is a location; -0 is 0.
SELECT lat, lon, (l).from_latitude AS from_lat, (l).from_longitude AS from_lon, (l).from_ip, (l).to_city,
    (l).from_accuracy_km AS r, (l).to_event_id AS id, round((l).distance_km) AS km, (l).impossible
FROM (SELECT *,
    travel.leg(timestamptz '2026-03-02 09:00Z' + n * interval '1 minute', lat, lon, n::text) OVER (ORDER BY n) AS l
      FROM (VALUES (1, float8 '51.5', float8 '0'), (2, 51.5, 0), (3, 'NaN', 0), (4, 0, 'NaN'), (5, 90.5, 0),
          (6, 0, -180.5), (7, NULL, 0), (8, 0, NULL), (9, 'Infinity', 0),
                   (10, 0, 0), (11, '-0', '-0'), (12, 10, 180), (13, 10, -180), (14, 90, 0)) AS v (n, lat, lon)) AS s
ORDER BY n;
-- The same second, over coordinates: by latitude, then longitude.
SELECT lat, lon, (l).from_latitude, (l).from_longitude
FROM (
    SELECT *, travel.leg('2026-03-02 09:00Z', lat, lon) OVER (ORDER BY lat, lon) AS l
    FROM (VALUES (float8 '1', float8 '2'), (-1, 2), (1, -2), (-1, 2)) AS v (lat, lon)
) AS s
ORDER BY lat, lon;
-- With radii; an invalid one counts as 0.
SELECT r, (l).from_accuracy_km AS r1, (l).to_accuracy_km AS r2, round((l).distance_km) AS km,
    round((l).effective_distance_km) AS evaluated
FROM (SELECT *,
    travel_internal.leg_within(timestamptz '2026-03-02 09:00Z' + n * interval '1 hour', 0, lon, r, use_accuracy => true)
        OVER (ORDER BY n) AS l
      FROM (VALUES (1, float8 '0', float8 '100'), (2, 10, 200), (3, 20, NULL), (4, 30, 'NaN'), (5, 40, -5),
          (6, 50, 5000))
          AS v (n, lon, r)) AS s
      ORDER BY n;

-- Invalid windows.
CREATE FUNCTION pg_temp.windowed(call text, over_clause text) RETURNS text LANGUAGE sql AS $$
    SELECT sqlstate_of(format('SELECT travel.leg(%s) OVER (%s) FROM two', call, over_clause)) $$;
SELECT what, pg_temp.windowed(call, coalesce(over_clause, 'ORDER BY event_time, ip'))
FROM (VALUES
    (1, 'descending times',     'event_time, ip', 'ORDER BY event_time DESC'),
    (2, 'infinite time',        '''infinity'', ip', NULL),
    (3, 'minus infinite time',  '''-infinity'', ip', NULL),
    (4, 'NULL distance',        'event_time, ip, NULL, NULL, 1000, false', NULL),
    (5, 'NULL velocity',        'event_time, ip, NULL, 500, NULL, false', NULL),
    (6, 'NULL use_accuracy',    'event_time, ip, NULL, 500, 1000, NULL', NULL),
    (7, 'negative distance',    'event_time, ip, NULL, -1', NULL),
    (8, 'NaN distance',         'event_time, ip, NULL, ''NaN''', NULL),
    (9, 'infinite distance',    'event_time, ip, NULL, ''Infinity''', NULL),
    (10, 'negative velocity',   'event_time, ip, NULL, 500, -0.1', NULL),
    (11, 'NaN velocity',        'event_time, ip, NULL, 500, ''NaN''', NULL),
    (12, 'infinite velocity',   'event_time, ip, NULL, 500, ''Infinity''', NULL),
    (13, 'varying distance',    'event_time, ip, NULL, extract(minute from event_time)', NULL),
    (14, 'varying velocity',    'event_time, ip, NULL, 500, extract(minute from event_time)', NULL),
    (15, 'varying accuracy',    'event_time, ip, NULL, 500, 1000, extract(minute from event_time) > 0', NULL),
    (16, 'varying by partition','event_time, ip, NULL, extract(minute from event_time)',
        'PARTITION BY ip ORDER BY event_time'),
    (17, 'zero thresholds',     'event_time, ip, NULL, 0, 0', NULL),
    (18, 'no order',            'event_time, ip', ''),
    (19, 'no address at all',   'event_time, NULL::inet', NULL),
    (20, 'no time at all',      'NULL, ip', NULL)
) AS v (n, what, call, over_clause)
ORDER BY n;
-- A descending time is found across rows that are not located; a NULL time is skipped.
SELECT sqlstate_of($$
    SELECT travel.leg(t, ip) OVER (ORDER BY n)
    FROM (VALUES (1, timestamptz '2026-03-02 09:00Z', inet '10.0.0.1'), (2, '2026-03-02 08:00Z', '192.0.2.1'))
        AS v (n, t, ip)
$$);
SELECT sqlstate_of($$
    SELECT travel.leg(t, ip) OVER (ORDER BY n)
    FROM (VALUES (1, timestamptz '2026-03-02 09:00Z', inet '192.0.2.1'), (2, NULL, '192.0.2.1'),
        (3, '2026-03-02 09:00Z', '192.0.2.1'))
        AS v (n, t, ip)
$$);
-- Without OVER, in WHERE, nested in itself: PostgreSQL's rules for window functions apply.
SELECT sqlstate_of('SELECT travel.leg(event_time, ip) FROM two') AS no_over,
    sqlstate_of('SELECT 1 FROM two WHERE (travel.leg(event_time, ip) OVER ()) IS NULL') AS in_where,
       sqlstate_of('SELECT travel.leg(event_time, ip) FILTER (WHERE true) OVER () FROM two') AS filter,
           sqlstate_of('SELECT travel.leg(DISTINCT event_time, ip) OVER () FROM two') AS "distinct";
\pset format unaligned
SELECT error_of('SELECT travel.leg(event_time, ip) OVER (ORDER BY event_time DESC) FROM two');
SELECT error_of('SELECT travel.leg(event_time, ip, NULL, extract(minute from event_time)) OVER (ORDER BY event_time) '
                'FROM two');
SELECT error_of('SELECT travel.leg(event_time, ip, NULL, NULL, 1000) OVER (ORDER BY event_time) FROM two');
SELECT error_of('SELECT travel.leg(event_time, ip, NULL, 500, -1) OVER (ORDER BY event_time) FROM two');
SELECT error_of('SELECT travel.leg(''infinity'', ip) OVER () FROM two');
\pset format aligned
-- At the limits of timestamptz, the elapsed time of a leg does not overflow.
SELECT (l).elapsed_seconds, (l).impossible
FROM (
    SELECT travel.leg(t, ip) OVER (ORDER BY t) AS l
    FROM (VALUES (timestamptz '4714-11-24 00:00:00+00 BC', inet '192.0.2.1'),
        ('294276-12-31 23:59:59.999999+00', '203.0.113.1'))
        AS v (t, ip)
) AS s
WHERE (l).to_time IS NOT NULL;

-- Expanded into its 35 columns there is one call per row: the function counts how often its first argument is
-- evaluated.
CREATE TEMP SEQUENCE calls;
CREATE FUNCTION pg_temp.counted(t timestamptz) RETURNS timestamptz STABLE
    LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('calls'); RETURN t; END $$;
CREATE TEMP TABLE expanded AS
SELECT (travel.leg(pg_temp.counted(event_time), ip) OVER (ORDER BY event_time, ip)).*
FROM two;
SELECT count(*) AS rows, count(from_time) AS legs FROM expanded;
SELECT last_value AS calls FROM calls;
-- There is one window node, and no node above it that would call the function again.
SELECT left(line, 60) AS line
FROM plan_of('SELECT (travel.leg(event_time, ip, id) OVER w).* FROM two WINDOW w AS (ORDER BY event_time, ip)') AS line;
SELECT provolatile, proparallel, prokind
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND proname IN ('leg', 'leg_within')
ORDER BY oid;
-- Many partitions, many rows of one event, and ids longer than a block: each partition has its own memory.
SELECT count(*) AS legs, min(length((l).from_event_id)) AS shortest, max(length((l).to_event_id)) AS longest,
    bool_and((l).from_event_id = repeat('a', 10 * who) AND (l).to_event_id = repeat('b', 10 * who)) AS right
FROM (SELECT who, travel.leg(timestamptz '2026-03-02 09:00Z' + (n > 50)::int * interval '1 minute',
                             CASE WHEN n > 50 THEN inet '203.0.113.1' ELSE '192.0.2.1' END,
                             repeat(CASE WHEN n > 50 THEN 'b' ELSE 'a' END,
                                 CASE WHEN n % 50 = 25 THEN 10 * who ELSE 10 * who + n END)) OVER (PARTITION BY who
                             ORDER BY n) AS l
      FROM generate_series(1, 300) AS who, generate_series(1, 100) AS n) AS s
WHERE (l).to_time IS NOT NULL;
