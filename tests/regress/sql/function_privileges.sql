-- All functions, relations and types of the extension, with what decides how PostgreSQL runs them and who may use them.
-- A new object is a new row of the expected output, so its privileges are reviewed.
\pset null '-'
CREATE ROLE regress_everybody;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE ROLE regress_files IN ROLE pg_read_server_files;
CREATE ROLE regress_read;
CREATE ROLE regress_triage;
CREATE ROLE regress_admin;
SELECT travel.grant_to('regress_read', 'read'), travel.grant_to('regress_triage', 'triage'),
    travel.grant_to('regress_admin', 'admin');
CREATE VIEW role AS
SELECT role, n FROM unnest('{regress_everybody,regress_monitor,regress_files,regress_read,regress_triage,regress_admin}'
    ::text[]) WITH ORDINALITY AS r (role, n);
CREATE VIEW routine AS
SELECT p.*, p.oid::regprocedure AS signature FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refobjid = e.oid AND extname = 'impossible_travel';
\pset format unaligned
\pset footer off
SELECT signature,
    CASE prokind WHEN 'f' THEN 'function' WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'window' END AS kind,
    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
    CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
    CASE WHEN proisstrict THEN 'strict' END AS strict,
    CASE WHEN prosecdef THEN 'definer' END AS rights,
    array_to_string(proconfig, '; ') AS settings,
    coalesce((SELECT replace(role, 'regress_', '') FROM role WHERE has_function_privilege(role, p.oid, 'EXECUTE')
              ORDER BY n LIMIT 1), 'owner') AS least_role
FROM routine AS p
ORDER BY signature::text COLLATE "C";
-- All relations, with the least role that has a privilege, and its columns if it is not for all of them.
CREATE VIEW relation AS
SELECT c.*, c.oid::regclass AS relation FROM pg_class AS c
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind NOT IN ('i', 'c');
WITH may AS (
    SELECT c.relation, c.relkind, c.reloptions, r.n, r.role, p.place, p.privilege,
        CASE WHEN relkind = 'S'
            THEN CASE WHEN has_sequence_privilege(role, c.oid, 'USAGE, SELECT, UPDATE') THEN '' END
            WHEN has_table_privilege(role, c.oid, privilege) THEN ''
            WHEN place < 4
            THEN (SELECT ' (' || string_agg(quote_ident(attname), ', ' ORDER BY attnum) || ')' FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND has_column_privilege(role, c.oid, attnum, privilege))
        END AS what
    FROM relation AS c, role AS r, (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE'), (5, 'TRUNCATE'),
        (6, 'REFERENCES'), (7, 'TRIGGER')) AS p (place, privilege)
), added AS (
    SELECT *, what IS NOT NULL
        AND what IS DISTINCT FROM lag(what) OVER (PARTITION BY relation, privilege ORDER BY n) AS is_added
    FROM may
)
SELECT relation, CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE relkind::text END
        AS kind, array_to_string(reloptions, '; ') AS options,
    coalesce(string_agg(format('%s%s: %s', lower(privilege), what, replace(role, 'regress_', '')), '; '
                        ORDER BY place, n) FILTER (WHERE is_added), 'owner') AS least_role
FROM added GROUP BY relation, relkind, reloptions ORDER BY relation::text COLLATE "C";
-- All types. Those of arrays and of the rows of tables have no privileges of their own.
CREATE VIEW type AS
SELECT t.*, t.oid::regtype AS type FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = typrelid
WHERE typnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND typcategory <> 'A'
    AND coalesce(relkind, 'c') = 'c';
SELECT type, CASE typtype WHEN 'b' THEN 'base' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum'
        ELSE typtype::text END AS kind,
    coalesce((SELECT replace(role, 'regress_', '') FROM role WHERE has_type_privilege(role, t.oid, 'USAGE')
              ORDER BY n LIMIT 1), 'owner') AS least_role
FROM type AS t ORDER BY type::text COLLATE "C";
\pset footer on
\pset format aligned
-- A level has what the levels below it have, and only two roles of PostgreSQL stand beside them.
SELECT signature, a.role AS has, b.role AS lacks FROM routine AS p, role AS a, role AS b
WHERE a.n < b.n AND a.role <> ALL ('{regress_monitor,regress_files}')
    AND has_function_privilege(a.role, p.oid, 'EXECUTE')
    AND NOT has_function_privilege(b.role, p.oid, 'EXECUTE')
ORDER BY 1, 2, 3;
-- Nobody has an option to grant, and every function that runs with its owner's privileges pins the search_path.
SELECT signature, role FROM routine AS p, role WHERE has_function_privilege(role, p.oid, 'EXECUTE WITH GRANT OPTION');
SELECT signature FROM routine
WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false);

-- Each role tries every function that it must not call, every table and column that it must not read or change, and
-- whatever only an owner may do.
CREATE TABLE tried AS
SELECT role, format(CASE prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT %s(%s)' END, p.oid::regproc, (
        SELECT string_agg('NULL::' || t::regtype, ', ' ORDER BY i)
        FROM unnest(CASE prokind WHEN 'p' THEN coalesce(proallargtypes, proargtypes::oid[]) ELSE proargtypes::oid[] END)
            WITH ORDINALITY AS a (t, i))) AS statement
FROM routine AS p, role WHERE NOT has_function_privilege(role, p.oid, 'EXECUTE')
UNION ALL
SELECT role, format(statement, c.oid::regclass, (SELECT quote_ident(attname) FROM pg_attribute
                                                 WHERE attrelid = c.oid AND attnum = 1))
