-- The cases of evaluation_cases.sql whose result differs from the expected one. No row is returned if all is well.
WITH expected (event_id, detection, alerts) AS (
    VALUES
        ('at_once:1', 'BuffaLogs, sign-ins', true),
        ('known_address:1', 'BuffaLogs, sign-ins', false),
        ('known_address:1', 'Panther, sign-ins', true),
        ('near:1', 'BuffaLogs, sign-ins', false),
        ('near:1', 'Panther, sign-ins', true),
        ('slow:1', 'BuffaLogs, sign-ins', false),
        ('fast:1', 'BuffaLogs, sign-ins', true),
        ('fast:1', 'Panther, sign-ins', false),
        ('faster:1', 'Panther, sign-ins', true),
        ('through_vpn:1', 'Panther, sign-ins', true),
        ('through_vpn:2', 'Panther, sign-ins', false),
        ('through_vpn:2', 'BuffaLogs, sign-ins', false),
        ('call_only:1', 'Panther, sign-ins', false),
        ('call_only:1', 'Panther, all calls', true),
        ('call_only:1', 'BuffaLogs, sign-ins', false),
        ('call_only:1', 'BuffaLogs, all calls', true),
        ('country_29_days:1', 'RunReveal, new country of a sign-in', false),
        ('country_31_days:1', 'RunReveal, new country of a sign-in', true),
        ('first_sign_in:1', 'RunReveal, new country of a sign-in', false),
        ('as_29_days:1', 'RunReveal, new network of a key', false),
        ('as_31_days:1', 'RunReveal, new network of a key', true),
        ('address_9_days:1', 'Elastic, new address of a key', false),
        ('address_11_days:1', 'Elastic, new address of a key', true),
        ('minutes_14:1', 'Elastic, two countries, sign-ins', true),
        ('minutes_16:1', 'Elastic, two countries, sign-ins', false),
        ('known_city:1', 'Datadog''s method', false),
        ('forgotten_city:1', 'Datadog''s method', true),
        ('known_move:1', 'Datadog''s method', false),
        ('first_day:1', 'Datadog''s method', false),
        ('near:1', 'Datadog''s method', false),
        ('at_once:1', 'Datadog''s method', true)
)
SELECT event_id, detection, CASE WHEN alerts THEN 'no alert' ELSE 'an alert' END AS but_there_is
FROM expected
WHERE alerts <> EXISTS (
    SELECT FROM signals WHERE signals.detection = expected.detection AND to_event_id = expected.event_id
);
