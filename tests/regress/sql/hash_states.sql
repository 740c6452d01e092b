-- A hash aggregate keeps the rows of travel.impossible_legs and travel.journey in a log before it adds them to the
-- states. However the states are read, no row is missing: each comparison counts its differences, and all must be 0.
SET timezone = 'UTC';
SET impossible_travel.coverage_notice = off;
SET jit = off;
CREATE FUNCTION pg_temp.pick(n int, stream int, below int) RETURNS int IMMUTABLE LANGUAGE sql AS $$
    SELECT ((('x' || left(md5(n || '/' || stream), 7))::bit(28)::int) % below) $$;
-- 300 keys with 1 to about 300 events, in no order, with duplicates, ties, NULLs and addresses that are not located.
CREATE TABLE seen AS
    SELECT n, n % 3 AS third, pg_temp.pick(n, 1, 1 + pg_temp.pick(n, 2, 300)) AS who,
        timestamptz '2026-03-01 00:00Z' + pg_temp.pick(n, 3, CASE WHEN n % 3 = 0 THEN 90 ELSE 86400 END)
            * interval '1 second' AS t,
        (ARRAY['192.0.2.1', '192.0.2.2', '192.0.2.49', '192.0.2.145', '203.0.113.1', '203.0.113.33', '203.0.113.129',
            '198.51.100.1', '198.51.100.161', '198.51.100.200', '2001:db8::1', '2001:db8:2000::1', '::ffff:192.0.2.1',
            '203.0.113.1/24', '10.0.0.1', '198.19.240.1', '8.8.8.8', NULL])[1 + pg_temp.pick(n, 4, 18)]::inet AS ip
    FROM generate_series(1, 20000) AS n;
UPDATE seen SET t = NULL WHERE n % 100 = 7;
ALTER TABLE seen SET (parallel_workers = 2);
ANALYZE seen;

