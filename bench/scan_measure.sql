-- Measures scans of 1,000 new events over a small and a large history, in turn. scan.sh calls it.
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
CREATE TEMP TABLE timing (history bigint, what text, round int, ms float8);

-- Inserts events of 1,000 keys, either the newest of all or between five minutes and three hours late.
CREATE PROCEDURE add_events(history bigint, what text, round int, keys bigint)
    LANGUAGE plpgsql
AS $$
DECLARE
    source text := 'events_' || history;
BEGIN
    EXECUTE format(
        $i$INSERT INTO %I (event_id, event_time, event_name, source_ip, source_kind, identity_type, arn, user_name, session_name, principal,
                           actor, access_key_id, outcome)
           SELECT format('%%s %%s %%s', $1, $2, n), $3 + n * interval '1 second', 'GetObject', address::inet, 'public', 'IAMUser', arn,
                  'u' || key / 2, 'u' || key / 2, arn, arn, 'AKIA' || lpad(key::text, 16, '0'), 'success'
           FROM (SELECT n, key, 'arn:aws:iam::123456789012:user/u' || key / 2 AS arn,
                        CASE WHEN n %% 97 = 0 THEN '203.0.113.' || n %% 32 ELSE '192.0.2.' || key %% 32 END AS address
                 FROM (SELECT n, (n * 7919::bigint + $2) %% $4 AS key FROM generate_series(1, 1000) AS n) AS k) AS e$i$, source)
    USING what, round,
          (SELECT newest_event FROM travel.status WHERE rule = source)
              + CASE what WHEN 'in order' THEN interval '1 hour' ELSE interval '-3 hours' END,
          keys;
END
$$;

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
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1) AS "ms (median; goal in order: at most 60)",
       round(min(ms)::numeric, 1) AS "min", round(max(ms)::numeric, 1) AS "max"
FROM timing GROUP BY what, history ORDER BY what, history;
SELECT what AS "1,000 new events",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large)
            / percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :small))::numeric, 2) AS "large / small history (goal: at most 1.2)",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large)
            / (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM timing WHERE what = 'in order' AND history = :large)
             )::numeric, 2) AS "as long as in order (goal: late at most 2.5)",
       round((1000 * (SELECT extract(epoch FROM full_scan) FROM first_scan WHERE history = :large)
            / percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE history = :large))::numeric) AS "all events / new events (goal: over 200)"
FROM timing GROUP BY what ORDER BY what;
