-- travel.explain: every event of an entity with its leg and the verdict in words.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA explained;
SET search_path = explained, stories, public;
CALL stage();
-- Texts without the ids of rows, and without the times at which they were entered.
CREATE FUNCTION masked(text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace($1, '(alert|row|suppression|network) \d+', '\1 N', 'g'),
        '(by \w+) at \d{4}-\d\d-\d\d [\d:.]+\+00', '\1 at TIME', 'g') $$;
CREATE FUNCTION told_of(rule text, who text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (at text, city text, status text, "from" text, impossible boolean, raised boolean, explanation text)
    LANGUAGE sql AS $$
    SELECT to_char(event_time, 'DD HH24:MI'), city, status, from_city, impossible, raised,
        masked(explanation)
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
SELECT reasons, masked(causes::text) AS causes FROM travel.explain('told', 'AKIAALICEEXAMPLE') WHERE impossible;
-- A leg starts at the last event that is not passing, and no leg starts behind passing events alone.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-02 10:09:30Z', 'Cambridge', NULL),
    ('2026-03-01 09:00Z', 'Seattle', 'vera'),
    ('2026-03-01 09:01Z', 'London', 'vera');
SELECT at, city, explanation FROM told_of('told', 'alice', '2026-03-02 10:09', '2026-03-02 10:10');
SELECT at, city, explanation FROM told_of('told', 'vera');
DELETE FROM trail WHERE event_time = '2026-03-02 10:09:30Z';
-- A leg is possible by its least distance: the one that the accuracy of both locations allows.
INSERT INTO calls (at, city, who)
VALUES ('2026-03-01 09:00Z', 'London', 'olga'), ('2026-03-01 11:28Z', 'Moscow', 'olga');
SELECT at, city, explanation FROM told_of('told', 'olga', '2026-03-01 10:00');
UPDATE travel.rules SET min_distance_km = 2450 WHERE name = 'told';
SELECT at, city, explanation FROM told_of('told', 'olga', '2026-03-01 10:00');
UPDATE travel.rules SET min_distance_km = 500 WHERE name = 'told';
-- An entity whose name no index can hold is not evaluated.
INSERT INTO calls (at, city, more)
VALUES ('2026-03-01 09:00Z', 'London', jsonb_build_object('access_key_id', repeat('K', 2001)));
SELECT status, explanation FROM travel.explain('told', repeat('K', 2001));

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
SELECT reasons, masked(causes::text) AS causes
FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2026-03-04')
WHERE impossible;
-- Every cause names its row, who entered it, and when.
SELECT e.reasons, bool_and(position(k.name || ', entered by ' || k.created_by || ' at '
    || to_char(k.created_at, 'YYYY-MM-DD HH24:MI:SS.US"+00"') IN e.causes[1]) > 0) AS named
FROM travel.explain('told', 'AKIAALICEEXAMPLE') AS e
JOIN (
    SELECT 'known_place' AS reason, format('row %s of travel.known_places', place_id) AS name, created_by, created_at
    FROM travel.known_places WHERE origin = 'analyst'
    UNION ALL
    SELECT 'suppressed', format('suppression %s', id), created_by, created_at FROM travel.suppressions
    UNION ALL
    SELECT 'vpn', format('network %s "%s"', id, name), created_by, created_at
    FROM travel.networks WHERE treatment = 'vpn'
) AS k ON ARRAY[k.reason] = e.reasons
GROUP BY e.reasons
ORDER BY e.reasons;

-- A verdict stands until a rescan, and the explanation says what a scan would find now.
DELETE FROM travel.suppressions WHERE rule = 'told';
DELETE FROM travel.networks WHERE name = 'the VPN';
SELECT at, city, raised, explanation
FROM told_of('told', 'alice', '2026-03-05 19:30', '2026-03-06');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-02 10:09', '2026-03-02 19:00');
-- Who changed a row is named, too.
UPDATE travel.known_places SET note = 'the second office' WHERE rule = 'told' AND origin = 'analyst';
SELECT masked(causes::text) AS causes
FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2026-03-04', '2026-03-05')
WHERE impossible;
-- An event that the source has lost, before one that is not evaluated.
DELETE FROM trail WHERE event_time = '2026-03-05 19:30Z';
INSERT INTO calls (at, city, more) VALUES ('2026-03-05 20:00Z', 'London', '{"outcome": "failed_auth"}');
SELECT at, city, status, explanation
FROM told_of('told', 'alice', '2026-03-05');
-- A lost event of the learning period.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'eve'),
    ('2026-03-01 09:10Z', 'Tokyo', 'eve'),
    ('2026-03-03 09:00Z', 'Tokyo', 'eve');
