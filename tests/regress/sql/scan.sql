-- Scans: their tables and functions, errors, the sources that a rule can have, and what remains of a deleted rule.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA scan;
SET search_path = scan, stories, public;
CALL stage();

-- The columns in order: those of travel.finding are in the middle.
CREATE FUNCTION columns_of(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(attname, ', ' ORDER BY attnum)
    FROM pg_attribute
    WHERE attrelid = ('travel.' || name)::regclass AND attnum > 0 AND NOT attisdropped $$;
SELECT replace(columns_of('verdicts'), columns_of('finding'), '(finding)') AS verdicts;
SELECT replace(columns_of('alerts'), columns_of('finding'), '(finding)') AS alerts;
SELECT columns_of('alert_history') AS alert_history, columns_of('known_places') AS known_places;
SELECT columns_of('known_transitions') AS known_transitions;
SELECT columns_of('status') AS status;
SELECT columns_of('rules') AS rules;
SELECT columns_of('networks') AS networks;
SELECT columns_of('suppressions') AS suppressions;
SELECT columns_of('finding') AS finding;
SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum) AS types
FROM pg_attribute
WHERE attrelid = 'travel.alerts'::regclass
    AND attname IN ('id', 'rule', 'severity', 'status', 'first_seen', 'leg_count', 'evidence', 'signal', 'raised_at')
    AND NOT attisdropped;
SELECT string_agg(format('%s', conkey_names), ', ') AS key_of_verdicts
FROM (
    SELECT (
        SELECT array_agg(attname ORDER BY n)
        FROM unnest(conkey) WITH ORDINALITY AS k (attnum, n)
        JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = k.attnum
    )
        AS conkey_names
    FROM pg_constraint
    WHERE conrelid = 'travel.verdicts'::regclass AND contype = 'p'
) AS k;

-- Rules and sources that do not exist.
\pset format unaligned
SELECT error_of($$CALL travel.scan('no such rule')$$);
SELECT error_of($$CALL travel.rescan('no such rule', '2026-03-01')$$);
SELECT error_of($$CALL travel.rescan(NULL, '2026-03-01')$$);
SELECT error_of($$CALL travel.rescan('no such rule', NULL)$$);
SELECT error_of($$SELECT travel.prune(NULL)$$);
SELECT error_of($$SELECT travel.prune('23 hours')$$);
SELECT error_of($$SELECT travel.prune('-30 days')$$);
\pset format aligned
-- Without rules a scan does nothing.
CALL travel.scan();
TABLE travel.status;

-- An empty table, then events without an entity or a location.
SELECT travel.create_rule('access_key', 'trail', 'by transaction');
SELECT rule, enabled, last_scan, lag_seconds, newest_event, share_located, open_alerts, geoip_built_at, under_way,
    last_error
FROM travel.status;
CALL travel.scan();
SELECT last_scan <= clock_timestamp() AS scanned, newest_event, share_located, open_alerts, under_way, position,
    last_error
FROM travel.status;
-- A call without a time is an error of the caller, not of the rule.
\set VERBOSITY terse
CALL travel.rescan('by transaction', NULL);
\set VERBOSITY default
SELECT last_error FROM travel.status;
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-01 09:00Z', 'London', '{"access_key_id": null}'),
    ('2026-03-01 09:10Z', 'Tokyo', '{"access_key_id": null}'),
    ('2026-03-01 09:00Z', 'London', '{"access_key_id": ""}'),
    ('2026-03-01 09:10Z', 'Tokyo', '{"access_key_id": ""}'),
    ('2026-03-01 09:00Z', 'London', '{"access_key_id": "HIDDEN_DUE_TO_SECURITY_REASONS"}'),
    ('2026-03-01 09:10Z', 'Tokyo', '{"access_key_id": "HIDDEN_DUE_TO_SECURITY_REASONS"}'),
    ('2026-03-01 09:20Z', 'Tokyo', '{"outcome": "failed_auth"}'),
    ('2026-03-01 09:20Z', 'Tokyo', '{"invoked_by": "s3.amazonaws.com"}'),
    ('2026-03-01 09:30Z', NULL, '{"source_ip": "10.0.0.1"}'),
    ('2026-03-01 09:30Z', NULL, '{"source_ip": null}'),
    ('infinity', 'Tokyo', NULL),
    ('-infinity', 'Tokyo', NULL);
