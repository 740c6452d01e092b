-- Verdicts are final: evaluating again for a late event, or a rescan from a time on, changes no verdict before it,
-- whatever the rule has become.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA stands;
SET search_path = stands, stories, public;
CALL stage();
SELECT travel.create_rule('access_key', 'trail', 'stands');
UPDATE travel.rules SET baseline = false WHERE name = 'stands';

-- Alice's key is in Tokyo ten minutes after London on three days; bob's travels back and forth within one hour.
INSERT INTO calls (at, city) VALUES
    ('2026-03-09 09:00Z', 'London'),
    ('2026-03-09 09:10Z', 'Tokyo'),
    ('2026-03-10 09:00Z', 'London'),
    ('2026-03-10 09:10Z', 'Tokyo'),
    ('2026-03-11 09:00Z', 'London'),
    ('2026-03-11 09:10Z', 'Tokyo');
INSERT INTO calls (at, city, who) VALUES
    ('2026-03-11 09:01Z', 'London', 'bob'),
    ('2026-03-11 09:10Z', 'Tokyo', 'bob'),
    ('2026-03-11 09:20Z', 'London', 'bob'),
    ('2026-03-11 09:30Z', 'Tokyo', 'bob'),
    ('2026-03-11 09:40Z', 'London', 'bob');
CALL travel.scan();
SELECT entity, at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' ORDER BY entity, to_time;
SELECT alert, entity, severity, first_seen, legs, evidence, withdrawn FROM told WHERE rule = 'stands' ORDER BY alert;
CREATE TABLE verdicts_before AS SELECT v.*, v.xmin::text AS written FROM travel.verdicts AS v WHERE rule = 'stands';
CREATE TABLE alerts_before AS SELECT a.*, a.xmin::text AS written FROM travel.alerts AS a WHERE rule = 'stands';
CREATE VIEW changed_verdicts AS
SELECT entity, clock(to_time) AS at
FROM (SELECT v.*, v.xmin::text FROM travel.verdicts AS v WHERE rule = 'stands' EXCEPT TABLE verdicts_before) AS d;
CREATE VIEW changed_alerts AS
SELECT entity, nth_alert(id) AS alert
FROM (SELECT a.*, a.xmin::text FROM travel.alerts AS a WHERE rule = 'stands' EXCEPT TABLE alerts_before) AS d;

-- The rule changes: it would raise nothing, keep incidents shorter, and give them a higher severity.
INSERT INTO travel.suppressions (rule, country_code_a, reason) VALUES ('stands', 'JP', 'an office there');
UPDATE travel.rules SET severity = 'high', keep_alive = '5 minutes' WHERE name = 'stands';

-- A late event of each. Only alice's legs that arrive from then on are evaluated again: her last alert is withdrawn,
-- the two before are unchanged.
INSERT INTO calls (at, city) VALUES ('2026-03-11 09:05Z', 'Cambridge');
-- Two legs of bob's were raised before; they stay in their alert.
INSERT INTO calls (at, city, who) VALUES ('2026-03-11 09:25Z', 'Cambridge', 'bob');
CALL travel.scan();
SELECT entity, at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' ORDER BY entity, to_time;
SELECT alert, entity, first_seen, last_seen, legs, withdrawn FROM told WHERE rule = 'stands' ORDER BY alert;
SELECT * FROM changed_verdicts ORDER BY entity, at;
SELECT * FROM changed_alerts ORDER BY alert;

-- A rescan from a time on, which is included. The leg of alice's second day is suppressed now; the first day stands.
CALL travel.rescan('stands', '2026-03-10 09:10Z');
SELECT entity, at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' ORDER BY entity, to_time;
SELECT alert, entity, severity, legs, withdrawn FROM told WHERE rule = 'stands' ORDER BY alert;
SELECT * FROM changed_verdicts WHERE entity ~ 'ALICE' ORDER BY at;

-- A rescan from a microsecond later leaves that leg alone.
DELETE FROM travel.suppressions WHERE rule = 'stands';
CALL travel.rescan('stands', '2026-03-10 09:10:00.000001Z');
SELECT entity, at, leg, alert, reasons
FROM evaluated
WHERE rule = 'stands' AND entity ~ 'ALICE'
ORDER BY entity, to_time;
-- A rescan of everything leaves no old verdict.
CALL travel.rescan('stands', '-infinity');
SELECT entity, at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' ORDER BY entity, to_time;
SELECT alert, entity, severity, first_seen, legs, withdrawn FROM told WHERE rule = 'stands' ORDER BY alert;

-- Earlier verdicts count for later legs: a leg joins the open incident, and the alert has the evidence of both.
INSERT INTO calls (at, city, who, more) VALUES
    ('2026-03-12 09:00Z', 'London', 'carol', '{"user_agent": "a"}'),
    ('2026-03-12 09:10Z', 'Tokyo', 'carol', '{"user_agent": "b"}'),
    ('2026-03-12 12:30Z', 'Tokyo', 'carol', '{"user_agent": "b"}');
UPDATE travel.rules SET keep_alive = '6 hours' WHERE name = 'stands';
CALL travel.scan();
INSERT INTO travel.suppressions (rule, country_code_a, reason, valid_until)
VALUES ('stands', 'GB', 'too late for the leg that stands', '2026-03-12 12:00Z');
INSERT INTO calls (at, city, who, more) VALUES ('2026-03-12 12:20Z', 'London', 'carol', '{"user_agent": "b"}');
CALL travel.scan();
SELECT entity, at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' AND entity ~ 'CAROL' ORDER BY to_time;
SELECT entity, legs, evidence FROM told WHERE rule = 'stands' AND entity ~ 'CAROL';

-- Events that the source has lost: their verdicts stand after a late event, and are deleted by a rescan.
DELETE FROM trail WHERE user_name = 'carol' AND event_time < '2026-03-12 12:00Z';
INSERT INTO calls (at, city, who) VALUES ('2026-03-12 12:25Z', 'London', 'carol');
CALL travel.scan();
SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' AND entity ~ 'CAROL' ORDER BY to_time;
SELECT entity, legs, withdrawn FROM told WHERE rule = 'stands' AND entity ~ 'CAROL';
CALL travel.rescan('stands', '2026-03-12');
SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'stands' AND entity ~ 'CAROL' ORDER BY to_time;
SELECT entity, legs, withdrawn FROM told WHERE rule = 'stands' AND entity ~ 'CAROL';
