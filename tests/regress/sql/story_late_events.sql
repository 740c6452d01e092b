-- Events that arrive late, twice, or in any order.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA late;
SET search_path = late, stories, public;
CALL stage();
SELECT travel.create_rule('access_key', 'trail', 'late story');
CREATE VIEW verdicts AS
SELECT at, leg, alert, reasons
FROM evaluated
WHERE rule = 'late story'
ORDER BY entity, to_time;

-- Alice is at home, and a week later in Moscow an hour after a call from home.
INSERT INTO calls (at, city)
VALUES ('2026-03-01 09:00Z', 'London'), ('2026-03-09 09:00Z', 'London'), ('2026-03-09 10:00Z', 'Moscow');
CALL travel.scan();
TABLE verdicts;
SELECT alert, first_seen, last_seen, legs, evidence, withdrawn FROM told WHERE rule = 'late story';
CREATE TABLE first_alert AS SELECT id, leg_id, message FROM travel.alerts WHERE rule = 'late story';
-- A call from Tokyo between the two arrives late: the leg from London to Moscow is gone, and the two legs through Tokyo
-- are evaluated. The alert has lost its only leg and is withdrawn; the legs through Tokyo are another alert.
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:30Z', 'Tokyo');
CALL travel.scan();
TABLE verdicts;
SELECT alert, first_seen, last_seen, legs, evidence, withdrawn FROM told WHERE rule = 'late story' ORDER BY alert;
SELECT by = current_user AS by_me, change ->> 'status' AS status, (change #>> '{withdrawn_at,0}') IS NULL AS was_not,
    (change #>> '{withdrawn_at,1}') IS NOT NULL AS is
FROM travel.alert_history
JOIN travel.alerts ON id = alert_id
WHERE rule = 'late story';
-- The withdrawn alert keeps its contents.
SELECT a.leg_id = f.leg_id AS leg, a.message = f.message AS message, a.status
FROM travel.alerts AS a
JOIN first_alert AS f USING (id);
-- No alert is withdrawn twice.
CREATE TABLE withdrawn AS SELECT id, withdrawn_at, updated_at FROM travel.alerts WHERE withdrawn_at IS NOT NULL;
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:40Z', 'Tokyo');
CALL travel.scan();
SELECT a.withdrawn_at = w.withdrawn_at AND a.updated_at = w.updated_at AS untouched
FROM travel.alerts AS a
JOIN withdrawn AS w USING (id);

-- A late call from Amsterdam makes each leg of bob's too short. His alert is withdrawn, and no other takes its place.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'bob'),
    ('2026-03-09 09:00Z', 'London', 'bob'),
    ('2026-03-09 09:20Z', 'Frankfurt', 'bob');
CALL travel.scan();
SELECT at, leg, alert FROM verdicts WHERE leg ~ 'Frankfurt';
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 09:10Z', 'Amsterdam', 'bob');
CALL travel.scan();
SELECT at, leg, alert FROM verdicts WHERE leg ~ 'Frankfurt|Amsterdam';
SELECT alert, entity, legs, withdrawn FROM told WHERE rule = 'late story' ORDER BY alert;

-- An alert that loses one of its legs keeps the others, and its number.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'carol'),
    ('2026-03-09 09:00Z', 'London', 'carol'),
    ('2026-03-09 09:10Z', 'Tokyo', 'carol'),
    ('2026-03-09 11:00Z', 'London', 'carol');
CALL travel.scan();
SELECT alert, first_seen, last_seen, legs FROM told WHERE rule = 'late story' AND entity = 'AKIACAROLEXAMPLE';
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 09:05Z', 'Paris', 'carol');
CALL travel.scan();
SELECT at, leg, v.alert, v.reasons FROM verdicts AS v WHERE leg ~ 'Paris' OR at = '03-09 11:00' ORDER BY at;
SELECT alert, first_seen, last_seen, legs, withdrawn
FROM told
WHERE rule = 'late story' AND entity = 'AKIACAROLEXAMPLE';

-- An event that is days late and before all others: the learning period begins and ends earlier. A leg that was in it
-- is raised.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-09 09:00Z', 'London', 'dave'),
    ('2026-03-09 10:00Z', 'Tokyo', 'dave'),
    ('2026-03-09 11:00Z', 'London', 'dave');
CALL travel.scan();
SELECT at, leg, v.alert, v.reasons
FROM evaluated AS v
WHERE rule = 'late story' AND entity = 'AKIADAVEEXAMPLE'
ORDER BY to_time;
SELECT city, state, first_seen FROM known WHERE rule = 'late story' AND who = 'dave' ORDER BY city;
INSERT INTO calls (at, city, who) VALUES ('2026-03-03 09:00Z', 'London', 'dave');
CALL travel.scan();
SELECT at, leg, v.alert, v.reasons
FROM evaluated AS v
WHERE rule = 'late story' AND entity = 'AKIADAVEEXAMPLE'
ORDER BY to_time;
SELECT city, state, first_seen FROM known WHERE rule = 'late story' AND who = 'dave' ORDER BY city;
-- A late event in the learning period: its location is known, and a leg that was raised is no longer raised.
INSERT INTO calls (at, city, who) VALUES ('2026-03-03 20:00Z', 'Tokyo', 'dave');
CALL travel.scan();
SELECT at, leg, v.alert, v.reasons
FROM evaluated AS v
WHERE rule = 'late story' AND entity = 'AKIADAVEEXAMPLE'
ORDER BY to_time;
SELECT alert, legs, withdrawn FROM told WHERE rule = 'late story' AND entity = 'AKIADAVEEXAMPLE';

-- A late event in the same second as the last one: the order is by address, not by arrival.
INSERT INTO calls (at, city, who)
VALUES ('2026-03-01 09:00Z', 'London', 'erin'), ('2026-03-09 09:00Z', 'Tokyo', 'erin');
CALL travel.scan();
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 09:00Z', 'London', 'erin');
CALL travel.scan();
SELECT at, leg FROM evaluated WHERE rule = 'late story' AND entity = 'AKIAERINEXAMPLE';

-- The same event again, with another id, changes nothing.
CREATE TABLE before AS SELECT v.*, v.xmin::text AS written FROM travel.verdicts AS v WHERE rule = 'late story';
CREATE TABLE alerts_before AS SELECT a.*, a.xmin::text AS written FROM travel.alerts AS a WHERE rule = 'late story';
CREATE TABLE places_before AS
SELECT k.*, k.xmin::text AS written
FROM travel.known_places AS k
WHERE rule = 'late story';
INSERT INTO trail
SELECT t.*
FROM trail AS r
CROSS JOIN LATERAL jsonb_populate_record(r,
    jsonb_build_object('event_id', 'z' || r.event_id, 'ingest_xid', pg_current_xact_id()::text)) AS t;
CALL travel.scan();
SELECT count(*) AS events, count(DISTINCT (access_key_id, event_time, source_ip)) AS different FROM trail;
SELECT (
    SELECT count(*)
    FROM (SELECT v.*, v.xmin::text FROM travel.verdicts AS v WHERE rule = 'late story' EXCEPT TABLE before) AS d
)
    AS verdicts,
       (
           SELECT count(*)
           FROM (
               SELECT a.*, a.xmin::text FROM travel.alerts AS a WHERE rule = 'late story' EXCEPT TABLE alerts_before
           ) AS d
       ) AS alerts,
       (
           SELECT count(*)
           FROM (
               SELECT k.*, k.xmin::text
               FROM travel.known_places AS k
               WHERE rule = 'late story'
               EXCEPT TABLE places_before
           ) AS d
       ) AS places;

-- In any order and any portions the results are the same: scanned as they arrived above, all at once, and from the
-- newest to the oldest, a few in each scan.
CREATE FUNCTION digest(rule text) RETURNS TABLE (verdicts text, alerts text, places text) LANGUAGE sql AS $$
    SELECT (SELECT md5(string_agg(concat_ws(',', leg_id, raised, reasons, alert_legs, distance_km, message), ';'
        ORDER BY leg_id))
            FROM (
                SELECT v.*,
                    (
                        SELECT string_agg(leg_id, ',' ORDER BY leg_id)
                        FROM travel.verdicts AS o
                        WHERE o.alert_id = v.alert_id
                    )
                        AS alert_legs
                FROM travel.verdicts AS v
            ) AS v
            WHERE v.rule = digest.rule),
           (
               SELECT md5(string_agg(concat_ws(',', leg_id, severity, first_seen, last_seen, leg_count, evidence,
                   message, signal), ';'
                   ORDER BY leg_id))
               FROM travel.alerts AS a
               WHERE a.rule = digest.rule AND withdrawn_at IS NULL
           ),
           (
               SELECT md5(string_agg(concat_ws(',', baseline_entity, country_code, subdivision, city, state, first_seen,
                   last_seen), ';'
                   ORDER BY baseline_entity, city))
               FROM travel.known_places AS k
               WHERE k.rule = digest.rule
           ) $$;
SELECT travel.create_rule('access_key', 'trail', 'late, at once');
CALL travel.scan('late, at once');
CREATE TABLE backwards (LIKE trail INCLUDING ALL);
SELECT travel.create_rule('access_key', 'backwards', 'late, backwards');
CREATE PROCEDURE play() LANGUAGE plpgsql AS $$
DECLARE
    n int := 0;
BEGIN
    LOOP
        INSERT INTO late.backwards
        SELECT r.*
        FROM late.trail AS t
        CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object('ingest_xid', pg_current_xact_id()::text)) AS r
        WHERE NOT EXISTS (SELECT FROM late.backwards AS b WHERE b.event_id = t.event_id)
        ORDER BY t.event_time DESC, t.event_id DESC
        LIMIT 1 + n % 3;
        EXIT WHEN NOT FOUND;
        n := n + 1;
        COMMIT;
        -- The time zone of the session that scans does not matter.
        PERFORM set_config('timezone', CASE n % 2 WHEN 0 THEN 'UTC' ELSE 'Asia/Kolkata' END, false);
        CALL travel.scan('late, backwards');
    END LOOP;
    PERFORM set_config('timezone', 'UTC', false);
END $$;
CALL play();
SELECT digest('late story') = digest('late, at once') AS at_once,
    digest('late story') = digest('late, backwards') AS backwards, digest('late story') IS NOT NULL AS some;
SELECT (SELECT count(*) FROM backwards) = (SELECT count(*) FROM trail) AS all_played;
RESET search_path;
DELETE FROM travel.rules;