CALL travel.scan();
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction';
SELECT newest_event, share_located FROM travel.status;
-- A key without a baseline user: nothing is learned, and no learning period begins.
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-03-01 09:00Z', 'London', 'nobody', '{"actor": null, "principal": null}'),
    ('2026-03-01 09:10Z', 'Tokyo', 'nobody', '{"actor": "", "principal": ""}'),
    ('2026-03-01 09:20Z', 'London', 'nobody', '{"actor": "", "principal": null}');
CALL travel.scan();
SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'by transaction' ORDER BY to_time;
SELECT count(*) AS places FROM known WHERE rule = 'by transaction';
SELECT severity, status, archive_reason, assignee, archived_at, reopened_at, withdrawn_at,
    raised_at = updated_at AS raised_now, geoip_built_at
FROM travel.alerts
WHERE rule = 'by transaction';
SELECT open_alerts, share_located, newest_event, geoip_built_at, geoip_age_days > 0 AS aged, lag_seconds > 0 AS lags
FROM travel.status;

-- A disabled rule is not scanned with the others, but by its name.
UPDATE travel.rules SET enabled = false;
INSERT INTO calls (at, city)
VALUES ('2026-03-01 09:00Z', 'London'), ('2026-03-09 09:00Z', 'London'), ('2026-03-09 09:10Z', 'Tokyo');
CALL travel.scan();
SELECT newest_event FROM travel.status;
CALL travel.scan('by transaction');
SELECT newest_event, enabled FROM travel.status;
UPDATE travel.rules SET enabled = true;

-- A scan in a transaction is a part of it: a rollback undoes it, and the next scan finds the same again.
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:20Z', 'London');
BEGIN;
CALL travel.scan();
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction' AND user_name = 'alice';
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:30Z', 'Tokyo');
CALL travel.scan();
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction' AND user_name = 'alice';
ROLLBACK;
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction' AND user_name = 'alice';
CALL travel.scan();
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction' AND user_name = 'alice';
-- Rows that a transaction inserts after its scan are not lost.
BEGIN;
CALL travel.scan();
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:30Z', 'Tokyo');
COMMIT;
CALL travel.scan();
SELECT count(*) AS verdicts FROM travel.verdicts WHERE rule = 'by transaction' AND user_name = 'alice';
-- A scan without new rows changes no row.
CREATE TABLE versions AS
SELECT leg_id, xmin::text AS version
FROM travel.verdicts
WHERE rule = 'by transaction'
UNION ALL SELECT id::text, xmin::text
FROM travel.alerts
WHERE rule = 'by transaction'
UNION ALL SELECT city, xmin::text
FROM travel.known_places
WHERE rule = 'by transaction';
CALL travel.scan();
CALL travel.rescan('by transaction', '-infinity');
SELECT count(*) AS rows,
    count(*) FILTER (WHERE NOT EXISTS (
        SELECT
        FROM (
            SELECT leg_id, xmin::text AS version
            FROM travel.verdicts
            UNION ALL SELECT id::text, xmin::text
            FROM travel.alerts
            UNION ALL SELECT city, xmin::text
            FROM travel.known_places
        ) AS n
        WHERE n = v
    )) AS changed
FROM versions AS v;

-- The error of a rule stops no other rule: it is a warning, and travel.status shows it until a scan succeeds.
CREATE TABLE gone (LIKE trail INCLUDING ALL);
SELECT travel.create_rule('access_key', 'gone', 'a table that goes');
DROP TABLE gone;
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:40Z', 'London');
CALL travel.scan();
SELECT rule, last_error, last_error_at <= clock_timestamp() AS noted, newest_event FROM travel.status ORDER BY rule;
CREATE TABLE gone (LIKE trail INCLUDING ALL);
CALL travel.scan();
SELECT rule, last_error, last_error_at FROM travel.status ORDER BY rule;
DELETE FROM travel.rules WHERE name = 'a table that goes';

