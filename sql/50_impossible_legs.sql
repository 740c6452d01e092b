-- The aggregate that finds the impossible legs of a group, in any order of rows, in parallel ------------------------

-- Its state is a type of its own, so that partial states can be sent between servers and stored.
CREATE TYPE travel_internal.legs_state;

CREATE FUNCTION travel_internal.legs_state_in(cstring) RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_state_in';
COMMENT ON FUNCTION travel_internal.legs_state_in(cstring) IS 'reads the text of a state: \x and hex digits, checked as a whole';

CREATE FUNCTION travel_internal.legs_state_out(travel_internal.legs_state) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_state_out';
COMMENT ON FUNCTION travel_internal.legs_state_out(travel_internal.legs_state) IS 'the text of a state: \x and hex digits';

CREATE FUNCTION travel_internal.legs_state_recv(internal) RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_state_recv';
COMMENT ON FUNCTION travel_internal.legs_state_recv(internal) IS 'reads the binary form of a state, checked as a whole';

CREATE FUNCTION travel_internal.legs_state_send(travel_internal.legs_state) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_state_send';
COMMENT ON FUNCTION travel_internal.legs_state_send(travel_internal.legs_state) IS 'the binary form of a state; its first byte is the version';

CREATE TYPE travel_internal.legs_state (
    INPUT = travel_internal.legs_state_in, OUTPUT = travel_internal.legs_state_out,
    RECEIVE = travel_internal.legs_state_recv, SEND = travel_internal.legs_state_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended
);
COMMENT ON TYPE travel_internal.legs_state IS
    'the events that travel.impossible_legs has seen of one entity: distinct pairs of time and address';

CREATE FUNCTION travel_internal.legs_combine(travel_internal.legs_state, travel_internal.legs_state) RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_combine';
COMMENT ON FUNCTION travel_internal.legs_combine(travel_internal.legs_state, travel_internal.legs_state) IS
    'part of travel.impossible_legs: the events of two partial states as one';

CREATE FUNCTION travel_internal.legs_final(travel_internal.legs_state) RETURNS travel.leg[]
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'travel_legs_final';
COMMENT ON FUNCTION travel_internal.legs_final(travel_internal.legs_state) IS
    'part of travel.impossible_legs: places the events, and evaluates their legs';

-- Over an address.

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip inet)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, inet) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet) IS
    'the impossible legs of a group, over an address, with the default thresholds, 500 km and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip inet, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, inet, text) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, text) IS
    'the impossible legs of a group, over an address, with the ids of the events at both ends';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, inet, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, text, float8, float8, boolean) IS
    'the impossible legs of a group, over an address, with event ids and thresholds';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, inet, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, inet, float8, float8, boolean) IS
    'the impossible legs of a group, over an address, with thresholds and without ids: its state takes a few bytes an event';

-- Over a sourceIPAddress.

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, text) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, text) IS
    'the impossible legs of a group, over a sourceIPAddress, with the default thresholds, 500 km and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip text, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, text, text) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip text, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, text, text) IS
    'the impossible legs of a group, over a sourceIPAddress, with the ids of the events at both ends';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip text, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, text, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip text, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, text, text, float8, float8, boolean) IS
    'the impossible legs of a group, over a sourceIPAddress, with event ids and thresholds';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, ip text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, ip text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, text, float8, float8, boolean) IS
    'the impossible legs of a group, over a sourceIPAddress, with thresholds and without ids: its state takes a few bytes an event';

-- Over coordinates.

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, latitude float8, longitude float8)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, float8, float8) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8) IS
    'the impossible legs of a group, over coordinates, with the default thresholds, 500 km and 1000 km/h';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, latitude float8, longitude float8, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, float8, float8, text) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, text) IS
    'the impossible legs of a group, over coordinates, with the ids of the events at both ends';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, latitude float8, longitude float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, float8, float8, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, text, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates, with event ids and thresholds';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, float8, float8, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state';
CREATE AGGREGATE travel.impossible_legs(event_time timestamptz, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamptz, float8, float8, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates, with thresholds and without ids: its state takes a few bytes an event';

-- Over coordinates that come with a radius: what travel.detect uses for a table that has one.

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamptz, latitude float8, longitude float8, accuracy_km float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_accurate';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamptz, float8, float8, float8, text, float8, float8, boolean) IS
    'part of travel_internal.impossible_legs_within: adds a row to a state';
CREATE AGGREGATE travel_internal.impossible_legs_within(event_time timestamptz, latitude float8, longitude float8, accuracy_km float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.impossible_legs_within(timestamptz, float8, float8, float8, text, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates with an accuracy radius in km';

