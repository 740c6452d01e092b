-- travel.networks: named networks in every entry point. The core decides which network applies to an address, and has
-- tests of its own; here the result is compared with a plain reference in SQL.
SET timezone = 'UTC';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
\pset null '-'

-- Rows that the table refuses.
CREATE FUNCTION pg_temp.refused(columns text, "values" text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    violated text;
BEGIN
    EXECUTE format('INSERT INTO travel.networks (%s) VALUES (%s)', columns, "values");
    DELETE FROM travel.networks;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
    RETURN concat_ws(' ', sqlstate, nullif(violated, ''));
END $$;
SELECT what, pg_temp.refused(c, v) FROM (VALUES
    (1,  'nothing but a network and a name', 'network, name', $$'10.0.0.0/8', 'a'$$),
    (2,  'nothing but an AS and a name',     'asn, name', $$64496, 'a'$$),
    (3,  'neither network nor AS',           'name', $$'a'$$),
    (4,  'both',                             'network, asn, name', $$'10.0.0.0/8', 64496, 'a'$$),
    (5,  'no name',                          'network', $$'10.0.0.0/8'$$),
    (6,  'an empty name',                    'network, name', $$'10.0.0.0/8', ''$$),
    (7,  'an address with host bits',        'network, name', $$'10.0.0.1/8', 'a'$$),
    (8,  'an unknown treatment',             'network, name, treatment', $$'10.0.0.0/8', 'a', 'allow'$$),
    (9,  'a latitude without a longitude',   'network, name, latitude, country_code', $$'10.0.0.0/8', 'a', 1, 'DE'$$),
    (10, 'coordinates without a country',    'network, name, latitude, longitude', $$'10.0.0.0/8', 'a', 1, 1$$),
    (11, 'a latitude out of range', 'network, name, latitude, longitude, country_code',
        $$'10.0.0.0/8', 'a', 90.5, 1, 'DE'$$),
    (12, 'a longitude that is NaN', 'network, name, latitude, longitude, country_code',
        $$'10.0.0.0/8', 'a', 1, 'NaN', 'DE'$$),
    (13, 'a country code in lower case',     'network, name, country_code', $$'10.0.0.0/8', 'a', 'de'$$),
    (14, 'an AS that is none',               'asn, name', $$-1, 'a'$$),
    (15, 'an AS beyond 32 bits',             'asn, name', $$4294967296, 'a'$$),
    (16, 'an end before the beginning', 'network, name, valid_from, valid_until',
        $$'10.0.0.0/8', 'a', '2026-03-02', '2026-03-01'$$),
    (17, 'no time between the two', 'network, name, valid_from, valid_until',
        $$'10.0.0.0/8', 'a', '2026-03-02', '2026-03-02'$$),
    (18, 'an empty hosting',                 'network, name, hosting', $$'10.0.0.0/8', 'a', ''$$),
    (19, 'an unknown origin',                'network, name, origin', $$'10.0.0.0/8', 'a', 'gcp'$$),
    (20, 'a name that is too long',          'network, name', $$'10.0.0.0/8', repeat('a', 201)$$),
    (21, 'a note that is too long',          'network, name, note', $$'10.0.0.0/8', 'a', repeat('a', 1001)$$)
) AS r (n, what, c, v) ORDER BY n;

-- A network replaces the location of an address, and keeps its AS and network attributes.
INSERT INTO travel.networks (network, name, latitude, longitude, city, subdivision, country, country_code)
VALUES ('192.0.2.0/24', 'office', 47.37, 8.54, 'Zürich', 'Zürich', 'Switzerland', 'CH');
\x on
SELECT * FROM travel.locate('192.0.2.1');
\x off
-- Without a city the location is the middle of a country. A network by AS keeps the prefix of GeoIP. A network with
-- only hosting changes nothing else.
UPDATE travel.networks SET city = NULL, subdivision = NULL;
INSERT INTO travel.networks (asn, name, latitude, longitude, city, country_code) VALUES (64502, 'as', 1, 2, 'As', 'JP');
INSERT INTO travel.networks (network, name, hosting)
VALUES ('198.51.100.0/24', 'rented', 'example-cloud'), ('10.9.0.0/16', 'rented too', 'example-cloud');
SELECT ip, latitude, longitude, accuracy_km, precision, city, subdivision, country, country_code, network, asn, hosting
FROM unnest('{192.0.2.1,203.0.113.1,198.51.100.1,10.9.0.1,2001:db8:2000::1}'::inet[]) WITH ORDINALITY AS v (ip, n)
CROSS JOIN LATERAL travel.locate(ip)
ORDER BY n;
-- A network can locate an address that no database knows, and an anycast address; a treatment alone locates nothing.
INSERT INTO travel.networks (network, name, treatment, latitude, longitude, country_code)
VALUES
    ('8.8.8.0/24', 'unknown to GeoIP', 'place', 3, 4, 'US'),
    ('198.19.240.1', 'anycast', 'place', 5, 6, 'US'),
    ('10.8.0.0/16', 'vpn', 'vpn', NULL, NULL, NULL);
SELECT ip, travel.locate(ip) IS NOT DISTINCT FROM NULL AS nothing_known, travel.is_located(ip),
    (travel.locate(ip)).latitude
FROM unnest('{8.8.8.8,198.19.240.1,198.19.240.2,10.8.0.1,10.9.0.1}'::inet[]) WITH ORDINALITY AS v (ip, n) ORDER BY n;
TRUNCATE travel.networks;

-- Of several networks the user's precedes an imported one, a prefix an AS, the longer prefix the shorter, the later
-- valid_from the earlier; then the name decides.
INSERT INTO travel.networks (network, asn, name, latitude, longitude, city, country_code, origin, valid_from) VALUES
    ('10.0.0.0/8',          NULL,  'b', 1, 1, 'eight',          'CH', 'user', NULL),
    ('10.1.0.0/16',         NULL,  'b', 1, 1, 'sixteen',        'CH', 'user', NULL),
    ('10.1.2.0/24',         NULL,  'b', 1, 1, 'imported',       'CH', 'aws',  NULL),
    ('10.2.0.0/16',         NULL,  'b', 1, 1, 'always',         'CH', 'user', NULL),
    ('10.2.0.0/16',         NULL,  'b', 1, 1, 'since March',    'CH', 'user', '2026-03-01'),
    ('10.2.0.0/16',         NULL,  'a', 1, 1, 'since March, a', 'CH', 'user', '2026-03-01'),
    ('fd00::/8',            NULL,  'b', 1, 1, 'unique local',   'CH', 'user', NULL),
    ('fd00:1::/32',         NULL,  'b', 1, 1, 'longer',         'CH', 'user', NULL),
    ('2001:db8::/32',       NULL,  'b', 1, 1, 'documentation',  'CH', 'aws',  NULL),
    ('::ffff:10.3.0.0/112', NULL,  'b', 1, 1, 'mapped',         'CH', 'user', NULL),
    ('::/0',                NULL,  'b', 1, 1, 'all of IPv6',    'CH', 'aws',  NULL),
    (NULL,                  64496, 'b', 1, 1, 'AS by hand',     'CH', 'user', NULL),
    ('192.0.2.0/28',        NULL,  'b', 1, 1, 'its prefix',     'CH', 'aws',  NULL),
    (NULL,                  64502, 'b', 1, 1, 'imported AS',    'CH', 'aws',  NULL),
    ('203.0.113.0/24',      NULL,  'b', 1, 1, 'a prefix',       'CH', 'aws',  NULL);
SELECT ip, city, network
FROM unnest('{10.0.0.1,10.1.0.1,10.1.2.1,10.2.0.1,10.3.0.1,::ffff:10.3.0.1,fd00::1,fd00:1::1,2001:db8:3000::1,'
            '2001:db8::1,2001:4860::1,192.0.2.1,203.0.113.1,203.0.113.33,8.8.8.8}'::inet[])
     WITH ORDINALITY AS v (ip, n) CROSS JOIN LATERAL travel.locate(ip) ORDER BY n;
SELECT (travel.locate('10.2.0.1', '2026-02-28 23:59:59.999999Z')).city AS before,
    (travel.locate('10.2.0.1', '2026-03-01Z')).city AS from_then_on;
-- The first network gives the treatment, the first with coordinates the location, the first with hosting the hosting.
INSERT INTO travel.networks (network, name, treatment, hosting)
VALUES ('10.1.9.0/24', 'inner', 'ignore', NULL), ('10.1.8.0/23', 'outer', 'trusted', 'example-cloud');
SELECT ip, city, hosting, network, travel_internal.is_ignored(ip), travel.is_located(ip)
FROM unnest('{10.1.9.1,10.1.8.1,10.1.7.1}'::inet[]) AS ip
CROSS JOIN LATERAL travel.locate(ip)
ORDER BY ip DESC;
SELECT travel_internal.is_ignored(NULL) AS null_ip, travel_internal.is_ignored('10.1.9.1', NULL) AS null_time,
    travel_internal.is_ignored('8.8.8.8') AS public;
SELECT provolatile, proisstrict, proparallel
FROM pg_proc
WHERE oid = 'travel_internal.is_ignored(inet, timestamptz)'::regprocedure;
TRUNCATE travel.networks;

-- Validity is by the time of the event: valid_from is in, valid_until is out. Alice's office moves from London to Tokyo
-- at noon.
INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code, valid_from, valid_until) VALUES
    ('10.0.0.0/16', 'office', 51.51, -0.13, 'London', 'GB', NULL, '2026-03-02 12:00Z'),
    ('10.0.0.0/16', 'office', 35.69, 139.69, 'Tokyo', 'JP', '2026-03-02 12:00Z', '2026-03-03Z');