-- The same events in other forms give the same results: a view, records, coordinates, times in text, without an arrival
-- column.
CREATE VIEW a_view AS SELECT * FROM trail;
CREATE VIEW texts AS
SELECT CASE
    WHEN isfinite(event_time) THEN to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ELSE 'the other day' END AS event_time,
    host(source_ip) AS source_ip, access_key_id, actor, principal, identity_type, user_name, outcome, invoked_by
FROM trail;
CREATE TABLE raw AS
SELECT jsonb_build_object('eventID', event_id, 'eventTime',
    to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'eventName', event_name, 'eventSource',
    event_source, 'awsRegion', aws_region, 'sourceIPAddress', host(source_ip), 'userAgent', user_agent,
    'userIdentity',
        jsonb_build_object('type', identity_type, 'arn', nullif(actor, ''), 'userName', user_name, 'accountId',
            account_id, 'accessKeyId', access_key_id, 'invokedBy', invoked_by),
        'errorCode', CASE outcome WHEN 'failed_auth' THEN 'SignatureDoesNotMatch' END) AS record
    FROM trail
    WHERE isfinite(event_time) AND user_name <> 'nobody';
CREATE TABLE coordinates AS
SELECT event_time AS at, access_key_id, actor, principal, identity_type, user_name, outcome, invoked_by, p.latitude,
    p.longitude, p.accuracy_km AS radius, p.city, p.subdivision, p.country, p.country_code
FROM trail
CROSS JOIN LATERAL travel.locate(source_ip) AS p;
INSERT INTO travel.rules (name, source, columns)
VALUES
    ('over a view', 'a_view', NULL),
    ('over texts', 'texts', NULL),
    ('over records', 'raw', '{"record": "record"}'),
    ('over coordinates', 'coordinates', '{"event_time": "at", "accuracy_km": "radius"}');
CREATE TABLE by_lookback AS
SELECT event_id, event_time, source_ip, access_key_id, actor, principal, identity_type, user_name, outcome, invoked_by
FROM trail;
CREATE TABLE by_arrival AS SELECT *, '2026-03-10 00:00Z'::timestamptz AS arrived FROM by_lookback;
INSERT INTO travel.rules (name, source, arrival_column)
VALUES ('by lookback', 'by_lookback', NULL), ('by arrival', 'by_arrival', 'arrived');
CALL travel.scan();
SELECT rule, last_error FROM travel.status WHERE last_error IS NOT NULL;
SELECT r.name, count(*) AS verdicts, count(*) FILTER (WHERE v.raised) AS raised, count(DISTINCT alert_id) AS alerts,
       array_agg((v.entity, to_time, from_city, to_city, reasons, v.message)::text ORDER BY v.entity, to_time)
           = (
               SELECT array_agg((b.entity, to_time, from_city, to_city, reasons, message)::text
                   ORDER BY b.entity, to_time)
               FROM travel.verdicts AS b
               WHERE rule = 'by transaction' AND user_name = 'alice'
           ) AS same
FROM travel.rules AS r
JOIN travel.verdicts AS v ON v.rule = r.name AND v.user_name = 'alice'
GROUP BY r.name
ORDER BY r.name;
-- Over coordinates there is no address, and no age of a GeoIP database.
SELECT from_ip, to_ip, from_city, geoip_built_at, message
FROM travel.alerts
WHERE rule = 'over coordinates' AND entity LIKE 'AKIAALICE%';

-- Without the exact cursor, a row that arrives within the lookback of event time is found, and an older one is not.
UPDATE travel.rules SET lookback = '2 hours' WHERE name = 'by lookback';
INSERT INTO by_lookback
SELECT 'l' || n, at::timestamptz, ip, 'AKIALATE', 'late', 'late', 'IAMUser', 'late', 'success', NULL
FROM (VALUES (1, '2026-03-05 09:00Z', 'London'), (2, '2026-03-09 07:40:01Z', 'London'),
    (3, '2026-03-09 07:50:00Z', 'Tokyo'), (4, '2026-03-09 07:00:00Z', 'Paris'))
    AS v (n, at, city)
