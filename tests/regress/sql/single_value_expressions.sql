-- An expression must be one value of one type. A star or a whole row is 42601 in detect, coverage and rules. A star
-- inside an expression with one value is allowed.
SET timezone = 'UTC';
SET impossible_travel.coverage_notice = off;
SET client_min_messages = error;
\pset null '-'
-- A star would shift the types of all later columns: a uuid would be read as a text.
CREATE TABLE wide (first text, eid text, t timestamptz, k text, ip inet, event_source uuid, place point, pair text[]);
INSERT INTO wide
VALUES
    ('f', '1', '2026-03-02 09:00Z', 'K', '192.0.2.5', '01014141-4141-4141-4141-000000000000', '(1,2)', '{a,b}'),
    ('f', '2', '2026-03-02 09:10Z', 'K', '203.0.113.7', '01014141-4141-4141-4141-000000000000', '(1,2)', '{a,b}');
CREATE TABLE narrow (k text);
CREATE FUNCTION pair_of(text) RETURNS TABLE (a text, b text) LANGUAGE sql IMMUTABLE AS $$ SELECT $1, $1 $$;
CREATE FUNCTION row_of(wide) RETURNS wide LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
SELECT expression,
       sqlstate_of(format($$SELECT travel.detect('wide', columns => %L)$$, c)) AS detect,
       sqlstate_of(format($$SELECT travel.detect('wide', columns => %L, all_legs => true)$$, c)) AS all_legs,
       sqlstate_of(format($$SELECT travel.coverage('wide', columns => %L)$$, c)) AS coverage,
       sqlstate_of(format($$INSERT INTO travel.rules (name, source, columns) VALUES (%L, 'wide', %L)$$, n, c)) AS rule
FROM unnest(ARRAY['(s.*)', '((s.*))', '( s . * )', '(wide.*)', '((s).*)', '((public.row_of(s)).*)',
    '((public.row_of(s.*)).*)', '(public.pair_of(k))', '((public.pair_of(k)).*)', '(*)', '(s.*, k)', '(k, s.*)',
    '(ROW(s.*))', '(ROW(k, k))', '((k, k))', '(s)', '(wide)', '((s))', '(public.row_of(s))', '(NULL::public.wide)',
                  '(public.row_of(s.*).k)', '((s).k)', '((public.row_of(s)).k)', '(s.*::text)', '(s::text)',
                      '(row_to_json(s.*)::text)', '(to_jsonb(s) ->> ''k'')', '((SELECT x.k FROM (SELECT s.*) AS x))',
                      '(concat(s.*))'])
     WITH ORDINALITY AS e (expression, n)
CROSS JOIN LATERAL (SELECT jsonb_build_object('event_id', 'eid', 'event_time', 't', 'access_key_id', 'k', 'source_ip',
    'ip', 'event_source', expression) AS c) AS c
ORDER BY n;
-- The same for every column, and for a source with a single column.
SELECT DISTINCT sqlstate_of(format($$SELECT travel.detect('wide', columns => %L)$$,
    jsonb_build_object('event_time', 't', 'access_key_id', 'k', 'source_ip', 'ip') || jsonb_build_object(key, '(s.*)')))
FROM unnest(ARRAY['event_id', 'event_time', 'event_name', 'event_source', 'aws_region', 'account_id', 'source_ip',
    'source_text', 'source_kind', 'identity_type', 'principal', 'actor', 'access_key_id', 'invoked_by', 'mfa_used',
    'user_agent', 'outcome', 'error_code', 'latitude', 'longitude', 'accuracy_km', 'city', 'country_code',
    'record']) AS k (key);
SELECT sqlstate_of($$SELECT travel.detect('narrow', columns => '{"event_time": "(now())", "source_ip": "(s.*)"}')$$);
SELECT sqlstate_of($$SELECT travel.detect('wide', condition => 's.*')$$) AS detect,
    sqlstate_of($$INSERT INTO travel.rules (name, source, condition) VALUES ('star', 'wide', '(s).*')$$) AS rule;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('wide',
    columns => '{"event_time": "t", "source_ip": "ip", "access_key_id": "(s.*)"}')$$);
SELECT error_of($$SELECT travel.detect('wide',
    columns => '{"event_time": "t", "source_ip": "ip", "access_key_id": "(s)"}')$$);
\pset format aligned
SELECT count(*) AS rules,
    count(*) FILTER (WHERE sqlstate_of(format('SELECT travel.check_rule(%L)', name)) = 'fine') AS usable
FROM travel.rules;
DELETE FROM travel.rules;
DROP TABLE wide, narrow CASCADE;
DROP FUNCTION pair_of;
