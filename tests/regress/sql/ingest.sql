-- travel.create_events_table makes a table that belongs to the user; travel.ingest fills it from documents, each event
-- once.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'
-- The table has the columns of travel.event and three more, indexes and a comment.
SELECT travel.create_events_table('trail');
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull AS "not null",
    pg_get_expr(adbin, adrelid) AS "default"
FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'trail'::regclass AND attnum > 0 AND (attnum > 33 OR attnotnull)
ORDER BY attnum;
SELECT (
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY attnum)
    FROM pg_attribute
    WHERE attrelid = 'trail'::regclass AND attnum BETWEEN 1 AND 33
)
     = (
         SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY attnum)
         FROM pg_attribute
         WHERE attrelid = 'travel.event'::regclass AND attnum > 0
     )
         AS columns_of_event;
SELECT pg_get_indexdef(indexrelid) AS index FROM pg_index WHERE indrelid = 'trail'::regclass ORDER BY 1;
SELECT obj_description('trail'::regclass) AS comment, col_description('trail'::regclass, 36) AS ingest_xid;
-- The table does not belong to the extension.
SELECT count(*) AS extension_members FROM pg_depend WHERE objid = 'trail'::regclass AND deptype = 'e';

-- Other names: with a schema, with odd characters, of an existing table. Names are folded unless quoted, as in SQL.
CREATE SCHEMA audit;
SELECT travel.create_events_table('audit.cloudtrail'),
    travel.create_events_table('"Odd ""name"""', keep_record => false), travel.create_events_table('Folded'),
    travel.create_events_table('"select"');
SELECT name, split_part(error_of(format('SELECT travel.create_events_table(%L)', name)), E'\n', 1)
FROM unnest(ARRAY['trail', 'no_schema.trail', '', ' ', '"', 'a b', 'a.b.c', 'x; DROP TABLE trail', '"a"."b'])
    WITH ORDINALITY AS v (name, n)
ORDER BY n;
SELECT sqlstate_of('SELECT travel.create_events_table(NULL)') AS name,
    sqlstate_of('SELECT travel.create_events_table(''x'', NULL)') AS partitioned,
    sqlstate_of('SELECT travel.create_events_table(''x'', false, NULL)') AS keep_record;
-- Two tables with long names have indexes with different names.
SELECT travel.create_events_table('a_name_of_sixty_three_characters_that_is_as_long_as_names_can_1'),
    travel.create_events_table('a_name_of_sixty_three_characters_that_is_as_long_as_names_can_2');
\pset format unaligned
SELECT error_of('SELECT travel.create_events_table(''a b'')');
-- An error of PostgreSQL itself stays as it is.
SELECT error_of('SELECT travel.create_events_table(''trail'')');
\pset format aligned

-- The records of a document are inserted once. A record without an id is identified by the digest of its text; the same
-- id with another time is another row.
SELECT '{"Records": [{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z", "eventName": "A", "sourceIPAddress": '
       '"192.0.2.1", "userIdentity": {"type": "IAMUser", "userName": "alice", "accessKeyId": "K"}}, {"eventID": "b", '
       '"eventTime": "2026-03-02T09:10:00Z", "eventName": "B", "sourceIPAddress": "203.0.113.1", "userIdentity": '
       '{"type": "IAMUser", "userName": "alice", "accessKeyId": "K"}}, {"eventTime": "2026-03-02T09:11:00Z", '
       '"eventName": "no id"}]}'
    AS file \gset
SELECT * FROM travel.ingest('trail', :'file');
SELECT * FROM travel.ingest('trail', :'file');
SELECT *
FROM travel.ingest('trail',
    '[{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z", "eventName": "changed"}, {"eventID": "a", "eventTime": '
    '"2026-03-02T09:00:01Z"}, {"eventID": "c", "eventTime": "2026-03-02T09:00:02Z"}, {"eventID": "c", "eventTime": '
    '"2026-03-02T09:00:02Z"}]');
SELECT event_id, event_time, event_name, source_ip, source_kind, access_key_id, session_name, outcome,
    record ->> 'eventName' AS record, ingested_at = now() AS now
