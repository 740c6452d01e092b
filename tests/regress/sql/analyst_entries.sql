-- Analysts may enter, change and end rows in the tables of a detection rule. Other rows and columns belong to scans
-- alone.
\pset null '-'
SELECT travel.create_events_table('analysts_trail');
CREATE ROLE regress_ann;
CREATE ROLE regress_bob;
SELECT travel.grant_to('regress_ann', 'triage'), travel.grant_to('regress_bob', 'triage');
INSERT INTO travel.rules (name, owner, source, learn)
VALUES
    ('proven', current_user, 'public.analysts_trail', 'proven'),
    ('seen', current_user, 'public.analysts_trail', 'encountered'),
    ('gone', current_user, 'public.analysts_trail', 'proven');
-- The owner of the tables may load rows as scans would have written them.
INSERT INTO travel.known_places (rule, baseline_entity, country_code, city, state, origin, first_seen, last_seen)
SELECT rule, 'alice', 'GB', 'London', state, 'learnt', '2026-03-01', '2026-03-02'
FROM (VALUES ('proven', 'contested'), ('gone', 'known')) AS v (rule, state);
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code, origin, first_seen,
    last_seen)
VALUES ('seen', 'alice', 'GB', 'JP', 'learnt', '2026-03-01', '2026-03-02');
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, entity, signal)
SELECT rule, 'medium', '2026-03-02 09:10Z', '2026-03-02 11:10Z', 2, '{new_country}', 'K', '{}'
FROM unnest('{proven,seen,gone}'::text[]) AS rule;
CREATE TEMP TABLE of AS SELECT id, rule FROM travel.alerts;
GRANT SELECT ON of TO PUBLIC;
CREATE VIEW places AS
SELECT rule, baseline_entity AS who, country_code AS cc, subdivision, city, state, origin,
    valid_from = (SELECT last_seen FROM travel.alerts AS a WHERE a.id = alert_id) AS from_last_seen,
    valid_until IS NOT NULL AS ended, created_by AS by
FROM travel.known_places
ORDER BY rule, who, cc, city, subdivision, ended;
GRANT SELECT ON places TO PUBLIC;
INSERT INTO travel_internal.alert_legs
SELECT id, leg, '2026-03-02 10:00Z', who, cc_a, 'South', city_a, known_a, cc_b, 'North', city_b, known_b
FROM of
CROSS JOIN (VALUES ('a', 'alice', 'GB', 'London', true, 'JP', 'Tokyo', false),
    ('b', 'alice', 'GB', 'London', true, 'JP', 'Tokyo', false), ('c', 'alice', 'AU', 'Perth', false, NULL, NULL, false),
    ('d', NULL, 'FR', 'Paris', false, 'FR', 'Nice', false))
     AS v (leg, who, cc_a, city_a, known_a, cc_b, city_b, known_b);
SET ROLE regress_ann;

-- A row that an analyst enters is in force from now on, with origin analyst; empty names are stored as NULL.
INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city)
VALUES ('proven', 'carol', 'FR', '', 'Paris')
RETURNING state, origin, subdivision, city, valid_from = now() AS from_now, valid_until;
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, from_city, to_country_code, to_city)
VALUES ('proven', 'carol', 'FR', '', 'DE', 'Berlin')
RETURNING state, origin, from_city, to_city, valid_from = now() AS from_now, valid_until;
INSERT INTO travel.known_places (rule, baseline_entity, country_code, valid_from, valid_until)
VALUES ('proven', 'carol', 'IT', '2026-01-01', '2026-02-01'), ('proven', 'carol', 'ES', '2999-01-01', NULL);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin)
    VALUES ('proven', 'carol', 'FR', 'learnt')
$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin, alert_id)
    VALUES ('proven', 'carol', 'FR', 'alert', 1)
$$);
SELECT error_of($$
    INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code, origin)
    VALUES ('proven', 'carol', 'FR', 'DE', 'learnt')
$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, state)
    VALUES ('proven', 'carol', 'FR', 'trial')
$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, last_seen)
    VALUES ('proven', 'carol', 'FR', now())
$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, valid_from, valid_until)
    VALUES ('proven', 'carol', 'FR', '2026-02-01Z', '2026-02-01Z')