CALL travel.scan('told');
DELETE FROM trail WHERE access_key_id = 'AKIAEVEEXAMPLE' AND event_time = '2026-03-01 09:10Z';
SELECT at, city, status, explanation FROM told_of('told', 'eve');
-- A late event that no scan has read yet.
INSERT INTO calls (at, city) VALUES ('2026-03-04 09:05Z', 'New York');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-04 09:00', '2026-03-04 10:00');
CALL travel.scan('told');
SELECT at, city, impossible, raised, explanation
FROM told_of('told', 'alice', '2026-03-04 09:00', '2026-03-04 10:00');

-- A late event between two that a scan has read: the next scan evaluates the leg after it.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'dan'),
    ('2026-03-04 09:00Z', 'London', 'dan'),
    ('2026-03-04 09:20Z', 'London', 'dan');
CALL travel.scan('told');
INSERT INTO calls (at, city, who) VALUES ('2026-03-04 09:10Z', 'New York', 'dan');
SELECT at, city, impossible, raised, explanation FROM told_of('told', 'dan', '2026-03-04 09:05');
-- The late event is before the range.
SELECT at, city, impossible, raised, explanation FROM told_of('told', 'dan', '2026-03-04 09:15');
CALL travel.scan('told');
SELECT at, city, impossible, raised, explanation FROM told_of('told', 'dan', '2026-03-04 09:15');
-- An entry that an archived alert made says so, and who ended it.
SELECT travel.archive(id, 'expected') FROM travel.alerts WHERE rule = 'told' AND entity = 'AKIADANEXAMPLE';
INSERT INTO calls (at, city, who) VALUES ('2026-03-04 09:30Z', 'New York', 'dan');
CALL travel.scan('told');
SELECT travel.archive(id, 'other') FROM travel.alerts WHERE rule = 'told' AND entity = 'AKIADANEXAMPLE';
SELECT at, raised,
    regexp_replace(explanation, '.*(entered by .*, valid until )\S+ [0-9:.]*\+00', '\1TIME') AS explanation
FROM told_of('told', 'dan', '2026-03-04 09:25');
-- The late event is before the range, and later than the newest checkpoint.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'gus'),
    ('2026-03-05 19:50Z', 'London', 'gus'),
    ('2026-03-05 20:20Z', 'London', 'gus');
CALL travel.scan('told');
INSERT INTO calls (at, city, who) VALUES ('2026-03-05 20:10Z', 'New York', 'gus');
SELECT at, city, impossible, raised, explanation FROM told_of('told', 'gus', '2026-03-05 20:15');
-- The same with a temporary key, whose events are those of the key that minted it.
INSERT INTO travel.rules (name, source, lineage) VALUES ('chain', 'trail', true);
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-03-01 09:00Z', 'London', 'max', NULL),
    ('2026-03-05 19:00Z', 'London', 'max', '{"event_name": "GetSessionToken", "issued_access_key_id": "ASIAMAX"}'),
    ('2026-03-05 19:50Z', 'London', 'max', '{"access_key_id": "ASIAMAX", "actor": "a session"}'),
    ('2026-03-05 20:20Z', 'London', 'max', '{"access_key_id": "ASIAMAX", "actor": "a session"}');
