-- Tables that other tools made: travel.columns_for recognizes their layout, whatever form the tool's structs took, and
-- detection, coverage and rules use it by themselves.
SET TimeZone = 'UTC';
SET impossible_travel.coverage_notice = off;

-- Five events of one access key. The third is a request with a wrong signature, the fourth is a call of a service, and
-- the fifth a failed sign-in: if one of them counts, there is more than one impossible leg.
CREATE TABLE records (n int, r jsonb);
INSERT INTO records
SELECT n, jsonb_build_object('eventID', 'e' || n, 'eventTime', '2026-03-02T09:' || minute || ':00Z',
           'eventSource', source, 'eventName', name, 'awsRegion', 'eu-west-1', 'sourceIPAddress', ip, 'userAgent', 'x',
           'userIdentity', jsonb_build_object('type', 'AssumedRole', 'principalId', 'AROAEXAMPLE:alice',
               'arn', 'arn:aws:sts::111122223333:assumed-role/Admin/alice', 'accountId', '111122223333',
               'accessKeyId', 'ASIAEXAMPLE')
               || CASE WHEN service IS NULL THEN '{}' ELSE jsonb_build_object('invokedBy', service) END)
       || more
FROM (VALUES
    (1, '00', 's3.amazonaws.com', 'ListBuckets', '192.0.2.1', NULL, '{}'::jsonb),
    (2, '10', 's3.amazonaws.com', 'ListBuckets', '203.0.113.1', NULL, '{}'),
    (3, '05', 's3.amazonaws.com', 'GetObject', '198.51.100.1', NULL, '{"errorCode": "SignatureDoesNotMatch"}'),
    (4, '06', 'kms.amazonaws.com', 'Decrypt', '198.51.100.1', 'athena.amazonaws.com', '{}'),
    (5, '07', 'signin.amazonaws.com', 'ConsoleLogin', '198.51.100.1', NULL,
        '{"responseElements": {"ConsoleLogin": "Failure"}}')
) AS e (n, minute, source, name, ip, service, more);

-- What travel.detect finds: one leg, by the sign-ins and identities of the layout.
CREATE FUNCTION found(source regclass, condition text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ', count(*), min(from_city), min(to_city), min(session_name), min(identity_type),
        min(account_id), min(to_event_id), min(to_outcome))
    FROM travel.detect(source, condition => condition)
$$;

-- The layouts themselves: each has the outcome and the calling service, or a record that has both.
SELECT name FROM travel.layouts
WHERE NOT (columns ? 'record' OR columns ? 'document' OR columns ?& '{outcome,invoked_by}')
ORDER BY rank;
SELECT has_table_privilege('public', 'travel.layouts', 'SELECT') AS all_may_read,
    has_table_privilege('public', 'travel.layouts', 'INSERT') AS all_may_write;
-- Each key is one that columns takes, and each expression is valid over a table that has all paths: see below.
SELECT l.name, key FROM travel.layouts AS l, jsonb_object_keys(columns) AS key
WHERE key NOT IN ('record', 'document')
  AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'travel.event'::regclass AND attname = key);

-- Tables with the record.
CREATE TABLE cloudquery AS
SELECT 'x' AS _cq_id, (r ->> 'eventTime')::timestamptz AT TIME ZONE 'UTC' AS event_time,
    r #>> '{userIdentity,accessKeyId}' AS access_key_id, r AS cloud_trail_event
FROM records;
SELECT found('cloudquery');
SELECT jsonb_pretty(travel.columns_for('cloudquery')) AS columns;
CREATE TABLE steampipe AS
SELECT '/aws' AS log_group_name, r #>> '{userIdentity,arn}' AS user_identifier, r -> 'userIdentity' AS user_identity,
    (r ->> 'eventTime')::timestamptz AS event_time, r AS cloudtrail_event, '' AS access_key_id