JOIN city ON name = city;
CALL travel.scan('by lookback');
SELECT to_time, leg, alert, reasons FROM evaluated WHERE rule = 'by lookback' AND entity = 'AKIALATE';
SELECT city, last_seen FROM known WHERE rule = 'by lookback' AND who = 'late' ORDER BY last_seen;
-- With arrival_column a row is found up to an hour before the newest arrival, whatever its event time.
CREATE FUNCTION arrive(key text, at timestamptz, place text, arrived timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO by_arrival
    SELECT key || at, at, ip, key, key, key, 'IAMUser', key, 'success', NULL, arrived
    FROM city
    WHERE name = place $$;
SELECT arrive(key, at::timestamptz, city, arrived::timestamptz)
FROM (VALUES ('SEEN', '2026-01-05 09:00Z', 'London', '2026-03-09 23:00:01Z'),
    ('SEEN', '2026-01-09 09:00Z', 'London', '2026-03-10 00:00Z'),
    ('SEEN', '2026-01-09 09:10Z', 'Tokyo', '2026-03-10 05:00Z'),
    ('TOO LATE', '2026-03-09 09:00Z', 'London', '2026-03-09 23:00Z'),
        ('TOO LATE', '2026-03-09 09:10Z', 'Tokyo', '2026-03-09 23:00Z'), ('NEVER', '2026-03-09 09:00Z', 'London', NULL),
        ('NEVER', '2026-03-09 09:10Z', 'Tokyo', NULL)) AS v (key, at, city, arrived) \g /dev/null
CALL travel.scan('by arrival');
SELECT entity, at, leg, raised, reasons
FROM evaluated
WHERE rule = 'by arrival' AND entity NOT LIKE 'AKIA%'
ORDER BY entity, at;
SELECT arrive('SEEN', '2026-01-09 09:20Z', 'London', '2026-03-10 04:00:01Z'),
    arrive('TOO LATE', '2026-03-09 09:20Z', 'London', '2026-03-10 04:00Z') \g /dev/null
CALL travel.scan('by arrival');
CALL travel.scan('by arrival');
SELECT entity, at, leg, raised, reasons
FROM evaluated
WHERE rule = 'by arrival' AND entity NOT LIKE 'AKIA%'
ORDER BY entity, at;
-- An arrival_column of another type.
SELECT error_of($$UPDATE travel.rules SET arrival_column = 'user_name' WHERE name = 'by arrival'$$);
UPDATE travel.rules SET arrival_column = 'arrived' WHERE name = 'by arrival';

-- Deleting a rule deletes its verdicts, baseline and checkpoints. Its alerts stay unchanged.
SELECT count(*) AS alerts FROM travel.alerts WHERE rule = 'over a view';
DELETE FROM travel.rules WHERE name = 'over a view';
SELECT (SELECT count(*) FROM travel.verdicts WHERE rule = 'over a view') AS verdicts,
    (SELECT count(*) FROM travel.known_places WHERE rule = 'over a view') AS places,
    (SELECT count(*) FROM travel_internal.scans WHERE rule = 'over a view') AS scans,
       (
           SELECT count(*) FROM travel_internal.entity_states WHERE rule = 'over a view'
       ) + (SELECT count(*) FROM travel_internal.baseline_states WHERE rule = 'over a view') AS states,
       (SELECT count(*) FROM travel.alerts WHERE rule = 'over a view') AS alerts,
       (SELECT count(*) FROM travel.status WHERE rule = 'over a view') AS status;
-- A rule of the same name over the same events takes up these alerts and raises none twice.
INSERT INTO travel.rules (name, source) VALUES ('over a view', 'a_view');
CALL travel.scan('over a view');
SELECT count(*) AS alerts FROM travel.alerts WHERE rule = 'over a view';
-- Another source is scanned from its beginning: only withdrawn alerts remain of the old one.
CREATE TABLE another (LIKE trail INCLUDING ALL);
UPDATE travel.rules SET source = 'another' WHERE name = 'over a view';
CALL travel.scan('over a view');
SELECT (SELECT count(*) FROM travel.verdicts WHERE rule = 'over a view') AS verdicts,
    (SELECT count(*) FROM known WHERE rule = 'over a view') AS places, count(*) AS alerts,
    count(withdrawn_at) AS withdrawn
FROM travel.alerts
WHERE rule = 'over a view';
DELETE FROM travel.rules;
TRUNCATE trail;

-- prune. Here times are relative to now.
CREATE TABLE today AS SELECT date_trunc('day', now()) AS begins;
CREATE FUNCTION ago(days numeric, minutes int DEFAULT 0) RETURNS timestamptz
    LANGUAGE sql AS $$ SELECT begins - days * interval '1 day' + minutes * interval '1 minute' FROM scan.today $$;
CREATE VIEW kept AS
SELECT user_name AS who, leg, raised, reasons
FROM travel.verdicts AS v
JOIN evaluated AS j USING (rule, entity, to_time, raised, reasons)
WHERE rule = 'pruned'
ORDER BY who, to_time;
CREATE VIEW alerts AS
SELECT user_name AS who, status, archive_reason AS reason, withdrawn_at IS NOT NULL AS withdrawn, leg_count AS legs
FROM travel.alerts
WHERE rule = 'pruned'
ORDER BY who;
INSERT INTO travel.rules (name, source, baseline) VALUES ('pruned', 'trail', false);
INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ('pruned', 'AKIAQUIET%', 'a test');
INSERT INTO calls (at, city, who)
SELECT ago(day), 'London', who || day
FROM unnest('{open,archived,quiet,withdrawn}'::text[]) AS who
CROSS JOIN unnest('{40,5}'::int[]) AS day;
INSERT INTO calls (at, city, who)
SELECT ago(day, 20), 'Frankfurt', who || day
FROM unnest('{open,archived,quiet,withdrawn}'::text[]) AS who
CROSS JOIN unnest('{40,5}'::int[]) AS day;
CALL travel.scan();
UPDATE travel.alerts
SET status = 'archived', archive_reason = 'true_positive'
WHERE rule = 'pruned' AND user_name LIKE 'archived%';
INSERT INTO calls (at, city, who)
VALUES (ago(40, 10), 'Amsterdam', 'withdrawn40'), (ago(5, 10), 'Amsterdam', 'withdrawn5');
CALL travel.scan();
INSERT INTO travel.known_places (rule, baseline_entity, country_code, valid_from, valid_until)
VALUES
    ('pruned', 'ended long ago', 'GB', ago(60), ago(40)),
    ('pruned', 'ended', 'GB', ago(60), ago(5)),
    ('pruned', 'in force', 'GB', ago(60), NULL);
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, to_country_code, valid_from,
    valid_until)
