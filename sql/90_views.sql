-- Views of alerts for dashboards and maps -----------------------------------------------------------------------------

-- These views have at most 14 narrow columns, because BI tools read whole rows. They leave out withdrawn alerts.
-- Columns with the same name have the same meaning in all of them.

CREATE FUNCTION travel_internal.place_name(
    city text, country text, country_code text, latitude float8, longitude float8
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        nullif(pg_catalog.concat_ws(', ', city, coalesce(country, country_code)), ''),
        pg_catalog.format('%s, %s', latitude, longitude));
COMMENT ON FUNCTION travel_internal.place_name(text, text, text, float8, float8) IS
    'Name of a location for readers: city and country, or else the coordinates';

CREATE VIEW travel.alerts_brief AS
SELECT a.id AS alert_id,
       a.rule,
       a.severity,
       a.severity_rank,
       a.status,
       a.archive_reason,
       a.assignee,
       coalesce(a.session_name, a.user_name, a.actor, a.principal, a.entity) AS identity,
       a.first_seen,
       a.last_seen,
       a.leg_count,
       travel_internal.place_name(a.from_city, a.from_country, a.from_country_code, a.from_latitude, a.from_longitude)
           AS from_place,
       travel_internal.place_name(a.to_city, a.to_country, a.to_country_code, a.to_latitude, a.to_longitude)
           AS to_place,
       a.velocity_kmh
FROM travel.alerts AS a
WHERE a.withdrawn_at IS NULL;
COMMENT ON VIEW travel.alerts_brief IS 'Alerts that are not withdrawn, in 14 columns, for lists and charts';
COMMENT ON COLUMN travel.alerts_brief.alert_id IS 'Alert, as in travel.alerts';
COMMENT ON COLUMN travel.alerts_brief.rule IS 'Rule that raised the alert';
COMMENT ON COLUMN travel.alerts_brief.severity IS 'Severity of the alert';
COMMENT ON COLUMN travel.alerts_brief.severity_rank IS 'Rank of the severity, from 1 (info) to 5 (critical)';
COMMENT ON COLUMN travel.alerts_brief.status IS 'open, under_review or archived';
COMMENT ON COLUMN travel.alerts_brief.archive_reason IS 'Why the alert was archived';
COMMENT ON COLUMN travel.alerts_brief.assignee IS 'Analyst who works on the alert';
COMMENT ON COLUMN travel.alerts_brief.identity IS
    'Name of the session or user with which the first leg arrives; without a name, its actor, principal or entity';
COMMENT ON COLUMN travel.alerts_brief.first_seen IS 'Time at which the first leg arrived';
COMMENT ON COLUMN travel.alerts_brief.last_seen IS 'Time at which the last leg arrived';
COMMENT ON COLUMN travel.alerts_brief.leg_count IS 'Number of raised legs';
COMMENT ON COLUMN travel.alerts_brief.from_place IS 'City and country at the start of the first leg';
COMMENT ON COLUMN travel.alerts_brief.to_place IS 'City and country at the end of the first leg';
COMMENT ON COLUMN travel.alerts_brief.velocity_kmh IS 'Velocity of the first leg in km/h; NULL if no time passed';

CREATE VIEW travel.alert_points AS
SELECT a.id AS alert_id,
       p.role,
       p."time",
       p.latitude,
       p.longitude,
       p.city,
       p.country_code,
       p.ip,
       a.rule,
       a.severity,
       a.severity_rank,
       a.status,
       coalesce(a.session_name, a.user_name, a.actor, a.principal, a.entity) AS identity,
       a.first_seen
FROM travel.alerts AS a
CROSS JOIN LATERAL (
    VALUES ('from', a.from_time, a.from_latitude, a.from_longitude, a.from_city, a.from_country_code, a.from_ip),
           ('to', a.to_time, a.to_latitude, a.to_longitude, a.to_city, a.to_country_code, a.to_ip)
) AS p (role, "time", latitude, longitude, city, country_code, ip)
WHERE a.withdrawn_at IS NULL;
COMMENT ON VIEW travel.alert_points IS
    'Both ends of the first leg of each alert, in two rows, for maps that show points';
