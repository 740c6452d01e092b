-- travel.backtest returns the alerts that a scan would raise, and stores nothing. travel.suggest returns what most of
-- them have in common, with the statement that silences them.
SET timezone = 'UTC';
\pset null '-'
CREATE SCHEMA backtested;
SET search_path = backtested, stories, public;
CALL stage();

-- A month of calls of six users: mostly from home, at times from elsewhere, with two keys each.
CREATE FUNCTION dice(roll text, sides int) RETURNS int IMMUTABLE LANGUAGE sql AS $$
    SELECT (('x' || substr(md5(roll), 1, 7))::bit(28)::int % sides) $$;
INSERT INTO calls (at, city, who, more)
SELECT '2026-03-01 00:00Z'::timestamptz + dice('time' || n, 30 * 24 * 60) * interval '1 minute',
       (SELECT name FROM city ORDER BY name OFFSET CASE WHEN dice('away' || n, 8) = 0 THEN dice('city' || n, 22)
                                                        ELSE dice('home' || n % 6, 22) END LIMIT 1),
       'user' || n % 6,
       jsonb_build_object('access_key_id', ('{AKIA,ASIA}'::text[])[1 + dice('key' || n, 2)] || 'USER' || n % 6,
                          'user_agent', 'agent ' || dice('agent' || n, 2), 'mfa_used', dice('mfa' || n, 2) = 0)
FROM generate_series(1, 350) AS n;
INSERT INTO travel.networks (network, name, treatment)
VALUES ('203.0.113.64/27', 'the VPN', 'vpn'), ('192.0.2.112/28', 'a scanner', 'ignore'),
       ('198.51.100.0/27', 'an office', 'trusted'), ('192.0.2.96/28', 'another office', 'trusted');
INSERT INTO travel.rules (name, source) VALUES ('base', 'trail');
CREATE TABLE tried (n int GENERATED ALWAYS AS IDENTITY, settings jsonb);
INSERT INTO tried (settings)
VALUES ('{}'), ('{"min_distance_km": 0, "min_velocity_kmh": 50}'), ('{"baseline": false}'),
       ('{"learn": "encountered"}'), ('{"learn": "encountered", "learn_transitions": true}'),
       ('{"ignored": ["hosting", "anonymizer"], "downgraded": []}'), ('{"keep_alive": "0", "max_duration": "0"}'),
       ('{"entity": "actor"}'), ('{"condition": "user_agent = ''agent 1''"}'), ('{"baseline_entity": "user_agent"}'),
       ('{"use_accuracy": false, "severity": "high", "message": "{{entity}}, {{leg_count}}: {{@userIdentity.arn}}"}'),
       ('{"learning_period": "3 days", "trial_period": "5 days", "forget_after": "10 days"}'),
       ('{"raise_from": "2026-03-12 10:00Z"}'), ('{"columns": {"access_key_id": "user_name"}, "baseline": false}');
-- A rule of its own for each settings, with the same suppressions and the same known locations.
INSERT INTO travel.rules
SELECT (jsonb_populate_record(r, t.settings || jsonb_build_object('name', 'rule ' || n))).*
FROM tried AS t JOIN travel.rules AS r ON r.name = 'base';
INSERT INTO travel.suppressions (rule, entity_like, country_code_a, country_code_b, reason)
SELECT name, entity_like, country_code_a, country_code_b, 'a test'
FROM travel.rules
CROSS JOIN (VALUES ('%USER1', NULL, NULL), (NULL, 'JP', 'FR')) AS s (entity_like, country_code_a, country_code_b);
INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, valid_from)
SELECT r.name, c.actor, p.country_code, p.subdivision, p.city, '2026-03-05'
FROM travel.rules AS r
CROSS JOIN (SELECT DISTINCT ON (actor) actor, source_ip FROM trail ORDER BY actor, event_time DESC) AS c
CROSS JOIN LATERAL travel.locate(c.source_ip) AS p;

-- What is stored, and by which version of each row.
CREATE VIEW stored AS
SELECT 'verdict ' || leg_id || xmin AS row FROM travel.verdicts
UNION ALL SELECT 'alert ' || id || xmin FROM travel.alerts
UNION ALL SELECT 'place ' || place_id || xmin FROM travel.known_places
UNION ALL SELECT 'transition ' || transition_id || xmin FROM travel.known_transitions
UNION ALL SELECT 'scan ' || rule || xmin FROM travel_internal.scans
UNION ALL SELECT 'entity ' || rule || entity || xmin FROM travel_internal.entity_checkpoints
UNION ALL SELECT 'baseline ' || rule || baseline_entity || xmin FROM travel_internal.baseline_checkpoints
UNION ALL SELECT 'rule ' || name || xmin FROM travel.rules;
CREATE TABLE before AS TABLE stored;
-- A transaction that may not write suffices. Portions of a few events give what one portion gives.
BEGIN READ ONLY;
SET LOCAL impossible_travel.scan_batch = 100;
SELECT count(*) > 2 AS raises, pg_current_xact_id_if_assigned() AS xid FROM travel.backtest('base', NULL, NULL);
COMMIT;
SET impossible_travel.scan_batch = 300;
CREATE TABLE backtest AS
SELECT n, a.* FROM tried CROSS JOIN LATERAL travel.backtest('base', NULL, NULL, settings) AS a;
RESET impossible_travel.scan_batch;
SELECT count(*) AS changed FROM (TABLE stored EXCEPT TABLE before) AS c;
SELECT count(*) AS gone FROM (TABLE before EXCEPT TABLE stored) AS c;

