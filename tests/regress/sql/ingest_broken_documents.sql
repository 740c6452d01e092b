-- travel.ingest of text skips a bad document and replaces a bad character, and loads everything else.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'
SELECT travel.create_events_table('trail');
CREATE TABLE document (file text, body text);
INSERT INTO document VALUES
    ('1.json',
        '{"Records":[{"eventID":"1","eventTime":"2026-03-02T09:00:00Z","sourceIPAddress":"192.0.2.5",'
        '"userIdentity":{"accessKeyId":"k"}}]}'),
    ('2.json',
        '{"Records":[{"eventID":"2","eventTime":"2026-03-02T09:05:00Z","sourceIPAddress":"203.0.113.7",'
        '"userIdentity":{"accessKeyId":"k"},"requestParameters":{"key":"a\u0000b","\u0000":"\ud83d",'
        '"pair":"\ud83d\ude00","text":"\\u0000"}}]}'),
    ('3.json',
        '{"Records":[{"eventID":"3","eventTime":"2026-03-02T09:10:00Z","sourceIPAddress":"192.0.2.5",'
        '"userIdentity":{"accessKeyId":"k"}}'),
    ('4.json', '{"Version": "2012-10-17", "Statement": []}'),
    ('5.json', ''),
    ('6.json', NULL),
    ('7.json', '{"eventID": "7", "eventTime": "2026-03-02T09:10:00Z", "n": 1e999999}'),
    ('8.json', '{"Records":[{"eventID":"8","eventTime":"2026-03-02T09:10:00Z"}, 7, {"eventID": "no time"}]}');
SELECT d.file, i.* FROM document AS d CROSS JOIN LATERAL travel.ingest('trail', d.body) AS i ORDER BY d.file;
SELECT event_id, record -> 'requestParameters' AS parameters FROM trail ORDER BY event_id;
-- The notice about a skipped document has its line; the documents before and after it are read. Several documents on
-- one line are read, too, and so is a byte order mark.
SELECT *
FROM travel.ingest('trail',
    E'{"eventID": "10", "eventTime": "2026-03-02T10:00:00Z"}\n{"eventID": "11", "eventTime\n{"eventID": "12", '
    '"eventTime": "2026-03-02T10:00:00Z"}\nrubbish\n{"foo": 1}\n');
SELECT *
FROM travel.ingest('trail',
    U&'\FEFF[{"eventID": "13", "eventTime": "2026-03-02T10:00:00Z"}]{"Records": []} {"eventID": "14", "eventTime": '
      '"2026-03-02T10:00:00Z"}');
-- An untyped literal is text. A jsonb document that is invalid is an error as a whole. NULL has no documents.
SELECT * FROM travel.ingest('trail', '{"eventID": "15", "eventTime": "2026-03-02T10:00:00Z"}');
SELECT * FROM travel.ingest('trail', '{"foo": 1}');
SELECT sqlstate_of($$SELECT travel.ingest('trail', '{"foo": 1}'::jsonb)$$) AS jsonb,
    sqlstate_of($$SELECT travel.ingest('trail', NULL::jsonb)$$) AS null_jsonb,
    sqlstate_of($$SELECT travel.ingest('trail', NULL::text)$$) AS null_text,
    sqlstate_of($$SELECT travel.ingest(NULL, '[]')$$) AS target,
       sqlstate_of($$SELECT travel.ingest('trail', '{"eventID": "15", "eventTime": "2026-03-02T10:00:00Z"}'::varchar)$$)
           AS varchar,
           sqlstate_of($$SELECT travel.ingest('document', '[]'::text)$$) AS no_events;

-- Depth and numbers have the same limits for every entry point: a file, a string of LookupEvents, text.
CREATE FUNCTION nested(id text, depth int) RETURNS text
    LANGUAGE sql AS $$
        SELECT format('{"eventID": "%s", "eventTime": "2026-03-02T11:00:00Z", "x": %s1%s}', id, repeat('{"a":', depth),
            repeat('}', depth))
    $$;
SELECT depth, (SELECT count(*) FROM travel.records(('{"Records": [' || nested('deep', depth) || ']}')::jsonb)) AS file,
    (
        SELECT count(*)
        FROM travel.records(jsonb_build_object('Events',
            jsonb_build_array(jsonb_build_object('CloudTrailEvent', nested('deep', depth)))))
    ) AS lookup,
       (SELECT inserted FROM travel.ingest('trail', nested('deep' || depth, depth))) AS text,
       (
           SELECT inserted
           FROM travel.ingest('trail',
               jsonb_build_object('Events',
                   jsonb_build_array(jsonb_build_object('CloudTrailEvent', nested('looked up' || depth, depth)))))
       )
           AS ingested_lookup
FROM unnest('{1,127,128,200,2000}'::int[]) AS depth;
SELECT * FROM travel.ingest('trail', nested('too deep', 100000) || nested('its sibling', 1));
SELECT *
FROM travel.ingest('trail',
    jsonb_build_object('Events',
        jsonb_build_array(jsonb_build_object('CloudTrailEvent', nested('too deep', 100000)),
            jsonb_build_object('CloudTrailEvent', nested('its other sibling', 1)))));