COMMENT ON COLUMN travel.alert_points.alert_id IS 'Alert, as in travel.alerts';
COMMENT ON COLUMN travel.alert_points.role IS 'from: the start of the leg; to: its end';
COMMENT ON COLUMN travel.alert_points."time" IS 'Time of the event at this end';
COMMENT ON COLUMN travel.alert_points.latitude IS 'Latitude of this end in degrees';
COMMENT ON COLUMN travel.alert_points.longitude IS 'Longitude of this end in degrees';
COMMENT ON COLUMN travel.alert_points.city IS 'City of this end';
COMMENT ON COLUMN travel.alert_points.country_code IS 'Country of this end, as two capital letters such as GB';
COMMENT ON COLUMN travel.alert_points.ip IS 'Source IP address of the event at this end';
COMMENT ON COLUMN travel.alert_points.rule IS 'Rule that raised the alert';
COMMENT ON COLUMN travel.alert_points.severity IS 'Severity of the alert';
COMMENT ON COLUMN travel.alert_points.severity_rank IS 'Rank of the severity, from 1 (info) to 5 (critical)';
COMMENT ON COLUMN travel.alert_points.status IS 'open, under_review or archived';
COMMENT ON COLUMN travel.alert_points.identity IS
    'Name of the session or user with which the first leg arrives; without a name, its actor, principal or entity';
COMMENT ON COLUMN travel.alert_points.first_seen IS 'Time at which the first leg arrived';

CREATE VIEW travel.alert_routes AS
SELECT a.id AS alert_id,
       a.rule,
       a.severity,
       a.severity_rank,
       a.status,
       coalesce(a.session_name, a.user_name, a.actor, a.principal, a.entity) AS identity,
       a.from_time,
       a.to_time,
       travel_internal.place_name(a.from_city, a.from_country, a.from_country_code, a.from_latitude, a.from_longitude)
           AS from_place,
       travel_internal.place_name(a.to_city, a.to_country, a.to_country_code, a.to_latitude, a.to_longitude)
           AS to_place,
       a.distance_km,
       a.elapsed_seconds,
       a.velocity_kmh,
       travel.great_circle(a.from_latitude, a.from_longitude, a.to_latitude, a.to_longitude) AS route
FROM travel.alerts AS a
WHERE a.withdrawn_at IS NULL;
COMMENT ON VIEW travel.alert_routes IS 'The first leg of each alert as a line, for maps that show GeoJSON';
COMMENT ON COLUMN travel.alert_routes.alert_id IS 'Alert, as in travel.alerts';
COMMENT ON COLUMN travel.alert_routes.rule IS 'Rule that raised the alert';
COMMENT ON COLUMN travel.alert_routes.severity IS 'Severity of the alert';
COMMENT ON COLUMN travel.alert_routes.severity_rank IS 'Rank of the severity, from 1 (info) to 5 (critical)';
COMMENT ON COLUMN travel.alert_routes.status IS 'open, under_review or archived';
COMMENT ON COLUMN travel.alert_routes.identity IS
    'Name of the session or user with which the first leg arrives; without a name, its actor, principal or entity';
COMMENT ON COLUMN travel.alert_routes.from_time IS 'Time of the first event of the leg';
COMMENT ON COLUMN travel.alert_routes.to_time IS 'Time of the second event of the leg';
COMMENT ON COLUMN travel.alert_routes.from_place IS 'City and country at the start of the leg';
COMMENT ON COLUMN travel.alert_routes.to_place IS 'City and country at the end of the leg';
COMMENT ON COLUMN travel.alert_routes.distance_km IS 'Great-circle distance of the leg in kilometers';
COMMENT ON COLUMN travel.alert_routes.elapsed_seconds IS 'Time between the two events in seconds';
COMMENT ON COLUMN travel.alert_routes.velocity_kmh IS 'Velocity of the leg in km/h; NULL if no time passed';
COMMENT ON COLUMN travel.alert_routes.route IS
    'GeoJSON geometry of the great circle, as travel.great_circle returns it';

