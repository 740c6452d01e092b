-- Privileges, and the safety of the script: qualified names, and a search_path for each security definer function.
\pset null '-'
-- The functions and types of the extension are in its schemas.
SELECT (
    SELECT count(*)
    FROM pg_proc AS p
    JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND deptype = 'e'
    JOIN pg_extension AS e ON d.refobjid = e.oid AND extname = 'impossible_travel'
    WHERE pronamespace <> ALL ('{travel,travel_internal}'::regnamespace[])
) AS functions_elsewhere,
       (
           SELECT count(*)
           FROM pg_type AS t
           JOIN pg_depend AS d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND deptype = 'e'
           JOIN pg_extension AS e ON d.refobjid = e.oid AND extname = 'impossible_travel'
           WHERE typnamespace <> ALL ('{travel,travel_internal}'::regnamespace[])
       ) AS types_elsewhere,
       (
           SELECT count(*)
           FROM pg_proc
           WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
               AND prosecdef
               AND NOT coalesce(proconfig::text ~ 'search_path', false)
       )
           AS open_definers,
       (
           SELECT count(*)
           FROM pg_proc
           WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
               AND oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e')
       ) AS strangers;
-- No helper of the installation script remains.
SELECT to_regprocedure('travel_internal.require_utf8()');
-- Every function is parallel safe, except those that run queries or read folders.
SELECT proname, proparallel
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND proparallel <> 's'
ORDER BY 1;

-- PUBLIC may use the schema, and everything in it that shows no path of the server.
CREATE ROLE regress_nobody;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
SELECT name, has_schema_privilege('regress_nobody', name, 'USAGE') AS usage,
    has_schema_privilege('regress_nobody', name, 'CREATE') AS create
FROM unnest('{travel,travel_internal}'::text[]) AS name;
SELECT p.oid::regprocedure AS not_for_public
FROM pg_proc AS p
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND NOT has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY 1;
SELECT p.oid::regprocedure AS not_for_pg_monitor
FROM pg_proc AS p
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND NOT has_function_privilege('regress_monitor', p.oid, 'EXECUTE')
ORDER BY 1;
SELECT count(*) AS types_not_for_public
FROM pg_type
WHERE typnamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND NOT has_type_privilege('regress_nobody', oid, 'USAGE');
CREATE SCHEMA nobodys AUTHORIZATION regress_nobody;
SET ROLE regress_nobody;
SET impossible_travel.coverage_notice = off;
SELECT (travel.locate('192.0.2.1')).city, travel.distance_km(0, 0, 0, 1) > 111 AS distance,
    (travel.parse('{"eventID": "x"}')).event_id, travel.source_kind('10.0.0.1');
SELECT travel.create_events_table('nobodys.trail');
SELECT inserted
FROM travel.ingest('nobodys.trail',
    '[{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress": "192.0.2.1", "userIdentity": '
    '{"accessKeyId": "K"}}, {"eventID": "b", "eventTime": "2026-03-02T09:10:00Z", "sourceIPAddress": "203.0.113.1", '
    '"userIdentity": {"accessKeyId": "K"}}]');
SELECT (SELECT to_city FROM travel.detect('nobodys.trail')) AS detect,
    (SELECT cardinality(travel.impossible_legs(event_time, source_ip)) FROM nobodys.trail) AS aggregate,
    (
        SELECT count((l).to_time)
        FROM (
            SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time, source_ip) AS l FROM nobodys.trail
        ) AS s
    ) AS window,
    (SELECT sum(events) FROM travel.coverage('nobodys.trail')) AS coverage,
    length(travel.detect_sql('nobodys.trail')) > 0 AS detect_sql;
-- A view of the text of travel.detect_sql calls functions of travel_internal with the privileges of its owner.
SELECT
    format('CREATE VIEW nobodys.legs AS %s', travel.detect_sql('nobodys.trail', all_legs => true)) AS create_view \gset
:create_view;
SELECT leg_id IS NOT NULL AS has_an_id, travel_time, message FROM nobodys.legs;
SELECT sqlstate_of('SELECT * FROM travel.geoip_databases()') AS geoip_databases,
    sqlstate_of('CREATE TABLE travel.mine (n int)') AS create_in_travel,
    sqlstate_of('DROP EXTENSION impossible_travel') AS drop_extension,
    sqlstate_of('ALTER EXTENSION impossible_travel UPDATE') AS update_extension,
       sqlstate_of('SET impossible_travel.geoip_path = ''/tmp''') AS geoip_path,
           sqlstate_of('SET impossible_travel.coverage_notice = on') AS coverage_notice,
           sqlstate_of('CREATE OR REPLACE FUNCTION travel.source_kind(text) RETURNS text LANGUAGE sql AS ''SELECT $1''')
               AS replace;
RESET ROLE;
SET ROLE regress_monitor;
SELECT count(*) > 0 AS databases FROM travel.geoip_databases();
RESET ROLE;
-- A search_path with functions of another role changes nothing: names in the queries are qualified.
CREATE SCHEMA evil;
CREATE FUNCTION evil.isfinite(timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.cardinality(travel.leg[]) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.min(timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.compare(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.compare(timestamptz, timestamptz) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.joined(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
SELECT format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.compare)', name, type)
FROM unnest('{=,<>,<,<=,>,>=}'::text[]) AS name, unnest('{text,timestamptz}'::text[]) AS type
\gexec
CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.joined);
CREATE DOMAIN evil.text AS int;
SET search_path = evil, pg_catalog, public;
SELECT public.sqlstate_of($$SELECT pg_catalog.count(*) FROM travel.detect('nobodys.trail')$$) AS detect,
    public.sqlstate_of($$SELECT pg_catalog.count(*) FROM travel.detect('nobodys.trail', all_legs => true)$$)
        AS all_legs,
       public.sqlstate_of($$SELECT pg_catalog.count(*) FROM travel.coverage('nobodys.trail')$$) AS coverage,
           public.sqlstate_of($$SELECT travel.ingest('nobodys.trail', '[{"eventTime": "2026-03-02T09:00:00Z"}]')$$)
               AS ingest,
           public.sqlstate_of($$SELECT travel.adopt('nobodys.trail')$$) AS adopt,
           public.sqlstate_of($$SELECT travel.create_events_table('nobodys.other')$$) AS create_events_table,
           public.sqlstate_of($$SELECT travel.locate('192.0.2.1')$$) AS locate;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA nobodys, evil CASCADE;
DROP ROLE regress_nobody, regress_monitor;
