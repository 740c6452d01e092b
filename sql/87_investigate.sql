-- From an alert to a decision: the events behind it, what followed, and how to stop it --------------------------------

CREATE FUNCTION travel.alert_events(alert_id bigint) RETURNS SETOF travel.event
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 100
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_alert_events';
COMMENT ON FUNCTION travel.alert_events(bigint) IS
    'Events behind an alert: those of its entity that the rule evaluates, from the start of the first leg to the end '
    'of the last one. The source is read with the privileges of the rule''s owner. Requires the level read';
REVOKE ALL ON FUNCTION travel.alert_events(bigint) FROM PUBLIC;

CREATE FUNCTION travel.activity_after(
    alert_id bigint,
    OUT event_name text, OUT event_source text, OUT read_only boolean, OUT outcome text, OUT denied boolean,
    OUT events bigint, OUT first_time timestamptz, OUT last_time timestamptz,
    OUT source_ips text[], OUT access_key_ids text[], OUT source_ip_count bigint, OUT access_key_count bigint
) RETURNS SETOF record
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 20
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_activity_after';
COMMENT ON FUNCTION travel.activity_after(bigint) IS
    'What the credential of an alert did from the second location on, counted by call, service, access and outcome. '
    'The source is read with the privileges of the rule''s owner. Requires the level read';
REVOKE ALL ON FUNCTION travel.activity_after(bigint) FROM PUBLIC;

CREATE FUNCTION travel.containment(alert_id bigint) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_containment';
COMMENT ON FUNCTION travel.containment(bigint) IS
    'Commands of the AWS CLI that stop the credential of an alert, as text for a POSIX shell. The function runs none '
    'of them. Requires the level read';
REVOKE ALL ON FUNCTION travel.containment(bigint) FROM PUBLIC;

CREATE FUNCTION travel.report(alert_id bigint) RETURNS text
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_report';
COMMENT ON FUNCTION travel.report(bigint) IS
    'Alert as a page of Markdown: both ends, evidence, what was known, the activity after it, containment, and the '
    'goal and triage of the rule. Requires the level read';
REVOKE ALL ON FUNCTION travel.report(bigint) FROM PUBLIC;
