-- Each mistake has an SQLSTATE and a message that says what to do. No message prints a whole row, and every hint can be
-- followed.
SET timezone = 'UTC';
SET datestyle = ISO;
SET impossible_travel.coverage_notice = off;
SET client_min_messages = warning;
\pset null '-'
CREATE TABLE trail (event_id text, event_time timestamptz, source_ip inet, access_key_id text, "user" text,
    outcome text, invoked_by text);
INSERT INTO trail
VALUES ('1', '2026-03-02 09:00Z', '192.0.2.1', 'K', 'u'), ('2', '2026-03-02 09:10Z', '203.0.113.1', 'K', 'u');
CREATE TABLE mixed (event_time timestamptz, "AccessKeyId" text, "User's Name" text, source_ip inet,
    "Arrived At" timestamptz DEFAULT now(), outcome text, invoked_by text);
INSERT INTO mixed VALUES ('2026-03-02 09:00Z', 'K', 'u', '192.0.2.1'), ('2026-03-02 09:10Z', 'K', 'u', '203.0.113.1');
\pset format unaligned

-- A time in the place of the entity, as a text or as a timestamptz.
SELECT error_of($$SELECT travel.detect('trail', '2026-03-01')$$);
SELECT error_of($$SELECT travel.coverage('trail', 'yesterday')$$);
SELECT error_of($$SELECT travel.detect('trail', now() - interval '1 day')$$);
SELECT error_of($$SELECT travel.detect('trail', date '2026-03-01', date '2026-03-02')$$);
SELECT error_of($$SELECT travel.detect_sql('trail', timestamp '2026-03-01')$$);
SELECT error_of($$SELECT * FROM travel.coverage('trail', timestamptz '2026-03-01')$$);
\pset format aligned
SELECT count(*) AS as_the_hint_says FROM travel.detect('trail', since => '2026-03-01', until => '2026-03-03');
SELECT count(*) AS named_as_ever FROM travel.coverage('trail', since => date '2026-03-01', until => now());
\pset format unaligned

-- Columns whose names need quotes: the hints can be followed.
SELECT error_of($$SELECT travel.detect('mixed', 'AccessKeyId')$$);
SELECT error_of($$SELECT travel.detect('mixed')$$);
SELECT error_of($$SELECT travel.detect('mixed', 'users_name')$$);
SELECT error_of($$SELECT travel.detect('mixed', '"user"')$$);
SELECT error_of($$SELECT travel.detect('mixed', 'actor')$$);
SELECT error_of($$SELECT travel.detect('mixed', '"no such"')$$);
SELECT DISTINCT entity FROM travel.detect('mixed', entity => '"AccessKeyId"');
SELECT DISTINCT entity FROM travel.detect('mixed', columns => '{"access_key_id": "AccessKeyId"}');
SELECT DISTINCT entity FROM travel.detect('mixed', '"User''s Name"');
SELECT error_of($$
    INSERT INTO travel.rules (name, source, entity, arrival_column)
    VALUES ('mixed', 'mixed', '"AccessKeyId"', '"Arrived At"')
$$);
SELECT error_of($$SELECT travel.check_rule('mixed')$$);
UPDATE travel.rules SET arrival_column = 'Arrived At' WHERE name = 'mixed';
SELECT error_of($$SELECT travel.check_rule('mixed')$$);

-- Times at the limits of timestamptz.
INSERT INTO travel.rules (name, source, raise_from)
VALUES
    ('late', 'trail', '294276-12-31 23:59:59.999999+00'),
    ('early', 'trail', '4714-11-24 00:00:00+00 BC'),
    ('never', 'trail', 'infinity'),
    ('always', 'trail', '-infinity');
SELECT name, error_of(format('SELECT travel.check_rule(%L)', name))
FROM travel.rules
WHERE raise_from IS NOT NULL
ORDER BY name;
CALL travel.scan();
SELECT rule, last_error FROM travel.status WHERE last_error IS NOT NULL;
CALL travel.rescan('late', '4714-11-24 00:00:00+00 BC');
CALL travel.rescan('late', 'infinity');
SELECT evaluate_from FROM travel_internal.scans WHERE rule = 'late';

