-- An arrival_column without time zone is UTC, whatever the time zone of the session, and an index on it finds new rows.
\pset null '-'
SET impossible_travel.coverage_notice = off;
CREATE SCHEMA zoneless_arrivals;
SET search_path = zoneless_arrivals, public;
CREATE TABLE shipped (
    event_id text, event_time timestamptz, source_ip inet, access_key_id text, outcome text, invoked_by text,
    "Arrived At" timestamp, day date
);
CREATE INDEX ON shipped (event_time);
CREATE INDEX ON shipped (access_key_id, event_time);
CREATE FUNCTION ship(key text, at timestamptz, ip inet, arrived timestamp) RETURNS void LANGUAGE sql AS $$
    INSERT INTO zoneless_arrivals.shipped (event_id, event_time, source_ip, access_key_id, "Arrived At")
    VALUES (key || at, at, ip, key, arrived) $$;
CREATE VIEW found AS
SELECT entity, count(*) AS legs
FROM travel.verdicts
WHERE rule = 'arriving'
GROUP BY 1
ORDER BY 1;
-- The rule is stored with a notice. travel.check_rule gives it, too, and names the index that is missing.
INSERT INTO travel.rules (name, source, baseline, arrival_column) VALUES ('arriving', 'shipped', false, '"Arrived At"');
UPDATE travel.rules SET severity = 'high' WHERE name = 'arriving';
SELECT travel.check_rule('arriving');
CREATE INDEX arrivals ON shipped ("Arrived At");
SELECT travel.check_rule('arriving');
SELECT error_of($$UPDATE travel.rules SET arrival_column = 'day' WHERE name = 'arriving'$$);
UPDATE travel.rules SET arrival_column = '"Arrived At"' WHERE name = 'arriving';

-- A row that arrives now is scanned now. Read as the time of Los Angeles, it would arrive hours later.
SET timezone = 'America/Los_Angeles';
SELECT ship('WEST', '2026-03-02 09:00Z', '192.0.2.5', clock_timestamp() AT TIME ZONE 'UTC'),
    ship('WEST', '2026-03-02 09:10Z', '203.0.113.7', clock_timestamp() AT TIME ZONE 'UTC') \g /dev/null
CALL travel.scan('arriving');
SELECT * FROM found;
-- One that claims to arrive in half an hour is scanned when that time has come. Read as the time of Tokyo, it would
-- have arrived hours ago.
SET timezone = 'Asia/Tokyo';
SELECT ship('EAST', '2026-03-02 09:00Z', '192.0.2.5', clock_timestamp() AT TIME ZONE 'UTC'),
    ship('EAST', '2026-03-02 09:10Z', '203.0.113.7', (clock_timestamp() + '30 min') AT TIME ZONE 'UTC') \g /dev/null
CALL travel.scan('arriving');
SELECT * FROM found;
UPDATE shipped SET "Arrived At" = clock_timestamp() AT TIME ZONE 'UTC' WHERE access_key_id = 'EAST';
CALL travel.scan('arriving');
SELECT * FROM found;
-- A row is found up to an hour before the newest arrival, and not one that is older.
SELECT ship('LATE', '2026-03-02 09:00Z', '192.0.2.5', (clock_timestamp() - '58 min'::interval) AT TIME ZONE 'UTC'),
    ship('LATE', '2026-03-02 09:10Z', '203.0.113.7', (clock_timestamp() - '58 min'::interval) AT TIME ZONE 'UTC'),
    ship('MISSED', '2026-03-02 09:00Z', '192.0.2.5', (clock_timestamp() - '62 min'::interval) AT TIME ZONE 'UTC'),
    ship('MISSED', '2026-03-02 09:10Z', '203.0.113.7', (clock_timestamp() - '62 min'::interval) AT TIME ZONE 'UTC')
    \g /dev/null
CALL travel.scan('arriving');
SELECT * FROM found;
-- What a scan remembers is a moment, so the time zone may change between scans.
SELECT now() - arrived BETWEEN '0 s' AND '5 min' AS is_recent
FROM travel_internal.scans
WHERE rule = 'arriving';
DELETE FROM travel.rules;
DROP SCHEMA zoneless_arrivals CASCADE;
