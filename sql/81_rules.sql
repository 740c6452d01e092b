-- Detection rules: which events are evaluated, and with which settings ------------------------------------------------

-- A domain over text rather than an enum, so what works with text works with a severity: lower(), LIKE, a comparison
-- with varchar, coalesce(severity, 'none'), and clients that know no types of an extension. As text it does not sort by
-- rank; travel.alerts has the column severity_rank.
CREATE FUNCTION travel_internal.is_severity(severity text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_is_severity';
COMMENT ON FUNCTION travel_internal.is_severity(text) IS
    'Check of travel.severity: returns true, or raises an error that lists the severities';

CREATE DOMAIN travel.severity AS text CONSTRAINT is_severity CHECK (travel_internal.is_severity(VALUE));
COMMENT ON DOMAIN travel.severity IS
    'Severity of an alert: info, low, medium, high or critical. It sorts as text; sort alerts by severity_rank';
COMMENT ON CONSTRAINT is_severity ON DOMAIN travel.severity IS 'The value is one of the severities';

CREATE TABLE travel.rules (
    name              text             PRIMARY KEY CHECK (name <> '' AND octet_length(name) <= 200),
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
    downgraded        text[]           NOT NULL DEFAULT '{carrier,same_asn}',
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
    enabled           boolean          NOT NULL DEFAULT true,
    source_owner      text,
    created_by        text             NOT NULL DEFAULT CURRENT_USER,
    created_at        timestamptz      NOT NULL DEFAULT pg_catalog.now(),
    updated_by        text,
    updated_at        timestamptz
);
COMMENT ON TABLE travel.rules IS 'Detection rules, which travel.scan evaluates';
COMMENT ON COLUMN travel.rules.name IS
    'Primary key. Alerts, verdicts and known locations refer to it, so it cannot be changed';
COMMENT ON COLUMN travel.rules.owner IS 'Role whose privileges the query of the rule has';
COMMENT ON COLUMN travel.rules.source IS 'Table or view of CloudTrail events, by its qualified name';
COMMENT ON COLUMN travel.rules.columns IS
    'Where the source keeps the standard columns, as in travel.detect; NULL if the names are the standard ones, or to '
    'have each scan recognize the layout of the source';
COMMENT ON COLUMN travel.rules.condition IS
    'SQL expression over a row of the source; only events that satisfy it are evaluated. NULL means all events';
COMMENT ON COLUMN travel.rules.entity IS
    'Identity whose consecutive events are compared: one column, or several separated by commas';
COMMENT ON COLUMN travel.rules.min_distance_km IS 'A leg is impossible only if it is longer than this, in kilometers';
COMMENT ON COLUMN travel.rules.min_velocity_kmh IS
    'A leg is impossible only if it is faster than this, in km/h; at least 50';
COMMENT ON COLUMN travel.rules.use_accuracy IS
    'Whether both accuracy radii are subtracted from the distance before it is compared';
COMMENT ON COLUMN travel.rules.baseline IS 'Whether the rule learns known locations and does not raise legs to them';
COMMENT ON COLUMN travel.rules.baseline_entity IS
    'Identity for which locations are learned: one column, or several separated by commas. NULL means actor, or '
    'principal for events without an actor';
COMMENT ON COLUMN travel.rules.learning_period IS
    'For this time after the first event of a baseline user, nothing is raised and every location becomes known';
COMMENT ON COLUMN travel.rules.forget_after IS 'A learned location that has not been seen for this time is forgotten';
COMMENT ON COLUMN travel.rules.trial_period IS
    'How long a new location is on trial before it can become known, with learn = proven';
COMMENT ON COLUMN travel.rules.learn IS
    'proven: a new location becomes known after a trial. encountered: it becomes known with its first event';
COMMENT ON COLUMN travel.rules.learn_transitions IS
    'With learn = encountered: whether a transition that was made before is not raised again';
COMMENT ON COLUMN travel.rules.downgraded IS
    'Network attributes (anonymizer, hosting, carrier, same_asn). If each leg of an alert has one of them, the alert '
    'has the next lower severity';
COMMENT ON COLUMN travel.rules.ignored IS
    'Network attributes, as for downgraded. A leg with one of them is not raised, and no leg starts at such an '
    'address. Tor is never ignored';
COMMENT ON COLUMN travel.rules.lineage IS
    'Whether a temporary key is evaluated together with the key that minted it, to the root of the chain. Only with '
    'the entity access_key_id';
COMMENT ON COLUMN travel.rules.keep_alive IS
    'A leg whose second event is later than this after the last leg of an alert starts a new alert';
COMMENT ON COLUMN travel.rules.max_duration IS
    'A leg whose second event is later than this after the first leg of an alert starts a new alert';
COMMENT ON COLUMN travel.rules.arrival_column IS
    'Column of type timestamptz or timestamp (in UTC) that says when a row arrived, for sources without ingest_xid';
COMMENT ON COLUMN travel.rules.lookback IS
    'How much event time each scan reads again if the source has neither ingest_xid nor an arrival_column';
COMMENT ON COLUMN travel.rules.raise_from IS
    'Events before this time contribute to the baseline but are not raised; NULL means no limit';
COMMENT ON COLUMN travel.rules.severity IS 'Severity of the alerts of the rule';
COMMENT ON COLUMN travel.rules.message IS
    'Template for the message of an alert: {{@path}} is a value of the signal, {{column}} a column of the alert. NULL'
    ' means the sentence of the finding';
COMMENT ON COLUMN travel.rules.goal IS 'Description of what the rule detects';
COMMENT ON COLUMN travel.rules.triage IS 'Instructions for the analyst who works on an alert of the rule';
COMMENT ON COLUMN travel.rules.tags IS 'Tags of the rule, in the form key:value';
COMMENT ON COLUMN travel.rules.enabled IS 'Whether travel.scan() without an argument evaluates the rule';
COMMENT ON COLUMN travel.rules.source_owner IS
    'Role that owned the source when the rule was written or travel.confirm_source was called, maintained by the '
    'extension. A scan refuses a source that another role owns';
COMMENT ON COLUMN travel.rules.created_by IS 'Role that entered the row, maintained by the extension';
COMMENT ON COLUMN travel.rules.created_at IS 'Time at which the row was entered, maintained by the extension';
COMMENT ON COLUMN travel.rules.updated_by IS
    'Role that last changed the row, maintained by the extension; NULL if none has';
COMMENT ON COLUMN travel.rules.updated_at IS
    'Time of the last change, maintained by the extension; NULL if there was none';
SELECT pg_catalog.pg_extension_config_dump('travel.rules', '');

CREATE FUNCTION travel_internal.validate_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_validate_rule';
COMMENT ON FUNCTION travel_internal.validate_rule() IS
    'Trigger function: validates a rule before it is stored, and checks that its writer is a member of its owner';
REVOKE ALL ON FUNCTION travel_internal.validate_rule() FROM PUBLIC;
CREATE TRIGGER validate_rule BEFORE INSERT OR UPDATE OR DELETE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.validate_rule();
COMMENT ON TRIGGER validate_rule ON travel.rules IS 'Validates a rule before it is stored';

CREATE FUNCTION travel.check_rule(name text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_check_rule';
COMMENT ON FUNCTION travel.check_rule(text) IS
    'Raises an error if a rule or its source has a problem, and a notice with the statement that creates each missing '
    'index. Requires the level read';

CREATE FUNCTION travel.confirm_source(rule text) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_confirm_source';
COMMENT ON FUNCTION travel.confirm_source(text) IS
    'Accepts the current owner of the source of a rule, and returns the name of that owner. Only members of the owner'
    ' of the rule can call it';