SELECT at, (travel.locate('10.0.0.1', at)).city, travel.is_located('10.0.0.1', at)
FROM unnest('{-infinity,2026-03-02 11:59:59.999999Z,2026-03-02 12:00Z,2026-03-02 23:59:59Z,2026-03-03Z,'
            'infinity}'::timestamptz[])
    AS at;
CREATE TABLE events (event_id text, access_key_id text, event_time timestamptz, source_ip inet, outcome text,
    invoked_by text);
INSERT INTO events VALUES
    ('1', 'K', '2026-03-02 10:00Z', '10.0.0.1', NULL, NULL),      -- London
    ('2', 'K', '2026-03-02 11:00Z', '192.0.2.1', NULL, NULL),     -- London, by GeoIP
    ('3', 'K', '2026-03-02 12:00Z', '10.0.0.1', NULL, NULL),      -- Tokyo
    ('4', 'K', '2026-03-02 12:30Z', '10.0.0.1', NULL, NULL),      -- Tokyo: the same address makes no leg
    ('5', 'K', '2026-03-02 13:00Z', '203.0.113.1', NULL, NULL),   -- Tokyo, by GeoIP
    ('6', 'K', '2026-03-03 00:00Z', '10.0.0.1', NULL, NULL),      -- nowhere: the office is closed
    ('7', 'K', '2026-03-03 00:10Z', '192.0.2.1', NULL, NULL);     -- London
