-- Geodesy ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION travel.distance_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'travel_distance_km';
COMMENT ON FUNCTION travel.distance_km(float8, float8, float8, float8) IS
    'Great-circle distance in kilometers between two points in degrees, on a sphere of radius 6371.0088 km';

CREATE FUNCTION travel.velocity_kmh(distance_km float8, elapsed interval) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_velocity_kmh';
COMMENT ON FUNCTION travel.velocity_kmh(float8, interval) IS
    'Velocity in km/h for a distance in kilometers and a time, whose sign is ignored; Infinity if no time passed';

CREATE FUNCTION travel.great_circle(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 500
    AS 'MODULE_PATHNAME', 'travel_great_circle';
COMMENT ON FUNCTION travel.great_circle(float8, float8, float8, float8) IS
    'Shortest way between two points in degrees as a GeoJSON geometry: a LineString, or a MultiLineString if it is cut '
    'at the antimeridian or a pole';
