-- A scan writes each verdict once, also those that raise legs: their alert is known only when all events are evaluated.
-- It updates the checkpoints that it has loaded without looking them up again.
SET timezone = 'UTC';
CREATE SCHEMA written_once;
SET search_path = written_once, stories, public;
CALL stage();
CREATE TABLE written (operation text);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO written_once.written VALUES (TG_OP);
    RETURN NULL;
END $$;
CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON travel.verdicts
FOR EACH ROW EXECUTE FUNCTION note_write();
CREATE VIEW writes AS SELECT operation, count(*) FROM written GROUP BY operation ORDER BY operation;
CREATE VIEW linked AS
SELECT count(*) AS verdicts, count(*) FILTER (WHERE raised) AS raised, count(alert_id) AS linked,
       count(DISTINCT alert_id) AS alerts
FROM travel.verdicts;
INSERT INTO travel.rules (name, source, baseline) VALUES ('once', 'trail', false);
INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('once', '%BOB%', 'not raised');
INSERT INTO calls (at, city, who)
SELECT timestamptz '2026-03-01 09:00Z' + n * interval '10 minutes', CASE n % 2 WHEN 0 THEN 'London' ELSE 'Tokyo' END,
    who
FROM generate_series(0, 4) AS n CROSS JOIN unnest('{alice,bob}'::text[]) AS who;
CALL travel.scan();
TABLE writes;
TABLE linked;
TRUNCATE written;

-- Legs that join an alert are written once, and those that it has are not written again.
INSERT INTO calls (at, city) VALUES ('2026-03-01 10:00Z', 'Tokyo'), ('2026-03-01 10:10Z', 'London');
CALL travel.scan();
TABLE writes;
TABLE linked;
TRUNCATE written;

-- A late event replaces one leg by two. The legs after it are evaluated again, with the same verdicts.
INSERT INTO calls (at, city) VALUES ('2026-03-01 09:15Z', 'Sydney');
CALL travel.scan();
TABLE writes;
TABLE linked;
DROP TRIGGER note_write ON travel.verdicts;
TRUNCATE written;

-- A scan updates stored checkpoints in place. It inserts a checkpoint that is not stored, or is no longer stored.
CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON travel_internal.entity_checkpoints
FOR EACH ROW EXECUTE FUNCTION note_write();
CREATE FUNCTION note_arbiter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO written_once.written VALUES ('attempted INSERT');
    RETURN NEW;
END $$;
CREATE TRIGGER note_arbiter BEFORE INSERT ON travel_internal.entity_checkpoints
FOR EACH ROW EXECUTE FUNCTION note_arbiter();
INSERT INTO calls (at, city, who) SELECT '2026-03-01 12:00Z', 'Tokyo', who FROM unnest('{alice,bob}'::text[]) AS who;
CALL travel.scan();
TABLE writes;
TRUNCATE written;
INSERT INTO calls (at, city, who)
SELECT '2026-03-01 12:10Z', 'Tokyo', who FROM unnest('{alice,bob,carol}'::text[]) AS who;
CALL travel.scan();
TABLE writes;
SELECT entity, evaluated_until FROM travel_internal.entity_checkpoints ORDER BY entity;
-- Meanwhile one row is deleted and another is moved. Neither is where the scan found it.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM travel_internal.entity_checkpoints WHERE entity ~ 'ALICE';
    UPDATE travel_internal.entity_checkpoints SET pass = pass WHERE entity ~ 'BOB';
    TRUNCATE written_once.written;
    RETURN NULL;
END $$;
CREATE TRIGGER meddle AFTER INSERT ON travel.verdicts EXECUTE FUNCTION meddle();
INSERT INTO calls (at, city, who)
SELECT '2026-03-01 12:20Z', 'London', who FROM unnest('{alice,bob,carol}'::text[]) AS who;
CALL travel.scan();
DROP TRIGGER meddle ON travel.verdicts;
TABLE writes;
-- The row that is inserted again has the earlier states, too.
SELECT entity, evaluated_until, length(earlier) > 0 AS has_earlier
FROM travel_internal.entity_checkpoints ORDER BY entity;
INSERT INTO calls (at, city) VALUES ('2026-03-01 12:15Z', 'Sydney');
CALL travel.scan();
SELECT count(*) FROM travel.verdicts WHERE entity ~ 'ALICE' AND '2026-03-01 12:15Z' IN (from_time, to_time);
DROP TRIGGER note_write ON travel_internal.entity_checkpoints;
DROP TRIGGER note_arbiter ON travel_internal.entity_checkpoints;
RESET search_path;
DELETE FROM travel.rules;
