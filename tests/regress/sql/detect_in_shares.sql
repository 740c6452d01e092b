-- travel.detect over a table without an index that leads from the entity to the time and the address: if there are many
-- entities, processes share one pass over the rows, and then each evaluates shares of the entities. A message for
-- debugging says so, with the expected times as its detail. The counts are those of one process.
SET timezone = 'UTC';
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;
-- The order of a language, if PostgreSQL was built with ICU. That of bytes, under another name, if not.
SELECT coalesce((SELECT collname FROM pg_collation WHERE collname = 'en-x-icu'), 'POSIX') AS language \gset
CREATE COLLATION own_order FROM :"language";
SELECT setseed(0.13);
CREATE TABLE minted AS
SELECT 'ASIA' || floor(random() * 900)::int AS access_key_id,
    timestamptz '2026-01-01Z' + random() * interval '3 days' AS event_time,
    ('{192.0.2.1,192.0.2.2,203.0.113.1,198.51.100.1,10.0.0.1,NULL}'::inet[])[1 + floor(random() ^ 3 * 6)] AS source_ip,
    'e' || n AS event_id
FROM generate_series(1, 3000) AS n;
UPDATE minted SET access_key_id = CASE WHEN event_id ~ '1.$' THEN '' END WHERE event_id ~ '[17]0$';
VACUUM ANALYZE minted;
SET parallel_tuple_cost = 0;
\set VERBOSITY terse
SET client_min_messages = notice;
SELECT count(*) FROM travel.detect('minted');
SET max_parallel_workers_per_gather = 3;
SELECT count(*) FROM travel.detect('minted');
SET client_min_messages = debug1;
SELECT count(*) FROM travel.detect('minted');
SET parallel_leader_participation = off;
SELECT count(*) FROM travel.detect('minted');
RESET parallel_leader_participation;
SET client_min_messages = warning;
-- A role that may not read all columns of the table cannot read the positions of its rows. The pass then does not write
-- them, and another pass finds the events at the ends of the legs.
BEGIN;
CREATE ROLE reads_columns;
GRANT SELECT (access_key_id, event_time, source_ip, event_id) ON minted TO reads_columns;
ALTER TABLE minted ADD not_granted int;
SET LOCAL ROLE reads_columns;
SET LOCAL client_min_messages = debug1;
SELECT count(*) AS found, count(to_event_id) AS with_event FROM travel.detect('minted');
ROLLBACK;
-- Another role may not name the collation of a column that it may read. There is no pass then.
BEGIN;
CREATE SCHEMA hidden;
CREATE COLLATION hidden.of_key FROM own_order;
CREATE TABLE collated AS
SELECT access_key_id COLLATE hidden.of_key AS access_key_id, event_time, source_ip, event_id FROM minted;
ANALYZE collated;
CREATE ROLE reads_rows;
GRANT SELECT ON collated TO reads_rows;
SET LOCAL client_min_messages = debug1;
SELECT count(*) FROM travel.detect('collated');
SET LOCAL ROLE reads_rows;
SELECT count(*) FROM travel.detect('collated');
ROLLBACK;
-- The functions that write and read the files of the pass work only within travel.detect.
SELECT count(*) AS calls, string_agg(DISTINCT sqlstate_of(call), ', ') AS states
FROM unnest(ARRAY[
    'SELECT travel_internal.write_events(event_time, source_ip, ctid, access_key_id) FROM minted',
    'SELECT travel_internal.write_events(event_time, 1.0, 1.0, ctid, access_key_id) FROM minted',
    'SELECT travel_internal.write_events(event_time, source_ip, ctid, 1) FROM minted',
    'SELECT travel_internal.write_events(event_time, source_ip, ctid, ''literal'') FROM minted',
    'SELECT travel_internal.write_events(event_time, source_ip, ctid, VARIADIC ''{a,b}''::text[]) FROM minted',
    'SELECT * FROM travel_internal.legs_of_shares(0, 1, 500, 1000, false, true)',
    'SELECT * FROM travel_internal.legs_of_shares(NULL, 1, 500, 1000, false, true)',
    'SELECT * FROM travel_internal.legs_of_shares(0, 0, 500, 1000, false, true)',
    'SET impossible_travel.event_files = 12345;
        SELECT * FROM travel_internal.legs_of_shares(0, 1, 500, 1000, false, true)',
    'SET impossible_travel.event_files = 12345;
        SELECT travel_internal.write_events(event_time, source_ip, ctid, access_key_id) FROM minted'
]) AS call;
RESET impossible_travel.event_files;
-- Files are read only after their pass is complete, and written only before. Only the queries of travel.detect use
-- them. So a function of the source's condition cannot write, or keep a cursor that writes later, and one with the
-- rights of another role cannot read the events or add some. The settings tell the first query, which writes, from the
-- second.
CREATE ROLE other_role;
GRANT CREATE ON SCHEMA public TO other_role;
CREATE FUNCTION reads(text, hashjoin text) RETURNS text STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('enable_hashjoin') = hashjoin THEN
        PERFORM FROM travel_internal.legs_of_shares(0, 1, 500, 1000, false, false);
    END IF;
    RETURN '';
