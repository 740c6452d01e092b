-- The last part of `make demo`: detection rules. The events arrive in three batches, the last one late, in a table of
-- their own. The variable "sample" says whether the data is the sample, of which more can be told.
\echo
\echo '== 6. Detection rules: learn, scan, alert'
\echo
\echo '-- Three rules: the default, the common way (a location is known from its first event on), and a lenient one.'
-- So few rows need no index, which create_rule would propose in a notice.
SET client_min_messages = warning;
\set ECHO queries
SELECT travel.create_events_table('feed') AS "table";
SELECT travel.create_rule('access_key', 'feed'), travel.create_rule('iam_user', 'feed'),
       travel.create_rule('human', 'feed', 'lenient');
UPDATE travel.rules SET learning_period = '3 days', ignored = '{anonymizer,hosting}' WHERE name = 'lenient';
\if :sample
INSERT INTO travel.suppressions (rule, country_code_a, country_code_b, reason)
VALUES ('lenient', 'NZ', 'US', 'the move to the office in Honolulu');
\endif
\set ECHO none
\echo
RESET client_min_messages;

-- The first batch is the first half of the time, the second the rest. The late batch is the twenty minutes that begin with
-- the first impossible arrival.
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
SELECT rule, id, severity, coalesce(session_name, entity) AS "user", to_char(first_seen, 'Dy HH24:MI:SS') AS "first seen",
       leg_count AS legs,
       concat(coalesce(from_city, from_country), ' -> ', coalesce(to_city, to_country)) AS "first leg",
       CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn' ELSE status END AS status,
       array_to_string(evidence, ', ') AS evidence, first_seen
FROM travel.alerts;

\echo '-- The first batch arrives and is scanned. One incident is one alert, however many legs it has:'
\echo
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 1;
\set ECHO queries
CALL travel.scan();
\set ECHO none
SELECT rule, id, severity, "user", "first seen", legs, "first leg", evidence FROM alerts_now ORDER BY rule, first_seen;

\echo '-- The second batch. A scan reads only what is new. New alerts, and alerts that grew:'
\echo
TRUNCATE seen;
INSERT INTO seen SELECT * FROM travel.verdicts;
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 2;
\set ECHO queries
CALL travel.scan();
\set ECHO none
SELECT rule, id, severity, "user", "first seen", legs, "first leg", evidence
FROM alerts_now
WHERE id IN (SELECT alert_id FROM travel.verdicts EXCEPT SELECT alert_id FROM seen)
ORDER BY rule, first_seen;

\echo '-- The third batch is late: its events are older than what has been scanned. They take their true place:'
\echo
TRUNCATE seen;
INSERT INTO seen SELECT * FROM travel.verdicts;
INSERT INTO feed (:columns) SELECT :columns FROM delivery WHERE batch = 3;
\set ECHO queries
CALL travel.scan();
\set ECHO none
\echo
\echo '-- Legs are withdrawn where a late event comes between their two ends. New legs replace them:'
\echo
CREATE TEMP VIEW touched AS
SELECT 'withdrawn' AS leg, * FROM seen AS s
WHERE NOT EXISTS (SELECT FROM travel.verdicts AS v WHERE (v.rule, v.leg_id) = (s.rule, s.leg_id))
UNION ALL
SELECT CASE WHEN EXISTS (SELECT FROM seen AS s WHERE (s.rule, s.leg_id) = (v.rule, v.leg_id)) THEN 'changed' ELSE 'new' END, *
FROM travel.verdicts AS v
WHERE NOT EXISTS (SELECT FROM seen AS s WHERE (s.rule, s.leg_id, s.reasons) = (v.rule, v.leg_id, v.reasons));
SELECT leg, rule, coalesce(session_name, entity) AS "user", to_char(from_time, 'Dy HH24:MI:SS') AS departed,
       coalesce(from_city, from_country) AS "from", to_char(to_time, 'Dy HH24:MI:SS') AS arrived,
       coalesce(to_city, to_country) AS "to",
       coalesce('alert ' || alert_id, array_to_string(reasons, ', ')) AS "verdict: raised, or why not"
FROM touched
ORDER BY rule, leg DESC, to_time
LIMIT 30;
\echo '-- The alerts of these legs. An alert that has lost its last leg is withdrawn, but kept:'
\echo
SELECT rule, id, status, "user", "first seen", legs, "first leg"
FROM alerts_now
WHERE id IN (SELECT alert_id FROM touched)
ORDER BY rule, id
LIMIT 30;
\if :sample
\echo '   Before the late batch, the key of alice seemed to go from London (10:02) to Tokyo (10:34). The late events show it in'
\echo '   Tokyo at 10:12 and in London at 10:21. By access_key, one leg of the incident is replaced by three, in the same'
\echo '   alert. By iam_user, only the first arrival in Tokyo counts, and that was an earlier one: a new alert replaces the old.'
\echo
\endif

\echo '-- Impossible legs that raised no alert, with every reason:'
\echo
SELECT rule, array_to_string(reasons, ', ') AS reasons, count(*) AS legs,
       left(string_agg(DISTINCT concat(coalesce(session_name, entity), ': ', coalesce(from_city, from_country), ' -> ',
                                       coalesce(to_city, to_country)), '; '), 100) AS which
FROM travel.verdicts
WHERE NOT raised
GROUP BY rule, reasons
ORDER BY rule, reasons;
\echo '-- What access_key has learned: users whose locations are not all known. On trial: new. Contested: activity elsewhere'
\echo '-- contradicts it.'
\echo
SELECT baseline_entity AS "user", string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'known') AS known,
       string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'trial') AS "on trial",
       string_agg(city, ', ' ORDER BY city) FILTER (WHERE state = 'contested') AS contested
FROM travel.known_places
WHERE rule = 'access_key'
GROUP BY baseline_entity
HAVING bool_or(state <> 'known')
ORDER BY baseline_entity
LIMIT 15;

\echo '-- The state of the rules'
\echo
SELECT rule, to_char(last_scan, 'YYYY-MM-DD HH24:MI') AS last_scan, newest_event, round(share_located * 100) AS "located %",
       open_alerts, geoip_built_at::date AS geoip_date, last_error
FROM travel.status
ORDER BY rule;