-- Every timestamptz is written into queries exactly.
SELECT count(*) AS times,
    count(*) FILTER (WHERE t
        = (regexp_match(travel.detect_sql('trail', since => t, min_velocity_kmh => 49),
            $$to_time >= timestamptz '([^']*)'$$))[1]::timestamptz)
        AS as_written
FROM (SELECT timestamptz '4714-11-24 00:00:00+00 BC' + n * interval
    '149 years 3 days 7 hours 11 minutes 13.123457 seconds' AS t
    FROM generate_series(0, 2000) AS n
      UNION ALL SELECT timestamptz '1999-12-31 00:00:00+00' + n * interval '1 day'
      FROM generate_series(0, 1500) AS n
      UNION ALL SELECT unnest('{294276-12-31 23:59:59.999999+00,0001-12-31 23:59:59.999999+00 BC,'
                              '0001-01-01 00:00:00+00,1900-02-28 00:00:00+00,1900-03-01 00:00:00+00,'
                              '2000-02-29 12:00:00+00,4714-11-24 00:00:00+00 BC}'::timestamptz[])) AS s;
CREATE TABLE ends (access_key_id text, event_time timestamptz, source_ip inet, outcome text, invoked_by text);
INSERT INTO ends
VALUES
    ('K', '294276-12-31 23:59:59.999999+00', '192.0.2.1'),
    ('K', '294276-12-31 23:59:59.999999+00', '203.0.113.1'),
    ('L', '4714-11-24 00:00:00+00 BC', '192.0.2.1'),
    ('L', '4714-11-24 00:00:00+00 BC', '203.0.113.1');
SELECT entity, from_time, to_time
FROM travel.detect('ends', since => '294276-12-31 23:59:59.999999+00')
UNION ALL SELECT entity, from_time, to_time
FROM travel.detect('ends', until => '4714-11-24 00:00:00.000001+00 BC');
INSERT INTO travel.rules (name, source, baseline) VALUES ('ends', 'ends', false);
CALL travel.scan('ends');
SELECT entity, from_time, to_time FROM travel.alerts WHERE rule = 'ends' ORDER BY entity;

-- Intervals that exceed the range of timestamptz.
SELECT error_of($$SELECT travel.prune('300000 years')$$);
SELECT error_of($$SELECT travel.prune('178000000 years')$$);
SELECT error_of($$SELECT travel.prune('-178000000 years')$$);
SELECT error_of($$SELECT travel.prune('6001 years')$$);
SELECT error_of($$SELECT travel.prune('5000 years')$$);
SELECT error_of(format($$UPDATE travel.rules SET %I = '178000000 years' WHERE name = 'late'$$, c))
FROM unnest('{learning_period,forget_after,trial_period,keep_alive,max_duration,lookback}'::text[]) AS c;
SELECT sqlstate_of(format($$UPDATE travel.rules SET %I = '-178000000 years' WHERE name = 'late'$$, c))
FROM unnest('{learning_period,forget_after,trial_period,keep_alive,max_duration,lookback}'::text[]) AS c;

-- Arrays of more dimensions, missing values, and names that are too long.
SELECT error_of($$
    UPDATE travel.rules SET downgraded = '{{hosting,carrier},{anonymizer,same_asn}}' WHERE name = 'late'
$$);
SELECT error_of($$UPDATE travel.rules SET ignored = '{{hosting}}' WHERE name = 'late'$$);
SELECT error_of($$UPDATE travel.rules SET tags = '{{a,b}}' WHERE name = 'late'$$);
SELECT error_of($$UPDATE travel.rules SET tags = '[0:1]={a,b}', downgraded = '{}' WHERE name = 'late'$$);
SELECT error_of($$UPDATE travel.rules SET ignored = NULL WHERE name = 'late'$$);
SELECT error_of($$INSERT INTO travel.rules (name) VALUES ('no source')$$);
SELECT split_part(error_of(format($$INSERT INTO travel.rules (name, source) VALUES (%L, 'trail')$$,
    repeat('n', 201))), ':', 1);

-- The columns of an alert: the error names the valid values and does not print the row.
UPDATE travel.rules SET enabled = name = 'always';
CALL travel.scan('always');
SELECT error_of($$UPDATE travel.alerts SET status = 'closed'$$);
SELECT error_of($$UPDATE travel.alerts SET status = NULL$$);
SELECT error_of($$UPDATE travel.alerts SET status = 'archived', archive_reason = 'benign'$$);
SELECT error_of($$UPDATE travel.alerts SET status = 'archived', archive_reason = 'other'$$);

-- The same in the other tables that users write.
SELECT error_of($$INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('late', '', 'GB')$$);
SELECT error_of($$INSERT INTO travel.known_places (rule, baseline_entity) VALUES ('late', 'u')$$);
SELECT error_of($$
    INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin) VALUES ('late', 'u', 'GB', 'me')
$$);
SELECT error_of($$INSERT INTO travel.suppressions (rule) VALUES ('late')$$);
SELECT error_of($$
    INSERT INTO travel.suppressions (rule, reason, valid_from, valid_until)
    VALUES ('late', 'r', '2026-03-02', '2026-03-01')
$$);
SELECT error_of(format($$INSERT INTO travel.networks (%s) VALUES (%s)$$, c, v))
FROM (VALUES (1, 'network, name, treatment', '''192.0.2.0/24'', ''n'', ''office'''), (2, 'network', '''192.0.2.0/24'''),
    (3, 'name', '''n'''), (4, 'network, asn, name', '''192.0.2.0/24'', 1, ''n'''), (5, 'asn, name', '-1, ''n'''),
             (6, 'asn, name, latitude', '1, ''n'', 1'),
             (7, 'asn, name, latitude, longitude', '1, ''n'', 1, 2'),
             (8, 'asn, name, latitude, longitude, country_code', '1, ''n'', 91, 2, ''GB'''),
             (9, 'asn, name, country_code', '1, ''n'', ''gb'''),
             (10, 'asn, name', '1, '''''),
             (11, 'asn, name, valid_from, valid_until', '1, ''n'', ''2026-03-02'', ''2026-03-01'''),
                 (12, 'asn, name, origin', '1, ''n'', ''me''')) AS w (n, c, v)
             ORDER BY n;

