-- The story under the default rule, for which new locations must prove themselves. Times are days and hours since the
-- first midnight. Rows of analysts are in force from now on, so the story ends tomorrow.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA proven;
SET search_path = proven, stories, public;
CALL stage();
CREATE TABLE start AS SELECT date_trunc('day', now()) - interval '59 days' AS day_0;
CREATE VIEW days AS SELECT NULL::numeric AS day, NULL::interval AS at, NULL::text AS city, NULL::text AS who;
CREATE FUNCTION make_call_of_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO proven.calls (at, city, who)
    SELECT day_0 + NEW.day * interval '1 day' + NEW.at, NEW.city, NEW.who
    FROM proven.start;
    RETURN NEW;
END $$;
CREATE TRIGGER make_call INSTEAD OF INSERT ON days FOR EACH ROW EXECUTE FUNCTION make_call_of_day();
CREATE FUNCTION since_start(t timestamptz) RETURNS text
    LANGUAGE sql AS $$ SELECT 'day ' || extract(day FROM t - day_0) || to_char(t, ' HH24:MI') FROM proven.start $$;
SELECT travel.create_rule('access_key', 'trail', 'proven story');
CREATE VIEW verdicts AS
SELECT since_start(to_time) AS at, leg, alert, reasons
FROM evaluated
WHERE rule = 'proven story'
ORDER BY to_time;
CREATE VIEW alerts AS
SELECT nth_alert(id) AS alert, severity, status, archive_reason AS reason, since_start(first_seen) AS first_seen,
    since_start(last_seen) AS last_seen, leg_count AS legs, evidence, reopened_at IS NOT NULL AS reopened
FROM travel.alerts WHERE rule = 'proven story' ORDER BY 1;
CREATE VIEW places AS
SELECT substring(baseline_entity FROM '[^/]*$') AS who, city, subdivision, state, origin,
    since_start(first_seen) AS first_seen, since_start(last_seen) AS last_seen, since_start(valid_from) AS valid_from,
    valid_until IS NOT NULL AS ended
FROM travel.known_places WHERE rule = 'proven story' ORDER BY who, city, origin;

-- A day of learning; then home, and minutes later far away.
INSERT INTO days VALUES (0, '9:00', 'London'), (0, '18:00', 'London'), (1, '9:00', 'London'), (1, '9:10', 'Tokyo');
CALL travel.scan();
TABLE alerts;
TABLE places;
-- The far city is contested, because it was reached by an impossible leg. The leg home is raised, too, because only one
-- of its ends is known.
INSERT INTO days VALUES (1, '9:20', 'London');
CALL travel.scan();
TABLE places;
-- While both are in use, the legs join the same alert, whose evidence is two_holders.
INSERT INTO days VALUES (1, '9:30', 'Tokyo'), (1, '12:00', 'London');
CALL travel.scan();
INSERT INTO days VALUES (1, '17:00', 'Tokyo');
CALL travel.scan();
TABLE verdicts;
TABLE alerts;
-- Days of use do not make the city known, nor is it on trial again.
INSERT INTO days
SELECT day, at::interval, city, NULL
FROM generate_series(2, 12) AS day
CROSS JOIN (VALUES ('9:00', 'London'), ('10:00', 'Tokyo')) AS v (at, city);
CALL travel.scan();
SELECT count(*) AS legs, count(alert) AS raised, count(DISTINCT alert) AS alerts
FROM verdicts
WHERE at LIKE 'day _ %' OR at LIKE 'day 1_ %';
TABLE places;

-- An analyst archives the last alert as expected: from its last leg on both ends are known.
UPDATE travel.alerts
SET status = 'archived', archive_reason = 'expected'
WHERE rule = 'proven story' AND nth_alert(id) = (SELECT max(alert) FROM alerts);
SELECT * FROM places WHERE origin = 'alert';
INSERT INTO days VALUES (13, '9:00', 'London'), (13, '9:10', 'Tokyo'), (13, '9:20', 'London'), (13, '9:30', 'Tokyo');
CALL travel.scan();
SELECT * FROM verdicts WHERE at LIKE 'day 13 %';
SELECT max(alert) AS alerts FROM alerts;
-- The learned state of the city is still contested.
TABLE places;

-- The reason was wrong: legs from now on are raised again. (The story goes on tomorrow.)
INSERT INTO days SELECT day, '9:00'::interval, 'London', NULL FROM generate_series(20, 58, 2) AS day;
CALL travel.scan();
UPDATE travel.alerts
SET archive_reason = 'other'
WHERE rule = 'proven story' AND nth_alert(id) = (SELECT max(alert) FROM alerts);
SELECT * FROM places WHERE origin = 'alert';
INSERT INTO days VALUES (60, '9:00', 'London'), (60, '9:10', 'Tokyo');
CALL travel.scan();
SELECT * FROM verdicts WHERE at LIKE 'day 60 %';
SELECT alert, status, reason, first_seen, legs, evidence, reopened
FROM alerts
WHERE alert >= (SELECT max(alert) - 1 FROM alerts);

