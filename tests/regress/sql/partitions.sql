-- An events table that is partitioned by month in UTC. Inserting events makes the partitions that they need, if the
-- caller may; otherwise the DEFAULT partition takes the rows, and travel.make_partitions moves them later. Detection,
-- rules and scans give the same results as on a plain table.
SET timezone = 'Asia/Tokyo';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
CREATE SCHEMA parts;
SET search_path = parts, public;
-- The partitions of a table, but for those of this month and the next one, and their bounds in UTC.
CREATE FUNCTION partitions(name regclass) RETURNS TABLE (partition text, bounds text, owner text)
LANGUAGE sql SET timezone = 'UTC' AS $$
    SELECT i.inhrelid::regclass::text, pg_get_expr(c.relpartbound, c.oid), c.relowner::regrole::text
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = name AND c.relname !~ to_char(now(), '_YYYY_MM$')
      AND c.relname !~ to_char(date_trunc('month', now()) + '1 month', '_YYYY_MM$')
    ORDER BY 1 $$;
CREATE FUNCTION document(prefix text, VARIADIC times text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('eventID', prefix || n, 'eventTime', time) ORDER BY n)
    FROM unnest(times) WITH ORDINALITY AS t (time, n) $$;

-- The table has a DEFAULT partition, and partitions for this month and the next one. Its columns, key and indexes are
-- those of a plain table.
SELECT travel.create_events_table('trail', partitioned => true), travel.create_events_table('plain');
SELECT * FROM partitions('trail');
SELECT count(*) AS partitions,
    bool_and(c.relpartbound IS NOT NULL) FILTER (WHERE c.relname <> 'trail_default') AS have_bounds
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'trail'::regclass;
SELECT count(*) FILTER (WHERE t.attname IS NULL OR p.attname IS NULL) AS columns_that_differ
FROM (
    SELECT attnum, attname, atttypid, attnotnull FROM pg_attribute WHERE attrelid = 'trail'::regclass AND attnum > 0
) AS t
FULL JOIN (
    SELECT attnum, attname, atttypid, attnotnull FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attnum > 0
) AS p USING (attnum, attname, atttypid, attnotnull);
SELECT replace(pg_get_indexdef(indexrelid), 'trail', 'plain') = ANY (ARRAY(
    SELECT replace(pg_get_indexdef(indexrelid), ' ON ', ' ON ONLY ')
    FROM pg_index
    WHERE indrelid = 'plain'::regclass)) AS as_in_the_plain_table, indisvalid
FROM pg_index
WHERE indrelid = 'trail'::regclass;

-- Each event goes to the month of its time in UTC, whatever the time zone of the session, and missing partitions are
-- made first. Months before CloudTrail, and those after the next one, get none: such times are wrong.
SELECT *
FROM travel.ingest('trail', document('a', '2024-02-29T23:59:59Z', '2024-03-01T00:00:00Z', '2023-12-31T23:59:59Z',
    '2013-10-31T23:59:59Z', '2013-11-01T00:00:00Z', '2124-01-01T00:00:00Z'));
SELECT * FROM partitions('trail');
SELECT tableoid::regclass AS partition, event_id, event_time AT TIME ZONE 'UTC' AS utc FROM trail ORDER BY event_time;
SELECT * FROM travel.ingest('trail', document('a', '2024-02-29T23:59:59Z', '2024-03-31T23:59:59Z')::text);
SELECT count(*) AS of_march, min(event_id) AS first FROM trail_2024_03;

-- Another role that may insert makes no partition, and its rows go to the DEFAULT partition.
CREATE ROLE regress_owner;
CREATE ROLE regress_loader;
CREATE ROLE regress_member IN ROLE regress_owner;
GRANT USAGE, CREATE ON SCHEMA parts TO regress_owner;
GRANT USAGE ON SCHEMA parts TO regress_loader, regress_member;
SET ROLE regress_owner;
SELECT travel.create_events_table('owned', partitioned => true);
GRANT INSERT, SELECT ON owned, owned_inbox TO regress_loader;
SET ROLE regress_loader;
SELECT *
FROM travel.ingest('owned', document('l', '2024-05-01T00:00:00Z', '2024-05-02T00:00:00Z', '2024-07-01T00:00:00Z'));
INSERT INTO owned_inbox VALUES (document('l', '2024-05-01T00:00:00Z', '2024-05-03T00:00:00Z')::text);
SELECT tableoid::regclass AS partition, count(*) FROM owned GROUP BY 1 ORDER BY 1;
RESET ROLE;
-- The owner does not make a partition for a month of which the DEFAULT partition has rows, and says so; that of another
-- month is made. So does a member of the owner, and the partition belongs to the owner.
SET ROLE regress_owner;
SELECT inserted FROM travel.ingest('owned', document('o', '2024-05-04T00:00:00Z', '2024-06-01T00:00:00Z'));
SET ROLE regress_member;
SELECT inserted FROM travel.ingest('owned', document('m', '2024-08-01T00:00:00Z'));
RESET ROLE;
SELECT inserted FROM travel.ingest('owned', document('s', '2024-09-01T00:00:00Z'));
SELECT * FROM partitions('owned');