CREATE VIEW entry_points AS
    SELECT 'window' AS entry_point, (l).from_event_id, (l).to_event_id, (l).from_city, (l).to_city, (l).impossible
    FROM (
        SELECT travel.leg(event_time, source_ip, event_id)
            OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
        FROM events
    ) AS s
    WHERE (l).to_time IS NOT NULL
    UNION ALL SELECT 'window, text', (l).from_event_id, (l).to_event_id, (l).from_city, (l).to_city, (l).impossible
    FROM (
        SELECT travel.leg(event_time, host(source_ip), event_id)
            OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
        FROM events
    ) AS s
    WHERE (l).to_time IS NOT NULL
    UNION ALL SELECT 'aggregate', l.from_event_id, l.to_event_id, l.from_city, l.to_city, l.impossible
    FROM (
        SELECT travel.impossible_legs(event_time, source_ip, event_id) AS legs FROM events GROUP BY access_key_id
    ) AS s,
        unnest(legs) AS l
    UNION ALL SELECT 'aggregate, text', l.from_event_id, l.to_event_id, l.from_city, l.to_city, l.impossible
    FROM (
        SELECT travel.impossible_legs(event_time, travel.source_ip(host(source_ip)), event_id) AS legs
        FROM events GROUP BY access_key_id
    ) AS s,
        unnest(legs) AS l
    UNION ALL SELECT 'detect, all_legs', from_event_id, to_event_id, from_city, to_city, impossible
    FROM travel.detect('events', all_legs => true)
    UNION ALL SELECT 'detect', from_event_id, to_event_id, from_city, to_city, impossible FROM travel.detect('events');