CREATE VIEW travel.alerts_daily AS
SELECT (a.first_seen AT TIME ZONE 'UTC')::date AS day,
       a.rule,
       a.severity,
       a.severity_rank,
       pg_catalog.count(*) AS alerts,
       pg_catalog.count(DISTINCT a.entity) AS entities,
       pg_catalog.sum(a.leg_count)::bigint AS legs,
       pg_catalog.count(*) FILTER (WHERE a.status = 'open') AS open,
       pg_catalog.count(*) FILTER (WHERE a.status = 'under_review') AS under_review,
       pg_catalog.count(*) FILTER (WHERE a.status = 'archived') AS archived,
       pg_catalog.count(*) FILTER (WHERE a.status = 'archived' AND a.archive_reason = 'expected') AS expected,
       pg_catalog.count(*) FILTER (WHERE a.status = 'archived' AND a.archive_reason = 'true_positive') AS true_positive,
       pg_catalog.count(*) FILTER (WHERE a.status = 'archived' AND a.archive_reason = 'false_positive')
           AS false_positive
FROM travel.alerts AS a
WHERE a.withdrawn_at IS NULL
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW travel.alerts_daily IS
    'Number of alerts per day, rule and severity, for charts. A day without alerts has no row';
COMMENT ON COLUMN travel.alerts_daily.day IS 'Day (in UTC) on which the first leg of the alerts arrived';
COMMENT ON COLUMN travel.alerts_daily.rule IS 'Rule that raised the alerts';
COMMENT ON COLUMN travel.alerts_daily.severity IS 'Severity of the alerts';
COMMENT ON COLUMN travel.alerts_daily.severity_rank IS 'Rank of the severity, from 1 (info) to 5 (critical)';
COMMENT ON COLUMN travel.alerts_daily.alerts IS 'Number of alerts that are not withdrawn';
COMMENT ON COLUMN travel.alerts_daily.entities IS 'Number of different entities of these alerts';
COMMENT ON COLUMN travel.alerts_daily.legs IS 'Number of raised legs of these alerts';
COMMENT ON COLUMN travel.alerts_daily.open IS 'Number of these alerts that are open';
COMMENT ON COLUMN travel.alerts_daily.under_review IS 'Number of these alerts that are under review';
COMMENT ON COLUMN travel.alerts_daily.archived IS 'Number of these alerts that are archived';
COMMENT ON COLUMN travel.alerts_daily.expected IS 'Number of these alerts that are archived as expected';
COMMENT ON COLUMN travel.alerts_daily.true_positive IS 'Number of these alerts that are archived as true_positive';
COMMENT ON COLUMN travel.alerts_daily.false_positive IS 'Number of these alerts that are archived as false_positive';

CREATE VIEW travel.coverage_daily AS
SELECT d.day,
       d.rule,
       d.located + d.ignored + d.no_entity + d.no_address + d.private_address + d.unknown_address AS events,
       d.located,
       d.ignored,
       d.no_address + d.private_address + d.unknown_address AS not_located,
       d.no_address,
       d.private_address,
       d.unknown_address,
       d.no_entity,
       d.located::float8 / nullif(d.located + d.no_address + d.private_address + d.unknown_address, 0) AS share_located,
       d.is_exact,
       d.counted_at
FROM travel_internal.coverage_days AS d;
COMMENT ON VIEW travel.coverage_daily IS
    'Events of each day that the scans of each rule read, by whether they were located and why not. If a day has no '
    'row, no scan has read an event of that day';
COMMENT ON COLUMN travel.coverage_daily.day IS 'Day of the events, in UTC';
COMMENT ON COLUMN travel.coverage_daily.rule IS 'Rule whose scans read the events';
COMMENT ON COLUMN travel.coverage_daily.events IS 'Number of events, including duplicates';
COMMENT ON COLUMN travel.coverage_daily.located IS 'Number of events that were located, and so evaluated';
COMMENT ON COLUMN travel.coverage_daily.ignored IS 'Number of events that a named network excludes';
COMMENT ON COLUMN travel.coverage_daily.not_located IS
    'Number of events that were not located: the sum of the next three';
COMMENT ON COLUMN travel.coverage_daily.no_address IS
    'Number of events without an address, or without coordinates if the source has coordinates';
COMMENT ON COLUMN travel.coverage_daily.private_address IS
    'Number of events from private addresses that no named network locates';
COMMENT ON COLUMN travel.coverage_daily.unknown_address IS
    'Number of events from public addresses without a location in GeoIP or travel.networks';
COMMENT ON COLUMN travel.coverage_daily.no_entity IS
    'Number of events whose entity has more than 2,000 bytes, so scans cannot store it';
