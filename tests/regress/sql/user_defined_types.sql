-- detect, coverage and scans over the table of another role run none of that role's code by a conversion: only
-- PostgreSQL's own types, and domains over them, are converted. Other types are 42804, with a hint that shows the
-- expression by which the caller can convert them.
SET timezone = 'UTC';
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'
CREATE ROLE regress_owner;
CREATE SCHEMA others AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = others;
CREATE TYPE pair AS (a text);
CREATE TYPE colour AS ENUM ('red');
CREATE TYPE span AS RANGE (subtype = int4);
CREATE DOMAIN pair_domain AS pair;
CREATE DOMAIN pairs_domain AS pair[];
CREATE DOMAIN key AS varchar(20) CHECK (value <> '');
CREATE DOMAIN key_of_key AS key;
CREATE DOMAIN moment AS timestamptz;
CREATE DOMAIN address AS inet;
CREATE DOMAIN degrees AS float8;
CREATE DOMAIN truth AS boolean;
CREATE DOMAIN document AS jsonb;
-- Each function records the role that runs it.
CREATE TABLE ran (what text, by name);
GRANT INSERT ON ran TO PUBLIC;
GRANT USAGE ON SCHEMA others TO PUBLIC;
CREATE FUNCTION text_of(pair) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('pair as text', current_user); RETURN 'x'; END $$;
CREATE FUNCTION text_of(colour) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('colour as text', current_user); RETURN 'x'; END $$;
CREATE FUNCTION text_of(pair[]) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('pairs as text', current_user); RETURN 'x'; END $$;
CREATE FUNCTION text_of(span) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('span as text', current_user); RETURN 'x'; END $$;
CREATE FUNCTION number_of(pair) RETURNS float8
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('pair as float8', current_user); RETURN 1; END $$;
CREATE FUNCTION address_of(pair) RETURNS inet
    LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO others.ran VALUES ('pair as inet', current_user); RETURN '192.0.2.1'; END
    $$;
CREATE FUNCTION time_of(pair) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO others.ran VALUES ('pair as timestamptz', current_user); RETURN now(); END
    $$;
CREATE CAST (pair AS text) WITH FUNCTION text_of(pair) AS IMPLICIT;
CREATE CAST (colour AS text) WITH FUNCTION text_of(colour) AS IMPLICIT;
CREATE CAST (pair[] AS text) WITH FUNCTION text_of(pair[]) AS IMPLICIT;
CREATE CAST (span AS text) WITH FUNCTION text_of(span) AS IMPLICIT;
CREATE CAST (pair AS float8) WITH FUNCTION number_of(pair) AS IMPLICIT;
CREATE CAST (pair AS inet) WITH FUNCTION address_of(pair) AS IMPLICIT;
CREATE CAST (pair AS timestamptz) WITH FUNCTION time_of(pair) AS IMPLICIT;
CREATE FUNCTION same(key, key) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('key = key', current_user); RETURN true; END $$;
CREATE FUNCTION same(varchar, varchar) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('varchar = varchar', current_user); RETURN true; END $$;
CREATE FUNCTION same(float8, int) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('float8 >= int', current_user); RETURN true; END $$;
CREATE OPERATOR = (LEFTARG = key, RIGHTARG = key, FUNCTION = same);
CREATE OPERATOR <> (LEFTARG = key, RIGHTARG = key, FUNCTION = same);
CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
CREATE OPERATOR <> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
CREATE OPERATOR >= (LEFTARG = float8, RIGHTARG = int, FUNCTION = same);
CREATE OPERATOR <= (LEFTARG = float8, RIGHTARG = int, FUNCTION = same);
CREATE TABLE events (event_id text, event_time timestamptz, source_ip inet, access_key_id text, outcome text,
    invoked_by text, pair pair, colour colour, pairs pair[], span span, pair_d pair_domain, pairs_d pairs_domain,
    loc float8);
INSERT INTO events
VALUES
    ('1', '2026-03-02 09:00Z', '192.0.2.5', 'K', NULL, NULL, ROW('a'), 'red', ARRAY[ROW('a')]::pair[], '[1,2)',
        ROW('a'), ARRAY[ROW('a')]::pair[], 1),
    ('2', '2026-03-02 09:10Z', '203.0.113.7', 'K', NULL, NULL, ROW('a'), 'red', ARRAY[ROW('a')]::pair[], '[1,2)',
        ROW('a'), ARRAY[ROW('a')]::pair[], 2);
RESET ROLE;
SET search_path = public, others;

