-- travel.detect refuses invalid entities, columns and conditions, each with its SQLSTATE. A piece of SQL stays one
-- expression over the source, and everything runs with the privileges of the caller.
SET timezone = 'UTC';
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'
CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet, j json, outcome text, invoked_by text);
INSERT INTO events VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1'), ('K', '2026-03-02 09:10Z', '203.0.113.1');
CREATE TABLE untouched (n int);
INSERT INTO untouched VALUES (1);

-- entity: a list of SQL identifiers, each a standard column or one of the source's own.
SELECT entity, sqlstate_of(format('SELECT travel.detect(''events'', %L)', entity)) AS code
FROM unnest(ARRAY['access_key_id', ' ACCESS_KEY_ID ', 'access_key_id, outcome', '"access_key_id"', '', ' ', ',',
    'access_key_id,', 'a b', 'no_such', 'user_name', '(access_key_id)', 'access_key_id; DROP TABLE untouched',
    's.access_key_id', '"', 'ctid', 'j', '1'])
    WITH ORDINALITY AS v (entity, n)
ORDER BY n;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('events', 'a b')$$);
SELECT error_of($$SELECT travel.detect('events', 'user_name')$$);
\pset format aligned

-- A source must have a time and a location.
CREATE TABLE no_time (access_key_id text, source_ip inet);
CREATE TABLE no_place (access_key_id text, event_time timestamptz, latitude float8);
CREATE TABLE nothing ();
\pset format unaligned
SELECT error_of($$SELECT travel.detect('no_time')$$);
SELECT error_of($$SELECT travel.detect('no_place')$$);
SELECT error_of($$SELECT travel.coverage('no_place')$$);
SELECT error_of($$SELECT travel.detect_sql('nothing')$$);
\pset format aligned

-- columns: a JSON object with texts under known keys.
SELECT columns, sqlstate_of(format('SELECT travel.detect(''events'', columns => %L)', columns)) AS code
FROM unnest(ARRAY['{}', '[]', '"x"', 'null', '1', '{"event_time": 1}', '{"event_time": null}', '{"event_time": {}}',
    '{"Event_Time": "event_time"}', '{"eventTime": "event_time"}', '{"": "x"}', '{"source_kind": "outcome"}',
                  '{"event_time": "no_such"}', '{"event_time": ""}', '{"event_time": "event_time, outcome"}',
                      '{"event_time": "event_time::timestamptz"}', '{"event_time": "(event_time"}',
                      '{"event_time": "(event_time))"}',
                  '{"event_time": "(no_such)"}', '{"event_time": "(count(event_time))"}',
                      '{"event_time": "(SELECT now())"}', '{"event_time": "((SELECT min(event_time) FROM events))"}',
                      '{"event_time": "(event_time) , (outcome)"}', '{"event_time": " (event_time) "}',
                  '{"event_time": "(s.event_time)"}', '{"event_time": "()"}',
                      '{"event_time": "(generate_series(1,2))"}', '{"event_time": "(event_time) AS x, (now())"}',
                      '{"event_time": "(event_time) FROM (SELECT 1) AS x(y)"}', '{"source_ip": "j"}'])
     WITH ORDINALITY AS v (columns, n) ORDER BY n;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('events', columns => '{"eventTime": "event_time"}')$$);
SELECT error_of($$SELECT travel.detect('events', columns => '{"event_time": 7}')$$);
SELECT error_of($$SELECT travel.detect('events', columns => '[]')$$);
SELECT error_of($$SELECT travel.detect('events', columns => '{"event_time": "no_such"}')$$);
SELECT error_of($$SELECT travel.detect('events', columns => '{"event_time": "(no_such)"}')$$);
SELECT error_of($$SELECT travel.detect('events', columns => '{"event_time": "(event_time) FROM (SELECT 1) x(y)"}')$$);
\pset format aligned

