-- The inbox of an events table is a view into which any client can insert documents. Their records are inserted into
-- the table with the rights of the client.
SET timezone = 'UTC';
SET datestyle = ISO;
CREATE SCHEMA boxes;
SET search_path = boxes, public;
SELECT travel.create_events_table('trail');
SELECT c.relname, obj_description(c.oid) AS comment,
    string_agg(a.attname || ' ' || format_type(a.atttypid, NULL), ', ') AS columns
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.oid = 'trail_inbox'::regclass
GROUP BY c.oid;

-- Documents in all forms, several in one text, and none.
INSERT INTO trail_inbox VALUES ('{"Records": [{"eventID": "a1", "eventTime": "2026-03-02T09:00:00Z"}]}');
INSERT INTO trail_inbox
VALUES
    ('{"detail": {"eventID": "b1", "eventTime": "2026-03-02T09:00:00Z"}}'),
    ('{"eventID": "c1", "eventTime": "2026-03-02T09:00:00Z"} {"eventID": "c2", "eventTime": "2026-03-02T09:00:00Z"}'),
    (NULL);
-- A document that is loaded already changes nothing.
INSERT INTO trail_inbox VALUES ('{"eventID": "a1", "eventTime": "2026-03-02T09:00:00Z"}') RETURNING document;
-- Documents and records that cannot be read are skipped with a message, and the others are inserted.
INSERT INTO trail_inbox
VALUES
    ('{"Records": [{"eventID": "d1", "eventTime": "2026-03-02T09:00:00Z"}, {"eventID": "d2", "eventTime": "soon"}]}'),
    ('{"foo": 1}'), ('{"Records": [{'), (''), ('{"eventID": "e\u0000", "eventTime": "2026-03-02T09:00:00Z"}');
-- COPY, as \copy sends it: one document a line, with quotation marks and backslashes as they are.
COPY trail_inbox FROM STDIN WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
{"Records": [{"eventID": "f1", "eventTime": "2026-03-02T09:00:00Z", "userAgent": "a \"quoted\", one\\two"}]}

{"eventID": "f2", "eventTime": "2026-03-02T09:00:00Z"}{"eventID": "f3", "eventTime": "2026-03-02T09:00:00Z"}
\.
SELECT string_agg(event_id, ' ' ORDER BY event_id) AS events FROM trail;
SELECT user_agent FROM trail WHERE event_id = 'f1';
-- It has no rows, and nothing else can be done with it.
SELECT count(*) FROM trail_inbox;
DELETE FROM trail_inbox;
SELECT sqlstate_of($$UPDATE trail_inbox SET document = 'x'$$), count(*) > 0 AS has_rows FROM trail;
-- An error in the table is one of the statement: none of its rows is inserted.
ALTER TABLE trail ADD CHECK (event_id <> 'bad');
SELECT sqlstate_of($$INSERT INTO trail_inbox VALUES ('{"eventID": "g1", "eventTime": "2026-03-02T09:00:00Z"}'),
    ('{"eventID": "bad", "eventTime": "2026-03-02T09:00:00Z"}')$$);
SELECT count(*) FROM trail WHERE event_id = 'g1';

-- The client needs INSERT on both, and gets no other rights; policies of the table apply to it.
CREATE ROLE regress_client;
GRANT USAGE ON SCHEMA boxes TO regress_client;
GRANT INSERT ON trail_inbox TO regress_client;
SET ROLE regress_client;
SELECT sqlstate_of($$INSERT INTO boxes.trail_inbox VALUES ('{"eventID": "h", "eventTime": "2026-03-02T09:00:00Z"}')$$);
RESET ROLE;
GRANT INSERT ON trail TO regress_client;
SET ROLE regress_client;
INSERT INTO boxes.trail_inbox VALUES ('{"eventID": "h", "eventTime": "2026-03-02T09:00:00Z"}');
SELECT sqlstate_of('SELECT FROM boxes.trail'), sqlstate_of('SELECT FROM boxes.trail_inbox');
RESET ROLE;
ALTER TABLE trail ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_account ON trail FOR INSERT WITH CHECK (account_id = '111122223333');
SET ROLE regress_client;
SELECT sqlstate_of($$INSERT INTO boxes.trail_inbox VALUES ('{"eventID": "i", "eventTime": "2026-03-02T09:00:00Z"}')$$);
RESET ROLE;
ALTER TABLE trail DISABLE ROW LEVEL SECURITY;

