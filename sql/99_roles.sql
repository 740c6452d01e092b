-- Roles: who may read alerts, work on them, and change rules ----------------------------------------------------------

CREATE FUNCTION travel.grant_to(role text, level text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_grant_to';
COMMENT ON FUNCTION travel.grant_to(text, text) IS
    'Grants a role the privileges of a level: read (read alerts), triage (also work on alerts) or admin (also change '
    'rules, scan and grant). Requires the level admin';
REVOKE ALL ON FUNCTION travel.grant_to(text, text) FROM PUBLIC;

-- The owner of the extension is an administrator, and can dump and restore the tables.
SELECT travel.grant_to(pg_catalog.pg_get_userbyid(extowner), 'admin')
FROM pg_catalog.pg_extension WHERE extname = 'impossible_travel';
-- Older releases of pg_dump (15.5) also lock the tables that have no rows in the dump, and need SELECT for that.
GRANT SELECT ON ALL TABLES IN SCHEMA travel, travel_internal TO @extowner@;
GRANT INSERT ON ALL TABLES IN SCHEMA travel TO @extowner@;
-- The views of checkpoints call it.
GRANT EXECUTE ON FUNCTION travel_internal.states_of(text, timestamptz, bigint, bytea, bytea) TO @extowner@;
-- The expressions of travel.layouts run with the privileges of the role that reads a source, so only an update of the
-- extension changes them.
REVOKE INSERT ON travel.layouts FROM @extowner@;
-- Only scans write travel_internal.own_passes. Its rows are not part of a dump.
GRANT INSERT ON travel_internal.scans, travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints,
    travel_internal.minted_keys, travel_internal.alert_legs, travel_internal.coverage_days TO @extowner@;
GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA travel TO @extowner@;
