-- travel.detect over a table with an index that leads from the entity to the time and the address: ranges of the entity
-- are branches of one Parallel Append, so each process evaluates whole entities, from the index alone.
SET timezone = 'UTC';
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET client_min_messages = warning;
CREATE TABLE found (access_key_id text, event_time timestamptz, source_ip inet, event_id text);
-- 200 keys with 10 events each, and one key with as many as all others; every twentieth key is stolen once.
INSERT INTO found
SELECT 'AKIA' || lpad((CASE WHEN n > 10 THEN 7 ELSE k END)::text, 4, '0'),
    timestamptz '2026-01-01 00:00Z' + (CASE WHEN n > 10 THEN k ELSE 0 END + n * 400) * interval '10 minutes',
    CASE WHEN k % 20 = 0 AND n = 5 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' + k % 3 END, 'e' || k || '-' || n
FROM generate_series(1, 200) AS k, generate_series(1, 20) AS n;
INSERT INTO found SELECT access_key_id, event_time + interval '20 minutes', '192.0.2.1', event_id || 'x'
FROM found WHERE source_ip = '203.0.113.1';
INSERT INTO found VALUES (NULL, '2026-01-01', '192.0.2.1', 'nobody'), ('', '2026-01-01', '192.0.2.1', 'empty');
-- Some events at the ends of legs are several rows, of which the one with the smallest ID counts.
INSERT INTO found SELECT access_key_id, event_time, source_ip, 'd' || event_id || n
FROM found, generate_series(1, 3) AS n WHERE event_id ~ '^e(40|80)-5';
CREATE TABLE unindexed AS TABLE found;
CREATE INDEX found_in_order ON found (access_key_id, event_time, source_ip);
VACUUM (ANALYZE) found, unindexed;

-- The text has the ranges, which are shares of the rows. Even without the help of travel.detect, the plan evaluates
-- them in parallel. No process combines the groups of others, and nothing reads the whole table.
SELECT bool_and(line ~ '^ +SELECT|FROM events WHERE key_1 (>=|<) ''AKIA\d+''::text') AS readable,
    count(*) BETWEEN 9 AND 24 AS several
FROM regexp_split_to_table(travel.detect_sql('found'), '\n') AS line WHERE line ~ 'GROUP BY key_1';
SET enable_hashjoin = off;
SELECT count(*) FILTER (WHERE line ~ 'Parallel Append') AS appends,
    count(*) FILTER (WHERE line ~ ' GroupAggregate') BETWEEN 9 AND 24 AS whole_groups,
    count(*) FILTER (WHERE line ~ ' GroupAggregate')
        - count(*) FILTER (WHERE line ~ 'Index Only Scan using found_in_order') AS not_by_index,
    count(*) FILTER (WHERE line ~ 'Partial|Finalize|HashAgg|Seq Scan') AS others
FROM plan_of(travel.detect_sql('found')) AS line;
RESET enable_hashjoin;

-- The rows are those of the query without ranges, and the workers count the events, whether the leader helps or not.
SELECT * FROM compared($$travel.detect('found')$$, $$travel.detect('unindexed')$$);
SELECT * FROM compared($$travel.detect('found', since => '2026-01-10', condition => 'event_time < now()')$$,
    $$travel.detect('unindexed', since => '2026-01-10')$$);
SET client_min_messages = notice;
SELECT count(*) FROM travel.detect('unindexed');
SELECT count(*) FROM travel.detect('found');
SET parallel_leader_participation = off;
SELECT count(*) FROM travel.detect('found');
SET max_parallel_workers_per_gather = 1;
SELECT count(*) FROM travel.detect('found');
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM travel.detect('found');
RESET max_parallel_workers_per_gather;
SET client_min_messages = warning;

-- The scans of the ranges compare the entries of the index with their bounds by functions that remember the last
-- result. These functions return the same as the operators, regardless of the calls before.
BEGIN;
CREATE OR REPLACE FUNCTION travel_internal.sorted_lt(text, text) RETURNS boolean IMMUTABLE STRICT PARALLEL SAFE
    LANGUAGE plpgsql AS $$ BEGIN RAISE 'compared'; END $$;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT error_of($$SELECT count(*) FROM travel.detect('found')$$);
