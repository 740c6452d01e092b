-- From an alert to a decision: travel.alert_events, travel.activity_after, travel.containment and travel.report.
CREATE SCHEMA investigate;
SET search_path = investigate, public;
SET impossible_travel.coverage_notice = off;
SET timezone = 'UTC';
-- The ids of alerts in the output do not depend on the tests before this one.
SELECT last_value AS last_alert FROM travel.alerts_id_seq \gset
SELECT setval('travel.alerts_id_seq', 9000);
SELECT travel.create_events_table('trail');
-- Alice works in London, and her key is used in Tokyo 10 minutes later. There it is denied twice, creates a user, and
-- assumes a role, whose key does more, and issues a third key.
CREATE FUNCTION call(at text, ip inet, name text, more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    INSERT INTO investigate.trail
    SELECT * FROM jsonb_populate_record(NULL::investigate.trail, jsonb_build_object(
        'event_id', format('%s %s', at, name), 'event_time', '2026-03-04 ' || at, 'event_name', name,
        'event_source', 'iam.amazonaws.com', 'aws_region', 'us-east-1', 'account_id', '111122223333',
        'source_ip', ip, 'source_text', ip, 'identity_type', 'IAMUser',
        'principal', 'arn:aws:iam::111122223333:user/alice', 'arn', 'arn:aws:iam::111122223333:user/alice',
        'user_name', 'alice', 'session_name', 'alice', 'access_key_id', 'AKIAALICE', 'user_agent', 'aws-cli/2.15',
        'outcome', 'success', 'read_only', true, 'ingested_at', now(), 'ingest_xid', pg_current_xact_id()::text)
        || more)
$$;
DO $$
DECLARE
    role_session CONSTANT jsonb := '{"identity_type": "AssumedRole", "user_name": null, "session_name": "x",
        "principal": "arn:aws:iam::111122223333:role/admin",
        "arn": "arn:aws:sts::111122223333:assumed-role/admin/x", "access_key_id": "ASIAROLE"}';
BEGIN
    PERFORM call('09:00', '192.0.2.1', 'ListUsers');
    PERFORM call('09:05', '192.0.2.1', 'GetUser');
    PERFORM call('09:10', '203.0.113.1', 'GetCallerIdentity', '{"event_source": "sts.amazonaws.com"}');
    PERFORM call('09:11', '203.0.113.1', 'CreateUser',
        '{"outcome": "denied", "error_code": "AccessDenied", "read_only": false}');
    PERFORM call('09:12', '203.0.113.1', 'CreateUser',
        '{"outcome": "denied", "error_code": "AccessDenied", "read_only": false}');
    PERFORM call('09:13', '203.0.113.1', 'CreateUser', '{"read_only": false}');
    -- Two trails delivered this event.
    PERFORM call('09:14', '203.0.113.1', 'ListUsers');
    INSERT INTO trail SELECT (jsonb_populate_record(t, '{"event_time": "2026-03-04 09:14:00.5"}')).*
    FROM trail AS t WHERE event_id = '09:14 ListUsers';
    -- The rule evaluates neither a failed sign-in nor a call of a service. Both belong to the activity.
    PERFORM call('09:15', '203.0.113.1', 'ConsoleLogin', '{"outcome": "failed_auth"}');
    PERFORM call('09:16', NULL, 'Decrypt', '{"source_text": "kms.amazonaws.com", "invoked_by": "kms.amazonaws.com"}');
    PERFORM call('09:17', '203.0.113.1', 'AssumeRole',
        '{"event_source": "sts.amazonaws.com", "issued_access_key_id": "ASIAROLE"}');
    PERFORM call('09:18', '203.0.113.1', 'PutObject', role_session || '{"read_only": null}');
    PERFORM call('09:18', '203.0.113.1', 'AssumeRole', role_session || '{"issued_access_key_id": "ASIATHIRD"}');
    -- Her last call at home, which arrives by the second leg.
    PERFORM call('09:20', '192.0.2.1', 'ListUsers');
    PERFORM call('10:00', '192.0.2.1', 'DeleteUser', '{"read_only": false, "event_source": null}');
    -- Others do the same at the same time, and a key that she issued earlier is none of hers since.
    PERFORM call('09:10', '203.0.113.1', 'ListUsers', '{"access_key_id": "AKIABOB"}');
    PERFORM call('08:00', '192.0.2.1', 'GetSessionToken', '{"issued_access_key_id": "ASIAEARLY"}');
    PERFORM call('09:30', '192.0.2.1', 'ListUsers', '{"access_key_id": "ASIAEARLY"}');
