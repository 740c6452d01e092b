-- Whatever one rule does, the others are scanned, and travel.status shows its error.
SET client_min_messages = error;
\set VERBOSITY terse
\pset null '-'
CREATE SCHEMA trouble;
SET search_path = trouble, public;
SELECT travel.create_events_table('trouble.events') AS events;
INSERT INTO events (event_id, event_time, source_ip, access_key_id, actor)
VALUES ('1', '2026-03-02 09:00Z', '192.0.2.5', 'K', 'a'), ('2', '2026-03-02 09:10Z', '203.0.113.7', 'K', 'a');
CREATE TABLE one AS
SELECT 'x'::text AS event_id, now() AS event_time, '192.0.2.5'::inet AS source_ip, 'k'::text AS access_key_id;
CREATE FUNCTION fails(text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN true; END $$;
INSERT INTO travel.rules (name, source, baseline, condition)
VALUES ('a', 'trouble.one', false, 'trouble.fails(event_id)');
INSERT INTO travel.rules (name, source, baseline) VALUES ('z', 'trouble.events', false);
-- Gives the function of rule a another body, and sets both rules back.
CREATE FUNCTION body_of(body text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM travel.rules WHERE name = 'z';
    DELETE FROM travel_internal.scans WHERE rule = 'a';
    INSERT INTO travel.rules (name, source, baseline) VALUES ('z', 'trouble.events', false);
    EXECUTE format('CREATE OR REPLACE FUNCTION trouble.fails(text) RETURNS boolean LANGUAGE plpgsql STABLE AS %L',
        'BEGIN ' || body || '; RETURN true; END');
END $$;
CREATE VIEW outcome AS
SELECT rule, last_scan IS NOT NULL AS scanned, last_error, last_error_at IS NOT NULL AS dated
FROM travel.status
ORDER BY rule;

SELECT body_of($$ASSERT false, 'a row that should not be'$$);
CALL travel.scan();
SELECT * FROM outcome;
SELECT body_of($$RAISE EXCEPTION 'canceling statement due to user request' USING ERRCODE = '57014'$$);
CALL travel.scan();
SELECT * FROM outcome;
-- The same with any other SQLSTATE: the warning has the message.
SET client_min_messages = warning;
SELECT body_of($$RAISE EXCEPTION 'x'$$);
CALL travel.scan();
SELECT * FROM outcome;
SET client_min_messages = error;
CREATE TABLE codes (n int, code text);
INSERT INTO codes
SELECT n, code
FROM unnest('{01000,02000,08006,25P03,40001,40P01,53000,53100,53200,53300,54000,54001,55P03,55006,57000,57014,57P01,'
            '57P03,58000,58030,P0001,P0004,XX000,XX001,XX002}'::text[])
    WITH ORDINALITY AS c (code, n);
DO $do$
DECLARE
    c record;
    found text;
BEGIN
    FOR c IN SELECT * FROM codes ORDER BY n LOOP
        PERFORM trouble.body_of(format('RAISE EXCEPTION %L USING ERRCODE = %L', 'code ' || c.code, c.code));
        CALL travel.scan();
        SELECT string_agg(concat_ws(' ', rule, scanned, last_error), ', ') INTO found FROM outcome;
        IF found IS DISTINCT FROM format('a f code %s (%1$s), z t', c.code) THEN
            RAISE EXCEPTION '%: %', c.code, found;
        END IF;
    END LOOP;
END
$do$;
-- Endless recursion, very long messages, and settings that the function changes.
SELECT body_of($$RETURN trouble.fails('x')$$);
CALL travel.scan();
SELECT rule, scanned, last_error LIKE 'stack depth limit exceeded%(54001)' AS depth FROM outcome;
SELECT body_of($$RAISE EXCEPTION '%', repeat('ä', 1000000) USING DETAIL = repeat('d', 1000000),
    HINT = repeat('h', 1000000)$$);
CALL travel.scan();
SELECT rule, scanned, length(last_error), right(last_error, 10) FROM outcome;
SELECT body_of($$RAISE EXCEPTION ''$$);
CALL travel.scan();
SELECT * FROM outcome;
SELECT body_of($$PERFORM set_config('statement_timeout', '1', false), set_config('lock_timeout', '1', false),
    set_config('impossible_travel.scan_lock_timeout', '1', false)$$);
CALL travel.scan();
SELECT * FROM outcome;
SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
    current_setting('impossible_travel.scan_lock_timeout');

-- A cancel of the session is not an error of a rule: it ends the call, and travel.status shows it.
SELECT body_of($$PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60)$$);
CALL travel.scan();
SELECT * FROM outcome;
SELECT body_of('PERFORM pg_sleep(60)');
SET statement_timeout = '1s';
CALL travel.scan();
RESET statement_timeout;
SELECT * FROM outcome;
-- In a transaction it aborts the transaction, as any cancel does.
SELECT body_of($$PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60)$$);
BEGIN;
CALL travel.scan();
COMMIT;
SELECT * FROM outcome;

