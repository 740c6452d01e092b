-- travel.detect over an events table: its legs, the events at their ends, and their messages. 192.0.2.1 is in London,
-- 192.0.2.145 in Cambridge, 203.0.113.1 in Tokyo, 198.51.100.1 in New York, 198.19.200.1 in the United States.
SET timezone = 'UTC';
SET datestyle = ISO;
SET extra_float_digits = 0;
\pset null '-'

SELECT travel.create_events_table('trail');
INSERT INTO trail (event_id, event_time, event_name, event_source, aws_region, account_id, source_ip, identity_type,
    principal, actor, session_name, user_name, arn, access_key_id, invoked_by, user_agent, error_code, outcome)
VALUES
    -- alice: London, Tokyo ten minutes later, and back
    ('a1', '2026-03-02 09:00Z', 'ListBuckets', 's3.amazonaws.com', 'eu-west-2', '111', '192.0.2.1', 'IAMUser',
        'arn:alice', 'arn:alice', 'alice', 'alice', 'arn:alice', 'AKIAALICE', NULL, 'cli', NULL, 'success'),
    ('a2', '2026-03-02 09:10Z', 'GetObject', 'ec2.amazonaws.com', 'us-east-1', '111', '203.0.113.1', 'IAMUser',
        'arn:alice', 'arn:alice', 'alice', 'alice', 'arn:alice', 'AKIAALICE', NULL, 'boto', 'AccessDenied', 'denied'),
    ('a3', '2026-03-02 10:15Z', 'ListBuckets', 's3.amazonaws.com', 'eu-west-2', '111', '192.0.2.1', 'IAMUser',
        'arn:alice', 'arn:alice', 'alice', 'alice', 'arn:alice', 'AKIAALICE', NULL, 'cli', NULL, 'success'),
    ('a4', '2026-03-02 10:20Z', 'ListBuckets', 's3.amazonaws.com', 'eu-west-2', '111', '10.0.0.1', 'IAMUser',
        'arn:alice', 'arn:alice', 'alice', 'alice', 'arn:alice', 'AKIAALICE', NULL, 'cli', NULL, 'success'),
    -- bob travels, and fails to sign in from far away; a service acts for him; neither is evaluated
    ('b1', '2026-03-02 09:00Z', 'ConsoleLogin', 'signin.amazonaws.com', 'us-east-1', '111', '192.0.2.1', 'IAMUser',
        'arn:bob', 'arn:bob', 'bob', 'bob', 'arn:bob', 'AKIABOB', NULL, 'firefox', NULL, 'success'),
    ('b2', '2026-03-02 09:01Z', 'ConsoleLogin', 'signin.amazonaws.com', 'us-east-1', '111', '203.0.113.1', 'IAMUser',
        'arn:bob', 'arn:bob', 'bob', 'bob', 'arn:bob', 'AKIABOB', NULL, 'firefox', 'Failed authentication',
        'failed_auth'),
    ('b3', '2026-03-02 09:02Z', 'Decrypt', 'kms.amazonaws.com', 'ap-northeast-1', '111', '203.0.113.1', 'IAMUser',
        'arn:bob', 'arn:bob', 'bob', 'bob', 'arn:bob', 'AKIABOB', 'ebs.amazonaws.com', 'ebs', NULL, 'success'),
    ('b4', '2026-03-02 19:00Z', 'ListBuckets', 's3.amazonaws.com', 'us-east-1', '111', '198.51.100.1', 'IAMUser',
        'arn:bob', 'arn:bob', 'bob', 'bob', 'arn:bob', 'AKIABOB', NULL, 'firefox', NULL, 'success'),
    -- a role's session in two locations in the same second; only the country of the second is known
    ('c1', '2026-03-03 08:00Z', 'RunInstances', 'ec2.amazonaws.com', 'eu-west-2', '222', '192.0.2.145', 'AssumedRole',
        'arn:role', NULL, 'carol', NULL, 'arn:role/carol', 'ASIACAROL', NULL, 'cli', NULL, 'success'),
    ('c2', '2026-03-03 08:00Z', 'RunInstances', 'ec2.amazonaws.com', 'us-east-1', '222', '198.19.200.1', 'AssumedRole',
        'arn:role', NULL, 'carol', NULL, 'arn:role/carol', 'ASIACAROL', NULL, 'cli', NULL, 'success'),
    -- an event without an access key
    ('d1', '2026-03-03 09:00Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '192.0.2.1', 'AWSService', NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, 'success'),
    ('d2', '2026-03-03 09:01Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '203.0.113.1', 'AWSService', NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'success'),
    ('e1', '2026-03-03 09:00Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '192.0.2.1', 'AWSService', NULL, NULL, NULL,
        NULL, NULL, '', NULL, NULL, NULL, 'success'),
    ('e2', '2026-03-03 09:01Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '203.0.113.1', 'AWSService', NULL, NULL,
        NULL, NULL, NULL, '', NULL, NULL, NULL, 'success'),
    ('f1', '2026-03-03 09:00Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '192.0.2.1', 'AWSService', NULL, NULL, NULL,
        NULL, NULL, 'HIDDEN_DUE_TO_SECURITY_REASONS', NULL, NULL, NULL, 'success'),
    ('f2', '2026-03-03 09:01Z', 'X', 'x.amazonaws.com', 'us-east-1', '222', '203.0.113.1', 'AWSService', NULL, NULL,
        NULL, NULL, NULL, 'HIDDEN_DUE_TO_SECURITY_REASONS', NULL, NULL, NULL, 'success');

-- The impossible legs, by the time of arrival, and the notice that counts the evaluated rows.
SELECT entity, from_event_id AS "from", to_event_id AS "to", from_city, to_city, round(distance_km) AS km,
    elapsed_seconds AS s, round(velocity_kmh) AS kmh, travel_time
FROM travel.detect('trail');
SET impossible_travel.coverage_notice = off;
SELECT message FROM travel.detect('trail');

-- Every column of one finding.
\x on
SELECT * FROM travel.detect('trail') WHERE to_event_id = 'a2';
\x off

-- All legs: the possible ones are marked, and their message ends after the velocity.
SELECT entity, from_event_id AS "from", to_event_id AS "to", impossible, message
FROM travel.detect('trail', all_legs => true);

-- Thresholds and accuracy work as in the other entry points.
SELECT to_event_id, impossible FROM travel.detect('trail', min_distance_km => 9000);
SELECT to_event_id, round(distance_km - effective_distance_km) AS less_km
FROM travel.detect('trail', use_accuracy => true);
SELECT to_event_id FROM travel.detect('trail', min_distance_km => 6000, use_accuracy => true);
SELECT to_event_id FROM travel.detect('trail', min_velocity_kmh => 10000);
SELECT count(*) FROM travel.detect('trail', min_distance_km => 0, min_velocity_kmh => 0);

-- A range applies to the arrival: since <= to_time < until. Legs may start at earlier events.
SELECT since, until,
    (
        SELECT string_agg(to_event_id, ' ' ORDER BY to_time) FROM travel.detect('trail', since => since, until => until)
    ) AS legs
FROM (VALUES
    (1, NULL, NULL),
    (2, timestamptz '2026-03-02 09:10Z', NULL),
    (3, '2026-03-02 09:10:01Z', NULL),
    (4, NULL, timestamptz '2026-03-02 09:10Z'),
    (5, NULL, '2026-03-02 09:10:01Z'),
    (6, '2026-03-02 09:05Z', '2026-03-02 09:15Z'),
    (7, '2026-03-02 10:00Z', '2026-03-03 08:00Z'),
    (8, '2026-03-04 00:00Z', NULL),
    (9, '-infinity', 'infinity'),
    (10, '2026-03-03 08:00Z', '2026-03-03 08:00:00.000001Z')
) AS v (n, since, until) ORDER BY n;
-- With all_legs, a leg of the range may start any time before.
SELECT from_event_id, to_event_id
FROM travel.detect('trail', since => '2026-03-02 18:00Z', until => '2026-03-02 20:00Z', all_legs => true);
-- At 100 km/h a leg may be impossible after ten hours.
SELECT from_event_id, to_event_id
FROM travel.detect('trail', since => '2026-03-02 18:00Z', until => '2026-03-02 20:00Z', min_velocity_kmh => 100);
\pset format unaligned
SELECT error_of($$SELECT travel.detect('trail', since => '2026-03-02', until => '2026-03-02')$$);
\pset format aligned
SELECT sqlstate_of($$SELECT travel.detect('trail', since => '2026-03-03', until => '2026-03-02')$$) AS detect,
    sqlstate_of($$SELECT travel.detect_sql('trail', since => '2026-03-03', until => '2026-03-02')$$) AS detect_sql,
       sqlstate_of($$SELECT travel.coverage('trail', since => '2026-03-03', until => '2026-03-02')$$) AS coverage;

-- The order of rows in the table does not matter, and duplicates count as one event. The smallest (event_id,
-- event_name, access_key_id, user_agent, outcome) gives every column.
CREATE TABLE shuffled AS SELECT * FROM trail ORDER BY md5(event_id);
INSERT INTO shuffled SELECT * FROM trail WHERE event_id LIKE 'a%';
INSERT INTO shuffled
SELECT (jsonb_populate_record(t, '{"event_id": "a20", "event_name": "AAA", "user_agent": "never shown"}')).*
FROM trail AS t
WHERE event_id = 'a2';
INSERT INTO shuffled
SELECT (jsonb_populate_record(t, '{"event_name": "AAA", "user_agent": "shown"}')).*
FROM trail AS t
WHERE event_id = 'a2';
INSERT INTO shuffled
SELECT (jsonb_populate_record(t, '{"event_id": "", "event_name": "first of all"}')).*
FROM trail AS t
WHERE event_id = 'c2';
SELECT count(*) AS same_legs FROM travel.detect('shuffled') AS d JOIN travel.detect('trail') AS t USING (leg_id);
SELECT to_event_id, to_event_name, to_user_agent FROM travel.detect('shuffled');

-- The id of a leg depends on the entity, both times and both addresses, and on nothing else.
SELECT entity, leg_id, leg_id = travel_internal.leg_id(entity, from_time, from_ip, to_time, to_ip) AS by_hand
FROM travel.detect('trail');
SELECT count(DISTINCT leg_id) AS ids, count(*) FROM travel.detect('trail', all_legs => true);
-- The documented recipe: sha256 over the length and bytes of the entity, then the time and the address of each end.
SELECT leg_id = left(encode(sha256(
           (
               SELECT string_agg(substr(int8send(octet_length(entity)), 8 - i, 1), '' ORDER BY i)
               FROM generate_series(0, 7) AS i
           )
               || convert_to(entity, 'UTF8')
           || (
               SELECT string_agg(substr(int8send((extract(epoch FROM from_time)::bigint - 946684800) * 1000000), 8 - i,
                   1), ''
                   ORDER BY i)
               FROM generate_series(0, 7) AS i
           )
               || '\x04' || substr(inet_send(from_ip), 5)
           || (
               SELECT string_agg(substr(int8send((extract(epoch FROM to_time)::bigint - 946684800) * 1000000), 8 - i,
                   1), ''
                   ORDER BY i)
               FROM generate_series(0, 7) AS i
           )
               || '\x04' || substr(inet_send(to_ip), 5)), 'hex'), 32) AS recipe
FROM travel.detect('trail') WHERE to_event_id = 'a2';

-- Required arguments.
SELECT call, sqlstate_of('SELECT travel.detect(' || call || ')') AS code
FROM unnest(ARRAY['NULL', '''trail'', NULL', '''trail'', all_legs => NULL', '''trail'', min_distance_km => NULL',
    '''trail'', min_velocity_kmh => NULL', '''trail'', use_accuracy => NULL',
                  '''trail'', min_distance_km => -1', '''trail'', min_velocity_kmh => ''NaN''',
                      '''trail'', min_velocity_kmh => ''Infinity''', '''no_such_table''', '0',
                      '''trail_event_time_idx''', '''trail'', ''''', '''trail'', condition => ''''',
                  '''trail'', columns => NULL', '''trail'', columns => ''{}''']) WITH ORDINALITY AS v (call, n)
                  ORDER BY n;

-- The time in words has its two largest units.
SELECT s, travel_internal.travel_time(s)
FROM unnest('{0,0.5,1,59,60,61,600,3599,3600,3660,3661,86399,86400,90000,90060,172800,1e9}'::float8[])
    WITH ORDINALITY AS v (s, n)
ORDER BY n;
-- The message uses what is known: key, identity and name; key and name; identity and entity; the entity alone. For a
-- location: city and country, one of them, or the coordinates.
SELECT travel_internal.finding_message('K', key, identity, name, key, identity, name, city, country, 51.507, -0.088,
    'Tokyo', 'Japan', 35.69, 139.69, s, 9558.6, v, impossible)
FROM (VALUES (1, 'K', 'IAMUser', 'alice', 'London', 'United Kingdom', 600, 57351.4, true),
    (2, 'K', NULL, 'alice', 'London', NULL, 3900, 8823.3, true),
    (3, 'K', NULL, NULL, NULL, 'United Kingdom', 0, NULL, true),
             (4, NULL, 'AssumedRole', 'x', NULL, NULL, 90000, 382.3, false),
                 (5, NULL, NULL, NULL, 'London', 'United Kingdom', 0, NULL, false)) AS v (n, key, identity, name, city,
                 country, s, v, impossible)
             ORDER BY n;
-- It says which key was used where, if an entity has several keys or an end has none.
CREATE TABLE several_keys AS
SELECT at::timestamptz AS event_time, ip::inet AS source_ip, key AS access_key_id, type AS identity_type,
    name AS session_name, 'alice' AS owner
FROM (VALUES ('2026-03-02 09:00Z', '192.0.2.1', 'AKIA1', 'IAMUser', 'alice'),
    ('2026-03-02 09:10Z', '203.0.113.1', 'ASIA2', 'AssumedRole', 'deploy'),
    ('2026-03-02 09:20Z', '192.0.2.1', NULL, 'IAMUser', 'alice'),
    ('2026-03-02 09:30Z', '203.0.113.1', 'AKIA1', 'IAMUser', 'alice'),
    ('2026-03-02 09:40Z', '192.0.2.1', 'AKIA1', 'IAMUser', 'alice'),
    -- Names are what attackers choose. They add no line and hide nothing.
    ('2026-03-02 09:50Z', '203.0.113.1', 'AKIA3', 'IAMUser', E'a\nb\u202Ec\x1B[2J')) AS v (at, ip, key, type, name);
SELECT message FROM travel.detect('several_keys', 'owner', all_legs => true);
SELECT message FROM travel.detect('several_keys', 'access_key_id');
DROP TABLE trail, shuffled, several_keys;
