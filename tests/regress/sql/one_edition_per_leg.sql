-- The place data of addresses changes between two scans, here by named networks, as by GeoIP files. No leg, location on
-- trial or evidence mixes two editions.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA one_edition;
SET search_path = one_edition, public;
SELECT travel.create_events_table('one_edition.calls');
CREATE FUNCTION call(at timestamptz, address inet, key text DEFAULT 'key') RETURNS void LANGUAGE sql AS $$
    INSERT INTO one_edition.calls (event_id, event_time, access_key_id, actor, source_ip)
    VALUES (md5(key || at || address), at, key, 'person', address) $$;
CREATE FUNCTION move(address inet, city text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM travel.networks WHERE network = address::cidr;
    INSERT INTO travel.networks (network, name, latitude, longitude, city, subdivision, country_code)
    SELECT address::cidr, city, latitude, longitude, city, subdivision, country_code
    FROM (VALUES ('New York', 40.71, -74.01, 'New York', 'US'), ('Paris', 48.86, 2.35, NULL, 'FR'),
        ('London', 51.51, -0.13, 'England', 'GB'))
        AS c (name, latitude, longitude, subdivision, country_code)
    WHERE name = city $$;
CREATE VIEW verdicts AS
SELECT to_char(to_time, 'MM-DD HH24:MI') AS at, from_city, to_city, raised, reasons
FROM travel.verdicts
WHERE rule = 'r'
ORDER BY to_time;
CREATE VIEW places AS SELECT city, state FROM travel.known_places WHERE rule = 'r' AND origin = 'learnt' ORDER BY city;
-- The editions of checkpoints and verdicts, each relative to the newest.
CREATE VIEW editions AS SELECT count(DISTINCT edition) AS of_states FROM
    (
        SELECT edition
        FROM travel_internal.entity_states
        WHERE rule = 'r'
        UNION ALL SELECT edition
        FROM travel_internal.baseline_states
        WHERE rule = 'r'
    ) AS s;
CREATE PROCEDURE begin_anew() LANGUAGE sql AS $$
    DELETE FROM travel.rules WHERE name = 'r';
    DELETE FROM travel.networks;
    DELETE FROM one_edition.calls;
    INSERT INTO travel.rules (name, source) VALUES ('r', 'one_edition.calls') $$;

-- Two addresses of one site move together: there is no leg, and the new location is known as the old one was.
CALL begin_anew();
SELECT call('2026-03-02 09:00Z', '192.0.2.5'), call('2026-03-04 10:00Z', '192.0.2.5') \g /dev/null
CALL travel.scan('r');
SELECT move('192.0.2.0/28', 'New York') \g /dev/null
SELECT call('2026-03-04 10:20Z', '192.0.2.6') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;
TABLE editions;
-- Then they move back.
DELETE FROM travel.networks;
SELECT call('2026-03-04 10:40Z', '192.0.2.5') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;

-- Verdicts stand with the locations of their edition; new events are evaluated by the new edition alone.
CALL begin_anew();
SELECT call('2026-03-02 09:00Z', '192.0.2.5'), call('2026-03-04 10:00Z', '192.0.2.5'),
    call('2026-03-04 10:10Z', '203.0.113.1') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
SELECT move('203.0.113.0/28', 'London') \g /dev/null
SELECT call('2026-03-04 10:20Z', '203.0.113.2') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;
SELECT count(*) AS alerts, count(withdrawn_at) AS withdrawn FROM travel.alerts WHERE rule = 'r';
-- After a rescan the old edition has left no trace.
CALL travel.rescan('r', '-infinity');
TABLE verdicts;
SELECT count(*) AS alerts, count(withdrawn_at) AS withdrawn FROM travel.alerts WHERE rule = 'r';

-- A late event and the events after it are evaluated by the new edition.
CALL begin_anew();
SELECT call('2026-03-02 09:00Z', '192.0.2.5'), call('2026-03-04 10:00Z', '192.0.2.5'),
    call('2026-03-04 10:30Z', '192.0.2.6') \g /dev/null
CALL travel.scan('r');
SELECT move('192.0.2.5/32', 'New York') \g /dev/null
SELECT call('2026-03-04 10:10Z', '192.0.2.5') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;

-- An entity without a new event is left alone; a rescan reads all events again.
CALL begin_anew();
SELECT call('2026-03-02 09:00Z', '192.0.2.5', 'one'), call('2026-03-02 09:00Z', '203.0.113.1', 'other') \g /dev/null
UPDATE calls SET actor = access_key_id;
CALL travel.scan('r');
SELECT move('192.0.2.0/28', 'Paris') \g /dev/null
SELECT call('2026-03-03 09:00Z', '192.0.2.5', 'one') \g /dev/null
UPDATE calls SET actor = access_key_id;
CALL travel.scan('r');
TABLE editions;
CALL travel.rescan('r', '-infinity');
TABLE editions;
TABLE places;

-- Two steps of one pass may see two editions.
CALL begin_anew();
SELECT call('2026-03-02 09:00Z', '192.0.2.5', 'one'), call('2026-03-04 09:00Z', '192.0.2.5', 'one') \g /dev/null
SET impossible_travel.scan_batch = 1;
SELECT travel_internal.scan_step('r');
SELECT move('192.0.2.0/28', 'New York') \g /dev/null
SELECT call('2026-03-04 09:10Z', '192.0.2.6', 'one') \g /dev/null
CALL travel.scan('r');
CALL travel.scan('r');
RESET impossible_travel.scan_batch;
TABLE verdicts;
TABLE places;
TABLE editions;

-- If the source has lost its oldest events, known locations are not forgotten and learning does not begin again: the
-- locations in the checkpoints are looked up again by their addresses.
CALL begin_anew();
SELECT call('2026-03-01 09:00Z', '192.0.2.5'), call('2026-03-04 10:00Z', '192.0.2.5'),
    call('2026-03-04 10:30Z', '203.0.113.1'), call('2026-03-10 09:00Z', '192.0.2.5') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;
DELETE FROM calls WHERE event_time < '2026-03-10';
SELECT move('192.0.2.0/28', 'Paris') \g /dev/null
SELECT call('2026-03-10 09:10Z', '192.0.2.6') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;
SELECT call('2026-03-10 09:20Z', '203.0.113.1') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;
-- The same if the source has lost all events.
DELETE FROM calls;
SELECT move('203.0.113.0/28', 'New York') \g /dev/null
SELECT call('2026-03-10 09:25Z', '203.0.113.2') \g /dev/null
CALL travel.scan('r');
SELECT call('2026-03-10 09:30Z', '192.0.2.5') \g /dev/null
CALL travel.scan('r');
TABLE verdicts;
TABLE places;

DELETE FROM travel.rules;
DELETE FROM travel.networks;
RESET search_path;
