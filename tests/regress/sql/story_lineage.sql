-- Rules with lineage: a temporary key is evaluated together with the key that minted it.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA lineage;
SET search_path = lineage, stories, public;
CALL stage();
-- The condition excludes the events that mint keys. They count nevertheless.
INSERT INTO travel.rules (name, source, condition, lineage)
VALUES ('lineage story', 'trail', $$event_name <> 'AssumeRole'$$, true);
INSERT INTO travel.rules (name, source, condition) VALUES ('no lineage', 'trail', $$event_name <> 'AssumeRole'$$);
CREATE VIEW verdicts AS
SELECT at, leg, v.entity, to_access_key_id AS with_key, alert, e.reasons
FROM evaluated AS e
JOIN travel.verdicts AS v USING (rule, entity, to_time)
WHERE rule = 'lineage story'
ORDER BY v.entity, to_time;
CREATE VIEW keys AS
SELECT key, issuer, clock(minted_at) AS minted_at, root, substring(root_baseline FROM '[^/]*$') AS baseline_user
FROM travel_internal.minted_keys
WHERE rule = 'lineage story'
ORDER BY key;
-- The columns of a call with a key, and of one that mints a key.
CREATE FUNCTION with_key(key text, minted text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('access_key_id', key, 'issued_access_key_id', minted, 'event_name',
        CASE WHEN minted IS NULL THEN 'GetObject' ELSE 'AssumeRole' END)) ||
        CASE WHEN key LIKE 'ASIA%' THEN jsonb_build_object('identity_type', 'AssumedRole', 'actor', 'role/' || key,
            'principal', 'arn:aws:iam::111122223333:role/' || key) ELSE '{}' END $$;

-- Alice is in London. A week later her key assumes a role, the session assumes another, and that one a third; each key
-- is used once, the last one in Tokyo.
INSERT INTO calls (at, city) VALUES ('2026-03-01 09:00Z', 'London'), ('2026-03-09 09:00Z', 'London');
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-09 09:01Z', 'London', with_key('AKIAALICEEXAMPLE', 'ASIAONE')),
    ('2026-03-09 09:02Z', 'London', with_key('ASIAONE', 'ASIATWO')),
    ('2026-03-09 09:03Z', 'London', with_key('ASIATWO', 'ASIATHREE')),
    ('2026-03-09 09:30Z', 'Tokyo', with_key('ASIATHREE'));
CALL travel.scan();
TABLE verdicts;
TABLE keys;
-- The baseline user is alice, whose key the chain begins with.
SELECT who, city, state FROM known WHERE rule = 'lineage story' ORDER BY who, city;
SELECT entity, access_key_id, from_access_key_id, identity_type, evidence
FROM travel.alerts
WHERE rule = 'lineage story';
-- The message says which key was used where.
SELECT message FROM travel.alerts WHERE rule = 'lineage story';
-- To stop the session is not enough if the key that minted it was stolen.
SELECT step
FROM travel.alerts AS a, regexp_split_to_table(travel.containment(a.id), '\n') AS line,
    substring(line FROM '^(# The legs start|# Other credentials|aws iam \S+ \S+)') AS step
WHERE rule = 'lineage story' AND step IS NOT NULL;
-- An explanation of a key shows the events of its chain, also those that the condition excludes.
SELECT clock(event_time) AS at, city, event_name, status, from_city, raised, reasons
FROM travel.explain('lineage story', 'ASIATHREE', '2026-03-09');
-- Without lineage, no key was in two places.
SELECT count(*) FROM travel.verdicts WHERE rule = 'no lineage';