FROM records;
UPDATE steampipe SET access_key_id = user_identity ->> 'accessKeyId';
SELECT found('steampipe');
SELECT status, events FROM travel.coverage('steampipe') ORDER BY 1;
-- The record may be text, and names may have any case.
CREATE TABLE airbyte ("EventId" varchar, "EventTime" numeric, "AccessKeyId" varchar, "CloudTrailEvent" varchar);
INSERT INTO airbyte
SELECT r ->> 'eventID', extract(epoch FROM (r ->> 'eventTime')::timestamptz), 'ASIAEXAMPLE', r FROM records;
SELECT found('airbyte');

-- Not every tool fills the column of the key. It is used if it is indexed.
CREATE TABLE unfilled AS TABLE cloudquery;
UPDATE unfilled SET access_key_id = NULL;
SELECT found('unfilled');
CREATE INDEX ON cloudquery (access_key_id, event_time);
SELECT travel.columns_for('cloudquery') ->> 'access_key_id' AS access_key_id;
-- A home-made table may have the key as a column, too. An index on it cannot be used for an expression.
CREATE TABLE home_made AS
SELECT (r ->> 'eventTime')::timestamptz AS event_time, r ->> 'eventID' AS event_id, r ->> 'eventName' AS event_name,
    r ->> 'eventSource' AS event_source, (r ->> 'sourceIPAddress')::inet AS source_ip, r ->> 'errorCode' AS error_code,
    r #>> '{userIdentity,accessKeyId}' AS access_key_id, r -> 'userIdentity' AS user_identity,
    r -> 'responseElements' AS response_elements
FROM records;
SELECT found('home_made');
SELECT travel.columns_for('home_made') ->> 'access_key_id' AS access_key_id;
CREATE INDEX ON home_made (access_key_id, event_time);
SELECT found('home_made');
SELECT travel.columns_for('home_made') ->> 'access_key_id' AS access_key_id;
-- The address is text in the form of CloudTrail, whatever its type.
SELECT found('home_made', $$source_text IN ('192.0.2.1', '203.0.113.1')$$);

-- Structs in every form. The table of Athena as jsonb, as json, as JSON text, as the text of a CSV file, as a composite
-- type, with dotted names, and flattened.
CREATE VIEW athena AS
SELECT r ->> 'eventID' AS eventid, r ->> 'eventTime' AS eventtime, r ->> 'eventSource' AS eventsource,
    r ->> 'eventName' AS eventname, r ->> 'sourceIPAddress' AS sourceipaddress, r ->> 'errorCode' AS errorcode,
    r ->> 'responseElements' AS responseelements, r -> 'userIdentity' AS identity
FROM records;
CREATE TABLE athena_jsonb AS
SELECT a.*, jsonb_build_object('type', identity -> 'type', 'principalid', identity -> 'principalId',
    'arn', identity -> 'arn', 'accountid', identity -> 'accountId', 'accesskeyid', identity -> 'accessKeyId',
    'invokedby', identity -> 'invokedBy', 'username', NULL) AS useridentity
FROM athena AS a;
ALTER TABLE athena_jsonb DROP identity;
SELECT found('athena_jsonb');
CREATE TABLE athena_json AS TABLE athena_jsonb;
ALTER TABLE athena_json ALTER useridentity TYPE json;
SELECT found('athena_json');
CREATE TABLE athena_text AS TABLE athena_jsonb;
ALTER TABLE athena_text ALTER useridentity TYPE text;
SELECT found('athena_text');
CREATE TABLE athena_csv AS TABLE athena_text;
UPDATE athena_csv SET useridentity = '{' || (
    SELECT string_agg(key || '=' || coalesce(value, 'null'), ', ') FROM jsonb_each_text(useridentity::jsonb)
) || '}';
SELECT useridentity FROM athena_csv WHERE eventid = 'e4';
SELECT found('athena_csv');
CREATE TYPE athena_identity AS (
    type text, principalid text, arn text, accountid text, accesskeyid varchar(30), invokedby text, username text
);
CREATE TABLE athena_composite AS TABLE athena_csv WITH NO DATA;
ALTER TABLE athena_composite ALTER useridentity TYPE athena_identity USING NULL;
INSERT INTO athena_composite
SELECT eventid, eventtime, eventsource, eventname, sourceipaddress, errorcode, responseelements,
    jsonb_populate_record(NULL::athena_identity, useridentity)
