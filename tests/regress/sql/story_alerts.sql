-- Alerts: their legs, severity and evidence, and when they are opened again.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA alerting;
SET search_path = alerting, stories, public;
CALL stage();

-- One incident is one alert, however often the key travels back and forth.
INSERT INTO travel.rules (name, source, baseline) VALUES ('flips', 'trail', false);
INSERT INTO calls (at, city)
SELECT '2026-03-02 09:00Z'::timestamptz + n * interval '30 minutes', CASE n % 2 WHEN 0 THEN 'London' ELSE 'Tokyo' END
FROM generate_series(0, 6) AS n;
CALL travel.scan('flips');
SELECT alert, severity, first_seen, last_seen, legs, evidence FROM told WHERE rule = 'flips';
SELECT leg_id = (
    SELECT leg_id FROM travel.verdicts WHERE rule = 'flips' ORDER BY to_time LIMIT 1
) AS shows_its_first_leg, message
FROM travel.alerts
WHERE rule = 'flips';

-- A leg joins up to keep_alive (6 hours) after the last one, and up to max_duration (a day) after the first one; a
-- second later it starts another.
INSERT INTO calls (at, city, who) SELECT at::timestamptz, city, who FROM (VALUES
    ('2026-03-03 09:00Z', 'London', 'keep'),
    ('2026-03-03 09:10Z', 'Tokyo', 'keep'),
    ('2026-03-03 15:10Z', 'London', 'keep'),
    ('2026-03-03 21:10:01Z', 'Tokyo', 'keep'),
    ('2026-03-03 09:00Z', 'London', 'max'), ('2026-03-03 09:10Z', 'Tokyo', 'max'),
        ('2026-03-03 15:10Z', 'London', 'max'), ('2026-03-03 21:10Z', 'Tokyo', 'max'),
        ('2026-03-04 03:10Z', 'London', 'max'), ('2026-03-04 09:10Z', 'Tokyo', 'max'),
        ('2026-03-04 09:10:01Z', 'London', 'max')) AS v (at, city, who);
CALL travel.scan('flips');
SELECT entity, to_char(a.first_seen, 'DD HH24:MI:SS') AS first_seen, to_char(a.last_seen, 'DD HH24:MI:SS') AS last_seen,
    leg_count
FROM travel.alerts AS a
WHERE rule = 'flips' AND entity ~ 'KEEP|MAX'
ORDER BY entity, a.first_seen;
-- Scanned leg by leg, from another table, the alerts are the same.
CREATE TABLE slowly (LIKE trail INCLUDING ALL);
INSERT INTO travel.rules (name, source, baseline) VALUES ('flips, slowly', 'slowly', false);
CREATE PROCEDURE slowly() LANGUAGE plpgsql AS $$
DECLARE
    id text;
BEGIN
    FOR id IN SELECT event_id FROM alerting.trail WHERE user_name IN ('keep', 'max') ORDER BY event_time, event_id LOOP
        INSERT INTO alerting.slowly
        SELECT r.*
        FROM alerting.trail AS t
        CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object('ingest_xid', pg_current_xact_id()::text)) AS r
        WHERE t.event_id = id;
        COMMIT;
        CALL travel.scan('flips, slowly');
    END LOOP;
END $$;
CALL slowly();
SELECT count(*) AS alerts,
    count(*) FILTER (WHERE NOT EXISTS (
        SELECT
        FROM travel.alerts AS b
        WHERE b.rule = 'flips'
            AND (a.entity, a.first_seen, a.last_seen, a.leg_count, a.evidence, a.message, a.signal::text)
                = (b.entity, b.first_seen, b.last_seen, b.leg_count, b.evidence, b.message, b.signal::text)
    )) AS different
FROM travel.alerts AS a WHERE rule = 'flips, slowly';
DELETE FROM travel.rules;
TRUNCATE trail;

-- Each kind of evidence once. Every user is at home for days; then there is one call from elsewhere, ten minutes after
-- one from home.
SELECT travel.create_rule('access_key', 'trail', 'evidence');
CREATE TABLE cases (who text, home text DEFAULT 'London', far text DEFAULT 'Tokyo', more_home jsonb, more jsonb);
INSERT INTO cases (who) VALUES ('new_country');
INSERT INTO cases (who, more_home, more)
VALUES ('no_agent', NULL, '{"user_agent": null}'), ('agent', NULL, '{"user_agent": "curl/8"}'),
    ('no_mfa', '{"access_key_id": "ASIANOMFAEXAMPLE"}', '{"access_key_id": "ASIANOMFAEXAMPLE", "mfa_used": false}'),
    ('mfa', '{"access_key_id": "ASIAMFAEXAMPLE"}', '{"access_key_id": "ASIAMFAEXAMPLE", "mfa_used": true}'),
    ('mfa_unknown', '{"access_key_id": "ASIAUNKNOWNEXAMPLE"}', '{"access_key_id": "ASIAUNKNOWNEXAMPLE"}'),
    ('console', '{"access_key_id": "KCONSOLE"}',
        '{"access_key_id": "KCONSOLE", "mfa_used": false, "event_name": "ConsoleLogin"}'),
    ('long_term', NULL, '{"mfa_used": false}'),
    ('root', '{"access_key_id": "KROOT"}', '{"access_key_id": "KROOT", "identity_type": "Root"}');
