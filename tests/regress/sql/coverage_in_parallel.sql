-- travel.coverage groups the rows by entity, so processes share the work. Its counts are those of a plain query, in any
-- plan.
SET timezone = 'UTC';
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET client_min_messages = warning;
CREATE TABLE rows_as_they_are (access_key_id text, event_time timestamptz, source_ip inet, outcome text,
    invoked_by text);
-- 150 keys. Some rows lack a key, a time or an address, some are calls of AWS services, and some occur several times.
INSERT INTO rows_as_they_are
SELECT CASE WHEN k % 50 = 0 THEN NULL WHEN k % 51 = 0 THEN '' WHEN k % 52 = 0 THEN 'HIDDEN_DUE_TO_SECURITY_REASONS'
        ELSE 'AKIA' || lpad(k::text, 4, '0') END,
    CASE WHEN n = 17 THEN NULL WHEN n = 18 AND k % 2 = 0 THEN 'infinity' WHEN n = 18 THEN '-infinity'
        ELSE timestamptz '2026-01-01 00:00Z' + (k * 3 + n % 11 * 40) * interval '1 hour' END,
    (ARRAY['192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1/24', '203.0.113.1', '2001:db8::1', '8.8.8.8',
        '10.0.0.1', '198.19.240.1', NULL]::inet[])[(n * 7 + k) % 10 + 1],
    CASE WHEN (n + k) % 13 = 0 THEN 'failed_auth' WHEN n % 2 = 0 THEN 'success' END,
    CASE WHEN (n + k) % 7 = 0 THEN 'ec2.amazonaws.com' WHEN n % 3 = 0 THEN '' END
FROM generate_series(1, 150) AS k, generate_series(0, 24) AS n;
INSERT INTO rows_as_they_are SELECT * FROM rows_as_they_are
WHERE source_ip << '192.0.2.0/24' AND hashtext(access_key_id) % 2 = 0;
-- For half of the time, an address is ignored; then its location is another.
INSERT INTO travel.networks (network, name, treatment, valid_until)
VALUES ('203.0.113.0/24', 'ignored', 'ignore', '2026-01-25');
CREATE TABLE indexed AS TABLE rows_as_they_are;
CREATE INDEX indexed_in_order ON indexed (access_key_id, event_time, source_ip) INCLUDE (outcome, invoked_by);
CREATE TABLE texts AS
SELECT access_key_id, event_time, CASE WHEN source_ip IS NULL AND event_time > '2026-01-20' THEN 'AWS Internal'
    ELSE host(source_ip) END AS source_text, outcome, invoked_by
FROM rows_as_they_are;
-- The kinds of rows that are one event can differ, and be words of the source's own.
CREATE TABLE kinds AS
SELECT *, (ARRAY['public', 'private', 'their word', ''])[(hashtext(concat(event_time, outcome)) & 3) + 1]
    AS source_kind
FROM rows_as_they_are;
CREATE TABLE coordinates AS
SELECT access_key_id, event_time, masklen(source_ip)::float8 AS latitude,
    CASE WHEN n % 9 = 0 THEN 'NaN' WHEN n % 10 = 0 THEN '200' WHEN n % 2 = 0 THEN '-0' ELSE '0' END::float8 AS longitude
FROM (SELECT *, abs(hashtext(concat(access_key_id, event_time, source_ip))) AS n FROM rows_as_they_are) AS s;
CREATE TABLE partitioned (LIKE rows_as_they_are) PARTITION BY RANGE (event_time);
CREATE TABLE partitioned_1 PARTITION OF partitioned FOR VALUES FROM (MINVALUE) TO ('2026-01-20');
CREATE TABLE partitioned_2 PARTITION OF partitioned DEFAULT;
INSERT INTO partitioned TABLE rows_as_they_are;
VACUUM (ANALYZE) rows_as_they_are, indexed, texts, kinds, coordinates, partitioned;

