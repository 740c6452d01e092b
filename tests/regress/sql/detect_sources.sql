-- travel.detect over tables of users: raw tables, records, views, coordinates, several entity columns, odd names and
-- types. 192.0.2.1 is in London, 203.0.113.1 in Tokyo.
SET timezone = 'America/New_York';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
\pset null '-'
-- The findings in a few columns, with times in UTC.
CREATE FUNCTION found(source regclass, entity text DEFAULT 'access_key_id', columns jsonb DEFAULT NULL, OUT entity text,
    OUT "from" text, OUT "to" text, OUT ids text, OUT at_utc timestamp)
    RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT entity, coalesce(from_city, from_latitude::text), coalesce(to_city, to_latitude::text),
        concat_ws(' ', from_event_id, to_event_id), to_time AT TIME ZONE 'UTC'
    FROM travel.detect(source, entity, columns => columns) $$;

-- The minimum is a time, an address and an entity. Missing columns are NULL, and a notice says that failures cannot be
-- recognized.
CREATE TABLE minimal (access_key_id text, event_time timestamptz, source_ip inet);
INSERT INTO minimal VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1'), ('K', '2026-03-02 09:10Z', '203.0.113.1');
SELECT * FROM found('minimal');
SELECT num_nulls(account_id, identity_type, principal, actor, session_name, user_name, arn, from_event_id, to_event_id,
    from_event_name, to_event_name, to_outcome) AS nulls,
    access_key_id, message
FROM travel.detect('minimal');

-- From here on notices are off, except where they are tested.
SET client_min_messages = warning;

-- Columns with other names, and expressions in parentheses. Columns with standard names need not be given.
CREATE TABLE raw (id int, "when" text, src varchar(50), "Who" name, payload jsonb, outcome text, invoked_by text);
INSERT INTO raw VALUES
    (1, '2026-03-02T09:00:00Z', '192.0.2.1', 'alice', '{"name": "A", "ms": 1772442000000}', 'success', NULL),
    (2, '2026-03-02T09:10:00', '::ffff:203.0.113.1', 'alice', '{"name": "B", "ms": 1772442600000}', 'success', ''),
    (3, 'no time', '198.51.100.1', 'alice', NULL, 'success', NULL),
    (4, NULL, '198.51.100.1', 'alice', NULL, 'success', NULL),
    (5, '2026-03-02T09:05:00Z', 'AWS Internal', 'alice', NULL, 'success', NULL),
    (6, '2026-03-02T09:06:00Z', '075.050.255.67', 'alice', NULL, 'success', NULL),
    (7, '2026-03-02T09:07:00Z', NULL, 'alice', NULL, 'success', NULL),
    (8, '2026-03-02T09:08:00Z', '198.51.100.1', 'alice', NULL, 'failed_auth', NULL),
    (9, '2026-03-02T09:09:00Z', '198.51.100.1', 'alice', NULL, 'success', 'x.amazonaws.com');
SELECT *
FROM found('raw', 'user_name', '{"event_time": "when", "source_ip": "src", "user_name": "Who", "event_id": "id"}');
SELECT from_event_name, to_event_name, user_name, message
FROM travel.detect('raw', 'user_name',
    columns => '{"event_time": "(to_timestamp((payload->>''ms'')::float8 / 1000))", "source_text": "(trim(src))", '
               '"user_name": "\"Who\"", "event_name": "(payload->>''name'')"}');
-- An entity may be any column of the source; identifiers are quoted as in SQL.
SELECT * FROM found('raw', '"Who"', '{"event_time": "when", "source_ip": "src"}');
\pset format unaligned
SELECT error_of($$SELECT travel.detect('raw', 'Who', columns => '{"event_time": "when", "source_ip": "src"}')$$);
\pset format aligned

-- Odd names of schemas, tables and columns.
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Schema"."odd ""table""" ("access key" text, "Event Time" timestamptz, "a.b" inet, "select" text,
    "é" text);
INSERT INTO "Odd Schema"."odd ""table"""
VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1', 'x', 'y'), ('K', '2026-03-02 09:10Z', '203.0.113.1', 'x', 'y');
SELECT *
FROM found('"Odd Schema"."odd ""table"""', '"access key", "select", é',
    '{"event_time": "Event Time", "source_ip": "a.b", "event_id": "(\"é\")"}');