$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('proven', 'carol', 'France')
$$);
SELECT code,
    sqlstate_of(format('INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, '
                       'to_country_code) VALUES (%L, %L, %L, %L)',
    'proven', 'carol', 'FR', code))
FROM unnest('{de,"",D,DEU,"D ",ÄÖ}'::text[]) AS code;
SELECT sqlstate_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code)
    VALUES ('none', 'carol', 'FR')$$) AS no_rule, sqlstate_of($$INSERT INTO travel.known_places (rule, baseline_entity,
        country_code)
    VALUES ('proven', '', 'FR')
$$) AS nobody,
       sqlstate_of($$
           INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin)
           VALUES ('proven', 'carol', 'FR', 'mine')
       $$)
           AS no_origin;
-- It may be changed, except for its baseline user and its origin.
UPDATE travel.known_places
SET note = 'moved there', valid_until = '2999-01-01'
WHERE baseline_entity = 'carol' AND city = 'Paris'
RETURNING note;
SELECT error_of($$UPDATE travel.known_places SET rule = 'seen' WHERE baseline_entity = 'carol'$$);
SELECT what,
    sqlstate_of('UPDATE travel.known_places SET ' || what || $$ WHERE baseline_entity = 'carol' AND city = 'Paris'$$)
FROM unnest('{baseline_entity = ''dave'',origin = ''learnt'',origin = ''alert'',alert_id = 1,state = ''contested'','
            'first_seen = now(),valid_until = ''2020-01-01'',country_code = ''fr'',note = NULL}'::text[])
    AS what;
-- An analyst cannot change a learned row.
SELECT error_of($$UPDATE travel.known_places SET note = 'x' WHERE origin = 'learnt'$$);
SELECT error_of($$DELETE FROM travel.known_places WHERE origin = 'learnt'$$);
SELECT sqlstate_of($$UPDATE travel.known_transitions SET note = 'x' WHERE origin = 'learnt'$$) AS update,
    sqlstate_of($$DELETE FROM travel.known_transitions WHERE origin = 'learnt'$$) AS delete;
-- Neither can the owner, who could load it, nor a role that would take it over.
RESET ROLE;
SELECT sqlstate_of($$UPDATE travel.known_places SET state = 'known' WHERE origin = 'learnt'$$) AS update,
    sqlstate_of($$DELETE FROM travel.known_places WHERE origin = 'learnt'$$) AS delete,
    sqlstate_of($$UPDATE travel.known_places SET origin = 'analyst' WHERE origin = 'learnt'$$) AS taken;
-- DELETE ends a row that is in force, and removes a row that is not yet or no longer in force.
SET ROLE regress_ann;
DELETE FROM travel.known_places WHERE baseline_entity = 'carol';
DELETE FROM travel.known_transitions WHERE baseline_entity = 'carol';
SELECT country_code, city, valid_from < valid_until AS was_in_force, valid_until <= now() AS is_over
FROM travel.known_places
WHERE baseline_entity = 'carol';
SELECT from_country_code, to_city, valid_until <= now() AS is_over
FROM travel.known_transitions
WHERE baseline_entity = 'carol';
DELETE FROM travel.known_places WHERE baseline_entity = 'carol';
BEGIN;
INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('proven', 'carol', 'FR');
DELETE FROM travel.known_places WHERE baseline_entity = 'carol';
COMMIT;
SELECT count(*) AS carols FROM travel.known_places WHERE baseline_entity = 'carol';