-- A minting event that arrives after the key was used: at first the key is on its own.
INSERT INTO calls (at, city, more) VALUES ('2026-03-10 09:00Z', 'Sydney', with_key('ASIALATE'));
INSERT INTO calls (at, city) VALUES ('2026-03-10 08:30Z', 'London'), ('2026-03-10 09:30Z', 'London');
CALL travel.scan();
SELECT at, leg, entity FROM verdicts WHERE at > '03-10';
SELECT who, city, state FROM known WHERE rule = 'lineage story' AND city = 'Sydney';
INSERT INTO calls (at, city, more) VALUES ('2026-03-10 08:45Z', 'London', with_key('AKIAALICEEXAMPLE', 'ASIALATE'));
CALL travel.scan();
SELECT at, leg, entity, with_key, reasons FROM verdicts WHERE at > '03-10';
SELECT who, city, state FROM known WHERE rule = 'lineage story' AND city = 'Sydney';
SELECT count(*) AS left_over
FROM travel_internal.entity_states
WHERE rule = 'lineage story' AND entity LIKE 'ASIA%';

-- The events behind an alert are those of the whole chain, also of keys at which no leg begins or ends.
INSERT INTO calls (at, city, more)
VALUES ('2026-03-10 09:10Z', 'Sydney', with_key('ASIATWO')), ('2026-03-10 09:20Z', 'Sydney', with_key('ASIALATE')),
    ('2026-03-10 09:40Z', 'London', with_key('ASIAONE'));
CALL travel.scan();
SELECT id AS alert FROM travel.alerts WHERE rule = 'lineage story' AND first_seen > '2026-03-10' \gset
SELECT clock(event_time) AS at, event_name, access_key_id, host(source_ip) AS source_ip
FROM travel.alert_events(:alert);
SELECT event_name, events, clock(last_time) AS last, access_key_ids FROM travel.activity_after(:alert);
SELECT clock(event_time) AS at, city, from_city, raised FROM travel.explain_alert(:alert);

-- Two events claim to have minted one key. The first in order counts; within a second an event without an address is
-- the last. A key that moves takes its alert along.
INSERT INTO calls (at, city, who)
VALUES ('2026-03-01 09:00Z', 'London', 'bob'), ('2026-03-11 09:00Z', 'London', 'bob');
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-03-11 09:10Z', 'London', 'bob', with_key('AKIABOBEXAMPLE', 'ASIASHARED')),
    ('2026-03-11 09:20Z', 'Tokyo', 'bob', with_key('ASIASHARED'));
CALL travel.scan();
SELECT at, leg, entity, with_key, alert FROM verdicts WHERE at > '03-11';
INSERT INTO calls (at, city, more)
VALUES ('2026-03-11 09:10Z', NULL, with_key('AKIAALICEEXAMPLE', 'ASIASHARED'));
CALL travel.scan();
SELECT at, leg, entity, with_key, alert FROM verdicts WHERE at > '03-11';
INSERT INTO calls (at, city, more)
VALUES ('2026-03-11 09:09Z', NULL, with_key('AKIAALICEEXAMPLE', 'ASIASHARED'));
CALL travel.scan();
SELECT at, leg, entity, with_key FROM verdicts WHERE at > '03-11';
SELECT alert, entity, withdrawn FROM told WHERE rule = 'lineage story' AND first_seen > '03-11' ORDER BY alert;

-- Keys that claim to have minted each other, and themselves: the circle is cut at its last event, and the scan ends.
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-12 09:00Z', 'London', with_key('ASIAA', 'ASIAB')),
    ('2026-03-12 09:01Z', 'London', with_key('ASIAB', 'ASIAC')),
    ('2026-03-12 09:02Z', 'London', with_key('ASIAC', 'ASIAA')),
    ('2026-03-12 09:00Z', 'London', with_key('ASIAA', 'ASIAA')),
    ('2026-03-12 09:10Z', 'London', with_key('ASIAA')),
    ('2026-03-12 09:20Z', 'Tokyo', with_key('ASIAB')),
    ('2026-03-12 09:40Z', 'London', with_key('ASIAC'));
