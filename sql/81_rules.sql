-- Rules: what is evaluated, by which settings ----------------------------------------------------------------------------

CREATE TYPE travel.severity AS ENUM ('info', 'low', 'medium', 'high', 'critical');
COMMENT ON TYPE travel.severity IS 'how bad an alert is; sorts';

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
    downgraded           text[]           NOT NULL DEFAULT '{carrier,same_asn}',
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
    source_owner      text
);
COMMENT ON TABLE travel.rules IS 'the detection rules, which travel.scan evaluates by';
COMMENT ON COLUMN travel.rules.name IS 'by which alerts, verdicts and known places go';
COMMENT ON COLUMN travel.rules.owner IS 'the role with whose rights the rule''s query runs';
COMMENT ON COLUMN travel.rules.source IS 'a table or view of CloudTrail events, by its qualified name, looked up at each use';
COMMENT ON COLUMN travel.rules.columns IS 'where the standard columns are, as in travel.detect';
COMMENT ON COLUMN travel.rules.condition IS 'which events: one expression over the source';
COMMENT ON COLUMN travel.rules.entity IS 'whom travel is evaluated for: one column, or several separated by commas';
COMMENT ON COLUMN travel.rules.min_distance_km IS 'a leg must be longer';
COMMENT ON COLUMN travel.rules.min_velocity_kmh IS 'and faster';
COMMENT ON COLUMN travel.rules.use_accuracy IS 'whether both radii of accuracy are taken off the distance first';
COMMENT ON COLUMN travel.rules.baseline IS 'whether usual places are learnt';
COMMENT ON COLUMN travel.rules.baseline_entity IS 'whom places are learnt for; NULL: actor, or else principal';
COMMENT ON COLUMN travel.rules.learning_period IS 'from a person''s first event on nothing is raised, and every place becomes known';
COMMENT ON COLUMN travel.rules.forget_after IS 'a place that is unseen for longer is forgotten';
COMMENT ON COLUMN travel.rules.trial_period IS 'how long a new place is watched before it becomes known (learn = proven)';
COMMENT ON COLUMN travel.rules.learn IS 'proven: a place becomes known after a trial | encountered: with its first event';
COMMENT ON COLUMN travel.rules.learn_transitions IS 'with learn = encountered: a move that was made before is not raised again';
COMMENT ON COLUMN travel.rules.downgraded IS 'an alert whose legs all bear one of these marks is one severity lower: anonymizer, hosting, carrier, same_asn';
COMMENT ON COLUMN travel.rules.ignored IS 'legs with these marks are not raised, and no leg starts there; Tor is never ignored';
COMMENT ON COLUMN travel.rules.lineage IS 'evaluate a temporary key together with the key that minted it';
COMMENT ON COLUMN travel.rules.keep_alive IS 'a leg that comes later than this after the last one starts a new alert';
COMMENT ON COLUMN travel.rules.max_duration IS 'no alert spans more than this';
COMMENT ON COLUMN travel.rules.arrival_column IS 'a column that says when a row arrived, where the source has no exact cursor';
COMMENT ON COLUMN travel.rules.lookback IS 'without either, how much event time each scan reads again';
COMMENT ON COLUMN travel.rules.raise_from IS 'older events teach the baseline and raise nothing';
COMMENT ON COLUMN travel.rules.severity IS 'of its alerts';
COMMENT ON COLUMN travel.rules.message IS 'a template: {{@path}} of the signal, {{column}} of the alert; NULL: the finding''s sentence';
COMMENT ON COLUMN travel.rules.goal IS 'what the rule is for, in words';
COMMENT ON COLUMN travel.rules.triage IS 'what to do about an alert of it, in words';
COMMENT ON COLUMN travel.rules.tags IS 'for whoever sorts alerts: key:value';
COMMENT ON COLUMN travel.rules.enabled IS 'whether travel.scan without a name evaluates by it';
COMMENT ON COLUMN travel.rules.source_owner IS
    'the role that owned the source when the rule was written or travel.confirm_source was called: a scan refuses a source that belongs to another; NULL: the source did not exist';
SELECT pg_catalog.pg_extension_config_dump('travel.rules', '');

CREATE FUNCTION travel_internal.validate_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
    AS 'MODULE_PATHNAME', 'travel_validate_rule';
COMMENT ON FUNCTION travel_internal.validate_rule() IS
    'that a rule is in range, and that its writer is a member of its owner';
REVOKE ALL ON FUNCTION travel_internal.validate_rule() FROM PUBLIC;
CREATE TRIGGER validate_rule BEFORE INSERT OR UPDATE OR DELETE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.validate_rule();
COMMENT ON TRIGGER validate_rule ON travel.rules IS 'what is written is right as far as it can be seen';

-- Rules to begin with -------------------------------------------------------------------------------------------------

