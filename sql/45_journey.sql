-- Journeys: the events of one entity as a value, to store, merge and send to other servers ---------------------------

CREATE TYPE travel.journey;

CREATE FUNCTION travel_internal.journey_in(cstring) RETURNS travel.journey
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_in';
COMMENT ON FUNCTION travel_internal.journey_in(cstring) IS
    'Input function of travel.journey: reads \x and hex digits, and validates the value';

CREATE FUNCTION travel_internal.journey_out(travel.journey) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_out';
COMMENT ON FUNCTION travel_internal.journey_out(travel.journey) IS
    'Output function of travel.journey: writes \x and hex digits';

CREATE FUNCTION travel_internal.journey_recv(internal) RETURNS travel.journey
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_recv';
COMMENT ON FUNCTION travel_internal.journey_recv(internal) IS
    'Binary input function of travel.journey: validates the value';

CREATE FUNCTION travel_internal.journey_send(travel.journey) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_send';
COMMENT ON FUNCTION travel_internal.journey_send(travel.journey) IS
    'Binary output function of travel.journey: the first byte is the version of the format';

CREATE TYPE travel.journey (
    INPUT = travel_internal.journey_in, OUTPUT = travel_internal.journey_out,
    RECEIVE = travel_internal.journey_recv, SEND = travel_internal.journey_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended
);
COMMENT ON TYPE travel.journey IS
    'Journey of an entity: its distinct events, each a time and an IP address or coordinates, with event IDs on '
    'request.'
    ' Locations are looked up when a journey is read, and the reader chooses the thresholds';

-- The aggregate that makes a journey of rows, and the one that merges journeys. The state of both is a journey that has
-- room for more events.

CREATE FUNCTION travel_internal.legs_combine(travel.journey, travel.journey) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_legs_combine';
COMMENT ON FUNCTION travel_internal.legs_combine(travel.journey, travel.journey) IS
    'Combine function of travel.journey, travel.rollup and travel.impossible_legs: merges two partial states';

CREATE FUNCTION travel_internal.journey_final(travel.journey) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'travel_journey_final';
COMMENT ON FUNCTION travel_internal.journey_final(travel.journey) IS
    'Final function of travel.journey and travel.rollup: sorts and packs the events';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamptz, ip inet
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_journey_add_inet';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamptz, inet) IS
    'Transition function of travel.journey: adds a row to the state';
CREATE AGGREGATE travel.journey(event_time timestamptz, ip inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamptz, inet) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with an IP address';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamptz, ip inet, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_journey_add_inet';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamptz, inet, text) IS
    'Transition function of travel.journey: adds a row to the state';
CREATE AGGREGATE travel.journey(event_time timestamptz, ip inet, event_id text) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamptz, inet, text) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with an IP address and an ID';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'travel_journey_add_coordinates';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamptz, float8, float8) IS
    'Transition function of travel.journey: adds a row to the state';
CREATE AGGREGATE travel.journey(event_time timestamptz, latitude float8, longitude float8) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamptz, float8, float8) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with coordinates';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamptz, latitude float8, longitude float8, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'travel_journey_add_coordinates';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamptz, float8, float8, text) IS
    'Transition function of travel.journey: adds a row to the state';
CREATE AGGREGATE travel.journey(event_time timestamptz, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamptz, float8, float8, text) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with coordinates and an ID';

-- For addresses of type text, and any other type, as for travel.impossible_legs.

CREATE FUNCTION travel_internal.journey_add(travel.journey, event_time timestamptz, VARIADIC arguments "any")
    RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_add_refused';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamptz, VARIADIC "any") IS
    'Transition function of travel.journey(timestamptz, VARIADIC "any"): raises an error';
CREATE FUNCTION travel_internal.journey_final_refused(travel.journey) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_final_refused';
COMMENT ON FUNCTION travel_internal.journey_final_refused(travel.journey) IS
    'Final function of travel.journey(timestamptz, VARIADIC "any"): raises an error, also without rows';
CREATE AGGREGATE travel.journey(event_time timestamptz, VARIADIC arguments "any") (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final_refused,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamptz, VARIADIC "any") IS
    'Raises an error that says which argument types the other forms take. For an address of type text, write '
    'travel.journey(event_time, travel.source_ip(ip))';

CREATE FUNCTION travel_internal.journey_rollup(travel.journey, journey travel.journey) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_journey_rollup';
COMMENT ON FUNCTION travel_internal.journey_rollup(travel.journey, travel.journey) IS
    'Transition function of travel.rollup: adds a journey to the state';
CREATE AGGREGATE travel.rollup(journey travel.journey) (
    SFUNC = travel_internal.journey_rollup, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.rollup(travel.journey) IS
    'Journey with the events of all journeys of a group, each event once. The journeys can overlap, and their order '
    'does '
    'not matter';

-- What reads a journey.

CREATE FUNCTION travel.impossible_legs(
    journey travel.journey,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg[]
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'travel_journey_impossible_legs';
COMMENT ON FUNCTION travel.impossible_legs(travel.journey, float8, float8, boolean) IS
    'Impossible legs of a journey, in order of time. Locations are those of the current GeoIP files and named networks';

CREATE FUNCTION travel.legs(
    journey travel.journey,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS SETOF travel.leg
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 10
    AS 'MODULE_PATHNAME', 'travel_journey_legs';
COMMENT ON FUNCTION travel.legs(travel.journey, float8, float8, boolean) IS
    'All legs of a journey, in order of time. The column impossible has the verdict of the thresholds';

CREATE FUNCTION travel.event_count(journey travel.journey) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_event_count';
COMMENT ON FUNCTION travel.event_count(travel.journey) IS
    'Number of distinct events of a journey, located or not. Events with the same time and address are one event';

CREATE FUNCTION travel.first_time(journey travel.journey) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_first_time';
COMMENT ON FUNCTION travel.first_time(travel.journey) IS
    'Time of the first event of a journey, NULL if it has none';

CREATE FUNCTION travel.last_time(journey travel.journey) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'travel_journey_last_time';
COMMENT ON FUNCTION travel.last_time(travel.journey) IS
    'Time of the last event of a journey, NULL if it has none';
