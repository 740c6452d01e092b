-- Statements that call each routine of the extension with hostile arguments, one at a time and at random, in several
-- contexts. The routines are those of the catalog.
CREATE INDEX ON hostile.value (type, n);
ANALYZE hostile.value;
CREATE TABLE hostile.routine AS
SELECT p.oid, format('%I.%I', nspname, proname) AS name, prokind, proretset, provolatile, proparallel, provariadic,
       prorettype, pronargs, pronargs - pronargdefaults AS required, proargtypes::oid[]::regtype[] AS types,
       -- Arguments can be given by name where each one has a name, unless the routine is an aggregate, a window function
       -- or variadic.
       CASE WHEN prokind IN ('f', 'p') AND provariadic = 0 AND pronargs > 0 AND NOT '' = ANY (names) THEN names END AS names,
       names AS known_names
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace,
LATERAL (
    SELECT coalesce(array_agg(coalesce(a.name, '') ORDER BY i), '{}') AS names
    FROM unnest(proargnames, proargmodes) WITH ORDINALITY AS a (name, mode, i)
    WHERE coalesce(a.mode, 'i') IN ('i', 'b', 'v')
) AS a
WHERE EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid AND extname = 'impossible_travel'
              WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
CREATE UNIQUE INDEX ON hostile.routine (oid);
ANALYZE hostile.routine;

-- A type that hostile.value does not know.
DO $$
DECLARE
    missing text := (SELECT string_agg(DISTINCT t::text, ', ') FROM hostile.routine, unnest(types) AS t
                     WHERE NOT EXISTS (SELECT FROM hostile.value AS v WHERE v.type = t));
BEGIN
    IF missing IS NOT NULL THEN
        RAISE 'tests/hostile/values.sql has no values of the types %', missing;
    END IF;
END $$;

CREATE FUNCTION hostile.good(type regtype, argument text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT expression FROM hostile.good AS g WHERE g.argument = $2 AND $1 = ANY (g.types)),
        (SELECT expression FROM hostile.value AS v WHERE v.type = $1 ORDER BY n LIMIT 1))
$$;

