-- Transaction ids tell new rows only if they are the ids of the rows' own transactions on this server.
\pset null '-'
CREATE SCHEMA arrivals;
SET search_path = arrivals, public;
CREATE FUNCTION table_of(name text, ingest_xid text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('CREATE TABLE arrivals.%I (event_id text, event_time timestamptz, source_ip inet, '
                   'access_key_id text, actor text, outcome text, invoked_by text, ingest_xid xid8 %s)',
        name, ingest_xid);
    EXECUTE format('CREATE INDEX ON arrivals.%1$I (ingest_xid); CREATE INDEX ON arrivals.%1$I (event_time); '
                   'CREATE INDEX ON arrivals.%1$I (access_key_id, event_time); CREATE INDEX ON arrivals.%1$I (actor, '
                   'event_time)',
        name);
END $$;
CREATE VIEW rows AS
SELECT '1' AS event_id, '2026-03-02 09:00Z'::timestamptz AS event_time, '192.0.2.5'::inet AS source_ip,
    'K' AS access_key_id, 'a' AS actor
    UNION ALL SELECT '2', '2026-03-02 09:10Z', '203.0.113.7', 'K', 'a';
SELECT table_of('plain', 'DEFAULT pg_current_xact_id()'),
    table_of('computed', $$GENERATED ALWAYS AS ('5'::xid8) STORED$$), table_of('undefined', ''),
    table_of('otherwise', $$DEFAULT '3'$$), table_of('restored', 'DEFAULT pg_current_xact_id()');
INSERT INTO travel.rules (name, source)
SELECT v, 'arrivals.' || v
FROM unnest('{plain,computed,undefined,otherwise,restored}'::text[]) AS v;
\set VERBOSITY default
-- A computed column is refused, and the hint names the alternative.
SELECT travel.check_rule('computed');
SELECT travel.check_rule('plain');
-- A column without the default is warned of, and so are rows that no scan would see.
SELECT travel.check_rule('undefined');
SELECT travel.check_rule('otherwise');
INSERT INTO undefined SELECT * FROM rows;
SELECT travel.check_rule('undefined');
-- Rows restored from a server with higher transaction ids: the first scan reads them, whatever their ids are, and
-- check_rule warns of the rest.
INSERT INTO restored SELECT *, NULL, NULL, '4611686018427387904' FROM rows;
INSERT INTO plain SELECT * FROM rows;
SELECT travel.check_rule('restored');
SELECT travel.check_rule('plain');
SET client_min_messages = error;
CALL travel.scan();
SELECT rule, last_scan IS NOT NULL AS scanned, last_error FROM travel.status ORDER BY rule;
SELECT rule, count(*) FROM travel.verdicts GROUP BY 1 ORDER BY 1;
-- New rows are scanned after them. Rows without a transaction id are not seen, as the warning said.
INSERT INTO restored (event_time, source_ip, access_key_id, actor) VALUES ('2026-03-02 09:20Z', '192.0.2.5', 'K', 'a');
INSERT INTO undefined (event_time, source_ip, access_key_id, actor) VALUES ('2026-03-02 09:20Z', '192.0.2.5', 'K', 'a');
CALL travel.scan();
SELECT rule, count(*) FROM travel.verdicts GROUP BY 1 ORDER BY 1;
-- With arrival_column such a source is scanned.
ALTER TABLE computed ADD arrived timestamptz DEFAULT now();
INSERT INTO computed SELECT * FROM rows;
UPDATE travel.rules SET arrival_column = 'arrived' WHERE name = 'computed';
CALL travel.scan('computed');
SELECT rule, count(*) FROM travel.verdicts GROUP BY 1 ORDER BY 1;
DELETE FROM travel.rules;
DROP SCHEMA arrivals CASCADE;
