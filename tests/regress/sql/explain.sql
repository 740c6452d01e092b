-- travel.explain: every event of an entity with its leg and the verdict in words.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA explained;
SET search_path = explained, stories, public;
CALL stage();
CREATE FUNCTION told_of(rule text, who text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (at text, city text, status text, "from" text, impossible boolean, raised boolean, explanation text)
    LANGUAGE sql AS $$
    SELECT to_char(event_time, 'DD HH24:MI'), city, status, from_city, impossible, raised,
        regexp_replace(explanation, '(alert|row|suppression) \d+', '\1 N', 'g')
    FROM travel.explain(rule, 'AKIA' || upper(who) || 'EXAMPLE', since, until) $$;
INSERT INTO travel.rules (name, source, condition) VALUES ('told', 'trail', 'event_name <> ''Excluded''');
INSERT INTO travel.networks (network, name, treatment)
VALUES ('198.51.100.32/27', 'the VPN', 'vpn'), ('203.0.113.64/27', 'a scanner', 'ignore');

-- Events that form no leg, each with the reason.
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-03-01 09:00Z', 'London', NULL, NULL),
    ('2026-03-02 10:00Z', 'London', NULL, NULL),
    ('2026-03-02 10:00Z', 'London', NULL, NULL),
    ('2026-03-02 10:01Z', 'Tokyo', NULL, '{"outcome": "failed_auth", "event_name": "ConsoleLogin"}'),
    ('2026-03-02 10:02Z', 'Tokyo', NULL, '{"invoked_by": "ec2.amazonaws.com"}'),
    ('2026-03-02 10:03Z', 'Tokyo', NULL, '{"event_name": "Excluded"}'),
    ('2026-03-02 10:04Z', 'Singapore', NULL, NULL),
    ('2026-03-02 10:05Z', NULL, NULL, '{"source_ip": "10.0.0.1", "source_text": "10.0.0.1"}'),
    ('2026-03-02 10:06Z', NULL, NULL, '{"source_text": "s3.amazonaws.com"}'),
    ('2026-03-02 10:07Z', NULL, NULL, '{"source_ip": "100.128.0.1"}'),
    ('2026-03-02 10:08Z', 'Cambridge', NULL, NULL),
    ('2026-03-02 10:09Z', 'Seattle', NULL, NULL),
    ('2026-03-02 18:00Z', 'Paris', NULL, NULL);
-- No scan has read them yet.
SELECT at, status, impossible, raised, explanation FROM told_of('told', 'alice') WHERE at IN ('01 09:00', '02 10:09');
CALL travel.scan('told');
SELECT * FROM told_of('told', 'alice');
SELECT reasons, causes FROM travel.explain('told', 'AKIAALICEEXAMPLE') WHERE impossible;

-- What the baseline knew: learning, on trial, contested, known, entered.
INSERT INTO calls (at, city)
VALUES
    ('2026-03-04 09:00Z', 'London'),
    ('2026-03-04 09:10Z', 'Tokyo'),
    ('2026-03-04 19:00Z', 'Moscow'),
    ('2026-03-05 19:00Z', 'Moscow'),
    ('2026-03-05 19:30Z', 'London');
CALL travel.scan('told');
SELECT at, city, raised, explanation FROM told_of('told', 'alice', '2026-03-04');
INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, valid_from, note)
SELECT 'told', actor, to_country_code, to_subdivision, to_city, '2026-03-01', 'a second office'
FROM travel.verdicts
WHERE rule = 'told' AND to_city = 'Tokyo';
INSERT INTO travel.suppressions (rule, country_code_a, reason, valid_until)
VALUES ('told', 'RU', 'works there in March', '2026-04-01');
CALL travel.rescan('told', '2026-03-04');
SELECT at, city, raised, explanation
FROM told_of('told', 'alice', '2026-03-04');
SELECT reasons, regexp_replace(causes::text, '(row|suppression) \d+', '\1 N', 'g') AS causes
FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2026-03-04')
WHERE impossible;

-- A verdict stands until a rescan, and the explanation says what a scan would find now.
DELETE FROM travel.suppressions WHERE rule = 'told';
DELETE FROM travel.networks WHERE name = 'the VPN';
SELECT at, city, raised, explanation
FROM told_of('told', 'alice', '2026-03-05 19:30', '2026-03-06');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-02 10:09', '2026-03-02 19:00');
-- An event that the source has lost.
DELETE FROM trail WHERE event_time = '2026-03-05 19:30Z';
SELECT at, city, status, explanation
FROM told_of('told', 'alice', '2026-03-05');
-- A late event that no scan has read yet.
INSERT INTO calls (at, city) VALUES ('2026-03-04 09:05Z', 'New York');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-04 09:00', '2026-03-04 10:00');
CALL travel.scan('told');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-04 09:00', '2026-03-04 10:00');

