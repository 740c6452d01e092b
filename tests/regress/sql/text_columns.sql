-- travel.detect reads times, addresses and coordinates that are stored as text or numbers, in the formats of common
-- programs. 192.0.2.5 is in London, 203.0.113.7 in Tokyo, 198.51.100.1 in New York.
CREATE SCHEMA as_text;
SET search_path = as_text, public;
SET timezone = 'America/New_York';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'

-- Times in text, in the formats of various programs.
CREATE TABLE times (event_time text, access_key_id text, source_ip inet);
INSERT INTO times
SELECT t, written_by, ip FROM (VALUES
    ('Athena', '2026-03-02 09:00:00.000 UTC', '2026-03-02 09:10:00.000 UTC'),
    ('Go', '2026-03-02 09:00:00 +0000 UTC', '2026-03-02 09:10:00 +0000 UTC'),
    ('PostgreSQL', '2026-03-02 09:00:00+00', '2026-03-02 10:10:00+01'),
    ('no colon', '2026-03-02T09:00:00+0000', '2026-03-02T09:10:00+0000'),
    ('comma', '2026-03-02 09:00:00,000', '2026-03-02 09:10:00,000'),
    ('no seconds', '2026-03-02T09:00Z', '2026-03-02T09:10Z'),
    ('seconds', '1772442000', '1772442600'),
    ('with fraction', '1772442000.000', '1772442600.000'),
    ('milliseconds', '1772442000000', '1772442600000'),
    ('microseconds', '1772442000000000', '1772442600000000'),
    ('nanoseconds', '1772442000000000000', '1772442600000000000'), ('exponent', '1.772442E9', '1.7724426E9'),
        ('console', 'March 02, 2026, 09:00:00', 'March 02, 2026, 09:10:00')) AS w (written_by, first, second)
CROSS JOIN LATERAL (VALUES (first, inet '192.0.2.5'), (second, '203.0.113.7')) AS v (t, ip);
SELECT entity, from_city, to_city, to_time AT TIME ZONE 'UTC' AS to_utc
FROM travel.detect('times')
ORDER BY entity COLLATE "C";
SELECT status, events, entities FROM travel.coverage('times');

-- Unix time in numbers is read by the same rule, and a notice says so. An index on travel.event_time is used.
CREATE TABLE numbers (i integer, b bigint, n numeric, f float8, r real, s smallint, d date, access_key_id text,
    source_ip inet, outcome text, invoked_by text);
INSERT INTO numbers
SELECT 1772442000 + 600 * k, (1772442000 + 600 * k) * 1000::bigint, 1772442000.25 + 600 * k, 1772442000.25 + 600 * k,
    1772442000, 1, '2026-03-02', 'k', (ARRAY['192.0.2.5', '203.0.113.7', '198.51.100.1']::inet[])[k + 1]
FROM generate_series(0, 2) AS k;
INSERT INTO numbers (i, b, n, f, access_key_id, source_ip)
VALUES
    (0, -1, 'NaN', 'Infinity', 'k', '192.0.2.5'),
    (20260302, 20260302, 1e100, 1e300, 'k', '192.0.2.5'),
    (NULL, NULL, NULL, NULL, 'k', '192.0.2.5');
SET client_min_messages = notice;
SELECT to_time AT TIME ZONE 'UTC' AS to_utc FROM travel.detect('numbers', columns => '{"event_time": "i"}');
SELECT to_time AT TIME ZONE 'UTC' AS to_utc
FROM travel.detect('numbers', columns => '{"event_time": "b"}', since => '2026-03-02 09:15Z',
    until => '2026-03-02 10:00Z');
SELECT to_time AT TIME ZONE 'UTC' AS to_utc FROM travel.detect('numbers', columns => '{"event_time": "n"}');
SELECT to_time AT TIME ZONE 'UTC' AS to_utc FROM travel.detect('numbers', columns => '{"event_time": "(f * 1000)"}');
SELECT status, events FROM travel.coverage('numbers', columns => '{"event_time": "b"}');
SET client_min_messages = warning;
\pset format unaligned
SELECT error_of(format('SELECT travel.detect(''numbers'', columns => %L)', jsonb_build_object('event_time', c)))
FROM unnest('{r,s,d}'::text[]) AS c;
\pset format aligned
CREATE INDEX numbers_at ON numbers (access_key_id, travel.event_time(b));
SET enable_seqscan = off;
SELECT plan_of($$SELECT FROM numbers WHERE access_key_id = 'k' AND travel.event_time(b) > '2026-03-02 09:05Z'$$);
RESET enable_seqscan;
CREATE VIEW of_numbers AS SELECT b AS event_time, access_key_id, source_ip, outcome, invoked_by FROM numbers;
INSERT INTO travel.rules (name, source, entity, baseline, raise_from)
VALUES ('numbers', 'as_text.of_numbers', 'access_key_id', false, '2100-01-01');
SET client_min_messages = notice;
SELECT travel.check_rule('numbers');
SET client_min_messages = warning;
CALL travel.scan('numbers');
SELECT from_city, to_city, to_time AT TIME ZONE 'UTC' AS to_utc
FROM travel.verdicts
WHERE rule = 'numbers'
ORDER BY to_time;
DELETE FROM travel.rules WHERE name = 'numbers';

