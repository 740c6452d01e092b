-- RunReveal, "AWS Console Login from New Geographic Location".
-- From: runreveal/public-detection-packs, detections/aws/cloudtrail/aws_console_login_new_geo.sql and .yaml (window: 30
-- days). It is disabled by default.
--
-- A successful console sign-in of a user with an earlier sign-in in the last 30 days alerts if none of those came from
-- this country.
--
-- Interpreted: the history ends just before the sign-in, not at the beginning of a run of 15 minutes; the country is that
-- of the address's location, where RunReveal takes that of its autonomous system.
CREATE VIEW runreveal_new_country AS
WITH sign_ins AS (
    SELECT event_id, event_time, country_code, iam_user_name,
           lag(event_time) OVER (PARTITION BY iam_user_name ORDER BY event_time, event_id) AS last_time,
           lag(event_time) OVER (PARTITION BY iam_user_name, country_code ORDER BY event_time, event_id) AS last_here
    FROM activity
    WHERE is_sign_in AND iam_user_name IS NOT NULL AND country_code IS NOT NULL
)
SELECT event_time AS signal_time, NULL::text AS from_event_id, event_id AS to_event_id
FROM sign_ins
WHERE last_time >= event_time - interval '30 days'
  AND (last_here IS NULL OR last_here < event_time - interval '30 days');