-- How the same query is executed.
CREATE PROCEDURE pg_temp.by(how text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('enable_sort', (how !~ 'hash')::text, false),
        set_config('enable_hashagg', (how <> 'sort')::text, false),
        set_config('work_mem', CASE WHEN how ~ 'spilled' THEN '64kB' ELSE '8MB' END, false),
        set_config('hash_mem_multiplier', '1', false),
        set_config('max_parallel_workers_per_gather', CASE WHEN how ~ 'parallel' THEN '2' ELSE '0' END, false),
        set_config('parallel_setup_cost', '0', false), set_config('parallel_tuple_cost', '0', false),
        set_config('min_parallel_table_scan_size', '0', false);
END $$;
CREATE FUNCTION pg_temp.nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        RETURN QUERY SELECT m[1]
            FROM regexp_matches(line, '((?:Partial |Finalize )?(?:Hash|Group|Mixed)Aggregate)') AS m;
        RETURN QUERY SELECT 'spilled' WHERE line ~ 'Batches: [2-9]|Batches: 1[0-9]';
    END LOOP;
END $$;
CREATE VIEW legs AS
    SELECT who, travel.impossible_legs(t, ip) AS legs, travel.journey(t, ip) AS journey,
        travel.impossible_legs(t, ip, 300, 500, true) AS more_legs,
        travel.impossible_legs(t, ip, 'e' || n) AS labelled, count(*) AS rows
    FROM seen GROUP BY who;
CALL pg_temp.by('sort');
SELECT pg_temp.nodes('TABLE legs');
CREATE TABLE expected AS TABLE legs;
SELECT count(*) AS keys, sum(cardinality(legs)) AS legs, sum(cardinality(more_legs)) AS more_legs,
    sum(travel.event_count(journey)) AS events
FROM expected;
-- They are those of the window function.
SELECT count(*) AS differences
FROM (
    SELECT who, l FROM expected, unnest(legs) AS l
    EXCEPT ALL
    SELECT who, l
    FROM (
        SELECT who, travel.leg(t, ip) OVER (PARTITION BY who ORDER BY t, travel.source_ip(ip)) AS l FROM seen
        WHERE t IS NOT NULL
    ) AS s
    WHERE (l).impossible
) AS d;

CREATE VIEW differences AS
    SELECT count(*) AS differences
    FROM expected AS e FULL JOIN legs AS l USING (who)
    WHERE (e.legs, e.journey::text, e.more_legs, e.labelled, e.rows) IS DISTINCT FROM
        (l.legs, l.journey::text, l.more_legs, l.labelled, l.rows);
CALL pg_temp.by('hash');
SELECT pg_temp.nodes('TABLE legs');
TABLE differences;
CALL pg_temp.by('spilled hash');
SELECT pg_temp.nodes('TABLE legs');
TABLE differences;
CALL pg_temp.by('parallel hash');
SELECT pg_temp.nodes('TABLE legs');
TABLE differences;
CALL pg_temp.by('spilled parallel hash');
SELECT DISTINCT pg_temp.nodes('TABLE legs') ORDER BY 1;
TABLE differences;
-- Partial states in the leader, without a process between them and the final ones.
SET enable_partitionwise_aggregate = on;
CREATE TABLE parted (LIKE seen) PARTITION BY RANGE (n);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (9000) TO (30000);
INSERT INTO parted TABLE seen;
ANALYZE parted;
CALL pg_temp.by('hash');
CREATE VIEW parted_legs AS SELECT who, travel.impossible_legs(t, ip) AS legs FROM parted GROUP BY who;
SELECT pg_temp.nodes('TABLE parted_legs');
SELECT count(*) AS differences
FROM expected AS e FULL JOIN parted_legs AS l USING (who) WHERE e.legs IS DISTINCT FROM l.legs;
-- The same with states that are sorted, and therefore written to memory or disk as plain values.
SET enable_sort = on;
SET work_mem = '64kB';
SELECT count(*) AS differences
FROM (SELECT who, legs FROM parted_legs ORDER BY legs OFFSET 0) AS l JOIN expected AS e USING (who)
WHERE e.legs IS DISTINCT FROM l.legs;

-- Aggregates that users make of these functions: without a final function, with one in SQL or PL/pgSQL, and with an
-- initial value.
CREATE AGGREGATE pg_temp.raw_state(timestamptz, inet) (SFUNC = travel_internal.legs_add, STYPE = travel.journey);
CREATE AGGREGATE pg_temp.raw_journey(timestamptz, inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, COMBINEFUNC = travel_internal.legs_combine,
    PARALLEL = SAFE
);
CREATE FUNCTION pg_temp.in_sql(travel.journey) RETURNS bigint LANGUAGE sql AS 'SELECT travel.event_count($1)';
CREATE FUNCTION pg_temp.in_plpgsql(state travel.journey) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    copy travel.journey := state;
    counted bigint := travel.event_count(state);
BEGIN
    state := NULL;
    RETURN counted + travel.event_count(copy);
END $$;
CREATE AGGREGATE pg_temp.counted_in_sql(timestamptz, inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, FINALFUNC = pg_temp.in_sql
);
CREATE AGGREGATE pg_temp.counted_in_plpgsql(timestamptz, inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, FINALFUNC = pg_temp.in_plpgsql,
    FINALFUNC_MODIFY = READ_WRITE
);
SELECT format('CREATE AGGREGATE pg_temp.from_one_event(timestamptz, inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, INITCOND = %L)',
    travel.journey('2026-03-05 00:00Z', inet '192.0.2.1')) \gexec
CALL pg_temp.by('hash');
SET enable_partitionwise_aggregate = off;
SELECT pg_temp.nodes('SELECT who, pg_temp.raw_state(t, ip) FROM seen GROUP BY who');
SELECT count(*) FILTER (WHERE travel.event_count(l.state) <> travel.event_count(e.journey)) AS without_final_function,
    count(*) FILTER (WHERE l.in_sql <> travel.event_count(e.journey)) AS in_sql,
    count(*) FILTER (WHERE l.in_plpgsql <> 2 * travel.event_count(e.journey)) AS in_plpgsql,
    count(*) FILTER (WHERE travel.event_count(l.from_one) <> 1 + travel.event_count(e.journey)) AS with_initial_value
FROM (
    SELECT who, pg_temp.raw_journey(t, ip) AS state, pg_temp.counted_in_sql(t, ip) AS in_sql,
        pg_temp.counted_in_plpgsql(t, ip) AS in_plpgsql, pg_temp.from_one_event(t, ip) AS from_one
    FROM seen GROUP BY who
) AS l JOIN expected AS e USING (who);
-- Such a state is a value like any other: in a table, and as text.
CREATE TABLE kept AS SELECT who, pg_temp.raw_journey(t, ip) AS journey FROM seen GROUP BY who;
SELECT count(*) AS differences
FROM (
    SELECT who, travel.rollup(journey)::text AS journey FROM kept GROUP BY who
    EXCEPT SELECT who, journey::text FROM expected
) AS d;
SELECT count(*) FILTER (WHERE journey::text::travel.journey::text <> journey::text) AS differences FROM kept;
CALL pg_temp.by('parallel hash');
SELECT count(*) AS differences
FROM (SELECT who, pg_temp.raw_journey(t, ip) AS journey FROM seen GROUP BY who) AS l JOIN expected AS e USING (who)
WHERE travel.event_count(l.journey) <> travel.event_count(e.journey);

-- Grouping sets: hashed, and some hashed and some sorted.
CALL pg_temp.by('hash');
CREATE VIEW sets AS
    SELECT who, third, travel.impossible_legs(t, ip) AS legs FROM seen
    GROUP BY GROUPING SETS ((who), (third), (who, third));
SELECT pg_temp.nodes('TABLE sets');
CREATE TABLE hashed_sets AS TABLE sets;
CALL pg_temp.by('sort');
SELECT count(*) AS differences FROM ((TABLE sets EXCEPT ALL TABLE hashed_sets)
    UNION ALL (TABLE hashed_sets EXCEPT ALL TABLE sets)) AS d;
CALL pg_temp.by('mixed');
SELECT DISTINCT pg_temp.nodes('SELECT who, third, travel.impossible_legs(t, ip) AS legs FROM seen
    GROUP BY GROUPING SETS ((who, third), (third), ())');
SELECT count(*) AS differences
FROM (
    SELECT who, third, travel.impossible_legs(t, ip) AS legs FROM seen
    GROUP BY GROUPING SETS ((who, third), (third), ())
    EXCEPT ALL TABLE hashed_sets
) AS d
WHERE third IS NOT NULL;

-- The hash table is filled again for each row of an outer query, is read twice, or not to its end.
CALL pg_temp.by('hash');
SELECT count(*) AS differences
FROM generate_series(0, 2) AS nth CROSS JOIN LATERAL (
    SELECT who, travel.impossible_legs(t, ip) AS legs FROM seen WHERE seen.third = nth GROUP BY who OFFSET 0
) AS l LEFT JOIN hashed_sets AS h ON h.who = l.who AND h.third = nth
WHERE l.legs IS DISTINCT FROM h.legs;
SELECT who, (SELECT cardinality(legs) FROM legs AS l WHERE l.who = e.who + 0 OFFSET 0) = cardinality(legs) AS same
FROM expected AS e WHERE who IN (3, 299) ORDER BY who;
SELECT count(*) AS rows FROM (SELECT * FROM legs LIMIT 7) AS l;
BEGIN;
DECLARE partly CURSOR FOR SELECT who, legs FROM legs;
MOVE 100 IN partly;
SELECT count(*) AS differences FROM legs AS l JOIN expected AS e USING (who) WHERE l.legs <> e.legs;
MOVE 50 IN partly;
CLOSE partly;
DECLARE scrolled SCROLL CURSOR FOR SELECT who, legs FROM legs;
MOVE ALL IN scrolled;
MOVE ABSOLUTE 5 IN scrolled;
COMMIT;

-- Several aggregates in one node, with a shared state, with FILTER and with DISTINCT.
SELECT count(*) FILTER (WHERE l.legs <> e.legs) AS legs, count(*) FILTER (WHERE l.again <> e.legs) AS shared,
    count(*) FILTER (WHERE l.filtered <> h.legs) AS filtered, count(*) FILTER (WHERE l.nothing <> '{}') AS nothing
FROM (
    SELECT who, travel.impossible_legs(t, ip) AS legs, travel.impossible_legs(t, ip) || '{}' AS again,
        travel.impossible_legs(t, ip) FILTER (WHERE third = 1) AS filtered,
        travel.impossible_legs(t, ip) FILTER (WHERE false) AS nothing
    FROM seen GROUP BY who
) AS l JOIN expected AS e USING (who) LEFT JOIN hashed_sets AS h ON h.who = l.who AND h.third = 1;
SELECT count(*) FILTER (WHERE l.legs <> e.legs OR l.once <> e.legs) AS differences
FROM (
    SELECT who, travel.impossible_legs(t, ip) AS legs, travel.impossible_legs(DISTINCT t, ip) AS once
    FROM seen GROUP BY who
) AS l JOIN expected AS e USING (who);

-- Thresholds can differ between groups, but not within one.
SELECT count(*) AS differences
FROM (
    SELECT who,
        travel.impossible_legs(t, ip, CASE who % 2 WHEN 0 THEN 300 ELSE 500 END,
            CASE who % 2 WHEN 0 THEN 500 ELSE 1000 END, who % 2 = 0) AS legs
    FROM seen GROUP BY who
) AS l JOIN expected AS e USING (who)
WHERE l.legs <> CASE who % 2 WHEN 0 THEN e.more_legs ELSE e.legs END;
-- An error in the middle leaves nothing behind.
DO $$
DECLARE
    bad text;
    differences bigint;
BEGIN
    FOREACH bad IN ARRAY ARRAY['t, ip, CASE n WHEN 9000 THEN 1 ELSE 500 END, 1000, false',
        't, ip, CASE WHEN who % 2 = 0 OR n BETWEEN 9001 AND 9020 THEN 1 ELSE 500 END, 1000, false',
        'CASE n WHEN 9000 THEN ''infinity'' ELSE t END, ip', 't + (1 / (n - 9000)) * interval ''1 s'', ip'] LOOP
        BEGIN
            EXECUTE format('SELECT who, travel.impossible_legs(%s) FROM seen GROUP BY who', bad);
            RAISE NOTICE 'no error';
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '%', SQLERRM;
        END;
        SELECT count(*) INTO differences FROM legs AS l JOIN expected AS e USING (who) WHERE l.legs <> e.legs;
        RAISE NOTICE '% differences', differences;
    END LOOP;
END $$;
-- The processes that contribute to a group must use the same thresholds, too.
CALL pg_temp.by('parallel hash');
DO $$
BEGIN
    PERFORM who, travel.impossible_legs(t, ip, 1 + (n < 10000)::int, 1000, false) FROM seen GROUP BY who;
    RAISE NOTICE 'no error';
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '%', SQLERRM;
END $$;
-- States of more than 64 kB are merged when they are combined.
CREATE TABLE long AS
    SELECT n / 30000 AS who, t + n * interval '1 second' AS t, ip
    FROM (SELECT n, t, ip FROM seen UNION ALL SELECT n + 20000, t, ip FROM seen) AS s;
ALTER TABLE long SET (parallel_workers = 2);
ANALYZE long;
CREATE VIEW long_legs AS
    SELECT who, travel.impossible_legs(t, ip) AS legs, travel.journey(t, ip)::text AS journey FROM long GROUP BY who;
CREATE TABLE long_combined AS TABLE long_legs;
CALL pg_temp.by('sort');
SELECT count(*) AS groups,
    count(*) FILTER (WHERE (c.legs, c.journey) IS DISTINCT FROM (l.legs, l.journey)) AS differences
FROM long_legs AS l FULL JOIN long_combined AS c USING (who);
DROP TABLE long, long_combined CASCADE;

-- A state of travel.rollup keeps its journeys until it is read, in a hash table or not. However the events are divided
-- into journeys, the result is that of one aggregate.
CREATE TABLE parts AS
    SELECT 'hours' AS kind, who, date_bin('1 hour', t, '2000-01-01') AS part, travel.journey(t, ip) AS journey
    FROM seen GROUP BY 1, 2, 3
    UNION ALL SELECT 'at random', who, timestamptz '2000-01-01' + n % 9 * interval '1 s',
        travel.journey(t, ip) FROM seen GROUP BY 1, 2, 3;
INSERT INTO parts SELECT 'twice', who, part, journey FROM parts WHERE kind = 'hours';
INSERT INTO parts SELECT 'twice', who, part, journey FROM parts WHERE kind = 'at random';
ALTER TABLE parts SET (parallel_workers = 2);
ANALYZE parts;
CREATE VIEW rolled AS SELECT kind, who, travel.rollup(journey) AS journey FROM parts GROUP BY kind, who;
CREATE VIEW rolled_differences AS
    SELECT (SELECT string_agg(DISTINCT node, ', ' ORDER BY node) FROM pg_temp.nodes('TABLE rolled') AS node) AS nodes,
        count(*) AS groups, count(*) FILTER (WHERE r.journey::text IS DISTINCT FROM e.journey::text) AS differences
    FROM rolled AS r FULL JOIN expected AS e USING (who);
CALL pg_temp.by('sort');
TABLE rolled_differences;
CALL pg_temp.by('hash');
TABLE rolled_differences;
CALL pg_temp.by('spilled hash');
TABLE rolled_differences;
CALL pg_temp.by('parallel hash');
TABLE rolled_differences;
-- Neither the order of the journeys nor their repetition matters, even if the state has to be merged before its end.
CALL pg_temp.by('sort');
SELECT count(*) AS groups, count(*) FILTER (WHERE later::text <> earlier::text) AS order_matters,
    count(*) FILTER (WHERE often::text <> earlier::text) AS repetition_matters
FROM (
    SELECT travel.rollup(journey ORDER BY part) AS earlier, travel.rollup(journey ORDER BY part DESC, who) AS later
    FROM parts WHERE kind = 'hours' GROUP BY who % 3
) AS a,
    LATERAL (SELECT travel.rollup(j) AS often FROM (SELECT earlier AS j FROM generate_series(1, 40)) AS g) AS o;
SELECT travel.rollup(journey)::text = (SELECT travel.journey(t, ip)::text FROM seen) AS all_events,
    sum(pg_column_size(journey)) > 200000 AS long
FROM parts CROSS JOIN generate_series(1, 3);
-- In a mixed aggregate, several groups that are not in a hash table are open at once.
CALL pg_temp.by('mixed');
CREATE VIEW rolled_sets AS
    SELECT who % 7 AS of_7, who % 14 AS of_14, travel.rollup(journey)::text AS journey
    FROM parts WHERE kind = 'hours'
    GROUP BY ROLLUP (who % 7, who % 14);
SELECT DISTINCT pg_temp.nodes('TABLE rolled_sets');
SELECT count(*) AS groups FROM rolled_sets;
SELECT count(*) AS differences
FROM (
    TABLE rolled_sets
    EXCEPT ALL
    SELECT who % 7, who % 14, travel.journey(t, ip)::text FROM seen GROUP BY ROLLUP (who % 7, who % 14)
) AS d;
-- States become plain values without a final function, for one in PL/pgSQL, to be stored or combined, and if there is
-- an initial value.
CREATE AGGREGATE pg_temp.raw_rollup(travel.journey) (
    SFUNC = travel_internal.journey_rollup, STYPE = travel.journey, COMBINEFUNC = travel_internal.legs_combine,
    PARALLEL = SAFE
);
CREATE AGGREGATE pg_temp.counted_rollup(travel.journey) (
    SFUNC = travel_internal.journey_rollup, STYPE = travel.journey, FINALFUNC = pg_temp.in_plpgsql,
    FINALFUNC_MODIFY = READ_WRITE
);
SELECT format('CREATE AGGREGATE pg_temp.rollup_from_one(travel.journey) (
    SFUNC = travel_internal.journey_rollup, STYPE = travel.journey, INITCOND = %L)',
    travel.journey('2026-03-05 00:00Z', inet '192.0.2.1')) \gexec
CREATE VIEW raw AS
    SELECT kind, who, pg_temp.raw_rollup(journey) AS journey, pg_temp.counted_rollup(journey) AS counted,
        pg_temp.rollup_from_one(journey) AS from_one
    FROM parts GROUP BY kind, who;
CREATE VIEW raw_differences AS
    SELECT (SELECT string_agg(DISTINCT node, ', ' ORDER BY node) FROM pg_temp.nodes('TABLE raw') AS node
            WHERE node <> 'spilled') AS nodes,
        count(*) AS groups,
        count(*) FILTER (WHERE travel.event_count(r.journey) <> travel.event_count(e.journey)) AS counted_by_reader,
        count(*) FILTER (WHERE travel.impossible_legs(r.journey) <> e.legs) AS legs,
        count(*) FILTER (WHERE r.counted <> 2 * travel.event_count(e.journey)) AS counted_by_final_function,
        count(*) FILTER (WHERE travel.event_count(r.from_one) <> 1 + travel.event_count(e.journey)) AS from_one
    FROM raw AS r JOIN expected AS e USING (who);
CALL pg_temp.by('hash');
TABLE raw_differences;
CALL pg_temp.by('sort');
TABLE raw_differences;
CREATE TABLE raw_stored AS SELECT kind, who, pg_temp.raw_rollup(journey) AS journey FROM parts GROUP BY kind, who;
CREATE VIEW raw_combined AS SELECT kind, who, pg_temp.raw_rollup(journey) AS journey FROM parts GROUP BY kind, who;
CALL pg_temp.by('parallel hash');
SELECT (SELECT string_agg(DISTINCT node, ', ' ORDER BY node) FROM pg_temp.nodes('TABLE raw_combined') AS node) AS nodes,
    count(*) AS groups,
    count(*) FILTER (WHERE travel.event_count(r.journey) <> travel.event_count(e.journey)) AS combined,
    count(*) FILTER (WHERE travel.event_count(s.journey) <> travel.event_count(e.journey)) AS stored,
    count(*) FILTER (WHERE s.journey::text::travel.journey::text <> s.journey::text) AS as_text
FROM raw_combined AS r JOIN raw_stored AS s USING (kind, who) JOIN expected AS e USING (who);
DROP TABLE parts, raw_stored CASCADE;
RESET ALL;
DROP VIEW legs, differences, parted_legs, sets CASCADE;
DROP TABLE seen, expected, parted, kept, hashed_sets;