FROM relation AS c, role, (VALUES ('SELECT', 'SELECT %2$s FROM %1$s LIMIT 1'),
    ('INSERT', 'INSERT INTO %1$s (%2$s) VALUES (NULL)'), ('UPDATE', 'UPDATE %1$s SET %2$s = NULL'),
    ('DELETE', 'DELETE FROM %1$s'), ('TRUNCATE', 'TRUNCATE %1$s'), ('SELECT', 'LOCK TABLE %1$s'))
    AS s (privilege, statement)
WHERE relkind <> 'S'
    AND CASE privilege WHEN 'DELETE' THEN NOT has_table_privilege(role, c.oid, 'DELETE')
        WHEN 'TRUNCATE' THEN relkind = 'r' AND NOT has_table_privilege(role, c.oid, 'TRUNCATE')
        ELSE NOT has_any_column_privilege(role, c.oid, privilege) END
UNION ALL
SELECT role, format(statement, c.oid::regclass, attname)
FROM relation AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped, role,
    (VALUES ('INSERT', 'INSERT INTO %s (%I) VALUES (NULL)'), ('UPDATE', 'UPDATE %s SET %I = NULL'))
    AS s (privilege, statement)
WHERE relkind = 'r' AND attidentity = '' AND attgenerated = '' AND has_any_column_privilege(role, c.oid, privilege)
    AND NOT has_column_privilege(role, c.oid, attnum, privilege)
UNION ALL
SELECT role, format(statement, c.oid::regclass)
FROM relation AS c, role, (VALUES ('SELECT nextval(%L)'), ('SELECT setval(%L, 1)'), ('SELECT last_value FROM %s'))
    AS s (statement)
WHERE relkind = 'S'
UNION ALL
SELECT role, format(statement, c.oid::regclass)
FROM relation AS c, role, (VALUES ('r', 'ALTER TABLE %s RENAME TO mine'), ('r', 'DROP TABLE %s'),
    ('r', 'ALTER TABLE %s DISABLE TRIGGER ALL'), ('r', 'ALTER TABLE %s ENABLE ROW LEVEL SECURITY'),
    ('r', 'CREATE TRIGGER mine BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
    ('r', 'CREATE RULE mine AS ON INSERT TO %s DO INSTEAD NOTHING'), ('r', 'CREATE INDEX ON %s ((1))'),
    ('v', 'ALTER VIEW %s RENAME TO mine'), ('v', 'DROP VIEW %s'), ('v', 'CREATE OR REPLACE VIEW %s AS SELECT 1'))
    AS s (kind, statement)
WHERE relkind = kind::"char"
UNION ALL
SELECT role, format(statement, signature) FROM routine, role,
    (VALUES ('ALTER ROUTINE %s RENAME TO mine'), ('DROP ROUTINE %s')) AS s (statement)
UNION ALL
SELECT role, format(statement, type) FROM type, role,
    (VALUES ('ALTER TYPE %s RENAME TO mine'), ('DROP TYPE %s')) AS s (statement)
UNION ALL
SELECT role, format(statement, schema) FROM unnest('{travel,travel_internal}'::text[]) AS schema, role,
    (VALUES ('CREATE TABLE %s.mine ()'), ('CREATE FUNCTION %s.mine() RETURNS int LANGUAGE sql AS ''SELECT 1'''),
        ('CREATE TYPE %s.mine AS (n int)'), ('ALTER SCHEMA %s RENAME TO mine'), ('DROP SCHEMA %s CASCADE'))
    AS s (statement)
UNION ALL
SELECT role, format('SET %s = %L', name, setting) FROM pg_settings, role
WHERE name LIKE 'impossible\_travel.%' AND context = 'superuser'
UNION ALL
SELECT role, statement FROM role,
    (VALUES ('DROP EXTENSION impossible_travel'), ('ALTER EXTENSION impossible_travel UPDATE'),
        ('ALTER EXTENSION impossible_travel DROP TABLE travel.rules'),
        ('COMMENT ON EXTENSION impossible_travel IS ''mine''')) AS s (statement);
GRANT SELECT ON tried TO PUBLIC;
CREATE TABLE outcome (role text, statement text, state text);
GRANT INSERT ON outcome TO PUBLIC;
SET client_min_messages = error;
SELECT format('SET ROLE %I', role),
    format('INSERT INTO outcome SELECT role, statement, sqlstate_of(statement) FROM tried WHERE role = %L', role)
FROM role ORDER BY n
\gexec
RESET ROLE;
RESET client_min_messages;
SELECT role, count(*) > 700 AS many, string_agg(DISTINCT state, ' ') AS refused_with
FROM outcome GROUP BY role ORDER BY role;
-- Before PostgreSQL checks privileges, it refuses changes of views that no role can change (55000).
SELECT * FROM outcome
WHERE state <> '42501' AND NOT (state = '55000' AND EXISTS (
    SELECT FROM relation WHERE relkind = 'v' AND pg_relation_is_updatable(oid, false) = 0
        AND statement ~ format('^(INSERT INTO|UPDATE|DELETE FROM) %s( |$)', relation)))
ORDER BY 1, 2;
DROP TABLE tried, outcome;
DROP VIEW routine, relation, type, role;
DROP OWNED BY regress_read, regress_triage, regress_admin;
DROP ROLE regress_everybody, regress_monitor, regress_files, regress_read, regress_triage, regress_admin;