INSERT INTO cases (who, home, far)
VALUES
    ('tor', 'London', 'Tor in Paris'),
    ('one_side', 'London', 'a cloud in Singapore'),
    ('other_side', 'a cloud in Ashburn', 'London'),
    ('both_sides', 'a cloud in Ashburn', 'a cloud in Singapore'),
    ('same_asn', 'New York', 'Seattle'),
    ('dual_stack', 'London', 'Tokyo, IPv6'),
    ('both_ipv6', 'London, IPv6', 'Tokyo, IPv6'),
    ('vpn', 'London', 'a VPN in Moscow');
UPDATE cases SET far = 'Moscow', home = 'Tor in Paris' WHERE who = 'tor';
INSERT INTO calls (at, city, who, more)
SELECT at::timestamptz, home, who, more_home
FROM cases
CROSS JOIN unnest('{2026-03-01 09:00Z,2026-03-09 09:00Z}'::text[]) AS at;
INSERT INTO calls (at, city, who, more) SELECT '2026-03-09 09:10Z', far, who, more FROM cases;
CALL travel.scan();
SELECT who, t.severity, t.evidence
FROM cases
LEFT JOIN travel.alerts AS a ON rule = 'evidence' AND a.user_name = who
LEFT JOIN told AS t ON t.rule = a.rule AND t.alert = nth_alert(a.id)
ORDER BY cases.ctid;
-- two_holders: there, back, and there again, even if one of the legs is not raised. There and back alone is not enough.
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'two'),
    ('2026-03-09 09:00Z', 'London', 'two'),
    ('2026-03-09 09:10Z', 'Tokyo', 'two'),
    ('2026-03-09 09:20Z', 'London', 'two');
CALL travel.scan();
SELECT legs, evidence FROM told WHERE rule = 'evidence' AND entity = 'AKIATWOEXAMPLE';
INSERT INTO travel.suppressions (rule, entity_like, valid_from, valid_until, reason)
VALUES ('evidence', 'AKIATWO%', '2026-03-09 09:25Z', '2026-03-09 09:35Z', 'a test');
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 09:30Z', 'Tokyo', 'two');
CALL travel.scan();
SELECT legs, evidence FROM told WHERE rule = 'evidence' AND entity = 'AKIATWOEXAMPLE';
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 09:40Z', 'London', 'two');
CALL travel.scan();
SELECT legs, evidence FROM told WHERE rule = 'evidence' AND entity = 'AKIATWOEXAMPLE';

-- The severity is one level lower while all legs have a network attribute that the rule downgrades, however many; it
-- never falls below info; a Tor address has no such attribute.
UPDATE travel.rules SET enabled = false;
INSERT INTO travel.rules (name, source, condition, baseline, severity, downgraded) VALUES
    ('sev, attributes', 'trail', 'event_name = ''severity''', false, 'critical', '{anonymizer,hosting,same_asn}'),
    ('sev, info', 'trail', 'event_name = ''severity''', false, 'info', '{anonymizer,hosting,same_asn}'),
    ('sev, none', 'trail', 'event_name = ''severity''', false, 'high', '{}');
INSERT INTO calls (at, city, who, more) SELECT at::timestamptz, city, who, '{"event_name": "severity"}' FROM (VALUES
    ('2026-03-10 09:00Z', 'New York', 'as'),
    ('2026-03-10 09:10Z', 'Seattle', 'as'),
    ('2026-03-10 09:00Z', 'London', 'vpn'),
    ('2026-03-10 09:10Z', 'a VPN in Moscow', 'vpn'),
    ('2026-03-10 09:00Z', 'Moscow', 'tor'), ('2026-03-10 09:10Z', 'Tor in Paris', 'tor'),
        ('2026-03-10 09:00Z', 'a VPN in Moscow', 'tor2'), ('2026-03-10 09:10Z', 'Tor in Paris', 'tor2'),
        ('2026-03-10 09:00Z', 'London', 'plain'), ('2026-03-10 09:10Z', 'Tokyo', 'plain')) AS v (at, city, who);