ROLLBACK;
CREATE TABLE compared AS SELECT value FROM (VALUES (NULL), (''), ('a'), ('A'), ('b'), ('ab'), ('ä'), (repeat('a', 63)),
    (repeat('a', 64)), (repeat('ab', 5000)), (repeat('ab', 5000) || 'b')) AS v (value), generate_series(1, 3)
    ORDER BY md5(value || generate_series);
SELECT count(*), count(*) FILTER (WHERE
    travel_internal.sorted_ge(a.value, b.value) IS DISTINCT FROM (a.value >= b.value)
    OR travel_internal.sorted_lt(b.value, a.value) IS DISTINCT FROM (b.value < a.value)
    OR travel_internal.sorted_lt(a.value COLLATE "C", b.value) IS DISTINCT FROM (a.value COLLATE "C" < b.value)
) AS differences
FROM compared AS a, compared AS b;
DROP TABLE compared;

-- If an event has several rows, the first row by the ID, the name and the other labels represents it. Labels are
-- compared as bytes, and NULL comes last. The events of this table have four rows each, and some have no ID.
CREATE TABLE named AS SELECT f.access_key_id, f.event_time, f.source_ip, v.event_name, v.user_agent,
    CASE WHEN n > 2 AND f.event_id !~ '-5$' THEN f.event_id END AS event_id
FROM found AS f, (VALUES (1, 'B', NULL), (2, 'b', 'x'), (3, NULL, 'y'), (4, 'C', NULL)) AS v (n, event_name, user_agent)
WHERE f.access_key_id ~ '0$';
CREATE TABLE named_unindexed AS TABLE named;
CREATE INDEX ON named (access_key_id, event_time, source_ip);
VACUUM (ANALYZE) named, named_unindexed;
SELECT travel.detect_sql('named') ~ 'FROM events WHERE' AS ranges, *
FROM compared($$travel.detect('named')$$, $$travel.detect('named_unindexed')$$);
SELECT DISTINCT from_event_id IS NULL AS no_from_id, from_event_name, from_user_agent,
    to_event_id IS NULL AS no_to_id, to_event_name, to_user_agent
FROM travel.detect('named') ORDER BY 1, 2;
-- A view of the text, which makes the columns of a finding by SQL, returns the same findings.
SELECT v.source, d.*
FROM (VALUES ('named'), ('named_unindexed')) AS v (source)
CROSS JOIN LATERAL compared(format('travel.detect(%L)', v.source),
    format('(%s) AS v', travel.detect_sql(v.source))) AS d;
DROP TABLE named, named_unindexed;

-- One pass over the source can find any number of rows of an event. It keeps the first one.
CREATE TABLE repeated AS
SELECT 'K' AS access_key_id, timestamptz '2026-01-01Z' + n % 2 * interval '1 minute' AS event_time,
    ('{192.0.2.1,203.0.113.1}'::inet[])[1 + n % 2] AS source_ip, repeat(md5(n::text), 3) AS event_id
FROM generate_series(1, 15000) AS n;
SELECT count(*), bool_and(from_event_id = (SELECT min(event_id) FROM repeated WHERE source_ip = from_ip)
    AND to_event_id = (SELECT min(event_id) FROM repeated WHERE source_ip = to_ip)) AS first_rows
FROM travel.detect('repeated');
DROP TABLE repeated;

