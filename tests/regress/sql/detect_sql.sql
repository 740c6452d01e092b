-- travel.detect_sql returns the query of travel.detect, for a view or a materialized view. Its plan uses the indexes of
-- the table.
SET timezone = 'UTC';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
\pset null '-'
SELECT travel.create_events_table('trail', keep_record => false);
-- 300 keys, 40 events each, over 40 days; every thirtieth key is stolen once.
INSERT INTO trail (event_id, event_time, source_ip, access_key_id, session_name, identity_type, outcome)
SELECT 'e' || k || '-' || n, timestamptz '2026-01-01 00:00Z' + n * interval '1 day' + k * interval '1 minute',
    CASE WHEN k % 30 = 0 AND n = 20 THEN inet '203.0.113.1' ELSE inet '192.0.2.1' + k % 3 END,
       'AKIA' || lpad(k::text, 4, '0'), 'user' || k, 'IAMUser', 'success'
FROM generate_series(1, 300) AS k, generate_series(1, 40) AS n;
INSERT INTO trail (event_id, event_time, source_ip, access_key_id, session_name, identity_type, outcome)
SELECT 'x' || k, timestamptz '2026-01-21 00:30Z' + k * interval '1 minute', '192.0.2.1',
    'AKIA' || lpad(k::text, 4, '0'), 'user' || k, 'IAMUser', 'success'
FROM generate_series(30, 300, 30) AS k;
ANALYZE trail;

-- A view of the text gives the rows of detect, in the same columns.
CREATE FUNCTION pg_temp.make(what text, name text, query text) RETURNS void
    LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('CREATE %s %s AS %s', what, name, query); END $$;
SELECT pg_temp.make('VIEW', 'legs', travel.detect_sql('trail'));
SELECT pg_temp.make('VIEW', 'all_legs', travel.detect_sql('trail', all_legs => true));
SELECT pg_temp.make('VIEW', 'of_sessions',
    travel.detect_sql('trail', 'access_key_id, session_name', since => '2026-01-21', until => '2026-01-22',
        condition => 'identity_type = ''IAMUser'' -- users only', min_distance_km => 600, min_velocity_kmh => 900.5,
        use_accuracy => true));
CREATE FUNCTION pg_temp.differences(view text, call text) RETURNS TABLE (rows bigint, differences bigint)
    LANGUAGE plpgsql AS $$ BEGIN
    RETURN QUERY EXECUTE format('SELECT (SELECT count(*) FROM %1$s), (SELECT count(*) FROM ((SELECT '
                                '* FROM %1$s EXCEPT ALL SELECT * FROM %2$s) UNION ALL (SELECT * FROM %2$s '
                                'EXCEPT ALL SELECT * FROM %1$s)) AS d)',
        view, call);