CALL travel.scan();
SELECT at, leg, entity, with_key FROM verdicts WHERE at > '03-12';
SELECT * FROM keys WHERE key IN ('ASIAA', 'ASIAB', 'ASIAC');
-- An earlier event turns the circle.
INSERT INTO calls (at, city, more) VALUES ('2026-03-12 08:00Z', 'London', with_key('ASIAC', 'ASIAA'));
CALL travel.scan();
SELECT at, leg, entity, with_key FROM verdicts WHERE at > '03-12';
SELECT key, root FROM keys WHERE key IN ('ASIAA', 'ASIAB', 'ASIAC');

-- Scanned from the beginning, the events lead to the same.
CREATE FUNCTION result(of text) RETURNS TABLE (kind text, line text) LANGUAGE sql AS $$
    SELECT 'verdict', (to_jsonb(v) - '{rule,alert_id}'::text[])::text FROM travel.verdicts AS v WHERE rule = $1
    UNION ALL
    SELECT 'alert', (to_jsonb(a) - '{id,rule,raised_at,updated_at}'::text[])::text
    FROM travel.alerts AS a
    WHERE rule = $1 AND withdrawn_at IS NULL
    UNION ALL
    SELECT 'place', (to_jsonb(k) - '{rule,place_id}'::text[])::text FROM travel.known_places AS k WHERE rule = $1
    UNION ALL
    SELECT 'key', (to_jsonb(k) - '{rule,pass}'::text[])::text FROM travel_internal.minted_keys AS k WHERE rule = $1
    $$;
CREATE TABLE before AS SELECT * FROM result('lineage story');
INSERT INTO travel.rules (name, source, condition, lineage)
SELECT 'lineage again', source, condition, lineage FROM travel.rules WHERE name = 'lineage story';
CALL travel.scan('lineage again');
(SELECT * FROM before EXCEPT ALL SELECT * FROM result('lineage again'))
UNION ALL
(SELECT * FROM result('lineage again') EXCEPT ALL SELECT * FROM before);
-- A dry run reads the minting events itself, and finds the same alerts for a rule that has no lineage yet.
CREATE TABLE backtest AS SELECT * FROM travel.backtest('no lineage', settings => '{"lineage": true}');
SELECT count(*) FROM backtest;
WITH scanned AS (SELECT * FROM travel.alerts WHERE rule = 'lineage story' AND withdrawn_at IS NULL),
    b AS (SELECT entity, first_seen, last_seen, leg_count, evidence, leg_id FROM backtest),
    s AS (SELECT entity, first_seen, last_seen, leg_count, evidence, leg_id FROM scanned)
(TABLE b EXCEPT ALL TABLE s) UNION ALL (TABLE s EXCEPT ALL TABLE b);
CALL travel.rescan('lineage story', '-infinity');
SET impossible_travel.scan_batch = 1;
CALL travel.rescan('lineage story', '2026-03-09');
RESET impossible_travel.scan_batch;
(SELECT * FROM before EXCEPT ALL SELECT * FROM result('lineage story'))
UNION ALL
(SELECT * FROM result('lineage story') EXCEPT ALL SELECT * FROM before);
SELECT kind, count(*) FROM before GROUP BY kind ORDER BY kind;

-- A rescan takes back a minting event that was deleted from the source, and reads the others again.
DELETE FROM trail WHERE issued_access_key_id = 'ASIASHARED' AND event_time = '2026-03-11 09:09Z';
DELETE FROM trail WHERE issued_access_key_id = 'ASIALATE';
CALL travel.rescan('lineage story', '2026-03-10');
SELECT * FROM keys WHERE key IN ('ASIASHARED', 'ASIALATE');
SELECT at, leg, entity, with_key FROM verdicts WHERE at > '03-10' AND at < '03-12';

-- travel.prune deletes keys that were minted longer than forget_after and a week before its cutoff: until then, the
-- locations that their events taught can be known.
SELECT count(*) FROM travel_internal.minted_keys WHERE rule = 'lineage story';
BEGIN;
SELECT FROM travel.prune(now() - '2026-04-15 12:00Z'::timestamptz);
SELECT count(*) FROM travel_internal.minted_keys WHERE rule = 'lineage story';
SELECT FROM travel.prune(now() - '2026-04-20 12:00Z'::timestamptz);
SELECT count(*) FROM travel_internal.minted_keys WHERE rule = 'lineage story';
ROLLBACK;

