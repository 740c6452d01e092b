-- Every reason why an impossible leg is not raised. Its verdict lists all reasons that apply.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA suppressed;
SET search_path = suppressed, stories, public;
CALL stage();
CREATE VIEW verdicts AS
SELECT rule, user_name AS who, j.at, j.leg, j.alert, j.reasons, v.suppression_ids, v.network_names
FROM travel.verdicts AS v
JOIN evaluated AS j USING (rule, entity, to_time)
ORDER BY rule, who, to_time;
-- Without a baseline, to see one reason at a time.
INSERT INTO travel.rules (name, source, baseline) VALUES ('plain', 'trail', false);

-- trusted: a reason only if both ends are trusted. A leg with one trusted end is raised.
INSERT INTO travel.networks (network, name, treatment)
VALUES
    ('192.0.2.0/24', 'offices in Europe', 'trusted'),
    ('203.0.113.0/27', 'office in Tokyo', 'trusted'),
    ('2001:db8::/32', 'IPv6', 'trusted');
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-09 09:00Z', 'London', 'both'),
    ('2026-03-09 09:10Z', 'Tokyo', 'both'),
    ('2026-03-09 09:00Z', 'London', 'first'),
    ('2026-03-09 09:10Z', 'New York', 'first'),
    ('2026-03-09 09:00Z', 'New York', 'second'),
    ('2026-03-09 09:10Z', 'London', 'second'),
    ('2026-03-09 09:00Z', 'London', 'six'), ('2026-03-09 09:10Z', 'Tokyo, IPv6', 'six');
CALL travel.scan();
SELECT who, leg, alert, reasons, network_names FROM verdicts;
TRUNCATE trail, travel.networks;

-- vpn: a leg that arrives there is not raised, and the next one starts from the location before. ignore: as if the
-- event were absent.
INSERT INTO travel.networks (network, name, treatment)
VALUES ('203.0.113.0/27', 'the VPN', 'vpn'), ('203.0.113.32/27', 'a scanner', 'ignore');
INSERT INTO travel.networks (asn, name, treatment) VALUES (65537, 'an AS', 'vpn');
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-09 10:00Z', 'London', 'vpn'),
    ('2026-03-09 10:10Z', 'Tokyo', 'vpn'),
    ('2026-03-09 10:20Z', 'Paris', 'vpn'),
    ('2026-03-09 10:30Z', 'Singapore', 'vpn'),
    ('2026-03-09 10:40Z', 'New York', 'vpn'),
    ('2026-03-09 10:00Z', 'London', 'ignore'),
    ('2026-03-09 10:10Z', 'Yokohama', 'ignore'),
    ('2026-03-09 10:20Z', 'London', 'ignore'),
    ('2026-03-09 10:00Z', 'Tokyo', 'only vpn'),
    ('2026-03-09 10:10Z', 'Singapore', 'only vpn');
CALL travel.scan();
SELECT who, at, leg, alert, reasons, network_names FROM verdicts WHERE at >= '03-09 10:00';
TRUNCATE trail, travel.networks;
DELETE FROM travel.rules;

-- Network attributes that a rule ignores: events with them are skipped like those of a VPN. Tor is never ignored at
-- either end.
INSERT INTO travel.rules (name, source, baseline, ignored)
VALUES
    ('anon', 'trail', false, '{anonymizer}'),
    ('phones', 'trail', false, '{carrier}'),
    ('hosts', 'trail', false, '{hosting}'),
    ('as', 'trail', false, '{same_asn}'),
    ('all', 'trail', false, '{anonymizer,hosting,carrier,same_asn}');
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-09 09:00Z', 'London', 'vpn'),
    ('2026-03-09 09:10Z', 'a VPN in Moscow', 'vpn'),
    ('2026-03-09 09:20Z', 'London', 'vpn'),
    ('2026-03-09 09:00Z', 'London', 'cloud'),
    ('2026-03-09 09:10Z', 'a cloud in Ashburn', 'cloud'),
    ('2026-03-09 09:20Z', 'Paris', 'cloud'),
    ('2026-03-09 09:00Z', 'Moscow', 'tor'),
    ('2026-03-09 09:10Z', 'Tor in Paris', 'tor'),
    ('2026-03-09 09:20Z', 'a cloud in Ashburn', 'tor'),
    ('2026-03-09 09:00Z', 'Seattle', 'as'),
    ('2026-03-09 09:10Z', 'New York', 'as'),
    ('2026-03-09 09:00Z', 'London', 'phone'),
    ('2026-03-09 09:10Z', 'a telephone in Mumbai', 'phone'),
    ('2026-03-09 09:20Z', 'Paris', 'phone'),
    ('2026-03-09 09:00Z', 'Tor in Paris', 'phone by Tor'),
    ('2026-03-09 09:10Z', 'a telephone in Mumbai', 'phone by Tor');