-- condition: one boolean expression over the columns of the source.
SELECT condition, sqlstate_of(format('SELECT travel.detect(''events'', condition => %L)', condition)) AS code
FROM unnest(ARRAY['true', 'access_key_id = ''K''', 's.access_key_id = ''K''', 'access_key_id LIKE ''%K%'' -- a comment',
    'access_key_id = ''K'' /* a comment */', 'EXISTS (SELECT 1 FROM untouched)', '(SELECT true)',
    'event_time > now() - interval ''10 years''',
                  '', ' ', '-- only a comment', '/*', 'true)', '(true', ') OR (true', 'true) OR (true',
                      'true; DROP TABLE untouched', 'true; --', 'true UNION SELECT 1', 'true ORDER BY 1',
                      'true LIMIT 1', 'true GROUP BY 1', 'true FOR UPDATE', 'true AS x',
                  'true, false', 'true WHERE true', 'DROP TABLE untouched', 'DELETE FROM untouched', 'SELECT 1',
                      'DISTINCT true', 'true INTO untouched', 'true WINDOW w AS ()', 'VALUES (true)',
                      'true FROM untouched', 'true HAVING true', 'WITH x AS (SELECT 1) SELECT true', 'TABLE untouched',
                  'no_such = 1', 'travel.no_such()', 'access_key_id', '1', 'NULL', '''true''', 'count(*) > 1',
                      'row_number() OVER () = 1', 'access_key_id = 1', 'access_key_id = $1',
                      'access_key_id = ''unfinished', '$$', 'event_time = ''no time''', '*', 's', 'e.key_1 = ''K''',
                      'key_1 = ''K''', 'l.distance_km > 1',
                  '(WITH gone AS (DELETE FROM untouched RETURNING 1) SELECT true)',
                      'EXISTS (WITH gone AS (DELETE FROM untouched RETURNING 1) SELECT 1 FROM gone)',
                      'E''\x00'' = ''''', 'pg_temp.no_such'])
     WITH ORDINALITY AS v (condition, n) ORDER BY n;
\pset format unaligned
SELECT error_of($$SELECT travel.detect('events', condition => 'no_such = 1')$$);
SELECT error_of($$SELECT travel.detect('events', condition => 'true; DROP TABLE untouched')$$);
SELECT error_of($$SELECT travel.detect('events', condition => 'true UNION SELECT 1')$$);
SELECT error_of($$SELECT travel.detect('events', condition => 'access_key_id')$$);
SELECT error_of($$SELECT travel.detect('events', condition => 'true)')$$);
SELECT error_of($$SELECT travel.coverage('events', condition => 'true) OR (true')$$);
SELECT error_of($$SELECT travel.detect_sql('events', condition => '')$$);
\pset format aligned
SELECT n AS still_there FROM untouched;
-- Rows that the condition excludes are not evaluated. An OR in the condition applies to the condition alone, and a
-- comment in it ends with it.
SELECT condition, (SELECT count(*) FROM travel.detect('events', condition => condition))
FROM unnest(ARRAY['true', 'false', 'false OR access_key_id = ''none''', 'source_ip <> inet ''192.0.2.1''', 'NULL',
    'true -- and nothing else'])
    WITH ORDINALITY AS v (condition, n)
ORDER BY n;
-- An error in the condition is reported as it is.
\pset format unaligned
SELECT split_part(error_of($$SELECT travel.detect('events', condition => '1 / (length(access_key_id) - 1) = 1')$$),
    E'\n', 1);
\pset format aligned

-- An expression stays one expression, whatever parentheses and comments it has: nothing around it binds to a part of
-- it.
SELECT columns,
    (
        SELECT concat_ws(' ', count(*), min(to_event_id), min(to_outcome))
        FROM travel.detect('events', columns => columns)
    ) AS found
FROM unnest(ARRAY['{"event_id": "(1) + (2)"}', '{"event_id": "(''a'') || (''b'')"}', '{"event_id": "(''x'') -- )"}',
    '{"outcome": "(''failed'') || (''_auth'')"}', '{"outcome": "(NULL) || (''failed_auth'')"}',
    '{"invoked_by": "(NULL) /* ) */ || ('''')"}',
                  '{"access_key_id": "(''A'') || (access_key_id)"}', '{"event_time": "(event_time) + (''1 day'')"}',
                      '{"source_text": "(host(source_ip)) || ('''')"}']::jsonb[])
                      WITH ORDINALITY AS v (columns, n)
                  ORDER BY n;

