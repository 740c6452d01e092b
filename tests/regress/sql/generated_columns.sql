-- Sources whose time, address, entity and arrival are generated columns. PostgreSQL 18 also computes such columns when
-- they are read (VIRTUAL, its default). Each check below runs for a table with stored columns and for one with virtual
-- columns, which are stored before PostgreSQL 18. What only virtual columns have is at the end.
SET timezone = 'UTC';
SET datestyle = ISO;
SET client_min_messages = warning;
\pset null '-'
SELECT current_setting('server_version_num')::int >= 180000 AS has_virtual,
    CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS kind \gset
CREATE TABLE log_stored (
    id int PRIMARY KEY, record jsonb, n int,
    event_time timestamptz GENERATED ALWAYS AS (to_timestamp((record->>'at')::int)) STORED,
    source_ip inet GENERATED ALWAYS AS ((record->>'ip')::inet) STORED,
    actor text COLLATE "C" GENERATED ALWAYS AS (record->>'who') STORED,
    access_key_id text GENERATED ALWAYS AS (upper(record->>'key')) STORED,
    outcome text GENERATED ALWAYS AS (CASE WHEN n < 0 THEN 'failed_auth' ELSE 'success' END) STORED,
    arrived timestamptz GENERATED ALWAYS AS (to_timestamp((record->>'in')::int)) STORED);
CREATE TABLE log_virtual (
    id int PRIMARY KEY, record jsonb, n int,
    event_time timestamptz GENERATED ALWAYS AS (to_timestamp((record->>'at')::int)) :kind,
    source_ip inet GENERATED ALWAYS AS ((record->>'ip')::inet) :kind,
    actor text COLLATE "C" GENERATED ALWAYS AS (record->>'who') :kind,
    access_key_id text GENERATED ALWAYS AS (upper(record->>'key')) :kind,
    outcome text GENERATED ALWAYS AS (CASE WHEN n < 0 THEN 'failed_auth' ELSE 'success' END) :kind,
    arrived timestamptz GENERATED ALWAYS AS (to_timestamp((record->>'in')::int)) :kind);
-- 192.0.2.1 is in London, 203.0.113.1 in Tokyo. The third row failed, so nobody was in New York.
CREATE VIEW rows AS
SELECT row_number() OVER () AS id,
    jsonb_build_object('at', at, 'ip', ip, 'who', who, 'key', key, 'in', at + 60) AS record, n
FROM (VALUES (1772442000, '192.0.2.1', 'ann', 'k1', 0), (1772442600, '203.0.113.1', 'ann', 'k1', 0),
             (1772442300, '198.51.100.1', 'ann', 'k1', -1), (1772442000, '192.0.2.1', 'bob', 'k2', 0),
             (1772442000, NULL, 'bob', 'k2', 0)) AS v (at, ip, who, key, n);
INSERT INTO log_stored (id, record, n) SELECT * FROM rows;
INSERT INTO log_virtual (id, record, n) SELECT * FROM rows;
CREATE VIEW over_stored AS SELECT *, actor AS person FROM log_stored WHERE n >= -1;
CREATE VIEW over_virtual AS SELECT *, actor AS person FROM log_virtual WHERE n >= -1;
CREATE TABLE part_stored (LIKE log_stored INCLUDING GENERATED) PARTITION BY LIST (n);
CREATE TABLE part_virtual (LIKE log_virtual INCLUDING GENERATED) PARTITION BY LIST (n);
CREATE TABLE part_stored_all PARTITION OF part_stored DEFAULT;
CREATE TABLE part_virtual_all PARTITION OF part_virtual DEFAULT;
INSERT INTO part_stored (id, record, n) SELECT * FROM rows;
INSERT INTO part_virtual (id, record, n) SELECT * FROM rows;
CREATE VIEW sources AS
SELECT unnest('{log_stored,over_stored,part_stored,log_virtual,over_virtual,part_virtual}'::text[]) AS source;

-- The entry points find the leg, and count the event that failed and the one without an address.
SELECT source, d.entity, d.from_city, d.to_city, d.to_time, d.to_outcome
FROM sources, travel.detect(source::regclass) AS d ORDER BY source COLLATE "C";
SELECT source, d.entity, d.from_city, d.to_city
FROM sources, travel.detect(source::regclass, 'actor', condition => 'outcome = ''success'' AND n >= 0',
    columns => '{"event_id": "id", "event_time": "(event_time + interval ''1 h'')"}') AS d ORDER BY source COLLATE "C";