-- Equal to the alerts of a scan, in every column that a scan computes.
CALL travel.scan();
SELECT rule, last_error, problem FROM travel.status WHERE last_error IS NOT NULL OR problem !~ 'GeoIP data';
CREATE FUNCTION computed(alert jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT alert - '{id,rule,raised_at,updated_at}'::text[] $$;
CREATE TEMP TABLE both_sides AS
SELECT n, 'backtest' AS side, computed(to_jsonb(b) - 'n') AS alert FROM backtest AS b
UNION ALL
SELECT n, 'scan', computed(to_jsonb(a)) FROM tried JOIN travel.alerts AS a ON a.rule = 'rule ' || n;
SELECT t.settings, count(*) FILTER (WHERE side = 'scan') AS scan, count(*) FILTER (WHERE side = 'backtest') AS backtest,
       (SELECT count(*) FROM (
            (SELECT alert FROM both_sides AS b WHERE b.n = t.n AND side = 'scan'
             EXCEPT ALL SELECT alert FROM both_sides AS b WHERE b.n = t.n AND side = 'backtest')
            UNION ALL
            (SELECT alert FROM both_sides AS b WHERE b.n = t.n AND side = 'backtest'
             EXCEPT ALL SELECT alert FROM both_sides AS b WHERE b.n = t.n AND side = 'scan')) AS d) AS different
FROM tried AS t LEFT JOIN both_sides USING (n)
GROUP BY t.n, t.settings
ORDER BY t.n;
-- What only storing gives an alert is missing. The order is that of time.
SELECT DISTINCT rule, id, status, raised_at, updated_at, archived_at FROM travel.backtest('base');
SELECT bool_and(first_seen >= before) AS in_order
FROM (SELECT first_seen, lag(first_seen) OVER () AS before FROM travel.backtest('base')) AS a;

-- since: earlier legs are not raised, and earlier events teach. until: later events do not exist.
SELECT count(*) FILTER (WHERE first_seen < '2026-03-12') AS before, count(*) AS alerts,
       count(*) = (SELECT count(*) FROM travel.backtest('base', NULL, NULL, '{"raise_from": "2026-03-12Z"}')) AS same
FROM travel.backtest('base', '2026-03-12');
SELECT max(last_seen) < '2026-03-12' AS ended, count(*) AS alerts,
       count(*) = (SELECT count(*)
                   FROM travel.backtest('base', NULL, NULL, '{"condition": "event_time < ''2026-03-12Z''"}')) AS same
FROM travel.backtest('base', until => '2026-03-12');
SELECT count(*) AS alerts FROM travel.backtest('base', '-infinity', 'infinity');
-- The later of since and raise_from counts.
SELECT min(first_seen) >= '2026-03-20' AS later
FROM travel.backtest('base', '2026-03-05', NULL, '{"raise_from": "2026-03-20Z"}');

-- Settings are checked as those of a rule.
\pset format unaligned
\pset tuples_only on
SELECT error_of(format('SELECT count(*) FROM travel.backtest(%L, NULL, NULL, %L)', 'base', settings))
FROM unnest(ARRAY['[]', '"{}"', '{"min_velocity": 1}', '{"min_velocity_kmh": 49}', '{"min_velocity_kmh": "fast"}',
                  '{"learn": "always"}', '{"learn": null}', '{"severity": "urgent"}', '{"trial_period": "2 days"}',
                  '{"downgraded": ["tor"]}', '{"condition": "count(*) > 1"}', '{"condition": "user_town = ''a''"}',
                  '{"entity": "a b"}', '{"entity": "user_town"}', '{"baseline_entity": "user_town"}',
                  '{"columns": {"actors": "a"}}', '{"message": "{{"}', '{"owner": "postgres"}', '{"source": "city"}',
                  '{"name": "other"}', '{"created_by": "eve"}', '{"min_distance_km": "NaN"}', '{"ignored": [null]}'])
    AS settings;
SELECT error_of($$SELECT travel.backtest(NULL)$$);
SELECT error_of($$SELECT travel.backtest('base', NULL, NULL, NULL)$$);
SELECT error_of($$SELECT travel.backtest('no such rule')$$) ~ '^42704: rule "no such rule" does not exist';
SELECT error_of($$SELECT travel.backtest('base', '2026-03-02', '2026-03-01')$$);
\pset tuples_only off
\pset format aligned
-- Nothing to evaluate is said.
SELECT count(*) FROM travel.backtest('base', NULL, NULL, '{"condition": "user_name = ''nobody''"}');
SELECT count(*) FROM travel.backtest('base', NULL, NULL, '{"columns": {"source_ip": "(''10.0.0.1''::inet)"}}');
-- So is a range of time beside all events, although the events before it are evaluated for the baseline.
SELECT min(event_time) AS first, max(event_time) AS last FROM trail;
SELECT count(*) FROM travel.backtest('base', '2026-05-01');
SELECT count(*) FROM travel.backtest('base', NULL, '2026-02-01');
SELECT count(*) FROM travel.backtest('base', '2026-05-01', NULL, '{"condition": "user_agent = ''agent 1''"}');
SELECT count(*) FROM travel.suggest('base', '2026-05-01', '2026-05-02');
-- In a range between two events, nothing happened. The last event is in the range that begins with it.
SELECT count(*) FROM travel.backtest('base', '2026-03-01 00:16:01Z', '2026-03-01 00:16:02Z');
SELECT count(*) FROM travel.backtest('base', (SELECT max(event_time) FROM trail));
-- Rows of the range that cannot be used are counted without those before it.
CREATE VIEW lost AS
SELECT access_key_id, event_time, CASE WHEN event_time < '2026-03-20' THEN source_ip END AS source_ip FROM trail
UNION ALL SELECT 'K', NULL, '192.0.2.1';
INSERT INTO travel.rules (name, source) VALUES ('lost', 'lost');
SELECT count(*) FROM travel.backtest('lost', '2026-03-29');
SELECT count(*) FROM travel.suggest('lost', '2026-05-01');
DELETE FROM travel.rules WHERE name = 'lost';
-- It can be canceled while it runs.
CREATE VIEW long AS
SELECT 'K' AS access_key_id, '2026-03-01Z'::timestamptz + n * interval '1 second' AS event_time,
       '192.0.2.1'::inet + n % 2 AS source_ip
FROM generate_series(1, 1000000) AS n;
INSERT INTO travel.rules (name, source) VALUES ('long', 'long');
SET statement_timeout = '300ms';
SELECT count(*) FROM travel.backtest('long');
RESET statement_timeout;
DELETE FROM travel.rules WHERE name = 'long';

-- Who may run it. What becomes part of a query of the owner takes a member of the owner.
CREATE ROLE regress_reader;
CREATE ROLE regress_owner;
GRANT USAGE ON SCHEMA backtested, stories TO regress_owner, regress_reader;
GRANT SELECT ON trail TO regress_owner;
SELECT travel.grant_to('regress_reader', 'read');
INSERT INTO travel.rules (name, source, owner) VALUES ('owned', 'trail', 'regress_owner');
SET ROLE regress_reader;
SELECT count(*) > 0 AS raises FROM travel.backtest('owned');
SELECT count(*) > 0 AS raises
FROM travel.backtest('owned', NULL, NULL,
    '{"learn": "encountered", "entity": "access_key_id", "min_distance_km": 100}');
SELECT count(*) > 0 AS suggests FROM travel.suggest('owned', until => '2026-03-15');
\pset format unaligned
SELECT error_of('SELECT travel.backtest(''owned'', NULL, NULL, ''{"condition": "true"}'')');
SELECT error_of('SELECT travel.backtest(''owned'', NULL, NULL, ''{"entity": "actor"}'')');
\pset format aligned
SET ROLE regress_owner;
SELECT sqlstate_of('SELECT travel.backtest(''owned'')') AS without_the_level;
RESET ROLE;
REVOKE SELECT ON trail FROM regress_owner;
SET ROLE regress_reader;
SELECT sqlstate_of('SELECT travel.backtest(''owned'')') AS source_not_readable;
RESET ROLE;
DROP OWNED BY regress_reader, regress_owner;
DROP ROLE regress_reader, regress_owner;
DELETE FROM travel.rules WHERE name = 'owned';

-- Suggestions. Each is verified: with its row, the backtest returns as many alerts fewer.
TRUNCATE travel.networks, trail;
DELETE FROM travel.suppressions;
DELETE FROM travel.rules;
INSERT INTO travel.rules (name, source, learning_period) VALUES ('noisy', 'trail', '1 hour');
INSERT INTO calls (at, city, who)
SELECT '2026-03-01 09:00Z'::timestamptz + day * interval '1 day' + minutes * interval '1 minute', city, who
FROM (VALUES ('anna', 'London', 'a VPN in Moscow', 0), ('boris', 'Paris', 'a VPN in Moscow', 0),
             ('o''brien\%_', 'London', 'Tokyo', 0), ('dora', 'Madrid', 'a cloud in Singapore', 1),
             ('emil', 'Seattle', 'a cloud in Singapore', 0), ('tor', 'Madrid', 'Tor in Paris', 0))
    AS u (who, home, away, first)
CROSS JOIN generate_series(0, 4) AS day
CROSS JOIN LATERAL (VALUES (0, home), (30, CASE WHEN day > first THEN away ELSE home END), (60, home))
    AS c (minutes, city);
SELECT count(*) AS alerts FROM travel.backtest('noisy');
\x on
SELECT * FROM travel.suggest('noisy');
\x off
CREATE FUNCTION left_after(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    alerts bigint;
BEGIN
    BEGIN
        EXECUTE statement;
        SELECT count(*) INTO alerts FROM travel.backtest('noisy');
        RAISE SQLSTATE 'ROLLB';
    EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
        RETURN alerts;
    END;
END $$;
SELECT kind, cause, alerts_saved,
       (SELECT count(*) FROM travel.backtest('noisy')) - left_after(statement) AS really_saved
FROM travel.suggest('noisy')
ORDER BY kind, cause;
-- In a range of time; without a baseline; over too few alerts.
SELECT kind, cause, alert_count FROM travel.suggest('noisy', '2026-03-04', '2026-03-05') WHERE kind = 'address';
UPDATE travel.rules SET baseline = false;
SELECT kind, cause, alert_count, alerts_saved, statement
FROM travel.suggest('noisy')
WHERE kind = 'entity' AND cause LIKE '%O''%';
-- In this range, each entity has one alert, which is no cause.
SELECT kind, min(alert_count) AS least FROM travel.suggest('noisy', '2026-03-02 09:20Z', '2026-03-02 09:40Z')
GROUP BY kind
ORDER BY kind;
TRUNCATE trail;
INSERT INTO calls (at, city, who) VALUES ('2026-03-01 09:00Z', 'London', 'one'), ('2026-03-01 09:10Z', 'Tokyo', 'one');
SELECT * FROM travel.suggest('noisy');
-- Each alert has two causes, so silencing one saves nothing.
UPDATE travel.rules SET baseline = true;
TRUNCATE trail;
INSERT INTO calls (at, city, who)
SELECT '2026-03-01 09:00Z'::timestamptz + day * interval '1 day' + minutes * interval '1 minute', city,
       E'zo\u202Ee\x1B'''
FROM generate_series(0, 3) AS day
CROSS JOIN (VALUES (0, 'London'), (10, 'Tokyo'), (20, 'Sydney'), (30, 'London')) AS c (minutes, city)
WHERE day > 0 OR minutes = 0;
SELECT * FROM travel.suggest('noisy');
-- A statement shows each character of a name, and can be run. The cause is for readers.
UPDATE travel.rules SET baseline = false;
SELECT cause, statement, left_after(statement) FROM travel.suggest('noisy');
-- A suppression of a temporary key saves no later alert.
UPDATE trail SET access_key_id = 'ASIAZOE';
SELECT * FROM travel.suggest('noisy');
-- Nor does one of a temporary key with lineage, although legs arrive with a key that it minted, or start with it.
UPDATE trail SET issued_access_key_id = 'ASIAMINTED' WHERE event_time = '2026-03-01 09:00Z';
UPDATE trail SET access_key_id = 'ASIAMINTED' WHERE source_ip <> (SELECT ip FROM city WHERE name = 'London');
UPDATE travel.rules SET lineage = true;
SELECT count(*) AS alerts, min(entity) AS entity FROM travel.backtest('noisy');
SELECT * FROM travel.suggest('noisy');
UPDATE travel.rules SET lineage = false;
-- More causes than are verified.
UPDATE travel.rules SET baseline = true;
TRUNCATE trail;
INSERT INTO calls (at, city, who)
SELECT '2026-03-01 09:00Z'::timestamptz + day * interval '1 day' + minutes * interval '1 minute', city, 'user ' || n
FROM generate_series(1, 22) AS n
CROSS JOIN generate_series(0, 2) AS day
CROSS JOIN (VALUES (0, 'London'), (10, 'Tokyo')) AS c (minutes, city)
WHERE day > 0 OR minutes = 0;
SELECT kind, count(*), min(alerts_saved) AS least, max(alerts_saved) AS most
FROM travel.suggest('noisy')
GROUP BY kind
ORDER BY kind;
SELECT error_of($$SELECT travel.suggest(NULL)$$) LIKE '22004%' AS null_refused;
DELETE FROM travel.rules;
RESET search_path;
