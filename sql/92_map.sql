-- Alerts on a map of the world ----------------------------------------------------------------------------------------

CREATE FUNCTION travel.map_html(rule text DEFAULT NULL, since timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_map_html';
COMMENT ON FUNCTION travel.map_html(text, timestamptz) IS
    'The alerts of one rule, or of all rules (the default), on a map of the world, with the reasons not to raise and '
    'the coverage: one HTML page that loads nothing from the network. Requires the level read';
REVOKE ALL ON FUNCTION travel.map_html(text, timestamptz) FROM PUBLIC;
