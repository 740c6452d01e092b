-- The forms of what reads times over timestamp, which is UTC: without them PostgreSQL would convert by the zone of the session ------

-- Both types are microseconds since 2000, so the functions are the same.

-- The window function.

CREATE FUNCTION travel.leg(
    event_time timestamp, ip inet, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_inet';
COMMENT ON FUNCTION travel.leg(timestamp, inet, text, float8, float8, boolean) IS
    'the leg that arrives at this row; OVER (PARTITION BY the entity ORDER BY event_time, ip); a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel.leg(
    event_time timestamp, ip text, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_text';
COMMENT ON FUNCTION travel.leg(timestamp, text, text, float8, float8, boolean) IS
    'the leg that arrives at this row; OVER (PARTITION BY the entity ORDER BY event_time, travel.source_ip(ip)); a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel.leg(
    event_time timestamp, latitude float8, longitude float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_coordinates';
COMMENT ON FUNCTION travel.leg(timestamp, float8, float8, text, float8, float8, boolean) IS
    'the leg that arrives at this row, over coordinates; OVER (PARTITION BY the entity ORDER BY event_time, latitude, longitude); a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.leg_within(
    event_time timestamp, latitude float8, longitude float8, accuracy_km float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_accurate';
COMMENT ON FUNCTION travel_internal.leg_within(timestamp, float8, float8, float8, text, float8, float8, boolean) IS
    'as travel.leg over coordinates, which are within a radius in km; a time without a zone is UTC, whatever the session''s';

-- The aggregate.

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip inet)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, inet) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet) IS
    'the impossible legs of a group, over an address, with the default thresholds, 500 km and 1000 km/h; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip inet, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, inet, text) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, text) IS
    'the impossible legs of a group, over an address, with the ids of the events at both ends; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, inet, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, text, float8, float8, boolean) IS
    'the impossible legs of a group, over an address, with event ids and thresholds; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_inet';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, inet, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip inet, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, inet, float8, float8, boolean) IS
    'the impossible legs of a group, over an address, with thresholds and without ids: its state takes a few bytes an event; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, text) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, text) IS
    'the impossible legs of a group, over a sourceIPAddress, with the default thresholds, 500 km and 1000 km/h; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip text, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, text, text) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip text, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, text, text) IS
    'the impossible legs of a group, over a sourceIPAddress, with the ids of the events at both ends; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip text, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, text, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip text, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, text, text, float8, float8, boolean) IS
    'the impossible legs of a group, over a sourceIPAddress, with event ids and thresholds; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, ip text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_text';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, ip text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, text, float8, float8, boolean) IS
    'the impossible legs of a group, over a sourceIPAddress, with thresholds and without ids: its state takes a few bytes an event; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, latitude float8, longitude float8)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, float8, float8) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8) IS
    'the impossible legs of a group, over coordinates, with the default thresholds, 500 km and 1000 km/h; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, latitude float8, longitude float8, event_id text)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, float8, float8, text) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8, event_id text) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, text) IS
    'the impossible legs of a group, over coordinates, with the ids of the events at both ends; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, latitude float8, longitude float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, float8, float8, text, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, text, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates, with event ids and thresholds; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_coordinates';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, float8, float8, float8, float8, boolean) IS
    'part of travel.impossible_legs: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel.impossible_legs(event_time timestamp, latitude float8, longitude float8, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel.impossible_legs(timestamp, float8, float8, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates, with thresholds and without ids: its state takes a few bytes an event; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.legs_add(travel_internal.legs_state, event_time timestamp, latitude float8, longitude float8, accuracy_km float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean)
    RETURNS travel_internal.legs_state
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'travel_legs_add_accurate';
COMMENT ON FUNCTION travel_internal.legs_add(travel_internal.legs_state, timestamp, float8, float8, float8, text, float8, float8, boolean) IS
    'part of travel_internal.impossible_legs_within: adds a row to a state; a time without a zone is UTC, whatever the session''s';

CREATE AGGREGATE travel_internal.impossible_legs_within(event_time timestamp, latitude float8, longitude float8, accuracy_km float8, event_id text, min_distance_km float8, min_velocity_kmh float8, use_accuracy boolean) (
    SFUNC = travel_internal.legs_add, STYPE = travel_internal.legs_state, SSPACE = 4000, COMBINEFUNC = travel_internal.legs_combine,
    FINALFUNC = travel_internal.legs_final, FINALFUNC_MODIFY = SHAREABLE, PARALLEL = SAFE
);
COMMENT ON AGGREGATE travel_internal.impossible_legs_within(timestamp, float8, float8, float8, text, float8, float8, boolean) IS
    'the impossible legs of a group, over coordinates with an accuracy radius in km; a time without a zone is UTC, whatever the session''s';

-- Places, and the ids of legs.

CREATE FUNCTION travel.locate(ip inet, at timestamp) RETURNS travel.place
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
    AS 'MODULE_PATHNAME', 'travel_locate';
COMMENT ON FUNCTION travel.locate(inet, timestamp) IS
    'the place of an address: what the named networks say of it, over what the GeoIP databases of impossible_travel.geoip_path do; NULL where nothing is known; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel.is_located(ip inet, at timestamp) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_located';
COMMENT ON FUNCTION travel.is_located(inet, timestamp) IS
    'whether an address has coordinates, so that an event from it can be evaluated; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.is_ignored(ip inet, at timestamp) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'travel_is_ignored';
COMMENT ON FUNCTION travel_internal.is_ignored(inet, timestamp) IS
    'whether a named network says that an event from this address at this time is as if it were absent; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.leg_id(entity text, from_time timestamp, from_ip inet, to_time timestamp, to_ip inet) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamp, inet, timestamp, inet) IS
    'the id of a leg, the same on any server; a time without a zone is UTC, whatever the session''s';

CREATE FUNCTION travel_internal.leg_id(
    entity text, from_time timestamp, from_latitude float8, from_longitude float8,
    to_time timestamp, to_latitude float8, to_longitude float8
) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_leg_id_coordinates';
COMMENT ON FUNCTION travel_internal.leg_id(text, timestamp, float8, float8, timestamp, float8, float8) IS
    'the id of a leg over coordinates, the same on any server; a time without a zone is UTC, whatever the session''s';