FROM athena_jsonb;
SELECT found('athena_composite');
CREATE VIEW athena_dotted AS
SELECT eventid AS "eventID", eventtime AS "eventTime", eventsource AS "eventSource", eventname AS "eventName",
    sourceipaddress AS "sourceIPAddress", errorcode AS "errorCode", responseelements AS "responseElements",
    (useridentity).type AS "userIdentity.type", (useridentity).arn AS "userIdentity.arn",
    (useridentity).principalid AS "userIdentity.principalId", (useridentity).accountid AS "userIdentity.accountId",
    (useridentity).accesskeyid AS "userIdentity.accessKeyId", (useridentity).invokedby AS "userIdentity.invokedBy"
FROM athena_composite;
SELECT found('athena_dotted');
CREATE VIEW athena_flat AS
SELECT eventid, eventtime, eventsource, eventname, sourceipaddress, errorcode, responseelements,
    (useridentity).type AS useridentity_type, (useridentity).arn AS useridentity_arn,
    (useridentity).principalid AS useridentity_principalid, (useridentity).accountid AS useridentity_accountid,
    (useridentity).accesskeyid AS useridentity_accesskeyid, (useridentity).invokedby AS useridentity_invokedby
FROM athena_composite;
SELECT found('athena_flat');
-- Where a table has responses and no error codes, failed sign-ins do not count. The request with a wrong signature
-- does.
CREATE VIEW without_error_codes AS
SELECT eventid, eventtime, eventsource, eventname, sourceipaddress, responseelements, useridentity FROM athena_jsonb;
SELECT found('without_error_codes');
SELECT status, events FROM travel.coverage('without_error_codes') ORDER BY 1;
-- Where it has neither, the outcome is missing.
CREATE VIEW without_outcome AS
SELECT eventid, eventtime, eventsource, eventname, sourceipaddress, useridentity FROM athena_jsonb;
SELECT found('without_outcome');
CREATE VIEW without_responses AS
SELECT eventid, eventtime, eventsource, eventname, sourceipaddress, errorcode, useridentity FROM athena_jsonb;
SELECT found('without_responses');
DROP VIEW without_error_codes, without_outcome, without_responses;
-- The value to which a path leads, in each form.
SET client_min_messages = warning;
SELECT source, travel.columns_for(source) ->> 'account_id' AS account_id
FROM unnest('{athena_jsonb,athena_text,athena_composite,athena_dotted,athena_flat}'::regclass[]) AS source;
SET client_min_messages = notice;

-- Conditions can name standard columns that the source lacks, with the types and NULLs of travel.event. The source's
-- own columns come first.
SET client_min_messages = warning;
SELECT found('athena_csv',
    $$identity_type = 'AssumedRole' AND error_code IS NULL AND event_time < '2026-03-02 09:30Z'$$);
