-- A rule is bound to the source that its writer saw: to its owner, and to a permanent relation. The rule of a superuser
-- reads only relations of superusers.
SET client_min_messages = error;
\set VERBOSITY terse
\pset null '-'
CREATE ROLE regress_team;
CREATE ROLE regress_soc;
CREATE ROLE regress_root SUPERUSER;
SELECT travel.grant_to('regress_soc', 'admin'), travel.grant_to('regress_team', 'admin');
CREATE SCHEMA team AUTHORIZATION regress_team;
GRANT USAGE ON SCHEMA team TO PUBLIC;
CREATE VIEW last_errors AS SELECT rule, last_scan IS NOT NULL AS scanned, last_error FROM travel.status ORDER BY rule;
GRANT SELECT ON last_errors TO PUBLIC;
CREATE FUNCTION trail(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM travel.create_events_table(name);
    EXECUTE format('INSERT INTO %s (event_id, event_time, source_ip, access_key_id, actor) VALUES (1, '
                   '''2026-03-02 09:00Z'', ''192.0.2.5'', ''K'', ''a''), (2, ''2026-03-02 09:10Z'', ''203.0.113.7'', '
                   '''K'', ''a'')',
        name);
END $$;

-- The owner of a schema drops the superuser's table, and creates a view of that name whose functions would run as a
-- superuser.
SELECT trail('team.cloudtrail');
INSERT INTO travel.rules (name, source, baseline) VALUES ('r', 'team.cloudtrail', false);
SELECT name, owner = current_user AS own, source_owner = current_user AS bound FROM travel.rules;
CALL travel.scan();
SELECT * FROM last_errors;
SET ROLE regress_team;
DROP TABLE team.cloudtrail;
CREATE FUNCTION team.evil() RETURNS text
    LANGUAGE plpgsql AS $$
        BEGIN
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            THEN EXECUTE 'ALTER ROLE regress_team SUPERUSER';
        END IF;
        RETURN 'x';
        END
    $$;
CREATE VIEW team.cloudtrail AS
SELECT team.evil() AS event_id, now() AS event_time, '192.0.2.5'::inet AS source_ip, 'k'::text AS access_key_id,
    'a'::text AS actor;
RESET ROLE;
CALL travel.scan();
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_team';
SELECT rule, scanned, replace(last_error, current_user, 'the superuser') AS last_error FROM last_errors;
-- The superuser confirms the new owner: the rule of a superuser is refused, and a rule of the new owner works.
SELECT travel.confirm_source('r');
CALL travel.scan();
SELECT rule, replace(last_error, current_user, 'the superuser') AS last_error FROM last_errors;
SELECT travel.check_rule('r');
\set VERBOSITY default
SELECT replace(error_of($$SELECT travel.check_rule('r')$$), current_user, 'the superuser');
\set VERBOSITY terse
UPDATE travel.rules SET owner = 'regress_team' WHERE name = 'r';
CALL travel.scan();
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_team';
SELECT * FROM last_errors;
DELETE FROM travel.rules;

-- Any change of the owner of the source waits for a member of the rule's owner: no other role can confirm it or enter
-- another.
SELECT trail('public.shared');
GRANT SELECT ON shared TO regress_soc;
SET ROLE regress_soc;
INSERT INTO travel.rules (name, source, baseline) VALUES ('s', 'shared', false);
RESET ROLE;
CALL travel.scan();
ALTER TABLE shared OWNER TO regress_team;
CALL travel.scan();
SELECT rule, scanned, last_error FROM last_errors;
SET ROLE regress_team;
SELECT sqlstate_of($$SELECT travel.confirm_source('s')$$) AS no_member;
SET ROLE regress_soc;
SELECT sqlstate_of($$UPDATE travel.rules SET source_owner = 'regress_soc'$$) AS another,
    sqlstate_of($$SELECT travel.confirm_source('no such')$$) AS no_rule,
    sqlstate_of($$SELECT travel.confirm_source(NULL)$$) AS null_rule;
