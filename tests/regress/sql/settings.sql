-- Settings, and the behavior without a GeoIP database. This file changes the server's geoip_path and sets it back, so
-- it runs alone.
SET timezone = 'UTC';
\pset null '-'
-- Both are known once the library is loaded, before any function of the extension was called.
LOAD 'impossible_travel';
SELECT name, context, vartype, boot_val, short_desc IS NOT NULL AS described
FROM pg_settings
WHERE name LIKE 'impossible\_travel.%'
ORDER BY name;
-- A misspelled name with the prefix is reported, and so is a wrong value or a setting that cannot be set there.
\set VERBOSITY sqlstate
SET impossible_travel.geoip_paht = '/tmp';
SET impossible_travel.coverage_notice = 'perhaps';
SET impossible_travel.geoip_path = '/tmp';
ALTER DATABASE regression SET impossible_travel.geoip_path = '/tmp';
ALTER DATABASE regression SET impossible_travel.no_such = 1;
\set VERBOSITY default
SET impossible_travel.geoip_paht = '/tmp';
-- A wrong name that was set before the library was loaded is removed with a warning.
\c -
SET impossible_travel.misspelt = 'x';
SELECT travel.source_kind('10.0.0.1');
SHOW impossible_travel.misspelt;
SET impossible_travel.coverage_notice = off;
SHOW impossible_travel.coverage_notice;
RESET impossible_travel.coverage_notice;
SHOW impossible_travel.coverage_notice;

-- The path changes with a reload of the server.
CREATE TABLE events (access_key_id text, event_time timestamptz, source_ip inet, latitude float8, longitude float8,
    outcome text, invoked_by text);
INSERT INTO events
VALUES ('K', '2026-03-02 09:00Z', '192.0.2.1', 51.5, 0), ('K', '2026-03-02 09:10Z', '203.0.113.1', 35.7, 139.7);
CREATE VIEW private AS SELECT access_key_id, event_time, inet '10.0.0.1' AS source_ip, outcome, invoked_by FROM events;
SELECT current_setting('impossible_travel.geoip_path') AS path \gset
-- A session reads the file again before a statement, and after the server did, from which new sessions have it. What
-- follows without an echo are as many statements as that takes: each sleeps until then, and does nothing after it.
ALTER SYSTEM SET impossible_travel.geoip_path = '/nowhere/at/all.mmdb, /nowhere/else';
\set ECHO none
SELECT pg_conf_load_time() AS loaded FROM pg_reload_conf() \gset
\o /dev/null
SELECT format('SELECT pg_sleep(0.1) WHERE pg_conf_load_time() = %L', :'loaded') FROM generate_series(1, 1800) \gexec
\o
\set ECHO all
\c -
SHOW impossible_travel.geoip_path;

-- Without a database the first public address is 55000, with the setting and the folders. Everything that needs no
-- database works.
\pset format unaligned
SELECT error_of($$SELECT travel.locate('192.0.2.1')$$);
\pset format aligned
SELECT sqlstate_of($$SELECT travel.is_located('192.0.2.1')$$) AS is_located,
    sqlstate_of('SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM events') AS leg,
    sqlstate_of('SELECT travel.leg(event_time, host(source_ip)) OVER (ORDER BY event_time) FROM events') AS leg_text,
       sqlstate_of('SELECT travel.impossible_legs(event_time, source_ip) FROM events') AS impossible_legs,
           sqlstate_of($$SELECT travel.detect('events')$$) AS detect,
           sqlstate_of($$SELECT travel.detect('events', since => '2030-01-01')$$) AS detect_nothing,
           sqlstate_of($$SELECT travel.detect('private')$$) AS detect_private,
       sqlstate_of($$SELECT travel.coverage('events')$$) AS coverage;
SELECT travel.locate('10.0.0.1') IS NULL AS locate_private, travel.locate(NULL) IS NULL AS locate_null,
    travel.is_located('10.0.0.1') AS is_located_private,
       sqlstate_of('SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM private') AS leg_private,
           sqlstate_of('SELECT travel.impossible_legs(event_time, source_ip) FROM private') AS aggregate_private,
           sqlstate_of($$SELECT travel.coverage('private')$$) AS coverage_private,
       sqlstate_of('SELECT travel.leg(event_time, latitude, longitude) OVER (ORDER BY event_time) FROM events')
           AS leg_coordinates,
           sqlstate_of('SELECT travel.impossible_legs(event_time, latitude, longitude) FROM events')
               AS aggregate_coordinates;
SELECT count(*) FROM travel.detect('events', columns => '{"latitude": "latitude", "longitude": "longitude"}');
SELECT sqlstate_of($$SELECT travel.detect_sql('events')$$) AS detect_sql,
    sqlstate_of($$SELECT travel.parse('{"sourceIPAddress": "192.0.2.1"}')$$) AS parse;
SELECT path, status, detail IS NOT NULL AS detail FROM travel.geoip_databases() ORDER BY path;

-- A role that is not a member of pg_read_all_settings sees neither the setting nor its folders.
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
\pset format unaligned
SELECT public.sqlstate_of('SHOW impossible_travel.geoip_path');
SELECT public.sqlstate_of($$SELECT current_setting('impossible_travel.geoip_path', true)$$);
SELECT count(*) FROM pg_settings WHERE name = 'impossible_travel.geoip_path';
SELECT public.error_of($$SELECT travel.locate('192.0.2.1')$$);
\pset format aligned
RESET ROLE;
GRANT pg_read_all_settings TO regress_stranger;
SET ROLE regress_stranger;
SELECT setting FROM pg_settings WHERE name = 'impossible_travel.geoip_path';
SELECT public.error_of($$SELECT travel.locate('192.0.2.1')$$) LIKE '%/nowhere/else%' AS is_told;
RESET ROLE;
DROP ROLE regress_stranger;

-- After the setting is restored, the first statement finds the databases again.
ALTER SYSTEM RESET impossible_travel.geoip_path;
SET client_min_messages = warning;
\set ECHO none
SELECT pg_conf_load_time() AS loaded FROM pg_reload_conf() \gset
\o /dev/null
SELECT format('SELECT pg_sleep(0.1) WHERE pg_conf_load_time() = %L', :'loaded') FROM generate_series(1, 1800) \gexec
\o
\set ECHO all
\c -
SELECT current_setting('impossible_travel.geoip_path') = :'path' AS as_before, (travel.locate('192.0.2.1')).city;
SET client_min_messages = warning;
DROP TABLE events CASCADE;
