-- PostgreSQL cannot cancel the conversion of a text. A query therefore converts long texts record by record, and no
-- record of more than 8 MB. What is not converted counts as text that is not JSON.
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE SCHEMA long_documents;
SET search_path = long_documents, public;
CREATE FUNCTION call(number int, ip text DEFAULT '192.0.2.1') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('eventID', number, 'eventTime', format('2026-03-02T09:%s:00Z', 10 + number % 50),
        'sourceIPAddress', ip, 'userAgent', repeat('a', 1000), 'userIdentity', jsonb_build_object('accessKeyId', 'key'))
$$;
CREATE TABLE texts (name text, body text);
-- Only one call comes from another city.
INSERT INTO texts
SELECT 'list', jsonb_build_object('Records',
    jsonb_agg(call(n, CASE n WHEN 9000 THEN '203.0.113.1' ELSE '192.0.2.1' END) ORDER BY n))::text
FROM generate_series(1, 9000) AS n;
-- jsonb cannot have the number in the first element.
INSERT INTO texts
SELECT 'a bad element', format('{"Records": [{"eventID": 1e999999}, %s]}', string_agg(call(n)::text, ', '))
FROM generate_series(1, 2000) AS n;
INSERT INTO texts
SELECT 'messages of a log', jsonb_build_object('logEvents',
    jsonb_agg(jsonb_build_object('message', call(n)::text)))::text
FROM generate_series(1, 9000) AS n;
INSERT INTO texts
SELECT 'whole lines', string_agg(CASE n % 2 WHEN 0 THEN call(n) ELSE jsonb_build_array(call(n)) END::text, E'\n')
FROM generate_series(1, 9000) AS n;
-- Of these lines, one is too long, and one is cut off.
INSERT INTO texts
SELECT 'lines', string_agg(CASE n WHEN 50 THEN format('{"a": "%s"}', repeat('a', 9000000)) WHEN 60 THEN '{"a": ['
                                  ELSE call(n)::text END, E'\n' ORDER BY n)
FROM generate_series(1, 100) AS n;
INSERT INTO texts
VALUES ('record', call(1) || jsonb_build_object('userAgent', repeat('a', 9000000))), ('short record', call(1));
SELECT name, octet_length(body) > 8 << 20 AS is_long,
    (SELECT count(*) FROM travel_internal.each_record(body)) AS records
FROM texts
ORDER BY name;
SELECT name, travel.try_jsonb(body) IS NULL AS not_converted, travel.struct_text(body) IS NULL AS no_struct
FROM texts
WHERE name LIKE '%record'
ORDER BY name;
SELECT entity, from_city, to_city FROM travel.detect('texts', columns => '{"document": "body"}');
SELECT source_kind, status, events FROM travel.coverage('texts', columns => '{"document": "body"}');
CREATE TABLE records AS SELECT body::json FROM texts WHERE name LIKE '%record';
SELECT source_kind, status, events FROM travel.coverage('records', columns => '{"record": "body"}');

-- A document of type text inside a document is converted when it is read.
CREATE TABLE inside AS SELECT jsonb_build_object('log', body) AS body FROM texts WHERE name LIKE '%record';
SELECT source_kind, status, events FROM travel.coverage('inside', columns => '{"document": "body"}');

-- travel.ingest converts a whole document of any length, and says what it skips.
SELECT travel.create_events_table('ingested');
SELECT name, records, inserted, skipped
FROM texts, travel.ingest('ingested', body)
WHERE name <> 'lines'
ORDER BY name;
SET client_min_messages = notice;
SELECT octet_length(body::text) > 8 << 20 AS is_long, records, inserted, skipped
FROM inside, travel.ingest('ingested', body)
ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA long_documents CASCADE;
