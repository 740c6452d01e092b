-- Times statements over a plain table and over a distributed one, in turn, and the first also over a columnar one. Writes
-- the medians to the table results. citus.sh calls it.
\set ON_ERROR_STOP on
SET client_min_messages = error;

CREATE TABLE cases (n serial, what text, target float8, statement text);
INSERT INTO cases (what, target, statement) VALUES
('detect, by the distribution column', NULL,
 'SELECT (count(*), round(sum(distance_km))) FROM travel.detect(''%1$s'')'),
('detect, by another column', NULL,
 'SELECT (count(*), round(sum(distance_km))) FROM travel.detect(''%1$s'', entity => ''session_name'')'),
('the same, written by hand', NULL,
 'WITH legs AS MATERIALIZED (
      SELECT s.session_name, l.*
      FROM (SELECT session_name, travel.impossible_legs(event_time, source_ip) AS legs
            FROM %1$I WHERE session_name <> '''' GROUP BY session_name) AS s CROSS JOIN LATERAL unnest(s.legs) AS l),
  ends AS MATERIALIZED (
      SELECT e.session_name, e.event_time, e.source_ip, e.event_id, e.event_name, e.user_agent
      FROM %1$I AS e JOIN (SELECT session_name, from_time AS event_time FROM legs
                           UNION SELECT session_name, to_time FROM legs) AS l USING (session_name, event_time))
  SELECT (count(*), round(sum(l.distance_km)))
  FROM legs AS l
  JOIN ends AS f ON (f.session_name, f.event_time, f.source_ip) = (l.session_name, l.from_time, l.from_ip)
  JOIN ends AS t ON (t.session_name, t.event_time, t.source_ip) = (l.session_name, l.to_time, l.to_ip)'),
('impossible_legs, by the distribution column', NULL,
 'SELECT sum(cardinality(l)) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l FROM %1$I GROUP BY access_key_id) AS s'),
('impossible_legs, by another column', NULL,
 'SELECT sum(cardinality(l)) FROM (SELECT travel.impossible_legs(event_time, source_ip) AS l FROM %1$I GROUP BY session_name) AS s'),
('refresh of the journeys per day', NULL,
 'INSERT INTO days_of_%1$s AS stored
  SELECT access_key_id, (event_time AT TIME ZONE ''UTC'')::date, travel.journey(event_time, source_ip) FROM %1$I GROUP BY 1, 2
  ON CONFLICT (access_key_id, day) DO UPDATE
  SET journey = (SELECT travel.rollup(j) FROM (VALUES (stored.journey), (EXCLUDED.journey)) AS both_journeys (j))'),
('impossible legs of all keys, from the journeys per day', NULL,
 'SELECT sum(cardinality(l)) FROM (SELECT travel.impossible_legs(travel.rollup(journey)) AS l FROM days_of_%1$s GROUP BY access_key_id) AS s'),
('a scan of 100 new events in order', NULL, 'CALL travel.scan(''%1$s'')'),
('a scan of 100 events that are three hours late', 2, 'CALL travel.scan(''%1$s'')');

CREATE TABLE timings (n int, round int, source text, ms float8, answer text);

-- Inserts events of 100 keys, either the newest of all or three hours late.
CREATE PROCEDURE add_events(source text, is_late boolean, round int)
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        $i$INSERT INTO %I (event_id, event_time, event_name, source_ip, source_kind, identity_type, user_name, session_name, principal,
                           actor, access_key_id, outcome)
           SELECT format('%%s %%s %%s', $1, $2, access_key_id), $3, 'GetObject', source_ip, 'public', 'IAMUser', who, who, who, who,
                  access_key_id, 'success'
           FROM (SELECT *, 'user of ' || access_key_id AS who FROM homes ORDER BY md5(access_key_id || $2) LIMIT 100) AS h$i$, source)
    USING is_late, round,
          (SELECT newest_event FROM travel.status WHERE rule = source) + CASE WHEN is_late THEN interval '-3 hours' ELSE interval '1 hour' END;
END
$$;

CREATE PROCEDURE measure(round int, what int, source text)
    LANGUAGE plpgsql
AS $$
DECLARE
    c cases;
    began timestamptz;
    answer text;
BEGIN
    SELECT * INTO c FROM cases WHERE n = measure.what;
    IF c.statement ~ '^CALL' THEN
        CALL add_events(source, c.what ~ 'late', round);
        COMMIT;
        began := clock_timestamp();
        CALL travel.scan(source);
        answer := (SELECT count(*) FROM travel.verdicts WHERE rule = source);
    ELSIF c.statement ~ '^INSERT' THEN
        began := clock_timestamp();
        EXECUTE format(c.statement, source);
    ELSE
        began := clock_timestamp();
        EXECUTE format(c.statement, source) INTO answer;
    END IF;
    -- Round 0 warms up.
    IF round > 0 THEN
        INSERT INTO timings VALUES (c.n, round, source, extract(epoch FROM clock_timestamp() - began) * 1000, answer);
    END IF;
    COMMIT;
END
$$;
SELECT format('CALL measure(%s, %s, %L)', round, n, source)
FROM cases, generate_series(0, :rounds) AS round, (VALUES ('plain'), ('distributed'), ('columnar')) AS s (source)
WHERE source <> 'columnar' OR n = 1
ORDER BY n, round, source DESC
\gexec

DO $$
DECLARE
    different text;
BEGIN
    SELECT string_agg(what, ', ') INTO different
    FROM (SELECT n FROM timings GROUP BY n, round HAVING count(DISTINCT answer) > 1) AS t JOIN cases USING (n);
    IF different IS NOT NULL THEN
        RAISE 'the tables have different results: %', different;
    END IF;
END $$;

CREATE TABLE results AS
SELECT n, what, target,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE source = 'plain') AS plain,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE source = 'distributed') AS distributed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE source = 'columnar') AS columnar
FROM cases JOIN timings USING (n) GROUP BY n, what, target;