CREATE VIEW travel.presets AS
SELECT preset, entity, condition, ignored, downgraded, severity, learn, learn_transitions, use_accuracy, baseline, goal,
       triage, message, description
FROM (
    VALUES
        (1, 'iam_user', 'account_id, session_name', 'identity_type = ''IAMUser''',
         '{}'::text[], '{}'::text[], 'info'::travel.severity, 'encountered', true, false, true, NULL::text,
         'IAM users',
         'Detect an IAM user whose calls come from two places too far apart for the time between them.'),
        (2, 'iam_access_key', 'access_key_id', 'identity_type = ''IAMUser''',
         '{hosting}', '{}', 'info', 'encountered', true, false, true, NULL,
         'each access key of IAM users; addresses of hosting companies do not count',
         'Detect an access key of an IAM user that is used in two places too far apart for the time between them.'),
        (3, 'ec2_role', 'access_key_id',
         'identity_type = ''AssumedRole'' AND session_name LIKE ''i-%'' AND error_code IS NULL',
         '{anonymizer}', '{}', 'info', 'encountered', true, false, true, NULL,
         'the credentials of EC2 instances; anonymizers but Tor do not count',
         'Detect credentials of an EC2 instance that are used away from it.'),
        (4, 'console_login_mfa', 'arn', 'event_name = ''ConsoleLogin'' AND outcome = ''success'' AND mfa_used',
         '{}', '{}', 'low', 'encountered', true, false, true, NULL,
         'sign-ins to the console with a second factor',
         'Detect one identity that signs in to the console, with a second factor, in two places too far apart for the time between them.'),
        (5, 'console_login_no_mfa', 'account_id, session_name',
         'event_name = ''ConsoleLogin'' AND outcome = ''success'' AND mfa_used IS NOT TRUE',
         '{}', '{}', 'medium', 'encountered', true, false, true, NULL,
         'sign-ins to the console without a second factor',
         'Detect one user who signs in to the console, without a second factor, in two places too far apart for the time between them.'),
        (6, 'access_key', 'access_key_id', NULL,
         '{}', '{carrier,same_asn}', 'medium', 'proven', false, true, true, NULL,
         'every access key, long-term and temporary; new places are proven',
         'Detect credentials that are used in two places too far apart for one holder.'),
        (7, 'human', 'actor', NULL,
         '{}', '{anonymizer,hosting,carrier,same_asn}', 'medium', 'proven', false, true, true, NULL,
         'each person over all keys and sessions; one severity lower where an address may be a detour',
         'Detect a person who acts in two places too far apart for the time between them, whichever credentials are used.'),
        (8, 'root', 'account_id', 'identity_type = ''Root''',
         '{}', '{carrier,same_asn}', 'high', 'proven', false, true, false, NULL,
         'root users; no place is ever usual',
         'Detect a root user who acts in two places too far apart for the time between them.')
) AS p (n, preset, entity, condition, ignored, downgraded, severity, learn, learn_transitions, use_accuracy, baseline,
        message, description, goal)
CROSS JOIN (
    VALUES (
        E'1. Look at both places and at what was done there. Should this credential be used from them: a journey, a VPN, a cloud of ours?\n'
        '2. If it should, archive the alert as expected: its places become known.\n'
        '3. If not, isolate the identity: deactivate the key, end its sessions, deny what it may do. Then rotate its credentials.\n'
        '4. Audit what was done after the second location appeared, and undo it: new keys, users and roles above all.'
    )
) AS t (triage)
ORDER BY n;
COMMENT ON VIEW travel.presets IS 'rules to begin with: travel.create_rule makes one';
COMMENT ON COLUMN travel.presets.preset IS 'its name, for travel.create_rule';
COMMENT ON COLUMN travel.presets.entity IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.condition IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.ignored IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.downgraded IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.severity IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.learn IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.learn_transitions IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.use_accuracy IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.baseline IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.goal IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.triage IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.message IS 'as in travel.rules';
COMMENT ON COLUMN travel.presets.description IS 'what it evaluates';
GRANT SELECT ON travel.presets TO PUBLIC;

CREATE FUNCTION travel.create_rule(preset text, source regclass, name text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
    AS 'MODULE_PATHNAME', 'travel_create_rule';
COMMENT ON FUNCTION travel.create_rule(text, regclass, text) IS
    'makes a rule of a preset over a source, and checks it; its name, the preset''s unless another is given';

CREATE FUNCTION travel.check_rule(name text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
    AS 'MODULE_PATHNAME', 'travel_check_rule';
COMMENT ON FUNCTION travel.check_rule(text) IS
    'raises what is wrong with a rule and its source; a missing index is a notice with the statement that makes it';

CREATE FUNCTION travel.confirm_source(rule text) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
    AS 'MODULE_PATHNAME', 'travel_confirm_source';
COMMENT ON FUNCTION travel.confirm_source(text) IS
    'accepts the present owner of a rule''s source, and returns its name; for members of the rule''s owner';