END $$;
INSERT INTO travel.rules (name, source, baseline, goal, triage)
VALUES ('key', 'investigate.trail', false, 'Detect *theft*.', E'1. Look.\n2. Act | decide.');
CALL travel.scan('key');
SELECT min(id) AS alert FROM travel.alerts WHERE rule = 'key' \gset

-- The events behind the alert: both legs, and what the key that it issued did between them.
SELECT to_char(event_time, 'HH24:MI:SS') AS at, event_name, host(source_ip) AS ip, outcome, read_only, access_key_id
FROM travel.alert_events(:alert);
-- What happened from the second location on. An event counts once, however often it was delivered.
SELECT event_name, split_part(event_source, '.', 1) AS service, read_only AS reads, outcome, denied, events,
    to_char(first_time, 'HH24:MI') AS first, to_char(last_time, 'HH24:MI:SS') AS last, source_ips, access_key_ids
FROM travel.activity_after(:alert);
\pset format unaligned
\pset tuples_only on
SELECT travel.containment(:alert);
SELECT travel.report(:alert);
\pset tuples_only off
\pset format aligned

-- An alert that does not exist, and none.
SELECT error_of('SELECT travel.alert_events(-1)') AS alert_events;
SELECT f, sqlstate_of(format('SELECT travel.%s(-1)', f)) AS unknown,
    sqlstate_of(format('SELECT travel.%s(NULL)', f)) AS null
FROM unnest('{alert_events,activity_after,containment,report}'::text[]) AS f;

-- The level read sees the events of the alert, and not the table. The rule's owner must be allowed to read it.
CREATE ROLE regress_reader;
CREATE ROLE regress_other;
CREATE ROLE regress_owner;
SELECT travel.grant_to('regress_reader', 'read');
CREATE FUNCTION state_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    statement := public.error_of(statement);
    RESET ROLE;
    RETURN statement;
END $$;
GRANT USAGE ON SCHEMA investigate TO regress_reader, regress_other;
SELECT role, state_as(role, s) FROM unnest('{regress_reader,regress_other}'::text[]) AS role, unnest(ARRAY[
    'SELECT * FROM investigate.trail', format('SELECT * FROM travel.alert_events(%s)', :alert),
    format('SELECT * FROM travel.activity_after(%s)', :alert), format('SELECT travel.report(%s)', :alert)]) AS s
WHERE role <> 'regress_other' OR s LIKE '%alert_events%';
UPDATE travel.rules SET owner = 'regress_owner' WHERE name = 'key';
SELECT error_of(format('SELECT * FROM travel.activity_after(%s)', :alert)) AS owner_may_not_read;
SELECT substring(travel.report(:alert) FROM 'The events of[^\n]*') AS owner_may_not_read;
UPDATE travel.rules SET owner = current_user WHERE name = 'key';

-- The condition of a rule decides which events are compared. What the credential did apart from them counts, too,
-- whether the source has columns or records.
CREATE TABLE record (record jsonb);
CREATE TABLE sign_in AS
SELECT event_id, event_time, CASE WHEN event_name LIKE 'List%' THEN 'ConsoleLogin' ELSE event_name END AS event_name,
    source_ip, CASE WHEN event_name LIKE 'List%' THEN NULL ELSE access_key_id END AS access_key_id, arn, account_id,
    session_name, error_code, event_source, identity_type