CALL travel.scan();
SELECT who, at, leg, max(coalesce(alert::text, '') || reasons::text) FILTER (WHERE rule = 'anon') AS anonymizer,
    max(coalesce(alert::text, '') || reasons::text) FILTER (WHERE rule = 'hosts') AS hosting,
    max(coalesce(alert::text, '') || reasons::text) FILTER (WHERE rule = 'phones') AS carrier,
    max(coalesce(alert::text, '') || reasons::text) FILTER (WHERE rule = 'as') AS same_asn,
    max(coalesce(alert::text, '') || reasons::text) FILTER (WHERE rule = 'all') AS all
FROM verdicts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- A mobile carrier is evidence, and a network attribute that rules downgrade by default, but not if the leg starts at a
-- Tor address.
SELECT rule, substring(entity FROM 5 FOR 12) AS entity, severity, evidence
FROM told
WHERE entity LIKE '%PHONE%'
ORDER BY rule, entity;
-- Several networks apply to one address: a prefix precedes an AS, the longer the shorter, the user's the imported; each
-- by the time of the event.
DELETE FROM travel.rules;
TRUNCATE trail;
INSERT INTO travel.rules (name, source, baseline) VALUES ('plain', 'trail', false);
INSERT INTO travel.networks (network, asn, name, treatment, origin, valid_from, valid_until)
VALUES
    (NULL, 64502, 'an AS in Japan', 'ignore', 'user', NULL, NULL),
    ('203.0.113.0/24', NULL, 'its prefix', 'vpn', 'user', NULL, NULL),
    ('203.0.113.32/28', NULL, 'Yokohama, imported', 'place', 'aws', NULL, NULL),
    ('203.0.113.0/28', NULL, 'Tokyo in March', 'place', 'user', '2026-03-01', '2026-04-01');
INSERT INTO calls (at, city, who) SELECT at::timestamptz, city, who FROM (VALUES
    ('2026-03-09 09:00Z', 'London', 'march'),
    ('2026-03-09 09:10Z', 'Tokyo', 'march'),
    ('2026-04-01 00:00Z', 'London', 'april'),
    ('2026-04-01 00:00Z', 'Tokyo', 'april'),
    ('2026-03-31 23:59:59Z', 'London', 'last second'),
    ('2026-03-31 23:59:59Z', 'Tokyo', 'last second'),
    ('2026-03-01 00:00Z', 'London', 'first second'), ('2026-03-01 00:00Z', 'Tokyo', 'first second'),
        ('2026-03-09 09:00Z', 'London', 'user beats aws'), ('2026-03-09 09:10Z', 'Yokohama', 'user beats aws'),
        ('2026-03-09 09:00Z', 'London', 'by its AS'), ('2026-03-09 09:10Z', 'Tokyo, IPv6', 'by its AS')) AS v (at, city,
        who);
CALL travel.scan();
SELECT who, leg, alert, reasons FROM verdicts;
TRUNCATE trail, travel.networks;
DELETE FROM travel.rules;