-- The function that makes the findings starts anew for each entity, even if not all findings of the last entity were
-- read. Bytes that are not events have no labels.
CREATE TABLE legs AS
SELECT travel.impossible_legs(event_time, source_ip) AS legs FROM found WHERE access_key_id = 'AKIA0020';
SELECT v.entity, f.entity, cardinality(legs) AS legs
FROM legs, (VALUES ('A'), ('B'), (NULL), ('C')) AS v (entity)
CROSS JOIN LATERAL (
    SELECT (travel_internal.findings(v.entity, legs, '\xff', '{event_id}', NULL)).* LIMIT 1
) AS f;
SELECT f.entity, f.access_key_id, f.from_access_key_id, f.from_event_id, f.leg_id IS NULL AS no_id, f.message
FROM legs, travel_internal.findings(NULL, legs, NULL, '{access_key_id,nothing,NULL}', '{K,x}') AS f LIMIT 1;
SELECT count(*) FROM travel_internal.findings('K', NULL, NULL, NULL, NULL);
SELECT count(*) FROM travel_internal.findings('K', '{NULL}', NULL, NULL, NULL);
SELECT sqlstate_of($$SELECT travel_internal.events_of_legs(now(), '192.0.2.1', 1)$$),
    sqlstate_of($$SELECT travel_internal.events_of_legs(now(), '192.0.2.1', VARIADIC ARRAY['e'])$$);
DROP TABLE legs;

-- Workers also fetch the events at the ends of the legs. The scan of an entity remembers where these rows are, so
-- nothing is searched. If an update has moved rows within their pages, they are searched in the index. Once a condition
-- has a subquery, or a function that must not run in a worker, the leader does.
CREATE TABLE moved (LIKE found) WITH (fillfactor = 40);
INSERT INTO moved TABLE found;
CREATE INDEX moved_in_order ON moved (access_key_id, event_time, source_ip);
UPDATE moved SET event_id = 'f' || event_id WHERE source_ip = '203.0.113.1';
VACUUM (ANALYZE) moved;
CREATE FUNCTION searches(source text, condition text, OUT legs bigint, OUT searched boolean) LANGUAGE plpgsql AS $$
DECLARE
    in_order regclass := source || '_in_order';
    start bigint := pg_stat_get_xact_numscans(in_order);
    without_legs bigint;
BEGIN
    PERFORM FROM travel.detect(source, condition => condition, min_velocity_kmh => 1e9);
    without_legs := pg_stat_get_xact_numscans(in_order);
    SELECT count(from_event_id) INTO legs FROM travel.detect(source, condition => condition);
    searched := pg_stat_get_xact_numscans(in_order) - without_legs - (without_legs - start) >= legs;
END $$;
CREATE FUNCTION yes(text) RETURNS boolean STABLE PARALLEL RESTRICTED LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
SELECT n, c.source, s.legs, s.searched AS searched_by_leader
FROM (VALUES (1, 'moved', NULL), (2, 'moved', 'event_time < now()'),
    (3, 'moved', 'access_key_id NOT IN (SELECT ''nobody'')'), (4, 'moved', 'yes(access_key_id)'),
    (5, 'found', 'access_key_id NOT IN (SELECT ''nobody'')'), (6, 'found', 'yes(access_key_id)')
) AS c (n, source, condition)
CROSS JOIN LATERAL searches(c.source, c.condition) AS s ORDER BY n;
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT source, s.* FROM (VALUES ('found'), ('moved')) AS c (source) CROSS JOIN LATERAL searches(source, NULL) AS s;
SELECT bool_and(from_event_id ~ '^f') AS moved_rows_are_found, count(*) FROM travel.detect('moved');
COMMIT;
DROP FUNCTION searches(text, text), yes(text);
DROP TABLE moved;

-- Many events have one time, some are several rows, and some columns are NULL. Some rows were moved. A role has no
-- rights on one column, so it may not ask where a row is. Then row-level security hides some entities and rows from it.
CREATE TABLE ties WITH (fillfactor = 50) AS
SELECT 'AKIA' || n % 23 AS access_key_id, timestamptz '2026-01-01Z' + n * 7 % 31 * interval '1 hour' AS event_time,
    ('{192.0.2.1,203.0.113.1,198.51.100.1,2001:db8::1,10.0.0.1,NULL}'::inet[])[1 + n * 11 % 37 % 6] AS source_ip,
    CASE WHEN n % 4 > 0 THEN 'e' || n * 13 % 41 END AS event_id,
    CASE WHEN n % 3 > 0 THEN 'Name' || n % 2 END AS event_name, n AS secret