SELECT from_event_id, to_event_id, from_city, to_city, impossible,
    string_agg(entry_point, ', ' ORDER BY entry_point) AS entry_points
FROM entry_points
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2;
SELECT status, sum(events) AS events FROM travel.coverage('events') GROUP BY 1 ORDER BY 1;
-- A view over the text of detect_sql gives the same.
SELECT travel.detect_sql('events') AS query \gset
SELECT from_event_id, to_event_id, from_city, to_city FROM (:query) AS f;

-- An ignored event counts as absent in every entry point; the notice and coverage count it neither as evaluated nor as
-- not located.
INSERT INTO travel.networks (network, name, treatment, valid_until)
VALUES ('203.0.113.0/24', 'scanner', 'ignore', '2026-03-03Z'), ('10.0.0.1', 'closed', 'ignore', '2026-03-02 11:00Z');
SELECT from_event_id, to_event_id, from_city, to_city, impossible,
    string_agg(entry_point, ', ' ORDER BY entry_point) AS entry_points
FROM entry_points
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2;
SELECT source_kind, status, events, entities FROM travel.coverage('events');
SET impossible_travel.coverage_notice = on;
SELECT count(*) FROM travel.detect('events');
SELECT count(*) FROM travel.detect('events', all_legs => true);
SET impossible_travel.coverage_notice = off;
-- travel.locate still returns its location.
SELECT city FROM travel.locate('203.0.113.1', '2026-03-02Z');
-- In coverage the status follows service and precedes not_located.
INSERT INTO events
VALUES
    ('8', 'K', '2026-03-02 10:30Z', '10.0.0.1', 'failed_auth', NULL),
    ('9', 'K', '2026-03-02 10:30Z', '10.0.0.1', NULL, 'x'),
    ('a', NULL, '2026-03-02 10:30Z', '10.0.0.1', NULL, NULL),
    ('b', 'K', '2026-03-02 10:30Z', '10.0.0.1', NULL, NULL),
    ('c', 'K', '2026-03-02 10:30Z', '10.0.0.1', NULL, NULL);
SELECT status, sum(events) AS events FROM travel.coverage('events') GROUP BY 1 ORDER BY 1;
-- vpn and trusted have no effect here, except by their coordinates.
TRUNCATE travel.networks;
INSERT INTO travel.networks (network, name, treatment, latitude, longitude, country_code)
VALUES ('203.0.113.0/24', 'vpn', 'vpn', 35.69, 139.69, 'JP'), ('192.0.2.0/24', 'trusted', 'trusted', NULL, NULL, NULL);
SELECT from_event_id, to_event_id, from_city, to_city, round(distance_km) AS km FROM travel.detect('events') ORDER BY 1;