-- Suppressions: every criterion that is given must match.
INSERT INTO travel.rules (name, source, baseline) VALUES ('quiet', 'trail', false);
CREATE TABLE tries (n int GENERATED ALWAYS AS IDENTITY, rule text, entity_like text, a text, b text, network cidr,
    valid_from timestamptz, valid_until timestamptz);
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:00Z', 'London'), ('2026-03-09 09:10Z', 'Tokyo');
CREATE FUNCTION suppressed_by(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    DELETE FROM travel.suppressions;
    INSERT INTO travel.suppressions (rule, entity_like, country_code_a, country_code_b, network, valid_from,
        valid_until, reason)
    SELECT t.rule, entity_like, a, b, t.network, t.valid_from, t.valid_until, 'a test'
    FROM suppressed.tries AS t
    WHERE t.n = suppressed_by.n;
    CALL travel.rescan('quiet', '2026-03-01');
    SELECT v.reasons::text INTO said FROM travel.verdicts AS v WHERE v.rule = 'quiet';
    -- A verdict names exactly the suppressions that fit.
    IF EXISTS (SELECT FROM travel.verdicts AS v
               WHERE v.rule = 'quiet' AND v.suppression_ids IS DISTINCT FROM ARRAY(
                   SELECT s.id FROM travel.suppressions AS s WHERE 'suppressed' = ANY (v.reasons))) THEN
        RAISE 'wrong suppression_ids';
    END IF;
    RETURN said;
END $$;
INSERT INTO tries (rule, entity_like, a, b, network, valid_from, valid_until)
VALUES
    ('quiet', NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, 'AKIA%', NULL, NULL, NULL, NULL, NULL),
    (NULL, 'AKIA', NULL, NULL, NULL, NULL, NULL),
    (NULL, 'akia%', NULL, NULL, NULL, NULL, NULL),
    (NULL, 'AKIA_LICEEXAMPL_', NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, 'GB', 'JP', NULL, NULL, NULL),
    (NULL, NULL, 'JP', 'GB', NULL, NULL, NULL),
    (NULL, NULL, 'GB', NULL, NULL, NULL, NULL),
    (NULL, NULL, NULL, 'GB', NULL, NULL, NULL),
    (NULL, NULL, 'JP', NULL, NULL, NULL, NULL),
    (NULL, NULL, 'GB', 'FR', NULL, NULL, NULL),
    (NULL, NULL, 'GB', 'GB', NULL, NULL, NULL),
    (NULL, NULL, NULL, NULL, '203.0.113.0/24', NULL, NULL),
    (NULL, NULL, NULL, NULL, '192.0.2.0/24', NULL, NULL),
    (NULL, NULL, NULL, NULL, '203.0.113.1', NULL, NULL),
    (NULL, NULL, NULL, NULL, '0.0.0.0/0', NULL, NULL),
    (NULL, NULL, NULL, NULL, '::/0', NULL, NULL),
    ('quiet', NULL, NULL, NULL, NULL, '2026-03-09 09:10Z', NULL),
    ('quiet', NULL, NULL, NULL, NULL, '2026-03-09 09:10:01Z', NULL),
    ('quiet', NULL, NULL, NULL, NULL, NULL, '2026-03-09 09:10Z'),
    ('quiet', NULL, NULL, NULL, NULL, NULL, '2026-03-09 09:10:01Z'),
    ('quiet', 'AKIA%', 'GB', 'JP', '203.0.113.0/24', '2026-03-01', '2026-04-01'),
    ('quiet', 'AKIA%', 'GB', 'JP', '192.0.2.0/24', '2026-03-01', '2026-04-01');
SELECT n, rule, entity_like, a, b, network, clock(valid_from) AS valid_from,
    to_char(valid_until, 'MM-DD HH24:MI:SS') AS valid_until, suppressed_by(n)
FROM tries
ORDER BY n;
INSERT INTO travel.rules (name, source, baseline, enabled) VALUES ('another', 'trail', false, false);
DELETE FROM travel.suppressions;
INSERT INTO travel.suppressions (rule, reason) VALUES ('another', 'a test');
CALL travel.rescan('quiet', '2026-03-01');
SELECT rule, alert, reasons FROM verdicts;
DELETE FROM travel.rules;
DELETE FROM travel.suppressions;
TRUNCATE trail;

-- Suppressing an exit address suppresses the legs to it and from it.
INSERT INTO travel.rules (name, source) VALUES ('exit', 'trail');
INSERT INTO calls (at, city)
VALUES
    ('2026-03-01 09:00Z', 'London'),
    ('2026-03-10 09:00Z', 'London'),
    ('2026-03-10 09:10Z', 'Tokyo'),
    ('2026-03-10 09:20Z', 'London'),
    ('2026-03-10 09:30Z', 'Tokyo'),
    ('2026-03-10 09:40Z', 'London');
INSERT INTO travel.suppressions (network, valid_until, reason)
VALUES ('203.0.113.0/24', '2026-04-09', 'an exit of the VPN');
CALL travel.scan();
SELECT at, leg, alert, reasons FROM verdicts;
DELETE FROM travel.rules;
DELETE FROM travel.suppressions;
TRUNCATE trail;

-- Several reasons are all listed, always in the same order.
INSERT INTO travel.rules (name, source, learn, learn_transitions, ignored, raise_from)
VALUES ('much', 'trail', 'encountered', true, '{anonymizer,hosting,same_asn}', '2026-03-09 09:00Z');
INSERT INTO travel.networks (network, name, treatment)
VALUES ('198.18.0.0/15', 'rented', 'vpn'), ('198.51.100.0/24', 'America', 'trusted');
INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('US', 'a test');
INSERT INTO calls (at, city)
VALUES
    ('2026-03-01 09:00Z', 'London'),
    ('2026-03-01 09:10Z', 'Tokyo'),
    ('2026-03-01 09:20Z', 'London'),
    ('2026-03-01 09:30Z', 'Seattle'),
    ('2026-03-01 09:40Z', 'New York'),
    ('2026-03-01 09:50Z', 'a VPN in Moscow'),
    ('2026-03-01 10:00Z', 'Seattle'),
    ('2026-03-01 10:10Z', 'New York'),
    ('2026-03-08 09:00Z', 'London'),
    ('2026-03-08 09:10Z', 'Tokyo'),
    ('2026-03-09 09:00Z', 'London'),
    ('2026-03-09 09:10Z', 'a VPN in Moscow'),
    ('2026-03-09 09:20Z', 'Tokyo'),
    ('2026-03-09 09:30Z', 'Madrid');
CALL travel.scan();
SELECT at, leg, alert, reasons FROM verdicts;
DELETE FROM travel.rules;
TRUNCATE trail, travel.networks;
DELETE FROM travel.suppressions;

-- Rows of analysts apply to new events, and to past events after a rescan. Until then past verdicts stand.
SELECT travel.create_rule('access_key', 'trail', 'edits');
CREATE VIEW edits AS SELECT at, leg, alert, reasons FROM verdicts WHERE rule = 'edits';
INSERT INTO calls (at, city)
VALUES ('2026-03-01 09:00Z', 'London'), ('2026-03-09 09:00Z', 'London'), ('2026-03-09 09:10Z', 'Tokyo');
CALL travel.scan();
TABLE edits;
-- A known location.
INSERT INTO travel.known_places (rule, baseline_entity, country_code, city, subdivision, valid_from)
SELECT 'edits', actor, 'JP', 'Tokyo', to_subdivision, '2026-03-01'
FROM travel.verdicts
WHERE rule = 'edits'
LIMIT 1;
CALL travel.scan();
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:20Z', 'London');
CALL travel.scan();
TABLE edits;
CALL travel.rescan('edits', '2026-03-09 09:00Z');
TABLE edits;
SELECT alert, legs, withdrawn FROM told WHERE rule = 'edits';
-- It is in force from valid_from until before valid_until.
UPDATE travel.known_places
SET valid_from = '2026-03-09 09:10Z', valid_until = '2026-03-09 09:20Z'
WHERE rule = 'edits' AND origin = 'analyst';
CALL travel.rescan('edits', '2026-03-09 09:00Z');
TABLE edits;
UPDATE travel.known_places
SET valid_from = '2026-03-09 09:09:59Z', valid_until = '2026-03-09 09:20:01Z'
WHERE rule = 'edits' AND origin = 'analyst';
CALL travel.rescan('edits', '2026-03-09 09:00Z');
TABLE edits;
SELECT alert, legs, withdrawn FROM told WHERE rule = 'edits' ORDER BY alert;
-- DELETE ends a row that is in force; a second DELETE removes it.
DELETE FROM travel.known_places WHERE rule = 'edits' AND origin = 'analyst';
DELETE FROM travel.known_places WHERE rule = 'edits' AND origin = 'analyst';
-- A known transition, in one direction only.
INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, from_subdivision, from_city,
    to_country_code, to_subdivision, to_city, valid_from)
