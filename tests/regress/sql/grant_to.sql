-- travel.grant_to: what each of its three levels may and may not do, beside a role without a grant.
\pset null '-'
CREATE ROLE regress_read;
CREATE ROLE regress_triage;
CREATE ROLE "Regress Admin";
CREATE ROLE regress_plain;
SELECT travel.grant_to('regress_read', 'read'), travel.grant_to('regress_triage', 'triage'),
    travel.grant_to('Regress Admin', 'admin');
-- Granting twice is like granting once.
SELECT travel.grant_to('regress_triage', 'triage');
SELECT error_of($$SELECT travel.grant_to('regress_plain', 'owner')$$);
SELECT error_of($$SELECT travel.grant_to('"Regress Admin"', 'read')$$);
SELECT error_of($$SELECT travel.grant_to(NULL, 'read')$$);
SELECT role, sqlstate_of(format('SELECT travel.grant_to(%L, %L)', role, level))
FROM (VALUES ('public', 'read'), ('none', 'read'), ('current_user', 'read'), ('', 'read'),
    ('regress_plain; DROP ROLE regress_plain', 'read'), (repeat('r', 100), 'read'), ('regress_plain', 'READ'),
    ('regress_plain', ''), ('regress_plain', NULL)) AS v (role, level);

CREATE TABLE roles_trail AS
SELECT NULL::text AS access_key_id, now() AS event_time, NULL::inet AS source_ip
WHERE false;
INSERT INTO travel.rules (name, owner, source) VALUES ('roles', current_user, 'public.roles_trail');
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal)
VALUES ('roles', 'low', '2026-03-02', '2026-03-02', 1, '{}', '{}');
INSERT INTO travel.networks (network, name) VALUES ('10.0.0.0/8', 'roles');

-- The privileges on each table: no others were granted.
SELECT relname AS table, role,
    concat_ws(', ', CASE WHEN has_table_privilege(role, oid, 'SELECT') THEN 'select' END,
        CASE WHEN has_table_privilege(role, oid, 'INSERT') THEN 'insert' END,
        CASE WHEN has_table_privilege(role, oid, 'UPDATE') THEN 'update' END,
        CASE WHEN has_table_privilege(role, oid, 'DELETE') THEN 'delete' END,
       CASE WHEN has_table_privilege(role, oid, 'TRUNCATE, REFERENCES, TRIGGER') THEN 'more' END,
           (
               SELECT 'update of ' || string_agg(attname, ' ' ORDER BY attname)
               FROM pg_attribute
               WHERE attrelid = oid
                   AND attnum > 0
                   AND has_column_privilege(role, attrelid, attnum, 'UPDATE')
                   AND NOT has_table_privilege(role, oid, 'UPDATE')
           )) AS may
