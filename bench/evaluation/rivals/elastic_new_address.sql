-- Elastic, "AWS IAM Long-Term Access Key First Seen from Source IP".
-- From: elastic/detection-rules,
-- rules/integrations/aws/credential_access_iam_long_term_access_key_first_seen_from_source_ip.toml (history: 10 days).
--
-- A successful call with a long-term key (AKIA…) alerts if the key was not used from this address in the last 10 days.
--
-- Interpreted: the history ends just before the call, not at the beginning of a run.
CREATE VIEW elastic_new_address AS
WITH calls AS (
    SELECT event_id, event_time,
           lag(event_time) OVER (PARTITION BY access_key_id, ip ORDER BY event_time, event_id) AS last_here
    FROM activity
    WHERE access_key_id LIKE 'AKIA%'
)
SELECT event_time AS signal_time, NULL::text AS from_event_id, event_id AS to_event_id
FROM calls
WHERE last_here IS NULL OR last_here < event_time - interval '10 days';