FROM trail
ORDER BY event_time, event_id;
SELECT event_id = 'sha256:' || encode(sha256(convert_to(record::text, 'UTF8')), 'hex') AS digest_of_the_record
FROM trail
WHERE event_name = 'no id';
SELECT count(DISTINCT ingest_xid) AS transactions, bool_and(e = travel.parse(record)) AS as_parse_reads_it
FROM trail
CROSS JOIN LATERAL (SELECT ROW(NULLIF(event_id, CASE WHEN event_id LIKE 'sha256:%' THEN event_id END), event_time,
    event_name, event_source, event_type, event_category, aws_region, account_id, recipient_account_id, shared_event_id,
    source_ip, source_text, source_kind, identity_type, principal_id, arn, user_name, session_name, principal, actor,
    access_key_id, issued_access_key_id, session_issuer_arn, source_identity, invoked_by, mfa_used, from_console,
    vpc_endpoint_id, user_agent, error_code, error_message, outcome, read_only)::travel.event AS e) AS x;

-- Elements that are not records or have no readable time are skipped with a notice, and the rest is inserted.
SELECT *
FROM travel.ingest('trail',
    '{"Records": [{"eventID": "d", "eventTime": "yesterday"}, 7, {"eventName": "no time, no id"}, {"eventID": "e", '
    '"eventTime": "2026-03-02T10:00:00Z", "readOnly": "maybe"}, null, {"foo": 1}]}');
SELECT event_id, read_only FROM trail WHERE event_time > '2026-03-02 09:30Z';
-- So is a record with a text that no index could hold.
SELECT i.*
FROM (SELECT string_agg(md5(n::text), '') AS text FROM generate_series(1, 300) AS n) AS long
CROSS JOIN LATERAL travel.ingest('trail', jsonb_build_array(
    jsonb_build_object('eventID', long.text, 'eventTime', '2026-03-02T11:00:00Z'),
        jsonb_build_object('eventID', 'long key', 'eventTime', '2026-03-02T11:00:00Z', 'userIdentity',
            jsonb_build_object('accessKeyId', long.text)),
    jsonb_build_object('eventID', 'long ARN', 'eventTime', '2026-03-02T11:00:00Z', 'userIdentity',
        jsonb_build_object('type', 'IAMUser', 'arn', long.text)),
    jsonb_build_object('eventID', 'long name', 'eventTime', '2026-03-02T11:00:00Z', 'eventName', long.text),
        jsonb_build_object('eventID', 'short', 'eventTime', '2026-03-02T11:00:00Z'))) AS i;
SELECT event_id, octet_length(event_name) FROM trail WHERE event_time = '2026-03-02 11:00Z' ORDER BY 1;
-- There are at most twenty notices; the last one counts the others.
SELECT *
FROM travel.ingest('trail',
    (
        SELECT jsonb_agg(jsonb_build_object('eventID', 'many' || n, 'eventTime', 'no time'))
        FROM generate_series(1, 23) AS n
    ));
-- Documents in all wrappings, documents without records, and texts that are not documents.
SELECT d.what, i.* FROM (VALUES
    (1, 'EventBridge', '{"detail-type": "x", "detail": {"eventID": "eb", "eventTime": "2026-03-03T00:00:00Z"}}'::jsonb),
    (2, 'LookupEvents',
        '{"Events": [{"CloudTrailEvent": "{\"eventID\": \"le\", \"eventTime\": \"2026-03-03T00:00:00Z\"}"}]}'),
    (3, 'one record', '{"eventID": "one", "eventTime": "2026-03-03T00:00:00Z"}'),
    (4, 'digest', '{"digestStartTime": "x", "logFiles": []}'),
    (5, 'Insight', '{"Records": [{"eventID": "i", "eventCategory": "Insight", "eventTime": "2026-03-03T00:00:00Z"}]}'),
    (6, 'empty', '{"Records": []}'), (7, 'NULL', NULL)) AS d (n, what, document)
    CROSS JOIN LATERAL travel.ingest('trail', document) AS i
    ORDER BY n;