SELECT found('athena_csv', $$identity_type = 'IAMUser'$$);
SELECT found('athena_csv', $$source_ip <<= '192.0.2.0/24' OR source_text = '203.0.113.1'$$);
SELECT found('athena_csv', $$s.session_name = 'alice' AND mfa_used IS NOT TRUE AND eventname <> 'x'$$);
SELECT found('steampipe', $$identity_type = 'AssumedRole' AND log_group_name = '/aws' AND error_code IS NULL$$);
SELECT found('steampipe', $$source_ip <<= '192.0.2.0/24' OR source_ip = '203.0.113.1'$$);
SELECT found('athena_csv', $$EXISTS (SELECT FROM records AS o WHERE o.r ->> 'eventID' = event_id)$$);
CREATE VIEW with_own_type AS SELECT *, 'mine' AS identity_type FROM athena_csv;
SELECT found('with_own_type', $$identity_type = 'mine'$$), found('with_own_type', $$identity_type = 'AssumedRole'$$);
\pset format unaligned
SELECT error_of($$SELECT travel.detect('athena_csv', condition => 'no_such_column = 1')$$);
SELECT error_of($$SELECT travel.detect('athena_csv', condition => 'access_key_id = 1')$$);
\pset format aligned
-- The query can be kept as a view. A record is parsed once, also for the condition.
DO $$ BEGIN
    EXECUTE 'CREATE VIEW legs AS ' || travel.detect_sql('steampipe', condition => 'identity_type = ''AssumedRole''');
    EXECUTE 'CREATE VIEW more_legs AS ' || travel.detect_sql('athena_csv', condition => 'identity_type IS NOT NULL');
END $$;
SELECT count(*) FROM legs;
SELECT count(*) FROM more_legs;
SELECT count(*) FILTER (WHERE p ~ 'Function Scan on travel.try_parse') AS parsed,
    count(*) FILTER (WHERE p ~ 'Seq Scan on public.steampipe') AS read
FROM plan_of(travel.detect_sql('steampipe', condition => 'identity_type = ''AssumedRole'''), ', VERBOSE') AS p;
SET client_min_messages = notice;

-- Documents in one column: whole files, envelopes, lines, what log shippers make of them, whatever the type.
CREATE TABLE documents (file jsonb);
INSERT INTO documents SELECT jsonb_build_object('Records', jsonb_agg(r)) FROM records WHERE n < 4;
INSERT INTO documents SELECT jsonb_build_object('detail-type', 'x', 'detail', r) FROM records WHERE n = 4;
INSERT INTO documents SELECT jsonb_build_object('log', r::text) FROM records WHERE n = 5;
INSERT INTO documents VALUES (NULL), ('{"digestStartTime": "x", "logFiles": []}');
SELECT found('documents');
SELECT travel.columns_for('documents');
SELECT status, events FROM travel.coverage('documents') ORDER BY 1;
SELECT found('documents', $$identity_type = 'AssumedRole' AND file IS NOT NULL$$);
-- A condition that names no column of the record is evaluated before the record is read. Line breaks stay as they are.
SELECT found('documents', E'\'a\nb\' = E\'a\\nb\' AND length($$\n$$) = 1 -- a comment');
-- A column of the source may be named as the extension's own queries name the record.
SELECT count(*) FROM travel.detect('records', condition => $$arn IS NOT NULL$$, columns => '{"record": "r"}');
CREATE TABLE documents_json AS SELECT file::json AS file FROM documents;
SELECT found('documents_json');
CREATE TABLE lines AS
SELECT 'note ' || n AS note,
    CASE n WHEN 1 THEN (SELECT string_agg(r::text, E'\n') FROM records WHERE n <= 2) ELSE r::text END AS line
FROM records WHERE n <> 2;
SELECT found('lines');
CREATE TABLE shipped (body text);
INSERT INTO shipped SELECT jsonb_build_object('messageType', 'DATA_MESSAGE', 'logEvents',
    jsonb_agg(jsonb_build_object('id', n, 'message', r::text))) FROM records;
SELECT found('shipped');
-- A tool may keep the text of what it parsed.
CREATE TABLE parsed AS SELECT r::text AS message, r AS payload FROM records;
SELECT found('parsed');
-- A value that holds nothing does not end the query.
INSERT INTO lines VALUES ('broken', '{"eventID": '), ('other', '{"a": 1}'), ('none', NULL);
SELECT count(*) FROM travel.detect('lines', columns => '{"document": "line"}');
SELECT travel_internal.document_kind(d) AS kind, d FROM unnest(ARRAY['{"eventID": "a", "eventTime": "b"}',
    '{"Records": []}', '{"Records": [{"eventID": "a"}]}', '{"a": 1}', 'null', '7', '[1]', '"x"']::jsonb[]) AS d;