-- The arguments of a routine: the good ones, but for those of `tried`. An argument with a default is left out, if it is not tried
-- and arguments can be named.
CREATE FUNCTION hostile.arguments(r hostile.routine, tried text[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(concat(CASE WHEN r.names IS NOT NULL THEN quote_ident(r.names[i]) || ' => ' END,
        CASE WHEN i = r.pronargs AND r.provariadic <> 0 AND r.provariadic <> '"any"'::regtype THEN 'VARIADIC ' END,
        coalesce(tried[i], hostile.good(r.types[i - 1], r.known_names[i]))), ', ' ORDER BY i), '')
    FROM generate_series(1, r.pronargs) AS i
    WHERE r.names IS NULL OR i <= r.required OR tried[i] IS NOT NULL
$$;

-- Returns a statement that makes a call. An aggregate or a window function is called over `rows`.
CREATE FUNCTION hostile.statement(r hostile.routine, arguments text, context int DEFAULT 0,
    rows text DEFAULT 'generate_series(1, 3) AS g') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN r.prokind = 'p' THEN format('CALL %s(%s)', r.name, arguments)
        WHEN r.prokind = 'w' THEN format('(SELECT %s(%s) OVER (%s) FROM %s)', r.name, arguments,
            ('{"ORDER BY g","","PARTITION BY g % 2 ORDER BY g ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"}'::text[])[1 + context % 3], rows)
        WHEN r.prokind = 'a' THEN format('SELECT %s(%s%s) FROM %s%s', r.name, arguments,
            CASE context % 4 WHEN 1 THEN ' ORDER BY g' WHEN 2 THEN ' ORDER BY g DESC) FILTER (WHERE g > 1' END, rows,
            CASE context % 4 WHEN 3 THEN ' GROUP BY g' END)
        WHEN r.proretset AND r.prorettype <> 'record'::regtype THEN format('SELECT s::text FROM %s(%s) AS s', r.name, arguments)
        ELSE format('SELECT %s(%s)', r.name, arguments)
    END
$$;

-- In each call, one argument is hostile or has a wrong type. In one call of each routine, all arguments are NULL. The
-- statement of a row is made when the row is read.
CREATE TABLE hostile.call AS
SELECT row_number() OVER (ORDER BY r.name, r.oid, i, v.n) AS n, r.oid, v.heavy, false AS is_random, v.n AS context,
    array_fill(NULL::text, ARRAY[i - 1]) || v.expression AS tried
FROM hostile.routine AS r, generate_series(1, r.pronargs) AS i,
LATERAL (
    SELECT n, expression, heavy FROM hostile.value WHERE type = r.types[i - 1]
    UNION ALL
    SELECT 0, '''(1,2)''::point', false WHERE r.types[i - 1] <> '"any"'::regtype
) AS v;
INSERT INTO hostile.call
SELECT 1000000 + row_number() OVER (), r.oid, false, false, 0, ARRAY(
    SELECT 'NULL::' || t FROM unnest(r.types) WITH ORDINALITY AS t (t, i) ORDER BY i)
FROM hostile.routine AS r;
CREATE FUNCTION hostile.statement(c hostile.call) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT hostile.statement(r, hostile.arguments(r, c.tried), c.context) FROM hostile.routine AS r WHERE r.oid = c.oid
$$;

-- All arguments are hostile, as a seed says.
CREATE FUNCTION hostile.random_calls(per_routine int, seed float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r hostile.routine;
    tried text[];
    number int := 0;
BEGIN
    PERFORM setseed(seed);
    FOR r IN SELECT * FROM hostile.routine WHERE pronargs > 1 ORDER BY name, oid LOOP
        FOR n IN 1..per_routine LOOP
            tried := ARRAY(
                SELECT CASE WHEN random() < 0.6 THEN (
                    SELECT expression FROM hostile.value AS v WHERE v.type = t AND NOT heavy AND i > 0 ORDER BY random() LIMIT 1) END
                FROM unnest(r.types) WITH ORDINALITY AS a (t, i) ORDER BY i);
            INSERT INTO hostile.call
            VALUES (2000000 + number, r.oid, false, true, n, tried);
            number := number + 1;
        END LOOP;
    END LOOP;
END $$;

-- Runs a statement in a subtransaction twice, and then a good one: an error leaves nothing behind that harms the next call.
CREATE FUNCTION hostile.twice(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state text;
    said text;
BEGIN
    FOR n IN 1..2 LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            state := sqlstate;
            said := sqlerrm;
        END;
    END LOOP;
    PERFORM travel.locate('192.0.2.1');
    IF cardinality((SELECT travel.impossible_legs(event_time, source_ip) FROM hostile.few)) IS DISTINCT FROM 3
       OR (SELECT count(*) FROM travel.detect('hostile.few')) <> 3 THEN
        RAISE 'other results than before' USING ERRCODE = 'XX000';
    END IF;
    IF state IS NOT NULL THEN
        RAISE '%', said USING ERRCODE = state;
    END IF;
END $$;

-- Fetches a part of the result, lets a subtransaction fail in between, and leaves the rest.
CREATE FUNCTION hostile.in_cursor(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c refcursor;
    r record;
BEGIN
    OPEN c SCROLL FOR EXECUTE statement;
    FETCH c INTO r;
    BEGIN
        PERFORM travel.distance_km('NaN', 0, 0, 0);
    EXCEPTION WHEN numeric_value_out_of_range THEN NULL;
    END;
    MOVE 1 FROM c;
    FETCH PRIOR FROM c INTO r;
END $$;

-- A call in an index, in a generated column, and over columns, whose values the planner does not know. All of it is rolled back.
-- The text of a time or a record depends on settings, so its cast could not be in an index.
CREATE FUNCTION hostile.as_text(value anyelement) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN value::text; END';
CREATE FUNCTION hostile.stored(name text, types regtype[], expressions text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    columns text := (SELECT string_agg(format('a%s %s', i, t), ', ' ORDER BY i) FROM unnest(types) WITH ORDINALITY AS u (t, i));
    called text := (SELECT format('%s(%s)', name, string_agg('a' || i, ', ' ORDER BY i))
                    FROM generate_series(1, cardinality(types)) AS i);
BEGIN
    EXECUTE format('CREATE TEMP TABLE columns (%s)', columns);
    EXECUTE format('INSERT INTO columns VALUES (%s)', array_to_string(expressions, ', '));
    EXECUTE format('CREATE INDEX ON columns ((md5(hostile.as_text(%s))))', called);
    EXECUTE format('CREATE TEMP TABLE generated (%s, g text GENERATED ALWAYS AS (hostile.as_text(%s)) STORED)', columns, called);
    INSERT INTO generated TABLE columns;
    EXECUTE format('SELECT count(%s) FROM generated', called);
    PERFORM nextval('hostile.reached');
    RAISE 'rolled back' USING ERRCODE = '22000';
END $$;
CREATE VIEW hostile.stored_call AS
SELECT format('SELECT hostile.stored(%L, %L, %L)', name, types,
           ARRAY(SELECT CASE j WHEN i THEN v.expression ELSE hostile.good(f.types[j - 1], known_names[j]) END
                 FROM generate_series(1, f.pronargs) AS j ORDER BY j)) AS statement, v.heavy, format('%s %s %s', f.oid, i, v.n) AS key
FROM hostile.routine AS f, generate_series(1, f.pronargs) AS i, hostile.value AS v
WHERE prokind = 'f' AND provolatile = 'i' AND NOT proretset AND v.type = types[i - 1] AND provariadic = 0
  AND NOT types && '{internal,cstring,"\"any\""}'::regtype[] AND prorettype <> 'cstring'::regtype;

-- A call in a parallel worker. The arguments are columns of a table, because the planner itself makes a call of constants.
-- Counts calls that were made outside of the leader, or whose error a worker raised. All of it is rolled back. PostgreSQL
-- calls no window function in a worker.
CREATE FUNCTION hostile.is_worker() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN pg_backend_pid() <> current_setting('hostile.leader')::int;
END $$;
CREATE FUNCTION hostile.in_workers(kind "char", called text, expressions text[], setting text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    elsewhere boolean;
    context text;
    state text := '22000';
    said text := 'rolled back';
BEGIN
    EXECUTE format('CREATE TABLE hostile.arguments WITH (parallel_workers = 2) AS SELECT %s FROM generate_series(1, 3)',
        (SELECT string_agg(format('%s AS a%s', e, i), ', ' ORDER BY i) FROM unnest(expressions) WITH ORDINALITY AS u (e, i)));
    PERFORM set_config('hostile.leader', pg_backend_pid()::text, true), set_config(setting, 'on', true),
        set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true),
        set_config('min_parallel_table_scan_size', '0', true), set_config('parallel_leader_participation', 'off', true);
    BEGIN
        EXECUTE format('CREATE TABLE hostile.results AS SELECT %s IS NULL AS x, %s AS w FROM hostile.arguments', called,
            CASE kind WHEN 'a' THEN 'bool_and(hostile.is_worker())' ELSE 'hostile.is_worker()' END);
        SELECT bool_and(w) INTO elsewhere FROM hostile.results;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, state = RETURNED_SQLSTATE, said = MESSAGE_TEXT;
        elsewhere := context ~ '(^|\n)parallel worker';
    END;
    IF elsewhere THEN
        PERFORM nextval('hostile.reached');
    END IF;
    RAISE '%', said USING ERRCODE = state;
END $$;
CREATE FUNCTION hostile.runs_in_workers(r hostile.routine) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT r.proparallel = 's' AND r.prokind <> 'w' AND r.pronargs > 0
        AND NOT r.types || r.prorettype::regtype && '{internal,cstring}'::regtype[]
$$;
-- Returns such a call of a routine.
CREATE FUNCTION hostile.worker_statement(c hostile.call, setting text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('SELECT hostile.in_workers(%L, %L, %L, %L)', r.prokind, format('%s(%s)', r.name, (SELECT string_agg(concat(CASE WHEN i = r.pronargs AND r.provariadic <> 0 AND r.provariadic <> '"any"'::regtype
                THEN 'VARIADIC ' END, 'a' || i), ', ' ORDER BY i) FROM generate_series(1, r.pronargs) AS i)),
        ARRAY(SELECT coalesce(c.tried[i], hostile.good(r.types[i - 1], r.known_names[i])) FROM generate_series(1, r.pronargs) AS i ORDER BY i),
        setting)
    FROM hostile.routine AS r WHERE r.oid = c.oid
$$;

-- Values of each column of the tables: as users write them, and as a wrong restore would write them. The catalog says
-- what reads these values: the relations, the functions of a rule, of an alert and of a source, and those without
-- arguments.
CREATE TABLE hostile.reading AS
SELECT format('TABLE %s', oid::regclass) AS statement, NULL::regprocedure AS routine FROM pg_class
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind IN ('r', 'v')
UNION ALL
SELECT format('SELECT %s(%s) FROM %s AS u', r.name, hostile.arguments(r, ARRAY(
        SELECT CASE WHEN known_names[i] = argument THEN value END FROM generate_series(1, pronargs) AS i ORDER BY i)), relation), r.oid
FROM hostile.routine AS r
JOIN (VALUES ('rule', 'u.name', 'travel.rules'), ('alert_id', 'u.id', 'travel.alerts'), ('id', 'u.id', 'travel.alerts'))
    AS a (argument, value, relation) ON argument = ANY (known_names)
WHERE prokind = 'f'
UNION ALL
SELECT hostile.statement(r, hostile.arguments(r, '{}')), r.oid FROM hostile.routine AS r
WHERE prokind = 'f' AND prorettype <> 'trigger'::regtype
    AND (required = 0 OR provolatile <> 'v' AND types && '{regclass}'::regtype[] OR name = 'travel.locate');

-- Before a value is written, each of these statements succeeds, or fails because its routine refuses good arguments.
-- Otherwise use_everything could find nothing. Returns those that fail.
CREATE FUNCTION hostile.failing_readings() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    what hostile.reading;
BEGIN
    FOR what IN SELECT * FROM hostile.reading LOOP
        BEGIN
            EXECUTE what.statement;
            RAISE 'rolled back' USING ERRCODE = '22H01';
        EXCEPTION WHEN OTHERS THEN
            IF sqlstate <> '22H01' AND NOT hostile.may_refuse(what.routine, sqlstate, sqlerrm) THEN
                RETURN NEXT format('%s: %s %s', what.statement, sqlstate, sqlerrm);
            END IF;
        END;
    END LOOP;
END $$;
CREATE FUNCTION hostile.use_everything() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    what text;
    said text;
BEGIN
    FOR what IN SELECT statement FROM hostile.reading LOOP
        BEGIN
            EXECUTE what;
            RAISE 'rolled back' USING ERRCODE = '22000';
        EXCEPTION WHEN OTHERS THEN
            -- The checkpoints are those of another rule, or overwritten.
            IF sqlstate !~ '^(22|23|42|54|55|0A)' AND sqlerrm NOT LIKE 'could not read the checkpoint%' THEN
                RAISE '%: %', what, sqlerrm USING ERRCODE = sqlstate;
            END IF;
        END;
    END LOOP;
    said := (SELECT string_agg(last_error, '; ') FROM travel.status WHERE last_error ~ '\((XX000|P0001)');
    IF said IS NOT NULL THEN
        RAISE 'a scan said: %', said USING ERRCODE = 'XX000';
    END IF;
END $$;

-- Returns calls with values of 100 MB in each context. The values of a type take turns. The ROLLBACK at the end of a
-- line is sent by itself, even after an error.
CREATE FUNCTION hostile.heavy_calls(workers_setting text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT CASE context
        WHEN 0 THEN direct
        WHEN 1 THEN format('SELECT hostile.twice(%L)', direct)
        WHEN 2 THEN format('SELECT hostile.in_cursor(%L)', direct)
        ELSE hostile.worker_statement(c.c, workers_setting) END
    FROM generate_series(0, 3) AS context,
    (SELECT c, r.prokind, hostile.runs_in_workers(r) AS in_workers, row_number() OVER argument - 1 AS place, count(*) OVER argument_of AS of_argument,
            dense_rank() OVER (ORDER BY oid, cardinality(tried)) AS number
     FROM hostile.call AS c JOIN hostile.routine AS r USING (oid) WHERE heavy
     WINDOW argument_of AS (PARTITION BY oid, cardinality(tried)), argument AS (argument_of ORDER BY c.n)) AS c,
    LATERAL (SELECT hostile.statement(c.c) AS direct) AS d
    WHERE place = (context + number) % of_argument
        AND CASE context WHEN 2 THEN prokind <> 'p' WHEN 3 THEN in_workers ELSE true END
$$;

-- Values of each column. Without triggers (`replica`), the table gets a value as if a dump had been edited.
CREATE VIEW hostile.written_value AS
SELECT format('UPDATE %s SET %I = %s', c.oid::regclass, attname, expression) AS statement, c.oid::regclass AS relation, role, heavy,
    v.type, v.n, format('%s %s %s %s', attrelid, attnum, v.n, role) AS key
FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type AS t ON t.oid = atttypid
JOIN hostile.value AS v ON v.type = CASE typtype WHEN 'd' THEN typbasetype ELSE t.oid END,
unnest('{origin,replica}'::text[]) AS role
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind = 'r' AND attidentity = '' AND attgenerated = '';
CREATE FUNCTION hostile.write(statements text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    what text;
    rows bigint;
BEGIN
    FOREACH what IN ARRAY statements LOOP
        BEGIN
            EXECUTE what;
            GET DIAGNOSTICS rows = ROW_COUNT;
            IF rows > 0 THEN
                PERFORM nextval('hostile.reached');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF sqlstate !~ '^(22|23|42|54|55|0A)' THEN
                RAISE '%: %', what, sqlerrm USING ERRCODE = sqlstate;
            END IF;
        END;
    END LOOP;
END $$;
-- Returns the statements, each with `at_once` values that the seed combines. Each statement is a transaction. It writes
-- the values that are not refused and one more event, then scans, and then reads everything. The first ROLLBACK ends
-- the transaction of a line that failed.
CREATE FUNCTION hostile.column_statements(seed text, at_once int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('ROLLBACK\; BEGIN\; SET LOCAL session_replication_role = %s\; SELECT hostile.write(%L)\; '
        'INSERT INTO hostile.trail (event_id, event_time, source_ip, access_key_id, actor) '
        'VALUES (''late'', ''2026-03-02 09:15Z'', ''203.0.113.1'', ''AKIAALICE0001EXAMPLE'', ''x'')\; '
        'SET LOCAL session_replication_role = origin\; CALL travel.scan()\; SELECT hostile.use_everything()\; ROLLBACK',
        role, array_agg(statement ORDER BY key))
    FROM (SELECT *, row_number() OVER (PARTITION BY role ORDER BY md5(seed || key)) AS place
          FROM hostile.written_value WHERE NOT heavy) AS v
    GROUP BY role, place / at_once
    ORDER BY md5(seed || min(key))
$$;
-- Returns statements that write a value of 100 MB into one row of a column: as a user would, and without triggers. The
-- seed chooses the columns. A value that is not refused is counted in hostile.reached. Everything that reads the row
-- copies the value, which takes minutes for an array of 10,000,000 elements, so arrays are only written as a user would.
CREATE FUNCTION hostile.heavy_column_statements(seed text, columns int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('BEGIN\; SET LOCAL session_replication_role = %s\; SELECT hostile.write(ARRAY[%L])\; '
        'SET LOCAL session_replication_role = origin\; CALL travel.scan()\; SELECT hostile.use_everything(); ROLLBACK',
        role, format('%s WHERE ctid = (SELECT min(ctid) FROM %s)', statement, relation))
    FROM (SELECT *, row_number() OVER (PARTITION BY role ORDER BY md5(seed || key)) AS place FROM hostile.written_value AS w
          WHERE n = (SELECT min(n) FROM hostile.value AS v WHERE v.heavy AND v.type = w.type)
              AND (role = 'origin' OR type <> 'text[]'::regtype)) AS w
    WHERE place <= columns
    ORDER BY md5(seed || key)
$$;