FROM generate_series(1, 3000) AS n;
CREATE INDEX ON ties (access_key_id, event_time, source_ip);
UPDATE ties SET event_name = 'Moved' WHERE secret % 50 = 0;
VACUUM (ANALYZE) ties;
CREATE TABLE ties_unindexed AS TABLE ties;
SELECT travel.detect_sql('ties') ~ 'FROM events WHERE' AS ranges, legs > 50 AS legs, differences
FROM compared($$travel.detect('ties')$$, $$travel.detect('ties_unindexed')$$);
CREATE ROLE sees_some;
GRANT SELECT (access_key_id, event_time, source_ip, event_id) ON ties TO sees_some;
GRANT SELECT ON ties_unindexed TO sees_some;
SET ROLE sees_some;
SELECT legs > 50 AS legs, differences
FROM compared($$(SELECT leg_id, from_event_id, to_event_id
        FROM travel.detect('ties', columns => '{"event_name": "event_id"}')) AS d$$,
    $$(SELECT leg_id, from_event_id, to_event_id
        FROM travel.detect('ties_unindexed', columns => '{"event_name": "event_id"}')) AS d$$);
RESET ROLE;
CREATE POLICY part_of_them ON ties TO sees_some USING (access_key_id <> 'AKIA7' AND event_time <> '2026-01-01 05:00Z');
ALTER TABLE ties ENABLE ROW LEVEL SECURITY;
SET ROLE sees_some;
SELECT legs > 50 AS legs, differences
FROM compared($$(SELECT leg_id, from_event_id, to_event_id
        FROM travel.detect('ties', columns => '{"event_name": "event_id"}')) AS d$$,
    $$(SELECT leg_id, from_event_id, to_event_id
        FROM travel.detect('ties_unindexed', columns => '{"event_name": "event_id"}',
            condition => 'access_key_id <> ''AKIA7'' AND event_time <> ''2026-01-01 05:00Z''')) AS d$$);
RESET ROLE;
-- The statistics are hidden from this role, so the query above has no ranges. The query of the owner has some.
SELECT travel.detect_sql('ties', columns => '{"event_name": "event_id"}') AS query \gset
GRANT SELECT ON ties TO sees_some;
SET ROLE sees_some;
SELECT :'query' ~ 'row_ids' AS by_position, legs > 50 AS legs, differences
FROM compared('(SELECT leg_id, from_event_id, to_event_id FROM (' || :'query' || ') AS q) AS d',
    $$(SELECT leg_id, from_event_id, to_event_id
        FROM travel.detect('ties_unindexed', columns => '{"event_name": "event_id"}',
            condition => 'access_key_id <> ''AKIA7'' AND event_time <> ''2026-01-01 05:00Z''')) AS d$$);
RESET ROLE;
-- If the index has the times in the other order, the positions are not known, and the index is searched.
CREATE TABLE ties_descending AS TABLE ties;
CREATE INDEX ON ties_descending (access_key_id, event_time DESC, source_ip);
VACUUM (ANALYZE) ties_descending;
SELECT travel.detect_sql('ties_descending') ~ 'row_ids' AS ranges, legs > 50 AS legs, differences
FROM compared($$travel.detect('ties_descending')$$, $$travel.detect('ties_unindexed')$$);
DROP TABLE ties, ties_unindexed, ties_descending;
DROP ROLE sees_some;

-- The bounds of the ranges are texts of any form. With fewer spaces after the line break, a bound would be behind the
-- next one, and the entities between them would be in two ranges.
CREATE TABLE odd_names AS
SELECT (ARRAY[E'a\n    b', E'a\n!', E'a\nA', E'it''s \\', ' '])[1 + n % 5]
        || CASE WHEN n % 3 > 0 THEN n % 7 || '' ELSE '' END COLLATE "C" AS access_key_id,
    timestamptz '2026-01-01Z' + n * interval '10 minutes' AS event_time,
    ('{192.0.2.1,203.0.113.1,198.51.100.1}'::inet[])[1 + n * 11 % 37 % 3] AS source_ip, 'e' || n AS event_id