CALL travel.scan();
SELECT substring(entity FROM 'AKIA(.*)EXAMPLE') AS who,
    string_agg(severity, ',') FILTER (WHERE rule = 'sev, attributes') AS critical,
    string_agg(severity, ',') FILTER (WHERE rule = 'sev, info') AS info,
    string_agg(severity, ',') FILTER (WHERE rule = 'sev, none') AS high
FROM travel.alerts
WHERE rule LIKE 'sev,%'
GROUP BY 1
ORDER BY 1;
-- A leg without such an attribute raises the severity again, and the history shows it.
INSERT INTO calls (at, city, who, more) VALUES ('2026-03-10 09:20Z', 'Tokyo', 'as', '{"event_name": "severity"}');
CALL travel.scan();
SELECT t.severity, legs, change
FROM told AS t
JOIN travel.alert_history AS h ON nth_alert(h.alert_id) = t.alert
JOIN travel.alerts AS a ON a.id = h.alert_id AND a.rule = t.rule
WHERE t.rule = 'sev, attributes' AND t.entity = 'AKIAASEXAMPLE';
SELECT rule, severity_rank > 3 AS high, severity
FROM travel.alerts
WHERE rule LIKE 'sev,%' AND entity = 'AKIAASEXAMPLE'
ORDER BY severity_rank;

-- If the key travels on after the alert was archived, the alert is reopened. Its reason stays, and the history has the
-- role that scanned.
UPDATE travel.rules SET enabled = (name = 'evidence');
UPDATE travel.alerts
SET status = 'archived', archive_reason = 'true_positive', assignee = 'ann'
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE';
CALL travel.scan();
CALL travel.rescan('evidence', '2026-03-01');
SELECT status, reason, legs, reopened FROM told WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE';
INSERT INTO calls (at, city, who) VALUES ('2026-03-09 15:10Z', 'London', 'new_country');
CALL travel.scan();
SELECT status, archive_reason, assignee, leg_count, reopened_at IS NOT NULL AS reopened,
    archived_at IS NOT NULL AS archived
FROM travel.alerts
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE';
SELECT by = current_user AS by_me, change - 'reopened_at' AS change, change ? 'reopened_at' AS reopened
FROM travel.alert_history
JOIN travel.alerts ON id = alert_id
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE'
ORDER BY at;
-- Legs after the end of the incident are another alert; the archived one is left alone.
UPDATE travel.alerts
SET status = 'archived', archive_reason = 'false_positive'
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE';
INSERT INTO calls (at, city, who)
VALUES ('2026-03-10 15:00Z', 'London', 'new_country'), ('2026-03-10 15:10Z', 'Tokyo', 'new_country');
CALL travel.scan();
SELECT status, reason, first_seen, last_seen, legs
FROM told
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE'
ORDER BY alert;
-- An alert under review stays under review.
UPDATE travel.alerts
SET status = 'under_review', assignee = 'bob'
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE' AND status = 'open';
INSERT INTO calls (at, city, who) VALUES ('2026-03-10 15:20Z', 'London', 'new_country');
CALL travel.scan();
SELECT status, reason, last_seen, legs, reopened
FROM told
WHERE rule = 'evidence' AND entity = 'AKIANEW_COUNTRYEXAMPLE'
ORDER BY alert;
DELETE FROM travel.rules;
-- Alerts outlive their rule.
SELECT rule, count(*) AS alerts FROM told WHERE rule IN ('evidence', 'flips') GROUP BY rule ORDER BY rule;
TRUNCATE trail;

-- raise_from: from older events locations are learned, but no leg is raised; a leg that arrives exactly then is raised.
INSERT INTO travel.rules (name, source, raise_from) VALUES ('from', 'trail', '2026-03-09 12:00Z');
INSERT INTO calls (at, city)
VALUES
    ('2026-03-01 09:00Z', 'London'),
    ('2026-03-09 11:50Z', 'London'),
    ('2026-03-09 11:59:59Z', 'Tokyo'),
    ('2026-03-09 12:00Z', 'London');
CALL travel.scan();
SELECT at, leg, alert, reasons FROM evaluated WHERE rule = 'from' ORDER BY to_time;
SELECT city, state FROM known WHERE rule = 'from' ORDER BY city;
DELETE FROM travel.rules;
TRUNCATE trail;