-- No function runs, whatever the column and the type.
CREATE TABLE keys AS
SELECT *
FROM unnest(ARRAY['event_id', 'event_time', 'event_name', 'event_source', 'aws_region', 'account_id', 'source_ip',
    'source_text', 'source_kind', 'identity_type', 'principal', 'actor', 'session_name', 'user_name', 'arn',
    'access_key_id', 'invoked_by', 'mfa_used', 'user_agent', 'outcome', 'error_code', 'latitude', 'longitude',
    'accuracy_km', 'city', 'subdivision', 'country', 'country_code', 'record']) AS k (key);
CREATE TABLE columns AS
SELECT key, type, CASE
    WHEN key IN ('latitude', 'longitude', 'accuracy_km', 'city', 'subdivision', 'country', 'country_code')
        THEN '{"latitude": "loc", "longitude": "loc"}'::jsonb
    ELSE '{}' END || jsonb_build_object(key, type) AS columns
FROM keys, unnest(ARRAY['pair', 'colour', 'pairs', 'span', 'pair_d', 'pairs_d', '(colour)', '(pair)']) AS t (type);
SELECT key,
    string_agg(DISTINCT sqlstate_of(format('SELECT travel.detect(''others.events'', columns => %L)', columns)), ' ')
        AS detect,
    string_agg(DISTINCT sqlstate_of(format('SELECT travel.coverage(''others.events'', columns => %L)', columns)), ' ')
        AS coverage
FROM columns GROUP BY key ORDER BY key;
SELECT entity, sqlstate_of(format('SELECT travel.detect(''others.events'', %L)', entity)) AS code
FROM unnest(ARRAY['pair', 'colour', 'pairs', 'span', 'pair_d', 'pairs_d', 'access_key_id, colour']) AS e (entity);
SELECT * FROM ran;

-- The same in rules: as an entity, a baseline entity, an arrival column, or any other.
SET client_min_messages = error;
INSERT INTO travel.rules (name, source, columns)
SELECT key, 'others.events', columns
FROM columns
WHERE type = 'pair' AND key <> 'record';
INSERT INTO travel.rules (name, source, entity) VALUES ('entity', 'others.events', 'colour');
INSERT INTO travel.rules (name, source, baseline_entity)
VALUES ('baseline_entity', 'others.events', 'colour'), ('baseline_entities', 'others.events', 'access_key_id, pair');
INSERT INTO travel.rules (name, source, arrival_column) VALUES ('arrival_column', 'others.events', 'pair');
SELECT coalesce(sqlstate_of(format('SELECT travel.check_rule(%L)', name)), '-') AS code,
    string_agg(name, ' ' ORDER BY name) AS rules
FROM travel.rules
GROUP BY 1
ORDER BY 1;
CALL travel.scan();
SELECT right(last_error, 7) AS error, count(*) FROM travel.status GROUP BY 1 ORDER BY 1;
SELECT * FROM ran;
DELETE FROM travel.rules;
SET client_min_messages = warning;

-- The hint can be followed, whatever the names: then the expression is the caller's own.
ALTER TABLE events RENAME colour TO "odd ""colour""";
\pset format unaligned
SELECT error_of($$SELECT travel.detect('others.events', columns => '{"event_name": "odd \"colour\""}')$$);
SELECT error_of($$SELECT travel.detect('others.events', columns => '{"event_name": "((pair))"}')$$);
SELECT error_of($$SELECT travel.detect('others.events', columns => '{"source_ip": "pair"}')$$);
SELECT error_of($$SELECT travel.detect('others.events', columns => '{"event_time": "pair"}')$$);
SELECT error_of($$SELECT travel.detect('others.events', '"odd ""colour"""')$$);
\pset format aligned
SELECT from_event_name
FROM travel.detect('others.events', columns => '{"event_name": "(s.\"odd \"\"colour\"\"\"::text)"}');
SELECT entity FROM travel.detect('others.events', 'actor', columns => '{"actor": "(s.\"odd \"\"colour\"\"\"::text)"}');
SELECT DISTINCT what, by FROM ran;

-- Domains over PostgreSQL's own types count as those types: their columns are read, compared by PostgreSQL's operators,
-- and returned as declared.
TRUNCATE ran;
CREATE TABLE others.domains (event_id others.key, event_time others.moment, source_ip others.address,
    access_key_id others.key_of_key, v varchar(9), outcome others.key, invoked_by others.key, latitude others.degrees,
    longitude others.degrees, mfa_used others.truth, record others.document);
