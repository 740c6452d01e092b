-- Roles: who may read, who may work on alerts, who may change rules ---------------------------------------------------

CREATE FUNCTION travel.grant_to(role text, level text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_grant_to';
COMMENT ON FUNCTION travel.grant_to(text, text) IS
    'gives a role the rights to read alerts (read), to work on them (triage), or to change rules too (admin)';
REVOKE ALL ON FUNCTION travel.grant_to(text, text) FROM PUBLIC;

-- Whoever installs is an administrator, and can dump and restore what the tables hold.
SELECT travel.grant_to(pg_catalog.pg_get_userbyid(extowner), 'admin')
FROM pg_catalog.pg_extension WHERE extname = 'impossible_travel';
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA travel, travel_internal TO @extowner@;
GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA travel TO @extowner@;
