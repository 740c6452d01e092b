-- Times statements over a table of journeys and over the events that they were made of: five rounds in turn, medians, one
-- process. journeys.sh calls it.
\set ON_ERROR_STOP on
\pset footer off
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '512MB';
SET client_min_messages = warning;

SELECT count(*) AS journeys, sum(travel.event_count(journey)) AS "distinct events",
       round(pg_table_size('key_days') / 1e6, 1) AS "MB of journeys", round(pg_table_size('events') / 1e6, 1) AS "MB of events"
FROM key_days;

CREATE TEMP TABLE cases (n serial, what text, target float8, of_days text, of_events text);
INSERT INTO cases (what, target, of_days, of_events) VALUES
('the journey of each key', 0.1,
 'SELECT count(j) FROM (SELECT travel.rollup(journey) AS j FROM key_days GROUP BY access_key_id) s',
 'SELECT count(j) FROM (SELECT travel.journey(event_time, source_ip) AS j FROM events GROUP BY access_key_id) s'),
('the impossible legs of each key', NULL,
 'SELECT sum(cardinality(l)) FROM (SELECT travel.impossible_legs(travel.rollup(journey)) AS l
      FROM key_days GROUP BY access_key_id) s',
 'SELECT sum(cardinality(l)) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l
      FROM events GROUP BY access_key_id) s'),
('the impossible legs of one key', NULL,
 'SELECT cardinality(travel.impossible_legs(travel.rollup(journey))) FROM key_days
      WHERE access_key_id = (SELECT min(access_key_id) FROM key_days)',
 'SELECT cardinality(travel.impossible_legs(event_time, source_ip)) FROM events
      WHERE access_key_id = (SELECT min(access_key_id) FROM key_days)');

CREATE TEMP TABLE timings (n int, of_days float8, of_events float8);
DO $$
DECLARE
    c record;
    started timestamptz;
    first float8;
    second float8;
    of_days text;
    of_events text;
BEGIN
    FOR c IN SELECT * FROM cases ORDER BY n LOOP
        FOR round IN 0 .. 5 LOOP    -- round 0 warms up
            started := clock_timestamp();
            EXECUTE c.of_days INTO of_days;
            first := extract(epoch FROM clock_timestamp() - started);
            started := clock_timestamp();
            EXECUTE c.of_events INTO of_events;
            second := extract(epoch FROM clock_timestamp() - started);
            IF of_days IS DISTINCT FROM of_events THEN
                RAISE '%: % of days, % of events', c.what, of_days, of_events;
            END IF;
            IF round > 0 THEN
                INSERT INTO timings VALUES (c.n, first, second);
            END IF;
        END LOOP;
    END LOOP;
END $$;

SELECT c.what AS "asked for",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.of_days) * 1000)::numeric) AS "days, ms (median)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.of_events) * 1000)::numeric) AS "events, ms (median)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.of_days / t.of_events))::numeric, 3) AS "ratio",
       c.target AS "target: at most"
FROM cases AS c JOIN timings AS t USING (n)
GROUP BY c.n, c.what, c.target
ORDER BY c.n;