-- Bob moves to Madrid by plane. That raises no alert, and Madrid is on trial.
INSERT INTO days
VALUES
    (0, '9:00', 'London', 'bob'),
    (1, '9:00', 'London', 'bob'),
    (1, '14:00', 'Madrid', 'bob'),
    (2, '9:00', 'Madrid', 'bob'),
    (5, '9:00', 'Madrid', 'bob');
CALL travel.scan();
SELECT * FROM places WHERE who = 'bob';
-- Seen on three days, but the trial lasts seven: a minute before its end it is not known yet; then it is.
INSERT INTO days VALUES (8, '13:59', 'Madrid', 'bob');
CALL travel.scan();
SELECT city, state, last_seen FROM places WHERE who = 'bob';
INSERT INTO days VALUES (8, '14:00', 'Madrid', 'bob');
CALL travel.scan();
SELECT city, state, last_seen FROM places WHERE who = 'bob';
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'proven story' AND user_name = 'bob';
-- From now on both are known: even an impossible leg between them is not raised.
INSERT INTO days VALUES (9, '9:00', 'Madrid', 'bob'), (9, '9:10', 'London', 'bob'), (9, '9:20', 'Madrid', 'bob');
CALL travel.scan();
SELECT at, leg, v.alert, v.reasons FROM verdicts AS v WHERE leg LIKE '%Madrid%';

-- Carol is seen in Madrid on only two days of seven: the trial begins again with the first call after it.
INSERT INTO days
VALUES
    (0, '9:00', 'London', 'carol'),
    (2, '9:00', 'Madrid', 'carol'),
    (3, '9:00', 'Madrid', 'carol'),
    (9, '9:00', 'Madrid', 'carol');
CALL travel.scan();
SELECT city, state, first_seen, last_seen FROM places WHERE who = 'carol';
INSERT INTO days
VALUES (10, '9:00', 'Madrid', 'carol'), (11, '9:00', 'Madrid', 'carol'), (15, '9:00', 'Madrid', 'carol');
CALL travel.scan();
SELECT city, state FROM places WHERE who = 'carol';
INSERT INTO days VALUES (16, '9:00', 'Madrid', 'carol');
CALL travel.scan();
SELECT city, state FROM places WHERE who = 'carol';

-- Dave's new location is on trial while he is at home, until the day before its end: then it is contested for good.
INSERT INTO days
VALUES
    (0, '9:00', 'London', 'dave'),
    (1, '8:00', 'London', 'dave'),
    (1, '13:00', 'Madrid', 'dave'),
    (2, '9:00', 'London', 'dave'),
    (2, '20:00', 'Madrid', 'dave'),
    (3, '20:00', 'Madrid', 'dave'),
    (4, '9:00', 'London', 'dave'),
    (8, '9:30', 'Madrid', 'dave');
CALL travel.scan();
SELECT city, state FROM places WHERE who = 'dave';
INSERT INTO days
VALUES
    (8, '9:50', 'London', 'dave'),
    (9, '9:00', 'Madrid', 'dave'),
    (10, '9:00', 'Madrid', 'dave'),
    (11, '9:00', 'Madrid', 'dave'),
    (25, '9:00', 'Madrid', 'dave'),
    (57, '9:00', 'London', 'dave');
CALL travel.scan();
SELECT city, state, last_seen FROM places WHERE who = 'dave';

-- A single scan gives the same results, except for the rows of analysts.
CREATE FUNCTION digest(rule text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(concat_ws(',', leg_id, raised, reasons), ';' ORDER BY leg_id))
    FROM travel.verdicts AS v
    WHERE v.rule = digest.rule AND user_name <> 'alice' $$;
CREATE FUNCTION digest_of_places(rule text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(concat_ws(',', baseline_entity, country_code, subdivision, city, state, first_seen,
        last_seen), ';'
        ORDER BY baseline_entity, city))
    FROM travel.known_places AS k
    WHERE k.rule = digest_of_places.rule AND origin = 'learnt' $$;
SELECT travel.create_rule('access_key', 'trail', 'proven at once');
CALL travel.scan('proven at once');
SELECT digest('proven story') = digest('proven at once') AS verdicts,
    digest_of_places('proven story') = digest_of_places('proven at once') AS places;
RESET search_path;
DELETE FROM travel.rules;
