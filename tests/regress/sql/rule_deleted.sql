-- DELETE of a rule, and what happens to its rows in other tables.
SET client_min_messages = warning;
SELECT travel.create_events_table('calls');
INSERT INTO calls (event_id, event_time, actor, access_key_id, source_ip)
SELECT n || ' ' || key, '2026-03-02 09:00Z'::timestamptz + n * interval '10 minutes', key, key,
    CASE WHEN n % 2 = 0 THEN '192.0.2.5' ELSE '203.0.113.7' END::inet
FROM generate_series(1, 2) AS n, unnest('{a,b,c,d}'::text[]) AS key;
CREATE FUNCTION left_behind() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE name regclass; rows bigint;
BEGIN
    FOR name IN
    SELECT attrelid
    FROM pg_attribute
    JOIN pg_class AS c ON c.oid = attrelid
    WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[])
        AND relkind = 'r'
        AND attname IN ('rule', 'alert_id')
        AND attrelid <> ALL ('{travel.alerts,travel.alert_history}'::regclass[])
    ORDER BY attrelid::regclass::text LOOP
        EXECUTE format('SELECT count(*) FROM %s AS t WHERE NOT EXISTS (SELECT FROM travel.rules AS '
                       'r WHERE r.name = to_jsonb(t)->>''rule'') AND to_jsonb(t)->>''rule'' IS NOT '
                       'NULL OR to_jsonb(t)->''alert_id'' <> ''null'' AND NOT EXISTS (SELECT FROM travel.alerts '
                       'AS a WHERE a.id = (to_jsonb(t)->>''alert_id'')::bigint)',
            name) INTO rows;
        IF rows > 0 THEN RETURN NEXT format('%s: %s', name, rows); END IF;
    END LOOP;
END $$;
CREATE VIEW board AS
SELECT rule, entity, status, archive_reason AS reason, archived_at IS NOT NULL AS archived,
    reopened_at IS NOT NULL AS reopened
FROM travel.alerts;
INSERT INTO travel.rules (name, source, baseline) VALUES ('short-lived', 'calls', false), ('stays', 'calls', false);
INSERT INTO travel.rules (name, source, learn, learn_transitions, enabled)
VALUES ('learns', 'calls', 'encountered', true, false);
INSERT INTO travel.suppressions (rule, entity_like, reason)
VALUES ('short-lived', 'z', 'a test'), (NULL, 'z', 'a test');
INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('short-lived', 'a', 'FR');
CALL travel.scan();
CALL travel.scan('learns');
UPDATE travel.alerts SET status = 'under_review' WHERE rule = 'short-lived' AND entity = 'b';
UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE rule = 'short-lived' AND entity = 'c';

-- Its open alerts are archived, and the history says who deleted the rule. All its rows except alerts are deleted.
CREATE ROLE gardener;
SELECT travel.grant_to('gardener', 'admin');
GRANT postgres TO gardener;
SET ROLE gardener;
DELETE FROM travel.rules WHERE name = 'short-lived';
RESET ROLE;
SELECT * FROM board WHERE rule = 'short-lived' ORDER BY entity;
SELECT entity, by, change
FROM travel.alert_history AS h
JOIN travel.alerts AS a ON a.id = h.alert_id
WHERE by = 'gardener'
ORDER BY entity;
SELECT * FROM left_behind();
SELECT count(*) AS suppressions_of_all_rules FROM travel.suppressions;

-- A new rule of the same name raises no alert twice: alerts that only the deletion archived are opened again, and
-- decisions of analysts stand.
INSERT INTO travel.rules (name, source, baseline) VALUES ('short-lived', 'calls', false);
CALL travel.scan('short-lived');
SELECT * FROM board WHERE rule = 'short-lived' ORDER BY entity;
SELECT entity, change - 'reopened_at' AS change
FROM travel.alert_history AS h
JOIN travel.alerts AS a ON a.id = h.alert_id
WHERE change ? 'reopened_at'
ORDER BY entity;
CALL travel.rescan('short-lived', '-infinity');
SELECT count(*) AS alerts, count(*) FILTER (WHERE status = 'open') AS open,
    count(*) FILTER (WHERE withdrawn_at IS NOT NULL) AS withdrawn
FROM travel.alerts
WHERE rule = 'short-lived';

-- TRUNCATE is refused. DELETE does the same for all rules.
TRUNCATE travel.rules;
DELETE FROM travel.rules;
SELECT DISTINCT rule, status, reason FROM board WHERE rule IN ('short-lived', 'stays') ORDER BY 1, 2;
SELECT * FROM left_behind();
SELECT count(*) AS suppressions_of_all_rules FROM travel.suppressions;
INSERT INTO travel.rules (name, source, baseline) VALUES ('stays', 'calls', false);
CALL travel.scan();
SELECT status, count(*) FROM travel.alerts WHERE rule = 'stays' GROUP BY 1;

-- Rows about a rule that does not exist are refused, except while a dump is loaded.
\set VERBOSITY sqlstate
INSERT INTO travel.suppressions (rule, reason) VALUES ('no such', 'a test');
UPDATE travel.suppressions SET rule = 'no such';
INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('no such', 'a', 'FR');
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code)
VALUES ('no such', 'a', 'FR', 'DE');
\set VERBOSITY default
BEGIN;
SET LOCAL check_function_bodies = off;
INSERT INTO travel.suppressions (rule, reason) VALUES ('to come', 'a test');
SET LOCAL check_function_bodies = on;
COPY travel.known_places (rule, baseline_entity, country_code, origin, valid_from) FROM stdin;
to come	a	FR	analyst	2026-01-01Z
\.
ROLLBACK;

-- The legs of an alert are deleted with it.
UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE status <> 'archived';
SELECT alerts > 0 AS pruned FROM travel.prune('1 day');
SELECT * FROM left_behind();
DELETE FROM travel.rules;
DELETE FROM travel.suppressions;
DROP TABLE calls;
DROP VIEW board;
DROP FUNCTION left_behind;
REVOKE postgres FROM gardener;
DROP OWNED BY gardener;
DROP ROLE gardener;
