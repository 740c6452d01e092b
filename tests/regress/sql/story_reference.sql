-- The reference rule, end to end: the preset iam_user, scanned after each step.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA reference;
SET search_path = reference, stories, public;
CALL stage();
-- One index would help: create_rule says which.
SELECT travel.create_rule('iam_user', 'trail');
CREATE INDEX ON reference.trail ((travel_internal.entity(VARIADIC ARRAY[account_id, session_name])), event_time);
SELECT travel.check_rule('iam_user');
CREATE VIEW verdicts AS SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'iam_user' ORDER BY to_time;

-- The learning period is a day from the first call on, wherever she is.
INSERT INTO calls (at, city)
VALUES
    ('2026-03-01 09:00Z', 'London'),
    ('2026-03-01 09:10Z', 'Sydney'),
    ('2026-03-01 09:20Z', 'London'),
    ('2026-03-02 08:59Z', 'London');
CALL travel.scan();
TABLE verdicts;
SELECT cc, subdivision, city, state, origin, first_seen, last_seen FROM known WHERE rule = 'iam_user' ORDER BY city;
SELECT count(*) AS alerts FROM told WHERE rule = 'iam_user';

-- The home city, then a far city minutes later: one alert.
INSERT INTO calls (at, city) VALUES ('2026-03-02 09:00Z', 'London'), ('2026-03-02 09:10Z', 'Tokyo');
CALL travel.scan();
SELECT * FROM told WHERE rule = 'iam_user';
SELECT message FROM travel.alerts WHERE rule = 'iam_user';
-- Its signal has the attributes of the reference, each in the place that the reference has it.
SELECT path, signal #>> path AS value, jsonb_typeof(signal #> path) AS type
FROM travel.alerts
CROSS JOIN unnest(ARRAY['impossible_travel.triggering_locations.first_location.city',
    'impossible_travel.triggering_locations.first_location.country',
    'impossible_travel.triggering_locations.second_location.city',
  'impossible_travel.triggering_locations.second_location.country',
      'impossible_travel.triggering_locations.travel_distance',
      'impossible_travel.triggering_locations.travel_time_human_readable',
  'userIdentity.accessKeyId', 'userIdentity.type', 'userIdentity.session_name']) WITH ORDINALITY AS p (dotted, n)
  CROSS JOIN LATERAL string_to_array(dotted, '.') AS path
WHERE rule = 'iam_user' ORDER BY n;
-- The template of the reference works unchanged as the message of the rule; past alerts have it after a rescan.
UPDATE travel.rules
SET message
    = 'The AWS access key {{@userIdentity.accessKeyId}} '
      'had activity from {{@impossible_travel.triggering_locations.first_location.city}}, '
      '{{@impossible_travel.triggering_locations.first_location.country}} '
      'and {{@impossible_travel.triggering_locations.second_location.city}}, '
      '{{@impossible_travel.triggering_locations.second_location.country}} '
      'which are approximately {{@impossible_travel.triggering_locations.travel_distance}}km '
      'apart within {{@impossible_travel.triggering_locations.travel_time_human_readable}}. This indicates a potential '
      'impossible travel.'
WHERE name = 'iam_user';
SELECT travel.check_rule('iam_user');
CALL travel.rescan('iam_user', '2026-03-01');
SELECT message FROM travel.alerts WHERE rule = 'iam_user';

-- Going home raises nothing: home is known.
INSERT INTO calls (at, city) VALUES ('2026-03-02 09:20Z', 'London');
CALL travel.scan();
SELECT * FROM verdicts WHERE at >= '03-02';
-- Nor does the far city any more: the location and the transition were encountered.
INSERT INTO calls (at, city) VALUES ('2026-03-02 09:30Z', 'Tokyo');
CALL travel.scan();
SELECT * FROM verdicts WHERE at >= '03-02';
SELECT cc, subdivision, city, state, origin, first_seen, last_seen FROM known WHERE rule = 'iam_user' ORDER BY city;
SELECT move, from_subdivision, to_subdivision, origin, first_seen, last_seen
FROM moves
WHERE rule = 'iam_user'
ORDER BY move;

-- The far city is forgotten after 31 days without a call, but not the transition.
INSERT INTO calls (at, city) VALUES ('2026-03-20 09:00Z', 'London'), ('2026-04-02 09:30Z', 'London');
CALL travel.scan();
SELECT city, last_seen FROM known WHERE rule = 'iam_user' ORDER BY city;
INSERT INTO calls (at, city) VALUES ('2026-04-02 09:40Z', 'Tokyo');
CALL travel.scan();
SELECT * FROM verdicts WHERE at >= '03-20';

-- Without learn_transitions it raises again.
UPDATE travel.rules SET learn_transitions = false WHERE name = 'iam_user';
INSERT INTO calls (at, city) VALUES ('2026-04-20 09:00Z', 'London'), ('2026-05-03 09:40Z', 'London');
CALL travel.scan();
INSERT INTO calls (at, city) VALUES ('2026-05-03 09:50Z', 'Tokyo');
CALL travel.scan();
SELECT * FROM verdicts WHERE at >= '03-20';
SELECT alert, severity, status, first_seen, last_seen, legs FROM told WHERE rule = 'iam_user' ORDER BY alert;
SELECT message FROM travel.alerts WHERE rule = 'iam_user' ORDER BY id;
-- No transitions are learned any more.
SELECT count(*) AS moves FROM moves WHERE rule = 'iam_user';

-- Another rule over the same calls, in one scan, without learn_transitions from the beginning: the far city is raised
-- each time.
INSERT INTO travel.rules (name, source, entity, condition, learn, use_accuracy, downgraded, severity)
SELECT 'iam_user, no ways', source, entity, condition, learn, use_accuracy, downgraded, severity
FROM travel.rules
WHERE name = 'iam_user';
CALL travel.scan('iam_user, no ways');
SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'iam_user, no ways' ORDER BY to_time;

-- A rescan of the rule that was scanned step by step gives the same results.
CALL travel.rescan('iam_user', '2026-03-01');
SELECT count(*) AS differences FROM (
    (
        SELECT leg_id, raised, reasons
        FROM travel.verdicts
        WHERE rule = 'iam_user'
        EXCEPT SELECT leg_id, raised, reasons
        FROM travel.verdicts
        WHERE rule = 'iam_user, no ways'
    )
    UNION ALL
    (
        SELECT leg_id, raised, reasons
        FROM travel.verdicts
        WHERE rule = 'iam_user, no ways'
        EXCEPT SELECT leg_id, raised, reasons
        FROM travel.verdicts
        WHERE rule = 'iam_user'
    )) AS d;

-- Only IAM users, only by a name in an account: no role, no name in another account.
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-06-01 09:00Z', 'London', 'bob', NULL),
    ('2026-06-03 09:00Z', 'London', 'bob', NULL),
    ('2026-06-03 09:10Z', 'Tokyo', 'bob', '{"account_id": "444455556666"}'),
    ('2026-06-01 09:00Z', 'London', 'carol', '{"identity_type": "AssumedRole"}'),
    ('2026-06-03 09:00Z', 'London', 'carol', '{"identity_type": "AssumedRole"}'),
    ('2026-06-03 09:10Z', 'Tokyo', 'carol', '{"identity_type": "AssumedRole"}');
CALL travel.scan();
SELECT count(*) AS verdicts FROM evaluated WHERE rule = 'iam_user' AND at >= '06-01';
RESET search_path;
DELETE FROM travel.rules;