FROM generate_series(1, 3000) AS n;
CREATE TABLE odd_unindexed AS TABLE odd_names;
CREATE INDEX ON odd_names (access_key_id, event_time, source_ip);
VACUUM (ANALYZE) odd_names;
SELECT travel.detect_sql('odd_names') ~ E'< E?\'a\n    b' AS bound_with_spaces, legs > 50 AS legs, differences
FROM compared($$travel.detect('odd_names')$$, $$travel.detect('odd_unindexed')$$);
DROP TABLE odd_names, odd_unindexed;

-- Without an index, the table is read twice: for the legs, and for the events at all of their ends. Some rows more are
-- read to see what their columns hold. Workers read both times; what they read is not counted here.
CREATE FUNCTION passes(source regclass) RETURNS numeric LANGUAGE plpgsql AS $$ DECLARE
    before numeric := pg_stat_get_xact_tuples_returned(source);
BEGIN
    PERFORM FROM travel.detect(source);
    RETURN round((pg_stat_get_xact_tuples_returned(source) - before) / (SELECT count(*) FROM found));
END $$;
SET parallel_tuple_cost = 0;
SELECT passes('unindexed') AS passes_of_leader;
RESET parallel_tuple_cost;
-- The planner expects few events at the ends of legs. If it expected many, workers would seem to cost more than they
-- save.
SELECT substring(line FROM 'rows=(\d+)')::int < (SELECT count(*) FROM unindexed) / 20 AS few_are_expected
FROM plan_of($$SELECT FROM unindexed WHERE travel_internal.may_be_end('\x00', access_key_id, event_time)$$,
    ', COSTS on') AS line
WHERE line ~ 'Scan on unindexed';
SET max_parallel_workers_per_gather = 0;
SELECT passes('unindexed');
-- A source without impossible legs is read once.
CREATE TABLE quiet AS SELECT * FROM unindexed WHERE source_ip <> '203.0.113.1';
SELECT passes('quiet');
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- The planner changes the plan of the query of travel.detect and of no other: not that of a function that the query
-- calls, and not that of a later query, also after an error. Another plan would have whole groups here.
CREATE FUNCTION combines_groups() RETURNS boolean LANGUAGE sql SET parallel_tuple_cost = 0 AS
    $$ SELECT bool_or(line ~ 'Partial') FROM plan_of('SELECT access_key_id, count(*) FROM found GROUP BY 1') AS line $$;
CREATE FUNCTION first_key() RETURNS text STABLE LANGUAGE plpgsql AS
    $$ BEGIN ASSERT combines_groups(); RETURN 'AKIA'; END $$;
SELECT travel.detect_sql('found', condition => 'access_key_id > first_key()') ~ 'FROM events WHERE' AS ranges,
    combines_groups();
SELECT count(*) FROM travel.detect('found', condition => 'access_key_id > first_key()');
SELECT travel.detect_sql('found', condition => 'length(access_key_id) / 0 = 1') ~ 'FROM events WHERE' AS ranges,
    sqlstate_of($$SELECT * FROM travel.detect('found', condition => 'length(access_key_id) / 0 = 1')$$),
    combines_groups();
SELECT count(*) FROM travel.detect('found', condition => '1 / (extract(day FROM event_time)::int - 9) < 2');
SELECT combines_groups();
DROP FUNCTION first_key(), combines_groups();

-- Only travel.detect passes counts to workers.
SHOW impossible_travel.event_counts;
CREATE ROLE counts_nothing;
SET ROLE counts_nothing;
SELECT sqlstate_of('SET impossible_travel.event_counts = 1');
RESET ROLE;
DROP ROLE counts_nothing;

