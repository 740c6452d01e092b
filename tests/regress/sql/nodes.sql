-- Several nodes: travel.node_state, tables that Citus can distribute, and what differs for a table that it manages.
-- There is no Citus here. A table with the name and the columns of its catalog stands for it, so every row is on this
-- node, and the results must be those of a plain table.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'
CREATE SCHEMA nodes;
SET search_path = nodes, public;

-- Nodes are equal if they have the same networks, whatever their order, ids and notes, and the session's settings.
CREATE VIEW digest AS
SELECT travel.node_state() ->> 'networks' AS digest, travel.node_state() ->> 'network_count' AS rows;
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM jsonb_object_keys(travel.node_state()) AS key;
SELECT travel.node_state() - '{networks,version}'::text[] AS state;
INSERT INTO travel.networks (network, name, latitude, longitude, country_code, valid_from)
VALUES ('10.0.0.0/8', 'Büro', 0.1, 13.4, 'DE', '2026-03-01 00:00Z'), ('198.51.100.0/24', 'VPN', NULL, NULL, NULL, NULL);
SELECT digest AS one, rows FROM digest \gset
DELETE FROM travel.networks;
INSERT INTO travel.networks (network, name, latitude, longitude, country_code, valid_from, note)
VALUES ('198.51.100.0/24', 'VPN', NULL, NULL, NULL, NULL, 'a note'),
       ('10.0.0.0/8', 'Büro', 0.1, 13.4, 'DE', '2026-03-01 00:00Z', NULL);
BEGIN;
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = German;
SET LOCAL extra_float_digits = -15;
SET LOCAL bytea_output = escape;
SELECT :rows AS rows, digest = :'one' AS equal FROM digest;
SELECT travel.node_state() ->> 'time_zone' AS time_zone;
COMMIT;
UPDATE travel.networks SET treatment = 'vpn' WHERE name = 'VPN';
SELECT digest <> :'one' AS another FROM digest;
DELETE FROM travel.networks;
CREATE ROLE regress_nodes;
SET ROLE regress_nodes;
SELECT travel.node_state();
RESET ROLE;
DROP ROLE regress_nodes;

-- A table for Citus: the distribution column is part of the key, and never NULL. Scans find new rows by their arrival.
SELECT travel.create_events_table('nodes.events', distributed_by => 'access_key_id');
SELECT conname, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'p';
SELECT indexrelid::regclass AS index, pg_get_indexdef(indexrelid) ~ 'ingested_at' AS of_arrival
FROM pg_index WHERE indrelid = 'events'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT attname, attnotnull, pg_get_expr(adbin, adrelid) AS default
FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'events'::regclass ORDER BY attnum;
SELECT travel.create_events_table('nodes.monthly', partitioned => true, distributed_by => 'account_id');
SELECT pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE conrelid = 'monthly'::regclass AND contype = 'p';
SELECT travel.create_events_table('nodes.refused', distributed_by => 'actor');
SELECT travel.create_events_table('nodes.refused', distributed_by => 'access_key_id, event_time');
SELECT to_regclass('nodes.refused') AS refused;

-- Events without a key are stored, and recognized when they come again.
CREATE TEMP TABLE document AS SELECT '{"Records": [
    {"eventID": "1", "eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress": "192.0.2.1",
     "userIdentity": {"type": "IAMUser", "accountId": "123456789012", "userName": "ada", "accessKeyId": "AKIA1"}},
    {"eventID": "2", "eventTime": "2026-03-02T09:10:00Z", "sourceIPAddress": "203.0.113.1",
     "userIdentity": {"type": "IAMUser", "accountId": "123456789012", "userName": "ada", "accessKeyId": "AKIA1"}},
    {"eventID": "3", "eventTime": "2026-03-02T09:20:00Z", "sourceIPAddress": "127.0.0.1",
     "userIdentity": {"type": "IAMUser", "accountId": "123456789012", "userName": "ada", "accessKeyId": "AKIA1"}},
    {"eventID": "4", "eventTime": "2026-03-02T09:30:00Z", "sourceIPAddress": "192.0.2.1",
     "userIdentity": {"type": "AWSAccount", "accountId": "123456789012"}}]}'::jsonb AS body;
SELECT i.* FROM document, travel.ingest('events', body) AS i;
SELECT event_id, access_key_id = '' AS no_key FROM events ORDER BY event_id;
SELECT entity, from_event_id, to_event_id FROM travel.detect('events');

-- From here on, Citus manages the table: the rows that are new are counted, and the notice of detect is the same.
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text);
SELECT travel.create_events_table('nodes.plain');
INSERT INTO pg_dist_partition
SELECT attrelid, 'h', format('{VAR :varno 1 :varattno %s :vartype 25}', attnum)
FROM pg_attribute
WHERE attrelid = ANY ('{events,plain}'::regclass[]) AND attname = 'access_key_id';
CREATE VIEW over_events AS SELECT * FROM events;
SELECT i.* FROM document, travel.ingest('events', jsonb_set(body, '{Records,0,eventID}', '"5"')) AS i;
SELECT count(*) AS rows FROM events;
SELECT entity, from_event_id, to_event_id FROM travel.detect('events');
SELECT entity, from_event_id, to_event_id FROM travel.detect('events', entity => 'account_id, session_name');
SELECT count(*) AS legs FROM travel.detect('over_events', since => '2026-03-02 09:05Z');
SELECT count(*) AS legs FROM travel.detect('events', condition => 'event_id < ''2''');

-- Its transaction ids are not an exact cursor, also below a view.
CREATE VIEW over_plain AS SELECT * FROM plain;
INSERT INTO travel.rules (name, source) VALUES ('exact', 'nodes.plain'), ('below', 'nodes.over_plain');
SELECT travel.check_rule('exact');
SELECT travel.check_rule('below');
CALL travel.scan('exact');
UPDATE travel.rules SET arrival_column = 'ingested_at' WHERE name IN ('exact', 'below');
CALL travel.scan('exact');
SELECT rule, last_error FROM travel.status WHERE rule IN ('exact', 'below') ORDER BY rule;

-- Networks are read from this node's table, so it must not be one that Citus manages.
INSERT INTO pg_dist_partition VALUES ('travel.networks', 'n', NULL);
SELECT travel.locate('192.0.2.1');
SELECT travel.impossible_legs(event_time, source_ip) FROM events;
SELECT count(*) FROM travel.detect('events');
CALL travel.scan('exact');
DROP TABLE pg_catalog.pg_dist_partition;
RESET allow_system_table_mods;
SELECT (travel.locate('192.0.2.1')).city;

DELETE FROM travel.rules WHERE name IN ('exact', 'below');
SET client_min_messages = warning;
DROP SCHEMA nodes CASCADE;
