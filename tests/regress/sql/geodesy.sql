-- travel.distance_km and travel.velocity_kmh: values, symmetry, poles and antipodes, errors.
SET intervalstyle = postgres;

-- Known distances on a sphere of radius 6371.0088 km, in both directions.
SELECT what, round(travel.distance_km(a, b, c, d)::numeric, 6) AS km,
       travel.distance_km(a, b, c, d) = travel.distance_km(c, d, a, b) AS symmetric
FROM (VALUES
    (1, 'London to New York',              51.5074,   -0.1278,    40.7128,   -74.0060),
    (2, 'half around the equator',         0,         0,          0,         180),
    (3, 'one degree over the antimeridian', 0,        179.5,      0,         -179.5),
    (4, 'New York to Auckland',            40.71427,  -74.00597,  -36.84853, 174.76349),
    (5, 'Los Angeles to Anaheim',          34.05223,  -118.24368, 33.8085,   -117.9228),
    (6, 'pole to pole',                    90,        0,          -90,       0),
    (7, 'a pole is one point',             90,        10,         90,        -170),
    (8, 'the antimeridian is one line',    10,        180,        10,        -180),
    (9, 'no distance',                     51.5,      -0.1,       51.5,      -0.1),
    (10, 'null island is a place',         0,         0,          0,         0)
) AS v (n, what, a, b, c, d)
ORDER BY n;

-- For exact antipodes rounding takes the haversine over 1. The result must not be NaN, nor more than half the
-- circumference.
SELECT count(*) AS antipodes, count(*) FILTER (WHERE km = 'NaN') AS not_a_number,
       round(min(km)::numeric, 2) AS least, max(km) <= pi() * 6371.0088 AS within_half_the_circumference
FROM generate_series(-90, 90, 3) AS lat, generate_series(-180, 0, 7) AS lon,
     travel.distance_km(lat, lon, -lat, lon + 180) AS km;

-- Any NULL gives NULL.
SELECT travel.distance_km(NULL, 0, 0, 0) IS NULL AS a, travel.distance_km(0, NULL, 0, 0) IS NULL AS b,
       travel.distance_km(0, 0, NULL, 0) IS NULL AS c, travel.distance_km(0, 0, 0, NULL) IS NULL AS d,
       travel.velocity_kmh(NULL, '1 hour') IS NULL AS e, travel.velocity_kmh(1, NULL) IS NULL AS f;

-- An invalid coordinate is 22003, and the message names the argument. The limits themselves are valid.
\pset format unaligned
SELECT error_of('SELECT travel.distance_km(90.000001, 0, 0, 0)');
SELECT error_of('SELECT travel.distance_km(0, -180.5, 0, 0)');
SELECT split_part(error_of('SELECT travel.distance_km(-1e300, 0, 0, 0)'), E'\n', 1);
\pset format aligned
SELECT arguments, sqlstate_of(format('SELECT travel.distance_km(%s)', arguments)),
       split_part(split_part(error_of(format('SELECT travel.distance_km(%s)', arguments)), E'\n', 1), ': ', 2)
           AS message
FROM unnest(ARRAY[
    '-90.1, 0, 0, 0', '0, 180.1, 0, 0', '0, 0, 90.1, 0', '0, 0, 0, -180.1',
    '''NaN'', 0, 0, 0', '0, ''NaN'', 0, 0', '0, 0, ''NaN'', 0', '0, 0, 0, ''NaN''',
    '''Infinity'', 0, 0, 0', '0, 0, 0, ''-Infinity''',
    '90, 180, -90, -180'
]) AS arguments;

-- Velocity: the sign of the time does not matter; in no time it is infinite; no distance in no time is NULL.
SELECT km, elapsed, travel.velocity_kmh(km, elapsed)
FROM (VALUES
    (1, float8 '900', interval '1 hour'), (2, 900, '-1 hour'), (3, 900, '90 seconds'), (4, 0, '1 hour'), (5, 900, '0'),
    (6, 0, '0'), (7, 900, '1 hour -60 minutes'), (8, 2400, '1 day'), (9, 720, '1 month'), (10, 8766, '1 year'),
    (11, 1, '1 microsecond'), (12, 'Infinity', '1 hour'), (13, 900, '-1 day +23 hours')
) AS v (n, km, elapsed)
ORDER BY n;

SELECT arguments, sqlstate_of(format('SELECT travel.velocity_kmh(%s)', arguments))
FROM unnest(ARRAY['-1, ''1 hour''', '''NaN'', ''1 hour''', '''-Infinity'', ''1 hour''', '-0.0, ''1 hour'''])
    AS arguments;
\pset format unaligned
SELECT error_of('SELECT travel.velocity_kmh(-1, ''1 hour'')');
\pset format aligned

-- The functions are immutable, strict and parallel safe, so they may be indexed.
SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc
WHERE oid IN ('travel.distance_km(float8,float8,float8,float8)'::regprocedure,
    'travel.velocity_kmh(float8,interval)'::regprocedure)
ORDER BY 1;
