-- Documents that a log shipper put under its own keys are found by all that reads documents: ingest, the inbox,
-- load_files, travel.records, and the key document of columns.
SET timezone = 'UTC';
CREATE SCHEMA shippers;
SET search_path = shippers, public;
CREATE FUNCTION call(id text) RETURNS jsonb
    LANGUAGE sql
    RETURN jsonb_build_object('eventID', id, 'eventTime', '2026-03-02T09:00:00Z', 'eventName', 'GetObject',
        'sourceIPAddress', '203.0.113.1', 'userIdentity', jsonb_build_object('accessKeyId', 'AKIAALICE0001EXAMPLE'));
CREATE TABLE shipments (n int, what text, document jsonb);
INSERT INTO shipments
VALUES
    (1, 'Fluent Bit: a file', jsonb_build_object('date', 1772442000.5, 'log',
        jsonb_build_object('Records', jsonb_build_array(call('a1'), call('a2')))::text)),
    (2, 'Fluent Bit: lines', jsonb_build_object('log', call('b1')::text || E'\n' || call('b2')::text)),
    (3, 'Vector', jsonb_build_object('host', 'x', 'message', jsonb_build_object('detail', call('c1'))::text)),
    (4, 'parsed', jsonb_build_object('message', call('d1'))),
    (5, 'Elastic', jsonb_build_object('event', jsonb_build_object('original', call('e1')::text))),
    (6, 'CloudWatch Logs', jsonb_build_object('logEvents', jsonb_build_array(jsonb_build_object('message',
        call('f1')::text), jsonb_build_object('message', 'START'), jsonb_build_object('message', call('f2')::text)))),
    (7, 'two shippers', jsonb_build_object('log', jsonb_build_object('message', call('g1')::text)::text)),
    (8, 'a list', jsonb_build_array(jsonb_build_object('log', call('h1')::text), call('h2'))),
    (9, 'another log', jsonb_build_object('log', 'GET / HTTP/1.1'));
SELECT what, (SELECT string_agg(r ->> 'eventID', ' ') FROM travel.records(document) AS r) AS events
FROM shipments
WHERE n <= 8
ORDER BY n;
SELECT sqlstate_of($$SELECT travel.records(document) FROM shipments WHERE n = 9$$);

SELECT travel.create_events_table('by_jsonb'), travel.create_events_table('by_text'),
    travel.create_events_table('by_inbox'), travel.create_events_table('by_file');
SELECT n, records, inserted, skipped FROM shipments, travel.ingest('by_jsonb', document) WHERE n <= 8 ORDER BY n;
SELECT records, inserted, skipped
FROM travel.ingest('by_text', (SELECT string_agg(document::text, E'\n' ORDER BY n) FROM shipments));
INSERT INTO by_inbox_inbox SELECT document FROM shipments ORDER BY n;
SELECT current_setting('data_directory') || '/shipments.json' AS file \gset
COPY (SELECT document FROM shipments ORDER BY n) TO :'file' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SET client_min_messages = error;
CALL travel.load_files('by_file', :'file');
RESET client_min_messages;
SELECT t.name, count(*), string_agg(event_id, ' ' ORDER BY event_id) = (SELECT string_agg(event_id, ' ' ORDER BY
    event_id) FROM by_jsonb) AS same
FROM (
    SELECT 'by_text', event_id FROM by_text UNION ALL SELECT 'by_inbox', event_id FROM by_inbox
    UNION ALL SELECT 'by_file', event_id FROM by_file) AS t (name, event_id)
GROUP BY t.name
ORDER BY t.name;
-- Without loading, too; a table that has nothing else is recognized by its content.
SELECT source_kind, status, events FROM travel.coverage('shipments', columns => '{"document": "document"}');
DELETE FROM shipments WHERE n = 9;
SELECT travel.columns_for('shipments') AS columns;

-- A text whose lines all begin a list is read in a time that is proportional to its length, and its reading can be
-- canceled. One with more elements than jsonb can have is no document.
SET statement_timeout = '1min';
SELECT count(*) FROM travel_internal.each_record('{}' || E'\n' || repeat(E'[\n', 400000));
SELECT count(*) FROM travel_internal.each_record(repeat('{"eventID": "e", "eventName": "n"}', 50000));
SELECT travel.try_jsonb('[' || repeat('1,', 17000000) || '1]') IS NULL AS is_null;
RESET statement_timeout;

SET client_min_messages = warning;
DROP SCHEMA shippers CASCADE;
