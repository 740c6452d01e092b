-- Functions that the query of travel.coverage calls -------------------------------------------------------------------

-- travel_internal.entity_coverage counts the rows of one entity. Its result has the number of rows for each kind of
-- source address and each status. travel_internal.coverage_sum adds up these results, in any process and in any order.

CREATE FUNCTION travel_internal.coverage_add(
    internal, event_time timestamptz, ip inet, source_kind text, status text
) RETURNS internal
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'travel_coverage_add_inet';
COMMENT ON FUNCTION travel_internal.coverage_add(internal, timestamptz, inet, text, text) IS
    'Transition function of travel_internal.entity_coverage: adds a row to the state';

CREATE FUNCTION travel_internal.coverage_add(internal, event_time timestamptz, source text, status text)
    RETURNS internal
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'travel_coverage_add_text';
COMMENT ON FUNCTION travel_internal.coverage_add(internal, timestamptz, text, text) IS
    'Transition function of travel_internal.entity_coverage: adds a row to the state';

CREATE FUNCTION travel_internal.coverage_add(
    internal, event_time timestamptz, latitude float8, longitude float8, source_kind text, status text
) RETURNS internal
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'travel_coverage_add_coordinates';
COMMENT ON FUNCTION travel_internal.coverage_add(internal, timestamptz, float8, float8, text, text) IS
    'Transition function of travel_internal.entity_coverage: adds a row to the state';

CREATE FUNCTION travel_internal.coverage_combine(internal, internal) RETURNS internal
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'travel_coverage_combine';
COMMENT ON FUNCTION travel_internal.coverage_combine(internal, internal) IS
    'Combine function of travel_internal.entity_coverage';

CREATE FUNCTION travel_internal.coverage_serialize(internal) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 250 AS 'MODULE_PATHNAME', 'travel_coverage_serialize';
COMMENT ON FUNCTION travel_internal.coverage_serialize(internal) IS
    'Serialization function of travel_internal.entity_coverage: locates the events of a state, and writes it as bytes';

CREATE FUNCTION travel_internal.coverage_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_coverage_deserialize';
COMMENT ON FUNCTION travel_internal.coverage_deserialize(bytea, internal) IS
    'Deserialization function of travel_internal.entity_coverage';

CREATE FUNCTION travel_internal.coverage_final(internal) RETURNS bytea
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 250 AS 'MODULE_PATHNAME', 'travel_coverage_final';
COMMENT ON FUNCTION travel_internal.coverage_final(internal) IS
    'Final function of travel_internal.entity_coverage: locates the events, and counts the rows by kind and status';

CREATE AGGREGATE travel_internal.entity_coverage(event_time timestamptz, ip inet, source_kind text, status text) (
    SFUNC = travel_internal.coverage_add, STYPE = internal, SSPACE = 4000,
    COMBINEFUNC = travel_internal.coverage_combine, SERIALFUNC = travel_internal.coverage_serialize,
    DESERIALFUNC = travel_internal.coverage_deserialize, FINALFUNC = travel_internal.coverage_final,
    FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.entity_coverage(timestamptz, inet, text, text) IS
    'Counts of the rows of an entity by kind and status, for rows with an IP address. If source_kind is '
    'NULL, the kind is that of the address. status is NULL, or the reason to exclude the row that is not its address';

CREATE AGGREGATE travel_internal.entity_coverage(event_time timestamptz, source text, status text) (
    SFUNC = travel_internal.coverage_add, STYPE = internal, SSPACE = 4000,
    COMBINEFUNC = travel_internal.coverage_combine, SERIALFUNC = travel_internal.coverage_serialize,
    DESERIALFUNC = travel_internal.coverage_deserialize, FINALFUNC = travel_internal.coverage_final,
    FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.entity_coverage(timestamptz, text, text) IS
    'Counts of the rows of an entity by kind and status, for rows with a source as CloudTrail writes it';

CREATE AGGREGATE travel_internal.entity_coverage(
    event_time timestamptz, latitude float8, longitude float8, source_kind text, status text
) (
    SFUNC = travel_internal.coverage_add, STYPE = internal, SSPACE = 4000,
    COMBINEFUNC = travel_internal.coverage_combine, SERIALFUNC = travel_internal.coverage_serialize,
    DESERIALFUNC = travel_internal.coverage_deserialize, FINALFUNC = travel_internal.coverage_final,
    FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.entity_coverage(timestamptz, float8, float8, text, text) IS
    'Counts of the rows of an entity by kind and status, for rows with coordinates';

CREATE FUNCTION travel_internal.coverage_sum_add(bytea, bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_coverage_sum_add';
COMMENT ON FUNCTION travel_internal.coverage_sum_add(bytea, bytea) IS
    'Transition and combine function of travel_internal.coverage_sum: adds counts to others';

CREATE AGGREGATE travel_internal.coverage_sum(counts bytea) (
    SFUNC = travel_internal.coverage_sum_add, STYPE = bytea, COMBINEFUNC = travel_internal.coverage_sum_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.coverage_sum(bytea) IS 'Sum of the results of travel_internal.entity_coverage';

CREATE FUNCTION travel_internal.coverage_rows(
    counts bytea, OUT source_kind text, OUT status text, OUT events bigint, OUT entities bigint,
    OUT first_time timestamptz, OUT last_time timestamptz
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'travel_coverage_rows';
COMMENT ON FUNCTION travel_internal.coverage_rows(bytea) IS
    'The counts in a result of travel_internal.coverage_sum, as travel.coverage returns them';