-- A plain query: the status of each row, by a window over all rows.
CREATE FUNCTION pg_temp.plain(source regclass, address text, kind text, entity text, which text)
    RETURNS TABLE (source_kind text, status text, events bigint, entities bigint, first timestamptz, last timestamptz)
    LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE format($query$
        SELECT kind, status, count(*), count(DISTINCT entity), min(event_time), max(event_time)
        FROM (
            SELECT kind, event_time, CASE WHEN has_entity THEN entity END AS entity,
                CASE WHEN status <> 'located' THEN status
                    WHEN row_number() OVER (PARTITION BY status, entity, event_time, site ORDER BY kind) = 1
                        THEN 'evaluated' ELSE 'duplicate' END AS status
            FROM (
                SELECT *, CASE WHEN isfinite(event_time) IS NOT TRUE THEN 'no_time'
                    WHEN has_entity IS NOT TRUE THEN 'no_entity' WHEN outcome = 'failed_auth' THEN 'failed_auth'
                    WHEN invoked_by <> '' THEN 'service'
                    WHEN travel_internal.is_ignored(address, event_time) THEN 'ignored'
                    WHEN travel.is_located(address, event_time) THEN 'located' ELSE 'not_located' END AS status,
                    host(travel.source_ip(address)) AS site
                FROM (
                    SELECT event_time, outcome, invoked_by, %1$s AS address, (%2$s) COLLATE "C" AS kind, %3$s AS entity,
                        %3$s NOT IN ('', 'HIDDEN_DUE_TO_SECURITY_REASONS') AS has_entity
                    FROM %4$s WHERE %5$s
                ) AS e
            ) AS e
        ) AS e GROUP BY kind, status $query$, address, kind, entity, source, which);
END $$;
CREATE FUNCTION pg_temp.compared(coverage text, source regclass,
    kind text DEFAULT 'travel.source_kind(host(source_ip))', address text DEFAULT 'source_ip',
    entity text DEFAULT 'access_key_id', which text DEFAULT 'true')
    RETURNS TABLE (events numeric, statuses bigint, kinds bigint, differences bigint)
    LANGUAGE plpgsql AS $$ BEGIN
    CREATE TEMP TABLE one (source_kind text, status text, events bigint, entities bigint, first timestamptz,
        last timestamptz);
    EXECUTE format('INSERT INTO one SELECT * FROM travel.coverage(%s)', coverage);
    RETURN QUERY WITH other AS MATERIALIZED (SELECT * FROM pg_temp.plain(source, address, kind, entity, which))
        SELECT sum(o.events), count(DISTINCT o.status), count(DISTINCT o.source_kind), (SELECT count(*) FROM (
            (TABLE one EXCEPT ALL TABLE other) UNION ALL (TABLE other EXCEPT ALL TABLE one)) AS d) FROM one AS o;
    DROP TABLE one;
END $$;
CREATE FUNCTION pg_temp.all_compared() RETURNS TABLE (source regclass, events numeric, statuses bigint, kinds bigint,
    differences bigint) LANGUAGE sql AS $$
    SELECT s.source, c.* FROM unnest('{rows_as_they_are,indexed}'::regclass[]) AS s (source),
        pg_temp.compared(format('%L', s.source), s.source) AS c
    UNION ALL
    SELECT 'partitioned', c.* FROM pg_temp.compared($c$'partitioned', 'access_key_id, outcome', since => '2026-01-05',
            until => '2026-01-30', condition => 'outcome IS NOT NULL'$c$, 'partitioned',
            entity => $e$CASE WHEN access_key_id NOT IN ('', 'HIDDEN_DUE_TO_SECURITY_REASONS')
                THEN concat(access_key_id, ' ', outcome) END$e$, which => $w$outcome <> '' AND
            (event_time IS NULL OR event_time >= '2026-01-05' AND event_time < '2026-01-30')$w$) AS c
    UNION ALL
    SELECT 'rows_as_they_are', c.* FROM pg_temp.compared($c$'rows_as_they_are', 'outcome'$c$, 'rows_as_they_are',
        entity => 'outcome') AS c
    UNION ALL
    SELECT 'texts', c.* FROM pg_temp.compared($c$'texts'$c$, 'texts', 'travel.source_kind(source_text)',
        'travel.source_ip(source_text)') AS c
    UNION ALL
    SELECT 'kinds', c.* FROM pg_temp.compared($c$'kinds'$c$, 'kinds',
        $k$coalesce(nullif(source_kind, ''), travel.source_kind(host(source_ip)))$k$) AS c $$;

