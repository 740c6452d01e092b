-- The extension, and helpers of the other files.
CREATE EXTENSION impossible_travel;

-- SQLSTATE of a statement; 'fine' where it does not fail.
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;

-- The message, detail and hint of an error.
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text; about text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, about = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', sqlstate || ': ' || said, 'detail: ' || nullif(about, ''), 'hint: ' || nullif(hint, ''));
END $$;

-- The number of legs in a FROM item, and how many rows differ from those of another one.
CREATE FUNCTION compared(one text, other text) RETURNS TABLE (legs bigint, differences bigint)
    LANGUAGE plpgsql AS $$ BEGIN
    RETURN QUERY EXECUTE format('WITH one AS MATERIALIZED (SELECT * FROM %s), other AS MATERIALIZED (SELECT * FROM %s) '
        'SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM ((TABLE one EXCEPT ALL TABLE other) '
        'UNION ALL (TABLE other EXCEPT ALL TABLE one)) AS d)', one, other);
END $$;

-- The nodes of a plan from the top, without costs.
CREATE FUNCTION plan_of(query text, options text DEFAULT '') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off ' || options || ') ' || query LOOP
        -- PostgreSQL 18 says more of a window than others do.
        IF line !~ '^ *Window: ' THEN
            RETURN NEXT line;
        END IF;
    END LOOP;
END $$;

-- The sample databases are in use: the addresses of the tests are in these cities.
SELECT ip, (travel.locate(ip)).city
FROM unnest('{192.0.2.1,192.0.2.49,192.0.2.145,198.51.100.1,198.51.100.161,203.0.113.1,203.0.113.33,203.0.113.129,'
            '203.0.113.161,203.0.113.193,2001:db8::1,2001:db8:2000::1}'::inet[])
    AS ip;
