-- BuffaLogs, "Impossible Travel".
-- From: certego/BuffaLogs, buffalogs/impossible_travel/modules/detection.py (check_fields and
-- calc_distance_impossible_travel), and the defaults of its settings: CERTEGO_BUFFALOGS_DISTANCE_KM_ACCEPTED = 100,
-- CERTEGO_BUFFALOGS_VEL_TRAVEL_ACCEPTED = 300.
--
-- A login of a known user from an address that this user never used before is compared with the user's latest login. It
-- alerts if the distance exceeds 100 km and the velocity exceeds 300 km/h; with no time between them, an elapsed time of
-- 0.001 hours is used.
--
-- Interpreted: logins arrive in the order of their time; the distance is computed on a sphere, not on an ellipsoid;
-- addresses are not forgotten; the filters of alerts are not applied, because all of them are empty or off by default
-- except that for mobile devices, which depends on the user agent. The other alerts of BuffaLogs, such as that of a new
-- country, are not impossible travel and are left out.
CREATE VIEW buffalogs AS
WITH logins AS (
    SELECT event_id, event_time, latitude, longitude,
           row_number() OVER (PARTITION BY user_name, ip ORDER BY event_time, event_id) = 1 AS is_new_address,
           lag(event_id) OVER journey AS from_event_id,
           lag(event_time) OVER journey AS from_time,
           lag(latitude) OVER journey AS from_latitude,
           lag(longitude) OVER journey AS from_longitude
    FROM activity
    WHERE user_name IS NOT NULL
    WINDOW journey AS (PARTITION BY user_name ORDER BY event_time, event_id)
), legs AS (
    SELECT *, travel.distance_km(from_latitude, from_longitude, latitude, longitude) AS km,
           coalesce(nullif(extract(epoch FROM event_time - from_time) / 3600, 0), 0.001) AS hours
    FROM logins
    WHERE is_new_address AND from_event_id IS NOT NULL
)
SELECT event_time AS signal_time, from_event_id, event_id AS to_event_id
FROM legs
WHERE km > 100 AND km / hours > 300;
