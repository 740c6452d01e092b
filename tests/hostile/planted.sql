-- Plants objects whose code is meant to run with the rights of another role, and generates the calls that could run it.
-- Planted code writes this line into the log of the server: PLANTED what OF owner RAN AS current user. The log is not
-- rolled back, and it also contains the lines of parallel workers.

-- The test loads the words of the extension's source. Planted objects have these names.
CREATE TABLE hostile.word (word text PRIMARY KEY);
\copy hostile.word FROM 'words'

-- Creates a schema for a role that plants objects, with the functions that these objects call. The functions look up
-- names only in pg_catalog.
CREATE PROCEDURE hostile.plant_notes(planter name) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %1$I AUTHORIZATION %1$I; GRANT USAGE ON SCHEMA %1$I TO PUBLIC', planter);
    EXECUTE format($f$
        CREATE FUNCTION %1$I.note(what text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
            'BEGIN RAISE LOG ''PLANTED %% OF %1$s RAN AS %%'', what, current_user; END';
        CREATE FUNCTION %1$I.noted(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
            'BEGIN PERFORM %1$I.note(what); RETURN true; END';
        CREATE FUNCTION %1$I.trigger() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
            'BEGIN PERFORM %1$I.note(format(''trigger on %%s'', TG_TABLE_NAME)); RETURN coalesce(NEW, OLD); END';
    $f$, planter);
    EXECUTE format('ALTER FUNCTION %1$I.note OWNER TO %1$I; ALTER FUNCTION %1$I.noted OWNER TO %1$I; '
        'ALTER FUNCTION %1$I.trigger OWNER TO %1$I', planter);
END $$;

-- Creates an object if possible. Returns 1 if it was created, otherwise 0.
CREATE FUNCTION hostile.try(statement text) RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET check_function_bodies = off AS $$
BEGIN
    EXECUTE statement;
    RETURN 1;
EXCEPTION WHEN OTHERS THEN
    RETURN 0;
END $$;

-- Creates domains and views with the names of types and relations of pg_catalog and of the extension. The role that
-- plants them calls this function.
CREATE FUNCTION hostile.plant_types_and_relations(place text) RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT sum(hostile.try(statement)) FROM (
        SELECT format('CREATE VIEW %1$s.%2$I AS SELECT %3$s WHERE %4$I.noted(%5$L); CREATE TRIGGER planted INSTEAD OF INSERT OR UPDATE '
                'OR DELETE ON %1$s.%2$I FOR EACH ROW EXECUTE FUNCTION %4$I.trigger(); GRANT ALL ON %1$s.%2$I TO PUBLIC',
                place, relname, (SELECT string_agg(format('NULL::%s AS %I', CASE WHEN atttypid = 'anyarray'::regtype THEN 'text[]'
                    ELSE format_type(atttypid, NULL) END, attname), ', ' ORDER BY attnum)
                                 FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
                current_user, 'view ' || relname) AS statement
        FROM pg_class AS c
        WHERE relkind IN ('r', 'v') AND (relnamespace = ANY ('{travel,travel_internal}'::regnamespace[])
            OR relnamespace = 'pg_catalog'::regnamespace AND relname IN (SELECT word FROM hostile.word))
        UNION ALL
        SELECT format('CREATE DOMAIN %s.%I AS %s CHECK (%I.noted(%L))', place, typname, oid::regtype, current_user, 'domain ' || typname)
        FROM pg_type AS t
        WHERE typtype IN ('b', 'c', 'e') AND typcategory <> 'A'
            AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = typrelid AND relkind <> 'c')
            AND (typnamespace = 'travel'::regnamespace
                OR typnamespace = 'pg_catalog'::regnamespace AND typname IN (SELECT word FROM hostile.word))
    ) AS s
$$;

-- Creates functions and operators with the names and arguments of those of pg_catalog. A search_path that begins with
-- `place` finds them. They write to the log and then do what the original does. This also creates functions and
-- operators with arguments for which pg_catalog has no exact match. Any search_path that contains `place` finds these.
CREATE FUNCTION hostile.plant_functions(place text) RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT sum(hostile.try(statement)) FROM (
        SELECT format('CREATE FUNCTION %s.%I(%s) RETURNS %s LANGUAGE plpgsql %s SET search_path = pg_catalog, pg_temp AS %L',
                place, proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
                CASE provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
                format('BEGIN PERFORM %I.note(%L); %s pg_catalog.%I(%s); %s END', current_user, 'function ' || p.oid::regprocedure,
                    CASE WHEN proretset THEN 'RETURN QUERY SELECT * FROM' WHEN prorettype = 'void'::regtype THEN 'PERFORM'
                        ELSE 'RETURN' END, proname,
                    (SELECT string_agg(format('%s$%s', CASE WHEN provariadic <> 0 AND i = pronargs THEN 'VARIADIC ' END, i), ', '
                                       ORDER BY i) FROM generate_series(1, pronargs) AS i),
                    CASE WHEN prorettype = 'void'::regtype THEN 'RETURN;' END)) AS statement
        FROM pg_proc AS p
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN (SELECT word FROM hostile.word)
            AND NOT 'internal'::regtype = ANY (proargtypes) AND (prokind <> 'a' OR pronargs > 0)
        UNION ALL
        SELECT format('CREATE FUNCTION %s.%I(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L', place, f.name, a.arguments, f.result,
                format('BEGIN PERFORM %I.note(%L); RETURN NULL; END', current_user, format('function %s(%s)', f.name, a.arguments)))
        FROM (
            SELECT DISTINCT ON (proname) proname AS name, format_type(prorettype, NULL) AS result FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN (SELECT word FROM hostile.word)
                AND prorettype <> ALL ('{void,internal,trigger,record}'::regtype[]) AND format_type(prorettype, NULL) !~ '^"?any'
            ORDER BY proname, oid
        ) AS f, (
            SELECT t AS arguments FROM unnest('{text,varchar,name,int,bigint,float8,numeric,timestamptz,inet,jsonb,bool,oid,regclass,
                travel.leg,travel.journey,travel.severity}'::text[]) AS t
            UNION ALL
            SELECT array_to_string(array_fill('text'::text, ARRAY[n]), ', ') FROM generate_series(2, 6) AS n
        ) AS a
        WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = f.name
                          AND oidvectortypes(proargtypes) = a.arguments)
    ) AS s
$$;
CREATE FUNCTION hostile.plant_operators(place text) RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT sum(hostile.try(statement)) FROM (
        SELECT format('CREATE FUNCTION %1$s."operator %2$s"(%3$s) RETURNS %4$s LANGUAGE plpgsql %5$s AS %6$L; '
                'CREATE OPERATOR %1$s.%7$s (%8$s, FUNCTION = %1$s."operator %2$s")',
                place, o.oid, concat_ws(', ', nullif(oprleft, 0)::regtype, oprright::regtype), oprresult::regtype,
                CASE provolatile WHEN 'i' THEN 'IMMUTABLE' ELSE 'STABLE' END,
                format('BEGIN PERFORM %I.note(%L); RETURN %s; END', current_user, 'operator ' || o.oid::regoperator,
                    CASE oprleft WHEN 0 THEN format('OPERATOR(pg_catalog.%s) $1', oprname)
                        ELSE format('$1 OPERATOR(pg_catalog.%s) $2', oprname) END),
                oprname, concat_ws(', ', 'LEFTARG = ' || nullif(oprleft, 0)::regtype, 'RIGHTARG = ' || oprright::regtype)) AS statement
        FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = oprcode
        WHERE oprnamespace = 'pg_catalog'::regnamespace
        UNION ALL
        SELECT format('CREATE FUNCTION %1$s."operator %2$s"(%3$s, %4$s) RETURNS %5$s LANGUAGE plpgsql IMMUTABLE AS %6$L; '
                'CREATE OPERATOR %1$s.%2$s (LEFTARG = %3$s, RIGHTARG = %4$s, FUNCTION = %1$s."operator %2$s")',
                place, o.name, l.type, r.type, CASE WHEN o.is_boolean THEN 'boolean' ELSE l.type END,
                format('BEGIN PERFORM %I.note(%L); RETURN NULL; END', current_user, format('operator %s(%s,%s)', o.name, l.type, r.type)))
        FROM (VALUES ('=', true), ('<>', true), ('<', true), ('<=', true), ('>', true), ('>=', true), ('~~', true), ('@>', true),
                ('<<=', true), ('||', false), ('+', false), ('-', false), ('*', false), ('/', false), ('->>', false))
                AS o (name, is_boolean),
            unnest('{text,varchar,name,int,bigint,float8,timestamptz,interval,inet,jsonb,bool,travel.leg,travel.journey,
                travel.severity}'::text[]) AS l (type),
            unnest('{text,varchar,name,int,bigint,float8,timestamptz,interval,inet,jsonb,bool,travel.leg,travel.journey,
                travel.severity}'::text[]) AS r (type)
        WHERE to_regoperator(format('pg_catalog.%s (%s, %s)', o.name, l.type, r.type)) IS NULL
    ) AS s
$$;
-- Creates an aggregate for count(*), and collations that change the result of a comparison if they are used instead of
-- those of pg_catalog.
CREATE FUNCTION hostile.plant_others(place text) RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT sum(hostile.try(statement)) FROM unnest(ARRAY[
        format('CREATE FUNCTION %1$s.counts(bigint) RETURNS bigint LANGUAGE plpgsql AS ''BEGIN PERFORM %2$I.note($w$aggregate '
               'count(*)$w$); RETURN $1 + 1; END''; CREATE AGGREGATE %1$s.count(*) (SFUNC = %1$s.counts, STYPE = bigint, '
               'INITCOND = 0)', place, current_user),
        format('CREATE COLLATION %1$s."C" (PROVIDER = icu, DETERMINISTIC = false, LOCALE = ''und-u-ks-level1'')', place),
        format('CREATE COLLATION %1$s."default" (PROVIDER = icu, DETERMINISTIC = false, LOCALE = ''und-u-ks-level1'')', place)]) AS statement
$$;

-- Returns the value of an expression as a literal, so no function or operator has to be looked up.
CREATE FUNCTION hostile.literal(type regtype, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text := (SELECT format('%I.%I', nspname, typname) FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = typnamespace
                  WHERE t.oid = type);
    value text;
BEGIN
    IF type = '"any"'::regtype THEN
        RETURN '''x''::pg_catalog.text';
    ELSIF type = ANY ('{internal,cstring}'::regtype[]) THEN
        RETURN 'NULL::' || name;
    END IF;
    EXECUTE format('SELECT (%s)%s::text', expression, CASE type WHEN 'regclass'::regtype THEN '::oid' END) INTO value;
    RETURN format('%L::%s', CASE WHEN length(value) < 5000 THEN value END, name);
EXCEPTION WHEN OTHERS THEN
    RETURN 'NULL::' || name;
END $$;

-- Returns the calls: every routine of the extension with valid arguments, and `hostile_arguments` times with a hostile
-- one, and the statements over every table and view. A text that is run as SQL is the caller's own code, so it has only
-- valid values.
CREATE FUNCTION hostile.planted_calls(hostile_arguments int, OUT key text, OUT reads boolean, OUT statement text)
    RETURNS SETOF record LANGUAGE sql AS $$
    WITH call AS MATERIALIZED (
        SELECT r.oid, NULL::text[] AS tried, 0 AS n FROM hostile.routine AS r
        UNION ALL
        SELECT * FROM (
            SELECT oid, c.tried, row_number() OVER (PARTITION BY oid ORDER BY md5(c.n::text)) AS n
            FROM hostile.routine AS r JOIN hostile.call AS c USING (oid)
            WHERE NOT c.heavy AND cardinality(c.tried) > 0
                AND coalesce(r.known_names[cardinality(c.tried)], '') <> ALL ('{condition,columns,settings,entity}'::text[])
        ) AS s WHERE n <= hostile_arguments
    ), written AS MATERIALIZED (
        SELECT r.*, n, (
            SELECT coalesce(string_agg(concat(CASE WHEN names IS NOT NULL THEN quote_ident(names[i]) || ' => ' END,
                    CASE WHEN i = pronargs AND provariadic <> 0 AND provariadic <> '"any"'::regtype THEN 'VARIADIC ' END,
                    hostile.literal(types[i - 1], coalesce(tried[i], hostile.good(types[i - 1], known_names[i])))), ', ' ORDER BY i), '')
            FROM generate_series(1, pronargs) AS i
            WHERE names IS NULL OR i <= required OR tried[i] IS NOT NULL
        ) AS arguments
        FROM call JOIN hostile.routine AS r USING (oid)
    )
    SELECT format('%s %s %s', name, oid, n), provolatile <> 'v', CASE prokind
        WHEN 'p' THEN format('CALL %s(%s)', name, arguments)
        WHEN 'w' THEN format('SELECT %s(%s) OVER () FROM (VALUES (1), (2)) AS g (n)', name, arguments)
        WHEN 'a' THEN format('SELECT %s(%s) FROM (VALUES (1), (2)) AS g (n)', name, arguments)
        ELSE format('SELECT * FROM %s(%s)', name, arguments) END
    FROM written
    UNION ALL
    SELECT format('%s %s', c.oid::regclass, s.n), s.n = 0, format(s.statement, c.oid::regclass, (
        SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum LIMIT 1))
    FROM pg_class AS c, (VALUES (0, 'TABLE %1$s'), (1, 'INSERT INTO %1$s TABLE %1$s'), (2, 'UPDATE %1$s SET %2$s = %2$s'),
        (3, 'DELETE FROM %1$s'), (4, 'TRUNCATE %1$s')) AS s (n, statement)
    WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND (relkind = 'r' OR relkind = 'v' AND s.n = 0)
$$;

-- Statements of ordinary users. They run every guard, and read, evaluate and write rows.
CREATE TABLE hostile.planted_use (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO hostile.planted_use (statement)
SELECT replace(replace(statement, 'RECORDS', $json$'{"Records": [{"eventID": "a", "eventTime": "2026-03-02T09:00:00Z", "sourceIPAddress":
"192.0.2.1", "userIdentity": {"accessKeyId": "AKIAALICE0001EXAMPLE"}}, {"eventTime": "2026-03-02T09:00:00Z"}]}'$json$), E'\n', ' ')
FROM unnest(ARRAY[
    'SELECT * FROM travel.create_events_table(''public.planted'') AS t; SELECT * FROM travel.ingest(''public.planted'', RECORDS::pg_catalog.jsonb);
     SELECT * FROM travel.ingest(''public.planted'', RECORDS::pg_catalog.text); INSERT INTO public.planted_inbox VALUES (RECORDS);
     SELECT * FROM travel.detect(''public.planted''); CALL travel.load_files(''public.planted'', ''FOLDER'');
     CALL travel.load_files(''public.planted'', ''FOLDER'')',
    'SELECT * FROM travel.create_events_table(''public.parted'', true) AS t; SELECT * FROM travel.ingest(''public.parted'', RECORDS::pg_catalog.jsonb);
     CALL travel.make_partitions(''public.parted'', ''2030-01-01''); SELECT * FROM travel.detect(''public.parted'')',
    'SELECT * FROM travel.adopt(''hostile.trail'', ''public.adopted''); TABLE public.adopted; SELECT * FROM travel.coverage(''public.adopted'')',
    'INSERT INTO hostile.trail (event_id, event_time, source_ip, access_key_id, actor) VALUES (''late'', ''2026-03-02 09:15Z'',
        ''203.0.113.1'', ''AKIAALICE0001EXAMPLE'', ''x''); CALL travel.scan(); CALL travel.rescan(''learning'', ''-infinity'')',
    'INSERT INTO travel.rules (name, source) VALUES (''planted'', ''hostile.trail''); CALL travel.scan(''planted'');
     SELECT * FROM travel.check_rule(''planted''); UPDATE travel.rules SET goal = ''x''; DELETE FROM travel.rules',
    'UPDATE travel.alerts SET status = ''archived'', archive_reason = ''expected''; UPDATE travel.alerts SET status = ''open'', archive_reason = NULL',
    'INSERT INTO travel.alert_comments (alert_id, comment) VALUES (1, ''x'')',
    'INSERT INTO travel.networks (network, name) VALUES (''198.51.100.0/24'', ''x''); SELECT * FROM travel.locate(''198.51.100.1'')',
    'INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES (''hostile'', ''A%'', ''x''); CALL travel.rescan(''hostile'', ''-infinity'')',
    'INSERT INTO travel.known_places (rule, baseline_entity, country_code) VALUES (''learning'', ''x'', ''GB''); DELETE FROM travel.known_places',
    'SELECT * FROM travel.prune(''1 day''); SELECT * FROM travel.prune(''0'')']) AS statement;