SELECT travel_internal.document_kind(d) AS kind, d FROM unnest(ARRAY['{"eventID": "a", "eventTime": "b"}', 'x', '',
    '{"eventID": "a", "eventTime": "b"} {"eventID": "c", "eventTime": "b"}', '{"eventID": ', '{"a": 1}']) AS d;
-- Among the documents of a stream may be messages of other services.
CREATE TABLE stream AS SELECT n, jsonb_build_object('detail-type', 'x', 'detail', r) AS event FROM records;
INSERT INTO stream VALUES (6, '{"detail-type": "EC2 Instance State-change", "detail": {"state": "running"}}');
SELECT found('stream');
SELECT status, events FROM travel.coverage('stream') ORDER BY 1;
-- The time of a record may have a column of its own.
CREATE TABLE timed AS SELECT (r ->> 'eventTime')::timestamptz AS event_time, r::text AS body FROM records;
SELECT travel.columns_for('timed');
SELECT found('timed');
-- The raw tables of Airbyte have the same columns for each connector.
CREATE TABLE airbyte_raw (_airbyte_raw_id text, _airbyte_data jsonb, _airbyte_meta jsonb);
SELECT travel.columns_for('airbyte_raw');
INSERT INTO airbyte_raw SELECT n, jsonb_build_object('EventId', n, 'CloudTrailEvent', r::text), '{}' FROM records;
SELECT found('airbyte_raw');
UPDATE airbyte_raw SET _airbyte_data = r FROM records WHERE n::text = _airbyte_raw_id;
SELECT found('airbyte_raw');
-- In a table with the required columns, a document is the record of its row, and the source's own columns stay.
CREATE TABLE with_body AS
SELECT (r ->> 'eventTime')::timestamptz AS event_time, r ->> 'sourceIPAddress' AS source_ip,
    r #>> '{userIdentity,accessKeyId}' AS access_key_id, r AS body
FROM records;
SELECT travel.columns_for('with_body');
SELECT found('with_body');

-- A second factor was used if either the sign-in or the session says so, as in travel.parse.
CREATE TABLE factors AS
SELECT n, jsonb_strip_nulls(jsonb_build_object('eventID', 'e' || n,
    'additionalEventData', jsonb_build_object('MFAUsed', sign_in), 'userIdentity', jsonb_build_object(
        'sessionContext', jsonb_build_object('attributes', jsonb_build_object('mfaAuthenticated', session))))) AS r
FROM (VALUES (1, 'No', 'true'), (2, 'Yes', 'false'), (3, 'No', 'false'), (4, 'No', NULL), (5, NULL, 'false'),
    (6, NULL, 'true'), (7, 'Yes', NULL), (8, NULL, NULL)) AS f (n, sign_in, session);
CREATE VIEW factors_athena AS
SELECT r ->> 'eventID' AS eventid, now() AS eventtime, '192.0.2.1' AS sourceipaddress,
    r -> 'userIdentity' AS useridentity, r ->> 'additionalEventData' AS additionaleventdata, NULL AS errorcode
FROM factors;
CREATE VIEW factors_snake_case AS
SELECT r ->> 'eventID' AS event_id, now() AS event_time, '192.0.2.1' AS source_ip,
    r -> 'userIdentity' AS user_identity, r -> 'additionalEventData' AS additional_event_data, NULL AS error_code
