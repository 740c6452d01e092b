-- Verdicts and alerts: the results of scans ---------------------------------------------------------------------------

CREATE TABLE travel.verdicts (
    rule     text    NOT NULL,
    raised   boolean NOT NULL,
    reasons  text[]  NOT NULL,
    alert_id bigint,
    LIKE travel.finding INCLUDING COMMENTS,
    edition  bigint,
    suppression_ids bigint[] NOT NULL DEFAULT '{}',
    network_names   text[]   NOT NULL DEFAULT '{}',
    PRIMARY KEY (rule, leg_id)
);
CREATE INDEX verdicts_entity ON travel.verdicts (rule, entity, to_time);
CREATE INDEX verdicts_time ON travel.verdicts (to_time);
CREATE INDEX verdicts_alert ON travel.verdicts (alert_id) WHERE alert_id IS NOT NULL;
COMMENT ON TABLE travel.verdicts IS
    'Verdict on each impossible leg of each rule: raised, or not raised and every reason why';
COMMENT ON COLUMN travel.verdicts.rule IS 'Rule that evaluated the leg';
COMMENT ON COLUMN travel.verdicts.raised IS 'Whether the leg is part of an alert';
COMMENT ON COLUMN travel.verdicts.reasons IS 'Every reason not to raise the leg; empty if it was raised';
COMMENT ON COLUMN travel.verdicts.alert_id IS 'Alert that contains the leg; NULL if it was not raised';
COMMENT ON COLUMN travel.verdicts.edition IS
    'Hash of the GeoIP databases and named networks that located both ends of the leg';
COMMENT ON COLUMN travel.verdicts.suppression_ids IS
    'Rows of travel.suppressions that fit the leg, which gave the reason suppressed';
COMMENT ON COLUMN travel.verdicts.network_names IS
    'Names of the rows of travel.networks that gave the reasons vpn, trusted_network or hosting';
SELECT pg_catalog.pg_extension_config_dump('travel.verdicts', '');

CREATE SEQUENCE travel.alerts_id_seq AS bigint;
COMMENT ON SEQUENCE travel.alerts_id_seq IS 'IDs of travel.alerts';
SELECT pg_catalog.pg_extension_config_dump('travel.alerts_id_seq', '');

CREATE TABLE travel.alerts (
    id             bigint          PRIMARY KEY DEFAULT pg_catalog.nextval('travel.alerts_id_seq'),
    rule           text            NOT NULL,
    severity       travel.severity NOT NULL,
    status         text            NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'under_review', 'archived')),
    archive_reason text            CHECK (archive_reason IN ('expected', 'true_positive', 'false_positive', 'other')),
    assignee       text            CHECK (length(assignee) <= 200),
    first_seen     timestamptz     NOT NULL,
    last_seen      timestamptz     NOT NULL,
    leg_count      int             NOT NULL,
    evidence       text[]          NOT NULL,
    LIKE travel.finding INCLUDING COMMENTS,
    signal         jsonb           NOT NULL,
    geoip_built_at timestamptz,
    raised_at      timestamptz     NOT NULL DEFAULT pg_catalog.now(),
    updated_at     timestamptz     NOT NULL DEFAULT pg_catalog.now(),
    archived_at    timestamptz,
    reopened_at    timestamptz,
    withdrawn_at   timestamptz,
    severity_rank  smallint        NOT NULL GENERATED ALWAYS AS (
        pg_catalog.array_position('{info,low,medium,high,critical}'::text[], severity::text)
    ) STORED
);
CREATE INDEX alerts_entity ON travel.alerts (rule, entity, last_seen);
CREATE INDEX alerts_last_seen ON travel.alerts (last_seen);
COMMENT ON TABLE travel.alerts IS
    'Alerts, one per incident: raised legs of one entity that belong together. The columns of the leg describe the '
    'first one';
COMMENT ON COLUMN travel.alerts.id IS
    'Primary key. An alert keeps it as long as the incident shares a leg with the stored alert';
COMMENT ON COLUMN travel.alerts.rule IS 'Rule that raised the alert; the rule may have been deleted';
COMMENT ON COLUMN travel.alerts.severity IS
    'Severity of the rule, or the next lower one if each leg has a network attribute in downgraded';
COMMENT ON COLUMN travel.alerts.status IS 'open, under_review or archived; set by analysts';
COMMENT ON COLUMN travel.alerts.archive_reason IS
    'Why the alert was archived. expected: its locations become known. Otherwise true_positive, false_positive or '
    'other';
COMMENT ON COLUMN travel.alerts.assignee IS 'Analyst who works on the alert; set by analysts';
COMMENT ON COLUMN travel.alerts.first_seen IS 'Time of the second event (to_time) of the first leg';
COMMENT ON COLUMN travel.alerts.last_seen IS 'Time of the second event (to_time) of the last leg';
COMMENT ON COLUMN travel.alerts.leg_count IS 'Number of raised legs';
COMMENT ON COLUMN travel.alerts.evidence IS 'What the legs show, such as new_country, no_mfa or tor';
COMMENT ON COLUMN travel.alerts.message IS 'Message of the rule, or the sentence of the first leg';
COMMENT ON COLUMN travel.alerts.signal IS
    'The alert as a nested JSON object. {{@path}} in the message of a rule refers to its attributes';
COMMENT ON COLUMN travel.alerts.geoip_built_at IS
    'Build time of the oldest GeoIP database in use when the alert was raised';
COMMENT ON COLUMN travel.alerts.raised_at IS 'Time at which a scan raised the alert';
COMMENT ON COLUMN travel.alerts.updated_at IS 'Time at which a scan or an analyst last changed the alert';
COMMENT ON COLUMN travel.alerts.archived_at IS
    'Time at which the alert was last archived; NULL if an analyst reopened it';
