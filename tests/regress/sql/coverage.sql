-- travel.coverage counts the rows of the range and condition by what became of them, each by the first status that
-- applies. The notice at the end of travel.detect has the same counts.
SET timezone = 'UTC';
SET datestyle = ISO;
\pset null '-'
CREATE TABLE events (n int, access_key_id text, event_time timestamptz, source_text text, outcome text,
    invoked_by text);
INSERT INTO events VALUES
    (1,  'K', '2026-03-02 09:00Z', '192.0.2.1', 'success', NULL),           -- evaluated
    (2,  'K', '2026-03-02 09:00Z', '192.0.2.1', 'success', NULL),           -- duplicate
    (3,  'K', '2026-03-02 09:00Z', '::ffff:192.0.2.1', 'denied', ''),       -- duplicate
    (4,  'K', '2026-03-02 09:01Z', '192.0.2.1', NULL, NULL),                -- evaluated
    (5,  'L', '2026-03-02 09:00Z', '192.0.2.1', 'error', NULL),             -- evaluated: another entity
    (6,  'L', '2026-03-02 09:00Z', '203.0.113.1', 'success', NULL),         -- evaluated
    (7,  NULL, '2026-03-02 09:00Z', '192.0.2.1', 'failed_auth', 'x'),       -- no_entity before all that follows
    (8,  '', '2026-03-02 09:00Z', '192.0.2.1', 'success', NULL),            -- no_entity
    (9,  'HIDDEN_DUE_TO_SECURITY_REASONS', '2026-03-02 09:00Z', '192.0.2.1', 'success', NULL), -- no_entity
    (10, NULL, NULL, '192.0.2.1', 'failed_auth', 'x'),                      -- no_time before no_entity
    (11, 'K', 'infinity', '192.0.2.1', 'success', NULL),                    -- no_time
    (12, 'K', '-infinity', '192.0.2.1', 'success', NULL),                   -- no_time
    (13, 'K', '2026-03-02 09:02Z', '203.0.113.1', 'failed_auth', 'x'),      -- failed_auth before service
    (14, 'K', '2026-03-02 09:03Z', '203.0.113.1', 'success', 'x'),          -- service
    (15, 'K', '2026-03-02 09:04Z', 'ec2.amazonaws.com', 'success', 'x'),    -- service before not_located
    (16, 'K', '2026-03-02 09:05Z', 'ec2.amazonaws.com', 'success', NULL),   -- not_located, by each kind of source
    (17, 'K', '2026-03-02 09:06Z', 'AWS Internal', 'success', NULL),
    (18, 'K', '2026-03-02 09:07Z', '10.0.0.1', 'success', NULL),
    (19, 'K', '2026-03-02 09:08Z', '075.050.255.67', 'success', NULL),
    (20, 'M', '2026-03-02 09:09Z', NULL, 'success', NULL),
    (21, 'K', '2026-03-02 09:10Z', '8.8.8.8', 'success', NULL),             -- public, but in no database
    (22, 'K', '2026-03-02 09:11Z', '198.19.240.1', 'success', NULL),        -- anycast
    (23, 'K', '2026-03-02 09:10Z', '8.8.8.8', 'success', NULL);             -- no duplicate, as it is not located
SELECT * FROM travel.coverage('events');
SELECT sum(events) AS sum, (SELECT count(*) FROM events) AS rows FROM travel.coverage('events');

-- The notice counts the evaluated rows, duplicates included, the rows that were not located, and the entities with an
-- evaluated row.
SELECT count(*) FROM travel.detect('events');
SELECT count(*) FROM travel.detect('events', all_legs => true);
SELECT count(*) FROM travel.detect('events', condition => 'false');
SET impossible_travel.coverage_notice = off;
SELECT count(*) FROM travel.detect('events');
RESET impossible_travel.coverage_notice;
-- coverage never ends with the notice. detect_sql runs no query, so it counts nothing.
SELECT length(travel.detect_sql('events')) > 0 AS text;

-- Range and condition. A row without a time belongs to every range.
SELECT status, sum(events) AS events, min(first_time) AS first, max(last_time) AS last
FROM travel.coverage('events', since => '2026-03-02 09:04Z', until => '2026-03-02 09:10Z')
GROUP BY status
ORDER BY status;
SELECT status, sum(events) AS events
FROM travel.coverage('events', condition => 'n > 20')
GROUP BY status
ORDER BY status;
SELECT count(*) AS rows FROM travel.coverage('events', condition => 'false');

-- With another entity, over other columns, without the column that tells failures, over coordinates.
SELECT status, sum(events) AS events FROM travel.coverage('events', 'n') GROUP BY status ORDER BY status;
SELECT status, sum(events) AS events
FROM travel.coverage('events', 'access_key_id, outcome')
GROUP BY status
ORDER BY status;
CREATE VIEW fewer AS SELECT access_key_id AS who, event_time::text AS t, source_text AS ip FROM events;
SELECT source_kind, status, events, entities
FROM travel.coverage('fewer', 'who', columns => '{"event_time": "(t)", "source_ip": "ip"}');
CREATE VIEW inets AS
SELECT access_key_id, event_time, travel.source_ip(source_text) AS source_ip, outcome, invoked_by
FROM events;
SELECT source_kind, status, events, entities FROM travel.coverage('inets');
CREATE TABLE coordinates (access_key_id text, event_time timestamp, latitude float8, longitude float8);
INSERT INTO coordinates
VALUES
    ('K', '2026-03-02 09:00', 0, 0),
    ('K', '2026-03-02 09:00', 0, 0),
    ('K', '2026-03-02 09:00', '-0', '-0'),
    ('K', '2026-03-02 09:00', 0, 1),
    ('K', '2026-03-02 09:00', 91, 0),
    ('K', '2026-03-02 09:00', 'NaN', 0),
    ('K', '2026-03-02 09:00', NULL, 0),
    ('K', NULL, 0, 0),
    (NULL, '2026-03-02 09:00', 0, 0);
SELECT * FROM travel.coverage('coordinates');
SELECT count(*) FROM travel.detect('coordinates', all_legs => true);
-- Over a record.
CREATE TABLE records AS
SELECT n, jsonb_build_object('eventTime', to_char(event_time, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'sourceIPAddress',
    source_text, 'userIdentity', jsonb_build_object('accessKeyId', access_key_id, 'invokedBy', invoked_by),
    'eventSource', 'signin.amazonaws.com', 'eventName', 'ConsoleLogin', 'errorCode',
        CASE outcome WHEN 'failed_auth' THEN 'x' END) AS r
    FROM events;
SELECT a.status, a.events AS columns, b.events AS record
FROM (SELECT status, sum(events) AS events FROM travel.coverage('events') GROUP BY 1) AS a
FULL JOIN (
    SELECT status, sum(events) AS events FROM travel.coverage('records', columns => '{"record": "r"}') GROUP BY 1
)
    AS b USING (status)
ORDER BY 1;
-- An empty table has no counts.
CREATE TABLE empty (LIKE events);
SELECT * FROM travel.coverage('empty');
SELECT * FROM travel.coverage('empty', since => '2026-01-01', condition => 'access_key_id = ''nobody''');
SELECT * FROM travel.coverage('events', condition => 'access_key_id = ''nobody''');
SELECT count(*) FROM travel.detect('empty');
SET client_min_messages = warning;
DROP TABLE events, coordinates, records, empty CASCADE;