-- Several entity columns are joined with ' | ', escaped where needed. A row with a NULL, empty or hidden value in one
-- of them has no entity.
CREATE TABLE several (account text, session_name varchar(40), event_time timestamptz, source_ip inet);
INSERT INTO several SELECT account, name, t, ip
FROM (VALUES ('1', 'a'), ('1', 'a | b'), ('1 | a', 'b'), ('1\', 'b'), ('1', NULL), ('', 'a'),
    ('1', 'HIDDEN_DUE_TO_SECURITY_REASONS'), ('HIDDEN', 'x'))
    AS e (account, name),
     (VALUES (timestamptz '2026-03-02 09:00Z', inet '192.0.2.1'), ('2026-03-02 09:10Z', '203.0.113.1')) AS v (t, ip);
SELECT entity, session_name, travel_internal.entity('1', 'a | b') AS by_hand
FROM travel.detect('several', 'account, session_name')
ORDER BY entity COLLATE "C";
-- A single column is not escaped.
SELECT DISTINCT entity FROM travel.detect('several', 'session_name') ORDER BY 1;
SELECT travel_internal.entity('a|b\c') AS single, travel_internal.entity('a|b', '\c') AS two,
    travel_internal.entity('a', NULL) AS with_null, travel_internal.entity('', 'a') AS with_empty,
    travel_internal.entity(VARIADIC '{}') AS nothing, travel_internal.entity(VARIADIC NULL) AS no_array;

-- An entity of any type is its text.
CREATE TABLE typed (u uuid, i bigint, v varchar, c char(4), e text[], event_time timestamptz, source_ip cidr);
INSERT INTO typed
VALUES
    ('11111111-1111-1111-1111-111111111111', 42, 'v', 'c', '{x,y}', '2026-03-02 09:00Z', '192.0.2.1'),
    ('11111111-1111-1111-1111-111111111111', 42, 'v', 'c', '{x,y}', '2026-03-02 09:10Z', '203.0.113.1');
SELECT by, f.*
FROM unnest('{u,i,v,c,e,"u,i,v"}'::text[]) WITH ORDINALITY AS b (by, n)
CROSS JOIN LATERAL found('typed', by) AS f
ORDER BY n;

-- Texts that are equal only under a collation are different entities in every entry point. (Without ICU there is no
-- such collation.)
CREATE TABLE loose (access_key_id text, event_time timestamptz, source_ip inet);
INSERT INTO loose
VALUES
    ('k', '2026-03-02 09:00Z', '192.0.2.1'),
    ('K', '2026-03-02 09:05Z', '203.0.113.1'),
    ('K', '2026-03-02 09:10Z', '198.51.100.1');
DO $$ BEGIN
    CREATE COLLATION ignores_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
    ALTER TABLE loose ALTER access_key_id TYPE text COLLATE ignores_case;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
SELECT * FROM found('loose');
SELECT leg_id = (SELECT leg_id FROM travel.detect('loose')) AS same FROM travel.detect('loose', all_legs => true);
SELECT status, entities FROM travel.coverage('loose');

-- timestamp without time zone is UTC, whatever the time zone of the session, and a notice says so; ranges are
-- converted.
CREATE TABLE zoneless (access_key_id text, event_time timestamp, source_ip text, outcome text, invoked_by text);
INSERT INTO zoneless
VALUES ('K', '2026-03-02 09:00', '192.0.2.1', '', ''), ('K', '2026-03-02 09:10', '203.0.113.1', '', '');
SET client_min_messages = notice;
SELECT * FROM found('zoneless');
SET client_min_messages = warning;
SELECT count(*) FROM travel.detect('zoneless', since => '2026-03-02 09:10Z', until => '2026-03-02 09:11Z');
SELECT count(*) FROM travel.detect('zoneless', since => '2026-03-02 09:11Z');
-- Times in text within a range.
SELECT count(*)
FROM travel.detect('raw', '"Who"', since => '2026-03-02 09:10Z', until => '2026-03-02 09:11Z',
    columns => '{"event_time": "when", "source_ip": "src"}');

-- date, integer, json and similar types are not times: 42804, and the hint says how to convert them.
CREATE TABLE untimely (access_key_id text, d date, i bigint, j jsonb, source_ip inet, t timestamptz, n numeric,
    b bytea);
SELECT key, value,
    sqlstate_of(format('SELECT travel.detect(''untimely'', columns => %L)',
        jsonb_build_object(key, value)
            || CASE key WHEN 'event_time' THEN '{}'::jsonb ELSE '{"event_time": "t"}' END)) AS code
FROM (VALUES (1, 'event_time', 'd'), (2, 'event_time', 'i'), (3, 'event_time', 'j'), (4, 'event_time', '(i)'),
    (5, 'event_time', '(d::timestamptz)'), (6, 'event_time', '(to_timestamp(i))'), (7, 'event_time', '(NULL)'),
             (8, 'record', 'd'), (9, 'record', '(j::text)'), (12, 'record', 'i'), (10, 'record', '(j::json)'),
                 (11, 'latitude', 'j')) AS v (n, key, value)
             ORDER BY n;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('untimely', columns => '{"event_time": "d"}')$$);
