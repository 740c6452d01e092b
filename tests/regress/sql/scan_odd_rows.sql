-- Odd rows of a source do not stop a scan, and hide no other row.
SET client_min_messages = warning;
CREATE SCHEMA odd;
SET search_path = odd, public;
CREATE VIEW found AS
SELECT rule, entity, from_city, to_city, to_time, raised
FROM travel.verdicts
ORDER BY rule, entity, to_time;
CREATE VIEW errors AS SELECT rule, last_error FROM travel.status WHERE last_error IS NOT NULL;

-- Over coordinates: a later scan and a late event go on from the checkpoints.
CREATE TABLE fixes (access_key_id text, principal text, event_time timestamptz, latitude float8, longitude float8,
    country_code text, city text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
INSERT INTO travel.rules (name, source, baseline) VALUES ('coordinates', 'odd.fixes', false);
INSERT INTO fixes VALUES ('key', 'ann', '2026-03-01 09:00Z', 51.5, -0.125, 'GB', 'London');
CALL travel.scan('coordinates');
INSERT INTO fixes VALUES ('key', 'ann', '2026-03-01 09:10Z', 35.6875, 139.75, 'JP', 'Tokyo');
CALL travel.scan('coordinates');
SELECT * FROM found;
INSERT INTO fixes VALUES ('key', 'ann', '2026-03-01 09:05Z', 40.4375, -3.6875, 'ES', 'Madrid');
CALL travel.scan('coordinates');
SELECT * FROM found;
SELECT * FROM errors;

-- A row that claims to come from the future hides no row that arrives now: by arrival column, by lookback.
CREATE TABLE arrivals (access_key_id text, principal text, event_time timestamptz, source_ip inet, a1 timestamptz,
    a2 timestamptz);
CREATE TABLE lookbacks (access_key_id text, principal text, event_time timestamptz, source_ip inet);
INSERT INTO travel.rules (name, source, baseline, arrival_column)
VALUES ('arrival', 'odd.arrivals', false, 'a1'), ('lookback', 'odd.lookbacks', false, NULL);
INSERT INTO arrivals
VALUES
    ('future', 'ann', '2026-03-01 09:00Z', '192.0.2.1', clock_timestamp() + '3 hours'),
    ('ever', 'ann', '2026-03-01 09:00Z', '192.0.2.1', 'infinity');
INSERT INTO lookbacks VALUES ('future', 'ann', '2240-03-01 09:00Z', '192.0.2.1');
CALL travel.scan();
INSERT INTO arrivals
SELECT 'now', 'bob', at::timestamptz, ip::inet, clock_timestamp()
FROM (VALUES ('2026-03-02 09:00Z', '192.0.2.1'), ('2026-03-02 09:10Z', '203.0.113.1')) AS v (at, ip);
INSERT INTO lookbacks
SELECT 'now', 'bob', now() + at::interval, ip::inet
FROM (VALUES ('-2 hours', '192.0.2.1'), ('-1 hour', '203.0.113.1')) AS v (at, ip);
CALL travel.scan();
SELECT rule, entity, from_city, to_city, raised FROM found WHERE rule <> 'coordinates';

-- With another arrival_column all rows are new.
UPDATE travel.rules SET arrival_column = 'a2' WHERE name = 'arrival';
INSERT INTO arrivals
SELECT 'other', 'eve', at::timestamptz, ip::inet, '2020-01-01', '2026-03-03'
FROM (VALUES ('2026-03-03 09:00Z', '192.0.2.1'), ('2026-03-03 09:10Z', '203.0.113.1')) AS v (at, ip);
CALL travel.scan();
SELECT rule, entity, from_city, to_city, raised FROM found WHERE rule = 'arrival';

-- A condition refers to columns of the source alone, whatever their names, even when late events are evaluated with
-- those after them.
CREATE TABLE named (name text, evaluated_until text, entity text, m text, event_time timestamptz, source_ip inet,
    access_key_id text, actor text);
INSERT INTO travel.rules (name, source, condition, columns, baseline_entity)
VALUES ('named', 'odd.named', $$name = 'a' AND evaluated_until = 'a' AND m = 'a'$$, '{"actor": "(name || entity)"}',
    'entity');
INSERT INTO named
SELECT 'a', 'a', 'a', 'a', at::timestamptz, ip::inet, 'named'
FROM (VALUES ('2026-03-01 09:00Z', '192.0.2.1'), ('2026-03-03 09:00Z', '192.0.2.1'),
    ('2026-03-03 09:40Z', '203.0.113.1'))
    AS v (at, ip);
CALL travel.scan('named');
INSERT INTO named VALUES ('a', 'a', 'a', 'a', '2026-03-03 09:20Z', '192.0.2.1', 'named');
CALL travel.scan('named');
SELECT f.*, from_time AT TIME ZONE 'UTC' AS from_time
FROM found AS f
JOIN travel.verdicts AS v USING (rule, entity, to_time)
WHERE rule = 'named';
SELECT * FROM errors;
DELETE FROM travel.rules WHERE name = 'named';

-- A name that is too long for an index stops no rule.
CREATE TABLE calls (event_time timestamptz, source_ip inet, access_key_id text, principal text);
INSERT INTO travel.rules (name, source) VALUES ('long names', 'odd.calls');
INSERT INTO calls
SELECT at::timestamptz, ip::inet, key, nullif(key, 'short')
FROM (VALUES ('2026-03-03 09:00Z', '192.0.2.1'), ('2026-03-03 09:10Z', '203.0.113.1')) AS v (at, ip),
     (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n UNION ALL VALUES ('short')) AS k (key);
CALL travel.scan('long names');
SELECT rule, entity, from_city, to_city, raised FROM found WHERE rule = 'long names';
SELECT * FROM errors;
\set VERBOSITY terse
INSERT INTO travel.rules (name, source) VALUES (repeat('n', 201), 'odd.calls');
\set VERBOSITY default

-- Multi-factor authentication in text: CloudTrail writes true and Yes; another text is false, an empty text is NULL.
CREATE TABLE factors (event_time timestamptz, source_ip inet, access_key_id text, mfa_used text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
INSERT INTO factors
SELECT at::timestamptz, ip::inet, 'ASIA' || coalesce(nullif(mfa_used, ''), 'nothing'), mfa_used
FROM unnest('{true,TRUE,Yes,1,false,False,No,0,maybe,"",NULL}'::text[]) AS mfa_used,
    (VALUES ('2026-03-03 09:00Z', '192.0.2.1'), ('2026-03-03 09:10Z', '203.0.113.1')) AS v (at, ip);
INSERT INTO travel.rules (name, source, baseline) VALUES ('factors', 'odd.factors', false);
CALL travel.scan('factors');
SELECT evidence, array_agg(substr(entity, 5) ORDER BY entity COLLATE "C") AS mfa_used
FROM travel.alerts
WHERE rule = 'factors'
GROUP BY 1
ORDER BY 1;

-- Settings of the session for reading and quoting SQL change neither the source nor the condition of a rule.
CREATE TABLE words (event_time timestamptz, source_ip inet, access_key_id text, principal text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
ALTER TABLE words ENABLE ROW LEVEL SECURITY;
INSERT INTO words (event_time, source_ip, access_key_id)
VALUES ('2026-03-03 09:00Z', '192.0.2.1', E'a\\nb'), ('2026-03-03 09:10Z', '203.0.113.1', E'a\\nb');
INSERT INTO travel.rules (name, source, condition, columns)
VALUES ('words', 'odd.words', $$access_key_id = 'a\nb' AND (principal = NULL) IS NULL$$,
    '{"principal": "(''\\x61''::bytea::text)"}');
CALL travel.scan('words');
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SET bytea_output = escape;
SET row_security = off;
INSERT INTO travel.rules (name, source, condition)
SELECT 'words again', source, condition
FROM travel.rules
WHERE name = 'words';
SELECT travel.check_rule('words');
CALL travel.scan('words');
CALL travel.scan('words again');
RESET standard_conforming_strings;
RESET escape_string_warning;
RESET quote_all_identifiers;
RESET transform_null_equals;
RESET bytea_output;
RESET row_security;
SELECT rule, source FROM travel_internal.scans WHERE rule LIKE 'words%' ORDER BY rule;
SELECT name, source FROM travel.rules WHERE name LIKE 'words%' ORDER BY name;
SELECT rule, entity, principal FROM travel.verdicts WHERE rule LIKE 'words%' ORDER BY rule;
SELECT * FROM errors;

-- A condition means the same in every session, in all functions that read the source of a rule. Each of these
-- conditions is true with the settings that a rule has, and false or invalid with those of the session below.
CREATE TABLE moments (event_time timestamptz, source_ip inet, access_key_id text, principal text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
INSERT INTO moments (event_time, source_ip, access_key_id)
VALUES ('2026-03-03 09:00Z', '192.0.2.1', 'k'), ('2026-03-03 09:10Z', '203.0.113.1', 'k');
CREATE TABLE conditions (setting text, session text, condition text);
INSERT INTO conditions VALUES
    ('TimeZone', 'Asia/Tokyo', $$extract(hour FROM event_time) = 9$$),
    ('timezone_abbreviations', 'India', $$event_time < '2026-03-03 13:00 IST'$$),
    ('DateStyle', 'ISO, DMY', $$event_time > '02/04/2026'$$),
    ('IntervalStyle', 'sql_standard', $$interval '-1 23:00' > interval '-10 hours'$$),
    ('array_nulls', 'off', $$('{NULL}'::text[])[1] IS NULL$$),
    ('extra_float_digits', '0', $$(0.1::float8 + 0.2::float8)::text = '0.30000000000000004'$$),
    ('bytea_output', 'escape', $$'\x41'::bytea::text = '\x41'$$),
    ('default_text_search_config', 'pg_catalog.english', $$to_tsvector('he travels') @@ tsquery 'travels'$$),
    ('quote_all_identifiers', 'on', $$quote_ident('a') = 'a'$$),
    ('standard_conforming_strings', 'off', $$'\' <> ''$$),
    ('backslash_quote', 'off', $$E'\'' = ''''$$),
    ('transform_null_equals', 'on', $$(principal = NULL) IS NULL$$),
    ('gin_fuzzy_search_limit', '1', $$current_setting('gin_fuzzy_search_limit') = '0'$$),
    ('lc_monetary', 'POSIX', $$current_setting('lc_monetary') = 'C'$$),
    ('lc_numeric', 'POSIX', $$current_setting('lc_numeric') = 'C'$$),
    ('lc_time', 'POSIX', $$current_setting('lc_time') = 'C'$$),
    ('xmloption', 'document', $$current_setting('xmloption') = 'content'$$),
    ('xmlbinary', 'hex', $$current_setting('xmlbinary') = 'base64'$$),
    ('row_security', 'off', $$current_setting('row_security') = 'on'$$);
SET escape_string_warning = off;
-- The plain query finds no row with the setting of the session, or is invalid.
CREATE FUNCTION found_by(setting text, session text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM set_config(setting, session, true);
    EXECUTE concat('SELECT count(*) FROM odd.moments WHERE ', condition) INTO n;
    RAISE '% rows', n USING ERRCODE = '22000';
EXCEPTION WHEN OTHERS THEN RETURN CASE sqlstate WHEN '22000' THEN sqlerrm ELSE sqlstate END;
END $$;
SELECT setting, n FROM conditions, LATERAL found_by(setting, session, condition) AS n WHERE n <> '0 rows';
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN TABLE odd.conditions LOOP
        PERFORM set_config(c.setting, c.session, false);
    END LOOP;
END $$;
-- The rules are written, checked, scanned and explained in this session. One rule has all the conditions.
INSERT INTO travel.rules (name, source, condition, baseline)
SELECT setting, 'odd.moments', condition, false FROM conditions
UNION ALL
SELECT 'every condition', 'odd.moments', string_agg(format('(%s)', condition), ' AND '), false FROM conditions;
SELECT count(travel.check_rule(name)) FROM travel.rules WHERE source = 'odd.moments';
CALL travel.scan();
SELECT name AS no_alert FROM travel.rules AS r
WHERE source = 'odd.moments' AND NOT EXISTS (SELECT FROM travel.alerts AS a WHERE a.rule = r.name);
SELECT last_error FROM errors AS e JOIN travel.rules AS r ON r.name = e.rule WHERE source = 'odd.moments';
SELECT (SELECT count(*) FROM travel.backtest('every condition')) AS backtest,
    (SELECT count(*) FROM travel.explain('every condition', 'k') WHERE status = 'evaluated') AS explain,
    (SELECT count(*) FROM travel.explain_alert(a.id) WHERE status = 'evaluated') AS explain_alert,
    (SELECT count(*) FROM travel.alert_events(a.id)) AS alert_events,
    (SELECT sum(events) FROM travel.activity_after(a.id)) AS activity_after,
    travel.report(a.id) LIKE '%2026-03-03 09:10%' AS report
FROM travel.alerts AS a WHERE rule = 'every condition';
CALL travel.rescan('every condition', '-infinity');
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'every condition';
-- The session keeps its settings.
SELECT setting FROM conditions WHERE current_setting(setting) <> session;
DELETE FROM travel.rules WHERE source = 'odd.moments';
RESET ALL;
SET client_min_messages = warning;
SET search_path = odd, public;

-- A step frees what it passes to each statement, so its memory does not grow with the verdicts that it writes.
CREATE TABLE many (event_time timestamptz, source_ip inet, access_key_id text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
INSERT INTO many
SELECT timestamptz '2026-03-03 00:00Z' + n * interval '1 minute', ('{192.0.2.1,203.0.113.1}'::inet[])[1 + n % 2], 'key'
FROM generate_series(1, 10001) AS n;
CREATE TABLE sizes (statement int GENERATED ALWAYS AS IDENTITY, size bigint);
CREATE FUNCTION note_size() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO odd.sizes (size) SELECT sum(total_bytes) FROM pg_backend_memory_contexts;
    RETURN NULL;
END $$;
CREATE TRIGGER note_size AFTER INSERT ON travel.verdicts FOR EACH STATEMENT EXECUTE FUNCTION note_size();
INSERT INTO travel.rules (name, source, baseline) VALUES ('many', 'odd.many', false);
INSERT INTO travel.suppressions (rule, country_code_a, reason) VALUES ('many', 'JP', 'an office there');
CALL travel.scan('many');
DROP TRIGGER note_size ON travel.verdicts;
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'many';
SELECT b.size - a.size < 2000000 AS freed FROM sizes AS a, sizes AS b WHERE a.statement = 1 AND b.statement = 2;

-- The checkpoints of rules are deleted with them.
DELETE FROM travel.rules;
SELECT (SELECT count(*) FROM travel_internal.entity_checkpoints) AS entity_states,
    (SELECT count(*) FROM travel_internal.baseline_checkpoints) AS baseline_states;
SET session_replication_role = replica;
DELETE FROM travel.alerts;
DELETE FROM travel_internal.alert_legs;
DELETE FROM travel.alert_history;
RESET session_replication_role;
DROP SCHEMA odd CASCADE;