-- Table and condition are read with the privileges of the caller: 42501.
CREATE TABLE secret AS TABLE events;
CREATE VIEW through AS TABLE secret;
CREATE ROLE regress_analyst;
CREATE FUNCTION pg_temp.as_analyst(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    SET LOCAL ROLE regress_analyst;
    said := error_of(statement);
    RESET ROLE;
    RETURN said;
END $$;
GRANT SELECT ON events TO regress_analyst;
\pset format unaligned
SELECT pg_temp.as_analyst($$SELECT travel.detect('events')$$);
SELECT pg_temp.as_analyst($$SELECT travel.detect('secret')$$);
SELECT pg_temp.as_analyst($$SELECT travel.coverage('secret')$$);
SELECT pg_temp.as_analyst($$SELECT travel.detect_sql('secret')$$);
SELECT split_part(pg_temp.as_analyst($$SELECT travel.detect('events', condition => 'EXISTS (SELECT 1 FROM secret)')$$),
    E'\n', 1);
SELECT split_part(pg_temp.as_analyst($$SELECT travel.detect('events',
    columns => '{"event_id": "((SELECT access_key_id FROM secret LIMIT 1))"}')$$), E'\n', 1);
-- Privileges on some columns suffice if no other column is needed. A view shows what its owner may see.
GRANT SELECT (access_key_id, event_time, source_ip) ON secret TO regress_analyst;
SELECT split_part(pg_temp.as_analyst($$SELECT travel.detect('secret')$$), E'\n', 1);
GRANT SELECT (outcome, invoked_by) ON secret TO regress_analyst;
SELECT pg_temp.as_analyst($$SELECT travel.detect('secret')$$);
SELECT pg_temp.as_analyst($$SELECT travel.detect('through')$$) LIKE '42501%';
GRANT SELECT ON through TO regress_analyst;
SELECT pg_temp.as_analyst($$SELECT travel.detect('through')$$);
\pset format aligned
-- Row-level security applies to the caller.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY far ON events FOR SELECT TO regress_analyst USING (source_ip <> inet '192.0.2.1');
SET ROLE regress_analyst;
SELECT count(*) AS what_the_analyst_sees FROM travel.detect('events');
RESET ROLE;
SELECT count(*) AS what_is_there FROM travel.detect('events');
DROP TABLE events, secret, untouched, no_time, no_place, nothing CASCADE;
DROP ROLE regress_analyst;
-- An array is an entity by its text. A value that cannot be converted soon is refused before it is converted, also if
-- it is stored compressed.
CREATE TABLE groups (event_time timestamptz, source_ip inet, access_key_id int[], actor jsonb);
INSERT INTO groups
VALUES ('2026-03-02 09:00Z', '192.0.2.1', '{1, 2}', '"a"'), ('2026-03-02 09:10Z', '203.0.113.1', '{1,2}', '"a"');
SELECT entity FROM travel.detect('groups');
SELECT entity FROM travel.detect('groups', entity => 'access_key_id, actor');
INSERT INTO groups VALUES ('2026-03-02 09:20Z', '192.0.2.1', array_fill(1, '{2097146}'), NULL);
SELECT count(*) FROM travel.detect('groups');
INSERT INTO groups VALUES ('2026-03-02 09:20Z', '192.0.2.1', array_fill(1, '{2097147}'), NULL);
SELECT pg_column_size(access_key_id) < 1000000 AS is_compressed, error_of($$SELECT travel.detect('groups')$$) AS detect,
    sqlstate_of($$SELECT travel.coverage('groups')$$) AS coverage
FROM groups
ORDER BY pg_column_size(access_key_id) DESC
LIMIT 1;
SELECT count(*) FROM travel.detect('groups', condition => 'cardinality(access_key_id) < 10');
SELECT status, events FROM travel.coverage('groups', condition => 'cardinality(access_key_id) < 10');
SELECT count(*) FROM travel.detect('groups', columns => '{"access_key_id": "(access_key_id[1:2])"}');
SELECT travel_internal.as_text(value) FROM (VALUES ('[1, 2]'::jsonb)) AS v (value);
SELECT travel_internal.as_text(1), travel_internal.as_text('x'), travel_internal.as_text(ROW(1, '{}'::int[])),
    travel_internal.as_text(NULL::int[]);
DROP TABLE groups;
