-- Elastic, "Microsoft 365 Portal Logins from Impossible Travel Locations", on AWS's sign-ins.
-- From: elastic/detection-rules,
-- rules/integrations/o365/initial_access_microsoft_365_impossible_travel_portal_logins.toml. Elastic publishes no rule of
-- this name for AWS; its machine learning jobs for AWS ("Unusual Country for an AWS Command" and others) cannot be
-- restated as a query.
--
-- A user with successful sign-ins from two countries within 15 minutes alerts.
--
-- Interpreted: any span of 15 minutes counts, not only those in which the rule happens to run.
CREATE VIEW elastic_two_countries AS
SELECT this.event_time AS signal_time, last.event_id AS from_event_id, this.event_id AS to_event_id
FROM activity AS this
CROSS JOIN LATERAL (
    SELECT event_id
    FROM activity
    WHERE user_name = this.user_name AND (event_time, event_id) < (this.event_time, this.event_id)
      AND event_time > this.event_time - interval '15 minutes' AND country_code <> this.country_code
    ORDER BY event_time DESC, event_id DESC
    LIMIT 1
) AS last;
