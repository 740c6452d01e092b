-- The leg, and the window function that streams legs -----------------------------------------------------------------

CREATE TYPE travel.leg AS (
    from_time             timestamptz,
    from_ip               inet,
    from_event_id         text,
    from_city             text,
    from_subdivision      text,
    from_country          text,
    from_country_code     text,
    from_latitude         float8,
    from_longitude        float8,
    from_accuracy_km      float8,
    from_asn              bigint,
    from_as_organization  text,
    from_hosting          text,
    from_anonymizer       text,
    from_carrier          text,
    to_time               timestamptz,
    to_ip                 inet,
    to_event_id           text,
    to_city               text,
    to_subdivision        text,
    to_country            text,
    to_country_code       text,
    to_latitude           float8,
    to_longitude          float8,
    to_accuracy_km        float8,
    to_asn                bigint,
    to_as_organization    text,
    to_hosting            text,
    to_anonymizer         text,
    to_carrier            text,
    distance_km           float8,
    effective_distance_km float8,
    elapsed_seconds       float8,
    velocity_kmh          float8,
    impossible            boolean
);
COMMENT ON TYPE travel.leg IS
    'Leg: two consecutive located events of one entity at different addresses, with the distance and time between '
    'them';
COMMENT ON COLUMN travel.leg.from_time IS 'Time of the first event of the leg';
COMMENT ON COLUMN travel.leg.from_ip IS
    'Source IP address of the first event; NULL if the events have coordinates instead of addresses';
COMMENT ON COLUMN travel.leg.from_event_id IS
    'ID of the first event; the smallest one if several rows have this time and location';
COMMENT ON COLUMN travel.leg.from_city IS 'City at the start of the leg, in English';
COMMENT ON COLUMN travel.leg.from_subdivision IS 'State, province or other subdivision at the start of the leg';
COMMENT ON COLUMN travel.leg.from_country IS 'Country at the start of the leg, in English';
COMMENT ON COLUMN travel.leg.from_country_code IS 'Country at the start of the leg, as an ISO 3166-1 alpha-2 code';
COMMENT ON COLUMN travel.leg.from_latitude IS 'Latitude at the start of the leg, in degrees';
COMMENT ON COLUMN travel.leg.from_longitude IS 'Longitude at the start of the leg, in degrees';
COMMENT ON COLUMN travel.leg.from_accuracy_km IS
    'Radius in kilometers around the location of the first event that probably contains the address';
COMMENT ON COLUMN travel.leg.from_asn IS 'Number of the autonomous system (AS) of the first event''s address';
COMMENT ON COLUMN travel.leg.from_as_organization IS
    'Organization that operates the autonomous system of the first event''s address';
COMMENT ON COLUMN travel.leg.from_hosting IS
    'Hosting provider of the first event''s address: aws, azure, gcp, … or other';
COMMENT ON COLUMN travel.leg.from_anonymizer IS 'Anonymizer of the first event''s address: tor, vpn, proxy or relay';
COMMENT ON COLUMN travel.leg.from_carrier IS 'Carrier of the first event''s address: mobile or satellite';
COMMENT ON COLUMN travel.leg.to_time IS 'Time of the second event of the leg';
COMMENT ON COLUMN travel.leg.to_ip IS
    'Source IP address of the second event; NULL if the events have coordinates instead of addresses';
COMMENT ON COLUMN travel.leg.to_event_id IS
    'ID of the second event; the smallest one if several rows have this time and location';
COMMENT ON COLUMN travel.leg.to_city IS 'City at the end of the leg, in English';
COMMENT ON COLUMN travel.leg.to_subdivision IS 'State, province or other subdivision at the end of the leg';
COMMENT ON COLUMN travel.leg.to_country IS 'Country at the end of the leg, in English';
COMMENT ON COLUMN travel.leg.to_country_code IS 'Country at the end of the leg, as an ISO 3166-1 alpha-2 code';
COMMENT ON COLUMN travel.leg.to_latitude IS 'Latitude at the end of the leg, in degrees';
COMMENT ON COLUMN travel.leg.to_longitude IS 'Longitude at the end of the leg, in degrees';
COMMENT ON COLUMN travel.leg.to_accuracy_km IS
    'Radius in kilometers around the location of the second event that probably contains the address';
COMMENT ON COLUMN travel.leg.to_asn IS 'Number of the autonomous system (AS) of the second event''s address';
COMMENT ON COLUMN travel.leg.to_as_organization IS
    'Organization that operates the autonomous system of the second event''s address';
COMMENT ON COLUMN travel.leg.to_hosting IS
    'Hosting provider of the second event''s address: aws, azure, gcp, … or other';
COMMENT ON COLUMN travel.leg.to_anonymizer IS 'Anonymizer of the second event''s address: tor, vpn, proxy or relay';
COMMENT ON COLUMN travel.leg.to_carrier IS 'Carrier of the second event''s address: mobile or satellite';
COMMENT ON COLUMN travel.leg.distance_km IS 'Great-circle distance between the two locations, in kilometers';
COMMENT ON COLUMN travel.leg.effective_distance_km IS
    'Distance that is compared with the thresholds, in kilometers: distance_km, minus both accuracy radii if '
    'use_accuracy is set';
COMMENT ON COLUMN travel.leg.elapsed_seconds IS 'Time between the two events, in seconds';
COMMENT ON COLUMN travel.leg.velocity_kmh IS
    'Velocity in km/h: distance_km divided by the time; NULL if both events have the same time';
COMMENT ON COLUMN travel.leg.impossible IS
    'Whether the leg exceeds both thresholds, min_distance_km and min_velocity_kmh';

-- postgres_fdw sends an aggregate to another server if its result type is a member of an extension on its list.
-- PostgreSQL 18 makes an array type a member together with its element type. Before, this statement does.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
            AND objid OPERATOR(pg_catalog.=) 'travel.leg[]'::pg_catalog.regtype
            AND deptype OPERATOR(pg_catalog.=) 'e'
    ) THEN
        ALTER EXTENSION impossible_travel ADD TYPE travel.leg[];
    END IF;
END
$$;

CREATE FUNCTION travel.leg(
    event_time timestamptz, ip inet, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_inet';
COMMENT ON FUNCTION travel.leg(timestamptz, inet, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, ip). Thresholds default to 500 km and 1000 km/h';

CREATE FUNCTION travel.leg(
    event_time timestamptz, ip text, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_text';
COMMENT ON FUNCTION travel.leg(timestamptz, text, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, travel.source_ip(ip)). Text that is not an address is not located';

CREATE FUNCTION travel.leg(
    event_time timestamptz, latitude float8, longitude float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_coordinates';
COMMENT ON FUNCTION travel.leg(timestamptz, float8, float8, text, float8, float8, boolean) IS
    'Window function: the leg that ends at this row, or NULL. Use it with OVER (PARTITION BY the entity ORDER BY '
    'event_time, latitude, longitude). It needs no GeoIP database';

CREATE FUNCTION travel_internal.leg_within(
    event_time timestamptz, latitude float8, longitude float8, accuracy_km float8, event_id text DEFAULT NULL,
    min_distance_km float8 DEFAULT 500, min_velocity_kmh float8 DEFAULT 1000, use_accuracy boolean DEFAULT false
) RETURNS travel.leg
    LANGUAGE c WINDOW STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'travel_leg_accurate';
COMMENT ON FUNCTION travel_internal.leg_within(timestamptz, float8, float8, float8, text, float8, float8, boolean) IS
    'Window function: travel.leg for coordinates with an accuracy radius in kilometers';