-- travel.make_partitions moves the rows as they are, so a scan does not take them for new rows.
CREATE TABLE before AS SELECT event_id, event_time, record, ingested_at, ingest_xid FROM owned;
SET ROLE regress_owner;
CALL travel.make_partitions('owned', now());
CALL travel.make_partitions('owned', now());
RESET ROLE;
SELECT * FROM partitions('owned');
SELECT tableoid::regclass AS partition, string_agg(event_id, ' ' ORDER BY event_id) AS events
FROM owned
GROUP BY 1
ORDER BY 1;
(TABLE before EXCEPT ALL SELECT event_id, event_time, record, ingested_at, ingest_xid FROM owned)
UNION ALL
(SELECT event_id, event_time, record, ingested_at, ingest_xid FROM owned EXCEPT ALL TABLE before);
-- It makes partitions ahead: those of the months that begin before the time.
CALL travel.make_partitions('trail',
    (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '4 months') AT TIME ZONE 'UTC');
SELECT count(*) AS ahead
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'trail'::regclass AND c.relname > to_char(now() AT TIME ZONE 'UTC', '"trail_"YYYY_MM')
    AND c.relname <> 'trail_default';
-- In a transaction block everything is rolled back together.
SET ROLE regress_loader;
SELECT inserted FROM travel.ingest('owned', document('x', '2024-10-01T00:00:00Z', '2024-11-01T00:00:00Z'));
RESET ROLE;
BEGIN;
CALL travel.make_partitions('owned', now());
ROLLBACK;
SELECT count(*) AS in_default FROM owned_default;
CALL travel.make_partitions('owned', '2020-01-01');
SELECT count(*) AS in_default FROM owned_default;

-- The calls that it refuses.
CREATE TABLE daily (event_id text, event_time timestamptz NOT NULL) PARTITION BY RANGE (event_time);
CREATE TABLE daily_default PARTITION OF daily DEFAULT;
CREATE TABLE daily_1 PARTITION OF daily FOR VALUES FROM ('2024-01-01 00:00Z') TO ('2024-01-02 00:00Z');
CREATE TABLE hashed (event_id text, event_time timestamptz) PARTITION BY HASH (event_id);
CREATE TABLE zoneless (event_id text, event_time timestamp) PARTITION BY RANGE (event_time);
CREATE TABLE zoneless_default PARTITION OF zoneless DEFAULT;
\pset format unaligned
SELECT error_of($$CALL travel.make_partitions('plain', now())$$);
SELECT name, sqlstate_of(format('CALL travel.make_partitions(%L, now())', name))
FROM unnest('{daily,hashed,zoneless,trail_default,travel.status,owned_inbox,no_such}'::text[]) AS name;
SELECT sqlstate_of($$CALL travel.make_partitions(NULL, now())$$),
    sqlstate_of($$CALL travel.make_partitions('trail', NULL)$$);
SELECT regexp_replace(error_of($$CALL travel.make_partitions('trail', 'infinity')$$), '\n.*', '');
SELECT sqlstate_of($$CALL travel.make_partitions('trail', '-infinity')$$) AS before_all_time,
    sqlstate_of($$CALL travel.make_partitions('trail', now() + interval '11 years')$$) AS too_far;
SET ROLE regress_loader;
SELECT error_of($$CALL travel.make_partitions('owned', now())$$);
RESET ROLE;
-- Rows that a foreign key refers to are not moved: moving deletes them, and could delete what refers to them.
SET ROLE regress_loader;
SELECT inserted FROM travel.ingest('owned', document('f', '2024-12-01T00:00:00Z'));
RESET ROLE;
CREATE TABLE note (event_id text, event_time timestamptz, FOREIGN KEY (event_id, event_time) REFERENCES owned
    ON DELETE CASCADE);
INSERT INTO note SELECT event_id, event_time FROM owned WHERE event_id = 'f1';
SELECT error_of($$CALL travel.make_partitions('owned', now())$$);
SELECT count(*) AS notes FROM note;
DROP TABLE note;
\pset format aligned

