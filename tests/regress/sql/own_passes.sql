-- A pass continues from the snapshot of the last one only if this database took it. Otherwise it evaluates everything
-- once more, because the same transaction number can mean another transaction, whose rows were never evaluated.
SET client_min_messages = error;
SELECT travel.create_events_table('moved');
CREATE FUNCTION stay(number int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO moved (event_id, event_time, actor, access_key_id, source_ip)
    VALUES (number, '2026-03-02 09:00Z'::timestamptz + number * interval '10 minutes', 'al', 'k',
        CASE WHEN number % 2 = 0 THEN '192.0.2.5' ELSE '203.0.113.7' END::inet)
$$;
-- A snapshot of a server that has had more transactions.
CREATE FUNCTION ahead() RETURNS pg_snapshot LANGUAGE sql AS $$
    SELECT format('%1$s:%1$s:', pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000)::pg_snapshot
$$;
CREATE VIEW state AS
SELECT pass_events, (SELECT count(*) FROM travel.verdicts WHERE rule = 'moved') AS legs
FROM travel_internal.scans
WHERE rule = 'moved';
DO $$ BEGIN PERFORM stay(1); PERFORM stay(2); END $$;
INSERT INTO travel.rules (name, source, baseline) VALUES ('moved', 'moved', false);
CALL travel.scan('moved');
SELECT * FROM state;
-- Within one database, each pass reads only the new rows, even if several passes run in one transaction.
DO $$ BEGIN PERFORM stay(3); END $$;
CALL travel.scan('moved');
SELECT * FROM state;
BEGIN;
CALL travel.scan('moved');
SELECT * FROM state;
CALL travel.scan('moved');
SELECT * FROM state;
COMMIT;
CALL travel.scan('moved');
SELECT * FROM state;
-- A restored dump has the progress of scans but not the passes.
DELETE FROM travel_internal.own_passes WHERE rule = 'moved';
CALL travel.scan('moved');
SELECT * FROM state;
-- The progress of a copy of this server is loaded, which has the same system identifier. There a scan evaluated a row
-- with the transaction number that the new row has here.
DO $$ BEGIN PERFORM stay(4); END $$;
UPDATE travel_internal.scans SET pass_name = gen_random_uuid(), scanned = pg_current_snapshot();
CALL travel.scan('moved');
SELECT * FROM state;
-- The snapshot is ahead, as after pg_resetwal: the next rows would not be new until the numbers have caught up.
DO $$ BEGIN PERFORM stay(5); END $$;
UPDATE travel_internal.scans SET scanned = ahead();
CALL travel.scan('moved');
SELECT * FROM state;
-- So it is for a pass that was under way. The scan ends it, and then evaluates everything.
DO $$ BEGIN PERFORM stay(6); END $$;
UPDATE travel_internal.scans SET under_way = true, target = ahead();
CALL travel.scan('moved');
SELECT * FROM state;
DO $$ BEGIN PERFORM stay(7); END $$;
CALL travel.scan('moved');
SELECT * FROM state;
-- Logical replication brings no pass of another database.
SET session_replication_role = replica;
UPDATE travel_internal.own_passes SET name = gen_random_uuid();
INSERT INTO travel_internal.own_passes (rule, name) VALUES ('elsewhere', gen_random_uuid());
RESET session_replication_role;
SELECT count(*) AS brought FROM travel_internal.own_passes WHERE rule = 'elsewhere';
CALL travel.scan('moved');
SELECT * FROM state;
-- The pass is deleted with its rule.
DELETE FROM travel.rules WHERE name = 'moved';
SELECT count(*) AS passes FROM travel_internal.own_passes WHERE rule = 'moved';
SET session_replication_role = replica;
DELETE FROM travel_internal.alert_legs AS l USING travel.alerts AS a WHERE a.id = l.alert_id AND a.rule = 'moved';
DELETE FROM travel.alert_history AS h USING travel.alerts AS a WHERE a.id = h.alert_id AND a.rule = 'moved';
DELETE FROM travel.alerts WHERE rule = 'moved';
RESET session_replication_role;
DROP VIEW state;
DROP FUNCTION stay, ahead;
DROP TABLE moved;