INSERT INTO others.domains (event_id, event_time, source_ip, access_key_id, v, latitude, longitude, mfa_used)
VALUES
    ('1', '2026-03-02 09:00Z', '192.0.2.5', 'K', 'V', 51.5, 0, true),
    ('2', '2026-03-02 09:10Z', '203.0.113.7', 'K', 'V', 35.6, 139.7, false);
CREATE INDEX ON others.domains (access_key_id, event_time);
SET search_path = others, public;
SELECT entity, from_event_id, to_event_id, from_city, to_city, to_ip FROM travel.detect('others.domains');
SELECT entity, from_event_id, to_event_id FROM travel.detect('others.domains', 'access_key_id, v', all_legs => true);
SELECT entity, from_event_id, to_event_id, round(from_latitude) AS latitude
FROM travel.detect('others.domains', 'v', columns => '{"latitude": "latitude", "longitude": "longitude"}');
SELECT source_kind, status, events FROM travel.coverage('others.domains');
SELECT status, events
FROM travel.coverage('others.domains', columns => '{"latitude": "latitude", "longitude": "longitude"}');
SET search_path = public;
INSERT INTO travel.rules (name, source, baseline) VALUES ('domains', 'others.domains', false);
INSERT INTO travel.rules (name, source, baseline, columns)
VALUES ('domains with coordinates', 'others.domains', false, '{"latitude": "latitude", "longitude": "longitude"}');
CALL travel.scan();
SELECT rule, entity, from_event_id, to_event_id FROM travel.alerts ORDER BY rule;
SELECT * FROM others.ran;
DELETE FROM travel.rules;
SELECT set_config('session_replication_role', 'replica', false) AS as_a_test_may;
TRUNCATE travel.alerts, travel.alert_history, travel_internal.alert_legs, travel.verdicts;
RESET session_replication_role;
DROP TABLE keys, columns;

-- Layouts read members of structs of such domains by PostgreSQL's operators, too.
SET ROLE regress_owner;
SET search_path = others;
CREATE FUNCTION member(document, text) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('document ->> text', current_user); RETURN 'x'; END $$;
CREATE FUNCTION member(document, text[]) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others.ran VALUES ('document #>> text[]', current_user); RETURN ''; END $$;
CREATE OPERATOR ->> (LEFTARG = document, RIGHTARG = text, FUNCTION = member);
CREATE OPERATOR #>> (LEFTARG = document, RIGHTARG = text[], FUNCTION = member);
CREATE TYPE struct AS (type document, accesskeyid document, sessioncontext document);
CREATE TABLE athena (eventid text, eventtime text, eventname text, eventsource text, sourceipaddress text,
    useridentity document, responseelements document, errorcode document, errormessage text);
INSERT INTO athena
VALUES
    ('1', '2026-03-02T09:00:00Z', 'A', 's3.amazonaws.com', '192.0.2.5', '{"type": "IAMUser", "accesskeyid": "K"}',
        '{}', '"AccessDenied"', NULL),
    ('2', '2026-03-02T09:10:00Z', 'B', 's3.amazonaws.com', '203.0.113.7', '{"type": "IAMUser", "accesskeyid": "K"}',
        '{}', 'null', NULL);
RESET ROLE;
SET search_path = others, public;
SELECT entity, from_event_id, to_event_name FROM travel.detect('athena');
SELECT travel.adopt('athena', 'public.adopted');
SELECT event_id, identity_type, source_ip, outcome FROM adopted ORDER BY event_id;
DROP VIEW adopted;
ALTER TABLE athena ALTER useridentity TYPE struct
    USING ROW('"IAMUser"', '"K"', '{"attributes": {"mfaauthenticated": "true"}}')::struct;
SELECT entity, from_event_id, to_event_name FROM travel.detect('athena');
SELECT * FROM ran;
-- Struct types that are nested in many ways are looked at once each.
CREATE TYPE level0 AS (a text);
SELECT format('CREATE TYPE level%s AS (%s)', n, string_agg(format('a%s level%s', attribute, n - 1), ', '))
FROM generate_series(1, 7) AS n CROSS JOIN generate_series(1, 8) AS attribute GROUP BY n ORDER BY n \gexec
ALTER TABLE athena ALTER errormessage TYPE level7 USING NULL;
SET statement_timeout = '5s';
SELECT count(*) FROM travel.detect('athena');
RESET statement_timeout;
SET search_path = public;
DROP SCHEMA others CASCADE;
DROP ROLE regress_owner;
