-- Panther, "Impossible Travel for Login Action" (Standard.ImpossibleTravel.Login).
-- From: panther-labs/panther-analysis, rules/standard_rules/impossible_travel_login.py.
--
-- A successful login is compared with the user's last login that is still in the cache, where it stays for a day. Logins
-- through a VPN or a private relay are compared, but are not cached for comparison. It alerts if the velocity exceeds
-- 900 km/h, at any distance; with no time between them, an elapsed time of 0.0001 hours is used.
--
-- Interpreted: logins arrive in the order of their time; a VPN is one that the GeoIP database marks as an anonymizer; an
-- address without a city has no location, because a missing field ends the rule; one alert of severity INFO, LOW or HIGH
-- counts like any other.
CREATE VIEW panther AS
WITH logins AS NOT MATERIALIZED (
    SELECT *
    FROM activity
    WHERE user_name IS NOT NULL AND city IS NOT NULL
), legs AS (
    SELECT this.event_time, this.event_id, last.event_id AS from_event_id,
           travel.distance_km(last.latitude, last.longitude, this.latitude, this.longitude) AS km,
           coalesce(nullif(extract(epoch FROM this.event_time - last.event_time) / 3600, 0), 0.0001) AS hours
    FROM logins AS this
    CROSS JOIN LATERAL (
        SELECT *
        FROM logins
        WHERE user_name = this.user_name AND (event_time, event_id) < (this.event_time, this.event_id)
          AND event_time > this.event_time - interval '1 day'
          AND anonymizer IS NULL
        ORDER BY event_time DESC, event_id DESC
        LIMIT 1
    ) AS last
)
SELECT event_time AS signal_time, from_event_id, event_id AS to_event_id
FROM legs
WHERE km / hours > 900;