-- A rule that gets lineage later joins the keys of the past in a rescan.
UPDATE travel.rules SET lineage = true WHERE name = 'no lineage';
CALL travel.rescan('no lineage', '-infinity');
(SELECT * FROM result('lineage story') EXCEPT ALL SELECT * FROM result('no lineage'))
UNION ALL
(SELECT * FROM result('no lineage') EXCEPT ALL SELECT * FROM result('lineage story'));

-- The keys of a rule are deleted with it.
DELETE FROM travel.rules WHERE name = 'no lineage';
SELECT rule, count(*) FROM travel_internal.minted_keys GROUP BY rule ORDER BY rule;

-- Lineage needs the entity access_key_id, and a source that says which keys were minted.
\pset format unaligned
SELECT error_of($$UPDATE travel.rules SET entity = 'actor' WHERE name = 'lineage story'$$);
CREATE VIEW few_columns AS SELECT event_time, access_key_id, source_ip, actor FROM trail;
\set VERBOSITY terse
INSERT INTO travel.rules (name, source, lineage) VALUES ('few columns', 'few_columns', true);
\set VERBOSITY default
SELECT error_of($$SELECT travel.check_rule('few columns')$$);
\pset format aligned

-- Records and other names of the columns.
CREATE TABLE records (record jsonb, at timestamptz DEFAULT now());
INSERT INTO records (record)
SELECT jsonb_build_object('eventID', id, 'eventTime', at, 'eventSource', 's3.amazonaws.com', 'eventName', 'GetObject',
    'sourceIPAddress', ip, 'userIdentity', jsonb_build_object('type', 'IAMUser', 'accessKeyId', key),
    'responseElements', CASE WHEN minted IS NOT NULL THEN
        jsonb_build_object('credentials', jsonb_build_object('accessKeyId', minted)) END)
FROM (VALUES
    ('1', '2026-03-01T09:00:00Z', '192.0.2.1', 'AKIAR', NULL),
    ('2', '2026-03-01T09:01:00Z', 'AWS Internal', 'AKIAR', 'ASIAR'),
    ('3', '2026-03-01T09:30:00Z', '203.0.113.1', 'ASIAR', NULL)) AS v (id, at, ip, key, minted);
INSERT INTO travel.rules (name, source, columns, condition, baseline, arrival_column, lineage)
VALUES ('of records', 'records', '{"record": "record"}', $$source_ip IS NOT NULL$$, false, 'at', true);
CALL travel.scan('of records');
SELECT at, leg, entity FROM evaluated WHERE rule = 'of records';

-- Many keys of a new rule do not slow a scan down, though the statistics of the table are from before the rule.
ANALYZE travel_internal.minted_keys;
CREATE TABLE many AS
SELECT 'm' || n AS event_id, '2026-03-01'::timestamptz + n * interval '1 second' AS event_time,
    inet '192.0.2.1' AS source_ip, 'alice' AS actor, 'AKIAMANY' AS access_key_id, 'ASIAM' || n AS issued_access_key_id
FROM generate_series(1, 3000) AS n;
INSERT INTO travel.rules (name, source, lineage) VALUES ('many keys', 'many', true);
INSERT INTO travel_internal.minted_keys (rule, key, issuer, minted_at, root)
SELECT 'many keys', 'ASIAN' || n, 'AKIAMANY', '2026-02-01', 'AKIAMANY' FROM generate_series(1, 30000) AS n;
SET statement_timeout = '5s';
CALL travel.scan('many keys');
RESET statement_timeout;
SELECT count(*) FROM travel_internal.minted_keys WHERE rule = 'many keys';

DELETE FROM travel.rules WHERE source ~ '^lineage\.';
SELECT count(*) FROM travel_internal.minted_keys;
DROP SCHEMA lineage CASCADE;