-- Renaming either, or moving the table into another schema, does not break it.
ALTER TABLE trail RENAME TO calls;
ALTER VIEW trail_inbox RENAME TO letters;
CREATE SCHEMA other;
ALTER TABLE calls SET SCHEMA other;
INSERT INTO letters VALUES ('{"eventID": "j1", "eventTime": "2026-03-02T09:00:00Z"}');
SELECT count(*) FROM other.calls WHERE event_id = 'j1';
-- Columns can be added and dropped.
ALTER TABLE other.calls DROP user_agent, ADD note text DEFAULT 'mine', ALTER event_name TYPE varchar(20);
INSERT INTO letters VALUES ('{"eventID": "k1", "eventTime": "2026-03-02T09:00:00Z"}');
SELECT note FROM other.calls WHERE event_id = 'k1';
-- Dropping the table drops the inbox; dropping the inbox leaves the table.
DROP TABLE other.calls;
SELECT to_regclass('letters') AS inbox;
SELECT travel.create_events_table('trail');
DROP VIEW trail_inbox;
SELECT travel.create_inbox('trail');
INSERT INTO trail_inbox VALUES ('{"eventID": "l1", "eventTime": "2026-03-02T09:00:00Z"}');
SELECT count(*) FROM trail;
-- A table can have several inboxes, and a relation that has the name already stays.
SELECT travel.create_inbox('trail');
CREATE TABLE own (event_id text, event_time timestamptz, UNIQUE (event_id, event_time));
CREATE TABLE own_inbox (n int);
SELECT travel.create_inbox('own');
INSERT INTO own_inbox1 VALUES ('{"eventID": "m1", "eventTime": "2026-03-02T09:00:00Z"}');
TABLE own;

-- The statements of two shippers. Fluent Bit creates its table if it is missing, and inserts rows of tag, time, data.
CREATE VIEW fluentbit AS
SELECT NULL::varchar AS tag, NULL::timestamp AS time, NULL::jsonb AS data FROM trail WHERE false;
CREATE TRIGGER ingest INSTEAD OF INSERT ON fluentbit FOR EACH ROW EXECUTE FUNCTION travel.inbox('data');
CREATE TABLE IF NOT EXISTS "fluentbit" (tag varchar, time timestamp, data jsonb);
INSERT INTO "fluentbit" SELECT 'cloudtrail', to_timestamp(CAST(value->>'date' as FLOAT)), * FROM json_array_elements(
    '[{"date":1772442000.5,"eventID":"n1","eventTime":"2026-03-02T09:00:00Z","eventName":"ListBuckets"},'
    '{"date":1772442001.5,"Records":[{"eventID":"n2","eventTime":"2026-03-02T09:00:00Z"}]},'
    '{"date":1772442002.5,"log":"not an event"}]');
SELECT event_id, event_name FROM trail WHERE event_id LIKE 'n_' ORDER BY event_id;
-- Vector inserts the fields of its events that have the name of a column.
INSERT INTO trail_inbox SELECT * FROM jsonb_populate_recordset(NULL::trail_inbox,
    '[{"document": "{\"eventID\": \"o1\", \"eventTime\": \"2026-03-02T09:00:00Z\"}", "host": "x"},
      {"document": {"eventID": "o2", "eventTime": "2026-03-02T09:00:00Z"}}]');
SELECT string_agg(event_id, ' ' ORDER BY event_id) AS events FROM trail WHERE event_id LIKE 'o_';

-- A trigger that cannot work says why.
CREATE VIEW of_two AS SELECT NULL::text AS document FROM trail, own WHERE false;
CREATE TRIGGER ingest INSTEAD OF INSERT ON of_two FOR EACH ROW EXECUTE FUNCTION travel.inbox();
CREATE VIEW of_none AS SELECT NULL::text AS document;
CREATE TRIGGER ingest INSTEAD OF INSERT ON of_none FOR EACH ROW EXECUTE FUNCTION travel.inbox();
CREATE VIEW other_name AS SELECT NULL::text AS body FROM trail WHERE false;
CREATE TRIGGER ingest INSTEAD OF INSERT ON other_name FOR EACH ROW EXECUTE FUNCTION travel.inbox();
CREATE VIEW number AS SELECT NULL::int AS document FROM trail WHERE false;
CREATE TRIGGER ingest INSTEAD OF INSERT ON number FOR EACH ROW EXECUTE FUNCTION travel.inbox();
CREATE TABLE not_a_view (document text);
CREATE TRIGGER ingest BEFORE INSERT ON not_a_view FOR EACH ROW EXECUTE FUNCTION travel.inbox();
CREATE VIEW no_events AS SELECT NULL::text AS document FROM not_a_view WHERE false;
CREATE TRIGGER ingest INSTEAD OF INSERT ON no_events FOR EACH ROW EXECUTE FUNCTION travel.inbox();
\pset format unaligned
SELECT error_of($$INSERT INTO of_two VALUES ('{}')$$);
SELECT sqlstate_of($$INSERT INTO of_none VALUES ('{}')$$) AS of_none;
SELECT error_of($$INSERT INTO other_name VALUES ('{}')$$);
SELECT sqlstate_of($$INSERT INTO number VALUES (1)$$) AS number;
SELECT error_of($$INSERT INTO not_a_view VALUES ('{}')$$);
SELECT sqlstate_of($$INSERT INTO no_events VALUES ('{}')$$) AS no_events;
SELECT sqlstate_of('SELECT travel.inbox()') AS not_a_trigger;
SELECT sqlstate_of('SELECT travel.create_inbox(NULL)'), sqlstate_of('SELECT travel.create_inbox(''not_a_view'')');
\pset format aligned

SET client_min_messages = warning;
DROP SCHEMA boxes, other CASCADE;
DROP ROLE regress_client;