COMMENT ON COLUMN travel.coverage_daily.share_located IS
    'Number of located events divided by that of located and not located events, from 0 to 1';
COMMENT ON COLUMN travel.coverage_daily.is_exact IS
    'Whether each event was counted once. It is false if scans may have counted events again, or read only a part of '
    'the day';
COMMENT ON COLUMN travel.coverage_daily.counted_at IS 'Time at which events of the day were last counted';

CREATE FUNCTION travel_internal.alert_not_found(alert_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_alert_not_found';
COMMENT ON FUNCTION travel_internal.alert_not_found(bigint) IS
    'Raises the error of a function whose alert does not exist';

CREATE FUNCTION travel_internal.feature_collection(features jsonb[]) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_feature_collection';
COMMENT ON FUNCTION travel_internal.feature_collection(jsonb[]) IS 'Features as a GeoJSON FeatureCollection';

CREATE FUNCTION travel.alert_geojson(alert_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH legs AS (
        SELECT a.leg_id, a.from_time, a.from_ip, a.from_city, a.from_country, a.from_country_code, a.from_latitude,
               a.from_longitude, a.to_time, a.to_ip, a.to_city, a.to_country, a.to_country_code, a.to_latitude,
               a.to_longitude, a.distance_km, a.velocity_kmh
        FROM travel.alerts AS a
        WHERE a.id = alert_geojson.alert_id
        UNION
        SELECT v.leg_id, v.from_time, v.from_ip, v.from_city, v.from_country, v.from_country_code, v.from_latitude,
               v.from_longitude, v.to_time, v.to_ip, v.to_city, v.to_country, v.to_country_code, v.to_latitude,
               v.to_longitude, v.distance_km, v.velocity_kmh
        FROM travel.verdicts AS v
        WHERE v.alert_id = alert_geojson.alert_id AND v.raised
    ), points AS (
        SELECT l.from_time AS "time", l.from_ip AS ip, l.from_city AS city, l.from_country AS country,
               l.from_country_code AS country_code, l.from_latitude AS latitude, l.from_longitude AS longitude
        FROM legs AS l
        UNION
        SELECT l.to_time, l.to_ip, l.to_city, l.to_country, l.to_country_code, l.to_latitude, l.to_longitude
        FROM legs AS l
    ), features AS (
        SELECT l.to_time AS position, 2 AS kind, l.leg_id AS tie,
               pg_catalog.jsonb_build_object(
                   'type', 'Feature',
                   'geometry',
                   travel.great_circle(l.from_latitude, l.from_longitude, l.to_latitude, l.to_longitude),
                   'properties', pg_catalog.jsonb_build_object(
                       'kind', 'leg', 'leg_id', l.leg_id, 'from_time', l.from_time, 'to_time', l.to_time,
                       'from_place', travel_internal.place_name(
                           l.from_city, l.from_country, l.from_country_code, l.from_latitude, l.from_longitude),
                       'to_place', travel_internal.place_name(
                           l.to_city, l.to_country, l.to_country_code, l.to_latitude, l.to_longitude),
                       'distance_km', l.distance_km, 'velocity_kmh', l.velocity_kmh)) AS feature
        FROM legs AS l
        UNION ALL
        SELECT p."time", 1, pg_catalog.host(p.ip),
               pg_catalog.jsonb_build_object(
                   'type', 'Feature',
                   'geometry', pg_catalog.jsonb_build_object(
                       'type', 'Point', 'coordinates', pg_catalog.jsonb_build_array(p.longitude, p.latitude)),
                   'properties', pg_catalog.jsonb_build_object(
                       'kind', 'event', 'time', p."time", 'ip', pg_catalog.host(p.ip),
                       'place', travel_internal.place_name(
                           p.city, p.country, p.country_code, p.latitude, p.longitude)))
        FROM points AS p
    )
    SELECT CASE WHEN pg_catalog.count(*) > 0 THEN travel_internal.feature_collection(
               pg_catalog.array_agg(f.feature ORDER BY f.position, f.kind, f.tie))
           ELSE travel_internal.alert_not_found(alert_geojson.alert_id) END
    FROM features AS f;
END;
COMMENT ON FUNCTION travel.alert_geojson(bigint) IS
    'An alert as a GeoJSON FeatureCollection: a line for each raised leg, and a point for each event at their ends';
