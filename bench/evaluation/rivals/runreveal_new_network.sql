-- RunReveal, "AWS Key Used from New Network".
-- From: runreveal/public-detection-packs, detections/aws/cloudtrail/aws_key_new_network.sql and .yaml (window: 30 days,
-- nothing ignored).
--
-- A call with a long-term key (AKIA…) alerts if the key was not used from this autonomous system in the last 30 days.
--
-- Interpreted: the history ends just before the call, not at the beginning of a run of 15 minutes; the first call of a
-- key alerts, because the rule joins the history with LEFT JOIN.
CREATE VIEW runreveal_new_network AS
WITH calls AS (
    SELECT event_id, event_time,
           lag(event_time) OVER (PARTITION BY access_key_id, asn ORDER BY event_time, event_id) AS last_here
    FROM activity
    WHERE access_key_id LIKE 'AKIA%'
)
SELECT event_time AS signal_time, NULL::text AS from_event_id, event_id AS to_event_id
FROM calls
WHERE last_here IS NULL OR last_here < event_time - interval '30 days';