-- Other settings change, and it still waits.
UPDATE travel.rules SET goal = 'to find' WHERE name = 's';
CALL travel.scan();
SELECT rule, last_error IS NULL AS fine FROM last_errors;
SELECT travel.confirm_source('s');
CALL travel.scan();
SELECT rule, last_error IS NULL AS fine, (SELECT source_owner FROM travel.rules WHERE name = rule) AS source_owner
FROM last_errors;
RESET ROLE;
-- A renamed role counts as another: rules store roles by name, as dumps do.
ALTER ROLE regress_team RENAME TO regress_crew;
CALL travel.scan();
SELECT * FROM last_errors;
ALTER ROLE regress_crew RENAME TO regress_team;
CALL travel.scan();
SELECT * FROM last_errors;
-- Another source, or another owner of the rule, binds it anew.
SELECT trail('public.others');
GRANT SELECT ON others TO regress_soc;
UPDATE travel.rules SET source = 'others' WHERE name = 's';
SELECT source_owner = current_user AS bound FROM travel.rules;
-- A dump contains the binding, and loading it does not bind the rule anew.
SET check_function_bodies = off;
INSERT INTO travel.rules (name, owner, source, source_owner, baseline)
VALUES ('dumped', 'regress_soc', 'public.others', 'regress_team', false);
RESET check_function_bodies;
SELECT name, source_owner = 'regress_team' AS as_dumped FROM travel.rules ORDER BY 1;
CALL travel.scan();
SELECT rule, last_error LIKE 'source "%" of rule "dumped" has a new owner (42501)' AS waits FROM last_errors;
DELETE FROM travel.rules;
-- A source that did not exist when the rule was written is accepted from the rule's owner and from superusers, and from
-- others once it is confirmed.
SET ROLE regress_soc;
INSERT INTO travel.rules (name, source, baseline) VALUES ('later', 'team.later', false);
RESET ROLE;
SET ROLE regress_team;
CREATE TABLE team.later AS SELECT * FROM shared;
GRANT SELECT ON team.later TO regress_soc;
RESET ROLE;
CALL travel.scan();
SELECT * FROM last_errors;
ALTER TABLE team.later OWNER TO regress_soc;
CALL travel.scan();
SELECT * FROM last_errors;
DELETE FROM travel.rules;

-- A temporary relation cannot be a source, neither when the rule is written nor when it is scanned.
CREATE TEMPORARY TABLE short (LIKE others INCLUDING ALL);
CREATE TEMPORARY VIEW short_view AS SELECT * FROM others;
CREATE VIEW over_short AS SELECT * FROM short;
SELECT source, sqlstate_of(format('INSERT INTO travel.rules (name, source) VALUES (%L, %1$L)', source)) AS written,
    sqlstate_of(format('SELECT travel.create_rule(''human'', %L)', source)) AS created
FROM unnest('{short,pg_temp.short,short_view,over_short}'::text[]) AS source;
-- A name without a schema must be that of an existing table.
INSERT INTO travel.rules (name, source, baseline) VALUES ('unqualified', 'not_yet', false);
CREATE TEMPORARY TABLE not_yet AS SELECT * FROM others;
CALL travel.scan();
SELECT * FROM last_errors;
-- An existing table cannot be shadowed.
INSERT INTO travel.rules (name, source, baseline) VALUES ('qualified', 'public.others', false);
CREATE TEMPORARY TABLE others AS SELECT * FROM public.others LIMIT 0;
SELECT error_of($$UPDATE travel.rules SET source = 'others' WHERE name = 'qualified'$$);
CALL travel.scan('qualified');
SELECT count(*) FROM travel.alerts WHERE rule = 'qualified';
DELETE FROM travel.rules;
DISCARD TEMP;

