-- Measures scans of 1,000 new events over a small and a large history, in turn. scan.sh calls it.
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
CREATE TEMP TABLE timing (history bigint, what text, round int, ms float8);

CREATE PROCEDURE measure(history bigint, what text, round int, keys bigint)
    LANGUAGE plpgsql
AS $$
DECLARE
    began timestamptz;
    source text := 'events_' || history;
BEGIN
    CALL add_events(history, what, round, keys);
    COMMIT;
    began := clock_timestamp();
    CALL travel.scan(source);
    IF round > 0 THEN
        INSERT INTO timing VALUES (history, what, round, extract(epoch FROM clock_timestamp() - began) * 1000);
    END IF;
    COMMIT;
END
$$;
-- Round 0 warms up.
SELECT format('CALL measure(%s, %L, %s, %s)', history, what, round, :keys)
FROM generate_series(0, :rounds) AS round, (VALUES ('in order'), ('late')) AS w (what), (VALUES (:small::bigint), (:large::bigint)) AS h (history)
ORDER BY what, round, history
\gexec

SELECT what AS "1,000 new events", history AS "history, events",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1) AS "ms (median; target in order: at most 60)",
       round(min(ms)::numeric, 1) AS "min", round(max(ms)::numeric, 1) AS "max"
FROM timing GROUP BY what, history ORDER BY what, history;
SELECT what AS "1,000 new events",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large)
            / percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :small))::numeric, 2) AS "large / small history (target: at most 1.2)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large)
            / (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM timing WHERE what = 'in order' AND history = :large)
             )::numeric, 2) AS "as long as in order (target: late at most 2.5)",
       round((1000 * (SELECT extract(epoch FROM full_scan) FROM first_scan WHERE history = :large)
            / percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large))::numeric) AS "all events / new events (target: over 200)"
FROM timing GROUP BY what ORDER BY what;