-- Tables with partitions of another kind are left alone, and so are views.
SELECT inserted FROM travel.ingest('daily', document('d', '2024-01-01T00:00:00Z', '2024-02-01T00:00:00Z'));
SELECT count(*) FROM pg_inherits WHERE inhparent = 'daily'::regclass;
SELECT inserted FROM travel.ingest('zoneless', document('d', '2024-01-01T00:00:00Z'));
CREATE VIEW over_trail AS SELECT * FROM trail;
SELECT inserted FROM travel.ingest('over_trail', document('v', '2023-01-01T00:00:00Z'));
SELECT tableoid::regclass AS partition FROM trail WHERE event_id = 'v1';

-- If the partition cannot be made, the rows go to the DEFAULT partition, and the owner is told why. It is not made
-- while a statement of the session inserts into the table.
INSERT INTO trail (event_id, event_time)
SELECT 'outer', '2024-02-01Z'
FROM travel.ingest('trail', document('busy', '2022-01-01T00:00:00Z'));
SELECT tableoid::regclass AS partition, event_id FROM trail WHERE event_id IN ('outer', 'busy1') ORDER BY event_id;
REVOKE CREATE ON SCHEMA parts FROM regress_owner;
SET ROLE regress_owner;
SELECT inserted FROM travel.ingest('owned', document('no', '2022-01-01T00:00:00Z'));
RESET ROLE;
SELECT tableoid::regclass AS partition, event_id FROM owned WHERE event_id = 'no1';
-- An existing table has the name: the partition gets another.
CREATE TABLE trail_2021_01 (n int);
SELECT inserted FROM travel.ingest('trail', document('named', '2021-01-01T00:00:00Z'));
SELECT tableoid::regclass AS partition FROM trail WHERE event_id = 'named1';
-- Long names are cut, so those of partitions and of the inbox differ.
SELECT travel.create_events_table('a_name_of_sixty_three_characters_that_is_as_long_as_names_can_1',
    partitioned => true);
SELECT inserted
FROM travel.ingest('a_name_of_sixty_three_characters_that_is_as_long_as_names_can_1',
    document('long', '2021-01-01T00:00:00Z', '2021-02-01T00:00:00Z'));
SELECT partition FROM partitions('a_name_of_sixty_three_characters_that_is_as_long_as_names_can_1');

-- Columns, defaults, constraints and triggers that the owner added are those of new partitions, too.
DROP VIEW over_trail;
ALTER TABLE trail ADD note text DEFAULT 'mine', ADD size int GENERATED ALWAYS AS (length(event_id)) STORED,
    ADD CONSTRAINT no_x CHECK (event_id <> 'x1'), DROP user_agent;
SELECT inserted FROM travel.ingest('trail', document('own', '2021-03-01T00:00:00Z'));
SELECT tableoid::regclass AS partition, note, size FROM trail WHERE event_id = 'own1';
SELECT sqlstate_of($$SELECT travel.ingest('trail', document('x', '2021-04-01T00:00:00Z'))$$);

-- Detection and rules: the same events in both kinds of table, in several months.
DROP TABLE trail;
SELECT travel.create_events_table('trail', partitioned => true);
CREATE VIEW record AS
SELECT jsonb_build_object('eventID', format('%s-%s', k, n), 'eventTime',
    to_char(timestamptz '2024-01-31 23:55Z' + (n / 2 * 74 + k) * interval '1 hour' + n % 2 * interval '10 minutes',
        'YYYY-MM-DD"T"HH24:MI:SS"+09:00"'),
    'eventName', 'ListBuckets', 'eventSource', 's3.amazonaws.com', 'sourceIPAddress',
    (ARRAY['192.0.2.1', '203.0.113.1', '198.51.100.1', '10.0.0.1'])[1 + (n + k) % 4], 'userIdentity',
    jsonb_build_object('type', 'IAMUser', 'userName', 'u' || k, 'accessKeyId', 'K' || k, 'arn',
        'arn:aws:iam::111122223333:user/u' || k)) AS record, n
