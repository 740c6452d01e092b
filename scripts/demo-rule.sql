-- The last part of `make demo`: a detection rule. The events arrive in three batches, the last one late, in a table of
-- their own. "sample" says whether the data are the sample's, of which more can be told.
\echo
\echo '== 6. A detection rule'
\echo
\echo '-- Rules of three kinds: the default; the widespread way, by which a place is usual once it was seen; a mild one.'
-- A scan of so little needs no index that create_rule would propose.
SET client_min_messages = warning;
\set ECHO queries
SELECT travel.create_events_table('feed') AS "table";
SELECT travel.create_rule('access_key', 'feed'), travel.create_rule('iam_user', 'feed'),
       travel.create_rule('human', 'feed', 'mild');
UPDATE travel.rules SET learning_period = '3 days', ignored = '{anonymizer,hosting}' WHERE name = 'mild';
\if :sample
INSERT INTO travel.suppressions (rule, country_code_a, country_code_b, reason)
VALUES ('mild', 'NZ', 'US', 'the move to the office in Honolulu');
\endif
\set ECHO none
\echo
RESET client_min_messages;

-- Half of the time, the rest, and what is late: twenty minutes from the first impossible arrival on.
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
FROM pg_attribute
WHERE attrelid = 'cloudtrail'::regclass AND attnum > 0 AND NOT attisdropped
  AND attname NOT IN ('ingested_at', 'ingest_xid')
\gset
SELECT date_trunc('hour', half) AS half, late, late + interval '20 minutes' AS late_until
FROM (SELECT min(event_time) + (max(event_time) - min(event_time)) / 2 AS half FROM cloudtrail) AS c
CROSS JOIN LATERAL (SELECT coalesce(min(to_time), half) AS late FROM found) AS f
\gset
CREATE TEMP VIEW delivery AS
SELECT *, CASE WHEN event_time >= :'late' AND event_time < :'late_until' THEN 3
               WHEN event_time < :'half' THEN 1
               ELSE 2 END AS batch
FROM cloudtrail;
CREATE TEMP TABLE seen AS SELECT * FROM travel.verdicts;
CREATE TEMP VIEW alerts_now AS
SELECT rule, id, severity, coalesce(session_name, entity) AS who, to_char(first_seen, 'Dy HH24:MI:SS') AS since, leg_count AS legs,
       concat(coalesce(from_city, from_country), ' -> ', coalesce(to_city, to_country)) AS "first leg",
       CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn' ELSE status END AS status,
       array_to_string(evidence, ', ') AS evidence
FROM travel.alerts;

\echo '-- The first batch arrives, and is scanned. Alerts: one for an incident, however many legs it has.'
\echo
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 1;
\set ECHO queries
CALL travel.scan();
\set ECHO none
SELECT rule, id, severity, who, since, legs, "first leg", evidence FROM alerts_now ORDER BY rule, since;

\echo '-- The second batch. Only what is new is read. New alerts, and those that grew:'
\echo
TRUNCATE seen;
INSERT INTO seen SELECT * FROM travel.verdicts;
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 2;
\set ECHO queries
CALL travel.scan();
\set ECHO none
SELECT rule, id, severity, who, since, legs, "first leg", evidence
FROM alerts_now
WHERE id IN (SELECT alert_id FROM travel.verdicts EXCEPT SELECT alert_id FROM seen)
ORDER BY rule, since;

\echo '-- The third batch is late: it happened long before what was scanned last. It is evaluated in its true place.'
\echo
TRUNCATE seen;
INSERT INTO seen SELECT * FROM travel.verdicts;
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 3;
\set ECHO queries
CALL travel.scan();
\set ECHO none
\echo
\echo '-- Legs that are withdrawn: an event came to lie between their ends. Others stand in their place.'
\echo
CREATE TEMP VIEW touched AS
SELECT 'withdrawn' AS leg, * FROM seen AS s
WHERE NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE (v.rule, v.leg_id) = (s.rule, s.leg_id))
UNION ALL
SELECT CASE WHEN EXISTS (SELECT FROM seen AS s WHERE (s.rule, s.leg_id) = (v.rule, v.leg_id)) THEN 'other' ELSE 'new' END, *
FROM travel.verdicts AS v
WHERE NOT EXISTS (SELECT FROM seen AS s WHERE (s.rule, s.leg_id, s.reasons) = (v.rule, v.leg_id, v.reasons));
SELECT leg, rule, coalesce(session_name, entity) AS who, to_char(from_time, 'Dy HH24:MI:SS') AS "left",
       coalesce(from_city, from_country) AS "from", to_char(to_time, 'Dy HH24:MI:SS') AS arrived,
       coalesce(to_city, to_country) AS "to",
       coalesce('alert ' || alert_id, array_to_string(reasons, ', ')) AS "raised as, or why not"
FROM touched
ORDER BY rule, leg DESC, to_time
LIMIT 30;
\echo '-- The alerts of these legs. One that lost its last leg is withdrawn, and kept; one that has another goes on.'
\echo
SELECT rule, id, status, who, since, legs, "first leg"
FROM alerts_now
WHERE id IN (SELECT alert_id FROM touched)
ORDER BY rule, id
LIMIT 30;
\if :sample
\echo '   Before, the key of alice seemed to have gone from London (10:02) to Tokyo (10:34). The late events put it in Tokyo'
\echo '   at 10:12 and in London at 10:21. Under access_key one of the two legs of the incident goes, and three come: the same'
\echo '   alert. Under iam_user only the first arrival in Tokyo counts, which was another: a new alert, the old one withdrawn.'
\echo
\endif

\echo '-- Why not: each leg over the thresholds that was not raised has a verdict, with every reason.'
\echo
SELECT rule, array_to_string(reasons, ', ') AS reasons, count(*) AS legs,
       left(string_agg(DISTINCT concat(coalesce(session_name, entity), ': ', coalesce(from_city, from_country), ' -> ',
                                       coalesce(to_city, to_country)), '; '), 100) AS which
FROM travel.verdicts
WHERE NOT raised
GROUP BY rule, reasons
ORDER BY rule, reasons;
\echo '-- Who is where: places on trial become usual if the person is seen to live there; held ones never do by use.'
\echo
SELECT baseline_entity AS who, string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'known') AS usual,
       string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'trial') AS "on trial",
       string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'contested') AS held
FROM travel.known_places
WHERE rule = 'access_key'
GROUP BY baseline_entity
HAVING bool_or(state <> 'known')
ORDER BY baseline_entity
LIMIT 15;

\echo '-- How the rules stand'
\echo
SELECT rule, to_char(last_scan, 'YYYY-MM-DD HH24:MI') AS last_scan, newest_event, round(share_located * 100) AS "placed %",
       open_alerts, geoip_built_at::date AS geoip_of, last_error
FROM travel.status
ORDER BY rule;