FROM factors;
CREATE VIEW factors_ocsf AS
SELECT 3002 AS class_uid, 1772442000000 AS time, r ->> 'eventID' AS metadata_uid, 'ConsoleLogin' AS api_operation,
    'signin.amazonaws.com' AS api_service_name, 'IAMUser' AS actor_user_type, '192.0.2.1' AS src_endpoint_ip,
    r #>> '{additionalEventData,MFAUsed}' = 'Yes' AS is_mfa,
    CASE WHEN n = 1 THEN 'Failure' ELSE 'Success' END AS status,
    (r #>> '{userIdentity,sessionContext,attributes,mfaAuthenticated}')::boolean AS actor_session_is_mfa,
    '{"credentials": {"accessKeyId": "ASIAISSUED"}}' AS api_response_data
FROM factors;
CREATE VIEW factors_ecs AS
SELECT now() AS "@timestamp", r ->> 'eventID' AS "event.id", 'ConsoleLogin' AS "event.action",
    'signin.amazonaws.com' AS "event.provider", '192.0.2.1' AS "source.ip",
    'IAMUser' AS "aws.cloudtrail.user_identity.type",
    CASE WHEN n = 1 THEN 'failure' ELSE 'success' END AS "event.outcome",
    r #>> '{additionalEventData,MFAUsed}' = 'Yes' AS "aws.cloudtrail.console_login.additional_eventdata.mfa_used",
    r #>> '{userIdentity,sessionContext,attributes,mfaAuthenticated}'
        AS "aws.cloudtrail.user_identity.session_context.mfa_authenticated"
FROM factors;
SET client_min_messages = warning;
SELECT travel.adopt(source)
FROM unnest('{factors_athena,factors_snake_case,factors_ocsf,factors_ecs}'::regclass[]) AS source;
SELECT string_agg(coalesce((travel.parse(r)).mfa_used::text, '-'), ' ' ORDER BY n) AS parsed FROM factors;
SELECT layout, string_agg(coalesce(mfa_used::text, '-'), ' ' ORDER BY event_id) AS mfa_used
FROM (
    SELECT 'athena', event_id, mfa_used FROM factors_athena_events
    UNION ALL SELECT 'snake_case', event_id, mfa_used FROM factors_snake_case_events
    UNION ALL SELECT 'ocsf', event_id, mfa_used FROM factors_ocsf_events
    UNION ALL SELECT 'ecs', event_id, mfa_used FROM factors_ecs_events
) AS e (layout, event_id, mfa_used)
GROUP BY layout ORDER BY layout;
-- A failed sign-in is one without error codes, too, and a key that was issued may be in the text of a response.
SELECT event_id, o.outcome AS ocsf, o.issued_access_key_id, e.outcome AS ecs
FROM factors_ocsf_events AS o JOIN factors_ecs_events AS e USING (event_id) WHERE event_id < 'e3' ORDER BY event_id;
DROP TABLE factors CASCADE;
SET client_min_messages = notice;

-- columns => '{}' reads the source without a layout: only columns with the standard names are found.
SELECT count(*) FROM travel.detect('with_body', columns => '{}');
\pset format unaligned
SELECT error_of($$SELECT travel.detect('athena_jsonb', columns => '{}')$$);
-- A source with the standard names needs no layout.
CREATE TABLE plain (event_time timestamptz, source_ip inet, access_key_id text, outcome text, invoked_by text);
SELECT travel.columns_for('plain');
-- Sources that are not recognized, and why.
CREATE TABLE unknown (a int, b text, c jsonb);
SELECT error_of($$SELECT travel.columns_for('unknown')$$);
INSERT INTO unknown VALUES (1, 'x', '{"a": 1}');
SELECT sqlstate_of($$SELECT travel.columns_for('unknown')$$), sqlstate_of($$SELECT travel.detect('unknown')$$);
CREATE TABLE twice AS SELECT r AS one, r AS two FROM records;
SELECT error_of($$SELECT travel.columns_for('twice')$$);
SELECT error_of($$SELECT travel.detect('records', columns => '{"record": "r", "document": "r"}')$$);
SELECT error_of($$SELECT travel.detect('records', columns => '{"document": "n"}')$$);
SELECT sqlstate_of($$SELECT travel.columns_for('travel.leg'::regclass)$$);
-- A column of a type that a user created is not converted behind the caller's back.
CREATE TYPE code AS ENUM ('SignatureDoesNotMatch');
CREATE TABLE athena_enum AS TABLE athena_csv;
ALTER TABLE athena_enum ALTER errorcode TYPE code USING errorcode::code;
SELECT error_of($$SELECT travel.detect('athena_enum')$$);
\pset format aligned

-- Recognition by name reads no row, so foreign tables that want a condition are recognized. Recognition by content
-- leaves them alone, and an error in a view does not end the statement.
CREATE FOREIGN DATA WRAPPER unreadable;
CREATE SERVER nowhere FOREIGN DATA WRAPPER unreadable;
CREATE FOREIGN TABLE far (_cq_id uuid, cloud_trail_event jsonb, event_time timestamp) SERVER nowhere;
SELECT travel.columns_for('far');
CREATE FOREIGN TABLE far_documents (document jsonb) SERVER nowhere;
SELECT sqlstate_of($$SELECT travel.columns_for('far_documents')$$);
CREATE FUNCTION fails() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
CREATE VIEW failing AS SELECT fails() AS document FROM records;
SELECT sqlstate_of($$SELECT travel.columns_for('failing')$$);
-- It needs the privilege to read the source.
CREATE ROLE regress_layouts_user;
SET ROLE regress_layouts_user;
SELECT sqlstate_of($$SELECT travel.columns_for('documents')$$);
SELECT count(*) > 10 AS may_read FROM travel.layouts;
RESET ROLE;
GRANT SELECT ON documents TO regress_layouts_user;
SET ROLE regress_layouts_user;
SELECT found('documents');
RESET ROLE;

-- Rules: travel.create_rule stores the columns of the layout; a rule without columns looks them up.
SELECT travel.create_rule('access_key', 'athena_csv', 'layout stored');
SELECT columns ->> 'access_key_id' AS access_key_id FROM travel.rules WHERE name = 'layout stored';
SELECT travel.create_rule('ec2_role', 'steampipe', 'with a condition');
SELECT travel.create_rule('console_login_no_mfa', 'athena_jsonb', 'sign-ins');
SELECT travel.create_rule('access_key', 'documents', 'in documents');
SELECT travel.create_rule('access_key', 'records', 'given', '{"record": "r"}');
INSERT INTO travel.rules (name, source, baseline) VALUES ('looked up', 'athena_csv', false);
SELECT travel.check_rule('looked up');
UPDATE travel.rules SET baseline = false;
CALL travel.scan();
SELECT rule, entity, to_city FROM travel.alerts WHERE rule IN (SELECT name FROM travel.rules) ORDER BY rule;
SELECT rule, last_error FROM travel.status WHERE last_error IS NOT NULL ORDER BY rule;
-- Its alerts are not in the way of other tests.
SELECT set_config('session_replication_role', 'replica', false) AS as_a_test_may;
DELETE FROM travel.rules;
TRUNCATE travel.alerts, travel.alert_history, travel_internal.alert_legs, travel.verdicts,
    travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints, travel_internal.scans,
    travel_internal.own_passes;
RESET session_replication_role;

SET client_min_messages = warning;
DROP VIEW legs, more_legs, athena_dotted, athena_flat, with_own_type, failing;
DROP TABLE cloudquery, steampipe, airbyte, athena_jsonb, athena_json, athena_text, athena_csv, athena_composite,
    documents, documents_json, lines, shipped, airbyte_raw, parsed, with_body, plain, unknown, twice, athena_enum,
    unfilled, home_made, stream, timed CASCADE;
DROP VIEW athena;
DROP TABLE records;
DROP FOREIGN DATA WRAPPER unreadable CASCADE;
DROP TYPE athena_identity, code;
DROP FUNCTION found, fails;
DROP ROLE regress_layouts_user;
RESET client_min_messages;
RESET impossible_travel.coverage_notice;