SELECT c.source_kind, c.status, count(*) AS sources, min(events) AS least, max(events) AS most
FROM sources, travel.coverage(source::regclass) AS c GROUP BY 1, 2 ORDER BY 1, 2;
CREATE FUNCTION found_by_sql(source regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
    RETURN QUERY EXECUTE 'SELECT concat_ws('' '', entity, from_city, to_city) FROM (' || travel.detect_sql(source)
        || ') AS d';
END $$;
SELECT source, found_by_sql(source::regclass) FROM sources ORDER BY source COLLATE "C";
SELECT s.source, l.from_city, l.to_city
FROM (SELECT 'stored' AS source, travel.impossible_legs(event_time, source_ip) AS legs
      FROM log_stored WHERE outcome = 'success'
      UNION ALL
      SELECT 'virtual', travel.impossible_legs(event_time, source_ip) FROM log_virtual WHERE outcome = 'success') AS s,
    unnest(s.legs) AS l ORDER BY 1;
SELECT id, (travel.leg(event_time, source_ip) OVER (PARTITION BY actor ORDER BY event_time)).to_city
FROM log_virtual WHERE outcome = 'success' ORDER BY id;

-- Rules: the whole row, the condition, the arrival column, and new rows.
INSERT INTO travel.rules (name, source, columns, condition, arrival_column, baseline)
SELECT source, source, '{"event_id": "id"}', 'n > -5', 'arrived', false FROM sources;
CALL travel.scan();
SELECT rule, last_error FROM travel.status WHERE last_error IS NOT NULL;
SELECT rule, entity, from_city, to_city, from_event_id, to_event_id FROM travel.alerts ORDER BY rule COLLATE "C";
INSERT INTO log_stored (id, record, n) SELECT id + 10, record || '{"at": 1772443200, "in": 1772443300}', n
FROM rows WHERE id = 1;
INSERT INTO log_virtual (id, record, n) SELECT id + 10, record || '{"at": 1772443200, "in": 1772443300}', n
FROM rows WHERE id = 1;
CALL travel.scan();
SELECT rule, leg_count FROM travel.alerts ORDER BY rule COLLATE "C";
DELETE FROM travel.rules;

-- A generated column cannot be an exact cursor. Its expression does not name the transaction that inserted the row.
CREATE TABLE ids_stored (id int, event_time timestamptz, source_ip inet, access_key_id text, outcome text,
    ingest_xid xid8 GENERATED ALWAYS AS (id::text::xid8) STORED);
CREATE TABLE ids_virtual (id int, event_time timestamptz, source_ip inet, access_key_id text, outcome text,
    ingest_xid xid8 GENERATED ALWAYS AS (id::text::xid8) :kind);
INSERT INTO travel.rules (name, source) VALUES ('by stored ids', 'ids_stored'), ('by virtual ids', 'ids_virtual');
\pset format unaligned
SELECT error_of(format('SELECT travel.check_rule(%L)', name)) FROM travel.rules ORDER BY name;
\pset format aligned
DELETE FROM travel.rules;

-- travel.ingest cannot fill generated columns, and its hint makes them plain columns.
SELECT travel.create_events_table('filled_stored'), travel.create_events_table('filled_virtual');
ALTER TABLE filled_stored DROP COLUMN user_name, ADD COLUMN user_name text GENERATED ALWAYS AS ('x') STORED;
ALTER TABLE filled_virtual DROP COLUMN user_name, ADD COLUMN user_name text GENERATED ALWAYS AS ('x') :kind;
\pset format unaligned
SELECT error_of(format('SELECT travel.ingest(%L, jsonb ''{"Records": []}'')', name))
FROM unnest('{filled_stored,filled_virtual}'::text[]) AS name;
\pset format aligned

-- Indexes: those that check_rule wants can be created, and scans use them.
INSERT INTO travel.rules (name, source, arrival_column) VALUES ('stored', 'log_stored', 'arrived'),
    ('virtual', 'log_virtual', 'arrived');
SET client_min_messages = notice;
\set VERBOSITY default
SELECT travel.check_rule('stored');
SELECT travel.check_rule('virtual');
SET client_min_messages = warning;
CREATE INDEX ON log_stored (access_key_id, event_time);
CREATE INDEX ON log_stored (event_time);
CREATE INDEX ON log_stored (arrived);
CREATE INDEX ON log_stored (actor, event_time);
SELECT format('CREATE INDEX ON log_virtual (%s)', string_agg(CASE WHEN a.attgenerated = 'v'
    THEN format('(%s)', pg_get_expr(d.adbin, d.adrelid)) || CASE k.name WHEN 'actor' THEN ' COLLATE "C"' ELSE '' END
    ELSE quote_ident(a.attname) END, ', ' ORDER BY k.at))
FROM (VALUES (1, 1, 'access_key_id'), (1, 2, 'event_time'), (2, 1, 'event_time'), (3, 1, 'arrived'),
      (4, 1, 'actor'), (4, 2, 'event_time')) AS k (n, at, name)
JOIN pg_attribute AS a ON a.attrelid = 'log_virtual'::regclass AND a.attname = k.name
JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
GROUP BY k.n ORDER BY k.n \gexec
SET client_min_messages = notice;
SELECT travel.check_rule('stored');
SELECT travel.check_rule('virtual');
SET client_min_messages = warning;
DELETE FROM travel.rules;

-- What a superuser's rule runs. A stored column was computed when its row was written; reading it runs nothing.
CREATE ROLE regress_writer;
CREATE SCHEMA writers AUTHORIZATION regress_writer;
SET ROLE regress_writer;
CREATE FUNCTION writers.who(record jsonb) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    RETURN record->>'who' || CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ' the root'
        ELSE '' END;
END $$;
CREATE DOMAIN writers.name AS text CHECK (writers.who(jsonb_build_object('who', VALUE)) <> 'mallory');
CREATE OPERATOR writers.~~~ (RIGHTARG = jsonb, FUNCTION = writers.who);
RESET ROLE;
GRANT USAGE ON SCHEMA writers TO PUBLIC;
CREATE TABLE computed (id int, record jsonb, event_time timestamptz, source_ip inet, access_key_id text,
    actor text GENERATED ALWAYS AS (writers.who(record)) STORED);
INSERT INTO travel.rules (name, source, entity, baseline) VALUES ('computed', 'computed', 'actor', false);
SELECT error_of($$SELECT travel.check_rule('computed')$$);
-- PostgreSQL 18 refuses such an expression for a virtual column: a function, an operator, a cast to a domain, a domain
-- as the column's type. If it ever accepts one, the rule of a superuser refuses the column.
\if :has_virtual
    ALTER TABLE computed ADD COLUMN a text GENERATED ALWAYS AS (writers.who(record)) VIRTUAL;
    ALTER TABLE computed ADD COLUMN a text GENERATED ALWAYS AS (OPERATOR(writers.~~~) record) VIRTUAL;
    ALTER TABLE computed ADD COLUMN a text GENERATED ALWAYS AS ((id::text::writers.name)::text) VIRTUAL;
    ALTER TABLE computed ADD COLUMN a writers.name GENERATED ALWAYS AS (id::text) VIRTUAL;
    UPDATE pg_attribute SET attgenerated = 'v' WHERE attrelid = 'computed'::regclass AND attname = 'actor';
    CREATE VIEW over_computed AS SELECT * FROM computed;
    SET client_min_messages = error;
    INSERT INTO travel.rules (name, source, entity, baseline) VALUES ('over', 'over_computed', 'actor', false);
    \pset format unaligned
    SELECT replace(error_of(format('SELECT travel.check_rule(%L)', name)), current_user, 'the superuser')
    FROM travel.rules ORDER BY name;
    \pset format aligned
    UPDATE pg_attribute SET attgenerated = 's' WHERE attrelid = 'computed'::regclass AND attname = 'actor';
\endif

SELECT set_config('session_replication_role', 'replica', false) AS as_a_test_may;
DELETE FROM travel.rules;
TRUNCATE travel.alerts, travel.alert_history, travel_internal.alert_legs, travel.verdicts,
    travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints, travel_internal.scans,
    travel_internal.own_passes;
RESET session_replication_role;
DROP VIEW IF EXISTS over_computed;
DROP VIEW rows, over_stored, over_virtual, sources;
DROP TABLE log_stored, log_virtual, part_stored, part_virtual, ids_stored, ids_virtual, filled_stored, filled_virtual,
    computed;
DROP FUNCTION found_by_sql;
DROP SCHEMA writers CASCADE;
DROP ROLE regress_writer;