-- Only a scan knows which keys were minted.
SELECT count(*) FROM travel.explain('chain', 'ASIAMAX');
CALL travel.scan('chain');
SELECT count(*) FROM travel.explain('chain', 'ASIAMAX');
INSERT INTO calls (at, city, who, more)
VALUES ('2026-03-05 20:10Z', 'New York', 'max', '{"access_key_id": "ASIAMAX", "actor": "a session"}');
SELECT at, city, impossible, raised, explanation FROM told_of('chain', 'max', '2026-03-05 20:15');
DELETE FROM travel.rules WHERE name = 'chain';
CALL travel.scan('told');

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
    ('2026-04-02 09:00Z', 'Seattle', 'bob'),
    ('2026-04-03 09:00Z', 'London', 'bob'),
    ('2026-04-03 09:10Z', 'Seattle', 'bob');
-- Of two networks with one prefix, the first one by name is trusted, and the second one says that it is rented.
INSERT INTO travel.networks (network, name, treatment, hosting)
VALUES ('198.51.100.32/27', 'Seattle', 'trusted', NULL), ('198.51.100.32/27', 'Seattle, racks', 'place', 'ours');
CALL travel.scan('causes');
SELECT to_char(event_time, 'MM-DD HH24:MI') AS at, city, masked(unnest(causes)) AS cause
FROM travel.explain('causes', 'AKIABOBEXAMPLE');
-- The same before the first scan.
INSERT INTO travel.rules (name, source, learn, learn_transitions, ignored, raise_from)
SELECT 'never scanned', source, learn, learn_transitions, ignored, raise_from FROM travel.rules WHERE name = 'causes';
SELECT count(*) AS same
FROM travel.explain('causes', 'AKIABOBEXAMPLE') AS a
JOIN travel.explain('never scanned', 'AKIABOBEXAMPLE') AS b USING (leg_id, reasons, causes)
WHERE a.impossible AND b.impossible AND b.raised IS NULL;

-- What has changed since the verdicts: raise_from, and networks. The verdicts stand.
UPDATE travel.rules SET raise_from = '2026-03-01' WHERE name = 'causes';
DELETE FROM travel.networks WHERE name IN ('our machines', 'Europe');
INSERT INTO travel.networks (network, name, hosting) VALUES ('198.19.0.0/24', 'AWS ap-southeast-1', 'aws');
SELECT to_char(event_time, 'MM-DD HH24:MI') AS at, city, raised, masked(cause) AS cause
FROM travel.explain('causes', 'AKIABOBEXAMPLE'), unnest(causes) AS cause
WHERE cause ~ '^(before|trusted|hosting)';
DELETE FROM travel.networks WHERE name LIKE 'AWS%';
UPDATE travel.rules SET raise_from = NULL WHERE name = 'causes';
SELECT DISTINCT cause
FROM travel.explain('causes', 'AKIABOBEXAMPLE'), unnest(causes) AS cause
WHERE cause LIKE 'before%';

-- A known transition names the row that an analyst entered. After a late event, another leg arrives, whose transition
-- is known by another row. That row is not the cause of the verdict.
INSERT INTO travel.rules (name, source, condition) VALUES ('transits', 'trail', 'actor LIKE ''%/tim''');
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, from_subdivision, from_city,
    to_country_code, to_subdivision, to_city, valid_from, note)
SELECT 'transits', 'arn:aws:iam::111122223333:user/tim', country_code, subdivision, city, 'US', 'New York', 'New York',
    '2026-03-01', 'by way of ' || city
FROM (VALUES ('GB', 'England', 'London'), ('JP', 'Tokyo', 'Tokyo')) AS v (country_code, subdivision, city);
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'tim'),
    ('2026-03-04 09:00Z', 'London', 'tim'),
    ('2026-03-04 09:20Z', 'New York', 'tim');
