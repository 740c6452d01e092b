-- Triage: who wrote a row and when, comments, archiving, silencing, and incidents that several rules saw.
\pset null '-'
SET timezone = 'UTC';
CREATE SCHEMA triaging;
SET search_path = triaging, stories, public;
CALL stage();
CREATE ROLE regress_tina;
CREATE ROLE regress_tom;
CREATE ROLE regress_rita;
CREATE ROLE regress_adam;
SELECT travel.grant_to('regress_tina', 'triage'), travel.grant_to('regress_tom', 'triage'),
    travel.grant_to('regress_rita', 'read'), travel.grant_to('regress_adam', 'admin');
INSERT INTO travel.rules (name, source, baseline) VALUES ('triage', 'trail', false);

-- The extension says who entered and who changed a row, whatever the writer says.
CREATE VIEW authors AS
SELECT 'network' AS what, name AS which, created_by, created_at, updated_by, updated_at FROM travel.networks
UNION ALL
SELECT 'suppression', reason, created_by, created_at, updated_by, updated_at FROM travel.suppressions
UNION ALL
SELECT 'place', city, created_by, created_at, updated_by, updated_at FROM travel.known_places WHERE rule LIKE 'triage%'
UNION ALL
SELECT 'transition', to_city, created_by, created_at, updated_by, updated_at FROM travel.known_transitions
UNION ALL
SELECT 'rule', name, created_by, created_at, updated_by, updated_at FROM travel.rules;
GRANT SELECT ON authors TO PUBLIC;
GRANT USAGE ON SCHEMA triaging, stories TO PUBLIC;
CREATE TABLE regress_adams (access_key_id text, event_time timestamptz, source_ip inet);
ALTER TABLE regress_adams OWNER TO regress_adam;
SET ROLE regress_adam;
INSERT INTO travel.networks (network, name, created_by, created_at, updated_by)
VALUES ('10.9.0.0/16', 'triage office', 'eve', '2020-01-01', 'eve');
INSERT INTO travel.rules (name, source, baseline, created_by, created_at)
VALUES ('triage, adam''s', 'triaging.regress_adams', false, 'eve', '2020-01-01');
SET ROLE regress_tina;
INSERT INTO travel.suppressions (rule, entity_like, reason, created_by, updated_at)
VALUES ('triage', 'nobody', 'triage test', 'eve', '2020-01-01');
INSERT INTO travel.known_places (rule, baseline_entity, country_code, city, created_by, created_at)
VALUES ('triage', 'x', 'FR', 'Triageville', 'eve', NULL);
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code, to_city)
VALUES ('triage', 'x', 'FR', 'DE', 'Triagestadt');
SELECT what, created_by, created_at > now() - interval '1 hour' AS lately, updated_by, updated_at
FROM authors
WHERE which ILIKE 'triage%' AND which <> 'triage'
ORDER BY 1;
-- A change names its author, and leaves the first one. What changes nothing is no change.
SET ROLE regress_tom;
UPDATE travel.suppressions SET reason = 'triage test, longer', created_by = 'eve', created_at = '2020-01-01'
WHERE reason = 'triage test';
UPDATE travel.known_places SET note = 'changed', updated_by = 'eve' WHERE city = 'Triageville';
UPDATE travel.known_transitions SET created_by = 'eve', updated_by = 'eve' WHERE to_city = 'Triagestadt';
SET ROLE regress_adam;
UPDATE travel.networks SET note = note WHERE name = 'triage office';
RESET ROLE;
UPDATE travel.rules SET goal = 'changed', created_by = 'eve' WHERE name = 'triage, adam''s';
SELECT what, created_by, created_at > now() - interval '1 hour' AS lately, updated_by = current_user AS by_owner,
    updated_by, updated_at = now() AS now
FROM authors
WHERE which ILIKE 'triage%' AND which <> 'triage' AND what <> 'rule'
ORDER BY 1;
SELECT created_by, created_at > now() - interval '1 hour' AS lately, updated_by = current_user AS by_owner
FROM authors
WHERE which = 'triage, adam''s';
-- So does confirming a source, which writes with the rights of the table's owner.
ALTER TABLE regress_adams OWNER TO regress_tom;
GRANT SELECT ON regress_adams TO regress_adam;
SET ROLE regress_adam;
SELECT travel.confirm_source('triage, adam''s');
SELECT source_owner, updated_by FROM travel.rules WHERE name = 'triage, adam''s';
RESET ROLE;
-- The end of an entry that a triggered function writes is still the analyst's.
SET ROLE regress_tom;
DELETE FROM travel.known_places WHERE city = 'Triageville';
RESET ROLE;
SELECT created_by, updated_by FROM authors WHERE which = 'Triageville';
-- A role that may restore a dump keeps the values in it.
INSERT INTO travel.networks (network, name, created_by, created_at, updated_by, updated_at)
VALUES ('10.8.0.0/16', 'triage dump', 'ann', '2020-01-01', 'bob', '2020-01-02');
SELECT created_by, created_at, updated_by, updated_at FROM authors WHERE which = 'triage dump';
SELECT sqlstate_of($$
    INSERT INTO travel.networks (network, name, created_by, created_at)
    VALUES ('10.7.0.0/16', 'triage dump', NULL, NULL)
$$) AS filled;
DELETE FROM travel.networks WHERE name LIKE 'triage%';

