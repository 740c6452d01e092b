-- Times each function and a baseline query over the same rows: five rounds in turn, medians, one process. entry_points.sh calls it.
\set ON_ERROR_STOP on
\pset footer off
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '256MB';
SET client_min_messages = warning;
SET impossible_travel.coverage_notice = off;

CREATE TEMP TABLE cases (n serial, what text, baseline_is text, target float8, function text, baseline text);
INSERT INTO cases (what, baseline_is, target, function, baseline) VALUES
('window function travel.leg', 'lag() of time and address over the same window', 1.2,
 'SELECT count(l) FROM (SELECT travel.leg(event_time, source_ip) OVER w AS l FROM events
      WINDOW w AS (PARTITION BY access_key_id ORDER BY event_time, source_ip)) s',
 'SELECT count(t), count(a) FROM (SELECT lag(event_time) OVER w AS t, lag(source_ip) OVER w AS a FROM events
      WINDOW w AS (PARTITION BY access_key_id ORDER BY event_time, source_ip)) s'),
('aggregate travel.impossible_legs', 'GROUP BY key with max(time) and count(ip)', 3,
 'SELECT count(*) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l FROM events GROUP BY access_key_id) s WHERE l <> ''{}''',
 'SELECT count(*) FROM (SELECT max(event_time) AS t, count(source_ip) AS n FROM events GROUP BY access_key_id) s WHERE n > 0'),
('travel.detect', 'the aggregate', 1.5,
 'SELECT count(*) FROM travel.detect(''events'')',
 'SELECT count(*) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l FROM events GROUP BY access_key_id) s WHERE l <> ''{}'''),
('travel.parse over stored records', 'four ->>', 1.5,
 'SELECT count(travel.parse(record)) FROM records',
 'SELECT count(record->>''eventID''), count(record->>''eventTime''), count(record->>''sourceIPAddress''), count(record->>''eventName'') FROM records'),
('travel.locate over distinct addresses', 'host(ip)', 4,
 'SELECT count(travel.locate(ip)) FROM addresses',
 'SELECT count(host(ip)) FROM addresses');

CREATE TEMP TABLE timings (n int, round int, function float8, baseline float8);
DO $$
DECLARE
    c record;
    started timestamptz;
    first float8;
    second float8;
BEGIN
    FOR c IN SELECT * FROM cases ORDER BY n LOOP
        FOR round IN 0 .. 5 LOOP    -- round 0 warms up
            started := clock_timestamp();
            EXECUTE c.function;
            first := extract(epoch FROM clock_timestamp() - started);
            started := clock_timestamp();
            EXECUTE c.baseline;
            second := extract(epoch FROM clock_timestamp() - started);
            IF round > 0 THEN
                INSERT INTO timings VALUES (c.n, round, first, second);
            END IF;
        END LOOP;
    END LOOP;
END $$;

SELECT c.what AS "measured", c.baseline_is AS "baseline",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.function) * 1000)::numeric) AS "ms (median)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.baseline) * 1000)::numeric) AS "baseline, ms (median)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY t.function / t.baseline))::numeric, 2) AS "ratio",
       c.target AS "target: at most"
FROM cases c JOIN timings t USING (n)
GROUP BY c.n, c.what, c.baseline_is, c.target
ORDER BY c.n;
