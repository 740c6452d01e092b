-- Rules: what is refused and what is warned of when they are written, their owners, presets, and the results of
-- travel.check_rule.
SET timezone = 'UTC';
\pset null '-'
SELECT travel.create_events_table('trail');
CREATE TABLE untouched (n int);
CREATE SEQUENCE numbers;
INSERT INTO untouched VALUES (1);
CREATE FUNCTION rule_error(setting text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN sqlstate_of(format('INSERT INTO travel.rules (name, source, %s) VALUES (''tried'', ''trail'', %s)',
        split_part(setting, ' = ', 1), substr(setting, strpos(setting, ' = ') + 3)))
        || coalesce((SELECT ' stored' FROM travel.rules WHERE name = 'tried'), '');
END $$;
-- Each setting alone, with its SQLSTATE.
CREATE FUNCTION tried(settings text[]) RETURNS TABLE (setting text, code text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH setting IN ARRAY settings LOOP
        DELETE FROM travel.rules WHERE name = 'tried';
        code := rule_error(setting);
        RETURN NEXT;
    END LOOP;
    DELETE FROM travel.rules WHERE name = 'tried';
END $$;

-- Ranges.
SELECT *
FROM tried(ARRAY['min_distance_km = 0', 'min_distance_km = -1', 'min_distance_km = ''NaN''',
    'min_distance_km = ''Infinity''', 'min_velocity_kmh = 50', 'min_velocity_kmh = 49.9', 'min_velocity_kmh = ''NaN''',
    'min_velocity_kmh = ''Infinity''',
  'learning_period = ''1 hour''', 'learning_period = ''59 minutes''', 'learning_period = ''30 days''',
      'learning_period = ''30 days 1 second''', 'learning_period = ''1 month''', 'learning_period = ''-1 day''',
  'trial_period = ''3 days''', 'trial_period = ''71 hours''', 'trial_period = ''30 days''',
      'trial_period = ''31 days''', 'forget_after = ''1 day''', 'forget_after = ''23 hours''',
      'forget_after = ''3650 days''', 'forget_after = ''3651 days''',
  'keep_alive = ''0''', 'keep_alive = ''-1 second''', 'max_duration = ''0''', 'max_duration = ''-1 second''',
      'lookback = ''1 hour''', 'lookback = ''59 minutes''']);
-- A forgotten event cannot be the start of an impossible leg: 20015.12 km at 50 km/h take 400.3 hours.
SELECT min_velocity_kmh, forget_after,
    sqlstate_of(format('INSERT INTO travel.rules (name, source, min_velocity_kmh, forget_after) VALUES (%L, ''trail'', '
                       '%s, %L)',
        'v' || n, min_velocity_kmh, forget_after)) AS code
FROM (VALUES (1, 50, '400 hours'), (2, 50, '401 hours'), (3, 1000, '24 hours'), (4, 500, '40 hours'),
    (5, 500, '41 hours'))
    AS v (n, min_velocity_kmh, forget_after);
DELETE FROM travel.rules;

\set VERBOSITY terse
-- Names and lists.
SELECT *
FROM tried(ARRAY['learn = ''proven''', 'learn = ''encountered''', 'learn = ''always''', 'downgraded = ''{}''',
    'downgraded = ''{anonymizer,hosting,carrier,same_asn}''', 'downgraded = ''{tor}''', 'downgraded = ''{NULL}''',
    'ignored = ''{hosting,hosting}''', 'ignored = ''{Hosting}''', 'ignored = ARRAY['''']',
  'lineage = true', 'severity = ''critical''', 'severity = ''urgent''', 'entity = ''actor, session_name''',
      'entity = ''''', 'entity = ''a b''', 'entity = ''access_key_id; DROP TABLE untouched''',
      'entity = ''(access_key_id)''', 'baseline_entity = ''account_id, session_name''',
      'baseline_entity = ''account_id,''',
  'columns = ''{"actor": "user_name"}''', 'columns = ''[]''', 'columns = ''{"actor": 1}''',
      'columns = ''{"actors": "user_name"}''', 'columns = ''{"actor": "(user_name"}''',
      'columns = ''{"actor": "(user_name) FROM (SELECT 1)"}''',
  'message = ''{{rule}} {{@userIdentity.type}} }}''', 'message = ''{{rule''', 'enabled = false',
      'owner = ''regress_no_such_role''']);
-- The expression of a column must not change its value between scans or with the settings of a session.
SELECT *
FROM tried(ARRAY['columns = ''{"actor": "(lower(user_name))"}''', 'columns = ''{"actor": "(now()::text)"}''',
    'columns = ''{"actor": "(random()::text)"}''',
    'columns = ''{"source_ip": "(coalesce(source_ip, inet_client_addr()))"}''',
    'columns = ''{"event_time": "(coalesce(event_time, clock_timestamp()))"}''',
    'columns = ''{"actor": "(sqlstate_of(''''''''))"}''']);
-- A year has 365.25 days, both in checks and in use.
SELECT *
FROM tried(ARRAY['forget_after = ''9 years 11 months''', 'forget_after = ''10 years''', 'keep_alive = ''3650 days''',
    'keep_alive = ''10 years''', 'lookback = ''-1 year 13 months''',
    'learning_period = ''1 year -335 days -6 hours''']);
SELECT name, sqlstate_of(format('INSERT INTO travel.rules (name, source) VALUES (%L, ''trail'')', name)) AS code
FROM (VALUES ('a'), (''), (' '), (E'\t'), (NULL), ('Ein Name — mit allem ''"')) AS v (name);
SELECT source, sqlstate_of(format('INSERT INTO travel.rules (name, source) VALUES (%L, %L)', source, source)) AS code
FROM (VALUES ('public.trail'), ('a.b.c'), ('trail; DROP TABLE untouched'), (''), ('(SELECT 1)'), (NULL)) AS v (source);
DELETE FROM travel.rules;

-- condition: one expression over one row whose result does not change, without side effects.
SELECT *
FROM tried(ARRAY(SELECT format('condition = %L', condition)
    FROM unnest(ARRAY['true', 'access_key_id LIKE ''AKIA%'' -- a comment', 'event_time > now() - interval ''1 year''',
        's.mfa_used', 'travel.source_kind(source_text) = ''public''',
  '', ' ', '-- only a comment', '/*', 'true)', '(true', ') OR (true', 'true) OR (true', 'true) OR (SELECT true',
      'true; DROP TABLE untouched', 'true; --', 'true UNION SELECT 1', 'true ORDER BY 1', 'true AS x', 'true, false',
      'true FROM untouched', 'DROP TABLE untouched', 'SELECT 1', 'TABLE untouched',
  '(SELECT true)', 'EXISTS (SELECT 1 FROM untouched)', 'access_key_id IN (SELECT ''K'')', 'ARRAY(SELECT 1) IS NULL',
      'access_key_id = (CASE WHEN true THEN coalesce((SELECT ''K''), ''L'') END)',
      '(WITH gone AS (DELETE FROM untouched RETURNING 1) SELECT true)',
  'count(*) > 1', 'min(event_time) > now()', 'count(access_key_id) FILTER (WHERE true) > 1', 'row_number() OVER () = 1',
      'lag(access_key_id) OVER (ORDER BY event_time) = ''K''', 'generate_series(1, 2) = 1',
  'random() < 0.5', 'clock_timestamp() > event_time', 'coalesce(random() < 0.5, true)', 'pg_sleep(1) IS NULL',
      'pg_advisory_lock(1) IS NULL', 'nextval(''public.numbers'') > 0',
  'access_key_id = $1', '$$', 'access_key_id = ''unfinished', 'access_key_id', '1', 'no_such = 1', 'travel.no_such()',
      'no_such.f(event_time)', 'sqlstate_of(access_key_id) = ''''', '''{"a": 1}''::jsonb ? ''a'''])
      WITH ORDINALITY AS v (condition, n)
  ORDER BY n));
SELECT n AS untouched FROM untouched;
-- Warnings about a rule are in its status before its first scan, except when a dump is loaded, which contains the
-- status.
INSERT INTO travel.rules (name, source, condition)
VALUES ('lost', 'archive.lost', NULL), ('odd', 'trail', 'no_such = 1'), ('even', 'trail', NULL);
SET check_function_bodies = off;
INSERT INTO travel.rules (name, source) VALUES ('restored', 'archive.lost');
RESET check_function_bodies;
SELECT rule, last_scan, last_error, last_error_at IS NOT NULL AS dated FROM travel.status ORDER BY rule;
UPDATE travel.rules SET source = 'trail', condition = 'nor_such = 1' WHERE name = 'lost';
UPDATE travel.rules SET condition = NULL WHERE name = 'odd';
SELECT rule, last_error FROM travel.status ORDER BY rule;
UPDATE travel.rules SET condition = NULL WHERE name = 'lost';
CALL travel.scan('lost');
SELECT rule, last_error FROM travel.status WHERE rule = 'lost';
DELETE FROM travel.rules;
\set VERBOSITY default
\pset format unaligned
SELECT error_of($$INSERT INTO travel.rules (name, source, condition) VALUES ('tried', 'trail', 'EXISTS (SELECT 1)')$$);
SELECT error_of($$INSERT INTO travel.rules (name, source, downgraded) VALUES ('tried', 'trail', '{tor}')$$);
SELECT error_of($$INSERT INTO travel.rules (name, source, forget_after) VALUES ('tried', 'trail', '1 hour')$$);
SELECT error_of($$INSERT INTO travel.rules (name, source, message) VALUES ('tried', 'trail', 'a {{rule} b')$$);
SELECT error_of(
    $$INSERT INTO travel.rules (name, source, entity, lineage) VALUES ('tried', 'trail', 'actor', true)$$);
SELECT error_of($$
    INSERT INTO travel.rules (name, source, columns) VALUES ('tried', 'trail', '{"actor": "(random()::text)"}')
$$);
SELECT error_of($$INSERT INTO travel.rules (name, source, baseline_entity) VALUES ('tried', 'trail', '')$$);
SELECT split_part(error_of($$INSERT INTO travel.rules (name) VALUES ('tried')$$), E'\n', 1);
SELECT error_of($$INSERT INTO travel.rules (name, source, owner) VALUES ('tried', 'trail', 'regress_no_such_role')$$);
\pset format aligned

-- A name that does not resolve is a warning when the rule is written, and an error in travel.check_rule.
\set VERBOSITY terse
INSERT INTO travel.rules (name, source) VALUES ('no_table', 'audit.gone');
INSERT INTO travel.rules (name, source) VALUES ('an_index', 'trail_event_time_idx');
INSERT INTO travel.rules (name, source, entity) VALUES ('no_entity', 'trail', 'badge');
INSERT INTO travel.rules (name, source, baseline_entity) VALUES ('no_baseline', 'trail', 'badge');
INSERT INTO travel.rules (name, source, arrival_column) VALUES ('no_arrival', 'trail', 'loaded_at');
INSERT INTO travel.rules (name, source, arrival_column) VALUES ('arrival_is_text', 'trail', 'event_name');
INSERT INTO travel.rules (name, source, condition) VALUES ('no_column', 'trail', 'badge = 1');
INSERT INTO travel.rules (name, source, condition) VALUES ('no_function', 'trail', 'lost(event_name)');
INSERT INTO travel.rules (name, source, condition) VALUES ('no_truth_value', 'trail', 'event_name');
INSERT INTO travel.rules (name, source, columns) VALUES ('no_such_place', 'trail', '{"event_time": "created_at"}');
INSERT INTO travel.rules (name, source, message)
VALUES ('no_such_name', 'trail', '{{rule}} {{badge}} {{@userIdentity.badge}}');
INSERT INTO travel.rules (name, source) VALUES ('no_time', 'untouched');
UPDATE travel.rules SET enabled = false WHERE name = 'no_table';
-- Names in a rule are looked up with an empty search_path, as in scans: outside pg_catalog they need their schema.
INSERT INTO travel.rules (name, source, condition) VALUES ('unqualified', 'trail', 'sqlstate_of(event_name) = ''''');
\set VERBOSITY default
SELECT name, split_part(error_of(format('SELECT travel.check_rule(%L)', name)), E'\n', 1) AS said
FROM travel.rules
ORDER BY 1;
\pset format unaligned
SELECT error_of($$SELECT travel.check_rule('no_table')$$);
SELECT error_of($$SELECT travel.check_rule('no_baseline')$$);
SELECT error_of($$SELECT travel.check_rule('no_such_name')$$);
SELECT split_part(error_of($$SELECT travel.check_rule('no_such_rule')$$), E'\n', 1);
SELECT error_of($$SELECT travel.check_rule(NULL)$$);
\pset format aligned
DELETE FROM travel.rules;

-- A rule cannot be renamed.
INSERT INTO travel.rules (name, source) VALUES ('r', 'trail');
\pset format unaligned
SELECT error_of($$UPDATE travel.rules SET name = 's'$$);
\pset format aligned
UPDATE travel.rules SET name = 'r', severity = 'high';
-- The source is stored with its schema; a source that does not exist is stored as it was written.
CREATE SCHEMA "Odd schema";
CREATE VIEW "Odd schema"."v.1" AS TABLE trail;
SET search_path = "Odd schema", public;
INSERT INTO travel.rules (name, source) VALUES ('view', '"v.1"'), ('upper', 'TRAIL');
RESET search_path;
SET client_min_messages = error;
INSERT INTO travel.rules (name, source) VALUES ('not there', '"v.1"');
RESET client_min_messages;
SELECT name, source FROM travel.rules ORDER BY name;
SELECT name, sqlstate_of(format('SELECT travel.check_rule(%L)', name)) AS code
FROM travel.rules
WHERE name <> 'not there'
ORDER BY name;
DELETE FROM travel.rules;

-- The owner of a rule is the owner of the source if the writer is a member of that role, else the writer. A rule runs
-- with the privileges of its owner, so only members of a role can write or change a rule of that role.
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_team;
GRANT regress_team TO regress_bob;
GRANT SELECT, INSERT, UPDATE, DELETE ON travel.rules TO regress_alice, regress_bob;
CREATE TABLE teams (LIKE trail INCLUDING ALL);
ALTER TABLE teams OWNER TO regress_team;
GRANT SELECT ON trail TO regress_alice, regress_bob;
CREATE FUNCTION as_role(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    said := error_of(statement);
    RESET ROLE;
    RETURN said;
END $$;
SET client_min_messages = error;
SELECT role, source,
    as_role(role, format('INSERT INTO travel.rules (name, source) VALUES (%L, %L)', role || ' ' || source, source))
FROM unnest('{regress_alice,regress_bob}'::text[]) AS role, unnest('{teams,trail}'::text[]) AS source
ORDER BY 1, 2;
RESET client_min_messages;
SELECT name, owner, source FROM travel.rules ORDER BY name;
\pset format unaligned
SELECT as_role('regress_alice',
    $$INSERT INTO travel.rules (name, source, owner) VALUES ('x', 'trail', 'regress_bob')$$);
SELECT as_role('regress_alice', $$INSERT INTO travel.rules (name, source, owner) VALUES ('x', 'trail', 'postgres')$$);
SELECT as_role('regress_alice',
    $$INSERT INTO travel.rules (name, source, owner) VALUES ('x', 'trail', 'no_such_role')$$);
SELECT as_role('regress_alice', $$UPDATE travel.rules SET owner = 'postgres' WHERE name = 'regress_alice trail'$$);
SELECT as_role('regress_alice', $$UPDATE travel.rules SET owner = 'regress_alice' WHERE name = 'regress_bob trail'$$);
\pset format aligned
SELECT statement, left(as_role('regress_alice', statement), 5) AS alice,
    left(as_role('regress_bob', statement), 5) AS bob
FROM unnest(ARRAY[$$UPDATE travel.rules SET condition = 'true' WHERE name = 'regress_bob teams'$$,
    $$UPDATE travel.rules SET enabled = false WHERE name = 'regress_bob teams'$$,
    $$INSERT INTO travel.rules (name, source) VALUES ('regress_bob teams', 'trail')
        ON CONFLICT (name) DO UPDATE SET condition = 'false'$$,
  $$UPDATE travel.rules SET owner = 'regress_bob' WHERE name = 'regress_bob teams'$$,
      $$DELETE FROM travel.rules WHERE name = 'regress_bob teams'$$])
      WITH ORDINALITY AS s (statement, n)
  ORDER BY n;
-- Rules are checked with the privileges of their owner, who must be able to read the source.
REVOKE SELECT ON trail FROM regress_alice;
SELECT split_part(error_of($$SELECT travel.check_rule('regress_alice trail')$$), E'\n', 1) AS no_column;
GRANT SELECT (event_time, source_ip, access_key_id) ON trail TO regress_alice;
SELECT split_part(error_of($$SELECT travel.check_rule('regress_alice trail')$$), E'\n', 1) AS some_columns;
GRANT SELECT ON trail TO regress_alice;
SELECT error_of($$SELECT travel.check_rule('regress_alice trail')$$) AS all_columns;
SELECT left(as_role('regress_bob', $$SELECT travel.check_rule('regress_alice trail')$$), 5) AS bob_may_ask;
REVOKE SELECT ON travel.rules FROM regress_bob;
SELECT left(as_role('regress_bob', $$SELECT travel.check_rule('regress_alice trail')$$), 5) AS bob_may_not_read_rules;
GRANT SELECT ON travel.rules TO regress_bob;
-- Parsing an expression may run a function: it runs with the privileges of the owner.
GRANT CREATE ON SCHEMA public TO regress_alice;
SET ROLE regress_alice;
CREATE TABLE whoami (who text);
CREATE FUNCTION peek(text) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.whoami VALUES (current_user); RETURN true; END $$;
CREATE DOMAIN peeked AS text CHECK (public.peek(VALUE));
RESET ROLE;
SET client_min_messages = error;
SELECT as_role('regress_alice',
    $$
        INSERT INTO travel.rules (name, source, condition)
        VALUES ('peek', 'trail', '''{a}''::public.peeked[] IS NOT NULL')
    $$);
UPDATE travel.rules SET severity = 'low' WHERE name = 'peek';
SELECT sqlstate_of($$SELECT travel.check_rule('peek')$$);
RESET client_min_messages;
SELECT DISTINCT who FROM whoami;
DROP TABLE whoami;
-- Only a superuser can change a rule whose owner no longer exists. A restore keeps it with a warning.
CREATE ROLE regress_gone;
INSERT INTO travel.rules (name, source, owner) VALUES ('orphan', 'trail', 'regress_gone');
DROP ROLE regress_gone;
SELECT left(as_role('regress_alice', $$UPDATE travel.rules SET owner = 'regress_alice' WHERE name = 'orphan'$$), 5)
    AS alice;
UPDATE travel.rules SET enabled = false WHERE name = 'orphan';
SELECT left(error_of($$SELECT travel.check_rule('orphan')$$), 5) AS check_rule;
UPDATE travel.rules SET owner = 'regress_alice' WHERE name = 'orphan';
DELETE FROM travel.rules;
SET check_function_bodies = off;
INSERT INTO travel.rules (name, source, owner, condition)
VALUES ('restored', 'gone.trail', 'regress_gone', 'new_syntax(');
INSERT INTO travel.rules (name, source, condition) VALUES ('restored too', 'trail', 'access_key_id = = 1');
SELECT left(as_role('regress_alice',
    $$INSERT INTO travel.rules (name, source, owner) VALUES ('x', 'trail', 'regress_gone')$$),
    5) AS alice;
RESET check_function_bodies;
SELECT name, owner, source FROM travel.rules ORDER BY 1;
SET client_min_messages = error;
DELETE FROM travel.rules;
RESET client_min_messages;

-- Presets, and rules made of them.
SELECT preset, entity, condition, ignored, downgraded, severity, learn, learn_transitions, use_accuracy, baseline
FROM travel.presets;
SELECT count(*) FILTER (WHERE goal = '' OR triage = '' OR description = '') AS without_words, count(message) AS messages
FROM travel.presets;
SELECT sqlstate_of($$INSERT INTO travel.presets (preset) VALUES ('mine')$$) AS read_only,
    has_table_privilege('regress_alice', 'travel.presets', 'SELECT') AS for_all;
SELECT travel.create_rule('iam_user', 'trail');
SET client_min_messages = warning;
SELECT travel.create_rule(preset, 'trail', 'my ' || preset) FROM travel.presets;
SELECT r.name, r.owner, r.source, r.tags, r.goal = p.goal
    AND r.triage = p.triage
    AND r.severity = p.severity
    AND r.ignored = p.ignored
    AND r.downgraded = p.downgraded
    AND r.learn = p.learn
    AND r.baseline = p.baseline
    AND r.entity = p.entity
    AND r.condition IS NOT DISTINCT FROM p.condition
    AND r.use_accuracy = p.use_accuracy AS as_preset
FROM travel.rules AS r
JOIN travel.presets AS p ON r.name = 'my ' || p.preset
ORDER BY r.name;
\pset format unaligned
SELECT error_of($$SELECT travel.create_rule('iam_user', 'trail')$$);
SELECT error_of($$SELECT travel.create_rule('iam_users', 'trail', 'another')$$);
SELECT error_of($$SELECT travel.create_rule(NULL, 'trail')$$);
SELECT error_of($$SELECT travel.create_rule('iam_user', NULL)$$);
SELECT error_of($$SELECT travel.create_rule('iam_user', 'trail', ' ')$$);
SELECT split_part(error_of($$SELECT travel.create_rule('iam_user', 'no_such_table', 'another')$$), E'\n', 1);
-- A preset refuses a source that it cannot use.
SELECT split_part(error_of($$SELECT travel.create_rule('iam_user', 'untouched', 'another')$$), E'\n', 1);
SELECT count(*) AS made FROM travel.rules WHERE name = 'another';
-- create_rule runs with the privileges of the caller.
SELECT as_role('regress_alice', $$SELECT travel.create_rule('root', 'trail')$$);
REVOKE INSERT ON travel.rules FROM regress_alice;
SELECT as_role('regress_alice', $$SELECT travel.create_rule('human', 'trail')$$);
\pset format aligned
DELETE FROM travel.rules;
RESET client_min_messages;

-- For a missing index there is a notice with the statement that creates it.
CREATE TABLE bare (access_key_id text, account_id text, session_name text, "Who" text, event_time timestamptz,
    source_ip inet, outcome text, invoked_by text, actor text, principal text, loaded_at timestamptz, ingest_xid xid8);
INSERT INTO travel.rules (name, source) VALUES ('bare', 'bare');
INSERT INTO travel.rules (name, source, entity, baseline_entity, arrival_column)
VALUES ('several', 'bare', 'account_id, session_name', '"Who"', 'loaded_at');
SELECT travel.check_rule('bare');
SELECT travel.check_rule('several');
-- An index on the entity alone reads all its events ever; one that begins with the time reads the events of all
-- entities.
CREATE INDEX ON bare (access_key_id);
CREATE INDEX ON bare (event_time, access_key_id);
CREATE INDEX ON bare (ingest_xid);
SELECT travel.check_rule('bare');
CREATE INDEX ON public.bare (access_key_id, event_time);
CREATE INDEX ON public.bare ((coalesce(actor, principal)), event_time);
SELECT travel.check_rule('bare');
CREATE INDEX ON public.bare ((travel_internal.entity(VARIADIC ARRAY[account_id, session_name])), event_time);
CREATE INDEX ON public.bare ("Who", event_time);
CREATE INDEX ON public.bare (loaded_at);
SELECT travel.check_rule('several');
INSERT INTO bare (access_key_id, event_time) SELECT 'K' || n % 3, now() FROM generate_series(1, 5) AS n;
ANALYZE bare;
SELECT travel.check_rule('bare');
SELECT travel.check_rule('several');
-- A view uses the indexes of its tables, and a partitioned table those of its partitions.
CREATE VIEW over_bare AS
SELECT access_key_id, event_time, source_ip, outcome, invoked_by, actor, principal
FROM bare
WHERE source_ip IS NOT NULL;
CREATE TABLE parts (LIKE bare) PARTITION BY RANGE (event_time);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE INDEX ON parts ((coalesce(actor, principal)), event_time);
CREATE INDEX ON parts (event_time);
CREATE INDEX ON parts (ingest_xid);
CREATE INDEX ON parts_1 (access_key_id, event_time);
INSERT INTO travel.rules (name, source) VALUES ('view', 'over_bare'), ('parts', 'parts');
SELECT travel.check_rule('view');
SELECT travel.check_rule('parts');
CREATE INDEX ON public.parts (access_key_id, event_time);
SELECT travel.check_rule('parts');
-- Times as text and without a zone; a record; columns that are not there.
CREATE TABLE raw (record jsonb, seen text, key text, ip text, since timestamp);
INSERT INTO travel.rules (name, source, entity, baseline_entity, columns)
VALUES
    ('text', 'raw', 'key', 'key', '{"event_time": "seen", "source_ip": "ip"}'),
    ('zoneless', 'raw', 'key', 'key', '{"event_time": "since", "source_ip": "ip"}'),
    ('record', 'raw', 'access_key_id', NULL, '{"record": "record"}');
SELECT travel.check_rule('text');
CREATE INDEX ON public.raw (key, (travel.event_time(seen)));
CREATE INDEX ON public.raw ((travel.event_time(seen)));
SELECT travel.check_rule('text');
SELECT travel.check_rule('zoneless');
CREATE INDEX ON public.raw (key, since);
CREATE INDEX ON public.raw (since);
SELECT travel.check_rule('zoneless');
SELECT travel.check_rule('record');
SET client_min_messages = warning;
DELETE FROM travel.rules;
DROP SCHEMA "Odd schema" CASCADE;
DROP SEQUENCE numbers;
DROP TABLE trail, untouched, teams, bare, parts, raw CASCADE;
DROP DOMAIN peeked;
DROP FUNCTION rule_error, tried, as_role, peek;
REVOKE ALL ON travel.rules FROM regress_alice, regress_bob;
REVOKE CREATE ON SCHEMA public FROM regress_alice;
DROP ROLE regress_alice, regress_bob, regress_team;