SELECT error_of($$SELECT travel.detect('untimely', columns => '{"record": "i"}')$$);
\pset format aligned
-- A type that cannot hold an address or a coordinate is 42804, too, not an empty result.
SELECT columns,
    sqlstate_of(format('SELECT travel.detect(''untimely'', columns => %L)',
        columns || '{"event_time": "t"}'::jsonb)) AS code
FROM unnest(ARRAY['{"source_ip": "i"}', '{"source_ip": "d"}', '{"source_ip": "b"}', '{"source_ip": "(true)"}',
    '{"source_ip": "(ARRAY[source_ip])"}', '{"source_text": "n"}', '{"source_ip": "(j ->> 0)"}',
    '{"source_ip": "(NULL)"}', '{"source_ip": "(source_ip::cidr)"}',
                  '{"latitude": "d", "longitude": "n"}', '{"latitude": "n", "longitude": "b"}',
                      '{"latitude": "n", "longitude": "i", "accuracy_km": "t"}',
                      '{"latitude": "j", "longitude": "(NULL)", "accuracy_km": "(j::text)"}']::jsonb[])
                      WITH ORDINALITY AS v (columns, n)
                  ORDER BY n;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('untimely', columns => '{"event_time": "t", "source_ip": "i"}')$$);
SELECT error_of($$SELECT travel.coverage('untimely',
    columns => '{"event_time": "t", "latitude": "d", "longitude": "d"}')$$);
\pset format aligned