-- Networks are read as of the snapshot of the statement: each statement of a block sees changes before it, and a
-- rollback to a savepoint undoes them.
CREATE FUNCTION city_of(ip inet) RETURNS text STABLE
    LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce((travel.locate(ip)).city, '-'); END $$;
TRUNCATE travel.networks;
DO $$
DECLARE
    seen text[] = ARRAY[city_of('10.0.0.1')];
BEGIN
    INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code)
    VALUES ('10.0.0.0/8', 'a', 1, 1, 'one', 'CH');
    seen = seen || (travel.locate('10.0.0.1')).city;
    UPDATE travel.networks SET city = 'two';
    seen = seen || city_of('10.0.0.1') || (SELECT city FROM travel.locate('10.0.0.1'));
    BEGIN
        UPDATE travel.networks SET city = 'three';
        seen = seen || city_of('10.0.0.1');
        RAISE 'back';
    EXCEPTION WHEN raise_exception THEN
        -- A variable keeps its value.
        NULL;
    END;
    seen = seen || city_of('10.0.0.1');
    DELETE FROM travel.networks;
    seen = seen || city_of('10.0.0.1');
    RAISE NOTICE '%', seen;
END $$;
-- A cursor keeps the snapshot that it was opened with.
INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code)
VALUES ('10.0.0.0/8', 'a', 1, 1, 'old', 'CH');
BEGIN;
DECLARE opened CURSOR FOR SELECT (travel.locate('10.0.0.1')).city FROM generate_series(1, 2);
UPDATE travel.networks SET city = 'new';
SELECT (travel.locate('10.0.0.1')).city AS now;
FETCH 1 FROM opened;
SELECT (travel.locate('10.0.0.1')).city AS now;
SAVEPOINT a;
UPDATE travel.networks SET city = 'newer';
SELECT (travel.locate('10.0.0.1')).city AS now;
ROLLBACK TO a;
FETCH 1 FROM opened;
SELECT (travel.locate('10.0.0.1')).city AS now;
ROLLBACK;
SELECT (travel.locate('10.0.0.1')).city AS now;
-- A statement does not see its own change.
WITH changed AS (UPDATE travel.networks SET city = 'changed' RETURNING network)
SELECT network, (travel.locate('10.0.0.1')).city
FROM changed;
SELECT (travel.locate('10.0.0.1')).city;

-- A role that cannot read the table gets the same locations.
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT sqlstate_of('SELECT FROM travel.networks') AS reading, sqlstate_of('DELETE FROM travel.networks') AS writing,
    (travel.locate('10.0.0.1')).city, travel.is_located('10.0.0.1'), travel_internal.is_ignored('10.0.0.1');
RESET ROLE;
DROP ROLE regress_nobody;
DROP TABLE events CASCADE;
TRUNCATE travel.networks;

-- Every entry point agrees with a plain reference over thousands of events with ties, duplicates and networks that
-- change in between.
CREATE FUNCTION pg_temp.pick(n int, stream int, below int) RETURNS int IMMUTABLE LANGUAGE sql AS $$
    SELECT ((('x' || left(md5(n || '/' || stream), 7))::bit(28)::int) % below) $$;
CREATE TABLE events AS
SELECT 'K' || pg_temp.pick(n, 1, 2) AS access_key_id, 'id' || pg_temp.pick(n, 2, 9000) AS event_id,
       timestamptz '2026-03-01 00:00Z' + pg_temp.pick(n, 3, 172800) * interval '1 second' AS event_time,
       (ARRAY['192.0.2.1', '192.0.2.49', '203.0.113.1', '203.0.113.193', '198.51.100.1', '198.51.100.70',
           '198.19.240.1', '2001:db8::1', '2001:db8:2000::1', '10.0.0.1', '10.0.1.1', '10.1.0.1', '172.16.0.1',
           'fd00::1', '8.8.8.8', '9.9.9.9'])[1 + pg_temp.pick(n, 4, 16)]::inet AS source_ip,
       CASE pg_temp.pick(n, 5, 10) WHEN 0 THEN 'failed_auth' ELSE 'success' END AS outcome, NULL::text AS invoked_by