SELECT 'edits', actor, from_country_code, from_subdivision, from_city, to_country_code, to_subdivision, to_city,
    '2026-03-01'
FROM travel.verdicts
WHERE rule = 'edits'
ORDER BY to_time
LIMIT 1;
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:30Z', 'Tokyo');
CALL travel.scan();
TABLE edits;
CALL travel.rescan('edits', '2026-03-01');
TABLE edits;
DELETE FROM travel.known_transitions WHERE rule = 'edits';
DELETE FROM travel.known_transitions WHERE rule = 'edits';
-- A suppression; a network; settings of the rule.
INSERT INTO travel.suppressions (rule, country_code_a, country_code_b, reason) VALUES ('edits', 'GB', 'JP', 'a test');
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:40Z', 'London');
CALL travel.scan();
DELETE FROM travel.suppressions;
INSERT INTO travel.networks (network, name, treatment) VALUES ('203.0.113.0/24', 'a VPN', 'vpn');
INSERT INTO calls (at, city) VALUES ('2026-03-09 09:50Z', 'Tokyo');
CALL travel.scan();
DELETE FROM travel.networks;
UPDATE travel.rules SET raise_from = '2027-01-01' WHERE name = 'edits';
INSERT INTO calls (at, city) VALUES ('2026-03-09 10:00Z', 'London');
CALL travel.scan();
UPDATE travel.rules SET raise_from = NULL, min_distance_km = 9600 WHERE name = 'edits';
INSERT INTO calls (at, city) VALUES ('2026-03-09 10:10Z', 'Yokohama');
CALL travel.scan();
TABLE edits;
-- After a rescan past events are evaluated by the present settings: no leg is over 9,600 km.
CALL travel.rescan('edits', '2026-03-01');
TABLE edits;
SELECT alert, legs, withdrawn FROM told WHERE rule = 'edits' ORDER BY alert;
UPDATE travel.rules
SET min_distance_km = 500, severity = 'critical', message = '{{from_city}} - {{to_city}}'
WHERE name = 'edits';
CALL travel.rescan('edits', '2026-03-01');
TABLE edits;
-- Alerts that come back keep their numbers.
SELECT t.alert, t.severity, legs, message, withdrawn
FROM told AS t
JOIN travel.alerts AS a ON a.rule = t.rule AND nth_alert(a.id) = t.alert
WHERE t.rule = 'edits'
ORDER BY t.alert;
DELETE FROM travel.rules;
TRUNCATE trail;