SELECT count(*)
FROM travel.ingest('trail',
    jsonb_build_object('Events',
        jsonb_build_array(jsonb_build_object('CloudTrailEvent',
            '{"eventID": "n", "eventTime": "2026-03-02T11:00:00Z", "x": 1e999999}'))));
SELECT *
FROM travel.ingest('trail',
    '{"Events":[{"CloudTrailEvent":"{\"eventID\":\"l\",\"eventTime\":\"2026-03-02T11:00:00Z\",'
    '\"x\":\"a\\u0000b\\ud83d\"}"}]}');
SELECT record -> 'x' AS x FROM trail WHERE event_id = 'l';

-- An aggregated event is CloudTrail's summary of many calls: it gives no row, like an Insight event.
SELECT '{"eventVersion":"1.0","accountId":"111122223333","eventId":"a","eventCategory":"Aggregated",'
       '"eventType":"AwsAggregatedEvent","eventSource":"s3.amazonaws.com",'
       '"timeWindow":{"windowStart":"2026-03-02T09:00:00Z"}}'
    AS aggregated \gset
SELECT count(*) FROM travel.records(:'aggregated');
SELECT count(*)
FROM travel.records(jsonb_build_object('Records',
    jsonb_build_array(:'aggregated'::jsonb,
        '{"eventType": "AwsAggregatedEvent", "eventTime": "2026-03-02T09:00:00Z"}'::jsonb,
        '{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z"}'::jsonb)));
SELECT count(*)
FROM travel.records(jsonb_build_object('Events',
    jsonb_build_array(jsonb_build_object('CloudTrailEvent', :'aggregated'))));
SELECT * FROM travel.ingest('trail', :'aggregated');

-- detect and coverage read records in text or json as leniently: a record that cannot be read has no time, and does not
-- end the query.
CREATE TABLE raw (line text);
INSERT INTO raw
VALUES
    ('{"eventID":"1","eventTime":"2026-03-02T09:00:00Z","sourceIPAddress":"192.0.2.5",'
     '"userIdentity":{"accessKeyId":"k"},"x":"\u0000"}'),
    ('{"eventID":"2","eventTime":1772442600,"sourceIPAddress":"203.0.113.7","userIdentity":{"accessKeyId":"k"},'
     '"x":"\ud83d"}'),
    ('{"eventID":"3"'), (''), (NULL), ('7'), ('[]');
SET client_min_messages = warning;
SELECT from_event_id, to_event_id FROM travel.detect('raw', columns => '{"record": "line"}');
SELECT from_event_id, to_event_id
FROM travel.detect('raw', columns => '{"record": "(CASE WHEN line LIKE ''{%}'' THEN line::json END)"}');
SELECT source_kind, status, events FROM travel.coverage('raw', columns => '{"record": "(line::char(200))"}');
SELECT line, travel.try_jsonb(line) FROM raw ORDER BY line;
INSERT INTO travel.rules (name, source, columns, entity, baseline, raise_from)
VALUES ('raw', 'raw', '{"record": "line"}', 'access_key_id', false, '2100-01-01');
CALL travel.scan('raw');
SELECT from_event_id, to_event_id FROM travel.verdicts WHERE rule = 'raw';
DELETE FROM travel.rules WHERE name = 'raw';
RESET client_min_messages;
DROP TABLE trail, document, raw;
DROP FUNCTION nested;

-- A long text is converted record by record. The counts, notices and rows are those of the same document as jsonb.
SELECT travel.create_events_table('long_text');
SELECT travel.create_events_table('long_jsonb');
CREATE TABLE long_document AS
SELECT jsonb_build_object('Records', jsonb_agg(
    CASE n WHEN 7 THEN '8'::jsonb WHEN 11 THEN '{"Records": [{"eventID":"in a list","eventTime":1772323200},5]}' ELSE
        jsonb_build_object('eventID', 'long ' || n, 'eventTime', '2026-01-02T03:04:05Z', 'userAgent', repeat('é', 300))
    END)) AS body
FROM generate_series(1, 2000) AS n;
SELECT octet_length(body::text) > 1048576 AS is_long, i.*
FROM long_document, travel.ingest('long_text', body::text) AS i;
SELECT i.* FROM long_document, travel.ingest('long_jsonb', body) AS i;
SELECT count(*) AS differences
FROM (SELECT event_id, record FROM long_text) AS a
FULL JOIN (SELECT event_id, record FROM long_jsonb) AS b USING (event_id, record)
WHERE a.event_id IS NULL OR b.event_id IS NULL;
-- A long text that is broken at its end is skipped as a whole.
TRUNCATE long_text;
SELECT i.* FROM long_document, travel.ingest('long_text', rtrim(body::text, '}')) AS i;
SELECT count(*) FROM long_text;
DROP TABLE long_text, long_jsonb, long_document;
