-- Random conditions. PostgreSQL parses a condition, and the extension only puts its text into queries of its own. The
-- text must have the same meaning there as alone, whatever quotes, comments, line breaks and parentheses it has, and it
-- must be refused if it is not one expression.

-- The same rows in three forms. The tables of records and of documents also have columns of their own, which conditions
-- name, too.
CREATE TABLE hostile.own AS
SELECT 'AKIAALICE0001EXAMPLE' AS access_key_id, timestamptz '2026-03-02 09:00Z' + n * interval '1 minute' AS event_time,
    format('192.0.2.%s', n)::inet AS source_ip, names[1 + n % 3] AS event_name, agents[1 + n % 4] AS user_agent,
    'success' AS outcome, NULL::text AS invoked_by, n, notes[1 + n % 5] AS note, n % 2 = 0 AS "line
break"
FROM generate_series(1, 30) AS n,
    (VALUES ('{GetObject,PutObject,it''s}'::text[], ARRAY['aws-cli', E'a\nb', E'a\n    b', '--'],
        ARRAY['a', E'a\nb', E'a\n    b', 'a''b', 'a\b'])) AS v (names, agents, notes);
CREATE TABLE hostile.with_record AS
SELECT jsonb_build_object('eventVersion', '1.08', 'eventID', 'e' || n, 'eventTime', event_time, 'eventName', event_name,
        'eventSource', 's3.amazonaws.com', 'awsRegion', 'eu-west-1', 'sourceIPAddress', host(source_ip),
        'userAgent', user_agent, 'userIdentity', jsonb_build_object('type', 'IAMUser', 'accessKeyId', access_key_id)) AS r,
    n, note, "line
break"
FROM hostile.own;
CREATE TABLE hostile.with_document AS
SELECT jsonb_build_object('Records', jsonb_build_array(r)) AS d, n, note, "line
break"
FROM hostile.with_record;