-- Changes of the entity, the baseline user and the way of learning apply from the next scan on, and to everything after
-- a rescan. Only withdrawn alerts remain of the old settings.
INSERT INTO travel.rules (name, source) VALUES ('turns', 'trail');
CREATE VIEW turns AS
SELECT at, leg, substring(entity FROM '[^/]*$') AS entity, alert, reasons
FROM evaluated
WHERE rule = 'turns'
ORDER BY to_time;
CREATE VIEW turns_alerts AS
SELECT alert, substring(entity FROM '[^/]*$') AS entity, legs, withdrawn
FROM told
WHERE rule = 'turns'
ORDER BY alert;
CREATE VIEW turns_places AS SELECT who, city, subdivision, state FROM known WHERE rule = 'turns' ORDER BY who, city;
INSERT INTO calls (at, city)
VALUES ('2026-03-01 09:00Z', 'London'), ('2026-03-09 09:00Z', 'London'), ('2026-03-09 09:10Z', 'Tokyo');
CALL travel.scan();
TABLE turns_places;
-- Locations that are proven, on trial or contested were encountered.
UPDATE travel.rules SET learn = 'encountered' WHERE name = 'turns';
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-09 09:20Z', 'London', NULL),
    ('2026-03-09 09:30Z', 'London', '{"access_key_id": "AKIASECOND"}'),
    ('2026-03-09 09:40Z', 'Moscow', '{"access_key_id": "AKIASECOND"}');
CALL travel.scan();
TABLE turns;
TABLE turns_places;
UPDATE travel.rules SET entity = 'actor' WHERE name = 'turns';
CALL travel.rescan('turns', '-infinity');
TABLE turns;
TABLE turns_alerts;
UPDATE travel.rules SET baseline = false WHERE name = 'turns';
CALL travel.rescan('turns', '-infinity');
TABLE turns;
TABLE turns_places;
UPDATE travel.rules SET baseline = true, baseline_entity = 'account_id', learn = 'proven' WHERE name = 'turns';
CALL travel.rescan('turns', '-infinity');
TABLE turns_places;
-- After a rescan, rows that the source no longer has or the condition excludes have left no trace.
DELETE FROM trail WHERE event_time = '2026-03-09 09:40Z';
CALL travel.rescan('turns', '-infinity');
TABLE turns;
UPDATE travel.rules SET condition = 'user_name = ''bob''' WHERE name = 'turns';
CALL travel.rescan('turns', '-infinity');
TABLE turns;
TABLE turns_alerts;
TABLE turns_places;
RESET search_path;
DELETE FROM travel.rules;
