-- The database that hostile statements meet: events, a rule with alerts, and relations of every kind.
CREATE EXTENSION IF NOT EXISTS impossible_travel;
CREATE SCHEMA hostile;
SET client_min_messages = error;

SELECT travel.create_events_table('hostile.trail');
INSERT INTO hostile.trail (event_id, event_time, event_name, event_source, source_ip, access_key_id, actor, outcome)
SELECT format('%s-%s', key, n), timestamptz '2026-03-02 09:00Z' + n * interval '10 minutes', 'GetObject',
    's3.amazonaws.com', ('{192.0.2.1,203.0.113.1}'::inet[])[1 + n % 2], key, 'user of ' || key, 'success'
FROM unnest('{AKIAALICE0001EXAMPLE,AKIABOB00002EXAMPLE}'::text[]) AS key, generate_series(1, 4) AS n;
ANALYZE hostile.trail;
-- Statements change hostile.trail, and read these.
CREATE TABLE hostile.few AS SELECT * FROM hostile.trail WHERE access_key_id = 'AKIAALICE0001EXAMPLE';
INSERT INTO travel.networks (network, name, treatment) VALUES ('10.0.0.0/8', 'hostile', 'trusted');
INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('hostile', current_user, 'hostile.trail', false);
INSERT INTO travel.rules (name, owner, source, lineage) VALUES ('learning', current_user, 'hostile.trail', true);
CALL travel.scan();
INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('hostile', 'nobody', 'hostile');
INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('hostile', 'nobody', 'GB');
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code)
VALUES ('hostile', 'nobody', 'GB', 'JP');
INSERT INTO travel.alert_comments (alert_id, comment) SELECT min(id), 'hostile' FROM travel.alerts;

-- Relations that cannot serve as a source of events, or only badly.
CREATE TABLE hostile.no_columns ();
CREATE TABLE hostile.other_columns (n int, t text);
CREATE TABLE hostile.wrong_types (event_time bytea, source_ip point, access_key_id int4range, event_id xml);
CREATE TABLE hostile.text_columns (event_time text, source_ip text, access_key_id text, record jsonb);
INSERT INTO hostile.text_columns VALUES (repeat('9', 400), repeat(':', 400), '%s{{@x}}', '{"eventID": []}'),
    ('infinity', '::ffff:0:0/0', E'\x01\x1f', '[]'), ('294277-01-01', '1.1.1.1.1', '', 'null'), (NULL, NULL, NULL, NULL);
CREATE DOMAIN hostile.checked AS text CHECK (VALUE <> 'unchecked');
CREATE TABLE hostile.domains (event_time timestamptz, source_ip inet, access_key_id hostile.checked);
CREATE TABLE hostile.extremes (event_time timestamptz, source_ip inet, access_key_id text, event_id text);
INSERT INTO hostile.extremes
SELECT at, ip, key, repeat('e', n::int * 1000)
FROM unnest('{-infinity,infinity,4713-01-01 00:00:00 BC,294276-12-31 23:59:59,NULL}'::timestamptz[])
    WITH ORDINALITY AS t (at, n), unnest('{0.0.0.0/0,::/0,255.255.255.255,192.0.2.1/24,::ffff:192.0.2.1,NULL}'::inet[]) AS ip,
    unnest(ARRAY[NULL, '', repeat('k', 100000), E'%s\n{{entity}}''"\\']) AS key;
CREATE TABLE hostile.parted (LIKE hostile.trail) PARTITION BY RANGE (event_time);
CREATE VIEW hostile.fails AS SELECT t.*, 1 / (t.event_id = '')::int AS d FROM hostile.trail AS t;
CREATE VIEW hostile.failing_time AS
SELECT (event_id || 'x')::timestamptz AS event_time, source_ip, access_key_id FROM hostile.trail;
CREATE VIEW hostile.recursive AS SELECT event_time, source_ip, access_key_id FROM hostile.trail;
CREATE OR REPLACE VIEW hostile.recursive AS SELECT event_time, source_ip, access_key_id FROM hostile.recursive;
CREATE MATERIALIZED VIEW hostile.unpopulated AS SELECT * FROM hostile.trail WITH NO DATA;
CREATE SEQUENCE hostile.sequence;
CREATE TYPE hostile.composite AS (event_time timestamptz, source_ip inet);
CREATE FOREIGN DATA WRAPPER hostile;
CREATE SERVER hostile FOREIGN DATA WRAPPER hostile;
CREATE FOREIGN TABLE hostile.far (event_time timestamptz, source_ip inet, access_key_id text) SERVER hostile;
CREATE INDEX hostile_index ON hostile.trail (actor);
CREATE TABLE hostile.dropped ();
CREATE TABLE hostile.oid_of_dropped AS SELECT 'hostile.dropped'::regclass::oid AS oid;
DROP TABLE hostile.dropped;
SELECT format('CREATE TABLE hostile.wide (%s)', string_agg(format('c%s int', n), ', ')) FROM generate_series(1, 1600) AS n
\gexec
CREATE ROLE hostile_role;