SELECT split_part(error_of($$SELECT travel.ingest('trail', jsonb '{"foo": 1}')$$), E'\n', 1) AS document,
    sqlstate_of($$SELECT travel.ingest(NULL, '[]')$$) AS target,
    sqlstate_of($$SELECT travel.ingest('travel.leg', '[]')$$) AS composite,
    sqlstate_of($$SELECT travel.ingest('no_such', '[]')$$) AS no_such;

-- Without the record, into a table with fewer or more columns, and with odd names.
SELECT * FROM travel.ingest('"Odd ""name"""', :'file');
SELECT count(*) FILTER (WHERE event_id LIKE 'sha256:%') AS digests, count(*),
    (SELECT count(*) FROM pg_attribute WHERE attrelid = '"Odd ""name"""'::regclass AND attname = 'record')
        AS record_columns
FROM "Odd ""name""";
ALTER TABLE "Odd ""name""" DROP user_agent, ADD note text DEFAULT 'mine', ADD record jsonb;
SELECT * FROM travel.ingest('"Odd ""name"""', '{"eventID": "late", "eventTime": "2026-03-05T00:00:00Z"}');
SELECT note, record FROM "Odd ""name""" WHERE event_id = 'late';
CREATE TABLE no_events (id int);
\pset format unaligned
SELECT error_of($$SELECT travel.ingest('no_events', '[]')$$);
\pset format aligned

-- A rollback leaves no rows, and triggers and constraints of the user apply.
BEGIN;
SELECT inserted FROM travel.ingest('trail', '{"eventID": "gone", "eventTime": "2026-03-05T00:00:00Z"}');
ROLLBACK;
SELECT count(*) FROM trail WHERE event_id = 'gone';
ALTER TABLE audit.cloudtrail ADD CHECK (event_name <> 'forbidden');
SELECT sqlstate_of($$SELECT travel.ingest('audit.cloudtrail',
    '{"eventID": "x", "eventTime": "2026-03-05T00:00:00Z", "eventName": "forbidden"}')$$);
-- INSERT of the same event violates the primary key.
SELECT sqlstate_of($$INSERT INTO trail (event_id, event_time) VALUES ('a', '2026-03-02T09:00:00Z')$$) AS again,
    sqlstate_of($$INSERT INTO trail (event_time) VALUES (now())$$) AS no_id,
    sqlstate_of($$INSERT INTO trail (event_id) VALUES ('x')$$) AS no_time;

-- The table belongs to the role that made it; others need privileges on it and on its schema: 42501.
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA own AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SELECT travel.create_events_table('own.trail');
SELECT inserted FROM travel.ingest('own.trail', :'file');
SELECT sqlstate_of($$SELECT travel.create_events_table('audit.x')$$) AS other_schema,
    sqlstate_of($$SELECT travel.ingest('trail', '{"eventID": "x", "eventTime": "2026-03-05T00:00:00Z"}')$$)
        AS other_table;
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'own.trail'::regclass;
GRANT USAGE ON SCHEMA own TO regress_other;
SET ROLE regress_other;
SELECT sqlstate_of($$SELECT travel.ingest('own.trail', '{"eventID": "x", "eventTime": "2026-03-05T00:00:00Z"}')$$)
    AS no_rights,
    sqlstate_of($$SELECT travel.detect('own.trail')$$) AS detect;
RESET ROLE;
GRANT INSERT ON own.trail TO regress_other;
SET ROLE regress_other;
SELECT inserted, sqlstate_of($$SELECT travel.detect('own.trail')$$) AS detect
FROM travel.ingest('own.trail', '{"eventID": "x", "eventTime": "2026-03-05T00:00:00Z"}');
RESET ROLE;

-- travel.detect reads the ingested events.
SELECT entity, from_event_id, to_event_id, from_city, to_city FROM travel.detect('own.trail');
SET client_min_messages = warning;
DROP SCHEMA own, audit CASCADE;
DROP TABLE trail, "Odd ""name""", folded, "select", no_events,
    a_name_of_sixty_three_characters_that_is_as_long_as_names_can_1,
    a_name_of_sixty_three_characters_that_is_as_long_as_names_can_2;
DROP ROLE regress_owner, regress_other;