-- The rule is the same for every type of number. A literal in quotes is text.
SELECT n, travel.event_time(n) AS numeric,
    travel.event_time(n::text) IS NOT DISTINCT FROM travel.event_time(n) AS as_text,
    extract(epoch FROM travel.event_time(n::float8) - travel.event_time(n)) AS of_float8,
       CASE
           WHEN n BETWEEN -1e18 AND 1e18
           AND n = trunc(n) THEN travel.event_time(n::bigint) IS NOT DISTINCT FROM travel.event_time(n) END AS as_bigint
FROM unnest('{1704996177,1704996177.25,1704996177.1234565,1700000000,1704996177000,1704996177123.4567,1704996177123456,'
            '1704996177123456.7,1704996177123456789,1000000000,9999999999,9999999999.9999996,999999999,10000000000,0,'
            '0.5,-1704996177,170499617700,1e40,1e-40,NaN}'::numeric[])
    WITH ORDINALITY AS v (n, nth)
ORDER BY nth;
SELECT travel.event_time(1704996177) AS integer, travel.event_time(1704996177000) AS bigint,
    travel.event_time('1704996177') AS literal, travel.event_time(NULL) AS nothing,
    travel.event_time('Infinity'::numeric) AS infinite, travel.event_time('1704996177'::varchar) AS varchar;

-- Addresses in text: the text of an inet and an address with a port are hosts, in a rule, the window function and the
-- aggregate, too.
CREATE TABLE addresses (event_time timestamptz, access_key_id text, source_ip text);
INSERT INTO addresses
SELECT t, written_as, ip FROM (VALUES
    ('inet::text', (inet '192.0.2.5')::text, (inet '203.0.113.7')::text),
    ('IPv6 inet::text', (inet '2001:db8::1')::text, (inet '2001:db8:2000::1')::text),
    ('port', '192.0.2.5:50123', '203.0.113.7:443'),
    ('IPv6 port', '[2001:db8::1]:50123', '[2001:db8:2000::1]:443'),
    ('mapped', '::ffff:192.0.2.5/128', '[::ffff:203.0.113.7]:443'),
    ('blanks', ' 192.0.2.5', '203.0.113.7 '),
    ('one host', '192.0.2.5/32', '192.0.2.5:443'), ('network', '192.0.2.0/24', '203.0.113.0/24'),
        ('list', '192.0.2.5, 10.0.0.1', '203.0.113.7, 10.0.0.1'),
        ('zone', 'fe80::1%eth0', 'fe80::2%eth0')) AS w (written_as, first, second)
CROSS JOIN LATERAL (VALUES (timestamptz '2026-03-02 09:00Z', first), ('2026-03-02 09:10Z', second)) AS v (t, ip);
SELECT entity, from_ip, from_city, to_ip, to_city FROM travel.detect('addresses') ORDER BY entity COLLATE "C";
SELECT source_kind, status, events, entities FROM travel.coverage('addresses');
SELECT access_key_id, cardinality(travel.impossible_legs(event_time, travel.source_ip(source_ip))) AS impossible
FROM addresses
GROUP BY access_key_id
ORDER BY access_key_id COLLATE "C";
SELECT access_key_id, (leg).from_ip, (leg).to_ip
FROM (
    SELECT access_key_id,
        travel.leg(event_time, source_ip)
            OVER (PARTITION BY access_key_id ORDER BY event_time, travel.source_ip(source_ip)) AS leg
    FROM addresses
) AS l
WHERE (leg).impossible
ORDER BY access_key_id COLLATE "C";

-- An inet or cidr with a netmask counts as its host, in coverage, too.
CREATE TABLE masked (event_time timestamptz, access_key_id text, source_ip inet);
INSERT INTO masked
VALUES
    ('2026-03-02 09:00Z', 'k', '192.0.2.5/24'),
    ('2026-03-02 09:10Z', 'k', '203.0.113.7/24'),
    ('2026-03-02 09:20Z', 'k', '203.0.113.7'),
    ('2026-03-02 09:30Z', 'k', '10.0.0.1/8');