-- Analysts may change three columns of an alert. Each change adds a row to the history, with the role that made it.
UPDATE travel.alerts
SET status = 'under_review', assignee = 'ann'
WHERE rule = 'proven'
RETURNING status, archived_at, updated_at = now() AS updated;
UPDATE travel.alerts SET status = status WHERE rule = 'proven';
SET ROLE regress_bob;
SELECT error_of($$UPDATE travel.alerts SET archive_reason = 'expected' WHERE rule = 'proven'$$);
UPDATE travel.alerts
SET status = 'archived'
WHERE rule = 'proven'
RETURNING archive_reason, archived_at = now() AS archived;
UPDATE travel.alerts
SET archive_reason = 'expected'
WHERE rule = 'proven'
RETURNING archived_at < now() AS archived_before;
SELECT by, change FROM travel.alert_history JOIN of ON id = alert_id WHERE rule = 'proven' ORDER BY at;
-- Archiving an alert as expected enters the unknown locations of its legs as known after its last leg, without further
-- privileges.
SELECT * FROM places WHERE origin = 'alert';
-- They are entered once, and rows that were entered by hand do not belong to the alert.
UPDATE travel.alerts SET assignee = 'bob' WHERE rule = 'proven';
UPDATE travel.alerts SET archive_reason = 'expected' WHERE rule = 'proven';
SELECT count(*) AS alerts_rows FROM places WHERE origin = 'alert';
-- Another reason or reopening the alert takes them back; archiving it again enters them anew.
UPDATE travel.alerts
SET archive_reason = 'false_positive'
WHERE rule = 'proven'
RETURNING status, archived_at IS NOT NULL AS archived;
SELECT * FROM places WHERE origin = 'alert';
UPDATE travel.alerts SET archive_reason = 'expected' WHERE rule = 'proven';
UPDATE travel.alerts SET status = 'open' WHERE rule = 'proven' RETURNING status, archive_reason, archived_at;
SELECT cc, city, ended, count(*) FROM places WHERE origin = 'alert' GROUP BY 1, 2, 3 ORDER BY 2;
UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule = 'proven';
SELECT cc, city, ended, count(*) FROM places WHERE origin = 'alert' GROUP BY 1, 2, 3 ORDER BY 2, 3;
-- A row of the alert that an analyst ended is not ended twice, and is entered anew.
DELETE FROM travel.known_places WHERE origin = 'alert' AND city = 'Tokyo' AND valid_until IS NULL;
UPDATE travel.alerts SET archive_reason = NULL WHERE rule = 'proven';
SELECT cc, city, ended, count(*) FROM places WHERE origin = 'alert' GROUP BY 1, 2, 3 ORDER BY 2, 3;
-- Locations are compared as the rule compares them: without subdivisions if the rule learns encountered locations.
UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule = 'seen';
SELECT * FROM places WHERE rule = 'seen';
-- All of it in one statement. A withdrawn alert can be triaged like any other.
RESET ROLE;
SET session_replication_role = replica;
UPDATE travel.alerts SET withdrawn_at = now() WHERE rule = 'gone';
RESET session_replication_role;
SET ROLE regress_ann;
UPDATE travel.alerts SET status = 'archived', archive_reason = 'other', assignee = NULL;
SELECT rule, by, change
FROM travel.alert_history
JOIN of ON id = alert_id
WHERE at = (SELECT max(at) FROM travel.alert_history)
ORDER BY 1;
-- Only an archived alert has a reason.
UPDATE travel.alerts SET status = 'open' WHERE rule = 'gone';
SELECT what, sqlstate_of('UPDATE travel.alerts SET ' || what || $$ WHERE rule = 'gone'$$)
FROM unnest('{archive_reason = ''other'',"status = ''under_review'', archive_reason = ''other''",status = ''closed'','
            '"status = ''archived'', archive_reason = ''why not''",status = NULL,"status = ''archived'', '
            'archive_reason = NULL"}'::text[])
    AS what;
SELECT status, archive_reason FROM travel.alerts WHERE rule = 'gone';
-- All other columns belong to scans: privileges keep analysts from them, the trigger keeps the owner from them.
SELECT column_name, sqlstate_of(format('UPDATE travel.alerts SET %I = NULL', column_name))
FROM unnest('{id,rule,severity,first_seen,evidence,message,signal,raised_at,updated_at,archived_at,reopened_at,'
            'withdrawn_at}'::text[])
    AS column_name
WHERE sqlstate_of(format('UPDATE travel.alerts SET %I = NULL', column_name)) <> '42501';
RESET ROLE;
SELECT error_of($$UPDATE travel.alerts SET severity = 'info'$$);
SELECT column_name, sqlstate_of(format('UPDATE travel.alerts SET %I = NULL WHERE %1$I IS NOT NULL', column_name))
FROM unnest('{id,rule,severity,first_seen,evidence,signal,raised_at,updated_at,archived_at,withdrawn_at}'::text[])
    AS column_name;