-- In parallel. The leader, which takes no part here, reads no row of a table without an index, and of one with an index
-- it reads none of the ranges of the entity. In one process, it reads all of them.
CREATE FUNCTION pg_temp.reads_of_leader(source regclass) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE
    before bigint := pg_stat_get_xact_tuples_returned(source);
BEGIN
    PERFORM FROM travel.coverage(source);
    RETURN pg_stat_get_xact_tuples_returned(source) - before;
END $$;
CREATE FUNCTION pg_temp.ranges_of_leader(source regclass, index regclass) RETURNS text LANGUAGE plpgsql AS $$ DECLARE
    before bigint := pg_stat_get_xact_numscans(index);
BEGIN
    PERFORM FROM travel.coverage(source);
    RETURN CASE WHEN pg_stat_get_xact_numscans(index) - before > 3 THEN 'several'
        ELSE (pg_stat_get_xact_numscans(index) - before)::text END;
END $$;
SET parallel_leader_participation = off;
SELECT pg_temp.reads_of_leader('rows_as_they_are') AS rows, pg_temp.reads_of_leader('indexed') AS rows_of_indexed,
    pg_temp.ranges_of_leader('indexed', 'indexed_in_order') AS ranges;
SELECT * FROM pg_temp.all_compared();
RESET parallel_leader_participation;
EXPLAIN (COSTS OFF) SELECT travel_internal.coverage_sum(counts) FROM (
    SELECT travel_internal.entity_coverage(event_time, source_ip, NULL, NULL) AS counts FROM rows_as_they_are
    GROUP BY outcome) AS e;
-- By sorted groups, and in one process by a hash table that goes to disk.
SET enable_hashagg = off;
SELECT * FROM pg_temp.all_compared() WHERE differences > 0;
RESET enable_hashagg;
SET max_parallel_workers_per_gather = 0;
SELECT pg_temp.reads_of_leader('rows_as_they_are') > 0 AS rows, pg_temp.reads_of_leader('indexed') AS rows_of_indexed,
    pg_temp.ranges_of_leader('indexed', 'indexed_in_order') AS ranges;
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT * FROM pg_temp.all_compared() WHERE differences > 0;
RESET work_mem;
RESET hash_mem_multiplier;

-- Coordinates. A row with invalid coordinates is not located, and -0 equals 0.
SELECT * FROM travel.coverage('coordinates') WHERE status IN ('evaluated', 'duplicate', 'not_located');
CREATE TABLE serially AS SELECT * FROM travel.coverage('coordinates');
RESET max_parallel_workers_per_gather;
SELECT count(*) AS differences FROM (TABLE serially EXCEPT ALL SELECT * FROM travel.coverage('coordinates')) AS d;

-- Only these aggregates make and read counts.
\set VERBOSITY sqlstate
SELECT travel_internal.coverage_sum_add('\x01', '\x01');
SELECT travel_internal.coverage_sum(counts) FROM (VALUES ('\x01'::bytea), ('\x0100')) AS v (counts);
\set VERBOSITY default
SELECT * FROM travel_internal.coverage_rows('\x02');
DELETE FROM travel.networks;
DROP TABLE rows_as_they_are, indexed, texts, kinds, coordinates, partitioned, serially;