FROM trail WHERE session_name = 'alice' AND access_key_id <> 'AKIABOB' AND event_time < '2026-03-04 09:19';
INSERT INTO record
SELECT jsonb_build_object('eventID', event_id, 'eventTime', to_char(event_time, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'eventName', event_name, 'eventSource', event_source, 'sourceIPAddress', host(source_ip), 'errorCode', error_code,
    'readOnly', event_name LIKE 'Get%', 'userIdentity', jsonb_build_object('type', identity_type, 'arn', arn,
        'accountId', account_id, 'userName', session_name, 'accessKeyId', access_key_id)) FROM sign_in;
INSERT INTO travel.rules (name, source, columns, condition, entity, baseline)
SELECT 'sign-in ' || source, 'investigate.' || source, columns::jsonb, 'event_name = ''ConsoleLogin''', 'arn', false
FROM (VALUES ('sign_in', NULL), ('record', '{"record": "record"}')) AS v (source, columns);
CALL travel.scan('sign-in sign_in');
CALL travel.scan('sign-in record');
SELECT rule, e.* FROM travel.alerts CROSS JOIN LATERAL (
    SELECT string_agg(to_char(event_time, 'HH24:MI ') || event_name, ', ') AS events FROM travel.alert_events(id)) AS e
WHERE rule LIKE 'sign-in%' ORDER BY 1;
SELECT a.rule, b.event_name, b.read_only AS reads, b.outcome, b.denied, b.events
FROM travel.alerts AS a CROSS JOIN LATERAL travel.activity_after(a.id) AS b WHERE a.rule LIKE 'sign-in%'
ORDER BY 1, b.first_time, 2, 4;

-- The activity lists ten addresses and keys, and counts all.
CREATE TABLE many AS
SELECT 'many' AS actor, 'AKIA' || n / 2 AS access_key_id, 'GetUser' AS event_name,
    '2026-03-04 09:00Z'::timestamptz + n * interval '1 minute' AS event_time,
    CASE n WHEN 0 THEN '192.0.2.1' ELSE '203.0.113.1'::inet + n % 12 END AS source_ip
FROM generate_series(0, 30) AS n;
INSERT INTO travel.rules (name, source, entity, baseline) VALUES ('many', 'investigate.many', 'actor', false);
CALL travel.scan('many');
SELECT events, cardinality(source_ips) AS ips, source_ip_count, cardinality(access_key_ids) AS keys, access_key_count,
    substring(travel.report(a.id) FROM '[^ ]+, and [0-9]+ more') AS report
FROM travel.alerts AS a CROSS JOIN LATERAL travel.activity_after(a.id)
WHERE rule = 'many';

-- A source without these columns says what the activity cannot.
CREATE TABLE narrow AS SELECT access_key_id AS who, event_time AS at, source_ip AS ip FROM trail;
INSERT INTO travel.rules (name, source, columns, baseline) VALUES ('narrow', 'investigate.narrow',
    '{"access_key_id": "who", "event_time": "at", "source_ip": "ip"}', false);
CALL travel.scan('narrow');
SELECT min(id) AS narrow FROM travel.alerts WHERE rule = 'narrow' AND entity = 'AKIAALICE' \gset
SELECT event_name, event_source, read_only, outcome, denied, events, source_ips FROM travel.activity_after(:narrow);
-- Events that are gone are missed.
DELETE FROM narrow WHERE who = 'AKIAALICE';
SELECT * FROM travel.alert_events(:narrow);

-- An alert may name the key at the root of a chain as its entity, and other keys of the chain at the ends of its legs.
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_time,
    to_time, access_key_id, from_access_key_id, identity_type, account_id, principal)
VALUES ('key', 'low', '2026-03-04 09:18', '2026-03-04 09:18', 1, '{}', '{}', 'AKIAROOT', '2026-03-04 09:10',
    '2026-03-04 09:18', 'ASIAROLE', 'AKIABOB', 'AssumedRole', '111122223333', 'arn:aws:iam::111122223333:role/admin')
RETURNING id AS chain \gset
SELECT string_agg(access_key_id || ' ' || event_name, ', ') AS events FROM travel.alert_events(:chain);
-- Either end of a leg can be the intruder. The events say whose key the one is at which the legs start.
SELECT command FROM regexp_split_to_table(travel.containment(:chain), '\n') AS command
WHERE command ~ '^(aws|# The legs)';
-- If the source has no event of a key, its user is still to be found.
SET session_replication_role = replica;
UPDATE travel.alerts SET from_access_key_id = 'AKIAGONE', principal = 'arn:aws:iam::111122223333:user/gone'
WHERE id = :chain;
RESET session_replication_role;
SELECT command FROM regexp_split_to_table(travel.containment(:chain), '\n') AS command WHERE command ~ 'AKIAGONE';
-- The report has the locations that are known today.
INSERT INTO travel_internal.alert_legs
VALUES (:chain, 'l', '2026-03-04 09:18', 'alice', 'GB', NULL, 'London', true, 'JP', NULL, 'Tokyo', false);
INSERT INTO travel.known_places (rule, baseline_entity, country_code, city, valid_from, valid_until)
VALUES ('key', 'alice', 'GB', 'London', '2026-01-01', NULL),
    ('key', 'alice', 'FR', 'Ended', '2026-01-01', '2026-02-01'), ('key', 'alice', 'DE', 'Later', '2200-01-01', NULL),
    ('key', 'alice', 'US', 'Until later', '2026-01-01', '2200-01-01');