-- The bounds have the order of the index, whatever the type and the collation of the entity. A column that the index
-- lacks, an index of another order, old or no statistics, a view and a partitioned table are right, too.
CREATE FUNCTION pg_temp.agree(entity text, columns text, indexed text, arguments text DEFAULT '')
    RETURNS TABLE (ranges bigint, legs bigint, differences bigint) LANGUAGE plpgsql AS $$ BEGIN
    DROP TABLE IF EXISTS typed, plain CASCADE;
    EXECUTE format('CREATE TABLE typed AS SELECT event_time, source_ip, event_id, NULL::text AS outcome, %s FROM '
        'history AS h', columns);
    CREATE TABLE plain AS TABLE typed;
    EXECUTE format('CREATE INDEX ON typed (%s)', indexed);
    ANALYZE typed;
    -- As VACUUM would, which cannot run in a function.
    UPDATE pg_class SET relallvisible = relpages WHERE relname = 'typed';
    EXECUTE format('SELECT count(*) FROM regexp_matches(travel.detect_sql(%L, %L %s), %L, %L)', 'typed', entity,
        arguments, 'FROM events WHERE', 'g') INTO ranges;
    RETURN QUERY SELECT agree.ranges, d.*
        FROM compared(format('travel.detect(%L, %L %s)', 'typed', entity, arguments),
            format('travel.detect(%L, %L %s)', 'plain', entity, arguments)) AS d;
END $$;
SELECT setseed(0.12);
CREATE TABLE history AS
SELECT timestamptz '2026-01-01Z' + random() * interval '20 days' AS event_time,
    ('{192.0.2.1,192.0.2.2,203.0.113.1,198.51.100.1,10.0.0.1,NULL}'::inet[])[1 + floor(random() ^ 3 * 6)] AS source_ip,
    'e' || n AS event_id, floor(random() ^ 2 * 60)::int AS k
