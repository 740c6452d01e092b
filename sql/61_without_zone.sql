-- Forms for event times of type timestamp, which are read as UTC. Without them, PostgreSQL would convert these times by
-- the zone of the session. Both types count microseconds since 2000, so the C functions are the same.

-- The window function.

CREATE FUNCTION travel.leg(
    event_time timestamp, ip inet, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_inet';
COMMENT ON FUNCTION travel.leg(timestamp, inet, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, ip). Thresholds default to 500 km and 1000 km/h. A time without a zone is read as UTC, regardless of '
    'the zone of the session';

CREATE FUNCTION travel.leg(
    event_time timestamp, ip text, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_text';
COMMENT ON FUNCTION travel.leg(timestamp, text, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, travel.source_ip(ip)). Text that is not an address is not located. A time without a zone is read as '
    'UTC, regardless of the zone of the session';

CREATE FUNCTION travel.leg(
    event_time timestamp, latitude float8, longitude float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_coordinates';
COMMENT ON FUNCTION travel.leg(timestamp, float8, float8, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, latitude, longitude). It needs no GeoIP database. A time without a zone is read as UTC, regardless '
    'of the zone of the session';

CREATE FUNCTION travel_internal.leg_within(
    event_time timestamp, latitude float8, longitude float8, accuracy_km float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_accurate';
COMMENT ON FUNCTION travel_internal.leg_within(timestamp, float8, float8, float8, text, float8, float8, boolean) IS
    'Window function: travel.leg for coordinates with an accuracy radius in kilometers. A time without a zone is read '
    'as UTC, regardless of the zone of the session';

-- The aggregate over addresses.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, ip inet
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamp, inet) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address. The thresholds are 500 km '
    'and 1000 km/h. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, ip inet, event_id text
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamp, inet, text) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, text) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address and an ID. The thresholds '
    'are 500 km and 1000 km/h. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, ip inet, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamp, inet, float8, float8, boolean) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamp, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address. Without IDs, the state '
    'takes a few bytes per event. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, ip inet, event_id text, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamp, inet, text, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamp, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, text, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with an IP address and an ID. A time without '
    'a zone is read as UTC, regardless of the zone of the session';

-- The aggregate over coordinates.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamp, float8, float8) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates. The thresholds are 500 km '
    'and 1000 km/h. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel.journey, timestamp, float8, float8, text) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, text) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates and an ID. The thresholds '
    'are 500 km and 1000 km/h. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamp, float8, float8, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamp, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8,
    use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates. Without IDs, the state '
    'takes a few bytes per event. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8, event_id text,
    min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamp, float8, float8, text, float8, float8, boolean
) IS
    'Transition function of travel.impossible_legs: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.impossible_legs(
    event_time timestamp, latitude float8, longitude float8, event_id text, min_distance_km float8,
    min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, text, float8, float8, boolean) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates and an ID. A time without a '
    'zone is read as UTC, regardless of the zone of the session';

-- Over coordinates with an accuracy radius, for the queries of travel.detect.

CREATE FUNCTION travel_internal.legs_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8, accuracy_km float8,
    event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_accurate';
COMMENT ON FUNCTION travel_internal.legs_add(
    travel.journey, timestamp, float8, float8, float8, text, float8, float8, boolean
) IS
    'Transition function of travel_internal.impossible_legs_within: adds a row to the state. '
    'A time without a zone is read as UTC';
CREATE AGGREGATE travel_internal.impossible_legs_within(
    event_time timestamp, latitude float8, longitude float8, accuracy_km float8, event_id text,
    min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean
) (
    SFUNC = travel_internal.legs_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.legs_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.impossible_legs_within(
    timestamp, float8, float8, float8, text, float8, float8, boolean
) IS
    'Impossible legs of a group of events, in order of time, for events with coordinates, an accuracy radius in '
    'kilometers and an ID. A time without a zone is read as UTC, regardless of the zone of the session';

-- Locations, and the IDs of legs.

CREATE FUNCTION travel.locate(ip inet, at timestamp) RETURNS travel.place
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_locate';
COMMENT ON FUNCTION travel.locate(inet, timestamp) IS
    'Location and network of an IP address at a time. A time without a zone is read as UTC, regardless of the zone of '
    'the session';

CREATE FUNCTION travel.is_located(ip inet, at timestamp) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_located';
COMMENT ON FUNCTION travel.is_located(inet, timestamp) IS
    'Whether events from an IP address at a time can be evaluated: the address has coordinates, and no row of '
    'travel.networks says to ignore it. A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.is_ignored(ip inet, at timestamp) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_ignored';
COMMENT ON FUNCTION travel_internal.is_ignored(inet, timestamp) IS
    'Whether events from an address at a time are skipped. A time without a zone is read as UTC, regardless of the '
    'zone of the session';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamp, from_ip inet, to_time timestamp, to_ip inet
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamp, inet, timestamp, inet) IS
    'ID of a leg between two addresses; it is the same on every server. A time without a zone is read as UTC, '
    'regardless of the zone of the session';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamp, from_latitude float8, from_longitude float8,
    to_time timestamp, to_latitude float8, to_longitude float8
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id_coordinates';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamp, float8, float8, timestamp, float8, float8) IS
    'ID of a leg between two coordinates; it is the same on every server. A time without a zone is read as UTC, '
    'regardless of the zone of the session';

-- The journey.

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamp, ip inet
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_journey_add_inet';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamp, inet) IS
    'Transition function of travel.journey: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.journey(event_time timestamp, ip inet) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamp, inet) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with an IP address. A time '
    'without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamp, ip inet, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_journey_add_inet';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamp, inet, text) IS
    'Transition function of travel.journey: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.journey(event_time timestamp, ip inet, event_id text) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamp, inet, text) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with an IP address and an ID. '
    'A time without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'travel_journey_add_coordinates';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamp, float8, float8) IS
    'Transition function of travel.journey: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.journey(event_time timestamp, latitude float8, longitude float8) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamp, float8, float8) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with coordinates. A time '
    'without a zone is read as UTC, regardless of the zone of the session';

CREATE FUNCTION travel_internal.journey_add(
    travel.journey, event_time timestamp, latitude float8, longitude float8, event_id text
) RETURNS travel.journey
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'travel_journey_add_coordinates';
COMMENT ON FUNCTION travel_internal.journey_add(travel.journey, timestamp, float8, float8, text) IS
    'Transition function of travel.journey: adds a row to the state. A time without a zone is read as UTC';
CREATE AGGREGATE travel.journey(event_time timestamp, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.journey_add, STYPE = travel.journey, SSPACE = 4000,
    COMBINEFUNC = travel_internal.legs_combine, FINALFUNC = travel_internal.journey_final,
    FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.journey(timestamp, float8, float8, text) IS
    'Journey of a group of events, as a value that can be stored and merged, for events with coordinates and an ID. A '
    'time without a zone is read as UTC, regardless of the zone of the session';