-- Returns the number of rows that satisfy a condition, and of the legs between them, as text. A condition is one
-- expression if it has the same result in parentheses and as the condition of a CASE.
CREATE FUNCTION hostile.meant(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    grouped bigint;
    chosen bigint;
BEGIN
    EXECUTE format(E'SELECT count(*) FROM hostile.own AS s WHERE (\n%s\n)', condition) INTO grouped;
    EXECUTE format(E'SELECT count(hit) FROM (SELECT CASE WHEN\n%s\nTHEN 1 END AS hit FROM hostile.own AS s) AS q',
        condition) INTO chosen;
    RETURN CASE WHEN grouped = chosen THEN format('%s rows, %s legs', grouped, greatest(grouped - 1, 0)) ELSE 'refused' END;
EXCEPTION WHEN OTHERS THEN
    RETURN 'refused';
END $$;

-- Returns the same numbers, as travel.coverage and the query of travel.detect find them.
CREATE FUNCTION hostile.found(source regclass, columns jsonb, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
    legs bigint;
BEGIN
    SELECT coalesce(sum(events), 0) INTO rows FROM travel.coverage(source, condition => condition, columns => columns);
    EXECUTE format(E'SELECT count(*) FROM (\n%s\n) AS d',
        rtrim(travel.detect_sql(source, condition => condition, columns => columns, all_legs => true), E';\n')) INTO legs;
    RETURN format('%s rows, %s legs', rows, legs);
EXCEPTION WHEN OTHERS THEN
    -- An internal error is not a refusal.
    RETURN CASE WHEN sqlstate LIKE 'XX%' THEN sqlstate || ' ' || sqlerrm ELSE 'refused' END;
END $$;

CREATE FUNCTION hostile.pick(texts text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT texts[1 + floor(random() * cardinality(texts))::int]
$$;

-- Returns a random boolean expression.
CREATE FUNCTION hostile.random_condition(depth int DEFAULT 3) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    gap text := hostile.pick(ARRAY[' ', ' ', E'\n', E'\t', E' -- it''s "a (comment\n', ' /* a '' /* nested */ ( " */ ', E' --\n']);
    a_text text := hostile.pick(ARRAY[quote_literal(E'a\nb'), quote_literal(E'a\n    b'), quote_literal('a''b'), $q$E'a\nb'$q$,
        $q$E'a\'b'$q$, $q$U&'a\000Ab'$q$, $q$U&'a!000Ab' UESCAPE '!'$q$, E'$$a\nb$$', E'$x$a\n    b$x$', $q$'a'$q$, $q$'--'$q$,
        $q$'/*'$q$, $q$'a' 'b'$q$, E'\'a\'\n\'b\'', $q$')'$q$, $q$'{x}'$q$, $q$'%s'$q$, 'NULL', $q$('a' || chr(10) || 'b')$q$]);
    a_column text := hostile.pick(ARRAY['note', 's.note', 'event_name', 's.event_name', 'user_agent', '"note"', 's."user_agent"']);
BEGIN
    IF depth > 0 AND random() < 0.6 THEN
        RETURN CASE floor(random() * 4)
            WHEN 0 THEN 'NOT' || gap || '(' || hostile.random_condition(depth - 1) || gap || ')'
            WHEN 1 THEN '(' || gap || hostile.random_condition(depth - 1) || gap || ')'
            ELSE hostile.random_condition(depth - 1) || gap || hostile.pick('{AND,OR}') || gap
                || hostile.random_condition(depth - 1)
        END;
    END IF;
    RETURN CASE floor(random() * 8)
        WHEN 0 THEN hostile.pick(ARRAY[E'"line\nbreak"', E's."line\nbreak"'])
        WHEN 1 THEN 'n' || gap || hostile.pick('{<,>,<>,%}') || gap || (1 + floor(random() * 30))
            || hostile.pick(ARRAY['', '', ' > 2'])
        WHEN 2 THEN a_column || gap || 'LIKE' || gap || a_text
        WHEN 3 THEN a_column || gap || 'IN (' || a_text || ',' || gap || a_text || ')'
        WHEN 4 THEN 'EXISTS (SELECT 1 WHERE' || gap || a_column || ' = ' || a_text || ')'
        ELSE a_column || gap || hostile.pick('{=,<>,IS DISTINCT FROM}') || gap || a_text
    END;
END $body$;

-- Returns the condition with a text at a random position that must not be there, or that changes the meaning of the
-- rest.
CREATE FUNCTION hostile.damaged(condition text) RETURNS text LANGUAGE sql VOLATILE AS $body$
    SELECT overlay(condition PLACING hostile.pick(ARRAY[')', '(', ') OR (true', ';', '--', '/*', '*/', '''', '"', '$$', '$x$', '\',
        'E''', 'U&''', 'U&"', ' AS x', ', true', ' FROM pg_class', ' UNION SELECT true', ' LIMIT 1', ' ORDER BY 1', ' GROUP BY 1',
        ' FOR UPDATE', ' INTO x', 's.*', '*', '::boolean', ' COLLATE "C"', '{', '}', '%s', '$1', ':x', '@', '.', E'\r', E'\f',
        E'\u00A0', E'\u2028', 'NOT ', 'true', 'ALL ', 'DISTINCT ', ' THEN 1 WHEN true', ' x', '[', ']', '=', '#', '0x', '1e'])
        FROM 1 + floor(random() * (length(condition) + 1))::int FOR floor(random() * 2)::int)
$body$;

-- Tries conditions, and returns those that have another meaning in a query of the extension. It also says if too few or
-- too many of them were valid.
CREATE FUNCTION hostile.try_conditions(tries int, seed float8) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    condition text;
    meant text;
    found text;
    good int := 0;
    form record;
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. tries LOOP
        condition := hostile.random_condition();
        IF random() < 0.5 THEN
            condition := hostile.damaged(condition);
        END IF;
        PERFORM set_config('standard_conforming_strings', hostile.pick('{on,on,off}'), true);
        meant := hostile.meant(condition);
        good := good + (meant <> 'refused')::int;
        FOR form IN VALUES ('hostile.own'::regclass, NULL::jsonb), ('hostile.with_record', '{"record": "r"}'),
            ('hostile.with_document', '{"document": "d"}')
        LOOP
            found := hostile.found(form.column1, form.column2, condition);
            IF found <> meant THEN
                RETURN NEXT format('%s: %s and not %s for the condition %L, standard_conforming_strings = %s', form.column1,
                    found, meant, condition, current_setting('standard_conforming_strings'));
            END IF;
        END LOOP;
    END LOOP;
    IF good < tries / 4 OR good > tries * 3 / 4 THEN
        RETURN NEXT format('%s of %s conditions are valid', good, tries);
    END IF;
END $$;
