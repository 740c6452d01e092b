-- If nothing can be evaluated, there is a warning: it says what cannot be read, located or found, with the number of
-- rows and an example.
CREATE SCHEMA dead;
SET search_path = dead, public;
SET timezone = 'UTC';
CREATE TABLE calls AS
SELECT '2026-03-02 09:00Z'::timestamptz + g * interval '1 minute' AS event_time, 'k' AS access_key_id,
    'host-' || g AS source_ip, 'a' AS actor, 'success' AS outcome, NULL::text AS invoked_by
FROM generate_series(1, 100) AS g;
CREATE FUNCTION found(arguments text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM travel.detect(%s)', arguments) INTO n;
    RETURN n;
END $$;

-- Each reason alone.
SELECT found($$'calls'$$);
SELECT found($$'calls', entity => 'outcome, invoked_by'$$);
SELECT found($$'calls', columns => '{"event_time": "actor", "source_ip": "(inet ''192.0.2.1'')"}'$$);
SELECT found($$'calls', columns => '{"event_time": "(NULL::text)"}'$$);
SELECT found($$'calls', columns => '{"source_ip": "(NULL::text)"}'$$);
SELECT found($$'calls', columns => '{"source_ip": "(inet ''10.0.0.1'')"}'$$);
SELECT found($$'calls', columns => '{"source_ip": "(''ec2.amazonaws.com''::text)"}'$$);
SELECT found($$'calls', columns => '{"source_ip": "(''AWS Internal''::text)"}'$$);
SELECT found($$'calls', columns => '{"source_ip": "(inet ''8.8.8.8'')"}'$$);
SELECT found($$'calls', columns => '{"latitude": "(91.0)", "longitude": "(0.0)"}'$$);
-- Coordinates that are text, as the source has them.
SELECT found($$'calls', columns => '{"latitude": "(''51,5''::text)", "longitude": "(''0.1W''::text)"}'$$);
SELECT found($$'calls', columns => '{"latitude": "(NULL::text)", "longitude": "(NULL::text)"}'$$);
SELECT found($$'calls', columns => '{"outcome": "(''failed_auth''::text)", "source_ip": "(inet ''192.0.2.1'')"}'$$);
SELECT found($$'calls',
    columns => '{"invoked_by": "(''ec2.amazonaws.com''::text)", "source_ip": "(inet ''192.0.2.1'')"}'$$);
INSERT INTO travel.networks (network, name, treatment) VALUES ('192.0.2.0/24', 'nothing evaluated', 'ignore');
SELECT found($$'calls', columns => '{"source_ip": "(inet ''192.0.2.1'')"}'$$);
DELETE FROM travel.networks WHERE name = 'nothing evaluated';
SELECT found($$'calls', condition => 'actor = ''A'''$$);
SELECT found($$'calls', condition => 'actor = ''A''', since => '2026-03-02', until => '2026-03-03'$$);

-- Several reasons, and a single row. Control characters of an attacker do not reach a terminal.
CREATE TABLE mixed (event_time text, access_key_id text, source_ip text, outcome text, invoked_by text);
INSERT INTO mixed VALUES (E'2026\033[2J', 'k', '192.0.2.1');
SELECT found($$'mixed'$$);
INSERT INTO mixed
VALUES
    ('03/02/2026 9h', 'k', '192.0.2.1'),
    (NULL, 'k', '192.0.2.1'),
    ('2026-03-02T09:00:00Z', '', '192.0.2.1'),
    ('2026-03-02T09:00:00Z', 'HIDDEN_DUE_TO_SECURITY_REASONS', '192.0.2.1'),
    ('2026-03-02T09:00:00Z', 'k', 'fe80::1%eth0'),
    ('2026-03-02T09:00:00Z', 'k', '192.0.2.1, 10.0.0.1');
SELECT found($$'mixed'$$);

-- If some rows can be used, the notice counts the times and addresses that could not be read, in rows.
INSERT INTO mixed
VALUES
    ('2026-03-02T09:00:00Z', 'k', '192.0.2.1'),
    ('2026-03-02T09:00:00Z', 'k', '192.0.2.1'),
    ('2026-03-02T09:10:00Z', 'k', '203.0.113.1');
SELECT found($$'mixed'$$);
SELECT found($$'mixed', all_legs => true$$);

-- Records that are text and not JSON, alone and among others.
CREATE TABLE lines AS SELECT '{"eventTime": "2026-03-02T09:00:00Z", "sourc'::text AS line;
SELECT found($$'lines', columns => '{"record": "line"}'$$);
INSERT INTO lines
VALUES
    ('{"eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress": "192.0.2.1", "userIdentity": {"accessKeyId": "k"}}'),
    (NULL);
SELECT found($$'lines', columns => '{"record": "line"}'$$);

-- An empty source is reported differently, and not as a warning.
CREATE TABLE nothing AS SELECT * FROM calls WHERE false;
SELECT found($$'nothing'$$);
SELECT found($$'nothing', condition => 'actor = ''A'''$$);
SELECT found($$'calls', since => '2026-04-01'$$);
SELECT found($$'calls', until => '2026-01-01', condition => 'actor = ''a'''$$);
-- The notice says when the rows begin and end if an index finds that: it must not read a whole table.
CREATE INDEX by_block ON calls USING brin (event_time);
CREATE INDEX of_some ON calls (event_time) WHERE actor = 'b';
SELECT found($$'calls', since => '2026-04-01'$$);
CREATE INDEX by_time ON calls (event_time);
INSERT INTO calls (event_time, access_key_id) VALUES ('-infinity', 'k'), ('infinity', 'k');
SELECT found($$'calls', since => '2026-04-01', until => '2026-05-01'$$);
SELECT found($$'calls', until => '2026-01-01', since => '2025-01-01', condition => 'actor = ''A'''$$);
SELECT found($$'nothing', since => '2026-04-01'$$);
CREATE TABLE local_times AS SELECT event_time AT TIME ZONE 'UTC' AS event_time, access_key_id, source_ip FROM calls;
CREATE INDEX ON local_times (event_time);
SET timezone = 'Asia/Tokyo';
SELECT found($$'local_times', since => '2026-04-01Z', until => '2026-05-01Z'$$);
RESET timezone;
DROP INDEX by_block, of_some, by_time;
DELETE FROM calls WHERE NOT isfinite(event_time);

-- The setting turns off the notice, never the warning.
SET impossible_travel.coverage_notice = off;
SELECT found($$'calls'$$);
SELECT found($$'calls', condition => 'false'$$);
SELECT found($$'mixed'$$);
SELECT found($$'nothing'$$);
CREATE MATERIALIZED VIEW found AS SELECT * FROM travel.detect('dead.calls');
REFRESH MATERIALIZED VIEW found;
RESET impossible_travel.coverage_notice;
\set VERBOSITY sqlstate
SELECT found($$'calls'$$);
\set VERBOSITY default

-- For a rule that can evaluate nothing, check_rule warns with an example, and travel.status shows it as the problem.
SET client_min_messages = warning;
CREATE VIEW problems AS
SELECT rule, problem, last_error
FROM travel.status
WHERE rule LIKE 'dead%'
ORDER BY rule COLLATE "C";
INSERT INTO travel.rules (name, source) VALUES ('dead', 'dead.calls');
SELECT travel.check_rule('dead');
-- A rule has a problem until its first scan has ended.
SELECT * FROM problems;
SELECT travel.assert_healthy();
CALL travel.scan('dead');
UPDATE travel_internal.scans SET geoip_built_at = NULL;
SELECT * FROM problems;
SELECT travel.assert_healthy();
-- A role that is not a member of the owner sees no values of the source.
CREATE ROLE regress_onlooker;
SELECT travel.grant_to('regress_onlooker', 'admin');
SET ROLE regress_onlooker;
SELECT travel.check_rule('dead');
SELECT problem FROM travel.status WHERE rule = 'dead';
SELECT travel.assert_healthy();
RESET ROLE;
-- A disabled rule, or one whose rows can be used, is healthy.
UPDATE travel.rules SET enabled = false WHERE name = 'dead';
SELECT travel.assert_healthy();
UPDATE travel.rules SET enabled = true, columns = '{"source_ip": "(inet ''192.0.2.1'')"}' WHERE name = 'dead';
SELECT travel.check_rule('dead');
CALL travel.rescan('dead', '-infinity');
SELECT problem ~ 'row' AS has_unusable_rows FROM problems;
DELETE FROM travel.rules;

-- For each way to find new rows: unusable rows are distinguished from an idle source.
CREATE TABLE exact (event_time text, access_key_id text, source_ip text, actor text,
    ingest_xid xid8 DEFAULT pg_current_xact_id());
CREATE TABLE arriving (event_time text, access_key_id text, source_ip text, actor text,
    arrived timestamptz DEFAULT now());
CREATE TABLE plain (event_time text, access_key_id text, source_ip text, actor text);
INSERT INTO travel.rules (name, source) VALUES ('dead: exact', 'dead.exact'), ('dead: plain', 'dead.plain');
INSERT INTO travel.rules (name, source, arrival_column) VALUES ('dead: arriving', 'dead.arriving', 'arrived');
CREATE VIEW without_age AS
SELECT rule, nullif(regexp_replace(problem, '(; )?the GeoIP data is [0-9]+ days old', ''), '') AS problem, last_error
FROM problems;
CALL travel.scan();
SELECT * FROM without_age;
INSERT INTO exact VALUES ('yesterday', 'k', '192.0.2.1', 'a'), ('yesterday', 'k', '192.0.2.1', 'a');
INSERT INTO arriving VALUES ('2026-03-02T09:00:00Z', NULL, '192.0.2.1', 'a');
INSERT INTO plain VALUES ('2026-03-02T09:00:00Z', 'k', 'localhost', 'a');
CALL travel.scan();
SELECT * FROM without_age;
-- A pass without new rows changes none of that.
CALL travel.scan();
SELECT rule, problem IS NOT NULL AS has_problem FROM without_age;
-- One usable row does.
INSERT INTO exact VALUES ('2026-03-02T09:00:00Z', 'k', '192.0.2.1', 'a');
INSERT INTO arriving VALUES ('2026-03-02T09:00:00Z', 'k', '192.0.2.1', 'a');
INSERT INTO plain VALUES ('2026-03-02T09:00:00Z', 'k', '192.0.2.1', 'a');
CALL travel.scan();
SELECT * FROM without_age;
-- If the format changes later, all new rows are unusable.
INSERT INTO exact VALUES ('02.03.2026', 'k', '192.0.2.1', 'a');
CALL travel.scan('dead: exact');
SELECT * FROM without_age WHERE rule = 'dead: exact';
-- A condition that excludes all rows is not a problem; check_rule reports it.
UPDATE travel.rules SET condition = 'actor = ''b''' WHERE name = 'dead: plain';
SET client_min_messages = notice;
SELECT travel.check_rule('dead: plain');
SET client_min_messages = warning;

-- Problems: no new events for longer than usual, scans that do not end, and old GeoIP data.
DELETE FROM travel.rules WHERE name <> 'dead: plain';
ALTER TABLE travel.rules DISABLE TRIGGER USER;
UPDATE travel_internal.scans SET geoip_built_at = now() - interval '29 days';
SELECT * FROM problems;
UPDATE travel_internal.scans SET geoip_built_at = now() - interval '31 days 1 hour';
SELECT * FROM problems;
UPDATE travel_internal.scans SET geoip_built_at = NULL, news_at = now() - interval '25 hours', longest_gap = '3 hours';
SELECT * FROM problems;
UPDATE travel_internal.scans SET longest_gap = '1 hour';
SELECT problems.problem = 'no new events since '
    || to_char(news_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS says_so
FROM problems
JOIN travel_internal.scans USING (rule);
UPDATE travel_internal.scans SET finished_at = now() - interval '25 hours';
SELECT problems.problem = 'no scan has ended since '
    || to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS says_so
FROM problems
JOIN travel_internal.scans USING (rule);
ALTER TABLE travel.rules ENABLE TRIGGER USER;

-- New events count even beside an event that claims to come from the future; a pass without any leaves the time
-- unchanged.
INSERT INTO plain
VALUES ('2099-01-01T00:00:00Z', 'k', '192.0.2.1', 'b'), ('2026-03-03T00:00:00Z', 'k', '192.0.2.1', 'b');
UPDATE travel.rules SET lookback = '3650 days';
CALL travel.scan();
UPDATE travel_internal.scans SET news_at = '2026-03-01Z';
CALL travel.scan();
SELECT news_at > now() - interval '1 hour' AS has_news FROM travel_internal.scans;
INSERT INTO plain VALUES ('2026-03-04T00:00:00Z', 'k', '192.0.2.1', 'b');
CALL travel.scan();
SELECT news_at > now() - interval '1 hour' AS has_news FROM travel_internal.scans;

-- prune moves the time from which a rule evaluates.
SELECT evaluates_from FROM travel.status;
SELECT FROM travel.prune('10 days');
SELECT now() - evaluates_from BETWEEN '10 days' AND '10 days 1 minute' AS moved FROM travel.status;

-- The error names every enabled rule that has an error or a problem.
UPDATE travel_internal.scans SET finished_at = now(), news_at = now(), problem = NULL, geoip_built_at = NULL;
SELECT travel.assert_healthy();
INSERT INTO travel.rules (name, source) VALUES ('dead: too', 'dead.no_such');
UPDATE travel_internal.scans SET problem = 'a problem' WHERE rule = 'dead: plain';
SELECT travel.assert_healthy();
\set VERBOSITY sqlstate
SELECT travel.assert_healthy();
\set VERBOSITY default
SET client_min_messages = error;
DELETE FROM travel.rules;
REVOKE ALL ON ALL TABLES IN SCHEMA travel FROM regress_onlooker;
DROP OWNED BY regress_onlooker;
DROP ROLE regress_onlooker;
DROP SCHEMA dead CASCADE;