SELECT line FROM regexp_split_to_table(travel.report(:chain), '\n') AS line WHERE line ~ '^([|] .*analyst|- .* was)';
-- The legs of one second are in the order of their events.
INSERT INTO travel.verdicts (rule, raised, reasons, alert_id, leg_id, entity, from_time, to_time, to_ip, to_city)
SELECT 'key', true, '{}', :chain, leg, 'AKIAROOT', '2026-03-04 09:18', '2026-03-04 09:18', ip, city
FROM (VALUES ('a', inet '203.0.113.1', 'second'), ('b', '192.0.2.1', 'first'), ('c', '2001:db8::1', 'third'))
    AS v (leg, ip, city);
SELECT trim(split_part(line, '|', 5)) AS city FROM regexp_split_to_table(travel.report(:chain), '\n') AS line
WHERE line ~ '^[|] 2026-03-04 09:18:00 UTC [|]';
DELETE FROM travel.verdicts WHERE alert_id = :chain;
-- Keys that issued the next one five times in a row are all followed. A sixth is not, and that is said.
DO $$
BEGIN
    FOR n IN 0..4 LOOP
        PERFORM call('11:00', '203.0.113.1', 'AssumeRole', jsonb_build_object('event_id', 'issues ' || n,
            'access_key_id', CASE WHEN n = 0 THEN 'AKIAFIVE' ELSE 'ASIAFIVE' || n END,
            'issued_access_key_id', 'ASIAFIVE' || n + 1));
    END LOOP;
END $$;
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_time,
    to_time, access_key_id)
VALUES ('key', 'low', '2026-03-04 11:00', '2026-03-04 11:10', 1, '{}', '{}', 'AKIAFIVE', '2026-03-04 10:50',
    '2026-03-04 11:00', 'AKIAFIVE') RETURNING id AS five \gset
SELECT travel.containment(:five) ~ 'ASIAFIVE5' AS followed, travel.containment(:five) ~ 'more keys' AS cut;
SELECT count(*) FROM travel.alert_events(:five);
SELECT call('11:01', '203.0.113.1', 'AssumeRole', '{"access_key_id": "ASIAFIVE5", "issued_access_key_id": "ASIASIX"}');
SELECT travel.containment(:five) ~ 'ASIASIX' AS followed, travel.containment(:five) ~ 'more keys' AS cut;
SELECT count(*) FROM travel.alert_events(:five);

-- A temporary key of the same user is one of the entity, and one that the credential issued. Its events count once.
INSERT INTO travel.rules (name, source, entity, baseline) VALUES ('by user', 'investigate.trail', 'user_name', false);
SELECT call('12:00', '203.0.113.1', 'GetSessionToken',
    '{"user_name": "carol", "access_key_id": "AKIACAROL", "issued_access_key_id": "ASIACAROL"}');
SELECT call('12:01', '203.0.113.1', 'ListUsers', '{"user_name": "carol", "access_key_id": "ASIACAROL"}');
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_time,
    to_time, access_key_id)
VALUES ('by user', 'low', '2026-03-04 12:00', '2026-03-04 12:10', 1, '{}', '{}', 'carol', '2026-03-04 11:50',
    '2026-03-04 12:00', 'AKIACAROL') RETURNING id AS carol \gset
SELECT string_agg(event_name, ', ') AS events FROM travel.alert_events(:carol);

-- If a condition selects events of many identities, what other identities of the entity did is not of the credential.
INSERT INTO travel.rules (name, source, condition, entity, baseline)
VALUES ('by account', 'investigate.trail', 'event_name = ''ConsoleLogin''', 'account_id', false);
SELECT count(*)
FROM (VALUES ('13:00', 'ConsoleLogin', 'DAVE'), ('13:01', 'ListUsers', 'DAVE'), ('13:02', 'DeleteUser', 'ERIN'))
    AS v (at, name, who)
CROSS JOIN LATERAL call(at, '203.0.113.1', name,
    format('{"account_id": "444455556666", "access_key_id": "AKIA%1$s", "arn": "%1$s"}', who)::jsonb);
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_time,
    to_time, access_key_id, arn)
VALUES ('by account', 'low', '2026-03-04 13:00', '2026-03-04 13:10', 1, '{}', '{}', '444455556666',
    '2026-03-04 12:50', '2026-03-04 13:00', 'AKIADAVE', 'DAVE') RETURNING id AS dave \gset
SELECT string_agg(event_name, ', ') AS activity FROM travel.activity_after(:dave);