VALUES ('pruned', 'ended long ago', 'GB', 'JP', ago(60), ago(40));
TABLE kept;
TABLE alerts;
SELECT verdicts, known_places, known_transitions FROM travel.prune('30 days');
TABLE kept;
TABLE alerts;
SELECT baseline_entity FROM travel.known_places WHERE rule = 'pruned' ORDER BY 1;
-- A second call does nothing.
SELECT * FROM travel.prune('30 days');
-- Older events that arrive now are not evaluated. Newer ones are, even of entities whose history was pruned.
INSERT INTO calls (at, city, who)
VALUES
    (ago(31), 'London', 'too old'),
    (ago(31, 20), 'Frankfurt', 'too old'),
    (ago(29), 'London', 'old'),
    (ago(29, 20), 'Frankfurt', 'old'),
    (ago(40, 30), 'Tokyo', 'open40'),
    (ago(40, 30), 'Tokyo', 'archived40'),
    (ago(3), 'London', 'archived40'),
    (ago(3, 20), 'Frankfurt', 'archived40');
CALL travel.scan();
TABLE kept;
TABLE alerts;
-- A rescan does not bring pruned rows back. Open alerts stay.
CALL travel.rescan('pruned', '-infinity');
TABLE kept;
TABLE alerts;
-- An archived alert that a leg could still join is not pruned; the leg reopens it.
INSERT INTO travel.rules (name, source, condition, baseline, keep_alive, max_duration)
VALUES ('pruned, patient', 'trail', 'user_name = ''patient''', false, '40 days', '40 days');
INSERT INTO calls (at, city, who) VALUES (ago(35), 'London', 'patient'), (ago(35, 20), 'Frankfurt', 'patient');
CALL travel.scan('pruned, patient');
UPDATE travel.alerts SET status = 'archived' WHERE rule = 'pruned, patient';
SELECT alerts FROM travel.prune('30 days');
INSERT INTO calls (at, city, who) VALUES (ago(3), 'Frankfurt', 'patient'), (ago(3, 20), 'London', 'patient');
CALL travel.scan('pruned, patient');
SELECT alert, status, legs, reopened FROM told WHERE rule = 'pruned, patient';
-- Pruned legs do not stop a scan after keep_alive was raised: the alert shows the first leg that is left.
UPDATE travel.rules SET keep_alive = '2 days' WHERE name = 'pruned, patient';
UPDATE travel.alerts SET status = 'archived' WHERE rule = 'pruned, patient';
INSERT INTO calls (at, city, who, more)
VALUES
    (ago(20), 'London', 'patient', '{"access_key_id": "AKIASECOND"}'),
    (ago(20, 20), 'Frankfurt', 'patient', '{"access_key_id": "AKIASECOND"}');
