-- A publication FOR ALL TABLES, as made by change data capture and logical upgrades, does not stop scans or other
-- writes.
SET client_min_messages = error;
SELECT c.oid::regclass AS without_replica_identity
FROM pg_class AS c
WHERE c.relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND c.relkind IN ('r', 'p')
  AND NOT (c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary));
SELECT travel.create_events_table('published');
INSERT INTO published (event_id, event_time, actor, access_key_id, source_ip) VALUES
    ('1', '2026-03-02 09:00Z', 'al', 'k', '192.0.2.5'),
    ('2', '2026-03-03 10:00Z', 'al', 'k', '192.0.2.5'),
    ('3', '2026-03-03 10:10Z', 'al', 'k', '203.0.113.7');
SELECT travel.create_rule('access_key', 'published', 'published');
INSERT INTO travel.rules (name, source, learn, learn_transitions)
VALUES ('published moves', 'published', 'encountered', true);
CREATE PUBLICATION everything FOR ALL TABLES;
CALL travel.scan();
INSERT INTO published (event_id, event_time, actor, access_key_id, source_ip) VALUES
    ('4', '2026-03-04 10:00Z', 'al', 'k', '192.0.2.5'),
    ('5', '2026-03-04 10:10Z', 'al', 'k', '203.0.113.7'),
    ('6', '2026-03-03 10:05Z', 'al', 'k', '198.51.100.5');
CALL travel.scan();
SELECT rule, last_error FROM travel.status ORDER BY rule;
SELECT from_city, to_city, to_time AT TIME ZONE 'UTC' AS to_time, raised
FROM travel.verdicts
WHERE rule = 'published'
ORDER BY to_time;
UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule = 'published';
INSERT INTO travel.known_places (rule, baseline_entity, country_code, valid_from, valid_until)
VALUES ('published', 'al', 'FR', '2026-01-01', '2026-01-02');
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code, valid_from,
    valid_until)
VALUES ('published', 'al', 'FR', 'DE', '2026-01-01', '2026-01-02');
INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('published', 'x', 'a test');
UPDATE travel.suppressions SET reason = 'another' WHERE rule = 'published';
CALL travel.rescan('published', '-infinity');
SELECT verdicts > 0 AS verdicts, alerts > 0 AS alerts, known_places, known_transitions FROM travel.prune('1 day');
DELETE FROM travel.suppressions WHERE rule = 'published';
DELETE FROM published;
DELETE FROM travel.rules;
DROP PUBLICATION everything;
DROP TABLE published;
