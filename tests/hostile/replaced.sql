-- Functions, types, tables and views that are replaced between look-up and execution, by the statement that uses them. Each line
-- is one transaction; the first ROLLBACK ends the one of a line that failed.
CREATE FUNCTION hostile.replace(what text, value text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    EXECUTE what;
    RETURN value;
END $$;
CREATE TABLE hostile.replacement (n int GENERATED ALWAYS AS IDENTITY, what text);
INSERT INTO hostile.replacement (what) VALUES
    ('DROP TABLE hostile.victim CASCADE'), ('ALTER TABLE hostile.victim DROP COLUMN source_ip CASCADE'),
    ('ALTER TABLE hostile.victim ALTER event_time TYPE text'), ('ALTER TABLE hostile.victim RENAME event_time TO at'),
    ('ALTER TABLE hostile.victim ALTER source_ip TYPE text'), ('TRUNCATE hostile.victim'), ('DELETE FROM hostile.victim'),
    ('ALTER TABLE hostile.victim ADD COLUMN more int DEFAULT 7'), ('ALTER TABLE hostile.victim RENAME TO other'),
    ('DROP VIEW hostile.view_of_victim'),
    ('CREATE OR REPLACE VIEW hostile.view_of_victim AS SELECT event_id, ''epoch''::timestamptz AS event_time, ''0.0.0.0''::inet AS source_ip, access_key_id FROM hostile.few'),
    ('ALTER TYPE travel.finding ADD ATTRIBUTE more int CASCADE'), ('ALTER TYPE travel.finding DROP ATTRIBUTE message CASCADE'),
    ('ALTER TYPE travel.leg ALTER ATTRIBUTE from_city TYPE bigint CASCADE'), ('ALTER TYPE travel.leg DROP ATTRIBUTE impossible CASCADE'),
    ('ALTER TYPE travel.event ALTER ATTRIBUTE event_time TYPE text CASCADE'), ('ALTER TYPE travel.event DROP ATTRIBUTE event_id CASCADE'),
    ('ALTER TYPE travel.place ALTER ATTRIBUTE latitude TYPE text CASCADE'), ('ALTER TYPE travel.place DROP ATTRIBUTE city CASCADE'),
    ('DROP EXTENSION impossible_travel CASCADE'), ('DROP SCHEMA travel CASCADE'), ('ALTER SCHEMA travel RENAME TO traveled'),
    ('ALTER EXTENSION impossible_travel DROP FUNCTION travel.locate(inet, timestamptz)'),
    ('DROP FUNCTION hostile.replace CASCADE'), ('CREATE OR REPLACE FUNCTION hostile.replace(what text, value text) RETURNS text LANGUAGE sql AS ''SELECT repeat($2, 1000)'''),
    ('DROP TABLE travel.networks CASCADE'), ('ALTER TABLE travel.networks DROP COLUMN latitude CASCADE'), ('ALTER TABLE travel.networks RENAME TO n'),
    ('ALTER TABLE travel.networks ALTER name TYPE bytea USING NULL'), ('DROP TABLE travel.verdicts CASCADE'),
    ('ALTER TABLE travel.rules DROP COLUMN severity CASCADE'), ('DELETE FROM travel.rules'), ('DROP TABLE travel_internal.scans CASCADE'),
    ('UPDATE travel.rules SET source = ''hostile.few'''), ('DROP TABLE travel_internal.entity_checkpoints CASCADE'),
    ('ALTER TABLE travel_internal.entity_checkpoints ALTER newest TYPE text'), ('SET LOCAL search_path = hostile'),
    ('SET LOCAL impossible_travel.coverage_notice = on'), ('SET LOCAL TimeZone = ''Etc/GMT+12'''), ('SET LOCAL datestyle = SQL'),
    ('CALL travel.scan()'), ('SELECT * FROM travel.detect(''hostile.victim'')'), ('DECLARE other CURSOR WITH HOLD FOR SELECT 1');
CREATE TABLE hostile.user_statement (n int GENERATED ALWAYS AS IDENTITY, before text, after text);
-- The first reads a view with the function, the others give the function as an expression.
INSERT INTO hostile.user_statement (before, after) VALUES
    ('', 'SELECT * FROM travel.detect(''hostile.view_of_victim'')'), ('', 'SELECT * FROM travel.coverage(''hostile.view_of_victim'')'),
    ('', 'SELECT * FROM travel.detect(''hostile.view_of_victim'', all_legs => true)'),
    ('', 'SELECT * FROM travel.detect(''hostile.victim'', columns => jsonb_build_object(''access_key_id'', ''hostile.replace_in_victim(access_key_id)''))'),
    ('', 'SELECT travel.impossible_legs(event_time, source_ip, event_id) FROM hostile.view_of_victim'),
    ('', 'SELECT travel.leg(event_time, source_ip, event_id) OVER (ORDER BY event_time) FROM hostile.view_of_victim'),
    ('', 'SELECT travel.legs(travel.journey(event_time, source_ip, event_id)) FROM hostile.view_of_victim'),
    ('', 'SELECT travel.ingest(''hostile.trail'', hostile.replace_in_victim(''{"eventID": "z", "eventTime": "2026-03-02T09:00:00Z"}''))'),
    ('', 'SELECT travel.adopt(''hostile.view_of_victim'')'), ('', 'SELECT (travel.locate(source_ip)).* FROM hostile.view_of_victim'),
    ('INSERT INTO travel.rules (name, owner, source) VALUES (''victim'', current_user, ''hostile.view_of_victim'')', 'CALL travel.scan(''victim'')'),
    ('INSERT INTO travel.rules (name, owner, source) VALUES (''victim'', current_user, ''hostile.victim''); CALL travel.scan(''victim''); '
     'UPDATE travel.rules SET source = ''hostile.view_of_victim'' WHERE name = ''victim''', 'SELECT travel.backtest(''victim'')'),
    ('DECLARE c CURSOR FOR SELECT * FROM travel.detect(''hostile.few''); FETCH 1 FROM c; SELECT * FROM hostile.view_of_victim', 'FETCH ALL FROM c'),
    ('DECLARE c CURSOR FOR SELECT travel.leg(event_time, source_ip) OVER (ORDER BY event_time) FROM hostile.few; FETCH 2 FROM c; '
     'SELECT * FROM hostile.view_of_victim', 'FETCH ALL FROM c');
-- Each routine of the catalog is called, too: for the view, for a rule over it, or for each row of it with a first
-- argument that is not a constant.
INSERT INTO hostile.user_statement (before, after)
SELECT CASE WHEN 'rule' = ANY (known_names)
            THEN 'INSERT INTO travel.rules (name, owner, source) VALUES (''victim'', current_user, ''hostile.view_of_victim'')' ELSE '' END,
    CASE WHEN by_name OR prokind <> 'f' THEN hostile.statement(r, arguments, rows => 'numbered')
        ELSE format('SELECT %s(%s) FROM numbered', r.name, arguments) END
FROM hostile.routine AS r,
LATERAL (SELECT 'rule' = ANY (known_names) OR 'regclass'::regtype = ANY (types) OR prokind = 'p' AS by_name) AS b,
LATERAL (SELECT hostile.arguments(r, ARRAY(
    SELECT CASE WHEN types[i - 1] = 'regclass'::regtype THEN '''hostile.view_of_victim''::regclass'
        WHEN known_names[i] = 'rule' THEN '''victim''::text'
        WHEN i = 1 AND NOT by_name AND types[0] <> ALL ('{internal,cstring}'::regtype[])
        THEN format('CASE WHEN access_key_id IS NOT NULL THEN %s END', hostile.good(types[0], known_names[1])) END
    FROM generate_series(1, pronargs) AS i ORDER BY i)) AS arguments) AS a;
UPDATE hostile.user_statement
SET after = replace(after, 'FROM numbered', 'FROM (SELECT row_number() OVER () AS g, * FROM hostile.view_of_victim) AS g');
CREATE VIEW hostile.replacing_statement AS
SELECT u.n || ' ' || r.n AS key, replace(format('ROLLBACK; BEGIN; CREATE TABLE hostile.victim AS SELECT event_id, event_time, source_ip, access_key_id '
    'FROM hostile.few; CREATE FUNCTION hostile.replace_in_victim(value text) RETURNS text LANGUAGE sql VOLATILE AS '
    '$r$ SELECT hostile.replace(%L, value) $r$; CREATE VIEW hostile.view_of_victim AS SELECT event_id, event_time, source_ip, '
    'CASE event_id WHEN ''AKIAALICE0001EXAMPLE-2'' THEN hostile.replace_in_victim(access_key_id) ELSE access_key_id END AS access_key_id '
    'FROM hostile.victim; %s; %s; %s; SELECT hostile.no_internal_error(); ROLLBACK', r.what, u.before, u.after, u.after), ';', '\;') AS statement
FROM hostile.replacement AS r, hostile.user_statement AS u;
-- Errors of a scan are warnings, and rows of travel.status.
CREATE FUNCTION hostile.no_internal_error() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    IF to_regclass('travel_internal.scans') IS NOT NULL THEN
        EXECUTE 'SELECT string_agg(last_error, ''; '') FROM travel_internal.scans WHERE last_error ~ ''\(XX''' INTO said;
        IF said IS NOT NULL THEN
            RAISE 'a scan said: %', said USING ERRCODE = 'XX000';
        END IF;
    END IF;
END $$;