FROM generate_series(1, 6000) AS n;
INSERT INTO events SELECT * FROM events WHERE length(event_id) = 5;
ANALYZE events;
CREATE TABLE geoip AS
SELECT ip, latitude, longitude, asn
FROM (SELECT DISTINCT source_ip AS ip FROM events) AS e
CROSS JOIN LATERAL travel.locate(ip);
INSERT INTO travel.networks (network, asn, name, treatment, latitude, longitude, country_code, hosting, origin,
    valid_from, valid_until)
VALUES
    ('10.0.0.0/8', NULL, 'all', 'place', 48.85, 2.35, 'FR', NULL, 'user', NULL, '2026-03-02 12:00Z'),
    ('10.0.0.0/16',     NULL,  'moved',  'place',   35.69, 139.69,  'JP', NULL,  'user', '2026-03-01 12:00Z', NULL),
    ('10.0.1.0/24', NULL, 'quiet', 'ignore', NULL, NULL, NULL, NULL, 'user', '2026-03-01 06:00Z', '2026-03-02 06:00Z'),
    ('172.16.0.0/12', NULL, 'quiet', 'ignore', 1, 1, 'GA', NULL, 'user', NULL, '2026-03-02Z'),
    ('192.0.2.0/24', NULL, 'office', 'trusted', 52.52, 13.4, 'DE', NULL, 'user', '2026-03-01 18:00Z',
        '2026-03-02 03:00Z'),
    (NULL,              16509, 'AS',     'vpn',     38.95, -77.45,  'US', 'as',  'user', '2026-03-01 18:00Z', NULL),
    ('198.51.100.0/24', NULL,  'range',  'ignore',  40.7,  -74.0,   'US', 'aws', 'aws',  NULL,                NULL),
    ('198.51.100.0/27', NULL, 'range', 'place', NULL, NULL, NULL, NULL, 'user', NULL, '2026-03-01 18:00Z'),
    ('2001:db8::/32',   NULL,  'v6',     'place',   -33.9, 151.2,   'AU', NULL,  'aws',  '2026-03-02Z',       NULL),
    ('9.9.9.9/32',      NULL,  'host',   'place',   0,     0,       'GA', NULL,  'user', '2026-03-02Z',       NULL);
-- The reference takes the first network of each kind in the order of precedence. Events are distinct (time, address)
-- pairs.
CREATE TABLE located_events AS
    SELECT e.*, n.treatment IS NOT DISTINCT FROM 'ignore' AS is_ignored, coalesce(n.latitude, g.latitude) AS latitude,
        coalesce(n.longitude, g.longitude) AS longitude
    FROM events AS e JOIN geoip AS g ON g.ip = e.source_ip
    LEFT JOIN LATERAL (
        SELECT (array_agg(treatment ORDER BY rank))[1] AS treatment,
            (array_agg(latitude ORDER BY rank) FILTER (WHERE latitude IS NOT NULL))[1] AS latitude,
            (array_agg(longitude ORDER BY rank) FILTER (WHERE latitude IS NOT NULL))[1] AS longitude
        FROM (SELECT *,
            row_number()
                OVER (ORDER BY origin = 'user' DESC, network IS NULL, masklen(network) DESC, valid_from DESC NULLS LAST,
                    name) AS rank
            FROM travel.networks
              WHERE (network >>= e.source_ip OR asn = g.asn)
                  AND coalesce(valid_from <= e.event_time, true)
                  AND coalesce(e.event_time < valid_until, true)) AS fitting
    ) AS n ON true;
