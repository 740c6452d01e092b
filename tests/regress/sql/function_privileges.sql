-- All functions of the extension, with what decides how PostgreSQL runs them and who may call them. A new function is a
-- new row of the expected output, so its privileges are reviewed.
\pset null '-'
CREATE ROLE regress_everybody;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE ROLE regress_read;
CREATE ROLE regress_triage;
CREATE ROLE regress_admin;
SELECT travel.grant_to('regress_read', 'read'), travel.grant_to('regress_triage', 'triage'),
    travel.grant_to('regress_admin', 'admin');
CREATE VIEW role AS
SELECT role, n FROM unnest('{regress_everybody,regress_monitor,regress_read,regress_triage,regress_admin}'::text[])
    WITH ORDINALITY AS r (role, n);
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
\pset footer on
\pset format aligned
-- A level has what the levels below it have, and only pg_monitor stands beside them.
SELECT signature, a.role AS has, b.role AS lacks FROM routine AS p, role AS a, role AS b
WHERE a.n < b.n AND a.role <> 'regress_monitor' AND has_function_privilege(a.role, p.oid, 'EXECUTE')
    AND NOT has_function_privilege(b.role, p.oid, 'EXECUTE')
ORDER BY 1, 2, 3;
-- Nobody has an option to grant, and every function that runs with its owner's privileges pins the search_path.
SELECT signature, role FROM routine AS p, role WHERE has_function_privilege(role, p.oid, 'EXECUTE WITH GRANT OPTION');
SELECT signature FROM routine
WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false);

-- Each role tries every function that it must not call, and every table that it must not read or change.
CREATE TABLE tried AS
SELECT role, format(CASE prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT %s(%s)' END, p.oid::regproc, (
        SELECT string_agg('NULL::' || t::regtype, ', ' ORDER BY i)
        FROM unnest(CASE prokind WHEN 'p' THEN coalesce(proallargtypes, proargtypes::oid[]) ELSE proargtypes::oid[] END)
            WITH ORDINALITY AS a (t, i))) AS statement
FROM routine AS p, role WHERE NOT has_function_privilege(role, p.oid, 'EXECUTE')
UNION ALL
SELECT role, format(statement, c.oid::regclass, (SELECT quote_ident(attname) FROM pg_attribute
                                                 WHERE attrelid = c.oid AND attnum = 1))
FROM pg_class AS c, role, (VALUES ('SELECT', 'SELECT %2$s FROM %1$s LIMIT 1'),
    ('INSERT', 'INSERT INTO %1$s (%2$s) VALUES (NULL)'), ('UPDATE', 'UPDATE %1$s SET %2$s = NULL'),
    ('DELETE', 'DELETE FROM %1$s'), ('TRUNCATE', 'TRUNCATE %1$s'), ('OWN', 'ALTER TABLE %1$s RENAME TO mine'),
    ('OWN', 'DROP TABLE %1$s'), ('SELECT', 'LOCK TABLE %1$s')) AS s (privilege, statement)
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind IN ('r', 'v', 'p')
    -- A view is only read: most cannot be changed by anybody.
    AND CASE privilege WHEN 'SELECT' THEN NOT has_any_column_privilege(role, c.oid, 'SELECT')
        WHEN 'OWN' THEN relkind = 'r'
        WHEN 'INSERT' THEN relkind = 'r' AND NOT has_any_column_privilege(role, c.oid, 'INSERT')
        WHEN 'UPDATE' THEN relkind = 'r' AND NOT has_any_column_privilege(role, c.oid, 'UPDATE')
        ELSE relkind = 'r' AND NOT has_table_privilege(role, c.oid, privilege) END;
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
SELECT role, count(*) > 100 AS many, string_agg(DISTINCT state, ' ') AS refused_with
FROM outcome GROUP BY role ORDER BY role;
SELECT * FROM outcome WHERE state <> '42501' ORDER BY 1, 2;
DROP TABLE tried, outcome;
DROP VIEW routine, role;
DROP OWNED BY regress_read, regress_triage, regress_admin;
DROP ROLE regress_everybody, regress_monitor, regress_read, regress_triage, regress_admin;