SELECT sqlstate_of($$UPDATE travel.alerts SET archived_at = now() WHERE rule = 'gone'$$) AS archived_at,
    sqlstate_of($$UPDATE travel.alerts SET reopened_at = now()$$) AS reopened_at,
    sqlstate_of($$UPDATE travel.alerts SET message = 'x'$$) AS message;
SELECT error_of('DELETE FROM travel.alerts');
SET client_min_messages = warning;
SELECT sqlstate_of('TRUNCATE travel.alerts CASCADE') AS truncate;
-- Within functions, the role is the one whose privileges they run with.
CREATE FUNCTION assign(who text) RETURNS void
    LANGUAGE sql SECURITY DEFINER AS $$ UPDATE travel.alerts SET assignee = who WHERE rule = 'gone' $$;
ALTER FUNCTION assign(text) OWNER TO regress_bob;
SET ROLE regress_ann;
SELECT assign('eve');
SELECT by, change FROM travel.alert_history WHERE at = (SELECT max(at) FROM travel.alert_history);
-- The triggers do not use the search_path of the analyst.
RESET ROLE;
CREATE SCHEMA analysts_evil AUTHORIZATION regress_ann;
SET ROLE regress_ann;
CREATE FUNCTION analysts_evil.is_owner(text, text) RETURNS boolean
    LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil, as %', current_user; END $$;
CREATE OPERATOR analysts_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = analysts_evil.is_owner);
CREATE OPERATOR analysts_evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = analysts_evil.is_owner);
SET search_path = analysts_evil, pg_catalog, public;
SELECT 'a'::text = 'b'::text;
UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule OPERATOR(pg_catalog.=) 'gone';
DELETE FROM travel.known_places WHERE city OPERATOR(pg_catalog.=) 'Perth' AND valid_until IS NULL;
SELECT current_user;
RESET search_path;
RESET ROLE;
DROP SCHEMA analysts_evil CASCADE;
RESET client_min_messages;

-- A suppression has an author, a reason, and at least one criterion.
SET ROLE regress_ann;
INSERT INTO travel.suppressions (rule, reason, created_by) VALUES ('proven', 'a test', 'another') RETURNING created_by;
INSERT INTO travel.suppressions (entity_like, country_code_a, country_code_b, network, reason)
VALUES ('arn:aws:iam::%:user/al\_ce\\', 'GB', 'JP', '203.0.113.0/24', 'the office in Tokyo')
RETURNING created_by, entity_like;
UPDATE travel.suppressions SET created_by = 'another' RETURNING created_by;
SET ROLE regress_bob;
UPDATE travel.suppressions SET reason = 'a longer test' WHERE rule = 'proven' RETURNING created_by;
SELECT error_of($$INSERT INTO travel.suppressions (reason) VALUES ('quiet, please')$$);
-- A pattern or a network that matches everything is no criterion, and a pattern matches something.
SELECT network, pattern, sqlstate_of(format(
    'INSERT INTO travel.suppressions (network, entity_like, valid_until, reason) VALUES (%L, %L, %L, ''x'')',
    network, pattern, until)) AS sqlstate, until IS NOT NULL AS ends
FROM (VALUES (NULL, '%', NULL), (NULL, '%%', 'infinity'), ('0.0.0.0/0', '%', NULL), ('::/0', NULL, NULL),
    ('0.0.0.0/0', 'A%', NULL), ('0.0.0.0/1', '%', NULL), (NULL, '_%', NULL), ('::/0', '%', '2026-01-01'),
    ('192.0.2.0/24', '', NULL)) AS v (network, pattern, until);