CREATE VIEW reference AS
    SELECT access_key_id AS entity, event_time AS to_time, source_ip AS to_ip, from_time, from_ip,
        event_id AS to_event_id, from_event_id, round(km::numeric, 3) AS km, s, km > 500
        AND km > 1000 * s / 3600 AS impossible
    FROM (SELECT *, travel.distance_km(from_latitude, from_longitude, latitude, longitude) AS km,
        extract(epoch FROM event_time - from_time)::float8 AS s
          FROM (SELECT *, lag(event_time) OVER w AS from_time, lag(source_ip) OVER w AS from_ip,
              lag(event_id) OVER w AS from_event_id, lag(latitude) OVER w AS from_latitude,
              lag(longitude) OVER w AS from_longitude
                FROM (
                    SELECT DISTINCT ON (access_key_id, event_time, source_ip) *
                    FROM located_events
                    WHERE outcome <> 'failed_auth' AND NOT is_ignored AND latitude IS NOT NULL
                    ORDER BY access_key_id, event_time, source_ip, event_id COLLATE "C"
                ) AS e
                WINDOW w AS (PARTITION BY access_key_id ORDER BY event_time, source_ip)) AS e
          WHERE from_ip <> source_ip) AS e;
CREATE VIEW by_window AS
SELECT entity, (l).to_time, (l).to_ip, (l).from_time, (l).from_ip, (l).to_event_id, (l).from_event_id,
    round((l).distance_km::numeric, 3) AS km, (l).elapsed_seconds AS s, (l).impossible
    FROM (
        SELECT access_key_id AS entity,
            travel.leg(event_time, source_ip, event_id)
                OVER (PARTITION BY access_key_id ORDER BY event_time, source_ip) AS l
        FROM events
        WHERE outcome <> 'failed_auth'
    ) AS w
    WHERE (l).to_time IS NOT NULL;
CREATE VIEW by_aggregate AS
SELECT entity, l.to_time, l.to_ip, l.from_time, l.from_ip, l.to_event_id, l.from_event_id,
    round(l.distance_km::numeric, 3) AS km, l.elapsed_seconds AS s, l.impossible
    FROM (
        SELECT access_key_id AS entity, travel.impossible_legs(event_time, source_ip, event_id) AS legs
        FROM events
        WHERE outcome <> 'failed_auth'
        GROUP BY 1
    ) AS a,
        unnest(legs) AS l;
CREATE VIEW by_aggregate_without_ids AS
SELECT entity, l.to_time, l.to_ip, l.from_time, l.from_ip, round(l.distance_km::numeric, 3) AS km,
    l.elapsed_seconds AS s, l.impossible
    FROM (
        SELECT access_key_id AS entity, travel.impossible_legs(event_time, source_ip) AS legs
        FROM events
        WHERE outcome <> 'failed_auth'
        GROUP BY 1
    ) AS a,
        unnest(legs) AS l;
CREATE VIEW by_detect AS
SELECT entity, to_time, to_ip, from_time, from_ip, to_event_id, from_event_id, round(distance_km::numeric, 3) AS km,
    elapsed_seconds AS s, impossible
FROM travel.detect('events', all_legs => true);
CREATE VIEW by_detect_impossible AS
SELECT entity, to_time, to_ip, from_time, from_ip, to_event_id, from_event_id, round(distance_km::numeric, 3) AS km,
    elapsed_seconds AS s, impossible
FROM travel.detect('events');
CREATE FUNCTION differences(a text, b text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) AS d', a, b) INTO n;
    RETURN n;
END $$;
SELECT count(*) AS legs, count(*) FILTER (WHERE impossible) AS impossible, count(*) FILTER (WHERE s = 0) AS same_second
FROM reference;
CREATE VIEW compared AS
    SELECT differences('TABLE reference', 'TABLE by_window') AS
    window, differences('TABLE reference', 'TABLE by_detect') AS all_legs,
           differences('SELECT * FROM reference WHERE impossible', 'TABLE by_aggregate') AS aggregate,
               differences('SELECT * FROM reference WHERE impossible', 'TABLE by_detect_impossible') AS detect,
           differences('SELECT entity, to_time, to_ip, from_time, from_ip, km, s, impossible FROM reference WHERE '
                       'impossible',
               'TABLE by_aggregate_without_ids')
               AS without_ids;
