-- CREATE EXTENSION: where it fails, who may run it, and what DROP EXTENSION keeps.
\pset null '-'
-- From PostgreSQL 18 on, the context quotes the failing statement of the script.
\set SHOW_CONTEXT never
SELECT name, default_version ~ '^[0-9]+\.[0-9]+' AS version, comment IS NOT NULL AS comment
FROM pg_available_extensions
WHERE name = 'impossible_travel';
SELECT superuser, trusted, relocatable, schema, requires
FROM pg_available_extension_versions
WHERE name = 'impossible_travel';
SELECT extrelocatable, extnamespace::regnamespace,
    extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'impossible_travel') AS newest
FROM pg_extension
WHERE extname = 'impossible_travel';
SELECT sqlstate_of('CREATE EXTENSION impossible_travel') AS again,
    sqlstate_of('ALTER EXTENSION impossible_travel SET SCHEMA public') AS relocated;
-- Every column of a table or view has a comment.
SELECT attrelid::regclass AS relation, attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND relkind IN ('r', 'v')
    AND attnum > 0
    AND NOT attisdropped
    AND col_description(attrelid, attnum) IS NULL;

SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_travel;
DROP DATABASE IF EXISTS regress_latin;
DROP DATABASE IF EXISTS regress_ascii;
DROP ROLE IF EXISTS regress_dba;
RESET client_min_messages;
-- In a database with another encoding it fails with 0A000 and leaves nothing behind.
CREATE DATABASE regress_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE regress_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\c regress_latin
CREATE EXTENSION impossible_travel;
\set VERBOSITY sqlstate
CREATE EXTENSION impossible_travel;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname LIKE 'travel%';
\c regress_ascii
CREATE EXTENSION impossible_travel;
\set VERBOSITY default

-- An existing schema of that name, even an empty one, is 42P06. So is the option SCHEMA.
\c regression
CREATE ROLE regress_dba LOGIN;
CREATE DATABASE regress_travel OWNER regress_dba TEMPLATE template0;
\c regress_travel
CREATE SCHEMA travel;
CREATE EXTENSION impossible_travel;
DROP SCHEMA travel;
CREATE SCHEMA travel_internal;
CREATE EXTENSION impossible_travel;
DROP SCHEMA travel_internal;
CREATE EXTENSION impossible_travel SCHEMA public;
-- The search_path of the installing role does not matter: functions that shadow others are not called.
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE DOMAIN shadow.text AS int;
GRANT USAGE ON SCHEMA shadow TO PUBLIC;

-- The extension is trusted: the owner of a database can install it without being a superuser. The objects belong to the
-- bootstrap superuser, and the owner may use them.
\c regress_travel regress_dba
SET search_path = shadow, pg_catalog;
CREATE EXTENSION impossible_travel;
RESET search_path;
SELECT nspowner::regrole FROM pg_namespace WHERE nspname LIKE 'travel%';
SELECT extowner::regrole FROM pg_extension WHERE extname = 'impossible_travel';
SELECT count(*) > 0 AS databases FROM travel.geoip_databases();
SELECT (travel.locate('192.0.2.1')).city, travel.event_time('2026-03-02T09:00:00Z') = '2026-03-02 09:00Z' AS right;
CREATE SCHEMA mine;
SELECT travel.create_events_table('mine.trail');
SELECT inserted
FROM travel.ingest('mine.trail',
    '[{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z"}, {"eventID": "b", "eventTime": "2026-03-02T09:00:00Z"}]');
-- When the owner drops it, the events stay, and objects that use its functions are dropped only by CASCADE.
CREATE VIEW mine.seen AS SELECT travel.source_kind(source_text) FROM mine.trail;
DROP EXTENSION impossible_travel;
DROP EXTENSION impossible_travel CASCADE;
SELECT count(*) AS events FROM mine.trail;
SELECT to_regnamespace('travel') AS schema, to_regnamespace('travel_internal') AS internal,
    to_regclass('mine.seen') AS view;
-- It can be created again.
CREATE EXTENSION impossible_travel;
SELECT duplicates FROM travel.ingest('mine.trail', '{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z"}');
-- A role without CREATE on the database cannot install it.
\c regress_travel postgres
CREATE ROLE regress_guest LOGIN;
DROP EXTENSION impossible_travel;
\c regress_travel regress_guest
\set VERBOSITY sqlstate
CREATE EXTENSION impossible_travel;
\set VERBOSITY default
\c regression postgres
DROP DATABASE regress_travel;
DROP DATABASE regress_latin;
DROP DATABASE regress_ascii;
DROP ROLE regress_dba, regress_guest;
