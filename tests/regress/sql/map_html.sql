-- travel.map_html: what is in the page. The test e2e/map_html opens it in a browser.
\pset null '-'
CREATE FUNCTION data_of(page text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT substring(page FROM '<script type="application/json" id="data">([^<]*)</script>')::jsonb
$$;
-- Earlier tests delete rules without the trigger that deletes what belongs to a rule.
DELETE FROM travel_internal.coverage_days;
-- Without rules and alerts, the page says why it shows none.
SELECT data_of(travel.map_html()) - '{generated_at,left_out}'::text[] AS data;

CREATE TABLE map_trail AS SELECT NULL::text AS access_key_id, now() AS event_time, NULL::inet AS source_ip WHERE false;
INSERT INTO travel.rules (name, owner, source) VALUES ('map', current_user, 'public.map_trail');
-- 501 alerts, a minute apart, of which the newest has names that an attacker chose. One more lost its legs.
INSERT INTO travel.alerts (rule, severity, status, first_seen, last_seen, leg_count, evidence, signal, entity,
    session_name, from_time, from_ip, from_city, from_country, from_latitude, from_longitude,
    to_time, to_ip, to_city, to_country, to_latitude, to_longitude, elapsed_seconds, distance_km, velocity_kmh,
    withdrawn_at, from_access_key_id)
SELECT CASE WHEN n = 1 THEN 'deleted rule' ELSE 'map' END, CASE WHEN n % 2 = 0 THEN 'low' ELSE 'high' END,
    CASE WHEN n <= 10 THEN 'archived' ELSE 'open' END, t, t, 1, '{new_country}', '{}', 'key ' || n,
    CASE WHEN n = 501 THEN '</script><script>alert(1)</script> & "\u003c' || chr(8238) || repeat('x', 1000)
         ELSE 'user ' || n END,
    t, '192.0.2.1', 'London', 'United Kingdom', 51.5, -0.1,
    t + interval '10 minutes', '203.0.113.1', 'Tokyo', 'Japan', 35.7, 139.7, 600, 9559.2, 57355.2,
    CASE WHEN n = 502 THEN t END, CASE WHEN n = 500 THEN 'AKIA1' END
FROM generate_series(1, 502) AS n, LATERAL (SELECT '2026-03-01Z'::timestamptz + n * interval '1 minute') AS v (t);
INSERT INTO travel.verdicts (rule, raised, reasons, leg_id, to_time)
VALUES ('map', false, '{known_place}', '1', '2026-03-01Z'), ('map', false, '{known_place,vpn}', '2', '2026-03-02Z'),
    ('map', true, '{}', '3', '2026-03-02Z'), ('deleted rule', false, '{learning}', '4', '2026-03-02Z');
CREATE TABLE page AS
SELECT html, data_of(html) AS data
FROM (SELECT travel.map_html() AS html) AS p;

-- The page lists the newest 500 alerts and counts all, and says what it leaves out.
SELECT data -> 'alert_count' AS alerts, data -> 'open_count' AS open, jsonb_array_length(data -> 'alerts') AS listed,
    data -> 'alerts' -> 0 ->> 'entity' AS newest, data -> 'alerts' -> 499 ->> 'entity' AS oldest
FROM page;
SELECT jsonb_array_elements_text(data -> 'left_out') AS left_out FROM page;
SELECT data -> 'daily' AS daily, data -> 'reasons' AS reasons, data -> 'not_raised_count' AS not_raised FROM page;
-- What it shows of an alert is what the views for BI have, and the access keys of both ends if they differ.
SELECT alert - '{id,route}'::text[] AS alert, alert -> 'route' = r.route AS same_route,
    alert ->> 'who' = r.identity AS same_name
FROM page
CROSS JOIN LATERAL (SELECT data -> 'alerts' -> 1) AS e (alert)
JOIN travel.alert_routes AS r ON r.alert_id = (alert ->> 'id')::bigint;
-- One rule, also a deleted one with alerts, and one time.
SELECT data -> 'alert_count' AS alerts, data -> 'reasons' AS reasons, data -> 'rules' AS rules
FROM (SELECT data_of(travel.map_html('deleted rule'))) AS p (data);
SELECT data -> 'alert_count' AS alerts, data -> 'since' AS since, data -> 'left_out' ->> 0 AS left_out
FROM (SELECT data_of(travel.map_html('map', '2026-03-01 08:00Z'))) AS p (data);
SELECT data -> 'alert_count' AS alerts, data ->> 'why_none' AS why
FROM (SELECT data_of(travel.map_html(since => '2026-04-01Z'))) AS p (data);
SELECT error_of($$SELECT travel.map_html('no rule')$$);
-- The coverage is that of the rule and of the days since then.
INSERT INTO travel_internal.coverage_days
VALUES ('map', '2026-03-01', 1, 10, 1, 2, 3, 4, 5, true, now()),
    ('map', '2026-03-02', 1, 100, 0, 0, 0, 7, 0, true, now()),
    ('another', '2026-03-02', 1, 1000, 0, 0, 0, 0, 0, true, now());
SELECT since, (SELECT string_agg(concat(c ->> 'status', ' ', c ->> 'events'), ', ')
               FROM jsonb_array_elements(data_of(travel.map_html('map', since)) -> 'coverage') AS c) AS coverage
FROM (VALUES (NULL), ('2026-03-02 12:00Z'::timestamptz)) AS v (since);
DELETE FROM travel_internal.coverage_days WHERE rule = 'another';

-- A name is a text of the data, shortened, and never markup.
SELECT left(data -> 'alerts' -> 0 ->> 'who', 60) AS who, length(data -> 'alerts' -> 0 ->> 'who') AS length,
    html ~ '<script>alert' AS markup, (SELECT count(*) FROM regexp_matches(html, '<script', 'g')) AS scripts
FROM page;
-- The policy allows nothing but the style and the script of the page, which it names by their digests.
SELECT replace(replace(policy, style, 'the style'), script, 'the script') AS policy
FROM page
CROSS JOIN LATERAL (
    SELECT substring(html FROM 'Content-Security-Policy" content="([^"]*)"'),
        encode(sha256(convert_to(substring(html FROM '<style>([^<]*)</style>'), 'UTF8')), 'base64'),
        encode(sha256(convert_to(right(split_part(html, '</script>', 3),
            -length(substring(split_part(html, '</script>', 3) FROM '^\s*<script>'))), 'UTF8')), 'base64')
) AS p (policy, style, script);
-- It names no address outside of it but the namespace of SVG.
SELECT DISTINCT m[1] AS address FROM page, regexp_matches(html, '((?:https?:)?//[a-z][a-z0-9.-]*\.[^''" ]*)', 'g') AS m;

-- Roles need the level read.
CREATE ROLE regress_map;
SET ROLE regress_map;
SELECT sqlstate_of('SELECT travel.map_html()');
RESET ROLE;
SELECT travel.grant_to('regress_map', 'read');
SET ROLE regress_map;
SELECT data_of(travel.map_html('map')) -> 'alert_count' AS alerts;
RESET ROLE;

DELETE FROM travel.rules WHERE name = 'map';
SET session_replication_role = replica;
DELETE FROM travel.alerts;
DELETE FROM travel.alert_history;
DELETE FROM travel.verdicts;
RESET session_replication_role;
DROP TABLE page, map_trail;
DROP FUNCTION data_of;
DROP OWNED BY regress_map;
DROP ROLE regress_map;
