-- What PostgreSQL has from 16, 17 or 18 on, where it touches a rule of the extension. An older version runs only the
-- parts before.
SET timezone = 'UTC';
SET client_min_messages = error;
\pset null '-'
SELECT current_setting('server_version_num')::int >= 160000 AS is_16,
    current_setting('server_version_num')::int >= 170000 AS is_17,
    current_setting('server_version_num')::int >= 180000 AS is_18 \gset
CREATE ROLE regress_owner;
CREATE ROLE regress_member;
SELECT travel.grant_to('regress_member', 'admin'), travel.grant_to('regress_owner', 'admin');
CREATE TABLE documents (id int, document jsonb);
INSERT INTO documents VALUES (1, '{"Records": [
    {"at": "2026-03-02T09:00:00Z", "ip": "192.0.2.1", "key": "K"},
    {"at": "2026-03-02T09:10:00Z", "ip": "203.0.113.1", "key": "K"}]}');
CREATE VIEW events AS
SELECT n AS event_id, (r->>'at')::timestamptz AS event_time, r->>'ip' AS source_ip, r->>'key' AS access_key_id
FROM documents, jsonb_array_elements(document->'Records') WITH ORDINALITY AS a (r, n);
INSERT INTO travel.rules (name, source, baseline) VALUES ('elements', 'events', false);

-- A role writes a rule for another if it can become that role. From 16 on, a membership can be without that (SET), and
-- without its privileges (INHERIT).
GRANT regress_owner TO regress_member;
SET ROLE regress_member;
SELECT sqlstate_of($$INSERT INTO travel.rules (name, source, owner) VALUES ('plain', 'events', 'regress_owner')$$);
RESET ROLE;
\if :is_16
    GRANT regress_owner TO regress_member WITH SET FALSE, INHERIT TRUE;
    SET ROLE regress_member;
    SELECT error_of($$INSERT INTO travel.rules (name, source, owner) VALUES ('no set', 'events', 'regress_owner')$$);
    SELECT sqlstate_of($$UPDATE travel.rules SET goal = 'mine' WHERE name = 'plain'$$) AS changed,
        sqlstate_of($$DELETE FROM travel.rules WHERE name = 'plain'$$) AS deleted,
        sqlstate_of($$SELECT travel.confirm_source('plain')$$) AS confirmed;
    RESET ROLE;
    GRANT regress_owner TO regress_member WITH SET TRUE, INHERIT FALSE;
    SET ROLE regress_member;
    SELECT sqlstate_of($$INSERT INTO travel.rules (name, source, owner) VALUES ('set', 'events', 'regress_owner')$$);
    RESET ROLE;
    -- The creator of a role administers it, and cannot become it.
    CREATE ROLE regress_maker CREATEROLE;
    SELECT travel.grant_to('regress_maker', 'admin');
    SET ROLE regress_maker;
    CREATE ROLE regress_made;
    SELECT sqlstate_of($$SELECT travel.grant_to('regress_made', 'read')$$) AS passed_on,
        sqlstate_of($$INSERT INTO travel.rules (name, source, owner) VALUES ('m', 'events', 'regress_made')$$) AS rule;
    RESET ROLE;
    DROP OWNED BY regress_made, regress_maker;
    DROP ROLE regress_made, regress_maker;
\endif
DELETE FROM travel.rules WHERE name <> 'elements';

-- From 17 on, JSON_TABLE takes documents apart, and maintenance runs with search_path = pg_catalog, pg_temp.
CREATE MATERIALIZED VIEW found AS SELECT entity, from_city, to_city FROM travel.detect('public.events');
CREATE INDEX ON documents (travel.source_kind(document->>'ip'), travel.event_time(document->>'at'));
REINDEX TABLE documents;
\if :is_17
    CREATE VIEW taken_apart AS
    SELECT j.* FROM documents, JSON_TABLE(document, '$.Records[*]' COLUMNS (event_id FOR ORDINALITY,
        event_time timestamptz PATH '$.at', source_ip text PATH '$.ip', access_key_id text PATH '$.key')) AS j;
    INSERT INTO travel.rules (name, source, baseline) VALUES ('json table', 'taken_apart', false);
    -- A superuser's rule makes no value of a domain that another role checks.
    CREATE SCHEMA owners AUTHORIZATION regress_owner;
    SET ROLE regress_owner;
    CREATE FUNCTION owners.is_key(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE DOMAIN owners.key AS text CHECK (owners.is_key(VALUE));
    RESET ROLE;
    GRANT USAGE ON SCHEMA owners TO PUBLIC;
    CREATE VIEW with_domain AS
    SELECT j.* FROM documents, JSON_TABLE(document, '$.Records[*]' COLUMNS (event_time timestamptz PATH '$.at',
        source_ip text PATH '$.ip', access_key_id owners.key PATH '$.key')) AS j;
    CREATE VIEW with_value AS
    SELECT now() AS event_time, '192.0.2.1' AS source_ip,
        JSON_VALUE(document, '$.Records[0].key' RETURNING owners.key)::text AS access_key_id FROM documents;
    INSERT INTO travel.rules (name, source, baseline)
    VALUES ('table of domain', 'with_domain', false), ('value of domain', 'with_value', false);
    GRANT MAINTAIN ON found TO regress_member;
    SET ROLE regress_member;
    REFRESH MATERIALIZED VIEW found;
    RESET ROLE;
\endif
REFRESH MATERIALIZED VIEW found;
SELECT * FROM found;
CALL travel.scan();
SELECT rule, last_error FROM travel.status ORDER BY rule;
SELECT rule, from_city, to_city FROM travel.alerts WHERE rule IN ('elements', 'json table') ORDER BY rule;

-- From 18 on, RETURNING shows the row before and after the triggers.
\if :is_18
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE rule = 'elements'
    RETURNING old.status, new.status, old.archived_at IS NULL AS was_open, new.archived_at IS NOT NULL AS is_archived;
    UPDATE travel.alerts SET from_city = 'Oslo' RETURNING old.from_city, new.from_city;
    INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES ('elements', 'K', 'GB')
    RETURNING old.origin, new.origin;
    UPDATE travel.known_places SET note = 'a note' WHERE rule = 'elements' RETURNING old.note, new.note;
\endif

DELETE FROM travel.rules;
SET session_replication_role = replica;
DELETE FROM travel_internal.alert_legs AS l USING travel.alerts AS a
WHERE a.id = l.alert_id AND a.rule IN ('elements', 'json table');
DELETE FROM travel.alert_history AS h USING travel.alerts AS a
WHERE a.id = h.alert_id AND a.rule IN ('elements', 'json table');
DELETE FROM travel.alerts WHERE rule IN ('elements', 'json table');
RESET session_replication_role;
DROP MATERIALIZED VIEW found;
DROP VIEW events;
\if :is_17
    DROP VIEW taken_apart, with_domain, with_value;
    DROP SCHEMA owners CASCADE;
\endif
DROP TABLE documents;
DROP OWNED BY regress_member, regress_owner;
DROP ROLE regress_member, regress_owner;