SELECT error_of($$INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('proven', '', 'x')$$);
DELETE FROM travel.suppressions WHERE reason = 'x';
-- An end of validity is a criterion, too.
SELECT sqlstate_of($$
    INSERT INTO travel.suppressions (valid_from, valid_until, reason)
    VALUES ('2026-01-01', '2026-01-02',
        'maintenance')$$) AS a_day, sqlstate_of($$INSERT INTO travel.suppressions (valid_from, reason)
    VALUES ('2026-01-01', 'x')
$$) AS from_then_on;
SELECT error_of($$INSERT INTO travel.suppressions (rule, reason) VALUES ('proven', E' \t\n')$$);
SELECT error_of($$INSERT INTO travel.suppressions (entity_like, reason) VALUES ('al\', 'x')$$);
-- Texts of analysts have limits, in characters.
SELECT error_of($$UPDATE travel.alerts SET assignee = repeat('é', 201) WHERE rule = 'proven'$$);
SELECT error_of($$INSERT INTO travel.suppressions (rule, reason) VALUES ('proven', repeat('x', 1001))$$);
SELECT error_of($$INSERT INTO travel.alert_comments (alert_id, comment)
                  SELECT id, repeat('x', 10001) FROM of WHERE rule = 'proven'$$);
SELECT error_of($$UPDATE travel.known_places SET note = repeat('x', 1001) WHERE origin = 'alert'$$);
BEGIN;
UPDATE travel.alerts SET assignee = repeat('é', 200) WHERE rule = 'proven' RETURNING length(assignee);
INSERT INTO travel.suppressions (rule, reason) VALUES ('proven', repeat('x', 1000)) RETURNING length(reason);
INSERT INTO travel.alert_comments (alert_id, comment) SELECT id, repeat('x', 10000) FROM of WHERE rule = 'proven'
RETURNING length(comment);
ROLLBACK;
-- Constraints have the same limits, because triggers can be switched off.
SELECT conrelid::regclass AS "table", m[1] AS "column", m[2] AS characters
FROM pg_constraint, regexp_match(pg_get_constraintdef(oid), '\mlength\((\w+)\) <= (\d+)') AS m
WHERE connamespace = 'travel'::regnamespace AND m IS NOT NULL
ORDER BY conrelid::regclass::text COLLATE "C", 2;
SELECT error_of($$INSERT INTO travel.suppressions (country_code_b, reason) VALUES ('uk', 'x')$$);
SELECT sqlstate_of($$UPDATE travel.suppressions SET rule = NULL WHERE rule = 'proven'$$) AS widened,
    sqlstate_of($$
        INSERT INTO travel.suppressions (rule, valid_from, valid_until, reason)
        VALUES ('proven', now(), now(), 'x')$$) AS never, sqlstate_of($$INSERT INTO travel.suppressions (valid_from,
            valid_until, reason)
        VALUES (now(), 'infinity',
            'x')$$) AS everything_for_a_time, sqlstate_of($$INSERT INTO travel.suppressions (rule)
        VALUES ('proven')
    $$) AS no_reason;
RESET ROLE;
INSERT INTO travel.suppressions (rule, reason, created_by)
VALUES ('proven', 'from a dump', 'another')
RETURNING created_by;

-- Deleting a rule deletes its rows, learned and in force; alerts stay, and an alert without its rule enters no known
-- locations.
DELETE FROM travel.rules WHERE name IN ('proven', 'gone');
SELECT (SELECT count(*) FROM travel.known_places) AS places,
    (SELECT count(*) FROM travel.known_transitions) AS transitions,
    (SELECT count(*) FROM travel.suppressions WHERE rule = 'proven') AS suppressions,
    (SELECT count(*) FROM travel.alerts) AS alerts;
UPDATE travel.alerts SET archive_reason = 'expected' WHERE rule = 'proven' RETURNING archive_reason;
SELECT count(*) FROM travel.known_places WHERE rule = 'proven';
-- No trigger function can be called.
SELECT error_of('SELECT travel_internal.guard_known()');
SELECT sqlstate_of('SELECT travel_internal.guard_alert()') AS guard_alert,
    sqlstate_of('SELECT travel_internal.note_alert()') AS note_alert,
    sqlstate_of('SELECT travel_internal.guard_suppression()') AS guard_suppression;

SET client_min_messages = warning;
DELETE FROM travel.rules;
DELETE FROM travel.suppressions;
SET session_replication_role = replica;
DELETE FROM travel_internal.alert_legs;
DELETE FROM travel.alerts;
DELETE FROM travel.alert_history;
RESET session_replication_role;
DROP VIEW places;
DROP FUNCTION assign(text);
DROP TABLE analysts_trail;
DROP OWNED BY regress_ann, regress_bob;
DROP ROLE regress_ann, regress_bob;
