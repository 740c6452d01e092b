-- The two schemas of impossible_travel: travel holds what users call and read, travel_internal what those objects need
-- to work. The extension creates both. If a schema of either name exists, even an empty one, CREATE EXTENSION fails
-- here, because the extension's objects must not be mixed with those of others.
DO $$
DECLARE
    existing pg_catalog.text := (
        SELECT pg_catalog.min(nspname::pg_catalog.text) FROM pg_catalog.pg_namespace
        WHERE nspname OPERATOR(pg_catalog.=) ANY ('{travel,travel_internal}'::pg_catalog.name[])
    );
BEGIN
    IF existing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = pg_catalog.format('schema "%s" already exists', existing),
            DETAIL = 'The extension creates the schema itself, to be sure that it contains no other objects.',
            HINT = pg_catalog.format(
                'If you need the schema, rename it: ALTER SCHEMA %1$s RENAME TO another_name. Otherwise drop it: '
                'DROP SCHEMA %1$s. Then run CREATE EXTENSION again.', existing);
    END IF;
END
$$;

CREATE SCHEMA travel;
COMMENT ON SCHEMA travel IS
    'impossible_travel: functions, tables and views that detect impossible travel in AWS CloudTrail';
GRANT USAGE ON SCHEMA travel TO PUBLIC;

-- The queries that travel.detect_sql writes, the views that users make of them, and the indexes that travel.check_rule
-- suggests call functions of this schema with the privileges of the user, so these functions keep their signatures and
-- results: entity, each_leg, leg_id, leg_within, impossible_legs_within, legs_of_entity, rows_of_legs, times_of_legs,
-- events_of_legs, findings, travel_time, finding_message, is_ignored.
-- The tables are for no role but the installer, who dumps and restores them: scans read and write them with the
-- privileges of the owner of the extension.
CREATE SCHEMA travel_internal;
COMMENT ON SCHEMA travel_internal IS
    'impossible_travel: objects that the schema travel needs to work. Queries of travel.detect_sql and indexes that '
    'travel.check_rule suggests use them; do not call them yourself';
GRANT USAGE ON SCHEMA travel_internal TO PUBLIC;

-- The extension handles text as UTF-8 and refuses a database of another encoding before it creates anything.
CREATE FUNCTION travel_internal.require_utf8() RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'travel_require_utf8';
SELECT travel_internal.require_utf8();
DROP FUNCTION travel_internal.require_utf8();