-- From a record, all columns come through travel.parse, and a bad record does not end the query. A column that the
-- argument columns names has priority over the record.
CREATE TABLE records (line int, body jsonb, lag int);
INSERT INTO records SELECT n, r, 5 FROM jsonb_array_elements('[
    {"eventID": "r1", "eventTime": "2026-03-02T09:00:00Z", "eventName": "A", "sourceIPAddress": "192.0.2.1",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accessKeyId": "K", "arn": "arn:a"}},
    {"eventID": "r2", "eventTime": "2026-03-02T09:10:00Z", "eventName": "B", "sourceIPAddress": "203.0.113.1",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accessKeyId": "K", "arn": "arn:a"}},
    {"eventID": "r3", "eventTime": "yesterday", "sourceIPAddress": "198.51.100.1",
        "userIdentity": {"accessKeyId": "K"}},
    {"eventID": "r4", "eventTime": "2026-03-02T09:05:00Z", "eventSource": "signin.amazonaws.com", "errorCode": "x",
        "sourceIPAddress": "198.51.100.1", "userIdentity": {"accessKeyId": "K"}},
    {"eventID": "r5", "eventTime": "2026-03-02T09:06:00Z", "sourceIPAddress": "198.51.100.1",
        "userIdentity": {"accessKeyId": "K", "invokedBy": "x"}},
    {"eventID": "r6", "eventTime": "2026-03-02T09:07:00Z", "sourceIPAddress": "ec2.amazonaws.com",
        "userIdentity": {"accessKeyId": "K"}},
    7, null
]') WITH ORDINALITY AS v (r, n);
INSERT INTO records VALUES (99, NULL, 5);
SELECT * FROM found('records', columns => '{"record": "body"}');
SELECT message FROM travel.detect('records', columns => '{"record": "body"}');
SELECT * FROM found('records', 'arn, lag', '{"record": "body", "event_id": "(''line '' || line)"}');
SELECT entity
FROM travel.detect('records', 'session_name', condition => 'line < 3 AND body ? ''eventID''',
    columns => '{"record": "body"}');
CREATE VIEW jsons AS SELECT body::json AS doc FROM records;
SELECT * FROM found('jsons', columns => '{"record": "doc"}');

-- Views, materialized views, partitioned tables, temporary tables.
CREATE VIEW seen AS
SELECT user_name AS access_key_id, event_time, source_ip, outcome, invoked_by
FROM records
CROSS JOIN LATERAL travel.try_parse(body);
SELECT * FROM found('seen');
CREATE MATERIALIZED VIEW kept AS TABLE minimal;
SELECT * FROM found('kept');
CREATE TABLE parts (LIKE minimal) PARTITION BY RANGE (event_time);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-03-02 09:05Z');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-03-02 09:05Z') TO (MAXVALUE);
INSERT INTO parts TABLE minimal;
SELECT * FROM found('parts');
CREATE TEMP TABLE passing AS TABLE minimal;
SELECT * FROM found('passing');
-- A dropped column, a generated column.
ALTER TABLE minimal ADD gone text, ADD outcome text GENERATED ALWAYS AS ('success') STORED, ADD invoked_by text;
ALTER TABLE minimal DROP gone;
SELECT * FROM found('minimal');

-- With coordinates, the location and its identity are the coordinates. Names and radii come from the table if it has
-- them.
CREATE TABLE enriched (access_key_id text, event_time timestamptz, latitude float8, longitude numeric, accuracy_km int,
    city text, subdivision text, country text, country_code text, event_id text, outcome text, invoked_by text);
INSERT INTO enriched VALUES
    ('K', '2026-03-02 09:00Z', 51.5, 0, 100, 'London', 'England', 'United Kingdom', 'GB', 'g1'),
    ('K', '2026-03-02 09:10Z', 35.7, 139.7, 200, NULL, NULL, 'Japan', 'JP', 'g2'),
    ('K', '2026-03-02 09:20Z', 'NaN', 0, 1, 'nowhere', NULL, NULL, NULL, 'g3'),
    ('K', '2026-03-02 09:21Z', 91, 0, 1, 'nowhere', NULL, NULL, NULL, 'g4'),
    ('K', '2026-03-02 09:22Z', NULL, 0, 1, 'nowhere', NULL, NULL, NULL, 'g5'),
    ('K', '2026-03-02 09:23Z', 0, 181, 1, 'nowhere', NULL, NULL, NULL, 'g6'),
    ('K', '2026-03-02 09:30Z', 0, 0, NULL, NULL, NULL, NULL, NULL, 'g7'),
    ('K', '2026-03-02 09:30Z', 0, 0, 3, 'Null Island', NULL, NULL, NULL, 'g8');
SELECT * FROM found('enriched');
SELECT from_ip, from_city, to_city, to_country_code AS cc, to_subdivision AS sub, from_accuracy_km AS r1,
    to_accuracy_km AS r2, round(distance_km) AS km, round(effective_distance_km) AS evaluated, from_asn
FROM travel.detect('enriched', use_accuracy => true);
SELECT round(distance_km - effective_distance_km) AS less
FROM travel.detect('enriched', use_accuracy => true, all_legs => true);
SELECT message FROM travel.detect('enriched');
SELECT leg_id
    = travel_internal.leg_id(entity, from_time, from_latitude, from_longitude, to_time, to_latitude, to_longitude)
        AS by_hand
FROM travel.detect('enriched');
-- Without a radius column use_accuracy subtracts nothing.
CREATE VIEW plain AS
SELECT access_key_id, event_time, latitude AS lat, longitude AS lon, outcome, invoked_by
FROM enriched;
SELECT * FROM found('plain', columns => '{"latitude": "lat", "longitude": "(lon::float8)"}');
SELECT round(distance_km - effective_distance_km) AS less
FROM travel.detect('plain', use_accuracy => true, columns => '{"latitude": "lat", "longitude": "lon"}');
-- Coordinates need no GeoIP database. If the source also has an address, the address is used, unless columns names the
-- coordinates.
CREATE VIEW with_address AS SELECT *, inet '192.0.2.1' AS source_ip FROM enriched;
SELECT count(*) FROM found('with_address');
SELECT count(*) FROM found('with_address', columns => '{"latitude": "latitude", "longitude": "longitude"}');
-- Over a record, too.
SELECT * FROM found('records', columns => '{"record": "body", "latitude": "(line * 20.0 - 20)", "longitude": "(0)"}');

-- The same legs have the same ids, whatever the names and types of the source.
SELECT count(DISTINCT leg_id) AS ids, count(*) FROM (
    SELECT leg_id
    FROM travel.detect('minimal')
    UNION ALL SELECT leg_id
    FROM travel.detect('parts')
    UNION ALL SELECT leg_id
    FROM travel.detect('records', columns => '{"record": "body"}')
    UNION ALL SELECT leg_id
    FROM travel.detect('zoneless')
    UNION ALL SELECT leg_id
    FROM travel.detect('raw', 'access_key_id',
        columns => '{"access_key_id": "(''K'')", "event_time": "when", "source_ip": "src"}')) AS l;
SET client_min_messages = warning;
DROP SCHEMA "Odd Schema" CASCADE;
DROP TABLE minimal, raw, several, typed, loose, zoneless, untimely, records, parts, enriched CASCADE;
DROP COLLATION IF EXISTS ignores_case;
DROP FUNCTION found;