SELECT from_ip, to_ip FROM travel.detect('masked');
SELECT source_kind, status, events FROM travel.coverage('masked');
SELECT source_kind, status, events FROM travel.coverage('masked', columns => '{"source_ip": "(source_ip::text)"}');

-- coverage shows the kind of an address for every source that has one, even an events table that is filled by hand.
SELECT travel.create_events_table('by_hand');
INSERT INTO by_hand (event_id, event_time, access_key_id, source_ip, source_text, source_kind) VALUES
    ('1', '2026-03-02 09:00Z', 'k', '192.0.2.5', NULL, NULL),
    ('2', '2026-03-02 09:10Z', 'k', '10.0.0.1', NULL, NULL),
    ('3', '2026-03-02 09:20Z', 'k', '192.0.2.6', '', ''),
    ('4', '2026-03-02 09:30Z', 'k', NULL, 'ec2.amazonaws.com', NULL),
    ('5', '2026-03-02 09:40Z', 'k', NULL, NULL, NULL),
    ('6', '2026-03-02 09:50Z', 'k', NULL, NULL, 'aws_internal'),
    ('7', '2026-03-02 10:00Z', 'k', NULL, '203.0.113.7', NULL);
SELECT source_kind, status, events FROM travel.coverage('by_hand') ORDER BY 1, 2;
-- A row may have its address only in source_text.
SELECT from_ip, to_ip FROM travel.detect('by_hand');
CREATE VIEW two_columns AS SELECT event_time, access_key_id, source_ip, source_text FROM by_hand;
SELECT source_kind, status, events FROM travel.coverage('two_columns') ORDER BY 1, 2;

-- A row with a coordinate or radius that cannot be read is not located, and does not end the query: as text, as
-- numeric, in jsonb.
CREATE TABLE coordinates (event_time timestamptz, k text, latitude text, longitude text, accuracy_km text);
INSERT INTO coordinates
SELECT timestamptz '2026-03-02 09:00Z' + n * interval '1 minute', 'k', latitude, longitude, accuracy
FROM (VALUES (0, '51.5', '-0.1', '10'), (1, '', '', ''), (2, ' ', '0', NULL), (3, NULL, '0', NULL),
    (4, 'NaN', '0', '0'), (5, '91', '0', '0'), (6, '0', '-181', '0'), (7, '51,5', '0', '0'),
    (8, '51.5 N', '0.1 W', '0'),
    (9, '1e999', '0', '0'), (10, 'Infinity', '0', '0'), (11, 'null', 'null', 'null'),
        (30, ' 35.69', '139.69 ', 'unknown'), (60, '3.57e1', '139.7', '1e999'), (90, '51.5', '-0.1', 'NaN')) AS v (n,
        latitude, longitude, accuracy);
SELECT entity, from_time AT TIME ZONE 'UTC' AS from_utc, to_time AT TIME ZONE 'UTC' AS to_utc, from_accuracy_km,
    to_accuracy_km
FROM travel.detect('coordinates', 'k');
SELECT count(*) FROM travel.detect('coordinates', 'k', use_accuracy => true);
SELECT status, events FROM travel.coverage('coordinates', 'k');
CREATE TABLE numerics AS
SELECT event_time, k, coalesce(travel.try_number(latitude)::numeric, 1e400) AS latitude,
    coalesce(travel.try_number(longitude)::numeric, 'NaN') AS longitude, 1e400 AS accuracy_km
FROM coordinates;
SELECT status, events FROM travel.coverage('numerics', 'k');
SELECT count(*) FROM travel.detect('numerics', 'k', use_accuracy => true);
CREATE TABLE documents AS
SELECT event_time, k,
    jsonb_build_object('lat',
        CASE
            WHEN event_time < '2026-03-02 09:05Z' THEN to_jsonb(latitude)
            ELSE coalesce(to_jsonb(travel.try_number(latitude)), '{"x": 1}') END,
        'lon', longitude) AS body
FROM coordinates;
SELECT count(*)
FROM travel.detect('documents', 'k',
    columns => '{"latitude": "(body -> ''lat'')", "longitude": "((body -> ''lon'')::json)"}');
SELECT status, events
FROM travel.coverage('documents', 'k',
    columns => '{"latitude": "(body -> ''lat'')", "longitude": "(body ->> ''lon'')"}');
INSERT INTO travel.rules (name, source, entity, baseline, raise_from)
VALUES ('texts', 'as_text.coordinates', 'k', false, '2100-01-01');
CALL travel.scan('texts');
SELECT from_time AT TIME ZONE 'UTC' AS from_utc, to_time AT TIME ZONE 'UTC' AS to_utc
FROM travel.verdicts
WHERE rule = 'texts'
ORDER BY to_time;
DELETE FROM travel.rules WHERE name = 'texts';
RESET search_path;
DROP SCHEMA as_text CASCADE;
