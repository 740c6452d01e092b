-- The leg, and the window function that streams legs -----------------------------------------------------------------

CREATE TYPE travel.leg AS (
    from_time            timestamptz,
    from_ip              inet,
    from_event_id        text,
    from_city            text,
    from_subdivision     text,
    from_country         text,
    from_country_code    text,
    from_latitude        float8,
    from_longitude       float8,
    from_accuracy_km     float8,
    from_asn             bigint,
    from_as_organization text,
    from_hosting         text,
    from_anonymizer      text,
    from_carrier         text,
    to_time              timestamptz,
    to_ip                inet,
    to_event_id          text,
    to_city              text,
    to_subdivision       text,
    to_country           text,
    to_country_code      text,
    to_latitude          float8,
    to_longitude         float8,
    to_accuracy_km       float8,
    to_asn               bigint,
    to_as_organization   text,
    to_hosting           text,
    to_anonymizer        text,
    to_carrier           text,
    distance_km          float8,
    effective_distance_km   float8,     -- less both accuracy radii, where use_accuracy
    elapsed_seconds      float8,
    velocity_kmh         float8,     -- NULL when no time passed
    impossible           boolean     -- farther than min_distance_km and faster than min_velocity_kmh
);
COMMENT ON TYPE travel.leg IS
    'two consecutive located events of one entity whose addresses (or coordinates) differ, and what lies between them';

CREATE FUNCTION travel.leg(
    event_time timestamptz, ip inet, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_inet';
COMMENT ON FUNCTION travel.leg(timestamptz, inet, text, float8, float8, boolean) IS
    'the leg that arrives at this row; OVER (PARTITION BY the entity ORDER BY event_time, ip)';

CREATE FUNCTION travel.leg(
    event_time timestamptz, ip text, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_text';
COMMENT ON FUNCTION travel.leg(timestamptz, text, text, float8, float8, boolean) IS
    'the leg that arrives at this row; OVER (PARTITION BY the entity ORDER BY event_time, travel.source_ip(ip))';

CREATE FUNCTION travel.leg(
    event_time timestamptz, latitude float8, longitude float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_coordinates';
COMMENT ON FUNCTION travel.leg(timestamptz, float8, float8, text, float8, float8, boolean) IS
    'the leg that arrives at this row, over coordinates; OVER (PARTITION BY the entity ORDER BY event_time, latitude, longitude)';

CREATE FUNCTION travel_internal.leg_within(
    event_time timestamptz, latitude float8, longitude float8, accuracy_km float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_accurate';
COMMENT ON FUNCTION travel_internal.leg_within(timestamptz, float8, float8, float8, text, float8, float8, boolean) IS
    'as travel.leg over coordinates, which are within a radius in km';