END $$;
SELECT * FROM pg_temp.differences('legs', 'travel.detect(''trail'')');
SELECT * FROM pg_temp.differences('all_legs', 'travel.detect(''trail'', all_legs => true)');
SELECT *
FROM pg_temp.differences('of_sessions',
    'travel.detect(''trail'', ''access_key_id, session_name'', since => ''2026-01-21'', until => ''2026-01-22'', '
    'condition => ''identity_type = ''''IAMUser'''''', min_distance_km => 600, min_velocity_kmh => 900.5, '
    'use_accuracy => true)');
SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
    = (
        SELECT string_agg(f.attname || ' ' || format_type(f.atttypid, f.atttypmod), ',' ORDER BY f.attnum)
        FROM pg_attribute AS f
        WHERE attrelid = 'travel.finding'::regclass
    )
        AS columns_of_finding
FROM pg_attribute AS a WHERE attrelid = 'legs'::regclass AND attnum > 0;
-- A text has the same collation whatever the plan: otherwise an index would decide what a comparison with it means.
CREATE TABLE unindexed AS TABLE trail;
SELECT pg_temp.make('VIEW', 'legs_of_unindexed', travel.detect_sql('unindexed'));
SELECT count(*) AS texts, count(*) FILTER (WHERE a.attcollation <> b.attcollation) AS other_collations
FROM pg_attribute AS a JOIN pg_attribute AS b USING (attname)
WHERE a.attrelid = 'legs'::regclass AND b.attrelid = 'legs_of_unindexed'::regclass AND a.atttypid = 'text'::regtype;
DROP TABLE unindexed CASCADE;

-- It works with an empty search_path: every name in it is qualified.
SET search_path = pg_catalog;
SELECT count(*) FROM public.legs;
SELECT count(*) FROM public.all_legs;
RESET search_path;

-- The text is one readable statement without a semicolon, with the schema of the source.
SELECT query ~ '^WITH events AS' AS readable, query !~ ';' AS one_statement,
    query ~ 'FROM public\.trail AS s' AS qualified, query ~ '\n' AS lines
FROM travel.detect_sql('trail') AS query;

-- A condition on the entity uses the index on it, also for the events of both ends. So does a condition on time.
SELECT count(*) FROM legs WHERE entity = 'AKIA0030';
SELECT count(*) FROM legs WHERE access_key_id = 'AKIA0030';
CREATE FUNCTION pg_temp.ways(query text, OUT by_key boolean, OUT by_time boolean, OUT whole_scan boolean)
    LANGUAGE sql AS $$
    SELECT bool_or(line ~ 'trail_access_key_id_event_time_source_ip_idx'), bool_or(line ~ 'trail_event_time_idx'),
        bool_or(line ~ 'Seq Scan on trail')
    FROM plan_of(query) AS line $$;
SELECT by_key, whole_scan FROM pg_temp.ways($$SELECT * FROM legs WHERE entity = 'AKIA0030'$$);
SELECT by_key, whole_scan FROM pg_temp.ways($$SELECT * FROM legs WHERE access_key_id = 'AKIA0030'$$);
SELECT by_key, whole_scan FROM pg_temp.ways($$SELECT * FROM all_legs WHERE entity = 'AKIA0030'$$);
SELECT by_key, whole_scan FROM pg_temp.ways($$SELECT * FROM of_sessions WHERE access_key_id = 'AKIA0030'$$);
SELECT by_time, whole_scan
FROM pg_temp.ways(travel.detect_sql('trail', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z'));

-- If the column is not a timestamptz, the bounds are converted: the column stays as it is, or under an immutable
-- function that can be indexed.
CREATE TABLE zoneless AS
SELECT access_key_id, event_time AT TIME ZONE 'UTC' AS event_time, source_ip, outcome, NULL::text AS invoked_by
FROM trail;
CREATE INDEX ON zoneless (event_time);
CREATE TABLE texts AS
SELECT access_key_id, to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS event_time, source_ip,
    outcome, NULL::text AS invoked_by
FROM trail;
CREATE INDEX ON texts (travel.event_time(event_time));
ANALYZE zoneless, texts;
SET client_min_messages = warning;
SELECT bool_or(line ~ 'zoneless_event_time_idx') AS zoneless
FROM plan_of(travel.detect_sql('zoneless', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z')) AS line;
SELECT bool_or(line ~ 'texts_event_time_idx') AS texts
FROM plan_of(travel.detect_sql('texts', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z')) AS line;
SELECT (SELECT count(*) FROM travel.detect('zoneless', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z'))
    AS zoneless,
    (SELECT count(*) FROM travel.detect('texts', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z')) AS texts,
       (SELECT count(*) FROM travel.detect('trail', since => '2026-01-21 00:00Z', until => '2026-01-21 06:00Z'))
           AS trail;
RESET client_min_messages;

-- Partitions outside the range are not touched.
CREATE TABLE parts (LIKE trail) PARTITION BY RANGE (event_time);
CREATE TABLE parts_jan PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-01-19');
CREATE TABLE parts_mid PARTITION OF parts FOR VALUES FROM ('2026-01-19') TO ('2026-01-24');
CREATE TABLE parts_end PARTITION OF parts FOR VALUES FROM ('2026-01-24') TO ('2027-01-01');
INSERT INTO parts TABLE trail;
SELECT DISTINCT substring(line FROM 'parts_[a-z]+') AS touched
FROM plan_of(travel.detect_sql('parts', since => '2026-01-21', until => '2026-01-22')) AS line
WHERE line ~ 'Scan' AND line ~ 'parts_'
ORDER BY 1;

-- The query is set-based and can run in parallel.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT bool_or(line ~ 'Partial (Hash|Group)?Aggregate') AS partial, bool_or(line ~ 'Finalize') AS finalize,
    bool_or(line ~ 'Workers Planned') AS workers, bool_or(line ~ 'SubPlan') AS row_by_row
FROM plan_of(travel.detect_sql('trail')) AS line;
SELECT * FROM pg_temp.differences('legs', 'travel.detect(''trail'')');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Materialized views over the function and over the text are unique on leg_id and can be refreshed concurrently.
CREATE MATERIALIZED VIEW kept AS SELECT * FROM travel.detect('public.trail');
CREATE UNIQUE INDEX ON kept (leg_id);
SELECT pg_temp.make('MATERIALIZED VIEW', 'kept_text', travel.detect_sql('trail'));
CREATE UNIQUE INDEX ON kept_text (leg_id);
SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM kept_text) AS text;
INSERT INTO trail (event_id, event_time, source_ip, access_key_id, outcome)
VALUES ('late', '2026-01-05 00:31Z', '203.0.113.1', 'AKIA0030', 'success');
REFRESH MATERIALIZED VIEW CONCURRENTLY kept;
REFRESH MATERIALIZED VIEW CONCURRENTLY kept_text;
SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM kept_text) AS text,
    (SELECT count(*) FROM (TABLE kept EXCEPT TABLE kept_text) AS d) AS differences;
SELECT from_event_id, to_event_id, round(distance_km) AS km
FROM kept
WHERE 'late' IN (from_event_id, to_event_id)
ORDER BY to_time;
-- A table of alerts made by hand.
CREATE TABLE alerts (LIKE travel.finding, PRIMARY KEY (leg_id));
INSERT INTO alerts SELECT * FROM travel.detect('trail') ON CONFLICT DO NOTHING;
INSERT INTO alerts SELECT * FROM travel.detect('trail') ON CONFLICT DO NOTHING;
SELECT count(*) FROM alerts;

-- For sources with coordinates, records, odd names and other types, a view over the text agrees with travel.detect.
CREATE TABLE "Odd ""one""" ("Who is it" uuid, "when" text, body jsonb, lat numeric, lon real, acc int, outcome text,
    invoked_by text, event_time timestamptz);
INSERT INTO "Odd ""one""" VALUES
    ('11111111-1111-1111-1111-111111111111', '2026-03-02T09:00:00Z',
        '{"eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress": "192.0.2.1", "userIdentity": {"accessKeyId": '
        '"it''s"}}',
        51.5, 0, 10, NULL, NULL, '2026-03-02T09:00:00Z'),
    ('11111111-1111-1111-1111-111111111111', '2026-03-02T09:10:00Z',
        '{"eventTime": "2026-03-02T09:10:00Z", "sourceIPAddress": "203.0.113.1", "userIdentity": {"accessKeyId": '
        '"it''s"}}',
        35.7, 139.7, 20, NULL, NULL, '2026-03-02T09:10:00Z');
CREATE FUNCTION pg_temp.agree(arguments text) RETURNS TABLE (rows bigint, differences bigint)
    LANGUAGE plpgsql AS $$ BEGIN
    DROP VIEW IF EXISTS odd_view;
    EXECUTE format('SELECT pg_temp.make(''VIEW'', ''odd_view'', travel.detect_sql(%s))', arguments);
    RETURN QUERY SELECT * FROM pg_temp.differences('odd_view', format('travel.detect(%s)', arguments));
END $$;
SET client_min_messages = warning;
SELECT arguments, rows, differences FROM unnest(ARRAY[
    $$'"Odd ""one"""', '"Who is it"', columns => '{"latitude": "lat", "longitude": "lon", "accuracy_km": "acc"}',
        use_accuracy => true$$,
    $$'"Odd ""one"""', '"Who is it"',
        columns => '{"latitude": "lat", "longitude": "lon", "accuracy_km": "acc", "event_time": "when", "city": '
                   '"(''it''''s '' || lat)"}',
        all_legs => true, use_accuracy => true$$,
    $$'"Odd ""one"""', '"Who is it", access_key_id', columns => '{"record": "body"}'$$,
    $$'"Odd ""one"""', 'access_key_id', columns => '{"record": "body", "event_id": "when"}',
        condition => 'body ->> ''x'' IS NULL -- ''', all_legs => true$$,
    $$'trail', 'session_name', all_legs => true, since => '2026-01-20', min_velocity_kmh => 1e-9,
        min_distance_km => 123456.75$$
]) WITH ORDINALITY AS v (arguments, n) CROSS JOIN LATERAL pg_temp.agree(arguments) ORDER BY n;
DROP VIEW odd_view;
DROP TABLE trail, zoneless, texts, parts, alerts, "Odd ""one""" CASCADE;