-- The other reasons and their causes.
INSERT INTO travel.rules (name, source, learn, learn_transitions, ignored, raise_from)
VALUES ('causes', 'trail', 'encountered', true, '{anonymizer,hosting,carrier,same_asn}', '2026-04-01 09:00Z');
INSERT INTO travel.networks (network, name, treatment)
VALUES ('192.0.2.0/24', 'Europe', 'trusted'), ('198.51.100.0/27', 'New York', 'trusted');
INSERT INTO travel.networks (network, name, hosting) VALUES ('203.0.113.32/27', 'our machines', 'ours');
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-20 09:00Z', 'London', 'bob'),
    ('2026-03-31 09:00Z', 'London', 'bob'),
    ('2026-03-31 09:10Z', 'New York', 'bob'),
    ('2026-03-31 09:20Z', 'London', 'bob'),
    ('2026-04-01 09:00Z', 'London', 'bob'),
    ('2026-04-01 09:10Z', 'New York', 'bob'),
    ('2026-04-01 09:20Z', 'a VPN in Moscow', 'bob'),
    ('2026-04-01 09:30Z', 'a cloud in Singapore', 'bob'),
    ('2026-04-01 09:40Z', 'a telephone in Mumbai', 'bob'),
    ('2026-04-01 09:50Z', 'Yokohama', 'bob'),
    ('2026-04-02 09:00Z', 'Seattle', 'bob');
CALL travel.scan('causes');
SELECT to_char(event_time, 'MM-DD HH24:MI') AS at, city, unnest(causes) AS cause
FROM travel.explain('causes', 'AKIABOBEXAMPLE');
-- The same before the first scan.
INSERT INTO travel.rules (name, source, learn, learn_transitions, ignored, raise_from)
SELECT 'never scanned', source, learn, learn_transitions, ignored, raise_from FROM travel.rules WHERE name = 'causes';
SELECT count(*) AS same
FROM travel.explain('causes', 'AKIABOBEXAMPLE') AS a
JOIN travel.explain('never scanned', 'AKIABOBEXAMPLE') AS b USING (leg_id, reasons, causes)
WHERE a.impossible AND b.impossible AND b.raised IS NULL;

-- An alert: the events from the start of its first leg to the end of its last one.
SELECT to_char(event_time, 'DD HH24:MI') AS at, e.city, e.from_city, e.raised, e.alert_id = a.id AS in_it
FROM travel.alerts AS a
CROSS JOIN LATERAL travel.explain_alert(a.id) AS e
WHERE a.rule = 'told' AND a.withdrawn_at IS NULL
ORDER BY a.id, e.event_time;

-- It reads the events of the entity and of its baseline user by indexes.
INSERT INTO trail (event_id, event_time, source_ip, access_key_id, actor, outcome)
SELECT 'other ' || n, '2026-03-01'::timestamptz + n * interval '1 minute', '192.0.2.1', 'AKIAOTHER' || n % 50,
    'other' || n % 50, 'success'
FROM generate_series(1, 5000) AS n;
INSERT INTO trail (event_id, event_time, source_ip, access_key_id, actor, outcome)
SELECT 'many ' || n, '2026-04-01'::timestamptz + n * interval '10 minutes', '192.0.2.1', 'AKIAMANYEXAMPLE', 'many',
    'success'
FROM generate_series(1, 2000) AS n;
CALL travel.scan('told');
BEGIN;
SELECT coalesce(sum(seq_scan), 0) AS before FROM pg_stat_xact_user_tables WHERE relid = 'trail'::regclass \gset
SELECT count(*) FROM travel.explain('told', 'AKIAMANYEXAMPLE', '2026-04-14 12:00');
-- The counters may include statements before this transaction.
SELECT seq_scan - :before AS seq_scans, idx_scan > 0 AS by_index
FROM pg_stat_xact_user_tables WHERE relid = 'trail'::regclass;
COMMIT;

-- Nothing to explain, and errors.
SELECT * FROM travel.explain('told', 'AKIANOBODY', '2026-03-01');
SELECT * FROM travel.explain('unknown', 'AKIAALICEEXAMPLE');
SELECT * FROM travel.explain('told', NULL);
SELECT * FROM travel.explain(NULL, 'AKIAALICEEXAMPLE');
SELECT * FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2026-03-02', '2026-03-02');
SELECT * FROM travel.explain_alert(NULL);
SELECT * FROM travel.explain_alert(-1);

-- The level read suffices, although the role cannot read the source.
CREATE ROLE reads;
SELECT travel.grant_to('reads', 'read');
SET ROLE reads;
SELECT count(*) > 10 AS explained FROM travel.explain('told', 'AKIAALICEEXAMPLE');
SELECT count(*) FROM trail;
RESET ROLE;
DROP OWNED BY reads;
SET ROLE reads;
SELECT count(*) FROM travel.explain('told', 'AKIAALICEEXAMPLE');
RESET ROLE;
DROP ROLE reads;

DELETE FROM travel.rules;
DELETE FROM travel.suppressions;
TRUNCATE travel.networks;
RESET search_path;
DROP SCHEMA explained CASCADE;