-- travel.rescan fails with the error of its rule, and travel.status shows it.
SELECT body_of($$ASSERT false, 'not now'$$);
CALL travel.rescan('a', '-infinity');
SELECT * FROM outcome;
SELECT body_of($$RAISE EXCEPTION 'nor now' USING ERRCODE = '57014'$$);
CALL travel.rescan('a', '-infinity');
SELECT * FROM outcome;
-- A scan at the isolation level REPEATABLE READ or SERIALIZABLE is READ COMMITTED, unless it is in a transaction block.
-- What the caller wrote before is kept even if the scan fails, and what the caller does next has the caller's level.
CREATE TABLE levels (wrote text, level text DEFAULT current_setting('transaction_isolation'));
CREATE PROCEDURE scan_within(call text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trouble.levels VALUES ('before ' || call);
    IF call = 'scan' THEN
        CALL travel.scan();
    ELSE
        CALL travel.rescan('a', '-infinity');
    END IF;
    INSERT INTO trouble.levels VALUES ('after ' || call);
END $$;
SELECT body_of($$ASSERT false, current_setting('transaction_isolation')$$);
SET default_transaction_isolation = 'repeatable read';
CALL scan_within('scan');
SELECT * FROM outcome;
SET default_transaction_isolation = 'serializable';
CALL scan_within('rescan');
SELECT * FROM outcome;
BEGIN;
CALL scan_within('scan');
SELECT * FROM outcome;
ROLLBACK;
SELECT body_of('NULL');
CALL scan_within('rescan');
-- A loop over a query continues after the commits of a scan.
DO $$
DECLARE
    n int;
BEGIN
    FOR n IN SELECT generate_series(1, 2) LOOP
        CALL travel.scan();
        INSERT INTO trouble.levels VALUES ('loop ' || n);
    END LOOP;
END $$;
SELECT * FROM outcome;
RESET default_transaction_isolation;
SELECT * FROM levels;
-- If the error of a rule cannot be stored for travel.status, the other rules are scanned, and the call ends in that
-- error.
SELECT body_of($$RAISE EXCEPTION 'x'$$);
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no room for it' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON travel_internal.scans FOR EACH ROW
    WHEN (NEW.last_error IS NOT NULL) EXECUTE FUNCTION no_room();
SELECT sqlstate_of('CALL travel.scan()');
CALL travel.scan();
SELECT * FROM outcome;
DROP TRIGGER no_room ON travel_internal.scans;
-- A rule with such an error is stored with a warning.
CREATE FUNCTION full_disk() RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;
INSERT INTO travel.rules (name, source, condition) VALUES ('stored', 'trouble.one', 'trouble.full_disk()');
SELECT name FROM travel.rules ORDER BY name;
DELETE FROM travel.rules;

-- A function of a source cannot scan, because each step of that scan would call the function again.
CREATE FUNCTION scans(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN CALL travel.scan('other'); RETURN $1; END $$;
CREATE VIEW scanning AS SELECT event_id, event_time, source_ip, trouble.scans(access_key_id) AS access_key_id FROM one;
INSERT INTO travel.rules (name, source, baseline)
VALUES ('nested', 'trouble.scanning', false), ('other', 'trouble.events', false);
CALL travel.scan('nested');
SELECT * FROM outcome;
DELETE FROM travel.rules;

-- A first scan that takes longer than statement_timeout gets further with each call. Each row takes 2 ms.
CREATE FUNCTION slowly(text) RETURNS text
    LANGUAGE plpgsql STABLE COST 1 AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN $1; END $$;
CREATE TABLE quick (event_time timestamptz PRIMARY KEY, source_ip inet, access_key_id text);
INSERT INTO quick
SELECT timestamptz '2026-03-02 00:00Z' + n * interval '1 second', '192.0.2.1', 'key' FROM generate_series(1, 999) AS n;
CREATE VIEW slow AS
SELECT event_time, source_ip, access_key_id, trouble.slowly(access_key_id) AS user_agent FROM quick;
INSERT INTO travel.rules (name, source, baseline) VALUES ('slow', 'trouble.slow', false);
SET enable_seqscan = off;
SET enable_sort = off;
SET jit = off;
SET impossible_travel.scan_batch = 1000;
SET statement_timeout = '1500ms';
CALL travel.scan('slow');
RESET statement_timeout;
SELECT under_way, position > '2026-03-02 00:00Z' AS has_begun FROM travel_internal.scans WHERE rule = 'slow';
RESET impossible_travel.scan_batch;
RESET jit;
RESET enable_sort;
RESET enable_seqscan;
-- A procedure that writes says so in a read-only transaction, before it looks at its arguments.
BEGIN READ ONLY;
SELECT error_of('CALL travel.scan()') AS scan;
SELECT procedure, sqlstate_of('CALL travel.' || procedure)
FROM unnest(ARRAY['rescan(''slow'', ''-infinity'')', 'load_files(''travel.alerts'', ''/nowhere'')',
    'make_partitions(''travel.alerts'', ''-infinity'')']) AS procedure;
ROLLBACK;
DELETE FROM travel.rules;
SET search_path = public;
DROP SCHEMA trouble CASCADE;
