-- Adopt: a view with the standard columns over a table that a tool made ----------------------------------------------

CREATE FUNCTION travel.adopt(source regclass, name text DEFAULT NULL, columns jsonb DEFAULT NULL) RETURNS regclass
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_adopt';
COMMENT ON FUNCTION travel.adopt(regclass, text, jsonb) IS
    'Creates a view, owned by the caller, with the columns of travel.event over a table or view. The default name is '
    'that of the source with _events, in its schema. columns says where the standard columns are';