-- Everything that the rule of a superuser reads or runs must belong to superusers, however deep it is nested.
CREATE SCHEMA deep;
GRANT ALL ON SCHEMA deep TO regress_team;
CREATE FUNCTION deep.refused(source text, columns text DEFAULT '', setting text DEFAULT '') RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    message text; found text;
BEGIN
    EXECUTE format('INSERT INTO travel.rules (name, source %s) VALUES (''deep'', %L %s)', columns, source, setting);
    BEGIN
        PERFORM travel.check_rule('deep');
        found := 'fine';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL, message = RETURNED_SQLSTATE;
        found := message || ' ' || substr(found, strpos(found, 'owns:'));
    END;
    CALL travel.scan('deep');
    IF (found = 'fine') IS DISTINCT FROM (SELECT last_error IS NULL FROM travel.status WHERE rule = 'deep') THEN
        found := found || ', but in the scan: '
            || (SELECT coalesce(last_error, 'fine') FROM travel.status WHERE rule = 'deep');
    END IF;
    DELETE FROM travel.rules WHERE name = 'deep';
    RETURN found;
END $$;
SELECT trail('deep.events');
SET ROLE regress_team;
CREATE FUNCTION deep.f(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION deep.yes(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE FUNCTION deep.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR deep.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = deep.same);
CREATE FUNCTION deep.last(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE TABLE deep.theirs (event_id text, event_time timestamptz, source_ip inet, access_key_id text);
CREATE VIEW deep.their_view AS SELECT 1 AS one;
CREATE DOMAIN deep.their_text AS text CHECK (deep.yes(value));
CREATE TYPE deep.kind AS ENUM ('K');
CREATE FUNCTION deep.to_kind(text) RETURNS deep.kind LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
CREATE CAST (text AS deep.kind) WITH FUNCTION deep.to_kind(text);
RESET ROLE;
-- Only the function of the cast is theirs.
ALTER TYPE deep.kind OWNER TO CURRENT_USER;
GRANT SELECT ON ALL TABLES IN SCHEMA deep TO PUBLIC;
CREATE VIEW deep.in_view AS SELECT event_time, source_ip, deep.f(access_key_id) AS access_key_id FROM deep.events;
CREATE VIEW deep.in_view_in_view AS SELECT * FROM deep.in_view;
CREATE VIEW deep.operator AS SELECT * FROM deep.events WHERE access_key_id OPERATOR(deep.===) 'K';
CREATE VIEW deep.joined AS SELECT e.* FROM deep.events AS e, deep.their_view;
CREATE VIEW deep.barrier WITH (security_barrier) AS SELECT * FROM deep.in_view;
CREATE VIEW deep.invoker WITH (security_invoker) AS SELECT * FROM deep.theirs;
CREATE AGGREGATE deep.newest(text) (SFUNC = deep.last, STYPE = text);
CREATE VIEW deep.aggregate AS
SELECT event_time, source_ip, deep.newest(access_key_id) AS access_key_id
FROM deep.events
GROUP BY 1, 2;
CREATE TABLE deep.typed (event_time timestamptz, source_ip inet, access_key_id deep.their_text);
CREATE DOMAIN deep.own_text AS text CHECK (deep.yes(value));
CREATE TABLE deep.own_typed (event_time timestamptz, source_ip inet, access_key_id deep.own_text);
CREATE TABLE deep.parent (LIKE deep.events);
CREATE TABLE deep.parts (LIKE deep.events) PARTITION BY RANGE (event_time);
CREATE TABLE deep.policed (LIKE deep.events);
ALTER TABLE deep.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON deep.policed USING (deep.yes(access_key_id));
CREATE TABLE deep.checked (LIKE deep.events, CHECK (deep.yes(access_key_id)));
CREATE TABLE deep.indexed (LIKE deep.events);
CREATE INDEX ON deep.indexed (deep.f(access_key_id));
CREATE FUNCTION deep.body() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT deep.f('K'); END;
CREATE VIEW deep.in_body AS SELECT event_time, source_ip, deep.body() AS access_key_id FROM deep.events;
CREATE TYPE deep.row_of_theirs AS (a deep.own_text);
CREATE VIEW deep.in_row AS
SELECT event_time, source_ip,
    (jsonb_populate_record(NULL::deep.row_of_theirs, jsonb_build_object('a', access_key_id))).a::text AS access_key_id
FROM deep.events;
CREATE VIEW deep.in_cast AS
SELECT event_time, source_ip, access_key_id::deep.kind::text AS access_key_id
FROM deep.events;
CREATE MATERIALIZED VIEW deep.stored AS SELECT * FROM deep.in_view;
SELECT source, deep.refused('deep.' || source) AS refused
FROM unnest('{events,stored,theirs,in_view,in_view_in_view,operator,joined,barrier,invoker,aggregate,typed,own_typed,'
            'parent,parts,policed,checked,indexed,in_body,in_row,in_cast}'::text[])
    WITH ORDINALITY AS v (source, n)
ORDER BY n;
-- A partition or child table that is added later.
CREATE TABLE deep.part PARTITION OF deep.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE deep.child () INHERITS (deep.parent);
SELECT source, deep.refused('deep.' || source) AS refused FROM unnest('{parent,parts}'::text[]) AS source;
ALTER TABLE deep.part OWNER TO regress_team;
ALTER TABLE deep.child OWNER TO regress_team;
SELECT source, deep.refused('deep.' || source) AS refused FROM unnest('{parent,parts}'::text[]) AS source;
-- The expressions of the rule itself.
SELECT deep.refused('deep.events', ', condition', $$, 'deep.yes(access_key_id)'$$) AS condition,
       deep.refused('deep.events', ', condition', $$, 'access_key_id OPERATOR(deep.===) ''K'''$$) AS operator,
       deep.refused('deep.events', ', condition', $$, '(access_key_id::deep.own_text) IS NOT NULL'$$) AS domain,
       deep.refused('deep.events', ', columns', $$, '{"actor": "(deep.f(access_key_id))"}'$$) AS columns,
       deep.refused('deep.events', ', condition', $$, '(access_key_id::deep.own_text[])[1] IS NOT NULL'$$) AS array,
       deep.refused('deep.events', ', condition',
           $$, '(jsonb_populate_record(NULL::deep.row_of_theirs, ''{}'')).a IS NOT NULL'$$) AS row,
       deep.refused('deep.events', ', condition', $$, 'lower(access_key_id) = ''k'''$$) AS harmless;
SELECT deep.refused('deep.events', ', columns', $$, '{"actor": "((SELECT max(event_id) FROM deep.theirs))"}'$$)
    AS subquery,
       deep.refused('deep.events', ', columns', $$, '{"actor": "((SELECT max(access_key_id) FROM deep.in_view))"}'$$)
           AS view_in_subquery;
-- Functions that the catalogs do not show, as in the body of another, are refused when they are about to run, except
-- security definer functions.
CREATE FUNCTION deep.calls(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN deep.f($1); END $$;
CREATE FUNCTION deep.calls_more(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT deep.f($1)';
CREATE FUNCTION deep.calls_with(text) RETURNS text
    LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN deep.with_settings($1); END $$;
CREATE FUNCTION deep.calls_definer(text) RETURNS text
    LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN deep.definer($1); END $$;
CREATE FUNCTION deep.casts(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1::deep.kind; END $$;
CREATE FUNCTION deep.operates(text) RETURNS text
    LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1 OPERATOR(deep.===) 'K'; END $$;
CREATE FUNCTION deep.checks(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1::deep.own_text; END $$;
SET ROLE regress_team;
CREATE FUNCTION deep.with_settings(text) RETURNS text LANGUAGE sql STABLE SET work_mem = '1MB' AS 'SELECT lower($1)';
CREATE FUNCTION deep.definer(text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT deep.f($1)';
RESET ROLE;
CREATE FUNCTION deep.scanned(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    INSERT INTO travel.rules (name, source, baseline, condition)
    VALUES ('deep', 'deep.events', false, scanned.condition);
    CALL travel.scan('deep');
    SELECT coalesce(replace(last_error, session_user, 'the superuser'), 'fine') INTO found
    FROM travel.status
    WHERE rule = 'deep';
    DELETE FROM travel.rules WHERE name = 'deep';
    RETURN found;
END $$;
SELECT function, deep.scanned(format('deep.%s(access_key_id) <> ''x''', function))
FROM unnest('{calls,calls_more,calls_with,calls_definer,casts,operates,checks}'::text[]) AS function;
-- A function that is added after the check, and is then preferred.
CREATE FUNCTION deep.any_of(anyelement) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE FUNCTION deep.prefers(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN deep.any_of($1); END $$;
INSERT INTO travel.rules (name, source, baseline, condition)
VALUES ('added', 'deep.events', false, $$deep.prefers(access_key_id) <> 'x'$$);
CALL travel.scan('added');
SELECT last_error FROM travel.status WHERE rule = 'added';
SET ROLE regress_team;
CREATE FUNCTION deep.any_of(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
RESET ROLE;
INSERT INTO deep.events (event_id, event_time, source_ip, access_key_id)
VALUES (3, '2026-03-02 10:00Z', '192.0.2.5', 'K');
-- A session that has called it before keeps the old function until its plans are discarded.
DISCARD PLANS;
CALL travel.scan('added');
SELECT replace(last_error, session_user, 'the superuser') AS last_error FROM travel.status WHERE rule = 'added';
DELETE FROM travel.rules;
-- Parallel workers, which cannot be watched, are not used.
CREATE FUNCTION deep.calls_in_worker(text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN deep.f($1); END $$;
SELECT count(set_config(name, 'on', false))
FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT deep.scanned('deep.calls_in_worker(access_key_id) <> ''x''');
SELECT count(set_config(name, 'off', false))
FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
-- Nothing temporary is run or read, with any privileges.
GRANT SELECT ON others TO regress_soc;
SET ROLE regress_soc;
INSERT INTO travel.rules (name, source, condition)
VALUES
    ('function', 'public.others', 'pg_temp.mine(access_key_id)'),
    ('type', 'public.others', 'access_key_id::my_text IS NOT NULL');
INSERT INTO travel.rules (name, source, columns)
VALUES
    ('table', 'public.others', '{"actor": "((SELECT x FROM my_table))"}'),
    ('view', 'public.others', '{"actor": "((SELECT x FROM my_view))"}');
CREATE FUNCTION pg_temp.mine(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE DOMAIN pg_temp.my_text AS text CHECK (value <> '');
CREATE TEMPORARY TABLE my_table AS SELECT 'x' AS x;
CREATE TEMPORARY VIEW my_view AS SELECT 'x' AS x;
CALL travel.scan();
SELECT rule, scanned, regexp_replace(last_error, 'pg_temp_\d+', 'pg_temp') AS last_error FROM last_errors;
SELECT name, sqlstate_of(format('UPDATE travel.rules SET goal = ''x'' WHERE name = %L', name)) AS written
FROM travel.rules
ORDER BY 1;
RESET ROLE;
DELETE FROM travel.rules;
DISCARD TEMP;
-- The owner of a rule becomes a superuser, or ceases to be one.
SET ROLE regress_team;
INSERT INTO deep.theirs VALUES ('1', '2026-03-02 09:00Z', '192.0.2.5', 'K');
INSERT INTO travel.rules (name, source, baseline) VALUES ('rises', 'deep.theirs', false);
RESET ROLE;
INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('falls', 'regress_root', 'deep.theirs', false);
CALL travel.scan();
SELECT * FROM last_errors;
ALTER ROLE regress_root NOSUPERUSER;
ALTER ROLE regress_soc SUPERUSER;
UPDATE travel.rules SET owner = 'regress_soc' WHERE name = 'rises';
CALL travel.scan();
SELECT * FROM last_errors;
ALTER ROLE regress_soc NOSUPERUSER;
-- The owner of a rule loses privileges on the source.
REVOKE SELECT ON deep.theirs FROM PUBLIC;
CALL travel.scan();
SELECT * FROM last_errors;
DELETE FROM travel.rules;
DROP SCHEMA deep, team CASCADE;
DROP TABLE shared, others;
DROP VIEW last_errors;
DROP FUNCTION trail;
DROP OWNED BY regress_team, regress_soc;
DROP ROLE regress_team, regress_soc, regress_root;