COMMENT ON COLUMN travel.alerts.reopened_at IS
    'Time at which a scan reopened the alert, because a leg was raised into it after it had been archived';
COMMENT ON COLUMN travel.alerts.withdrawn_at IS
    'Time at which the alert lost its last raised leg, after a late event or a rescan';
COMMENT ON COLUMN travel.alerts.severity_rank IS
    'Rank of the severity, from 1 (info) to 5 (critical), for sorting and comparing';
SELECT pg_catalog.pg_extension_config_dump('travel.alerts', '');

CREATE TABLE travel.alert_history (
    alert_id  bigint      NOT NULL,
    at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by        text        NOT NULL,
    change    jsonb       NOT NULL,
    change_id bigint      GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE INDEX alert_history_alert ON travel.alert_history (alert_id, at);
COMMENT ON TABLE travel.alert_history IS 'History of alerts: who changed what, and when';
COMMENT ON COLUMN travel.alert_history.alert_id IS 'Alert that was changed';
COMMENT ON COLUMN travel.alert_history.at IS 'Time of the change';
COMMENT ON COLUMN travel.alert_history.by IS 'Role that made the change; for a scan, the role that called it';
COMMENT ON COLUMN travel.alert_history.change IS
    'Old and new value of each changed column, or a new comment. Contains rule_deleted if the alert was archived '
    'because its rule was deleted';
COMMENT ON COLUMN travel.alert_history.change_id IS 'Primary key, generated';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_history', '');
COMMENT ON SEQUENCE travel.alert_history_change_id_seq IS 'IDs of travel.alert_history';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_history_change_id_seq', '');

CREATE TABLE travel.alert_comments (
    alert_id   bigint      NOT NULL,
    at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by         text        NOT NULL DEFAULT CURRENT_USER,
    comment    text        NOT NULL CHECK (comment <> '' AND length(comment) <= 10000),
    comment_id bigint      GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE INDEX alert_comments_alert ON travel.alert_comments (alert_id, at);
COMMENT ON TABLE travel.alert_comments IS
    'Comments of analysts on alerts. No role can change them, and they are deleted only together with their alert';
COMMENT ON COLUMN travel.alert_comments.alert_id IS 'Alert that the comment is about';
COMMENT ON COLUMN travel.alert_comments.at IS 'Time of the comment, maintained by the extension';
COMMENT ON COLUMN travel.alert_comments.by IS 'Role that wrote the comment, maintained by the extension';
COMMENT ON COLUMN travel.alert_comments.comment IS 'Text of the comment';
COMMENT ON COLUMN travel.alert_comments.comment_id IS 'Primary key, generated';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_comments', '');
COMMENT ON SEQUENCE travel.alert_comments_comment_id_seq IS 'IDs of travel.alert_comments';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_comments_comment_id_seq', '');

CREATE TABLE travel_internal.alert_legs (
    alert_id          bigint      NOT NULL,
    leg_id            text        NOT NULL,
    to_time           timestamptz NOT NULL,
    baseline_entity   text,
    from_country_code text,
    from_subdivision  text,
    from_city         text,
    from_known        boolean     NOT NULL,
    to_country_code   text,
    to_subdivision    text,
    to_city           text,
    to_known          boolean     NOT NULL,
    downgraded        boolean     NOT NULL DEFAULT false,
    evidence          text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (alert_id, leg_id)
);
CREATE INDEX alert_legs_leg ON travel_internal.alert_legs (leg_id);
COMMENT ON TABLE travel_internal.alert_legs IS
    'Raised legs of each alert. A withdrawn alert keeps its last legs, which identify the incident if it returns';
COMMENT ON COLUMN travel_internal.alert_legs.alert_id IS 'Alert that contains the leg';
COMMENT ON COLUMN travel_internal.alert_legs.leg_id IS 'Leg, as in travel.verdicts';
COMMENT ON COLUMN travel_internal.alert_legs.to_time IS 'Time at which the leg arrives';
COMMENT ON COLUMN travel_internal.alert_legs.baseline_entity IS
    'Baseline user whose locations these are; NULL if the rule has no baseline';
COMMENT ON COLUMN travel_internal.alert_legs.from_country_code IS 'Country at the start of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.from_subdivision IS 'State or province at the start of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.from_city IS 'City at the start of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.from_known IS
    'Whether the location at the start was known when the leg arrived. Archiving as expected makes locations known '
    'that were not';
COMMENT ON COLUMN travel_internal.alert_legs.to_country_code IS 'Country at the end of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.to_subdivision IS 'State or province at the end of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.to_city IS 'City at the end of the leg';
COMMENT ON COLUMN travel_internal.alert_legs.to_known IS
    'Whether the location at the end was known when the leg arrived';
COMMENT ON COLUMN travel_internal.alert_legs.downgraded IS
    'Whether the leg has a network attribute that the rule downgrades';
COMMENT ON COLUMN travel_internal.alert_legs.evidence IS 'What this leg alone contributes to the evidence of its alert';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.alert_legs', '');

CREATE FUNCTION travel_internal.forget_alerts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM travel_internal.alert_legs AS l USING gone WHERE l.alert_id = gone.id;
    DELETE FROM travel.alert_comments AS c USING gone WHERE c.alert_id = gone.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION travel_internal.forget_alerts() IS
    'Trigger function: deletes the legs and comments of deleted alerts';
REVOKE ALL ON FUNCTION travel_internal.forget_alerts() FROM PUBLIC;
CREATE TRIGGER forget AFTER DELETE ON travel.alerts
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.forget_alerts();
COMMENT ON TRIGGER forget ON travel.alerts IS 'Deletes the legs and comments of deleted alerts';