TABLE compared;
-- The status of each row by the reference and by coverage, and the notice, which also counts rows of packed states.
CREATE VIEW fates AS SELECT source_kind, status, count(*) AS events FROM (
    SELECT travel.source_kind(host(source_ip)) AS source_kind,
        CASE
            WHEN outcome = 'failed_auth' THEN outcome
            WHEN is_ignored THEN 'ignored'
            WHEN latitude IS NULL THEN 'not_located'
           WHEN row_number() OVER (PARTITION BY access_key_id, event_time, source_ip, outcome) > 1 THEN 'duplicate'
               ELSE 'evaluated' END AS status
           FROM located_events) AS f
           GROUP BY 1, 2;
SELECT source_kind, status, c.events, c.events = f.events AS as_the_reference
FROM travel.coverage('events') AS c
FULL JOIN fates AS f USING (source_kind, status)
ORDER BY 1, 2;
SELECT status, sum(events) AS events FROM fates WHERE status IN ('evaluated', 'not_located') GROUP BY 1 ORDER BY 1;
SET impossible_travel.coverage_notice = on;
SELECT count(*) FROM travel.detect('events');
SELECT count(*) FROM travel.detect('events', all_legs => true);
SET impossible_travel.coverage_notice = off;
-- Parallel workers read the table, too, and see what the leader sees, including its uncommitted rows.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT bool_or(line ~ 'Partial HashAggregate') AS partial, bool_or(line ~ 'Workers Planned') AS workers
FROM plan_of('SELECT access_key_id, travel.impossible_legs(event_time, source_ip) FROM events GROUP BY 1') AS line;
TABLE compared;
SET impossible_travel.coverage_notice = on;
SELECT count(*) FROM travel.detect('events');
SET impossible_travel.coverage_notice = off;
SET parallel_leader_participation = off;
SELECT bool_or(line ~ 'Workers Planned') AS workers
FROM plan_of('SELECT source_ip, event_time, travel.locate(source_ip, event_time) AS p FROM events '
             'WHERE travel.is_located(source_ip, event_time)')
    AS line;
CREATE VIEW by_workers AS
SELECT source_ip, count(*) AS events, count(DISTINCT ((p).latitude, (p).longitude)) AS places
FROM (
    SELECT source_ip, travel.locate(source_ip, event_time) AS p
    FROM events
    WHERE travel.is_located(source_ip, event_time)
) AS s
GROUP BY 1;
CREATE TEMP TABLE parallel AS TABLE by_workers;
SET max_parallel_workers_per_gather = 0;
SELECT differences('TABLE parallel', 'TABLE by_workers') AS parallel_and_not,
    (SELECT sum(places) FROM parallel) AS places;
SET max_parallel_workers_per_gather = 2;
BEGIN;
DELETE FROM travel.networks;
INSERT INTO travel.networks (network, name, latitude, longitude, country_code)
VALUES ('0.0.0.0/0', 'all of IPv4', 7, 7, 'CH'), ('::/0', 'all of IPv6', 7, 7, 'CH');
SELECT count(*) = (SELECT count(*) FROM events) AS all_located, count(DISTINCT (p).latitude) AS places
FROM (SELECT travel.locate(source_ip, event_time) AS p FROM events WHERE travel.is_located(source_ip, event_time)) AS s;
SELECT max(km) AS km FROM by_window;
ROLLBACK;
RESET parallel_leader_participation;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
SET client_min_messages = warning;
DROP TABLE events, geoip, located_events CASCADE;
DROP FUNCTION differences(text, text), city_of(inet) CASCADE;
TRUNCATE travel.networks;