END $$;
CREATE FUNCTION writes(text, hashjoin text) RETURNS text STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('enable_hashjoin') = hashjoin THEN
        PERFORM travel_internal.write_events('2026-01-01Z', inet '8.8.8.8', NULL::tid, 'FORGED'::text);
    END IF;
    RETURN '';
END $$;
CREATE FUNCTION keeps_cursor(text) RETURNS text STABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
DECLARE
    writer refcursor := 'writer';
    written bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'writer') THEN
        OPEN writer FOR SELECT travel_internal.write_events('2026-01-01Z', inet '8.8.8.8', NULL::tid, 'FORGED'::text)
            FROM generate_series(1, 9) AS n GROUP BY n;
        FETCH writer INTO written;
    END IF;
    RETURN '';
END $$;
CREATE FUNCTION calls(condition text) RETURNS text LANGUAGE sql AS $$
    SELECT sqlstate_of(format('SELECT * FROM travel.detect(''minted'', condition => %L)',
        'event_id <> ' || condition)) $$;
SELECT calls('reads(event_id, ''never'')') AS passes, calls('reads(event_id, ''on'')') AS reads_too_early,
    calls('reads(event_id, ''off'')') AS reads, calls('writes(event_id, ''on'')') AS writes,
    calls('writes(event_id, ''off'')') AS writes_too_late, calls('keeps_cursor(event_id)') AS keeps_cursor;
ALTER FUNCTION reads(text, text) OWNER TO other_role;
ALTER FUNCTION reads(text, text) SECURITY DEFINER;
ALTER FUNCTION writes(text, text) OWNER TO other_role;
ALTER FUNCTION writes(text, text) SECURITY DEFINER;
SELECT calls('reads(event_id, ''off'')') AS reads_as_other_role,
    calls('writes(event_id, ''on'')') AS writes_as_other_role;
DROP FUNCTION reads(text, text), writes(text, text), keeps_cursor(text), calls(text);
REVOKE CREATE ON SCHEMA public FROM other_role;
DROP ROLE other_role;
SET ROLE pg_monitor;
SELECT sqlstate_of('SET impossible_travel.event_files = 1');
RESET ROLE;
-- The files count against the limit of temporary files. There is no pass if they may exceed it.
SET client_min_messages = debug1;
SET temp_file_limit = 8;
SELECT count(*) FROM travel.detect('minted');
SET temp_file_limit = '1MB';
SELECT count(*) FROM travel.detect('minted');
RESET temp_file_limit;
SET client_min_messages = warning;
-- With such a pass, travel.detect returns the same findings as in one process, for each type of the entity, for names
-- that do not fit into a block, and for several rows of one event. There is no pass if a condition must run in the
-- leader, if most events belong to one entity, or if the rows come from partitions or a view.
CREATE FUNCTION pg_temp.agree_in_shares(number int, entity text, make text, condition text DEFAULT NULL)
    RETURNS TABLE (legs bigint, differences bigint) LANGUAGE plpgsql AS $$ DECLARE
    detect text := format('travel.detect(''shared'', %L, condition => %L)', entity, condition);
BEGIN
    DROP TABLE IF EXISTS shared, one_process, in_shares CASCADE;
    EXECUTE make;
    PERFORM set_config('max_parallel_workers_per_gather', '0', false);
    EXECUTE 'CREATE TABLE one_process AS SELECT * FROM ' || detect;
    PERFORM set_config('max_parallel_workers_per_gather', '3', false);
    -- At this level, PostgreSQL also says when a cache grows. Most of them grow in the statements around this.
    CREATE TABLE in_shares (LIKE one_process);
    RAISE WARNING 'case %', number;
    PERFORM set_config('client_min_messages', 'debug1', false);
    EXECUTE 'INSERT INTO in_shares SELECT * FROM ' || detect;
    PERFORM set_config('client_min_messages', 'warning', false);
    RETURN QUERY SELECT * FROM compared('in_shares', 'one_process');
END $$;
CREATE FUNCTION is_told_here(text) RETURNS boolean STABLE PARALLEL RESTRICTED LANGUAGE plpgsql
    AS $$ BEGIN RETURN $1 <> 'ASIA7'; END $$;