FROM pg_class
CROSS JOIN unnest('{regress_plain,regress_read,regress_triage,Regress Admin}'::name[])
    WITH ORDINALITY AS r (role, level)
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND relname IN ('alerts', 'alert_history', 'alert_legs', 'verdicts', 'known_places', 'known_transitions',
        'suppressions', 'networks', 'rules', 'scans', 'entity_checkpoints', 'baseline_checkpoints',
        'minted_keys')
  AND (has_any_column_privilege(role, oid, 'SELECT, INSERT, UPDATE, REFERENCES')
      OR has_table_privilege(role, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'))
ORDER BY 1, level;
-- No level may grant its own privileges, own an object, or create in the schema.
SELECT role,
    count(*) FILTER (WHERE has_any_column_privilege(role, oid, 'SELECT WITH GRANT OPTION, UPDATE WITH GRANT OPTION'))
        AS grantable,
    bool_or(has_schema_privilege(role, 'travel', 'CREATE')) AS create,
    bool_or(pg_has_role(role, relowner, 'USAGE')) AS own
FROM pg_class
CROSS JOIN unnest('{regress_plain,regress_read,regress_triage,Regress Admin}'::name[]) AS role
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind IN ('r', 'v')
GROUP BY 1
ORDER BY 1;
-- Functions that are revoked from PUBLIC.
SELECT proname, has_function_privilege('regress_plain', oid, 'EXECUTE') AS plain,
    has_function_privilege('regress_read', oid, 'EXECUTE') AS read,
    has_function_privilege('regress_triage', oid, 'EXECUTE') AS triage,
    has_function_privilege('Regress Admin', oid, 'EXECUTE') AS admin
FROM pg_proc
WHERE pronamespace = ANY ('{travel,travel_internal}'::regnamespace[])
    AND proname IN ('geoip_databases', 'grant_to', 'guard_alert', 'guard_known', 'guard_suppression', 'note_alert')
ORDER BY 1;
-- The comment of each of them names the level or the role of PostgreSQL, because PostgreSQL's error for a missing
-- privilege has no hint.
SELECT p.oid::regprocedure AS routine, d.description
FROM pg_proc AS p
JOIN (VALUES (1, 'read', 'regress_read'), (2, 'triage', 'regress_triage'), (3, 'admin', 'Regress Admin'))
    AS l (n, level, role) ON has_function_privilege(l.role, p.oid, 'EXECUTE')
LEFT JOIN pg_description AS d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
WHERE pronamespace = 'travel'::regnamespace AND NOT has_function_privilege('regress_plain', p.oid, 'EXECUTE')
GROUP BY p.oid, d.description
HAVING d.description IS NULL
    OR regexp_replace(d.description, '\s+', ' ')
        !~ format('Requires (the level %s|membership in pg_read_server_files$)', (array_agg(l.level ORDER BY l.n))[1])
ORDER BY 1;

-- The same statements by all four roles.
CREATE TABLE tried (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO tried (statement) VALUES
    ('SELECT count(*) FROM travel.alerts'),
    ('SELECT count(*) FROM travel.alert_history'),
    ('SELECT count(*) FROM travel.verdicts'),
    ('SELECT count(*) FROM travel.known_places'),
    ('SELECT count(*) FROM travel.known_transitions'),
    ('SELECT count(*) FROM travel.suppressions'),
    ('SELECT count(*) FROM travel.networks'),
    ('SELECT count(*) FROM travel.rules'),
    ('UPDATE travel.alerts SET status = ''archived'', archive_reason = ''other'''),
    ('UPDATE travel.alerts SET assignee = ''x'''),
    ('SELECT count(*) FROM (SELECT id FROM travel.alerts FOR UPDATE) AS a'),
    ('INSERT INTO travel.suppressions (rule, reason) VALUES (''roles'', ''x'')'),
    ('UPDATE travel.suppressions SET reason = ''y'''),
    ('DELETE FROM travel.suppressions'),
    ('INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES (''roles'', ''x'', ''GB'')'),
    ('UPDATE travel.known_places SET note = ''x'''),
    ('DELETE FROM travel.known_places'),
    ('INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, '
     'to_country_code) VALUES (''roles'', ''x'', ''GB'', ''JP'')'),
    ('UPDATE travel.known_transitions SET note = ''x'''),
    ('DELETE FROM travel.known_transitions'),
    ('INSERT INTO travel.rules (name, owner, source) VALUES (''r'' || random(), current_user, ''pg_catalog.pg_am'')'),
    ('UPDATE travel.rules SET goal = ''x'' WHERE owner = current_user'),
    ('DELETE FROM travel.rules WHERE owner = current_user'),
    ('INSERT INTO travel.networks (network, name) VALUES (''10.0.0.0/8'', ''x'')'),
    ('UPDATE travel.networks SET note = ''x'''),
    ('DELETE FROM travel.networks WHERE name = ''x'''),
    ('SELECT count(*) FROM travel.geoip_databases()'), ('SELECT travel.grant_to(''regress_read'', ''read'')'),
    -- Statements that none of them may run.
    ('INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, '
     'signal) VALUES (''roles'', ''low'', now(), now(), 1, ''{}'', ''{}'')'),
    ('UPDATE travel.alerts SET severity = ''info'''),
    ('UPDATE travel.alerts SET archived_at = now()'),
    ('DELETE FROM travel.alerts'),
    ('TRUNCATE travel.alerts'),
    ('INSERT INTO travel.alert_history (alert_id, by, change) VALUES (1, ''x'', ''{}'')'),
    ('UPDATE travel.alert_history SET by = ''x'''),
    ('DELETE FROM travel.alert_history'),
    ('INSERT INTO travel.verdicts (rule, raised, reasons, leg_id) VALUES (''roles'', true, ''{}'', ''x'')'),
    ('UPDATE travel.verdicts SET raised = false'),
    ('DELETE FROM travel.verdicts'),
    ('SELECT count(*) FROM travel_internal.alert_legs'),
    ('INSERT INTO travel_internal.alert_legs (alert_id, leg_id, to_time, from_known, to_known) VALUES (1, ''x'', '
     'now(), true, true)'),
    ('SELECT count(*) FROM travel_internal.scans'),
    ('UPDATE travel_internal.scans SET scanned = NULL'),
    ('SELECT count(*) FROM travel_internal.entity_checkpoints'),
    ('DELETE FROM travel_internal.entity_checkpoints'),
    ('SELECT count(*) FROM travel_internal.baseline_checkpoints'),
    ('DELETE FROM travel_internal.baseline_checkpoints'),
    ('SELECT count(*) FROM travel_internal.minted_keys'),
    ('DELETE FROM travel_internal.minted_keys'),
    ('INSERT INTO travel.known_places (rule, baseline_entity, country_code, origin) VALUES (''roles'', ''x'', ''GB'', '
     '''learnt'')'),
    ('SELECT nextval(''travel.alerts_id_seq'')'),
    ('SELECT setval(''travel.suppressions_id_seq'', 1)'),
    ('ALTER TABLE travel.alerts DISABLE TRIGGER ALL'),
    ('CREATE TRIGGER mine BEFORE UPDATE ON travel.alerts FOR EACH ROW EXECUTE FUNCTION '
     'suppress_redundant_updates_trigger()'),
    ('SET session_replication_role = replica'),
    ('CREATE FUNCTION travel.mine() RETURNS int LANGUAGE sql AS ''SELECT 1'''),
    ('SELECT travel_internal.guard_alert()');
-- Nobody may use the trigger functions on a table of their own to gain the privileges of the owner.
INSERT INTO tried (statement)
SELECT format('CREATE TABLE pg_temp.alerts (id bigint); CREATE TRIGGER mine AFTER UPDATE ON pg_temp.alerts FOR EACH '
              'ROW EXECUTE FUNCTION travel_internal.%s()',
    name)
FROM unnest('{note_alert,guard_known,guard_suppression}'::text[]) AS name;
GRANT SELECT ON tried TO PUBLIC;
CREATE TABLE outcome (n int, role text, state text);
GRANT INSERT ON outcome TO PUBLIC;
SET client_min_messages = error;
SET ROLE regress_plain;
INSERT INTO outcome SELECT n, 'plain', sqlstate_of(statement) FROM tried ORDER BY n;
SET ROLE regress_read;
INSERT INTO outcome SELECT n, 'read', sqlstate_of(statement) FROM tried ORDER BY n;
SET ROLE regress_triage;
INSERT INTO outcome SELECT n, 'triage', sqlstate_of(statement) FROM tried ORDER BY n;
SET ROLE "Regress Admin";
INSERT INTO outcome SELECT n, 'admin', sqlstate_of(statement) FROM tried ORDER BY n;
RESET ROLE;
RESET client_min_messages;
SELECT left(statement, 100) AS statement, max(state) FILTER (WHERE role = 'plain') AS plain,
    max(state) FILTER (WHERE role = 'read') AS read, max(state) FILTER (WHERE role = 'triage') AS triage,
    max(state) FILTER (WHERE role = 'admin') AS admin
FROM tried JOIN outcome USING (n) GROUP BY n, tried.statement ORDER BY n;
-- The history of the alert has the roles that changed it, and no other.
SELECT by, count(*) FROM travel.alert_history GROUP BY 1 ORDER BY 1;
-- An administrator can grant privileges, whatever the search_path.
CREATE SCHEMA roles_evil AUTHORIZATION "Regress Admin";
SET ROLE "Regress Admin";
CREATE FUNCTION roles_evil.format(text, VARIADIC text[]) RETURNS text
    LANGUAGE sql AS $$ SELECT 'ALTER ROLE "Regress Admin" SUPERUSER' $$;
SET search_path = roles_evil, pg_catalog, public;
SELECT travel.grant_to('regress_plain', 'read');
RESET search_path;
RESET ROLE;
SELECT rolsuper FROM pg_roles WHERE rolname = 'Regress Admin';
SELECT has_table_privilege('regress_plain', 'travel.alerts', 'SELECT') AS read,
    has_any_column_privilege('regress_plain', 'travel.alerts', 'UPDATE') AS triage;

SET client_min_messages = warning;
DROP SCHEMA roles_evil CASCADE;
DELETE FROM travel.rules;
DELETE FROM travel.networks;
SET session_replication_role = replica;
DELETE FROM travel.alerts;
DELETE FROM travel.alert_history;
RESET session_replication_role;
DROP TABLE tried, outcome, roles_trail;
DROP OWNED BY regress_plain, regress_read, regress_triage, "Regress Admin";
DROP ROLE regress_plain, regress_read, regress_triage, "Regress Admin";
-- The role that installs the extension is its administrator, whatever its name, and may grant privileges to others.
CREATE ROLE "Regress O'Dba" LOGIN;
CREATE ROLE "Regress Dba" LOGIN;
CREATE DATABASE regress_roles OWNER "Regress Dba" TEMPLATE template0;
\c regress_roles "Regress Dba"
CREATE EXTENSION impossible_travel;
SELECT travel.grant_to('Regress O''Dba', 'admin');
SELECT has_table_privilege('travel.rules', 'UPDATE') AS rules,
    has_column_privilege('travel.alerts', 'status', 'UPDATE') AS alerts;
INSERT INTO travel.networks (network, name) VALUES ('10.0.0.0/8', 'his');
-- That role can dump and load all tables of a dump, but not change what only scans may change.
SELECT count(*) AS tables,
    bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')) AS dump_and_load,
    bool_or(has_table_privilege(c.oid, 'TRUNCATE')) AS truncate
FROM pg_extension AS e
JOIN pg_class AS c ON c.oid = ANY (e.extconfig)
WHERE extname = 'impossible_travel' AND relkind = 'r';
-- A dump has no rows of the other table, which proves in which database a scan ran, so only scans write it. Older
-- releases of pg_dump lock it, for which they need SELECT.
SELECT c.oid::regclass AS table, has_table_privilege(c.oid, 'SELECT') AS lock,
    has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS write
FROM pg_extension AS e
JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
WHERE extname = 'impossible_travel' AND relkind = 'r' AND c.oid <> ALL (e.extconfig)
ORDER BY c.oid::regclass::text COLLATE "C";
SELECT relname, has_table_privilege(oid, 'UPDATE') AS update, has_table_privilege(oid, 'DELETE') AS delete
FROM pg_class
WHERE oid IN ('travel.alerts'::regclass, 'travel.alert_history'::regclass, 'travel_internal.scans'::regclass)
ORDER BY 1;
\c regression postgres
DROP DATABASE regress_roles;
DROP ROLE "Regress O'Dba", "Regress Dba";
