-- travel.adopt: a view with the columns of travel.event over a table that a tool made. Conditions reach the indexes of
-- the table, and detect, coverage and a rule over the view give what they give over the table.
-- 192.0.2.1 is in London, 203.0.113.1 in Tokyo.
SET timezone = 'America/New_York';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
\pset null '-'
CREATE SCHEMA adopting;
SET search_path = adopting, public;

-- Records of three keys, with a failed sign-in, a service call, and callers without a key.
CREATE TABLE records AS
SELECT jsonb_build_object('eventID', 'e' || n, 'eventTime', at, 'eventName', name, 'eventSource', source,
           'awsRegion', 'eu-west-1', 'sourceIPAddress', ip, 'userAgent', 'aws-cli/2', 'readOnly', true,
           'errorCode', code, 'errorMessage', message, 'responseElements', nullif(response, '')::jsonb,
           'userIdentity', jsonb_build_object('type', 'AssumedRole', 'accountId', '111122223333',
               'principalId', 'AROAEXAMPLE:' || who, 'arn', 'arn:aws:sts::111122223333:assumed-role/Deploy/' || who,
               'accessKeyId', key, 'invokedBy', invoked_by, 'sessionContext', jsonb_build_object(
                   'attributes', jsonb_build_object('mfaAuthenticated', 'true'),
                   'sessionIssuer', jsonb_build_object('arn', 'arn:aws:iam::111122223333:role/Deploy')))) AS record
FROM (VALUES
    (1, '2026-03-02T09:00:00Z', 'ASIAONE', 'one', '192.0.2.1', 'GetObject', 's3.amazonaws.com', '', '', '', NULL),
    (2, '2026-03-02T09:30:00Z', 'ASIAONE', 'one', '203.0.113.1', 'GetObject', 's3.amazonaws.com', 'AccessDenied', '',
        '', NULL),
    (3, '2026-03-02T10:00:00Z', 'ASIAONE', 'one', '192.0.2.1', 'GetObject', 's3.amazonaws.com', '', '', '', NULL),
    (4, '2026-03-02T09:00:00Z', 'ASIATWO', 'two', '192.0.2.1', 'GetObject', 's3.amazonaws.com', '', '', '', NULL),
    (5, '2026-03-02T09:10:00Z', 'ASIATWO', 'two', '203.0.113.1', 'ConsoleLogin', 'signin.amazonaws.com', '',
        'Failed authentication', '{"ConsoleLogin": "Failure"}', NULL),
    (6, '2026-03-02T09:20:00Z', 'ASIATWO', 'two', '203.0.113.1', 'GetObject', 's3.amazonaws.com', '', '', '',
        'athena.amazonaws.com'),
    (7, '2026-03-02T09:30:00Z', 'ASIATWO', 'two', 'athena.amazonaws.com', 'GetObject', 's3.amazonaws.com', '', '', '',
        NULL),
    (8, '2026-03-02T09:00:00Z', '', 'nobody', '192.0.2.1', 'GetObject', 's3.amazonaws.com', '', '', '', NULL),
    (9, '2026-03-02T09:10:00Z', 'HIDDEN_DUE_TO_SECURITY_REASONS', 'nobody', '203.0.113.1', 'GetObject',
        's3.amazonaws.com', '', '', '', NULL),
    (10, '2026-03-03T09:00:00Z', 'ASIATHREE', 'three', '10.0.0.1', 'GetObject', 's3.amazonaws.com', '', '', '', NULL)
) AS v (n, at, key, who, ip, name, source, code, message, response, invoked_by);