CREATE TABLE few AS SELECT event_time, event_id FROM minted WHERE length(event_id) = 2;
ANALYZE few;
-- Workers cannot read a temporary table.
CREATE TEMP TABLE nobody AS SELECT 'ASIA7' AS who;
SET impossible_travel.coverage_notice = off;
SELECT n, c.what, a.legs > 10 AS legs, a.differences
FROM (VALUES
    (1, 'keys', 'access_key_id', '', '', NULL),
    (2, 'some numbers', 'k', 'hashtext(access_key_id) % 1000 AS k,', '', NULL),
    (3, 'uuids', 'u', 'md5(access_key_id)::uuid AS u,', '', NULL),
    (4, 'several columns', 'account, who',
        'hashtext(access_key_id) % 7 AS account, right(access_key_id, -4)::varchar(20) AS who,', '', NULL),
    (5, 'both cases, in an order of their own', 'who', 'access_key_id COLLATE own_order AS who,', '', NULL),
    (6, 'padded', 'who', 'access_key_id::char(12) AS who,', '', NULL),
    (7, 'no statistics of other columns', 'access_key_id', '', 'DELETE FROM pg_statistic AS s USING pg_attribute AS a
        WHERE s.starelid = ''shared''::regclass AND a.attrelid = s.starelid AND a.attnum = s.staattnum
            AND a.attname <> ''access_key_id''', NULL),
    (8, 'an index that leads to an event', 'access_key_id', '',
        'CREATE INDEX ON shared (access_key_id, event_time)', NULL),
    (9, 'an index on the time', 'access_key_id', '', 'CREATE INDEX ON shared (event_time)', NULL),
    (10, 'a condition', 'access_key_id', '', '', 'event_id <> ''e7'''),
    (11, 'a condition with a subquery', 'access_key_id', '', '', 'access_key_id NOT IN (SELECT who FROM nobody)'),
    (12, 'a condition for the leader', 'access_key_id', '', '', 'is_told_here(access_key_id)'),
    (13, 'most events in one key', 'who',
        'CASE WHEN event_id ~ ''[0-8]$'' THEN ''one'' ELSE access_key_id END AS who,', '', NULL),
    (14, 'old statistics', 'who', 'CASE WHEN event_id ~ ''[02468]$'' THEN event_id ELSE access_key_id END AS who,',
        'UPDATE shared SET who = ''one'' WHERE event_id ~ ''[02468]$''', NULL),
    (15, 'some long names', 'who', 'CASE WHEN access_key_id ~ ''77$'' THEN repeat(access_key_id, 12000) '
        'WHEN access_key_id ~ ''7$'' THEN repeat(access_key_id, 1700) ELSE access_key_id END AS who,', '', NULL),
    (16, 'rows of one event, and IPv6', 'access_key_id', '',
        'INSERT INTO shared SELECT event_time, source_ip, event_id || n, access_key_id
        FROM shared, generate_series(1, 2) AS n; INSERT INTO shared SELECT event_time + interval ''1 min'',
        ''2001:db8:1::1'', event_id, access_key_id FROM shared; ANALYZE shared', NULL),
    (17, 'coordinates', 'access_key_id',
        'hashtext(event_id) % 80 AS latitude, hashtext(event_id) % 170 AS longitude,',
        'ALTER TABLE shared DROP source_ip', NULL),
    (18, 'a condition with an aggregate of few rows', 'access_key_id', '', '',
        'event_time <> (SELECT max(event_time) FROM few WHERE event_id = ''e1'')'),
    (19, 'radii that are not evaluated', 'access_key_id',
        'hashtext(event_id) % 80 AS latitude, hashtext(event_id) % 170 AS longitude, 5 AS accuracy_km,',
        'ALTER TABLE shared DROP source_ip', NULL),
    (20, 'half of the events in one key', 'who',
        'CASE WHEN event_id ~ ''[02468]$'' THEN ''one'' ELSE access_key_id END AS who,', '', NULL)
) AS c (n, what, entity, columns, afterwards, condition)
CROSS JOIN LATERAL pg_temp.agree_in_shares(n, entity, format('CREATE TABLE shared AS SELECT %s event_time, source_ip, '
    'event_id, access_key_id FROM minted; ANALYZE shared; %s', columns, afterwards), condition) AS a
ORDER BY n;
SELECT legs > 10 AS legs, differences
FROM pg_temp.agree_in_shares(21, 'access_key_id', 'CREATE TABLE shared (LIKE minted) PARTITION BY RANGE (event_time);
    CREATE TABLE shared_1 PARTITION OF shared FOR VALUES FROM (MINVALUE) TO (''2026-01-02Z'');
    CREATE TABLE shared_2 PARTITION OF shared DEFAULT;
    INSERT INTO shared TABLE minted; ANALYZE shared');
DROP TABLE shared;
SELECT legs > 10 AS legs, differences
FROM pg_temp.agree_in_shares(22, 'access_key_id', 'CREATE VIEW shared AS TABLE minted');
DROP VIEW shared;
\set VERBOSITY default
RESET impossible_travel.coverage_notice;
DROP FUNCTION is_told_here(text);
DROP TABLE nobody;
DROP TABLE minted, few, one_process, in_shares;
DROP COLLATION own_order;