FROM generate_series(1, 600) AS n;
CREATE TABLE partitioned_history (LIKE history) PARTITION BY HASH (k);
CREATE TABLE partitioned_history_0 PARTITION OF partitioned_history FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE partitioned_history_1 PARTITION OF partitioned_history FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO partitioned_history TABLE history;
CREATE INDEX ON partitioned_history (k, event_time, source_ip);
ANALYZE partitioned_history;
-- The order of a language, if PostgreSQL was built with ICU. That of bytes, under another name, if not.
SELECT coalesce((SELECT collname FROM pg_collation WHERE collname = 'en-x-icu'), 'POSIX') AS language \gset
CREATE COLLATION own_order FROM :"language";
-- This does not depend on workers, which take time to start.
SET max_parallel_workers_per_gather = 0;
SELECT n, c.what, a.ranges > 3 AS ranges, a.legs > 10 AS legs, a.differences
FROM (VALUES
    (1, 'numbers', 'k', 'k', 'k, event_time, source_ip, outcome', ''),
    (2, 'uuids', 'u', 'md5(k::text)::uuid AS u', 'u, event_time, source_ip, outcome', ''),
    (3, 'both cases, in an order of their own', 'who',
        'chr(65 + k % 8 + 32 * (k % 2)) || chr(65 + k % 11 + 32 * (k % 2)) COLLATE own_order AS who',
        'who, event_time, source_ip, outcome', ''),
    (4, 'an index of another order', 'who', 'chr(65 + k) COLLATE own_order AS who',
        'who COLLATE "C", event_time, source_ip, outcome', ''),
    (5, 'quotes, and varchar', 'who', '(''it''''s\'' || k)::varchar(20) AS who',
        'who, event_time, source_ip, outcome', ''),
    (6, 'several columns', 'account, who', 'k % 7 AS account, NULLIF(''u'' || k % 20, ''u3'') AS who',
        'account, who, event_time, source_ip, outcome', ''),
    (7, 'all in one key', 'who', '''one''::text AS who', 'who, event_time, source_ip, outcome', ''),
    (8, 'a column is missing', 'k', 'k', 'k, event_time, source_ip', ''),
    (9, 'a condition on another column', 'k', 'k', 'k, event_time, source_ip, outcome',
        ', condition => ''event_id <> ''''e1'''''''),
    (10, 'a condition on the index', 'k', 'k', 'k, event_time, source_ip, outcome',
        ', condition => ''k <> 3 AND k NOT IN (SELECT 5)'''),
    (11, 'a condition with an index of its own', 'k', 'k', 'k, event_time, source_ip, outcome); CREATE INDEX ON typed '
        '(event_time', ', condition => ''event_time > ''''2026-01-10'''''''),
    (12, 'a time with an index of its own', 'k', 'k', 'k, event_time, source_ip, outcome); CREATE INDEX ON typed '
        '(event_time', ', since => ''2026-01-10'''),
    (13, 'a time without one', 'k', 'k', 'k, event_time, source_ip, outcome', ', since => ''2026-01-10'''),
    (14, 'every leg', 'k', 'k', 'k, event_time, source_ip, outcome', ', all_legs => true'),
    (15, 'an expression', 'actor', 'k', 'k, event_time, source_ip, outcome',
        ', columns => ''{"actor": "(''''u'''' || k)"}''')
) AS c (n, what, entity, columns, indexed, arguments)
CROSS JOIN LATERAL pg_temp.agree(entity, columns, indexed, arguments) AS a
ORDER BY n;
SELECT * FROM compared($$travel.detect('partitioned_history', 'k')$$, $$travel.detect('history', 'k')$$);
CREATE VIEW seen AS SELECT * FROM found;
SELECT * FROM compared($$travel.detect('seen')$$, $$travel.detect('unindexed')$$);
RESET max_parallel_workers_per_gather;
-- A table of travel.create_events_table, with the index of docs/performance.md: the columns are those that it needs.
SELECT travel.create_events_table('own');
INSERT INTO own (event_id, event_time, source_ip, access_key_id, outcome, invoked_by)
SELECT event_id, event_time, source_ip, 'AKIA' || k, CASE WHEN k % 7 = 0 THEN 'failed_auth' END,
    CASE WHEN k % 5 = 0 THEN 'ec2.amazonaws.com' END FROM history;
VACUUM ANALYZE own;
SELECT travel.detect_sql('own') ~ 'FROM events WHERE' AS ranges;
CREATE TABLE without_ranges AS SELECT * FROM travel.detect('own');
CREATE INDEX own_in_order ON own (access_key_id, event_time, source_ip)
    INCLUDE (outcome, invoked_by, source_text, source_kind);
SELECT travel.detect_sql('own') ~ 'FROM events WHERE' AS ranges,
    count(*) FILTER (WHERE line ~ 'Parallel Append') AS appends,
    count(*) FILTER (WHERE line ~ ' GroupAggregate') > 3 AS whole_groups,
    count(*) FILTER (WHERE line ~ ' GroupAggregate')
        - count(*) FILTER (WHERE line ~ 'Index Only Scan using own_in_order') AS not_by_index
FROM plan_of(travel.detect_sql('own')) AS line;
SELECT legs > 0 AS legs, differences FROM compared($$travel.detect('own')$$, 'without_ranges');
SET max_parallel_workers_per_gather = 0;
-- Most rows are newer than the statistics.
INSERT INTO found SELECT 'ZZZ' || access_key_id, event_time, source_ip, event_id FROM unindexed;
INSERT INTO unindexed SELECT 'ZZZ' || access_key_id, event_time, source_ip, event_id FROM unindexed;
SELECT travel.detect_sql('found') ~ 'FROM events WHERE' AS ranges, *
FROM compared($$travel.detect('found')$$, $$travel.detect('unindexed')$$);
DELETE FROM pg_statistic WHERE starelid = 'found'::regclass;
SELECT travel.detect_sql('found') ~ 'FROM events WHERE' AS ranges, *
FROM compared($$travel.detect('found')$$, $$travel.detect('unindexed')$$);
DROP FUNCTION passes(regclass);
DROP TABLE own, own_files, without_ranges, found, unindexed, quiet, history, partitioned_history, typed, plain CASCADE;
DROP COLLATION own_order;