-- The number of findings and rows of coverage that differ between a view and its source. An empty error code of the
-- source is NULL in the view.
CREATE FUNCTION as_text(finding travel.finding) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(to_jsonb(finding)::text, '""', 'null') $$;
CREATE FUNCTION differences(view regclass, source regclass, columns jsonb, entity text DEFAULT 'access_key_id',
    OUT findings bigint, OUT findings_differ bigint, OUT coverage_differs bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM travel.detect(view, entity)),
           (SELECT count(*) FROM (
               (SELECT as_text(f) FROM travel.detect(view, entity, all_legs => true) AS f
                EXCEPT SELECT as_text(f) FROM travel.detect(source, entity, all_legs => true, columns => columns) AS f)
               UNION ALL
               (SELECT as_text(f) FROM travel.detect(source, entity, all_legs => true, columns => columns) AS f
                EXCEPT SELECT as_text(f) FROM travel.detect(view, entity, all_legs => true) AS f)) AS d),
           (SELECT count(*) FROM (
               (SELECT * FROM travel.coverage(view, entity)
                EXCEPT SELECT * FROM travel.coverage(source, entity, columns => columns))
               UNION ALL
               (SELECT * FROM travel.coverage(source, entity, columns => columns)
                EXCEPT SELECT * FROM travel.coverage(view, entity))) AS d)
$$;
-- The columns of a view that are not those of travel.event, in order and by type.
CREATE FUNCTION other_columns(view regclass) RETURNS TABLE (n smallint, name name, type text) LANGUAGE sql AS $$
    SELECT attnum, attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = view AND attnum > 0
    EXCEPT
    SELECT attnum, attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = 'travel.event'::regclass
    ORDER BY 1
$$;
-- The conditions that PostgreSQL looks up in indexes.
CREATE FUNCTION looked_up(query text) RETURNS SETOF text LANGUAGE sql
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT trim(line) FROM plan_of(query) AS line WHERE line ~ 'Index (Scan|Only|Cond)'
$$;

-- A table of columns: an export of Athena's table, with an index on the key and the time. The view has the columns of
-- travel.event with their types. The first two columns of an index are passed on unchanged; in other columns, empty and
-- hidden texts are NULL.
CREATE TABLE athena AS
SELECT record ->> 'eventID' AS eventid, (record ->> 'eventTime')::timestamptz AS eventtime,
       record ->> 'eventName' AS eventname, record ->> 'eventSource' AS eventsource,
       record ->> 'sourceIPAddress' AS sourceipaddress, record ->> 'errorCode' AS errorcode,
       record ->> 'errorMessage' AS errormessage, record ->> 'readOnly' AS readonly,
       replace(replace(record ->> 'responseElements', '"', ''), ': ', '=') AS responseelements,
       record #>> '{userIdentity,accessKeyId}' AS accesskeyid, record -> 'userIdentity' AS useridentity
FROM records;
CREATE INDEX ON athena (accesskeyid, eventtime);
CREATE INDEX ON athena (eventtime);
SELECT $${
    "event_id": "eventid", "event_time": "eventtime", "event_name": "eventname", "event_source": "eventsource",
    "source_text": "sourceipaddress", "error_code": "errorcode", "error_message": "errormessage",
    "read_only": "readonly", "access_key_id": "accesskeyid", "account_id": "(useridentity ->> 'accountId')",
    "identity_type": "(useridentity ->> 'type')", "arn": "(useridentity ->> 'arn')",
    "session_name": "(travel.session_name(useridentity ->> 'type', NULL, useridentity ->> 'principalId', NULL))",
    "principal": "(travel.principal(NULL, useridentity #>> '{sessionContext,sessionIssuer,arn}'))",
    "invoked_by": "(useridentity ->> 'invokedBy')",
    "mfa_used": "(useridentity #>> '{sessionContext,attributes,mfaAuthenticated}')",
    "outcome": "(travel.outcome(errorcode, eventname, eventsource, responseelements, errormessage))"
}$$::jsonb AS columns \gset
SELECT travel.adopt('athena', columns => :'columns');
SELECT * FROM other_columns('athena_events');
SELECT event_id, event_time AT TIME ZONE 'UTC' AS utc, source_ip, source_text, source_kind AS kind, access_key_id,
    session_name, invoked_by, mfa_used, error_code, outcome, read_only
