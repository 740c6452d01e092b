-- The aggregate that finds the impossible legs of a group, with its rows in any order, in parallel --------------------

-- Its state is a travel.journey that also has the thresholds.

CREATE FUNCTION travel_internal.legs_final(travel.journey) RETURNS travel.leg[]
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'travel_legs_final';
COMMENT ON FUNCTION travel_internal.legs_final(travel.journey) IS
    'Final function of travel.impossible_legs: locates the events and evaluates their legs';

-- Over addresses.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, ip inet
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, inet) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address. The thresholds are 500 km'
    ' and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, ip inet, event_id text
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, inet, text) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, text) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address and an ID. The thresholds '
    'are 500 km and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, inet, float8, float8, boolean) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address. Without IDs, the state '
    'takes a few bytes per event';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, ip inet, event_id text, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamptz, inet, text, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamptz, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, text, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address and an ID';

-- Over coordinates, which need no GeoIP database.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, float8, float8) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates. The thresholds are 500 km '
    'and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, float8, float8, text) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, text) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates and an ID. The thresholds '
    'are 500 km and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamptz, float8, float8, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamptz, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates. Without IDs, the state '
    'takes a few bytes per event';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8, event_id text,
    min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamptz, float8, float8, text, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamptz, latitude float8, longitude float8, event_id text, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, text, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates and an ID';

-- Over coordinates with an accuracy radius, for the queries of travel.detect.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8, accuracy_km float8,
    event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_accurate';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamptz, float8, float8, float8, text, float8, float8, boolean
) IS
    'Transition function of travel_internal.impossible_legs_within: adds a row to the state';
CREATE AGGREGATE travel_internal.impossible_legs_within(
    event_time timestamptz, latitude float8, longitude float8, accuracy_km float8, event_id text,
    min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.impossible_legs_within(
    timestamptz, float8, float8, float8, text, float8, float8, boolean
) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates, an accuracy radius in '
    'kilometers and an ID';

-- For addresses of type text. PostgreSQL would report that the function does not exist and suggest a cast, which fails
-- at the first text that is not an address. This form only raises an error, which names travel.source_ip. It also
-- catches other argument types, and an event_time of type timestamp.

CREATE FUNCTION travel_internal.legs_add(travel.journey, event_time timestamptz, VARIADIC arguments "any")
    RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_add_refused';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamptz, VARIADIC "any") IS
    'Transition function of travel.impossible_legs(timestamptz, VARIADIC "any"): raises an error';
CREATE FUNCTION travel_internal.legs_final_refused(travel.journey) RETURNS travel.leg[]
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_final_refused';
COMMENT ON FUNCTION travel_internal.legs_final_refused(travel.journey) IS
    'Final function of travel.impossible_legs(timestamptz, VARIADIC "any"): raises an error, also without rows';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, VARIADIC arguments "any") (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final_refused,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, VARIADIC "any") IS
    'Raises an error that says which argument types the other forms take. For an address of type text, write '
    'travel.impossible_legs(event_time, travel.source_ip(ip))';
