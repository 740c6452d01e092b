-- What `make demo` shows. The events are in the table cloudtrail, and the list of the files from which travel.load_files
-- loaded them is in cloudtrail_files.
\set QUIET on
SET timezone = 'UTC';
-- travel.detect would count the evaluated events in a notice each time; section 2 shows them once.
SET impossible_travel.coverage_notice = off;
\pset border 1
\pset null ''
\pset footer off

\echo
\echo '== 1. What was loaded'
\echo
SELECT count(*) AS files, sum(records) AS records, sum(inserted) AS inserted, sum(duplicates) AS duplicates,
       sum(skipped) AS skipped
FROM cloudtrail_files;
SELECT count(DISTINCT account_id) AS accounts, count(DISTINCT access_key_id) AS access_keys,
       count(DISTINCT source_ip) AS addresses, min(event_time) AS first_event, max(event_time) AS last_event
FROM cloudtrail;

\echo '== 2. Coverage: which events were evaluated, and why the others were not'
\echo
SELECT status, source_kind, events, entities AS access_keys
FROM travel.coverage('cloudtrail')
ORDER BY status <> 'evaluated', events DESC;

\echo '== 3. Impossible travel: over 500 km apart, and faster than 1,000 km/h'
\echo
CREATE TEMP TABLE found AS SELECT * FROM travel.detect('cloudtrail');
SELECT access_key_id AS access_key, identity_type AS type, session_name AS "user",
       to_char(from_time, 'Dy DD Mon HH24:MI:SS') AS departed,
       coalesce(from_city, from_country) AS "from", coalesce(to_city, to_country) AS "to",
       concat_ws(', ', to_hosting, to_anonymizer) AS "network",
       round(distance_km) AS km, travel_time AS elapsed, round(velocity_kmh) AS "km/h"
FROM found
ORDER BY access_key_id, to_time;

\echo '== 4. The same findings as sentences'
\echo
\pset tuples_only on
\pset format unaligned
SELECT message FROM found ORDER BY access_key_id, to_time;
\pset format aligned
\pset tuples_only off

\echo
\echo '== 5. Four ways to ask, one answer'
\echo
\echo '-- The window function works on any rows that have an identity, a timestamp and an IP address:'
\set ECHO queries
CREATE TEMP VIEW by_window AS
SELECT access_key_id, (leg).*
FROM (SELECT access_key_id, travel.leg(event_time, source_ip, event_id) OVER journey AS leg
      FROM cloudtrail
      WHERE access_key_id IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth'
        AND (invoked_by IS NULL OR invoked_by = 'signin.amazonaws.com')
      WINDOW journey AS (PARTITION BY access_key_id ORDER BY event_time, source_ip)) AS legs
WHERE (leg).impossible;
\set ECHO none
\echo
\echo '-- The aggregate takes rows in any order, and runs in parallel:'
\set ECHO queries
CREATE TEMP VIEW by_aggregate AS
SELECT access_key_id, leg.*
FROM (SELECT access_key_id, travel.impossible_legs(event_time, source_ip, event_id) AS legs
      FROM cloudtrail
      WHERE access_key_id IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth'
        AND (invoked_by IS NULL OR invoked_by = 'signin.amazonaws.com')
      GROUP BY access_key_id) AS journeys
CROSS JOIN LATERAL unnest(legs) AS leg;
\set ECHO none
\echo
\echo '-- travel.detect is one statement for a whole table:'
\set ECHO queries
CREATE TEMP VIEW by_detect AS
SELECT * FROM travel.detect('cloudtrail');
\set ECHO none
\echo
\echo '-- A materialized view serves a BI tool, and a job refreshes it:'
\set ECHO queries
CREATE MATERIALIZED VIEW impossible_travel AS
SELECT * FROM travel.detect('cloudtrail');
CREATE UNIQUE INDEX ON impossible_travel (leg_id);
REFRESH MATERIALIZED VIEW CONCURRENTLY impossible_travel;
\set ECHO none

\echo
\echo '-- All four return the same legs:'
\echo
CREATE TEMP VIEW answers AS
SELECT 1 AS nr, 'window function' AS way, access_key_id, from_time, from_ip, to_time, to_ip, distance_km, velocity_kmh
FROM by_window
UNION ALL
SELECT 2, 'aggregate', access_key_id, from_time, from_ip, to_time, to_ip, distance_km, velocity_kmh FROM by_aggregate
UNION ALL
SELECT 3, 'travel.detect', access_key_id, from_time, from_ip, to_time, to_ip, distance_km, velocity_kmh FROM by_detect
UNION ALL
SELECT 4, 'materialized view', access_key_id, from_time, from_ip, to_time, to_ip, distance_km, velocity_kmh
FROM impossible_travel;

CREATE TEMP VIEW agreement AS
WITH digests AS (
    SELECT nr, way, count(answers) AS legs, count(DISTINCT access_key_id) AS access_keys,
           md5(string_agg(concat_ws(' ', access_key_id, from_time, from_ip, to_time, to_ip, distance_km, velocity_kmh),
                          E'\n' ORDER BY access_key_id, to_time, to_ip)) AS digest
    FROM (VALUES (1, 'window function'), (2, 'aggregate'), (3, 'travel.detect'), (4, 'materialized view')) AS w (nr, way)
    LEFT JOIN answers USING (nr, way)
    GROUP BY nr, way
)
SELECT nr, way, legs, access_keys, digest IS NOT DISTINCT FROM first_value(digest) OVER (ORDER BY nr) AS agrees
FROM digests;
SELECT way, legs, access_keys, CASE WHEN agrees THEN 'yes' ELSE 'NO' END AS "same legs" FROM agreement ORDER BY nr;

DO $$
BEGIN
    IF EXISTS (SELECT FROM agreement WHERE NOT agrees) THEN
        RAISE EXCEPTION 'the four ways do not agree';
    END IF;
END
$$;

\ir demo-rule.sql

\echo '== What next'
\echo
\echo '  make psql                                              explore this data in psql'
\echo '  make demo CLOUDTRAIL=/path/to/AWSLogs GEOIP=/path/to   run the demo on your own files and databases'
\echo '  make install PG_CONFIG=/path/to/pg_config              install the extension into your own server'
\echo '  README.md                                              go from nothing to an alert on your own table'
\echo