-- Without a baseline nothing is learned, there is no learning period, every leg is raised, and no country is new.
SELECT travel.create_rule('root', 'trail', 'no baseline');
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-01 09:00Z', 'London', '{"identity_type": "Root"}'),
    ('2026-03-01 09:10Z', 'Tokyo', '{"identity_type": "Root"}'),
    ('2026-03-01 09:20Z', 'London', NULL);
CALL travel.scan();
SELECT entity, severity, legs, evidence FROM told WHERE rule = 'no baseline';
SELECT count(*) AS places FROM known WHERE rule = 'no baseline';
DELETE FROM travel.rules;
TRUNCATE trail;

-- Several keys of one person: legs are evaluated for each key, locations are learned for the person.
SELECT travel.create_rule('access_key', 'trail', 'keys');
SELECT travel.create_rule('human', 'trail', 'person');
INSERT INTO calls (at, city, more)
VALUES
    ('2026-03-01 09:00Z', 'London', '{"access_key_id": "AKIAFIRST"}'),
    ('2026-03-01 18:00Z', 'Sydney', '{"access_key_id": "AKIASECOND"}'),
    ('2026-03-09 09:00Z', 'London', '{"access_key_id": "AKIATHIRD"}'),
    ('2026-03-09 09:10Z', 'Sydney', '{"access_key_id": "AKIATHIRD"}'),
    ('2026-03-09 10:00Z', 'London', '{"access_key_id": "AKIAFIRST"}'),
    ('2026-03-09 10:10Z', 'Tokyo', '{"access_key_id": "AKIASECOND"}'),
    ('2026-03-09 10:20Z', 'Moscow', '{"access_key_id": "AKIAFIRST"}');
CALL travel.scan();
SELECT rule, substring(entity FROM '[^/]*$') AS entity, at, leg, alert, reasons
FROM evaluated
WHERE rule IN ('keys', 'person')
ORDER BY rule, to_time;
-- The message of a person's leg says which key was used where. A scan and travel.detect write it alike.
SELECT count(*) AS legs, bool_and(v.message = d.message) AS same
FROM travel.verdicts AS v JOIN travel.detect('trail', 'actor', all_legs => true) AS d USING (leg_id)
WHERE v.rule = 'person';
SELECT regexp_replace(message, ' \([^)]*\)', '', 'g') AS message
FROM travel.verdicts WHERE rule = 'person' ORDER BY to_time;
SELECT who, city, state FROM known WHERE rule = 'keys' ORDER BY city;
SELECT rule, substring(entity FROM '[^/]*$') AS entity, severity, legs
FROM told
WHERE rule IN ('keys', 'person')
ORDER BY rule, alert;
DELETE FROM travel.rules;
TRUNCATE trail;

-- An entity of two columns is their texts, joined and escaped; the same name in another account is another entity.
INSERT INTO travel.rules (name, source, entity, baseline)
VALUES ('two columns', 'trail', 'account_id, session_name', false);
INSERT INTO calls (at, city, who, more)
VALUES
    ('2026-03-01 09:00Z', 'London', 'al|i\ce', NULL),
    ('2026-03-01 09:10Z', 'Tokyo', 'al|i\ce', NULL),
    ('2026-03-01 09:20Z', 'London', 'al|i\ce', '{"account_id": "444455556666"}'),
    ('2026-03-01 09:00Z', 'London', 'nobody', '{"account_id": ""}'),
    ('2026-03-01 09:10Z', 'Tokyo', 'nobody', '{"account_id": ""}');
CALL travel.scan();
SELECT entity, legs FROM told WHERE rule = 'two columns';
DELETE FROM travel.rules;
TRUNCATE trail;

-- baseline_entity: here a whole account shares a baseline, so the home of one user is known for another.
INSERT INTO travel.rules (name, source, baseline_entity)
VALUES ('team', 'trail', 'account_id'), ('two of them', 'trail', 'account_id, identity_type'), ('each', 'trail', NULL);
INSERT INTO calls (at, city, who)
VALUES
    ('2026-03-01 09:00Z', 'London', 'alice'),
    ('2026-03-01 18:00Z', 'Sydney', 'bob'),
    ('2026-03-09 09:00Z', 'London', 'carol'),
    ('2026-03-09 09:10Z', 'Sydney', 'carol'),
    ('2026-03-09 09:20Z', 'Tokyo', 'carol');
CALL travel.scan();
SELECT rule, at, leg, alert, reasons
FROM evaluated
WHERE rule IN ('team', 'two of them', 'each')
ORDER BY rule, to_time;
SELECT DISTINCT rule, baseline_entity
FROM travel.known_places
WHERE rule IN ('team', 'two of them', 'each')
ORDER BY 1, 2;
RESET search_path;
DELETE FROM travel.rules;