-- Only the events of the entity since then are read, by the index.
INSERT INTO trail (event_id, event_time, access_key_id, source_ip, event_name)
SELECT n, '2026-03-04'::timestamptz + n * interval '1 second', 'AKIA' || n % 500, '192.0.2.1', 'ListUsers'
FROM generate_series(1, 20000) AS n;
ANALYZE trail;
BEGIN;
SELECT coalesce(sum(seq_scan), 0) AS seq_scans, coalesce(sum(idx_tup_fetch), 0) AS fetched
FROM pg_stat_xact_user_tables WHERE relid = 'trail'::regclass \gset
SELECT count(*) FROM travel.alert_events(:alert);
SELECT count(*) FROM travel.activity_after(:alert);
SELECT travel.containment(:alert) <> '' AS containment;
SELECT seq_scan - :seq_scans AS seq_scans, idx_tup_fetch - :fetched BETWEEN 10 AND 200 AS few
FROM pg_stat_xact_user_tables WHERE relid = 'trail'::regclass;
COMMIT;

-- A superuser's rule runs no code of others, neither in the column that only the activity reads.
CREATE FUNCTION public.regress_reads(boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1';
ALTER FUNCTION public.regress_reads(boolean) OWNER TO regress_other;
UPDATE travel.rules SET columns = '{"read_only": "(public.regress_reads(read_only))"}' WHERE name = 'key';
SELECT error_of(format('SELECT * FROM travel.activity_after(%s)', :alert)) AS not_trusted;
UPDATE travel.rules SET columns = NULL WHERE name = 'key';

-- Without the source, and then without the rule, the alert and its report remain.
ALTER TABLE trail RENAME TO gone;
SELECT error_of(format('SELECT travel.alert_events(%s)', :alert)) AS no_source;
SELECT substring(travel.report(:alert) FROM 'The events of[^\n]*') AS no_source;
SELECT substring(travel.containment(:alert) FROM '# The events could[^\n]*') AS no_source;
DELETE FROM travel.rules WHERE name = 'key';
SELECT error_of(format('SELECT travel.activity_after(%s)', :alert)) AS no_rule;
SELECT substring(travel.report(:alert) FROM 'The rule [^\n]* was [^\n]*') AS no_rule;

-- Names from events do nothing in a shell and in Markdown. A shell runs the commands, with an aws that prints its
-- arguments.
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_time,
    to_time, identity_type, account_id, principal, user_name, access_key_id, message, from_city)
SELECT 'hostile', 'low', '2026-03-02', '2026-03-02', 1, '{}', '{}', n, '2026-03-02', '2026-03-02', 'IAMUser', n,
    'arn:aws:iam::111122223333:user/' || n, n, 'AKIA' || n, n, n
FROM unnest(ARRAY['o''brien "x"', E'a\nrm -rf /; echo harm', '$(echo harm)`echo harm`', '-rf', '日本 | 語',
    '''; echo harm; ''', '<script>alert(1)</script> ```', E'\u202E\x1B[201~echo harm']) AS n;
SET client_min_messages = warning;
SELECT string_agg(travel.containment(id), E'\n' ORDER BY id) AS script FROM travel.alerts WHERE rule = 'hostile' \gset
\setenv STUB 'aws() { printf "[%s]" "$@"; echo; }; date() { echo 2026-03-05T15:00:00Z; }'
\setenv SCRIPT :script
\set printed `printf '%s\n%s\n' "$STUB" "$SCRIPT" | sh`
\echo :printed
SELECT translate(user_name, E'\u202E\x1B', '??') AS user_name, page ~ '<script>' AS has_html,
    regexp_count(page, '\n') AS lines,
    regexp_count(replace(page, '\|', ''), '[|]') AS cells
FROM travel.alerts CROSS JOIN LATERAL split_part(travel.report(id), '## Containment', 1) AS page
WHERE rule = 'hostile' ORDER BY id;

DELETE FROM travel.rules;
SET session_replication_role = replica;
DELETE FROM travel.alerts;
DELETE FROM travel.alert_history;
DELETE FROM travel_internal.alert_legs;
RESET session_replication_role;
SELECT setval('travel.alerts_id_seq', :last_alert) > 0 AS restored;
DROP FUNCTION public.regress_reads;
DROP SCHEMA investigate CASCADE;
DROP OWNED BY regress_reader, regress_other, regress_owner;
DROP ROLE regress_reader, regress_other, regress_owner;