FROM generate_series(0, 59) AS n, generate_series(0, 3) AS k;
CREATE PROCEDURE load(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
    body jsonb := (SELECT jsonb_agg(record ORDER BY n) FROM parts.record WHERE n BETWEEN first AND last);
BEGIN
    PERFORM travel.ingest('parts.trail', body);
    PERFORM travel.ingest('parts.plain', body);
END $$;
CALL load(0, 29);
SELECT travel.create_rule('access_key', 'trail', 'of the partitioned'),
    travel.create_rule('access_key', 'plain', 'of the plain');
UPDATE travel.rules SET baseline = false;
-- All indexes are found, and new rows are found exactly.
SELECT travel.check_rule('of the partitioned');
CALL travel.scan();
SELECT rule, arrival, events > 0 AS read_some FROM travel_internal.scans ORDER BY rule;
CALL load(30, 59);
CALL travel.scan();
SELECT count(DISTINCT tableoid) AS partitions, count(*) AS rows, (SELECT count(*) FROM plain) AS rows_of_the_plain
FROM trail;
CREATE VIEW differences AS
    SELECT 'detect' AS what, count(*) FROM (
        SELECT leg_id FROM travel.detect('trail') EXCEPT ALL SELECT leg_id FROM travel.detect('plain')) AS d
    UNION ALL
    SELECT 'detect, the other way', count(*) FROM (
        SELECT leg_id FROM travel.detect('plain') EXCEPT ALL SELECT leg_id FROM travel.detect('trail')) AS d
    UNION ALL
    SELECT 'detect in a range', count(*) FROM (
        SELECT leg_id FROM travel.detect('trail', since => '2024-02-20', until => '2024-03-02')
        EXCEPT ALL SELECT leg_id FROM travel.detect('plain', since => '2024-02-20', until => '2024-03-02')) AS d
    UNION ALL
    SELECT 'alerts', count(*) FROM (
        SELECT leg_id, leg_count, message FROM travel.alerts WHERE rule = 'of the partitioned'
        EXCEPT ALL SELECT leg_id, leg_count, message FROM travel.alerts WHERE rule = 'of the plain') AS d
    UNION ALL
    SELECT 'verdicts', count(*) FROM (
        SELECT leg_id, raised, reasons FROM travel.verdicts WHERE rule = 'of the plain'
        EXCEPT ALL SELECT leg_id, raised, reasons FROM travel.verdicts WHERE rule = 'of the partitioned') AS d
    UNION ALL
    SELECT 'events that were read', abs(sum(CASE rule WHEN 'of the plain' THEN events ELSE -events END))
    FROM travel_internal.scans WHERE rule LIKE 'of the %';
SELECT * FROM differences;
SELECT count(*) > 10 AS several, count(DISTINCT date_trunc('month', to_time, 'UTC')) AS months
FROM travel.detect('trail');
SELECT count(*) > 10 AS several FROM travel.alerts WHERE rule = 'of the partitioned';
SELECT source_kind, status, events FROM travel.coverage('trail')
EXCEPT SELECT source_kind, status, events FROM travel.coverage('plain');
-- A leg whose events are in two months.
SELECT count(*) > 0 AS across_months
FROM travel.detect('trail')
WHERE date_trunc('month', from_time, 'UTC') <> date_trunc('month', to_time, 'UTC');
-- Only the partitions of the range are read.
SELECT DISTINCT substring(line FROM ' on (trail_\w+)') AS partition_read
FROM plan_of((SELECT travel.detect_sql('trail', since => '2024-03-10', until => '2024-03-20'))) AS line
WHERE line ~ ' on trail_'
ORDER BY 1;

-- Rows that come into the DEFAULT partition are found, and moving them makes none of them new.
CREATE TABLE read_before AS SELECT rule, events FROM travel_internal.scans;
GRANT USAGE ON SCHEMA parts TO regress_loader;
GRANT INSERT ON trail TO regress_loader;
SELECT jsonb_agg(jsonb_set(record, '{eventTime}', '"2024-09-01T00:00:00Z"')) AS late FROM record WHERE n = 2 \gset
SET ROLE regress_loader;
SELECT inserted FROM travel.ingest('parts.trail', :'late'::jsonb);
RESET ROLE;
SELECT inserted FROM travel.ingest('parts.plain', :'late'::jsonb);
SELECT count(*) AS in_default FROM trail_default;
CALL travel.scan();
SELECT r.rule, s.events - r.events AS new_rows
FROM read_before AS r
JOIN travel_internal.scans AS s USING (rule)
ORDER BY rule;
CALL travel.make_partitions('trail', now());
SELECT count(*) AS in_default FROM trail_default;
CALL travel.scan();
SELECT r.rule, s.events - r.events AS new_rows
FROM read_before AS r
JOIN travel_internal.scans AS s USING (rule)
ORDER BY rule;
SELECT * FROM differences WHERE count <> 0;
-- Retention: dropping a partition. Loading its file again makes it again.
DROP TABLE trail_2024_02;
SELECT count(*) AS of_february FROM travel.detect('trail', since => '2024-02-01Z', until => '2024-03-01Z');
CALL travel.scan();
SELECT rule, last_error FROM travel.status WHERE rule LIKE 'of the %' ORDER BY rule;
CALL load(0, 59);
CALL travel.scan();
SELECT * FROM differences WHERE count <> 0 AND what LIKE 'detect%';

DELETE FROM travel.rules WHERE name LIKE 'of the %';
SET client_min_messages = warning;
DROP SCHEMA parts CASCADE;
DROP ROLE regress_owner, regress_loader, regress_member;