-- A column of the target that cannot be written.
CREATE TABLE computed (event_id text, event_time timestamptz, source_text text,
    source_ip inet GENERATED ALWAYS AS (travel.source_ip(source_text)) STORED);
CREATE TABLE numbered (event_id bigint GENERATED ALWAYS AS IDENTITY, event_time timestamptz);
SELECT error_of($$SELECT travel.ingest('computed', '[]')$$);
SELECT error_of($$SELECT travel.ingest('numbered', '[]')$$);
ALTER TABLE computed ALTER source_ip DROP EXPRESSION;
SELECT error_of($$SELECT travel.ingest('computed', '[]')$$);

-- A message that quotes a long value leaves out the middle of it. The log would contain it, too.
SELECT regexp_replace(error_of(format('SELECT travel_internal.find_files(%L)', repeat('x', 1000000))),
    'x{99,}', 'x…x', 'g');
-- An administrator can call the functions of travel.load_files in any order. A missing table gets no workers.
SELECT travel_internal.note_files(1000, 1000000000);
SELECT error_of($$SELECT travel_internal.begin_workers(0::oid::regclass, '/tmp')$$);

-- Names with quotes are quoted in hints as literals that can be pasted.
INSERT INTO travel.rules (name, source) VALUES ('o''brien', 'trail');
CALL travel.scan('o''brien');
UPDATE travel_internal.entity_checkpoints SET newest = '', earlier = '' WHERE rule = 'o''brien';
INSERT INTO trail VALUES ('3', '2026-03-02 09:20Z', '192.0.2.1', 'K', 'u');
SELECT error_of($$SELECT travel_internal.scan_step('o''brien')$$) LIKE
    '%CALL travel.rescan(''o''''brien'', ''-infinity'')%';
-- Checkpoints that are damaged are refused wherever they are read, and a rescan from the beginning replaces them.
SELECT error_of($$SELECT count(state) FROM travel_internal.entity_states WHERE rule = 'o''brien'$$);
CALL travel.rescan('o''brien', '-infinity');
SELECT count(*) > 1 AS has_earlier, count(state) > 0 AS has_states
FROM travel_internal.entity_states WHERE rule = 'o''brien';
UPDATE travel_internal.entity_checkpoints SET earlier = substr(earlier, 1, 9) WHERE rule = 'o''brien';
INSERT INTO trail VALUES ('4', '2026-03-02 09:40Z', '192.0.2.1', 'K', 'u');
SELECT error_of($$SELECT travel_internal.scan_step('o''brien')$$) LIKE 'XX001: could not read the checkpoint%';
CALL travel.rescan('o''brien', '-infinity');
SELECT error_of($$SELECT travel_internal.scan_step('o''brien')$$);

\pset format aligned
SELECT set_config('session_replication_role', 'replica', false) AS as_a_test_may;
DELETE FROM travel.rules;
TRUNCATE travel.alerts, travel.alert_history, travel_internal.alert_legs, travel.verdicts,
    travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints, travel_internal.scans,
    travel_internal.own_passes;
RESET session_replication_role;
DROP TABLE trail, ends, mixed, computed, numbered;
