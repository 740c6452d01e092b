-- Rules: what is judged, by which settings ----------------------------------------------------------------------------

CREATE TYPE travel.severity AS ENUM ('info', 'low', 'medium', 'high', 'critical');
COMMENT ON TYPE travel.severity IS 'how bad an alert is; sorts';

CREATE TABLE travel.rules (
    name              text             PRIMARY KEY CHECK (name <> ''),
    owner             text             NOT NULL,
    source            text             NOT NULL,
    columns           jsonb,
    condition         text,
    entity            text             NOT NULL DEFAULT 'access_key_id',
    min_distance_km   float8           NOT NULL DEFAULT 500,
    min_velocity_kmh  float8           NOT NULL DEFAULT 1000,
    use_accuracy      boolean          NOT NULL DEFAULT true,
    baseline          boolean          NOT NULL DEFAULT true,
    baseline_entity   text,
    learning_period   interval         NOT NULL DEFAULT '24 hours',
    forget_after      interval         NOT NULL DEFAULT '30 days',
    trial_period      interval         NOT NULL DEFAULT '7 days',
    learn             text             NOT NULL DEFAULT 'proven' CHECK (learn IN ('proven', 'encountered')),
    learn_transitions boolean          NOT NULL DEFAULT false,
    lowered           text[]           NOT NULL DEFAULT '{carrier,same_asn}',
    ignored           text[]           NOT NULL DEFAULT '{}',
    lineage           boolean          NOT NULL DEFAULT false,
    keep_alive        interval         NOT NULL DEFAULT '6 hours',
    max_duration      interval         NOT NULL DEFAULT '24 hours',
    arrival_column    text,
    lookback          interval         NOT NULL DEFAULT '7 days',
    raise_from        timestamptz,
    severity          travel.severity  NOT NULL DEFAULT 'medium',
    message           text,
    goal              text,
    triage            text,
    tags              text[]           NOT NULL DEFAULT '{tactic:TA0001-initial-access,technique:T1078.004}',
    enabled           boolean          NOT NULL DEFAULT true
);
COMMENT ON TABLE travel.rules IS 'the standing rules, which travel.scan judges by';
COMMENT ON COLUMN travel.rules.owner IS 'the role with whose rights the rule''s query runs';
COMMENT ON COLUMN travel.rules.source IS 'a table or view of CloudTrail events, by its qualified name, looked up at each use';
COMMENT ON COLUMN travel.rules.columns IS 'where the standard columns are, as in travel.detect';
COMMENT ON COLUMN travel.rules.condition IS 'which events: one expression over the source';
COMMENT ON COLUMN travel.rules.entity IS 'whom travel is judged for: one column, or several separated by commas';
COMMENT ON COLUMN travel.rules.baseline IS 'whether usual places are learnt';
COMMENT ON COLUMN travel.rules.baseline_entity IS 'whom places are learnt for; NULL: actor, or else principal';
COMMENT ON COLUMN travel.rules.learning_period IS 'from a person''s first event on nothing is raised, and every place becomes known';
COMMENT ON COLUMN travel.rules.forget_after IS 'a place that is unseen for longer is forgotten';
COMMENT ON COLUMN travel.rules.trial_period IS 'how long a new place is watched before it becomes known (learn = proven)';
COMMENT ON COLUMN travel.rules.learn IS 'proven: a place becomes known after a trial | encountered: with its first event';
COMMENT ON COLUMN travel.rules.learn_transitions IS 'with learn = encountered: a move that was made before is not raised again';
COMMENT ON COLUMN travel.rules.lowered IS 'an alert whose legs all bear one of these marks is one severity lower: anonymizer, hosting, carrier, same_asn';
COMMENT ON COLUMN travel.rules.ignored IS 'legs with these marks are not raised, and no leg starts there; Tor is never ignored';
COMMENT ON COLUMN travel.rules.lineage IS 'judge a temporary key together with the key that minted it';
COMMENT ON COLUMN travel.rules.keep_alive IS 'a leg that comes later than this after the last one starts a new alert';
COMMENT ON COLUMN travel.rules.max_duration IS 'no alert spans more than this';
COMMENT ON COLUMN travel.rules.arrival_column IS 'a column that says when a row arrived, where the source has no exact cursor';
COMMENT ON COLUMN travel.rules.lookback IS 'without either, how much event time each scan reads again';
COMMENT ON COLUMN travel.rules.raise_from IS 'older events teach the baseline and raise nothing';
COMMENT ON COLUMN travel.rules.message IS 'a template: {{@path}} of the signal, {{column}} of the alert; NULL: the finding''s sentence';
COMMENT ON COLUMN travel.rules.goal IS 'what the rule is for, in words';
COMMENT ON COLUMN travel.rules.triage IS 'what to do about an alert of it, in words';
SELECT pg_catalog.pg_extension_config_dump('travel.rules', '');
