-- Predefined detection rules ------------------------------------------------------------------------------------------

CREATE VIEW travel.presets AS
SELECT preset, entity, condition, ignored, downgraded, severity::travel.severity, learn, learn_transitions,
       use_accuracy, baseline, goal, triage, NULL::text AS message, description
FROM (
    VALUES
        -- n, preset,
        -- entity,
        -- condition,
        -- ignored, downgraded, severity, learn, learn_transitions, use_accuracy, baseline,
        -- description,
        -- goal
        (1, 'iam_user',
         'account_id, session_name',
         'identity_type = ''IAMUser''',
         '{}'::text[], '{}'::text[], 'info', 'encountered', true, false, true,
         'IAM users',
         'Detect an IAM user whose calls come from two locations too far apart for the time between them.'),
        (2, 'iam_access_key',
         'access_key_id',
         'identity_type = ''IAMUser''',
         '{hosting}', '{}', 'info', 'encountered', true, false, true,
         'Access keys of IAM users, without addresses of hosting providers',
         'Detect an access key of an IAM user that is used in two locations too far apart for the time between them.'),
        (3, 'ec2_role',
         'access_key_id',
         'identity_type = ''AssumedRole'' AND session_name LIKE ''i-%'' AND error_code IS NULL',
         '{anonymizer}', '{}', 'info', 'encountered', true, false, true,
         'Credentials of EC2 instances, without addresses of anonymizers other than Tor',
         'Detect credentials of an EC2 instance that are used away from the instance.'),
        (4, 'console_login_mfa',
         'arn',
         'event_name = ''ConsoleLogin'' AND outcome = ''success'' AND mfa_used',
         '{}', '{}', 'low', 'encountered', true, false, true,
         'Console sign-ins with a second factor',
         'Detect an identity that signs in to the console, with a second factor, in two locations too far apart for '
         'the time between them.'),
        (5, 'console_login_no_mfa',
         'account_id, session_name',
         'event_name = ''ConsoleLogin'' AND outcome = ''success'' AND mfa_used IS NOT TRUE',
         '{}', '{}', 'medium', 'encountered', true, false, true,
         'Console sign-ins without a second factor',
         'Detect a user who signs in to the console, without a second factor, in two locations too far apart for '
         'the time between them.'),
        (6, 'access_key',
         'access_key_id',
         NULL,
         '{}', '{carrier,same_asn}', 'medium', 'proven', false, true, true,
         'All access keys, long-term and temporary; a new location becomes known after a trial',
         'Detect credentials that are used in two locations too far apart for one holder.'),
        (7, 'human',
         'actor',
         NULL,
         '{}', '{anonymizer,hosting,carrier,same_asn}', 'medium', 'proven', false, true, true,
         'Each person, over all keys and sessions; one severity lower where the address may not be where the person is',
         'Detect a person who acts in two locations too far apart for the time between them, with any credentials.'),
        (8, 'root',
         'account_id',
         'identity_type = ''Root''',
         '{}', '{carrier,same_asn}', 'high', 'proven', false, true, false,
         'Root users, without a baseline: no location is ever known',
         'Detect a root user who acts in two locations too far apart for the time between them.')
) AS p (n, preset, entity, condition, ignored, downgraded, severity, learn, learn_transitions, use_accuracy, baseline,
        description, goal)
CROSS JOIN (
    VALUES (
        E'1. Look at both locations and at the calls. Is this credential expected there, for example because of a '
        'trip, a VPN or a cloud service of yours?\n'
        '2. If it is, archive the alert as expected. Its locations become known.\n'
        '3. If it is not, isolate the identity: deactivate the key, end its sessions, deny its permissions. Then '
        'rotate its credentials.\n'
        '4. Audit the calls made after the second location appeared, and undo them. Start with new keys, users and '
        'roles.'
    )
) AS t (triage)
ORDER BY n;
COMMENT ON VIEW travel.presets IS 'Predefined detection rules; travel.create_rule creates a rule from one of them';
COMMENT ON COLUMN travel.presets.preset IS 'Name of the preset, for travel.create_rule';
COMMENT ON COLUMN travel.presets.entity IS 'Value of the column entity of travel.rules';
COMMENT ON COLUMN travel.presets.condition IS 'Value of the column condition of travel.rules';
COMMENT ON COLUMN travel.presets.ignored IS 'Value of the column ignored of travel.rules';
COMMENT ON COLUMN travel.presets.downgraded IS 'Value of the column downgraded of travel.rules';
COMMENT ON COLUMN travel.presets.severity IS 'Value of the column severity of travel.rules';
COMMENT ON COLUMN travel.presets.learn IS 'Value of the column learn of travel.rules';
COMMENT ON COLUMN travel.presets.learn_transitions IS 'Value of the column learn_transitions of travel.rules';
COMMENT ON COLUMN travel.presets.use_accuracy IS 'Value of the column use_accuracy of travel.rules';
COMMENT ON COLUMN travel.presets.baseline IS 'Value of the column baseline of travel.rules';
COMMENT ON COLUMN travel.presets.goal IS 'Value of the column goal of travel.rules';
COMMENT ON COLUMN travel.presets.triage IS 'Value of the column triage of travel.rules';
COMMENT ON COLUMN travel.presets.message IS 'Value of the column message of travel.rules';
COMMENT ON COLUMN travel.presets.description IS 'Events that the preset evaluates';
GRANT SELECT ON travel.presets TO PUBLIC;

CREATE FUNCTION travel.create_rule(
    preset text, source regclass, name text DEFAULT NULL, columns jsonb DEFAULT NULL
) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_create_rule';
COMMENT ON FUNCTION travel.create_rule(text, regclass, text, jsonb) IS
    'Creates a detection rule from a preset for a table or view, checks it, and returns its name (default: the name '
    'of the preset). columns, as in travel.detect, defaults to the layout that the source is recognized to have. '
    'Requires the level admin';