CALL travel.scan('transits');
SELECT raised, causes = ARRAY[format('known_transition: row %s of travel.known_transitions, entered by %s at %s, '
    'valid from 2026-03-01 00:00:00+00 (%s)', transition_id, created_by,
    to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.US"+00"'), note)] AS named
FROM travel.explain('transits', 'AKIATIMEXAMPLE'), travel.known_transitions
WHERE impossible AND note LIKE '%London';
INSERT INTO calls (at, city, who) VALUES ('2026-03-04 09:10Z', 'Tokyo', 'tim');
SELECT at, raised, explanation FROM told_of('transits', 'tim', '2026-03-04 09:15');
DELETE FROM travel.rules WHERE name = 'transits';
DELETE FROM trail WHERE access_key_id = 'AKIATIMEXAMPLE';

-- Rows of a source with records that the condition excludes.
CREATE TABLE records (record jsonb);
INSERT INTO records
SELECT jsonb_build_object('eventID', 'r' || n, 'eventTime', format('2026-03-01T09:0%s:00Z', n), 'eventName',
    CASE n WHEN 2 THEN 'Excluded' ELSE 'ListBuckets' END, 'sourceIPAddress', '192.0.2.1',
    'userIdentity', '{"type": "IAMUser", "accessKeyId": "AKIARECORDEXAMPLE"}'::jsonb)
FROM generate_series(1, 3) AS n;
INSERT INTO travel.rules (name, source, columns, condition)
VALUES ('of records', 'records', '{"record": "record"}', 'event_name <> ''Excluded''');
SELECT to_char(event_time, 'HH24:MI') AS at, status, explanation
FROM travel.explain('of records', 'AKIARECORDEXAMPLE');
INSERT INTO records
SELECT jsonb_set(record, '{userIdentity, accessKeyId}', '"AKIAEXCLUDEDEXAMPLE"')
FROM records WHERE record ->> 'eventName' = 'Excluded';
SELECT explanation FROM travel.explain('of records', 'AKIAEXCLUDEDEXAMPLE', '2027-01-01');

-- A location without a name is named by its coordinates. A name from the source adds no line and hides nothing.
CREATE TABLE nameless AS
SELECT 'AKIANOWHERE' AS access_key_id, '2026-03-01 09:00Z'::timestamptz + n * interval '10 minutes' AS event_time,
    10.0::float8 AS latitude, 20.0::float8 * n AS longitude, CASE n WHEN 2 THEN E'a\nb\u202Ec\x1B[2J' END AS city
FROM generate_series(1, 3) AS n;
INSERT INTO travel.rules (name, source, baseline, raise_from) VALUES ('nameless', 'nameless', false, 'infinity');
SELECT explanation FROM travel.explain('nameless', 'AKIANOWHERE') WHERE impossible;
INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('nameless', 'AKIANOWHERE', E'a\nb\u202Ec');
CALL travel.scan('nameless');
SELECT masked(explanation) AS explanation FROM travel.explain('nameless', 'AKIANOWHERE') WHERE impossible;
SELECT DISTINCT masked(causes[2]) AS cause FROM travel.explain('nameless', 'AKIANOWHERE') WHERE impossible;
DELETE FROM travel.rules WHERE name = 'nameless';
DROP TABLE nameless;
-- New rows of an event that a scan has read. The first one by its id represents the event.
INSERT INTO trail (event_id, event_time, event_name, source_ip, access_key_id, actor, outcome)
SELECT 'a ' || event_id, event_time, event_name, source_ip, access_key_id, actor, outcome
FROM trail
WHERE access_key_id = 'AKIAALICEEXAMPLE' AND event_time IN ('2026-03-02 10:00Z', '2026-03-05 20:00Z');
SELECT event_id LIKE 'a %' AS is_new, status, explanation LIKE 'No scan %' AS is_unread
FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2026-03-02 10:00Z', '2026-03-02 10:01Z');
-- Portions of any size give the same rows.
CREATE TEMPORARY TABLE whole AS
SELECT n.who, row_number() OVER (PARTITION BY n.who) AS n, e::text AS line
FROM unnest('{alice,bob,eve}'::text[]) AS n (who), travel.explain('told', 'AKIA' || upper(n.who) || 'EXAMPLE') AS e;
SET impossible_travel.scan_batch = 10;
SELECT count(*) > 30 AS many, count(*) FILTER (WHERE w.line IS DISTINCT FROM p.line) AS different
FROM whole AS w
FULL JOIN (
    SELECT n.who, row_number() OVER (PARTITION BY n.who) AS n, e::text AS line
    FROM unnest('{alice,bob,eve}'::text[]) AS n (who), travel.explain('told', 'AKIA' || upper(n.who) || 'EXAMPLE') AS e
) AS p USING (who, n);
RESET impossible_travel.scan_batch;

-- An alert: the events from the start of its first leg to the end of its last one.
SELECT to_char(event_time, 'DD HH24:MI') AS at, e.city, e.from_city, e.raised, e.alert_id = a.id AS in_it
FROM travel.alerts AS a
CROSS JOIN LATERAL travel.explain_alert(a.id) AS e
WHERE a.rule = 'told' AND a.withdrawn_at IS NULL
ORDER BY a.id, e.event_time;

-- The functions find the events of an entity and of its baseline user by indexes, and read few of their entries.
INSERT INTO trail (event_id, event_time, event_name, source_ip, access_key_id, actor, outcome)
SELECT 'other ' || n, '2026-04-01'::timestamptz + n * interval '4 minutes', 'ListBuckets', '192.0.2.1',
    'AKIAOTHER' || n % 50, 'other' || n % 50, 'success'
FROM generate_series(1, 5000) AS n;
INSERT INTO trail (event_id, event_time, event_name, source_ip, access_key_id, actor, outcome)
SELECT 'many ' || n, '2026-04-01'::timestamptz + n * interval '10 minutes', 'ListBuckets',
    CASE n WHEN 1950 THEN inet '203.0.113.1' ELSE '192.0.2.1' END, 'AKIAMANYEXAMPLE', 'many', 'success'
FROM generate_series(1, 2000) AS n;
CALL travel.scan('told');
CREATE VIEW reads AS
SELECT substring(pg_get_indexdef(indexrelid) FROM 'btree (.*)') AS index,
    pg_stat_get_xact_numscans(indexrelid) AS scans, pg_stat_get_xact_tuples_returned(indexrelid) AS entries,
    pg_stat_get_xact_numscans(indrelid) AS seq_scans
FROM pg_index
WHERE indrelid = current_setting('explained.source')::regclass;
SET explained.source = 'trail';
CREATE FUNCTION cost_of(
    question text, OUT answers bigint, OUT entries bigint, OUT seq_scans bigint, OUT indexes text[]
) LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := (SELECT jsonb_object_agg(index, to_jsonb(r)) FROM reads AS r);
    -- The planner looks up the ends of an index on the time.
    planner CONSTANT bigint := 50;
BEGIN
    EXECUTE 'SELECT count(*) FROM travel.' || question INTO answers;
    SELECT sum(r.entries - b.entries), max(r.seq_scans - b.seq_scans),
        array_agg(r.index ORDER BY r.index) FILTER (
            WHERE r.scans > b.scans AND (r.index <> '(event_time)' OR r.entries > b.entries + planner))
    INTO entries, seq_scans, indexes
    FROM reads AS r, jsonb_to_record(before -> r.index) AS b (scans bigint, entries bigint, seq_scans bigint);
END $$;
SELECT id AS many FROM travel.alerts WHERE entity = 'AKIAMANYEXAMPLE' AND rule = 'told' \gset
SELECT question, answers, entries <= at_most AS few, seq_scans, indexes
FROM (
    VALUES
        ('explain(''told'', ''AKIAMANYEXAMPLE'', ''2026-04-14 12:00'')', 500),
        ('explain(''told'', ''AKIAOTHER7'')', 600),
        ('explain_alert(:many)', 200),
        ('alert_events(:many)', 100),
        ('activity_after(:many)', 200)
) AS q (question, at_most), cost_of(replace(question, ':many', :'many')) AS c;

-- With lineage, the events of each key below a root are found in this way, too. The statistics are of a time when the
-- source had a single key.
SELECT travel.create_events_table('sessions');
INSERT INTO sessions (event_id, event_time, event_name, source_ip, access_key_id, actor)
SELECT 'first ' || n, '2026-03-01'::timestamptz + n * interval '1 minute', 'ListBuckets', '192.0.2.1', 'AKIAROOT',
    'rita'
FROM generate_series(1, 100) AS n;
ANALYZE sessions, travel_internal.minted_keys;
INSERT INTO sessions (event_id, event_time, event_name, source_ip, access_key_id, issued_access_key_id, actor)
SELECT kind || n, '2026-04-01'::timestamptz + n * interval '1 minute', event_name, '192.0.2.1',
    CASE kind WHEN 'use' THEN 'ASIA' || n ELSE 'AKIAROOT' END, CASE kind WHEN 'mint' THEN 'ASIA' || n END,
    CASE kind WHEN 'use' THEN 'role/' || n ELSE 'rita' END
FROM generate_series(1, 3000) AS n, (VALUES ('mint', 'AssumeRole'), ('use', 'ListBuckets')) AS v (kind, event_name);
INSERT INTO travel.rules (name, source, lineage) VALUES ('many keys', 'sessions', true);
CALL travel.scan('many keys');
SET explained.source = 'sessions';
SELECT question, answers, entries <= at_most AS few, seq_scans, indexes
FROM (
    VALUES
        ('explain(''many keys'', ''AKIAROOT'', ''2026-04-01'', ''2026-04-01 06:00'')', 60000),
        ('explain(''many keys'', ''AKIAROOT'')', 60000)
) AS q (question, at_most), cost_of(question) AS c;
-- So is a late event, which concerns all keys.
INSERT INTO sessions (event_id, event_time, event_name, source_ip, access_key_id)
VALUES ('late', '2026-03-01', 'ListBuckets', '192.0.2.1', 'ASIA1');
CREATE FUNCTION travel.scan_in_query() RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    CALL travel.scan('many keys');
    RETURN NEXT 1;
END $$;
SELECT entries <= 60000 AS few, seq_scans, indexes FROM cost_of('scan_in_query()');
DROP FUNCTION travel.scan_in_query();

-- Nothing to explain, and errors.
SELECT * FROM travel.explain('told', 'AKIANOBODY', '2026-03-01');
SELECT * FROM travel.explain('told', 'alice');
-- The range excludes an entity that exists. Rows that the condition excludes count.
SELECT * FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2027-01-01');
SELECT * FROM travel.explain('told', 'AKIAALICEEXAMPLE', NULL, '2020-01-01');
INSERT INTO trail (event_id, event_time, access_key_id, event_name)
VALUES ('excluded', '2026-03-01 01:00Z', 'AKIAEXCLUDEDEXAMPLE', 'Excluded');
SELECT * FROM travel.explain('told', 'AKIAEXCLUDEDEXAMPLE', '2027-01-01', '2027-02-01');
UPDATE travel.rules SET lineage = true WHERE name = 'told';
SELECT * FROM travel.explain('told', 'AKIAALICEEXAMPLE', '2027-01-01');
UPDATE travel.rules SET lineage = false WHERE name = 'told';
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

-- An alert whose rule was deleted.
DELETE FROM travel.rules;
DO $$ BEGIN
    PERFORM travel.explain_alert((SELECT min(id) FROM travel.alerts WHERE rule = 'told'));
EXCEPTION WHEN undefined_object THEN
    RAISE NOTICE '%', regexp_replace(sqlerrm, '\d+', 'N');
END $$;

DELETE FROM travel.suppressions;
TRUNCATE travel.networks;
RESET search_path;
DROP SCHEMA explained CASCADE;
