-- Verdicts and alerts: what a scan found ------------------------------------------------------------------------------

CREATE TABLE travel.verdicts (
    rule     text    NOT NULL REFERENCES travel.rules ON DELETE CASCADE,
    raised   boolean NOT NULL,
    reasons  text[]  NOT NULL,
    alert_id bigint,
    LIKE travel.finding INCLUDING COMMENTS,
    PRIMARY KEY (rule, leg_id)
);
CREATE INDEX verdicts_entity ON travel.verdicts (rule, entity, to_time);
CREATE INDEX verdicts_time ON travel.verdicts (to_time);
CREATE INDEX verdicts_alert ON travel.verdicts (alert_id) WHERE alert_id IS NOT NULL;
COMMENT ON TABLE travel.verdicts IS
    'every leg over a rule''s thresholds: raised, or not and every reason why not';
COMMENT ON COLUMN travel.verdicts.rule IS 'whose verdict it is';
COMMENT ON COLUMN travel.verdicts.raised IS 'whether it is part of an alert';
COMMENT ON COLUMN travel.verdicts.reasons IS 'why it was not raised; empty where it was';
COMMENT ON COLUMN travel.verdicts.alert_id IS 'the alert that a raised leg is part of';
SELECT pg_catalog.pg_extension_config_dump('travel.verdicts', '');

CREATE SEQUENCE travel.alerts_id_seq AS bigint;
COMMENT ON SEQUENCE travel.alerts_id_seq IS 'the ids of alerts';
SELECT pg_catalog.pg_extension_config_dump('travel.alerts_id_seq', '');

CREATE TABLE travel.alerts (
    id             bigint          PRIMARY KEY DEFAULT pg_catalog.nextval('travel.alerts_id_seq'),
    rule           text            NOT NULL,
    severity       travel.severity NOT NULL,
    status         text            NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'under_review', 'archived')),
    archive_reason text            CHECK (archive_reason IN ('expected', 'true_positive', 'false_positive', 'other')),
    assignee       text,
    first_seen     timestamptz     NOT NULL,
    last_seen      timestamptz     NOT NULL,
    legs_count     int             NOT NULL,
    evidence       text[]          NOT NULL,
    LIKE travel.finding INCLUDING COMMENTS,
    signal         jsonb           NOT NULL,
    geoip_built_at timestamptz,
    raised_at      timestamptz     NOT NULL DEFAULT pg_catalog.now(),
    updated_at     timestamptz     NOT NULL DEFAULT pg_catalog.now(),
    archived_at    timestamptz,
    reopened_at    timestamptz,
    withdrawn_at   timestamptz
);
CREATE INDEX alerts_entity ON travel.alerts (rule, entity, last_seen);
CREATE INDEX alerts_last_seen ON travel.alerts (last_seen);
COMMENT ON TABLE travel.alerts IS
    'one row an incident: raised legs of one entity that belong together; the leg is its first one';
COMMENT ON COLUMN travel.alerts.id IS 'an incident keeps it as long as it shares a leg with what was stored';
COMMENT ON COLUMN travel.alerts.rule IS 'that raised it; it may be gone';
COMMENT ON COLUMN travel.alerts.severity IS 'the rule''s, or one step down where every leg bears a lowered mark';
COMMENT ON COLUMN travel.alerts.status IS 'open | under_review | archived; analysts set it';
COMMENT ON COLUMN travel.alerts.archive_reason IS
    'expected: its places become known | true_positive | false_positive | other';
COMMENT ON COLUMN travel.alerts.assignee IS 'who works on it; analysts set it';
COMMENT ON COLUMN travel.alerts.first_seen IS 'when its first leg arrived';
COMMENT ON COLUMN travel.alerts.last_seen IS 'when its last leg arrived';
COMMENT ON COLUMN travel.alerts.legs_count IS 'how many raised legs it has';
COMMENT ON COLUMN travel.alerts.evidence IS 'what is to be known of its legs: new_country, no_mfa, tor, …';
COMMENT ON COLUMN travel.alerts.message IS 'the rule''s message, or the sentence of the first leg';
COMMENT ON COLUMN travel.alerts.signal IS 'the alert as nested attributes';
COMMENT ON COLUMN travel.alerts.geoip_built_at IS 'of the newest GeoIP database when it was raised';
COMMENT ON COLUMN travel.alerts.raised_at IS 'when a scan found it';
COMMENT ON COLUMN travel.alerts.updated_at IS 'when a scan or an analyst last changed it';
COMMENT ON COLUMN travel.alerts.archived_at IS 'when it was last archived; NULL once an analyst opens it';
COMMENT ON COLUMN travel.alerts.reopened_at IS 'when a leg was raised into it after it was archived';
COMMENT ON COLUMN travel.alerts.withdrawn_at IS 'when its last leg went: a late event showed that nobody travelled';
SELECT pg_catalog.pg_extension_config_dump('travel.alerts', '');

CREATE TABLE travel.alert_history (
    alert_id bigint      NOT NULL,
    at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by       text        NOT NULL,
    change   jsonb       NOT NULL
);
CREATE INDEX alert_history_alert ON travel.alert_history (alert_id, at);
COMMENT ON TABLE travel.alert_history IS 'who did what to an alert';
COMMENT ON COLUMN travel.alert_history.alert_id IS 'the alert';
COMMENT ON COLUMN travel.alert_history.at IS 'when';
COMMENT ON COLUMN travel.alert_history.by IS 'the role; of a scan the one that called it';
COMMENT ON COLUMN travel.alert_history.change IS 'each column that changed, with its old and its new value';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_history', '');

CREATE TABLE travel.alert_legs (
    alert_id          bigint      NOT NULL REFERENCES travel.alerts ON DELETE CASCADE,
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
    lowered           boolean     NOT NULL DEFAULT false,
    evidence          text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (alert_id, leg_id)
);
CREATE INDEX alert_legs_leg ON travel.alert_legs (leg_id);
COMMENT ON TABLE travel.alert_legs IS
    'the raised legs of each alert, of a withdrawn one those that it last had: by these it is known again';
COMMENT ON COLUMN travel.alert_legs.alert_id IS 'the alert';
COMMENT ON COLUMN travel.alert_legs.leg_id IS 'as in travel.verdicts';
COMMENT ON COLUMN travel.alert_legs.to_time IS 'when the leg arrives';
COMMENT ON COLUMN travel.alert_legs.baseline_entity IS 'whose places they are; NULL: there is no baseline';
COMMENT ON COLUMN travel.alert_legs.from_country_code IS 'where the leg starts, as in travel.finding';
COMMENT ON COLUMN travel.alert_legs.from_subdivision IS 'the same';
COMMENT ON COLUMN travel.alert_legs.from_city IS 'the same';
COMMENT ON COLUMN travel.alert_legs.from_known IS
    'whether the place was known when the leg arrived; archiving as expected enters those that were not';
COMMENT ON COLUMN travel.alert_legs.to_country_code IS 'where the leg arrives, as in travel.finding';
COMMENT ON COLUMN travel.alert_legs.to_subdivision IS 'the same';
COMMENT ON COLUMN travel.alert_legs.to_city IS 'the same';
COMMENT ON COLUMN travel.alert_legs.to_known IS 'the same of the place where the leg arrives';
COMMENT ON COLUMN travel.alert_legs.lowered IS 'whether the leg bears a mark that the rule lowers';
COMMENT ON COLUMN travel.alert_legs.evidence IS 'what the leg alone contributes to the evidence of its alert';
SELECT pg_catalog.pg_extension_config_dump('travel.alert_legs', '');