FROM athena_events ORDER BY event_time, event_id;
SELECT * FROM differences('athena_events', 'athena', :'columns');
SELECT * FROM differences('athena_events', 'athena', :'columns', 'account_id, session_name');
SELECT looked_up($$SELECT * FROM athena_events WHERE access_key_id = 'ASIAONE' AND event_time >= '2026-03-02 09:10Z'$$);
SELECT looked_up($$SELECT count(*) FROM athena_events WHERE event_time >= '2026-03-03Z' AND outcome = 'denied'$$);
-- The conditions that detect makes from its range use the index, too.
SELECT looked_up(travel.detect_sql('athena_events', since => '2026-03-02 09:00Z', until => '2026-03-02 12:00Z'));

-- A table of records, with the time and the key as columns of their own: CloudQuery. The time is a timestamp, which the
-- view converts, so a notice shows the index that conditions on the view can use.
CREATE TABLE cloudquery AS
SELECT (record ->> 'eventTime')::timestamptz AT TIME ZONE 'UTC' AS event_time,
       (record #>> '{userIdentity,accessKeyId}')::varchar AS access_key_id, record AS cloud_trail_event
FROM records;
CREATE INDEX ON cloudquery (access_key_id, event_time);
SELECT $${"record": "cloud_trail_event", "event_time": "event_time", "access_key_id": "access_key_id"}$$::jsonb
    AS by_record \gset
SELECT travel.adopt('cloudquery', 'by_record', :'by_record');
SELECT * FROM other_columns('by_record');
SET client_min_messages = warning;
SELECT event_id, event_time AT TIME ZONE 'UTC' AS utc, source_ip, source_kind AS kind, access_key_id, session_name,
    invoked_by, mfa_used, outcome
FROM by_record ORDER BY event_time, event_id;
SELECT * FROM differences('by_record', 'cloudquery', :'by_record');
SELECT looked_up($$SELECT * FROM by_record WHERE access_key_id = 'ASIAONE'$$);
CREATE INDEX ON cloudquery ((event_time AT TIME ZONE 'UTC'));
SELECT looked_up($$SELECT * FROM by_record WHERE event_time >= '2026-03-03Z'$$);
RESET client_min_messages;

-- Times in text have such an index, too.
CREATE TABLE texts AS
SELECT record ->> 'eventTime' AS event_time, record ->> 'sourceIPAddress' AS source_ip,
       record #>> '{userIdentity,accessKeyId}' AS access_key_id, 'success' AS outcome, '' AS invoked_by
FROM records;
CREATE INDEX ON texts (event_time);
SELECT travel.adopt('texts', 'from_texts');
CREATE INDEX ON texts (travel.event_time(event_time));
SELECT looked_up($$SELECT * FROM from_texts WHERE event_time >= '2026-03-03Z'$$);
SELECT * FROM differences('from_texts', 'texts', NULL);

-- Without the argument columns, the layout of the source says where the columns are, also in a column of documents.
SET client_min_messages = notice;
SELECT travel.adopt('athena', 'by_layout');
CREATE TABLE documents AS SELECT jsonb_build_object('Records', jsonb_agg(record)) AS document FROM records;
SELECT travel.adopt('documents');
SET client_min_messages = warning;
SELECT count(*) AS rows, count(DISTINCT event_id) AS events FROM documents_events;
SELECT * FROM other_columns('by_layout') UNION ALL SELECT * FROM other_columns('documents_events');
SELECT * FROM differences('by_layout', 'athena', NULL);
SELECT * FROM differences('documents_events', 'documents', NULL);
SELECT looked_up($$SELECT * FROM by_layout WHERE event_time >= '2026-03-03Z'$$);
RESET client_min_messages;

-- So does a column of a table that also has the struct or the record from which the layout would take the value.
CREATE TABLE structs AS
SELECT (record ->> 'eventTime')::timestamptz AS event_time, record #>> '{userIdentity,accessKeyId}' AS access_key_id,
       (record ->> 'eventID') AS event_id, source_ip, record -> 'userIdentity' AS user_identity
FROM records CROSS JOIN LATERAL travel.source_ip(record ->> 'sourceIPAddress') AS source_ip;
CREATE INDEX ON structs (access_key_id, event_time);
CREATE TABLE bodies AS SELECT (record ->> 'eventTime')::timestamptz AS event_time, record AS body FROM records;
CREATE INDEX ON bodies (event_time);
CREATE TABLE logs AS
SELECT (record ->> 'eventTime')::timestamptz AS timestamp, record ->> 'eventName' AS event_name, record AS raw_log
FROM records;
CREATE INDEX ON logs (timestamp);
SET client_min_messages = warning;
SELECT travel.adopt('structs'), travel.adopt('bodies'), travel.adopt('logs');
SELECT looked_up($$SELECT * FROM structs_events WHERE access_key_id = 'ASIAONE' AND event_time >= '2026-03-02Z'$$);
SELECT looked_up($$SELECT * FROM bodies_events WHERE event_time >= '2026-03-03Z'$$);
SELECT looked_up($$SELECT * FROM logs_events WHERE event_time >= '2026-03-03Z'$$);
SELECT * FROM differences('structs_events', 'structs', NULL);
SELECT * FROM differences('bodies_events', 'bodies', NULL);
SELECT * FROM differences('logs_events', 'logs', NULL);
SELECT source_ip, source_text, source_kind FROM structs_events WHERE event_id = 'e1';
RESET client_min_messages;

-- Indexes of a partitioned table serve the view, and partitions that a condition excludes are not read.
CREATE TABLE parts (access_key_id text, event_time timestamptz, source_ip inet, event_name varchar(30), outcome text,
    invoked_by text) PARTITION BY RANGE (event_time);
CREATE TABLE parts_february PARTITION OF parts FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z');
CREATE TABLE parts_march PARTITION OF parts FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z');
CREATE INDEX ON parts (access_key_id, event_time);
CREATE INDEX ON parts (event_time);
SELECT travel.adopt('parts');
SELECT looked_up($$SELECT * FROM parts_events WHERE access_key_id = 'ASIAONE' AND event_time >= '2026-03-02Z'$$);

-- Rules over the view and over its source raise the same alerts.
INSERT INTO travel.rules (name, source, baseline, columns) VALUES
    ('over the view', 'adopting.athena_events', false, NULL),
    ('over the source', 'adopting.athena', false, :'columns');
CALL travel.scan('over the view');
CALL travel.scan('over the source');
SELECT rule, entity, leg_count, first_seen AT TIME ZONE 'UTC' AS first, last_seen AT TIME ZONE 'UTC' AS last
FROM travel.alerts WHERE rule LIKE 'over the %' ORDER BY rule, first_seen;
SELECT count(*) AS verdicts, count(DISTINCT leg_id) AS legs FROM travel.verdicts WHERE rule LIKE 'over the %';
DELETE FROM travel.rules WHERE name LIKE 'over the %';

-- Where the source says neither outcome nor who invoked the call, warnings say so.
CREATE TABLE home_made AS
SELECT (record ->> 'eventTime')::timestamptz AS event_time, (record ->> 'sourceIPAddress') AS source_text,
       record #>> '{userIdentity,accessKeyId}' AS access_key_id
FROM records;
SELECT travel.adopt('home_made');
SET client_min_messages = warning;
SELECT * FROM other_columns('home_made_events');
SELECT * FROM differences('home_made_events', 'home_made', NULL);

-- A source that has coordinates and no addresses: the coordinates follow, and the view has no address.
CREATE TABLE coordinates (access_key_id text, event_time timestamptz, latitude text, longitude numeric, city text,
    outcome text, invoked_by text);
INSERT INTO coordinates VALUES ('K', '2026-03-02 09:00Z', '51.5', -0.1, 'London', 'success', ''),
    ('K', '2026-03-02 09:30Z', '35.7', 139.7, 'Tokyo', 'success', ''), ('K', '2026-03-02 09:40Z', 'x', 0, '', '', '');
SELECT travel.adopt('coordinates');
-- A name without a schema is in the first schema of the search path, as for CREATE VIEW. The default name is in that of
-- the source.
CREATE SCHEMA tool CREATE TABLE coordinates (LIKE coordinates);
SELECT travel.adopt('tool.coordinates', 'mine'), travel.adopt('tool.coordinates');
DROP SCHEMA tool CASCADE;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'coordinates_events'::regclass AND attnum > 0 AND attname ~ 'source_|tude|city|accuracy'
ORDER BY attnum;
SELECT * FROM differences('coordinates_events', 'coordinates', NULL);

-- The view belongs to the caller, stands beside the source, and says what it is. Another schema, and names that need
-- quotes, are possible; a default name keeps its end.
CREATE ROLE adopter;
GRANT USAGE, CREATE ON SCHEMA adopting TO adopter;
GRANT SELECT ON athena TO adopter;
CREATE SCHEMA views AUTHORIZATION adopter;
CREATE TABLE "Odd name, which is as long as a name can be in PostgreSQL: 63 é" AS TABLE texts;
GRANT SELECT ON "Odd name, which is as long as a name can be in PostgreSQL: 63 é" TO adopter;
SET ROLE adopter;
SELECT travel.adopt('athena', 'views."The view"', '{"event_time": "eventtime", "source_text": "sourceipaddress"}');
SELECT travel.adopt('"Odd name, which is as long as a name can be in PostgreSQL: 63 é"');
RESET ROLE;
SELECT c.oid::regclass, pg_get_userbyid(relowner) AS owner, obj_description(c.oid) AS comment
FROM pg_class AS c WHERE relkind = 'v' AND relnamespace IN ('adopting'::regnamespace, 'views'::regnamespace)
ORDER BY relname COLLATE "C";

-- A backslash in the name of the source is a backslash in the comment, whatever the session takes it for.
SET standard_conforming_strings = off;
SET escape_string_warning = off;
CREATE TABLE "a\'; DROP TABLE adopting.texts; --" AS TABLE texts;
SELECT travel.adopt(oid::regclass, 'adopting.backslash') FROM pg_class WHERE relname LIKE 'a%DROP%';
RESET standard_conforming_strings;
RESET escape_string_warning;
SELECT obj_description('backslash'::regclass) AS comment, to_regclass('texts') AS is_there;

-- Errors.
SET ROLE adopter;
SELECT sqlstate_of($$SELECT travel.adopt('home_made')$$) AS not_readable;
RESET ROLE;
REVOKE CREATE ON SCHEMA adopting FROM adopter;
SET ROLE adopter;
SELECT sqlstate_of($$SELECT travel.adopt('athena', 'more', '{"event_time": "eventtime", "source_text": "eventid"}')$$)
    AS not_in_this_schema;
RESET ROLE;
\pset format unaligned
SELECT error_of($$SELECT travel.adopt(NULL)$$);
SELECT error_of($$SELECT travel.adopt('home_made')$$);
SELECT error_of($$SELECT travel.adopt('home_made', 'a.b.c')$$);
SELECT error_of($$SELECT travel.adopt('home_made', '')$$);
SELECT error_of($$SELECT travel.adopt('home_made', 'v', '{"event_time": "no"}')$$);
SELECT error_of($$SELECT travel.adopt('home_made', 'v', '{"event_time": "(now()) AS s, (1)"}')$$);
CREATE TABLE unknown (n int);
SELECT error_of($$SELECT travel.adopt('unknown', 'v')$$);
SELECT error_of($$SELECT travel.adopt('home_made', 'v', '{"arn": "(ROW(1, 2))"}')$$);
\pset format aligned

DROP SCHEMA adopting, views CASCADE;
DROP ROLE adopter;
