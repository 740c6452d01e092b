-- Datadog Cloud SIEM, impossible travel with baseline user locations, on IAM users.
-- From: the documentation of the detection method and of the rule for AWS CloudTrail IAM users, and the API's
-- SecurityMonitoringRuleImpossibleTravelOptions: "If true, signals are suppressed for the first 24 hours. In that time,
-- Datadog learns the user's regular access locations."
--
-- Two successive successful events of a user (the session name) alert if they are more than 500 km apart, faster than
-- 1,000 km/h. Not in the first 24 hours of the user; not if the user was in the second city before, except if that was
-- more than 30 days ago; not if the user made the move between the two cities before.
--
-- Interpreted: every event makes its city known at once; a location is a city with its country; events at one address are
-- not compared. The extension's own way is the preset iam_user. This is a second implementation of it that shares no code
-- with it, so the two are compared.
CREATE VIEW reference AS
WITH events AS (
    SELECT event_id, event_time, ip, latitude, longitude, account_id, session_name, country_code,
           coalesce(city, '') AS city,
           min(event_time) OVER (PARTITION BY account_id, session_name) AS first_time,
           lag(event_time) OVER (PARTITION BY account_id, session_name, country_code, coalesce(city, '')
               ORDER BY event_time, ip, event_id) AS last_here
    FROM activity
    WHERE identity_type = 'IAMUser'
), legs AS (
    SELECT *,
           lag(event_id) OVER journey AS from_event_id, lag(event_time) OVER journey AS from_time,
           lag(ip) OVER journey AS from_ip, lag(latitude) OVER journey AS from_latitude,
           lag(longitude) OVER journey AS from_longitude, lag(city) OVER journey AS from_city,
           lag(country_code) OVER journey AS from_country
    FROM events
    WINDOW journey AS (PARTITION BY account_id, session_name ORDER BY event_time, ip, event_id)
), moves AS (
    SELECT *,
           travel.distance_km(from_latitude, from_longitude, latitude, longitude) AS km,
           extract(epoch FROM event_time - from_time) / 3600 AS hours,
           row_number() OVER (PARTITION BY account_id, session_name, from_country, from_city, country_code, city
               ORDER BY event_time, ip, event_id) = 1 AS is_first_move
    FROM legs
    WHERE from_ip <> ip
)
SELECT event_time AS signal_time, from_event_id, event_id AS to_event_id
FROM moves
WHERE km > 500 AND km > 1000 * hours
  AND event_time >= first_time + interval '24 hours'
  AND (last_here IS NULL OR last_here < event_time - interval '30 days')
  AND is_first_move;