-- Alerts: alice between London and Tokyo and back, with a leg from Yokohama; and bob.
INSERT INTO calls (at, city, who) VALUES
    ('2026-03-02 09:00Z', 'London', 'alice'), ('2026-03-02 09:10Z', 'Tokyo', 'alice'),
    ('2026-03-02 09:20Z', 'London', 'alice'), ('2026-03-02 09:30Z', 'New York', 'alice'),
    ('2026-03-02 09:00Z', 'London', 'bob'), ('2026-03-02 09:10Z', 'Sydney', 'bob');
CALL travel.scan('triage');
CREATE TABLE of AS SELECT id, session_name AS who FROM travel.alerts WHERE rule = 'triage';
CREATE FUNCTION of(name text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT id FROM triaging.of WHERE who = name';
GRANT SELECT ON of TO PUBLIC;
CREATE VIEW history AS
SELECT who, by, change FROM travel.alert_history JOIN of ON id = alert_id ORDER BY change_id;
GRANT SELECT ON history TO PUBLIC;

-- Comments have an author, are in the history, and stay.
SET ROLE regress_tina;
INSERT INTO travel.alert_comments (alert_id, comment) VALUES (of('alice'), 'asked alice, she is in London');
SET ROLE regress_tom;
INSERT INTO travel.alert_comments (alert_id, comment) VALUES (of('alice'), 'her key is on GitHub');
SELECT who, by, comment,
    at = (SELECT max(h.at) FROM travel.alert_history AS h WHERE h.alert_id = id AND h.by = c.by) AS same_time
FROM travel.alert_comments AS c
JOIN of ON id = alert_id
ORDER BY comment_id;
SELECT * FROM history;
SELECT error_of($$INSERT INTO travel.alert_comments (alert_id, comment) VALUES (-7, 'x')$$);
SELECT error_of(format($$INSERT INTO travel.alert_comments (alert_id, comment) VALUES (%s, E' \n')$$, of('alice')));
SELECT sqlstate_of($$INSERT INTO travel.alert_comments (comment) VALUES ('x')$$) AS no_alert,
    sqlstate_of($$INSERT INTO travel.alert_comments (alert_id, comment, by) VALUES (1, 'x', 'eve')$$) AS another,
    sqlstate_of($$INSERT INTO travel.alert_comments (alert_id, comment, at) VALUES (1, 'x', '2020-01-01')$$) AS earlier,
    sqlstate_of($$UPDATE travel.alert_comments SET comment = 'x'$$) AS change,
    sqlstate_of($$DELETE FROM travel.alert_comments$$) AS delete;
SET ROLE regress_rita;
SELECT count(*) AS read FROM travel.alert_comments;
SELECT sqlstate_of($$INSERT INTO travel.alert_comments (alert_id, comment) VALUES (1, 'x')$$) AS write;
-- Not even their owner changes or deletes them.
RESET ROLE;
SELECT error_of($$UPDATE travel.alert_comments SET comment = 'x'$$);
SELECT sqlstate_of($$DELETE FROM travel.alert_comments$$) AS delete,
    sqlstate_of($$TRUNCATE travel.alert_comments$$) AS truncate;

-- travel.archive sets status and reason, and adds a comment.
SET ROLE regress_tina;
SELECT travel.archive(of('alice'), 'true_positive', 'the key was stolen');
SELECT status, archive_reason, archived_at IS NOT NULL AS archived FROM travel.alerts WHERE id = of('alice');
SELECT * FROM history OFFSET 2;
SELECT error_of('SELECT travel.archive(-7, ''other'')');
SELECT error_of(format('SELECT travel.archive(%s, %L)', of('bob'), 'dunno'));
SELECT error_of(format('SELECT travel.archive(%s, %L, %L)', of('bob'), 'other', ' '));
SELECT error_of(format('SELECT travel.archive(%s, %L, %L)', of('bob'), 'other', repeat('é', 10001)));
SELECT sqlstate_of('SELECT travel.archive(NULL, ''other'')') AS no_id,
    sqlstate_of('SELECT travel.archive(1, NULL)') AS no_reason;
SELECT status FROM travel.alerts WHERE id = of('bob');
SET ROLE regress_rita;
SELECT sqlstate_of('SELECT travel.archive(1, ''other'')') AS archive,
    sqlstate_of('SELECT travel.silence(1, ''1 day'', ''x'')') AS silence;

-- travel.silence writes a suppression for each pair of countries that the legs connect, with the network of the end
-- that is not where the first leg starts.
SET ROLE regress_tina;
SELECT count(*) AS suppressions FROM travel.silence(of('alice'), '30 days', 'alice travels, ticket 4711');
SELECT rule, entity_like, country_code_a AS a, country_code_b AS b, network, valid_from,
    valid_until = created_at + interval '30 days' AS for_30_days, reason, created_by
FROM travel.suppressions
WHERE reason ~ '4711'
ORDER BY network;
SELECT error_of('SELECT travel.silence(-7, ''1 day'', ''x'')');
SELECT error_of(format('SELECT travel.silence(%s, %L, %L)', of('bob'), duration, 'x'))
FROM unnest('{0,11 years}'::text[]) AS duration;
SELECT error_of(format('SELECT travel.silence(%s, %L, %L)', of('bob'), '1 day', repeat('é', 1001)));
SELECT sqlstate_of(format('SELECT travel.silence(%s, %L, %L)', of('bob'), '-1 day', 'x')) AS negative,
    sqlstate_of(format('SELECT travel.silence(%s, %L, %L)', of('bob'), '1 day', ' ')) AS no_reason,
    sqlstate_of(format('SELECT travel.silence(%s, NULL, %L)', of('bob'), 'x')) AS null_duration,
    sqlstate_of(format('SELECT travel.silence(%s, %L, NULL)', of('bob'), '1 day')) AS null_reason;
RESET ROLE;
-- Later travel like it is not raised: to and from these networks, by this key. Other travel is, and the alert stays.
INSERT INTO calls (at, city, who) VALUES
    ('2026-03-04 09:00Z', 'London', 'alice'), ('2026-03-04 09:10Z', 'Tokyo', 'alice'),
    ('2026-03-04 09:20Z', 'London', 'alice'), ('2026-03-04 09:30Z', 'Paris', 'alice'),
    ('2026-03-04 09:35Z', 'Sydney', 'alice'),
    ('2026-03-04 09:00Z', 'London', 'bob'), ('2026-03-04 09:10Z', 'Tokyo', 'bob');
CALL travel.scan('triage');
CALL travel.rescan('triage', '-infinity');
SELECT entity, at, leg, raised, reasons FROM evaluated WHERE rule = 'triage' ORDER BY entity, to_time;
-- A pattern matches the entity itself, whatever characters it has.
INSERT INTO travel.alerts (id, rule, severity, first_seen, last_seen, leg_count, evidence, signal, entity, from_ip,
    to_ip, from_country_code, to_country_code)
VALUES (-11, 'triage', 'low', '2026-03-02', '2026-03-02', 1, '{}', '{}', 'a_b%c\d', '2001:db8::1', '192.0.2.1', 'GB',
        'fr'),
    (-12, 'triage', 'low', '2026-03-02', '2026-03-02', 1, '{}', '{}', 'e', NULL, NULL, NULL, NULL),
    (-13, 'triage', 'low', '2026-03-02', '2026-03-02', 1, '{}', '{}', 'ASIATRIAGE', '192.0.2.1', '203.0.113.1', 'GB',
        'JP');
SELECT count(*) FROM travel.silence(-11, '1 day', 'triage: odd');
SELECT entity_like, 'a_b%c\d' LIKE entity_like AS matches, 'axb%c\d' LIKE entity_like AS matches_more,
    country_code_a AS a, country_code_b AS b, network
FROM travel.suppressions
WHERE reason = 'triage: odd';
SELECT error_of('SELECT travel.silence(-12, ''1 day'', ''x'')');
-- A temporary key expires before its suppression does. A session of that name is no such key.
SELECT count(*) FROM travel.silence(-13, '30 days', 'triage: odd');
UPDATE travel.suppressions SET valid_until = '2999-01-01' WHERE reason = 'triage: odd' AND entity_like = 'ASIATRIAGE';
UPDATE travel.suppressions SET id = 1000000 WHERE reason = 'triage: odd' AND entity_like = 'ASIATRIAGE';
-- Another suppression of the same travel is named, because deleting one of them would leave the other.
SET session_replication_role = replica;
UPDATE travel.alerts SET access_key_id = 'ASIATRIAGE' WHERE id = -13;
RESET session_replication_role;
SELECT count(*) FROM travel.silence(-13, '30 days', 'triage: odd');
DELETE FROM travel.suppressions WHERE reason = 'triage: odd' AND entity_like = 'ASIATRIAGE';
-- With lineage, it is one, although legs start and arrive with keys that were minted from it.
SET session_replication_role = replica;
UPDATE travel.alerts SET access_key_id = 'ASIAMINTED', from_access_key_id = 'ASIAMINTED' WHERE id = -13;
UPDATE travel.rules SET lineage = true WHERE name = 'triage';
RESET session_replication_role;
SET ROLE regress_tina;
SELECT count(*) FROM travel.silence(-13, '30 days', 'triage: odd');
RESET ROLE;
SET session_replication_role = replica;
UPDATE travel.rules SET lineage = false WHERE name = 'triage';
RESET session_replication_role;
-- A notice says if no location becomes known by archiving an alert as expected.
SELECT travel.archive(-11, 'expected');
SELECT travel.archive(-11, 'expected');
SELECT travel.archive(-12, 'other');
SET session_replication_role = replica;
DELETE FROM travel.alerts WHERE id IN (-11, -12, -13);
RESET session_replication_role;

-- Alerts of several rules about one incident are one row of travel.incidents. The alerts of alice overlap, by user or
-- by entity; that of bob is somebody else's, and the later one of alice is another incident.
INSERT INTO travel.rules (name, source, baseline, entity, severity) VALUES
    ('triage, user', 'trail', false, 'account_id, session_name', 'high'),
    ('triage, actor', 'trail', false, 'actor', 'info');
CALL travel.scan('triage, user');
CALL travel.scan('triage, actor');
SELECT identity, severity, severity_rank AS rank, status, first_seen, last_seen, from_place, to_place,
    leg_count AS legs, alert_count AS alerts, rules,
    incident_id = (SELECT min(id) FROM unnest(alert_ids) AS id) AS smallest,
    (SELECT rule FROM travel.alerts WHERE id = alert_ids[1]) AS most_severe
FROM travel.incidents
WHERE rules && '{triage,"triage, user","triage, actor"}'
ORDER BY first_seen, identity;
-- An alert lasts from the start of its first leg, which may be before the end of another alert.
INSERT INTO travel.alerts
    (id, rule, severity, first_seen, last_seen, from_time, leg_count, evidence, signal, entity, actor)
VALUES (-21, 'triage', 'low', '2026-04-01 09:00', '2026-04-01 10:00', '2026-04-01 08:50', 1, '{}', '{}', 'K1', 'zed'),
    (-22, 'triage', 'low', '2026-04-01 10:05', '2026-04-01 10:05', '2026-04-01 09:55', 1, '{}', '{}', 'K2', 'zed'),
    (-23, 'triage', 'low', '2026-04-01 10:30', '2026-04-01 10:30', '2026-04-01 10:06', 1, '{}', '{}', 'K3', 'zed');
SELECT alert_ids FROM travel.incidents WHERE identity = 'zed' ORDER BY incident_id;
SET session_replication_role = replica;
DELETE FROM travel.alerts WHERE id IN (-21, -22, -23);
RESET session_replication_role;
-- All alerts of an incident can be archived together. The notices contain their ids.
SET client_min_messages = warning;
SELECT count(*)
FROM travel.incidents
CROSS JOIN unnest(alert_ids) AS id
CROSS JOIN travel.archive(id, 'expected', 'one incident')
WHERE rules && '{triage}' AND identity = 'bob' AND first_seen < '2026-03-03';
RESET client_min_messages;
SELECT identity, first_seen, status
FROM travel.incidents
WHERE rules && '{triage,"triage, user","triage, actor"}'
ORDER BY first_seen, identity;
-- 100,000 alerts are grouped in one pass.
SELECT count(*) AS alerts, count(DISTINCT incident_id) AS incidents
FROM travel_internal.incident_groups(
    ARRAY(SELECT n::bigint FROM generate_series(1, 100000) AS n),
    ARRAY(SELECT 'entity ' || n % 50000 FROM generate_series(1, 100000) AS n),
    ARRAY(SELECT 'user ' || n % 25000 FROM generate_series(1, 100000) AS n),
    ARRAY(SELECT '2026-01-01Z'::timestamptz + n % 7 * interval '1 day' FROM generate_series(1, 100000) AS n),
    ARRAY(SELECT '2026-01-01 12:00Z'::timestamptz + n % 7 * interval '1 day' FROM generate_series(1, 100000) AS n));

-- The comments of an alert are deleted with it.
SELECT count(*) AS comments FROM travel.alert_comments JOIN of ON id = alert_id;
BEGIN;
UPDATE travel.alerts SET status = 'archived' WHERE rule LIKE 'triage%';
SELECT alerts > 0 AS pruned FROM travel.prune('1 day');
SELECT count(*) AS comments FROM travel.alert_comments JOIN of ON id = alert_id;
ROLLBACK;
DELETE FROM travel.rules WHERE name LIKE 'triage%';
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA triaging CASCADE;
DROP OWNED BY regress_tina, regress_tom, regress_rita, regress_adam;
DROP ROLE regress_tina, regress_tom, regress_rita, regress_adam;