CALL travel.scan('pruned, patient');
UPDATE travel.alerts SET status = 'archived' WHERE rule = 'pruned, patient' AND status = 'open';
SELECT alerts FROM travel.prune('10 days');
UPDATE travel.rules SET keep_alive = '40 days' WHERE name = 'pruned, patient';
INSERT INTO calls (at, city, who, more)
VALUES
    (ago(3), 'Frankfurt', 'patient', '{"access_key_id": "AKIASECOND"}'),
    (ago(3, 20), 'London', 'patient', '{"access_key_id": "AKIASECOND"}');
CALL travel.scan('pruned, patient');
SELECT entity, status, leg_count, from_city, to_city FROM travel.alerts WHERE rule = 'pruned, patient' ORDER BY id;
-- The checkpoint of a temporary key is deleted once no event that is still evaluated can depend on it; that of a
-- baseline user stays. A key that is used again is evaluated like any other.
INSERT INTO travel.rules (name, source, condition) VALUES ('pruned, keys', 'trail', 'user_name = ''short''');
INSERT INTO calls (at, city, who, more)
SELECT ago(60 - n), 'London', 'short', jsonb_build_object('access_key_id', 'ASIA' || n)
FROM generate_series(0, 59) AS n;
CALL travel.scan('pruned, keys');
CREATE VIEW states AS
SELECT count(DISTINCT entity) AS keys,
    (SELECT count(DISTINCT baseline_entity) FROM travel_internal.baseline_states WHERE rule = 'pruned, keys') AS people
FROM travel_internal.entity_states
WHERE rule = 'pruned, keys';
TABLE states;
SELECT verdicts FROM travel.prune('20 days');
-- Of the 60 keys, those of the last 20 days and 401 hours are left: 36, or 35 late in the day.
SELECT keys BETWEEN 35 AND 36 AS keys, people FROM states;
INSERT INTO calls (at, city, who, more)
SELECT ago(19, minutes), city, 'short', '{"access_key_id": "ASIA0"}'
FROM (VALUES (0, 'Tokyo'), (30, 'London'), (-30, 'London')) AS c (minutes, city);
CALL travel.scan('pruned, keys');
SELECT leg, raised, reasons FROM evaluated WHERE rule = 'pruned, keys' ORDER BY to_time;
CALL travel.rescan('pruned, keys', '-infinity');
SELECT leg, raised, reasons FROM evaluated WHERE rule = 'pruned, keys' ORDER BY to_time;
RESET search_path;
DELETE FROM travel.rules;
